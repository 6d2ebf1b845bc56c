//! What is installed, and how it is.

use serde::Serialize;

use super::Look;
use super::hdfs::hdfs_lines;
use super::paint::{Paint, Spans, join};
use super::plan::{target, wrapped};
use super::{language, text};
use crate::model::Login;
use crate::model::cluster::{ClusterInfo, ReleaseKey};
use crate::model::hdfs_health::HdfsHealth;
use crate::model::state::Verified;

/// The version of the JSON of a [`StatusReport`].
pub const STATUS_SCHEMA: u32 = 1;

/// What `windlass status` shows, and prints with `--json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StatusReport {
    /// [`STATUS_SCHEMA`].
    pub schema: u32,
    /// The target.
    pub cluster: ClusterInfo,
    /// The components, in the order of the catalog.
    pub components: Vec<StatusRow>,
    /// Lines for this machine's hosts file, [`hosts_lines`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
}

/// A component.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StatusRow {
    /// Its id.
    pub id: String,
    /// Its name for people.
    pub title: String,
    /// Version of the software, by the catalog that installed it.
    pub version: String,
    /// The version that runs, where an image of the site's has another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runs: Option<String>,
    /// Its release, if it has one.
    pub release: Option<ReleaseKey>,
    /// The release's revision, if it exists.
    pub revision: Option<u32>,
    /// How it is.
    #[serde(flatten)]
    pub state: ComponentStatus,
    /// How the last verify went.
    pub verified: Option<Verified>,
    /// Problems that do not keep it from working.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// How its HDFS is, where it provides one that could be queried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hdfs: Option<HdfsHealth>,
    /// What anyone who reaches it can do, where it requires no login.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open: Option<String>,
    /// How the cluster differs from what was installed.
    pub drift: Vec<String>,
    /// What differs in fields that `ignore` of component.yaml leaves to others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignored: Vec<String>,
    /// Objects of its release that cannot be read, so that nothing is known of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<String>,
    /// Addresses.
    pub endpoints: Vec<Endpoint>,
}

/// How a component is. In JSON `state` and, where something is bad or not ready, `reasons`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", content = "reasons", rename_all = "kebab-case")]
pub enum ComponentStatus {
    /// Ready, and the last verify passed.
    Healthy,
    /// Ready, but the last verify failed or none was.
    Ready,
    /// All of it is ready, but it does not work, for these reasons.
    Unhealthy(Vec<String>),
    /// Something is not ready, for these reasons.
    NotReady(Vec<String>),
    /// It was installed, but its release does not exist any more.
    Missing,
    /// It was not installed.
    NotInstalled,
}

impl ComponentStatus {
    /// The same, or unhealthy for these reasons, if there are any.
    #[must_use]
    pub fn or_unhealthy(self, bad: Vec<String>) -> Self {
        match self {
            Self::Healthy | Self::Ready if !bad.is_empty() => Self::Unhealthy(bad),
            Self::NotReady(reasons) => Self::NotReady(reasons.into_iter().chain(bad).collect()),
            other => other,
        }
    }

    const fn word(&self) -> (&'static str, Paint) {
        match self {
            Self::Healthy => ("healthy", Paint::Good),
            Self::Ready => ("ready", Paint::Accent),
            Self::Unhealthy(_) => ("unhealthy", Paint::Bad),
            Self::NotReady(_) => ("not ready", Paint::Bad),
            Self::Missing => ("missing", Paint::Bad),
            Self::NotInstalled => ("not installed", Paint::Dim),
        }
    }
}

/// An address of a component.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Endpoint {
    /// What answers there.
    pub title: String,
    /// The address in the cluster.
    pub url: Option<String>,
    /// The address from outside, where an Ingress exists and its controller answers.
    pub ingress: Option<String>,
    /// Where that controller answers: an IP or a host's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The host's name, where it does not resolve to that address on this machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unresolved: Option<String>,
    /// Why it cannot be reached from outside, though there is an Ingress.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed: Option<String>,
    /// How to log in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login: Option<Login>,
}

impl Endpoint {
    /// `http://livy… in the cluster`, `https://livy.example from outside`, and who logs in.
    pub(super) fn lines(&self) -> Vec<(Paint, String)> {
        let inside = self.url.iter().map(|url| (Paint::Accent, format!("{url} in the cluster")));
        let outside = self.ingress.iter().map(|url| (Paint::Accent, format!("{url} from outside")));
        let closed = self.closed.iter().map(|why| (Paint::Warn, format!("not reachable from outside: {why}")));
        let login = self.login.iter().map(|login| (Paint::Plain, login.describe()));
        inside.chain(outside).chain(closed).chain(login).collect()
    }
}

/// Lines for the hosts file, where names do not resolve to the addresses from outside: one for each address.
pub fn hosts_lines<'a>(endpoints: impl Iterator<Item = &'a Endpoint>) -> Vec<String> {
    let mut lines: Vec<(&str, Vec<&str>)> = Vec::new();
    for (address, host) in endpoints.filter_map(|it| it.address.as_deref().zip(it.unresolved.as_deref())) {
        let at = lines.iter().position(|(known, _)| *known == address).unwrap_or_else(|| {
            lines.push((address, Vec::new()));
            lines.len() - 1
        });
        if !lines[at].1.contains(&host) {
            lines[at].1.push(host);
        }
    }
    lines.into_iter().map(|(address, hosts)| format!("{address} {}", hosts.join(" "))).collect()
}

/// Lines for the hosts file, with what to do with them.
pub(super) fn hosts_note(lines: &[String], look: &Look) -> Vec<Spans> {
    if lines.is_empty() {
        return Vec::new();
    }
    let what = "host names that do not resolve on this machine; add to its /etc/hosts:";
    let mut note = wrapped("", Paint::Plain, what, look, 0);
    note.extend(lines.iter().map(|line| Spans::indent(2).add(Paint::Accent, line)));
    note
}

/// Addresses below each other, their names in a column.
pub(super) fn endpoint_lines(endpoints: &[Endpoint], indent: usize) -> Vec<Spans> {
    let widest = endpoints.iter().map(|endpoint| text::width(&language::shown(&endpoint.title))).max().unwrap_or(0);
    let mut lines = Vec::new();
    for endpoint in endpoints {
        for (row, (paint, text)) in endpoint.lines().into_iter().enumerate() {
            let title = if row == 0 { endpoint.title.as_str() } else { "" };
            lines.push(Spans::indent(indent).column(Paint::Plain, title, widest).gap(2).add(paint, text));
        }
    }
    lines
}

/// `verified 2025-11-21T10:00:00Z`, or why not.
pub(super) fn verified(verified: Option<&Verified>) -> (String, Paint) {
    match verified {
        None => ("not verified".to_owned(), Paint::Warn),
        Some(Verified { at, passed: true, .. }) => (format!("verified {at}"), Paint::Good),
        Some(Verified { at, why, .. }) => {
            let why = why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
            (format!("verification failed {at}{why}"), Paint::Bad)
        }
    }
}

/// The report for people.
#[must_use]
pub fn status_table(report: &StatusReport, look: &Look) -> String {
    join(status_lines(report, look), look.color)
}

/// The same as lines.
pub(super) fn status_lines(report: &StatusReport, look: &Look) -> Vec<Spans> {
    let mut lines = vec![Spans::new().add_label(Paint::Dim, "cluster ").add(Paint::Plain, target(&report.cluster))];
    if !report.components.is_empty() {
        lines.push(Spans::new());
    }
    let widest =
        report.components.iter().map(|row| text::width(&language::shown(row.state.word().0))).max().unwrap_or(0);
    let rows: Vec<[(Paint, String); 6]> = report.components.iter().map(cells).collect();
    let columns: Vec<usize> = (0..6)
        .map(|column| rows.iter().map(|row| text::width(&language::shown(&row[column].1))).max().unwrap_or(0))
        .collect();
    let used: Vec<usize> = columns.iter().copied().filter(|width| *width > 0).collect();
    let fits = used.iter().sum::<usize>() + 2 * used.len().saturating_sub(1) <= look.width;
    for (row, cells) in report.components.iter().zip(rows) {
        if fits {
            let line = cells.iter().zip(&columns).filter(|(_, width)| **width > 0);
            lines
                .push(line.fold(Spans::new(), |line, ((paint, text), width)| line.column(*paint, text, *width).gap(2)));
        } else {
            let [(paint, word), title, version, release, revision, verified] = cells;
            let head = Spans::new().column(paint, word, widest).gap(2);
            lines.push(head.add(Paint::Bold, format!("{} {}", title.1, version.1)));
            let release: Vec<String> = [release.1, revision.1].into_iter().filter(|text| !text.is_empty()).collect();
            let rest = [(Paint::Plain, release.join(", ")), verified].into_iter().filter(|(_, text)| !text.is_empty());
            lines.extend(rest.map(|(paint, text)| Spans::indent(DETAIL).add(paint, text)));
        }
        lines.extend(details(row, look));
    }
    if !report.hosts.is_empty() {
        lines.push(Spans::new());
        lines.extend(hosts_note(&report.hosts, look));
    }
    lines.push(Spans::new());
    lines.push(Spans::new().add(Paint::Bold, counts(report)));
    lines
}

/// How far what belongs to a component is moved in.
const DETAIL: usize = 4;

/// State, name, version, release, revision, verified; empty where there is nothing to show.
fn cells(row: &StatusRow) -> [(Paint, String); 6] {
    let (word, paint) = row.state.word();
    let installed = row.state != ComponentStatus::NotInstalled;
    let release = row.release.as_ref().filter(|_| installed).map(ToString::to_string);
    let revision = row.revision.filter(|_| installed).map(|revision| format!("revision {revision}"));
    let (verified, tone) = match (&row.verified, &row.state) {
        (_, ComponentStatus::NotInstalled) => (String::new(), Paint::Plain),
        // Why a verify failed is shown below, where it has room.
        (Some(Verified { at, passed: false, .. }), _) => (format!("verification failed {at}"), Paint::Bad),
        // What is healthy without one has nothing to verify.
        (None, ComponentStatus::Healthy | ComponentStatus::Missing) => (String::new(), Paint::Plain),
        (known, _) => verified(known.as_ref()),
    };
    [
        (paint, word.to_owned()),
        (Paint::Bold, row.title.clone()),
        (Paint::Plain, version(row)),
        (Paint::Plain, release.unwrap_or_default()),
        (Paint::Plain, revision.unwrap_or_default()),
        (tone, verified),
    ]
}

/// What runs, and the catalog's version beside it where that is another.
fn version(row: &StatusRow) -> String {
    match &row.runs {
        Some(runs) => format!("{runs} (catalog {})", row.version),
        None => row.version.clone(),
    }
}

fn details(row: &StatusRow, look: &Look) -> Vec<Spans> {
    let (label, reasons) = match &row.state {
        ComponentStatus::NotReady(reasons) => ("not ready: ", reasons.as_slice()),
        ComponentStatus::Unhealthy(reasons) => ("unhealthy: ", reasons.as_slice()),
        _ => ("", [].as_slice()),
    };
    let failed = row.verified.as_ref().filter(|verified| !verified.passed).and_then(|verified| verified.why.clone());
    let ignored = (!row.ignored.is_empty()).then(|| match row.ignored.len() {
        1 => "1 difference is ignored by component.yaml (--json shows it)".to_owned(),
        many => format!("{many} differences are ignored by component.yaml (--json shows them)"),
    });
    let details = reasons
        .iter()
        .map(|reason| (label, reason))
        .chain(row.warnings.iter().map(|warning| ("warning: ", warning)))
        .chain(failed.iter().map(|why| ("verify: ", why)))
        .chain(row.drift.iter().map(|drift| ("drift: ", drift)))
        .chain(row.unread.iter().map(|unread| ("warning: ", unread)));
    let mut lines: Vec<Spans> =
        details.flat_map(|(label, text)| wrapped(label, Paint::Warn, text, look, DETAIL)).collect();
    lines.extend(ignored.iter().flat_map(|text| wrapped("note: ", Paint::Dim, text, look, DETAIL)));
    lines.extend(row.hdfs.iter().flat_map(|health| hdfs_lines(health, look, DETAIL)));
    lines.extend(endpoint_lines(&row.endpoints, DETAIL));
    lines
}

fn counts(report: &StatusReport) -> String {
    let of = |word: &str| report.components.iter().filter(|row| row.state.word().0 == word).count();
    if of("not installed") == report.components.len() {
        return "nothing installed".to_owned();
    }
    let parts = ["healthy", "ready", "unhealthy", "not ready", "missing", "not installed"].map(|word| (of(word), word));
    let drifted = report.components.iter().filter(|row| !row.drift.is_empty()).count();
    let parts = parts.into_iter().chain([(drifted, "changed since the install")]);
    let parts: Vec<String> =
        parts.filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    parts.join(", ")
}
