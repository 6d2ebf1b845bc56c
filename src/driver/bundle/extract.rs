//! Writes images of an offline bundle as an OCI layout, for scanners and other tools.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::closure::{self, Closure};
use super::error::LayoutWriteError;
use super::error::{BlobProblem, BundleError, CreateError};
use super::format;
use super::layout::LayoutFolder;
use super::read::Bundle;
use super::stream::CHUNK;
use crate::model::images_lock::{ImagesLock, LockedImage};
use crate::model::oci::Digest;

/// Writes the images of these names into a new folder, which has its name only when all is there. Equal bundles give equal
/// folders. Each blob is checked as it is written. `progress` gets the bytes that are written and how many there are to be, and
/// says whether more is wanted.
///
/// # Errors
/// The folder is there, an image is not in the bundle, a blob is wrong, the disk fails, or no more was wanted. Nothing is left
/// then.
pub fn extract(
    bundle: &Bundle,
    images: &BTreeSet<String>,
    target: &Path,
    progress: &dyn Fn(u64, u64) -> bool,
) -> Result<u64, CreateError> {
    // Before all that takes long.
    let folder = LayoutFolder::begin(target)?;
    let mut lock: ImagesLock = bundle.lock().clone();
    lock.images.retain(|name, _| images.contains(name));
    let (blobs, kinds) = needed(bundle, &lock)?;
    let total: u64 = blobs.values().sum();
    folder.check_room(total)?;
    for digest in blobs.keys() {
        copy(bundle, *digest, &folder.blob(*digest), &|bytes| progress(bytes, total))?;
    }
    folder.finish(&format::index_json(&lock, None, &blobs, &kinds)?)?;
    Ok(total)
}

type Needed = (BTreeMap<Digest, u64>, BTreeMap<Digest, String>);

/// The blobs of the images of a lock, all of which must be in the bundle.
pub(super) fn needed(bundle: &Bundle, lock: &ImagesLock) -> Result<Needed, BundleError> {
    let mut closure = Closure::new(lock)?;
    loop {
        let pending = closure.pending();
        if pending.is_empty() {
            break;
        }
        for wanted in pending {
            let manifest = bundle.manifest(wanted.digest)?;
            closure.found(&wanted, &manifest)?;
        }
    }
    let blobs = closure.sizes()?;
    for digest in blobs.keys() {
        bundle.place(*digest)?;
    }
    if let Some((name, _)) = lock.images.iter().find(|(_, image)| image.resolved.is_none()) {
        let image = name.clone();
        return Err(BundleError::NoImage { image, name: bundle.files().name.clone(), nearest: None });
    }
    debug_assert!(closure::resolved(lock).count() == lock.images.len());
    Ok((blobs, closure.kinds()))
}

/// The images of a difference of which something is in its base alone.
#[must_use]
pub fn in_base(bundle: &Bundle) -> Vec<String> {
    if bundle.about().base.is_none() {
        return Vec::new();
    }
    let lacks = |name: &String, image: &LockedImage| {
        let lock = ImagesLock { images: [(name.clone(), image.clone())].into(), ..ImagesLock::default() };
        matches!(needed(bundle, &lock), Err(BundleError::InBase { .. }))
    };
    bundle.lock().images.iter().filter(|(name, image)| lacks(name, image)).map(|(name, _)| name.clone()).collect()
}

/// Writes one blob into a new file, and says of one that is wrong that it is; what was written of it stays. `progress` gets the
/// bytes that are written, and says whether more is wanted.
///
/// # Errors
/// It is not in the bundle, it is wrong, the disk fails, or no more was wanted.
pub fn copy(bundle: &Bundle, digest: Digest, path: &Path, progress: &dyn Fn(u64) -> bool) -> Result<(), CreateError> {
    let (at, size) = bundle.place(digest)?;
    let io = |error| LayoutWriteError::io("write", path, error);
    let mut file = File::create(path).map_err(io)?;
    let mut hash = Sha256::new();
    let (mut buffer, mut done) = (vec![0; CHUNK], 0);
    while done < size {
        let count = usize::try_from(size - done).unwrap_or(CHUNK).min(CHUNK);
        let piece = &mut buffer[..count];
        let read = bundle.parts().read_exact_at(at + done, piece);
        read.map_err(|error| CreateError::io("read", bundle.holding(at + done, 1), error))?;
        hash.update(&piece);
        file.write_all(piece).map_err(io)?;
        done += count as u64;
        if !progress(count as u64) {
            return Err(CreateError::Stopped);
        }
    }
    match Digest::finish(hash) {
        found if found == digest => Ok(()),
        found => {
            let problem = BlobProblem::Digest(found);
            Err(BundleError::Blob { digest, of: bundle.holding(at, size), problem }.into())
        }
    }
}
