//! What a registry has under the names of a lock: digests, platforms, and what belongs to an image.

mod asked;
mod attached;
mod platforms;
#[cfg(test)]
mod tests;

pub use asked::ResolveFailure;
pub use platforms::{PlatformError, parse_platform};

use futures::{StreamExt as _, TryStreamExt as _};
use tokio::io::AsyncReadExt as _;

use crate::driver::image_source::{ImageSource, Reference, SourceError};
use crate::model::ImageName;
use crate::model::images_lock::{ImagesLock, LockMode, ResolvedImage};
use crate::model::oci::{Descriptor, Digest, INDEXES, ManifestContent, OciManifest, Platform};
use asked::ImageQuery;
use platforms::{fits, named, of_config};

/// How many images are asked for at the same time: registries slow down or refuse beyond that.
const AT_ONCE: usize = 5;

/// How deep lists may be in lists.
const DEPTH: usize = 3;

/// The most manifests of one list.
const CHILDREN: usize = 512;

/// The most bytes of an image's config.
const CONFIG: u64 = 4 << 20;

/// What is resolved, and where.
#[derive(Debug, Clone, Copy)]
pub struct ResolveOptions<'a> {
    /// The registry that has the images, with the path below which it keeps them; `None` for each image's own.
    pub from: Option<&'a str>,
    /// The platforms; all where none is named.
    pub platforms: &'a [Platform],
    /// Omits signatures and attestations.
    pub without_attached: bool,
}

/// Called while names are resolved: how many are done, of how many.
pub type Progress<'a> = &'a (dyn Fn(usize, usize) + Sync);

/// The same lock with what the source says of each image. An image that it does not have is unresolved, whatever it was.
///
/// # Errors
/// The first image, in order of the names, of which something is not known: only "there is none" is an answer.
pub async fn resolve(
    lock: &ImagesLock,
    source: &dyn ImageSource,
    wanted: ResolveOptions<'_>,
    progress: Progress<'_>,
) -> Result<ImagesLock, ResolveFailure> {
    let all = lock.images.len();
    let found: Vec<(&String, Option<ResolvedImage>)> = futures::stream::iter(lock.images.keys().enumerate())
        .map(async |(at, name)| {
            let found = one(name, source, wanted).await;
            progress(at + 1, all);
            found.map(|found| (name, found))
        })
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    let mut lock = lock.clone();
    for (name, resolved) in found.into_iter().map(|(name, resolved)| (name.clone(), resolved)).collect::<Vec<_>>() {
        if let Some(image) = lock.images.get_mut(&name) {
            image.resolved = resolved;
        }
    }
    Ok(lock)
}

async fn one(
    image: &str,
    source: &dyn ImageSource,
    wanted: ResolveOptions<'_>,
) -> Result<Option<ResolvedImage>, ResolveFailure> {
    // Names of a lock were read before.
    let Ok(name) = ImageName::parse(image) else { return Ok(None) };
    let repository = match wanted.from {
        Some(registry) => name.moved(registry),
        None => name.whole_repository(),
    };
    let asked = ImageQuery { image, repository, source };
    let pinned = name.digest.as_deref().and_then(|digest| digest.parse::<Digest>().ok());
    let reference = match pinned {
        Some(digest) => Reference::Digest(digest),
        None => Reference::Tag(name.tag.clone().unwrap_or_else(|| "latest".to_owned())),
    };
    let Some(top) = source.manifest(&asked.repository, &reference).await? else { return Ok(None) };
    if pinned.is_some_and(|pinned| pinned != top.digest) {
        return Err(ResolveFailure::Digest { image: image.to_owned(), found: top.digest });
    }
    let (mut resolved, subjects) = match &top.content {
        ManifestContent::Image { .. } => asked.single(&top, wanted.platforms).await?,
        ManifestContent::Index(_) => asked.index(&top, wanted.platforms).await?,
    };
    if !wanted.without_attached {
        resolved.attached.extend(asked.attached(subjects).await?);
    }
    Ok(Some(resolved))
}

/// A manifest of a list.
struct Child {
    descriptor: Descriptor,
    /// None for what runs nowhere: an attestation.
    platform: Option<Platform>,
}

impl ImageQuery<'_> {
    /// One manifest is one platform, whatever was asked for.
    async fn single(
        &self,
        top: &OciManifest,
        platforms: &[Platform],
    ) -> Result<(ResolvedImage, Vec<Digest>), ResolveFailure> {
        let platform = self.platform(top).await?;
        if let Some(wanted) = platforms.iter().find(|wanted| !fits(wanted, &platform)) {
            return Err(self.lacks(wanted, &named(&platform)));
        }
        Ok((self.manifest_mode(top, &platform), vec![top.digest]))
    }

    fn manifest_mode(&self, manifest: &OciManifest, platform: &Platform) -> ResolvedImage {
        ResolvedImage {
            digest: manifest.digest,
            media_type: manifest.media_type.clone(),
            size: manifest.bytes.len() as u64,
            mode: LockMode::Manifest,
            platforms: [(named(platform), manifest.digest)].into(),
            attached: Default::default(),
        }
    }

    /// A list is meant as a whole, unless one platform was asked for: then that one's manifest is.
    async fn index(
        &self,
        top: &OciManifest,
        platforms: &[Platform],
    ) -> Result<(ResolvedImage, Vec<Digest>), ResolveFailure> {
        let children = self.children(top).await?;
        let running = || children.iter().filter_map(|child| Some((child.platform.as_ref()?, &child.descriptor)));
        let has = || {
            let mut has: Vec<String> = running().map(|(platform, _)| named(platform)).collect();
            has.sort();
            has.dedup();
            has.join(", ")
        };
        let chosen = |wanted: &Platform| {
            let exact = running().find(|(platform, _)| *platform == wanted);
            exact.or_else(|| running().find(|(platform, _)| fits(wanted, platform)))
        };
        if let Some(wanted) = platforms.iter().find(|wanted| chosen(wanted).is_none()) {
            return Err(self.lacks(wanted, &has()));
        }
        if let [wanted] = platforms
            && let Some((platform, descriptor)) = chosen(wanted)
        {
            let manifest = self.required(descriptor.digest).await?;
            let mut resolved = self.manifest_mode(&manifest, platform);
            // What the list has about this manifest goes with it: the list itself does not.
            resolved.attached =
                children.iter().filter_map(|child| attached::in_list(&child.descriptor, manifest.digest)).collect();
            let beside = resolved.attached.iter().map(|one| one.digest).collect::<Vec<_>>();
            return Ok((resolved, std::iter::once(manifest.digest).chain(beside).collect()));
        }
        let mut found = std::collections::BTreeMap::new();
        for (platform, descriptor) in running() {
            // Of two for one platform the first counts, as it does for runtimes.
            found.entry(named(platform)).or_insert(descriptor.digest);
        }
        if found.is_empty() {
            return Err(self.bound("no manifest for any platform in its list".to_owned()));
        }
        let subjects =
            std::iter::once(top.digest).chain(children.iter().map(|child| child.descriptor.digest)).collect();
        let resolved = ResolvedImage {
            digest: top.digest,
            media_type: top.media_type.clone(),
            size: top.bytes.len() as u64,
            mode: LockMode::Index,
            platforms: found,
            attached: Default::default(),
        };
        Ok((resolved, subjects))
    }

    /// All manifests of a list, and of lists in it.
    async fn children(&self, top: &OciManifest) -> Result<Vec<Child>, ResolveFailure> {
        let mut found = Vec::new();
        let mut open: Vec<(Descriptor, usize)> = top.children().iter().rev().map(|one| (one.clone(), 1)).collect();
        while let Some((descriptor, depth)) = open.pop() {
            if found.len() >= CHILDREN {
                return Err(self.bound(format!("a list of more than {CHILDREN} manifests")));
            }
            if INDEXES.contains(&descriptor.media_type.as_str()) {
                if depth >= DEPTH {
                    return Err(self.bound(format!("lists nested more than {DEPTH} deep")));
                }
                let inner = self.required(descriptor.digest).await?;
                open.extend(inner.children().iter().rev().map(|one| (one.clone(), depth + 1)));
                found.push(Child { descriptor, platform: None });
                continue;
            }
            let platform = match &descriptor.platform {
                Some(platform) if platform.os == "unknown" => None,
                Some(platform) => Some(platform.clone()),
                None => Some(self.platform(&self.required(descriptor.digest).await?).await?),
            };
            found.push(Child { descriptor, platform });
        }
        Ok(found)
    }

    /// What a manifest's image runs on, by its config.
    async fn platform(&self, manifest: &OciManifest) -> Result<Platform, ResolveFailure> {
        let ManifestContent::Image { config, .. } = &manifest.content else {
            return Err(self.bound("a list instead of an image".to_owned()));
        };
        if config.size > CONFIG {
            return Err(self.bound(format!("a config of {} bytes, more than the limit of {CONFIG}", config.size)));
        }
        let reader = self.source.blob(&self.repository, config, 0).await?;
        let mut bytes = Vec::new();
        reader.take(CONFIG + 1).read_to_end(&mut bytes).await.map_err(|error| SourceError {
            what: format!("the config {} of {}", config.digest, self.image),
            source_name: self.repository.clone(),
            source: Box::new(error),
        })?;
        let no_platform = || ResolveFailure::Config { image: self.image.to_owned(), digest: config.digest };
        if Digest::of(&bytes) != config.digest {
            return Err(ResolveFailure::Digest {
                image: format!("the config {} of {}", config.digest, self.image),
                found: Digest::of(&bytes),
            });
        }
        of_config(&bytes).ok_or_else(no_platform)
    }
}
