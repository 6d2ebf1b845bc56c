//! `docs/json.md`: each command of windlass is in it, its examples have the keys that it lists, and so has what the program prints.
//!
//! Its convention: the table whose first cell is `command` has a row for each output, with its `schema` and links to its
//! sections; a table whose first cell is `key` lists the keys of its section, as `findings[].id`, with their types; `*` is any
//! key, and a type that is a link has the keys of that section.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;

use clap::CommandFactory as _;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;
use windlass::cli::Cli;

use crate::ran::ran;
use crate::real_helm::helm;
use crate::registry_server::{FakeRegistry, Refuses};

/// The page.
const PAGE: &str = "docs/json.md";

/// The runs that pictures are made of.
const RUNS: [&str; 5] = ["install", "failed", "again", "retried", "stopped"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

/// A row of the table of commands.
struct Row {
    command: String,
    is_one: bool,
    schema: u64,
    sections: Vec<String>,
}

/// A key: where it is, each step by itself, and the types that it may have.
#[derive(Debug)]
struct Key {
    path: Vec<String>,
    kind: String,
}

fn is_heading(line: &str) -> bool {
    line.starts_with("## ") || line.starts_with("### ")
}

/// What a heading is called in links.
fn slug(heading: &str) -> String {
    let kept = |c: char| c.is_alphanumeric() || " -_".contains(c);
    heading.to_lowercase().replace(|c: char| !kept(c), "").trim().replace(' ', "-")
}

/// The lines below a heading, up to the next.
fn section<'a>(page: &'a str, name: &str) -> Vec<&'a str> {
    let mut lines = page.lines().skip_while(|line| !is_heading(line) || slug(line) != name);
    assert!(lines.next().is_some(), "{PAGE} has no heading `{name}`");
    lines.take_while(|line| !is_heading(line)).collect()
}

/// The cells of the rows of each table whose first cell is this.
fn rows<'a>(lines: &[&'a str], first: &str) -> Vec<Vec<&'a str>> {
    let (mut found, mut within) = (Vec::new(), false);
    for line in lines {
        let Some(row) = line.strip_prefix("| ") else {
            within = false;
            continue;
        };
        let cells: Vec<&str> = row.trim_end_matches('|').split(" | ").map(str::trim).collect();
        if cells[0] == first {
            within = true;
        } else if within && cells[0] != "---" {
            found.push(cells);
        }
    }
    found
}

/// The headings of this page that a text links to.
fn links(text: &str) -> Vec<&str> {
    text.split("](#").skip(1).filter_map(|rest| rest.split(')').next()).collect()
}

/// `a[].b` as `a`, `[]`, `b`.
fn steps(path: &str) -> Vec<String> {
    path.replace("[]", ".[]").split('.').map(str::to_owned).collect()
}

/// All keys of a section, with those of the sections that its types are.
fn keys(page: &str, name: &str) -> Vec<Key> {
    let mut found = Vec::new();
    for cells in rows(&section(page, name), "key") {
        assert!(cells.len() == 3, "{PAGE}, {name}: a row of keys has three cells: {cells:?}");
        let kind = cells[1];
        let path = steps(cells[0].trim_matches('`'));
        for link in links(kind) {
            for key in keys(page, link) {
                found.push(Key { path: [path.clone(), key.path].concat(), kind: key.kind });
            }
        }
        found.push(Key { path, kind: kind.to_owned() });
    }
    found
}

fn commands(page: &str) -> Vec<Row> {
    let lines: Vec<&str> = page.lines().collect();
    let all = rows(&lines, "command").into_iter().map(|cells| {
        assert!(cells.len() == 4, "{PAGE}: a row of commands has four cells: {cells:?}");
        assert!(["one object", "JSON lines"].contains(&cells[1]), "{cells:?}");
        Row {
            command: cells[0].trim_matches('`').to_owned(),
            is_one: cells[1] == "one object",
            schema: cells[2].parse().unwrap(),
            sections: links(cells[3]).into_iter().map(str::to_owned).collect(),
        }
    });
    all.collect()
}

fn has_word(kind: &str, word: &str) -> bool {
    kind.split(' ').any(|one| one == word)
}

/// Whether a value is of a type, in the words of the page.
fn fits(value: &Value, kind: &str) -> bool {
    let is = |word: &str| has_word(kind, word);
    let fits = match value {
        Value::Null => is("null"),
        Value::Bool(_) => is("boolean"),
        Value::Number(number) => is("number") || (is("integer") && !number.is_f64()),
        Value::String(_) => is("string"),
        Value::Array(_) => is("array"),
        Value::Object(_) => is("object") || kind.contains("](#"),
    };
    fits || is("any")
}

/// Whether a key says that this value may be at this place: it is the key's own, or below what may hold anything, or holds the
/// key.
fn allows(key: &Key, path: &[String], value: &Value) -> bool {
    let along = key.path.iter().zip(path).all(|(wanted, found)| wanted == "*" || wanted == found);
    along
        && match key.path.len().cmp(&path.len()) {
            Ordering::Less => has_word(&key.kind, "any") || has_word(&key.kind, "array"),
            Ordering::Equal => fits(value, &key.kind),
            Ordering::Greater if key.path[path.len()] == "[]" => value.is_array(),
            Ordering::Greater => value.is_object(),
        }
}

/// Adds what of a value no key allows.
fn unlisted(value: &Value, at: &[String], keys: &[Key], found: &mut Vec<String>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields.iter().map(|(name, child)| (name.clone(), child)).collect(),
        Value::Array(items) => items.iter().map(|child| ("[]".to_owned(), child)).collect(),
        _ => Vec::new(),
    };
    for (name, child) in children {
        let mut path = at.to_vec();
        path.push(name);
        if !keys.iter().any(|key| allows(key, &path, child)) {
            found.push(path.join("."));
        }
        unlisted(child, &path, keys, found);
    }
}

/// All keys of an object are among these, with their types.
#[track_caller]
fn has_only(value: &Value, keys: &[Key], what: &str) {
    let mut found = Vec::new();
    unlisted(value, &[], keys, &mut found);
    // Which number it has to have is asked by itself.
    found.retain(|path| path != "schema");
    assert!(
        value.is_object() && found.is_empty(),
        "{what}: {PAGE} does not list {found:?} or has another type\n{value}"
    );
}

#[track_caller]
fn parsed(lines: &str) -> Vec<Value> {
    lines.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

/// What a command printed is what its row says.
#[track_caller]
fn listed(command: &str, out: &str) {
    let page = read(PAGE);
    let row = commands(&page).into_iter().find(|row| row.command == command);
    let row = row.unwrap_or_else(|| panic!("{PAGE} has no row `{command}`"));
    let failure = "failure".to_owned();
    let names = row.sections.iter().chain([&failure]);
    let keys: Vec<Key> = names.flat_map(|name| keys(&page, name)).collect();
    let values = parsed(out);
    values.iter().for_each(|value| has_only(value, &keys, command));
    // Of a command that fails at once there is the failure alone.
    let results = values.iter().filter(|value| value.get("exit").is_none()).count();
    let has_failed = results < values.len();
    let may_be = results == 1 || (results == 0 && has_failed) || (results > 1 && !row.is_one);
    assert!(may_be, "`{command}` prints {results} objects: {out}");
    let schemas: Vec<u64> = values.iter().filter_map(|value| value.get("schema")?.as_u64()).collect();
    let is_right = !schemas.is_empty() && schemas.iter().all(|found| *found == row.schema);
    assert!(is_right, "`{command}`: {PAGE} says schema {}, and it prints {schemas:?}", row.schema);
}

/// The command that a row means; it takes the options in it, and words in capitals stand for arguments.
fn known(root: &clap::Command, row: &str) -> String {
    let (mut at, mut names) = (root, Vec::new());
    for word in row.split(' ') {
        if let Some(long) = word.strip_prefix("--") {
            let takes = at.get_arguments().any(|argument| argument.get_long() == Some(long));
            assert!(takes, "{PAGE}, `{row}`: there is no such option");
        } else if let Some(next) = at.find_subcommand(word) {
            at = next;
            names.push(word);
        } else {
            let is_argument = word.chars().all(|c| c.is_ascii_uppercase());
            assert!(is_argument && !names.is_empty(), "{PAGE}, `{row}`: there is no command `{word}`");
        }
    }
    assert!(at.get_subcommands().next().is_none(), "{PAGE}, `{row}`: it has commands of its own");
    names.join(" ")
}

/// Adds the names of all commands that have none of their own.
fn leaves(command: &clap::Command, before: &str, found: &mut BTreeSet<String>) {
    for next in command.get_subcommands().filter(|next| next.get_name() != "help") {
        let name = format!("{before} {}", next.get_name()).trim().to_owned();
        if next.get_subcommands().next().is_none() {
            found.insert(name);
        } else {
            leaves(next, &name, found);
        }
    }
}

#[test]
fn every_command_is_in_the_page_and_the_page_has_no_others() {
    let (page, root) = (read(PAGE), Cli::command());
    let mut with = BTreeSet::new();
    for row in commands(&page) {
        with.insert(known(&root, &row.command));
        assert!(!row.sections.is_empty(), "{PAGE}, `{}`: no section", row.command);
        for name in &row.sections {
            assert!(!keys(&page, name).is_empty(), "{PAGE}: the section `{name}` lists no keys");
        }
    }
    let lines: Vec<&str> = page.lines().collect();
    let without = rows(&lines, "command without JSON").into_iter();
    let without: BTreeSet<String> = without.map(|cells| known(&root, cells[0].trim_matches('`'))).collect();
    let both: Vec<&String> = with.intersection(&without).collect();
    assert!(both.is_empty(), "{PAGE} has them with and without JSON: {both:?}");
    let mut all = BTreeSet::new();
    leaves(&root, "", &mut all);
    let documented: BTreeSet<String> = with.union(&without).cloned().collect();
    let missing: Vec<&String> = all.difference(&documented).collect();
    assert!(missing.is_empty(), "{PAGE} lacks commands: {missing:?}; next: a row and a section for each");
}

#[test]
fn what_has_a_format_of_its_own_refuses_json() {
    for args in [
        &["plan", "--graph", "dot"][..],
        &["preflight", "--list"],
        &["status", "--watch"],
        &["bundle", "inspect", "platform.tar", "--format", "cyclonedx"],
        &["bundle", "sign", "platform.tar", "--print-lock"],
    ] {
        let all = |more: &[&'static str]| Cli::command().try_get_matches_from([&["windlass"][..], args, more].concat());
        assert!(all(&[]).is_ok() && all(&["--json"]).is_err(), "{args:?}");
    }
}

#[test]
fn links_within_the_page_lead_to_a_heading_and_others_to_a_page() {
    let page = read(PAGE);
    let headings: BTreeSet<String> = page.lines().filter(|line| is_heading(line)).map(slug).collect();
    let broken: Vec<&str> = links(&page).into_iter().filter(|link| !headings.contains(*link)).collect();
    assert!(broken.is_empty(), "{PAGE}: {broken:?}");
    for link in
        page.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()).filter(|link| !link.is_empty())
    {
        assert!(root().join("docs").join(link).exists(), "{PAGE}: {link}");
    }
}

#[test]
fn the_examples_have_the_keys_of_their_section() {
    let page = read(PAGE);
    let mut count = 0;
    for name in page.lines().filter(|line| is_heading(line)).map(slug) {
        let (text, keys) = (section(&page, &name).join("\n"), keys(&page, &name));
        for block in text.split("```").skip(1).step_by(2) {
            let values = match block.split_once('\n') {
                Some(("json", value)) => {
                    vec![serde_json::from_str(value).unwrap_or_else(|error| panic!("{name}: {error}"))]
                }
                Some(("jsonl", lines)) => parsed(lines),
                _ => continue,
            };
            values.iter().for_each(|value| has_only(value, &keys, &name));
            count += values.len();
        }
    }
    assert!(count > 20, "{count} examples");
}

#[test]
fn snapshots_and_recorded_runs_have_the_keys_of_the_page() {
    let page = read(PAGE);
    for (file, name) in [("tables__status", "status"), ("hdfs__hdfs", "hdfs")] {
        let text = read(&format!("src/render/tests/snapshots/windlass__render__tests__{file}.snap"));
        let value: Value = serde_json::from_str(text.splitn(3, "---\n").last().unwrap()).unwrap();
        has_only(&value, &keys(&page, name), file);
    }
    for run in RUNS {
        listed("runs RUN", &read(&format!("docs/pictures/{run}.jsonl")));
    }
}

/// windlass as it prints for programs, in a folder that has nothing of this machine's user.
fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_windlass"));
    command.env_clear().env("HOME", folder).env("PATH", "/usr/bin:/bin").env("TMPDIR", folder).env("LC_ALL", "C.UTF-8");
    command.env("XDG_STATE_HOME", folder.join("state")).current_dir(folder).args(args).arg("--json").kill_on_drop(true);
    command
}

/// Runs it; what it printed for its row of the page is as that says.
async fn prints(folder: &Path, row: &str, args: &[&str], code: i32) -> String {
    let (found, out, err) = ran(command(folder, args)).await;
    assert_eq!(found, code, "{args:?}: {out}{err}");
    listed(row, &out);
    out
}

#[tokio::test]
async fn definitions_and_answers_print_what_the_page_lists() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let (sample, nothing) = (root().join("tests/components"), ["--helm", "/nowhere/helm"]);
    let sample = ["--catalog", sample.to_str().unwrap()];
    prints(at, "catalog list", &["catalog", "list"], 0).await;
    let out = prints(at, "catalog list", &[&["catalog", "list"][..], &sample].concat(), 0).await;
    assert!(out.lines().any(|line| line.contains("\"id\":\"sample\"")), "{out}");
    prints(at, "catalog show", &["catalog", "show", "platform"], 0).await;
    prints(at, "catalog show", &[&["catalog", "show", "sample"][..], &sample].concat(), 0).await;
    prints(at, "catalog check", &[&["catalog", "check"][..], &nothing].concat(), 0).await;
    std::fs::create_dir_all(at.join("wrong/x")).unwrap();
    std::fs::write(at.join("wrong/x/component.yaml"), "id: x\ntitel: y\n").unwrap();
    prints(at, "catalog check", &["catalog", "check", "--catalog", "wrong"], 2).await;
    std::fs::write(at.join("site.yaml"), "components: [hdfs, lvy]\nprofile: standart\nhdfs:\n  replication: 3\n")
        .unwrap();
    prints(at, "answers check", &["answers", "check", "site.yaml"], 2).await;
    prints(at, "image list", &["image", "list"], 0).await;
    // An error is the last line, whatever the command.
    let out = prints(at, "catalog show", &["catalog", "show", "nowhere"], 2).await;
    let last = parsed(&out).pop().unwrap();
    assert!(last["exit"] == 2 && last["error"].is_array(), "{out}");
}

#[tokio::test]
async fn a_preflight_without_a_cluster_prints_what_the_page_lists() {
    let folder = tempfile::tempdir().unwrap();
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "fake",
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "ann", "user": {"token": "x"}}],
        "contexts": [{"name": "fake", "context": {"cluster": "c", "user": "ann"}}]
    });
    std::fs::write(folder.path().join("kubeconfig"), config.to_string()).unwrap();
    let helm = root().join("tests/fakes/helm");
    let target = ["--kubeconfig", "kubeconfig", "--context", "other", "--helm", helm.to_str().unwrap()];
    let answers = ["--set", "livy.image=x.example/livy", "--set", "livy.image_tag=1"];
    let out = prints(folder.path(), "preflight", &[&["preflight"][..], &target, &answers].concat(), 11).await;
    assert!(out.contains("context-missing"), "{out}");
}

#[tokio::test]
async fn the_lock_prints_what_the_page_lists() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    prints(at, "lock --why IMAGE", &["lock", "--why", "zookeeper"], 0).await;
    let out = prints(at, "lock --why IMAGE", &["lock", "--why", "apache/sprak"], 2).await;
    assert!(out.contains("\"like\""), "{out}");
    let Some(helm) = helm() else { return };
    let redis = ["lock", "--components", "redis", "--helm", helm.to_str().unwrap()];
    prints(at, "lock", &[&redis[..], &["--output", "redis.lock"]].concat(), 0).await;
    prints(at, "lock --check", &[&redis[..], &["--check", "--lock", "redis.lock"]].concat(), 0).await;
    let all = prints(at, "lock --check", &[&redis[..], &["--check"]].concat(), 8).await;
    assert!(all.contains("\"change\""), "{all}");
}

#[tokio::test]
async fn runs_print_what_the_page_lists() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let mut ids = Vec::new();
    for run in RUNS {
        let text = read(&format!("docs/pictures/{run}.jsonl"));
        let id = parsed(&text)[0]["run"].as_str().unwrap().to_owned();
        let kept = at.join("state/windlass/runs").join(&id);
        std::fs::create_dir_all(&kept).unwrap();
        std::fs::write(kept.join("events.jsonl"), text).unwrap();
        ids.push(id);
    }
    let out = prints(at, "runs", &["runs"], 0).await;
    assert_eq!(out.lines().count(), ids.len(), "{out}");
    for id in ids {
        let out = prints(at, "runs RUN", &["runs", &id], 0).await;
        assert!(out.lines().last().unwrap().contains("run-finished"), "{out}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_image_that_is_built_prints_what_the_page_lists() {
    let hub = crate::image_build::hub().await;
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    std::fs::write(at.join("livy.zip"), crate::image_build::zip_of(&crate::image_build::release())).unwrap();
    let from = format!("{}/hub", hub.host);
    let build = ["image", "build", "livy", "--from", &from, "--dist", "livy.zip"];
    let to = ["--to", "oci:made", "--tag", "site.example:5000/platform/livy:0.9.0"];
    prints(at, "image build", &[&build[..], &to].concat(), 0).await;
    let site = FakeRegistry::start().await;
    let to = format!("registry:{}/platform/livy:0.9.0", site.host);
    prints(at, "image build", &[&build[..], &["--to", &to]].concat(), 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn offline_bundles_print_what_the_page_lists() {
    let hub = crate::offline::hub().await;
    let folder = crate::offline::made(&hub).await;
    let at = folder.path();
    let from = format!("{}/hub", hub.host);
    let both = ["--platform", "linux/amd64", "--platform", "linux/arm64", "--no-programs", "--output", "again.tar"];
    let create = [&["bundle", "create", "--from", &from][..], &both].concat();
    prints(at, "bundle create", &[&create[..], &["--dry-run"]].concat(), 0).await;
    prints(at, "bundle create", &create, 0).await;
    prints(at, "bundle inspect", &["bundle", "inspect", "platform.tar"], 0).await;
    prints(at, "bundle inspect --sbom DIR", &["bundle", "inspect", "platform.tar", "--sbom", "sboms"], 0).await;
    prints(at, "bundle verify", &["bundle", "verify", "platform.tar"], 0).await;
    prints(at, "bundle extract", &["bundle", "extract", "all", "platform.tar", "--to", "oci:layout"], 0).await;
    prints(at, "bundle diff", &["bundle", "diff", "again.tar", "platform.tar"], 0).await;
    prints(at, "bundle diff", &["bundle", "diff", "images.lock", "platform.tar"], 0).await;
    prints(at, "bundle keygen", &["bundle", "keygen", "site"], 0).await;
    prints(at, "bundle sign", &["bundle", "sign", "platform.tar", "--private-key", "site.key"], 0).await;
    prints(at, "bundle verify", &["bundle", "verify", "platform.tar", "--key", "site.pub"], 0).await;
    let split = ["bundle", "split", "platform.tar", "--size", "1M", "--output", "parts/p.tar"];
    prints(at, "bundle split", &split, 0).await;
    prints(at, "bundle join", &["bundle", "join", "parts", "--output", "joined.tar"], 0).await;
    // Into a registry: planned, sent, there already, and refused.
    let site = FakeRegistry::start().await;
    let push = ["bundle", "push", "platform.tar", "--registry", &site.host];
    prints(at, "bundle push --plan", &[&push[..], &["--plan"]].concat(), 0).await;
    prints(at, "bundle push", &[&push[..], &["--receipt", "receipt.json"]].concat(), 0).await;
    let receipt = serde_json::from_str(&std::fs::read_to_string(at.join("receipt.json")).unwrap()).unwrap();
    has_only(&receipt, &keys(&read(PAGE), "receipt"), "the receipt");
    prints(at, "bundle push", &push, 0).await;
    let closed = FakeRegistry::start().await;
    closed.with(|state| state.faults.refuses = Some(Refuses::Harbor));
    let to = format!("{}/p", closed.host);
    prints(at, "bundle push", &["bundle", "push", "platform.tar", "--registry", &to], 11).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bundle_that_is_served_prints_what_the_page_lists() {
    let hub = crate::offline::hub().await;
    let folder = crate::offline::made(&hub).await;
    let mut serve = command(folder.path(), &["bundle", "serve", "platform.tar", "--listen", "127.0.0.1:0"]);
    let mut child = serve.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut out = lines.next_line().await.unwrap().unwrap();
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    while let Some(line) = lines.next_line().await.unwrap() {
        out = format!("{out}\n{line}");
    }
    assert_eq!(child.wait().await.unwrap().code(), Some(6), "{out}");
    listed("bundle serve", &out);
}
