//! `windlass answers`: files of answers, without a cluster.

use std::path::Path;

use super::answers_file::save;
use super::exit::{Exit, Failed, OrExit as _};
use super::output::Output;
use super::session;
use crate::answers::{AnswerSources, AnswersError, Draft, FileError, LayerKind, example, scan_file, schema};
use crate::catalog::Catalog;
use crate::cli::{AnswersCommand, Global};
use crate::model::yaml::{Finding, Findings, Pos};
use crate::render::language::{self, say};

pub(super) fn answers(global: &Global, command: &AnswersCommand, output: &Output) -> Result<Exit, Failed> {
    let catalog = session::load_catalog(global)?;
    let language = language::current().code();
    match command {
        AnswersCommand::Init { file, components, profile } => {
            let text = example(&catalog, components.as_deref(), profile.as_deref(), language);
            let text = text.map_err(|error| match error {
                FileError::Answers(error) => session::wrong(error),
                FileError::Template(error) => Failed::new(Exit::Unexpected, error),
            })?;
            let text = with_comments(&text);
            match file {
                None => output.text(&text)?,
                Some(path) => {
                    save(path, &text)?;
                    output.remark(&format!("wrote {}; check it with `windlass answers check`", path.display()));
                }
            }
        }
        AnswersCommand::Schema => {
            let text = serde_json::to_string_pretty(&schema(&catalog, language)).or_exit(Exit::Unexpected)?;
            output.text(&format!("{text}\n"))?;
        }
        AnswersCommand::Check { file } => return check(global, file, &catalog, output),
    }
    Ok(Exit::Done)
}

/// A file of answers, what stands in its comments in the language of the reader.
fn with_comments(text: &str) -> String {
    let lines = text.split_inclusive('\n').map(|line| match line.split_once("# ") {
        Some((before, comment)) if before.trim().is_empty() => format!("{before}# {}", say(comment)),
        _ => line.to_owned(),
    });
    lines.collect()
}

/// What `answers check` found, as `--json` has it.
#[derive(serde::Serialize)]
struct Checked {
    file: String,
    mistakes: Vec<String>,
    missing: Vec<String>,
}

fn check(global: &Global, path: &Path, catalog: &Catalog, output: &Output) -> Result<Exit, Failed> {
    let name = path.display().to_string();
    let (mut file, mut form) = scan_file(&name, &session::read(path)?, LayerKind::File).or_exit(Exit::BadInput)?;
    let named = file.layer.components().chain(file.components.iter().flatten().map(String::as_str));
    let catalog = &*catalog.with_instances(named);
    form.0.extend(file.known(catalog).0);
    let mut given = AnswerSources::default();
    let names = file.names.clone();
    given.take(file);
    if let Some(folder) = session::sandbox(global) {
        session::sandbox_answers(&mut given, &folder)?;
    }
    let draft = drafted(&given, catalog, &name, &names, &mut form)?;
    let mut mistakes: Vec<Finding> = draft.problems.into_iter().map(|(_, finding)| finding).chain(form.0).collect();
    mistakes.sort_by_key(|finding| finding.pos);
    let found = Checked {
        file: name,
        mistakes: mistakes.iter().map(ToString::to_string).collect(),
        missing: draft.missing.iter().map(ToString::to_string).collect(),
    };
    if output.json {
        output.value(&found)?;
    } else {
        for (what, lines) in [("mistakes", &found.mistakes), ("missing answers", &found.missing)] {
            if !lines.is_empty() {
                let lines: String = lines.iter().map(|line| format!("  {line}\n")).collect();
                output.say(&format!("{what}:\n{lines}"))?;
            }
        }
        if found.mistakes.is_empty() && found.missing.is_empty() {
            let components = draft.answers.components.join(", ");
            output.say(&format!("{}: all answers are valid and complete for {components}\n", found.file))?;
        }
    }
    Ok(match (found.mistakes.is_empty(), found.missing.is_empty()) {
        (true, true) => Exit::Done,
        (true, false) => Exit::Missing,
        _ => Exit::BadInput,
    })
}

/// The draft of the chosen components that can be installed together: of several that export the same the first, for a
/// requirement that is not met any. What does not fit is a mistake where the file names it, and the check continues.
fn drafted(
    given: &AnswerSources,
    catalog: &Catalog,
    file: &str,
    names: &[(String, Pos)],
    form: &mut Findings,
) -> Result<Draft, Failed> {
    let mut tried = given.clone();
    loop {
        let error = match tried.draft(catalog) {
            Ok(draft) => return Ok(draft),
            Err(error) => error,
        };
        let before = tried.chosen.clone().unwrap_or_else(|| catalog.default_components().map(str::to_owned).collect());
        let (about, chosen): (Vec<&String>, Vec<String>) = match &error {
            AnswersError::TwoProviders { first, second, .. } => {
                let blamed = [second, first].into_iter().find(|id| before.contains(id));
                (vec![second, first], before.iter().filter(|id| Some(*id) != blamed).cloned().collect())
            }
            AnswersError::NoProvider { component, known, .. } => {
                (vec![component], before.iter().chain(known.first()).cloned().collect())
            }
            _ => return Err(session::wrong(error)),
        };
        // A requirement of another component is reported at the first that the file names.
        let place = about.iter().find_map(|id| names.iter().find(|(name, _)| name == *id));
        let place = place.or_else(|| names.iter().find(|(name, _)| before.contains(name)));
        form.add(file, place.map_or(Pos::default(), |(_, pos)| *pos), error.to_string());
        // Answers are checked without their components, too.
        tried.chosen = Some(if chosen == before { Vec::new() } else { chosen });
    }
}
