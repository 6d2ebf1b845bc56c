//! What is uploaded, and how.

use std::path::PathBuf;
use std::time::Duration;

use super::local::Local;
use crate::driver::webhdfs::FileStatus;

/// A local file and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// A regular file on this machine; a link to one is followed.
    pub local: PathBuf,
    /// The file's absolute path in HDFS. Its folder is made where it is missing.
    pub remote: String,
    /// Its mode there.
    pub mode: u16,
}

/// How to upload.
#[derive(Debug, Clone)]
pub struct UploadOptions {
    /// Files at the same time; `None` for eight.
    pub parallel: Option<usize>,
    /// Tries after the first, per file.
    pub retries: u32,
    /// How long after its first failure a file is tried even more often, while a DataNode is away: at most the client's
    /// deadline. A pod that is replaced takes half a minute, and more where its image must be fetched.
    pub patience: Duration,
    /// A try ends when nothing moves for this long.
    pub stall_timeout: Duration,
    /// Temporary files of ours in the target folders are removed when older than this: older than any upload can be.
    pub stale_after: Duration,
    /// No other process uploads: temporary files that are not this process's were abandoned, however new they are.
    pub alone: bool,
}

impl Default for UploadOptions {
    fn default() -> Self {
        Self {
            parallel: None,
            retries: 3,
            patience: Duration::from_secs(60),
            stall_timeout: Duration::from_secs(60),
            stale_after: Duration::from_secs(24 * 3600),
            alone: false,
        }
    }
}

/// Files at the same time, where the caller says nothing. A small file's time is spent waiting, for the NameNode's edit
/// log and the DataNode's disk and threads, so this does not follow the processors of *this* machine; past eight nothing
/// more was gained (`docs/bench-webhdfs.md`) and each costs a megabyte of buffers.
pub(super) const PARALLEL: usize = 8;

impl UploadOptions {
    pub(super) fn width(&self) -> usize {
        self.parallel.unwrap_or(PARALLEL).max(1)
    }
}

/// One file on its way, checked.
pub(super) struct Job {
    pub(super) local: Local,
    pub(super) remote: String,
    pub(super) mode: u16,
    /// What is at `remote` now.
    pub(super) there: Option<FileStatus>,
}
