//! How far a push is, in bytes. It never goes back: what is sent once more counts when it gets further than before.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::human;
use crate::model::oci::Digest;

/// How far a push is. Copies are the same one; it may be read at any time.
#[derive(Debug, Clone, Default)]
pub struct PushProgress(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    total: AtomicU64,
    done: AtomicU64,
    sent: AtomicU64,
    half_sent: Mutex<Vec<PartialUpload>>,
}

/// A blob that an earlier push had sent in part, and what has become of that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartialUpload {
    /// Where it goes.
    pub repository: String,
    /// The blob.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// How many bytes the registry has kept, from which the upload resumes; with none it starts again.
    pub kept: u64,
}

impl fmt::Display for PartialUpload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { repository, digest, size, kept } = self;
        if *kept > 0 {
            write!(f, "{digest} of {repository} resumes at {} of {}", human(*kept), human(*size))
        } else {
            write!(
                f,
                "{digest} of {repository} restarts from the beginning: the registry did not keep the partial upload"
            )
        }
    }
}

/// One reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PushSnapshot {
    /// Bytes of blobs that have to get there.
    pub total: u64,
    /// How many of them are there, or on their way; never fewer than in an earlier reading, never more than all.
    pub done: u64,
    /// Bytes that were sent, those of failed tries included.
    pub sent: u64,
}

impl PushProgress {
    /// Now.
    #[must_use]
    pub fn snapshot(&self) -> PushSnapshot {
        // In this order, since what is done is never to be more than all.
        let done = self.0.done.load(Ordering::Acquire);
        PushSnapshot { total: self.0.total.load(Ordering::Acquire), done, sent: self.0.sent.load(Ordering::Acquire) }
    }

    /// What has become of blobs that an earlier push had sent in part, each reported once.
    #[must_use]
    pub fn take_partial_uploads(&self) -> Vec<PartialUpload> {
        std::mem::take(&mut self.0.half_sent.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A blob that has to get there.
    pub(super) fn blob(&self, size: u64) -> BlobProgress {
        self.0.total.fetch_add(size, Ordering::AcqRel);
        BlobProgress { all: self.clone(), high: Arc::default(), size }
    }
}

/// How far one blob is.
#[derive(Debug, Clone)]
pub(super) struct BlobProgress {
    all: PushProgress,
    high: Arc<AtomicU64>,
    size: u64,
}

impl BlobProgress {
    /// All bytes before `offset` are on their way.
    pub(super) fn reached(&self, offset: u64) {
        let offset = offset.min(self.size);
        let before = self.high.fetch_max(offset, Ordering::AcqRel);
        if offset > before {
            self.all.0.done.fetch_add(offset - before, Ordering::AcqRel);
        }
    }

    /// An earlier push had sent a part of it, of which the registry has kept so much.
    pub(super) fn half_sent(&self, repository: &str, digest: Digest, kept: u64) {
        self.reached(kept);
        let half = PartialUpload { repository: repository.to_owned(), digest, size: self.size, kept };
        self.all.0.half_sent.lock().unwrap_or_else(PoisonError::into_inner).push(half);
    }

    /// So many bytes were sent.
    pub(super) fn sent(&self, bytes: u64) {
        self.all.0.sent.fetch_add(bytes, Ordering::AcqRel);
    }

    /// It is there.
    pub(super) fn finished(&self) {
        self.reached(self.size);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn progress_never_goes_back(
            sizes in prop::collection::vec(0u64..1000, 1..6),
            steps in prop::collection::vec((0usize..6, 0u64..1500, prop::bool::ANY), 0..200),
        ) {
            let progress = PushProgress::default();
            let blobs: Vec<BlobProgress> = sizes.iter().map(|size| progress.blob(*size)).collect();
            let mut last = progress.snapshot();
            for (which, offset, done) in steps {
                let blob = &blobs[which % blobs.len()];
                if done { blob.finished() } else { blob.reached(offset); blob.sent(offset) }
                let now = progress.snapshot();
                prop_assert!(now.done >= last.done && now.done <= now.total && now.sent >= last.sent);
                last = now;
            }
            blobs.iter().for_each(BlobProgress::finished);
            prop_assert_eq!(progress.snapshot().done, sizes.iter().sum::<u64>());
        }
    }
}
