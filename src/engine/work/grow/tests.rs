//! Volumes that grow, against a made-up API which refuses what the real one refuses.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::*;
use crate::driver::state_store::tests::connected;
use crate::engine::work::tests::{context, step_runner};

/// What happens to a claim that requests more.
#[derive(Clone, Copy, PartialEq)]
enum Resizer {
    /// It is resized at once.
    Works,
    /// Its volume is resized, and its file system not yet.
    WaitsForNode,
    /// It is not resized, and says why.
    Fails,
}

struct Api {
    set: Option<Value>,
    claims: BTreeMap<String, Value>,
    /// Name, and whether its volumes grow; none may be looked at where this is `None`.
    class: Option<(&'static str, bool)>,
    resizer: Resizer,
    /// What was changed, in that order.
    writes: Vec<String>,
}

type Shared = Arc<Mutex<Api>>;

fn set(size: &str, release: &str) -> Value {
    let template = json!({"metadata": {"name": "data"}, "spec": {"resources": {"requests": {"storage": size}}}});
    json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db", "namespace": "ns", "uid": "u1",
        "annotations": {"meta.helm.sh/release-namespace": "ns", "meta.helm.sh/release-name": release}},
        "spec": {"volumeClaimTemplates": [template]}})
}

fn claim(name: &str, size: &str, phase: &str) -> Value {
    let bound = if phase == "Bound" { json!({"storage": size}) } else { Value::Null };
    json!({"metadata": {"name": name, "namespace": "ns"},
        "spec": {"storageClassName": "fast", "resources": {"requests": {"storage": size}}},
        "status": {"phase": phase, "capacity": bound}})
}

fn refused(code: u16, reason: &str) -> Response {
    let body = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": format!("made-up {reason}"),
        "reason": reason, "code": code});
    (StatusCode::from_u16(code).unwrap(), axum::Json(body)).into_response()
}

fn list(items: &[Value]) -> Response {
    axum::Json(json!({"kind": "List", "apiVersion": "v1", "metadata": {}, "items": items})).into_response()
}

const SET: &str = "/apis/apps/v1/namespaces/ns/statefulsets/db";
const CLAIMS: &str = "/api/v1/namespaces/ns/persistentvolumeclaims";

async fn answer(State(api): State<Shared>, method: Method, uri: Uri, body: Bytes) -> Response {
    let mut api = api.lock().unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let resizer = api.resizer;
    let found = match (method.as_str(), uri.path()) {
        ("GET", "/version") => json!({"major": "1", "minor": "34", "gitVersion": "v1.34.4", "gitCommit": "",
            "gitTreeState": "", "buildDate": "", "goVersion": "", "compiler": "gc", "platform": "linux/amd64"}),
        ("GET", path @ ("/api" | "/apis")) => {
            let (group, resource, kind) = match path {
                "/apis" => ("apps", "statefulsets", "StatefulSet"),
                _ => ("", "persistentvolumeclaims", "PersistentVolumeClaim"),
            };
            let resource = json!({"resource": resource, "responseKind": {"group": group, "version": "v1", "kind": kind},
                "scope": "Namespaced", "singularResource": kind.to_lowercase(), "verbs": ["get"]});
            let group = json!({"metadata": {"name": group}, "versions": [{"version": "v1", "resources": [resource]}]});
            json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {},
                "items": [group]})
        }
        ("GET", "/apis/storage.k8s.io/v1/storageclasses") => {
            let Some((name, expands)) = api.class else { return refused(403, "Forbidden") };
            let class = json!({"metadata": {"name": name}, "provisioner": "p", "allowVolumeExpansion": expands});
            return list(&[class]);
        }
        ("GET", SET) => match &api.set {
            Some(set) => set.clone(),
            None => return refused(404, "NotFound"),
        },
        ("DELETE", SET) => {
            assert_eq!((&body["propagationPolicy"], &body["preconditions"]["uid"]), (&json!("Orphan"), &json!("u1")));
            api.writes.push("delete db".to_owned());
            api.set = None;
            json!({"kind": "Status", "apiVersion": "v1", "status": "Success"})
        }
        ("GET", CLAIMS) => return list(&api.claims.values().cloned().collect::<Vec<_>>()),
        ("PATCH", path) => {
            let name = path.strip_prefix(CLAIMS).unwrap().trim_start_matches('/').to_owned();
            let size = body["spec"]["resources"]["requests"]["storage"].clone();
            api.writes.push(format!("{name} asks for {}", size.as_str().unwrap()));
            if api.class.is_none() {
                return refused(403, "Forbidden");
            }
            let claim = api.claims.get_mut(&name).unwrap();
            claim["spec"]["resources"]["requests"]["storage"] = size.clone();
            match resizer {
                Resizer::Works => claim["status"]["capacity"]["storage"] = size,
                Resizer::WaitsForNode => {
                    claim["status"]["conditions"] = json!([{"type": "FileSystemResizePending", "status": "True"}]);
                }
                Resizer::Fails => {
                    let condition = json!({"type": "ControllerResizeError", "status": "True", "message": "too often"});
                    claim["status"]["conditions"] = json!([condition]);
                }
            }
            claim.clone()
        }
        (method, path) => panic!("{method} {path}"),
    };
    axum::Json(found).into_response()
}

/// A StatefulSet of 1Gi with two claims, one of them larger than that, and claims of others.
fn api() -> Api {
    let names = ["data-db-0", "data-db-10", "logs-db-0", "data-db2-0"];
    let sizes = ["1Gi", "4Gi", "1Gi", "1Gi"];
    let claims = names.iter().zip(sizes).map(|(name, size)| ((*name).to_owned(), claim(name, size, "Bound")));
    Api {
        set: Some(set("1Gi", "rel")),
        claims: claims.collect(),
        class: Some(("fast", true)),
        resizer: Resizer::Works,
        writes: Vec::new(),
    }
}

/// Asks for volumes of this size; what came of it, and what was written.
async fn grow(api: Api, size: &str, seconds: u64) -> (Result<String, String>, Vec<String>) {
    let shared = Shared::new(Mutex::new(api));
    let runner = step_runner(connected(Router::new().fallback(answer).with_state(shared.clone())).await);
    let grow = Grow { name: "db".to_owned(), claim: "data".to_owned(), storage: size.to_owned() };
    let release = ReleaseKey::new("ns", "rel");
    let done = runner.grow("ns", Some(&release), &grow, &context(seconds)).await;
    let writes = shared.lock().unwrap().writes.clone();
    (done.map(|done| done.summary.unwrap()).map_err(|failure| failure.errors.join("; ")), writes)
}

#[tokio::test]
async fn claims_grow_and_then_the_stateful_set_is_recreated() {
    let (done, writes) = grow(api(), "2Gi", 60).await;
    let expected = "2 volumes have 2Gi; StatefulSet ns/db will be recreated, its pods keep running";
    assert_eq!(done.as_deref(), Ok(expected));
    assert_eq!(writes, ["data-db-0 asks for 2Gi", "delete db"]);
}

#[tokio::test]
async fn a_run_that_was_killed_is_resumed() {
    // Behind the deletion, with a claim that is still small.
    let (done, writes) = grow(Api { set: None, ..api() }, "2Gi", 60).await;
    assert_eq!(done.as_deref(), Ok("2 volumes have 2Gi; StatefulSet ns/db not found"));
    assert_eq!(writes, ["data-db-0 asks for 2Gi"]);
    // Behind Helm.
    let mut done = api();
    done.set = Some(set("2048Mi", "rel"));
    done.claims.insert("data-db-0".to_owned(), claim("data-db-0", "2Gi", "Bound"));
    assert_eq!(grow(done, "2Gi", 60).await, (Ok("2 volumes have 2Gi".to_owned()), Vec::new()));
    // What has no volume yet gets it with its pod, as large as it asks for.
    let mut waits = api();
    waits.claims.insert("data-db-0".to_owned(), claim("data-db-0", "2Gi", "Pending"));
    assert_eq!(grow(waits, "2Gi", 60).await.1, ["delete db"]);
}

#[tokio::test]
async fn nothing_is_changed_where_one_of_the_claims_cannot_grow() {
    let mut fixed = api();
    fixed.class = Some(("fast", false));
    let (done, writes) = grow(fixed, "5Gi", 60).await;
    let message = done.unwrap_err();
    for part in [
        "PersistentVolumeClaim ns/data-db-0 of 1Gi cannot grow to 5Gi: StorageClass fast does not allow volume expansion",
        "PersistentVolumeClaim ns/data-db-10 of 4Gi cannot grow to 5Gi",
        "kubectl patch storageclass fast -p",
        "keep the current size: 1Gi",
    ] {
        assert!(message.contains(part), "{message}");
    }
    assert_eq!(writes, [""; 0]);
    let mut unbound = api();
    unbound.claims.insert("data-db-1".to_owned(), claim("data-db-1", "1Gi", "Pending"));
    let (done, writes) = grow(unbound, "2Gi", 60).await;
    assert!(done.unwrap_err().contains("data-db-1 of 1Gi cannot grow to 2Gi: it has no volume (Pending)"));
    assert_eq!(writes, [""; 0]);
    // Where classes may not be looked at, the API says it.
    let (done, writes) = grow(Api { class: None, ..api() }, "2Gi", 60).await;
    assert!(done.unwrap_err().contains("made-up Forbidden"));
    assert_eq!(writes, ["data-db-0 asks for 2Gi"]);
}

#[tokio::test]
async fn volumes_become_no_smaller_and_what_is_of_others_is_left_alone() {
    let (done, writes) = grow(api(), "512Mi", 60).await;
    let expected = "the data volumes of StatefulSet ns/db have 1Gi and cannot shrink: keep that size";
    assert_eq!((done.unwrap_err().as_str(), writes.len()), (expected, 0));
    let other = Api { set: Some(set("1Gi", "other")), ..api() };
    let (done, writes) = grow(other, "2Gi", 60).await;
    let expected = "StatefulSet ns/db does not belong to this release, not changed";
    assert_eq!((done.unwrap_err().as_str(), writes.len()), (expected, 0));
}

#[tokio::test]
async fn a_file_system_that_waits_for_its_node_is_reported_and_a_resizer_that_fails_too() {
    let waits = Api { resizer: Resizer::WaitsForNode, ..api() };
    let (done, writes) = grow(waits, "2Gi", 60).await;
    assert!(done.unwrap().contains("data-db-0: the file system is resized later, at the latest when the pod restarts"));
    assert_eq!(writes.last().map(String::as_str), Some("delete db"));
    let fails = Api { resizer: Resizer::Fails, ..api() };
    let (done, writes) = grow(fails, "2Gi", 2).await;
    assert_eq!(done.unwrap_err(), "timed out waiting for volumes of 2Gi: data-db-0 has 1Gi: too often");
    assert_eq!(writes, ["data-db-0 asks for 2Gi"], "the StatefulSet stays");
}
