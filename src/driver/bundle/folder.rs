//! A folder as a tar that is the same on every machine: sorted, without times, owners and modes.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::model::oci::Digest;

/// The most files, and the deepest folder.
const FILES: usize = 100_000;
const DEPTH: usize = 64;

/// Why a folder cannot be packed.
#[derive(Debug)]
pub(super) enum FolderError {
    /// The disk.
    Io(PathBuf, io::Error),
    /// Something in it.
    Input(PathBuf, &'static str),
}

/// Writes the folder's files as a tar.
pub(super) fn write(root: &Path, out: impl Write) -> Result<(), FolderError> {
    let mut files = Vec::new();
    collect(root, root, &mut files, 0)?;
    files.sort();
    let mut archive = tar::Builder::new(out);
    for (name, path) in files {
        let (file, size) = super::parts::open_regular(&path).map_err(|error| FolderError::Io(path.clone(), error))?;
        let mut header = tar::Header::new_gnu();
        header.set_size(size);
        header.set_mode(0o644);
        header.set_mtime(0);
        // No more than was said: one that grows meanwhile is found by its digest.
        let appended = archive.append_data(&mut header, &name, io::Read::take(file, size));
        appended.map_err(|error| FolderError::Io(path, error))?;
    }
    archive.into_inner().map(drop).map_err(|error| FolderError::Io(root.to_owned(), error))
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<(String, PathBuf)>, depth: usize) -> Result<(), FolderError> {
    let io = |error| FolderError::Io(folder.to_owned(), error);
    if depth > DEPTH {
        return Err(FolderError::Input(folder.to_owned(), "nested too deep"));
    }
    for entry in fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let kind = fs::symlink_metadata(&path).map_err(|error| FolderError::Io(path.clone(), error))?.file_type();
        if kind.is_dir() {
            collect(root, &path, files, depth + 1)?;
        } else if kind.is_file() {
            let name = path.strip_prefix(root).ok().and_then(Path::to_str).map(str::to_owned);
            let name = name.ok_or_else(|| FolderError::Input(path.clone(), "name is not UTF-8"))?;
            files.push((name, path));
            if files.len() > FILES {
                return Err(FolderError::Input(root.to_owned(), "too many files"));
            }
        } else {
            return Err(FolderError::Input(path, "neither a file nor a folder: links are not packed"));
        }
    }
    Ok(())
}

/// Counts and hashes what is written.
#[derive(Default)]
pub(super) struct Measure {
    hash: Sha256,
    size: u64,
}

impl Measure {
    pub(super) fn finish(self) -> (Digest, u64) {
        (Digest::finish(self.hash), self.size)
    }
}

impl Write for Measure {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_folders_give_equal_bytes() {
        let pack = |names: &[&str]| {
            let folder = tempfile::tempdir().unwrap();
            for name in names {
                let path = folder.path().join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, name).unwrap();
            }
            let mut measure = Measure::default();
            write(folder.path(), &mut measure).unwrap();
            measure.finish()
        };
        let long = format!("{}x", "deep/".repeat(40));
        assert_eq!(pack(&["b", "a/c", &long]), pack(&[&long, "a/c", "b"]));
        assert_ne!(pack(&["b"]), pack(&["c"]));
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("link")).unwrap();
        assert!(matches!(write(folder.path(), io::sink()), Err(FolderError::Input(..))));
    }
}
