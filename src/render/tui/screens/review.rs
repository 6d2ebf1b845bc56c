//! What would be done: the plan as a tree, what updates change, the command that does the same.

use std::collections::BTreeSet;
use std::ops::Range;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::common::{divider, failed, page, target_line, width};
use super::{preflight, secret};
use crate::model::preflight::Severity;
use crate::plan::{Change, Plan};
use crate::render::diff::diff_lines;
use crate::render::paint::{Paint, Spans};
use crate::render::plan::paint;
use crate::render::tui::change::word;
use crate::render::tui::flow::{back, plan, write};
use crate::render::tui::keymap::{Command, Scope};
use crate::render::tui::known::Planned;
use crate::render::tui::look::{Glyph, Look};
use crate::render::tui::message::Intent;
use crate::render::tui::state::{Confirmation, Overlay, State, Tone};
use crate::render::tui::view::View;
use crate::render::tui::widgets::{Cursor, paragraph, put_all, row_of, rows, styled};
use crate::render::tui::words::{Word, fill};

/// Rows below the plan.
const BELOW: u16 = 6;

/// Columns before what was found.
const FINDING: usize = 4;

/// A row of the review.
#[derive(Debug, Clone)]
enum Row {
    Finding(usize),
    Component(String),
    Step(usize),
    Line(Spans),
    Install,
}

/// The components that are shown step by step from the start: those in which something would change.
fn opened(plan: &Plan) -> BTreeSet<String> {
    let changes = plan.steps.iter().filter(|step| !matches!(step.change, Change::Nothing | Change::Check));
    changes.map(|step| step.component.clone()).collect()
}

fn components(plan: &Plan) -> Vec<&str> {
    let mut ids: Vec<&str> = Vec::new();
    for step in &plan.steps {
        if !ids.contains(&step.component.as_str()) {
            ids.push(&step.component);
        }
    }
    ids
}

fn plan_rows(state: &State, planned: &Planned) -> Vec<Row> {
    let mut rows = Vec::new();
    if planned.plan.has_work() {
        rows.push(Row::Install);
    }
    let findings = state.preflight.report.iter().flat_map(|report| &report.findings).enumerate();
    for (index, finding) in findings {
        rows.push(Row::Finding(index));
        if state.review.unfolded.contains(&index) {
            let lines = preflight::detail(finding, state.look, FINDING, width(state));
            rows.extend(lines.into_iter().map(Row::Line));
        }
    }
    for component in components(&planned.plan) {
        rows.push(Row::Component(component.to_owned()));
        if state.review.open.contains(component) {
            let steps = planned.plan.steps.iter().enumerate().filter(|(_, step)| step.component == component);
            rows.extend(steps.map(|(index, _)| Row::Step(index)));
        }
    }
    rows.extend(secret::filled(&planned.plan, state.look, width(state)).into_iter().map(Row::Line));
    if !planned.diffs.is_empty() {
        rows.push(Row::Line(Spans::new()));
        let look = crate::render::Look { width: width(state), color: false, verbose: false };
        rows.extend(diff_lines(&planned.diffs, &look).into_iter().map(Row::Line));
    }
    rows
}

/// What would be done.
pub(super) const VIEW: View = View {
    title: Word::Review,
    scope: Scope::Review,
    list: &[Command::Left, Command::Right, Command::Toggle, Command::Refresh, Command::Continue],
    enter: None,
    keys,
    act,
    draw,
    input: None,
};

fn keys(_: &State) -> Vec<(Scope, Command)> {
    vec![
        (Scope::Any, Command::Enter),
        (Scope::Any, Command::Continue),
        (Scope::List, Command::Refresh),
        (Scope::Review, Command::Write),
        (Scope::Any, Command::Copy),
    ]
}

fn act(state: &mut State, command: Command) -> Vec<Intent> {
    match command {
        Command::Back => return back(state),
        Command::Refresh => return plan(state),
        Command::Write => return vec![write(state)],
        _ => {}
    }
    let Some(planned) = &state.review.planned else { return Vec::new() };
    let rows = plan_rows(state, planned);
    let page = page(state).saturating_sub(usize::from(BELOW));
    let was = state.review.cursor.0;
    if state.review.cursor.moved(command, rows.len(), page) {
        state.review.cursor = Cursor(over_text(&rows, was, state.review.cursor.0));
        return Vec::new();
    }
    match (command, rows.get(state.review.cursor.0)) {
        (Command::Continue, _) | (Command::Enter, Some(Row::Install)) => return install(state),
        (Command::Toggle, Some(Row::Finding(index))) => preflight::waive(state, *index),
        (Command::Enter | Command::Left | Command::Right, Some(Row::Finding(index))) => {
            let open = state.review.unfolded.contains(index);
            match (command, open) {
                (Command::Enter | Command::Left, true) => state.review.unfolded.remove(index),
                (Command::Enter | Command::Right, false) => state.review.unfolded.insert(*index),
                _ => false,
            };
        }
        (command, Some(Row::Component(id))) => {
            let open = state.review.open.contains(id);
            match (command, open) {
                (Command::Enter | Command::Toggle | Command::Left, true) => state.review.open.remove(id),
                (Command::Enter | Command::Toggle | Command::Right, false) => state.review.open.insert(id.clone()),
                _ => false,
            };
        }
        _ => {}
    }
    Vec::new()
}

/// Where the cursor goes: over text lines to a row on which keys act. Where only text follows, it moves line by line.
fn over_text(rows: &[Row], was: usize, now: usize) -> usize {
    let is_text = |at: usize| matches!(rows.get(at), Some(Row::Line(_)));
    if !is_text(now) || is_text(was) {
        return now;
    }
    let next = (now..rows.len()).find(|at| !is_text(*at));
    let last = (0..=now).rev().find(|at| !is_text(*at));
    if now > was { next.unwrap_or(now) } else { last.unwrap_or(now) }
}

/// Shows a plan and its findings; the cursor goes to the first error.
pub(in crate::render::tui) fn set_plan(state: &mut State, planned: Planned) {
    state.review.open = opened(&planned.plan);
    let findings = state.preflight.report.iter().flat_map(|report| &report.findings).enumerate();
    let errors = findings.filter(|(_, finding)| finding.severity == Severity::Error && !finding.waived);
    state.review.unfolded = errors.map(|(index, _)| index).collect();
    let first = state.review.unfolded.first().copied();
    let rows = plan_rows(state, &planned);
    let at = rows.iter().position(|row| matches!(row, Row::Finding(index) if Some(*index) == first));
    state.review.cursor = Cursor(at.unwrap_or(0));
    state.review.planned = Some(planned);
    let refused = std::mem::take(&mut state.review.refused);
    if refused {
        // It was about the refused run; the new findings follow.
        state.notice = None;
    }
    let found = first.and_then(|at| state.preflight.report.as_ref()?.findings.get(at)).filter(|_| refused);
    if let Some(finding) = found {
        let title = format!("{} {}: {}", finding.id, finding.place, finding.what);
        let values = [("count", state.review.unfolded.len().to_string()), ("title", title)];
        state.notice = Some((Tone::Bad, fill(state.look.say(Word::PreflightRefused), &values)));
    }
}

fn install(state: &mut State) -> Vec<Intent> {
    let Some(planned) = state.review.planned.as_ref().filter(|_| state.busy.is_none()) else { return Vec::new() };
    let refused = if let Some(why) = &planned.refused {
        Some(why.clone())
    } else if let Some(report) = state.preflight.report.as_ref().filter(|report| report.errors > 0) {
        Some(fill(state.look.say(Word::FixOrWaive), &[("count", &report.errors.to_string())]))
    } else if !planned.plan.has_work() {
        Some(state.look.say(Word::NothingToDo).to_owned())
    } else {
        None
    };
    match refused {
        Some(why) => state.notice = Some((Tone::Bad, why)),
        None => state.overlay = Some(Overlay::Confirmation(Confirmation::Install)),
    }
    Vec::new()
}

fn draw(state: &State, buffer: &mut Buffer, area: Rect) {
    let look = state.look;
    let mut head: Vec<Spans> = target_line(state).into_iter().collect();
    let Some(planned) = &state.review.planned else {
        head.extend(failed(state, Word::PlanFailed, usize::from(area.width)));
        put_all(buffer, area, head, look);
        return;
    };
    let totals = totals(&planned.plan, look);
    head.push(Spans::new().add(Paint::Bold, totals));
    if let Some(report) = state.preflight.report.as_ref().filter(|report| report.errors + report.warnings > 0) {
        let paint = if report.errors > 0 { Paint::Bad } else { Paint::Warn };
        let text = fill(look.say(Word::PreflightSays), &[("found", &preflight::counts(report, look))]);
        head.push(Spans::new().add_label(paint, look.glyph(Glyph::Warning)).gap(1).add(paint, text));
    }
    let used = put_all(buffer, area, head, look) + 1;
    let list = Rect { y: area.y + used, height: area.height.saturating_sub(used + BELOW), ..area };
    let all = plan_rows(state, planned);
    let shown = rows(state.review.cursor.0, all.len(), list.height);
    for (row, index) in (0_u16..).zip(shown.clone()) {
        let (line, style) = row_of(index == state.review.cursor.0, look);
        let line = match &all[index] {
            Row::Finding(at) => match state.preflight.report.as_ref().and_then(|report| report.findings.get(*at)) {
                Some(finding) => {
                    let open = state.review.unfolded.contains(at);
                    preflight::head_of(line.add_label(Paint::Dim, if open { "- " } else { "+ " }), finding, look)
                }
                None => line,
            },
            Row::Component(id) => component(line, state, planned, id),
            Row::Step(index) => step(line, planned, *index, look),
            Row::Line(line) => line.clone(),
            Row::Install => {
                let there = state.connected.as_ref().is_some_and(|connected| !connected.installed.is_empty());
                line.add(Paint::Bold, look.say(if there { Word::ApplyNow } else { Word::InstallNow }))
            }
        };
        styled(buffer, list, row, line, look, style);
    }
    below(
        state,
        planned,
        &all,
        shown,
        buffer,
        Rect { y: list.bottom(), height: area.bottom().saturating_sub(list.bottom()), ..area },
    );
}

/// Why the selected step is to run, and the equivalent command.
fn below(state: &State, planned: &Planned, all: &[Row], shown: Range<usize>, buffer: &mut Buffer, area: Rect) {
    let look = state.look;
    divider(buffer, Rect { height: area.height.min(1), ..area }, shown, all.len(), look);
    let width = usize::from(area.width);
    let mut lines = Vec::new();
    if let Some(Row::Step(index)) = all.get(state.review.cursor.0) {
        let why = planned.plan.steps[*index].why.join("; ");
        lines.extend(paragraph(Paint::Plain, &why, width).take(2));
    }
    while lines.len() < 2 {
        lines.push(Spans::new());
    }
    let file = state.file.path.display().to_string();
    lines.push(Spans::new().add(Paint::Dim, look.say(Word::SameCommand)).gap(1).add(Paint::Accent, state.command()));
    lines.push(Spans::new().add(Paint::Dim, fill(look.say(Word::AnswersGoTo), &[("file", &file)])));
    put_all(buffer, Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area }, lines, look);
}

fn component(line: Spans, state: &State, planned: &Planned, id: &str) -> Spans {
    let look = state.look;
    let open = state.review.open.contains(id);
    let steps = planned.plan.steps.iter().filter(|step| step.component == id);
    let mut words: Vec<(Change, usize)> = Vec::new();
    for step in steps {
        match words.iter_mut().find(|(change, _)| *change == step.change) {
            Some((_, count)) => *count += 1,
            None => words.push((step.change, 1)),
        }
    }
    let parts: Vec<String> =
        words.iter().map(|(change, count)| format!("{count} {}", look.say(word(*change)))).collect();
    line.add_label(Paint::Dim, if open { "- " } else { "+ " })
        .add(Paint::Bold, state.catalog.title(id).of(look.lang.code()))
        .gap(2)
        .add(Paint::Dim, parts.join(", "))
}

fn step(line: Spans, planned: &Planned, index: usize, look: Look) -> Spans {
    let step = &planned.plan.steps[index];
    let tone = if step.change == Change::Nothing { Paint::Dim } else { Paint::Plain };
    line.add_label(Paint::Dim, look.glyph(Glyph::Corner))
        .gap(1)
        .column(paint(step.change), look.say(word(step.change)), 14)
        .add(tone, &step.title)
}

fn totals(plan: &Plan, look: Look) -> String {
    if !plan.has_work() {
        return look.say(Word::NothingToDo).to_owned();
    }
    let count = |change: Change| plan.steps.iter().filter(|step| step.change == change).count();
    let all = [Change::Create, Change::Update, Change::Delete, Change::Check, Change::Nothing];
    let parts: Vec<String> = all
        .into_iter()
        .filter(|change| count(*change) > 0)
        .map(|change| format!("{} {}", count(change), look.say(word(change))))
        .collect();
    parts.join(", ")
}
