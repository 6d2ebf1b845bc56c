//! The files of a folder.

use std::path::{Path, PathBuf};

use super::error::FilesError;
use crate::model::{NamePattern, name_problem};

/// The files of a folder whose names fit a pattern, with their names, sorted. Folders and hidden names are
/// skipped; links to files count.
///
/// # Errors
/// The folder cannot be read, nothing in it fits, or what fits cannot be uploaded to HDFS.
pub(super) fn matching(folder: &Path, pattern: &NamePattern) -> Result<Vec<(String, PathBuf)>, FilesError> {
    let failed = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::NotADirectory => FilesError::NoFolder(folder.to_owned()),
        _ => FilesError::Folder { path: folder.to_owned(), source },
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            return Err(FilesError::Name(path));
        };
        if name.starts_with('.') || !pattern.fits(name) {
            continue;
        }
        match std::fs::metadata(&path) {
            Ok(found) if found.is_dir() => continue,
            Ok(found) if found.is_file() => {}
            Ok(_) => return Err(FilesError::Special(path)),
            Err(source) => {
                return Err(match std::fs::read_link(&path) {
                    Ok(to) if source.kind() == std::io::ErrorKind::NotFound => FilesError::Dangling { path, to },
                    _ => FilesError::Read { path, source },
                });
            }
        }
        if let Some(why) = name_problem(name) {
            return Err(FilesError::HdfsName { path, why });
        }
        found.push((name.to_owned(), path));
    }
    if found.is_empty() {
        return Err(FilesError::Empty { path: folder.to_owned(), pattern: pattern.text().to_owned() });
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_folder_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("x.txt"), "").unwrap();
        let error = matching(folder.path(), &NamePattern::parse("*.jar").unwrap()).unwrap_err().to_string();
        assert!(error.contains("*.jar"), "{error}");
    }

    #[test]
    fn what_fits_and_cannot_be_uploaded_is_named() {
        let matched = |make: &dyn Fn(&Path)| {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join("good.jar"), "x").unwrap();
            std::fs::create_dir(folder.path().join("folder.jar")).unwrap();
            make(folder.path());
            matching(folder.path(), &NamePattern::parse("*.jar").unwrap()).map_err(|error| error.to_string())
        };
        assert_eq!(matched(&|_| ()).unwrap().len(), 1, "a folder is skipped");
        let link =
            |to: &'static str| move |folder: &Path| std::os::unix::fs::symlink(to, folder.join("l.jar")).unwrap();
        assert_eq!(matched(&link("good.jar")).unwrap().len(), 2, "a link to a file counts");
        let error = matched(&link("gone.jar")).unwrap_err();
        assert!(error.contains("l.jar is a link to gone.jar, which does not exist"), "{error}");
        assert!(matched(&link("l.jar")).unwrap_err().contains("l.jar"), "a link to itself");
        let error = matched(&|folder| drop(std::os::unix::net::UnixListener::bind(folder.join("s.jar")).unwrap()));
        assert!(error.unwrap_err().contains("s.jar is not a file"));
        let error = matched(&|folder| std::fs::write(folder.join("a:b.jar"), "").unwrap()).unwrap_err();
        assert!(error.contains("a:b.jar cannot be uploaded to HDFS: it contains a colon"), "{error}");
    }
}
