//! A screen as a picture, for the docs: the same buffer that a terminal gets, as SVG.

use std::fmt::Write as _;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};

use super::draw::render;
use super::state::State;
use crate::render::text;

/// The size of a cell. Letters are stretched to it, whatever font there is.
const CELL: (u32, u32) = (8, 17);

/// Colours of a dark terminal: what is plain, and what is behind it.
const PLAIN: &str = "#d8dee9";
const BEHIND: &str = "#20242c";

/// The state as SVG, of so many columns and rows.
#[must_use]
pub fn picture(state: &State, (columns, rows): (u16, u16)) -> String {
    let area = Rect::new(0, 0, columns, rows);
    let mut buffer = Buffer::empty(area);
    render(state, &mut buffer, area);
    let (width, height) = (u32::from(columns) * CELL.0 + 16, u32::from(rows) * CELL.1 + 16);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"6\" fill=\"{BEHIND}\"/>\n\
         <g font-family=\"DejaVu Sans Mono, Menlo, Consolas, monospace\" font-size=\"13\" xml:space=\"preserve\">\n"
    );
    for y in 0..rows {
        let mut x = 0;
        while x < columns {
            x += run(&mut out, &buffer, x, y, columns);
        }
    }
    out.push_str("</g>\n</svg>\n");
    out
}

/// Writes the cells from here on that look the same; gives how many columns they take.
fn run(out: &mut String, buffer: &Buffer, x: u16, y: u16, columns: u16) -> u16 {
    let look = |x: u16| {
        let cell = &buffer[(x, y)];
        (cell.fg, cell.modifier)
    };
    let (color, modifier) = look(x);
    let mut letters = String::new();
    let mut taken = 0;
    while x + taken < columns && look(x + taken) == (color, modifier) {
        let symbol = buffer[(x + taken, y)].symbol();
        letters.push_str(symbol);
        taken += u16::try_from(text::width(symbol)).unwrap_or(1).max(1);
    }
    let reversed = modifier.contains(Modifier::REVERSED);
    let (left, top) = (8 + u32::from(x) * CELL.0, 8 + u32::from(y) * CELL.1);
    let wide = u32::from(taken) * CELL.0;
    let (front, back) = (paint(color), if reversed { Some(paint(color)) } else { None });
    // Writing to a String cannot fail.
    if let Some(back) = back {
        let _ =
            writeln!(out, "<rect x=\"{left}\" y=\"{top}\" width=\"{wide}\" height=\"{}\" fill=\"{back}\"/>", CELL.1);
    }
    let shown = letters.trim_end();
    if !shown.trim().is_empty() {
        let front = if reversed { BEHIND } else { front };
        let weight = if modifier.contains(Modifier::BOLD) { " font-weight=\"bold\"" } else { "" };
        let dim = if modifier.contains(Modifier::DIM) && !reversed { " opacity=\"0.6\"" } else { "" };
        let length = u32::try_from(text::width(shown)).unwrap_or(1) * CELL.0;
        let escaped = shown.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let _ = writeln!(
            out,
            "<text x=\"{left}\" y=\"{}\" textLength=\"{length}\" lengthAdjust=\"spacingAndGlyphs\" fill=\"{front}\"{weight}{dim}>{escaped}</text>",
            top + 13
        );
    }
    taken.max(1)
}

const fn paint(color: Color) -> &'static str {
    match color {
        Color::Cyan => "#5fd7d7",
        Color::Red => "#ff6e67",
        Color::Yellow => "#e5c07b",
        Color::LightBlue => "#7aa2f7",
        _ => PLAIN,
    }
}
