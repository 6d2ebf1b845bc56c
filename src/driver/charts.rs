//! Charts on this machine: those that were pulled once, kept so that the next run needs no network, and those that Helm reads.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::cache::{Cache, user_cache};
use crate::model::{FileTree, bounded};

/// The most that is kept, of which the oldest goes first.
const MOST: u64 = 256 << 20;

/// How many are kept.
const MOST_FILES: usize = 500;

/// The folder of pulled charts.
#[derive(Debug, Clone)]
pub struct ChartCache(Cache);

impl ChartCache {
    /// In a folder, which is made when something is kept.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self::at(Some(folder))
    }

    /// `${XDG_CACHE_HOME:-~/.cache}/windlass/charts`; without a home nothing is kept.
    #[must_use]
    pub fn of_user() -> Self {
        Self::at(user_cache("charts"))
    }

    const fn at(folder: Option<PathBuf>) -> Self {
        Self(Cache::new(folder, ".tgz", MOST, MOST_FILES))
    }

    /// The archive that was pulled for this reference, if it is as it was.
    #[must_use]
    pub fn get(&self, reference: &str) -> Option<Vec<u8>> {
        bounded::capped(self.0.get(reference)?, bounded::CHART).ok()
    }

    /// The archive of this digest, whatever it was pulled for.
    #[must_use]
    pub fn by_digest(&self, sha256: &str) -> Option<Vec<u8>> {
        bounded::capped(self.0.by_digest(sha256)?, bounded::CHART).ok()
    }

    /// Keeps an archive. It has its name only when it is whole.
    ///
    /// # Errors
    /// The folder cannot be made or written to; then it is pulled again the next time.
    pub fn put(&self, reference: &str, archive: &[u8]) -> io::Result<()> {
        let mut part = self.0.part()?;
        part.write_all(archive)?;
        self.0.keep(reference, part).map(drop)
    }
}

/// Writes the files of a chart below a folder, which is made.
///
/// # Errors
/// A file or folder cannot be written.
pub fn write_chart(chart: &FileTree, folder: &Path) -> std::io::Result<()> {
    for (path, bytes) in chart.iter() {
        let file = folder.join(path);
        if let Some(parent) = file.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(&file, bytes)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::MetadataExt as _;
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::driver::cache::key;
    use crate::model::digest;

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
        cache.0.prune(2, 9).unwrap();
        assert_eq!([cache.get("a").is_some(), cache.get("b").is_some(), cache.get("c").is_some()], [true, false, true]);
        cache.0.prune(9, 1).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
