//! `windlass status --watch`: what is installed and its pods, refreshed again and again.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::draw::{plain, too_small};
use super::keymap::Command;
use super::look::{Glyph, Look};
use super::run::PodRow;
use super::screens::run_panes::pod_lines;
use super::widgets::{Cursor, fill as across, inner, put, put_all};
use super::words::Word;
use crate::render::StatusReport;
use crate::render::language;
use crate::render::paint::{Paint, Spans};
use crate::render::status::status_lines;

/// What is watched.
#[derive(Debug, Clone)]
pub struct Watch {
    /// How it looks.
    pub look: Look,
    /// What is installed, and how it is; nothing until it is known.
    pub report: Option<StatusReport>,
    /// The pods.
    pub pods: Vec<PodRow>,
    /// The first row that is shown.
    pub cursor: Cursor,
    /// When that was, as a time of day.
    pub at: String,
    /// Why the last refresh failed.
    pub trouble: Option<String>,
}

impl Watch {
    /// Before the first refresh.
    #[must_use]
    pub fn new(look: Look) -> Self {
        Self { look, report: None, pods: Vec::new(), cursor: Cursor::default(), at: String::new(), trouble: None }
    }

    /// Looks further up or down, in a terminal of so many columns and rows.
    pub fn scroll(&mut self, command: Command, (columns, rows): (u16, u16)) {
        let lines = language::within(self.look.lang, || self.lines(usize::from(columns).saturating_sub(2)).len());
        let page = usize::from(rows).saturating_sub(4);
        // The last page is the end.
        self.cursor.moved(command, (lines + 1).saturating_sub(page).max(1), page);
    }

    /// All rows, in lines that fit.
    fn lines(&self, width: usize) -> Vec<Spans> {
        let uncoloured = crate::render::Look { width, color: false, verbose: false };
        let mut lines = self.report.as_ref().map(|report| status_lines(report, &uncoloured)).unwrap_or_default();
        lines.extend([Spans::new(), Spans::new().add(Paint::Bold, self.look.say(Word::PanePods))]);
        lines.extend(pod_lines(&self.pods, width, self.look));
        lines.into_iter().flat_map(|line| line.wrapped(width)).collect()
    }
}

/// Draws what is watched.
pub fn draw_watch(watch: &Watch, frame: &mut Frame<'_>) {
    let area = frame.area();
    render(watch, frame.buffer_mut(), area);
}

/// The same into a buffer.
pub(super) fn render(watch: &Watch, buffer: &mut Buffer, area: Rect) {
    let look = watch.look;
    if !too_small(None, look, buffer, area) {
        language::within(look.lang, || rows(watch, look, buffer, area));
    }
}

fn rows(watch: &Watch, look: Look, buffer: &mut Buffer, area: Rect) {
    let title = Spans::indent(1).add(Paint::Bold, "windlass status").gap(2).add(Paint::Dim, &watch.at);
    put(buffer, area, 0, title, look);
    across(buffer, area, 1, look.glyph(Glyph::Across), look.style(Paint::Dim));
    let body = inner(Rect { y: area.y + 2, height: area.height - 4, ..area }, 1);
    let lines = watch.lines(usize::from(body.width));
    let first = watch.cursor.0.min(lines.len().saturating_sub(usize::from(body.height)));
    put_all(buffer, body, lines.into_iter().skip(first), look);
    let line = match &watch.trouble {
        Some(trouble) => {
            Spans::indent(1).add_label(Paint::Bad, look.glyph(Glyph::Failed)).gap(1).add(Paint::Bad, trouble)
        }
        None => Spans::new(),
    };
    put(buffer, area, area.height - 2, line, look);
    put(buffer, area, area.height - 1, Spans::indent(1).add(Paint::Dim, look.say(Word::WatchKeys)), look);
    if look.ascii {
        plain(buffer, area);
    }
}
