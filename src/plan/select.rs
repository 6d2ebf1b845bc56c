//! Parts of a plan.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::build::plan;
use super::types::{Change, Plan, Step};
use crate::answers::Resolved;
use crate::model::observed::Observed;

/// The verification of a plan alone: what `windlass verify` runs.
#[must_use]
pub fn verify_only(plan: &Plan) -> Plan {
    only(plan, |step| step.verify)
}

/// The checks of one component, which wait for nothing but each other: they verify it after another change.
#[must_use]
pub fn checks_of(resolved: &Resolved, component: &str) -> Vec<Step> {
    let mut checks = verify_only(&plan(resolved, &Observed::default(), true)).steps;
    checks.retain(|step| step.component == component);
    let ids: BTreeSet<String> = checks.iter().map(|step| step.id.clone()).collect();
    checks.iter_mut().for_each(|step| step.needs.retain(|need| ids.contains(need)));
    checks
}

/// The plan without some steps, and without all that needs them.
#[must_use]
pub fn without(plan: &Plan, ids: &[String]) -> Plan {
    let mut out: BTreeSet<&str> = ids.iter().map(String::as_str).collect();
    // Each comes after those that it needs.
    for step in &plan.steps {
        if step.needs.iter().any(|need| out.contains(need.as_str())) {
            out.insert(&step.id);
        }
    }
    only(plan, |step| !out.contains(step.id.as_str()))
}

/// The first step of a plan that would change something which another plan, made from the same answers, would not.
/// Once a run has started, what was to be created may have to be updated: `started` says so.
#[must_use]
pub fn unconfirmed<'a>(plan: &'a Plan, confirmed: &Plan, started: bool) -> Option<&'a Step> {
    let changes = |step: &Step| !matches!(step.change, Change::Check | Change::Nothing);
    let same = |step: &Step, other: &Step| step.change == other.change || started && changes(other);
    let known: HashMap<&str, &Step> = confirmed.steps.iter().map(|step| (step.id.as_str(), step)).collect();
    let mut more = plan.steps.iter().filter(|step| changes(step));
    more.find(|step| !known.get(step.id.as_str()).is_some_and(|other| same(step, other)))
}

/// A plan without its steps.
fn head(plan: &Plan) -> Plan {
    let Plan { schema, hdfs, overlaid, skipped, steps: _ } = plan;
    let (hdfs, overlaid, skipped) = (hdfs.clone(), overlaid.clone(), skipped.clone());
    Plan { schema: *schema, hdfs, overlaid, skipped, steps: Vec::new() }
}

/// The steps that fit, with the edges between them.
#[must_use]
pub fn only(plan: &Plan, keep: impl Fn(&Step) -> bool) -> Plan {
    let mut part = Plan { steps: plan.steps.iter().filter(|step| keep(step)).cloned().collect(), ..head(plan) };
    let ids: HashSet<String> = part.steps.iter().map(|step| step.id.clone()).collect();
    for step in &mut part.steps {
        step.needs.retain(|need| ids.contains(need));
        if step.verify {
            step.change = Change::Check;
        }
    }
    part
}
