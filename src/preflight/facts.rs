//! What the cluster and this machine have: asked at the same time, each query with a deadline of its own. What may
//! not be read is a fact, too.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use futures::StreamExt as _;
use futures::future::join_all;

use super::needs::{GrowNeed, Needs, RightNeed, SecretNeed, needs, pull_tests, wait_object, waits};
use super::render::{Rendered, Site, defined, render};
use super::seen::{FailedQuery, Query, QueryFailure, QueryResult, ask};
use super::trials::{TrialResult, trials, try_all};
use crate::answers::Resolved;
use crate::driver::disk::disk;
use crate::driver::helm::Helm;
use crate::driver::kube::{Cluster, KubeError};
use crate::driver::process::{own_process, still_runs};
use crate::model::cluster::{ClaimState, ManifestObject, NamespaceState, ObjectRef, ReleaseKey};
use crate::model::lock::LockStatus;
use crate::model::observed::Observed;
use crate::model::site::{Disk, IngressClass, Limit, Node, PodUse, Quota, Right, StorageClass};
use crate::model::volumes::claim_template;
use crate::model::{Quantity, STATE_NAMESPACE};
use crate::plan::{adoptions, relabelled, updates};

/// How many rights are asked about at the same time.
const AT_ONCE: usize = 16;

/// All that is known.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The user, as the API knows it.
    pub user: Option<String>,
    /// The cluster's version.
    pub version: String,
    /// The namespaces that are asked for, windlass's own among them.
    pub namespaces: BTreeMap<String, QueryResult<Option<NamespaceState>>>,
    /// The nodes.
    pub nodes: QueryResult<Vec<Node>>,
    /// What the pods of the cluster request.
    pub pods: QueryResult<Vec<PodUse>>,
    /// The StorageClasses.
    pub storage_classes: QueryResult<Vec<StorageClass>>,
    /// The IngressClasses.
    pub ingress_classes: QueryResult<Vec<IngressClass>>,
    /// Quotas by namespace.
    pub quotas: BTreeMap<String, QueryResult<Vec<Quota>>>,
    /// Limits by namespace.
    pub limits: BTreeMap<String, QueryResult<Vec<Limit>>>,
    /// Volumes by namespace.
    pub claims: BTreeMap<String, QueryResult<Vec<ClaimState>>>,
    /// What is to become larger, and the size that its StatefulSet requests now, if it exists.
    pub grows: Vec<(GrowNeed, QueryResult<Option<Quantity>>)>,
    /// Whether each namespace exists that a NetworkPolicy allows.
    pub peers: BTreeMap<String, QueryResult<bool>>,
    /// Whether each Secret that is needed exists.
    pub secrets: BTreeMap<SecretNeed, QueryResult<bool>>,
    /// The domain of the cluster's DNS, where that is known.
    pub domain: QueryResult<Option<String>>,
    /// Seconds that the API server's clock is ahead of ours.
    pub clock: QueryResult<i64>,
    /// Whether we have each right that was asked about.
    pub rights: BTreeMap<Right, QueryResult<bool>>,
    /// Changes to existing objects, and why the API refuses them.
    pub trials: Vec<TrialResult>,
    /// New objects of releases, and their owners if they exist.
    pub owners: Vec<(ReleaseKey, ObjectRef, QueryResult<Option<Owner>>)>,
    /// Another run that holds the lock, as the lock describes it.
    pub runs: QueryResult<Option<String>>,
    /// Where runs are kept.
    pub disk: QueryResult<Disk>,
}

/// What is needed, what there is, and what the charts render.
#[derive(Debug, Clone)]
pub struct PreflightInputs {
    /// What is needed.
    pub needs: Needs,
    /// What there is.
    pub facts: Facts,
    /// What the charts render.
    pub rendered: Vec<Rendered>,
}

/// The owner of an existing object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// Another release's.
    Release(ReleaseKey),
    /// No release's.
    Nobody,
}

/// Facts about the cluster, whatever is installed: all but those that depend on the charts, which [`gather`] adds.
pub async fn cluster_facts(wanted: &Resolved, cluster: &Cluster, run_folder: &Path) -> Facts {
    let releases: BTreeSet<(&str, &str)> = wanted
        .components
        .iter()
        .filter_map(|component| component.release.as_ref())
        .map(|release| (release.namespace.as_str(), release.name.as_str()))
        .collect();
    let places = wanted.components.iter().flat_map(|component| component.places());
    let names: BTreeSet<String> = places.map(|(name, _)| name.to_owned()).collect();
    let ours = |namespace: &str, instance: &str| releases.contains(&(namespace, instance));
    let all: Vec<String> = names.into_iter().chain([STATE_NAMESPACE.to_owned()]).collect();
    let theirs = &all[..all.len() - 1];
    let (namespaces, quotas, limits, claims, nodes, pods, storage_classes, ingress_classes, domain, clock, user, runs) = tokio::join!(
        each(&all, |name| async move { ask(Query::Namespace(name.clone()), cluster.namespace(&name)).await }),
        each(
            theirs,
            |name| async move { ask(Query::ListIn("resourcequotas", name.clone()), cluster.quotas(&name)).await }
        ),
        each(
            theirs,
            |name| async move { ask(Query::ListIn("limitranges", name.clone()), cluster.limits(&name)).await }
        ),
        each(theirs, |name| async move {
            ask(Query::ListIn("persistentvolumeclaims", name.clone()), cluster.all_claims(&name)).await
        }),
        ask(Query::List("nodes"), cluster.nodes()),
        ask(Query::ListAll("pods"), cluster.pod_uses(ours)),
        ask(Query::List("storageclasses"), cluster.storage_classes()),
        ask(Query::List("ingressclasses"), cluster.ingress_classes()),
        ask(Query::Get(ObjectRef::namespaced("v1", "ConfigMap", "kube-system", "coredns")), cluster.dns_domain()),
        ask(Query::Other("read the API server's clock".to_owned()), cluster.clock_ahead()),
        ask(Query::Other("get the current user".to_owned()), cluster.user_name()),
        ask(Query::Other("get the lock of windlass".to_owned()), another_run(cluster)),
    );
    Facts {
        user: user.ok().flatten(),
        version: cluster.info().version.clone(),
        namespaces,
        nodes,
        pods,
        storage_classes,
        ingress_classes,
        quotas,
        limits,
        claims,
        grows: Vec::new(),
        peers: BTreeMap::new(),
        secrets: BTreeMap::new(),
        domain,
        clock: clock.map(|ahead| ahead.as_secs()),
        rights: BTreeMap::new(),
        trials: Vec::new(),
        owners: Vec::new(),
        runs,
        disk: disk(run_folder).map_err(|error| FailedQuery {
            what: Query::Other(format!("read the free space of {}", run_folder.display())),
            why: QueryFailure::Failed(error.to_string()),
        }),
    }
}

/// The run of another process, as far as its lock tells.
async fn another_run(cluster: &Cluster) -> Result<Option<String>, KubeError> {
    let Some(lock) = cluster.lock().await? else { return Ok(None) };
    let ours = lock.process.is_some() && lock.process == own_process().ok();
    let held = !ours && lock.standing(cluster.now().await?, still_runs) == LockStatus::Held;
    Ok(held.then(|| lock.to_string()))
}

/// Renders the charts, and adds all that they need to the cluster's facts; what differs from what was `observed` is
/// tried.
/// Without Helm nothing is known of the charts.
///
/// # Errors
/// When the API does not say which kinds it serves: nothing else can be checked then.
pub async fn gather(
    wanted: &Resolved,
    observed: &Observed,
    cluster: &Cluster,
    helm: Option<&Helm>,
    cluster_facts: impl Future<Output = Facts>,
) -> Result<PreflightInputs, KubeError> {
    let rendered = async {
        let Some(helm) = helm else { return Ok(Vec::new()) };
        render(wanted, observed, cluster, helm, |_| true).await
    };
    let (rendered, mut facts) = tokio::join!(rendered, cluster_facts);
    let rendered = rendered?;
    let absent = facts.namespaces.iter().filter(|(_, found)| matches!(found, Ok(None)));
    let mut site = Site {
        absent: absent.map(|(name, _)| name.clone()).collect(),
        relabelled: relabelled(wanted, observed).into_keys().collect(),
        ..Site::default()
    };
    let objects = rendered.iter().filter_map(|one| one.objects.as_ref().ok()).flatten();
    let objects = objects.map(|object| object.object.clone());
    for object in objects.chain(waits(wanted).map(|(namespace, wait)| wait_object(namespace, wait))) {
        let kind = (object.api_version.clone(), object.kind.clone());
        if let Some(resource) = cluster.resource(&object).await? {
            site.resources.insert(kind, resource);
        }
    }
    define(&rendered, &mut site);
    let mut needs = Needs { adoptions: adoptions(wanted, observed), ..needs(wanted, &rendered, &site) };
    let first = wanted.components.iter().find_map(|component| component.release.as_ref());
    if let (Some(offline), Some(release)) = (&observed.offline, first) {
        let tests = pull_tests(&release.namespace, offline.pools.len());
        let known: BTreeSet<RightNeed> = std::mem::take(&mut needs.rights).into_iter().chain(tests).collect();
        needs.rights = known.into_iter().collect();
    }
    let trials = trials(&rendered, &updates(wanted, observed), observed);
    let peers: BTreeSet<&String> = needs.peers.keys().chain(needs.elsewhere.keys()).collect();
    let peers: Vec<String> = peers.into_iter().cloned().collect();
    (facts.rights, facts.secrets, facts.trials, facts.owners, facts.grows, facts.peers) = tokio::join!(
        review(cluster, &needs.rights),
        secrets(cluster, &needs.secrets),
        try_all(cluster, trials),
        owners(cluster, &rendered, &site, observed),
        grows(cluster, &needs.grows),
        each(&peers, |name| async move {
            ask(Query::Namespace(name.clone()), cluster.namespace(&name)).await.map(|found| found.is_some())
        }),
    );
    Ok(PreflightInputs { needs, facts, rendered })
}

/// What the install itself lets the cluster serve: kinds of each chart's own `crds/`, which are applied first, and those
/// that another release renders. Helm looks all kinds of a release up before it sends any, so that a definition among
/// the templates is of no use to the release that it is in.
fn define(rendered: &[Rendered], site: &mut Site) {
    for (one, kind) in rendered.iter().flat_map(|one| one.defines.iter().map(move |kind| (one, kind))) {
        for api_version in &kind.api_versions {
            let name = (api_version.clone(), kind.kind.clone());
            if !site.resources.contains_key(&name) || site.brought.contains_key(&name) {
                site.brought.entry(name.clone()).or_default().insert(one.key.clone());
                site.resources.entry(name).or_insert_with(|| kind.resource.clone());
            }
        }
    }
    for one in rendered {
        for kind in one.objects.iter().flatten().filter_map(|object| defined(&object.body)) {
            for api_version in &kind.api_versions {
                let name = (api_version.clone(), kind.kind.clone());
                let mut objects = one.objects.iter().flatten();
                let wants =
                    |object: &ManifestObject| (&object.object.api_version, &object.object.kind) == (&name.0, &name.1);
                if !objects.any(wants) {
                    site.resources.entry(name).or_insert_with(|| kind.resource.clone());
                }
            }
        }
    }
}

/// Asks the API about each right, and about those that can replace it.
pub async fn review(cluster: &Cluster, rights: &[RightNeed]) -> BTreeMap<Right, QueryResult<bool>> {
    let all: BTreeSet<&Right> = rights.iter().flat_map(|need| need.instead.iter().chain([&need.right])).collect();
    // Collected first: a closure that borrows from a stream's items is not `Send` in the compiler's eyes.
    let asked: Vec<_> = all
        .into_iter()
        .cloned()
        .map(|right| async move {
            let seen = ask(Query::Other(format!("check the right to {right}")), cluster.may(&right)).await;
            (right, seen)
        })
        .collect();
    futures::stream::iter(asked).buffer_unordered(AT_ONCE).collect().await
}

/// The owners of objects that releases would create and that already exist. What a release has already is its own.
async fn owners(
    cluster: &Cluster,
    rendered: &[Rendered],
    site: &Site,
    observed: &Observed,
) -> Vec<(ReleaseKey, ObjectRef, QueryResult<Option<Owner>>)> {
    let mut new = Vec::new();
    for one in rendered {
        let has = observed.releases.get(&one.key).map(|release| &release.state.manifest);
        let has: BTreeSet<&ObjectRef> = has.into_iter().flatten().map(|object| &object.object).collect();
        for object in one.objects.iter().flatten().map(|object| &object.object) {
            let absent = object.namespace.as_ref().is_some_and(|namespace| site.absent.contains(namespace));
            let namespaced = site.resource(object).is_none_or(|resource| resource.namespaced);
            let kind = (object.api_version.clone(), object.kind.clone());
            // Nothing is in a namespace, or of a kind, that is not there.
            if !(has.contains(object) || site.brought.contains_key(&kind) || absent && namespaced) {
                new.push((one.key.clone(), object.clone()));
            }
        }
    }
    let asked: Vec<_> = new
        .into_iter()
        .map(|(key, object)| async move {
            let found = ask(Query::Get(object.clone()), cluster.get(&object)).await;
            let owner = found.map(|live| live.and_then(|live| owner(&live, &key)));
            (key, object, owner)
        })
        .collect();
    futures::stream::iter(asked).buffered(AT_ONCE).collect().await
}

/// The owner of an object, if it is not this release: by Helm's annotations.
fn owner(live: &serde_json::Value, release: &ReleaseKey) -> Option<Owner> {
    let note =
        |name: &str| live.pointer(&format!("/metadata/annotations/meta.helm.sh~1{name}")).and_then(|it| it.as_str());
    if live.pointer("/metadata/deletionTimestamp").is_some_and(|at| !at.is_null()) {
        return None;
    }
    match (note("release-namespace"), note("release-name")) {
        (Some(namespace), Some(name)) if (namespace, name) == (&release.namespace, &release.name) => None,
        (Some(namespace), Some(name)) => Some(Owner::Release(ReleaseKey::new(namespace, name))),
        _ => Some(Owner::Nobody),
    }
}

/// The sizes that StatefulSets request now.
async fn grows(cluster: &Cluster, wanted: &[GrowNeed]) -> Vec<(GrowNeed, QueryResult<Option<Quantity>>)> {
    let asked = wanted.iter().cloned().map(|need| async move {
        let found = ask(Query::Get(need.set.clone()), cluster.get(&need.set)).await;
        let size = found.map(|set| set.and_then(|set| Some(claim_template(&set, &need.claim)?.1)));
        (need, size)
    });
    join_all(asked).await
}

async fn secrets(cluster: &Cluster, wanted: &[SecretNeed]) -> BTreeMap<SecretNeed, QueryResult<bool>> {
    let asked = wanted.iter().cloned().map(|need| async move {
        let object = ObjectRef::namespaced("v1", "Secret", &need.namespace, &need.name);
        let seen = ask(Query::Get(object.clone()), cluster.get(&object)).await.map(|found| found.is_some());
        (need, seen)
    });
    join_all(asked).await.into_iter().collect()
}

async fn each<T, F: Future<Output = QueryResult<T>>>(
    names: &[String],
    ask: impl Fn(String) -> F,
) -> BTreeMap<String, QueryResult<T>> {
    let asked = names.iter().map(|name| {
        let asked = ask(name.clone());
        async move { (name.clone(), asked.await) }
    });
    join_all(asked).await.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use std::slice;

    use serde_json::json;

    use super::*;
    use crate::model::site::Resource;
    use crate::preflight::render::DefinedKind;

    fn kind() -> (String, String) {
        ("x.io/v1".to_owned(), "A".to_owned())
    }

    fn one(name: &str, bodies: &[serde_json::Value], defines: Vec<DefinedKind>) -> Rendered {
        let object = |body: &serde_json::Value| {
            let text = |field: &str| body[field].as_str().unwrap_or_default().to_owned();
            let object = ObjectRef::namespaced(&text("apiVersion"), &text("kind"), "ns", "a");
            ManifestObject { object, body: body.clone() }
        };
        let objects = Ok(bodies.iter().map(object).collect());
        Rendered {
            key: ReleaseKey::new("ns", name),
            incompatible: None,
            objects,
            hooks: Vec::new(),
            stored: 0,
            unread: Vec::new(),
            defines,
        }
    }

    #[test]
    fn the_owner_of_an_object_is_in_its_annotations() {
        let noted = |namespace: &str, name: &str| {
            json!({"metadata": {"annotations": {
                "meta.helm.sh/release-namespace": namespace, "meta.helm.sh/release-name": name}}})
        };
        let key = ReleaseKey::new("ns", "a");
        assert_eq!(owner(&noted("ns", "a"), &key), None);
        assert_eq!(owner(&noted("ns", "b"), &key), Some(Owner::Release(ReleaseKey::new("ns", "b"))));
        assert_eq!(owner(&json!({"metadata": {}}), &key), Some(Owner::Nobody));
        assert_eq!(owner(&json!({"metadata": {"deletionTimestamp": "now"}}), &key), None, "it goes");
    }

    #[test]
    fn a_kind_that_the_install_brings_along_counts_as_served() {
        let crd = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "spec": {
            "group": "x.io", "names": {"kind": "A", "plural": "as"}, "versions": [{"name": "v1", "served": true}]}});
        let custom = json!({"apiVersion": "x.io/v1", "kind": "A"});
        let served = |rendered: &[Rendered]| {
            let mut site = Site::default();
            define(rendered, &mut site);
            site.resources.remove(&kind())
        };
        let expected = Resource { group: "x.io".into(), plural: "as".into(), namespaced: true };
        let own = one("a", slice::from_ref(&custom), vec![defined(&crd).unwrap()]);
        assert_eq!(served(&[own]), Some(expected.clone()), "its own crds/");
        let operator = one("operator", slice::from_ref(&crd), Vec::new());
        assert_eq!(
            served(&[one("a", slice::from_ref(&custom), Vec::new()), operator]),
            Some(expected),
            "of another release"
        );
        assert_eq!(served(&[one("a", &[custom.clone(), crd], Vec::new())]), None, "Helm refuses that");
        assert_eq!(served(&[one("a", &[custom], Vec::new())]), None);
    }
}
