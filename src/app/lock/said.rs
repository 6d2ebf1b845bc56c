//! The output of `windlass lock`, as lines and as JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::lock::{Difference, ImageLookup};
use crate::model::few;
use crate::model::images_lock::{ImagesLock, LockMode, LockedImage};

/// What was written.
pub(super) fn written(place: &str, lock: &ImagesLock, refused: usize) -> String {
    let unresolved: Vec<&str> = lock.unresolved().collect();
    let all = lock.images.len();
    let mut text = format!("{place}: {}", counted(all, "image"));
    match unresolved.len() {
        0 => text.push_str(", all resolved"),
        count if count == all => text.push_str(", all unresolved (windlass lock --from REGISTRY)"),
        count => {
            let _ = write!(text, ", {count} unresolved: {}", few(&unresolved, 5));
        }
    }
    let _ = writeln!(text, "; {}, {}", counted(lock.charts.len(), "chart"), counted(lock.files.len(), "set of files"));
    for (name, build) in &lock.unpublished {
        let how = if build.is_empty() { String::new() } else { format!("; build it from {build}") };
        let _ = writeln!(text, "{name} has no public image, and is not in the lock until an answer specifies one{how}");
    }
    if refused > 0 {
        let _ = writeln!(
            text,
            "{} that definitions or charts reject were skipped (-v lists them)",
            counted(refused, "combination of answers")
        );
    }
    text
}

/// The same for machines.
pub(super) fn written_json(place: &str, lock: &ImagesLock, refused: &[String]) -> Value {
    json!({
        "lock": place,
        "images": lock.images.len(),
        "unresolved": lock.unresolved().collect::<Vec<_>>(),
        "unpublished": lock.unpublished,
        "charts": lock.charts.len(),
        "files": lock.files.len(),
        "refused": refused,
    })
}

/// What differs.
pub(super) fn differs(found: &[Difference]) -> String {
    found.iter().map(|one| format!("{one}\n")).collect()
}

/// Why images are there.
pub(super) fn why(found: &ImageLookup<'_>) -> String {
    let ImageLookup::Found(found) = found else { return String::new() };
    let mut text = String::new();
    for (name, image, places) in found {
        let _ = writeln!(text, "{name}\n    {}", resolved(image));
        for place in places {
            let _ = writeln!(text, "    {place}");
        }
    }
    text
}

fn resolved(image: &LockedImage) -> String {
    let Some(resolved) = &image.resolved else {
        return "unresolved: no registry has confirmed it (windlass lock --from REGISTRY)".to_owned();
    };
    let platforms: Vec<&str> = resolved.platforms.keys().map(String::as_str).collect();
    let mode = match resolved.mode {
        LockMode::Index => "index",
        LockMode::Manifest => "manifest",
    };
    let attached = match resolved.attached.len() {
        0 => String::new(),
        count => format!(", {} attached", counted(count, "manifest")),
    };
    format!("{} ({mode} of {}{attached})", resolved.digest, platforms.join(", "))
}

/// The same for machines.
pub(super) fn why_json(lock: &str, found: &ImageLookup<'_>) -> Value {
    match found {
        ImageLookup::Found(found) => {
            let images: Vec<Value> = found
                .iter()
                .map(|(name, image, _)| json!({"image": name, "resolved": image.resolved, "used_by": image.used_by}))
                .collect();
            json!({"lock": lock, "images": images})
        }
        ImageLookup::NotFound(like) => json!({"lock": lock, "images": [], "like": like}),
    }
}

fn counted(count: usize, what: &str) -> String {
    match (count, what.split_once(' ')) {
        (1, _) => format!("1 {what}"),
        (_, Some((first, rest))) => format!("{count} {first}s {rest}"),
        (_, None) => format!("{count} {what}s"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::lock::why as explain;
    use crate::model::images_lock::{ImageUse, ResolvedImage};
    use crate::model::oci::Digest;

    fn lock() -> ImagesLock {
        let mut lock = ImagesLock::default();
        let digest = Digest::of(b"x");
        for (name, is_resolved) in [("docker.io/a/x:1", true), ("docker.io/a/y:1", false)] {
            let resolved = is_resolved.then(|| ResolvedImage {
                digest,
                media_type: "m".into(),
                size: 1,
                mode: LockMode::Index,
                platforms: [("linux/amd64".to_owned(), digest), ("linux/arm64".to_owned(), digest)].into(),
                attached: BTreeSet::new(),
            });
            let used = ImageUse {
                component: "a".into(),
                at: "Pod/p container c".into(),
                profiles: ["small".to_owned()].into(),
            };
            lock.images.insert(name.into(), LockedImage { resolved, used_by: [used].into() });
        }
        lock.unpublished.insert("a.z".into(), "image/Containerfile".into());
        lock
    }

    #[test]
    fn the_output_lists_what_is_not_resolved() {
        let mut lock = lock();
        let expected = "l: 2 images, 1 unresolved: docker.io/a/y:1; 0 charts, 0 sets of files\n\
            a.z has no public image, and is not in the lock until an answer specifies one; build it from image/Containerfile\n\
            2 combinations of answers that definitions or charts reject were skipped (-v lists them)\n";
        assert_eq!(written("l", &lock, 2), expected);
        lock.unpublished.clear();
        lock.images.remove("docker.io/a/x:1");
        assert_eq!(
            written("l", &lock, 0),
            "l: 1 image, all unresolved (windlass lock --from REGISTRY); 0 charts, 0 sets of files\n"
        );
        lock.images.clear();
        assert!(written("l", &lock, 0).starts_with("l: 0 images, all resolved;"));
    }

    #[test]
    fn why_shows_digest_and_places() {
        let lock = lock();
        let digest = Digest::of(b"x");
        let expected = format!(
            "docker.io/a/x:1\n    {digest} (index of linux/amd64, linux/arm64)\n    a: Pod/p container c (small)\n"
        );
        assert_eq!(why(&explain(&lock, "a/x")), expected);
        assert!(why(&explain(&lock, "a/y")).contains("    unresolved: no registry has confirmed it"));
        let json = why_json("l", &explain(&lock, "a/x"));
        assert_eq!(json["images"][0]["used_by"][0]["at"], "Pod/p container c");
        assert_eq!(why_json("l", &explain(&lock, "zzzz"))["images"], json!([]));
    }
}
