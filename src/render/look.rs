//! What the terminal can show.

use std::os::fd::AsFd;

/// How a text that is printed once is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Columns to keep within; `usize::MAX` where there is no terminal, so that lines stay whole.
    pub width: usize,
    /// Whether escape codes for colours may be used.
    pub color: bool,
    /// Whether everything is shown, not only the first reasons.
    pub verbose: bool,
}

/// How a run is shown while it lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineOptions {
    /// Whether escape codes for colours may be used.
    pub color: bool,
    /// Whether the last lines may be cleared and drawn again.
    pub live: bool,
    /// Columns of the terminal; `usize::MAX` where there is none.
    pub width: usize,
    /// Rows of the terminal.
    pub height: usize,
    /// Whether unchanged steps, starts and all log lines are shown too.
    pub verbose: bool,
}

/// What is assumed where a terminal does not report its size (serial consoles report 0).
const USUAL: (usize, usize) = (80, 24);

impl LineOptions {
    /// For what is written to `stream`. `plain` turns off colours and redrawing.
    #[must_use]
    pub fn of(stream: impl AsFd, plain: bool, verbose: bool) -> Self {
        let terminal = rustix::termios::isatty(&stream);
        Self::detect(terminal, size(stream), plain, verbose, |name| std::env::var(name).ok())
    }

    /// The same from facts: whether it is a terminal, its columns and rows, and the environment.
    #[must_use]
    pub fn detect(
        terminal: bool,
        size: Option<(usize, usize)>,
        plain: bool,
        verbose: bool,
        env: impl Fn(&str) -> Option<String>,
    ) -> Self {
        let dumb = env("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
        let no_color = env("NO_COLOR").is_some_and(|value| !value.is_empty());
        let live = terminal && !plain && !dumb;
        let (width, height) = size.unwrap_or(USUAL);
        Self { color: live && !no_color, live, width: if terminal { width } else { usize::MAX }, height, verbose }
    }

    /// For texts that are printed once.
    #[must_use]
    pub const fn look(&self) -> Look {
        Look { width: self.width, color: self.color, verbose: self.verbose }
    }
}

/// Columns and rows of a terminal, `None` where it does not report them.
pub(super) fn size(stream: impl AsFd) -> Option<(usize, usize)> {
    let size = rustix::termios::tcgetwinsize(stream).ok()?;
    (size.ws_col > 0 && size.ws_row > 0).then(|| (usize::from(size.ws_col), usize::from(size.ws_row)))
}

/// The size of the screens: what the terminal reports, or the usual one where it reports 0.
pub(super) const fn screen_size(reported: (u16, u16)) -> (u16, u16) {
    if reported.0 == 0 || reported.1 == 0 { (80, 24) } else { reported }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detect(terminal: bool, plain: bool, env: &[(&str, &str)]) -> LineOptions {
        LineOptions::detect(terminal, Some((100, 30)), plain, false, |name| {
            env.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn a_terminal_that_does_not_report_its_size_has_the_usual_one() {
        assert_eq!(screen_size((0, 0)), (80, 24));
        assert_eq!(screen_size((0, 50)), (80, 24));
        assert_eq!(screen_size((132, 0)), (80, 24));
        assert_eq!(screen_size((40, 10)), (40, 10));
    }

    #[test]
    fn the_environment_decides_what_the_terminal_is_asked_to_do() {
        let xterm = ("TERM", "xterm-256color");
        let all = detect(true, false, &[xterm]);
        assert!(all.color && all.live && all.width == 100 && all.height == 30);
        let no_color = detect(true, false, &[xterm, ("NO_COLOR", "1")]);
        assert!(!no_color.color && no_color.live);
        assert!(detect(true, false, &[xterm, ("NO_COLOR", "")]).color, "an empty NO_COLOR means nothing");
        for quiet in [detect(true, false, &[("TERM", "dumb")]), detect(true, false, &[]), detect(true, true, &[xterm])]
        {
            assert!(!quiet.color && !quiet.live && quiet.width == 100);
        }
        let pipe = detect(false, false, &[xterm]);
        assert!(!pipe.color && !pipe.live && pipe.width == usize::MAX);
        assert_eq!(LineOptions::detect(true, None, false, false, |_| None).width, 80);
    }
}
