//! What a run has proven, for the record.

use std::collections::{BTreeMap, BTreeSet};

use crate::app::output::Output;
use crate::engine::StepRunner;
use crate::event::{RunState, Status};
use crate::plan::{Plan, Step};

/// Remembers which components without checks became ready. `unchecked` are those that have none.
pub(super) async fn remember_ready(
    world: &StepRunner,
    plan: &Plan,
    state: &RunState,
    unchecked: &BTreeSet<String>,
    output: &Output,
) {
    let recorded = plan.actions.iter().filter(|action| {
        let done = matches!(state.actions.get(&action.id).map(|state| &state.status), Some(Status::Done));
        done && matches!(action.step, Step::Record { .. }) && unchecked.contains(&action.component)
    });
    let components: Vec<String> = recorded.map(|action| action.component.clone()).collect();
    if components.is_empty() {
        return;
    }
    if let Err(failure) = world.record_ready(&components).await {
        let why = failure.errors.join(": ");
        output.remark(&format!("warning: what became ready was not remembered as a way back: {why}"));
    }
}

/// Writes down which components were proven, or why not.
pub(super) async fn remember_proofs(world: &StepRunner, plan: &Plan, state: &RunState, output: &Output) {
    let mut proofs: BTreeMap<String, Option<String>> = BTreeMap::new();
    for action in plan.actions.iter().filter(|action| action.verify) {
        let entry = match state.actions.get(&action.id).map(|state| &state.status) {
            Some(Status::Done | Status::Skipped(_)) => None,
            Some(Status::Failed { errors, .. }) => Some(errors.first().cloned().unwrap_or_default()),
            Some(Status::Blocked(by)) => Some(format!("blocked by {by}")),
            // Stopped before it could be proven: what was known stays.
            _ => {
                proofs.remove(&action.component);
                continue;
            }
        };
        let known = proofs.entry(action.component.clone()).or_default();
        *known = known.take().or(entry);
    }
    let stopped = |component: &String| {
        plan.actions.iter().any(|action| {
            action.verify
                && action.component == *component
                && matches!(
                    state.actions.get(&action.id).map(|state| &state.status),
                    None | Some(Status::Waiting | Status::Running | Status::Stopped(_))
                )
        })
    };
    let proofs: Vec<_> = proofs.into_iter().filter(|(component, _)| !stopped(component)).collect();
    if proofs.is_empty() {
        return;
    }
    if let Err(failure) = world.record_proofs(proofs).await {
        output.remark(&format!("warning: the outcome of the checks was not recorded: {}", failure.errors.join(": ")));
    }
}
