//! What a difference adds to: an offline bundle, its lock, or the receipt of its push.

use std::path::Path;

use super::super::exit::{Exit, Failed};
use super::super::trust::{reading, writing};
use crate::driver::bundle::{Base, CreateError, lock_of};
use crate::driver::registry::push::{RECEIPT_SCHEMA, Receipt};
use crate::model::bounded;

/// The most of a receipt: hundreds of bytes a blob, and what a lock may list.
const RECEIPT_LIMIT: u64 = 64 << 20;

/// Reads `--since`. A receipt is JSON, which neither a lock nor an archive begins as.
pub(super) fn base(path: &Path) -> Result<Base, Failed> {
    let name = path.display().to_string();
    if path.is_file() && begins_as_json(path) {
        return by_receipt(path, &name);
    }
    let (lock, digest) = lock_of(path).map_err(reading)?;
    Base::of(&lock, digest, &name).map_err(|error| writing(error, true))
}

fn begins_as_json(path: &Path) -> bool {
    use std::io::Read as _;
    let mut head = [0; 64];
    let read = std::fs::File::open(path).and_then(|mut file| file.read(&mut head)).unwrap_or_default();
    head[..read].trim_ascii_start().starts_with(b"{")
}

/// What a registry has since a push.
fn by_receipt(path: &Path, name: &str) -> Result<Base, Failed> {
    let refuse = |why: String| Failed::text(Exit::BadInput, format!("failed to read the receipt {name}: {why}"));
    let bytes = bounded::bytes(path, RECEIPT_LIMIT).map_err(|error| refuse(error.to_string()))?;
    let receipt: Receipt = serde_json::from_slice(&bytes).map_err(|error| refuse(error.to_string()))?;
    if receipt.schema != RECEIPT_SCHEMA {
        return Err(refuse(format!("schema {} is unknown: this windlass reads {RECEIPT_SCHEMA}", receipt.schema)));
    }
    let Some(digest) = receipt.lock else {
        return Err(refuse(
            "it does not list what was pushed: an earlier windlass wrote it; write it again with `windlass bundle push --receipt FILE`"
                .to_owned(),
        ));
    };
    if receipt.base.is_some() {
        return Err(writing(CreateError::BaseIsDifference(name.to_owned()), true));
    }
    Ok(Base { digest, blobs: receipt.contents().collect() })
}
