//! Opens the offline bundle of an install.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use super::taken::{files, program};
use crate::app::bundled::{BundledCharts, HELM};
use crate::app::exit::{Exit, Failed};
use crate::app::output::Output;
use crate::app::trust::{open, signed_text};
use crate::catalog::Catalog;
use crate::cli::{AnswerArgs, Global, OfflineArgs, OpenArgs, RegistryArgs};
use crate::driver::bundle::Bundle;
use crate::driver::bundle::sign::SignedBy;

/// An offline bundle that was opened, its signature checked, and what it brings along.
pub(in crate::app) struct Opened {
    pub(super) bundle: Arc<Bundle>,
    pub(super) args: OfflineArgs,
    pub(super) charts: BundledCharts,
    signed: SignedBy,
    files: BTreeMap<String, (String, PathBuf)>,
    helm: Option<PathBuf>,
}

impl Opened {
    /// Opens it; `None` without an offline bundle.
    pub(in crate::app) fn new(args: &OfflineArgs, output: &Output) -> Result<Option<Self>, Failed> {
        if args.bundle.is_empty() {
            if args.reach != RegistryArgs::default() || args.into != Default::default() {
                let text = "options for registries and their names require an offline bundle: add --bundle BUNDLE";
                return Err(Failed::text(Exit::BadInput, text));
            }
            return Ok(None);
        }
        let from = OpenArgs { bundle: args.bundle.clone(), key: args.key.clone(), signature: args.signature.clone() };
        let (bundle, signed) = open(&from)?;
        output.remark(&format!("{}: {}", bundle.files().name, signed_text(&signed)));
        let unresolved: Vec<&str> = bundle.lock().unresolved().collect();
        if !unresolved.is_empty() {
            let text = format!("{} contains unresolved images: {}", bundle.files().name, unresolved.join(", "));
            return Err(Failed::text(Exit::BadInput, text));
        }
        let charts = BundledCharts::of(&bundle)?;
        let files = files(&bundle)?;
        let helm = program(&bundle, HELM)?;
        Ok(Some(Self { bundle: Arc::new(bundle), args: args.clone(), charts, signed, files, helm }))
    }

    /// The options of the command, with Helm from the offline bundle.
    pub(in crate::app) fn global(opened: Option<&Self>, global: &Global) -> Global {
        Global { bundled_helm: opened.and_then(|opened| opened.helm.clone()), ..global.clone() }
    }

    /// The options of answers, with the registry that nodes pull from, and with the components of the offline bundle where
    /// none were chosen.
    pub(in crate::app) fn answer_args(opened: Option<&Self>, args: &AnswerArgs, catalog: &Catalog) -> AnswerArgs {
        let mut args = args.clone();
        let Some(opened) = opened else { return args };
        let registry = opened.args.pull_registry.as_ref().or(opened.args.registry.as_ref());
        args.set.extend(registry.map(|registry| format!("platform.registry={registry}")));
        if args.components.is_none() && args.answers.is_none() {
            args.components = held(catalog, &opened.bundle.about().components);
        }
        args
    }

    /// The offline bundle.
    pub(in crate::app) fn bundle(&self) -> &Bundle {
        &self.bundle
    }

    /// Who signed it.
    pub(in crate::app) const fn signed(&self) -> &SignedBy {
        &self.signed
    }

    pub(super) const fn files(&self) -> &BTreeMap<String, (String, PathBuf)> {
        &self.files
    }
}

/// The components to install from an offline bundle that lacks some of the default ones; `None` where it has all of
/// them.
fn held(catalog: &Catalog, components: &BTreeSet<String>) -> Option<Vec<String>> {
    let usual = |id: &&String| catalog.components.get(*id).is_some_and(|component| !component.on_request);
    if catalog.components.keys().filter(usual).all(|id| components.contains(id)) {
        return None;
    }
    let found: Vec<String> = components.iter().filter(usual).cloned().collect();
    let all = || components.iter().filter(|id| catalog.components.contains_key(*id)).cloned().collect();
    Some(if found.is_empty() { all() } else { found })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog;

    #[test]
    fn the_components_of_an_offline_bundle_are_the_default() {
        let catalog = catalog::load(&[]).unwrap();
        let held = |ids: &[&str]| held(&catalog, &ids.iter().map(|id| (*id).to_owned()).collect());
        let all: Vec<&str> = catalog.components.keys().map(String::as_str).collect();
        assert_eq!(held(&all), None, "the same as without one");
        assert_eq!(held(&["hdfs", "bytewax"]), Some(vec!["hdfs".to_owned()]), "what is on request stays so");
        assert_eq!(held(&["bytewax"]), Some(vec!["bytewax".to_owned()]), "unless it is all there is");
    }
}
