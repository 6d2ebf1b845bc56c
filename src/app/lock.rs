//! One operator at a time: the lock is taken before the first write, renewed while the run lasts, and given back.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use super::exit::{Exit, Failed, OrExit as _};
use super::output::Output;
use super::session;
use crate::cli::Global;
use crate::driver::kube::Cluster;
use crate::driver::process::{own_process, still_runs};
use crate::model::lock::{Holder, LOCK_LASTS, Lock, Standing};
use crate::render::target;

/// How often it is renewed: a lock survives two renewals that fail.
const RENEW_EVERY: Duration = Duration::from_secs(8);

/// This long before it expires the run gives up, so that its last write has ended by then.
const MARGIN: Duration = Duration::from_secs(5);

/// After a renewal that failed, how soon it is tried again.
const RENEW_AGAIN: Duration = Duration::from_secs(2);

/// How often two who want it at the same time may be in each other's way, or the API server out of reach.
const TRIES: u32 = 8;

/// Between two tries.
const PAUSE: Duration = Duration::from_millis(500);

/// A lock that is held.
pub(super) struct Held {
    cluster: Cluster,
    keeper: tokio::task::JoinHandle<Lock>,
    stop: CancellationToken,
    /// Why it was lost, once it was.
    lost: Arc<OnceLock<String>>,
    /// The lock that was taken over, if there was one.
    pub took_over: Option<(Lock, Standing)>,
}

/// Takes the lock for a run. `cancel` is cancelled when it is lost.
pub(super) async fn take(
    cluster: &Cluster,
    command: &str,
    run: &str,
    cancel: &CancellationToken,
) -> Result<Held, Failed> {
    let process = own_process().or_exit(Exit::Unexpected)?;
    let holder = Holder { who: who(), command: command.to_owned(), run: run.to_owned(), process };
    let ahead = cluster.clock_ahead().await.or_exit(Exit::Unusable)?;
    let (mut took_over, mut trouble) = (None, None);
    for _ in 0..TRIES {
        let now = Timestamp::now() + ahead;
        let old = cluster.lock().await.or_exit(Exit::Unusable)?;
        // Ours: it was taken by a try whose answer did not come.
        let ours = old.as_ref().is_some_and(|old| old.run == run);
        let standing = old.as_ref().filter(|_| !ours).map(|old| old.standing(now, still_runs));
        if let (Some(old), Some(Standing::Held)) = (&old, standing) {
            return Err(Failed::text(Exit::Locked, locked(old, cluster, now)));
        }
        if !ours {
            took_over = old.clone().zip(standing);
        }
        let lock = match cluster.take_lock(&holder, old.as_ref(), now).await {
            Ok(Some(lock)) => lock,
            Ok(None) => {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            Err(error) if error.source.is_transient() => {
                tokio::time::sleep(error.source.retry_after.unwrap_or(PAUSE)).await;
                trouble = Some(error);
                continue;
            }
            Err(error) => return Err(Failed::new(Exit::Unusable, error)),
        };
        let (stop, lost) = (CancellationToken::new(), Arc::new(OnceLock::new()));
        let keeper = keep(cluster.clone(), lock, ahead, stop.clone(), cancel.clone(), lost.clone());
        let keeper = tokio::spawn(keeper);
        return Ok(Held { cluster: cluster.clone(), keeper, stop, lost, took_over });
    }
    if let Some(error) = trouble {
        return Err(Failed::new(Exit::Unusable, error));
    }
    let text = format!("others keep taking the lock of {} at the same moment; run it again", target(cluster.info()));
    Err(Failed::text(Exit::Locked, text))
}

impl Held {
    /// Why it was lost, if it was.
    pub(super) fn lost(&self) -> Option<&str> {
        self.lost.get().map(String::as_str)
    }

    /// Gives it back. What cannot be given back expires.
    pub(super) async fn give_back(self) {
        self.stop.cancel();
        if let Ok(lock) = self.keeper.await
            && self.lost.get().is_none()
        {
            let _ = self.cluster.drop_lock(&lock).await;
        }
    }
}

/// What is said of a lock that was taken over.
pub(super) fn taken_over(old: &Lock, standing: Standing) -> String {
    match standing {
        Standing::Dead => format!("taking over the lock of {old}, whose process on this machine is gone"),
        _ => {
            let renewed = old.renewed.map_or_else(|| "never".to_owned(), clock);
            format!("taking over the lock of {old}, which was last renewed at {renewed}")
        }
    }
}

fn locked(lock: &Lock, cluster: &Cluster, now: Timestamp) -> String {
    let renewed = lock.renewed.map(|time| format!(", renewed {} s ago", (now - time).get_seconds().max(0)));
    format!(
        "{} is locked by {lock}{}; wait for that run to end, or, if it is gone, `windlass unlock`",
        target(cluster.info()),
        renewed.unwrap_or_default()
    )
}

fn clock(time: Timestamp) -> String {
    time.strftime("%H:%M:%S UTC").to_string()
}

fn who() -> String {
    let user = std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).ok().filter(|user| !user.is_empty());
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{}@{}", user.as_deref().unwrap_or("somebody"), host.trim())
}

/// Renews until told to stop; gives the lock as it is then.
async fn keep(
    cluster: Cluster,
    mut lock: Lock,
    ahead: SignedDuration,
    stop: CancellationToken,
    cancel: CancellationToken,
    lost: Arc<OnceLock<String>>,
) -> Lock {
    let (mut good, mut every) = (SystemTime::now(), RENEW_EVERY);
    let why = loop {
        let left = (LOCK_LASTS - MARGIN).saturating_sub(since(good));
        tokio::select! {
            () = stop.cancelled() => return lock,
            () = tokio::time::sleep(every.min(left)) => {}
        }
        let before = SystemTime::now();
        match cluster.renew_lock(&lock, Timestamp::now() + ahead).await {
            Ok(Some(renewed)) => (lock, good, every) = (renewed, before, RENEW_EVERY),
            Ok(None) => break "somebody unlocked it".to_owned(),
            // A machine that slept finds its lock expired, whatever a monotonic clock says.
            Err(error) if since(good) >= LOCK_LASTS - MARGIN => {
                break format!("{:#}", anyhow::Error::new(error));
            }
            Err(_) => every = RENEW_AGAIN,
        }
    };
    // Nobody else sets it.
    let _ = lost.set(why);
    cancel.cancel();
    lock
}

fn since(time: SystemTime) -> Duration {
    time.elapsed().unwrap_or_default()
}

/// `windlass unlock`: takes the lock from whoever holds it.
pub(super) async fn unlock(global: &Global, output: &Output) -> Result<Exit, Failed> {
    let cluster = session::connect(global).await?;
    let Some(mut lock) = cluster.lock().await.or_exit(Exit::Unusable)? else {
        return said(output, &format!("nothing to do: {} is not locked\n", target(cluster.info())), false);
    };
    let now = Timestamp::now() + cluster.clock_ahead().await.or_exit(Exit::Unusable)?;
    let works = lock.standing(now, still_runs) == Standing::Held;
    if !global.yes {
        if !output.can_ask() {
            let text = format!("{}; to take it away all the same, add --yes", locked(&lock, &cluster, now));
            return Err(Failed::text(Exit::Missing, text));
        }
        let warning = if works { "\nthat run is still at work, and would stop" } else { "" };
        let question = format!("{} is locked by {lock}{warning}\nunlock it? [y/N] ", target(cluster.info()));
        if !super::install::is_yes(&output.ask(&question)?) {
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
