//! What each screen keeps.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::known::{Planned, Target};
use super::widgets::{Cursor, LineEdit};
use crate::answers::Given;
use crate::model::preflight::Report;
use crate::plan::Plan;
use crate::render::SummaryExtras;

/// Which cluster.
#[derive(Debug, Clone, Default)]
pub struct ClusterScreen {
    /// The clusters that could be meant.
    pub targets: Vec<Target>,
    /// Whether they have been looked for.
    pub known: bool,
    /// The row among them.
    pub cursor: Cursor,
}

/// What the cluster lacks.
#[derive(Debug, Clone, Default)]
pub struct PreflightScreen {
    /// What was found, with the answers as they were when it was asked last.
    pub report: Option<Report>,
    /// The row among the findings.
    pub cursor: Cursor,
    /// The findings that were waived, and leave to adopt releases: [`Finding::leave`](crate::model::preflight::Finding::leave).
    pub waived: BTreeSet<String>,
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

/// How far a run is that was agreed to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RunPhase {
    /// Nothing runs.
    #[default]
    Idle,
    /// It is about to begin.
    Beginning,
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
    /// The answers that it began with.
    pub given: Option<Given>,
    /// The plan that was agreed to last.
    pub agreed: Option<Box<Plan>>,
}

/// How it ended.
#[derive(Debug, Clone, Default)]
pub struct SummaryScreen {
    /// What is said besides.
    pub extras: Option<SummaryExtras>,
    /// The first row.
    pub cursor: Cursor,
}

/// The file that the answers go to.
#[derive(Debug, Clone, Default)]
pub struct AnswersFile {
    /// Where it is.
    pub path: PathBuf,
    /// Whether a file of somebody else's is there, which is kept when the answers are written.
    pub older: bool,
    /// Whether the answers could not be written when that was tried last.
    pub failed: bool,
    /// The answers that are in a file already, or were there before anybody answered here.
    pub saved: Given,
}
