//! Parts of a plan.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::build::plan;
use super::types::{Action, Change, Plan};
use crate::answers::Resolved;
use crate::model::observed::Observed;

/// The verification of a plan alone: what `windlass verify` runs.
#[must_use]
pub fn verify_only(plan: &Plan) -> Plan {
    only(plan, |action| action.verify)
}

/// The checks of one component, which wait for nothing but each other: they verify it after another change.
#[must_use]
pub fn checks_of(resolved: &Resolved, component: &str) -> Vec<Action> {
    let mut checks = verify_only(&plan(resolved, &Observed::default(), true)).actions;
    checks.retain(|action| action.component == component);
    let ids: BTreeSet<String> = checks.iter().map(|action| action.id.clone()).collect();
    checks.iter_mut().for_each(|action| action.needs.retain(|need| ids.contains(need)));
    checks
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
/// Once a run has started, what was to be created may have to be updated: `started` says so.
#[must_use]
pub fn unconfirmed<'a>(plan: &'a Plan, confirmed: &Plan, started: bool) -> Option<&'a Action> {
    let changes = |action: &Action| !matches!(action.change, Change::Check | Change::Nothing);
    let same = |action: &Action, other: &Action| action.change == other.change || started && changes(other);
    let known: HashMap<&str, &Action> = confirmed.actions.iter().map(|action| (action.id.as_str(), action)).collect();
    let mut more = plan.actions.iter().filter(|action| changes(action));
    more.find(|action| !known.get(action.id.as_str()).is_some_and(|other| same(action, other)))
}

/// A plan without its actions.
fn head(plan: &Plan) -> Plan {
    let Plan { schema, hdfs, overlaid, skipped, actions: _ } = plan;
    let (hdfs, overlaid, skipped) = (hdfs.clone(), overlaid.clone(), skipped.clone());
    Plan { schema: *schema, hdfs, overlaid, skipped, actions: Vec::new() }
}

/// The actions that fit, with the edges between them.
#[must_use]
pub fn only(plan: &Plan, keep: impl Fn(&Action) -> bool) -> Plan {
    let mut part = Plan { actions: plan.actions.iter().filter(|action| keep(action)).cloned().collect(), ..head(plan) };
    let ids: HashSet<String> = part.actions.iter().map(|action| action.id.clone()).collect();
    for action in &mut part.actions {
        action.needs.retain(|need| ids.contains(need));
        if action.verify {
            action.change = Change::Check;
        }
    }
    part
}
