//! The summary of a run.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::app::endpoints::{ADDRESS, Endpoints};
use crate::app::exit::Exit;
use crate::app::output::Output;
use crate::app::session;
use crate::app::status::release_rows;
use crate::cli::Global;
use crate::driver::kube::Cluster;
use crate::driver::state_store;
use crate::model::state::InstallState;
use crate::render::{Endpoint, SummaryExtras};

/// After this long a wait is explained.
const QUIET: Duration = Duration::from_secs(2);

/// What the summary shows besides the events.
pub(super) async fn extras(
    cluster: &Cluster,
    global: &Global,
    (command, exit): (&str, Exit),
    failed: &BTreeSet<String>,
    run_dir: Option<&Path>,
    (stop, output): (&CancellationToken, &Output),
) -> SummaryExtras {
    let state = state_store::load(cluster).await.ok().flatten().unwrap_or_default();
    let releases = if command == "uninstall" { Vec::new() } else { release_rows(cluster, &state).await };
    let flags = session::flags(global);
    // Where an earlier revision was verified, a rollback is possible.
    let back = failed.iter().find(|id| state.components.get(*id).is_some_and(|known| known.good.is_some()));
    let back = back.filter(|_| command == "install").map(|id| format!("; or roll back: windlass {flags}rollback {id}"));
    let back = back.unwrap_or_default();
    let next = match (command, exit) {
        (_, Exit::VerifyFailed) => Some(format!("windlass {flags}verify{back}")),
        ("install", Exit::Done) => Some(format!("windlass {flags}status")),
        (_, Exit::Stopped | Exit::Failed) => Some(format!(
            "fix the failure and run the same command again{back}; windlass {flags}status shows the state"
        )),
        _ => None,
    };
    SummaryExtras {
        endpoints: if command == "install" {
            endpoints(cluster, global, &state, (exit, stop, output)).await
        } else {
            Vec::new()
        },
        releases,
        answers_file: run_dir
            .map(|folder| folder.join("answers.yaml"))
            .filter(|file| file.exists())
            .map(|file| file.display().to_string()),
        run_dir: run_dir.map(|folder| folder.display().to_string()),
        next_command: next,
    }
}

/// The addresses of what is installed. Those from outside are waited for where the install came to its end.
async fn endpoints(
    cluster: &Cluster,
    global: &Global,
    state: &InstallState,
    (exit, stop, output): (Exit, &CancellationToken, &Output),
) -> Vec<Endpoint> {
    let catalog = session::load_catalog(global).ok();
    let wait = if matches!(exit, Exit::Done | Exit::VerifyFailed) { ADDRESS } else { Duration::ZERO };
    let endpoints = Endpoints::new(cluster, catalog.as_ref(), state, wait, stop).await;
    let explain = async {
        sleep(QUIET).await;
        let seconds = wait.as_secs();
        output.remark(&format!("waiting up to {seconds}s for the addresses of Ingresses (Ctrl-C to skip)"));
        std::future::pending().await
    };
    tokio::select! {
        found = endpoints.all() => found,
        nothing = explain => nothing,
    }
}
