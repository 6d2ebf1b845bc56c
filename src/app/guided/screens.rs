//! The screens while they are shown: one task owns them and the terminal.

use std::sync::Arc;
use std::time::Duration;

use crossterm::event::Event as TerminalEvent;
use tokio::sync::mpsc::{self, UnboundedReceiver};

use super::backend::Backend;
use super::inputs::{Heard, Inputs, Kind};
use super::sources::named;
use super::terminal::{look, possible};
use crate::app::exit::{Exit, Failed, OrExit as _};
use crate::app::output::Output;
use crate::app::session;
use crate::cli::{Global, GuideArgs};
use crate::preflight::check;
use crate::render::summary;
use crate::render::tui::{Input, Intent, News, RunPhase, State, Tui, update};

/// The shortest time between two frames.
const FRAME: Duration = Duration::from_millis(33);

/// Between two looks at the clock while something moves, and while nothing does.
const BUSY: Duration = Duration::from_millis(250);
const IDLE: Duration = Duration::from_secs(5);

/// How the screens were left.
enum Left {
    /// In order.
    Done(Exit),
    /// While a run went on.
    AtOnce,
}

/// The guided install.
pub(in crate::app) async fn guided(global: &Global, args: &GuideArgs, output: &Output) -> Result<Exit, Failed> {
    if !possible(global) {
        let text = "there is no terminal for screens: `windlass install --answers FILE --yes` does the same without, \
                    and `windlass answers init` writes such a file";
        return Err(Failed::text(Exit::Missing, text));
    }
    let mut args = args.clone();
    // An answer like others from here on.
    if let Some(registry) = args.offline.registry.take() {
        args.answers.set.push(format!("platform.registry={registry}"));
    }
    let args = &args;
    let catalog = Arc::new(session::load_catalog(global)?);
    let given = session::given(global, &args.answers, &catalog, None)?;
    let look = look(global, args.ascii);
    let waivable = |id: &str| check(id).is_some_and(|check| check.waivable);
    // Before the terminal is taken: from here on no signal ends it without giving it back.
    let inputs = Inputs::new();
    let mut tui = Tui::enter().or_exit(Exit::Unexpected)?;
    let size = tui.size().or_exit(Exit::Unexpected)?;
    let mut state = State::new(look, size, catalog.clone(), given, waivable).map_err(session::wrong)?;
    state.now = now();
    state.review.no_verify = args.no_verify;
    state.source = named(&args.offline);
    state.file.older = state.file.path.exists();
    // Before anything is asked: whoever started it sees at once that it is there.
    tui.draw(&state).or_exit(Exit::Unexpected)?;
    if args.debug_panic {
        #[expect(clippy::panic, reason = "asked for, by a test of what that does to the terminal")]
        {
            panic!("asked for by --debug-panic");
        }
    }
    let (news, heard) = mpsc::unbounded_channel();
    let world = Backend::new(&Global { silent: true, ..global.clone() }, args, catalog, news, output);
    let screens = Screens { tui: Some(tui), state, world, leaving: false };
    let (left, screens) = screens.run(inputs, heard).await;
    let Screens { tui, state, mut world, .. } = screens;
    drop(tui);
    world.close();
    if let (Some(run), Some(extras)) = (&state.run, &state.summary.extras) {
        // What was seen last stays in the terminal's history, if that is still there.
        let _ = output.text(&summary(&run.state, extras, &output.look()));
    }
    if let Some(file) = world.wrote() {
        let flags = state.connected.as_ref().map(|connected| connected.flags.as_str()).unwrap_or_default();
        let (file, offline) = (file.display(), state.offline_flags());
        let next = format!("windlass {flags}guide --answers {file}{offline}");
        output.remark(&format!("the answers are in {file}; to continue with them: {next}"));
    }
    match left {
        Left::Done(exit) => Ok(exit),
        Left::AtOnce => {
            output.remark(
                "left at once: releases may be left pending and uploads with temporary names; `windlass status` shows, `windlass install` goes on",
            );
            world.sweep();
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
    world: Backend,
    /// Somebody outside wants it to end: it leaves when the run has.
    leaving: bool,
}

impl Screens {
    async fn run(mut self, mut inputs: Inputs, mut news: UnboundedReceiver<News>) -> (Left, Self) {
        self.world.perform(Intent::Targets);
        let mut drawn = tokio::time::Instant::now();
        let mut dirty = true;
        loop {
            let moves = self.state.busy.is_some() || self.state.runs();
            let asked =
                self.state.cluster.targets.iter().any(|target| target.answer == crate::render::tui::Answer::Asked);
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
                heard = inputs.next() => {
                    dirty = true;
                    match heard {
                        Heard::Terminal(event) => self.terminal(event),
                        Heard::Signal(kind) => self.signal(kind),
                        Heard::Gone => self.gone(),
                    }
                }
                Some(told) = news.recv() => {
                    dirty = true;
                    let mut left = self.input(Input::News(Box::new(told)));
                    // What has piled up is taken in before the next frame.
                    while let (None, Ok(told)) = (&left, news.try_recv()) {
                        left = self.input(Input::News(Box::new(told)));
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

    /// The terminal went away: nobody is there to be asked, so what runs is stopped in order.
    fn gone(&mut self) -> Option<Left> {
        self.tui = None;
        self.signal(Kind::HungUp)
    }

    /// Leaves, if only the end of a run was waited for.
    fn ended(&mut self) -> Option<Left> {
        let over = self.leaving && !self.state.runs() && !self.world.is_running();
        if over { self.input(Input::Signal) } else { None }
    }

    fn exit(&self) -> Exit {
        self.world.exit().unwrap_or(if self.leaving { Exit::Stopped } else { Exit::Refused })
    }

    fn terminal(&mut self, event: TerminalEvent) -> Option<Left> {
        let input = match event {
            TerminalEvent::Key(key) => Input::Key(key),
            TerminalEvent::Paste(text) => Input::Paste(text),
            TerminalEvent::Resize(columns, rows) => Input::Resize(columns, rows),
            // Neither is asked for.
            TerminalEvent::Mouse(_) | TerminalEvent::FocusGained | TerminalEvent::FocusLost => return None,
        };
        self.input(input)
    }

    fn signal(&mut self, kind: Kind) -> Option<Left> {
        match kind {
            Kind::End => {
                self.leaving = true;
                self.input(Input::Signal)
            }
            // The kernel, the shell and the lost terminal itself all tell of the same: that is no wish to leave at once.
            Kind::HungUp => {
                let told = std::mem::replace(&mut self.leaving, true) || self.state.running.phase == RunPhase::Stopping;
                if told { None } else { self.input(Input::Signal) }
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

    fn input(&mut self, input: Input) -> Option<Left> {
        let mut unwritten = false;
        for intent in update(&mut self.state, input) {
            let left = match intent {
                Intent::Write(given, path) => {
                    let written = self.world.write(&given, &path);
                    unwritten |= written.is_err();
                    update(&mut self.state, Input::News(Box::new(News::Written(written))));
                    None
                }
                // What was answered would be lost, and somebody is there to be told.
                Intent::Quit if unwritten && !self.leaving && !self.state.runs() => None,
                intent => self.intent(intent),
            };
            if left.is_some() {
                return left;
            }
        }
        None
    }

    fn intent(&mut self, intent: Intent) -> Option<Left> {
        match intent {
            Intent::Quit if self.world.is_running() => return Some(Left::AtOnce),
            Intent::Quit => return Some(Left::Done(self.exit())),
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
            intent => self.world.perform(intent),
        }
        None
    }
}
