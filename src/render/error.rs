//! Errors with their causes.

use super::paint::{Paint, Spans, join};
use super::{language, text};

/// An error and its causes, outermost first: `error: …`, then `cause: …` indented. Ends with a newline.
#[must_use]
pub fn error(chain: &[String], color: bool) -> String {
    join(chain_lines(chain, 0), color)
}

/// The lines of a chain, causes two columns further in.
pub(super) fn chain_lines(chain: &[String], indent: usize) -> Vec<Spans> {
    let mut lines = Vec::new();
    for (index, message) in distinct(chain).into_iter().enumerate() {
        let (label, paint, indent) =
            if index == 0 { ("error: ", Paint::Bad, indent) } else { ("cause: ", Paint::Warn, indent + 2) };
        let wide = text::width(&language::label(label));
        // As a whole first: what its lines are made of is known together.
        for (row, line) in text::clean_lines(&language::say_lines(message)).into_iter().enumerate() {
            let start = Spans::indent(indent);
            let start = if row == 0 { start.add_label(paint, label) } else { start.gap(wide) };
            lines.push(start.verbatim(Paint::Plain, line));
        }
    }
    lines
}

/// The messages that no message above them contains: many errors repeat their source.
fn distinct(chain: &[String]) -> Vec<&str> {
    let mut kept: Vec<&str> = Vec::new();
    for message in chain.iter().map(|message| message.trim()).filter(|message| !message.is_empty()) {
        if !kept.iter().any(|above| says(above, message)) {
            kept.push(message);
        }
    }
    kept
}

/// Whether a text contains another as whole words.
fn says(text: &str, part: &str) -> bool {
    let word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    text.match_indices(part).any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + part.len()..]);
        let opens = word(part.chars().next()) && word(before.chars().next_back());
        let closes = word(part.chars().next_back()) && word(after.chars().next());
        !opens && !closes
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(chain: &[&str]) -> String {
        error(&chain.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>(), false)
    }

    #[test]
    fn a_cause_is_shown_once() {
        assert_eq!(plain(&["failed to read a.yaml"]), "error: failed to read a.yaml\n");
        assert_eq!(
            plain(&["failed to read a.yaml", "permission denied"]),
            "error: failed to read a.yaml\n  cause: permission denied\n"
        );
        assert_eq!(plain(&["connect: refused", "refused", "refused"]), "error: connect: refused\n");
        assert_eq!(plain(&["nothing came", "no"]), "error: nothing came\n  cause: no\n", "part of a word is no word");
        assert_eq!(plain(&["a", "", "  b\n"]), "error: a\n  cause: b\n");
        assert_eq!(plain(&[]), "");
    }

    #[test]
    fn further_lines_stand_under_the_first() {
        assert_eq!(
            plain(&["helm failed", "line one\n\nline \u{1b}[31mtwo\u{1b}[0m"]),
            "error: helm failed\n  cause: line one\n         line two\n"
        );
    }
}
