//! The panes of a run: its steps, what is known of one, its lines, the pods.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::edit::typing_line;
use crate::event::{Announced, Skip, Status, StepState};
use crate::model::cluster::Finding;
use crate::render::failure::{Logs, failure};
use crate::render::language;
use crate::render::paint::{Paint, Spans};
use crate::render::text;
use crate::render::tui::look::{Glyph, Look};
use crate::render::tui::rows::StepRow;
use crate::render::tui::run::{Pane, PodRow, RunView};
use crate::render::tui::state::State;
use crate::render::tui::widgets::{gauge, paragraph, put_all, rows, styled};
use crate::render::tui::words::{Word, fill, same_of_pods};

/// Columns of a gauge.
const GAUGE: usize = 20;

pub(super) const fn title(pane: Pane) -> Word {
    match pane {
        Pane::Steps => Word::PaneSteps,
        Pane::Detail => Word::PaneDetail,
        Pane::Log => Word::PaneLog,
        Pane::Pods => Word::PanePods,
    }
}

/// How many lines the selected step has.
pub(super) fn log_rows(run: &RunView) -> usize {
    run.selected().map_or(0, |id| run.lines_of(id).len())
}

pub(super) fn draw(state: &State, run: &RunView, pane: Pane, buffer: &mut Buffer, area: Rect) {
    match pane {
        Pane::Steps => steps(state, run, buffer, area),
        Pane::Detail => {
            let width = usize::from(area.width);
            let (lines, next) = (detail(state, run, width), next(state, run, width));
            // What to do stands at the bottom where there is not room for all.
            let below = area.height.saturating_sub(u16::try_from(next.len()).unwrap_or(u16::MAX));
            let first = run.detail.0.min(lines.len().saturating_sub(usize::from(below)));
            let used = put_all(buffer, Rect { height: below, ..area }, lines.into_iter().skip(first), state.look);
            let used = used.min(below);
            put_all(buffer, Rect { y: area.y + used, height: area.height - used, ..area }, next, state.look);
        }
        Pane::Log => log(state, run, buffer, area),
        Pane::Pods => pods(state, run, buffer, area),
    }
}

/// How many rows everything about the selected step takes.
pub(super) fn detail_rows(state: &State, run: &RunView, width: u16) -> usize {
    let width = usize::from(width);
    detail(state, run, width).len() + next(state, run, width).len()
}

/// Columns of a step's row beside its title, with a time of usual length.
pub(super) const BESIDE_TITLE: usize = 18 + 12;

fn steps(state: &State, run: &RunView, buffer: &mut Buffer, area: Rect) {
    let look = state.look;
    let all = run.rows();
    let here = run.row(&all);
    for (row, index) in (0_u16..).zip(rows(here, all.len(), area.height)) {
        let style = if index == here { look.selected() } else { Default::default() };
        let line = match &all[index] {
            StepRow::Component(id) => component(state, run, id, usize::from(area.width)),
            StepRow::Step(at) => step(state, run, &run.state.order[*at], usize::from(area.width)),
        };
        styled(buffer, area, row, line, look, style);
    }
}

/// The state of a component: the worst of its steps.
fn worst_status<'a>(run: &'a RunView, id: &str) -> &'a Status {
    let known = run.steps_of(id).filter_map(|step| run.state.steps.get(&step.id));
    let worst = known.map(|known| &known.status).min_by_key(|status| match status {
        Status::Failed { .. } => 0,
        Status::Running => 1,
        Status::Blocked(_) => 2,
        Status::Stopped(_) => 3,
        Status::Waiting => 4,
        Status::Done => 5,
        Status::Skipped(_) => 6,
    });
    worst.unwrap_or(&Status::Waiting)
}

/// `- ▶ running     Apache HDFS                      3/7  1m 05s`.
fn component(state: &State, run: &RunView, id: &str, width: usize) -> Spans {
    let look = state.look;
    let known: Vec<&StepState> = run.steps_of(id).filter_map(|step| run.state.steps.get(&step.id)).collect();
    let over = run.steps_of(id).filter(|step| run.is_over(&step.id)).count();
    let began = known.iter().filter_map(|known| known.started).min();
    let ended = known.iter().filter_map(|known| Some(known.started?.as_millisecond() + millis(known.seconds))).max();
    let running = known.iter().any(|known| matches!(known.status, Status::Running));
    let until = if running { Some(state.now) } else { ended };
    let time = began.zip(until).map(|(began, until)| elapsed(began.as_millisecond(), until, look)).unwrap_or_default();
    let (glyph, word, paint) = status(worst_status(run, id), false);
    let count = format!("{over}/{}", run.steps_of(id).count());
    let room = width.saturating_sub(18 + text::width(&count) + text::width(&time));
    let title = state.catalog.title(id).of(look.lang.code());
    Spans::new()
        .add_label(Paint::Dim, if run.is_folded(id) { "+ " } else { "- " })
        .add_label(paint, look.glyph(glyph))
        .gap(1)
        .column(paint, text::cut(look.say(word), 11), 11)
        .gap(1)
        .column(Paint::Bold, text::cut(&language::shown(title), room), room)
        .gap(1)
        .add(Paint::Plain, count)
        .gap(1)
        .add(Paint::Dim, time)
}

/// Seconds in milliseconds.
fn millis(seconds: f64) -> i64 {
    let time = std::time::Duration::try_from_secs_f64(seconds).unwrap_or_default();
    i64::try_from(time.as_millis()).unwrap_or(0)
}

/// The time from one time to a later one, both in milliseconds, in whole seconds.
fn elapsed(from: i64, until: i64, look: Look) -> String {
    look.time(&text::whole(u64::try_from(until - from).unwrap_or(0) / 1000))
}

fn step(state: &State, run: &RunView, step: &Announced, width: usize) -> Spans {
    let look = state.look;
    let default = StepState::default();
    let known = run.state.steps.get(&step.id).unwrap_or(&default);
    let retrying = run.tracks.get(&step.id).and_then(|track| track.retrying(state.now)).is_some();
    let (glyph, word, paint) = status(&known.status, retrying);
    let time = match &known.status {
        Status::Running => transfer(state, run, &step.id).unwrap_or_else(|| {
            let started = known.started.map_or(state.now, |started| started.as_millisecond());
            let elapsed = elapsed(started, state.now, look);
            match run.deadlines.get(&step.id) {
                Some(limit) => {
                    let limit = look.time(&text::round(*limit));
                    fill(look.say(Word::AtMost), &[("elapsed", &elapsed), ("limit", &limit)])
                }
                None => elapsed,
            }
        }),
        Status::Done | Status::Failed { .. } => look.time(&text::duration(known.seconds)),
        _ => String::new(),
    };
    let word = text::cut(look.say(word), 11);
    let room = width.saturating_sub(18 + text::width(&time));
    let mark = if run.is_critical(&step.id) { look.glyph(Glyph::Path) } else { " " };
    Spans::indent(1)
        .add_label(Paint::Accent, mark)
        .gap(1)
        .add_label(paint, look.glyph(glyph))
        .gap(1)
        .column(paint, word, 11)
        .gap(1)
        .column(Paint::Plain, text::cut(&language::shown(&step.title), room), room)
        .gap(1)
        .add(Paint::Dim, time)
}

/// How far a transfer is, how fast, and how long it will take.
fn transfer(state: &State, run: &RunView, id: &str) -> Option<String> {
    let look = state.look;
    let (percent, speed) = run.tracks.get(id)?.speed(state.now)?;
    let percent = percent.to_string();
    Some(match speed {
        None => format!("{percent} %"),
        Some((rate, left)) => {
            let left = look.time(&text::whole(left));
            fill(look.say(Word::Transfer), &[("percent", &percent), ("rate", &text::bytes(rate)), ("left", &left)])
        }
    })
}

/// Mark and word of a step's state.
pub(super) const fn status(status: &Status, retrying: bool) -> (Glyph, Word, Paint) {
    match status {
        Status::Running if retrying => (Glyph::Warning, Word::StateRetrying, Paint::Warn),
        Status::Waiting => (Glyph::Waiting, Word::StateWaiting, Paint::Dim),
        Status::Running => (Glyph::Running, Word::StateRunning, Paint::Accent),
        Status::Done => (Glyph::Done, Word::StateDone, Paint::Good),
        Status::Skipped(_) => (Glyph::Unchanged, Word::StateSkipped, Paint::Dim),
        Status::Failed { .. } => (Glyph::Failed, Word::StateFailed, Paint::Bad),
        Status::Blocked(_) => (Glyph::Blocked, Word::StateBlocked, Paint::Warn),
        Status::Stopped(_) => (Glyph::Stopped, Word::StateStopped, Paint::Warn),
    }
}

/// What can be done about a failed step, and how many steps it blocks.
fn next(state: &State, run: &RunView, width: usize) -> Vec<Spans> {
    let look = state.look;
    let Some(id) = run.selected().filter(|id| run.failed().contains(id)) else { return Vec::new() };
    let blocked = (run.needing(id).len() - 1).to_string();
    let text = format!(
        "{}. {}",
        fill(look.say(Word::Blocks), &[("count", &blocked)]),
        look.say(if run.state.outcome.is_none() { Word::StepsStillRunning } else { Word::FailedStepKeys })
    );
    paragraph(Paint::Accent, &text, width).collect()
}

/// What is known of the selected step, in lines that fit.
fn detail(state: &State, run: &RunView, width: usize) -> Vec<Spans> {
    let look = state.look;
    let Some(step) = run.selected().and_then(|id| run.state.announced(id)) else { return about(state, run) };
    let default = StepState::default();
    let known = run.state.steps.get(&step.id).unwrap_or(&default);
    let track = run.tracks.get(&step.id);
    let retrying = track.and_then(|track| track.retrying(state.now));
    let (glyph, word, paint) = status(&known.status, retrying.is_some());
    let mut lines = vec![
        Spans::new().add(Paint::Bold, &step.title).gap(2).add(Paint::Dim, &step.id),
        Spans::new().add_label(paint, look.glyph(glyph)).gap(1).add(paint, look.say(word)),
    ];
    let mut say = |paint: Paint, text: &str| {
        lines.extend(paragraph(paint, text, width));
    };
    for why in &step.why {
        say(Paint::Dim, why);
    }
    if run.is_critical(&step.id) {
        say(Paint::Dim, &fill(look.say(Word::OnPath), &[("mark", look.glyph(Glyph::Path))]));
    }
    match &known.status {
        Status::Blocked(by) => say(Paint::Warn, &fill(look.say(Word::BlockedBy), &[("by", run.state.title(by))])),
        Status::Skipped(Skip::NotApplicable(why)) => say(Paint::Plain, why),
        Status::Stopped(begun) => {
            say(Paint::Warn, look.say(if *begun { Word::StoppedMidway } else { Word::NotStarted }))
        }
        _ => {}
    }
    if let Some(retrying) = retrying {
        say(Paint::Warn, &retrying);
    }
    if let Some(track) = track {
        if let Some(progress) = track.progress(state.now) {
            let (done, total) = known.bytes.unwrap_or_default();
            lines.push(gauge(done, total, GAUGE.min(width), look));
            lines.push(Spans::new().add(Paint::Plain, progress));
        }
        if let Some(waiting) = track.waiting() {
            let text = fill(look.say(Word::WaitsFor), &[("what", waiting)]);
            lines.extend(paragraph(Paint::Plain, &text, width));
        }
    }
    if let Some(summary) = &known.summary {
        lines.push(Spans::new().add(Paint::Accent, summary));
    }
    if let Status::Failed { errors, findings, log } = &known.status {
        lines.extend(failure(errors, &merge_alike(findings, look), log, Logs::Last, 0));
    }
    lines.into_iter().flat_map(|line| line.wrapped(width)).collect()
}

/// What is known of the selected component: how many of its steps are in which state.
fn about(state: &State, run: &RunView) -> Vec<Spans> {
    let look = state.look;
    let Some(id) = run.selected_component() else { return Vec::new() };
    let title = state.catalog.title(id).of(look.lang.code());
    let mut lines = vec![Spans::new().add(Paint::Bold, title).gap(2).add(Paint::Dim, id)];
    let mut counts: Vec<(Glyph, Word, Paint, usize)> = Vec::new();
    for step in run.steps_of(id) {
        let Some(known) = run.state.steps.get(&step.id) else { continue };
        let (glyph, word, paint) = status(&known.status, false);
        match counts.iter_mut().find(|(_, known, ..)| *known == word) {
            Some((.., count)) => *count += 1,
            None => counts.push((glyph, word, paint, 1)),
        }
    }
    lines.extend(counts.into_iter().map(|(glyph, word, paint, count)| {
        let text = fill(look.say(Word::CountOf), &[("word", look.say(word)), ("count", &count.to_string())]);
        Spans::new().add_label(paint, look.glyph(glyph)).gap(1).add(paint, text)
    }));
    lines.push(Spans::new().add(Paint::Dim, look.say(Word::FoldKeys)));
    lines
}

/// Findings, where pods that fail in the same way are merged into one with a count.
pub(in crate::render::tui) fn merge_alike(findings: &[Finding], look: Look) -> Vec<Finding> {
    let mut kept: Vec<(Finding, usize)> = Vec::new();
    for finding in findings {
        match kept.iter_mut().find(|(known, _)| alike(known, finding)) {
            Some((_, more)) => *more += 1,
            None => kept.push((finding.clone(), 0)),
        }
    }
    let merged = kept.into_iter().map(|(mut finding, more)| {
        if more > 0 {
            let word = same_of_pods(look.lang, more);
            finding.message.push('\n');
            finding.message.push_str(&fill(look.say(word), &[("count", &more.to_string())]));
        }
        finding
    });
    merged.collect()
}

/// Whether two pods fail in the same way, their names apart.
fn alike(one: &Finding, other: &Finding) -> bool {
    let (Some(pod), Some(second)) = (&one.pod, &other.pod) else { return false };
    let bare = |text: &str, pod: &str| text.replace(pod, "");
    let event = |finding: &Finding, pod: &str| finding.event.as_deref().map(|event| bare(event, pod));
    let (event, same) = (event(one, pod), event(other, second));
    pod != second
        && one.reason == other.reason
        && bare(&one.message, pod) == bare(&other.message, second)
        && event == same
        // An event names the cause; without one, different containers may have different ones.
        && (event.is_some() || one.container == other.container)
}

fn log(state: &State, run: &RunView, buffer: &mut Buffer, area: Rect) {
    let look = state.look;
    let width = usize::from(area.width);
    let mut area = area;
    if let Some(edit) = &run.log.typing {
        // One row at the bottom for what is typed.
        area.height = area.height.saturating_sub(1);
        let line = typing_line(look, look.say(Word::SearchLabel), edit, area.width);
        put_all(buffer, Rect { y: area.bottom(), height: 1, ..area }, [line], look);
    }
    let Some(id) = run.selected() else { return };
    let count = log_rows(run);
    if count == 0 {
        put_all(buffer, area, [Spans::new().add(Paint::Dim, look.say(Word::NoLines))], look);
        return;
    }
    let last = if run.log.follow { count - 1 } else { run.log.row.0.min(count - 1) };
    let wanted = run.log.search.to_lowercase();
    // From the bottom up, until the pane is full.
    let mut shown: Vec<Spans> = Vec::new();
    for line in run.lines_of(id).take(last + 1).rev() {
        let hit = !wanted.is_empty() && line.to_lowercase().contains(&wanted);
        let paint = if hit { Paint::Warn } else { Paint::Plain };
        let mark = if hit { look.glyph(Glyph::Cursor) } else { " " };
        let parts = if run.log.wrap { broken(line, width.saturating_sub(2)) } else { vec![line.clone()] };
        for (index, part) in parts.into_iter().enumerate().rev() {
            let mark = if index == 0 { mark } else { " " };
            shown.push(Spans::new().add_label(Paint::Accent, mark).gap(1).verbatim(paint, part));
        }
        if shown.len() >= usize::from(area.height) {
            break;
        }
    }
    shown.truncate(usize::from(area.height));
    shown.reverse();
    put_all(buffer, area, shown, look);
}

/// A line broken at exactly so many columns, also inside words.
fn broken(line: &str, columns: usize) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut used = 0;
    for c in line.chars() {
        let wide = text::width(c.encode_utf8(&mut [0; 4]));
        if used + wide > columns.max(1) {
            parts.push(String::new());
            used = 0;
        }
        used += wide;
        if let Some(part) = parts.last_mut() {
            part.push(c);
        }
    }
    parts
}

fn pods(state: &State, run: &RunView, buffer: &mut Buffer, area: Rect) {
    let look = state.look;
    if run.recorded {
        put_all(buffer, area, [Spans::new().add(Paint::Dim, look.say(Word::NoPodsRecorded))], look);
        return;
    }
    if run.pods.is_empty() {
        put_all(buffer, area, [Spans::new().add(Paint::Dim, look.say(Word::NoPods))], look);
        return;
    }
    let selected = (run.pane == Pane::Pods).then_some(run.pod.0);
    let lines: Vec<Spans> = pod_lines(&run.pods, usize::from(area.width), look).collect();
    for (row, index) in (0_u16..).zip(rows(selected.unwrap_or(0), run.pods.len(), area.height)) {
        let style = if Some(index) == selected { look.selected() } else { Default::default() };
        styled(buffer, area, row, lines[index].clone(), look, style);
    }
}

/// A line for each pod.
pub(in crate::render::tui) fn pod_lines(pods: &[PodRow], width: usize, look: Look) -> impl Iterator<Item = Spans> {
    let name = pods.iter().map(|pod| text::width(&pod.name)).max().unwrap_or(0).min(width / 2);
    pods.iter().map(move |row| pod(row, name, look))
}

fn pod(pod: &PodRow, name: usize, look: Look) -> Spans {
    let (ready, count) = pod.ready;
    let good = (ready == count && count > 0) || pod.phase == "Succeeded";
    let (glyph, paint) = match (good, pod.reason.is_empty()) {
        (true, _) => (Glyph::Done, Paint::Good),
        (false, true) => (Glyph::Waiting, Paint::Dim),
        (false, false) => (Glyph::Warning, Paint::Warn),
    };
    let restarts = match pod.restarts {
        0 => String::new(),
        count => fill(look.say(Word::Restarts), &[("count", &count.to_string())]),
    };
    Spans::new()
        .add_label(paint, look.glyph(glyph))
        .gap(1)
        .column(Paint::Plain, text::cut(&pod.name, name), name)
        .gap(2)
        .column(paint, format!("{} {ready}/{count}", pod.phase), 16)
        .gap(1)
        .add(Paint::Warn, format!("{restarts} {}", pod.reason).trim())
}
