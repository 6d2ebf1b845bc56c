//! What an upgrade would change is told before it is done, and what cannot be changed, with the way round.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::*;

/// A password in the chart of Livy, which the diff must not show; the second time another one.
const SECRETS: [&str; 2] = ["planted-first-7c1e", "planted-second-94ab"];

fn with(catalog: &Path, args: &[&str]) -> Ran {
    let args = with_jars(args);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    run(windlass(&args).arg("--catalog").arg(catalog))
}

/// The catalog with a Secret in Livy's chart, and another grace period where it is the second.
fn livy_catalog(number: usize) -> PathBuf {
    let seconds = ["30", "31"][number];
    let name = ["diff-first", "diff-second"][number];
    let to = format!("terminationGracePeriodSeconds: {seconds}");
    let catalog = changed_catalog(name, "livy/chart/templates/livy.yaml", "terminationGracePeriodSeconds: 30", &to);
    let secret = format!(
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: planted\n  namespace: {{{{ .Release.Namespace }}}}\nstringData:\n  password: {}\n",
        SECRETS[number]
    );
    std::fs::write(catalog.join("livy/chart/templates/secret.yaml"), secret).unwrap();
    catalog
}

fn uid(kind: &str, name: &str) -> String {
    text(&kubectl_json(&["-n", "apache-hdfs", "get", kind, name])["metadata"]["uid"])
}

pub(crate) fn what_would_change_is_reported() {
    let plain = plan(&["--no-verify"]);
    assert!(plain.get("diff").is_none());
    let nothing = plan(&["--no-verify", "--diff"]);
    assert_eq!(nothing["diff"], Value::Array(Vec::new()));
    let first = livy_catalog(0);
    with(&first, &["plan", "--no-verify"]).exits(0).says("add --diff");
    with(&first, &["install", "--yes", "--no-verify", "--diff"]).exits(0).says("Secret apache-livy/planted is added");
    let before = releases();
    let second = livy_catalog(1);
    let args = ["plan", "--no-verify", "--diff", "--set", "livy.memory=400Mi"];
    let ran = with(&second, &args).exits(0);
    for line in [
        "server.memory: \"384Mi\" becomes \"400Mi\"\n",
        "  Deployment apache-livy/my-livy\n",
        "spec.template.spec.terminationGracePeriodSeconds: 30 becomes 31\n",
        "env[name=LIVY_SERVER_JAVA_OPTS].value\n",
        "  Secret apache-livy/planted\n    data.password differs (not shown)\n",
    ] {
        assert!(ran.out.contains(line), "{line}{}", ran.out);
    }
    assert!(!ran.out.contains('\u{1b}'), "no colours in a pipe");
    assert!(!ran.out.contains("release apache-hdfs/"), "only what would be updated: {}", ran.out);
    let json = [&args[..], &["--json"]].concat();
    let (ran, again) = (with(&second, &json).exits(0), with(&second, &json).exits(0));
    assert_eq!(ran.out, again.out, "equal inputs, equal bytes");
    let told: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(told["schema"], 1);
    let diff = &told["diff"][0];
    assert_eq!((text(&diff["namespace"]), text(&diff["name"])), ("apache-livy".to_owned(), "my-livy".to_owned()));
    let objects = diff["objects"].as_array().unwrap();
    let secret = objects.iter().find(|object| object["kind"] == "Secret").unwrap();
    assert_eq!(secret["fields"], serde_json::json!([{"path": "data.password", "hidden": true}]));
    for shown in [with(&second, &args).out, ran.out] {
        assert!(!shown.contains("planted-"), "{shown}");
    }
    assert_eq!(releases(), before, "looking changes nothing");
}

pub(crate) fn what_cannot_be_changed_is_refused_with_the_way_round() {
    let policy = ["podManagementPolicy: Parallel", "podManagementPolicy: OrderedReady"];
    let other = changed_catalog("diff-fixed", "hdfs/chart/templates/datanode.yaml", policy[0], policy[1]);
    let (before, pod) = (releases(), uid("pod", "my-hdfs-datanode-0"));
    let volume = uid("pvc", "data-my-hdfs-datanode-0");
    let way = "kubectl -n apache-hdfs delete statefulset my-hdfs-datanode --cascade=orphan";
    // Of the sandbox's class; tests/e2e/volumes.rs has those that grow.
    let larger = install(&["--no-verify", "--set", "hdfs.datanode_storage=11Gi"]).exits(11);
    let larger = larger.says("volume-not-expandable").says("StorageClass local-path does not allow volume expansion");
    assert!(!larger.out.contains("field-immutable"), "{}", larger.out);
    with(&other, &["install", "--yes", "--no-verify"])
        .exits(11)
        .says("field-immutable")
        .says("StatefulSet apache-hdfs/my-hdfs-datanode")
        .says("spec.podManagementPolicy: \"Parallel\" becomes \"OrderedReady\"")
        .says(way);
    assert_eq!(releases(), before, "nothing was changed");
    let look = with(&other, &["preflight", "--json"]).exits(11);
    let found: Value = serde_json::from_str(&look.out).unwrap();
    let errors: Vec<&Value> =
        found["findings"].as_array().unwrap().iter().filter(|one| one["severity"] == "error").collect();
    assert_eq!(errors.len(), 1, "{found}");
    assert_eq!(errors[0]["id"], "field-immutable");
    // The way round, as it is told.
    let orphan = || kubectl(&["-n", "apache-hdfs", "delete", "statefulset", "my-hdfs-datanode", "--cascade=orphan"]);
    orphan();
    with(&other, &["install", "--yes", "--no-verify"])
        .exits(0)
        .says("StatefulSet apache-hdfs/my-hdfs-datanode is gone");
    assert_eq!(uid("pod", "my-hdfs-datanode-0"), pod, "the pod ran on");
    assert_eq!(uid("pvc", "data-my-hdfs-datanode-0"), volume, "the volume stayed");
    let set = kubectl_json(&["-n", "apache-hdfs", "get", "statefulset", "my-hdfs-datanode"]);
    assert_eq!(set["spec"]["podManagementPolicy"], "OrderedReady");
    // And back, likewise.
    let before = releases();
    let back = install(&["--no-verify"]).exits(11).says("\"OrderedReady\" becomes \"Parallel\"");
    assert!(back.out.contains(way), "{}", back.out);
    assert_eq!(releases(), before);
    orphan();
    install(&["--no-verify"]).exits(0);
    assert_eq!(uid("pod", "my-hdfs-datanode-0"), pod, "the pod ran on");
}

/// A container whose limit is below its request is wrong in itself: there is no way round by deleting.
pub(crate) fn what_is_wrong_in_itself_is_refused_otherwise() {
    let from = "            memory: {{ add $heap 384 (include";
    let catalog = changed_catalog(
        "diff-wrong",
        "livy/chart/templates/livy.yaml",
        from,
        "            cpu: 1m\n            memory: {{ add $heap 384 (include",
    );
    let before = releases();
    let ran = with(&catalog, &["install", "--yes", "--no-verify"]).exits(11).says("change-refused");
    assert!(ran.out.contains("Deployment apache-livy/my-livy") && !ran.out.contains("cascade"), "{}", ran.out);
    assert_eq!(releases(), before);
    install(&["--no-verify"]).exits(0);
    let left = changes(&plan(&["--no-verify"]));
    assert_eq!(left, Vec::new(), "the platform is as the catalog wants it");
}
