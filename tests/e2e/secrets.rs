//! Secrets of components: generated, named, kept, removed.

use std::path::Path;

use crate::http::{LOGIN, entries, install as install_entries, secret};
use crate::support::{Ran, killed_when, kubectl, run, scratch, there, windlass};
use crate::trust::told_nowhere;

const SECRET: &str = "my-sample-db-password";

/// windlass with the sample component laid over the catalog.
fn sample(args: &[&str]) -> std::process::Command {
    let mut command = windlass(args);
    command.arg("--catalog").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/components"));
    command
}

fn install(more: &[&str]) -> std::process::Command {
    sample(&[&["install", "--yes", "--components", "sample"], more].concat())
}

fn password() -> String {
    let template = "go-template={{index .data \"db_password\" | base64decode}}";
    kubectl(&["-n", "sample", "get", "secret", SECRET, "-o", template])
}

pub(crate) fn made_once_kept_and_shown_nowhere() {
    run(&mut sample(&["plan", "--components", "sample"])).exits(0).says("Secret my-sample-db-password in sample");
    run(&mut install(&[])).exits(0).says("Sample service");
    let first = password();
    assert_eq!(first.len(), 32, "of good length");
    run(&mut install(&[])).exits(0).says("nothing to do");

    // An upgrade keeps it, and nothing tells it.
    let upgrade = install(&["--no-verify", "-vv", "--json", "--set", "sample.greeting=good morning"]);
    told_nowhere(|| vec![first.clone()], upgrade, &["sample"]);
    assert_eq!(password(), first, "kept over an upgrade");
    let folder = scratch();
    let bundle = folder.join("secrets-bundle.tar.gz");
    let _ = std::fs::remove_file(&bundle);
    run(&mut sample(&["support-bundle", "--output", bundle.to_str().unwrap()])).exits(0);
    let found = run(std::process::Command::new("sh")
        .arg("-c")
        .arg(format!("gzip -dc '{}' | grep -cF '{first}'", bundle.display())));
    assert_eq!(found.out.trim(), "0", "the support bundle tells it");

    // What was removed by hand is missed, and what that means is said before.
    kubectl(&["-n", "sample", "delete", "secret", SECRET]);
    run(&mut sample(&["status", "--drift"])).exits(5).says("cannot be restored");
    run(&mut install(&["--no-verify", "--set", "sample.greeting=good morning"])).exits(0).says("cannot be restored");
    let second = password();
    assert!(second.len() == 32 && second != first);

    // It opens the data, so it stays with it, and goes with it.
    run(&mut sample(&["uninstall", "--yes", "--components", "sample"])).exits(0);
    assert_eq!(password(), second, "kept by an uninstall");
    run(&mut install(&["--no-verify"])).exits(0);
    assert_eq!(password(), second, "found again");

    // One that the site names is copied, and an unset name is said before anything is done.
    let named = ["--no-verify", "--set", "sample.db_password=env:SAMPLE_PASSWORD"];
    let unset = run(install(&named).env_remove("SAMPLE_PASSWORD")).exits(2);
    unset.says("sample.db_password").says("environment variable SAMPLE_PASSWORD is not set");
    run(install(&named).env("SAMPLE_PASSWORD", "correct horse")).exits(0).says("has different content");
    assert_eq!(password(), "correct horse");
    run(&mut install(&["--set", "sample.db_password=hunter2"])).exits(2).says("use generate, env:NAME");

    let purge = ["uninstall", "--yes", "--components", "sample", "--purge-data", "--confirm", "windlass-sandbox"];
    run(&mut sample(&purge)).exits(0);
    assert_eq!(
        kubectl(&["get", "secrets", "-A", "--field-selector", &format!("metadata.name={SECRET}"), "-o", "name"]),
        ""
    );
}

/// Killed while the new password is staged, while the declared Job runs, and once the Secret is switched.
pub(crate) fn rotated_over_three_kills() {
    const NEXT: &str = "my-entries-admin-password-next";
    const JOB: &str = "my-entries-rotate";
    install_entries(&["--no-verify"]).exits(0);
    let content = |name: &str| secret(name, "admin_password");
    let connection = || secret("my-entries-connection", "url");
    let old = content(LOGIN);
    let rotate = ["secrets", "rotate", "entries.admin_password", "--yes", "-vv"];
    let killed = |what: &str, test: &dyn Fn() -> bool| killed_when(entries(&rotate), what, test);
    let in_entries = |kind: &str, name: &str| there(&["-n", "entries", kind, name]);
    let staged = |ran: &Ran| {
        run(&mut entries(&["secrets", "list"])).exits(0).says("rotation not finished");
        (content(NEXT), ran.out.clone() + &ran.err)
    };
    let first = killed("the new password is staged", &|| in_entries("secret", NEXT));
    let (new, mut said) = staged(&first);
    assert!(new.len() == 32 && new != old);
    assert!(connection().contains(&old), "nothing is made of it yet");
    for (what, test) in [
        ("the declared Job runs", &(|| in_entries("job", JOB)) as &dyn Fn() -> bool),
        ("the Secret is switched", &|| content(LOGIN) != old),
    ] {
        let ran = killed(what, test);
        let (next, more) = staged(&ran);
        assert_eq!(next, new, "{what}: the one that was staged");
        said += &more;
    }

    // The last run ends it; verify logs in with what the Secret holds, and compares what is made of it.
    let base64 = |text: &str| {
        let script = format!("printf %s '{text}' | base64 -w0");
        run(std::process::Command::new("sh").arg("-c").arg(script)).exits(0).out
    };
    let told: Vec<String> = [&old, &new].into_iter().flat_map(|text| [text.clone(), base64(text)]).collect();
    told_nowhere(|| told.clone(), entries(&rotate), &["entries"]);
    assert_eq!(content(LOGIN), new);
    assert_eq!(connection(), format!("http://admin:{new}@my-entries:8080"));
    assert!(!in_entries("secret", NEXT) && !in_entries("job", JOB));
    // The entries were in the memory of the pod that read the old one.
    install_entries(&["--no-verify"]).exits(0).says("the entry first: created");
    install_entries(&["--no-verify"]).exits(0).says("nothing to do");

    // Nor does anything else that a run leaves, or that is asked for afterwards.
    let bundle = scratch().join("rotation-bundle.tar.gz");
    let _ = std::fs::remove_file(&bundle);
    for args in [
        &["plan", "--json", "--components", "entries"][..],
        &["plan", "--diff", "--components", "entries", "--set", "entries.note=more"],
        &["status", "--json", "--drift", "--components", "entries"],
        &["secrets", "list", "--json"],
        &["verify", "--components", "entries"],
        &["support-bundle", "--output", bundle.to_str().unwrap()],
    ] {
        let ran = run(&mut entries(args)).exits(0);
        said += &(ran.out + &ran.err);
    }
    said += &run(std::process::Command::new("tar").arg("-xzOf").arg(&bundle)).exits(0).out;
    said += &kubectl(&["-n", "entries", "get", "events,pods,configmaps", "-o", "yaml"]);
    assert!(said.contains("my-entries-admin-password"), "the Secret is named");
    for text in &told {
        assert!(!said.contains(text), "a password is told");
    }
    let purge = ["uninstall", "--yes", "--components", "entries", "--purge-data", "--confirm", "windlass-sandbox"];
    run(&mut entries(&purge)).exits(0);
    assert!(!there(&["namespace", "entries"]));
}
