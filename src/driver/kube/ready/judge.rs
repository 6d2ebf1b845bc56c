//! Ready, waiting or failed? Decided over a snapshot and what earlier ones showed; touches nothing.

use std::time::Duration;

use super::memory::Memory;
use super::pod::{is_unprobed, node_of};
use super::snapshot::{Expected, Snapshot, View};
use crate::driver::kube::small::Pod;
use crate::model::cluster::{Finding, ObjectRef, ReadyPolicy};

/// Added to a failure from before waiting began that was not retried since: it does not count.
pub(super) const BEFORE: &str = " (seen before this wait; waiting for the next attempt)";

/// What a snapshot means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// All is ready.
    Ready,
    /// Not yet, and why.
    Waiting(Vec<Finding>),
    /// Never, and why; what is only waiting comes last.
    Failed(Vec<Finding>),
}

impl Verdict {
    /// The verdict of these findings, the fatal ones first.
    pub(super) fn of(mut findings: Vec<Finding>) -> Self {
        findings.sort_by_key(|finding| !finding.fatal);
        match findings.first() {
            None => Self::Ready,
            Some(first) if first.fatal => Self::Failed(findings),
            Some(_) => Self::Waiting(findings),
        }
    }
}

/// Judges all that is expected. `now` counts from when waiting began and never goes back.
pub(super) fn judge(
    expected: &[Expected],
    snapshot: &Snapshot,
    memory: &mut Memory,
    policy: &ReadyPolicy,
    now: Duration,
) -> Verdict {
    memory.uncounted.clear();
    let mut judge = Judge::begin(snapshot, memory, policy, now);
    let mut findings: Vec<Finding> = expected.iter().flat_map(|expected| judge.workload(expected)).collect();
    if findings.is_empty() {
        findings.extend(judge.settling(expected));
    }
    Verdict::of(findings)
}

/// The state of judging one snapshot.
pub(super) struct Judge<'a> {
    pub(super) view: View<'a>,
    pub(super) memory: &'a mut Memory,
    pub(super) policy: &'a ReadyPolicy,
    pub(super) now: Duration,
}

impl<'a> Judge<'a> {
    /// Begins a round over a snapshot.
    pub(super) fn begin(
        snapshot: &'a Snapshot,
        memory: &'a mut Memory,
        policy: &'a ReadyPolicy,
        now: Duration,
    ) -> Self {
        memory.begin_round();
        Self { view: View::new(snapshot), memory, policy, now }
    }

    /// Whether a state has lasted for this long, now that it is seen again.
    pub(super) fn lasts(&mut self, what: &str, grace: Duration) -> bool {
        self.memory.lasts(what, self.now) >= grace
    }

    /// All is ready, but some of it only because it runs: a container without a readiness probe counts as ready from
    /// its start to its crash. So that has to last a little.
    fn settling(&mut self, expected: &[Expected]) -> Option<Finding> {
        let snapshot = self.view.snapshot;
        let counts = |pod: &Pod| node_of(pod).is_none_or(|node| !snapshot.down_nodes.contains_key(node));
        let unprobed = snapshot.pods.iter().find(|pod| {
            pod.metadata.deletion_timestamp.is_none() && is_unprobed(pod) && counts(pod) && self.memory.is_fresh(pod)
        })?;
        if self.lasts("ready", self.policy.unprobed_ready_for) {
            return None;
        }
        let message = "no readiness probe; waiting to see whether it stays up";
        let mut finding = about(&expected.first()?.object, "Settling", message);
        finding.pod.clone_from(&unprobed.metadata.name);
        Some(finding)
    }
}

/// A finding about an object as a whole, not fatal.
pub(super) fn about(object: &ObjectRef, reason: &str, message: impl Into<String>) -> Finding {
    Finding {
        object: object.clone(),
        pod: None,
        container: None,
        reason: reason.to_owned(),
        message: message.into(),
        event: None,
        log: Vec::new(),
        fatal: false,
    }
}
