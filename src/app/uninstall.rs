//! `windlass uninstall`.

use tokio_util::sync::CancellationToken;

use super::ask::confirm;
use super::exit::{Exit, Failed, OrExit as _};
use super::output::Output;
use super::run::{self, PreparedRun, RunRequest};
use super::session;
use crate::cli::{Global, UninstallArgs};
use crate::driver::kube::Cluster;
use crate::driver::state_store;
use crate::plan;
use crate::render::target;

/// Removes what is installed, in reverse.
pub(super) async fn uninstall(global: &Global, args: &UninstallArgs, output: &Output) -> Result<Exit, Failed> {
    let cluster = session::connect(global).await?;
    run::run(&UninstallRequest { cluster, global, args, output }, global, output).await
}

/// What is to go.
struct UninstallRequest<'a> {
    cluster: Cluster,
    global: &'a Global,
    args: &'a UninstallArgs,
    output: &'a Output,
}

impl RunRequest for UninstallRequest<'_> {
    const COMMAND: &'static str = "uninstall";

    fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    async fn prepare(&self) -> Result<PreparedRun, Failed> {
        let state = state_store::load(&self.cluster).await.or_exit(Exit::Unusable)?.unwrap_or_default();
        let (chosen, purge) = (self.args.components.as_deref(), self.args.purge_data);
        let plan = plan::uninstall(&state, chosen, purge).or_exit(Exit::Refused)?;
        let helm = match plan.has_work() {
            true => Some(session::helm(self.global, &self.cluster).await?),
            false => None,
        };
        Ok(PreparedRun::new(plan, session::reach(&self.cluster, None)?, helm))
    }

    async fn agree(&self, _prepared: &PreparedRun, stop: &CancellationToken) -> Result<(), Failed> {
        match self.args.purge_data {
            true => self.confirm_purge(stop).await,
            false => confirm(self.global, &self.cluster, self.output, stop).await,
        }
    }

    fn nothing_to_do(&self) -> String {
        format!("nothing to do: nothing is installed in {}\n", target(self.cluster.info()))
    }

    fn done(&self) {
        if !self.args.purge_data {
            let text = "volumes, their namespaces and the record of both were kept; installing again finds the data";
            self.output.remark(text);
        }
    }
}

impl UninstallRequest<'_> {
    /// Deleting data wants more than a yes: the context's name, typed or given by --confirm.
    async fn confirm_purge(&self, stop: &CancellationToken) -> Result<(), Failed> {
        let context = &self.cluster.info().context;
        let given = match &self.args.confirm {
            Some(given) => given.clone(),
            None if self.output.can_ask() && !self.global.yes => {
                let question = format!(
                    "\nthis deletes all data of the platform in {}\ntype the name of the context to go on: ",
                    target(self.cluster.info())
                );
                self.output.ask_until(&question, stop).await?
            }
            None => {
                let text = format!("--purge-data deletes all data: confirm with --confirm {context}");
                return Err(Failed::text(Exit::Missing, text));
            }
        };
        if given == *context {
            return Ok(());
        }
        Err(Failed::text(Exit::Refused, format!("`{given}` is not the context `{context}`: nothing was changed")))
    }
}
