//! `windlass support-bundle`: everything that helps others to see what happened, and no secrets.

mod collection;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::exit::{Exit, Failed, OrExit as _};
use super::journal;
use super::output::Output;
use super::{charts, session};
use crate::answers::Resolved;
use crate::cli::{AnswerArgs, Global, SupportArgs};
use crate::driver::archive::write_tar_gz;
use crate::driver::kube::{Cluster, SecretBytes};
use crate::driver::state_store;
use crate::model::cluster::{ReleaseKey, ReleaseState};
use crate::model::state::{ComponentState, InstallState};
use crate::model::{Redactor, ReleaseValues, STATE_NAMESPACE, bounded};
use collection::Collection;

/// The last lines of each container's log.
const LOG_LINES: u32 = 1000;

/// How many runs of this machine.
const RUNS: usize = 5;

/// What is read of each namespace. Of Secrets only their names.
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

/// What is read of the cluster.
const CLUSTER_KINDS: [&str; 5] = ["Node", "StorageClass", "IngressClass", "PersistentVolume", "Namespace"];

/// Makes the archive.
pub(super) async fn support(global: &Global, args: &SupportArgs, output: &Output) -> Result<Exit, Failed> {
    let id = journal::new_id().or_exit(Exit::Unexpected)?;
    let name = format!("windlass-support-{id}");
    let target = args.output.clone().unwrap_or_else(|| PathBuf::from(format!("{name}.tar.gz")));
    let connected = session::connect(global).await;
    let (cluster, trouble) = match connected {
        Ok(cluster) => (Some(cluster), None),
        // A cluster that cannot be reached is what the bundle may be about.
        Err(failed) => (None, Some(failed.chain().join(": "))),
    };
    let state = match &cluster {
        Some(cluster) => state_store::load(cluster).await.map(|state| state.unwrap_or_default().with_unfinished()),
        None => Ok(InstallState::default()),
    };
    let (state, state_trouble) = match state {
        Ok(state) => (state, None),
        Err(error) => (InstallState::default(), Some(format!("the recorded state: {:#}", anyhow::Error::new(error)))),
    };
    let namespaces = namespaces(&state, args);
    let held = match &cluster {
        Some(cluster) => held(cluster, &namespaces).await,
        None => SecretContents { values: Vec::new(), unread: vec!["the cluster, which cannot be reached".to_owned()] },
    };
    let (releases, release_trouble) = match &cluster {
        Some(cluster) => releases(cluster, &state).await,
        None => (Vec::new(), None),
    };
    let wanted = session::load_catalog(global).and_then(|catalog| {
        let answers = session::answers(global, &AnswerArgs::default(), &catalog, Some(&state))?;
        charts::resolved_as_installed(&catalog, &answers)
    });
    let mut salt = vec![0; 16];
    getrandom::fill(&mut salt).map_err(anyhow::Error::new).or_exit(Exit::Unexpected)?;
    // Unknown secrets cannot be redacted, only omitted.
    let with_config = args.with_config && held.unread.is_empty();
    let values = known(&held.values, &namespaces, &releases, wanted.as_ref().ok());
    let redactor = Redactor::of_bytes(values.iter().map(Vec::as_slice));
    let mut all = Collection::new(if with_config { redactor } else { redactor.omit_values(salt) });
    all.warnings = warnings(&held.unread, args.with_config);
    all.warnings.iter().for_each(|warning| output.remark(&format!("warning: {warning}")));
    output
        .remark("collecting data from this machine and the cluster; secrets are redacted, nothing leaves this machine");
    let trouble = trouble.map(|why| format!("all data of the cluster: {why}"));
    all.missing.extend(trouble.into_iter().chain(state_trouble).chain(release_trouble));
    machine(&mut all, global);
    runs(&mut all);
    match preflight(global, &state, output).await {
        Ok(report) => all.value("preflight.json".to_owned(), "current findings of preflight", report),
        Err(failed) => all.missing.push(format!("preflight.json: {}", failed.chain().join(": "))),
    }
    if let Some(cluster) = &cluster {
        // With the salt, versions of guessed passwords could be computed.
        let public = InstallState { salt: String::new(), ..state.clone() };
        let known = serde_json::to_value(&public).unwrap_or_default();
        all.value("state.json".to_owned(), "state recorded in the cluster", known);
        of_cluster(&mut all, cluster).await;
        for release in &releases {
            of_release(&mut all, release, wanted.as_ref().ok());
        }
        for namespace in &namespaces {
            of_namespace(&mut all, cluster, namespace).await;
        }
        of_hdfs(&mut all, global, cluster, &state).await;
    }
    let entries = all.finish(with_config).or_exit(Exit::Unexpected)?;
    let now = u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or_default();
    write_tar_gz(&target, &name, &entries, now)
        .map_err(|error| anyhow::Error::new(error).context(format!("failed to write {}", target.display())))
        .or_exit(Exit::Unexpected)?;
    print_result(&target, entries.len(), &all, output)
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
    let report = super::preflight::report(global, &catalog, (&answers, None), &[], output).await?;
    serde_json::to_value(report).or_exit(Exit::Unexpected)
}

fn print_result(target: &Path, files: usize, all: &Collection, output: &Output) -> Result<Exit, Failed> {
    let size = std::fs::metadata(target).map(|file| file.len()).unwrap_or_default();
    if output.json {
        output.value(&json!({
            "warnings": all.warnings, "bundle": target, "bytes": size, "files": files, "omitted": all.missing,
        }))?;
        return Ok(Exit::Done);
    }
    let mut text: String = all.warnings.iter().map(|warning| format!("warning: {warning}\n")).collect();
    text.push_str(&format!(
        "{}: {files} files, {:.1} MB; index.json describes them\n",
        target.display(),
        size as f64 / 1e6
    ));
    for missing in &all.missing {
        text.push_str(&format!("omitted: {missing}\n"));
    }
    output.say(&text)?;
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

/// What Secrets hold, and where they could not be read.
struct SecretContents {
    values: Vec<SecretBytes>,
    unread: Vec<String>,
}

/// Every value that a Secret of these namespaces holds, so that it is found wherever else it stands.
async fn held(cluster: &Cluster, namespaces: &BTreeSet<String>) -> SecretContents {
    let mut held = SecretContents { values: Vec::new(), unread: Vec::new() };
    for namespace in namespaces {
        // Helm's records and our own state are read apart, and are large.
        let own = |kind: &str| kind.starts_with("helm.sh/");
        match cluster.secret_values(namespace, own).await {
            Ok(values) => held.values.extend(values),
            Err(error) => held.unread.push(format!("namespace {namespace} ({:#})", anyhow::Error::new(error))),
        }
    }
    held
}

/// What must be known before the support bundle is shared.
fn warnings(unread: &[String], with_config: bool) -> Vec<String> {
    if unread.is_empty() {
        return Vec::new();
    }
    let mut warnings = vec![format!(
        "Secrets may not be read in {}: their content is redacted in this support bundle only where it looks like a secret; \
         review it before you share it",
        unread.join(", ")
    )];
    if with_config {
        warnings.push(
            "--with-config has no effect here: the content of ConfigMaps and environment variables is omitted"
                .to_owned(),
        );
    }
    warnings
}

/// Everything that is known to be secret. Names that everybody may see are not, even where a Secret holds them.
fn known(
    held: &[SecretBytes],
    namespaces: &BTreeSet<String>,
    releases: &[ReleaseState],
    wanted: Option<&Resolved>,
) -> Vec<Vec<u8>> {
    let public = |value: &SecretBytes| {
        let text = std::str::from_utf8(value.expose()).unwrap_or_default().trim();
        let certificate = text.contains("BEGIN CERTIFICATE") && !text.contains("PRIVATE KEY");
        certificate || namespaces.contains(text) || releases.iter().any(|release| release.key.name == text)
    };
    let mut values: Vec<Vec<u8>> =
        held.iter().filter(|value| !public(value)).map(|value| value.expose().to_vec()).collect();
    for release in releases {
        let before = ReleaseValues::new(release.config.clone(), release.config.clone());
        values.extend(before.secrets().into_iter().map(String::into_bytes));
    }
    let wanted = wanted.into_iter().flat_map(|wanted| &wanted.components).filter_map(|one| one.release.as_ref());
    values.extend(wanted.flat_map(|release| release.values.secrets()).map(String::into_bytes));
    values
}

/// Helm's releases of what is installed.
async fn releases(cluster: &Cluster, state: &InstallState) -> (Vec<ReleaseState>, Option<String>) {
    let keys: Vec<ReleaseKey> =
        state.components.values().filter_map(|component| component.record.release.clone()).collect();
    match cluster.releases(&keys).await {
        Ok(found) => (found.into_values().collect(), None),
        Err(error) => (Vec::new(), Some(format!("Helm's releases: {:#}", anyhow::Error::new(error)))),
    }
}

fn machine(all: &mut Collection, global: &Global) {
    let kernel = std::fs::read_to_string("/proc/version").unwrap_or_default();
    let system = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let text = format!("windlass {}\nflags {global:?}\n{kernel}{system}", env!("CARGO_PKG_VERSION"));
    all.text("machine.txt".to_owned(), "windlass and the machine it runs on", &text);
}

/// Invalid UTF-8 (a journal that was cut) is replaced.
fn lossy(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}

fn runs(all: &mut Collection) {
    let (Ok(ids), Ok(root)) = (journal::list(), journal::root()) else {
        all.missing.push("the runs of this machine: failed to read their folder".to_owned());
        return;
    };
    for id in ids.iter().rev().take(RUNS) {
        for (file, what) in [
            ("plan.json", "plan of the run"),
            ("answers.yaml", "answers of the run"),
            ("events.jsonl", "events of the run"),
        ] {
            match bounded::bytes(&root.join(id).join(file), bounded::JOURNAL).map(lossy) {
                Ok(text) => all.lines(format!("runs/{id}/{file}"), what, &text),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => all.missing.push(format!("runs/{id}/{file}: {error}")),
            }
        }
    }
}

async fn of_cluster(all: &mut Collection, cluster: &Cluster) {
    let info = serde_json::to_value(cluster.info()).unwrap_or_default();
    all.value("cluster/target.json".to_owned(), "the cluster", info);
    for kind in CLUSTER_KINDS {
        objects(all, cluster, kind, None).await;
    }
    match cluster.lock().await {
        Ok(lock) => {
            let text = lock.map_or_else(|| "not locked\n".to_owned(), |lock| format!("{lock}\n"));
            all.text("cluster/lock.txt".to_owned(), "holder of the lock", &text);
        }
        Err(error) => all.missing.push(format!("the lock: {:#}", anyhow::Error::new(error))),
    }
}

fn of_release(all: &mut Collection, release: &ReleaseState, wanted: Option<&Resolved>) {
    let wanted = wanted.into_iter().flat_map(|wanted| &wanted.components).filter_map(|one| one.release.as_ref());
    let mut wanted = wanted.filter(|one| (&one.namespace, &one.name) == (&release.key.namespace, &release.key.name));
    let values = wanted.next().map(|wanted| wanted.values.clone()).unwrap_or_default();
    let history: BTreeMap<String, String> =
        release.history.iter().map(|known| (known.revision.to_string(), known.status.to_string())).collect();
    let mut objects: Value = release.manifest.iter().map(|object| object.body.clone()).collect();
    // Values of the site are redacted in the objects that the chart made of them.
    values.redactor(&release.config).value(&mut objects);
    let value = json!({
        "release": release.key, "revision": release.revision, "status": release.status.to_string(),
        "chart": release.chart_name, "version": release.chart_version, "annotations": release.chart_annotations,
        "description": release.description, "updated": release.updated, "history": history,
        "values": values.shown_before(&release.config), "objects": objects,
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

/// Removes redundant copies and managed fields from an object.
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

/// The state of HDFS, and what is in the folders that windlass knows.
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
    let resolved = charts::resolved_as_installed(&catalog, &answers).map_err(said)?;
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
