//! `windlass verify`.

use std::cell::Cell;
use std::path::Path;

use tokio_util::sync::CancellationToken;

use super::exit::{Exit, Failed, OrExit as _};
use super::held::with_installed_files;
use super::output::Output;
use super::run::{self, PreparedRun, RunRequest};
use super::{charts, session};
use crate::catalog::Catalog;
use crate::cli::{Global, VerifyArgs};
use crate::driver::kube::Cluster;
use crate::driver::state_store;
use crate::model::observed::Observed;
use crate::model::state::InstallState;
use crate::plan::{self, Step, Work, running_images, verify_only};
use crate::render::target;

/// Runs the checks of what is installed.
pub(super) async fn verify(global: &Global, args: &VerifyArgs, output: &Output) -> Result<Exit, Failed> {
    let catalog = session::load_catalog(global)?;
    let cluster = session::connect(global).await?;
    let request = VerifyRequest { cluster, catalog, global, args, output, warned: Cell::new(false) };
    run::run(&request, global, output).await
}

/// The checks of what is installed.
struct VerifyRequest<'a> {
    cluster: Cluster,
    catalog: Catalog,
    global: &'a Global,
    args: &'a VerifyArgs,
    output: &'a Output,
    warned: Cell<bool>,
}

impl VerifyRequest<'_> {
    /// Warns about components that were installed with other definitions than the current ones; a missing definition is an
    /// error.
    fn other_definitions(&self, state: &InstallState) -> Result<(), Failed> {
        let catalog = self.catalog.with_instances(state.components.keys().map(String::as_str));
        let (unknown, other) =
            other_definitions(state, |id| catalog.components.get(id).map(|component| component.origin.clone()));
        if !unknown.is_empty() {
            let text = format!("{}: `verify` needs the same --catalog", unknown.join("; "));
            return Err(Failed::text(Exit::BadInput, text));
        }
        // It is prepared twice, and warns once.
        if !self.warned.replace(true) {
            for text in other {
                self.output.remark(&format!("warning: {text}: its checks may differ from those of the install"));
            }
        }
        Ok(())
    }
}

fn disrupts(step: &Step) -> bool {
    matches!(&step.work, Work::Act { action, .. } if action.kind().disrupts())
}

/// Installed components without a definition, and those with another one than they were installed with, as text.
/// `defined` gives the folder that a definition comes from, which is none for what is built in.
fn other_definitions(
    state: &InstallState,
    defined: impl Fn(&str) -> Option<Option<String>>,
) -> (Vec<String>, Vec<String>) {
    let from = |origin: Option<&str>| match origin {
        Some(folder) => format!("--catalog {folder}"),
        None => "the built-in catalog".to_owned(),
    };
    let (mut unknown, mut other) = (Vec::new(), Vec::new());
    for (id, component) in &state.components {
        let installed = component.record.origin.as_deref();
        match defined(id) {
            None => unknown.push(format!("{id} was installed from {} and is in no catalog", from(installed))),
            Some(found) if found.as_deref().map(Path::new) != installed.map(Path::new) => {
                let (installed, found) = (from(installed), from(found.as_deref()));
                other.push(format!("{id} was installed from {installed}, but this is {found}"));
            }
            Some(_) => {}
        }
    }
    (unknown, other)
}

impl RunRequest for VerifyRequest<'_> {
    const COMMAND: &'static str = "verify";

    fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    async fn prepare(&self) -> Result<PreparedRun, Failed> {
        let state = state_store::load(&self.cluster).await.or_exit(Exit::Unusable)?;
        let Some(state) = state.filter(|state| !state.components.is_empty()) else {
            let text = format!("nothing is installed in {}; run `windlass install` first", target(self.cluster.info()));
            return Err(Failed::text(Exit::Refused, text));
        };
        self.other_definitions(&state)?;
        let answers = session::answers(self.global, &self.args.answers, &self.catalog, Some(&state))?;
        let answers = with_installed_files(answers, &self.catalog, &self.cluster, &state).await?;
        let mut resolved = charts::resolved_as_installed(&self.catalog, &answers)?;
        resolved.disrupts = self.args.failover;
        let reach = session::reach(&self.cluster, resolved.hdfs.as_ref())?;
        let everything = Observed { state: None, ..Observed::default() };
        let mut plan = verify_only(&plan::plan(&resolved, &everything, true));
        plan.steps.retain(|step| state.components.contains_key(&step.component));
        if let Some(record) = &state.offline {
            let releases = state.components.values().filter_map(|component| component.record.release.clone());
            let releases = releases.map(|key| (key.namespace, key.name)).collect();
            plan.steps.push(running_images(record, releases, Vec::new()));
        }
        if self.args.failover && !plan.steps.iter().any(disrupts) {
            let text = "--failover: no installed component has a standby that could take over (HDFS has one with hdfs.mode=ha)";
            return Err(Failed::text(Exit::BadInput, text));
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::state::{ComponentRecord, ComponentState};

    #[test]
    fn what_was_installed_by_another_catalog_is_reported() {
        let component = |id: &str, origin: Option<&str>| {
            let record = ComponentRecord { origin: origin.map(str::to_owned), ..ComponentRecord::default() };
            (id.to_owned(), ComponentState { record, ..ComponentState::default() })
        };
        let site = Some("/site");
        let components =
            [("gone", site), ("laid-over", site), ("same", Some("/site/")), ("plain", None), ("covered", None)];
        let components = components.map(|(id, origin)| component(id, origin)).into();
        let state = InstallState { components, ..InstallState::default() };
        let (unknown, other) = other_definitions(&state, |id| match id {
            "gone" => None,
            "same" | "covered" => Some(Some("/site".to_owned())),
            _ => Some(None),
        });
        assert_eq!(unknown, ["gone was installed from --catalog /site and is in no catalog"]);
        let expected = [
            "covered was installed from the built-in catalog, but this is --catalog /site",
            "laid-over was installed from --catalog /site, but this is the built-in catalog",
        ];
        assert_eq!(other, expected);
    }
}
