//! What is wrong with a component.yaml, and where.

use super::{Catalog, Files};

/// Components by id with the text that follows `id`, `title` and `version`; those with a chart have one beside them.
pub(super) fn catalog(components: &[(&str, &str)]) -> Result<Catalog, String> {
    let mut files: Files =
        [("platform.yaml".to_owned(), b"questions: [{id: x, title: t, type: string}]".to_vec())].into();
    for (id, rest) in components {
        let text = format!("id: {id}\ntitle: {id}\nversion: '1'\n{rest}\n");
        files.insert(format!("{id}/component.yaml"), text.into_bytes());
        if rest.contains("chart:") {
            files.insert(format!("{id}/chart/Chart.yaml"), b"name: x\nversion: 1.0.0\n".to_vec());
            files.insert(format!("{id}/v.j2"), b"a: 1\n".to_vec());
        }
    }
    Catalog::from_files(&files, &Default::default()).map_err(|findings| findings.to_string())
}

/// Lines 4 to 6 of a component.yaml.
const CHART: &str = "chart: {path: chart}\nvalues: v.j2\nrelease: {name: a, namespace: n}\n";

/// Each text below a chart, and each line that has to be told of it.
fn mistakes(table: &[(&str, &[&str])]) {
    for (text, expected) in table {
        let told = catalog(&[("a", &format!("{CHART}{text}"))]).map(drop).err().unwrap_or_default();
        let told: Vec<&str> = told.lines().map(str::trim).collect();
        assert_eq!(told.len(), expected.len(), "{text}\n{told:#?}");
        for (told, expected) in told.iter().zip(*expected) {
            assert!(told.starts_with(expected), "{text}\n{told}\n{expected}");
        }
    }
}

#[test]
fn what_is_ignored_has_a_kind_and_a_path_as_drift_tells_it() {
    let entry = |entry: &str| format!("ignore:\n  - {entry}");
    mistakes(&[
        (&entry("{kind: Deployment, path: spec.replicas}"), &[]),
        (&entry("{kind: Secret, name: \"{{ self.release }}-{{ answers.platform.x }}\", path: \"data[tls.crt]\"}"), &[]),
        (&entry("{kind: X, path: \"webhooks[name=a.b/c].clientConfig.caBundle\"}"), &[]),
        (
            &entry("{kind: X, path: \"a[\"}"),
            &["a/component.yaml:8:21: expected a path as drift is told, such as spec.replicas"],
        ),
        (&entry("{path: a}"), &["a/component.yaml:8:5: key `kind` is missing"]),
        (&entry("{kind: X}"), &["a/component.yaml:8:5: key `path` is missing"]),
        (&entry("{kind: X, path: a, nmae: b}"), &["a/component.yaml:8:24: unknown key `nmae`; did you mean `name`?"]),
        (
            &entry("{kind: X, path: a}\n  - {kind: X, name: \"{{ answers.platform.y }}\", path: a}"),
            &["a/component.yaml:9:5: unknown answer `platform.y`"],
        ),
        (
            &entry("{kind: X, name: \"{{ exports['a'].e }}\", path: a}\nexports: {e: x}"),
            &["a/component.yaml:8:5: the name of an object to ignore is a template over `answers` and `self`"],
        ),
        (
            &entry("{kind: \"{{ x }}\", path: a}"),
            &["a/component.yaml:8:3: `{{ x }}` is taken as it stands: `ignore` holds no templates"],
        ),
    ]);
    let told = catalog(&[("a", "ignore: [{kind: X, path: a}]")]).unwrap_err();
    assert!(told.contains("a/component.yaml:4:10: `ignore` is about the objects of a chart"), "{told}");
}

#[test]
fn what_is_required_is_there_and_known_once() {
    mistakes(&[
        ("requires: [{optional: true}]", &["a/component.yaml:7:12: key `id` is missing, or `export`"]),
        ("requires: [[a]]", &["a/component.yaml:7:12: expected a text or a mapping, found a list"]),
        ("requires: [{id: a, optional: maybe}]", &["a/component.yaml:7:30: expected true or false"]),
        ("requires: [{id: b, optional: true}]", &["a/component.yaml:7:12: unknown component `b`"]),
        ("requires: [{id: b@x, optional: true}]", &["a/component.yaml:7:12: unknown component `b@x`"]),
    ]);
    let two = |a: &str, b: &str| catalog(&[("a", a), ("b", b)]).map(drop).err().unwrap_or_default();
    assert_eq!(two("requires: [{id: b, optional: true}]", ""), "");
    let told = two("requires: [b, {id: b, optional: true}]", "");
    assert!(told.contains("a/component.yaml:4:15: `b` is there twice"), "{told}");
    let told = two("requires: [{id: b, optional: true}]", "requires: [a]");
    assert!(told.contains("components wait for each other: a -> b -> a"), "{told}");
    let told =
        two("requires: [{id: b@x, optional: true}]\nexports: {e: \"{{ exports['b@x'].nono }}\"}", "exports: {none: x}");
    assert!(told.contains("component `b@x` does not export `nono`; did you mean `none`?"), "{told}");
    assert_eq!(two("requires: [b@x]\nexports: {e: \"{{ exports['b@x'].e }}\"}", "exports: {e: x}"), "");
}

#[test]
fn an_export_that_is_required_is_somebodys_and_all_of_them_have_what_is_used() {
    let told = |user: &str, one: &str, two: &str| {
        catalog(&[("one", one), ("two", two), ("user", user)]).map(drop).err().unwrap_or_default()
    };
    let uses = |text: &str| format!("requires: [{{export: fs}}]\nexports: {{x: \"{text}\"}}");
    let (one, two) = ("exports: {fs: a, more: b}", "exports: {fs: a}");
    assert_eq!(told(&uses("{{ exports.fs.fs }}"), one, two), "");
    let found = told(&uses("{{ exports.fs.more }}"), one, two);
    assert!(
        found.contains("user/component.yaml:5:14: component `fs` does not export `more` where that is `two`"),
        "{found}"
    );
    let found =
        told(&uses("{{ answers.fs.size }}"), "exports: {fs: a}\nquestions: [{id: size, title: t, type: port}]", two);
    assert!(found.contains("unknown answer `fs.size` where that is `two`"), "{found}");
    for (requires, what) in [
        ("[{export: fss}]", "user/component.yaml:4:12: no other component exports `fss`; did you mean `fs`?"),
        ("[{export: x}]\nexports: {x: y}", "no other component exports `x`"),
        ("[{export: fs, id: one}]", "either `id` says which component is meant, or `export` what it exports"),
        ("[{optional: true}]", "user/component.yaml:4:12: key `id` is missing, or `export`"),
        ("[{export: fs}, {export: fs, optional: true}]", "user/component.yaml:4:26: `fs` is there twice"),
        ("[{export: one}]", "`one` is a component, too"),
        ("[{export: \"{{ x }}\"}]", "`requires` holds no templates"),
    ] {
        let found = told(&format!("requires: {requires}"), one, two);
        assert!(found.contains(what), "{requires}\n{found}");
    }
    // Whichever it is, nobody may wait for himself.
    let found = told(&uses("x"), one, "exports: {fs: a}\nrequires: [user]");
    assert!(found.contains("components wait for each other: two -> user -> two"), "{found}");
}
