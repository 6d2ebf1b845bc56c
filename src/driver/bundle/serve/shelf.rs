//! Which names an offline bundle is served under, and what they stand for.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::notice::Notices;
use crate::driver::bundle::closure;
use crate::driver::bundle::read::Bundle;
use crate::model::ImageName;
use crate::model::images_lock::Attached;
use crate::model::oci::Digest;

/// An offline bundle with its names: each image by its path, and by its registry and path.
pub(super) struct ServedBundle {
    pub(super) bundle: Bundle,
    /// Where what goes wrong is said.
    pub(super) notices: Arc<Notices>,
    repositories: BTreeMap<String, Repository>,
}

/// One name.
#[derive(Default)]
pub(super) struct Repository {
    /// Tags; `None` where images of two registries would be one.
    tags: BTreeMap<String, Option<Digest>>,
    /// What belongs to a manifest by the referrers.
    pub(super) referrers: BTreeMap<Digest, Vec<Attached>>,
}

impl Repository {
    fn tag(&mut self, tag: &str, digest: Digest) {
        let known = self.tags.entry(tag.to_owned()).or_insert(Some(digest));
        if *known != Some(digest) {
            *known = None;
        }
    }

    /// What a tag stands for.
    pub(super) fn digest(&self, tag: &str) -> Option<Digest> {
        self.tags.get(tag).copied().flatten()
    }

    /// The tags that stand for something, sorted.
    pub(super) fn tags(&self) -> impl Iterator<Item = &str> {
        self.tags.iter().filter(|(_, digest)| digest.is_some()).map(|(tag, _)| tag.as_str())
    }
}

impl ServedBundle {
    pub(super) fn new(bundle: Bundle) -> Self {
        let mut repositories: BTreeMap<String, Repository> = BTreeMap::new();
        for (name, image) in closure::resolved(bundle.lock()) {
            let Ok(name) = ImageName::parse(name) else { continue };
            for key in [name.path(), name.whole_repository()] {
                let repository = repositories.entry(key).or_default();
                if let Some(tag) = &name.tag {
                    repository.tag(tag, image.digest);
                }
                for attached in &image.attached {
                    match &attached.tag {
                        Some(tag) => repository.tag(tag, attached.digest),
                        None => {
                            let known = repository.referrers.entry(attached.subject).or_default();
                            if !known.contains(attached) {
                                known.push(attached.clone());
                            }
                        }
                    }
                }
            }
        }
        Self { bundle, notices: Arc::default(), repositories }
    }

    /// A repository by its name. Whoever mirrors a registry says which one (`ns`), and gets that one's and no other's.
    pub(super) fn repository(&self, name: &str, registry: Option<&str>) -> Option<&Repository> {
        match registry {
            Some(registry) => self.repositories.get(&format!("{registry}/{name}")),
            None => self.repositories.get(name),
        }
    }

    /// All names, sorted.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.repositories.keys().map(String::as_str)
    }
}
