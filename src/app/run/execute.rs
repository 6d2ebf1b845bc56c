//! Runs a plan, shows it, keeps its journal, records its checks, and sums up.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::guard::RunGuard;
use super::lock::LockGuard;
use super::proofs::{record_checks, record_ready};
use super::request::{PreparedRun, RunRequest};
use super::summary::extras;
use crate::answers::SecretContent;
use crate::app::exit::{Exit, Failed, OrExit as _, RunEnd};
use crate::app::journal::{self, Journal};
use crate::app::output::{Output, Renderer};
use crate::cli::Global;
use crate::driver::kube::Cluster;
use crate::engine::{self, RunInfo, StepRunner};
use crate::event::{Listener, Outcome, RunState, Status, channel};
use crate::model::cluster::ReadyPolicy;
use crate::plan::Plan;

/// A run that has come to its end.
pub(super) struct FinishedRun {
    outcome: Outcome,
    state: RunState,
    /// Why the journal could not be kept to the end, if so.
    trouble: Option<String>,
    /// Components of which a step failed.
    failed: BTreeSet<String>,
    skipped: bool,
    run_dir: Option<PathBuf>,
}

/// Runs what was prepared, under the lock if it changes anything.
pub(super) async fn execute<R: RunRequest>(
    cluster: &Cluster,
    prepared: PreparedRun,
    held: Option<&LockGuard>,
    guard: &RunGuard,
    output: &Output,
) -> Result<FinishedRun, Failed> {
    let PreparedRun { plan, resolved, tunnels, hdfs, helm, answers, follows, skipped, push, .. } = prepared;
    let run = guard.run.clone();
    let journal = plan.has_work().then(|| open_journal(&run, &plan, answers.as_deref())).transpose()?;
    let run_dir = journal.as_ref().map(|journal| journal.folder.clone());
    let charts = resolved.iter().flat_map(|resolved| &resolved.components).filter_map(|component| {
        component.release.as_ref().map(|release| (release.chart_digest.clone(), release.chart.clone()))
    });
    let components = || resolved.iter().flat_map(|resolved| &resolved.components);
    let derived = components().flat_map(|component| {
        let namespace = component.namespace.clone().unwrap_or_default();
        component.secrets.iter().filter_map(move |secret| match &secret.content {
            SecretContent::Derived(derived) => Some(((namespace.clone(), secret.name.clone()), derived.clone())),
            SecretContent::Answer { .. } => None,
        })
    });
    let files = components().flat_map(|component| &component.files);
    let runner = Arc::new(StepRunner {
        files: files.map(|(digest, files)| (digest.clone(), files.clone())).collect(),
        push,
        pull_secret: resolved.as_ref().map(|resolved| resolved.pull_secret_name.clone()).unwrap_or_default(),
        cluster: cluster.clone(),
        tunnels,
        helm,
        hdfs,
        derived: derived.collect(),
        charts: charts.collect(),
        policy: ReadyPolicy::default(),
        locked: held.is_some(),
        gate: held.map(LockGuard::gate),
        took_over: held.and_then(|held| held.took_over.clone()),
        helm_started: std::sync::Mutex::default(),
        records: plan.records(),
        run: run.clone(),
        uploads: tokio::sync::Mutex::default(),
        checked: tokio::sync::Mutex::default(),
    });
    let unchecked = components().filter(|component| component.verify.is_empty());
    let unchecked = unchecked.map(|component| component.id.clone()).collect();
    let (events, listener) = channel();
    let info = RunInfo { run, command: R::COMMAND.to_owned(), follows, cluster: cluster.info().clone() };
    let shown = tokio::spawn(show(listener, output.renderer(), journal, guard.cancel.clone()));
    let outcome = engine::run(&plan, info, runner.clone(), events, guard.cancel.clone()).await;
    let (state, trouble) = shown.await.or_exit(Exit::Unexpected)?;
    // Under a lock that was lost another may write.
    if held.is_none_or(|held| held.lost().is_none()) {
        record_checks(&runner, &plan, &state, output).await;
        record_ready(&runner, &plan, &state, &unchecked, output).await;
    }
    let failed = plan
        .steps
        .iter()
        .filter(|step| matches!(state.steps.get(&step.id).map(|state| &state.status), Some(Status::Failed { .. })));
    let failed = failed.map(|step| step.component.clone()).collect();
    Ok(FinishedRun { outcome, state, trouble, failed, skipped: !skipped.is_empty(), run_dir })
}

/// Says how a run ended, and gives its exit code. `lost` is why its lock was lost, if it was.
pub(super) async fn finish<R: RunRequest>(
    ended: FinishedRun,
    lost: Option<String>,
    (request, guard): (&R, &RunGuard),
    global: &Global,
    output: &Output,
) -> Result<Exit, Failed> {
    let FinishedRun { outcome, state, trouble, failed, skipped, run_dir } = ended;
    let exit = RunEnd { outcome, lock_lost: lost.is_some(), journal_lost: trouble.is_some(), skipped }.exit();
    let lost = lost.map(|why| format!("the lock was lost during the run, so the run was stopped: {why}"));
    for trouble in lost.iter().chain(&trouble) {
        output.remark(&format!("warning: {trouble}"));
    }
    if !output.json {
        let around = (&guard.cancel, output);
        let extras = extras(request.cluster(), global, (R::COMMAND, exit), &failed, run_dir.as_deref(), around).await;
        output.ended(&state, extras, exit, lost.or(trouble))?;
    }
    if exit == Exit::Done {
        request.done();
    }
    Ok(exit)
}

fn open_journal(run: &str, plan: &Plan, answers: Option<&str>) -> Result<Journal, Failed> {
    let root = journal::root().or_exit(Exit::Unexpected)?;
    // As `windlass plan --json` prints it: what was done can be compared with what would be done.
    let plan = serde_json::to_string(plan).or_exit(Exit::Unexpected)? + "\n";
    Journal::new(run, &plan, answers)
        .map_err(|error| anyhow::Error::new(error).context(format!("failed to create a journal in {}", root.display())))
        .or_exit(Exit::Unexpected)
}

/// Takes in events until the last one is there: reduces, keeps and shows them. A full disk stops the run in order.
async fn show(
    mut listener: Listener,
    mut renderer: Renderer,
    mut journal: Option<Journal>,
    cancel: CancellationToken,
) -> (RunState, Option<String>) {
    let mut state = RunState::default();
    let mut trouble = None;
    let mut ticks = tokio::time::interval(std::time::Duration::from_millis(100));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut renderer_open = true;
    loop {
        tokio::select! {
            event = listener.next() => {
                let Some(event) = event else { break };
                state.apply(&event);
                if let Some(Err(error)) = journal.as_mut().map(|journal| journal.event(&event)) {
                    trouble = Some(format!("failed to write the journal, the run was stopped: {error}"));
                    journal = None;
                    cancel.cancel();
                }
                // A closed pipe (`| head`) ends the showing and not the run.
                renderer_open = renderer_open && renderer.event(&event, &state).is_ok();
            }
            _ = ticks.tick() => {
                renderer_open = renderer_open && renderer.tick(&state).is_ok();
            }
        }
    }
    renderer.clear();
    (state, trouble)
}
