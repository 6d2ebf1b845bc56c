//! The screen of the guided install that asks where images come from: a real terminal, a real offline bundle, a registry in
//! memory, and an API that knows its version and nothing else.

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};

use super::*;
use crate::pty::{Pty, shell};

/// The kubeconfig of an API that lets nobody look at anything.
async fn kubeconfig(folder: &Path) {
    async fn answer(request: axum::extract::Request) -> Response {
        if request.uri().path() == "/version" {
            let version = json!({"major": "1", "minor": "34", "gitVersion": "v1.34.4", "gitCommit": "", "buildDate": "",
                "gitTreeState": "clean", "goVersion": "", "compiler": "gc", "platform": "linux/amd64"});
            return axum::Json(version).into_response();
        }
        let body = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "no",
            "reason": "Forbidden", "code": 403});
        (StatusCode::FORBIDDEN, axum::Json(body)).into_response()
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "fake",
        "clusters": [{"name": "c", "cluster": {"server": server}}], "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": "fake", "context": {"cluster": "c", "user": "u"}}]
    });
    std::fs::write(folder.join("kubeconfig"), config.to_string()).unwrap();
}

/// The screen of sources, in a shell in that folder.
fn at_source(folder: &Path, options: &str) -> Pty {
    let kubeconfig = folder.join("kubeconfig").display().to_string();
    let mut screens = shell(folder, &[("WINDLASS_SANDBOX_DIR", "/nonexistent"), ("KUBECONFIG", &kubeconfig)]);
    screens.keys(&format!("$WINDLASS guide {options}; echo code-$?\r"));
    screens.shows("Kubernetes v1.34.4", 20);
    screens.keys("\r");
    screens.shows("Where do nodes get their images from?", 20);
    screens
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_the_screens_an_offline_bundle_is_checked_read_and_planned_without_anything_being_sent() {
    let folder = made(&hub().await).await;
    let registry = FakeRegistry::start().await;
    kubeconfig(folder.path()).await;

    // Named on the command line: it is opened, and the registry is asked, at once.
    let mut screens = at_source(folder.path(), &format!("--bundle platform.tar --registry {}/mirror", registry.host));
    screens.shows("2 images, ", 20);
    screens.shows("MiB to upload", 20);
    screens.keys("v");
    screens.shows("all bytes verified", 20);
    screens.keys("q");
    screens.shows("code-8", 10);
    assert!(
        registry.with(|state| state.seen.iter().any(|seen| seen.path.contains("/mirror/x/multi/"))),
        "it was asked"
    );

    // The same by keys alone.
    let mut screens = at_source(folder.path(), "");
    screens.resize(200, 40);
    screens.keys("gjj \r");
    screens.shows("answer:", 5);
    screens.keys("nothing.tar\r");
    screens.shows("failed", 10);
    screens.keys("\r\u{15}platform.tar\r");
    screens.shows("2 images, ", 20);
    // To the registry.
    screens.keys("jjj\r");
    screens.shows("answer:", 5);
    screens.keys(&format!("{}/mirror\r", registry.host));
    screens.shows("MiB to upload", 20);
    // The command that does the same names both.
    screens.keys("y");
    let named = format!("--bundle platform.tar --registry {}/mirror", registry.host);
    let both = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ").contains(&named);
    screens.until("the command", 10, both);
    // Who goes on sees what it lacks.
    screens.keys("c");
    screens.shows("Preflight", 20);
    screens.until("what was found", 30, |text| text.contains("error") || text.contains("Preflight failed"));
    screens.keys("c");
    screens.shows("not in the offline bundle", 10);
    screens.keys("q");
    screens.until("whether to leave", 10, |text| text.contains("Quit?"));
    screens.keys("y");
    screens.shows("code-8", 10);

    // What is damaged is found by reading it.
    let path = folder.path().join("platform.tar");
    let mut bytes = std::fs::read(&path).unwrap();
    let (at, _) = Bundle::open(std::slice::from_ref(&path)).unwrap().place(large()).unwrap();
    bytes[usize::try_from(at).unwrap() + 1000] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let mut screens = at_source(folder.path(), &format!("--bundle platform.tar --registry {}/mirror", registry.host));
    screens.shows("2 images, ", 20);
    screens.keys("v");
    screens.shows("damaged", 20);
    screens.keys("q");
    screens.shows("code-8", 10);
    assert!(
        registry.with(|state| state.blobs.is_empty() && state.seen.iter().all(|seen| seen.bytes == 0)),
        "nothing was sent"
    );
}
