//! What differs between a lock and what the definitions need now.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::model::images_lock::{ImageUse, ImagesLock, LockedImage};

/// How something differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// It is needed, and the lock lacks it.
    New,
    /// The lock has it, and nothing needs it.
    Gone,
    /// It is needed, and differs in the lock.
    Changed,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::New => "new",
            Self::Gone => "gone",
            Self::Changed => "changed",
        })
    }
}

/// One thing that differs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Difference {
    /// How.
    pub change: Change,
    /// `image`, `unpublished image`, `chart`, `file` or `program`.
    pub kind: &'static str,
    /// Its name in the lock.
    pub name: String,
    /// Where it is used, or what was and what is.
    pub details: Vec<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.change, self.kind, self.name)?;
        self.details.iter().try_for_each(|detail| write!(f, "\n    {detail}"))
    }
}

/// The most places that are listed of one image.
const PLACES: usize = 20;

/// What differs, new things first. What a registry has of an image is not compared, nor what a lock says of its offline
/// bundle.
#[must_use]
pub fn differences(locked: &ImagesLock, needed: &ImagesLock) -> Vec<Difference> {
    let mut found = Vec::new();
    compare(&mut found, "image", &locked.images, &needed.images, image, |image| {
        image.used_by.iter().map(place).collect()
    });
    compare(&mut found, "unpublished image", &locked.unpublished, &needed.unpublished, values, |build| {
        match build.as_str() {
            "" => Vec::new(),
            build => vec![format!("built from {build}")],
        }
    });
    let from = |files: &crate::model::images_lock::LockedFiles| vec![format!("{} {}", files.from, files.digest)];
    let both =
        |was: &Vec<String>, is: &Vec<String>| vec![format!("was {}", was.join(" ")), format!("is  {}", is.join(" "))];
    let files = |was: &_, is: &_| {
        let (was, is) = (from(was), from(is));
        if was == is { Vec::new() } else { both(&was, &is) }
    };
    compare(&mut found, "chart", &locked.charts, &needed.charts, files, from);
    compare(&mut found, "file", &locked.files, &needed.files, files, from);
    let version = |program: &crate::model::images_lock::LockedProgram| vec![program.version.clone()];
    let programs = |was: &_, is: &_| {
        let (was, is) = (version(was), version(is));
        if was == is { Vec::new() } else { both(&was, &is) }
    };
    compare(&mut found, "program", &locked.programs, &needed.programs, programs, version);
    found.sort();
    found
}

fn compare<T>(
    found: &mut Vec<Difference>,
    kind: &'static str,
    locked: &BTreeMap<String, T>,
    needed: &BTreeMap<String, T>,
    changed: impl Fn(&T, &T) -> Vec<String>,
    describe: impl Fn(&T) -> Vec<String>,
) {
    let mut add = |change, name: &String, mut details: Vec<String>| {
        let more = details.len().saturating_sub(PLACES);
        details.truncate(PLACES);
        details.extend((more > 0).then(|| format!("and {more} more")));
        found.push(Difference { change, kind, name: name.clone(), details });
    };
    for (name, is) in needed {
        match locked.get(name) {
            None => add(Change::New, name, describe(is)),
            Some(was) => {
                let details = changed(was, is);
                if !details.is_empty() {
                    add(Change::Changed, name, details);
                }
            }
        }
    }
    for (name, was) in locked.iter().filter(|(name, _)| !needed.contains_key(*name)) {
        add(Change::Gone, name, describe(was));
    }
}

fn values(was: &String, is: &String) -> Vec<String> {
    if was == is { Vec::new() } else { vec![format!("was `{was}`"), format!("is  `{is}`")] }
}

/// The places whose use of an image differs from the lock.
fn image(was: &LockedImage, is: &LockedImage) -> Vec<String> {
    let new = is.used_by.difference(&was.used_by).map(|one| format!("+ {}", place(one)));
    let gone = was.used_by.difference(&is.used_by).map(|one| format!("- {}", place(one)));
    new.chain(gone).collect()
}

/// Component, object, field, and what brings it.
pub(super) fn place(one: &ImageUse) -> String {
    let profiles: Vec<&str> = one.profiles.iter().map(String::as_str).collect();
    let with = if profiles.is_empty() { String::new() } else { format!(" ({})", profiles.join(", ")) };
    format!("{}: {}{with}", one.component, one.at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::images_lock::{LockMode, LockedFiles, LockedProgram, ResolvedImage};
    use crate::model::oci::Digest;

    fn used(at: &str, profiles: &[&str]) -> ImageUse {
        ImageUse {
            component: "a".into(),
            at: at.into(),
            profiles: profiles.iter().map(|one| (*one).to_owned()).collect(),
        }
    }

    fn lock(images: &[(&str, &[ImageUse])], chart: &str, helm: &str) -> ImagesLock {
        let images = images.iter().map(|(name, used)| {
            ((*name).to_owned(), LockedImage { resolved: None, used_by: used.iter().cloned().collect() })
        });
        let chart = LockedFiles { from: "chart".into(), digest: chart.into(), size: None };
        let helm = LockedProgram { version: helm.into(), platforms: BTreeMap::new() };
        ImagesLock {
            images: images.collect(),
            charts: [("a".to_owned(), chart)].into(),
            programs: [("helm".to_owned(), helm)].into(),
            ..ImagesLock::default()
        }
    }

    #[test]
    fn what_is_new_gone_or_changed_is_named_with_its_places() {
        let one =
            lock(&[("x:1", &[used("images.x", &[])]), ("y:1", &[used("Pod/y container y", &["small"])])], "1", "4.2.4");
        let mut same = one.clone();
        let digest = Digest::of(b"x");
        let resolved = ResolvedImage {
            digest,
            media_type: "m".into(),
            size: 1,
            mode: LockMode::Index,
            platforms: [("linux/amd64".to_owned(), digest)].into(),
            attached: Default::default(),
        };
        same.images.get_mut("x:1").unwrap().resolved = Some(resolved);
        assert_eq!(differences(&one, &one), []);
        assert_eq!(differences(&same, &one), [], "what a registry has is not compared");
        let two = lock(
            &[
                ("x:1", &[used("images.x", &[]), used("Pod/x container x", &["default", "small"])]),
                ("z:1", &[used("Job/z container z", &["hdfs.mode=ha"])]),
            ],
            "2",
            "4.2.5",
        );
        let said: Vec<String> = differences(&one, &two).iter().map(ToString::to_string).collect();
        let expected = [
            "new image z:1\n    a: Job/z container z (hdfs.mode=ha)",
            "gone image y:1\n    a: Pod/y container y (small)",
            "changed chart a\n    was chart 1\n    is  chart 2",
            "changed image x:1\n    + a: Pod/x container x (default, small)",
            "changed program helm\n    was 4.2.4\n    is  4.2.5",
        ];
        assert_eq!(said, expected);
        let many: Vec<ImageUse> = (0..50).map(|n| used(&format!("Pod/{n}"), &[])).collect();
        let many = differences(&one, &lock(&[("m:1", &many)], "1", "4.2.4"));
        assert_eq!((many[0].details.len(), many[0].details.last().unwrap().as_str()), (21, "and 30 more"));
    }
}
