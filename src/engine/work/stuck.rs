//! Releases that a killed Helm left pending.
//!
//! Helm refuses to upgrade them for ever. No Helm is running on one where this run holds the lock, sees no such Helm on
//! this machine, and either took over from a run of this machine that is dead, or started that Helm itself and it could
//! not record its end, or finds the release older than any Helm of ours may run.

use std::sync::PoisonError;
use std::time::Duration;

use jiff::Timestamp;

use super::cluster::HELM_TIMEOUT;
use super::runner::StepRunner;
use crate::driver::process::running_with;
use crate::engine::perform::{Context, Failure};
use crate::model::Progress;
use crate::model::cluster::{ReleaseKey, ReleaseState};
use crate::model::lock::LockStatus;

/// Older than this, a Helm of ours has been stopped.
const HELM_DEAD_AFTER: Duration = HELM_TIMEOUT.saturating_add(Duration::from_secs(60));

const PAUSE: Duration = Duration::from_millis(500);

impl StepRunner {
    /// The release once no Helm is running on it any more; a record that stays pending is marked as failed,
    /// from where an upgrade continues. Says, too, whether a Helm was still running on it at first.
    pub(super) async fn finished_release(
        &self,
        key: &ReleaseKey,
        context: &Context,
    ) -> Result<(Option<ReleaseState>, bool), Failure> {
        let mut waited = false;
        loop {
            let mut found = self.cluster.releases(std::slice::from_ref(key)).await.map_err(|err| Failure::of(&err))?;
            let Some(release) = found.remove(key) else { return Ok((None, waited)) };
            if !release.status.is_pending() {
                return Ok((Some(release), waited));
            }
            waited = true;
            let age = age(&release);
            // The moment, and not how long ago it was: so it is reported once, not every second.
            let since = format!("{} since {}", release.status, updated_at(&release).strftime("%FT%TZ"));
            let helm = ["upgrade", "uninstall", "rollback"]
                .iter()
                .flat_map(|verb| running_with(&[verb, &key.name, "--namespace", &key.namespace]))
                .next();
            if let Some(pid) = helm {
                (context.progress)(Progress::Waiting(format!("{since}: Helm is still running (pid {pid})")));
            } else if self.locked
                && (self.previous_holder_is_dead() || self.has_started_helm(key) || age > HELM_DEAD_AFTER)
            {
                let why = format!("windlass run={}: Helm was killed", self.run);
                if self.cluster.mark_failed(&release, &why).await.map_err(|err| Failure::of(&err))? {
                    let text = format!(
                        "revision {} is {since}; its Helm process is no longer running, marked as failed",
                        release.revision
                    );
                    (context.progress)(Progress::Note(text));
                }
            } else if context.left() < PAUSE * 4 {
                let left = HELM_DEAD_AFTER.saturating_sub(age).as_secs();
                return Err(Failure {
                    errors: vec![format!(
                        "release {key} is {since}, held by a Helm process on another machine: if it is running, wait for it to finish; if it was killed, run the same command again in {left}s"
                    )],
                    ..Failure::default()
                });
            } else {
                (context.progress)(Progress::Waiting(format!("{since}, by a Helm process on another machine")));
            }
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                () = context.cancel.cancelled() => {
                    return Err(Failure { errors: vec!["stopped".to_owned()], ..Failure::default() });
                }
            }
        }
    }
}

impl StepRunner {
    /// Notes that this run starts a Helm for a release.
    pub(super) fn note_helm_start(&self, key: &ReleaseKey) {
        self.helm_started.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone());
    }

    fn previous_holder_is_dead(&self) -> bool {
        matches!(self.took_over, Some((_, LockStatus::Dead)))
    }

    fn has_started_helm(&self, key: &ReleaseKey) -> bool {
        self.helm_started.lock().unwrap_or_else(PoisonError::into_inner).contains(key)
    }
}

/// When this revision was started.
fn updated_at(release: &ReleaseState) -> Timestamp {
    release.updated.parse().unwrap_or(Timestamp::UNIX_EPOCH)
}

/// How long ago that was.
fn age(release: &ReleaseState) -> Duration {
    Duration::try_from(Timestamp::now().duration_since(updated_at(release))).unwrap_or_default()
}
