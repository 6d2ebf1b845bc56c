//! What a push will do, by (repository, digest): a function of the images and of what the registry has. Nothing is asked here.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::Serialize;

use super::error::PlanError;
use super::image::PushImage;
use crate::model::bounded;
use crate::model::oci::Digest;

/// What the registry has of all that is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Presence {
    /// Blobs, by repository.
    pub blobs: BTreeSet<(String, Digest)>,
    /// Manifests, by repository.
    pub manifests: BTreeSet<(String, Digest)>,
    /// Tags, by repository, and what they stand for.
    pub tags: BTreeMap<(String, String), Digest>,
}

/// What happens where a tag stands for something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TagConflict {
    /// Nothing is pushed.
    #[default]
    Fail,
    /// The tag stays as it is; the image is there by its digest.
    Keep,
    /// The tag is moved.
    Overwrite,
}

/// How a blob gets there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "action", rename_all = "lowercase")]
pub enum BlobAction {
    /// It is there.
    Exists,
    /// It is there in another repository, or will be.
    Mount {
        /// In which.
        from: String,
    },
    /// It is sent.
    Upload,
}

/// One blob in one repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BlobStep {
    /// The repository.
    pub repository: String,
    /// The blob.
    pub digest: Digest,
    /// Its size.
    pub bytes: u64,
    /// How it gets there.
    #[serde(flatten)]
    pub action: BlobAction,
}

/// One manifest in one repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ManifestStep {
    /// The repository.
    pub repository: String,
    /// The manifest.
    pub digest: Digest,
    /// Its media type.
    pub media_type: String,
    /// Its size.
    pub bytes: u64,
    /// Whether it is there.
    pub exists: bool,
}

/// What happens to a tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "action", rename_all = "lowercase")]
pub enum TagAction {
    /// It stands for the image.
    Exists,
    /// It is written.
    Set,
    /// It stands for something else, and stays so.
    Keep {
        /// For what.
        found: Digest,
    },
    /// It stands for something else, and is moved.
    Overwrite {
        /// For what.
        found: Digest,
    },
}

/// One tag of one repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TagStep {
    /// The repository.
    pub repository: String,
    /// The tag.
    pub tag: String,
    /// What it is to stand for.
    pub digest: Digest,
    /// What happens.
    #[serde(flatten)]
    pub action: TagAction,
}

/// All that a push will do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PushPlan {
    /// The registry.
    pub registry: String,
    /// Blobs, sorted by repository and digest.
    pub blobs: Vec<BlobStep>,
    /// Manifests, sorted likewise.
    pub manifests: Vec<ManifestStep>,
    /// Tags, sorted likewise.
    pub tags: Vec<TagStep>,
}

/// Makes the plan. `held` says what the store holds.
///
/// # Errors
/// Tags are in the way, or a base is missing: all of them at once.
pub fn plan(
    registry: &str,
    images: &[PushImage],
    presence: &Presence,
    held: impl Fn(Digest) -> bool,
    conflict: TagConflict,
) -> Result<PushPlan, PlanError> {
    let mut missing = Vec::new();
    let blobs = blob_steps(images, presence, &held, &mut missing);
    let mut manifests: BTreeMap<(String, Digest), ManifestStep> = BTreeMap::new();
    let mut tags: BTreeMap<(String, String), TagStep> = BTreeMap::new();
    let mut conflicts = Vec::new();
    for image in images {
        let repository = &image.request.repository;
        for digest in &image.base {
            if !presence.manifests.contains(&(repository.clone(), *digest)) {
                missing.push(format!("{digest} of {} in {repository}", image.request.name));
            }
        }
        for one in &image.manifests {
            let digest = one.manifest.digest;
            let step = ManifestStep {
                repository: repository.clone(),
                digest,
                media_type: one.manifest.media_type.clone(),
                bytes: one.manifest.bytes.len() as u64,
                exists: presence.manifests.contains(&(repository.clone(), digest)),
            };
            manifests.insert((repository.clone(), digest), step);
        }
        for (tag, digest) in wanted_tags(image) {
            let key = (repository.clone(), tag.clone());
            let action = match presence.tags.get(&key) {
                Some(found) if *found == digest => TagAction::Exists,
                None => TagAction::Set,
                Some(found) => match conflict {
                    TagConflict::Fail => {
                        conflicts.push(format!("{registry}/{repository}:{tag} ({found} instead of {digest})"));
                        continue;
                    }
                    TagConflict::Keep => TagAction::Keep { found: *found },
                    TagConflict::Overwrite => TagAction::Overwrite { found: *found },
                },
            };
            tags.insert(key, TagStep { repository: repository.clone(), tag, digest, action });
        }
    }
    if !missing.is_empty() {
        return Err(PlanError::Base(missing));
    }
    if !conflicts.is_empty() {
        return Err(PlanError::TagConflicts(conflicts));
    }
    let registry = registry.to_owned();
    Ok(PushPlan { registry, blobs, manifests: manifests.into_values().collect(), tags: tags.into_values().collect() })
}

/// All tags that an image needs, and what they are to stand for.
pub(super) fn wanted_tags(image: &PushImage) -> Vec<(String, Digest)> {
    let own = image.request.tags.iter().map(|tag| (tag.clone(), image.request.top));
    let attached = image.manifests.iter().flat_map(|one| one.tags.iter().map(|tag| (tag.clone(), one.manifest.digest)));
    own.chain(attached).collect()
}

/// Each blob is sent once, and mounted into the other repositories that need it.
fn blob_steps(
    images: &[PushImage],
    presence: &Presence,
    held: &impl Fn(Digest) -> bool,
    missing: &mut Vec<String>,
) -> Vec<BlobStep> {
    let mut wanted: BTreeMap<Digest, (u64, BTreeSet<&str>)> = BTreeMap::new();
    for image in images {
        for (digest, bytes) in &image.blobs {
            let (_, repositories) = wanted.entry(*digest).or_insert_with(|| (*bytes, BTreeSet::new()));
            repositories.insert(&image.request.repository);
        }
    }
    let mut steps = Vec::new();
    for (digest, (bytes, repositories)) in wanted {
        let has = |repository: &&str| presence.blobs.contains(&((*repository).to_owned(), digest));
        let there = repositories.iter().find(|repository| has(repository)).copied();
        if there.is_none() && !held(digest) {
            missing.push(format!("{digest} in {}", repositories.first().copied().unwrap_or_default()));
            continue;
        }
        let source = there.or(repositories.first().copied()).unwrap_or_default();
        for repository in repositories {
            let action = if has(&repository) {
                BlobAction::Exists
            } else if repository == source {
                BlobAction::Upload
            } else {
                BlobAction::Mount { from: source.to_owned() }
            };
            steps.push(BlobStep { repository: repository.to_owned(), digest, bytes, action });
        }
    }
    steps.sort_by(|a, b| (&a.repository, a.digest).cmp(&(&b.repository, b.digest)));
    steps
}

impl PushPlan {
    /// Bytes that are there, that are mounted, and that are sent.
    #[must_use]
    pub fn bytes(&self) -> (u64, u64, u64) {
        self.blobs.iter().fold((0, 0, 0), |(exists, mounted, sent), step| match step.action {
            BlobAction::Exists => (exists + step.bytes, mounted, sent),
            BlobAction::Mount { .. } => (exists, mounted + step.bytes, sent),
            BlobAction::Upload => (exists, mounted, sent + step.bytes),
        })
    }

    /// How many manifests and tags are written.
    #[must_use]
    pub fn writes(&self) -> usize {
        let tags = self.tags.iter().filter(|step| matches!(step.action, TagAction::Set | TagAction::Overwrite { .. }));
        self.manifests.iter().filter(|step| !step.exists).count() + tags.count()
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let unchanged = |action: &TagAction| matches!(action, TagAction::Exists | TagAction::Keep { .. });
        self.blobs.iter().all(|step| step.action == BlobAction::Exists)
            && self.manifests.iter().all(|step| step.exists)
            && self.tags.iter().all(|step| unchanged(&step.action))
    }

    /// The plan as lines of a table: repository, what, size, action.
    #[must_use]
    pub fn table(&self) -> String {
        let mut rows = vec![["REPOSITORY", "WHAT", "SIZE", "ACTION"].map(str::to_owned)];
        for step in &self.blobs {
            let action = match &step.action {
                BlobAction::Exists => "exists".to_owned(),
                BlobAction::Mount { from } => format!("mount from {from}"),
                BlobAction::Upload => "upload".to_owned(),
            };
            rows.push([step.repository.clone(), short(step.digest), bounded::size(step.bytes), action]);
        }
        for step in &self.manifests {
            let action = if step.exists { "exists" } else { "upload" }.to_owned();
            let what = format!("manifest {}", short(step.digest));
            rows.push([step.repository.clone(), what, bounded::size(step.bytes), action]);
        }
        for step in &self.tags {
            let action = match &step.action {
                TagAction::Exists => "exists".to_owned(),
                TagAction::Set => "set".to_owned(),
                TagAction::Keep { found } => format!("keep {}", short(*found)),
                TagAction::Overwrite { found } => format!("overwrite {}", short(*found)),
            };
            rows.push([step.repository.clone(), format!("tag {}", step.tag), String::new(), action]);
        }
        let widths: Vec<usize> =
            (0..3).map(|at| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or_default()).collect();
        let mut text = String::new();
        for [repository, what, size, action] in &rows {
            let (a, b, c) = (widths[0], widths[1], widths[2]);
            let _ = writeln!(text, "{repository:<a$}  {what:<b$}  {size:>c$}  {action}");
        }
        let (exists, mounted, sent) = self.bytes();
        let [exists, mounted, sent] = [exists, mounted, sent].map(bounded::size);
        let _ = writeln!(text, "{sent} to upload, {mounted} to mount, {exists} already present");
        text
    }
}

/// A digest as people tell it from others.
fn short(digest: Digest) -> String {
    digest.to_string().chars().take(19).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::driver::registry::push::ImageRequest;

    fn image(repository: u8, blobs: &[u8]) -> PushImage {
        let digest = |number: &u8| (Digest::of(&[*number]), u64::from(*number));
        PushImage {
            request: ImageRequest {
                name: format!("docker.io/r{repository}:1"),
                repository: format!("r{repository}"),
                tags: vec!["1".to_owned()],
                top: Digest::of(&[repository, 0]),
                media_type: String::new(),
                attached: Vec::new(),
            },
            manifests: Vec::new(),
            base: BTreeSet::new(),
            blobs: blobs.iter().map(digest).collect(),
        }
    }

    proptest! {
        #[test]
        fn every_blob_gets_everywhere_and_is_sent_at_most_once(
            images in prop::collection::vec((0u8..5, prop::collection::vec(0u8..8, 0..6)), 0..8),
            there in prop::collection::btree_set((0u8..5, 0u8..8), 0..10),
        ) {
            let images: Vec<PushImage> = images.iter().map(|(repository, blobs)| image(*repository, blobs)).collect();
            let blobs = there.iter().map(|(repository, blob)| (format!("r{repository}"), Digest::of(&[*blob]))).collect();
            let presence = Presence { blobs, ..Presence::default() };
            let plan = plan("r", &images, &presence, |_| true, TagConflict::Fail).unwrap();
            let wanted: BTreeSet<(String, Digest)> = images
                .iter()
                .flat_map(|image| image.blobs.keys().map(|digest| (image.request.repository.clone(), *digest)))
                .collect();
            let planned: Vec<(String, Digest)> =
                plan.blobs.iter().map(|step| (step.repository.clone(), step.digest)).collect();
            prop_assert_eq!(&wanted.into_iter().collect::<Vec<_>>(), &planned, "each once, in order");
            let mut sent = BTreeSet::new();
            for step in &plan.blobs {
                let key = |repository: &str| (repository.to_owned(), step.digest);
                let is_there = presence.blobs.contains(&key(&step.repository));
                match &step.action {
                    BlobAction::Exists => prop_assert!(is_there),
                    BlobAction::Upload => prop_assert!(!is_there && sent.insert(step.digest)),
                    BlobAction::Mount { from } => {
                        let uploaded = plan.blobs.iter().any(|other| {
                            other.digest == step.digest
                                && other.repository == *from
                                && other.action == BlobAction::Upload
                        });
                        prop_assert!(!is_there && (presence.blobs.contains(&key(from)) || uploaded));
                    }
                }
            }
        }
    }

    #[test]
    fn everything_that_is_in_the_way_is_said_at_once() {
        let images = [image(1, &[1]), image(2, &[2])];
        let found = Digest::of(b"other");
        let tags = [1, 2].map(|number| ((format!("r{number}"), "1".to_owned()), found)).into();
        let presence = Presence { tags, ..Presence::default() };
        let error = plan("r", &images, &presence, |_| true, TagConflict::Fail).unwrap_err();
        assert!(matches!(&error, PlanError::TagConflicts(all) if all.len() == 2), "{error}");
        let error = plan("r", &images, &presence, |_| false, TagConflict::Fail).unwrap_err();
        assert!(matches!(&error, PlanError::Base(all) if all.len() == 2), "{error}");
        let kept = plan("r", &images, &presence, |_| true, TagConflict::Keep).unwrap();
        assert!(kept.tags.iter().all(|step| step.action == TagAction::Keep { found }));
        assert!(!kept.is_empty() && PushPlan::default().is_empty());
    }
}
