//! `windlass image list`.

use std::fmt::Write as _;

use serde_json::json;

use super::super::exit::{Exit, Failed};
use super::super::output::Output;
use super::super::session::load_catalog;
use super::target::{DIST, all};
use crate::cli::Global;

/// Lists the images that can be built, and why others cannot.
pub(super) fn list(global: &Global, output: &Output) -> Result<Exit, Failed> {
    let catalog = load_catalog(global)?;
    let (mut text, mut values) = (String::new(), Vec::new());
    for one in all(&catalog) {
        let read = one.containerfile();
        let published = one.image.split().map(|name| name.to_string());
        let (how, reasons, distributions) = match &read {
            Ok(file) => {
                let names: Vec<&str> = file.distributions().into_iter().collect();
                let given: Vec<_> = names
                    .iter()
                    .map(
                        |name| {
                            if *name == DIST { "--dist ARCHIVE".to_owned() } else { format!("--dist {name}=ARCHIVE") }
                        },
                    )
                    .collect();
                let command = format!("windlass image build {} {}", one.name(), given.join(" "));
                (command, Vec::new(), names.iter().map(|name| (*name).to_owned()).collect())
            }
            Err(failed) => {
                let chain = failed.chain().join("\n");
                let reasons: Vec<String> = chain.lines().skip(1).map(str::to_owned).collect();
                (
                    format!("needs a container engine: {}", reasons.first().cloned().unwrap_or(chain)),
                    reasons,
                    Vec::new(),
                )
            }
        };
        let other = published.as_ref().map(|name| format!(" (in place of {name})")).unwrap_or_default();
        // Writing to a text does not fail.
        let _ = writeln!(text, "{}{other}\n  {how}", one.name());
        values.push(json!({
            "image": one.name(), "containerfile": one.file(), "published": published, "buildable": read.is_ok(),
            "distributions": distributions, "reasons": reasons,
        }));
    }
    match output.json {
        true => output.value(&json!({"images": values}))?,
        false => output.say(&text)?,
    }
    Ok(Exit::Done)
}
