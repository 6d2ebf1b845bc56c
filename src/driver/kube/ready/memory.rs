//! What earlier snapshots showed: how long a state lasts, how often an event was seen.
//!
//! Durations are counted by our own clock from when we first saw a state. What the cluster's timestamps are compared
//! with is the API server's clock, since ours need not agree with it.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Event;

use super::snapshot::{event_count, event_time};
use crate::driver::kube::small::Pod;

/// A pod that is younger than this when waiting begins counts as started by what is waited for.
const FRESH: SignedDuration = SignedDuration::from_secs(120);

/// A pod that is younger than this when waiting begins was created by the step before, such as Helm's: all of its
/// history counts.
const JUST_MADE: SignedDuration = SignedDuration::from_secs(10);

/// What is remembered from one snapshot to the next.
#[derive(Debug)]
pub(super) struct Memory {
    started: Timestamp,
    round: u64,
    lasting: HashMap<String, Lasting>,
    pulls: HashMap<(String, String), Pulls>,
    exits_before: HashMap<(String, String), u32>,
    events_before: HashMap<String, u32>,
    /// What is not waited for, by the object that it belongs to.
    pub(super) uncounted: BTreeMap<String, String>,
}

#[derive(Debug)]
struct Lasting {
    since: Duration,
    round: u64,
}

#[derive(Debug)]
struct Pulls {
    failing_attempt: bool,
    sightings: u32,
    /// The first failure that was seen is older than this wait.
    old: bool,
}

impl Memory {
    /// `started` is when waiting began, by the API server's clock.
    pub(super) fn new(started: Timestamp) -> Self {
        Self {
            started,
            round: 0,
            lasting: HashMap::new(),
            pulls: HashMap::new(),
            exits_before: HashMap::new(),
            events_before: HashMap::new(),
            uncounted: BTreeMap::new(),
        }
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

    /// How often a container's image failed to be pulled since waiting began: by the states that were seen, or by the
    /// `events` since then if those are more (a state between two snapshots is not seen).
    pub(super) fn pull_failures(
        &mut self,
        pod: &Pod,
        uid: &str,
        container: &str,
        failing_attempt: bool,
        events: u32,
    ) -> u32 {
        let old = self.was_there(pod);
        let pulls = self.pulls.entry((uid.to_owned(), container.to_owned()));
        let pulls = pulls.or_insert(Pulls { failing_attempt: old && failing_attempt, sightings: 0, old });
        if (pulls.sightings == 0 && !pulls.old) || (failing_attempt && !pulls.failing_attempt) {
            pulls.sightings += 1;
        }
        pulls.failing_attempt = failing_attempt;
        pulls.sightings.max(events)
    }

    /// How often an event happened since waiting began. Only what is newer can say anything about what is waited for:
    /// an image may have been pushed since, a namespace relabelled.
    pub(super) fn fresh(&mut self, event: &Event) -> u32 {
        let meta = &event.metadata;
        let key = meta.uid.clone().or_else(|| meta.name.clone()).unwrap_or_default();
        let count = event_count(event);
        if event_time(event).is_some_and(|time| time <= self.started) {
            self.events_before.insert(key, count);
            return 0;
        }
        let first = event.first_timestamp.as_ref().is_none_or(|first| first.0 > self.started);
        let unknown = if first { 0 } else { count.saturating_sub(1) };
        let before = self.events_before.get(&key).copied().unwrap_or(unknown);
        count.saturating_sub(before).max(1)
    }

    /// Whether a pod was there when waiting began. Only the first snapshot shows that.
    fn was_there(&self, pod: &Pod) -> bool {
        let created = pod.metadata.creation_timestamp.as_ref().map(|time| time.0);
        self.round <= 1 && created.is_some_and(|created| self.started.duration_since(created) > JUST_MADE)
    }

    /// Whether a pod was started by what is waited for. Coarse, because this does compare clocks.
    pub(super) fn is_fresh(&self, pod: &Pod) -> bool {
        let created = pod.metadata.creation_timestamp.as_ref().map(|time| time.0);
        created.is_none_or(|created| self.started.duration_since(created) <= FRESH)
    }

    /// How often a container exited since waiting began. Exits before do not count: it may have waited for something
    /// that has only now come back.
    pub(super) fn exits(&mut self, pod: &Pod, uid: &str, container: &str, exits: u32) -> u32 {
        let was_there = self.was_there(pod);
        let before = self.exits_before.entry((uid.to_owned(), container.to_owned()));
        let before = before.or_insert(if was_there { exits } else { 0 });
        exits.saturating_sub(*before)
    }
}
