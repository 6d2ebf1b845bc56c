//! Where images come from: where they are published, the site's registry, or an offline bundle that is pushed there.

use std::collections::BTreeSet;

use crossterm::event::{KeyCode, KeyEvent};

use super::common::page;
use super::edit::{answer, choose as choose_option, ways};
use super::field::{problem, raw};
use super::source_pane::draw;
use super::source_rows::{ABOUT_REGISTRY, Row, here, id, question, rows_of};
use crate::catalog::{QuestionId, Widget};
use crate::render::tui::answering::{REGISTRY, in_use, lacks, origin, registry};
use crate::render::tui::flow::{back, preflight};
use crate::render::tui::keymap::{Command, Scope, command as command_of};
use crate::render::tui::message::{Intent, SourceEvent, SourceIntent};
use crate::render::tui::source::{OfflineChoice, Origin, VerifyState};
use crate::render::tui::state::{Screen, State, Tone};
use crate::render::tui::typing::Typing;
use crate::render::tui::view::{TextInput, View};
use crate::render::tui::widgets::{Cursor, LineEdit};
use crate::render::tui::words::Word;

/// To a row of the screen.
fn go_to(state: &mut State, row: Row) {
    let at = rows_of(state).iter().position(|known| *known == row);
    state.source.cursor = Cursor(at.unwrap_or(0));
}

/// Shows the screen for the chosen cluster. An offline bundle that was given before is opened at once.
pub(in crate::render::tui) fn enter(state: &mut State) -> Vec<Intent> {
    state.screen = Screen::Source;
    state.source.push = None;
    go_to(state, Row::Continue);
    match origin(state) == Origin::Bundle && !state.source.choice.bundle.is_empty() {
        true => open(state),
        false => Vec::new(),
    }
}

/// Where images come from.
pub(super) const VIEW: View = View {
    title: Word::Source,
    scope: Scope::Source,
    list: &[Command::Undo, Command::Left, Command::Right, Command::Toggle, Command::Refresh, Command::Continue],
    enter: None,
    keys,
    act,
    draw,
    input: Some(TextInput { is_open: is_typing, key: typed, paste }),
};

fn keys(state: &State) -> Vec<(Scope, Command)> {
    let mut keys = vec![(Scope::Any, Command::Enter), (Scope::Any, Command::Continue)];
    if origin(state) == Origin::Bundle {
        keys.extend([(Scope::Source, Command::Verify), (Scope::List, Command::Refresh)]);
    }
    keys
}

fn act(state: &mut State, command: Command) -> Vec<Intent> {
    let all = rows_of(state);
    let page = page(state);
    state.source.cursor.within(all.len());
    if state.source.cursor.moved(command, all.len(), page) {
        // Over a heading in the direction of the move.
        if matches!(here(state), Some(Row::Heading(_))) {
            let up = matches!(command, Command::Up | Command::PageUp);
            state.source.cursor.0 = if up { state.source.cursor.0 - 1 } else { state.source.cursor.0 + 1 };
        }
        return Vec::new();
    }
    let here = here(state);
    match (command, here) {
        (Command::Back | Command::Verify, _) if is_reading(state) => stop(state),
        (Command::Back, _) => back(state),
        (Command::Continue, _) | (Command::Enter, Some(Row::Continue)) => proceed(state),
        (Command::Enter | Command::Toggle, Some(Row::Origin(origin))) => choose(state, origin),
        (Command::Verify, _) => verify(state),
        (Command::Refresh, _) | (Command::Enter, Some(Row::Check)) => open(state),
        (Command::Enter, Some(Row::Push)) => ask(state),
        (Command::Enter, Some(Row::Bundle)) => typing(state, |choice| &choice.bundle),
        (Command::Enter, Some(Row::Key)) => typing(state, |choice| &choice.key),
        (Command::Enter, Some(Row::Ca)) => typing(state, |choice| &choice.ca),
        (_, Some(Row::Answer(_))) => of_question(state, command),
        _ => Vec::new(),
    }
}

fn typing(state: &mut State, text: fn(&OfflineChoice) -> &String) -> Vec<Intent> {
    state.source.typing = Some(Typing::Answer(LineEdit::new(text(&state.source.choice))));
    Vec::new()
}

/// A command on the row of a question.
fn of_question(state: &mut State, command: Command) -> Vec<Intent> {
    let Some((id, question)) = question(state, here(state)) else { return Vec::new() };
    let widget = question.kind.rules().widget();
    match command {
        Command::Undo if state.edits.remove(&id).is_some() => state.answers_changed(),
        Command::Left | Command::Right | Command::Toggle => {
            choose_option(state, &id, &question, command != Command::Left);
        }
        Command::Enter if widget == Widget::Switch => choose_option(state, &id, &question, true),
        Command::Enter => {
            let secret = widget == Widget::Secret;
            let line = || Typing::Answer(LineEdit::new(&raw(state, &id)));
            state.source.typing = Some(if secret { Typing::SecretKind(Cursor::default()) } else { line() });
            return Vec::new();
        }
        _ => return Vec::new(),
    }
    changed(state)
}

fn choose(state: &mut State, origin: Origin) -> Vec<Intent> {
    state.source.origin = origin;
    let named = id(REGISTRY);
    if origin == Origin::Published && registry(state).is_some() {
        answer(state, &named, String::new());
    }
    // It was only cleared for another choice.
    if origin != Origin::Published && state.edits.get(&named).is_some_and(String::is_empty) {
        state.edits.remove(&named);
    }
    match_components(state);
    go_to(
        state,
        match origin {
            Origin::Published => Row::Continue,
            Origin::Registry => Row::Answer(REGISTRY),
            Origin::Bundle => Row::Bundle,
        },
    );
    let unopened = state.source.opened.is_none() && !state.source.choice.bundle.is_empty();
    if origin == Origin::Bundle && unopened { open(state) } else { Vec::new() }
}

/// Omits components that the offline bundle lacks, and restores those that only another one lacked.
fn match_components(state: &mut State) {
    let omitted = std::mem::take(&mut state.source.omitted);
    let substituted = std::mem::take(&mut state.source.substituted);
    state.components.chosen.retain(|id| !substituted.contains(id));
    state.components.chosen.extend(omitted);
    let lacking: BTreeSet<String> = state.components.chosen.iter().filter(|id| lacks(state, id)).cloned().collect();
    state.components.chosen.retain(|id| !lacking.contains(id));
    state.source.omitted = lacking;
    if state.components.chosen.is_empty()
        && let Some(view) = in_use(state)
    {
        // As in an install without screens.
        let known = |id: &&String| state.catalog.components.contains_key(*id);
        let substituted: BTreeSet<String> = view.components.iter().filter(known).cloned().collect();
        state.components.chosen.clone_from(&substituted);
        state.source.substituted = substituted;
    }
    state.answers_changed();
}

/// Opens the offline bundle anew.
fn open(state: &mut State) -> Vec<Intent> {
    if origin(state) != Origin::Bundle {
        return Vec::new();
    }
    let mut intents = if is_reading(state) { stop(state) } else { Vec::new() };
    (state.source.opened, state.source.reading, state.source.push) = (None, None, None);
    if state.source.choice.bundle.is_empty() {
        match_components(state);
        return intents;
    }
    state.busy = Some((Word::OpeningBundle, state.now));
    intents.push(Intent::Source(SourceIntent::Open(state.source.choice.clone())));
    intents
}

const fn is_reading(state: &State) -> bool {
    matches!(state.source.reading, Some(VerifyState::InProgress(..)))
}

/// Reads every byte.
fn verify(state: &mut State) -> Vec<Intent> {
    let Some(view) = in_use(state) else {
        state.notice = unusable(state).map(|(_, why)| (Tone::Bad, why));
        return Vec::new();
    };
    state.source.reading = Some(VerifyState::InProgress(0, view.bytes));
    go_to(state, Row::Check);
    vec![Intent::Source(SourceIntent::Verify(state.source.choice.clone()))]
}

fn stop(state: &mut State) -> Vec<Intent> {
    state.source.reading = None;
    state.notice = Some((Tone::Warning, state.look.say(Word::ReadStopped).to_owned()));
    vec![Intent::Source(SourceIntent::StopVerify)]
}

/// Drops the registry's answer, which was for other answers, and asks again.
fn changed(state: &mut State) -> Vec<Intent> {
    (state.source.push, state.registry) = (None, None);
    if in_use(state).is_some() && registry(state).is_some() { ask(state) } else { Vec::new() }
}

/// Asks the registry what a push would do.
pub(super) fn ask(state: &mut State) -> Vec<Intent> {
    if let Some((_, why)) = unusable(state) {
        state.notice = Some((Tone::Bad, why));
        return Vec::new();
    }
    state.busy = Some((Word::CheckingRegistry, state.now));
    vec![Intent::Source(SourceIntent::Plan(state.source.choice.clone(), state.answered()))]
}

/// Why there can be no install from this source, and the row to look at.
fn unusable(state: &State) -> Option<(Row, String)> {
    let say = |row: Row, word: Word| Some((row, state.look.say(word).to_owned()));
    let origin = origin(state);
    if origin == Origin::Bundle {
        match &state.source.opened {
            _ if state.source.choice.bundle.is_empty() => return say(Row::Bundle, Word::NameBundle),
            None => return say(Row::Check, Word::OpeningBundle),
            Some(Err(why)) => return Some((Row::Check, why.clone())),
            Some(Ok(_)) => {}
        }
    }
    if origin != Origin::Published {
        if registry(state).is_none() {
            return say(Row::Answer(REGISTRY), Word::NameRegistry);
        }
        let wrong = ABOUT_REGISTRY.into_iter().find_map(|name| Some((name, problem(state, &id(name))?)));
        return wrong.map(|(name, why)| (Row::Answer(name), why));
    }
    None
}

fn proceed(state: &mut State) -> Vec<Intent> {
    if let Some((row, why)) = unusable(state) {
        go_to(state, row);
        state.notice = Some((Tone::Bad, why));
        return Vec::new();
    }
    let used = (origin(state) == Origin::Bundle).then(|| state.source.choice.clone());
    state.screen = Screen::Preflight;
    state.preflight.report = None;
    let mut intents = vec![Intent::Source(SourceIntent::Use(used))];
    intents.extend(preflight(state));
    intents
}

/// Applies an answer.
pub(in crate::render::tui) fn apply_event(state: &mut State, news: SourceEvent) -> Vec<Intent> {
    match news {
        SourceEvent::Opened(opened) => {
            state.done_waiting(Word::OpeningBundle);
            state.source.opened = Some(opened.map_err(|errors| errors.join(": ")));
            let untouched = !state.is_changed();
            match_components(state);
            if untouched {
                // Omitting what it lacks is not a change of the user's.
                state.mark_saved();
            }
            return changed(state);
        }
        SourceEvent::Read(done, total) if is_reading(state) => {
            state.source.reading = Some(VerifyState::InProgress(done, total));
        }
        SourceEvent::Read(..) => {}
        SourceEvent::Verified(Ok(bytes)) => state.source.reading = Some(VerifyState::Intact(bytes)),
        SourceEvent::Verified(Err(errors)) => {
            let why = errors.join(": ");
            // The screen may have been left meanwhile.
            state.notice = Some((Tone::Bad, why.clone()));
            state.source.reading = Some(VerifyState::Damaged(why));
        }
        SourceEvent::Planned(push) => {
            state.done_waiting(Word::CheckingRegistry);
            let push = push.map_err(|errors| errors.join(": "));
            state.registry = Some(match &push {
                Ok(push) if push.problems.is_empty() => (true, push.counts(state.look)),
                Ok(push) => (false, push.problems.join("; ")),
                Err(why) => (false, why.clone()),
            });
            state.source.push = Some(push);
            state.rebuild_draft();
        }
    }
    Vec::new()
}

fn is_typing(state: &State) -> bool {
    state.source.typing.is_some()
}

/// A key while something is typed here.
fn typed(state: &mut State, key: KeyEvent) -> Vec<Intent> {
    let Some(mut typing) = state.source.typing.take() else { return Vec::new() };
    let row = here(state);
    let asked = question(state, row);
    match (key.code, &mut typing) {
        (KeyCode::Esc, _) => {}
        (KeyCode::Enter | KeyCode::Tab, Typing::Answer(edit)) => {
            let text = edit.text().trim().to_owned();
            let intents = match (row, asked) {
                (_, Some((id, _))) => answered(state, &id, text, typing),
                (Some(row), None) => named(state, row, text),
                _ => Vec::new(),
            };
            if key.code == KeyCode::Tab && !is_typing(state) {
                return intents.into_iter().chain(act(state, Command::Down)).collect();
            }
            return intents;
        }
        (KeyCode::Enter, Typing::SecretKind(cursor)) => {
            let Some((id, question)) = asked else { return Vec::new() };
            match ways(&question).get(cursor.0).map(|(way, _)| *way) {
                Some(way @ ("generate" | "")) => return answered(state, &id, way.to_owned(), typing),
                Some(way) => state.source.typing = Some(Typing::SecretName(way, LineEdit::default())),
                None => {}
            }
        }
        (KeyCode::Enter, Typing::SecretName(way, edit)) => {
            let text = format!("{way}:{}", edit.text());
            return asked.map(|(id, _)| answered(state, &id, text, typing)).unwrap_or_default();
        }
        (_, Typing::SecretKind(cursor)) => {
            let count = asked.map_or(0, |(_, question)| ways(&question).len());
            if let Some(command) = command_of(Scope::List, key) {
                cursor.moved(command, count, 1);
            }
            state.source.typing = Some(typing);
        }
        (_, Typing::Answer(edit) | Typing::SecretName(_, edit) | Typing::Filter(edit)) => {
            edit.key(key);
            state.source.typing = Some(typing);
        }
    }
    Vec::new()
}

/// A file was named.
fn named(state: &mut State, row: Row, text: String) -> Vec<Intent> {
    let choice = &mut state.source.choice;
    match row {
        Row::Bundle => choice.bundle = text,
        Row::Key => choice.key = text,
        Row::Ca => {
            choice.ca = text;
            return changed(state);
        }
        _ => return Vec::new(),
    }
    open(state)
}

/// A question was answered. An invalid answer is edited again, and the answer before stays.
fn answered(state: &mut State, id: &QuestionId, text: String, typing: Typing) -> Vec<Intent> {
    let before = state.edits.get(id).cloned();
    answer(state, id, text);
    if let Some(problem) = problem(state, id) {
        match before {
            Some(text) => state.edits.insert(id.clone(), text),
            None => state.edits.remove(id),
        };
        state.answers_changed();
        state.notice = Some((Tone::Bad, problem));
        state.source.typing = Some(typing);
        return Vec::new();
    }
    changed(state)
}

fn paste(state: &mut State, text: &str) {
    if let Some(Typing::Answer(edit) | Typing::SecretName(_, edit)) = &mut state.source.typing {
        edit.insert(text);
    }
}
