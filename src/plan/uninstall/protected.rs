//! What stays, and must not be touched.

use std::collections::BTreeSet;

use crate::model::data::DataPlaces;
use crate::model::observed::Remains;
use crate::model::state::{ComponentRecord, InstallState};

/// A thing of a namespace: the namespace and its name.
pub(super) type Place = (String, String);

/// What must not be touched.
#[derive(Default)]
pub(super) struct Protected {
    /// Where anything that stays is, or its data.
    pub(super) namespaces: BTreeSet<String>,
    /// Where anything is installed that stays.
    pub(super) inhabited: BTreeSet<String>,
    pub(super) secrets: BTreeSet<Place>,
    pub(super) data: DataPlaces,
    pub(super) claims: BTreeSet<Place>,
}

impl Protected {
    pub(super) fn new(
        state: &InstallState,
        remains: &Remains,
        going: &BTreeSet<String>,
        purged: &BTreeSet<String>,
        purge: bool,
    ) -> Self {
        let mut stays = Self::default();
        for (id, component) in &state.components {
            let goes = going.contains(id);
            if goes && purge {
                continue;
            }
            stays.take(&component.record, component.data.as_ref(), remains);
            if let (Some(key), false) = (&component.record.release, goes) {
                stays.inhabited.insert(key.namespace.clone());
                stays.inhabited.extend(component.record.namespaces.iter().cloned());
                let pull = component.record.pull_secret.iter();
                stays.secrets.extend(pull.map(|name| (key.namespace.clone(), name.clone())));
            }
        }
        for (_, kept) in state.kept.iter().filter(|(id, _)| !purged.contains(*id)) {
            stays.take(&kept.record, kept.data.as_ref(), remains);
            if let Some(key) = &kept.record.release {
                let pull = kept.record.pull_secret.iter();
                stays.secrets.extend(pull.map(|name| (key.namespace.clone(), name.clone())));
            }
        }
        stays
    }

    /// A record's namespace, Secrets and claims.
    pub(super) fn take(&mut self, record: &ComponentRecord, data: Option<&DataPlaces>, remains: &Remains) {
        let (places, claims) = places(record, &[data], remains);
        self.namespaces.extend(places.namespaces().cloned());
        self.data.extend(&places);
        self.claims.extend(claims);
        let Some(key) = &record.release else { return };
        self.namespaces.insert(key.namespace.clone());
        self.namespaces.extend(record.namespaces.iter().cloned());
        self.secrets.extend(record.secret_places());
        for (kind, selector) in &record.leftovers {
            let selected = remains.selected.get(&(kind.clone(), key.namespace.clone(), selector.clone()));
            let selected = selected.into_iter().flatten().map(|name| (key.namespace.clone(), name.clone()));
            match kind.as_str() {
                "PersistentVolumeClaim" => self.claims.extend(selected),
                "Secret" => self.secrets.extend(selected),
                _ => {}
            }
        }
    }

    pub(super) fn holds_claim(&self, claim: &Place) -> bool {
        self.claims.contains(claim) || self.data.holds(claim)
    }
}

/// Where a component's data is, as far as that is known, and claims that only a label points to.
pub(super) fn places(
    record: &ComponentRecord,
    known: &[Option<&DataPlaces>],
    remains: &Remains,
) -> (DataPlaces, BTreeSet<Place>) {
    let mut places = DataPlaces::default();
    for data in known.iter().flatten() {
        places.extend(data);
    }
    places.crds.extend(record.crds.iter().cloned());
    let Some(key) = &record.release else { return (places, BTreeSet::new()) };
    places.claims.extend(remains.made.get(key).into_iter().flatten().cloned());
    let rendered = remains.releases.get(key);
    if let Some(rendered) = rendered {
        places.extend(&rendered.data);
    }
    // Until format 2 nothing was noted, and Helm has forgotten what was uninstalled.
    let labelled =
        if rendered.is_none() && known.iter().any(Option::is_none) { remains.labelled.get(key) } else { None };
    let labelled = labelled.into_iter().flatten().map(|name| (key.namespace.clone(), name.clone()));
    (places, labelled.collect())
}
