//! The events, as they are written to `events.jsonl` and with `--json`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::Redactor;
use crate::model::cluster::{ClusterInfo, Finding};
use crate::plan::{Change, Step};

/// The version of the event format; the first event of a run carries it.
pub const EVENT_SCHEMA: u32 = 1;

/// An event with its place in the run. Readers ignore kinds that they do not know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    /// Counts from 1 without gaps, except for progress, which may be dropped.
    pub seq: u64,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// The kinds of event. The aliases are what older journals say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The first: everything that will run is announced.
    RunStarted {
        /// [`EVENT_SCHEMA`].
        schema: u32,
        /// The run's id.
        run: String,
        /// `install`, `verify`, `uninstall`.
        command: String,
        /// The run that it continues, after answers were changed or steps failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        follows: Option<String>,
        /// The target.
        cluster: ClusterInfo,
        /// The steps, in order.
        #[serde(alias = "actions")]
        steps: Vec<Announced>,
    },
    /// A step begins.
    #[serde(alias = "action-started")]
    StepStarted {
        /// Which.
        id: String,
        /// Counts from 1.
        attempt: u32,
    },
    /// Bytes of a step. May be dropped.
    Bytes {
        /// Which.
        id: String,
        /// Done.
        done: u64,
        /// In all.
        total: u64,
    },
    /// What a step waits for. May be dropped.
    Waiting {
        /// Which.
        id: String,
        /// In words.
        what: String,
    },
    /// Something worth a line.
    Note {
        /// Which step.
        id: String,
        /// In words.
        text: String,
    },
    /// An attempt failed and another follows.
    #[serde(alias = "action-retried")]
    StepRetried {
        /// Which.
        id: String,
        /// The attempt that failed.
        attempt: u32,
        /// Seconds until the next.
        after_seconds: u64,
        /// The error and its causes.
        errors: Vec<String>,
    },
    /// A step succeeded.
    #[serde(alias = "action-finished")]
    StepFinished {
        /// Which.
        id: String,
        /// Seconds that it took, retries included.
        seconds: f64,
        /// What it did, in a few words.
        summary: Option<String>,
        /// The last lines of a log that belongs to it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        log: Vec<String>,
    },
    /// A step had nothing to do.
    #[serde(alias = "action-skipped")]
    StepSkipped {
        /// Which.
        id: String,
        /// Why.
        why: Skip,
    },
    /// A step failed for good.
    #[serde(alias = "action-failed")]
    StepFailed {
        /// Which.
        id: String,
        /// Seconds that it took, retries included.
        seconds: f64,
        /// The error and its causes.
        errors: Vec<String>,
        /// What is not ready in the cluster, and why.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        findings: Vec<Finding>,
        /// Last lines of a log that belongs to it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        log: Vec<String>,
    },
    /// A step will not run because another failed.
    #[serde(alias = "action-blocked")]
    StepBlocked {
        /// Which.
        id: String,
        /// The step that failed.
        by: String,
    },
    /// A step was stopped, or not started, because the user stopped the run.
    #[serde(alias = "action-stopped")]
    StepStopped {
        /// Which.
        id: String,
        /// Whether it had started.
        begun: bool,
    },
    /// The user stops the run: no new step starts.
    Stopping,
    /// The last.
    RunFinished {
        /// How it ended.
        outcome: Outcome,
        /// Seconds in all.
        seconds: f64,
    },
}

/// A step as announced.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Announced {
    /// Its id.
    pub id: String,
    /// Its component.
    pub component: String,
    /// Its name for people.
    pub title: String,
    /// What it would change.
    pub change: Change,
    /// Why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub why: Vec<String>,
    /// Ids that it needs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
    /// Whether it belongs to verification.
    #[serde(default)]
    pub verify: bool,
}

impl From<&Step> for Announced {
    fn from(step: &Step) -> Self {
        Self {
            id: step.id.clone(),
            component: step.component.clone(),
            title: step.title.clone(),
            change: step.change,
            why: step.why.clone(),
            needs: step.needs.clone(),
            verify: step.verify,
        }
    }
}

/// Why a step had nothing to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Skip {
    /// Nothing had to change.
    Unchanged,
    /// It does not apply here, for this reason.
    NotApplicable(String),
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Everything succeeded.
    Succeeded,
    /// Something failed.
    Failed,
    /// All was installed, but checks failed.
    VerifyFailed,
    /// The user stopped it.
    Stopped,
}

impl Event {
    /// Removes secrets from text of other programs: errors, findings, logs, notes. What windlass announces has none.
    pub fn redact(&mut self, redactor: &Redactor) {
        let clean = |text: &mut String| *text = redactor.text(text);
        match self {
            Self::Waiting { what: text, .. }
            | Self::Note { text, .. }
            | Self::StepSkipped { why: Skip::NotApplicable(text), .. } => clean(text),
            Self::StepFinished { summary, log, .. } => {
                summary.iter_mut().for_each(clean);
                *log = redactor.lines(log);
            }
            Self::StepRetried { errors, .. } => errors.iter_mut().for_each(clean),
            Self::StepFailed { errors, findings, log, .. } => {
                errors.iter_mut().for_each(clean);
                *log = redactor.lines(log);
                for finding in findings {
                    clean(&mut finding.message);
                    finding.event.iter_mut().for_each(clean);
                    finding.log = redactor.lines(&finding.log);
                }
            }
            Self::RunStarted { .. }
            | Self::StepStarted { .. }
            | Self::Bytes { .. }
            | Self::StepSkipped { why: Skip::Unchanged, .. }
            | Self::StepBlocked { .. }
            | Self::StepStopped { .. }
            | Self::Stopping
            | Self::RunFinished { .. } => {}
        }
    }

    /// Whether it may be dropped when a reader is slow.
    #[must_use]
    pub const fn is_progress(&self) -> bool {
        matches!(self, Self::Bytes { .. } | Self::Waiting { .. })
    }
}
