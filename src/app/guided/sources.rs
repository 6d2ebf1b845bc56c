//! The offline bundle that the screens install from: what was named on the command line and on the screen.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use super::asked::RequestCount;
use crate::cli::{OfflineArgs, TagRule};
use crate::render::tui::{OfflineChoice, Source};

/// The offline bundle that is installed from, and what is asked about it.
pub(super) struct Sources {
    /// The options of the command line; screens change some of them.
    given: OfflineArgs,
    now: Mutex<SourceState>,
}

pub(super) struct SourceState {
    /// What is installed from; nothing named where that is no offline bundle.
    pub(super) args: OfflineArgs,
    /// Only the last request counts.
    pub(super) opens: RequestCount,
    pub(super) plans: RequestCount,
    /// Cancelled to stop reading.
    pub(super) reading: CancellationToken,
}

impl Sources {
    pub(super) fn new(given: &OfflineArgs) -> Self {
        let args = if given.bundle.is_empty() { OfflineArgs::default() } else { given.clone() };
        let now = SourceState {
            args,
            opens: RequestCount::default(),
            plans: RequestCount::default(),
            reading: CancellationToken::new(),
        };
        Self { given: given.clone(), now: Mutex::new(now) }
    }

    /// The options of an install from what was chosen.
    pub(super) fn args(&self) -> OfflineArgs {
        self.now().args.clone()
    }

    pub(super) fn now(&self) -> MutexGuard<'_, SourceState> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those of the command line with what was chosen on the screen.
    pub(super) fn of(&self, choice: &OfflineChoice) -> OfflineArgs {
        let home = std::env::var_os("HOME");
        let path = |text: &str| (!text.is_empty()).then(|| at_home(text, home.as_ref()));
        let mut args = self.given.clone();
        args.bundle = choice.bundle.split(':').filter_map(path).collect();
        args.key = path(&choice.key);
        args.reach.ca = choice.ca.split(':').filter_map(path).collect();
        args
    }
}

/// `~/…` is in the user's own folder, as shells have it.
fn at_home(text: &str, home: Option<&OsString>) -> PathBuf {
    match (text.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => Path::new(home).join(rest),
        _ => PathBuf::from(text),
    }
}

/// The initial content of the screen.
pub(super) fn named(args: &OfflineArgs) -> Source {
    let joined = |paths: &[PathBuf]| {
        let texts: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        texts.join(":")
    };
    let text = |path: &PathBuf| path.display().to_string();
    let choice = OfflineChoice {
        bundle: joined(&args.bundle),
        key: args.key.as_ref().map(text).unwrap_or_default(),
        ca: joined(&args.reach.ca),
    };
    let (into, reach) = (&args.into, &args.reach);
    let tags = match into.tag_conflict {
        TagRule::Fail => None,
        TagRule::Keep => Some("keep".to_owned()),
        TagRule::Overwrite => Some("overwrite".to_owned()),
    };
    let valued = [
        ("--registry", args.registry.clone()),
        ("--signature", args.signature.as_ref().map(text)),
        ("--receipt", args.receipt.as_ref().map(text)),
        ("--max-depth", into.max_depth.map(|depth| depth.to_string())),
        ("--tag-conflict", tags),
        ("--client-cert", reach.client_cert.as_ref().map(text)),
        ("--client-key", reach.client_key.as_ref().map(text)),
        ("--token-host", reach.token_host.clone()),
        ("--registry-config", reach.registry_config.as_ref().map(text)),
    ];
    let plain = reach.plain_http.iter().map(|host| ("--plain-http", Some(host.clone())));
    let switches = [("--flatten", into.flatten), ("--without-signatures", into.without_signatures)];
    let switches = switches.into_iter().filter(|(_, on)| *on).map(|(option, _)| (option, None));
    let more = valued.into_iter().filter(|(_, value)| value.is_some()).chain(plain).chain(switches);
    Source::new(choice, more.collect())
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};

    fn offline(options: &[&str]) -> OfflineArgs {
        let cli = Cli::parse_from(["windlass", "guide", "--bundle", "/a:/b"].iter().chain(options));
        let Some(Command::Guide(args)) = cli.command else { panic!("it is another command") };
        args.offline
    }

    #[test]
    fn what_was_chosen_takes_the_place_of_some_options_and_leaves_the_others() {
        let given =
            offline(&["--key", "k.pub", "--ca", "a.pem", "--ca", "b.pem", "--max-depth", "2", "--plain-http", "r"]);
        let sources = Sources::new(&given);
        assert_eq!(sources.args(), given, "until something is chosen");
        let choice = OfflineChoice { bundle: "/c".into(), key: String::new(), ca: "/d.pem:/e.pem".into() };
        let found = sources.of(&choice);
        assert_eq!((found.bundle, found.key), (vec!["/c".into()], None));
        assert_eq!(found.reach.ca, [PathBuf::from("/d.pem"), "/e.pem".into()]);
        assert_eq!((found.into, &found.reach.plain_http), (given.into.clone(), &given.reach.plain_http));
        let text = format!("{:?}", named(&given));
        for part in [
            r#"bundle: "/a:/b""#,
            r#"key: "k.pub""#,
            r#"ca: "a.pem:b.pem""#,
            r#"("--max-depth", Some("2")), ("--plain-http", Some("r"))"#,
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        // Options for an offline bundle mean nothing where none is installed from.
        let without = OfflineArgs { bundle: Vec::new(), ..given };
        assert_eq!(Sources::new(&without).args(), OfflineArgs::default());
    }

    #[test]
    fn a_registry_that_is_only_pushed_to_goes_along() {
        let given = offline(&["--registry", "r.dmz/m"]);
        let text = format!("{:?}", named(&given));
        assert!(text.contains(r#"("--registry", Some("r.dmz/m"))"#), "{text}");
        let choice = OfflineChoice { bundle: "/c".into(), key: String::new(), ca: String::new() };
        assert_eq!(Sources::new(&given).of(&choice).registry.as_deref(), Some("r.dmz/m"));
    }

    #[test]
    fn a_tilde_is_the_home_of_whoever_types_it() {
        let home = OsString::from("/home/ann");
        assert_eq!(at_home("~/x.tar", Some(&home)), PathBuf::from("/home/ann/x.tar"));
        assert_eq!(at_home("/mnt/~/x.tar", Some(&home)), PathBuf::from("/mnt/~/x.tar"));
        assert_eq!(at_home("~/x.tar", None), PathBuf::from("~/x.tar"));
    }
}
