//! The Pod Security levels of namespaces.

use std::collections::BTreeMap;

use crate::answers::{Resolved, ResolvedComponent};
use crate::model::observed::Observed;

/// Namespaces that get another Pod Security level, with the one that they have. The level of one that somebody else made is
/// theirs.
#[must_use]
pub fn relabelled(wanted: &Resolved, observed: &Observed) -> BTreeMap<String, String> {
    let levels = pod_security(wanted);
    let found = levels.into_iter().filter_map(|(name, level)| {
        let now = observed.levels.get(name).filter(|now| *now != level)?;
        Some((name.to_owned(), now.clone()))
    });
    found.collect()
}

/// The weakest level that a component of each namespace needs.
pub(super) fn pod_security(wanted: &Resolved) -> BTreeMap<&str, &str> {
    let rank = |level: &str| match level {
        "privileged" => 2,
        "baseline" => 1,
        _ => 0,
    };
    let mut levels: BTreeMap<&str, &str> = BTreeMap::new();
    for (name, level) in wanted.components.iter().flat_map(ResolvedComponent::places) {
        let known = levels.entry(name).or_insert(level);
        if rank(level) >= rank(known) {
            *known = level;
        }
    }
    levels
}
