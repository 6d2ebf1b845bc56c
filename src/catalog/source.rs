//! Where definitions come from: the binary, and folders laid over it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};

use super::Catalog;
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

/// The files below a folder. Links are followed; hidden names are left out, but for the one that Helm
/// knows: a catalog that was exported is to be read as it was.
///
/// # Errors
/// A folder or file cannot be read.
pub fn read_dir(root: &Path) -> Result<Files, CatalogError> {
    fn walk(folder: &Path, prefix: &str, files: &mut Files) -> Result<(), CatalogError> {
        let error = |source| CatalogError::Io { path: folder.to_owned(), source };
        for entry in std::fs::read_dir(folder).map_err(error)? {
            let entry = entry.map_err(error)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with('.') && name != ".helmignore" {
                continue;
            }
            let path = entry.path();
            let below = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
            if path.is_dir() {
                walk(&path, &below, files)?;
            } else {
                let bytes = std::fs::read(&path).map_err(|source| CatalogError::Io { path, source })?;
                files.insert(below, bytes);
            }
        }
        Ok(())
    }
    let mut files = Files::new();
    walk(root, "", &mut files)?;
    Ok(files)
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
