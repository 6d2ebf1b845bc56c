//! `windlass unlock`: removes the lock of another run.

use super::ask::is_yes;
use super::exit::{Exit, Failed, OrExit as _};
use super::output::Output;
use super::run::{TRIES, locked_by};
use super::session;
use crate::cli::Global;
use crate::driver::process::still_runs;
use crate::model::lock::LockStatus;
use crate::render::target;

/// Shows who holds the lock, asks, and removes it.
pub(super) async fn unlock(global: &Global, output: &Output) -> Result<Exit, Failed> {
    let cluster = session::connect(global).await?;
    let Some(mut lock) = cluster.lock().await.or_exit(Exit::Unusable)? else {
        return print_result(output, &format!("nothing to do: {} is not locked\n", target(cluster.info())), false);
    };
    let now = cluster.now().await.or_exit(Exit::Unusable)?;
    let active = lock.standing(now, still_runs) == LockStatus::Held;
    if !global.yes {
        if !output.can_ask() {
            let text = format!("{}; to unlock it anyway, add --yes", locked_by(&lock, &cluster, now));
            return Err(Failed::text(Exit::Missing, text));
        }
        let warning = if active { "\nthat run is still active, and unlocking stops it" } else { "" };
        let question = format!("{} is locked by {lock}{warning}\nunlock it? [y/N] ", target(cluster.info()));
        if !is_yes(&output.ask(&question)?) {
            return Err(Failed::text(Exit::Refused, "nothing was changed"));
        }
    }
    let run = lock.run.clone();
    for _ in 0..TRIES {
        if cluster.drop_lock(&lock).await.or_exit(Exit::Unusable)? {
            return print_result(output, &format!("unlocked; it was locked by {lock}\n"), true);
        }
        match cluster.lock().await.or_exit(Exit::Unusable)? {
            None => return print_result(output, "already unlocked\n", false),
            // It was renewed meanwhile, by the run that was shown.
            Some(found) if found.run == run => lock = found,
            Some(found) => {
                return Err(Failed::text(Exit::Locked, format!("another run has taken the lock: {found}")));
            }
        }
    }
    Err(Failed::text(
        Exit::Locked,
        format!("the lock of {lock} changes faster than it can be removed; run the same command again"),
    ))
}

fn print_result(output: &Output, text: &str, unlocked: bool) -> Result<Exit, Failed> {
    if output.json {
        output.value(&serde_json::json!({"unlocked": unlocked}))?;
    } else {
        output.say(text)?;
    }
    Ok(Exit::Done)
}
