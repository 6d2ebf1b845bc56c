//! Runs scenarios one after the other, and gives each what it needs where the one before it has left something else.

#![expect(clippy::print_stdout, reason = "this is the test program")]

use std::panic::{catch_unwind, resume_unwind};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Instant;

use clap::{Arg, ArgAction, CommandFactory as _, FromArgMatches as _};
use libtest_mimic::{Arguments, Trial};

use crate::operated::Operator;
use crate::scenarios::{SCENARIOS, Scenario, State};
use crate::support::*;

/// What the scenario before has left.
static FOUND: Mutex<State> = Mutex::new(State::Unknown);

/// Namespaces that only scenarios have, and those of the platform if even its uninstall fails to delete them.
const NAMESPACES: [&str; 13] = [
    "apache-airflow",
    "apache-hdfs",
    "apache-livy",
    "bytewax",
    "entries",
    "hoard",
    "neoflex-datagram",
    "operated",
    "operated-jobs",
    "pf-hdfs",
    "sample",
    "site-db",
    "strange",
];

/// What the command line asks for. Without `--ignored` nothing runs, so that `cargo test` needs no cluster.
pub(crate) fn run_chosen() -> ExitCode {
    let (mut arguments, words) = arguments();
    // There is one cluster for all of them.
    arguments.test_threads = Some(1);
    if (arguments.ignored || arguments.include_ignored) && !arguments.list {
        // What an earlier run has left there; a file that cannot be deleted is in nobody's way.
        let _ = std::fs::remove_dir_all(scratch());
    }
    let is_chosen = |scenario: &&Scenario| {
        let matches = |word: &String| match arguments.exact {
            true => scenario.name == word,
            false => scenario.name.contains(word.as_str()),
        };
        words.is_empty() || words.iter().any(matches)
    };
    let trial = |scenario: &'static Scenario| {
        let run = move || {
            run_one(scenario);
            Ok(())
        };
        Trial::test(scenario.name, run).with_ignored_flag(true)
    };
    libtest_mimic::run(&arguments, SCENARIOS.iter().filter(is_chosen).map(trial).collect()).exit_code()
}

/// The options of every test program, and the words of which a name has to hold one: libtest-mimic takes a single word.
fn arguments() -> (Arguments, Vec<String>) {
    let command = Arguments::command()
        .mut_arg("filter", |filter| filter.num_args(1..).action(ArgAction::Append))
        // The time is printed anyway.
        .arg(Arg::new("report-time").long("report-time").hide(true).action(ArgAction::SetTrue));
    let mut matches = command.get_matches();
    let words = matches.remove_many::<String>("filter").into_iter().flatten().collect();
    (Arguments::from_arg_matches_mut(&mut matches).unwrap_or_else(|error| error.exit()), words)
}

/// A scenario that fails leaves nobody knows what. The rest runs all the same: what needs something gets it made anew.
fn run_one(scenario: &Scenario) {
    let mut found = std::mem::replace(&mut *FOUND.lock().unwrap(), State::Unknown);
    // libtest-mimic has begun a line: `skipped: ` and all that follows stand at the beginning of theirs.
    println!();
    if let Some(needs) = scenario.needs.filter(|needs| !needs.is_met_by(found)) {
        println!("preparing: {needs:?}, found {found:?}");
        timed(&format!("{needs:?} is prepared"), || prepare(needs, found));
        found = needs;
    }
    timed(scenario.name, scenario.run);
    *FOUND.lock().unwrap() = scenario.leaves.unwrap_or(found);
}

/// Prints how long something took, also if it fails.
fn timed(what: &str, run: impl FnOnce() + std::panic::UnwindSafe) {
    let since = Instant::now();
    let ended = catch_unwind(run);
    println!("{:>7.1} s  {what}", since.elapsed().as_secs_f64());
    if let Err(panic) = ended {
        resume_unwind(panic);
    }
}

/// Brings the sandbox into a state.
fn prepare(needs: State, found: State) {
    // What was changed since the checks is checked by another install.
    if (needs, found) != (State::Verified, State::Ready) {
        remove_everything();
    }
    let installed = match needs {
        State::Empty | State::Unfinished | State::Entries | State::Unknown => return,
        State::Ready | State::Verified => install(&[]),
        State::Dataflow => run(&mut windlass(&["install", "--yes", "--components", "bytewax"])),
        State::Whole => run(&mut windlass_whole(&["install", "--yes"])),
    };
    installed.exits(0);
}

fn remove_everything() {
    // Of a run that nobody will continue.
    run(&mut windlass(&["unlock", "--yes"])).exits(0);
    // Its objects have a finalizer.
    let _operator = there(&["namespace", "operated"]).then(Operator::start);
    let purge = ["uninstall", "--yes", "--purge-data", "--purge-shared", "--confirm", "windlass-sandbox"];
    run(&mut windlass_whole(&purge)).exits(0);
    let delete = ["delete", "namespace", "--ignore-not-found", "--timeout=120s"];
    kubectl(&[&delete[..], &NAMESPACES].concat());
    assert_eq!(releases(), []);
}
