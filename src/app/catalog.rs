//! `windlass catalog`.

use serde_json::json;

use super::catalog_check;
use super::exit::{Exit, Failed, OrExit as _};
use super::output::Output;
use super::session::load_catalog;
use crate::catalog::{self, Catalog, Component, Question, Requirement};
use crate::cli::{CatalogCommand, Global};
use crate::render::{clean, language};

/// Shows, checks or writes out the definitions.
pub(super) async fn catalog(global: &Global, command: &CatalogCommand, output: &Output) -> Result<Exit, Failed> {
    match command {
        CatalogCommand::Export { dir } => {
            let count = catalog::export(dir).or_exit(Exit::BadInput)?;
            output.remark(&format!("{count} files in {}; use them with --catalog {0}", dir.display()));
            return Ok(Exit::Done);
        }
        CatalogCommand::Check => return catalog_check::check(global, output).await,
        CatalogCommand::List => list(&load_catalog(global)?, output)?,
        CatalogCommand::Show { component } => show(&load_catalog(global)?, component, output)?,
    }
    Ok(Exit::Done)
}

fn list(catalog: &Catalog, output: &Output) -> Result<(), Failed> {
    for component in catalog.components.values() {
        if output.json {
            output.value(&listed(component))?;
        } else {
            let origin =
                component.origin.as_ref().map(|origin| format!("  from {}", clean(origin))).unwrap_or_default();
            let line = format!(
                "{:<22} {:<10} {}{origin}\n",
                component.id,
                clean(&component.version),
                clean(component.title.of(language::current().code()))
            );
            output.say(&line)?;
        }
    }
    Ok(())
}

fn listed(component: &Component) -> serde_json::Value {
    let (optional, requires): (Vec<_>, Vec<_>) = component.requires.iter().partition(|required| required.optional);
    let json = |those: Vec<&Requirement>| those.into_iter().map(Requirement::json).collect::<Vec<_>>();
    json!({"id": component.id, "title": component.title.en(), "version": component.version, "requires": json(requires), "optional": json(optional), "origin": component.origin})
}

fn show(catalog: &Catalog, id: &str, output: &Output) -> Result<(), Failed> {
    if id != "platform" && !catalog.components.contains_key(id) {
        let known: Vec<&str> = catalog.components.keys().map(String::as_str).chain(["platform"]).collect();
        let text = format!("unknown component `{id}`, known are {}", known.join(", "));
        return Err(Failed::text(Exit::BadInput, text));
    }
    for question in catalog.questions(id) {
        if output.json {
            output.value(&json!({"question": format!("{id}.{}", question.id), "title": question.title.en(), "type": question.kind, "default": question.default, "optional": question.optional, "choices": question.choices, "help": question.help.as_ref().map(catalog::Text::en)}))?;
        } else {
            output.say(&describe(id, question))?;
        }
    }
    Ok(())
}

fn describe(id: &str, question: &Question) -> String {
    let lang = language::current().code();
    let kind = serde_json::to_value(question.kind).unwrap_or_default();
    let kind = kind.as_str().unwrap_or_default().to_owned();
    let default = match (&question.default, question.optional) {
        (Some(serde_json::Value::String(text)), _) => format!(", default {text}"),
        (Some(other), _) => format!(", default {other}"),
        (None, true) => ", optional".to_owned(),
        (None, false) => ", required".to_owned(),
    };
    let choices =
        if question.choices.is_empty() { String::new() } else { format!(": {}", question.choices.join(", ")) };
    let help = question.help.as_ref().map(|help| format!("    {}\n", clean(help.of(lang)))).unwrap_or_default();
    format!("{id}.{}  ({kind}{choices}{default})\n    {}\n{help}", question.id, clean(question.title.of(lang)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_is_generated_is_not_required() {
        let catalog = catalog::load(&[concat!(env!("CARGO_MANIFEST_DIR"), "/tests/components").into()]).unwrap();
        let text: String = catalog.questions("sample").iter().map(|question| describe("sample", question)).collect();
        assert!(text.contains("sample.db_password  (secret, default generate)\n"), "{text}");
        assert!(text.contains("sample.token  (secret, optional)\n"), "{text}");
    }
}
