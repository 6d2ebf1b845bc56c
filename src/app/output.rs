//! Where texts go: results to stdout, everything else to stderr.

use std::io::{self, IsTerminal as _, Write as _};

use serde::Serialize;

use super::exit::{Exit, Failed, OrExit as _};
use crate::cli::Global;
use crate::event::{Envelope, RunState};
use crate::render::{self, LineOptions, Look, json::Json, line::Line};

/// The two streams and what they can show.
pub(super) struct Output {
    /// `--json`.
    pub json: bool,
    options: LineOptions,
    error_color: bool,
}

/// What shows a run.
pub(super) enum Renderer {
    /// For people.
    Line(Box<Line>),
    /// For machines.
    Json(Json),
}

impl Output {
    pub(super) fn new(global: &Global) -> Self {
        let verbose = global.verbose > 0;
        Self {
            json: global.json,
            options: LineOptions::of(io::stdout(), global.plain, verbose),
            error_color: LineOptions::of(io::stderr(), global.plain, verbose).color,
        }
    }

    pub(super) const fn look(&self) -> Look {
        self.options.look()
    }

    /// Whether a question can be asked.
    pub(super) fn can_ask(&self) -> bool {
        !self.json && io::stdin().is_terminal() && io::stdout().is_terminal()
    }

    /// Prints a text on stdout. A reader that has gone away (`| head`) is no error.
    pub(super) fn text(&self, text: &str) -> Result<(), Failed> {
        self.bytes(text.as_bytes())
    }

    pub(super) fn bytes(&self, bytes: &[u8]) -> Result<(), Failed> {
        let mut out = io::stdout().lock();
        match out.write_all(bytes).and_then(|()| out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failed::new(Exit::Unexpected, error)),
            _ => Ok(()),
        }
    }

    /// Prints one JSON object on one line.
    pub(super) fn value(&self, value: &impl Serialize) -> Result<(), Failed> {
        let mut text = serde_json::to_string(value).or_exit(Exit::Unexpected)?;
        text.push('\n');
        self.text(&text)
    }

    /// Prints a remark for people on stderr; machines do not get it.
    pub(super) fn remark(&self, text: &str) {
        if !self.json {
            // Nobody is left to tell if stderr is closed.
            let _ = writeln!(io::stderr(), "{text}");
        }
    }

    /// Prints why a command ended.
    pub(super) fn error(&self, failed: &Failed) {
        let chain = failed.chain();
        if self.json {
            let value = serde_json::json!({"error": chain, "exit": failed.exit as u8});
            let _ = self.value(&value);
        }
        let _ = io::stderr().write_all(render::error(&chain, self.error_color).as_bytes());
    }

    pub(super) fn renderer(&self) -> Renderer {
        if self.json {
            return Renderer::Json(Json::new(Box::new(io::stdout())));
        }
        Renderer::Line(Box::new(Line::new(Box::new(io::stdout()), self.options)))
    }

    /// Asks; only where [`can_ask`](Self::can_ask).
    pub(super) fn ask(&self, question: &str) -> Result<String, Failed> {
        self.text(question)?;
        let mut answer = String::new();
        io::stdin().read_line(&mut answer).or_exit(Exit::Unexpected)?;
        Ok(answer.trim().to_owned())
    }
}

impl Renderer {
    pub(super) fn event(&mut self, envelope: &Envelope, state: &RunState) -> io::Result<()> {
        match self {
            Self::Line(line) => line.event(envelope, state),
            Self::Json(json) => json.event(envelope),
        }
    }

    pub(super) fn tick(&mut self, state: &RunState) -> io::Result<()> {
        match self {
            Self::Line(line) => {
                // The window may have another size than a moment ago; asking costs less than a signal's handler.
                let now = LineOptions::of(io::stdout(), false, false);
                line.resize(now.width, now.height);
                line.tick(state)
            }
            Self::Json(_) => Ok(()),
        }
    }

    pub(super) fn clear(&mut self) {
        if let Self::Line(line) = self {
            // What cannot be cleared is only not pretty.
            let _ = line.clear();
        }
    }
}
