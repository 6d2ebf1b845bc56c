//! Files and programs of an offline bundle.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::app::bundled::{broken, inside, own_platform, place, regular};
use crate::app::exit::{Exit, Failed, OrExit as _};
use crate::app::trust::reading;
use crate::catalog::BUNDLED;
use crate::driver::bundle::{Bundle, copy};
use crate::driver::{user_cache, whole_file};
use crate::model::images_lock::LockedFile;
use crate::model::oci::Digest;

/// The most bytes of a program.
const PROGRAM: u64 = 512 << 20;

/// Where this user's offline bundles are unpacked to, as far as they have to be.
fn folder_of(bundle: &Bundle) -> PathBuf {
    let folder = user_cache("offline").unwrap_or_else(|| std::env::temp_dir().join("windlass/offline"));
    folder.join(&bundle.lock_digest().hex()[..16])
}

fn make(folder: &Path) -> Result<(), Failed> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| {
        let text = format!("failed to create {}", folder.display());
        Failed { exit: Exit::Unexpected, error: anyhow::Error::new(error).context(text) }
    })
}

/// The files that components upload, by component and question: what answers named where the offline bundle was made, and a
/// folder with them here.
pub(super) fn files(bundle: &Bundle) -> Result<BTreeMap<String, (String, PathBuf)>, Failed> {
    let mut found = BTreeMap::new();
    for (key, locked) in &bundle.lock().files {
        let Some((digest, _)) = place(locked).filter(|_| !locked.from.starts_with(BUNDLED)) else { continue };
        let folder = folder_of(bundle).join("files").join(key);
        if !folder.exists() {
            let parent = folder.parent().unwrap_or(&folder);
            make(parent)?;
            let half = tempfile::Builder::new().prefix(".half-").tempdir_in(parent).or_exit(Exit::Unexpected)?;
            unpack(bundle, digest, half.path())
                .map_err(|error| broken(bundle, &format!("the files of {key}"), error))?;
            // Another run may have been faster, with the same.
            match fs::rename(half.keep(), &folder) {
                Ok(()) => {}
                Err(_) if folder.exists() => {}
                Err(error) => return Err(error).or_exit(Exit::Unexpected),
            }
        }
        found.insert(key.clone(), (locked.from.clone(), folder));
    }
    Ok(found)
}

/// Unpacks an archive of files that was held to its digest before.
fn unpack(bundle: &Bundle, digest: Digest, folder: &Path) -> Result<(), anyhow::Error> {
    let packed = tempfile::NamedTempFile::new_in(folder.parent().unwrap_or(folder))?;
    copy(bundle, digest, packed.path(), &|_| true)?;
    for entry in tar::Archive::new(packed.reopen()?).entries()? {
        let mut entry = entry?;
        regular(&entry)?;
        let path = folder.join(inside(&entry.path()?)?);
        path.parent().map(fs::create_dir_all).transpose()?;
        io::copy(&mut entry, &mut fs::File::create_new(&path)?)?;
    }
    Ok(())
}

/// A program of the offline bundle for this machine, ready to run; `None` where it has none.
pub(super) fn program(bundle: &Bundle, name: &str) -> Result<Option<PathBuf>, Failed> {
    let platform = own_platform();
    let Some(LockedFile { digest, size }) =
        bundle.lock().programs.get(name).and_then(|program| program.platforms.get(&platform)).copied()
    else {
        return Ok(None);
    };
    let folder = folder_of(bundle);
    let path = folder.join(name);
    // The file is executed, so it is trusted only by its digest.
    let same = fs::File::open(&path).is_ok_and(|file| {
        let mut bytes = Vec::new();
        file.take(size + 1).read_to_end(&mut bytes).is_ok() && Digest::of(&bytes) == digest
    });
    if !same {
        let bytes = bundle.small(digest, PROGRAM).map_err(reading)?;
        make(&folder)?;
        let written = whole_file::replace(&path, &bytes, 0o700);
        written.map_err(|error| {
            let text = format!("failed to write {}", path.display());
            Failed { exit: Exit::Unexpected, error: anyhow::Error::new(error).context(text) }
        })?;
    }
    // The umask may have taken more than others' rights.
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).or_exit(Exit::Unexpected)?;
    Ok(Some(path))
}
