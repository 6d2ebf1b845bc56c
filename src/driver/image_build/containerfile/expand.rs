//! Quotes and variables of words.

use super::lines::Letter;
use crate::model::yaml::{Findings, Pos};

/// The word without its quotes, its variables filled in. An unknown one is a mistake and not nothing: what was meant is not
/// known.
pub(super) fn expand(
    file: &str,
    word: &[Letter],
    variable: &dyn Fn(&str) -> Option<String>,
    findings: &mut Findings,
) -> String {
    let mut out = String::new();
    let mut quote = None;
    let mut at = 0;
    while let Some((sign, pos)) = word.get(at).copied() {
        at += 1;
        match (quote, sign) {
            (None, '"' | '\'') => quote = Some(sign),
            (Some(open), sign) if open == sign => quote = None,
            (Some('\''), sign) => out.push(sign),
            (_, '\\') => match word.get(at) {
                // Within quotes a backslash stands for itself, but before these.
                Some((next, _)) if quote.is_none() || matches!(next, '"' | '\\' | '$') => {
                    out.push(*next);
                    at += 1;
                }
                _ => out.push('\\'),
            },
            (_, '$') => at = fill(file, word, at, pos, variable, findings, &mut out),
            (_, sign) => out.push(sign),
        }
    }
    out
}

/// Fills in the variable whose `$` was just read, and gives where the word continues.
fn fill(
    file: &str,
    word: &[Letter],
    mut at: usize,
    pos: Pos,
    variable: &dyn Fn(&str) -> Option<String>,
    findings: &mut Findings,
    out: &mut String,
) -> usize {
    let braces = word.get(at).is_some_and(|(sign, _)| *sign == '{');
    at += usize::from(braces);
    let begin = at;
    while word.get(at).is_some_and(|(sign, _)| sign.is_ascii_alphanumeric() || *sign == '_') {
        at += 1;
    }
    let name: String = word[begin..at].iter().map(|(sign, _)| *sign).collect();
    let mut other = None;
    if braces {
        let rest: String = word[at..].iter().map(|(sign, _)| *sign).take_while(|sign| *sign != '}').collect();
        at += rest.chars().count() + 1;
        other = rest.strip_prefix(":-").map(str::to_owned);
        if at > word.len() || !rest.is_empty() && other.is_none() || other.as_ref().is_some_and(|it| it.contains('$')) {
            findings.add(file, pos, "unsupported variable: only $NAME, ${NAME} and ${NAME:-text} are expanded");
            return at.min(word.len());
        }
    }
    if name.is_empty() {
        findings.add(file, pos, "missing variable name after $; write \\$ for a literal $");
        return at;
    }
    match (variable(&name), other) {
        // Empty counts as none, as everywhere.
        (Some(value), Some(other)) if value.is_empty() => out.push_str(&other),
        (Some(value), _) => out.push_str(&value),
        (None, Some(other)) => out.push_str(&other),
        (None, None) => findings.add(
            file,
            pos,
            format!(
                "variable {name} has no value: declare it with ARG and pass it with --build-arg, or write ${{{name}:-}}"
            ),
        ),
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_variables_are_those_of_containerfiles() {
        let variable = |name: &str| match name {
            "A" => Some("1 2".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        let read = |text: &str| {
            let letters: Vec<Letter> =
                text.chars().enumerate().map(|(at, sign)| (sign, Pos { line: 1, column: at + 1 })).collect();
            let mut findings = Findings::default();
            let found = expand("f", &letters, &variable, &mut findings);
            if findings.0.is_empty() { Ok(found) } else { Err(findings.to_string()) }
        };
        for (text, expected) in [
            ("a$A", "a1 2"),
            ("${A}b", "1 2b"),
            ("'$A'", "$A"),
            ("\"$A \\$A \\\\ \\n\"", "1 2 $A \\ \\n"),
            ("a\\ b\\$c", "a b$c"),
            ("${NO:-x y}", "x y"),
            ("${EMPTY:-x}", "x"),
            ("${EMPTY}", ""),
            ("a\"b\"'c'", "abc"),
        ] {
            assert_eq!(read(text), Ok(expected.to_owned()), "{text}");
        }
        for (text, expected) in [
            ("xy$NO", "f:1:3: variable NO has no value"),
            ("$", "f:1:1: missing variable name"),
            ("${A", "f:1:1: unsupported variable"),
            ("${A:+b}", "f:1:1: unsupported variable"),
            ("${NO-b}", "f:1:1: unsupported variable"),
            ("${A:-$B}", "f:1:1: unsupported variable"),
        ] {
            assert!(read(text).unwrap_err().starts_with(expected), "{text}");
        }
    }
}
