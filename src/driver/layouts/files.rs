//! Where the files of a layout lie, and why they cannot be used.

use std::path::PathBuf;
use std::sync::Arc;

use crate::driver::bundle::Parts;
use crate::model::bounded;
use crate::model::oci::{Descriptor, Digest, ManifestError};

/// Why something is no source of images.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    /// The disk.
    #[error("failed to read {}", .0.display())]
    Io(PathBuf, #[source] std::io::Error),
    /// It is neither.
    #[error("{} is neither an OCI layout (a folder or a tar with oci-layout and index.json) nor a `docker save` archive: {problem}", path.display())]
    Kind {
        /// Where.
        path: PathBuf,
        /// What is missing.
        problem: &'static str,
    },
    /// A tar that cannot be read in place.
    #[error("{} is compressed: decompress it first (`gunzip`, `zstd -d`), since images are read in place", .0.display())]
    Compressed(PathBuf),
    /// An entry of a tar.
    #[error("failed to read {}: entry `{entry}` {problem}", path.display())]
    Entry {
        /// The tar.
        path: PathBuf,
        /// Which.
        entry: String,
        /// Why.
        problem: &'static str,
    },
    /// JSON.
    #[error("failed to parse {what} of {}", path.display())]
    Json {
        /// Where.
        path: PathBuf,
        /// Which file.
        what: String,
        /// Why.
        source: serde_json::Error,
    },
    /// A manifest.
    #[error("failed to read a manifest of {}", path.display())]
    Manifest {
        /// Where.
        path: PathBuf,
        /// Why.
        source: ManifestError,
    },
    /// An invalid image name.
    #[error("`{0}` is not an image name")]
    Name(String),
    /// It holds no one image.
    #[error("{} has {count} manifests and none is named `{name}`: it must contain one image, or named images", path.display())]
    Ambiguous {
        /// Where.
        path: PathBuf,
        /// The name that was given.
        name: String,
        /// How many.
        count: usize,
    },
}

/// Where a blob lies.
#[derive(Debug, Clone)]
pub(super) enum Place {
    /// A file by itself.
    File(PathBuf),
    /// A range of an archive.
    Range(Arc<Parts>, u64, u64),
    /// It was made anew.
    Memory(Arc<Vec<u8>>),
}

/// The files of one layout.
pub(super) trait Files {
    /// A file of it, bounded.
    fn read(&self, name: &str, limit: u64) -> Result<Option<Vec<u8>>, LayoutError>;
}

/// A layout that is a folder.
pub(super) struct Folder(pub PathBuf);

impl Files for Folder {
    fn read(&self, name: &str, limit: u64) -> Result<Option<Vec<u8>>, LayoutError> {
        let path = self.0.join(name);
        match bounded::bytes(&path, limit) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(LayoutError::Io(path, error)),
        }
    }
}

pub(super) fn descriptor(media_type: &str, bytes: &[u8]) -> Descriptor {
    Descriptor::new(media_type, Digest::of(bytes), bytes.len() as u64)
}
