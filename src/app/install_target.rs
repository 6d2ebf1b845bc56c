//! What an install creates, and the cluster that it creates it in.

use super::charts::LoginFrom;
use super::exit::{Exit, Failed, OrExit as _};
use super::offline::{Offline, Opened, PushOutlook};
use super::output::Output;
use super::{charts, session};
use crate::answers::{Answers, Resolved, recorded};
use crate::catalog::Catalog;
use crate::cli::{AnswerArgs, Global};
use crate::driver::kube::{Cluster, Tunnels};
use crate::driver::webhdfs::Hdfs;
use crate::model::observed::Observed;
use crate::model::offline::ObservedOffline;
use crate::observe::{ObserveError, observe};
use crate::render::target;

/// Resolved answers, and a cluster that was reached.
pub(super) struct InstallTarget {
    pub cluster: Cluster,
    pub resolved: Resolved,
    pub tunnels: Tunnels,
    pub hdfs: Option<Hdfs>,
    /// The text of an answers file that replays the run.
    pub answers: String,
    /// The offline bundle that it is from, if it is.
    pub offline: Option<Offline>,
}

impl InstallTarget {
    /// From definitions and answers to a cluster that was reached. `global` names the Helm of the offline bundle.
    pub(super) async fn new(
        global: &Global,
        args: &AnswerArgs,
        opened: Option<Opened>,
        output: &Output,
    ) -> Result<Self, Failed> {
        let catalog = session::load_catalog(global)?;
        let args = Opened::answer_args(opened.as_ref(), args, &catalog);
        let answers = session::answers_or_ask(global, &args, &catalog, output)?;
        let offline = opened.map(|opened| Offline::new(opened, &answers, output)).transpose()?;
        let (answers, resolved) = filled(global, &catalog, answers, LoginFrom::Target, offline.as_ref()).await?;
        let cluster = session::connect(global).await?;
        let (answers, resolved) = match session::with_installed(&catalog, &answers, &cluster).await? {
            None => (answers, resolved),
            Some(answers) => filled(global, &catalog, answers, LoginFrom::Cluster(&cluster), offline.as_ref()).await?,
        };
        let text = replayable(&catalog, &answers)?;
        let found = Self::on(cluster, resolved, text, offline)?;
        output.remark(&format!("checking {} …", target(found.cluster.info())));
        Ok(found)
    }

    /// On a cluster that was reached.
    pub(super) fn on(
        cluster: Cluster,
        resolved: Resolved,
        answers: String,
        offline: Option<Offline>,
    ) -> Result<Self, Failed> {
        let cluster = if offline.is_some() { cluster.without_dns() } else { cluster };
        let (tunnels, hdfs) = session::reach(&cluster, resolved.hdfs.as_ref())?;
        Ok(Self { cluster, resolved, tunnels, hdfs, answers, offline })
    }

    /// Observes the cluster.
    pub(super) async fn observe(&self) -> Result<Observed, ObserveError> {
        observe(&self.resolved, &self.cluster, Some(&self.tunnels), self.hdfs.as_ref()).await
    }

    /// What the registry has of the offline bundle, and what a push of the rest would meet; nothing without an offline bundle.
    pub(super) async fn observe_offline(&self) -> Result<(Option<ObservedOffline>, PushOutlook), Failed> {
        let Some(offline) = &self.offline else { return Ok((None, PushOutlook::default())) };
        let (observed, outlook) = offline.observe(&self.cluster, Some(&self.resolved)).await?;
        Ok((Some(observed), outlook))
    }

    /// Reads what will be pushed before anything is written; nothing without an offline bundle.
    pub(super) async fn check_bytes(&self, outlook: &PushOutlook, output: &Output) -> Result<(), Failed> {
        match &self.offline {
            Some(offline) => offline.check_bytes(&outlook.to_send, output).await,
            None => Ok(()),
        }
    }
}

/// Answers with what they take from an offline bundle, filled in.
pub(super) async fn filled(
    global: &Global,
    catalog: &Catalog,
    answers: Answers,
    from: LoginFrom<'_>,
    offline: Option<&Offline>,
) -> Result<(Answers, Resolved), Failed> {
    let answers = offline.map_or_else(|| answers.clone(), |offline| offline.answers(catalog, &answers));
    let resolved = charts::resolved(global, catalog, &answers, from, offline.map(Offline::charts)).await?;
    Ok((answers, resolved))
}

/// The text of an answers file that replays a run from any folder: paths on this machine are whole in it.
pub(super) fn replayable(catalog: &Catalog, answers: &Answers) -> Result<String, Failed> {
    recorded(catalog, &session::anchored(catalog, answers)?).or_exit(Exit::Unexpected)
}

/// An observation that failed, with its exit code.
pub(super) fn unobserved(error: ObserveError) -> Failed {
    let exit = match error {
        ObserveError::Files { ref source, .. } if source.is_external() => Exit::Unusable,
        ObserveError::Files { .. }
        | ObserveError::PullSecret(_)
        | ObserveError::Secret { .. }
        | ObserveError::Foreign { .. }
        | ObserveError::ForeignFiles { .. } => Exit::BadInput,
        ObserveError::Api { .. } | ObserveError::State(_) => Exit::Unusable,
    };
    Failed::new(exit, error)
}
