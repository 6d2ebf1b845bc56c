//! What was pushed, for whoever has to know later: where each image is, by which digest, and what was sent for it.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::driver::whole_file::replace;
use crate::model::oci::Digest;

/// The version of the format.
pub const RECEIPT_SCHEMA: u32 = 1;

/// The whole receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// [`RECEIPT_SCHEMA`].
    pub schema: u32,
    /// The registry.
    pub registry: String,
    /// The digest of the lock of the offline bundle that was pushed; absent where no file is meant to be written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<Digest>,
    /// Of a difference: the digest of its base's lock. What the registry has of the base is not in the receipt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Digest>,
    /// Images by their whole names: `docker.io/apache/spark:3.5.6`.
    pub images: BTreeMap<String, ReceiptImage>,
    /// Signatures and attestations that lie beside images were skipped, on request.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub without_signatures: bool,
    /// Bytes that went over the wire for blobs, those of failed tries included.
    pub bytes_on_the_wire: u64,
}

impl Receipt {
    /// Bytes of blobs that were there, that were mounted, and that were sent, as [`super::PushPlan::bytes`] gives them.
    #[must_use]
    pub fn bytes(&self) -> (u64, u64, u64) {
        self.images.values().fold((0, 0, 0), |(existing, mounted, sent), image| {
            (existing + image.bytes_existing, mounted + image.bytes_mounted, sent + image.bytes_sent)
        })
    }

    /// With what only the caller of a push knows: the lock of the offline bundle, that of its base where it is a difference, and
    /// whether signatures were skipped.
    #[must_use]
    pub fn of(self, lock: Digest, base: Option<Digest>, without_signatures: bool) -> Self {
        Self { lock: Some(lock), base, without_signatures, ..self }
    }

    /// Writes it as JSON, whole or not at all.
    ///
    /// # Errors
    /// The disk's.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        replace(path, text.as_bytes(), 0o666).map(drop)
    }

    /// Everything that the registry has since: manifests and blobs of the images.
    pub fn contents(&self) -> impl Iterator<Item = Digest> {
        self.images
            .values()
            .flat_map(|image| std::iter::once(&image.digest).chain(&image.manifests).chain(&image.blobs))
            .copied()
    }
}

/// One image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptImage {
    /// Its repository, with the registry: `harbor.site/mirror/apache/spark`.
    pub target: String,
    /// Its tags there; those that were kept for something else are not among them.
    pub tags: Vec<String>,
    /// The digest that it is referred to by, as the registry has confirmed it after the push.
    pub digest: Digest,
    /// Its other manifests: of platforms, signatures, attestations.
    pub manifests: Vec<Digest>,
    /// Its blobs: configurations and layers, of all its manifests.
    #[serde(default)]
    pub blobs: Vec<Digest>,
    /// Bytes of its blobs that were sent for it. What several images share counts for the first.
    pub bytes_sent: u64,
    /// Bytes of its blobs that were mounted for it.
    pub bytes_mounted: u64,
    /// Bytes of its blobs that were there.
    pub bytes_existing: u64,
}
