//! Commands that need no cluster, as a user types them.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

fn windlass(args: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_windlass"));
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cli");
    command.args(args).env("XDG_STATE_HOME", home).env("LC_ALL", "C.UTF-8");
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn an_answers_file_from_nothing_to_good() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("site.yaml");
    let path = file.to_str().unwrap();
    let (code, _, said) = windlass(&["answers", "init", path, "--profile", "small"]);
    assert_eq!(code, 0, "{said}");
    let (code, _, said) = windlass(&["answers", "init", path]);
    assert_eq!(code, 2, "one that is there is not written over: {said}");

    // Only what has no default is missing, and how to come by it is said.
    let (code, output, _) = windlass(&["answers", "check", path]);
    assert_eq!(code, 3);
    assert!(
        output.contains("livy.image") && output.contains("Containerfile") && !output.contains("mistakes"),
        "{output}"
    );

    // Every mistake at once, with its place.
    let text = std::fs::read_to_string(&file).unwrap();
    let wrong = text.replace("  replication: 1\n", "  replication: three\n  replicatoin: 1\n") + "nonsense: 5\n";
    std::fs::write(&file, wrong).unwrap();
    let (code, output, _) = windlass(&["answers", "check", path]);
    assert_eq!(code, 2);
    for said in [
        "expected a whole number, found a string",
        "did you mean `hdfs.replication`?",
        "expected answers below `nonsense`",
    ] {
        assert!(output.contains(said), "{said}:\n{output}");
    }
    assert!(output.lines().filter(|line| line.contains(&format!("{path}:"))).count() >= 3, "{output}");

    let good = text + "livy.image: registry.site/livy\nlivy.image_tag: 0.9.0\n";
    std::fs::write(&file, good).unwrap();
    let (code, output, said) = windlass(&["answers", "check", path]);
    assert_eq!((code, said.as_str()), (0, ""), "{output}");
    let (code, output, _) = windlass(&["answers", "check", path, "--json"]);
    let report: serde_json::Value = serde_json::from_str(&output).unwrap();
    assert_eq!((code, &report["mistakes"]), (0, &serde_json::json!([])));
}

#[test]
fn rules_between_answers_are_reported_where_they_are_broken() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("site.yaml");
    std::fs::write(&file, "components: [hdfs]\nhdfs:\n  replication: 3\n").unwrap();
    let (code, output, _) = windlass(&["answers", "check", file.to_str().unwrap()]);
    assert_eq!(code, 2);
    assert!(output.contains("site.yaml:3:3: `hdfs.replication`: there are fewer DataNodes"), "{output}");
    // Names that nothing has do not hide the rest.
    let text = "components: [hdfs, lvy]\nprofile: standart\nhdfs:\n  replication: 3\n";
    std::fs::write(&file, text).unwrap();
    let (code, output, _) = windlass(&["answers", "check", file.to_str().unwrap()]);
    assert_eq!(code, 2);
    for said in [
        "site.yaml:1:20: unknown component `lvy`; did you mean `livy`?",
        "site.yaml:2:10: unknown profile `standart`; did you mean `standard`?",
        "site.yaml:4:3: `hdfs.replication`: there are fewer DataNodes",
    ] {
        assert!(output.contains(said), "{output}");
    }
}

#[test]
fn init_writes_every_question_that_the_schema_knows() {
    let (code, schema, _) = windlass(&["answers", "schema"]);
    assert_eq!(code, 0);
    let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
    let (_, text, _) = windlass(&["answers", "init"]);
    let mut component = String::new();
    let mut written = BTreeSet::new();
    for line in text.lines() {
        if let Some(id) = line.strip_suffix(':').filter(|id| !id.starts_with([' ', '#'])) {
            id.clone_into(&mut component);
        }
        let answer = line.strip_prefix("  # ").and_then(|rest| rest.split_once(':')).map(|(key, _)| key);
        let is_key = |key: &&str| {
            !key.is_empty() && key.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        };
        if let Some(key) = answer.filter(is_key) {
            written.insert(format!("{component}.{key}"));
        }
    }
    // What is on request is written only where it is asked for.
    let here = |id: &&String| text.lines().any(|line| line.strip_suffix(':') == Some(id.as_str()));
    let components = schema["properties"].as_object().unwrap().iter().filter(|(id, _)| here(id));
    let known: BTreeSet<String> = components
        .flat_map(|(id, of)| {
            of["properties"].as_object().into_iter().flatten().map(move |(key, _)| format!("{id}.{key}"))
        })
        .collect();
    // Help may look like a question; what is asked is in both.
    let unwritten: Vec<&String> = known.difference(&written).collect();
    assert!(!known.is_empty() && unwritten.is_empty(), "{unwritten:?}");
    assert_eq!(schema["additionalProperties"], false);
}

#[test]
fn a_recorded_run_becomes_a_picture() {
    let folder = tempfile::tempdir().unwrap();
    let run = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/pictures/install.jsonl");
    let svg = folder.path().join("run.svg");
    let args = ["replay", run.to_str().unwrap(), "--at", "45", "--size", "100x30", "--picture", svg.to_str().unwrap()];
    let (code, _, said) = windlass(&args);
    assert_eq!(code, 0, "{said}");
    let picture = std::fs::read_to_string(&svg).unwrap();
    assert!(picture.starts_with("<svg ") && picture.contains("my-livy") && picture.ends_with("</svg>\n"), "{picture}");
    let (code, _, said) = windlass(&["replay", run.to_str().unwrap()]);
    assert_eq!(code, 3);
    assert!(said.contains("requires a terminal"), "{said}");
    let (code, _, said) = windlass(&["replay", "20200101T000000Z-000000", "--picture", svg.to_str().unwrap()]);
    assert_eq!(code, 2, "{said}");
}

#[test]
fn the_pictures_of_the_docs_are_those_of_these_screens() {
    let pictures = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/pictures");
    let folder = tempfile::tempdir().unwrap();
    let made =
        Command::new(pictures.join("make")).args([env!("CARGO_BIN_EXE_windlass").as_ref(), folder.path()]).output();
    let made = made.unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let guide = std::fs::read_to_string(pictures.join("../guide.md")).unwrap();
    let mut count = 0;
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let read = |folder: &Path| std::fs::read(folder.join(&name)).unwrap_or_default();
        assert!(read(&pictures) == read(folder.path()), "docs/pictures/{name} is old: run docs/pictures/make");
        assert!(guide.contains(&name), "docs/guide.md does not show {name}");
        count += 1;
    }
    assert_eq!(count, 8);
    // Every word for a step's state can be seen in one of them.
    let all: String = std::fs::read_dir(&pictures)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "svg"))
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    for word in ["waiting", "running", "retrying", "failed", "blocked", "skipped", "stopped", "done"] {
        assert!(all.contains(word), "no picture of a step that is {word}");
    }
}

/// A catalog of strangers must not drive the terminal: not by a title, a help text or what it is called.
#[test]
fn nothing_from_a_catalog_drives_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let (code, _, err) = windlass(&["catalog", "export", folder.path().join("c").to_str().unwrap()]);
    assert_eq!(code, 0, "{err}");
    let file = folder.path().join("c/livy/component.yaml");
    let evil = r#""\e]52;c;ZXZpbA==\aevil\e[2J\x9b31m\n\u2028evil: live\r""#;
    let text = std::fs::read_to_string(&file).unwrap().replace("title: Apache Livy", &format!("title: {evil}"));
    let text = text.replace("title: {en: Heap of the Livy server,", &format!("help: {evil}, title: {{en: {evil},"));
    std::fs::write(&file, text).unwrap();
    let catalog = folder.path().join("c");
    for args in
        [&["catalog", "list"][..], &["catalog", "show", "livy"], &["answers", "init"], &["catalog", "list", "--json"]]
    {
        let args = [args, &["--catalog", catalog.to_str().unwrap()]].concat();
        let (code, out, err) = windlass(&args);
        assert_eq!(code, 0, "{args:?}: {err}");
        let acts = |c: char| c.is_control() && c != '\n';
        assert!(!out.contains(acts) && out.contains("evil"), "{args:?}: {out:?}");
        assert!(!out.lines().any(|line| line.trim_start().starts_with("evil: live")), "{args:?}: {out}");
    }
    let (code, _, err) = windlass(&["answers", "check", "\u{1b}]0;evil\u{7}no-such-file"]);
    assert!(code != 0 && !err.contains('\u{1b}') && !err.contains('\u{7}'), "{err:?}");
    let (code, _, err) = windlass(&["plan", "\u{1b}]0;evil\u{7}"]);
    assert!(code != 0 && !err.contains('\u{1b}') && !err.contains('\u{7}'), "{err:?}");
}

#[test]
fn a_graph_is_of_two_kinds_and_never_json() {
    for (args, says) in [
        (&["plan", "--graph", "svg"][..], "[possible values: mermaid, dot]"),
        (&["plan", "--graph", "dot", "--json"], "cannot be used with"),
        (&["plan", "--graph", "mermaid", "--diff"], "cannot be used with"),
    ] {
        let (code, _, err) = windlass(args);
        assert!(code == 2 && err.contains(says), "{args:?}: {err}");
    }
}

#[test]
fn a_folder_of_runs_that_cannot_be_read_is_named() {
    for args in [&["runs"][..], &["runs", "last"], &["replay", "last"]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_windlass"));
        let output = command.args(args).env("XDG_STATE_HOME", "/dev/null").output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(
            !output.status.success() && said.contains("failed to read /dev/null/windlass/runs"),
            "{args:?}: {said}"
        );
    }
}

/// Whatever a component of the tests uses can be used: a check that refuses it is wrong.
#[test]
fn catalogs_that_run_in_the_sandbox_have_no_mistakes() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    for folder in ["components", "keepers", "public", "services"] {
        let (code, out, err) = windlass(&["catalog", "check", "--catalog", tests.join(folder).to_str().unwrap()]);
        assert_eq!(code, 0, "{folder}: {out}{err}");
    }
}

/// A component below a catalog's folder, with a chart that renders nothing.
fn component(catalog: &Path, id: &str, text: &str, values: &str) {
    let folder = catalog.join(id);
    std::fs::create_dir_all(folder.join("chart")).unwrap();
    let head = format!("id: {id}\ntitle: t\nversion: '1'\non_request: true\nchart: {{path: chart}}\nvalues: v.j2\n");
    let release = format!("release: {{name: {id}, namespace: {id}}}\n");
    std::fs::write(folder.join("component.yaml"), head + &release + text).unwrap();
    std::fs::write(folder.join("v.j2"), values).unwrap();
    std::fs::write(folder.join("chart/Chart.yaml"), format!("apiVersion: v2\nname: {id}\nversion: 1.0.0\n")).unwrap();
}

#[test]
fn catalog_check_tries_what_is_optional_and_each_that_exports_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = folder.path();
    let mistakes = || {
        let args = ["catalog", "check", "--json", "--catalog", catalog.to_str().unwrap(), "--helm", "/nowhere/helm"];
        let (_, output, err) = windlass(&args);
        let report: serde_json::Value = serde_json::from_str(&output).unwrap_or_else(|_| panic!("{output}{err}"));
        let all = report["mistakes"].as_array().unwrap().iter().filter_map(|one| one.as_str().map(str::to_owned));
        all.collect::<Vec<_>>()
    };
    component(catalog, "kaf", "exports: {brokers: \"kaf:9092\", more: x}\n", "a: 1\n");
    let optional = "requires: [{id: kaf, optional: true}]\n";
    component(catalog, "use", optional, "a: {{ exports.kaf.brokers | tojson }}\n");
    assert_eq!(mistakes(), Vec::<String>::new());
    // Only with it, and only without it.
    component(catalog, "use", optional, "a: 1\n{% if exports.kaf %}b: {{ exports.kaf.brokers + 1 }}{% endif %}\n");
    let found = mistakes();
    assert!(
        found.len() == 1 && found[0].starts_with("use/v.j2:2:1: ") && found[0].ends_with("(with kaf)"),
        "{found:?}"
    );
    component(catalog, "use", optional, "{% if not exports.kaf %}b: {{ 'a' + 1 }}{% endif %}\n");
    let found = mistakes();
    assert!(found.len() == 1 && found[0].ends_with("(without optional `requires`)"), "{found:?}");
    // Either of two.
    component(catalog, "kof", "exports: {brokers: \"\"}\n", "a: 1\n");
    component(catalog, "use", "requires: [{export: brokers}]\n", "b: {{ 1 // (exports.brokers.brokers | length) }}\n");
    let found = mistakes();
    assert!(found.len() == 1 && found[0].starts_with("use/v.j2:1:1: ") && found[0].contains("kof"), "{found:?}");
    component(catalog, "use", "requires: [{export: brokers}]\n", "b: {{ exports.brokers.brokers | tojson }}\n");
    assert_eq!(mistakes(), Vec::<String>::new());
    // Whoever requires it in turn, and those that go together only in some ways, are no mistakes.
    component(catalog, "top", "requires: [use]\n", "a: 1\n");
    component(
        catalog,
        "either",
        "requires: [{id: kaf, optional: true}, {export: brokers, optional: true}]\n",
        "a: 1\n",
    );
    component(catalog, "both", "requires: [on-kaf, {export: brokers}]\n", "a: 1\n");
    component(catalog, "on-kaf", "requires: [kaf]\n", "a: 1\n");
    component(catalog, "aa", "exports: {e1: x}\n", "a: 1\n");
    component(catalog, "bb", "exports: {e1: x, e2: x}\n", "a: 1\n");
    component(catalog, "cc", "exports: {e2: x}\n", "a: 1\n");
    component(catalog, "um", "requires: [{export: e1}, {export: e2}]\n", "a: 1\n");
    assert_eq!(mistakes(), Vec::<String>::new());
    // Each that could be there is tried, and what can never be chosen is reported once.
    let values = "b: {{ 1 // (exports.brokers.brokers | length) if exports.brokers else 0 }}\n";
    component(catalog, "use", "requires: [{export: brokers, optional: true}]\n", values);
    component(catalog, "on-kof", "requires: [kof]\n", "a: 1\n");
    component(catalog, "never", "requires: [on-kaf, on-kof, {export: brokers}]\n", "a: 1\n");
    let found = mistakes();
    assert!(
        found.len() == 2 && found[1].starts_with("use/v.j2:1:1: ") && found[1].ends_with("(with kof)"),
        "{found:?}"
    );
    assert!(found[0].starts_with("never/component.yaml:1:1: kaf and kof both export"), "{found:?}");
}

/// What docs/adding-a-component.md has its readers write.
#[test]
fn the_example_of_the_page_about_components_has_no_mistakes() {
    let folder = tempfile::tempdir().unwrap();
    crate::example::write(folder.path());
    let catalog = folder.path().to_str().unwrap();
    let (code, output, err) = windlass(&["catalog", "check", "--catalog", catalog, "--helm", "/nowhere/helm"]);
    assert!(code == 0 && output.starts_with("no mistakes; "), "{output}{err}");
    let (code, output, err) = windlass(&["catalog", "show", "cache", "--catalog", catalog]);
    assert!(code == 0 && output.contains("cache.password"), "{output}{err}");
}

#[test]
fn two_that_export_the_same_are_a_mistake_where_the_file_names_them() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = folder.path().join("catalog");
    for id in ["kaf", "kof"] {
        component(&catalog, id, "exports: {webhdfs: x, brokers: x}\n", "a: 1\n");
    }
    component(&catalog, "use", "requires: [{export: brokers}]\n", "a: 1\n");
    let catalog = catalog.to_str().unwrap();
    let file = folder.path().join("site.yaml");
    let path = file.to_str().unwrap();
    let mistakes = |components: &str| {
        std::fs::write(&file, format!("components: {components}\nkaf.release: [x]\n")).unwrap();
        let (code, output, err) = windlass(&["answers", "check", path, "--json", "--catalog", catalog]);
        assert_eq!(code, 2, "{output}{err}");
        let report: serde_json::Value = serde_json::from_str(&output).unwrap();
        serde_json::from_value::<Vec<String>>(report["mistakes"].clone()).unwrap()
    };
    for (components, place, what) in [
        ("[kaf, kof]", "1:19", "kaf and kof both export"),
        ("[use]", "1:14", "use needs a component that exports `brokers`: choose kaf or kof"),
    ] {
        let found = mistakes(components);
        assert!(found[0].starts_with(&format!("{path}:{place}: {what}")), "{found:?}");
        assert!(found.len() == 2 && found[1].starts_with(&format!("{path}:2:")), "the others, too: {found:?}");
    }
    let (_, output, _) = windlass(&["catalog", "list", "--json", "--catalog", catalog]);
    let listed = output.lines().find(|line| line.contains("\"id\":\"use\"")).unwrap();
    assert!(listed.contains("\"requires\":[{\"export\":\"brokers\"}]"), "{listed}");
}

#[test]
fn catalog_check_tells_where_a_secret_that_is_made_of_others_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = folder.path();
    let made = |filter: &str| {
        let text = format!(
            "questions: [{{id: password, title: t, type: secret, default: generate}}]\nsecrets:\n  - name: one\n    \
             keys: {{a: x}}\n  - name: a-b\n    keys: {{url: \"{{{{ secret.password | {filter} }}}}\"}}\n"
        );
        component(
            catalog,
            "sec",
            &text,
            "v: {{ self.secrets['a-b'].version | tojson }}\nw: {{ self.secrets.one.name | tojson }}\n",
        );
        let (code, _, said) =
            windlass(&["catalog", "check", "--catalog", catalog.to_str().unwrap(), "--helm", "/nowhere/helm"]);
        (code, said)
    };
    assert_eq!(made("urlencode"), (0, String::new()));
    assert_eq!(made("htpasswd('u')"), (0, String::new()));
    // What is known only later is, however it is spelt.
    assert_eq!(made("urlencode }}{{ self['secrets'].one.name"), (0, String::new()));
    assert_eq!(made("urlencode }}{% set s = self %}{{ s.secrets.one.name"), (0, String::new()));
    let (code, said) = made("urlencoed");
    assert!(code == 2 && said.contains("sec/component.yaml:12:5: "), "{said}");
}
