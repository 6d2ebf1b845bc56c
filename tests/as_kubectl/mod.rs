//! Kubeconfigs, proxy variables and credential plugins, each given to windlass and to kubectl: the one connects if and
//! only if the other does. The entries are data (`*.yaml` beside this file) and say what kubectl did when they were
//! recorded. Where there is a kubectl (`WINDLASS_KUBECTL`, or the sandbox's), it is asked again; where there is none,
//! windlass is compared with what was recorded, and that is said.
#![expect(clippy::print_stderr, reason = "a test that cannot go on fails where it stands")]

mod servers;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde::Deserialize;
use servers::Servers;
use windlass::driver::kube::{Cluster, ConnectOptions};

/// One entry of a corpus.
#[derive(Deserialize)]
struct Entry {
    name: String,
    /// Whether kubectl connects.
    connects: bool,
    /// The one file, or `files` with `list` naming them as KUBECONFIG does.
    #[serde(default)]
    kubeconfig: Option<String>,
    #[serde(default)]
    files: BTreeMap<String, String>,
    #[serde(default)]
    list: Option<String>,
    #[serde(default)]
    context: Option<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    /// Programs to be put into PATH.
    #[serde(default)]
    programs: BTreeMap<String, String>,
    /// Words of what windlass says where it does not connect.
    #[serde(default)]
    says: Option<String>,
    /// Why windlass does otherwise than kubectl.
    #[serde(default)]
    disagrees: Option<String>,
}

fn kubectl() -> Option<PathBuf> {
    let named = std::env::var_os("WINDLASS_KUBECTL").map(PathBuf::from);
    let sandbox = std::env::var_os("WINDLASS_SANDBOX_DIR").map_or("/var/lib/windlass/sandbox".into(), PathBuf::from);
    [named, Some(sandbox.join("bin/kubectl"))].into_iter().flatten().find(|path| path.is_file())
}

struct Outcome {
    connects: bool,
    said: String,
}

/// Runs a command for at most so long; one that is still at work then does not connect.
fn run(mut command: Command, within: Duration) -> Outcome {
    let (out, err) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
    command.stdin(Stdio::null()).stdout(out.try_clone().unwrap()).stderr(err.try_clone().unwrap());
    let mut child = command.spawn().unwrap();
    let begin = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break Some(status);
        }
        if begin.elapsed() > within {
            child.kill().unwrap();
            child.wait().unwrap();
            break None;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let text = |mut file: std::fs::File| {
        use std::io::{Read as _, Seek as _};
        let mut bytes = Vec::new();
        file.rewind().unwrap();
        file.read_to_end(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let said = text(out) + &text(err);
    Outcome { connects: status.is_some_and(|status| status.success()), said }
}

/// The folder of an entry with its files, and the environment that both programs get.
fn prepare(entry: &Entry, servers: &Servers, folder: &Path) -> BTreeMap<String, String> {
    let here = folder.display().to_string();
    let filled = |text: &str| servers.fill(text).replace("{here}", &here);
    std::fs::create_dir_all(folder.join("bin")).unwrap();
    servers.write(folder);
    if let Some(text) = &entry.kubeconfig {
        std::fs::write(folder.join("config"), filled(text)).unwrap();
    }
    for (name, text) in &entry.files {
        std::fs::write(folder.join(name), filled(text)).unwrap();
    }
    for (name, text) in &entry.programs {
        let path = folder.join("bin").join(name);
        std::fs::write(&path, filled(text)).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    let list = entry.list.as_deref().unwrap_or("{here}/config");
    let mut env: BTreeMap<String, String> =
        entry.env.iter().map(|(name, value)| (name.clone(), filled(value))).collect();
    env.insert("KUBECONFIG".to_owned(), filled(list));
    env.insert("HOME".to_owned(), here.clone());
    env.insert("PATH".to_owned(), format!("{here}/bin:/usr/local/bin:/usr/bin:/bin"));
    env
}

fn compare(corpus: &str) {
    let entries: Vec<Entry> = windlass::model::yaml::from_str(corpus).unwrap();
    let servers = Servers::start();
    let kubectl = kubectl();
    if kubectl.is_none() {
        eprintln!("no kubectl: compared with what was recorded of one");
    }
    let folder = tempfile::tempdir().unwrap();
    let next = Mutex::new(entries.iter().enumerate());
    let wrong = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                loop {
                    let Some((index, entry)) = next.lock().unwrap().next() else { return };
                    let folder = folder.path().join(index.to_string());
                    let env = prepare(entry, &servers, &folder);
                    for problem in one(entry, kubectl.as_deref(), &env, &folder) {
                        wrong.lock().unwrap().push(problem);
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), entries.len(), wrong.join("\n"));
    eprintln!("{} entries, {} of them apart", entries.len(), entries.iter().filter(|e| e.disagrees.is_some()).count());
}

fn one(entry: &Entry, kubectl: Option<&Path>, env: &BTreeMap<String, String>, folder: &Path) -> Vec<String> {
    let mut wrong = Vec::new();
    if let Some(kubectl) = kubectl {
        let mut command = Command::new(kubectl);
        command.args(["get", "--raw", "/version", "--request-timeout=8s"]).env_clear().envs(env).current_dir(folder);
        command.args(entry.context.iter().flat_map(|name| ["--context", name]));
        let found = run(command, Duration::from_secs(10));
        if found.connects != entry.connects {
            wrong.push(format!("{}: kubectl connects: {}; {}", entry.name, found.connects, found.said.trim()));
        }
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "as_kubectl::connect_as_the_environment_says", "--nocapture"]);
    command.env_clear().envs(env).current_dir(folder).env("AS_KUBECTL", entry.context.as_deref().unwrap_or_default());
    let found = run(command, Duration::from_secs(30));
    let wanted = entry.connects != entry.disagrees.is_some();
    if found.connects != wanted {
        wrong.push(format!("{}: windlass connects: {}; {}", entry.name, found.connects, said(&found)));
    }
    if let Some(words) = entry.says.as_ref().filter(|words| !said(&found).contains(*words)) {
        wrong.push(format!("{}: windlass does not say {words:?}: {}", entry.name, said(&found)));
    }
    for secret in ["good-token", "c2VjcmV0", "p%40ss"] {
        if found.said.contains(secret) {
            wrong.push(format!("{}: windlass tells a secret: {}", entry.name, found.said));
        }
    }
    wrong
}

/// What a child said of the connection, without the harness's lines.
fn said(outcome: &Outcome) -> String {
    outcome.said.lines().filter(|line| line.starts_with("SAID ")).collect::<Vec<_>>().join(" ")
}

/// Not a test: what is run for each entry, in a process and an environment of its own.
#[test]
#[ignore = "run by the others"]
fn connect_as_the_environment_says() {
    let Ok(context) = std::env::var("AS_KUBECTL") else { return };
    let context = Some(context).filter(|name| !name.is_empty());
    let options = ConnectOptions { context, plugin_within: Some(Duration::from_secs(3)), ..ConnectOptions::default() };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    match runtime.block_on(Cluster::connect(&options)) {
        Ok(cluster) => eprintln!("SAID connected to {}", cluster.info().server),
        Err(error) => {
            let mut next: Option<&dyn std::error::Error> = Some(&error);
            let mut layers = Vec::new();
            while let Some(error) = next {
                layers.push(error.to_string());
                next = error.source();
            }
            eprintln!("SAID {}", layers.join(": "));
            std::process::exit(1);
        }
    }
}

#[test]
fn kubeconfigs() {
    compare(include_str!("kubeconfigs.yaml"));
}

#[test]
fn proxies() {
    compare(include_str!("proxies.yaml"));
}

#[test]
fn plugins() {
    compare(include_str!("plugins.yaml"));
}
