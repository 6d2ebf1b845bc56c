//! Archives from anywhere: what fits is unpacked into one folder by its own name, within bounds, and nothing else is. Who takes
//! something else out of archives is another [`Visitor`] of the same walk.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use tokio_util::sync::CancellationToken;
use zip::ZipArchive;
use zip::result::ZipError;

use crate::driver::process::PrivateDirError;
use crate::model::{NamePattern, bounded, entry_parts, entry_shown, few, name_problem};

/// The most that is unpacked, and the most that is read through on the way.
pub(in crate::driver) const BYTES: u64 = 4 << 30;
const STREAM: u64 = 2 * BYTES;

/// How many entries are looked at.
const ENTRIES: usize = 100_000;

/// What stands before one entry's content: its header, and a long name or attributes that may be before that.
const HEADER: u64 = 1 << 20;

/// The list at the end of a zip: of as many entries.
const DIRECTORY: u64 = 64 << 20;

/// Bytes at a time.
const BUFFER: usize = 256 << 10;

/// How many folders are remembered for a hint.
const HINTS: usize = 1000;

/// Why an archive is not unpacked.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// It cannot be read.
    #[error("failed to read the archive")]
    Read(#[source] io::Error),
    /// It is a device, a pipe or the like.
    #[error("not a regular file")]
    Device,
    /// It is not what its name says, is damaged, or ends too early.
    #[error("damaged, truncated or not an archive: {0}")]
    Broken(String),
    /// It holds more than is read.
    #[error("exceeds the limit of {0}; specify a folder, or pack less")]
    Large(String),
    /// An entry leads out.
    #[error("`{0}` leads outside the archive: nothing was unpacked")]
    Outside(String),
    /// A link, a device or the like.
    #[error(
        "`{0}` is a link or not a file: pack the file itself (`tar --dereference --hard-dereference`, `zip` without -y)"
    )]
    Special(String),
    /// It is there more than once.
    #[error("duplicate entry `{0}`")]
    Twice(String),
    /// A name that HDFS does not take.
    #[error("`{name}` cannot be uploaded to HDFS: {why}; rename it")]
    HdfsName {
        /// Which.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Nothing fits.
    #[error("no file in {place} matches `{pattern}`{elsewhere}")]
    Empty {
        /// Where was looked.
        place: String,
        /// The pattern.
        pattern: String,
        /// Where there are some.
        elsewhere: String,
    },
    /// There is no folder to unpack into.
    #[error("failed to create a folder to unpack into")]
    Dir(#[from] PrivateDirError),
    /// It cannot be written.
    #[error("failed to unpack to {}; set TMPDIR to a folder with more space", .path.display())]
    Write {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// An entry below what is no folder.
    #[error("`{0}` is below a file or a link, or is both a file and a folder")]
    Below(String),
    /// A link that leads out.
    #[error("`{0}` is a link that leads outside the archive: nothing was unpacked")]
    Link(String),
    /// A name by which layers of images remove what is below them.
    #[error("`{0}` would remove files of the base image: names must not start with .wh.")]
    Whiteout(String),
    /// A name that cannot be kept.
    #[error("`{0}` is not UTF-8: rename it")]
    Name(String),
    /// Far too much from far too little.
    #[error("possible archive bomb: unpacks to more than {times} times its {size} bytes")]
    Bomb {
        /// The most times that are taken.
        times: u64,
        /// The archive's size.
        size: u64,
    },
    /// Somebody wanted to stop.
    #[error("unpacking was stopped")]
    Stopped,
}

impl UnpackError {
    /// Whether this machine is at fault, and not the archive.
    #[must_use]
    pub const fn is_disk(&self) -> bool {
        matches!(self, Self::Dir(_) | Self::Write { .. })
    }
}

/// How an archive is packed.
#[derive(Debug, Clone, Copy)]
pub(in crate::driver) enum Packing {
    Zip,
    Tar,
    TarGz,
}

impl Packing {
    /// By the name, as [`crate::model::FileSource`] tells archives from folders.
    pub(super) fn of(path: &Path) -> Self {
        match path.to_string_lossy().to_ascii_lowercase() {
            name if name.ends_with(".zip") => Self::Zip,
            name if name.ends_with(".tar") => Self::Tar,
            _ => Self::TarGz,
        }
    }
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::driver) enum EntryKind {
    Folder,
    File,
    /// Its content is where it leads, from the folder that it is in.
    Link,
    /// Its content is the entry that it is another name of.
    HardLink,
    Other,
}

/// An entry that a walk has come to.
pub(in crate::driver) struct Entry<'a> {
    pub path: &'a str,
    pub what: EntryKind,
    /// The owner may run it.
    pub executable: bool,
}

/// Who walks through an archive.
pub(in crate::driver) trait Visitor {
    /// Whether an entry's content is wanted, and by which name.
    fn visit(&mut self, entry: &Entry<'_>) -> Result<Option<String>, UnpackError>;

    /// The content of the entry that was wanted.
    fn keep(&mut self, name: String, content: &mut dyn Read) -> Result<(), UnpackError>;

    /// Who may end the walk.
    fn stop(&self) -> &CancellationToken;
}

/// The parts of an entry's path, within the bounds of an archive.
pub(in crate::driver) fn enter<'p>(
    entries: &mut usize,
    stop: &CancellationToken,
    path: &'p str,
) -> Result<Vec<&'p str>, UnpackError> {
    *entries += 1;
    if *entries > ENTRIES {
        return Err(UnpackError::Large(format!("{ENTRIES} entries")));
    }
    if stop.is_cancelled() {
        return Err(UnpackError::Stopped);
    }
    entry_parts(path).ok_or_else(|| UnpackError::Outside(entry_shown(path)))
}

/// Takes a piece of a content, and the sum of all contents so far.
pub(in crate::driver) type Sink<'a> = &'a mut dyn FnMut(&[u8], u64) -> Result<(), UnpackError>;

/// Passes a content on in pieces, with `bytes` the sum of all contents so far, which is bounded.
pub(in crate::driver) fn pour(
    content: &mut dyn Read,
    bytes: &mut u64,
    stop: &CancellationToken,
    to: Sink<'_>,
) -> Result<(), UnpackError> {
    let mut buffer = vec![0; BUFFER];
    loop {
        let read = match content.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(broken(error)),
        };
        *bytes += read as u64;
        if *bytes > BYTES {
            return Err(UnpackError::Large(bounded::size(BYTES)));
        }
        if stop.is_cancelled() {
            return Err(UnpackError::Stopped);
        }
        to(&buffer[..read], *bytes)?;
    }
}

/// What is taken out of an archive.
pub(super) struct FileFilter {
    folder: Vec<String>,
    pattern: NamePattern,
    to: PathBuf,
    stop: CancellationToken,
    entries: usize,
    bytes: u64,
    found: BTreeMap<String, PathBuf>,
    elsewhere: BTreeMap<String, usize>,
}

impl FileFilter {
    pub(super) fn new(folder: &str, pattern: &NamePattern, to: PathBuf, stop: CancellationToken) -> Self {
        let folder = folder.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect();
        let (found, elsewhere) = (BTreeMap::new(), BTreeMap::new());
        Self { folder, pattern: pattern.clone(), to, stop, entries: 0, bytes: 0, found, elsewhere }
    }

    pub(super) fn files(self) -> Vec<(String, PathBuf)> {
        self.found.into_iter().collect()
    }

    /// Whether an entry is to be unpacked, and by which name. One that leads out makes all of the archive suspicious; other
    /// links are not ours.
    fn wants(&mut self, path: &str, what: EntryKind) -> Result<Option<String>, UnpackError> {
        let parts = enter(&mut self.entries, &self.stop, path)?;
        let Some((name, folder)) = parts.split_last() else { return Ok(None) };
        if what == EntryKind::Folder || name.starts_with('.') || !self.pattern.fits(name) {
            return Ok(None);
        }
        if folder != self.folder {
            if self.elsewhere.len() < HINTS {
                *self.elsewhere.entry(folder.join("/")).or_default() += 1;
            }
            return Ok(None);
        }
        if what != EntryKind::File {
            return Err(UnpackError::Special(entry_shown(path)));
        }
        let why = name_problem(name).or(name.contains('\u{fffd}').then_some("it is not UTF-8"));
        if let Some(why) = why {
            return Err(UnpackError::HdfsName { name: entry_shown(path), why });
        }
        Ok(Some((*name).to_owned()))
    }

    fn take(&mut self, name: String, mut reader: impl Read) -> Result<(), UnpackError> {
        let path = self.to.join(&name);
        let failed = |source| UnpackError::Write { path: self.to.clone(), source };
        let mut file = match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(UnpackError::Twice(entry_shown(&name)));
            }
            opened => opened.map_err(failed)?,
        };
        let mut write = |piece: &[u8], _| file.write_all(piece).map_err(failed);
        pour(&mut reader, &mut self.bytes, &self.stop, &mut write)?;
        self.found.insert(name, path);
        Ok(())
    }

    /// Something has to be there.
    fn done(&self) -> Result<(), UnpackError> {
        if !self.found.is_empty() {
            return Ok(());
        }
        let named = |folder: &str| if folder.is_empty() { "the top folder".to_owned() } else { format!("`{folder}`") };
        let there: Vec<_> =
            self.elsewhere.iter().map(|(folder, count)| format!("{count} in {}", named(folder))).collect();
        let elsewhere = match there.as_slice() {
            [] => String::new(),
            _ => format!("; found {}: add that folder after a #", few(&there, 5)),
        };
        Err(UnpackError::Empty {
            place: named(&self.folder.join("/")),
            pattern: self.pattern.text().to_owned(),
            elsewhere,
        })
    }
}

impl Visitor for FileFilter {
    fn visit(&mut self, entry: &Entry<'_>) -> Result<Option<String>, UnpackError> {
        self.wants(entry.path, entry.what)
    }

    fn keep(&mut self, name: String, content: &mut dyn Read) -> Result<(), UnpackError> {
        self.take(name, content)
    }

    fn stop(&self) -> &CancellationToken {
        &self.stop
    }
}

fn broken(error: impl std::fmt::Display) -> UnpackError {
    UnpackError::Broken(error.to_string())
}

/// Unpacks what fits.
pub(super) fn unpack(file: File, packing: Packing, filter: &mut FileFilter) -> Result<(), UnpackError> {
    walk(file, packing, filter)?;
    filter.done()
}

/// Goes through all entries of an archive.
pub(in crate::driver) fn walk(file: File, packing: Packing, visitor: &mut impl Visitor) -> Result<(), UnpackError> {
    let file = BufReader::with_capacity(BUFFER, file);
    match packing {
        Packing::Zip => zip(file, visitor),
        Packing::Tar => tar(file, visitor),
        Packing::TarGz => tar(MultiGzDecoder::new(file), visitor),
    }
}

fn zip(file: impl Read + Seek, visitor: &mut impl Visitor) -> Result<(), UnpackError> {
    let meter = Meter::new(DIRECTORY, u64::MAX, visitor.stop());
    let opened = ZipArchive::new(Metered { inner: file, meter: &meter });
    if meter.is_spent() {
        return Err(UnpackError::Broken("no central directory at its end".to_owned()));
    }
    let mut archive = opened.map_err(broken)?;
    if archive.has_duplicate_names() {
        return Err(UnpackError::Broken("two entries have the same name".to_owned()));
    }
    meter.allow(u64::MAX);
    for at in 0..archive.len() {
        let entry = archive.by_index_data(at).map_err(broken)?;
        let path = entry.name().map_err(broken)?.into_owned();
        let mode = entry.unix_mode().unwrap_or_default();
        let what = match mode & 0o170_000 {
            _ if entry.is_dir() => EntryKind::Folder,
            // Written where there are no modes.
            0 | 0o100_000 => EntryKind::File,
            0o120_000 => EntryKind::Link,
            _ => EntryKind::Other,
        };
        let entry = Entry { path: &path, what, executable: mode & 0o100 != 0 };
        let Some(name) = visitor.visit(&entry)? else { continue };
        let shown = entry_shown(&path);
        let mut reader = archive.by_index(at).map_err(|error| match error {
            ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED) => {
                UnpackError::Broken(format!("`{shown}` is encrypted: pack it without a password"))
            }
            ZipError::CompressionMethodNotSupported(_) => {
                UnpackError::Broken(format!("`{shown}` is not compressed with deflate"))
            }
            error => broken(error),
        })?;
        visitor.keep(name, &mut reader)?;
    }
    Ok(())
}

fn tar(stream: impl Read, visitor: &mut impl Visitor) -> Result<(), UnpackError> {
    let meter = Meter::new(HEADER, STREAM, visitor.stop());
    let mut archive = tar::Archive::new(Metered { inner: stream, meter: &meter });
    let read_error = |error: io::Error| match meter.is_spent() {
        true if meter.total() >= STREAM => UnpackError::Large(bounded::size(STREAM)),
        true => UnpackError::Large("1 MiB of names and attributes of one entry".to_owned()),
        false => broken(error),
    };
    let mut entries = archive.entries().map_err(read_error)?;
    loop {
        // A name or attribute is read into memory, however long it says that it is.
        meter.allow(HEADER);
        let (begin, padding) = (meter.total(), meter.total().next_multiple_of(512) - meter.total());
        let Some(entry) = entries.next() else {
            // The end is a block of zeros. Without one the last files may be missing.
            if meter.total() <= begin + padding {
                return Err(UnpackError::Broken("unexpected end".to_owned()));
            }
            break;
        };
        let mut entry = entry.map_err(read_error)?;
        meter.allow(u64::MAX);
        let kind = entry.header().entry_type();
        let what = match kind {
            _ if kind.is_pax_global_extensions() => continue,
            _ if kind.is_dir() => EntryKind::Folder,
            _ if kind.is_file() || kind.is_contiguous() => EntryKind::File,
            _ if kind.is_symlink() => EntryKind::Link,
            _ if kind.is_hard_link() => EntryKind::HardLink,
            _ => EntryKind::Other,
        };
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let link = match what {
            EntryKind::Link | EntryKind::HardLink => Some(entry.link_name_bytes().unwrap_or_default().into_owned()),
            _ => None,
        };
        let executable = entry.header().mode().is_ok_and(|mode| mode & 0o100 != 0);
        match (visitor.visit(&Entry { path: &path, what, executable })?, link) {
            (Some(name), Some(link)) => visitor.keep(name, &mut link.as_slice())?,
            (Some(name), None) => visitor.keep(name, &mut entry).map_err(|error| match error {
                UnpackError::Broken(text) => read_error(io::Error::other(text)),
                error => error,
            })?,
            (None, _) => drop(io::copy(&mut entry, &mut io::sink()).map_err(read_error)?),
        }
    }
    // To the end of the gzip, where its checksum is.
    meter.allow(u64::MAX);
    io::copy(&mut archive.into_inner(), &mut io::sink()).map(drop).map_err(read_error)
}

/// How much may be read: now, and in all.
struct Meter {
    left: Cell<u64>,
    all: Cell<u64>,
    most: u64,
    spent: Cell<bool>,
    stop: CancellationToken,
}

impl Meter {
    fn new(now: u64, most: u64, stop: &CancellationToken) -> Self {
        Self { left: Cell::new(now), all: Cell::new(0), most, spent: Cell::new(false), stop: stop.clone() }
    }

    fn allow(&self, now: u64) {
        self.left.set(now);
    }

    fn total(&self) -> u64 {
        self.all.get()
    }

    fn is_spent(&self) -> bool {
        self.spent.get()
    }
}

/// Counts what is read, and fails past what is allowed.
struct Metered<'a, R> {
    inner: R,
    meter: &'a Meter,
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.meter.left.get().min(self.meter.most - self.meter.all.get());
        if left == 0 && !buffer.is_empty() {
            self.meter.spent.set(true);
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "read limit exceeded"));
        }
        if self.meter.stop.is_cancelled() {
            return Err(io::Error::other("unpacking was stopped"));
        }
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.inner.read(&mut buffer[..most])?;
        self.meter.left.set(self.meter.left.get().saturating_sub(read as u64));
        self.meter.all.set(self.meter.all.get() + read as u64);
        Ok(read)
    }
}

impl<R: Seek> Seek for Metered<'_, R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}

#[cfg(test)]
mod tests;
