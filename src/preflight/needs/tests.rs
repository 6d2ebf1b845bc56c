//! What is needed, from made-up answers and objects.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{Needs, RightNeed, Use, needs};
use crate::answers::{DeclaredImage, Resolved, ResolvedComponent, ResolvedCopy, ResolvedRelease};
use crate::model::cluster::{ManifestObject, ObjectRef, ReleaseKey};
use crate::model::observed::Observed;
use crate::model::site::{Resource, Right};
use crate::model::{FileTree, ImageName, SecretRef};
use crate::plan::Change;
use crate::preflight::render::{Rendered, Site};

fn component(namespace: &str, release: &str, level: &str) -> ResolvedComponent {
    ResolvedComponent {
        files: BTreeMap::new(),
        config_maps: vec![],
        id: release.to_owned(),
        title: release.to_owned(),
        version: "1".to_owned(),
        origin: None,
        rotate: BTreeMap::new(),
        release: Some(ResolvedRelease {
            values_digest: String::new(),
            name: release.to_owned(),
            namespace: namespace.to_owned(),
            pod_security: level.to_owned(),
            chart: FileTree::new(Vec::new()),
            chart_digest: String::new(),
            values: Value::Null.into(),
            crds: Vec::new(),
            ignored: crate::model::Ignored::default(),
            adopts: Vec::new(),
        }),
        needs: BTreeSet::new(),
        first: Vec::new(),
        before: Vec::new(),
        after: Vec::new(),
        verify: Vec::new(),
        endpoints: Vec::new(),
        leftovers: Vec::new(),
        secrets: Vec::new(),
        copies: Vec::new(),
        namespaces: Vec::new(),
        namespace: Some(namespace.to_owned()),
    }
}

fn wanted(pull_secret: Option<SecretRef>) -> Resolved {
    Resolved {
        unpinned: Vec::new(),
        components: vec![component("ns", "a", "restricted"), component("ns", "b", "baseline")],
        hdfs: None,
        pull_secret,
        answers: json!({"platform": {"cluster_domain": "site.example"}}),
        ..Resolved::default()
    }
}

fn object(api_version: &str, kind: &str, body: Value) -> ManifestObject {
    let object = if kind.starts_with("Cluster") {
        ObjectRef::cluster_wide(api_version, kind, "x")
    } else {
        ObjectRef::namespaced(api_version, kind, "ns", "x")
    };
    ManifestObject { object, body }
}

fn site(absent: &[&str]) -> Site {
    let kinds = [
        ("apps/v1", "Deployment", "apps", "deployments", true),
        ("rbac.authorization.k8s.io/v1", "Role", "rbac.authorization.k8s.io", "roles", true),
        ("rbac.authorization.k8s.io/v1", "ClusterRole", "rbac.authorization.k8s.io", "clusterroles", false),
    ];
    let resource = |(api, kind, group, plural, namespaced): (&str, &str, &str, &str, bool)| {
        let resource = Resource { group: group.to_owned(), plural: plural.to_owned(), namespaced };
        ((api.to_owned(), kind.to_owned()), resource)
    };
    Site {
        resources: kinds.into_iter().map(resource).collect::<BTreeMap<_, _>>(),
        brought: BTreeMap::new(),
        absent: absent.iter().map(|name| (*name).to_owned()).collect(),
        relabelled: BTreeSet::new(),
    }
}

fn of(wanted: &Resolved, objects: Vec<ManifestObject>, absent: &[&str]) -> Needs {
    let rendered = Rendered {
        key: ReleaseKey::new("ns", "a"),
        incompatible: None,
        objects: Ok(objects),
        hooks: Vec::new(),
        stored: 0,
        unread: Vec::new(),
        defines: Vec::new(),
    };
    needs(wanted, &[rendered], &site(absent))
}

fn find<'a>(needs: &'a Needs, verb: &str, resource: &str, namespace: Option<&str>) -> Option<&'a RightNeed> {
    needs.rights.iter().find(|need| {
        need.right.verb == verb && need.right.resource == resource && need.right.namespace.as_deref() == namespace
    })
}

#[test]
fn a_namespace_needs_the_weakest_level_of_its_releases() {
    let needs = of(&wanted(None), Vec::new(), &[]);
    assert_eq!(needs.namespaces["ns"], "baseline");
    assert_eq!(needs.domain, "site.example");
    assert!(needs.releases.contains(&("ns".to_owned(), "b".to_owned())));
}

#[test]
fn what_is_rendered_is_read_created_changed_and_removed() {
    let needs = of(&wanted(None), vec![object("apps/v1", "Deployment", json!({}))], &[]);
    for verb in ["get", "create", "patch", "delete", "list", "watch"] {
        assert_eq!(find(&needs, verb, "deployments", Some("ns")).unwrap().used, Use::Must, "{verb}");
    }
    // What is not made yet has no name for the API, and neither have lists; all else is asked for by name.
    for (verb, name) in [("get", true), ("patch", true), ("delete", true), ("create", false), ("list", false)] {
        let right = &find(&needs, verb, "deployments", Some("ns")).unwrap().right;
        assert_eq!(right.name.is_some(), name, "{right}");
    }
    assert!(matches!(find(&needs, "watch", "replicasets", Some("ns")).unwrap().used, Use::Explains(_)));
    assert_eq!(needs.counts[&("ns".to_owned(), "count/deployments.apps".to_owned())], 1);
    assert!(find(&needs, "list", "statefulsets", Some("ns")).is_none());
    let unknown = of(&wanted(None), vec![object("x.example/v1", "Thing", json!({}))], &[]);
    assert_eq!(unknown.unknown_kinds[0].kind, "Thing");
}

#[test]
fn namespaces_are_made_only_where_they_are_missing() {
    let needs = of(&wanted(None), Vec::new(), &[]);
    assert!(find(&needs, "create", "namespaces", None).is_none());
    assert_eq!(find(&needs, "get", "namespaces", Some("ns")).unwrap().right.name.as_deref(), Some("ns"));
    let needs = of(&wanted(None), Vec::new(), &["ns"]);
    assert!(find(&needs, "create", "namespaces", None).is_some());
}

#[test]
fn a_namespace_is_patched_only_where_its_level_follows() {
    let mut wanted = wanted(None);
    wanted.components[0].namespaces = vec![("jobs".to_owned(), "baseline".to_owned())];
    let patched = |levels: &[(&str, &str)]| -> Vec<String> {
        let levels = levels.iter().map(|(name, level)| ((*name).to_owned(), (*level).to_owned()));
        let observed = Observed { levels: levels.collect(), ..Observed::default() };
        let plan = crate::plan::plan(&wanted, &observed, false);
        let relabelled = crate::plan::relabelled(&wanted, &observed);
        for name in ["ns", "jobs"] {
            // One that does not exist is not patched: it is created.
            let step = plan.get(&format!("namespace/{name}")).unwrap();
            assert!(!observed.namespaces.contains(name) && step.change == Change::Create);
        }
        let site = Site { relabelled: relabelled.into_keys().collect(), ..site(&[]) };
        let needs = needs(&wanted, &[], &site);
        let rights = needs.rights.iter().map(|need| &need.right);
        rights
            .filter(|right| right.resource == "namespaces" && right.verb == "patch")
            .map(ToString::to_string)
            .collect()
    };
    // What others made has no level here; what has the level that is wanted stays.
    assert_eq!(patched(&[]), Vec::<String>::new());
    assert_eq!(patched(&[("ns", "baseline"), ("jobs", "baseline")]), Vec::<String>::new());
    assert_eq!(patched(&[("ns", "restricted"), ("jobs", "baseline")]), ["patch namespaces ns in ns"]);
    assert_eq!(patched(&[("jobs", "privileged")]), ["patch namespaces jobs in jobs"]);
}

#[test]
fn a_role_asks_for_what_it_gives_away() {
    let rules = json!({"rules": [
        {"apiGroups": [""], "resources": ["pods", "pods/log"], "verbs": ["get"]},
        {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["one"], "verbs": ["get"]},
        {"nonResourceURLs": ["/healthz"], "verbs": ["get"]}]});
    let api = "rbac.authorization.k8s.io/v1";
    let needs = of(&wanted(None), vec![object(api, "ClusterRole", rules)], &[]);
    let given: Vec<&RightNeed> = needs.rights.iter().filter(|need| matches!(need.used, Use::Gives(_))).collect();
    let rights: Vec<String> = given.iter().map(|need| need.right.to_string()).collect();
    assert_eq!(rights, ["get configmaps one", "get pods", "get pods/log"]);
    assert_eq!(given[0].instead[0], Right::new("escalate", "rbac.authorization.k8s.io", "clusterroles", None));
    assert!(find(&needs, "create", "clusterroles", None).is_some());
}

#[test]
fn a_pull_secret_of_ours_need_not_be_there() {
    let pod = json!({"spec": {"template": {"spec": {"imagePullSecrets": [{"name": "windlass-registry"}], "containers": []}}}});
    let deployment = || vec![object("apps/v1", "Deployment", pod.clone())];
    let made = of(&wanted(Some(SecretRef::File("login.json".into()))), deployment(), &[]);
    assert!(made.secrets.is_empty());
    assert!(find(&made, "patch", "secrets", Some("ns")).is_some());
    let theirs = of(&wanted(Some(SecretRef::Secret("windlass-registry".to_owned()))), deployment(), &[]);
    assert_eq!(theirs.secrets.len(), 1);
    assert!(find(&theirs, "patch", "secrets", Some("ns")).is_none());
    let copied = of(&wanted(Some(SecretRef::Secret("far/login".to_owned()))), deployment(), &[]);
    assert!(copied.secrets.is_empty());
    assert!(find(&copied, "get", "secrets", Some("far")).is_some());
}

#[test]
fn a_copy_in_a_further_namespace_is_made_looked_at_and_removed_by_name() {
    let mut wanted = wanted(None);
    let rights = |wanted: &Resolved| of(wanted, Vec::new(), &[]).rights;
    let jobs = |rights: &[RightNeed]| -> Vec<String> {
        let here = rights.iter().filter(|need| need.right.namespace.as_deref() == Some("jobs"));
        here.filter(|need| need.right.resource == "secrets").map(|need| need.right.to_string()).collect()
    };
    wanted.components[0].namespaces = vec![("jobs".to_owned(), "restricted".to_owned())];
    assert_eq!(jobs(&rights(&wanted)), Vec::<String>::new());
    wanted.components[0].copies = vec![ResolvedCopy {
        id: "password".to_owned(),
        namespace: "jobs".to_owned(),
        name: "a-password".to_owned(),
        keys: vec!["password".to_owned()],
        kind: "Opaque".to_owned(),
        of: ("ns".to_owned(), "a-password".to_owned()),
        filled: true,
    }];
    let expected = [
        "create secrets in jobs",
        "delete secrets a-password in jobs",
        "get secrets a-password in jobs",
        "patch secrets a-password in jobs",
    ];
    assert_eq!(jobs(&rights(&wanted)), expected);
}

#[test]
fn an_undeclared_image_is_reported_once_and_where_it_would_be_pulled_from() {
    let declared = |reference: &str| DeclaredImage {
        component: "a".to_owned(),
        name: "web".to_owned(),
        reference: reference.to_owned(),
        published: ImageName::parse("docker.io/x/web:1").ok(),
    };
    let pod = |image: &str| json!({"spec": {"template": {"spec": {"containers": [{"image": image}]}}}});
    let objects = || {
        ["docker.io/x/web:1", "docker.io/x/side:2", "docker.io/x/side:2", "r.site/mirror/other:1"]
            .iter()
            .enumerate()
            .map(|(at, image)| {
                let mut object = object("apps/v1", "Deployment", pod(image));
                object.object.name = format!("d{at}");
                object
            })
            .collect::<Vec<_>>()
    };
    let found = |wanted: &Resolved| {
        let found = of(wanted, objects(), &[]).undeclared;
        found.into_iter().map(|one| (one.image, one.objects.len(), one.meant, one.elsewhere)).collect::<Vec<_>>()
    };
    let mut wanted = wanted(None);
    wanted.images = vec![declared("docker.io/x/web:1")];
    let [side, other] = ["docker.io/x/side:2", "r.site/mirror/other:1"].map(str::to_owned);
    assert_eq!(found(&wanted), [(side.clone(), 2, None, false), (other.clone(), 1, None, false)]);
    // With a registry of the site, what it was to be is said of an image that did not move.
    wanted.answers["platform"]["registry"] = json!("r.site/mirror/");
    wanted.images = vec![declared("r.site/mirror/x/web:1")];
    let meant = Some(("web".to_owned(), "r.site/mirror/x/web:1".to_owned()));
    let expected = [(side, 2, None, true), ("docker.io/x/web:1".to_owned(), 1, meant, true), (other, 1, None, false)];
    assert_eq!(found(&wanted), expected);
}

#[test]
fn a_kind_counts_once_what_brings_it_comes_before() {
    let mut wanted = wanted(None);
    let custom = || vec![object("x.io/v1", "Thing", json!({}))];
    let mut site = site(&[]);
    let kind = ("x.io/v1".to_owned(), "Thing".to_owned());
    let resource = Resource { group: "x.io".to_owned(), plural: "things".to_owned(), namespaced: true };
    site.resources.insert(kind.clone(), resource);
    site.brought.insert(kind, [ReleaseKey::new("ns", "b")].into());
    let rendered = |release: &str| Rendered {
        key: ReleaseKey::new("ns", release),
        incompatible: None,
        objects: Ok(custom()),
        hooks: Vec::new(),
        stored: 0,
        unread: Vec::new(),
        defines: Vec::new(),
    };
    let unknown = |wanted: &Resolved, release: &str| needs(wanted, &[rendered(release)], &site).unknown_kinds.len();
    assert_eq!((unknown(&wanted, "a"), unknown(&wanted, "b")), (1, 0), "a may come before b");
    wanted.components[0].needs.insert("b".to_owned());
    assert_eq!(unknown(&wanted, "a"), 0, "it requires b");
}
