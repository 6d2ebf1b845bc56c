//! Files that get their names when all of them is written.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::error::CreateError;

/// Where an offline bundle goes.
#[derive(Debug, Clone)]
pub struct Target {
    /// The file, or what the names of parts begin with.
    pub path: PathBuf,
    /// The bytes of a part.
    pub split: Option<u64>,
    /// Remove what is unfinished and of other inputs.
    pub restart: bool,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// The files, in order.
    pub files: Vec<PathBuf>,
    /// The list of sums of parts.
    pub sums: Option<PathBuf>,
    /// Bytes of blobs that an earlier run had written.
    pub resumed: u64,
}

/// What the name of the journal of an unfinished bundle ends with.
pub(super) const JOURNAL: &str = ".partial.journal";

/// Whether `create` has begun a bundle of this name and not finished it: it is kept, and the same call resumes it.
#[must_use]
pub fn is_unfinished(path: &Path) -> bool {
    suffixed(path, JOURNAL).exists()
}

/// A small file, whole or not at all.
pub(super) fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = suffixed(path, ".partial");
    fs::write(&new, bytes)?;
    File::open(&new)?.sync_all()?;
    fs::rename(new, path)
}

pub(super) fn partial(path: &Path) -> PathBuf {
    suffixed(path, ".partial")
}

pub(super) fn suffixed(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

pub(super) fn disk_error(what: &'static str, path: &Path, error: io::Error, needed: u64) -> CreateError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            CreateError::Full { path: path.to_owned(), needed }
        }
        _ => CreateError::io(what, path, error),
    }
}
