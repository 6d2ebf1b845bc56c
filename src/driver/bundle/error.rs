//! Why an offline bundle cannot be created, read or trusted.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::driver::image_source::SourceError;
use crate::model::oci::{Digest, ManifestError};
use crate::model::yaml::{Findings, TypeError};
use crate::model::{bounded, few};

/// What is wrong with an entry of the archive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryProblem {
    /// Only zeros.
    #[error("the archive ends here")]
    End,
    /// The checksum of a header does not fit it.
    #[error("header is damaged")]
    Damaged,
    /// Another kind than a regular file.
    #[error("found {0}, expected a regular file")]
    Kind(&'static str),
    /// `../` or an absolute path.
    #[error("path leads outside the archive")]
    Outside,
    /// It was there before.
    #[error("duplicate entry")]
    Twice,
    /// It belongs elsewhere.
    #[error("out of order: expected `{0}`")]
    Order(String),
    /// Nothing of that name belongs into an archive.
    #[error("unexpected entry")]
    Unknown,
    /// Its size is another.
    #[error("size is {found}, expected {expected}")]
    Size {
        /// That of its header.
        found: String,
        /// That which it must have.
        expected: String,
    },
    /// More than is read.
    #[error("size {} exceeds the limit of {}", bounded::size(*.0), bounded::size(*.1))]
    Limit(u64, u64),
    /// Owner, mode, time or padding.
    #[error("header has a mode, owner, time or other fields that windlass does not write")]
    Fields,
    /// What fills it up to whole blocks.
    #[error("padding is not zero")]
    Padding,
    /// The content is not what the lock gives.
    #[error("content does not match images.lock")]
    Content,
}

/// What is wrong with a blob.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BlobProblem {
    /// Its bytes are others.
    #[error("digest mismatch: found {0}")]
    Digest(Digest),
    /// There are more.
    #[error("longer than {0} bytes")]
    Long(u64),
    /// There are fewer.
    #[error("truncated: {found} of {expected} bytes")]
    Short {
        /// How many came.
        found: u64,
        /// How many there are to be.
        expected: u64,
    },
    /// Two manifests say different sizes.
    #[error("conflicting sizes: {0} and {1} bytes")]
    Sizes(u64, u64),
    /// The lock does not list it.
    #[error("required but not listed in images.lock")]
    Unlisted,
    /// Nobody needs it.
    #[error("listed in images.lock but not required")]
    Unneeded,
    /// It is not of the kind that the lock says.
    #[error("{0}")]
    Manifest(&'static str),
}

/// Why an offline bundle cannot be read or trusted.
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
    #[error("no offline bundle found in {0}: specify a .tar file, its first part, or the folders with its parts")]
    None(String),
    /// There are several.
    #[error("found several offline bundles: {}; specify one of them", .0.join(", "))]
    Several(Vec<String>),
    /// A part is missing.
    #[error("part {number:03} of {name} is missing; specify its folder as well")]
    MissingPart {
        /// Of which.
        name: String,
        /// Which.
        number: usize,
    },
    /// A part is there twice.
    #[error("part {number:03} found twice: {} and {}; remove one of them", first.display(), second.display())]
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
        "{} has {found} bytes and the first part {expected}: one of them is truncated, or belongs to another run",
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
    #[error("{name} is truncated: {found} of {expected} bytes{}", parts_missing(*.parts))]
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
    #[error("{} has {extra} bytes after the end of the offline bundle: it belongs to another run, or was appended to", path.display())]
    Trailing {
        /// Which file.
        path: PathBuf,
        /// How many.
        extra: u64,
    },
    /// An entry is wrong.
    #[error("{name} is not a valid offline bundle: at byte {at}, entry `{entry}`: {problem}")]
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
    /// The lock is invalid.
    #[error("invalid images.lock of {name}: {problem}")]
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
    /// A manifest is invalid.
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
    #[error("image `{image}` not found in {name}{}", meant(.nearest))]
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
        "{name} is a difference: {what} is in its base, the offline bundle whose images.lock has the digest {base}; merge both with `windlass bundle join BASE DIFFERENCE`"
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
    #[error("failed to verify the signature of {name}")]
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
    /// Not a key of a known kind.
    #[error("{what} is not {expected}")]
    Key {
        /// The file.
        what: String,
        /// What it must be.
        expected: &'static str,
    },
    /// A key of another kind.
    #[error(
        "{0} is encrypted, which is not supported: decrypt it first, or sign elsewhere and pass the signature with --signature"
    )]
    Encrypted(String),
    /// No randomness.
    #[error("failed to get random bytes")]
    Random(#[source] getrandom::Error),
    /// There is no signature.
    #[error(
        "not signed, but a key is pinned; sign it with `windlass bundle sign`, or pass its signature with --signature"
    )]
    Unsigned,
    /// The signature is of another key.
    #[error("signature does not match the pinned key {pinned}, or images.lock was changed")]
    Other {
        /// The fingerprint of the pinned key.
        pinned: String,
    },
    /// The signature does not fit its own key.
    #[error("signature does not match images.lock: one of them was changed")]
    Broken,
    /// It is no signature.
    #[error("{0} is not a signature of windlass, nor the base64 output of `cosign sign-blob`")]
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
    #[error("no space left on the disk of {}; fetched data is kept: free {}, and run the same command again", path.display(), bounded::size(*.needed))]
    Full {
        /// Which file.
        path: PathBuf,
        /// How many bytes are missing at least.
        needed: u64,
    },
    /// There is too little room from the start.
    #[error("not enough space on {}: {free} bytes free, {needed} needed; free some, or choose another place with --output", path.display())]
    Space {
        /// The file system.
        path: PathBuf,
        /// Bytes needed.
        needed: u64,
        /// Bytes free.
        free: u64,
    },
    /// Images are not resolved.
    #[error(
        "unresolved images: {}; no registry confirmed them: run `windlass lock --from REGISTRY`, or add their layouts with --layout",
        few(.0, 5)
    )]
    Unresolved(Vec<String>),
    /// The source does not have it.
    #[error("manifest {digest} of {image} not found in the source")]
    NoManifest {
        /// Which.
        digest: Digest,
        /// Of which image.
        image: String,
    },
    /// It is there.
    #[error("{} already exists: remove it, or choose another name with --output", .0.display())]
    Exists(PathBuf),
    /// A layout.
    #[error(transparent)]
    Layout(#[from] LayoutWriteError),
    /// An unfinished one of another lock.
    #[error(
        "{} is incomplete and was started with other inputs; use `--restart` to remove it and start over",
        .0.display()
    )]
    OtherPartial(PathBuf),
    /// One of the same name is being made, or waits to be resumed.
    #[error(
        "{}.partial is an unfinished offline bundle: run the `windlass bundle create` again that was interrupted, or choose another name with --output",
        .0.display()
    )]
    Unfinished(PathBuf),
    /// No more was wanted.
    #[error("stopped; nothing was kept")]
    Stopped,
    /// Another windlass is at it.
    #[error("another windlass is writing {}", .0.display())]
    Busy(PathBuf),
    /// Parts of another run are in the folder.
    #[error("{} is a part of another run: remove it, or choose another name with --output", .0.display())]
    OtherPart(PathBuf),
    /// The name cannot be on every medium.
    #[error("invalid name for parts `{0}`: only a-z, 0-9, dots and dashes, at most 59 characters")]
    Name(String),
    /// Too many parts.
    #[error("part size {size} bytes gives {parts} parts, the limit is 999")]
    Parts {
        /// Of which size.
        size: u64,
        /// How many.
        parts: u64,
    },
    /// It is too large for numbers.
    #[error("offline bundle is too large")]
    Huge,
    /// The lock is too long.
    #[error("images.lock is too large: {0} bytes, the limit is 64 MiB")]
    LongLock(u64),
    /// The lock cannot be written.
    #[error("failed to write images.lock")]
    Lock(#[from] TypeError),
    /// JSON.
    #[error("failed to write JSON")]
    Json(#[from] serde_json::Error),
    /// A difference was given as base.
    #[error("{0} is a difference and cannot be a base: specify a full offline bundle or its lock")]
    BaseIsDifference(String),
    /// A base of another difference.
    #[error(
        "{difference} is based on the offline bundle whose images.lock has the digest {expected}, but {base} has {found}"
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
    #[error("cannot use {}: {problem}", path.display())]
    Input {
        /// Which.
        path: PathBuf,
        /// Why.
        problem: &'static str,
    },
    /// A worker task ended.
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
    if parts == 0 { String::new() } else { format!("; part {:03} and later ones may be missing", parts + 1) }
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
    #[error("{} already exists: remove it, or choose another folder", .0.display())]
    Exists(PathBuf),
    /// There is too little room from the start.
    #[error("not enough space on {}: {free} bytes free, {needed} needed; free some, or choose another folder", path.display())]
    Space {
        /// The file system.
        path: PathBuf,
        /// Bytes needed.
        needed: u64,
        /// Bytes free.
        free: u64,
    },
    /// The disk is full.
    #[error("no space left on the disk of {}, nothing was kept: free some, and run the same command again", .0.display())]
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
