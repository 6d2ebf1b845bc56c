//! What an uninstall has to know: which claims and namespaces are ours, and what else is in those.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::try_join_all;

use super::error::ObserveError;
use crate::driver::kube::{ApiErrorKind, Cluster, KubeError};
use crate::model::cluster::{ObjectRef, ReleaseKey};
use crate::model::data::{DataPlaces, custom_objects, taken_along};
use crate::model::is_marked;
use crate::model::observed::{NamespaceRemains, ReleaseRemains, Remains};
use crate::model::state::{ComponentRecord, InstallState};

/// Observes what is left of everything that is installed, was begun or was kept. With `purge` also what else is in the
/// namespaces that windlass made.
///
/// # Errors
/// The API fails.
pub async fn remains(cluster: &Cluster, state: &InstallState, purge: bool) -> Result<Remains, ObserveError> {
    let state = state.clone().with_unfinished();
    let installed = state.components.values().map(|known| (&known.record, known.data.as_ref()));
    let kept = state.kept.values().map(|kept| (&kept.record, kept.data.as_ref()));
    let known: Vec<(&ComponentRecord, Option<&DataPlaces>)> = installed.chain(kept).collect();
    let keys: BTreeSet<ReleaseKey> = known.iter().filter_map(|(record, _)| record.release.clone()).collect();
    let keys: Vec<ReleaseKey> = keys.into_iter().collect();
    let found = cluster.releases(&keys).await.map_err(api("Helm's releases"))?;
    let mut remains = Remains::default();
    for (key, release) in found {
        let unread = release.unread.iter().map(ToString::to_string).collect();
        let (data, taken) = (DataPlaces::of(&release.manifest), taken_along(&release.manifest));
        let custom = custom_objects(&release.manifest);
        let release = ReleaseRemains { data, taken, unread, custom };
        remains.releases.insert(key, release);
    }
    let mut places: BTreeSet<&str> = keys.iter().map(|key| key.namespace.as_str()).collect();
    let data = known.iter().filter_map(|(_, data)| *data).chain(remains.releases.values().map(|release| &release.data));
    places.extend(data.flat_map(DataPlaces::namespaces).map(String::as_str));
    let claims = try_join_all(places.into_iter().map(|namespace| async move {
        match cluster.claims(namespace, "").await {
            // Who may not see them may not delete them; what stays needs no check.
            Err(error) if error.kind() == ApiErrorKind::Forbidden && !purge => Ok(Vec::new()),
            found => found.map_err(api(&format!("the claims of namespace {namespace}"))),
        }
    }));
    let claims = claims.await?;
    for claim in claims.into_iter().flatten() {
        let ObjectRef { namespace, name, .. } = claim.object;
        let namespace = namespace.unwrap_or_default();
        if let Some(release) = claim.labels.get("app.kubernetes.io/instance") {
            let key = ReleaseKey::new(&namespace, release);
            remains.labelled.entry(key).or_default().insert(name.clone());
        }
        if let Some(key) = claim.release {
            remains.made.entry(key).or_default().insert((namespace.clone(), name.clone()));
        }
        remains.claims.insert((namespace, name));
    }
    remains.selected = selected(cluster, &known).await?;
    let crds =
        known.iter().flat_map(|(record, data)| record.crds.iter().chain(data.iter().flat_map(|data| &data.crds)));
    let crds: BTreeSet<&String> = crds.collect();
    let of_kinds = try_join_all(crds.into_iter().map(|name| async move {
        let found = cluster.crd_remains(name).await.map_err(api(&format!("the objects of {name}")))?;
        Ok::<_, ObserveError>(found.map(|found| (name.clone(), found)))
    }));
    remains.crds = of_kinds.await?.into_iter().flatten().collect();
    if purge {
        remains.namespaces = namespaces(cluster, &state, &keys, &remains).await?;
    }
    Ok(remains)
}

fn api(what: &str) -> impl FnOnce(KubeError) -> ObserveError + use<> {
    let what = what.to_owned();
    move |source| ObserveError::Api { what, source }
}

/// What the software of components made by itself.
async fn selected(
    cluster: &Cluster,
    known: &[(&ComponentRecord, Option<&DataPlaces>)],
) -> Result<BTreeMap<(String, String, String), BTreeSet<String>>, ObserveError> {
    let asked = known.iter().filter_map(|(record, _)| Some((record, record.release.as_ref()?)));
    let asked = asked.flat_map(|(record, key)| {
        record.leftovers.iter().map(|(kind, selector)| (kind.clone(), key.namespace.clone(), selector.clone()))
    });
    let asked: BTreeSet<(String, String, String)> = asked.collect();
    let found = try_join_all(asked.into_iter().map(|(kind, namespace, selector)| async move {
        let names = match cluster.names_by_label(&kind, &namespace, &selector).await {
            Err(error) if error.kind() == ApiErrorKind::Forbidden => BTreeSet::new(),
            found => found.map_err(api(&format!("the {kind}s of namespace {namespace}")))?,
        };
        Ok::<_, ObserveError>(((kind, namespace, selector), names))
    }));
    Ok(found.await?.into_iter().collect())
}

/// The releases that have a namespace beside their own.
fn beside<'a>(state: &'a InstallState, name: &'a str) -> impl Iterator<Item = String> + 'a {
    let installed = state.components.values().map(|known| &known.record);
    let records = installed.chain(state.kept.values().map(|kept| &kept.record));
    let records = records.filter(move |record| record.namespaces.contains(name));
    records.filter_map(|record| record.release.as_ref()).map(|key| key.name.clone())
}

/// Those of our namespaces that are still the ones we made.
async fn namespaces(
    cluster: &Cluster,
    state: &InstallState,
    keys: &[ReleaseKey],
    remains: &Remains,
) -> Result<BTreeMap<String, NamespaceRemains>, ObserveError> {
    let kept = state.kept.values().filter_map(|kept| kept.data.as_ref());
    let known = state.components.values().filter_map(|known| known.data.as_ref());
    let rendered = remains.releases.values().map(|release| &release.data);
    let mut data = DataPlaces::default();
    known.chain(kept).chain(rendered).for_each(|places| data.extend(places));
    data.claims.extend(keys.iter().filter_map(|key| remains.made.get(key)).flatten().cloned());
    let data = &data;
    // The label alone counts where nothing else is known, as in the plan: what is planned and what is shown must agree.
    let noted: BTreeSet<&ReleaseKey> = {
        let installed = state.components.values().map(|known| (&known.record, &known.data));
        let kept = state.kept.values().map(|kept| (&kept.record, &kept.data));
        let noted = installed.chain(kept).filter(|(_, data)| data.is_some());
        noted.filter_map(|(record, _)| record.release.as_ref()).chain(remains.releases.keys()).collect()
    };
    let noted = &noted;
    let found = try_join_all(state.namespaces.iter().map(|(name, uid)| async move {
        let live = cluster.namespace(name).await.map_err(api(&format!("namespace {name}")))?;
        let same = live.filter(|live| match uid.is_empty() {
            false => live.uid == *uid,
            true => is_marked(&live.labels),
        });
        if same.is_none() {
            return Ok::<_, ObserveError>(None);
        }
        let releases: BTreeSet<String> = keys
            .iter()
            .filter(|key| key.namespace == *name)
            .map(|key| key.name.clone())
            .chain(beside(state, name))
            .collect();
        let ours = |object: &ObjectRef| {
            let place = (name.clone(), object.name.clone());
            let labelled = || {
                releases.iter().map(|release| ReleaseKey::new(name, release)).any(|key| {
                    let names = remains.labelled.get(&key).filter(|_| !noted.contains(&key));
                    names.is_some_and(|names| names.contains(&object.name))
                })
            };
            let selected = remains.selected.iter().any(|((kind, namespace, _), names)| {
                *kind == object.kind && namespace == name && names.contains(&object.name)
            });
            match object.kind.as_str() {
                "PersistentVolumeClaim" => data.holds(&place) || selected || labelled(),
                _ => selected,
            }
        };
        let contents = cluster.contents(name).await.map_err(api(&format!("the contents of namespace {name}")))?;
        let others = contents.others(&releases, ours);
        Ok(Some((name.clone(), NamespaceRemains { others })))
    }));
    Ok(found.await?.into_iter().flatten().collect())
}
