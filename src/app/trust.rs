//! Opens offline bundles, checks them against the pinned key, and maps their errors to exit codes.

use std::path::Path;

use super::exit::{Exit, Failed, OrExit as _};
use crate::cli::OpenArgs;
use crate::driver::bundle::sign::{self, PublicKey, SignedBy};
use crate::driver::bundle::{BlobProblem, Bundle, BundleError, CreateError, LayoutWriteError, SignError};
use crate::model::bounded;

/// The most bytes of a signature's file.
const SIGNATURE: u64 = 4096;

/// Opens an offline bundle and checks its signature.
pub(in crate::app) fn open(args: &OpenArgs) -> Result<(Bundle, SignedBy), Failed> {
    let pinned = args.key.as_deref().map(PublicKey::read).transpose().map_err(signing)?;
    let bundle = Bundle::open(&args.bundle).map_err(reading)?;
    let signature = match &args.signature {
        Some(path) => Some(signature_file(path)?),
        None => bundle.signature().map_err(signing)?,
    };
    let signed = sign::check(signature.as_deref(), bundle.lock_bytes(), pinned.as_ref());
    let signed = signed.map_err(|source| {
        let exit = refusal(&source);
        Failed::new(exit, BundleError::Signature { name: bundle.files().name.clone(), source })
    })?;
    Ok((bundle, signed))
}

/// The bytes of a signature in a file.
pub(super) fn signature_file(path: &Path) -> Result<Vec<u8>, Failed> {
    bounded::bytes(path, SIGNATURE)
        .map_err(|source| SignError::Io { what: "read", path: path.to_owned(), source })
        .or_exit(Exit::BadInput)
}

/// The result of a signature check, for people.
pub(in crate::app) fn signed_text(signed: &SignedBy) -> String {
    match signed {
        SignedBy::Nobody => "not signed".to_owned(),
        SignedBy::Unpinned(key) => format!("signed by {}, not pinned by --key", key.fingerprint()),
        SignedBy::Unchecked => "signed, not checked: add --key to check the signature".to_owned(),
        SignedBy::Pinned(key) => format!("signed by the pinned key {}", key.fingerprint()),
    }
}

/// The same for machines.
pub(super) fn signed_json(signed: &SignedBy) -> serde_json::Value {
    let (state, key) = match signed {
        SignedBy::Nobody => ("unsigned", None),
        SignedBy::Unpinned(key) => ("unpinned", Some(key)),
        SignedBy::Unchecked => ("unchecked", None),
        SignedBy::Pinned(key) => ("pinned", Some(key)),
    };
    serde_json::json!({"state": state, "key": key.map(PublicKey::fingerprint)})
}

/// An offline bundle that cannot be read is bad input; one with other bytes than its lock says is damaged.
pub(super) fn reading(error: BundleError) -> Failed {
    let exit = match &error {
        BundleError::Signature { source, .. } => refusal(source),
        damaged if is_damaged(damaged) => Exit::VerifyFailed,
        _ => Exit::BadInput,
    };
    Failed::new(exit, error)
}

/// Whether bytes are others than the lock of the offline bundle says.
pub(super) const fn is_damaged(error: &BundleError) -> bool {
    matches!(error, BundleError::Blob { problem: BlobProblem::Digest(_), .. })
}

pub(super) fn signing(error: SignError) -> Failed {
    Failed::new(refusal(&error), error)
}

/// A missing or wrong signature is refused; all else about signatures is bad input.
fn refusal(error: &SignError) -> Exit {
    match error {
        SignError::Unsigned | SignError::Other { .. } | SignError::Broken => Exit::Refused,
        SignError::Random(_) => Exit::Unexpected,
        _ => Exit::BadInput,
    }
}

/// Errors of writing. `planning` means that nothing was written yet.
pub(super) fn writing(error: CreateError, planning: bool) -> Failed {
    let exit = match &error {
        CreateError::Source(_) if planning => Exit::Unusable,
        CreateError::Source(_) => Exit::Failed,
        CreateError::Space { .. } | CreateError::Layout(LayoutWriteError::Space { .. }) => Exit::Preflight,
        CreateError::Layout(LayoutWriteError::Full(_) | LayoutWriteError::Io { .. }) => Exit::Unexpected,
        CreateError::Full { .. } | CreateError::Io { .. } | CreateError::Worker(_) => Exit::Unexpected,
        CreateError::Busy(_) => Exit::Locked,
        CreateError::Stopped => Exit::Stopped,
        CreateError::Sign(error) => refusal(error),
        // A blob of the source that does not match its digest.
        CreateError::Bundle(BundleError::Blob { .. }) if !planning => Exit::Failed,
        _ => Exit::BadInput,
    };
    Failed::new(exit, error)
}
