//! A cache of downloads on this machine, so that the next run needs no network.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use crate::model::digest;

/// What was not written to its end goes after this time.
const HALF: Duration = Duration::from_secs(3600);

/// What is being written.
const PART: &str = ".part-";

/// `${XDG_CACHE_HOME:-~/.cache}/windlass/NAME`; nothing without a home.
#[must_use]
pub fn user_cache(name: &str) -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = set("XDG_CACHE_HOME").filter(|path| path.is_absolute());
    let cache = cache.or_else(|| Some(set("HOME")?.join(".cache")))?;
    Some(cache.join("windlass").join(name))
}

/// A folder of files. Each is named by what was asked for and by what is in it, so that one that is broken or was changed is
/// known, and got again.
#[derive(Debug, Clone)]
pub(super) struct Cache {
    folder: Option<PathBuf>,
    ending: &'static str,
    most: u64,
    most_files: usize,
}

impl Cache {
    /// Files in a folder, which is made when something is kept; `ending` is that of their names, `most` how many bytes and
    /// `most_files` how many of them stay: the oldest goes first.
    pub(super) const fn new(folder: Option<PathBuf>, ending: &'static str, most: u64, most_files: usize) -> Self {
        Self { folder, ending, most, most_files }
    }

    /// What was got for this reference, if it is as it was.
    pub(super) fn get(&self, reference: &str) -> Option<File> {
        let key = key(reference);
        self.find(|name| name.starts_with(&key))
    }

    /// What has this digest, whatever it was got for.
    pub(super) fn by_digest(&self, sha256: &str) -> Option<File> {
        let end = format!(".{}{}", sha256.trim_start_matches("sha256:"), self.ending);
        self.find(|name| name.ends_with(&end))
    }

    fn find(&self, is_meant: impl Fn(&str) -> bool) -> Option<File> {
        for entry in fs::read_dir(self.folder.as_ref()?).ok()?.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let Some(stem) = name.strip_suffix(self.ending).filter(|_| is_meant(&name)) else { continue };
            let said = stem.rsplit('.').next().unwrap_or_default();
            let whole = File::open(entry.path()).ok().filter(|file| sha256(file).is_ok_and(|found| found == said));
            match whole {
                Some(file) => {
                    // What is used stays longest; that this fails is no harm.
                    let _ = File::options()
                        .append(true)
                        .open(entry.path())
                        .map(|file| file.set_modified(SystemTime::now()));
                    return Some(file);
                }
                None => drop(fs::remove_file(entry.path())),
            }
        }
        None
    }

    /// A file to be filled and kept.
    pub(super) fn part(&self) -> io::Result<NamedTempFile> {
        let Some(folder) = &self.folder else { return NamedTempFile::new() };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        tempfile::Builder::new().prefix(PART).tempfile_in(folder)
    }

    /// Keeps what was filled, and gives it. It has its name only when it is whole.
    pub(super) fn keep(&self, reference: &str, mut part: NamedTempFile) -> io::Result<File> {
        part.flush()?;
        let Some(folder) = &self.folder else { return part.reopen() };
        part.as_file().sync_all()?;
        let name = format!("{}{}{}", key(reference), sha256(&part.reopen()?)?, self.ending);
        // What was kept for this reference before is no longer what it is.
        for entry in fs::read_dir(folder)?.flatten() {
            let old = entry.file_name().to_string_lossy().into_owned();
            if old.starts_with(&key(reference)) && old != name {
                let _ = fs::remove_file(entry.path());
            }
        }
        let path = folder.join(name);
        part.persist(&path).map_err(|error| error.error)?;
        // Opened before the oldest go: it may be more than there is room for.
        let file = File::open(&path)?;
        self.prune(self.most, self.most_files)?;
        Ok(file)
    }

    /// Removes the oldest until the rest is within the bounds.
    pub(super) fn prune(&self, most: u64, most_files: usize) -> io::Result<()> {
        let Some(folder) = &self.folder else { return Ok(()) };
        prune(folder, most, most_files)
    }
}

/// The digest of a file from its beginning, to which it goes back.
fn sha256(mut file: &File) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 256 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            read => hash.update(&buffer[..read]),
        }
    }
    file.rewind()?;
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A name for a reference that fits any file system.
pub(super) fn key(reference: &str) -> String {
    format!("{}.", &digest(reference.as_bytes()).trim_start_matches("sha256:")[..32])
}

fn prune(folder: &Path, most: u64, most_files: usize) -> io::Result<()> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder)?.flatten() {
        let Ok(found) = entry.metadata() else { continue };
        let is_part = entry.file_name().to_string_lossy().starts_with(PART);
        let age = found.modified().ok().and_then(|at| at.elapsed().ok()).unwrap_or_default();
        match is_part {
            true if age > HALF => drop(fs::remove_file(entry.path())),
            true => {}
            false => all.push(((found.mtime(), found.mtime_nsec()), found.len(), entry.path())),
        }
    }
    all.sort();
    let (mut bytes, mut files) = (all.iter().map(|(_, size, _)| size).sum::<u64>(), all.len());
    for (_, size, path) in all {
        if bytes <= most && files <= most_files {
            break;
        }
        fs::remove_file(path)?;
        (bytes, files) = (bytes - size, files - 1);
    }
    Ok(())
}
