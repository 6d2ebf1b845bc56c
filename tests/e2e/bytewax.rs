//! Dataflows of Bytewax: what `job.run` and files that become ConfigMaps have to show.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;

use crate::support::*;

const NAMESPACE: &str = "bytewax";

/// The ConfigMaps of files of the release.
const FILES: &str = "windlass.dev/files=my-dataflow";

#[track_caller]
fn install(more: &[&str]) -> Ran {
    run(&mut windlass(&[&["install", "--yes", "--components", "bytewax"], more].concat()))
}

/// Answers that name one of the flows of tests/bytewax, or another, and where the dataflow is in it.
fn flow(source: &Path, entry: &str) -> Vec<String> {
    let source = format!("bytewax.source={}", source.display());
    ["--no-verify", "--set", &source, "--set", &format!("bytewax.entry={entry}")].map(str::to_owned).into()
}

fn flows(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bytewax").join(name)
}

#[track_caller]
fn install_flow(source: &Path, entry: &str, more: &[&str]) -> Ran {
    let args = flow(source, entry);
    install(&[&args.iter().map(String::as_str).collect::<Vec<_>>()[..], more].concat())
}

fn pods() -> Vec<Value> {
    let list = kubectl_json(&["-n", NAMESPACE, "get", "pods", "-l", "app.kubernetes.io/instance=my-dataflow"]);
    list["items"].as_array().cloned().unwrap_or_default()
}

fn uids() -> BTreeSet<String> {
    pods().iter().map(|pod| text(&pod["metadata"]["uid"])).collect()
}

/// What each process has said since its container began; nothing of one that has none.
fn logs(pod: &str) -> String {
    run(kubectl_command(&["-n", NAMESPACE, "logs", pod, "-c", "process"]).stdin(Stdio::null())).out
}

fn all_logs() -> Vec<String> {
    pods().iter().map(|pod| logs(&text(&pod["metadata"]["name"]))).collect()
}

/// Waits until so many processes are there, and this is said by at least so many of them.
#[track_caller]
fn say(processes: usize, by: usize, said: &str) {
    eventually(&format!("{by} of {processes} say {said}"), 60, || {
        let logs = all_logs();
        logs.len() == processes && logs.iter().filter(|log| log.contains(said)).count() >= by
    });
}

fn names(kinds: &str, selector: &str) -> String {
    kubectl(&["-n", NAMESPACE, "get", kinds, "-l", selector, "-o", "name"])
}

fn purge() {
    let args = ["uninstall", "--yes", "--components", "bytewax", "--purge-data", "--confirm", "windlass-sandbox"];
    run(&mut windlass(&args)).exits(0);
}

pub(crate) fn checked_by_jobs() {
    // A run that is killed while a Job runs; the next removes it, and comes to the end.
    let jobs = || {
        run(kubectl_command(&["-n", NAMESPACE, "get", "jobs", "-l", "windlass.dev/job", "-o", "name"])
            .stdin(Stdio::null()))
        .out
    };
    let command = windlass(&["install", "--yes", "--components", "bytewax"]);
    killed_when(command, "a Job of the checks runs", || !jobs().is_empty());
    let left = jobs();
    let job = left.trim().rsplit_once('/').unwrap().1;
    let ran = install(&[]).exits(0);
    assert!(ran.out.contains(&format!("removing Job {NAMESPACE}/{job} left by an interrupted run")), "{}", ran.out);
    let ran =
        ran.says("three processes share the work").says("the example's ten lines").says("1 release healthy, verified");
    drop(ran);
    assert_eq!(names("jobs,pods,services,configmaps", "windlass.dev/job"), "", "nothing of the checks stays");

    // The dataflow itself: each line once over all pods.
    let mut lines: Vec<i32> = all_logs()
        .iter()
        .flat_map(|log| {
            log.lines().filter_map(|line| line.strip_prefix("<dance>")?.strip_suffix("</dance>")?.parse().ok())
        })
        .collect();
    lines.sort_unstable();
    assert_eq!(lines, [-1, 0, 1, 1, 2, 3, 5, 9, 13, 17]);
    let before = (releases(), uids());
    install(&[]).exits(0).says("nothing to do");
    assert_eq!((releases(), uids()), before);
}

pub(crate) fn files_that_are_refused_and_files_that_are_gone() {
    let before = releases();
    let folder = scratch().join("flows");
    std::fs::create_dir_all(&folder).unwrap();
    let large = folder.join("large.py");
    std::fs::write(&large, format!("# {}\n", "x".repeat(999_998))).unwrap();
    install_flow(&large, "large.py", &[]).exits(2).says("1000001 bytes").says("1000000");
    let secret = folder.join("secret.py");
    std::fs::write(&secret, "import os\npassword = 'correct-horse-battery'\n").unwrap();
    let ran = install_flow(&secret, "secret.py", &[]).exits(2).says("line 2 of secret.py").says("type `secret`");
    assert!(!format!("{}{}", ran.out, ran.err).contains("correct-horse"), "{}{}", ran.out, ran.err);
    assert_eq!(releases(), before);

    let map = names("configmaps", FILES);
    assert_eq!(map.lines().count(), 1, "{map}");
    kubectl(&["-n", NAMESPACE, "delete", map.trim()]);
    let name = map.trim().rsplit_once('/').unwrap().1;
    run(&mut windlass(&["status", "--drift"])).exits(5).says(name);
    install(&["--no-verify"]).exits(0).says(name);
    assert_eq!(names("configmaps", FILES), map, "put back under its name");
    run(&mut windlass(&["status", "--drift"])).exits(0);
    assert_eq!(releases(), before, "no release was touched");
    purge();
}

pub(crate) fn code_that_fails_and_code_that_changes() {
    install(&[]).exits(0);
    let good = revision("my-dataflow");

    install_flow(&flows("fails.py"), "fails.py", &[])
        .exits(5)
        .says("pod my-dataflow-")
        .says("Traceback (most recent call last)")
        .says("ValueError: this dataflow fails on purpose")
        .says("rollback bytewax");
    let seconds = seconds_of_failure();
    assert!(seconds < 60.0, "{seconds}");
    // What ran before is found by its name.
    let back = format!("as {good} was");
    run(&mut windlass(&["rollback", "bytewax", "--yes", "--no-verify"])).exits(0).says(&back);
    let count = |logs: &[String]| logs.iter().map(|log| log.matches("<dance>").count()).sum::<usize>();
    eventually("the earlier code has run", 30, || count(&all_logs()) == 10);

    install_flow(&flows("endless.py"), "endless.py", &[]).exits(0);
    say(3, 2, "TICK ");
    let (before, folder) = (uids(), scratch().join("flows"));
    std::fs::create_dir_all(&folder).unwrap();
    let changed = folder.join("endless.py");
    let text = std::fs::read_to_string(flows("endless.py")).unwrap();
    std::fs::write(&changed, text.replace("TICK", "TOCK")).unwrap();
    install_flow(&changed, "endless.py", &[]).exits(0);
    say(3, 2, "TOCK ");
    assert!(uids().is_disjoint(&before), "every pod was started again");
    assert!(!all_logs().concat().contains("TICK "));

    run(&mut windlass(&["uninstall", "--yes", "--components", "bytewax"])).exits(0);
    assert_eq!(names("configmaps,jobs,pods,services", "windlass.dev/job"), "");
    assert_eq!(names("configmaps", "windlass.dev/files"), "");
    assert!(releases().iter().all(|(name, ..)| !name.ends_with("/my-dataflow")));
    purge();
}

/// What the flow of tests/bytewax/tree says once it runs: a folder with folders, whose file it has read.
#[track_caller]
pub(crate) fn the_tree_was_read() {
    eventually("the flow has read its file", 60, || {
        let all = all_logs().concat();
        ["LINE FIRST", "LINE SECOND", "LINE THIRD"].iter().all(|line| all.matches(line).count() == 1)
    });
}

pub(crate) fn three_processes_become_four_and_two() {
    let endless = flows("endless.py");
    for processes in [3_usize, 4, 2] {
        let set = format!("bytewax.processes={processes}");
        install_flow(&endless, "endless.py", &["--set", &set]).exits(0);
        // Twelve keys that come one a second: soon every process has had one.
        say(processes, processes.min(2), "TICK ");
        let all = pods();
        let revisions: BTreeSet<_> =
            all.iter().map(|pod| text(&pod["metadata"]["labels"]["controller-revision-hash"])).collect();
        assert_eq!((all.len(), revisions.len()), (processes, 1), "{revisions:?}");
        install_flow(&endless, "endless.py", &["--set", &set]).exits(0).says("nothing to do");
    }
    purge();
}

pub(crate) fn a_process_dies_and_no_number_is_lost() {
    let recovery = ["--set", "bytewax.recovery=true", "--set", "bytewax.snapshot_interval=1"];
    install_flow(&flows("counts.py"), "counts.py", &recovery).exits(0);
    // What the pod says that is going to die goes with it.
    let kept = scratch().join("counts.log");
    let follow = ["-n", NAMESPACE, "logs", "-f", "my-dataflow-1", "-c", "process"];
    let mut follower =
        kubectl_command(&follow).stdin(Stdio::null()).stdout(std::fs::File::create(&kept).unwrap()).spawn().unwrap();
    let numbers = |logs: &str| -> BTreeSet<u32> {
        let mut found = BTreeSet::new();
        for line in logs.lines().filter_map(|line| line.strip_prefix("COUNT ")) {
            let words: Vec<u32> = line.split(' ').map(|word| word.parse().unwrap()).collect();
            assert_eq!(words.len(), 3, "{line}");
            let (remainder, so_far, number) = (words[0], words[1], words[2]);
            assert_eq!((remainder, so_far), (number % 6, number / 6 + 1), "{line}: its state is not what it was");
            found.insert(number);
        }
        found
    };
    eventually("it is in the middle of it", 60, || numbers(&all_logs().concat()).len() > 60);
    assert!(numbers(&all_logs().concat()).len() < 250, "it was too fast to be killed in the middle");
    kubectl(&["-n", NAMESPACE, "delete", "pod", "my-dataflow-1", "--grace-period=0", "--force"]);
    let everything = || {
        let before = |pod: &Value| {
            let name = text(&pod["metadata"]["name"]);
            run(kubectl_command(&["-n", NAMESPACE, "logs", "-p", &name, "-c", "process"]).stdin(Stdio::null())).out
        };
        let earlier: String = pods().iter().map(before).collect();
        let kept = std::fs::read_to_string(&kept).unwrap();
        // It may have been cut in the middle of a line.
        let whole = kept.rsplit_once('\n').map_or("", |(whole, _)| whole);
        format!("{}\n{earlier}\n{whole}", all_logs().join("\n"))
    };
    eventually("all numbers have come", 150, || numbers(&everything()).len() == 300);
    // It goes on from where it was, and not from its begin.
    let again = numbers(&logs("my-dataflow-1"));
    assert!(again.first().is_some_and(|first| *first > 20), "{again:?}");
    let _ = follower.kill();
    follower.wait().unwrap();
    purge();
}

/// How long the step took that failed, in the last run.
fn seconds_of_failure() -> f64 {
    let runs = std::fs::read_dir(scratch().join("state/windlass/runs")).unwrap();
    let last = runs.map(|entry| entry.unwrap().path()).max().unwrap();
    let journal = std::fs::read_to_string(last.join("events.jsonl")).unwrap();
    let mut events = journal.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    events.find(|event| event["event"] == "step-failed").unwrap()["seconds"].as_f64().unwrap()
}

pub(crate) fn two_of_one() {
    let both = "bytewax@orders,bytewax@clicks";
    let args = ["install", "--yes", "--no-verify", "--components", both, "--set", "bytewax@clicks.processes=2"];
    run(&mut windlass(&args)).exits(0);
    let of = |instance: &str| {
        let label = format!("app.kubernetes.io/instance=my-dataflow-{instance}");
        let list = kubectl_json(&["-n", NAMESPACE, "get", "pods", "-l", &label]);
        let pods = list["items"].as_array().cloned().unwrap_or_default();
        pods.iter().map(|pod| text(&pod["metadata"]["uid"])).collect::<BTreeSet<_>>()
    };
    assert_eq!((of("orders").len(), of("clicks").len()), (3, 2));
    run(&mut windlass(&args)).exits(0).says("nothing to do");
    let orders = of("orders");
    run(&mut windlass(&["uninstall", "--yes", "--components", "bytewax@clicks"])).exits(0);
    assert_eq!((of("orders"), of("clicks").len()), (orders, 0));
    assert_eq!(names("configmap", "windlass.dev/files=my-dataflow-clicks"), "");
    let status = run(&mut windlass(&["status"])).exits(0).says("Bytewax dataflow (orders)");
    assert!(!status.out.contains("(clicks)"), "{}", status.out);
    let gone = ["uninstall", "--yes", "--components", both, "--purge-data", "--confirm", "windlass-sandbox"];
    run(&mut windlass(&gone)).exits(0);
}
