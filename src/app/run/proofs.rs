//! Records what a run has verified.

use std::collections::{BTreeMap, BTreeSet};

use crate::app::output::Output;
use crate::engine::StepRunner;
use crate::event::{RunState, Status};
use crate::plan::{Plan, Work};

/// Records which components without checks became ready. `unchecked` are those that have none.
pub(super) async fn record_ready(
    runner: &StepRunner,
    plan: &Plan,
    state: &RunState,
    unchecked: &BTreeSet<String>,
    output: &Output,
) {
    let recorded = plan.steps.iter().filter(|step| {
        let done = matches!(state.steps.get(&step.id).map(|state| &state.status), Some(Status::Done));
        done && matches!(step.work, Work::Record { .. }) && unchecked.contains(&step.component)
    });
    let components: Vec<String> = recorded.map(|step| step.component.clone()).collect();
    if components.is_empty() {
        return;
    }
    if let Err(failure) = runner.record_ready(&components).await {
        let why = failure.errors.join(": ");
        output.remark(&format!("warning: failed to record what is ready, for a rollback: {why}"));
    }
}

/// Records which components were verified, or why not.
pub(super) async fn record_checks(runner: &StepRunner, plan: &Plan, state: &RunState, output: &Output) {
    let mut outcomes: BTreeMap<String, Option<String>> = BTreeMap::new();
    for step in plan.steps.iter().filter(|step| step.verify) {
        let entry = match state.steps.get(&step.id).map(|state| &state.status) {
            Some(Status::Done | Status::Skipped(_)) => None,
            Some(Status::Failed { errors, .. }) => Some(errors.first().cloned().unwrap_or_default()),
            Some(Status::Blocked(by)) => Some(format!("blocked by {by}")),
            // Stopped before its checks were done: the earlier record stays.
            _ => {
                outcomes.remove(&step.component);
                continue;
            }
        };
        let known = outcomes.entry(step.component.clone()).or_default();
        *known = known.take().or(entry);
    }
    let stopped = |component: &String| {
        plan.steps.iter().any(|step| {
            step.verify
                && step.component == *component
                && matches!(
                    state.steps.get(&step.id).map(|state| &state.status),
                    None | Some(Status::Waiting | Status::Running | Status::Stopped(_))
                )
        })
    };
    let outcomes: Vec<_> = outcomes.into_iter().filter(|(component, _)| !stopped(component)).collect();
    if outcomes.is_empty() {
        return;
    }
    if let Err(failure) = runner.record_checks(outcomes).await {
        output.remark(&format!("warning: failed to record the outcome of the checks: {}", failure.errors.join(": ")));
    }
}
