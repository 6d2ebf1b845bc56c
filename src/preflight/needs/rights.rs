//! The rights that an install uses: windlass's own, Helm's for what the charts render, and those that the charts'
//! roles grant. `docs/rbac.yaml` is made from these.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::grows::growing;
use crate::answers::Resolved;
use crate::catalog::action::Await;
use crate::model::cluster::{ManifestObject, ObjectRef};
use crate::model::site::Right;
use crate::model::{CRD, STATE_LEASE, STATE_NAMESPACE, SecretRef, service_place};
use crate::preflight::render::Site;

const RBAC: &str = "rbac.authorization.k8s.io";

/// What happens to an install that lacks a right.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Use {
    /// It would fail.
    Must,
    /// It would fail to create this role: the API lets nobody grant what they lack.
    Gives(ObjectRef),
    /// It would work, without this.
    Explains(&'static str),
}

/// A right that is used.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RightNeed {
    /// Which.
    pub right: Right,
    /// What for.
    pub used: Use,
    /// All of these together replace it. Empty: nothing does.
    pub instead: Vec<Right>,
}

/// Collects rights without doubles.
struct Collected(BTreeSet<RightNeed>);

impl Collected {
    fn add(&mut self, namespace: Option<&str>, group: &str, resource: &str, verbs: &[&str], used: &Use) {
        for verb in verbs {
            let right = Right::new(verb, group, resource, namespace);
            self.0.insert(RightNeed { right, used: used.clone(), instead: Vec::new() });
        }
    }

    fn must(&mut self, namespace: Option<&str>, group: &str, resource: &str, verbs: &[&str]) {
        self.add(namespace, group, resource, verbs, &Use::Must);
    }

    /// The same on one object: whoever grants it need not grant it on all others.
    fn named(&mut self, namespace: Option<&str>, group: &str, resource: &str, name: &str, verbs: &[&str]) {
        for verb in verbs {
            let right = Right::new(verb, group, resource, namespace).on(name);
            self.0.insert(RightNeed { right, used: Use::Must, instead: Vec::new() });
        }
    }

    /// A namespace may be read by who has that right in it.
    fn namespace(&mut self, name: &str, site: &Site) {
        let right = Right::new("get", "", "namespaces", Some(name)).on(name);
        self.0.insert(RightNeed { right, used: Use::Must, instead: Vec::new() });
        if site.absent.contains(name) {
            self.must(None, "", "namespaces", &["create"]);
        }
        if site.relabelled.contains(name) {
            self.named(Some(name), "", "namespaces", name, &["patch"]);
        }
    }
}

/// All rights, in a fixed order. `filled`: the Secrets that windlass fills, by namespace.
///
/// What has a known name is asked for by that name. `create` cannot be: the API does not know the name of what does not
/// exist yet; and neither can lists.
pub(super) fn rights(
    wanted: &Resolved,
    objects: &[&ManifestObject],
    site: &Site,
    filled: &BTreeMap<&str, BTreeSet<&str>>,
) -> Vec<RightNeed> {
    let mut all = Collected(BTreeSet::new());
    state_rights(&mut all, site);
    let copied = wanted.components.iter().flat_map(|component| &component.secrets).filter_map(|secret| secret.from());
    for from in copied.chain(&wanted.pull_secret) {
        if let SecretRef::Secret(full) = from
            && let Some((namespace, name)) = full.split_once('/')
        {
            let right = Right::new("get", "", "secrets", Some(namespace)).on(name);
            all.0.insert(RightNeed { right, used: Use::Must, instead: Vec::new() });
        }
    }
    let releases = wanted.components.iter().filter_map(|component| component.release.as_ref());
    for namespace in releases.map(|release| release.namespace.as_str()).collect::<BTreeSet<_>>() {
        let here = objects.iter().filter(|object| object.object.namespace.as_deref() == Some(namespace));
        let kinds: BTreeSet<&str> = here.map(|object| object.object.kind.as_str()).collect();
        release_rights(&mut all, namespace, &kinds, site);
        for secret in filled.get(namespace).into_iter().flatten() {
            all.named(Some(namespace), "", "secrets", secret, &["patch"]);
        }
    }
    for (name, _) in wanted.components.iter().flat_map(|component| &component.namespaces) {
        all.namespace(name, site);
        for secret in filled.get(name.as_str()).into_iter().flatten() {
            // A patch that creates what it patches needs the right to create it.
            all.must(Some(name), "", "secrets", &["create"]);
            all.named(Some(name), "", "secrets", secret, &["get", "patch", "delete"]);
        }
    }
    for (namespace, service) in services(wanted) {
        all.named(Some(namespace), "", "services", service, &["get"]);
    }
    for component in &wanted.components {
        let Some(namespace) = component.namespace.as_deref() else { continue };
        let rotate = component.rotate.values().flatten();
        let actions = component.actions().chain(rotate);
        for run in actions.filter_map(|action| action.kind.jobs()) {
            // Found again by label; names are what they are made with.
            let named = run.config_map_names().map(|name| ("", "configmaps", name));
            let named =
                [("batch", "jobs", run.name.clone()), ("", "services", run.name.clone())].into_iter().chain(named);
            for (group, resource, name) in named {
                all.must(Some(namespace), group, resource, &["list", "create"]);
                all.named(Some(namespace), group, resource, &name, &["delete"]);
            }
            all.named(Some(namespace), "batch", "jobs", &run.name, &["get"]);
        }
        if !component.config_maps.is_empty() {
            // Named by their content, which changes.
            all.must(Some(namespace), "", "configmaps", &["get", "list", "create", "delete"]);
        }
    }
    for (namespace, grow) in growing(wanted) {
        // One for each pod, and pods come and go with a number.
        all.must(Some(namespace), "", "persistentvolumeclaims", &["list", "patch"]);
        all.named(Some(namespace), "apps", "statefulsets", &grow.name, &["get", "delete"]);
    }
    let crds = wanted.components.iter().filter_map(|component| component.release.as_ref()).flat_map(|it| &it.crds);
    for crd in crds.filter(|crd| crd.object.kind == CRD) {
        all.must(None, "apiextensions.k8s.io", "customresourcedefinitions", &["create"]);
        let (group, plural) = ("apiextensions.k8s.io", "customresourcedefinitions");
        all.named(None, group, plural, &crd.object.name, &["get", "patch"]);
    }
    for (namespace, wait) in waits(wanted) {
        let Some(resource) = site.resource(&wait_object(namespace, wait)) else { continue };
        let namespace = Some(namespace).filter(|_| resource.namespaced);
        match &wait.name {
            Some(name) => all.named(namespace, &resource.group, &resource.plural, name, &["get"]),
            None => all.must(namespace, &resource.group, &resource.plural, &["list"]),
        }
    }
    for object in objects {
        let Some(resource) = site.resource(&object.object) else { continue };
        let namespace = object.object.namespace.as_deref().filter(|_| resource.namespaced);
        // Helm reads, creates and changes by server-side apply (a patch), and deletes what a chart no longer has.
        let (group, plural, name) = (&resource.group, &resource.plural, &object.object.name);
        all.must(namespace, group, plural, &["create"]);
        all.named(namespace, group, plural, name, &["get", "patch", "delete"]);
        role_rights(&mut all, object, namespace);
    }
    all.0.into_iter().collect()
}

/// What the pull tests of an offline install need besides: a Job each.
#[must_use]
pub fn pull_tests(namespace: &str, count: usize) -> BTreeSet<RightNeed> {
    let mut all = Collected(BTreeSet::new());
    all.must(Some(namespace), "batch", "jobs", &["list", "create"]);
    all.must(Some(namespace), "", "pods", &["list"]);
    for at in 1..=count {
        all.named(Some(namespace), "batch", "jobs", &format!("windlass-pull-test-{at}"), &["delete"]);
    }
    all.0
}

/// The state Secret and the lock.
fn state_rights(all: &mut Collected, site: &Site) {
    let system = Some(STATE_NAMESPACE);
    all.namespace(STATE_NAMESPACE, site);
    // Beside the state's own there are those with long lists, named by their content.
    all.must(system, "", "secrets", &["get", "create", "update", "delete"]);
    all.must(system, "coordination.k8s.io", "leases", &["create"]);
    all.named(system, "coordination.k8s.io", "leases", STATE_LEASE, &["get", "update", "patch", "delete"]);
}

/// The Services that actions ask, each with its namespace.
fn services(wanted: &Resolved) -> BTreeSet<(&str, &str)> {
    let mut found = BTreeSet::new();
    for component in &wanted.components {
        let Some(namespace) = component.namespace.as_deref() else { continue };
        for action in component.actions() {
            let place = action.kind.kind().service().and_then(|service| service_place(service, namespace));
            found.extend(place.map(|(namespace, name, _)| (namespace, name)));
        }
    }
    found
}

/// What actions wait for, each with its namespace.
pub(in crate::preflight) fn waits(wanted: &Resolved) -> impl Iterator<Item = (&str, &Await)> {
    wanted.components.iter().flat_map(|component| {
        let waits = component.actions().filter_map(|action| action.kind.waits_for());
        let own = component.namespace.as_deref().unwrap_or_default();
        waits.map(move |wait| (wait.namespace.as_deref().unwrap_or(own), wait))
    })
}

/// An object that is waited for.
pub(in crate::preflight) fn wait_object(namespace: &str, wait: &Await) -> ObjectRef {
    let name = wait.name.as_deref().or(wait.selector.as_deref()).unwrap_or_default();
    ObjectRef::namespaced(&wait.api_version, &wait.kind, namespace, name)
}

/// What windlass and Helm do in the namespace of a release, whatever the chart has.
fn release_rights(all: &mut Collected, namespace: &str, kinds: &BTreeSet<&str>, site: &Site) {
    let here = Some(namespace);
    all.namespace(namespace, site);
    // Helm's records, one more for each revision.
    all.must(here, "", "secrets", &["get", "list", "create", "update", "delete"]);
    // Readiness, checks, and what checks and Spark leave behind.
    all.must(here, "", "pods", &["get", "list", "watch", "delete"]);
    all.must(here, "", "pods/log", &["get"]);
    // Port-forwards: a websocket is opened by GET, and clusters from 1.35 on ask for create as well.
    all.must(here, "", "pods/portforward", &["get", "create"]);
    all.must(here, "discovery.k8s.io", "endpointslices", &["list"]);
    let followed = ["list", "watch"];
    for (kind, group, resource) in [
        ("Deployment", "apps", "deployments"),
        ("StatefulSet", "apps", "statefulsets"),
        ("DaemonSet", "apps", "daemonsets"),
        ("Job", "batch", "jobs"),
        ("PersistentVolumeClaim", "", "persistentvolumeclaims"),
    ] {
        if kinds.contains(kind) {
            all.must(here, group, resource, &followed);
        }
    }
    let reasons = Use::Explains("the reasons why something is not ready may be missing");
    all.add(here, "", "events", &followed, &reasons);
    if kinds.contains("Deployment") {
        all.add(here, "apps", "replicasets", &followed, &reasons);
    }
    if !kinds.contains("PersistentVolumeClaim") {
        all.add(here, "", "persistentvolumeclaims", &followed, &reasons);
    }
}

/// The rights that a role grants: who creates it must have them, or the rights to escalate and to bind.
fn role_rights(all: &mut Collected, object: &ManifestObject, namespace: Option<&str>) {
    let roles = match object.object.kind.as_str() {
        "Role" => "roles",
        "ClusterRole" => "clusterroles",
        _ => return,
    };
    let words = |rule: &Value, key: &str| -> Vec<String> {
        let words = rule[key].as_array().into_iter().flatten();
        words.filter_map(|word| word.as_str().map(str::to_owned)).collect()
    };
    for rule in object.body["rules"].as_array().into_iter().flatten() {
        let names = words(rule, "resourceNames");
        for group in words(rule, "apiGroups") {
            for resource in words(rule, "resources") {
                for verb in words(rule, "verbs") {
                    let right = Right::new(&verb, &group, &resource, namespace);
                    let rights = if names.is_empty() {
                        vec![right]
                    } else {
                        names.iter().map(|name| right.clone().on(name)).collect()
                    };
                    all.0.extend(rights.into_iter().map(|right| RightNeed {
                        right,
                        used: Use::Gives(object.object.clone()),
                        instead: ["escalate", "bind"].map(|verb| Right::new(verb, RBAC, roles, namespace)).to_vec(),
                    }));
                }
            }
        }
    }
}

/// What preflight itself reads beyond what an install uses. Without one of these a check is skipped.
#[must_use]
pub fn preflight_rights<'a>(namespaces: impl IntoIterator<Item = &'a String>) -> Vec<Right> {
    let mut rights = vec![
        Right::new("list", "", "nodes", None),
        Right::new("list", "", "pods", None),
        Right::new("list", "storage.k8s.io", "storageclasses", None),
        Right::new("list", "networking.k8s.io", "ingressclasses", None),
        Right::new("get", "", "configmaps", Some("kube-system")).on("coredns"),
    ];
    for namespace in namespaces {
        for resource in ["limitranges", "persistentvolumeclaims", "resourcequotas"] {
            rights.push(Right::new("list", "", resource, Some(namespace)));
        }
    }
    rights
}
