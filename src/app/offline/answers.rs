//! What answers take from an offline bundle: the digests of its images, and its files.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::answers::{Answer, Answers, LayerKind};
use crate::catalog::{Catalog, QuestionId};
use crate::lock::ImageMap;
use crate::model::ImageName;
use crate::model::images_lock::{ImagesLock, LockedImage};

/// The answers with each image of the lock by its digest, and where it is in the registry if that is not where all are.
/// What was set for this install stays: preflight reports where that is another image.
pub(super) fn pinned(catalog: &Catalog, answers: &Answers, lock: &ImagesLock, map: &ImageMap) -> Answers {
    let known = answers.catalog(catalog);
    let mut pinned = answers.clone();
    let registry = answers.get("platform", "registry").text().map(|registry| registry.trim_end_matches('/').to_owned());
    for component in answers.components.iter().filter_map(|id| known.components.get(id)) {
        for image in &component.images {
            let names = component.image_names(image);
            let text = |question: &str| answers.get(&component.id, question).text().unwrap_or_default().to_owned();
            let (repository, tag) = (text(&names.repository), text(&names.tag));
            let Some((published, locked)) = meant(lock, map, &repository, &tag) else { continue };
            // An answer with the name in the lock means that image, wherever the registry has it: an unpublished image is
            // named by answers alone.
            let id = QuestionId::new(&component.id, &names.repository);
            if let Some((answer, kind)) = pinned.values.get_mut(&id)
                && is_given(kind)
                && let Some(there) = map.repository(published).filter(|there| *there != repository)
                && repository_of(&repository) == repository_of(published)
            {
                *answer = Answer::Text(there.to_owned());
            }
            let mut set = |question: &str, answer: String| {
                let id = QuestionId::new(&component.id, question);
                let given = pinned.values.get(&id).is_some_and(|(_, kind)| is_given(kind));
                if !given && known.question(&id).is_some() {
                    pinned.values.insert(id, (Answer::Text(answer), LayerKind::Bundle));
                }
            };
            if let Some(resolved) = &locked.resolved {
                set(&names.digest, resolved.digest.to_string());
            }
            let moved = registry.as_ref().and_then(|registry| Some(ImageName::parse(published).ok()?.moved(registry)));
            if let Some(there) = map.repository(published).filter(|there| Some(*there) != moved.as_deref()) {
                set(&names.repository, there.to_owned());
            }
        }
    }
    pinned
}

fn repository_of(image: &str) -> Option<String> {
    ImageName::parse(image).ok().map(|name| name.whole_repository())
}

/// Whether it was set for this install.
const fn is_given(kind: &LayerKind) -> bool {
    matches!(kind, LayerKind::File | LayerKind::Environment | LayerKind::Flag | LayerKind::Screen)
}

/// The image of the lock that an answer means: by its published name, or by that in the registry.
fn meant<'l>(
    lock: &'l ImagesLock,
    map: &'l ImageMap,
    repository: &str,
    tag: &str,
) -> Option<(&'l str, &'l LockedImage)> {
    let after = if tag.is_empty() { String::new() } else { format!(":{tag}") };
    let name = ImageName::parse(&format!("{repository}{after}")).ok()?;
    if let Some((published, image)) = lock.images.get_key_value(&name.whole()) {
        return Some((published, image));
    }
    let whole = name.whole_repository();
    lock.images.iter().map(|(published, image)| (published.as_str(), image)).find(|(published, _)| {
        let tagged = ImageName::parse(published).is_ok_and(|published| published.tag == name.tag);
        tagged && map.repository(published) == Some(whole.as_str())
    })
}

/// The answers with the offline bundle's files where no others are set: paths of where it was made do not exist here.
pub(super) fn with_files(answers: &Answers, files: &BTreeMap<String, (String, PathBuf)>) -> Answers {
    let mut found = answers.clone();
    for (key, (from, folder)) in files {
        let Some((component, question)) = key.split_once('.') else { continue };
        let id = QuestionId::new(component, question);
        let Some((answer, _)) = found.values.get(&id) else { continue };
        if matches!(answer, Answer::Empty) || answer.text() == Some(from) {
            let folder = folder.display().to_string();
            found.values.insert(id, (Answer::Text(folder), LayerKind::Bundle));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers::from_flags;
    use crate::catalog;
    use crate::model::images_lock::{LockMode, ResolvedImage};
    use crate::model::oci::Digest;

    /// A lock of every image that the catalog publishes.
    fn lock(catalog: &Catalog) -> ImagesLock {
        let mut lock = ImagesLock::default();
        for image in catalog.components.values().flat_map(|component| &component.images) {
            let Some(mut name) = image.split() else { continue };
            name.digest = None;
            let resolved = ResolvedImage {
                digest: Digest::of(name.whole().as_bytes()),
                media_type: String::new(),
                size: 1,
                mode: LockMode::Index,
                platforms: BTreeMap::new(),
                attached: Default::default(),
            };
            lock.images.insert(name.whole(), LockedImage { resolved: Some(resolved), used_by: Default::default() });
        }
        lock
    }

    fn answers(catalog: &Catalog, flags: &[&str]) -> Answers {
        let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        Answers::new(catalog, &[from_flags(&flags).unwrap()], Some(&["hdfs".to_owned()])).unwrap()
    }

    #[test]
    fn every_image_of_the_lock_is_asked_for_by_its_digest() {
        let catalog = catalog::load(&[]).unwrap();
        let lock = lock(&catalog);
        let given = answers(&catalog, &["platform.registry=r.site/mirror"]);
        let map = ImageMap::moved(&lock, "r.site/mirror");
        let pinned = pinned(&catalog, &given, &lock, &map);
        let known = &catalog.components["hdfs"];
        for image in &known.images {
            let names = known.image_names(image);
            let mut name = image.split().unwrap();
            name.digest = None;
            let digest = Digest::of(name.whole().as_bytes()).to_string();
            assert_eq!(pinned.get("hdfs", &names.digest).text(), Some(digest.as_str()), "{}", image.name);
            assert_eq!(pinned.get("hdfs", &names.repository), given.get("hdfs", &names.repository));
        }
    }

    #[test]
    fn what_was_answered_stays_and_other_versions_get_no_digest() {
        let catalog = catalog::load(&[]).unwrap();
        let lock = lock(&catalog);
        let map = ImageMap::moved(&lock, "r.site");
        let digest = format!("sha256:{}", "a".repeat(64));
        let flag = format!("hdfs.image_digest={digest}");
        let found = pinned(&catalog, &answers(&catalog, &[&flag]), &lock, &map);
        assert_eq!(found.get("hdfs", "image_digest").text(), Some(digest.as_str()));
        let found = pinned(&catalog, &answers(&catalog, &["hdfs.image_tag=0.0.1"]), &lock, &map);
        assert!(!found.is_bundled(&QuestionId::new("hdfs", "image_digest")));
    }

    #[test]
    fn an_image_that_nobody_publishes_is_where_the_registry_has_it() {
        let catalog = catalog::load(&[]).unwrap();
        let mut lock = lock(&catalog);
        let any = lock.images.values().next().unwrap().clone();
        lock.images.insert("registry.example/windlass/livy:1".to_owned(), any);
        let map = ImageMap::moved(&lock, "r.site/mirror");
        let find = |image: &str, tag: &str| {
            let flags = [format!("livy.image={image}"), format!("livy.image_tag={tag}")];
            let given = Answers::new(&catalog, &[from_flags(&flags).unwrap()], Some(&["livy".to_owned()])).unwrap();
            let found = pinned(&catalog, &given, &lock, &map);
            let text = |question: &str| found.get("livy", question).text().unwrap_or_default().to_owned();
            (text("image"), !text("image_digest").is_empty())
        };
        let there = "r.site/mirror/windlass/livy".to_owned();
        assert_eq!(find("registry.example/windlass/livy", "1"), (there.clone(), true));
        assert_eq!(find(&there, "1"), (there, true), "it may be named as it is there");
        assert_eq!(find("registry.example/windlass/livy", "2"), ("registry.example/windlass/livy".to_owned(), false));
    }

    #[test]
    fn images_that_lie_elsewhere_in_the_registry_are_asked_for_there() {
        let catalog = catalog::load(&[]).unwrap();
        let lock = lock(&catalog);
        let flat = lock.images.keys().map(|name| {
            let path = ImageName::parse(name).unwrap().path().replace('/', "-");
            (name.clone(), format!("r.site/mirror/{path}"))
        });
        let map = ImageMap::moved(&lock, "r.site/mirror").with(flat.collect::<Vec<_>>());
        let given = answers(&catalog, &["platform.registry=r.site/mirror"]);
        let found = pinned(&catalog, &given, &lock, &map);
        let repository = found.get("hdfs", "image").text().unwrap().to_owned();
        assert!(repository.starts_with("r.site/mirror/") && repository.matches('/').count() == 2, "{repository}");
        // Recorded answers name it as well.
        let again = pinned(&catalog, &found, &lock, &map);
        assert_eq!(again.values, found.values);
    }

    #[test]
    fn files_are_those_of_the_offline_bundle_unless_others_were_named() {
        let catalog = catalog::load(&[]).unwrap();
        let flags = ["shared-libraries.source=/made/here"].map(str::to_owned);
        let chosen = ["shared-libraries".to_owned()];
        let given = Answers::new(&catalog, &[from_flags(&flags).unwrap()], Some(&chosen)).unwrap();
        let files = |from: &str| {
            let key = "shared-libraries.source".to_owned();
            [(key, (from.to_owned(), PathBuf::from("/cache/files")))].into()
        };
        let text = |answers: &Answers| answers.get("shared-libraries", "source").text().map(str::to_owned);
        assert_eq!(text(&with_files(&given, &files("/made/here"))).as_deref(), Some("/cache/files"));
        assert_eq!(text(&with_files(&given, &files("/elsewhere"))).as_deref(), Some("/made/here"));
    }
}
