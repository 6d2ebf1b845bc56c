//! Images in plain texts: settings, arguments, scripts. A text is not an image by its look alone, since `10:30` and `a/b:c` look
//! like one. It counts where a key says so (`spark.kubernetes.container.image = …`), or where it names a repository that a
//! component declares, in whatever version.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

use crate::model::ImageName;

/// Keys that name an image: `image`, `spark.kubernetes.driver.container.image`, `WORKER_IMAGE`, `--sandbox-image`; and not
/// `imagePullPolicy`, nor `image.pullSecrets`.
static KEY: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?i)^[a-z0-9_./\-]*image(?:[_.-]?(?:name|ref|reference))?$").ok());

/// A key and what stands behind it: `key=value`, `key: value`, `key value`, quoted or not.
static PAIR: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let key = r"[a-z0-9_.\-]*image(?:[_.-]?(?:name|ref|reference))?";
    let value = r#"[^\s"',;<>()\[\]{}|\\]+"#;
    Regex::new(&format!(r#"(?i)(?:^|[^a-z0-9_.\-])({key})["']?(?:\s*[=:]\s*|\s+)["']?({value})"#)).ok()
});

/// Whether a key says that its value is an image.
pub(super) fn names_image(key: &str) -> bool {
    KEY.as_ref().is_some_and(|regex| regex.is_match(key))
}

/// The image that a value is: with tag or digest, which distinguishes it from other names.
pub(super) fn versioned(value: &str) -> Option<ImageName> {
    let name = ImageName::parse(value.trim()).ok()?;
    (name.tag.is_some() || name.digest.is_some()).then_some(name)
}

/// Repositories that are known to be images', by path: `apache/spark`.
#[derive(Debug, Clone, Default)]
pub struct KnownRepositories(BTreeSet<String>);

impl KnownRepositories {
    /// Those of some images.
    pub fn new<'a>(images: impl IntoIterator<Item = &'a ImageName>) -> Self {
        Self(images.into_iter().map(ImageName::path).collect())
    }

    /// Whether it is one of them, in whatever version and registry.
    fn has(&self, name: &ImageName) -> bool {
        self.0.contains(&name.path())
            // A mirror may keep the path below one of its own.
            || self.0.iter().any(|path| name.path().ends_with(&format!("/{path}")))
    }
}

/// The images in a text, each with the key that names it, if one does. Comments are skipped.
pub(super) fn in_text(text: &str, known: &KnownRepositories) -> Vec<(Option<String>, ImageName)> {
    let mut found: Vec<(Option<String>, ImageName)> = Vec::new();
    let mut add = |key: Option<&str>, name: ImageName| {
        if !found.iter().any(|(_, other)| *other == name) {
            found.push((key.map(str::to_owned), name));
        }
    };
    for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
        for pair in PAIR.iter().flat_map(|regex| regex.captures_iter(line)) {
            let (key, value) = (&pair[1], pair[2].trim_end_matches(['.', ':']));
            // Without a slash too much looks like one: `image: 10:30`.
            if let Some(name) = versioned(value).filter(|name| value.contains('/') || known.has(name)) {
                add(Some(key), name);
            }
        }
        for word in line.split(|c: char| !is_part(c)) {
            // `--image=x/y:1` is one word up to the sign, and another behind it: the sign is no part of a name.
            let word = word.rsplit("://").next().unwrap_or(word).trim_matches(['.', ':', '/', '-', '@']);
            if let Some(name) = versioned(word).filter(|name| known.has(name)) {
                add(None, name);
            }
        }
    }
    found
}

/// What names of images are made of.
fn is_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/' | ':' | '@')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let known: Vec<ImageName> = ["docker.io/apache/spark:3.5.6", "docker.io/library/redis:7"]
            .map(|name| ImageName::parse(name).unwrap())
            .into();
        let said = |(key, name): (Option<String>, ImageName)| match key {
            Some(key) => format!("{key} {name}"),
            None => name.to_string(),
        };
        in_text(text, &KnownRepositories::new(&known)).into_iter().map(said).collect()
    }

    #[test]
    fn keys_name_images() {
        for key in [
            "image",
            "Image",
            "containerImage",
            "spark.kubernetes.container.image",
            "WORKER_IMAGE",
            "--image",
            "imageName",
            "image_ref",
            "pause-image",
        ] {
            assert!(names_image(key), "{key}");
        }
        for key in [
            "imagePullPolicy",
            "image.pullSecrets",
            "images",
            "imageID",
            "image_tag",
            "imagePullSecrets",
            "",
            "imagery",
        ] {
            assert!(!names_image(key), "{key}");
        }
    }

    #[test]
    fn settings_arguments_and_scripts_are_read() {
        for (text, expected) in [
            (
                "spark.kubernetes.container.image docker.io/apache/spark:3.5.6",
                "spark.kubernetes.container.image docker.io/apache/spark:3.5.6",
            ),
            ("spark.kubernetes.container.image=other/thing:1\n", "spark.kubernetes.container.image other/thing:1"),
            ("  image: \"quay.io/a/b@SHA\",", "image quay.io/a/b@SHA"),
            ("{\"image\":\"a.io/b:1\"}", "image a.io/b:1"),
            (
                "exec spark-submit --conf spark.kubernetes.executor.container.image=a.io/b:1 --x",
                "spark.kubernetes.executor.container.image a.io/b:1",
            ),
            ("run --image a/b:1", "--image a/b:1"),
            ("export IMAGE='a/b:1'", "IMAGE a/b:1"),
            ("see apache/spark:3.5.5.", "apache/spark:3.5.5"),
            ("docker://mirror.site:5000/x/apache/spark:3.5.6", "mirror.site:5000/x/apache/spark:3.5.6"),
            ("image redis:7.2", "image redis:7.2"),
        ] {
            let sha = format!("sha256:{}", "a".repeat(64));
            assert_eq!(found(&text.replace("SHA", &sha)), [expected.replace("SHA", &sha)], "{text}");
        }
        for text in [
            "imagePullPolicy: a/b:1",
            "image: 10:30",
            "# image: a/b:1",
            "  # was apache/spark:3.5.5",
            "the image of hadoop/common:",
            "apache/sparkle:1 xapache/spark:1",
            "http://host:80/image/a/b",
            "",
        ] {
            assert_eq!(found(text), [""; 0], "{text}");
        }
    }
}
