//! Secrets of components: generated, named, kept, removed.

use std::path::Path;

use crate::support::{kubectl, run, windlass};
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

pub(crate) fn made_once_kept_and_told_nowhere() {
    run(&mut sample(&["plan", "--components", "sample"])).exits(0).says("Secret my-sample-db-password in sample");
    run(&mut install(&[])).exits(0).says("Sample service");
    let first = password();
    assert_eq!(first.len(), 32, "of good length");
    run(&mut install(&[])).exits(0).says("nothing to do");

    // An upgrade keeps it, and nothing tells it.
    let upgrade = install(&["--no-verify", "-vv", "--json", "--set", "sample.greeting=good morning"]);
    told_nowhere(std::slice::from_ref(&first), upgrade, &["sample"]);
    assert_eq!(password(), first, "kept over an upgrade");
    let folder = crate::support::scratch();
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
    run(install(&named).env("SAMPLE_PASSWORD", "correct horse")).exits(0).says("holds something else");
    assert_eq!(password(), "correct horse");
    run(&mut install(&["--set", "sample.db_password=hunter2"])).exits(2).says("use generate, env:NAME");

    let purge = ["uninstall", "--yes", "--components", "sample", "--purge-data", "--confirm", "windlass-sandbox"];
    run(&mut sample(&purge)).exits(0);
    assert_eq!(
        kubectl(&["get", "secrets", "-A", "--field-selector", &format!("metadata.name={SECRET}"), "-o", "name"]),
        ""
    );
}
