//! Checks on what waits for what.

use std::collections::BTreeSet;

use super::check::Checker;
use super::graph::{Part, circle, graph};
use super::{Component, WEBHDFS};

impl Checker<'_> {
    /// What would have to wait for itself: a component, through `requires` or the exports in its values and exports, or a
    /// step. The graph is the one that plans are made of.
    pub(super) fn order(&mut self) {
        // Whatever is optional may be there.
        let optional = self.catalog.components.values().flat_map(Component::optional);
        let mut catalog = self.catalog.with_instances(optional).into_owned();
        // So may be what has a condition.
        let requires = catalog.components.values_mut().flat_map(|component| &mut component.requires);
        requires.for_each(|required| required.off = false);
        // Of several that export the same each may be the one.
        let several = catalog.components.values().flat_map(|component| &component.requires);
        let mut exports: BTreeSet<&str> = several.filter_map(|required| required.export.as_deref()).collect();
        exports.insert(WEBHDFS);
        let most = exports.iter().map(|export| catalog.providers(export).count()).max().unwrap_or(0);
        for at in 0..most.max(1) {
            let is_omitted = |id: &str| {
                exports.iter().any(|export| {
                    let all: Vec<&str> = catalog.providers(export).map(|one| one.id.as_str()).collect();
                    all.contains(&id) && all.get(at.min(all.len() - 1)) != Some(&id)
                })
            };
            let catalog = catalog.with_providers(|id| !is_omitted(id));
            let hdfs = catalog.hdfs_provider(|id| !is_omitted(id)).map(|component| component.id.as_str());
            let parts: Vec<Part> = catalog.components.values().map(|component| Part::of(component, hdfs)).collect();
            if !self.order_of(&parts) {
                return;
            }
        }
    }

    /// Whether there is an order; adds a finding if not.
    fn order_of(&mut self, parts: &[Part]) -> bool {
        let edges = parts.iter().map(|part| (part.id.clone(), part.requires.clone())).collect();
        let found = match circle(&edges) {
            Some(ids) => Some((ids.first().cloned(), format!("components wait for each other: {}", ids.join(" -> ")))),
            None => graph(parts).err().map(|error| (Some(error.component().to_owned()), error.to_string())),
        };
        let Some((id, message)) = found else { return true };
        let id = id.unwrap_or_default();
        let pos = self.place(&id, &["requires"]);
        self.add(&id, pos, message);
        false
    }
}
