//! Private folders for credentials and sockets, removed at exit.

use std::ffi::OsStr;
use std::fs::{DirBuilder, File, Permissions};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

/// All our folders begin with this, so that a later run knows what an earlier one left.
const PREFIX: &str = "windlass-";

/// Written once the folder is locked: a sweep by another process must not take it for abandoned before that.
const MARK: &str = ".locked-by-its-owner";

/// A Unix socket's path holds 107 bytes; this leaves room for a folder and a file name behind it.
const PATH_CAP: usize = 70;

/// A folder of mode 0700, removed when dropped.
///
/// A run that was killed with SIGKILL cannot remove its own. So each folder is locked for as long as its owner lives
/// (the kernel frees a lock whatever happens), and a new one first removes those of ours that nobody holds.
#[derive(Debug)]
pub struct PrivateDir {
    // Declared first, dropped first: the folder goes while the lock is still held.
    dir: tempfile::TempDir,
    _lock: File,
}

/// Errors of private folders.
#[derive(Debug, thiserror::Error)]
pub enum PrivateDirError {
    /// It could not be created.
    #[error("failed to create a private folder in {}", parent.display())]
    Create {
        /// The folder to create it in.
        parent: PathBuf,
        /// The error of the system.
        source: std::io::Error,
    },
    /// A file in it could not be written.
    #[error("failed to write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        source: std::io::Error,
    },
}

impl PrivateDir {
    /// Makes a folder under `XDG_RUNTIME_DIR` (in memory, ours alone), else under the folder for temporary files.
    ///
    /// # Errors
    /// When no folder can be made there.
    pub fn new() -> Result<Self, PrivateDirError> {
        Self::under(&parent(std::env::var_os("XDG_RUNTIME_DIR").as_deref(), &std::env::temp_dir()))
    }

    /// Makes a folder under `parent`, after removing those that killed runs left there.
    ///
    /// # Errors
    /// When no folder can be made there.
    pub fn under(parent: &Path) -> Result<Self, PrivateDirError> {
        let failed = |source| PrivateDirError::Create { parent: parent.to_owned(), source };
        sweep(parent);
        let mode = Permissions::from_mode(0o700);
        let dir = tempfile::Builder::new().prefix(PREFIX).permissions(mode).tempdir_in(parent).map_err(failed)?;
        let lock = File::open(dir.path()).map_err(failed)?;
        flock(&lock, FlockOperation::LockShared).map_err(|errno| failed(errno.into()))?;
        std::fs::write(dir.path().join(MARK), "").map_err(failed)?;
        Ok(Self { dir, _lock: lock })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Makes a folder of mode 0700 inside and gives its path.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn subdir(&self, name: &str) -> Result<PathBuf, PrivateDirError> {
        let path = self.path().join(name);
        match DirBuilder::new().mode(0o700).create(&path) {
            Err(source) if source.kind() != std::io::ErrorKind::AlreadyExists => {
                Err(PrivateDirError::Create { parent: self.path().to_owned(), source })
            }
            _ => Ok(path),
        }
    }

    /// Writes a new file of mode 0600 inside and gives its path.
    ///
    /// # Errors
    /// When it is there already or cannot be written.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<PathBuf, PrivateDirError> {
        use std::io::Write as _;
        let path = self.path().join(name);
        std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| file.write_all(bytes))
            .map_err(|source| PrivateDirError::Write { path: path.clone(), source })?;
        Ok(path)
    }
}

/// `XDG_RUNTIME_DIR` if it is there; never a path so long that no socket fits below it.
fn parent(runtime: Option<&OsStr>, temp: &Path) -> PathBuf {
    let fits = |path: &Path| path.as_os_str().len() <= PATH_CAP && path.is_dir();
    let runtime = runtime.map(Path::new).filter(|path| path.is_absolute() && fits(path));
    match runtime {
        Some(path) => path.to_owned(),
        None if fits(temp) => temp.to_owned(),
        None => PathBuf::from("/tmp"),
    }
}

/// Removes folders of ours whose owner is gone. Best effort: what cannot be read or removed is not ours to worry about.
fn sweep(parent: &Path) {
    let me = rustix::process::getuid().as_raw();
    let Ok(entries) = std::fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let ours = entry.file_name().as_encoded_bytes().starts_with(PREFIX.as_bytes())
            && entry.metadata().is_ok_and(|meta| meta.is_dir() && meta.uid() == me && meta.mode() & 0o777 == 0o700)
            && entry.path().join(MARK).exists();
        if !ours {
            continue;
        }
        let Ok(dir) = File::open(entry.path()) else { continue };
        if flock(&dir, FlockOperation::NonBlockingLockExclusive).is_ok() {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn it_is_ours_alone_and_goes_with_us() {
        let parent = tempfile::tempdir().unwrap();
        let dir = PrivateDir::under(parent.path()).unwrap();
        let file = dir.write("kubeconfig", b"x").unwrap();
        let sub = dir.subdir("s").unwrap();
        assert_eq!((mode(dir.path()), mode(&file), mode(&sub)), (0o700, 0o600, 0o700));
        assert_eq!(dir.subdir("s").unwrap(), sub);
        assert!(matches!(dir.write("kubeconfig", b"y"), Err(PrivateDirError::Write { .. })));
        let path = dir.path().to_owned();
        drop(dir);
        assert!(!path.exists());
    }

    #[test]
    fn what_a_killed_run_left_is_removed_and_what_lives_is_not() {
        let parent = tempfile::tempdir().unwrap();
        let alive = PrivateDir::under(parent.path()).unwrap();
        let dead = PrivateDir::under(parent.path()).unwrap();
        let left = dead.path().to_owned();
        dead.write("kubeconfig", b"secret").unwrap();
        // As SIGKILL does it: the lock goes, the folder stays.
        let PrivateDir { dir, _lock: lock } = dead;
        std::mem::forget(dir);
        drop(lock);
        let strange = parent.path().join("windlass-not-ours");
        std::fs::create_dir(&strange).unwrap();

        let _new = PrivateDir::under(parent.path()).unwrap();
        assert!(!left.exists());
        assert!(alive.path().exists());
        assert!(strange.exists());
    }

    #[test]
    fn sockets_fit_below_the_parent() {
        let temp = tempfile::tempdir().unwrap();
        let long = temp.path().join("x".repeat(90));
        std::fs::create_dir(&long).unwrap();
        assert_eq!(parent(Some(temp.path().as_os_str()), Path::new("/")), temp.path());
        assert_eq!(parent(Some(long.as_os_str()), temp.path()), temp.path());
        assert_eq!(parent(None, &long), Path::new("/tmp"));
        assert_eq!(parent(Some(OsStr::new("relative")), temp.path()), temp.path());
    }
}
