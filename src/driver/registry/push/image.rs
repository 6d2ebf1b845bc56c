//! What is pushed: images with all that belongs to them, and where their bytes come from.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use futures::future::BoxFuture;

use super::error::PushError;
use crate::driver::image_source::BlobReader;
use crate::model::images_lock::Attached;
use crate::model::oci::{Digest, OciManifest};

/// Where bytes come from: an offline bundle, a layout. Blobs may be opened several times, at any offset.
pub trait BlobStore: Send + Sync {
    /// Whether it holds a blob or a manifest. A difference does not hold what its base does.
    fn holds(&self, digest: Digest) -> bool;

    /// A blob's bytes from `offset` on. Nothing has to be checked: the registry compares its digest.
    fn open(&self, digest: Digest, offset: u64) -> BoxFuture<'_, io::Result<BlobReader>>;

    /// All bytes of a manifest.
    fn manifest(&self, digest: Digest) -> BoxFuture<'_, io::Result<Vec<u8>>>;
}

/// One image to push, as the lock has it.
#[derive(Debug, Clone)]
pub struct ImageRequest {
    /// Its whole name: `docker.io/apache/spark:3.5.6`.
    pub name: String,
    /// The repository in the target, without the registry.
    pub repository: String,
    /// The tags that it gets there.
    pub tags: Vec<String>,
    /// The digest that it is referred to by.
    pub top: Digest,
    /// The media type of that manifest.
    pub media_type: String,
    /// Its signatures, attestations and the like.
    pub attached: Vec<Attached>,
}

/// A manifest to push.
#[derive(Debug, Clone)]
pub struct PushManifest {
    /// The manifest.
    pub manifest: OciManifest,
    /// After how many others it comes: its children, and what it says something about.
    pub rank: usize,
    /// The tags that it needs beside the image's: `sha256-….sig`.
    pub tags: Vec<String>,
}

/// An image with all that belongs to it.
#[derive(Debug, Clone)]
pub struct PushImage {
    /// What was asked for.
    pub request: ImageRequest,
    /// Its manifests, each after those that it needs.
    pub manifests: Vec<PushManifest>,
    /// Manifests that the store does not hold: the registry must have them.
    pub base: BTreeSet<Digest>,
    /// Its blobs and their sizes.
    pub blobs: BTreeMap<Digest, u64>,
}

impl PushImage {
    /// Reads the manifests of an image.
    ///
    /// # Errors
    /// One of them cannot be read.
    pub async fn gather(store: &dyn BlobStore, request: ImageRequest) -> Result<Self, PushError> {
        let mut found: BTreeMap<Digest, OciManifest> = BTreeMap::new();
        let mut base = BTreeSet::new();
        let mut blobs = BTreeMap::new();
        // What a manifest comes after.
        let mut after: BTreeMap<Digest, BTreeSet<Digest>> = BTreeMap::new();
        let mut tags: BTreeMap<Digest, Vec<String>> = BTreeMap::new();
        let mut next = vec![(request.top, Some(request.media_type.clone()))];
        for attached in &request.attached {
            next.push((attached.digest, None));
            after.entry(attached.digest).or_default().insert(attached.subject);
            tags.entry(attached.digest).or_default().extend(attached.tag.clone());
        }
        while let Some((digest, kind)) = next.pop() {
            if found.contains_key(&digest) || base.contains(&digest) {
                continue;
            }
            if !store.holds(digest) {
                base.insert(digest);
                continue;
            }
            let read = |source| PushError::Store { what: format!("manifest {digest} of {}", request.name), source };
            let bytes = store.manifest(digest).await.map_err(read)?;
            if Digest::of(&bytes) != digest {
                return Err(PushError::Damaged { image: request.name.clone(), digest });
            }
            let no = |source| PushError::Manifest { image: request.name.clone(), digest, source };
            let manifest = OciManifest::parse(bytes, kind.as_deref()).map_err(no)?;
            let needs = after.entry(digest).or_default();
            for child in manifest.children() {
                needs.insert(child.digest);
                next.push((child.digest, Some(child.media_type.clone())));
            }
            needs.extend(manifest.subject.iter().map(|subject| subject.digest));
            for blob in manifest.blobs() {
                // What is not to be handed on is not in the store, and is fetched from where its addresses say.
                if blob.urls.is_empty() || store.holds(blob.digest) {
                    blobs.insert(blob.digest, blob.size);
                }
            }
            found.insert(digest, manifest);
        }
        let ranks = ranks(&found, &after);
        let mut manifests: Vec<PushManifest> = found
            .into_iter()
            .map(|(digest, manifest)| PushManifest {
                rank: ranks.get(&digest).copied().unwrap_or_default(),
                tags: tags.remove(&digest).unwrap_or_default(),
                manifest,
            })
            .collect();
        manifests.sort_by_key(|manifest| manifest.rank);
        Ok(Self { request, manifests, base, blobs })
    }
}

/// The names of the images that need each of these blobs.
pub(super) fn needing(images: &[PushImage], blobs: impl Iterator<Item = Digest>) -> BTreeMap<Digest, BTreeSet<String>> {
    let of = |digest: &Digest| {
        let needing = images.iter().filter(|image| image.blobs.contains_key(digest));
        needing.map(|image| image.request.name.clone()).collect()
    };
    blobs.map(|digest| (digest, of(&digest))).collect()
}

/// How many steps each comes after those that it needs. What goes around in a circle ends somewhere.
fn ranks(found: &BTreeMap<Digest, OciManifest>, after: &BTreeMap<Digest, BTreeSet<Digest>>) -> BTreeMap<Digest, usize> {
    let mut ranks: BTreeMap<Digest, usize> = found.keys().map(|digest| (*digest, 0)).collect();
    for _ in 0..found.len() {
        let mut changed = false;
        for (digest, needs) in after {
            let least = needs.iter().filter_map(|need| ranks.get(need)).max().map_or(0, |rank| rank + 1);
            if let Some(rank) = ranks.get_mut(digest).filter(|rank| **rank < least) {
                *rank = least;
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    ranks
}
