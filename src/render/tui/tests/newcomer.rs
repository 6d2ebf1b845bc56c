//! What a first install shows, at 80x24.

use super::*;
use crate::model::Login;
use crate::model::cluster::Finding as Unready;
use crate::render::Endpoint;
use crate::render::tui::screens::run_panes::merge_alike;

/// The end of a run that made web pages, one of them with a login.
fn with_addresses(lang: Lang, size: (u16, u16)) -> State {
    let mut state = at_end(lang, size);
    state.run.as_mut().unwrap().state.order.last_mut().unwrap().verify = true;
    let page = |title: &str, host: &str, login: Option<Login>| Endpoint {
        title: title.into(),
        url: Some(format!("http://{title}.my-apache-airflow.svc.cluster.local:8080")),
        ingress: Some(format!("https://{host}.platform.site.example.com")),
        address: Some("10.97.0.2".into()),
        unresolved: Some(format!("{host}.platform.site.example.com")),
        login,
        ..Endpoint::default()
    };
    let login = |secret: &str| Login::new(Some("admin".into()), "airflow", secret, "password");
    let inside = Endpoint {
        title: "hdfs".into(),
        url: Some("http://my-hdfs-namenode-0.my-hdfs-namenodes.apache-hdfs.svc.cluster.local:9870/index.html".into()),
        ..Endpoint::default()
    };
    state.summary.extras = Some(SummaryExtras {
        endpoints: vec![
            page("airflow", "airflow", Some(login("web"))),
            page("history", "history", Some(login("my-airflow-administrator-of-the-site"))),
            inside,
        ],
        ..SummaryExtras::default()
    });
    press(&mut state, "c");
    state
}

/// All lines of the summary.
fn summary(lang: Lang) -> Vec<String> {
    let text = shown(&with_addresses(lang, (80, 24)), (80, 120), false);
    text.lines().map(str::to_owned).collect()
}

#[test]
fn the_summary_begins_with_what_to_act_on() {
    snapshot("summary_addresses", with_addresses);
    for (lang, order) in [
        (
            Lang::En,
            ["failed", "Apache Livy is ready", "r retries", "addresses", "/etc/hosts", "checks", "in the cluster only"],
        ),
        (
            Lang::Ru,
            [
                "не удалось",
                "готовность: Apache Livy",
                "r — повторить",
                "адреса",
                "/etc/hosts",
                "проверки",
                "только в кластере",
            ],
        ),
    ] {
        let lines = summary(lang);
        let at = |word: &str| {
            lines.iter().position(|line| line.contains(word)).unwrap_or_else(|| panic!("{word}: {lines:#?}"))
        };
        let at: Vec<usize> = order.iter().map(|word| at(word)).collect();
        assert!(at.is_sorted(), "{at:?} {lines:#?}");
    }
}

#[test]
fn what_is_copied_from_the_summary_is_whole() {
    let lines = summary(Lang::En);
    // It fits: a line of its own. The other one does not: broken at blanks, as a shell takes it.
    let whole = " kubectl -n airflow get secret web -o jsonpath='{.data.password}' | base64 -d";
    assert!(lines.iter().any(|line| line == whole), "{lines:#?}");
    let long = lines.iter().position(|line| line.contains("administrator-of-the-site")).unwrap();
    assert!(lines[long].ends_with(" \\") && lines[long + 1].starts_with(" "), "{lines:#?}");
    for address in [
        "https://airflow.platform.site.example.com",
        "http://my-hdfs-namenode-0.my-hdfs-namenodes.apache-hdfs.svc.cluster.local:9870",
    ] {
        assert!(lines.iter().any(|line| line.contains(address)), "{address}: {lines:#?}");
    }
    assert!(lines.iter().all(|line| !line.contains('…')), "{lines:#?}");
}

#[test]
fn pods_that_fail_in_the_same_way_are_merged() {
    let pod = |name: &str, reason: &str| Unready {
        pod: Some(name.into()),
        reason: reason.into(),
        message: format!("pod {name} cannot start"),
        log: Vec::new(),
        ..made::finding()
    };
    let all = [
        pod("a-0", "ImagePullBackOff"),
        pod("a-1", "ImagePullBackOff"),
        pod("b-0", "Pending"),
        pod("a-2", "ImagePullBackOff"),
    ];
    let messages: Vec<String> = merge_alike(&all, look(Lang::En, false)).into_iter().map(|one| one.message).collect();
    assert_eq!(messages, ["pod a-0 cannot start\nand 2 more pods the same", "pod b-0 cannot start"]);
    let findings = merge_alike(&all, look(Lang::Ru, false));
    assert!(findings[0].message.ends_with("и ещё 2 пода так же"), "{}", findings[0].message);
}

#[test]
fn leaving_is_possible_with_or_without_the_answers() {
    for (key, writes) in [("y", true), ("д", true), ("d", false), ("в", false)] {
        let mut state = at_questions(Lang::Ru, (80, 24));
        press(&mut state, "q");
        let text = shown(&state, (80, 24), false);
        assert!(text.contains("д записать и выйти   в выйти без записи   Esc назад"), "{text}");
        let intents = press(&mut state, key);
        assert_eq!(intents.last(), Some(&Intent::Quit));
        assert_eq!(intents.iter().any(|intent| matches!(intent, Intent::Write(..))), writes, "{key}");
    }
    for key in ["n", "н", "т"] {
        let mut state = at_questions(Lang::Ru, (80, 24));
        press(&mut state, "q");
        assert_eq!(press(&mut state, key), [], "{key} is no, as everywhere");
        assert_eq!(state.overlay, None);
    }
    let mut state = at_questions(Lang::En, (80, 24));
    state.file.older = true;
    press(&mut state, "q");
    assert!(shown(&state, (80, 24), false).contains("windlass-answers.yaml.old"), "{}", shown(&state, (80, 24), false));
    assert!(press(&mut state, "Esc").is_empty() && state.overlay.is_none());
    // Nothing was answered: nothing is written, and nobody is asked about that.
    let mut state = at_components(Lang::En, (80, 24));
    press(&mut state, "q");
    let text = shown(&state, (80, 24), false);
    assert!(text.contains("Quit?") && !text.contains("windlass-answers"), "{text}");
    assert_eq!(press(&mut state, "y"), [Intent::Quit]);
}

#[test]
fn work_in_progress_is_shown_before_a_success() {
    let mut state = at_review(Lang::En, (80, 24));
    press(&mut state, "c y");
    send(&mut state, BackendEvent::Written(Ok(("windlass-answers.yaml".into(), None))));
    state.now += 54_000;
    let text = shown(&state, (80, 24), false);
    assert!(text.contains("starting (54s)") && !text.contains("answers written"), "{text}");
    for (lang, expected) in [(Lang::En, "planning again (54s)"), (Lang::Ru, "новый план (54 с)")] {
        let mut state = at_end(lang, (80, 24));
        press(&mut state, "r");
        state.now += 54_000;
        let text = shown(&state, (80, 24), false);
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn a_warning_has_its_own_mark() {
    let mut state = at_review(Lang::En, (80, 24));
    send(&mut state, BackendEvent::Warning("taking over the lock of ann@far".into()));
    let text = shown(&state, (80, 24), false);
    assert!(text.contains(" ! taking over the lock"), "{text}");
}

#[test]
fn back_and_quit_are_always_shown() {
    for lang in [Lang::En, Lang::Ru] {
        for make in [at_components, at_questions, at_images, at_review, at_end] {
            let text = shown(&make(lang, (80, 24)), (80, 24), false);
            let bar = text.lines().last().unwrap();
            assert!(bar.contains("Esc ") && bar.contains(" q "), "{bar}");
        }
        let mut state = at_end(lang, (80, 24));
        press(&mut state, "?");
        assert!(shown(&state, (80, 24), false).contains("Ctrl-C"), "{}", shown(&state, (80, 24), false));
    }
}

#[test]
fn questions_are_counted_and_lead_to_missing_answers() {
    // What is missing is among the images, and `c` leads there.
    let mut state = at_images(Lang::En, (80, 24));
    let text = shown(&state, (80, 24), false);
    assert!(text.contains("missing or invalid: 1 of ") && text.contains("c goes to the first"), "{text}");
    press(&mut state, "c");
    let text = shown(&state, (80, 24), false);
    let row = text.lines().find(|line| line.contains('❯')).unwrap();
    assert!(row.contains('✗') && text.contains("livy.image_tag"), "{text}");

    let mut state = at_questions(Lang::En, (80, 24));
    let all = shown(&state, (80, 200), false);
    let text = shown(&state, (80, 24), false);
    let head = text.lines().nth(2).unwrap();
    assert!(head.contains("All questions are answered (") && head.contains("rows 1 to "), "{head}");
    // No row is left empty while there are more questions.
    assert!(all.lines().count() > 60 && text.lines().filter(|line| line.is_empty()).count() <= 4, "{text}");
    press(&mut state, "End");
    let text = shown(&state, (80, 24), false);
    assert!(!text.lines().nth(2).unwrap().contains("rows 1 to"), "{text}");
}

#[test]
fn answers_use_the_same_words_everywhere() {
    let mut state = at_questions(Lang::Ru, (80, 24));
    press(&mut state, "/");
    press(&mut state, "sample.loud Enter Space");
    let text = shown(&state, (80, 24), false);
    assert!(
        text.contains("выбор: нет, да") && text.contains("по умолчанию: нет") && text.contains("было: нет"),
        "{text}"
    );
    assert!(!text.contains("false") && !text.contains("true"), "{text}");
    press(&mut state, "Esc /");
    press(&mut state, "db_password Enter Enter Down Down Down Enter");
    press(&mut state, "DB_PASSWORD Enter");
    let text = shown(&state, (80, 24), false);
    assert!(text.contains("было: создаётся"), "{text}");
}

#[test]
fn esc_gives_the_answer_back_and_keeps_the_place() {
    let mut state = at_questions(Lang::En, (80, 24));
    press(&mut state, "/");
    press(&mut state, "hdfs.replication Enter Enter");
    let before = state.answered();
    press(&mut state, "^U x Enter");
    assert!(shown(&state, (80, 24), false).contains("expected a whole number"));
    press(&mut state, "Esc");
    assert!(state.answered() == before && state.edits.is_empty(), "{:?}", state.edits);
    press(&mut state, "Enter ^U 2 Enter Enter ^U x Enter Esc");
    assert_eq!(state.edits.values().collect::<Vec<_>>(), ["2"]);
    press(&mut state, "Esc");
    let text = shown(&state, (80, 24), false);
    assert!(text.contains("hdfs.replication \u{b7}"), "the same question is shown: {text}");
}

#[test]
fn the_review_folds_findings_and_skips_text_lines() {
    let mut state = at_review(Lang::En, (80, 24));
    let text = shown(&state, (80, 24), false);
    assert!(text.contains("+ ! warning") && !text.contains("kubectl patch"), "{text}");
    press(&mut state, "Down Enter");
    let text = shown(&state, (80, 24), false);
    assert!(text.contains("kubectl patch storageclass"), "{text}");
    let at = state.review.cursor.0;
    press(&mut state, "Down");
    assert!(state.review.cursor.0 > at + 1, "over the lines of the finding");
    press(&mut state, "Up");
    assert_eq!(state.review.cursor.0, at);
    press(&mut state, "Enter");
    assert!(!shown(&state, (80, 24), false).contains("kubectl patch storageclass"));
}

#[test]
fn a_run_that_preflight_refuses_leads_to_its_findings() {
    for (lang, expected) in [
        (Lang::En, "preflight found 1 error(s): resources the nodes"),
        (Lang::Ru, "проверка нашла ошибок: 1: resources"),
    ] {
        let mut state = at_end(lang, (80, 24));
        let planned = state.review.planned.clone().unwrap();
        press(&mut state, "r");
        send(
            &mut state,
            BackendEvent::RunError(vec!["preflight found 1 error (resources), nothing was changed".into()]),
        );
        let intents = send(&mut state, BackendEvent::Refused);
        assert!(matches!(intents.as_slice(), [Intent::Plan(..)]), "{intents:?}");
        send(&mut state, BackendEvent::Planned(Ok((Box::new(planned), report(true)))));
        assert_eq!(state.screen, Screen::Review);
        let text = shown(&state, (80, 24), false);
        assert!(text.contains(expected) && text.contains("❯ - ✗"), "{text}");
        press(&mut state, "Space");
        assert!(state.preflight.waived.contains("resources"));
    }
}

#[test]
fn a_needed_component_shows_by_which_and_its_release() {
    let mut state = at_components(Lang::En, (120, 40));
    let text = shown(&state, (120, 40), false);
    assert!(text.contains("release"), "{text}");
    let row = |state: &State, id: &str| state.catalog.components.keys().position(|known| known == id).unwrap();
    // What is chosen by nobody is named by nobody.
    state.components.cursor.0 = row(&state, "sample");
    state.components.chosen.remove("sample");
    state.answers_changed();
    let text = shown(&state, (120, 40), false);
    assert!(!text.contains("sample / "), "{text}");
    // What others need stays, and says so each time.
    state.components.cursor.0 = row(&state, "hdfs");
    for _ in 0..2 {
        press(&mut state, "Space");
        assert!(shown(&state, (120, 40), false).contains("not removed: needed by"));
        assert!(!state.components.chosen.contains("hdfs"));
    }
    // What is there and not chosen stays, and that is said.
    let mut state = at_components(Lang::Ru, (120, 40));
    let there = [("bytewax".to_owned(), crate::render::ComponentStatus::NotReady(Vec::new()))];
    state.connected.as_mut().unwrap().installed = there.into();
    let text = shown(&state, (120, 40), false);
    assert!(text.contains("установлен не полностью или не готов (не выбран: останется как есть)"), "{text}");
    state.components.cursor.0 = row(&state, "bytewax");
    assert!(shown(&state, (80, 24), false).contains("(не выбран: останется как есть)"), "there is room below");
    // Another's answers name an instance.
    let mut state = at_components(Lang::En, (120, 40));
    let all = state.catalog.components.keys();
    let id = all.filter(|id| id.contains('@')).find(|id| state.draft.answers.has(id)).cloned().unwrap();
    state.components.cursor.0 = row(&state, &id);
    let named = state.draft.answers.get(&id, "release").text().unwrap().to_owned();
    let defined = state.catalog.components[&id].release.as_ref().unwrap().name.clone();
    let text = shown(&state, (120, 40), false);
    assert!(named != defined && text.contains(&format!(" / {named}")), "{defined}: {text}");
}
