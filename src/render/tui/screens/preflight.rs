//! What the cluster lacks: each finding with the command that fixes it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::common::{divider, failed, page, target_line};
use crate::model::preflight::{Finding, Report, Severity};
use crate::render::language;
use crate::render::paint::{Paint, Spans};
use crate::render::text;
use crate::render::tui::flow::{back, next, preflight};
use crate::render::tui::keymap::{Command, Scope};
use crate::render::tui::look::{Glyph, Look};
use crate::render::tui::message::Intent;
use crate::render::tui::state::{State, Tone};
use crate::render::tui::view::View;
use crate::render::tui::widgets::{put_all, row_of, rows, styled};
use crate::render::tui::words::{Word, fill};

/// What the cluster lacks.
pub(super) const VIEW: View = View {
    title: Word::Preflight,
    scope: Scope::Preflight,
    list: &[Command::Toggle, Command::Refresh, Command::Continue],
    enter: None,
    keys,
    act,
    draw,
    input: None,
};

fn keys(state: &State) -> Vec<(Scope, Command)> {
    let mut keys = vec![(Scope::Any, Command::Continue), (Scope::List, Command::Refresh)];
    if state.preflight.report.as_ref().is_some_and(|report| !report.findings.is_empty()) {
        keys.push((Scope::Preflight, Command::Waive));
    }
    keys
}

fn act(state: &mut State, command: Command) -> Vec<Intent> {
    let findings = state.preflight.report.as_ref().map_or(0, |report| report.findings.len());
    let page = page(state);
    // The last row continues.
    if state.preflight.cursor.moved(command, findings + 1, page) {
        return Vec::new();
    }
    match command {
        Command::Refresh => preflight(state),
        Command::Waive | Command::Toggle => {
            waive(state, state.preflight.cursor.0);
            // The plan is made with the waived findings.
            state.review.planned = None;
            Vec::new()
        }
        Command::Enter if state.preflight.cursor.0 < findings => {
            state.preflight.cursor.0 += 1;
            Vec::new()
        }
        Command::Enter | Command::Continue => proceed(state),
        Command::Back => back(state),
        _ => Vec::new(),
    }
}

/// Continues to the answers, also with errors: changed answers may fix them, and the review checks again.
fn proceed(state: &mut State) -> Vec<Intent> {
    if state.busy.is_some() {
        return Vec::new();
    }
    if let Some(report) = state.preflight.report.as_ref().filter(|report| report.errors > 0) {
        let message = fill(state.look.say(Word::ErrorsLeft), &[("count", &report.errors.to_string())]);
        state.notice = Some((Tone::Bad, message));
    }
    next(state);
    Vec::new()
}

/// Waives a finding, gives leave to adopt what it is about, or takes that back.
pub(super) fn waive(state: &mut State, row: usize) {
    let Some(report) = &state.preflight.report else { return };
    let Some(finding) = report.findings.get(row) else { return };
    let (id, leave) = (finding.id, finding.waiver());
    if finding.adopt.is_none() && !(state.waivable)(id) {
        state.notice = Some((Tone::Bad, fill(state.look.say(Word::NotWaivable), &[("id", id)])));
        return;
    }
    if !state.preflight.waived.remove(&leave) {
        state.preflight.waived.insert(leave);
    }
    if let Some(report) = state.preflight.report.take() {
        state.preflight.show(report);
    }
}

fn draw(state: &State, buffer: &mut Buffer, area: Rect) {
    let look = state.look;
    let mut head: Vec<Spans> = target_line(state).into_iter().collect();
    if let Some(connected) = state.connected.as_ref().filter(|connected| !connected.installed.is_empty()) {
        let bad = connected.installed.values().filter(|status| super::components::installed(status).1 != Paint::Good);
        let values = [("count", connected.installed.len().to_string()), ("bad", bad.count().to_string())];
        let text = fill(look.say(Word::AlreadyInstalled), &values);
        head.push(Spans::new().add(Paint::Accent, text));
    }
    let Some(report) = &state.preflight.report else {
        head.extend(failed(state, Word::PreflightFailed, usize::from(area.width)));
        put_all(buffer, area, head, look);
        return;
    };
    let (paint, text) = match report.findings.is_empty() {
        true => (Paint::Good, look.say(Word::NothingFound).to_owned()),
        false => (if report.errors > 0 { Paint::Bad } else { Paint::Plain }, counts(report, look)),
    };
    head.push(Spans::new().add(paint, text));
    let used = put_all(buffer, area, head, look) + 1;
    let count = report.findings.len();
    let selected = report.findings.get(state.preflight.cursor.0);
    let detail = selected.map(|finding| detail(finding, look, 0, usize::from(area.width))).unwrap_or_default();
    let below = u16::try_from(detail.len()).unwrap_or(0).min(area.height / 2);
    let list = Rect { y: area.y + used.min(area.height), height: area.height.saturating_sub(used + below + 1), ..area };
    let shown = rows(state.preflight.cursor.0, count + 1, list.height);
    for (row, index) in (0_u16..).zip(shown.clone()) {
        let (line, style) = row_of(index == state.preflight.cursor.0, look);
        let line = match report.findings.get(index) {
            Some(finding) => head_of(line, finding, look),
            None => line.add(Paint::Bold, look.say(Word::Continue)),
        };
        styled(buffer, list, row, line, look, style);
    }
    let y = list.bottom();
    if below > 0 || shown.len() <= count {
        divider(buffer, Rect { y, height: 1, ..area }, shown, count + 1, look);
        put_all(buffer, Rect { y: y + 1, height: below, ..area }, detail, look);
    }
}

/// How many findings there are of each kind.
pub(super) fn counts(report: &Report, look: Look) -> String {
    let counts =
        [("errors", report.errors), ("warnings", report.warnings), ("hints", report.hints), ("waived", report.waived)];
    let counts = counts.map(|(kind, count)| (kind, count.to_string()));
    fill(look.say(Word::FindingCounts), &counts)
}

/// A finding in one line.
pub(super) fn head_of(line: Spans, finding: &Finding, look: Look) -> Spans {
    let (glyph, word, paint) = match (finding.waived, finding.severity) {
        (true, _) if finding.adopt.is_some() => (Glyph::Unchanged, Word::Adopted, Paint::Dim),
        (true, _) => (Glyph::Unchanged, Word::Waived, Paint::Dim),
        (false, Severity::Error) => (Glyph::Failed, Word::Error, Paint::Bad),
        (false, Severity::Warning) => (Glyph::Warning, Word::Warning, Paint::Warn),
        (false, Severity::Hint) => (Glyph::Unchanged, Word::Hint, Paint::Accent),
    };
    let word = look.say(word);
    line.add_label(paint, look.glyph(glyph))
        .gap(1)
        .column(paint, word, 15)
        .column(Paint::Bold, finding.id, 22)
        .add(Paint::Plain, &finding.place)
}

/// What was found, and what fixes it, in lines of so many columns, of which the first ones stay empty.
pub(super) fn detail(finding: &Finding, look: Look, before: usize, width: usize) -> Vec<Spans> {
    let mut lines = Vec::new();
    for (word, text, paint) in [(Word::Found, &finding.what, Paint::Plain), (Word::Fix, &finding.fix, Paint::Accent)] {
        let label = text::pad(look.say(word), 9);
        for (row, part) in text::wrap(&language::shown(text), width.saturating_sub(before + 10)).into_iter().enumerate()
        {
            let start = if row == 0 { label.as_str() } else { "" };
            lines.push(Spans::indent(before).column(Paint::Dim, start, 10).add(paint, part));
        }
    }
    lines
}
