//! Whether the pods of releases run the images of the offline bundle.

use std::collections::BTreeSet;

use serde_json::Value;

use super::cluster::failed;
use super::runner::StepRunner;
use crate::catalog::action::JOB_LABEL;
use crate::engine::perform::{Done, Failure};
use crate::lock::{ImageMap, RunningContainer, Verdict, compare_running};
use crate::model::cluster::{ManifestObject, PodState, ReleaseKey};
use crate::model::offline::OfflineRecord;

/// The most containers that are named in one failure.
const NAMED: usize = 10;

/// Labels that charts put the release's name into: Helm's recommendation, and what came before it.
const INSTANCE: [&str; 2] = ["app.kubernetes.io/instance", "release"];

impl StepRunner {
    /// Compares what the pods of releases run with the offline bundle. Others in the same namespaces are counted.
    pub(super) async fn running_images(
        &self,
        releases: &[(String, String)],
        record: &OfflineRecord,
    ) -> Result<Done, Failure> {
        let map = ImageMap::moved(&record.lock, &record.registry).with(record.repositories.clone());
        let keys: Vec<ReleaseKey> = releases.iter().map(|(namespace, name)| ReleaseKey::new(namespace, name)).collect();
        let recorded = self.cluster.releases(&keys).await.map_err(failed)?;
        let (mut running, mut foreign, mut expected) = (Vec::new(), 0, false);
        let namespaces: BTreeSet<&str> = keys.iter().map(|key| key.namespace.as_str()).collect();
        for namespace in namespaces {
            let names = keys.iter().filter(|key| key.namespace == namespace).map(|key| key.name.as_str()).collect();
            let of = recorded.values().filter(|release| release.key.namespace == namespace);
            let ours = Ours::new(names, of.flat_map(|release| &release.manifest), namespace);
            expected |= ours.runs_always;
            let pods = self.cluster.pods(namespace, "").await.map_err(failed)?;
            for pod in pods.iter().filter(|pod| !pod.terminating) {
                match ours.has(pod) {
                    true => running.extend(containers(pod)),
                    false => foreign += 1,
                }
            }
        }
        judged(&running, foreign, expected, (record, &map))
    }
}

fn judged(
    running: &[RunningContainer],
    foreign: usize,
    expected: bool,
    (record, map): (&OfflineRecord, &ImageMap),
) -> Result<Done, Failure> {
    let judged = compare_running(running, &record.lock, Some(map));
    let wrong: Vec<String> = judged
        .iter()
        .filter(|(_, verdict)| verdict.is_wrong())
        .map(|(one, verdict)| format!("pod {}/{} container {}: {verdict}", one.pod.0, one.pod.1, one.container))
        .collect();
    if !wrong.is_empty() {
        let mut errors =
            vec![format!("{} of {} containers do not run the images of the offline bundle", wrong.len(), judged.len())];
        errors.extend(wrong.into_iter().take(NAMED));
        return Err(Failure { errors, ..Failure::default() });
    }
    let locked = judged.iter().filter(|(_, verdict)| matches!(verdict, Verdict::Locked(_))).count();
    let log = judged.iter().filter(|(_, verdict)| !matches!(verdict, Verdict::Locked(_)));
    let log: Vec<String> =
        log.map(|(one, verdict)| format!("{}/{} {}: {verdict}", one.pod.0, one.pod.1, one.container)).collect();
    let others = judged.len() - locked;
    if locked == 0 && expected {
        let what = format!(
            "no container was compared with the offline bundle, although releases have workloads: {others} cannot be compared, {foreign} pods belong to none of the releases"
        );
        // Pods may not be there yet.
        return Err(Failure {
            errors: std::iter::once(what).chain(log.into_iter().take(NAMED)).collect(),
            may_pass: true,
            ..Failure::default()
        });
    }
    let others = if others == 0 { String::new() } else { format!(", {others} cannot be compared") };
    let foreign = if foreign == 0 { String::new() } else { format!(", {foreign} pods of others ignored") };
    Ok(Done { summary: Some(format!("{locked} containers by digest{others}{foreign}")), log, ..Done::default() })
}

/// What belongs to the releases of a namespace.
struct Ours<'a> {
    /// Names of releases.
    names: BTreeSet<&'a str>,
    /// What they rendered there, by kind and name.
    rendered: BTreeSet<(&'a str, &'a str)>,
    /// Whether something of it has pods at all times.
    runs_always: bool,
}

impl<'a> Ours<'a> {
    fn new(names: BTreeSet<&'a str>, manifest: impl Iterator<Item = &'a ManifestObject>, namespace: &str) -> Self {
        let mut ours = Self { names, rendered: BTreeSet::new(), runs_always: false };
        for object in manifest.filter(|object| object.object.namespace.as_deref() == Some(namespace)) {
            ours.runs_always |= runs_always(&object.object.kind, &object.body);
            ours.rendered.insert((&object.object.kind, &object.object.name));
        }
        ours
    }

    /// By its labels, by what made it, or by a Job of windlass. Pod templates of charts need not have any label.
    fn has(&self, pod: &PodState) -> bool {
        let labelled =
            INSTANCE.iter().any(|label| pod.labels.get(*label).is_some_and(|name| self.names.contains(name.as_str())));
        labelled || pod.labels.contains_key(JOB_LABEL) || self.made(pod)
    }

    fn made(&self, pod: &PodState) -> bool {
        let Some((kind, name)) = &pod.controller else { return self.rendered.contains(&("Pod", pod.name.as_str())) };
        // Names of what stands in between are those of what was rendered, and an end that Kubernetes gives them.
        let above = match kind.as_str() {
            "ReplicaSet" => Some("Deployment"),
            "Job" => Some("CronJob"),
            _ => None,
        };
        let above = above.zip(name.rsplit_once('-').map(|(name, _)| name));
        self.rendered.contains(&(kind.as_str(), name.as_str())) || above.is_some_and(|it| self.rendered.contains(&it))
    }
}

/// Whether an object has pods as long as it exists.
fn runs_always(kind: &str, body: &Value) -> bool {
    match kind {
        "Deployment" | "StatefulSet" | "ReplicaSet" => {
            body.pointer("/spec/replicas").and_then(Value::as_u64) != Some(0)
        }
        "DaemonSet" => true,
        _ => false,
    }
}

fn containers(pod: &PodState) -> impl Iterator<Item = RunningContainer> {
    pod.containers.iter().map(|container| RunningContainer {
        pod: (pod.namespace.clone(), pod.name.clone()),
        container: container.name.clone(),
        image: container.image.clone(),
        image_id: container.image_id.clone(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::cluster::ObjectRef;

    fn pod(name: &str, labels: &[(&str, &str)], controller: Option<(&str, &str)>) -> PodState {
        PodState {
            namespace: "far".to_owned(),
            name: name.to_owned(),
            labels: labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
            controller: controller.map(|(kind, name)| (kind.to_owned(), name.to_owned())),
            phase: "Running".to_owned(),
            ready: true,
            terminating: false,
            node: None,
            ip: None,
            containers: Vec::new(),
        }
    }

    fn object(kind: &str, name: &str, namespace: &str, spec: Value) -> ManifestObject {
        let body = json!({"kind": kind, "metadata": {"name": name, "namespace": namespace}, "spec": spec});
        ManifestObject { object: ObjectRef::namespaced("v1", kind, namespace, name), body }
    }

    #[test]
    fn pods_of_a_release_are_known_with_and_without_its_labels() {
        let manifest = [
            object("Deployment", "web", "far", json!({"replicas": 0})),
            object("CronJob", "sweep", "far", json!({})),
            object("StatefulSet", "db", "elsewhere", json!({})),
        ];
        let ours = Ours::new(["gate"].into(), manifest.iter(), "far");
        assert!(!ours.runs_always, "none of them has a pod at all times here");
        for (expected, pod) in [
            (true, pod("a", &[("app.kubernetes.io/instance", "gate")], None)),
            (true, pod("b", &[("release", "gate")], None)),
            (false, pod("c", &[("app.kubernetes.io/instance", "other")], None)),
            (true, pod("d", &[(JOB_LABEL, "x-check")], Some(("Job", "x-check")))),
            (true, pod("e", &[], Some(("ReplicaSet", "web-5d8f")))),
            (false, pod("f", &[], Some(("ReplicaSet", "web-more-5d8f")))),
            (true, pod("g", &[], Some(("Job", "sweep-2890")))),
            (false, pod("h", &[], Some(("StatefulSet", "db")))),
            (false, pod("web", &[], None)),
        ] {
            assert_eq!(ours.has(&pod), expected, "{}", pod.name);
        }
        let manifest = [object("StatefulSet", "db", "far", json!({}))];
        assert!(Ours::new(BTreeSet::new(), manifest.iter(), "far").runs_always);
    }

    #[test]
    fn where_nothing_was_compared_that_is_an_error() {
        let record = OfflineRecord::default();
        let map = ImageMap::moved(&record.lock, "r.site");
        let errors = judged(&[], 2, true, (&record, &map)).unwrap_err().errors;
        assert!(errors[0].contains("0 cannot be compared, 2 pods belong to none of the releases"), "{errors:?}");
        let done = judged(&[], 2, false, (&record, &map)).unwrap();
        assert_eq!(done.summary.as_deref(), Some("0 containers by digest, 2 pods of others ignored"));
    }
}
