//! Where texts go: results to stdout, everything else to stderr.

use std::io::{self, IsTerminal as _, Write as _};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::Serialize;
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;

use super::exit::{Exit, Failed, OrExit as _};
use crate::cli::Global;
use crate::event::{Envelope, RunState};
use crate::model::known;
use crate::render::tui::{BackendEvent, Ended};
use crate::render::{self, LineOptions, Look, SummaryExtras, json::Json, language, line::Line};

/// The number of what is printed with `--json` and has no other: docs/json.md.
const OUTPUT_SCHEMA: u32 = 1;

/// The two streams and what they can show.
pub(super) struct Output {
    /// `--json`.
    pub json: bool,
    options: LineOptions,
    error_color: bool,
    /// Where everything goes while screens are shown.
    screens: Option<UnboundedSender<BackendEvent>>,
}

/// Where remarks go. Whatever runs beside a command may keep one.
#[derive(Clone)]
pub(super) struct Remarks {
    json: bool,
    screens: Option<UnboundedSender<BackendEvent>>,
}

/// What shows a run.
pub(super) enum Renderer {
    /// For people.
    Line(Box<Line>),
    /// For machines.
    Json(Json),
    /// For the screens.
    Screens(UnboundedSender<BackendEvent>),
}

/// Says something on stderr beside all else, in the language of the reader.
pub(super) fn say_stderr(text: &str) {
    print_stderr(&language::say_lines(text));
}

/// Prints a text on stderr as it is, without anything that the terminal would act on.
pub(super) fn print_stderr(text: &str) {
    // A closed stderr is ignored.
    let _ = writeln!(io::stderr(), "{}", render::fit(text, false));
}

impl Output {
    pub(super) fn new(global: &Global) -> Self {
        let verbose = global.verbose > 0;
        Self {
            json: global.json,
            options: LineOptions::of(io::stdout(), global.plain, verbose),
            error_color: LineOptions::of(io::stderr(), global.plain, verbose).color,
            screens: None,
        }
    }

    /// The same while screens are shown: nothing is written, events and remarks go there.
    pub(super) const fn to_screens(&self, screens: UnboundedSender<BackendEvent>) -> Self {
        Self { json: false, options: self.options, error_color: self.error_color, screens: Some(screens) }
    }

    pub(super) const fn look(&self) -> Look {
        self.options.look()
    }

    /// Whether a question can be asked.
    pub(super) fn can_ask(&self) -> bool {
        !self.json && self.screens.is_none() && io::stdin().is_terminal() && io::stdout().is_terminal()
    }

    /// Prints a text on stdout, without control sequences. A closed pipe (`| head`) is not
    /// an error.
    pub(super) fn text(&self, text: &str) -> Result<(), Failed> {
        if self.screens.is_some() {
            return Ok(());
        }
        let text = render::fit(text, self.options.color);
        let mut out = io::stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failed::new(Exit::Unexpected, error)),
            _ => Ok(()),
        }
    }

    /// Prints something for people on stdout, in the language of the reader.
    pub(super) fn say(&self, text: &str) -> Result<(), Failed> {
        self.text(&language::say_lines(text))
    }

    /// Prints one JSON object on one line, with the number of its format.
    pub(super) fn value(&self, value: &impl Serialize) -> Result<(), Failed> {
        let mut text = serde_json::to_string(value).or_exit(Exit::Unexpected)?;
        let numbered = serde_json::to_value(value).or_exit(Exit::Unexpected)?.get("schema").is_some();
        if !numbered && let Some(rest) = text.strip_prefix('{') {
            let comma = if rest.starts_with('}') { "" } else { "," };
            text = format!("{{\"schema\":{OUTPUT_SCHEMA}{comma}{rest}");
        }
        self.line_of_json(text)
    }

    /// Prints a document in JSON whose format is another's, such as an inventory of software.
    pub(super) fn document(&self, value: &impl Serialize) -> Result<(), Failed> {
        self.line_of_json(serde_json::to_string(value).or_exit(Exit::Unexpected)?)
    }

    fn line_of_json(&self, mut text: String) -> Result<(), Failed> {
        text.push('\n');
        self.text(&render::fit_json(&text))
    }

    /// Prints a remark on stderr. With `--json` only warnings and errors: the rest is for people.
    pub(super) fn remark(&self, text: &str) {
        self.remarks().remark(text);
    }

    /// Where its remarks go, for who outlives it.
    pub(super) fn remarks(&self) -> Remarks {
        Remarks { json: self.json, screens: self.screens.clone() }
    }

    /// Prints why a command ended.
    pub(super) fn error(&self, failed: &Failed) {
        let known = known();
        let chain: Vec<String> = failed.chain().iter().map(|text| known.known_out_of(text)).collect();
        if self.json {
            let value = serde_json::json!({"error": chain, "exit": failed.exit as u8});
            let _ = self.value(&value);
        }
        let _ = io::stderr().write_all(render::error(&chain, self.error_color).as_bytes());
    }

    pub(super) fn renderer(&self) -> Renderer {
        if let Some(screens) = &self.screens {
            return Renderer::Screens(screens.clone());
        }
        if self.json {
            return Renderer::Json(Json::new(Box::new(io::stdout())));
        }
        Renderer::Line(Box::new(Line::new(Box::new(io::stdout()), self.options)))
    }

    /// Reports how a run ended.
    pub(super) fn ended(
        &self,
        state: &RunState,
        extras: SummaryExtras,
        exit: Exit,
        trouble: Option<String>,
    ) -> Result<(), Failed> {
        match &self.screens {
            Some(screens) => {
                let ended = Ended { exit: exit as u8, trouble };
                let _ = screens.send(BackendEvent::Ended(ended, Box::new(extras)));
                Ok(())
            }
            None => self.text(&render::summary(state, &extras, &self.look())),
        }
    }

    /// Asks; only where [`can_ask`](Self::can_ask).
    pub(super) fn ask(&self, question: &str) -> Result<String, Failed> {
        Ok(self.ask_or_end(question)?.unwrap_or_default())
    }

    /// The same, until `stop` is cancelled: a question during a run must not prevent it from stopping.
    pub(super) async fn ask_until(&self, question: &str, stop: &CancellationToken) -> Result<String, Failed> {
        self.text(question)?;
        let stopped = stop.clone();
        // A read of the terminal cannot be cancelled, so it starts only when there is input.
        let read = tokio::task::spawn_blocking(move || {
            let stdin = io::stdin();
            let pause = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
            while !stopped.is_cancelled() {
                let mut watched = [PollFd::new(&stdin, PollFlags::IN)];
                if poll(&mut watched, Some(&pause)).is_ok_and(|ready| ready > 0) {
                    let mut answer = String::new();
                    return stdin.read_line(&mut answer).map(|_| Some(answer.trim().to_owned()));
                }
            }
            Ok(None)
        });
        let answer = read.await.or_exit(Exit::Unexpected)?.or_exit(Exit::Unexpected)?;
        answer.ok_or_else(|| Failed::text(Exit::Stopped, "stopped before anything was changed"))
    }

    /// The same; `None` where the answer was the end of the input.
    pub(super) fn ask_or_end(&self, question: &str) -> Result<Option<String>, Failed> {
        self.text(question)?;
        let mut answer = String::new();
        let read = io::stdin().read_line(&mut answer).or_exit(Exit::Unexpected)?;
        Ok((read > 0).then(|| answer.trim().to_owned()))
    }
}

impl Remarks {
    pub(super) fn remark(&self, text: &str) {
        if let Some(screens) = &self.screens {
            // The screens may be closed already.
            let _ = screens.send(BackendEvent::Warning(text.to_owned()));
        } else if !self.json || ["warning: ", "error: "].iter().any(|begin| text.starts_with(begin)) {
            say_stderr(text);
        }
    }
}

impl Renderer {
    pub(super) fn event(&mut self, envelope: &Envelope, state: &RunState) -> io::Result<()> {
        match self {
            Self::Line(line) => line.event(envelope, state),
            Self::Json(json) => json.event(envelope),
            Self::Screens(screens) => {
                screens.send(BackendEvent::Event(envelope.clone())).map_err(|_| io::ErrorKind::BrokenPipe.into())
            }
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
            Self::Json(_) | Self::Screens(_) => Ok(()),
        }
    }

    pub(super) fn clear(&mut self) {
        if let Self::Line(line) = self {
            // A failure to clear is only cosmetic.
            let _ = line.clear();
        }
    }
}
