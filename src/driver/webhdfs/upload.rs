//! Uploads that are verified before they are seen.
//!
//! Each try of a file goes to a temporary name that is new for it, is checked by length and by the checksum HDFS makes
//! of what it stored, and only then renamed over the destination, which HDFS does in one step. So a name that users
//! see holds the old file or the new one, never a part: an upload that breaks off leaves a file in HDFS that looks
//! whole, and nothing but its name and checksum tells.

mod local;
mod send;
mod survey;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use tokio_util::sync::CancellationToken;

use self::local::{Local, Pool};
use self::send::Meter;
use self::survey::Survey;
use super::client::Hdfs;
use super::path::normal;
use super::{Error, FileChecksum, FileStatus};

pub use self::survey::{Comparison, Difference};

/// A local file and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// A regular file on this machine; a link to one is followed.
    pub local: PathBuf,
    /// The file's absolute path in HDFS. Its folder is made where it is missing.
    pub remote: String,
    /// Its mode there.
    pub mode: u16,
}

/// How to upload.
#[derive(Debug, Clone)]
pub struct UploadOptions {
    /// Files at the same time; `None` for eight.
    pub parallel: Option<usize>,
    /// Tries after the first, per file.
    pub retries: u32,
    /// How long after its first failure a file is tried even more often, while a DataNode is away: at most the client's
    /// deadline. A pod that is replaced takes half a minute, and more where its image must be fetched.
    pub patience: Duration,
    /// A try ends when nothing moves for this long.
    pub stall_timeout: Duration,
    /// Temporary files of ours in the target folders are removed when older than this: older than any upload can be.
    pub stale_after: Duration,
    /// No other process uploads: temporary files that are not this process's were abandoned, however new they are.
    pub alone: bool,
}

impl Default for UploadOptions {
    fn default() -> Self {
        Self {
            parallel: None,
            retries: 3,
            patience: Duration::from_secs(60),
            stall_timeout: Duration::from_secs(60),
            stale_after: Duration::from_secs(24 * 3600),
            alone: false,
        }
    }
}

/// Files at the same time, where the caller says nothing. A small file's time is spent waiting, for the NameNode's edit
/// log and the DataNode's disk and threads, so this does not follow the processors of *this* machine; past eight nothing
/// more was gained (`docs/bench-webhdfs.md`) and each costs a megabyte of buffers.
const PARALLEL: usize = 8;

impl UploadOptions {
    fn width(&self) -> usize {
        self.parallel.unwrap_or(PARALLEL).max(1)
    }
}

/// What became of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Sent, verified and put in place.
    Sent {
        /// How often it was tried, the last time with success.
        tries: u32,
    },
    /// The same bytes with the same mode were there.
    Skipped,
    /// The same bytes were there; only the mode was set.
    ModeSet {
        /// The mode it had.
        from: u16,
    },
}

/// One file of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileReport {
    /// Its path in HDFS.
    pub remote: String,
    /// Its bytes.
    pub len: u64,
    /// What became of it.
    pub outcome: Outcome,
    /// The checksum that HDFS and the local file agree on.
    pub checksum: FileChecksum,
}

/// What an upload did, in the order the files were given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UploadReport {
    /// Every file that is in HDFS as it should be.
    pub files: Vec<FileReport>,
    /// Bytes of files that were sent; those of failed tries do not count.
    pub bytes_sent: u64,
}

impl UploadReport {
    /// Files that were sent.
    #[must_use]
    pub fn sent(&self) -> usize {
        self.files.iter().filter(|f| matches!(f.outcome, Outcome::Sent { .. })).count()
    }

    /// Files whose bytes were there already.
    #[must_use]
    pub fn skipped(&self) -> usize {
        self.files.len() - self.sent()
    }
}

/// What a comparison found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Compared {
    /// Of each file, in the order given.
    pub files: Vec<Comparison>,
    /// Temporary files in the folders, which an earlier upload left: absolute paths.
    pub abandoned: Vec<String>,
}

/// Whether HDFS, or its DataNodes, were waited for in vain.
fn is_gone(error: &Error) -> bool {
    match error {
        Error::GaveUp { .. } | Error::NotOperational { .. } => true,
        Error::Tries { source, .. } => source.is_away(),
        _ => false,
    }
}

/// One file on its way, checked.
struct Job {
    local: Local,
    remote: String,
    mode: u16,
    /// What is at `remote` now.
    there: Option<FileStatus>,
}

impl Hdfs {
    /// Uploads files, several at a time; what is there already, byte for byte, is not sent again.
    ///
    /// Progress is told in bytes, skipped files included. On `cancel` no new file is begun, those on their way are
    /// broken off, and their temporary names removed.
    ///
    /// # Errors
    /// Anything found before the first byte moves (a local file that cannot be read, a folder in the way of a file)
    /// as itself; later [`Error::Incomplete`] with the report of what came through. One file's failure does not stop
    /// the others, unless HDFS is no longer there.
    pub async fn upload(
        &self,
        files: Vec<Upload>,
        options: &UploadOptions,
        cancel: &CancellationToken,
    ) -> Result<UploadReport, Error> {
        let all = files.len();
        let (jobs, _) = self.prepare(files, true, options).await?;
        self.wait_writable().await?;
        let total = jobs.iter().map(|job| job.local.len()).sum();
        let meter = Meter::new(total, Arc::clone(&self.progress));
        let pool = Arc::new(Pool::default());
        // Ends the rest when HDFS is gone, so that not each file waits for the deadline by itself.
        let stop = cancel.child_token();

        let mut order: Vec<(usize, Job)> = jobs.into_iter().enumerate().collect();
        // The longest first, or one long file is left alone at the end.
        order.sort_by_key(|(_, job)| std::cmp::Reverse(job.local.len()));
        let work = order.into_iter().map(|(index, job)| {
            let (stop, meter, pool) = (&stop, &meter, &pool);
            async move {
                let done = if stop.is_cancelled() {
                    Err(Error::Cancelled)
                } else {
                    self.bring(&job, options, meter, pool, stop).await
                };
                if done.as_ref().is_err_and(is_gone) {
                    stop.cancel();
                }
                (index, job.remote, done)
            }
        });
        let mut ended: Vec<_> = futures::stream::iter(work).buffer_unordered(options.width()).collect().await;
        ended.sort_by_key(|(index, ..)| *index);
        meter.finish();
        self.clear_abandoned().await;

        let mut report = UploadReport::default();
        let mut failures = Vec::new();
        for (_, remote, done) in ended {
            match done {
                Ok(file) => {
                    report.bytes_sent += if matches!(file.outcome, Outcome::Sent { .. }) { file.len } else { 0 };
                    report.files.push(file);
                }
                Err(error) => failures.push((remote, error)),
            }
        }
        let failed = failures.len();
        // A file that was merely not begun any more explains nothing.
        let telling = failures.iter().position(|(_, e)| !matches!(e, Error::Cancelled)).unwrap_or(0);
        match failures.into_iter().nth(telling) {
            None => Ok(report),
            Some((path, source)) => {
                Err(Error::Incomplete { failed, all, path, report: Box::new(report), source: Box::new(source) })
            }
        }
    }

    /// Compares local files with what is in HDFS, by length, checksum and mode, in the order given. Changes nothing.
    ///
    /// # Errors
    /// As [`Error`] says; a file that differs is no error.
    pub async fn compare(&self, files: Vec<Upload>, options: &UploadOptions) -> Result<Compared, Error> {
        let (jobs, abandoned) = self.prepare(files, false, options).await?;
        let work = jobs.iter().map(|job| async move { self.judge(job).await.map(|(comparison, _)| comparison) });
        let judged: Vec<_> = futures::stream::iter(work).buffered(options.width()).collect().await;
        Ok(Compared { files: judged.into_iter().collect::<Result<_, _>>()?, abandoned })
    }

    /// Compares files of a folder with checksums that were recorded as `algorithm:hex`, by name, and with a mode if one
    /// is given. Changes nothing.
    ///
    /// # Errors
    /// As [`Error`] says; a file that differs is no error.
    pub async fn compare_recorded(
        &self,
        folder: &str,
        recorded: &BTreeMap<String, String>,
        mode: Option<u16>,
    ) -> Result<Vec<(String, Comparison)>, Error> {
        let mut there = BTreeMap::new();
        self.list_each(folder, |status| {
            if recorded.contains_key(&status.name) {
                there.insert(status.name.clone(), status);
            }
        })
        .await?;
        let there = &there;
        let work = recorded.iter().map(|(name, checksum)| async move {
            let comparison = match there.get(name) {
                None => Comparison::Missing,
                Some(status) if status.is_dir => Comparison::Differs(Difference::Folder),
                Some(status) => {
                    let found = self.checksum_of(&super::path::join(folder, name), status.len).await?;
                    match mode {
                        _ if format!("{}:{}", found.algorithm(), found.hex()) != *checksum => {
                            Comparison::Differs(Difference::Content)
                        }
                        Some(want) if want != status.mode => {
                            Comparison::Differs(Difference::Mode { have: status.mode, want })
                        }
                        _ => Comparison::Same,
                    }
                }
            };
            Ok((name.clone(), comparison))
        });
        let compared: Vec<_> = futures::stream::iter(work).buffered(PARALLEL).collect().await;
        compared.into_iter().collect()
    }

    /// Checks the files here and looks at the folders there. With `write`, makes missing folders, refuses what is in
    /// the way and clears away what earlier uploads left. Gives the latter, too.
    async fn prepare(
        &self,
        files: Vec<Upload>,
        write: bool,
        options: &UploadOptions,
    ) -> Result<(Vec<Job>, Vec<String>), Error> {
        let mut targets = Vec::with_capacity(files.len());
        for file in &files {
            targets.push(normal(&file.remote)?);
        }
        let locals = Local::look_at(files.iter().map(|f| f.local.clone()).collect()).await?;
        let survey = Survey::take(self, &targets, options).await?;
        if write {
            survey.make_ready(self).await?;
        }
        let mut jobs = Vec::with_capacity(files.len());
        for ((file, local), remote) in files.into_iter().zip(locals).zip(targets) {
            let there = survey.status(&remote);
            if write && there.as_ref().is_some_and(|s| s.is_dir) {
                return Err(Error::IsDirectory(remote));
            }
            jobs.push(Job { local, remote, mode: file.mode, there });
        }
        Ok((jobs, survey.stale))
    }

    /// Brings one file to where it should be.
    async fn bring(
        &self,
        job: &Job,
        options: &UploadOptions,
        meter: &Arc<Meter>,
        pool: &Arc<Pool>,
        stop: &CancellationToken,
    ) -> Result<FileReport, Error> {
        let judged = tokio::select! {
            judged = self.judge(job) => judged?,
            () = stop.cancelled() => return Err(Error::Cancelled),
        };
        let (outcome, checksum) = match judged {
            (Comparison::Same, Some(checksum)) => (Outcome::Skipped, checksum),
            (Comparison::Differs(Difference::Mode { have, .. }), Some(checksum)) => {
                self.set_permission(&job.remote, job.mode).await?;
                (Outcome::ModeSet { from: have }, checksum)
            }
            _ => {
                let (tries, checksum) = self.send_file(job, options, meter, pool, stop).await?;
                (Outcome::Sent { tries }, checksum)
            }
        };
        if !matches!(outcome, Outcome::Sent { .. }) {
            meter.add(job.local.len());
        }
        Ok(FileReport { remote: job.remote.clone(), len: job.local.len(), outcome, checksum })
    }
}
