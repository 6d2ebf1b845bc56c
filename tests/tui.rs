//! The guided install in a real terminal, without a cluster: whatever happens to it, the shell gets its terminal back.

use std::path::Path;
use std::process::Command;

use crate::pty::Pty;

const WINDLASS: &str = env!("CARGO_BIN_EXE_windlass");

/// What is on the screen where no cluster is known.
const NOTHING: &str = "No cluster found";

/// The terminal is as it was, and the shell answers.
#[track_caller]
fn as_before(shell: &mut Pty, home: &Path) {
    shell.keys("\u{15}stty -a > now && mv now after\r");
    shell.until("the shell's answer", 10, |_| home.join("after").exists());
    let read = |name: &str| std::fs::read_to_string(home.join(name)).unwrap();
    assert_eq!(read("before"), read("after"), "stty differs");
    std::fs::remove_file(home.join("after")).unwrap();
    assert_eq!(shell.taken(), (false, false), "another screen, or no cursor:\n{}", shell.text());
}

fn signal(shell: &Pty, name: &str) {
    let ran = Command::new("pkill").args([&format!("-{name}"), "--parent", &shell.pid().to_string()]).status();
    assert!(ran.unwrap().success(), "no windlass to send {name} to");
}

fn begun(more: &str) -> (tempfile::TempDir, Pty) {
    let home = tempfile::tempdir().unwrap();
    let mut shell = crate::pty::shell(home.path(), &[("WINDLASS_SANDBOX_DIR", "/nonexistent")]);
    shell.keys(&format!("$WINDLASS {more}; echo code-$?\r"));
    (home, shell)
}

#[test]
fn leaving_gives_the_terminal_back() {
    let (home, mut shell) = begun("");
    let text = shell.shows(NOTHING, 10);
    assert!(text.contains("Cluster"), "{text}");
    assert!(shell.taken().0, "screens have a screen of their own");
    shell.keys("?");
    shell.shows("Ctrl-Z", 5);
    shell.keys("\u{1b}");
    shell.until("the help is gone", 5, |text| !text.contains("Ctrl-Z"));
    shell.keys("q");
    shell.shows("code-8", 10);
    as_before(&mut shell, home.path());
}

#[test]
fn a_terminal_of_no_size_counts_as_80x24() {
    let home = tempfile::tempdir().unwrap();
    let mut shell = crate::pty::shell(home.path(), &[("WINDLASS_SANDBOX_DIR", "/nonexistent")]);
    shell.keys("stty cols 0 rows 0; $WINDLASS; echo code-$?\r");
    let text = shell.shows(NOTHING, 10);
    assert!(text.contains("Cluster"), "{text}");
    shell.keys("q");
    shell.shows("code-8", 10);
}

#[test]
fn a_terminal_that_is_made_small_shows_a_notice_and_comes_back() {
    let (home, mut shell) = begun("--lang ru");
    shell.shows("Кластеров не видно", 10);
    shell.resize(20, 5);
    shell.shows("80x24", 10);
    shell.resize(100, 30);
    shell.shows("Кластеров не видно", 10);
    shell.keys("q");
    shell.shows("code-8", 10);
    as_before(&mut shell, home.path());
}

#[test]
fn to_the_shell_and_back() {
    let (home, mut shell) = begun("");
    shell.shows(NOTHING, 10);
    shell.keys("\u{1a}");
    shell.shows("Stopped", 10);
    as_before(&mut shell, home.path());
    shell.keys("fg\r");
    shell.until("the screens are back", 10, |text| text.contains(NOTHING));
    assert!(shell.taken().0);
    shell.keys("q");
    shell.until("the shell", 10, |text| text.trim_end().ends_with("ready>"));
    as_before(&mut shell, home.path());
}

#[test]
fn stopped_from_outside_and_back() {
    let (home, mut shell) = begun("");
    shell.shows(NOTHING, 10);
    signal(&shell, "TSTP");
    shell.shows("Stopped", 10);
    as_before(&mut shell, home.path());
    shell.keys("fg\r");
    shell.shows(NOTHING, 10);
    shell.keys("q");
    shell.until("the shell", 10, |text| text.trim_end().ends_with("ready>"));
    as_before(&mut shell, home.path());
}

#[test]
fn signals_end_it_in_order() {
    for (name, code) in [("TERM", "code-6"), ("HUP", "code-6"), ("INT", "code-6")] {
        let (home, mut shell) = begun("");
        shell.shows(NOTHING, 10);
        signal(&shell, name);
        shell.shows(code, 10);
        as_before(&mut shell, home.path());
    }
}

#[test]
fn a_panic_is_reported_on_a_terminal_that_can_show_it() {
    let (home, mut shell) = begun("guide --debug-panic");
    let text = shell.shows("code-101", 10);
    assert!(text.contains("asked for by --debug-panic"), "{text}");
    as_before(&mut shell, home.path());
}

#[test]
fn a_terminal_that_goes_away_takes_it_along() {
    for replay in [false, true] {
        let run = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/pictures/install.jsonl");
        let (more, shown) = if replay { (format!("replay {run}"), "[Run]") } else { (String::new(), NOTHING) };
        // The connection drops.
        let (_home, mut shell) = begun(&more);
        shell.shows(shown, 10);
        let session = shell.pid();
        shell.hang_up();
        shell.ends(10);
        crate::pty::no_process_of(session, 10);
        // The shell is killed.
        let (home, mut shell) = begun(&more);
        shell.shows(shown, 10);
        let session = shell.pid();
        shell.kill();
        crate::pty::no_process_of(session, 10);
        assert_eq!(shell.settings(), std::fs::read_to_string(home.path().join("before")).unwrap(), "stty differs");
        assert_eq!(shell.taken(), (false, false), "another screen, or no cursor:\n{}", shell.text());
    }
}

#[test]
fn a_replay_gives_the_terminal_back() {
    let run = concat!("replay ", env!("CARGO_MANIFEST_DIR"), "/docs/pictures/install.jsonl");
    let (home, mut shell) = begun(run);
    shell.shows("[Run]", 10);
    shell.keys("\u{1a}");
    shell.shows("Stopped", 10);
    as_before(&mut shell, home.path());
    shell.keys("fg\r");
    shell.shows("[Run]", 10);
    signal(&shell, "TERM");
    shell.until("the shell", 10, |text| text.trim_end().ends_with("ready>"));
    as_before(&mut shell, home.path());
    let (home, mut shell) = begun(run);
    shell.shows("[Run]", 10);
    shell.keys("q");
    shell.shows("code-0", 10);
    as_before(&mut shell, home.path());
}

#[test]
fn where_there_is_no_terminal_there_are_no_screens() {
    let output = Command::new(WINDLASS).arg("guide").output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{text}");
    assert!(text.contains("windlass install --answers FILE --yes"), "{text}");
    let output = Command::new(WINDLASS).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stdout).contains("Usage: windlass"));
    let (_home, mut shell) = begun("guide --plain");
    let text = shell.shows("code-3", 10);
    assert!(text.contains("requires a terminal") && !shell.taken().0, "{text}");
    shell.keys("exit\r");
}
