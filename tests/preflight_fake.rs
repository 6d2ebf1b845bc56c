//! Preflight against a made-up API: what no cluster at hand is, and what a sandbox would have to be broken for.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use rustls::pki_types::PrivateKeyDer;
use serde_json::{Value, json};
use windlass::driver::kube::{Cluster, ConnectOptions};
use windlass::model::cluster::{ManifestObject, ObjectRef, ReleaseKey};
use windlass::model::site::Right;
use windlass::preflight::{RightNeed, Trial, Use, connect_finding, review, try_all};

/// Takes nobody's login, whatever version it would be.
const REFUSES: &str = "refuses";

/// Serves an API that says that it is this version, and grants all but deleting and portforwarding. A token is not sent to
/// it, since it speaks plain HTTP.
async fn serve(version: &'static str) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    let app = Router::new().fallback(move |request: Request| answer(version, request));
    tokio::spawn(async move { axum::serve(listener, app).await });
    server
}

async fn answer(version: &str, request: Request) -> Response {
    assert!(request.headers().get("authorization").is_none(), "a login went over plain HTTP");
    if version == REFUSES {
        let body = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "Unauthorized",
            "reason": "Unauthorized", "code": 401});
        return (StatusCode::UNAUTHORIZED, axum::Json(body)).into_response();
    }
    let path = request.uri().path().to_owned();
    if path == "/version" {
        let value = json!({"major": "1", "minor": "34", "gitVersion": version, "gitCommit": "", "gitTreeState": "clean",
            "buildDate": "", "goVersion": "", "compiler": "gc", "platform": "linux/amd64"});
        return axum::Json(value).into_response();
    }
    if !path.ends_with("/selfsubjectaccessreviews") {
        let body = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "no",
            "reason": "Forbidden", "code": 403});
        return (StatusCode::FORBIDDEN, axum::Json(body)).into_response();
    }
    let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
    let mut review: Value = serde_json::from_slice(&body).unwrap();
    let asked = &review["spec"]["resourceAttributes"];
    let allowed = asked["verb"] != "delete" && asked["subresource"] != "portforward";
    review["status"] = json!({"allowed": allowed});
    (StatusCode::CREATED, axum::Json(review)).into_response()
}

/// A kubeconfig with one context, `fake`.
fn kubeconfig(dir: &Path, server: &str, token: &str, authority: Option<&Path>) -> std::path::PathBuf {
    let file = dir.join("kubeconfig");
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "fake",
        "clusters": [{"name": "c", "cluster": {"server": server, "certificate-authority": authority}}],
        "users": [{"name": "ann", "user": {"token": token}}],
        "contexts": [{"name": "fake", "context": {"cluster": "c", "user": "ann"}}]
    });
    std::fs::write(&file, config.to_string()).unwrap();
    file
}

/// `windlass preflight` with these arguments, and a Helm that only knows its version.
async fn preflight(dir: &Path, kubeconfig: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_windlass"));
    // In the repository and not written here: a file that was just written may still be open in another test's child.
    let helm = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fakes/helm");
    command.arg("preflight").arg("--kubeconfig").arg(kubeconfig).arg("--helm").arg(&helm);
    command.args(["--set", "livy.image=x.example/livy", "--set", "livy.image_tag=1"]).args(args);
    command.env("XDG_STATE_HOME", dir).env_remove("KUBECONFIG");
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

/// The findings of a `--json` run.
fn findings(output: &Output) -> Vec<Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    let report: Value = serde_json::from_str(text.trim()).unwrap_or_else(|error| {
        panic!("{error}: {text}\n{}", String::from_utf8_lossy(&output.stderr));
    });
    assert_eq!(report["schema"], 1);
    report["findings"].as_array().unwrap().clone()
}

#[tokio::test]
async fn an_old_cluster_an_expired_token_and_a_wrong_context_are_findings() {
    let dir = tempfile::tempdir().unwrap();
    let old = serve("v1.27.16").await;
    let refuses = serve(REFUSES).await;
    for (server, context, id, word) in [
        (&old, "fake", "kubernetes-old", "v1.27.16"),
        (&refuses, "fake", "token-rejected", "\"ann\""),
        (&old, "other", "context-missing", "fake"),
    ] {
        let config = kubeconfig(dir.path(), server, "expired", None);
        let output = preflight(dir.path(), &config, &["--json", "--context", context]).await;
        let found = findings(&output);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((found[0]["id"].as_str().unwrap(), &found[0]["severity"]), (id, &json!("error")));
        assert!(found[0]["what"].as_str().unwrap().contains(word), "{found:?}");
        assert!(!found[0]["fix"].as_str().unwrap().is_empty());
        assert_eq!(output.status.code(), Some(11), "{id}");
    }
    // The same for people, and exit 4 for a command that is no preflight.
    let config = kubeconfig(dir.path(), &old, "good", None);
    let output = preflight(dir.path(), &config, &[]).await;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.starts_with("error    kubernetes-old  http://127.0.0.1:") && text.ends_with("\n1 error\n"), "{text}");
    let mut command = Command::new(env!("CARGO_BIN_EXE_windlass"));
    command.arg("status").arg("--kubeconfig").arg(&config).env("XDG_STATE_HOME", dir.path());
    let status = tokio::task::spawn_blocking(move || command.status().unwrap()).await.unwrap();
    assert_eq!(status.code(), Some(4));
}

#[tokio::test]
async fn a_certificate_for_another_name_is_a_finding() {
    let made = rcgen::generate_simple_self_signed(vec!["elsewhere.example".to_owned()]).unwrap();
    let certificates = vec![made.cert.der().clone()];
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .unwrap();
    let config = Arc::new(config);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let server = format!("https://{}", listener.local_addr().unwrap());
    // Whoever comes sees the certificate and leaves; the thread ends with the test's process.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut connection = rustls::ServerConnection::new(config.clone()).unwrap();
            let _ = connection.complete_io(&mut stream);
            let _ = stream.flush();
        }
    });
    let dir = tempfile::tempdir().unwrap();
    let authority = dir.path().join("authority.pem");
    std::fs::write(&authority, made.cert.pem()).unwrap();
    let kubeconfig = kubeconfig(dir.path(), &server, "good", Some(&authority));
    let options = ConnectOptions { kubeconfig: Some(kubeconfig), ..ConnectOptions::default() };
    let error = Cluster::connect(&options).await.unwrap_err();
    let found = connect_finding(&error).unwrap();
    assert_eq!(found.id, "certificate-name", "{error:?}");
    assert!(found.what.contains("elsewhere.example") && found.fix.contains("elsewhere.example"), "{found:?}");
}

#[tokio::test]
async fn rights_are_asked_for_one_by_one() {
    let dir = tempfile::tempdir().unwrap();
    let server = serve("v1.34.4").await;
    let kubeconfig = kubeconfig(dir.path(), &server, "good", None);
    let cluster =
        Cluster::connect(&ConnectOptions { kubeconfig: Some(kubeconfig), ..ConnectOptions::default() }).await.unwrap();
    let need = |verb: &str, resource: &str| RightNeed {
        right: Right::new(verb, "", resource, Some("ns")),
        used: Use::Must,
        instead: vec![Right::new("bind", "", resource, None)],
    };
    let needs = [need("get", "pods"), need("delete", "pods"), need("create", "pods/portforward")];
    let held = review(&cluster, &needs).await;
    let shown: Vec<(String, bool)> = held.into_iter().map(|(right, held)| (right.to_string(), held.unwrap())).collect();
    let expected = [
        ("bind pods", true),
        ("bind pods/portforward", false),
        ("delete pods in ns", false),
        ("get pods in ns", true),
        ("create pods/portforward in ns", false),
    ];
    assert_eq!(shown, expected.map(|(right, held)| (right.to_owned(), held)));
}

/// An API with StatefulSets that takes no change of them: each name meets another answer.
async fn changing(request: Request) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let query = request.uri().query().unwrap_or_default().to_owned();
    let status = |code: u16, reason: &str, message: &str, causes: Value| {
        let body = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message,
            "reason": reason, "code": code, "details": {"causes": causes}});
        (StatusCode::from_u16(code).unwrap(), axum::Json(body)).into_response()
    };
    let forbidden = "Forbidden: updates to statefulset spec for fields other than 'replicas', 'template' are forbidden";
    match (method.as_str(), path.as_str()) {
        ("GET", "/version") => answer("v1.34.4", request).await,
        ("GET", "/api" | "/apis") => {
            let resource = json!({"resource": "statefulsets", "responseKind": {"group": "apps", "version": "v1",
                "kind": "StatefulSet"}, "scope": "Namespaced", "singularResource": "statefulset",
                "verbs": ["get", "patch", "create"]});
            let group = json!({"metadata": {"name": "apps"},
                "versions": [{"version": "v1", "resources": [resource], "freshness": "Current"}]});
            let groups = if path == "/apis" { json!([group]) } else { json!([]) };
            let list = json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {},
                "items": groups});
            axum::Json(list).into_response()
        }
        ("GET", path) if path.ends_with("/gone") => status(404, "NotFound", "gone", json!([])),
        ("GET", path) => {
            let name = path.rsplit('/').next().unwrap();
            axum::Json(json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": name}}))
                .into_response()
        }
        ("PATCH", path) => {
            let parameters = query.split('&').collect::<std::collections::BTreeSet<_>>();
            let expected = ["dryRun=All", "force=true", "fieldManager=helm", "fieldValidation=Strict"];
            assert!(expected.iter().all(|part| parameters.contains(part)), "{query}");
            match path.rsplit('/').next().unwrap() {
                "fixed" => status(
                    422,
                    "Invalid",
                    "is invalid",
                    json!([{"reason": "x", "message": forbidden, "field": "spec"}]),
                ),
                "wrong" => {
                    let cause = json!([{"reason": "x", "message": "Required value", "field": "spec.serviceName"}]);
                    status(422, "Invalid", "is invalid", cause)
                }
                "hooked" => status(403, "Forbidden", "admission webhook \"w\" denied the request: no", json!([])),
                "mine" => status(403, "Forbidden", "x is forbidden: User \"a\" cannot patch resource \"y\"", json!([])),
                name => axum::Json(json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": name}}))
                    .into_response(),
            }
        }
        ("POST", _) => {
            assert!(query.contains("dryRun=All"), "{query}");
            let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
            let body: Value = serde_json::from_slice(&body).unwrap();
            match body["metadata"]["name"].as_str().unwrap() {
                "wrong" => status(422, "Invalid", "is invalid", json!([])),
                _ => status(409, "AlreadyExists", "it is there", json!([])),
            }
        }
        _ => panic!("{method} {path}?{query}"),
    }
}

#[tokio::test]
async fn changes_are_tried_by_dry_runs_and_the_answers_distinguished() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(changing)).await });
    let dir = tempfile::tempdir().unwrap();
    let kubeconfig = kubeconfig(dir.path(), &server, "good", None);
    let cluster =
        Cluster::connect(&ConnectOptions { kubeconfig: Some(kubeconfig), ..ConnectOptions::default() }).await.unwrap();
    let trial = |name: &str| {
        let body = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": name, "namespace": "ns"},
            "spec": {"serviceName": "other"}});
        let object = ManifestObject { object: ObjectRef::namespaced("apps/v1", "StatefulSet", "ns", name), body };
        Trial { release: ReleaseKey::new("ns", "rel"), object, changed: Vec::new() }
    };
    let names = ["fixed", "wrong", "hooked", "mine", "gone", "good"];
    let tried = try_all(&cluster, names.map(trial).to_vec()).await;
    let shown: Vec<String> = tried
        .iter()
        .map(|tried| match &tried.refused {
            Ok(None) => format!("{}: fine", tried.object.name),
            Ok(Some(refusal)) => format!("{}: {} {}", tried.object.name, refusal.code, refusal.in_itself),
            Err(unseen) => format!("{}: {} ({})", tried.object.name, unseen.what, unseen.why),
        })
        .collect();
    let expected = [
        "fixed: 422 false",
        "wrong: 422 true",
        "hooked: 403 false",
        "mine: dry-run the change of StatefulSet ns/mine (not allowed)",
        "gone: fine",
        "good: fine",
    ];
    assert_eq!(shown, expected);
    let refusal = tried[0].refused.as_ref().unwrap().as_ref().unwrap();
    assert_eq!(refusal.fields, ["spec"]);
    assert!(refusal.message.starts_with("spec: Forbidden: updates to statefulset spec"), "{refusal:?}");
}

#[tokio::test]
async fn ids_to_waive_are_checked_before_anything_is_looked_at() {
    let dir = tempfile::tempdir().unwrap();
    let nowhere = dir.path().join("none");
    for (id, says) in [
        ("storage-clas-missing", "did you mean `storage-class-missing`?"),
        ("token-rejected", "cannot be waived"),
        ("release-foreign", "waived per component: add --adopt COMPONENT"),
    ] {
        let output = preflight(dir.path(), &nowhere, &["--waive", id]).await;
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains(says), "{text}");
    }
    let output = preflight(dir.path(), &nowhere, &["--adopt", "hfds"]).await;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("`hfds` is not a component of this install; did you mean `hdfs`?"), "{text}");
}

#[tokio::test]
async fn the_list_is_the_documentation() {
    for (lang, page) in [("en", "docs/preflight.md"), ("ru", "docs/preflight.ru.md")] {
        let output = tokio::task::spawn_blocking(move || {
            let mut command = Command::new(env!("CARGO_BIN_EXE_windlass"));
            command.args(["--lang", lang, "preflight", "--list"]).output().unwrap()
        });
        let output = output.await.unwrap();
        let docs = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(page)).unwrap();
        let made = output.status.success() && output.stdout == docs;
        assert!(made, "cargo run -- --lang {lang} preflight --list > {page}");
    }
}
