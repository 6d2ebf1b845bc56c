//! `docs/rbac.yaml` is exactly what preflight asks for, over all that the charts can render. Without Helm: kinds and
//! roles are read from the templates themselves.
//!
//! To make it anew: `WINDLASS_UPDATE=1 cargo test --test all rbac::`

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use windlass::answers::{Answers, Resolved, from_flags, resolve};
use windlass::catalog;
use windlass::model::cluster::{ManifestObject, ObjectRef, ReleaseKey};
use windlass::model::site::{Resource, Right};
use windlass::model::{STATE_NAMESPACE, yaml};
use windlass::preflight::{Rendered, Site, needs, preflight_rights, pull_tests};

fn wanted() -> Resolved {
    wanted_over("1")
}

/// An install over HDFS of that version: another one than the catalog's is upgraded, and the same one may become final.
fn wanted_over(version: &str) -> Resolved {
    let catalog = catalog::load(&[]).unwrap();
    let flags = [
        "livy.image=x.example/livy",
        "livy.image_tag=1",
        "platform.pull_secret=file:login.json",
        "hdfs.replicate_existing=true",
        "hdfs.finalize=3.4.1",
    ];
    let flags = flags.map(str::to_owned);
    // Those of which this test can read the charts.
    let chosen = ["hdfs", "livy", "shared-libraries", "spark-history-server"].map(str::to_owned);
    let mut answers = Answers::new(&catalog, &[from_flags(&flags).unwrap()], Some(&chosen)).unwrap();
    // An install that makes volumes larger, has DataNodes leave or is an upgrade needs more than a first one.
    let small = json!({"namenode_storage": "1Gi", "datanode_storage": "1Gi", "datanode_replicas": 3});
    answers.installed.insert("hdfs".to_owned(), json!({"version": version, "answers": small, "chart_values": {}}));
    resolve(&catalog, &answers).unwrap()
}

/// What the helpers of the charts make of the release's name and namespace, of those that this test knows;
/// tests/charts.sh compares with Helm.
fn helper(name: &str, release: &str, namespace: &str) -> Option<String> {
    let hash = || {
        let digest = Sha256::digest(format!("{namespace}/{release}"));
        digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    let made = match name {
        "hdfs.fullname" | "livy.fullname" | "shs.fullname" => release.to_owned(),
        "hdfs.namenode" => format!("{release}-namenode"),
        "hdfs.datanode" => format!("{release}-datanode"),
        "hdfs.journalnode" => format!("{release}-journal"),
        "hdfs.zookeeper" => format!("{release}-zk"),
        "livy.sparkAccount" => format!("{release}-spark"),
        "livy.clusterRole" => format!("{release}-watch-{}", hash()),
        "livy.guard" => format!("{release}-guard-{}", hash()),
        _ => return None,
    };
    Some(made)
}

/// Templates of the library that make whole objects.
const MADE: [(&str, &str, &str); 9] = [
    ("service", "v1", "Service"),
    ("headless", "v1", "Service"),
    ("ingress", "networking.k8s.io/v1", "Ingress"),
    ("policy", "networking.k8s.io/v1", "NetworkPolicy"),
    ("networkPolicy", "networking.k8s.io/v1", "NetworkPolicy"),
    ("among", "networking.k8s.io/v1", "NetworkPolicy"),
    ("budget", "policy/v1", "PodDisruptionBudget"),
    ("roleBinding", RBAC, "RoleBinding"),
    ("clusterRoleBinding", RBAC, "ClusterRoleBinding"),
];

const RBAC: &str = "rbac.authorization.k8s.io/v1";

/// What stands behind the call of one of the library's templates in a document.
fn call<'a>(document: &'a str, template: &str) -> Option<&'a str> {
    let called = format!("include \"windlass.{template}\" (");
    document.lines().find_map(|line| line.split_once(called.as_str()).map(|(_, rest)| rest))
}

/// The name of an object: `… (list . (print (include "livy.fullname" .) "-config"))`.
fn name_of(document: &str, release: &str, namespace: &str) -> String {
    let calls = ["metadata", "clusterMetadata"].into_iter().chain(MADE.map(|(template, ..)| template));
    let text = calls.filter_map(|template| call(document, template)).next().unwrap();
    let (before, rest) = text.split_once("(include \"").unwrap();
    let (called, rest) = rest.split_once('"').unwrap();
    let suffix = if before.ends_with("(print ") { rest.split('"').nth(1).unwrap() } else { "" };
    format!("{}{suffix}", helper(called, release, namespace).unwrap())
}

/// The lines that Helm's language leaves of a list: those that are its own begin with `{{`.
fn plain(lines: &str) -> String {
    lines.lines().filter(|line| !line.trim_start().starts_with("{{")).map(|line| format!("{line}\n")).collect()
}

/// The objects that a chart's templates can render, as far as rights go: kinds, names, and what roles give away.
fn objects(templates: &str, release: &str, namespace: &str) -> Vec<ManifestObject> {
    let mut found = Vec::new();
    for document in templates.split("\n---\n") {
        let line = |key: &str| document.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
        let made = MADE.iter().find(|(template, ..)| call(document, template).is_some());
        let written = line("apiVersion:").zip(line("kind:"));
        let Some((api, kind)) = written.or(made.map(|(_, api, kind)| (*api, *kind))) else { continue };
        // kind: {{ ternary "DaemonSet" "StatefulSet" $daemonset }}
        let kinds: Vec<&str> =
            if kind.contains('"') { kind.split('"').skip(1).step_by(2).collect() } else { vec![kind] };
        let mut body = json!({});
        if let Some((_, rules)) = document.split_once("\nrules:\n") {
            body["rules"] = yaml::from_str::<Value>(&plain(rules)).unwrap();
        }
        for kind in kinds {
            assert!(kind.chars().all(char::is_alphabetic), "{kind} is no kind: teach this test to read it");
            let name = name_of(document, release, namespace);
            let object = if kind.starts_with("Cluster") || kind.starts_with("ValidatingAdmission") {
                ObjectRef::cluster_wide(api, kind, &name)
            } else {
                ObjectRef::namespaced(api, kind, namespace, &name)
            };
            found.push(ManifestObject { object, body: body.clone() });
        }
    }
    found
}

fn plural(kind: &str) -> String {
    let word = kind.to_lowercase();
    match word.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None if word.ends_with('s') => format!("{word}es"),
        None => format!("{word}s"),
    }
}

/// Everything that preflight asks for, and looks at, where the namespaces are there.
fn asked() -> BTreeSet<Right> {
    let wanted = wanted();
    let mut site = Site::default();
    let mut rendered = Vec::new();
    for release in wanted.components.iter().filter_map(|component| component.release.as_ref()) {
        let files = release.chart.iter().filter(|(path, _)| path.starts_with("templates/") && path.ends_with(".yaml"));
        let text: Vec<String> = files.map(|(_, bytes)| String::from_utf8(bytes.to_vec()).unwrap()).collect();
        let objects = objects(&text.join("\n---\n"), &release.name, &release.namespace);
        assert!(objects.len() > 2, "no objects were found in the chart of {}", release.name);
        for object in &objects {
            let ObjectRef { api_version, kind, namespace, .. } = &object.object;
            let group = api_version.split_once('/').map_or("", |(group, _)| group);
            let resource = Resource { group: group.to_owned(), plural: plural(kind), namespaced: namespace.is_some() };
            site.resources.insert((api_version.clone(), kind.clone()), resource);
        }
        let key = ReleaseKey::new(&release.namespace, &release.name);
        rendered.push(Rendered {
            key,
            incompatible: None,
            objects: Ok(objects),
            hooks: Vec::new(),
            stored: 0,
            unread: Vec::new(),
            defines: Vec::new(),
        });
    }
    // An install from an offline bundle has one node of each pool pull an image; two are enough for most clusters.
    let first = wanted.components.iter().find_map(|component| component.release.clone()).unwrap();
    let tests = pull_tests(&first.namespace, 2).into_iter().map(|need| need.right);
    let needs = [wanted, wanted_over("3.4.1")].map(|wanted| needs(&wanted, &rendered, &site));
    let rights = needs.iter().flat_map(|needs| &needs.rights).map(|need| need.right.clone());
    rights.chain(needs.iter().flat_map(|needs| preflight_rights(needs.namespaces.keys()))).chain(tests).collect()
}

/// Group, resource, and verbs: names that share these make one rule, resources that share names and verbs, too.
type Granted<'a> = (&'a str, Vec<&'a str>, Vec<&'a str>);

/// The rules that grant these rights, as few as can be read.
fn rules(rights: &[&Right]) -> String {
    let mut verbs: BTreeMap<(&str, &str, Option<&str>), BTreeSet<&str>> = BTreeMap::new();
    for right in rights {
        // In a Role, the namespace is its own.
        let name = right.name.as_deref().filter(|_| right.resource != "namespaces");
        verbs.entry((&right.group, &right.resource, name)).or_default().insert(&right.verb);
    }
    // A verb that is granted on all needs no names.
    let all = verbs.clone();
    let mut names: BTreeMap<(&str, &str, bool, Vec<&str>), Vec<&str>> = BTreeMap::new();
    for ((group, resource, name), mut verbs) in verbs {
        if name.is_some()
            && let Some(held) = all.get(&(group, resource, None))
        {
            verbs.retain(|verb| !held.contains(verb));
        }
        if !verbs.is_empty() {
            let key = (group, resource, name.is_some(), verbs.into_iter().collect());
            names.entry(key).or_default().extend(name);
        }
    }
    let mut rules: BTreeMap<Granted<'_>, Vec<&str>> = BTreeMap::new();
    for ((group, resource, _, verbs), names) in names {
        rules.entry((group, names, verbs)).or_default().push(resource);
    }
    let mut text = String::new();
    for ((group, names, verbs), resources) in rules {
        let group = if group.is_empty() { "\"\"" } else { group };
        let name = if names.is_empty() { String::new() } else { format!(", resourceNames: [{}]", names.join(", ")) };
        let (resources, verbs) = (resources.join(", "), verbs.join(", "));
        writeln!(text, "- {{apiGroups: [{group}], resources: [{resources}]{name}, verbs: [{verbs}]}}").unwrap();
    }
    text
}

fn rbac() -> String {
    let rights = asked();
    let mut scopes: BTreeMap<Option<&str>, Vec<&Right>> = BTreeMap::new();
    for right in &rights {
        scopes.entry(right.namespace.as_deref()).or_default().push(right);
    }
    let levels = wanted();
    let levels: BTreeMap<&str, &str> = levels
        .components
        .iter()
        .filter_map(|component| component.release.as_ref())
        .map(|release| (release.namespace.as_str(), release.pod_security.as_str()))
        .collect();
    let mut text = String::from(
        "# Exactly the rights that windlass needs to install, prove, look after and uninstall HDFS, Livy, the shared libraries and the history server, for a
# ServiceAccount: with these, `windlass preflight` finds none missing. Namespaces are made here, so that it needs no
# right to make any, or to patch one for another level; other names go in their place if the answers name others. Objects whose names are known are named:
# what is made cannot be (the API does not know a name before there is one), nor can lists, pods, and Helm's records,
# which are one Secret more for each revision. DataNodes on folders of the nodes
# (hdfs.datanode_kind: daemonset) need Pod Security privileged in their namespace. What other components need,
# `windlass preflight` lists, right by right.
#
#   kubectl apply -f docs/rbac.yaml
#   kubectl -n windlass-system create token windlass
#
# Made by: WINDLASS_UPDATE=1 cargo test --test all rbac::
",
    );
    for namespace in scopes.keys().flatten().filter(|name| **name != "kube-system") {
        let level = levels.get(namespace).unwrap_or(&"restricted");
        let labels: Vec<String> = ["enforce", "warn", "audit"]
            .iter()
            .map(|mode| format!("pod-security.kubernetes.io/{mode}: {level}"))
            .collect();
        let metadata = if *namespace == STATE_NAMESPACE {
            format!("{{name: {namespace}}}")
        } else {
            format!("{{name: {namespace}, labels: {{{}}}}}", labels.join(", "))
        };
        writeln!(text, "---\napiVersion: v1\nkind: Namespace\nmetadata: {metadata}").unwrap();
    }
    writeln!(
        text,
        "---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: windlass, namespace: {STATE_NAMESPACE}}}"
    )
    .unwrap();
    for (namespace, rights) in &scopes {
        let (kind, place) = match namespace {
            None => ("ClusterRole", String::new()),
            Some(namespace) => ("Role", format!(", namespace: {namespace}")),
        };
        let api = "apiVersion: rbac.authorization.k8s.io/v1";
        write!(text, "---\n{api}\nkind: {kind}\nmetadata: {{name: windlass{place}}}\nrules:\n{}", rules(rights))
            .unwrap();
        write!(
            text,
            "---\n{api}\nkind: {kind}Binding\nmetadata: {{name: windlass{place}}}\n\
             roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: {kind}, name: windlass}}\n\
             subjects: [{{kind: ServiceAccount, name: windlass, namespace: {STATE_NAMESPACE}}}]\n"
        )
        .unwrap();
    }
    text
}

#[test]
fn the_documented_rights_are_those_that_preflight_asks_for() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rbac.yaml");
    let wanted = rbac();
    if std::env::var_os("WINDLASS_UPDATE").is_some() {
        std::fs::write(&path, &wanted).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    for (line, (found, wanted)) in found.lines().zip(wanted.lines()).enumerate() {
        assert_eq!(
            found,
            wanted,
            "docs/rbac.yaml:{}: make it anew: WINDLASS_UPDATE=1 cargo test --test all rbac::",
            line + 1
        );
    }
    assert!(found == wanted, "docs/rbac.yaml is of another length: WINDLASS_UPDATE=1 cargo test --test all rbac::");
}

#[test]
fn claims_are_patched_only_where_volumes_are_to_grow() {
    let patched = |wanted: &Resolved| {
        let rights = needs(wanted, &[], &Site::default()).rights;
        rights.iter().any(|need| need.right.to_string() == "patch persistentvolumeclaims in apache-hdfs")
    };
    let mut wanted = wanted();
    assert!(patched(&wanted));
    wanted.components.iter_mut().for_each(|component| component.before.clear());
    assert!(!patched(&wanted));
}

#[test]
fn every_rule_names_what_it_grants() {
    let rights = asked();
    assert!(rights.len() > 100, "only {} rights", rights.len());
    for right in &rights {
        assert!(!right.verb.contains('*') && !right.resource.contains('*') && !right.group.contains('*'), "{right}");
    }
    let named = |text: &str| rights.iter().any(|right| right.to_string() == text);
    for text in [
        "patch statefulsets.apps my-hdfs-namenode in apache-hdfs",
        "patch persistentvolumeclaims in apache-hdfs",
        "create daemonsets.apps in apache-hdfs",
        "deletecollection pods in apache-livy",
        "delete networkpolicies.networking.k8s.io my-hdfs-closed in apache-hdfs",
        "create validatingadmissionpolicies.admissionregistration.k8s.io",
        "list pods",
        "create clusterroles.rbac.authorization.k8s.io",
        "get pods/portforward in apache-hdfs",
        "update leases.coordination.k8s.io windlass in windlass-system",
        "get namespaces apache-livy in apache-livy",
    ] {
        assert!(named(text), "{text} is not asked for");
    }
    assert!(!named("create namespaces"));
}

#[test]
fn namespaces_that_others_made_are_neither_made_nor_patched() {
    let of_namespaces: BTreeSet<String> =
        asked().into_iter().filter(|right| right.resource == "namespaces").map(|right| right.verb).collect();
    assert_eq!(of_namespaces, ["get".to_owned()].into());
    // One that windlass made, and that gets another level, is patched by its name.
    let site = Site { relabelled: ["apache-hdfs".to_owned()].into(), ..Site::default() };
    let rights = needs(&wanted(), &[], &site).rights;
    let patched =
        rights.iter().map(|need| need.right.to_string()).filter(|right| right.starts_with("patch namespaces"));
    assert_eq!(patched.collect::<Vec<_>>(), ["patch namespaces apache-hdfs in apache-hdfs"]);
}

#[test]
fn what_has_a_known_name_is_changed_and_deleted_by_that_name_only() {
    // Pods have names that nobody knows before; so have Helm's records and long lists of files. Claims go by the number of
    // pods, which is an answer.
    let unknown = ["persistentvolumeclaims", "pods", "pods/log", "pods/portforward", "secrets"];
    for right in asked().iter().filter(|right| right.name.is_none()) {
        let changes = matches!(right.verb.as_str(), "get" | "update" | "patch" | "delete" | "escalate" | "bind");
        // Livy's own role, which windlass can only give if it holds it: what spark-submit makes and then changes.
        let given = matches!(right.resource.as_str(), "configmaps" | "services")
            && (right.verb.as_str(), right.namespace.as_deref()) == ("patch", Some("apache-livy"));
        assert!(
            !changes || given || unknown.contains(&right.resource.as_str()),
            "`{right}` is asked for on all of them"
        );
    }
    for forbidden in ["cluster-admin", "resources: [clusterroles], verbs: [delete"] {
        assert!(!rbac().contains(forbidden), "{forbidden}");
    }
}
