//! What happens to the state: keys, and news of what was asked for. Nothing else changes it, and nothing here waits.

use crossterm::event::{KeyEvent, KeyEventKind};

use super::draw::SMALLEST;
use super::flow::{leave, plan, quit, start_run, write};
use super::help;
use super::keymap::{self, Command, Leaving, Scope};
use super::known::Connected;
use super::message::{BackendEvent, Input, Intent};
use super::parts::RunPhase;
use super::run::{Ended, RunView};
use super::screens;
use super::state::{Confirmation, Overlay, Screen, State, Tone};
use super::widgets::Cursor;
use super::words::{Word, fill};
use crate::render::language;
use crate::render::look::screen_size;

/// Applies an input.
pub fn update(state: &mut State, input: Input) -> Vec<Intent> {
    // How many lines a text takes depends on its language.
    language::within(state.look.lang, || updated(state, input))
}

fn updated(state: &mut State, input: Input) -> Vec<Intent> {
    let before = selected(state);
    let mut intents = apply_input(state, input);
    if intents.contains(&Intent::Stop) {
        state.running.phase = RunPhase::Stopping;
        // A stopped run is not retried.
        if let Some(run) = &mut state.run {
            run.pending = None;
        }
    }
    let now = selected(state);
    if let Some(step) = now.filter(|now| before.as_ref() != Some(now)) {
        intents.push(Intent::WatchStep(step));
    }
    intents
}

/// The selected step.
fn selected(state: &State) -> Option<String> {
    state.run.as_ref().and_then(RunView::selected).map(str::to_owned)
}

fn apply_input(state: &mut State, input: Input) -> Vec<Intent> {
    match input {
        Input::Key(key) if key.kind == KeyEventKind::Release => Vec::new(),
        Input::Key(key) => press(state, key),
        Input::Paste(text) => {
            if let Some(input) = &screens::view(state.screen).input {
                (input.paste)(state, &text);
            }
            Vec::new()
        }
        Input::Resize(columns, rows) => {
            state.size = screen_size((columns, rows));
            Vec::new()
        }
        Input::Tick(now) => {
            state.now = now;
            Vec::new()
        }
        Input::Signal => interrupt(state, true),
        Input::BackendEvent(news) => apply_event(state, *news),
    }
}

fn press(state: &mut State, key: KeyEvent) -> Vec<Intent> {
    let typing = screens::is_typing(state) && state.overlay.is_none();
    let command = keymap::command(if typing { Scope::Any } else { screens::view(state.screen).scope }, key);
    let small = state.size.0 < SMALLEST.0 || state.size.1 < SMALLEST.1;
    let allowed = matches!(command, Some(Command::Interrupt | Command::Suspend | Command::Quit));
    if small && !allowed && !matches!(state.overlay, Some(Overlay::Confirmation(_))) {
        // Its effect could not be seen.
        return Vec::new();
    }
    // An error stays while keys only move the view.
    if !(state.notice.as_ref().is_some_and(|(tone, _)| *tone != Tone::Good)
        && command.is_some_and(Command::is_navigation))
    {
        state.notice = None;
    }
    // These two count whatever is shown.
    match command {
        Some(Command::Interrupt) => return interrupt(state, false),
        Some(Command::Suspend) => return vec![Intent::Suspend],
        _ => {}
    }
    if let Some(overlay) = state.overlay.clone() {
        return overlay_key(state, overlay, key, command);
    }
    if typing {
        return screens::view(state.screen).input.as_ref().map(|input| (input.key)(state, key)).unwrap_or_default();
    }
    command.map(|command| act(state, command)).unwrap_or_default()
}

/// Whether a key leaves without a question.
#[must_use]
pub fn leaves(state: &State, key: KeyEvent) -> bool {
    let typing = screens::is_typing(state);
    match keymap::command(Scope::Any, key) {
        Some(Command::Interrupt) => true,
        Some(Command::Quit) => !typing,
        _ => false,
    }
}

fn act(state: &mut State, command: Command) -> Vec<Intent> {
    let allowed = command.is_navigation() || matches!(command, Command::Quit | Command::Stop | Command::Copy);
    if state.running.phase == RunPhase::Starting && !allowed {
        // What it starts with was confirmed.
        return Vec::new();
    }
    match command {
        Command::Help => {
            state.overlay = Some(Overlay::Help(Cursor::default()));
            Vec::new()
        }
        Command::Copy => {
            let text = state.command();
            state.notice = Some((Tone::Good, fill(state.look.say(Word::Copied), &[("what", &text)])));
            // The command names this file.
            let write = state.connected.is_some().then(|| write(state));
            write.into_iter().chain([Intent::Copy(text)]).collect()
        }
        Command::Quit => leave(state),
        command => (screens::view(state.screen).act)(state, command),
    }
}

/// Ctrl-C, or a signal. The first asks (a signal cannot), the second shows which steps still run.
fn interrupt(state: &mut State, outside: bool) -> Vec<Intent> {
    match (state.runs(), outside) {
        (false, true) => return quit(state),
        (false, false) => return leave(state),
        (true, true) if state.running.phase == RunPhase::Stopping => return quit(state),
        (true, true) => return vec![Intent::Stop],
        (true, false) => {}
    }
    match state.overlay {
        // Pressed again at the question: that confirms it.
        Some(Overlay::Confirmation(Confirmation::Stop)) => {
            state.overlay = None;
            vec![Intent::Stop]
        }
        Some(Overlay::Confirmation(Confirmation::LeaveAtOnce)) => quit(state),
        _ => leave(state),
    }
}

/// A key while something covers the screen.
fn overlay_key(state: &mut State, overlay: Overlay, key: KeyEvent, command: Option<Command>) -> Vec<Intent> {
    match overlay {
        Overlay::Help(mut cursor) => {
            let rows = help::lines(state).len();
            let page = usize::from(state.size.1.saturating_sub(6));
            let moved = command.is_some_and(|command| cursor.moved(command, rows, page));
            state.overlay = moved.then_some(Overlay::Help(cursor));
            Vec::new()
        }
        Overlay::Confirmation(Confirmation::Leave) if state.may_write() => {
            let Some(answer) = keymap::leaving(key) else { return Vec::new() };
            state.overlay = None;
            match answer {
                Leaving::Write => quit(state),
                Leaving::Without => vec![Intent::Quit],
                Leaving::Stay => Vec::new(),
            }
        }
        Overlay::Confirmation(ask) => {
            let answer = keymap::yes_or_no(key);
            let yes = answer == Some(true);
            if answer.is_some() || command == Some(Command::Back) {
                state.overlay = None;
            }
            if yes { confirmed(state, ask) } else { Vec::new() }
        }
    }
}

/// What follows a yes.
fn confirmed(state: &mut State, ask: Confirmation) -> Vec<Intent> {
    match ask {
        // That they would be lost was confirmed.
        Confirmation::Leave if state.would_lose_answers() => vec![Intent::Quit],
        Confirmation::Leave | Confirmation::LeaveAtOnce => quit(state),
        Confirmation::Stop => vec![Intent::Stop],
        Confirmation::Skip => screens::run::skip_confirmed(state),
        Confirmation::Install => {
            // A plan that was not shown cannot be confirmed.
            let Some(planned) = &state.review.planned else { return Vec::new() };
            state.running.agreed = Some(Box::new(planned.plan.clone()));
            start_run(state, Vec::new())
        }
    }
}

fn apply_event(state: &mut State, news: BackendEvent) -> Vec<Intent> {
    match news {
        BackendEvent::Targets(targets) => {
            let current = targets.iter().position(|target| target.current).unwrap_or(0);
            state.cluster.cursor = Cursor(current);
            (state.cluster.targets, state.cluster.known) = (targets, true);
        }
        BackendEvent::TargetChecked(row, checked) => {
            if let Some(target) = state.cluster.targets.get_mut(row) {
                target.state = checked;
            }
        }
        BackendEvent::Connected(connected) => {
            state.done_waiting(Word::Connecting);
            match connected {
                Ok(connected) => return connect(state, *connected),
                Err(errors) => show_error(state, &errors),
            }
        }
        BackendEvent::Source(news) => return screens::source::apply_event(state, news),
        BackendEvent::Report(report) => {
            state.done_waiting(Word::RunningPreflight);
            match report {
                Ok(report) => state.preflight.show(report),
                Err(errors) => {
                    state.preflight.report = None;
                    state.failed = Some(errors.join(": "));
                }
            }
        }
        BackendEvent::Planned(planned) => {
            state.done_waiting(Word::Planning);
            match planned {
                Ok((planned, report)) => {
                    state.preflight.show(report);
                    screens::review::set_plan(state, *planned);
                }
                Err(errors) => {
                    state.failed = Some(errors.join(": "));
                    state.review.refused = false;
                }
            }
        }
        BackendEvent::Registry(answer) => {
            state.done_waiting(Word::CheckingRegistry);
            state.registry = Some(match answer {
                Ok(message) => (true, message),
                Err(errors) => (false, errors.join(": ")),
            });
        }
        BackendEvent::Written(Ok((path, old))) => {
            state.file.saved = state.answered();
            (state.file.failed, state.file.older) = (false, false);
            let (path, old) = (path.display().to_string(), old.map(|old| old.display().to_string()));
            let word = if old.is_some() { Word::WrittenAndKept } else { Word::Written };
            let message = fill(state.look.say(word), &[("file", &path), ("old", &old.unwrap_or_default())]);
            // After the message that is shown already.
            let message = match state.notice.take() {
                Some((Tone::Good, before)) => format!("{before}; {message}"),
                _ => message,
            };
            state.notice = Some((Tone::Good, message));
        }
        BackendEvent::Written(Err(errors)) => {
            state.file.failed = true;
            show_error(state, &errors);
        }
        BackendEvent::Outdated => {
            state.done_waiting(Word::Starting);
            state.running.phase = RunPhase::Idle;
            state.screen = Screen::Review;
            return plan(state);
        }
        BackendEvent::Refused => {
            state.review.refused = true;
            state.screen = Screen::Review;
            return plan(state);
        }
        BackendEvent::RunError(errors) => {
            state.done_waiting(Word::Starting);
            state.running.phase = RunPhase::Idle;
            if let Some(run) = state.run.as_mut().filter(|run| run.is_live()) {
                run.ended = Some(Ended { exit: 1, trouble: Some(errors.join(": ")) });
            }
            show_error(state, &errors);
        }
        BackendEvent::Warning(text) => state.notice = Some((Tone::Warning, text)),
        BackendEvent::RunStarted(run) => {
            state.done_waiting(Word::Starting);
            if state.running.phase != RunPhase::Stopping {
                state.running.phase = RunPhase::Running;
            }
            state.overlay = None;
            state.summary.extras = None;
            state.run = Some(*run);
            state.screen = Screen::Run;
        }
        BackendEvent::Event(event) => {
            if let Some(run) = &mut state.run {
                run.event(&event);
            }
        }
        BackendEvent::Lines(step, lines) => {
            if let Some(run) = &mut state.run {
                run.add_lines(&step, state.now, &lines);
            }
        }
        BackendEvent::Pods(pods) => {
            if let Some(run) = &mut state.run {
                run.pod.within(pods.len());
                run.pods = pods;
            }
        }
        BackendEvent::Ended(ended, extras) => return screens::run::ended(state, ended, *extras),
    }
    Vec::new()
}

/// A cluster can be used: its answers become part of the others.
fn connect(state: &mut State, connected: Connected) -> Vec<Intent> {
    let untouched = !state.is_changed();
    let was_given = state.profile.chosen == state.given.profile;
    state.given = connected.given.clone();
    if was_given || state.profile.chosen.is_none() {
        state.profile.chosen.clone_from(&connected.given.profile);
    }
    state.connected = Some(connected);
    state.overlay = None;
    // These were about another cluster.
    state.preflight.waived.clear();
    state.registry = None;
    state.answers_changed();
    if untouched {
        state.mark_saved();
    }
    state.preflight.report = None;
    screens::source::enter(state)
}

/// Shows an error in the line above the footer.
fn show_error(state: &mut State, errors: &[String]) {
    state.notice = Some((Tone::Bad, errors.join(": ")));
}
