//! A public chart as it is, from each of the places where charts are: tests/public/operated.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::*;

const NAMESPACE: &str = "operated";

/// A namespace beside it, of the first one's jobs.
const JOBS: &str = "operated-jobs";

/// The places, each an instance of the component.
pub(crate) const SOURCES: [&str; 4] = ["folder", "archive", "repository", "registry"];

const VERSIONS: [&str; 2] = ["1.0.0", "1.1.0"];

fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The operator's stand-in: what it does for a Widget, and its finalizer, are an operator's; it runs beside the tests and
/// not in a pod, since there is no image with such a program.
pub(crate) struct Operator(Arc<AtomicBool>, Option<std::thread::JoinHandle<()>>);

impl Operator {
    pub(crate) fn start() -> Self {
        let ends = Arc::new(AtomicBool::new(false));
        let told = ends.clone();
        let thread = std::thread::spawn(move || {
            while !told.load(Ordering::SeqCst) {
                look_after_widgets();
                std::thread::sleep(Duration::from_millis(500));
            }
        });
        Self(ends, Some(thread))
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
        self.1.take().map(std::thread::JoinHandle::join);
    }
}

/// Between two looks objects and their kind may come and go.
fn look_after_widgets() {
    let get = ["-n", NAMESPACE, "get", "widgets", "-o", "json"];
    let found = run(kubectl_command(&get).stdin(Stdio::null()));
    let Ok(list) = serde_json::from_str::<Value>(&found.out) else { return };
    for widget in list["items"].as_array().into_iter().flatten() {
        let metadata = &widget["metadata"];
        let name = text(&metadata["name"]);
        let patch = |more: &[&str], patch: Value| {
            let args = ["-n", NAMESPACE, "patch", "widget", &name, "--type=merge", "-p", &patch.to_string()];
            run(kubectl_command(&[&args, more].concat()).stdin(Stdio::null()));
        };
        if metadata["deletionTimestamp"].is_string() {
            patch(&[], json!({"metadata": {"finalizers": []}}));
            continue;
        }
        if metadata["finalizers"].is_null() {
            patch(&[], json!({"metadata": {"finalizers": ["windlass.test/operator"]}}));
        }
        let generation = &metadata["generation"];
        if widget["status"]["observedGeneration"] != *generation {
            let ready = json!([{"type": "Ready", "status": "True", "reason": "Runs", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}]);
            let status = json!({"status": {"phase": "Running", "observedGeneration": generation, "conditions": ready}});
            patch(&["--subresource=status"], status);
        }
    }
}

/// The chart of a version, as each source has it.
struct Charts {
    folder: PathBuf,
    repository: String,
}

impl Charts {
    fn prepare() -> Self {
        let folder = scratch().join("operated");
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(folder.join("packed")).unwrap();
        // A version is one chart, for ever; of an earlier run it may be another.
        let _ = std::fs::remove_dir_all(scratch().join("cache"));
        for version in VERSIONS {
            let chart = folder.join(version);
            run(Command::new("cp").arg("-R").arg(project("tests/public/operated/chart")).arg(&chart)).exits(0);
            if version != VERSIONS[0] {
                newer(&chart);
            }
            helm(&["package", chart.to_str().unwrap(), "--destination", folder.join("packed").to_str().unwrap()]);
        }
        push(&folder);
        let repository = serve(folder.join("packed"));
        helm(&["repo", "index", folder.join("packed").to_str().unwrap()]);
        Self { folder, repository }
    }

    /// The answer that names it.
    fn answer(&self, source: &str, version: &str) -> String {
        let folder = self.folder.display();
        let chart = match source {
            "folder" => format!("{folder}/{version}"),
            "archive" => format!("{folder}/packed/operated-{version}.tgz"),
            "repository" => format!("{}#operated:{version}", self.repository),
            "registry" => format!("oci://{}/charts/operated:{version}", registry()),
            _ => unreachable!("{source}"),
        };
        format!("operated@{source}.chart={chart}")
    }
}

/// The next version of the chart: its kind has another version and a field more, which its object uses.
fn newer(chart: &Path) {
    change(&chart.join("Chart.yaml"), "version: 1.0.0\nappVersion", "version: 1.1.0\nappVersion");
    let crd = chart.join("crds/widgets.yaml");
    let text = std::fs::read_to_string(&crd).unwrap();
    let (head, v1) = text.split_once("  - name: v1\n").unwrap();
    // Without a webhook that converts, an older version that lacks the field would make the API refuse to apply it.
    let field = "size: {type: integer, minimum: 1}";
    let v2 = v1.replace(field, &format!("{field}\n              colour: {{type: string}}"));
    let v1 = v2.replace("storage: true", "storage: false");
    std::fs::write(&crd, format!("{head}  - name: v1\n{v1}  - name: v2\n{v2}")).unwrap();
    let template = chart.join("templates/operated.yaml");
    change(&template, "apiVersion: windlass.test/v1", "apiVersion: windlass.test/v2");
    change(&template, "spec: {size: {{ .Values.size }}}", "spec: {size: {{ .Values.size }}, colour: blue}");
}

#[track_caller]
fn helm(args: &[&str]) {
    run(Command::new(sandbox().join("bin/helm")).args(args)).exits(0);
}

fn push(folder: &Path) {
    for version in VERSIONS {
        let packed = folder.join(format!("packed/operated-{version}.tgz"));
        let to = format!("oci://{}/charts", registry());
        let config = sandbox().join("registry-auth.json");
        helm(&["push", packed.to_str().unwrap(), &to, "--plain-http", "--registry-config", config.to_str().unwrap()]);
    }
}

/// A repository of charts on loopback, for as long as the tests run.
fn serve(folder: PathBuf) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut head = [0; 4096];
            let read = stream.read(&mut head).unwrap_or(0);
            let head = String::from_utf8_lossy(&head[..read]).into_owned();
            let name = head.split(' ').nth(1).unwrap_or("/").trim_start_matches('/');
            let (status, bytes) = match std::fs::read(folder.join(name)) {
                Ok(bytes) => ("200 OK", bytes),
                Err(_) => ("404 Not Found", Vec::new()),
            };
            let head = format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", bytes.len());
            // Whoever went away needs no answer.
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&bytes));
        }
    });
    url
}

/// windlass with the component laid over the catalog.
fn operated(args: &[&str]) -> Command {
    let mut command = windlass(args);
    command.arg("--catalog").arg(project("tests/public"));
    command
}

fn get(kind: &str, name: &str, path: &str) -> String {
    kubectl(&["-n", NAMESPACE, "get", kind, name, "-o", &format!("jsonpath={path}")])
}

/// From its install to its end, all of these beside each other.
pub(crate) fn lives(sources: &[&str]) {
    let charts = Charts::prepare();
    let _operator = Operator::start();
    let ids: Vec<String> = sources.iter().map(|source| format!("operated@{source}")).collect();
    let releases: Vec<String> = sources.iter().map(|source| format!("my-operated-{source}")).collect();
    let chosen = ids.join(",");
    let with = |version: &str, what: &[&str], more: &[&str]| {
        let mut command = operated(what);
        command.args(["--components", &chosen]).args(more);
        command.args(["--set", &format!("operated@{}.jobs={JOBS}", sources[0])]);
        command.args(sources.iter().flat_map(|source| ["--set".to_owned(), charts.answer(source, version)]));
        run(&mut command)
    };
    let install = |version: &str, more: &[&str]| with(version, &["install", "--yes"], more);
    let healthy = format!("{} release{} healthy, verified", sources.len(), if sources.len() == 1 { "" } else { "s" });

    // From its place, with what is in it, its images from the site's registry.
    install(VERSIONS[0], &[]).exits(0).says(&healthy);
    let from = format!("{}/apache/", registry());
    for (release, source) in releases.iter().zip(sources) {
        assert_eq!(get("widget", release, "{.status.phase}"), "Running");
        assert_eq!(get("configmap", release, "{.data.size}"), "1", "of the List");
        let images = "{.spec.template.spec.initContainers[0].image} {.spec.template.spec.containers[0].image} {.spec.template.spec.containers[0].env[0].value}";
        let images = get("deployment", release, images);
        assert!(
            images.split(' ').count() == 3 && images.split(' ').all(|image| image.starts_with(&from)),
            "{source}: {images}"
        );
        assert_eq!(get("job", &format!("{release}-extra"), "{.status.succeeded}"), "1", "of the dependency");
        assert!(!there(&["-n", NAMESPACE, "job", &format!("{release}-hook")]), "a hook goes where it succeeded");
    }
    assert!(there(&["crd", "gadgets.windlass.test"]), "of the dependency");
    let secret = format!("{}-password", releases[0]);
    let content = |namespace: &str| {
        let args = ["-n", namespace, "get", "secret", &secret, "-o", "jsonpath={.data.password}"];
        kubectl(&args)
    };
    assert_eq!(content(JOBS), content(NAMESPACE), "copied for the jobs");
    install(VERSIONS[0], &[]).exits(0).says("nothing to do");

    // Changed by hand: an object, the kind, and a kind that is gone.
    let last = releases.last().unwrap();
    kubectl(&["-n", NAMESPACE, "patch", "widget", last, "--type=merge", "-p", r#"{"spec":{"size":7}}"#]);
    let schema = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/size/minimum";
    let patch = json!([{"op": "replace", "path": schema, "value": 0}]).to_string();
    kubectl(&["patch", "crd", "widgets.windlass.test", "--type=json", "-p", &patch]);
    kubectl(&["delete", "crd", "gadgets.windlass.test"]);
    let drift = |code: i32| run(&mut operated(&["status", "--drift", "--components", &chosen])).exits(code);
    drift(5).says(&format!("{NAMESPACE}/{last}")).says("widgets.windlass.test").says("gadgets.windlass.test");
    install(VERSIONS[0], &[]).exits(0);
    assert_eq!(get("widget", last, "{.spec.size}"), "1");
    let minimum = format!("{{.spec.versions[0].schema{}}}", ".openAPIV3Schema.properties.spec.properties.size.minimum");
    assert_eq!(kubectl(&["get", "crd", "widgets.windlass.test", "-o", &format!("jsonpath={minimum}")]), "1");
    assert!(there(&["crd", "gadgets.windlass.test"]));
    drift(0);
    let sidecar = "windlass.test/sidecar";
    kubectl(&["-n", NAMESPACE, "annotate", "--overwrite", "deployment", last, &format!("{sidecar}=injected")]);
    drift(0).says("ignore");
    install(VERSIONS[0], &[]).exits(0).says("nothing to do");
    assert_eq!(get("deployment", last, r"{.metadata.annotations.windlass\.test/sidecar}"), "injected");

    // Upgraded to a chart whose kind has a new version, of which the API server knows before the release.
    with(VERSIONS[1], &["plan"], &[]).exits(0).says("widgets.windlass.test");
    install(VERSIONS[1], &["--no-verify"]).exits(0);
    let versions = || kubectl(&["get", "crd", "widgets.windlass.test", "-o", "jsonpath={.spec.versions[*].name}"]);
    assert_eq!(versions(), "v1 v2");
    releases.iter().for_each(|release| assert_eq!(get("widget", release, "{.spec.colour}"), "blue", "{release}"));
    install(VERSIONS[1], &["--no-verify"]).exits(0).says("nothing to do");

    // Back to what was verified. The kind keeps its new version: others may have made objects of it.
    for (id, release) in ids.iter().zip(&releases) {
        run(&mut operated(&["rollback", "--yes", id])).exits(0);
        assert_eq!(get("widget", release, "{.spec.colour}"), "", "{release}");
    }
    assert_eq!(versions(), "v1 v2");

    // Not before its objects, and only with a word of its own, the kind.
    let uninstall = ["uninstall", "--yes", "--components", &chosen];
    run(&mut operated(&uninstall)).exits(0).says("widgets.windlass.test is kept");
    assert!(there(&["crd", "widgets.windlass.test"]));
    let purge = ["--purge-data", "--purge-shared", "--confirm", "windlass-sandbox"];
    install(VERSIONS[0], &["--no-verify"]).exits(0).says("is kept: the chart's definition is older and lacks v2");
    run(operated(&uninstall).args(purge)).exits(0);
    assert!(!there(&["namespace", NAMESPACE]) && !there(&["namespace", JOBS]));
    assert_eq!(kubectl(&["get", "crd", "-o", "name"]).matches("windlass.test").count(), 0);
    let left = state()["components"].as_object().unwrap().keys().filter(|id| id.starts_with("operated")).count();
    assert_eq!(left, 0);
}
