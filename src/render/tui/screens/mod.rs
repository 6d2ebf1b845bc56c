//! The screens: for each, what commands do on it and how it is drawn.

pub(super) mod cluster;
pub(super) mod components;
mod field;
pub(super) mod form;
pub(super) mod help;
pub(super) mod preflight;
pub(super) mod profile;
pub(super) mod review;
pub(super) mod run;
pub(super) mod run_panes;
mod secret;
pub(super) mod source;
pub(super) mod source_news;
mod source_pane;
pub(super) mod summary;

use std::ops::Range;

use crossterm::event::KeyEvent;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::keymap::{Binding, Command};
use super::look::{Glyph, Look};
use super::state::{Screen, State};
use super::update::Intent;
use super::widgets::{fill as across, paragraph, put};
use super::words::{Word, fill};
use crate::render::paint::{Paint, Spans};
use crate::render::plan::target;

/// What a command does on the screen that is shown.
pub(super) fn act(state: &mut State, command: Command) -> Vec<Intent> {
    match state.screen {
        Screen::Cluster => cluster::act(state, command),
        Screen::Source => source::act(state, command),
        Screen::Preflight => preflight::act(state, command),
        Screen::Components => components::act(state, command),
        Screen::Profile => profile::act(state, command),
        Screen::Questions | Screen::Images => form::act(state, command),
        Screen::Review => review::act(state, command),
        Screen::Run => run::act(state, command),
        Screen::Summary => summary::act(state, command),
    }
}

/// Whether a command of every list does something on this one.
pub(super) const fn knows(screen: Screen, command: Command) -> bool {
    use Command::{Again, Continue, Filter, Left, Next, Previous, Right, Toggle, Undo};
    match command {
        Filter | Next | Previous => matches!(screen, Screen::Questions | Screen::Images | Screen::Run),
        Undo => matches!(screen, Screen::Source | Screen::Questions | Screen::Images),
        Left | Right => {
            matches!(screen, Screen::Source | Screen::Questions | Screen::Images | Screen::Review | Screen::Run)
        }
        Toggle => !matches!(screen, Screen::Cluster | Screen::Run | Screen::Summary),
        Again => {
            matches!(screen, Screen::Cluster | Screen::Source | Screen::Preflight | Screen::Images | Screen::Review)
        }
        Continue => !matches!(screen, Screen::Summary),
        _ => true,
    }
}

/// What a binding is called on the screen that is shown.
pub(super) const fn word_of(state: &State, binding: &Binding) -> Word {
    match (state.screen, binding.command) {
        (Screen::Summary, Command::Enter) => Word::KeyQuit,
        (Screen::Questions | Screen::Images, Command::Enter) => Word::KeyChange,
        _ => binding.word,
    }
}

/// Draws the screen into what is left beside title and footer.
pub(super) fn draw(state: &State, buffer: &mut Buffer, area: Rect) {
    match state.screen {
        Screen::Cluster => cluster::draw(state, buffer, area),
        Screen::Source => source_pane::draw(state, buffer, area),
        Screen::Preflight => preflight::draw(state, buffer, area),
        Screen::Components => components::draw(state, buffer, area),
        Screen::Profile => profile::draw(state, buffer, area),
        Screen::Questions | Screen::Images => form::draw(state, buffer, area),
        Screen::Review => review::draw(state, buffer, area),
        Screen::Run => run::draw(state, buffer, area),
        Screen::Summary => summary::draw(state, buffer, area),
    }
}

/// Whether keys are letters now.
pub(super) fn is_typing(state: &State) -> bool {
    let form = state.form().is_some_and(|(_, form)| form.typing.is_some());
    form || (state.screen == Screen::Components && state.naming.is_some())
        || (state.screen == Screen::Source && source::is_typing(state))
        || (state.screen == Screen::Run && state.run.as_ref().is_some_and(|run| run.log.typing.is_some()))
}

/// A key while something is being typed.
pub(super) fn typed(state: &mut State, key: KeyEvent) -> Vec<Intent> {
    match state.screen {
        Screen::Run => run::typed(state, key),
        Screen::Source => source::typed(state, key),
        Screen::Components => components::typed(state, key),
        _ => form::typed(state, key),
    }
}

/// A text that was pasted, if something is being typed.
pub(super) fn paste(state: &mut State, text: &str) {
    match state.screen {
        Screen::Run => run::paste(state, text),
        Screen::Source => source::paste(state, text),
        Screen::Components => state.naming.iter_mut().for_each(|edit| edit.insert(text)),
        _ => form::paste(state, text),
    }
}

/// How many rows the help has.
pub(super) fn help_rows(state: &State) -> usize {
    help::lines(state).len()
}

/// Goes to the screen before, or asks whether to leave where there is none. Whoever came back to the questions from a
/// run goes back to that.
pub(super) fn back(state: &mut State) -> Vec<Intent> {
    match state.screen.beside(false) {
        _ if state.screen == Screen::Questions && state.run.is_some() => state.screen = Screen::Run,
        Some(screen) if state.screen < Screen::Run => state.screen = screen,
        _ => return super::update::leave(state),
    }
    Vec::new()
}

/// Which cluster it is about.
fn target_line(state: &State) -> Option<Spans> {
    let connected = state.connected.as_ref()?;
    let label = Spans::new().add(Paint::Dim, state.look.say(Word::Target));
    Some(label.gap(1).add(Paint::Bold, target(&connected.info)))
}

/// Why what was to be shown could not be had, and what can be done then; nothing while it is asked for.
fn failed(state: &State, then: Word, width: usize) -> Vec<Spans> {
    let Some(why) = &state.failed else { return Vec::new() };
    let why = paragraph(Paint::Bad, &format!("{} {why}", state.look.glyph(Glyph::Failed)), width);
    let then = paragraph(Paint::Plain, state.look.say(then), width);
    [Spans::new()].into_iter().chain(why).chain([Spans::new()]).chain(then).collect()
}

/// Which rows are shown of how many, in the words given.
fn rows_here(word: Word, shown: Range<usize>, count: usize, look: Look) -> Spans {
    let (from, to, count) = ((shown.start + 1).min(count), shown.end, count);
    let values = [("from", from.to_string()), ("to", to.to_string()), ("count", count.to_string())];
    Spans::new().add(Paint::Dim, fill(look.say(word), &values))
}

/// A line between a list and what is below, which says where the list has more than is shown.
fn divider(buffer: &mut Buffer, area: Rect, shown: Range<usize>, count: usize, look: Look) {
    across(buffer, area, 0, look.glyph(Glyph::Across), look.style(Paint::Dim));
    if shown.len() < count {
        let told = Spans::new().gap(1).join(rows_here(Word::RowsHere, shown, count, look)).gap(1);
        let wide = u16::try_from(told.width()).unwrap_or(u16::MAX).min(area.width);
        put(buffer, Rect { x: area.right() - wide, width: wide, ..area }, 0, told, look);
    }
}

/// How many columns a screen has between its margins.
fn width(state: &State) -> usize {
    usize::from(state.size.0).saturating_sub(2)
}

/// How many rows a list has beside title, footer and what stands around it.
pub(super) fn page(state: &State) -> usize {
    usize::from(state.size.1).saturating_sub(8).max(1)
}
