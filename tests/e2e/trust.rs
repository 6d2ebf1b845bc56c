//! What an install survives: kills, a second operator, a lock left behind.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::support::*;

/// How many kills; `tests/soak` asks for more.
fn rounds(name: &str, few: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(few)
}

/// The shared libraries by name, with the SHA-256 of their bytes: those that were given, and what HDFS hands out, with
/// whatever else is in that folder.
pub(crate) fn given_and_stored() -> [BTreeMap<String, String>; 2] {
    given_and_got("hdfs dfs -get /datagram/sharedlibs /tmp/got")
}

/// The same of other files of HDFS, which `get` puts into `/tmp/got`.
pub(crate) fn given_and_got(get: &str) -> [BTreeMap<String, String>; 2] {
    let sums = "cd \"$1\" && find . -type f ! -name .complete -exec sha256sum {} +";
    let sums_of =
        |told: &str| told.lines().filter_map(|line| line.split_once("  ")).map(|(a, b)| (b.into(), a.into())).collect();
    let given = run(Command::new("sh").args(["-c", sums, "sh"]).arg(jars())).exits(0).out;
    let stored = format!("rm -rf /tmp/got && {get} && {sums}; rm -rf /tmp/got");
    let exec = ["-n", "apache-hdfs", "exec", "my-hdfs-namenode-0", "--", "sh", "-c", &stored, "sh", "/tmp/got"];
    [sums_of(&given), sums_of(&kubectl(&exec))]
}

fn words(args: &[&str]) -> Vec<String> {
    args.iter().map(|arg| (*arg).to_owned()).collect()
}

pub(crate) fn two_operators() {
    // Acceptance 9.
    let revision = || revision("my-spark-history-server");
    let args = with_jars(&["install", "--yes", "--no-verify"]);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let (mut kept_out, rounds) = (0, rounds("WINDLASS_SOAK_TWICE", 3));
    for round in 0..rounds {
        let before = revision();
        // Something to do that takes no time but Helm's.
        kubectl(&["-n", "apache-livy", "delete", "service", "my-spark-history-server"]);
        let begin = || windlass(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let both = [begin(), begin()].map(|child| child.wait_with_output().unwrap());
        let codes: Vec<i32> = both.iter().map(|output| output.status.code().unwrap()).collect();
        assert!(codes.contains(&0), "round {round}: {codes:?}");
        // The other is kept out, or came so late that nothing was left to do.
        for output in both.iter().filter(|output| output.status.code() != Some(0)) {
            let err = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(9), "round {round}: {err}");
            assert!(err.contains("is locked by ") && err.contains(" since "), "round {round}: {err}");
            kept_out += 1;
        }
        assert_eq!(revision(), before + 1, "round {round}: exactly one did it, {codes:?}");
        run(&mut windlass(&args)).exits(0).says("nothing to do");
    }
    assert!(kept_out * 2 >= rounds, "only {kept_out} of {rounds} met the lock");
}

pub(crate) fn a_lock_held_elsewhere() {
    let lease = |renewed: &str| {
        format!(
            "apiVersion: coordination.k8s.io/v1\nkind: Lease\nmetadata:\n  name: windlass\n  namespace: windlass-system\n  annotations: {{windlass.dev/run: 20260101T000000Z-abcdef, windlass.dev/command: install, windlass.dev/process: elsewhere/1/2/3}}\nspec: {{holderIdentity: ann@far, leaseDurationSeconds: 30, acquireTime: \"2026-01-01T00:00:00.000000Z\", renewTime: \"{renewed}\"}}\n"
        )
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
    let begin = |memory: &str| {
        let change = format!("spark-history-server.memory={memory}");
        let args = with_jars(&["install", "--yes", "--set", &change]);
        let mut command = windlass(&args.iter().map(String::as_str).collect::<Vec<_>>());
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let held = || !kubectl(&["-n", "windlass-system", "get", "leases", "-o", "name"]).is_empty();
        eventually("the lock is taken", 60, held);
        child
    };
    let child = begin("460Mi");
    run(&mut windlass(&["unlock", "--yes"])).exits(0);
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(10), "{}{err}", String::from_utf8_lossy(&output.stdout));
    assert!(err.contains("the lock was lost") && err.contains("it was unlocked"), "{err}");
    // One whose holder was killed is taken over at once, and what it left of its check removed.
    let mut child = begin("470Mi");
    let check = || kubectl(&["-n", "apache-livy", "get", "pods", "-l", "windlass.dev/check", "-o", "name"]);
    eventually("the check's driver is there", 120, || !check().is_empty());
    child.kill().unwrap();
    child.wait().unwrap();
    install(&[])
        .exits(0)
        .says("taking over the lock of")
        .says("whose process on this machine has exited")
        .says("removing check livy-verify-1-");
    assert_eq!(check(), "");
}

pub(crate) fn a_failed_upgrade_and_the_way_back() {
    install(&[]).exits(0);
    let revision = || revision("my-livy");
    let before = revision();
    run(&mut windlass(&["rollback", "livy", "--yes"])).exits(0).says("nothing to do");
    run(&mut windlass(&["rollback", "nonesuch", "--yes"])).exits(8).says("`nonesuch` is not installed");
    // An older version is not installed by accident.
    let older = changed_catalog("older", "hdfs/component.yaml", "version: \"3.4.", "version: \"3.3.");
    let args = with_jars(&["install", "--yes", "--catalog", older.to_str().unwrap()]);
    run(&mut windlass(&args.iter().map(String::as_str).collect::<Vec<_>>())).exits(8).says("--allow-downgrade");
    // A bad upgrade is left as it is, with the evidence.
    install(&["--no-verify", "--set", "livy.image_tag=nope"]).exits(5).says("livy:nope").says("rollback livy");
    assert_eq!(revision(), before + 1);
    run(&mut windlass(&["status"])).exits(5);
    run(&mut windlass(&["rollback", "livy"])).exits(3).says("--yes");
    let back = format!("to revision {before}");
    run(&mut windlass(&["rollback", "livy", "--yes"])).exits(0).says(&back).says("Pi is roughly 3.1");
    assert_eq!(revision(), before + 2, "the history has both");
    run(&mut windlass(&["status"])).exits(0).says("healthy");
    install(&[]).exits(0).says("nothing to do");
}

pub(crate) fn a_rolling_upgrade_of_hdfs() {
    let two = ["--no-verify", "--set", "hdfs.datanode_replicas=2", "--set", "hdfs.replication=2"];
    install(&two).exits(0);
    let file = "/tmp/read-me";
    let words = "read while the DataNodes are upgraded";
    let write = format!("echo {words} | hdfs dfs -put -f - {file} && hdfs dfs -setrep -w 2 {file}");
    let namenode = ["-n", "apache-hdfs", "exec", "my-hdfs-namenode-0", "--", "bash", "-c"];
    kubectl(&[&namenode[..], &[&write]].concat());
    let uid = |pod: &str| text(&kubectl_json(&["-n", "apache-hdfs", "get", "pod", pod])["metadata"]["uid"]);
    let pods = ["my-hdfs-namenode-0", "my-hdfs-datanode-0", "my-hdfs-datanode-1"];
    let before = pods.map(uid);
    let args = with_jars(&[&["install", "--yes"], &two[..], &["--set", "hdfs.datanode_memory=520Mi"]].concat());
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let mut child = windlass(&args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut reads = 0;
    while child.try_wait().unwrap().is_none() {
        let ran =
            run(kubectl_command(&[&namenode[..], &[&format!("hdfs dfs -cat {file}")]].concat()).stdin(Stdio::null()));
        assert_eq!((ran.code, ran.out.trim()), (0, words), "read {reads}: {}", ran.err);
        reads += 1;
    }
    assert!(child.wait().unwrap().success());
    assert!(reads > 3, "{reads} reads");
    let after = pods.map(uid);
    assert_eq!(after[0], before[0], "what had not changed was left alone");
    assert!(after[1] != before[1] && after[2] != before[2]);
    // Back to one, with all that it needs.
    hdfs(&["dfs", "-rm", "-skipTrash", file]);
    install(&["--no-verify"]).exits(0);
    kubectl(&["-n", "apache-hdfs", "delete", "pvc", "data-my-hdfs-datanode-1"]);
}

pub(crate) fn nothing_tells_a_secret() {
    // Acceptance 6: whatever a run leaves, and what anybody on this machine sees of its processes.
    let secrets = registry_secrets();
    assert!(!secrets.is_empty() && secrets.iter().all(|secret| secret.len() >= 8), "there is something to look for");
    // The Secret is written again, too.
    kubectl(&["-n", "apache-livy", "delete", "secret", "windlass-registry"]);
    kubectl(&["-n", "apache-livy", "delete", "service", "my-livy-callback"]);
    let args = with_jars(&["install", "--yes", "--no-verify", "-vv", "--json"]);
    let command = windlass(&args.iter().map(String::as_str).collect::<Vec<_>>());
    told_nowhere(|| secrets, command, &["apache-livy", "apache-hdfs"]);
}

/// Runs an install that makes or upgrades a release; none of the secrets, which are asked for afterwards, may be in what it
/// says, in any command line of this machine meanwhile (those of the pods are among them), or in what it leaves here, in
/// Helm's records and the objects of these namespaces, and in what windlass remembers. Gives what it said.
pub(crate) fn told_nowhere(secrets: impl FnOnce() -> Vec<String>, mut command: Command, namespaces: &[&str]) -> String {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (mut out, mut err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let said = std::thread::spawn(move || {
        let mut text = String::new();
        std::io::Read::read_to_string(&mut out, &mut text).unwrap();
        text
    });
    let diagnosed = std::thread::spawn(move || {
        let mut text = String::new();
        std::io::Read::read_to_string(&mut err, &mut text).unwrap();
        text
    });
    let mut lines = BTreeSet::new();
    while child.try_wait().unwrap().is_none() {
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            lines.insert(String::from_utf8_lossy(&line).into_owned());
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let helms = lines.iter().any(|line| line.contains("helm\0") && line.contains("\0upgrade\0"));
    let lines = Vec::from_iter(lines).join("\n");
    let ended = child.wait().unwrap();
    let (said, diagnosed) = (said.join().unwrap(), diagnosed.join().unwrap());
    assert!(ended.success(), "{said}{diagnosed}");
    assert!(helms, "no Helm was seen");
    let mut places = vec![("stdout", said.clone()), ("stderr", diagnosed), ("command lines", lines)];
    let kinds = "pods,configmaps,events,services,deployments,statefulsets,daemonsets,jobs,ingresses,networkpolicies";
    for namespace in namespaces {
        places.push((namespace, kubectl(&["-n", namespace, "get", kinds, "-o", "yaml"])));
    }
    let decoded = "{{range .items}}{{range $k, $v := .data}}{{$v | base64decode}}{{println}}{{end}}{{end}}";
    let template = format!("go-template={decoded}");
    let releases = namespaces.iter().map(|namespace| (*namespace, "helm.sh/release.v1"));
    for (namespace, kind) in releases.chain([("windlass-system", "Opaque")]) {
        let field = format!("type={kind}");
        let held = kubectl(&["-n", namespace, "get", "secrets", "--field-selector", &field, "-o", &template]);
        assert!(!held.trim().is_empty(), "{namespace}");
        let inside = if kind == "Opaque" { held } else { held.lines().map(unpacked).collect() };
        places.push((namespace, inside));
    }
    for secret in secrets() {
        for (place, text) in &places {
            assert!(!text.contains(&secret), "{place} tells a secret");
        }
        let mut grep = Command::new("grep");
        let found = run(grep.args(["-rlF", &secret]).arg(scratch().join("state")));
        assert_eq!(found.code, 1, "{}", found.out);
    }
    said
}

/// A release's record: gzip in base64.
fn unpacked(record: &str) -> String {
    let mut child = Command::new("sh");
    let child = child.args(["-c", "base64 -d | gzip -dc"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = child.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let record = record.to_owned();
    let written = std::thread::spawn(move || stdin.write_all(record.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    written.join().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("\"manifest\""), "{} bytes", text.len());
    text
}

pub(crate) fn support_bundle() {
    // Twenty secrets where secrets are found: in Secrets, and in what others wrote about them.
    let planted: Vec<String> =
        (0..20_u32).map(|number| format!("planted{number:02}{:08x}", 0x5eed_0000 + number)).collect();
    let held: String = planted[..10].iter().enumerate().map(|(i, value)| format!("  key{i}: {value}\n")).collect();
    let mut objects = include_str!("planted.yaml").replace("@HELD@", held.trim_end());
    for (number, value) in planted.iter().enumerate() {
        objects = objects.replace(&format!("@{number:02}@"), value);
    }
    apply(&objects);
    install(&["--no-verify", "--set", "livy.image_tag=nope"]).exits(5);
    let folder = scratch().join("support");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let bundle = folder.join("bundle.tar.gz");
    run(windlass(&["support-bundle", "--output"]).arg(&bundle)).exits(0).says("index.json");
    run(windlass(&["support-bundle", "--output"]).arg(&bundle)).exits(1).says("bundle.tar.gz");
    let file = std::fs::metadata(&bundle).unwrap();
    assert!(file.len() < 20_000_000, "{}", file.len());
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&file.permissions()) & 0o777, 0o600);
    let mut tar = Command::new("tar");
    run(tar.arg("-xzf").arg(&bundle).arg("--strip-components=1").arg("-C").arg(&folder)).exits(0);
    let mut secrets = planted;
    secrets.extend(registry_secrets());
    for secret in &secrets {
        let mut grep = Command::new("grep");
        let found = run(grep.args(["-rlF", "--exclude=bundle.tar.gz", secret]).arg(&folder));
        assert_eq!(found.code, 1, "{secret} is in {}", found.out);
    }
    let index = std::fs::read_to_string(folder.join("index.json")).unwrap();
    let index: serde_json::Value = serde_json::from_str(&index).unwrap();
    let files: Vec<String> = index["files"].as_array().unwrap().iter().map(|file| text(&file["path"])).collect();
    for part in [
        "releases/apache-livy-my-livy.json",
        "namespaces/apache-livy/pods.json",
        "namespaces/apache-livy/events.json",
        "/events.jsonl",
        "/plan.json",
        "namenode.log",
        "hdfs.json",
        "state.json",
        "preflight.json",
        "cluster/nodes.json",
    ] {
        assert!(files.iter().any(|file| file.ends_with(part)), "{part} is not in {files:?}");
    }
    // Of a cluster that cannot be reached, too.
    let mut command = Command::new(WINDLASS);
    command.args(["support-bundle", "--kubeconfig", "/nonexistent", "--output"]).arg(folder.join("other.tar.gz"));
    run(command.env("XDG_STATE_HOME", scratch().join("state"))).exits(0).says("all data of the cluster");
    kubectl(&["-n", "apache-livy", "delete", "deployment/planted", "configmap/planted", "secret/planted"]);
    install(&["--no-verify"]).exits(0);
}

pub(crate) fn kills() {
    // Acceptance 1.
    let mut random_state = seed();
    let seed = random_state;
    let (installs, uninstalls) = (rounds("WINDLASS_SOAK_INSTALLS", 2), rounds("WINDLASS_SOAK_UNINSTALLS", 2));
    // Few have to do in tests/run, and one set of checks.
    let soak = installs > 5;
    let batch_only = batch_only();
    let mut uninstalls_killed = 0;
    for round in 0..installs.max(uninstalls) {
        let mut here = format!("seed {seed}, round {round}");
        // Every other time the data goes, too, so that there is something to upload.
        let purge: &[&str] = if round % 2 == 1 { &["--purge-data", "--confirm", "windlass-sandbox"] } else { &[] };
        let uninstall = words(&[&["uninstall", "--yes"], purge].concat());
        let with_helm = round % 4 < 2;
        if uninstalls_killed < uninstalls {
            // Namespaces go last, and take their time.
            let lasts = if purge.is_empty() { 3_000 } else { 9_000 };
            let after = 200 + random(&mut random_state, lasts);
            let killed = killed_after(&uninstall, after, with_helm);
            uninstalls_killed += u64::from(killed);
            let how = if killed { "killed" } else { "had ended" };
            write!(here, ", uninstall {how} after {after} ms").unwrap();
        }
        let removed = || {
            let ran = run(&mut windlass(&uninstall.iter().map(String::as_str).collect::<Vec<_>>()));
            assert_eq!(ran.code, 0, "{here}: {}{}", ran.out, ran.err);
            assert_eq!(releases(), [], "{here}");
        };
        removed();
        if round >= installs {
            continue;
        }
        let mut after = 500 + random(&mut random_state, 45_000);
        while !killed_after(&with_jars(&["install", "--yes", "--no-verify"]), after, with_helm) {
            // This machine is faster.
            removed();
            after /= 2;
        }
        let purged = if purge.is_empty() { "" } else { " from nothing" };
        let here = format!("{here}, install{purged} killed after {after} ms");
        let before = releases();
        // As an operator would: the same command, and this time to the end, with all checks or with all but the session.
        let all = round + 1 == installs || soak && round % 3 == 0;
        let ran = install(if all { &[] } else { &["--no-verify"] });
        assert_eq!(ran.code, 0, "{here}: {}{}", ran.out, ran.err);
        if soak && !all {
            let ran = run(windlass(&["verify", "--catalog"]).arg(&batch_only));
            assert_eq!(ran.code, 0, "{here}: {}{}", ran.out, ran.err);
        }
        let now = releases();
        assert_eq!(now.len(), 3, "{here}: {now:?}");
        assert!(now.iter().all(|(_, _, status)| status == "deployed"), "{here}: {now:?}");
        for (name, revision, _) in before.iter().filter(|(_, _, status)| status == "deployed") {
            let revision_now = now.iter().find(|(other, _, _)| other == name).map(|(_, revision, _)| revision);
            assert_eq!(revision_now, Some(revision), "{here}: {name} was finished, and was done again");
        }
        let [given, stored] = given_and_stored();
        assert_eq!(given.len(), crate::JARS, "{here}");
        assert_eq!(given, stored, "{here}: what HDFS has is what was sent, and no temporary file");
        let again = install(&["--no-verify"]);
        assert!(again.out.contains("nothing to do"), "{here}: {}", again.out);
        // A soak takes an hour, and whoever waits for it wants to see where it is.
        let _ = writeln!(std::io::stderr(), "{here}: went on and ended well");
    }
    // One that had ended before its kill has another in a later round, where there are more of them.
    assert!(uninstalls_killed * 2 >= uninstalls, "seed {seed}: only {uninstalls_killed} uninstalls lasted long enough");
}
