//! The screens, a file each.

mod cluster;
pub(super) mod common;
mod components;
mod edit;
mod field;
mod form;
mod preflight;
mod profile;
pub(super) mod review;
pub(super) mod run;
pub(super) mod run_panes;
mod secret;
pub(super) mod source;
mod source_pane;
mod source_rows;
mod summary;

use super::state::{Screen, State};
use super::view::View;

/// The view of each screen.
pub(super) const fn view(screen: Screen) -> &'static View {
    match screen {
        Screen::Cluster => &cluster::VIEW,
        Screen::Source => &source::VIEW,
        Screen::Preflight => &preflight::VIEW,
        Screen::Components => &components::VIEW,
        Screen::Profile => &profile::VIEW,
        Screen::Questions => &form::QUESTIONS,
        Screen::Images => &form::IMAGES,
        Screen::Review => &review::VIEW,
        Screen::Run => &run::VIEW,
        Screen::Summary => &summary::VIEW,
    }
}

/// Whether keys are letters now.
pub(super) fn is_typing(state: &State) -> bool {
    view(state.screen).input.as_ref().is_some_and(|input| (input.is_open)(state))
}
