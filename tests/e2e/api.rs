//! An API server that refuses, forgets and is slow at random: a proxy before the sandbox's. And one that dies.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures::{FutureExt as _, StreamExt as _};
use hyper_util::rt::TokioIo;
use serde_json::json;

use crate::preflight::{answered, kubeconfig, windlass_with};
use crate::support::*;

/// How long a watch lives.
const WATCHED: Duration = Duration::from_secs(5);

/// How long an answer is held.
const HELD: Duration = Duration::from_secs(2);

/// What is done to requests, and how often it was.
struct Chaos {
    upstream: kube::Client,
    random: Mutex<u64>,
    done: Mutex<BTreeMap<&'static str, u32>>,
}

impl Chaos {
    /// Whether something that happens so many times in a thousand happens now.
    fn strikes(&self, what: &'static str, per_mille: u64) -> bool {
        let strikes = random(&mut self.random.lock().unwrap(), 1000) < per_mille;
        if strikes {
            *self.done.lock().unwrap().entry(what).or_default() += 1;
        }
        strikes
    }

    /// Whether this happens for the first time.
    fn once(&self, what: &'static str) -> bool {
        *self.done.lock().unwrap().entry(what).and_modify(|times| *times += 1).or_insert(1) == 1
    }
}

/// A refusal as the API words it.
fn refusal(code: u16, reason: &str, retry_after: Option<u32>) -> Response {
    // Helm tells no more than the message.
    let message = match code {
        410 => "too old resource version",
        429 => "too many requests, please try again later",
        _ => "the server is currently unable to handle the request",
    };
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "reason": reason,
        "code": code, "details": {"retryAfterSeconds": retry_after},
    });
    let mut response = (StatusCode::from_u16(code).unwrap(), axum::Json(status)).into_response();
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

async fn through(State(chaos): State<Arc<Chaos>>, mut request: Request) -> Response {
    let query = request.uri().query().unwrap_or_default().to_owned();
    let watch = query.contains("watch=true") || query.contains("watch=1");
    if chaos.strikes("held", 50) {
        tokio::time::sleep(HELD).await;
    }
    if chaos.strikes("429", 20) {
        return refusal(429, "TooManyRequests", Some(1));
    }
    if chaos.strikes("503", 12) {
        // Helm's library tries again only where it is told when.
        return refusal(503, "ServiceUnavailable", (!chaos.strikes("503 for good", 200)).then_some(1));
    }
    // A real one answers so where it is to go on from a version that it does not keep.
    let goes_on = query.contains("resourceVersion=") || query.contains("continue=");
    if watch && goes_on && chaos.strikes("410 in a watch", 100) {
        let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Expired", "code": 410,
            "message": "too old resource version"});
        return axum::Json(json!({"type": "ERROR", "object": status})).into_response();
    }
    if goes_on && chaos.strikes("410", 100) {
        return refusal(410, "Expired", None);
    }
    let upgrade = request.headers().contains_key(header::UPGRADE).then(|| hyper::upgrade::on(&mut request));
    let (head, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, 16 << 20).await else { return StatusCode::BAD_REQUEST.into_response() };
    // The last word of a Helm, which only logs that it could not be written.
    let record = "/secrets/sh.helm.release.v1.my-spark-history-server.v1";
    let last_word = head.method == "PUT"
        && head.uri.path().ends_with(record)
        && body.windows(b"deployed".len()).any(|word| word == b"deployed");
    if last_word && chaos.once("no last word") {
        return refusal(503, "ServiceUnavailable", None);
    }
    // Helm does not say why it could not remove something.
    if head.method == "DELETE" && head.uri.path().contains("/deployments/") && chaos.once("no removal") {
        return refusal(503, "ServiceUnavailable", None);
    }
    let answer = chaos.upstream.send(Request::from_parts(head, kube::client::Body::from(body.to_vec()))).await;
    let Ok(mut answer) = answer else { return StatusCode::BAD_GATEWAY.into_response() };
    if let (Some(ours), StatusCode::SWITCHING_PROTOCOLS) = (upgrade, answer.status()) {
        let theirs = hyper::upgrade::on(&mut answer);
        tokio::spawn(async move {
            let (Ok(ours), Ok(theirs)) = (ours.await, theirs.await) else { return };
            let _ = tokio::io::copy_bidirectional(&mut TokioIo::new(ours), &mut TokioIo::new(theirs)).await;
        });
        return answer.map(|_| Body::empty());
    }
    if !watch {
        return answer.map(Body::new);
    }
    answer.map(|body| {
        let chaos = chaos.clone();
        let dropped = async move {
            tokio::time::sleep(WATCHED).await;
            chaos.strikes("watch dropped", 1000);
        };
        // Not an end in order: the connection breaks.
        let broken = futures::stream::once(async { Err(axum::Error::new(std::io::Error::other("dropped"))) });
        Body::from_stream(Body::new(body).into_data_stream().take_until(dropped.boxed()).chain(broken))
    })
}

/// The proxy, until it is dropped, and a kubeconfig that leads through it.
struct Proxy {
    runtime: tokio::runtime::Runtime,
    chaos: Arc<Chaos>,
    kubeconfig: PathBuf,
}

impl Proxy {
    fn new(seed: u64) -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (chaos, port) = runtime.block_on(async {
            let _ = rustls::crypto::ring::default_provider().install_default();
            let config = kube::config::Kubeconfig::read_from(sandbox().join("kubeconfig")).unwrap();
            let mut config = kube::Config::from_custom_kubeconfig(config, &Default::default()).await.unwrap();
            config.default_retry = false;
            let upstream = kube::Client::try_from(config).unwrap();
            let chaos = Arc::new(Chaos { upstream, random: Mutex::new(seed), done: Mutex::default() });
            let app = axum::Router::new().fallback(through).with_state(chaos.clone());
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let port = listener.local_addr().unwrap().port();
            tokio::spawn(async move { axum::serve(listener, app).await });
            (chaos, port)
        });
        let kubeconfig = kubeconfig("proxied.json", |config| {
            config["clusters"][0]["cluster"] = json!({"server": format!("http://127.0.0.1:{port}")});
            config["users"][0]["user"] = json!({});
        });
        Self { runtime, chaos, kubeconfig }
    }

    /// What was done to requests so far.
    fn done(&self) -> BTreeMap<&'static str, u32> {
        self.chaos.done.lock().unwrap().clone()
    }
}

/// An uninstall, and an install with these flags, of which `status` then says this.
pub(crate) fn an_api_that_refuses_forgets_and_is_slow(more: &[&str], status: &str) {
    let seed = seed();
    let proxy = Proxy::new(seed);
    let ran = run(&mut windlass_with(&proxy.kubeconfig, &["uninstall", "--yes"]));
    assert_eq!(ran.code, 0, "seed {seed}, {:?}: {}{}", proxy.done(), ran.out, ran.err);
    assert_eq!(releases(), []);
    let ran = run(&mut answered(&proxy.kubeconfig, &[&["install", "--yes", "--json"], more].concat()));
    let done = proxy.done();
    proxy.runtime.shutdown_background();
    assert_eq!(ran.code, 0, "seed {seed}, {done:?}: {}{}", ran.out, ran.err);
    for what in ["held", "429", "503", "410", "watch dropped", "no last word", "no removal"] {
        let times = done.iter().filter(|(name, _)| name.starts_with(what)).map(|(_, times)| times).sum::<u32>();
        assert!(times > 0, "seed {seed}: {what} never happened: {done:?}");
    }
    assert!(ran.out.contains("Helm succeeded, but failed to record it"), "seed {seed}: {}", ran.out);
    // Whoever looks at the steps sees it, in one place or another.
    assert!(ran.out.contains("the API server"), "seed {seed}: {}", ran.out);
    run(&mut windlass(&["status"])).exits(0).says(status);
    install(more).exits(0).says("nothing to do");
}

/// The process of the sandbox's API server.
fn api_server() -> Option<i32> {
    let node = std::fs::canonicalize(sandbox()).unwrap();
    let mut processes = std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok()?.parse().ok());
    processes.find(|pid: &i32| {
        let proc = PathBuf::from(format!("/proc/{pid}"));
        let line = std::fs::read(proc.join("cmdline")).unwrap_or_default();
        line.starts_with(b"kube-apiserver\0")
            && std::fs::read_link(proc.join("cwd")).is_ok_and(|cwd| cwd.starts_with(&node))
    })
}

fn kill_api_server() {
    let pid = api_server().unwrap();
    run(std::process::Command::new("kill").args(["-KILL", &pid.to_string()])).exits(0);
}

pub(crate) fn an_api_that_dies() {
    run(&mut windlass(&["uninstall", "--yes"])).exits(0);
    let args = with_jars(&["install", "--yes", "--no-verify", "--json"]);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let child = windlass(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // In the middle of releases, and while pods are waited for.
    for after in [6, 14] {
        std::thread::sleep(Duration::from_secs(after));
        kill_api_server();
    }
    let output = child.wait_with_output().unwrap();
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{out}{}", String::from_utf8_lossy(&output.stderr));
    assert!(out.contains("the API server"), "the trouble is shown: {out}");
    assert!(releases().iter().all(|(_, _, status)| status == "deployed"), "{:?}", releases());
    run(&mut windlass(&["status"])).exits(0).says("4 ready");
    install(&["--no-verify"]).exits(0).says("nothing to do");
}
