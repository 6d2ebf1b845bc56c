//! Colours, and lines in coloured pieces.

use super::text;

/// The few looks that a piece of text can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Paint {
    Plain,
    Bold,
    Dim,
    Good,
    Bad,
    Warn,
    Accent,
}

impl Paint {
    /// Only the sixteen colours that every terminal's theme defines.
    const fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Bold => "\u{1b}[1m",
            Self::Dim => "\u{1b}[2m",
            Self::Good => "\u{1b}[32m",
            Self::Bad => "\u{1b}[1;31m",
            Self::Warn => "\u{1b}[33m",
            Self::Accent => "\u{1b}[36m",
        }
    }
}

/// A line in pieces. What is added is cleaned, so nothing that reaches the terminal comes from elsewhere unseen.
#[derive(Debug, Clone, Default)]
pub(super) struct Spans(Vec<(Paint, String)>);

impl Spans {
    /// An empty line.
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// A line that begins with so many spaces.
    pub(super) fn indent(columns: usize) -> Self {
        Self(vec![(Paint::Plain, " ".repeat(columns))])
    }

    /// With a piece more.
    pub(super) fn add(mut self, paint: Paint, text: impl AsRef<str>) -> Self {
        self.0.push((paint, text::clean(text.as_ref())));
        self
    }

    /// With a piece of our own, its trailing spaces kept.
    pub(super) fn add_label(mut self, paint: Paint, label: &str) -> Self {
        self.0.push((paint, label.to_owned()));
        self
    }

    /// With a piece more, in a column.
    pub(super) fn column(mut self, paint: Paint, text: impl AsRef<str>, columns: usize) -> Self {
        let text = text::pad(&text::clean(text.as_ref()), columns);
        self.0.push((paint, text));
        self
    }

    /// With a piece more, to the right of a column.
    pub(super) fn right(mut self, paint: Paint, text: impl AsRef<str>, columns: usize) -> Self {
        let text = text::clean(text.as_ref());
        let fill = " ".repeat(columns.saturating_sub(text::width(&text)));
        self.0.push((paint, format!("{fill}{text}")));
        self
    }

    /// With so many spaces more.
    pub(super) fn gap(mut self, columns: usize) -> Self {
        self.0.push((Paint::Plain, " ".repeat(columns)));
        self
    }

    /// Columns that it takes.
    pub(super) fn width(&self) -> usize {
        self.0.iter().map(|(_, text)| text::width(text)).sum()
    }

    /// At most so many columns, "…" where something is left out.
    pub(super) fn cut(self, columns: usize) -> Self {
        if self.width() <= columns {
            return self;
        }
        let mut left = columns;
        let mut kept = Vec::new();
        for (paint, text) in self.0 {
            let wide = text::width(&text);
            if wide >= left {
                // One more column than there is room for makes `cut` leave its mark.
                kept.push((paint, text::cut(&format!("{text}  "), left)));
                break;
            }
            left -= wide;
            kept.push((paint, text));
        }
        Self(kept)
    }

    /// As text, without trailing spaces and without a line's end.
    pub(super) fn render(mut self, color: bool) -> String {
        while let Some((_, text)) = self.0.last_mut() {
            text.truncate(text.trim_end().len());
            if text.is_empty() {
                self.0.pop();
            } else {
                break;
            }
        }
        let mut out = String::new();
        for (paint, text) in &self.0 {
            let painted = color && *paint != Paint::Plain && !text.trim().is_empty();
            if painted {
                out.push_str(paint.code());
            }
            out.push_str(text);
            if painted {
                out.push_str("\u{1b}[0m");
            }
        }
        out
    }
}

/// Lines as one text, each with its end.
pub(super) fn join(lines: impl IntoIterator<Item = Spans>, color: bool) -> String {
    lines.into_iter().fold(String::new(), |mut out, line| {
        out.push_str(&line.render(color));
        out.push('\n');
        out
    })
}
