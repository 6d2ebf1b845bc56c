//! What several screens show alike.

use std::ops::Range;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::render::paint::{Paint, Spans};
use crate::render::plan::target;
use crate::render::tui::look::{Glyph, Look};
use crate::render::tui::state::State;
use crate::render::tui::widgets::{fill as across, paragraph, put};
use crate::render::tui::words::{Word, fill};

/// Which cluster it is about.
pub(super) fn target_line(state: &State) -> Option<Spans> {
    let connected = state.connected.as_ref()?;
    let label = Spans::new().add(Paint::Dim, state.look.say(Word::Target));
    Some(label.gap(1).add(Paint::Bold, target(&connected.info)))
}

/// Why the findings or the plan could not be made, and what can be done then; nothing while they are made.
pub(super) fn failed(state: &State, then: Word, width: usize) -> Vec<Spans> {
    let Some(why) = &state.failed else { return Vec::new() };
    let why = paragraph(Paint::Bad, &format!("{} {why}", state.look.glyph(Glyph::Failed)), width);
    let then = paragraph(Paint::Plain, state.look.say(then), width);
    [Spans::new()].into_iter().chain(why).chain([Spans::new()]).chain(then).collect()
}

/// Which rows are shown of how many, in the words given.
pub(in crate::render::tui) fn rows_here(word: Word, shown: Range<usize>, count: usize, look: Look) -> Spans {
    let (from, to, count) = ((shown.start + 1).min(count), shown.end, count);
    let values = [("from", from.to_string()), ("to", to.to_string()), ("count", count.to_string())];
    Spans::new().add(Paint::Dim, fill(look.say(word), &values))
}

/// A line between a list and what is below, which says where the list has more than is shown.
pub(super) fn divider(buffer: &mut Buffer, area: Rect, shown: Range<usize>, count: usize, look: Look) {
    across(buffer, area, 0, look.glyph(Glyph::Across), look.style(Paint::Dim));
    if shown.len() < count {
        let line = Spans::new().gap(1).join(rows_here(Word::RowsHere, shown, count, look)).gap(1);
        let wide = u16::try_from(line.width()).unwrap_or(u16::MAX).min(area.width);
        put(buffer, Rect { x: area.right() - wide, width: wide, ..area }, 0, line, look);
    }
}

/// How many columns a screen has between its margins.
pub(super) fn width(state: &State) -> usize {
    usize::from(state.size.0).saturating_sub(2)
}

/// How many rows a list has beside title, footer and what stands around it.
pub(super) fn page(state: &State) -> usize {
    usize::from(state.size.1).saturating_sub(8).max(1)
}

/// `starting (54s)`.
pub(in crate::render::tui) fn elapsed(state: &State, word: Word, since: i64) -> String {
    let seconds = ((state.now - since).max(0) / 1000).to_string();
    fill(state.look.say(Word::Elapsed), &[("what", state.look.say(word)), ("seconds", &seconds)])
}
