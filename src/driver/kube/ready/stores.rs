//! Watches of the kinds that matter, each kept in a store that survives dropped connections and expired versions.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::{BoxStream, SelectAll};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Event, PersistentVolumeClaim};
use kube::api::Api;
use kube::runtime::reflector::{self, Store, reflector};
use kube::runtime::utils::Backoff;
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Client, Resource};
use serde::de::DeserializeOwned;

use super::snapshot::{Expected, Snapshot, selector};
use crate::driver::kube::ApiError;
use crate::driver::kube::small::Pod;

/// A watch is restarted after this long: a connection that died silently is noticed a few seconds later.
const WATCH_SECONDS: u32 = 25;

/// How many objects one response holds when a watch starts.
const PAGE: u32 = 100;

/// Selects the events that can explain something.
const NOT_ROUTINE: &str = "reason!=Scheduled,reason!=Created,reason!=Started,reason!=Killing,reason!=SuccessfulCreate,\
                           reason!=SuccessfulDelete,reason!=ScalingReplicaSet";

/// A notice of a watch.
pub(super) struct Notice {
    /// Which watch.
    pub(super) watch: usize,
    pub(super) event: WatchEvent,
}

pub(super) enum WatchEvent {
    /// The store is complete (again).
    Complete,
    /// Something in the store changed.
    Changed,
    /// The API refused or did not answer; the watch keeps retrying.
    Failed(ApiError),
}

/// One watch.
pub(super) struct Watch {
    pub(super) what: String,
    /// Without it nothing can be decided; the others only explain.
    pub(super) essential: bool,
    pub(super) complete: bool,
}

/// All watches of one wait, and what they have collected.
#[derive(Default)]
pub(super) struct Stores {
    pub(super) watches: Vec<Watch>,
    pub(super) notices: SelectAll<BoxStream<'static, Notice>>,
    deployments: Vec<Store<Deployment>>,
    replica_sets: Vec<Store<ReplicaSet>>,
    stateful_sets: Vec<Store<StatefulSet>>,
    daemon_sets: Vec<Store<DaemonSet>>,
    jobs: Vec<Store<Job>>,
    pods: Vec<Store<Pod>>,
    claims: Vec<Store<PersistentVolumeClaim>>,
    events: Vec<Store<Event>>,
}

impl Stores {
    /// Watches what these objects need, in each of their namespaces: kinds that are not expected are not watched.
    pub(super) fn new(client: &Client, expected: &[Expected]) -> Self {
        let mut stores = Self::default();
        let namespaces: BTreeSet<&str> =
            expected.iter().filter_map(|expected| expected.object.namespace.as_deref()).collect();
        for namespace in namespaces {
            let here: Vec<&Expected> =
                expected.iter().filter(|it| it.object.namespace.as_deref() == Some(namespace)).collect();
            let has = |kind: &str| here.iter().any(|it| it.object.kind == kind);
            let mut add =
                WatchBuilder { client, namespace, watches: &mut stores.watches, notices: &mut stores.notices };
            if has("Deployment") {
                stores.deployments.push(add.watch(true));
                stores.replica_sets.push(add.watch(false));
            }
            if has("StatefulSet") {
                stores.stateful_sets.push(add.watch(true));
            }
            if has("DaemonSet") {
                stores.daemon_sets.push(add.watch(true));
            }
            if has("Job") {
                stores.jobs.push(add.watch(true));
            }
            stores.claims.push(add.watch(has("PersistentVolumeClaim")));
            stores.pods.push(add.pods(selector(&here).as_deref()));
            stores.events.push(add.events());
        }
        stores
    }

    /// Only the pods with these labels, and the events.
    pub(super) fn of_pods(client: &Client, namespace: &str, selector: &str) -> Self {
        let mut stores = Self::default();
        let mut add = WatchBuilder { client, namespace, watches: &mut stores.watches, notices: &mut stores.notices };
        stores.pods.push(add.pods(Some(selector)));
        stores.claims.push(add.watch(false));
        stores.events.push(add.events());
        stores
    }

    /// Whether every watch has listed what there is, so that a missing object is really missing.
    pub(super) fn complete(&self) -> bool {
        self.watches.iter().all(|watch| watch.complete)
    }

    /// What is known now.
    pub(super) fn snapshot(&self, delayed_classes: Option<BTreeSet<String>>) -> Snapshot {
        Snapshot {
            deployments: all(&self.deployments),
            replica_sets: all(&self.replica_sets),
            stateful_sets: all(&self.stateful_sets),
            daemon_sets: all(&self.daemon_sets),
            jobs: all(&self.jobs),
            pods: all(&self.pods),
            claims: all(&self.claims),
            events: all(&self.events),
            delayed_classes,
            down_nodes: BTreeMap::new(),
        }
    }
}

fn all<K>(stores: &[Store<K>]) -> Vec<std::sync::Arc<K>>
where
    K: Resource + Clone + 'static,
    K::DynamicType: Eq + std::hash::Hash + Clone,
{
    stores.iter().flat_map(Store::state).collect()
}

struct WatchBuilder<'a> {
    client: &'a Client,
    namespace: &'a str,
    watches: &'a mut Vec<Watch>,
    notices: &'a mut SelectAll<BoxStream<'static, Notice>>,
}

impl WatchBuilder<'_> {
    fn watch<K>(&mut self, essential: bool) -> Store<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
        K: Clone + Debug + DeserializeOwned + Send + Sync + 'static,
    {
        self.watch_with(essential, watcher::Config::default(), |_| {})
    }

    /// The pods with these labels.
    fn pods(&mut self, selector: Option<&str>) -> Store<Pod> {
        let config = watcher::Config::default();
        let config = match selector {
            Some(selector) => config.labels(selector),
            None => config,
        };
        self.watch_with(true, config, Pod::shrink)
    }

    /// Events, without the routine ones, which are most.
    fn events(&mut self) -> Store<Event> {
        self.watch_with(false, watcher::Config::default().fields(NOT_ROUTINE), |_| {})
    }

    fn watch_with<K>(&mut self, essential: bool, config: watcher::Config, shrink: fn(&mut K)) -> Store<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
        K: Clone + Debug + DeserializeOwned + Send + Sync + 'static,
    {
        let api: Api<K> = Api::namespaced(self.client.clone(), self.namespace);
        let (store, writer) = reflector::store();
        let watch = self.watches.len();
        let shrink = move |object: &mut K| {
            object.meta_mut().managed_fields = None;
            shrink(object);
        };
        let config = config.timeout(WATCH_SECONDS).page_size(PAGE);
        let stream = watcher(api, config).backoff(Pauses::default()).modify(shrink);
        let notices = reflector(writer, stream).map(move |event| Notice {
            watch,
            event: match event {
                Ok(watcher::Event::InitDone) => WatchEvent::Complete,
                Ok(_) => WatchEvent::Changed,
                Err(err) => WatchEvent::Failed((&err).into()),
            },
        });
        self.notices.push(notices.boxed());
        let what = format!("{} in {}", K::plural(&()), self.namespace);
        self.watches.push(Watch { what, essential, complete: false });
        store
    }
}

/// Pauses after failures: short, because a user is waiting.
#[derive(Default)]
struct Pauses {
    failures: u32,
}

impl Iterator for Pauses {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let pause = Duration::from_millis(250 << self.failures.min(4));
        self.failures += 1;
        Some(pause)
    }
}

impl Backoff for Pauses {
    fn reset(&mut self) {
        self.failures = 0;
    }
}
