//! `windlass uninstall`.

use super::exit::{Exit, Failed, OrExit as _};
use super::install::{Prepared, accept, confirm, execute};
use super::output::Output;
use super::session;
use super::turn::Turn;
use crate::cli::{Global, UninstallArgs};
use crate::driver::kube::Cluster;
use crate::driver::state_store;
use crate::plan::{self, Plan};
use crate::render::{plan_table, target};

/// Removes what is installed, in reverse.
pub(super) async fn uninstall(global: &Global, args: &UninstallArgs, output: &Output) -> Result<Exit, Failed> {
    let cluster = session::connect(global).await?;
    let state = state_store::load(&cluster).await.or_exit(Exit::Unusable)?.unwrap_or_default();
    let plan = plan::uninstall(&state, args.components.as_deref(), args.purge_data).or_exit(Exit::Refused)?;
    if !plan.has_work() && !output.json {
        output.text(&format!("nothing to do: nothing is installed in {}\n", target(cluster.info())))?;
        return Ok(Exit::Done);
    }
    let helm = session::helm(global, &cluster).await?;
    if !output.json {
        output.text(&plan_table(&plan, &output.look()))?;
    }
    // Machines get a run without actions, which needs no consent.
    match (plan.has_work(), args.purge_data) {
        (false, _) => {}
        (true, true) => confirm_purge(global, args, &cluster, output)?,
        (true, false) => confirm(global, &cluster, output)?,
    }
    let reach = session::reach(&cluster, None)?;
    let kept = !args.purge_data;
    let mut turn = Turn::new("uninstall", &cluster)?;
    let mut prepared = Prepared::bare(cluster, reach, plan, None);
    if prepared.plan.has_work() {
        turn = turn.locked(&prepared.cluster, output).await?;
        // Another run may have ended since the plan was made.
        match again(args, &prepared, global, output).await {
            Ok(plan) => prepared.plan = plan,
            Err(failed) => {
                turn.end().await;
                return Err(failed);
            }
        }
    }
    let exit = execute(prepared, Some(helm), turn, global, output).await?;
    if kept && exit == Exit::Done {
        output.remark("volumes, their namespaces and the record of both were kept; installing again finds the data");
    }
    Ok(exit)
}

/// The plan, made again under the lock.
async fn again(args: &UninstallArgs, agreed: &Prepared, global: &Global, output: &Output) -> Result<Plan, Failed> {
    let state = state_store::load(&agreed.cluster).await.or_exit(Exit::Unusable)?.unwrap_or_default();
    let plan = plan::uninstall(&state, args.components.as_deref(), args.purge_data).or_exit(Exit::Refused)?;
    accept(plan, agreed, global, output)
}

/// Deleting data wants more than a yes: the context's name, typed or given by --confirm.
fn confirm_purge(global: &Global, args: &UninstallArgs, cluster: &Cluster, output: &Output) -> Result<(), Failed> {
    let context = &cluster.info().context;
    let given = match &args.confirm {
        Some(given) => given.clone(),
        None if output.can_ask() && !global.yes => output.ask(&format!(
            "\nthis deletes all data of the platform in {}\ntype the name of the context to go on: ",
            target(cluster.info())
        ))?,
        None => {
            let text = format!("--purge-data deletes all data: confirm with --confirm {context}");
            return Err(Failed::text(Exit::Missing, text));
        }
    };
    if given == *context {
        return Ok(());
    }
    Err(Failed::text(Exit::Refused, format!("`{given}` is not the context `{context}`: nothing was changed")))
}
