//! What of an unfinished offline bundle is written already. Nothing in it is believed: what it notes is hashed again from the
//! disk, so that a note that is wrong after a power cut costs time and nothing else.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::model::oci::Digest;

/// The most bytes that are read: some million notes.
const LIMIT: u64 = 256 << 20;

/// What the first line begins with.
const HEAD: &str = "windlass offline bundle 1 ";

/// How far a blob is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum JournalEntry {
    /// All of it was written, and its digest was right.
    Done,
    /// Its first bytes were written.
    Prefix(u64),
}

impl JournalEntry {
    /// How many bytes of a blob of this size.
    pub(super) fn bytes(self, size: u64) -> u64 {
        match self {
            Self::Done => size,
            Self::Prefix(bytes) => bytes.min(size),
        }
    }
}

/// The file beside the unfinished bundle. It is locked while it is open.
pub(super) struct Journal {
    file: Mutex<File>,
    /// What an earlier run noted.
    pub noted: BTreeMap<Digest, JournalEntry>,
}

/// What was found in place of a journal.
pub(super) enum Opened {
    /// It is ours, with what was noted.
    Ours(Journal),
    /// It is of other inputs.
    Other,
    /// Another process has it open.
    Busy,
}

impl Journal {
    /// Opens the journal of these inputs, or begins one.
    pub(super) fn open(path: &Path, identity: Digest) -> io::Result<Opened> {
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(Opened::Busy),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let mut bytes = Vec::new();
        (&file).take(LIMIT).read_to_end(&mut bytes)?;
        // What a full disk or a kill cut off is no line.
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        file.set_len(whole as u64)?;
        file.seek(SeekFrom::End(0))?;
        let text = String::from_utf8_lossy(&bytes[..whole]);
        let mut lines = text.lines();
        match lines.next() {
            None => {
                file.write_all(format!("{HEAD}{identity}\n").as_bytes())?;
                file.sync_all()?;
            }
            Some(line) if line.strip_prefix(HEAD) == Some(&identity.to_string()) => {}
            Some(_) => return Ok(Opened::Other),
        }
        Ok(Opened::Ours(Self { file: Mutex::new(file), noted: lines.filter_map(note).collect() }))
    }

    /// What the journal of these inputs notes; nothing where there is none. It may be in use, and it stays as it is.
    pub(super) fn read(path: &Path, identity: Digest) -> BTreeMap<Digest, JournalEntry> {
        let bytes = crate::model::bounded::bytes(path, LIMIT).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let mut lines = text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
        let ours = lines.next().and_then(|line| line.strip_prefix(HEAD)) == Some(&identity.to_string());
        if ours { lines.filter_map(note).collect() } else { BTreeMap::new() }
    }

    /// Notes how far a blob is.
    pub(super) fn note(&self, digest: Digest, noted: JournalEntry) -> io::Result<()> {
        let line = match noted {
            JournalEntry::Done => format!("{digest} done\n"),
            JournalEntry::Prefix(bytes) => format!("{digest} {bytes}\n"),
        };
        self.file.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes())
    }
}

fn note(line: &str) -> Option<(Digest, JournalEntry)> {
    let (digest, noted) = line.split_once(' ')?;
    let noted = if noted == "done" { JournalEntry::Done } else { JournalEntry::Prefix(noted.parse().ok()?) };
    Some((digest.parse().ok()?, noted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_survive_a_cut_line_and_belong_to_their_inputs() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("j");
        let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
        let Opened::Ours(journal) = Journal::open(&path, a).unwrap() else { panic!("new") };
        assert!(matches!(Journal::open(&path, a).unwrap(), Opened::Busy));
        journal.note(a, JournalEntry::Prefix(5)).unwrap();
        journal.note(b, JournalEntry::Done).unwrap();
        journal.note(a, JournalEntry::Prefix(9)).unwrap();
        drop(journal);
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(format!("garbage\n{} 77", b).as_bytes()).unwrap();
        drop(file);
        let Opened::Ours(journal) = Journal::open(&path, a).unwrap() else { panic!("ours") };
        assert_eq!(journal.noted, [(a, JournalEntry::Prefix(9)), (b, JournalEntry::Done)].into());
        assert_eq!(Journal::read(&path, a), journal.noted, "while it is in use, too");
        assert!(Journal::read(&path, b).is_empty() && Journal::read(&folder.path().join("none"), a).is_empty());
        drop(journal);
        assert!(matches!(Journal::open(&path, b).unwrap(), Opened::Other));
    }
}
