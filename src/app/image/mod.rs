//! `windlass image`: unpublished images, built without a container engine.

mod base;
mod build;
mod bundle;
mod failure;
mod list;
mod push;
mod said;
mod target;

use super::exit::{Exit, Failed};
use super::output::Output;
use crate::cli::{Global, ImageArgs, ImageCommand};

/// Runs the subcommand.
pub(super) async fn image(global: &Global, args: &ImageArgs, output: &Output) -> Result<Exit, Failed> {
    match &args.command {
        ImageCommand::Build(args) => build::build(global, args, output).await,
        ImageCommand::List => list::list(global, output),
    }
}
