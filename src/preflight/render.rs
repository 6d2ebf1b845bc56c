//! What the charts render, by `helm template`: locally, without a cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::io::Write;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures::future::join_all;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::answers::{Resolved, ResolvedRelease};
use crate::driver::charts::write_chart;
use crate::driver::helm::{FailureKind, Helm, HelmError, Template};
use crate::driver::kube::{Cluster, KubeError, parse_manifest};
use crate::model::FileTree;
use crate::model::cluster::{ManifestObject, ObjectRef, ReleaseKey, UnreadableObject};
use crate::model::observed::Observed;
use crate::model::site::Resource;
use crate::model::yaml;

/// The file with a chart's name and version.
const CHART_FILE: &str = "Chart.yaml";

/// What a chart rendered.
#[derive(Debug, Clone)]
pub struct Rendered {
    /// The release.
    pub key: ReleaseKey,
    /// The chart's `kubeVersion`, if it is not made for this cluster.
    pub incompatible: Option<String>,
    /// The objects, or why there are none.
    pub objects: Result<Vec<ManifestObject>, String>,
    /// Its hooks, which Helm runs and keeps apart.
    pub hooks: Vec<ManifestObject>,
    /// What it rendered besides and cannot be read here. Helm has read it.
    pub unread: Vec<UnreadableObject>,
    /// About how many bytes Helm's record of it takes.
    pub stored: u64,
    /// The kinds that the chart's own `crds/` define: windlass applies those first.
    pub defines: Vec<DefinedKind>,
}

/// A kind that a CustomResourceDefinition defines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefinedKind {
    /// Group and version, for each version that is served.
    pub api_versions: Vec<String>,
    /// The kind.
    pub kind: String,
    /// How the API will call it.
    pub resource: Resource,
}

/// How the API calls kinds, and which namespaces are missing.
#[derive(Debug, Clone, Default)]
pub struct Site {
    /// How the API calls a kind, by group and version, and kind.
    pub resources: BTreeMap<(String, String), Resource>,
    /// Kinds that the cluster does not serve yet, and the releases before which `crds/` brings them.
    pub brought: BTreeMap<(String, String), BTreeSet<ReleaseKey>>,
    /// Namespaces that will have to be created.
    pub absent: BTreeSet<String>,
    /// Namespaces that windlass made and whose Pod Security level it will change.
    pub relabelled: BTreeSet<String>,
}

impl Site {
    /// How the API calls an object's kind; `None` if it does not serve it.
    #[must_use]
    pub fn resource(&self, object: &ObjectRef) -> Option<&Resource> {
        self.resources.get(&(object.api_version.clone(), object.kind.clone()))
    }
}

/// Renders the charts of the releases that `which` names, at the same time: as an upgrade where there is such a release,
/// and for the cluster's version and what it serves.
///
/// # Errors
/// When the API does not say which kinds it serves. A chart that cannot be rendered says so itself.
pub async fn render(
    wanted: &Resolved,
    observed: &Observed,
    cluster: &Cluster,
    helm: &Helm,
    which: impl Fn(&ReleaseKey) -> bool,
) -> Result<Vec<Rendered>, KubeError> {
    let served = cluster.api_versions().await?;
    let releases = wanted.components.iter().filter_map(|component| component.release.as_ref());
    let keyed = releases.map(|release| (ReleaseKey::new(&release.namespace, &release.name), release));
    let chosen: Vec<_> = keyed.filter(|(key, _)| which(key)).collect();
    let rendered = chosen.into_iter().map(|(key, release)| {
        let is_upgrade = observed.releases.contains_key(&key);
        one(key, release, is_upgrade, cluster, helm, &served)
    });
    Ok(join_all(rendered).await)
}

async fn one(
    key: ReleaseKey,
    release: &ResolvedRelease,
    is_upgrade: bool,
    cluster: &Cluster,
    helm: &Helm,
    served: &[String],
) -> Rendered {
    let folder = cluster.private_dir().path().join(format!("preflight-{}_{}", key.namespace, key.name));
    let template = Template {
        release: key.clone(),
        chart: folder.clone(),
        values: (*release.values).clone(),
        kube_version: Some(cluster.info().version.clone()),
        api_versions: served.to_vec(),
        is_upgrade,
    };
    let (mut incompatible, mut unread, mut hooks, mut stored) = (None, Vec::new(), Vec::new(), 0);
    let objects = match write_chart(&release.chart, &folder) {
        Err(error) => Err(format!("failed to write the chart to {}: {error}", folder.display())),
        Ok(()) => {
            let cancel = CancellationToken::new();
            let mut text = helm.template(&template, &cancel).await;
            if matches!(&text, Err(error) if error.kind() == FailureKind::KubeVersion) {
                let (constraint, without) = constraint(&release.chart).unwrap_or_default();
                incompatible = Some(constraint);
                // Once more without the constraint: what else is wrong is reported at once.
                if std::fs::write(folder.join(CHART_FILE), without).is_ok() {
                    text = helm.template(&template, &cancel).await;
                }
            }
            text.map_err(|error| reason(&error)).map(|text| {
                stored = stored_bytes(&text, release);
                let manifest = parse_manifest(&text, &key.namespace);
                unread = manifest.unread;
                let (found, objects) = manifest.objects.into_iter().partition(is_hook);
                hooks = found;
                objects
            })
        }
    };
    // What cannot be removed goes with the private folder.
    let _ = std::fs::remove_dir_all(&folder);
    Rendered { key, incompatible, objects, hooks, unread, stored, defines: own_kinds(&release.crds) }
}

/// What Helm's Secret of a release comes to: manifest, chart and values as JSON, packed, and that as text.
fn stored_bytes(manifest: &str, release: &ResolvedRelease) -> u64 {
    struct Counted(u64);
    impl Write for Counted {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len() as u64;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut packed = GzEncoder::new(Counted(0), Compression::best());
    let mut put = |text: &[u8]| packed.write_all(text);
    // Counting cannot fail.
    let _ = put(manifest.as_bytes());
    let _ = put(release.values.to_string().as_bytes());
    for (path, bytes) in release.chart.iter() {
        let _ = put(path.as_bytes());
        let _ = put(BASE64.encode(bytes).as_bytes());
    }
    packed.finish().map_or(0, |counted| counted.0 * 4 / 3)
}

fn is_hook(object: &ManifestObject) -> bool {
    object.body.pointer("/metadata/annotations/helm.sh~1hook").is_some()
}

/// The kinds that `crds/` defines.
fn own_kinds(crds: &[ManifestObject]) -> Vec<DefinedKind> {
    crds.iter().filter_map(|object| defined(&object.body)).collect()
}

/// What a CustomResourceDefinition defines; `None` of any other object.
pub(super) fn defined(body: &Value) -> Option<DefinedKind> {
    let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    if text("/kind")? != "CustomResourceDefinition" {
        return None;
    }
    let group = text("/spec/group")?;
    let versions = body.pointer("/spec/versions").and_then(Value::as_array);
    let served = versions.into_iter().flatten().filter(|version| version["served"] != Value::Bool(false));
    let names = served.filter_map(|version| version["name"].as_str());
    let api_versions = names.map(|name| format!("{group}/{name}")).collect();
    let namespaced = text("/spec/scope").as_deref() != Some("Cluster");
    let resource = Resource { plural: text("/spec/names/plural")?, group, namespaced };
    Some(DefinedKind { api_versions, kind: text("/spec/names/kind")?, resource })
}

/// The `kubeVersion` of a chart, and its Chart.yaml without it.
fn constraint(chart: &FileTree) -> Option<(String, String)> {
    let (_, bytes) = chart.iter().find(|(path, _)| *path == CHART_FILE)?;
    let mut chart: serde_json::Value = yaml::from_str(&String::from_utf8_lossy(bytes)).ok()?;
    let constraint = chart.as_object_mut()?.remove("kubeVersion")?;
    Some((constraint.as_str()?.to_owned(), yaml::to_string(&chart).ok()?))
}

/// The error and its causes in one line.
fn reason(error: &HelmError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_the_charts_own_crds_are_known() {
        let crd = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: as.x.io}\n\
                   spec: {group: x.io, scope: Namespaced, names: {kind: A, plural: as},\n\
                   versions: [{name: v1, served: true}, {name: v0, served: false}]}\n";
        let found = own_kinds(&parse_manifest(crd, "").objects);
        assert_eq!(found.len(), 1);
        let expected = Resource { group: "x.io".into(), plural: "as".into(), namespaced: true };
        let expected = DefinedKind { api_versions: vec!["x.io/v1".into()], kind: "A".into(), resource: expected };
        assert_eq!(found[0], expected);
    }

    #[test]
    fn a_chart_is_freed_of_its_constraint() {
        let file = (CHART_FILE.to_owned(), b"name: x\nkubeVersion: \">=1.99.0-0\"\nversion: 1.0.0\n".to_vec());
        let (constraint, without) = constraint(&FileTree::new(vec![file])).unwrap();
        assert_eq!(constraint, ">=1.99.0-0");
        assert!(without.contains("name: x") && !without.contains("kubeVersion"), "{without}");
    }
}
