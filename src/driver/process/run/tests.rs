use std::time::Instant;

use super::*;

fn sh(script: &str) -> Spec {
    let mut spec = Spec::new("/bin/sh").args(["-c", script]);
    spec.env = Environment::keeping(&["PATH"]);
    spec.deadline = Duration::from_secs(20);
    spec
}

fn never() -> CancellationToken {
    CancellationToken::new()
}

/// A process that is gone or a zombie does not run any more.
fn runs(pid: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or_default().trim_start().starts_with('Z'))
}

async fn ends(pid: &str, within: Duration) -> bool {
    let start = Instant::now();
    while runs(pid) {
        if start.elapsed() > within {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    true
}

async fn pid_written(file: &std::path::Path) -> String {
    for _ in 0..250 {
        if let Ok(pid) = std::fs::read_to_string(file)
            && pid.ends_with('\n')
        {
            return pid;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("no pid in {}", file.display());
}

#[tokio::test]
async fn stdin_larger_than_a_pipe_comes_back() {
    let mut spec = sh("cat; echo done >&2");
    let bytes = vec![b'x'; 3_000_000];
    spec.stdin = Some(bytes.clone());
    let output = run(spec, &never()).await.unwrap();
    assert_eq!(output.stdout, bytes);
    assert_eq!(output.stderr, "done\n");
}

#[tokio::test]
async fn a_child_that_does_not_read_its_stdin_is_fine() {
    let mut spec = sh("exit 0");
    spec.stdin = Some(vec![b'x'; 3_000_000]);
    run(spec, &never()).await.unwrap();
}

#[tokio::test]
async fn a_failure_names_program_code_and_last_lines() {
    let err = run(sh("for i in $(seq 100); do echo line $i >&2; done; exit 3"), &never()).await.unwrap_err();
    let text = err.to_string();
    assert!(text.starts_with("/bin/sh failed with exit code 3: line 89 | "), "{text}");
    assert!(text.ends_with("line 100"), "{text}");
    assert_eq!(err.stderr().len(), ERROR_LINES);
}

#[tokio::test]
async fn a_signal_is_named() {
    let err = run(sh("kill -9 $$"), &never()).await.unwrap_err();
    assert!(matches!(err, ProcessError::Failed { exit: Exit::Signal(9), .. }), "{err:?}");
}

#[tokio::test]
async fn the_environment_is_ours_alone() {
    let mut spec = Spec::new("/usr/bin/env");
    spec.env = Environment::empty().set("ONLY", "this");
    assert_eq!(run(spec, &never()).await.unwrap().stdout, b"ONLY=this\n");
}

#[tokio::test]
async fn too_much_output_is_an_error_but_does_not_block() {
    let mut spec = sh("head -c 1000000 /dev/zero");
    spec.stdout_cap = 10;
    assert!(matches!(run(spec, &never()).await.unwrap_err(), ProcessError::TooMuchOutput { cap: 10, .. }));
}

#[tokio::test]
async fn a_missing_program_is_named() {
    let err = run(Spec::new("/no/such/program"), &never()).await.unwrap_err();
    assert_eq!(err.to_string(), "failed to start /no/such/program");
}

#[tokio::test]
async fn lines_of_stderr_come_while_it_runs() {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let cancel = never();
    let mut spec = sh("echo first >&2; sleep 30");
    let (sink, stop) = (lines.clone(), cancel.clone());
    spec.on_stderr_line = Some(Arc::new(move |line| {
        sink.lock().unwrap().push(line.to_owned());
        stop.cancel();
    }));
    let err = run(spec, &cancel).await.unwrap_err();
    assert!(matches!(err, ProcessError::Cancelled { killed: false, .. }), "{err:?}");
    assert_eq!(*lines.lock().unwrap(), ["first"]);
}

#[tokio::test]
async fn cancelling_reaches_the_whole_group_gently() {
    let dir = tempfile::tempdir().unwrap();
    let (pid, said) = (dir.path().join("pid"), dir.path().join("said"));
    let cancel = never();
    let child = tokio::spawn({
        let cancel = cancel.clone();
        let script = format!(
            "trap 'echo term > {said}; exit 1' TERM; sleep 300 & echo $! > {pid}; wait",
            said = said.display(),
            pid = pid.display()
        );
        async move { run(sh(&script), &cancel).await }
    });
    let sleeper = pid_written(&pid).await;
    cancel.cancel();
    let err = child.await.unwrap().unwrap_err();
    assert!(matches!(err, ProcessError::Cancelled { killed: false, .. }), "{err:?}");
    assert!(said.exists(), "the child had no time to say so");
    assert!(ends(&sleeper, Duration::from_secs(5)).await, "the grandchild still runs");
}

#[tokio::test]
async fn force_follows_the_grace_time() {
    let mut spec = sh("trap '' TERM; echo ready >&2; while :; do sleep 1; done");
    spec.grace = Duration::from_millis(200);
    let cancel = never();
    let stop = cancel.clone();
    spec.on_stderr_line = Some(Arc::new(move |_| stop.cancel()));
    let err = run(spec, &cancel).await.unwrap_err();
    assert!(matches!(err, ProcessError::Cancelled { killed: true, .. }), "{err:?}");
}

#[tokio::test]
async fn the_deadline_stops_it_and_shows_what_it_said() {
    let mut spec = sh("echo waiting for godot >&2; sleep 300");
    spec.deadline = Duration::from_millis(500);
    let err = run(spec, &never()).await.unwrap_err();
    assert!(matches!(&err, ProcessError::Deadline { stderr, .. } if stderr == &["waiting for godot"]), "{err:?}");
}

#[tokio::test]
async fn dropping_the_future_stops_the_child_gently() {
    let dir = tempfile::tempdir().unwrap();
    let (pid, said) = (dir.path().join("pid"), dir.path().join("said"));
    let script = format!(
        "trap 'echo term > {said}; exit 1' TERM; echo $$ > {pid}; while :; do sleep 0.1; done",
        said = said.display(),
        pid = pid.display()
    );
    let cancel = never();
    let child = {
        let future = run(sh(&script), &cancel);
        tokio::pin!(future);
        tokio::select! {
            _ = &mut future => panic!("it ended by itself"),
            pid = pid_written(&pid) => pid,
        }
    };
    assert!(ends(&child, Duration::from_secs(5)).await, "the child still runs");
    assert!(said.exists(), "the child was killed, not asked");
    assert!(!cancel.is_cancelled(), "others share this token");
}

#[test]
fn the_end_of_the_runtime_asks_the_child_to_stop() {
    let dir = tempfile::tempdir().unwrap();
    let (pid, said) = (dir.path().join("pid"), dir.path().join("said"));
    let script = format!(
        "exec 2>/dev/null; trap 'echo term > {said}; exit 1' TERM; echo $$ > {pid}; while :; do sleep 0.1; done",
        said = said.display(),
        pid = pid.display()
    );
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.spawn(async move { run(sh(&script), &CancellationToken::new()).await });
    let child = runtime.block_on(pid_written(&pid));
    runtime.shutdown_timeout(Duration::from_secs(1));
    let start = Instant::now();
    while !said.exists() && start.elapsed() < Duration::from_secs(5) {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(said.exists(), "child {} heard nothing", child.trim());
}

#[tokio::test]
async fn a_grandchild_that_keeps_the_pipes_does_not_keep_us() {
    let start = Instant::now();
    run(sh("sleep 8 & exit 0"), &never()).await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(6));
}
