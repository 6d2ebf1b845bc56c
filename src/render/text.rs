//! Texts made fit for a terminal: cleaned, measured, cut, wrapped; times and sizes in words.

use unicode_width::UnicodeWidthChar;

/// One line without anything that a terminal would act on. Log lines and messages come from containers and servers:
/// they must not move the cursor, set titles, or reorder what stands beside them.
#[must_use]
pub fn clean(text: &str) -> String {
    let mut out = clean_part(text);
    out.truncate(out.trim_end().len());
    out
}

/// The same of a part of a line: spaces at its end stay.
pub(super) fn clean_part(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        rest = match c {
            '\u{1b}' | '\u{80}'..='\u{9f}' => skip_sequence(c, after),
            '\n' | '\r' | '\t' | '\u{b}' | '\u{c}' | '\u{2028}' | '\u{2029}' => {
                out.push(' ');
                after
            }
            c if c.is_control() || reorders(c) => after,
            c => {
                out.push(c);
                after
            }
        };
    }
    out
}

/// Our own colours; nothing else that begins with an escape reaches the terminal.
const COLORS: [&str; 7] =
    ["\u{1b}[0m", "\u{1b}[1m", "\u{1b}[2m", "\u{1b}[32m", "\u{1b}[1;31m", "\u{1b}[33m", "\u{1b}[36m"];

/// A whole text as it may go out: lines, tabs and, with `color`, our own colours stay, all else that a terminal acts on
/// goes. Every text passes through here on its way to the terminal, whoever wrote it.
#[must_use]
pub fn fit(text: &str, color: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut part = 0;
    while let Some(c) = rest[part..].chars().next() {
        let ours = COLORS.iter().find(|ours| color && c == '\u{1b}' && rest[part..].starts_with(**ours));
        let kept = match (c, ours) {
            ('\n' | '\t', _) => 1,
            (_, Some(ours)) => ours.len(),
            _ => {
                part += c.len_utf8();
                continue;
            }
        };
        out.push_str(&clean_part(&rest[..part]));
        out.push_str(&rest[part..part + kept]);
        rest = &rest[part + kept..];
        part = 0;
    }
    out.push_str(&clean_part(rest));
    out
}

/// JSON with everything escaped that a terminal would act on and JSON itself lets through. Such characters stand in
/// strings only.
#[must_use]
pub fn fit_json(json: &str) -> String {
    let acts = |c: char| c != '\n' && (c.is_control() || reorders(c) || matches!(c, '\u{2028}' | '\u{2029}'));
    if !json.contains(acts) {
        return json.to_owned();
    }
    let escaped = |c: char| if acts(c) { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() };
    json.chars().map(escaped).collect()
}

/// The lines of a text, each [`clean`], without empty ones.
pub(super) fn clean_lines(text: &str) -> Vec<String> {
    text.lines().map(|line| clean(&line.replace('\t', "    "))).filter(|line| !line.is_empty()).collect()
}

/// What follows an escape sequence. One that does not end loses only its beginning, so that no text can hide in it.
fn skip_sequence(introducer: char, after: &str) -> &str {
    let (kind, body) = match introducer {
        '\u{1b}' => match after.chars().next() {
            Some(kind @ ' '..='~') => (kind, &after[1..]),
            _ => return after,
        },
        // The one-character forms of `ESC [`, `ESC ]` and so on.
        c1 => match u8::try_from(u32::from(c1).saturating_sub(0x40)) {
            Ok(kind) => (char::from(kind), after),
            Err(_) => return after,
        },
    };
    match kind {
        '[' => {
            let body = body
                .trim_start_matches(|c: char| matches!(c, '\u{30}'..='\u{3f}'))
                .trim_start_matches(|c: char| matches!(c, '\u{20}'..='\u{2f}'));
            body.strip_prefix(|c: char| matches!(c, '\u{40}'..='\u{7e}')).unwrap_or(body)
        }
        ']' | 'P' | 'X' | '^' | '_' => {
            let ends = ["\u{7}", "\u{1b}\\", "\u{9c}"];
            let end = ends.iter().filter_map(|end| body.find(end).map(|at| (at, at + end.len()))).min();
            end.map_or(body, |(_, past)| &body[past..])
        }
        ' '..='/' if introducer == '\u{1b}' => {
            let body = body.trim_start_matches(|c: char| matches!(c, '\u{20}'..='\u{2f}'));
            body.strip_prefix(|c: char| matches!(c, '\u{30}'..='\u{7e}')).unwrap_or(body)
        }
        _ => body,
    }
}

/// Characters that change the direction of what follows.
const fn reorders(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Columns that a text takes. Counted by character, as most terminals do.
pub(super) fn width(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}

/// A text filled up with spaces.
pub(super) fn pad(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(width(text))))
}

/// A text of at most so many columns, "…" where it is cut.
pub(super) fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut taken = 0;
    let mut out: String = text
        .chars()
        .take_while(|c| {
            taken += c.width().unwrap_or(0);
            taken < columns
        })
        .collect();
    out.truncate(out.trim_end().len());
    if columns > 0 {
        out.push('…');
    }
    out
}

/// A text broken between words into lines of at most so many columns. A longer word stays whole: addresses and
/// paths are copied from the screen.
pub(super) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut used = 0;
    for word in text.split_whitespace() {
        let wide = width(word);
        match lines.last_mut() {
            Some(line) if used + 1 + wide <= columns => {
                line.push(' ');
                line.push_str(word);
                used += 1 + wide;
            }
            _ => {
                lines.push(word.to_owned());
                used = wide;
            }
        }
    }
    lines
}

/// `12.3s`, `2m 05s`, `1h 02m 05s`.
pub(super) fn duration(seconds: f64) -> String {
    let tenths = tenths(seconds);
    if tenths < 600 { format!("{}.{}s", tenths / 10, tenths % 10) } else { whole((tenths + 5) / 10) }
}

/// `12s`, `2m 05s`: what lies ahead is never known to a tenth.
pub(super) fn whole(seconds: u64) -> String {
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{rest}s"),
        (0, _) => format!("{minutes}m {rest:02}s"),
        _ => format!("{hours}h {minutes:02}m {rest:02}s"),
    }
}

/// `12s`, `15m`, `1h`: without what is zero at its end, for limits.
pub(super) fn round(seconds: u64) -> String {
    let whole = whole(seconds);
    let cut = whole.strip_suffix(" 00s").unwrap_or(&whole);
    cut.strip_suffix(" 00m").unwrap_or(cut).to_owned()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to what fits before the cast")]
fn tenths(seconds: f64) -> u64 {
    // A journal from elsewhere may hold anything; NaN clamps to NaN and casts to 0.
    (seconds * 10.0).round().clamp(0.0, 1e15) as u64
}

/// `512 B`, `40.1 MiB`.
#[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
pub(super) fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if count < 1024 {
        return format!("{count} B");
    }
    let mut value = count as f64 / 1024.0;
    let mut unit = UNITS[0];
    for next in &UNITS[1..] {
        // What would be rounded to "1024.0" is one of the next unit.
        if value < 1023.95 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    format!("{value:.1} {unit}")
}

/// `1 release`, `3 releases`.
pub(super) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_acts_on_is_left() {
        for (dirty, cleaned) in [
            ("plain", "plain"),
            ("\u{1b}[31mred\u{1b}[0m", "red"),
            ("\u{1b}]0;title\u{7}after", "after"),
            ("\u{1b}]8;;http://x\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("\u{1b}]0;never ended", "0;never ended"),
            ("\u{1b}[2J\u{1b}[Hgone", "gone"),
            ("\u{9b}31mred", "red"),
            ("\u{1b}(Bset", "set"),
            ("\u{1b}creset", "reset"),
            ("a\r\nb\tc", "a  b c"),
            ("bell\u{7} back\u{8} del\u{7f} nul\0", "bell back del nul"),
            ("left\u{202e}thgir", "leftthgir"),
            ("\u{1b}", ""),
            ("\u{1b}[", ""),
            ("\u{1b}é", "é"),
            ("привет 世界", "привет 世界"),
        ] {
            assert_eq!(clean(dirty), cleaned, "{dirty:?}");
        }
    }

    #[test]
    fn cleaning_leaves_no_control_characters_whatever_comes() {
        proptest::proptest!(|(text in "(\u{1b}|\u{9b}|\u{9d}|[\\[\\]\\x00-\\x7f]|\\PC|\u{7}|\u{202e}){0,40}")| {
            let cleaned = clean(&text);
            assert!(!cleaned.chars().any(|c| c.is_control() || reorders(c)), "{text:?} gave {cleaned:?}");
        });
    }

    #[test]
    fn whatever_goes_out_is_fit() {
        assert_eq!(fit("a\n\u{1b}[2Jb\tc\r\n", false), "a\nb\tc \n");
        assert_eq!(fit("\u{1b}[1;31mred\u{1b}[0m \u{1b}[31mother\u{1b}[5m", true), "\u{1b}[1;31mred\u{1b}[0m other");
        assert_eq!(fit("\u{1b}[1;31mred\u{1b}[0m", false), "red");
        assert_eq!(fit("\u{1b}]52;c;ZXZpbA==\u{7}x", true), "x");
        assert_eq!(fit("\u{1b}]52;c;ZXZp\nbA==\u{7}x", true), "52;c;ZXZp\nbA==x", "a sequence does not go over lines");
        proptest::proptest!(|(text in "(\u{1b}|\u{9b}|\u{9d}|[\\[\\]\\x00-\\x7f]|\\PC|\u{7}|\u{202e}){0,40}")| {
            let out = fit(&text, false);
            let acts = |c: char| c.is_control() && !matches!(c, '\n' | '\t') || reorders(c);
            assert!(!out.contains(acts), "{text:?} gave {out:?}");
            let json = serde_json::to_string(&text).unwrap();
            let out = fit_json(&json);
            assert!(!out.contains(|c: char| c.is_control() || reorders(c)), "{out:?}");
            assert_eq!(serde_json::from_str::<String>(&out).unwrap(), text);
        });
    }

    #[test]
    fn cutting_keeps_within_the_columns() {
        assert_eq!(cut("short", 5), "short");
        assert_eq!(cut("longer", 5), "long…");
        assert_eq!(cut("世界世界", 5), "世界…");
        assert_eq!(cut("世界世界", 4), "世…");
        assert_eq!(cut("x", 0), "");
        proptest::proptest!(|(text in "\\PC{0,40}", columns in 0_usize..50)| {
            assert!(width(&cut(&text, columns)) <= columns);
        });
    }

    #[test]
    fn lines_break_between_words() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("a /very/long/path b", 6), ["a", "/very/long/path", "b"]);
        assert!(wrap("", 7).is_empty());
    }

    #[test]
    fn times_and_sizes_are_readable() {
        for (seconds, text) in [
            (0.0, "0.0s"),
            (12.34, "12.3s"),
            (59.94, "59.9s"),
            (59.96, "1m 00s"),
            (125.0, "2m 05s"),
            (3725.0, "1h 02m 05s"),
            (-1.0, "0.0s"),
            (f64::NAN, "0.0s"),
        ] {
            assert_eq!(duration(seconds), text);
        }
        for (seconds, text) in [(45, "45s"), (900, "15m"), (905, "15m 05s"), (3600, "1h"), (3660, "1h 01m")] {
            assert_eq!(round(seconds), text);
        }
        for (number, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1536, "1.5 KiB"),
            (1024 * 1024 - 1, "1.0 MiB"),
            (1 << 30, "1.0 GiB"),
            (u64::MAX, "16384.0 PiB"),
        ] {
            assert_eq!(bytes(number), text);
        }
    }
}
