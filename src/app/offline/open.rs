//! Opens the offline bundle of an install.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::taken::{files, program};
use crate::app::bundled::BundledCharts;
use crate::app::exit::{Exit, Failed};
use crate::app::output::Output;
use crate::app::trust::{open, signed_text};
use crate::cli::{AnswerArgs, Global, OfflineArgs, OpenArgs, RegistryArgs};
use crate::driver::bundle::Bundle;

/// What Helm is called in an offline bundle.
const HELM: &str = "helm";

/// An offline bundle that was opened, its signature checked, and what it brings along.
pub(in crate::app) struct Opened {
    pub(super) bundle: Arc<Bundle>,
    pub(super) args: OfflineArgs,
    pub(super) charts: BundledCharts,
    files: BTreeMap<String, (String, PathBuf)>,
    helm: Option<PathBuf>,
}

impl Opened {
    /// Opens it; `None` where the install is from none.
    pub(in crate::app) fn new(args: &OfflineArgs, output: &Output) -> Result<Option<Self>, Failed> {
        if args.bundle.is_empty() {
            if args.reach != RegistryArgs::default() || args.into != Default::default() {
                let text = "options for registries and names there are for an offline bundle: add --bundle BUNDLE";
                return Err(Failed::text(Exit::BadInput, text));
            }
            return Ok(None);
        }
        let from = OpenArgs { bundle: args.bundle.clone(), key: args.key.clone(), signature: args.signature.clone() };
        let (bundle, signed) = open(&from)?;
        output.remark(&format!("{}: {}", bundle.files().name, signed_text(&signed)));
        let unresolved: Vec<&str> = bundle.lock().unresolved().collect();
        if !unresolved.is_empty() {
            let text = format!("{} holds images that are not resolved: {}", bundle.files().name, unresolved.join(", "));
            return Err(Failed::text(Exit::BadInput, text));
        }
        let charts = BundledCharts::of(&bundle)?;
        let files = files(&bundle)?;
        let helm = program(&bundle, HELM)?;
        Ok(Some(Self { bundle: Arc::new(bundle), args: args.clone(), charts, files, helm }))
    }

    /// The options of the command, with Helm from the offline bundle unless another was named.
    pub(in crate::app) fn global(opened: Option<&Self>, global: &Global) -> Global {
        let mut global = global.clone();
        let named = std::env::var_os("WINDLASS_HELM").is_some_and(|helm| !helm.is_empty());
        if let Some(helm) = opened.and_then(|opened| opened.helm.clone()).filter(|_| global.helm.is_none() && !named) {
            global.helm = Some(helm);
        }
        global
    }

    /// The options of answers, with the registry that images go to.
    pub(in crate::app) fn answer_args(opened: Option<&Self>, args: &AnswerArgs) -> AnswerArgs {
        let mut args = args.clone();
        if let Some(registry) = opened.and_then(|opened| opened.args.registry.as_ref()) {
            args.set.push(format!("platform.registry={registry}"));
        }
        args
    }

    pub(super) const fn files(&self) -> &BTreeMap<String, (String, PathBuf)> {
        &self.files
    }
}
