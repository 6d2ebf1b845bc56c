//! From what charts render to what is needed.

use std::collections::{BTreeMap, BTreeSet};

use super::grows;
use super::images;
use super::objects::{self, pointer_text};
use super::rights::{self, wait_object, waits};
use super::types::{Agreement, Needs, SecretNeed, SecretUse};
use crate::answers::{OpenComponent, Resolved, ResolvedComponent};
use crate::catalog::action::{ActionEffect, JobParts, Run};
use crate::model::cluster::{ManifestObject, ObjectRef, ReleaseKey};
use crate::model::data::taken_along;
use crate::model::{PULL_SECRET, Quantity, STATE_NAMESPACE};
use crate::preflight::render::{Rendered, Site};

/// What the actions of an install are to be agreed to.
fn agreements(wanted: &Resolved) -> Vec<Agreement> {
    let mut found = Vec::new();
    for component in &wanted.components {
        found.extend(component.actions().filter_map(|act| {
            Some(Agreement {
                component: component.id.clone(),
                step: act.id.clone(),
                title: act.title.clone(),
                says: act.agree.as_ref()?.en().to_owned(),
                done: match act.kind.leaves() {
                    Some(ActionEffect::Done(text)) => Some(text.to_owned()),
                    _ => None,
                },
            })
        }));
    }
    found
}

/// What is needed for these answers, with what their charts rendered. `site` says how the API calls the kinds, and
/// which namespaces are there.
#[must_use]
pub fn needs(wanted: &Resolved, rendered: &[Rendered], site: &Site) -> Needs {
    let mut needs = Needs {
        domain: pointer_text(&wanted.answers, "/platform/cluster_domain").unwrap_or_default().to_owned(),
        unpinned: wanted.unpinned.clone(),
        agreements: agreements(wanted),
        undeclared: images::undeclared(wanted, rendered),
        ..Needs::default()
    };
    for (name, wants) in wanted.components.iter().flat_map(ResolvedComponent::places) {
        let level = needs.namespaces.entry(name.to_owned()).or_default();
        if level.is_empty() || rank(wants) > rank(level) {
            wants.clone_into(level);
        }
    }
    for release in wanted.components.iter().filter_map(|component| component.release.as_ref()) {
        needs.releases.insert((release.namespace.clone(), release.name.clone()));
    }
    let mut objects: Vec<&ManifestObject> = Vec::new();
    needs.shared = shared(rendered);
    needs.secrets.extend(wanted.in_place.iter().map(|(namespace, name)| SecretNeed {
        namespace: namespace.clone(),
        name: name.clone(),
        used: SecretUse::Answer,
    }));
    for one in rendered {
        let name = one.key.to_string();
        needs.old.extend(one.incompatible.iter().map(|constraint| (name.clone(), constraint.clone())));
        needs.unread.extend(one.unread.iter().map(|unread| (name.clone(), unread.to_string())));
        let open = wanted.open.iter().find(|open| {
            (open.release.0.as_str(), open.release.1.as_str()) == (one.key.namespace.as_str(), one.key.name.as_str())
        });
        needs.stored.push((name.clone(), one.stored));
        match &one.objects {
            Ok(found) => {
                let entries = found.iter().filter(|object| objects::is_entry_without_login(object));
                let said = |open: &OpenComponent| format!("{}: {}", open.title.en(), open.said.en());
                needs.without_login.extend(entries.filter_map(|object| Some((object.object.clone(), said(open?)))));
                needs.taken_along.extend(taken_along(found).into_iter().map(|object| (name.clone(), object)));
                objects.extend(found);
            }
            Err(why) => needs.broken.push((name, why.clone())),
        }
    }
    for object in &objects {
        objects::collect(object, &mut needs);
        let namespaced = site.resource(&object.object).is_some_and(|resource| resource.namespaced);
        if let Some(namespace) = object.object.namespace.as_ref().filter(|_| namespaced)
            && !needs.namespaces.contains_key(namespace)
        {
            needs.elsewhere.entry(namespace.clone()).or_insert_with(|| object.object.clone());
        }
        match site.resource(&object.object) {
            Some(resource) => {
                if let Some(namespace) = &object.object.namespace {
                    let mut count = |name: String| *needs.counts.entry((namespace.clone(), name)).or_default() += 1;
                    let group = if resource.group.is_empty() { String::new() } else { format!(".{}", resource.group) };
                    count(format!("count/{}{group}", resource.plural));
                    if resource.group.is_empty() {
                        count(resource.plural.clone());
                    }
                }
            }
            None => needs.unknown_kinds.push(object.object.clone()),
        }
    }
    needs.unknown_kinds.extend(too_early(wanted, rendered, site));
    let waited = waits(wanted).map(|(namespace, wait)| wait_object(namespace, wait));
    needs.unknown_kinds.extend(waited.filter(|object| site.resource(object).is_none()));
    if let Some(job) = largest_job(wanted) {
        objects::collect(&job, &mut needs);
    }
    let own = &needs.namespaces;
    needs.peers.retain(|name, _| !own.contains_key(name) && name != STATE_NAMESPACE);
    let made: BTreeSet<&str> = objects
        .iter()
        .filter(|object| object.object.kind == "Namespace")
        .map(|object| object.object.name.as_str())
        .collect();
    needs.elsewhere.retain(|name, _| !made.contains(name.as_str()));
    // Made by windlass itself, in every namespace: that one need not be there.
    let made = wanted.pull_secret.as_ref().is_some_and(|from| !from.is_in_place());
    needs.secrets.retain(|secret| !(made && secret.name == PULL_SECRET));
    // So are those of the components.
    let copies = wanted.components.iter().flat_map(|component| &component.copies);
    let copies = copies.map(|copy| (copy.namespace.as_str(), copy.name.as_str()));
    let filled: BTreeSet<(&str, &str)> = wanted
        .components
        .iter()
        .filter_map(|component| component.release.as_ref().zip(Some(&component.secrets)))
        .flat_map(|(release, secrets)| secrets.iter().map(|secret| (release.namespace.as_str(), secret.name.as_str())))
        .chain(copies)
        .collect();
    needs.secrets.retain(|secret| !filled.contains(&(secret.namespace.as_str(), secret.name.as_str())));
    needs.secrets.sort();
    needs.secrets.dedup();
    let mut secrets: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let pulled = needs.namespaces.keys().filter(|_| made).map(|namespace| (namespace.as_str(), PULL_SECRET));
    for (namespace, name) in filled.iter().copied().chain(pulled) {
        secrets.entry(namespace).or_default().insert(name);
    }
    needs.grows = grows::grows(wanted, &objects);
    let rights = rights::rights(wanted, &objects, site, &secrets);
    needs.rights = rights;
    needs
}

/// Objects that two releases render: Helm would let the second have them only if the first had not.
fn shared(rendered: &[Rendered]) -> Vec<(ObjectRef, String, String)> {
    let mut first: BTreeMap<&ObjectRef, &ReleaseKey> = BTreeMap::new();
    let mut found = Vec::new();
    for one in rendered {
        for object in one.objects.iter().flatten() {
            match first.insert(&object.object, &one.key) {
                Some(other) if *other != one.key => {
                    found.push((object.object.clone(), other.to_string(), one.key.to_string()));
                }
                _ => {}
            }
        }
    }
    found
}

/// Objects of kinds that only the `crds/` of a component brings which theirs does not require: they may come before it.
fn too_early(wanted: &Resolved, rendered: &[Rendered], site: &Site) -> Vec<ObjectRef> {
    let key = |component: &ResolvedComponent| {
        component.release.as_ref().map(|release| ReleaseKey::new(&release.namespace, &release.name))
    };
    let find = |id: &str| wanted.components.iter().find(|component| component.id == id);
    let mut found = Vec::new();
    for one in rendered {
        let Some(component) = wanted.components.iter().find(|component| key(component).as_ref() == Some(&one.key))
        else {
            continue;
        };
        // All that it requires, and what that requires.
        let (mut before, mut open) = (BTreeSet::from([one.key.clone()]), vec![component]);
        let mut seen = BTreeSet::new();
        while let Some(next) = open.pop() {
            before.extend(key(next));
            open.extend(next.needs.iter().filter(|id| seen.insert(id.as_str())).filter_map(|id| find(id)));
        }
        let objects = one.objects.iter().flatten().map(|object| &object.object);
        found.extend(objects.filter(|object| {
            let kind = (object.api_version.clone(), object.kind.clone());
            site.brought.get(&kind).is_some_and(|from| from.is_disjoint(&before))
        }));
    }
    found.into_iter().cloned().collect()
}

/// The Job of an action that asks for the most memory. Jobs of actions come and go, mostly one after the other: there must
/// be room for one of them beside what stays.
fn largest_job(wanted: &Resolved) -> Option<ManifestObject> {
    let jobs = wanted.components.iter().flat_map(|component| {
        let actions = component.actions();
        let namespace = component.namespace.as_deref().unwrap_or_default();
        actions.filter_map(move |action| Some((namespace, &component.files, action.kind.jobs()?)))
    });
    let memory = |run: &Run| Quantity::parse(&run.memory).map_or(0.0, |each| each.number() * f64::from(run.count()));
    let (namespace, files, run) = jobs.max_by(|(.., a), (.., b)| memory(a).total_cmp(&memory(b)))?;
    let parts = JobParts { namespace, pull_secret: &wanted.pull_secret_name, seconds: 1, files };
    let body = run.objects(&parts).pop()?;
    Some(ManifestObject { object: ObjectRef::namespaced("batch/v1", "Job", namespace, &run.name), body })
}

/// How much a Pod Security level admits.
pub(in crate::preflight) fn rank(level: &str) -> u8 {
    match level {
        "privileged" => 2,
        "baseline" => 1,
        _ => 0,
    }
}
