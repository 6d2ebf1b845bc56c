//! `windlass runs`.

use serde_json::json;

use super::exit::{Exit, Failed, OrExit as _};
use super::journal;
use super::output::Output;
use crate::cli::RunsArgs;
use crate::event::{Outcome, RunState};

/// Lists runs, or shows one again.
pub(super) fn runs(args: &RunsArgs, output: &Output) -> Result<Exit, Failed> {
    let ids = journal::list().or_exit(Exit::Unexpected)?;
    match &args.run {
        Some(wanted) => show(&ids, wanted, output),
        None => list(&ids, output),
    }
}

fn list(ids: &[String], output: &Output) -> Result<Exit, Failed> {
    if ids.is_empty() {
        output.remark("no runs on this machine yet");
    }
    for id in ids {
        let mut state = RunState::default();
        for event in journal::read(id).unwrap_or_default() {
            state.apply(&event);
        }
        let outcome = match state.outcome {
            None => "unfinished",
            Some(Outcome::Succeeded) => "succeeded",
            Some(Outcome::Failed) => "failed",
            Some(Outcome::VerifyFailed) => "verify failed",
            Some(Outcome::Stopped) => "stopped",
        };
        let context = state.cluster.as_ref().map_or("", |cluster| cluster.context.as_str());
        if output.json {
            output.value(&json!({"run": id, "command": state.command, "context": context, "outcome": outcome, "seconds": state.seconds}))?;
        } else {
            let line = format!("{id}  {:<10} {outcome:<14} {:>7.1}s  {context}\n", state.command, state.seconds);
            output.say(&line)?;
        }
    }
    Ok(Exit::Done)
}

fn show(ids: &[String], wanted: &str, output: &Output) -> Result<Exit, Failed> {
    let found = if wanted == "last" { ids.last() } else { ids.iter().find(|id| *id == wanted) };
    let Some(id) = found else {
        let text = format!("run `{wanted}` not found; `windlass runs` lists them");
        return Err(Failed::text(Exit::BadInput, text));
    };
    let mut state = RunState::default();
    let mut renderer = output.renderer();
    for event in journal::read(id).or_exit(Exit::Unexpected)? {
        state.apply(&event);
        renderer.event(&event, &state).or_exit(Exit::Unexpected)?;
    }
    renderer.clear();
    if !output.json {
        let folder = journal::root().or_exit(Exit::Unexpected)?.join(id);
        let extras = crate::render::SummaryExtras {
            run_dir: Some(folder.display().to_string()),
            ..crate::render::SummaryExtras::default()
        };
        output.text(&crate::render::summary(&state, &extras, &output.look()))?;
    }
    Ok(Exit::Done)
}
