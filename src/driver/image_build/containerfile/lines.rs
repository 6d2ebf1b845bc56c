//! A Containerfile as lines and words, each letter with its place.

use crate::model::yaml::{Findings, Pos};

/// A letter and where it stands.
pub(super) type Letter = (char, Pos);

/// An instruction as it stands, its lines joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line(pub(super) Vec<Letter>);

impl Line {
    /// Where it begins.
    pub(super) fn pos(&self) -> Pos {
        self.0.first().map(|(_, pos)| *pos).unwrap_or_default()
    }

    /// Its words, with their quotes: a space within quotes, or after a backslash, ends none. `None` where a quote does not end.
    pub(super) fn words(&self) -> Option<Vec<Vec<Letter>>> {
        let mut words = Vec::new();
        let mut word: Vec<Letter> = Vec::new();
        let (mut quote, mut escaped) = (None, false);
        for letter in &self.0 {
            let (sign, _) = *letter;
            match (quote, sign) {
                _ if escaped => escaped = false,
                (None | Some('"'), '\\') => escaped = true,
                (None, '"' | '\'') => quote = Some(sign),
                (Some(open), sign) if open == sign => quote = None,
                (None, sign) if sign.is_whitespace() => {
                    if !word.is_empty() {
                        words.push(std::mem::take(&mut word));
                    }
                    continue;
                }
                _ => {}
            }
            word.push(*letter);
        }
        if !word.is_empty() {
            words.push(word);
        }
        quote.is_none().then_some(words)
    }
}

/// The text of letters.
pub(super) fn text(letters: &[Letter]) -> String {
    letters.iter().map(|(sign, _)| *sign).collect()
}

/// The instructions of a file. Comments and empty lines are skipped, within an instruction too.
pub(super) fn lines(file: &str, whole: &str, findings: &mut Findings) -> Vec<Line> {
    let mut found: Vec<Line> = Vec::new();
    let mut open: Option<Vec<Letter>> = None;
    for (index, physical) in whole.split('\n').enumerate() {
        let line = index + 1;
        let trimmed = physical.trim();
        if let Some(comment) = trimmed.strip_prefix('#') {
            let directive: String = comment.chars().filter(|sign| !sign.is_whitespace()).collect();
            let escape = directive.to_ascii_lowercase();
            if found.is_empty() && open.is_none() && escape.starts_with("escape=") && escape != "escape=\\" {
                findings.add(file, Pos { line, column: 1 }, "only a backslash continues lines");
            }
            continue;
        }
        if trimmed.is_empty() {
            continue;
        }
        let end = physical.trim_end();
        let (kept, continued) = match end.strip_suffix('\\') {
            // Two of them are one that was meant.
            Some(kept) if !kept.ends_with('\\') => (kept, true),
            _ => (end, false),
        };
        let begun = open.is_some();
        let letters = open.get_or_insert_default();
        let place = |column: usize| Pos { line, column: column + 1 };
        let new = kept.chars().enumerate().map(|(column, sign)| (sign, place(column)));
        match begun {
            true => letters.extend(new),
            false => letters.extend(new.skip_while(|(sign, _)| sign.is_whitespace())),
        }
        if !continued {
            found.extend(open.take().filter(|letters| !letters.is_empty()).map(Line));
        }
    }
    found.extend(open.filter(|letters| !letters.is_empty()).map(Line));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text_: &str) -> Vec<(usize, usize, Vec<String>)> {
        let mut findings = Findings::default();
        let lines = lines("f", text_, &mut findings);
        assert!(findings.0.is_empty(), "{findings}");
        let words = |line: &Line| line.words().unwrap().iter().map(|word| text(word)).collect();
        lines.iter().map(|line| (line.pos().line, line.pos().column, words(line))).collect()
    }

    #[test]
    fn lines_are_joined_and_keep_their_places() {
        let found = read("# head\n\n  ENV a=1 \\\n# between\n\n    b=\"x y\" \\\n  c=\\ d\r\nUSER 1\\\\\n");
        assert_eq!(found[0], (3, 3, ["ENV", "a=1", "b=\"x y\"", "c=\\ d"].map(str::to_owned).to_vec()));
        assert_eq!(found[1], (8, 1, ["USER", "1\\\\"].map(str::to_owned).to_vec()));
        let mut findings = Findings::default();
        let all = lines("f", "A \\\n  bc", &mut findings);
        let words = all[0].words().unwrap();
        assert_eq!(words[1][1], ('c', Pos { line: 2, column: 4 }));
        assert!(lines("f", "A 'b", &mut findings)[0].words().is_none());
        assert_eq!(read("A \\\n"), [(1, 1, vec!["A".to_owned()])]);
        assert_eq!(read("#escape=\\\nA"), [(2, 1, vec!["A".to_owned()])]);
        lines("f", "# escape=`\nA", &mut findings);
        assert_eq!(findings.to_string(), "f:1:1: only a backslash continues lines");
    }
}
