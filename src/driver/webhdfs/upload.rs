//! Uploads that are verified before they are seen.
//!
//! Each try of a file goes to a temporary name that is new for it, is checked by length and by the checksum HDFS makes
//! of what it stored, and only then renamed over the destination, which HDFS does in one step. So a name that users
//! see holds the old file or the new one, never a part: an upload that breaks off leaves a file in HDFS that looks
//! whole, and only its name and checksum show it.

mod job;
mod local;
mod send;
mod survey;

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::StreamExt as _;
use tokio_util::sync::CancellationToken;

use self::job::{Job, PARALLEL};
use self::local::{Local, Pool};
use self::send::Meter;
use self::survey::Survey;
use super::Error;
use super::client::Hdfs;
use super::path::normal;
use super::report::{FileReport, Outcome, UploadReport};

pub use self::job::{Upload, UploadOptions};
pub use self::survey::{Comparison, Difference};

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

impl Hdfs {
    /// Uploads files, several at a time; what is there already, byte for byte, is not sent again.
    ///
    /// Progress is reported in bytes, skipped files included. On `cancel` no new file is begun, those on their way are
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
        // The first error that is not a cancellation.
        let first = failures.iter().position(|(_, e)| !matches!(e, Error::Cancelled)).unwrap_or(0);
        match failures.into_iter().nth(first) {
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
