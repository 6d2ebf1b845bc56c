//! Opens an offline bundle in place: nothing is unpacked, and nothing is believed that does not follow from its lock.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::closure::{self, Closure};
use super::error::{BlobProblem, BundleError, EntryProblem, SignError};
use super::find::{BundleFiles, find};
use super::format::{self, BLOBS, BLOCK, Entry, INDEX, LAYOUT, LOCK, Layout, SIGNATURE};
use super::parts::Parts;
use super::stream::{CHUNK, RangeReader};
use crate::model::images_lock::{ImagesLock, LOCK_FILE, LockedBundle};
use crate::model::oci::{Digest, MANIFEST_LIMIT, OciManifest};
use crate::model::{ImageName, bounded};

/// An offline bundle that was opened: its structure is sound, and its manifests are what the lock says. Its other blobs are
/// not read yet; [`super::verify()`] does that.
#[derive(Debug)]
pub struct Bundle {
    found: BundleFiles,
    parts: Arc<Parts>,
    lock: ImagesLock,
    lock_bytes: Vec<u8>,
    bundle: LockedBundle,
    layout: Layout,
    manifests: BTreeMap<Digest, String>,
    signature: Option<Vec<u8>>,
}

/// Reads entries one after the other.
struct Reader<'a> {
    found: &'a BundleFiles,
    parts: &'a Parts,
    seen: BTreeSet<String>,
}

impl Bundle {
    /// Opens one: a file, parts, folders that hold parts.
    ///
    /// # Errors
    /// It is not there, or not sound: the message names the entry or the part.
    pub fn open(paths: &[PathBuf]) -> Result<Self, BundleError> {
        let found = find(paths)?;
        let parts = Parts::open(&found.files).map_err(|(path, error)| BundleError::io("open", path, error))?;
        even(&found, &parts)?;
        let mut reader = Reader { found: &found, parts: &parts, seen: BTreeSet::new() };
        let lock_entry = reader.named(LOCK, 0, None, format::LOCK_LIMIT)?;
        let lock_bytes = reader.content(&lock_entry)?;
        let lock = parse(&lock_bytes, &found.name)?;
        let problem = |problem: String| BundleError::LockContent { name: found.name.clone(), problem };
        let Some(bundle) = lock.bundle.clone() else {
            return Err(problem("not the lock of an offline bundle: it lists no blobs".to_owned()));
        };
        let size = format::LAYOUT_BYTES.len() as u64;
        let layout_entry = reader.named(LAYOUT, lock_entry.end(), Some(size), size)?;
        if reader.content(&layout_entry)? != format::LAYOUT_BYTES {
            return Err(reader.wrong(&layout_entry, EntryProblem::Content));
        }
        let index_entry = reader.named(INDEX, layout_entry.end(), None, format::INDEX_LIMIT)?;
        let index = reader.content(&index_entry)?;
        let inside = reader.is_signature(index_entry.end());
        let signature = if inside {
            let entry = reader.named(SIGNATURE, index_entry.end(), None, format::SIGNATURE_LIMIT)?;
            Some(reader.content(&entry)?)
        } else {
            None
        };
        let signature_size = signature.as_ref().map(|bytes| bytes.len() as u64);
        let layout = Layout::new(lock_bytes.len() as u64, index.len() as u64, signature_size, &bundle.blobs)
            .ok_or_else(|| problem("blobs are too large".to_owned()))?;
        reader.whole(&layout)?;
        let mut opened = Self {
            parts: Arc::new(parts),
            lock,
            lock_bytes,
            bundle,
            layout,
            manifests: BTreeMap::new(),
            signature,
            found,
        };
        opened.walk()?;
        let expected =
            format::index_json(&opened.lock, Some(opened.lock_digest()), &opened.bundle.blobs, &opened.manifests)?;
        if expected != index {
            let reader = Reader { found: &opened.found, parts: &opened.parts, seen: BTreeSet::new() };
            return Err(reader.wrong(&index_entry, EntryProblem::Content));
        }
        if let Some(signature) = &opened.signature {
            let checked = super::sign::own_key(signature, &opened.lock_bytes);
            checked.map_err(|source| BundleError::Signature { name: opened.found.name.clone(), source })?;
        }
        Ok(opened)
    }

    /// Its lock.
    #[must_use]
    pub const fn lock(&self) -> &ImagesLock {
        &self.lock
    }

    /// The bytes of its lock, which a signature covers.
    #[must_use]
    pub fn lock_bytes(&self) -> &[u8] {
        &self.lock_bytes
    }

    /// The digest of its lock's bytes: that which names it as a base.
    #[must_use]
    pub fn lock_digest(&self) -> Digest {
        Digest::of(&self.lock_bytes)
    }

    /// What its lock says of it as a bundle.
    #[must_use]
    pub const fn about(&self) -> &LockedBundle {
        &self.bundle
    }

    /// The files that it is of.
    #[must_use]
    pub const fn files(&self) -> &BundleFiles {
        &self.found
    }

    /// The stream that its files are.
    #[must_use]
    pub const fn parts(&self) -> &Arc<Parts> {
        &self.parts
    }

    /// Where everything is.
    #[must_use]
    pub const fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The manifests that it holds, and their media types.
    #[must_use]
    pub const fn manifests(&self) -> &BTreeMap<Digest, String> {
        &self.manifests
    }

    /// The signature: beside it, which is the later one, or inside.
    ///
    /// # Errors
    /// The file beside it cannot be read.
    pub fn signature(&self) -> Result<Option<Vec<u8>>, SignError> {
        match (&self.found.signature, &self.signature) {
            (Some(path), _) => {
                let read = bounded::bytes(path, format::SIGNATURE_LIMIT);
                read.map(Some).map_err(|source| SignError::Io { what: "read", path: path.clone(), source })
            }
            (None, inside) => Ok(inside.clone()),
        }
    }

    /// Whether a signature is inside.
    #[must_use]
    pub const fn is_signed_inside(&self) -> bool {
        self.signature.is_some()
    }

    /// A manifest, checked against its digest.
    ///
    /// # Errors
    /// The bundle does not hold it, or its bytes are wrong.
    pub fn manifest(&self, digest: Digest) -> Result<OciManifest, BundleError> {
        self.manifest_as(digest, self.manifests.get(&digest).map(String::as_str))
    }

    fn manifest_as(&self, digest: Digest, media_type: Option<&str>) -> Result<OciManifest, BundleError> {
        let bytes = self.small(digest, MANIFEST_LIMIT as u64)?;
        OciManifest::parse(bytes, media_type).map_err(|source| BundleError::Manifest {
            digest,
            of: self.found.name.clone(),
            source,
        })
    }

    /// A blob that fits into memory, checked against its digest.
    ///
    /// # Errors
    /// The bundle does not hold it, it is larger than `limit`, or its bytes are wrong.
    pub fn small(&self, digest: Digest, limit: u64) -> Result<Vec<u8>, BundleError> {
        let (at, size) = self.place(digest)?;
        let of = || self.holding(at, size);
        if size > limit {
            return Err(BundleError::Blob { digest, of: of(), problem: BlobProblem::Long(limit) });
        }
        let mut bytes = vec![0; usize::try_from(size).unwrap_or_default()];
        let read = self.parts.read_exact_at(at, &mut bytes);
        read.map_err(|error| BundleError::io("read", self.first_of(at, size), error))?;
        match Digest::of(&bytes) {
            found if found == digest => Ok(bytes),
            found => Err(BundleError::Blob { digest, of: of(), problem: BlobProblem::Digest(found) }),
        }
    }

    /// A blob from `offset` on as a stream; its digest is not checked.
    ///
    /// # Errors
    /// The bundle does not hold it.
    pub fn stream(&self, digest: Digest, offset: u64) -> Result<RangeReader, BundleError> {
        let (at, size) = self.place(digest)?;
        Ok(RangeReader::new(Arc::clone(&self.parts), at + offset.min(size), at + size))
    }

    /// Where a blob's bytes begin, and how many there are.
    ///
    /// # Errors
    /// The bundle does not hold it.
    pub fn place(&self, digest: Digest) -> Result<(u64, u64), BundleError> {
        let found = self.layout.blobs.get(&digest).copied();
        found.ok_or_else(|| match self.bundle.base {
            Some(base) => BundleError::InBase { name: self.found.name.clone(), what: format!("blob {digest}"), base },
            None => BundleError::Blob { digest, of: self.found.name.clone(), problem: BlobProblem::Unlisted },
        })
    }

    /// The names of the files that hold some bytes.
    #[must_use]
    pub fn holding(&self, at: u64, size: u64) -> String {
        let shown = self.parts.holding(at..at + size.max(1)).map(|path| path.display().to_string());
        shown.collect::<Vec<_>>().join(" and ")
    }

    fn first_of(&self, at: u64, size: u64) -> PathBuf {
        self.parts.holding(at..at + size.max(1)).next().map(Path::to_owned).unwrap_or_default()
    }

    /// Goes from the images to all that they need, and sees that the lock lists just that.
    fn walk(&mut self) -> Result<(), BundleError> {
        let mut closure = Closure::new(&self.lock)?;
        loop {
            let pending = closure.pending();
            if pending.is_empty() {
                break;
            }
            for wanted in pending {
                if self.layout.blobs.contains_key(&wanted.digest) {
                    let manifest = self.manifest_as(wanted.digest, wanted.media_type.as_deref())?;
                    closure.found(&wanted, &manifest)?;
                } else if self.bundle.base.is_none() {
                    let problem = BlobProblem::Unlisted;
                    return Err(BundleError::Blob { digest: wanted.digest, of: wanted.image, problem });
                }
            }
        }
        let mut needed = closure.sizes()?;
        let others = closure::others(&self.lock).map_err(|(what, problem)| BundleError::LockContent {
            name: self.found.name.clone(),
            problem: format!("{what}: {problem}"),
        })?;
        for (digest, (size, what)) in others {
            // A difference lacks what its base's push has brought, and nothing else.
            if !self.bundle.blobs.contains_key(&digest) {
                return Err(BundleError::Blob { digest, of: what, problem: BlobProblem::Unlisted });
            }
            if let Some(other) = needed.insert(digest, size).filter(|other| *other != size) {
                return Err(BundleError::Blob { digest, of: what, problem: BlobProblem::Sizes(other, size) });
            }
        }
        let wrong =
            |digest: &Digest, problem| Err(BundleError::Blob { digest: *digest, of: self.found.name.clone(), problem });
        for (digest, size) in &self.bundle.blobs {
            match needed.get(digest) {
                Some(expected) if expected == size => {}
                Some(expected) => return wrong(digest, BlobProblem::Sizes(*expected, *size)),
                None => return wrong(digest, BlobProblem::Unneeded),
            }
        }
        if self.bundle.base.is_none()
            && let Some(missing) = needed.keys().find(|digest| !self.bundle.blobs.contains_key(digest))
        {
            return wrong(missing, BlobProblem::Unlisted);
        }
        self.manifests = closure.kinds();
        Ok(())
    }
}

/// The lock of an offline bundle, or one that lies in a file by itself, and its bytes' digest.
///
/// # Errors
/// It is neither.
pub fn lock_of(path: &Path) -> Result<(ImagesLock, Digest), BundleError> {
    let is_bundle = path.is_dir() || !path.exists() || {
        let mut head = [0; 512];
        let read = Parts::open(&[path.to_owned()])
            .map_err(|(path, error)| BundleError::io("open", path, error))?
            .read_exact_at(0, &mut head);
        read.is_ok() && head.starts_with(b"images.lock\0")
    };
    let named = path.file_name().and_then(|name| name.to_str());
    let part = named.is_some_and(|name| name.len() > 4 && name[..name.len() - 4].to_lowercase().ends_with(".tar"));
    if is_bundle || part {
        let bundle = Bundle::open(&[path.to_owned()])?;
        return Ok((bundle.lock.clone(), bundle.lock_digest()));
    }
    let bytes = bounded::bytes(path, format::LOCK_LIMIT).map_err(|error| BundleError::io("read", path, error))?;
    let lock = parse(&bytes, &path.display().to_string())?;
    Ok((lock, Digest::of(&bytes)))
}

fn parse(bytes: &[u8], name: &str) -> Result<ImagesLock, BundleError> {
    let problem = |problem: &str| BundleError::LockContent { name: name.to_owned(), problem: problem.to_owned() };
    let text = std::str::from_utf8(bytes).map_err(|_| problem("not UTF-8"))?;
    let lock =
        ImagesLock::parse(LOCK_FILE, text).map_err(|source| BundleError::Lock { name: name.to_owned(), source })?;
    // Names become paths, tags and lines on a terminal.
    for (name, image) in closure::resolved(&lock) {
        let tags = image.attached.iter().filter_map(|attached| attached.tag.as_ref());
        if let Some(tag) = tags.clone().find(|tag| ImageName::parse(&format!("x:{tag}")).is_err()) {
            return Err(problem(&format!("`{}` of {name} is not a tag", tag.escape_debug())));
        }
    }
    Ok(lock)
}

/// All parts but the last are of one size.
fn even(found: &BundleFiles, parts: &Parts) -> Result<(), BundleError> {
    let files: Vec<_> = parts.files().map(|(path, _, len)| (path, len)).collect();
    let Some((_, first)) = files.first().filter(|_| found.parts) else { return Ok(()) };
    let last = files.len() - 1;
    for (index, (path, len)) in files.iter().enumerate() {
        if (index < last && len != first) || len > first {
            return Err(BundleError::PartSize { path: (*path).to_owned(), found: *len, expected: *first });
        }
    }
    Ok(())
}

impl Reader<'_> {
    /// An entry of a name that must be there; its size where that is known.
    fn named(&mut self, name: &str, at: u64, size: Option<u64>, limit: u64) -> Result<Entry, BundleError> {
        let bytes = self.block(at)?;
        let read = tar::Header::from_byte_slice(&bytes).entry_size().unwrap_or(u64::MAX);
        let entry = Entry { name: name.to_owned(), size: size.unwrap_or(read), header: at };
        if entry.size > limit && format::header(name, read) == bytes {
            return Err(self.wrong(&entry, EntryProblem::Limit(read, limit)));
        }
        self.header(&entry, &bytes)?;
        Ok(entry)
    }

    fn is_signature(&self, at: u64) -> bool {
        self.block(at).is_ok_and(|bytes| bytes.starts_with(SIGNATURE.as_bytes()) && bytes[SIGNATURE.len()] == 0)
    }

    /// The content of an entry whose size was held to a limit, and that what fills its last block is zero.
    fn content(&self, entry: &Entry) -> Result<Vec<u8>, BundleError> {
        let mut bytes = self.bytes(entry.data(), entry.end() - entry.data())?;
        let size = usize::try_from(entry.size).unwrap_or(usize::MAX);
        if bytes[size..].iter().any(|byte| *byte != 0) {
            return Err(self.wrong(entry, EntryProblem::Padding));
        }
        bytes.truncate(size);
        Ok(bytes)
    }

    /// Looks at every header from the first blob on, and at what is between.
    fn whole(&mut self, layout: &Layout) -> Result<(), BundleError> {
        for entry in layout.entries.iter().filter(|entry| entry.name.starts_with(BLOBS)) {
            if entry.header < self.parts.total() {
                let bytes = self.block(entry.header)?;
                self.header(entry, &bytes)?;
            }
            if entry.end() <= self.parts.total() {
                self.zero(entry, entry.data() + entry.size, entry.end())?;
            }
        }
        if self.parts.total() < layout.total {
            return Err(self.truncated(layout.total));
        }
        let end = layout.total - 2 * BLOCK;
        let trailer = Entry { name: "end of the archive".to_owned(), size: 0, header: end };
        self.zero(&trailer, end, layout.total)?;
        if self.parts.total() > layout.total {
            let extra = self.parts.total() - layout.total;
            return Err(BundleError::Trailing { path: self.file(layout.total), extra });
        }
        Ok(())
    }

    /// What lies after an entry's content, up to the next one.
    fn zero(&self, entry: &Entry, from: u64, to: u64) -> Result<(), BundleError> {
        match self.bytes(from, to - from)?.iter().position(|byte| *byte != 0) {
            // Where parts are swapped, that is in another file than the entry.
            Some(at) => Err(self.wrong(&Entry { header: from + at as u64, ..entry.clone() }, EntryProblem::Padding)),
            None => Ok(()),
        }
    }

    /// Holds a header to the one that belongs there, to the byte; says what is wrong with another.
    fn header(&mut self, expected: &Entry, bytes: &[u8; 512]) -> Result<(), BundleError> {
        if format::header(&expected.name, expected.size) == *bytes {
            self.seen.insert(expected.name.clone());
            return Ok(());
        }
        let header = tar::Header::from_byte_slice(bytes);
        let name = String::from_utf8_lossy(&header.path_bytes()).chars().take(200).collect::<String>();
        let shown = Entry { name: name.escape_debug().to_string(), ..expected.clone() };
        let sum: u32 = bytes
            .iter()
            .enumerate()
            .map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u32::from(*byte) })
            .sum();
        let size = header.entry_size().unwrap_or(u64::MAX);
        let problem = if bytes.iter().all(|byte| *byte == 0) {
            return Err(self.wrong(expected, EntryProblem::End));
        } else if header.cksum().ok() != Some(sum) {
            return Err(self.wrong(expected, EntryProblem::Damaged));
        } else if let Some(kind) = kind(header.entry_type()) {
            EntryProblem::Kind(kind)
        } else if name.starts_with('/') || name.split('/').any(|part| part == "..") {
            EntryProblem::Outside
        } else if name == expected.name {
            let (found, expected) = (bounded::size(size), bounded::size(expected.size));
            if found == expected { EntryProblem::Fields } else { EntryProblem::Size { found, expected } }
        } else if self.seen.contains(&name) {
            EntryProblem::Twice
        } else if [LOCK, LAYOUT, INDEX, SIGNATURE].contains(&name.as_str()) || name.starts_with(BLOBS) {
            EntryProblem::Order(expected.name.clone())
        } else {
            EntryProblem::Unknown
        };
        Err(self.wrong(&shown, problem))
    }

    fn block(&self, at: u64) -> Result<[u8; 512], BundleError> {
        let mut bytes = [0; 512];
        if at.checked_add(BLOCK).is_none_or(|end| end > self.parts.total()) {
            return Err(self.truncated(at.saturating_add(BLOCK)));
        }
        let read = self.parts.read_exact_at(at, &mut bytes);
        read.map_err(|error| BundleError::io("read", self.file(at), error))?;
        Ok(bytes)
    }

    /// Some bytes, whose number was held to a limit; nothing is allocated for bytes that are not there.
    fn bytes(&self, at: u64, count: u64) -> Result<Vec<u8>, BundleError> {
        if at.checked_add(count).is_none_or(|end| end > self.parts.total()) {
            return Err(self.truncated(at.saturating_add(count)));
        }
        let mut bytes = Vec::new();
        let mut done = 0;
        while done < count {
            let piece = usize::try_from(count - done).unwrap_or(CHUNK).min(CHUNK);
            let start = bytes.len();
            bytes.resize(start + piece, 0);
            let read = self.parts.read_exact_at(at + done, &mut bytes[start..]);
            read.map_err(|error| BundleError::io("read", self.file(at + done), error))?;
            done += piece as u64;
        }
        Ok(bytes)
    }

    fn file(&self, at: u64) -> PathBuf {
        self.parts.holding(at..at + 1).next().map(Path::to_owned).unwrap_or_default()
    }

    fn wrong(&self, entry: &Entry, problem: EntryProblem) -> BundleError {
        let name = match self.found.parts {
            true => self.file(entry.header).display().to_string(),
            false => self.found.name.clone(),
        };
        BundleError::Entry { name, at: entry.header, entry: entry.name.clone(), problem }
    }

    fn truncated(&self, expected: u64) -> BundleError {
        let parts = if self.found.parts { self.found.files.len() } else { 0 };
        BundleError::Truncated { name: self.found.name.clone(), found: self.parts.total(), expected, parts }
    }
}

fn kind(kind: tar::EntryType) -> Option<&'static str> {
    Some(match kind {
        tar::EntryType::Regular => return None,
        tar::EntryType::Symlink => "a symbolic link",
        tar::EntryType::Link => "a hard link",
        tar::EntryType::Directory => "a folder",
        tar::EntryType::Char | tar::EntryType::Block => "a device",
        tar::EntryType::Fifo => "a named pipe",
        tar::EntryType::XHeader | tar::EntryType::XGlobalHeader => "a PAX header",
        tar::EntryType::GNULongName | tar::EntryType::GNULongLink => "a GNU header of a long name",
        tar::EntryType::GNUSparse => "a sparse file",
        _ => "an entry of unknown type",
    })
}
