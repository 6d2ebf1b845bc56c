//! What an image's name stands for in a source: which digest, in which mode, and what belongs to it.

use std::collections::{BTreeMap, BTreeSet};

use crate::driver::image_source::{ImageSource, Reference, SourceError};
use crate::model::images_lock::{Attached, LockMode, ResolvedImage};
use crate::model::oci::{Descriptor, Digest, DigestError, OciManifest};
use crate::model::{ImageName, ImageNameError};

/// The platform of what is no image: attestations beside those of an index.
const UNKNOWN: &str = "unknown/unknown";

/// Tags by which cosign keeps what belongs to a manifest.
const SUFFIXES: [&str; 3] = [".sig", ".att", ".sbom"];

/// Signatures of signatures are followed so far.
const DEPTH: usize = 3;

/// The most that may belong to one image.
const ATTACHED: usize = 1000;

/// Why a name is not resolved.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// The source.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The name.
    #[error("`{name}` is no image's name")]
    Name {
        /// Which.
        name: String,
        /// Why.
        source: ImageNameError,
    },
    /// Its digest.
    #[error("`{0}` has a digest that is none")]
    Digest(String, #[source] DigestError),
    /// The source does not have it.
    #[error("no source has the image `{0}`")]
    None(String),
    /// It does not run on a platform that was asked for.
    #[error("`{name}` is not there for {wanted}: it has {}", found.join(", "))]
    Platform {
        /// Which.
        name: String,
        /// What was asked for.
        wanted: String,
        /// What there is.
        found: Vec<String>,
    },
    /// Something hands out more than anybody signs.
    #[error("more than {ATTACHED} signatures and the like belong to `{0}`")]
    Many(String),
}

/// Resolves one image. An index goes in whole if all of its platforms are asked for, or more than one of them; else the one
/// platform's manifest stands for the image. What is no index stands for itself, whatever it runs on.
///
/// # Errors
/// The source fails, or does not have the image for a platform.
pub async fn resolve(
    source: &dyn ImageSource,
    name: &str,
    platforms: &BTreeSet<String>,
) -> Result<ResolvedImage, ResolveError> {
    let parsed = ImageName::parse(name).map_err(|source| ResolveError::Name { name: name.to_owned(), source })?;
    let repository = format!("{}/{}", parsed.registry(), parsed.path());
    let reference = match (&parsed.digest, &parsed.tag) {
        (Some(digest), _) => {
            let digest = digest.parse().map_err(|error| ResolveError::Digest(name.to_owned(), error))?;
            Reference::Digest(digest)
        }
        (None, tag) => Reference::Tag(tag.clone().unwrap_or_else(|| "latest".to_owned())),
    };
    let get = async |reference: &Reference| {
        let found = source.manifest(&repository, reference).await?;
        found.ok_or_else(|| ResolveError::None(name.to_owned()))
    };
    let top = get(&reference).await?;
    let children: BTreeMap<String, &Descriptor> = top
        .children()
        .iter()
        .filter_map(|child| Some((child.platform.as_ref()?.to_string(), child)))
        .filter(|(platform, _)| platform != UNKNOWN)
        .collect();
    let (chosen, mode, platforms) = if top.children().is_empty() {
        let platform = platforms.iter().next().cloned().unwrap_or_else(|| "linux/amd64".to_owned());
        let found: BTreeMap<_, _> = [(platform, top.digest)].into();
        (top, LockMode::Manifest, found)
    } else {
        let wanted: BTreeMap<String, Digest> = platforms
            .iter()
            .map(|platform| {
                let found = children.get(platform).or_else(|| children.get(&format!("{platform}/v8")));
                let error = || ResolveError::Platform {
                    name: name.to_owned(),
                    wanted: platform.clone(),
                    found: children.keys().cloned().collect(),
                };
                found.map(|child| (platform.clone(), child.digest)).ok_or_else(error)
            })
            .collect::<Result<_, _>>()?;
        match wanted.iter().next() {
            Some((_, digest)) if wanted.len() == 1 && children.len() > 1 => {
                let one = get(&Reference::Digest(*digest)).await?;
                (one, LockMode::Manifest, wanted)
            }
            _ => {
                let all = children.iter().map(|(platform, child)| (platform.clone(), child.digest)).collect();
                (top, LockMode::Index, all)
            }
        }
    };
    let attached = attached(source, name, &repository, &chosen).await?;
    let OciManifest { digest, media_type, bytes, .. } = chosen;
    Ok(ResolvedImage { digest, media_type, size: bytes.len() as u64, mode, platforms, attached })
}

/// What belongs to a manifest and to those that it lists, and to that again.
async fn attached(
    source: &dyn ImageSource,
    name: &str,
    repository: &str,
    top: &OciManifest,
) -> Result<BTreeSet<Attached>, ResolveError> {
    let mut found = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut subjects: Vec<Digest> =
        [top.digest].into_iter().chain(top.children().iter().map(|child| child.digest)).collect();
    for _ in 0..DEPTH {
        let mut next = Vec::new();
        for subject in std::mem::take(&mut subjects) {
            if !seen.insert(subject) {
                continue;
            }
            for descriptor in source.referrers(repository, subject).await? {
                let artifact_type = descriptor.artifact_type.clone();
                found.insert(Attached { subject, digest: descriptor.digest, tag: None, artifact_type });
                next.push(descriptor.digest);
            }
            for suffix in SUFFIXES {
                let tag = subject.fallback_tag(suffix);
                let Some(manifest) = source.manifest(repository, &Reference::Tag(tag.clone())).await? else { continue };
                // Some registries answer any such tag with the image itself.
                if manifest.digest == subject || manifest.digest == top.digest {
                    continue;
                }
                let artifact_type = manifest.artifact_type.clone();
                found.insert(Attached { subject, digest: manifest.digest, tag: Some(tag), artifact_type });
                next.push(manifest.digest);
            }
            if found.len() > ATTACHED {
                return Err(ResolveError::Many(name.to_owned()));
            }
        }
        subjects = next;
    }
    Ok(found)
}
