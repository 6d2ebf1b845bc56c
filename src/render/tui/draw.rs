//! The state to a frame: title, screen, footer, and what covers them.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::help;
use super::keymap::{BINDINGS, Command, Scope, name};
use super::look::{Glyph, Look};
use super::screens;
use super::screens::common::elapsed;
use super::state::{Confirmation, Overlay, Screen, State, Tone};
use super::widgets::{Cursor, fill as across, frame, inner, paragraph, put, put_all};
use super::words::{Word, fill};
use crate::event::Status;
use crate::render::language;
use crate::render::paint::{Paint, Spans};
use crate::render::plan::target;
use crate::render::text;

/// The smallest terminal that the screens are made for.
pub(super) const SMALLEST: (u16, u16) = (80, 24);

/// Rows that an error gets at the most.
const ERROR_ROWS: u16 = 8;

/// Draws everything.
pub fn draw(state: &State, frame: &mut Frame<'_>) {
    let area = frame.area();
    render(state, frame.buffer_mut(), area);
}

/// The same into a buffer.
pub(super) fn render(state: &State, buffer: &mut Buffer, area: Rect) {
    language::within(state.look.lang, || everything(state, buffer, area));
}

fn everything(state: &State, buffer: &mut Buffer, area: Rect) {
    let look = state.look;
    // A question is shown, however small the terminal is.
    let asked = match &state.overlay {
        Some(Overlay::Confirmation(asked)) => {
            Some(format!("{} {}", question(state, *asked), look.say(choices(state, *asked))))
        }
        _ => None,
    };
    if too_small(asked, look, buffer, area) {
        return;
    }
    whole(state, buffer, area);
    if look.ascii {
        plain(buffer, area);
    }
}

/// Shows the question or a message where the terminal is too small; whether it is.
pub(super) fn too_small(asked: Option<String>, look: Look, buffer: &mut Buffer, area: Rect) -> bool {
    if area.width >= SMALLEST.0 && area.height >= SMALLEST.1 {
        return false;
    }
    let size = [area.width.to_string(), area.height.to_string()];
    let message = fill(look.say(Word::TooSmall), &[("columns", &size[0]), ("rows", &size[1])]);
    put_all(buffer, area, paragraph(Paint::Plain, &asked.unwrap_or(message), usize::from(area.width)), look);
    true
}

/// Replaces our marks by ASCII. Letters of other alphabets stay.
pub(super) fn plain(buffer: &mut Buffer, area: Rect) {
    for y in area.top()..area.bottom() {
        for x in area.left()..area.right() {
            let cell = &mut buffer[(x, y)];
            let symbol = match cell.symbol() {
                "…" => "~",
                "│" => "|",
                "—" | "–" => "-",
                "‹" | "←" => "<",
                "›" | "→" => ">",
                "↑" => "^",
                "↓" => "v",
                "«" | "»" => "\"",
                _ => continue,
            };
            cell.set_symbol(symbol);
        }
    }
}

fn whole(state: &State, buffer: &mut Buffer, area: Rect) {
    title(state, buffer, area);
    let body = inner(Rect { y: area.y + 2, height: area.height - 4, ..area }, 1);
    (screens::view(state.screen).draw)(state, buffer, body);
    footer(state, buffer, Rect { y: area.bottom() - 2, height: 2, ..area });
    match &state.overlay {
        Some(Overlay::Help(cursor)) => help_window(state, *cursor, buffer, area),
        Some(Overlay::Confirmation(asked)) => ask(state, *asked, buffer, area),
        None => {}
    }
}

/// `windlass  Cluster › Preflight › …`, the screen that is shown standing out.
fn title(state: &State, buffer: &mut Buffer, area: Rect) {
    let look = state.look;
    let named = Spans::indent(1).add(Paint::Bold, "windlass").gap(2);
    let mut line = Spans::new();
    for (index, screen) in Screen::ALL.into_iter().enumerate() {
        if index > 0 {
            line = line.add_label(Paint::Dim, if look.ascii { " > " } else { " › " });
        }
        let title = look.say(screens::view(screen).title);
        line = match screen == state.screen {
            // Not by colour alone.
            true => line.add(Paint::Bold, format!("[{title}]")),
            false => line.add(Paint::Dim, title),
        };
    }
    let wide = usize::from(area.width);
    if named.width() + line.width() <= wide {
        line = named.join(line);
    } else if line.width() < wide {
        line = Spans::indent(1).join(line);
    } else {
        // Where there is no room for all of them: how far it is.
        let at = Screen::ALL.iter().position(|screen| *screen == state.screen).unwrap_or(0) + 1;
        let position = format!("{at}/{}  {}", Screen::ALL.len(), look.say(screens::view(state.screen).title));
        line = named.add(Paint::Bold, position);
    }
    put(buffer, area, 0, line, look);
    across(buffer, area, 1, look.glyph(Glyph::Across), look.style(Paint::Dim));
}

/// The last message or what is waited for, and the keys that matter here.
fn footer(state: &State, buffer: &mut Buffer, area: Rect) {
    let look = state.look;
    let line = match (&state.notice, &state.busy) {
        (Some((tone @ (Tone::Bad | Tone::Warning), message)), _) => {
            draw_error(message, *tone, look, buffer, area);
            Spans::new()
        }
        // Work in progress matters more than a success.
        (_, Some((word, since))) => {
            let message = elapsed(state, *word, *since);
            Spans::indent(1).add_label(Paint::Accent, look.glyph(Glyph::Running)).gap(1).add(Paint::Accent, message)
        }
        (Some((Tone::Good, message)), None) => {
            Spans::indent(1).add_label(Paint::Good, look.glyph(Glyph::Done)).gap(1).add(Paint::Good, message)
        }
        (None, None) => Spans::new(),
    };
    if line.width() > 0 {
        put(buffer, area, 0, line, look);
    }
    if screens::is_typing(state) {
        put(buffer, area, 1, Spans::indent(1).add(Paint::Dim, look.say(Word::TypingKeys)), look);
        return;
    }
    let mut shown: Vec<(Command, Spans)> = Vec::new();
    for (scope, command) in keys(state) {
        let found = BINDINGS.iter().find(|binding| binding.scope == scope && binding.command == command);
        let Some(binding) = found else { continue };
        let Some(key) = binding.keys.first() else { continue };
        let word = short(look.say(screens::view(state.screen).word_of(binding)));
        let key = Spans::new().add_label(Paint::Accent, &name(*key, look.ascii));
        shown.push((command, key.gap(1).add(Paint::Dim, word)));
    }
    // Where there is no room for all: back and quit are always shown.
    let width = |shown: &[(Command, Spans)]| shown.iter().map(|(_, key)| key.width() + 2).sum::<usize>();
    while width(&shown) > usize::from(area.width) + 1 {
        let spare = |(command, _): &(Command, Spans)| !matches!(command, Command::Back | Command::Quit);
        let Some(at) = shown.iter().rposition(spare) else { break };
        shown.remove(at);
    }
    let mut line = Spans::new();
    for (at, (_, key)) in shown.into_iter().enumerate() {
        line = line.gap(if at == 0 { 1 } else { 2 }).join(key);
    }
    put(buffer, area, 1, line, look);
}

/// An error or warning in full: over the last rows of the screen, where one row is not enough for it.
fn draw_error(message: &str, tone: Tone, look: Look, buffer: &mut Buffer, area: Rect) {
    let mut lines = text::wrap(&language::shown(message), usize::from(area.width.saturating_sub(4)));
    lines.truncate(usize::from(ERROR_ROWS));
    let rows = u16::try_from(lines.len()).unwrap_or(ERROR_ROWS).max(1);
    let over = Rect { y: area.y + 1 - rows, height: rows, ..area };
    for (row, line) in (0_u16..).zip(lines) {
        let (glyph, paint) =
            if tone == Tone::Bad { (Glyph::Failed, Paint::Bad) } else { (Glyph::Warning, Paint::Warn) };
        let mark = if row == 0 { look.glyph(glyph) } else { " " };
        across(buffer, over, row, " ", ratatui::style::Style::reset());
        put(buffer, over, row, Spans::indent(1).add_label(paint, mark).gap(1).add(paint, line), look);
    }
}

/// The first of several meanings.
fn short(text: &str) -> &str {
    text.split(';').next().unwrap_or(text)
}

/// The keys that are worth a place in the footer.
fn keys(state: &State) -> Vec<(Scope, Command)> {
    let view = screens::view(state.screen);
    let mut keys = vec![(Scope::Any, Command::Help)];
    keys.extend((view.keys)(state));
    keys.retain(|(_, command)| view.knows(*command));
    keys.extend([(Scope::Any, Command::Back), (Scope::Any, Command::Quit)]);
    keys
}

/// An empty area in the middle with a title; gives what is inside.
fn window(state: &State, buffer: &mut Buffer, area: Rect, size: (u16, u16), title: &str) -> Rect {
    let (width, height) = (size.0.min(area.width), size.1.min(area.height));
    let window = Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height };
    let (look, dim) = (state.look, state.look.style(Paint::Dim));
    for row in 0..height {
        across(buffer, window, row, " ", ratatui::style::Style::reset());
        for side in [window.x, window.right() - 1] {
            buffer.set_string(side, window.y + row, look.glyph(Glyph::Bar), dim);
        }
    }
    let inside = frame(buffer, window, title, true, look);
    across(buffer, window, height - 1, look.glyph(Glyph::Across), dim);
    inner(Rect { height: inside.height.saturating_sub(1), ..inside }, 2)
}

fn help_window(state: &State, cursor: Cursor, buffer: &mut Buffer, area: Rect) {
    let rows = u16::try_from(help::lines(state).len()).unwrap_or(u16::MAX);
    let size = (64, rows.saturating_add(2).min(area.height.saturating_sub(2)));
    let inside = window(state, buffer, area, size, state.look.say(Word::HelpTitle));
    help::draw(state, cursor, buffer, inside);
}

/// The words of a question.
fn question(state: &State, ask: Confirmation) -> String {
    let look = state.look;
    let file = state.file.path.display().to_string();
    match ask {
        Confirmation::Leave if !state.is_changed() => look.say(Word::AskLeaveEmpty).to_owned(),
        Confirmation::Leave if state.file.failed => fill(look.say(Word::AskLeaveLost), &[("file", &file)]),
        Confirmation::Leave if state.file.older => fill(look.say(Word::AskLeaveOlder), &[("file", &file)]),
        Confirmation::Leave => fill(look.say(Word::AskLeave), &[("file", &file)]),
        Confirmation::Stop => look.say(Word::AskStop).to_owned(),
        Confirmation::LeaveAtOnce => fill(look.say(Word::AskLeaveAtOnce), &[("what", &running(state))]),
        Confirmation::Skip => {
            let run = state.run.as_ref();
            let step = run.and_then(|run| Some(run.state.title(run.selected()?))).unwrap_or_default();
            let count = run.map_or(0, |run| screens::run::skipped(run).len().saturating_sub(1)).to_string();
            fill(look.say(Word::AskSkip), &[("step", step), ("count", &count)])
        }
        Confirmation::Install => {
            let target = state.connected.as_ref().map(|connected| target(&connected.info)).unwrap_or_default();
            let asked = fill(look.say(Word::AskInstall), &[("target", &target)]);
            match &state.registry {
                Some((false, message)) => format!("{asked} {message}"),
                _ => asked,
            }
        }
    }
}

fn ask(state: &State, ask: Confirmation, buffer: &mut Buffer, area: Rect) {
    let look = state.look;
    let mut lines: Vec<Spans> = paragraph(Paint::Bold, &question(state, ask), 60).collect();
    let height = u16::try_from(lines.len()).unwrap_or(u16::MAX).saturating_add(5);
    let inside = window(state, buffer, area, (66, height), look.say(Word::AskTitle));
    lines.insert(0, Spans::new());
    lines.push(Spans::new());
    lines.push(Spans::new().add(Paint::Accent, look.say(choices(state, ask))));
    put_all(buffer, inside, lines, look);
}

/// The keys that answer a question.
fn choices(state: &State, ask: Confirmation) -> Word {
    if ask == Confirmation::Leave && state.may_write() { Word::LeaveKeys } else { Word::YesNo }
}

/// The titles of the running steps.
fn running(state: &State) -> String {
    let Some(run) = &state.run else { return String::new() };
    let running = run
        .state
        .order
        .iter()
        .filter(|step| run.state.steps.get(&step.id).is_some_and(|known| known.status == Status::Running));
    running.map(|step| step.title.as_str()).collect::<Vec<_>>().join(", ")
}
