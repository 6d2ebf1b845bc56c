//! What files are copied from: distributions, as they are released, and the folder of the Containerfile.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest as _, Sha512};
use tokio_util::sync::CancellationToken;

use super::error::BuildError;
use crate::driver::sources::{BYTES, Entry, EntryKind, Packing, UnpackError, Visitor, enter, pour, walk};
use crate::model::{FileTree, bounded, entry_shown};

/// So many times its own size an archive may unpack to ...
const TIMES: u64 = 100;

/// ... once that is more than this.
const SMALL: u64 = 16 << 20;

/// The most bytes of where a link leads.
const LINK: u64 = 4096;

/// Where a file's bytes are.
#[derive(Debug, Clone)]
pub(super) enum Content {
    /// In a file of several, from an offset on.
    Spooled(Arc<File>, u64, u64),
    /// In memory.
    Bytes(Arc<[u8]>),
}

impl Content {
    pub(super) fn size(&self) -> u64 {
        match self {
            Self::Spooled(_, _, size) => *size,
            Self::Bytes(bytes) => bytes.len() as u64,
        }
    }

    /// Its bytes, from the beginning.
    pub(super) fn reader(&self) -> Box<dyn Read + Send> {
        match self {
            Self::Spooled(file, at, size) => Box::new(Spooled { file: Arc::clone(file), at: *at, end: at + size }),
            Self::Bytes(bytes) => Box::new(io::Cursor::new(Arc::clone(bytes))),
        }
    }
}

struct Spooled {
    file: Arc<File>,
    at: u64,
    end: u64,
}

impl Read for Spooled {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.end - self.at).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.file.read_at(&mut buffer[..most], self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

/// What a path stands for.
#[derive(Debug, Clone)]
pub(super) enum Packed {
    Folder,
    File {
        content: Content,
        executable: bool,
    },
    /// Where it leads, from the folder that it is in.
    Link(String),
}

/// Files by their paths, without a slash before them; every folder that holds any is among them.
#[derive(Debug, Clone)]
pub struct Distribution {
    /// What it is called in messages.
    pub(super) shown: String,
    pub(super) entries: BTreeMap<String, Packed>,
    sha512: Option<String>,
}

impl Distribution {
    /// Reads an archive (zip, tar, tar.gz) into a file without a name in the folder for temporary files. What it holds in one
    /// folder at its top is taken out of that: releases have one whose name is their version.
    ///
    /// # Errors
    /// It is not an archive, is damaged, or has entries that must not be in an image; then nothing is unpacked.
    pub fn open(path: &Path, stop: &CancellationToken) -> Result<Self, BuildError> {
        let failed = |source| BuildError::Distribution { path: path.to_owned(), source };
        let no = |problem| BuildError::Archive { path: path.to_owned(), problem };
        let read = |error| failed(UnpackError::Read(error));
        let found = std::fs::metadata(path).map_err(read)?;
        if found.is_dir() {
            return Err(no("it is a folder; pack it, or specify the released archive"));
        }
        if !found.is_file() {
            return Err(no("it is not a regular file"));
        }
        let mut file = File::open(path).map_err(read)?;
        let (sha512, head) = hashed(&mut file, stop).map_err(failed)?;
        let packing = packing(&head).map_err(no)?;
        file.seek(SeekFrom::Start(0)).map_err(read)?;
        let folder = std::env::temp_dir();
        let spool = tempfile::tempfile_in(&folder).map_err(|error| BuildError::scratch(&folder, error))?;
        let mut taken = ArchiveReader::new(spool, found.len(), stop.clone());
        walk(file, packing, &mut taken).map_err(failed)?;
        let entries = taken.finish().map_err(failed)?;
        Ok(Self { shown: path.display().to_string(), entries, sha512: Some(sha512) })
    }

    /// The files of a component.
    #[must_use]
    pub fn of_files(shown: &str, files: &FileTree) -> Self {
        let mut entries = BTreeMap::new();
        for (path, bytes) in files.iter() {
            for (at, _) in path.match_indices('/') {
                entries.insert(path[..at].to_owned(), Packed::Folder);
            }
            let content = Content::Bytes(bytes.into());
            // The catalog keeps no modes.
            entries.insert(path.to_owned(), Packed::File { content, executable: false });
        }
        Self { shown: shown.to_owned(), entries, sha512: None }
    }

    /// What it is called in messages: the archive's path.
    #[must_use]
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// The SHA-512 of the archive in hex, which projects publish beside their releases.
    #[must_use]
    pub fn sha512(&self) -> Option<&str> {
        self.sha512.as_deref()
    }
}

/// Hashes a file, and gives what it begins with.
fn hashed(file: &mut File, stop: &CancellationToken) -> Result<(String, Vec<u8>), UnpackError> {
    let (mut hash, mut head) = (Sha512::new(), Vec::new());
    let mut buffer = vec![0; 256 << 10];
    loop {
        let read = match file.read(&mut buffer) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(UnpackError::Read(error)),
        };
        if read == 0 {
            break;
        }
        if stop.is_cancelled() {
            return Err(UnpackError::Stopped);
        }
        hash.update(&buffer[..read]);
        if head.len() < 8 {
            head.extend_from_slice(&buffer[..read.min(8)]);
        }
    }
    Ok((hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect(), head))
}

/// How it is packed, by its first bytes: names of downloads are not to be relied on.
fn packing(head: &[u8]) -> Result<Packing, &'static str> {
    match head {
        [b'P', b'K', ..] => Ok(Packing::Zip),
        [0x1f, 0x8b, ..] => Ok(Packing::TarGz),
        [0xfd, b'7', b'z', ..] | [b'B', b'Z', b'h', ..] | [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            Err("xz, bzip2 and zstd are not supported; repack it as .tar.gz or .zip")
        }
        _ => Ok(Packing::Tar),
    }
}

/// What was wanted last.
#[derive(Clone, Copy)]
struct LastLookup {
    what: EntryKind,
    executable: bool,
}

/// Takes all of an archive.
struct ArchiveReader {
    spool: File,
    at: u64,
    /// The archive's own size.
    size: u64,
    stop: CancellationToken,
    count: usize,
    bytes: u64,
    wanted: LastLookup,
    entries: BTreeMap<String, Packed>,
    /// Contents, all in one file that does not exist before the end.
    files: BTreeMap<String, (u64, u64, bool)>,
}

impl ArchiveReader {
    fn new(spool: File, size: u64, stop: CancellationToken) -> Self {
        let wanted = LastLookup { what: EntryKind::Other, executable: false };
        let (entries, files) = (BTreeMap::new(), BTreeMap::new());
        Self { spool, at: 0, size, stop, count: 0, bytes: 0, wanted, entries, files }
    }

    /// The folders above an entry are folders.
    fn above(&mut self, path: &str) -> Result<(), UnpackError> {
        for (at, _) in path.match_indices('/') {
            let above = &path[..at];
            let is_folder = matches!(self.entries.get(above), None | Some(Packed::Folder));
            if !is_folder || self.files.contains_key(above) {
                return Err(UnpackError::Below(entry_shown(path)));
            }
            self.entries.insert(above.to_owned(), Packed::Folder);
        }
        Ok(())
    }

    /// Without the one folder at the top; links are looked at last, when it is known what they may lead to.
    fn finish(self) -> Result<BTreeMap<String, Packed>, UnpackError> {
        let file = Arc::new(self.spool);
        let mut entries = self.entries;
        for (path, (at, size, executable)) in self.files {
            let content = Content::Spooled(Arc::clone(&file), at, size);
            entries.insert(path, Packed::File { content, executable });
        }
        let tops: Vec<_> = entries.iter().filter(|(path, _)| !path.contains('/')).collect();
        if let [(top, Packed::Folder)] = tops.as_slice() {
            let prefix = format!("{top}/");
            entries = entries
                .into_iter()
                .filter_map(|(path, one)| Some((path.strip_prefix(&prefix)?.to_owned(), one)))
                .collect();
        }
        let out = entries.iter().find_map(|(path, one)| match one {
            Packed::Link(to) if !stays(path, to) => Some(path),
            _ => None,
        });
        match out {
            Some(path) => Err(UnpackError::Link(entry_shown(path))),
            None => Ok(entries),
        }
    }
}

/// Whether a link stays within what it is in.
fn stays(path: &str, to: &str) -> bool {
    let mut depth = path.matches('/').count();
    for part in to.split('/') {
        match part {
            "" | "." => {}
            ".." if depth == 0 => return false,
            ".." => depth -= 1,
            _ => depth += 1,
        }
    }
    !to.starts_with('/') && !to.is_empty() && !to.chars().any(char::is_control)
}

impl Visitor for ArchiveReader {
    fn visit(&mut self, entry: &Entry<'_>) -> Result<Option<String>, UnpackError> {
        let parts = enter(&mut self.count, &self.stop, entry.path)?;
        if parts.is_empty() {
            return Ok(None);
        }
        let path = parts.join("/");
        let shown = || entry_shown(entry.path);
        if path.contains('\u{fffd}') {
            return Err(UnpackError::Name(shown()));
        }
        if parts.iter().any(|part| part.starts_with(".wh.")) {
            return Err(UnpackError::Whiteout(shown()));
        }
        self.above(&path)?;
        let there = self.files.contains_key(&path) || self.entries.contains_key(&path);
        match entry.what {
            EntryKind::Folder if !there => {
                self.entries.insert(path, Packed::Folder);
                return Ok(None);
            }
            EntryKind::Folder if matches!(self.entries.get(&path), Some(Packed::Folder)) => return Ok(None),
            EntryKind::Folder => return Err(UnpackError::Below(shown())),
            EntryKind::Other => return Err(UnpackError::Special(shown())),
            _ if there => return Err(UnpackError::Twice(shown())),
            EntryKind::File | EntryKind::Link | EntryKind::HardLink => {}
        }
        self.wanted = LastLookup { what: entry.what, executable: entry.executable };
        Ok(Some(path))
    }

    fn keep(&mut self, name: String, content: &mut dyn Read) -> Result<(), UnpackError> {
        let LastLookup { what, executable } = self.wanted;
        if matches!(what, EntryKind::Link | EntryKind::HardLink) {
            let mut target = Vec::new();
            content.take(LINK + 1).read_to_end(&mut target).map_err(|error| UnpackError::Broken(error.to_string()))?;
            let out = || UnpackError::Link(entry_shown(&name));
            let target = String::from_utf8(target).ok().filter(|target| target.len() as u64 <= LINK).ok_or_else(out)?;
            if what == EntryKind::Link {
                self.entries.insert(name, Packed::Link(target));
                return Ok(());
            }
            // Another name of a file that was there before.
            let parts = crate::model::entry_parts(&target).ok_or_else(out)?;
            let file = *self.files.get(&parts.join("/")).ok_or_else(out)?;
            self.bytes += file.1;
            self.files.insert(name, file);
            return self.bounded();
        }
        let begin = self.at;
        let folder = std::env::temp_dir();
        let (spool, size) = (&mut self.spool, self.size);
        let mut write = |piece: &[u8], bytes| {
            if bytes > SMALL && bytes / TIMES > size {
                return Err(UnpackError::Bomb { times: TIMES, size });
            }
            spool.write_all(piece).map_err(|source| UnpackError::Write { path: folder.clone(), source })
        };
        let before = self.bytes;
        pour(content, &mut self.bytes, &self.stop, &mut write)?;
        self.at += self.bytes - before;
        self.files.insert(name, (begin, self.at - begin, executable));
        Ok(())
    }

    fn stop(&self) -> &CancellationToken {
        &self.stop
    }
}

impl ArchiveReader {
    /// Names of one file count as files: they are, in a layer.
    fn bounded(&self) -> Result<(), UnpackError> {
        match self.bytes {
            bytes if bytes > SMALL && bytes / TIMES > self.size => {
                Err(UnpackError::Bomb { times: TIMES, size: self.size })
            }
            bytes if bytes > BYTES => Err(UnpackError::Large(bounded::size(BYTES))),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_stay_where_they_are() {
        for (path, to, expected) in [
            ("a", "b", true),
            ("lib/a", "../b", true),
            ("lib/a", "../../b", false),
            ("a", "x/../../b", false),
            ("a", "/etc/passwd", false),
            ("a", "", false),
            ("a", "b\n", false),
        ] {
            assert_eq!(stays(path, to), expected, "{path} -> {to}");
        }
    }
}
