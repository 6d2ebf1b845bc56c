//! Rendered manifests as objects.
//!
//! Helm keeps and prints YAML only, and hands it to the API through Go's parser: what that accepts is accepted here.
//! What cannot be read is reported by name and skipped, so that one object does not block all others.

use serde_json::Value;

use crate::model::cluster::{ManifestObject, ObjectRef, UnreadableObject};
use crate::model::yaml::{HelmDocument, helm_documents};

/// Built-in kinds that belong to no namespace; of others only the cluster's discovery knows.
const CLUSTER_WIDE: &[&str] = &[
    "APIService",
    "CSIDriver",
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "IngressClass",
    "MutatingWebhookConfiguration",
    "Namespace",
    "Node",
    "PersistentVolume",
    "PriorityClass",
    "RuntimeClass",
    "StorageClass",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "ValidatingWebhookConfiguration",
];

/// Lists within lists go no deeper than this.
const LISTS: usize = 8;

/// What a rendered text holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Manifest {
    /// The objects, in the order of the text.
    pub objects: Vec<ManifestObject>,
    /// What is in it, too, and cannot be read.
    pub unread: Vec<UnreadableObject>,
}

/// Reads rendered YAML: what `helm template` prints, what a release's record holds. Objects without a namespace get
/// `namespace`, if their kind has one. Lists are taken apart, empty documents skipped.
#[must_use]
pub fn parse_manifest(text: &str, namespace: &str) -> Manifest {
    let mut found = Manifest::default();
    for document in helm_documents(text) {
        let what = if document.value.is_err() { guess(&document) } else { String::new() };
        match document.value {
            Ok(body) => collect(body, document.line, namespace, LISTS, &mut found),
            Err(error) => found.unread.push(UnreadableObject { what, line: error.line, problem: error.problem }),
        }
    }
    found
}

fn collect(mut body: Value, line: usize, namespace: &str, lists: usize, found: &mut Manifest) {
    if body.is_null() {
        return;
    }
    let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
    let (api_version, kind, name) = (text("/apiVersion"), text("/kind"), text("/metadata/name"));
    if let (Some(_), Some(kind)) = (api_version, kind)
        && kind.ends_with("List")
        && lists > 0
        && body.get("items").is_some_and(Value::is_array)
    {
        if let Some(Value::Array(items)) = body.get_mut("items").map(Value::take) {
            items.into_iter().for_each(|item| collect(item, line, namespace, lists - 1, found));
        }
        return;
    }
    let (Some(api_version), Some(kind), Some(name)) = (api_version, kind, name) else {
        let missing = [("apiVersion", api_version), ("kind", kind), ("metadata.name", name)];
        let missing: Vec<&str> = missing.iter().filter(|(_, found)| found.is_none()).map(|(what, _)| *what).collect();
        let what = match (kind, name.or(text("/metadata/generateName"))) {
            (Some(kind), Some(name)) => format!("{kind} {name}"),
            (Some(kind), None) => kind.to_owned(),
            _ => "an object".to_owned(),
        };
        let problem = format!("{} is missing", missing.join(", "));
        found.unread.push(UnreadableObject { what, line, problem });
        return;
    };
    let place = text("/metadata/namespace").unwrap_or(namespace);
    let namespace = (!CLUSTER_WIDE.contains(&kind)).then(|| place.to_owned());
    let object =
        ObjectRef { api_version: api_version.to_owned(), kind: kind.to_owned(), namespace, name: name.to_owned() };
    found.objects.push(ManifestObject { object, body });
}

/// What a text that cannot be read seems to be: by its lines, or by the template that Helm says it is from.
fn guess(document: &HelmDocument<'_>) -> String {
    let value = |prefix: &str| {
        let mut lines = document.text.lines();
        let value = lines.find_map(|line| line.strip_prefix(prefix)).map(|rest| rest.trim().trim_matches(['"', '\'']));
        value.filter(|value| !value.is_empty())
    };
    let mut metadata = document.text.lines().skip_while(|line| !line.starts_with("metadata:")).skip(1);
    let name = metadata
        .by_ref()
        .take_while(|line| line.starts_with([' ', '#']) || line.trim().is_empty())
        .find_map(|line| line.trim_start().strip_prefix("name:"))
        .map(|name| name.trim().trim_matches(['"', '\'']));
    match (value("kind:"), name, value("# Source: ")) {
        (Some(kind), Some(name), _) => format!("{kind} {name}"),
        (Some(kind), None, Some(source)) => format!("{kind} of {source}"),
        (_, _, Some(source)) => format!("an object of {source}"),
        (Some(kind), None, None) => kind.to_owned(),
        _ => "an object".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_with_their_places() {
        let text = r"
---
# Source: x/templates/empty.yaml
---
# Source: x/templates/a.yaml
apiVersion: v1
kind: Service
metadata: {name: a}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: b, namespace: ignored}
---
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Secret, metadata: {name: c, namespace: other}}
";
        let found = parse_manifest(text, "ns");
        let refs: Vec<String> = found.objects.iter().map(|object| object.object.to_string()).collect();
        assert_eq!(refs, ["Service ns/a", "ClusterRole b", "Secret other/c"]);
        assert!(found.unread.is_empty());
        assert!(!format!("{found:?}").contains("metadata"), "bodies are not for logs");
        assert_eq!(parse_manifest("", "ns"), Manifest::default());
    }

    /// Go writes a float without a fraction as a whole number.
    fn as_floats(value: &Value) -> Value {
        match value {
            Value::Number(number) => number.as_f64().into(),
            Value::Array(items) => items.iter().map(as_floats).collect(),
            Value::Object(fields) => {
                Value::Object(fields.iter().map(|(name, value)| (name.clone(), as_floats(value))).collect())
            }
            other => other.clone(),
        }
    }

    /// `tests/corpus/manifests`: the styles of public charts, and what Go's sigs.k8s.io/yaml (which Helm and kubectl
    /// read with) makes of each document.
    #[test]
    fn manifests_are_read_as_helm_reads_them() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/manifests");
        let mut seen = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|suffix| suffix != "yaml") {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let expected: Value =
                serde_json::from_str(&std::fs::read_to_string(path.with_extension("json")).unwrap()).unwrap();
            let found = helm_documents(&text).into_iter().map(|one| one.value.unwrap()).filter(|one| !one.is_null());
            let found = Value::Array(found.collect());
            assert_eq!(as_floats(&found), as_floats(&expected), "{}", path.display());
            assert_eq!(parse_manifest(&text, "ns").unread, [], "{}", path.display());
            seen += 1;
        }
        assert!(seen >= 9, "{seen}");
    }

    #[test]
    fn what_cannot_be_read_is_named_and_the_rest_is_there() {
        let text = r#"
---
# Source: x/templates/a.yaml
apiVersion: v1
kind: ConfigMap
metadata:
  labels: {name: no}
  name: "broken"
data:
  a: [
---
apiVersion: batch/v1
kind: Job
metadata: {generateName: j-}
---
# Source: x/templates/notes.yaml
{ just text
---
hello
---
apiVersion: v1
kind: Service
metadata: {name: a}
"#;
        let found = parse_manifest(text, "ns");
        let refs: Vec<String> = found.objects.iter().map(|object| object.object.to_string()).collect();
        assert_eq!(refs, ["Service ns/a"]);
        let what: Vec<&str> = found.unread.iter().map(|one| one.what.as_str()).collect();
        assert_eq!(what, ["ConfigMap broken", "Job j-", "an object of x/templates/notes.yaml", "an object"]);
        let message = found.unread[0].to_string();
        assert!(message.starts_with("ConfigMap broken cannot be read (line "), "{message}");
        assert!(!message.contains("at line"), "{message}");
        assert!((10..=11).contains(&found.unread[0].line), "{message}");
        assert_eq!(found.unread[1].problem, "metadata.name is missing");
    }
}
