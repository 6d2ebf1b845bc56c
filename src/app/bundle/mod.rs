//! `windlass bundle`: creates, inspects, verifies and splits offline bundles on this machine.

mod base;
mod content;
mod create;
mod inventory;
pub(super) mod progress;
pub(super) mod push;
mod serve;
mod show;
mod sign;
pub(super) mod source;
pub(super) mod stop;
mod take;

use super::exit::{Exit, Failed};
use super::output::Output;
use crate::cli::{BundleArgs, BundleCommand, Global};

/// Runs the subcommand.
pub(super) async fn bundle(global: &Global, args: &BundleArgs, output: &Output) -> Result<Exit, Failed> {
    match &args.command {
        BundleCommand::Create(args) => create::create(global, args, output).await,
        BundleCommand::Inspect { open, format, sbom } => show::inspect(open, *format, sbom.as_deref(), output),
        BundleCommand::Verify(open) => take::verify(open, output),
        BundleCommand::Extract { image, open, to } => take::extract(image, open, to, output),
        BundleCommand::Diff { old, new } => show::diff(old, new, output),
        BundleCommand::Push(args) => push::push(args, output).await,
        BundleCommand::Serve(args) => serve::serve(args, output).await,
        BundleCommand::Split { open, size, output: target } => take::split(open, *size, target, output),
        BundleCommand::Join { bundles, output: target } => take::join(bundles, target, output).await,
        BundleCommand::Sign { bundle, private_key, signature, key, print_lock } => {
            let from = sign::From {
                private_key: private_key.as_deref(),
                signature: signature.as_deref(),
                key: key.as_deref(),
            };
            sign::sign(bundle, &from, *print_lock, output)
        }
        BundleCommand::Keygen { name } => sign::keygen(name, output),
    }
}
