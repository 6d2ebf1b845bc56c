//! Files of values, read by us and by Helm: `helm template -f FILE` must render what it renders of our reading, and refuse
//! what we refuse. Needs Helm: `WINDLASS_HELM`, else PATH; `tests/run` runs it with the sandbox's.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use windlass::model::yaml::helm_values;

/// Where we differ, and why.
const DIFFERENT: &[(&str, &str)] = &[
    ("600 deep", "we stop at 128 levels, Go at 10,000: a stack has an end"),
    ("binary that is no text", "Go replaces what is not UTF-8 by U+FFFD; we say that it is no text"),
    ("dashes and dots", "an end of a document before its begin: libyaml refuses it, Go's took it in"),
    ("large hexadecimals", "beyond 64 bits Go makes a text of it, and we a fraction, as of decimals"),
    ("a key that is infinite", "Go makes the text `.inf` of it; we refuse it as we do the value"),
    ("a tag of a text that is nothing", "Go makes an empty text of it, and we nothing"),
    ("tags of booleans", "with a tag only true and false are booleans to us"),
    ("tags of nothing", "with a tag only ~ and null are nothing to us"),
    ("a timestamp that is none", "we make a text of it, as of those that are"),
    ("a key in two spellings", "Go takes one of the two by chance, a different one each time; we refuse it"),
    ("a word in two spellings", "by chance, as above"),
    ("two spellings by a merge", "by chance, as above"),
    ("an escaped slash", "JSON's `\\/`: Go refuses it"),
];

/// Name and text of each file.
fn corpus() -> Vec<(String, String)> {
    let written: &[(&str, &str)] = &[
        // --- nothing
        ("empty", ""),
        ("a comment", "# nothing yet\n"),
        ("a comment without its end", "# nothing yet"),
        ("blank lines", "\n\n  \n"),
        ("only dashes", "---\n"),
        ("dashes and dots", "---\n...\n"),
        ("null", "null\n"),
        ("tilde", "~\n"),
        ("empty mapping", "{}\n"),
        ("mark of byte order alone", "\u{feff}"),
        // --- no mapping
        ("a list", "- a\n- b\n"),
        ("an empty list", "[]\n"),
        ("a text", "just a text\n"),
        ("a number", "12\n"),
        ("a boolean", "yes\n"),
        ("a mapping, then a list", "a: 1\n---\n- b\n"),
        // --- words
        ("words for true", "a: yes\nb: Yes\nc: YES\nd: on\ne: On\nf: ON\ng: y\nh: Y\ni: true\nj: True\nk: TRUE\n"),
        ("words for false", "a: no\nb: No\nc: NO\nd: off\ne: Off\nf: OFF\ng: n\nh: N\ni: false\nj: False\nk: FALSE\n"),
        ("no words", "a: yEs\nb: oN\nc: tRUE\nd: nO\ne: yes!\n"),
        ("words for nothing", "a: ~\nb: null\nc: Null\nd: NULL\ne:\nf: nULL\n"),
        ("quoted words", "a: 'yes'\nb: \"no\"\nc: 'null'\nd: \"~\"\ne: ''\n"),
        ("words in lists", "a: [yes, no, on, off, ~, y, n]\n"),
        // --- numbers
        ("octals", "a: 0644\nb: 0o644\nc: -0644\nd: 08\ne: 09.5\nf: 0O17\ng: 00\nh: 0\n"),
        ("hexadecimals", "a: 0x1F\nb: 0X1f\nc: -0x10\nd: 0xZZ\ne: 0x\n"),
        ("binaries", "a: 0b101\nb: -0b101\nc: 0B11\nd: 0b2\ne: 0b\n"),
        ("underlines", "a: 1_000\nb: 1__0\nc: _1\nd: 1_\ne: 0x_1F\nf: 1_0.5\ng: 0_7\nh: .5_0\n"),
        ("signs", "a: +5\nb: -5\nc: +\nd: '-'\ne: +-5\nf: --5\ng: +0x10\nh: -0\n"),
        ("fractions", "a: 1.5\nb: .5\nc: 5.\nd: -.5\ne: +.5\nf: 1.2.3\ng: 1.0\nh: 100.000\ni: .\nj: ..\n"),
        ("exponents", "a: 1e3\nb: 1E-3\nc: 1.5e+3\nd: 1e\ne: e3\nf: 12e03\ng: 1e400\nh: 1e21\ni: 1e-7\n"),
        ("large", "a: 9223372036854775807\nb: 9223372036854775808\nc: 18446744073709551615\nd: 18446744073709551616\n"),
        ("small", "a: -9223372036854775808\nb: -9223372036854775809\nc: 9007199254740993\n"),
        ("large hexadecimals", "a: 0x7FFFFFFFFFFFFFFF\nb: 0xFFFFFFFFFFFFFFFF\nc: 0x1FFFFFFFFFFFFFFFF\n"),
        ("infinity", "a: .inf\n"),
        ("minus infinity", "a: -.Inf\n"),
        ("not a number", "a: .nan\n"),
        ("quoted infinity", "a: '.inf'\n"),
        ("times", "a: 12:30\nb: 12:30:45\nc: 190:20:30.15\n"),
        ("dates", "a: 2001-01-01\nb: 2001-12-14t21:59:43.10-05:00\nc: 2001-12-14 21:59:43.10 -5\nd: 2001-1-1\n"),
        ("quantities", "a: 512Mi\nb: 500m\nc: 1Gi\nd: 1e3Mi\n"),
        ("addresses", "a: 10.0.0.1\nb: ::1\nc: 1:2\nd: 10.0.0.0/8\n"),
        // --- keys
        ("keys that are words", "yes: 1\nno: 2\non: 3\ny: 4\n"),
        ("a key that is nothing", "~: 1\n"),
        ("an empty key", "'': 1\n"),
        ("an omitted key", ": 1\n"),
        ("keys that are numbers", "1: a\n010: b\n0x10: c\n-5: d\n1_0: e\n"),
        ("keys that are fractions", "1.5: a\n1.0: b\n1e10: c\n.5: d\n1e-7: e\n123456789.5: f\n16777217.5: g\n"),
        ("keys that are large", "9223372036854775807: a\n"),
        ("a key that is too large", "18446744073709551615: a\n"),
        ("keys that are dates", "2001-01-01: a\n"),
        ("a key that is infinite", ".inf: a\n"),
        ("quoted keys", "'yes': 1\n\"010\": 2\n"),
        ("a key that is a list", "[a, b]: 1\n"),
        ("a key that is a mapping", "{a: b}: 1\n"),
        ("a complex key", "? a\n: 1\n"),
        ("a complex key of two lines", "? |\n  a\n: 1\n"),
        ("keys with blanks", "a b: 1\n'c d': 2\n"),
        ("twice the same key", "a: 1\na: 2\n"),
        ("twice the same mapping", "a: {x: 1}\na: {y: 2}\n"),
        ("a key in two spellings", "10: a\n'10': b\n"),
        ("a word in two spellings", "a: {yes: 1, 'true': 2}\n"),
        ("two spellings by a merge", "<<: {10: a}\n'10': b\n"),
        ("one number in two bases", "10: a\n0xA: b\n"),
        ("two spellings in two documents", "10: a\n---\n'10': b\n"),
        ("a dotted key", "a.b: 1\na: {b: 2}\n"),
        ("no blank behind the colon", "a:1\n"),
        ("no blank in braces", "a: {b:1}\n"),
        ("quoted, no blank in braces", "a: {\"b\":1}\n"),
        ("an address in brackets", "a: [http://x:80/y]\n"),
        // --- documents
        ("two documents", "a: 1\nb: {c: 1}\n---\nb: {d: 2}\n"),
        ("three, one of them empty", "a: 1\n---\n# nothing\n---\nb: 2\n"),
        ("a document that begins with dashes", "---\na: 1\n"),
        ("dashes with a comment", "a: 1\n--- # two\nb: 2\n"),
        ("dashes with blanks", "a: 1\n---   \nb: 2\n"),
        ("dashes with content", "a: 1\n--- {b: 2}\n"),
        ("dots between", "a: 1\n...\nb: 2\n"),
        ("dots and dashes between", "a: 1\n...\n---\nb: 2\n"),
        ("a directive", "%YAML 1.1\n---\na: 1\n"),
        ("four dashes", "a: 1\n----\nb: 2\n"),
        ("indented dashes", "a: |\n  ---\n  x\n"),
        ("dashes in a block", "a: |\n  x\n---\nb: 1\n"),
        ("null takes a default away", "default: null\n"),
        ("null takes a part away", "default: {kept: null}\n"),
        ("null, then a value", "default: null\n---\ndefault: {x: 1}\n"),
        ("a list replaces", "list: [3]\n"),
        ("a text for a mapping", "default: text\n"),
        ("a mapping for a list", "list: {a: 1}\n"),
        // --- anchors and merges
        ("anchors", "a: &x {p: 1}\nb: *x\nc: [*x, *x]\n"),
        ("an anchor of a text", "a: &x text\nb: *x\n"),
        ("an anchor that is set again", "a: &x 1\nb: *x\nc: &x 2\nd: *x\n"),
        ("an anchor that nobody set", "a: *x\n"),
        ("an anchor of another document", "a: &x 1\n---\nb: *x\n"),
        ("an anchor in itself", "a: &x [*x]\n"),
        ("an alias as a key", "a: &x k\n*x : 1\n"),
        ("a merge", "a: &x {p: 1, q: 2}\nb:\n  <<: *x\n  q: 3\n"),
        ("a merge behind", "a: &x {p: 1, q: 2}\nb:\n  q: 3\n  <<: *x\n"),
        ("a merge of several", "a: &x {p: 1}\nb: &y {p: 2, q: 3}\nc: {<<: [*x, *y], r: 4}\n"),
        ("a merge of a mapping", "a: {<<: {p: 1}, q: 2}\n"),
        ("a merge of a text", "a: {<<: text}\n"),
        ("a merge of nothing", "a: {<<: ~}\n"),
        ("a merge of a list of texts", "a: {<<: [x]}\n"),
        ("a merge of an empty list", "a: {<<: []}\n"),
        ("two merges", "a: &x {p: 1}\nb: &y {p: 2}\nc:\n  <<: *x\n  <<: *y\n"),
        ("a merge in a merge", "a: &x {p: 1}\nb: &y {<<: *x, q: 2}\nc: {<<: *y}\n"),
        ("a quoted merge", "a: {'<<': {p: 1}}\n"),
        ("a merge at the root", "<<: {a: 1}\nb: 2\n"),
        // --- tags
        ("tags of texts", "a: !!str 12\nb: !!str yes\nd: !!str ~\n"),
        ("a tag of a text that is nothing", "c: !!str\n"),
        ("tags of numbers", "a: !!int 12\nb: !!int \"12\"\nc: !!float 3\nd: !!float '1.5'\n"),
        ("a tag that does not fit", "a: !!int text\n"),
        ("a boolean that is none", "a: !!bool text\n"),
        ("tags of booleans", "a: !!bool yes\nb: !!bool 'off'\n"),
        ("tags of nothing", "a: !!null ''\nb: !!null ~\n"),
        ("a null that is none", "a: !!null x\n"),
        ("tags of one's own", "a: !foo 12\nb: !foo {x: 1}\nc: !foo [1]\nd: !<tag:x,2000:y> yes\n"),
        ("a tag without a name", "a: ! 12\nb: ! \"12\"\n"),
        ("binary", "a: !!binary aGk=\n"),
        ("binary that is none", "a: !!binary '%%'\n"),
        ("binary that is no text", "a: !!binary /w==\n"),
        ("a set", "a: !!set {x, y}\n"),
        ("a timestamp", "a: !!timestamp 2001-01-01\n"),
        ("a timestamp that is none", "a: !!timestamp text\n"),
        // --- form
        ("mark of byte order", "\u{feff}a: 1\n"),
        ("mark of byte order and dashes", "\u{feff}---\na: 1\n"),
        ("lines of another system", "a: 1\r\nb:\r\n  - x\r\n  - y\r\nc: |\r\n  p\r\n  q\r\n"),
        ("lone returns", "a: 1\rb: 2\r"),
        ("no end of the last line", "a: 1"),
        ("a tab as indent", "a:\n\tb: 1\n"),
        ("a tab behind the colon", "a:\t1\n"),
        ("a tab behind a value", "a: 1\t\nb: 2\n"),
        ("a tab before a comment", "a: 1\t# x\n"),
        ("a tab on a blank line", "a: 1\n\t\nb: 2\n"),
        ("a tab in a text", "a: x\ty\n"),
        ("comments", "a: 1 # one\nb: x#y\nc: 'x # y'\nd: # nothing\n"),
        ("a list at the key's indent", "a:\n- 1\n- 2\nb: 3\n"),
        ("brackets at the key's indent", "a: [\n1,\n2\n]\n"),
        ("a brace at the key's indent", "a: {\n  b: 1\n}\n"),
        ("a trailing comma", "a: [1, 2, ]\nb: {x: 1, }\n"),
        ("two commas", "a: [1,, 2]\n"),
        ("pairs in a list", "a: [x: 1, y: 2]\n"),
        ("keys without values", "a: {x, y: 1}\n"),
        ("quoted over lines", "a: \"one\n  two\"\nb: 'three\n\n  four'\n"),
        ("quoted at the key's indent", "a: \"one\ntwo\"\n"),
        ("plain over lines", "a: one\n  two\n  three\n"),
        ("plain at the key's indent", "a: one\ntwo\n"),
        ("escapes", "a: \"\\t\\n\\x41\\u00e9\\U0001F600\\\\\\\"\\e\\0\\N\\_\"\n"),
        ("an escaped slash", "a: \"\\/\"\n"),
        ("an escape that is none", "a: \"\\q\"\n"),
        ("half a pair", "a: \"\\ud800\"\n"),
        ("single quotes", "a: 'it''s'\n"),
        ("blocks", "a: |\n  x\n  y\nb: >\n  x\n  y\nc: |-\n  x\nd: |+\n  x\n\ne: >-\n  x\n\n  y\n"),
        ("blocks with an indent", "a: |2\n    x\n   y\n"),
        ("a block of nothing", "a: |\nb: >\n"),
        ("a block with yes", "a: |-\n  yes\nb: >-\n  12\n"),
        ("a folded block with more", "a: >\n  x\n    y\n  z\n"),
        ("unclosed brackets", "a: [1, 2\n"),
        ("unclosed quotes", "a: \"x\n"),
        ("a wrong indent", "a:\n    b: 1\n  c: 2\n"),
        ("a value and a mapping", "a: 1\n  b: 2\n"),
        ("two values", "a: b: c\n"),
        ("an at sign", "a: @x\n"),
        ("a backtick", "a: `x`\n"),
        ("a percent sign", "a: %x\n"),
        ("braces of a template", "a: {{ .x }}\n"),
        ("quoted braces of a template", "a: '{{ .x }}'\n"),
        ("an asterisk", "a: *\n"),
        ("an ampersand", "a: &\n"),
        ("a question mark", "a: ?x\nb: ?\n"),
        ("a control character", "a: \u{1}\n"),
        ("a delete character", "a: \u{7f}\n"),
        ("other alphabets", "имя: значение\n名: 値\nemoji: 😀\n"),
        ("other line breaks", "a: x\u{85}b: y\nc: p\u{2028}q\n"),
        ("a blank that does not break", "a:\u{a0}1\nb: \u{a0}x\n"),
        ("JSON", "{\"a\": {\"b\": [1, 2.5, true, null, \"x\\u0041\"]}}\n"),
        ("JSON over lines", "{\n\t\"a\": 1,\n\t\"b\": [\n\t\t1\n\t]\n}\n"),
        (
            "a template of ours",
            "image: {repository: \"r/x\", tag: \"0012345\"}\nreplicas: 3\nnodeSelector: {\"a/b\": \"true\"}\n",
        ),
    ];
    let mut files: Vec<(String, String)> =
        written.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    files.push(("100 deep".to_owned(), format!("a: {}{}\n", "[".repeat(100), "]".repeat(100))));
    files.push(("600 deep".to_owned(), format!("a: {}{}\n", "[".repeat(600), "]".repeat(600))));
    files.push(("20,000 deep".to_owned(), "- ".repeat(20_000)));
    let bomb: String = ('b'..='i')
        .zip('a'..)
        .map(|(to, from)| format!("{to}: &{to} [{}]\n", vec![format!("*{from}"); 10].join(", ")))
        .collect();
    files.push(("a bomb of aliases".to_owned(), format!("a: &a [x, x, x, x, x, x, x, x, x, x]\n{bomb}")));
    files.push(("a thousand keys".to_owned(), (0..1000).map(|at| format!("k{at}: {at}\n")).collect()));
    files
}

/// What the chart renders of a file of values, or Helm's words.
fn helm(helm: &Path, home: &Path, text: &str) -> Result<Value, String> {
    let file = home.join("values.yaml");
    std::fs::write(&file, text).unwrap();
    let mut command = Command::new(helm);
    command.env_clear().env("HOME", home).env("PATH", "/usr/bin:/bin");
    let chart = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/values");
    let ended = command.args(["template", "r", chart, "--values"]).arg(&file).output().unwrap();
    if !ended.status.success() {
        return Err(String::from_utf8_lossy(&ended.stderr).into_owned());
    }
    let text = String::from_utf8(ended.stdout).unwrap();
    let line = text.lines().find_map(|line| line.trim().strip_prefix("values: ")).unwrap();
    let text = serde_json::from_str::<String>(line).unwrap();
    // What is deeper than serde_json reads is known by its text.
    Ok(serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

#[test]
#[ignore = "needs Helm: WINDLASS_HELM or PATH"]
fn values_files_are_read_as_helm_reads_them() {
    let found = std::env::var_os("WINDLASS_HELM").map(PathBuf::from).or_else(|| {
        std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join("helm")).find(|path| path.is_file())
    });
    let Some(binary) = found else {
        eprintln!("skipped: no helm, neither in WINDLASS_HELM nor on PATH");
        return;
    };
    let home = tempfile::tempdir().unwrap();
    let files = corpus();
    let (mut differ, mut odd) = (Vec::new(), 0);
    for (name, text) in &files {
        let theirs = helm(&binary, home.path(), text);
        let ours = helm_values(text);
        let same = match (&ours, &theirs) {
            (Err(_), Err(_)) => true,
            (Ok(ours), Ok(theirs)) => {
                // These are line breaks to YAML, and letters to JSON.
                let json = serde_json::to_string(ours).unwrap().replace('\u{85}', "\\u0085");
                let json = json.replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029");
                helm(&binary, home.path(), &json).as_ref() == Ok(theirs)
            }
            _ => false,
        };
        match (same, DIFFERENT.iter().find(|(known, _)| known == name)) {
            (true, None) => {}
            (false, Some(_)) => odd += 1,
            (true, Some(_)) => differ.push(format!("{name}: no longer differs; take it off the list")),
            (false, None) => differ.push(format!("{name}: {text:.200?}\n  ours   {ours:?}\n  theirs {theirs:?}")),
        }
    }
    eprintln!("{} files of values, {odd} of them known to be read otherwise", files.len());
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}
