//! The run: its panes, and what can be done about failed steps.

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::common::{elapsed, page};
use super::form;
use super::run_panes::{self, log_rows};
use crate::event::Outcome;
use crate::render::SummaryExtras;
use crate::render::paint::{Paint, Spans};
use crate::render::text;
use crate::render::tui::flow::{self, plan, start_run};
use crate::render::tui::keymap::{Command, Scope};
use crate::render::tui::look::Glyph;
use crate::render::tui::message::Intent;
use crate::render::tui::parts::RunPhase;
use crate::render::tui::run::{Ended, Pane, Pending, RunView};
use crate::render::tui::state::{Confirmation, Overlay, Screen, State, Tone};
use crate::render::tui::view::{TextInput, View};
use crate::render::tui::widgets::{Cursor, LineEdit, frame, gauge, put};
use crate::render::tui::words::{Word, fill};

/// What is being done.
pub(super) const VIEW: View = View {
    title: Word::Run,
    scope: Scope::Run,
    list: &[Command::Filter, Command::Next, Command::Previous, Command::Left, Command::Right, Command::Continue],
    enter: None,
    keys,
    act,
    draw,
    input: Some(TextInput {
        is_open: |state| state.run.as_ref().is_some_and(|run| run.log.typing.is_some()),
        key: typed,
        paste,
    }),
};

/// The keys of a run: what can be done about failed steps, or how to stop it.
fn keys(state: &State) -> Vec<(Scope, Command)> {
    let Some(run) = &state.run else { return Vec::new() };
    let next = (Scope::List, Command::Next);
    if run.recorded {
        return vec![next];
    }
    let mut keys = Vec::new();
    if !run.failed().is_empty() || !run.is_live() {
        keys.extend([(Scope::Run, Command::Retry), (Scope::Run, Command::Edit), (Scope::Run, Command::Skip)]);
    }
    match run.is_live() {
        true => keys.push((Scope::Run, Command::Stop)),
        false => keys.push((Scope::Any, Command::Continue)),
    }
    keys.push(next);
    keys
}

fn act(state: &mut State, command: Command) -> Vec<Intent> {
    let page = page(state) / 2;
    let rows = state.run.as_ref().map_or(0, |run| run_panes::detail_rows(state, run, detail_width(run, state.size)));
    let Some(run) = &mut state.run else { return Vec::new() };
    if command.is_navigation() && command != Command::Help {
        // Moving the view ends following the run.
        run.follow_run = false;
    }
    match command {
        Command::Next => run.pane = run.pane.beside(true),
        Command::Previous => run.pane = run.pane.beside(false),
        Command::Right | Command::Enter | Command::Left if run.pane == Pane::Steps && run.fold(command) => {
            run.detail = Cursor::default();
        }
        Command::Right | Command::Enter if run.pane == Pane::Steps => run.pane = Pane::Detail,
        Command::Left | Command::Back if run.pane != Pane::Steps => run.pane = Pane::Steps,
        Command::Back => return leave(state),
        Command::Follow if run.pane == Pane::Steps => run.follow_run = !run.follow_run,
        Command::Follow => {
            run.log.follow = !run.log.follow;
            run.log.row = Cursor(log_rows(run).saturating_sub(1));
        }
        Command::Wrap => run.log.wrap = !run.log.wrap,
        Command::Filter => {
            run.pane = Pane::Log;
            run.log.typing = Some(LineEdit::default());
        }
        Command::NextMatch | Command::PreviousMatch => return found(state, command == Command::NextMatch),
        Command::Stop => return leave(state),
        Command::Retry => return retry(state, Vec::new()),
        Command::Skip => return skip(state),
        Command::Edit => return edit(state),
        Command::Continue if !run.is_live() => state.screen = Screen::Summary,
        command => scroll(run, command, page, rows),
    }
    Vec::new()
}

/// Columns of the pane with the selected step.
fn detail_width(run: &RunView, (columns, rows): (u16, u16)) -> u16 {
    // Title, headline, bar and footer take six rows, the margins two columns.
    let (width, height) = (columns.saturating_sub(2), rows.saturating_sub(6));
    if is_wide(width, height) { width - left_width(run, width) - 2 } else { width }
}

/// Whether there is room for the steps beside everything about one of them.
const fn is_wide(width: u16, height: u16) -> bool {
    width >= 118 && height >= 24
}

/// Columns of the steps then: as many as the longest title wants, where the rest leaves them.
fn left_width(run: &RunView, width: u16) -> u16 {
    let title = run.state.order.iter().map(|step| text::width(&step.title)).max().unwrap_or(0);
    let wanted = u16::try_from(title + run_panes::BESIDE_TITLE).unwrap_or(u16::MAX);
    wanted.clamp(width * 2 / 5, width * 3 / 5)
}

fn scroll(run: &mut RunView, command: Command, page: usize, detail: usize) {
    match run.pane {
        Pane::Steps => {
            let rows = run.rows();
            let mut cursor = Cursor(run.row(&rows));
            if cursor.moved(command, rows.len(), page) {
                run.at = rows.into_iter().nth(cursor.0);
                run.follow_run = false;
                run.log.follow = true;
                run.detail = Cursor::default();
            }
        }
        Pane::Detail => {
            run.detail.moved(command, detail, page);
        }
        Pane::Log => {
            let rows = log_rows(run);
            if run.log.follow {
                run.log.row = Cursor(rows.saturating_sub(1));
            }
            if run.log.row.moved(command, rows, page) {
                // At the end it follows the log.
                run.log.follow = run.log.row.0 + 1 >= rows;
            }
        }
        Pane::Pods => {
            run.pod.moved(command, run.pods.len(), page);
        }
    }
}

/// Searches, and reports the number of matches.
fn found(state: &mut State, next: bool) -> Vec<Intent> {
    let Some(run) = &mut state.run else { return Vec::new() };
    let count = search(run, next).to_string();
    let message = fill(state.look.say(Word::LinesFound), &[("count", &count), ("text", &run.log.search)]);
    state.notice = Some((Tone::Good, message));
    Vec::new()
}

/// The next line that has what is searched for, or the one before; how many there are.
fn search(run: &mut RunView, next: bool) -> usize {
    let Some(id) = run.selected().map(str::to_owned) else { return 0 };
    let wanted = run.log.search.to_lowercase();
    if wanted.is_empty() {
        return 0;
    }
    let at = if run.log.follow { log_rows(run).saturating_sub(1) } else { run.log.row.0 };
    let hits: Vec<usize> = run
        .lines_of(&id)
        .enumerate()
        .filter(|(_, line)| line.to_lowercase().contains(&wanted))
        .map(|(row, _)| row)
        .collect();
    let found = match next {
        true => hits.iter().find(|row| **row > at).or(hits.first()),
        false => hits.iter().rev().find(|row| **row < at).or(hits.last()),
    };
    if let Some(found) = found {
        run.log.follow = false;
        run.log.row = Cursor(*found);
    }
    hits.len()
}

/// Asks whether to stop a live run; goes to the summary of one that has ended.
fn leave(state: &mut State) -> Vec<Intent> {
    let Some(run) = &state.run else { return Vec::new() };
    if !run.is_live() {
        state.screen = Screen::Summary;
    } else {
        return flow::leave(state);
    }
    Vec::new()
}

/// Plans and runs again, as a run that continues this one: finished steps are unchanged in it.
fn retry(state: &mut State, without: Vec<String>) -> Vec<Intent> {
    let Some(run) = &mut state.run else { return Vec::new() };
    let nothing = if run.is_live() { run.failed().is_empty() } else { run.state.outcome == Some(Outcome::Succeeded) };
    if nothing {
        state.notice = Some((Tone::Good, state.look.say(Word::NothingFailed).to_owned()));
        return Vec::new();
    }
    if run.is_live() {
        let before = match run.pending.take() {
            Some(Pending::Retry(before)) => before,
            _ => Vec::new(),
        };
        run.pending = Some(Pending::Retry([before, without].concat()));
        return Vec::new();
    }
    if state.running.phase == RunPhase::Starting {
        return Vec::new();
    }
    let without = [run.without.clone(), without].concat();
    if state.running.given.as_ref().is_some_and(|ran| *ran != state.answered()) {
        // The plan with other answers has not been shown yet.
        state.screen = Screen::Review;
        return plan(state);
    }
    start_run(state, without)
}

/// Back to the answers, while the running steps end; the review then shows what is left to do.
fn edit(state: &mut State) -> Vec<Intent> {
    let Some(run) = &mut state.run else { return Vec::new() };
    if run.is_live() && run.failed().is_empty() {
        state.notice = Some((Tone::Good, state.look.say(Word::NothingFailed).to_owned()));
        return Vec::new();
    }
    run.pending = None;
    state.review.planned = None;
    form::at_failure(state);
    Vec::new()
}

/// Asks whether to skip the selected step, if it failed.
fn skip(state: &mut State) -> Vec<Intent> {
    let failed = |run: &RunView| run.selected().is_some_and(|id| run.failed().contains(&id));
    if state.run.as_ref().is_some_and(failed) {
        state.overlay = Some(Overlay::Confirmation(Confirmation::Skip));
    } else {
        state.notice = Some((Tone::Good, state.look.say(Word::SelectFailed).to_owned()));
    }
    Vec::new()
}

/// What would be skipped with the selected step: itself, and all that needs it.
pub(in crate::render::tui) fn skipped(run: &RunView) -> Vec<String> {
    run.selected().map(|id| run.needing(id)).unwrap_or_default()
}

/// Skips it.
pub(in crate::render::tui) fn skip_confirmed(state: &mut State) -> Vec<Intent> {
    let without = state.run.as_ref().map(skipped).unwrap_or_default();
    retry(state, without)
}

/// The run is over.
pub(in crate::render::tui) fn ended(state: &mut State, ended: Ended, extras: SummaryExtras) -> Vec<Intent> {
    state.done_waiting(Word::PlanningLater);
    state.running.phase = RunPhase::Idle;
    let Some(run) = &mut state.run else { return Vec::new() };
    run.ended = Some(ended);
    state.overlay = None;
    state.notice = None;
    state.summary.extras = Some(extras);
    state.summary.cursor = Cursor::default();
    match run.pending.take() {
        Some(Pending::Retry(without)) => return retry(state, without),
        Some(Pending::Plan) if state.screen == Screen::Review => return plan(state),
        _ => {}
    }
    // After a failure the failed step stays selected, and can be retried.
    if state.screen == Screen::Run && run.failed().is_empty() {
        state.screen = Screen::Summary;
    }
    Vec::new()
}

fn typed(state: &mut State, key: KeyEvent) -> Vec<Intent> {
    let Some(run) = &mut state.run else { return Vec::new() };
    let Some(mut edit) = run.log.typing.take() else { return Vec::new() };
    match key.code {
        KeyCode::Esc => {}
        KeyCode::Enter => {
            run.log.search = edit.text();
            return found(state, false);
        }
        _ => {
            edit.key(key);
            run.log.typing = Some(edit);
        }
    }
    Vec::new()
}

fn paste(state: &mut State, text: &str) {
    if let Some(edit) = state.run.as_mut().and_then(|run| run.log.typing.as_mut()) {
        edit.insert(text);
    }
}

fn draw(state: &State, buffer: &mut Buffer, area: Rect) {
    let Some(run) = &state.run else { return };
    put(buffer, area, 0, headline(state, run), state.look);
    put(buffer, area, 1, bar(state, run, usize::from(area.width)), state.look);
    let area = Rect { y: area.y + 2, height: area.height.saturating_sub(2), ..area };
    let look = state.look;
    let title = |pane: Pane| look.say(run_panes::title(pane));
    let mut pane = |pane: Pane, area: Rect| {
        let inside = frame(buffer, area, title(pane), run.pane == pane, look);
        run_panes::draw(state, run, pane, buffer, inside);
    };
    if is_wide(area.width, area.height) {
        let left = left_width(run, area.width);
        let right = Rect { x: area.x + left + 2, width: area.width - left - 2, ..area };
        let pods = (u16::try_from(run.pods.len()).unwrap_or(u16::MAX).saturating_add(2)).clamp(3, area.height / 4);
        let most = area.height - pods;
        let wanted = u16::try_from(run_panes::detail_rows(state, run, right.width)).unwrap_or(u16::MAX);
        let detail = wanted.saturating_add(1).clamp(most * 2 / 5, most * 3 / 4);
        let log = area.height - pods - detail;
        pane(Pane::Steps, Rect { width: left, ..area });
        pane(Pane::Detail, Rect { height: detail, ..right });
        pane(Pane::Log, Rect { y: right.y + detail, height: log, ..right });
        pane(Pane::Pods, Rect { y: right.y + detail + log, height: pods, ..right });
        return;
    }
    // One above the other; below is what keys are about, or what is known of the step.
    let steps = area.height / 2;
    let below = if run.pane == Pane::Steps { Pane::Detail } else { run.pane };
    pane(Pane::Steps, Rect { height: steps, ..area });
    pane(below, Rect { y: area.y + steps, height: area.height - steps, ..area });
}

/// The whole run in one bar: by time where earlier runs give an estimate, else by steps.
fn bar(state: &State, run: &RunView, width: usize) -> Spans {
    let look = state.look;
    let elapsed = run.seconds(state.now).unwrap_or(0);
    let counts = run.state.counts();
    let steps = counts.done + counts.unchanged + counts.skipped;
    let (done, total, text) = match run.left(state.now) {
        Some(left) => {
            let text = fill(look.say(Word::TimeLeft), &[("left", look.time(&text::whole(left)))]);
            (elapsed, elapsed + left, text)
        }
        None => (steps as u64, run.state.order.len() as u64, String::new()),
    };
    let columns = width.saturating_sub(text::width(&text) + 2);
    gauge(done, total, columns, look).gap(2).add(Paint::Dim, text)
}

/// Mark and words of a run's state.
fn outcome(run: &RunView) -> (Glyph, Word, Paint) {
    let verified = run.state.order.iter().any(|step| step.verify);
    match (run.state.outcome, run.state.stopping) {
        (Some(Outcome::Succeeded), _) if !run.skipped.is_empty() => (Glyph::Warning, Word::EndedPartly, Paint::Warn),
        (Some(Outcome::Succeeded), _) if verified => (Glyph::Done, Word::EndedVerified, Paint::Good),
        (Some(Outcome::Succeeded), _) => (Glyph::Done, Word::EndedUnchecked, Paint::Good),
        (Some(Outcome::VerifyFailed), _) => (Glyph::Failed, Word::EndedChecksFailed, Paint::Bad),
        (Some(Outcome::Stopped), _) => (Glyph::Stopped, Word::EndedStopped, Paint::Warn),
        (Some(Outcome::Failed), _) => (Glyph::Failed, Word::EndedFailed, Paint::Bad),
        (None, _) if !run.is_live() => (Glyph::Failed, Word::EndedFailed, Paint::Bad),
        (None, true) => (Glyph::Stopped, Word::StoppingNow, Paint::Warn),
        (None, false) => (Glyph::Running, Word::RunningNow, Paint::Accent),
    }
}

pub(super) fn headline(state: &State, run: &RunView) -> Spans {
    let look = state.look;
    let counts = run.state.counts();
    let total = run.state.order.len();
    let done = counts.done + counts.unchanged + counts.skipped;
    let (glyph, word, paint) = outcome(run);
    // Shown while a retry is planned.
    let retrying = state.busy.filter(|_| state.running.phase == RunPhase::Starting && !run.is_live());
    let (glyph, text, paint) = match retrying {
        Some((_, since)) => (Glyph::Running, elapsed(state, Word::PlanningAgain, since), Paint::Accent),
        None => (glyph, look.say(word).to_owned(), paint),
    };
    let recorded =
        if run.recorded { Spans::new().add(Paint::Warn, look.say(Word::Recorded)).gap(2) } else { Spans::new() };
    let progress = fill(look.say(Word::StepsDone), &[("done", &done.to_string()), ("total", &total.to_string())]);
    let progress = match run.seconds(state.now) {
        Some(seconds) => format!("{progress}, {}", look.time(&text::whole(seconds))),
        None => progress,
    };
    let line = recorded.add_label(paint, look.glyph(glyph)).gap(1).add(paint, text).gap(2).add(Paint::Plain, progress);
    let line = match counts.failed {
        0 => line,
        failed => line.gap(2).add(Paint::Bad, fill(look.say(Word::CountFailed), &[("count", &failed.to_string())])),
    };
    let line = match counts.blocked {
        0 => line,
        blocked => line.gap(2).add(Paint::Warn, fill(look.say(Word::CountBlocked), &[("count", &blocked.to_string())])),
    };
    let line = match &run.pending {
        Some(Pending::Retry(_)) => line.gap(2).add(Paint::Accent, look.say(Word::RetryPending)),
        _ => line,
    };
    match &run.before {
        Some(before) => line.gap(2).add(Paint::Dim, fill(look.say(Word::ContinuesRun), &[("run", before)])),
        None => line,
    }
}
