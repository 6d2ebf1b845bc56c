//! What was found, put together: the lock.

use std::collections::{BTreeMap, BTreeSet};

use super::trials::UNPUBLISHED_REGISTRY;
use crate::catalog::Component;
use crate::model::ImageName;
use crate::model::images_lock::{ImageUse, ImagesLock, LockedFiles, LockedImage, LockedProgram};

/// Where an image is used: its component, and the place.
type Use = (String, String);

/// What a place's image was found with.
#[derive(Debug, Clone, Default)]
struct ImageOrigins {
    /// Profiles.
    profiles: BTreeSet<String>,
    /// Answers that were tried.
    answers: BTreeSet<String>,
}

/// Collects what is found, for the lock.
#[derive(Debug, Clone, Default)]
pub struct LockBuilder {
    images: BTreeMap<String, BTreeMap<Use, ImageOrigins>>,
    unpublished: BTreeMap<String, String>,
    charts: BTreeMap<String, LockedFiles>,
    files: BTreeMap<String, LockedFiles>,
}

impl LockBuilder {
    /// Takes in the images that a definition names.
    pub fn definition(&mut self, component: &Component) {
        for image in &component.images {
            match image.split() {
                Some(name) => self.add(&name, &component.base, &format!("images.{}", image.name), None),
                None => {
                    let name = format!("{}.{}", component.base, image.name);
                    self.unpublished.insert(name, image.build.clone().unwrap_or_default());
                }
            }
        }
    }

    /// Takes in an image that a component uses at a place. `with` is the profile that it was found with, or, where `varied`,
    /// the answers; none of the definition's own list. Stand-ins for images that nobody publishes are skipped.
    fn put(&mut self, image: &ImageName, component: &str, at: &str, with: Option<&str>, varied: bool) {
        if image.registry() == UNPUBLISHED_REGISTRY {
            return;
        }
        let places = self.images.entry(image.whole()).or_default();
        let seen = places.entry((component.to_owned(), lasting(at))).or_default();
        let labels = if varied { &mut seen.answers } else { &mut seen.profiles };
        labels.extend(with.map(str::to_owned));
    }

    /// The same of the definition's list, or of a profile.
    pub fn add(&mut self, image: &ImageName, component: &str, at: &str, profile: Option<&str>) {
        self.put(image, component, at, profile, false);
    }

    /// The same where only these answers bring it.
    pub fn add_with(&mut self, image: &ImageName, component: &str, at: &str, answers: &str) {
        self.put(image, component, at, Some(answers), true);
    }

    /// An image that a component declares and nobody publishes.
    pub fn add_unpublished(&mut self, component: &str, image: &str, build: Option<&str>) {
        self.unpublished.insert(format!("{component}.{image}"), build.unwrap_or_default().to_owned());
    }

    /// Takes in a component's chart.
    pub fn chart(&mut self, component: &str, from: &str, digest: &str) {
        let locked = LockedFiles { from: from.to_owned(), digest: digest.to_owned(), size: None };
        self.charts.insert(component.to_owned(), locked);
    }

    /// Takes in files that an answer names.
    pub fn file(&mut self, question: &str, from: &str, digest: &str) {
        let locked = LockedFiles { from: from.to_owned(), digest: digest.to_owned(), size: None };
        self.files.insert(question.to_owned(), locked);
    }

    /// The lock. What an earlier one has resolved stays so; a registry is asked for the rest, later.
    #[must_use]
    pub fn into_lock(self, programs: BTreeMap<String, LockedProgram>, earlier: Option<&ImagesLock>) -> ImagesLock {
        let Self { images, unpublished, charts, files } = self;
        let images = images.into_iter().map(|(name, places)| {
            let used_by =
                places.into_iter().map(|((component, at), seen)| ImageUse { component, at, profiles: seen.labels() });
            let resolved = earlier.and_then(|lock| lock.images.get(&name)?.resolved.clone());
            (name, LockedImage { resolved, used_by: used_by.collect() })
        });
        ImagesLock { images: images.collect(), unpublished, charts, files, programs, ..ImagesLock::default() }
    }
}

/// A place without the digest of settings that ends an object's name, as those of Jobs do which run again when something
/// changed: a lock does not change with it.
fn lasting(at: &str) -> String {
    let (object, rest) = at.split_once(' ').map_or((at, ""), |(object, _)| (object, &at[object.len()..]));
    let is_digest = |end: &str| {
        (8..=64).contains(&end.len())
            && end.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'))
            && end.chars().any(|c| c.is_ascii_digit())
    };
    match object.rsplit_once('-').filter(|(_, end)| is_digest(end)) {
        Some((name, _)) => format!("{name}-*{rest}"),
        None => at.to_owned(),
    }
}

impl ImageOrigins {
    /// The profiles; where none alone has it, the fewest answers that bring it.
    fn labels(self) -> BTreeSet<String> {
        if !self.profiles.is_empty() {
            return self.profiles;
        }
        let count = |answers: &String| answers.split(' ').count();
        let fewest = self.answers.iter().map(count).min().unwrap_or_default();
        self.answers.into_iter().filter(|answers| count(answers) == fewest).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ImageName {
        ImageName::parse(text).unwrap()
    }

    #[test]
    fn digests_in_names_of_objects_are_omitted() {
        for (at, expected) in [
            ("Job/my-airflow-admin-67f152c2 container admin", "Job/my-airflow-admin-* container admin"),
            ("Job/x-67f152c2", "Job/x-*"),
            ("Pod/hdfs-deadbeef container x", "Pod/hdfs-deadbeef container x"),
            ("Pod/hdfs-2026 container x-67f152c2", "Pod/hdfs-2026 container x-67f152c2"),
            ("images.x", "images.x"),
        ] {
            assert_eq!(lasting(at), expected);
        }
    }

    #[test]
    fn places_have_the_profiles_that_bring_them_or_the_fewest_answers() {
        let mut gathered = LockBuilder::default();
        gathered.add(&name("redis:7"), "a", "images.x", None);
        gathered.add(&name("docker.io/library/redis:7"), "a", "Pod/x container y", Some("small"));
        gathered.add(&name("redis:7"), "a", "Pod/x container y", Some("default"));
        gathered.add_with(&name("redis:7"), "a", "Pod/x container y", "a.b=c");
        gathered.add_with(&name("redis:7"), "a", "Pod/z container y", "a.b=c a.d=e");
        gathered.add_with(&name("redis:7"), "a", "Pod/z container y", "a.b=c");
        gathered.add_with(&name("redis:7"), "a", "Pod/z container y", "a.f=g");
        gathered.add(&name("windlass.invalid/a/x:unpublished"), "a", "Pod/x container z", Some("small"));
        let lock = gathered.into_lock(BTreeMap::new(), None);
        assert_eq!(lock.images.keys().collect::<Vec<_>>(), ["docker.io/library/redis:7"]);
        let used: Vec<String> = lock.images["docker.io/library/redis:7"]
            .used_by
            .iter()
            .map(|one| format!("{}: {}", one.at, one.profiles.iter().cloned().collect::<Vec<_>>().join(", ")))
            .collect();
        assert_eq!(used, ["Pod/x container y: default, small", "Pod/z container y: a.b=c, a.f=g", "images.x: "]);
    }
}
