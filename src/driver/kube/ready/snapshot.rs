//! What the API showed at one moment, and how its objects belong together.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Event, PersistentVolumeClaim};
use kube::Resource;

use crate::driver::kube::small::Pod;
use crate::model::cluster::{ManifestObject, ObjectRef};

/// The objects of all namespaces that matter.
#[derive(Debug, Clone, Default)]
pub(super) struct Snapshot {
    pub(super) deployments: Vec<Arc<Deployment>>,
    pub(super) replica_sets: Vec<Arc<ReplicaSet>>,
    pub(super) stateful_sets: Vec<Arc<StatefulSet>>,
    pub(super) daemon_sets: Vec<Arc<DaemonSet>>,
    pub(super) jobs: Vec<Arc<Job>>,
    pub(super) pods: Vec<Arc<Pod>>,
    pub(super) claims: Vec<Arc<PersistentVolumeClaim>>,
    pub(super) events: Vec<Arc<Event>>,
    /// The storage classes that provision only when a pod needs the volume; `None` if they cannot be read.
    pub(super) delayed_classes: Option<BTreeSet<String>>,
    /// The nodes that are not ready or cordoned, each with which of the two.
    pub(super) down_nodes: BTreeMap<String, String>,
}

/// What is waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Expected {
    pub(super) object: ObjectRef,
    /// A Job that goes away after its end.
    pub(super) cleans_up: bool,
    /// The labels of its pods; empty if it has none.
    pub(super) pod_labels: BTreeMap<String, String>,
}

/// The kinds that have a readiness of their own.
pub(super) fn expected(objects: &[ManifestObject]) -> Vec<Expected> {
    objects
        .iter()
        .filter(|object| {
            let group = object.object.api_version.split_once('/').map_or("", |(group, _)| group);
            matches!(
                (group, object.object.kind.as_str()),
                ("apps", "Deployment" | "StatefulSet" | "DaemonSet")
                    | ("batch", "Job")
                    | ("", "PersistentVolumeClaim" | "Pod")
            )
        })
        .map(|object| Expected {
            object: object.object.clone(),
            cleans_up: object.body.pointer("/spec/ttlSecondsAfterFinished").is_some_and(|ttl| !ttl.is_null()),
            pod_labels: pod_labels(object),
        })
        .collect()
}

fn pod_labels(object: &ManifestObject) -> BTreeMap<String, String> {
    let place = match object.object.kind.as_str() {
        "Pod" => "/metadata/labels",
        "PersistentVolumeClaim" => return BTreeMap::new(),
        _ => "/spec/template/metadata/labels",
    };
    let labels = object.body.pointer(place).and_then(serde_json::Value::as_object);
    let text = |(name, value): (&String, &serde_json::Value)| Some((name.clone(), value.as_str()?.to_owned()));
    labels.into_iter().flatten().filter_map(text).collect()
}

/// The labels that all pods of a namespace that matter carry, as a selector; `None` where they share none, or somebody
/// else's pods matter.
pub(super) fn selector(expected: &[&Expected]) -> Option<String> {
    let mut all = expected.iter().filter(|it| it.object.kind != "PersistentVolumeClaim").map(|it| &it.pod_labels);
    let mut shared = all.next()?.clone();
    for labels in all {
        shared.retain(|name, value| labels.get(name) == Some(value));
    }
    let pairs: Vec<String> = shared.iter().map(|(name, value)| format!("{name}={value}")).collect();
    (!pairs.is_empty()).then(|| pairs.join(","))
}

/// A snapshot with its relations looked up once.
pub(super) struct View<'a> {
    pub(super) snapshot: &'a Snapshot,
    pods: HashMap<&'a str, Vec<&'a Pod>>,
    replica_sets: HashMap<&'a str, Vec<&'a ReplicaSet>>,
    events: HashMap<&'a str, Vec<&'a Event>>,
}

impl<'a> View<'a> {
    pub(super) fn new(snapshot: &'a Snapshot) -> Self {
        let mut events: HashMap<&str, Vec<&Event>> = HashMap::new();
        for event in &snapshot.events {
            if let Some(uid) = event.involved_object.uid.as_deref() {
                events.entry(uid).or_default().push(event);
            }
        }
        for list in events.values_mut() {
            list.sort_by_key(|event| event_time(event));
        }
        Self { snapshot, pods: by_owner(&snapshot.pods), replica_sets: by_owner(&snapshot.replica_sets), events }
    }

    /// The pods that this object controls, by name; those that terminate are omitted.
    pub(super) fn pods_of(&self, uid: &str) -> Vec<&'a Pod> {
        let mut pods = self.pods.get(uid).cloned().unwrap_or_default();
        pods.retain(|pod| pod.metadata.deletion_timestamp.is_none());
        pods.sort_by(|a, b| a.metadata.name.cmp(&b.metadata.name));
        pods
    }

    /// The pods that this object controls, those that terminate included.
    pub(super) fn pods_and_ending_of(&self, uid: &str) -> &[&'a Pod] {
        self.pods.get(uid).map(Vec::as_slice).unwrap_or_default()
    }

    /// The ReplicaSets that this Deployment controls.
    pub(super) fn replica_sets_of(&self, uid: &str) -> &[&'a ReplicaSet] {
        self.replica_sets.get(uid).map(Vec::as_slice).unwrap_or_default()
    }

    /// The events about this object, oldest first.
    pub(super) fn events_of(&self, uid: &str) -> &[&'a Event] {
        self.events.get(uid).map(Vec::as_slice).unwrap_or_default()
    }

    /// The claim that a pod in this namespace names.
    pub(super) fn claim(&self, namespace: &str, name: &str) -> Option<&'a PersistentVolumeClaim> {
        find(&self.snapshot.claims, namespace, name)
    }
}

/// The object of this name in a list of one kind.
pub(super) fn find<'a, K: Resource>(list: &'a [Arc<K>], namespace: &str, name: &str) -> Option<&'a K> {
    list.iter().map(Arc::as_ref).find(|object| {
        let meta = object.meta();
        meta.name.as_deref() == Some(name) && meta.namespace.as_deref() == Some(namespace)
    })
}

fn by_owner<K: Resource>(list: &[Arc<K>]) -> HashMap<&str, Vec<&K>> {
    let mut owned: HashMap<&str, Vec<&K>> = HashMap::new();
    for object in list {
        let owners = object.meta().owner_references.iter().flatten();
        for owner in owners.filter(|owner| owner.controller == Some(true)) {
            owned.entry(&owner.uid).or_default().push(object);
        }
    }
    owned
}

/// An object's uid; empty only for what no API sent.
pub(super) fn uid<K: Resource>(object: &K) -> &str {
    object.meta().uid.as_deref().unwrap_or_default()
}

/// When an event last happened. Old and new event APIs fill different fields.
pub(super) fn event_time(event: &Event) -> Option<Timestamp> {
    let series = event.series.as_ref().and_then(|series| series.last_observed_time.as_ref()).map(|time| time.0);
    let single = event.event_time.as_ref().map(|time| time.0);
    series.max(event.last_timestamp.as_ref().map(|time| time.0)).max(single).or(event
        .metadata
        .creation_timestamp
        .as_ref()
        .map(|time| time.0))
}

/// How often an event happened.
pub(super) fn event_count(event: &Event) -> u32 {
    let series = event.series.as_ref().and_then(|series| series.count);
    u32::try_from(series.max(event.count).unwrap_or(1)).unwrap_or(1)
}

/// `Reason: message`, on one line.
pub(super) fn event_text(event: &Event) -> String {
    format!("{}: {}", event.reason.as_deref().unwrap_or("Event"), event_message(event))
}

/// An event's message on one line, without the mark of several that were counted together.
pub(super) fn event_message(event: &Event) -> String {
    let message = event.message.as_deref().unwrap_or_default().trim();
    one_line(message.strip_prefix("(combined from similar events):").unwrap_or(message))
}

/// A text without line breaks and runs of blanks.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
