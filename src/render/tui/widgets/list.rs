//! Rows of which one is where keys act.

use std::ops::Range;

use crate::render::tui::keymap::Command;

/// Which row keys act on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cursor(pub usize);

impl Cursor {
    /// Moves within so many rows, of which a page can be seen; whether the command was one to move.
    pub fn moved(&mut self, command: Command, rows: usize, page: usize) -> bool {
        let last = rows.saturating_sub(1);
        let page = page.max(1);
        self.0 = match command {
            Command::Up => self.0.saturating_sub(1),
            Command::Down => (self.0 + 1).min(last),
            Command::PageUp => self.0.saturating_sub(page),
            Command::PageDown => (self.0 + page).min(last),
            Command::First => 0,
            Command::Last => last,
            _ => return false,
        };
        true
    }

    /// Back within so many rows.
    pub fn within(&mut self, rows: usize) {
        self.0 = self.0.min(rows.saturating_sub(1));
    }
}

/// Which of so many rows are shown in a height: the cursor's, with as much before as behind where there is room.
pub(crate) fn rows(cursor: usize, rows: usize, height: u16) -> Range<usize> {
    let height = usize::from(height);
    let from = cursor.saturating_sub(height / 2).min(rows.saturating_sub(height));
    from..rows.min(from + height)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_stays_within_and_in_view() {
        let mut cursor = Cursor::default();
        for (command, at) in [
            (Command::Up, 0),
            (Command::Down, 1),
            (Command::PageDown, 6),
            (Command::Last, 9),
            (Command::Down, 9),
            (Command::PageUp, 4),
            (Command::First, 0),
        ] {
            assert!(cursor.moved(command, 10, 5));
            assert_eq!(cursor.0, at);
            assert!(rows(cursor.0, 10, 5).contains(&cursor.0));
        }
        assert!(!cursor.moved(Command::Enter, 10, 5));
        assert_eq!(rows(0, 0, 5), 0..0);
        assert_eq!(rows(9, 10, 4), 6..10);
        assert_eq!(rows(2, 3, 10), 0..3);
    }
}
