//! What happens to the screens, and what they want of the world.

use std::path::PathBuf;

use crossterm::event::KeyEvent;

use super::known::{Answer, Connected, Planned, Target};
use super::run::{Ended, PodRow, RunView};
use super::source::OfflineChoice;
use super::source::{BundleView, PushView};
use crate::answers::Given;
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
    /// What was asked for is there.
    News(Box<News>),
    /// Somebody outside wants it to stop: SIGTERM, SIGHUP.
    Signal,
}

/// What was asked for. An error is its chain, outermost first.
#[derive(Debug, Clone)]
pub enum News {
    /// The clusters that could be meant.
    Targets(Vec<Target>),
    /// What one of them answered, by its row.
    Answered(usize, Answer),
    /// The chosen one can be used.
    Connected(Result<Box<Connected>, Vec<String>>),
    /// What was asked for where images come from.
    Source(SourceNews),
    /// What preflight found.
    Report(Result<Report, Vec<String>>),
    /// What would be done, and what preflight finds with these answers.
    Planned(Result<(Box<Planned>, Report), Vec<String>>),
    /// Whether the registry has the images.
    Registry(Result<String, Vec<String>>),
    /// The answers were written, and where those are that were there before.
    Written(Result<(PathBuf, Option<PathBuf>), Vec<String>>),
    /// A run begins; its first event follows.
    Begun(Box<RunView>),
    /// An event of the run.
    Event(Envelope),
    /// The pods.
    Pods(Vec<PodRow>),
    /// Lines of a step that were no events of the run: logs and events of its pods.
    Lines(String, Vec<String>),
    /// The run is over.
    Ended(Ended, Box<SummaryExtras>),
    /// What was agreed to is no longer what would be done.
    Outdated,
    /// What was to be run was refused for what preflight found. Why follows from the plan that is made then.
    Refused,
    /// What was to be run could not be begun, or broke off without an end.
    NotBegun(Vec<String>),
    /// Something that people should know.
    Remark(String),
}

/// What is wanted of the world.
#[derive(Debug, Clone, PartialEq)]
pub enum Intent {
    /// Look for clusters and ask each.
    Targets,
    /// Use this one, by its row.
    Connect(usize),
    /// What is wanted where images come from.
    Source(SourceIntent),
    /// Look at what an install would need.
    Preflight(Given, Vec<String>),
    /// Ask the registry for the images.
    Registry(Given),
    /// Make the plan.
    Plan(Given, Vec<String>),
    /// Write the answers. What else is there is kept beside it.
    Write(Given, PathBuf),
    /// Run what was agreed to. Without the steps, if any are to be left out; going on with a run, if there was one.
    Run {
        /// The answers.
        given: Given,
        /// What preflight may find.
        waived: Vec<String>,
        /// Steps to leave out.
        without: Vec<String>,
        /// The run that it goes on with.
        before: Option<String>,
        /// The plan that was agreed to, for this run or the one that it goes on with.
        agreed: Option<Box<Plan>>,
    },
    /// Look at what happens to this step in the cluster.
    LookAt(String),
    /// Stop the run in order.
    Stop,
    /// Put a text into the terminal's clipboard.
    Copy(String),
    /// Back to the shell until `fg`.
    Suspend,
    /// Leave; at once if a run goes on.
    Quit,
}

/// What this screen wants of the world.
#[derive(Debug, Clone, PartialEq)]
pub enum SourceIntent {
    /// Install from this from now on; from none without.
    Use(Option<OfflineChoice>),
    /// Open it, and check its structure, signature and lock.
    Open(OfflineChoice),
    /// Read every byte of it.
    Verify(OfflineChoice),
    /// Stop reading.
    StopVerify,
    /// Ask the registry of these answers what it has of it.
    Plan(OfflineChoice, Given),
}

/// What this screen hears. An error is its chain, outermost first.
#[derive(Debug, Clone)]
pub enum SourceNews {
    /// It was opened.
    Opened(Result<BundleView, Vec<String>>),
    /// So many bytes of so many were read.
    Read(u64, u64),
    /// Every byte was read; how many there are.
    Verified(Result<u64, Vec<String>>),
    /// What a push would do.
    Planned(Result<PushView, Vec<String>>),
}
