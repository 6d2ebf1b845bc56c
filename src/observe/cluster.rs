//! The objects in the cluster that the wanted components touch.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::future::try_join_all;

use super::error::ObserveError;
use super::secrets::pull_secrets;
use super::{hdfs, http, secrets};
use crate::answers::Resolved;
use crate::driver::kube::{ApiErrorKind, Cluster, Compared, Tunnels, WaitError};
use crate::driver::state_store::{self};
use crate::driver::webhdfs::Hdfs;
use crate::model::cluster::{Finding, ManifestObject, NamespaceState, ReadyPolicy, ReleaseKey, ReleaseState};
use crate::model::observed::{Comparison, CrdComparison, Observed, ObservedRelease};
use crate::model::state::InstallState;
use crate::model::{FILES_LABEL, Ignored};

/// How long the API may take to list what decides whether a release is ready.
const LIST_TIMEOUT: Duration = Duration::from_secs(3);

/// Observes everything that the wanted components touch.
///
/// # Errors
/// The API or a file fails. HDFS or a service that does not answer is an observation, not an error.
pub async fn observe(
    wanted: &Resolved,
    cluster: &Cluster,
    tunnels: Option<&Tunnels>,
    hdfs: Option<&Hdfs>,
) -> Result<Observed, ObserveError> {
    let uploads = hdfs::local_files(wanted).await?;
    let chosen = wanted.components.iter().filter_map(|component| component.release.as_ref());
    let ignored: BTreeMap<ReleaseKey, Ignored> =
        chosen.map(|it| (ReleaseKey::new(&it.namespace, &it.name), it.ignored.clone())).collect();
    let keys: Vec<ReleaseKey> = ignored.keys().cloned().collect();
    let places = wanted.components.iter().flat_map(|component| component.places());
    let namespaces: BTreeSet<String> = places.map(|(name, _)| name.to_owned()).collect();
    let (found, pull_secrets, mut secrets, config_maps, files, crds, releases, state) = tokio::try_join!(
        existing(cluster, &namespaces),
        pull_secrets(wanted, cluster, &namespaces),
        secrets::answered(wanted, cluster),
        config_maps(wanted, cluster),
        all_files(wanted, cluster),
        crds(wanted, cluster),
        releases(cluster, &keys, &ignored),
        async { Ok(state_store::load(cluster).await?) },
    )?;
    let derived = secrets::derived(wanted, cluster, &secrets, state.as_ref()).await?;
    secrets.extend(derived);
    let copies = secrets::copies(wanted, cluster, &secrets).await?;
    secrets.extend(copies);
    secrets::refuse_foreign(cluster, state.as_ref(), &secrets, &pull_secrets).await?;
    let versions = secrets::versions(wanted, cluster, &secrets, state.as_ref()).await?;
    let entries = async {
        match tunnels {
            Some(tunnels) => http::observe(wanted, cluster, tunnels, &releases).await,
            None => BTreeMap::new(),
        }
    };
    let (hdfs, entries) = tokio::join!(hdfs::observe(wanted, &releases, hdfs, uploads), entries);
    let hdfs = hdfs?;
    let levels = levels(&found, state.as_ref());
    let found = found.into_keys().collect();
    Ok(Observed {
        offline: None,
        namespaces: found,
        levels,
        pull_secrets,
        secrets,
        versions,
        config_maps,
        files,
        crds,
        releases,
        hdfs,
        entries,
        state,
    })
}

/// The levels that namespaces enforce, as far as they are those that windlass made: what others labelled is theirs.
fn levels(found: &BTreeMap<String, NamespaceState>, state: Option<&InstallState>) -> BTreeMap<String, String> {
    let made = found.iter().filter(|(name, found)| {
        let uid = state.and_then(|state| state.namespaces.get(*name));
        uid.is_some_and(|uid| !uid.is_empty() && *uid == found.uid)
    });
    let level = |found: &NamespaceState| found.labels.get("pod-security.kubernetes.io/enforce").cloned();
    made.filter_map(|(name, found)| Some((name.clone(), level(found)?))).collect()
}

async fn existing(
    cluster: &Cluster,
    names: &BTreeSet<String>,
) -> Result<BTreeMap<String, NamespaceState>, ObserveError> {
    let found = try_join_all(names.iter().map(|name| async move {
        let found = cluster.namespace(name).await;
        let found = found.map_err(|source| ObserveError::Api { what: format!("namespace {name}"), source })?;
        Ok::<_, ObserveError>(found.map(|found| (name.clone(), found)))
    }));
    Ok(found.await?.into_iter().flatten().collect())
}

/// How each ConfigMap that windlass fills with files compares with what it should hold.
async fn config_maps(
    wanted: &Resolved,
    cluster: &Cluster,
) -> Result<BTreeMap<(String, String), Comparison>, ObserveError> {
    let all = wanted.components.iter().filter_map(|component| component.release.as_ref().zip(Some(component)));
    let all = all.flat_map(|(release, component)| component.config_maps.iter().map(move |files| (release, files)));
    let compared = try_join_all(all.map(|(release, files)| async move {
        let (namespace, name) = (release.namespace.clone(), files.name.clone());
        let what = format!("ConfigMap {namespace}/{name}");
        let found = cluster.files(&namespace, &name).await;
        let found = found.map_err(|source| ObserveError::Api { what: what.clone(), source })?;
        let compared = match found {
            None => Comparison::Absent,
            Some(found) if !found.ours => {
                return Err(ObserveError::ForeignFiles { place: format!("{namespace}/{name}") });
            }
            Some(found) if found.files.digest() == files.digest => Comparison::Same,
            Some(_) => Comparison::Differs(format!("{what} has different content")),
        };
        Ok::<_, ObserveError>(((namespace, name), compared))
    }));
    Ok(compared.await?.into_iter().collect())
}

/// How what charts have in `crds/` compares with what is there. Of two that bring one, the first counts.
async fn crds(wanted: &Resolved, cluster: &Cluster) -> Result<BTreeMap<String, CrdComparison>, ObserveError> {
    let (mut seen, mut found) = (BTreeSet::new(), BTreeMap::new());
    for release in wanted.components.iter().filter_map(|component| component.release.as_ref()) {
        let first = release.crds.iter().filter(|crd| seen.insert(crd.object.name.as_str()));
        let bodies: Vec<ManifestObject> = first.cloned().collect();
        if bodies.is_empty() {
            continue;
        }
        let compared = cluster.definitions(&bodies, &release.ignored).await;
        let compared =
            compared.map_err(|source| ObserveError::Api { what: "CustomResourceDefinitions".to_owned(), source })?;
        found.extend(compared.0);
    }
    Ok(found)
}

/// The ConfigMaps of files that releases have.
async fn all_files(
    wanted: &Resolved,
    cluster: &Cluster,
) -> Result<BTreeMap<ReleaseKey, BTreeSet<String>>, ObserveError> {
    let with_files = wanted.components.iter().filter(|component| !component.config_maps.is_empty());
    let releases = with_files.filter_map(|component| component.release.as_ref());
    let found = try_join_all(releases.map(|release| async move {
        let selector = format!("{FILES_LABEL}={}", release.name);
        let names = cluster.files_by_label(&release.namespace, &selector).await;
        let what = || format!("the ConfigMaps with {selector} in {}", release.namespace);
        let names = names.map_err(|source| ObserveError::Api { what: what(), source })?;
        Ok::<_, ObserveError>((ReleaseKey::new(&release.namespace, &release.name), names.into_iter().collect()))
    }));
    Ok(found.await?.into_iter().collect())
}

/// Releases with the state of their objects, as far as their records can be read; of the others, why not. `ignored` are
/// the fields that are others' to set.
///
/// # Errors
/// The API fails.
pub async fn readable_releases(
    cluster: &Cluster,
    keys: &[ReleaseKey],
    ignored: &BTreeMap<ReleaseKey, Ignored>,
) -> Result<(BTreeMap<ReleaseKey, ObservedRelease>, BTreeMap<ReleaseKey, String>), ObserveError> {
    match releases(cluster, keys, ignored).await {
        Err(error) if error.is_unreadable() => {}
        found => return Ok((found?, BTreeMap::new())),
    }
    let (mut found, mut unreadable) = (BTreeMap::new(), BTreeMap::new());
    for key in keys {
        match releases(cluster, std::slice::from_ref(key), ignored).await {
            Ok(one) => found.extend(one),
            Err(ObserveError::Api { source, .. }) if source.kind() == ApiErrorKind::Protocol => {
                unreadable.insert(key.clone(), format!("{source}: {}", source.source));
            }
            Err(error) => return Err(error),
        }
    }
    Ok((found, unreadable))
}

/// Releases with the state of their objects. `ignored` are the fields that are others' to set.
///
/// # Errors
/// The API fails, or a record cannot be read.
pub async fn releases(
    cluster: &Cluster,
    keys: &[ReleaseKey],
    ignored: &BTreeMap<ReleaseKey, Ignored>,
) -> Result<BTreeMap<ReleaseKey, ObservedRelease>, ObserveError> {
    let api = |what: &str| {
        let what = what.to_owned();
        move |source| ObserveError::Api { what, source }
    };
    // Everything that does not need the other's answer is asked at the same time: `status` is what people wait for.
    let (found, ()) = tokio::join!(cluster.releases(keys), async {
        if !keys.is_empty() {
            cluster.look_up_kinds().await;
        }
    });
    let found = found.map_err(api("Helm's releases"))?;
    let none = &Ignored::default();
    let observed = try_join_all(found.into_iter().map(|(key, state)| async move {
        let what = format!("the objects of release {key}");
        let ignored = ignored.get(&key).unwrap_or(none);
        let (compared, unready) =
            tokio::join!(cluster.compared(&state.manifest, ignored), unready(cluster, &state.manifest, &state));
        let (Compared { drift, ignored }, mut unready) = (compared.map_err(api(&what))?, unready?);
        // An object that is gone is not reported as not ready, too.
        unready.retain(|finding| drift.iter().all(|drift| !drift.is_gone() || drift.object != finding.object));
        Ok::<_, ObserveError>((key, ObservedRelease { state, drift, ignored, unready }))
    }));
    Ok(observed.await?.into_iter().collect())
}

async fn unready(
    cluster: &Cluster,
    objects: &[ManifestObject],
    state: &ReleaseState,
) -> Result<Vec<Finding>, ObserveError> {
    // As with kubectl the current state counts: the install checked that pods without a readiness probe stay up.
    let policy = ReadyPolicy { unprobed_ready_for: Duration::ZERO, ..ReadyPolicy::default() };
    match cluster.check_ready(objects, &policy, LIST_TIMEOUT).await {
        Ok(()) => Ok(Vec::new()),
        Err(WaitError::NotReady(not_ready)) => Ok(not_ready.findings),
        Err(WaitError::Watch(source)) => {
            Err(ObserveError::Api { what: format!("the pods of release {}", state.key), source })
        }
    }
}
