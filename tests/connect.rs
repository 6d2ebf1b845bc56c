//! `windlass connect`, and the ways that `status` tells, by the binary, against a made-up API.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crate::api::Api;
use serde_json::{Value, json};

/// A component with a page that asks for a login.
const GATE: &str = r#"
id: gate
title: Gate
version: "1.0.0"
chart: {path: chart}
release: {name: my-gate, namespace: far}
values: values.yaml.j2
questions:
  - {id: user, title: Who, type: string, default: root}
  - {id: password, title: Its password, type: secret, default: generate, key: admin.password}
endpoints:
  - {title: Gate, url: "http://x", login: {user: "{{ answers.gate.user }}", password: password}}
"#;

const SLICE: &str = "/apis/discovery.k8s.io/v1/namespaces/far/endpointslices/my-gate-x";
const INGRESS: &str = "/apis/networking.k8s.io/v1/namespaces/far/ingresses/my-gate";
const LOGIN: &str = r"kubectl -n far get secret my-gate-password -o jsonpath='{.data.admin\.password}' | base64 -d";

/// How long anything may take to come.
const SOON: Duration = Duration::from_secs(20);

struct Place {
    api: Api,
    dir: tempfile::TempDir,
}

impl Place {
    /// The component is installed with a Service on this port.
    async fn new(port: u16) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("catalog/gate");
        std::fs::create_dir_all(folder.join("chart")).unwrap();
        std::fs::create_dir_all(dir.path().join("tmp")).unwrap();
        std::fs::write(folder.join("component.yaml"), GATE).unwrap();
        std::fs::write(folder.join("values.yaml.j2"), "{}\n").unwrap();
        std::fs::write(folder.join("chart/Chart.yaml"), "apiVersion: v2\nname: gate\nversion: 1.0.0\n").unwrap();
        let api = Api::serve(|_, _, _| ()).await;
        api.kubeconfig(dir.path());
        let url = format!("http://my-gate.far.svc.cluster.local:{port}/ui");
        let other = format!("http://my-gate.far.svc.cluster.local:{port}");
        api.objects().remember(&json!({
            "schema": 3,
            "answers": {"gate": {"user": "ann", "password": "generate"}},
            "components": {"gate": {"title": "Gate", "version": "1.0.0", "installed": "2026-01-01T00:00:00Z",
                "release": {"namespace": "far", "name": "my-gate"},
                "endpoints": [["Gate", url, "my-gate"], ["Other", other, null], ["Nowhere", null, null]]}},
        }));
        let ports = json!([{"name": "web", "port": port, "targetPort": 8080}]);
        api.objects().put("/api/v1/namespaces/far/services/my-gate", json!({"spec": {"ports": ports}}));
        let place = Self { api, dir };
        place.pod(Some(("gate-a", "a")));
        place
    }

    /// The one pod that is there now: name and uid.
    fn pod(&self, pod: Option<(&str, &str)>) {
        let mut objects = self.api.objects();
        objects.kept.retain(|path, _| !path.starts_with("/api/v1/namespaces/far/pods/"));
        let endpoints: Vec<Value> = pod
            .iter()
            .map(|(name, uid)| {
                let target = json!({"kind": "Pod", "name": name, "uid": uid});
                json!({"addresses": ["10.0.0.1"], "conditions": {"ready": true}, "targetRef": target})
            })
            .collect();
        objects.put(
            SLICE,
            json!({"addressType": "IPv4", "ports": [{"name": "web", "port": 8080}], "endpoints": endpoints}),
        );
        if let Some((name, uid)) = pod {
            objects.put(&format!("/api/v1/namespaces/far/pods/{name}"), json!({"metadata": {"uid": uid}}));
        }
    }

    fn windlass(&self, args: &[&str]) -> Command {
        let path = self.dir.path();
        let mut command = Command::new(env!("CARGO_BIN_EXE_windlass"));
        command.args(args).arg("--kubeconfig").arg(path.join("kubeconfig")).arg("--catalog").arg(path.join("catalog"));
        command.env("XDG_STATE_HOME", path.join("state")).env("TMPDIR", path.join("tmp"));
        command.env_remove("XDG_RUNTIME_DIR").env_remove("KUBECONFIG");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// One that ends by itself.
    async fn ran(&self, args: &[&str]) -> Output {
        let mut command = self.windlass(args);
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }

    async fn connect(&self, args: &[&str]) -> Connect {
        let args = [&["connect", "gate", "--json"], args].concat();
        Connect::new(self.windlass(&args))
    }
}

/// A `windlass connect --json` that runs, and its lines.
struct Connect {
    child: Child,
    lines: Receiver<Value>,
}

impl Connect {
    fn new(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let out = child.stdout.take().unwrap();
        let (tell, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines() {
                let _ = tell.send(serde_json::from_str(&line.unwrap()).unwrap());
            }
        });
        Self { child, lines }
    }

    fn line(&self) -> Value {
        self.lines.recv_timeout(SOON).unwrap()
    }

    /// Ends it as Ctrl-C does; gives the code and the last line.
    fn ends(mut self) -> (Option<i32>, Value) {
        let pid = rustix::process::Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        let begun = Instant::now();
        let code = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status.code(),
                None if begun.elapsed() > SOON => break None,
                None => std::thread::sleep(Duration::from_millis(20)),
            }
        };
        let last = self.lines.iter().last().unwrap_or_default();
        (code, last)
    }
}

impl Drop for Connect {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn port_of(endpoint: &Value) -> u16 {
    u16::try_from(endpoint["port"].as_u64().unwrap()).unwrap()
}

fn open(port: u16) -> TcpStream {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream
}

/// What comes back for a text.
fn asks(stream: &mut TcpStream, text: &str) -> String {
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = [0; 64];
    let read = stream.read(&mut answer).unwrap();
    String::from_utf8_lossy(&answer[..read]).into_owned()
}

/// A port that nobody listens on just now.
fn free() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_are_carried_and_a_replaced_pod_is_found_again() {
    let place = Place::new(free()).await;
    let run = place.connect(&[]).await;
    let first = run.line();
    assert_eq!((&first["schema"], &first["component"]), (&json!(1), &json!("gate")));
    let endpoints = first["endpoints"].as_array().unwrap();
    let titles: Vec<&str> = endpoints.iter().map(|it| it["title"].as_str().unwrap()).collect();
    assert_eq!(titles, ["Gate", "Other"], "what has no address in the cluster is omitted");
    let port = port_of(&endpoints[0]);
    assert_eq!(endpoints[0]["url"], format!("http://127.0.0.1:{port}/ui"));
    assert_eq!(endpoints[0]["pod"], "far/gate-a");
    assert_eq!((&endpoints[0]["login"]["user"], &endpoints[0]["login"]["command"]), (&json!("ann"), &json!(LOGIN)));
    assert!(endpoints[1]["login"].is_null());
    assert_ne!(port_of(&endpoints[1]), port, "each has a port of its own");

    let mut kept = open(port);
    assert_eq!(asks(&mut kept, "one"), "a:one");
    assert_eq!(asks(&mut kept, "two"), "a:two");
    assert_eq!(asks(&mut open(port_of(&endpoints[1])), "other"), "a:other");

    place.pod(Some(("gate-b", "b")));
    assert_eq!(asks(&mut open(port), "new"), "b:new");
    let event = run.line();
    assert_eq!(
        (&event["event"], &event["pod"], &event["again"]),
        (&json!("connected"), &json!("far/gate-b"), &json!(true))
    );
    assert_eq!(asks(&mut kept, "still"), "a:still", "what is open goes on");

    // None is there for a while, and the next has the name of the last.
    place.pod(None);
    let mut early = open(port);
    early.write_all(b"early").unwrap();
    let event = run.line();
    assert_eq!(event["event"], "waiting");
    assert!(event["message"].as_str().unwrap().contains("Service far/my-gate has no ready pod"), "{event}");
    place.pod(Some(("gate-b", "c")));
    assert_eq!(asks(&mut early, ""), "c:early");
    assert_eq!((&run.line()["pod"], port), (&json!("far/gate-b"), port));

    assert_eq!(run.ends(), (Some(6), json!({"event": "stopped", "schema": 1})));
    assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err(), "nobody listens any more");
    let mut rest = Vec::new();
    assert!(matches!(kept.read_to_end(&mut rest), Ok(0) | Err(_)), "connections end, too");
    assert_eq!(std::fs::read_dir(place.dir.path().join("tmp")).unwrap().count(), 0, "nothing is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_port_is_reported_or_another_is_used() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let number = taken.local_addr().unwrap().port();
    let place = Place::new(number).await;
    let output = place.ran(&["connect", "gate", "--endpoint", "gate", "--port", &number.to_string()]).await;
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(message.contains(&format!("cannot use local port {number}")), "{message}");
    assert!(message.contains("in use"), "{message}");
    // Without --port it need not be that one.
    let run = place.connect(&["--endpoint", "gate"]).await;
    let port = port_of(&run.line()["endpoints"][0]);
    assert_ne!(port, number);
    assert_eq!(asks(&mut open(port), "x"), "a:x");
    drop(run);
    drop(taken);
    let run = place.connect(&["--endpoint", "gate"]).await;
    assert_eq!(port_of(&run.line()["endpoints"][0]), number, "the endpoint's own where it is free");
    drop(run);
    let wanted = free();
    let run = place.connect(&["--endpoint", "gate", "--port", &wanted.to_string()]).await;
    assert_eq!(port_of(&run.line()["endpoints"][0]), wanted);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_connected_to_is_named() {
    let place = Place::new(80).await;
    for (args, code, expected) in [
        (&["connect", "gat"][..], 2, "`gat` is not installed; installed: gate"),
        (&["connect", "gate", "--endpoint", "Door"], 2, "no endpoint called `Door`; it has: Gate, Other"),
        (&["connect", "gate", "--port", "8080"], 2, "several endpoints (Gate, Other): choose the one for port 8080"),
        (&["connect", "gate", "--port", "0"], 2, "invalid value '0' for '--port <N>'"),
    ] {
        let output = place.ran(args).await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
        assert!(said.contains(expected), "{args:?}: {said}");
    }
    place.api.objects().kept.remove("/api/v1/namespaces/far/services/my-gate");
    let output = place.ran(&["connect", "gate"]).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(5), "{said}");
    assert!(said.contains("Service far/my-gate not found"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn there_are_so_many_connections_at_once() {
    let place = Place::new(free()).await;
    let run = place.connect(&["--endpoint", "Gate"]).await;
    let port = port_of(&run.line()["endpoints"][0]);
    let mut all: Vec<TcpStream> = (0..64).map(|_| open(port)).collect();
    for stream in &mut all {
        assert_eq!(asks(stream, "x"), "a:x");
    }
    let event = run.line();
    assert_eq!((&event["event"], &event["endpoint"]), (&json!("full"), &json!("Gate")), "{event}");
    let mut more = open(port);
    more.write_all(b"more").unwrap();
    more.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    assert!(more.read(&mut [0; 8]).is_err(), "it waits");
    more.set_read_timeout(Some(SOON)).unwrap();
    all.truncate(63);
    assert_eq!(asks(&mut more, ""), "a:more");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_browser_gets_the_address() {
    let place = Place::new(free()).await;
    let bin = place.dir.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    let opener = bin.join("xdg-open");
    std::fs::write(
        &opener,
        "#!/bin/sh\necho \"$1\" > \"$TMPDIR/../opened.new\"\n/bin/mv \"$TMPDIR/../opened.new\" \"$TMPDIR/../opened\"\n",
    )
    .unwrap();
    std::fs::set_permissions(&opener, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = place.windlass(&["connect", "gate", "--json", "--open", "--endpoint", "Gate"]);
    command.env("PATH", &bin);
    let run = Connect::new(command);
    let url = run.line()["endpoints"][0]["url"].as_str().unwrap().to_owned();
    let begun = Instant::now();
    let file = place.dir.path().join("opened");
    while !file.exists() && begun.elapsed() < SOON {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(std::fs::read_to_string(file).unwrap().trim(), url);
    drop(run);
    // Where there is none, that is no reason not to forward.
    let mut command = place.windlass(&["connect", "gate", "--open", "--endpoint", "Gate"]);
    let mut child = command.env("PATH", place.dir.path()).spawn().unwrap();
    let stderr = BufReader::new(child.stderr.take().unwrap());
    let (tell, lines) = channel();
    std::thread::spawn(move || stderr.lines().try_for_each(|line| tell.send(line.unwrap())));
    let next_line = || lines.recv_timeout(SOON).unwrap();
    assert_eq!(next_line(), "forwarding; press Ctrl-C to stop");
    assert!(next_line().starts_with("neither xdg-open nor open is on PATH: open http://127.0.0.1:"));
    assert!(child.try_wait().unwrap().is_none());
    child.kill().unwrap();
    child.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn status_shows_the_addresses_from_outside_and_the_logins() {
    let place = Place::new(80).await;
    let status = async || {
        let output = place.ran(&["status", "--json"]).await;
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let text = String::from_utf8(place.ran(&["status"]).await.stdout).unwrap();
        (report["components"][0]["endpoints"][0].clone(), report["hosts"].clone(), text)
    };
    let (endpoint, hosts, text) = status().await;
    assert!(endpoint["ingress"].is_null() && endpoint["closed"].is_null() && hosts.is_null(), "{endpoint}");
    assert_eq!(endpoint["login"]["command"], LOGIN);
    assert!(text.contains(&format!("user ann, password: {LOGIN}")), "{text}");

    let path = json!({"path": "/ui", "pathType": "Prefix",
        "backend": {"service": {"name": "my-gate", "port": {"number": 80}}}});
    let mut ingress = json!({"metadata": {"namespace": "far"}, "spec": {"ingressClassName": "nginx",
        "rules": [{"host": "gate.invalid", "http": {"paths": [path]}}], "tls": [{"hosts": ["gate.invalid"]}]}});
    place.api.objects().put(INGRESS, ingress.clone());
    let (endpoint, _, text) = status().await;
    let none = "the cluster has no ingress controller (no IngressClass)";
    assert_eq!((&endpoint["closed"], &endpoint["ingress"]), (&json!(none), &Value::Null));
    assert!(text.contains(&format!("not reachable from outside: {none}")), "{text}");

    place.api.objects().put("/apis/networking.k8s.io/v1/ingressclasses/nginx", json!({"spec": {}}));
    let (endpoint, ..) = status().await;
    assert_eq!(endpoint["closed"], "no controller of class nginx has given Ingress far/my-gate an address");

    ingress["status"] = json!({"loadBalancer": {"ingress": [{"ip": "192.0.2.7"}]}});
    place.api.objects().put(INGRESS, ingress);
    let (endpoint, hosts, text) = status().await;
    assert_eq!((&endpoint["ingress"], &endpoint["address"]), (&json!("https://gate.invalid/ui"), &json!("192.0.2.7")));
    assert_eq!((&endpoint["unresolved"], hosts), (&json!("gate.invalid"), json!(["192.0.2.7 gate.invalid"])));
    assert!(text.contains("https://gate.invalid/ui from outside"), "{text}");
    assert!(text.contains("\n  192.0.2.7 gate.invalid\n"), "{text}");
}
