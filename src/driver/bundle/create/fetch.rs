//! One blob: from its origin to its place, hashed as it passes.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tokio::io::AsyncReadExt as _;

use super::super::error::{BlobProblem, BundleError, CreateError};
use super::super::journal::{Journal, JournalEntry};
use super::super::origin::Origin;
use super::super::output::disk_error;
use super::super::parts::Parts;
use super::super::stream::CHUNK;
use crate::driver::image_source::{ImageSource, SourceError};
use crate::model::oci::{Descriptor, Digest};

/// So often a blob is asked for again without a byte more than before ...
const ATTEMPTS: u32 = 4;

/// ... and so often in all.
const TOTAL_ATTEMPTS: u32 = 50;

/// How many bytes are written between two notes of how far a blob is.
const NOTE_EVERY: u64 = 16 << 20;

/// The place of a blob.
pub(super) struct Slot {
    pub digest: Digest,
    pub at: u64,
    pub size: u64,
    pub parts: Arc<Parts>,
    /// The bundle, for messages.
    pub path: PathBuf,
}

/// How far a blob is.
#[derive(Default)]
pub(super) struct BlobProgress {
    hash: Sha256,
    written: u64,
    /// The most that was reported of it.
    reported: u64,
    noted: u64,
    /// What is there was read from the disk, where it may be wrong.
    from_disk: bool,
}

impl BlobProgress {
    /// After bytes that are on the disk and were reported.
    pub(super) fn resumed(hash: Sha256, bytes: u64) -> Self {
        Self { hash, written: bytes, reported: bytes, noted: bytes, from_disk: true }
    }
}

impl Slot {
    /// Writes the blob and sees that it is the right one.
    pub(super) async fn fill(
        &self,
        source: &dyn ImageSource,
        origin: &Origin,
        mut progress: BlobProgress,
        journal: &Journal,
        report: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<(), CreateError> {
        let Origin::Source(repository, descriptor) = origin else {
            return self.local(origin, progress, journal, report).await;
        };
        let (mut attempts, mut all) = (0, 0);
        loop {
            let before = progress.written;
            match self.attempt(source, repository, descriptor, &mut progress, journal, report).await {
                Ok(()) => {}
                Err(error) if may_be_repeated(&error) && attempts < ATTEMPTS && all < TOTAL_ATTEMPTS => {
                    attempts = if progress.written > before { 1 } else { attempts + 1 };
                    all += 1;
                    tokio::time::sleep(Duration::from_millis(250 << attempts)).await;
                    continue;
                }
                Err(error) => return Err(error),
            }
            let found = Digest::finish(progress.hash.clone());
            if found == self.digest {
                return self.note(journal, JournalEntry::Done);
            }
            if !progress.from_disk {
                return Err(self.wrong(BlobProblem::Digest(found)));
            }
            // What an earlier run left may be what is wrong: once from the beginning.
            progress = BlobProgress { reported: progress.reported, ..BlobProgress::default() };
        }
    }

    async fn attempt(
        &self,
        source: &dyn ImageSource,
        repository: &str,
        descriptor: &Descriptor,
        progress: &mut BlobProgress,
        journal: &Journal,
        report: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<(), CreateError> {
        let mut reader = source.blob(repository, descriptor, progress.written).await?;
        let mut buffer = Vec::with_capacity(CHUNK);
        loop {
            buffer.clear();
            let mut ended = false;
            // Whole pieces, however small the network's are.
            while buffer.len() < CHUNK && !ended {
                let mut piece = (&mut reader).take((CHUNK - buffer.len()) as u64);
                match piece.read_buf(&mut buffer).await {
                    Ok(count) => ended = count == 0,
                    // What came before it is kept.
                    Err(error) => {
                        self.put(&mut buffer, progress, journal, report).await?;
                        return Err(self.broken(repository, error));
                    }
                }
            }
            self.put(&mut buffer, progress, journal, report).await?;
            if ended {
                break;
            }
        }
        if progress.written < self.size {
            let error = io::Error::new(io::ErrorKind::UnexpectedEof, self.short(progress.written));
            return Err(self.broken(repository, error));
        }
        Ok(())
    }

    /// Writes and hashes a piece on a thread for such work.
    async fn put(
        &self,
        buffer: &mut Vec<u8>,
        progress: &mut BlobProgress,
        journal: &Journal,
        report: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<(), CreateError> {
        if buffer.is_empty() {
            return Ok(());
        }
        let count = buffer.len() as u64;
        if progress.written + count > self.size {
            return Err(self.wrong(BlobProblem::Long(self.size)));
        }
        let (parts, at) = (Arc::clone(&self.parts), self.at + progress.written);
        let (bytes, mut hash) = (std::mem::take(buffer), progress.hash.clone());
        let done = tokio::task::spawn_blocking(move || {
            hash.update(&bytes);
            parts.write_all_at(at, &bytes).map(|()| (bytes, hash))
        });
        let (bytes, hash) = done.await?.map_err(|error| self.disk(error, progress.written))?;
        (*buffer, progress.hash) = (bytes, hash);
        progress.written += count;
        let new = progress.written.saturating_sub(progress.reported);
        progress.reported += new;
        report(new);
        if progress.written - progress.noted.min(progress.written) >= NOTE_EVERY && progress.written < self.size {
            progress.noted = progress.written;
            self.note(journal, JournalEntry::Prefix(progress.written))?;
        }
        Ok(())
    }

    /// What lies on this machine: always from the beginning, which costs less than to look where it stopped.
    async fn local(
        &self,
        origin: &Origin,
        progress: BlobProgress,
        journal: &Journal,
        report: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<(), CreateError> {
        let mut out = Filler {
            parts: Arc::clone(&self.parts),
            at: self.at,
            room: self.size,
            hash: Sha256::new(),
            buffer: Vec::with_capacity(CHUNK),
            error: None,
        };
        let origin = origin.clone();
        let done = tokio::task::spawn_blocking(move || {
            let written =
                origin.write(&mut out).and_then(|()| out.flush().map_err(|error| CreateError::io("write", "", error)));
            (written, out)
        });
        let (written, out) = done.await?;
        if let Some(error) = out.error {
            return Err(match error.kind() {
                io::ErrorKind::FileTooLarge => self.wrong(BlobProblem::Long(self.size)),
                _ => self.disk(error, 0),
            });
        }
        written?;
        let problem = match (out.room, Digest::finish(out.hash)) {
            (0, found) if found == self.digest => {
                report(self.size.saturating_sub(progress.reported));
                return self.note(journal, JournalEntry::Done);
            }
            (0, found) => BlobProblem::Digest(found),
            (room, _) => self.short(self.size - room),
        };
        Err(self.wrong(problem))
    }

    fn note(&self, journal: &Journal, noted: JournalEntry) -> Result<(), CreateError> {
        journal.note(self.digest, noted).map_err(|error| self.disk(error, self.size))
    }

    fn short(&self, found: u64) -> BlobProblem {
        BlobProblem::Short { found, expected: self.size }
    }

    fn wrong(&self, problem: BlobProblem) -> CreateError {
        BundleError::Blob { digest: self.digest, of: String::new(), problem }.into()
    }

    fn disk(&self, error: io::Error, written: u64) -> CreateError {
        disk_error("write", &self.path, error, self.size - written.min(self.size))
    }

    fn broken(&self, repository: &str, error: io::Error) -> CreateError {
        let source_name = if repository.is_empty() { "the source" } else { repository }.to_owned();
        SourceError { what: format!("blob {}", self.digest), source_name, source: Box::new(error) }.into()
    }
}

/// Whether asking again may help: a connection that broke, and not a blob that is wrong or a disk that is full.
const fn may_be_repeated(error: &CreateError) -> bool {
    matches!(error, CreateError::Source(_))
}

/// Writes in large pieces, hashes, and keeps the disk's error apart from the reader's.
struct Filler {
    parts: Arc<Parts>,
    at: u64,
    room: u64,
    hash: Sha256,
    buffer: Vec<u8>,
    error: Option<io::Error>,
}

impl Write for Filler {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= CHUNK {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let count = self.buffer.len() as u64;
        let written = match self.room.checked_sub(count) {
            Some(_) => self.parts.write_all_at(self.at, &self.buffer),
            None => Err(io::ErrorKind::FileTooLarge.into()),
        };
        if let Err(error) = written {
            self.error.get_or_insert(error);
            return Err(io::Error::other("failed to write"));
        }
        self.hash.update(&self.buffer);
        self.at += count;
        self.room -= count;
        self.buffer.clear();
        Ok(())
    }
}
