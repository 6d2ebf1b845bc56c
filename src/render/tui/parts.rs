//! What each screen keeps.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::known::{Planned, Target};
use super::widgets::{Cursor, LineEdit};
use crate::answers::AnswerSources;
use crate::model::preflight::Report;
use crate::plan::Plan;
use crate::render::SummaryExtras;

/// Which cluster.
#[derive(Debug, Clone, Default)]
pub struct ClusterScreen {
    /// The clusters that can be chosen.
    pub targets: Vec<Target>,
    /// Whether they have been looked for.
    pub known: bool,
    /// The row among them.
    pub cursor: Cursor,
}

/// What the cluster lacks.
#[derive(Debug, Clone, Default)]
pub struct PreflightScreen {
    /// The findings, with the answers of the last preflight.
    pub report: Option<Report>,
    /// The row among the findings.
    pub cursor: Cursor,
    /// The findings that were waived, and leave to adopt releases: [`Finding::waiver`](crate::model::preflight::Finding::waiver).
    pub waived: BTreeSet<String>,
}

impl PreflightScreen {
    /// What was waived, as whoever asks for findings, a plan or a run is given it.
    pub(super) fn waivers(&self) -> Vec<String> {
        self.waived.iter().cloned().collect()
    }

    /// Shows a report; what was waived meanwhile is waived.
    pub(super) fn show(&mut self, report: Report) {
        self.cursor.within(report.findings.len() + 1);
        self.report = Some(Report::new(report.cluster, report.findings, &self.waivers()));
    }
}

/// What is installed.
#[derive(Debug, Clone, Default)]
pub struct ComponentsScreen {
    /// The components that were chosen, without what they require.
    pub chosen: BTreeSet<String>,
    /// The row among the components.
    pub cursor: Cursor,
    /// The name of one more of the component at that row, while it is typed.
    pub naming: Option<LineEdit>,
}

/// Sizes.
#[derive(Debug, Clone, Default)]
pub struct ProfileScreen {
    /// The profile, if there is one.
    pub chosen: Option<String>,
    /// Whether it was chosen here: then its sizes count more than what was there before.
    pub chosen_here: bool,
    /// The row among the profiles.
    pub cursor: Cursor,
}

/// What would be done.
#[derive(Debug, Clone, Default)]
pub struct ReviewScreen {
    /// The plan, once it is made.
    pub planned: Option<Planned>,
    /// The row.
    pub cursor: Cursor,
    /// The findings whose details are shown.
    pub unfolded: BTreeSet<usize>,
    /// The components whose steps are shown.
    pub open: BTreeSet<String>,
    /// Whether a run was refused for what preflight found.
    pub refused: bool,
    /// Whether the checks at the end are skipped.
    pub no_verify: bool,
}

/// The phase of a run that was confirmed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RunPhase {
    /// Nothing runs.
    #[default]
    Idle,
    /// It is about to start.
    Starting,
    /// Its steps run.
    Running,
    /// It was asked to stop.
    Stopping,
}

/// What runs, besides what its events say.
#[derive(Debug, Clone, Default)]
pub struct RunScreen {
    /// How far it is.
    pub phase: RunPhase,
    /// The answers that it started with.
    pub given: Option<AnswerSources>,
    /// The plan that was confirmed last.
    pub agreed: Option<Box<Plan>>,
}

/// How it ended.
#[derive(Debug, Clone, Default)]
pub struct SummaryScreen {
    /// What the events do not contain.
    pub extras: Option<SummaryExtras>,
    /// The first row.
    pub cursor: Cursor,
}

/// The file that the answers go to.
#[derive(Debug, Clone, Default)]
pub struct AnswersFile {
    /// Where it is.
    pub path: PathBuf,
    /// Whether an older file exists, which is kept when the answers are written.
    pub older: bool,
    /// Whether the answers could not be written when that was tried last.
    pub failed: bool,
    /// The answers that are in a file already, or were given before the screens.
    pub saved: AnswerSources,
}
