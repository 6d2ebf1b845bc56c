//! The clusters to choose from, and what the chosen one has.

use std::path::PathBuf;

use crate::app::exit::Failed;
use crate::app::session;
use crate::cli::Global;
use crate::driver::kube::{Cluster, ConnectError, ConnectOptions, contexts};
use crate::render::tui::{Site, Target, TargetState};

/// A cluster to choose, and the options that select it.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) target: Target,
    /// The command's options, as they would be if it had been named there.
    pub(super) global: Global,
    /// The same as flags, with a space behind each.
    pub(super) flags: String,
}

/// Those of the kubeconfig and the sandbox; only what was named, if something was. Besides, why there are none of the
/// kubeconfig, if it has something wrong.
pub(super) fn places(global: &Global) -> (Vec<Place>, Option<ConnectError>) {
    let mut places = Vec::new();
    let sandbox = session::sandbox_folder();
    if sandbox.join("kubeconfig").exists() && global.kubeconfig.is_none() && global.context.is_none() {
        places.extend(of_sandbox(global, sandbox));
    }
    if global.sandbox {
        return (places, None);
    }
    let options = ConnectOptions { kubeconfig: global.kubeconfig.clone(), ..ConnectOptions::default() };
    let (known, wrong) = match contexts(&options) {
        Ok(known) => (known, None),
        // The screen shows how to get one.
        Err(ConnectError::NoKubeconfig { .. }) => (Vec::new(), None),
        Err(error) => (Vec::new(), Some(error)),
    };
    let available: Vec<String> = known.iter().map(|context| context.name.clone()).collect();
    for context in known {
        if global.context.as_ref().is_some_and(|name| *name != context.name) {
            continue;
        }
        let global = Global { context: Some(context.name.clone()), ..global.clone() };
        places.push(Place {
            flags: session::flags(&global),
            global,
            target: Target {
                context: context.name,
                server: context.server,
                sandbox: false,
                current: context.current,
                state: TargetState::Connecting,
            },
        });
    }
    let typo = global.context.clone().filter(|_| places.is_empty() && wrong.is_none());
    let wrong = wrong.or_else(|| typo.map(|wanted| ConnectError::NoContext { wanted, available }));
    (places, wrong)
}

fn of_sandbox(global: &Global, folder: PathBuf) -> Option<Place> {
    let options = ConnectOptions { kubeconfig: Some(folder.join("kubeconfig")), ..ConnectOptions::default() };
    let context = contexts(&options).ok()?.into_iter().find(|context| context.current)?;
    let chosen = Global { sandbox: true, ..global.clone() };
    Some(Place {
        flags: session::flags(&chosen),
        global: chosen,
        target: Target {
            context: context.name,
            server: context.server,
            sandbox: true,
            current: global.sandbox,
            state: TargetState::Connecting,
        },
    })
}

/// Asks a cluster for its version.
pub(super) async fn ask(global: &Global) -> TargetState {
    let options = match session::target(global) {
        Ok(options) => options,
        Err(failed) => return TargetState::Unreachable(failed.chain().join(": ")),
    };
    match Cluster::connect(&options).await {
        // Listing nodes is often not allowed.
        Ok(cluster) => {
            TargetState::Reachable(cluster.info().version.clone(), cluster.nodes().await.ok().map(|nodes| nodes.len()))
        }
        Err(error) => TargetState::Unreachable(Failed::new(crate::app::exit::Exit::Unusable, error).chain().join(": ")),
    }
}

/// The choices of the cluster; what may not be listed is not offered.
pub(super) async fn site(cluster: &Cluster) -> Site {
    let (nodes, storage, ingress) = tokio::join!(cluster.nodes(), cluster.storage_classes(), cluster.ingress_classes());
    let mut storage = storage.unwrap_or_default();
    storage.sort_by_key(|class| (!class.default, class.name.clone()));
    let mut ingress = ingress.unwrap_or_default();
    ingress.sort_by_key(|class| (!class.default, class.name.clone()));
    Site {
        nodes: nodes.unwrap_or_default(),
        storage_classes: storage.into_iter().map(|class| class.name).collect(),
        ingress_classes: ingress.into_iter().map(|class| class.name).collect(),
    }
}
