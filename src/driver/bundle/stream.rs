//! Blobs as streams: a range of files without unpacking, and bytes that are checked as they pass.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::task::JoinHandle;

use super::error::BlobProblem;
use super::parts::Parts;
use crate::model::oci::Digest;

/// What is read at once: large enough for a disk, and small beside 64 MiB with a handful of blobs under way.
pub(super) const CHUNK: usize = 1 << 20;

/// A range of files as a stream. Reads happen on the threads for blocking work.
pub struct RangeReader {
    parts: Arc<Parts>,
    at: u64,
    end: u64,
    buffer: Vec<u8>,
    used: usize,
    pending: Option<JoinHandle<io::Result<Vec<u8>>>>,
}

impl RangeReader {
    /// From `at` to before `end`.
    #[must_use]
    pub const fn new(parts: Arc<Parts>, at: u64, end: u64) -> Self {
        Self { parts, at, end, buffer: Vec::new(), used: 0, pending: None }
    }
}

impl AsyncRead for RangeReader {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            if this.used < this.buffer.len() {
                let count = out.remaining().min(this.buffer.len() - this.used);
                out.put_slice(&this.buffer[this.used..this.used + count]);
                this.used += count;
                return Poll::Ready(Ok(()));
            }
            if let Some(pending) = &mut this.pending {
                let read = ready!(Pin::new(pending).poll(context));
                this.pending = None;
                this.buffer = read.map_err(io::Error::other)??;
                this.used = 0;
                this.at += this.buffer.len() as u64;
                continue;
            }
            if this.at >= this.end {
                return Poll::Ready(Ok(()));
            }
            let count = usize::try_from(this.end - this.at).unwrap_or(CHUNK).min(CHUNK);
            let (parts, at, mut buffer) = (Arc::clone(&this.parts), this.at, std::mem::take(&mut this.buffer));
            this.used = 0;
            this.pending = Some(tokio::task::spawn_blocking(move || {
                buffer.resize(count, 0);
                parts.read_exact_at(at, &mut buffer)?;
                Ok(buffer)
            }));
        }
    }
}

/// Passes bytes on and fails in place of the last of them where they are not those of the digest, so that whoever reads
/// never has the whole of a wrong blob.
pub struct Checked<R> {
    inner: R,
    digest: Digest,
    size: u64,
    seen: u64,
    hash: Option<Sha256>,
}

impl<R> Checked<R> {
    /// A reader of a whole blob.
    #[must_use]
    pub fn new(inner: R, digest: Digest, size: u64) -> Self {
        Self { inner, digest, size, seen: 0, hash: Some(Sha256::new()) }
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Checked<R> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = out.filled().len();
        let room = out.remaining() > 0;
        ready!(Pin::new(&mut this.inner).poll_read(context, out))?;
        let new = &out.filled()[before..];
        this.seen += new.len() as u64;
        let ended = new.is_empty() && room;
        let problem = if this.seen > this.size {
            Some(BlobProblem::Long(this.size))
        } else if ended && this.seen < this.size {
            Some(BlobProblem::Short { found: this.seen, expected: this.size })
        } else {
            if let Some(hash) = &mut this.hash {
                hash.update(new);
            }
            // Once: at the last byte, or at once for none.
            let hash = if this.seen == this.size { this.hash.take() } else { None };
            hash.map(Digest::finish).filter(|found| *found != this.digest).map(BlobProblem::Digest)
        };
        match problem {
            None => Poll::Ready(Ok(())),
            Some(problem) => {
                out.set_filled(before);
                Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, problem)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    #[tokio::test]
    async fn a_wrong_blob_is_never_read_to_its_end() {
        let bytes = b"0123456789".to_vec();
        let read = async |bytes: &[u8], digest, size| {
            let mut found = Vec::new();
            let mut reader = Checked::new(bytes, digest, size);
            let mut piece = [0; 3];
            loop {
                match reader.read(&mut piece).await {
                    Ok(0) => return (found, None),
                    Ok(count) => found.extend_from_slice(&piece[..count]),
                    Err(error) => return (found, Some(error.to_string())),
                }
            }
        };
        let digest = Digest::of(&bytes);
        assert_eq!(read(&bytes, digest, 10).await, (bytes.clone(), None));
        assert_eq!(read(b"", Digest::of(b""), 0).await, (Vec::new(), None));
        for (given, digest, size) in [
            (bytes.as_slice(), Digest::of(b"x"), 10),
            (b"012345678X", digest, 10),
            (b"012345678", digest, 10),
            (b"0123456789+", digest, 10),
            (b"", digest, 10),
            (b"", Digest::of(b"x"), 0),
        ] {
            let (found, error) = read(given, digest, size).await;
            assert!(error.is_some() && (found.len() as u64) < size.max(1), "{given:?}: {error:?}");
        }
    }

    #[tokio::test]
    async fn a_range_is_read_across_files() {
        let folder = tempfile::tempdir().unwrap();
        let whole: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
        let paths: Vec<_> = whole
            .chunks(700_001)
            .enumerate()
            .map(|(number, bytes)| {
                let path = folder.path().join(number.to_string());
                std::fs::write(&path, bytes).unwrap();
                path
            })
            .collect();
        let parts = Arc::new(Parts::open(&paths).unwrap());
        let mut found = Vec::new();
        RangeReader::new(Arc::clone(&parts), 5, 2_999_990).read_to_end(&mut found).await.unwrap();
        assert!(found == whole[5..2_999_990]);
        let mut found = Vec::new();
        let past = RangeReader::new(parts, 2_999_990, 3_000_010).read_to_end(&mut found).await;
        assert!(past.is_err(), "what is not there is no end");
    }
}
