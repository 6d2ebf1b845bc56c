//! The files that a push leaves what it needs to resume in, held by one process at a time.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::journal::Journal;
use super::names::Target;
use crate::model::oci::Digest;

/// The journal of pushes of one offline bundle to one place, which nobody else uses meanwhile.
#[derive(Debug)]
pub struct LockedPushJournal {
    lock: File,
    files: [PathBuf; 2],
}

impl LockedPushJournal {
    /// Takes the one in this folder, which is made if it is not there and which only the user may read; `None` while another
    /// process has it. `lock` is the digest of the offline bundle's images.lock.
    ///
    /// # Errors
    /// The folder or a file cannot be written.
    pub fn take(folder: &Path, target: &Target, lock: Digest) -> io::Result<Option<Self>> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let what = format!("{}/{} {lock}", target.host, target.prefix);
        let host: String =
            target.host.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect();
        let name = format!("{host}-{}", &Digest::of(what.as_bytes()).hex()[..16]);
        let [path, held] = ["jsonl", "lock"].map(|suffix| folder.join(format!("{name}.{suffix}")));
        let lock = OpenOptions::new().create(true).append(true).mode(0o600).open(&held)?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(Self { lock, files: [path, held] })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// What an earlier push left in it.
    ///
    /// # Errors
    /// It cannot be read or written.
    pub fn open(&self) -> io::Result<Journal> {
        Journal::open(&self.files[0])
    }

    /// Nothing is left to resume.
    pub fn remove(self) {
        // One that stays is read and found to hold nothing.
        self.files.iter().for_each(|path| drop(std::fs::remove_file(path)));
        drop(self.lock);
    }
}
