//! What a layer holds, by the steps of a Containerfile.

use std::collections::{BTreeMap, BTreeSet};

use super::containerfile::Step;
use super::dist::{Content, Distribution, Packed};
use super::error::BuildError;
use crate::model::few;
use crate::model::yaml::Pos;

/// Modes, whatever those in an archive are: setuid and setgid bits of a distribution are dropped.
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
    made: BTreeSet<String>,
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
                            problem: format!("distribution `{name}` not specified: use --dist {name}=ARCHIVE"),
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
            Some(Packed::Link(_)) => Err(wrong(format!("`{source}` is a link: specify its target"))),
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
                        "a folder must be copied to a path such as /opt/NAME, or into a folder that was copied before: it is not known \
                         whether the base has /{above}"
                    )));
                }
                // What is at the top of a file system is the base's, with its mode.
                if to.contains('/') {
                    self.folder(to, place)?;
                }
                let prefix = if source.is_empty() { String::new() } else { format!("{source}/") };
                for (path, packed) in entries.range(prefix.clone()..).take_while(|(path, _)| path.starts_with(&prefix))
                {
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
            let problem = format!("/{path} is a folder, but a file was copied there before");
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
            return wrong(format!("/{path} is a folder and cannot be replaced by a file"));
        }
        let above = path.match_indices('/').map(|(at, _)| &path[..at]);
        if let Some(above) = above.into_iter().find(|above| self.nodes.get(*above).is_some_and(|node| !is_folder(node)))
        {
            return wrong(format!("/{above} is a file or a link and cannot contain /{path}"));
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
        Some(near) => format!("; the closest is `{near}`"),
        None => {
            let tops: Vec<&str> =
                place.from.entries.keys().map(String::as_str).filter(|path| !path.contains('/')).collect();
            if tops.is_empty() { String::new() } else { format!("; it contains {}", few(&tops, 8)) }
        }
    };
    let (wanted, shown) = (source.to_owned(), place.from.shown.clone());
    BuildError::Missing { place: place.shown.clone(), wanted, shown, near }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::FileTree;

    fn of(files: &[(&str, &str)]) -> Distribution {
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect();
        Distribution::of_files("x/image", &FileTree::new(files))
    }

    fn copy(sources: &[&str], to: &str) -> Step {
        Step::Copy {
            pos: Pos { line: 3, column: 1 },
            from: None,
            sources: sources.iter().map(|source| source.trim_matches('/').to_owned()).collect(),
            to: to.trim_end_matches('/').to_owned(),
            into: to.ends_with('/'),
            owner: (1, 2),
            mode: None,
        }
    }

    fn folder(path: &str) -> Step {
        Step::Folder { path: path.to_owned(), owner: (5, 6) }
    }

    /// Paths, those of folders with a slash, and owners.
    fn made(steps: &[Step]) -> Result<Vec<(String, u64)>, String> {
        let mut own = of(&[("a", "1"), ("lib/b", "22"), ("lib/deep/c", "333")]);
        own.entries.insert("lib/link".to_owned(), Packed::Link("b".to_owned()));
        let tree = Tree::new("C", steps, &own, &BTreeMap::new()).map_err(|error| error.to_string())?;
        let shown = |(path, node): (&String, &Node)| {
            let slash = if matches!(node.kind, Kind::Folder) { "/" } else { "" };
            (format!("{path}{slash}"), node.owner.0)
        };
        Ok(tree.nodes.iter().map(shown).collect())
    }

    #[test]
    fn files_and_folders_go_where_container_engines_put_them() {
        let paths = |steps: &[Step]| made(steps).unwrap().into_iter().map(|(path, _)| path).collect::<Vec<_>>();
        assert_eq!(paths(&[copy(&["a"], "/opt/x/b")]), ["opt/x/b"], "folders above a file are the base's");
        assert_eq!(paths(&[copy(&["a", "lib/b"], "/opt/x/")]), ["opt/x/a", "opt/x/b"]);
        assert_eq!(paths(&[copy(&["a"], "/")]), ["a"]);
        let all = ["opt/x/", "opt/x/b", "opt/x/deep/", "opt/x/deep/c", "opt/x/link"];
        assert_eq!(paths(&[copy(&["lib"], "/opt/x")]), all, "what is in it, and not itself");
        assert_eq!(paths(&[copy(&["lib/"], "/opt/")]), ["opt/b", "opt/deep/", "opt/deep/c", "opt/link"]);
        let both = paths(&[copy(&["/"], "/opt/x"), copy(&["a"], "/opt/x/lib"), copy(&["lib"], "/opt/x/lib/new")]);
        assert!(
            both.contains(&"opt/x/lib/a".to_owned()) && both.contains(&"opt/x/lib/new/deep/c".to_owned()),
            "{both:?}"
        );
        // A folder to work in is made where the layer makes the one above; what is there stays as it is.
        let steps =
            [folder("/opt/x"), copy(&["lib"], "/opt/x"), folder("/opt/x/logs"), folder("/opt/x/deep"), folder("/srv")];
        let found = made(&steps).unwrap();
        assert!(
            found.contains(&("opt/x/logs/".to_owned(), 5)) && found.contains(&("opt/x/deep/".to_owned(), 1)),
            "{found:?}"
        );
        assert!(!found.iter().any(|(path, _)| path == "srv/"));
    }

    #[test]
    fn what_may_break_the_base_is_refused_at_its_place() {
        for (steps, expected) in [
            (vec![copy(&["lib"], "/")], "C:3:1: a folder must be copied to a path such as /opt/NAME"),
            (vec![copy(&["lib"], "/srv/a/b")], "it is not known whether the base has /srv/a"),
            (vec![copy(&["lib"], "/opt/x"), copy(&["a"], "/opt/x/deep/c/y")], "/opt/x/deep/c is a file or a link"),
            (vec![copy(&["lib"], "/opt/x"), copy(&["a"], "/opt/x/link/y")], "/opt/x/link is a file or a link"),
            (vec![copy(&["a"], "/opt/x/deep"), copy(&["lib"], "/opt/x")], "/opt/x/deep is a folder, but a file"),
            (vec![copy(&["lib/link"], "/opt/x")], "`lib/link` is a link: specify its target"),
            (vec![copy(&["lib/B"], "/opt/x")], "C:3:1: `lib/B` not found in x/image; "),
            (vec![copy(&["gone/completely"], "/opt/x")], "check that this is the right distribution"),
        ] {
            let text = made(&steps).unwrap_err();
            assert!(text.contains(expected), "{steps:?}: {text}");
        }
    }
}
