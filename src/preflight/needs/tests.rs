//! What is needed, from made-up answers and objects.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{Needs, RightNeed, Use, needs};
use crate::answers::{Resolved, ResolvedComponent, ResolvedRelease};
use crate::model::cluster::{ManifestObject, ObjectRef, ReleaseKey};
use crate::model::site::{Resource, Right};
use crate::model::{FileTree, SecretRef};
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
        }),
        needs: BTreeSet::new(),
        before: Vec::new(),
        after: Vec::new(),
        verify: Vec::new(),
        endpoints: Vec::new(),
        leftovers: Vec::new(),
        secrets: Vec::new(),
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
        absent: absent.iter().map(|name| (*name).to_owned()).collect(),
    }
}

fn of(wanted: &Resolved, objects: Vec<ManifestObject>, absent: &[&str]) -> Needs {
    let rendered = Rendered {
        key: ReleaseKey::new("ns", "a"),
        incompatible: None,
        objects: Ok(objects),
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
fn what_is_rendered_is_looked_at_made_changed_and_removed() {
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
