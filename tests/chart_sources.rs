//! Charts out of repositories that are there, lie, hang or never end, pulled by a real Helm from servers on loopback. Where
//! there is no Helm, neither in WINDLASS_HELM nor on PATH, nothing is tried.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::real_helm::helm;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use windlass::driver::helm::{FindHelm, Helm, PullError, PullFailure, PullOptions};
use windlass::model::{ChartRef, digest};

/// A chart as `helm package` writes it; `extra` is more of its Chart.yaml.
fn packed(name: &str, version: &str, extra: &str) -> Vec<u8> {
    let template = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {text: {{ .Values.text | quote }}}\n";
    let schema = r#"{"type": "object", "additionalProperties": false, "properties": {"text": {}, "global": {}}}"#;
    let own = format!("apiVersion: v2\nname: {name}\nversion: {version}\n{extra}");
    let mut archive = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    for (path, text) in [("Chart.yaml", own.as_str()), ("templates/x.yaml", template), ("values.schema.json", schema)] {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, format!("{name}/{path}"), text.as_bytes()).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap()
}

fn index(name: &str, version: &str, url: &str) -> Vec<u8> {
    let entry = json!([{"apiVersion": "v2", "name": name, "version": version, "urls": [url]}]);
    json!({"apiVersion": "v1", "entries": {name: entry}}).to_string().into_bytes()
}

/// What a path answers.
enum Answer {
    Bytes(Vec<u8>),
    Moved(String),
    /// Only with this login.
    Login(&'static str, Vec<u8>),
    /// The same of a registry, with the type of what it is.
    Registry(&'static str, &'static str, Vec<u8>),
    /// Nothing at all.
    Hangs,
    /// More, for ever.
    Endless,
}

struct Server {
    at: String,
    asked: Arc<Mutex<Vec<String>>>,
}

fn serve(paths: impl FnOnce(&str) -> BTreeMap<&'static str, Answer>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = format!("http://{}", listener.local_addr().unwrap());
    let (paths, asked) = (Arc::new(paths(&at)), Arc::new(Mutex::new(Vec::new())));
    let log = asked.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let (paths, log) = (paths.clone(), log.clone());
            std::thread::spawn(move || answer(stream, &paths, &log));
        }
    });
    Server { at, asked }
}

/// Whoever leaves in the middle is no failure of ours.
fn answer(mut stream: TcpStream, paths: &BTreeMap<&'static str, Answer>, log: &Mutex<Vec<String>>) -> Option<()> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).ok()? == 1 {
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1)?.to_owned();
    log.lock().unwrap().push(path.clone());
    let mut send = |status: &str, more: &str, bytes: &[u8]| {
        let length = paths.get(path.as_str()).map_or(bytes.len(), |answer| match answer {
            // The size that a HEAD reports.
            Answer::Registry(_, _, whole) if status.starts_with("200") => whole.len(),
            _ => bytes.len(),
        });
        let head = format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n{more}\r\n");
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(bytes)).ok()
    };
    match paths.get(path.as_str()) {
        None => send("404 Not Found", "", b"no"),
        Some(Answer::Bytes(bytes)) => send("200 OK", "", bytes),
        Some(Answer::Moved(to)) => send("302 Found", &format!("Location: {to}\r\n"), b""),
        Some(Answer::Login(login, bytes)) if head.contains(&format!("Basic {login}")) => send("200 OK", "", bytes),
        Some(Answer::Registry(login, kind, bytes)) if head.contains(&format!("Basic {login}")) => {
            let more = format!("Content-Type: {kind}\r\nDocker-Content-Digest: {}\r\n", digest(bytes));
            send("200 OK", &more, if head.starts_with("HEAD ") { b"" } else { bytes })
        }
        Some(Answer::Login(..) | Answer::Registry(..)) => {
            send("401 Unauthorized", "WWW-Authenticate: Basic realm=x\r\n", b"")
        }
        Some(Answer::Hangs) => {
            std::thread::sleep(Duration::from_secs(600));
            None
        }
        Some(Answer::Endless) => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n").ok()?;
            loop {
                stream.write_all(&[b'a'; 65536]).ok()?;
            }
        }
    }
}

/// A gzip of a tar whose one file is larger than anything that is unpacked.
fn bomb() -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.set_path("mini/Chart.yaml").unwrap();
    header.set_size(1 << 30);
    header.set_cksum();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(header.as_bytes()).unwrap();
    (0..200).for_each(|_| gzip.write_all(&vec![0; 1 << 20]).unwrap());
    gzip.finish().unwrap()
}

/// A catalog with one component for each chart, and a home of its own.
struct Site {
    dir: tempfile::TempDir,
    helm: PathBuf,
}

impl Site {
    fn new(helm: &Path, charts: &[(&str, String)]) -> Self {
        let site = Self { dir: tempfile::tempdir().unwrap(), helm: helm.to_owned() };
        for (id, chart) in charts {
            let folder = site.dir.path().join("catalog").join(id);
            std::fs::create_dir_all(&folder).unwrap();
            let text = format!(
                "id: {id}\ntitle: t\nversion: '1'\nchart: {chart}\nvalues: values.yaml.j2\n\
                 release: {{name: {id}, namespace: charts}}\n"
            );
            std::fs::write(folder.join("component.yaml"), text).unwrap();
            std::fs::write(folder.join("values.yaml.j2"), "text: hello\n").unwrap();
        }
        site
    }

    fn run(&self, args: &[&str]) -> (i32, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_windlass"));
        let catalog = self.dir.path().join("catalog");
        command.args(args).arg("--catalog").arg(catalog).arg("--helm").arg(&self.helm).env("HOME", self.dir.path());
        command.env("KUBECONFIG", "/dev/null").env("LC_ALL", "C.UTF-8");
        for name in ["XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "HELM_CONFIG_HOME", "HTTP_PROXY"] {
            command.env_remove(name);
        }
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }

    /// What `catalog check` finds, and what it skips.
    fn check(&self) -> (i32, Vec<String>, Vec<String>) {
        let (code, out, err) = self.run(&["catalog", "check", "--json"]);
        let report: Value = serde_json::from_str(&out).unwrap_or_else(|_| json!({"error": err}));
        let list = |key: &str| {
            let all = report[key].as_array().into_iter().flatten();
            all.filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>()
        };
        (code, list("mistakes"), list("skipped"))
    }
}

fn from(repository: &str, more: &str) -> String {
    format!("{{repository: \"{repository}\", name: mini, version: 0.1.0{more}}}")
}

#[test]
fn each_repository_gives_its_chart_or_says_what_is_wrong() {
    let Some(helm) = helm() else { return };
    let good = packed("mini", "0.1.0", "");
    let needy = "dependencies: [{name: far, version: 1.0.0, repository: \"https://charts.example.com\"}]\n";
    let server = serve(|at| {
        let indexed = |url: &str| Answer::Bytes(index("mini", "0.1.0", url));
        BTreeMap::from([
            ("/good/index.yaml", indexed("mini-0.1.0.tgz")),
            ("/good/mini-0.1.0.tgz", Answer::Bytes(good.clone())),
            ("/moved/index.yaml", Answer::Moved(format!("{at}/good/index.yaml"))),
            ("/moved/mini-0.1.0.tgz", Answer::Moved(format!("{at}/good/mini-0.1.0.tgz"))),
            ("/round/index.yaml", Answer::Moved(format!("{at}/round/index.yaml"))),
            ("/gone/index.yaml", indexed("mini-0.1.0.tgz")),
            ("/html/index.yaml", indexed("mini.tgz")),
            ("/html/mini.tgz", Answer::Bytes(b"<html>please log in</html>".to_vec())),
            ("/other/index.yaml", indexed("other.tgz")),
            ("/other/other.tgz", Answer::Bytes(packed("other", "0.1.0", ""))),
            ("/newer/index.yaml", indexed("newer.tgz")),
            ("/newer/newer.tgz", Answer::Bytes(packed("mini", "0.2.0", ""))),
            ("/bomb/index.yaml", indexed("bomb.tgz")),
            ("/bomb/bomb.tgz", Answer::Bytes(bomb())),
            ("/needy/index.yaml", indexed("needy.tgz")),
            ("/needy/needy.tgz", Answer::Bytes(packed("mini", "0.1.0", needy))),
            ("/login/index.yaml", Answer::Login("dTpwYXNz", index("mini", "0.1.0", "mini.tgz"))),
        ])
    });
    let at = &server.at;
    let sha = digest(&good);
    let wrong = format!("sha256:{}", "0".repeat(64));
    let repository = |name: &str| from(&format!("{at}/{name}"), "");
    let site = Site::new(
        &helm,
        &[
            ("good", repository("good")),
            ("pinned", from(&format!("{at}/good/"), &format!(", sha256: \"{}\"", &sha["sha256:".len()..]))),
            ("moved", repository("moved")),
            ("wrong", from(&format!("{at}/good"), &format!(", sha256: \"{wrong}\""))),
            ("round", repository("round")),
            ("gone", repository("gone")),
            ("absent", from(&format!("{at}/good"), "").replace("0.1.0", "0.9.0")),
            ("html", repository("html")),
            ("other", repository("other")),
            ("newer", repository("newer")),
            ("bomb", repository("bomb")),
            ("needy", repository("needy")),
            ("login", repository("login")),
            ("closed", from("http://127.0.0.1:1", "")),
        ],
    );
    let (code, mistakes, skipped) = site.check();
    assert_eq!(code, 2, "{mistakes:?} {skipped:?}");
    let said = |all: &[String], id: &str| {
        let of = |text: &&String| text.starts_with(&format!("{id}/")) || text.starts_with(&format!("{id}:"));
        all.iter().find(of).cloned().unwrap_or_default()
    };
    for (id, what) in [
        ("good", ""),
        ("pinned", ""),
        ("moved", ""),
        ("wrong", &*format!("got the archive {sha}, expected {wrong}")),
        ("round", "failed to pull the chart"),
        ("gone", "not found"),
        ("absent", "not found"),
        ("html", "not a valid .tgz of a chart"),
        ("other", "got `other` 0.1.0, expected `mini` 0.1.0"),
        ("newer", "got `mini` 0.2.0, expected `mini` 0.1.0"),
        ("bomb", "more than the limit of 64 MiB"),
        ("needy", "`far` 1.0.0 of https://charts.example.com; unpack the archive, run `helm dependency build`"),
    ] {
        let message = said(&mistakes, id);
        assert!(message.contains(what) && what.is_empty() == message.is_empty(), "{id}: {message}");
    }
    assert!(said(&skipped, "login").contains("login required"), "{skipped:?}");
    assert!(said(&skipped, "closed").contains("cannot be reached from this machine"), "{skipped:?}");

    // What was pulled well is kept, the rest is not, and nothing is asked for a second time.
    server.asked.lock().unwrap().clear();
    let (_, again, _) = site.check();
    assert_eq!(again, mistakes);
    let asked = server.asked.lock().unwrap().clone();
    let good = |path: &&String| path.starts_with("/moved") || path.starts_with("/good/mini");
    // Only `wrong` still wants an archive of it.
    assert!(asked.iter().filter(good).count() <= 1, "{asked:?}");
}

#[test]
fn an_answer_names_any_chart_and_the_way_round() {
    let Some(helm) = helm() else { return };
    let site = Site::new(&helm, &[("one", from("http://127.0.0.1:1", ""))]);
    let install = |chart: &str| {
        let set = format!("one.chart={chart}");
        let mut args = vec!["plan", "--components", "one"];
        if !chart.is_empty() {
            args.extend(["--set", &set]);
        }
        let (code, _, err) = site.run(&args);
        (code, err)
    };
    let (code, err) = install("");
    assert_eq!(code, 4);
    assert!(err.contains("cannot be reached") && err.contains("--set one.chart=FILE"), "{err}");
    let archive = site.dir.path().join("mini.tgz");
    let bytes = packed("mini", "0.1.0", "");
    std::fs::write(&archive, &bytes).unwrap();
    let file = archive.display().to_string();
    for chart in [file.clone(), format!("{file}@{}", digest(&bytes))] {
        // The chart is there; a cluster is not.
        let (code, err) = install(&chart);
        assert!(code == 4 && !err.contains("chart"), "{chart}: {err}");
    }
    let folder = site.dir.path().join("needy");
    std::fs::create_dir(&folder).unwrap();
    let text = "apiVersion: v2\nname: needy\nversion: 1.0.0\n\
                dependencies: [{name: far, version: 1.0.0, repository: \"oci://r.site/charts\"}]\n";
    std::fs::write(folder.join("Chart.yaml"), text).unwrap();
    let (code, err) = install(&folder.display().to_string());
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("`far` 1.0.0 of oci://r.site/charts; run `helm dependency build"), "{err}");
    for (chart, what) in [
        ("https://u:hunter2@charts.example.com#mini:0.1.0", "contains a login"),
        ("oci://r.site/mini", "has no version"),
        ("nowhere", "failed to read the chart"),
    ] {
        let (code, err) = install(chart);
        assert!(code == 2 && err.contains(what) && !err.contains("hunter2"), "{chart}: {err}");
    }
}

#[tokio::test]
async fn what_never_comes_or_never_ends_is_given_up() {
    let Some(helm) = helm() else { return };
    let server =
        serve(|_| BTreeMap::from([("/hang/index.yaml", Answer::Hangs), ("/more/index.yaml", Answer::Endless)]));
    let helm = Helm::find(&FindHelm { explicit: Some(helm), ..FindHelm::default() }).await.unwrap();
    for path in ["hang", "more"] {
        let begin = Instant::now();
        let chart = ChartRef::parse(&format!("{}/{path}#mini:0.1.0", server.at)).unwrap();
        let options = PullOptions { deadline: Duration::from_secs(3), ..PullOptions::default() };
        let error = helm.pull(&chart, &options, &CancellationToken::new()).await.unwrap_err();
        let given_up = matches!(error, PullError::Helm { what: PullFailure::Unreachable | PullFailure::Other, .. });
        assert!(given_up, "{path}: {error:?}");
        assert!(begin.elapsed() < Duration::from_secs(20), "{path}: {:?}", begin.elapsed());
    }
}

/// A Helm that notes how it is called.
fn noting(dir: &Path, real: &Path) -> PathBuf {
    let noting = dir.join("helm");
    let script = format!("#!/bin/sh\necho \"$@\" >> {}/args\nexec {} \"$@\"\n", dir.display(), real.display());
    // Written by another process: what this one has open while it forks could not be run.
    let mut shell = Command::new("sh")
        .args(["-c", "cat > \"$0\" && chmod 755 \"$0\""])
        .arg(&noting)
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    shell.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    assert!(shell.wait().unwrap().success());
    noting
}

#[tokio::test]
async fn a_login_that_helm_keeps_is_used_and_is_in_no_argument() {
    let Some(real) = helm() else { return };
    let server = serve(|_| {
        BTreeMap::from([
            ("/index.yaml", Answer::Login("dTpwYXNz", index("mini", "0.1.0", "mini.tgz"))),
            ("/mini.tgz", Answer::Login("dTpwYXNz", packed("mini", "0.1.0", ""))),
        ])
    });
    let dir = tempfile::tempdir().unwrap();
    let noting = noting(dir.path(), &real);
    let site = Site::new(&noting, &[("one", from(&server.at, ""))]);
    let (_, _, skipped) = site.check();
    assert!(skipped[0].contains("login required"), "{skipped:?}");
    let config = site.dir.path().join(".config/helm");
    std::fs::create_dir_all(&config).unwrap();
    let known = json!({"repositories": [{"name": "mine", "url": server.at, "username": "u", "password": "pass"}]});
    std::fs::write(config.join("repositories.yaml"), known.to_string()).unwrap();
    assert_eq!(site.check(), (0, vec![], vec![]));
    let args = std::fs::read_to_string(dir.path().join("args")).unwrap();
    assert!(args.contains("pull windlass/mini") && !args.contains("pass"), "{args}");
}

#[test]
fn what_definitions_get_wrong_is_reported_with_its_line() {
    let Some(helm) = helm() else { return };
    let site = Site::new(&helm, &[("one", "{path: mini.tgz}".to_owned())]);
    let folder = site.dir.path().join("catalog/one");
    std::fs::write(folder.join("mini.tgz"), packed("mini", "0.1.0", "")).unwrap();
    assert_eq!(site.check(), (0, vec![], vec![]));
    let with = |values: &str| {
        std::fs::write(folder.join("values.yaml.j2"), values).unwrap();
        site.check().1.join("\n")
    };
    let message = with("text: x\n{% if false %}\nimage: {{ self.images.x.tag | tojson }}\n{% endif %}\n");
    assert!(
        message.starts_with("one/values.yaml.j2:3:1: `self.images.x` is not an image of this component"),
        "{message}"
    );
    let message = with("text: x\n{% if false %}\nmore: {{ 'a|b' | tojsn }}\n{% endif %}\n");
    assert_eq!(message, "one/values.yaml.j2:3:1: unknown filter `tojsn`");
    let message = with("text: x\ntyop: 1\n");
    assert!(message.starts_with("one/values.yaml.j2:2:1: the chart rejects `tyop`"), "{message}");
    let message = with("text: x\nother: {{ self.nothing.here }}\n");
    assert!(
        message.starts_with("one/values.yaml.j2:2:1: `self.nothing` is undefined in `other: {{ self.nothing.here }}`"),
        "{message}"
    );
    let message = with("text: [\n");
    assert!(message.starts_with("one/values.yaml.j2:1:1: the values of one are not valid YAML"), "{message}");
    // Without a Helm the rest is checked, and that is said.
    std::fs::write(folder.join("values.yaml.j2"), "text: x\n").unwrap();
    let none = Site { helm: "/nonexistent/helm".into(), ..site };
    let (code, mistakes, skipped) = none.check();
    assert_eq!((code, mistakes), (0, vec![]));
    assert!(skipped[0].starts_with("helm template: no helm at /nonexistent/helm"), "{skipped:?}");
}

/// A registry on loopback with one chart, `charts/mini:0.1.0`, behind a login.
fn registry(login: &'static str) -> Server {
    const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    const CONFIG: &str = "application/vnd.cncf.helm.config.v1+json";
    const LAYER: &str = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";
    let chart = packed("mini", "0.1.0", "");
    let config = json!({"apiVersion": "v2", "name": "mini", "version": "0.1.0"}).to_string().into_bytes();
    let of = |kind: &str, bytes: &[u8]| json!({"mediaType": kind, "digest": digest(bytes), "size": bytes.len()});
    let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": of(CONFIG, &config), "layers": [of(LAYER, &chart)]});
    let manifest = manifest.to_string().into_bytes();
    let path = |kind: &str, reference: &str| -> &'static str { format!("/v2/charts/mini/{kind}/{reference}").leak() };
    serve(move |_| {
        let any = "application/octet-stream";
        BTreeMap::from([
            ("/v2/", Answer::Registry(login, any, b"{}".to_vec())),
            (path("manifests", "0.1.0"), Answer::Registry(login, MANIFEST, manifest.clone())),
            (path("manifests", &digest(&manifest)), Answer::Registry(login, MANIFEST, manifest)),
            (path("blobs", &digest(&config)), Answer::Registry(login, any, config)),
            (path("blobs", &digest(&chart)), Answer::Registry(login, any, chart)),
        ])
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_in_the_cluster_pulls_charts_and_is_shown_by_its_name() {
    use base64::Engine as _;
    let Some(real) = helm() else { return };
    // u:pl4nted-L0gin
    let (good, bad) = ("dTpwbDRudGVkLUwwZ2lu", "dTpvdGhlci1MMGdpbg==");
    let server = registry(good);
    let host = server.at.trim_start_matches("http://").to_owned();
    let api = crate::api::Api::serve(|_, _, _| ()).await;
    let put = |auth: &str| {
        let config = json!({"auths": {&host: {"auth": auth}}}).to_string();
        let data = base64::engine::general_purpose::STANDARD.encode(config);
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {}, "data": {".dockerconfigjson": data}});
        api.objects().put("/api/v1/namespaces/elsewhere/secrets/login", secret);
    };
    let dir = tempfile::tempdir().unwrap();
    let kubeconfig = api.kubeconfig(dir.path()).display().to_string();
    let noting = noting(dir.path(), &real);
    let chart = format!("{{oci: \"oci://{host}/charts/mini\", version: 0.1.0}}");
    let plan = |site: &Site, secret: &str, kubeconfig: &str| {
        let (registry, secret) = (format!("platform.registry={host}"), format!("platform.pull_secret={secret}"));
        let mut args = vec!["plan", "--components", "one", "--kubeconfig", kubeconfig];
        for set in [&registry, &secret, "platform.registry_plain_http=true"] {
            args.extend(["--set", set]);
        }
        let (code, out, err) = site.run(&args);
        (code, format!("{out}{err}"))
    };
    let site = || Site::new(&noting, &[("one", chart.clone())]);
    let asks = "login required";
    let mut all = String::new();

    // A login that the registry refuses, one that is not there, one that no cluster can be asked for.
    put(bad);
    let (code, output) = plan(&site(), "secret:elsewhere/login", &kubeconfig);
    assert!(code == 4 && output.contains(asks), "{output}");
    assert!(output.contains("with the login of platform.pull_secret, Secret elsewhere/login"), "{output}");
    all += &output;
    let (code, output) = plan(&site(), "secret:elsewhere/none", &kubeconfig);
    assert!(
        code == 2 && output.contains("Secret elsewhere/none with the key `.dockerconfigjson` not found"),
        "{output}"
    );
    let (code, output) = plan(&site(), "secret:elsewhere/login", "/dev/null");
    assert!(code == 4 && output.contains("Secret elsewhere/login, was not read, because"), "{output}");
    // That of each namespace is nobody's yet.
    let (code, output) = plan(&site(), "secret:login", &kubeconfig);
    assert!(code == 4 && output.contains(asks) && !output.contains("Secret login"), "{output}");

    put(good);
    let one = site();
    let (_, output) = plan(&one, "secret:elsewhere/login", &kubeconfig);
    assert!(!output.contains("cannot be used") && output.contains("release one in charts"), "{output}");
    assert!(server.asked.lock().unwrap().iter().any(|path| path.contains("/blobs/")), "{output}");
    all += &output;
    // What was pulled is there without a login, and without a cluster.
    let (_, output) = plan(&one, "secret:elsewhere/login", "/dev/null");
    assert!(!output.contains("cannot be used"), "{output}");
    // By a file it is the same.
    let file = dir.path().join("login.json");
    std::fs::write(&file, json!({"auths": {&host: {"auth": good}}}).to_string()).unwrap();
    let (_, output) = plan(&site(), &format!("file:{}", file.display()), &kubeconfig);
    assert!(!output.contains("cannot be used"), "{output}");
    std::fs::write(&file, json!({"auths": {&host: {"auth": bad}}}).to_string()).unwrap();
    let (_, output) = plan(&site(), &format!("file:{}", file.display()), &kubeconfig);
    assert!(output.contains(&format!("with the login of platform.pull_secret, file {}", file.display())), "{output}");
    all += &output;

    let args = std::fs::read_to_string(dir.path().join("args")).unwrap();
    assert!(args.contains(&format!("oci://{host}/charts/mini")), "{args}");
    all += &args;
    for content in [good, bad, "pl4nted-L0gin", "other-L0gin"] {
        assert!(!all.contains(content), "{content} is shown: {all}");
    }
}
