//! Events to the state of a run: the only place where events are interpreted.

use std::collections::{BTreeMap, BTreeSet};

use super::{Announced, Envelope, Event, Outcome, Skip};
use crate::model::cluster::{ClusterInfo, Finding};
use crate::plan::Change;

/// A run, reduced from its events. Unknown ids, repeated events and gaps are tolerated: a journal may be cut.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunState {
    /// The run's id.
    pub run: String,
    /// The command that was run.
    pub command: String,
    /// The target.
    pub cluster: Option<ClusterInfo>,
    /// The steps in the order announced.
    pub order: Vec<Announced>,
    /// The state of each, by id.
    pub steps: BTreeMap<String, StepState>,
    /// Whether the user wants to stop.
    pub stopping: bool,
    /// How it ended, once it has.
    pub outcome: Option<Outcome>,
    /// Seconds in all, once it has ended.
    pub seconds: f64,
    /// When it began.
    pub started: Option<jiff::Timestamp>,
    /// Where each step stands in `order`.
    places: BTreeMap<String, usize>,
    /// What runs, by its place; what a cut journal never announced comes last.
    running: BTreeSet<(usize, String)>,
    counts: Counts,
    /// Announced steps with something to do: how many have ended, and how many there are.
    work: (usize, usize),
}

/// The state of a step.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StepState {
    /// Where it is.
    pub status: Status,
    /// Attempts started.
    pub attempts: u32,
    /// Bytes done and in all.
    pub bytes: Option<(u64, u64)>,
    /// What it waits for.
    pub waiting: Option<String>,
    /// When it began.
    pub started: Option<jiff::Timestamp>,
    /// Seconds that it took.
    pub seconds: f64,
    /// What it did.
    pub summary: Option<String>,
}

/// Where a step is.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Status {
    /// Not started.
    #[default]
    Waiting,
    /// Running.
    Running,
    /// Succeeded.
    Done,
    /// Nothing to do.
    Skipped(Skip),
    /// Failed.
    Failed {
        /// The error and its causes.
        errors: Vec<String>,
        /// What is not ready in the cluster.
        findings: Vec<Finding>,
        /// Last lines of a log.
        log: Vec<String>,
    },
    /// Blocked by another.
    Blocked(String),
    /// Stopped by the user; whether it had started.
    Stopped(bool),
}

/// How many steps ended how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Succeeded.
    pub done: usize,
    /// Nothing to do.
    pub unchanged: usize,
    /// Does not apply here.
    pub skipped: usize,
    /// Failed.
    pub failed: usize,
    /// Blocked.
    pub blocked: usize,
    /// Stopped or not started.
    pub stopped: usize,
}

impl Counts {
    fn of(&mut self, status: &Status) -> &mut usize {
        match status {
            Status::Done => &mut self.done,
            Status::Skipped(Skip::Unchanged) => &mut self.unchanged,
            Status::Skipped(Skip::NotApplicable(_)) => &mut self.skipped,
            Status::Failed { .. } => &mut self.failed,
            Status::Blocked(_) => &mut self.blocked,
            Status::Stopped(_) | Status::Waiting | Status::Running => &mut self.stopped,
        }
    }
}

impl RunState {
    /// Takes in one event.
    pub fn apply(&mut self, envelope: &Envelope) {
        let at = envelope.at;
        match &envelope.event {
            Event::RunStarted { run, command, cluster, steps, .. } => {
                self.run.clone_from(run);
                self.command.clone_from(command);
                self.cluster = Some(cluster.clone());
                self.order.clone_from(steps);
                self.started = Some(at);
                for step in steps {
                    self.steps.entry(step.id.clone()).or_default();
                }
                self.count();
            }
            Event::StepStarted { id, attempt } => {
                let state = self.set_status(id, Status::Running);
                state.attempts = *attempt;
                state.started.get_or_insert(at);
            }
            Event::Bytes { id, done, total } => self.entry(id).bytes = Some((*done, *total)),
            Event::Waiting { id, what } => self.entry(id).waiting = Some(what.clone()),
            Event::StepFinished { id, seconds, summary, .. } => {
                let state = self.end(id, Status::Done);
                state.seconds = *seconds;
                state.summary.clone_from(summary);
            }
            Event::StepSkipped { id, why } => {
                self.end(id, Status::Skipped(why.clone()));
            }
            Event::StepFailed { id, seconds, errors, findings, log } => {
                let status = Status::Failed { errors: errors.clone(), findings: findings.clone(), log: log.clone() };
                self.end(id, status).seconds = *seconds;
            }
            Event::StepBlocked { id, by } => {
                self.end(id, Status::Blocked(by.clone()));
            }
            Event::StepStopped { id, begun } => {
                self.end(id, Status::Stopped(*begun));
            }
            Event::Stopping => self.stopping = true,
            Event::RunFinished { outcome, seconds } => {
                self.outcome = Some(*outcome);
                self.seconds = *seconds;
            }
            Event::StepRetried { .. } | Event::Note { .. } => {}
        }
    }

    /// How many steps ended how.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// How many steps have ended, and how many there are, without those that had nothing to do from the start.
    #[must_use]
    pub const fn ended(&self) -> (usize, usize) {
        self.work
    }

    /// Ids of what runs, in the order announced; what a cut journal never announced comes last.
    pub fn running(&self) -> impl ExactSizeIterator<Item = &str> {
        self.running.iter().map(|(_, id)| id.as_str())
    }

    /// Where a step stands in [`order`](Self::order).
    #[must_use]
    pub fn place(&self, id: &str) -> Option<usize> {
        self.places.get(id).copied()
    }

    /// What was announced of a step.
    #[must_use]
    pub fn announced(&self, id: &str) -> Option<&Announced> {
        self.order.get(self.place(id)?)
    }

    /// The title of a step, or its id.
    #[must_use]
    pub fn title<'a>(&'a self, id: &'a str) -> &'a str {
        self.announced(id).map_or(id, |step| &step.title)
    }

    /// The steps in the order announced; what was never announced comes last.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        let announced = self.order.iter().map(|step| step.id.as_str());
        announced.chain(self.steps.keys().map(String::as_str).filter(|id| !self.places.contains_key(*id)))
    }

    /// Counts again, once the order is known.
    fn count(&mut self) {
        self.places = self.order.iter().enumerate().map(|(at, step)| (step.id.clone(), at)).collect();
        (self.counts, self.work) = (Counts::default(), (0, 0));
        self.work.1 = self.order.iter().filter(|step| step.change != Change::Nothing).count();
        let statuses: Vec<(String, Status)> =
            self.steps.iter_mut().map(|(id, state)| (id.clone(), std::mem::take(&mut state.status))).collect();
        self.running.clear();
        *self.counts.of(&Status::Waiting) = statuses.len();
        for (id, status) in statuses {
            self.set_status(&id, status);
        }
    }

    fn entry(&mut self, id: &str) -> &mut StepState {
        let counts = &mut self.counts;
        self.steps.entry(id.to_owned()).or_insert_with(|| {
            *counts.of(&Status::Waiting) += 1;
            StepState::default()
        })
    }

    /// Ends a step. A repeated event of a journal gives the same end.
    fn end(&mut self, id: &str, status: Status) -> &mut StepState {
        let state = self.set_status(id, status);
        state.waiting = None;
        state
    }

    /// Sets the status of a step, and counts it.
    fn set_status(&mut self, id: &str, status: Status) -> &mut StepState {
        let before = std::mem::take(&mut self.entry(id).status);
        *self.counts.of(&before) -= 1;
        *self.counts.of(&status) += 1;
        let place = self.place(id);
        let at = (place.unwrap_or(usize::MAX), id.to_owned());
        if status == Status::Running {
            self.running.insert(at);
        } else {
            self.running.remove(&at);
        }
        if place.is_some_and(|place| self.order[place].change != Change::Nothing) {
            self.work.0 = self.work.0 + usize::from(status.is_end()) - usize::from(before.is_end());
        }
        let state = self.entry(id);
        state.status = status;
        state
    }
}

impl Status {
    /// Whether it is over: it has ended, or will not start.
    const fn is_end(&self) -> bool {
        !matches!(self, Self::Waiting | Self::Running | Self::Stopped(false))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Change;

    fn envelope(seq: u64, event: Event) -> Envelope {
        Envelope { seq, at: jiff::Timestamp::UNIX_EPOCH, event }
    }

    fn events() -> Vec<Envelope> {
        let announced = |id: &str| Announced {
            id: id.into(),
            component: "a".into(),
            title: id.to_uppercase(),
            change: Change::Create,
            why: vec![],
            needs: vec![],
            verify: false,
        };
        let cluster =
            ClusterInfo { context: "c".into(), server: "s".into(), user: "u".into(), version: "v1.34.4".into() };
        vec![
            envelope(
                1,
                Event::RunStarted {
                    follows: None,
                    schema: EVENT_SCHEMA_FOR_TEST,
                    run: "r".into(),
                    command: "install".into(),
                    cluster,
                    steps: vec![announced("a/1"), announced("a/2")],
                },
            ),
            envelope(2, Event::StepStarted { id: "a/1".into(), attempt: 1 }),
            envelope(3, Event::Waiting { id: "a/1".into(), what: "x".into() }),
            envelope(
                4,
                Event::StepFailed {
                    id: "a/1".into(),
                    seconds: 1.0,
                    errors: vec!["broken".into()],
                    findings: vec![],
                    log: vec![],
                },
            ),
            envelope(5, Event::StepBlocked { id: "a/2".into(), by: "a/1".into() }),
            envelope(6, Event::RunFinished { outcome: Outcome::Failed, seconds: 2.0 }),
        ]
    }

    const EVENT_SCHEMA_FOR_TEST: u32 = super::super::EVENT_SCHEMA;

    #[test]
    fn a_run_is_reduced_and_repeats_change_nothing() {
        let mut once = RunState::default();
        events().iter().for_each(|event| once.apply(event));
        assert_eq!(once.counts(), Counts { failed: 1, blocked: 1, ..Counts::default() });
        assert_eq!(once.outcome, Some(Outcome::Failed));
        assert_eq!(once.title("a/2"), "A/2");
        let mut twice = RunState::default();
        events().iter().flat_map(|event| [event, event]).for_each(|event| twice.apply(event));
        assert_eq!(once, twice);
    }

    #[test]
    fn a_journal_without_its_beginning_still_reduces() {
        let mut state = RunState::default();
        events().iter().skip(3).for_each(|event| state.apply(event));
        assert_eq!(state.counts().failed, 1);
    }

    #[test]
    fn events_survive_their_journal() {
        for event in events() {
            let line = serde_json::to_string(&event).unwrap();
            assert_eq!(serde_json::from_str::<Envelope>(&line).unwrap(), event, "{line}");
        }
    }

    #[test]
    fn older_journals_are_read() {
        for (name, more) in [
            ("started", r#","attempt":1"#),
            ("retried", r#","attempt":1,"after_seconds":1,"errors":[]"#),
            ("finished", r#","seconds":1.0,"summary":null"#),
            ("skipped", r#","why":"unchanged""#),
            ("failed", r#","seconds":1.0,"errors":[]"#),
            ("blocked", r#","by":"b""#),
            ("stopped", r#","begun":true"#),
        ] {
            let line = format!(r#"{{"seq":1,"at":"1970-01-01T00:00:00Z","event":"action-{name}","id":"a"{more}}}"#);
            let read: Envelope = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line}: {error}"));
            assert_eq!(serde_json::to_string(&read).unwrap(), line.replace("action-", "step-"));
        }
        let first = &events()[0];
        let line = serde_json::to_string(first).unwrap();
        let older = line.replace(r#""steps":"#, r#""actions":"#);
        assert_ne!(older, line);
        assert_eq!(serde_json::from_str::<Envelope>(&older).unwrap(), *first);
    }
}
