//! One operator at a time: the lock is taken before the first write, renewed while the run lasts, and given back.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use jiff::Timestamp;
use tokio::sync::{Notify, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::guard::RunGuard;
use crate::app::exit::{Exit, Failed, OrExit as _};
use crate::app::output::Output;
use crate::driver::clock::since_boot;
use crate::driver::kube::Cluster;
use crate::driver::process::{own_process, still_runs};
use crate::engine::Gate;
use crate::model::lock::{Holder, Lock, LockAge, LockStatus};
use crate::render::target;

/// Between two reads of the clock: after a sleep of the machine this is how long it takes to notice.
const TICK: Duration = Duration::from_secs(1);

/// How often taking the lock is retried when another takes it at the same time, or the API server is unreachable.
pub(in crate::app) const TRIES: u32 = 8;

/// Between two tries.
const PAUSE: Duration = Duration::from_millis(500);

/// The timeout of releasing it; after that it expires.
const GIVE_BACK: Duration = Duration::from_secs(10);

/// A lock that is held. It is given back when this goes out of scope, whatever the reason; [`under`] waits for that.
pub(super) struct LockGuard {
    keeper: tokio::task::JoinHandle<()>,
    _stop: DropGuard,
    standing: watch::Receiver<KeeperState>,
    /// Wakes the keeper.
    wake: Arc<Notify>,
    /// The lock that was taken over, if there was one.
    pub took_over: Option<(Lock, LockStatus)>,
}

/// The state of the keeper.
#[derive(Debug, Clone)]
struct KeeperState {
    age: LockAge,
    /// Why it was lost, once it was.
    lost: Option<String>,
}

/// Does `work` under the lock of a cluster. The lock is given back however that ends: done, failed, stopped, or by a
/// panic. Besides what the work gives: why the lock was lost during it, if it was; an error of the work then becomes
/// that error. A loss stops the guard.
pub(super) async fn under<T>(
    cluster: &Cluster,
    command: &str,
    guard: &RunGuard,
    output: &Output,
    work: impl AsyncFnOnce(&LockGuard) -> Result<T, Failed>,
) -> Result<(T, Option<String>), Failed> {
    let held = take(cluster, command, &guard.run, &guard.cancel).await?;
    if let Some((old, standing)) = &held.took_over {
        output.remark(&taken_over(old, *standing));
    }
    let ended = AssertUnwindSafe(work(&held)).catch_unwind().await;
    let lost = held.release_lock().await;
    match (ended, lost) {
        (Ok(Ok(value)), lost) => Ok((value, lost)),
        (Ok(Err(failed)), None) => Err(failed),
        (Ok(Err(failed)), Some(why)) => {
            Err(Failed::new(Exit::LockLost, failed.error.context(format!("the lock was lost: {why}"))))
        }
        (Err(panic), _) => std::panic::resume_unwind(panic),
    }
}

/// Takes the lock for a run. `cancel` is cancelled when it is lost.
async fn take(cluster: &Cluster, command: &str, run: &str, cancel: &CancellationToken) -> Result<LockGuard, Failed> {
    let process = own_process().or_exit(Exit::Unexpected)?;
    let holder = Holder { who: who(), command: command.to_owned(), run: run.to_owned(), process };
    let (mut took_over, mut trouble) = (None, None);
    for _ in 0..TRIES {
        let now = cluster.now().await.or_exit(Exit::Unusable)?;
        let old = cluster.lock().await.or_exit(Exit::Unusable)?;
        // Ours: it was taken by a try whose answer did not come.
        let ours = old.as_ref().is_some_and(|old| old.run == run);
        let standing = old.as_ref().filter(|_| !ours).map(|old| old.standing(now, still_runs));
        if let (Some(old), Some(LockStatus::Held)) = (&old, standing) {
            return Err(Failed::text(Exit::Locked, locked_by(old, cluster, now)));
        }
        if !ours {
            took_over = old.clone().zip(standing);
        }
        let before = since_boot();
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
        let (sender, standing) = watch::channel(KeeperState { age: LockAge::renewed(before), lost: None });
        let (stop, wake) = (CancellationToken::new(), Arc::new(Notify::new()));
        let keeper = keep(cluster.clone(), lock, sender, (stop.clone(), wake.clone()), cancel.clone());
        let keeper = tokio::spawn(keeper);
        return Ok(LockGuard { keeper, _stop: stop.drop_guard(), standing, wake, took_over });
    }
    if let Some(error) = trouble {
        return Err(Failed::new(Exit::Unusable, error));
    }
    let text = format!("too many runs compete for the lock of {}; run the same command again", target(cluster.info()));
    Err(Failed::text(Exit::Locked, text))
}

impl LockGuard {
    /// Why it was lost, if it was.
    pub(super) fn lost(&self) -> Option<String> {
        self.standing.borrow().lost.clone()
    }

    /// Called before each step: an old lock, as after a sleep of the machine, is renewed first, and the step waits for the
    /// result.
    pub(super) fn gate(&self) -> Gate {
        let (standing, wake) = (self.standing.clone(), self.wake.clone());
        Arc::new(move || {
            let (mut standing, wake) = (standing.clone(), wake.clone());
            Box::pin(async move {
                if !standing.borrow().age.counts(since_boot()) {
                    wake.notify_one();
                }
                let known = |keeping: &KeeperState| keeping.lost.is_some() || keeping.age.counts(since_boot());
                standing.wait_for(known).await.is_ok_and(|keeping| keeping.lost.is_none())
            })
        })
    }

    /// Releases it and waits for that; returns why it was lost before, if it was.
    async fn release_lock(self) -> Option<String> {
        let Self { keeper, _stop: stop, standing, .. } = self;
        drop(stop);
        // If the keeper has panicked, the lock expires.
        let _ = keeper.await;
        standing.borrow().lost.clone()
    }
}

/// The remark about a lock that was taken over.
fn taken_over(old: &Lock, standing: LockStatus) -> String {
    match standing {
        LockStatus::Dead => format!("taking over the lock of {old}, whose process on this machine has exited"),
        _ => {
            let renewed = old.renewed.map_or_else(|| "never".to_owned(), clock);
            format!("taking over the lock of {old}, which was last renewed at {renewed}")
        }
    }
}

/// The error about a lock that another run holds.
pub(in crate::app) fn locked_by(lock: &Lock, cluster: &Cluster, now: Timestamp) -> String {
    let renewed = lock.renewed.map(|time| format!(", renewed {} s ago", (now - time).get_seconds().max(0)));
    format!(
        "{} is locked by {lock}{}; wait for that run to end, or run `windlass unlock` if that run is dead",
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

/// Renews the lock until `stop` is cancelled, and then releases it.
async fn keep(
    cluster: Cluster,
    mut lock: Lock,
    standing: watch::Sender<KeeperState>,
    (stop, wake): (CancellationToken, Arc<Notify>),
    cancel: CancellationToken,
) {
    let mut age = standing.borrow().age;
    let why = loop {
        tokio::select! {
            () = stop.cancelled() => return release_lock(&cluster, lock).await,
            () = wake.notified() => {}
            () = tokio::time::sleep(TICK) => {}
        }
        let before = since_boot();
        if !age.is_due(before) {
            continue;
        }
        match cluster.renew_lock(&lock).await {
            Ok(Some(renewed)) => {
                lock = renewed;
                age = LockAge::renewed(before);
                standing.send_modify(|keeping| keeping.age = age);
            }
            Ok(None) => break "it was unlocked".to_owned(),
            Err(error) if !age.counts(since_boot()) => break format!("{:#}", anyhow::Error::new(error)),
            Err(_) => age = age.missed(since_boot()),
        }
    };
    standing.send_modify(|keeping| keeping.lost = Some(why));
    cancel.cancel();
}

/// Releases the lock. If that takes too long, it expires.
async fn release_lock(cluster: &Cluster, mut lock: Lock) {
    let give = async {
        // As long as it is ours, even if it was changed.
        while let Ok(false) = cluster.drop_lock(&lock).await {
            match cluster.lock().await {
                Ok(Some(found)) if found.run == lock.run => lock = found,
                _ => return,
            }
        }
    };
    let _ = tokio::time::timeout(GIVE_BACK, give).await;
}
