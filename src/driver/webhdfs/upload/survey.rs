//! What is in HDFS before an upload, and how it compares.

use std::collections::{HashMap, HashSet};

use tokio_util::sync::CancellationToken;

use super::job::{Job, UploadOptions};
use crate::driver::webhdfs::client::Hdfs;
use crate::driver::webhdfs::{Error, FileChecksum, FileStatus, Layout, path, temp};
use crate::model::Progress;

/// How a local file compares with what is in HDFS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// The same bytes, the same mode.
    Same,
    /// Nothing is there.
    Missing,
    /// Something else is there.
    Differs(Difference),
}

/// In what a file in HDFS differs, the first that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Difference {
    /// A folder is there.
    Folder,
    /// Another length, in bytes.
    Length {
        /// In HDFS.
        have: u64,
        /// Here.
        want: u64,
    },
    /// The same length, another checksum.
    Content,
    /// The same bytes, another mode.
    Mode {
        /// In HDFS.
        have: u16,
        /// Wanted.
        want: u16,
    },
}

/// The target folders as they are: one listing each, however many files go there.
pub(super) struct Survey {
    /// By path, of the files that matter.
    found: HashMap<String, FileStatus>,
    missing_folders: Vec<String>,
    /// Temporary files that nobody is making any more.
    pub(super) stale: Vec<String>,
}

impl Survey {
    pub(super) async fn take(hdfs: &Hdfs, targets: &[String], options: &UploadOptions) -> Result<Self, Error> {
        let mut folders: Vec<(&str, HashSet<&str>)> = Vec::new();
        let mut places: HashMap<&str, usize> = HashMap::new();
        for target in targets {
            let (folder, name) = path::split(target).ok_or_else(|| Error::IsDirectory(target.clone()))?;
            let place = *places.entry(folder).or_insert_with(|| {
                folders.push((folder, HashSet::new()));
                folders.len() - 1
            });
            if !folders[place].1.insert(name) {
                return Err(Error::Twice(target.clone()));
            }
        }
        let mut survey = Self { found: HashMap::new(), missing_folders: Vec::new(), stale: Vec::new() };
        let stale_after = u64::try_from(options.stale_after.as_millis()).unwrap_or(u64::MAX);
        let oldest = temp::now_ms().saturating_sub(stale_after);
        for (folder, names) in folders {
            let there = hdfs.list_each(folder, |status| {
                let path = path::join(folder, &status.name);
                if names.contains(status.name.as_str()) {
                    survey.found.insert(path, status);
                } else if !status.is_dir && temp::is_ours(&status.name) {
                    let alone = options.alone && !temp::is_this_process(&status.name);
                    if alone || status.modified_ms < oldest {
                        survey.stale.push(path);
                    }
                }
            });
            if !there.await? {
                survey.missing_folders.push(folder.to_owned());
            }
        }
        Ok(survey)
    }

    pub(super) fn status(&self, path: &str) -> Option<FileStatus> {
        self.found.get(path).cloned()
    }

    /// Makes what is missing and removes what was abandoned.
    pub(super) async fn make_ready(&self, hdfs: &Hdfs) -> Result<(), Error> {
        for folder in &self.missing_folders {
            hdfs.mkdirs(folder, 0o755).await?;
        }
        for path in &self.stale {
            // Only tidiness: its failure must not keep the upload from happening.
            match hdfs.delete(path, false).await {
                Ok(_) => (hdfs.progress)(Progress::Note(format!("removed {path}, left by an earlier upload"))),
                Err(error) => tracing::warn!(path, %error, "an abandoned temporary file stays"),
            }
        }
        Ok(())
    }
}

impl Hdfs {
    /// Compares one file; the checksum is given where both sides were found to have it.
    pub(super) async fn judge(&self, job: &Job) -> Result<(Comparison, Option<FileChecksum>), Error> {
        let Some(there) = &job.there else { return Ok((Comparison::Missing, None)) };
        if there.is_dir {
            return Ok((Comparison::Differs(Difference::Folder), None));
        }
        if there.len != job.local.len() {
            let difference = Difference::Length { have: there.len, want: job.local.len() };
            return Ok((Comparison::Differs(difference), None));
        }
        // Both at once: the local side needs the layout, which is nearly always the one guessed.
        let guess = Layout { block_size: there.block_size, ..self.layout() };
        let never = CancellationToken::new();
        let (theirs, ours) = tokio::try_join!(self.checksum_of(&job.remote, there.len), job.local.hash(guess, &never))?;
        let real = theirs.layout(there.block_size);
        let ours = if ours != theirs && real != guess { job.local.hash(real, &never).await? } else { ours };
        if ours != theirs {
            return Ok((Comparison::Differs(Difference::Content), None));
        }
        if there.mode != job.mode {
            return Ok((Comparison::Differs(Difference::Mode { have: there.mode, want: job.mode }), Some(ours)));
        }
        Ok((Comparison::Same, Some(ours)))
    }
}
