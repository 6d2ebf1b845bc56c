//! Who gets in: to HDFS, Livy and the history server from other namespaces, and what the accounts of jobs may do.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::*;

/// Everything that listens, as Kubernetes' DNS knows it.
const DOORS: [(&str, u16); 7] = [
    ("my-hdfs-namenode-0.my-hdfs-namenode.apache-hdfs.svc.cluster.local", 9870),
    ("my-hdfs-namenode-0.my-hdfs-namenode.apache-hdfs.svc.cluster.local", 8020),
    ("my-hdfs-datanode-0.my-hdfs-datanode.apache-hdfs.svc.cluster.local", 9864),
    ("my-hdfs-datanode-0.my-hdfs-datanode.apache-hdfs.svc.cluster.local", 9866),
    ("my-hdfs-datanode-0.my-hdfs-datanode.apache-hdfs.svc.cluster.local", 9867),
    ("my-livy.apache-livy.svc.cluster.local", 8998),
    ("my-spark-history-server.apache-livy.svc.cluster.local", 80),
];

const LIVY: &str = "system:serviceaccount:apache-livy:my-livy";
const DRIVER: &str = "system:serviceaccount:apache-livy:my-livy-spark";

#[track_caller]
fn apply(args: &[&str], manifest: &str) -> Ran {
    let mut child =
        kubectl_command(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(manifest.as_bytes()).unwrap();
    Ran::new(child.wait_with_output().unwrap())
}

/// A pod as jobs have them, with a part of its spec, of its container, and its labels.
fn pod(namespace: &str, labels: &str, spec: &str, container: &str) -> String {
    let answers = std::fs::read_to_string(small().join("answers.yaml")).unwrap();
    let registry = answers.lines().find_map(|line| line.trim().strip_prefix("registry: ")).unwrap().trim_matches('"');
    format!(
        "apiVersion: v1
kind: Pod
metadata: {{name: someone, namespace: {namespace}, labels: {{{labels}}}}}
spec:
  terminationGracePeriodSeconds: 0
  securityContext: {{runAsNonRoot: true, runAsUser: 185, seccompProfile: {{type: RuntimeDefault}}}}
  {spec}
  containers:
  - name: c
    image: {registry}/sandbox/busybox:1
    command: [sleep, \"600\"]
    securityContext: {{allowPrivilegeEscalation: false, capabilities: {{drop: [ALL]}}}}
    {container}
"
    )
}

/// Which of the doors a pod gets through.
fn open(namespace: &str, doors: &[(&str, u16)]) -> Vec<u16> {
    let through = |(host, port): &&(&str, u16)| {
        let nc = format!("nc -w 3 {host} {port} < /dev/null > /dev/null 2>&1");
        run(&mut kubectl_command(&["-n", namespace, "exec", "someone", "--", "sh", "-c", &nc])).code == 0
    };
    doors.iter().filter(through).map(|(_, port)| *port).collect()
}

pub(crate) fn nobody_else_gets_in() {
    let password = format!("--from-file=.dockerconfigjson={}", sandbox().join("registry-auth.json").display());
    run(&mut kubectl_command(&["delete", "namespace", "strange", "--ignore-not-found"])).exits(0);
    kubectl(&["create", "namespace", "strange"]);
    let secret =
        ["create", "secret", "generic", "windlass-registry", "--type=kubernetes.io/dockerconfigjson", &password];
    kubectl(&[&["-n", "strange"], &secret[..]].concat());
    let pull = "imagePullSecrets: [{name: windlass-registry}]";
    // It looks like Livy, and like a driver, but is of another namespace.
    let labels = "spark-role: driver, app.kubernetes.io/name: livy, app.kubernetes.io/instance: my-livy";
    apply(&["apply", "-f", "-"], &pod("strange", labels, pull, "")).exits(0);
    apply(&["apply", "-f", "-"], &pod("apache-livy", "spark-role: driver", pull, "")).exits(0);
    for namespace in ["strange", "apache-livy"] {
        kubectl(&["-n", namespace, "wait", "pod/someone", "--for=condition=Ready", "--timeout=60s"]);
    }
    // What enforces policies learns of a pod a moment after it started.
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut stranger = open("strange", &DOORS);
    while !stranger.is_empty() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_secs(1));
        stranger = open("strange", &DOORS);
    }
    assert_eq!(stranger, Vec::<u16>::new(), "a pod of another namespace gets in");
    // The same question from a job: HDFS answers, so that the question is a good one; Livy does not.
    let mut job = open("apache-livy", &DOORS);
    while job != [9870, 8020, 9864, 9866, 9867] && Instant::now() < deadline {
        std::thread::sleep(Duration::from_secs(1));
        job = open("apache-livy", &DOORS);
    }
    assert_eq!(job, [9870, 8020, 9864, 9866, 9867], "where a job gets in");
    kubectl(&["-n", "apache-livy", "delete", "pod", "someone"]);
    kubectl(&["delete", "namespace", "strange", "--wait=false"]);
    // Nor does another user of the machine, to what pods have written.
    let volumes = sandbox().join("node/volumes");
    let mut other = Command::new("setpriv");
    other.args(["--reuid", "1000", "--regid", "1000", "--clear-groups", "ls"]).arg(volumes);
    assert_ne!(run(&mut other).code, 0, "a user of the machine reads the sandbox's volumes");
}

pub(crate) fn a_driver_is_a_driver() {
    let spark = "spark-role: executor, app.kubernetes.io/name: spark, app.kubernetes.io/instance: my-livy";
    let own = "serviceAccountName: my-livy-spark";
    let with = |volume: &str| format!("{own}\n  volumes: [{{name: v, {volume}}}]");
    let create =
        |account: &str, manifest: &str| apply(&["--as", account, "create", "--dry-run=server", "-f", "-"], manifest);
    let admitted = |account: &str, labels: &str, spec: &str, container: &str| {
        let ran = create(account, &pod("apache-livy", labels, spec, container));
        assert!(ran.code == 0 || ran.err.contains("denied request"), "{}", ran.err);
        ran.code == 0
    };
    // What Spark makes.
    assert!(admitted(DRIVER, spark, own, ""));
    assert!(admitted(DRIVER, spark, "automountServiceAccountToken: false", ""));
    assert!(admitted(DRIVER, spark, &with("emptyDir: {}"), ""));
    assert!(admitted(DRIVER, spark, &with("configMap: {name: conf}"), ""));
    assert!(admitted(DRIVER, spark, &with("persistentVolumeClaim: {claimName: data}"), ""));
    assert!(admitted(LIVY, "spark-role: driver", own, ""));
    // To become another, or to look like one.
    let livys = "spark-role: executor, app.kubernetes.io/name: livy, app.kubernetes.io/instance: my-livy";
    let history = "spark-role: executor, app.kubernetes.io/instance: my-spark-history-server";
    for (account, labels, spec) in [
        (DRIVER, spark, "serviceAccountName: my-livy"),
        (DRIVER, spark, ""),
        (DRIVER, "", own),
        (DRIVER, "spark-role: driver", own),
        (DRIVER, livys, own),
        (DRIVER, history, own),
        (LIVY, "spark-role: driver", "serviceAccountName: my-livy"),
        (LIVY, "spark-role: driver", "automountServiceAccountToken: false"),
        (LIVY, "", own),
    ] {
        assert!(!admitted(account, labels, spec, ""), "{account} makes a pod with {{{labels}}} and {spec}");
    }
    // To read a Secret, or what belongs to a server.
    for volume in [
        "secret: {secretName: windlass-registry}",
        "secret: {secretName: other}",
        "projected: {sources: [{secret: {name: windlass-registry}}]}",
        "projected: {sources: [{configMap: {name: c}}, {secret: {name: other, optional: true}}]}",
        "persistentVolumeClaim: {claimName: my-livy-state}",
        "ephemeral: {volumeClaimTemplate: {spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}, dataSource: {kind: PersistentVolumeClaim, name: my-livy-state}}}}",
    ] {
        assert!(!admitted(DRIVER, spark, &with(volume), ""), "a driver mounts {volume}");
        assert!(!admitted(LIVY, "spark-role: driver", &with(volume), ""), "Livy mounts {volume}");
    }
    for from in [
        "env: [{name: A, valueFrom: {secretKeyRef: {name: windlass-registry, key: .dockerconfigjson}}}]",
        "envFrom: [{configMapRef: {name: c}}, {secretRef: {name: other}}]",
        "ports: [{containerPort: 80, hostPort: 80}]",
    ] {
        let ran = create(DRIVER, &pod("apache-livy", spark, own, from));
        assert_ne!(ran.code, 0, "a driver has {from}");
        let init = format!("{own}\n  initContainers: [{{name: i, image: x, {from}}}]");
        assert_ne!(create(DRIVER, &pod("apache-livy", spark, &init, "")).code, 0, "a driver has {from} at its start");
    }
    // To take away what others have.
    let remove = |what: &str, selector: &str| {
        let path = format!("/api/v1/namespaces/apache-livy/{what}?dryRun=All{selector}");
        run(kubectl_command(&["--as", DRIVER, "delete", "--raw", &path]).stdin(Stdio::null())).code == 0
    };
    for what in ["pods", "configmaps", "services", "persistentvolumeclaims", "secrets", "serviceaccounts"] {
        assert!(!remove(what, ""), "a driver removes all {what}");
    }
    for what in ["pods", "configmaps"] {
        assert!(remove(what, "&labelSelector=spark-role%3Dexecutor"), "a driver may not remove {what} of executors");
    }
    let may = |verb: &str, what: &str, sub: &str| {
        let sub = format!("--subresource={sub}");
        run(&mut kubectl_command(&["--as", DRIVER, "-n", "apache-livy", "auth", "can-i", verb, what, &sub])).code == 0
    };
    assert!(may("create", "pods", ""), "a driver makes pods");
    for (verb, what, sub) in [
        ("create", "pods", "exec"),
        ("patch", "pods", ""),
        ("patch", "pods", "ephemeralcontainers"),
        ("create", "serviceaccounts", "token"),
        ("get", "secrets", ""),
        ("create", "rolebindings", ""),
    ] {
        assert!(!may(verb, what, sub), "a driver may {verb} {what}/{sub}");
    }
}
