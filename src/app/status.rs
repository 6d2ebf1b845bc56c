//! `windlass status`.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::join_all;
use tokio_util::sync::CancellationToken;

use super::endpoints::Endpoints;
use super::exit::{Exit, Failed, OrExit as _};
use super::health::{self, Findings};
use super::output::Output;
use super::session;
use crate::answers::ignored_as_installed;
use crate::catalog::{Catalog, instance_of};
use crate::cli::{Global, StatusArgs};
use crate::driver::kube::Cluster;
use crate::driver::state_store;
use crate::model::Ignored;
use crate::model::cluster::{Drift, ManifestObject, ReleaseKey, ReleaseState};
use crate::model::observed::ObservedRelease;
use crate::model::state::{ComponentState, InstallState};
use crate::observe;
use crate::render::{
    ComponentStatus, ReleaseRow, STATUS_SCHEMA, StatusReport, StatusRow, hosts_lines, language, status_table,
};

/// The reason for a component whose install did not finish.
const UNFINISHED: &str = "its install was not finished: `windlass install` resumes it, `windlass uninstall` removes it";

/// Shows what is installed and its state.
pub(super) async fn status(global: &Global, args: &StatusArgs, output: &Output) -> Result<Exit, Failed> {
    let cluster = session::connect(global).await?;
    let (report, healthy) = report(global, args, &cluster, HdfsProbe::Asked).await?;
    if output.json {
        output.value(&report)?;
    } else {
        output.text(&status_table(&report, &output.look()))?;
        for row in &report.components {
            if let Some(open) = &row.open {
                output.remark(&format!("note: {}: {open}", row.title));
            }
        }
    }
    Ok(if healthy { Exit::Done } else { Exit::Failed })
}

/// Whether the state of an installed HDFS is read from it, which takes some seconds if it does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HdfsProbe {
    /// It is read.
    Asked,
    /// Only the Kubernetes API is read.
    Skipped,
}

/// What is installed and its state, and whether all is healthy.
pub(super) async fn report(
    global: &Global,
    args: &StatusArgs,
    cluster: &Cluster,
    hdfs: HdfsProbe,
) -> Result<(StatusReport, bool), Failed> {
    let state = state_store::load(cluster).await.or_exit(Exit::Unusable)?.unwrap_or_default().with_unfinished();
    if let Some(unknown) = args.components.iter().flatten().find(|id| !state.components.contains_key(*id)) {
        return Err(not_installed(&state, unknown));
    }
    let wanted = |id: &String| args.components.as_ref().is_none_or(|ids| ids.contains(id));
    let (catalog, lang) = (session::load_catalog(global)?, language::current().code());
    let (keys, ignored) = (keys(&state), ignored(&catalog, &state));
    let shown: Vec<_> = state.components.iter().filter(|(id, _)| wanted(id)).collect();
    let all_endpoints =
        Endpoints::new(cluster, Some(&catalog), &state, Duration::ZERO, &CancellationToken::new()).await;
    let (found, endpoints, mut hdfs) = tokio::join!(
        observe::readable_releases(cluster, &keys, &ignored),
        join_all(shown.iter().map(|(id, component)| all_endpoints.of(id, component))),
        health::hdfs_health(cluster, &catalog, &state, |id| hdfs == HdfsProbe::Asked && wanted(id))
    );
    let (found, unreadable) = found.or_exit(Exit::Unusable)?;
    let base = |id: &str| instance_of(id).map_or(id, |(base, _)| base).to_owned();
    let open = |id: &String| Some(catalog.components.get(&base(id))?.open.as_ref()?.of(lang).to_owned());
    let mut rows = Vec::new();
    for ((id, component), endpoints) in shown.into_iter().zip(endpoints) {
        let release = component.record.release.as_ref();
        let observed = release.and_then(|key| found.get(key));
        // A release that is gone has no health.
        let hdfs = match (hdfs.remove(id), observed) {
            (Some(health), Some(ObservedRelease { state, .. })) => {
                Some(health::with_pods(cluster, health, &state.key.namespace, &state.manifest).await)
            }
            _ => None,
        };
        let Findings { bad, warnings } = match (&hdfs, release) {
            (Some(health), Some(release)) => health::findings(health, id, release),
            _ => Findings::default(),
        };
        rows.push(StatusRow {
            id: id.clone(),
            title: component.record.title.clone(),
            version: component.record.version.clone(),
            runs: observed.and_then(|observed| runs(&component.record.version, &observed.state.manifest)),
            release: release.cloned(),
            revision: observed.map(|observed| observed.state.revision),
            state: match release.and_then(|key| Some((key, unreadable.get(key)?))) {
                _ if state.begun.contains_key(id) => ComponentStatus::NotReady(vec![UNFINISHED.to_owned()]),
                Some((key, why)) => ComponentStatus::NotReady(vec![format!(
                    "{why}; `helm history {} -n {}` shows the remaining revisions; delete the Secret to have Helm continue from them",
                    key.name, key.namespace
                )]),
                None => component_status(component, observed).or_unhealthy(bad),
            },
            verified: component.verified.clone(),
            warnings,
            hdfs,
            open: open(id),
            drift: observed
                .map(|observed| observed.drift.iter().map(ToString::to_string).collect())
                .unwrap_or_default(),
            ignored: observed.filter(|_| args.drift).map(|observed| field_lines(&observed.ignored)).unwrap_or_default(),
            unread: observed.map(|observed| unread(&observed.state)).unwrap_or_default(),
            endpoints,
        });
    }
    if args.drift {
        let mut more = super::drift::drift(global, cluster, &state).await?;
        for row in &mut rows {
            row.drift.extend(more.found.remove(&row.id).unwrap_or_default());
            row.ignored.extend(field_lines(more.ignored.get(&row.id).map(Vec::as_slice).unwrap_or_default()));
        }
        // Namespaces and pull Secrets belong to no component: they go with the first.
        if let (Some(row), Some(shared)) = (rows.first_mut(), more.found.remove("platform")) {
            row.drift.extend(shared);
        }
    }
    let drifted = args.drift && rows.iter().any(|row| !row.drift.is_empty());
    let healthy =
        !drifted && rows.iter().all(|row| matches!(row.state, ComponentStatus::Healthy | ComponentStatus::Ready));
    let hosts = hosts_lines(rows.iter().flat_map(|row| &row.endpoints));
    let report = StatusReport { schema: STATUS_SCHEMA, cluster: cluster.info().clone(), components: rows, hosts };
    Ok((report, healthy))
}

/// The error about a component that is not installed.
pub(super) fn not_installed(state: &InstallState, unknown: &str) -> Failed {
    let known: Vec<&str> = state.components.keys().map(String::as_str).collect();
    let known =
        if known.is_empty() { "nothing is installed".to_owned() } else { format!("installed: {}", known.join(", ")) };
    Failed::text(Exit::BadInput, format!("`{unknown}` is not installed; {known}"))
}

/// The version that the workloads of a release run, by the tags of their images, where it differs from the expected one. A
/// tag without a version (`latest`) does not count.
fn runs(meant: &str, objects: &[ManifestObject]) -> Option<String> {
    let containers = objects.iter().flat_map(|object| {
        let containers = &object.body["spec"]["template"]["spec"]["containers"];
        containers.as_array().map(Vec::as_slice).unwrap_or_default()
    });
    let tags: Vec<&str> = containers.filter_map(|container| tag(container["image"].as_str()?)).collect();
    if tags.iter().any(|tag| matches_version(tag, meant)) {
        return None;
    }
    let version = |tag: &&&str| tag.trim_start_matches('v').starts_with(|first: char| first.is_ascii_digit());
    tags.iter().find(version).map(|tag| (*tag).to_owned())
}

/// The tag of an image, if it has one.
fn tag(image: &str) -> Option<&str> {
    let name = image.split('@').next()?;
    name.rsplit('/').next()?.split_once(':').map(|(_, tag)| tag)
}

/// Whether a tag can be of this version: `3.5.6-scala2.12` and `spark-3.5.6` are of 3.5.6 and of 3.5.
fn matches_version(tag: &str, version: &str) -> bool {
    let within =
        |short: &str, long: &str| long.strip_prefix(short).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    let version = version.trim_start_matches('v');
    let version = version.split(['-', '_', '+']).next().unwrap_or(version);
    let parts = tag.split(['-', '_', '+']).map(|part| part.trim_start_matches('v'));
    let digits = |part: &&str| part.starts_with(|first: char| first.is_ascii_digit());
    parts.filter(digits).any(|part| within(part, version) || within(version, part))
}

/// What the components leave to others in the objects of their releases.
fn ignored(catalog: &Catalog, state: &InstallState) -> BTreeMap<ReleaseKey, Ignored> {
    let catalog = catalog.with_instances(state.components.keys().map(String::as_str));
    let each = state.components.iter().filter_map(|(id, known)| {
        // Of several that export the same it was installed with one.
        let used = |other: &str| known.record.requires.contains(other);
        let catalog = catalog.with_providers(used);
        let (component, release) = (catalog.components.get(id)?, known.record.release.as_ref()?);
        Some((release.clone(), ignored_as_installed(component, used, release, &state.answers)))
    });
    each.collect()
}

/// One line for each field.
fn field_lines(ignored: &[Drift]) -> Vec<String> {
    let fields =
        ignored.iter().flat_map(|drift| drift.what.fields().unwrap_or_default().iter().map(move |it| (drift, it)));
    fields.map(|(drift, field)| format!("{}: {field}", drift.object)).collect()
}

fn keys(state: &InstallState) -> Vec<ReleaseKey> {
    state.components.values().filter_map(|component| component.record.release.clone()).collect()
}

fn component_status(component: &ComponentState, observed: Option<&ObservedRelease>) -> ComponentStatus {
    if component.record.release.is_some() {
        let Some(observed) = observed else { return ComponentStatus::Missing };
        let mut reasons: Vec<String> = observed.unready.iter().map(ToString::to_string).collect();
        if observed.state.status != crate::model::cluster::ReleaseStatus::Deployed {
            reasons.push(format!("revision {} is {}", observed.state.revision, observed.state.status));
        }
        reasons.extend(observed.drift.iter().filter(|drift| is_gone(drift)).map(ToString::to_string));
        if !reasons.is_empty() {
            return ComponentStatus::NotReady(reasons);
        }
    }
    match &component.verified {
        Some(verified) if verified.passed => ComponentStatus::Healthy,
        _ => ComponentStatus::Ready,
    }
}

/// What of a release cannot be read, in words.
pub(super) fn unread(release: &ReleaseState) -> Vec<String> {
    let command = format!("`helm get manifest {} -n {}` shows it", release.key.name, release.key.namespace);
    release.unread.iter().map(|unread| format!("{unread}, so it is neither watched nor compared: {command}")).collect()
}

fn is_gone(drift: &Drift) -> bool {
    drift.what == crate::model::cluster::DriftKind::Gone
}

/// The releases that are installed, and whether they are ready.
pub(super) async fn release_rows(cluster: &Cluster, state: &InstallState) -> Vec<ReleaseRow> {
    // The run has ended; what cannot be read now is omitted from its summary.
    let (found, _) = observe::readable_releases(cluster, &keys(state), &BTreeMap::new()).await.unwrap_or_default();
    let rows = state.components.values().filter_map(|component| {
        let key = component.record.release.as_ref()?;
        let observed = found.get(key)?;
        let healthy =
            matches!(component_status(component, Some(observed)), ComponentStatus::Healthy | ComponentStatus::Ready);
        Some(ReleaseRow {
            title: component.record.title.clone(),
            release: key.clone(),
            revision: observed.state.revision,
            healthy,
            verified: component.verified.clone(),
        })
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::model::cluster::ObjectRef;

    #[test]
    fn what_is_ignored_is_filled_in_with_what_a_component_was_installed_with() {
        let mut files = crate::catalog::embedded();
        files.retain(|path, _| path == "platform.yaml");
        for id in ["one", "two", "user"] {
            let rest = match id {
                "user" => {
                    "requires: [{export: e, optional: true}]\nignore: [{kind: X, path: a, name: \"{{ answers.e.namespace or 'none' }}-{{ self.id }}\"}]"
                }
                _ => "exports: {e: x}",
            };
            let head = format!("id: {id}\ntitle: {id}\nversion: '1'\nchart: {{path: chart}}\nvalues: v.j2\n");
            let text = format!("{head}release: {{name: {id}, namespace: {id}}}\n{rest}\n");
            files.insert(format!("{id}/component.yaml"), text.into_bytes());
            files.insert(format!("{id}/v.j2"), b"a: 1\n".to_vec());
            files.insert(format!("{id}/chart/Chart.yaml"), b"name: x\nversion: 1.0.0\n".to_vec());
        }
        let catalog = Catalog::from_files(&files, &Default::default()).unwrap();
        let mut state = InstallState {
            answers: serde_json::json!({"one": {"namespace": "n1"}, "two": {"namespace": "n2"}, "two@b": {"namespace": "n3"}}),
            ..InstallState::default()
        };
        for (id, used) in
            [("one", ""), ("two", ""), ("two@b", ""), ("user", "two"), ("user@b", "two@b"), ("user@c", "")]
        {
            let record = &mut state.components.entry(id.to_owned()).or_default().record;
            record.release = Some(ReleaseKey::new("ns", id));
            record.requires.extend(Some(used.to_owned()).filter(|used| !used.is_empty()));
        }
        let found = ignored(&catalog, &state);
        let names = |id: &str| {
            let fields = &found[&ReleaseKey::new("ns", id)].0;
            fields.iter().map(|field| field.name.clone().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(names("user"), ["n2-user"]);
        assert_eq!(names("user@b"), ["n3-user@b"]);
        assert_eq!(names("user@c"), ["none-user@c"]);
    }

    #[test]
    fn the_running_version_is_reported_where_it_is_not_the_expected_one() {
        let object = |images: &[&str]| {
            let containers: Vec<Value> = images.iter().map(|image| serde_json::json!({"image": image})).collect();
            let body = serde_json::json!({"spec": {"template": {"spec": {"containers": containers}}}});
            ManifestObject { object: ObjectRef::namespaced("apps/v1", "Deployment", "ns", "x"), body }
        };
        for (meant, images, expected) in [
            ("0.9.0", &["r.site:5000/livy:0.7.1-incubating"][..], Some("0.7.1-incubating")),
            ("0.9.0", &["r.site:5000/livy:0.9.0-incubating@sha256:00"], None),
            ("0.9.0", &["r.site:5000/livy"], None),
            ("0.9.0", &["livy:latest"], None),
            ("3.5.6", &["spark:3.5.6-scala2.12-java17"], None),
            ("3.5.6", &["proxy:1.2", "spark:spark-3.5.6"], None),
            ("3.5.6", &["spark:3.5.60"], Some("3.5.60")),
            ("3.4", &["hadoop:v3.4.1"], None),
            ("3.4.1", &["hadoop:v3.3.6"], Some("v3.3.6")),
            ("1", &[], None),
        ] {
            assert_eq!(runs(meant, &[object(images)]).as_deref(), expected, "{meant} {images:?}");
        }
    }
}
