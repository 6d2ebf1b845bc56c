//! What 1,000 nodes and 10,000 pods cost in memory. A test binary of its own: what others need would be counted too.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use futures::StreamExt as _;
use serde_json::{Value, json};
use windlass::driver::kube::{Cluster, ConnectOptions};
use windlass::model::cluster::{ManifestObject, ObjectRef, ReadyPolicy};
use windlass::model::silent;

const NODES: usize = 1_000;
const PODS: usize = 10_000;

/// The most memory this process ever had resident, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

/// As large as such a thing is in a real cluster.
fn managed() -> Value {
    let fields: serde_json::Map<String, Value> =
        (0..40).map(|i| (format!("f:field-{i}"), json!({".": {}, "f:name": {}, "f:value": {}}))).collect();
    json!([{"manager": "kubelet", "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": fields}])
}

fn pod(namespace: &str, i: usize) -> Value {
    let env: Vec<Value> = (0..20).map(|i| json!({"name": format!("VARIABLE_{i}"), "value": "x".repeat(40)})).collect();
    let conditions: Vec<Value> = ["Initialized", "Ready", "ContainersReady", "PodScheduled"]
        .iter()
        .map(|name| json!({"type": name, "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}))
        .collect();
    let init = |name: &str| json!({"name": name, "image": "registry.example/a:1", "env": env, "volumeMounts": [{"name": "v", "mountPath": "/v"}]});
    let status = |name: &str, state: Value| json!({"name": name, "image": "i", "imageID": "", "ready": true, "restartCount": 0, "state": state});
    let ended = || json!({"terminated": {"exitCode": 0, "reason": "Completed"}});
    let resources = json!({"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"cpu": "1", "memory": "1Gi"}});
    json!({
        "metadata": {"name": format!("p-{i}"), "namespace": namespace, "uid": format!("{namespace}-{i}"),
            "creationTimestamp": "2026-01-01T00:00:00Z", "labels": {"app": "x", "app.kubernetes.io/instance": "other"},
            "managedFields": managed(),
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "dn", "uid": "dn", "controller": true}]},
        "spec": {"nodeName": format!("node-{}", i % NODES), "initContainers": [init("one"), init("two")],
            "volumes": [{"name": "v", "emptyDir": {}}, {"name": "w", "hostPath": {"path": "/w"}}], "containers": [
            {"name": "a", "image": "registry.example/a:1", "env": env, "resources": resources, "readinessProbe": {}}]},
        "status": {"phase": "Running", "conditions": conditions, "initContainerStatuses": [status("one", ended()), status("two", ended())],
            "containerStatuses": [status("a", json!({"running": {}}))]}
    })
}

fn node(i: usize) -> Value {
    let images: Vec<Value> =
        (0..50).map(|i| json!({"names": [format!("registry.example/image-{i}@sha256:{}", "a".repeat(64))]})).collect();
    json!({
        "metadata": {"name": format!("node-{i}"), "labels": {"kubernetes.io/hostname": format!("node-{i}")},
            "managedFields": managed()},
        "status": {"conditions": [{"type": "Ready", "status": "True"}], "images": images,
            "allocatable": {"cpu": "8", "memory": "32Gi", "pods": "110"}}
    })
}

fn event(i: usize) -> Value {
    json!({"metadata": {"name": format!("e-{i}"), "namespace": "ns", "managedFields": managed()}, "reason": "Pulled",
        "involvedObject": {"kind": "Pod", "namespace": "ns", "name": format!("p-{i}"), "uid": format!("ns-{i}")},
        "type": "Normal", "message": "Container image was already present on the machine", "count": 1})
}

fn daemon_set(_: usize) -> Value {
    json!({
        "metadata": {"name": "dn", "namespace": "ns", "uid": "dn", "generation": 1},
        "spec": {"selector": {}, "template": {}},
        "status": {"observedGeneration": 1, "desiredNumberScheduled": NODES, "currentNumberScheduled": NODES,
            "numberMisscheduled": 0, "numberReady": NODES, "updatedNumberScheduled": NODES, "numberAvailable": NODES}
    })
}

async fn answer(request: Request) -> Response {
    let query = request.uri().query().unwrap_or_default().to_owned();
    let number = |name: &str| {
        query.split('&').find_map(|pair| pair.strip_prefix(name)).and_then(|value| value.parse::<usize>().ok())
    };
    if query.contains("watch=true") {
        let nothing = futures::stream::pending::<Result<Vec<u8>, std::io::Error>>().boxed();
        return Body::from_stream(nothing).into_response();
    }
    let (count, make): (usize, fn(usize) -> Value) = match request.uri().path() {
        "/version" => {
            return axum::Json(json!({"major": "1", "minor": "34", "gitVersion": "v1.34.4", "gitCommit": "",
                "gitTreeState": "clean", "buildDate": "", "goVersion": "", "compiler": "gc", "platform": "linux/amd64"}))
            .into_response();
        }
        "/api/v1/nodes" => (NODES, node),
        "/api/v1/pods" => (PODS, |i| pod("others", i)),
        "/api/v1/namespaces/ns/pods" => (NODES, |i| pod("ns", i)),
        "/api/v1/namespaces/ns/events" => (2 * NODES, event),
        "/apis/apps/v1/namespaces/ns/daemonsets" => (1, daemon_set),
        _ => (0, event),
    };
    let begin = number("continue=").unwrap_or(0);
    let end = count.min(begin + number("limit=").unwrap_or(count));
    // Written one by one: the fake's own memory is not to be measured.
    let mut body = String::from(r#"{"kind":"List","apiVersion":"v1","metadata":{"resourceVersion":"1","continue":""#);
    if end < count {
        body.push_str(&end.to_string());
    }
    body.push_str(r#""},"items":["#);
    for i in begin..end {
        if i > begin {
            body.push(',');
        }
        body.push_str(&make(i).to_string());
    }
    body.push_str("]}");
    ([("content-type", "application/json")], body).into_response()
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_does_not_grow_with_the_cluster() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("kubeconfig");
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "fake",
        "clusters": [{"name": "c", "cluster": {"server": server}}], "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "fake", "context": {"cluster": "c", "user": "u"}}]
    });
    std::fs::write(&file, config.to_string()).unwrap();
    let options = ConnectOptions { kubeconfig: Some(file), ..ConnectOptions::default() };
    let cluster = Cluster::connect(&options).await.unwrap();
    let before = peak();
    // What preflight asks, at the same time.
    let (nodes, pods) = tokio::join!(cluster.nodes(), cluster.pod_uses(|_, _| false));
    let (nodes, pods) = (nodes.unwrap(), pods.unwrap());
    assert_eq!((nodes.len(), pods.len()), (NODES, NODES));
    assert_eq!(pods.iter().map(|pod| 1 + pod.others).sum::<u64>(), PODS as u64);
    let preflight = peak();
    // What an install and `status` watch.
    let body = json!({"spec": {"template": {"metadata": {"labels": {"app": "x"}}}}});
    let object = ObjectRef::namespaced("apps/v1", "DaemonSet", "ns", "dn");
    let manifest = [ManifestObject { object, body }];
    let policy = ReadyPolicy { unprobed_ready_for: Duration::ZERO, ..ReadyPolicy::default() };
    cluster.wait_ready(&manifest, &policy, Duration::from_secs(60), &silent()).await.unwrap();
    let ready = peak();
    let peaks = [before, preflight, ready].map(|bytes| bytes >> 20);
    assert!(preflight - before < 24 << 20, "{peaks:?} MiB");
    assert!(ready - preflight < 16 << 20, "{peaks:?} MiB");
    assert!(ready < 64 << 20, "{peaks:?} MiB");
}
