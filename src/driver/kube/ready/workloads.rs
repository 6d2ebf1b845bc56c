//! What "ready" means for each kind.

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;

use super::judge::{Judge, about};
use super::pod::node_of;
use super::pods::ended_badly;
use super::snapshot::{Expected, event_text, find, one_line, uid};
use crate::driver::kube::small::Pod;
use crate::model::cluster::{Finding, ObjectRef};
use crate::model::few;

/// Set by the scheduler on a claim whose volume is now being made.
const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";

/// Counts up with each revision, on a Deployment and on the ReplicaSet that is its newest.
const REVISION: &str = "deployment.kubernetes.io/revision";

/// More nodes than this are only counted.
const NODES_SHOWN: usize = 5;

/// The label that names a pod's revision, under StatefulSets and DaemonSets.
const REVISION_HASH: &str = "controller-revision-hash";

impl Judge<'_> {
    /// Everything that keeps this object from being ready; nothing if it is.
    pub(super) fn workload(&mut self, expected: &Expected) -> Vec<Finding> {
        let object = &expected.object;
        let namespace = object.namespace.clone().unwrap_or_default();
        let snapshot = self.view.snapshot;
        let (namespace, name) = (namespace.as_str(), object.name.as_str());
        let findings = match object.kind.as_str() {
            "Deployment" => find(&snapshot.deployments, namespace, name).map(|it| self.deployment(object, it)),
            "StatefulSet" => find(&snapshot.stateful_sets, namespace, name).map(|it| self.stateful_set(object, it)),
            "DaemonSet" => find(&snapshot.daemon_sets, namespace, name).map(|it| self.daemon_set(object, it)),
            "Job" => find(&snapshot.jobs, namespace, name).map(|it| self.job(object, it)),
            "PersistentVolumeClaim" => find(&snapshot.claims, namespace, name).map(|it| self.claim(object, it)),
            "Pod" => find(&snapshot.pods, namespace, name).map(|it| self.bare_pod(object, it)),
            _ => Some(Vec::new()),
        };
        match findings {
            Some(findings) => findings,
            None if expected.cleans_up => Vec::new(),
            None => {
                let mut missing = about(object, "Missing", "not found in the cluster");
                missing.fatal = self.lasts(&format!("missing:{object}"), self.policy.config_error_grace);
                vec![missing]
            }
        }
    }

    fn deployment(&mut self, object: &ObjectRef, it: &Deployment) -> Vec<Finding> {
        let spec = it.spec.clone().unwrap_or_default();
        let status = it.status.clone().unwrap_or_default();
        if spec.paused == Some(true) {
            return Vec::new();
        }
        if let Some(finding) = unobserved(object, it.metadata.generation, status.observed_generation) {
            return vec![finding];
        }
        let want = spec.replicas.unwrap_or(1);
        let updated = status.updated_replicas.unwrap_or(0);
        let total = status.replicas.unwrap_or(0);
        let available = status.available_replicas.unwrap_or(0);
        if updated >= want && total <= updated && available >= want {
            return Vec::new();
        }
        let revision = it.metadata.annotations.as_ref().and_then(|all| all.get(REVISION));
        let newest = self.view.replica_sets_of(uid(it)).iter().copied().find(|set| {
            revision.is_some() && set.metadata.annotations.as_ref().and_then(|all| all.get(REVISION)) == revision
        });
        let mut findings = Vec::new();
        if let Some(set) = newest {
            let has = set.status.as_ref().map_or(0, |status| status.replicas);
            let wants = set.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(0);
            findings.extend(self.creation(object, uid(set), has < wants));
            for pod in self.view.pods_of(uid(set)) {
                findings.extend(self.pod(object, pod, true));
            }
        }
        if findings.is_empty() {
            let message = if updated < want {
                format!("{updated} of {want} pods are of the new revision")
            } else if total > updated {
                format!("{} pods of the old revision are pending termination", total - updated)
            } else {
                format!("{available} of {want} pods are available")
            };
            let failure = status.conditions.iter().flatten().find(|c| {
                c.status == "True" && c.type_ == "ReplicaFailure"
                    || c.status == "False" && c.type_ == "Progressing" && c.reason.is_some()
            });
            findings.push(match failure.and_then(|condition| condition.message.as_deref()) {
                Some(said) => about(object, "Progressing", format!("{message}; {}", one_line(said))),
                None => about(object, "Progressing", message),
            });
        }
        findings
    }

    fn stateful_set(&mut self, object: &ObjectRef, it: &StatefulSet) -> Vec<Finding> {
        let spec = it.spec.clone().unwrap_or_default();
        let status = it.status.clone().unwrap_or_default();
        if let Some(finding) = unobserved(object, it.metadata.generation, status.observed_generation) {
            return vec![finding];
        }
        let strategy = spec.update_strategy.clone().unwrap_or_default();
        let on_delete = strategy.type_.as_deref() == Some("OnDelete");
        let partition = strategy.rolling_update.and_then(|rolling| rolling.partition).unwrap_or(0);
        let want = spec.replicas.unwrap_or(1);
        let updated = status.updated_replicas.unwrap_or(0);
        let ready = status.ready_replicas.unwrap_or(0);
        // Counted only since 1.22; absent means none, and an old API server never has it.
        let available = status.available_replicas.unwrap_or(if want == 0 { 0 } else { ready });
        let same_revision = status.current_revision == status.update_revision;
        let rolled = on_delete || updated >= (want - partition).max(0) && (partition > 0 || want == 0 || same_revision);
        if rolled && ready >= want && available >= want && status.replicas <= want {
            return Vec::new();
        }
        let mut findings: Vec<Finding> = self.creation(object, uid(it), status.replicas < want).into_iter().collect();
        let ordered = spec.pod_management_policy.as_deref() != Some("Parallel");
        for pod in self.view.pods_of(uid(it)) {
            let hash = pod.metadata.labels.as_ref().and_then(|labels| labels.get(REVISION_HASH));
            let kept_back = ordinal(pod).is_some_and(|ordinal| ordinal < partition);
            if on_delete || kept_back || hash.is_none() || hash == status.update_revision.as_ref() {
                findings.extend(self.pod(object, pod, true));
            } else if ordered && !super::pods::is_ready(pod) {
                findings.push(self.stuck(object, pod));
            }
        }
        if findings.is_empty() {
            let message = if !rolled {
                format!("{updated} of {want} pods are of the new revision")
            } else if status.replicas > want {
                format!("{} pods are pending termination", status.replicas - want)
            } else {
                format!("{} of {want} pods are available", ready.min(available))
            };
            findings.push(about(object, "Progressing", message));
        }
        findings
    }

    /// A pod of an old revision that is not ready under `OrderedReady`: its StatefulSet waits for that very pod before
    /// it replaces it (kubernetes/kubernetes#67250).
    fn stuck(&mut self, object: &ObjectRef, pod: &Pod) -> Finding {
        let name = pod.metadata.name.clone().unwrap_or_default();
        let namespace = object.namespace.clone().unwrap_or_default();
        let mut finding = about(
            object,
            "OldRevisionNotReady",
            format!(
                "pod of the old revision is not ready, and its StatefulSet does not replace it until it is ready; \
                 run: kubectl -n {namespace} delete pod {name}"
            ),
        );
        finding.fatal = self.lasts(&format!("stuck:{}", uid(pod)), self.policy.config_error_grace);
        finding.pod = Some(name);
        finding
    }

    fn daemon_set(&mut self, object: &ObjectRef, it: &DaemonSet) -> Vec<Finding> {
        let status = it.status.clone().unwrap_or_default();
        if let Some(finding) = unobserved(object, it.metadata.generation, status.observed_generation) {
            return vec![finding];
        }
        let want = status.desired_number_scheduled;
        if want == 0 {
            if self.policy.allow_empty_daemonsets {
                return Vec::new();
            }
            let message = "no node matches its node selector, affinity and tolerations";
            let mut finding = about(object, "NoNodeMatches", message);
            finding.fatal = self.lasts(&format!("empty:{object}"), self.policy.unschedulable_grace);
            return vec![finding];
        }
        let strategy = it.spec.as_ref().and_then(|spec| spec.update_strategy.as_ref());
        let on_delete = strategy.and_then(|strategy| strategy.type_.as_deref()) == Some("OnDelete");
        let updated = status.updated_number_scheduled.unwrap_or(0);
        let available = status.number_available.unwrap_or(0);
        if (on_delete || updated >= want) && available >= want && status.number_unavailable.unwrap_or(0) == 0 {
            return Vec::new();
        }
        let down = self.on_down_nodes(object, it, want - status.current_number_scheduled);
        if (on_delete || updated + down.old >= want) && available + down.unavailable >= want {
            return Vec::new();
        }
        let mut findings: Vec<Finding> =
            self.creation(object, uid(it), status.current_number_scheduled < want).into_iter().collect();
        let generation =
            it.metadata.annotations.as_ref().and_then(|all| all.get("deprecated.daemonset.template.generation"));
        for pod in self.view.pods_of(uid(it)) {
            let of = pod.metadata.labels.as_ref().and_then(|labels| labels.get("pod-template-generation"));
            let old = !on_delete && matches!((of, generation), (Some(of), Some(newest)) if of != newest);
            let counts = node_of(pod).is_none_or(|node| !self.view.snapshot.down_nodes.contains_key(node));
            if !old && counts {
                findings.extend(self.pod(object, pod, true));
            }
        }
        if findings.is_empty() {
            let message = if !on_delete && updated + down.old < want {
                format!("{updated} of {want} pods are of the new revision")
            } else {
                format!("{available} of {want} pods are available")
            };
            findings.push(about(object, "Progressing", message));
        }
        findings
    }

    /// What a DaemonSet lacks only because nodes are not ready or cordoned: they do not count, and are reported.
    /// `lacks`: how many of its pods do not exist at all.
    fn on_down_nodes(&mut self, object: &ObjectRef, it: &DaemonSet, lacks: i32) -> OnDownNodes {
        let nodes = &self.view.snapshot.down_nodes;
        if nodes.is_empty() {
            return OnDownNodes::default();
        }
        let pods = self.view.pods_and_ending_of(uid(it));
        let here: Vec<(&str, &Pod)> = pods
            .iter()
            .filter_map(|pod| Some((node_of(pod)?, *pod)))
            .filter(|(node, _)| nodes.contains_key(*node))
            .collect();
        let without = nodes.keys().filter(|node| here.iter().all(|(taken, _)| taken != node)).count();
        let missing = lacks.clamp(0, i32::try_from(without).unwrap_or(i32::MAX));
        let unready = here.iter().filter(|(_, pod)| !super::pods::is_ready(pod));
        let unready: Vec<&str> = unready.map(|(node, _)| *node).collect();
        if missing > 0 || !unready.is_empty() {
            let shown = |node: &str| format!("{node} ({})", nodes.get(node).map_or("not ready", String::as_str));
            let mut names: Vec<String> = unready.iter().map(|node| shown(node)).collect();
            if missing > 0 {
                let free = nodes.keys().filter(|node| here.iter().all(|(taken, _)| taken != node));
                names.extend(free.map(|node| shown(node)));
            }
            self.memory.uncounted.insert(object.to_string(), few(&names, NODES_SHOWN));
        }
        let unavailable = missing.saturating_add(i32::try_from(unready.len()).unwrap_or(i32::MAX));
        OnDownNodes { old: unavailable, unavailable }
    }

    fn job(&mut self, object: &ObjectRef, it: &Job) -> Vec<Finding> {
        let conditions = it.status.as_ref().and_then(|status| status.conditions.clone()).unwrap_or_default();
        let condition = |name: &str| conditions.iter().find(|c| c.type_ == name && c.status == "True");
        let suspended = it.spec.as_ref().and_then(|spec| spec.suspend) == Some(true);
        if condition("Complete").is_some() || suspended {
            return Vec::new();
        }
        let pods = self.view.pods_of(uid(it));
        if let Some(failed) = condition("Failed") {
            let reason = failed.reason.clone().unwrap_or_else(|| "Failed".to_owned());
            let mut finding = about(object, &reason, one_line(failed.message.as_deref().unwrap_or("the job failed")));
            finding.fatal = true;
            // The newest pod that failed has the reason.
            let last = pods.iter().rev().max_by_key(|pod| pod.metadata.creation_timestamp.clone().map(|time| time.0));
            if let Some(pod) = last {
                finding.pod.clone_from(&pod.metadata.name);
                if let Some((container, how)) = ended_badly(pod) {
                    finding.container = Some(container);
                    finding.message = format!("{}; {how}", finding.message);
                }
            }
            return vec![finding];
        }
        let mut findings: Vec<Finding> = self.creation(object, uid(it), pods.is_empty()).into_iter().collect();
        for pod in pods {
            // A Job counts failures itself, and sets its own condition when they are final.
            findings.extend(self.pod(object, pod, false).into_iter().filter(|finding| finding.reason != "NotReady"));
        }
        if findings.is_empty() {
            findings.push(about(object, "Running", "not finished yet"));
        }
        findings
    }

    fn claim(&mut self, object: &ObjectRef, it: &PersistentVolumeClaim) -> Vec<Finding> {
        let phase = it.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or("Pending");
        if phase == "Bound" {
            return Vec::new();
        }
        if phase == "Lost" {
            let mut finding = about(object, "Lost", "volume no longer exists");
            finding.fatal = true;
            return vec![finding];
        }
        let namespace = object.namespace.as_deref().unwrap_or_default();
        if self.is_delayed(it) && !self.is_used(namespace, &object.name) {
            return Vec::new();
        }
        let mut finding = about(object, "Pending", "waiting for a volume");
        (finding.event, finding.fatal) = self.claim_trouble(it);
        vec![finding]
    }

    /// The last warning about a claim, and whether it lasts too long.
    pub(super) fn claim_trouble(&mut self, it: &PersistentVolumeClaim) -> (Option<String>, bool) {
        let events = self.view.events_of(uid(it));
        let warning = events.iter().rev().find(|event| {
            event.type_.as_deref() == Some("Warning") || event.reason.as_deref() == Some("FailedBinding")
        });
        match warning {
            Some(event) => {
                let text = event_text(event);
                let seen = self.memory.fresh(event) > 0;
                (Some(text), seen && self.lasts(&format!("claim:{}", uid(it)), self.policy.claim_grace))
            }
            None => (events.last().map(|event| event_text(event)), false),
        }
    }

    /// Whether a claim is provisioned only once a pod needs it.
    fn is_delayed(&self, it: &PersistentVolumeClaim) -> bool {
        let class = it.spec.as_ref().and_then(|spec| spec.storage_class_name.as_deref()).unwrap_or_default();
        match &self.view.snapshot.delayed_classes {
            Some(delayed) => delayed.contains(class),
            None => self
                .view
                .events_of(uid(it))
                .last()
                .is_some_and(|event| event.reason.as_deref() == Some("WaitForFirstConsumer")),
        }
    }

    /// Whether an unbound claim is being provisioned: at once, or because its pod has a node.
    pub(super) fn is_being_provisioned(&self, it: &PersistentVolumeClaim) -> bool {
        let pending = it.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or("Pending") == "Pending";
        let selected = it.metadata.annotations.as_ref().is_some_and(|all| all.contains_key(SELECTED_NODE));
        pending && (selected || !self.is_delayed(it))
    }

    fn is_used(&self, namespace: &str, claim: &str) -> bool {
        self.view.snapshot.pods.iter().any(|pod| {
            pod.metadata.namespace.as_deref() == Some(namespace) && super::pods::claims(pod).any(|name| name == claim)
        })
    }

    fn bare_pod(&mut self, object: &ObjectRef, it: &Pod) -> Vec<Finding> {
        match it.status.as_ref().and_then(|status| status.phase.as_deref()) {
            Some("Succeeded") => Vec::new(),
            Some("Failed") => {
                let status = it.status.clone().unwrap_or_default();
                let said = status.message.unwrap_or_else(|| "the pod failed".to_owned());
                let mut finding = about(object, status.reason.as_deref().unwrap_or("Failed"), one_line(&said));
                finding.pod.clone_from(&it.metadata.name);
                finding.fatal = true;
                if let Some((container, how)) = ended_badly(it) {
                    finding.container = Some(container);
                    finding.message = how;
                }
                vec![finding]
            }
            _ => self.pod(object, it, true),
        }
    }
}

/// How many pods of a DaemonSet are not of the newest revision, and not available, because of their nodes.
#[derive(Default)]
struct OnDownNodes {
    old: i32,
    unavailable: i32,
}

/// The controller has not seen the newest change yet, so its status is about an older one.
fn unobserved(object: &ObjectRef, generation: Option<i64>, observed: Option<i64>) -> Option<Finding> {
    (observed.unwrap_or(0) < generation.unwrap_or(0))
        .then(|| about(object, "Progressing", "the controller has not observed the change yet"))
}

/// The number at the end of a StatefulSet pod's name.
fn ordinal(pod: &Pod) -> Option<i32> {
    pod.metadata.name.as_deref()?.rsplit_once('-')?.1.parse().ok()
}
