//! The critical path in words.

use super::Look;
use super::paint::{Paint, join};
use super::plan::wrapped;
use super::text;
use crate::plan::CriticalPath;

/// A step that takes less than this part of the path is not named.
const SMALL: f64 = 0.01;

/// At most so many steps without a known time are named.
const NAMED: usize = 4;

/// The steps that decide how long a plan takes, by the times of earlier runs, the newest first.
#[must_use]
pub fn critical_path_lines(path: &CriticalPath, runs: &[String], look: &Look) -> String {
    let by = match runs {
        [] => String::new(),
        [one] => format!(", based on the timings of run {one}"),
        [first, others @ ..] => {
            format!(", based on the timings of runs {first} and {}", text::count(others.len(), "earlier one"))
        }
    };
    let mut lines = wrapped("", Paint::Plain, &format!("critical path{by}"), look, 0);
    let line = format!("{} = {}", steps(path), text::duration(path.seconds));
    lines.extend(wrapped("", Paint::Plain, &line, look, 2));
    let line = format!("all steps in sequence: {}", text::duration(path.in_turn));
    lines.extend(wrapped("", Paint::Plain, &line, look, 2));
    if !path.unknown.is_empty() {
        let mut named: Vec<String> = path.unknown.iter().take(NAMED).cloned().collect();
        let more = path.unknown.len() - named.len();
        if more > 0 {
            named.push(format!("{more} more"));
        }
        let line = format!("not counted, no time recorded: {}", named.join(", "));
        lines.extend(wrapped("", Paint::Dim, &line, look, 2));
    }
    join(lines, look.color)
}

/// `hdfs/release 3.0s -> … -> livy/verify-1 40.1s`. Very short steps and those without a known time are shown as `…`.
fn steps(path: &CriticalPath) -> String {
    let mut parts: Vec<String> = Vec::new();
    for (id, seconds) in &path.steps {
        match seconds.filter(|seconds| *seconds > 0.0 && *seconds >= path.seconds * SMALL) {
            Some(seconds) => parts.push(format!("{id} {}", text::duration(seconds))),
            None if parts.last().is_some_and(|last| last == "…") => {}
            None => parts.push("…".to_owned()),
        }
    }
    parts.join(" -> ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(steps: &[(&str, Option<f64>)], unknown: &[&str]) -> CriticalPath {
        CriticalPath {
            steps: steps.iter().map(|(id, seconds)| ((*id).to_owned(), *seconds)).collect(),
            seconds: steps.iter().filter_map(|(_, seconds)| *seconds).sum(),
            in_turn: 210.0,
            unknown: unknown.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn the_path_is_a_few_lines() {
        let steps = [
            ("namespace/a", Some(0.1)),
            ("hdfs/new", None),
            ("hdfs/release", Some(3.0)),
            ("hdfs/ready", Some(30.96)),
            ("hdfs/record", Some(0.0)),
            ("livy/verify-1", Some(40.0)),
        ];
        let look = Look { width: usize::MAX, color: false, verbose: false };
        let one = path(&steps, &[]);
        let shown = critical_path_lines(&one, &["20260101T000000Z-abcdef".to_owned()], &look);
        assert_eq!(
            shown,
            "critical path, based on the timings of run 20260101T000000Z-abcdef
  … -> hdfs/release 3.0s -> hdfs/ready 31.0s -> … -> livy/verify-1 40.0s = 1m 14s
  all steps in sequence: 3m 30s
"
        );
        let some = path(&steps, &["a", "b", "c", "d", "e", "f"]);
        let shown = critical_path_lines(&some, &["x".to_owned(), "y".to_owned()], &Look { width: 50, ..look });
        assert!(
            shown.starts_with("critical path, based on the timings of runs x and\n1 earlier one\n  … -> hdfs/"),
            "{shown}"
        );
        assert!(shown.lines().all(|line| text::width(line) <= 50), "{shown}");
        let whole = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(whole.ends_with("not counted, no time recorded: a, b, c, d, 2 more"), "{whole}");
    }
}
