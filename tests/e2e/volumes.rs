//! Volumes become larger with what is in them, whenever the run is stopped; and what cannot grow is told before anything is
//! touched.

use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::support::*;

/// A class of our own: the sandbox's lets no volume grow, and others use it.
const CLASS: &str = "windlass-grows";

const PODS: [&str; 2] = ["my-hdfs-namenode-0", "my-hdfs-datanode-0"];

/// An install with volumes of these sizes, of the NameNode and of the DataNode.
fn sized(sizes: [&str; 2]) -> Vec<String> {
    let [name, data] = sizes;
    let sets = [
        format!("platform.storage_class={CLASS}"),
        format!("hdfs.namenode_storage={name}"),
        format!("hdfs.datanode_storage={data}"),
    ];
    let mut args = with_jars(&["install", "--yes", "--no-verify", "--components", "hdfs,shared-libraries"]);
    args.extend(sets.into_iter().flat_map(|set| ["--set".to_owned(), set]));
    args
}

fn begun(args: &[String]) -> std::process::Command {
    windlass(&args.iter().map(String::as_str).collect::<Vec<_>>())
}

fn installed(sizes: [&str; 2]) -> Ran {
    run(&mut begun(&sized(sizes)))
}

fn of_hdfs(args: &[&str]) -> Value {
    kubectl_json(&[&["-n", "apache-hdfs", "get"], args].concat())
}

/// The uids of the pods, and of the StatefulSets.
fn uids() -> [Vec<String>; 2] {
    let uid = |kind: &str, name: &str| text(&of_hdfs(&[kind, name])["metadata"]["uid"]);
    [
        PODS.iter().map(|pod| uid("pod", pod)).collect(),
        PODS.iter().map(|pod| uid("statefulset", pod.strip_suffix("-0").unwrap())).collect(),
    ]
}

/// What the claim of a pod asks for, and has.
fn claim(pod: &str) -> [String; 2] {
    let claim = of_hdfs(&["pvc", &format!("data-{pod}")]);
    [text(&claim["spec"]["resources"]["requests"]["storage"]), text(&claim["status"]["capacity"]["storage"])]
}

fn template(pod: &str) -> String {
    let set = of_hdfs(&["statefulset", pod.strip_suffix("-0").unwrap()]);
    text(&set["spec"]["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]["storage"])
}

/// Stands in for the resizer that a CSI driver brings with it: it gives volumes and claims that ask for more the size that
/// they ask for. What the sandbox makes is folders, which have the room of the disk whatever is said of them.
fn resize(only: &str) {
    let quiet = |args: &[&str]| run(kubectl_command(args).stdin(Stdio::null())).code == 0;
    for claim in of_hdfs(&["pvc"])["items"].as_array().unwrap() {
        let (name, wanted) = (text(&claim["metadata"]["name"]), &claim["spec"]["resources"]["requests"]["storage"]);
        let has = &claim["status"]["capacity"]["storage"];
        if !name.contains(only) || has.is_null() || wanted == has {
            continue;
        }
        let volume = text(&claim["spec"]["volumeName"]);
        let capacity = serde_json::json!({"capacity": {"storage": wanted}});
        let of_volume = serde_json::json!({"spec": capacity}).to_string();
        let of_claim = serde_json::json!({"status": capacity}).to_string();
        let patched = quiet(&["patch", "pv", &volume, "--type=merge", "-p", &of_volume])
            && quiet(&[
                "-n",
                "apache-hdfs",
                "patch",
                "pvc",
                &name,
                "--subresource=status",
                "--type=merge",
                "-p",
                &of_claim,
            ]);
        assert!(patched, "{name} of {volume} becomes no larger");
    }
}

/// Its end, while claims that ask for more get it.
fn ended(mut child: Child) -> Ran {
    while child.try_wait().unwrap().is_none() {
        resize("");
        std::thread::sleep(Duration::from_millis(300));
    }
    Ran::new(child.wait_with_output().unwrap())
}

fn spawned(args: &[String]) -> Child {
    begun(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// The NameNode's StatefulSet is away, and stays so, since nobody lets the DataNode's volume grow.
fn killed_between(args: &[String]) {
    killed_when(
        begun(args),
        "the NameNode's StatefulSet has given way, and the DataNode's claim asks for more",
        || {
            resize("namenode");
            let [wanted, has] = claim(PODS[1]);
            wanted != has && !there(&["-n", "apache-hdfs", "statefulset", "my-hdfs-namenode"])
        },
    );
}

fn whole() {
    eventually("HDFS is out of safe mode", 180, || {
        let exec = ["-n", "apache-hdfs", "exec", PODS[0], "--", "hdfs", "dfsadmin", "-safemode", "get"];
        run(kubectl_command(&exec).stdin(Stdio::null())).out.contains("Safe mode is OFF")
    });
    let [given, stored] = crate::trust::given_and_stored();
    assert_eq!((given.len(), &given), (crate::JARS, &stored));
}

pub(crate) fn become_larger() {
    let class = format!(
        "apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: {{name: {CLASS}}}\nprovisioner: rancher.io/local-path\nvolumeBindingMode: WaitForFirstConsumer\nreclaimPolicy: Delete\n"
    );
    apply(&class);
    installed(["1Gi", "2Gi"]).exits(0);
    refused_where_volumes_cannot_grow();
    kubectl(&["patch", "storageclass", CLASS, "-p", "{\"allowVolumeExpansion\":true}"]);
    larger_however_often_it_is_stopped();
    a_pod_that_is_lost_meanwhile_comes_back();
    installed(["1Gi", "4Gi"]).exits(11).says("volume-smaller").says("keep the current size: 3Gi");
    assert_eq!(PODS.map(template), ["3Gi", "4Gi"]);
    whole();
}

fn refused_where_volumes_cannot_grow() {
    let before = (uids(), releases(), PODS.map(claim));
    let told = installed(["2Gi", "3Gi"]).exits(11).says("volume-not-expandable");
    for part in [
        "StatefulSet apache-hdfs/my-hdfs-namenode",
        "data-my-hdfs-datanode-0 of 2Gi cannot grow to 3Gi: StorageClass windlass-grows does not allow volume expansion",
        "kubectl patch storageclass windlass-grows -p",
    ] {
        assert!(told.out.contains(part), "{part} is not in {}", told.out);
    }
    assert!(!told.out.contains("field-immutable"), "{}", told.out);
    assert_eq!((uids(), releases(), PODS.map(claim)), before, "nothing was touched");
    // The same size in other words is none.
    installed(["1024Mi", "2Gi"]).exits(0);
    assert_eq!((uids(), PODS.map(claim)), (before.0, before.2));
}

fn larger_however_often_it_is_stopped() {
    let args = sized(["2Gi", "3Gi"]);
    let [pods, sets] = uids();
    // Ctrl-C, while it waits for the first volume.
    let child = spawned(&args);
    eventually("the NameNode's claim asks for more", 60, || claim(PODS[0]) == ["2Gi", "1Gi"]);
    run(std::process::Command::new("kill").args(["-INT", &child.id().to_string()])).exits(0);
    Ran::new(child.wait_with_output().unwrap()).exits(6);
    assert_eq!(uids(), [pods.clone(), sets.clone()], "all goes on as it was");
    killed_between(&args);
    assert_eq!(PODS.map(claim), [["2Gi", "2Gi"], ["3Gi", "2Gi"]]);
    let running = kubectl(&["-n", "apache-hdfs", "get", "pods", "-o", "jsonpath={.items[*].metadata.uid}"]);
    assert!(pods.iter().all(|pod| running.contains(pod)), "the pods run on: {running}");
    whole();
    ended(spawned(&args)).exits(0).says("not found").says("will be recreated, its pods keep running");
    let [pods_now, sets_now] = uids();
    assert_eq!(pods_now, pods, "the pods ran on");
    assert!(sets_now.iter().zip(&sets).all(|(now, was)| now != was), "both StatefulSets are others");
    assert_eq!(PODS.map(claim), [["2Gi"; 2], ["3Gi"; 2]].map(|sizes| sizes.map(str::to_owned)));
    assert_eq!(PODS.map(template), ["2Gi", "3Gi"]);
    for pod in PODS {
        let owner = &of_hdfs(&["pod", pod])["metadata"]["ownerReferences"][0];
        assert!(sets_now.contains(&text(&owner["uid"])), "{pod} is adopted: {owner}");
    }
    whole();
    installed(["2Gi", "3Gi"]).exits(0).says("nothing to do");
    run(&mut windlass(&["status", "--drift"])).exits(0);
}

fn a_pod_that_is_lost_meanwhile_comes_back() {
    let args = sized(["3Gi", "4Gi"]);
    let [pods, _] = uids();
    killed_between(&args);
    kubectl(&["-n", "apache-hdfs", "delete", "pod", PODS[0]]);
    std::thread::sleep(Duration::from_secs(5));
    assert!(!there(&["-n", "apache-hdfs", "pod", PODS[0]]), "nobody makes it again");
    ended(spawned(&args)).exits(0);
    let [pods_now, _] = uids();
    assert!(pods_now[0] != pods[0] && pods_now[1] == pods[1], "{pods_now:?}");
    assert_eq!(PODS.map(template), ["3Gi", "4Gi"]);
    whole();
    installed(["3Gi", "4Gi"]).exits(0).says("nothing to do");
}

pub(crate) fn class_removed() {
    kubectl(&["delete", "storageclass", CLASS]);
}
