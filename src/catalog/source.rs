//! Where definitions come from: the binary, and folders laid over it.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};

use super::Catalog;
use crate::model::bounded;
use crate::model::yaml::Findings;

static BUNDLES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/bundles");

/// Files of a catalog by path below its root, with `/` between folders.
pub type Files = BTreeMap<String, Vec<u8>>;

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
    #[error("the catalog has mistakes\n{0}")]
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

/// The files below a folder. Links are followed; hidden names are left out, but for the one that Helm
/// knows: a catalog that was exported is to be read as it was.
///
/// # Errors
/// A folder or file cannot be read, or holds more than is ever read of one: each bound is named.
pub fn read_dir(root: &Path) -> Result<Files, CatalogError> {
    let mut walk = Walk { bounds: &BOUNDS, files: Files::new(), bytes: 0, above: Vec::new() };
    walk.folder(root, "")?;
    Ok(walk.files)
}

struct Walk<'a> {
    bounds: &'a Bounds,
    files: Files,
    bytes: u64,
    /// The folders that this one is in, by device and inode: a link to one of them has no end.
    above: Vec<(u64, u64)>,
}

impl Walk<'_> {
    fn folder(&mut self, folder: &Path, prefix: &str) -> Result<(), CatalogError> {
        let error = |source| CatalogError::Io { path: folder.to_owned(), source };
        let refused = |what: String| error(std::io::Error::new(std::io::ErrorKind::InvalidInput, what));
        let found = std::fs::metadata(folder).map_err(error)?;
        let place = (found.dev(), found.ino());
        if self.above.contains(&place) {
            return Err(refused("it is a link to a folder that it is in".to_owned()));
        }
        if self.above.len() > self.bounds.depth {
            return Err(refused(format!("folders are more than {} deep, the most that is read", self.bounds.depth)));
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
            if path.is_dir() {
                self.folder(&path, &below)?;
                continue;
            }
            let left = self.bounds.bytes.saturating_sub(self.bytes);
            let bytes = bounded::bytes(&path, left).map_err(|source| {
                let whole = "its folder is larger than";
                match source.kind() {
                    std::io::ErrorKind::FileTooLarge => refused(format!(
                        "with {below}, {whole} {}, the most that is read",
                        bounded::size(self.bounds.bytes)
                    )),
                    _ => CatalogError::Io { path, source },
                }
            })?;
            self.bytes += bytes.len() as u64;
            if self.files.len() == self.bounds.files {
                return Err(refused(format!("there are more than {} files, the most that is read", self.bounds.files)));
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
    fn said(root: &Path, bounds: &Bounds) -> String {
        let mut walk = Walk { bounds, files: Files::new(), bytes: 0, above: Vec::new() };
        let error = walk.folder(root, "").unwrap_err();
        format!("{error}: {}", std::error::Error::source(&error).unwrap())
    }

    #[test]
    fn a_folder_is_bounded_in_every_way_and_each_bound_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(at("a/b/c")).unwrap();
        std::fs::write(at("a/x"), "12345").unwrap();
        std::fs::write(at("a/b/y"), "12345").unwrap();
        let tight = |files, bytes, depth| said(folder.path(), &Bounds { files, bytes, depth });
        assert!(
            tight(9, 9, 2).ends_with("c: folders are more than 2 deep, the most that is read"),
            "{}",
            tight(9, 9, 2)
        );
        assert!(tight(9, 9, 9).contains("is larger than 9 bytes, the most that is read"), "{}", tight(9, 9, 9));
        assert!(tight(1, 99, 9).ends_with("there are more than 1 files, the most that is read"));
        std::os::unix::fs::symlink(at("a"), at("a/b/c/back")).unwrap();
        assert!(tight(9, 99, 9).ends_with("c/back: it is a link to a folder that it is in"), "{}", tight(9, 99, 9));
        std::fs::remove_file(at("a/b/c/back")).unwrap();
        for (target, what) in [("/dev/zero", "a device"), ("/dev/tty", "a device")] {
            std::os::unix::fs::symlink(target, at("a/odd")).unwrap();
            assert!(tight(9, 99, 9).ends_with(&format!("a/odd: it is {what}, not a regular file")));
            std::fs::remove_file(at("a/odd")).unwrap();
        }
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
