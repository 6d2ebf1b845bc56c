//! `windlass uninstall`.

use std::collections::{BTreeMap, BTreeSet};

use tokio_util::sync::CancellationToken;

use super::ask::{confirm, is_yes};
use super::exit::{Exit, Failed, OrExit as _};
use super::output::Output;
use super::run::{self, PreparedRun, RunRequest};
use super::session;
use crate::catalog::Catalog;
use crate::cli::{Global, UninstallArgs};
use crate::driver::kube::Cluster;
use crate::driver::state_store;
use crate::model::state::InstallState;
use crate::observe::remains;
use crate::plan::{self, Plan, Removal, left_for_others};
use crate::render::target;

/// Removes what is installed, in reverse.
pub(super) async fn uninstall(global: &Global, args: &UninstallArgs, output: &Output) -> Result<Exit, Failed> {
    let cluster = session::connect(global).await?;
    let mut request = UninstallRequest { cluster, global, args, output, shared: args.purge_shared };
    if args.purge_data && !args.purge_shared && !output.json {
        request.shared = request.ask_for_others().await?;
    }
    run::run(&request, global, output).await
}

/// The uninstall.
struct UninstallRequest<'a> {
    cluster: Cluster,
    global: &'a Global,
    args: &'a UninstallArgs,
    output: &'a Output,
    /// What others may use or have created in our namespaces is deleted, too.
    shared: bool,
}

impl RunRequest for UninstallRequest<'_> {
    const COMMAND: &'static str = "uninstall";

    fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    async fn prepare(&self) -> Result<PreparedRun, Failed> {
        let plan = self.plan().await?;
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
            let text = "data and namespaces were kept; a new install finds the data again";
            self.output.remark(text);
        }
    }
}

impl UninstallRequest<'_> {
    /// What there is to remove, and how.
    async fn plan(&self) -> Result<Plan, Failed> {
        let state = state_store::load(&self.cluster).await.or_exit(Exit::Unusable)?.unwrap_or_default();
        let remains = remains(&self.cluster, &state, self.args.purge_data).await.or_exit(Exit::Unusable)?;
        let chosen = self.args.components.as_deref();
        let optional = self.optional(&state);
        let removal = Removal { chosen, purge: self.args.purge_data, shared: self.shared, optional: Some(&optional) };
        plan::uninstall(&state, &remains, removal).or_exit(Exit::Refused)
    }

    /// What each component can do without. Of one whose definition is not at hand, everything that it uses counts as needed.
    fn optional(&self, state: &InstallState) -> BTreeMap<String, BTreeSet<String>> {
        session::load_catalog(self.global).map(|catalog| optional(&catalog, state)).unwrap_or_default()
    }

    /// Shows what a purge keeps because of others, and asks at a terminal whether to delete that as well.
    async fn ask_for_others(&self) -> Result<bool, Failed> {
        let left = left_for_others(&self.plan().await?);
        if left.is_empty() {
            return Ok(false);
        }
        if !self.output.can_ask() || self.global.yes {
            for left in left {
                self.output.remark(&format!("{left} (--purge-shared deletes it)"));
            }
            return Ok(false);
        }
        let question = format!(
            "\nthis is shared with others, so it is kept:\n  {}\ndelete it in {} as well? [y/N] ",
            left.join("\n  "),
            target(self.cluster.info())
        );
        Ok(is_yes(&self.output.ask(&question)?))
    }

    /// Deleting data requires more than a yes: the context's name, typed or with --confirm.
    async fn confirm_purge(&self, stop: &CancellationToken) -> Result<(), Failed> {
        let context = &self.cluster.info().context;
        let given = match &self.args.confirm {
            Some(given) => given.clone(),
            None if self.output.can_ask() && !self.global.yes => {
                let question = format!(
                    "\nthis deletes all data of the platform in {}\ntype the name of the context to proceed: ",
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

/// What each installed component can do without: instances that are installed are among it.
fn optional(catalog: &Catalog, state: &InstallState) -> BTreeMap<String, BTreeSet<String>> {
    let catalog = catalog.with_instances(state.components.keys().map(String::as_str));
    let known = state.components.keys().filter_map(|id| catalog.components.get(id));
    known.map(|component| (component.id.clone(), catalog.optional_of(component).into_iter().collect())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog;

    #[test]
    fn an_instance_that_gives_an_optional_export_can_be_done_without() {
        let mut files = catalog::embedded();
        files.retain(|path, _| path == "platform.yaml");
        for (id, rest) in
            [("kafka", "exports: {brokers: k}"), ("user", "requires: [{export: brokers, optional: true}]")]
        {
            let text = format!("id: {id}\ntitle: {id}\nversion: '1'\n{rest}\n");
            files.insert(format!("{id}/component.yaml"), text.into_bytes());
        }
        let catalog = Catalog::from_files(&files, &Default::default()).unwrap();
        let mut state = InstallState::default();
        for id in ["kafka@two", "user", "user@b"] {
            state.components.entry(id.to_owned()).or_default().record.requires.insert("kafka@two".to_owned());
        }
        let optional = optional(&catalog, &state);
        for user in ["user", "user@b"] {
            assert!(optional[user].contains("kafka@two"), "{optional:?}");
        }
        let chosen = ["kafka@two".to_owned()];
        let removal = Removal { chosen: Some(&chosen), purge: false, shared: false, optional: Some(&optional) };
        assert!(plan::uninstall(&state, &Default::default(), removal).is_ok());
        let hard = Removal { optional: None, ..removal };
        assert!(plan::uninstall(&state, &Default::default(), hard).is_err());
    }
}
