//! Steps of a plan with what their kind has by default.

use std::time::Duration;

use super::types::{Action, Change, Step};
use crate::catalog::action::Limits;

pub(super) fn secret_id(component: &str, question: &str) -> String {
    format!("{component}/secret-{question}")
}

/// An action with the deadline and retries that its kind has by default.
pub(super) fn action(component: &str, id: String, title: String, step: Step) -> Action {
    let (deadline, retries) = limits(&step);
    Action {
        id,
        component: component.to_owned(),
        title,
        change: Change::Check,
        why: Vec::new(),
        needs: Vec::new(),
        deadline_seconds: deadline.as_secs(),
        retries,
        register: None,
        verify: false,
        fix: None,
        step,
    }
}

/// Deadline and retries by kind of step, for those that say nothing themselves.
fn limits(step: &Step) -> (Duration, u32) {
    let (seconds, retries) = match step {
        Step::Namespace { .. }
        | Step::PullSecret { .. }
        | Step::Secret { .. }
        | Step::DerivedSecret { .. }
        | Step::StageSecret { .. }
        | Step::SwitchSecret { .. }
        | Step::Files { .. }
        | Step::Record { .. }
        | Step::Images { .. }
        | Step::Forget { .. } => (60, 3),
        // One that stalls is ended by itself; how long the rest takes is the line's matter.
        Step::Push { .. } => (24 * 3600, 2),
        Step::PullTest { .. } => (600, 2),
        Step::RemoveSecret { .. } | Step::RemoveFiles { .. } | Step::RemoveByLabel { .. } => (120, 3),
        // A release that a Helm out of sight works on is waited for that long, too.
        Step::Release { .. } | Step::Rollback { .. } | Step::Uninstall { .. } => (660, 4),
        Step::Ready { .. } => (900, 0),
        Step::PurgeClaim { .. } | Step::RemoveNamespace { .. } => (300, 3),
        Step::RemoveObjects { .. } | Step::RemoveCrd { .. } => (300, 0),
        Step::Crds { .. } => (120, 3),
        Step::Act { action, .. } => {
            let Limits { seconds, retries } = action.kind().limits();
            (seconds, retries)
        }
    };
    (Duration::from_secs(seconds), retries)
}
