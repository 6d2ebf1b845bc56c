//! Why a push does not end, or does not begin.

use std::io;
use std::time::Duration;

use super::receipt::Receipt;
use crate::driver::registry::RegistryError;
use crate::model::oci::{Digest, ManifestError};

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Tags stand for something else.
    #[error("tags exist with another digest: {}; decide with --tag-conflict keep or overwrite", .0.join(", "))]
    TagConflicts(Vec<String>),
    /// The base of a difference is not there.
    #[error("the registry lacks content of the base of this offline bundle: {}; push the base first", some(.0))]
    Base(Vec<String>),
}

/// The first few of many.
fn some(all: &[String]) -> String {
    let more = all.len().saturating_sub(5);
    let head = all.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
    if more == 0 { head } else { format!("{head} and {more} more") }
}

/// Why something was not pushed.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// The offline bundle, or the layout, does not give it.
    #[error("failed to read {what}")]
    Store {
        /// What.
        what: String,
        /// Why.
        source: io::Error,
    },
    /// It gives other bytes.
    #[error("manifest {digest} of {image} is damaged: digest mismatch")]
    Damaged {
        /// Of which image.
        image: String,
        /// Which.
        digest: Digest,
    },
    /// A manifest is invalid.
    #[error("failed to read manifest {digest} of {image}")]
    Manifest {
        /// Of which image.
        image: String,
        /// Which.
        digest: Digest,
        /// Why.
        source: ManifestError,
    },
    /// There is no plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The registry does not answer, or refuses.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The registry refuses to take anything into a repository.
    #[error("failed to push to {host}/{repository}: {why}")]
    NoPush {
        /// Which registry.
        host: String,
        /// Which repository.
        repository: String,
        /// What it may be, and what to do.
        why: String,
        /// What the registry says.
        source: RegistryError,
    },
    /// The registry says that the bytes are others than the digest says.
    #[error(
        "registry {host} rejected {digest} twice: digest mismatch; check the offline bundle with windlass bundle verify"
    )]
    Digest {
        /// Which registry.
        host: String,
        /// Which blob.
        digest: Digest,
    },
    /// No chunk is small enough.
    #[error(
        "registry {host}, or a proxy in front of it, rejects requests of {size} bytes; raise its body size limit (nginx: client_max_body_size 0)"
    )]
    TooLarge {
        /// Which registry.
        host: String,
        /// What was too large.
        size: u64,
    },
    /// All retries failed.
    #[error(
        "failed to upload {digest} to {host}/{repository}: {tries} attempts got no further than {at} of {size} bytes; last error: {last}"
    )]
    GaveUp {
        /// Which registry.
        host: String,
        /// Into which repository.
        repository: String,
        /// Which blob.
        digest: Digest,
        /// How often.
        tries: u32,
        /// How far.
        at: u64,
        /// Of how much.
        size: u64,
        /// What happened last.
        last: String,
    },
    /// It does not take a blob for good that it has all bytes of.
    #[error("registry {host} did not commit {digest}: timed out after {}s", after.as_secs())]
    Commit {
        /// Which registry.
        host: String,
        /// Which blob.
        digest: Digest,
        /// How long.
        after: Duration,
    },
    /// A tag may not be changed.
    #[error(
        "tag {tag} of {host}/{repository} is immutable and points to another digest; push with --tag-conflict keep, or to another repository"
    )]
    ImmutableTag {
        /// Which registry.
        host: String,
        /// Which repository.
        repository: String,
        /// Which tag.
        tag: String,
        /// What the registry says.
        source: RegistryError,
    },
    /// What was written is not there afterwards.
    #[error("registry {host} does not have {what} after it was pushed")]
    Lost {
        /// Which registry.
        host: String,
        /// What.
        what: String,
    },
    /// The journal cannot be kept.
    #[error("failed to write the push journal")]
    Journal(#[source] io::Error),
    /// Some images are there, and some are not.
    #[error("failed to push {} of {all} images, the first: {first}; run the same command again to resume", failed.len())]
    Incomplete {
        /// The names of those that are not.
        failed: Vec<String>,
        /// How many there are.
        all: usize,
        /// One of them.
        first: String,
        /// What is there.
        receipt: Box<Receipt>,
        /// Why the first is not.
        source: Box<PushError>,
    },
}

impl PushError {
    /// Whether what is pushed is wrong, and not the registry or the way to it.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Incomplete { source, .. } => source.is_damage(),
            Self::Store { source, .. } => source.kind() == io::ErrorKind::InvalidData,
            Self::Damaged { .. } | Self::Digest { .. } => true,
            _ => false,
        }
    }
}
