//! Why files to upload cannot be had.

use std::path::PathBuf;

use super::git::{GitError, GitFailure};
use super::unpack::UnpackError;

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
    #[error("no file in {} matches `{pattern}`", .path.display())]
    Empty {
        /// Which.
        path: PathBuf,
        /// The pattern.
        pattern: String,
    },
    /// What is to be remembered of them has no room.
    #[error(
        "too many files to upload: {files}; their names and checksums would take {bytes} bytes, the limit is {}; upload fewer files, or archives",
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
    #[error("{} is a link to {}, which does not exist; fix or remove it", .path.display(), .to.display())]
    Dangling {
        /// The link.
        path: PathBuf,
        /// Where it leads to.
        to: PathBuf,
    },
    /// Neither a file nor a folder: a pipe, a socket, a device.
    #[error("{} is not a file; remove it, or specify another folder", .0.display())]
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
    #[error("{} is a file: specify its folder, or an archive (.zip, .tar, .tar.gz or .tgz)", .0.display())]
    NoFolder(PathBuf),
    /// What stands in for a file whose content is elsewhere.
    #[error(
        "{} is a pointer of Git LFS and not the file itself: run `git lfs pull` in a clone of the repository, and specify its folder or an archive of it",
        .0.display()
    )]
    LfsPointer(PathBuf),
    /// It is no source.
    #[error("the source {0}")]
    Written(String),
    /// It is no pattern.
    #[error("{0}")]
    Pattern(String),
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
    #[error("{} and {} would both become {place}; rename one, or specify other folders", .first.display(), .second.display())]
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
    pub fn is_external(&self) -> bool {
        use GitFailure::{Absent, Refused, Unreachable};
        let Self::Git { source, .. } = self else { return false };
        matches!(**source, GitError::NoGit | GitError::Old(_))
            || matches!(**source, GitError::Git { what: Absent | Refused | Unreachable, .. })
    }
}
