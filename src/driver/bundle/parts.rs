//! Several files as the one stream that they are slices of.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

/// Files, one after the other. Reading and writing is by offset, from any thread.
#[derive(Debug)]
pub struct Parts {
    parts: Vec<Part>,
    total: u64,
}

#[derive(Debug)]
struct Part {
    file: File,
    path: PathBuf,
    start: u64,
    len: u64,
}

impl Parts {
    /// Files with the lengths that they have in the stream.
    #[must_use]
    pub fn new(files: Vec<(File, PathBuf, u64)>) -> Self {
        let mut total: u64 = 0;
        let mut parts = Vec::new();
        for (file, path, len) in files {
            parts.push(Part { file, path, start: total, len });
            total = total.saturating_add(len);
        }
        Self { parts, total }
    }

    /// Opens files to read.
    ///
    /// # Errors
    /// One cannot be opened, or is no regular file.
    pub fn open(paths: &[PathBuf]) -> Result<Self, (PathBuf, io::Error)> {
        let mut files = Vec::new();
        for path in paths {
            let opened = open_regular(path).map_err(|error| (path.clone(), error))?;
            files.push((opened.0, path.clone(), opened.1));
        }
        Ok(Self::new(files))
    }

    /// The bytes of all.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// The files and their lengths, in order.
    pub fn files(&self) -> impl Iterator<Item = (&Path, &File, u64)> {
        self.parts.iter().map(|part| (part.path.as_path(), &part.file, part.len))
    }

    /// The files that hold some bytes.
    pub fn holding(&self, range: Range<u64>) -> impl Iterator<Item = &Path> {
        let inside = move |part: &&Part| part.start < range.end && part.start + part.len > range.start;
        self.parts.iter().filter(inside).map(|part| part.path.as_path())
    }

    /// Fills `buffer` from `offset` on.
    ///
    /// # Errors
    /// The disk's, or there are fewer bytes.
    pub fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.each(offset, buffer.len(), |part, at, range| part.file.read_exact_at(&mut buffer[range], at))
    }

    /// Writes all bytes from `offset` on.
    ///
    /// # Errors
    /// The disk's, or they go past the end.
    pub fn write_all_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.each(offset, bytes.len(), |part, at, range| part.file.write_all_at(&bytes[range], at))
    }

    fn each(
        &self,
        offset: u64,
        len: usize,
        mut act: impl FnMut(&Part, u64, Range<usize>) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut done = 0;
        let mut index = self.parts.partition_point(|part| part.start + part.len <= offset);
        while done < len {
            let at = offset + done as u64;
            let Some(part) = self.parts.get(index) else { return Err(io::ErrorKind::UnexpectedEof.into()) };
            let inside = at - part.start;
            let room = usize::try_from(part.len - inside).unwrap_or(usize::MAX);
            let count = room.min(len - done);
            act(part, inside, done..done + count)?;
            done += count;
            index += 1;
        }
        Ok(())
    }
}

/// A regular file and its length; nothing else is opened.
pub(in crate::driver) fn open_regular(path: &Path) -> io::Result<(File, u64)> {
    // Asked first, since opening a pipe waits for its other end.
    let regular = |found: &std::fs::Metadata| {
        let problem = || io::Error::new(io::ErrorKind::InvalidInput, "not a regular file");
        if found.is_file() { Ok(()) } else { Err(problem()) }
    };
    regular(&std::fs::metadata(path)?)?;
    let file = File::open(path)?;
    let found = file.metadata()?;
    regular(&found)?;
    Ok((file, found.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_one_stream_wherever_they_are_cut() {
        let folder = tempfile::tempdir().unwrap();
        let whole: Vec<u8> = (0..=99).collect();
        for size in [1, 7, 99, 100, 1000] {
            let paths: Vec<_> = whole
                .chunks(size)
                .enumerate()
                .map(|(number, bytes)| {
                    let path = folder.path().join(format!("{size}.{number}"));
                    std::fs::write(&path, bytes).unwrap();
                    path
                })
                .collect();
            let parts = Parts::open(&paths).unwrap();
            assert_eq!(parts.total(), 100);
            for (from, to) in [(0, 100), (0, 0), (3, 50), (99, 100), (100, 100), (6, 8)] {
                let mut buffer = vec![0; to - from];
                parts.read_exact_at(from as u64, &mut buffer).unwrap();
                assert_eq!(buffer, whole[from..to], "{size}: {from}..{to}");
            }
            assert!(parts.read_exact_at(99, &mut [0; 2]).is_err());
            assert!(parts.read_exact_at(u64::MAX - 1, &mut [0; 1]).is_err());
            assert_eq!(parts.holding(0..1).count(), 1);
            assert_eq!(parts.holding(0..100).count(), paths.len());
        }
        assert!(Parts::open(&[folder.path().to_owned()]).is_err());
    }
}
