//! Where a release keeps data, and what would be deleted with it: read from what it rendered. No I/O.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::cluster::{ManifestObject, ObjectRef};

/// Helm leaves an object with this annotation when it uninstalls.
const POLICY: &str = "/metadata/annotations/helm.sh~1resource-policy";

/// Folders of a node that hold no data of components.
const SYSTEM_FOLDERS: [&str; 5] = ["/dev", "/proc", "/sys", "/run", "/var/run"];

/// Where the data of a component is. Claims are namespace and name.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DataPlaces {
    /// Claims that its charts make by their names.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub claims: BTreeSet<(String, String)>,
    /// Claims that StatefulSets make of their templates, without the number that each ends with: a set that was made
    /// smaller leaves those behind that it does not use.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub series: BTreeSet<(String, String)>,
    /// Definitions of kinds from `crds/`: the objects of those kinds go with them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub crds: BTreeSet<String>,
    /// Folders of nodes that its pods write to.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub folders: BTreeSet<String>,
}

impl DataPlaces {
    /// What these objects keep.
    #[must_use]
    pub fn of(objects: &[ManifestObject]) -> Self {
        let mut found = Self::default();
        for ManifestObject { object, body } in objects {
            let namespace = object.namespace.clone().unwrap_or_default();
            match object.kind.as_str() {
                "PersistentVolumeClaim" => drop(found.claims.insert((namespace, object.name.clone()))),
                "PersistentVolume" => {
                    let paths = ["/spec/hostPath/path", "/spec/local/path"].map(|path| body.pointer(path));
                    found.folders.extend(paths.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned));
                }
                kind if kind.ends_with("StatefulSet") => {
                    let templates = body.pointer("/spec/volumeClaimTemplates").and_then(Value::as_array);
                    let names =
                        templates.into_iter().flatten().filter_map(|template| template["metadata"]["name"].as_str());
                    found.series.extend(names.map(|name| (namespace.clone(), format!("{name}-{}", object.name))));
                }
                _ => {}
            }
            found.folders.extend(pod(body).into_iter().flat_map(folders));
        }
        found
    }

    /// Whether a claim is one of these.
    #[must_use]
    pub fn holds(&self, (namespace, name): &(String, String)) -> bool {
        let numbered = || {
            let (set, number) = name.rsplit_once('-')?;
            let canonical = number.parse::<u32>().ok()?.to_string() == number;
            canonical.then(|| self.series.contains(&(namespace.clone(), set.to_owned())))
        };
        self.claims.contains(&(namespace.clone(), name.clone())) || numbered() == Some(true)
    }

    /// Takes in others.
    pub fn extend(&mut self, other: &Self) {
        self.claims.extend(other.claims.iter().cloned());
        self.series.extend(other.series.iter().cloned());
        self.crds.extend(other.crds.iter().cloned());
        self.folders.extend(other.folders.iter().cloned());
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The namespaces of the claims.
    pub fn namespaces(&self) -> impl Iterator<Item = &String> {
        self.claims.iter().chain(&self.series).map(|(namespace, _)| namespace)
    }

    /// For people: each place in a few words.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        let claims = self.claims.iter().map(|(namespace, name)| format!("claim {namespace}/{name}"));
        let series = self.series.iter().map(|(namespace, name)| format!("claims {namespace}/{name}-*"));
        let folders = self.folders.iter().map(|folder| format!("folder {folder} of the nodes"));
        claims.chain(series).chain(folders).collect()
    }
}

/// What `helm uninstall` would delete although it holds more than itself: claims and volumes with their data, kinds and
/// namespaces with all that others made of or in them, and StatefulSets that delete their claims with them.
#[must_use]
pub fn taken_along(objects: &[ManifestObject]) -> Vec<ObjectRef> {
    let taken = objects.iter().filter(|ManifestObject { object, body }| match object.kind.as_str() {
        "PersistentVolumeClaim" | "PersistentVolume" | "CustomResourceDefinition" | "Namespace" => !is_kept(body),
        "StatefulSet" => {
            let policy = body.pointer("/spec/persistentVolumeClaimRetentionPolicy/whenDeleted");
            !is_kept(body) && policy.and_then(Value::as_str) == Some("Delete")
        }
        _ => false,
    });
    taken.map(|taken| taken.object.clone()).collect()
}

/// Objects of kinds that are not Kubernetes' own, without those that Helm leaves.
#[must_use]
pub fn custom_objects(objects: &[ManifestObject]) -> Vec<ObjectRef> {
    let found = objects.iter().filter(|ManifestObject { object, body }| {
        let group = object.api_version.split_once('/').map_or("", |(group, _)| group);
        group.contains('.') && !group.ends_with(".k8s.io") && !is_kept(body)
    });
    found.map(|found| found.object.clone()).collect()
}

fn is_kept(body: &Value) -> bool {
    body.pointer(POLICY).and_then(Value::as_str).is_some_and(|policy| policy.trim().eq_ignore_ascii_case("keep"))
}

/// Makes Helm leave an object when it uninstalls.
pub fn keep(body: &mut Value) {
    let Some(object) = body.as_object_mut() else { return };
    let metadata = object.entry("metadata").or_insert_with(|| serde_json::json!({}));
    if !metadata["annotations"].is_object() {
        metadata["annotations"] = serde_json::json!({});
    }
    metadata["annotations"]["helm.sh/resource-policy"] = "keep".into();
}

/// The pod that an object makes.
fn pod(body: &Value) -> Option<&Value> {
    let paths = ["/spec/jobTemplate/spec/template/spec", "/spec/template/spec"];
    let made = paths.iter().find_map(|path| body.pointer(path));
    made.or_else(|| body.get("spec").filter(|_| body["kind"] == "Pod"))
}

/// The folders of its node that a pod may write to.
fn folders(pod: &Value) -> Vec<String> {
    let list = |name: &str| pod[name].as_array().into_iter().flatten();
    let written: BTreeSet<&str> = list("containers")
        .chain(list("initContainers"))
        .flat_map(|container| container["volumeMounts"].as_array().into_iter().flatten())
        .filter(|mount| mount["readOnly"] != true)
        .filter_map(|mount| mount["name"].as_str())
        .collect();
    let system =
        |path: &str| SYSTEM_FOLDERS.iter().any(|system| path == *system || path.starts_with(&format!("{system}/")));
    list("volumes")
        .filter(|volume| volume["name"].as_str().is_some_and(|name| written.contains(name)))
        .filter_map(|volume| volume.pointer("/hostPath/path").and_then(Value::as_str))
        .filter(|path| !system(path))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(kind: &str, name: &str, body: Value) -> ManifestObject {
        let object = match kind {
            "CustomResourceDefinition" | "Namespace" => ObjectRef::cluster_wide("v1", kind, name),
            _ => ObjectRef::namespaced("v1", kind, "ns", name),
        };
        ManifestObject { object, body }
    }

    fn claim(namespace: &str, name: &str) -> (String, String) {
        (namespace.to_owned(), name.to_owned())
    }

    #[test]
    fn claims_are_derived_from_names_templates_and_folders() {
        let set = json!({"spec": {
            "volumeClaimTemplates": [{"metadata": {"name": "data"}}, {"metadata": {"name": "log"}}],
            "template": {"spec": {
                "containers": [{"volumeMounts": [{"name": "h"}, {"name": "s"}, {"name": "r", "readOnly": true}]}],
                "volumes": [
                    {"name": "h", "hostPath": {"path": "/hdfs-data"}},
                    {"name": "s", "hostPath": {"path": "/sys/fs"}},
                    {"name": "r", "hostPath": {"path": "/etc"}},
                ],
            }},
        }});
        let found =
            DataPlaces::of(&[object("StatefulSet", "db", set), object("PersistentVolumeClaim", "own", json!({}))]);
        for (name, held) in [
            ("data-db-0", true),
            ("data-db-17", true),
            ("log-db-3", true),
            ("own", true),
            ("data-db-01", false),
            ("data-db-x", false),
            ("data-db2-0", false),
            ("data-db-0-0", false),
            ("own-0", false),
        ] {
            assert_eq!(found.holds(&claim("ns", name)), held, "{name}");
            assert!(!found.holds(&claim("other", name)), "{name} of another namespace");
        }
        assert_eq!(found.folders, ["/hdfs-data".to_owned()].into());
    }

    #[test]
    fn what_helm_would_take_along_is_found() {
        let kept = json!({"metadata": {"annotations": {"helm.sh/resource-policy": " Keep"}}});
        let deletes = json!({"spec": {"persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete"}}});
        let objects = [
            object("PersistentVolumeClaim", "goes", json!({"metadata": {}})),
            object("PersistentVolumeClaim", "stays", kept),
            object("CustomResourceDefinition", "things.x", json!({})),
            object("Namespace", "made", json!({})),
            object("StatefulSet", "db", deletes),
            object("StatefulSet", "other", json!({"spec": {}})),
        ];
        let names: Vec<String> = taken_along(&objects).into_iter().map(|object| object.name).collect();
        assert_eq!(names, ["goes", "things.x", "made", "db"]);
        let mut body = objects[0].body.clone();
        keep(&mut body);
        assert!(taken_along(&[object("PersistentVolumeClaim", "goes", body)]).is_empty());
    }
}
