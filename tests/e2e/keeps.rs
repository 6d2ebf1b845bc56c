//! What an uninstall keeps although the chart would let it go, and what it leaves to others.

use std::path::Path;
use std::process::Command;

use crate::support::{kubectl, kubectl_command, run, there, windlass};

const CRD: &str = "crd/hoards.tests.windlass.dev";

/// windlass with the hoard laid over the catalog.
fn hoard(args: &[&str]) -> Command {
    let mut command = windlass(args);
    command.arg("--catalog").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/keepers"));
    command
}

fn claims() -> Vec<String> {
    kubectl(&["-n", "hoard", "get", "pvc", "-o", "name"]).lines().map(str::to_owned).collect()
}

pub(crate) fn what_a_chart_would_let_go() {
    let install = || run(&mut hoard(&["install", "--yes", "--components", "hoard", "--no-verify"])).exits(0);
    install();
    kubectl(&["-n", "hoard", "create", "configmap", "theirs"]);
    let thing = "apiVersion: tests.windlass.dev/v1\nkind: Hoard\nmetadata: {name: theirs, namespace: default}\n";
    let apply = format!("printf '{}' | \"$@\" apply -f -", thing.replace('\n', "\\n"));
    let kubectl_words = kubectl_command(&[]);
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(apply).arg("sh").arg(kubectl_words.get_program()).args(kubectl_words.get_args());
    run(&mut shell).exits(0);

    // Claims of a template, of a set that takes them along, and a kind of which others have made things.
    let ran = run(&mut hoard(&["uninstall", "--yes", "--components", "hoard"])).exits(0);
    ran.says("claim hoard/data-my-hoard-0 is kept").says("hoards.tests.windlass.dev is kept");
    assert_eq!(claims(), ["persistentvolumeclaim/data-my-hoard-0", "persistentvolumeclaim/my-hoard-own"]);
    assert!(there(&["-n", "default", "hoard", "theirs"]));

    // Its data can be moved no more than the release.
    let mut moved = hoard(&["install", "--yes", "--components", "hoard", "--set", "hoard.namespace=elsewhere"]);
    run(&mut moved).exits(8).says("claim hoard/my-hoard-own").says("uninstall --components hoard --purge-data");

    let purge = ["uninstall", "--yes", "--components", "hoard", "--purge-data", "--confirm", "windlass-sandbox"];
    run(&mut hoard(&purge)).exits(0).says("delete claim my-hoard-own").says("ConfigMap hoard/theirs");
    assert_eq!(claims(), Vec::<String>::new());
    assert!(there(&["-n", "hoard", "configmap", "theirs"]), "the namespace stays with what others put there");

    install();
    run(hoard(&purge).arg("--purge-shared")).exits(0).says("is deleted with it");
    // The namespace was not made anew, so it is ours still: it goes, as was agreed to.
    assert!(!there(&["namespace", "hoard"]) && !there(&[CRD]));
}
