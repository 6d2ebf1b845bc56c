//! `windlass verify`.

use tokio_util::sync::CancellationToken;

use super::exit::{Exit, Failed, OrExit as _};
use super::output::Output;
use super::run::{self, PreparedRun, RunRequest};
use super::session;
use crate::catalog::Catalog;
use crate::cli::{Global, VerifyArgs};
use crate::driver::kube::Cluster;
use crate::driver::state_store;
use crate::model::observed::Observed;
use crate::plan::{self, verify_only};
use crate::render::target;

/// Proves again that what is installed works.
pub(super) async fn verify(global: &Global, args: &VerifyArgs, output: &Output) -> Result<Exit, Failed> {
    let catalog = session::load_catalog(global)?;
    let cluster = session::connect(global).await?;
    run::run(&VerifyRequest { cluster, catalog, global, args }, global, output).await
}

/// The checks of what is installed.
struct VerifyRequest<'a> {
    cluster: Cluster,
    catalog: Catalog,
    global: &'a Global,
    args: &'a VerifyArgs,
}

impl RunRequest for VerifyRequest<'_> {
    const COMMAND: &'static str = "verify";

    fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    async fn prepare(&self) -> Result<PreparedRun, Failed> {
        let state = state_store::load(&self.cluster).await.or_exit(Exit::Unusable)?;
        let Some(state) = state.filter(|state| !state.components.is_empty()) else {
            let text = format!("nothing is installed in {}; `windlass install` does that", target(self.cluster.info()));
            return Err(Failed::text(Exit::Refused, text));
        };
        let answers = session::answers(self.global, &self.args.answers, &self.catalog, Some(&state))?;
        let resolved = session::resolved(&self.catalog, &answers)?;
        let reach = session::reach(&self.cluster, resolved.hdfs.as_ref())?;
        let everything = Observed { state: None, ..Observed::default() };
        let mut plan = verify_only(&plan::plan(&resolved, &everything, true));
        plan.actions.retain(|action| state.components.contains_key(&action.component));
        Ok(PreparedRun { resolved: Some(resolved), ..PreparedRun::new(plan, reach, None) })
    }

    /// It leaves everything as it is.
    async fn agree(&self, _prepared: &PreparedRun, _stop: &CancellationToken) -> Result<(), Failed> {
        Ok(())
    }

    fn shows_plan(&self) -> bool {
        false
    }

    fn nothing_to_do(&self) -> String {
        format!("nothing to do: nothing that is installed in {} has a check\n", target(self.cluster.info()))
    }
}
