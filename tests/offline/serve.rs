//! `windlass bundle serve`.

use std::process::Stdio;

use reqwest::{Client, Method, StatusCode};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use windlass::driver::bundle::Bundle;
use windlass::driver::image_source::Reference;
use windlass::driver::registry::{Registries, Settings};
use windlass::model::oci::{Descriptor, Digest};

use super::{command, hub, large, made, noise, ok, run};

/// A server that listens, and its address.
async fn served(folder: &std::path::Path, args: &[&str]) -> (tokio::process::Child, String) {
    let mut child = command(folder, &[&["serve", "platform.tar", "--listen", "127.0.0.1:0", "--json"], args].concat())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).await.unwrap();
    let said: Value = serde_json::from_str(&line).unwrap();
    let address = said["serving"]["address"].as_str().unwrap().split_once("://").unwrap().1.to_owned();
    (child, address)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_comes_back_by_digest_and_nothing_can_be_written() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let hub = hub().await;
    let folder = made(&hub).await;
    let (child, host) = served(folder.path(), &[]).await;
    let registry = Registries::new(Settings::default()).unwrap().registry(&host).await.unwrap();
    for (repository, tag, names) in
        [("x/multi", "1", ["x/multi", "docker.io/x/multi"]), ("y/one", "2", ["y/one", "quay.io/y/one"])]
    {
        let (manifests, blobs) = hub.with(|state| {
            let found = state.repository(&format!("hub/{repository}"));
            let blobs: Vec<_> = found.blobs.iter().copied().collect();
            (found.manifests.clone(), blobs)
        });
        for name in names {
            for (digest, (kind, bytes)) in &manifests {
                let found = registry.manifest(name, &Reference::Digest(*digest)).await.unwrap().unwrap();
                assert!(found.bytes == *bytes && found.media_type == *kind, "{name}@{digest}");
            }
            for digest in &blobs {
                let bytes = hub.with(|state| state.blobs[digest].clone());
                let wanted = Descriptor::new("", *digest, bytes.len() as u64);
                for offset in [0, wanted.size / 2] {
                    let mut found = Vec::new();
                    registry.blob(name, &wanted, offset).await.unwrap().read_to_end(&mut found).await.unwrap();
                    assert!(found == bytes[usize::try_from(offset).unwrap()..], "{name} {digest} from {offset}");
                }
            }
            let tags = registry.tags(name).await.unwrap();
            assert!(tags.contains(&tag.to_owned()), "{tags:?}");
        }
    }
    asked(&host, hub.with(|state| state.repository("hub/x/multi").tags["1"])).await;
    interrupted(child).await;
}

/// Ends it as Ctrl-C does; what it said on stderr.
async fn interrupted(child: tokio::process::Child) -> String {
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let ended = child.wait_with_output().await.unwrap();
    assert_eq!(ended.status.code(), Some(6));
    String::from_utf8_lossy(&ended.stderr).into_owned()
}

/// Whoever pulls sees an error; who serves sees why, each once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_served_is_said_once() {
    let hub = hub().await;
    let folder = made(&hub).await;
    let at = folder.path();
    let place = Bundle::open(&[at.join("platform.tar")]).unwrap().place(large()).unwrap();
    let sound = std::fs::read(at.join("platform.tar")).unwrap();
    let mut bytes = sound.clone();
    bytes[usize::try_from(place.0).unwrap()] ^= 1;
    std::fs::write(at.join("platform.tar"), &bytes).unwrap();
    let (child, host) = served(at, &[]).await;
    for _ in 0..2 {
        let client = Client::builder().no_proxy().build().unwrap();
        let url = format!("http://{host}/v2/x/multi/blobs/{}", large());
        assert!(client.get(url).send().await.unwrap().bytes().await.is_err());
    }
    let err = interrupted(child).await;
    let line = format!("error: failed to serve blob {}: digest mismatch", large());
    assert_eq!(err.matches(&line).count(), 1, "{err}");
    // A difference without its base.
    std::fs::write(at.join("platform.tar"), sound).unwrap();
    let from = format!("{}/{}", hub.host, super::HUB);
    let both = ["--platform", "linux/amd64", "--platform", "linux/arm64", "--no-programs", "--since", "platform.tar"];
    ok(at, &[&["create", "--from", &from, "--output", "update.tar"], &both[..]].concat()).await;
    std::fs::rename(at.join("update.tar"), at.join("platform.tar")).unwrap();
    let (child, _) = served(at, &[]).await;
    let err = interrupted(child).await;
    assert!(err.contains("2 of 2 images are in its base and cannot be pulled: docker.io/x/multi:1, "), "{err}");
}

/// What clients ask beside that: heads, ranges, lists, and what is refused.
async fn asked(host: &str, index: Digest) {
    let client = Client::builder().no_proxy().build().unwrap();
    let ask = async |method: Method, path: &str, range: Option<&str>| {
        let mut request = client.request(method, format!("http://{host}{path}"));
        if let Some(range) = range {
            request = request.header("range", range);
        }
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status(), answer.headers().clone());
        (status, headers, answer.bytes().await.unwrap())
    };
    let big = format!("/v2/x/multi/blobs/{}", large());
    let bytes = noise(2, 3_000_000);
    let (status, headers, body) = ask(Method::HEAD, &big, None).await;
    assert_eq!((status, headers["content-length"].to_str().unwrap(), body.len()), (StatusCode::OK, "3000000", 0));
    assert_eq!(headers["docker-content-digest"].to_str().unwrap(), large().to_string());
    let (status, headers, body) = ask(Method::GET, &big, Some("bytes=100-199")).await;
    assert_eq!((status, &body[..]), (StatusCode::PARTIAL_CONTENT, &bytes[100..200]));
    assert_eq!(headers["content-range"], "bytes 100-199/3000000");
    let (status, _, body) = ask(Method::GET, &big, Some("bytes=-5")).await;
    assert_eq!((status, &body[..]), (StatusCode::PARTIAL_CONTENT, &bytes[bytes.len() - 5..]));
    let (status, headers, _) = ask(Method::GET, &big, Some("bytes=3000000-")).await;
    assert_eq!(
        (status, headers["content-range"].to_str().unwrap()),
        (StatusCode::RANGE_NOT_SATISFIABLE, "bytes */3000000")
    );
    let (status, headers, body) = ask(Method::HEAD, "/v2/x/multi/manifests/1", None).await;
    assert_eq!((status, body.len()), (StatusCode::OK, 0));
    assert_eq!(headers["docker-content-digest"].to_str().unwrap(), index.to_string());
    // As containerd asks a mirror: only the registry that it says.
    assert_eq!(ask(Method::GET, "/v2/x/multi/manifests/1?ns=docker.io", None).await.0, StatusCode::OK);
    assert_eq!(ask(Method::GET, "/v2/x/multi/manifests/1?ns=quay.io", None).await.0, StatusCode::NOT_FOUND);
    let (_, headers, body) = ask(Method::GET, "/v2/_catalog?n=3", None).await;
    let names: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(names["repositories"], serde_json::json!(["docker.io/x/multi", "quay.io/y/one", "x/multi"]));
    assert_eq!(headers["link"], "</v2/_catalog?n=3&last=x/multi>; rel=\"next\"");
    let (_, _, body) = ask(Method::GET, "/v2/x/multi/manifests/1", None).await;
    let list: Value = serde_json::from_slice(&body).unwrap();
    let child = list["manifests"][0]["digest"].as_str().unwrap();
    for (query, count) in [("", 1), ("?artifactType=application/vnd.signature", 1), ("?artifactType=other", 0)] {
        let (_, _, body) = ask(Method::GET, &format!("/v2/x/multi/referrers/{child}{query}"), None).await;
        let found: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(found["manifests"].as_array().unwrap().len(), count, "{query}");
    }
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        let (status, headers, body) = ask(method.clone(), "/v2/x/multi/blobs/uploads/", None).await;
        assert_eq!(
            (status, headers["allow"].to_str().unwrap()),
            (StatusCode::METHOD_NOT_ALLOWED, "GET, HEAD"),
            "{method}"
        );
        assert!(String::from_utf8_lossy(&body).contains("UNSUPPORTED"));
    }
    for (path, status) in [
        ("/v2/x/none/manifests/1", 404),
        ("/v2/x/multi/manifests/none", 404),
        ("/v2/x/multi/blobs/sha256:00", 400),
        ("/v2/x/multi/blobs/../../../../etc/passwd", 400),
        ("/v2/../../etc/passwd", 404),
        ("/v2/../../etc/manifests/passwd", 400),
        ("/v2/x/../x/multi/manifests/1", 400),
        ("/v2/x/%2e%2e/x/multi/manifests/1", 400),
        ("/v2/X/multi/manifests/1", 400),
        ("/v2//manifests/1", 400),
        ("/v2/x/multi/manifests/sha256:%2e%2e%2fetc", 400),
        ("/", 404),
        ("/etc/passwd", 404),
    ] {
        // Clients tidy paths up; somebody who means harm does not.
        let mut stream = TcpStream::connect(host).await.unwrap();
        stream
            .write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes())
            .await
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")) && !answer.contains("root:"), "{path}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_are_served_by_tls_unless_it_is_named() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let hub = hub().await;
    let folder = made(&hub).await;
    let at = folder.path();
    let (code, _, err) = run(at, &["serve", "platform.tar", "--listen", "0.0.0.0:0"]).await;
    assert!(code == 2 && err.contains("--tls-cert"), "{code} {err}");
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(at.join("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(at.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    let (child, host) = served(at, &["--tls-cert", "cert.pem", "--tls-key", "key.pem"]).await;
    let settings = Settings { ca_files: vec![at.join("cert.pem")], ..Settings::default() };
    let registry = Registries::new(settings).unwrap().registry(&host).await.unwrap();
    assert!(registry.manifest("x/multi", &Reference::Tag("1".to_owned())).await.unwrap().is_some());
    // Who pushes to it finds all there, so that an install can take it as its registry.
    let (code, out, err) = run(at, &["push", "platform.tar", "--registry", &host, "--ca", "cert.pem"]).await;
    assert!(code == 0 && out.starts_with("nothing to push: "), "{code} {out} {err}");
    // Whoever speaks plain HTTP gets nothing.
    let plain = Client::builder().no_proxy().build().unwrap().get(format!("http://{host}/v2/")).send().await;
    assert!(plain.is_err());
    let err = interrupted(child).await;
    assert_eq!(err.matches("TLS handshake with 127.0.0.1 failed: ").count(), 1, "{err}");
}
