//! What an offline bundle will be, to the byte, before the first blob is fetched.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use futures::{StreamExt as _, TryStreamExt as _};

use super::closure::{self, Closure, ManifestRequest};
use super::error::{BlobProblem, BundleError, CreateError};
use super::format::{self, Layout};
use super::origin::Origin;
use super::sign::SigningKey;
use crate::driver::image_source::{ImageSource, Reference};
use crate::model::images_lock::{ImagesLock, LOCK_SCHEMA, LockedBundle, LockedFile, LockedFiles, LockedProgram};
use crate::model::oci::{Descriptor, Digest, OciManifest};

/// So many manifests are asked for at once.
const AT_ONCE: usize = 6;

/// What is to go into an offline bundle.
pub struct BundleRequest {
    /// The images, resolved. Charts, files and programs of it go in where their archive is known: by the maps below, or, with
    /// a size, from the source.
    pub lock: ImagesLock,
    /// The version of the windlass that makes it.
    pub windlass: String,
    /// The platforms that were asked for.
    pub platforms: BTreeSet<String>,
    /// The components.
    pub components: BTreeSet<String>,
    /// Charts by component: an archive or a folder on this machine.
    pub charts: BTreeMap<String, PathBuf>,
    /// Files to upload, by component and question: an archive or a folder on this machine.
    pub files: BTreeMap<String, PathBuf>,
    /// Programs by name.
    pub programs: BTreeMap<String, ProgramRequest>,
    /// Of a difference: what it adds to.
    pub base: Option<Base>,
    /// Signs it inside.
    pub signer: Option<SigningKey>,
}

/// A program on this machine.
#[derive(Debug, Clone)]
pub struct ProgramRequest {
    /// Its version.
    pub version: String,
    /// The file for each platform.
    pub platforms: BTreeMap<String, PathBuf>,
}

/// The offline bundle that a difference adds to. Only its images are not carried again: they are in the registry, while charts,
/// files and programs are read from the difference itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// The digest of its lock's bytes.
    pub digest: Digest,
    /// The blobs that it holds; those of images count.
    pub blobs: BTreeSet<Digest>,
}

impl Base {
    /// From the lock of an offline bundle.
    ///
    /// # Errors
    /// It is that of a difference, or of no bundle. `name` says where it was read.
    pub fn of(lock: &ImagesLock, digest: Digest, name: &str) -> Result<Self, CreateError> {
        match &lock.bundle {
            Some(bundle) if bundle.base.is_none() => Ok(Self { digest, blobs: bundle.blobs.keys().copied().collect() }),
            Some(_) => Err(CreateError::BaseIsDifference(name.to_owned())),
            None => Err(CreateError::Bundle(BundleError::LockContent {
                name: name.to_owned(),
                problem: "not the lock of an offline bundle: it lists no blobs".to_owned(),
            })),
        }
    }
}

/// An offline bundle that can be written.
pub struct BundlePlan {
    /// Its lock.
    pub lock: ImagesLock,
    /// The lock's bytes.
    pub lock_bytes: Vec<u8>,
    /// The bytes of the whole archive.
    pub total: u64,
    /// Bytes of blobs that come from the source.
    pub fetch: u64,
    /// Bytes of blobs in all.
    pub blobs: u64,
    pub(super) layout: Layout,
    pub(super) index: Vec<u8>,
    pub(super) signature: Option<Vec<u8>>,
    pub(super) origins: BTreeMap<Digest, Origin>,
}

impl BundlePlan {
    /// What makes it this one and no other, whatever its name.
    pub(super) fn identity(&self, part: Option<u64>) -> Digest {
        let signature = self.signature.as_deref().unwrap_or_default();
        let parts = [self.lock_bytes.as_slice(), &self.index, signature].map(|bytes| Digest::of(bytes).to_string());
        Digest::of(format!("{} {} {part:?}", parts.join(" "), self.total).as_bytes())
    }
}

/// The room that an offline bundle needs, and that there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Space {
    /// The file system.
    pub path: PathBuf,
    /// Bytes that are still to be written.
    pub needed: u64,
    /// Bytes that are free.
    pub free: u64,
}

/// Asks for all manifests and works out the archive. Nothing is written.
///
/// # Errors
/// An image is unresolved, the source does not have what the lock names, or a local file cannot be read.
pub async fn plan(source: &dyn ImageSource, request: BundleRequest) -> Result<BundlePlan, CreateError> {
    let BundleRequest { mut lock, windlass, platforms, components, charts, files, programs, base, signer } = request;
    lock.schema = LOCK_SCHEMA;
    lock.bundle = None;
    let unresolved: Vec<String> = lock.unresolved().map(str::to_owned).collect();
    if !unresolved.is_empty() {
        return Err(CreateError::Unresolved(unresolved));
    }
    let mut origins = BTreeMap::new();
    locals(&mut lock.charts, charts, &mut origins)?;
    locals(&mut lock.files, files, &mut origins)?;
    for (name, program) in programs {
        let mut locked = LockedProgram { version: program.version, platforms: BTreeMap::new() };
        for (platform, path) in program.platforms {
            let (origin, digest, size) = Origin::local(&path)?;
            origins.insert(digest, origin);
            locked.platforms.insert(platform, LockedFile { digest, size });
        }
        lock.programs.insert(name, locked);
    }
    let bundle = LockedBundle {
        windlass,
        platforms,
        components,
        base: base.as_ref().map(|base| base.digest),
        blobs: BTreeMap::new(),
    };
    let (blobs, kinds, fetch) = blobs(source, &lock, base.as_ref(), &mut origins).await?;
    lock.bundle = Some(LockedBundle { blobs: blobs.clone(), ..bundle });
    let lock_bytes = lock.to_text()?.into_bytes();
    if lock_bytes.len() as u64 > format::LOCK_LIMIT {
        return Err(CreateError::LongLock(lock_bytes.len() as u64));
    }
    let index = format::index_json(&lock, Some(Digest::of(&lock_bytes)), &blobs, &kinds)?;
    let signature = signer.map(|key| key.sign(&lock_bytes));
    let signature_size = signature.as_ref().map(|bytes| bytes.len() as u64);
    let layout = Layout::new(lock_bytes.len() as u64, index.len() as u64, signature_size, &blobs);
    let layout = layout.ok_or(CreateError::Huge)?;
    let all = blobs.values().sum();
    Ok(BundlePlan { lock, lock_bytes, total: layout.total, fetch, blobs: all, layout, index, signature, origins })
}

/// Archives of this machine into the lock.
fn locals(
    locked: &mut BTreeMap<String, LockedFiles>,
    given: BTreeMap<String, PathBuf>,
    origins: &mut BTreeMap<Digest, Origin>,
) -> Result<(), CreateError> {
    for (name, path) in given {
        let (origin, digest, size) = Origin::local(&path)?;
        origins.insert(digest, origin);
        // Where it comes from is the definition's word; a path of this machine would make other bytes on another.
        let from = locked.get(&name).map(|files| files.from.clone());
        let from =
            from.or_else(|| path.file_name().map(|name| name.to_string_lossy().into_owned())).unwrap_or_default();
        locked.insert(name, LockedFiles { from, digest: digest.to_string(), size: Some(size) });
    }
    Ok(())
}

type Blobs = (BTreeMap<Digest, u64>, BTreeMap<Digest, String>, u64);

/// The blobs that go into the archive, the media types of its manifests, and how many bytes come from the source.
async fn blobs(
    source: &dyn ImageSource,
    lock: &ImagesLock,
    base: Option<&Base>,
    origins: &mut BTreeMap<Digest, Origin>,
) -> Result<Blobs, CreateError> {
    let mut closure = Closure::new(lock)?;
    loop {
        let pending = closure.pending();
        if pending.is_empty() {
            break;
        }
        let asked = futures::stream::iter(pending).map(|wanted| async {
            let manifest = manifest(source, &wanted).await?;
            Ok::<_, CreateError>((wanted, manifest))
        });
        // In the order in which they were asked for, so that the first that is wrong is always the same.
        let mut found = asked.buffered(AT_ONCE);
        while let Some((wanted, manifest)) = found.try_next().await? {
            closure.found(&wanted, &manifest)?;
            origins.insert(manifest.digest, Origin::Memory(manifest.bytes));
        }
    }
    let mut sizes = closure.sizes()?;
    let kinds = closure.kinds();
    for (digest, need) in closure.blobs {
        origins.entry(digest).or_insert(Origin::Source(need.repository, Box::new(need.descriptor)));
    }
    let others = closure::others(lock).map_err(|(what, problem)| BundleError::LockContent {
        name: "the request".to_owned(),
        problem: format!("{what}: {problem}; its archive was not specified"),
    })?;
    if let Some(base) = base {
        sizes.retain(|digest, _| !base.blobs.contains(digest));
    }
    for (digest, (size, what)) in others {
        if let Some(other) = sizes.insert(digest, size).filter(|other| *other != size) {
            let problem = BlobProblem::Sizes(other, size);
            return Err(BundleError::Blob { digest, of: what, problem }.into());
        }
        // What was packed before is asked for by its digest alone.
        origins.entry(digest).or_insert_with(|| Origin::Source(String::new(), Box::new(packed(digest, size))));
    }
    origins.retain(|digest, _| sizes.contains_key(digest));
    let from_source = |digest: &Digest| matches!(origins.get(digest), Some(Origin::Source(..)));
    let fetch =
        sizes.iter().filter(|(digest, _)| from_source(digest)).map(|(_, size)| *size).fold(0, u64::saturating_add);
    if sizes.values().try_fold(0_u64, |sum, size| sum.checked_add(*size)).is_none() {
        return Err(CreateError::Huge);
    }
    Ok((sizes, kinds, fetch))
}

async fn manifest(source: &dyn ImageSource, wanted: &ManifestRequest) -> Result<OciManifest, CreateError> {
    let found = source.manifest(&wanted.repository, &Reference::Digest(wanted.digest)).await?;
    let found = found.ok_or_else(|| CreateError::NoManifest { digest: wanted.digest, image: wanted.image.clone() })?;
    // A registry's word for what it is counts for nobody who reads the bundle.
    let read = OciManifest::parse(found.bytes, wanted.media_type.as_deref());
    read.map_err(|source| BundleError::Manifest { digest: wanted.digest, of: wanted.image.clone(), source }.into())
}

fn packed(digest: Digest, size: u64) -> Descriptor {
    Descriptor::new("application/octet-stream", digest, size)
}
