//! Changes of existing objects, tried by dry runs: what the API would refuse in mid-install is reported before.

use std::collections::BTreeSet;

use futures::StreamExt as _;
use serde_json::{Map, Value};

use super::render::Rendered;
use super::seen::{Query, QueryResult, ask};
use crate::driver::kube::Cluster;
use crate::model::cluster::{ManifestObject, ObjectRef, Refusal, ReleaseKey};
use crate::model::observed::{Observed, ObservedRelease};
use crate::plan::{field_changes, recorded};

/// How many changes are tried at the same time.
const AT_ONCE: usize = 16;

/// A change to try.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// The release that it belongs to.
    pub release: ReleaseKey,
    /// The object as Helm would send it.
    pub object: ManifestObject,
    /// The fields that would change: path, and description.
    pub changed: Vec<(String, String)>,
}

/// A change that was tried.
#[derive(Debug, Clone)]
pub struct TrialResult {
    /// The release that it belongs to.
    pub release: ReleaseKey,
    /// Which object.
    pub object: ObjectRef,
    /// The fields that would change: path, and description.
    pub changed: Vec<(String, String)>,
    /// Why the API refuses it; `None` if it does not.
    pub refused: QueryResult<Option<Refusal>>,
}

/// The objects of the releases to update that are rendered differently from Helm's record, or were changed by hand.
pub(super) fn trials(rendered: &[Rendered], updates: &BTreeSet<ReleaseKey>, observed: &Observed) -> Vec<Trial> {
    let mut found = Vec::new();
    for one in rendered.iter().filter(|one| updates.contains(&one.key)) {
        let (Some(release), Ok(objects)) = (observed.releases.get(&one.key), &one.objects) else { continue };
        found.extend(objects.iter().filter_map(|object| {
            let changed = changed(object, release)?;
            Some(Trial { release: one.key.clone(), object: as_helm_sends(object, &one.key), changed })
        }));
    }
    found
}

/// What would change of an object; `None` if nothing would. Of one that Helm does not know yet, it is not known.
fn changed(object: &ManifestObject, release: &ObservedRelease) -> Option<Vec<(String, String)>> {
    let Some(recorded) = recorded(&object.object, &release.state.manifest) else { return Some(Vec::new()) };
    let fields = field_changes(&recorded.body, &object.body);
    let mut changed: Vec<(String, String)> =
        fields.into_iter().map(|field| (field.path.clone(), field.to_string())).collect();
    for drift in release.drift.iter().filter(|drift| drift.object == recorded.object) {
        let Some(fields) = drift.what.fields() else { continue };
        for field in fields {
            if changed.iter().all(|(known, _)| *known != field.path) {
                let change = format!("{}: {} becomes {}", field.path, field.found, field.expected);
                changed.push((field.path.clone(), change));
            }
        }
    }
    (!changed.is_empty()).then_some(changed)
}

/// With its namespace, and the marks by which Helm knows its own.
fn as_helm_sends(object: &ManifestObject, release: &ReleaseKey) -> ManifestObject {
    let mut object = object.clone();
    let namespace = object.object.namespace.clone();
    let Value::Object(metadata) = &mut object.body["metadata"] else { return object };
    if let Some(namespace) = namespace {
        metadata.entry("namespace").or_insert(namespace.into());
    }
    let mut mark = |field: &str, marks: &[(&str, &str)]| {
        let there = metadata.entry(field).or_insert_with(|| Value::Object(Map::new()));
        if there.is_null() {
            *there = Value::Object(Map::new());
        }
        let Value::Object(there) = there else { return };
        there.extend(marks.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))));
    };
    mark("labels", &[("app.kubernetes.io/managed-by", "Helm")]);
    mark(
        "annotations",
        &[("meta.helm.sh/release-name", &release.name), ("meta.helm.sh/release-namespace", &release.namespace)],
    );
    object
}

/// Tries each of them, in the order given.
pub async fn try_all(cluster: &Cluster, trials: Vec<Trial>) -> Vec<TrialResult> {
    // Collected first: a closure that borrows from a stream's items is not `Send` in the compiler's eyes.
    let asked: Vec<_> = trials
        .into_iter()
        .map(|Trial { release, object, changed }| async move {
            let what = Query::Other(format!("dry-run the change of {}", object.object));
            let refused = ask(what, cluster.refusal(&object)).await;
            TrialResult { release, object: object.object, changed, refused }
        })
        .collect();
    futures::stream::iter(asked).buffered(AT_ONCE).collect().await
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::model::cluster::{Drift, DriftKind, FieldDrift, ReleaseState, ReleaseStatus};

    fn object(kind: &str, body: Value) -> ManifestObject {
        ManifestObject { object: ObjectRef::namespaced("apps/v1", kind, "ns", "x"), body }
    }

    fn observed(manifest: Vec<ManifestObject>, drift: Vec<Drift>) -> (ReleaseKey, Observed) {
        let key = ReleaseKey::new("ns", "rel");
        let state = ReleaseState {
            key: key.clone(),
            revision: 1,
            status: ReleaseStatus::Deployed,
            chart_name: "c".into(),
            chart_version: "1".into(),
            chart_annotations: BTreeMap::new(),
            config: json!({}),
            manifest,
            unread: Vec::new(),
            description: String::new(),
            updated: String::new(),
            history: Vec::new(),
        };
        let releases =
            [(key.clone(), ObservedRelease { state, drift, ignored: Vec::new(), unready: Vec::new() })].into();
        (key, Observed { releases, ..Observed::default() })
    }

    #[test]
    fn only_what_changes_is_tried_and_as_helm_would_send_it() {
        let drift = Drift {
            object: object("DaemonSet", Value::Null).object,
            what: DriftKind::Changed(vec![FieldDrift {
                path: "spec.a".into(),
                expected: "1".into(),
                found: "2".into(),
            }]),
        };
        let body = |replicas: u32| json!({"metadata": {"name": "x", "labels": {"a": "b"}, "annotations": null}, "spec": {"replicas": replicas}});
        let before = ["StatefulSet", "Deployment", "DaemonSet"].map(|kind| object(kind, body(1)));
        let (key, observed) = observed(before.to_vec(), vec![drift]);
        let after = vec![
            object("StatefulSet", body(2)),
            object("Deployment", body(1)),
            object("DaemonSet", body(1)),
            object("Job", body(1)),
        ];
        let rendered = [Rendered {
            key: key.clone(),
            incompatible: None,
            objects: Ok(after),
            hooks: Vec::new(),
            stored: 0,
            unread: Vec::new(),
            defines: Vec::new(),
        }];
        assert_eq!(trials(&rendered, &BTreeSet::new(), &observed), []);
        let found = trials(&rendered, &[key].into(), &observed);
        let lines: Vec<String> = found
            .iter()
            .map(|trial| {
                format!(
                    "{} {:?}",
                    trial.object.object.kind,
                    trial.changed.iter().map(|(_, change)| change).collect::<Vec<_>>()
                )
            })
            .collect();
        let expected =
            ["StatefulSet [\"spec.replicas: 1 becomes 2\"]", "DaemonSet [\"spec.a: 2 becomes 1\"]", "Job []"];
        assert_eq!(lines, expected);
        let expected = json!({
            "name": "x", "namespace": "ns", "labels": {"a": "b", "app.kubernetes.io/managed-by": "Helm"},
            "annotations": {"meta.helm.sh/release-name": "rel", "meta.helm.sh/release-namespace": "ns"},
        });
        assert_eq!(found[0].object.body["metadata"], expected);
    }
}
