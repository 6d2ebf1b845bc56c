//! What a preflight found. No I/O.

use std::fmt;

use serde::Serialize;

use super::cluster::ClusterInfo;

/// The version of the JSON of a [`Report`].
pub const PREFLIGHT_SCHEMA: u32 = 1;

/// How bad a finding is. Errors come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The install would fail.
    Error,
    /// It may go well, and somebody should know.
    Warning,
    /// It goes well, and could be better.
    Hint,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Hint => "hint",
        })
    }
}

/// One thing that is not as the install needs it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Its stable name, for `--waive` and `docs/preflight.md`.
    pub id: &'static str,
    /// Where: `namespace apache-hdfs`, `node worker-1`.
    #[serde(rename = "where")]
    pub place: String,
    /// What was found.
    pub what: String,
    /// The command that fixes it.
    pub fix: String,
    /// The user accepted it.
    pub waived: bool,
    /// The component whose `--adopt` waives it, instead of its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adopt: Option<String>,
}

impl Finding {
    /// The waiver that makes it not count.
    #[must_use]
    pub fn waiver(&self) -> String {
        self.adopt.as_deref().map_or_else(|| self.id.to_owned(), adopt_waiver)
    }
}

/// The waiver for adopting an existing release in place of a component's own. No finding's id is like it.
#[must_use]
pub fn adopt_waiver(component: &str) -> String {
    format!("{ADOPT} {component}")
}

/// The flag that gives a waiver: `--waive ID` or `--adopt COMPONENT`.
#[must_use]
pub fn waiver_flag(waiver: &str) -> String {
    match waiver.split_once(' ') {
        Some((ADOPT, component)) => format!("--adopt {component}"),
        _ => format!("--waive {waiver}"),
    }
}

const ADOPT: &str = "adopt";

/// All findings, errors first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// [`PREFLIGHT_SCHEMA`].
    pub schema: u32,
    /// `preflight`, so that readers of a run's events know it.
    pub event: &'static str,
    /// The target, if it could be reached.
    pub cluster: Option<ClusterInfo>,
    /// Errors that were not waived.
    pub errors: usize,
    /// Warnings that were not waived.
    pub warnings: usize,
    /// Hints that were not waived.
    pub hints: usize,
    /// Findings that were waived.
    pub waived: usize,
    /// The findings.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Sorts the findings, takes out doubles, and marks those that were waived.
    #[must_use]
    pub fn new(cluster: Option<ClusterInfo>, mut findings: Vec<Finding>, waive: &[String]) -> Self {
        for finding in &mut findings {
            finding.waived = waive.contains(&finding.waiver());
        }
        findings.sort();
        findings.dedup();
        let count = |severity| findings.iter().filter(|one| one.severity == severity && !one.waived).count();
        Self {
            schema: PREFLIGHT_SCHEMA,
            event: "preflight",
            cluster,
            errors: count(Severity::Error),
            warnings: count(Severity::Warning),
            hints: count(Severity::Hint),
            waived: findings.iter().filter(|one| one.waived).count(),
            findings,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_come_first_and_waived_ones_do_not_count() {
        let finding = |severity, id| Finding {
            severity,
            id,
            place: "here".to_owned(),
            what: "something".to_owned(),
            fix: "fix it".to_owned(),
            waived: false,
            adopt: None,
        };
        let findings = vec![
            finding(Severity::Hint, "a"),
            finding(Severity::Warning, "b"),
            finding(Severity::Error, "z"),
            finding(Severity::Error, "c"),
            finding(Severity::Error, "c"),
        ];
        let report = Report::new(None, findings, &["z".to_owned()]);
        assert_eq!(report.findings.iter().map(|one| one.id).collect::<Vec<_>>(), ["c", "z", "b", "a"]);
        assert_eq!((report.errors, report.warnings, report.hints, report.waived), (1, 1, 1, 1));
    }

    #[test]
    fn a_release_is_adopted_by_the_waiver_of_its_component_and_not_by_the_id_of_the_finding() {
        let finding = |component: &str| Finding {
            severity: Severity::Error,
            id: "release-foreign",
            place: component.to_owned(),
            what: String::new(),
            fix: String::new(),
            waived: false,
            adopt: Some(component.to_owned()),
        };
        let errors = |waive: &[String]| Report::new(None, vec![finding("a"), finding("b")], waive).errors;
        assert_eq!(errors(&["release-foreign".to_owned()]), 2);
        assert_eq!(errors(&[adopt_waiver("a")]), 1);
        assert_eq!(errors(&[adopt_waiver("a"), adopt_waiver("b")]), 0);
        assert_eq!(
            (waiver_flag(&adopt_waiver("a")), waiver_flag("quota")),
            ("--adopt a".into(), "--waive quota".into())
        );
    }
}
