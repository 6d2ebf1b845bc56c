//! Lines in coloured pieces, put where they belong.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::render::language;
use crate::render::paint::{Paint, Spans};
use crate::render::text;
use crate::render::tui::look::{Glyph, Look};

/// Puts a line into a row; what does not fit is cut, and that is marked.
pub(crate) fn put(buffer: &mut Buffer, area: Rect, row: u16, line: Spans, look: Look) {
    styled(buffer, area, row, line, look, Style::new());
}

/// The same with a style over all of the row.
pub(crate) fn styled(buffer: &mut Buffer, area: Rect, row: u16, line: Spans, look: Look, style: Style) {
    if row >= area.height || area.width == 0 {
        return;
    }
    let y = area.y + row;
    let mut x = area.x;
    for (paint, piece) in line.cut(usize::from(area.width)).pieces() {
        let left = usize::from(area.right().saturating_sub(x));
        x = buffer.set_stringn(x, y, piece, left, look.style(*paint)).0;
    }
    buffer.set_style(Rect { x: area.x, y, width: area.width, height: 1 }, style);
}

/// A text in lines of so many columns.
pub(crate) fn paragraph(paint: Paint, content: &str, columns: usize) -> impl Iterator<Item = Spans> + use<> {
    text::wrap(&language::shown(content), columns).into_iter().map(move |line| Spans::new().add(paint, line))
}

/// Begins the line of a row in a list, and gives the style of that row: keys act on the selected one.
pub(crate) fn row_of(selected: bool, look: Look) -> (Spans, Style) {
    let (mark, style) = if selected { (look.glyph(Glyph::Cursor), look.selected()) } else { (" ", Style::new()) };
    (Spans::new().add_label(Paint::Accent, mark).gap(1), style)
}

/// Puts lines into rows from the top; gives the number of rows that they took.
pub(crate) fn put_all(buffer: &mut Buffer, area: Rect, lines: impl IntoIterator<Item = Spans>, look: Look) -> u16 {
    let mut row = 0;
    for line in lines.into_iter().take(usize::from(area.height)) {
        put(buffer, area, row, line, look);
        row += 1;
    }
    row
}

/// A row of one character.
pub(crate) fn fill(buffer: &mut Buffer, area: Rect, row: u16, glyph: &str, style: Style) {
    if row < area.height {
        buffer.set_string(area.x, area.y + row, glyph.repeat(usize::from(area.width)), style);
    }
}

/// A title with a line behind it above an area; gives what is left below.
pub(crate) fn frame(buffer: &mut Buffer, area: Rect, title: &str, focused: bool, look: Look) -> Rect {
    if area.height == 0 {
        return area;
    }
    let paint = if focused { Paint::Bold } else { Paint::Dim };
    let title = text::cut(&language::shown(title), usize::from(area.width.saturating_sub(4)));
    let rest = usize::from(area.width).saturating_sub(text::width(&title) + 4);
    let across = look.glyph(Glyph::Across);
    let line = Spans::new()
        .add_label(Paint::Dim, &across.repeat(2))
        .add_label(paint, &format!(" {title} "))
        .add_label(Paint::Dim, &across.repeat(rest));
    put(buffer, area, 0, line, look);
    Rect { y: area.y + 1, height: area.height - 1, ..area }
}

/// An area without so many columns at both sides.
pub(crate) const fn inner(area: Rect, columns: u16) -> Rect {
    let width = area.width.saturating_sub(2 * columns);
    Rect { x: area.x + if width > 0 { columns } else { 0 }, width, ..area }
}

/// `███░░░`.
pub(crate) fn gauge(done: u64, total: u64, columns: usize, look: Look) -> Spans {
    let full = u128::from(done.min(total)) * (columns as u128);
    let full = full.checked_div(u128::from(total)).and_then(|full| usize::try_from(full).ok()).unwrap_or(0);
    Spans::new()
        .add_label(Paint::Accent, &look.glyph(Glyph::Full).repeat(full))
        .add_label(Paint::Dim, &look.glyph(Glyph::Empty).repeat(columns - full))
}
