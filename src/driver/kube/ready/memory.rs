//! What earlier snapshots showed: how long something lasts, how often it was seen.
//!
//! Durations are counted by our own clock from when we first saw a state, never by comparing the cluster's timestamps
//! with ours: the clocks need not agree.

use std::collections::HashMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;

/// A pod that is younger than this when waiting begins counts as started by what is waited for.
const FRESH: SignedDuration = SignedDuration::from_secs(120);

/// What is remembered from one snapshot to the next.
#[derive(Debug)]
pub(super) struct Memory {
    started: Timestamp,
    round: u64,
    lasting: HashMap<String, Lasting>,
    pulls: HashMap<(String, String), Pulls>,
    exits_before: HashMap<(String, String), u32>,
}

#[derive(Debug)]
struct Lasting {
    since: Duration,
    round: u64,
}

#[derive(Debug, Default)]
struct Pulls {
    failing_attempt: bool,
    sightings: u32,
}

impl Memory {
    /// `started` is when waiting began.
    pub(super) fn new(started: Timestamp) -> Self {
        Self { started, round: 0, lasting: HashMap::new(), pulls: HashMap::new(), exits_before: HashMap::new() }
    }

    /// Begins a snapshot, and ends the one before: states that were not seen in it do not last any more.
    pub(super) fn begin_round(&mut self) {
        let round = self.round;
        self.lasting.retain(|_, lasting| lasting.round == round);
        self.round += 1;
    }

    /// How long a state lasts, now that it is seen again. `now` counts from when waiting began.
    pub(super) fn lasts(&mut self, what: &str, now: Duration) -> Duration {
        let round = self.round;
        let lasting = self.lasting.entry(what.to_owned()).or_insert(Lasting { since: now, round });
        lasting.round = round;
        now.saturating_sub(lasting.since)
    }

    /// How often a container's image failed to be pulled: by the states that we saw, or by the events if those say
    /// more (a state between two snapshots is not seen).
    pub(super) fn pull_failures(&mut self, uid: &str, container: &str, failing_attempt: bool, events: u32) -> u32 {
        let pulls = self.pulls.entry((uid.to_owned(), container.to_owned())).or_default();
        if pulls.sightings == 0 || (failing_attempt && !pulls.failing_attempt) {
            pulls.sightings += 1;
        }
        pulls.failing_attempt = failing_attempt;
        pulls.sightings.max(events)
    }

    /// How often a container exited since waiting began. Those of a pod that was there long before do not count: it
    /// may have waited for something that has only now come back.
    pub(super) fn exits(&mut self, pod: &Pod, uid: &str, container: &str, exits: u32) -> u32 {
        let (started, round) = (self.started, self.round);
        let before = self.exits_before.entry((uid.to_owned(), container.to_owned())).or_insert_with(|| {
            let created = pod.metadata.creation_timestamp.as_ref().map(|time| time.0);
            let old = created.is_some_and(|created| started.duration_since(created) > FRESH);
            // Only the first snapshot shows what was before us.
            if old && round <= 1 { exits } else { 0 }
        });
        exits.saturating_sub(*before)
    }
}
