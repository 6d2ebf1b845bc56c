//! What a layer holds, by the steps of a Containerfile.

use std::collections::BTreeMap;

use super::containerfile::Step;
use super::dist::{Content, Distribution, Packed};
use super::error::BuildError;
use crate::model::few;
use crate::model::yaml::Pos;

/// Modes, whatever those in an archive are: a bit that lets a program run as another user is none of a distribution's.
const FOLDER: u32 = 0o755;
const FILE: u32 = 0o644;
const PROGRAM: u32 = 0o755;

/// An entry of a layer.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) mode: u32,
    pub(super) owner: (u64, u64),
}

/// What it is.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    Folder,
    File(Content),
    Link(String),
}

/// The entries of a layer, by path without a slash before it.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) nodes: BTreeMap<String, Node>,
    /// Folders that the layer makes: it is known that no mode of the base's is lost by it.
    made: std::collections::BTreeSet<String>,
}

/// Where what is copied goes.
struct Place<'a> {
    shown: String,
    owner: (u64, u64),
    mode: Option<u32>,
    from: &'a Distribution,
}

impl Tree {
    /// Follows the steps. `own` is the folder of the Containerfile, `file` what that is called.
    pub(super) fn new(
        file: &str,
        steps: &[Step],
        own: &Distribution,
        distributions: &BTreeMap<String, Distribution>,
    ) -> Result<Self, BuildError> {
        let mut tree = Self::default();
        for step in steps {
            match step {
                Step::Folder { path, owner } => tree.working(path.trim_start_matches('/'), *owner),
                Step::Copy { pos, from, sources, to, into, owner, mode } => {
                    let shown = place(file, *pos);
                    let from = match from {
                        None => own,
                        Some(name) => distributions.get(name).ok_or_else(|| BuildError::Copy {
                            place: shown.clone(),
                            problem: format!("the distribution `{name}` was not given: --dist {name}=ARCHIVE"),
                        })?,
                    };
                    let place = Place { shown, owner: *owner, mode: *mode, from };
                    for source in sources {
                        tree.copy(source, to.trim_start_matches('/'), *into, &place)?;
                    }
                }
            }
        }
        Ok(tree)
    }

    /// How many bytes its files have.
    pub(super) fn bytes(&self) -> u64 {
        let size = |node: &Node| match &node.kind {
            Kind::File(content) => content.size(),
            _ => 0,
        };
        self.nodes.values().map(size).sum()
    }

    /// A folder to work in is made where this layer makes the one above it; elsewhere it is the base's, whose mode and owner stay.
    fn working(&mut self, path: &str, owner: (u64, u64)) {
        let above = path.rsplit_once('/').map_or("", |(above, _)| above);
        if self.made.contains(above) && !self.nodes.contains_key(path) {
            self.made.insert(path.to_owned());
            self.nodes.insert(path.to_owned(), Node { kind: Kind::Folder, mode: FOLDER, owner });
        }
    }

    fn copy(&mut self, source: &str, to: &str, into: bool, place: &Place<'_>) -> Result<(), BuildError> {
        let entries = &place.from.entries;
        let wrong = |problem: String| BuildError::Copy { place: place.shown.clone(), problem };
        match entries.get(source) {
            Some(Packed::Link(_)) => Err(wrong(format!("`{source}` is a link: name what it leads to"))),
            Some(file @ Packed::File { .. }) => {
                let name = source.rsplit('/').next().unwrap_or(source);
                let folder = self.nodes.get(to).is_some_and(|node| matches!(node.kind, Kind::Folder));
                let path = match (into || folder, to) {
                    (true, "") => name.to_owned(),
                    (true, to) => format!("{to}/{name}"),
                    (false, to) => to.to_owned(),
                };
                self.put(&path, file, place)
            }
            Some(Packed::Folder) | None if source.is_empty() || entries.contains_key(source) => {
                let above = to.rsplit_once('/').map_or("", |(above, _)| above);
                // Runtimes would make the folders between with a mode that keeps everybody out, or they are the base's.
                if to.is_empty() || above.contains('/') && !self.made.contains(above) {
                    return Err(wrong(format!(
                        "a folder goes to a place such as /opt/NAME, or into a folder that was copied before: it is not known \
                         whether the base has /{above}"
                    )));
                }
                // What is at the top of a file system is the base's, with its mode.
                if to.contains('/') {
                    self.folder(to, place)?;
                }
                let prefix = if source.is_empty() { String::new() } else { format!("{source}/") };
                for (path, packed) in entries.range(prefix.clone()..).take_while(|(path, _)| path.starts_with(&prefix)) {
                    let path = format!("{to}/{}", &path[prefix.len()..]);
                    match packed {
                        Packed::Folder => self.folder(&path, place)?,
                        other => self.put(&path, other, place)?,
                    }
                }
                Ok(())
            }
            _ => Err(missing(source, place)),
        }
    }

    fn folder(&mut self, path: &str, place: &Place<'_>) -> Result<(), BuildError> {
        if self.nodes.get(path).is_some_and(|node| !matches!(node.kind, Kind::Folder)) {
            let problem = format!("/{path} is a folder where a file was copied before");
            return Err(BuildError::Copy { place: place.shown.clone(), problem });
        }
        // What is there keeps its owner and mode.
        if self.made.insert(path.to_owned()) {
            self.nodes.insert(path.to_owned(), Node { kind: Kind::Folder, mode: FOLDER, owner: place.owner });
        }
        Ok(())
    }

    fn put(&mut self, path: &str, packed: &Packed, place: &Place<'_>) -> Result<(), BuildError> {
        let wrong = |problem: String| Err(BuildError::Copy { place: place.shown.clone(), problem });
        let is_folder = |node: &Node| matches!(node.kind, Kind::Folder);
        if path.is_empty() || self.nodes.get(path).is_some_and(is_folder) {
            return wrong(format!("/{path} is a folder, and a file would take its place"));
        }
        let above = path.match_indices('/').map(|(at, _)| &path[..at]);
        if let Some(above) = above.into_iter().find(|above| self.nodes.get(*above).is_some_and(|node| !is_folder(node))) {
            return wrong(format!("/{above} is a file or a link, and /{path} would be below it"));
        }
        let (kind, mode) = match packed {
            Packed::File { content, executable } => {
                let mode = place.mode.unwrap_or(if *executable { PROGRAM } else { FILE });
                (Kind::File(content.clone()), mode)
            }
            Packed::Link(to) => (Kind::Link(to.clone()), 0o777),
            Packed::Folder => return Ok(()),
        };
        self.nodes.insert(path.to_owned(), Node { kind, mode, owner: place.owner });
        Ok(())
    }
}

/// File, line and column.
fn place(file: &str, pos: Pos) -> String {
    format!("{file}:{}:{}", pos.line, pos.column)
}

/// It is not there; what is, nearest first.
fn missing(source: &str, place: &Place<'_>) -> BuildError {
    let nearest = place.from.entries.keys().max_by(|a, b| strsim::jaro(a, source).total_cmp(&strsim::jaro(b, source)));
    let near = match nearest.filter(|near| strsim::jaro(near, source) > 0.85) {
        Some(near) => format!(", but `{near}`"),
        None => {
            let tops: Vec<&str> =
                place.from.entries.keys().map(String::as_str).filter(|path| !path.contains('/')).collect();
            if tops.is_empty() { String::new() } else { format!(", but {}", few(&tops, 8)) }
        }
    };
    let (wanted, shown) = (source.to_owned(), place.from.shown.clone());
    BuildError::Missing { place: place.shown.clone(), wanted, shown, near }
}
