//! `windlass install --bundle`: an offline bundle, registries in memory, and an API that keeps what it is given.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use windlass::driver::registry::push::Receipt;
use windlass::model::FileTree;
use windlass::model::images_lock::LockedFiles;

use super::*;
use crate::api::{Api, LEASE};

/// A component that is there as soon as it is recorded.
const GATE: &str = "id: gate\ntitle: Gate\nversion: \"1.0.0\"\n";

/// One with a release whose pods run an image of the offline bundle.
const WITH_IMAGE: &str = r#"
id: gate
title: Gate
version: "1.0.0"
chart: {path: chart}
release: {name: my-gate, namespace: far}
values: values.yaml.j2
images:
  - {name: web, ref: "docker.io/x/multi:1", repository: image.repository, tag: image.tag, digest: image.digest}
"#;

const VALUES: &str = "image: {repository: {{ self.images.web.repository | tojson }}, tag: {{ self.images.web.tag | tojson }}, digest: {{ self.images.web.digest | tojson }}}\n";

/// A cluster, and a folder with the offline bundle and the definition of a component.
struct Site {
    api: Api,
    folder: TempDir,
    kubeconfig: PathBuf,
}

impl Site {
    async fn new(component: &str) -> Self {
        let folder = made(&hub().await).await;
        let definitions = folder.path().join("catalog/gate");
        std::fs::create_dir_all(&definitions).unwrap();
        std::fs::write(definitions.join("component.yaml"), component).unwrap();
        if component.contains("chart: {path") {
            std::fs::create_dir_all(definitions.join("chart/templates")).unwrap();
            std::fs::write(definitions.join("chart/Chart.yaml"), "apiVersion: v2\nname: gate\nversion: 1.0.0\n")
                .unwrap();
            std::fs::write(definitions.join("chart/values.yaml"), "{}\n").unwrap();
            std::fs::write(definitions.join("values.yaml.j2"), VALUES).unwrap();
        }
        let api = Api::serve(|_, _, _| ()).await;
        let kubeconfig = api.kubeconfig(folder.path());
        Self { api, folder, kubeconfig }
    }

    fn at(&self) -> &Path {
        self.folder.path()
    }

    fn command(&self, args: &[&str]) -> Command {
        let helm = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fakes/helm");
        let mut command = Command::new(env!("CARGO_BIN_EXE_windlass"));
        command.env_clear().env("HOME", self.at()).env("PATH", "/usr/bin:/bin").current_dir(self.at());
        command.args(args).args(["--components", "gate", "--catalog", "catalog", "--kubeconfig"]);
        command.arg(&self.kubeconfig).arg("--helm").arg(helm).kill_on_drop(true);
        command
    }

    /// Its exit code, stdout and stderr.
    async fn install(&self, args: &[&str]) -> (i32, String, String) {
        ran(self.command(&[&["install", "--yes", "--waive", "webhdfs-unreachable"], args].concat())).await
    }

    /// Requests that changed something in the cluster.
    fn writes(&self) -> Vec<String> {
        let asks = |asked: &&String| asked.starts_with("GET ") || asked.contains("/selfsubject");
        self.api.objects().asked.iter().filter(|asked| !asks(asked)).cloned().collect()
    }
}

/// Turns one byte of the largest layer over; the same again turns it back. Gives the part that it is in.
fn flip(parts: &Path) -> String {
    let place = Bundle::open(&[parts.to_owned()]).unwrap().place(large()).unwrap();
    let at = usize::try_from(place.0 + place.1 / 2).unwrap();
    let mut files: Vec<PathBuf> = std::fs::read_dir(parts).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut before = 0;
    for file in files.iter().filter(|file| file.extension().is_some_and(|end| end != "sha256")) {
        let mut bytes = std::fs::read(file).unwrap();
        if at < before + bytes.len() {
            bytes[at - before] ^= 1;
            std::fs::write(file, bytes).unwrap();
            return file.file_name().unwrap().to_str().unwrap().to_owned();
        }
        before += bytes.len();
    }
    panic!("no part has byte {at}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_blob_is_found_before_anything_is_written() {
    let site = Site::new(GATE).await;
    ok(site.at(), &["split", "platform.tar", "--size", "1M", "--output", "parts/p.tar"]).await;
    let registry = FakeRegistry::start().await;
    let to = format!("{}/mirror", registry.host);
    let from = ["--bundle", "parts", "--registry", to.as_str()];
    let part = flip(&site.at().join("parts"));
    let (code, out, err) = site.install(&from).await;
    assert_eq!(code, 7, "{out}{err}");
    let names = [&part, IMAGES[0], &large().to_string(), "digest mismatch", "nothing was changed"];
    assert!(names.iter().all(|name| err.contains(*name)) && !err.contains(IMAGES[1]), "{names:?}: {err}");
    assert_eq!(site.writes(), Vec::<String>::new());
    registry.with(|state| assert!(state.blobs.is_empty() && state.manifest_puts().is_empty()));

    flip(&site.at().join("parts"));
    let (code, out, err) = site.install(&from).await;
    assert_eq!(code, 0, "{out}{err}");
    assert!(registry.with(|state| state.has_blob("mirror/x/multi", large())), "{out}");
    assert!(!site.api.objects().kept.contains_key(LEASE));
    // What the registry has is not sent, and so not read.
    flip(&site.at().join("parts"));
    let (code, out, err) = site.install(&from).await;
    assert!(code == 0 && out.contains("nothing to do"), "{code} {out}{err}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn images_are_pushed_by_one_name_of_the_registry_and_pulled_by_another() {
    let registry = FakeRegistry::start().await;
    let push = format!("{}/in/mirror", registry.host);
    let both = ["--registry", push.as_str(), "--pull-registry", "harbor.site/mirror", "--flatten"];
    let from = [&["--bundle", "platform.tar"], &both[..]].concat();

    let site = Site::new(WITH_IMAGE).await;
    let (code, out, err) = ran(site.command(&[&["plan", "--json"], &from[..]].concat())).await;
    assert_eq!(code, 0, "{out}{err}");
    let plan: Value = serde_json::from_str(&out).unwrap();
    let step = |id: &str| plan["steps"].as_array().unwrap().iter().find(|step| step["id"] == id).unwrap();
    assert_eq!(step("gate/release")["work"]["values"]["image"]["repository"], "harbor.site/mirror/x-multi", "{out}");
    let tested = step("platform/pull-test-1")["work"]["pool"]["image"].as_str().unwrap();
    assert!(tested.starts_with("harbor.site/mirror/y-one:2@sha256:"), "{tested}");
    assert_eq!(step("platform/push")["work"]["registry"], push);
    assert_eq!(step("platform/push")["title"], format!("push 2 images to {push}"));
    let run = site.command(&[&["install", "--yes", "--json", "--waive", "registry-pull"], &from[..]].concat());
    let (_, out, err) = ran(run).await;
    assert!(!out.contains("pull-test") && !err.contains("registry-pull"), "pull tests are waived: {out}{err}");

    let site = Site::new(GATE).await;
    let (code, out, err) = site.install(&from).await;
    assert_eq!(code, 0, "{out}{err}");
    assert!(registry.with(|state| state.has_blob("in/mirror/x-multi", large())), "{out}");
    let state = site.api.objects().remembered();
    assert_eq!(state["answers"]["platform"]["registry"], "harbor.site/mirror", "{state}");
    assert_eq!(state["offline"]["registry"], "harbor.site/mirror");
    assert_eq!(state["offline"]["repositories"][IMAGES[0]], "harbor.site/mirror/x-multi");
    let (code, out, err) = site.install(&from).await;
    assert!(code == 0 && out.contains("nothing to do"), "{code} {out}{err}");
    // Where nodes pull from says nothing about where to push to.
    let (code, _, err) = site.install(&["--bundle", "platform.tar", "--pull-registry", "harbor.site/mirror"]).await;
    assert!(code == 2 && err.contains("--registry"), "{code} {err}");
}

fn receipt(path: &Path) -> Receipt {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_install_leaves_the_receipt_that_a_push_would() {
    let (site, registry) = (Site::new(GATE).await, FakeRegistry::start().await);
    let to = format!("{}/mirror", registry.host);
    let from = ["--bundle", "platform.tar", "--registry", to.as_str(), "--without-signatures", "--receipt", "a.json"];
    let (code, out, err) = site.install(&from).await;
    assert_eq!(code, 0, "{out}{err}");
    let first = receipt(&site.at().join("a.json"));
    assert!(first.without_signatures && first.lock.is_some() && first.bytes_on_the_wire > 3_000_000, "{first:?}");
    // A difference can be made since it.
    let hub = hub().await;
    let source = format!("{}/{HUB}", hub.host);
    let since = ["create", "--from", &source, "--since", "a.json", "--no-programs", "--output", "more.tar"];
    ok(site.at(), &since).await;
    assert!(Bundle::open(&[site.at().join("more.tar")]).unwrap().place(large()).is_err());
    // Of what the registry has, too, and it is the same that `bundle push` writes.
    let (code, out, err) = site.install(&[&from[..6], &["b.json"]].concat()).await;
    assert_eq!(code, 0, "{out}{err}");
    ok(site.at(), &["push", "platform.tar", "--registry", &to, "--without-signatures", "--receipt", "c.json"]).await;
    assert_eq!(receipt(&site.at().join("b.json")), receipt(&site.at().join("c.json")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_become_of_a_half_sent_blob_is_noted() {
    let (site, registry) = (Site::new(GATE).await, FakeRegistry::start().await);
    let to = format!("{}/mirror", registry.host);
    let from = ["--bundle", "platform.tar", "--registry", to.as_str()];
    registry.with(|state| state.faults.rate = Some(600_000));
    let mut first = site.command(&[&["install", "--yes", "--waive", "webhdfs-unreachable"], &from[..]].concat());
    let mut child = first.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
    let begun = std::time::Instant::now();
    while registry.with(|state| state.blobs.len()) < 4 {
        assert!(begun.elapsed().as_secs() < 60 && child.try_wait().unwrap().is_none());
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    child.start_kill().unwrap();
    child.wait().await.unwrap();
    registry.with(|state| (state.faults.rate, state.uploads) = (None, Default::default()));
    site.api.objects().kept.remove(LEASE);
    let (code, out, err) = site.install(&from).await;
    assert!(code == 0 && out.contains(" of mirror/x/multi restarts from the beginning"), "{code} {out}{err}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pull_login_that_ends_soon_is_a_hint() {
    let site = Site::new(GATE).await;
    // It serves no kind.
    for path in ["/api", "/apis"] {
        let kinds = json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": []});
        site.api.objects().put(path, kinds);
    }
    let registry = FakeRegistry::start().await;
    let encoded = |value: Value| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value.to_string());
    let end = jiff::Timestamp::now().as_second() + 3600;
    let token = format!("{}.{}.c2lnbmF0dXJl", encoded(json!({"alg": "RS256"})), encoded(json!({"exp": end})));
    let auth = STANDARD.encode(format!("robot:{token}"));
    let config = json!({"auths": {&registry.host: {"auth": auth}}});
    std::fs::write(site.at().join("pull.json"), config.to_string()).unwrap();
    let to = format!("{}/mirror", registry.host);
    let plain = ["--set", "platform.registry_plain_http=true", "--set", "platform.pull_secret=file:pull.json"];
    let from = ["--bundle", "platform.tar", "--registry", &to];
    let (_, out, err) = ran(site.command(&[&["preflight", "--json"], &plain[..], &from[..]].concat())).await;
    let report: Value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}{err}"));
    let findings = report["findings"].as_array().unwrap_or_else(|| panic!("{out}{err}"));
    let hint = findings.iter().find(|finding| finding["id"] == "pull-login-ends").unwrap_or_else(|| panic!("{out}"));
    let ends = format!("ends at {}", jiff::Timestamp::from_second(end).unwrap());
    assert!(hint["severity"] == "hint" && hint["what"].as_str().unwrap().contains(&ends), "{hint}");
    assert!(!format!("{out}{err}").contains(&token) && !out.contains(&auth), "{out}{err}");
}

/// Helm's record of the release, which has one Deployment without any label.
fn record() -> Value {
    let manifest =
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: far}\nspec: {replicas: 1}\n";
    let record = json!({"version": 1, "info": {"status": "deployed"}, "chart": null, "manifest": manifest});
    let data = STANDARD.encode(STANDARD.encode(record.to_string()));
    let labels = json!({"owner": "helm", "name": "my-gate", "version": "1", "status": "deployed"});
    let metadata = json!({"namespace": "far", "labels": labels});
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {"release": data}})
}

/// A pod that runs an image, made by a ReplicaSet.
fn pod(set: &str, image: &str) -> Value {
    let owner = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": set, "uid": "u", "controller": true});
    let status = json!({"name": "c", "image": image, "imageID": image, "ready": true, "restartCount": 0, "state": {}});
    json!({
        "metadata": {"namespace": "far", "ownerReferences": [owner]},
        "spec": {"containers": [{"name": "c", "image": image}]},
        "status": {"phase": "Running", "containerStatuses": [status]}
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_pods_of_a_release_run_is_compared_without_its_labels() {
    let (site, registry) = (Site::new(GATE).await, FakeRegistry::start().await);
    let to = format!("{}/mirror", registry.host);
    let (code, out, err) = site.install(&["--bundle", "platform.tar", "--registry", &to]).await;
    assert_eq!(code, 0, "{out}{err}");
    let offline = site.api.objects().remembered()["offline"].clone();
    let digest = offline["lock"]["images"][IMAGES[0]]["resolved"]["digest"].as_str().unwrap().to_owned();

    let site = Site::new(WITH_IMAGE).await;
    let release = json!({"namespace": "far", "name": "my-gate"});
    let gate = json!({"title": "Gate", "version": "1.0.0", "installed": "2026-01-01T00:00:00Z", "release": release});
    {
        let mut objects = site.api.objects();
        objects.remember(&json!({"schema": 3, "answers": {}, "components": {"gate": gate}, "offline": offline}));
        objects.put("/api/v1/namespaces/far/secrets/sh.helm.release.v1.my-gate.v1", record());
    }
    let verify = async || {
        let (code, out, err) = ran(site.command(&["verify"])).await;
        (code, format!("{out}{err}"))
    };
    // Nothing was compared, which is no success.
    let (code, text) = verify().await;
    assert!(code == 7 && text.contains("no container was compared with the offline bundle"), "{code} {text}");
    let pods = "/api/v1/namespaces/far/pods";
    site.api.objects().put(&format!("{pods}/web-7f-a"), pod("web-7f", &format!("{to}/x/multi@{digest}")));
    site.api.objects().put(&format!("{pods}/other-7f-a"), pod("other-7f", "docker.io/z/other:1"));
    let (code, text) = verify().await;
    assert!(code == 0 && text.contains("1 containers by digest, 1 pods of others ignored"), "{code} {text}");
    site.api.objects().put(&format!("{pods}/web-7f-b"), pod("web-7f", "docker.io/x/multi:1"));
    let (code, text) = verify().await;
    assert!(code == 7 && text.contains("pod far/web-7f-b container c: "), "{code} {text}");
}

/// A component whose chart is in a registry that nobody reaches, and that uploads files.
const ELSEWHERE: &str = r#"
id: gate
title: Gate
version: "1.0.0"
chart: {oci: "oci://charts.invalid/team/gate", version: 1.0.0}
release: {name: my-gate, namespace: far}
values: values.yaml.j2
questions:
  - {id: jars, title: Jars, type: source, default: /made/where/nobody/is}
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chart_of_a_registry_and_files_come_out_of_the_offline_bundle() {
    let hub = hub().await;
    let site = Site::new(ELSEWHERE).await;
    let at = site.at();
    // Without one the chart would have to be pulled, by a Helm that pulls nothing.
    std::fs::write(at.join("catalog/gate/values.yaml.j2"), "jars: {{ answers.gate.jars | tojson }}\n").unwrap();
    let bare = ["plan", "--json", "--set", "gate.jars=catalog"];
    let (code, out, err) = ran(site.command(&bare)).await;
    assert!(code == 2 || code == 4, "{code} {out}{err}");
    assert!(err.contains("charts.invalid/team/gate"), "{err}");

    let chart = [("Chart.yaml", "apiVersion: v2\nname: gate\nversion: 1.0.0\n"), ("templates/a.yaml", "{}\n")];
    for (name, text) in chart {
        let path = at.join("made-chart").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    std::fs::create_dir_all(at.join("made-jars/deep")).unwrap();
    std::fs::write(at.join("made-jars/deep/one.jar"), "bytes of a jar").unwrap();
    let mut lock = lock_of(&at.join("platform.tar")).unwrap().0;
    lock.bundle = None;
    let entry = |from: &str| LockedFiles { from: from.to_owned(), digest: Digest::of(b"").to_string(), size: None };
    lock.charts.insert("gate".to_owned(), entry("oci://charts.invalid/team/gate:1.0.0"));
    lock.files.insert("gate.jars".to_owned(), entry("/made/where/nobody/is"));
    write_lock(at, &lock);
    let from = format!("{}/{HUB}", hub.host);
    let locals =
        ["--chart", "gate=made-chart", "--file", "gate.jars=made-jars", "--no-programs", "--output", "all.tar"];
    ok(
        at,
        &[&["create", "--from", &from, "--platform", "linux/amd64", "--platform", "linux/arm64"], &locals[..]].concat(),
    )
    .await;

    let registry = FakeRegistry::start().await;
    let to = format!("{}/mirror", registry.host);
    let (code, out, err) = ran(site.command(&["plan", "--json", "--bundle", "all.tar", "--registry", &to])).await;
    assert_eq!(code, 0, "{out}{err}");
    let plan: Value = serde_json::from_str(&out).unwrap();
    let steps = plan["steps"].as_array().unwrap();
    let work = &steps.iter().find(|step| step["id"] == "gate/release").unwrap()["work"];
    let files = chart.map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec()));
    assert_eq!(work["chart"], FileTree::new(files.to_vec()).digest(), "{work}");
    let jars = Path::new(work["values"]["jars"].as_str().unwrap());
    assert!(jars.starts_with(at.join(".cache/windlass/offline")), "{work}");
    assert_eq!(std::fs::read_to_string(jars.join("deep/one.jar")).unwrap(), "bytes of a jar");
}
