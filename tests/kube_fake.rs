//! The kube driver against a made-up API on a loopback port: what no real cluster does when it is asked to.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use futures::StreamExt as _;
use serde_json::{Value, json};
use windlass::driver::kube::{ApiErrorKind, Cluster, ConnectError, ConnectOptions, WaitError};
use windlass::model::cluster::{Drift, ManifestObject, ObjectRef, ReadyPolicy};
use windlass::model::{Ignored, IgnoredField};
use windlass::model::{Progress, ProgressSink, silent};

/// What the API answers to the nth request for a path; the last answer is repeated.
#[derive(Clone)]
enum Answer {
    Json(Value),
    Status(u16, &'static str, u32),
    /// Lines, then the connection breaks.
    Broken(Vec<Value>),
    /// Lines, then a proper end.
    Ended(Vec<Value>),
    /// Lines, then nothing for ever.
    Open(Vec<Value>),
}

#[derive(Default)]
struct Fake {
    answers: BTreeMap<String, Vec<Answer>>,
    asked: BTreeMap<String, usize>,
}

type Shared = Arc<Mutex<Fake>>;

/// The path with `?watch` behind it if it is a watch.
fn route(request: &Request) -> String {
    let watch = request.uri().query().unwrap_or_default().contains("watch=true");
    format!("{}{}", request.uri().path(), if watch { "?watch" } else { "" })
}

async fn answer(State(fake): State<Shared>, request: Request) -> Response {
    let route = route(&request);
    let answer = {
        let mut fake = fake.lock().unwrap();
        let asked = fake.asked.entry(route.clone()).or_default();
        *asked += 1;
        let nth = *asked - 1;
        let answers = fake.answers.get(&route);
        answers.and_then(|answers| answers.get(nth).or(answers.last())).cloned()
    };
    let lines = |lines: Vec<Value>| lines.into_iter().map(|line| Ok(Bytes::from(format!("{line}\n"))));
    let stream =
        |stream| Body::from_stream::<futures::stream::BoxStream<'static, Result<Bytes, std::io::Error>>>(stream);
    match answer {
        Some(Answer::Json(value)) => axum::Json(value).into_response(),
        Some(Answer::Status(code, reason, retry_after)) => status(code, reason, retry_after),
        Some(Answer::Broken(said)) => {
            let broken = futures::stream::once(async { Err(std::io::Error::other("cut")) });
            stream(futures::stream::iter(lines(said)).chain(broken).boxed()).into_response()
        }
        Some(Answer::Ended(said)) => stream(futures::stream::iter(lines(said)).boxed()).into_response(),
        Some(Answer::Open(said)) => {
            stream(futures::stream::iter(lines(said)).chain(futures::stream::pending()).boxed()).into_response()
        }
        // What no test speaks of is there and empty, and nothing happens to it.
        None if route.ends_with("?watch") => stream(futures::stream::pending().boxed()).into_response(),
        None => axum::Json(list(&[], "1")).into_response(),
    }
}

fn status(code: u16, reason: &str, retry_after: u32) -> Response {
    let body = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "message": format!("made-up {reason}"),
        "reason": reason, "code": code, "details": {"retryAfterSeconds": retry_after}
    });
    (StatusCode::from_u16(code).unwrap(), axum::Json(body)).into_response()
}

fn list(items: &[Value], version: &str) -> Value {
    json!({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": version}, "items": items})
}

fn version(git: &str) -> Answer {
    Answer::Json(json!({"major": "1", "minor": "34", "gitVersion": git, "gitCommit": "", "gitTreeState": "clean",
        "buildDate": "", "goVersion": "", "compiler": "gc", "platform": "linux/amd64"}))
}

/// Serves these answers; gives where, and what is asked.
async fn serve(answers: impl IntoIterator<Item = (&'static str, Vec<Answer>)>) -> (String, Shared) {
    let mut answers: BTreeMap<String, Vec<Answer>> =
        answers.into_iter().map(|(route, answers)| (route.to_owned(), answers)).collect();
    answers.entry("/version".to_owned()).or_insert_with(|| vec![version("v1.34.4")]);
    let fake = Arc::new(Mutex::new(Fake { answers, asked: BTreeMap::new() }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    let app = Router::new().fallback(answer).with_state(fake.clone());
    tokio::spawn(async move { axum::serve(listener, app).await });
    (server, fake)
}

async fn connect(server: &str) -> Result<Cluster, ConnectError> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("kubeconfig");
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "fake",
        "clusters": [{"name": "c", "cluster": {"server": server}}], "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "fake", "context": {"cluster": "c", "user": "u"}}]
    });
    std::fs::write(&file, config.to_string()).unwrap();
    Cluster::connect(&ConnectOptions { kubeconfig: Some(file), ..ConnectOptions::default() }).await
}

fn manifest() -> Vec<ManifestObject> {
    let object = ObjectRef::namespaced("apps/v1", "Deployment", "ns", "web");
    vec![ManifestObject { object, body: json!({"apiVersion": "apps/v1", "kind": "Deployment"}) }]
}

fn deployment(available: u32, version: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "ns", "uid": "u", "generation": 1, "resourceVersion": version},
        "spec": {"replicas": 1, "selector": {}, "template": {}},
        "status": {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": available}
    })
}

const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/ns/deployments";
const WATCH: &str = "/apis/apps/v1/namespaces/ns/deployments?watch";

fn event(kind: &str, object: Value) -> Value {
    json!({"type": kind, "object": object})
}

#[tokio::test]
async fn the_private_kubeconfig_lives_as_long_as_the_cluster() {
    let (server, _) = serve([]).await;
    let cluster = connect(&server).await.unwrap();
    assert_eq!(cluster.info().version, "v1.34.4");
    assert_eq!((cluster.info().context.as_str(), cluster.info().user.as_str()), ("fake", "u"));
    let target = cluster.helm_target();
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&target.kubeconfig), 0o600);
    assert_eq!(mode(target.kubeconfig.parent().unwrap()), 0o700);
    let clone = cluster.clone();
    drop(cluster);
    assert!(target.kubeconfig.exists());
    drop(clone);
    assert!(!target.kubeconfig.parent().unwrap().exists());
}

#[tokio::test]
async fn an_old_cluster_and_a_refused_token_are_said() {
    let (server, _) = serve([("/version", vec![version("v1.27.16")])]).await;
    let err = connect(&server).await.unwrap_err();
    assert!(matches!(&err, ConnectError::TooOld { found, .. } if found == "v1.27.16"), "{err}");
    let (server, fake) = serve([("/version", vec![Answer::Status(401, "Unauthorized", 0)])]).await;
    let err = connect(&server).await.unwrap_err();
    assert!(matches!(&err, ConnectError::Unauthorized { user, .. } if user == "u"), "{err}");
    assert_eq!(fake.lock().unwrap().asked["/version"], 1, "asking again would not help");
}

#[tokio::test]
async fn a_busy_api_is_asked_again_when_it_says() {
    let busy = vec![Answer::Status(429, "TooManyRequests", 1), Answer::Status(503, "ServiceUnavailable", 0)];
    let namespace =
        Answer::Json(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "x", "labels": {"a": "b"}}}));
    let answers = [busy, vec![namespace]].concat();
    let (server, fake) = serve([("/api/v1/namespaces/x", answers)]).await;
    let cluster = connect(&server).await.unwrap();
    let start = Instant::now();
    let found = cluster.namespace("x").await.unwrap().unwrap();
    assert_eq!(found.labels["a"], "b");
    assert!(start.elapsed() >= Duration::from_secs(1), "Retry-After was not kept");
    assert_eq!(fake.lock().unwrap().asked["/api/v1/namespaces/x"], 3);
}

#[tokio::test]
async fn a_refusal_is_reported_in_the_words_of_the_api() {
    let (server, _) = serve([("/api/v1/namespaces/x", vec![Answer::Status(403, "Forbidden", 0)])]).await;
    let err = connect(&server).await.unwrap().namespace("x").await.unwrap_err();
    assert_eq!(err.kind(), ApiErrorKind::Forbidden);
    assert_eq!(err.to_string(), "failed to get namespace x");
    assert_eq!(std::error::Error::source(&err).unwrap().to_string(), "made-up Forbidden (HTTP 403)");
}

#[tokio::test]
async fn watches_survive_breaks_ends_and_expired_versions() {
    let lists = vec![Answer::Json(list(&[deployment(0, "1")], "1")), Answer::Json(list(&[deployment(0, "9")], "9"))];
    let expired = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 410, "reason": "Expired", "message": "too old"});
    let watches = vec![
        Answer::Broken(vec![event("MODIFIED", deployment(0, "2"))]),
        Answer::Ended(vec![event("MODIFIED", deployment(0, "3"))]),
        Answer::Status(503, "ServiceUnavailable", 0),
        Answer::Open(vec![event("ERROR", expired)]),
        Answer::Open(vec![event("MODIFIED", deployment(1, "10"))]),
    ];
    let (server, fake) = serve([(DEPLOYMENTS, lists), (WATCH, watches)]).await;
    let cluster = connect(&server).await.unwrap();
    let policy = ReadyPolicy::default();
    cluster.wait_ready(&manifest(), &policy, Duration::from_secs(20), &silent()).await.unwrap();
    let fake = fake.lock().unwrap();
    assert_eq!((fake.asked[DEPLOYMENTS], fake.asked[WATCH]), (2, 5), "it lists anew only for the expired version");
}

#[tokio::test]
async fn without_events_it_still_decides_and_without_pods_it_does_not_begin() {
    let forbidden = || vec![Answer::Status(403, "Forbidden", 0)];
    let ready = vec![Answer::Json(list(&[deployment(0, "1")], "1"))];
    let becomes = vec![Answer::Open(vec![event("MODIFIED", deployment(1, "2"))])];
    let (server, _) =
        serve([(DEPLOYMENTS, ready.clone()), (WATCH, becomes), ("/api/v1/namespaces/ns/events", forbidden())]).await;
    let notes = Arc::new(Mutex::new(Vec::new()));
    let sink: ProgressSink = {
        let notes = notes.clone();
        Arc::new(move |progress| {
            if let Progress::Note(note) = progress {
                notes.lock().unwrap().push(note);
            }
        })
    };
    let policy = ReadyPolicy::default();
    let cluster = connect(&server).await.unwrap();
    cluster.wait_ready(&manifest(), &policy, Duration::from_secs(10), &sink).await.unwrap();
    assert_eq!(
        *notes.lock().unwrap(),
        ["reasons may be missing: cannot watch events in ns: made-up Forbidden (HTTP 403)"]
    );

    let (server, _) = serve([(DEPLOYMENTS, ready), ("/api/v1/namespaces/ns/pods", forbidden())]).await;
    let cluster = connect(&server).await.unwrap();
    let err = cluster.wait_ready(&manifest(), &policy, Duration::from_secs(10), &sink).await.unwrap_err();
    let WaitError::Watch(err) = err else { panic!("{err:?}") };
    assert_eq!((err.to_string().as_str(), err.kind()), ("failed to watch pods in ns", ApiErrorKind::Forbidden));
}

#[tokio::test]
async fn an_api_that_goes_away_is_part_of_the_answer() {
    let lists = vec![Answer::Json(list(&[deployment(0, "1")], "1")), Answer::Status(500, "InternalError", 0)];
    let watches = vec![Answer::Ended(vec![]), Answer::Status(500, "InternalError", 0)];
    let (server, _) = serve([(DEPLOYMENTS, lists), (WATCH, watches)]).await;
    let said = Arc::new(Mutex::new(Vec::new()));
    let sink: ProgressSink = {
        let said = said.clone();
        Arc::new(move |progress| said.lock().unwrap().push(format!("{progress:?}")))
    };
    let cluster = connect(&server).await.unwrap();
    let policy = ReadyPolicy::default();
    let err = cluster.wait_ready(&manifest(), &policy, Duration::from_secs(3), &sink).await.unwrap_err();
    let WaitError::NotReady(not_ready) = err else { panic!("{err:?}") };
    assert!(not_ready.timed_out && not_ready.watch_error.is_some(), "{not_ready:?}");
    assert_eq!(not_ready.findings[0].message, "0 of 1 pods are available");
    let text = not_ready.to_string();
    assert!(
        text.starts_with(
            "timed out after 3s: Deployment ns/web: Progressing: 0 of 1 pods are available; the API server"
        ),
        "{text}"
    );
    assert!(said.lock().unwrap().iter().any(|it| it.contains("does not answer")), "{:?}", said.lock().unwrap());
}

/// What is not ready when all has been listed is reported then: nobody waits for `status` to see whether it becomes so.
#[tokio::test]
async fn a_look_waits_for_nothing() {
    let watches = vec![Answer::Open(vec![])];
    let lists = vec![Answer::Json(list(&[deployment(0, "1")], "1"))];
    let (server, _) = serve([(DEPLOYMENTS, lists), (WATCH, watches)]).await;
    let cluster = connect(&server).await.unwrap();
    let (policy, hour) = (ReadyPolicy::default(), Duration::from_secs(3600));
    let look = tokio::time::timeout(Duration::from_secs(60), cluster.check_ready(&manifest(), &policy, hour)).await;
    let Err(WaitError::NotReady(not_ready)) = look.expect("it waits") else { panic!("it is not ready") };
    assert_eq!(not_ready.findings[0].message, "0 of 1 pods are available");
}

#[tokio::test]
async fn nothing_to_wait_for_is_ready() {
    let (server, _) = serve([]).await;
    let cluster = connect(&server).await.unwrap();
    let object = ObjectRef::namespaced("v1", "Service", "ns", "web");
    let service = vec![ManifestObject { object, body: json!({}) }];
    let policy = ReadyPolicy::default();
    cluster.wait_ready(&service, &policy, Duration::from_secs(1), &silent()).await.unwrap();
}

#[tokio::test]
async fn a_namespace_that_somebody_else_makes_meanwhile_is_theirs() {
    let theirs = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "x", "labels": {"of": "others"}}, "status": {"phase": "Active"}});
    let (server, _) = serve([
        ("/api/v1/namespaces/x", vec![Answer::Status(404, "NotFound", 0), Answer::Json(theirs)]),
        ("/api/v1/namespaces", vec![Answer::Status(409, "AlreadyExists", 0)]),
    ])
    .await;
    let cluster = connect(&server).await.unwrap();
    let labels = BTreeMap::from([("of".to_owned(), "us".to_owned())]);
    let found = cluster.ensure_namespace("x", &labels).await.unwrap();
    assert!(!found.created);
    assert_eq!(found.labels["of"], "others");
}

/// Secrets are filled by name. One that is there and that windlass did not make is somebody else's: it is refused by its
/// name, before anything changes. One of ours is ours, also with a key in it that is no text.
#[tokio::test]
async fn a_secret_of_somebody_else_is_refused_by_its_name() {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use windlass::model::observed::Comparison;
    const SECRET: &str = "/api/v1/namespaces/sample/secrets/my-sample-db-password";
    let catalog = windlass::catalog::load(&[concat!(env!("CARGO_MANIFEST_DIR"), "/tests/components").into()]).unwrap();
    let chosen = ["hdfs".to_owned(), "sample".to_owned()];
    let answers = windlass::answers::Answers::new(&catalog, &[], Some(&chosen)).unwrap();
    let wanted = windlass::answers::resolve(&catalog, &answers).unwrap();
    let sample = wanted.components.iter().find(|component| component.id == "sample").unwrap();
    let key = sample.secrets[0].keys().remove(0);
    let found = async |labels: Value| {
        let data = json!({key.as_str(): STANDARD.encode("pw"), "store.jks": STANDARD.encode([0xfe, 0xed, 0xff])});
        let metadata = json!({"name": "my-sample-db-password", "namespace": "sample", "labels": labels});
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data});
        let absent = || vec![Answer::Status(404, "NotFound", 0)];
        let (server, _) = serve([
            (SECRET, vec![Answer::Json(secret)]),
            ("/api/v1/namespaces/windlass-system/secrets/windlass-state", absent()),
            ("/api/v1/namespaces/sample", absent()),
            ("/api/v1/namespaces/apache-hdfs", absent()),
        ])
        .await;
        windlass::observe::observe(&wanted, &connect(&server).await.unwrap(), None, None).await
    };
    for labels in [json!({}), json!({"app.kubernetes.io/managed-by": "Helm"}), Value::Null] {
        let error = found(labels).await.unwrap_err().to_string();
        assert!(
            error.starts_with("Secret sample/my-sample-db-password already exists and was not created by windlass"),
            "{error}"
        );
    }
    let ours = found(json!({"app.kubernetes.io/managed-by": "windlass"})).await.unwrap();
    let place = ("sample".to_owned(), "my-sample-db-password".to_owned());
    assert_eq!(ours.secrets[&place], Comparison::Same);
}

#[tokio::test]
async fn a_certificate_may_lack_its_authority_and_nothing_else() {
    use windlass::driver::secrets::read_all;
    let data = json!({"tls.crt": "YQ==", "tls.key": "Yg=="});
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "cert"}, "data": data});
    let (server, _) = serve([("/api/v1/namespaces/site/secrets/cert", vec![Answer::Json(secret)])]).await;
    let cluster = connect(&server).await.unwrap();
    let from = windlass::model::SecretRef::Secret("site/cert".to_owned());
    let read = async |keys: &[&str]| {
        let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
        read_all(&from, &cluster, &keys).await.map(|found| found.into_keys().collect::<Vec<_>>())
    };
    assert_eq!(read(&["tls.crt", "tls.key", "ca.crt"]).await.unwrap(), ["tls.crt", "tls.key"]);
    assert!(read(&["tls.crt", "tls.pem"]).await.unwrap_err().to_string().contains("tls.pem"));
}

#[tokio::test]
async fn a_list_whose_token_expired_begins_anew() {
    let pod = |name: &str| {
        json!({"metadata": {"name": name, "namespace": "n"}, "spec": {"nodeName": "one",
        "containers": [{"resources": {"requests": {"cpu": "1"}}}]}})
    };
    let page = |items: &[Value], token: &str| {
        let mut page = list(items, "1");
        page["metadata"]["continue"] = json!(token);
        Answer::Json(page)
    };
    let pods = vec![
        page(&[pod("a"), pod("b")], "t1"),
        Answer::Status(410, "Expired", 0),
        page(&[pod("a"), pod("c")], "t2"),
        page(&[pod("d")], ""),
    ];
    let endless = vec![page(&[], "t"), Answer::Status(410, "Expired", 0)];
    let nodes = [endless.clone(), endless.clone(), endless.clone(), endless].concat();
    let (server, fake) = serve([("/api/v1/pods", pods), ("/api/v1/nodes", nodes)]).await;
    let cluster = connect(&server).await.unwrap();
    let uses = cluster.pod_uses(|_, _| false).await.unwrap();
    assert_eq!((uses.len(), uses[0].others, uses[0].node.as_deref()), (1, 2, Some("one")));
    assert_eq!(fake.lock().unwrap().asked["/api/v1/pods"], 4);
    let err = cluster.nodes().await.unwrap_err();
    assert_eq!(err.kind(), ApiErrorKind::Gone);
}

/// The discovery of a cluster that serves Deployments and Secrets.
fn kinds() -> [(&'static str, Vec<Answer>); 2] {
    let resource = |group: &str, kind: &str, plural: &str| {
        json!({"resource": plural, "responseKind": {"group": group, "version": "v1", "kind": kind},
            "scope": "Namespaced", "singularResource": kind.to_lowercase(), "verbs": ["get", "list", "patch"]})
    };
    let groups = |name: &str, resource: Value| {
        let group = json!({"metadata": {"name": name},
            "versions": [{"version": "v1", "resources": [resource], "freshness": "Current"}]});
        let list = json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {},
            "items": [group]});
        vec![Answer::Json(list)]
    };
    [
        ("/api", groups("", resource("", "Service", "services"))),
        ("/apis", groups("apps", resource("apps", "Deployment", "deployments"))),
    ]
}

#[tokio::test]
async fn what_is_only_written_otherwise_is_no_drift() {
    let deployment = |policy: &str, replicas: u32| {
        let spec = json!({"replicas": replicas, "template": {"spec": {"containers": [
            {"name": "a", "image": "i", "imagePullPolicy": policy}]}}});
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "ns"},
            "spec": spec})
    };
    let service = |ip: &str| {
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s", "namespace": "ns"},
        "spec": {"clusterIP": ip, "type": "ClusterIP"}})
    };
    let object = |version: &str, kind: &str, name: &str, body: Value| ManifestObject {
        object: ObjectRef::namespaced(version, kind, "ns", name),
        body,
    };
    let (web, s) = ("/apis/apps/v1/namespaces/ns/deployments/web", "/api/v1/namespaces/ns/services/s");
    let json = Answer::Json;
    // First what is there, then what the API would make of the manifest.
    let answers = kinds().into_iter().chain([
        (web, vec![json(deployment("Always", 1)), json(deployment("Always", 1))]),
        (s, vec![json(service("10.0.0.1")), json(service("10.0.0.1"))]),
    ]);
    let (server, fake) = serve(answers).await;
    let manifest =
        [object("apps/v1", "Deployment", "web", deployment("", 1)), object("v1", "Service", "s", service(""))];
    let cluster = connect(&server).await.unwrap();
    assert_eq!(cluster.missing_or_changed(&manifest).await.unwrap(), []);
    assert_eq!(fake.lock().unwrap().asked[web], 2);
    // What it would change is drift all the same; where it may not be asked, that is said.
    let answers = kinds().into_iter().chain([
        (web, vec![json(deployment("Always", 3)), json(deployment("Always", 1))]),
        (s, vec![json(service("10.0.0.1")), Answer::Status(403, "Forbidden", 0)]),
    ]);
    let (server, _) = serve(answers).await;
    let cluster = connect(&server).await.unwrap();
    let mut headless = service("");
    headless["spec"]["type"] = json!("NodePort");
    let manifest = [manifest[0].clone(), object("v1", "Service", "s", headless)];
    let found = cluster.missing_or_changed(&manifest).await.unwrap();
    let shown: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "Deployment ns/web differs: spec.replicas is 3 instead of 1",
            "Service ns/s seems to differ (a dry run is not allowed): spec.type is \"ClusterIP\" instead of \"NodePort\""
        ]
    );
    // What a component leaves to others is counted apart, and only that.
    let answers = kinds().into_iter().chain([
        (web, vec![json(deployment("Never", 3)), json(deployment("Always", 1))]),
        (s, vec![json(service("10.0.0.1")), json(service("10.0.0.1"))]),
    ]);
    let (server, _) = serve(answers).await;
    let cluster = connect(&server).await.unwrap();
    let kind = "Deployment".to_owned();
    let replicas = IgnoredField { kind, name: Some("web".to_owned()), path: "spec.replicas".parse().unwrap() };
    let found = cluster.compared(&manifest[..1], &Ignored(vec![replicas])).await.unwrap();
    let shown = |drift: &[Drift]| drift.iter().map(ToString::to_string).collect::<Vec<_>>();
    let policy = "spec.template.spec.containers[name=a].imagePullPolicy";
    assert_eq!(
        shown(&found.drift),
        [format!("Deployment ns/web differs: {policy} is \"Never\" instead of \"Always\"")]
    );
    assert_eq!(shown(&found.ignored), ["Deployment ns/web differs: spec.replicas is 3 instead of 1"]);
}

/// A look takes no time to see whether what runs stays up, and neither a document nor a record that nobody can read is in
/// its way.
#[tokio::test]
async fn a_look_calls_ready_what_is_ready_now() {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let web = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n";
    let record = json!({"version": 1, "info": {"status": "deployed"}, "chart": null,
        "manifest": format!("---\n{web}---\nkind: ConfigMap\nmetadata:\n  name: odd\ndata: [\n")});
    // The API takes one base64 off, and Helm's own has no gzip where it is old.
    let data = STANDARD.encode(STANDARD.encode(record.to_string()));
    let name = "sh.helm.release.v1.rel.v1";
    let labels = json!({"owner": "helm", "name": "rel", "version": "1", "status": "deployed"});
    let metadata = json!({"name": name, "namespace": "ns", "labels": labels});
    let owner = |uid: &str| json!([{"apiVersion": "x", "kind": "X", "name": uid, "uid": uid, "controller": true}]);
    let now = jiff::Timestamp::now().strftime("%FT%TZ").to_string();
    // It was started just now and has no readiness probe.
    let pod = json!({
        "metadata": {"name": "web-x", "namespace": "ns", "uid": "p", "creationTimestamp": now, "ownerReferences": owner("rs")},
        "spec": {"containers": [{"name": "a", "image": "i"}]},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    });
    let answers = kinds().into_iter().chain([
        ("/api/v1/namespaces/ns/secrets", vec![Answer::Json(list(&[json!({"metadata": metadata})], "1"))]),
        (
            "/api/v1/namespaces/ns/secrets/sh.helm.release.v1.rel.v1",
            vec![Answer::Json(
                json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {"release": data}}),
            )],
        ),
        ("/api/v1/namespaces/odd/secrets", vec![Answer::Json(list(&[json!({"metadata": metadata})], "1"))]),
        (
            "/api/v1/namespaces/odd/secrets/sh.helm.release.v1.rel.v1",
            vec![Answer::Json(
                json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {"release": STANDARD.encode("x!")}}),
            )],
        ),
        ("/apis/apps/v1/namespaces/ns/deployments/web", vec![Answer::Json(deployment(1, "1"))]),
        ("/apis/apps/v1/namespaces/ns/deployments", vec![Answer::Json(list(&[deployment(1, "1")], "1"))]),
        ("/api/v1/namespaces/ns/pods", vec![Answer::Json(list(&[pod], "1"))]),
    ]);
    let (server, _) = serve(answers).await;
    let cluster = connect(&server).await.unwrap();
    let key = windlass::model::cluster::ReleaseKey::new("ns", "rel");
    let odd = windlass::model::cluster::ReleaseKey::new("odd", "rel");
    let (found, unreadable) =
        windlass::observe::readable_releases(&cluster, &[key.clone(), odd.clone()], &BTreeMap::new()).await.unwrap();
    let why = &unreadable[&odd];
    assert!(
        why.starts_with("failed to read the record of release odd/rel (sh.helm.release.v1.rel.v1): not base64"),
        "{why}"
    );
    // What would change something because of it does not go on.
    assert!(windlass::observe::releases(&cluster, std::slice::from_ref(&odd), &BTreeMap::new()).await.is_err());
    let found = &found[&key];
    assert_eq!(found.unready, []);
    assert_eq!(found.drift, []);
    assert_eq!(found.state.unread[0].what, "ConfigMap odd");
}
