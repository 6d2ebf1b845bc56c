//! Holds the code to its own map: who may import whom, how long a file gets, and what only one module may name.
//! A forbidden import, or a circle of files, is a failing test and not a matter of taste in review.

#[path = "imports/graph.rs"]
mod graph;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use crate::source::{Kind, Source, Token, imports, sources};
use graph::{circle, file_imports};

/// Module of `src/`, and what it may import: a module of `src/` as a whole, or one name of it. `*` is every module.
/// `docs/architecture.md` shows the same table, which a test below compares.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("main", &["cli", "app", "model"]),
    ("cli", &["app", "model"]),
    ("app", &["*"]),
    ("render", &["event", "plan", "answers", "catalog", "model"]),
    (
        "engine",
        &[
            "plan",
            "event",
            "driver",
            "model",
            "answers::render_results",
            "answers::Derived",
            "answers::SecretVersions",
            "catalog::action",
            "lock::compare_running",
            "lock::ImageMap",
            "lock::RunningContainer",
            "lock::Verdict",
        ],
    ),
    ("observe", &["catalog", "answers", "driver", "model"]),
    ("preflight", &["catalog", "answers", "plan", "driver", "model"]),
    ("lock", &["catalog", "answers", "model", "driver::image_source"]),
    ("event", &["plan", "model"]),
    ("plan", &["catalog", "answers", "model"]),
    ("answers", &["catalog", "model"]),
    ("catalog", &["model"]),
    ("driver", &["model"]),
    ("model", &[]),
];

/// Crates that only some modules may name, and why.
const CRATES: &[(&str, &[&str], &str)] = &[
    ("serde_yaml", &["model/yaml/"], "it is no longer maintained: one module keeps it replaceable"),
    ("anyhow", &["app", "main.rs"], "every other module has errors of its own, typed by thiserror"),
    ("kube", &["driver/"], "only drivers touch the world"),
    ("reqwest", &["driver/"], "only drivers touch the world"),
    ("clap", &["cli", "app", "main.rs"], "what was parsed travels on as plain types"),
    ("ratatui", &["render/tui/"], "only screens are drawn"),
    ("crossterm", &["render/tui/", "app/guided/"], "keys become inputs in one place, and commands in another"),
    ("minijinja", &["answers/", "catalog/"], "templates are filled in before there is a plan; results by `answers`"),
];

/// Past this a file wants a split along a seam that a reader would guess.
const MOST_LINES: usize = 600;

/// Strings that equal a component's id and mean something else: file, string, what it means there.
const OTHER_MEANING: &[(&str, &str, &str)] =
    &[("answers/scope.rs", "hdfs", "the superuser's name where a component exports none, Hadoop's own default")];

/// Files whose strings may name components, since nothing is decided by them: the examples in `--help`.
const MAY_NAME_COMPONENTS: &[&str] = &["cli.rs"];

#[test]
fn modules_import_only_what_they_may() {
    let problems: Vec<String> = sources().iter().flat_map(import_problems).collect();
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

#[test]
fn crates_are_named_only_where_they_may_be() {
    let problems: Vec<String> = sources().iter().flat_map(crate_problems).collect();
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

/// A circle of files can only be understood as a whole, and none of it can be used without all of it.
#[test]
fn files_import_in_no_circle() {
    let circle = circle(&file_imports(sources()));
    assert!(circle.is_empty(), "files import each other in a circle: {}", circle.join(" -> "));
}

/// What decides when a step runs knows no step: it can be tested without a cluster, and no kind of step changes it.
#[test]
fn the_scheduler_reaches_no_work() {
    let edges = file_imports(sources());
    let (mut seen, mut open) = (BTreeSet::new(), vec!["engine/run.rs".to_owned()]);
    while let Some(file) = open.pop() {
        open.extend(edges[&file].iter().filter(|file| seen.insert((*file).clone())).cloned());
    }
    let work: Vec<&String> = seen.iter().filter(|file| file.starts_with("engine/work/")).collect();
    assert!(work.is_empty() && seen.contains("engine/perform.rs"), "engine/run.rs reaches {work:?}");
}

#[test]
fn no_file_is_too_long() {
    let long: Vec<String> = sources()
        .iter()
        .map(|source| (source, source.text.lines().count()))
        .filter(|(_, lines)| *lines > MOST_LINES)
        .map(|(source, lines)| format!("src/{} has {lines} lines, more than {MOST_LINES}: split it", source.path))
        .collect();
    assert!(long.is_empty(), "\n{}\n", long.join("\n"));
}

/// Where the terminal is written to, and why: all else goes through these, where it is cleaned.
const MAY_WRITE: &[(&str, &str)] = &[
    ("app/output.rs", "every text passes `render::fit` there"),
    ("render/tui/terminal.rs", "what ratatui draws, and diagnostics, which pass `render::fit`"),
];

/// Cargo builds the test programs that Cargo.toml names, and nothing says so when a file is in none of them.
#[test]
fn every_file_of_tests_is_in_a_test_program() {
    let read = |path| fs::read_to_string(root().join(path)).unwrap();
    let (all, manifest) = (read("tests/all.rs"), read("Cargo.toml"));
    let files = fs::read_dir(root().join("tests")).unwrap().map(|entry| entry.unwrap().path());
    let names = files.filter(|path| path.extension().is_some_and(|end| end == "rs"));
    let names: BTreeSet<String> = names.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    let left: Vec<&String> = names
        .iter()
        .filter(|name| {
            !all.lines().any(|line| line == format!("mod {name};"))
                && !manifest.contains(&format!("\"tests/{name}.rs\""))
        })
        .collect();
    assert!(
        left.is_empty() && names.contains("imports"),
        "in no test program: {left:?}; next: name them in tests/all.rs"
    );
}

/// What comes from outside must not drive the terminal, so only those write to it that clean.
#[test]
fn only_what_cleans_writes_to_the_terminal() {
    let problems: Vec<String> = sources().iter().flat_map(terminal_problems).collect();
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
    for (path, _) in MAY_WRITE {
        let source = sources().iter().find(|source| source.path == *path).unwrap();
        assert!(source.text.contains("fit("), "src/{path} writes and does not clean");
    }
}

fn terminal_problems(source: &Source) -> Vec<String> {
    if MAY_WRITE.iter().any(|(path, _)| *path == source.path) {
        return Vec::new();
    }
    let tokens = &source.code;
    let mut found = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        let next = |at: usize, sign: char| tokens.get(index + at).is_some_and(|token| token.is(sign));
        let method = index > 0 && (tokens[index - 1].is('.') || tokens[index - 1].word() == Some("fn"));
        let what = match &token.kind {
            Kind::Word(word) if matches!(word.as_str(), "stdout" | "stderr") => {
                // Asking whether it is a terminal writes nothing.
                let asks = tokens.get(index + 4).and_then(Token::word) == Some("is_terminal");
                (next(1, '(') && !method && !asks).then_some(word)
            }
            Kind::Word(word) => {
                let macros = ["print", "println", "eprint", "eprintln", "dbg", "execute", "queue"];
                (next(1, '!') && macros.contains(&word.as_str())).then_some(word)
            }
            Kind::Text(text) => {
                let devices = ["/dev/tty", "/dev/stdout", "/dev/stderr", "/proc/self/fd/1", "/proc/self/fd/2"];
                devices.iter().any(|device| text.starts_with(device)).then_some(text)
            }
            Kind::Sign(_) => None,
        };
        found.extend(what.map(|what| {
            format!(
                "src/{}:{}: `{what}` writes to the terminal past app::output, which cleans",
                source.path, token.line
            )
        }));
    }
    found
}

/// Adding a component must touch only data, so no code may know one by name.
#[test]
fn no_code_knows_a_component_by_name() {
    let ids = component_ids();
    assert!(!ids.is_empty(), "no component was found under bundles/");
    let problems: Vec<String> = sources().iter().flat_map(|source| id_problems(source, &ids)).collect();
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

#[test]
fn the_map_in_the_docs_is_this_one() {
    let doc = fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    for (module, may) in MAY_IMPORT {
        let list = match *may {
            [] => "nothing".to_owned(),
            ["*"] => "everything".to_owned(),
            some => some.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
        };
        let row = format!("| `{module}` | {list} |");
        assert!(doc.contains(&row), "docs/architecture.md lacks the row {row}");
    }
    let section = doc.split("### Who may import whom").nth(1).unwrap().split("\n#").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `")).count();
    assert_eq!(rows, MAY_IMPORT.len(), "docs/architecture.md has rows for modules that are not in tests/imports.rs");
}

fn import_problems(source: &Source) -> Vec<String> {
    let module = source.module();
    if module == "lib" {
        return Vec::new();
    }
    let Some((_, may)) = MAY_IMPORT.iter().find(|(name, _)| *name == module) else {
        return vec![format!("src/{}: the module `{module}` is not in MAY_IMPORT of tests/imports.rs", source.path)];
    };
    imports(source)
        .into_iter()
        .filter(|(_, path)| path[0] != module && MAY_IMPORT.iter().any(|(name, _)| *name == path[0]))
        .filter(|(_, path)| {
            let name = path.iter().take(2).map(String::as_str).collect::<Vec<_>>().join("::");
            !may.iter().any(|one| *one == "*" || *one == path[0] || *one == name)
        })
        .map(|(line, path)| {
            let list = if may.is_empty() { "nothing".to_owned() } else { may.join(", ") };
            format!("src/{}:{line}: `{module}` may not import crate::{} (it may: {list})", source.path, path.join("::"))
        })
        .collect()
}

fn crate_problems(source: &Source) -> Vec<String> {
    let tokens = &source.tokens;
    let mut found = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        let Kind::Word(word) = &token.kind else { continue };
        let Some((name, places, why)) = CRATES.iter().find(|(name, _, _)| name == word) else { continue };
        // `crate::driver::kube` is a module of ours: only the head of a path names a crate.
        let head = !(index >= 2 && tokens[index - 1].is(':') && tokens[index - 2].is(':'));
        let path = tokens.get(index + 1).is_some_and(|next| next.is(':'))
            && tokens.get(index + 2).is_some_and(|next| next.is(':'));
        if head && path && !places.iter().any(|place| source.path.starts_with(place)) {
            let line = token.line;
            found.push(format!(
                "src/{}:{line}: `{name}` may only be named in {}: {why}",
                source.path,
                places.join(", ")
            ));
        }
    }
    found
}

fn id_problems(source: &Source, ids: &[String]) -> Vec<String> {
    if source.is_test() || MAY_NAME_COMPONENTS.contains(&source.path.as_str()) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for token in &source.code {
        let Kind::Text(text) = &token.kind else { continue };
        // An id alone, or at the head of a plan's or an answer's name. Kinds of action such as `hdfs.mkdir` begin like
        // an answer's name, so that only ids with a dash, which no action has, are looked for there.
        let names = |id: &str| {
            text == id
                || text.strip_prefix(id).is_some_and(|rest| rest.starts_with('/') && !rest.starts_with("//"))
                || (id.contains('-') && text.contains(id))
        };
        let known = |id: &str| OTHER_MEANING.iter().any(|(path, text, _)| *path == source.path && *text == id);
        if let Some(id) = ids.iter().find(|id| names(id) && !known(id)) {
            found.push(format!(
                "src/{}:{}: \"{text}\" names the component {id}: that is for data under bundles/",
                source.path, token.line
            ));
        }
    }
    found
}

/// Where the images are listed that windlass runs by itself: each of them has to be in images.lock.
const OWN_IMAGES: &str = "lock/own.rs";

/// What an image's name begins with that somebody publishes.
const PUBLIC: [&str; 4] = ["docker.io/", "quay.io/", "registry.k8s.io/", "ghcr.io/"];

/// An image that the code starts and that is in no lock is not in an offline bundle either.
#[test]
fn no_code_names_an_image() {
    let mut found = Vec::new();
    for source in sources() {
        if source.is_test() || source.path == OWN_IMAGES {
            continue;
        }
        for token in &source.code {
            let Kind::Text(text) = &token.kind else { continue };
            if PUBLIC.iter().any(|begin| text.starts_with(begin)) {
                found.push(format!("src/{}:{}: \"{text}\" belongs into src/{OWN_IMAGES}", source.path, token.line));
            }
        }
    }
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn component_ids() -> Vec<String> {
    fs::read_dir(root().join("bundles"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("component.yaml").is_file())
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect()
}

// --- what finds them ---

fn source(path: &str, text: &str) -> Source {
    Source::new(path.to_owned(), text.to_owned())
}

#[test]
fn finds_forbidden_imports_however_they_are_written() {
    let cases: BTreeMap<&str, &str> = [
        ("use crate::engine;", "engine"),
        ("use crate::engine::{self as e};", "engine"),
        ("use crate::engine::{\n    run::{RunInfo},\n};", "engine::run::RunInfo"),
        ("use crate::{model::Secret, engine::run as go};", "engine::run"),
        ("pub(crate) use crate::{\n    model::{a, b},\n    driver::helm,\n};", "driver::helm"),
        ("fn f() { crate::driver::kube::connect() }", "driver::kube::connect"),
        ("use super::super::engine::run;", "engine::run"),
        ("mod inner { use super::super::super::engine::run; }", "engine::run"),
        ("use crate::engine::*;", "engine::*"),
        ("struct A<'a> { b: &'a crate::driver::X }", "driver::X"),
    ]
    .into();
    for (text, path) in cases {
        let problems = import_problems(&source("render/line.rs", text));
        assert_eq!(problems.len(), 1, "{text}: {problems:?}");
        assert!(problems[0].contains(&format!("crate::{path} ")), "{text}: {problems:?}");
    }
}

#[test]
fn leaves_allowed_imports_alone() {
    let text = r##"
        // use crate::engine::run;
        /* use crate::engine; /* nested */ use crate::driver; */
        use crate::event::{Event, Outcome};
        use super::super::plan::Plan;
        use super::engine_table;
        mod tests { use super::*; use super::super::line; }
        const A: &str = "use crate::engine;";
        const B: &str = r#"use crate::driver::helm; ""#;
        const C: char = '"'; const D: char = '\''; // "
        macro_rules! m { () => { $crate::thing() } }
        fn f() { crate::render::line(); }
    "##;
    assert_eq!(import_problems(&source("render/line.rs", text)), Vec::<String>::new());
}

#[test]
fn names_file_line_and_what_is_allowed() {
    let problems = import_problems(&source("driver/helm/find.rs", "use std::fs;\n\nuse crate::catalog::Catalog;\n"));
    let want = "src/driver/helm/find.rs:3: `driver` may not import crate::catalog::Catalog (it may: model)";
    assert_eq!(problems, [want]);
    let problems = import_problems(&source("engine/run.rs", "use crate::answers::{Answers, render_results};"));
    assert_eq!(problems.len(), 1);
    assert!(problems[0].contains("crate::answers::Answers"), "{problems:?}");
    let problems = import_problems(&source("new/mod.rs", ""));
    assert_eq!(problems, ["src/new/mod.rs: the module `new` is not in MAY_IMPORT of tests/imports.rs"]);
    let problems = import_problems(&source("main.rs", "use windlass::engine::run;"));
    assert_eq!(problems.len(), 1, "{problems:?}");
}

#[test]
fn finds_crates_and_ids_in_the_wrong_place() {
    assert_eq!(crate_problems(&source("plan/build.rs", "use serde_yaml::Value;")).len(), 1);
    assert_eq!(crate_problems(&source("model/yaml/typed.rs", "use serde_yaml::Value;")).len(), 0);
    assert_eq!(crate_problems(&source("observe/mod.rs", "use crate::driver::kube::Client;")).len(), 0);
    assert_eq!(crate_problems(&source("observe/mod.rs", "fn f() { let x = kube::Client::new(); }")).len(), 1);

    let ids = ["hdfs".to_owned(), "spark-history-server".to_owned()];
    let items = |text: &str| id_problems(&source("plan/build.rs", text), &ids).len();
    let count = |text: &str| items(&format!("fn f() {{ {text}\n}}"));
    assert_eq!(count(r#"let a = "hdfs";"#), 1);
    assert_eq!(count(r#"let a = "hdfs/release";"#), 1);
    assert_eq!(count(r#"let a = "the spark-history-server";"#), 1);
    assert_eq!(count(r#"let a = "hdfs.mkdir"; let b = "hdfs://x"; let c = "an hdfs action"; // "hdfs""#), 0);
    assert_eq!(items(r#"#[cfg(test)] mod tests { const A: &str = "hdfs"; } const B: &str = "hdfs";"#), 1);
    assert_eq!(items(r#"#[cfg(test)] use x::y; const B: &str = "hdfs";"#), 1);
}

#[test]
fn finds_circles_however_they_are_closed() {
    let find = |files: &[(&str, &str)]| {
        let sources: Vec<Source> = files.iter().map(|(path, text)| source(path, text)).collect();
        circle(&file_imports(&sources))
    };
    for files in [
        [("app/a.rs", "use super::b::f;"), ("app/b.rs", "fn f() { super::a::g() }")],
        [("app/a.rs", "use crate::app::{b}; fn f() {}"), ("app/b.rs", "use crate::app::a::{self as x}; fn g() {}")],
        // By what the folder's own file gives on, and by what that says itself.
        [("app/b/mod.rs", "mod c; pub(super) use c::f;"), ("app/b/c.rs", "use super::look;")],
        [("app/b/mod.rs", "mod c;"), ("app/b/c.rs", "fn f() { super::look() }")],
    ] {
        assert_eq!(find(&files).len(), 3, "{files:?}");
    }
    let none = [
        ("app/a.rs", "use super::b::f; mod tests { use super::*; }"),
        ("app/b/mod.rs", "mod c; pub(super) use c::f;"),
        ("app/b/c.rs", "use crate::app::d::x; use crate::model::Secret;"),
        ("app/d.rs", "use crate::cli::Cli;"),
        ("cli.rs", "use crate::app::Exit;"),
    ];
    assert_eq!(find(&none), Vec::<String>::new());
}
