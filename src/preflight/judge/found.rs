//! What is found, and what could not be read.

use std::collections::BTreeMap;

use crate::model::observed::Observed;
use crate::model::preflight::Finding;
use crate::preflight::facts::Facts;
use crate::preflight::needs::Needs;
use crate::preflight::seen::{Query, QueryFailure, QueryResult};
use crate::preflight::table::NOT_CHECKED;

/// Compares needs and facts, and collects findings.
pub(super) struct Judge<'a> {
    pub(super) needs: &'a Needs,
    pub(super) facts: &'a Facts,
    pub(super) observed: &'a Observed,
    pub(super) found: Vec<Finding>,
    /// Failed queries, and why they failed, to the checks that were skipped.
    pub(super) skipped: BTreeMap<(Query, QueryFailure), Vec<&'static str>>,
}

impl<'a> Judge<'a> {
    /// The answer to a query; without one these checks are skipped.
    pub(super) fn seen<T>(&mut self, seen: &'a QueryResult<T>, checks: &[&'static str]) -> Option<&'a T> {
        match seen {
            Ok(seen) => Some(seen),
            Err(unseen) => {
                let skipped = self.skipped.entry((unseen.what.clone(), unseen.why.clone())).or_default();
                skipped.extend(checks.iter().filter(|check| !skipped.contains(check)).collect::<Vec<_>>());
                None
            }
        }
    }

    pub(super) fn skipped(&mut self) {
        for ((query, why), checks) in std::mem::take(&mut self.skipped) {
            let what = format!("failed to {query} ({why}), so these checks were skipped: {}", checks.join(", "));
            let fix = match (why, query.can_i()) {
                (QueryFailure::NotAllowed, Some(command)) => {
                    format!("grant the permission (docs/rbac.yaml), then check with {command}")
                }
                _ => "windlass -vv preflight".to_owned(),
            };
            self.found.push(NOT_CHECKED.found("the cluster", what, fix));
        }
    }
}
