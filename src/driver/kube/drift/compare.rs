//! Whether a live object has every field that its manifest sets. Pure.

use serde_json::{Map, Value};

use super::quantity;
use crate::model::IgnoredPaths;
use crate::model::cluster::FieldDrift;
use crate::model::fields::{ListKey, fold_string_data, join, same_scalar};

/// Below these the API stores quantities, in a form that may differ from the one that was sent.
const QUANTITIES: &[&str] =
    &["limits", "requests", "hard", "capacity", "default", "defaultRequest", "max", "min", "overhead"];

/// As above, for single fields.
const QUANTITY_FIELDS: &[&str] = &["sizeLimit", "divisor", "storage", "averageValue"];

/// A longer text is shortened.
const SHOWN: usize = 60;

/// The fields that the manifest sets and that differ in the live object. What else the live object has (defaults,
/// injected containers, status) does not matter. The values of a Secret are never shown.
#[must_use]
pub fn differences(manifest: &Value, live: &Value) -> Vec<FieldDrift> {
    differences_ignoring(manifest, live, &IgnoredPaths::default()).counted
}

/// The fields in which a live object differs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Differences {
    /// Those that are drift.
    pub counted: Vec<FieldDrift>,
    /// Those that are others' to set.
    pub ignored: Vec<FieldDrift>,
}

/// The same, with the differences in ignored fields separate.
#[must_use]
pub fn differences_ignoring(manifest: &Value, live: &Value, ignored: &IgnoredPaths<'_>) -> Differences {
    let kind = manifest.get("kind").and_then(Value::as_str).unwrap_or_default();
    let mut wanted = manifest.clone();
    let mut drift =
        Comparison { secret: kind == "Secret", paths: ignored, ignoring: false, found: Differences::default() };
    if let Value::Object(fields) = &mut wanted {
        for gone in ["apiVersion", "kind", "status"] {
            fields.remove(gone);
        }
        if drift.secret {
            join_lines(fields);
            fold_string_data(fields);
        }
        if let Some(Value::Object(metadata)) = fields.get_mut("metadata") {
            metadata.retain(|name, _| matches!(name.as_str(), "labels" | "annotations" | "finalizers"));
        }
    }
    drift.compare("", "", "", &wanted, live);
    drift.found
}

/// The API takes base64 with line breaks and keeps it without.
fn join_lines(fields: &mut Map<String, Value>) {
    let Some(Value::Object(data)) = fields.get_mut("data") else { return };
    for value in data.values_mut() {
        if let Value::String(text) = value {
            text.retain(|c| !matches!(c, '\n' | '\r'));
        }
    }
}

struct Comparison<'a> {
    secret: bool,
    paths: &'a IgnoredPaths<'a>,
    /// Whether the current path is below an ignored one.
    ignoring: bool,
    found: Differences,
}

impl Comparison<'_> {
    /// `name` is the field's, `parent` the name of the field around it.
    fn compare(&mut self, path: &str, parent: &str, name: &str, wanted: &Value, live: &Value) {
        let ignoring = self.ignoring;
        self.ignoring = ignoring || self.paths.has(path);
        self.compare_here(path, parent, name, wanted, live);
        self.ignoring = ignoring;
    }

    fn compare_here(&mut self, path: &str, parent: &str, name: &str, wanted: &Value, live: &Value) {
        let quantity = QUANTITIES.contains(&parent) || QUANTITY_FIELDS.contains(&name);
        match (wanted, live) {
            _ if is_empty(wanted) && is_empty(live) => {}
            // `null` in a manifest removes a chart's default; the API may fill in its own.
            (Value::Null, _) => {}
            _ if quantity && quantity::equal(wanted, live) => {}
            (Value::Object(wanted), Value::Object(live)) => {
                for (field, value) in wanted {
                    let live = live.get(field).unwrap_or(&Value::Null);
                    self.compare(&join(path, field), name, field, value, live);
                }
            }
            (Value::Array(wanted), Value::Array(live)) => self.lists(path, name, wanted, live),
            (Value::Array(wanted), Value::Null) => self.lists(path, name, wanted, &[]),
            (Value::Object(_), Value::Null) if is_all_empty(wanted) => {}
            // Ignored fields are separated from other missing ones.
            (Value::Object(fields), Value::Null) if self.paths.has_below(path) => {
                for (field, value) in fields {
                    self.compare(&join(path, field), name, field, value, &Value::Null);
                }
            }
            _ if same_scalar(wanted, live) => {}
            _ => self.report(path, wanted, live),
        }
    }

    fn lists(&mut self, path: &str, name: &str, wanted: &[Value], live: &[Value]) {
        let scalars = wanted.iter().all(|value| !value.is_object() && !value.is_array());
        if scalars {
            // The order of arguments means something, and one more changes them all.
            let same = wanted.len() == live.len() && wanted.iter().zip(live).all(|(a, b)| same_scalar(a, b));
            if !same {
                let as_list = |values: &[Value]| Value::Array(values.to_vec());
                self.report(path, &as_list(wanted), &if live.is_empty() { Value::Null } else { as_list(live) });
            }
            return;
        }
        let key = ListKey::of(&[wanted]);
        for (i, element) in wanted.iter().enumerate() {
            let (path, found) = match key {
                Some(key) => (format!("{path}[{}]", key.shown(element)), key.find(element, live).map(|at| &live[at])),
                None => (format!("{path}[{i}]"), live.get(i)),
            };
            match found {
                Some(found) => self.compare(&path, name, "", element, found),
                None if self.paths.has(&path) || self.paths.has_below(&path) => {
                    self.compare(&path, name, "", element, &Value::Null);
                }
                None => self.report(&path, element, &Value::Null),
            }
        }
    }

    fn report(&mut self, path: &str, wanted: &Value, live: &Value) {
        let hidden = self.secret && (path.starts_with("data") || path.starts_with("stringData"));
        let (expected, found) = match (hidden, live.is_null()) {
            (true, true) => ("(set)".to_owned(), "(absent)".to_owned()),
            (true, false) => ("(set)".to_owned(), "(other)".to_owned()),
            (false, true) => (shown(wanted), "(absent)".to_owned()),
            (false, false) => (shown(wanted), shown(live)),
        };
        let found = FieldDrift { path: path.to_owned(), expected, found };
        if self.ignoring { self.found.ignored.push(found) } else { self.found.counted.push(found) }
    }
}

/// A value that `omitempty` omits from a response.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(on) => !on,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
    }
}

/// An object whose fields are all empty, at any depth.
fn is_all_empty(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields.values().all(is_all_empty),
        other => is_empty(other),
    }
}

fn shown(value: &Value) -> String {
    let text = match value {
        Value::String(text) => format!("{text:?}"),
        other => other.to_string(),
    };
    if text.chars().count() <= SHOWN {
        return text;
    }
    format!("{}…", text.chars().take(SHOWN).collect::<String>())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::cluster::ObjectRef;
    use crate::model::{Ignored, IgnoredField};

    fn paths(manifest: Value, live: Value) -> Vec<String> {
        differences(&manifest, &live).into_iter().map(|field| field.path).collect()
    }

    fn same(manifest: Value, live: Value) {
        assert_eq!(paths(manifest.clone(), live.clone()), Vec::<String>::new(), "{manifest} against {live}");
    }

    #[test]
    fn what_the_api_adds_does_not_matter() {
        same(
            json!({"apiVersion": "apps/v1", "kind": "Deployment",
                "metadata": {"name": "a", "namespace": "n", "labels": {"x": "1"}, "creationTimestamp": null},
                "spec": {"replicas": 1, "template": {"spec": {
                    "hostNetwork": false, "serviceAccountName": "", "nodeSelector": {}, "tolerations": [],
                    "containers": [{"name": "a", "image": "i", "ports": [{"containerPort": 80}],
                        "env": [{"name": "B", "value": ""}, {"name": "A", "value": "1"}]}]}}},
                "status": {"replicas": 7}}),
            json!({"apiVersion": "apps/v1", "kind": "Deployment",
                "metadata": {"name": "a", "namespace": "n", "uid": "u", "labels": {"x": "1", "y": "2"}},
                "spec": {"replicas": 1, "strategy": {"type": "RollingUpdate"}, "template": {"spec": {
                    "dnsPolicy": "ClusterFirst",
                    "containers": [
                        {"name": "injected", "image": "proxy"},
                        {"name": "a", "image": "i", "imagePullPolicy": "Always",
                        "ports": [{"containerPort": 80, "protocol": "TCP"}],
                        "env": [{"name": "A", "value": "1"}, {"name": "B"}]}]}}}}),
        );
    }

    #[test]
    fn quantities_are_compared_by_value_only_where_they_are_quantities() {
        let resources = |cpu: Value, memory: &str| {
            json!({"kind": "Pod", "spec": {"containers": [
                {"name": "a", "resources": {"requests": {"cpu": cpu, "memory": memory}}}]}})
        };
        same(resources(json!(0.5), "1024Mi"), resources(json!("500m"), "1Gi"));
        assert_eq!(
            paths(resources(json!("1"), "1Gi"), resources(json!("2"), "1Gi")),
            ["spec.containers[name=a].resources.requests.cpu"]
        );
        let config = |value: &str| json!({"kind": "ConfigMap", "data": {"x": value}});
        assert_eq!(paths(config("1k"), config("1000")), ["data.x"]);
        let claim = |size: &str| json!({"kind": "PersistentVolumeClaim", "spec": {"resources": {"requests": {"storage": size}}}});
        same(claim("1Gi"), claim("1024Mi"));
        same(
            json!({"kind": "Pod", "spec": {"volumes": [{"name": "v", "emptyDir": {"sizeLimit": "1024Mi"}}]}}),
            json!({"kind": "Pod", "spec": {"volumes": [{"name": "v", "emptyDir": {"sizeLimit": "1Gi"}}]}}),
        );
    }

    #[test]
    fn lists_are_matched_by_the_keys_of_their_elements() {
        let ports = |ports: Value| json!({"kind": "Service", "spec": {"ports": ports}});
        same(
            ports(json!([{"port": 80, "targetPort": "http"}, {"port": 53, "protocol": "UDP"}])),
            ports(
                json!([{"port": 53, "protocol": "UDP", "nodePort": 1}, {"port": 80, "protocol": "TCP", "targetPort": "http"}]),
            ),
        );
        assert_eq!(
            paths(
                ports(json!([{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}])),
                ports(json!([{"port": 53, "protocol": "UDP"}])),
            ),
            ["spec.ports[port=53]"]
        );
        let volumes = |mounts: Value| json!({"kind": "Pod", "spec": {"volumeMounts": mounts}});
        assert_eq!(
            paths(
                volumes(json!([{"mountPath": "/a", "name": "x"}, {"mountPath": "/b", "name": "x"}])),
                volumes(json!([{"mountPath": "/b", "name": "x"}, {"mountPath": "/a", "name": "y"}])),
            ),
            ["spec.volumeMounts[mountPath=/a].name"],
            "one volume mounted twice is named by its path"
        );
    }

    fn apart(ignored: &[(&str, &str)], manifest: &Value, live: &Value) -> (Vec<String>, Vec<String>) {
        let field = |(kind, path): &(&str, &str)| IgnoredField {
            kind: (*kind).to_owned(),
            name: None,
            path: path.parse().unwrap(),
        };
        let ignored = Ignored(ignored.iter().map(field).collect());
        let object = ObjectRef::namespaced("v1", manifest["kind"].as_str().unwrap(), "ns", "x");
        let found = differences_ignoring(manifest, live, &ignored.of(&object));
        let paths = |fields: Vec<FieldDrift>| fields.into_iter().map(|field| field.path).collect();
        (paths(found.counted), paths(found.ignored))
    }

    #[test]
    fn ignored_paths_are_separated_with_all_below_them() {
        let config = |bundle: Value| {
            json!({"kind": "ValidatingWebhookConfiguration", "webhooks": [
                {"name": "a", "clientConfig": {"caBundle": bundle, "service": {"name": "s"}}}]})
        };
        let kind = "ValidatingWebhookConfiguration";
        let bundle = "webhooks[name=a].clientConfig.caBundle";
        let (before, after) = (config(json!("x")), config(json!("y")));
        assert_eq!(apart(&[], &before, &after), (vec![bundle.to_owned()], vec![]));
        for path in [bundle, "webhooks[*].clientConfig.caBundle", "webhooks[name=a]", "webhooks"] {
            assert_eq!(apart(&[(kind, path)], &before, &after), (vec![], vec![bundle.to_owned()]), "{path}");
        }
        for (other, path) in
            [("Pod", bundle), (kind, "webhooks[name=b]"), (kind, "webhooks[name=a].clientConfig.service")]
        {
            assert_eq!(apart(&[(other, path)], &before, &after).0, [bundle], "{path}");
        }
        // Other missing fields are still reported, by their own path.
        let gone = json!({"kind": kind, "webhooks": [{"name": "a"}]});
        let (counted, ignored) = apart(&[(kind, bundle)], &before, &gone);
        assert_eq!((counted, ignored), (vec!["webhooks[name=a].clientConfig.service".into()], vec![bundle.into()]));
        let none = json!({"kind": kind, "webhooks": []});
        let (counted, ignored) = apart(&[(kind, bundle)], &before, &none);
        assert_eq!(counted, ["webhooks[name=a].clientConfig.service", "webhooks[name=a].name"]);
        assert_eq!(ignored, [bundle]);
        assert_eq!(apart(&[(kind, "webhooks[name=a]")], &before, &none).0, Vec::<String>::new());
    }

    #[test]
    fn every_reported_path_can_be_ignored_as_shown() {
        let manifest = json!({"kind": "X",
            "metadata": {"annotations": {"a.b/c": "1", "plain": "1"}},
            "spec": {"replicas": 1, "args": ["a", "b"], "a=b.c": 1, "[x]": 1, "ports": [{"port": 53}, {"port": 80}],
                "nested": [[1], [{"x": 1}]], "env": [{"name": "A]=\\", "value": "1"}, {"name": "B", "value": "2"}]}});
        let live = json!({"kind": "X", "metadata": {"annotations": {"a.b/c": "2", "plain": "2"}},
            "spec": {"replicas": 2, "args": ["b"], "a=b.c": 2, "[x]": 2, "ports": [{"port": 80, "name": "b"}],
                "nested": [[2], [{"x": 2}]], "env": [{"name": "A]=\\", "value": "3"}, {"name": "B", "value": "4"}]}});
        let reported = apart(&[], &manifest, &live).0;
        assert_eq!(reported.len(), 11, "{reported:?}");
        for path in &reported {
            let (counted, ignored) = apart(&[("X", path)], &manifest, &live);
            assert!(!counted.contains(path) && ignored.contains(path) && counted.len() + 1 == reported.len(), "{path}");
        }
        let all: Vec<(&str, &str)> = reported.iter().map(|path| ("X", path.as_str())).collect();
        assert_eq!(apart(&all, &manifest, &live), (vec![], reported));
    }

    #[test]
    fn arguments_are_compared_in_order_and_whole() {
        let args = |args: Value| json!({"kind": "Pod", "spec": {"containers": [{"name": "a", "args": args}]}});
        same(args(json!(["-a", "b"])), args(json!(["-a", "b"])));
        for live in [json!(["b", "-a"]), json!(["-a"]), json!(["-a", "b", "c"]), json!([])] {
            assert_eq!(paths(args(json!(["-a", "b"])), args(live)), ["spec.containers[name=a].args"]);
        }
    }

    #[test]
    fn secrets_are_compared_but_not_shown() {
        let manifest = json!({"kind": "Secret", "data": {"a": "YQ=="}, "stringData": {"b": "secret", "c": "c"}});
        let live = json!({"kind": "Secret", "data": {"a": "YQ==", "b": "c2VjcmV0", "c": "eA==", "more": "x"}});
        let found = differences(&manifest, &live);
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].path.as_str(), found[0].expected.as_str(), found[0].found.as_str()),
            ("data.c", "(set)", "(other)")
        );
        same(json!({"kind": "Secret", "data": {"a": "YW\nJj\n"}}), json!({"kind": "Secret", "data": {"a": "YWJj"}}));
        same(
            json!({"kind": "Secret", "data": null, "stringData": {"b": "secret"}}),
            json!({"kind": "Secret", "data": {"b": "c2VjcmV0"}}),
        );
    }

    #[test]
    fn empty_values_equal_missing_ones() {
        let spec = |spec: Value| json!({"kind": "X", "spec": spec});
        same(spec(json!({"a": null, "b": {}, "c": [], "d": "", "e": false, "f": 0})), spec(json!({})));
        same(spec(json!({"a": {"b": {}, "c": null}})), json!({"kind": "X"}));
        same(spec(json!({"a": null})), spec(json!({"a": "defaulted"})));
        assert_eq!(paths(spec(json!({"paused": true})), spec(json!({}))), ["spec.paused"]);
        assert_eq!(paths(spec(json!({"n": 1})), spec(json!({"n": 1.0}))), Vec::<String>::new());
        assert_eq!(paths(spec(json!({"off": false})), spec(json!({"off": true}))), ["spec.off"]);
    }

    #[test]
    fn differences_are_shortened() {
        let found = differences(
            &json!({"kind": "ConfigMap", "metadata": {"annotations": {"a.b/c": "1"}}, "data": {"x": "y".repeat(100)}}),
            &json!({"kind": "ConfigMap", "metadata": {"annotations": {"a.b/c": "2"}}, "data": {}}),
        );
        assert_eq!(found[0].found, "(absent)");
        assert!(found[0].expected.ends_with('…') && found[0].expected.chars().count() == SHOWN + 1);
        assert_eq!((found[1].path.as_str(), found[1].found.as_str()), ("metadata.annotations[a.b/c]", "\"2\""));
    }
}
