//! What the logs of a Job's pods must say.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;
use serde_json::{Value, json};

use crate::catalog::action::{Run, Unique};
use crate::engine::perform::{Done, Failure};
use crate::model::redact;

/// How many mistakes are told one by one.
const TOLD: usize = 10;

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

    /// Takes in all that a pod has said.
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
                self.errors.push(format!("pod {pod} said what it must not: {}", redact(line)));
            }
            let Some(counted) = &mut self.unique else { continue };
            for text in counted.pattern.find_iter(line).map(|found| found.as_str()) {
                here = true;
                if !counted.seen.insert(text.to_owned()) {
                    self.errors.push(format!("`{}` is there more than once", redact(text)));
                }
            }
        }
        if let Some(counted) = self.unique.as_mut().filter(|_| here) {
            counted.pods += 1;
        }
    }

    /// What came of it, or all that is wrong.
    pub(super) fn verdict(self) -> Result<Done, Vec<String>> {
        let mut errors = self.errors;
        if let (Some(expected), None) = (&self.run.expect_log, &self.found) {
            errors.push(format!("no pod said anything like `{expected}`"));
        }
        for (line, (wanted, seen)) in &self.lines {
            if wanted != seen {
                errors.push(format!("the line `{line}` is there {} instead of {}", times(*seen), times(*wanted)));
            }
        }
        let mut told = Vec::new();
        if let Some(Counted { wanted: Unique { pattern, count, pods }, seen, pods: in_pods, .. }) = self.unique {
            let number = |text: &str| text.parse().unwrap_or(0);
            if seen.len() != number(count) {
                errors.push(format!("`{pattern}` is found with {} different texts instead of {count}", seen.len()));
            }
            if in_pods < number(pods) {
                errors.push(format!("`{pattern}` is found in {in_pods} pods, and must be in {pods} at least"));
            }
            told.push(format!("{} different from {in_pods} pods", seen.len()));
        }
        if errors.len() > TOLD {
            let more = errors.len() - TOLD;
            errors.truncate(TOLD);
            errors.push(format!("and {more} more"));
        }
        if !errors.is_empty() {
            errors.insert(0, "its pods ended well and did not say what they must".to_owned());
            return Err(errors);
        }
        if !self.lines.is_empty() {
            told.insert(0, format!("{} lines as expected", self.run.expect_lines.len()));
        }
        let (line, results) = self.found.unzip();
        told.extend(line.map(|line| redact(line.trim())));
        if told.is_empty() {
            told.push(format!(
                "{} ended well",
                if self.pods == 1 { "1 pod".to_owned() } else { format!("{} pods", self.pods) }
            ));
        }
        Ok(Done { summary: Some(told.join(", ")), results, ..Done::default() })
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
        let told = errors(wanted.clone(), &["a\na\nb\n"]);
        assert!(told.contains("the line `a` is there 2 times instead of once"), "{told}");
        assert!(told.contains("the line `b` is there once instead of 2 times"), "{told}");
        assert!(errors(wanted, &["ab\n"]).contains("`a` is there never"), "a part of a line is no line");
    }

    #[test]
    fn unique_texts_are_counted_and_come_from_several_pods() {
        let wanted = json!({"expect_unique": {"pattern": r"RESULT \d+", "count": "3", "pods": "2"}});
        assert!(judged(wanted.clone(), &["RESULT 1\nRESULT 2\n", "RESULT 3\n", ""]).is_ok());
        assert!(
            errors(wanted.clone(), &["RESULT 1\nRESULT 2\n", "RESULT 2\nRESULT 3\n"])
                .contains("`RESULT 2` is there more")
        );
        assert!(errors(wanted.clone(), &["RESULT 1\nRESULT 2\nRESULT 3\n", ""]).contains("in 1 pods"));
        assert!(errors(wanted, &["RESULT 1\n", "RESULT 2\n"]).contains("2 different texts instead of 3"));
    }

    #[test]
    fn what_is_expected_gives_results_and_what_is_forbidden_fails() {
        let wanted = json!({"expect_log": r"took (?<seconds>\d+) s", "forbid": "Traceback"});
        let done = judged(wanted.clone(), &["x\n", "it took 12 s\nit took 13 s\n"]).unwrap();
        assert_eq!(done.results, Some(json!({"seconds": "12"})));
        assert_eq!(done.summary.as_deref(), Some("it took 12 s"));
        assert!(errors(wanted.clone(), &["x"]).contains("no pod said anything like"));
        assert!(errors(wanted, &["took 1 s\nTraceback (most recent"]).contains("pod p0 said what it must not"));
    }

    #[test]
    fn a_flood_of_mistakes_is_not_told_line_by_line() {
        let told = judged(json!({"forbid": "x"}), &[&"x\n".repeat(1000)]).unwrap_err();
        assert_eq!(told.len(), TOLD + 2);
    }

    #[test]
    fn without_expectations_ending_well_is_enough() {
        assert_eq!(judged(json!({}), &["", ""]).unwrap().summary.as_deref(), Some("2 pods ended well"));
    }
}
