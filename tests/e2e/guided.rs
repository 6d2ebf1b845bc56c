//! The guided install, by the keys that a user presses, in the sandbox.

use std::path::{Path, PathBuf};
use std::time::Duration;

use portable_pty::CommandBuilder;

use crate::english::english_in;
use crate::pty::{Pty, no_process_of, shell};
use crate::support::*;

/// The guided install into the sandbox, in a folder of its own.
fn guide(folder: &Path, more: &[&str]) -> Pty {
    let mut command = CommandBuilder::new(WINDLASS);
    command.args(["--sandbox", "guide", "--components", SMALL]);
    command.args(more);
    command.env("WINDLASS_SANDBOX_DIR", small());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("WINDLASS_ANSWER_")) {
        command.env_remove(name);
    }
    command.env("XDG_STATE_HOME", scratch().join("state"));
    command.env("TERM", "xterm-256color");
    command.env("LANG", "C.UTF-8");
    command.cwd(folder);
    Pty::new(command, 120, 40)
}

fn folder(name: &str) -> PathBuf {
    let folder = scratch().join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn purge() {
    run(&mut windlass(&["uninstall", "--yes", "--purge-data", "--confirm", "windlass-sandbox"])).exits(0);
}

/// From the cluster's screen over that of where images come from, which is as the sandbox's answers have it.
fn to_preflight(screens: &mut Pty) {
    screens.shows("Kubernetes v1.", 20);
    screens.keys("\r");
    let asked = ["Where do nodes get their images from?", "Откуда узлы берут образы?"];
    screens.until("where images come from", 20, |text| asked.iter().any(|words| text.contains(words)));
    screens.keys("\r");
}

/// From the cluster's screen to that of the questions.
fn to_questions(screens: &mut Pty) {
    to_preflight(screens);
    screens.shows("[Preflight]", 20);
    nothing_wrong(screens);
    screens.keys("c");
    screens.shows("Which components should be installed?", 5);
    screens.keys("c");
    screens.shows("How large?", 5);
    // None, small.
    screens.keys("j\r");
    screens.shows("[Questions]", 5);
}

fn nothing_wrong(screens: &mut Pty) {
    screens.until("what preflight found", 30, |text| text.contains("No findings") || text.contains("errors: 0"));
}

/// Answers one question of the form that is shown.
fn answer(screens: &mut Pty, question: &str, text: &str) {
    screens.keys(&format!("/{question}\r"));
    screens.shows(&format!("questions with {question}"), 5);
    screens.keys("\r");
    screens.shows("answer:", 5);
    screens.keys(&format!("\u{15}{text}\r"));
    screens.until("the answer is taken", 5, |screen| !screen.contains("answer:"));
    screens.keys("\u{1b}");
    screens.until("all fields again", 5, |screen| !screen.contains("questions with "));
}

/// From the questions to the run.
fn to_run(screens: &mut Pty) {
    screens.keys("c");
    screens.shows("[Images]", 5);
    screens.until("the registry's answer", 20, |text| text.contains("has all") || text.contains("does not have"));
    agree(screens, " create");
    screens.shows("[Run]", 20);
}

/// From the images to the plan, which must have this on one of its pages, and agrees to it. Gives what that page
/// showed.
fn agree(screens: &mut Pty, planned: &str) -> String {
    const PAGE_DOWN: &str = "\u{1b}[6~";
    screens.keys("c");
    screens.shows("[Review]", 5);
    let mut text = screens.until("the plan", 30, |text| text.contains(" --answers "));
    let mut before = String::new();
    while !text.contains(planned) {
        assert_ne!(text, before, "{planned} is on no page of the plan");
        screens.keys(PAGE_DOWN);
        std::thread::sleep(std::time::Duration::from_secs(1));
        before = std::mem::replace(&mut text, screens.text());
    }
    screens.keys("c");
    screens.shows("Install on windlass-sandbox", 5);
    screens.keys("y");
    text
}

fn last_run() -> PathBuf {
    let runs = scratch().join("state/windlass/runs");
    let mut found: Vec<PathBuf> = std::fs::read_dir(runs).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found.pop().unwrap()
}

pub(crate) fn by_keys_and_again_from_the_answers() {
    let folder = folder("guided");
    let mut screens = guide(&folder, &[]);
    to_questions(&mut screens);
    answer(&mut screens, "livy.driver_memory", "600Mi");
    to_run(&mut screens);
    let text = screens.shows("[Summary]", 400);
    assert!(text.contains("Pi is roughly 3.1") && text.contains("installed and verified"), "{text}");
    let run_folder = last_run();
    screens.keys("q");
    assert_eq!(screens.ends(10), 0);
    run(&mut windlass(&["status"])).exits(0).says("4 healthy");

    // What it wrote does the same again, on a cluster that has nothing of it.
    let file = folder.join("windlass-answers.yaml");
    let answers = std::fs::read_to_string(&file).unwrap();
    assert!(answers.contains("  # Memory of a Spark driver\n  driver_memory: 600Mi\n"), "{answers}");
    assert_eq!(answers, std::fs::read_to_string(run_folder.join("answers.yaml")).unwrap());
    run(&mut windlass(&["answers", "check", file.to_str().unwrap()])).exits(0);
    purge();
    let planned = run(&mut windlass(&["plan", "--answers", file.to_str().unwrap(), "--json"])).exits(0);
    assert!(planned.out == std::fs::read_to_string(run_folder.join("plan.json")).unwrap(), "the plans differ");
}

pub(crate) fn a_wrong_tag_is_corrected() {
    let folder = folder("corrected");
    let mut screens = guide(&folder, &["--no-verify", "--set", "livy.image_tag=nope"]);
    to_questions(&mut screens);
    to_run(&mut screens);
    let text = screens.until("what failed", 240, |text| text.contains("1 failed"));
    screens.shows("c continue", 120);
    let text = format!("{text}{}", screens.text());
    for said in ["my-livy", ":nope", "event:"] {
        assert!(text.contains(said), "{said} is not in\n{text}");
    }
    assert!(seconds_of_failure(&last_run()) < 60.0, "the deadline of readiness is far longer");
    let before = releases();
    screens.keys("e");
    // Where the answer is that the failure names.
    screens.shows("[Images]", 5);
    answer(&mut screens, "livy.image_tag", &livy_tag());
    agree(&mut screens, " update");
    screens.shows("continues run", 20);
    screens.shows("[Summary]", 400);
    screens.shows("installed; checks skipped", 5);
    screens.keys("q");
    assert_eq!(screens.ends(10), 0);
    run(&mut windlass(&["status"])).exits(0).says("4 ready");
    let answers = std::fs::read_to_string(folder.join("windlass-answers.yaml")).unwrap();
    assert!(answers.contains(&format!("image_tag: {}\n", livy_tag())), "{answers}");
    // What had been done was not done again.
    let others = |all: Vec<(String, String, String)>| -> Vec<_> {
        all.into_iter().filter(|(name, ..)| !name.ends_with("/my-livy")).collect()
    };
    let before = others(before);
    assert!(before.len() >= 2, "{before:?}");
    assert_eq!(others(releases()), before);

    // Who starts again begins with what is installed: nothing would be taken back.
    let mut screens = guide(&folder, &["--no-verify"]);
    to_preflight(&mut screens);
    screens.shows("already installed", 20);
    nothing_wrong(&mut screens);
    screens.keys("ccc");
    screens.shows("[Questions]", 5);
    screens.keys("c");
    screens.shows("[Images]", 5);
    screens.keys("c");
    screens.shows("nothing to do", 30);
    screens.keys("qy");
    screens.ends(10);
}

/// In Russian from the first screen to the summary, with a failure on the way: no screen has a sentence in English, but for what
/// kubelets say. What each showed is in the scratch folder.
pub(crate) fn all_in_russian() {
    let folder = folder("russian");
    let mut screens = guide(&folder, &["--no-verify", "--lang", "ru", "--set", "livy.image_tag=nope"]);
    let mut frames = Vec::new();
    let mut see = |screens: &Pty, name: &str| {
        std::thread::sleep(Duration::from_secs(2));
        frames.push(format!("=== {name}\n{}\n", screens.text()));
    };
    screens.shows("Kubernetes v1.", 20);
    see(&screens, "cluster");
    screens.keys("?");
    see(&screens, "help");
    // Together they would be one key.
    screens.keys("\u{1b}");
    std::thread::sleep(Duration::from_secs(1));
    screens.keys("\r");
    for (shown, name, keys) in [
        ("Откуда узлы берут образы?", "source", "\r"),
        ("[Проверка]", "preflight", "c"),
        ("Что установить?", "components", "c"),
        ("Какого размера?", "profile", "j\r"),
        ("[Вопросы]", "questions", "c"),
        ("[Образы]", "images", "c"),
        (" --answers ", "plan", "\u{1b}[6~"),
        (" --answers ", "plan, further down", "c"),
        ("windlass-sandbox (", "question", "y"),
    ] {
        screens.shows(shown, 40);
        see(&screens, name);
        screens.keys(keys);
    }
    screens.shows("[Установка]", 20);
    see(&screens, "run");
    screens.until("what failed", 240, |text| text.contains("с ошибкой: 1"));
    for pane in ["failed", "pane 2", "pane 3", "pane 4"] {
        see(&screens, pane);
        screens.keys("\t");
    }
    screens.until("the end of the run", 120, |text| text.contains("c ") && !text.contains("осталось"));
    screens.keys("c");
    screens.shows("[Итог]", 60);
    see(&screens, "summary");
    screens.keys("q");
    screens.ends(10);
    let frames = frames.concat();
    std::fs::write(folder.join("screens.txt"), &frames).unwrap();
    let kubelet = ["rpc error", "pull image", "Back-off", "unpack", "resolve reference"];
    let ours: String = frames
        .lines()
        .filter(|line| !kubelet.iter().any(|word| line.contains(word)))
        .flat_map(|line| [line, "\n"])
        .collect();
    assert_eq!(english_in(&ours), None, "{}", folder.join("screens.txt").display());
    purge();
}

/// A component that only a folder describes: on every screen, and installed, with HDFS, which it needs and which stays.
pub(crate) fn a_component_that_only_a_folder_describes() {
    let catalog = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/components");
    let folder = folder("described");
    let mut screens = guide(&folder, &["--catalog", catalog.to_str().unwrap(), "--components", "sample"]);
    to_preflight(&mut screens);
    nothing_wrong(&mut screens);
    screens.keys("c");
    let text = screens.shows("Which components should be installed?", 5);
    assert!(text.contains("Sample service"), "{text}");
    screens.keys("cc");
    screens.shows("[Questions]", 5);
    for (question, title) in [
        ("greeting", "What it says"),
        ("replicas", "Number of pods"),
        ("memory", "Memory of a pod"),
        ("host", "Host name"),
        ("port", "Port"),
        ("folder", "Folder in HDFS"),
        ("tone", "Tone"),
        ("loud", "Loud"),
        ("node_labels", "Labels of its nodes"),
        ("db_password", "Its password"),
        ("token", "A token from elsewhere"),
    ] {
        screens.keys(&format!("/sample.{question}\r"));
        let text = screens.shows(&format!("questions with sample.{question}"), 5);
        assert!(text.contains(title), "{title} is not in\n{text}");
        screens.keys("\u{1b}");
        screens.until("all fields again", 5, |screen| !screen.contains("questions with "));
    }
    answer(&mut screens, "sample.greeting", "добрый вечер");
    screens.keys("c");
    let text = screens.shows("[Images]", 5);
    assert!(text.contains("Sample service"), "{text}");
    screens.until("the registry's answer", 20, |text| text.contains("has all"));
    let text = agree(&mut screens, "Secret my-sample-db-password in sample");
    assert!(text.contains("--catalog"), "the same command needs it, too\n{text}");
    screens.shows("[Run]", 20);
    let text = screens.shows("[Summary]", 200);
    assert!(text.contains("it greets") && text.contains("installed and verified"), "{text}");
    screens.keys("q");
    assert_eq!(screens.ends(10), 0);
    let pods =
        kubectl(&["-n", "sample", "get", "pods", "-o", "jsonpath={.items[*].status.containerStatuses[*].ready}"]);
    assert_eq!(pods, "true");
    let purge = ["uninstall", "--yes", "--components", "sample", "--purge-data", "--confirm", "windlass-sandbox"];
    run(windlass(&purge).arg("--catalog").arg(&catalog)).exits(0);
}

/// What the screens say, as far as keys depend on it.
struct Words {
    lang: &'static str,
    components: &'static str,
    sizes: &'static str,
    steps: [&'static str; 4],
    nothing_found: [&'static str; 2],
    fields: &'static str,
    answer: &'static str,
    title: &'static str,
    question: &'static str,
    ended: &'static str,
}

const WORDS: [Words; 2] = [
    Words {
        lang: "en",
        components: "Which components should be installed?",
        sizes: "How large?",
        steps: ["[Questions]", "[Images]", "[Review]", "[Summary]"],
        nothing_found: ["No findings", "errors: 0"],
        fields: "questions with ",
        answer: "answer:",
        title: "Bytewax dataflow",
        question: "The dataflow's code",
        ended: "installed; checks skipped",
    },
    Words {
        lang: "ru",
        components: "Что установить?",
        sizes: "Какого размера?",
        steps: ["[Вопросы]", "[Образы]", "[План]", "[Итог]"],
        nothing_found: ["Замечаний нет", "ошибок: 0"],
        fields: "вопросов с ",
        answer: "ответ:",
        title: "Поток данных Bytewax",
        question: "Код потока данных",
        ended: "установлено; проверка не проводилась",
    },
];

/// Bytewax instead of the platform, with a file of the operator's; then again, with a folder.
pub(crate) fn bytewax_is_chosen() {
    let flows = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bytewax");
    for (words, (source, entry)) in WORDS.iter().zip([("endless.py", "endless.py"), ("tree", "main.py")]) {
        let folder = folder(&format!("bytewax-{}", words.lang));
        let mut screens = guide(&folder, &["--no-verify", "--lang", words.lang]);
        to_preflight(&mut screens);
        screens.until("what preflight found", 30, |text| words.nothing_found.iter().any(|found| text.contains(found)));
        screens.keys("c");
        let text = screens.shows(words.components, 5);
        assert!(text.contains(words.title), "{text}");
        // Chosen are the four of the small platform, among all that there are.
        screens.keys("j jj j jjjjjj j ");
        let chosen = |text: &str| text.lines().filter(|line| line.contains("[✓]")).count() == 1;
        let text = screens.until("only one is chosen", 5, chosen);
        assert!(text.lines().any(|line| line.contains("[✓]") && line.contains(words.title)), "{text}");
        screens.keys("c");
        screens.shows(words.sizes, 5);
        screens.keys("c");
        screens.shows(words.steps[0], 5);
        for (question, answer) in [("source", flows.join(source).display().to_string()), ("entry", entry.to_owned())] {
            let question = format!("bytewax.{question}");
            screens.keys(&format!("/{question}\r"));
            let text = screens.until("one field", 5, |text| text.contains(words.fields) && text.contains(&question));
            assert!(question != "bytewax.source" || text.contains(words.question), "{text}");
            screens.keys("\r");
            screens.shows(words.answer, 5);
            screens.keys(&format!("\u{15}{answer}\r"));
            screens.until("the answer is taken", 5, |screen| !screen.contains(words.answer));
            screens.keys("\u{1b}");
            screens.until("all fields again", 5, |screen| !screen.contains(words.fields));
        }
        screens.keys("c");
        screens.shows(words.steps[1], 5);
        screens.until("the registry's answer", 20, |text| text.contains("has all"));
        screens.keys("c");
        screens.shows(words.steps[2], 5);
        let text = screens.shows("ConfigMap my-dataflow-source-", 30);
        assert!(!text.contains("apache-"), "{text}");
        screens.keys("c");
        screens.shows("windlass-sandbox (", 5);
        screens.keys("y");
        screens.shows(words.steps[3], 200);
        screens.shows(words.ended, 5);
        screens.keys("q");
        assert_eq!(screens.ends(10), 0);
        let answers = std::fs::read_to_string(folder.join("windlass-answers.yaml")).unwrap();
        assert!(answers.contains(&format!("/tests/bytewax/{source}\n")), "{answers}");
        run(&mut windlass(&["status"])).exits(0).says("1 ready");
    }
    crate::bytewax::the_tree_was_read();
    purge();
}

/// How long the step took that failed.
fn seconds_of_failure(run: &Path) -> f64 {
    let journal = std::fs::read_to_string(run.join("events.jsonl")).unwrap();
    let mut events = journal.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    events.find(|event| event["event"] == "step-failed").unwrap()["seconds"].as_f64().unwrap()
}

/// The tag of the sandbox's own image.
fn livy_tag() -> String {
    let answers = std::fs::read_to_string(small().join("answers.yaml")).unwrap();
    let line = answers.lines().find_map(|line| line.trim().strip_prefix("image_tag:")).unwrap();
    line.trim().trim_matches(['"', '\'']).to_owned()
}

pub(crate) fn a_terminal_that_goes_away() {
    // The connection drops.
    let home = folder("gone");
    let mut screens = guide(&home, &["--no-verify"]);
    to_questions(&mut screens);
    to_run(&mut screens);
    screens.until("something runs", 60, |text| text.contains("running     "));
    std::thread::sleep(Duration::from_secs(4));
    let session = screens.pid();
    screens.hang_up();
    assert_eq!(screens.ends(90), 6, "stopped");
    nothing_left(session);
    // What it had begun can be seen, and taken away.
    run(&mut windlass(&["status"])).exits(5).says("its install was not finished");
    assert_ne!(releases(), []);
    purge();
    assert_eq!(releases(), []);
    let namespaces = kubectl(&["get", "namespaces", "-o", "name"]);
    assert!(!namespaces.contains("/apache-"), "{namespaces}");

    // The shell is killed in the middle of it.
    let state = scratch().join("state").display().to_string();
    let sandbox = small().display().to_string();
    let mut shell = shell(&home, &[("XDG_STATE_HOME", &state), ("WINDLASS_SANDBOX_DIR", &sandbox)]);
    shell.keys(&format!("$WINDLASS --sandbox guide --no-verify --components {SMALL}\r"));
    to_questions(&mut shell);
    to_run(&mut shell);
    shell.until("something runs", 60, |text| text.contains("running     "));
    std::thread::sleep(Duration::from_secs(4));
    let session = shell.pid();
    shell.kill();
    nothing_left(session);
    assert_eq!(shell.settings(), std::fs::read_to_string(home.join("before")).unwrap(), "stty differs");
    assert_eq!(shell.taken(), (false, false), "another screen, or no cursor:\n{}", shell.text());

    // The next start resumes: nothing is locked, and what was done is not done again.
    run(windlass(&["install", "--yes", "--no-verify", "--answers"]).arg(home.join("windlass-answers.yaml"))).exits(0);
    run(&mut windlass(&["status"])).exits(0).says("4 ready");
    purge();
    assert_eq!(releases(), []);
}

/// Waits until no process of a terminal's session is left; no release is pending then, and no Helm runs.
#[track_caller]
fn nothing_left(session: u32) {
    no_process_of(session, 90);
    let helm = sandbox().join("bin/helm");
    let running = std::process::Command::new("pgrep").args(["-a", "-f", &format!("^{}", helm.display())]).output();
    assert_eq!(String::from_utf8_lossy(&running.unwrap().stdout), "", "a Helm is left");
    let mut pending = std::process::Command::new(helm);
    pending.args(["list", "-A", "--pending", "-q", "--kubeconfig"]).arg(sandbox().join("kubeconfig"));
    assert_eq!(run(&mut pending).exits(0).out, "", "something is pending");
    let journal = std::fs::read_to_string(last_run().join("events.jsonl")).unwrap();
    assert!(journal.contains(r#""event":"run-finished","outcome":"stopped""#), "it did not end in order:\n{journal}");
}
