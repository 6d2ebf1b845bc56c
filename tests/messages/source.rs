//! Every text of `src/` that may be shown, found in its code.

use std::collections::BTreeMap;

use crate::source::{Source, Token, sources};

/// Macros whose first text is a template.
const TEMPLATES: &[&str] = &["format", "write", "writeln", "bail", "anyhow", "ensure", "format_args"];

/// Macros whose texts nobody is shown who uses the program.
const SILENT: &[&str] = &[
    "assert",
    "assert_eq",
    "assert_ne",
    "debug_assert",
    "debug_assert_eq",
    "matches",
    "panic",
    "unreachable",
    "env",
    "include_str",
    "include_dir",
    "include_bytes",
    "trace",
    "debug",
    "info",
    "warn",
    "error",
    "concat",
    "cfg",
    "json",
    "words",
];

/// Methods and functions that compare with a text, or look for it.
const COMPARING: &[&str] = &[
    "contains",
    "starts_with",
    "ends_with",
    "strip_prefix",
    "strip_suffix",
    "find",
    "rfind",
    "split",
    "split_once",
    "rsplit_once",
    "rsplit",
    "trim_start_matches",
    "trim_end_matches",
    "trim_matches",
    "replace",
    "replacen",
    "expect",
    "position",
    "split_terminator",
    "match_indices",
    "matches",
    "eq",
    "eq_ignore_ascii_case",
    "header",
    "get",
];

/// What a bracket belongs to.
#[derive(Clone, PartialEq)]
enum Opened {
    Macro(String),
    Call(String),
    Attribute,
    Other,
}

/// Each text with the first file that has it. Templates are as Rust takes them, without what is said about formats; in all
/// others braces are doubled.
pub(super) fn texts() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for source in sources().iter().filter(|source| !source.is_test()) {
        for text in of(source) {
            found.entry(text).or_insert_with(|| source.path.clone());
        }
    }
    found
}

fn of(source: &Source) -> Vec<String> {
    let tokens = &source.code;
    let mut opened: Vec<(Opened, bool)> = Vec::new();
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        if token.is('(') || token.is('[') || token.is('{') {
            opened.push((opener(tokens, at), false));
        } else if token.is(')') || token.is(']') || token.is('}') {
            opened.pop();
        } else if let Some(text) = token.text() {
            let silent = |(opened, _): &(Opened, bool)| match opened {
                Opened::Macro(name) => SILENT.contains(&name.as_str()),
                _ => false,
            };
            let attribute = opened.iter().any(|(opened, _)| *opened == Opened::Attribute);
            let first = opened.last_mut().is_some_and(|last| !std::mem::replace(&mut last.1, true));
            let template = match opened.last() {
                Some((Opened::Call(name), _)) if attribute => name == "error" && first,
                Some((Opened::Macro(name), _)) => TEMPLATES.contains(&name.as_str()) && first,
                _ => false,
            };
            let compared = matches!(opened.last(), Some((Opened::Call(name), _)) if COMPARING.contains(&name.as_str()))
                || compares(tokens, at);
            if (attribute && !template) || compared || opened.iter().any(silent) {
                continue;
            }
            let text = if template { without_formats(text) } else { text.replace('{', "{{").replace('}', "}}") };
            if is_english(&text) {
                found.push(text.trim().to_owned());
            }
        }
    }
    found
}

fn opener(tokens: &[Token], at: usize) -> Opened {
    let before = |back: usize| at.checked_sub(back).map(|at| &tokens[at]);
    let word = |back: usize| before(back).and_then(Token::word).map(str::to_owned);
    if before(1).is_some_and(|token| token.is('#'))
        || (before(1).is_some_and(|token| token.is('!')) && before(2).is_some_and(|token| token.is('#')))
    {
        Opened::Attribute
    } else if before(1).is_some_and(|token| token.is('!')) {
        word(2).map_or(Opened::Other, Opened::Macro)
    } else if tokens[at].is('(') {
        word(1).map_or(Opened::Other, Opened::Call)
    } else {
        Opened::Other
    }
}

/// Whether a text is a pattern, or is compared by `==`.
fn compares(tokens: &[Token], at: usize) -> bool {
    let is = |at: Option<usize>, sign| at.and_then(|at| tokens.get(at)).is_some_and(|token| token.is(sign));
    let arrow = is(Some(at + 1), '=') && is(Some(at + 2), '>');
    let before = is(at.checked_sub(1), '=') && (is(at.checked_sub(2), '=') || is(at.checked_sub(2), '!'));
    let behind = is(Some(at + 2), '=') && (is(Some(at + 1), '=') || is(Some(at + 1), '!'));
    let either = (is(Some(at + 1), '|') && !is(Some(at + 2), '|')) || is(at.checked_sub(1), '|');
    arrow || before || behind || either
}

/// `{name:>8}` as `{name}`.
fn without_formats(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        out.push_str(&rest[..=at]);
        rest = &rest[at + 1..];
        if let Some(doubled) = rest.strip_prefix('{') {
            out.push('{');
            rest = doubled;
            continue;
        }
        let Some(end) = rest.find('}') else { break };
        out.push_str(rest[..end].split(':').next().unwrap_or_default());
        rest = &rest[end..];
    }
    out + rest
}

/// Whether there is something to translate: two words beside each other, or one beside a place.
fn is_english(text: &str) -> bool {
    let word = |part: &str| {
        let part = part.trim_matches(|c: char| ",.;:()`'\"!?".contains(c));
        part.len() > 1
            && part.chars().skip(1).all(|c| c.is_ascii_lowercase() || c == '\'' || c == '-')
            && part.starts_with(|c: char| c.is_ascii_alphabetic())
    };
    let parts: Vec<&str> = text.split_whitespace().collect();
    let words = parts.iter().filter(|part| word(part)).count();
    words > 1 || (words == 1 && parts.iter().any(|part| part.contains('{') && !part.contains("{{")))
}
