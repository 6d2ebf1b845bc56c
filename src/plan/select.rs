//! Parts of a plan.

use std::collections::BTreeSet;

use super::types::{Action, Change, Plan};

/// The verification of a plan alone: what `windlass verify` runs.
#[must_use]
pub fn verify_only(plan: &Plan) -> Plan {
    only(plan, |action| action.verify)
}

/// The plan without some actions, and without all that needs them.
#[must_use]
pub fn without(plan: &Plan, ids: &[String]) -> Plan {
    let mut out: BTreeSet<&str> = ids.iter().map(String::as_str).collect();
    // Each comes after those that it needs.
    for action in &plan.actions {
        if action.needs.iter().any(|need| out.contains(need.as_str())) {
            out.insert(&action.id);
        }
    }
    only(plan, |action| !out.contains(action.id.as_str()))
}

/// The first action of a plan that would change something which another plan, made from the same answers, would not.
/// Once a run has gone some way what was to be created may have to be updated: `begun` says so.
#[must_use]
pub fn beyond<'a>(plan: &'a Plan, agreed: &Plan, begun: bool) -> Option<&'a Action> {
    let changes = |action: &Action| !matches!(action.change, Change::Check | Change::Nothing);
    let same = |action: &Action, other: &Action| {
        action.id == other.id && (action.change == other.change || begun && changes(other))
    };
    let mut more = plan.actions.iter().filter(|action| changes(action));
    more.find(|action| !agreed.actions.iter().any(|other| same(action, other)))
}

/// The actions that fit, with the edges between them.
#[must_use]
pub fn only(plan: &Plan, keep: impl Fn(&Action) -> bool) -> Plan {
    let mut part = plan.clone();
    part.actions.retain(keep);
    let ids: Vec<String> = part.actions.iter().map(|action| action.id.clone()).collect();
    for action in &mut part.actions {
        action.needs.retain(|need| ids.contains(need));
        if action.verify {
            action.change = Change::Check;
        }
    }
    part
}
