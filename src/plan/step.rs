//! Steps of a plan with what their kind has by default.

use std::time::Duration;

use super::types::{Change, Step, Work};
use crate::catalog::action::Limits;

pub(super) fn secret_id(component: &str, question: &str) -> String {
    format!("{component}/secret-{question}")
}

/// A step with the deadline and retries that its kind has by default.
pub(super) fn step(component: &str, id: String, title: String, work: Work) -> Step {
    let (deadline, retries) = limits(&work);
    Step {
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
        work,
    }
}

/// Deadline and retries by kind of step, for those that say nothing themselves.
fn limits(work: &Work) -> (Duration, u32) {
    let (seconds, retries) = match work {
        Work::Namespace { .. }
        | Work::PullSecret { .. }
        | Work::Secret { .. }
        | Work::DerivedSecret { .. }
        | Work::StageSecret { .. }
        | Work::SwitchSecret { .. }
        | Work::Files { .. }
        | Work::Record { .. }
        | Work::Images { .. }
        | Work::Forget { .. } => (60, 3),
        // One that stalls is ended by itself; how long the rest takes is the line's matter.
        Work::Push { .. } => (24 * 3600, 2),
        Work::PullTest { .. } => (600, 2),
        Work::RemoveSecret { .. } | Work::RemoveFiles { .. } | Work::RemoveByLabel { .. } => (120, 3),
        // A release that a Helm out of sight works on is waited for that long, too.
        Work::Release { .. } | Work::Rollback { .. } | Work::Uninstall { .. } => (660, 4),
        Work::Ready { .. } => (900, 0),
        Work::PurgeClaim { .. } | Work::RemoveNamespace { .. } => (300, 3),
        Work::RemoveObjects { .. } | Work::RemoveCrd { .. } => (300, 0),
        Work::Crds { .. } => (120, 3),
        Work::Act { action, .. } => {
            let Limits { seconds, retries } = action.kind().limits();
            (seconds, retries)
        }
    };
    (Duration::from_secs(seconds), retries)
}
