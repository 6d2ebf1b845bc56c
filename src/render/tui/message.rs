//! What happens to the screens, and what they ask the backend for.

use std::path::PathBuf;

use crossterm::event::KeyEvent;

use super::known::{Connected, Planned, Target, TargetState};
use super::run::{Ended, PodRow, RunView};
use super::source::OfflineChoice;
use super::source::{BundleView, PushView};
use crate::answers::AnswerSources;
use crate::event::Envelope;
use crate::model::preflight::Report;
use crate::plan::Plan;
use crate::render::SummaryExtras;

/// Something that happened.
#[derive(Debug, Clone)]
pub enum Input {
    /// A key.
    Key(KeyEvent),
    /// A text that was pasted.
    Paste(String),
    /// The terminal has another size.
    Resize(u16, u16),
    /// Time has passed; milliseconds since 1970.
    Tick(i64),
    /// An answer to an [`Intent`].
    BackendEvent(Box<BackendEvent>),
    /// A signal to stop: SIGTERM, SIGHUP.
    Signal,
}

/// Answers to intents. An error is its chain, outermost first.
#[derive(Debug, Clone)]
pub enum BackendEvent {
    /// The clusters that can be chosen.
    Targets(Vec<Target>),
    /// Whether one of them can be reached, by its row.
    TargetChecked(usize, TargetState),
    /// The chosen one can be used.
    Connected(Result<Box<Connected>, Vec<String>>),
    /// An answer for the screen of sources.
    Source(SourceEvent),
    /// What preflight found.
    Report(Result<Report, Vec<String>>),
    /// The plan, and the findings of preflight with these answers.
    Planned(Result<(Box<Planned>, Report), Vec<String>>),
    /// Whether the registry has the images.
    Registry(Result<String, Vec<String>>),
    /// The answers were written; the file, and the one to which the older file was moved.
    Written(Result<(PathBuf, Option<PathBuf>), Vec<String>>),
    /// A run starts; its first event follows.
    RunStarted(Box<RunView>),
    /// An event of the run.
    Event(Envelope),
    /// The pods.
    Pods(Vec<PodRow>),
    /// Lines of a step that are not events of the run: logs and events of its pods.
    Lines(String, Vec<String>),
    /// The run is over.
    Ended(Ended, Box<SummaryExtras>),
    /// The plan that was confirmed is outdated.
    Outdated,
    /// Preflight refused the run. The plan that is made next has the findings.
    Refused,
    /// The run could not start, or broke off.
    RunError(Vec<String>),
    /// A warning.
    Warning(String),
}

/// What the screens ask the backend for.
#[derive(Debug, Clone, PartialEq)]
pub enum Intent {
    /// Look for clusters and ask each.
    Targets,
    /// Use this one, by its row.
    Connect(usize),
    /// A request of the screen of sources.
    Source(SourceIntent),
    /// Run preflight.
    Preflight(AnswerSources, Vec<String>),
    /// Check that the registry has the images.
    Registry(AnswerSources),
    /// Make the plan.
    Plan(AnswerSources, Vec<String>),
    /// Write the answers. An older file is kept beside it.
    Write(AnswerSources, PathBuf),
    /// Run the plan that was confirmed. It continues the run before, if there was one.
    Run {
        /// The answers.
        given: AnswerSources,
        /// The findings that are waived.
        waived: Vec<String>,
        /// Steps to skip.
        without: Vec<String>,
        /// The run that it continues.
        before: Option<String>,
        /// The plan that was confirmed, for this run or the one that it continues.
        agreed: Option<Box<Plan>>,
    },
    /// Watch the objects of this step in the cluster.
    WatchStep(String),
    /// Stop the run; running steps may end.
    Stop,
    /// Put a text into the terminal's clipboard.
    Copy(String),
    /// Back to the shell until `fg`.
    Suspend,
    /// Leave; at once if a run is live.
    Quit,
}

/// What the screen of sources asks the backend for.
#[derive(Debug, Clone, PartialEq)]
pub enum SourceIntent {
    /// Install from this offline bundle, or from none.
    Use(Option<OfflineChoice>),
    /// Open it, and check its structure, signature and lock.
    Open(OfflineChoice),
    /// Read every byte of it.
    Verify(OfflineChoice),
    /// Stop reading.
    StopVerify,
    /// Make the push plan for the registry of these answers.
    Plan(OfflineChoice, AnswerSources),
}

/// Answers for the screen of sources. An error is its chain, outermost first.
#[derive(Debug, Clone)]
pub enum SourceEvent {
    /// It was opened.
    Opened(Result<BundleView, Vec<String>>),
    /// So many bytes of so many were read.
    Read(u64, u64),
    /// Every byte was read; how many there are.
    Verified(Result<u64, Vec<String>>),
    /// What a push would do.
    Planned(Result<PushView, Vec<String>>),
}
