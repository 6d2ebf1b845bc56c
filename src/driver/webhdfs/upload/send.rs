//! One file's way into HDFS: temporary name, bytes, verification, rename; and again where that may help.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::{Body, Method};
use tokio_util::sync::CancellationToken;

use super::job::{Job, UploadOptions};
use super::local::Pool;
use crate::driver::webhdfs::client::{DataNodeUrl, Hdfs, call, created};
use crate::driver::webhdfs::folders::{is_missing, octal};
use crate::driver::webhdfs::{Error, FileChecksum, Layout, path, temp};
use crate::model::{Backoff, Progress, ProgressSink, silent};

/// Between tries.
const PAUSES: Backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(8));
/// The longest that removing an abandoned temporary file may keep the caller.
const TIDY_TIME: Duration = Duration::from_secs(10);
/// How long the reader of a local file may outlive the exchange it read for.
const READER_TIME: Duration = Duration::from_secs(5);
/// Progress is reported this often at most.
const REPORT_EVERY: Duration = Duration::from_millis(100);

impl Hdfs {
    /// Sends a file, in as many tries as it takes and is allowed. A node that is away, as it is while its pod is
    /// replaced, may come back: it is tried for some time, however often that is.
    pub(super) async fn send_file(
        &self,
        job: &Job,
        options: &UploadOptions,
        meter: &Arc<Meter>,
        pool: &Arc<Pool>,
        stop: &CancellationToken,
    ) -> Result<(u32, FileChecksum), Error> {
        let (folder, name) = path::split(&job.remote).ok_or_else(|| Error::IsDirectory(job.remote.clone()))?;
        let patience = options.patience.min(self.deadline());
        let mut pauses = PAUSES;
        let mut tries = 1;
        let mut first_failure = None;
        loop {
            let attempt = Attempt {
                hdfs: self,
                job,
                folder,
                temp: path::join(folder, &temp::name(name)),
                stall: options.stall_timeout,
                meter,
                pool,
            };
            let error = match attempt.run(stop).await {
                Ok(checksum) => return Ok((tries, checksum)),
                Err(error) => error,
            };
            if !may_help(&error) {
                return Err(error);
            }
            let since = *first_failure.get_or_insert_with(Instant::now);
            let may_come_back = error.is_away() && since.elapsed() + pauses.peek() < patience;
            if tries > options.retries && !may_come_back {
                let path = job.remote.clone();
                return Err(Error::Tries { path, tries, source: Box::new(error) });
            }
            let why = reasons(&error);
            (self.progress)(Progress::Note(format!("{}: attempt {tries} failed, retrying: {why}", job.remote)));
            let again = async {
                tokio::time::sleep(pauses.pause()).await;
                self.wait_writable().await
            };
            tokio::select! {
                waited = again => waited?,
                () = stop.cancelled() => return Err(Error::Cancelled),
            }
            tries += 1;
        }
    }

    /// What files here are cut into, as far as is known; Hadoop's defaults until one shows otherwise.
    pub(super) fn layout(&self) -> Layout {
        *self.shared.layout.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The mode that a new file gets for the one that is asked for, once known.
    fn masked(&self, asked: u16) -> Option<u16> {
        self.shared.masked.lock().unwrap_or_else(PoisonError::into_inner).get(&asked).copied()
    }

    fn learn_mode(&self, asked: u16, got: u16) {
        self.shared.masked.lock().unwrap_or_else(PoisonError::into_inner).insert(asked, got);
    }

    /// Removes temporary files of this process that could not be removed when they were given up, because HDFS was away.
    pub(super) async fn clear_abandoned(&self) {
        let hdfs = self.with_deadline(TIDY_TIME).with_progress(silent());
        let abandoned = std::mem::take(&mut *self.abandoned());
        let clear = async {
            for path in &abandoned {
                if let Err(error) = hdfs.delete(path, false).await {
                    tracing::warn!(path, %error, "a temporary file stays");
                    self.abandoned().insert(path.clone());
                }
            }
        };
        if tokio::time::timeout(TIDY_TIME, clear).await.is_err() {
            // To delete what is gone already does no harm.
            self.abandoned().extend(abandoned);
        }
    }

    fn abandoned(&self) -> std::sync::MutexGuard<'_, std::collections::BTreeSet<String>> {
        self.shared.abandoned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn learn_layout(&self, layout: Layout) {
        *self.shared.layout.lock().unwrap_or_else(PoisonError::into_inner) = layout;
    }
}

/// Whether trying again may end otherwise.
fn may_help(error: &Error) -> bool {
    match error {
        Error::Refused(refusal) => {
            let name = refusal.exception.as_str();
            !(name.contains("AccessControl")
                || name.contains("Security")
                || name.contains("Quota")
                || name.contains("IllegalArgument")
                || name.contains("FileAlreadyExists")
                || name.contains("ParentNotDirectory")
                || name.contains("InvalidPath"))
        }
        Error::Unreachable { .. }
        | Error::Route { .. }
        | Error::NotWebHdfs { .. }
        | Error::Stalled { .. }
        | Error::NoLocation { .. }
        | Error::AnsweredFalse { .. }
        | Error::Damaged { .. } => true,
        _ => false,
    }
}

/// An error with its sources on one line.
fn reasons(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        text.push_str(": ");
        text.push_str(&source.to_string());
        cause = source;
    }
    text
}

/// One try of one file.
struct Attempt<'a> {
    hdfs: &'a Hdfs,
    job: &'a Job,
    folder: &'a str,
    temp: String,
    stall: Duration,
    meter: &'a Arc<Meter>,
    pool: &'a Arc<Pool>,
}

impl Attempt<'_> {
    async fn run(&self, stop: &CancellationToken) -> Result<FileChecksum, Error> {
        let moved = Arc::new(AtomicU64::new(0));
        let outcome = tokio::select! {
            outcome = self.put_and_place(&moved) => outcome,
            () = stop.cancelled() => Err(Error::Cancelled),
        };
        if outcome.is_err() {
            self.meter.take_back(moved.load(Ordering::Relaxed));
            self.tidy().await;
        }
        outcome
    }

    async fn put_and_place(&self, moved: &Arc<AtomicU64>) -> Result<FileChecksum, Error> {
        let layout = self.hdfs.layout();
        let (sent, through) = self.put(layout, moved).await?;
        let checksum = self.verify(layout, sent, &through).await?;
        self.place(checksum).await?;
        Ok(checksum)
    }

    /// Streams the file to a DataNode; gives the checksum of what was sent, and the DataNode.
    async fn put(&self, layout: Layout, moved: &Arc<AtomicU64>) -> Result<(FileChecksum, DataNodeUrl), Error> {
        let query = vec![("overwrite", "false".to_owned()), ("permission", octal(self.job.mode))];
        let mut call = call(Method::PUT, "CREATE", format!("upload {}", self.temp), &self.temp, query);
        call.what = format!("upload {}", self.job.remote);
        let what = call.what.clone();
        let to = self.hdfs.locate(call).await?;
        let client = self.hdfs.datanode(&to, &what).await?;

        let (mut bytes, reading) = self.job.local.stream(layout, self.pool);
        let (meter, counted) = (Arc::clone(self.meter), Arc::clone(moved));
        let body = futures::stream::poll_fn(move |cx| {
            let next = bytes.poll_recv(cx);
            if let std::task::Poll::Ready(Some(Ok(chunk))) = &next {
                counted.fetch_add(chunk.len() as u64, Ordering::Relaxed);
                meter.add(chunk.len() as u64);
            }
            next
        });
        let request = client
            .put(to.url.clone())
            .header(reqwest::header::CONTENT_LENGTH, self.job.local.len())
            .header(reqwest::header::CONTENT_TYPE, "application/octet-stream")
            .header("X-XSRF-HEADER", "windlass")
            .body(Body::wrap_stream(body));
        let exchange = async {
            let response = request.send().await.map_err(|e| Error::unreachable(what.clone(), to.name(), e))?;
            created(response, &what, to.name()).await
        };
        let answer = tokio::select! {
            answer = exchange => answer,
            idle = self.stalled(moved) => Err(Error::Stalled { what: what.clone(), node: to.name(), idle }),
        };
        tracing::debug!(path = %reading.path().display(), node = %to.name(), ok = answer.is_ok(), "sent a file");
        // Done when the last byte was taken, or the connection gone; a server that keeps it open all the same must not
        // keep the caller.
        let read = match tokio::time::timeout(READER_TIME, reading.end()).await {
            Ok(read) => read,
            Err(_) => Err(Error::Cancelled),
        };
        match (answer, read) {
            // The local side explains why the connection was broken off, unless it merely saw it go.
            (_, Err(error)) if !matches!(error, Error::Cancelled) => Err(error),
            (Err(error @ Error::Unreachable { .. }), _) => Err(self.explain(error).await),
            (Err(error), _) => Err(error),
            (Ok(()), Err(_)) => Err(Error::Stalled { what, node: to.name(), idle: READER_TIME }),
            (Ok(()), Ok(checksum)) => Ok((checksum, to)),
        }
    }

    /// Ends when no byte moved for too long. The wait for the answer after the last byte counts as well.
    async fn stalled(&self, moved: &AtomicU64) -> Duration {
        let mut last = (moved.load(Ordering::Relaxed), Instant::now());
        loop {
            tokio::time::sleep(self.stall / 10).await;
            let now = moved.load(Ordering::Relaxed);
            if now != last.0 {
                last = (now, Instant::now());
            } else if last.1.elapsed() >= self.stall {
                return last.1.elapsed();
            }
        }
    }

    /// A DataNode that refuses closes at once, and its answer is lost when bytes are still on their way to it. The
    /// NameNode says whether a right was missing.
    async fn explain(&self, error: Error) -> Error {
        match self.hdfs.with_deadline(Duration::ZERO).check_write_access(self.folder).await {
            Err(refused @ Error::Refused(_)) if !may_help(&refused) => refused,
            _ => error,
        }
    }

    /// Compares what HDFS stored with what was sent, and sees to the mode.
    ///
    /// Equal checksums are equal bytes and so an equal length: the status adds something only where they differ, and once
    /// per mode what HDFS makes of it. One request less per file is a tenth of a small file's time.
    async fn verify(&self, layout: Layout, sent: FileChecksum, at: &DataNodeUrl) -> Result<FileChecksum, Error> {
        let found = self.hdfs.checksum_at(at, &self.temp, self.job.local.len()).await?;
        let mode = match self.hdfs.masked(self.job.mode) {
            Some(mode) if found == sent => mode,
            _ => self.compare(layout, sent, found).await?,
        };
        if mode != self.job.mode {
            self.hdfs.set_permission(&self.temp, self.job.mode).await?;
        }
        Ok(found)
    }

    /// Looks closer, at the file's length and its blocks' sizes; gives its mode.
    async fn compare(&self, layout: Layout, sent: FileChecksum, found: FileChecksum) -> Result<u16, Error> {
        // Deleted meanwhile: somebody took our temporary file for theirs.
        let Some(status) = self.hdfs.status(&self.temp).await? else {
            return Err(Error::AnsweredFalse { what: format!("find {} after the upload", self.temp) });
        };
        let sent_len = self.job.local.len();
        let real = found.layout(status.block_size);
        let mut ours = sent;
        if found != sent && real != layout {
            // A site with other block or chunk sizes. Once is enough: the next file is hashed with what was learnt.
            self.hdfs.learn_layout(real);
            ours = self.job.local.hash(real, &CancellationToken::new()).await?;
        }
        if found != ours || status.len != sent_len {
            let path = self.temp.clone();
            return Err(Error::Damaged { path, sent_len, sent: ours, found_len: status.len, found });
        }
        self.hdfs.learn_mode(self.job.mode, status.mode);
        Ok(status.mode)
    }

    /// Puts the verified file in its place.
    async fn place(&self, checksum: FileChecksum) -> Result<(), Error> {
        match self.hdfs.rename_overwrite(&self.temp, &self.job.remote).await {
            // The first answer may have been lost on the way and the rename done all the same: then the source is gone
            // when it is asked again.
            Err(error) if is_missing(&error) => match self.hdfs.checksum(&self.job.remote).await {
                Ok(found) if found == checksum => Ok(()),
                _ => Err(error),
            },
            other => other,
        }
    }

    /// Removes the temporary file as well as that goes. A DataNode may still be making it: asked again a few times;
    /// what escapes is removed at the end, or by a later upload.
    async fn tidy(&self) {
        let hdfs = self.hdfs.with_deadline(Duration::ZERO).with_progress(silent());
        let tidy = async {
            for pause in [0, 200, 600] {
                tokio::time::sleep(Duration::from_millis(pause)).await;
                if matches!(hdfs.delete(&self.temp, false).await, Ok(true)) {
                    return true;
                }
            }
            false
        };
        if tokio::time::timeout(TIDY_TIME, tidy).await != Ok(true) {
            self.hdfs.abandoned().insert(self.temp.clone());
        }
    }
}

/// Bytes done of all, reported to the sink now and then.
pub(super) struct Meter {
    total: u64,
    done: AtomicU64,
    reported: Mutex<Instant>,
    sink: ProgressSink,
}

impl Meter {
    pub(super) fn new(total: u64, sink: ProgressSink) -> Arc<Self> {
        sink(Progress::Bytes { done: 0, total });
        Arc::new(Self { total, done: AtomicU64::new(0), reported: Mutex::new(Instant::now()), sink })
    }

    pub(super) fn add(&self, bytes: u64) {
        let done = self.done.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        if reported.elapsed() >= REPORT_EVERY {
            *reported = Instant::now();
            drop(reported);
            (self.sink)(Progress::Bytes { done: done.min(self.total), total: self.total });
        }
    }

    /// What a failed try had sent is not done.
    fn take_back(&self, bytes: u64) {
        self.done.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Reports the last value whatever the time.
    pub(super) fn finish(&self) {
        (self.sink)(Progress::Bytes { done: self.done.load(Ordering::Relaxed).min(self.total), total: self.total });
    }
}
