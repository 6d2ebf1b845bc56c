//! Questions as fields, made from the catalog: whatever it asks can be answered here.

use std::ops::Range;

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::common::{divider, page};
use super::edit::{answer, choose, typing_line, ways};
use super::field::{escaped, field, known, problem, raw, unescaped};
use super::{secret, source};
use crate::catalog::{Question, QuestionId, Widget};
use crate::event::Status;
use crate::render::paint::{Paint, Spans};
use crate::render::tui::answering::{bundle_name, origin};
use crate::render::tui::flow::{back, next, plan};
use crate::render::tui::keymap::{Command, Scope, command as command_of};
use crate::render::tui::look::Glyph;
use crate::render::tui::message::Intent;
use crate::render::tui::source::Origin;
use crate::render::tui::state::{FormKind, Screen, State, Tone};
use crate::render::tui::typing::Typing;
use crate::render::tui::view::{TextInput, View, usual_keys};
use crate::render::tui::widgets::{Cursor, LineEdit, put, put_all, row_of, rows, styled};
use crate::render::tui::words::{Word, fill};

/// Rows below the fields, for the details of one of them; more where they are longer.
const DETAIL: u16 = 4;

/// A row of a form.
#[derive(Debug, Clone)]
pub(super) enum Row {
    Heading(String),
    Field(QuestionId, Box<Question>),
    Continue,
}

impl Row {
    /// The question that it is about.
    const fn question(&self) -> Option<&QuestionId> {
        match self {
            Self::Field(id, _) => Some(id),
            _ => None,
        }
    }
}

/// To the answer that is most likely at fault for the selected step: the image that its failure names, else the first
/// question of its component.
pub(super) fn at_failure(state: &mut State) {
    let failure = state.run.as_ref().and_then(|run| {
        let id = run.selected()?;
        let step = run.state.announced(id)?;
        let Some(Status::Failed { errors, findings, .. }) = run.state.steps.get(id).map(|known| &known.status) else {
            return None;
        };
        let messages = findings.iter().map(|finding| format!("{} {:?}", finding.message, finding.event));
        Some((step.component.clone(), errors.iter().cloned().chain(messages).collect::<String>()))
    });
    for screen in [Screen::Images, Screen::Questions] {
        state.screen = screen;
        if let Some(form) = state.form_mut() {
            form.filter.clear();
        }
        let Some((component, message)) = &failure else { continue };
        let rows = form_rows(state);
        let named = |id: &QuestionId| {
            let value = raw(state, id);
            screen == Screen::Questions
                || (value.len() > 2 && message.contains(&format!(":{value}"))
                    || message.contains(&value) && value.contains('/'))
        };
        let at =
            rows.iter().position(|row| matches!(row, Row::Field(id, _) if id.component == *component && named(id)));
        if let (Some(at), Some(form)) = (at, state.form_mut()) {
            form.cursor = Cursor(at);
            return;
        }
    }
}

/// The rows of the form that is shown.
pub(super) fn form_rows(state: &State) -> Vec<Row> {
    let Some((about, form)) = state.form() else { return Vec::new() };
    let lang = state.look.lang.code();
    let ids = std::iter::once("platform").chain(state.draft.answers.components.iter().map(String::as_str));
    let mut rows = Vec::new();
    for component in ids {
        let mut last = None;
        for question in state.catalog.questions(component) {
            let title = question.title.of(lang);
            let id = QuestionId::new(component, &question.id);
            let text = format!("{title} {id}").to_lowercase();
            let wanted = form.filter.to_lowercase().split_whitespace().all(|word| text.contains(word));
            let asked = wanted && !state.draft.unasked.contains(&id);
            if state.catalog.is_about_images(&id) != (about == FormKind::Images) || !asked {
                continue;
            }
            let group = question.group.as_ref().map_or("", |group| group.of(lang));
            let of = state.catalog.title(component).of(lang);
            let heading = if group.is_empty() || group == of { of.to_owned() } else { format!("{of}: {group}") };
            if last.as_ref() != Some(&heading) {
                rows.push(Row::Heading(heading.clone()));
                last = Some(heading);
            }
            rows.push(Row::Field(id, Box::new(question.clone())));
        }
    }
    if form.filter.is_empty() {
        rows.push(Row::Continue);
    }
    rows
}

/// The row under the cursor, which is never on a heading.
fn here(state: &State, rows: &[Row]) -> usize {
    let at = state.form().map_or(0, |(_, form)| form.cursor.0).min(rows.len().saturating_sub(1));
    let is_heading = |at: usize| matches!(rows.get(at), Some(Row::Heading(_)));
    if is_heading(at) { (at + 1).min(rows.len().saturating_sub(1)) } else { at }
}

/// Everything else that can be decided.
pub(super) const QUESTIONS: View = View {
    title: Word::Questions,
    scope: Scope::List,
    list: &[
        Command::Filter,
        Command::Next,
        Command::Previous,
        Command::Undo,
        Command::Left,
        Command::Right,
        Command::Toggle,
        Command::Continue,
    ],
    enter: Some(Word::KeyChange),
    keys: usual_keys,
    act,
    draw,
    input: Some(TextInput {
        is_open: |state| state.form().is_some_and(|(_, form)| form.typing.is_some()),
        key: typed,
        paste,
    }),
};

/// Each image.
pub(super) const IMAGES: View = View {
    title: Word::Images,
    list: &[
        Command::Filter,
        Command::Next,
        Command::Previous,
        Command::Undo,
        Command::Left,
        Command::Right,
        Command::Toggle,
        Command::Refresh,
        Command::Continue,
    ],
    ..QUESTIONS
};

fn act(state: &mut State, command: Command) -> Vec<Intent> {
    let rows = form_rows(state);
    let at = here(state, &rows);
    let page = page(state);
    let Some(form) = state.form_mut() else { return Vec::new() };
    form.cursor = Cursor(at);
    if form.cursor.moved(command, rows.len(), page) {
        // Over a heading in the direction of the move.
        if matches!(rows.get(form.cursor.0), Some(Row::Heading(_))) {
            let up = matches!(command, Command::Up | Command::PageUp);
            form.cursor.0 = if up && form.cursor.0 > 0 { form.cursor.0 - 1 } else { form.cursor.0 + 1 };
        }
        return Vec::new();
    }
    match (command, rows.get(at)) {
        (Command::Next | Command::Previous, _) => form.cursor = Cursor(section(&rows, at, command == Command::Next)),
        (Command::Filter, _) => form.typing = Some(Typing::Filter(LineEdit::new(&form.filter.clone()))),
        (Command::Back, here) if !form.filter.is_empty() => {
            form.filter.clear();
            // On the same question as before.
            let wanted = here.and_then(Row::question);
            let at = form_rows(state).iter().position(|row| wanted.is_some() && row.question() == wanted);
            if let Some(form) = state.form_mut() {
                form.cursor = Cursor(at.unwrap_or(0));
            }
        }
        (Command::Back, _) => return back(state),
        (Command::Continue, _) | (Command::Enter, Some(Row::Continue)) => return proceed(state),
        (Command::Left | Command::Right | Command::Toggle, Some(Row::Field(id, question))) => {
            choose(state, id, question, command != Command::Left);
            return changed(state);
        }
        (Command::Enter, Some(Row::Field(id, question))) => open(state, id, question),
        (Command::Undo, Some(Row::Field(id, _))) if state.edits.remove(id).is_some() => {
            state.answers_changed();
            return changed(state);
        }
        (Command::Refresh, _) => return changed(state),
        _ => {}
    }
    Vec::new()
}

/// Checks the registry again after another image was chosen.
fn changed(state: &mut State) -> Vec<Intent> {
    if state.screen != Screen::Images {
        return Vec::new();
    }
    state.registry = None;
    ask_registry(state)
}

fn ask_registry(state: &mut State) -> Vec<Intent> {
    if origin(state) == Origin::Bundle {
        return source::ask(state);
    }
    state.busy = Some((Word::CheckingRegistry, state.now));
    vec![Intent::Registry(state.answered())]
}

/// The first field of the next heading, or of the one before.
fn section(rows: &[Row], at: usize, after: bool) -> usize {
    let heads: Vec<usize> =
        rows.iter().enumerate().filter(|(_, row)| matches!(row, Row::Heading(_))).map(|(at, _)| at + 1).collect();
    let found = match after {
        true => heads.iter().find(|head| **head > at).copied().or(Some(rows.len().saturating_sub(1))),
        false => heads.iter().rev().find(|head| **head < at).copied(),
    };
    found.unwrap_or(0)
}

/// On to the next screen, if nothing is wrong or missing here; else to the first field where something is.
fn proceed(state: &mut State) -> Vec<Intent> {
    if let Some(form) = state.form_mut() {
        // An invalid answer may be hidden by the filter.
        form.filter.clear();
    }
    let rows = form_rows(state);
    let wrong = rows.iter().position(|row| matches!(row, Row::Field(id, _) if problem(state, id).is_some()));
    if let Some(wrong) = wrong {
        state.notice = Some((Tone::Bad, state.look.say(Word::FirstProblem).to_owned()));
        if let Some(form) = state.form_mut() {
            form.cursor = Cursor(wrong);
        }
        return Vec::new();
    }
    // Problems without a field, such as an answer to an unknown question.
    let stray = state.draft.problems.iter().find(|(id, _)| state.catalog.question(id).is_none());
    if let Some((_, finding)) = stray {
        state.notice = Some((Tone::Bad, finding.to_string()));
        return Vec::new();
    }
    next(state);
    match state.screen {
        Screen::Review => plan(state),
        _ => ask_registry(state),
    }
}

/// Enter on a field: the next of a few options, a menu for secrets, else typing.
fn open(state: &mut State, id: &QuestionId, question: &Question) {
    let text = raw(state, id);
    let typing = match question.kind.rules().widget() {
        Widget::Switch | Widget::Choices => return choose(state, id, question, true),
        Widget::Secret => Typing::SecretKind(Cursor::default()),
        Widget::Line => Typing::Answer(LineEdit::new(&text)),
        Widget::Lines => Typing::Answer(LineEdit::new(&escaped(&text))),
    };
    let kept = state.edits.get(id).cloned();
    if let Some(form) = state.form_mut() {
        (form.typing, form.kept) = (Some(typing), kept);
    }
}

/// Restores the answer from before typing: an invalid text does not stay.
fn restore(state: &mut State, id: &QuestionId) -> Vec<Intent> {
    let kept = state.form_mut().and_then(|form| form.kept.take());
    if state.edits.get(id) == kept.as_ref() {
        return Vec::new();
    }
    match kept {
        Some(text) => state.edits.insert(id.clone(), text),
        None => state.edits.remove(id),
    };
    state.answers_changed();
    changed(state)
}

fn typed(state: &mut State, key: KeyEvent) -> Vec<Intent> {
    let rows = form_rows(state);
    let field = match rows.get(here(state, &rows)) {
        Some(Row::Field(id, question)) => Some((id.clone(), question.clone())),
        _ => None,
    };
    let Some(form) = state.form_mut() else { return Vec::new() };
    let Some(mut typing) = form.typing.take() else { return Vec::new() };
    match (key.code, &mut typing, field) {
        (KeyCode::Esc, Typing::Answer(_), Some((id, _))) => return restore(state, &id),
        (KeyCode::Esc, ..) => {}
        (KeyCode::Enter, Typing::Filter(edit), _) => {
            form.filter = edit.text();
            form.cursor = Cursor::default();
        }
        (KeyCode::Enter | KeyCode::Tab, Typing::Answer(edit), Some((id, question))) => {
            let lines = question.kind.rules().widget() == Widget::Lines;
            let text = if lines { unescaped(&edit.text()) } else { edit.text() };
            answer(state, &id, text);
            let wrong = state.draft.problem(&id).is_some() && !state.draft.broken.contains_key(&id);
            if let Some(form) = state.form_mut() {
                if wrong {
                    // Esc goes back to what was answered before.
                    form.typing = Some(typing);
                } else if key.code == KeyCode::Tab {
                    form.cursor.0 += 1;
                }
            }
            return changed(state);
        }
        (KeyCode::Enter, Typing::SecretKind(cursor), Some((id, question))) => {
            match ways(&question).get(cursor.0).map(|(way, _)| *way) {
                Some(way @ ("generate" | "")) => {
                    answer(state, &id, way.to_owned());
                    return changed(state);
                }
                Some(way) => form.typing = Some(Typing::SecretName(way, LineEdit::default())),
                None => {}
            }
        }
        (KeyCode::Enter, Typing::SecretName(way, edit), Some((id, _))) => {
            let text = format!("{way}:{}", edit.text());
            answer(state, &id, text);
            return changed(state);
        }
        (_, Typing::SecretKind(cursor), Some((_, question))) => {
            if let Some(command) = command_of(Scope::List, key) {
                cursor.moved(command, ways(&question).len(), 1);
            }
            form.typing = Some(typing);
        }
        (_, Typing::Filter(edit) | Typing::Answer(edit) | Typing::SecretName(_, edit), _) => {
            edit.key(key);
            if let Typing::Filter(edit) = &typing {
                form.filter = edit.text();
            }
            form.typing = Some(typing);
        }
        _ => {}
    }
    Vec::new()
}

fn paste(state: &mut State, text: &str) {
    let rows = form_rows(state);
    let field = rows.get(here(state, &rows));
    let lines = matches!(field, Some(Row::Field(_, question)) if question.kind.rules().widget() == Widget::Lines);
    let text = if lines { escaped(text) } else { text.to_owned() };
    let typing = state.form_mut().and_then(|form| form.typing.as_mut());
    if let Some(Typing::Filter(edit) | Typing::Answer(edit) | Typing::SecretName(_, edit)) = typing {
        edit.insert(&text);
    }
}

fn draw(state: &State, buffer: &mut Buffer, area: Rect) {
    let look = state.look;
    let Some((about, form)) = state.form() else { return };
    let fields = form_rows(state);
    let at = here(state, &fields);
    let mut head = Vec::new();
    match &form.typing {
        Some(Typing::Filter(edit)) => head.push(typing_line(look, look.say(Word::FilterLabel), edit, area.width)),
        _ if !form.filter.is_empty() => {
            let count = fields.iter().filter(|row| matches!(row, Row::Field(..))).count().to_string();
            let text = fill(look.say(Word::Filtered), &[("text", &form.filter), ("count", &count)]);
            head.push(Spans::new().add(Paint::Accent, text));
        }
        _ if about == FormKind::Images && wrong(state, &fields) == 0 => head.extend(comes_from(state)),
        _ if about == FormKind::Images => head.extend([Spans::new()].into_iter().chain(comes_from(state))),
        // The counts go here once the shown rows are known.
        _ => head.push(Spans::new()),
    }
    let used = put_all(buffer, area, head, look).min(area.height);
    let width = usize::from(area.width);
    let known = match fields.get(at) {
        Some(Row::Field(id, question)) => known(state, id, question, width),
        _ => Vec::new(),
    };
    let typing = u16::from(form.typing.is_some());
    let wanted = u16::try_from(known.len()).unwrap_or(u16::MAX).saturating_add(typing);
    let detail = DETAIL.max(wanted).min(area.height.saturating_sub(used) / 2);
    let list = Rect { y: area.y + used, height: area.height.saturating_sub(used + detail + 1), ..area };
    let shown = rows(at, fields.len(), list.height);
    let counted = form.filter.is_empty() && (about == FormKind::Components || wrong(state, &fields) > 0);
    if counted && !matches!(form.typing, Some(Typing::Filter(_))) {
        put(buffer, area, 0, counts(state, &fields, shown.clone()), look);
    }
    for (row, index) in (0_u16..).zip(shown.clone()) {
        let (line, style) = row_of(index == at, look);
        let line = match &fields[index] {
            Row::Heading(title) => Spans::new().add(Paint::Accent, title),
            Row::Continue => line.add(Paint::Bold, look.say(Word::Continue)),
            Row::Field(id, question) => field(line, state, id, question, list.width, index == at),
        };
        styled(buffer, list, row, line, look, style);
    }
    let y = list.bottom();
    let more = if counted { 0..fields.len() } else { shown };
    divider(buffer, Rect { y, height: 1, ..area }, more, fields.len(), look);
    let below = Rect { y: y + 1, height: area.bottom().saturating_sub(y + 1), ..area };
    if let Some(Row::Field(id, question)) = fields.get(at) {
        match &form.typing {
            Some(Typing::Answer(edit)) => {
                put(buffer, below, 0, typing_line(look, look.say(Word::AnswerLabel), edit, area.width), look);
                let rest = Rect { y: below.y + 1, height: below.height.saturating_sub(1), ..below };
                put_all(buffer, rest, known, look);
            }
            Some(Typing::SecretName(way, edit)) => {
                put(buffer, below, 0, typing_line(look, &format!("{way}:"), edit, area.width), look);
                let rest = Rect { y: below.y + 1, height: below.height.saturating_sub(1), ..below };
                put_all(buffer, rest, secret::secret_lines(state, id, width), look);
            }
            Some(Typing::SecretKind(cursor)) => {
                for (row, (index, (_, word))) in (0_u16..).zip(ways(question).into_iter().enumerate()) {
                    let (line, style) = row_of(index == cursor.0, look);
                    styled(buffer, below, row, line.add(Paint::Plain, look.say(word)), look, style);
                }
            }
            _ => {
                put_all(buffer, below, known, look);
            }
        }
    }
}

/// How many questions there are, which of them are shown, and what is still to be answered.
fn counts(state: &State, fields: &[Row], shown: Range<usize>) -> Spans {
    let questions = |rows: &[Row]| rows.iter().filter(|row| row.question().is_some()).count();
    let before = questions(&fields[..shown.start]);
    let (to, all) = (before + questions(&fields[shown]), questions(fields));
    let wrong = wrong(state, fields);
    let (word, paint) = match wrong {
        0 => (Word::AllAnswered, Paint::Good),
        _ => (Word::Unanswered, Paint::Warn),
    };
    let values = [("count", all), ("wrong", wrong), ("from", (before + 1).min(to)), ("to", to)];
    let values = values.map(|(name, value)| (name, value.to_string()));
    Spans::new().add(paint, fill(state.look.say(word), &values))
}

/// How many answers are missing or invalid.
fn wrong(state: &State, fields: &[Row]) -> usize {
    let here = fields.iter().filter_map(Row::question).filter(|id| problem(state, id).is_some());
    // Problems without a field.
    let stray = state.draft.problems.iter().filter(|(id, _)| state.catalog.question(id).is_none());
    here.count() + stray.count()
}

/// Where images come from, and the answer of the registry.
fn comes_from(state: &State) -> Vec<Spans> {
    let look = state.look;
    let registry = state.draft.answers.get("platform", "registry").text().map(str::to_owned);
    let text = match &registry {
        Some(registry) if origin(state) == Origin::Bundle => {
            let values = [("bundle", bundle_name(state)), ("registry", registry)];
            fill(look.say(Word::PushedRegistry), &values)
        }
        Some(registry) => fill(look.say(Word::PrivateRegistry), &[("registry", registry)]),
        None => look.say(Word::PublicRegistries).to_owned(),
    };
    let mut lines = vec![Spans::new().add(Paint::Plain, text)];
    if let Some((good, message)) = &state.registry {
        let (glyph, paint) = if *good { (Glyph::Done, Paint::Good) } else { (Glyph::Warning, Paint::Warn) };
        lines.push(Spans::new().add_label(paint, look.glyph(glyph)).gap(1).add(paint, message));
    }
    lines
}
