//! Work beside the screens.

use std::future::Future;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Runs a future on a thread of its own, so that nothing that takes its time keeps a frame waiting, until it is closed.
/// What it spawns runs with everything else.
pub(super) fn spawn_on_thread<F: Future<Output = ()>>(
    closed: &CancellationToken,
    make: impl FnOnce() -> F + Send + 'static,
) -> JoinHandle<()> {
    let (runtime, closed) = (tokio::runtime::Handle::current(), closed.clone());
    tokio::task::spawn_blocking(move || runtime.block_on(closed.run_until_cancelled(make())).unwrap_or_default())
}
