//! Sizes that go together.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::common::page;
use crate::catalog::{Profile, QuestionId};
use crate::render::paint::{Paint, Spans};
use crate::render::text;
use crate::render::tui::flow::{back, next};
use crate::render::tui::keymap::{Command, Scope};
use crate::render::tui::look::Glyph;
use crate::render::tui::message::Intent;
use crate::render::tui::state::State;
use crate::render::tui::view::{View, usual_keys};
use crate::render::tui::widgets::{fill as across, put_all, row_of, rows, styled};
use crate::render::tui::words::{Word, fill};

/// Sizes.
pub(super) const VIEW: View = View {
    title: Word::Profile,
    scope: Scope::List,
    list: &[Command::Toggle, Command::Continue],
    enter: None,
    keys: usual_keys,
    act,
    draw,
    input: None,
};

fn act(state: &mut State, command: Command) -> Vec<Intent> {
    // The first row is none.
    let (count, page) = (state.catalog.profiles.len() + 1, page(state));
    if state.profile.cursor.moved(command, count, page) {
        return Vec::new();
    }
    match command {
        Command::Toggle => choose(state),
        Command::Enter | Command::Continue => {
            choose(state);
            next(state);
        }
        Command::Back => return back(state),
        _ => {}
    }
    Vec::new()
}

fn choose(state: &mut State) {
    let chosen = state
        .profile
        .cursor
        .0
        .checked_sub(1)
        .and_then(|row| state.profiles().get(row).map(|profile| profile.id.clone()));
    // Only a change is a choice.
    if chosen != state.profile.chosen {
        state.profile.chosen_here = chosen.is_some();
    }
    state.profile.chosen = chosen;
    state.answers_changed();
}

fn draw(state: &State, buffer: &mut Buffer, area: Rect) {
    let (look, lang) = (state.look, state.look.lang.code());
    let used =
        put_all(buffer, area, [Spans::new().add(Paint::Plain, look.say(Word::WhichProfile)), Spans::new()], look);
    let profiles: Vec<&Profile> = state.profiles();
    let list = Rect {
        y: area.y + used,
        height: u16::try_from(profiles.len() + 1)
            .unwrap_or(u16::MAX)
            .min((area.height.saturating_sub(used) / 2).max(1)),
        ..area
    };
    for (row, index) in (0_u16..).zip(rows(state.profile.cursor.0, profiles.len() + 1, list.height)) {
        let profile = index.checked_sub(1).and_then(|index| profiles.get(index));
        let chosen = state.profile.chosen.as_deref() == profile.map(|profile| profile.id.as_str());
        let (line, style) = row_of(index == state.profile.cursor.0, look);
        let line =
            line.add_label(Paint::Plain, look.glyph(if chosen { Glyph::Chosen } else { Glyph::NotChosen })).gap(1);
        let title = profile.map_or(look.say(Word::NoProfile), |profile| profile.title.of(lang));
        styled(buffer, list, row, line.add(Paint::Bold, title), look, style);
    }
    let y = list.bottom();
    across(buffer, Rect { y, height: 1, ..area }, 0, look.glyph(Glyph::Across), look.style(Paint::Dim));
    let below = Rect { y: y + 1, height: area.bottom().saturating_sub(y + 1), ..area };
    let profile = state.profile.cursor.0.checked_sub(1).and_then(|index| profiles.get(index));
    let help = profile.map_or(look.say(Word::NoProfileHelp), |profile| {
        profile.help.as_ref().map(|help| help.of(lang)).unwrap_or_default()
    });
    let mut lines: Vec<Spans> = text::wrap(help, usize::from(area.width))
        .into_iter()
        .map(|line| Spans::new().add(Paint::Plain, line))
        .collect();
    lines.push(Spans::new());
    let answers = profile.map(|profile| profile.answers.as_slice()).unwrap_or_default();
    let wanted = answers.iter().filter(|(id, ..)| state.draft.answers.components.contains(&id.component));
    let wide = usize::from(area.width).saturating_sub(24).clamp(44, 72);
    let sizes: Vec<Spans> = wanted
        .map(|(id, _, node)| {
            let line =
                Spans::new().column(Paint::Dim, title(state, id, wide), wide).gap(2).add(Paint::Plain, node.written());
            // What was typed here counts more.
            match state.edits.get(id) {
                Some(own) => line.gap(2).add(Paint::Warn, fill(look.say(Word::KeepsOwnAnswer), &[("value", own)])),
                None => line,
            }
        })
        .collect();
    let room = usize::from(below.height).saturating_sub(lines.len());
    let more = sizes.len().saturating_sub(room.saturating_sub(1));
    if sizes.len() <= room {
        lines.extend(sizes);
    } else {
        lines.extend(sizes.into_iter().take(room.saturating_sub(1)));
        lines.push(Spans::new().add(Paint::Dim, fill(look.say(Word::AndMore), &[("count", &more.to_string())])));
    }
    put_all(buffer, below, lines, look);
}

/// `Apache HDFS: Copies of each block`.
fn title(state: &State, id: &QuestionId, wide: usize) -> String {
    let lang = state.look.lang.code();
    let question = state.catalog.question(id).map(|question| question.title.of(lang).to_owned()).unwrap_or_default();
    text::cut(&format!("{}: {question}", state.catalog.title(&id.component).of(lang)), wide)
}
