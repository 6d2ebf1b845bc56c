//! What an install survives: kills, a second operator, a lock left behind.

use std::process::Stdio;

use crate::support::*;

/// How many kills; `tests/soak` asks for more.
fn rounds(name: &str, few: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(few)
}

fn temporary_files() -> String {
    let listed = hdfs(&["dfs", "-ls", "-R", "/datagram"]);
    listed.lines().filter(|line| line.contains(".windlass-")).map(|line| format!("{line}\n")).collect()
}

fn words(args: &[&str]) -> Vec<String> {
    args.iter().map(|arg| (*arg).to_owned()).collect()
}

pub(crate) fn two_operators() {
    // Acceptance 9.
    for (round, memory) in ["420Mi", "430Mi", "440Mi"].iter().enumerate() {
        let change = format!("spark-history-server.memory={memory}");
        let args = with_jars(&["install", "--yes", "--no-verify", "--set", &change]);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let begin = || windlass(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let both = [begin(), begin()].map(|child| child.wait_with_output().unwrap());
        let codes: Vec<i32> = both.iter().map(|output| output.status.code().unwrap()).collect();
        // One runs; the other is kept out, or came so late that nothing was left to do.
        assert!(codes.contains(&0), "round {round}: {codes:?}");
        for output in both.iter().filter(|output| output.status.code() != Some(0)) {
            let err = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(9), "round {round}: {err}");
            assert!(err.contains("is locked by ") && err.contains(" since "), "round {round}: {err}");
        }
        let again = run(&mut windlass(&args)).exits(0);
        assert!(again.out.contains("nothing to do"), "round {round}: {}", again.out);
    }
    install(&["--no-verify"]).exits(0);
}

pub(crate) fn a_lock_held_elsewhere() {
    let lease = |renewed: &str| {
        format!(
            "apiVersion: coordination.k8s.io/v1\nkind: Lease\nmetadata:\n  name: windlass\n  namespace: windlass-system\n  annotations: {{windlass.dev/run: 20260101T000000Z-abcdef, windlass.dev/command: install, windlass.dev/process: elsewhere/1/2/3}}\nspec: {{holderIdentity: ann@far, leaseDurationSeconds: 30, acquireTime: \"2026-01-01T00:00:00.000000Z\", renewTime: \"{renewed}\"}}\n"
        )
    };
    let apply = |text: &str| {
        use std::io::Write as _;
        let mut child =
            kubectl_command(&["apply", "-f", "-"]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
    };
    let change = ["install", "--yes", "--no-verify", "--set", "spark-history-server.memory=450Mi"];
    let change = with_jars(&change);
    let change: Vec<&str> = change.iter().map(String::as_str).collect();
    // Renewed in what is the future here: as good as now.
    apply(&lease("2099-01-01T00:00:00.000000Z"));
    let before = releases();
    run(&mut windlass(&change))
        .exits(9)
        .says("locked by ann@far")
        .says("2026-01-01 00:00:00 UTC")
        .says("windlass unlock");
    assert_eq!(releases(), before);
    // Looking needs no lock.
    run(&mut windlass(&["status"])).exits(0);
    run(&mut windlass(&["unlock"])).exits(3).says("--yes");
    run(&mut windlass(&["unlock", "--yes"])).exits(0).says("ann@far");
    run(&mut windlass(&["unlock", "--yes"])).exits(0).says("not locked");
    // One that was not renewed for long is taken over, and that is said.
    apply(&lease("2026-01-01T00:01:00.000000Z"));
    run(&mut windlass(&change)).exits(0).says("taking over the lock of ann@far");
    let left = kubectl(&["-n", "windlass-system", "get", "leases", "-o", "name"]);
    assert_eq!(left, "", "the lock is given back");
    install(&["--no-verify"]).exits(0);
}

pub(crate) fn a_lock_taken_away() {
    let args = with_jars(&["install", "--yes", "--set", "spark-history-server.memory=460Mi"]);
    let child = windlass(&args.iter().map(String::as_str).collect::<Vec<_>>())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let held = || !kubectl(&["-n", "windlass-system", "get", "leases", "-o", "name"]).is_empty();
    eventually("the lock is taken", 60, held);
    run(&mut windlass(&["unlock", "--yes"])).exits(0);
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(10), "{}{err}", String::from_utf8_lossy(&output.stdout));
    assert!(err.contains("the lock was lost"), "{err}");
    install(&["--no-verify"]).exits(0);
}

pub(crate) fn kills() {
    // Acceptance 1.
    let mut random_state = seed();
    let seed = random_state;
    let (installs, uninstalls) = (rounds("WINDLASS_SOAK_INSTALLS", 3), rounds("WINDLASS_SOAK_UNINSTALLS", 3));
    for round in 0..installs.max(uninstalls) {
        let here = format!("seed {seed}, round {round}");
        if round < uninstalls {
            let uninstall = words(&["uninstall", "--yes"]);
            let after = 200 + random(&mut random_state, 5_000);
            let killed = killed_after(&uninstall, after);
            let ran = run(&mut windlass(&["uninstall", "--yes"]));
            assert_eq!(ran.code, 0, "{here}: uninstall killed after {after} ms ({killed:?}): {}{}", ran.out, ran.err);
        } else {
            run(&mut windlass(&["uninstall", "--yes"])).exits(0);
        }
        assert_eq!(releases(), [], "{here}");
        if round >= installs {
            continue;
        }
        let after = 500 + random(&mut random_state, 60_000);
        let here = format!("{here}, install killed after {after} ms");
        killed_after(&with_jars(&["install", "--yes", "--no-verify"]), after);
        let before = releases();
        // As an operator would: the same command, and this time to the end.
        let proof: &[&str] = if round + 1 == installs || installs > 5 { &[] } else { &["--no-verify"] };
        let ran = install(proof);
        assert_eq!(ran.code, 0, "{here}: {}{}", ran.out, ran.err);
        let now = releases();
        assert_eq!(now.len(), 3, "{here}: {now:?}");
        assert!(now.iter().all(|(_, _, status)| status == "deployed"), "{here}: {now:?}");
        for (name, revision, _) in before.iter().filter(|(_, _, status)| status == "deployed") {
            let revision_now = now.iter().find(|(other, _, _)| other == name).map(|(_, revision, _)| revision);
            assert_eq!(revision_now, Some(revision), "{here}: {name} was finished, and was done again");
        }
        assert_eq!(temporary_files(), "", "{here}");
        let again = install(&["--no-verify"]);
        assert!(again.out.contains("nothing to do"), "{here}: {}", again.out);
    }
    // What HDFS has is what was sent, byte for byte.
    for entry in std::fs::read_dir(jars()).unwrap().take(6) {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if name.ends_with(".jar") {
            let told = hdfs(&["dfs", "-stat", "%b", &format!("/datagram/sharedlibs/{name}")]);
            assert_eq!(told.trim(), entry.metadata().unwrap().len().to_string(), "{name}");
        }
    }
}
