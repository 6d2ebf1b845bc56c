//! `windlass rollback`.

use tokio_util::sync::CancellationToken;

use super::ask::confirm;
use super::exit::{Exit, Failed, OrExit as _};
use super::held::with_installed_files;
use super::output::Output;
use super::run::{self, PreparedRun, RunRequest};
use super::{charts, session};
use crate::answers::{Answers, Resolved};
use crate::catalog::Catalog;
use crate::cli::{AnswerArgs, Global, RollbackArgs};
use crate::driver::kube::Cluster;
use crate::driver::state_store;
use crate::model::state::InstallState;
use crate::plan::{self, Plan, Step};
use crate::render::target;

/// Rolls a component back to the last verified revision.
pub(super) async fn rollback(global: &Global, args: &RollbackArgs, output: &Output) -> Result<Exit, Failed> {
    let catalog = session::load_catalog(global)?;
    let cluster = session::connect(global).await?;
    run::run(&RollbackRequest { cluster, catalog, global, args, output }, global, output).await
}

/// The rollback of a component.
struct RollbackRequest<'a> {
    cluster: Cluster,
    catalog: Catalog,
    global: &'a Global,
    args: &'a RollbackArgs,
    output: &'a Output,
}

impl RunRequest for RollbackRequest<'_> {
    const COMMAND: &'static str = "rollback";

    fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    async fn prepare(&self) -> Result<PreparedRun, Failed> {
        let state = state_store::load(&self.cluster).await.or_exit(Exit::Unusable)?.unwrap_or_default();
        // Whether a rollback is possible, before answers are resolved.
        self.plan(&state, Vec::new()).await?;
        // It is verified with the answers that it had when it was last verified.
        let verified = as_verified(&state, &self.args.component);
        let answers = session::answers(self.global, &AnswerArgs::default(), &self.catalog, Some(&verified))?;
        let answers = with_installed_files(answers, &self.catalog, &self.cluster, &verified).await?;
        let seeing = session::seeing_installed(&self.catalog, &answers, &self.cluster, &state).await.unwrap_or(answers);
        let resolved = charts::resolved_as_installed(&self.catalog, &seeing)?;
        self.refuse_if_not_enough((&state, &verified), &seeing, &resolved)?;
        let checks = match self.args.no_verify {
            true => Vec::new(),
            false => plan::checks_of(&resolved, &self.args.component),
        };
        let plan = self.plan(&state, checks).await?;
        let helm = match plan.has_work() {
            true => Some(session::helm(self.global, &self.cluster).await?),
            false => None,
        };
        let reach = session::reach(&self.cluster, resolved.hdfs.as_ref())?;
        Ok(PreparedRun { resolved: Some(resolved), ..PreparedRun::new(plan, reach, helm) })
    }

    async fn agree(&self, _prepared: &PreparedRun, stop: &CancellationToken) -> Result<(), Failed> {
        confirm(self.global, &self.cluster, self.output, stop).await
    }

    fn nothing_to_do(&self) -> String {
        format!("nothing to do: {} runs the last verified revision\n", self.args.component)
    }
}

impl RollbackRequest<'_> {
    /// Refuses a rollback to other answers that rules about the installed state forbid, or that needs changes to objects
    /// before: Helm alone would not do either. A Job before an upgrade does not count.
    fn refuse_if_not_enough(
        &self,
        (state, verified): (&InstallState, &InstallState),
        was: &Answers,
        resolved: &Resolved,
    ) -> Result<(), Failed> {
        let id = &self.args.component;
        let broken = was.rollback_violations(&self.catalog, state, id);
        if !broken.0.is_empty() {
            return Err(Failed::text(Exit::Refused, format!("{id} cannot be rolled back: {broken}")));
        }
        let mut before = resolved.components.iter().filter(|it| it.id == *id).flat_map(|it| &it.before);
        let Some(first) = before.find(|act| act.kind.kind().changes()) else { return Ok(()) };
        let then = verified.answers.get(id).and_then(|it| it.as_object()).into_iter().flatten();
        let differ = then.filter(|(question, answer)| state.answers[id].get(question) != Some(answer));
        let set: String = differ
            .map(|(question, answer)| {
                let answer = answer.as_str().map_or_else(|| answer.to_string(), str::to_owned);
                format!(" --set {id}.{question}={answer}")
            })
            .collect();
        let title = &first.title;
        let text = format!(
            "{id} cannot be rolled back on its own: `{title}` must run before, which an install does: windlass install{set}"
        );
        Err(Failed::text(Exit::Refused, text))
    }

    async fn plan(&self, state: &InstallState, checks: Vec<Step>) -> Result<Plan, Failed> {
        let key = state.components.get(&self.args.component).and_then(|component| component.record.release.clone());
        let found = self.cluster.releases(key.as_slice()).await.or_exit(Exit::Unusable)?;
        let found = key.and_then(|key| found.into_values().find(|release| release.key == key));
        let known: Vec<&str> = state.components.keys().map(String::as_str).collect();
        plan::rollback(&self.args.component, state, found.as_ref(), checks)
            .map_err(|error| {
                anyhow::Error::new(error).context(format!(
                    "failed to roll back in {} (installed: {})",
                    target(self.cluster.info()),
                    known.join(", ")
                ))
            })
            .or_exit(Exit::Refused)
    }
}

/// The state with the answers that a component had when it was last verified.
fn as_verified(state: &InstallState, id: &str) -> InstallState {
    let mut state = state.clone();
    let good = state.components.get(id).and_then(|component| component.good.clone());
    if let (Some(good), Some(answers)) = (good, state.answers.as_object_mut()) {
        answers.insert(id.to_owned(), good.answers);
    }
    state
}
