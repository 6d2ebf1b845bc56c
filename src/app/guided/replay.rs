//! Shows a recorded run again on the run screen.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crossterm::event::Event as TerminalEvent;
use jiff::Timestamp;

use super::inputs::{InputEvent, Inputs, Kind};
use super::terminal::{look, possible};
use crate::answers::AnswerSources;
use crate::app::exit::{Exit, Failed, OrExit as _};
use crate::app::output::Output;
use crate::app::{journal, session};
use crate::cli::{Global, ReplayArgs};
use crate::event::Envelope;
use crate::render::tui::{BackendEvent, Input, Intent, RunView, Screen, State, Tui, leaves, picture, update};

/// The longest pause between two events.
const LONGEST: Duration = Duration::from_secs(3);

/// `windlass replay`.
pub(in crate::app) async fn replay(global: &Global, args: &ReplayArgs, output: &Output) -> Result<Exit, Failed> {
    let events = events(&args.run)?;
    let size = args.size.unwrap_or((100, 30));
    let mut state = state(global, args.ascii, size)?;
    if let Some(file) = &args.picture {
        let until = args.at.unwrap_or(f64::MAX);
        for event in events.iter().take_while(|event| seconds(&events, event) <= until) {
            state.now = event.at.as_millisecond();
            apply(&mut state, event);
        }
        state.look.color = true;
        std::fs::write(file, picture(&state, size))
            .map_err(|error| anyhow::Error::new(error).context(format!("failed to write {}", file.display())))
            .or_exit(Exit::BadInput)?;
        return Ok(Exit::Done);
    }
    if !possible(global) {
        let text = format!("replay requires a terminal: `windlass runs {}` prints the run as lines", args.run);
        return Err(Failed::text(Exit::Missing, text));
    }
    let inputs = Inputs::new();
    let mut tui = Tui::enter().or_exit(Exit::Unexpected)?;
    state.size = tui.size().or_exit(Exit::Unexpected)?;
    let exit = play(&events, state, &mut tui, inputs, args.speed.max(0.01)).await.or_exit(Exit::Unexpected)?;
    drop(tui);
    output.text("")?;
    Ok(exit)
}

/// The events of a run on this machine, `last` being the newest, or of a file.
fn events(run: &str) -> Result<Vec<Envelope>, Failed> {
    let path = Path::new(run);
    let events = if path.exists() && !path.is_dir() {
        journal::read_file(path)
    } else if run == "last" {
        journal::list().and_then(|ids| ids.last().map_or_else(|| Ok(Vec::new()), |id| journal::read(id)))
    } else {
        journal::read(run)
    };
    let events: Vec<Envelope> = events
        .map_err(|error| anyhow::Error::new(error).context(format!("failed to read the events of run {run}")))
        .or_exit(Exit::BadInput)?;
    if events.is_empty() {
        let text = format!("run {run} has no events; `windlass runs` lists the runs of this machine");
        return Err(Failed::text(Exit::BadInput, text));
    }
    Ok(events)
}

fn state(global: &Global, ascii: bool, size: (u16, u16)) -> Result<State, Failed> {
    let catalog = Arc::new(session::load_catalog(global)?);
    let look = look(ascii);
    let mut state = State::new(look, size, catalog, AnswerSources::default(), |_| false).map_err(session::wrong)?;
    let mut run = RunView::new(Default::default(), None);
    run.recorded = true;
    update(&mut state, Input::BackendEvent(Box::new(BackendEvent::RunStarted(Box::new(run)))));
    Ok(state)
}

fn apply(state: &mut State, event: &Envelope) {
    update(state, Input::BackendEvent(Box::new(BackendEvent::Event(event.clone()))));
}

/// Seconds from the first event to this.
fn seconds(events: &[Envelope], event: &Envelope) -> f64 {
    events.first().map_or(0.0, |first| (event.at - first.at).total(jiff::Unit::Second).unwrap_or(0.0))
}

/// Plays events at their own pace, or faster; keys navigate as in a run. Ends with q or Ctrl-C.
async fn play(
    events: &[Envelope],
    mut state: State,
    tui: &mut Tui,
    mut inputs: Inputs,
    speed: f64,
) -> std::io::Result<Exit> {
    let mut left = events.iter().peekable();
    let mut last = events.first().map(|event| event.at);
    let due = |next: Option<&&Envelope>, last: Option<Timestamp>| {
        let real = next.zip(last).map_or(0.0, |(next, last)| (next.at - last).total(jiff::Unit::Second).unwrap_or(0.0));
        let pause = next.map(|_| Duration::from_secs_f64((real / speed).max(0.0)).min(LONGEST));
        tokio::time::Instant::now() + pause.unwrap_or(LONGEST)
    };
    let mut next = due(left.peek(), last);
    loop {
        tui.draw(&state)?;
        tokio::select! {
            () = tokio::time::sleep_until(next) => {
                if let Some(event) = left.next() {
                    last = Some(event.at);
                    // The clock of the run, not that of today.
                    state.now = event.at.as_millisecond();
                    apply(&mut state, event);
                }
                next = due(left.peek(), last);
            }
            input = inputs.next() => match input {
                InputEvent::Terminal(TerminalEvent::Key(key)) if leaves(&state, key) => return Ok(Exit::Done),
                InputEvent::Terminal(TerminalEvent::Key(key)) => {
                    for intent in update(&mut state, Input::Key(key)) {
                        match intent {
                            Intent::Suspend => tui.suspend()?,
                            Intent::Copy(text) => tui.copy(&text)?,
                            // A recorded run takes no other intents.
                            _ => {}
                        }
                    }
                    // It has no dialogs either, and no other screens.
                    state.overlay = state.overlay.filter(|overlay| overlay.is_help());
                    if !matches!(state.screen, Screen::Run | Screen::Summary) {
                        state.screen = Screen::Run;
                    }
                }
                InputEvent::Terminal(TerminalEvent::Resize(columns, rows)) => {
                    update(&mut state, Input::Resize(columns, rows));
                }
                InputEvent::Terminal(_) => {}
                InputEvent::Signal(Kind::Stop) => tui.suspend()?,
                InputEvent::Signal(Kind::Continue) => tui.resume()?,
                InputEvent::Signal(Kind::End | Kind::HungUp) | InputEvent::Gone => return Ok(Exit::Stopped),
            },
        }
    }
}
