//! A run as it is shown: what the reducer knows, and what only a screen needs.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use super::rows::{Forecast, StepRow};
use super::widgets::{Cursor, LineEdit};
use crate::event::{Envelope, Event, RunState, Status};
use crate::render::track::Track;
use crate::render::{language, text};

/// How many lines of each step are kept; the journal on disk has all.
const LINES: usize = 400;

/// How many steps keep lines of their own: the ones that logged last.
const STEPS_WITH_LINES: usize = 64;

/// A pod of the platform, as the run's screen shows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PodRow {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// `Running`, `Pending`, …
    pub phase: String,
    /// Containers that are ready, and how many there are.
    pub ready: (usize, usize),
    /// How often its containers were started again.
    pub restarts: u32,
    /// Why it is not ready, where that is known.
    pub reason: String,
}

/// Which pane of the run's screen keys act on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Pane {
    /// The steps.
    #[default]
    Steps,
    /// What is known of the selected step.
    Detail,
    /// Its lines.
    Log,
    /// The pods.
    Pods,
}

impl Pane {
    pub(super) const ALL: [Self; 4] = [Self::Steps, Self::Detail, Self::Log, Self::Pods];

    pub(super) fn beside(self, after: bool) -> Self {
        let at = Self::ALL.iter().position(|pane| *pane == self).unwrap_or(0);
        let count = Self::ALL.len();
        Self::ALL[(at + if after { 1 } else { count - 1 }) % count]
    }
}

/// How the lines of a step are looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct LogView {
    /// Whether the end is kept in view.
    pub follow: bool,
    /// Whether long lines are broken.
    pub wrap: bool,
    /// The row at the bottom, where the end is not kept in view.
    pub row: Cursor,
    /// What is searched for.
    pub search: String,
    /// What is being typed to search for.
    pub typing: Option<LineEdit>,
}

impl Default for LogView {
    fn default() -> Self {
        Self { follow: true, wrap: false, row: Cursor::default(), search: String::new(), typing: None }
    }
}

/// What to do once the running steps have ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pending {
    /// Plan and run again, without these steps.
    Retry(Vec<String>),
    /// Make the plan for the review, with the answers as they are then.
    Plan,
}

/// How a run that is shown has ended, besides its events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// The exit code that the process would have.
    pub exit: u8,
    /// An error that no step has, such as a lost lock.
    pub trouble: Option<String>,
}

/// A run.
#[derive(Debug, Clone, Default)]
pub struct RunView {
    /// What its events give.
    pub state: RunState,
    /// The selected row; the first where there is none.
    pub at: Option<StepRow>,
    /// Components that are folded though they are not done, or unfolded though they are.
    pub(super) toggled: BTreeSet<String>,
    /// The pane that keys act on.
    pub pane: Pane,
    /// How the lines are looked at.
    pub log: LogView,
    /// The first row of the detail.
    pub detail: Cursor,
    /// The pods.
    pub pods: Vec<PodRow>,
    /// The row among them.
    pub pod: Cursor,
    /// Once it is over.
    pub ended: Option<Ended>,
    /// What to do when it has ended.
    pub pending: Option<Pending>,
    /// The steps that were skipped by the user.
    pub without: Vec<String>,
    /// Titles of those that would have done something.
    pub skipped: Vec<String>,
    /// The run that it continues.
    pub before: Option<String>,
    /// Whether it is shown again from its record, which has no pods.
    pub recorded: bool,
    /// Whether the selection goes to what has just begun or failed.
    pub follow_run: bool,
    lines: BTreeMap<String, VecDeque<String>>,
    /// Steps with lines, the last to log one last.
    recent: VecDeque<String>,
    pub(super) tracks: BTreeMap<String, Track>,
    /// Deadlines of steps, in seconds.
    pub(super) deadlines: BTreeMap<String, u64>,
    /// Seconds that steps took in earlier runs.
    pub expected: BTreeMap<String, f64>,
    /// What is left, by these.
    pub(super) forecast: Option<Forecast>,
}

impl RunView {
    /// A run before its first event. `deadlines` by step, in seconds; `before` is the run that it continues.
    #[must_use]
    pub fn new(deadlines: BTreeMap<String, u64>, before: Option<String>) -> Self {
        Self { deadlines, before, follow_run: true, ..Self::default() }
    }

    /// Applies an event.
    pub fn event(&mut self, envelope: &Envelope) {
        self.state.apply(envelope);
        let at = envelope.at.as_millisecond();
        match &envelope.event {
            Event::StepStarted { id, attempt } => {
                self.tracks.entry(id.clone()).or_default().begin();
                if *attempt > 1 {
                    self.say(id, at, &format!("attempt {attempt}"));
                }
                self.select(id);
            }
            Event::Bytes { id, done, total } => self.tracks.entry(id.clone()).or_default().bytes(at, *done, *total),
            Event::Waiting { id, what } => {
                let track = self.tracks.entry(id.clone()).or_default();
                if track.waiting() != Some(what.as_str()) {
                    track.words(what);
                    self.say(id, at, what);
                }
            }
            Event::Note { id, text } => self.say(id, at, text),
            Event::StepRetried { id, attempt, after_seconds, errors } => {
                let next = at + i64::try_from(*after_seconds).unwrap_or(0) * 1000;
                self.tracks.entry(id.clone()).or_default().retry(*attempt, next);
                for error in errors {
                    self.say(id, at, error);
                }
            }
            Event::StepFailed { id, errors, findings, log, .. } => {
                errors.iter().for_each(|text| self.say(id, at, text));
                log.iter().for_each(|line| self.line(id, at, line));
                for finding in findings {
                    self.say(id, at, &format!("{}: {}: {}", finding.object, finding.reason, finding.message));
                }
                self.tracks.remove(id);
                if self.follow_run {
                    self.select(id);
                    // The first failure matters most.
                    self.follow_run = false;
                }
            }
            Event::StepFinished { id, summary, .. } => {
                if let Some(summary) = summary {
                    self.say(id, at, summary);
                }
                self.tracks.remove(id);
                self.follow_next(id);
            }
            Event::StepStopped { id, .. } | Event::StepBlocked { id, .. } | Event::StepSkipped { id, .. } => {
                self.tracks.remove(id);
            }
            Event::RunStarted { follows, .. } => self.before = follows.clone().or(self.before.take()),
            Event::Stopping | Event::RunFinished { .. } => {}
        }
        if !matches!(envelope.event, Event::Bytes { .. } | Event::Waiting { .. } | Event::Note { .. }) {
            self.update_forecast(at);
        }
    }

    /// Adds lines that are not events, such as those of a pod's log.
    pub(super) fn add_lines(&mut self, id: &str, at: i64, lines: &[String]) {
        for line in lines {
            self.line(id, at, line);
        }
    }

    /// The lines of a step, oldest first.
    pub fn lines_of(&self, id: &str) -> impl DoubleEndedIterator<Item = &String> + ExactSizeIterator {
        self.lines.get(id).map(VecDeque::iter).unwrap_or_default()
    }

    /// The id of the selected step.
    #[must_use]
    pub fn selected(&self) -> Option<&str> {
        let Some(StepRow::Step(at)) = &self.at else { return None };
        let step = self.state.order.get(*at).filter(|step| !self.is_folded(&step.component))?;
        Some(&step.id)
    }

    /// Whether it has not ended.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        self.ended.is_none()
    }

    /// Seconds that it has taken so far, or took in all; nothing before its first event.
    pub(super) fn seconds(&self, now: i64) -> Option<u64> {
        let began = self.state.started?.as_millisecond();
        let took = match (self.state.outcome, self.is_live()) {
            (Some(_), _) => Duration::try_from_secs_f64(self.state.seconds).ok()?.as_secs(),
            (None, true) => u64::try_from((now - began).max(0) / 1000).unwrap_or(0),
            // It broke off at an unknown time.
            (None, false) => return None,
        };
        Some(took)
    }

    /// The steps that failed.
    #[must_use]
    pub fn failed(&self) -> Vec<&str> {
        let failed = |id: &&str| matches!(self.state.steps.get(*id).map(|it| &it.status), Some(Status::Failed { .. }));
        self.state.order.iter().map(|step| step.id.as_str()).filter(failed).collect()
    }

    /// All steps that would be skipped with a step: itself, and what needs it.
    #[must_use]
    pub fn needing(&self, id: &str) -> Vec<String> {
        let mut found = vec![id.to_owned()];
        // The steps come in an order in which each follows what it needs.
        for step in &self.state.order {
            if step.needs.iter().any(|need| found.contains(need)) && !found.contains(&step.id) {
                found.push(step.id.clone());
            }
        }
        found
    }

    /// Moves the selection from a step that has ended to one that runs, where it follows the run.
    fn follow_next(&mut self, ended: &str) {
        let next = self.state.running().next().map(str::to_owned);
        let was = self.state.place(ended).map(StepRow::Step);
        if let Some(id) = next.filter(|_| self.at == was) {
            self.select(&id);
        }
    }

    fn select(&mut self, id: &str) {
        if self.follow_run
            && let Some(at) = self.state.place(id)
        {
            self.at = Some(StepRow::Step(at));
        }
    }

    /// A line that the program made.
    fn say(&mut self, id: &str, at: i64, text: &str) {
        self.line(id, at, &language::say(text));
    }

    fn line(&mut self, id: &str, at: i64, text: &str) {
        if self.recent.back().is_none_or(|last| last != id) {
            self.recent.retain(|other| other != id);
            self.recent.push_back(id.to_owned());
            if self.recent.len() > STEPS_WITH_LINES
                && let Some(silent) = self.recent.pop_front()
            {
                self.lines.remove(&silent);
            }
        }
        let time =
            jiff::Timestamp::from_millisecond(at).map(|at| at.strftime("%H:%M:%SZ").to_string()).unwrap_or_default();
        let lines = self.lines.entry(id.to_owned()).or_default();
        for line in text::clean_lines(text) {
            if lines.len() == LINES {
                lines.pop_front();
            }
            lines.push_back(format!("{time} {line}"));
        }
    }
}
