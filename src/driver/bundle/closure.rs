//! Which blobs the images of a lock need, by their manifests: what is written and what is read is held to the same.

use std::collections::{BTreeMap, BTreeSet};

use super::error::{BlobProblem, BundleError};
use crate::model::ImageName;
use crate::model::images_lock::{ImagesLock, LockMode, ResolvedImage};
use crate::model::oci::{Descriptor, Digest, MANIFEST_LIMIT, ManifestContent, OciManifest};

/// Lists in lists are followed so far: none is known that has more than two.
const DEPTH: u8 = 4;

/// The most manifests of all images together.
const MANIFESTS: usize = 20_000;

/// The most blobs.
const BLOBS: usize = 200_000;

/// A manifest that is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ManifestRequest {
    /// The image's whole name.
    pub image: String,
    /// Its repository, as sources are asked for it.
    pub repository: String,
    /// Its digest.
    pub digest: Digest,
    /// What it is named as: that counts where it does not say so itself, for who writes and who reads.
    pub media_type: Option<String>,
    size: Option<u64>,
    role: Role,
    depth: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Top,
    Child,
    /// About which it says something.
    Attached(Digest),
}

/// A blob that is needed, and where it can be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BlobRequest {
    /// The repository.
    pub repository: String,
    /// As its manifest names it.
    pub descriptor: Descriptor,
}

/// Walks from the images of a lock to all that they need. It is handed the manifests that it asks for.
pub(super) struct Closure<'a> {
    lock: &'a ImagesLock,
    next: Vec<ManifestRequest>,
    asked: BTreeSet<(String, Digest)>,
    /// All blobs but manifests.
    pub blobs: BTreeMap<Digest, BlobRequest>,
    /// Media type and size of every manifest that was found.
    pub manifests: BTreeMap<Digest, (String, u64)>,
}

impl<'a> Closure<'a> {
    pub(super) fn new(lock: &'a ImagesLock) -> Result<Self, BundleError> {
        let mut closure =
            Self { lock, next: Vec::new(), asked: BTreeSet::new(), blobs: BTreeMap::new(), manifests: BTreeMap::new() };
        for (name, image) in resolved(lock) {
            let repository = repository(name);
            let top = ManifestRequest {
                image: name.clone(),
                repository: repository.clone(),
                digest: image.digest,
                media_type: Some(image.media_type.clone()),
                size: Some(image.size),
                role: Role::Top,
                depth: 0,
            };
            closure.want(top)?;
            for attached in &image.attached {
                closure.want(ManifestRequest {
                    image: name.clone(),
                    repository: repository.clone(),
                    digest: attached.digest,
                    media_type: None,
                    size: None,
                    role: Role::Attached(attached.subject),
                    depth: 0,
                })?;
            }
        }
        Ok(closure)
    }

    /// The manifests that are to be found next; none at the end.
    pub(super) fn pending(&mut self) -> Vec<ManifestRequest> {
        std::mem::take(&mut self.next)
    }

    /// Takes a manifest that was asked for.
    pub(super) fn found(&mut self, wanted: &ManifestRequest, manifest: &OciManifest) -> Result<(), BundleError> {
        let wrong = |problem| blob(wanted, problem);
        let size = manifest.bytes.len() as u64;
        if manifest.digest != wanted.digest {
            return Err(wrong(BlobProblem::Digest(manifest.digest)));
        }
        if let Some(expected) = wanted.size.filter(|expected| *expected != size) {
            return Err(wrong(BlobProblem::Sizes(expected, size)));
        }
        if wanted.media_type.as_ref().is_some_and(|expected| *expected != manifest.media_type) {
            return Err(wrong(BlobProblem::Manifest("media type does not match its descriptor")));
        }
        if wanted.role == Role::Top
            && let Some(image) = self.lock.images.get(&wanted.image).and_then(|image| image.resolved.as_ref())
        {
            platforms_fit(image, manifest).map_err(|text| wrong(BlobProblem::Manifest(text)))?;
        }
        if let Role::Attached(subject) = wanted.role
            && manifest.subject.as_ref().is_some_and(|named| named.digest != subject)
        {
            return Err(wrong(BlobProblem::Manifest("subject does not match images.lock")));
        }
        self.manifests.insert(manifest.digest, (manifest.media_type.clone(), size));
        for child in manifest.children() {
            self.want(ManifestRequest {
                image: wanted.image.clone(),
                repository: wanted.repository.clone(),
                digest: child.digest,
                media_type: Some(child.media_type.clone()),
                size: Some(child.size),
                role: Role::Child,
                depth: wanted.depth + 1,
            })?;
        }
        // What has addresses of its own is not to be handed on: whoever pulls it goes there.
        for descriptor in manifest.blobs().filter(|descriptor| descriptor.urls.is_empty()) {
            let known = self.blobs.get(&descriptor.digest).map(|need| need.descriptor.size);
            match known {
                Some(size) if size != descriptor.size => {
                    let problem = BlobProblem::Sizes(size, descriptor.size);
                    return Err(BundleError::Blob { digest: descriptor.digest, of: wanted.image.clone(), problem });
                }
                Some(_) => {}
                None => {
                    let need = BlobRequest { repository: wanted.repository.clone(), descriptor: descriptor.clone() };
                    self.blobs.insert(descriptor.digest, need);
                }
            }
        }
        if self.manifests.len() > MANIFESTS || self.blobs.len() > BLOBS {
            return Err(wrong(BlobProblem::Manifest("too many manifests or blobs")));
        }
        Ok(())
    }

    /// The sizes of all blobs that are needed, manifests too.
    pub(super) fn sizes(&self) -> Result<BTreeMap<Digest, u64>, BundleError> {
        let mut sizes: BTreeMap<Digest, u64> =
            self.manifests.iter().map(|(digest, (_, size))| (*digest, *size)).collect();
        for (digest, need) in &self.blobs {
            let before = sizes.insert(*digest, need.descriptor.size);
            if let Some(before) = before.filter(|before| *before != need.descriptor.size) {
                let problem = BlobProblem::Sizes(before, need.descriptor.size);
                return Err(BundleError::Blob { digest: *digest, of: need.repository.clone(), problem });
            }
        }
        Ok(sizes)
    }

    /// The media types of manifests.
    pub(super) fn kinds(&self) -> BTreeMap<Digest, String> {
        self.manifests.iter().map(|(digest, (kind, _))| (*digest, kind.clone())).collect()
    }

    fn want(&mut self, wanted: ManifestRequest) -> Result<(), BundleError> {
        if wanted.depth > DEPTH {
            return Err(blob(&wanted, BlobProblem::Manifest("indexes are nested too deep")));
        }
        if let Some(size) = wanted.size.filter(|size| *size > MANIFEST_LIMIT as u64) {
            return Err(blob(&wanted, BlobProblem::Long(size)));
        }
        if self.asked.len() > MANIFESTS {
            return Err(blob(&wanted, BlobProblem::Manifest("too many manifests")));
        }
        // Of one image once, but for the top, whose checks count for each name.
        if wanted.role == Role::Top || self.asked.insert((wanted.repository.clone(), wanted.digest)) {
            self.next.push(wanted);
        }
        Ok(())
    }
}

/// The images that are resolved.
pub(super) fn resolved(lock: &ImagesLock) -> impl Iterator<Item = (&String, &ResolvedImage)> {
    lock.images.iter().filter_map(|(name, image)| Some((name, image.resolved.as_ref()?)))
}

/// Registry and path of an image's whole name.
pub(super) fn repository(name: &str) -> String {
    match ImageName::parse(name) {
        Ok(name) => name.whole_repository(),
        Err(_) => name.to_owned(),
    }
}

/// What is no image, by digest: its size, and what it is.
type Others = BTreeMap<Digest, (u64, String)>;

/// The digests of charts, files and programs, with their sizes and what they are.
pub(super) fn others(lock: &ImagesLock) -> Result<Others, (String, &'static str)> {
    let mut found = BTreeMap::new();
    let folders = [("chart", &lock.charts), ("files", &lock.files)];
    for (kind, (name, files)) in folders.iter().flat_map(|(kind, all)| all.iter().map(move |one| (kind, one))) {
        let what = format!("{kind} {name}");
        let Ok(digest) = files.digest.parse() else { return Err((what, "invalid digest")) };
        let Some(size) = files.size else { return Err((what, "size is missing")) };
        insert(&mut found, digest, size, what)?;
    }
    for (name, program) in &lock.programs {
        for (platform, file) in &program.platforms {
            insert(&mut found, file.digest, file.size, format!("{name} {} for {platform}", program.version))?;
        }
    }
    Ok(found)
}

fn insert(found: &mut Others, digest: Digest, size: u64, what: String) -> Result<(), (String, &'static str)> {
    match found.get(&digest) {
        Some((other, _)) if *other != size => Err((what, "conflicting sizes for the same digest")),
        Some(_) => Ok(()),
        None => {
            found.insert(digest, (size, what));
            Ok(())
        }
    }
}

fn blob(wanted: &ManifestRequest, problem: BlobProblem) -> BundleError {
    BundleError::Blob { digest: wanted.digest, of: wanted.image.clone(), problem }
}

/// Whether a manifest is what the lock says: of the mode, and with the platforms.
fn platforms_fit(image: &ResolvedImage, manifest: &OciManifest) -> Result<(), &'static str> {
    match (image.mode, &manifest.content) {
        (LockMode::Manifest, ManifestContent::Image { .. }) => {
            let one = image.platforms.len() == 1 && image.platforms.values().all(|digest| *digest == manifest.digest);
            if one { Ok(()) } else { Err("in manifest mode, the digest must be that of its only platform") }
        }
        (LockMode::Index, ManifestContent::Index(children)) => {
            let named = |platform: &str, digest: Digest| {
                let is = |child: &Descriptor| child.platform.as_ref().is_none_or(|said| said.to_string() == platform);
                children.iter().any(|child| child.digest == digest && is(child))
            };
            let all = image.platforms.iter().all(|(platform, digest)| named(platform, *digest));
            if all { Ok(()) } else { Err("a platform of images.lock is not in its index") }
        }
        (LockMode::Manifest, _) => Err("expected a manifest, found an index"),
        (LockMode::Index, _) => Err("expected an index, found a manifest"),
    }
}
