//! Which component, object and profile brings an image, for a name that may be no more than a part of it.

use super::compare::place;
use crate::model::ImageName;
use crate::model::images_lock::{ImagesLock, LockedImage, ResolvedImage};

/// The most names that are suggested.
const SUGGESTED: usize = 3;

/// The fewest digits that a digest is known by.
const DIGITS: usize = 6;

/// What is found for a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageLookup<'a> {
    /// The images that it means, each with its places in words.
    Found(Vec<(&'a str, &'a LockedImage, Vec<String>)>),
    /// None; names that are like it.
    NotFound(Vec<&'a str>),
}

/// Looks an image up: by its whole name, in the ways that people write it, by a part of it, or by the head of a digest.
#[must_use]
pub fn why<'a>(lock: &'a ImagesLock, text: &str) -> ImageLookup<'a> {
    let text = text.trim();
    let found = |is: &dyn Fn(&str, &LockedImage) -> bool| -> Vec<(&'a str, &'a LockedImage, Vec<String>)> {
        let all = lock.images.iter().filter(|(name, image)| is(name, image));
        all.map(|(name, image)| (name.as_str(), image, image.used_by.iter().map(place).collect())).collect()
    };
    let parsed = ImageName::parse(text).ok();
    let whole = parsed.as_ref().map(ImageName::whole);
    let exact = found(&|name, _| Some(name) == whole.as_deref());
    if !exact.is_empty() {
        return ImageLookup::Found(exact);
    }
    // The same image of another registry, or in any version.
    let same = |name: &str| {
        let (Some(parsed), Ok(name)) = (&parsed, ImageName::parse(name)) else { return false };
        let path = parsed.path().strip_prefix("library/").map_or_else(|| parsed.path(), str::to_owned);
        let tags = parsed.tag.is_none() && parsed.digest.is_none() || parsed.tag == name.tag;
        tags && (name.path() == path || name.path().ends_with(&format!("/{path}")))
    };
    let alike = found(&|name, image| same(name) || has_digest(image, text));
    if !alike.is_empty() {
        return ImageLookup::Found(alike);
    }
    let lower = text.to_lowercase();
    let part = found(&|name, _| !lower.is_empty() && name.to_lowercase().contains(&lower));
    if !part.is_empty() {
        return ImageLookup::Found(part);
    }
    let last = |name: &str| {
        let name = name.split(['@']).next().unwrap_or(name);
        let name = name.rsplit('/').next().unwrap_or(name);
        name.split(':').next().unwrap_or(name).to_lowercase()
    };
    let wanted = last(&lower);
    let mut scored: Vec<(f64, &str)> =
        lock.images.keys().map(|name| (strsim::jaro_winkler(&wanted, &last(name)), name.as_str())).collect();
    scored.retain(|(score, _)| *score > 0.75);
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    ImageLookup::NotFound(scored.into_iter().take(SUGGESTED).map(|(_, name)| name).collect())
}

/// Whether one of its digests begins so.
fn has_digest(image: &LockedImage, text: &str) -> bool {
    let hex = text.rsplit('@').next().unwrap_or(text);
    let hex = hex.strip_prefix("sha256:").unwrap_or(hex);
    if hex.len() < DIGITS || !hex.chars().all(|c| c.is_ascii_hexdigit()) {
        return false;
    }
    let begins = |resolved: &ResolvedImage| {
        let attached = resolved.attached.iter().map(|one| one.digest);
        let mut all = std::iter::once(resolved.digest).chain(resolved.platforms.values().copied()).chain(attached);
        all.any(|digest| digest.hex().starts_with(hex))
    };
    image.resolved.as_ref().is_some_and(begins)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::images_lock::{ImageUse, LockMode};
    use crate::model::oci::Digest;

    #[test]
    fn names_are_matched_loosely_and_digests_by_their_head() {
        let digest = Digest::of(b"spark");
        let resolved = ResolvedImage {
            digest,
            media_type: "m".into(),
            size: 1,
            mode: LockMode::Index,
            platforms: [("linux/amd64".to_owned(), digest)].into(),
            attached: Default::default(),
        };
        let image = |resolved| {
            let used = ImageUse { component: "livy".into(), at: "images.spark".into(), profiles: Default::default() };
            LockedImage { resolved, used_by: [used].into() }
        };
        let mut lock = ImagesLock::default();
        lock.images.insert("docker.io/apache/spark:3.5.6".into(), image(Some(resolved)));
        lock.images.insert("docker.io/apache/hadoop:3.4.1".into(), image(None));
        lock.images.insert("docker.io/library/redis:7.2".into(), image(None));
        let names = |text: &str| match why(&lock, text) {
            ImageLookup::Found(found) => found.into_iter().map(|(name, ..)| name.to_owned()).collect(),
            ImageLookup::NotFound(like) => vec![format!("none: {}", like.join(" "))],
        };
        let spark = "docker.io/apache/spark:3.5.6";
        for (text, expected) in [
            (spark, spark),
            ("apache/spark:3.5.6", spark),
            ("apache/spark", spark),
            ("spark", spark),
            ("SPARK", spark),
            (" spark:3.5 ", spark),
            ("harbor.site:5000/spark:3.5.6", spark),
            (&digest.to_string(), spark),
            (&digest.hex()[..12], spark),
            ("redis", "docker.io/library/redis:7.2"),
            ("redis:7.2", "docker.io/library/redis:7.2"),
            ("3.4.1", "docker.io/apache/hadoop:3.4.1"),
            ("apache/sprak:3.5.6", "none: docker.io/apache/spark:3.5.6"),
            ("nothing/like-it", "none: "),
            ("", "none: "),
        ] {
            assert_eq!(names(text), [expected], "{text}");
        }
        assert_eq!(names("apache/").len(), 2);
        assert!(matches!(why(&lock, "spark"), ImageLookup::Found(found) if found[0].2 == ["livy: images.spark"]));
    }
}
