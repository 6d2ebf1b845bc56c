//! Kinds that a component brought, and the objects of them.

use std::collections::BTreeSet;

use super::builder::{Builder, NAMED};
use crate::model::CRD;
use crate::model::cluster::ObjectRef;
use crate::model::observed::CrdRemains;
use crate::plan::types::Work;

impl Builder<'_> {
    /// Of the kinds that a component brought: the objects that our releases hold and that go, and the definitions that
    /// nobody who stays has brought as well.
    pub(super) fn of_kinds(&self, definitions: &BTreeSet<String>) -> (Vec<ObjectRef>, Vec<String>) {
        let there = definitions.iter().filter_map(|name| Some((name, self.remains.crds.get(name)?)));
        let there: Vec<(&String, &CrdRemains)> = there.collect();
        let leaving = self.going.iter().filter_map(|id| self.state.components.get(id)?.record.release.as_ref());
        let custom = leaving.filter_map(|key| self.remains.releases.get(key)).flat_map(|release| &release.custom);
        let is_of = |object: &&ObjectRef| {
            let group = object.api_version.split_once('/').map_or("", |(group, _)| group);
            there.iter().any(|(_, kind)| kind.group == group && kind.kind == object.kind)
        };
        let mut objects: Vec<ObjectRef> = custom.filter(is_of).cloned().collect();
        objects.sort();
        objects.dedup();
        let free = there.iter().filter(|(name, _)| !self.stays.data.crds.contains(*name));
        (objects, free.map(|(name, _)| (*name).clone()).collect())
    }

    /// An operator goes after its objects: nothing else removes their finalizers.
    pub(super) fn objects(&mut self, id: &str, objects: Vec<ObjectRef>, chain: Vec<String>) -> Vec<String> {
        if objects.is_empty() {
            return chain;
        }
        let holders = self.going.iter().filter(|other| {
            let release = self.state.components.get(*other).and_then(|component| component.record.release.as_ref());
            let held = release.and_then(|key| self.remains.releases.get(key)).map(|release| &release.custom);
            other.as_str() != id && held.is_some_and(|held| held.iter().any(|object| objects.contains(object)))
        });
        let first = format!("{id}/objects");
        self.waits.holders.extend(holders.map(|other| (first.clone(), other.clone())));
        let title = match objects.as_slice() {
            [one] => format!("remove {one}"),
            all => format!("remove {} objects of its kinds", all.len()),
        };
        let mut why: Vec<String> = objects.iter().take(NAMED).map(ToString::to_string).collect();
        if objects.len() > NAMED {
            why.push(format!("{} more", objects.len() - NAMED));
        }
        self.push(id, first, title, why, chain, Work::RemoveObjects { objects })
    }

    /// Definitions go with an option of their own, and while the operator runs.
    pub(super) fn definitions(&mut self, id: &str, names: &[String], mut chain: Vec<String>) -> Vec<String> {
        if !(self.removal.purge && self.removal.shared) {
            return chain;
        }
        for name in names {
            if !self.planned.insert(("definition", (String::new(), name.clone()))) {
                continue;
            }
            let why = self.remains.crds.get(name).map(in_use).into_iter().collect();
            let work = Work::RemoveCrd { name: name.clone() };
            let title = format!("remove {CRD} {name} and all objects of its kind");
            let others = self.going.iter().map(|other| (format!("{id}/crd-{name}"), format!("{other}/objects")));
            self.waits.definitions.extend(others);
            chain = self.push(id, format!("{id}/crd-{name}"), title, why, chain, work);
        }
        chain
    }
}

/// How many objects there are of a kind, and the first of them.
pub(super) fn in_use(kind: &CrdRemains) -> String {
    match kind.count {
        None => format!("its {}s, which you are not allowed to list", kind.kind),
        Some(0) => format!("no {}", kind.kind),
        Some(count) => {
            let more = usize::try_from(count).unwrap_or(usize::MAX).saturating_sub(kind.names.len());
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!("{count} {}: {}{more}", kind.kind, kind.names.join(", "))
        }
    }
}
