//! Releases that a killed Helm left pending.
//!
//! Helm refuses to upgrade them for ever. Who may say that nobody is at work on one: whoever holds the lock, sees no
//! such Helm on this machine, and either knows that the run that began it was here and is dead, or began it itself with
//! a Helm that could not record its end, or finds it older than any Helm of ours may run.

use std::sync::PoisonError;
use std::time::Duration;

use jiff::Timestamp;

use super::cluster::HELM_TIMEOUT;
use super::runner::StepRunner;
use crate::driver::process::running_with;
use crate::engine::perform::{Context, Failure};
use crate::model::Progress;
use crate::model::cluster::{ReleaseKey, ReleaseState};
use crate::model::lock::Standing;

/// Older than this, a Helm of ours has been stopped.
const SURELY_DEAD: Duration = HELM_TIMEOUT.saturating_add(Duration::from_secs(60));

const PAUSE: Duration = Duration::from_millis(500);

impl StepRunner {
    /// The release as it is when nobody is at work on it any more; a record that stays pending is marked as failed,
    /// from where an upgrade goes on. Says, too, whether somebody was still at work on it at first.
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
            // The moment, and not how long ago it was: what is waited for is told once, not every second.
            let since = format!("{} since {}", release.status, begun(&release).strftime("%FT%TZ"));
            let helm = ["upgrade", "uninstall", "rollback"]
                .iter()
                .flat_map(|verb| running_with(&[verb, &key.name, "--namespace", &key.namespace]))
                .next();
            if let Some(pid) = helm {
                (context.progress)(Progress::Waiting(format!("{since}: Helm is still at work on it (process {pid})")));
            } else if self.locked && (self.succeeds_dead() || self.has_begun(key) || age > SURELY_DEAD) {
                let why = format!("windlass run={}: the Helm that made it was killed", self.run);
                if self.cluster.mark_failed(&release, &why).await.map_err(|err| Failure::of(&err))? {
                    let text =
                        format!("revision {} is {since}; its Helm is gone, so it counts as failed", release.revision);
                    (context.progress)(Progress::Note(text));
                }
            } else if context.left() < PAUSE * 4 {
                let left = SURELY_DEAD.saturating_sub(age).as_secs();
                return Err(Failure {
                    errors: vec![format!(
                        "release {key} is {since}, by a Helm that cannot be seen from here: if it is at work, wait for it; if it was killed, the same command fixes it in {left} s"
                    )],
                    ..Failure::default()
                });
            } else {
                (context.progress)(Progress::Waiting(format!("{since}, by a Helm that cannot be seen from here")));
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
    pub(super) fn began(&self, key: &ReleaseKey) {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone());
    }

    fn succeeds_dead(&self) -> bool {
        matches!(self.took_over, Some((_, Standing::Dead)))
    }

    fn has_begun(&self, key: &ReleaseKey) -> bool {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner).contains(key)
    }
}

/// When this revision was begun.
fn begun(release: &ReleaseState) -> Timestamp {
    release.updated.parse().unwrap_or(Timestamp::UNIX_EPOCH)
}

/// How long ago that was.
fn age(release: &ReleaseState) -> Duration {
    Duration::try_from(Timestamp::now().duration_since(begun(release))).unwrap_or_default()
}
