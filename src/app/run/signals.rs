//! Ctrl-C and other signals: the first stops in order, the second immediately.

use std::path::PathBuf;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::app::exit::Exit;
use crate::app::output::say_stderr;

/// Watches for signals until the guard is dropped. `private` is removed when a second signal ends the process: it holds
/// the kubeconfig.
pub(super) fn watch(cancel: CancellationToken, private: Option<PathBuf>) -> Guard {
    let task = tokio::spawn(async move {
        let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        let Ok(mut signals) = kinds.into_iter().map(signal).collect::<Result<Vec<_>, _>>() else {
            tracing::warn!("failed to watch signals; Ctrl-C will end the run immediately");
            return;
        };
        any(&mut signals).await;
        cancel.cancel();
        print("stopping: no new step starts, running steps may finish (press Ctrl-C again to stop immediately)");
        any(&mut signals).await;
        print(
            "stopped immediately: releases may be pending and uploads may have temporary names; check `windlass status`, resume with `windlass install`",
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

fn print(text: &str) {
    say_stderr(&format!("\n{text}"));
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
