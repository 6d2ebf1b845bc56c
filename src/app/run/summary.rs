//! What is said once a run has ended.

use std::collections::BTreeSet;
use std::path::Path;

use crate::app::exit::Exit;
use crate::app::session;
use crate::app::status::{endpoints, release_rows};
use crate::cli::Global;
use crate::driver::kube::Cluster;
use crate::driver::state_store;
use crate::render::SummaryExtras;

/// What the summary says besides the events.
pub(super) async fn extras(
    cluster: &Cluster,
    global: &Global,
    (command, exit): (&str, Exit),
    failed: &BTreeSet<String>,
    run_dir: Option<&Path>,
) -> SummaryExtras {
    let state = state_store::load(cluster).await.ok().flatten().unwrap_or_default();
    let releases = if command == "uninstall" { Vec::new() } else { release_rows(cluster, &state).await };
    let flags = session::flags(global);
    // Where an earlier revision was proven, there is a way back.
    let back = failed.iter().find(|id| state.components.get(*id).is_some_and(|known| known.good.is_some()));
    let back = back.filter(|_| command == "install").map(|id| format!("; or back: windlass {flags}rollback {id}"));
    let back = back.unwrap_or_default();
    let next = match (command, exit) {
        (_, Exit::VerifyFailed) => Some(format!("windlass {flags}verify{back}")),
        ("install", Exit::Done) => Some(format!("windlass {flags}status")),
        (_, Exit::Stopped | Exit::Failed) => Some(format!(
            "mend what failed, then the same command again{back}; windlass {flags}status shows what is there"
        )),
        _ => None,
    };
    SummaryExtras {
        endpoints: if command == "install" { endpoints(cluster, &state).await } else { Vec::new() },
        releases,
        answers_file: run_dir
            .map(|folder| folder.join("answers.yaml"))
            .filter(|file| file.exists())
            .map(|file| file.display().to_string()),
        run_dir: run_dir.map(|folder| folder.display().to_string()),
        next_command: next,
    }
}
