//! From screen to screen, and the intents on the way.

use super::message::Intent;
use super::parts::RunPhase;
use super::run::{Pending, RunView};
use super::state::{Confirmation, Overlay, Screen, State};
use super::words::Word;

/// Goes to the screen before, or asks whether to leave where there is none. From questions that were
/// reached from a run it goes back to the run.
pub(super) fn back(state: &mut State) -> Vec<Intent> {
    match state.screen.beside(false) {
        _ if state.screen == Screen::Questions && state.run.is_some() => state.screen = Screen::Run,
        Some(screen) if state.screen < Screen::Run => state.screen = screen,
        _ => return leave(state),
    }
    Vec::new()
}

/// Goes to the screen that follows.
pub(super) fn next(state: &mut State) {
    if let Some(screen) = state.screen.beside(true) {
        state.screen = screen;
    }
}

/// Asks for the findings.
pub(super) fn preflight(state: &mut State) -> Vec<Intent> {
    state.busy = Some((Word::RunningPreflight, state.now));
    state.failed = None;
    vec![Intent::Preflight(state.answered(), state.preflight.waivers())]
}

/// Asks for the plan; while steps of a run still change the cluster, later.
pub(super) fn plan(state: &mut State) -> Vec<Intent> {
    state.review.planned = None;
    state.failed = None;
    if let Some(run) = state.run.as_mut().filter(|run| run.is_live()) {
        run.pending = Some(Pending::Plan);
        state.busy = Some((Word::PlanningLater, state.now));
        return Vec::new();
    }
    state.busy = Some((Word::Planning, state.now));
    vec![Intent::Plan(state.answered(), state.preflight.waivers())]
}

/// Asks before leaving where something would be lost; a run is stopped first.
pub(super) fn leave(state: &mut State) -> Vec<Intent> {
    let runs = state.runs();
    let nothing = !state.is_changed() && state.screen <= Screen::Preflight;
    if !runs && !state.would_lose_answers() && (state.screen == Screen::Summary || nothing) {
        return quit(state);
    }
    let stop = if state.running.phase == RunPhase::Stopping { Confirmation::LeaveAtOnce } else { Confirmation::Stop };
    state.overlay = Some(Overlay::Confirmation(if runs { stop } else { Confirmation::Leave }));
    Vec::new()
}

/// Leaves, and writes the answers if they were changed.
pub(super) fn quit(state: &State) -> Vec<Intent> {
    let write = state.is_changed().then(|| write(state));
    write.into_iter().chain([Intent::Quit]).collect()
}

/// Writes the answers as they are.
pub(super) fn write(state: &State) -> Intent {
    Intent::Write(state.answered(), state.file.path.clone())
}

/// Writes the answers and starts a run with them, which continues the one before.
pub(super) fn start_run(state: &mut State, without: Vec<String>) -> Vec<Intent> {
    state.busy = Some((Word::Starting, state.now));
    state.running.phase = RunPhase::Starting;
    state.running.given = Some(state.answered());
    let known = |run: &RunView| Some(run.state.run.clone()).filter(|id| !id.is_empty()).or_else(|| run.before.clone());
    let run = Intent::Run {
        given: state.answered(),
        waived: state.preflight.waivers(),
        without,
        before: state.run.as_ref().and_then(known),
        agreed: state.running.agreed.clone(),
    };
    vec![write(state), run]
}
