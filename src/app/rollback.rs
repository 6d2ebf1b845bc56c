//! `windlass rollback`.

use super::exit::{Exit, Failed, OrExit as _};
use super::install::{Prepared, accept, confirm, execute};
use super::output::Output;
use super::session;
use super::turn::Turn;
use crate::cli::{AnswerArgs, Global, RollbackArgs};
use crate::driver::kube::Cluster;
use crate::driver::state_store;
use crate::model::observed::Observed;
use crate::model::state::InstallState;
use crate::plan::{self, Plan, verify_only};
use crate::render::{plan_table, target};

/// Brings a component back to the last revision that was verified.
pub(super) async fn rollback(global: &Global, args: &RollbackArgs, output: &Output) -> Result<Exit, Failed> {
    let catalog = session::load_catalog(global)?;
    let cluster = session::connect(global).await?;
    let state = state_store::load(&cluster).await.or_exit(Exit::Unusable)?.unwrap_or_default();
    planned(&cluster, &state, args, Vec::new()).await?;
    // What proves it is what is installed, with the answers that it had when it was last proven.
    let answers =
        session::answers(global, &AnswerArgs::default(), &catalog, Some(&as_verified(&state, &args.component)))?;
    let resolved = session::resolved(&catalog, &answers)?;
    let mut proof = verify_only(&plan::plan(&resolved, &Observed::default(), true)).actions;
    proof.retain(|action| action.component == args.component && !args.no_verify);
    let ids: Vec<String> = proof.iter().map(|action| action.id.clone()).collect();
    for action in &mut proof {
        action.needs.retain(|need| ids.contains(need));
    }
    let plan = planned(&cluster, &state, args, proof.clone()).await?;
    if !plan.has_work() && !output.json {
        output.text(&format!("nothing to do: {} runs the last revision that was verified\n", args.component))?;
        return Ok(Exit::Done);
    }
    let helm = session::helm(global, &cluster).await?;
    if !output.json {
        output.text(&plan_table(&plan, &output.look()))?;
    }
    let reach = session::reach(&cluster, resolved.hdfs.as_ref())?;
    let mut prepared = Prepared::bare(cluster, reach, plan, Some(resolved));
    let mut turn = Turn::new("rollback", &prepared.cluster)?;
    if prepared.plan.has_work() {
        confirm(global, &prepared.cluster, output)?;
        turn = turn.locked(&prepared.cluster, output).await?;
        // Another run may have ended since the plan was made.
        match again(args, proof, &prepared, global, output).await {
            Ok(plan) => prepared.plan = plan,
            Err(failed) => {
                turn.end().await;
                return Err(failed);
            }
        }
    }
    execute(prepared, Some(helm), turn, global, output).await
}

async fn again(
    args: &RollbackArgs,
    proof: Vec<plan::Action>,
    agreed: &Prepared,
    global: &Global,
    output: &Output,
) -> Result<Plan, Failed> {
    let state = state_store::load(&agreed.cluster).await.or_exit(Exit::Unusable)?.unwrap_or_default();
    let plan = planned(&agreed.cluster, &state, args, proof).await?;
    accept(plan, agreed, global, output)
}

async fn planned(
    cluster: &Cluster,
    state: &InstallState,
    args: &RollbackArgs,
    proof: Vec<plan::Action>,
) -> Result<Plan, Failed> {
    let key = state.components.get(&args.component).and_then(|component| component.record.release.clone());
    let found = cluster.releases(key.as_slice()).await.or_exit(Exit::Unusable)?;
    let found = key.and_then(|key| found.into_values().find(|release| release.key == key));
    let known: Vec<&str> = state.components.keys().map(String::as_str).collect();
    plan::rollback(&args.component, state, found.as_ref(), proof)
        .map_err(|error| {
            anyhow::Error::new(error).context(format!(
                "failed to roll back in {} (installed: {})",
                target(cluster.info()),
                known.join(", ")
            ))
        })
        .or_exit(Exit::Refused)
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
