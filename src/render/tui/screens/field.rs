//! One question of a form: its row, and what is known of it, an answer always in the same words.

use crate::answers::{Answer, LayerKind};
use crate::catalog::{Kind, Question, QuestionId, Widget};
use crate::model::SecretRef;
use crate::render::paint::{Paint, Spans};
use crate::render::tui::look::{Glyph, Look};
use crate::render::tui::state::State;
use crate::render::tui::widgets::paragraph;
use crate::render::tui::words::{Word, fill};
use crate::render::{language, text};

use super::secret;

/// Columns of a field's title.
const TITLE: usize = 40;

/// An answer of more columns is shown below as well.
const CRAMPED: usize = 20;

/// `❯ Title        value  (source)  ✗`.
pub(super) fn field(line: Spans, state: &State, id: &QuestionId, question: &Question, width: u16, here: bool) -> Spans {
    let look = state.look;
    let wide = usize::from(width);
    let title = TITLE.min(wide / 2);
    let (value, paint) = shown(state, id, question);
    let wrong = problem(state, id).is_some();
    let source = if wide >= 70 { source_of(state, id) } else { "" };
    let room = wide.saturating_sub(title + 4 + text::width(source) + 6);
    let value = match (state.options(question).is_empty(), here) {
        (true, _) => value,
        (false, true) => format!("< {value} >"),
        (false, false) => format!("‹ {value} ›"),
    };
    let line = line
        .column(Paint::Plain, text::cut(question.title.of(look.lang.code()), title), title)
        .gap(2)
        .column(paint, text::cut(&value, room), room)
        .gap(1)
        .add(Paint::Dim, source);
    if wrong { line.gap(1).add_label(Paint::Bad, look.glyph(Glyph::Failed)) } else { line }
}

/// An answer as it is shown; of a secret only its source.
fn shown(state: &State, id: &QuestionId, question: &Question) -> (String, Paint) {
    let look = state.look;
    if let Some(text) =
        state.edits.get(id).filter(|_| state.draft.problem(id).is_some() && question.kind != Kind::Secret)
    {
        return (escaped(text), Paint::Bad);
    }
    words_of(look, question, state.draft.answers.values.get(id).map(|(answer, _)| answer))
}

/// An answer in words: the same in its row, as a default, and as what it was before.
fn words_of(look: Look, question: &Question, answer: Option<&Answer>) -> (String, Paint) {
    let text = match answer {
        None => return (look.say(Word::NeededShort).to_owned(), Paint::Bad),
        Some(Answer::Empty) => return (look.say(Word::Empty).to_owned(), Paint::Dim),
        Some(Answer::Secret(SecretRef::Generate)) => look.say(Word::SecretGenerated).to_owned(),
        Some(Answer::Secret(reference)) => fill(look.say(Word::SecretSet), &[("where", &reference.to_string())]),
        Some(Answer::Bool(yes)) => look.say(if *yes { Word::Yes } else { Word::No }).to_owned(),
        Some(Answer::Text(text)) if question.kind.rules().widget() == Widget::Lines => escaped(text),
        Some(answer) => answer.typed(),
    };
    (text, Paint::Plain)
}

/// An option in the same words.
fn option_of(look: Look, question: &Question, option: &str) -> String {
    let word = match (option, question.kind.rules().widget()) {
        ("", _) => Word::Empty,
        ("true", Widget::Switch) => Word::Yes,
        ("false", Widget::Switch) => Word::No,
        _ => return option.to_owned(),
    };
    look.say(word).to_owned()
}

fn source_of(state: &State, id: &QuestionId) -> &'static str {
    let word = match state.draft.answers.values.get(id).map(|(_, layer)| layer) {
        _ if state.edits.contains_key(id) => Word::SourceScreen,
        None => return "",
        Some(LayerKind::Catalog) => Word::SourceDefault,
        // The chosen size, which counts like an answer of the screens.
        Some(LayerKind::Profile | LayerKind::Screen) => Word::SourceProfile,
        Some(LayerKind::Installed) => Word::SourceInstalled,
        Some(LayerKind::Bundle) => Word::SourceBundle,
        Some(LayerKind::Sandbox) => Word::SourceSandbox,
        Some(LayerKind::File) => Word::SourceFile,
        Some(LayerKind::Environment) => Word::SourceEnvironment,
        Some(LayerKind::Flag) => Word::SourceFlag,
    };
    state.look.say(word)
}

/// What is known of a field: what is wrong with it, its help, its default.
pub(super) fn known(state: &State, id: &QuestionId, question: &Question, width: usize) -> Vec<Spans> {
    let look = state.look;
    let mut lines = Vec::new();
    let mut say = |paint: Paint, text: &str| {
        lines.extend(paragraph(paint, text, width));
    };
    if let Some(problem) = problem(state, id) {
        say(Paint::Bad, &problem);
    }
    // What has no room in its row.
    let (value, paint) = shown(state, id, question);
    if text::width(&value) > CRAMPED {
        say(paint, &value);
    }
    if let Some(help) = &question.help {
        say(Paint::Plain, help.of(look.lang.code()));
    }
    lines.extend(secret::secret_lines(state, id, width));
    let mut say = |paint: Paint, text: &str| {
        lines.extend(paragraph(paint, text, width));
    };
    let options = state.options(question);
    if options.len() > 1 {
        let options: Vec<String> = options.iter().map(|option| option_of(look, question, option)).collect();
        say(Paint::Accent, &fill(look.say(Word::OptionsAre), &[("options", &options.join(", "))]));
    }
    if let Some(before) = before(state, id, question) {
        say(Paint::Accent, &fill(look.say(Word::PreviousValue), &[("value", &before)]));
    }
    let default = match state.draft.defaults.get(id) {
        None => look.say(Word::NoDefault).to_owned(),
        default => fill(look.say(Word::DefaultIs), &[("value", &words_of(look, question, default).0)]),
    };
    say(Paint::Dim, &format!("{id}{}{default}", look.glyph(Glyph::Middle)));
    lines
}

/// What is wrong with an answer, or that it is missing.
pub(super) fn problem(state: &State, id: &QuestionId) -> Option<String> {
    if let Some(say) = state.draft.broken.get(id) {
        return Some(say.of(state.look.lang.code()).to_owned());
    }
    if let Some(problem) = state.draft.problem(id) {
        // The row has the id already.
        let own = format!("`{id}`: ");
        return Some(problem.strip_prefix(&own).unwrap_or(problem).to_owned());
    }
    let missing = state.draft.missing.iter().find(|missing| missing.id == *id)?;
    let hint = missing.hint.as_ref().map(|hint| format!(": {}", language::say(hint))).unwrap_or_default();
    Some(format!("{}{hint}", state.look.say(Word::Needed)))
}

/// A text of several lines on one: `\n` for a break.
pub(super) fn escaped(text: &str) -> String {
    text.replace('\\', r"\\").replace('\n', r"\n").replace('\t', r"\t")
}

pub(super) fn unescaped(text: &str) -> String {
    let mut letters = text.chars();
    let mut found = String::with_capacity(text.len());
    while let Some(letter) = letters.next() {
        match (letter, letter == '\\') {
            (_, true) => match letters.next() {
                Some('n') => found.push('\n'),
                Some('t') => found.push('\t'),
                Some('\\') | None => found.push('\\'),
                Some(other) => found.extend(['\\', other]),
            },
            (letter, false) => found.push(letter),
        }
    }
    found
}

/// The answer as it would be typed.
pub(super) fn raw(state: &State, id: &QuestionId) -> String {
    if let Some(text) = state.edits.get(id) {
        return text.clone();
    }
    state.draft.answers.get(&id.component, &id.question).typed()
}

/// What the answer would be without the one that was given here, if one was.
fn before(state: &State, id: &QuestionId, question: &Question) -> Option<String> {
    state.edits.get(id)?;
    let mut given = state.answered();
    // What was typed is the last layer.
    given.layers.last_mut()?.answers.retain(|(typed, ..)| typed != id);
    let draft = given.draft(&state.catalog).ok()?;
    Some(words_of(state.look, question, draft.answers.values.get(id).map(|(answer, _)| answer)).0)
}
