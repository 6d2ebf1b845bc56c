//! Preflight: rights that are missing, exactly the rights that are documented, and what else a site can lack.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::support::*;

/// Namespaces of their own, in which nothing is installed, so that everything is yet to be made.
const ELSEWHERE: [&str; 6] = [
    "--set",
    "hdfs.namespace=pf-hdfs",
    "--set",
    "livy.namespace=pf-livy",
    "--set",
    "spark-history-server.namespace=pf-livy",
];

/// A right of `docs/rbac.yaml`: namespace (empty for the cluster), resource as kubectl takes it, and verbs.
type Rights = (&'static str, &'static str, &'static [&'static str]);

/// Ten sets of rights to miss.
const MISSING: [&[Rights]; 10] = [
    &[("apache-livy", "secrets", &["list"])],
    &[("apache-hdfs", "secrets", &["create", "update"])],
    &[("apache-hdfs", "statefulsets.apps", &["patch"])],
    &[("apache-livy", "deployments.apps", &["create", "delete", "get", "list", "patch", "watch"])],
    &[("apache-hdfs", "pods/portforward", &["create", "get"])],
    &[
        ("windlass-system", "leases.coordination.k8s.io", &["create", "update"]),
        ("windlass-system", "secrets", &["update"]),
    ],
    &[("apache-livy", "persistentvolumeclaims", &["create"]), ("apache-livy", "services", &["create"])],
    &[
        ("", "validatingadmissionpolicies.admissionregistration.k8s.io", &["create", "delete", "get", "patch"]),
        ("", "validatingadmissionpolicybindings.admissionregistration.k8s.io", &["create", "delete", "get", "patch"]),
    ],
    // Only what a role of the chart gives away.
    &[("apache-livy", "pods", &["deletecollection"]), ("apache-livy", "configmaps", &["deletecollection"])],
    &[
        ("apache-livy", "namespaces", &["get"]),
        ("apache-livy", "serviceaccounts", &["create", "patch"]),
        ("apache-livy", "pods", &["delete", "watch"]),
        ("apache-hdfs", "endpointslices.discovery.k8s.io", &["list"]),
    ],
];

fn manifest() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rbac.yaml")
}

/// A kubeconfig as the sandbox's, changed.
pub(crate) fn kubeconfig(name: &str, change: impl FnOnce(&mut Value)) -> PathBuf {
    let mut config = kubectl_json(&["config", "view", "--raw", "--minify", "--flatten"]);
    change(&mut config);
    let file = scratch().join(name);
    std::fs::write(&file, config.to_string()).unwrap();
    file
}

/// The ServiceAccount of `docs/rbac.yaml`, with a token.
pub(crate) fn account() -> PathBuf {
    kubectl(&["apply", "-f", manifest().to_str().unwrap()]);
    let token = kubectl(&["-n", "windlass-system", "create", "token", "windlass", "--duration=2h"]);
    kubeconfig("account.json", |config| config["users"][0]["user"] = json!({"token": token.trim()}))
}

pub(crate) fn no_account() {
    for namespace in ["apache-hdfs", "apache-livy", "windlass-system", "kube-system"] {
        kubectl(&["-n", namespace, "delete", "role,rolebinding", "windlass", "--ignore-not-found"]);
    }
    kubectl(&["delete", "clusterrole,clusterrolebinding", "windlass", "--ignore-not-found"]);
    kubectl(&["-n", "windlass-system", "delete", "serviceaccount", "windlass", "--ignore-not-found"]);
}

/// windlass with another kubeconfig than the sandbox's, and its Helm.
pub(crate) fn windlass_with(kubeconfig: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(WINDLASS);
    command.args(args).arg("--kubeconfig").arg(kubeconfig).arg("--helm").arg(sandbox().join("bin/helm"));
    command.env("XDG_STATE_HOME", scratch().join("state")).env_remove("KUBECONFIG").stdin(Stdio::null());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("WINDLASS_ANSWER_")) {
        command.env_remove(name);
    }
    command
}

/// The same with the sandbox's answers and the jars.
pub(crate) fn answered(kubeconfig: &Path, args: &[&str]) -> Command {
    let args = with_jars(args);
    let mut command = windlass_with(kubeconfig, &args.iter().map(String::as_str).collect::<Vec<_>>());
    command.arg("--answers").arg(small().join("answers.yaml"));
    command
}

/// What `preflight --json` reports.
#[track_caller]
fn report(command: &mut Command) -> (i32, Value) {
    let ran = run(command.arg("--json"));
    let report: serde_json::Result<Value> = serde_json::from_str(ran.out.trim());
    assert!(report.is_ok(), "{report:?}: {}{}", ran.out, ran.err);
    (ran.code, report.unwrap())
}

fn ids(report: &Value) -> Vec<String> {
    report["findings"].as_array().unwrap().iter().map(|finding| text(&finding["id"])).collect()
}

/// The rights that are told to be missing, as `namespace verb resource`.
fn told(report: &Value) -> BTreeSet<String> {
    let findings = report["findings"].as_array().unwrap();
    let mut rights = BTreeSet::new();
    for finding in findings.iter().filter(|finding| finding["id"] == "rights-missing") {
        let (place, what) = (text(&finding["where"]), text(&finding["what"]));
        let namespace = place.strip_prefix("namespace ").unwrap_or_default();
        let (_, rest) = what.split_once(" may not ").unwrap();
        let rest = rest.split_once(", which ").map_or(rest, |(rest, _)| rest);
        let words: Vec<&str> = rest.split_whitespace().collect();
        let last = words.iter().position(|word| !word.ends_with(',')).unwrap();
        for verb in &words[..=last] {
            rights.insert(format!("{namespace} {} {}", verb.trim_end_matches(','), words[last + 1]));
        }
    }
    rights
}

/// A role of the account as one rule for each right, without some.
#[track_caller]
fn take_away(namespace: &str, missing: &[Rights]) {
    let mut role = if namespace.is_empty() {
        kubectl_json(&["get", "clusterrole", "windlass"])
    } else {
        kubectl_json(&["-n", namespace, "get", "role", "windlass"])
    };
    let mut rules = Vec::new();
    for rule in role["rules"].as_array().unwrap() {
        let group = text(&rule["apiGroups"][0]);
        for resource in rule["resources"].as_array().unwrap() {
            let plain = text(resource);
            let full = if group.is_empty() { plain.clone() } else { format!("{plain}.{group}") };
            for verb in rule["verbs"].as_array().unwrap() {
                let mut gone = missing.iter().filter(|(scope, name, _)| *scope == namespace && *name == full);
                if !gone.any(|(_, _, verbs)| verbs.contains(&verb.as_str().unwrap())) {
                    let mut kept = json!({"apiGroups": [group], "resources": [plain], "verbs": [verb]});
                    if rule["resourceNames"].is_array() {
                        kept["resourceNames"] = rule["resourceNames"].clone();
                    }
                    rules.push(kept);
                }
            }
        }
    }
    role["rules"] = json!(rules);
    role["metadata"].as_object_mut().unwrap().remove("resourceVersion");
    apply(&role.to_string());
}

pub(crate) fn ten_sets_of_missing_rights() {
    let account = account();
    let before = releases();
    for missing in MISSING {
        kubectl(&["apply", "-f", manifest().to_str().unwrap()]);
        let scopes: BTreeSet<&str> = missing.iter().map(|(namespace, _, _)| *namespace).collect();
        for namespace in scopes {
            take_away(namespace, missing);
        }
        let expected: BTreeSet<String> = missing
            .iter()
            .flat_map(|(namespace, resource, verbs)| {
                verbs.iter().map(move |verb| format!("{namespace} {verb} {resource}"))
            })
            .collect();
        // The API server learns of changed roles a moment later.
        let mut found = BTreeSet::new();
        let end = Instant::now() + Duration::from_secs(40);
        while found != expected && Instant::now() < end {
            let (code, report) = report(&mut answered(&account, &["preflight"]));
            found = told(&report);
            assert!(code == 11 || found.is_empty(), "{report}");
        }
        assert_eq!(found, expected, "{missing:?}");
        // An install ends there, before it writes anything.
        let change = ["install", "--yes", "--no-verify", "--set", "spark-history-server.memory=480Mi"];
        let ran = run(&mut answered(&account, &change)).exits(11).says("rights-missing").says("nothing was changed");
        assert!(ran.out.contains("kubectl "), "{}", ran.out);
        assert_eq!(releases(), before, "{missing:?}");
        assert_eq!(kubectl(&["-n", "windlass-system", "get", "leases", "-o", "name"]), "", "{missing:?}");
    }
    no_account();
}

/// All but the checks, which c06 runs with them.
pub(crate) fn exactly_the_documented_rights() {
    let account = account();
    let mut found = vec!["rights-missing".to_owned()];
    let end = Instant::now() + Duration::from_secs(15);
    while found.iter().any(|id| id.starts_with("rights-") || id == "not-checked") && Instant::now() < end {
        found = ids(&report(&mut answered(&account, &["preflight"])).1);
    }
    assert!(!found.iter().any(|id| id.starts_with("rights-") || id == "not-checked"), "{found:?}");
    run(&mut windlass_with(&account, &["uninstall", "--yes"])).exits(0);
    assert_eq!(releases(), []);
    run(&mut answered(&account, &["install", "--yes", "--no-verify"])).exits(0).says("3 releases healthy");
    run(&mut answered(&account, &["install", "--yes", "--no-verify"])).exits(0).says("nothing to do");
    run(&mut windlass_with(&account, &["status"])).exits(0).says("4 ready");
    no_account();
    install(&["--no-verify"]).exits(0);
}

/// Preflight of an install into namespaces of its own; it must find this, once or more, and end with this code.
#[track_caller]
fn finds(id: &str, code: i32, args: &[&str]) -> Value {
    let args = with_jars(&[&["preflight"], &ELSEWHERE[..], args].concat());
    let (found, report) = report(&mut windlass(&args.iter().map(String::as_str).collect::<Vec<_>>()));
    assert!(ids(&report).iter().any(|one| one == id), "{id} is not in {report}");
    assert_eq!(found, code, "{report}");
    for finding in report["findings"].as_array().unwrap() {
        assert!(!text(&finding["fix"]).is_empty(), "{finding}");
    }
    report
}

pub(crate) fn what_a_site_can_lack() {
    what_the_cluster_lacks();
    what_a_namespace_lacks();
    who_cannot_get_in();
    what_this_machine_lacks();
    what_is_waived();
}

fn what_the_cluster_lacks() {
    finds("storage-class-missing", 11, &["--set", "platform.storage_class=nope"]);
    let class = |default: &str| {
        let note = format!("storageclass.kubernetes.io/is-default-class={default}");
        kubectl(&["annotate", "storageclass", "local-path", &note, "--overwrite"]);
    };
    class("false");
    let found = std::panic::catch_unwind(|| finds("no-storage-class", 11, &["--set", "platform.storage_class="]));
    class("true");
    if let Err(panic) = found {
        std::panic::resume_unwind(panic);
    }
    let ingress = ["--set", "platform.ingress_enabled=true", "--set", "platform.external_domain=x.example"];
    let ingress_class = |default: &str| {
        let note = format!("ingressclass.kubernetes.io/is-default-class={default}");
        kubectl(&["annotate", "ingressclass", "traefik", &note, "--overwrite"]);
    };
    ingress_class("false");
    let found = std::panic::catch_unwind(|| finds("no-ingress-class", 11, &ingress));
    ingress_class("true");
    if let Err(panic) = found {
        std::panic::resume_unwind(panic);
    }
    finds("ingress-class-missing", 11, &[&ingress[..], &["--set", "platform.ingress_class=nope"]].concat());
    let values = |name: &str, text: &str| {
        let file = scratch().join(name);
        std::fs::write(&file, text).unwrap();
        format!("hdfs.values_file={}", file.display())
    };
    let selector = values("selector.yaml", "namenode: {nodeSelector: {disk: ssd}}\n");
    let report = finds("node-labels", 11, &["--set", &selector]);
    assert!(report.to_string().contains("disk=ssd"), "{report}");
    let report = finds("resources", 11, &["--set", "hdfs.namenode_memory=900Gi"]);
    assert!(report.to_string().contains("of memory is left on node"), "{report}");
    finds("dns-domain", 11, &["--set", "platform.cluster_domain=site.example"]);
    finds("image-reference", 11, &["--set", "livy.image=Not An Image"]);
    // What no rule between answers sees, because it is in no answer.
    finds("chart-fails", 11, &["--set", &values("copies.yaml", "replication: 3\n")]);
    let catalog =
        changed_catalog("young", "hdfs/chart/Chart.yaml", "kubeVersion: \">=1.25.0-0\"", "kubeVersion: \">=1.99.0-0\"");
    let report = finds("kubernetes-old", 11, &["--catalog", catalog.to_str().unwrap()]);
    assert!(report.to_string().contains(">=1.99.0-0, the cluster runs v1."), "{report}");
}

fn what_a_namespace_lacks() {
    apply(
        "{apiVersion: v1, kind: Namespace, metadata: {name: pf-hdfs, labels: {pod-security.kubernetes.io/enforce: restricted}}}\n\
         ---\n{apiVersion: v1, kind: ResourceQuota, metadata: {name: small, namespace: pf-hdfs}, spec: {hard: {requests.memory: 100Mi, limits.cpu: \"4\"}}}\n",
    );
    let gone = || {
        kubectl(&["delete", "namespace", "pf-hdfs", "--ignore-not-found"]);
    };
    let tried = std::panic::catch_unwind(|| {
        let report = finds("quota", 11, &[]);
        assert!(ids(&report).contains(&"quota-unset".to_owned()), "{report}");
        apply(
            "{apiVersion: v1, kind: LimitRange, metadata: {name: little, namespace: pf-hdfs}, spec: {limits: [{type: Container, max: {memory: 200Mi}, default: {cpu: \"1\", memory: 100Mi}}]}}",
        );
        let report = finds("limit-range", 11, &[]);
        assert!(!ids(&report).contains(&"quota-unset".to_owned()), "{report}");
        let loose = changed_catalog("loose", "hdfs/component.yaml", "else 'restricted'", "else 'privileged'");
        finds("pod-security", 11, &["--catalog", loose.to_str().unwrap()]);
        finds("pull-secret-missing", 11, &["--set", "platform.pull_secret=secret:nobodys"]);
        let chart = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fakes/chart-any");
        let mut helm = Command::new(sandbox().join("bin/helm"));
        helm.args(["install", "my-hdfs"]).arg(chart).args(["-n", "pf-hdfs", "--kubeconfig"]);
        run(helm.arg(sandbox().join("kubeconfig"))).exits(0);
        finds("release-not-adoptable", 11, &[]);
    });
    gone();
    if let Err(panic) = tried {
        std::panic::resume_unwind(panic);
    }
}

fn who_cannot_get_in() {
    let expect = |file: &Path, more: &[&str], id: &str| {
        let (code, report) = report(answered(file, &["preflight"]).args(more));
        assert_eq!((code, ids(&report)), (11, vec![id.to_owned()]), "{report}");
    };
    let same = kubeconfig("same.json", |_| {});
    expect(&same, &["--context", "nope"], "context-missing");
    // One that is right in everything but its time.
    account();
    let signed = |name: &str, seconds: i64| {
        let token = token_that_expires_in(seconds);
        kubeconfig(name, |config| config["users"][0]["user"] = json!({"token": token}))
    };
    let valid = signed("valid.json", 3600);
    eventually("a token of the same making gets in", 15, || run(&mut windlass_with(&valid, &["status"])).code == 0);
    let expired = signed("expired.json", -3600);
    expect(&expired, &[], "token-rejected");
    let named = kubeconfig("named.json", |config| {
        config["clusters"][0]["cluster"]["tls-server-name"] = json!("elsewhere.example")
    });
    expect(&named, &[], "certificate-name");
    let nowhere =
        kubeconfig("nowhere.json", |config| config["clusters"][0]["cluster"]["server"] = json!("https://127.0.0.1:1"));
    expect(&nowhere, &[], "api-unreachable");
    // Of any other command it is exit 4, as ever.
    run(&mut windlass_with(&expired, &["status"])).exits(4);
    run(&mut answered(&expired, &["install", "--yes"])).exits(4);
    no_account();
}

/// A token as the API server makes them for the account, signed with its own key; of two hours, which end then.
fn token_that_expires_in(seconds: i64) -> String {
    let real = kubectl(&["-n", "windlass-system", "create", "token", "windlass"]);
    let mut parts = real.trim().split('.');
    let (header, claims) = (parts.next().unwrap(), parts.next().unwrap());
    let mut claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let end = i64::try_from(now).unwrap() + seconds;
    for (claim, time) in [("exp", end), ("iat", end - 7200), ("nbf", end - 7200)] {
        assert!(claims[claim].is_number(), "{claims}");
        claims[claim] = json!(time);
    }
    let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
    let file = scratch().join("to-sign");
    std::fs::write(&file, &signed).unwrap();
    let mut openssl = Command::new("openssl");
    openssl.args(["dgst", "-sha256", "-sign"]).arg(sandbox().join("node/pki/service-account.key")).arg(&file);
    let made = openssl.output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(made.stdout))
}

fn what_this_machine_lacks() {
    let full = scratch().join("full");
    std::fs::create_dir_all(&full).unwrap();
    run(Command::new("mount").args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"]).arg(&full)).exits(0);
    let (code, found) = report(windlass(&["preflight"]).env("XDG_STATE_HOME", &full));
    run(Command::new("umount").arg(&full)).exits(0);
    assert!(ids(&found).contains(&"disk-full".to_owned()), "{found}");
    assert_eq!(code, 11, "{found}");
    let mut command = windlass(&["preflight", "--helm", "/nonexistent/helm"]);
    let (code, found) = report(&mut command);
    assert!(ids(&found).contains(&"helm-missing".to_owned()), "{found}");
    assert_eq!(code, 11, "{found}");
}

fn what_is_waived() {
    run(&mut windlass(&["preflight", "--waive", "storage-clas-missing"]))
        .exits(2)
        .says("did you mean `storage-class-missing`?");
    run(&mut windlass(&["install", "--yes", "--waive", "api-unreachable"])).exits(2).says("cannot be waived");
    let nope = ["--set", "platform.storage_class=nope"];
    let report = finds(
        "storage-class-missing",
        0,
        &[&nope[..], &["--waive", "storage-class-missing", "--waive", "resources"]].concat(),
    );
    assert_eq!(report["errors"], 0);
    let mut waived = report["findings"].as_array().unwrap().iter();
    assert!(waived.any(|finding| finding["id"] == "storage-class-missing" && finding["waived"] == true), "{report}");
}

pub(crate) fn nothing_wrong() {
    let args = with_jars(&["preflight"]);
    let ran = run(&mut windlass(&args.iter().map(String::as_str).collect::<Vec<_>>())).exits(0);
    assert!(!ran.out.contains("error  "), "{}", ran.out);
}
