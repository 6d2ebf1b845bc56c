//! What the update of a release would change: its values, and the objects that its chart renders.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Value, json};

use super::Change;
use super::fields::{FieldChange, changes_without, value_changes};
use crate::model::cluster::{ManifestObject, ObjectRef, ReleaseKey, ReleaseState};
use crate::model::fields::fold_string_data;
use crate::model::{Ignored, Redactor, ReleaseValues};

/// The version of the JSON of a [`DiffReport`].
pub const DIFF_SCHEMA: u32 = 1;

/// What all updates would change, for machines that read a run's events.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DiffReport<'a> {
    /// [`DIFF_SCHEMA`].
    pub schema: u32,
    /// `diff`, so that readers of a run's events know it.
    pub event: &'static str,
    /// The releases that would be updated.
    pub diff: &'a [ReleaseDiff],
}

/// What the update of a release would change. Equal inputs give equal bytes, as with a plan.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReleaseDiff {
    /// Which release.
    #[serde(flatten)]
    pub key: ReleaseKey,
    /// The values that differ.
    pub values: Vec<FieldChange>,
    /// The objects that differ, by kind and name.
    pub objects: Vec<ObjectDiff>,
    /// Why nothing is known of the objects: the chart cannot be rendered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unrendered: Option<String>,
}

/// An object that is added, removed or changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ObjectDiff {
    /// What becomes of it.
    pub change: Change,
    /// Which object.
    #[serde(flatten)]
    pub object: ObjectRef,
    /// It is no longer rendered, but stays: `helm.sh/resource-policy: keep`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub kept: bool,
    /// The fields of a changed one that differ.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldChange>,
}

/// Compares what Helm recorded of a release with its new values and with what its chart renders now; of objects without
/// the fields that are others' to set.
#[must_use]
pub fn release_diff(
    found: &ReleaseState,
    values: &ReleaseValues,
    rendered: Result<&[ManifestObject], &str>,
    ignored: &Ignored,
) -> ReleaseDiff {
    // What a file gave stands in what the chart makes of it.
    let redactor = values.redactor(&found.config);
    let nothing = ReleaseValues::from(json!({}));
    let values = value_changes(&found.config, if values.is_null() { &nothing } else { values });
    let (objects, unrendered) = match rendered {
        Ok(rendered) => (objects(&redactor, &found.manifest, rendered, ignored), None),
        Err(why) => (Vec::new(), Some(redactor.text(why))),
    };
    ReleaseDiff { key: found.key.clone(), values, objects, unrendered }
}

/// The object that Helm recorded for one that is rendered now, whatever version of its kind it is written in.
#[must_use]
pub fn recorded<'a>(object: &ObjectRef, manifest: &'a [ManifestObject]) -> Option<&'a ManifestObject> {
    manifest.iter().find(|other| same(&other.object, object))
}

fn same(a: &ObjectRef, b: &ObjectRef) -> bool {
    let group = |object: &ObjectRef| object.api_version.rsplit_once('/').map(|(group, _)| group.to_owned());
    (&a.kind, &a.namespace, &a.name) == (&b.kind, &b.namespace, &b.name) && group(a) == group(b)
}

/// An object as the cluster keeps it, so that a path that drift shows exists here, too.
fn as_kept(object: &ManifestObject) -> Cow<'_, Value> {
    let mut body = Cow::Borrowed(&object.body);
    if object.object.kind == "Secret"
        && object.body.get("stringData").is_some()
        && let Value::Object(fields) = body.to_mut()
    {
        fold_string_data(fields);
    }
    body
}

fn objects(
    redactor: &Redactor,
    before: &[ManifestObject],
    after: &[ManifestObject],
    ignored: &Ignored,
) -> Vec<ObjectDiff> {
    let mut found = Vec::new();
    for new in after {
        let object = new.object.clone();
        match recorded(&object, before) {
            None => found.push(ObjectDiff { change: Change::Create, object, kept: false, fields: Vec::new() }),
            Some(old) => {
                let (old, new) = (as_kept(old), as_kept(new));
                let fields = changes_without(redactor, &old, &new, &ignored.of(&object));
                if !fields.is_empty() {
                    found.push(ObjectDiff { change: Change::Update, object, kept: false, fields });
                }
            }
        }
    }
    for old in before.iter().filter(|old| recorded(&old.object, after).is_none()) {
        let policy = old.body.pointer("/metadata/annotations/helm.sh~1resource-policy");
        let kept = policy.is_some_and(|policy| policy == "keep");
        found.push(ObjectDiff { change: Change::Delete, object: old.object.clone(), kept, fields: Vec::new() });
    }
    found.sort_by(|a, b| {
        let place =
            |diff: &ObjectDiff| (diff.object.kind.clone(), diff.object.namespace.clone(), diff.object.name.clone());
        place(a).cmp(&place(b))
    });
    found
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::model::cluster::ReleaseStatus;
    use crate::model::{CHART_DIGEST, IgnoredField};

    fn object(api_version: &str, kind: &str, name: &str, body: Value) -> ManifestObject {
        ManifestObject { object: ObjectRef::namespaced(api_version, kind, "ns", name), body }
    }

    fn release(config: Value, manifest: Vec<ManifestObject>) -> ReleaseState {
        ReleaseState {
            key: ReleaseKey::new("ns", "rel"),
            revision: 1,
            status: ReleaseStatus::Deployed,
            chart_name: "c".into(),
            chart_version: "1".into(),
            chart_annotations: BTreeMap::new(),
            config,
            manifest,
            unread: Vec::new(),
            description: String::new(),
            updated: String::new(),
            history: Vec::new(),
        }
    }

    #[test]
    fn objects_come_go_and_change() {
        let annotated = |digest: &str| json!({"metadata": {"annotations": {CHART_DIGEST: digest}}});
        let before = vec![
            object("v1", "Service", "web", json!({"spec": {"port": 80}})),
            object("policy/v1beta1", "PodDisruptionBudget", "pdb", json!({"apiVersion": "policy/v1beta1"})),
            object("v1", "ConfigMap", "digest", annotated("sha256:1")),
            object("v1", "ConfigMap", "gone", json!({})),
            object(
                "v1",
                "PersistentVolumeClaim",
                "data",
                json!({"metadata": {"annotations": {"helm.sh/resource-policy": "keep"}}}),
            ),
        ];
        let after = vec![
            object("policy/v1", "PodDisruptionBudget", "pdb", json!({"apiVersion": "policy/v1"})),
            object("v1", "Service", "web", json!({"spec": {"port": 81}})),
            object("v1", "ConfigMap", "digest", annotated("sha256:2")),
            object("apps/v1", "Deployment", "new", json!({})),
        ];
        let found = release_diff(
            &release(json!({"a": 1, "b": {"c": 2}}), before),
            &json!({"a": 1}).into(),
            Ok(&after),
            &Ignored::default(),
        );
        let shown: Vec<String> =
            found.objects.iter().map(|one| format!("{} {} {}", one.change.word(), one.object, one.kept)).collect();
        let expected = [
            "delete ConfigMap ns/gone false",
            "create Deployment ns/new false",
            "delete PersistentVolumeClaim ns/data true",
            "update PodDisruptionBudget ns/pdb false",
            "update Service ns/web false",
        ];
        assert_eq!(shown, expected);
        assert_eq!(found.objects[4].fields[0].to_string(), "spec.port: 80 becomes 81");
        assert_eq!(found.values[0].to_string(), "b: {\"c\":2} is removed");
        let json = serde_json::to_value(&found).unwrap();
        assert_eq!((&json["namespace"], &json["name"]), (&json!("ns"), &json!("rel")));
        assert_eq!(
            json["objects"][4],
            json!({"change": "update", "api_version": "v1", "kind": "Service", "namespace": "ns", "name": "web",
                "fields": [{"path": "spec.port", "before": 80, "after": 81}]})
        );
    }

    #[test]
    fn what_an_operators_file_gives_is_shown_nowhere() {
        let given =
            |login: &str| json!({"extra": {"conf": format!("x = {login}")}, "login": login, "image": {"tag": "2"}});
        let values = |login: &str| ReleaseValues::new(given(login), given(login));
        let rendered = |login: &str| {
            let data = json!({"a.conf": format!("x = {login}"), "b": format!("k%3D{login}")});
            let env = json!([{"name": "A", "value": login}, {"name": "M", "value": "fast"}]);
            vec![object("v1", "ConfigMap", "c", json!({"data": data})), object("v1", "Pod", "p", json!({"env": env}))]
        };
        let found = release(given("planted-one"), rendered("planted-one"));
        let diff = release_diff(&found, &values("planted-two"), Ok(&rendered("planted-two")), &Ignored::default());
        let text = serde_json::to_string(&diff).unwrap();
        assert!(!text.contains("planted") && text.contains("extra.conf") && text.contains("(not shown: #"), "{text}");
        assert_eq!(diff.objects.len(), 2, "{text}");
        let tag = release_diff(
            &found,
            &ReleaseValues::new(json!({"image": {"tag": "3"}}), json!({"image": {"tag": "3"}})),
            Ok(&[]),
            &Ignored::default(),
        );
        let shown: Vec<String> = tag.values.iter().map(ToString::to_string).collect();
        assert!(
            shown.contains(&"image.tag: \"2\" becomes \"3\"".to_owned()) && !shown.concat().contains("planted"),
            "{shown:?}"
        );
        let work = crate::plan::Work::Release {
            key: ReleaseKey::new("ns", "r"),
            chart: String::new(),
            values: values("planted-two"),
        };
        let work = serde_json::to_string(&work).unwrap();
        assert!(!work.contains("planted") && work.contains("\"tag\":\"2\""), "{work}");
        // What a chart says when it cannot be rendered.
        let refused = release_diff(&found, &values("planted-two"), Err("no login planted-two"), &Ignored::default());
        assert!(!refused.unrendered.unwrap_or_default().contains("planted"));
    }

    #[test]
    fn what_others_set_or_a_chart_makes_at_random_is_no_change() {
        let field = |kind: &str, path: &str| IgnoredField {
            kind: kind.to_owned(),
            name: Some("x".to_owned()),
            path: path.parse().unwrap(),
        };
        let ignored = Ignored(vec![
            field("Secret", "data.password"),
            field("Deployment", "spec.template.metadata.annotations[rolls.me/at]"),
        ]);
        let rendered = |random: &str, image: &str| {
            let annotations = json!({"rolls.me/at": random});
            let pod = json!({"metadata": {"annotations": annotations}, "spec": {"image": image}});
            vec![
                object("v1", "Secret", "x", json!({"kind": "Secret", "data": {"password": random, "user": "dQ=="}})),
                object("apps/v1", "Deployment", "x", json!({"spec": {"template": pod}})),
            ]
        };
        let found = release(json!({}), rendered("YQ==", "one"));
        let paths = |after: &[ManifestObject], ignored: &Ignored| -> Vec<String> {
            let diff = release_diff(&found, &json!({}).into(), Ok(after), ignored);
            diff.objects.iter().flat_map(|one| one.fields.iter().map(|field| field.path.clone())).collect()
        };
        // What drift shows of `stringData` is shown below `data`.
        let plain = |random: &str| {
            let [mut secret, other] = <[_; 2]>::try_from(rendered("YQ==", "one")).unwrap();
            secret.body = json!({"kind": "Secret", "stringData": {"password": random}, "data": {"user": "dQ=="}});
            vec![secret, other]
        };
        let before = release(json!({}), plain("one"));
        for (ignored, fields) in [(&Ignored::default(), vec!["data.password"]), (&ignored, vec![])] {
            let diff = release_diff(&before, &json!({}).into(), Ok(&plain("planted")), ignored);
            let paths: Vec<&str> =
                diff.objects.iter().flat_map(|one| one.fields.iter().map(|field| field.path.as_str())).collect();
            assert_eq!(paths, fields);
            assert!(!format!("{diff:?}").contains("planted"), "{diff:?}");
        }
        let again = rendered("Yg==", "one");
        assert_eq!(paths(&again, &Ignored::default()).len(), 2);
        assert_eq!(paths(&again, &ignored), Vec::<String>::new());
        assert_eq!(paths(&rendered("Yg==", "two"), &ignored), ["spec.template.spec.image"]);
        // What comes or goes whole is shown without it.
        let mut without = again;
        without[1].body = json!({"spec": {"template": {"spec": {"image": "one"}}}});
        assert_eq!(paths(&without, &ignored), Vec::<String>::new());
    }

    #[test]
    fn a_chart_that_cannot_be_rendered_leaves_the_values() {
        let found = release_diff(
            &release(json!({}), Vec::new()),
            &json!({"a": 1}).into(),
            Err("no such value"),
            &Ignored::default(),
        );
        assert_eq!((found.values.len(), found.unrendered.as_deref()), (1, Some("no such value")));
        assert!(
            release_diff(&release(json!({}), Vec::new()), &Value::Null.into(), Ok(&[]), &Ignored::default())
                .values
                .is_empty()
        );
    }
}
