//! How tests/run's jobs end: a shell may have forgotten a child, and its id may be another's, before anybody asks.

use std::process::Command;

/// Runs a script that has tests/jobs.sh and a folder `$logs` of its own; what it prints.
fn bash(script: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new("bash")
        .args(["-euc", &format!("source tests/jobs.sh; logs=$0; {script}")])
        .arg(folder.path())
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn a_job_that_the_shell_has_forgotten_ends_as_it_did() {
    let forgotten = r#"start "$logs/a" bash -c "exit CODE"; wait "$JOB" || true
        at_work "$JOB" "$logs/a" && echo "at work"
        ended "$JOB" "$logs/a" && echo 0 || echo "$?""#;
    assert_eq!(bash(&forgotten.replace("CODE", "0")), "0\n");
    assert_eq!(bash(&forgotten.replace("CODE", "7")), "7\n");
}

#[test]
fn a_job_whose_id_is_anothers_is_not_waited_for_and_the_other_not_ended() {
    let taken = r#"start "$logs/a" true; wait "$JOB"
        sleep 30 & other=$!
        at_work "$other" "$logs/a" && echo "at work"
        end_job "$other" "$logs/a"
        kill -0 "$other" && echo "stays"; kill "$other""#;
    assert_eq!(bash(taken), "stays\n");
}

#[test]
fn a_job_that_was_killed_has_failed() {
    let killed = r#"start "$logs/a" sleep 30; sleep 0.2; kill -KILL -- "-$JOB"
        ended "$JOB" "$logs/a" && echo 0 || echo "$?""#;
    // What the shell says of it comes after.
    assert!(bash(killed).starts_with("137\n"));
}

#[test]
fn a_job_that_is_asked_to_end_is_waited_for() {
    let asked = r#"start "$logs/a" bash -c 'trap "sleep 0.5; echo tidied; exit" TERM; echo ready; sleep 30 & wait'
        until grep -qs ready "$logs/a"; do sleep 0.05; done
        end_job "$JOB" "$logs/a"; cat "$logs/a""#;
    assert_eq!(bash(asked), "ready\ntidied\n");
}
