//! One line of text that is being typed.

use crossterm::event::{Event, KeyEvent};
use tui_input::backend::crossterm::to_input_request;
use tui_input::{Input, InputRequest};

use crate::render::text;

/// The longest text that can be typed or pasted, in characters.
const LONGEST: usize = 4096;

/// A text and where the next letter goes. What people see as one letter is one, however many characters it has.
#[derive(Debug, Clone, Default)]
pub struct LineEdit(Input);

impl PartialEq for LineEdit {
    fn eq(&self, other: &Self) -> bool {
        (self.0.value(), self.0.cursor()) == (other.0.value(), other.0.cursor())
    }
}

impl Eq for LineEdit {}

impl LineEdit {
    /// With a text to change, the cursor behind it.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(Input::new(text.to_owned()))
    }

    /// The text as it is.
    #[must_use]
    pub fn text(&self) -> String {
        self.0.value().to_owned()
    }

    /// Takes a key in; whether it meant anything here.
    pub fn key(&mut self, key: KeyEvent) -> bool {
        match to_input_request(&Event::Key(key)) {
            Some(InputRequest::InsertChar(c)) => self.insert(c.encode_utf8(&mut [0; 4])),
            Some(request) => drop(self.0.handle(request)),
            None => return false,
        }
        true
    }

    /// Adds a text at the cursor, without what a terminal would act on.
    pub fn insert(&mut self, text: &str) {
        let room = LONGEST.saturating_sub(self.0.value().chars().count());
        for c in text::clean_part(text).chars().take(room) {
            self.0.handle(InputRequest::InsertChar(c));
        }
    }

    /// What of it fits into so many columns, and in which of them the cursor is.
    #[must_use]
    pub fn view(&self, columns: usize) -> (String, usize) {
        // The cursor needs a column of its own behind the text.
        let scroll = self.0.visual_scroll(columns.saturating_sub(1));
        let (mut shown, mut at) = (String::new(), 0);
        for c in self.0.value().chars() {
            let wide = text::width(c.encode_utf8(&mut [0; 4]));
            if at >= scroll && (wide > 0 || !shown.is_empty()) {
                if at + wide > scroll + columns {
                    break;
                }
                shown.push(c);
            }
            at += wide;
        }
        (shown, self.0.visual_cursor().saturating_sub(scroll))
    }
}

#[cfg(test)]
mod tests {
    use crossterm::event::{KeyCode, KeyModifiers};

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
