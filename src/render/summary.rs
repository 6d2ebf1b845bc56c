//! How a run ended.

use super::failure::{Logs, failure};
use super::paint::{Paint, Spans, join};
use super::plan::wrapped;
use super::status::{endpoint_lines, hosts_lines, hosts_note, verified};
use super::{Endpoint, Look};
use super::{language, text};
use crate::event::{Counts, Outcome, RunState, Status};
use crate::model::cluster::ReleaseKey;
use crate::model::state::Verified;
use crate::plan::Change;

/// What the events do not contain.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SummaryExtras {
    /// The releases of what was installed.
    pub releases: Vec<ReleaseRow>,
    /// Addresses.
    pub endpoints: Vec<Endpoint>,
    /// Where the answers of this run are.
    pub answers_file: Option<String>,
    /// Where everything of this run is.
    pub run_dir: Option<String>,
    /// The next command: to see more, to continue, or to fix.
    pub next_command: Option<String>,
}

/// A Helm release as it is after the run.
#[derive(Debug, Clone, PartialEq)]
pub struct ReleaseRow {
    /// The component's name for people.
    pub title: String,
    /// Which release.
    pub release: ReleaseKey,
    /// Its revision.
    pub revision: u32,
    /// Whether all that it rendered is ready.
    pub healthy: bool,
    /// How the last verify went.
    pub verified: Option<Verified>,
}

/// How a run ended: counts, what failed and why, what is left, releases, addresses, where things are.
#[must_use]
pub fn summary(state: &RunState, extras: &SummaryExtras, look: &Look) -> String {
    join(summary_lines(state, extras, look), look.color)
}

/// The same as lines.
fn summary_lines(state: &RunState, extras: &SummaryExtras, look: &Look) -> Vec<Spans> {
    let mut lines = failures(state, look);
    lines.extend(left(state, look));
    if !lines.is_empty() {
        lines.insert(0, Spans::new());
        lines.push(Spans::new());
    }
    lines.extend(releases(&extras.releases, look));
    if !extras.endpoints.is_empty() {
        lines.push(Spans::new().add(Paint::Bold, "endpoints"));
        lines.extend(endpoint_lines(&extras.endpoints, 2));
        lines.extend(hosts_note(&hosts_lines(extras.endpoints.iter()), look));
    }
    lines.push(headline(state));
    lines.extend(places(extras));
    lines
}

/// Where answers and run are, and what to type next.
pub(super) fn places(extras: &SummaryExtras) -> Vec<Spans> {
    let places = [("answers", &extras.answers_file), ("run", &extras.run_dir), ("next", &extras.next_command)];
    let places = places.iter().filter_map(|(name, place)| Some((name, place.as_ref()?)));
    places.map(|(name, place)| Spans::indent(2).column(Paint::Dim, name, 7).gap(2).add(Paint::Plain, place)).collect()
}

fn headline(state: &RunState) -> Spans {
    let command = if state.command.is_empty() { "run" } else { &state.command };
    let took = text::duration(state.seconds);
    let (outcome, paint) = match state.outcome {
        Some(Outcome::Succeeded) => (format!("{command} succeeded in {took}"), Paint::Good),
        Some(Outcome::VerifyFailed) if command == "verify" => (format!("verify failed after {took}"), Paint::Bad),
        Some(Outcome::VerifyFailed) => {
            (format!("{command} succeeded but verification failed, after {took}"), Paint::Bad)
        }
        Some(Outcome::Failed) => (format!("{command} failed after {took}"), Paint::Bad),
        Some(Outcome::Stopped) => (format!("{command} stopped after {took}"), Paint::Warn),
        None => (format!("{command} did not finish"), Paint::Warn),
    };
    let Counts { done, unchanged, skipped, failed, blocked, stopped } = state.counts();
    // What the plan found unchanged is not left to do, even if the run did not reach it.
    let unreached = |id: &&str| {
        idle(state, id) && matches!(state.steps[*id].status, Status::Stopped(_) | Status::Waiting | Status::Running)
    };
    let unreached = state.ids().filter(unreached).count();
    let counts = [
        (done, "done"),
        (unchanged + unreached, "unchanged"),
        (skipped, "skipped"),
        (failed, "failed"),
        (blocked, "blocked"),
        (stopped - unreached, "left to do"),
    ];
    let counts: Vec<String> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    let line = Spans::new().add(paint, outcome);
    if counts.is_empty() { line } else { line.add(Paint::Plain, format!(": {}", counts.join(", "))) }
}

/// Each failure once more, with the steps that it blocks; its log is further up.
fn failures(state: &RunState, look: &Look) -> Vec<Spans> {
    let mut lines = Vec::new();
    for id in state.ids() {
        let step = &state.steps[id];
        if let Status::Failed { errors, findings, .. } = &step.status {
            let took = text::duration(step.seconds);
            lines.push(
                Spans::new()
                    .add_label(Paint::Bad, "failed: ")
                    .add(Paint::Bold, state.title(id))
                    .add(Paint::Dim, format!(" ({id}) after {took}")),
            );
            lines.extend(failure(errors, findings, &[], Logs::None, 2));
            let blocked: Vec<&str> = state
                .ids()
                .filter(|other| matches!(&state.steps[*other].status, Status::Blocked(by) if by == id))
                .map(|other| state.title(other))
                .collect();
            if !blocked.is_empty() {
                lines.extend(wrapped(
                    &format!("{} blocked by this step: ", blocked.len()),
                    Paint::Warn,
                    &blocked.join(", "),
                    look,
                    2,
                ));
            }
        }
    }
    lines
}

/// What is left to do, and what a journal that was cut says of blocked steps.
pub(super) fn left(state: &RunState, look: &Look) -> Vec<Spans> {
    let mut lines = Vec::new();
    for id in state.ids() {
        if let Status::Blocked(by) = &state.steps[id].status {
            let known = matches!(state.steps.get(by).map(|step| &step.status), Some(Status::Failed { .. }));
            if !known {
                let line = format!("{} by {} ({by})", state.title(id), state.title(by));
                lines.push(Spans::new().add_label(Paint::Warn, "blocked: ").add(Paint::Plain, line));
            }
        }
    }
    for (label, begun) in [("stopped: ", true), ("not started: ", false)] {
        let titles: Vec<&str> = state
            .ids()
            .filter(|id| match state.steps[*id].status {
                Status::Stopped(was) => was == begun && (begun || !idle(state, id)),
                Status::Running => begun,
                Status::Waiting => !begun && !idle(state, id),
                _ => false,
            })
            .map(|id| state.title(id))
            .collect();
        if !titles.is_empty() {
            lines.extend(wrapped(label, Paint::Warn, &titles.join(", "), look, 0));
        }
    }
    lines
}

pub(super) fn releases(rows: &[ReleaseRow], look: &Look) -> Vec<Spans> {
    if rows.is_empty() {
        return Vec::new();
    }
    let healthy = rows.iter().filter(|row| row.healthy).count();
    let passed = rows.iter().filter(|row| row.verified.as_ref().is_some_and(|verified| verified.passed)).count();
    let all = rows.len();
    let headline = match (healthy == all, passed == all) {
        (true, true) => format!("{} healthy, verified", text::count(all, "release")),
        (true, false) => format!("{} healthy, {passed} verified", text::count(all, "release")),
        _ => format!("{}: {healthy} healthy, {passed} verified", text::count(all, "release")),
    };
    let mut lines =
        vec![Spans::new().add(if healthy == all && passed == all { Paint::Good } else { Paint::Warn }, headline)];
    let title = rows.iter().map(|row| text::width(&language::shown(&row.title))).max().unwrap_or(0);
    let release = rows.iter().map(|row| text::width(&language::shown(&row.release.to_string()))).max().unwrap_or(0);
    for row in rows {
        let (health, paint) = if row.healthy { ("healthy", Paint::Good) } else { ("not ready", Paint::Bad) };
        let (verified, tone) = verified(row.verified.as_ref());
        let line = Spans::indent(2)
            .column(Paint::Plain, &row.title, title)
            .gap(2)
            .column(Paint::Plain, row.release.to_string(), release)
            .gap(2)
            .column(Paint::Plain, format!("revision {}", row.revision), 11)
            .gap(2)
            .column(paint, health, 9)
            .gap(2)
            .add(tone, &verified);
        if line.width() <= look.width {
            lines.push(line);
        } else {
            lines.push(Spans::indent(2).add(Paint::Plain, &row.title).gap(2).add(paint, health));
            lines.push(Spans::indent(4).add(Paint::Plain, format!("{}, revision {}", row.release, row.revision)));
            lines.push(Spans::indent(4).add(tone, verified));
        }
    }
    lines
}

/// Whether the plan had nothing to do for a step.
fn idle(state: &RunState, id: &str) -> bool {
    state.announced(id).is_some_and(|step| step.change == Change::Nothing)
}
