//! Charts that were pulled once, kept on this machine so that the next run needs no network.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use crate::model::{bounded, digest};

/// The most that is kept, of which the oldest goes first.
const MOST: u64 = 256 << 20;

/// How many are kept.
const MOST_FILES: usize = 500;

/// What was not written to its end goes after this time.
const HALF: Duration = Duration::from_secs(3600);

/// The folder of pulled charts. Each file is named by what was asked for and by what is in it, so that one that is broken
/// or was changed is known, and pulled again.
#[derive(Debug, Clone)]
pub struct ChartCache(Option<PathBuf>);

impl ChartCache {
    /// In a folder, which is made when something is kept.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self(Some(folder))
    }

    /// `${XDG_CACHE_HOME:-~/.cache}/windlass/charts`; without a home nothing is kept.
    #[must_use]
    pub fn of_user() -> Self {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let cache = set("XDG_CACHE_HOME").filter(|path| path.is_absolute());
        let cache = cache.or_else(|| Some(set("HOME")?.join(".cache")));
        Self(cache.map(|cache| cache.join("windlass/charts")))
    }

    /// The archive that was pulled for this reference, if it is as it was.
    #[must_use]
    pub fn get(&self, reference: &str) -> Option<Vec<u8>> {
        let key = key(reference);
        self.read(|name| name.starts_with(&key))
    }

    /// The archive of this digest, whatever it was pulled for.
    #[must_use]
    pub fn by_digest(&self, sha256: &str) -> Option<Vec<u8>> {
        let end = format!(".{}.tgz", sha256.trim_start_matches("sha256:"));
        self.read(|name| name.ends_with(&end))
    }

    fn read(&self, is_meant: impl Fn(&str) -> bool) -> Option<Vec<u8>> {
        for entry in fs::read_dir(self.0.as_ref()?).ok()?.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if !is_meant(&name) || !name.ends_with(".tgz") {
                continue;
            }
            let whole = bounded::bytes(&entry.path(), bounded::CHART).ok();
            let said = name.trim_end_matches(".tgz").rsplit('.').next().unwrap_or_default();
            match whole.filter(|bytes| digest(bytes).trim_start_matches("sha256:") == said) {
                Some(bytes) => {
                    // What is used stays longest; that this fails is no harm.
                    let _ = fs::File::options()
                        .append(true)
                        .open(entry.path())
                        .map(|file| file.set_modified(SystemTime::now()));
                    return Some(bytes);
                }
                None => drop(fs::remove_file(entry.path())),
            }
        }
        None
    }

    /// Keeps an archive. It has its name only when it is whole.
    ///
    /// # Errors
    /// The folder cannot be made or written to; then it is pulled again the next time.
    pub fn put(&self, reference: &str, archive: &[u8]) -> io::Result<()> {
        let Some(folder) = &self.0 else { return Ok(()) };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let name = format!("{}{}.tgz", key(reference), digest(archive).trim_start_matches("sha256:"));
        let mut file = tempfile::Builder::new().prefix(PART).tempfile_in(folder)?;
        file.write_all(archive)?;
        file.as_file().sync_all()?;
        // What was kept for this reference before is no longer what it is.
        for entry in fs::read_dir(folder)?.flatten() {
            let old = entry.file_name().to_string_lossy().into_owned();
            if old.starts_with(&key(reference)) && old != name {
                let _ = fs::remove_file(entry.path());
            }
        }
        file.persist(folder.join(name)).map_err(|error| error.error)?;
        prune(folder, MOST, MOST_FILES)
    }
}

/// What is being written.
const PART: &str = ".part-";

/// A name for a reference that fits any file system.
fn key(reference: &str) -> String {
    format!("{}.", &digest(reference.as_bytes()).trim_start_matches("sha256:")[..32])
}

/// Removes the oldest until the rest is within the bounds.
fn prune(folder: &std::path::Path, most: u64, most_files: usize) -> io::Result<()> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_is_found_by_name_and_digest_and_only_whole() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("a/charts");
        let cache = ChartCache::new(folder.clone());
        assert_eq!(cache.get("oci://r/x:1.0.0"), None);
        cache.put("oci://r/x:1.0.0", b"one").unwrap();
        cache.put("oci://r/x:2.0.0", b"two").unwrap();
        assert_eq!(cache.get("oci://r/x:1.0.0").as_deref(), Some(b"one".as_slice()));
        assert_eq!(cache.by_digest(&digest(b"two")).as_deref(), Some(b"two".as_slice()));
        assert_eq!(cache.by_digest(&digest(b"three")), None);
        assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o777, 0o700);
        for entry in fs::read_dir(&folder).unwrap() {
            fs::write(entry.unwrap().path(), "cut").unwrap();
        }
        assert_eq!(cache.get("oci://r/x:1.0.0"), None, "what was changed is not used");
        cache.put("oci://r/x:1.0.0", b"one").unwrap();
        cache.put("oci://r/x:1.0.0", b"other").unwrap();
        assert_eq!(cache.get("oci://r/x:1.0.0").as_deref(), Some(b"other".as_slice()));
        assert!(
            fs::read_dir(&folder).unwrap().all(|entry| !entry.unwrap().file_name().to_string_lossy().starts_with('.'))
        );
    }

    #[test]
    fn the_oldest_goes_first() {
        let dir = tempfile::tempdir().unwrap();
        let cache = ChartCache::new(dir.path().to_owned());
        for (at, name) in ["a", "b", "c"].into_iter().enumerate() {
            cache.put(name, name.as_bytes()).unwrap();
            let file = fs::read_dir(dir.path())
                .unwrap()
                .flatten()
                .find(|entry| entry.file_name().to_string_lossy().starts_with(&key(name)));
            let then = SystemTime::now() - Duration::from_secs(1000 - at as u64);
            fs::File::options().append(true).open(file.unwrap().path()).unwrap().set_modified(then).unwrap();
        }
        assert!(cache.get("a").is_some(), "and is the newest by that");
        prune(dir.path(), 2, 9).unwrap();
        assert_eq!([cache.get("a").is_some(), cache.get("b").is_some(), cache.get("c").is_some()], [true, false, true]);
        prune(dir.path(), 9, 1).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
