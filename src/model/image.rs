//! The name of an image, read by the rules of distribution references: `host:5000/path/name:tag@sha256:…`.

use std::fmt;

/// The registry of a name without one.
const HUB: &str = "docker.io";

/// The most letters of registry and path together.
const NAME: usize = 255;

/// The most letters of a tag.
const TAG: usize = 128;

/// An image's name in parts. Registry and path are as they stand in the text; [`Self::registry`] and [`Self::path`] say
/// what they mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageName {
    registry: Option<String>,
    path: String,
    /// The tag.
    pub tag: Option<String>,
    /// The digest: `sha256:…`.
    pub digest: Option<String>,
}

/// Why a text is not an image name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ImageNameError {
    /// The path is wrong, or there is none.
    #[error("invalid path: expected parts of lower-case letters and digits, separated by . _ __ or dashes")]
    Path,
    /// The part before the first slash looks like a registry and is not a host.
    #[error("invalid registry host")]
    Registry,
    /// What follows the colon.
    #[error("invalid tag: expected up to 128 letters, digits and _ . -, not starting with . or -")]
    Tag,
    /// What follows the `@`.
    #[error("invalid digest: expected sha256: and 64 lower-case hex digits")]
    Digest,
    /// It is longer than a name may be.
    #[error("registry and path are longer than 255 characters")]
    Long,
}

impl ImageName {
    /// Reads a name as container runtimes do.
    ///
    /// # Errors
    /// The first part that is invalid.
    pub fn parse(text: &str) -> Result<Self, ImageNameError> {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) if is_digest(digest) => (rest, Some(digest)),
            Some(_) => return Err(ImageNameError::Digest),
            None => (text, None),
        };
        // A colon before the last slash is that of a port.
        let last = rest.rfind('/').map_or(0, |at| at + 1);
        let (name, tag) = match rest[last..].split_once(':') {
            Some((_, tag)) if is_tag(tag) => (&rest[..rest.len() - tag.len() - 1], Some(tag)),
            Some(_) => return Err(ImageNameError::Tag),
            None => (rest, None),
        };
        let (registry, path) = match name.split_once('/') {
            Some((host, path)) if is_registry(host) => (Some(host), path),
            _ => (None, name),
        };
        if registry.is_some_and(|host| !is_host(host)) {
            return Err(ImageNameError::Registry);
        }
        let alone = registry.is_none() && path.len() == 64 && path.chars().all(|c| c.is_ascii_hexdigit());
        if alone || !path.split('/').all(is_component) {
            return Err(ImageNameError::Path);
        }
        if name.len() > NAME {
            return Err(ImageNameError::Long);
        }
        let [registry, tag, digest] = [registry, tag, digest].map(|part| part.map(str::to_owned));
        Ok(Self { registry, path: path.to_owned(), tag, digest })
    }

    /// The registry, with its port; Docker's where the name has none.
    #[must_use]
    pub fn registry(&self) -> &str {
        match self.registry.as_deref() {
            None | Some("index.docker.io") => HUB,
            Some(registry) => registry,
        }
    }

    /// Whether it says which registry it is of.
    #[must_use]
    pub const fn names_registry(&self) -> bool {
        self.registry.is_some()
    }

    /// The path within the registry: `busybox` is `library/busybox` in Docker's.
    #[must_use]
    pub fn path(&self) -> String {
        let plain = self.registry() == HUB && !self.path.contains('/');
        if plain { format!("library/{}", self.path) } else { self.path.clone() }
    }

    /// Registry and path as they stand in the text, without tag and digest.
    #[must_use]
    pub fn repository(&self) -> String {
        self.registry.as_ref().map_or_else(|| self.path.clone(), |registry| format!("{registry}/{}", self.path))
    }

    /// Registry and path in full: where the image is, whatever its version.
    #[must_use]
    pub fn whole_repository(&self) -> String {
        format!("{}/{}", self.registry(), self.path())
    }

    /// The same image in another registry, which may have a path: `harbor.site/mirror`.
    #[must_use]
    pub fn moved(&self, registry: &str) -> String {
        format!("{}/{}", registry.trim_end_matches('/'), self.path())
    }

    /// Registry, path, tag and digest in full: equal for names of one image.
    #[must_use]
    pub fn whole(&self) -> String {
        let tag = match (&self.tag, &self.digest) {
            (None, None) => Some("latest"),
            (tag, _) => tag.as_deref(),
        };
        let tag = tag.map(|tag| format!(":{tag}")).unwrap_or_default();
        let digest = self.digest.as_ref().map(|digest| format!("@{digest}")).unwrap_or_default();
        format!("{}{tag}{digest}", self.whole_repository())
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.repository())?;
        self.tag.iter().try_for_each(|tag| write!(f, ":{tag}"))?;
        self.digest.iter().try_for_each(|digest| write!(f, "@{digest}"))
    }
}

/// Whether the part before the first slash is meant as a registry and not as a part of the path.
fn is_registry(host: &str) -> bool {
    host.contains(['.', ':']) || host == "localhost" || host.chars().any(|c| c.is_ascii_uppercase())
}

fn is_host(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => {
            let hex = !address.is_empty() && address.chars().all(|c| c.is_ascii_hexdigit() || c == ':');
            return hex && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port));
        }
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let word = |part: &str| {
        let ends = !part.starts_with('-') && !part.ends_with('-') && !part.is_empty();
        ends && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    host.split('.').all(word) && port.is_none_or(is_port)
}

fn is_port(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_digit())
}

/// Letters and digits, and between them one dot, one or two underscores, or dashes.
fn is_component(text: &str) -> bool {
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let separators = text.split(is_word).filter(|between| !between.is_empty());
    let fits = |between: &str| matches!(between, "." | "_" | "__") || between.chars().all(|c| c == '-');
    text.starts_with(is_word) && text.ends_with(is_word) && separators.into_iter().all(fits)
}

fn is_tag(text: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let inner = |c: char| is_word(c) || matches!(c, '.' | '-');
    text.starts_with(is_word) && text.len() <= TAG && text.chars().all(inner)
}

fn is_digest(text: &str) -> bool {
    let hex = text.strip_prefix("sha256:").unwrap_or_default();
    hex.len() == 64 && hex.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    /// By github.com/distribution/reference: registry, path, tag, and whether there is a digest.
    #[test]
    fn names_are_read_by_the_rules_of_distribution_references() {
        for (text, registry, path, tag) in [
            ("busybox", "docker.io", "library/busybox", None),
            ("busybox:1.36", "docker.io", "library/busybox", Some("1.36")),
            ("apache/spark:3.5.6", "docker.io", "apache/spark", Some("3.5.6")),
            ("docker.io/busybox", "docker.io", "library/busybox", None),
            ("index.docker.io/a/b", "docker.io", "a/b", None),
            ("a/b@SHA", "docker.io", "a/b", None),
            ("a/b:tag@SHA", "docker.io", "a/b", Some("tag")),
            ("host:5000/a/b", "host:5000", "a/b", None),
            ("host:5000/a/b:1", "host:5000", "a/b", Some("1")),
            ("host:5000/a/b@SHA", "host:5000", "a/b", None),
            ("10.98.92.2:5000/kubeflow/x:v1", "10.98.92.2:5000", "kubeflow/x", Some("v1")),
            ("localhost/x:1", "localhost", "x", Some("1")),
            ("[fd00::1]:5000/x", "[fd00::1]:5000", "x", None),
            ("[fd00::1]/x", "[fd00::1]", "x", None),
            ("Uppercase/x", "Uppercase", "x", None),
            ("quay.io/strimzi/operator:0.47.0", "quay.io", "strimzi/operator", Some("0.47.0")),
            (
                "registry.k8s.io/e2e-test-images/busybox:1.29-4",
                "registry.k8s.io",
                "e2e-test-images/busybox",
                Some("1.29-4"),
            ),
            ("a__b/c-d--e.f_g", "docker.io", "a__b/c-d--e.f_g", None),
            ("x:_a.B-c", "docker.io", "library/x", Some("_a.B-c")),
            ("x:5000", "docker.io", "library/x", Some("5000")),
            ("a/b/c/d/e", "docker.io", "a/b/c/d/e", None),
        ] {
            let found = ImageName::parse(&text.replace("SHA", SHA)).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(
                (found.registry(), found.path().as_str(), found.tag.as_deref()),
                (registry, path, tag),
                "{text}"
            );
            assert_eq!(found.digest.is_some(), text.ends_with("@SHA"), "{text}");
            assert_eq!(found.to_string(), text.replace("SHA", SHA), "as it stood");
        }
        use ImageNameError::{Digest, Long, Path, Registry, Tag};
        let long = format!("{}x", "a/".repeat(128));
        let long_tag = format!("x:{}", "a".repeat(129));
        for (text, expected) in [
            ("", Path),
            (":1", Path),
            ("x:", Tag),
            ("x:-a", Tag),
            ("x:1 2", Tag),
            (&long_tag, Tag),
            ("UPPER", Path),
            ("a/UPPER", Path),
            ("reg.example/", Path),
            ("a//b", Path),
            ("/a", Path),
            ("a/", Path),
            ("a b:1", Path),
            ("a..b", Path),
            ("a._b", Path),
            ("a___b", Path),
            ("-a", Path),
            ("a-", Path),
            ("re gistry.io/x:1", Registry),
            ("reg.io:/x", Registry),
            ("reg.io:port/x", Registry),
            ("-reg.io/x", Registry),
            ("[fd00::1/x", Registry),
            ("https://reg.io/x", Registry),
            ("x@sha256:12", Digest),
            ("x@", Digest),
            ("x@md5:d41d8cd98f00b204e9800998ecf8427e", Digest),
            (&format!("x@{}", SHA.to_uppercase()), Digest),
            (&SHA[7..], Path),
            (&long, Long),
            ("{{ x }}", Path),
        ] {
            assert_eq!(ImageName::parse(text), Err(expected), "{text}");
        }
    }

    #[test]
    fn an_image_moves_with_its_path() {
        let moved = |text: &str, registry: &str| ImageName::parse(text).unwrap().moved(registry);
        assert_eq!(moved("docker.io/apache/spark:1", "r.site:5000"), "r.site:5000/apache/spark");
        assert_eq!(moved("apache/spark", "r.site/mirror/"), "r.site/mirror/apache/spark");
        assert_eq!(moved("busybox", "r.site"), "r.site/library/busybox");
    }

    #[test]
    fn two_names_of_one_image_are_one() {
        let whole = |text: &str| ImageName::parse(text).unwrap().whole();
        assert_eq!(whole("busybox"), whole("docker.io/library/busybox:latest"));
        assert_ne!(whole("busybox:1"), whole("busybox:2"));
        assert_eq!(whole(&format!("x@{SHA}")), format!("docker.io/library/x@{SHA}"));
    }
}
