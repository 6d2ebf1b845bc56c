//! What the program says, in every language: each text of the code has its translation, and each translation its text.
//! `WINDLASS_UPDATE=1 cargo test --test all messages::` adds what is missing to the tables, to be filled in, and takes away
//! what nobody says any more.

#[path = "messages/source.rs"]
mod extracted;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use clap::CommandFactory as _;

use crate::english::english_in;
use polib::message::{Message, MessageView};
use windlass::model::Lang;

/// Words and texts of the screens first, then by the English.
fn key(message: &dyn MessageView) -> (bool, String, String) {
    let context = message.msgctxt().unwrap_or_default();
    (context.is_empty(), context.to_owned(), message.msgid().to_owned())
}

/// What clap itself says of a command line.
const CLAP: [&str; 20] = [
    "Usage:",
    "Commands",
    "Arguments",
    "Options",
    "possible values",
    "default",
    "unexpected argument '{}' found",
    "unexpected value '{}' for '{}' found; no more were expected",
    "unrecognized subcommand '{}'",
    "the following required arguments were not provided:",
    "invalid value '{}' for '{}'",
    "a value is required for '{}' but none was supplied",
    "the argument '{}' cannot be used with '{}'",
    "the argument '{}' cannot be used multiple times",
    "For more information, try '{}'.",
    "tip: a similar argument exists: '{}'",
    "tip: a similar subcommand exists: '{}'",
    "tip: some similar subcommands exist: {}",
    "tip: to pass '{}' as a value, use '{}'",
    "'{}' requires a subcommand but one was not provided",
];

/// What the system says of a file or an address that cannot be used.
const SYSTEM: [&str; 10] = [
    "No such file or directory (os error {})",
    "Permission denied (os error {})",
    "Connection refused (os error {})",
    "No space left on device (os error {})",
    "Is a directory (os error {})",
    "Not a directory (os error {})",
    "File exists (os error {})",
    "Connection reset by peer (os error {})",
    "Broken pipe (os error {})",
    "Read-only file system (os error {})",
];

/// What `--help` says of every command.
fn help() -> Vec<String> {
    fn walk(command: &clap::Command, found: &mut Vec<String>) {
        let texts = [command.get_about(), command.get_long_about(), command.get_after_help()];
        found.extend(texts.into_iter().flatten().map(ToString::to_string));
        for arg in command.get_arguments() {
            found.extend([arg.get_help(), arg.get_long_help()].into_iter().flatten().map(ToString::to_string));
            found.extend(arg.get_help_heading().map(str::to_owned));
            let values = arg.get_possible_values();
            found.extend(values.iter().filter_map(clap::builder::PossibleValue::get_help).map(ToString::to_string));
        }
        command.get_subcommands().for_each(|command| walk(command, found));
    }
    let mut command = windlass::cli::Cli::command();
    command.build();
    let mut found = Vec::new();
    walk(&command, &mut found);
    let found = found.into_iter().map(|text| text.trim().replace('{', "{{").replace('}', "}}"));
    found.filter(|text| !text.is_empty()).chain(CLAP.map(str::to_owned)).chain(SYSTEM.map(str::to_owned)).collect()
}

fn table(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/render/language").join(name)
}

/// Texts of the code that no user is shown.
fn silent() -> BTreeSet<String> {
    serde_json::from_str(include_str!("messages/not-shown.json")).unwrap()
}

#[test]
fn every_text_is_in_the_table_and_no_other() {
    let silent = silent();
    let mut texts = extracted::texts();
    let stale: Vec<&String> = silent.iter().filter(|text| !texts.contains_key(*text)).collect();
    assert!(stale.is_empty(), "tests/messages/not-shown.json has what the code has not: {stale:#?}");
    texts.retain(|text, _| !silent.contains(text));
    texts.extend(help().into_iter().map(|text| (text, "cli".to_owned())));
    for lang in Lang::ALL.into_iter().filter(|lang| *lang != Lang::default()) {
        is_whole(lang, &texts);
    }
}

/// Whether a language's table has just these texts; or makes it so.
fn is_whole(lang: Lang, texts: &BTreeMap<String, String>) {
    let path = table(&format!("{}.po", lang.code()));
    let mut catalog = polib::po_file::parse(&path).unwrap();
    let known: BTreeMap<String, bool> = catalog
        .messages()
        .filter(|message| message.is_singular() && message.msgctxt().is_none())
        .map(|message| (message.msgid().to_owned(), message.is_translated()))
        .collect();
    if std::env::var_os("WINDLASS_UPDATE").is_some() {
        for gone in known.keys().filter(|text| !texts.contains_key(*text)) {
            catalog.delete_message(None, gone, None);
        }
        for new in texts.keys().filter(|text| !known.contains_key(*text)) {
            catalog
                .append_or_update(Message::build_singular().with_msgid(new.clone()).with_msgstr(String::new()).done());
        }
        polib::po_file::write_to_file_sort_by(&catalog, &path, Box::new(|one, other| key(*one).cmp(&key(*other))))
            .unwrap();
        return;
    }
    let missing: Vec<String> = texts
        .iter()
        .filter(|(text, _)| !known.get(*text).is_some_and(|translated| *translated))
        .map(|(text, file)| format!("src/{file}: {text}"))
        .collect();
    let gone: Vec<&String> = known.keys().filter(|text| !texts.contains_key(*text)).collect();
    assert!(
        missing.is_empty() && gone.is_empty(),
        "{} not translated into `{}`: {missing:#?}\nnot in the code: {gone:#?}",
        missing.len(),
        lang.code()
    );
}

/// Commands that need no cluster, or fail before one is asked, and what each prints in Russian.
#[test]
fn no_command_speaks_english_in_russian() {
    let folder = tempfile::tempdir().unwrap();
    let bad = folder.path().join("bad.yaml");
    std::fs::write(&bad, "hdfs:\n  replication: many\n  datanode_kind: daemonst\nlivi: {memory: 1Gi}\n").unwrap();
    let bad = bad.to_str().unwrap();
    let mut commands: Vec<Vec<&str>> = vec![
        vec![],
        vec!["--bogus"],
        vec!["instal"],
        vec!["install", "--yes", "--set", "livy.memori=1Gi"],
        vec!["plan", "--answers", bad],
        vec!["plan", "--set", "livy.memory=lots"],
        vec!["plan", "--profile", "huge"],
        vec!["plan", "--answers", "/nonexistent.yaml"],
        vec!["preflight", "--kubeconfig", "/nonexistent"],
        vec!["answers", "init", "--profile", "small"],
        vec!["answers", "check", bad],
        vec!["catalog", "list"],
        vec!["catalog", "show", "livy"],
        vec!["catalog", "show", "nope"],
        vec!["runs"],
        vec!["runs", "nope"],
        vec!["lock", "--why", "redis"],
        vec!["image", "list"],
        vec!["bundle", "verify", "/nonexistent.tar"],
        vec!["secrets", "rotate", "x"],
    ];
    let line = windlass::cli::Cli::command();
    let names: Vec<String> = line.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    commands.extend(names.iter().map(|name| vec![name.as_str(), "--help"]));
    let mut found = Vec::new();
    for args in commands {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_windlass"))
            .args(&args)
            .env_clear()
            .env("LANG", "ru_RU.UTF-8")
            .env("HOME", folder.path())
            .current_dir(folder.path())
            .output()
            .unwrap();
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(text.contains(|c: char| ('а'..='я').contains(&c)), "{args:?} says nothing in Russian: {text}");
        found.extend(text.lines().filter_map(|line| Some(format!("{args:?}: {}: {line}", english_in(line)?))));
    }
    assert!(found.is_empty(), "{found:#?}");
}

/// Words of the glossary's last column, and others that the authors of kubectl and Helm would not write.
const BANNED: &str = r"(?i)\b(told|mend(s|ed|ing)?|remed(y|ies)|gone on|go on (with|\?)|otherwise than|left out|not done within|trying again|(is|are) not there|cannot understand|failed to understand|proofs?|proven|aborted|of its own accord|complaints?)\b";

#[test]
fn nobody_says_a_banned_word() {
    let banned = regex::Regex::new(BANNED).unwrap();
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut said: Vec<(String, String)> = extracted::texts().into_iter().map(|(text, file)| (file, text)).collect();
    said.extend(help().into_iter().map(|text| ("--help".to_owned(), text)));
    let pages = std::fs::read_dir(root.join("docs")).unwrap().map(|page| page.unwrap().path());
    for page in pages.chain([root.join("README.md")]) {
        let name = page.file_name().unwrap().to_string_lossy().into_owned();
        // The glossary lists them, and Russian has other words.
        if name.ends_with(".md") && !name.ends_with(".ru.md") && name != "glossary.md" {
            let text = std::fs::read_to_string(&page).unwrap();
            said.extend(text.lines().map(|line| (name.clone(), line.to_owned())));
        }
    }
    let found: Vec<String> = said
        .iter()
        .filter_map(|(place, text)| banned.find(text).map(|word| format!("{place}: {}: {text}", word.as_str())))
        .collect();
    assert!(found.is_empty(), "{found:#?}");
}
