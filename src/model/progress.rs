//! What a driver says while it works. The engine turns it into events; a driver never prints.

use std::sync::Arc;

/// One thing worth showing while a step runs. Progress may be dropped; the end of a step may not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// Bytes moved so far, of a total that is known before the first byte moves.
    Bytes {
        /// Bytes done, files that were skipped included.
        done: u64,
        /// Bytes in all.
        total: u64,
    },
    /// What is being waited for, in words a user can act on ("pod my-livy-0: ImagePullBackOff: …").
    /// Sent again only when the words change.
    Waiting(String),
    /// Something that happened and is worth a line, such as a retry and its reason.
    Note(String),
}

/// Where a driver sends its progress. Must not block.
pub type ProgressSink = Arc<dyn Fn(Progress) + Send + Sync>;

/// A sink that drops everything.
#[must_use]
pub fn silent() -> ProgressSink {
    Arc::new(|_| {})
}
