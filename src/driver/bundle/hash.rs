//! Hashes of what lies in files, straight from them.

use std::io;
use std::num::NonZeroUsize;
use std::thread;

use sha2::{Digest as _, Sha256};

use super::parts::Parts;
use super::stream::CHUNK;

/// The hash of some bytes, not finished.
pub(super) fn hash_prefix(parts: &Parts, at: u64, size: u64) -> io::Result<Sha256> {
    let hash = hash(parts, at, size, &mut vec![0; CHUNK], &|_| true)?;
    hash.ok_or_else(|| io::ErrorKind::Interrupted.into())
}

/// How many threads hash.
pub(super) fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// `None` where no more was wanted before the end.
pub(super) fn hash(
    parts: &Parts,
    at: u64,
    size: u64,
    buffer: &mut [u8],
    more: &dyn Fn(u64) -> bool,
) -> io::Result<Option<Sha256>> {
    let mut hash = Sha256::new();
    let mut done = 0;
    while done < size {
        let count = usize::try_from(size - done).unwrap_or(buffer.len()).min(buffer.len());
        parts.read_exact_at(at + done, &mut buffer[..count])?;
        hash.update(&buffer[..count]);
        done += count as u64;
        if !more(count as u64) {
            return Ok(None);
        }
    }
    Ok(Some(hash))
}
