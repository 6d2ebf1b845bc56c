//! Files on this machine that an answer names.

use std::path::{Path, PathBuf};

use crate::model::ChartFiles;

/// Why files could not be listed.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// The folder cannot be read.
    #[error("failed to read the folder {}", .path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Nothing in it fits.
    #[error("no file in {} fits `{pattern}`", .path.display())]
    Empty {
        /// Which.
        path: PathBuf,
        /// The pattern.
        pattern: String,
    },
    /// What is to be remembered of them has no room.
    #[error(
        "{files} files are to be uploaded, and to remember their names and checksums would take {bytes} bytes of {}: upload fewer, or archives of them",
        crate::model::state::UPLOADS_ROOM
    )]
    TooMany {
        /// How many.
        files: usize,
        /// What they would take.
        bytes: usize,
    },
    /// A name is not UTF-8.
    #[error("the name of {} is not UTF-8", .0.display())]
    Name(PathBuf),
}

/// The files of a folder whose names fit a pattern with `*`, with their names, sorted. Folders and hidden names are
/// left out; links to files count.
///
/// # Errors
/// The folder cannot be read, or nothing in it fits.
pub fn matching(folder: &Path, pattern: &str) -> Result<Vec<(String, PathBuf)>, FilesError> {
    let failed = |source| FilesError::Folder { path: folder.to_owned(), source };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            return Err(FilesError::Name(path));
        };
        if !name.starts_with('.') && fits(name, pattern) && path.is_file() {
            found.push((name.to_owned(), path));
        }
    }
    if found.is_empty() {
        return Err(FilesError::Empty { path: folder.to_owned(), pattern: pattern.to_owned() });
    }
    found.sort();
    Ok(found)
}

/// Whether a name fits a pattern in which `*` stands for any text.
fn fits(name: &str, pattern: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let Some(last) = pattern.contains('*').then(|| parts.next_back().unwrap_or_default()) else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// Writes the files of a chart below a folder, which is made.
///
/// # Errors
/// A file or folder cannot be written.
pub fn write_chart(chart: &ChartFiles, folder: &Path) -> std::io::Result<()> {
    for (path, bytes) in chart.iter() {
        let file = folder.join(path);
        if let Some(parent) = file.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(&file, bytes)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (name, pattern, wanted) in [
            ("a.jar", "*.jar", true),
            ("a.jar.part", "*.jar", false),
            ("a.jar", "*", true),
            ("a.jar", "a.jar", true),
            ("ab.jar", "a.jar", false),
            ("a-1-b", "a*1*b", true),
            ("ab", "a*ab", false),
            ("jar", "*.jar", false),
        ] {
            assert_eq!(fits(name, pattern), wanted, "{name} {pattern}");
        }
    }

    #[test]
    fn an_empty_folder_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("x.txt"), "").unwrap();
        let error = matching(folder.path(), "*.jar").unwrap_err().to_string();
        assert!(error.contains("*.jar"), "{error}");
    }
}
