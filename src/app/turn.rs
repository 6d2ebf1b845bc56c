//! A run's turn on a cluster: its id, the wish to stop it, and the lock if it writes.

use tokio_util::sync::CancellationToken;

use super::exit::{Exit, Failed, OrExit as _};
use super::lock::{self, Held};
use super::output::Output;
use super::{journal, signals};
use crate::driver::kube::Cluster;
use crate::model::lock::{Lock, Standing};

/// From before the first write to after the last.
pub(super) struct Turn {
    /// What was typed.
    pub command: &'static str,
    /// The run's id.
    pub run: String,
    /// Cancelled when the user wants to stop, or the lock is lost.
    pub cancel: CancellationToken,
    held: Option<Held>,
    _signals: Option<signals::Guard>,
}

impl Turn {
    /// Begins; from here on Ctrl-C ends things in order.
    pub(super) fn new(command: &'static str, cluster: &Cluster) -> Result<Self, Failed> {
        let run = journal::new_id().or_exit(Exit::Unexpected)?;
        let cancel = CancellationToken::new();
        let signals = signals::watch(cancel.clone(), Some(cluster.private_dir().path().to_owned()));
        Ok(Self { command, run, cancel, held: None, _signals: Some(signals) })
    }

    /// The same where somebody else takes care of signals, and cancels.
    pub(super) fn watched(command: &'static str, cancel: CancellationToken) -> Result<Self, Failed> {
        let run = journal::new_id().or_exit(Exit::Unexpected)?;
        Ok(Self { command, run, cancel, held: None, _signals: None })
    }

    /// Takes the lock, and says so where it was another's.
    pub(super) async fn locked(mut self, cluster: &Cluster, output: &Output) -> Result<Self, Failed> {
        let held = lock::take(cluster, self.command, &self.run, &self.cancel).await?;
        if let Some((old, standing)) = &held.took_over {
            output.remark(&lock::taken_over(old, *standing));
        }
        self.held = Some(held);
        Ok(self)
    }

    /// Whether the lock was taken.
    pub(super) fn is_locked(&self) -> bool {
        self.held.is_some()
    }

    /// The lock that was taken over, if there was one, and how it stood.
    pub(super) fn took_over(&self) -> Option<(Lock, Standing)> {
        self.held.as_ref().and_then(|held| held.took_over.clone())
    }

    /// Why the lock was lost, if it was.
    pub(super) fn lost(&self) -> Option<&str> {
        self.held.as_ref().and_then(Held::lost)
    }

    /// Gives the lock back; says why it was lost before, if it was.
    pub(super) async fn end(self) -> Option<String> {
        let lost = self.lost().map(str::to_owned);
        if let Some(held) = self.held {
            held.give_back().await;
        }
        lost
    }
}
