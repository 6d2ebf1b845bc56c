//! `images.lock`: which bytes an image's name stands for, where the name comes from, and what belongs to it. Equal inputs give
//! equal bytes: everything is sorted, and there are no times.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::oci::Digest;

/// The version of the format.
pub const LOCK_SCHEMA: u32 = 1;

/// What the file is called.
pub const LOCK_FILE: &str = "images.lock";

/// The component that stands for what windlass runs by itself.
pub const WINDLASS: &str = "windlass";

/// The whole file. How it is written and read is in `images_lock_text`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImagesLock {
    /// [`LOCK_SCHEMA`].
    pub schema: u32,
    /// Images by their whole names: `docker.io/apache/spark:3.5.6`.
    pub images: BTreeMap<String, LockedImage>,
    /// Images that are not published, by component and name within it (`livy.livy`): the Containerfile that makes them, or an
    /// empty text where the definition has none. A site that answers with one of its own has it under `images`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unpublished: BTreeMap<String, String>,
    /// Charts by component.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub charts: BTreeMap<String, LockedFiles>,
    /// Files that answers name, by component and question (`bytewax.source`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, LockedFiles>,
    /// Programs that go with it (`helm`, `windlass`), by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub programs: BTreeMap<String, LockedProgram>,
    /// Only in an offline bundle: what it is one of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<LockedBundle>,
}

impl Default for ImagesLock {
    fn default() -> Self {
        Self {
            schema: LOCK_SCHEMA,
            images: BTreeMap::new(),
            unpublished: BTreeMap::new(),
            charts: BTreeMap::new(),
            files: BTreeMap::new(),
            programs: BTreeMap::new(),
            bundle: None,
        }
    }
}

impl ImagesLock {
    /// The images that no registry confirmed.
    pub fn unresolved(&self) -> impl Iterator<Item = &str> {
        self.images.iter().filter(|(_, image)| image.resolved.is_none()).map(|(name, _)| name.as_str())
    }
}

/// One image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedImage {
    /// What a registry had under the name; omitted where none confirmed it: the entry is *unresolved*.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved: Option<ResolvedImage>,
    /// Where the name comes from; never empty.
    pub used_by: BTreeSet<ImageUse>,
}

/// What a name stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResolvedImage {
    /// The digest by which it is referred to: the index's, or the one platform's manifest's.
    pub digest: Digest,
    /// Its media type.
    pub media_type: String,
    /// Its size in bytes, without what it names.
    pub size: u64,
    /// Whether all platforms of an index are meant, or one.
    pub mode: LockMode,
    /// The manifest of each platform (`linux/amd64`).
    pub platforms: BTreeMap<String, Digest>,
    /// Signatures, attestations and the like: of the index and of each manifest.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub attached: BTreeSet<Attached>,
}

/// What of an image is meant. An index is never carried in part, and never written anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LockMode {
    /// The index with all that it names.
    Index,
    /// The manifest of one platform.
    Manifest,
}

/// A manifest that says something about another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attached {
    /// About which.
    pub subject: Digest,
    /// The manifest.
    pub digest: Digest,
    /// The tag that it was found by (`sha256-<hex>.sig`); omitted where it came from the referrers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// What kind it says that it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
}

/// Where an image's name comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageUse {
    /// The component; `windlass` for what it runs by itself.
    pub component: String,
    /// In which place: `images.hadoop` of the definition, or `StatefulSet/hdfs-namenode container namenode` of a rendering.
    pub at: String,
    /// The profiles whose renderings have it, `default` for none; empty for the definition's own list. Where no profile alone
    /// has it, the answers that bring it: `hdfs.mode=ha`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub profiles: BTreeSet<String>,
}

/// A folder of files, by what is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedFiles {
    /// Where from, as the definition or the answer has it.
    pub from: String,
    /// The digest of names and contents, as [`crate::model::digest`] makes it; in an offline bundle, of the archive there.
    pub digest: String,
    /// In an offline bundle: the archive's size in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
}

/// A program for each platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedProgram {
    /// Its version.
    pub version: String,
    /// By platform: the digest and size of the file; omitted where none was read: the entry is *unresolved*.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub platforms: BTreeMap<String, LockedFile>,
}

/// One file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedFile {
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
}

/// What an offline bundle is one of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedBundle {
    /// The windlass that made it.
    pub windlass: String,
    /// The platforms that were asked for.
    pub platforms: BTreeSet<String>,
    /// The components.
    pub components: BTreeSet<String>,
    /// Of a difference: the digest of the lock of the bundle that it adds to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Digest>,
    /// Every blob that the archive holds, and its size in bytes. Those of a base are not among them.
    pub blobs: BTreeMap<Digest, u64>,
}
