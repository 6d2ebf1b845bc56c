//! Events to the state of a run: the only place where events are interpreted.

use std::collections::BTreeMap;

use super::{Announced, Envelope, Event, Outcome, Skip};
use crate::model::cluster::{ClusterInfo, Finding};

/// A run as far as its events tell. Unknown ids, repeated events and gaps are tolerated: a journal may be cut.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunState {
    /// The run's id.
    pub run: String,
    /// What was typed.
    pub command: String,
    /// The target.
    pub cluster: Option<ClusterInfo>,
    /// The actions in the order announced.
    pub order: Vec<Announced>,
    /// The state of each, by id.
    pub actions: BTreeMap<String, ActionState>,
    /// Whether the user wants to stop.
    pub stopping: bool,
    /// How it ended, once it has.
    pub outcome: Option<Outcome>,
    /// Seconds in all, once it has ended.
    pub seconds: f64,
    /// When it began.
    pub started: Option<jiff::Timestamp>,
}

/// The state of an action.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ActionState {
    /// Where it is.
    pub status: Status,
    /// Attempts begun.
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

/// Where an action is.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Status {
    /// Not begun.
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
    /// Stopped by the user; whether it had begun.
    Stopped(bool),
}

/// How many actions ended how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Succeeded.
    pub done: usize,
    /// Nothing to do.
    pub unchanged: usize,
    /// Failed.
    pub failed: usize,
    /// Blocked.
    pub blocked: usize,
    /// Stopped or not begun.
    pub stopped: usize,
}

impl RunState {
    /// Takes in one event.
    pub fn apply(&mut self, envelope: &Envelope) {
        let at = envelope.at;
        match &envelope.event {
            Event::RunStarted { run, command, cluster, actions, .. } => {
                self.run.clone_from(run);
                self.command.clone_from(command);
                self.cluster = Some(cluster.clone());
                self.order.clone_from(actions);
                self.started = Some(at);
                for action in actions {
                    self.actions.entry(action.id.clone()).or_default();
                }
            }
            Event::ActionStarted { id, attempt } => {
                let state = self.actions.entry(id.clone()).or_default();
                state.status = Status::Running;
                state.attempts = *attempt;
                state.started.get_or_insert(at);
            }
            Event::Bytes { id, done, total } => self.entry(id).bytes = Some((*done, *total)),
            Event::Waiting { id, what } => self.entry(id).waiting = Some(what.clone()),
            Event::ActionFinished { id, seconds, summary } => {
                let state = self.end(id, Status::Done);
                state.seconds = *seconds;
                state.summary.clone_from(summary);
            }
            Event::ActionSkipped { id, why } => {
                self.end(id, Status::Skipped(why.clone()));
            }
            Event::ActionFailed { id, seconds, errors, findings, log } => {
                let status = Status::Failed { errors: errors.clone(), findings: findings.clone(), log: log.clone() };
                self.end(id, status).seconds = *seconds;
            }
            Event::ActionBlocked { id, by } => {
                self.end(id, Status::Blocked(by.clone()));
            }
            Event::ActionStopped { id, begun } => {
                self.end(id, Status::Stopped(*begun));
            }
            Event::Stopping => self.stopping = true,
            Event::RunFinished { outcome, seconds } => {
                self.outcome = Some(*outcome);
                self.seconds = *seconds;
            }
            Event::ActionRetried { .. } | Event::Note { .. } => {}
        }
    }

    /// How many actions ended how.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for state in self.actions.values() {
            match state.status {
                Status::Done => counts.done += 1,
                Status::Skipped(_) => counts.unchanged += 1,
                Status::Failed { .. } => counts.failed += 1,
                Status::Blocked(_) => counts.blocked += 1,
                Status::Stopped(_) | Status::Waiting | Status::Running => counts.stopped += 1,
            }
        }
        counts
    }

    /// The title of an action, or its id.
    #[must_use]
    pub fn title<'a>(&'a self, id: &'a str) -> &'a str {
        self.order.iter().find(|action| action.id == id).map_or(id, |action| &action.title)
    }

    fn entry(&mut self, id: &str) -> &mut ActionState {
        self.actions.entry(id.to_owned()).or_default()
    }

    /// An action ends once; what a journal repeats is the same end.
    fn end(&mut self, id: &str, status: Status) -> &mut ActionState {
        let state = self.actions.entry(id.to_owned()).or_default();
        state.status = status;
        state.waiting = None;
        state
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
                    actions: vec![announced("a/1"), announced("a/2")],
                },
            ),
            envelope(2, Event::ActionStarted { id: "a/1".into(), attempt: 1 }),
            envelope(3, Event::Waiting { id: "a/1".into(), what: "x".into() }),
            envelope(
                4,
                Event::ActionFailed {
                    id: "a/1".into(),
                    seconds: 1.0,
                    errors: vec!["broken".into()],
                    findings: vec![],
                    log: vec![],
                },
            ),
            envelope(5, Event::ActionBlocked { id: "a/2".into(), by: "a/1".into() }),
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
}
