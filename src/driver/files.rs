//! Files on this machine that an answer names.

use std::path::{Path, PathBuf};

use super::sources::{GitError, GitFailure, UnpackError};
use crate::model::{FileTree, name_problem};

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
    /// A name that HDFS does not take.
    #[error("{} cannot be uploaded to HDFS: {why}; rename it", .path.display())]
    HdfsName {
        /// Which file.
        path: PathBuf,
        /// What is wrong with its name.
        why: &'static str,
    },
    /// A link to nothing.
    #[error("{} is a link to {}, which is not there; mend or remove it", .path.display(), .to.display())]
    Dangling {
        /// The link.
        path: PathBuf,
        /// Where it leads to.
        to: PathBuf,
    },
    /// Neither a file nor a folder: a pipe, a socket, a device.
    #[error("{} is not a file; remove it, or name another folder", .0.display())]
    Special(PathBuf),
    /// A file cannot be read.
    #[error("failed to read {}", .path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file where a folder was to be.
    #[error("{} is a file: name the folder that it is in, or an archive (.zip, .tar, .tar.gz or .tgz)", .0.display())]
    NoFolder(PathBuf),
    /// What stands in for a file whose content is elsewhere.
    #[error(
        "{} is a pointer of Git LFS and not the file itself: run `git lfs pull` in a clone of the repository, and name its folder or an archive of it",
        .0.display()
    )]
    LfsPointer(PathBuf),
    /// It is no source.
    #[error("the source {0}")]
    Written(String),
    /// An archive, or what came from a repository, cannot be used.
    #[error("failed to unpack {place}")]
    Unpack {
        /// Which, as it was written.
        place: String,
        /// Why.
        source: Box<UnpackError>,
    },
    /// A repository cannot be used.
    #[error("failed to get {place}")]
    Git {
        /// Which, as it was written.
        place: String,
        /// Why.
        source: Box<GitError>,
    },
    /// Two files for one place.
    #[error("{} and {} would both become {place}; rename one, or name other folders", .first.display(), .second.display())]
    Clash {
        /// The one.
        first: PathBuf,
        /// The other.
        second: PathBuf,
        /// Where in HDFS.
        place: String,
    },
}

impl FilesError {
    /// Whether it is not the answer that is at fault, but what it names and who has to be asked for that.
    #[must_use]
    pub fn is_elsewhere(&self) -> bool {
        use GitFailure::{Absent, Refused, Unreachable};
        let Self::Git { source, .. } = self else { return false };
        matches!(**source, GitError::NoGit | GitError::Old(_))
            || matches!(**source, GitError::Git { what: Absent | Refused | Unreachable, .. })
    }
}

/// The files of a folder whose names fit a pattern with `*`, with their names, sorted. Folders and hidden names are
/// left out; links to files count.
///
/// # Errors
/// The folder cannot be read, nothing in it fits, or what fits cannot be uploaded to HDFS.
pub fn matching(folder: &Path, pattern: &str) -> Result<Vec<(String, PathBuf)>, FilesError> {
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
        if name.starts_with('.') || !fits(name, pattern) {
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
        return Err(FilesError::Empty { path: folder.to_owned(), pattern: pattern.to_owned() });
    }
    found.sort();
    Ok(found)
}

/// Whether a name fits a pattern in which `*` stands for any text.
pub(in crate::driver) fn fits(name: &str, pattern: &str) -> bool {
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
pub fn write_chart(chart: &FileTree, folder: &Path) -> std::io::Result<()> {
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

    #[test]
    fn what_fits_and_cannot_be_uploaded_is_named() {
        let told = |make: &dyn Fn(&Path)| {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join("good.jar"), "x").unwrap();
            std::fs::create_dir(folder.path().join("folder.jar")).unwrap();
            make(folder.path());
            matching(folder.path(), "*.jar").map_err(|error| error.to_string())
        };
        assert_eq!(told(&|_| ()).unwrap().len(), 1, "a folder is left out");
        let link =
            |to: &'static str| move |folder: &Path| std::os::unix::fs::symlink(to, folder.join("l.jar")).unwrap();
        assert_eq!(told(&link("good.jar")).unwrap().len(), 2, "a link to a file counts");
        let error = told(&link("gone.jar")).unwrap_err();
        assert!(error.contains("l.jar is a link to gone.jar, which is not there"), "{error}");
        assert!(told(&link("l.jar")).unwrap_err().contains("l.jar"), "a link to itself");
        let error = told(&|folder| drop(std::os::unix::net::UnixListener::bind(folder.join("s.jar")).unwrap()));
        assert!(error.unwrap_err().contains("s.jar is not a file"));
        let error = told(&|folder| std::fs::write(folder.join("a:b.jar"), "").unwrap()).unwrap_err();
        assert!(error.contains("a:b.jar cannot be uploaded to HDFS: a name in it holds a colon"), "{error}");
    }
}
