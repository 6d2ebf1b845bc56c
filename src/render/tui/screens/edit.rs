//! Changing an answer: the options of a question, and the line in which one is typed.

use super::field::raw;
use crate::catalog::{Question, QuestionId};
use crate::render::paint::{Paint, Spans};
use crate::render::text;
use crate::render::tui::look::Look;
use crate::render::tui::state::State;
use crate::render::tui::widgets::LineEdit;
use crate::render::tui::words::Word;

/// The next or last of the options, if there are any.
pub(super) fn choose(state: &mut State, id: &QuestionId, question: &Question, next: bool) {
    let options = state.options(question);
    if options.is_empty() {
        return;
    }
    let now = raw(state, id);
    let at = options.iter().position(|option| *option == now);
    let count = options.len();
    let at = match (at, next) {
        (None, _) => 0,
        (Some(at), true) => (at + 1) % count,
        (Some(at), false) => (at + count - 1) % count,
    };
    answer(state, id, options[at].clone());
}

/// Sets an answer. One that changes nothing is not kept.
pub(super) fn answer(state: &mut State, id: &QuestionId, text: String) {
    state.edits.remove(id);
    state.answers_changed();
    if raw(state, id) != text || state.draft.problem(id).is_some() {
        state.edits.insert(id.clone(), text);
        state.answers_changed();
    }
    state.registry = None;
}

/// The ways to name a secret that a question allows.
pub(super) fn ways(question: &Question) -> Vec<(&'static str, Word)> {
    let mut ways = vec![("secret", Word::SecretInCluster), ("file", Word::SecretFile), ("env", Word::SecretVariable)];
    if question.generates() {
        ways.insert(0, ("generate", Word::SecretGenerate));
    }
    if question.optional {
        ways.push(("", Word::SecretNone));
    }
    ways
}

/// A line that is being typed; the cursor is where the next letter goes.
pub(super) fn typing_line(look: Look, label: &str, edit: &LineEdit, width: u16) -> Spans {
    let room = usize::from(width).saturating_sub(text::width(label) + 2);
    let (shown, at) = edit.view(room);
    let (before, after) = split_at_column(&shown, at);
    Spans::new()
        .add(Paint::Accent, label)
        .gap(1)
        .add_label(Paint::Plain, before)
        .add_label(Paint::Accent, if look.ascii { "_" } else { "▏" })
        .add_label(Paint::Plain, after)
}

fn split_at_column(text: &str, column: usize) -> (&str, &str) {
    let at = text.char_indices().map(|(at, _)| at).find(|at| text::width(&text[..*at]) >= column);
    text.split_at(at.unwrap_or(text.len()))
}
