//! `windlass install`, `plan` and `verify`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::diff::{self, PlanWithDiff};
use super::exit::{Exit, Failed, OrExit as _};
use super::journal::{self, Journal};
use super::output::Output;
use super::preflight;
use super::session;
use super::status::{endpoints, release_rows};
use super::turn::Turn;
use crate::answers::{Answers, Resolved, recorded};
use crate::catalog::Catalog;
use crate::cli::{AnswerArgs, Global, InstallArgs, PlanArgs, VerifyArgs};
use crate::driver::helm::Helm;
use crate::driver::kube::{Cluster, Tunnels};
use crate::driver::state_store;
use crate::driver::webhdfs::Hdfs;
use crate::engine::{self, RunInfo, World};
use crate::event::{Outcome, RunState, Status, channel};
use crate::model::cluster::ReadyPolicy;
use crate::model::observed::Observed;
use crate::observe::{ObserveError, observe};
use crate::plan::{self, Downgrade, Plan, Step, downgrades, verify_only};
use crate::render::{SummaryExtras, diff_table, plan_table, target};

/// Everything that is known before anything is done.
pub(super) struct Prepared {
    pub cluster: Cluster,
    pub tunnels: Tunnels,
    pub hdfs: Option<Hdfs>,
    pub plan: Plan,
    pub resolved: Option<Resolved>,
    /// The text of an answers file that replays the run.
    pub answers: Option<String>,
    /// What would go back to an older version.
    pub downgrades: Vec<Downgrade>,
    /// The run that it goes on with, if any.
    pub follows: Option<String>,
}

/// What is wanted, and where.
pub(super) struct Begun {
    pub cluster: Cluster,
    pub resolved: Resolved,
    pub hdfs: Option<Hdfs>,
    tunnels: Tunnels,
    answers: String,
}

impl Begun {
    /// From definitions and answers to a cluster that answered.
    async fn new(global: &Global, args: &AnswerArgs, output: &Output) -> Result<Self, Failed> {
        let catalog = session::load_catalog(global)?;
        let answers = session::answers_or_ask(global, args, &catalog, output)?;
        let resolved = session::resolved(&catalog, &answers)?;
        let answers = recorded(&catalog, &answers).or_exit(Exit::Unexpected)?;
        let begun = Self::on(session::connect(global).await?, resolved, answers)?;
        output.remark(&format!("looking at {} …", target(begun.cluster.info())));
        Ok(begun)
    }

    /// On a cluster that answered.
    pub(super) fn on(cluster: Cluster, resolved: Resolved, answers: String) -> Result<Self, Failed> {
        let (tunnels, hdfs) = session::reach(&cluster, resolved.hdfs.as_ref())?;
        Ok(Self { cluster, resolved, tunnels, hdfs, answers })
    }

    /// What the cluster has of it now.
    pub(super) async fn look(&self) -> Result<Observed, ObserveError> {
        observe(&self.resolved, &self.cluster, self.hdfs.as_ref()).await
    }

    /// With the plan.
    pub(super) fn planned(self, observed: &Observed, verify: bool) -> Prepared {
        let Self { cluster, resolved, tunnels, hdfs, answers } = self;
        let plan = plan::plan(&resolved, observed, verify);
        let downgrades = downgrades(&resolved, observed.state.as_ref());
        let (resolved, answers) = (Some(resolved), Some(answers));
        Prepared { cluster, tunnels, hdfs, plan, resolved, answers, downgrades, follows: None }
    }
}

impl Prepared {
    /// What begins with no answers file and follows nothing.
    pub(super) fn bare(
        cluster: Cluster,
        (tunnels, hdfs): (Tunnels, Option<Hdfs>),
        plan: Plan,
        resolved: Option<Resolved>,
    ) -> Self {
        Self { cluster, tunnels, hdfs, plan, resolved, answers: None, downgrades: Vec::new(), follows: None }
    }
}

/// An observation that failed, with its exit code.
pub(super) fn unseen(error: ObserveError) -> Failed {
    let exit = match error {
        ObserveError::Files { .. } | ObserveError::PullSecret(_) | ObserveError::Secret { .. } => Exit::BadInput,
        ObserveError::Api { .. } | ObserveError::State(_) => Exit::Unusable,
    };
    Failed::new(exit, error)
}

/// `windlass plan`.
pub(super) async fn plan(global: &Global, args: &PlanArgs, output: &Output) -> Result<Exit, Failed> {
    let begun = Begun::new(global, &args.answers, output).await?;
    let observed = begun.look().await.map_err(unseen)?;
    let diff = match args.diff {
        true => Some(diff::diffs(&begun.resolved, &observed, &begun.cluster, global).await?),
        false => None,
    };
    let prepared = begun.planned(&observed, !args.no_verify);
    match (&diff, output.json) {
        (None, true) => output.value(&prepared.plan)?,
        (Some(diff), true) => output.value(&PlanWithDiff { plan: &prepared.plan, diff })?,
        (None, false) => output.text(&plan_table(&prepared.plan, &output.look()))?,
        (Some(diff), false) => {
            let (plan, diff) = (plan_table(&prepared.plan, &output.look()), diff_table(diff, &output.look()));
            output.text(&format!("{plan}\n{diff}"))?;
        }
    }
    if let (None, Some(resolved)) = (&diff, &prepared.resolved) {
        diff::hint(resolved, &observed, output);
    }
    for downgrade in &prepared.downgrades {
        output.remark(&format!("warning: {downgrade}: `windlass install` refuses that without --allow-downgrade"));
    }
    Ok(Exit::Done)
}

/// `windlass install`.
pub(super) async fn install(global: &Global, args: &InstallArgs, output: &Output) -> Result<Exit, Failed> {
    preflight::check_waivers(&args.waive)?;
    let begun = Begun::new(global, &args.answers, output).await?;
    let observed = match begun.look().await {
        Ok(observed) => observed,
        Err(error) => return Err(preflight::instead(error, &begun, global, &args.waive, output).await),
    };
    let prepared = begun.planned(&observed, !args.no_verify);
    if let (false, Some(why)) = (args.allow_downgrade, refused(&prepared.downgrades)) {
        return Err(Failed::text(Exit::Refused, why));
    }
    if let (Some(path), Some(text)) = (&args.save_answers, &prepared.answers) {
        save(path, text)?;
    }
    if !prepared.plan.has_work() {
        if output.json {
            let turn = Turn::new("install", &prepared.cluster)?;
            return execute(prepared, None, turn, global, output).await;
        }
        output.text(&format!("nothing to do: {} is as it should be\n", target(prepared.cluster.info())))?;
        return Ok(Exit::Done);
    }
    let helm = if sends(&prepared.plan) { Some(session::helm(global, &prepared.cluster).await?) } else { None };
    preflight::gate(&prepared, &observed, helm.as_ref(), &args.waive, output).await?;
    if !output.json {
        output.text(&plan_table(&prepared.plan, &output.look()))?;
    }
    if let Some(resolved) = &prepared.resolved {
        if args.diff {
            diff::show(&diff::diffs(resolved, &observed, &prepared.cluster, global).await?, output)?;
        } else if !global.yes {
            diff::hint(resolved, &observed, output);
        }
    }
    confirm(global, &prepared.cluster, output)?;
    let turn = Turn::new("install", &prepared.cluster)?.locked(&prepared.cluster, output).await?;
    // Another run may have ended since the plan was made.
    let again = match &prepared.resolved {
        Some(resolved) => observe(resolved, &prepared.cluster, prepared.hdfs.as_ref())
            .await
            .map(|observed| plan::plan(resolved, &observed, !args.no_verify))
            .map_err(unseen),
        None => Ok(prepared.plan.clone()),
    };
    let plan = match again.and_then(|plan| accept(plan, &prepared, global, output)) {
        Ok(plan) => plan,
        Err(failed) => {
            turn.end().await;
            return Err(failed);
        }
    };
    let helm = match helm {
        None if sends(&plan) => match session::helm(global, &prepared.cluster).await {
            Ok(helm) => Some(helm),
            Err(failed) => {
                turn.end().await;
                return Err(failed);
            }
        },
        found => found,
    };
    execute(Prepared { plan, ..prepared }, helm, turn, global, output).await
}

/// Why an install that would go back to an older version is refused, if it would.
pub(super) fn refused(downgrades: &[Downgrade]) -> Option<String> {
    let told: Vec<String> = downgrades.iter().map(ToString::to_string).collect();
    (!told.is_empty()).then(|| {
        format!(
            "{}; nothing was changed: use the windlass or the --catalog that installed it, or add --allow-downgrade",
            told.join("; ")
        )
    })
}

/// Whether Helm will be needed.
pub(super) fn sends(plan: &Plan) -> bool {
    let sends =
        |action: &plan::Action| matches!(action.step, Step::Release { .. }) && action.change != plan::Change::Nothing;
    plan.actions.iter().any(sends)
}

/// The plan that was made under the lock: if it is not the one that was agreed to, it is shown, and agreed to again.
pub(super) fn accept(plan: Plan, agreed: &Prepared, global: &Global, output: &Output) -> Result<Plan, Failed> {
    if plan != agreed.plan {
        output.remark("what is in the cluster has changed since the plan was made; it is now:");
        if !output.json {
            output.text(&plan_table(&plan, &output.look()))?;
        }
        confirm(global, &agreed.cluster, output)?;
    }
    Ok(plan)
}

/// `windlass verify`.
pub(super) async fn verify(global: &Global, args: &VerifyArgs, output: &Output) -> Result<Exit, Failed> {
    let catalog: Catalog = session::load_catalog(global)?;
    let cluster = session::connect(global).await?;
    let state = state_store::load(&cluster).await.or_exit(Exit::Unusable)?;
    let Some(state) = state.filter(|state| !state.components.is_empty()) else {
        let text = format!("nothing is installed in {}; `windlass install` does that", target(cluster.info()));
        return Err(Failed::text(Exit::Refused, text));
    };
    let answers: Answers = session::answers(global, &args.answers, &catalog, Some(&state))?;
    let resolved = session::resolved(&catalog, &answers)?;
    let reach = session::reach(&cluster, resolved.hdfs.as_ref())?;
    let everything = Observed { state: None, ..Observed::default() };
    let mut plan = verify_only(&plan::plan(&resolved, &everything, true));
    plan.actions.retain(|action| state.components.contains_key(&action.component));
    let prepared = Prepared::bare(cluster, reach, plan, Some(resolved));
    let turn = Turn::new("verify", &prepared.cluster)?;
    execute(prepared, None, turn, global, output).await
}

/// Shows the target and asks, unless the user said yes already.
pub(super) fn confirm(global: &Global, cluster: &Cluster, output: &Output) -> Result<(), Failed> {
    if global.yes {
        return Ok(());
    }
    let target = target(cluster.info());
    if !output.can_ask() {
        let text =
            format!("there is no terminal to confirm the target {target} at: look at `windlass plan`, then add --yes");
        return Err(Failed::text(Exit::Missing, text));
    }
    if is_yes(&output.ask(&format!("\ntarget: {target}\ngo on? [y/N] "))?) {
        return Ok(());
    }
    Err(Failed::text(Exit::Refused, "nothing was changed"))
}

/// Whether an answer to a question with yes and no is yes.
pub(super) fn is_yes(answer: &str) -> bool {
    matches!(answer.to_lowercase().as_str(), "y" | "yes" | "д" | "да")
}

/// Runs a plan, shows it, keeps its journal, remembers its proofs, and sums up.
pub(super) async fn execute(
    prepared: Prepared,
    helm: Option<Helm>,
    turn: Turn,
    global: &Global,
    output: &Output,
) -> Result<Exit, Failed> {
    let Prepared { cluster, tunnels, hdfs, plan, resolved, answers, downgrades: _, follows } = prepared;
    let (run, command) = (turn.run.clone(), turn.command);
    let journal = match plan.has_work().then(|| open_journal(&run, &plan, answers.as_deref())).transpose() {
        Ok(journal) => journal,
        Err(failed) => {
            turn.end().await;
            return Err(failed);
        }
    };
    let run_dir = journal.as_ref().map(|journal| journal.folder.clone());
    let charts = resolved.iter().flat_map(|resolved| &resolved.components).filter_map(|component| {
        component.release.as_ref().map(|release| (release.chart_digest.clone(), release.chart.clone()))
    });
    let world = Arc::new(World {
        cluster: cluster.clone(),
        tunnels,
        helm,
        hdfs,
        charts: charts.collect(),
        policy: ReadyPolicy::default(),
        locked: turn.is_locked(),
        took_over: turn.took_over(),
        begun: std::sync::Mutex::default(),
        records: plan.records(),
        run: run.clone(),
        uploads: tokio::sync::Mutex::default(),
        state: tokio::sync::Mutex::default(),
    });
    let (events, listener) = channel();
    let info = RunInfo { run, command: command.to_owned(), follows, cluster: cluster.info().clone() };
    let shown = tokio::spawn(show(listener, output.renderer(), journal, turn.cancel.clone()));
    let outcome = engine::run(&plan, info, world.clone(), events, turn.cancel.clone()).await;
    let shown = shown.await.or_exit(Exit::Unexpected);
    if let (Ok((state, _)), None) = (&shown, turn.lost()) {
        remember_proofs(&world, &plan, state, output).await;
    }
    let lost = turn.end().await;
    let (state, trouble) = shown?;
    let exit = match outcome {
        Outcome::Stopped if lost.is_some() => Exit::LockLost,
        Outcome::Succeeded if trouble.is_some() => Exit::Unexpected,
        other => Exit::from(other),
    };
    let lost = lost.map(|why| format!("the lock was lost in mid-run, so the run was stopped: {why}"));
    for trouble in lost.iter().chain(&trouble) {
        output.remark(&format!("warning: {trouble}"));
    }
    if !output.json {
        let failed = plan
            .actions
            .iter()
            .filter(|action| {
                matches!(state.actions.get(&action.id).map(|state| &state.status), Some(Status::Failed { .. }))
            })
            .map(|action| action.component.clone())
            .collect();
        let extras = extras(&world, global, (command, exit), &failed, run_dir.as_deref()).await;
        output.ended(&state, extras, exit, lost.or(trouble))?;
    }
    Ok(exit)
}

fn open_journal(run: &str, plan: &Plan, answers: Option<&str>) -> Result<Journal, Failed> {
    let root = journal::root().or_exit(Exit::Unexpected)?;
    // As `windlass plan --json` prints it: what was done can be compared with what would be done.
    let plan = serde_json::to_string(plan).or_exit(Exit::Unexpected)? + "\n";
    Journal::new(run, &plan, answers)
        .map_err(|error| anyhow::Error::new(error).context(format!("failed to keep a journal in {}", root.display())))
        .or_exit(Exit::Unexpected)
}

/// Takes in events until the last one is there: reduces, keeps and shows them. A full disk stops the run in order.
async fn show(
    mut listener: crate::event::Listener,
    mut renderer: super::output::Renderer,
    mut journal: Option<Journal>,
    cancel: CancellationToken,
) -> (RunState, Option<String>) {
    let mut state = RunState::default();
    let mut trouble = None;
    let mut ticks = tokio::time::interval(std::time::Duration::from_millis(100));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut heard = true;
    loop {
        tokio::select! {
            event = listener.next() => {
                let Some(event) = event else { break };
                state.apply(&event);
                if let Some(Err(error)) = journal.as_mut().map(|journal| journal.event(&event)) {
                    trouble = Some(format!("the journal cannot be written any more, the run was stopped: {error}"));
                    journal = None;
                    cancel.cancel();
                }
                // A closed pipe (`| head`) ends the showing and not the run.
                heard = heard && renderer.event(&event, &state).is_ok();
            }
            _ = ticks.tick() => {
                heard = heard && renderer.tick(&state).is_ok();
            }
        }
    }
    renderer.clear();
    (state, trouble)
}

/// Writes down which components were proven, or why not.
async fn remember_proofs(world: &World, plan: &Plan, state: &RunState, output: &Output) {
    let mut proofs: BTreeMap<String, Option<String>> = BTreeMap::new();
    for action in plan.actions.iter().filter(|action| action.verify) {
        let entry = match state.actions.get(&action.id).map(|state| &state.status) {
            Some(Status::Done | Status::Skipped(_)) => None,
            Some(Status::Failed { errors, .. }) => Some(errors.first().cloned().unwrap_or_default()),
            Some(Status::Blocked(by)) => Some(format!("blocked by {by}")),
            // Stopped before it could be proven: what was known stays.
            _ => {
                proofs.remove(&action.component);
                continue;
            }
        };
        let known = proofs.entry(action.component.clone()).or_default();
        *known = known.take().or(entry);
    }
    let stopped = |component: &String| {
        plan.actions.iter().any(|action| {
            action.verify
                && action.component == *component
                && matches!(
                    state.actions.get(&action.id).map(|state| &state.status),
                    None | Some(Status::Waiting | Status::Running | Status::Stopped(_))
                )
        })
    };
    let proofs: Vec<_> = proofs.into_iter().filter(|(component, _)| !stopped(component)).collect();
    if proofs.is_empty() {
        return;
    }
    if let Err(failure) = world.record_proofs(proofs).await {
        output.remark(&format!("warning: the outcome of the proof was not remembered: {}", failure.errors.join(": ")));
    }
}

/// What the summary says besides the events.
async fn extras(
    world: &World,
    global: &Global,
    (command, exit): (&str, Exit),
    failed: &BTreeSet<String>,
    run_dir: Option<&Path>,
) -> SummaryExtras {
    let state = state_store::load(&world.cluster).await.ok().flatten().unwrap_or_default();
    let releases = if command == "uninstall" { Vec::new() } else { release_rows(&world.cluster, &state).await };
    let flags = session::flags(global);
    // Where an earlier revision was proven, there is a way back.
    let back = failed.iter().find(|id| state.components.get(*id).is_some_and(|known| known.good.is_some()));
    let back = back.filter(|_| command == "install").map(|id| format!("; or back: windlass {flags}rollback {id}"));
    let back = back.unwrap_or_default();
    let next = match (command, exit) {
        (_, Exit::VerifyFailed) => Some(format!("windlass {flags}verify{back}")),
        ("install", Exit::Done) => Some(format!("windlass {flags}status")),
        (_, Exit::Stopped | Exit::Failed) => Some(format!(
            "mend what failed, then the same command again{back}; windlass {flags}status shows what is there"
        )),
        _ => None,
    };
    SummaryExtras {
        endpoints: if command == "install" { endpoints(&world.cluster, &state).await } else { Vec::new() },
        releases,
        answers_file: run_dir
            .map(|folder| folder.join("answers.yaml"))
            .filter(|file| file.exists())
            .map(|file| file.display().to_string()),
        run_dir: run_dir.map(|folder| folder.display().to_string()),
        next_command: next,
    }
}

/// Writes answers over a file, whole or not at all.
pub(super) fn save_over(path: &Path, text: &str) -> Result<(), Failed> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let write = || {
        let mut file = tempfile::Builder::new().prefix(".windlass-").tempfile_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)
    };
    write()
        .map(drop)
        .map_err(|error| anyhow::Error::new(error).context(format!("failed to write answers to {}", path.display())))
        .or_exit(Exit::BadInput)
}

/// Writes answers to a file of the user's choice; one that is there is never overwritten.
pub(super) fn save(path: &Path, text: &str) -> Result<(), Failed> {
    let file = std::fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| anyhow::Error::new(error).context(format!("failed to write answers to {}", path.display())))
        .or_exit(Exit::BadInput)
}
