//! What a command gives to the sequence.

use tokio_util::sync::CancellationToken;

use crate::answers::Resolved;
use crate::app::exit::Failed;
use crate::driver::helm::Helm;
use crate::driver::kube::{Cluster, Tunnels};
use crate::driver::webhdfs::Hdfs;
use crate::engine::PushWork;
use crate::model::observed::Observed;
use crate::model::preflight::Report;
use crate::plan::{Change, Downgrade, Moved, Plan, Work};

/// Everything that is known before the run.
pub(in crate::app) struct PreparedRun {
    pub plan: Plan,
    pub resolved: Option<Resolved>,
    /// What the plan was made from, where answers were.
    pub observed: Option<Observed>,
    pub tunnels: Tunnels,
    pub hdfs: Option<Hdfs>,
    /// There wherever the plan needs it.
    pub helm: Option<Helm>,
    /// Downgrades that were not allowed: the run is refused.
    pub downgrades: Vec<Downgrade>,
    /// The offline bundle to push, where the plan has that.
    pub push: Option<PushWork>,
    /// What preflight found, where it was asked.
    pub report: Option<Report>,
    /// The text of an answers file that replays the run.
    pub answers: Option<String>,
    /// The run that it continues, if any.
    pub follows: Option<String>,
    /// Titles of steps that are skipped on the user's request.
    pub skipped: Vec<String>,
}

impl PreparedRun {
    /// A plan, and the ways to carry it out.
    pub(in crate::app) fn new(plan: Plan, (tunnels, hdfs): (Tunnels, Option<Hdfs>), helm: Option<Helm>) -> Self {
        Self {
            plan,
            resolved: None,
            observed: None,
            tunnels,
            hdfs,
            helm,
            downgrades: Vec::new(),
            push: None,
            report: None,
            answers: None,
            follows: None,
            skipped: Vec::new(),
        }
    }
}

/// A command that runs a plan. The sequence calls it; it alone defines the order.
pub(in crate::app) trait RunRequest {
    /// The command, as it is typed.
    const COMMAND: &'static str;

    /// The target.
    fn cluster(&self) -> &Cluster;

    /// Observes the cluster, plans, and runs preflight. Called before the agreement and again under the lock, and never
    /// cached: another run may have ended in between.
    async fn prepare(&self) -> Result<PreparedRun, Failed>;

    /// Asks for agreement to what was prepared. `stop` ends the question.
    async fn agree(&self, prepared: &PreparedRun, stop: &CancellationToken) -> Result<(), Failed>;

    /// Whether the plan is shown before that. A run that changes nothing needs no agreement, and is not.
    fn shows_plan(&self) -> bool {
        true
    }

    /// The message when there is nothing to do.
    fn nothing_to_do(&self) -> String;

    /// Called after downgrades were refused, before anything else is shown.
    fn planned(&self, _prepared: &PreparedRun) -> Result<(), Failed> {
        Ok(())
    }

    /// What is shown between the plan and the question.
    async fn details(&self, _prepared: &PreparedRun) -> Result<(), Failed> {
        Ok(())
    }

    /// The run is about to begin.
    fn begins(&self, _prepared: &PreparedRun) {}

    /// All of it was done.
    fn done(&self) {}
}

/// Whether Helm will be needed.
pub(in crate::app) fn needs_helm(plan: &Plan) -> bool {
    plan.steps.iter().any(|step| {
        let of_release = matches!(step.work, Work::Release { .. } | Work::Rollback { .. } | Work::Uninstall { .. });
        of_release && step.change != Change::Nothing
    })
}

/// Why an install that would leave releases and their data behind is refused, if it would.
pub(in crate::app) fn reason_not_to_move(moved: &[Moved]) -> Option<String> {
    let reasons: Vec<String> = moved.iter().map(ToString::to_string).collect();
    (!reasons.is_empty()).then(|| format!("{}; nothing was changed", reasons.join("\n")))
}

/// Why an install that would go back to an older version is refused, if it would.
pub(in crate::app) fn reason_to_refuse(downgrades: &[Downgrade]) -> Option<String> {
    let reasons: Vec<String> = downgrades.iter().map(ToString::to_string).collect();
    (!reasons.is_empty()).then(|| {
        format!(
            "{}; nothing was changed: use the windlass or the --catalog that installed it, or add --allow-downgrade",
            reasons.join("; ")
        )
    })
}
