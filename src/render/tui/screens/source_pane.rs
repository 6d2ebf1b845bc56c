//! How the screen of sources is drawn: its rows, the offline bundle, and the push plan.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::common::divider;
use super::edit::{typing_line, ways};
use super::field::{field, known};
use super::source_rows::{Row, here, question, rows_of};
use crate::render::paint::{Paint, Spans};
use crate::render::text;
use crate::render::tui::answering::origin;
use crate::render::tui::look::{Glyph, Look};
use crate::render::tui::source::{Origin, PushView, Signed, VerifyState};
use crate::render::tui::state::State;
use crate::render::tui::typing::Typing;
use crate::render::tui::widgets::{gauge, paragraph, put, put_all, row_of, rows, styled};
use crate::render::tui::words::{Word, fill};

/// Columns of a row's title.
const TITLE: usize = 40;

/// Rows below the list; more where the details are longer.
const DETAIL: u16 = 4;

/// Columns of the gauge of what is read.
const GAUGE: usize = 10;

/// A text of more columns is shown below as well.
const CRAMPED: usize = 30;

pub(super) fn draw(state: &State, buffer: &mut Buffer, area: Rect) {
    let look = state.look;
    let used = put_all(buffer, area, [Spans::new().add(Paint::Plain, look.say(Word::WhichSource))], look);
    let width = usize::from(area.width);
    let all = rows_of(state);
    let below = below(state, width);
    let wanted = u16::try_from(below.len()).unwrap_or(u16::MAX);
    let detail = DETAIL.max(wanted).min(area.height.saturating_sub(used) / 2);
    let list = Rect { y: area.y + used, height: area.height.saturating_sub(used + detail + 1), ..area };
    let shown = rows(state.source.cursor.0, all.len(), list.height);
    for (row, index) in (0_u16..).zip(shown.clone()) {
        let (line, style) = row_of(index == state.source.cursor.0, look);
        let line = row_line(line, state, all[index], width, index == state.source.cursor.0);
        styled(buffer, list, row, line, look, style);
    }
    let y = list.bottom();
    divider(buffer, Rect { y, height: 1, ..area }, shown, all.len(), look);
    let rest = Rect { y: y + 1, height: area.bottom().saturating_sub(y + 1), ..area };
    if let Some(Typing::SecretKind(cursor)) = &state.source.typing
        && let Some((_, question)) = question(state, here(state))
    {
        for (row, (index, (_, word))) in (0_u16..).zip(ways(&question).into_iter().enumerate()) {
            let (line, style) = row_of(index == cursor.0, look);
            styled(buffer, rest, row, line.add(Paint::Plain, look.say(word)), look, style);
        }
        return;
    }
    put_all(buffer, rest, below, look);
    let typed = match &state.source.typing {
        Some(Typing::Answer(edit)) => typing_line(look, look.say(Word::AnswerLabel), edit, area.width),
        Some(Typing::SecretName(way, edit)) => typing_line(look, &format!("{way}:"), edit, area.width),
        _ => return,
    };
    put(buffer, rest, 0, typed, look);
}

fn row_line(line: Spans, state: &State, row: Row, width: usize, selected: bool) -> Spans {
    let look = state.look;
    let titled = |title: Word| line.clone().column(Paint::Plain, look.say(title), TITLE.min(width / 2)).gap(2);
    let text = |title: Word, text: &str| match text {
        "" => titled(title).add(Paint::Dim, look.say(Word::Empty)),
        text => titled(title).add(Paint::Plain, text),
    };
    match row {
        Row::Origin(of) => {
            let glyph = if of == origin(state) { Glyph::Chosen } else { Glyph::NotChosen };
            line.add_label(Paint::Plain, look.glyph(glyph)).gap(1).add(Paint::Bold, look.say(title_of(of)))
        }
        Row::Heading(word) => Spans::new().add(Paint::Accent, look.say(word)),
        Row::Bundle => text(Word::BundleFile, &state.source.choice.bundle),
        Row::Key => text(Word::BundleKey, &state.source.choice.key),
        Row::Ca => text(Word::RegistryCa, &state.source.choice.ca),
        Row::Check => titled(Word::BundleCheck).join(checked(state)),
        Row::Push => titled(Word::PushPlan).join(planned(state)),
        Row::Continue => line.add(Paint::Bold, look.say(Word::Continue)),
        Row::Answer(_) => match question(state, Some(row)) {
            Some((id, question)) => {
                field(line, state, &id, &question, u16::try_from(width).unwrap_or(u16::MAX), selected)
            }
            None => line,
        },
    }
}

const fn title_of(origin: Origin) -> Word {
    match origin {
        Origin::Published => Word::FromPublished,
        Origin::Registry => Word::FromRegistry,
        Origin::Bundle => Word::FromBundle,
    }
}

fn marked(look: Look, glyph: Glyph, paint: Paint, text: &str) -> Spans {
    Spans::new().add_label(paint, look.glyph(glyph)).gap(1).add(paint, text)
}

/// The result of the check, in a few words.
fn checked(state: &State) -> Spans {
    let look = state.look;
    match (&state.source.opened, &state.source.reading) {
        (None, _) if state.is_busy(Word::OpeningBundle) => Spans::new().add(Paint::Dim, look.say(Word::OpeningBundle)),
        (None, _) => Spans::new(),
        (Some(Err(_)), _) => marked(look, Glyph::Failed, Paint::Bad, look.say(Word::StateFailed)),
        (Some(Ok(_)), Some(VerifyState::Damaged(_))) => {
            marked(look, Glyph::Failed, Paint::Bad, look.say(Word::BundleDamaged))
        }
        (Some(Ok(_)), Some(VerifyState::Intact(_))) => {
            marked(look, Glyph::Done, Paint::Good, look.say(Word::BundleSound))
        }
        (Some(Ok(_)), Some(VerifyState::InProgress(done, total))) => {
            let values = [("done", text::bytes(*done)), ("total", text::bytes(*total))];
            gauge(*done, *total, GAUGE, look).gap(1).add(Paint::Plain, fill(look.say(Word::BytesRead), &values))
        }
        (Some(Ok(view)), None) => {
            let values = [("images", view.images.to_string()), ("bytes", text::bytes(view.bytes))];
            marked(look, Glyph::Done, Paint::Good, &fill(look.say(Word::BundleOpened), &values))
        }
    }
}

/// What a push would do, in a few words.
fn planned(state: &State) -> Spans {
    let look = state.look;
    match &state.source.push {
        None => Spans::new(),
        Some(Err(_)) => marked(look, Glyph::Failed, Paint::Bad, look.say(Word::StateFailed)),
        Some(Ok(push)) if !push.problems.is_empty() => {
            let text = fill(look.say(Word::PushProblems), &[("count", push.problems.len().to_string())]);
            marked(look, Glyph::Warning, Paint::Warn, &text)
        }
        Some(Ok(push)) if is_pushed(push) => marked(look, Glyph::Done, Paint::Good, look.say(Word::NothingToPush)),
        Some(Ok(push)) => {
            let text = fill(look.say(Word::ToUpload), &[("bytes", text::bytes(push.upload))]);
            marked(look, Glyph::Done, Paint::Good, &text)
        }
    }
}

const fn is_pushed(push: &PushView) -> bool {
    push.upload == 0 && push.mount == 0 && push.writes == 0
}

/// What is known of the row.
fn below(state: &State, width: usize) -> Vec<Spans> {
    let look = state.look;
    let row = here(state);
    let mut lines = Vec::new();
    if matches!(state.source.typing, Some(Typing::Answer(_) | Typing::SecretName(..))) {
        lines.push(Spans::new());
    }
    let mut say = |paint: Paint, text: &str| lines.extend(paragraph(paint, text, width));
    let choice = &state.source.choice;
    let mut whole = |text: &str| {
        if text::width(text) > CRAMPED {
            say(Paint::Plain, text);
        }
    };
    match row {
        Some(Row::Bundle) => whole(&choice.bundle),
        Some(Row::Key) => whole(&choice.key),
        Some(Row::Ca) => whole(&choice.ca),
        _ => {}
    }
    match row {
        Some(Row::Origin(Origin::Published)) => say(Paint::Plain, look.say(Word::FromPublishedHelp)),
        Some(Row::Origin(Origin::Registry)) => say(Paint::Plain, look.say(Word::FromRegistryHelp)),
        Some(Row::Origin(Origin::Bundle)) => say(Paint::Plain, look.say(Word::FromBundleHelp)),
        Some(Row::Bundle) => say(Paint::Plain, look.say(Word::BundleFileHelp)),
        Some(Row::Key) => say(Paint::Plain, look.say(Word::BundleKeyHelp)),
        Some(Row::Ca) => say(Paint::Plain, look.say(Word::RegistryCaHelp)),
        Some(Row::Answer(_)) => {
            if let Some((id, question)) = question(state, row) {
                lines.extend(known(state, &id, &question, width));
            }
        }
        Some(Row::Check) => lines.extend(of_bundle(state, width)),
        Some(Row::Push) => lines.extend(of_push(state, width)),
        Some(Row::Continue) if state.source.opened.is_some() && origin(state) == Origin::Bundle => {
            lines.extend(of_bundle(state, width));
        }
        Some(Row::Heading(_) | Row::Continue) | None => {}
    }
    lines
}

/// What the offline bundle is.
fn of_bundle(state: &State, width: usize) -> Vec<Spans> {
    let look = state.look;
    let mut lines = Vec::new();
    let mut say = |paint: Paint, text: &str| lines.extend(paragraph(paint, text, width));
    let view = match &state.source.opened {
        None => {
            say(Paint::Plain, look.say(Word::BundleFileHelp));
            return lines;
        }
        Some(Err(why)) => {
            say(Paint::Bad, why);
            return lines;
        }
        Some(Ok(view)) => view,
    };
    let key = |word: Word, key: &str| fill(look.say(word), &[("key", key)]);
    let (paint, signed) = match &view.signed {
        Signed::Nobody => (Paint::Warn, look.say(Word::SignedNobody).to_owned()),
        Signed::Unpinned(by) => (Paint::Warn, key(Word::SignedUnpinned, by)),
        Signed::Unchecked => (Paint::Warn, look.say(Word::SignedUnchecked).to_owned()),
        Signed::Pinned(by) => (Paint::Good, key(Word::SignedPinned, by)),
    };
    say(paint, &format!("{}: {signed}", view.name));
    let titles: Vec<&str> = view
        .components
        .iter()
        .map(|id| {
            if state.catalog.components.contains_key(id) {
                state.catalog.title(id).of(look.lang.code())
            } else {
                id.as_str()
            }
        })
        .collect();
    let platforms: Vec<&str> = view.platforms.iter().map(String::as_str).collect();
    let values = [("components", titles.join(", ")), ("platforms", platforms.join(", "))];
    say(Paint::Plain, &fill(look.say(Word::BundleHolds), &values));
    match &state.source.reading {
        Some(VerifyState::InProgress(..)) => say(Paint::Accent, look.say(Word::EscStops)),
        Some(VerifyState::Damaged(why)) => say(Paint::Bad, why),
        Some(VerifyState::Intact(bytes)) => {
            say(Paint::Good, &fill(look.say(Word::EveryByte), &[("bytes", text::bytes(*bytes))]));
        }
        None => say(Paint::Accent, look.say(Word::ReadEveryByte)),
    }
    lines
}

/// What a push would do.
fn of_push(state: &State, width: usize) -> Vec<Spans> {
    let look = state.look;
    let mut lines = Vec::new();
    let mut say = |paint: Paint, text: &str| lines.extend(paragraph(paint, text, width));
    match &state.source.push {
        None => say(Paint::Plain, look.say(Word::PushPlanHelp)),
        Some(Err(why)) => say(Paint::Bad, why),
        Some(Ok(push)) => {
            for problem in &push.problems {
                say(Paint::Warn, problem);
            }
            say(Paint::Plain, &push.counts(look));
        }
    }
    lines
}
