//! What keys do here, made from the keymap.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::keymap::{BINDINGS, Scope, name};
use super::screens::common::rows_here;
use super::screens::view;
use super::state::State;
use super::widgets::{Cursor, put_all};
use super::words::Word;
use crate::render::paint::{Paint, Spans};

/// One line for each binding that applies on this screen.
pub(super) fn lines(state: &State) -> Vec<Spans> {
    let look = state.look;
    let view = view(state.screen);
    let here = view.scope;
    let mut shown: Vec<(u8, Spans)> = Vec::new();
    for binding in BINDINGS.iter().filter(|binding| [here, Scope::List, Scope::Any].contains(&binding.scope)) {
        // A screen's own binding takes precedence.
        let taken = |other: &&super::keymap::Binding| {
            other.scope == here && binding.scope != here && other.keys.iter().any(|key| binding.keys.contains(key))
        };
        if BINDINGS.iter().any(|other| taken(&other)) || !view.knows(binding.command) {
            continue;
        }
        let mut keys: Vec<String> = binding.keys.iter().map(|key| name(*key, look.ascii)).collect();
        keys.dedup();
        let order = match binding.scope {
            Scope::Any => 1,
            Scope::List => 2,
            _ => 0,
        };
        let word = look.say(view.word_of(binding));
        shown.push((order, Spans::new().column(Paint::Accent, keys.join(" "), 16).gap(1).add(Paint::Plain, word)));
    }
    // What only this screen has comes first, how to move last: arrows are tried without reading.
    shown.sort_by_key(|(order, _)| *order);
    shown.into_iter().map(|(_, line)| line).collect()
}

pub(super) fn draw(state: &State, cursor: Cursor, buffer: &mut Buffer, area: Rect) {
    let lines = lines(state);
    let (height, first) = (usize::from(area.height), cursor.0.min(lines.len().saturating_sub(1)));
    if lines.len() <= height {
        put_all(buffer, area, lines, state.look);
        return;
    }
    // The last row shows that there is more.
    let room = height.saturating_sub(1);
    let first = first.min(lines.len() - room);
    let more = rows_here(Word::RowsOf, first..first + room, lines.len(), state.look);
    put_all(buffer, area, lines.into_iter().skip(first).take(room).chain([more]), state.look);
}
