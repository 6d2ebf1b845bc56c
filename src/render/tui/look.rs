//! How things look: colours, glyphs, and the language of the texts.

use ratatui::style::{Color, Modifier, Style};

use super::words::Word;
use crate::render::language::{self, Lang};
use crate::render::paint::Paint;

/// What the terminal can show, and the user's choices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// The language.
    pub lang: Lang,
    /// Whether colours may be used; nothing depends on them.
    pub color: bool,
    /// Whether only ASCII may be used for lines and marks.
    pub ascii: bool,
}

/// Marks of our own. Each stands beside a word that says the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Glyph {
    Cursor,
    On,
    Off,
    Chosen,
    NotChosen,
    Waiting,
    Running,
    Done,
    Unchanged,
    Failed,
    Blocked,
    Stopped,
    Warning,
    Across,
    Bar,
    Corner,
    Full,
    Empty,
    Middle,
    Path,
}

impl Look {
    /// A text of ours in the user's language.
    pub(super) fn say(self, word: Word) -> &'static str {
        word.of(self.lang)
    }

    /// A time as `text` writes it, `1m 05s`, in the user's language.
    pub(super) fn time(self, time: &str) -> String {
        language::time(self.lang, time)
    }

    pub(super) const fn glyph(self, glyph: Glyph) -> &'static str {
        let (full, ascii) = match glyph {
            Glyph::Cursor => ("❯", ">"),
            Glyph::On => ("[✓]", "[x]"),
            Glyph::Off => ("[ ]", "[ ]"),
            Glyph::Chosen => ("(•)", "(*)"),
            Glyph::NotChosen => ("( )", "( )"),
            Glyph::Waiting => ("·", "."),
            Glyph::Running => ("▶", ">"),
            Glyph::Done => ("✓", "+"),
            Glyph::Unchanged => ("=", "="),
            Glyph::Failed => ("✗", "x"),
            Glyph::Blocked => ("⊘", "%"),
            Glyph::Stopped => ("■", "#"),
            Glyph::Warning => ("!", "!"),
            Glyph::Across => ("─", "-"),
            Glyph::Bar => ("│", "|"),
            Glyph::Corner => ("└", "`"),
            Glyph::Full => ("█", "#"),
            Glyph::Empty => ("░", "."),
            Glyph::Middle => (" · ", " | "),
            Glyph::Path => ("◆", "*"),
        };
        if self.ascii { ascii } else { full }
    }

    /// Cyan, yellow and red are distinguished by colour-blind eyes, and a word repeats the meaning of each.
    pub(super) fn style(self, paint: Paint) -> Style {
        let style = match paint {
            Paint::Plain => Style::new(),
            Paint::Bold => Style::new().add_modifier(Modifier::BOLD),
            Paint::Dim => Style::new().add_modifier(Modifier::DIM),
            Paint::Good => Style::new().fg(Color::Cyan),
            Paint::Bad => Style::new().fg(Color::Red).add_modifier(Modifier::BOLD),
            Paint::Warn => Style::new().fg(Color::Yellow),
            Paint::Accent => Style::new().fg(Color::LightBlue),
        };
        if self.color { style } else { Style { fg: None, ..style } }
    }

    /// The row or piece that keys act on.
    pub(super) fn selected(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }
}
