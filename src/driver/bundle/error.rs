//! Why an offline bundle cannot be made, read or believed.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::driver::image_source::SourceError;
use crate::model::bounded;
use crate::model::oci::{Digest, ManifestError};
use crate::model::yaml::{Findings, TypeError};

/// What is wrong with an entry of the archive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryProblem {
    /// Only zeros.
    #[error("the archive ends there")]
    End,
    /// The checksum of a header does not fit it.
    #[error("its header is damaged")]
    Damaged,
    /// Another kind than a regular file.
    #[error("it is {0}, and only regular files belong there")]
    Kind(&'static str),
    /// `../` or an absolute path.
    #[error("its path leads out of the archive")]
    Outside,
    /// It was there before.
    #[error("it is there twice")]
    Twice,
    /// It belongs elsewhere.
    #[error("it is out of order: `{0}` belongs there")]
    Order(String),
    /// Nothing of that name belongs into an archive.
    #[error("no offline bundle has such an entry")]
    Unknown,
    /// Its size is another.
    #[error("it has {found} where {expected} belong")]
    Size {
        /// That of its header.
        found: String,
        /// That which it must have.
        expected: String,
    },
    /// More than is read.
    #[error("it has {} and at most {} are read", bounded::size(*.0), bounded::size(*.1))]
    Limit(u64, u64),
    /// Owner, mode, time or padding.
    #[error("its header has a mode, an owner, a time or other fields that windlass does not write")]
    Fields,
    /// What fills it up to whole blocks.
    #[error("what fills the block after it is not zero")]
    Padding,
    /// The content is not what the lock gives.
    #[error("its content is not what the lock gives")]
    Content,
}

/// What is wrong with a blob.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BlobProblem {
    /// Its bytes are others.
    #[error("it has another digest: {0}")]
    Digest(Digest),
    /// There are more.
    #[error("it does not end after {0} bytes")]
    Long(u64),
    /// There are fewer.
    #[error("it ends after {found} of {expected} bytes")]
    Short {
        /// How many came.
        found: u64,
        /// How many there are to be.
        expected: u64,
    },
    /// Two manifests say different sizes.
    #[error("its size is given as {0} and as {1} bytes")]
    Sizes(u64, u64),
    /// The lock does not list it.
    #[error("it is needed, and the lock does not list it")]
    Unlisted,
    /// Nobody needs it.
    #[error("the lock lists it, and nothing needs it")]
    Unneeded,
    /// It is not of the kind that the lock says.
    #[error("{0}")]
    Manifest(&'static str),
    /// Nothing came for a while.
    #[error("timed out after {0}s without a byte")]
    Stalled(u64),
}

/// Why an offline bundle cannot be read or believed.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The disk.
    #[error("failed to {what} {}", path.display())]
    Io {
        /// `read`, `open`.
        what: &'static str,
        /// Of which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is none.
    #[error("there is no offline bundle in {0}: give a .tar file, its first part, or the folders that hold its parts")]
    None(String),
    /// There are several.
    #[error("there are several offline bundles: {}; name the one that is meant", .0.join(", "))]
    Several(Vec<String>),
    /// A part is missing.
    #[error("part {number:03} of {name} is missing; its folder can be given as well")]
    MissingPart {
        /// Of which.
        name: String,
        /// Which.
        number: usize,
    },
    /// A part is there twice.
    #[error("part {number:03} is both {} and {}: remove the one that is not meant", first.display(), second.display())]
    TwoParts {
        /// Which.
        number: usize,
        /// One.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// Parts of different runs.
    #[error(
        "{} has {found} bytes and the first part {expected}: one of them is cut short, or of another run",
        path.display()
    )]
    PartSize {
        /// Which.
        path: PathBuf,
        /// Its size.
        found: u64,
        /// That of the first.
        expected: u64,
    },
    /// It is shorter than its lock says.
    #[error("{name} is cut short: it has {found} of {expected} bytes{}", parts_missing(*.parts))]
    Truncated {
        /// Which.
        name: String,
        /// How many there are.
        found: u64,
        /// How many there must be.
        expected: u64,
        /// How many parts there are; 0 where it is one file.
        parts: usize,
    },
    /// It is longer.
    #[error("{} has {extra} bytes after the end of the offline bundle: it is of another run, or was added to", path.display())]
    Trailing {
        /// Which file.
        path: PathBuf,
        /// How many.
        extra: u64,
    },
    /// An entry is wrong.
    #[error("{name} is no sound offline bundle: at byte {at}, entry `{entry}`: {problem}")]
    Entry {
        /// The file.
        name: String,
        /// Where.
        at: u64,
        /// Which.
        entry: String,
        /// What is wrong.
        problem: EntryProblem,
    },
    /// The lock is no YAML of its shape.
    #[error("failed to parse images.lock of {name}")]
    Lock {
        /// The file.
        name: String,
        /// Every mistake, with its place.
        source: Findings,
    },
    /// The lock says what cannot be.
    #[error("images.lock of {name} cannot be used: {problem}")]
    LockContent {
        /// The file.
        name: String,
        /// Why.
        problem: String,
    },
    /// A blob is wrong.
    #[error("blob {digest}{}: {problem}", of_what(.of))]
    Blob {
        /// Which.
        digest: Digest,
        /// What needs it, or where it is.
        of: String,
        /// What is wrong.
        problem: BlobProblem,
    },
    /// A manifest is none.
    #[error("failed to read the manifest {digest} of {of}")]
    Manifest {
        /// Which.
        digest: Digest,
        /// Of which image.
        of: String,
        /// Why.
        source: ManifestError,
    },
    /// There is no such image in it.
    #[error("there is no image `{image}` in {name}{}", meant(.nearest))]
    NoImage {
        /// Which.
        image: String,
        /// Where.
        name: String,
        /// The one that may be meant.
        nearest: Option<String>,
    },
    /// It is only the difference to another.
    #[error(
        "{name} is a difference: {what} is in its base, the offline bundle whose images.lock has the digest {base}; `windlass bundle join BASE DIFFERENCE` makes one of both"
    )]
    InBase {
        /// The file.
        name: String,
        /// What was asked for.
        what: String,
        /// The base.
        base: Digest,
    },
    /// The signature.
    #[error("the signature of {name} cannot be accepted")]
    Signature {
        /// The file.
        name: String,
        /// Why.
        source: SignError,
    },
    /// A text could not be written.
    #[error("failed to write JSON")]
    Json(#[from] serde_json::Error),
}

/// Why a signature or a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// A file.
    #[error("failed to {what} {}", path.display())]
    Io {
        /// `read`, `write`.
        what: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No key of a kind that is known.
    #[error("{what} is no {expected}")]
    Key {
        /// The file.
        what: String,
        /// What it must be.
        expected: &'static str,
    },
    /// A key of another kind.
    #[error(
        "{0} is encrypted, and no password can be given: decrypt it first, or sign elsewhere and give the signature by --signature"
    )]
    Encrypted(String),
    /// No randomness.
    #[error("the system gives no random bytes")]
    Random(#[source] getrandom::Error),
    /// There is no signature.
    #[error(
        "it is not signed, and a key is pinned; sign it with `windlass bundle sign`, or give its signature by --signature"
    )]
    Unsigned,
    /// The signature is of another key.
    #[error("its signature was not made by the pinned key {pinned}, or images.lock was changed")]
    Other {
        /// The fingerprint of the pinned key.
        pinned: String,
    },
    /// The signature does not fit its own key.
    #[error("its signature does not fit images.lock: one of both was changed")]
    Broken,
    /// It is no signature.
    #[error("{0} is no signature: neither windlass's, nor base64 as `cosign sign-blob` writes it")]
    Form(String),
}

/// Why an offline bundle was not made. What was fetched is kept, but where it says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The source.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Reading.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// Signing.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The disk.
    #[error("failed to {what} {}", path.display())]
    Io {
        /// `read`, `write`.
        what: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The disk is full.
    #[error("the disk of {} is full; what was fetched is kept: free {}, and run the same command again", path.display(), bounded::size(*.needed))]
    Full {
        /// Which file.
        path: PathBuf,
        /// How many bytes are missing at least.
        needed: u64,
    },
    /// There is too little room from the start.
    #[error("{} has {free} bytes free and {needed} are needed: free some, or give another place by --output", path.display())]
    Space {
        /// The file system.
        path: PathBuf,
        /// Bytes needed.
        needed: u64,
        /// Bytes free.
        free: u64,
    },
    /// An image is not resolved.
    #[error("image `{0}` is unresolved: no registry confirmed it; `windlass lock` resolves it")]
    Unresolved(String),
    /// The source does not have it.
    #[error("the source does not have the manifest {digest} of {image}")]
    NoManifest {
        /// Which.
        digest: Digest,
        /// Of which image.
        image: String,
    },
    /// It is there.
    #[error("{} is already there: remove it, or give another name by --output", .0.display())]
    There(PathBuf),
    /// A layout.
    #[error(transparent)]
    Layout(#[from] LayoutWriteError),
    /// An unfinished one of another lock.
    #[error(
        "{} is unfinished and was begun from other inputs; `--restart` removes it and begins again",
        .0.display()
    )]
    OtherPartial(PathBuf),
    /// Another windlass is at it.
    #[error("another windlass is writing {}", .0.display())]
    Busy(PathBuf),
    /// Parts of another run are in the folder.
    #[error("{} is a part of another run: remove it, or give another name by --output", .0.display())]
    OtherPart(PathBuf),
    /// The name cannot be on every medium.
    #[error(
        "`{0}` cannot be the name of parts: only a-z, 0-9, dots and dashes, at most 59, which every file system takes"
    )]
    Name(String),
    /// Too many parts.
    #[error("parts of {size} bytes would be {parts}, and at most 999 can be numbered")]
    Parts {
        /// Of which size.
        size: u64,
        /// How many.
        parts: u64,
    },
    /// It is too large for numbers.
    #[error("the offline bundle would be larger than any file")]
    Huge,
    /// The lock is too long.
    #[error("images.lock would have {0} bytes, and at most 64 MiB are read")]
    LongLock(u64),
    /// The lock cannot be written.
    #[error("failed to write images.lock")]
    Lock(#[from] TypeError),
    /// JSON.
    #[error("failed to write JSON")]
    Json(#[from] serde_json::Error),
    /// A base that is none.
    #[error("{0} is itself a difference and cannot be a base: give a whole offline bundle or its lock")]
    BaseIsDifference(String),
    /// A base of another difference.
    #[error(
        "{difference} adds to the offline bundle whose images.lock has the digest {expected}, and {base} has {found}"
    )]
    WrongBase {
        /// The difference.
        difference: String,
        /// What it names.
        expected: Digest,
        /// The one given.
        base: String,
        /// Its digest.
        found: Digest,
    },
    /// A file that was given for the bundle.
    #[error("{} cannot be taken: {problem}", path.display())]
    Input {
        /// Which.
        path: PathBuf,
        /// Why.
        problem: &'static str,
    },
    /// A task of ours ended.
    #[error("a worker ended unexpectedly")]
    Worker(#[from] tokio::task::JoinError),
}

impl BundleError {
    pub(super) fn io(what: &'static str, path: impl AsRef<Path>, source: io::Error) -> Self {
        Self::Io { what, path: path.as_ref().to_owned(), source }
    }
}

impl CreateError {
    pub(super) fn io(what: &'static str, path: impl AsRef<Path>, source: io::Error) -> Self {
        Self::Io { what, path: path.as_ref().to_owned(), source }
    }
}

fn parts_missing(parts: usize) -> String {
    if parts == 0 { String::new() } else { format!("; part {:03} and what follows may be missing", parts + 1) }
}

fn of_what(of: &str) -> impl fmt::Display {
    if of.is_empty() { String::new() } else { format!(" of {of}") }
}

fn meant(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}

/// Why a layout was not written.
#[derive(Debug, thiserror::Error)]
pub enum LayoutWriteError {
    /// It is there.
    #[error("{} is already there: remove it, or name another folder", .0.display())]
    There(PathBuf),
    /// There is too little room from the start.
    #[error("{} has {free} bytes free and {needed} are needed: free some, or name a folder elsewhere", path.display())]
    Space {
        /// The file system.
        path: PathBuf,
        /// Bytes needed.
        needed: u64,
        /// Bytes free.
        free: u64,
    },
    /// The disk is full.
    #[error("the disk of {} is full, nothing was kept: free some, and run the same command again", .0.display())]
    Full(PathBuf),
    /// The disk.
    #[error("failed to {what} {}", path.display())]
    Io {
        /// `read`, `write`.
        what: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl LayoutWriteError {
    /// An error of the disk; a full one has words of its own.
    pub fn io(what: &'static str, path: impl AsRef<Path>, source: io::Error) -> Self {
        let path = path.as_ref().to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full(path),
            _ => Self::Io { what, path, source },
        }
    }
}
