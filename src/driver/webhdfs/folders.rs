//! Files and folders: what is there, and making it as it should be.

use std::time::Duration;

use reqwest::Method;

use super::client::{Answer, DataNodeUrl, Hdfs, call, created};
use super::path::{self, normal};
use super::wire::{BooleanAnswer, ListAnswer, PageAnswer, StatusAnswer};
use super::{Error, FileChecksum, FileStatus};
use crate::model::NamePattern;

/// What an "ensure" did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnsureOutcome {
    /// It was as wanted.
    Unchanged,
    /// It was missing and is there now.
    Created,
    /// It was there with another mode.
    ModeChanged {
        /// The mode it had.
        from: u16,
    },
}

/// Folders that are made on the way to a wanted one.
const PARENT_MODE: u16 = 0o755;
/// HDFS digests the stored CRCs of about a gigabyte per second; a slow disk is ten times slower.
const CHECKSUM_BYTES_PER_SECOND: u64 = 50 << 20;

impl Hdfs {
    /// What is at `path`; `None` where nothing is.
    ///
    /// # Errors
    /// [`Error`], other than for a missing path.
    pub async fn status(&self, path: &str) -> Result<Option<FileStatus>, Error> {
        let path = normal(path)?;
        let call = call(Method::GET, "GETFILESTATUS", format!("read the status of {path}"), &path, vec![]);
        match self.namenode(&call).await {
            Ok(answer) => Ok(Some(answer.json::<StatusAnswer>(&call.what)?.status.into())),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The name of what is at `path`, whose last part is a [`NamePattern`] where it has a `*`: of several the first in HDFS's
    /// order. `None` where nothing is.
    ///
    /// # Errors
    /// [`Error::Path`] where it is invalid; else as for [`Hdfs::list`].
    pub async fn find(&self, path: &str) -> Result<Option<String>, Error> {
        let Some((folder, pattern)) = path.rsplit_once('/').filter(|(_, name)| name.contains('*')) else {
            let found = self.status(path).await?;
            return Ok(found.map(|_| path.rsplit('/').next().unwrap_or_default().to_owned()));
        };
        let wrong = |_| Error::Path { path: path.to_owned(), why: "its last part is not a file name pattern" };
        let pattern = NamePattern::parse(pattern).map_err(wrong)?;
        let mut found = None;
        let folder = if folder.is_empty() { "/" } else { folder };
        self.list_each(folder, |status| {
            if found.is_none() && pattern.fits(&status.name) {
                found = Some(status.name);
            }
        })
        .await?;
        Ok(found)
    }

    /// What is in the folder `path`, in HDFS's order; `None` where nothing is at that path.
    ///
    /// # Errors
    /// [`Error::IsFile`] where it is a file; else as [`Error`] says.
    pub async fn list(&self, path: &str) -> Result<Option<Vec<FileStatus>>, Error> {
        let mut all = Vec::new();
        let there = self.list_each(path, |status| all.push(status)).await?;
        Ok(there.then_some(all))
    }

    /// As [`Hdfs::list`], one entry at a time, so that a folder of a million files costs no memory. False where nothing
    /// is at that path.
    pub(super) async fn list_each(&self, path: &str, mut each: impl FnMut(FileStatus)) -> Result<bool, Error> {
        let path = normal(path)?;
        let mut after: Option<String> = None;
        loop {
            let query = after.iter().map(|name| ("startAfter", name.clone())).collect();
            let page_call = call(Method::GET, "LISTSTATUS_BATCH", format!("list {path}"), &path, query);
            let (page, remaining) = match self.namenode(&page_call).await {
                Ok(answer) => {
                    let listing = answer.json::<PageAnswer>(&page_call.what)?.listing;
                    (listing.partial_listing.statuses.list, listing.remaining_entries)
                }
                Err(error) if is_missing(&error) => return Ok(false),
                // Hadoop before 2.8 has no pages.
                Err(error) if error.exception() == Some("IllegalArgumentException") => {
                    let whole = call(Method::GET, "LISTSTATUS", format!("list {path}"), &path, vec![]);
                    match self.namenode(&whole).await {
                        Ok(answer) => (answer.json::<ListAnswer>(&whole.what)?.statuses.list, 0),
                        Err(error) if is_missing(&error) => return Ok(false),
                        Err(error) => return Err(error),
                    }
                }
                Err(error) => return Err(error),
            };
            after = None;
            for status in page.into_iter().map(FileStatus::from) {
                if status.name.is_empty() {
                    // A file lists itself, without a name.
                    return Err(Error::IsFile(path));
                }
                after = Some(status.name.clone());
                each(status);
            }
            if remaining == 0 || after.is_none() {
                return Ok(true);
            }
        }
    }

    /// Makes sure that `path` is a folder with this mode, `0o1777` included. Missing parents get `755`.
    ///
    /// # Errors
    /// [`Error::IsFile`] where a file is in the way; else as [`Error`] says.
    pub async fn mkdirs(&self, path: &str, mode: u16) -> Result<EnsureOutcome, Error> {
        let path = normal(path)?;
        if let Some(status) = self.status(&path).await? {
            if !status.is_dir {
                return Err(Error::IsFile(path));
            }
            if status.mode == mode {
                return Ok(EnsureOutcome::Unchanged);
            }
            self.set_permission(&path, mode).await?;
            return Ok(EnsureOutcome::ModeChanged { from: status.mode });
        }
        // The NameNode gives missing parents the mode of the leaf: a world-writable one would open them all.
        if let Some((parent, _)) = path::split(&path)
            && parent != "/"
        {
            self.make(parent, PARENT_MODE).await?;
        }
        self.make(&path, mode).await?;
        Ok(EnsureOutcome::Created)
    }

    /// MKDIRS alone: true for a folder that is there, whose mode then stays.
    async fn make(&self, path: &str, mode: u16) -> Result<(), Error> {
        let call =
            call(Method::PUT, "MKDIRS", format!("create the folder {path}"), path, vec![("permission", octal(mode))]);
        let answer = self.namenode(&call).await?;
        expect_true(answer.json::<BooleanAnswer>(&call.what)?.boolean, call.what)
    }

    /// Sets the mode of a file or folder, the sticky bit included.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn set_permission(&self, path: &str, mode: u16) -> Result<(), Error> {
        let path = normal(path)?;
        let what = format!("set the mode {} of {path}", octal(mode));
        let call = call(Method::PUT, "SETPERMISSION", what, &path, vec![("permission", octal(mode))]);
        self.namenode(&call).await.map(drop)
    }

    /// Deletes a file, or a folder: with `recursive` all of it, else only an empty one. False where nothing was there.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn delete(&self, path: &str, recursive: bool) -> Result<bool, Error> {
        let path = normal(path)?;
        let call =
            call(Method::DELETE, "DELETE", format!("delete {path}"), &path, vec![("recursive", recursive.to_string())]);
        let answer = self.namenode(&call).await?;
        Ok(answer.json::<BooleanAnswer>(&call.what)?.boolean)
    }

    /// Renames a file to `to`, replacing a file there in one step: at every moment one of the two is seen, whole.
    ///
    /// # Errors
    /// [`Error::Refused`] with `FileNotFoundException` where the file or `to`'s folder is missing, with `IOException`
    /// where `to` is a folder; else as [`Error`] says.
    pub async fn rename_overwrite(&self, from: &str, to: &str) -> Result<(), Error> {
        let (from, to) = (normal(from)?, normal(to)?);
        let query = vec![("destination", to.clone()), ("renameoptions", "OVERWRITE".to_owned())];
        let mut call = call(Method::PUT, "RENAME", format!("rename {from}"), &from, query);
        call.what = format!("rename {from} to {to}");
        self.namenode(&call).await.map(drop)
    }

    /// The checksum HDFS has of a file.
    ///
    /// # Errors
    /// [`Error::Refused`] with `FileNotFoundException` where it is missing; else as [`Error`] says.
    pub async fn checksum(&self, path: &str) -> Result<FileChecksum, Error> {
        self.checksum_of(&normal(path)?, 0).await
    }

    /// As [`Hdfs::checksum`] for a path already normal; `len` bytes stretch the time it may take.
    pub(super) async fn checksum_of(&self, path: &str, len: u64) -> Result<FileChecksum, Error> {
        let call = call(Method::GET, "GETFILECHECKSUM", format!("read the checksum of {path}"), path, vec![]);
        let answer = self.get_through_datanode(call.clone(), self.checksum_time(len)).await?;
        read_checksum(&answer, call.what)
    }

    /// As [`Hdfs::checksum_of`] for a file just written through the DataNode `at`: that one is asked without another
    /// question to the NameNode. Any DataNode can answer, so another is tried where it does not.
    pub(super) async fn checksum_at(&self, at: &DataNodeUrl, path: &str, len: u64) -> Result<FileChecksum, Error> {
        let call = call(Method::GET, "GETFILECHECKSUM", format!("read the checksum of {path}"), path, vec![]);
        match self.get_from_datanode(&at.with_op(call.op), &call, self.checksum_time(len)).await {
            Ok(answer) => read_checksum(&answer, call.what),
            Err(_) => self.checksum_of(path, len).await,
        }
    }

    fn checksum_time(&self, len: u64) -> Duration {
        self.shared.request_timeout + Duration::from_secs(len / CHECKSUM_BYTES_PER_SECOND)
    }

    /// Reads a file into memory. For small files: more than 32 MiB is an error.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn read(&self, path: &str) -> Result<Vec<u8>, Error> {
        let path = normal(path)?;
        let call = call(Method::GET, "OPEN", format!("read {path}"), &path, vec![]);
        Ok(self.get_through_datanode(call, self.shared.request_timeout).await?.body)
    }

    /// Writes a few bytes to a new file, without the care that uploads take.
    pub(super) async fn write_small(&self, path: &str, content: Vec<u8>) -> Result<(), Error> {
        let call = call(Method::PUT, "CREATE", format!("write {path}"), path, vec![("overwrite", "false".to_owned())]);
        let what = call.what.clone();
        let to = self.locate(call).await?;
        let client = self.datanode(&to, &what).await?;
        let request = client.put(to.url.clone()).header("X-XSRF-HEADER", "windlass").body(content);
        let sent = request.timeout(self.shared.request_timeout).send().await;
        created(sent.map_err(|e| Error::unreachable(what.clone(), to.name(), e))?, &what, to.name()).await
    }

    /// Asks whether the user may make files in `folder`. `Ok` where the NameNode does not know the question.
    pub(super) async fn check_write_access(&self, folder: &str) -> Result<(), Error> {
        let call = call(
            Method::GET,
            "CHECKACCESS",
            format!("write into {folder}"),
            folder,
            vec![("fsaction", "-wx".to_owned())],
        );
        match self.namenode(&call).await {
            Err(error) if error.exception() != Some("IllegalArgumentException") => Err(error),
            _ => Ok(()),
        }
    }
}

/// Whether an error says that the path is not there.
pub(super) fn is_missing(error: &Error) -> bool {
    matches!(error, Error::Refused(refusal) if refusal.exception == "FileNotFoundException")
}

pub(super) fn octal(mode: u16) -> String {
    format!("{mode:o}")
}

fn read_checksum(answer: &Answer, what: String) -> Result<FileChecksum, Error> {
    FileChecksum::parse(&answer.body).map_err(|source| Error::Checksum { what, node: answer.node.clone(), source })
}

fn expect_true(boolean: bool, what: String) -> Result<(), Error> {
    if boolean { Ok(()) } else { Err(Error::AnsweredFalse { what }) }
}
