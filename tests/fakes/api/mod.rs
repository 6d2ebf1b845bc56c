//! An API server for tests: it keeps what it is given, has a clock of its own, and can be made to change its mind.

mod forward;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// Done before a request is answered.
type Hook = Box<dyn FnMut(&mut Objects, &Method, &str) + Send>;

/// What the server has, by path.
#[derive(Default)]
pub(crate) struct Objects {
    pub(crate) kept: BTreeMap<String, Value>,
    /// How far its clock is ahead of the machine's.
    pub(crate) ahead: SignedDuration,
    /// `METHOD path` of each request, reads included.
    pub(crate) asked: Vec<String>,
    /// Each body that a Lease was written with, and when by the server's clock.
    pub(crate) leases: Vec<(Timestamp, Value)>,
    /// Answers with 503 while set.
    pub(crate) down: bool,
    /// Nobody may forward ports.
    pub(crate) no_forward: bool,
    version: u64,
}

pub(crate) const LEASE: &str = "/apis/coordination.k8s.io/v1/namespaces/windlass-system/leases/windlass";
pub(crate) const STATE: &str = "/api/v1/namespaces/windlass-system/secrets/windlass-state";

impl Objects {
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::now() + self.ahead
    }

    /// Keeps an object as it would be after a write.
    pub(crate) fn put(&mut self, path: &str, mut object: Value) -> Value {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let name = path.rsplit('/').next().unwrap_or_default();
        object["metadata"]["name"] = json!(name);
        if object["metadata"]["uid"].is_null() {
            object["metadata"]["uid"] = json!(format!("uid-{}", self.version));
        }
        self.kept.insert(path.to_owned(), object.clone());
        object
    }

    /// What windlass remembers, as it reads it.
    pub(crate) fn remember(&mut self, state: &Value) {
        let text = state.to_string();
        let data = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, text);
        self.put(STATE, json!({"apiVersion": "v1", "kind": "Secret", "metadata": {}, "data": {"state.json": data}}));
    }

    /// What windlass has remembered.
    pub(crate) fn remembered(&self) -> Value {
        let Some(secret) = self.kept.get(STATE) else { return Value::Null };
        let data = secret["data"]["state.json"].as_str().unwrap_or_default();
        let bytes = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, data).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }
}

struct Server {
    objects: Mutex<Objects>,
    hook: Mutex<Hook>,
}

/// A server that runs as long as its runtime.
#[derive(Clone)]
pub(crate) struct Api {
    server: Arc<Server>,
    pub(crate) address: String,
}

impl Api {
    /// Serves; `hook` sees each request before it is answered.
    pub(crate) async fn serve(hook: impl FnMut(&mut Objects, &Method, &str) + Send + 'static) -> Self {
        let mut objects = Objects::default();
        let room = json!({"cpu": "8", "memory": "16Gi", "pods": "110", "ephemeral-storage": "100Gi"});
        let ready = json!([{"type": "Ready", "status": "True"}]);
        let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"labels": {}}, "spec": {},
            "status": {"allocatable": room, "capacity": room, "conditions": ready, "nodeInfo": {"architecture": "amd64",
            "operatingSystem": "linux"}}});
        objects.put("/api/v1/nodes/worker", node);
        let server = Arc::new(Server { objects: Mutex::new(objects), hook: Mutex::new(Box::new(hook)) });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new().fallback(answer).with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { server, address }
    }

    pub(crate) fn objects(&self) -> MutexGuard<'_, Objects> {
        self.server.objects.lock().unwrap()
    }

    /// A kubeconfig with one context, `fake`.
    pub(crate) fn kubeconfig(&self, dir: &Path) -> PathBuf {
        let file = dir.join("kubeconfig");
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "fake",
            "clusters": [{"name": "c", "cluster": {"server": self.address}}],
            "users": [{"name": "ann", "user": {"token": "good"}}],
            "contexts": [{"name": "fake", "context": {"cluster": "c", "user": "ann"}}]
        });
        std::fs::write(&file, config.to_string()).unwrap();
        file
    }
}

async fn answer(State(server): State<Arc<Server>>, request: Request) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let query = request.uri().query().unwrap_or_default().to_owned();
    let apply =
        request.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().ends_with(b"apply-patch+yaml"));
    if let Some(pod) = path.strip_suffix("/portforward") {
        let mut objects = server.objects.lock().unwrap();
        objects.asked.push(format!("{method} {path}"));
        if objects.no_forward {
            return status(403, "Forbidden");
        }
        let uid = objects.kept.get(pod).and_then(|pod| pod["metadata"]["uid"].as_str()).map(str::to_owned);
        return uid.map_or_else(|| status(404, "NotFound"), |uid| forward::forward(request, uid));
    }
    let body = to_bytes(request.into_body(), 1 << 22).await.unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let mut objects = server.objects.lock().unwrap();
    objects.asked.push(format!("{method} {path}"));
    (server.hook.lock().unwrap())(&mut objects, &method, &path);
    let date = objects.now();
    let mut response = if objects.down {
        status(503, "ServiceUnavailable")
    } else {
        respond(&mut objects, (&method, &path, &query), apply, body)
    };
    let date = date.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    response.headers_mut().insert(header::DATE, HeaderValue::from_str(&date).unwrap());
    response
}

fn respond(objects: &mut Objects, (method, path, query): (&Method, &str, &str), apply: bool, body: Value) -> Response {
    if path == "/version" {
        return axum::Json(json!({"major": "1", "minor": "34", "gitVersion": "v1.34.4", "gitCommit": "",
            "gitTreeState": "clean", "buildDate": "", "goVersion": "", "compiler": "gc", "platform": "linux/amd64"}))
        .into_response();
    }
    if path.ends_with("/selfsubjectaccessreviews") {
        let mut review = body;
        review["status"] = json!({"allowed": true});
        return (StatusCode::CREATED, axum::Json(review)).into_response();
    }
    if query.contains("dryRun=All") {
        return axum::Json(body).into_response();
    }
    let found = objects.kept.get(path).cloned();
    let version = |object: &Value| object["metadata"]["resourceVersion"].as_str().unwrap_or_default().to_owned();
    let stale = |wanted: &Value, found: &Value| {
        let wanted = version(wanted);
        !wanted.is_empty() && wanted != version(found)
    };
    if path == LEASE || path == LEASE.rsplit_once('/').unwrap().0 {
        let now = objects.now();
        if *method != Method::GET && *method != Method::DELETE {
            objects.leases.push((now, body.clone()));
        }
    }
    match (method.clone(), found) {
        (Method::GET, Some(found)) => axum::Json(found).into_response(),
        (Method::GET, None) => {
            let named = path.split('/').filter(|part| !part.is_empty()).collect::<Vec<_>>();
            // `…/namespaces/NAME` and `…/KINDs/NAME` are objects, `…/KINDs` are lists.
            let of_namespace = named.iter().position(|part| *part == "namespaces");
            let object = match of_namespace {
                Some(at) => (named.len() - at).is_multiple_of(2),
                None => !named.last().is_some_and(|last| last.ends_with('s')),
            };
            if object {
                return status(404, "NotFound");
            }
            let below = format!("{path}/");
            let items: Vec<&Value> = objects
                .kept
                .iter()
                .filter(|(known, _)| known.strip_prefix(&below).is_some_and(|rest| !rest.contains('/')))
                .map(|(_, object)| object)
                .collect();
            axum::Json(
                json!({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": items}),
            )
            .into_response()
        }
        (Method::POST, _) => {
            let name = body["metadata"]["name"].as_str().unwrap_or_default().to_owned();
            let path = format!("{path}/{name}");
            if objects.kept.contains_key(&path) {
                return status(409, "AlreadyExists");
            }
            (StatusCode::CREATED, axum::Json(objects.put(&path, body))).into_response()
        }
        (Method::PUT | Method::PATCH, Some(found)) if stale(&body, &found) => status(409, "Conflict"),
        (Method::PUT, Some(_)) => axum::Json(objects.put(path, body)).into_response(),
        (Method::PATCH, Some(mut found)) => {
            merge(&mut found, &body);
            axum::Json(objects.put(path, found)).into_response()
        }
        (Method::PATCH, None) if apply => axum::Json(objects.put(path, body)).into_response(),
        (Method::DELETE, Some(found)) => {
            let wanted = &body["preconditions"];
            if !wanted["resourceVersion"].is_null() && stale(&json!({"metadata": wanted}), &found) {
                return status(409, "Conflict");
            }
            objects.kept.remove(path);
            axum::Json(json!({"kind": "Status", "apiVersion": "v1", "status": "Success"})).into_response()
        }
        _ => status(404, "NotFound"),
    }
}

fn merge(into: &mut Value, patch: &Value) {
    match (into.as_object_mut(), patch.as_object()) {
        (Some(known), Some(patch)) => {
            for (key, value) in patch {
                merge(known.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        _ => *into = patch.clone(),
    }
}

fn status(code: u16, reason: &str) -> Response {
    let body = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": format!("made-up {reason}"),
        "reason": reason, "code": code});
    (StatusCode::from_u16(code).unwrap(), axum::Json(body)).into_response()
}
