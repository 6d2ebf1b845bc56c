//! What the screen of sources wants of the world, and what it hears of an offline bundle and its registry.

use std::collections::{BTreeMap, BTreeSet};

use crate::answers::{Answer, Given};
use crate::catalog::QuestionId;

/// An offline bundle as options name it. An empty text is an option that was not given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OfflineChoice {
    /// `--bundle`: a file, a part, or folders of parts, with colons between.
    pub bundle: String,
    /// `--key`.
    pub key: String,
    /// `--ca`, several with colons between.
    pub ca: String,
}

/// Whose an offline bundle is. A key is told by its fingerprint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signed {
    /// Nobody's.
    Nobody,
    /// That of a key which nobody pinned.
    Unpinned(String),
    /// That of a key which is needed to check it.
    Unchecked,
    /// That of the pinned key.
    Pinned(String),
}

/// What is known of an offline bundle that was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleView {
    /// Its name.
    pub name: String,
    /// Whose it is.
    pub signed: Signed,
    /// The components that it holds.
    pub components: BTreeSet<String>,
    /// How many images.
    pub images: usize,
    /// For which platforms.
    pub platforms: BTreeSet<String>,
    /// All its bytes.
    pub bytes: u64,
}

/// What a push would do, and what keeps it from going well.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PushView {
    /// How many images there are.
    pub images: usize,
    /// Bytes to send.
    pub upload: u64,
    /// Bytes to mount from other repositories of the registry.
    pub mount: u64,
    /// Bytes that are there.
    pub there: u64,
    /// Manifests and tags to write.
    pub writes: usize,
    /// Missing projects and rights, tags that stand for something else.
    pub problems: Vec<String>,
    /// The answers that the offline bundle brings.
    pub pinned: BTreeMap<QuestionId, Answer>,
}

/// How far the reading of every byte is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// Bytes that were read, and all.
    Going(u64, u64),
    /// All are right.
    Sound(u64),
    /// What is wrong.
    Wrong(String),
}

/// What this screen wants of the world.
#[derive(Debug, Clone, PartialEq)]
pub enum SourceIntent {
    /// Install from this from now on; from none without.
    Use(Option<OfflineChoice>),
    /// Open it, and check its structure, signature and lock.
    Open(OfflineChoice),
    /// Read every byte of it.
    Verify(OfflineChoice),
    /// Stop reading.
    StopVerify,
    /// Ask the registry of these answers what it has of it.
    Plan(OfflineChoice, Given),
}

/// What this screen hears. An error is its chain, outermost first.
#[derive(Debug, Clone)]
pub enum SourceNews {
    /// It was opened.
    Opened(Result<BundleView, Vec<String>>),
    /// So many bytes of so many were read.
    Read(u64, u64),
    /// Every byte was read; how many there are.
    Verified(Result<u64, Vec<String>>),
    /// What a push would do.
    Planned(Result<PushView, Vec<String>>),
}
