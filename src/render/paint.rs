//! Colours, and lines in coloured pieces.

use super::{language, text};

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

    /// With a piece more, in the language of the reader.
    pub(super) fn add(mut self, paint: Paint, text: impl AsRef<str>) -> Self {
        self.0.push((paint, language::shown(text.as_ref())));
        self
    }

    /// With a piece that others wrote, such as a line of a log.
    pub(super) fn verbatim(mut self, paint: Paint, text: impl AsRef<str>) -> Self {
        self.0.push((paint, text::clean(text.as_ref())));
        self
    }

    /// With a piece of our own, its spaces kept.
    pub(super) fn add_label(mut self, paint: Paint, label: &str) -> Self {
        self.0.push((paint, language::label(label).into_owned()));
        self
    }

    /// With a piece more, in a column.
    pub(super) fn column(mut self, paint: Paint, text: impl AsRef<str>, columns: usize) -> Self {
        let text = text::pad(&language::shown(text.as_ref()), columns);
        self.0.push((paint, text));
        self
    }

    /// With a piece more, to the right of a column.
    pub(super) fn right(mut self, paint: Paint, text: impl AsRef<str>, columns: usize) -> Self {
        let text = language::shown(text.as_ref());
        let fill = " ".repeat(columns.saturating_sub(text::width(&text)));
        self.0.push((paint, format!("{fill}{text}")));
        self
    }

    /// With so many spaces more.
    pub(super) fn gap(mut self, columns: usize) -> Self {
        self.0.push((Paint::Plain, " ".repeat(columns)));
        self
    }

    /// With another line's pieces behind it.
    pub(super) fn join(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// The pieces.
    pub(super) fn pieces(&self) -> &[(Paint, String)] {
        &self.0
    }

    /// Columns that it takes.
    pub(super) fn width(&self) -> usize {
        self.0.iter().map(|(_, text)| text::width(text)).sum()
    }

    /// At most so many columns, "…" where it is cut.
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

    /// The same in lines of at most so many columns, further ones moved in as far as the first is. A word that is longer
    /// is broken: here everything is to be read.
    pub(super) fn wrapped(self, columns: usize) -> Vec<Self> {
        if self.width() <= columns || columns == 0 {
            return vec![self];
        }
        let blank = |c: &char| *c == ' ';
        let indent = self.0.iter().flat_map(|(_, text)| text.chars()).take_while(blank).count();
        // The widest letter has two columns.
        let indent = indent.min(columns.saturating_sub(2) / 2);
        let mut lines = vec![Self::new()];
        let mut used = 0;
        for (paint, text) in self.0 {
            for word in text.split_inclusive(' ') {
                let wide = text::width(word.trim_end());
                if used + wide > columns && used > indent {
                    lines.push(Self::indent(indent));
                    used = indent;
                }
                for c in word.chars() {
                    let one = text::width(c.encode_utf8(&mut [0; 4]));
                    if used + one > columns {
                        if c == ' ' {
                            continue;
                        }
                        lines.push(Self::indent(indent));
                        used = indent;
                    }
                    used += one;
                    if let Some(line) = lines.last_mut() {
                        match line.0.last_mut() {
                            Some((last, text)) if *last == paint => text.push(c),
                            _ => line.0.push((paint, c.to_string())),
                        }
                    }
                }
            }
        }
        lines
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_where_they_must_be() {
        let line = Spans::indent(2)
            .add_label(Paint::Dim, "event: ")
            .add(Paint::Plain, "failed to pull r.site:5000/a-very-long-name");
        let lines = |columns| -> Vec<String> {
            line.clone().wrapped(columns).into_iter().map(|line| line.render(false)).collect()
        };
        assert_eq!(lines(80), ["  event: failed to pull r.site:5000/a-very-long-name"]);
        assert_eq!(lines(24), ["  event: failed to pull", "  r.site:5000/a-very-lon", "  g-name"]);
        assert_eq!(lines(0).len(), 1);
        proptest::proptest!(|(text in "[a-zё世 ]{0,60}", columns in 2_usize..30)| {
            let letters = |text: &str| text.chars().filter(|c| *c != ' ').collect::<String>();
            let lines = Spans::new().add_label(Paint::Plain, &text).wrapped(columns);
            let all: String = lines.iter().map(|line| line.clone().render(false)).collect();
            assert_eq!(letters(&all), letters(&text));
            assert!(lines.iter().all(|line| line.width() <= columns), "{lines:?}");
        });
    }
}
