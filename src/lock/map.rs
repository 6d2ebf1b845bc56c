//! From the name that an image is published under to the one that it has in a site's registry, and back: images of an
//! install from an offline bundle that are not from there are found before anything is written.

use std::collections::BTreeMap;

use super::find::{KnownRepositories, images_in};
use crate::model::ImageName;
use crate::model::cluster::ManifestObject;
use crate::model::images_lock::{ImagesLock, LockedImage};

/// Where each image of a lock is in a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageMap {
    /// The registry: `host[:port][/path]`.
    registry: String,
    /// The repository there, with the registry, of each image by its whole published name.
    repositories: BTreeMap<String, String>,
}

/// Two images that would be one in the registry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{first} and {second} would both be {target}")]
pub struct Collision {
    /// The one.
    pub first: String,
    /// The other.
    pub second: String,
    /// What they would be called.
    pub target: String,
}

impl ImageMap {
    /// The map in which each image keeps its path: `docker.io/apache/spark` is `registry/apache/spark`.
    #[must_use]
    pub fn moved(lock: &ImagesLock, registry: &str) -> Self {
        let repository = |name: &str| ImageName::parse(name).ok().map(|parsed| parsed.moved(registry));
        let all = lock.images.keys().filter_map(|name| Some((name.clone(), repository(name)?)));
        Self { registry: registry.trim_end_matches('/').to_owned(), repositories: all.collect() }
    }

    /// The same with other repositories where a push has put them elsewhere (`--flatten`), as its receipt says: by published
    /// name, with the registry.
    #[must_use]
    pub fn with(mut self, repositories: impl IntoIterator<Item = (String, String)>) -> Self {
        self.repositories.extend(repositories);
        self
    }

    /// The registry.
    #[must_use]
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The repository of an image in the registry.
    #[must_use]
    pub fn repository(&self, published: &str) -> Option<&str> {
        self.repositories.get(published).map(String::as_str)
    }

    /// What an image is referred to by there: by digest where it is resolved, and with its tag for people.
    #[must_use]
    pub fn reference(&self, published: &str, image: &LockedImage) -> Option<String> {
        let repository = self.repository(published)?;
        let name = ImageName::parse(published).ok()?;
        let tag = name.tag.map(|tag| format!(":{tag}")).unwrap_or_default();
        let digest = image.resolved.as_ref().map(|resolved| format!("@{}", resolved.digest)).unwrap_or_default();
        Some(format!("{repository}{tag}{digest}"))
    }

    /// Images of different content that would have one name there.
    #[must_use]
    pub fn collisions(&self, lock: &ImagesLock) -> Vec<Collision> {
        let mut seen: BTreeMap<String, &String> = BTreeMap::new();
        let mut found = Vec::new();
        for (published, repository) in &self.repositories {
            // What has no tag is known by its digest alone, and two of those are never one.
            let Some(tag) = ImageName::parse(published).ok().and_then(|name| name.tag) else { continue };
            let target = format!("{repository}:{tag}");
            let digest = |name: &String| lock.images.get(name)?.resolved.as_ref().map(|resolved| resolved.digest);
            match seen.get(&target) {
                Some(first) if digest(first).is_none() || digest(first) != digest(published) => {
                    found.push(Collision { first: (*first).clone(), second: published.clone(), target });
                }
                Some(_) => {}
                None => drop(seen.insert(target, published)),
            }
        }
        found
    }

    /// Whether a name is in the registry, below its path.
    #[must_use]
    pub fn is_in_registry(&self, name: &ImageName) -> bool {
        let whole = name.whole_repository();
        whole.strip_prefix(&self.registry).is_some_and(|rest| rest.starts_with('/'))
    }

    /// The images of the lock that a name in the registry may be; of those of its tag only these.
    pub(super) fn candidates<'a>(&'a self, lock: &'a ImagesLock, name: &ImageName) -> Vec<(&'a str, &'a LockedImage)> {
        let whole = name.whole_repository();
        let here = self.repositories.iter().filter(|(_, repository)| **repository == whole);
        let found: Vec<(&str, &LockedImage)> =
            here.filter_map(|(published, _)| Some((published.as_str(), lock.images.get(published)?))).collect();
        let Some(tag) = &name.tag else { return found };
        let tagged = |published: &str| ImageName::parse(published).is_ok_and(|parsed| parsed.tag.as_ref() == Some(tag));
        found.into_iter().filter(|(published, _)| tagged(published)).collect()
    }
}

/// An object that an install renders, with its component.
#[derive(Debug, Clone, Copy)]
pub struct RenderedImage<'a> {
    /// The component.
    pub component: &'a str,
    /// The object.
    pub object: &'a ManifestObject,
}

/// An image of an install that is not the lock's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnlockedImage {
    /// The component.
    pub component: String,
    /// Object and place in it.
    pub at: String,
    /// The image, as it is rendered.
    pub image: String,
    /// What is wrong with it.
    pub reason: Reason,
}

/// Why an image is not the lock's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// It would be pulled from elsewhere.
    #[error("not in {0}")]
    Registry(String),
    /// It is in the registry's part of the name, and the lock has none such.
    #[error("images.lock does not have it")]
    Unlocked,
    /// The lock has it, and no registry confirmed which bytes it is.
    #[error("{0} is not resolved in images.lock")]
    Unresolved(String),
    /// It is another digest than the lock's.
    #[error("images.lock has {locked} for {published}")]
    Digest {
        /// The name in the lock.
        published: String,
        /// Its digest there.
        locked: String,
    },
    /// It names no digest, so that whatever is behind the tag would run.
    #[error("has no digest: images.lock has {0}")]
    ByTag(String),
    /// It cannot be read.
    #[error("{0}")]
    Unreadable(String),
}

impl Reason {
    /// Whether an install from an offline bundle stops: for all but a tag that is the lock's, since some charts take no
    /// digest.
    #[must_use]
    pub const fn stops(&self) -> bool {
        !matches!(self, Self::ByTag(_))
    }
}

/// The images of an install that are not the lock's: outside the registry or the lock, or with another digest. Empty if
/// there are none.
#[must_use]
pub fn unlocked_images<'a>(
    objects: impl IntoIterator<Item = RenderedImage<'a>>,
    lock: &ImagesLock,
    map: &ImageMap,
) -> Vec<UnlockedImage> {
    let published: Vec<ImageName> = lock.images.keys().filter_map(|name| ImageName::parse(name).ok()).collect();
    let moved = map.repositories.values().filter_map(|name| ImageName::parse(name).ok());
    let all: Vec<ImageName> = published.iter().cloned().chain(moved).collect();
    let known = KnownRepositories::new(&all);
    let mut found = Vec::new();
    for RenderedImage { component, object } in objects {
        let (images, unfound) = images_in(object, &known);
        let mut add = |at: String, image: String, reason: Reason| {
            found.push(UnlockedImage { component: component.to_owned(), at, image, reason });
        };
        for one in images {
            if let Some(reason) = check_image(&one.image, lock, map) {
                add(one.at, one.image.to_string(), reason);
            }
        }
        for one in unfound {
            add(one.at, String::new(), Reason::Unreadable(one.why));
        }
    }
    found
}

/// The same of images that no rendered object has: those of Jobs that windlass starts, and of what components declare.
/// Each is given with its component and place.
#[must_use]
pub fn unlocked_references<'a>(
    references: impl IntoIterator<Item = (&'a str, &'a str, &'a str)>,
    lock: &ImagesLock,
    map: &ImageMap,
) -> Vec<UnlockedImage> {
    let one = |(component, at, image): (&str, &str, &str)| {
        let reason = match ImageName::parse(image) {
            Ok(name) => check_image(&name, lock, map)?,
            Err(why) => Reason::Unreadable(format!("`{image}` is not an image name: {why}")),
        };
        Some(UnlockedImage { component: component.to_owned(), at: at.to_owned(), image: image.to_owned(), reason })
    };
    references.into_iter().filter_map(one).collect()
}

/// Whether what the lock has for a platform (`linux/arm64/v8`) runs on a node's: nodes do not say which variant they are.
#[must_use]
pub fn is_for(known: &str, node: &str) -> bool {
    known.strip_prefix(node).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The platforms among these, such as those of a cluster's nodes, for which the lock lacks images, and which images.
#[must_use]
pub fn missing_platforms<'a>(
    lock: &ImagesLock,
    platforms: impl IntoIterator<Item = &'a str>,
) -> BTreeMap<&'a str, Vec<String>> {
    let mut found = BTreeMap::new();
    for platform in platforms {
        let has = |known: &String| is_for(known, platform);
        let lacks = lock
            .images
            .iter()
            .filter(|(_, image)| image.resolved.as_ref().is_some_and(|resolved| !resolved.platforms.keys().any(has)));
        let lacks: Vec<String> = lacks.map(|(name, _)| name.clone()).collect();
        if !lacks.is_empty() {
            found.insert(platform, lacks);
        }
    }
    found
}

fn check_image(name: &ImageName, lock: &ImagesLock, map: &ImageMap) -> Option<Reason> {
    if !map.is_in_registry(name) {
        return Some(Reason::Registry(map.registry.clone()));
    }
    let meant = map.candidates(lock, name);
    if meant.is_empty() {
        // A tag of no image of the lock, but with a digest of one: the digest is what runs.
        let mut untagged = name.clone();
        untagged.tag = None;
        let by_digest = |image: &&(&str, &LockedImage)| {
            let resolved = image.1.resolved.as_ref();
            resolved.is_some_and(|resolved| name.digest == Some(resolved.digest.to_string()))
        };
        return match map.candidates(lock, &untagged).iter().find(by_digest) {
            Some(_) => None,
            None => Some(Reason::Unlocked),
        };
    }
    let resolved = || meant.iter().filter_map(|(published, image)| Some((*published, image.resolved.as_ref()?)));
    match &name.digest {
        _ if resolved().next().is_none() => Some(Reason::Unresolved(meant[0].0.to_owned())),
        Some(digest) if resolved().any(|(_, resolved)| resolved.digest.to_string() == *digest) => None,
        Some(_) => resolved().next().map(|(published, resolved)| Reason::Digest {
            published: published.to_owned(),
            locked: resolved.digest.to_string(),
        }),
        None => resolved().next().map(|(_, resolved)| Reason::ByTag(resolved.digest.to_string())),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::model::cluster::ObjectRef;
    use crate::model::images_lock::{ImageUse, LockMode, ResolvedImage};
    use crate::model::oci::Digest;

    /// A lock of images by name, and by what their digests are made of: of the list, and of its one platform.
    pub(in crate::lock) fn lock(images: &[(&str, Option<&str>)]) -> ImagesLock {
        let mut lock = ImagesLock::default();
        for (name, content) in images {
            let resolved = content.map(|content| ResolvedImage {
                digest: Digest::of(content.as_bytes()),
                media_type: "application/vnd.oci.image.index.v1+json".into(),
                size: 1,
                mode: LockMode::Index,
                platforms: [("linux/amd64".to_owned(), Digest::of(format!("{content}/amd64").as_bytes()))].into(),
                attached: Default::default(),
            });
            let used = ImageUse { component: "a".into(), at: "images.x".into(), profiles: Default::default() };
            let name = ImageName::parse(name).unwrap().whole();
            lock.images.insert(name, LockedImage { resolved, used_by: [used].into() });
        }
        lock
    }

    fn said(lock: &ImagesLock, map: &ImageMap, body: Value) -> Vec<String> {
        let object = ManifestObject { object: ObjectRef::namespaced("v1", "Pod", "ns", "p"), body };
        let found = unlocked_images([RenderedImage { component: "a", object: &object }], lock, map);
        found
            .into_iter()
            .map(|one| {
                format!(
                    "{} {}: {}{}",
                    one.at,
                    one.image,
                    one.reason,
                    if one.reason.stops() { "" } else { " (no stop)" }
                )
            })
            .collect()
    }

    fn pod(image: &str) -> Value {
        json!({"spec": {"containers": [{"name": "c", "image": image}]}})
    }

    #[test]
    fn only_what_is_in_registry_and_lock_by_its_digest_goes_through() {
        let lock = lock(&[("apache/spark:3.5.6", Some("spark")), ("quay.io/a/b:1", None), ("redis:7", Some("redis"))]);
        let map = ImageMap::moved(&lock, "r.site:5000/mirror/");
        let (spark, other) = (Digest::of(b"spark"), Digest::of(b"other"));
        let registry = "r.site:5000/mirror";
        assert_eq!(
            map.reference("docker.io/apache/spark:3.5.6", &lock.images["docker.io/apache/spark:3.5.6"]),
            Some(format!("{registry}/apache/spark:3.5.6@{spark}"))
        );
        assert_eq!(map.reference("quay.io/a/b:1", &lock.images["quay.io/a/b:1"]), Some(format!("{registry}/a/b:1")));
        for image in [
            format!("{registry}/apache/spark:3.5.6@{spark}"),
            format!("{registry}/apache/spark@{spark}"),
            format!("{registry}/apache/spark:site@{spark}"),
        ] {
            assert_eq!(said(&lock, &map, pod(&image)), [""; 0], "{image}");
        }
        for (image, expected) in [
            ("docker.io/apache/spark:3.5.6".to_owned(), format!("not in {registry}")),
            ("apache/spark:3.5.6".to_owned(), format!("not in {registry}")),
            ("r.site:5000/apache/spark:3.5.6".to_owned(), format!("not in {registry}")),
            ("r.site:5000/mirrored/apache/spark:3.5.6".to_owned(), format!("not in {registry}")),
            (format!("{registry}/apache/spark:3.5.5"), "images.lock does not have it".into()),
            (format!("{registry}/apache/sparkle:3.5.6"), "images.lock does not have it".into()),
            (format!("{registry}/apache/spark:3.5.5@{other}"), "images.lock does not have it".into()),
            (format!("{registry}/a/b:1"), "quay.io/a/b:1 is not resolved in images.lock".into()),
            (
                format!("{registry}/apache/spark:3.5.6@{other}"),
                format!("images.lock has {spark} for docker.io/apache/spark:3.5.6"),
            ),
            (
                format!("{registry}/apache/spark@{other}"),
                format!("images.lock has {spark} for docker.io/apache/spark:3.5.6"),
            ),
            (format!("{registry}/apache/spark:3.5.6"), format!("has no digest: images.lock has {spark} (no stop)")),
            (
                format!("{registry}/library/redis:7"),
                format!("has no digest: images.lock has {} (no stop)", Digest::of(b"redis")),
            ),
        ] {
            assert_eq!(said(&lock, &map, pod(&image)), [format!("Pod/p container c {image}: {expected}")]);
        }
        assert!(said(&lock, &map, pod("re gistry/x"))[0].contains("is not an image name"));
    }

    #[test]
    fn images_of_run_time_are_held_to_the_lock_as_well() {
        let lock = lock(&[("apache/spark:3.5.6", Some("spark"))]);
        let map = ImageMap::moved(&lock, "r.site");
        let env = json!({"spec": {"containers": [{"name": "c", "image": format!("r.site/apache/spark@{}", Digest::of(b"spark")),
            "args": ["--conf", "spark.kubernetes.container.image=docker.io/apache/spark:3.5.6"], "env": [{"name": "OTHER_IMAGE", "value": "quay.io/x/y:1"}]}]}});
        let found = said(&lock, &map, env);
        assert_eq!(found.len(), 2, "{found:#?}");
        assert!(
            found[0].starts_with(
                "Pod/p container c args spark.kubernetes.container.image docker.io/apache/spark:3.5.6: not in r.site"
            ),
            "{found:#?}"
        );
        assert!(found[1].starts_with("Pod/p container c env OTHER_IMAGE quay.io/x/y:1: not in r.site"), "{found:#?}");
    }

    #[test]
    fn jobs_and_platforms_are_held_to_the_lock() {
        let mut lock = lock(&[("apache/spark:3.5.6", Some("spark")), ("quay.io/a/b:1", None)]);
        let map = ImageMap::moved(&lock, "r.site");
        let digest = Digest::of(b"spark");
        let good = format!("r.site/apache/spark:3.5.6@{digest}");
        let references =
            [("a", "step verify-1", good.as_str()), ("a", "step verify-2", "busybox:1"), ("b", "images.x", "X")];
        let found: Vec<String> = unlocked_references(references, &lock, &map)
            .iter()
            .map(|one| format!("{} {}: {}", one.component, one.at, one.reason))
            .collect();
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(found[0], "a step verify-2: not in r.site");
        assert!(found[1].starts_with("b images.x: `X` is not an image name"), "{found:?}");
        let platforms =
            &mut lock.images.get_mut("docker.io/apache/spark:3.5.6").unwrap().resolved.as_mut().unwrap().platforms;
        platforms.insert("linux/arm/v7".into(), digest);
        let missing = missing_platforms(&lock, ["linux/amd64", "linux/arm", "linux/arm64"]);
        assert_eq!(missing, [("linux/arm64", vec!["docker.io/apache/spark:3.5.6".to_owned()])].into());
    }

    #[test]
    fn flattened_names_are_mapped_by_the_receipt_and_collisions_are_found() {
        let lock =
            lock(&[("docker.io/a/x:1", Some("one")), ("quay.io/b/x:1", Some("two")), ("ghcr.io/a/x:1", Some("one"))]);
        let map = ImageMap::moved(&lock, "r.site/p");
        assert_eq!(map.collisions(&lock), [], "a/x of two registries is the same image here");
        let flat = map.with(lock.images.keys().map(|name| (name.clone(), "r.site/p/x".to_owned())));
        let collisions: Vec<String> = flat.collisions(&lock).iter().map(ToString::to_string).collect();
        assert_eq!(collisions, ["docker.io/a/x:1 and quay.io/b/x:1 would both be r.site/p/x:1"]);
        let one = Digest::of(b"one");
        assert_eq!(said(&lock, &flat, pod(&format!("r.site/p/x:1@{one}"))), [""; 0]);
        let unresolved = tests::lock(&[("docker.io/a/x:1", None), ("quay.io/a/x:1", None)]);
        assert_eq!(
            ImageMap::moved(&unresolved, "r.site").collisions(&unresolved).len(),
            1,
            "nobody knows that they are the same"
        );
    }
}
