//! How it ended: what was proven, releases, addresses, where things are.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::page;
use crate::event::Status;
use crate::render::paint::{Paint, Spans};
use crate::render::summary::summary_lines;
use crate::render::tui::keymap::Command;
use crate::render::tui::look::Glyph;
use crate::render::tui::state::{Screen, State};
use crate::render::tui::update::{Intent, leave};
use crate::render::tui::widgets::put_all;
use crate::render::tui::words::Word;

pub(super) fn act(state: &mut State, command: Command) -> Vec<Intent> {
    // Margins and title take what the body does not have.
    let width = usize::from(state.size.0.saturating_sub(2));
    let (count, page) = (lines(state).into_iter().flat_map(|line| line.wrapped(width)).count(), page(state));
    if state.summary_row.moved(command, count, page) {
        return Vec::new();
    }
    match command {
        Command::Enter | Command::Continue => leave(state),
        Command::Back => {
            state.screen = Screen::Run;
            Vec::new()
        }
        _ => Vec::new(),
    }
}

fn lines(state: &State) -> Vec<Spans> {
    let look = state.look;
    let Some(run) = &state.run else { return Vec::new() };
    // A run that broke off has none.
    let extras = state.summary.clone().unwrap_or_default();
    let mut lines = Vec::new();
    let (glyph, word, paint) = super::run::outcome(run);
    lines.push(Spans::new().add_label(paint, look.glyph(glyph)).gap(1).add(paint, look.say(word)));
    if let Some(trouble) = run.ended.as_ref().and_then(|ended| ended.trouble.as_ref()) {
        lines.push(Spans::new().add_label(Paint::Warn, look.glyph(Glyph::Warning)).gap(1).add(Paint::Plain, trouble));
    }
    if !run.left_out.is_empty() {
        lines.push(Spans::new().add(Paint::Warn, look.say(Word::LeftOut)));
        let left = run.left_out.iter().map(|title| (Glyph::Warning, title));
        lines.extend(left.map(|(mark, title)| {
            Spans::indent(2).add_label(Paint::Warn, look.glyph(mark)).gap(1).add(Paint::Plain, title)
        }));
    }
    lines.push(Spans::new());
    let proofs: Vec<_> = run.state.order.iter().filter(|action| action.verify).collect();
    if !proofs.is_empty() {
        lines.push(Spans::new().add(Paint::Bold, look.say(Word::Proofs)));
        for proof in proofs {
            let known = run.state.actions.get(&proof.id);
            let (glyph, paint) = match known.map(|known| &known.status) {
                Some(Status::Done) => (Glyph::Done, Paint::Good),
                Some(Status::Skipped(_)) => (Glyph::Unchanged, Paint::Dim),
                Some(Status::Failed { .. }) => (Glyph::Failed, Paint::Bad),
                _ => (Glyph::Waiting, Paint::Dim),
            };
            let line = Spans::indent(2).add_label(paint, look.glyph(glyph)).gap(1).add(Paint::Plain, &proof.title);
            let told = known.and_then(|known| known.summary.as_ref());
            lines.push(match told {
                Some(told) => line.add_label(Paint::Dim, ": ").add(Paint::Accent, told),
                None => line,
            });
        }
        lines.push(Spans::new());
    }
    let plain = crate::render::Look { width: usize::from(state.size.0), color: false, verbose: false };
    lines.extend(summary_lines(&run.state, &extras, &plain));
    lines.push(Spans::new());
    lines.push(Spans::new().add(Paint::Dim, look.say(Word::LeaveWithQ)));
    lines
}

pub(super) fn draw(state: &State, buffer: &mut Buffer, area: Rect) {
    let width = usize::from(area.width);
    let lines: Vec<Spans> = lines(state).into_iter().flat_map(|line| line.wrapped(width)).collect();
    let first = state.summary_row.0.min(lines.len().saturating_sub(usize::from(area.height)));
    put_all(buffer, area, lines.into_iter().skip(first), state.look);
}
