//! `images.lock` as text: written the same for the same content, and read with every mistake at its place. What is read may
//! come from a disk that somebody carried in, so it is bounded and nothing in it is trusted.

use std::collections::BTreeSet;

use super::bounded;
use super::image::ImageName;
use super::images_lock::{ImagesLock, LOCK_SCHEMA};
use super::oci::Digest;
use super::yaml::{self, Field, Findings, Node, Pos, Scalar, Shape, TypeError, Yaml};

/// The most bytes of a lock. One of ten thousand images and as many blobs has a third of that.
pub const LOCK_LIMIT: u64 = 16 << 20;

/// The most letters of a text in it: of a place, a version, a media type.
const TEXT_LIMIT: usize = 1000;

/// What stands at the head of every lock.
const HEAD: &str = "\
# Which images, charts, files and programs the platform is made of. `windlass lock` writes this file; do not edit it.
# An image without `resolved` is unresolved: no registry has confirmed it yet (`windlass lock --from REGISTRY`).
";

const DIGEST: Shape = Shape::That("a digest (sha256: and 64 lower-case hex digits)", is_digest);
const PLATFORMS: Shape = Shape::MapOf(&DIGEST);
const TEXTS: Shape = Shape::List(&Shape::Text);

const ATTACHED: Shape = Shape::Map(&[
    Field::required("subject", DIGEST),
    Field::required("digest", DIGEST),
    Field::optional("tag", Shape::Text),
    Field::optional("artifact_type", Shape::Text),
]);

const RESOLVED: Shape = Shape::Map(&[
    Field::required("digest", DIGEST),
    Field::required("media_type", Shape::Text),
    Field::required("size", Shape::Int),
    Field::required("mode", Shape::OneOf(&["index", "manifest"])),
    Field::required("platforms", PLATFORMS),
    Field::optional("attached", Shape::List(&ATTACHED)),
]);

const USE: Shape = Shape::Map(&[
    Field::required("component", Shape::Text),
    Field::required("at", Shape::Text),
    Field::optional("profiles", TEXTS),
]);

const IMAGE: Shape =
    Shape::Map(&[Field::optional("resolved", RESOLVED), Field::required("used_by", Shape::List(&USE))]);

const FILES: Shape = Shape::Map(&[
    Field::required("from", Shape::Text),
    Field::required("digest", DIGEST),
    Field::optional("size", Shape::Int),
]);

const FILE: Shape = Shape::Map(&[Field::required("digest", DIGEST), Field::required("size", Shape::Int)]);

const PROGRAM: Shape =
    Shape::Map(&[Field::required("version", Shape::Text), Field::optional("platforms", Shape::MapOf(&FILE))]);

const BUNDLE: Shape = Shape::Map(&[
    Field::required("windlass", Shape::Text),
    Field::required("platforms", TEXTS),
    Field::required("components", TEXTS),
    Field::optional("base", DIGEST),
    Field::required("blobs", Shape::MapOf(&Shape::Int)),
]);

const LOCK: Shape = Shape::Map(&[
    Field::required("schema", Shape::Int),
    Field::required("images", Shape::MapOf(&IMAGE)),
    Field::optional("unpublished", Shape::MapOf(&Shape::Text)),
    Field::optional("charts", Shape::MapOf(&FILES)),
    Field::optional("files", Shape::MapOf(&FILES)),
    Field::optional("programs", Shape::MapOf(&PROGRAM)),
    Field::optional("bundle", BUNDLE),
]);

fn is_digest(text: &str) -> bool {
    text.parse::<Digest>().is_ok()
}

/// `linux/amd64`, `linux/arm/v7`.
fn is_platform(text: &str) -> bool {
    let parts: Vec<&str> = text.split('/').collect();
    let word = |part: &&str| {
        !part.is_empty() && part.len() <= 40 && part.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
    };
    (2..=3).contains(&parts.len()) && parts.iter().all(word)
}

impl ImagesLock {
    /// The text of the file: equal locks have equal texts, byte for byte.
    ///
    /// # Errors
    /// It cannot be written as YAML, which no lock does.
    pub fn to_text(&self) -> Result<String, TypeError> {
        Ok(format!("{HEAD}{}", yaml::to_string(self)?))
    }

    /// Reads a text; `file` is what it is called in messages.
    ///
    /// # Errors
    /// Every mistake with line and column: what is not a lock, what is unknown, written twice, empty or contradicts itself.
    pub fn parse(file: &str, text: &str) -> Result<Self, Findings> {
        let mut findings = Findings::default();
        if text.len() as u64 > LOCK_LIMIT {
            let what = format!("larger than the limit of {}", bounded::size(LOCK_LIMIT));
            findings.add(file, Pos { line: 1, column: 1 }, what);
            return Err(findings);
        }
        let root = yaml::parse(file, text)?;
        if let Some((pos, schema)) = schema(&root).filter(|(_, schema)| *schema != i64::from(LOCK_SCHEMA)) {
            // Everything else may differ in that format, too.
            let what = format!(
                "unsupported format {schema}, this windlass reads format {LOCK_SCHEMA}: use the windlass that wrote it, or run `windlass lock` again"
            );
            findings.add(file, pos, what);
            return Err(findings);
        }
        yaml::check(file, &root, &LOCK, &mut findings);
        findings = findings.into_result(Findings::default())?;
        let mut check = Check { file, findings: &mut findings };
        check.texts(&root);
        check.lock(&root);
        findings.into_result(())?;
        yaml::from_str(text).map_err(|error| {
            let mut findings = Findings::default();
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            findings.add(file, root.pos, format!("{error}{cause}"));
            findings
        })
    }
}

fn schema(root: &Node) -> Option<(Pos, i64)> {
    let node = root.get("schema")?;
    match node.yaml {
        Yaml::Scalar(Scalar::Int(number)) => Some((node.pos, number)),
        _ => None,
    }
}

/// What shapes cannot say.
struct Check<'a> {
    file: &'a str,
    findings: &'a mut Findings,
}

impl Check<'_> {
    fn add(&mut self, pos: Pos, what: impl Into<String>) {
        self.findings.add(self.file, pos, what);
    }

    /// No text drives a terminal or fills a screen.
    fn texts(&mut self, node: &Node) {
        if node.written().chars().any(char::is_control) || node.written().chars().count() > TEXT_LIMIT {
            self.add(node.pos, format!("a string must have at most {TEXT_LIMIT} characters, all printable"));
        }
        for item in node.list().unwrap_or_default() {
            self.texts(item);
        }
        for (key, pos, value) in node.map().unwrap_or_default() {
            if key.is_empty() || key.chars().any(char::is_control) || key.chars().count() > TEXT_LIMIT {
                self.add(*pos, format!("a name must have 1 to {TEXT_LIMIT} characters, all printable"));
            }
            self.texts(value);
        }
    }

    fn lock(&mut self, root: &Node) {
        for (name, pos, image) in entries(root, "images") {
            match ImageName::parse(name) {
                Err(why) => self.add(*pos, format!("`{name}` is not a valid image name: {why}")),
                Ok(parsed) if parsed.whole() != *name => {
                    self.add(*pos, format!("`{name}` is not the full image name: expected `{}`", parsed.whole()));
                }
                Ok(_) => {}
            }
            self.used_by(name, image);
            if let Some(resolved) = image.get("resolved") {
                self.resolved(name, resolved);
            }
        }
        for section in ["charts", "files"] {
            for (_, _, files) in entries(root, section) {
                self.size(files.get("size"));
            }
        }
        for (_, _, program) in entries(root, "programs") {
            self.platforms(program);
            for (_, _, file) in entries(program, "platforms") {
                self.size(file.get("size"));
            }
        }
        if let Some(bundle) = root.get("bundle") {
            for (digest, pos, size) in entries(bundle, "blobs") {
                if !is_digest(digest) {
                    self.add(
                        *pos,
                        format!("expected a digest (sha256: and 64 lower-case hex digits), found `{digest}`"),
                    );
                }
                self.size(Some(size));
            }
            for platform in bundle.get("platforms").and_then(Node::list).unwrap_or_default() {
                if !is_platform(platform.written()) {
                    self.add(platform.pos, invalid_platform(platform.written()));
                }
            }
            self.twice(bundle, "platforms");
            self.twice(bundle, "components");
        }
    }

    fn used_by(&mut self, name: &str, image: &Node) {
        let Some(used) = image.get("used_by") else { return };
        let uses = used.list().unwrap_or_default();
        if uses.is_empty() {
            self.add(used.pos, format!("{name} is not used: `used_by` must not be empty"));
        }
        let mut seen = BTreeSet::new();
        for one in uses {
            let text = |key: &str| one.get(key).map(Node::written).unwrap_or_default();
            if !seen.insert((text("component"), text("at"))) {
                self.add(one.pos, format!("duplicate entry {} {}", text("component"), text("at")));
            }
            self.twice(one, "profiles");
        }
    }

    /// A set written as a list has each of its texts once.
    fn twice(&mut self, node: &Node, key: &str) {
        let mut seen = BTreeSet::new();
        for item in node.get(key).and_then(Node::list).unwrap_or_default() {
            if !seen.insert(item.written()) {
                self.add(item.pos, format!("duplicate entry `{}`", item.written()));
            }
        }
    }

    fn resolved(&mut self, name: &str, resolved: &Node) {
        self.size(resolved.get("size"));
        self.platforms(resolved);
        let all = entries(resolved, "platforms");
        let pos = resolved.get("platforms").map_or(resolved.pos, |node| node.pos);
        let digest = resolved.get("digest").map(Node::written).unwrap_or_default();
        if all.is_empty() {
            self.add(pos, format!("{name} is resolved but has no platform"));
        } else if resolved.get("mode").map(Node::written) == Some("manifest")
            && !matches!(all, [(_, _, only)] if only.written() == digest)
        {
            self.add(pos, "mode `manifest` requires exactly one platform, with the digest of the image");
        }
        let pinned = ImageName::parse(name).ok().and_then(|name| name.digest);
        let known = |pinned: &str| digest == pinned || all.iter().any(|(_, _, one)| one.written() == pinned);
        // One platform's manifest of a pinned index is by another digest than the name's.
        let is_index = resolved.get("mode").map(Node::written) == Some("index");
        if let Some(pinned) = pinned.filter(|pinned| is_index && !known(pinned)) {
            let pos = resolved.get("digest").map_or(resolved.pos, |node| node.pos);
            self.add(pos, format!("the name has {pinned}, but the digest is {digest}"));
        }
        let mut seen = BTreeSet::new();
        for one in resolved.get("attached").and_then(Node::list).unwrap_or_default() {
            let text = |key: &str| one.get(key).map(Node::written).unwrap_or_default();
            if text("subject") == text("digest") {
                self.add(one.pos, "a manifest cannot be attached to itself");
            }
            if !seen.insert((text("subject"), text("digest"), text("tag"))) {
                self.add(one.pos, "attached twice");
            }
        }
    }

    fn platforms(&mut self, node: &Node) {
        for (name, pos, _) in entries(node, "platforms") {
            if !is_platform(name) {
                self.add(*pos, invalid_platform(name));
            }
        }
    }

    fn size(&mut self, node: Option<&Node>) {
        if let Some(Node { pos, yaml: Yaml::Scalar(Scalar::Int(size)), .. }) = node
            && *size < 0
        {
            self.add(*pos, format!("expected a size in bytes, found {size}"));
        }
    }
}

fn invalid_platform(text: &str) -> String {
    format!("expected a platform, such as linux/amd64, found `{text}`")
}

/// The entries of a mapping below a key.
fn entries<'a>(node: &'a Node, key: &str) -> &'a [(String, Pos, Node)] {
    node.get(key).and_then(Node::map).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::super::images_lock::*;
    use super::*;

    const SHA: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn said(text: &str) -> Vec<String> {
        match ImagesLock::parse("l", text) {
            Ok(_) => Vec::new(),
            Err(found) => found.0.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn a_lock_is_written_with_its_head_and_read_again() {
        let mut lock = ImagesLock::default();
        let used = ImageUse { component: "a".into(), at: "images.x".into(), profiles: BTreeSet::new() };
        let image = LockedImage { resolved: None, used_by: [used].into() };
        lock.images.insert("docker.io/library/x:1".into(), image);
        lock.programs.insert("helm".into(), LockedProgram { version: "4.2.4".into(), platforms: BTreeMap::new() });
        let text = lock.to_text().unwrap();
        let body = "schema: 1\nimages:\n  docker.io/library/x:1:\n    used_by:\n    - component: a\n      at: images.x\n\
                    programs:\n  helm:\n    version: 4.2.4\n";
        assert_eq!(text, format!("{HEAD}{body}"));
        assert!(HEAD.lines().all(|line| line.starts_with("# ")));
        assert_eq!(ImagesLock::parse("l", &text).unwrap(), lock);
        assert_eq!(lock.unresolved().collect::<Vec<_>>(), ["docker.io/library/x:1"]);
    }

    #[test]
    fn mistakes_are_refused_at_their_place() {
        let image = |rest: &str| format!("schema: 1\nimages:\n  docker.io/library/x:1:\n{rest}");
        let used = "    used_by: [{component: a, at: b}]\n";
        let resolved = |digest: &str, mode: &str, platforms: &str| {
            image(&format!(
                "    resolved: {{digest: '{digest}', media_type: m, size: 1, mode: {mode}, platforms: {platforms}}}\n{used}"
            ))
        };
        assert_eq!(said(&image(used)), [""; 0]);
        assert_eq!(said(&resolved(SHA, "manifest", &format!("{{linux/amd64: '{SHA}'}}"))), [""; 0]);
        let other = Digest::of(b"other").to_string();
        for (text, expected) in [
            ("".to_owned(), "l:1:1: key `images` is missing"),
            ("- a".into(), "l:1:1: expected a mapping, found a list"),
            ("schema: 2\nimages: {}\nmore: 1".into(), "l:1:9: unsupported format 2, this windlass reads format 1"),
            ("schema: one\nimages: {}".into(), "l:1:9: expected a whole number, found a string"),
            ("schema: 1\nimages: {}\nimages: {}".into(), "l:3:1: "),
            ("schema: 1\nimages: {}\nimagse: {}".into(), "l:3:1: unknown key `imagse`; did you mean `images`?"),
            (image(&format!("{used}    color: red\n")), "l:5:5: unknown key `color`"),
            (format!("{}  docker.io/library/x:1: {{used_by: []}}\n", image(used)), "l:5:3: "),
            (image("    used_by: []\n"), "l:4:14: docker.io/library/x:1 is not used"),
            (image("    used_by: [{component: a, at: b}, {component: a, at: b}]\n"), "l:4:38: duplicate entry a b"),
            (image("    used_by: [{component: a}]\n"), "l:4:15: key `at` is missing"),
            (image("    used_by: [{component: a, at: b, profiles: [x, x]}]\n"), "l:4:51: duplicate entry `x`"),
            (
                image("    used_by: [{component: a, at: \"b\\e[2J\"}]\n"),
                "l:4:34: a string must have at most 1000 characters",
            ),
            (
                "schema: 1\nimages:\n  x:1: {used_by: [{component: a, at: b}]}".into(),
                "l:3:3: `x:1` is not the full image name: expected `docker.io/library/x:1`",
            ),
            (
                "schema: 1\nimages:\n  X: {used_by: [{component: a, at: b}]}".into(),
                "l:3:3: `X` is not a valid image name",
            ),
            (resolved("sha256:12", "index", "{}"), "l:4:24: expected a digest"),
            (resolved(SHA, "both", "{}"), "expected one of index, manifest, found `both`"),
            (resolved(SHA, "index", "{}"), "docker.io/library/x:1 is resolved but has no platform"),
            (
                resolved(SHA, "index", &format!("{{amd64: '{SHA}'}}")),
                "expected a platform, such as linux/amd64, found `amd64`",
            ),
            (
                resolved(SHA, "manifest", &format!("{{linux/amd64: '{other}'}}")),
                "mode `manifest` requires exactly one platform, with the digest of the image",
            ),
            ("schema: 1\nimages: {}\ncharts: {a: {from: chart, digest: sha256:x}}".into(), "l:3:35: expected a digest"),
            (
                format!("schema: 1\nimages: {{}}\ncharts: {{a: {{from: chart, digest: '{SHA}', size: -1}}}}"),
                "expected a size in bytes, found -1",
            ),
            (
                format!(
                    "schema: 1\nimages: {{}}\nbundle: {{windlass: '1', platforms: [linux], components: [], blobs: {{x: 1, '{SHA}': -2}}}}"
                ),
                "l:3:37: expected a platform",
            ),
            ("a: &x 1".into(), "l:1:"),
            ("schema: 1\nimages: {}\n---\nschema: 1".into(), "l:3:1: a second document"),
            ("schema: 1\nimages: [".into(), "not valid YAML"),
        ] {
            let found = said(&text);
            assert!(found.iter().any(|one| one.contains(expected)), "{text}\n{expected}\n{found:#?}");
        }
        let long = format!("schema: 1\nimages: {{}}\n#{}", "x".repeat(usize::try_from(LOCK_LIMIT).unwrap()));
        assert_eq!(said(&long), ["l:1:1: larger than the limit of 16 MiB"]);
        let deep = format!("schema: {}1", "[".repeat(100_000));
        assert!(said(&deep)[0].contains("limit") || said(&deep)[0].contains("deep"), "{:?}", said(&deep));
    }

    fn digest() -> impl Strategy<Value = Digest> {
        any::<[u8; 4]>().prop_map(|bytes| Digest::of(&bytes))
    }

    /// Texts as people and charts have them, and those that YAML reads as something else.
    fn text() -> impl Strategy<Value = String> {
        let odd = [
            "yes",
            "~",
            "null",
            "1",
            "0x1",
            "1e3",
            "- a",
            "a: b",
            "#",
            "'",
            "\"",
            "{}",
            " a ",
            "2026-11-29",
            "*a",
            "!",
            "%",
            "é漢",
        ];
        prop_oneof![proptest::sample::select(odd.to_vec()).prop_map(str::to_owned), "[ -~]{1,40}", "[a-z]{1,8}"]
    }

    fn resolved() -> impl Strategy<Value = ResolvedImage> {
        let platform = "linux/(amd64|arm64|arm/v7|s390x)";
        let attached = (digest(), digest(), proptest::option::of(text()), proptest::option::of(text()))
            .prop_filter("itself", |(subject, digest, ..)| subject != digest)
            .prop_map(|(subject, digest, tag, artifact_type)| Attached { subject, digest, tag, artifact_type });
        let platforms = proptest::collection::btree_map(platform, digest(), 1..4);
        (digest(), text(), 0..u64::from(u32::MAX), platforms, proptest::collection::btree_set(attached, 0..3)).prop_map(
            |(digest, media_type, size, mut platforms, attached)| {
                let one = size % 2 == 0;
                if one {
                    platforms = platforms.into_iter().take(1).map(|(name, _)| (name, digest)).collect();
                }
                let mode = if one { LockMode::Manifest } else { LockMode::Index };
                ResolvedImage { digest, media_type, size, mode, platforms, attached }
            },
        )
    }

    fn files() -> impl Strategy<Value = LockedFiles> {
        (text(), digest(), proptest::option::of(0..1000_u64)).prop_map(|(from, digest, size)| LockedFiles {
            from,
            digest: digest.to_string(),
            size,
        })
    }

    fn lock() -> impl Strategy<Value = ImagesLock> {
        let uses =
            proptest::collection::btree_map((text(), text()), proptest::collection::btree_set(text(), 0..3), 1..4)
                .prop_map(|uses| {
                    let each = uses.into_iter();
                    each.map(|((component, at), profiles)| ImageUse { component, at, profiles }).collect()
                });
        let image =
            (proptest::option::of(resolved()), uses).prop_map(|(resolved, used_by)| LockedImage { resolved, used_by });
        let file = (digest(), 0..1000_u64).prop_map(|(digest, size)| LockedFile { digest, size });
        let platforms = proptest::collection::btree_map("linux/[a-z0-9]{1,5}", file, 0..3);
        let program = (text(), platforms).prop_map(|(version, platforms)| LockedProgram { version, platforms });
        let bundle = (
            text(),
            proptest::collection::btree_set("linux/[a-z0-9]{1,5}", 0..3),
            proptest::collection::btree_set(text(), 0..3),
            proptest::option::of(digest()),
            proptest::collection::btree_map(digest(), 0..1000_u64, 0..5),
        )
            .prop_map(|(windlass, platforms, components, base, blobs)| LockedBundle {
                windlass,
                platforms,
                components,
                base,
                blobs,
            });
        let name = "(docker|quay)\\.io/[a-z]{1,5}/[a-z]{1,5}:[a-z0-9]{1,5}";
        (
            proptest::collection::btree_map(name, image, 0..4),
            proptest::collection::btree_map(text(), text(), 0..2),
            proptest::collection::btree_map(text(), files(), 0..3),
            proptest::collection::btree_map(text(), files(), 0..3),
            proptest::collection::btree_map(text(), program, 0..2),
            proptest::option::of(bundle),
        )
            .prop_map(|(images, unpublished, charts, files, programs, bundle)| ImagesLock {
                schema: LOCK_SCHEMA,
                images,
                unpublished,
                charts,
                files,
                programs,
                bundle,
            })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn what_is_written_is_read_again(lock in lock()) {
            let text = lock.to_text().unwrap();
            let again = ImagesLock::parse("l", &text).map_err(|found| TestCaseError::fail(format!("{found}\n{text}")))?;
            prop_assert_eq!(&again, &lock);
            prop_assert_eq!(again.to_text().unwrap(), text);
        }

        /// Whatever the text is, there is an answer.
        #[test]
        fn any_text_is_answered(text in ".{0,200}", at in 0..400_usize, with in "[ -~\n]{0,3}") {
            let _ = ImagesLock::parse("l", &text);
            let mut lock = ImagesLock::default();
            lock.unpublished.insert("a.b".into(), "c".into());
            let mut written = lock.to_text().unwrap();
            let at = at.min(written.len());
            written.replace_range(at..(at + 1).min(written.len()), &with);
            let _ = ImagesLock::parse("l", &written);
        }
    }

    #[test]
    fn platforms_have_two_or_three_parts() {
        let good: BTreeMap<&str, bool> = [
            ("linux/amd64", true),
            ("linux/arm/v7", true),
            ("linux", false),
            ("", false),
            ("a/b/c/d", false),
            ("linux/ amd64", false),
            ("linux//v7", false),
        ]
        .into();
        for (text, expected) in good {
            assert_eq!(is_platform(text), expected, "{text}");
        }
    }
}
