//! A terminal that understands just what the footer uses, and refuses everything else.

/// What would be on the screen.
pub(super) struct Screen {
    width: usize,
    rows: Vec<String>,
    row: usize,
}

impl Screen {
    pub(super) fn new(width: usize) -> Self {
        Self { width, rows: vec![String::new()], row: 0 }
    }

    pub(super) fn feed(&mut self, text: &str) {
        let mut chars = text.chars();
        let mut column = 0;
        while let Some(c) = chars.next() {
            match c {
                '\r' => column = 0,
                '\n' => {
                    self.row += 1;
                    column = 0;
                    if self.row == self.rows.len() {
                        self.rows.push(String::new());
                    }
                }
                '\u{1b}' => {
                    assert_eq!(chars.next(), Some('['));
                    let sequence: String = chars.by_ref().take_while(|c| c.is_ascii_digit()).collect();
                    // `take_while` has eaten the final letter: an empty count is `ESC [ J`, another is `ESC [ n A`.
                    if sequence.is_empty() {
                        assert_eq!(column, 0, "only whole lines are cleared");
                        self.rows.truncate(self.row);
                        self.rows.push(String::new());
                    } else {
                        let up: usize = sequence.parse().unwrap();
                        assert!(up <= self.row, "the cursor would leave the screen");
                        self.row -= up;
                    }
                }
                c => {
                    if column == self.width {
                        self.row += 1;
                        column = 0;
                        self.rows.insert(self.row, String::new());
                    }
                    assert!(!c.is_control(), "{c:?}");
                    self.rows[self.row].push(c);
                    column += 1;
                }
            }
        }
        assert_eq!(column, 0, "the cursor is left at the beginning of a line");
    }

    pub(super) fn text(&self) -> String {
        self.rows.join("\n")
    }
}
