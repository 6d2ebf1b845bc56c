//! Images that a chart renders and its component does not declare: nobody moves or pins them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::objects::pointer_text;
use super::types::UndeclaredImage;
use crate::answers::{DeclaredImage, Resolved};
use crate::model::ImageName;
use crate::model::cluster::ManifestObject;
use crate::preflight::render::Rendered;

/// Kinds whose texts are not images.
const NO_IMAGES: [&str; 4] = ["ConfigMap", "Secret", "CustomResourceDefinition", "NetworkPolicy"];

/// Lists of containers, wherever they stand.
const CONTAINERS: [&str; 3] = ["containers", "initContainers", "ephemeralContainers"];

/// Lists whose texts may name an image that is used at run time.
const TEXTS: [&str; 3] = ["env", "args", "command"];

/// How deep objects are searched.
const DEPTH: usize = 40;

/// All of them, each once with every object that has it.
pub(super) fn undeclared(wanted: &Resolved, rendered: &[Rendered]) -> Vec<UndeclaredImage> {
    let site = pointer_text(&wanted.answers, "/platform/registry").map(|text| text.trim_end_matches('/'));
    let mut found: BTreeMap<(String, String), UndeclaredImage> = BTreeMap::new();
    for one in rendered {
        let owner = wanted.components.iter().find_map(|component| {
            let release = component.release.as_ref()?;
            ((&release.namespace, &release.name) == (&one.key.namespace, &one.key.name)).then_some((component, release))
        });
        let Some((component, release)) = owner else { continue };
        let declared: Vec<&DeclaredImage> =
            wanted.images.iter().filter(|image| image.component == component.id).collect();
        for object in one.objects.iter().flatten().chain(&one.hooks) {
            for image in images(object, &declared) {
                let Ok(name) = ImageName::parse(&image) else { continue };
                // What the operator's own file of values says is what they want.
                let theirs = || release.values.gives(&image) || release.values.gives(&name.repository());
                if declared.iter().any(|declared| is_declared_as(&name, &declared.reference)) || theirs() {
                    continue;
                }
                let meant = declared.iter().find(|declared| is_version_of(&name, declared));
                let key = (component.id.clone(), image.clone());
                let entry = found.entry(key).or_insert_with(|| UndeclaredImage {
                    image: image.clone(),
                    component: component.id.clone(),
                    objects: Vec::new(),
                    meant: meant.map(|declared| (declared.name.clone(), declared.reference.clone())),
                    elsewhere: site.is_some_and(|site| !image.starts_with(&format!("{site}/"))),
                });
                if !entry.objects.contains(&object.object) {
                    entry.objects.push(object.object.clone());
                }
            }
        }
    }
    found.into_values().collect()
}

/// Whether a name means an image that is declared so: by the digest where both have one.
fn is_declared_as(name: &ImageName, declared: &str) -> bool {
    let Ok(declared) = ImageName::parse(declared) else { return false };
    let same_digest = name.digest.is_some() && name.digest == declared.digest;
    let same_path = (name.registry(), name.path()) == (declared.registry(), declared.path());
    (same_path && same_digest) || name.whole() == declared.whole()
}

/// Whether it is the same image but for registry and version.
fn is_version_of(name: &ImageName, declared: &DeclaredImage) -> bool {
    let pulled = ImageName::parse(&declared.reference).ok().map(|name| name.path());
    let published = declared.published.as_ref().map(ImageName::path);
    [pulled, published].into_iter().flatten().any(|path| path == name.path())
}

/// What an object pulls: the images of containers wherever they stand, texts called `image` of kinds that an operator
/// reads, and texts for run time that name a declared image.
fn images(object: &ManifestObject, declared: &[&DeclaredImage]) -> Vec<String> {
    let mut found = Vec::new();
    if !NO_IMAGES.contains(&object.object.kind.as_str()) {
        walk(&object.body, DEPTH, declared, &mut found);
    }
    found.sort();
    found.dedup();
    found
}

fn walk(value: &Value, depth: usize, declared: &[&DeclaredImage], found: &mut Vec<String>) {
    let Some(depth) = depth.checked_sub(1) else { return };
    match value {
        Value::Object(map) => {
            for (name, inner) in map {
                match (name.as_str(), inner) {
                    ("metadata" | "status", _) => {}
                    ("image", Value::String(text)) if !text.is_empty() => found.push(text.clone()),
                    (name, Value::Array(items)) if TEXTS.contains(&name) => {
                        let texts = items.iter().filter_map(|item| item.as_str().or_else(|| item["value"].as_str()));
                        found.extend(texts.filter_map(|text| of_run_time(text, declared)));
                    }
                    (name, Value::Array(items)) if CONTAINERS.contains(&name) => {
                        items.iter().for_each(|item| walk(item, depth, declared, found));
                    }
                    (_, inner) => walk(inner, depth, declared, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| walk(item, depth, declared, found)),
        _ => {}
    }
}

/// The image that a text for run time names, such as `--image=apache/spark:3.5.6`, if it is a declared one in some version.
fn of_run_time(text: &str, declared: &[&DeclaredImage]) -> Option<String> {
    let text = text.trim();
    let after = text.rsplit_once('=').map_or(text, |(_, after)| after);
    let name = ImageName::parse(after).ok()?;
    let has_version = name.tag.is_some() || name.digest.is_some();
    (has_version && declared.iter().any(|declared| is_version_of(&name, declared))).then(|| after.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::cluster::ObjectRef;

    fn declared() -> DeclaredImage {
        let published = ImageName::parse("docker.io/apache/spark:3.5.6").unwrap();
        DeclaredImage {
            component: "a".to_owned(),
            name: "spark".to_owned(),
            reference: "r.site:5000/apache/spark:3.5.6".to_owned(),
            published: Some(published),
        }
    }

    #[test]
    fn images_are_found_wherever_something_pulls_them() {
        let body = json!({"metadata": {"annotations": {"image": "no/picture"}}, "spec": {
            "initContainers": [{"image": "init:1"}], "ephemeralContainers": [{"image": "late:1"}],
            "containers": [{"image": "main:1", "env": [
                {"name": "IMAGE", "value": "apache/spark:3.5.5"}, {"name": "HOME", "value": "/opt/spark"},
                {"name": "NAME", "value": "apache/spark"}, {"name": "FROM", "valueFrom": {}},
            ], "args": ["--image=docker.io/apache/spark:3.5.6", "--image=other/thing:1"]}],
            "deep": {"kafka": {"image": "operator/reads:1", "spec": {"containers": [{"image": "template:1"}]}}},
        }});
        let object = ManifestObject { object: ObjectRef::namespaced("x/v1", "Kafka", "ns", "a"), body: body.clone() };
        let expected = [
            "apache/spark:3.5.5",
            "docker.io/apache/spark:3.5.6",
            "init:1",
            "late:1",
            "main:1",
            "operator/reads:1",
            "template:1",
        ];
        assert_eq!(images(&object, &[&declared()]), expected);
        let object = ManifestObject { object: ObjectRef::namespaced("v1", "ConfigMap", "ns", "a"), body };
        assert!(images(&object, &[&declared()]).is_empty());
    }

    #[test]
    fn a_digest_identifies_an_image_whatever_its_tag() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let name = |text: &str| ImageName::parse(text).unwrap();
        assert!(is_declared_as(&name(&format!("r/x@{digest}")), &format!("r/x:1@{digest}")));
        assert!(!is_declared_as(&name(&format!("r/y@{digest}")), &format!("r/x:1@{digest}")));
        assert!(
            is_declared_as(&name("busybox:1"), "docker.io/library/busybox:1")
                && !is_declared_as(&name("busybox:1"), "busybox:2")
        );
    }
}
