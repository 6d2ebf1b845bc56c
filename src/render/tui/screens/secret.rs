//! Secrets on the screens: what an answer becomes, and which Secrets a plan fills. Names and keys, never content.

use crate::answers::Answer;
use crate::catalog::QuestionId;
use crate::model::SecretRef;
use crate::plan::{FilledFrom, FilledSecret, Plan};
use crate::render::language;
use crate::render::paint::{Paint, Spans};
use crate::render::text;
use crate::render::tui::change::word;
use crate::render::tui::look::Look;
use crate::render::tui::state::State;
use crate::render::tui::widgets::paragraph;
use crate::render::tui::words::{Word, fill};

/// Columns before the text of a Secret of a plan.
const CHANGE: usize = 15;

/// What a question for a secret becomes, and what is made of it; nothing of other questions.
pub(super) fn secret_lines(state: &State, id: &QuestionId, width: usize) -> Vec<Spans> {
    let Some(outline) = state.draft.secret_outline(&state.catalog, id) else { return Vec::new() };
    let look = state.look;
    let answer = state.draft.answers.values.get(id).map(|(answer, _)| answer);
    let in_place = matches!(answer, Some(Answer::Secret(from)) if from.is_in_place());
    let word = if in_place { Word::UsesSecret } else { Word::BecomesSecret };
    let mut lines = Vec::new();
    let mut say = |paint: Paint, text: &str| lines.extend(paragraph(paint, text, width));
    if !outline.places.is_empty() {
        let values = [("name", outline.places.join(", ")), ("keys", outline.keys.join(", "))];
        say(Paint::Plain, &fill(look.say(word), &values));
    }
    if !outline.made.is_empty() {
        let made = outline.made.iter().map(|(name, keys)| format!("{name} ({})", keys.join(", ")));
        let made: Vec<String> = made.collect();
        say(Paint::Plain, &fill(look.say(Word::MadeOfIt), &[("names", &made.join(", "))]));
    }
    if outline.rotates {
        say(Paint::Accent, &fill(look.say(Word::RotateWith), &[("id", &id.to_string())]));
    }
    lines
}

/// The Secrets that a plan fills, below a heading; nothing where there are none.
pub(super) fn filled(plan: &Plan, look: Look, width: usize) -> Vec<Spans> {
    let secrets = plan.secrets();
    if secrets.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![Spans::new()];
    lines.extend(paragraph(Paint::Accent, look.say(Word::FilledSecrets), width));
    for secret in secrets {
        let change = look.say(word(secret.change));
        let indent = CHANGE.max(text::width(change) + 1);
        let rows = text::wrap(&language::shown(&words(&secret, look)), width.saturating_sub(indent).max(1));
        lines.extend(rows.into_iter().enumerate().map(|(row, text)| {
            let tone = if secret.change == crate::plan::Change::Nothing { Paint::Dim } else { Paint::Plain };
            let line = match row {
                0 => Spans::new().column(crate::render::plan::paint(secret.change), change, indent),
                _ => Spans::indent(indent),
            };
            line.add(tone, text)
        }));
    }
    lines
}

/// `ns/name: a, b; generated`.
fn words(secret: &FilledSecret<'_>, look: Look) -> String {
    let named = |word: Word, name: &str| fill(look.say(word), &[("name", name)]);
    let from = match secret.from {
        FilledFrom::Source(SecretRef::Generate) => look.say(Word::SecretGenerated).to_owned(),
        FilledFrom::Source(SecretRef::Env(name)) => named(Word::FromVariable, name),
        FilledFrom::Source(SecretRef::File(path)) => named(Word::FromFile, &path.display().to_string()),
        FilledFrom::Source(SecretRef::Secret(name)) => named(Word::CopyOf, name),
        FilledFrom::Made([]) => look.say(Word::MadeOfAnswers).to_owned(),
        FilledFrom::Made(of) => named(Word::MadeOf, &of.join(", ")),
    };
    format!("{}/{}: {}; {from}", secret.namespace, secret.name, secret.keys.join(", "))
}
