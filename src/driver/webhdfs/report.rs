//! What an upload did.

use super::checksum::FileChecksum;

/// What became of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Sent, verified and put in place.
    Sent {
        /// How often it was tried, the last time with success.
        tries: u32,
    },
    /// The same bytes with the same mode were there.
    Skipped,
    /// The same bytes were there; only the mode was set.
    ModeSet {
        /// The mode it had.
        from: u16,
    },
}

/// One file of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileReport {
    /// Its path in HDFS.
    pub remote: String,
    /// Its bytes.
    pub len: u64,
    /// What became of it.
    pub outcome: Outcome,
    /// The checksum that HDFS and the local file agree on.
    pub checksum: FileChecksum,
}

/// What an upload did, in the order the files were given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UploadReport {
    /// Every file that is in HDFS as it should be.
    pub files: Vec<FileReport>,
    /// Bytes of files that were sent; those of failed tries do not count.
    pub bytes_sent: u64,
}

impl UploadReport {
    /// Files that were sent.
    #[must_use]
    pub fn sent(&self) -> usize {
        self.files.iter().filter(|f| matches!(f.outcome, Outcome::Sent { .. })).count()
    }

    /// Files whose bytes were there already.
    #[must_use]
    pub fn skipped(&self) -> usize {
        self.files.len() - self.sent()
    }
}
