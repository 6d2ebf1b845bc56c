//! Reads every byte of an offline bundle, on all cores, straight from its files.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::error::{BlobProblem, BundleError};
use super::hash::{cores, hash};
use super::read::Bundle;
use super::split::bad_parts;
use super::stream::CHUNK;
use crate::model::oci::Digest;

/// What was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// How many blobs.
    pub blobs: usize,
    /// Their bytes.
    pub bytes: u64,
}

/// Hashes all blobs. That the rest is sound is what opening it has shown. `progress` gets bytes as they are read, from any
/// thread.
///
/// # Errors
/// All blobs that are wrong, in order, with the files or the parts that hold them.
pub fn verify(bundle: &Bundle, progress: &(dyn Fn(u64) + Sync)) -> Result<Verified, Vec<BundleError>> {
    let read = verify_while(bundle, &|bytes| {
        progress(bytes);
        true
    });
    // Nobody stopped it.
    read.map(|verified| verified.unwrap_or(Verified { blobs: 0, bytes: 0 }))
}

/// The same as long as `progress` wants more; `None` where it did not.
///
/// # Errors
/// All blobs that are wrong, of those that were read.
pub fn verify_while(
    bundle: &Bundle,
    progress: &(dyn Fn(u64) -> bool + Sync),
) -> Result<Option<Verified>, Vec<BundleError>> {
    hash_all(bundle, bundle.layout().blobs.iter().map(|(digest, place)| (*digest, *place)).collect(), progress)
}

/// The same of these blobs alone, as far as the bundle holds them.
///
/// # Errors
/// All blobs that are wrong, of those that were read.
pub fn verify_some_while(
    bundle: &Bundle,
    blobs: &BTreeSet<Digest>,
    progress: &(dyn Fn(u64) -> bool + Sync),
) -> Result<Option<Verified>, Vec<BundleError>> {
    let place = |digest: &Digest| Some((*digest, *bundle.layout().blobs.get(digest)?));
    hash_all(bundle, blobs.iter().filter_map(place).collect(), progress)
}

/// Hashes blobs, each at its place.
fn hash_all(
    bundle: &Bundle,
    mut order: Vec<(Digest, (u64, u64))>,
    progress: &(dyn Fn(u64) -> bool + Sync),
) -> Result<Option<Verified>, Vec<BundleError>> {
    // The largest first, so that no core works alone at the end.
    order.sort_by_key(|(digest, (_, size))| (std::cmp::Reverse(*size), *digest));
    let wrong = Mutex::new(Vec::new());
    let next = AtomicUsize::new(0);
    let stopped = AtomicBool::new(false);
    let parts = bundle.parts().as_ref();
    let work = || {
        let mut buffer = vec![0; CHUNK];
        while let Some((digest, (at, size))) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
            let more = |bytes| !stopped.load(Ordering::Relaxed) && progress(bytes);
            let problem = match hash(parts, *at, *size, &mut buffer, &more) {
                Ok(None) => {
                    stopped.store(true, Ordering::Relaxed);
                    break;
                }
                Ok(Some(hash)) => match Digest::finish(hash) {
                    found if found == *digest => continue,
                    found => Ok(BlobProblem::Digest(found)),
                },
                Err(error) => Err(error),
            };
            wrong.lock().unwrap_or_else(PoisonError::into_inner).push((*digest, *at, *size, problem));
        }
    };
    thread::scope(|scope| {
        for _ in 1..cores() {
            scope.spawn(work);
        }
        work();
    });
    let mut wrong = wrong.into_inner().unwrap_or_else(PoisonError::into_inner);
    if wrong.is_empty() {
        let all = || Verified { blobs: order.len(), bytes: order.iter().map(|(_, (_, size))| size).sum() };
        return Ok((!stopped.into_inner()).then(all));
    }
    wrong.sort_by_key(|(digest, ..)| *digest);
    let errors = wrong.into_iter().map(|(digest, at, size, problem)| match problem {
        Ok(problem) => {
            let range = at..at + size.max(1);
            let of = bad_parts(bundle, range).unwrap_or_else(|| bundle.holding(at, size));
            BundleError::Blob { digest, of, problem }
        }
        Err(error) => BundleError::io("read", bundle.holding(at, size), error),
    });
    Err(errors.collect())
}
