//! Confirmation before something is changed.

use tokio_util::sync::CancellationToken;

use super::exit::{Exit, Failed};
use super::output::Output;
use crate::cli::Global;
use crate::driver::kube::Cluster;
use crate::render::target;

/// Shows the target and asks, unless `--yes` was given. `stop` ends the question.
pub(super) async fn confirm(
    global: &Global,
    cluster: &Cluster,
    output: &Output,
    stop: &CancellationToken,
) -> Result<(), Failed> {
    if global.yes {
        return Ok(());
    }
    let target = target(cluster.info());
    if !output.can_ask() {
        let text =
            format!("cannot confirm the target {target} without a terminal: check `windlass plan`, then add --yes");
        return Err(Failed::text(Exit::Missing, text));
    }
    if is_yes(&output.ask_until(&format!("\ntarget: {target}\nProceed? [y/N] "), stop).await?) {
        return Ok(());
    }
    Err(Failed::text(Exit::Refused, "nothing was changed"))
}

/// Whether an answer to a question with yes and no is yes.
pub(super) fn is_yes(answer: &str) -> bool {
    matches!(answer.to_lowercase().as_str(), "y" | "yes" | "д" | "да")
}
