//! Parts of a plan.

use super::types::{Change, Plan};

/// The verification of a plan alone: what `windlass verify` runs.
#[must_use]
pub fn verify_only(plan: &Plan) -> Plan {
    only(plan, |action| action.verify)
}

/// The actions that fit, with the edges between them.
#[must_use]
pub fn only(plan: &Plan, keep: impl Fn(&super::Action) -> bool) -> Plan {
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
