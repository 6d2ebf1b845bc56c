//! Secrets by where they stand: behind a name that says so, in whatever language that is written.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::mark::REDACTED;
use super::names::{is_about, is_header, names_a_secret};

/// A name and what assigns: `key=`, `"key": `, `<key> => `. The value is read by [`value`].
static ASSIGNED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r#"(?P<name>[A-Za-z_][A-Za-z0-9_.$-]*)(?:\[[^\]\n]{0,40}\])?\\*["'`]?\]?(?:\s{0,20}?(?:=>|->|:=|==|=|:)|\()[ \t]*"#,
    )
    .ok()
});

/// A quoted name, and behind a comma its value, as lists and calls have them; a flag may stand without quotes.
static LISTED: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"(?:\\*["'])(?P<name>-{0,2}[A-Za-z_][A-Za-z0-9_.$-]*)\\*["']\s*,\s*"#).ok());

/// A flag or a setting with white space before its value.
static SPACED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"(?m)(?:^|[\s"'=(\[,])(?P<name>--?[A-Za-z][A-Za-z0-9_.-]*)[ \t]+|^[ \t]*(?:(?:ENV|ARG|set|setenv|SET|config set|CONFIG SET)[ \t]+)?(?P<setting>[A-Za-z_][A-Za-z0-9_.-]*)[ \t]+"#)
        .ok()
});

/// A flag in a YAML list, with its value as the next one.
static ITEM: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"(?m)^[ \t]*-[ \t]+["']?(?P<name>--?[A-Za-z][A-Za-z0-9_.-]*)["']?[ \t]*\n[ \t]*-[ \t]+"#).ok()
});

/// A pair of name and value, in either order, in whatever is between YAML and what Go prints.
static PAIRED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r#"(?i)\b(?:name|key|header)\\*["']?\s*[:=]\s*\\*["']?(?P<name>[A-Za-z_][A-Za-z0-9_.$-]*)\\*["']?\s*[,;\n ]\s*(?:-\s*)?\\*["']?value\\*["']?\s*[:=][ \t]*"#,
    )
    .ok()
});
static PAIRED_BACK: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r#"(?i)\bvalue\\*["']?\s*[:=][ \t]*(?P<value>[^\n]*?)\s*[,;\n ]\s*\\*["']?(?:name|key)\\*["']?\s*[:=]\s*\\*["']?(?P<name>[A-Za-z_][A-Za-z0-9_.$-]*)"#,
    )
    .ok()
});

/// XML that holds a name and a value side by side, or a value in an element that is named so.
static PROPERTY: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?s)<name>\s*(?P<name>[^<]*?)\s*</name>(?P<between>(?:\s|<!--.*?-->|<final>[^<]*</final>|<description>[^<]*</description>)*)<value>(?P<value>.*?)(?:</value>|\z)").ok()
});
static PROPERTY_BACK: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?s)<value>(?P<value>[^<]*)</value>\s*<name>\s*(?P<name>[^<]*?)\s*</name>").ok());
static ELEMENT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?s)<(?P<name>[A-Za-z_][\w.:-]*)(?:\s[^<>]*)?>(?P<value><!\[CDATA\[.*?\]\]>|[^<]+)</").ok()
});
static ATTRIBUTE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"(?s)<\w[^<>]*?\b(?:name|key)\s*=\s*["'](?P<name>[^"'<>]+)["'][^<>]*?(?:\bvalue\s*=\s*["'](?P<value>[^"'<>]*)["']|>(?P<text>[^<]+)</)"#)
        .ok()
});

/// A value that only refers to a secret, or says that there is none.
static REFERENCE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r#"(?x)^(?:(?i:true|false|null|nil|none|yes|no|on|off|~|generate|unset|set|""|''|\[\]|\{\})
        | \(redacted\)\S* | \(token\) | \(set\) | \(omitted:.*
        | \$\{[^}]*\} | \$\([^)]*\) | \$[A-Za-z_]\w* | \{\{.*\}\} | <[a-z_ -]+>
        | (?:env|file):[\w./~-]+ | \{\s*"?(?:env|file)"?\s*:\s*"?[\w./~-]+"?\s*\})[,;]?$"#,
    )
    .ok()
});

/// The most bytes of a value.
const LONGEST: usize = 64 << 10;

/// A text without values that have the name of a secret.
pub(super) fn without_assigned(text: String) -> String {
    let mut found = Vec::new();
    elements(&text, &mut found);
    paired(&text, &mut found);
    for (shape, spaced) in [(&*ASSIGNED, false), (&*LISTED, false), (&*ITEM, false), (&*SPACED, true)] {
        named(shape, spaced, &text, &mut found);
    }
    with_redacted(text, found)
}

/// Redacts ranges of a text; those that overlap are one.
pub(super) fn with_redacted(text: String, mut ranges: Vec<Range<usize>>) -> String {
    ranges.retain(|range| range.start < range.end);
    if ranges.is_empty() {
        return text;
    }
    ranges.sort_by_key(|range| (range.start, range.end));
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for range in ranges {
        if range.start >= done {
            out.push_str(&text[done..range.start]);
            out.push_str(REDACTED);
        }
        done = done.max(range.end);
    }
    out.push_str(&text[done..]);
    out
}

fn elements(text: &str, ranges: &mut Vec<Range<usize>>) {
    if !text.contains('<') {
        return;
    }
    for shape in [&*PROPERTY, &*PROPERTY_BACK, &*ELEMENT, &*ATTRIBUTE] {
        for found in shape.iter().flat_map(|shape| shape.captures_iter(text)) {
            if names_a_secret(found["name"].trim()) {
                ranges.extend(["value", "text"].iter().filter_map(|part| found.name(part)).map(|part| part.range()));
            }
        }
    }
}

fn paired(text: &str, ranges: &mut Vec<Range<usize>>) {
    for found in PAIRED.iter().flat_map(|shape| shape.captures_iter(text)) {
        let end = found.get(0).map_or(0, |all| all.end());
        if names_a_secret(&found["name"]) {
            ranges.extend(value(text, end, &found["name"]));
        }
    }
    for found in PAIRED_BACK.iter().flat_map(|shape| shape.captures_iter(text)) {
        if names_a_secret(&found["name"])
            && let Some(held) = found.name("value").filter(|held| !is_reference(held.as_str()))
        {
            ranges.push(held.range());
        }
    }
}

fn named(shape: &Option<Regex>, spaced: bool, text: &str, ranges: &mut Vec<Range<usize>>) {
    let Some(shape) = shape else { return };
    let mut from = 0;
    while let Some(found) = shape.captures_at(text, from) {
        let Some(all) = found.get(0) else { return };
        let setting = found.name("setting");
        let Some(name) = setting.or_else(|| found.name("name")) else { return };
        // What follows a name may be the next name.
        from = all.end().max(from + 1);
        while !text.is_char_boundary(from) {
            from += 1;
        }
        let rest = &text[all.end()..];
        let ours = ["redacted)", "token)", "set)", "omitted:"].iter().any(|word| rest.starts_with(word));
        if ours || !names_a_secret(whole_name(text, name.range())) || is_value(text, all.start(), rest) {
            from = name.end().max(all.start() + 1);
            continue;
        }
        let range = match (spaced, setting) {
            (false, _) => value(text, all.end(), name.as_str()),
            (true, Some(setting)) => setting_value(text, all.end(), setting.as_str()),
            (true, None) if text[all.end()..].starts_with('-') => None,
            (true, None) => value(text, all.end(), ""),
        };
        if let Some(range) = range {
            from = from.max(range.end);
            ranges.push(range);
        }
    }
}

/// A name with what stands before it: `checksum/secret` does not name a secret.
fn whole_name(text: &str, name: Range<usize>) -> &str {
    let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '/' | '-');
    let before = &text[..name.start];
    text[before.trim_end_matches(part).len()..name.end].trim_start_matches('-')
}

/// Whether what looks like a name in a list is the value of another, as in `"key": "password", "name": "x"`.
fn is_value(text: &str, at: usize, rest: &str) -> bool {
    let listed = text[at..].starts_with(['"', '\'', '\\']);
    let next = rest.trim_start_matches(['"', '\'', '\\']);
    let next = next.trim_start_matches(|c: char| c.is_alphanumeric() || matches!(c, '_' | '-'));
    let names = next.trim_start_matches(['"', '\'', '\\']).trim_start().starts_with(':');
    listed && (text[..at].trim_end().ends_with(':') || names)
}

/// The value of a line `name value`, as Spark and Redis write their settings. Prose has more words, or plain ones.
fn setting_value(text: &str, at: usize, name: &str) -> Option<Range<usize>> {
    let end = text[at..].find('\n').map_or(text.len(), |end| at + end);
    let held = text[at..end].trim_end();
    let alone = !held.contains([' ', '\t']) && !held.starts_with(['=', ':']);
    let setting = name.contains(['.', '_']) || name.chars().all(|c| c.is_ascii_lowercase()) && alone;
    (setting
        && !held.is_empty()
        && !is_reference(held)
        && (alone || name.contains('.'))
        && !held.starts_with(['=', ':']))
    .then(|| at..at + held.len())
}

pub(super) fn is_reference(value: &str) -> bool {
    let value = value.trim().trim_matches(['"', '\'']).trim();
    value.is_empty() || REFERENCE.as_ref().is_some_and(|shape| shape.is_match(value))
}

/// The range of the value that begins here, behind the name `name`; `None` if there is nothing to redact.
fn value(text: &str, at: usize, name: &str) -> Option<Range<usize>> {
    let rest = &text[at..];
    let line_end = rest.find('\n').unwrap_or(rest.len());
    let line = &rest[..line_end];
    if line.trim().is_empty() || is_block(line.trim()) {
        return block(text, at, line.trim());
    }
    if is_reference(line) {
        return None;
    }
    // A letter before a quote is how some languages mark a kind of text.
    let marks = rest.len() - rest.trim_start_matches(['b', 'u', 'r', 'f', 'E', '$', '@']).len();
    let marks = if marks <= 2 && rest[marks..].starts_with(['"', '\'']) { marks } else { 0 };
    let held = &rest[marks..];
    let opened = held.len() - held.trim_start_matches(['(', '[', '{', '<']).len();
    if opened > 0 && !held.starts_with("[REDACTED") {
        let close = balanced(held).unwrap_or(line_end.saturating_sub(marks));
        return (!is_reference(&held[..close])).then(|| at..at + marks + close);
    }
    let escapes = held.len() - held.trim_start_matches('\\').len();
    if let Some(quote) = held[escapes..].chars().next().filter(|c| matches!(c, '"' | '\'' | '`')) {
        return quoted(text, at + marks, escapes, quote);
    }
    let end = unquoted(text, at, line_end, name);
    let range = at..end;
    (range.start < range.end && !is_reference(&text[range.clone()])).then_some(range)
}

/// Whether a YAML text begins on the next line.
fn is_block(line: &str) -> bool {
    line.starts_with(['|', '>']) && line[1..].chars().all(|c| matches!(c, '+' | '-' | '0'..='9'))
}

/// The lines that belong to a name whose line has nothing more, or says that a text follows.
fn block(text: &str, at: usize, line: &str) -> Option<Range<usize>> {
    let begin = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let depth = |line: &str| line.len() - line.trim_start_matches([' ', '-']).len();
    let outer = depth(&text[begin..at]);
    let mut end = at + text[at..].find('\n')?;
    let start = at;
    let first = &text[end + 1..];
    let first = first.lines().find(|line| !line.trim().is_empty())?;
    // A list may stand as deep as its name.
    let list = line.is_empty() && first.trim_start().starts_with("- ") && depth(first) >= outer;
    if depth(first) <= outer && !list {
        return None;
    }
    // Names below are judged by themselves, and so is what a reference holds.
    if line.is_empty()
        && first.trim_start_matches([' ', '-']).split_once(':').is_some_and(|(name, rest)| {
            !name.contains([' ', '"', '\''])
                && (rest.is_empty() || rest.starts_with(' '))
                && (is_about(&name.to_lowercase()) || name == "valueFrom" || name.ends_with("Ref") || name == "key")
        })
    {
        return None;
    }
    while let Some(next) = text[end + 1..].lines().next().filter(|_| end + 1 < text.len()) {
        let inside = next.trim().is_empty()
            || depth(next) > outer
            || list && next.trim_start().starts_with('-') && depth(next) >= outer;
        if !inside || end - start > LONGEST {
            break;
        }
        end += 1 + next.len();
        if !text[end..].starts_with('\n') {
            break;
        }
    }
    (end > start).then_some(start..end.min(text.len()))
}

/// Up to the bracket that closes the first one, quotes regarded.
fn balanced(text: &str) -> Option<usize> {
    let (mut open, mut quote, mut escaped) = (0_usize, None, false);
    for (at, c) in text.char_indices().take(LONGEST) {
        match (quote, c) {
            _ if escaped => escaped = false,
            (_, '\\') => escaped = true,
            (Some(inside), c) if c == inside => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '(' | '[' | '{' | '<') => open += 1,
            (None, ')' | ']' | '}' | '>') => {
                open = open.saturating_sub(1);
                if open == 0 {
                    return Some(at + c.len_utf8());
                }
            }
            (None, '\n') if text.starts_with(['(', '<']) => return Some(at),
            _ => {}
        }
    }
    None
}

/// What stands between quotes; they stay. What is glued to it, as shells allow, goes too.
fn quoted(text: &str, at: usize, escapes: usize, quote: char) -> Option<Range<usize>> {
    let delimiter = &text[at..at + escapes + 1];
    let triple = delimiter.repeat(3);
    let start = if text[at..].starts_with(&triple) { at + triple.len() } else { at + delimiter.len() };
    let close = if start == at + triple.len() { triple.as_str() } else { delimiter };
    let rest = &text[start..text.len().min(floor(text, start + LONGEST))];
    let mut from = 0;
    let end = loop {
        let Some(found) = rest[from..].find(close) else { break rest.find('\n').map_or(rest.len(), |end| end) };
        let found = from + found;
        let slashes = rest[..found].len() - rest[..found].trim_end_matches('\\').len();
        let after = &rest[found + close.len()..];
        // In quotes of one kind it is doubled, in others it has one backslash more.
        let inner = (escapes == 0 && quote == '"' && slashes % 2 == 1)
            || (escapes > 0 && slashes > 0 && rest[..found].ends_with('\\'))
            || (quote == '\'' && escapes == 0 && after.starts_with('\''));
        if !inner {
            break found;
        }
        from = found + close.len() + usize::from(quote == '\'' && escapes == 0);
        if from >= rest.len() {
            break rest.len();
        }
    };
    if is_reference(&rest[..end]) {
        return None;
    }
    let mut last = start + end;
    let after = text.get(last + close.len()..).unwrap_or_default();
    if escapes == 0 && close.len() == 1 && after.starts_with(['\\', '\'', '"']) {
        last += close.len() + shell_word(after);
    }
    (last > start).then_some(start..last)
}

/// How long the rest of a word is, as a shell reads it.
fn shell_word(text: &str) -> usize {
    let mut quote = None;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some('\''), _) => {}
            (_, '\\') => {
                chars.next();
            }
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, c) if c.is_whitespace() || ",;:)}]>&|=".contains(c) => return at,
            (None, _) => {}
        }
    }
    text.len()
}

/// The end of a value without quotes. Where a name begins its line, all of the line is the value.
fn unquoted(text: &str, at: usize, line_end: usize, name: &str) -> usize {
    let begin = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let before = &text[begin..at];
    let line = &text[at..at + line_end];
    let odd = |quote: char| before.matches(quote).count() % 2 == 1;
    let open: Vec<char> = ['"', '\'', '`'].into_iter().filter(|quote| odd(*quote)).collect();
    let lead = before.trim_start().trim_start_matches(['-', '#', ';', ' ']);
    let lead = ["export ", "set ", "ENV ", "ARG ", "declare -x ", "readonly "]
        .iter()
        .fold(lead, |lead, word| lead.strip_prefix(word).unwrap_or(lead));
    let first = !name.is_empty()
        && (lead.starts_with(name) || lead.starts_with(&format!("\"{name}")) || lead.starts_with(&format!("'{name}")));
    let whole = open.is_empty() && (first || is_header(name));
    if whole && !(first && line.contains("; ") && !is_header(name)) {
        let mut end = at + line.trim_end().len();
        // Properties go on after a backslash.
        while text[..end].ends_with('\\') && text[end..].starts_with(['\n', '\r']) {
            let next = text[end..].find('\n').map_or(text.len(), |found| end + found + 1);
            end = text[next..].find('\n').map_or(text.len(), |found| next + found);
        }
        return end;
    }
    let header = is_header(name);
    for (index, c) in line.char_indices() {
        let rest = &line[index + c.len_utf8()..];
        let ends = match c {
            c if open.contains(&c) => true,
            _ if header => false,
            c if c.is_whitespace() => true,
            '\\' if !open.is_empty() => rest.starts_with(['n', 'r', '"', '\'']),
            // Separators, where something follows that they separate.
            '&' | ';' | ',' => rest.trim_start().is_empty() || rest.starts_with(' ') || starts_a_pair(rest),
            '"' | '\'' => rest.trim_start_matches([',', ';', ')', '}', ']']).trim().is_empty() && index > 0,
            ')' | ']' | '}' | '>' => {
                rest.is_empty() || rest.starts_with([' ', ',', ';', ')', '}', ']', '.', '"', '\''])
            }
            '<' => rest.starts_with('/'),
            _ => false,
        };
        if ends {
            return at + index;
        }
    }
    at + line.len()
}

/// Whether a text begins with `name=`.
fn starts_a_pair(text: &str) -> bool {
    let name = text.trim_start();
    let end =
        name.find(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '-' | '.' | ' ' | '"')).unwrap_or(name.len());
    end > 0 && name[end..].starts_with(['=', ':'])
}

/// The place before this one where a character begins.
fn floor(text: &str, mut at: usize) -> usize {
    at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
