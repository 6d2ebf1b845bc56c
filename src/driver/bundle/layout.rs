//! The one way in which an OCI layout is written as a folder: it has its name only when all is there.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::LayoutWriteError;
use super::format;
use super::output::{folder_of, partial};
use crate::driver::disk::disk;
use crate::model::oci::Digest;

/// A layout that is being written. What is not finished is removed.
#[derive(Debug)]
pub struct LayoutFolder {
    target: PathBuf,
    new: PathBuf,
    finished: bool,
}

impl LayoutFolder {
    /// Begins a new folder; nothing of its name may be there.
    ///
    /// # Errors
    /// It is there, or the disk fails.
    pub fn begin(target: &Path) -> Result<Self, LayoutWriteError> {
        if target.exists() {
            return Err(LayoutWriteError::Exists(target.to_owned()));
        }
        let new = partial(target);
        // Left by a killed run: nothing shows how much of it is right.
        if new.exists() {
            fs::remove_dir_all(&new).map_err(|error| LayoutWriteError::io("remove", &new, error))?;
        }
        let blobs = new.join(format::BLOBS);
        fs::create_dir_all(&blobs).map_err(|error| LayoutWriteError::io("write", &blobs, error))?;
        Ok(Self { target: target.to_owned(), new, finished: false })
    }

    /// Sees that there is room for so many bytes.
    ///
    /// # Errors
    /// There is not, or the disk does not say.
    pub fn check_room(&self, needed: u64) -> Result<(), LayoutWriteError> {
        let folder = folder_of(&self.target);
        let found = disk(folder).map_err(|error| LayoutWriteError::io("read", folder, error))?;
        match found.free < needed {
            true => Err(LayoutWriteError::Space { path: found.path.into(), needed, free: found.free }),
            false => Ok(()),
        }
    }

    /// Where a blob goes. Whoever writes it sees that it is the right one.
    #[must_use]
    pub fn blob(&self, digest: Digest) -> PathBuf {
        self.new.join(format::blob_name(&digest))
    }

    /// Where a blob may be written whose digest is not known yet. It has to have its name before the end.
    #[must_use]
    pub fn nameless(&self) -> PathBuf {
        self.new.join(format::BLOBS).join("new")
    }

    /// Writes the list of images, and gives the folder its name.
    ///
    /// # Errors
    /// The disk.
    pub fn finish(mut self, index: &[u8]) -> Result<(), LayoutWriteError> {
        for (name, bytes) in [(format::INDEX, index), (format::LAYOUT, format::LAYOUT_BYTES)] {
            let path = self.new.join(name);
            fs::write(&path, bytes).map_err(|error| LayoutWriteError::io("write", &path, error))?;
        }
        fs::rename(&self.new, &self.target).map_err(|error| LayoutWriteError::io("rename", &self.new, error))?;
        self.finished = true;
        Ok(())
    }
}

impl Drop for LayoutFolder {
    fn drop(&mut self) {
        if !self.finished {
            // What stays is removed by the next run.
            let _ = fs::remove_dir_all(&self.new);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_layout_is_there_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("in/a");
        let digest = Digest::of(b"x");
        let begun = LayoutFolder::begin(&target).unwrap();
        fs::write(begun.blob(digest), "x").unwrap();
        drop(begun);
        assert_eq!(fs::read_dir(folder.path().join("in")).unwrap().count(), 0);
        // What a killed run left is not taken for ours.
        fs::create_dir_all(folder.path().join("in/a.partial/blobs/sha256")).unwrap();
        fs::write(folder.path().join("in/a.partial/blobs/sha256/old"), "x").unwrap();
        let begun = LayoutFolder::begin(&target).unwrap();
        fs::write(begun.nameless(), "x").unwrap();
        fs::rename(begun.nameless(), begun.blob(digest)).unwrap();
        assert!(matches!(begun.check_room(u64::MAX), Err(LayoutWriteError::Space { .. })));
        begun.finish(b"{}").unwrap();
        assert_eq!(fs::read_dir(target.join("blobs/sha256")).unwrap().count(), 1);
        assert_eq!(fs::read(target.join("index.json")).unwrap(), b"{}");
        assert!(matches!(LayoutFolder::begin(&target), Err(LayoutWriteError::Exists(_))));
        let full = io::Error::from(io::ErrorKind::StorageFull);
        assert!(matches!(LayoutWriteError::io("write", "a", full), LayoutWriteError::Full(_)));
    }
}
