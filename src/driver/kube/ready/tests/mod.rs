//! The judge against made-up clusters.

mod containers;
mod scheduling;
mod workloads;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::judge::{Verdict, judge};
use super::memory::Memory;
use super::snapshot::{Expected, Snapshot};
use crate::model::cluster::{Finding, ObjectRef, ReadyPolicy};

/// When the made-up waits begin.
const START: &str = "2026-01-01T12:00:00Z";

/// A pod made after the wait began.
const JUST_NOW: &str = "2026-01-01T12:00:01Z";

/// A pod that was there the day before.
const YESTERDAY: &str = "2025-12-31T12:00:00Z";

fn object<K: DeserializeOwned>(value: Value) -> Arc<K> {
    Arc::new(serde_json::from_value(value).unwrap())
}

fn expect(kind: &str, name: &str) -> Expected {
    let api_version = match kind {
        "Job" => "batch/v1",
        "Pod" | "PersistentVolumeClaim" => "v1",
        _ => "apps/v1",
    };
    Expected {
        object: ObjectRef::namespaced(api_version, kind, "ns", name),
        cleans_up: false,
        pod_labels: BTreeMap::new(),
    }
}

/// Judges the same snapshot, or a row of them, at given seconds.
struct Watching {
    expected: Vec<Expected>,
    memory: Memory,
    policy: ReadyPolicy,
}

impl Watching {
    fn new(expected: Vec<Expected>) -> Self {
        let memory = Memory::new(START.parse::<Timestamp>().unwrap());
        Self { expected, memory, policy: ReadyPolicy::default() }
    }

    fn at(&mut self, second: u64, snapshot: &Snapshot) -> Verdict {
        let now = Duration::from_secs(second);
        judge(&self.expected, snapshot, &mut self.memory, &self.policy, now)
    }

    /// The verdict at the last of these seconds.
    fn over(&mut self, seconds: impl IntoIterator<Item = u64>, snapshot: &Snapshot) -> Verdict {
        let mut verdict = Verdict::Ready;
        for second in seconds {
            verdict = self.at(second, snapshot);
        }
        verdict
    }
}

fn waiting(verdict: Verdict) -> Vec<Finding> {
    match verdict {
        Verdict::Waiting(findings) => findings,
        other => panic!("not waiting: {other:?}"),
    }
}

fn failed(verdict: Verdict) -> Vec<Finding> {
    match verdict {
        Verdict::Failed(findings) => findings,
        other => panic!("not failed: {other:?}"),
    }
}

/// A Deployment of one pod whose newest ReplicaSet is `web-new`, with these status counts.
fn deployment(replicas: u32, updated: u32, available: u32) -> Snapshot {
    Snapshot {
        deployments: vec![object(json!({
            "metadata": {"name": "web", "namespace": "ns", "uid": "web", "generation": 2,
                "annotations": {"deployment.kubernetes.io/revision": "2"}},
            "spec": {"replicas": 1, "selector": {}, "template": {}},
            "status": {"observedGeneration": 2, "replicas": replicas, "updatedReplicas": updated, "availableReplicas": available}
        }))],
        replica_sets: vec![replica_set("web-old", "1", 0), replica_set("web-new", "2", 1)],
        ..Snapshot::default()
    }
}

fn replica_set<K: DeserializeOwned>(name: &str, revision: &str, has: u32) -> Arc<K> {
    object(json!({
        "metadata": {"name": name, "namespace": "ns", "uid": name, "annotations": {"deployment.kubernetes.io/revision": revision},
            "ownerReferences": [owner("web")]},
        "spec": {"replicas": 1, "selector": {}}, "status": {"replicas": has}
    }))
}

fn owner(uid: &str) -> Value {
    json!({"apiVersion": "x", "kind": "X", "name": uid, "uid": uid, "controller": true})
}

/// A scheduled, unready pod with one container in this state.
fn pod(name: &str, of: &str, container: Value) -> Value {
    let mut status = json!({"name": "main", "image": "", "imageID": "", "ready": false, "restartCount": 0});
    if let (Some(status), Some(more)) = (status.as_object_mut(), container.as_object()) {
        status.extend(more.clone());
    }
    json!({
        "metadata": {"name": name, "namespace": "ns", "uid": name, "creationTimestamp": JUST_NOW, "ownerReferences": [owner(of)]},
        "spec": {"containers": [{"name": "main", "image": "registry:5000/a/web:1"}]},
        "status": {"phase": "Pending",
            "conditions": [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "False"}],
            "containerStatuses": [status]}
    })
}

fn waits(reason: &str, message: &str) -> Value {
    json!({"state": {"waiting": {"reason": reason, "message": message}}})
}

/// An event about this pod's container `main`, or about another object.
fn event(uid: &str, reason: &str, message: &str, count: u32) -> Value {
    let of_container = matches!(reason, "Failed" | "Unhealthy" | "BackOff");
    let path = if of_container { json!("spec.containers{main}") } else { Value::Null };
    json!({
        "metadata": {"name": format!("{uid}.{reason}"), "namespace": "ns"}, "involvedObject": {"uid": uid, "fieldPath": path},
        "type": "Warning", "reason": reason, "message": message, "count": count, "lastTimestamp": JUST_NOW
    })
}

/// The Deployment of one pod, with this pod and these events.
fn with_pod(pod: Value, events: Vec<Value>) -> Snapshot {
    Snapshot { pods: vec![object(pod)], events: events.into_iter().map(object).collect(), ..deployment(1, 1, 0) }
}
