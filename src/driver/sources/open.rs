//! A source, whatever it is, as files.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use super::error::FilesError;
use super::folder::matching;
use super::git::Git;
use super::unpack::{FileFilter, Packing, UnpackError, unpack};
use crate::driver::process::PrivateDir;
use crate::model::{FileSource, NamePattern};

/// What a pointer of Git LFS begins with.
const LFS: &[u8] = b"version https://git-lfs.github.com/spec/";

/// The files of a source. What was unpacked is gone when this is dropped.
#[derive(Debug)]
pub struct Opened {
    /// Their names and where they are, sorted.
    pub files: Vec<(String, PathBuf)>,
    _unpacked: Option<PrivateDir>,
}

/// Opens a source: its files that fit a pattern. Of an archive or a commit these are unpacked into a private folder;
/// a commit is fetched once, and comes out of the cache from then on.
///
/// # Errors
/// It cannot be read or got, nothing in it fits, or what fits cannot be uploaded to HDFS.
pub async fn open(from: &str, pattern: &str, cancel: &CancellationToken) -> Result<Opened, FilesError> {
    open_with(from, pattern, &Git::of_user(), cancel).await
}

/// The same with this git and its cache.
///
/// # Errors
/// As [`open`].
pub async fn open_with(from: &str, pattern: &str, git: &Git, cancel: &CancellationToken) -> Result<Opened, FilesError> {
    let pattern = &NamePattern::parse(pattern).map_err(FilesError::Pattern)?;
    let opened = match FileSource::parse(from).map_err(FilesError::Written)? {
        FileSource::Folder(path) => Opened { files: matching(&path, pattern)?, _unpacked: None },
        FileSource::Archive { path, folder } if path.is_dir() => {
            Opened { files: matching(&path.join(folder), pattern)?, _unpacked: None }
        }
        FileSource::Archive { path, folder } => {
            let source = || -> Result<_, UnpackError> {
                let file = File::open(&path).map_err(UnpackError::Read)?;
                if !file.metadata().map_err(UnpackError::Read)?.is_file() {
                    return Err(UnpackError::Device);
                }
                Ok((file, Packing::of(&path)))
            };
            let (file, packing) =
                source().map_err(|source| FilesError::Unpack { place: from.to_owned(), source: Box::new(source) })?;
            unpacked(file, packing, from, &folder, pattern, cancel).await?
        }
        FileSource::Git(source) => {
            let got = git.tar(&source, cancel).await;
            let tar = got.map_err(|source| FilesError::Git { place: from.to_owned(), source: Box::new(source) })?;
            // The folder is the top of what was kept.
            unpacked(tar, Packing::Tar, from, "", pattern, cancel).await?
        }
    };
    for (_, path) in &opened.files {
        if is_pointer(path).map_err(|source| FilesError::Read { path: path.clone(), source })? {
            return Err(FilesError::LfsPointer(path.clone()));
        }
    }
    Ok(opened)
}

async fn unpacked(
    file: File,
    packing: Packing,
    place: &str,
    folder: &str,
    pattern: &NamePattern,
    cancel: &CancellationToken,
) -> Result<Opened, FilesError> {
    let failed = |source: UnpackError| FilesError::Unpack { place: place.to_owned(), source: Box::new(source) };
    // Not in memory, as other private folders: jars are large. TMPDIR says where.
    let dir = PrivateDir::under(&std::env::temp_dir()).map_err(|error| failed(error.into()))?;
    let to = dir.subdir("files").map_err(|error| failed(error.into()))?;
    // Stops the thread when this future is dropped.
    let stop = cancel.child_token();
    let mut filter = FileFilter::new(folder, pattern, to, stop.clone());
    let _guard = stop.drop_guard();
    let work = move || unpack(file, packing, &mut filter).map(|()| (filter.files(), dir));
    let done = spawn_blocking(work).await.map_err(|_| failed(UnpackError::Stopped))?;
    let (files, dir) = done.map_err(failed)?;
    Ok(Opened { files, _unpacked: Some(dir) })
}

fn is_pointer(path: &Path) -> std::io::Result<bool> {
    let mut begin = [0; LFS.len()];
    let file = File::open(path)?;
    // Pointers are smaller than this by their specification.
    Ok(file.metadata()?.len() < 1024 && (&file).read_exact(&mut begin).is_ok() && begin == LFS)
}
