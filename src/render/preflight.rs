//! The findings of preflight, for people.

use super::Look;
use super::paint::{Paint, Spans, join};
use super::plan::{target, wrapped};
use super::{language, text};
use crate::model::preflight::{Finding, Report, Severity};

/// How far what belongs to a finding is moved in.
const DETAIL: usize = 4;

/// The findings, errors first, each with place, cause and fix; then how many there are.
#[must_use]
pub fn preflight_table(report: &Report, look: &Look) -> String {
    let mut lines = Vec::new();
    let ids = report.findings.iter().map(|finding| finding.id.len()).max().unwrap_or(0);
    for finding in &report.findings {
        let (word, paint) = word(finding);
        let head = Spans::new().column(paint, word, "warning".len()).gap(2).column(Paint::Bold, finding.id, ids).gap(2);
        let before = head.width();
        let mut place = text::wrap(&language::shown(&finding.place), look.width.saturating_sub(before)).into_iter();
        lines.push(head.add(Paint::Plain, place.next().unwrap_or_default()));
        lines.extend(place.map(|row| Spans::indent(before).add(Paint::Plain, row)));
        lines.extend(wrapped("found: ", Paint::Dim, &finding.what, look, DETAIL));
        if !finding.fix.is_empty() && !finding.waived {
            lines.extend(wrapped("fix:   ", Paint::Accent, &finding.fix, look, DETAIL));
        }
    }
    if !report.findings.is_empty() {
        lines.push(Spans::new());
    }
    lines.extend(
        text::wrap(&language::shown(&counts(report)), look.width)
            .into_iter()
            .map(|row| Spans::new().add(Paint::Bold, row)),
    );
    join(lines, look.color)
}

const fn word(finding: &Finding) -> (&'static str, Paint) {
    match (finding.waived, finding.severity) {
        (true, _) if finding.adopt.is_some() => ("adopted", Paint::Dim),
        (true, _) => ("waived", Paint::Dim),
        (false, Severity::Error) => ("error", Paint::Bad),
        (false, Severity::Warning) => ("warning", Paint::Warn),
        (false, Severity::Hint) => ("hint", Paint::Accent),
    }
}

/// `2 errors, 1 warning, 1 waived`, or that there are no findings.
fn counts(report: &Report) -> String {
    if report.findings.is_empty() {
        let place = report.cluster.as_ref().map(|cluster| format!(" on {}", target(cluster)));
        return format!("no findings: ready to install{}", place.unwrap_or_default());
    }
    let parts = [
        (report.errors, text::count(report.errors, "error")),
        (report.warnings, text::count(report.warnings, "warning")),
        (report.hints, text::count(report.hints, "hint")),
        (report.waived, format!("{} waived", report.waived)),
    ];
    let parts: Vec<String> = parts.into_iter().filter(|(count, _)| *count > 0).map(|(_, text)| text).collect();
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(width: usize) -> Look {
        Look { width, color: false, verbose: false }
    }

    fn finding(severity: Severity, id: &'static str) -> Finding {
        Finding {
            severity,
            id,
            place: "namespace apache-hdfs".to_owned(),
            what: "quota q: the plan needs 3Gi of requests.memory, and 1Gi of 2Gi is left".to_owned(),
            fix: "kubectl -n apache-hdfs edit resourcequota q".to_owned(),
            waived: false,
            adopt: None,
        }
    }

    #[test]
    fn findings_are_shown_with_their_fixes() {
        let findings = vec![
            finding(Severity::Warning, "storage-expansion"),
            finding(Severity::Error, "quota"),
            finding(Severity::Error, "resources"),
        ];
        let report = Report::new(None, findings, &["resources".to_owned()]);
        let expected = "\
error    quota              namespace apache-hdfs
    found: quota q: the plan needs 3Gi of requests.memory,
           and 1Gi of 2Gi is left
    fix:   kubectl -n apache-hdfs edit resourcequota q
waived   resources          namespace apache-hdfs
    found: quota q: the plan needs 3Gi of requests.memory,
           and 1Gi of 2Gi is left
warning  storage-expansion  namespace apache-hdfs
    found: quota q: the plan needs 3Gi of requests.memory,
           and 1Gi of 2Gi is left
    fix:   kubectl -n apache-hdfs edit resourcequota q

1 error, 1 warning, 1 waived
";
        assert_eq!(preflight_table(&report, &look(60)), expected);
    }

    #[test]
    fn no_findings_are_reported() {
        let report = Report::new(None, Vec::new(), &[]);
        assert_eq!(preflight_table(&report, &look(80)), "no findings: ready to install\n");
    }
}
