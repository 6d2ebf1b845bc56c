//! What the charts render, by `helm template`: locally, without a cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;

use futures::future::join_all;
use tokio_util::sync::CancellationToken;

use crate::answers::{Resolved, ResolvedRelease};
use crate::driver::files::write_chart;
use crate::driver::helm::{FailureKind, Helm, HelmError, Template};
use crate::driver::kube::{Cluster, KubeError, parse_manifest};
use crate::model::ChartFiles;
use crate::model::cluster::{ManifestObject, ObjectRef, ReleaseKey};
use crate::model::observed::Observed;
use crate::model::site::Resource;
use crate::model::yaml;

/// Where a chart says what it is.
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
}

/// What a cluster calls things, and which namespaces are not there.
#[derive(Debug, Clone, Default)]
pub struct Site {
    /// How the API calls a kind, by group and version, and kind.
    pub resources: BTreeMap<(String, String), Resource>,
    /// Namespaces that will have to be made.
    pub absent: BTreeSet<String>,
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
    let folder = cluster.private_dir().path().join(format!("preflight-{}-{}", key.namespace, key.name));
    let template = Template {
        release: key.clone(),
        chart: folder.clone(),
        values: release.values.clone(),
        kube_version: Some(cluster.info().version.clone()),
        api_versions: served.to_vec(),
        is_upgrade,
    };
    let mut incompatible = None;
    let objects = match write_chart(&release.chart, &folder) {
        Err(error) => Err(format!("failed to write the chart to {}: {error}", folder.display())),
        Ok(()) => {
            let cancel = CancellationToken::new();
            let mut text = helm.template(&template, &cancel).await;
            if matches!(&text, Err(error) if error.kind() == FailureKind::KubeVersion) {
                let (constraint, without) = constraint(&release.chart).unwrap_or_default();
                incompatible = Some(constraint);
                // Once more without the constraint: what else is wrong is to be told at once.
                if std::fs::write(folder.join(CHART_FILE), without).is_ok() {
                    text = helm.template(&template, &cancel).await;
                }
            }
            text.map_err(|error| reason(&error))
                .and_then(|text| parse_manifest(&text, &key.namespace).map_err(|error| error.to_string()))
        }
    };
    // What cannot be removed goes with the private folder.
    let _ = std::fs::remove_dir_all(&folder);
    Rendered { key, incompatible, objects }
}

/// The `kubeVersion` of a chart, and its Chart.yaml without it.
fn constraint(chart: &ChartFiles) -> Option<(String, String)> {
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
    fn a_chart_is_freed_of_its_constraint() {
        let file = (CHART_FILE.to_owned(), b"name: x\nkubeVersion: \">=1.99.0-0\"\nversion: 1.0.0\n".to_vec());
        let (constraint, without) = constraint(&ChartFiles::new(vec![file])).unwrap();
        assert_eq!(constraint, ">=1.99.0-0");
        assert!(without.contains("name: x") && !without.contains("kubeVersion"), "{without}");
    }
}
