//! Messages from public threads, by runtime.

use super::NodeRuntime::{Containerd, CriO, K3s, Rke2, Unknown};
use super::PullClass::{
    Absent, DiskFull, Dns, Expired, Forbidden, HttpsOnly, Other, PlainHttp, Platform, Proxy, Refused, Timeout, TooMany,
    Unauthorized, UnknownAuthority, Unreachable, WrongName,
};
use super::*;

const IMAGE: &str = "registry.site:5000/apache/spark:3.5.6";

/// As from containerd through the kubelet.
fn containerd(cause: &str) -> String {
    let path = "https://registry.site:5000/v2/apache/spark/manifests/3.5.6";
    format!(
        "Failed to pull image \"{IMAGE}\": rpc error: code = Unknown desc = failed to pull and unpack image \"{IMAGE}\": \
         failed to resolve reference \"{IMAGE}\": failed to do request: Head \"{path}\": {cause}"
    )
}

/// As from CRI-O.
fn crio(cause: &str) -> String {
    format!(
        "Failed to pull image \"{IMAGE}\": initializing source docker://{IMAGE}: pinging container registry \
         registry.site:5000: Get \"https://registry.site:5000/v2/\": {cause}"
    )
}

#[test]
fn runtime_messages_are_classified() {
    let rows = [
        (containerd("tls: failed to verify certificate: x509: certificate signed by unknown authority"), UnknownAuthority),
        (containerd("x509: certificate signed by unknown authority (possibly because of \"crypto/rsa: verification error\" while trying to verify candidate authority certificate \"x\")"), UnknownAuthority),
        (crio("tls: failed to verify certificate: x509: certificate signed by unknown authority"), UnknownAuthority),
        ("rpc error: code = Unknown desc = error pinging docker registry s01:5050: Get \"https://s01:5050/v2/\": x509: certificate signed by unknown authority".into(), UnknownAuthority),
        (containerd("tls: failed to verify certificate: x509: certificate is valid for harbor.other, not registry.site"), WrongName),
        (containerd("x509: cannot validate certificate for 10.0.0.5 because it doesn't contain any IP SANs"), WrongName),
        (containerd("x509: certificate relies on legacy Common Name field, use SANs instead"), WrongName),
        (containerd("tls: failed to verify certificate: x509: certificate is not valid for any names, but wanted to match registry.site"), WrongName),
        (crio("tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2020-01-01T00:00:00Z is before 2026-01-01T00:00:00Z"), Expired),
        (containerd("http: server gave HTTP response to HTTPS client"), PlainHttp),
        (crio("http: server gave HTTP response to HTTPS client"), PlainHttp),
        (containerd("tls: first record does not look like a TLS handshake"), PlainHttp),
        ("failed to resolve reference \"x\": unexpected status from HEAD request to http://registry.site:5000/v2/x/manifests/1: 400 Bad Request: Client sent an HTTP request to an HTTPS server.".into(), HttpsOnly),
        (containerd("dial tcp: lookup registry.site on 192.168.98.2:53: no such host"), Dns),
        (containerd("dial tcp: lookup registry.site: Try again"), Dns),
        (crio("dial tcp: lookup registry.site on 10.0.2.3:53: read udp 10.0.2.15:39674->10.0.2.3:53: i/o timeout"), Dns),
        (containerd("dial tcp: lookup registry.site: Temporary failure in name resolution"), Dns),
        (crio("proxyconnect tcp: dial tcp: lookup squid.site: no such host"), Proxy),
        (containerd("proxyconnect tcp: dial tcp 10.0.0.1:3128: connect: connection refused"), Proxy),
        (format!("failed to pull and unpack image \"{IMAGE}\": failed to resolve reference \"{IMAGE}\": pulling from host registry.site:5000 failed with status code [manifests 3.5.6]: 401 Unauthorized"), Unauthorized),
        (format!("failed to resolve reference \"{IMAGE}\": failed to authorize: failed to fetch anonymous token: unexpected status from GET request to https://registry.site/token: 401 Unauthorized"), Unauthorized),
        (format!("failed to resolve reference \"{IMAGE}\": pull access denied, repository does not exist or may require authorization: authorization failed: no basic auth credentials"), Unauthorized),
        ("initializing source docker://x: reading manifest 3.5.6 in registry.site:5000/apache/spark: unauthorized: authentication required".into(), Unauthorized),
        ("unable to retrieve auth token: invalid username/password: unauthorized: authentication required".into(), Unauthorized),
        (format!("failed to resolve reference \"{IMAGE}\": pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed"), Forbidden),
        (format!("failed to resolve reference \"{IMAGE}\": failed to authorize: failed to fetch oauth token: unexpected status: 403 Forbidden"), Forbidden),
        ("Requesting bearer token: invalid status code from registry 403 (Forbidden)".into(), Forbidden),
        ("reading manifest 3.5.6 in registry.site:5000/apache/spark: denied: requested access to the resource is denied".into(), Forbidden),
        ("Error response from daemon: pull access denied for x, repository does not exist or may require 'docker login': denied: requested access to the resource is denied".into(), Forbidden),
        (containerd("dial tcp 10.0.0.5:5000: connect: connection refused"), Refused),
        (crio("dial tcp 10.0.0.5:5000: connect: connection refused"), Refused),
        (containerd("dial tcp 10.0.0.5:5000: connect: no route to host"), Unreachable),
        (containerd("dial tcp [fd00::5]:5000: connect: network is unreachable"), Unreachable),
        (containerd("dial tcp 10.0.0.5:5000: i/o timeout"), Timeout),
        (containerd("net/http: TLS handshake timeout"), Timeout),
        ("rpc error: code = DeadlineExceeded desc = context deadline exceeded".into(), Timeout),
        (crio("net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)"), Timeout),
        (format!("rpc error: code = NotFound desc = failed to pull and unpack image \"{IMAGE}\": failed to resolve reference \"{IMAGE}\": {IMAGE}: not found"), Absent),
        ("reading manifest nope in registry.site:5000/apache/spark: manifest unknown: manifest unknown".into(), Absent),
        ("reading manifest 1 in registry.site:5000/x: name unknown: repository name not known to registry".into(), Absent),
        (format!("rpc error: code = NotFound desc = failed to pull and unpack image \"{IMAGE}\": no match for platform in manifest: not found"), Platform),
        ("choosing an image from manifest list docker://x: no image found in manifest list for architecture \"arm64\", variant \"v8\", OS \"linux\"".into(), Platform),
        ("rpc error: code = Unknown desc = Error choosing image instance: no image found in manifest list for architecture arm, variant v8, OS linux".into(), Platform),
        ("no image found in image index for architecture arm64, variant \"v8\", OS linux".into(), Platform),
        ("no matching manifest for linux/arm64/v8 in the manifest list entries: no match for platform in manifest: not found".into(), Platform),
        ("failed to copy: httpReadSeeker: failed open: unexpected status code: 429 Too Many Requests - Server message: toomanyrequests: You have reached your pull rate limit.".into(), TooMany),
        ("failed to extract layer sha256:12: mount callback failed: write /var/lib/containerd/x: no space left on device: unknown".into(), DiskFull),
        ("Source image rejected: A signature was required, but no signature exists".into(), Other),
    ];
    for (text, expected) in &rows {
        let found = judge_pull(IMAGE, Containerd, &[text]).unwrap();
        assert_eq!(found.class, *expected, "{text}");
        assert!(!found.what.is_empty() && !found.fix.is_empty() && !found.message.is_empty(), "{text}");
        assert!(!found.what.ends_with('.') && !found.fix.ends_with('.'), "{found:?}");
        // Wherever it stands among the rest.
        let more = [r#"Back-off pulling image "x""#, "Error: ErrImagePull", text.as_str(), "Pulling image \"x\""];
        assert_eq!(judge_pull(IMAGE, CriO, &more).unwrap().class, *expected, "{text}");
        let in_status = format!("Back-off pulling image \"{IMAGE}\": ErrImagePull: {text}");
        assert_eq!(judge_pull(IMAGE, K3s, &[&in_status]).unwrap().class, *expected, "{in_status}");
    }
    let classes: std::collections::BTreeSet<_> = rows.iter().map(|(_, class)| *class).collect();
    assert_eq!(classes.len(), 17, "every class has a message");
}

#[test]
fn texts_without_a_cause_are_none() {
    for texts in [
        &[][..],
        &[""],
        &["ImagePullBackOff", "Error: ImagePullBackOff", "ErrImagePull"],
        &["Back-off pulling image \"x:1\"", "Pulling image \"x:1\"", "Successfully assigned a/b to c"],
        &["Successfully pulled image \"x:1\" in 1.2s", "Container image \"x:1\" already present on machine"],
    ] {
        assert_eq!(judge_pull(IMAGE, Containerd, texts), None, "{texts:?}");
    }
}

#[test]
fn the_file_of_each_runtime_is_named() {
    let untrusted = containerd("x509: certificate signed by unknown authority");
    let plain = containerd("http: server gave HTTP response to HTTPS client");
    let proxied = containerd("proxyconnect tcp: EOF");
    for (runtime, text, file) in [
        (Containerd, &untrusted, "/etc/containerd/certs.d/registry.site:5000/hosts.toml"),
        (Unknown, &untrusted, "/etc/containerd/certs.d/registry.site:5000/hosts.toml"),
        (K3s, &untrusted, "/etc/rancher/k3s/registries.yaml"),
        (Rke2, &untrusted, "/etc/rancher/rke2/registries.yaml"),
        (CriO, &untrusted, "/etc/containers/certs.d/registry.site:5000/ca.crt"),
        (Containerd, &plain, "/etc/containerd/certs.d/registry.site:5000/hosts.toml"),
        (K3s, &plain, "/etc/rancher/k3s/registries.yaml"),
        (CriO, &plain, "/etc/containers/registries.conf"),
        (Containerd, &proxied, "/etc/systemd/system/containerd.service.d/http-proxy.conf"),
        (CriO, &proxied, "/etc/systemd/system/crio.service.d/http-proxy.conf"),
    ] {
        let found = judge_pull(IMAGE, runtime, &[text]).unwrap();
        assert_eq!(found.file.as_deref(), Some(file));
        assert!(found.fix.contains(file), "{}", found.fix);
        assert!(found.what.contains("registry.site:5000"));
    }
    let found = judge_pull(IMAGE, K3s, &[&plain]).unwrap();
    assert!(
        found.fix.contains("endpoint: [\"http://registry.site:5000\"]") && found.fix.contains("k3s-agent"),
        "{}",
        found.fix
    );
    let found = judge_pull(IMAGE, CriO, &[&plain]).unwrap();
    assert!(found.fix.contains("insecure = true"), "{}", found.fix);
    let login = judge_pull(IMAGE, Containerd, &["401 Unauthorized"]).unwrap();
    assert!(login.file.is_none() && login.fix.contains("windlass secrets refresh"), "{login:?}");
    let name =
        judge_pull(IMAGE, Containerd, &["Get \"https://auth.site/token\": dial tcp: lookup auth.site: no such host"])
            .unwrap();
    assert_eq!(
        (name.what.as_str(), name.file.as_deref()),
        ("the node cannot resolve the name auth.site", Some("/etc/hosts"))
    );
}

#[test]
fn the_runtime_is_read_from_the_node() {
    for (runtime, kubelet, expected) in [
        ("containerd://1.7.22", "v1.34.4", Containerd),
        ("containerd://1.7.22-k3s1", "v1.31.2+k3s1", K3s),
        ("containerd://1.7.22-k3s1", "v1.31.2+rke2r1", Rke2),
        ("cri-o://1.30.6", "v1.30.6", CriO),
        ("docker://24.0.7", "v1.30.6", Unknown),
        ("", "", Unknown),
    ] {
        assert_eq!(NodeRuntime::of(runtime, kubelet), expected, "{runtime} {kubelet}");
    }
}

#[test]
fn the_message_is_short_and_without_secrets() {
    let long = format!("{} x509: certificate signed by unknown authority", "a ".repeat(100_000));
    let found = judge_pull(IMAGE, Containerd, &[&long]).unwrap();
    assert_eq!((found.class, found.message.chars().count()), (UnknownAuthority, 401));
    let login = "Get \"https://user:hunter2secret@registry.site/v2/\": connection refused\u{1b}[2J";
    let found = judge_pull(IMAGE, Containerd, &[login]).unwrap();
    assert!(!found.message.contains("hunter2secret") && !found.message.contains('\u{1b}'), "{}", found.message);
}
