//! Where images come from: what was chosen, and what is known of an offline bundle and of the registry.

use std::collections::{BTreeMap, BTreeSet};

use super::look::Look;
use super::typing::Typing;
use super::widgets::Cursor;
use super::words::{Word, fill};
use crate::answers::Answer;
use crate::catalog::QuestionId;
use crate::render::text;

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

/// The signature of an offline bundle. A key is named by its fingerprint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signed {
    /// Not signed.
    Nobody,
    /// Signed by a key that is not pinned.
    Unpinned(String),
    /// Signed; no key was given to check it.
    Unchecked,
    /// Signed by the pinned key.
    Pinned(String),
}

/// What is known of an offline bundle that was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleView {
    /// Its name.
    pub name: String,
    /// Its signature.
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

/// What a push would do, and what prevents it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PushView {
    /// How many images there are.
    pub images: usize,
    /// Bytes to send.
    pub upload: u64,
    /// Bytes to mount from other repositories of the registry.
    pub mount: u64,
    /// Bytes that the registry has already.
    pub there: u64,
    /// Manifests and tags to write.
    pub writes: usize,
    /// Missing projects and rights, tags of other images.
    pub problems: Vec<String>,
    /// The answers that the offline bundle brings.
    pub pinned: BTreeMap<QuestionId, Answer>,
}

/// The state of reading every byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VerifyState {
    /// Bytes that were read, and all.
    InProgress(u64, u64),
    /// All are intact.
    Intact(u64),
    /// What is damaged.
    Damaged(String),
}

/// Where images come from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Origin {
    /// Each from where it is published.
    #[default]
    Published,
    /// The site's registry, which has them.
    Registry,
    /// An offline bundle, which is pushed to the site's registry.
    Bundle,
}

/// What this screen knows.
#[derive(Debug, Clone, Default)]
pub struct Source {
    /// What was chosen; the answers may name a registry besides.
    pub origin: Origin,
    /// Which offline bundle.
    pub choice: OfflineChoice,
    /// Further options of the command line for it, each with its value if it has one.
    pub more: Vec<(&'static str, Option<String>)>,
    /// What it is, or why it cannot be used.
    pub opened: Option<Result<BundleView, String>>,
    /// How far it was read.
    pub reading: Option<VerifyState>,
    /// What a push would do, or why that is not known.
    pub push: Option<Result<PushView, String>>,
    pub(super) cursor: Cursor,
    pub(super) typing: Option<Typing>,
    /// Chosen components that it lacks, and those that were chosen instead where it has none of them.
    pub(super) omitted: BTreeSet<String>,
    pub(super) substituted: BTreeSet<String>,
}

impl Source {
    /// With what the command line says.
    #[must_use]
    pub fn new(choice: OfflineChoice, more: Vec<(&'static str, Option<String>)>) -> Self {
        let origin = if choice.bundle.is_empty() { Origin::Published } else { Origin::Bundle };
        Self { origin, choice, more, ..Self::default() }
    }
}

impl PushView {
    /// The same with all numbers.
    pub(super) fn counts(&self, look: Look) -> String {
        let values = [
            ("images", self.images.to_string()),
            ("upload", text::bytes(self.upload)),
            ("mount", text::bytes(self.mount)),
            ("there", text::bytes(self.there)),
        ];
        fill(look.say(Word::PushCounts), &values)
    }
}
