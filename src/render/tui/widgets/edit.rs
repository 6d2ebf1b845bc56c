//! One line of text that is being typed.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use unicode_segmentation::UnicodeSegmentation as _;

use crate::render::text;

/// The longest text that can be typed or pasted.
const LONGEST: usize = 4096;

/// A text and where the next letter goes. What people see as one letter is one, however many characters it has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LineEdit {
    letters: Vec<String>,
    at: usize,
}

impl LineEdit {
    /// With a text to change, the cursor behind it.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let letters: Vec<String> = text.graphemes(true).map(str::to_owned).collect();
        Self { at: letters.len(), letters }
    }

    /// The text as it is.
    #[must_use]
    pub fn text(&self) -> String {
        self.letters.concat()
    }

    /// Takes a key in; whether it meant anything here.
    pub fn key(&mut self, key: KeyEvent) -> bool {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match (key.code, control) {
            (KeyCode::Char('a'), true) | (KeyCode::Home, _) => self.at = 0,
            (KeyCode::Char('e'), true) | (KeyCode::End, _) => self.at = self.letters.len(),
            (KeyCode::Char('u'), true) => {
                self.letters.drain(..self.at);
                self.at = 0;
            }
            (KeyCode::Char('w'), true) => {
                let word = self.letters[..self.at].iter().rposition(|letter| letter != " ").unwrap_or(0);
                let start = self.letters[..word].iter().rposition(|letter| letter == " ").map_or(0, |space| space + 1);
                self.letters.drain(start..self.at);
                self.at = start;
            }
            (KeyCode::Char(c), false) if !key.modifiers.contains(KeyModifiers::ALT) => self.insert(&c.to_string()),
            (KeyCode::Backspace, _) if self.at > 0 => {
                self.at -= 1;
                self.letters.remove(self.at);
            }
            (KeyCode::Delete, _) if self.at < self.letters.len() => {
                self.letters.remove(self.at);
            }
            (KeyCode::Left, _) => self.at = self.at.saturating_sub(1),
            (KeyCode::Right, _) => self.at = (self.at + 1).min(self.letters.len()),
            _ => return false,
        }
        true
    }

    /// Adds a text at the cursor, without what a terminal would act on.
    pub fn insert(&mut self, text: &str) {
        // A combining mark joins the letter before it.
        let before = self.letters[..self.at].concat() + &text::clean_part(text);
        let mut letters: Vec<String> = before.graphemes(true).map(str::to_owned).collect();
        let after = self.letters.split_off(self.at);
        letters.truncate(LONGEST.saturating_sub(after.len()));
        self.at = letters.len();
        letters.extend(after);
        self.letters = letters;
    }

    /// What of it fits into so many columns, and in which of them the cursor is.
    #[must_use]
    pub fn view(&self, columns: usize) -> (String, usize) {
        let wide = |letters: &[String]| letters.iter().map(|letter| text::width(letter)).sum::<usize>();
        let mut from = 0;
        // The cursor needs a column of its own behind the text.
        while wide(&self.letters[from..self.at]) + 1 > columns.max(1) {
            from += 1;
        }
        let mut to = self.at;
        while to < self.letters.len() && wide(&self.letters[from..=to]) <= columns {
            to += 1;
        }
        (self.letters[from..to].concat(), wide(&self.letters[from..self.at]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(keys: &[(KeyCode, KeyModifiers)]) -> LineEdit {
        let mut edit = LineEdit::new("one two");
        for (code, modifiers) in keys {
            edit.key(KeyEvent::new(*code, *modifiers));
        }
        edit
    }

    const NONE: KeyModifiers = KeyModifiers::NONE;
    const CTRL: KeyModifiers = KeyModifiers::CONTROL;

    #[test]
    fn keys_do_what_they_do_in_a_shell() {
        assert_eq!(typed(&[(KeyCode::Char('!'), NONE)]).text(), "one two!");
        assert_eq!(typed(&[(KeyCode::Char('w'), CTRL)]).text(), "one ");
        assert_eq!(typed(&[(KeyCode::Char('w'), CTRL), (KeyCode::Char('w'), CTRL)]).text(), "");
        assert_eq!(typed(&[(KeyCode::Char('u'), CTRL)]).text(), "");
        assert_eq!(typed(&[(KeyCode::Home, NONE), (KeyCode::Delete, NONE)]).text(), "ne two");
        assert_eq!(typed(&[(KeyCode::Left, NONE), (KeyCode::Backspace, NONE)]).text(), "one to");
        assert!(!LineEdit::new("").key(KeyEvent::new(KeyCode::F(5), NONE)));
    }

    #[test]
    fn a_letter_is_what_people_see() {
        let mut edit = LineEdit::new("e");
        edit.insert("\u{301}");
        assert_eq!(edit.view(10), ("e\u{301}".to_owned(), 1));
        edit.key(KeyEvent::new(KeyCode::Backspace, NONE));
        assert_eq!(edit.text(), "");
        edit.insert("привет\u{1b}[2J\nмир");
        assert_eq!(edit.text(), "привет мир");
    }

    #[test]
    fn the_cursor_is_always_in_view() {
        let edit = LineEdit::new("世界世界 abc");
        assert_eq!(edit.view(6), (" abc".to_owned(), 4));
        assert_eq!(edit.view(0), (String::new(), 0));
        let mut start = edit;
        start.key(KeyEvent::new(KeyCode::Home, NONE));
        assert_eq!(start.view(5), ("世界".to_owned(), 0));
    }
}
