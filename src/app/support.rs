//! `windlass support-bundle`: everything that helps somebody else to see what happened, and no secrets.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Value, json};

use super::exit::{Exit, Failed, OrExit as _};
use super::journal;
use super::output::Output;
use super::session;
use crate::cli::{AnswerArgs, Global, SupportArgs};
use crate::driver::archive::{Entry, write_tar_gz};
use crate::driver::kube::Cluster;
use crate::driver::state_store;
use crate::model::cluster::{ReleaseKey, ReleaseState};
use crate::model::state::{ComponentState, InstallState};
use crate::model::{Redactor, STATE_NAMESPACE, bounded};

/// More than this of one file is cut, from its beginning: what happened last stands at the end.
const FILE_CAP: usize = 1 << 20;

/// More than this in all is left out, file by file, and the index says so.
const TOTAL_CAP: usize = 32 << 20;

/// The last lines of each container's log.
const LOG_LINES: u32 = 1000;

/// How many runs of this machine.
const RUNS: usize = 5;

/// What is asked of each namespace. Of Secrets only which there are.
const KINDS: [&str; 14] = [
    "Pod",
    "Event",
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "ReplicaSet",
    "Job",
    "Service",
    "Ingress",
    "ConfigMap",
    "Secret",
    "PersistentVolumeClaim",
    "ResourceQuota",
    "LimitRange",
];

/// What is asked of the cluster.
const CLUSTER_KINDS: [&str; 5] = ["Node", "StorageClass", "IngressClass", "PersistentVolume", "Namespace"];

/// What is collected, with what could not be.
struct Collection {
    redactor: Redactor,
    entries: Vec<Entry>,
    index: Vec<Indexed>,
    missing: Vec<String>,
    total: usize,
}

#[derive(Serialize)]
struct Indexed {
    path: String,
    bytes: usize,
    what: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    cut: bool,
}

impl Collection {
    fn text(&mut self, path: String, what: &str, text: &str) {
        let clean = self.redactor.text(text);
        self.add(path, what, clean);
    }

    fn value(&mut self, path: String, what: &str, mut value: Value) {
        self.redactor.value(&mut value);
        match serde_json::to_string_pretty(&value) {
            Ok(text) => self.add(path, what, text),
            Err(error) => self.missing.push(format!("{path}: {error}")),
        }
    }

    fn add(&mut self, path: String, what: &str, text: String) {
        let cut = text.len() > FILE_CAP;
        let mut begin = text.len().saturating_sub(FILE_CAP);
        while !text.is_char_boundary(begin) {
            begin += 1;
        }
        let bytes = text.as_bytes()[begin..].to_vec();
        if self.total + bytes.len() > TOTAL_CAP {
            self.missing.push(format!("{path}: left out, the bundle would be larger than {} MiB", TOTAL_CAP >> 20));
            return;
        }
        self.total += bytes.len();
        self.index.push(Indexed { path: path.clone(), bytes: bytes.len(), what: what.to_owned(), cut });
        self.entries.push(Entry { path, bytes });
    }
}

/// Makes the archive.
pub(super) async fn support(global: &Global, args: &SupportArgs, output: &Output) -> Result<Exit, Failed> {
    let id = journal::new_id().or_exit(Exit::Unexpected)?;
    let name = format!("windlass-support-{id}");
    let target = args.output.clone().unwrap_or_else(|| PathBuf::from(format!("{name}.tar.gz")));
    output.remark(
        "collecting what this machine and the cluster know; secrets are taken out, nothing leaves this machine",
    );
    let connected = session::connect(global).await;
    let (cluster, trouble) = match connected {
        Ok(cluster) => (Some(cluster), None),
        // A cluster that cannot be reached is what the bundle may be about.
        Err(failed) => (None, Some(failed.chain().join(": "))),
    };
    let state = match &cluster {
        Some(cluster) => state_store::load(cluster).await.map(|state| state.unwrap_or_default().with_begun()),
        None => Ok(InstallState::default()),
    };
    let (state, state_trouble) = match state {
        Ok(state) => (state, None),
        Err(error) => (InstallState::default(), Some(format!("what is installed: {:#}", anyhow::Error::new(error)))),
    };
    let namespaces = namespaces(&state, args);
    let secrets = match &cluster {
        Some(cluster) => known_secrets(cluster, &namespaces).await,
        None => BTreeSet::new(),
    };
    let mut all = Collection {
        redactor: Redactor::new(secrets),
        entries: Vec::new(),
        index: Vec::new(),
        missing: trouble
            .map(|why| format!("everything of the cluster: {why}"))
            .into_iter()
            .chain(state_trouble)
            .collect(),
        total: 0,
    };
    machine(&mut all, global);
    runs(&mut all);
    match preflight(global, &state, output).await {
        Ok(report) => all.value("preflight.json".to_owned(), "what preflight finds now", report),
        Err(failed) => all.missing.push(format!("preflight.json: {}", failed.chain().join(": "))),
    }
    if let Some(cluster) = &cluster {
        let known = serde_json::to_value(&state).unwrap_or_default();
        all.value("state.json".to_owned(), "what windlass remembers in the cluster", known);
        of_cluster(&mut all, cluster, &state).await;
        for namespace in &namespaces {
            of_namespace(&mut all, cluster, namespace).await;
        }
        of_hdfs(&mut all, global, cluster, &state).await;
    }
    let index = json!({
        "schema": 1,
        "made": jiff::Timestamp::now().to_string(),
        "windlass": env!("CARGO_PKG_VERSION"),
        "files": all.index,
        "left_out": all.missing,
        "never_in_it": ["the content of Secrets", "kubeconfig", "files that were uploaded"],
    });
    let text = serde_json::to_string_pretty(&index).or_exit(Exit::Unexpected)?;
    all.entries.insert(0, Entry { path: "index.json".to_owned(), bytes: all.redactor.text(&text).into_bytes() });
    let now = u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or_default();
    write_tar_gz(&target, &name, &all.entries, now)
        .map_err(|error| anyhow::Error::new(error).context(format!("failed to write {}", target.display())))
        .or_exit(Exit::Unexpected)?;
    told(&target, &all, output)
}

/// Preflight with the answers of what is installed, or of the last run from here.
async fn preflight(global: &Global, state: &InstallState, output: &Output) -> Result<Value, Failed> {
    let catalog = session::load_catalog(global)?;
    let installed = (!state.components.is_empty()).then_some(state);
    let mut args = AnswerArgs::default();
    if installed.is_none() {
        let (ids, root) = (journal::list().or_exit(Exit::Unexpected)?, journal::root().or_exit(Exit::Unexpected)?);
        let files = ids.iter().rev().map(|id| root.join(id).join("answers.yaml"));
        args.answers = files.into_iter().find(|file| file.exists());
    }
    let answers = session::answers(global, &args, &catalog, installed)?;
    let report = super::preflight::report(global, &catalog, &answers, &[], output).await?;
    serde_json::to_value(report).or_exit(Exit::Unexpected)
}

fn told(target: &Path, all: &Collection, output: &Output) -> Result<Exit, Failed> {
    let size = std::fs::metadata(target).map(|file| file.len()).unwrap_or_default();
    if output.json {
        output.value(&json!({"bundle": target, "bytes": size, "files": all.entries.len(), "left_out": all.missing}))?;
        return Ok(Exit::Done);
    }
    let mut text = format!(
        "{}: {} files, {:.1} MB; index.json says what each is\n",
        target.display(),
        all.entries.len(),
        size as f64 / 1e6
    );
    for missing in &all.missing {
        text.push_str(&format!("left out: {missing}\n"));
    }
    output.text(&text)?;
    Ok(Exit::Done)
}

/// The namespaces of what is installed or was kept, and those that were named.
fn namespaces(state: &InstallState, args: &SupportArgs) -> BTreeSet<String> {
    let records = state
        .components
        .values()
        .map(|component| &component.record)
        .chain(state.kept.values().map(|kept| &kept.record));
    records
        .filter_map(|record| record.release.as_ref().map(|key| key.namespace.clone()))
        .chain(state.namespaces.keys().cloned())
        .chain(args.namespace.iter().cloned())
        .chain([STATE_NAMESPACE.to_owned()])
        .collect()
}

/// Every value that a Secret of these namespaces holds, so that it is found wherever else it stands.
async fn known_secrets(cluster: &Cluster, namespaces: &BTreeSet<String>) -> BTreeSet<String> {
    let mut values = BTreeSet::new();
    for namespace in namespaces {
        // Helm's records and our own state hold no secrets, and are large.
        let own = |kind: &str| kind.starts_with("helm.sh/");
        for secret in cluster.secret_values(namespace, own).await.unwrap_or_default() {
            values.extend(parts(secret.expose()));
        }
    }
    values
}

/// A value, and where it is a Docker login the logins in it.
fn parts(text: &str) -> Vec<String> {
    let mut parts = vec![text.to_owned()];
    if let Ok(config) = serde_json::from_str::<Value>(text) {
        let logins = config["auths"].as_object().into_iter().flat_map(serde_json::Map::values);
        for login in logins {
            parts.extend(["auth", "password"].iter().filter_map(|field| login[field].as_str()).map(str::to_owned));
        }
    }
    parts
}

fn machine(all: &mut Collection, global: &Global) {
    let kernel = std::fs::read_to_string("/proc/version").unwrap_or_default();
    let system = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let text = format!("windlass {}\nflags {global:?}\n{kernel}{system}", env!("CARGO_PKG_VERSION"));
    all.text("machine.txt".to_owned(), "windlass and the machine that it runs on", &text);
}

/// What is no text (a journal that was cut) is shown as far as it is one.
fn lossy(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}

fn runs(all: &mut Collection) {
    let (Ok(ids), Ok(root)) = (journal::list(), journal::root()) else {
        all.missing.push("the runs of this machine: their folder cannot be read".to_owned());
        return;
    };
    for id in ids.iter().rev().take(RUNS) {
        for (file, what) in [
            ("plan.json", "what was to be done"),
            ("answers.yaml", "with which answers"),
            ("events.jsonl", "what happened"),
        ] {
            match bounded::bytes(&root.join(id).join(file), bounded::JOURNAL).map(lossy) {
                Ok(text) => all.text(format!("runs/{id}/{file}"), what, &text),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => all.missing.push(format!("runs/{id}/{file}: {error}")),
            }
        }
    }
}

async fn of_cluster(all: &mut Collection, cluster: &Cluster, state: &InstallState) {
    let info = serde_json::to_value(cluster.info()).unwrap_or_default();
    all.value("cluster/target.json".to_owned(), "the cluster", info);
    for kind in CLUSTER_KINDS {
        objects(all, cluster, kind, None).await;
    }
    match cluster.lock().await {
        Ok(lock) => {
            let text = lock.map_or_else(|| "nobody\n".to_owned(), |lock| format!("{lock}\n"));
            all.text("cluster/lock.txt".to_owned(), "who is at work", &text);
        }
        Err(error) => all.missing.push(format!("the lock: {:#}", anyhow::Error::new(error))),
    }
    let keys: Vec<ReleaseKey> =
        state.components.values().filter_map(|component| component.record.release.clone()).collect();
    match cluster.releases(&keys).await {
        Ok(found) => found.into_values().for_each(|release| of_release(all, &release)),
        Err(error) => all.missing.push(format!("Helm's releases: {:#}", anyhow::Error::new(error))),
    }
}

fn of_release(all: &mut Collection, release: &ReleaseState) {
    let history: BTreeMap<String, String> =
        release.history.iter().map(|known| (known.revision.to_string(), known.status.to_string())).collect();
    let objects: Vec<Value> = release.manifest.iter().map(|object| object.body.clone()).collect();
    let value = json!({
        "release": release.key, "revision": release.revision, "status": release.status.to_string(),
        "chart": release.chart_name, "version": release.chart_version, "annotations": release.chart_annotations,
        "description": release.description, "updated": release.updated, "history": history,
        "values": release.config, "objects": objects,
    });
    let path = format!("releases/{}-{}.json", release.key.namespace, release.key.name);
    all.value(path, "a release as Helm recorded it", value);
}

async fn objects(all: &mut Collection, cluster: &Cluster, kind: &str, namespace: Option<&str>) -> Vec<Value> {
    let place = namespace.map_or_else(|| "cluster".to_owned(), |namespace| format!("namespaces/{namespace}"));
    let path = format!("{place}/{}s.json", kind.to_lowercase());
    match cluster.list(kind, namespace).await {
        Ok(found) if found.is_empty() => Vec::new(),
        Ok(mut found) => {
            found.iter_mut().for_each(without_copies);
            all.value(path, &format!("the {kind}s there"), Value::Array(found.clone()));
            found
        }
        Err(error) => {
            all.missing.push(format!("{path}: {:#}", anyhow::Error::new(error)));
            Vec::new()
        }
    }
}

/// Takes out of an object what only says the same again, and who wrote which field.
fn without_copies(object: &mut Value) {
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.remove("managedFields");
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
        }
    }
}

async fn of_namespace(all: &mut Collection, cluster: &Cluster, namespace: &str) {
    for kind in KINDS {
        let found = objects(all, cluster, kind, Some(namespace)).await;
        if kind != "Pod" {
            continue;
        }
        for pod in &found {
            let Some(name) = pod["metadata"]["name"].as_str() else { continue };
            let containers = ["initContainers", "containers"].iter().flat_map(|field| pod["spec"][field].as_array());
            for container in containers.flatten().filter_map(|container| container["name"].as_str()) {
                for previous in [false, true] {
                    let log = cluster.container_log(namespace, name, container, LOG_LINES, previous).await;
                    let suffix = if previous { ".previous" } else { "" };
                    let path = format!("namespaces/{namespace}/logs/{name}/{container}{suffix}.log");
                    match log {
                        Ok(lines) if lines.is_empty() => {}
                        Ok(lines) => all.text(path, "the end of a container's log", &lines.join("\n")),
                        Err(error) => all.missing.push(format!("{path}: {:#}", anyhow::Error::new(error))),
                    }
                }
            }
        }
    }
}

/// HDFS's own word on itself, and what is in the folders that windlass knows.
async fn of_hdfs(all: &mut Collection, global: &Global, cluster: &Cluster, state: &InstallState) {
    if state.components.is_empty() {
        return;
    }
    match hdfs_state(global, cluster, state).await {
        Ok(Some(value)) => all.value("hdfs.json".to_owned(), "the state of HDFS and its known folders", value),
        Ok(None) => {}
        Err(why) => all.missing.push(format!("hdfs.json: {why}")),
    }
}

async fn hdfs_state(global: &Global, cluster: &Cluster, state: &InstallState) -> Result<Option<Value>, String> {
    let said = |failed: Failed| failed.chain().join(": ");
    let catalog = session::load_catalog(global).map_err(said)?;
    let answers = session::answers(global, &AnswerArgs::default(), &catalog, Some(state)).map_err(said)?;
    let resolved = session::resolved(&catalog, &answers).map_err(said)?;
    let (_tunnels, hdfs) = session::reach(cluster, resolved.hdfs.as_ref()).map_err(said)?;
    let Some(hdfs) = hdfs.map(|hdfs| hdfs.with_deadline(std::time::Duration::from_secs(10))) else { return Ok(None) };
    let failed = |error: crate::driver::webhdfs::Error| format!("{:#}", anyhow::Error::new(error));
    let system = hdfs.system_state().await.map_err(failed)?;
    let folders: BTreeSet<&String> = state.components.values().flat_map(ComponentState::upload_folders).collect();
    let mut listed = serde_json::Map::new();
    for folder in folders {
        let files = hdfs.list(folder).await.map_err(failed)?.unwrap_or_default();
        let files: Vec<Value> = files
            .iter()
            .map(|file| json!({"name": file.name, "bytes": file.len, "mode": format!("{:04o}", file.mode)}))
            .collect();
        listed.insert(folder.clone(), Value::Array(files));
    }
    Ok(Some(json!({"operational": system.operational, "live_datanodes": system.live_datanodes, "folders": listed})))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collection() -> Collection {
        let redactor = Redactor::new(["planted-value".to_owned()]);
        Collection { redactor, entries: Vec::new(), index: Vec::new(), missing: Vec::new(), total: 0 }
    }

    #[test]
    fn what_is_too_long_is_cut_at_its_beginning() {
        let mut all = collection();
        all.text("log".to_owned(), "a log", &format!("{}é end", "x".repeat(FILE_CAP - 5)));
        assert!(all.index[0].cut && all.entries[0].bytes.len() <= FILE_CAP);
        assert!(all.entries[0].bytes.ends_with("é end".as_bytes()));
    }

    #[test]
    fn what_is_too_much_is_left_out_and_said() {
        let mut all = collection();
        for name in 0..40 {
            all.text(name.to_string(), "a log", &"x".repeat(FILE_CAP));
        }
        assert_eq!((all.entries.len(), all.missing.len()), (32, 8));
        assert!(all.missing[0].contains("left out"), "{}", all.missing[0]);
    }

    #[test]
    fn a_docker_login_is_known_by_its_parts() {
        let config = r#"{"auths": {"r:5000": {"username": "u", "password": "planted", "auth": "dTpw"}}}"#;
        assert_eq!(parts(config), [config, "dTpw", "planted"]);
    }
}
