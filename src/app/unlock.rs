//! `windlass unlock`: takes the lock from whoever holds it.

use super::ask::is_yes;
use super::exit::{Exit, Failed, OrExit as _};
use super::output::Output;
use super::run::{TRIES, locked_by};
use super::session;
use crate::cli::Global;
use crate::driver::process::still_runs;
use crate::model::lock::Standing;
use crate::render::target;

/// Says who holds the lock, asks, and takes it away.
pub(super) async fn unlock(global: &Global, output: &Output) -> Result<Exit, Failed> {
    let cluster = session::connect(global).await?;
    let Some(mut lock) = cluster.lock().await.or_exit(Exit::Unusable)? else {
        return said(output, &format!("nothing to do: {} is not locked\n", target(cluster.info())), false);
    };
    let now = cluster.now().await.or_exit(Exit::Unusable)?;
    let works = lock.standing(now, still_runs) == Standing::Held;
    if !global.yes {
        if !output.can_ask() {
            let text = format!("{}; to take it away all the same, add --yes", locked_by(&lock, &cluster, now));
            return Err(Failed::text(Exit::Missing, text));
        }
        let warning = if works { "\nthat run is still at work, and would stop" } else { "" };
        let question = format!("{} is locked by {lock}{warning}\nunlock it? [y/N] ", target(cluster.info()));
        if !is_yes(&output.ask(&question)?) {
            return Err(Failed::text(Exit::Refused, "nothing was changed"));
        }
    }
    let run = lock.run.clone();
    for _ in 0..TRIES {
        if cluster.drop_lock(&lock).await.or_exit(Exit::Unusable)? {
            return said(output, &format!("unlocked; it was locked by {lock}\n"), true);
        }
        match cluster.lock().await.or_exit(Exit::Unusable)? {
            None => return said(output, "the lock is gone already\n", false),
            // It was renewed meanwhile: the run that consent was given for is at work.
            Some(found) if found.run == run => lock = found,
            Some(found) => {
                return Err(Failed::text(Exit::Locked, format!("another run has taken the lock: {found}")));
            }
        }
    }
    Err(Failed::text(Exit::Locked, format!("the lock of {lock} changes faster than it can be removed; run it again")))
}

fn said(output: &Output, text: &str, unlocked: bool) -> Result<Exit, Failed> {
    if output.json {
        output.value(&serde_json::json!({"unlocked": unlocked}))?;
    } else {
        output.text(text)?;
    }
    Ok(Exit::Done)
}
