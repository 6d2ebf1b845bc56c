//! The composition root: from a parsed command line to drivers, renderers and an exit code.

mod answers;
mod answers_file;
mod ask;
mod bundle;
mod bundled;
mod catalog;
mod catalog_check;
mod charts;
mod connect;
mod diff;
mod drift;
mod endpoints;
mod exit;
mod guided;
mod health;
mod held;
mod help;
mod image;
mod install;
mod install_target;
mod journal;
mod lock;
mod offline;
mod output;
mod preflight;
mod push_requests;
mod registries;
mod registry;
mod rollback;
mod run;
mod runs;
mod secrets;
mod session;
mod status;
mod support;
mod times;
mod trust;
mod uninstall;
mod unlock;
mod verify;

pub use crate::driver::bundle::parse_split;
pub use crate::render::tui::DiagnosticsWriter;
pub use exit::{Exit, Failed};
pub use help::parse;

use std::process::ExitCode;

use crate::cli::{Cli, Command, GuideArgs};
use help::command as command_line;
use output::Output;

/// Runs the command and returns the exit code. Everything was printed already.
pub async fn run(cli: Cli) -> Exit {
    let output = Output::new(&cli.global);
    let Some(command) = cli.command else {
        // At a terminal that is the guided install, elsewhere the help.
        let result = match guided::possible(&cli.global) {
            true => guided::guided(&cli.global, &GuideArgs::default(), &output).await,
            false => help(&output),
        };
        return ended(result, &output);
    };
    let result = match command {
        Command::Guide(args) => guided::guided(&cli.global, &args, &output).await,
        Command::Install(args) => install::install(&cli.global, &args, &output).await,
        Command::Preflight(args) => preflight::preflight(&cli.global, &args, &output).await,
        Command::Plan(args) => install::plan(&cli.global, &args, &output).await,
        Command::Verify(args) => verify::verify(&cli.global, &args, &output).await,
        Command::Status(args) if args.watch => guided::watch(&cli.global, &args).await,
        Command::Status(args) => status::status(&cli.global, &args, &output).await,
        Command::Connect(args) => connect::connect(&cli.global, &args, &output).await,
        Command::Uninstall(args) => uninstall::uninstall(&cli.global, &args, &output).await,
        Command::Rollback(args) => rollback::rollback(&cli.global, &args, &output).await,
        Command::Secrets(args) => secrets::secrets(&cli.global, &args.command, &output).await,
        Command::SupportBundle(args) => support::support(&cli.global, &args, &output).await,
        Command::Bundle(args) => bundle::bundle(&cli.global, &args, &output).await,
        Command::Image(args) => image::image(&cli.global, &args, &output).await,
        Command::Unlock => unlock::unlock(&cli.global, &output).await,
        Command::Runs(args) => runs::runs(&args, &output),
        Command::Replay(args) => guided::replay(&cli.global, &args, &output).await,
        Command::Answers(args) => answers::answers(&cli.global, &args.command, &output),
        Command::Catalog(args) => catalog::catalog(&cli.global, &args.command, &output).await,
        Command::Lock(args) => lock::lock(&cli.global, &args, &output).await,
        Command::Completions { shell } => completions(shell, &output),
        Command::Man => man(&output),
    };
    ended(result, &output)
}

/// Prints why a command line cannot be parsed, or the help or version that it asks for.
#[must_use]
pub fn refused(error: &clap::Error) -> ExitCode {
    if error.use_stderr() {
        // It contains the arguments, which may be anything.
        output::say_stderr(error.render().to_string().trim_end());
    } else {
        // Our own text; a closed pipe is not an error.
        let _ = error.print();
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(Exit::BadInput as u8))
}

fn ended(result: Result<Exit, Failed>, output: &Output) -> Exit {
    result.unwrap_or_else(|failed| {
        output.error(&failed);
        failed.exit
    })
}

fn help(output: &Output) -> Result<Exit, Failed> {
    output.text(&command_line().render_help().to_string())?;
    Ok(Exit::BadInput)
}

fn completions(shell: clap_complete::Shell, output: &Output) -> Result<Exit, Failed> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut command_line(), "windlass", &mut text);
    output.text(&String::from_utf8_lossy(&text))?;
    Ok(Exit::Done)
}

fn man(output: &Output) -> Result<Exit, Failed> {
    let mut text = Vec::new();
    let render = clap_mangen::Man::new(command_line()).render(&mut text);
    render.map_err(|error| Failed::new(Exit::Unexpected, error))?;
    output.text(&String::from_utf8_lossy(&text))?;
    Ok(Exit::Done)
}
