//! The archive's shape: which entries it has, in which order, and where each begins. All of it follows from the lock, the
//! index and the sizes of the blobs, so that blobs can be written and read at their offsets in any order.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::images_lock::{ImagesLock, LockMode, ResolvedImage};
use crate::model::oci::{Descriptor, Digest, INDEXES, Platform};

/// A tar's unit: headers have one, contents are filled up to whole ones.
pub const BLOCK: u64 = 512;

/// The entry of the lock; the signature covers its bytes, and they cover everything else.
pub const LOCK: &str = "images.lock";

/// The entry that makes it an OCI layout.
pub const LAYOUT: &str = "oci-layout";

/// The entry that lists the images.
pub const INDEX: &str = "index.json";

/// The entry of a signature inside.
pub const SIGNATURE: &str = "images.lock.sig";

/// What names of blobs begin with.
pub const BLOBS: &str = "blobs/sha256/";

/// The most bytes of a lock.
pub const LOCK_LIMIT: u64 = 64 << 20;

/// The most bytes of an index.
pub const INDEX_LIMIT: u64 = 64 << 20;

/// The most bytes of a signature.
pub const SIGNATURE_LIMIT: u64 = 4096;

/// The content of [`LAYOUT`].
pub const LAYOUT_BYTES: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;

/// The note in the index that holds the lock's digest. Without it a flipped letter of a text in an unsigned lock would stay
/// unseen.
pub const LOCK_NOTE: &str = "io.windlass.images-lock";

/// The annotation by which skopeo finds an image.
pub const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// The annotation by which containerd names one.
pub const IMAGE_NAME: &str = "io.containerd.image.name";

/// An entry of the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its path.
    pub name: String,
    /// The bytes of its content.
    pub size: u64,
    /// Where its header begins.
    pub header: u64,
}

impl Entry {
    /// Where its content begins.
    #[must_use]
    pub const fn data(&self) -> u64 {
        self.header + BLOCK
    }

    /// Where the next header begins.
    #[must_use]
    pub const fn end(&self) -> u64 {
        self.data() + self.size.next_multiple_of(BLOCK)
    }
}

/// Where everything is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// The entries in order.
    pub entries: Vec<Entry>,
    /// Where each blob's content begins, and its size.
    pub blobs: BTreeMap<Digest, (u64, u64)>,
    /// The bytes of the whole archive.
    pub total: u64,
}

impl Layout {
    /// The layout of an archive; `None` where the sizes are more than a number holds.
    #[must_use]
    pub fn new(lock: u64, index: u64, signature: Option<u64>, blobs: &BTreeMap<Digest, u64>) -> Option<Self> {
        let mut layout = Self { entries: Vec::new(), blobs: BTreeMap::new(), total: 0 };
        layout.add(LOCK.to_owned(), lock)?;
        layout.add(LAYOUT.to_owned(), LAYOUT_BYTES.len() as u64)?;
        layout.add(INDEX.to_owned(), index)?;
        if let Some(size) = signature {
            layout.add(SIGNATURE.to_owned(), size)?;
        }
        for (digest, size) in blobs {
            let data = layout.add(blob_name(digest), *size)?;
            layout.blobs.insert(*digest, (data, *size));
        }
        layout.total = layout.total.checked_add(2 * BLOCK)?;
        Some(layout)
    }

    fn add(&mut self, name: String, size: u64) -> Option<u64> {
        // Offsets of files are signed in the system's calls.
        let padded = size.checked_next_multiple_of(BLOCK)?.checked_add(BLOCK)?;
        let header = self.total;
        self.total = header.checked_add(padded).filter(|end| *end < i64::MAX as u64 - 2 * BLOCK)?;
        self.entries.push(Entry { name, size, header });
        Some(header + BLOCK)
    }
}

/// The path of a blob.
#[must_use]
pub fn blob_name(digest: &Digest) -> String {
    format!("{BLOBS}{}", digest.hex())
}

/// The header of an entry: GNU's form, which alone holds sizes of 8 GiB and more. No time, owner or group.
#[must_use]
pub fn header(name: &str, size: u64) -> [u8; 512] {
    let mut header = tar::Header::new_gnu();
    // No name of ours is longer than the field.
    let bytes = &name.as_bytes()[..name.len().min(100)];
    header.as_mut_bytes()[..bytes.len()].copy_from_slice(bytes);
    header.set_entry_type(tar::EntryType::Regular);
    header.set_mode(0o444);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(size);
    header.set_cksum();
    *header.as_bytes()
}

/// An OCI index as it is written here.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Index<'a> {
    schema_version: u32,
    media_type: &'a str,
    manifests: Vec<Descriptor>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<&'a str, String>,
}

/// The content of [`INDEX`]: images that are in the archive by their whole names, then what belongs to them. `kinds` has the
/// media types of the latter. They have no names, since containerd would take what has one for an image to unpack.
///
/// # Errors
/// None that can be: what it is made of has text for keys.
pub fn index_json(
    lock: &ImagesLock,
    lock_digest: Option<Digest>,
    blobs: &BTreeMap<Digest, u64>,
    kinds: &BTreeMap<Digest, String>,
) -> Result<Vec<u8>, serde_json::Error> {
    let images = || lock.images.iter().filter_map(|(name, image)| Some((name, image.resolved.as_ref()?)));
    let mut manifests = Vec::new();
    for (name, image) in images().filter(|(_, image)| blobs.contains_key(&image.digest)) {
        manifests.push(top(name, image));
    }
    let attached: BTreeMap<Digest, Option<&String>> = images()
        .flat_map(|(_, image)| &image.attached)
        .map(|attached| (attached.digest, attached.artifact_type.as_ref()))
        .collect();
    for (digest, artifact_type) in attached {
        let (Some(size), Some(media_type)) = (blobs.get(&digest), kinds.get(&digest)) else { continue };
        let found = Descriptor::new(media_type, digest, *size);
        manifests.push(Descriptor { artifact_type: artifact_type.cloned(), ..found });
    }
    let annotations = lock_digest.map(|digest| (LOCK_NOTE, digest.to_string())).into_iter().collect();
    index_of(manifests, annotations)
}

/// An OCI index of these manifests, with these notes.
///
/// # Errors
/// As [`index_json`].
pub fn index_of(manifests: Vec<Descriptor>, annotations: BTreeMap<&str, String>) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(&Index { schema_version: 2, media_type: INDEXES[0], manifests, annotations })
}

/// The notes by which tools find an image of this name.
#[must_use]
pub fn named(name: &str) -> BTreeMap<String, String> {
    [REF_NAME, IMAGE_NAME].map(|key| (key.to_owned(), name.to_owned())).into()
}

fn top(name: &str, image: &ResolvedImage) -> Descriptor {
    let platform = match image.mode {
        LockMode::Index => None,
        LockMode::Manifest => image.platforms.keys().next().and_then(|text| platform(text)),
    };
    Descriptor { platform, annotations: named(name), ..Descriptor::new(&image.media_type, image.digest, image.size) }
}

/// `linux/arm/v7` in parts.
fn platform(text: &str) -> Option<Platform> {
    let mut parts = text.split('/').map(str::to_owned);
    let (os, architecture, variant) = (parts.next()?, parts.next()?, parts.next());
    let whole = !os.is_empty() && !architecture.is_empty() && variant.as_deref() != Some("") && parts.next().is_none();
    whole.then_some(Platform { os, architecture, variant })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_follow_each_other_in_whole_blocks() {
        let blobs: BTreeMap<_, _> = [(Digest::of(b"a"), 0), (Digest::of(b"b"), 1), (Digest::of(b"c"), 512)].into();
        let layout = Layout::new(513, 10, None, &blobs).unwrap();
        assert_eq!(layout.entries[0].header, 0);
        for pair in layout.entries.windows(2) {
            assert_eq!(pair[0].end(), pair[1].header);
        }
        let last = layout.entries.last().unwrap();
        assert_eq!(layout.total, last.end() + 1024);
        assert_eq!(layout.entries.len(), 6);
        let hexes: Vec<_> = layout.entries[3..].iter().map(|entry| entry.name.clone()).collect();
        assert!(hexes.is_sorted());
        assert_eq!(Layout::new(1, 1, Some(1), &blobs).unwrap().entries[3].name, SIGNATURE);
        assert!(Layout::new(1, 1, None, &[(Digest::of(b"a"), u64::MAX)].into()).is_none());
        assert!(Layout::new(1, 1, None, &[(Digest::of(b"a"), i64::MAX as u64)].into()).is_none());
    }

    #[test]
    fn headers_are_read_by_the_tar_crate_with_any_size() {
        for size in [0, 1, 8 << 30, (8 << 30) - 1, 1 << 50] {
            let bytes = header(&blob_name(&Digest::of(b"x")), size);
            let read = tar::Header::from_byte_slice(&bytes);
            assert_eq!(read.entry_size().unwrap(), size);
            assert_eq!((read.mtime().unwrap(), read.mode().unwrap()), (0, 0o444));
            assert_eq!(read.path_bytes().as_ref(), blob_name(&Digest::of(b"x")).as_bytes());
        }
    }

    #[test]
    fn platforms_have_two_or_three_parts() {
        assert_eq!(platform("linux/arm/v7").unwrap().to_string(), "linux/arm/v7");
        for bad in ["", "linux", "linux/", "/amd64", "linux/arm/", "a/b/c/d"] {
            assert_eq!(platform(bad), None, "{bad}");
        }
    }
}
