//! Ctrl-C while files are written: by those who read between two pieces whether more is wanted, and by those who wait.

use std::path::Path;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::super::exit::{Exit, Failed, OrExit as _};
use super::super::run::signalled;
use crate::driver::bundle::is_unfinished;

/// Knows whether a signal came.
pub(super) struct Stop {
    token: CancellationToken,
    watch: JoinHandle<()>,
}

impl Stop {
    /// From now on signals end nothing by themselves.
    pub(super) fn on_signal() -> Result<Self, Failed> {
        let signalled = signalled().or_exit(Exit::Unexpected)?;
        let token = CancellationToken::new();
        let seen = token.clone();
        // On a thread of its own, since whoever asks may not wait for anything.
        let watch = tokio::spawn(async move {
            signalled.await;
            seen.cancel();
        });
        Ok(Self { token, watch })
    }

    /// Whether to continue.
    pub(super) fn go_on(&self) -> bool {
        !self.token.is_cancelled()
    }

    /// Until a signal comes.
    pub(super) async fn came(&self) {
        self.token.cancelled().await;
    }
}

impl Drop for Stop {
    fn drop(&mut self) {
        self.watch.abort();
    }
}

/// The end of an offline bundle that was being made: whether there is something to resume.
pub(in crate::app) fn interrupted(path: &Path) -> Failed {
    let text = match is_unfinished(path) {
        true => "stopped; run the same command again to resume",
        false => "stopped; nothing was written",
    };
    Failed::text(Exit::Stopped, text)
}
