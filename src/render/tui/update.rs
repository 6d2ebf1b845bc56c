//! What happens to the state: keys, and news of what was asked for. Nothing else changes it, and nothing here waits.

use std::path::PathBuf;

use crossterm::event::{KeyEvent, KeyEventKind};

use super::draw::SMALLEST;
use super::keymap::{self, Command, Leaving, Scope};
use super::run::{Ended, PodRow, RunView};
use super::screens;
use super::screens::source_news::{SourceIntent, SourceNews};
use super::state::{Ask, Connected, Overlay, Planned, Screen, State, Target, Tone};
use super::widgets::Cursor;
use super::words::{Word, fill};
use crate::answers::Given;
use crate::event::Envelope;
use crate::model::preflight::Report;
use crate::plan::Plan;
use crate::render::SummaryExtras;
use crate::render::look::screen_size;

/// Something that happened.
#[derive(Debug, Clone)]
pub enum Input {
    /// A key.
    Key(KeyEvent),
    /// A text that was pasted.
    Paste(String),
    /// The terminal has another size.
    Resize(u16, u16),
    /// Time has passed; milliseconds since 1970.
    Tick(i64),
    /// What was asked for is there.
    News(Box<News>),
    /// Somebody outside wants it to stop: SIGTERM, SIGHUP.
    Signal,
}

/// What was asked for. An error is its chain, outermost first.
#[derive(Debug, Clone)]
pub enum News {
    /// The clusters that could be meant.
    Targets(Vec<Target>),
    /// What one of them answered, by its row.
    Answered(usize, super::state::Answer),
    /// The chosen one can be used.
    Connected(Result<Box<Connected>, Vec<String>>),
    /// What was asked for where images come from.
    Source(SourceNews),
    /// What preflight found.
    Report(Result<Report, Vec<String>>),
    /// What would be done, and what preflight finds with these answers.
    Planned(Result<(Box<Planned>, Report), Vec<String>>),
    /// Whether the registry has the images.
    Registry(Result<String, Vec<String>>),
    /// The answers were written, and where those are that were there before.
    Written(Result<(PathBuf, Option<PathBuf>), Vec<String>>),
    /// A run begins; its first event follows.
    Begun(Box<RunView>),
    /// An event of the run.
    Event(Envelope),
    /// The pods.
    Pods(Vec<PodRow>),
    /// Lines of a step that were no events of the run: logs and events of its pods.
    Lines(String, Vec<String>),
    /// The run is over.
    Ended(Ended, Box<SummaryExtras>),
    /// What was agreed to is no longer what would be done.
    Outdated,
    /// What was to be run was refused for what preflight found. Why follows from the plan that is made then.
    Refused,
    /// What was to be run could not be begun, or broke off without an end.
    NotBegun(Vec<String>),
    /// Something that people should know.
    Remark(String),
}

/// What is wanted of the world.
#[derive(Debug, Clone, PartialEq)]
pub enum Intent {
    /// Look for clusters and ask each.
    Targets,
    /// Use this one, by its row.
    Connect(usize),
    /// What is wanted where images come from.
    Source(SourceIntent),
    /// Look at what an install would need.
    Preflight(Given, Vec<String>),
    /// Ask the registry for the images.
    Registry(Given),
    /// Make the plan.
    Plan(Given, Vec<String>),
    /// Write the answers. What else is there is kept beside it.
    Write(Given, PathBuf),
    /// Run what was agreed to. Without the steps, if any are to be left out; going on with a run, if there was one.
    Run {
        /// The answers.
        given: Given,
        /// What preflight may find.
        waived: Vec<String>,
        /// Steps to leave out.
        without: Vec<String>,
        /// The run that it goes on with.
        before: Option<String>,
        /// The plan that was agreed to, for this run or the one that it goes on with.
        agreed: Option<Box<Plan>>,
    },
    /// Look at what happens to this step in the cluster.
    LookAt(String),
    /// Stop the run in order.
    Stop,
    /// Put a text into the terminal's clipboard.
    Copy(String),
    /// Back to the shell until `fg`.
    Suspend,
    /// Leave; at once if a run goes on.
    Quit,
}

/// Takes an input in.
pub fn update(state: &mut State, input: Input) -> Vec<Intent> {
    let before = selected(state);
    let mut intents = taken(state, input);
    if intents.contains(&Intent::Stop) {
        state.stopping = true;
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
            screens::paste(state, &text);
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
    let command = keymap::command(if typing { Scope::Any } else { scope(state) }, key);
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
        return screens::typed(state, key);
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

/// Where keys are pressed now.
pub(super) fn scope(state: &State) -> Scope {
    match state.screen {
        Screen::Source => Scope::Source,
        Screen::Preflight => Scope::Preflight,
        Screen::Components => Scope::Components,
        Screen::Review => Scope::Review,
        Screen::Run => Scope::Run,
        _ => Scope::List,
    }
}

fn act(state: &mut State, command: Command) -> Vec<Intent> {
    let heard = command.looks() || matches!(command, Command::Quit | Command::Stop | Command::Copy);
    if state.beginning && !heard {
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
        command => screens::act(state, command),
    }
}

/// Leaving is asked about where something would be lost, and a run is stopped in order first.
pub(super) fn leave(state: &mut State) -> Vec<Intent> {
    let runs = state.runs();
    let nothing = !state.is_changed() && state.screen <= Screen::Preflight;
    if !runs && !state.is_lost() && (state.screen == Screen::Summary || nothing) {
        return left(state);
    }
    let stop = if state.stopping { Ask::LeaveAtOnce } else { Ask::Stop };
    state.overlay = Some(Overlay::Ask(if runs { stop } else { Ask::Leave }));
    Vec::new()
}

/// Leaves; what was answered is not lost.
fn left(state: &State) -> Vec<Intent> {
    let write = state.is_changed().then(|| write(state));
    write.into_iter().chain([Intent::Quit]).collect()
}

/// Writes the answers as they are.
pub(super) fn write(state: &State) -> Intent {
    Intent::Write(state.answered(), state.file.clone())
}

/// Ctrl-C, or a signal. The first asks (a signal cannot), the second says what it would leave behind.
fn interrupt(state: &mut State, outside: bool) -> Vec<Intent> {
    match (state.runs(), outside) {
        (false, true) => return left(state),
        (false, false) => return leave(state),
        (true, true) if state.stopping => return left(state),
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
            let rows = screens::help_rows(state);
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
            let Some(planned) = &state.planned else { return Vec::new() };
            state.agreed = Some(Box::new(planned.plan.clone()));
            begin(state, Vec::new())
        }
    }
}

/// Writes the answers and runs with them, as a run that goes on with the one before.
pub(super) fn begin(state: &mut State, without: Vec<String>) -> Vec<Intent> {
    state.busy = Some((Word::Beginning, state.now));
    state.beginning = true;
    state.ran = Some(state.answered());
    let known = |run: &RunView| Some(run.state.run.clone()).filter(|id| !id.is_empty()).or_else(|| run.before.clone());
    let run = Intent::Run {
        given: state.answered(),
        waived: state.waived.iter().cloned().collect(),
        without,
        before: state.run.as_ref().and_then(known),
        agreed: state.agreed.clone(),
    };
    vec![write(state), run]
}

fn news_of(state: &mut State, news: News) -> Vec<Intent> {
    match news {
        News::Targets(targets) => {
            let current = targets.iter().position(|target| target.current).unwrap_or(0);
            state.target = Cursor(current);
            (state.targets, state.targets_known) = (targets, true);
        }
        News::Answered(row, answer) => {
            if let Some(target) = state.targets.get_mut(row) {
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
                    state.report = None;
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
                    state.refused = false;
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
            state.saved = state.answered();
            (state.unwritten, state.older) = (false, false);
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
            state.unwritten = true;
            complain(state, &errors);
        }
        News::Outdated => {
            state.is_there(Word::Beginning);
            state.beginning = false;
            state.screen = Screen::Review;
            return screens::review::plan(state);
        }
        News::Refused => {
            state.refused = true;
            state.screen = Screen::Review;
            return screens::review::plan(state);
        }
        News::NotBegun(errors) => {
            state.is_there(Word::Beginning);
            state.beginning = false;
            state.stopping = false;
            if let Some(run) = state.run.as_mut().filter(|run| run.is_live()) {
                run.ended = Some(Ended { exit: 1, trouble: Some(errors.join(": ")) });
            }
            complain(state, &errors);
        }
        // They are warnings, all of them.
        News::Remark(text) => state.notice = Some((Tone::Warning, text)),
        News::Begun(run) => {
            state.is_there(Word::Beginning);
            state.beginning = false;
            state.overlay = None;
            state.summary = None;
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
    let was_given = state.profile == state.given.profile;
    state.given = connected.given.clone();
    if was_given || state.profile.is_none() {
        state.profile.clone_from(&connected.given.profile);
    }
    state.connected = Some(connected);
    state.overlay = None;
    // What was said of another.
    state.waived.clear();
    state.registry = None;
    state.again();
    if untouched {
        state.settle();
    }
    state.report = None;
    screens::source::enter(state)
}

/// What was waived meanwhile is waived.
fn found(state: &mut State, report: Report) {
    let waived: Vec<String> = state.waived.iter().cloned().collect();
    state.finding.within(report.findings.len() + 1);
    state.report = Some(Report::new(report.cluster, report.findings, &waived));
}

/// Says what went wrong, in the line that is always there.
fn complain(state: &mut State, errors: &[String]) {
    state.notice = Some((Tone::Bad, errors.join(": ")));
}
