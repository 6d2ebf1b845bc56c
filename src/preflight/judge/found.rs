//! What is found, and what could not be looked at.

use std::collections::BTreeMap;

use crate::model::observed::Observed;
use crate::model::preflight::Finding;
use crate::preflight::facts::Facts;
use crate::preflight::needs::Needs;
use crate::preflight::seen::{NoAnswer, Query, Seen};
use crate::preflight::table::NOT_CHECKED;

/// What is found while it is compared.
pub(super) struct Judge<'a> {
    pub(super) needs: &'a Needs,
    pub(super) facts: &'a Facts,
    pub(super) observed: &'a Observed,
    pub(super) found: Vec<Finding>,
    /// What could not be looked at, and why, to the checks that were left out.
    pub(super) left_out: BTreeMap<(Query, NoAnswer), Vec<&'static str>>,
}

impl<'a> Judge<'a> {
    /// What was seen; what was not leaves out these checks.
    pub(super) fn seen<T>(&mut self, seen: &'a Seen<T>, checks: &[&'static str]) -> Option<&'a T> {
        match seen {
            Ok(seen) => Some(seen),
            Err(unseen) => {
                let left_out = self.left_out.entry((unseen.what.clone(), unseen.why.clone())).or_default();
                left_out.extend(checks.iter().filter(|check| !left_out.contains(check)).collect::<Vec<_>>());
                None
            }
        }
    }

    pub(super) fn left_out(&mut self) {
        for ((what, why), checks) in std::mem::take(&mut self.left_out) {
            let told = format!("failed to {what} ({why}), so these checks were skipped: {}", checks.join(", "));
            let fix = match (why, what.can_i()) {
                (NoAnswer::NotAllowed, Some(command)) => format!("grant it (docs/rbac.yaml), then see {command}"),
                _ => "windlass -vv preflight".to_owned(),
            };
            self.found.push(NOT_CHECKED.found("the cluster", told, fix));
        }
    }
}
