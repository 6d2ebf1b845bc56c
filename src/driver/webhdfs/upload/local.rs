//! The local side: files that are read once, hashed on the way, and must not change meanwhile.

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio_util::bytes::Bytes;
use tokio_util::sync::CancellationToken;

use crate::driver::webhdfs::{Error, FileChecksum, Hasher, Layout};

/// Bytes read, hashed and sent at a time.
const BUFFER: usize = 256 << 10;
/// Buffers between the reader and the connection. Two keep both busy; more would only be memory.
const QUEUE: usize = 2;

/// A local file as it was when it was first looked at.
#[derive(Debug, Clone)]
pub(super) struct Local {
    path: PathBuf,
    stamp: Stamp,
}

/// What changes when a file changes. Times are in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    len: u64,
    modified: (i64, i64),
    changed: (i64, i64),
    file: (u64, u64),
}

impl Stamp {
    fn of(meta: &Metadata) -> Self {
        Self {
            len: meta.len(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
            file: (meta.dev(), meta.ino()),
        }
    }
}

impl Local {
    /// Looks at files, in the order given.
    pub(super) async fn look_at(paths: Vec<PathBuf>) -> Result<Vec<Self>, Error> {
        let look = move || {
            paths
                .into_iter()
                .map(|path| {
                    let meta =
                        std::fs::metadata(&path).map_err(|source| Error::Local { path: path.clone(), source })?;
                    if !meta.is_file() {
                        return Err(Error::NotAFile(path));
                    }
                    Ok(Self { path, stamp: Stamp::of(&meta) })
                })
                .collect()
        };
        spawn_blocking(look).await.map_err(|_| Error::Reader(PathBuf::new()))?
    }

    pub(super) fn len(&self) -> u64 {
        self.stamp.len
    }

    /// The file's checksum, computed on a thread of its own.
    pub(super) async fn hash(&self, layout: Layout, cancel: &CancellationToken) -> Result<FileChecksum, Error> {
        let (local, cancel) = (self.clone(), cancel.clone());
        // Stops the thread when this future is dropped.
        let guard = cancel.child_token();
        let stop = guard.clone();
        let _guard = guard.drop_guard();
        let hash = move || {
            let mut buffer = vec![0; BUFFER];
            let mut hasher = Hasher::new(layout);
            let mut reader = local.open()?;
            while let Some(len) = reader.fill(&mut buffer)? {
                if stop.is_cancelled() {
                    return Err(Error::Cancelled);
                }
                hasher.update(&buffer[..len]);
            }
            Ok(hasher.finish())
        };
        spawn_blocking(hash).await.map_err(|_| Error::Reader(self.path.clone()))?
    }

    /// Starts to read the file: its bytes, and when they are taken its checksum. Dropping the stream ends the reading.
    pub(super) fn stream(&self, layout: Layout, pool: &Arc<Pool>) -> (mpsc::Receiver<io::Result<Bytes>>, ChecksumTask) {
        let (send, receive) = mpsc::channel(QUEUE);
        let (local, pool) = (self.clone(), Arc::clone(pool));
        let read = move || {
            let read = local.read_into(layout, &pool, &send);
            if read.is_err() {
                // Makes the connection break off, so that no server takes the part for the whole.
                let _ = send.blocking_send(Err(io::Error::other("the local file could not be read to its end")));
            }
            read
        };
        (receive, ChecksumTask { path: self.path.clone(), handle: spawn_blocking(read) })
    }

    fn read_into(
        &self,
        layout: Layout,
        pool: &Arc<Pool>,
        send: &mpsc::Sender<io::Result<Bytes>>,
    ) -> Result<FileChecksum, Error> {
        let mut hasher = Hasher::new(layout);
        let mut reader = self.open()?;
        loop {
            let mut loan = pool.lend();
            let Some(len) = reader.fill(&mut loan.buffer)? else { return Ok(hasher.finish()) };
            hasher.update(&loan.buffer[..len]);
            loan.len = len;
            if send.blocking_send(Ok(Bytes::from_owner(loan))).is_err() {
                return Err(Error::Cancelled);
            }
        }
    }

    fn open(&self) -> Result<Reader<'_>, Error> {
        let file = File::open(&self.path).map_err(|e| self.error(e))?;
        let reader = Reader { local: self, file, left: self.stamp.len };
        reader.check_unchanged()?;
        Ok(reader)
    }

    fn error(&self, source: io::Error) -> Error {
        Error::Local { path: self.path.clone(), source }
    }
}

/// Reads exactly the bytes that were there when the file was looked at.
struct Reader<'a> {
    local: &'a Local,
    file: File,
    left: u64,
}

impl Reader<'_> {
    /// Fills the buffer as far as the file goes; `None` at the end, once the file was found unchanged.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<Option<usize>, Error> {
        if self.left == 0 {
            self.check_unchanged()?;
            return Ok(None);
        }
        let want = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let mut filled = 0;
        while filled < want {
            match self.file.read(&mut buffer[filled..want]) {
                Ok(0) => return Err(Error::LocalChanged(self.local.path.clone())),
                Ok(n) => filled += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(self.local.error(e)),
            }
        }
        self.left -= filled as u64;
        // Found out before the last bytes leave, so that a changed file's upload breaks off instead of ending well.
        if self.left == 0 {
            self.check_unchanged()?;
        }
        Ok(Some(filled))
    }

    /// The open file, and what is at its path now: it may have been replaced.
    fn check_unchanged(&self) -> Result<(), Error> {
        let open = self.file.metadata().map_err(|e| self.local.error(e))?;
        let named = std::fs::metadata(&self.local.path).map_err(|e| self.local.error(e))?;
        let same = |meta: &Metadata| Stamp::of(meta) == self.local.stamp;
        if same(&open) && same(&named) { Ok(()) } else { Err(Error::LocalChanged(self.local.path.clone())) }
    }
}

/// A file being read on a thread of its own.
pub(super) struct ChecksumTask {
    path: PathBuf,
    handle: JoinHandle<Result<FileChecksum, Error>>,
}

impl ChecksumTask {
    /// The checksum of what was read, or why reading ended; [`Error::Cancelled`] where nobody took the bytes.
    pub(super) async fn end(self) -> Result<FileChecksum, Error> {
        self.handle.await.map_err(|_| Error::Reader(self.path))?
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// Buffers that come back when the connection has sent them.
#[derive(Default)]
pub(super) struct Pool {
    free: Mutex<Vec<Vec<u8>>>,
}

impl Pool {
    fn lend(self: &Arc<Self>) -> PooledBuffer {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        PooledBuffer { buffer: free.unwrap_or_else(|| vec![0; BUFFER]), len: 0, pool: Arc::clone(self) }
    }
}

/// A buffer of the pool, filled up to `len`.
struct PooledBuffer {
    buffer: Vec<u8>,
    len: usize,
    pool: Arc<Pool>,
}

impl AsRef<[u8]> for PooledBuffer {
    fn as_ref(&self) -> &[u8] {
        &self.buffer[..self.len]
    }
}

impl Drop for PooledBuffer {
    fn drop(&mut self) {
        let buffer = std::mem::take(&mut self.buffer);
        self.pool.free.lock().unwrap_or_else(PoisonError::into_inner).push(buffer);
    }
}
