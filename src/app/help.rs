//! The command line as clap knows it, its help in the language of the reader.

use clap::builder::{PossibleValue, StyledStr};
use clap::{Arg, Command, CommandFactory as _, FromArgMatches as _};

use crate::cli::Cli;
use crate::render::language::{self, Lang};

/// Help with headings of our own; clap has its in English only.
const TEMPLATE: &str = "{before-help}{about-with-newline}\n{usage}\n\n{all-args}{after-help}";

/// The command line, and the language that it or the locale asks for, which is that of the process from now on.
///
/// # Errors
/// It cannot be parsed, or asks for help or the version.
pub fn parse() -> Result<Cli, clap::Error> {
    // Before it is parsed, since what is wrong with it is said in that language too.
    let mut words = std::env::args().skip_while(|word| word != "--lang" && !word.starts_with("--lang="));
    let wanted = words.next().and_then(|word| word.strip_prefix("--lang=").map(str::to_owned).or_else(|| words.next()));
    language::choose(wanted_language(wanted));
    let mut command = command();
    let matches = command.try_get_matches_from_mut(std::env::args_os())?;
    Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

/// The language by the value of `--lang`, else the locale's; English where it is another.
fn wanted_language(lang: Option<String>) -> Lang {
    let locale = || {
        ["LC_ALL", "LC_MESSAGES", "LANG"]
            .iter()
            .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    };
    // `ru`, `ru_RU.UTF-8`, `ru.UTF-8`.
    let wanted = lang.or_else(locale).unwrap_or_default();
    Lang::of(wanted.split(['_', '.']).next().unwrap_or_default())
}

/// The command as clap reads it.
pub(super) fn command() -> Command {
    let mut command = Cli::command();
    if language::current() == Lang::En {
        return command;
    }
    command.build();
    translated(command)
}

fn say(text: &StyledStr) -> String {
    language::say(&text.to_string()).into_owned()
}

fn translated(command: Command) -> Command {
    let (about, long_about) = (command.get_about().map(say), command.get_long_about().map(say));
    let after = command.get_after_help().map(say);
    let usage = language::label("Usage:").into_owned();
    let mut command = command
        .help_template(TEMPLATE.replace("{usage}", &format!("{usage} {{usage}}")))
        .subcommand_help_heading(language::say("Commands").into_owned())
        .mut_args(argument)
        .mut_subcommands(translated);
    if let Some(about) = about {
        command = command.about(about);
    }
    if let Some(about) = long_about {
        command = command.long_about(about);
    }
    if let Some(after) = after {
        command = command.after_help(after);
    }
    command
}

fn argument(arg: Arg) -> Arg {
    let (help, long_help) = (arg.get_help().map(say), arg.get_long_help().map(say));
    let heading = match arg.get_help_heading() {
        Some(heading) => heading.to_owned(),
        None if arg.is_positional() => "Arguments".to_owned(),
        None => "Options".to_owned(),
    };
    let more = values(&arg);
    let mut arg =
        arg.hide_possible_values(true).hide_default_value(true).help_heading(language::say(&heading).into_owned());
    if let Some(help) = help {
        arg = arg.help(help + &more);
    }
    if let Some(help) = long_help {
        arg = arg.long_help(help + &more);
    }
    arg
}

/// What an option takes, and what it is by itself: clap writes both in English only.
fn values(arg: &Arg) -> String {
    if !arg.get_action().takes_values() {
        return String::new();
    }
    let values = arg.get_possible_values();
    let names: Vec<&str> = values.iter().map(PossibleValue::get_name).collect();
    let defaults: Vec<_> = arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    let mut text = String::new();
    if !names.is_empty() {
        text += &format!(" [{}: {}]", language::say("possible values"), names.join(", "));
    }
    if !defaults.is_empty() {
        text += &format!(" [{}: {}]", language::say("default"), defaults.join(" "));
    }
    for value in values {
        if let Some(help) = value.get_help() {
            text += &format!("\n- {}: {}", value.get_name(), say(help));
        }
    }
    text
}
