//! How to take away what is installed, in reverse, and what stays.

use std::collections::BTreeSet;

use super::build::{action, sort};
use super::types::{Action, Change, PLAN_SCHEMA, Plan, Step};
use crate::model::cluster::ReleaseKey;
use crate::model::state::{ComponentState, InstallState};

/// Why nothing is uninstalled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UninstallError {
    /// A component is not installed.
    #[error("`{0}` is not installed; `windlass status` shows what is")]
    NotInstalled(String),
    /// Others need it.
    #[error("{id} is required by {}; uninstall those too: --components {id},{}", .by.join(", "), .by.join(","))]
    Required {
        /// The component.
        id: String,
        /// Who needs it.
        by: Vec<String>,
    },
}

/// The plan that removes `chosen`, or everything. With `purge` the data goes too.
///
/// # Errors
/// A chosen component is not installed, or one that stays needs it.
pub fn uninstall(state: &InstallState, chosen: Option<&[String]>, purge: bool) -> Result<Plan, UninstallError> {
    let state = &state.clone().with_begun();
    let going: BTreeSet<String> = match chosen {
        None => state.components.keys().cloned().collect(),
        Some(ids) => ids.iter().cloned().collect(),
    };
    for id in &going {
        if !state.components.contains_key(id) {
            return Err(UninstallError::NotInstalled(id.clone()));
        }
        let by: Vec<String> = state
            .components
            .iter()
            .filter(|(other, component)| !going.contains(*other) && component.record.requires.contains(id))
            .map(|(other, _)| other.clone())
            .collect();
        if !by.is_empty() {
            return Err(UninstallError::Required { id: id.clone(), by });
        }
    }
    let mut actions = Vec::new();
    for (id, component) in state.components.iter().filter(|(id, _)| going.contains(*id)) {
        remove(state, &going, id, component, purge, &mut actions);
    }
    if purge {
        purge_kept(state, chosen.is_none(), &mut actions);
    }
    namespaces(state, &going, (purge, chosen.is_none()), &mut actions);
    sort(&mut actions);
    Ok(Plan { schema: PLAN_SCHEMA, hdfs: None, overlaid: Vec::new(), left_out: Vec::new(), actions })
}

fn remove(
    state: &InstallState,
    going: &BTreeSet<String>,
    id: &str,
    component: &ComponentState,
    purge: bool,
    actions: &mut Vec<Action>,
) {
    // Whoever needs this component goes first.
    let mut chain: Vec<String> = state
        .components
        .iter()
        .filter(|(other, component)| going.contains(*other) && component.record.requires.contains(id))
        .map(|(other, _)| format!("{other}/forget"))
        .collect();
    let mut push = |name: String, title: String, needs: Vec<String>, step: Step| {
        actions.push(Action { change: Change::Delete, needs, ..action(id, name.clone(), title, step) });
        vec![name]
    };
    if let Some(key) = &component.record.release {
        let title = format!("uninstall release {} in {}", key.name, key.namespace);
        chain = push(format!("{id}/uninstall"), title, chain, Step::Uninstall { key: key.clone() });
        for (index, (kind, selector)) in component.record.leftovers.iter().enumerate() {
            let title = format!("remove {kind}s with {selector} in {}", key.namespace);
            let step = Step::RemoveByLabel {
                namespace: key.namespace.clone(),
                kind: kind.clone(),
                selector: selector.clone(),
            };
            chain = push(format!("{id}/leftover-{}", index + 1), title, chain, step);
        }
        if purge {
            let title = format!("delete the volumes of {} and their data", key.name);
            chain = push(format!("{id}/purge"), title, chain, Step::PurgeClaims { key: key.clone() });
            for (name, title, step) in filled(key, &component.record.secrets) {
                chain = push(format!("{id}/{name}"), title, chain, step);
            }
        }
    }
    push(format!("{id}/forget"), format!("forget {}", component.record.title), chain, Step::Forget { kept: !purge });
}

/// Data of components that were uninstalled earlier goes with a purge of everything.
fn purge_kept(state: &InstallState, everything: bool, actions: &mut Vec<Action>) {
    for (id, kept) in state.kept.iter().filter(|(id, _)| everything && !state.components.contains_key(*id)) {
        let record = &kept.record;
        let Some(key) = &record.release else { continue };
        let title = format!("delete the volumes of {} and their data", key.name);
        let mut name = format!("{id}/purge");
        actions.push(Action {
            change: Change::Delete,
            ..action(id, name.clone(), title, Step::PurgeClaims { key: key.clone() })
        });
        for (secret, title, step) in filled(key, &record.secrets) {
            let needs = vec![std::mem::replace(&mut name, format!("{id}/{secret}"))];
            actions.push(Action { change: Change::Delete, needs, ..action(id, name.clone(), title, step) });
        }
        actions.push(Action {
            change: Change::Delete,
            needs: vec![name],
            ..action(id, format!("{id}/forget"), format!("forget {}", record.title), Step::Forget { kept: false })
        });
    }
}

/// The end of the id, the title and the step by which each of a component's Secrets goes.
fn filled<'a>(
    key: &'a ReleaseKey,
    names: &'a BTreeSet<String>,
) -> impl Iterator<Item = (String, String, Step)> + use<'a> {
    names.iter().map(|name| {
        let title = format!("remove Secret {name} from {}", key.namespace);
        let step = Step::RemoveSecret { namespace: key.namespace.clone(), name: name.clone() };
        (format!("secret-{name}"), title, step)
    })
}

/// Pull Secrets go when nobody in the namespace is left; namespaces that we made go with the data.
fn namespaces(
    state: &InstallState,
    going: &BTreeSet<String>,
    (purge, everything): (bool, bool),
    actions: &mut Vec<Action>,
) {
    let all = state.components.iter().map(|(id, component)| (id, &component.record));
    let places = |stays: bool| -> BTreeSet<(String, Option<String>)> {
        let kept = state.kept.iter().filter(|_| purge && !stays).map(|(id, kept)| (id, &kept.record));
        all.clone()
            .filter(|(id, _)| going.contains(*id) != stays)
            .chain(kept)
            .filter_map(|(_, record)| Some((record.release.as_ref()?.namespace.clone(), record.pull_secret.clone())))
            .collect()
    };
    let staying: BTreeSet<String> = places(true).into_iter().map(|(namespace, _)| namespace).collect();
    let forgets: Vec<String> =
        actions.iter().filter(|action| action.id.ends_with("/forget")).map(|action| action.id.clone()).collect();
    // Those that were made for what was never begun, too.
    let empty = state.namespaces.keys().filter(|_| purge && everything).map(|name| (name.clone(), None));
    let mut leaving = places(false);
    let known: BTreeSet<String> = leaving.iter().map(|(namespace, _)| namespace.clone()).collect();
    leaving.extend(empty.filter(|(namespace, _)| !known.contains(namespace)));
    for (namespace, secret) in leaving {
        if staying.contains(&namespace) {
            continue;
        }
        let mut chain = forgets.clone();
        if let Some(name) = secret {
            let id = format!("pull-secret/{namespace}");
            let step = Step::RemoveSecret { namespace: namespace.clone(), name };
            let title = format!("remove registry credentials from {namespace}");
            actions.push(Action {
                change: Change::Delete,
                needs: chain,
                ..action("platform", id.clone(), title, step)
            });
            chain = vec![id];
        }
        if purge && state.namespaces.contains_key(&namespace) {
            let step = Step::RemoveNamespace { name: namespace.clone() };
            actions.push(Action {
                change: Change::Delete,
                needs: chain,
                ..action("platform", format!("namespace/{namespace}"), format!("remove namespace {namespace}"), step)
            });
        }
    }
}
