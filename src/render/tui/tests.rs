//! Real screens, reached by the keys that a user presses and the news that a cluster gives.

mod newcomer;
mod runs;
mod russian;
mod secrets;
mod source;

use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};

use super::draw::render;
use super::state::{Confirmation, Overlay, Tone};
use super::*;
use crate::answers::{AnswerSources, from_flags};
use crate::catalog::load;
use crate::event::{Envelope, Event};
use crate::model::preflight::{Finding, Report, Severity};
use crate::model::site::Node;
use crate::plan::{Step, plan};
use crate::render::SummaryExtras;
use crate::render::tests::made;

const SIZES: [(u16, u16); 2] = [(80, 24), (200, 60)];

fn look(lang: Lang, color: bool) -> Look {
    Look { lang, color, ascii: false }
}

fn catalog() -> Arc<crate::catalog::Catalog> {
    Arc::new(load(&["tests/components".into()]).unwrap())
}

fn state(lang: Lang, size: (u16, u16)) -> State {
    let mut state =
        State::new(look(lang, false), size, catalog(), AnswerSources::default(), |id| id != "helm").unwrap();
    state.now = made::at(20_000).as_millisecond();
    state
}

fn press(state: &mut State, keys: &str) -> Vec<Intent> {
    let mut intents = Vec::new();
    for word in keys.split_whitespace() {
        let (code, modifiers) = match word {
            "Enter" => (KeyCode::Enter, KeyModifiers::NONE),
            "Esc" => (KeyCode::Esc, KeyModifiers::NONE),
            "Tab" => (KeyCode::Tab, KeyModifiers::NONE),
            "Down" => (KeyCode::Down, KeyModifiers::NONE),
            "Up" => (KeyCode::Up, KeyModifiers::NONE),
            "Left" => (KeyCode::Left, KeyModifiers::NONE),
            "Right" => (KeyCode::Right, KeyModifiers::NONE),
            "End" => (KeyCode::End, KeyModifiers::NONE),
            "Home" => (KeyCode::Home, KeyModifiers::NONE),
            "Space" => (KeyCode::Char(' '), KeyModifiers::NONE),
            "^C" => (KeyCode::Char('c'), KeyModifiers::CONTROL),
            "^U" => (KeyCode::Char('u'), KeyModifiers::CONTROL),
            "^Z" => (KeyCode::Char('z'), KeyModifiers::CONTROL),
            word => {
                for c in word.chars() {
                    intents.extend(update(state, Input::Key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE))));
                }
                continue;
            }
        };
        intents.extend(update(state, Input::Key(KeyEvent::new(code, modifiers))));
    }
    intents
}

fn send(state: &mut State, news: BackendEvent) -> Vec<Intent> {
    update(state, Input::BackendEvent(Box::new(news)))
}

fn target(context: &str, sandbox: bool, state: TargetState) -> Target {
    Target { context: context.into(), server: "https://10.97.0.2:6443".into(), sandbox, current: sandbox, state }
}

fn connected() -> Connected {
    let flags = ["platform.registry=10.97.0.2:5000", "livy.image=10.97.0.2:5000/windlass/livy"].map(str::to_owned);
    let node = Node {
        name: "node-1".into(),
        labels: [("disk".to_owned(), "ssd".to_owned())].into(),
        ready: true,
        ..Node::default()
    };
    Connected {
        info: made::cluster(),
        site: Site {
            nodes: vec![node],
            storage_classes: vec!["local-path".into(), "fast".into()],
            ingress_classes: vec!["nginx".into()],
        },
        given: AnswerSources { layers: vec![from_flags(&flags).unwrap()], ..AnswerSources::default() },
        flags: "--sandbox ".into(),
        installed: Default::default(),
    }
}

fn report(errors: bool) -> Report {
    let finding = |severity, id, place: &str, what: &str, fix: &str| Finding {
        severity,
        id,
        place: place.into(),
        what: what.into(),
        fix: fix.into(),
        waived: false,
        adopt: None,
    };
    let mut findings = vec![finding(
        Severity::Warning,
        "storage-expansion",
        "StorageClass local-path",
        "its volumes cannot grow later",
        "kubectl patch storageclass local-path -p '{\"allowVolumeExpansion\": true}'",
    )];
    if errors {
        findings.push(finding(
            Severity::Error,
            "resources",
            "the nodes",
            "the plan needs 6.5Gi of memory, and 5.9Gi of 12Gi is free",
            "add a node, or choose smaller sizes: windlass answers init --profile small",
        ));
    }
    Report::new(Some(made::cluster()), findings, &[])
}

fn at_components(lang: Lang, size: (u16, u16)) -> State {
    let mut state = state(lang, size);
    let reachable = TargetState::Reachable("v1.34.4".into(), Some(1));
    send(&mut state, BackendEvent::Targets(vec![target("windlass-sandbox", true, reachable)]));
    press(&mut state, "Enter");
    send(&mut state, BackendEvent::Connected(Ok(Box::new(connected()))));
    press(&mut state, "Enter");
    send(&mut state, BackendEvent::Report(Ok(report(false))));
    press(&mut state, "c");
    state
}

fn at_questions(lang: Lang, size: (u16, u16)) -> State {
    let mut state = at_components(lang, size);
    press(&mut state, "c Down Enter");
    assert_eq!((state.screen, state.profile.chosen.as_deref()), (Screen::Questions, Some("small")));
    state
}

fn at_images(lang: Lang, size: (u16, u16)) -> State {
    let mut state = at_questions(lang, size);
    let intents = press(&mut state, "c");
    assert!(matches!(intents.as_slice(), [Intent::Registry(_)]), "{intents:?}");
    send(&mut state, BackendEvent::Registry(Ok("10.97.0.2:5000 has all 3 images".into())));
    state
}

/// Answers the one question that has no default: the tag of Livy's image.
fn at_review(lang: Lang, size: (u16, u16)) -> State {
    let mut state = at_images(lang, size);
    press(&mut state, "c");
    assert_eq!(state.screen, Screen::Images, "an answer is missing");
    press(&mut state, "Enter");
    press(&mut state, "0.9.0 Enter");
    let intents = press(&mut state, "c");
    let Some(Intent::Plan(given, _)) = intents.first() else { panic!("{intents:?}") };
    let answers = given.draft(&state.catalog).unwrap().finish().unwrap();
    let resolved = crate::answers::resolve(&state.catalog, &answers).unwrap();
    let plan = plan(&resolved, &crate::model::observed::Observed::default(), true);
    send(
        &mut state,
        BackendEvent::Planned(Ok((Box::new(Planned { plan, diffs: Vec::new(), refused: None }), report(false)))),
    );
    state
}

/// A run with the invented events, up to some moment.
fn at_run(lang: Lang, size: (u16, u16), events: usize) -> State {
    let mut state = at_review(lang, size);
    let intents = press(&mut state, "c y");
    assert!(matches!(intents.as_slice(), [Intent::Write(..), Intent::Run { .. }]), "{intents:?}");
    let deadlines = made::plan().steps.into_iter().map(|Step { id, deadline_seconds, .. }| (id, deadline_seconds));
    send(&mut state, BackendEvent::RunStarted(Box::new(RunView::new(deadlines.collect(), None))));
    for event in made::failing().into_iter().take(events) {
        state.now = event.at.as_millisecond() + 500;
        send(&mut state, BackendEvent::Event(event));
    }
    let pod = |name: &str, phase: &str, ready, reason: &str| PodRow {
        namespace: "apache-livy".into(),
        name: name.into(),
        phase: phase.into(),
        ready: (ready, 1),
        restarts: 0,
        reason: reason.into(),
    };
    send(
        &mut state,
        BackendEvent::Pods(vec![
            pod("hdfs-datanode-0", "Running", 1, ""),
            pod("livy-0", "Pending", 0, "ImagePullBackOff"),
        ]),
    );
    state
}

fn at_end(lang: Lang, size: (u16, u16)) -> State {
    let mut state = at_run(lang, size, usize::MAX);
    let extras = SummaryExtras {
        run_dir: Some("~/.local/state/windlass/runs/20251121T100000Z-0a1b2c".into()),
        next_command: Some("windlass --sandbox status".into()),
        ..SummaryExtras::default()
    };
    send(&mut state, BackendEvent::Ended(Ended { exit: 5, trouble: None }, Box::new(extras)));
    state
}

/// A screen as text; with colours, each piece that has a style in brackets.
fn shown(state: &State, size: (u16, u16), color: bool) -> String {
    let mut state = state.clone();
    (state.look.color, state.size) = (color, size);
    let area = Rect::new(0, 0, size.0, size.1);
    let mut buffer = Buffer::empty(area);
    render(&state, &mut buffer, area);
    lines_of(&buffer, size, color)
}

/// What is in a buffer.
fn lines_of(buffer: &Buffer, size: (u16, u16), color: bool) -> String {
    let mut out = String::new();
    for y in 0..size.1 {
        let mut row = String::new();
        let mut style = String::new();
        let mut skip = 0;
        for x in 0..size.0 {
            let cell = &buffer[(x, y)];
            if skip > 0 {
                skip -= 1;
                continue;
            }
            skip = crate::render::text::width(cell.symbol()).saturating_sub(1);
            let now = if color { style_of(cell.fg, cell.modifier) } else { String::new() };
            if now != style {
                if !style.is_empty() {
                    row.push('⟧');
                }
                if !now.is_empty() {
                    row.push_str(&format!("⟦{now}:"));
                }
                style = now;
            }
            row.push_str(cell.symbol());
        }
        if !style.is_empty() {
            row.push('⟧');
        }
        out.push_str(row.trim_end());
        out.push('\n');
    }
    out
}

fn style_of(color: Color, modifier: Modifier) -> String {
    let color = match color {
        Color::Reset => "",
        Color::Cyan => "c",
        Color::Red => "r",
        Color::Yellow => "y",
        Color::LightBlue => "b",
        other => panic!("{other:?} is not of the palette"),
    };
    let marks = [(Modifier::BOLD, "B"), (Modifier::DIM, "D"), (Modifier::REVERSED, "R")];
    let marks: String = marks.iter().filter(|(mark, _)| modifier.contains(*mark)).map(|(_, name)| *name).collect();
    format!("{color}{marks}")
}

/// Screens whose rows are laid out by their words: those are kept in Russian too. That no text is in English there is
/// another test.
const IN_RUSSIAN: [&str; 8] =
    ["preflight", "questions", "review", "review_findings", "run", "run_failed", "summary", "help"];

/// Screens that show more where there is room.
const WIDE: [&str; 3] = ["review", "run", "summary"];

/// In colour, as small as it may be; and as above.
fn snapshot(name: &str, make: fn(Lang, (u16, u16)) -> State) {
    after(name, make, "");
}

/// The same after keys.
fn after(name: &str, make: fn(Lang, (u16, u16)) -> State, keys: &str) {
    let screen = |lang, size, color| {
        let mut state = make(lang, size);
        press(&mut state, keys);
        shown(&state, size, color)
    };
    let [small, wide] = SIZES;
    insta::assert_snapshot!(format!("{name}_en_80"), screen(Lang::En, small, true));
    if IN_RUSSIAN.contains(&name) {
        insta::assert_snapshot!(format!("{name}_ru_80"), screen(Lang::Ru, small, false));
    }
    if WIDE.contains(&name) {
        insta::assert_snapshot!(format!("{name}_en_200"), screen(Lang::En, wide, false));
    }
}

#[test]
fn clusters() {
    snapshot("cluster", |lang, size| {
        let mut state = state(lang, size);
        send(
            &mut state,
            BackendEvent::Targets(vec![
                target("windlass-sandbox", true, TargetState::Reachable("v1.34.4".into(), Some(1))),
                target("production", false, TargetState::Connecting),
                target(
                    "old",
                    false,
                    TargetState::Unreachable(
                        "the API server of context \"old\" at https://old:6443 does not answer".into(),
                    ),
                ),
            ]),
        );
        state
    });
    snapshot("cluster_looking", state);
    snapshot("cluster_none", |lang, size| {
        let mut state = state(lang, size);
        send(&mut state, BackendEvent::Targets(Vec::new()));
        state
    });
}

#[test]
fn findings() {
    snapshot("preflight", |lang, size| {
        let mut state = state(lang, size);
        send(&mut state, BackendEvent::Targets(vec![target("windlass-sandbox", true, TargetState::Connecting)]));
        press(&mut state, "Enter");
        send(&mut state, BackendEvent::Connected(Ok(Box::new(connected()))));
        press(&mut state, "Enter");
        send(&mut state, BackendEvent::Report(Ok(report(true))));
        state
    });
}

#[test]
fn components_profile_questions_images() {
    snapshot("components", at_components);
    after("profile", at_components, "c Down");
    snapshot("questions", at_questions);
    after("questions_typing", at_questions, "Down Enter site.example.com");
    snapshot("images", at_images);
}

#[test]
fn the_plan() {
    snapshot("review", at_review);
    after("review_ask", at_review, "c");
    snapshot("review_findings", |lang, size| {
        let mut state = at_review(lang, size);
        let planned = state.review.planned.clone().unwrap();
        send(&mut state, BackendEvent::Planned(Ok((Box::new(planned), report(true)))));
        press(&mut state, "c");
        state
    });
}

#[test]
fn a_run() {
    snapshot("run", |lang, size| at_run(lang, size, 14));
    snapshot("run_failed", at_end);
    after("run_pods", at_end, "Tab Tab Tab");
    after("summary", at_end, "c");
}

#[test]
fn help_is_made_from_the_keys() {
    after("help", at_end, "?");
}

#[test]
fn a_small_terminal_is_reported() {
    let text = shown(&at_questions(Lang::En, (80, 24)), (40, 10), false);
    insta::assert_snapshot!("small", text);
}

#[test]
fn ascii_is_enough() {
    for make in [at_questions, at_review, at_end] {
        let mut state = make(Lang::En, (80, 24));
        state.look.ascii = true;
        let text = shown(&state, (80, 24), false);
        assert!(text.is_ascii(), "{text}");
    }
}

#[test]
fn nothing_is_drawn_outside_and_no_size_panics() {
    for make in [at_components, at_questions, at_review, at_end] {
        let state = make(Lang::Ru, (80, 24));
        for columns in [0, 1, 2, 10, 79, 80, 81, 119, 120, 300] {
            for rows in [0, 1, 2, 23, 24, 25, 100] {
                shown(&state, (columns, rows), true);
            }
        }
    }
}

#[test]
fn every_text_of_the_catalog_is_in_both_languages() {
    let catalog = load(&[]).unwrap();
    let mut missing = Vec::new();
    for id in std::iter::once("platform").chain(catalog.components.keys().map(String::as_str)) {
        let questions = catalog.questions(id);
        let texts = questions.iter().flat_map(|question| {
            let more = question.help.iter().chain(&question.group);
            std::iter::once(&question.title).chain(more).map(move |text| (question.id.as_str(), text))
        });
        let rules = catalog.rules(id).iter().map(|rule| ("rule", &rule.say));
        for (place, text) in texts.chain(rules) {
            // One text for all languages is for names, and those are short.
            let good = match text {
                crate::catalog::Text::One(text) => text.split_whitespace().count() <= 3,
                crate::catalog::Text::ByLanguage(_) => text.speaks("en") && text.speaks("ru"),
            };
            if !good {
                missing.push(format!("{id}.{place}: {text:?}"));
            }
        }
    }
    for profile in catalog.profiles.values() {
        for text in std::iter::once(&profile.title).chain(&profile.help) {
            if !(text.speaks("ru") && matches!(text, crate::catalog::Text::ByLanguage(_))) {
                missing.push(format!("{}: {text:?}", profile.id));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn a_component_that_others_need_stays() {
    let mut state = at_components(Lang::En, (80, 24));
    // All of the platform is chosen; without Livy HDFS is still needed by others.
    press(&mut state, "Home Space Down Down Space");
    assert!(
        state.components.chosen.iter().all(|id| !id.contains('@')) && state.components.chosen.len() == 5,
        "{:?}",
        state.components.chosen
    );
    press(&mut state, "Down Space");
    assert!(!state.components.chosen.contains("hdfs"));
    assert!(state.draft.answers.components.contains(&"hdfs".to_owned()));
    assert!(state.notice.as_ref().is_some_and(|(_, message)| message.contains("needed by")), "{:?}", state.notice);
    press(&mut state, "Down Space Down Down Down Down Down Down Space Down Space Down Space");
    assert!(state.draft.answers.components.is_empty());
    press(&mut state, "c");
    assert_eq!(state.screen, Screen::Components, "nothing to install");
}

#[test]
fn a_component_can_have_another_instance() {
    for lang in [Lang::En, Lang::Ru] {
        let mut state = at_components(lang, (80, 24));
        let before = state.catalog.components.len();
        press(&mut state, "Home Down n");
        press(&mut state, "O r d e r s");
        press(&mut state, "Enter");
        assert!(
            state.notice.as_ref().is_some_and(|(tone, _)| *tone == Tone::Bad) && state.components.naming.is_some(),
            "{:?}",
            state.notice
        );
        if lang == Lang::En {
            insta::assert_snapshot!("another", shown(&state, (80, 24), false));
        }
        press(&mut state, "Esc n");
        press(&mut state, "o r d e r s");
        press(&mut state, "Enter");
        assert_eq!(state.catalog.components.len(), before + 1);
        let id = state.components.chosen.iter().find(|id| id.ends_with("@orders")).cloned().unwrap();
        assert!(state.draft.answers.components.contains(&id));
        press(&mut state, "c c");
        assert_eq!(state.screen, Screen::Questions);
        let rows = shown(&state, (120, 200), false);
        assert!(rows.contains("(orders)"), "{rows}");
    }
}

#[test]
fn invalid_answers_are_shown_at_the_field_and_not_kept() {
    let mut state = at_questions(Lang::En, (80, 24));
    press(&mut state, "/");
    press(&mut state, "hdfs.replication Enter Enter");
    press(&mut state, "^U 3 Enter");
    let text = shown(&state, (80, 24), false);
    assert!(text.contains("there are fewer DataNodes than copies of each block"), "{text}");
    press(&mut state, "Esc c");
    assert_eq!(state.screen, Screen::Questions);
    press(&mut state, "Enter");
    press(&mut state, "^U x Enter");
    assert!(shown(&state, (80, 24), false).contains("expected a whole number, found `x`"));
    press(&mut state, "Enter");
    press(&mut state, "^U 1 Enter c");
    assert_eq!(state.screen, Screen::Images);
    assert!(state.edits.is_empty(), "an answer of the profile is not an own answer: {:?}", state.edits);
}

#[test]
fn an_image_that_is_not_used_is_not_on_its_screen() {
    let mut state = at_images(Lang::En, (80, 24));
    assert!(shown(&state, (80, 24), false).contains("Image of git_sync"));
    state.edits.insert("airflow.dags_source".parse().unwrap(), "none".to_owned());
    state.answers_changed();
    let text = shown(&state, (80, 24), false);
    assert!(text.contains("Image of airflow") && !text.contains("git_sync"), "{text}");
}

#[test]
fn a_secret_is_named_and_never_shown() {
    let mut state = at_questions(Lang::En, (80, 24));
    press(&mut state, "/");
    press(&mut state, "db_password Enter");
    assert!(shown(&state, (80, 24), false).contains("generated"));
    press(&mut state, "Enter Down Down Down Enter");
    press(&mut state, "DB_PASSWORD Enter");
    let text = shown(&state, (80, 24), false);
    assert!(text.contains("set: environment variable DB_PASSWORD"), "{text}");
    press(&mut state, "Enter Enter");
    assert!(shown(&state, (80, 24), false).contains("generated"));
    assert!(state.edits.is_empty());
}

#[test]
fn names_that_the_cluster_has_are_offered() {
    let mut state = at_questions(Lang::En, (80, 24));
    press(&mut state, "/");
    press(&mut state, "storage_class Enter Right");
    assert_eq!(state.draft.answers.get("platform", "storage_class").text(), Some("local-path"));
    press(&mut state, "Right Right");
    assert_eq!(state.draft.answers.get("platform", "storage_class").text(), None);
}

#[test]
fn what_is_watched() {
    use crate::render::{ComponentStatus, STATUS_SCHEMA, StatusReport, StatusRow};
    let row = |id: &str, title: &str, state: ComponentStatus| StatusRow {
        id: id.into(),
        title: title.into(),
        version: "1.0".into(),
        runs: None,
        release: None,
        revision: Some(2),
        state,
        verified: None,
        warnings: Vec::new(),
        hdfs: None,
        open: None,
        drift: Vec::new(),
        ignored: Vec::new(),
        unread: Vec::new(),
        endpoints: Vec::new(),
    };
    let unready = ComponentStatus::NotReady(vec!["pod livy-0: ImagePullBackOff: image r.site/livy:nope".into()]);
    for (lang, code) in [(Lang::En, "en"), (Lang::Ru, "ru")] {
        for (columns, rows) in SIZES {
            let mut watch = Watch::new(look(lang, false));
            watch.at = "10:00:00Z".into();
            watch.report = Some(StatusReport {
                schema: STATUS_SCHEMA,
                cluster: made::cluster(),
                components: vec![
                    row("hdfs", "Apache HDFS", ComponentStatus::Healthy),
                    row("livy", "Apache Livy", unready.clone()),
                ],
                hosts: Vec::new(),
            });
            watch.pods = at_run(lang, (columns, rows), 0).run.unwrap().pods;
            let area = Rect::new(0, 0, columns, rows);
            let mut buffer = Buffer::empty(area);
            super::watch::render(&watch, &mut buffer, area);
            if (code, columns) == ("en", 80) {
                insta::assert_snapshot!("watch", lines_of(&buffer, (columns, rows), false));
            }
        }
    }
}
