//! HDFS goes from one version to the next, back, and on again, and can be read all the time.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::ha::{self, HA};
use crate::support::*;

/// The version that is upgraded to; the sandbox has its image.
const NEXT: &str = "3.4.2";

/// A failover takes no longer, with the time-outs of clients and DataNodes.
const GAP: Duration = Duration::from_secs(60);

/// A file of every version, and what is in it.
const FILE: &str = "/tmp/read-me";
const WORDS: &str = "read while HDFS is upgraded";

/// The catalog in which HDFS is of the next version.
fn next() -> PathBuf {
    let catalog =
        changed_catalog("hdfs-next", "hdfs/component.yaml", "version: \"3.4.1\"", &format!("version: \"{NEXT}\""));
    change(&catalog.join("hdfs/component.yaml"), "apache/hadoop:3.4.1", &format!("apache/hadoop:{NEXT}"));
    change(&catalog.join("hdfs/chart/Chart.yaml"), "appVersion: \"3.4.1\"", &format!("appVersion: \"{NEXT}\""));
    catalog
}

/// A pod of the release, as the network policies see it, that reads the file over and over, from whoever serves it, and says
/// each time that the longest time without success has grown, in milliseconds.
fn reader() {
    let spec = kubectl_json(&["-n", "apache-hdfs", "get", "pod", "my-hdfs-namenode-0"])["spec"].clone();
    let hosts: Vec<String> =
        (0..2).map(|at| format!("my-hdfs-namenode-{at}.my-hdfs-namenode.apache-hdfs.svc.cluster.local")).collect();
    let script = format!(
        r#"get() {{ timeout 5 bash -c 'exec 3<>"/dev/tcp/$0/$1" && printf "GET %s HTTP/1.0\r\nHost: %s\r\n\r\n" "$2" "$0" >&3 && cat <&3' "$@" 2>/dev/null | tr -d '\0'; }}
once() {{
  for host in {}; do
    to=$(get "$host" 9870 '/webhdfs/v1{FILE}?op=OPEN&user.name=hdfs' | sed -n 's/^Location: http:\/\/\([^\r]*\).*/\1/p')
    [ -z "$to" ] || ! get "${{to%%:*}}" 9864 "/${{to#*/}}" | grep -q '{WORDS}' || return 0
  done
  return 1
}}
last=$(date +%s%3N) worst=0 reads=0
while :; do
  once && {{
    now=$(date +%s%3N) reads=$((reads + 1))
    [ $((now - last)) -le "$worst" ] || worst=$((now - last))
    last=$now
    echo "$reads $worst"
  }}
  sleep 0.2
done"#,
        hosts.join(" ")
    );
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "reader", "namespace": "apache-hdfs", "labels": {
            "app.kubernetes.io/name": "hdfs", "app.kubernetes.io/instance": "my-hdfs"}},
        "spec": {
            "automountServiceAccountToken": false,
            "imagePullSecrets": spec["imagePullSecrets"],
            "terminationGracePeriodSeconds": 0,
            "securityContext": spec["securityContext"],
            "containers": [{
                "name": "reader",
                "image": spec["containers"][0]["image"],
                "command": ["bash", "-c", script],
                "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
            }],
        },
    });
    apply(&pod.to_string());
    eventually("the file is read", 60, || read().0 > 3);
}

/// How often the file was read, and the longest time without success.
fn read() -> (u64, Duration) {
    let logs = ["-n", "apache-hdfs", "logs", "reader", "--tail=1"];
    let line = run(kubectl_command(&logs).stdin(Stdio::null())).out;
    let mut numbers = line.split_whitespace().map(|number| number.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), Duration::from_millis(numbers.next().unwrap_or(0)))
}

/// The images of HDFS's pods, each once, but for ZooKeeper's and the reader's.
fn versions() -> Vec<String> {
    let pods = kubectl_json(&["-n", "apache-hdfs", "get", "pods"]);
    let pods = pods["items"].as_array().unwrap();
    let ours = pods.iter().filter(|pod| pod["metadata"]["name"] != "reader");
    let images = ours.flat_map(|pod| pod["spec"]["containers"].as_array().unwrap());
    let mut tags: Vec<String> = images
        .filter_map(|container| container["image"].as_str()?.rsplit_once("/hadoop:").map(|(_, tag)| tag.to_owned()))
        .collect();
    tags.sort_unstable();
    tags.dedup();
    tags
}

/// All run this version, no file is lost, and the reader went on all the time.
fn whole(version: &str, what: &str, since: Instant) {
    ha::told(what, since);
    ha::whole(120);
    assert_eq!(versions(), [version], "{what}");
    let [given, stored] = crate::trust::given_and_stored();
    assert_eq!((given.len(), &given), (crate::JARS, &stored), "{what}");
    ha::healthy();
    let (reads, gap) = read();
    let _ =
        writeln!(std::io::stderr(), "{what}: {reads} reads, the longest time without one {:.1} s", gap.as_secs_f64());
    assert!(gap < GAP, "{what}: {gap:?} without a read");
}

pub(crate) fn rolls() {
    let base = [&HA[..], &["--components", "hdfs,shared-libraries"]].concat();
    install(&base).exits(0);
    ha::whole(60);
    ha::in_namenode(&format!("echo {WORDS} | hdfs dfs -put -f - {FILE} && hdfs dfs -setrep -w 2 {FILE}")).exits(0);
    reader();
    let catalog = next();
    let upgrade = |more: &[&str]| {
        let args =
            with_jars(&[&["install", "--yes", "--catalog", catalog.to_str().unwrap()], &base[..], more].concat());
        run(&mut windlass(&args.iter().map(String::as_str).collect::<Vec<_>>()))
    };
    let not_final = |version: &str| {
        let fix = format!("windlass install --set hdfs.finalize={version} --waive agreement");
        run(&mut windlass(&["status"])).exits(0).says("is not finalized: deleted data").says(&fix);
    };
    // What was never verified can be gone back from by `rollback`.
    let since = Instant::now();
    upgrade(&["--no-verify"]).exits(0).says("prepare the rolling upgrade");
    whole(NEXT, "upgraded", since);
    not_final(NEXT);
    let since = Instant::now();
    run(&mut windlass(&["rollback", "hdfs", "--yes"])).exits(0);
    whole("3.4.1", "gone back", since);
    not_final("3.4.1");
    // What was, by the catalog that had the version before.
    let since = Instant::now();
    upgrade(&[]).exits(0).says("verified");
    whole(NEXT, "upgraded again", since);
    let since = Instant::now();
    install(&base).exits(8).says("--allow-downgrade");
    install(&[&base[..], &["--allow-downgrade"]].concat()).exits(0);
    whole("3.4.1", "gone back by the catalog", since);
    let since = Instant::now();
    upgrade(&[]).exits(0);
    whole(NEXT, "upgraded for good", since);
    let set = format!("hdfs.finalize={NEXT}");
    upgrade(&["--set", &set]).exits(11).says("agreement").says("there is no way back to the version before");
    not_final(NEXT);
    upgrade(&["--set", &set, "--waive", "agreement"]).exits(0);
    let status = run(&mut windlass(&["status"])).exits(0);
    assert!(!status.out.contains("not final"), "{}", status.out);
    upgrade(&["--set", &set]).exits(0).says("nothing to do");
    // Who agreed once is not asked again with the next change.
    upgrade(&["--set", &set, "--set", "hdfs.datanode_memory=520Mi"]).exits(0);
    whole(NEXT, "final", since);
    kubectl(&["-n", "apache-hdfs", "delete", "pod", "reader"]);
}
