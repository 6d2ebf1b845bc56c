//! What an image is called in the target: its path below the target's, or as much of it as the registry takes.

use std::collections::BTreeMap;
use std::fmt;

use crate::model::ImageName;

/// The most letters of a repository's name, and of a tag.
const REPOSITORY: usize = 255;
const TAG: usize = 128;

/// Where images go: a registry, a path there, and how many parts a repository may have below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// `harbor.site:5000`.
    pub host: String,
    /// `mirror`, `group/project`, or nothing.
    pub prefix: String,
    /// The most parts below the prefix; further ones are joined by dashes. `--flatten` is one.
    pub max_depth: Option<usize>,
}

/// Why images cannot get the names that they should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The target is invalid.
    #[error("`{0}` is not a registry with a path, such as host:port/path")]
    Target(String),
    /// An image name is invalid.
    #[error("`{0}` is not an image name")]
    Image(String),
    /// Too long.
    #[error("{image} would become {target}, which is longer than {most} characters; push to a shorter path")]
    Long {
        /// Which image.
        image: String,
        /// What it would be.
        target: String,
        /// The most.
        most: usize,
    },
    /// Two images would be one.
    #[error("{first} and {second} would both become {target}; push them to different paths, or raise --max-depth")]
    Collision {
        /// One.
        first: String,
        /// The other.
        second: String,
        /// What both would be.
        target: String,
    },
}

/// Where one image goes. The receipt has it beside the image's name, so that it can be read backwards.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TargetName {
    /// The repository, without the registry.
    pub repository: String,
    /// The tag, if it has one.
    pub tag: Option<String>,
}

/// As it is named on a command line: `harbor.site/mirror`.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.prefix.as_str() {
            "" => f.write_str(&self.host),
            prefix => write!(f, "{}/{prefix}", self.host),
        }
    }
}

impl Target {
    /// Reads `host:port/path`.
    ///
    /// # Errors
    /// It is not a registry with a path.
    pub fn parse(text: &str, max_depth: Option<usize>) -> Result<Self, NameError> {
        let bad = || NameError::Target(text.to_owned());
        let text = text.trim_end_matches('/');
        let name = ImageName::parse(&format!("{text}/x")).map_err(|_| bad())?;
        if !name.names_registry() || max_depth == Some(0) {
            return Err(bad());
        }
        let prefix = text.split_once('/').map_or("", |(_, prefix)| prefix).to_owned();
        Ok(Self { host: name.registry().to_owned(), prefix, max_depth })
    }

    /// What an image (`docker.io/apache/spark:3.5.6`) is called here.
    ///
    /// # Errors
    /// It is no image, or the name would be too long.
    pub fn name(&self, image: &str) -> Result<TargetName, NameError> {
        let name = ImageName::parse(image).map_err(|_| NameError::Image(image.to_owned()))?;
        let path = name.path();
        let parts: Vec<&str> = path.split('/').collect();
        let path = match self.max_depth {
            Some(most) if parts.len() > most => {
                let (kept, joined) = parts.split_at(most.saturating_sub(1));
                kept.iter().map(|part| (*part).to_owned()).chain([joined.join("-")]).collect::<Vec<_>>().join("/")
            }
            _ => path,
        };
        let repository = if self.prefix.is_empty() { path } else { format!("{}/{path}", self.prefix) };
        let long = |target: &str, most: usize| {
            Err(NameError::Long { image: image.to_owned(), target: target.to_owned(), most })
        };
        if self.host.len() + 1 + repository.len() > REPOSITORY {
            return long(&format!("{}/{repository}", self.host), REPOSITORY);
        }
        match name.tag {
            Some(tag) if tag.len() > TAG => long(&tag, TAG),
            tag => Ok(TargetName { repository, tag }),
        }
    }

    /// What all images are called here, by their names. `same` says whether two of them are the same bytes: these may share
    /// a name.
    ///
    /// # Errors
    /// As [`Self::name`], and where two images would be one.
    pub fn names<'a>(
        &self,
        images: impl IntoIterator<Item = &'a str>,
        same: impl Fn(&str, &str) -> bool,
    ) -> Result<BTreeMap<String, TargetName>, NameError> {
        let mut found = BTreeMap::new();
        let mut taken: BTreeMap<TargetName, &str> = BTreeMap::new();
        for image in images {
            let name = self.name(image)?;
            // Without a tag only digests are written, and these are never the same by chance.
            if let Some(tag) = &name.tag {
                match taken.get(&name) {
                    Some(first) if *first != image && !same(first, image) => {
                        return Err(NameError::Collision {
                            first: (*first).to_owned(),
                            second: image.to_owned(),
                            target: format!("{}/{}:{tag}", self.host, name.repository),
                        });
                    }
                    Some(_) => {}
                    None => _ = taken.insert(name.clone(), image),
                }
            }
            found.insert(image.to_owned(), name);
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_as_many_parts_as_the_registry_takes() {
        let name = |depth: Option<usize>, image: &str| {
            Target::parse("r.site:5000/p/q/", depth).unwrap().name(image).unwrap().repository
        };
        assert_eq!(name(None, "docker.io/apache/spark:3"), "p/q/apache/spark");
        assert_eq!(name(None, "redis:7"), "p/q/library/redis");
        assert_eq!(name(Some(1), "docker.io/apache/spark:3"), "p/q/apache-spark");
        assert_eq!(
            name(Some(2), "quay.io/a/b/c/d@sha256:".to_owned().as_str().trim_end_matches("@sha256:")),
            "p/q/a/b-c-d"
        );
        assert_eq!(name(Some(4), "quay.io/a/b/c/d:1"), "p/q/a/b/c/d");
        let bare = Target::parse("r.site", None).unwrap();
        assert_eq!(bare.name("quay.io/a/b:1").unwrap(), TargetName { repository: "a/b".into(), tag: Some("1".into()) });
        for bad in ["", "harbor", "r.site/UPPER", "r.site/a:1/b"] {
            assert!(Target::parse(bad, None).is_err(), "{bad}");
        }
        assert!(Target::parse("r.site", Some(0)).is_err());
    }

    #[test]
    fn two_images_never_become_one() {
        let target = Target::parse("r.site", Some(1)).unwrap();
        let pair = ["docker.io/a/b-x:1", "quay.io/a-b/x:1"];
        let error = target.names(pair, |_, _| false).unwrap_err();
        assert!(
            error.to_string().starts_with("docker.io/a/b-x:1 and quay.io/a-b/x:1 would both become r.site/a-b-x:1")
        );
        assert_eq!(target.names(pair, |_, _| true).unwrap().len(), 2, "the same bytes may");
        assert_eq!(target.names(["docker.io/a/b-x:1", "quay.io/a-b/x:2"], |_, _| false).unwrap().len(), 2);
        let target = Target::parse("r.site", None).unwrap();
        assert!(target.names(["docker.io/a/x:1", "quay.io/a/x:1"], |_, _| false).is_err());
    }

    #[test]
    fn names_that_are_too_long_are_refused() {
        let target = Target::parse(&format!("r.site/{}", "p".repeat(200)), None).unwrap();
        assert!(matches!(target.name(&format!("a.b/{}:1", "x".repeat(60))), Err(NameError::Long { most: 255, .. })));
        assert!(target.name(&format!("a.b/{}:1", "x".repeat(40))).is_ok());
    }
}
