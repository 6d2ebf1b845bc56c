//! Where images come from: where they are published, the site's registry, or an offline bundle that is pushed there.

use std::collections::BTreeSet;

use crossterm::event::{KeyCode, KeyEvent};

use super::field::{problem, raw};
use super::form::{answer, choose as choose_option, ways};
use super::source_news::{BundleView, OfflineChoice, PushView, Reading, SourceIntent, SourceNews};
use super::source_pane::counts;
use super::{back, page, preflight};
use crate::answers::LayerKind;
use crate::catalog::{Question, QuestionId, Widget};
use crate::render::tui::keymap::{Command, Scope, command as command_of};
use crate::render::tui::state::{Screen, State, Tone, Typing};
use crate::render::tui::update::Intent;
use crate::render::tui::widgets::{Cursor, LineEdit};
use crate::render::tui::words::Word;

/// The questions about the registry, in the order of their rows.
const ABOUT_REGISTRY: [&str; 3] = [REGISTRY, "pull_secret", "registry_plain_http"];

/// The one that names it.
const REGISTRY: &str = "registry";

/// Where images come from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Origin {
    /// Each from where it is published.
    #[default]
    Published,
    /// The site's registry, which has them.
    Registry,
    /// An offline bundle, which is pushed to the site's registry.
    Bundle,
}

/// What this screen knows.
#[derive(Debug, Clone, Default)]
pub struct Source {
    /// What was chosen; [`origin`] says what counts.
    pub origin: Origin,
    /// Which offline bundle.
    pub choice: OfflineChoice,
    /// Further options of the command line for it, each with its value if it has one.
    pub more: Vec<(&'static str, Option<String>)>,
    /// What it is, or why it cannot be used.
    pub opened: Option<Result<BundleView, String>>,
    /// How far it was read.
    pub reading: Option<Reading>,
    /// What a push would do, or why that is not known.
    pub push: Option<Result<PushView, String>>,
    pub(super) cursor: Cursor,
    pub(super) typing: Option<Typing>,
    /// Components that were chosen and are not in it, and those that took their place where it had none of them.
    left_out: BTreeSet<String>,
    brought: BTreeSet<String>,
}

impl Source {
    /// With what the command line says.
    #[must_use]
    pub fn new(choice: OfflineChoice, more: Vec<(&'static str, Option<String>)>) -> Self {
        let origin = if choice.bundle.is_empty() { Origin::Published } else { Origin::Bundle };
        Self { origin, choice, more, ..Self::default() }
    }
}

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

/// Where images come from, by what was chosen here and by what the answers say of a registry.
pub(in crate::render::tui) fn origin(state: &State) -> Origin {
    match state.source.origin {
        Origin::Bundle => Origin::Bundle,
        _ if registry(state).is_some() => Origin::Registry,
        chosen => chosen,
    }
}

/// The offline bundle that is installed from, once it was opened.
fn in_use(state: &State) -> Option<&BundleView> {
    state.source.opened.as_ref().filter(|_| origin(state) == Origin::Bundle)?.as_ref().ok()
}

/// Whether the images of a component are not to be had: the offline bundle that is installed from lacks it.
pub(super) fn lacks(state: &State, id: &str) -> bool {
    let base = state.catalog.components.get(id).map_or(id, |component| component.base.as_str());
    in_use(state).is_some_and(|view| !view.components.contains(id) && !view.components.contains(base))
}

/// The name of the offline bundle that is installed from.
pub(super) fn name(state: &State) -> &str {
    in_use(state).map_or("", |view| &view.name)
}

/// The options that say the same on a command line, each with a space before.
pub(in crate::render::tui) fn flags(state: &State) -> String {
    if origin(state) != Origin::Bundle {
        return String::new();
    }
    let OfflineChoice { bundle, key, ca } = &state.source.choice;
    let registry = registry(state).unwrap_or_default();
    let options = [("--bundle", bundle.as_str()), ("--registry", registry), ("--key", key)];
    let options = options.into_iter().chain(ca.split(':').map(|ca| ("--ca", ca)));
    let named = options.filter(|(_, value)| !value.is_empty());
    let named = named.map(|(option, value)| format!(" {option} {}", quoted(value)));
    let more = state.source.more.iter().map(|(option, value)| match value {
        Some(value) => format!(" {option} {}", quoted(value)),
        None => format!(" {option}"),
    });
    named.chain(more).collect()
}

/// A word as a shell takes it back. A tilde at the beginning stays one.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_./=:,+@%-~".contains(c);
    if word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

/// Answers that the offline bundle brings, where nobody gave others: they are shown as what will be.
pub(in crate::render::tui) fn pin(state: &mut State) {
    let Some(Ok(push)) = state.source.push.as_ref().filter(|_| origin(state) == Origin::Bundle) else { return };
    let given = |kind: &LayerKind| {
        matches!(kind, LayerKind::File | LayerKind::Environment | LayerKind::Flag | LayerKind::Screen)
    };
    for (id, pinned) in &push.pinned {
        if let Some((answer, kind)) = state.draft.answers.values.get_mut(id)
            && !given(kind)
        {
            (*answer, *kind) = (pinned.clone(), LayerKind::Bundle);
        }
    }
}

fn registry(state: &State) -> Option<&str> {
    state.draft.answers.get("platform", REGISTRY).text()
}

fn id(question: &str) -> QuestionId {
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

/// To a row of the screen.
fn go_to(state: &mut State, row: Row) {
    let at = rows_of(state).iter().position(|known| *known == row);
    state.source.cursor = Cursor(at.unwrap_or(0));
}

/// Shows the screen for a cluster that was chosen. What was named before is checked at once.
pub(in crate::render::tui) fn enter(state: &mut State) -> Vec<Intent> {
    state.screen = Screen::Source;
    state.source.push = None;
    go_to(state, Row::Continue);
    match origin(state) == Origin::Bundle && !state.source.choice.bundle.is_empty() {
        true => open(state),
        false => Vec::new(),
    }
}

pub(super) fn act(state: &mut State, command: Command) -> Vec<Intent> {
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
        (Command::Continue, _) | (Command::Enter, Some(Row::Continue)) => go_on(state),
        (Command::Enter | Command::Toggle, Some(Row::Origin(origin))) => choose(state, origin),
        (Command::Verify, _) => verify(state),
        (Command::Again, _) | (Command::Enter, Some(Row::Check)) => open(state),
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
        Command::Undo if state.edits.remove(&id).is_some() => state.again(),
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
    // It was only emptied for another choice.
    if origin != Origin::Published && state.edits.get(&named).is_some_and(String::is_empty) {
        state.edits.remove(&named);
    }
    hold(state);
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

/// Leaves out what the offline bundle lacks, and takes back what only another one lacked.
fn hold(state: &mut State) {
    let (back, brought) = (std::mem::take(&mut state.source.left_out), std::mem::take(&mut state.source.brought));
    state.chosen.retain(|id| !brought.contains(id));
    state.chosen.extend(back);
    let lacking: BTreeSet<String> = state.chosen.iter().filter(|id| lacks(state, id)).cloned().collect();
    state.chosen.retain(|id| !lacking.contains(id));
    state.source.left_out = lacking;
    if state.chosen.is_empty()
        && let Some(view) = in_use(state)
    {
        // As without screens.
        let known = |id: &&String| state.catalog.components.contains_key(*id);
        let brought: BTreeSet<String> = view.components.iter().filter(known).cloned().collect();
        state.chosen.clone_from(&brought);
        state.source.brought = brought;
    }
    state.again();
}

/// Opens the offline bundle anew.
fn open(state: &mut State) -> Vec<Intent> {
    if origin(state) != Origin::Bundle {
        return Vec::new();
    }
    let mut intents = if is_reading(state) { stop(state) } else { Vec::new() };
    (state.source.opened, state.source.reading, state.source.push) = (None, None, None);
    if state.source.choice.bundle.is_empty() {
        hold(state);
        return intents;
    }
    state.busy = Some((Word::OpeningBundle, state.now));
    intents.push(Intent::Source(SourceIntent::Open(state.source.choice.clone())));
    intents
}

const fn is_reading(state: &State) -> bool {
    matches!(state.source.reading, Some(Reading::Going(..)))
}

/// Reads every byte, which takes its time.
fn verify(state: &mut State) -> Vec<Intent> {
    let Some(view) = in_use(state) else {
        state.notice = unusable(state).map(|(_, why)| (Tone::Bad, why));
        return Vec::new();
    };
    state.source.reading = Some(Reading::Going(0, view.bytes));
    go_to(state, Row::Check);
    vec![Intent::Source(SourceIntent::Verify(state.source.choice.clone()))]
}

fn stop(state: &mut State) -> Vec<Intent> {
    state.source.reading = None;
    state.notice = Some((Tone::Warning, state.look.say(Word::ReadStopped).to_owned()));
    vec![Intent::Source(SourceIntent::StopVerify)]
}

/// What the registry has was asked with other answers.
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
    state.busy = Some((Word::AskingRegistry, state.now));
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

fn go_on(state: &mut State) -> Vec<Intent> {
    if let Some((row, why)) = unusable(state) {
        go_to(state, row);
        state.notice = Some((Tone::Bad, why));
        return Vec::new();
    }
    let used = (origin(state) == Origin::Bundle).then(|| state.source.choice.clone());
    state.screen = Screen::Preflight;
    state.report = None;
    let mut intents = vec![Intent::Source(SourceIntent::Use(used))];
    intents.extend(preflight::look(state));
    intents
}

/// Takes in what was asked for.
pub(in crate::render::tui) fn heard(state: &mut State, news: SourceNews) -> Vec<Intent> {
    match news {
        SourceNews::Opened(opened) => {
            state.is_there(Word::OpeningBundle);
            state.source.opened = Some(opened.map_err(|errors| errors.join(": ")));
            let untouched = !state.is_changed();
            hold(state);
            if untouched {
                // What it lacks is left out by itself, which is no answer of anybody's.
                state.settle();
            }
            return changed(state);
        }
        SourceNews::Read(done, total) if is_reading(state) => {
            state.source.reading = Some(Reading::Going(done, total));
        }
        SourceNews::Read(..) => {}
        SourceNews::Verified(Ok(bytes)) => state.source.reading = Some(Reading::Sound(bytes)),
        SourceNews::Verified(Err(errors)) => {
            let why = errors.join(": ");
            // Whoever has gone on meanwhile wants to know.
            state.notice = Some((Tone::Bad, why.clone()));
            state.source.reading = Some(Reading::Wrong(why));
        }
        SourceNews::Planned(push) => {
            state.is_there(Word::AskingRegistry);
            let push = push.map_err(|errors| errors.join(": "));
            state.registry = Some(match &push {
                Ok(push) if push.problems.is_empty() => (true, counts(push, state.look)),
                Ok(push) => (false, push.problems.join("; ")),
                Err(why) => (false, why.clone()),
            });
            state.source.push = Some(push);
            state.draft_again();
        }
    }
    Vec::new()
}

pub(super) fn is_typing(state: &State) -> bool {
    state.source.typing.is_some()
}

/// A key while something is typed here.
pub(super) fn typed(state: &mut State, key: KeyEvent) -> Vec<Intent> {
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

/// A question was answered. What is refused is typed on, and what was there before stays.
fn answered(state: &mut State, id: &QuestionId, text: String, typing: Typing) -> Vec<Intent> {
    let before = state.edits.get(id).cloned();
    answer(state, id, text);
    if let Some(problem) = problem(state, id) {
        match before {
            Some(text) => state.edits.insert(id.clone(), text),
            None => state.edits.remove(id),
        };
        state.again();
        state.notice = Some((Tone::Bad, problem));
        state.source.typing = Some(typing);
        return Vec::new();
    }
    changed(state)
}

pub(super) fn paste(state: &mut State, text: &str) {
    if let Some(Typing::Answer(edit) | Typing::SecretName(_, edit)) = &mut state.source.typing {
        edit.insert(text);
    }
}
