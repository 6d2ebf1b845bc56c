//! How long steps took: what the runs on this machine left in their journals.

use std::collections::BTreeMap;

use serde_json::json;

use super::exit::{Exit, Failed, OrExit as _};
use super::journal;
use super::output::{Output, print_stderr};
use crate::event::{Envelope, RunState, Status};
use crate::model::cluster::ClusterInfo;
use crate::plan::{Change, CriticalPath, PathStep, Plan, critical_path};
use crate::render::{critical_path_lines, fit_json};

/// The version of the JSON of a path.
const PATH_SCHEMA: u32 = 1;

/// The commands whose steps are those of an install.
const COMMANDS: [&str; 2] = ["install", "verify"];

/// The longest path of a plan by the times of earlier runs, and these runs, the newest first.
pub(super) struct TimedPath {
    pub path: CriticalPath,
    pub runs: Vec<String>,
}

/// By the last run against this cluster in which each step was done; `None` where there is none.
pub(super) fn timed_path(plan: &Plan, cluster: &ClusterInfo) -> Option<TimedPath> {
    timed(plan, cluster, runs())
}

/// Prints it below the plan; for machines beside it, on stderr: a plan's JSON holds no time.
pub(super) fn show(timed: &TimedPath, output: &Output) -> Result<(), Failed> {
    let TimedPath { path, runs } = timed;
    if !output.json {
        return output.text(&format!("\n{}", critical_path_lines(path, runs, &output.look())));
    }
    let value = json!({"schema": PATH_SCHEMA, "event": "critical-path", "runs": runs, "path": path});
    print_stderr(&fit_json(&serde_json::to_string(&value).or_exit(Exit::Unexpected)?));
    Ok(())
}

/// Seconds that steps of a plan took in the last run against this cluster in which each was done.
pub(super) fn earlier_seconds(plan: &Plan, cluster: &ClusterInfo) -> BTreeMap<String, f64> {
    seconds(plan, cluster, runs()).0
}

/// The runs of this machine, the newest first. Unreadable ones are skipped.
fn runs() -> impl Iterator<Item = (Vec<Envelope>, String)> {
    let ids = journal::list().unwrap_or_default();
    ids.into_iter().rev().map(|id| (journal::read(&id).unwrap_or_default(), id))
}

fn timed(plan: &Plan, cluster: &ClusterInfo, runs: impl Iterator<Item = (Vec<Envelope>, String)>) -> Option<TimedPath> {
    let (seconds, used) = seconds(plan, cluster, runs);
    let path = critical_path(plan.steps.iter().map(PathStep::from), &seconds)?;
    Some(TimedPath { path, runs: used })
}

fn seconds(
    plan: &Plan,
    cluster: &ClusterInfo,
    runs: impl Iterator<Item = (Vec<Envelope>, String)>,
) -> (BTreeMap<String, f64>, Vec<String>) {
    let works = plan.steps.iter().filter(|step| step.change != Change::Nothing);
    let mut open: Vec<&str> = works.map(|step| step.id.as_str()).collect();
    let (mut seconds, mut used) = (BTreeMap::new(), Vec::new());
    for (events, id) in runs {
        if open.is_empty() {
            break;
        }
        let mut state = RunState::default();
        events.iter().for_each(|event| state.apply(event));
        let same =
            state.cluster.as_ref().is_some_and(|of| (&of.server, &of.context) == (&cluster.server, &cluster.context));
        if !same || !COMMANDS.contains(&state.command.as_str()) {
            continue;
        }
        let before = seconds.len();
        open.retain(|step| {
            let done = state.steps.get(*step).filter(|done| done.status == Status::Done);
            seconds.extend(done.map(|done| ((*step).to_owned(), done.seconds)));
            done.is_none()
        });
        if seconds.len() > before {
            used.push(id);
        }
    }
    (seconds, used)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Announced, EVENT_SCHEMA, Event};
    use crate::plan::{PLAN_SCHEMA, Step, Work};

    fn step(id: &str, needs: &[&str]) -> Step {
        Step {
            id: id.to_owned(),
            component: "c".to_owned(),
            title: String::new(),
            change: Change::Update,
            why: Vec::new(),
            needs: needs.iter().map(ToString::to_string).collect(),
            deadline_seconds: 1,
            retries: 0,
            register: None,
            verify: false,
            fix: None,
            work: Work::Forget { kept: None },
        }
    }

    fn cluster(server: &str) -> ClusterInfo {
        ClusterInfo {
            context: "c".to_owned(),
            server: server.to_owned(),
            user: String::new(),
            version: "v1".to_owned(),
        }
    }

    /// A run in which these steps were done, and `c/failed` failed after a second.
    fn run(id: &str, command: &str, server: &str, done: &[(&str, f64)]) -> (Vec<Envelope>, String) {
        let started = Event::RunStarted {
            schema: EVENT_SCHEMA,
            run: id.to_owned(),
            command: command.to_owned(),
            follows: None,
            cluster: cluster(server),
            steps: done.iter().map(|(id, _)| Announced::from(&step(id, &[]))).collect(),
        };
        let mut events = vec![started];
        events.extend(done.iter().map(|(id, seconds)| Event::StepFinished {
            id: (*id).to_owned(),
            seconds: *seconds,
            summary: None,
            log: Vec::new(),
        }));
        let (errors, findings, log) = (vec!["no".to_owned()], Vec::new(), Vec::new());
        events.push(Event::StepFailed { id: "c/failed".to_owned(), seconds: 1.0, errors, findings, log });
        let at = jiff::Timestamp::UNIX_EPOCH;
        let numbered = events.into_iter().zip(1..).map(|(event, seq)| Envelope { seq, at, event });
        (numbered.collect(), id.to_owned())
    }

    #[test]
    fn the_newest_run_against_the_same_cluster_counts_for_each_step() {
        let steps = vec![step("c/a", &[]), step("c/b", &["c/a"]), step("c/failed", &["c/b"])];
        let plan = Plan { schema: PLAN_SCHEMA, hdfs: None, overlaid: Vec::new(), skipped: Vec::new(), steps };
        let runs = [
            run("6", "uninstall", "here", &[("c/a", 100.0)]),
            run("5", "install", "elsewhere", &[("c/a", 100.0)]),
            run("4", "verify", "here", &[("c/b", 3.0)]),
            run("3", "install", "here", &[("c/z", 9.0)]),
            run("2", "install", "here", &[("c/a", 4.0), ("c/b", 50.0)]),
            run("1", "install", "here", &[("c/a", 70.0)]),
        ];
        let found = timed(&plan, &cluster("here"), runs.into_iter()).unwrap();
        assert_eq!(found.runs, ["4", "2"]);
        assert_eq!((found.path.seconds, found.path.unknown.as_slice()), (7.0, &["c/failed".to_owned()][..]));
        let none = [run("1", "install", "elsewhere", &[("c/a", 1.0)])];
        assert!(timed(&plan, &cluster("here"), none.into_iter()).is_none());
        assert!(timed(&plan, &cluster("here"), std::iter::empty()).is_none());
    }
}
