//! The screens while they are shown: one task owns them and the terminal.

use std::sync::Arc;
use std::time::Duration;

use crossterm::event::Event as TerminalEvent;
use tokio::sync::mpsc::{self, UnboundedReceiver};

use super::backend::Backend;
use super::inputs::{InputEvent, Inputs, Kind};
use super::sources::named;
use super::terminal::{look, possible};
use crate::app::exit::{Exit, Failed, OrExit as _};
use crate::app::output::Output;
use crate::app::session;
use crate::cli::{Global, GuideArgs};
use crate::preflight::check;
use crate::render::summary;
use crate::render::tui::{BackendEvent, Input, Intent, RunPhase, State, Tui, update};

/// The shortest time between two frames.
const FRAME: Duration = Duration::from_millis(33);

/// Between two ticks while something moves, and while nothing does.
const BUSY: Duration = Duration::from_millis(250);
const IDLE: Duration = Duration::from_secs(5);

/// How the screens were left.
enum ScreensExit {
    /// In order.
    Done(Exit),
    /// During a run.
    Immediately,
}

/// The guided install.
pub(in crate::app) async fn guided(global: &Global, args: &GuideArgs, output: &Output) -> Result<Exit, Failed> {
    if !possible(global) {
        let text = "the guided install requires a terminal: use `windlass install --answers FILE --yes`, with a file from \
                    `windlass answers init`";
        return Err(Failed::text(Exit::Missing, text));
    }
    let mut args = args.clone();
    // An answer like others from here on.
    if let Some(registry) = args.offline.pull_registry.take().or_else(|| args.offline.registry.take()) {
        args.answers.set.push(format!("platform.registry={registry}"));
    }
    let args = &args;
    let catalog = Arc::new(session::load_catalog(global)?);
    let given = session::given(global, &args.answers, &catalog, None)?;
    let look = look(args.ascii);
    let waivable = |id: &str| check(id).is_some_and(|check| check.waivable);
    // Before the terminal is changed: from here on no signal ends the process without restoring it.
    let inputs = Inputs::new();
    let mut tui = Tui::enter().or_exit(Exit::Unexpected)?;
    let size = tui.size().or_exit(Exit::Unexpected)?;
    let mut state = State::new(look, size, catalog.clone(), given, waivable).map_err(session::wrong)?;
    state.now = now();
    state.review.no_verify = args.no_verify;
    state.source = named(&args.offline);
    state.file.older = state.file.path.exists();
    // Before any request: the user sees at once that it started.
    tui.draw(&state).or_exit(Exit::Unexpected)?;
    if args.debug_panic {
        #[expect(clippy::panic, reason = "asked for, by a test of what that does to the terminal")]
        {
            panic!("asked for by --debug-panic");
        }
    }
    let (news, received) = mpsc::unbounded_channel();
    let backend = Backend::new(&Global { silent: true, ..global.clone() }, args, catalog, news, output);
    let screens = Screens { tui: Some(tui), state, backend, leaving: false };
    let (left, screens) = screens.run(inputs, received).await;
    let Screens { tui, state, mut backend, .. } = screens;
    drop(tui);
    backend.close();
    if let (Some(run), Some(extras)) = (&state.run, &state.summary.extras) {
        // The summary stays in the terminal's history, if the terminal is still there.
        let _ = output.text(&summary(&run.state, extras, &output.look()));
    }
    if let Some(file) = backend.written_file() {
        let flags = state.connected.as_ref().map(|connected| connected.flags.as_str()).unwrap_or_default();
        let (file, offline) = (file.display(), state.offline_flags());
        let next = format!("windlass {flags}guide --answers {file}{offline}");
        output.remark(&format!("the answers are in {file}; to continue with them: {next}"));
    }
    match left {
        ScreensExit::Done(exit) => Ok(exit),
        ScreensExit::Immediately => {
            output.remark(
                "stopped immediately: releases may be pending and uploads may have temporary names; check `windlass status`, resume with `windlass install`",
            );
            backend.remove_private_files();
            Ok(Exit::Stopped)
        }
    }
}

fn now() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// The screens while they are shown.
struct Screens {
    /// None once the terminal is gone.
    tui: Option<Tui>,
    state: State,
    backend: Backend,
    /// A signal asked it to end: it leaves when the run has ended.
    leaving: bool,
}

impl Screens {
    async fn run(mut self, mut inputs: Inputs, mut news: UnboundedReceiver<BackendEvent>) -> (ScreensExit, Self) {
        self.backend.perform(Intent::Targets);
        let mut drawn = tokio::time::Instant::now();
        let mut dirty = true;
        loop {
            let moves = self.state.busy.is_some() || self.state.runs();
            let asked = self
                .state
                .cluster
                .targets
                .iter()
                .any(|target| target.state == crate::render::tui::TargetState::Connecting);
            let pause = if moves || asked { BUSY } else { IDLE };
            let due = drawn + FRAME;
            let left = tokio::select! {
                // Frames first, or a flood of events would keep them away.
                biased;
                () = tokio::time::sleep_until(due), if dirty => {
                    self.draw();
                    dirty = false;
                    drawn = tokio::time::Instant::now();
                    None
                }
                input = inputs.next() => {
                    dirty = true;
                    match input {
                        InputEvent::Terminal(event) => self.terminal(event),
                        InputEvent::Signal(kind) => self.signal(kind),
                        InputEvent::Gone => self.gone(),
                    }
                }
                Some(item) = news.recv() => {
                    dirty = true;
                    let mut left = self.input(Input::BackendEvent(Box::new(item)));
                    // What is queued is applied before the next frame.
                    while let (None, Ok(item)) = (&left, news.try_recv()) {
                        left = self.input(Input::BackendEvent(Box::new(item)));
                    }
                    left
                }
                () = tokio::time::sleep(pause) => {
                    dirty = true;
                    self.input(Input::Tick(now()))
                }
            };
            if let Some(left) = left.or_else(|| self.ended()) {
                return (left, self);
            }
            if self.tui.is_none() {
                inputs.no_keys();
            }
        }
    }

    fn draw(&mut self) {
        self.state.now = now();
        if let Some(tui) = &mut self.tui
            && tui.draw(&self.state).is_err()
        {
            self.gone();
        }
    }

    /// The terminal is gone: the run is stopped in order.
    fn gone(&mut self) -> Option<ScreensExit> {
        self.tui = None;
        self.signal(Kind::HungUp)
    }

    /// Leaves, if only the end of a run was waited for.
    fn ended(&mut self) -> Option<ScreensExit> {
        let over = self.leaving && !self.state.runs() && !self.backend.is_running();
        if over { self.input(Input::Signal) } else { None }
    }

    fn exit(&self) -> Exit {
        self.backend.exit().unwrap_or(if self.leaving { Exit::Stopped } else { Exit::Refused })
    }

    fn terminal(&mut self, event: TerminalEvent) -> Option<ScreensExit> {
        let input = match event {
            TerminalEvent::Key(key) => Input::Key(key),
            TerminalEvent::Paste(text) => Input::Paste(text),
            TerminalEvent::Resize(columns, rows) => Input::Resize(columns, rows),
            // Neither is asked for.
            TerminalEvent::Mouse(_) | TerminalEvent::FocusGained | TerminalEvent::FocusLost => return None,
        };
        self.input(input)
    }

    fn signal(&mut self, kind: Kind) -> Option<ScreensExit> {
        match kind {
            Kind::End => {
                self.leaving = true;
                self.input(Input::Signal)
            }
            // The kernel, the shell and the lost terminal all report the same: that does not count as a second signal.
            Kind::HungUp => {
                let known =
                    std::mem::replace(&mut self.leaving, true) || self.state.running.phase == RunPhase::Stopping;
                if known { None } else { self.input(Input::Signal) }
            }
            Kind::Stop => self.intent(Intent::Suspend),
            Kind::Continue => {
                if self.tui.as_mut().is_some_and(|tui| tui.resume().is_err()) {
                    return self.gone();
                }
                None
            }
        }
    }

    fn input(&mut self, input: Input) -> Option<ScreensExit> {
        let mut unwritten = false;
        for intent in update(&mut self.state, input) {
            let left = match intent {
                Intent::Write(given, path) => {
                    let written = self.backend.write(&given, &path);
                    unwritten |= written.is_err();
                    update(&mut self.state, Input::BackendEvent(Box::new(BackendEvent::Written(written))));
                    None
                }
                // The answers would be lost; the error is shown instead.
                Intent::Quit if unwritten && !self.leaving && !self.state.runs() => None,
                intent => self.intent(intent),
            };
            if left.is_some() {
                return left;
            }
        }
        None
    }

    fn intent(&mut self, intent: Intent) -> Option<ScreensExit> {
        match intent {
            Intent::Quit if self.backend.is_running() => return Some(ScreensExit::Immediately),
            Intent::Quit => return Some(ScreensExit::Done(self.exit())),
            Intent::Suspend => {
                if let Some(Err(error)) = self.tui.as_mut().map(Tui::suspend) {
                    tracing::debug!("the terminal did not come back: {error}");
                    return self.gone();
                }
            }
            Intent::Copy(text) => {
                if self.tui.as_mut().is_some_and(|tui| tui.copy(&text).is_err()) {
                    return self.gone();
                }
            }
            intent => self.backend.perform(intent),
        }
        None
    }
}
