//! Writes an offline bundle: blobs in parallel, each at its place, into files that get their names when all is there. A run
//! that was killed or met a full disk resumes, and fetches nothing again that it had.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::{StreamExt as _, TryStreamExt as _};

use super::error::{BlobProblem, BundleError, CreateError};
use super::format::{self, BLOCK};
use super::hash::hash_prefix;
use super::journal::{Journal, JournalEntry, Opened};
use super::origin::Origin;
use super::output::{Created, JOURNAL, Target, disk_error, folder_of, partial, suffixed, write_new};
use super::parts::Parts;
use super::plan::{BundlePlan, Space};
use super::split::{MOST_PARTS, is_part_number, part_name, sums_of, valid_name};
use crate::driver::disk::disk;
use crate::driver::image_source::ImageSource;
use crate::model::oci::Digest;

mod fetch;

/// So many blobs are fetched at once.
const AT_ONCE: usize = 5;

/// Tells how far it is: bytes of blobs that are there, and how many of these an earlier run had written. Neither becomes fewer.
pub type CreateProgress<'a> = &'a (dyn Fn(u64, u64) + Send + Sync);

/// The files of a bundle under way.
struct Files {
    /// Each with its final name and its bytes.
    files: Vec<(PathBuf, u64)>,
    journal: PathBuf,
    sums: Option<PathBuf>,
}

impl Target {
    fn files(&self, total: u64) -> Result<Files, CreateError> {
        let journal = suffixed(&self.path, JOURNAL);
        let Some(size) = self.split else {
            return Ok(Files { files: vec![(self.path.clone(), total)], journal, sums: None });
        };
        let name = self.path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if !valid_name(name) {
            return Err(CreateError::Name(name.to_owned()));
        }
        let count = total.div_ceil(size.max(1));
        if count > MOST_PARTS {
            return Err(CreateError::Parts { size, parts: count });
        }
        let part = |index| (part_name(&self.path, index), size.min(total - index * size));
        Ok(Files { files: (0..count).map(part).collect(), journal, sums: Some(suffixed(&self.path, ".sha256")) })
    }
}

impl BundlePlan {
    /// The room that it needs in a place, less what an unfinished one has already.
    ///
    /// # Errors
    /// The system cannot be asked, or the target cannot be.
    pub fn space(&self, target: &Target) -> Result<Space, CreateError> {
        let files = target.files(self.total)?;
        let written = files.files.iter().filter_map(|(path, _)| fs::metadata(partial(path)).ok());
        let written: u64 = written.map(|found| found.blocks().saturating_mul(512).min(found.len())).sum();
        let folder = folder_of(&target.path);
        let found = disk(folder).map_err(|error| CreateError::io("read", folder, error))?;
        // Its journal, the list of sums, and what a file system needs for itself.
        let needed = self.total.saturating_sub(written).saturating_add(self.total / 1000 + (1 << 20));
        Ok(Space { path: found.path.into(), needed, free: found.free })
    }

    /// Bytes of blobs that still come from the source, less what an unfinished one has of them by its journal.
    #[must_use]
    pub fn fetch_left(&self, target: &Target) -> u64 {
        let noted = Journal::read(&suffixed(&target.path, JOURNAL), self.identity(target.split));
        let there =
            self.layout.blobs.iter().filter(|(digest, _)| matches!(self.origins.get(digest), Some(Origin::Source(..))));
        let there = there.map(|(digest, (_, size))| noted.get(digest).map_or(0, |noted| noted.bytes(*size)));
        self.fetch.saturating_sub(there.sum())
    }
}

impl Space {
    /// Sees that there is enough.
    ///
    /// # Errors
    /// There is not.
    pub fn check(self) -> Result<(), CreateError> {
        match self.free < self.needed {
            true => Err(CreateError::Space { path: self.path, needed: self.needed, free: self.free }),
            false => Ok(()),
        }
    }
}

/// Writes an offline bundle.
///
/// # Errors
/// There is too little room (nothing was written), something is in the way, the source fails, or a blob is not what its digest
/// says. What was written stays, and the same call resumes.
pub async fn create(
    source: &dyn ImageSource,
    plan: &BundlePlan,
    target: &Target,
    progress: CreateProgress<'_>,
) -> Result<Created, CreateError> {
    let files = target.files(plan.total)?;
    let journal = begin(plan, target, &files)?;
    let parts = Arc::new(open(&files)?);
    write_frame(plan, &parts)?;
    let noted = journal.noted.clone();
    let done = AtomicU64::new(0);
    let resumed = AtomicU64::new(0);
    let report = |bytes: u64| {
        let done = done.fetch_add(bytes, Ordering::Relaxed) + bytes;
        progress(done, resumed.load(Ordering::Relaxed).min(done));
    };
    progress(0, 0);
    let mut order: Vec<_> = plan.layout.blobs.iter().map(|(digest, place)| (*digest, *place)).collect();
    // The largest first, so that none of them is left over at the end.
    order.sort_by_key(|(digest, (_, size))| (std::cmp::Reverse(*size), *digest));
    let work = order.into_iter().map(|(digest, (at, size))| {
        let (parts, journal, noted, resumed, report) = (&parts, &journal, &noted, &resumed, &report);
        async move {
            let slot = fetch::Slot { digest, at, size, parts: Arc::clone(parts), path: target.path.clone() };
            let known = noted.get(&digest).map_or(0, |noted| noted.bytes(size));
            let mut blob_progress = fetch::BlobProgress::default();
            if known > 0 || noted.get(&digest) == Some(&JournalEntry::Done) {
                let parts = Arc::clone(parts);
                let read = tokio::task::spawn_blocking(move || hash_prefix(&parts, at, known)).await?;
                let hash = read.map_err(|error| CreateError::io("read", &slot.path, error))?;
                if known == size {
                    if Digest::finish(hash) == digest {
                        resumed.fetch_add(size, Ordering::Relaxed);
                        report(size);
                        return Ok(());
                    }
                } else {
                    resumed.fetch_add(known, Ordering::Relaxed);
                    report(known);
                    blob_progress = fetch::BlobProgress::resumed(hash, known);
                }
            }
            let Some(origin) = plan.origins.get(&digest) else {
                let problem = BlobProblem::Unlisted;
                return Err(BundleError::Blob { digest, of: String::new(), problem }.into());
            };
            slot.fill(source, origin, blob_progress, journal, report).await
        }
    });
    futures::stream::iter(work).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
    finish(plan, target, &files, &parts, journal)?;
    Ok(Created {
        files: files.files.into_iter().map(|(path, _)| path).collect(),
        sums: files.sums,
        resumed: resumed.into_inner(),
    })
}

/// Sees that nothing is in the way and that there is room, and takes the journal.
fn begin(plan: &BundlePlan, target: &Target, files: &Files) -> Result<Journal, CreateError> {
    let identity = plan.identity(target.split);
    let folder = folder_of(&target.path);
    fs::create_dir_all(folder).map_err(|error| CreateError::io("write", folder, error))?;
    let partials = || files.files.iter().map(|(path, _)| partial(path));
    let mut had_journal = files.journal.exists();
    // Nothing that is finished is ever written over.
    let finished = || {
        let mut finals = files.files.iter().map(|(path, _)| path).chain(&files.sums).chain([&target.path]);
        finals.find(|path| path.exists()).map_or(Ok(()), |there| Err(CreateError::Exists(there.clone())))
    };
    if !had_journal {
        finished()?;
    }
    let foreign_parts = foreign_parts(target, files)?;
    if let Some(other) = foreign_parts.iter().find(|path| path.extension().is_none_or(|end| end != "partial")) {
        return Err(CreateError::OtherPart(other.clone()));
    }
    let first = partials().find(|path| path.exists()).into_iter().chain(foreign_parts.iter().cloned()).next();
    if let Some(first) = first.clone().filter(|_| !had_journal || !foreign_parts.is_empty()) {
        if !target.restart {
            return Err(CreateError::OtherPartial(first));
        }
        remove(partials().chain(foreign_parts))?;
    }
    let journal = loop {
        let opened = Journal::open(&files.journal, identity);
        match opened.map_err(|error| disk_error("write", &files.journal, error, plan.total))? {
            Opened::Ours(journal) => break journal,
            Opened::Busy => return Err(CreateError::Busy(target.path.clone())),
            Opened::Other if target.restart => {
                finished()?;
                remove(partials().chain([files.journal.clone()]))?;
                had_journal = false;
            }
            Opened::Other => return Err(CreateError::OtherPartial(first.unwrap_or_else(|| files.journal.clone()))),
        }
    };
    // Killed between the names and the journal's end: what has its name already is looked at like all else.
    for (path, _) in &files.files {
        if had_journal && path.exists() && !partial(path).exists() {
            fs::rename(path, partial(path)).map_err(|error| CreateError::io("rename", path, error))?;
        }
    }
    let room = plan.space(target)?.check();
    if room.is_err() && !had_journal {
        remove([files.journal.clone()])?;
    }
    room.map(|()| journal)
}

/// Parts in the folder, finished or not, that are none of this bundle.
fn foreign_parts(target: &Target, files: &Files) -> Result<Vec<PathBuf>, CreateError> {
    let folder = folder_of(&target.path);
    let io = |error| CreateError::io("read", folder, error);
    let name = target.path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let ours: Vec<PathBuf> = files.files.iter().flat_map(|(path, _)| [path.clone(), partial(path)]).collect();
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let rest = path.file_name().and_then(|found| found.to_str()).and_then(|found| found.strip_prefix(name));
        let Some(rest) = rest.and_then(|rest| rest.strip_prefix('.')) else { continue };
        let number = rest.strip_suffix(".partial").unwrap_or(rest);
        if is_part_number(number) && !ours.iter().any(|our| our.file_name() == path.file_name()) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Opens the unfinished files at their lengths. Nothing is allocated: what is not written yet is a hole.
fn open(files: &Files) -> Result<Parts, CreateError> {
    let mut opened = Vec::new();
    for (path, len) in &files.files {
        let path = partial(path);
        let io = |error| disk_error("write", &path, error, *len);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(io)?;
        file.set_len(*len).map_err(io)?;
        opened.push((file, path, *len));
    }
    Ok(Parts::new(opened))
}

/// All that is no blob: metadata, headers and the end. What lies between is zero already.
fn write_frame(plan: &BundlePlan, parts: &Parts) -> Result<(), CreateError> {
    let write = |at, bytes: &[u8]| {
        let path = parts.holding(at..at + 1).next().map(Path::to_owned).unwrap_or_default();
        parts.write_all_at(at, bytes).map_err(|error| disk_error("write", &path, error, plan.total))
    };
    let mut contents: BTreeMap<&str, &[u8]> = [
        (format::LOCK, plan.lock_bytes.as_slice()),
        (format::LAYOUT, format::LAYOUT_BYTES),
        (format::INDEX, &plan.index),
    ]
    .into();
    contents.extend(plan.signature.as_deref().map(|bytes| (format::SIGNATURE, bytes)));
    for entry in &plan.layout.entries {
        write(entry.header, &format::header(&entry.name, entry.size))?;
        if let Some(bytes) = contents.get(entry.name.as_str()) {
            write(entry.data(), bytes)?;
        }
    }
    write(plan.total - 2 * BLOCK, &[0; 1024])
}

/// Brings all to the disk, sums up the parts, and gives the files their names.
fn finish(
    plan: &BundlePlan,
    target: &Target,
    files: &Files,
    parts: &Parts,
    journal: Journal,
) -> Result<(), CreateError> {
    for (path, file, _) in parts.files() {
        file.sync_all().map_err(|error| disk_error("write", path, error, plan.total))?;
    }
    if let Some(sums) = &files.sums {
        let names = files.files.iter().filter_map(|(path, _)| Some(path.file_name()?.to_str()?.to_owned()));
        let text = sums_of(parts, names).map_err(|error| CreateError::io("read", &target.path, error))?;
        write_new(sums, text.as_bytes()).map_err(|error| disk_error("write", sums, error, text.len() as u64))?;
    }
    for (path, _) in &files.files {
        fs::rename(partial(path), path).map_err(|error| CreateError::io("rename", path, error))?;
    }
    let folder = folder_of(&target.path);
    let sync = || File::open(folder).and_then(|folder| folder.sync_all());
    sync().map_err(|error| CreateError::io("write", folder, error))?;
    remove([files.journal.clone()])?;
    drop(journal);
    Ok(())
}

fn remove(paths: impl IntoIterator<Item = PathBuf>) -> Result<(), CreateError> {
    for path in paths {
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(CreateError::io("remove", path, error));
            }
            _ => {}
        }
    }
    Ok(())
}
