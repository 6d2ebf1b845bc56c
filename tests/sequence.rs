//! The one sequence of every run, by the binary, against an API server that changes between two looks at it.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::api::{Api, LEASE, Objects};
use crate::pty::Pty;
use axum::http::Method;
use portable_pty::CommandBuilder;
use serde_json::{Value, json};

/// A component that is there as soon as it is recorded.
const IS_THERE: &str = r#"
id: gate
title: Gate
version: "1.0.0"
"#;

/// A component whose check asks a service that is not there.
const ASKS: &str = r#"
id: gate
title: Gate
version: "1.0.0"
chart: {path: chart}
release: {name: my-gate, namespace: far}
values: values.yaml.j2
verify:
  - {action: http.wait, title: the gate answers, service: "my-gate:80", path: /, deadline: 10m}
"#;

/// A component with a secret that is generated, and another that is made of it.
const HAS_SECRETS: &str = r#"
id: gate
title: Gate
version: "1.0.0"
chart: {path: chart}
release: {name: my-gate, namespace: far}
values: values.yaml.j2
questions:
  - {id: password, title: Its password, type: secret, default: generate}
secrets:
  - {name: connection, keys: {url: "pg://u:{{ secret.password | urlencode }}@h/db", login: "{{ ('u:' ~ secret.password) | b64encode }}"}}
"#;

/// A folder of this machine in which a test runs.
struct Place {
    dir: tempfile::TempDir,
    config: PathBuf,
    helm: PathBuf,
}

impl Place {
    fn new(api: &Api, component: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("catalog/gate");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("component.yaml"), component).unwrap();
        if component.contains("chart:") {
            std::fs::create_dir_all(folder.join("chart/templates")).unwrap();
            std::fs::write(folder.join("chart/Chart.yaml"), "apiVersion: v2\nname: gate\nversion: 1.0.0\n").unwrap();
            std::fs::write(folder.join("chart/values.yaml"), "{}\n").unwrap();
            std::fs::write(folder.join("values.yaml.j2"), "{}\n").unwrap();
        }
        let config = api.kubeconfig(dir.path());
        let helm = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fakes/helm");
        Self { dir, config, helm }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn windlass(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_windlass"));
        command.args(args).arg("--kubeconfig").arg(&self.config).arg("--catalog").arg(self.path().join("catalog"));
        command.arg("--helm").arg(&self.helm);
        command.env("XDG_STATE_HOME", self.path().join("state")).env_remove("KUBECONFIG");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn install(&self, more: &[&str]) -> Command {
        let mut command = self.windlass(&["install", "--components", "gate", "--yes"]);
        // What preflight makes of such a server is not what this is about.
        command.args(["--waive", "webhdfs-unreachable"]).args(more);
        command
    }
}

/// The same in a terminal.
fn in_terminal(command: &Command) -> Pty {
    let mut builder = CommandBuilder::new(command.get_program());
    builder.args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => builder.env(name, value),
            None => builder.env_remove(name),
        }
    }
    Pty::new(builder, 150, 50)
}

async fn ended(child: Child) -> Output {
    tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap()
}

async fn ran(mut command: Command) -> Output {
    ended(command.spawn().unwrap()).await
}

/// Both streams, for messages.
fn printed(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

async fn until(api: &Api, what: &str, test: impl Fn(&Objects) -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !test(&api.objects()) {
        assert!(Instant::now() < deadline, "{what}: {:#?}", api.objects().asked);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn interrupt(child: &Child) {
    let pid = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
}

fn installed(version: &str) -> Value {
    json!({"schema": 1, "answers": {}, "components": {"gate": {
        "title": "Gate", "version": version, "installed": "2026-01-01T00:00:00Z",
        "release": {"namespace": "far", "name": "my-gate"}}}})
}

/// As `IS_THERE` defines it.
fn without_release(version: &str) -> Value {
    let mut state = installed(version);
    state["components"]["gate"].as_object_mut().unwrap().remove("release");
    state
}

#[tokio::test(flavor = "multi_thread")]
async fn an_install_records_and_gives_its_lock_back() {
    let api = Api::serve(|_, _, _| ()).await;
    let place = Place::new(&api, IS_THERE);
    let output = ran(place.install(&[])).await;
    assert_eq!(output.status.code(), Some(0), "{}", printed(&output));
    let objects = api.objects();
    assert_eq!(objects.remembered()["components"]["gate"]["version"], "1.0.0");
    assert!(!objects.leases.is_empty() && !objects.kept.contains_key(LEASE), "{:?}", objects.asked);
}

/// Another run upgraded it between the plan and the lock.
#[tokio::test(flavor = "multi_thread")]
async fn downgrades_are_asked_again_under_the_lock() {
    let api = Api::serve(|objects, method, path| {
        if *method == Method::POST && path.ends_with("/leases") {
            objects.remember(&without_release("2.0.0"));
        }
    })
    .await;
    let place = Place::new(&api, IS_THERE);
    let output = ran(place.install(&[])).await;
    assert_eq!(output.status.code(), Some(8), "{}", printed(&output));
    assert!(printed(&output).contains("gate 2.0.0 is installed, and the catalog has 1.0.0"), "{}", printed(&output));
    let objects = api.objects();
    assert_eq!(objects.remembered(), without_release("2.0.0"), "nothing was changed");
    assert!(!objects.kept.contains_key(LEASE), "the lock was given back");
}

/// Nor is what preflight finds remembered from before the lock.
#[tokio::test(flavor = "multi_thread")]
async fn preflight_is_asked_again_under_the_lock() {
    let api = Api::serve(|objects, method, path| {
        if *method == Method::POST && path.ends_with("/leases") {
            objects.kept.remove("/api/v1/nodes/worker");
        }
    })
    .await;
    let place = Place::new(&api, IS_THERE);
    let output = ran(place.install(&[])).await;
    assert_eq!(output.status.code(), Some(11), "{}", printed(&output));
    let objects = api.objects();
    assert_eq!(objects.remembered(), Value::Null, "nothing was changed");
    assert!(!objects.kept.contains_key(LEASE), "the lock was given back");
}

/// A `verify` that has the lock and asks a service that is not there.
async fn asking() -> (Api, Place, Child) {
    let api = Api::serve(|_, _, _| ()).await;
    api.objects().remember(&installed("1.0.0"));
    let place = Place::new(&api, ASKS);
    let run = place.windlass(&["verify"]).spawn().unwrap();
    until(&api, "the lock", |objects| objects.kept.contains_key(LEASE)).await;
    (api, place, run)
}

/// `verify` beside an install would prove what is just being replaced.
#[tokio::test(flavor = "multi_thread")]
async fn verify_takes_the_lock_and_stops_at_once() {
    let (api, place, first) = asking().await;
    until(&api, "the first asks", |objects| objects.asked.iter().any(|asked| asked.contains("services/my-gate"))).await;
    let second = ran(place.windlass(&["verify"])).await;
    assert_eq!(second.status.code(), Some(9), "{}", printed(&second));
    assert!(printed(&second).contains("is locked by"), "{}", printed(&second));
    let begun = Instant::now();
    interrupt(&first);
    let first = ended(first).await;
    assert_eq!(first.status.code(), Some(6), "{}", printed(&first));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert!(!api.objects().kept.contains_key(LEASE), "the lock was given back");
}

/// Setting the machine's clock back by 31 seconds is the same as the API server's going ahead by as much: a lock that is
/// renewed by the clock that there was would count as expired.
#[tokio::test(flavor = "multi_thread")]
async fn a_lock_is_renewed_at_the_api_servers_own_time() {
    let (api, place, run) = asking().await;
    api.objects().ahead = jiff::SignedDuration::from_secs(31);
    until(&api, "a renewal", |objects| objects.leases.len() > 1).await;
    let (at, lease) = api.objects().leases.last().unwrap().clone();
    let renewed: jiff::Timestamp = lease["spec"]["renewTime"].as_str().unwrap().parse().unwrap();
    let age = at.duration_since(renewed).as_secs();
    assert!((0..=2).contains(&age), "renewed {age} s ago: a second operator gets in after 30");
    let other = ran(place.windlass(&["verify"])).await;
    assert_eq!(other.status.code(), Some(9), "{}", printed(&other));
    interrupt(&run);
    assert_eq!(ended(run).await.status.code(), Some(6));
}

/// Whoever loses the lock ends with 10, whatever that does to its steps.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_lock_ends_the_run_at_once_with_a_code_of_its_own() {
    let (api, _place, run) = asking().await;
    api.objects().kept.remove(LEASE);
    let begun = Instant::now();
    let output = ended(run).await;
    assert_eq!(output.status.code(), Some(10), "{}", printed(&output));
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    assert!(printed(&output).contains("it was unlocked"), "{}", printed(&output));
    assert!(api.objects().remembered()["components"]["gate"]["verified"].is_null(), "nothing is written without it");
}

/// Whoever may write the Lease can put anything into it: the question shows it and does not obey it. `script` gives the
/// command a terminal, and what it writes there as it is.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_lock_says_of_itself_is_shown_and_not_obeyed() {
    const EVIL: &str = "ann\u{1b}]52;c;QUFB\u{7}\u{1b}]0;title\u{9c}\u{9b}2J\r\u{202e}@far";
    let api = Api::serve(|_, _, _| ()).await;
    let annotations = json!({"windlass.dev/command": EVIL, "windlass.dev/run": EVIL});
    let spec = json!({"holderIdentity": EVIL, "leaseDurationSeconds": 30});
    let metadata = json!({"name": "windlass", "namespace": "windlass-system", "annotations": annotations});
    let lease = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec});
    api.objects().put(LEASE, lease);
    let place = Place::new(&api, IS_THERE);
    let unlock = place.windlass(&["unlock"]);
    let words = std::iter::once(unlock.get_program()).chain(unlock.get_args());
    let line = words.map(|word| format!("'{}'", word.to_str().unwrap())).collect::<Vec<_>>().join(" ");
    let mut command = Command::new("script");
    command.args(["-qec", &line, "/dev/null"]).env("XDG_STATE_HOME", place.path()).env_remove("KUBECONFIG");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"n\n").unwrap();
    let output = ended(child).await;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("is locked by ann") && text.contains("unlock it?"), "{text:?}");
    assert!(!text.contains("]52;c;QUFB\u{7}") && !text.contains(['\u{9b}', '\u{9c}', '\u{202e}']), "{text:?}");
    assert!(!text.contains("\u{1b}]"), "{text:?}");
    assert!(text.contains("nothing was changed"), "{text:?}");
    assert!(api.objects().leases.is_empty(), "the lock is as it was");
}

/// Until it is answered, Ctrl-C ends the command as it ends any other; after it, the run is stopped in order.
#[tokio::test(flavor = "multi_thread")]
async fn signals_at_the_question_and_after_it() {
    let api = Api::serve(|_, _, _| ()).await;
    let mut place = Place::new(&api, ASKS);
    place.helm = place.path().join("helm");
    std::fs::write(&place.helm, "#!/bin/sh\ncase $1 in version) echo v4.2.4 ;; template) ;; *) sleep 60 ;; esac\n")
        .unwrap();
    std::fs::set_permissions(&place.helm, std::fs::Permissions::from_mode(0o755)).unwrap();
    api.objects().remember(&installed("1.0.0"));
    let uninstall = place.windlass(&["uninstall"]);
    // The library of terminals calls an end by a signal 1.
    for (keys, code, begins) in [("\u{3}", 1, false), ("y\r", 6, true)] {
        let mut run = in_terminal(&uninstall);
        run.shows("Proceed? [y/N]", 20);
        run.keys(keys);
        if begins {
            run.shows("0 of 2 finished, 1 running", 20);
            until(&api, "the lock", |objects| objects.kept.contains_key(LEASE)).await;
            std::thread::sleep(Duration::from_millis(500));
            run.keys("\u{3}");
        }
        let begun = Instant::now();
        assert_eq!(run.ends(10), code, "{}", run.text());
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}: {}", begun.elapsed(), run.text());
        assert!(!api.objects().kept.contains_key(LEASE), "the lock was given back: {}", run.text());
        crate::pty::no_process_of(run.pid(), 5);
        assert!(!api.objects().remembered()["components"]["gate"].is_null(), "it is as it was");
    }
}

/// The kernel's limit on the size of a file is a disk that is full, and needs no disk.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_an_error_of_this_machine() {
    let api = Api::serve(|_, _, _| ()).await;
    api.objects().remember(&installed("1.0.0"));
    let place = Place::new(&api, ASKS);
    let run = place.windlass(&["verify"]);
    let mut limited = Command::new("bash");
    // Room for the plan and the first event.
    limited
        .args(["-c", "trap '' XFSZ; exec prlimit --fsize=400 \"$0\" \"$@\""])
        .arg(run.get_program())
        .args(run.get_args());
    for (name, value) in run.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    limited.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = ran(limited).await;
    assert_eq!(output.status.code(), Some(1), "{}", printed(&output));
    assert!(printed(&output).contains("failed to write the journal"), "{}", printed(&output));
}

const PASSWORD: &str = "/api/v1/namespaces/far/secrets/my-gate-password";
const NEXT: &str = "/api/v1/namespaces/far/secrets/my-gate-password-next";
const CONNECTION: &str = "/api/v1/namespaces/far/secrets/my-gate-connection";

/// What a Secret holds.
fn held(objects: &Objects, path: &str, key: &str) -> Option<String> {
    use base64::Engine as _;
    let text = objects.kept.get(path)?["data"][key].as_str()?.to_owned();
    Some(String::from_utf8(base64::engine::general_purpose::STANDARD.decode(text).unwrap()).unwrap())
}

/// All that windlass left on this machine, as one text.
fn left(folder: &Path, all: &mut String) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type().unwrap().is_dir() {
            true => left(&entry.path(), all),
            false => all.push_str(&String::from_utf8_lossy(&std::fs::read(entry.path()).unwrap())),
        }
    }
}

/// Killed when the new content is staged, before it is switched, before what is made of it follows, and before what was
/// staged is removed: run again, it comes to one end, and nothing that is left tells the old or the new content.
#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_that_was_killed_goes_on_and_tells_no_content() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    const OLD: &str = "old-content/with:signs@in%it";
    let moments = [
        (Method::POST, "/api/v1/namespaces/far/secrets"),
        (Method::PATCH, PASSWORD),
        (Method::PATCH, CONNECTION),
        (Method::DELETE, NEXT),
    ];
    for (at, (verb, wanted)) in moments.into_iter().enumerate() {
        let (armed, reached) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicBool::new(false)));
        let (is_armed, is_reached) = (armed.clone(), reached.clone());
        let api = Api::serve(move |objects, method, path| {
            if *method == verb && path == wanted && is_armed.load(Ordering::SeqCst) {
                // The first of them is done, and its answer is lost; the others are not done.
                objects.down = at > 0;
                is_reached.store(true, Ordering::SeqCst);
            } else if is_reached.load(Ordering::SeqCst) && is_armed.load(Ordering::SeqCst) {
                objects.down = true;
            }
        })
        .await;
        let place = Place::new(&api, HAS_SECRETS);
        let mut state = installed("1.0.0");
        state["components"]["gate"]["secrets"] = json!(["my-gate-password", "my-gate-connection"]);
        api.objects().remember(&state);
        let code = |text: &str| base64::Engine::encode(&base64::engine::general_purpose::STANDARD, text);
        let labels = json!({"app.kubernetes.io/managed-by": "windlass"});
        api.objects().put(
            PASSWORD,
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"labels": labels}, "data": {"password": code(OLD)}}),
        );
        let rotate = ["secrets", "rotate", "gate.password", "--yes", "--no-verify", "--json"];
        let mut first = place.windlass(&rotate).spawn().unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        while !reached.load(Ordering::SeqCst) {
            assert!(Instant::now() < deadline, "moment {at}: {:#?}", api.objects().asked);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        first.kill().unwrap();
        let first = ended(first).await;
        armed.store(false, Ordering::SeqCst);
        api.objects().down = false;
        let staged = held(&api.objects(), NEXT, "password").expect("what was staged outlives the kill");
        assert_eq!(held(&api.objects(), PASSWORD, "password").unwrap() == OLD, at < 2, "moment {at}");
        let listed = ran(place.windlass(&["secrets", "list"])).await;
        assert!(printed(&listed).contains("rotation not finished"), "{}", printed(&listed));
        let second = ran(place.windlass(&rotate)).await;
        assert_eq!(second.status.code(), Some(0), "moment {at}: {}", printed(&second));
        let objects = api.objects();
        assert_eq!(held(&objects, PASSWORD, "password").unwrap(), staged, "the one that was staged");
        assert_eq!(held(&objects, CONNECTION, "url").unwrap(), format!("pg://u:{staged}@h/db"));
        assert!(!objects.kept.contains_key(NEXT) && !objects.kept.contains_key(LEASE), "moment {at}");
        let login = held(&objects, CONNECTION, "login").unwrap();
        let mut all = printed(&first) + &printed(&second) + &printed(&listed) + &objects.remembered().to_string();
        left(place.path(), &mut all);
        assert!(all.contains("switch-password"), "the journals are among it");
        for content in [OLD, &staged, &login, "old-content", &code(OLD), &code(&staged)] {
            assert!(!all.contains(content), "moment {at} tells it");
        }
    }
}

/// Copies of Secrets in a namespace for jobs: they follow a rotation and go with a purge.
#[tokio::test(flavor = "multi_thread")]
async fn copies_of_secrets_follow_and_go() {
    const ORIGINALS: &str = "/api/v1/namespaces/far/secrets";
    const COPIES: &str = "/api/v1/namespaces/far-jobs/secrets";
    const NAMES: [&str; 2] = ["my-gate-connection", "my-gate-password"];
    let copied = format!("{HAS_SECRETS}namespaces:\n  - {{name: far-jobs, secrets: [password, connection]}}\n");
    let api = Api::serve(|_, _, _| ()).await;
    let place = Place::new(&api, &copied);
    let mut state = installed("1.0.0");
    let filled: Vec<String> = NAMES.iter().flat_map(|name| [(*name).to_owned(), format!("far-jobs/{name}")]).collect();
    state["components"]["gate"]["secrets"] = json!(filled);
    state["components"]["gate"]["namespaces"] = json!(["far-jobs"]);
    api.objects().remember(&state);
    let code = |text: &str| base64::Engine::encode(&base64::engine::general_purpose::STANDARD, text);
    let labels = json!({"app.kubernetes.io/managed-by": "windlass"});
    for path in [ORIGINALS, COPIES].map(|folder| format!("{folder}/my-gate-password")) {
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"labels": labels}, "data": {"password": code("before-r0tation")}});
        api.objects().put(&path, secret);
    }
    let equal = || {
        let objects = api.objects();
        NAMES.map(|name| {
            let data = |folder: &str| objects.kept.get(&format!("{folder}/{name}")).map(|it| it["data"].clone());
            data(ORIGINALS).is_some() && data(ORIGINALS) == data(COPIES)
        })
    };
    assert_eq!(equal(), [false, true]);
    let rotate = ["secrets", "rotate", "gate.password", "--yes", "--no-verify"];
    let output = ran(place.windlass(&rotate)).await;
    assert_eq!(output.status.code(), Some(0), "{}", printed(&output));
    assert_eq!(equal(), [true, true]);
    let password = held(&api.objects(), &format!("{COPIES}/my-gate-password"), "password").unwrap();
    assert_ne!(password, "before-r0tation");
    let listed = ran(place.windlass(&["secrets", "list"])).await;
    let rows = printed(&listed);
    assert!(rows.contains("a copy of Secret far/my-gate-password (gate.password)"), "{rows}");
    assert!(!rows.contains(&password), "{rows}");
    // Changed by hand, one removed.
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"labels": labels}, "data": {"password": code("by-h4nd")}});
    api.objects().put(&format!("{COPIES}/my-gate-password"), secret);
    api.objects().kept.remove(&format!("{COPIES}/my-gate-connection"));
    let drift = printed(&ran(place.windlass(&["status", "--drift"])).await);
    assert!(
        drift.contains("Secret far-jobs/my-gate-password has different content than Secret far/my-gate-password"),
        "{drift}"
    );
    assert!(
        drift.contains("it no longer exists") && !drift.contains("by-h4nd") && !drift.contains(&password),
        "{drift}"
    );
    let gone = ran(place.windlass(&["uninstall", "--purge-data", "--yes", "--confirm", "fake"])).await;
    let objects = api.objects();
    let left: Vec<&String> = objects.kept.keys().filter(|path| path.contains("my-gate-")).collect();
    assert_eq!(left, Vec::<&String>::new(), "{}", printed(&gone));
}

/// What a rotation refuses, and pull Secrets that are written anew without a revision.
#[tokio::test(flavor = "multi_thread")]
async fn pull_secrets_are_written_anew_and_nothing_else() {
    const PULL: &str = "/api/v1/namespaces/far/secrets/windlass-registry";
    let api = Api::serve(|_, _, _| ()).await;
    let place = Place::new(&api, HAS_SECRETS);
    let login = place.path().join("login.json");
    let write = |auth: &str| std::fs::write(&login, json!({"auths": {"r.site": {"auth": auth}}}).to_string()).unwrap();
    let mut state = installed("1.0.0");
    state["components"]["gate"]["pull_secret"] = json!("windlass-registry");
    state["answers"] = json!({"platform": {"registry": "r.site", "pull_secret": format!("file:{}", login.display())}});
    api.objects().remember(&state);
    write("dTpmaXJzdA==");
    let refresh = || place.windlass(&["secrets", "refresh", "--yes"]);
    let output = ran(refresh()).await;
    assert_eq!(output.status.code(), Some(0), "{}", printed(&output));
    assert!(held(&api.objects(), PULL, ".dockerconfigjson").unwrap().contains("dTpmaXJzdA=="));
    let again = ran(refresh()).await;
    assert!(printed(&again).contains("nothing to do"), "{}", printed(&again));
    write("dTpzZWNvbmQ=");
    let output = ran(refresh()).await;
    assert!(printed(&output).contains("has different credentials"), "{}", printed(&output));
    assert!(held(&api.objects(), PULL, ".dockerconfigjson").unwrap().contains("dTpzZWNvbmQ="));
    assert_eq!(api.objects().remembered(), state, "no release and no record changed");
    for (secret, code, says) in [
        ("gate.connection", 8, "has no secret `connection`"),
        ("gate.nothing", 8, "has no secret `nothing`"),
        ("gat.password", 8, "`gat` is not installed"),
        ("password", 2, "is not of the form component.question"),
    ] {
        let output = ran(place.windlass(&["secrets", "rotate", secret, "--yes"])).await;
        assert_eq!(output.status.code(), Some(code), "{}", printed(&output));
        assert!(printed(&output).contains(says), "{}", printed(&output));
    }
}
