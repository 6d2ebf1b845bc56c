//! Archives on this machine.

use std::io::{self, Write as _};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

/// A file of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its path in the archive.
    pub path: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// Writes a `.tar.gz` (0600) with everything below one folder. It has its name only when it is whole; a file that is
/// there already is never overwritten.
///
/// # Errors
/// The disk is full, the name is taken, and the like.
pub fn write_tar_gz(target: &Path, folder: &str, entries: &[Entry], modified: u64) -> io::Result<()> {
    let parent = target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Made private by tempfile, and gone if anything fails.
    let mut file = tempfile::Builder::new().prefix(".windlass-").suffix(".part").tempfile_in(parent)?;
    let mut archive = tar::Builder::new(GzEncoder::new(&mut file, Compression::default()));
    for entry in entries {
        let mut header = tar::Header::new_gnu();
        header.set_size(entry.bytes.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(modified);
        archive.append_data(&mut header, format!("{folder}/{}", entry.path), entry.bytes.as_slice())?;
    }
    archive.into_inner()?.finish()?.flush()?;
    file.as_file().sync_all()?;
    file.persist_noclobber(target).map(drop).map_err(|error| error.error)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn an_archive_reads_back_and_is_never_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("a.tar.gz");
        let long = format!("{}/x.txt", "deep/".repeat(40));
        let entries = [("index.json", "{}"), (long.as_str(), "text")]
            .map(|(path, text)| Entry { path: path.to_owned(), bytes: text.as_bytes().to_vec() });
        write_tar_gz(&target, "top", &entries, 1).unwrap();
        let mut found = Vec::new();
        let file = flate2::read::GzDecoder::new(std::fs::File::open(&target).unwrap());
        for entry in tar::Archive::new(file).entries().unwrap() {
            let mut entry = entry.unwrap();
            let path = entry.path().unwrap().display().to_string();
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            found.push((path, text));
        }
        assert_eq!(found, [("top/index.json".to_owned(), "{}".to_owned()), (format!("top/{long}"), "text".to_owned())]);
        let again = write_tar_gz(&target, "top", &[], 1).unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing half-written stays");
    }
}
