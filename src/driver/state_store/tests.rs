//! The state against an API server that holds Secrets as the real one does: versions, conflicts, a mebibyte at most.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::*;
use crate::driver::kube::ConnectOptions;
use crate::model::state::ComponentRecord;

const SECRETS: &str = "/api/v1/namespaces/windlass-system/secrets";

/// A Secret takes so much.
const MEBIBYTE: usize = 1024 * 1024;

/// A change to the state's JSON by somebody else.
type Other = Box<dyn FnOnce(&mut Value) + Send>;

#[derive(Default)]
pub(crate) struct Api {
    /// Name to namespace.
    pub(crate) namespaces: BTreeMap<String, Value>,
    /// The metadata of the pods of all namespaces.
    pub(crate) pods: Vec<Value>,
    /// What somebody makes of a namespace or Secret right before it is deleted.
    pub(crate) remade: Option<Value>,
    /// Name to Secret.
    pub(crate) secrets: BTreeMap<String, Value>,
    version: u64,
    /// What somebody else does right before the next write of the state.
    meanwhile: Vec<Other>,
    /// The next so many writes of the state are done, and their answers lost.
    lost: usize,
    writes: usize,
}

pub(crate) type Shared = Arc<Mutex<Api>>;

fn refused(code: u16, reason: &str) -> Response {
    let body = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": reason, "reason": reason, "code": code});
    (StatusCode::from_u16(code).unwrap(), axum::Json(body)).into_response()
}

fn size(secret: &Value) -> usize {
    let values = secret["data"].as_object().into_iter().flat_map(serde_json::Map::values);
    values.map(|value| STANDARD.decode(value.as_str().unwrap()).unwrap().len()).sum()
}

/// The kinds that are served, namespaces, and what is in them.
fn elsewhere(api: &mut Api, method: &Method, path: &str, body: &[u8]) -> Response {
    let found = match path.trim_start_matches("/api/v1/namespaces/") {
        "/api" => {
            let kind = json!({"group": "", "version": "v1", "kind": "Pod"});
            let pods = json!({"resource": "pods", "responseKind": kind, "scope": "Namespaced", "singularResource": "pod",
                "verbs": ["list", "delete"]});
            let versions = json!([{"version": "v1", "resources": [pods]}]);
            json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {},
                "items": [{"metadata": {"name": ""}, "versions": versions}]})
        }
        "/apis" => {
            json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": []})
        }
        STATE_NAMESPACE => {
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": STATE_NAMESPACE, "uid": "u"}})
        }
        name if name.ends_with("/pods") => {
            let items: Vec<Value> = api.pods.iter().map(|metadata| json!({"metadata": metadata})).collect();
            json!({"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": {}, "items": items})
        }
        name if *method == Method::DELETE => {
            if let Some(remade) = api.remade.take() {
                api.namespaces.insert(name.to_owned(), remade);
            }
            let options: Value = serde_json::from_slice(body).unwrap_or_default();
            match api.namespaces.get(name) {
                None => return refused(404, "NotFound"),
                Some(there) if options["preconditions"]["uid"] != there["metadata"]["uid"] => {
                    return refused(409, "Conflict");
                }
                Some(_) => api.namespaces.remove(name).unwrap(),
            }
        }
        name => match api.namespaces.get(name) {
            None => return refused(404, "NotFound"),
            Some(there) => there.clone(),
        },
    };
    axum::Json(found).into_response()
}

async fn answer(State(api): State<Shared>, method: Method, uri: Uri, body: Bytes) -> Response {
    let mut api = api.lock().unwrap();
    let api = &mut *api;
    let path = uri.path();
    if path == "/version" {
        return axum::Json(
            json!({"major": "1", "minor": "34", "gitVersion": "v1.34.4", "gitCommit": "", "gitTreeState": "",
            "buildDate": "", "goVersion": "", "compiler": "gc", "platform": "linux/amd64"}),
        )
        .into_response();
    }
    let Some(name) = path.strip_prefix(SECRETS).map(|name| name.trim_start_matches('/').to_owned()) else {
        return elsewhere(api, &method, path, &body);
    };
    let mut sent: Value = serde_json::from_slice(&body).unwrap_or_default();
    let name = if name.is_empty() { sent["metadata"]["name"].as_str().unwrap_or_default().to_owned() } else { name };
    if method == Method::GET {
        return api
            .secrets
            .get(&name)
            .map_or_else(|| refused(404, "NotFound"), |found| axum::Json(found).into_response());
    }
    if name == STATE_SECRET
        && let Some(change) = api.meanwhile.pop()
    {
        api.version += 1;
        let secret = api.secrets.get_mut(&name).unwrap();
        let mut state: Value =
            serde_json::from_slice(&STANDARD.decode(secret["data"]["state.json"].as_str().unwrap()).unwrap()).unwrap();
        change(&mut state);
        secret["data"]["state.json"] = STANDARD.encode(state.to_string()).into();
        secret["metadata"]["resourceVersion"] = api.version.to_string().into();
    }
    let there = api.secrets.get(&name);
    match method {
        Method::DELETE => {
            if let Some(remade) = api.remade.take() {
                api.secrets.insert(name.clone(), remade);
            }
            let only = &sent["preconditions"]["uid"];
            if !only.is_null() && api.secrets.get(&name).is_some_and(|there| there["metadata"]["uid"] != *only) {
                return refused(409, "Conflict");
            }
            let gone = api.secrets.remove(&name);
            return gone.map_or_else(|| refused(404, "NotFound"), |gone| axum::Json(gone).into_response());
        }
        Method::POST if there.is_some() => return refused(409, "AlreadyExists"),
        Method::PUT if there.is_none() => return refused(404, "NotFound"),
        Method::PUT if there.unwrap()["metadata"]["resourceVersion"] != sent["metadata"]["resourceVersion"] => {
            return refused(409, "Conflict");
        }
        Method::PATCH | Method::POST | Method::PUT => {}
        other => panic!("{other} {path}"),
    }
    if size(&sent) > MEBIBYTE {
        return refused(422, "Too long: may not be more than 1048576 bytes");
    }
    api.version += 1;
    api.writes += 1;
    sent["metadata"]["resourceVersion"] = api.version.to_string().into();
    api.secrets.insert(name.clone(), sent.clone());
    if name == STATE_SECRET && api.lost > 0 {
        api.lost -= 1;
        return refused(503, "ServiceUnavailable");
    }
    axum::Json(sent).into_response()
}

pub(crate) async fn serve() -> (Cluster, Shared) {
    let api = Shared::default();
    let app = Router::new().fallback(answer).layer(axum::extract::DefaultBodyLimit::disable()).with_state(api.clone());
    (connected(app).await, api)
}

/// A cluster whose API is this.
pub(crate) async fn connected(app: Router) -> Cluster {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("kubeconfig");
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "fake",
        "clusters": [{"name": "c", "cluster": {"server": server}}], "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "fake", "context": {"cluster": "c", "user": "u"}}]
    });
    std::fs::write(&file, config.to_string()).unwrap();
    let options = ConnectOptions { kubeconfig: Some(file), ..ConnectOptions::default() };
    Cluster::connect(&options).await.unwrap()
}

fn add(id: &str) -> impl Fn(&mut InstallState) {
    let id = id.to_owned();
    move |state| {
        let record = ComponentRecord { title: id.clone(), ..ComponentRecord::default() };
        state.components.insert(id.clone(), ComponentState { record, ..ComponentState::default() });
    }
}

#[tokio::test]
async fn what_others_write_meanwhile_is_not_lost() {
    let (cluster, api) = serve().await;
    update(&cluster, add("a")).await.unwrap();
    // An install ends between our reading and our writing, twice.
    for id in ["b", "c"] {
        let record = json!({"title": id, "version": "1", "installed": "then"});
        api.lock().unwrap().meanwhile.push(Box::new(move |state| state["components"][id] = record));
    }
    update(&cluster, add("d")).await.unwrap();
    let state = load(&cluster).await.unwrap().unwrap();
    assert_eq!(state.components.keys().collect::<Vec<_>>(), ["a", "b", "c", "d"]);
}

#[tokio::test]
async fn all_of_many_writers_are_heard() {
    let (cluster, _) = serve().await;
    let ids: Vec<String> = (0..12).map(|id| format!("c{id}")).collect();
    futures::future::try_join_all(ids.iter().map(|id| update(&cluster, add(id)))).await.unwrap();
    assert_eq!(load(&cluster).await.unwrap().unwrap().components.len(), ids.len());
}

#[tokio::test]
async fn a_lost_answer_and_a_change_that_changes_nothing_do_no_harm() {
    let (cluster, api) = serve().await;
    update(&cluster, add("a")).await.unwrap();
    api.lock().unwrap().lost = 1;
    update(&cluster, |state| state.forget("a", Some(&Default::default()))).await.unwrap();
    let state = load(&cluster).await.unwrap().unwrap();
    assert!(state.kept.contains_key("a") && state.components.is_empty(), "{state:?}");
    let writes = api.lock().unwrap().writes;
    update(&cluster, |_| {}).await.unwrap();
    assert_eq!(api.lock().unwrap().writes, writes);
}

#[tokio::test]
async fn what_a_newer_windlass_wrote_is_neither_read_nor_written() {
    let (cluster, api) = serve().await;
    update(&cluster, add("a")).await.unwrap();
    let before = {
        let mut api = api.lock().unwrap();
        let text = json!({"schema": STATE_SCHEMA + 1, "components": []}).to_string();
        api.secrets.get_mut(STATE_SECRET).unwrap()["data"]["state.json"] = STANDARD.encode(text).into();
        api.secrets.clone()
    };
    for error in [load(&cluster).await.map(drop).unwrap_err(), update(&cluster, add("b")).await.unwrap_err()] {
        assert!(matches!(error, StateError::Text(StateTextError::Newer(_))), "{error}");
    }
    assert_eq!(api.lock().unwrap().secrets, before);
}

/// The first windlass reads `state.json` and goes by its `schema`; it has to find one that it does not know.
#[tokio::test]
async fn an_older_windlass_finds_a_format_that_it_refuses() {
    let mut state = InstallState { schema: STATE_SCHEMA, ..InstallState::default() };
    add("a")(&mut state);
    state.answers = Value::String("a".repeat(2_000_000));
    let Packed { head, .. } = pack(&mut state).unwrap();
    assert_eq!(head.len(), 2, "it is compressed");
    let seen: Value = serde_json::from_slice(&head["state.json"]).unwrap();
    assert_eq!(seen, json!({"schema": 4}));
    assert_eq!(InstallState::from_json(&unpack_head(&head).unwrap().unwrap()).unwrap(), state);
}

/// A hundred thousand files with names of 214 characters that no compression makes short.
#[tokio::test]
async fn a_hundred_thousand_files_are_remembered() {
    let (cluster, api) = serve().await;
    let mut seed = 1_u64;
    let mut letters = |count: usize, of: &[u8]| -> String {
        let mut letter = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(of[(seed >> 33) as usize % of.len()])
        };
        (0..count).map(|_| letter()).collect()
    };
    let letter: Vec<u8> = (b'a'..=b'z').chain(b'A'..=b'Z').chain(b'0'..=b'9').collect();
    let files: BTreeMap<String, String> = (0..100_000)
        .map(|_| (letters(214, &letter), format!("MD5-of-0MD5-of-512CRC32C:{}", letters(56, b"0123456789abcdef"))))
        .collect();
    let change = |state: &mut InstallState| {
        add("a")(state);
        state.components.get_mut("a").unwrap().uploads.insert("/jars".to_owned(), files.clone());
    };
    update(&cluster, change).await.unwrap();
    let state = load(&cluster).await.unwrap().unwrap();
    let known = &state.components["a"];
    assert!(known.uploads.is_empty() && known.knows_upload("/jars") && known.apart["/jars"].files == files.len());
    assert_eq!(uploads(&cluster, known).await.unwrap()["/jars"], files);
    let head = size(&api.lock().unwrap().secrets[STATE_SECRET]);
    assert!(head < 10_000, "everyday commands read {head} bytes");

    // What is not listed any more goes, and what is damaged is not believed.
    let part = known.apart["/jars"].parts[0].clone();
    api.lock().unwrap().secrets.get_mut(&part).unwrap()["data"]["part"] = STANDARD.encode("x").into();
    assert!(uploads(&cluster, known).await.unwrap_err().to_string().contains(&part));
    update(&cluster, |state| state.forget("a", None)).await.unwrap();
    assert_eq!(api.lock().unwrap().secrets.keys().collect::<Vec<_>>(), [STATE_SECRET]);
}
