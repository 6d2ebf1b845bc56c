//! Secrets: how those that windlass fills compare with what they should hold, and their versions.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::try_join_all;

use super::error::ObserveError;
use crate::answers::{
    Derived, Resolved, ResolvedComponent, ResolvedCopy, ResolvedRelease, ResolvedSecret, SecretContent,
};
use crate::driver::kube::Cluster;
use crate::driver::secrets;
use crate::model::observed::Comparison;
use crate::model::state::InstallState;
use crate::model::{AUTHORITY, PULL_SECRET, Secret, SecretRef, secret_version};

/// Namespace and name.
type Place = (String, String);

/// Every Secret that windlass fills for components, with its release.
fn filled(wanted: &Resolved) -> impl Iterator<Item = (&ResolvedRelease, &ResolvedComponent, &ResolvedSecret)> {
    let all = wanted.components.iter().filter_map(|component| component.release.as_ref().zip(Some(component)));
    all.flat_map(|(release, component)| component.secrets.iter().map(move |secret| (release, component, secret)))
}

async fn read(
    cluster: &Cluster,
    namespace: &str,
    name: &str,
) -> Result<Option<BTreeMap<String, Secret>>, ObserveError> {
    let found = cluster.secret(namespace, name).await;
    found.map_err(|source| ObserveError::Api { what: format!("Secret {namespace}/{name}"), source })
}

/// Those that hold answers. One that is generated is right once it is there.
pub(super) async fn answered(
    wanted: &Resolved,
    cluster: &Cluster,
) -> Result<BTreeMap<Place, Comparison>, ObserveError> {
    // What is filled in the same install may not be there yet.
    let all: BTreeSet<Place> =
        filled(wanted).map(|(release, _, secret)| (release.namespace.clone(), secret.name.clone())).collect();
    let ours = |from: &SecretRef| from.original().filter(|place| all.contains(place));
    let compared = try_join_all(filled(wanted).map(|(release, component, secret)| async move {
        let SecretContent::Answer { keys, from, .. } = &secret.content else { return Ok(None) };
        let (namespace, name) = (release.namespace.clone(), secret.name.clone());
        let what = format!("Secret {namespace}/{name}");
        let found = read(cluster, &namespace, &name).await?;
        let mut compared = if found.is_none() { Comparison::Absent } else { Comparison::Same };
        let wanted = match from {
            SecretRef::Generate => None,
            from if absent(cluster, ours(from)).await? => Some(BTreeMap::new()),
            from => Some(secrets::read_all(from, cluster, keys).await.map_err(|source| ObserveError::Secret {
                component: component.id.clone(),
                question: secret.id.clone(),
                source,
            })?),
        };
        for key in keys {
            let Some(found) = &found else { continue };
            match (found.get(key), wanted.as_ref().map(|wanted| wanted.get(key))) {
                (Some(found), None) if !found.expose().is_empty() => {}
                (found, Some(wanted)) if found == wanted => {}
                (Some(_), Some(_)) => compared = Comparison::Differs(format!("{what} has different content")),
                _ => compared = Comparison::Differs(format!("{what} has no key `{key}`")),
            }
        }
        Ok::<_, ObserveError>(Some(((namespace, name), compared)))
    }));
    let mut compared: BTreeMap<Place, Comparison> = compared.await?.into_iter().flatten().collect();
    for (release, _, secret) in filled(wanted) {
        let Some((namespace, name)) = secret.from().and_then(ours) else { continue };
        let place = (release.namespace.clone(), secret.name.clone());
        let follows = compared.get(&place) == Some(&Comparison::Same)
            && compared.get(&(namespace.clone(), name.clone())).is_some_and(|original| *original != Comparison::Same);
        if follows {
            let what = format!("Secret {}/{} is a copy of Secret {namespace}/{name}, which changes", place.0, place.1);
            compared.insert(place, Comparison::Differs(what));
        }
    }
    Ok(compared)
}

/// Whether a Secret that an install fills is still to come.
async fn absent(cluster: &Cluster, place: Option<Place>) -> Result<bool, ObserveError> {
    let Some((namespace, name)) = place else { return Ok(false) };
    Ok(read(cluster, &namespace, &name).await?.is_none())
}

/// Those that are made of others. `answered` are the others, as far as windlass fills them.
pub(super) async fn derived(
    wanted: &Resolved,
    cluster: &Cluster,
    answered: &BTreeMap<Place, Comparison>,
    state: Option<&InstallState>,
) -> Result<BTreeMap<Place, Comparison>, ObserveError> {
    let key = state.map(|state| state.salt.as_str()).unwrap_or_default();
    let compared = try_join_all(filled(wanted).map(|(release, _, secret)| async move {
        let SecretContent::Derived(derived) = &secret.content else { return Ok(None) };
        let place = (release.namespace.clone(), secret.name.clone());
        let compared = compare_derived(cluster, &place, derived, answered, key).await?;
        Ok::<_, ObserveError>(Some((place, compared)))
    }));
    Ok(compared.await?.into_iter().flatten().collect())
}

async fn compare_derived(
    cluster: &Cluster,
    (namespace, name): &Place,
    derived: &Derived,
    answered: &BTreeMap<Place, Comparison>,
    key: &str,
) -> Result<Comparison, ObserveError> {
    let what = format!("Secret {namespace}/{name}");
    let Some(found) = read(cluster, namespace, name).await? else { return Ok(Comparison::Absent) };
    let sources = derived.sources();
    let same = |source: &&String| {
        answered.get(&(namespace.clone(), (*source).clone())).is_none_or(|found| *found == Comparison::Same)
    };
    if let Some(source) = sources.iter().find(|source| !same(source)) {
        return Ok(Comparison::Differs(format!("{what} is created from Secret {namespace}/{source}, which changes")));
    }
    let read = try_join_all(sources.into_iter().map(|source| async move {
        let found = read(cluster, namespace, &source).await?;
        Ok::<_, ObserveError>((source, found.unwrap_or_default()))
    }));
    let sources: BTreeMap<_, _> = read.await?.into_iter().collect();
    // Why it cannot be made now is reported by the step that makes it.
    let Ok(wanted) = derived.fill(namespace, &sources, key) else {
        return Ok(Comparison::Differs(format!("{what} is created from a Secret that does not exist")));
    };
    if let Some(key) = wanted.keys().find(|key| !found.contains_key(*key)) {
        return Ok(Comparison::Differs(format!("{what} has no key `{key}`")));
    }
    let same = wanted.iter().all(|(key, wanted)| found.get(key) == Some(wanted));
    Ok(if same { Comparison::Same } else { Comparison::Differs(format!("{what} has different content")) })
}

/// Copies in further namespaces. `compared` are those that windlass fills, of which they may be copies.
pub(super) async fn copies(
    wanted: &Resolved,
    cluster: &Cluster,
    compared: &BTreeMap<Place, Comparison>,
) -> Result<BTreeMap<Place, Comparison>, ObserveError> {
    let all = wanted.components.iter().flat_map(|component| &component.copies);
    let found = try_join_all(all.map(|copy| async move {
        Ok::<_, ObserveError>((copy.place(), compare_copy(cluster, copy, compared).await?))
    }));
    Ok(found.await?.into_iter().collect())
}

async fn compare_copy(
    cluster: &Cluster,
    copy: &ResolvedCopy,
    compared: &BTreeMap<Place, Comparison>,
) -> Result<Comparison, ObserveError> {
    let (namespace, name) = &copy.of;
    let (what, original) = (format!("Secret {}/{}", copy.namespace, copy.name), format!("Secret {namespace}/{name}"));
    let Some(found) = read(cluster, &copy.namespace, &copy.name).await? else { return Ok(Comparison::Absent) };
    if compared.get(&copy.of).is_some_and(|original| *original != Comparison::Same) {
        return Ok(Comparison::Differs(format!("{what} is a copy of {original}, which changes")));
    }
    let wanted = read(cluster, namespace, name).await?.unwrap_or_default();
    for key in &copy.keys {
        let how = match (wanted.get(key), found.get(key)) {
            (Some(wanted), Some(found)) if wanted == found => continue,
            (None, None) if key == AUTHORITY => continue,
            (Some(_), Some(_)) => format!("{what} has different content than {original}"),
            (Some(_), None) => format!("{what} has no key `{key}`"),
            (None, _) => format!("{what} is a copy of {original}, which has no key `{key}`"),
        };
        return Ok(Comparison::Differs(how));
    }
    Ok(Comparison::Same)
}

/// The versions that templates ask for, of Secrets that are there and are to stay as they are.
pub(super) async fn versions(
    wanted: &Resolved,
    cluster: &Cluster,
    compared: &BTreeMap<Place, Comparison>,
    state: Option<&InstallState>,
) -> Result<BTreeMap<Place, String>, ObserveError> {
    let Some(salt) = state.map(|state| state.salt.as_str()).filter(|salt| !salt.is_empty()) else {
        return Ok(BTreeMap::new());
    };
    let stays = |place: &Place| compared.get(place).is_none_or(|found| *found == Comparison::Same);
    let places: BTreeSet<Place> = wanted.versioned().into_iter().filter(stays).collect();
    let found = try_join_all(places.into_iter().map(|(namespace, name)| async move {
        let found = read(cluster, &namespace, &name).await?;
        // One that is not there has a version, too: it changes when it comes.
        let version = secret_version(salt, &namespace, &name, &found.unwrap_or_default());
        Ok::<_, ObserveError>(((namespace, name), version))
    }));
    Ok(found.await?.into_iter().collect())
}

/// For each namespace how its pull Secret compares with the credentials.
///
/// # Errors
/// The credentials cannot be read, or the API fails.
pub async fn pull_secrets(
    wanted: &Resolved,
    cluster: &Cluster,
    namespaces: &BTreeSet<String>,
) -> Result<BTreeMap<String, Comparison>, ObserveError> {
    let Some(from) = wanted.pull_secret.as_ref().filter(|from| !from.is_in_place()) else {
        return Ok(BTreeMap::new());
    };
    let config = secrets::docker_config(from, cluster).await?;
    let compared = try_join_all(namespaces.iter().map(|namespace| {
        let config = &config;
        async move {
            let found = read(cluster, namespace, PULL_SECRET).await?;
            let compared = match found.as_ref().map(|data| data.get(".dockerconfigjson")) {
                None => Comparison::Absent,
                Some(Some(found)) if found == config => Comparison::Same,
                Some(_) => Comparison::Differs(format!("Secret {namespace}/{PULL_SECRET} has different credentials")),
            };
            Ok::<_, ObserveError>((namespace.clone(), compared))
        }
    }));
    Ok(compared.await?.into_iter().collect())
}

/// Refuses Secrets that are there, that no record of ours names and that do not bear our mark: to fill one would take
/// from somebody what is theirs.
pub(super) async fn refuse_foreign(
    cluster: &Cluster,
    state: Option<&InstallState>,
    secrets: &BTreeMap<Place, Comparison>,
    pull_secrets: &BTreeMap<String, Comparison>,
) -> Result<(), ObserveError> {
    let mut ours: BTreeSet<Place> = BTreeSet::new();
    if let Some(state) = state {
        let installed = state.components.values().map(|component| &component.record);
        for record in installed.chain(state.kept.values().map(|kept| &kept.record)).chain(state.begun.values()) {
            let Some(release) = &record.release else { continue };
            ours.extend(record.secret_places());
            let pulled = record.namespaces.iter().chain([&release.namespace]);
            let pulled = pulled.flat_map(|place| record.pull_secret.iter().map(move |name| (place, name)));
            ours.extend(pulled.map(|(namespace, name)| (namespace.clone(), name.clone())));
        }
    }
    let filled = secrets.iter().map(|((namespace, name), found)| (namespace.as_str(), name.as_str(), found));
    let pull = pull_secrets.iter().map(|(namespace, found)| (namespace.as_str(), PULL_SECRET, found));
    for (namespace, name, found) in filled.chain(pull) {
        if *found == Comparison::Absent || ours.contains(&(namespace.to_owned(), name.to_owned())) {
            continue;
        }
        let place = format!("{namespace}/{name}");
        let is_foreign = cluster.is_foreign_secret(namespace, name).await;
        let api = |source| ObserveError::Api { what: format!("Secret {place}"), source };
        if is_foreign.map_err(api)? {
            return Err(ObserveError::Foreign { place });
        }
    }
    Ok(())
}
