//! What a service should hold, against a stand-in that counts what is written to it: tests/services/entries.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::*;

/// What only the stand-in knows (its serve.py): nobody may repeat its answers.
const ANSWERS: [&str; 3] =
    ["word-that-only-the-service-has", "comment-that-nobody-asked-for", "refusal-with-what-is-inside"];

/// The Secret of its login.
pub(crate) const LOGIN: &str = "my-entries-admin-password";

/// windlass with the stand-in laid over the catalog.
pub(crate) fn entries(args: &[&str]) -> Command {
    let mut command = windlass(args);
    command.arg("--catalog").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/services"));
    command
}

#[track_caller]
pub(crate) fn install(more: &[&str]) -> Ran {
    run(&mut entries(&[&["install", "--yes", "--components", "entries"], more].concat()))
}

/// Asks the stand-in what needs no login, through the API's proxy.
#[track_caller]
fn ask(path: &str) -> Value {
    let url = format!("/api/v1/namespaces/entries/services/my-entries:8080/proxy/{path}");
    serde_json::from_str(&kubectl(&["get", "--raw", &url])).unwrap()
}

/// How often entries were made and changed.
#[track_caller]
fn writes() -> [u64; 2] {
    let count = ask("count");
    ["POST", "PUT"].map(|method| count[method].as_u64().unwrap())
}

pub(crate) fn secret(name: &str, key: &str) -> String {
    let template = format!("go-template={{{{index .data \"{key}\" | base64decode}}}}");
    kubectl(&["-n", "entries", "get", "secret", name, "-o", &template])
}

/// What `status --drift` tells.
#[track_caller]
fn drift(code: i32) -> String {
    let ran = run(&mut entries(&["status", "--drift", "--json", "--components", "entries"])).exits(code);
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    report["components"][0]["drift"].to_string()
}

pub(crate) fn what_a_service_should_hold() {
    // Made once, whatever else is installed again; a note is changed, so that all is looked at once more.
    install(&[]).exits(0).says("its first entries are made: migrated").says("a way elsewhere is not gone");
    assert_eq!(writes(), [1, 0]);
    install(&[]).exits(0).says("nothing to do");
    let noted = ["--no-verify", "--set", "entries.note=another"];
    let again = install(&noted).exits(0);
    assert_eq!(writes(), [1, 0], "three installs, one POST");
    assert!(!again.out.contains("its first entries are made: migrated"), "it is run once: {}", again.out);
    let password = secret("my-entries-entry-password", "entry_password");
    assert_eq!(ask("count")["passwords"], json!([password]));
    assert_eq!(drift(0), "[]");

    // Changed by hand, and gone.
    ask("by-hand?elsewhere.example");
    assert!(drift(5).contains("/host of the entry first differs"), "{}", drift(5));
    install(&noted).exits(0);
    assert_eq!(writes(), [1, 1], "put back by one PUT");
    assert_eq!(drift(0), "[]");
    ask("forget");
    assert!(drift(5).contains("the entry first not found"), "{}", drift(5));
    install(&noted).exits(0);
    assert_eq!(writes(), [2, 1]);

    // What it does not tell follows its Secret.
    let rotate = ["secrets", "rotate", "entries.entry_password", "--yes", "--no-verify"];
    run(&mut entries(&rotate)).exits(0).says("the entry first: updated /password");
    let new = secret("my-entries-entry-password", "entry_password");
    assert_ne!(new, password);
    assert_eq!(ask("count")["passwords"], json!([new]));
    assert_eq!(writes(), [2, 2]);
    install(&noted).exits(0).says("nothing to do");
    kubectl(&["-n", "entries", "delete", "secret", "my-entries-entry-password"]);
    install(&noted).exits(0).says("the entry first: updated /password");
    let password = secret("my-entries-entry-password", "entry_password");
    assert_ne!(password, new);
    assert_eq!(ask("count")["passwords"], json!([password]));
    assert_eq!(writes(), [2, 3]);

    // A way to another host is told, and not gone: whatever was sent would have arrived here, by the same port-forward.
    let verify = ["verify", "--components", "entries", "--set"];
    let away = run(&mut entries(&[&verify[..], &["entries.away=2xx"]].concat()));
    away.exits(7).says("redirects to other.example, which is not followed");
    assert_eq!(ask("count")["elsewhere"], json!([]));

    // A login that fails names its Secret.
    let login = secret(LOGIN, "admin_password");
    ask("changed-by-hand");
    let refused = ask("count")["refused"].as_u64().unwrap();
    install(&["--no-verify", "--set", "entries.host=second.example", "--set", "entries.note=another"])
        .exits(5)
        .says("returned 401")
        .says(&format!("Secret entries/{LOGIN} (key `admin_password`)"));
    assert!(ask("count")["refused"].as_u64().unwrap() > refused);
    ask("changed-back");
    assert_eq!(writes(), [2, 3]);

    // Nothing that was sent or answered is anywhere.
    for told in ANSWERS.into_iter().chain([login.as_str(), &password]) {
        let found = run(Command::new("grep").args(["-rlF", told]).arg(scratch().join("state")).stdin(Stdio::null()));
        assert_eq!(found.code, 1, "{told} is in {}", found.out);
    }
}
