//! Where images come from: a registry, an OCI layout, an archive, an offline bundle. Whoever locks, bundles or pushes asks
//! through this and does not know which it is.

use std::error::Error;

use futures::future::BoxFuture;
use tokio::io::AsyncRead;

use crate::model::oci::{Descriptor, Digest, OciManifest};

/// How a manifest is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Reference {
    /// By tag.
    Tag(String),
    /// By digest.
    Digest(Digest),
}

impl Reference {
    /// The whole name of what it means in a repository.
    #[must_use]
    pub fn of(&self, repository: &str) -> String {
        match self {
            Self::Tag(tag) => format!("{repository}:{tag}"),
            Self::Digest(digest) => format!("{repository}@{digest}"),
        }
    }
}

/// Bytes of a blob as they come.
pub type BlobReader = Box<dyn AsyncRead + Send + Unpin>;

/// Why a source did not give something.
#[derive(Debug, thiserror::Error)]
#[error("failed to get {what} from {source_name}")]
pub struct SourceError {
    /// `docker.io/apache/spark:3.5.6`, or blob and digest.
    pub what: String,
    /// The registry's host, the folder, the archive.
    pub source_name: String,
    /// Why.
    pub source: Box<dyn Error + Send + Sync>,
}

/// Where images come from. Repositories are names with their registry, as [`crate::model::ImageName`] has them:
/// `docker.io/library/redis`.
///
/// A source ends its own waits, also while a blob is read: only it knows a registry that asks for patience from one that is
/// gone. Whoever reads sets no deadline.
pub trait ImageSource: Send + Sync {
    /// A manifest, checked against the digest that it was asked by; `None` where the source has none of that name.
    fn manifest<'a>(
        &'a self,
        repository: &'a str,
        reference: &'a Reference,
    ) -> BoxFuture<'a, Result<Option<OciManifest>, SourceError>>;

    /// A blob from `offset` on. Nothing is checked: whoever reads it to its end compares its digest.
    fn blob<'a>(
        &'a self,
        repository: &'a str,
        blob: &'a Descriptor,
        offset: u64,
    ) -> BoxFuture<'a, Result<BlobReader, SourceError>>;

    /// What belongs to a manifest by the OCI's referrers, or by the tag that stands in for them; empty where there is nothing,
    /// and an error where that is not known.
    fn referrers<'a>(
        &'a self,
        repository: &'a str,
        subject: Digest,
    ) -> BoxFuture<'a, Result<Vec<Descriptor>, SourceError>>;
}
