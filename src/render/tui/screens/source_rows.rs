//! The rows of the screen of sources.

use crate::catalog::{Question, QuestionId};
use crate::render::tui::answering::{REGISTRY, origin};
use crate::render::tui::source::Origin;
use crate::render::tui::state::State;
use crate::render::tui::words::Word;

/// The questions about the registry, in the order of their rows.
pub(super) const ABOUT_REGISTRY: [&str; 3] = [REGISTRY, "pull_secret", "registry_plain_http"];

/// A row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Row {
    Origin(Origin),
    Heading(Word),
    Bundle,
    Key,
    Check,
    Answer(&'static str),
    Ca,
    Push,
    Continue,
}

pub(super) fn id(question: &str) -> QuestionId {
    QuestionId::new("platform", question)
}

pub(super) fn question(state: &State, row: Option<Row>) -> Option<(QuestionId, Question)> {
    let Some(Row::Answer(name)) = row else { return None };
    Some((id(name), state.catalog.question(&id(name))?.clone()))
}

pub(super) fn rows_of(state: &State) -> Vec<Row> {
    let mut all: Vec<Row> = [Origin::Published, Origin::Registry, Origin::Bundle].map(Row::Origin).to_vec();
    let origin = origin(state);
    if origin == Origin::Bundle {
        all.extend([Row::Heading(Word::OfflineBundle), Row::Bundle, Row::Key, Row::Check]);
    }
    if origin != Origin::Published {
        all.push(Row::Heading(Word::SiteRegistry));
        all.extend(ABOUT_REGISTRY.map(Row::Answer));
    }
    if origin == Origin::Bundle {
        all.extend([Row::Ca, Row::Push]);
    }
    all.push(Row::Continue);
    all
}

pub(super) fn here(state: &State) -> Option<Row> {
    rows_of(state).get(state.source.cursor.0).copied()
}
