//! Each finding from made-up needs and facts; and none where all is well.

mod adopt;
mod nodes;
mod volumes;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::judge;
use crate::model::cluster::{ClaimState, NamespaceState, ObjectRef, ReleaseKey, ReleaseState, ReleaseStatus};
use crate::model::observed::{Observed, ObservedHdfs, ObservedRelease};
use crate::model::preflight::{Finding, Severity};
use crate::model::site::{Amounts, Disk, IngressClass, Limit, Node, PodUse, Quota, Right, StorageClass, Taint};
use crate::model::state::InstallState;
use crate::model::{CHART_DIGEST, Quantity};
use crate::preflight::facts::{Facts, Owner};
use crate::preflight::needs::{
    Agreement, ClaimNeed, ContainerNeed, IngressNeed, Needs, PodNeed, PodSecurityViolations, Replicas, RightNeed,
    SecretNeed, SecretUse, Use,
};
use crate::preflight::seen::{FailedQuery, Query, QueryFailure};
use crate::preflight::table::check;

fn amounts(all: &[(&str, &str)]) -> Amounts {
    all.iter().map(|(name, amount)| ((*name).to_owned(), Quantity::parse(amount).unwrap())).collect()
}

fn pod(name: &str, replicas: u64, cpu: &str, memory: &str) -> PodNeed {
    PodNeed {
        owner: ObjectRef::namespaced("apps/v1", "StatefulSet", "ns", name),
        replicas: Replicas::Count(replicas),
        containers: vec![ContainerNeed {
            name: "main".to_owned(),
            image: "reg.example/x:1".to_owned(),
            init: false,
            requests: amounts(&[("cpu", cpu), ("memory", memory)]),
            limits: amounts(&[("memory", memory)]),
        }],
        node_selector: BTreeMap::new(),
        node_terms: Vec::new(),
        tolerations: Vec::new(),
        instance: Some("rel".to_owned()),
        objections: PodSecurityViolations::default(),
    }
}

pub(super) fn needs() -> Needs {
    Needs {
        namespaces: BTreeMap::from([("ns".to_owned(), "restricted".to_owned())]),
        pods: vec![pod("db", 1, "500m", "1Gi")],
        claims: vec![ClaimNeed {
            namespace: "ns".to_owned(),
            name: "data-db-0".to_owned(),
            class: None,
            size: Quantity::parse("10Gi").unwrap(),
        }],
        releases: BTreeSet::from([("ns".to_owned(), "rel".to_owned())]),
        domain: "cluster.local".to_owned(),
        ..Needs::default()
    }
}

/// A claim that is there, of the class that there is.
fn claim(name: &str, size: &str) -> ClaimState {
    ClaimState {
        phase: "Bound".to_owned(),
        requested: size.to_owned(),
        storage_class: Some("fast".to_owned()),
        ..ClaimState::new(ObjectRef::namespaced("v1", "PersistentVolumeClaim", "ns", name))
    }
}

fn node(name: &str, cpu: &str, memory: &str) -> Node {
    Node {
        name: name.to_owned(),
        ready: true,
        allocatable: amounts(&[("cpu", cpu), ("memory", memory), ("pods", "110")]),
        ..Node::default()
    }
}

fn taken(name: &str, node: &str, memory: &str) -> PodUse {
    PodUse {
        namespace: "ns".to_owned(),
        name: name.to_owned(),
        node: Some(node.to_owned()),
        requests: amounts(&[("memory", memory)]),
        ..PodUse::default()
    }
}

fn namespace(labels: &[(&str, &str)]) -> NamespaceState {
    NamespaceState {
        name: "ns".to_owned(),
        labels: labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        terminating: false,
        created: false,
        uid: String::new(),
    }
}

pub(super) fn facts() -> Facts {
    let class = StorageClass { name: "fast".to_owned(), default: true, waits_for_pod: true, expands: true };
    Facts {
        user: Some("ann".to_owned()),
        version: "v1.34.4".to_owned(),
        namespaces: BTreeMap::from([("ns".to_owned(), Ok(Some(namespace(&[]))))]),
        nodes: Ok(vec![node("one", "4", "8Gi")]),
        pods: Ok(Vec::new()),
        storage_classes: Ok(vec![class]),
        runs: Ok(None),
        ingress_classes: Ok(Vec::new()),
        quotas: BTreeMap::from([("ns".to_owned(), Ok(Vec::new()))]),
        limits: BTreeMap::from([("ns".to_owned(), Ok(Vec::new()))]),
        claims: BTreeMap::from([("ns".to_owned(), Ok(Vec::new()))]),
        grows: Vec::new(),
        peers: BTreeMap::new(),
        secrets: BTreeMap::new(),
        domain: Ok(Some("cluster.local".to_owned())),
        clock: Ok(0),
        rights: BTreeMap::new(),
        trials: Vec::new(),
        owners: Vec::new(),
        disk: Ok(Disk { path: "/state".to_owned(), free: 10 << 30, files: Some(100_000), read_only: false }),
    }
}

#[track_caller]
fn found(needs: &Needs, facts: &Facts) -> Vec<Finding> {
    let found = judge(needs, facts, &Observed::default());
    for finding in &found {
        let known = check(finding.id).unwrap();
        assert_eq!(known.severity, finding.severity, "{finding:?}");
        assert!(!finding.place.is_empty() && !finding.what.is_empty() && !finding.fix.is_empty(), "{finding:?}");
    }
    found
}

#[track_caller]
fn ids(needs: &Needs, facts: &Facts) -> Vec<&'static str> {
    let mut ids: Vec<&str> = found(needs, facts).iter().map(|finding| finding.id).collect();
    ids.sort_unstable();
    ids
}

#[track_caller]
fn only(needs: &Needs, facts: &Facts) -> Finding {
    let found = found(needs, facts);
    assert_eq!(found.len(), 1, "{found:#?}");
    found.into_iter().next().unwrap()
}

fn right(verb: &str, group: &str, resource: &str) -> RightNeed {
    RightNeed { right: Right::new(verb, group, resource, Some("ns")), used: Use::Must, instead: Vec::new() }
}

#[test]
fn where_all_is_well_nothing_is_found() {
    assert_eq!(found(&needs(), &facts()), []);
}

#[test]
fn missing_rights_are_reported_by_resource_with_the_command_that_grants_them() {
    let mut needs = needs();
    let mut facts = facts();
    for (verb, held) in [("get", true), ("create", false), ("patch", false)] {
        let need = right(verb, "apps", "statefulsets");
        facts.rights.insert(need.right.clone(), Ok(held));
        needs.rights.push(need);
    }
    let finding = only(&needs, &facts);
    assert_eq!((finding.id, finding.place.as_str()), ("rights-missing", "namespace ns"));
    assert_eq!(finding.what, "ann cannot create, patch statefulsets.apps");
    assert_eq!(
        finding.fix,
        "kubectl -n ns create role windlass-statefulsets-apps --verb=create,patch --resource=statefulsets.apps && \
         kubectl -n ns create rolebinding windlass-statefulsets-apps --role=windlass-statefulsets-apps --user=ann"
    );
}

#[test]
fn rights_on_named_objects_are_reported_together_and_granted_by_name() {
    let mut needs = needs();
    let mut facts = facts();
    for (verb, name) in
        [("patch", Some("a")), ("get", Some("a")), ("get", Some("b")), ("patch", Some("b")), ("create", None)]
    {
        let mut need = right(verb, "", "services");
        need.right.name = name.map(str::to_owned);
        facts.rights.insert(need.right.clone(), Ok(false));
        needs.rights.push(need);
    }
    let mut findings = found(&needs, &facts);
    findings.sort();
    let whats: Vec<&str> = findings.iter().map(|finding| finding.what.as_str()).collect();
    assert_eq!(whats, ["ann cannot create services", "ann cannot get, patch services a, b"]);
    assert!(
        findings[1].fix.contains(
            "role windlass-services-named --verb=get,patch --resource=services --resource-name=a --resource-name=b"
        ),
        "{findings:?}"
    );
}

#[test]
fn what_a_role_grants_must_be_held_unless_one_may_escalate_and_bind() {
    let mut needs = needs();
    let mut facts = facts();
    let role = ObjectRef::cluster_wide("rbac.authorization.k8s.io/v1", "ClusterRole", "watch");
    let instead = ["escalate", "bind"].map(|verb| Right::new(verb, "rbac.authorization.k8s.io", "clusterroles", None));
    let given = Right::new("list", "", "pods", None);
    needs.rights = vec![RightNeed { right: given.clone(), used: Use::Gives(role), instead: instead.to_vec() }];
    facts.rights.insert(given.clone(), Ok(false));
    facts.rights.insert(instead[0].clone(), Ok(true));
    facts.rights.insert(instead[1].clone(), Ok(false));
    let finding = only(&needs, &facts);
    assert_eq!((finding.id, finding.place.as_str()), ("rights-missing", "the cluster"));
    assert!(finding.what.contains("ClusterRole watch grants"), "{}", finding.what);
    facts.rights.insert(instead[1].clone(), Ok(true));
    assert_eq!(ids(&needs, &facts), [""; 0]);
    // Reported once, for its most important use.
    facts.rights.insert(instead[1].clone(), Ok(false));
    needs.rights.push(RightNeed { right: given, used: Use::Must, instead: Vec::new() });
    assert_eq!(only(&needs, &facts).what, "ann cannot list pods");
}

#[test]
fn a_right_that_only_explains_is_a_warning() {
    let mut needs = needs();
    let mut facts = facts();
    let need = RightNeed { used: Use::Explains("reasons may be missing"), ..right("watch", "", "events") };
    facts.rights.insert(need.right.clone(), Ok(false));
    needs.rights.push(need);
    let finding = only(&needs, &facts);
    assert_eq!((finding.severity, finding.id), (Severity::Warning, "rights-explain"));
    assert_eq!(finding.what, "ann cannot watch events: reasons may be missing");
}

#[test]
fn what_may_not_be_read_is_a_warning_that_names_the_checks() {
    let unseen = |what: Query| FailedQuery { what, why: QueryFailure::NotAllowed };
    let mut facts = facts();
    facts.nodes = Err(unseen(Query::List("nodes")));
    facts.storage_classes = Err(unseen(Query::List("storageclasses")));
    facts.pods = Err(unseen(Query::ListAll("pods")));
    let mut findings = found(&needs(), &facts);
    findings.sort();
    assert_eq!(findings.iter().map(|finding| finding.id).collect::<Vec<_>>(), ["not-checked", "not-checked"]);
    assert!(
        findings[0].what.contains("list nodes (not allowed)") && findings[0].what.contains("node-labels"),
        "{findings:?}"
    );
    assert!(findings[0].fix.contains("kubectl auth can-i list nodes"), "{findings:?}");
    assert!(findings[1].what.contains("no-storage-class"), "{findings:?}");
}

#[test]
fn storage_classes() {
    let mut facts = facts();
    facts.storage_classes = Ok(Vec::new());
    assert_eq!(only(&needs(), &facts).id, "no-storage-class");
    let mut named = needs();
    named.claims[0].class = Some("slow".to_owned());
    let finding = only(&named, &self::facts());
    assert_eq!((finding.id, finding.place.as_str()), ("storage-class-missing", "volume ns/data-db-0"));
    assert_eq!(
        (finding.what.as_str(), finding.fix.as_str()),
        ("StorageClass slow not found; available: fast", "--set platform.storage_class=fast")
    );
    // A volume that is there needs no class, and neither does one that is made by hand.
    facts.claims.insert("ns".to_owned(), Ok(vec![claim("data-db-0", "10Gi")]));
    assert_eq!(found(&needs(), &facts), []);
    named.claims[0].class = Some(String::new());
    assert_eq!(found(&named, &self::facts()), []);
}

#[test]
fn what_a_storage_class_can_do() {
    let mut facts = facts();
    let class = StorageClass { name: "fast".to_owned(), default: true, waits_for_pod: false, expands: false };
    facts.storage_classes = Ok(vec![class.clone(), StorageClass { name: "other".to_owned(), ..class }]);
    assert_eq!(
        ids(&needs(), &facts),
        ["storage-class-defaults", "storage-expansion"],
        "one node: binding is no matter"
    );
    facts.nodes = Ok(vec![node("one", "4", "8Gi"), node("two", "4", "8Gi")]);
    assert_eq!(ids(&needs(), &facts), ["storage-binding", "storage-class-defaults", "storage-expansion"]);
}

#[test]
fn what_helm_would_delete_is_a_hint() {
    let mut needs = needs();
    let claim = ObjectRef::namespaced("v1", "PersistentVolumeClaim", "ns", "data");
    needs.taken_along = vec![("ns/db".to_owned(), claim)];
    let finding = only(&needs, &facts());
    assert_eq!((finding.id, finding.severity), ("helm-deletes-data", Severity::Hint));
    assert_eq!(finding.what, "`helm uninstall` of ns/db would delete it with all its content");
}

#[test]
fn an_allowed_namespace_that_does_not_exist_is_reported() {
    let mut needs = needs();
    let policy = ObjectRef::namespaced("networking.k8s.io/v1", "NetworkPolicy", "ns", "web");
    needs.peers = ["there", "gone", "hidden"].map(|name| (name.to_owned(), policy.clone())).into();
    let mut facts = facts();
    let hidden = FailedQuery { what: Query::Namespace("hidden".to_owned()), why: QueryFailure::NotAllowed };
    facts.peers = [("there", Ok(true)), ("gone", Ok(false)), ("hidden", Err(hidden))]
        .map(|(name, seen)| (name.to_owned(), seen))
        .into();
    let finding = only(&needs, &facts);
    assert_eq!(
        (finding.id, finding.what.as_str()),
        ("peer-namespace-missing", "it allows traffic from namespace gone, which does not exist")
    );
}

#[test]
fn ingress_classes() {
    let mut needs = needs();
    let object = ObjectRef::namespaced("networking.k8s.io/v1", "Ingress", "ns", "web");
    needs.ingresses = vec![IngressNeed { object, class: None }];
    let mut facts = facts();
    assert_eq!(only(&needs, &facts).id, "no-ingress-class");
    facts.ingress_classes = Ok(vec![IngressClass { name: "nginx".to_owned(), default: false }]);
    let finding = only(&needs, &facts);
    assert_eq!((finding.id, finding.fix.as_str()), ("no-ingress-class", "--set platform.ingress_class=nginx"));
    needs.ingresses[0].class = Some("traefik".to_owned());
    assert_eq!(only(&needs, &facts).what, "IngressClass traefik not found; available: nginx");
    needs.ingresses[0].class = Some("nginx".to_owned());
    assert_eq!(found(&needs, &facts), []);
    // Without an Ingress nobody asks for a class.
    needs.ingresses.clear();
    facts.ingress_classes = Err(FailedQuery { what: Query::List("ingressclasses"), why: QueryFailure::NotAllowed });
    assert_eq!(found(&needs, &facts), []);
}

#[test]
fn quotas() {
    let quota = |hard: &[(&str, &str)], used: &[(&str, &str)]| Quota {
        name: "q".to_owned(),
        scoped: false,
        hard: amounts(hard),
        used: amounts(used),
    };
    let with = |quota: Quota| {
        let mut facts = facts();
        facts.quotas.insert("ns".to_owned(), Ok(vec![quota]));
        facts
    };
    let finding = only(&needs(), &with(quota(&[("requests.memory", "2Gi")], &[("requests.memory", "1536Mi")])));
    assert_eq!((finding.id, finding.place.as_str()), ("quota", "namespace ns"));
    assert_eq!(finding.what, "quota q: the plan needs 1Gi of requests.memory, and 512Mi of 2Gi is left");
    assert!(finding.fix.contains("\"requests.memory\":\"2.5Gi\""), "{}", finding.fix);
    for (hard, expected) in [
        (("memory", "512Mi"), "quota"),
        (("pods", "0"), "quota"),
        (("requests.storage", "5Gi"), "quota"),
        (("persistentvolumeclaims", "0"), "quota"),
        (("limits.memory", "512Mi"), "quota"),
        (("limits.cpu", "8"), "quota-unset"),
    ] {
        assert_eq!(only(&needs(), &with(quota(&[hard], &[]))).id, expected, "{hard:?}");
    }
    assert_eq!(found(&needs(), &with(quota(&[("requests.memory", "1Gi"), ("pods", "1")], &[]))), []);
    assert_eq!(found(&needs(), &with(Quota { scoped: true, ..quota(&[("pods", "0")], &[]) })), []);
    // Our own pods free what they request.
    let mut facts = with(quota(&[("requests.memory", "1Gi")], &[("requests.memory", "1Gi")]));
    facts.pods = Ok(vec![PodUse { instance: Some("rel".to_owned()), ..taken("db-0", "one", "1Gi") }]);
    assert_eq!(found(&needs(), &facts), []);
}

#[test]
fn what_our_own_pods_free_must_be_known() {
    let mut facts = facts();
    let hard = amounts(&[("requests.memory", "1Gi")]);
    let quota = Quota { name: "q".to_owned(), used: hard.clone(), hard, scoped: false };
    facts.quotas.insert("ns".to_owned(), Ok(vec![quota]));
    facts.pods = Err(FailedQuery { what: Query::ListAll("pods"), why: QueryFailure::NotAllowed });
    let releases = BTreeMap::from([released(ReleaseStatus::Deployed, true)]);
    let found = judge(&needs(), &facts, &Observed { releases, ..Observed::default() });
    assert_eq!((found.len(), found[0].id), (1, "not-checked"), "{found:?}");
    assert!(found[0].what.contains("skipped: quota, resources"), "{found:?}");
}

#[test]
fn objects_are_counted_at_the_first_install() {
    let mut needs = needs();
    needs.counts.insert(("ns".to_owned(), "services".to_owned()), 3);
    let mut facts = facts();
    let quota = Quota { name: "q".to_owned(), hard: amounts(&[("services", "2")]), ..Quota::default() };
    facts.quotas.insert("ns".to_owned(), Ok(vec![quota]));
    assert_eq!(only(&needs, &facts).what, "quota q: the plan needs 3 of services, and 2 of 2 is left");
    let observed =
        Observed { releases: BTreeMap::from([released(ReleaseStatus::Deployed, true)]), ..Observed::default() };
    assert_eq!(judge(&needs, &facts, &observed), []);
}

#[test]
fn limit_ranges() {
    let with = |limit: Limit| {
        let mut facts = facts();
        facts.limits.insert("ns".to_owned(), Ok(vec![Limit { range: "r".to_owned(), ..limit }]));
        facts
    };
    let of = |kind: &str| Limit { kind: kind.to_owned(), ..Limit::default() };
    let finding = only(&needs(), &with(Limit { max: amounts(&[("memory", "512Mi")]), ..of("Container") }));
    assert_eq!(finding.what, "limit range r: container db/main requests 1Gi of memory, the maximum is 512Mi");
    let finding = only(&needs(), &with(Limit { min: amounts(&[("cpu", "1")]), ..of("Pod") }));
    assert_eq!(finding.what, "limit range r: a pod of db requests 500m of cpu, the minimum is 1");
    let finding = only(&needs(), &with(Limit { max: amounts(&[("storage", "1Gi")]), ..of("PersistentVolumeClaim") }));
    assert!(finding.what.contains("volume data-db-0 requests 10Gi"), "{}", finding.what);
    // A default fills in what a quota counts.
    let mut facts = with(Limit { default: amounts(&[("cpu", "2")]), ..of("Container") });
    let quota = Quota { name: "q".to_owned(), hard: amounts(&[("limits.cpu", "8")]), ..Quota::default() };
    facts.quotas.insert("ns".to_owned(), Ok(vec![quota]));
    assert_eq!(found(&needs(), &facts), []);
}

#[test]
fn namespaces() {
    let mut facts = facts();
    let enforced = namespace(&[("pod-security.kubernetes.io/enforce", "restricted")]);
    facts.namespaces.insert("ns".to_owned(), Ok(Some(enforced)));
    assert_eq!(found(&needs(), &facts), []);
    let mut needs = needs();
    needs.namespaces.insert("ns".to_owned(), "privileged".to_owned());
    let finding = only(&needs, &facts);
    assert_eq!(finding.fix, "kubectl label namespace ns pod-security.kubernetes.io/enforce=privileged --overwrite");
    facts.namespaces.insert("ns".to_owned(), Ok(Some(NamespaceState { terminating: true, ..namespace(&[]) })));
    assert_eq!(only(&needs, &facts).id, "namespace-terminating");
    facts.namespaces.insert("ns".to_owned(), Ok(None));
    assert_eq!(found(&needs, &facts), []);
}

#[test]
fn images_and_secrets() {
    let mut needs = needs();
    needs.pods[0].containers[0].image = ":".to_owned();
    assert_eq!(only(&needs, &facts()).id, "image-reference");
    needs.pods[0].containers[0].image = "reg.example/x".to_owned();
    assert_eq!(only(&needs, &facts()).id, "image-tag");
    let mut unpinned = self::needs();
    unpinned.unpinned = vec![("x.image_digest".to_owned(), "reg.example/x:1".to_owned())];
    let finding = only(&unpinned, &facts());
    assert_eq!((finding.severity, finding.id), (Severity::Hint, "image-digest"));
    assert!(finding.what.contains("reg.example/x:1") && finding.fix.contains("--set x.image_digest="), "{finding:?}");
    let mut facts = facts();
    for used in [SecretUse::Pull, SecretUse::Tls] {
        facts.secrets.insert(SecretNeed { namespace: "ns".to_owned(), name: "s".to_owned(), used }, Ok(false));
    }
    assert_eq!(ids(&self::needs(), &facts), ["pull-secret-missing", "tls-secret-missing"]);
}

fn released(status: ReleaseStatus, ours: bool) -> (ReleaseKey, ObservedRelease) {
    let key = ReleaseKey::new("ns", "rel");
    let annotations =
        if ours { BTreeMap::from([(CHART_DIGEST.to_owned(), "sha256:1".to_owned())]) } else { BTreeMap::new() };
    let state = ReleaseState {
        key: key.clone(),
        revision: 3,
        status,
        chart_name: "any".to_owned(),
        chart_version: "1.0.0".to_owned(),
        chart_annotations: annotations,
        config: Value::Null,
        manifest: Vec::new(),
        unread: Vec::new(),
        description: String::new(),
        updated: "2026-01-02T03:04:05Z".to_owned(),
        history: Vec::new(),
    };
    (key, ObservedRelease { state, drift: Vec::new(), ignored: Vec::new(), unready: Vec::new() })
}

#[test]
fn releases_that_are_not_ours_or_stuck() {
    let judged = |status, ours| {
        let observed = Observed { releases: BTreeMap::from([released(status, ours)]), ..Observed::default() };
        judge(&needs(), &facts(), &observed)
    };
    assert_eq!(judged(ReleaseStatus::Deployed, true), []);
    let stuck = judged(ReleaseStatus::PendingUpgrade, true);
    assert_eq!((stuck.len(), stuck[0].id), (1, "release-stuck"));
    assert!(stuck[0].what.contains("pending-upgrade since 2026-01-02"), "{}", stuck[0].what);
}

#[test]
fn hdfs_that_does_not_answer() {
    let hdfs = ObservedHdfs::Unreachable("nothing answers".to_owned());
    let releases = BTreeMap::from([released(ReleaseStatus::Deployed, true)]);
    let observed = Observed { hdfs, releases, ..Observed::default() };
    assert_eq!(judge(&needs(), &facts(), &observed)[0].id, "webhdfs-unreachable");
}

#[test]
fn charts_that_do_not_suit() {
    let mut needs = needs();
    needs.old.push(("ns/rel".to_owned(), ">=1.35.0-0".to_owned()));
    let finding = only(&needs, &facts());
    assert_eq!(finding.what, "its chart needs Kubernetes >=1.35.0-0, the cluster runs v1.34.4");
    needs.old.clear();
    needs.broken.push(("ns/rel".to_owned(), "failed to render".to_owned()));
    needs.unknown_kinds.push(ObjectRef::namespaced("x.example/v1", "Thing", "ns", "t"));
    assert_eq!(ids(&needs, &facts()), ["chart-fails", "kind-not-served"]);
}

#[test]
fn dns_clock_disk_and_other_runs() {
    let mut facts = facts();
    facts.domain = Ok(Some("site.example".to_owned()));
    assert_eq!(only(&needs(), &facts).fix, "--set platform.cluster_domain=site.example");
    facts.domain = Ok(None);
    facts.runs = Ok(Some("kim@site (install 7) since 2026-11-29".to_owned()));
    assert!(only(&needs(), &facts).what.starts_with("kim@site (install 7) since 2026-11-29 is running"));
    facts.runs = Ok(None);
    facts.clock = Ok(-90);
    assert_eq!(only(&needs(), &facts).what, "its clock is 90s ahead of the API server's");
    facts.clock = Ok(3);
    let disk = |free: u64, files: Option<u64>, read_only| Disk { path: "/state".to_owned(), free, files, read_only };
    for (found, id) in [
        (disk(1 << 20, None, false), "disk-full"),
        (disk(1 << 40, Some(3), false), "disk-full"),
        (disk(1 << 40, None, true), "disk-full"),
        (disk(50 << 20, None, false), "disk-low"),
    ] {
        facts.disk = Ok(found.clone());
        assert_eq!(only(&needs(), &facts).id, id, "{found:?}");
    }
}

#[test]
fn what_others_have_and_what_is_missing_is_reported_before_helm_fails_at_it() {
    let object = || ObjectRef::namespaced("v1", "Service", "ns", "x");
    let key = ReleaseKey::new("ns", "rel");
    let mut with = facts();
    with.owners = vec![
        (key.clone(), object(), Ok(Some(Owner::Release(ReleaseKey::new("ns", "other"))))),
        (key.clone(), ObjectRef::namespaced("v1", "Secret", "ns", "y"), Ok(Some(Owner::Nobody))),
        (key, ObjectRef::namespaced("v1", "ConfigMap", "ns", "z"), Ok(None)),
    ];
    let findings = found(&needs(), &with);
    assert_eq!(findings.iter().map(|it| it.id).collect::<Vec<_>>(), ["object-foreign", "object-foreign"]);
    assert!(
        findings[0].what.contains("belongs to release ns/other") && findings[1].what.contains("belongs to no release")
    );
    assert!(findings[0].fix.contains("kubectl -n ns annotate --overwrite service x meta.helm.sh/release-name=rel"));
    let mut both = needs();
    both.shared = vec![(object(), "ns/a".to_owned(), "ns/b".to_owned())];
    assert_eq!(ids(&both, &facts()), ["object-shared"]);
    let mut elsewhere = needs();
    elsewhere.elsewhere.insert("jobs".to_owned(), object());
    let mut with = facts();
    with.peers.insert("jobs".to_owned(), Ok(false));
    assert_eq!(ids(&elsewhere, &with), ["namespace-missing"]);
    with.peers.insert("jobs".to_owned(), Ok(true));
    assert!(ids(&elsewhere, &with).is_empty());
    let need = SecretNeed { namespace: "ns".to_owned(), name: "theirs".to_owned(), used: SecretUse::Answer };
    let mut with = facts();
    with.secrets.insert(need, Ok(false));
    assert_eq!(only(&needs(), &with).id, "secret-missing");
    for (bytes, id) in [(1 << 20, Some("release-large")), ((1 << 20) + 1, Some("release-too-large")), (100, None)] {
        let mut large = needs();
        large.stored = vec![("ns/rel".to_owned(), bytes)];
        assert_eq!(ids(&large, &facts()), id.into_iter().collect::<Vec<_>>());
    }
}

#[test]
fn pods_are_held_against_the_level_that_their_namespace_will_have() {
    let mut wanted = needs();
    wanted.pods[0].objections = PodSecurityViolations {
        baseline: vec!["hostNetwork is true".to_owned()],
        restricted: vec!["no seccomp".to_owned()],
    };
    let mut absent = facts();
    absent.namespaces.insert("ns".to_owned(), Ok(None));
    let finding = only(&wanted, &absent);
    assert_eq!(finding.id, "pods-not-admitted");
    assert!(finding.what.contains("at level restricted: hostNetwork is true, no seccomp"), "{}", finding.what);
    wanted.namespaces.insert("ns".to_owned(), "baseline".to_owned());
    assert!(only(&wanted, &absent).what.ends_with("hostNetwork is true"));
    wanted.namespaces.insert("ns".to_owned(), "privileged".to_owned());
    assert!(ids(&wanted, &absent).is_empty());
    assert!(ids(&wanted, &facts()).is_empty(), "one that is there and enforces nothing");
}

#[test]
fn findings_of_one_cause_are_one() {
    let mut many = needs();
    many.pods = (0..50).map(|at| pod(&format!("p{at}"), 1, "1m", "1Mi")).collect();
    many.pods.iter_mut().for_each(|pod| pod.containers[0].image = "reg.example/x".to_owned());
    let finding = only(&many, &facts());
    assert_eq!((finding.id, finding.place.ends_with("and 46 more")), ("image-tag", true), "{}", finding.place);
}
