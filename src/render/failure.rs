//! Why a step failed: the error's chain, what is not ready in the cluster, the last lines of a log.

use super::error::chain_lines;
use super::paint::{Paint, Spans};
use super::text;
use crate::model::cluster::Finding;

/// How many lines of a log are shown without `--verbose`.
const LOG_LINES: usize = 20;

/// How much of a log is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Logs {
    None,
    Last,
    All,
}

/// The lines below a failed step's own.
pub(super) fn failure(
    errors: &[String],
    findings: &[Finding],
    log: &[String],
    logs: Logs,
    indent: usize,
) -> Vec<Spans> {
    let mut lines = chain_lines(errors, indent);
    // Fatal findings come first; the others may be a consequence.
    let (fatal, other): (Vec<_>, Vec<_>) = findings.iter().partition(|finding| finding.fatal);
    let mut object = None;
    for finding in fatal.into_iter().chain(other) {
        if object != Some(&finding.object) {
            object = Some(&finding.object);
            lines.push(Spans::indent(indent).add(Paint::Bold, finding.object.to_string()));
        }
        lines.extend(finding_lines(finding, logs, indent + 2));
    }
    // A container's log can come with its finding and again with the step.
    if !findings.iter().any(|finding| finding.log == log) {
        lines.extend(log_lines(log, logs, indent));
    }
    lines
}

fn finding_lines(finding: &Finding, logs: Logs, indent: usize) -> Vec<Spans> {
    let mut lines = Vec::new();
    let pod = finding.pod.as_ref().filter(|_| finding.object.kind != "Pod");
    let place = [("pod", pod), ("container", finding.container.as_ref())];
    let place: Vec<String> =
        place.iter().filter_map(|(kind, name)| name.map(|name| format!("{kind} {name}"))).collect();
    if !place.is_empty() {
        lines.push(Spans::indent(indent).add(Paint::Plain, place.join(", ")));
    }
    let indent = if place.is_empty() { indent } else { indent + 2 };
    let mut message = text::clean_lines(&finding.message).into_iter();
    let reason = Spans::indent(indent).add(Paint::Warn, &finding.reason);
    lines.push(match message.next() {
        Some(first) => reason.add_label(Paint::Plain, ": ").add(Paint::Plain, first),
        None => reason,
    });
    lines.extend(message.map(|line| Spans::indent(indent + 2).add(Paint::Plain, line)));
    if let Some(event) = &finding.event {
        lines.push(Spans::indent(indent).add_label(Paint::Dim, "event: ").verbatim(Paint::Plain, event));
    }
    lines.extend(log_lines(&finding.log, logs, indent));
    lines
}

fn log_lines(log: &[String], logs: Logs, indent: usize) -> Vec<Spans> {
    let log: Vec<String> = log.iter().flat_map(|line| text::clean_lines(line)).collect();
    let shown = match logs {
        Logs::None => 0,
        Logs::Last => log.len().min(LOG_LINES),
        Logs::All => log.len(),
    };
    let omitted = log.len() - shown;
    let mut lines = Vec::new();
    if shown > 0 && omitted > 0 {
        let note = format!("… {} omitted (see events.jsonl in the run folder)", text::count(omitted, "line"));
        lines.push(Spans::indent(indent).add_label(Paint::Dim, "│ ").add(Paint::Dim, note));
    }
    lines.extend(
        log.into_iter()
            .skip(omitted)
            .map(|line| Spans::indent(indent).add_label(Paint::Dim, "│ ").verbatim(Paint::Plain, line)),
    );
    lines
}
