//! What is installed: each component, and what it pulls in.

use std::collections::{BTreeMap, BTreeSet};

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::common::{divider, page};
use super::edit::typing_line;
use crate::catalog::{Requirement, instance_of};
use crate::render::ComponentStatus;
use crate::render::paint::{Paint, Spans};
use crate::render::text;
use crate::render::tui::answering::{bundle_name, lacks};
use crate::render::tui::flow::{back, next};
use crate::render::tui::keymap::{Command, Scope};
use crate::render::tui::look::Glyph;
use crate::render::tui::message::Intent;
use crate::render::tui::state::{State, Tone};
use crate::render::tui::view::{TextInput, View};
use crate::render::tui::widgets::{LineEdit, put_all, row_of, rows, styled};
use crate::render::tui::words::{Word, fill};

/// Component to the chosen ones that need it; a chosen one that nobody needs has none.
fn needed(state: &State) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut open: Vec<String> = state.components.chosen.iter().cloned().collect();
    while let Some(id) = open.pop() {
        let requires = state.catalog.components.get(&id).into_iter().flat_map(|component| &component.requires);
        // A requirement with a condition counts where its component is installed.
        let holds = |other: &&Requirement| !other.optional && (!other.off || state.draft.answers.has(&other.id));
        let required = requires.filter(holds).filter_map(|other| match &other.export {
            None => Some(other.id.clone()),
            Some(export) => {
                let giver = state.catalog.provider(export, |other| *other != id && state.draft.answers.has(other));
                giver.map(|giver| giver.id.clone())
            }
        });
        for required in required {
            if found.entry(required.clone()).or_default().insert(id.clone()) {
                open.push(required);
            }
        }
    }
    found
}

/// What is installed.
pub(super) const VIEW: View = View {
    title: Word::Components,
    scope: Scope::Components,
    list: &[Command::Toggle, Command::Continue],
    enter: None,
    keys,
    act,
    draw,
    input: Some(TextInput { is_open: |state| state.components.naming.is_some(), key: typed, paste }),
};

fn keys(_: &State) -> Vec<(Scope, Command)> {
    vec![
        (Scope::Any, Command::Enter),
        (Scope::List, Command::Toggle),
        (Scope::Any, Command::Continue),
        (Scope::Components, Command::Another),
    ]
}

fn paste(state: &mut State, text: &str) {
    state.components.naming.iter_mut().for_each(|edit| edit.insert(text));
}

fn act(state: &mut State, command: Command) -> Vec<Intent> {
    let count = state.catalog.components.len();
    let page = page(state);
    if state.components.cursor.moved(command, count + 1, page) {
        return Vec::new();
    }
    match command {
        Command::Toggle | Command::Enter if state.components.cursor.0 < count => {
            toggle(state);
            Vec::new()
        }
        Command::Enter | Command::Continue => {
            if state.components.chosen.is_empty() {
                state.notice = Some((Tone::Bad, state.look.say(Word::ChooseOne).to_owned()));
            } else {
                next(state);
            }
            Vec::new()
        }
        Command::Another if state.components.cursor.0 < count => {
            state.components.naming = Some(LineEdit::new(""));
            Vec::new()
        }
        Command::Back => back(state),
        _ => Vec::new(),
    }
}

/// A key while the name of an instance is typed.
fn typed(state: &mut State, key: KeyEvent) -> Vec<Intent> {
    let Some(mut edit) = state.components.naming.take() else { return Vec::new() };
    match key.code {
        KeyCode::Esc => {}
        KeyCode::Enter => {
            let row = state.catalog.components.values().nth(state.components.cursor.0);
            let id = row.map(|component| format!("{}@{}", component.base, edit.text())).unwrap_or_default();
            if instance_of(&id).is_none() {
                state.notice = Some((Tone::Bad, state.look.say(Word::WrongName).to_owned()));
                state.components.naming = Some(edit);
                return Vec::new();
            }
            state.components.chosen.insert(id.clone());
            state.answers_changed();
            let at = state.catalog.components.keys().position(|known| *known == id);
            state.components.cursor.0 = at.unwrap_or(state.components.cursor.0);
        }
        _ => {
            edit.key(key);
            state.components.naming = Some(edit);
        }
    }
    Vec::new()
}

fn toggle(state: &mut State) {
    let Some(id) = state.catalog.components.keys().nth(state.components.cursor.0).cloned() else { return };
    if lacks(state, &id) && !state.components.chosen.contains(&id) {
        let title = state.catalog.title(&id).of(state.look.lang.code());
        let values = [("bundle", bundle_name(state)), ("component", title)];
        state.notice = Some((Tone::Bad, fill(state.look.say(Word::BundleLacks), &values)));
        return;
    }
    let was = state.components.chosen.remove(&id);
    // Components that need it keep it.
    let by = needed(state).remove(&id);
    if let Some(by) = &by {
        let by: Vec<&str> = by.iter().map(|id| state.catalog.title(id).of(state.look.lang.code())).collect();
        let message = fill(state.look.say(Word::StillNeeded), &[("by", &by.join(", "))]);
        state.notice = Some((Tone::Warning, message));
    }
    if !was && by.is_none() {
        state.components.chosen.insert(id);
    }
    state.answers_changed();
}

fn draw(state: &State, buffer: &mut Buffer, area: Rect) {
    let (look, lang) = (state.look, state.look.lang.code());
    let used =
        put_all(buffer, area, [Spans::new().add(Paint::Plain, look.say(Word::WhichComponents)), Spans::new()], look);
    let needed = needed(state);
    let title = state.catalog.components.values().map(|component| text::width(component.title.of(lang))).max();
    let title = title.unwrap_or(0).min(36);
    if let Some(edit) = &state.components.naming {
        let line = typing_line(look, look.say(Word::NameLabel), edit, area.width);
        put_all(buffer, Rect { y: area.y + 1, height: 1, ..area }, [line], look);
    }
    let list = Rect { y: area.y + used, height: area.height.saturating_sub(used + 4), ..area };
    let count = state.catalog.components.len();
    let components: Vec<_> = state.catalog.components.values().collect();
    let shown = rows(state.components.cursor.0, count + 1, list.height);
    for (row, index) in (0_u16..).zip(shown.clone()) {
        let (line, style) = row_of(index == state.components.cursor.0, look);
        let Some(component) = components.get(index) else {
            styled(buffer, list, row, line.add(Paint::Bold, look.say(Word::Continue)), look, style);
            continue;
        };
        let by = needed.get(&component.id);
        let on = state.components.chosen.contains(&component.id) || by.is_some();
        let line = line
            .add_label(Paint::Plain, look.glyph(if on { Glyph::On } else { Glyph::Off }))
            .gap(1)
            .column(Paint::Bold, text::cut(component.title.of(lang), title), title)
            .gap(2)
            .column(Paint::Dim, &component.version, 8)
            .gap(2);
        let line = match by.filter(|_| !state.components.chosen.contains(&component.id)) {
            _ if lacks(state, &component.id) => line.add(Paint::Warn, look.say(Word::NotInBundle)),
            Some(by) => {
                let by: Vec<&str> = by.iter().map(|id| state.catalog.title(id).of(lang)).collect();
                line.add(Paint::Accent, fill(look.say(Word::NeededBy), &[("by", &by.join(", "))]))
            }
            None => match &component.origin {
                Some(origin) => line.add(Paint::Dim, fill(look.say(Word::FromFolder), &[("folder", origin)])),
                None => line,
            },
        };
        let line = match state.connected.as_ref().and_then(|connected| connected.installed.get(&component.id)) {
            Some(status) => {
                let (word, paint) = installed(status);
                let line = line.gap(2).add(paint, look.say(word));
                let stays = line.clone().gap(1).add(Paint::Dim, look.say(Word::NotChosenStays));
                if on || stays.width() > usize::from(list.width) { line } else { stays }
            }
            None => line,
        };
        styled(buffer, list, row, line, look, style);
    }
    let y = list.bottom();
    divider(buffer, Rect { y, height: 1, ..area }, shown, count + 1, look);
    let Some(component) = components.get(state.components.cursor.0) else { return };
    let requires: Vec<String> = component
        .requires
        .iter()
        .map(|other| {
            let title = match &other.export {
                None => state.catalog.title(&other.id).of(lang).to_owned(),
                Some(export) => {
                    let all = state.catalog.providers(export).filter(|giver| giver.id != component.id);
                    all.map(|giver| giver.title.of(lang)).collect::<Vec<_>>().join(" / ")
                }
            };
            if other.optional { fill(look.say(Word::IfChosen), &[("title", &title)]) } else { title }
        })
        .collect();
    let requires = if requires.is_empty() { look.say(Word::Nothing).to_owned() } else { requires.join(", ") };
    let mut lines = vec![Spans::new().column(Paint::Dim, look.say(Word::Requires), 14).add(Paint::Plain, requires)];
    let release = match &component.release {
        None => Some(look.say(Word::ActionsOnly).to_owned()),
        // A component that requires it may name it; one that is not chosen has no name.
        Some(_) => {
            let name = |question| state.draft.answers.get(&component.id, question).text();
            name("namespace").zip(name("release")).map(|(namespace, name)| format!("{namespace} / {name}"))
        }
    };
    lines.extend(
        release.map(|release| Spans::new().column(Paint::Dim, look.say(Word::Release), 14).add(Paint::Plain, release)),
    );
    // In the row there may be no room for it.
    let on = state.components.chosen.contains(&component.id) || needed.contains_key(&component.id);
    let there = state.connected.as_ref().is_some_and(|connected| connected.installed.contains_key(&component.id));
    if there && !on {
        lines.push(Spans::new().add(Paint::Dim, look.say(Word::NotChosenStays)));
    }
    put_all(buffer, Rect { y: y + 1, height: area.bottom().saturating_sub(y + 1), ..area }, lines, look);
}

/// The word for the status of an installed component.
pub(super) const fn installed(status: &ComponentStatus) -> (Word, Paint) {
    match status {
        ComponentStatus::Healthy => (Word::InstalledHealthy, Paint::Good),
        ComponentStatus::Ready | ComponentStatus::NotInstalled => (Word::InstalledReady, Paint::Good),
        ComponentStatus::NotReady(_) | ComponentStatus::Unhealthy(_) => (Word::InstalledNotReady, Paint::Warn),
        ComponentStatus::Missing => (Word::InstalledMissing, Paint::Bad),
    }
}
