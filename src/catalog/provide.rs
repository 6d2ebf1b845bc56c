//! Components that export the same: which of them another one means that requires the export.

use std::borrow::Cow;

use super::{Catalog, Component, instance_of};

/// What `hdfs.*` actions act on.
pub const WEBHDFS: &str = "webhdfs";

impl Catalog {
    /// The components that export a name, instances that are known among them.
    pub fn providers<'a, 'b>(&'a self, export: &'b str) -> impl Iterator<Item = &'a Component> + use<'a, 'b> {
        self.components.values().filter(move |component| component.exports.contains_key(export))
    }

    /// The one that is meant where `has` tells which components are there. Of a component and its instances the component;
    /// of two definitions neither; where none is there, the only one that could be.
    #[must_use]
    pub fn provider(&self, export: &str, has: impl Fn(&str) -> bool) -> Option<&Component> {
        let there: Vec<&Component> = self.providers(export).filter(|component| has(&component.id)).collect();
        let all: Vec<&Component> = self.providers(export).filter(|component| component.id == component.base).collect();
        match (there.as_slice(), all.as_slice()) {
            ([one], _) | ([], [one]) => Some(one),
            ([], _) => None,
            ([first, others @ ..], _) if others.iter().any(|other| other.base != first.base) => None,
            (several, _) => several.iter().copied().find(|component| component.id == component.base),
        }
    }

    /// Two components that are there, export the same, and are no instances of one; of HDFS neither may be two instances,
    /// since `hdfs.*` actions act on one.
    #[must_use]
    pub fn two_providers(&self, export: &str, has: impl Fn(&str) -> bool) -> Option<(&Component, &Component)> {
        let mut there = self.providers(export).filter(|component| has(&component.id));
        let first = there.next()?;
        there.find(|other| export == WEBHDFS || other.base != first.base).map(|other| (first, other))
    }

    /// The component that `hdfs.*` actions act on.
    #[must_use]
    pub fn hdfs_provider(&self, has: impl Fn(&str) -> bool) -> Option<&Component> {
        self.provider(WEBHDFS, has)
    }

    /// The same catalog in which each export that a component requires is that of one component.
    #[must_use]
    pub fn with_providers(&self, has: impl Fn(&str) -> bool) -> Cow<'_, Self> {
        let mut more = Cow::Borrowed(self);
        for (id, component) in &self.components {
            for (at, required) in component.requires.iter().enumerate() {
                let Some(export) = &required.export else { continue };
                let provider = self.provider(export, |other| other != id && has(other));
                let provider = provider.filter(|provider| provider.id != *id && has(&provider.id));
                let provider = provider.map(|provider| provider.id.clone()).unwrap_or_default();
                if provider != required.id
                    && let Some(component) = more.to_mut().components.get_mut(id)
                {
                    component.requires[at].id = provider;
                }
            }
        }
        more
    }

    /// What a component can do without: ids, and all that export what it could use.
    #[must_use]
    pub fn optional_of(&self, component: &Component) -> Vec<String> {
        self.optional_beside(component, |_| false)
    }

    /// The same where `has` tells which components are there: of an export that one of them gives, no other is of use.
    #[must_use]
    pub fn optional_beside(&self, component: &Component, has: impl Fn(&str) -> bool) -> Vec<String> {
        let optional = component.requires.iter().filter(|required| required.optional && !required.off);
        let ids = optional.flat_map(|required| match &required.export {
            None => vec![required.id.clone()],
            Some(export) => {
                let all = || self.providers(export).map(|provider| &provider.id).filter(|id| **id != component.id);
                if all().any(|id| has(id)) { Vec::new() } else { all().cloned().collect() }
            }
        });
        ids.filter(|id| *id != component.id).collect()
    }
}

/// The definition of a component, which an instance shares.
#[must_use]
pub fn definition(id: &str) -> &str {
    instance_of(id).map_or(id, |(base, _)| base)
}
