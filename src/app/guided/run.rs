//! An install that was agreed to on the screens.

use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;

use super::follow::Places;
use crate::app::exit::{Exit, Failed};
use crate::app::install::InstallRequest;
use crate::app::run::{PreparedRun, RunRequest};
use crate::app::times;
use crate::driver::kube::Cluster;
use crate::plan::{Change, Plan, Step, unconfirmed, without};
use crate::render::tui::{BackendEvent, RunView};

/// The install, and what was agreed to.
pub(super) struct ScreenRequest<'a, F> {
    pub install: InstallRequest<'a>,
    /// Steps that are skipped, with what needs them.
    pub without: Vec<String>,
    /// The run that it follows, if any.
    pub before: Option<String>,
    /// The plan that was shown.
    pub agreed: Option<Box<Plan>>,
    pub news: UnboundedSender<BackendEvent>,
    /// Looks at the pods of the run that begins.
    pub follow: F,
}

impl<F: Fn(Cluster, Places)> RunRequest for ScreenRequest<'_, F> {
    const COMMAND: &'static str = InstallRequest::COMMAND;

    fn cluster(&self) -> &Cluster {
        self.install.cluster()
    }

    async fn prepare(&self) -> Result<PreparedRun, Failed> {
        let mut prepared = self.install.prepare().await?;
        let part = without(&prepared.plan, &self.without);
        let whole = std::mem::replace(&mut prepared.plan, part);
        let was_skipped = |step: &&Step| step.change != Change::Nothing && prepared.plan.get(&step.id).is_none();
        prepared.skipped = whole.steps.iter().filter(was_skipped).map(|step| step.title.clone()).collect();
        prepared.follows.clone_from(&self.before);
        Ok(prepared)
    }

    /// The user agreed on the review, to the plan that was shown there. That may shrink; new steps need a new agreement.
    async fn agree(&self, prepared: &PreparedRun, _stop: &CancellationToken) -> Result<(), Failed> {
        let agreed = self.agreed.as_ref();
        let Some(more) = agreed.and_then(|agreed| unconfirmed(&prepared.plan, agreed, self.before.is_some())) else {
            return Ok(());
        };
        let text = format!("the cluster has changed since the plan was shown; new step: {}", more.title);
        self.send(BackendEvent::Outdated);
        Err(Failed::text(Exit::Refused, text))
    }

    fn nothing_to_do(&self) -> String {
        self.install.nothing_to_do()
    }

    fn begins(&self, prepared: &PreparedRun) {
        let deadlines = prepared.plan.steps.iter().map(|step| (step.id.clone(), step.deadline_seconds)).collect();
        let mut view = RunView::new(deadlines, self.before.clone());
        view.without.clone_from(&self.without);
        view.expected = times::earlier_seconds(&prepared.plan, self.cluster().info());
        view.skipped.clone_from(&prepared.skipped);
        self.send(BackendEvent::RunStarted(Box::new(view)));
        (self.follow)(self.cluster().clone(), Places::new(&prepared.plan));
    }
}

impl<F> ScreenRequest<'_, F> {
    fn send(&self, news: BackendEvent) {
        // The screens may be closed already.
        let _ = self.news.send(news);
    }
}
