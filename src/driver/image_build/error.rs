//! Why an image was not made.

use std::io;
use std::path::{Path, PathBuf};

use crate::driver::bundle::LayoutWriteError;
use crate::driver::image_source::SourceError;
use crate::driver::sources::UnpackError;
use crate::model::oci::Digest;
use crate::model::yaml::Findings;

/// Why an image was not made.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The Containerfile cannot be followed.
    #[error("cannot build the image without a container engine\n{0}")]
    Containerfile(#[from] Findings),
    /// A distribution cannot be read.
    #[error("failed to read the distribution {}", path.display())]
    Distribution {
        /// The archive.
        path: PathBuf,
        /// Why.
        source: UnpackError,
    },
    /// What is given is no archive.
    #[error("{} is not a distribution: {problem}", path.display())]
    Archive {
        /// What was given.
        path: PathBuf,
        /// Why not.
        problem: &'static str,
    },
    /// A distribution lacks what the file copies: it is another one.
    #[error("{place}: `{wanted}` not found in {shown}{near}; check that this is the right distribution")]
    Missing {
        /// File, line and column of the COPY.
        place: String,
        /// The path that is copied.
        wanted: String,
        /// The archive or the folder.
        shown: String,
        /// What is there.
        near: String,
    },
    /// A COPY that cannot be followed.
    #[error("{place}: {problem}")]
    Copy {
        /// File, line and column.
        place: String,
        /// Why.
        problem: String,
    },
    /// The base is not there.
    #[error("manifest {digest} of the base {image} not found")]
    NoBase {
        /// Which image.
        image: String,
        /// Which manifest.
        digest: Digest,
    },
    /// The base cannot be built on.
    #[error("{image} cannot be used as a base: {problem}")]
    Base {
        /// Which image.
        image: String,
        /// Why.
        problem: String,
    },
    /// The source.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A blob of the base has another digest, or breaks off.
    #[error("failed to fetch {digest} of the base {image}")]
    Fetch {
        /// Of which image.
        image: String,
        /// Which.
        digest: Digest,
        /// Why.
        source: io::Error,
    },
    /// The layout.
    #[error(transparent)]
    Layout(#[from] LayoutWriteError),
    /// A temporary file.
    #[error("failed to write to {}; set TMPDIR to a folder with more space", path.display())]
    Scratch {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// JSON.
    #[error("failed to write JSON")]
    Json(#[from] serde_json::Error),
    /// A worker task ended.
    #[error("a worker ended unexpectedly")]
    Worker(#[from] tokio::task::JoinError),
}

impl BuildError {
    pub(super) fn scratch(path: impl AsRef<Path>, source: io::Error) -> Self {
        Self::Scratch { path: path.as_ref().to_owned(), source }
    }
}
