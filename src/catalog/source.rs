//! Where definitions come from: the binary, and folders laid over it.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};

use super::components::{Catalog, Files};
use crate::model::bounded;
use crate::model::yaml::Findings;

static BUNDLES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/bundles");

/// Why there is no catalog.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// A folder or file could not be read or written.
    #[error("failed to access {path}")]
    Io {
        /// What was tried.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A folder that `--catalog` names holds no component.
    #[error("no component in {0}: a catalog folder holds one folder per component with a component.yaml in it")]
    Empty(PathBuf),
    /// The definitions have mistakes.
    #[error("invalid catalog\n{0}")]
    Invalid(Findings),
}

/// The files inside the binary.
#[must_use]
pub fn embedded() -> Files {
    let mut files = Files::new();
    let mut folders = vec![&BUNDLES];
    while let Some(folder) = folders.pop() {
        folders.extend(folder.dirs());
        for file in folder.files() {
            files.insert(file.path().to_string_lossy().into_owned(), file.contents().to_vec());
        }
    }
    files
}

/// What a folder of definitions or a chart's may hold at most. A Secret of Helm's has room for 1 MiB, packed.
struct Bounds {
    files: usize,
    bytes: u64,
    depth: usize,
}

const BOUNDS: Bounds = Bounds { files: 10_000, bytes: 64 << 20, depth: 32 };

/// The files below a folder. Links are followed where they stay within the chart or the component; hidden names are
/// omitted, except the one that Helm knows: an exported catalog is read back unchanged.
///
/// # Errors
/// A folder or file cannot be read, a link leads elsewhere, or a folder holds more than is ever read of one: each bound is named.
pub fn read_dir(root: &Path) -> Result<Files, CatalogError> {
    let mut walk = Walk { bounds: &BOUNDS, files: Files::new(), bytes: 0, above: Vec::new() };
    let within = canonical(root)?;
    let in_chart = root.join(CHART_FILE).is_file();
    walk.folder(root, "", &Within { folder: within, in_chart })?;
    Ok(walk.files)
}

/// What makes a folder a chart.
const CHART_FILE: &str = "Chart.yaml";

/// The folder that links may lead to: a chart's own, else a component's, else all.
struct Within {
    folder: PathBuf,
    in_chart: bool,
}

/// A path without links.
fn canonical(path: &Path) -> Result<PathBuf, CatalogError> {
    path.canonicalize().map_err(|source| CatalogError::Io { path: path.to_owned(), source })
}

/// Refuses an entry that is a link out of the chart or the component: what it points to would be sent into the cluster,
/// and into what Helm keeps of the release.
fn check_link(entry: &std::fs::DirEntry, within: &Within) -> Result<(), CatalogError> {
    let path = entry.path();
    let kind = entry.file_type().map_err(|source| CatalogError::Io { path: path.clone(), source })?;
    if !kind.is_symlink() {
        return Ok(());
    }
    let to = canonical(&path)?;
    if to.starts_with(&within.folder) {
        return Ok(());
    }
    let what = format!("is a link to {}, outside of {}; copy it there", to.display(), within.folder.display());
    Err(CatalogError::Io { path, source: std::io::Error::new(std::io::ErrorKind::InvalidInput, what) })
}

struct Walk<'a> {
    bounds: &'a Bounds,
    files: Files,
    bytes: u64,
    /// The folders that this one is in, by device and inode: a link to one of them has no end.
    above: Vec<(u64, u64)>,
}

impl Walk<'_> {
    fn folder(&mut self, folder: &Path, prefix: &str, within: &Within) -> Result<(), CatalogError> {
        let error = |source| CatalogError::Io { path: folder.to_owned(), source };
        let refused = |what: String| error(std::io::Error::new(std::io::ErrorKind::InvalidInput, what));
        let found = std::fs::metadata(folder).map_err(error)?;
        let place = (found.dev(), found.ino());
        if self.above.contains(&place) {
            return Err(refused("is a link to one of its parent folders".to_owned()));
        }
        if self.above.len() > self.bounds.depth {
            return Err(refused(format!("folders are nested deeper than the limit of {}", self.bounds.depth)));
        }
        self.above.push(place);
        for entry in std::fs::read_dir(folder).map_err(error)? {
            let entry = entry.map_err(error)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with('.') && name != ".helmignore" {
                continue;
            }
            let path = entry.path();
            let below = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
            let is_dir = path.is_dir();
            // The folder of a component may be a link: who names a catalog puts it together as they like.
            let is_component = prefix.is_empty() && !within.in_chart && is_dir;
            if !is_component {
                check_link(&entry, within)?;
            }
            if is_dir {
                let in_chart = within.in_chart || path.join(CHART_FILE).is_file();
                let own = is_component || in_chart && !within.in_chart;
                let folder = if own { canonical(&path)? } else { within.folder.clone() };
                self.folder(&path, &below, &Within { folder, in_chart })?;
                continue;
            }
            let left = self.bounds.bytes.saturating_sub(self.bytes);
            let bytes = bounded::bytes(&path, left).map_err(|source| match source.kind() {
                std::io::ErrorKind::FileTooLarge => {
                    let limit = bounded::size(self.bounds.bytes);
                    refused(format!("including {below}, the folder is larger than the limit of {limit}"))
                }
                _ => CatalogError::Io { path, source },
            })?;
            self.bytes += bytes.len() as u64;
            if self.files.len() == self.bounds.files {
                return Err(refused(format!("more than the limit of {} files", self.bounds.files)));
            }
            self.files.insert(below, bytes);
        }
        self.above.pop();
        Ok(())
    }
}

/// The embedded catalog with `overlays` laid over it, in order: the same component id replaces the earlier one whole.
///
/// # Errors
/// A folder cannot be read, holds no component, or the definitions have mistakes.
pub fn load(overlays: &[PathBuf]) -> Result<Catalog, CatalogError> {
    let mut files = embedded();
    let mut origins = BTreeMap::new();
    for overlay in overlays {
        let above = read_dir(overlay)?;
        let ids: Vec<String> =
            above.keys().filter_map(|path| path.strip_suffix("/component.yaml").map(str::to_owned)).collect();
        let others = above.keys().any(|path| path == "platform.yaml" || path.starts_with("profiles/"));
        if ids.is_empty() && !others {
            return Err(CatalogError::Empty(overlay.clone()));
        }
        for id in ids {
            files.retain(|path, _| !path.starts_with(&format!("{id}/")));
            origins.insert(id, overlay.display().to_string());
        }
        files.extend(above);
    }
    Catalog::from_files(&files, &origins).map_err(CatalogError::Invalid)
}

/// Writes the embedded catalog below a folder, which must be empty or absent.
///
/// # Errors
/// The folder is not empty or cannot be written.
pub fn export(to: &Path) -> Result<usize, CatalogError> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| CatalogError::Io { path, source }
    };
    if to.exists() && std::fs::read_dir(to).map_err(io(to))?.next().is_some() {
        return Err(io(to)(std::io::Error::new(std::io::ErrorKind::AlreadyExists, "the folder is not empty")));
    }
    let files = embedded();
    for (name, bytes) in &files {
        let path = to.join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(io(parent))?;
        }
        std::fs::write(&path, bytes).map_err(io(&path))?;
    }
    Ok(files.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sources of an error too, on one line.
    fn error_text(root: &Path, bounds: &Bounds) -> String {
        let mut walk = Walk { bounds, files: Files::new(), bytes: 0, above: Vec::new() };
        let error = walk.folder(root, "", &Within { folder: canonical(root).unwrap(), in_chart: false }).unwrap_err();
        format!("{error}: {}", std::error::Error::source(&error).unwrap())
    }

    #[test]
    fn a_folder_is_bounded_in_every_way_and_each_bound_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(at("a/b/c")).unwrap();
        std::fs::write(at("a/x"), "12345").unwrap();
        std::fs::write(at("a/b/y"), "12345").unwrap();
        let tight = |files, bytes, depth| error_text(folder.path(), &Bounds { files, bytes, depth });
        assert!(tight(9, 9, 2).ends_with("c: folders are nested deeper than the limit of 2"), "{}", tight(9, 9, 2));
        assert!(tight(9, 9, 9).contains("is larger than the limit of 9 bytes"), "{}", tight(9, 9, 9));
        assert!(tight(1, 99, 9).ends_with("more than the limit of 1 files"));
        std::os::unix::fs::symlink(at("a"), at("a/b/c/back")).unwrap();
        assert!(tight(9, 99, 9).ends_with("c/back: is a link to one of its parent folders"), "{}", tight(9, 99, 9));
        std::fs::remove_file(at("a/b/c/back")).unwrap();
        std::os::unix::fs::symlink("/dev/zero", at("a/odd")).unwrap();
        assert!(tight(9, 99, 9).contains("a/odd: is a link to /dev/zero, outside of"), "{}", tight(9, 99, 9));
        std::fs::remove_file(at("a/odd")).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(at("a/odd")).status().unwrap().success());
        assert!(tight(9, 99, 9).ends_with(", not a regular file"), "{}", tight(9, 99, 9));
    }

    #[test]
    fn links_that_leave_a_chart_or_a_component_are_refused() {
        use std::os::unix::fs::symlink;
        let read = |links: &[(&str, &str)]| {
            let folder = tempfile::tempdir().unwrap();
            let root = folder.path().join("catalog");
            for path in ["own/chart/files", "own/chart/charts/sub", "other"] {
                std::fs::create_dir_all(root.join(path)).unwrap();
            }
            for path in ["own/component.yaml", "own/chart/Chart.yaml", "own/chart/charts/sub/Chart.yaml", "own/chart/a"]
            {
                std::fs::write(root.join(path), "x").unwrap();
            }
            for path in ["own/id_rsa", "id_rsa", "other/x"] {
                std::fs::write(root.join(path), "secret").unwrap();
            }
            for (link, to) in links {
                symlink(to, root.join(link)).unwrap();
            }
            let whole = read_dir(&root).map(|files| files.len());
            let text = |error: CatalogError| {
                let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
                format!("{error}: {cause}")
            };
            (whole.map_err(text), read_dir(&root.join("own/chart")).map(|files| files.len()).map_err(text))
        };
        assert_eq!(read(&[]), (Ok(7), Ok(3)));
        let inside =
            [("own/chart/files/b", "../a"), ("own/chart/charts/sub/c", "../../a"), ("own/chart/files/d", "./b")];
        assert_eq!(read(&inside), (Ok(10), Ok(6)));
        for (link, to) in [
            ("own/chart/files/x", "../../id_rsa"),
            ("own/chart/files/x", "/etc/hostname"),
            ("own/chart/files/x", "../../../other"),
            ("own/chart/charts/sub/x", "../../../id_rsa"),
            ("own/chart/charts/x", "../../../other"),
        ] {
            let (whole, chart) = read(&[(link, to)]);
            assert!(whole.as_ref().is_err_and(|error| error.contains("outside of")), "{link} -> {to}: {whole:?}");
            assert!(chart.as_ref().is_err_and(|error| error.contains("outside of")), "{link} -> {to}: {chart:?}");
        }
        let (whole, _) = read(&[("own/values.j2", "../other/x")]);
        assert!(whole.unwrap_err().contains("own/values.j2"));
        assert_eq!(read(&[("linked", "other")]).0, Ok(8), "a component's folder may be a link");
        let (whole, _) = read(&[("own/chart/files/gone", "nowhere")]);
        assert!(whole.unwrap_err().contains("gone"));
    }

    #[test]
    fn what_is_exported_is_read_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("catalog");
        let count = export(&to).unwrap();
        std::fs::write(to.join("hdfs/.component.yaml.swp"), "an editor's").unwrap();
        let read = read_dir(&to).unwrap();
        assert_eq!(read.len(), count);
        assert_eq!(read, embedded());
    }
}
