//! Uninstalls in reverse order of the install, and decides what stays.
//!
//! Two rules hold whatever is chosen: data goes only with a purge, claim by claim, each by its name; and nothing that
//! belongs to what stays is touched, be that installed or only kept.

mod builder;
mod kinds;
mod protected;
mod removal;
#[cfg(test)]
mod tests;
mod waits;

use std::collections::{BTreeMap, BTreeSet};

use self::builder::{Builder, NAMED};
use self::kinds::in_use;
use self::protected::{Place, Protected, places};
pub use self::removal::Removal;
use self::waits::Waits;
use super::order::sort;
use super::step::step;
use super::types::{Change, PLAN_SCHEMA, Plan, Step, Work};
use crate::model::cluster::{ObjectRef, ReleaseKey};
use crate::model::data::DataPlaces;
use crate::model::observed::Remains;
use crate::model::state::{ComponentRecord, InstallState};
use crate::model::{CRD, FILES_LABEL, STATE_NAMESPACE};

/// Why nothing is uninstalled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UninstallError {
    /// A component is not installed.
    #[error("`{0}` is not installed; `windlass status` shows what is")]
    NotInstalled(String),
    /// Only its data is there.
    #[error("`{0}` is not installed; its data was kept; use --purge-data to delete it")]
    OnlyKept(String),
    /// Others need it.
    #[error("{id} is required by {}; uninstall them too: --components {id},{}", .by.join(", "), .by.join(","))]
    Required {
        /// The component.
        id: String,
        /// Who needs it.
        by: Vec<String>,
    },
}

/// The plan that removes what is chosen, or everything.
///
/// # Errors
/// A chosen component is not installed, or one that stays needs it.
pub fn uninstall(state: &InstallState, remains: &Remains, removal: Removal<'_>) -> Result<Plan, UninstallError> {
    let state = &state.clone().with_unfinished();
    let going = going(state, removal)?;
    let purged =
        state.kept.keys().filter(|id| removal.purge && removal.chosen.is_none_or(|chosen| chosen.contains(id)));
    let purged: BTreeSet<String> = purged.cloned().collect();
    let mut builder = Builder {
        stays: Protected::new(state, remains, &going, &purged, removal.purge),
        state,
        remains,
        going,
        removal,
        steps: Vec::new(),
        forgets: Vec::new(),
        planned: BTreeSet::new(),
        waits: Waits::default(),
    };
    for id in builder.going.clone() {
        builder.component(&id);
    }
    for id in purged.difference(&builder.going.clone()) {
        builder.kept(id);
    }
    builder.namespaces(&purged);
    let mut steps = builder.steps;
    builder.waits.add_to(&mut steps);
    sort(&mut steps);
    Ok(Plan { schema: PLAN_SCHEMA, hdfs: None, overlaid: Vec::new(), skipped: Vec::new(), steps })
}

fn going(state: &InstallState, removal: Removal<'_>) -> Result<BTreeSet<String>, UninstallError> {
    let mut going = BTreeSet::new();
    match removal.chosen {
        None => going.extend(state.components.keys().cloned()),
        Some(ids) => {
            for id in ids {
                match (state.components.contains_key(id), state.kept.contains_key(id)) {
                    (true, _) => drop(going.insert(id.clone())),
                    (false, true) if removal.purge => {}
                    (false, true) => return Err(UninstallError::OnlyKept(id.clone())),
                    (false, false) => return Err(UninstallError::NotInstalled(id.clone())),
                }
            }
        }
    }
    for id in &going {
        let needs = state.components.iter().filter(|(_, component)| component.record.requires.contains(id));
        let needs = needs.map(|(other, _)| other.clone());
        let by: Vec<String> = needs.filter(|other| !going.contains(other) && !removal.is_optional(other, id)).collect();
        if !by.is_empty() {
            return Err(UninstallError::Required { id: id.clone(), by });
        }
    }
    Ok(going)
}

/// What a purge leaves since others have a part in it, in words.
#[must_use]
pub fn left_for_others(plan: &Plan) -> Vec<String> {
    let mut left = Vec::new();
    for step in &plan.steps {
        match &step.work {
            Work::RemoveNamespace { name, others, .. } if step.change == Change::Nothing => {
                left.push(format!("namespace {name} with {}", others.join(", ")));
            }
            Work::Uninstall { keep, .. } => {
                let shared = keep.iter().filter(|object| is_shared(object));
                left.extend(shared.map(|object| format!("{object} with all objects that belong to it")));
            }
            _ => {}
        }
    }
    left
}

/// Whether others may have made things of it, or in it.
fn is_shared(object: &ObjectRef) -> bool {
    matches!(object.kind.as_str(), "CustomResourceDefinition" | "Namespace")
}

impl Builder<'_> {
    fn component(&mut self, id: &str) {
        let (state, remains) = (self.state, self.remains);
        let Some(component) = state.components.get(id) else { return };
        let record = &component.record;
        let first = self.steps.len();
        let mut chain = Vec::new();
        let staying = state
            .components
            .iter()
            .filter(|(other, component)| !self.going.contains(*other) && component.record.requires.contains(id));
        let mut without: Vec<String> = staying
            .map(|(other, _)| {
                format!("{other} remains configured to use this component until it is installed again without it")
            })
            .collect();
        let kept = state.kept.get(id);
        let mut known = vec![component.data.as_ref()];
        known.extend(kept.map(|kept| kept.data.as_ref()));
        let (mut places, labelled) = places(record, &known, remains);
        let (objects, crds) = self.of_kinds(&places.crds);
        chain = self.objects(id, objects, chain);
        chain = self.definitions(id, &crds, chain);
        if let Some(key) = &record.release {
            let title = format!("uninstall release {} in {}", key.name, key.namespace);
            let (keep, mut why) = self.left_by_helm(key);
            why.append(&mut without);
            let work = Work::Uninstall { key: key.clone(), keep };
            chain = self.push(id, format!("{id}/uninstall"), title, why, chain, work);
            chain = self.leftovers(id, record, key, chain);
            if !record.config_maps.is_empty() {
                // Earlier ones, too.
                let (namespace, selector) = (key.namespace.clone(), format!("{FILES_LABEL}={}", key.name));
                let title = format!("remove the files of {} from {namespace}", key.name);
                let work = Work::RemoveByLabel { namespace, kind: "ConfigMap".to_owned(), selector };
                chain = self.push(id, format!("{id}/files"), title, Vec::new(), chain, work);
            }
        }
        if self.removal.purge {
            let claims = self.claims(&places, &labelled, [record].into_iter().chain(kept.map(|kept| &kept.record)));
            chain = self.purge(id, claims, chain);
            for record in [Some(record), kept.map(|kept| &kept.record)].into_iter().flatten() {
                chain = self.secrets(id, record, chain);
            }
        }
        places.claims.extend(labelled);
        self.forget(id, record, places, chain, without);
        // Whoever needs this component goes first.
        let needing = state
            .components
            .iter()
            .filter(|(other, component)| self.going.contains(*other) && component.record.requires.contains(id));
        let first = &self.steps[first].id;
        self.waits.components.extend(needing.map(|(other, _)| (first.clone(), format!("{other}/forget"))));
    }

    /// Data of a component that was uninstalled earlier.
    fn kept(&mut self, id: &str) {
        let Some(kept) = self.state.kept.get(id) else { return };
        let (places, labelled) = places(&kept.record, &[kept.data.as_ref()], self.remains);
        let claims = self.claims(&places, &labelled, [&kept.record]);
        let (_, crds) = self.of_kinds(&places.crds);
        let chain = self.definitions(id, &crds, Vec::new());
        let chain = self.purge(id, claims, chain);
        let chain = self.secrets(id, &kept.record, chain);
        self.forget(id, &kept.record, places, chain, Vec::new());
    }

    /// What Helm is to leave of a release, and what is said of it.
    fn left_by_helm(&self, key: &ReleaseKey) -> (Vec<ObjectRef>, Vec<String>) {
        let (mut keep, mut why) = (Vec::new(), Vec::new());
        let shared = self.removal.purge && self.removal.shared;
        for object in self.remains.releases.get(key).into_iter().flat_map(|release| &release.taken) {
            let leave = match object.kind.as_str() {
                "CustomResourceDefinition" => !shared,
                "Namespace" => {
                    !shared || self.stays.namespaces.contains(&object.name) || object.name == STATE_NAMESPACE
                }
                "PersistentVolume" => !self.removal.purge,
                // With a purge each claim has a step of its own.
                _ => true,
            };
            if !leave {
                continue;
            }
            keep.push(object.clone());
            match object.kind.as_str() {
                _ if is_shared(object) => {
                    why.push(format!(
                        "{object} is kept with all objects that belong to it (--purge-shared deletes it)"
                    ));
                }
                _ if self.removal.purge => {}
                "StatefulSet" => why.push(format!("the claims of {object} are kept: the chart would delete them")),
                _ => why.push(format!("{object} is kept: the chart would delete it")),
            }
        }
        let unread = self.remains.releases.get(key).into_iter().flat_map(|release| &release.unread);
        why.extend(unread.map(|unread| format!("{unread}: Helm deletes it if possible")));
        (keep, why)
    }

    /// What the software made by itself. Claims hold data: they go with that, by name. So do Secrets, of which another
    /// component may have one that is selected, too.
    fn leftovers(
        &mut self,
        id: &str,
        record: &ComponentRecord,
        key: &ReleaseKey,
        mut chain: Vec<String>,
    ) -> Vec<String> {
        for (index, (kind, selector)) in record.leftovers.iter().enumerate() {
            match kind.as_str() {
                "PersistentVolumeClaim" => {}
                "Secret" => {
                    let selected = self.remains.selected.get(&(kind.clone(), key.namespace.clone(), selector.clone()));
                    let names: Vec<String> = selected.into_iter().flatten().cloned().collect();
                    for name in names {
                        chain = self.secret(id, key, (key.namespace.clone(), name), chain);
                    }
                }
                _ => {
                    let title = format!("remove {kind}s with {selector} in {}", key.namespace);
                    let (namespace, kind, selector) = (key.namespace.clone(), kind.clone(), selector.clone());
                    let work = Work::RemoveByLabel { namespace, kind, selector };
                    chain = self.push(id, format!("{id}/leftover-{}", index + 1), title, Vec::new(), chain, work);
                }
            }
        }
        chain
    }

    /// The claims that are there and hold a component's data, and nobody else's.
    fn claims<'r>(
        &self,
        places: &DataPlaces,
        labelled: &BTreeSet<Place>,
        records: impl IntoIterator<Item = &'r ComponentRecord>,
    ) -> Vec<Place> {
        let mut found: BTreeSet<Place> =
            self.remains.claims.iter().filter(|claim| places.holds(claim)).cloned().collect();
        found.extend(labelled.iter().cloned());
        for record in records {
            let Some(key) = &record.release else { continue };
            for (kind, selector) in record.leftovers.iter().filter(|(kind, _)| kind == "PersistentVolumeClaim") {
                let selected = self.remains.selected.get(&(kind.clone(), key.namespace.clone(), selector.clone()));
                found.extend(selected.into_iter().flatten().map(|name| (key.namespace.clone(), name.clone())));
            }
        }
        found.into_iter().filter(|claim| !self.stays.holds_claim(claim)).collect()
    }

    fn purge(&mut self, id: &str, claims: Vec<Place>, mut chain: Vec<String>) -> Vec<String> {
        for claim in claims {
            if !self.planned.insert(("claim", claim.clone())) {
                continue;
            }
            let (namespace, name) = claim;
            let title = format!("delete claim {name} in {namespace} and its data");
            let work = Work::PurgeClaim { namespace: namespace.clone(), name: name.clone() };
            // Which no namespace's name contains.
            chain = self.push(id, format!("{id}/claim-{namespace}.{name}"), title, Vec::new(), chain, work);
        }
        chain
    }

    fn secrets(&mut self, id: &str, record: &ComponentRecord, mut chain: Vec<String>) -> Vec<String> {
        let Some(key) = &record.release else { return chain };
        for place in record.secret_places() {
            chain = self.secret(id, key, place, chain);
        }
        chain
    }

    fn secret(&mut self, id: &str, home: &ReleaseKey, secret: Place, chain: Vec<String>) -> Vec<String> {
        if self.stays.secrets.contains(&secret) || !self.planned.insert(("secret", secret.clone())) {
            return chain;
        }
        let (namespace, name) = secret;
        let own = self.state.components.get(id).and_then(|component| component.record.release.as_ref());
        let at_home = namespace == home.namespace;
        let named = match at_home && own.is_none_or(|own| own.namespace == home.namespace) {
            true => format!("{id}/secret-{name}"),
            false => format!("{id}/secret-{namespace}.{name}"),
        };
        let title = format!("remove Secret {name} from {namespace}");
        self.push(id, named, title, Vec::new(), chain, Work::RemoveSecret { namespace, name })
    }

    fn forget(
        &mut self,
        id: &str,
        record: &ComponentRecord,
        places: DataPlaces,
        chain: Vec<String>,
        without: Vec<String>,
    ) {
        let purge = self.removal.purge;
        let folders = places.folders.iter();
        let mut why: Vec<String> = folders
            .map(|folder| format!("folder {folder} stays on the nodes with its content; remove it there"))
            .collect();
        why.extend(without);
        if !(purge && self.removal.shared) {
            let crds = places.crds.iter().filter_map(|name| Some((name, self.remains.crds.get(name)?)));
            why.extend(crds.map(|(name, kind)| {
                format!("{CRD} {name} is kept, with {} (--purge-data --purge-shared deletes both)", in_use(kind))
            }));
        }
        if !purge {
            let held = self.remains.claims.iter().filter(|claim| places.holds(claim));
            let claims = held.map(|(namespace, name)| format!("claim {namespace}/{name} is kept"));
            let own = record.secret_places().map(|(namespace, name)| format!("Secret {namespace}/{name} is kept"));
            why.extend(claims.chain(own));
        }
        let more = why.len().saturating_sub(NAMED);
        why.truncate(NAMED);
        if more > 0 {
            why.push(format!("{more} more are kept"));
        }
        let work = Work::Forget { kept: (!purge).then_some(places) };
        let forgot =
            self.push(id, format!("{id}/forget"), format!("remove the record of {}", record.title), why, chain, work);
        self.forgets.extend(forgot);
    }

    /// Pull Secrets go when nobody in the namespace is left; namespaces that we made go with the data.
    fn namespaces(&mut self, purged: &BTreeSet<String>) {
        let installed = self.state.components.iter().filter(|(id, _)| self.going.contains(*id));
        let records = installed.map(|(_, component)| &component.record);
        let kept = self.state.kept.iter().filter(|(id, _)| purged.contains(*id)).map(|(_, kept)| &kept.record);
        let mut leaving: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for record in records.chain(kept) {
            if let Some(key) = &record.release {
                for namespace in [&key.namespace].into_iter().chain(&record.namespaces) {
                    leaving.entry(namespace.clone()).or_default().extend(record.pull_secret.iter().cloned());
                }
            }
        }
        // Those that were made for what was never begun, too.
        let made = self.state.namespaces.keys().filter(|_| self.removal.purge && self.removal.chosen.is_none());
        for namespace in made {
            leaving.entry(namespace.clone()).or_default();
        }
        for (namespace, pull_secrets) in leaving {
            let mut chain = self.forgets.clone();
            for (index, name) in pull_secrets.into_iter().enumerate() {
                let secret = (namespace.clone(), name.clone());
                if self.stays.inhabited.contains(&namespace)
                    || self.stays.secrets.contains(&secret)
                    || !self.planned.insert(("secret", secret))
                {
                    continue;
                }
                let id = if index == 0 {
                    format!("pull-secret/{namespace}")
                } else {
                    format!("pull-secret/{namespace}.{name}")
                };
                let title = format!("remove registry credentials from {namespace}");
                let work = Work::RemoveSecret { namespace: namespace.clone(), name };
                chain = self.push("platform", id, title, Vec::new(), chain, work);
            }
            self.namespace(namespace, chain);
        }
    }

    fn namespace(&mut self, name: String, needs: Vec<String>) {
        let ours = self.removal.purge && self.state.namespaces.contains_key(&name) && name != STATE_NAMESPACE;
        // One that is gone, or was made anew by somebody else, is not there for us.
        let Some(found) = self.remains.namespaces.get(&name).filter(|_| ours) else { return };
        if self.stays.namespaces.contains(&name) {
            return;
        }
        let leave = !found.others.is_empty() && !self.removal.shared;
        let mut why: Vec<String> = found
            .others
            .iter()
            .take(NAMED)
            .map(|other| match leave {
                true => format!("{other} does not belong to the platform"),
                false => format!("{other} does not belong to the platform and is deleted with it"),
            })
            .collect();
        if found.others.len() > NAMED {
            why.push(format!("{} more", found.others.len() - NAMED));
        }
        if leave {
            why.push("the namespace is kept; --purge-shared deletes it with everything in it".to_owned());
        }
        let releases = self.state.components.values().map(|component| &component.record);
        let releases = releases.chain(self.state.kept.values().map(|kept| &kept.record));
        let releases = releases.filter_map(|record| Some((record, record.release.as_ref()?)));
        let releases = releases.filter(|(record, key)| key.namespace == name || record.namespaces.contains(&name));
        let releases = releases.map(|(_, key)| key);
        let work = Work::RemoveNamespace {
            releases: releases.map(|key| key.name.clone()).collect(),
            others: found.others.clone(),
            name: name.clone(),
        };
        let (change, needs) = if leave { (Change::Nothing, Vec::new()) } else { (Change::Delete, needs) };
        let title = format!("remove namespace {name}");
        self.steps.push(Step { change, why, needs, ..step("platform", format!("namespace/{name}"), title, work) });
    }
}
