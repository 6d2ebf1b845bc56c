//! The answers on the screens: the draft, the source of images, and the equivalent command.

use std::borrow::Cow;
use std::sync::Arc;

use super::source::{BundleView, OfflineChoice, Origin};
use super::state::{State, Tone};
use crate::answers::LayerKind;
use crate::model::preflight::waiver_flag;

/// The question that names the site's registry.
pub(super) const REGISTRY: &str = "registry";

impl State {
    /// Rebuilds the draft, and drops the plan that was made with other answers.
    pub(super) fn answers_changed(&mut self) {
        self.rebuild_draft();
        self.review.planned = None;
        self.review.refused = false;
    }

    /// Rebuilds only the draft.
    pub(super) fn rebuild_draft(&mut self) {
        let answered = self.answered();
        let installed = self.connected.iter().flat_map(|connected| connected.installed.keys().map(String::as_str));
        if let Cow::Owned(more) = self.catalog.with_instances(answered.components().chain(installed)) {
            self.catalog = Arc::new(more);
        }
        match answered.draft(&self.catalog) {
            Ok(draft) => self.draft = draft,
            Err(error) => self.notice = Some((Tone::Bad, error.to_string())),
        }
        pin(self);
    }

    /// The options that name the offline bundle, each with a space before; nothing where the install uses none.
    #[must_use]
    pub fn offline_flags(&self) -> String {
        flags(self)
    }

    /// The command that does the same.
    #[must_use]
    pub fn command(&self) -> String {
        let flags = self.connected.as_ref().map(|connected| connected.flags.as_str()).unwrap_or_default();
        let waived: String = self.preflight.waived.iter().map(|waiver| format!(" {}", waiver_flag(waiver))).collect();
        let no_verify = if self.review.no_verify { " --no-verify" } else { "" };
        let offline = self.offline_flags();
        format!("windlass {flags}install --answers {}{offline}{waived}{no_verify} --yes", self.file.path.display())
    }
}

/// Where images come from, by the choice here and the registry of the answers.
pub(super) fn origin(state: &State) -> Origin {
    match state.source.origin {
        Origin::Bundle => Origin::Bundle,
        _ if registry(state).is_some() => Origin::Registry,
        chosen => chosen,
    }
}

/// The offline bundle in use, once it was opened.
pub(super) fn in_use(state: &State) -> Option<&BundleView> {
    state.source.opened.as_ref().filter(|_| origin(state) == Origin::Bundle)?.as_ref().ok()
}

/// Whether the offline bundle in use lacks a component.
pub(super) fn lacks(state: &State, id: &str) -> bool {
    let base = state.catalog.components.get(id).map_or(id, |component| component.base.as_str());
    in_use(state).is_some_and(|view| !view.components.contains(id) && !view.components.contains(base))
}

/// The name of the offline bundle in use.
pub(super) fn bundle_name(state: &State) -> &str {
    in_use(state).map_or("", |view| &view.name)
}

/// The options that say the same on a command line, each with a space before.
fn flags(state: &State) -> String {
    if origin(state) != Origin::Bundle {
        return String::new();
    }
    let OfflineChoice { bundle, key, ca } = &state.source.choice;
    let registry = registry(state).unwrap_or_default();
    // One that is only pushed to was named when the screens were started.
    let pushed = state.source.more.iter().any(|(option, _)| *option == "--registry");
    let named = if pushed { "--pull-registry" } else { "--registry" };
    let options = [("--bundle", bundle.as_str()), (named, registry), ("--key", key)];
    let options = options.into_iter().chain(ca.split(':').map(|ca| ("--ca", ca)));
    let named = options.filter(|(_, value)| !value.is_empty());
    let named = named.map(|(option, value)| format!(" {option} {}", quoted(value)));
    let more = state.source.more.iter().map(|(option, value)| match value {
        Some(value) => format!(" {option} {}", quoted(value)),
        None => format!(" {option}"),
    });
    named.chain(more).collect()
}

/// A word quoted for a shell. A tilde at the beginning stays one.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_./=:,+@%-~".contains(c);
    if word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

/// Sets the answers that the offline bundle pins, where no others were given.
fn pin(state: &mut State) {
    let Some(Ok(push)) = state.source.push.as_ref().filter(|_| origin(state) == Origin::Bundle) else { return };
    let given = |kind: &LayerKind| {
        matches!(kind, LayerKind::File | LayerKind::Environment | LayerKind::Flag | LayerKind::Screen)
    };
    for (id, pinned) in &push.pinned {
        if let Some((answer, kind)) = state.draft.answers.values.get_mut(id)
            && !given(kind)
        {
            (*answer, *kind) = (pinned.clone(), LayerKind::Bundle);
        }
    }
}

pub(super) fn registry(state: &State) -> Option<&str> {
    state.draft.answers.get("platform", REGISTRY).text()
}
