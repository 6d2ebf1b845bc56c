//! What a run has from the agreement to its last write: its id, and whether it is to stop.

use tokio_util::sync::CancellationToken;

use super::signals;
use crate::app::exit::{Exit, Failed, OrExit as _};
use crate::app::journal;
use crate::driver::kube::Cluster;

/// From the agreement to after the last write.
pub(in crate::app) struct RunGuard {
    /// The run's id.
    pub run: String,
    /// Cancelled when the user wants to stop, or the lock is lost.
    pub cancel: CancellationToken,
    _signals: Option<signals::Guard>,
}

impl RunGuard {
    /// Begins; from here on Ctrl-C ends things in order.
    pub(in crate::app) fn new(cluster: &Cluster) -> Result<Self, Failed> {
        let run = journal::new_id().or_exit(Exit::Unexpected)?;
        let cancel = CancellationToken::new();
        let signals = signals::watch(cancel.clone(), Some(cluster.private_dir().path().to_owned()));
        Ok(Self { run, cancel, _signals: Some(signals) })
    }

    /// The same where the caller handles signals, and cancels.
    pub(in crate::app) fn watched(cancel: CancellationToken) -> Result<Self, Failed> {
        let run = journal::new_id().or_exit(Exit::Unexpected)?;
        Ok(Self { run, cancel, _signals: None })
    }

    /// Runs work that only reads, and cancels it when the run is to stop.
    pub(in crate::app) async fn unless_stopped<T>(
        &self,
        work: impl Future<Output = Result<T, Failed>>,
    ) -> Result<T, Failed> {
        self.cancel.run_until_cancelled(work).await.unwrap_or_else(|| Err(self.stopped()))
    }

    /// The error of a run that was stopped before its first step.
    pub(in crate::app) fn stopped(&self) -> Failed {
        Failed::text(Exit::Stopped, "stopped before anything was changed")
    }
}
