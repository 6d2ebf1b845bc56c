//! The sequence that every run goes through. What was checked before the lock was taken is checked again under it.

use tokio_util::sync::CancellationToken;

use super::execute::{execute, finish};
use super::guard::RunGuard;
use super::lock;
use super::request::{PreparedRun, RunRequest, reason_to_refuse};
use crate::app::exit::{Exit, Failed};
use crate::app::output::Output;
use crate::app::preflight;
use crate::cli::Global;
use crate::plan::Plan;
use crate::render::plan_table;

/// Prepares, asks, and carries out.
pub(in crate::app) async fn run<R: RunRequest>(request: &R, global: &Global, output: &Output) -> Result<Exit, Failed> {
    let offered = request.prepare().await?;
    refuse_downgrades(&offered)?;
    request.planned(&offered)?;
    if !offered.plan.has_work() {
        if output.json {
            // Machines get a run without steps, which changes nothing and needs no lock.
            let guard = RunGuard::new(request.cluster())?;
            let ended = execute::<R>(request.cluster(), offered, None, &guard, output).await?;
            return finish(ended, None, (request, &guard), global, output).await;
        }
        output.say(&request.nothing_to_do())?;
        return Ok(Exit::Done);
    }
    refuse_findings(&offered, None, output)?;
    show(request, &offered.plan, output)?;
    request.details(&offered).await?;
    request.agree(&offered, &CancellationToken::new()).await?;
    // After the question: Ctrl-C there ends the command, since there is no run to stop yet.
    let guard = RunGuard::new(request.cluster())?;
    carry_out(request, Some(&offered), &guard, global, output).await
}

/// After the agreement: the remaining checks, and the run, under the lock. Without `offered` the request itself knows what
/// was agreed to.
pub(in crate::app) async fn carry_out<R: RunRequest>(
    request: &R,
    offered: Option<&PreparedRun>,
    guard: &RunGuard,
    global: &Global,
    output: &Output,
) -> Result<Exit, Failed> {
    let cluster = request.cluster();
    let work = async |held: &lock::LockGuard| {
        let prepared = guard.unless_stopped(request.prepare()).await?;
        refuse_downgrades(&prepared)?;
        refuse_findings(&prepared, offered, output)?;
        match offered {
            None => request.agree(&prepared, &guard.cancel).await?,
            Some(offered) if offered.plan == prepared.plan => {}
            Some(_) if !request.shows_plan() => {}
            Some(_) => {
                output.remark("the cluster has changed since the plan was made; the new plan:");
                show(request, &prepared.plan, output)?;
                request.agree(&prepared, &guard.cancel).await?;
            }
        }
        if guard.cancel.is_cancelled() {
            return Err(guard.stopped());
        }
        request.begins(&prepared);
        execute::<R>(cluster, prepared, Some(held), guard, output).await
    };
    let (ended, lost) = lock::under(cluster, R::COMMAND, guard, output, work).await?;
    finish(ended, lost, (request, guard), global, output).await
}

fn show<R: RunRequest>(request: &R, plan: &Plan, output: &Output) -> Result<(), Failed> {
    if output.json || !request.shows_plan() {
        return Ok(());
    }
    output.text(&plan_table(plan, &output.look()))
}

fn refuse_downgrades(prepared: &PreparedRun) -> Result<(), Failed> {
    reason_to_refuse(&prepared.downgrades).map_or(Ok(()), |why| Err(Failed::text(Exit::Refused, why)))
}

/// Shows what preflight found, unless the same was shown before. An error that was not waived ends the run.
fn refuse_findings(prepared: &PreparedRun, shown: Option<&PreparedRun>, output: &Output) -> Result<(), Failed> {
    let Some(report) = &prepared.report else { return Ok(()) };
    let known = shown.is_some_and(|shown| shown.report.as_ref() == Some(report));
    if known { Ok(()) } else { preflight::judged(report, output) }
}
