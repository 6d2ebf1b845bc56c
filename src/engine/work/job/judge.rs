//! What the logs of a Job's pods must contain.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;
use serde_json::{Value, json};

use crate::catalog::action::{Run, Unique};
use crate::engine::perform::{Done, Failure};
use crate::model::redact;

/// How many errors are shown one by one.
const SHOWN: usize = 10;

/// Reads logs and counts.
pub(super) struct Judge<'a> {
    run: &'a Run,
    expected: Option<Regex>,
    /// The line in which it was found, and its named groups.
    found: Option<(String, Value)>,
    /// Each expected line: how often it must be there, and is.
    lines: BTreeMap<&'a str, (usize, usize)>,
    unique: Option<Counted<'a>>,
    forbidden: Option<Regex>,
    errors: Vec<String>,
    pods: usize,
}

struct Counted<'a> {
    wanted: &'a Unique,
    pattern: Regex,
    seen: BTreeSet<String>,
    pods: usize,
}

fn pattern(text: &str) -> Result<Regex, Failure> {
    Regex::new(text).map_err(|error| Failure::of(&error).for_good())
}

impl<'a> Judge<'a> {
    pub(super) fn new(run: &'a Run) -> Result<Self, Failure> {
        let mut lines: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for line in &run.expect_lines {
            lines.entry(line).or_default().0 += 1;
        }
        let unique = run.expect_unique.as_ref().map(|wanted| {
            Ok::<_, Failure>(Counted { wanted, pattern: pattern(&wanted.pattern)?, seen: BTreeSet::new(), pods: 0 })
        });
        Ok(Self {
            run,
            expected: run.expect_log.as_deref().map(pattern).transpose()?,
            found: None,
            lines,
            unique: unique.transpose()?,
            forbidden: run.forbid.as_deref().map(pattern).transpose()?,
            errors: Vec::new(),
            pods: 0,
        })
    }

    /// Reads all that a pod has logged.
    pub(super) fn pod(&mut self, pod: &str, log: &str) {
        self.pods += 1;
        let mut here = false;
        for line in log.lines().map(str::trim_end) {
            if let Some((_, seen)) = self.lines.get_mut(line) {
                *seen += 1;
            }
            if let Some(expected) = self.expected.as_ref().filter(|_| self.found.is_none())
                && let Some(found) = expected.captures(line)
            {
                let groups = expected.capture_names().flatten();
                let groups = groups.filter_map(|name| Some((name.to_owned(), json!(found.name(name)?.as_str()))));
                self.found = Some((line.to_owned(), groups.collect::<serde_json::Map<_, _>>().into()));
            }
            if self.forbidden.as_ref().is_some_and(|forbidden| forbidden.is_match(line)) {
                self.errors.push(format!("pod {pod} logged a forbidden line: {}", redact(line)));
            }
            let Some(counted) = &mut self.unique else { continue };
            for text in counted.pattern.find_iter(line).map(|found| found.as_str()) {
                here = true;
                if !counted.seen.insert(text.to_owned()) {
                    self.errors.push(format!("`{}` found more than once", redact(text)));
                }
            }
        }
        if let Some(counted) = self.unique.as_mut().filter(|_| here) {
            counted.pods += 1;
        }
    }

    /// The result, or all that is wrong.
    pub(super) fn verdict(self) -> Result<Done, Vec<String>> {
        let mut errors = self.errors;
        if let (Some(expected), None) = (&self.run.expect_log, &self.found) {
            errors.push(format!("no pod logged a line that matches `{expected}`"));
        }
        for (line, (wanted, seen)) in &self.lines {
            if wanted != seen {
                errors.push(format!("line `{line}` found {}, expected {}", times(*seen), times(*wanted)));
            }
        }
        let mut summary = Vec::new();
        if let Some(Counted { wanted: Unique { pattern, count, pods }, seen, pods: in_pods, .. }) = self.unique {
            let number = |text: &str| text.parse().unwrap_or(0);
            if seen.len() != number(count) {
                errors.push(format!("`{pattern}` matches {} different texts, expected {count}", seen.len()));
            }
            if in_pods < number(pods) {
                errors.push(format!("`{pattern}` found in {in_pods} pods, expected at least {pods}"));
            }
            summary.push(format!("{} different texts from {in_pods} pods", seen.len()));
        }
        if errors.len() > SHOWN {
            let more = errors.len() - SHOWN;
            errors.truncate(SHOWN);
            errors.push(format!("and {more} more"));
        }
        if !errors.is_empty() {
            errors.insert(0, "its pods succeeded, but their logs are not as expected".to_owned());
            return Err(errors);
        }
        if !self.lines.is_empty() {
            summary.insert(0, format!("{} lines as expected", self.run.expect_lines.len()));
        }
        let (line, results) = self.found.unzip();
        summary.extend(line.map(|line| redact(line.trim())));
        if summary.is_empty() {
            summary.push(format!(
                "{} succeeded",
                if self.pods == 1 { "1 pod".to_owned() } else { format!("{} pods", self.pods) }
            ));
        }
        Ok(Done { summary: Some(summary.join(", ")), results, ..Done::default() })
    }
}

fn times(number: usize) -> String {
    match number {
        0 => "never".to_owned(),
        1 => "once".to_owned(),
        number => format!("{number} times"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(more: Value) -> Run {
        let mut fields = json!({"name": "n", "image": "i"});
        if let (Some(fields), Value::Object(more)) = (fields.as_object_mut(), more) {
            fields.extend(more);
        }
        serde_json::from_value(fields).unwrap()
    }

    fn judged(more: Value, logs: &[&str]) -> Result<Done, Vec<String>> {
        let run = run(more);
        let mut judge = Judge::new(&run).unwrap();
        for (at, log) in logs.iter().enumerate() {
            judge.pod(&format!("p{at}"), log);
        }
        judge.verdict()
    }

    fn errors(more: Value, logs: &[&str]) -> String {
        judged(more, logs).unwrap_err().join("\n")
    }

    #[test]
    fn lines_are_counted_over_all_pods() {
        let wanted = json!({"expect_lines": ["a", "b", "b"]});
        let done = judged(wanted.clone(), &["b\nother\n", "a\r\nb\n"]).unwrap();
        assert_eq!(done.summary.as_deref(), Some("3 lines as expected"));
        let message = errors(wanted.clone(), &["a\na\nb\n"]);
        assert!(message.contains("line `a` found 2 times, expected once"), "{message}");
        assert!(message.contains("line `b` found once, expected 2 times"), "{message}");
        assert!(errors(wanted, &["ab\n"]).contains("`a` found never"), "a part of a line does not count");
    }

    #[test]
    fn unique_texts_are_counted_and_come_from_several_pods() {
        let wanted = json!({"expect_unique": {"pattern": r"RESULT \d+", "count": "3", "pods": "2"}});
        assert!(judged(wanted.clone(), &["RESULT 1\nRESULT 2\n", "RESULT 3\n", ""]).is_ok());
        assert!(
            errors(wanted.clone(), &["RESULT 1\nRESULT 2\n", "RESULT 2\nRESULT 3\n"]).contains("`RESULT 2` found more")
        );
        assert!(errors(wanted.clone(), &["RESULT 1\nRESULT 2\nRESULT 3\n", ""]).contains("in 1 pods"));
        assert!(errors(wanted, &["RESULT 1\n", "RESULT 2\n"]).contains("2 different texts, expected 3"));
    }

    #[test]
    fn what_is_expected_gives_results_and_what_is_forbidden_fails() {
        let wanted = json!({"expect_log": r"took (?<seconds>\d+) s", "forbid": "Traceback"});
        let done = judged(wanted.clone(), &["x\n", "it took 12 s\nit took 13 s\n"]).unwrap();
        assert_eq!(done.results, Some(json!({"seconds": "12"})));
        assert_eq!(done.summary.as_deref(), Some("it took 12 s"));
        assert!(errors(wanted.clone(), &["x"]).contains("no pod logged a line that matches"));
        assert!(errors(wanted, &["took 1 s\nTraceback (most recent"]).contains("pod p0 logged a forbidden line"));
    }

    #[test]
    fn a_flood_of_errors_is_not_shown_line_by_line() {
        let errors = judged(json!({"forbid": "x"}), &[&"x\n".repeat(1000)]).unwrap_err();
        assert_eq!(errors.len(), SHOWN + 2);
    }

    #[test]
    fn without_expectations_ending_well_is_enough() {
        assert_eq!(judged(json!({}), &["", ""]).unwrap().summary.as_deref(), Some("2 pods succeeded"));
    }
}
