//! What a command needs before it can begin: definitions, answers, the cluster, Helm, HDFS.

use std::path::{Path, PathBuf};

use super::exit::{Exit, Failed, OrExit as _};
use crate::answers::{
    Answers, AnswersError, Layer, LayerKind, Resolved, from_environment, from_flags, parse_file, resolve,
};
use crate::catalog::{self, Catalog};
use crate::cli::{AnswerArgs, Global};
use crate::driver::helm::{FindError, FindHelm, Helm};
use crate::driver::kube::{Cluster, ConnectOptions, Tunnels};
use crate::driver::reach;
use crate::driver::webhdfs::Hdfs;
use crate::model::HdfsAccess;
use crate::model::state::InstallState;

/// Where `sandbox/up` leaves its files.
const SANDBOX: &str = "/var/lib/windlass/sandbox";

/// The folder of the sandbox, if it is the target.
pub(super) fn sandbox(global: &Global) -> Option<PathBuf> {
    let named = std::env::var_os("WINDLASS_SANDBOX_DIR").filter(|value| !value.is_empty());
    global.sandbox.then(|| named.map_or_else(|| PathBuf::from(SANDBOX), PathBuf::from))
}

/// The definitions.
pub(super) fn load_catalog(global: &Global) -> Result<Catalog, Failed> {
    catalog::load(&global.catalog).or_exit(Exit::BadInput)
}

/// The answers of all layers. `remembered` are those of the last install, for commands that only look.
pub(super) fn answers(
    global: &Global,
    args: &AnswerArgs,
    catalog: &Catalog,
    remembered: Option<&InstallState>,
) -> Result<Answers, Failed> {
    let mut layers = Vec::new();
    let mut chosen = args.components.clone();
    let mut take = |path: &Path, kind: LayerKind, layers: &mut Vec<Layer>| -> Result<(), Failed> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| anyhow::Error::new(error).context(format!("failed to read answers {}", path.display())))
            .or_exit(Exit::BadInput)?;
        let file = parse_file(&path.display().to_string(), &text, kind).or_exit(Exit::BadInput)?;
        chosen = chosen.take().or(file.components);
        layers.push(file.layer);
        Ok(())
    };
    if let Some(folder) = sandbox(global) {
        take(&folder.join("answers.yaml"), LayerKind::Sandbox, &mut layers)?;
    }
    match (&args.answers, remembered) {
        (Some(path), _) => take(path, LayerKind::File, &mut layers)?,
        (None, Some(state)) => {
            let text = serde_json::to_string(&without_empty(&state.answers)).or_exit(Exit::Unexpected)?;
            let file = parse_file("the last install", &text, LayerKind::File).or_exit(Exit::Unexpected)?;
            layers.push(known(file.layer, catalog));
            chosen = chosen.or_else(|| Some(state.components.keys().cloned().collect()));
        }
        (None, None) => {}
    }
    layers.push(from_environment(catalog, std::env::vars()).or_exit(Exit::BadInput)?);
    layers.push(from_flags(&args.set).or_exit(Exit::BadInput)?);
    Answers::new(catalog, &layers, chosen.as_deref()).map_err(|error| {
        let exit = match error {
            AnswersError::Missing(_) => Exit::Missing,
            AnswersError::Invalid(_) | AnswersError::UnknownComponent { .. } => Exit::BadInput,
        };
        Failed::new(exit, error)
    })
}

/// Remembered answers without those that were empty: an empty one is no answer.
fn without_empty(answers: &serde_json::Value) -> serde_json::Value {
    let mut answers = answers.clone();
    for component in answers.as_object_mut().into_iter().flat_map(serde_json::Map::values_mut) {
        if let Some(questions) = component.as_object_mut() {
            questions.retain(|_, answer| answer.as_str() != Some(""));
        }
    }
    answers
}

/// Remembered answers whose questions still exist: the catalog may be newer than the install.
fn known(mut layer: Layer, catalog: &Catalog) -> Layer {
    layer
        .answers
        .retain(|(id, _, _)| catalog.questions(&id.component).iter().any(|question| question.id == id.question));
    layer
}

/// Fills the answers in.
pub(super) fn resolved(catalog: &Catalog, answers: &Answers) -> Result<Resolved, Failed> {
    resolve(catalog, answers).or_exit(Exit::BadInput)
}

/// The cluster, once it has answered.
pub(super) async fn connect(global: &Global) -> Result<Cluster, Failed> {
    Cluster::connect(&target(global)?).await.or_exit(Exit::Unusable)
}

/// Which cluster is meant.
pub(super) fn target(global: &Global) -> Result<ConnectOptions, Failed> {
    Ok(match sandbox(global) {
        None => ConnectOptions { kubeconfig: global.kubeconfig.clone(), context: global.context.clone() },
        Some(folder) => {
            let kubeconfig = folder.join("kubeconfig");
            if !kubeconfig.exists() {
                let text = format!("there is no sandbox in {}: run sandbox/up first", folder.display());
                return Err(Failed::text(Exit::Unusable, text));
            }
            ConnectOptions { kubeconfig: Some(kubeconfig), context: None }
        }
    })
}

/// Helm for that cluster.
pub(super) async fn helm(global: &Global, cluster: &Cluster) -> Result<Helm, Failed> {
    Ok(find_helm(global).await.or_exit(Exit::Unusable)?.for_target(cluster.helm_target()))
}

/// Helm, for no cluster yet.
pub(super) async fn find_helm(global: &Global) -> Result<Helm, FindError> {
    let sandbox = sandbox(global).map(|folder| folder.join("bin/helm"));
    Helm::find(&FindHelm::from_env(global.helm.clone(), sandbox)).await
}

/// Ways into the cluster, and HDFS in it.
pub(super) fn reach(cluster: &Cluster, access: Option<&HdfsAccess>) -> Result<(Tunnels, Option<Hdfs>), Failed> {
    let tunnels = Tunnels::new(cluster).or_exit(Exit::Unusable)?;
    let hdfs = access.map(|access| reach::hdfs(access, &tunnels)).transpose().or_exit(Exit::Unusable)?;
    Ok((tunnels, hdfs))
}
