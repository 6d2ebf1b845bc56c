//! Images in what a chart renders: containers of every kind, pod templates in ConfigMaps, settings, environment, arguments,
//! and the fields of custom resources.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value};

pub use super::texts::KnownRepositories;
use super::texts::{in_text, names_image, versioned};
use crate::model::ImageName;
use crate::model::cluster::ManifestObject;
use crate::model::yaml::helm_documents;

/// An image and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundImage {
    /// The image.
    pub image: ImageName,
    /// Object and place in it: `StatefulSet/hdfs-namenode container namenode`.
    pub at: String,
}

/// A container whose image cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableImage {
    /// Object and place in it.
    pub at: String,
    /// What is wrong.
    pub why: String,
}

/// How deep objects are looked into.
const DEPTH: usize = 48;

/// How often a text in a text is taken apart: a pod template in a ConfigMap, and what is in that.
const NESTED: usize = 3;

/// The most bytes of a text that is looked through: a ConfigMap holds no more.
const TEXT: usize = 1 << 20;

/// Lists of containers, and what one of them is called.
const CONTAINERS: [(&str, &str); 3] =
    [("containers", "container"), ("initContainers", "init container"), ("ephemeralContainers", "ephemeral container")];

/// Keys on the way to a pod that say nothing of the place.
const OMITTED_KEYS: [&str; 3] = ["spec", "template", "jobTemplate"];

/// Keys under which texts stand for programs, and lists of them for arguments.
const ARGUMENTS: [&str; 2] = ["args", "command"];

/// All images of an object, and what stands in an image's place and is not one.
#[must_use]
pub fn images_in(object: &ManifestObject, known: &KnownRepositories) -> (Vec<FoundImage>, Vec<UnreadableImage>) {
    let kind = object.object.kind.as_str();
    let mut walk = Walk {
        known,
        object: format!("{kind}/{}", object.object.name),
        // Their schemas speak of images and have none.
        only_known: matches!(kind, "CustomResourceDefinition" | "NetworkPolicy"),
        found: Vec::new(),
        unreadable: Vec::new(),
    };
    match kind {
        "ConfigMap" => walk.data(&object.body, "data", false),
        "Secret" => {
            walk.data(&object.body, "data", true);
            walk.data(&object.body, "stringData", false);
        }
        _ => walk.value(&object.body, &Place::default(), DEPTH),
    }
    let Walk { mut found, mut unreadable, .. } = walk;
    found.sort_by(|a, b| (&a.at, a.image.whole()).cmp(&(&b.at, b.image.whole())));
    found.dedup();
    unreadable.dedup();
    (found, unreadable)
}

/// Where we are in an object.
#[derive(Debug, Clone, Default)]
struct Place {
    /// Before it: a key of a ConfigMap, a container.
    head: Vec<String>,
    /// The keys since.
    keys: Vec<String>,
    /// How many texts we are within.
    nested: usize,
}

impl Place {
    fn below(&self, key: &str) -> Self {
        let mut below = self.clone();
        below.keys.push(key.to_owned());
        below
    }

    /// At something that has a name; keys that only lead there are omitted.
    fn named(&self, what: &str) -> Self {
        let mut named = self.clone();
        let keys: Vec<String> = named
            .keys
            .drain(..)
            .filter(|key| !OMITTED_KEYS.contains(&key.as_str()) && key.parse::<usize>().is_err())
            .collect();
        if !keys.is_empty() {
            named.head.push(keys.join("."));
        }
        named.head.push(what.to_owned());
        named
    }

    fn describe(&self) -> String {
        let keys = (!self.keys.is_empty()).then(|| self.keys.join("."));
        self.head.iter().cloned().chain(keys).collect::<Vec<_>>().join(" ")
    }
}

struct Walk<'a> {
    known: &'a KnownRepositories,
    object: String,
    only_known: bool,
    found: Vec<FoundImage>,
    unreadable: Vec<UnreadableImage>,
}

impl Walk<'_> {
    fn at(&self, place: &Place) -> String {
        // Keys may hold anything, and this goes into a file and to a terminal.
        let text: String =
            format!("{} {}", self.object, place.describe()).chars().filter(|c| !c.is_control()).take(300).collect();
        text.trim_end().to_owned()
    }

    fn add(&mut self, image: ImageName, place: &Place) {
        let at = self.at(place);
        self.found.push(FoundImage { image, at });
    }

    /// The texts of a ConfigMap or Secret. What is in a Secret is looked at, and only images of it are kept.
    fn data(&mut self, body: &Value, field: &str, encoded: bool) {
        for (key, value) in body.get(field).and_then(Value::as_object).into_iter().flatten() {
            let Some(text) = value.as_str() else { continue };
            let place = Place::default().named(&format!("data.{key}"));
            match encoded {
                false => self.text(key, text, &place),
                true => {
                    let bytes = BASE64.decode(text.trim()).ok();
                    if let Some(text) = bytes.and_then(|bytes| String::from_utf8(bytes).ok()) {
                        self.text(key, &text, &place);
                    }
                }
            }
        }
    }

    /// A text that may be YAML, settings, or a script.
    fn text(&mut self, key: &str, text: &str, place: &Place) {
        if text.len() > TEXT {
            return;
        }
        if let Some(name) = versioned(text).filter(|_| names_image(key)) {
            self.add(name, place);
            return;
        }
        if place.nested < NESTED && (text.contains("image") || text.contains("Image")) && text.contains(':') {
            let mut inner = place.clone();
            inner.nested += 1;
            let mut structured = false;
            for document in helm_documents(text) {
                // Settings are YAML too, all of them one text.
                if let Ok(body @ (Value::Object(_) | Value::Array(_))) = document.value {
                    structured = true;
                    self.value(&body, &inner, DEPTH);
                }
            }
            if structured {
                return;
            }
        }
        for (key, image) in in_text(text, self.known) {
            let place = key.map_or_else(|| place.clone(), |key| place.named(&key));
            self.add(image, &place);
        }
    }

    fn value(&mut self, value: &Value, place: &Place, depth: usize) {
        let Some(depth) = depth.checked_sub(1) else { return };
        match value {
            Value::Object(map) => self.object(map, place, depth),
            Value::Array(items) => {
                for (at, item) in items.iter().enumerate() {
                    self.value(item, &place.below(&at.to_string()), depth);
                }
            }
            Value::String(text) => {
                let key = place.keys.last().cloned().unwrap_or_default();
                self.plain(&key, text, place);
            }
            _ => {}
        }
    }

    fn object(&mut self, map: &Map<String, Value>, place: &Place, depth: usize) {
        // A variable of an environment, or whatever else is written so.
        if let (Some(Value::String(name)), Some(Value::String(value))) = (map.get("name"), map.get("value")) {
            self.plain(name, value, &place.named(name));
        }
        for (key, inner) in map {
            let below = place.below(key);
            match inner {
                _ if key == "status" => {}
                Value::Array(items) => match CONTAINERS.iter().find(|(list, _)| list == key) {
                    Some((_, what)) => items.iter().for_each(|item| self.container(item, what, place, depth)),
                    None if ARGUMENTS.contains(&key.as_str()) => self.arguments(items, &below),
                    None => self.value(inner, &below, depth),
                },
                Value::Object(parts) if !self.only_known && names_image(key) => match in_parts(parts) {
                    Some(image) => self.add(image, &below),
                    None => self.value(inner, &below, depth),
                },
                // That was the variable above.
                Value::String(_) if key == "value" && map.get("name").is_some_and(Value::is_string) => {}
                _ => self.value(inner, &below, depth),
            }
        }
    }

    fn container(&mut self, item: &Value, what: &str, place: &Place, depth: usize) {
        let name = item["name"].as_str().unwrap_or("without a name");
        let place = place.named(&format!("{what} {name}"));
        let Some(map) = item.as_object() else { return };
        let mut rest = map.clone();
        if !self.only_known
            && let Some(Value::String(text)) = map.get("image")
        {
            rest.remove("image");
            match ImageName::parse(text) {
                Ok(image) => self.add(image, &place),
                // What others put in, such as a sidecar's injector, has none here; Kubernetes refuses an empty one.
                Err(_) if text.is_empty() => {}
                Err(why) => {
                    let at = self.at(&place);
                    self.unreadable.push(UnreadableImage { at, why: format!("`{text}` is not an image name: {why}") });
                }
            }
        }
        self.object(&rest, &place, depth);
    }

    fn arguments(&mut self, items: &[Value], place: &Place) {
        let mut before = "";
        for item in items {
            let text = item.as_str().unwrap_or_default();
            match versioned(text).filter(|_| names_image(before)) {
                Some(image) => self.add(image, &place.named(before)),
                None => self.plain("", text, place),
            }
            before = text;
        }
    }

    /// A text that is no container's image.
    fn plain(&mut self, key: &str, text: &str, place: &Place) {
        if !self.only_known && names_image(key) {
            // Elsewhere than in a container a name alone may be that of a picture.
            if let Some(name) = ImageName::parse(text)
                .ok()
                .filter(|name| name.names_registry() || name.tag.is_some() || name.digest.is_some())
            {
                self.add(name, place);
                return;
            }
        }
        match self.only_known {
            true => {
                for (_, image) in in_text(text, self.known).into_iter().filter(|(key, _)| key.is_none()) {
                    self.add(image, place);
                }
            }
            false => self.text(key, text, place),
        }
    }
}

/// An image whose parts are written apart, as operators and values have it.
fn in_parts(parts: &Map<String, Value>) -> Option<ImageName> {
    let text = |key: &str| parts.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    if let Some(reference) = text("reference") {
        return versioned(reference);
    }
    let repository = text("repository").or_else(|| text("name"))?;
    let registry = text("registry").map(|registry| format!("{}/", registry.trim_end_matches('/'))).unwrap_or_default();
    let tag = text("tag").map(|tag| format!(":{tag}")).unwrap_or_default();
    let digest = text("digest").map(|digest| format!("@{digest}")).unwrap_or_default();
    versioned(&format!("{registry}{repository}{tag}{digest}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::cluster::ObjectRef;

    fn found(kind: &str, body: Value) -> Vec<String> {
        let known = [ImageName::parse("docker.io/apache/spark:3.5.6").unwrap()];
        let object = ManifestObject { object: ObjectRef::namespaced("x/v1", kind, "ns", "a"), body };
        let (found, unreadable) = images_in(&object, &KnownRepositories::new(&known));
        let unreadable = unreadable.into_iter().map(|one| format!("{}: {}", one.at, one.why));
        found.into_iter().map(|one| format!("{}: {}", one.at, one.image)).chain(unreadable).collect()
    }

    #[test]
    fn pods_of_every_kind() {
        let pod = json!({
            "initContainers": [{"name": "i", "image": "init:1"}],
            "containers": [{"name": "c", "image": "main"}, {"name": "d", "image": "re gistry/x"}, {"name": "e", "image": ""}],
            "ephemeralContainers": [{"name": "e", "image": "late:1"}],
            "volumes": [{"name": "v", "image": {"reference": "quay.io/volume/x:1", "pullPolicy": "Always"}}],
        });
        let expected = |kind: &str| {
            [
                format!("{kind}/a container c: main"),
                format!("{kind}/a ephemeral container e: late:1"),
                format!("{kind}/a init container i: init:1"),
            ]
        };
        for (kind, body) in [
            ("Pod", json!({"spec": pod})),
            ("StatefulSet", json!({"spec": {"template": {"spec": pod}}})),
            ("CronJob", json!({"spec": {"jobTemplate": {"spec": {"template": {"spec": pod}}}}})),
        ] {
            let found = found(kind, body);
            assert_eq!(found[..3], expected(kind), "{found:#?}");
            assert!(found[3].ends_with("volumes.0.image: quay.io/volume/x:1"), "{found:#?}");
            assert!(found[4].starts_with(&format!("{kind}/a container d: `re gistry/x` is not an image name")));
            assert_eq!(found.len(), 5);
        }
    }

    #[test]
    fn environment_arguments_and_probes() {
        let container = json!({"name": "c", "image": "main:1", "env": [
            {"name": "SPARK_IMAGE", "value": "other/spark:2"}, {"name": "X", "value": "apache/spark:3.5.5"},
            {"name": "IMAGE_PULL_POLICY", "value": "a/b:1"}, {"name": "IMAGE", "valueFrom": {}}, {"name": "HOME", "value": "/x:y"},
        ], "args": ["--image", "a/arg:1", "--conf", "spark.kubernetes.container.image=b/conf:1", "--port", "c/d:80"],
           "command": ["sh", "-c", "submit --image=c/script:1\n# --image=d/no:1\n"]});
        let expected = [
            "Job/a container c: main:1",
            "Job/a container c args --image: a/arg:1",
            "Job/a container c args spark.kubernetes.container.image: b/conf:1",
            "Job/a container c command --image: c/script:1",
            "Job/a container c env SPARK_IMAGE: other/spark:2",
            "Job/a container c env X: apache/spark:3.5.5",
        ];
        let found = found("Job", json!({"spec": {"template": {"spec": {"containers": [container]}}}}));
        assert_eq!(found, expected);
    }

    #[test]
    fn config_maps_and_secrets_are_looked_through() {
        let pod = "apiVersion: v1\nkind: Pod\nspec:\n  # image: no/comment:1\n  containers:\n  - {name: executor, image: \"a/b:1\"}\n";
        let conf = "spark.master k8s\nspark.kubernetes.container.image  c/d:1\nspark.kubernetes.container.image.pullPolicy Always\n";
        let nested = json!({"pod": pod}).to_string();
        let data = json!({"pod.yaml": pod, "spark-defaults.conf": conf, "run.sh": "exec x apache/spark:3.5.5", "sparkImage": "e/f:1",
            "nested.json": nested, "note": "the image is good: a/b"});
        let expected = [
            "ConfigMap/a data.nested.json pod container executor: a/b:1",
            "ConfigMap/a data.pod.yaml container executor: a/b:1",
            "ConfigMap/a data.run.sh: apache/spark:3.5.5",
            "ConfigMap/a data.spark-defaults.conf spark.kubernetes.container.image: c/d:1",
            "ConfigMap/a data.sparkImage: e/f:1",
        ];
        assert_eq!(found("ConfigMap", json!({"data": data})), expected);
        let secret = json!({"data": {"conf": BASE64.encode(conf), "key": BASE64.encode([0xff, 0xfe])}, "stringData": {"image": "g/h:1"}});
        let expected = ["Secret/a data.conf spark.kubernetes.container.image: c/d:1", "Secret/a data.image: g/h:1"];
        assert_eq!(found("Secret", secret), expected);
    }

    #[test]
    fn custom_resources_have_images_in_their_own_places() {
        let body = json!({"metadata": {"annotations": {"sidecar.istio.io/proxyImage": "istio/proxy:1"}},
            "spec": {"kafka": {"image": "operator/reads:1", "spec": {"containers": [{"name": "x", "image": "template:1"}]}},
                "image": {"registry": "quay.io", "repository": "a/parts", "tag": "2"}, "logo": {"image": "logo.png"}, "when": "10:30"},
            "status": {"image": "not/this:1"}});
        let expected = [
            "Kafka/a kafka container x: template:1",
            "Kafka/a metadata.annotations.sidecar.istio.io/proxyImage: istio/proxy:1",
            "Kafka/a spec.image: quay.io/a/parts:2",
            "Kafka/a spec.kafka.image: operator/reads:1",
        ];
        // The key of an annotation has a slash before its name.
        let found = found("Kafka", body);
        assert_eq!(found, expected);
        let crd = json!({"spec": {"description": "image: a/b:1", "default": "apache/spark:3.5.6"}});
        let crd = super::tests::found("CustomResourceDefinition", crd);
        assert_eq!(crd, ["CustomResourceDefinition/a spec.default: apache/spark:3.5.6"]);
    }

    proptest::proptest! {
        /// Whatever stands in an object, there is an answer.
        #[test]
        fn any_text_is_walked(key in "[ -~]{0,12}", text in ".{0,80}", image in "[a-z0-9:/@.]{0,30}") {
            let data = json!({"data": {key.as_str(): text.as_str(), "c": format!("image: {image}\n{text}"), "d": format!("{text} --image={image}")}});
            for kind in ["ConfigMap", "Secret", "X", "CustomResourceDefinition"] {
                found(kind, data.clone());
            }
            found("Pod", json!({"spec": {"containers": [{"name": key.as_str(), "image": image.as_str(), "args": [text.as_str(), image.as_str()]}]}}));
        }
    }

    #[test]
    fn nothing_is_walked_without_end() {
        let mut deep = json!({"image": "a/b:1"});
        for _ in 0..200 {
            deep = json!({"x": deep});
        }
        assert!(found("X", deep).is_empty());
        let huge = format!("image: a/b:1\n{}", "x".repeat(TEXT));
        assert!(found("ConfigMap", json!({"data": {"a": huge}})).is_empty());
    }
}
