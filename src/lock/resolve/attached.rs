//! What belongs to an image: signatures, attestations, SBOMs. They are found by the tags that cosign writes, by the OCI's
//! referrers, and, of one manifest of a list, beside it in that list. What is attached may have something attached, too.

use std::collections::BTreeSet;

use super::asked::{ImageQuery, ResolveFailure};
use crate::driver::image_source::Reference;
use crate::model::images_lock::Attached;
use crate::model::oci::{Descriptor, Digest};

/// What the tags end with.
const SUFFIXES: [&str; 3] = [".sig", ".att", ".sbom"];

/// How long a chain may be: a signature of an attestation of an image is two.
const DEPTH: usize = 5;

/// The most that one image has. Indexes have some twenty manifests, each with two or three.
const MOST: usize = 2000;

/// By which notes BuildKit's attestations say what they are about.
const ABOUT: &str = "vnd.docker.reference.digest";
const ABOUT_TYPE: &str = "vnd.docker.reference.type";

/// What a list has about one of its manifests.
pub(super) fn in_list(descriptor: &Descriptor, subject: Digest) -> Option<Attached> {
    let about = descriptor.annotations.get(ABOUT)?;
    if about.parse() != Ok(subject) || descriptor.digest == subject {
        return None;
    }
    let kind = descriptor.annotations.get(ABOUT_TYPE).cloned();
    let artifact_type = kind.or_else(|| descriptor.artifact_type.clone());
    Some(Attached { subject, digest: descriptor.digest, tag: None, artifact_type })
}

impl ImageQuery<'_> {
    /// All that belongs to these manifests, and to what belongs to them.
    pub(super) async fn attached(&self, subjects: Vec<Digest>) -> Result<BTreeSet<Attached>, ResolveFailure> {
        let mut found = BTreeSet::new();
        let mut seen: BTreeSet<Digest> = subjects.iter().copied().collect();
        let mut level: Vec<Digest> = seen.iter().copied().collect();
        for depth in 0.. {
            if level.is_empty() {
                break;
            }
            if depth == DEPTH {
                return Err(self.bound(format!("signatures of signatures, more than {DEPTH} deep")));
            }
            let mut next = Vec::new();
            for subject in level {
                let more = self.of(subject).await?;
                next.extend(more.iter().map(|one| one.digest).filter(|digest| seen.insert(*digest)));
                found.extend(more);
                if found.len() > MOST {
                    return Err(self.bound(format!("more than {MOST} signatures and attestations")));
                }
            }
            level = next;
        }
        Ok(found)
    }

    /// What belongs to one manifest.
    async fn of(&self, subject: Digest) -> Result<Vec<Attached>, ResolveFailure> {
        let mut found = Vec::new();
        for suffix in SUFFIXES {
            let tag = subject.fallback_tag(suffix);
            let answer = self.source.manifest(&self.repository, &Reference::Tag(tag.clone())).await?;
            // GitLab answers some of these with the image itself.
            let Some(manifest) = answer.filter(|manifest| manifest.digest != subject) else { continue };
            let artifact_type = manifest.artifact_type.clone();
            found.push(Attached { subject, digest: manifest.digest, tag: Some(tag), artifact_type });
        }
        for descriptor in self.source.referrers(&self.repository, subject).await? {
            if descriptor.digest == subject {
                continue;
            }
            let manifest = self.required(descriptor.digest).await?;
            // Only its own word counts: who lists it may mean something else.
            if manifest.subject.as_ref().is_none_or(|named| named.digest != subject) {
                continue;
            }
            let artifact_type = manifest.artifact_type.clone().or(descriptor.artifact_type);
            found.push(Attached { subject, digest: descriptor.digest, tag: None, artifact_type });
        }
        Ok(found)
    }
}
