//! What runs, compared with the lock: by what the runtime says that it started (`imageID`), and not by what was asked for.

use std::collections::BTreeSet;

use super::map::ImageMap;
use crate::model::ImageName;
use crate::model::images_lock::{ImagesLock, LockedImage};

/// A container of a pod, as its status has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningContainer {
    /// Namespace and name of the pod.
    pub pod: (String, String),
    /// The container.
    pub container: String,
    /// What was asked for: the container's `image`. Where the status has only a digest there, that of the spec is of more use.
    pub image: String,
    /// What the runtime says that it is (`imageID`); empty as long as it is not pulled.
    pub image_id: String,
}

/// What a container is to the lock.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Verdict {
    /// It runs what the lock has.
    #[error("runs {0} of images.lock")]
    Locked(String),
    /// It has not been pulled yet.
    #[error("image not pulled yet")]
    NotPulled,
    /// It is none of the lock's images.
    #[error("{0} is not in images.lock")]
    Unlocked(String),
    /// It is from another registry than the site's.
    #[error("{0} is not from {1}")]
    Elsewhere(String, String),
    /// It is one of the lock's names, and other bytes.
    #[error("runs {found}, but images.lock has {locked} for {published}")]
    Other {
        /// The name in the lock.
        published: String,
        /// Its digest there.
        locked: String,
        /// What runs.
        found: String,
    },
    /// The lock does not say which bytes it is.
    #[error("{0} is not resolved in images.lock")]
    Unresolved(String),
    /// The runtime names it by its configuration, as for images that were imported: that cannot be compared.
    #[error("the node has {0} under its own id ({1}), which cannot be compared with images.lock")]
    OwnId(String, String),
}

impl Verdict {
    /// Whether it runs something else than the lock has.
    #[must_use]
    pub const fn is_wrong(&self) -> bool {
        matches!(self, Self::Unlocked(_) | Self::Elsewhere(..) | Self::Other { .. })
    }
}

/// Compares containers with the lock. Names may be those of the site's registry or, without a map, the published ones.
#[must_use]
pub fn compare_running<'a>(
    containers: impl IntoIterator<Item = &'a RunningContainer>,
    lock: &ImagesLock,
    map: Option<&ImageMap>,
) -> Vec<(&'a RunningContainer, Verdict)> {
    containers.into_iter().map(|one| (one, verdict(one, lock, map))).collect()
}

/// The digest in what a runtime says, if it is one of a manifest; the name before it.
fn read_id(id: &str) -> (Option<ImageName>, Option<String>) {
    // `docker-pullable://x@sha256:…`, `docker://sha256:…`.
    let id = id.split_once("://").map_or(id, |(_, rest)| rest);
    let name = ImageName::parse(id).ok();
    let digest = name.as_ref().and_then(|name| name.digest.clone());
    (name.filter(|_| digest.is_some()), digest)
}

fn verdict(one: &RunningContainer, lock: &ImagesLock, map: Option<&ImageMap>) -> Verdict {
    if one.image_id.is_empty() {
        return Verdict::NotPulled;
    }
    let (named, digest) = read_id(&one.image_id);
    // containerd has an id there for what has no tag.
    let asked = ImageName::parse(&one.image).ok().filter(|_| !one.image.starts_with("sha256:"));
    let Some(name) = asked.or_else(|| named.clone()) else {
        return Verdict::Unlocked(one.image.clone());
    };
    let mut meant = candidates(&name, lock, map);
    if meant.is_empty() {
        // The runtime's own word of where it is from: by a mirror, or by another of its names.
        let named = named.map(|mut named| {
            named.tag.clone_from(&name.tag);
            named
        });
        meant = named.map(|named| self::candidates(&named, lock, map)).unwrap_or_default();
    }
    if meant.is_empty() {
        return match map.filter(|map| !map.is_in_registry(&name)) {
            Some(map) => Verdict::Elsewhere(name.to_string(), map.registry().to_owned()),
            None => Verdict::Unlocked(name.to_string()),
        };
    }
    // Who asked by digest, and got it, runs it.
    let digest = match digest {
        Some(digest) => digest,
        None => match name.digest.clone() {
            Some(digest) => digest,
            None => return Verdict::OwnId(name.to_string(), one.image_id.clone()),
        },
    };
    let Some((published, resolved)) = meant.iter().find_map(|(name, image)| Some((*name, image.resolved.as_ref()?)))
    else {
        return Verdict::Unresolved(meant[0].0.to_owned());
    };
    for (published, image) in &meant {
        let Some(resolved) = &image.resolved else { continue };
        // Some runtimes name the list that was asked for, others the manifest that they took of it.
        let all: BTreeSet<String> = std::iter::once(resolved.digest)
            .chain(resolved.platforms.values().copied())
            .map(|digest| digest.to_string())
            .collect();
        if all.contains(&digest) {
            return Verdict::Locked((*published).to_owned());
        }
    }
    Verdict::Other { published: published.to_owned(), locked: resolved.digest.to_string(), found: digest }
}

/// The images of the lock that a name may be.
fn candidates<'a>(
    name: &ImageName,
    lock: &'a ImagesLock,
    map: Option<&'a ImageMap>,
) -> Vec<(&'a str, &'a LockedImage)> {
    if let Some(map) = map {
        return map.candidates(lock, name);
    }
    let here = lock.images.iter().filter(|(published, _)| {
        ImageName::parse(published).is_ok_and(|parsed| {
            (parsed.registry(), parsed.path()) == (name.registry(), name.path())
                && (name.tag.is_none() || name.tag == parsed.tag)
        })
    });
    here.map(|(published, image)| (published.as_str(), image)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::map::tests::lock;
    use super::*;
    use crate::model::oci::Digest;

    fn said(image: &str, id: &str, lock: &ImagesLock, map: Option<&ImageMap>) -> String {
        let one = RunningContainer {
            pod: ("ns".into(), "p".into()),
            container: "c".into(),
            image: image.into(),
            image_id: id.into(),
        };
        let found = compare_running([&one], lock, map);
        format!("{}{}", if found[0].1.is_wrong() { "WRONG: " } else { "" }, found[0].1)
    }

    #[test]
    fn what_each_runtime_says_is_compared_with_the_lock() {
        let lock = lock(&[
            ("apache/spark:3.5.6", Some("spark")),
            ("apache/spark:3.5.5", Some("older")),
            ("quay.io/a/b:1", None),
        ]);
        let map = ImageMap::moved(&lock, "r.site:5000");
        let (index, amd64, older, other) =
            (Digest::of(b"spark"), Digest::of(b"spark/amd64"), Digest::of(b"older"), Digest::of(b"other"));
        let at = "r.site:5000/apache/spark";
        let locked = "runs docker.io/apache/spark:3.5.6 of images.lock".to_owned();
        for (image, id, expected) in [
            // containerd names the list.
            (format!("{at}:3.5.6"), format!("{at}@{index}"), locked.clone()),
            (format!("{at}@{index}"), format!("{at}@{index}"), locked.clone()),
            // CRI-O names the manifest, or an id of its own.
            (format!("{at}@{index}"), format!("{at}@{amd64}"), locked.clone()),
            (format!("{at}@{index}"), "0".repeat(64), locked.clone()),
            (
                format!("{at}:3.5.6"),
                "0".repeat(64),
                format!(
                    "the node has {at}:3.5.6 under its own id ({}), which cannot be compared with images.lock",
                    "0".repeat(64)
                ),
            ),
            // Docker.
            (format!("{at}:3.5.6"), format!("docker-pullable://{at}@{index}"), locked.clone()),
            // An image that was imported.
            (
                format!("{at}:3.5.6"),
                format!("sha256:{}", "1".repeat(64)),
                format!(
                    "the node has {at}:3.5.6 under its own id (sha256:{}), which cannot be compared with images.lock",
                    "1".repeat(64)
                ),
            ),
            (format!("{at}:3.5.6"), String::new(), "image not pulled yet".into()),
            // containerd's status has a digest in the place of the name for what has no tag.
            (format!("sha256:{}", "2".repeat(64)), format!("{at}@{index}"), locked.clone()),
            (
                format!("{at}:3.5.6"),
                format!("{at}@{other}"),
                format!("WRONG: runs {other}, but images.lock has {index} for docker.io/apache/spark:3.5.6"),
            ),
            (
                format!("{at}:3.5.6"),
                format!("{at}@{older}"),
                format!("WRONG: runs {older}, but images.lock has {index} for docker.io/apache/spark:3.5.6"),
            ),
            (format!("{at}:3.5.4"), format!("{at}@{other}"), format!("WRONG: {at}:3.5.4 is not in images.lock")),
            (
                "busybox:1".into(),
                format!("docker.io/library/busybox@{other}"),
                "WRONG: busybox:1 is not from r.site:5000".into(),
            ),
            (
                "docker.io/apache/spark:3.5.6".into(),
                format!("docker.io/apache/spark@{index}"),
                "WRONG: docker.io/apache/spark:3.5.6 is not from r.site:5000".into(),
            ),
            (
                "r.site:5000/a/b:1".into(),
                format!("r.site:5000/a/b@{other}"),
                "quay.io/a/b:1 is not resolved in images.lock".into(),
            ),
        ] {
            assert_eq!(said(&image, &id, &lock, Some(&map)), expected, "{image} {id}");
        }
        assert_eq!(said("apache/spark:3.5.6", &format!("docker.io/apache/spark@{index}"), &lock, None), locked);
        assert_eq!(
            said("apache/spark:3.5.5", &format!("docker.io/apache/spark@{older}"), &lock, None),
            "runs docker.io/apache/spark:3.5.5 of images.lock"
        );
        // A mirror of the nodes that the name does not show.
        assert_eq!(said("apache/spark:3.5.6", &format!("mirror/apache/spark@{index}"), &lock, None), locked);
    }
}
