//! What an install wants, and the cluster that it wants it of.

use super::exit::{Exit, Failed, OrExit as _};
use super::output::Output;
use super::session;
use crate::answers::{Resolved, recorded};
use crate::cli::{AnswerArgs, Global};
use crate::driver::kube::{Cluster, Tunnels};
use crate::driver::webhdfs::Hdfs;
use crate::model::observed::Observed;
use crate::observe::{ObserveError, observe};
use crate::render::target;

/// Answers that were filled in, and a cluster that answered.
pub(super) struct InstallTarget {
    pub cluster: Cluster,
    pub resolved: Resolved,
    pub tunnels: Tunnels,
    pub hdfs: Option<Hdfs>,
    /// The text of an answers file that replays the run.
    pub answers: String,
}

impl InstallTarget {
    /// From definitions and answers to a cluster that answered.
    pub(super) async fn new(global: &Global, args: &AnswerArgs, output: &Output) -> Result<Self, Failed> {
        let catalog = session::load_catalog(global)?;
        let answers = session::answers_or_ask(global, args, &catalog, output)?;
        let resolved = session::resolved(&catalog, &answers)?;
        let answers = recorded(&catalog, &answers).or_exit(Exit::Unexpected)?;
        let found = Self::on(session::connect(global).await?, resolved, answers)?;
        output.remark(&format!("looking at {} …", target(found.cluster.info())));
        Ok(found)
    }

    /// On a cluster that answered.
    pub(super) fn on(cluster: Cluster, resolved: Resolved, answers: String) -> Result<Self, Failed> {
        let (tunnels, hdfs) = session::reach(&cluster, resolved.hdfs.as_ref())?;
        Ok(Self { cluster, resolved, tunnels, hdfs, answers })
    }

    /// What the cluster has of it now.
    pub(super) async fn observe(&self) -> Result<Observed, ObserveError> {
        observe(&self.resolved, &self.cluster, self.hdfs.as_ref()).await
    }
}

/// An observation that failed, with its exit code.
pub(super) fn unobserved(error: ObserveError) -> Failed {
    let exit = match error {
        ObserveError::Files { .. } | ObserveError::PullSecret(_) | ObserveError::Secret { .. } => Exit::BadInput,
        ObserveError::Api { .. } | ObserveError::State(_) => Exit::Unusable,
    };
    Failed::new(exit, error)
}
