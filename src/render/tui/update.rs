//! What happens to the state: keys, and news of what was asked for. Nothing else changes it, and nothing here waits.

use crossterm::event::{KeyEvent, KeyEventKind};

use super::draw::SMALLEST;
use super::flow::{begin, leave, left, plan, write};
use super::help;
use super::keymap::{self, Command, Leaving, Scope};
use super::known::Connected;
use super::message::{Input, Intent, News};
use super::parts::RunPhase;
use super::run::{Ended, RunView};
use super::screens;
use super::state::{Ask, Overlay, Screen, State, Tone};
use super::widgets::Cursor;
use super::words::{Word, fill};
use crate::model::preflight::Report;
use crate::render::look::screen_size;

/// Takes an input in.
pub fn update(state: &mut State, input: Input) -> Vec<Intent> {
    let before = selected(state);
    let mut intents = taken(state, input);
    if intents.contains(&Intent::Stop) {
        state.running.phase = RunPhase::Stopping;
        // Who stops it wants nothing more of it.
        if let Some(run) = &mut state.run {
            run.then = None;
        }
    }
    let now = selected(state);
    if let Some(step) = now.filter(|now| before.as_ref() != Some(now)) {
        intents.push(Intent::LookAt(step));
    }
    intents
}

/// The step that is looked at.
fn selected(state: &State) -> Option<String> {
    state.run.as_ref().and_then(RunView::selected).map(str::to_owned)
}

fn taken(state: &mut State, input: Input) -> Vec<Intent> {
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
        Input::News(news) => news_of(state, *news),
    }
}

fn press(state: &mut State, key: KeyEvent) -> Vec<Intent> {
    let typing = screens::is_typing(state) && state.overlay.is_none();
    let command = keymap::command(if typing { Scope::Any } else { screens::view(state.screen).scope }, key);
    let small = state.size.0 < SMALLEST.0 || state.size.1 < SMALLEST.1;
    let heard = matches!(command, Some(Command::Interrupt | Command::Suspend | Command::Quit));
    if small && !heard && !matches!(state.overlay, Some(Overlay::Ask(_))) {
        // Nobody sees what it would do.
        return Vec::new();
    }
    // What went wrong stays while one looks around.
    if !(state.notice.as_ref().is_some_and(|(tone, _)| *tone != Tone::Good) && command.is_some_and(Command::looks)) {
        state.notice = None;
    }
    // These two count whatever is shown.
    match command {
        Some(Command::Interrupt) => return interrupt(state, false),
        Some(Command::Suspend) => return vec![Intent::Suspend],
        _ => {}
    }
    if let Some(overlay) = state.overlay.clone() {
        return over(state, overlay, key, command);
    }
    if typing {
        return screens::view(state.screen).input.as_ref().map(|input| (input.key)(state, key)).unwrap_or_default();
    }
    command.map(|command| act(state, command)).unwrap_or_default()
}

/// Whether a key means to leave, where nothing has to be asked about that.
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
    let heard = command.looks() || matches!(command, Command::Quit | Command::Stop | Command::Copy);
    if state.running.phase == RunPhase::Beginning && !heard {
        // What it begins with was agreed to.
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
            // What it names is there then.
            let write = state.connected.is_some().then(|| write(state));
            write.into_iter().chain([Intent::Copy(text)]).collect()
        }
        Command::Quit => leave(state),
        command => (screens::view(state.screen).act)(state, command),
    }
}

/// Ctrl-C, or a signal. The first asks (a signal cannot), the second says what it would leave behind.
fn interrupt(state: &mut State, outside: bool) -> Vec<Intent> {
    match (state.runs(), outside) {
        (false, true) => return left(state),
        (false, false) => return leave(state),
        (true, true) if state.running.phase == RunPhase::Stopping => return left(state),
        (true, true) => return vec![Intent::Stop],
        (true, false) => {}
    }
    match state.overlay {
        // Asked and pressed again: that is an answer.
        Some(Overlay::Ask(Ask::Stop)) => {
            state.overlay = None;
            vec![Intent::Stop]
        }
        Some(Overlay::Ask(Ask::LeaveAtOnce)) => left(state),
        _ => leave(state),
    }
}

/// A key while something covers the screen.
fn over(state: &mut State, overlay: Overlay, key: KeyEvent, command: Option<Command>) -> Vec<Intent> {
    match overlay {
        Overlay::Help(mut cursor) => {
            let rows = help::lines(state).len();
            let page = usize::from(state.size.1.saturating_sub(6));
            let moved = command.is_some_and(|command| cursor.moved(command, rows, page));
            state.overlay = moved.then_some(Overlay::Help(cursor));
            Vec::new()
        }
        Overlay::Ask(Ask::Leave) if state.may_write() => {
            let Some(answer) = keymap::leaving(key) else { return Vec::new() };
            state.overlay = None;
            match answer {
                Leaving::Write => left(state),
                Leaving::Without => vec![Intent::Quit],
                Leaving::Stay => Vec::new(),
            }
        }
        Overlay::Ask(ask) => {
            let answer = keymap::yes_or_no(key);
            let yes = answer == Some(true);
            if answer.is_some() || command == Some(Command::Back) {
                state.overlay = None;
            }
            if yes { agreed(state, ask) } else { Vec::new() }
        }
    }
}

/// What follows a yes.
fn agreed(state: &mut State, ask: Ask) -> Vec<Intent> {
    match ask {
        // That they would be lost was asked.
        Ask::Leave if state.is_lost() => vec![Intent::Quit],
        Ask::Leave | Ask::LeaveAtOnce => left(state),
        Ask::Stop => vec![Intent::Stop],
        Ask::Skip => screens::run::skip_it(state),
        Ask::Install => {
            // What nobody has seen is not agreed to.
            let Some(planned) = &state.review.planned else { return Vec::new() };
            state.running.agreed = Some(Box::new(planned.plan.clone()));
            begin(state, Vec::new())
        }
    }
}

fn news_of(state: &mut State, news: News) -> Vec<Intent> {
    match news {
        News::Targets(targets) => {
            let current = targets.iter().position(|target| target.current).unwrap_or(0);
            state.cluster.cursor = Cursor(current);
            (state.cluster.targets, state.cluster.known) = (targets, true);
        }
        News::Answered(row, answer) => {
            if let Some(target) = state.cluster.targets.get_mut(row) {
                target.answer = answer;
            }
        }
        News::Connected(connected) => {
            state.is_there(Word::Connecting);
            match connected {
                Ok(connected) => return connect(state, *connected),
                Err(errors) => complain(state, &errors),
            }
        }
        News::Source(news) => return screens::source::heard(state, news),
        News::Report(report) => {
            state.is_there(Word::Looking);
            match report {
                Ok(report) => found(state, report),
                Err(errors) => {
                    state.preflight.report = None;
                    state.failed = Some(errors.join(": "));
                }
            }
        }
        News::Planned(planned) => {
            state.is_there(Word::Planning);
            match planned {
                Ok((planned, report)) => {
                    found(state, report);
                    screens::review::arrived(state, *planned);
                }
                Err(errors) => {
                    state.failed = Some(errors.join(": "));
                    state.review.refused = false;
                }
            }
        }
        News::Registry(answer) => {
            state.is_there(Word::AskingRegistry);
            state.registry = Some(match answer {
                Ok(told) => (true, told),
                Err(errors) => (false, errors.join(": ")),
            });
        }
        News::Written(Ok((path, old))) => {
            state.file.saved = state.answered();
            (state.file.failed, state.file.older) = (false, false);
            let (path, old) = (path.display().to_string(), old.map(|old| old.display().to_string()));
            let word = if old.is_some() { Word::WrittenAndKept } else { Word::Written };
            let told = fill(state.look.say(word), &[("file", &path), ("old", &old.unwrap_or_default())]);
            // Beside what was done with them.
            let told = match state.notice.take() {
                Some((Tone::Good, before)) => format!("{before}; {told}"),
                _ => told,
            };
            state.notice = Some((Tone::Good, told));
        }
        News::Written(Err(errors)) => {
            state.file.failed = true;
            complain(state, &errors);
        }
        News::Outdated => {
            state.is_there(Word::Beginning);
            state.running.phase = RunPhase::Idle;
            state.screen = Screen::Review;
            return plan(state);
        }
        News::Refused => {
            state.review.refused = true;
            state.screen = Screen::Review;
            return plan(state);
        }
        News::NotBegun(errors) => {
            state.is_there(Word::Beginning);
            state.running.phase = RunPhase::Idle;
            if let Some(run) = state.run.as_mut().filter(|run| run.is_live()) {
                run.ended = Some(Ended { exit: 1, trouble: Some(errors.join(": ")) });
            }
            complain(state, &errors);
        }
        // They are warnings, all of them.
        News::Remark(text) => state.notice = Some((Tone::Warning, text)),
        News::Begun(run) => {
            state.is_there(Word::Beginning);
            if state.running.phase != RunPhase::Stopping {
                state.running.phase = RunPhase::Running;
            }
            state.overlay = None;
            state.summary.extras = None;
            state.run = Some(*run);
            state.screen = Screen::Run;
        }
        News::Event(event) => {
            if let Some(run) = &mut state.run {
                run.event(&event);
            }
        }
        News::Lines(step, lines) => {
            if let Some(run) = &mut state.run {
                run.add_lines(&step, state.now, &lines);
            }
        }
        News::Pods(pods) => {
            if let Some(run) = &mut state.run {
                run.pod.within(pods.len());
                run.pods = pods;
            }
        }
        News::Ended(ended, extras) => return screens::run::ended(state, ended, *extras),
    }
    Vec::new()
}

/// A cluster can be used: what it knows becomes part of the answers.
fn connect(state: &mut State, connected: Connected) -> Vec<Intent> {
    let untouched = !state.is_changed();
    let was_given = state.profile.chosen == state.given.profile;
    state.given = connected.given.clone();
    if was_given || state.profile.chosen.is_none() {
        state.profile.chosen.clone_from(&connected.given.profile);
    }
    state.connected = Some(connected);
    state.overlay = None;
    // What was said of another.
    state.preflight.waived.clear();
    state.registry = None;
    state.again();
    if untouched {
        state.settle();
    }
    state.preflight.report = None;
    screens::source::enter(state)
}

/// What was waived meanwhile is waived.
fn found(state: &mut State, report: Report) {
    let waived: Vec<String> = state.preflight.waived.iter().cloned().collect();
    state.preflight.cursor.within(report.findings.len() + 1);
    state.preflight.report = Some(Report::new(report.cluster, report.findings, &waived));
}

/// Says what went wrong, in the line that is always there.
fn complain(state: &mut State, errors: &[String]) {
    state.notice = Some((Tone::Bad, errors.join(": ")));
}
