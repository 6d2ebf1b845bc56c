//! Ctrl-C and its relatives: the first asks for an orderly end, the second ends at once.

use std::path::PathBuf;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::app::exit::Exit;
use crate::app::output::aside;

/// Watches for signals until the guard is dropped. `private` is removed when a second signal ends the process: it holds
/// the kubeconfig.
pub(super) fn watch(cancel: CancellationToken, private: Option<PathBuf>) -> Guard {
    let task = tokio::spawn(async move {
        let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        let Ok(mut signals) = kinds.into_iter().map(signal).collect::<Result<Vec<_>, _>>() else {
            tracing::warn!("signals cannot be watched; Ctrl-C will end the run at once");
            return;
        };
        any(&mut signals).await;
        cancel.cancel();
        say("stopping: no new step begins, what runs is given time to end (again to leave at once)");
        any(&mut signals).await;
        say(
            "leaving at once: releases may be left pending and uploads with temporary names; `windlass status` shows, `windlass install` goes on",
        );
        if let Some(folder) = private {
            // The next run sweeps what cannot be removed now.
            let _ = std::fs::remove_dir_all(folder);
        }
        std::process::exit(i32::from(Exit::Stopped as u8));
    });
    Guard(task)
}

/// Ends with the first signal that comes from now on.
///
/// # Errors
/// Signals cannot be watched.
pub(in crate::app) fn signalled() -> std::io::Result<impl Future<Output = ()>> {
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    let mut signals = kinds.into_iter().map(signal).collect::<Result<Vec<_>, _>>()?;
    Ok(async move { any(&mut signals).await })
}

fn say(text: &str) {
    aside(&format!("\n{text}"));
}

async fn any(signals: &mut [Signal]) {
    let waits = signals.iter_mut().map(|signal| Box::pin(signal.recv()));
    futures::future::select_all(waits).await;
}

/// Ends the watch.
pub(super) struct Guard(tokio::task::JoinHandle<()>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.abort();
    }
}
