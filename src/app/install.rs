//! `windlass install` and `plan`.

use std::path::Path;

use tokio_util::sync::CancellationToken;

use super::answers_file::save;
use super::ask::confirm;
use super::diff::{self, PlanWithDiff};
use super::exit::{Exit, Failed};
use super::install_target::{InstallTarget, unobserved};
use super::offline::Opened;
use super::output::Output;
use super::run::{self, PreparedRun, RunRequest, needs_helm, reason_not_to_move};
use super::{preflight, session, times};
use crate::cli::{Global, Graph, InstallArgs, PlanArgs};
use crate::driver::kube::Cluster;
use crate::plan::{self, adoptions, downgrades, moved};
use crate::render::{GraphFormat, diff_table, language, plan_graph, plan_table, target};

/// `windlass plan`.
pub(super) async fn plan(global: &Global, args: &PlanArgs, output: &Output) -> Result<Exit, Failed> {
    let opened = Opened::new(&args.offline, output)?;
    let global = &Opened::global(opened.as_ref(), global);
    let target = InstallTarget::new(global, &args.answers, opened, output).await?;
    preflight::check_adopted(&args.adopt, &target)?;
    let mut observed = target.observe().await.map_err(unobserved)?;
    let outlook;
    (observed.offline, outlook) = target.observe_offline().await?;
    for problem in outlook.problems {
        output.remark(&format!("warning: `windlass install` refuses this: {problem}"));
    }
    let diff = match args.diff {
        true => Some(diff::diffs(&target.resolved, &observed, &target.cluster, global).await?),
        false => None,
    };
    let plan = plan::plan(&target.resolved, &observed, !args.no_verify);
    let format = args.graph.map(|graph| match graph {
        Graph::Mermaid => GraphFormat::Mermaid,
        Graph::Dot => GraphFormat::Dot,
    });
    match (&diff, format, output.json) {
        (_, Some(format), _) => output.text(&plan_graph(&plan, format))?,
        (None, None, true) => output.value(&plan)?,
        (Some(diff), None, true) => output.value(&PlanWithDiff { plan: &plan, diff })?,
        (None, None, false) => output.text(&plan_table(&plan, &output.look()))?,
        (Some(diff), None, false) => {
            let (plan, diff) = (plan_table(&plan, &output.look()), diff_table(diff, &output.look()));
            output.text(&format!("{plan}\n{diff}"))?;
        }
    }
    if format.is_none()
        && let Some(timed) = times::timed_path(&plan, target.cluster.info())
    {
        times::show(&timed, output)?;
    }
    if diff.is_none() && format.is_none() {
        diff::hint(&target.resolved, &observed, output);
    }
    let lang = language::current().code();
    for open in &target.resolved.open {
        output.remark(&format!("note: {}: {}", open.title.of(lang), open.said.of(lang)));
    }
    for text in observed.releases.values().flat_map(|release| super::status::unread(&release.state)) {
        output.remark(&format!("warning: {text}"));
    }
    for moved in moved(&target.resolved, observed.state.as_ref()) {
        output.remark(&format!("warning: `windlass install` refuses this: {moved}"));
    }
    for adoption in adoptions(&target.resolved, &observed) {
        let (id, description) = (&adoption.component, adoption.describe(lang));
        if !adoption.is_possible() {
            output
                .remark(&format!("warning: `windlass install` refuses this: release {}: {description}", adoption.key));
        } else if !args.adopt.contains(id) {
            let refused = format!("`windlass install` refuses this without --adopt {id}");
            output.remark(&format!("warning: {refused}: release {}: {description}", adoption.key));
        }
    }
    for downgrade in downgrades(&target.resolved, observed.state.as_ref()) {
        output.remark(&format!("warning: {downgrade}: `windlass install` refuses that without --allow-downgrade"));
    }
    Ok(Exit::Done)
}

/// `windlass install`.
pub(super) async fn install(global: &Global, args: &InstallArgs, output: &Output) -> Result<Exit, Failed> {
    preflight::check_waivers(&args.waive)?;
    let opened = Opened::new(&args.offline, output)?;
    let global = &Opened::global(opened.as_ref(), global);
    let target = InstallTarget::new(global, &args.answers, opened, output).await?;
    preflight::check_adopted(&args.adopt, &target)?;
    let request = InstallRequest {
        target,
        global,
        output,
        verify: !args.no_verify,
        waive: &preflight::leaves(&args.waive, &args.adopt),
        allow_downgrade: args.allow_downgrade,
        diff: args.diff,
        save_answers: args.save_answers.as_deref(),
    };
    run::run(&request, global, output).await
}

/// An install.
pub(super) struct InstallRequest<'a> {
    pub target: InstallTarget,
    pub global: &'a Global,
    pub output: &'a Output,
    /// Whether its checks run at the end.
    pub verify: bool,
    /// Waived findings of preflight, and releases that may be adopted.
    pub waive: &'a [String],
    pub allow_downgrade: bool,
    /// Show the differences of updates before the question.
    pub diff: bool,
    /// A file to save the answers to as well.
    pub save_answers: Option<&'a Path>,
}

impl RunRequest for InstallRequest<'_> {
    const COMMAND: &'static str = "install";

    fn cluster(&self) -> &Cluster {
        &self.target.cluster
    }

    async fn prepare(&self) -> Result<PreparedRun, Failed> {
        let target = &self.target;
        let mut observed = match target.observe().await {
            Ok(observed) => observed,
            Err(error) => {
                return Err(preflight::after_forbidden(error, target, self.global, self.waive, self.output).await);
            }
        };
        if let Some(why) = reason_not_to_move(&moved(&target.resolved, observed.state.as_ref())) {
            return Err(Failed::text(Exit::Refused, why));
        }
        let outlook;
        (observed.offline, outlook) = target.observe_offline().await?;
        observed.offline = observed.offline.map(|offline| preflight::waived_pull_tests(offline, self.waive));
        let plan = plan::plan(&target.resolved, &observed, self.verify);
        let mut prepared = PreparedRun::new(plan, (target.tunnels.clone(), target.hdfs.clone()), None);
        if !self.allow_downgrade {
            prepared.downgrades = downgrades(&target.resolved, observed.state.as_ref());
        }
        // A run that is refused anyway, or has nothing to do, needs no preflight.
        if prepared.downgrades.is_empty() && prepared.plan.has_work() {
            if needs_helm(&prepared.plan) {
                prepared.helm = Some(session::helm(self.global, &target.cluster).await?);
            }
            let helm = prepared.helm.as_ref();
            let report = preflight::with(target, &observed, &outlook.problems, helm, self.waive).await?;
            // What is refused anyway need not be read.
            if report.errors == 0 {
                target.check_bytes(&outlook, self.output).await?;
            }
            prepared.report = Some(report);
        }
        prepared.resolved = Some(target.resolved.clone());
        prepared.answers = Some(target.answers.clone());
        prepared.observed = Some(observed);
        if let Some(offline) = &target.offline {
            prepared.push = Some(offline.work().await?);
        }
        Ok(prepared)
    }

    async fn agree(&self, _prepared: &PreparedRun, stop: &CancellationToken) -> Result<(), Failed> {
        confirm(self.global, &self.target.cluster, self.output, stop).await
    }

    fn nothing_to_do(&self) -> String {
        format!("nothing to do: {} is up to date\n", target(self.target.cluster.info()))
    }

    fn planned(&self, prepared: &PreparedRun) -> Result<(), Failed> {
        match (self.save_answers, &prepared.answers) {
            (Some(path), Some(text)) => save(path, text),
            _ => Ok(()),
        }
    }

    async fn details(&self, prepared: &PreparedRun) -> Result<(), Failed> {
        let Some(observed) = &prepared.observed else { return Ok(()) };
        let resolved = &self.target.resolved;
        if self.diff {
            diff::show(&diff::diffs(resolved, observed, &self.target.cluster, self.global).await?, self.output)?;
        } else if !self.global.yes {
            diff::hint(resolved, observed, self.output);
        }
        Ok(())
    }
}
