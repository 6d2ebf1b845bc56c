//! Releases that the answers would put elsewhere: Helm cannot move one, and what was there would be left behind.

use std::collections::BTreeSet;
use std::fmt;

use crate::answers::Resolved;
use crate::model::cluster::ReleaseKey;
use crate::model::data::DataPlaces;
use crate::model::few;
use crate::model::state::{ComponentRecord, InstallState};

/// How many places of data are named one by one.
const NAMED: usize = 6;

/// A component that is, or has data, in another place than the answers say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// The component.
    pub id: String,
    /// Where it is.
    pub from: ReleaseKey,
    /// Where it would be; nowhere if its definition has no release any more.
    pub to: Option<ReleaseKey>,
    /// What there is of it.
    pub status: InstallStatus,
    /// Where its data is, in words.
    pub data: Vec<String>,
    /// The components that have to go with it, itself among them.
    pub with: BTreeSet<String>,
}

/// What there is of a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstallStatus {
    /// It is installed.
    Installed,
    /// Its install was started and did not finish.
    Unfinished,
    /// It was uninstalled, and its data was kept.
    RetainedComponent,
}

impl fmt::Display for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, from, to, status, data, with } = self;
        match status {
            InstallStatus::Installed => write!(f, "{id} is installed as {from}")?,
            InstallStatus::Unfinished => write!(f, "an install of {id} as {from} did not finish")?,
            InstallStatus::RetainedComponent => write!(f, "data of {id} was kept from {from}")?,
        }
        match to {
            Some(to) => write!(
                f,
                ", but the answers specify {to}: Helm cannot move a release, so the old release would be orphaned"
            )?,
            None => write!(f, ", but its definition no longer has a release: the old release would be orphaned")?,
        }
        if !data.is_empty() {
            write!(f, " with its data ({})", few(data, NAMED))?;
        }
        let with: Vec<&str> = with.iter().map(String::as_str).collect();
        let with = with.join(",");
        write!(f, "; set {}.release and {}.namespace to the old values, or first ", id, id)?;
        match status {
            InstallStatus::RetainedComponent => {
                write!(f, "delete that data: `windlass uninstall --components {with} --purge-data`")
            }
            _ => write!(
                f,
                "run `windlass uninstall --components {with} --purge-data`, which deletes that data, and install again"
            ),
        }
    }
}

/// The components that this install would put in another place than they, or their data, are.
#[must_use]
pub fn moved(wanted: &Resolved, state: Option<&InstallState>) -> Vec<Moved> {
    let Some(state) = state else { return Vec::new() };
    let mut found = Vec::new();
    for component in &wanted.components {
        let id = &component.id;
        let to = component.release.as_ref().map(|release| ReleaseKey::new(&release.namespace, &release.name));
        let mut add = |record: &ComponentRecord, data: Option<&DataPlaces>, status| {
            let Some(from) = record.release.clone().filter(|from| Some(from) != to.as_ref()) else { return };
            let secrets = record.secret_places().map(|(namespace, name)| format!("Secret {namespace}/{name}"));
            let data: Vec<String> =
                data.map(DataPlaces::words).unwrap_or_default().into_iter().chain(secrets).collect();
            found.push(Moved { id: id.clone(), from, to: to.clone(), status, data, with: needing(state, id) });
        };
        if let Some(known) = state.components.get(id) {
            add(&known.record, known.data.as_ref(), InstallStatus::Installed);
        } else if let Some(record) = state.begun.get(id) {
            add(record, None, InstallStatus::Unfinished);
        }
        if let Some(kept) = state.kept.get(id) {
            // What keeps nothing can be installed anywhere.
            let holds = kept.data.as_ref().is_none_or(|data| !data.is_empty()) || !kept.record.secrets.is_empty();
            if holds {
                add(&kept.record, kept.data.as_ref(), InstallStatus::RetainedComponent);
            }
        }
    }
    found
}

/// A component with all that are installed and need it.
fn needing(state: &InstallState, id: &str) -> BTreeSet<String> {
    let mut all = BTreeSet::from([id.to_owned()]);
    loop {
        let needs = |record: &ComponentRecord| record.requires.iter().any(|needed| all.contains(needed));
        let more = state.components.iter().filter(|(other, known)| !all.contains(*other) && needs(&known.record));
        let more: Vec<String> = more.map(|(other, _)| other.clone()).collect();
        if more.is_empty() {
            return all;
        }
        all.extend(more);
    }
}
