//! An image that is looked up, and why that failed.

use crate::driver::image_source::{ImageSource, Reference, SourceError};
use crate::model::oci::{Digest, OciManifest, Platform};

/// Why the names were not resolved.
#[derive(Debug, thiserror::Error)]
pub enum ResolveFailure {
    /// The source did not answer, or not as it should.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// An image is not made for a platform that was asked for.
    #[error("{image} is not made for {wanted}; it has {has}")]
    Platform {
        /// Which.
        image: String,
        /// The platform.
        wanted: String,
        /// Those that there are.
        has: String,
    },
    /// Something that an image refers to was not found.
    #[error("{image} refers to {digest}, which was not found in {repository}")]
    Absent {
        /// Which image.
        image: String,
        /// What it names.
        digest: Digest,
        /// Where it was asked for.
        repository: String,
    },
    /// What came is not what the name says.
    #[error("{image}: got the digest {found}")]
    Digest {
        /// The name, with its digest.
        image: String,
        /// That of what came.
        found: Digest,
    },
    /// The config does not say what the image runs on.
    #[error("{image}: config {digest} has no platform")]
    Config {
        /// Which image.
        image: String,
        /// The config.
        digest: Digest,
    },
    /// There is more of something than is ever read.
    #[error("{image} has {what}")]
    Bound {
        /// Which image.
        image: String,
        /// What, with the bound.
        what: String,
    },
}

/// An image that is looked at.
pub(super) struct ImageQuery<'a> {
    /// Its name in the lock.
    pub image: &'a str,
    /// Where the source has it.
    pub repository: String,
    pub source: &'a dyn ImageSource,
}

impl ImageQuery<'_> {
    /// A manifest that something names.
    pub(super) async fn required(&self, digest: Digest) -> Result<OciManifest, ResolveFailure> {
        let found = self.source.manifest(&self.repository, &Reference::Digest(digest)).await?;
        found.ok_or_else(|| self.absent(digest))
    }

    pub(super) fn lacks(&self, wanted: &Platform, has: &str) -> ResolveFailure {
        ResolveFailure::Platform { image: self.image.to_owned(), wanted: wanted.to_string(), has: has.to_owned() }
    }

    pub(super) fn absent(&self, digest: Digest) -> ResolveFailure {
        ResolveFailure::Absent { image: self.image.to_owned(), digest, repository: self.repository.clone() }
    }

    pub(super) fn bound(&self, what: String) -> ResolveFailure {
        ResolveFailure::Bound { image: self.image.to_owned(), what }
    }
}
