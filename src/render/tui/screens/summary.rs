//! How it ended: failures and what to do, addresses from outside, checks, the rest.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::common::{page, rows_here, width};
use super::run_panes::merge_alike;
use crate::event::{Announced, Status};
use crate::model::Login;
use crate::render::Endpoint;
use crate::render::failure::{Logs, failure};
use crate::render::language;
use crate::render::paint::{Paint, Spans};
use crate::render::status::hosts_lines;
use crate::render::summary::{left, places, releases};
use crate::render::text;
use crate::render::tui::flow::leave;
use crate::render::tui::keymap::{Command, Scope};
use crate::render::tui::look::{Glyph, Look};
use crate::render::tui::message::Intent;
use crate::render::tui::run::RunView;
use crate::render::tui::state::{Screen, State};
use crate::render::tui::view::{View, usual_keys};
use crate::render::tui::widgets::{paragraph, put_all};
use crate::render::tui::words::{Word, fill};

/// How it ended.
pub(super) const VIEW: View = View {
    title: Word::Summary,
    scope: Scope::List,
    list: &[],
    enter: Some(Word::KeyQuit),
    keys: usual_keys,
    act,
    draw,
    input: None,
};

fn act(state: &mut State, command: Command) -> Vec<Intent> {
    // Title, footer, and the row that says that there is more.
    let shown = usize::from(state.size.1).saturating_sub(5);
    let (count, page) = (lines(state, width(state)).len(), page(state));
    if state.summary.cursor.moved(command, count.saturating_sub(shown) + 1, page) {
        return Vec::new();
    }
    match command {
        Command::Enter | Command::Continue => leave(state),
        Command::Back => {
            state.screen = Screen::Run;
            Vec::new()
        }
        _ => Vec::new(),
    }
}

/// All lines, wrapped to so many columns; what needs action comes first.
fn lines(state: &State, width: usize) -> Vec<Spans> {
    let look = state.look;
    let Some(run) = &state.run else { return Vec::new() };
    // A run that broke off has none.
    let extras = state.summary.extras.clone().unwrap_or_default();
    let plain = crate::render::Look { width, color: false, verbose: false };
    let mut lines = vec![super::run::headline(state, run)];
    if let Some(trouble) = run.ended.as_ref().and_then(|ended| ended.trouble.as_ref()) {
        lines.push(Spans::new().add_label(Paint::Warn, look.glyph(Glyph::Warning)).gap(1).add(Paint::Plain, trouble));
    }
    for part in [
        failures(run, look),
        skipped_steps(run, look),
        left(&run.state, &plain),
        outside(&extras.endpoints, look, width),
        checks(run, look),
        inside(&extras.endpoints, look, width),
        releases(&extras.releases, &plain),
        places(&extras),
    ] {
        if !part.is_empty() {
            lines.push(Spans::new());
            lines.extend(part);
        }
    }
    lines.push(Spans::new());
    lines.push(Spans::new().add(Paint::Dim, look.say(Word::LeaveWithQ)));
    lines.into_iter().flat_map(|line| line.wrapped(width)).collect()
}

/// The steps that failed, why, and the keys that help.
fn failures(run: &RunView, look: Look) -> Vec<Spans> {
    let mut lines = Vec::new();
    for id in run.failed() {
        let Some(known) = run.state.steps.get(id) else { continue };
        let Status::Failed { errors, findings, .. } = &known.status else { continue };
        let took = look.time(&text::duration(known.seconds));
        lines.push(
            Spans::new()
                .add_label(Paint::Bad, look.glyph(Glyph::Failed))
                .gap(1)
                .add(Paint::Bold, run.state.title(id))
                .add(Paint::Dim, format!(" ({id}, {took})")),
        );
        lines.extend(failure(errors, &merge_alike(findings, look), &[], Logs::None, 2));
        let blocked = |step: &&Announced| {
            let known = run.state.steps.get(&step.id);
            known.is_some_and(|known| matches!(&known.status, Status::Blocked(by) if by == id))
        };
        let blocked: Vec<&str> = run.state.order.iter().filter(blocked).map(|step| step.title.as_str()).collect();
        if !blocked.is_empty() {
            let count = fill(look.say(Word::CountBlocked), &[("count", &blocked.len().to_string())]);
            lines.push(Spans::indent(2).add(Paint::Warn, format!("{count}: {}", blocked.join(", "))));
        }
    }
    if !lines.is_empty() && !run.recorded {
        lines.push(Spans::new().add(Paint::Accent, look.say(Word::RetryFromSummary)));
    }
    lines
}

fn skipped_steps(run: &RunView, look: Look) -> Vec<Spans> {
    if run.skipped.is_empty() {
        return Vec::new();
    }
    let head = Spans::new().add(Paint::Warn, look.say(Word::SkippedSteps));
    let titles = run.skipped.iter().map(|title| {
        Spans::indent(2).add_label(Paint::Warn, look.glyph(Glyph::Warning)).gap(1).add(Paint::Plain, title)
    });
    [head].into_iter().chain(titles).collect()
}

/// Addresses that a browser can use, how one logs in there, and what the hosts file lacks for it.
fn outside(endpoints: &[Endpoint], look: Look, width: usize) -> Vec<Spans> {
    let shown: Vec<&Endpoint> = endpoints.iter().filter(|it| it.ingress.is_some() || it.closed.is_some()).collect();
    if shown.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![Spans::new().add(Paint::Bold, look.say(Word::Outside))];
    for (at, endpoint) in shown.iter().enumerate() {
        if let Some(url) = &endpoint.ingress {
            lines.extend(address(&endpoint.title, Paint::Accent, url, &shown, width));
        }
        if let Some(why) = &endpoint.closed {
            let text = fill(look.say(Word::NotOutside), &[("why", why)]);
            lines.extend(address(&endpoint.title, Paint::Warn, &text, &shown, width));
        }
        // Pages of one software have one login.
        let next = shown.get(at + 1).and_then(|next| next.login.as_ref());
        if let Some(login) = endpoint.login.as_ref().filter(|login| next != Some(login)) {
            lines.extend(login_lines(login, look, width));
        }
    }
    let hosts = hosts_lines(endpoints.iter());
    if !hosts.is_empty() {
        lines.extend(paragraph(Paint::Plain, look.say(Word::HostsLines), width));
        lines.extend(hosts.iter().map(|line| Spans::new().add(Paint::Accent, line)));
    }
    lines
}

/// Addresses that only pods can use; the login, where it was not shown above.
fn inside(endpoints: &[Endpoint], look: Look, width: usize) -> Vec<Spans> {
    let shown: Vec<&Endpoint> = endpoints.iter().filter(|endpoint| endpoint.url.is_some()).collect();
    if shown.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![Spans::new().add(Paint::Bold, look.say(Word::Inside))];
    for (at, endpoint) in shown.iter().enumerate() {
        lines.extend(endpoint.url.iter().flat_map(|url| address(&endpoint.title, Paint::Plain, url, &shown, width)));
        let next = shown.get(at + 1).and_then(|next| next.login.as_ref());
        let shown_above = endpoint.ingress.is_some() || endpoint.closed.is_some();
        if let Some(login) = endpoint.login.as_ref().filter(|login| !shown_above && next != Some(login)) {
            lines.extend(login_lines(login, look, width));
        }
    }
    lines
}

/// A name and its address beside each other, or the address below where it has no room. An address that fits into a
/// line is not broken.
fn address(title: &str, paint: Paint, content: &str, all: &[&Endpoint], width: usize) -> Vec<Spans> {
    let column = all.iter().map(|endpoint| text::width(&language::shown(&endpoint.title))).max().unwrap_or(0);
    let line = Spans::indent(2).column(Paint::Plain, title, column).gap(2).add(paint, content);
    if line.width() <= width {
        return vec![line];
    }
    let rest = text::wrap(&language::shown(content), width.saturating_sub(4));
    let rest = rest.into_iter().map(|part| match text::width(&part) + 4 > width {
        true => Spans::new().add(paint, part),
        false => Spans::indent(4).add(paint, part),
    });
    [Spans::indent(2).add(Paint::Plain, title)].into_iter().chain(rest).collect()
}

/// Who logs in, and the command that shows the password: from the first column, so that it can be copied whole. One that
/// is too long is broken as a shell allows it.
fn login_lines(login: &Login, look: Look, width: usize) -> Vec<Spans> {
    let user = match &login.user {
        Some(user) => fill(look.say(Word::LoginUser), &[("user", user)]),
        None => look.say(Word::LoginOnly).to_owned(),
    };
    let text = fill(look.say(Word::ShowsPassword), &[("user", &user)]);
    let command = language::shown(&login.command);
    let mut parts = match text::width(&command) <= width {
        true => vec![command],
        false => text::wrap(&command, width.saturating_sub(2)),
    };
    let last = parts.len().saturating_sub(1);
    parts[..last].iter_mut().for_each(|part| part.push_str(" \\"));
    let command = parts.into_iter().map(|part| Spans::new().add(Paint::Accent, part));
    [Spans::indent(4).add(Paint::Plain, text)].into_iter().chain(command).collect()
}

fn checks(run: &RunView, look: Look) -> Vec<Spans> {
    let mut lines = Vec::new();
    for check in run.state.order.iter().filter(|step| step.verify) {
        let known = run.state.steps.get(&check.id);
        let (glyph, paint) = match known.map(|known| &known.status) {
            Some(Status::Done) => (Glyph::Done, Paint::Good),
            Some(Status::Skipped(_)) => (Glyph::Unchanged, Paint::Dim),
            Some(Status::Failed { .. }) => (Glyph::Failed, Paint::Bad),
            _ => (Glyph::Waiting, Paint::Dim),
        };
        let line = Spans::indent(2).add_label(paint, look.glyph(glyph)).gap(1).add(Paint::Plain, &check.title);
        let summary = known.and_then(|known| known.summary.as_ref());
        lines.push(match summary {
            Some(summary) => line.add_label(Paint::Dim, ": ").add(Paint::Accent, summary),
            None => line,
        });
    }
    if !lines.is_empty() {
        lines.insert(0, Spans::new().add(Paint::Bold, look.say(Word::Checks)));
    }
    lines
}

fn draw(state: &State, buffer: &mut Buffer, area: Rect) {
    let lines = lines(state, usize::from(area.width));
    let height = usize::from(area.height);
    if lines.len() <= height {
        put_all(buffer, area, lines, state.look);
        return;
    }
    let shown = height.saturating_sub(1);
    let first = state.summary.cursor.0.min(lines.len() - shown);
    let more = rows_here(Word::RowsOf, first..first + shown, lines.len(), state.look);
    put_all(buffer, area, lines.into_iter().skip(first).take(shown).chain([more]), state.look);
}
