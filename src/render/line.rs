//! A run as lines: for a terminal, with what runs now redrawn below them, and for pipes.

use std::collections::BTreeMap;
use std::io::{self, Write};

use jiff::Timestamp;

use super::LineOptions;
use super::failure::{Logs, failure};
use super::footer::{Footer, seconds, state_column};
use super::paint::{Paint, Spans};
use super::plan::{target, totals};
use super::track::Track;
use super::{language, text};
use crate::event::{Envelope, Event, RunState, Skip, Status};

/// How often the footer is drawn again at most, in milliseconds.
const REDRAW: i64 = 100;

/// Narrower terminals have no column for the component.
const NARROW: usize = 60;

/// Writes a run line by line. The caller reduces each event first, then hands over both; and calls
/// [`tick`](Self::tick) some ten times a second. [`summary`](super::summary()) follows the last event.
pub struct Line {
    out: Box<dyn Write + Send>,
    options: LineOptions,
    /// The last event taken in: a journal may repeat some.
    seq: u64,
    run: String,
    tracks: BTreeMap<String, Track>,
    /// The width of each footer line on the screen.
    drawn: Vec<usize>,
    redrawn: Option<i64>,
    component: usize,
    /// Columns for what becomes of a step.
    state: usize,
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Line").field("options", &self.options).field("seq", &self.seq).finish_non_exhaustive()
    }
}

impl Line {
    /// Writes to `out`.
    #[must_use]
    pub fn new(out: Box<dyn Write + Send>, options: LineOptions) -> Self {
        Self {
            out,
            options,
            seq: 0,
            run: String::new(),
            tracks: BTreeMap::new(),
            drawn: Vec::new(),
            redrawn: None,
            component: 0,
            state: state_column(),
        }
    }

    /// The terminal has another size now.
    pub fn resize(&mut self, width: usize, height: usize) {
        self.options.width = width.max(1);
        self.options.height = height;
    }

    /// Writes an event that `state` has already applied.
    ///
    /// # Errors
    /// What the writer says, such as a closed pipe or a full disk.
    pub fn event(&mut self, envelope: &Envelope, state: &RunState) -> io::Result<()> {
        if let Event::RunStarted { run, .. } = &envelope.event
            && *run != self.run
        {
            self.seq = 0;
            self.run.clone_from(run);
            self.tracks.clear();
        }
        if envelope.seq <= self.seq {
            return Ok(());
        }
        self.seq = envelope.seq;
        let now = envelope.at.as_millisecond();
        let lines = self.lines(&envelope.event, now, state);
        let ended = matches!(envelope.event, Event::RunFinished { .. });
        if lines.is_empty() && !ended {
            return Ok(());
        }
        self.write(lines, now, state)
    }

    /// Redraws what runs, or writes to a pipe what has become due.
    ///
    /// # Errors
    /// What the writer says.
    pub fn tick(&mut self, state: &RunState) -> io::Result<()> {
        self.tick_at(Timestamp::now(), state)
    }

    /// [`tick`](Self::tick) at a given time.
    ///
    /// # Errors
    /// What the writer says.
    pub fn tick_at(&mut self, now: Timestamp, state: &RunState) -> io::Result<()> {
        let now = now.as_millisecond();
        if self.options.live {
            // A clock that was set back must not freeze the screen.
            if self.redrawn.is_some_and(|last| (0..REDRAW).contains(&(now - last))) {
                return Ok(());
            }
            return self.write(Vec::new(), now, state);
        }
        let due: Vec<Spans> = state.running().flat_map(|id| self.due(id, now, state)).collect();
        if due.is_empty() { Ok(()) } else { self.write(due, now, state) }
    }

    /// Clears what is redrawn, so that others can write: a question, a log line. The next tick draws it again.
    ///
    /// # Errors
    /// What the writer says.
    pub fn clear(&mut self) -> io::Result<()> {
        let mut text = String::new();
        self.erase(&mut text);
        if !text.is_empty() {
            self.out.write_all(text.as_bytes())?;
            self.out.flush()?;
        }
        Ok(())
    }

    /// Lines that stay, then the footer, in one write: nothing half-drawn is ever seen.
    fn write(&mut self, lines: Vec<Spans>, now: i64, state: &RunState) -> io::Result<()> {
        let mut text = String::new();
        self.erase(&mut text);
        for line in lines {
            text.push_str(&line.render(self.options.color));
            text.push('\n');
        }
        if self.options.live {
            let size = (self.options.width, self.options.height);
            let footer =
                Footer { state, tracks: &self.tracks, now, size, component: self.component, column: self.state };
            for line in footer.lines() {
                self.drawn.push(line.width());
                text.push_str(&line.render(self.options.color));
                text.push('\n');
            }
            self.redrawn = Some(now);
        }
        if text.is_empty() {
            return Ok(());
        }
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }

    /// Clears the footer and all below it. A terminal made narrower has broken its lines.
    fn erase(&mut self, text: &mut String) {
        let rows: usize = self.drawn.drain(..).map(|width| width.div_ceil(self.options.width).max(1)).sum();
        if rows > 0 {
            text.push_str(&format!("\r\u{1b}[{rows}A\u{1b}[J"));
        }
    }

    fn lines(&mut self, event: &Event, now: i64, state: &RunState) -> Vec<Spans> {
        let verbose = self.options.verbose;
        let live = self.options.live;
        match event {
            Event::RunStarted { run, command, cluster, steps, .. } => {
                let widest = steps.iter().map(|step| text::width(&language::shown(&step.component))).max();
                self.component = if self.options.width < NARROW { 0 } else { widest.unwrap_or(0) };
                let plan = totals(steps.iter().map(|step| step.change));
                vec![
                    Spans::new()
                        .add(Paint::Bold, command)
                        .add_label(Paint::Plain, " on ")
                        .add(Paint::Plain, target(cluster))
                        .add_label(Paint::Dim, ", run ")
                        .add(Paint::Dim, run),
                    Spans::new().add(Paint::Plain, format!("{}: {plan}", text::count(steps.len(), "step"))),
                ]
            }
            Event::StepStarted { id, attempt } => {
                self.tracks.entry(id.clone()).or_default().begin();
                if live && !verbose {
                    return Vec::new();
                }
                let mut line = self.head("start", Paint::Accent, None, id, state);
                if *attempt > 1 {
                    line = line.add_label(Paint::Plain, ", ").add(Paint::Plain, format!("attempt {attempt}"));
                }
                let why = state.announced(id).map(|step| step.why.join("; "));
                if let Some(why) = why.filter(|why| verbose && !why.is_empty()) {
                    line = line.add_label(Paint::Plain, ": ").add(Paint::Dim, why);
                }
                vec![self.fit(line)]
            }
            Event::Bytes { id, done, total } => {
                self.tracks.entry(id.clone()).or_default().bytes(now, *done, *total);
                if live { Vec::new() } else { self.due(id, now, state) }
            }
            Event::Waiting { id, what } => {
                self.tracks.entry(id.clone()).or_default().words(what);
                if live { Vec::new() } else { self.due(id, now, state) }
            }
            Event::Note { id, text } => {
                let elapsed = elapsed(id, now, state);
                let line = self.head("note", Paint::Accent, elapsed, id, state);
                vec![line.add_label(Paint::Plain, ": ").add(Paint::Plain, text)]
            }
            Event::StepRetried { id, attempt, after_seconds, errors } => {
                let next = now.saturating_add(i64::try_from(*after_seconds).unwrap_or(0).saturating_mul(1000));
                self.tracks.entry(id.clone()).or_default().retry(*attempt, next);
                let delay = format!(": retrying in {}", text::whole(*after_seconds));
                let head = self.head("retry", Paint::Warn, elapsed(id, now, state), id, state);
                let mut lines =
                    vec![self.fit_before(head, text::width(&language::shown(&delay))).add(Paint::Warn, delay)];
                lines.extend(failure(errors, &[], &[], Logs::None, 4));
                lines
            }
            Event::StepFinished { id, seconds, summary, .. } => {
                self.tracks.remove(id);
                let line = self.head("done", Paint::Good, Some(*seconds), id, state);
                let line = match summary {
                    Some(summary) => line.add_label(Paint::Plain, ": ").add(Paint::Dim, summary),
                    None => line,
                };
                vec![self.fit(line)]
            }
            Event::StepSkipped { id, why } => {
                self.tracks.remove(id);
                let why = match why {
                    Skip::Unchanged if !verbose => return Vec::new(),
                    Skip::Unchanged => "unchanged",
                    Skip::NotApplicable(why) => why,
                };
                let line = self.head("skipped", Paint::Dim, None, id, state);
                vec![self.fit(line.add_label(Paint::Plain, ": ").add(Paint::Dim, why))]
            }
            Event::StepFailed { id, seconds, errors, findings, log } => {
                self.tracks.remove(id);
                let line = self.head("FAILED", Paint::Bad, Some(*seconds), id, state);
                let mut lines = vec![line.add(Paint::Dim, format!(" ({id})"))];
                let logs = if verbose { Logs::All } else { Logs::Last };
                lines.extend(failure(errors, findings, log, logs, 4));
                lines
            }
            Event::StepBlocked { id, by } => {
                let line = self.head("blocked", Paint::Warn, None, id, state);
                let by = format!(": blocked by {} ({by})", state.title(by));
                vec![line.add(Paint::Warn, by)]
            }
            // The summary lists what was not started.
            Event::StepStopped { begun: false, .. } if !verbose => Vec::new(),
            Event::StepStopped { id, begun } => {
                let elapsed = if *begun { elapsed(id, now, state) } else { None };
                self.tracks.remove(id);
                let line = self.head("stopped", Paint::Warn, elapsed, id, state);
                vec![self.fit(if *begun { line } else { line.add_label(Paint::Dim, ": not started") })]
            }
            Event::Stopping => {
                let names: Vec<&str> = state.running().map(|id| state.title(id)).collect();
                let rest = match names.len() {
                    0 => String::new(),
                    count => format!(", {} still running: {}", text::count(count, "step"), names.join(", ")),
                };
                vec![Spans::new().add(Paint::Warn, format!("stopping: no new step starts{rest}"))]
            }
            Event::RunFinished { .. } => {
                self.tracks.clear();
                Vec::new()
            }
        }
    }

    /// The progress lines of a running step that are due in a pipe.
    fn due(&mut self, id: &str, now: i64, state: &RunState) -> Vec<Spans> {
        let Some(track) = self.tracks.get_mut(id) else { return Vec::new() };
        let (bytes, words) = (track.bytes_due(now), track.words_due(now));
        let elapsed = elapsed(id, now, state);
        [("bytes", bytes), ("waiting", words)]
            .into_iter()
            .filter_map(|(word, text)| Some((word, text?)))
            .map(|(word, text)| {
                self.head(word, Paint::Dim, elapsed, id, state).add_label(Paint::Plain, ": ").add(Paint::Plain, text)
            })
            .collect()
    }

    /// `done        12.3s  livy  release livy in apache-livy`, in a pipe after `[ 3/24]`.
    fn head(&self, word: &str, paint: Paint, took: Option<f64>, id: &str, state: &RunState) -> Spans {
        let mut line = Spans::new();
        if !self.options.live {
            let (ended, all) = state.ended();
            let digits = all.to_string().len();
            if all > 0 {
                line = line.add(Paint::Dim, format!("[{ended:>digits$}/{all}]")).gap(1);
            }
        }
        let took = took.map(text::duration).unwrap_or_default();
        line = line.column(paint, word, self.state).right(Paint::Plain, took, 8).gap(2);
        if self.component > 0 {
            let component = state.announced(id).map_or("", |step| &step.component);
            line = line.column(Paint::Dim, component, self.component).gap(2);
        }
        line.add(Paint::Plain, state.title(id))
    }

    /// Lines about progress are cut to the terminal's width; lines about failures are not.
    fn fit(&self, line: Spans) -> Spans {
        self.fit_before(line, 0)
    }

    /// The same with room for a text of so many columns after it.
    fn fit_before(&self, line: Spans, after: usize) -> Spans {
        if self.options.live { line.cut(self.options.width.saturating_sub(after)) } else { line }
    }
}

impl Drop for Line {
    /// Clears the footer, so that the shell's prompt does not follow a part of it.
    fn drop(&mut self) {
        let _ = self.clear();
    }
}

/// Seconds since a step began, while it is known.
fn elapsed(id: &str, now: i64, state: &RunState) -> Option<f64> {
    let step = state.steps.get(id)?;
    let begun = step.started?;
    matches!(step.status, Status::Running | Status::Stopped(_)).then(|| seconds(now - begun.as_millisecond()))
}
