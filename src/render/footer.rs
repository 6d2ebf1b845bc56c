//! The last lines of a live terminal: what runs now, and what it waits for.

use std::collections::BTreeMap;

use super::paint::{Paint, Spans};
use super::track::Track;
use super::{language, text};
use crate::event::RunState;

const SPINNER: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/// However tall the terminal is, what has happened should stay in view.
const MOST_ROWS: usize = 14;

/// What a footer is drawn from.
pub(super) struct Footer<'a> {
    pub(super) state: &'a RunState,
    pub(super) tracks: &'a BTreeMap<String, Track>,
    /// Milliseconds.
    pub(super) now: i64,
    /// Columns and rows of the terminal.
    pub(super) size: (usize, usize),
    /// Columns for what becomes of a step.
    pub(super) column: usize,
    /// Columns of the component's name, 0 for none.
    pub(super) component: usize,
}

impl Footer<'_> {
    /// Its lines, none once the run has ended.
    pub(super) fn lines(&self) -> Vec<Spans> {
        if self.state.outcome.is_some() || self.state.started.is_none() {
            return Vec::new();
        }
        let running: Vec<&str> = self.state.running().collect::<Vec<_>>();
        // One row for the totals, one for what has no room.
        let room = self.size.1.saturating_sub(2).clamp(1, MOST_ROWS) - 1;
        let mut lines = Vec::new();
        let mut shown = 0;
        for id in &running {
            let mut block = self.step(id);
            let reserve = usize::from(shown + 1 < running.len());
            if lines.len() + block.len() + reserve > room {
                block.truncate(1);
            }
            if lines.len() + block.len() + reserve > room {
                break;
            }
            lines.append(&mut block);
            shown += 1;
        }
        if shown < running.len() && lines.len() < room {
            lines.push(Spans::indent(self.column).add(Paint::Dim, format!("and {} more", running.len() - shown)));
        }
        lines.push(self.totals(running.len()));
        // A line of full width makes some terminals begin the next one.
        lines.into_iter().map(|line| line.cut(self.size.0.saturating_sub(1))).collect()
    }

    fn step(&self, id: &str) -> Vec<Spans> {
        let state = &self.state.steps[id];
        let elapsed = state.started.map_or(0, |started| self.now - started.as_millisecond());
        let announced = self.state.announced(id);
        let component = announced.map_or("", |step| &step.component);
        let head = Spans::new()
            .column(Paint::Accent, self.spinner(), self.column)
            .right(Paint::Plain, text::duration(seconds(elapsed)), 8)
            .gap(2);
        let head = if self.component > 0 { head.column(Paint::Dim, component, self.component).gap(2) } else { head };
        let mut lines = vec![head.add(Paint::Plain, self.state.title(id))];
        let Some(track) = self.tracks.get(id) else { return lines };
        let retrying = track.retrying(self.now);
        let details = [retrying.as_deref(), track.progress(self.now).as_deref(), track.waiting()]
            .into_iter()
            .flatten()
            .map(|text| Spans::indent(self.column).add_label(Paint::Dim, "└ ").add(Paint::Warn, text))
            .collect::<Vec<_>>();
        lines.extend(details);
        lines
    }

    fn totals(&self, running: usize) -> Spans {
        let (ended, all) = self.state.ended();
        let counts = self.state.counts();
        let elapsed = self.state.started.map_or(0, |started| self.now - started.as_millisecond());
        let mut line = Spans::new().add(Paint::Bold, format!("{ended} of {all} finished, {running} running"));
        for (number, word) in [(counts.failed, "failed"), (counts.blocked, "blocked")] {
            if number > 0 {
                line = line.add_label(Paint::Plain, ", ").add(Paint::Bad, format!("{number} {word}"));
            }
        }
        if self.state.stopping {
            line = line.add_label(Paint::Plain, ", ").add(Paint::Warn, "stopping");
        }
        line.add_label(Paint::Dim, " · ").add(Paint::Dim, text::whole(u64::try_from(elapsed / 1000).unwrap_or(0)))
    }

    fn spinner(&self) -> &'static str {
        let frame = usize::try_from(self.now.rem_euclid(1000) / 100).unwrap_or_default();
        SPINNER[frame % SPINNER.len()]
    }
}

/// Columns for what becomes of a step, in this language.
pub(super) fn state_column() -> usize {
    let words = ["start", "bytes", "waiting", "note", "retry", "done", "skipped", "FAILED", "blocked", "stopped"];
    words.iter().map(|word| text::width(&language::say(word))).max().unwrap_or(0) + 1
}

/// Milliseconds as seconds; never negative, whatever a clock does.
#[expect(clippy::cast_precision_loss, reason = "shown to a tenth of a second")]
pub(super) fn seconds(millis: i64) -> f64 {
    millis.max(0) as f64 / 1000.0
}
