//! Secrets on the screens: what an answer becomes, what is made of it, what a plan fills; and never their content.

use super::*;
use crate::model::Secret;
use crate::model::observed::{Comparison, Observed};

const PLANTED: &str = "pl4nted-C0ntent";

/// The questions of a component whose Secrets are made of others, shown for one of them.
fn at_secret(lang: Lang, size: (u16, u16), question: &str) -> State {
    let catalog = Arc::new(load(&["tests/derived".into()]).unwrap());
    let mut state = State::new(look(lang, false), size, catalog, AnswerSources::default(), |id| id != "helm").unwrap();
    state.now = made::at(20_000).as_millisecond();
    let reachable = TargetState::Reachable("v1.34.4".into(), Some(1));
    send(&mut state, BackendEvent::Targets(vec![target("windlass-sandbox", true, reachable)]));
    press(&mut state, "Enter");
    let connected = Connected { given: AnswerSources::default(), ..connected() };
    send(&mut state, BackendEvent::Connected(Ok(Box::new(connected))));
    press(&mut state, "Enter");
    send(&mut state, BackendEvent::Report(Ok(report(false))));
    state.components.chosen = ["ledger".to_owned()].into();
    state.answers_changed();
    press(&mut state, "c c Down Enter");
    assert_eq!(state.screen, Screen::Questions);
    filter(&mut state, question);
    state
}

/// Goes to one question.
fn filter(state: &mut State, question: &str) {
    // Without a filter, Esc would go back.
    while !state.questions.filter.is_empty() || state.questions.typing.is_some() {
        press(state, "Esc");
    }
    press(state, "/");
    press(state, question);
    press(state, "Enter");
}

/// Names the token: the one answer that is missing.
fn answered(lang: Lang, size: (u16, u16)) -> State {
    let mut state = at_secret(lang, size, "ledger.token");
    press(&mut state, "Enter Down Enter");
    press(&mut state, "/run/token Enter Esc");
    assert!(state.draft.missing.is_empty() && state.draft.problems.is_empty(), "{:?}", state.draft.problems);
    state
}

/// The plan, of which the Secrets are as they compare.
fn planned(lang: Lang, size: (u16, u16)) -> State {
    let mut state = answered(lang, size);
    press(&mut state, "c");
    let intents = press(&mut state, "c");
    let Some(Intent::Plan(given, _)) = intents.first() else { panic!("{intents:?}") };
    let answers = given.draft(&state.catalog).unwrap().finish().unwrap();
    let resolved = crate::answers::resolve(&state.catalog, &answers).unwrap();
    let mut observed = Observed::default();
    let place = |name: &str| ("ledger".to_owned(), name.to_owned());
    observed.namespaces.insert("ledger".to_owned());
    observed.secrets.insert(place("my-ledger-password"), Comparison::Same);
    let differs = Comparison::Differs("Secret ledger/my-ledger-connection has different content".to_owned());
    observed.secrets.insert(place("my-ledger-connection"), differs);
    let plan = plan(&resolved, &observed, true);
    send(
        &mut state,
        BackendEvent::Planned(Ok((Box::new(Planned { plan, diffs: Vec::new(), refused: None }), report(false)))),
    );
    state
}

#[test]
fn what_a_secret_becomes_and_what_is_made_of_it() {
    snapshot("secret", |lang, size| at_secret(lang, size, "ledger.password"));
    after("secret_ways", |lang, size| at_secret(lang, size, "ledger.token"), "Enter");
    after("secret_named", |lang, size| at_secret(lang, size, "ledger.token"), "Enter Enter elsewhere/tokens");
}

#[test]
fn what_a_plan_fills() {
    snapshot("review_secrets", |lang, size| {
        let mut state = planned(lang, size);
        press(&mut state, "End");
        state
    });
}

#[test]
fn the_secrets_of_a_plan_fit_the_terminal() {
    let mut state = answered(Lang::En, (80, 24));
    state.edits.insert("ledger.jobs".parse().unwrap(), "ledger-jobs".to_owned());
    state.answers_changed();
    let answers = state.answered().draft(&state.catalog).unwrap().finish().unwrap();
    let plan = plan(&crate::answers::resolve(&state.catalog, &answers).unwrap(), &Observed::default(), true);
    for width in [40, 80, 120] {
        let table = crate::render::plan_table(&plan, &made::look(width));
        let (_, rows) = table.split_once("Secrets that windlass fills").unwrap();
        assert!(rows.lines().all(|line| crate::render::text::width(line) <= width), "{rows}");
        if width == 80 {
            insta::assert_snapshot!("plan_secrets", rows);
        }
    }
}

#[test]
fn a_copy_is_shown_beside_its_original() {
    let mut state = at_secret(Lang::En, (120, 40), "ledger.jobs");
    press(&mut state, "Enter ledger-jobs Enter");
    filter(&mut state, "ledger.password");
    let text = shown(&state, (120, 40), false);
    assert!(
        text.contains("becomes Secret ledger/my-ledger-password, ledger-jobs/my-ledger-password, key password"),
        "{text}"
    );
    assert!(text.contains("ledger/my-ledger-connection, ledger-jobs/my-ledger-connection (.pgpass"), "{text}");
}

#[test]
fn each_source_says_what_it_becomes() {
    let mut state = at_secret(Lang::En, (120, 40), "ledger.token");
    let screen = |state: &State| shown(state, (120, 40), false);
    assert!(screen(&state).contains("becomes Secret ledger/my-ledger-token, key token"), "{}", screen(&state));
    assert!(screen(&state).contains("Secrets created from it: ledger/books-tokens (both)"), "{}", screen(&state));
    assert!(!screen(&state).contains("secrets rotate"), "it is not generated");
    press(&mut state, "Enter Enter");
    press(&mut state, "theirs Enter");
    assert!(screen(&state).contains("uses Secret ledger/theirs as is, key token"), "{}", screen(&state));
    filter(&mut state, "ledger.password");
    assert!(screen(&state).contains("windlass secrets rotate ledger.password"), "{}", screen(&state));
    assert!(screen(&state).contains("ledger/my-ledger-connection (.pgpass, htpasswd, url)"), "{}", screen(&state));
    filter(&mut state, "ledger.extra");
    assert!(!screen(&state).contains("becomes Secret"), "it has no answer: {}", screen(&state));
    // That of the registry is among the images.
    filter(&mut state, "");
    press(&mut state, "c");
    assert_eq!(state.screen, Screen::Images);
    press(&mut state, "/");
    press(&mut state, "platform.pull_secret Enter Enter Down Enter");
    press(&mut state, "/run/login.json Enter");
    assert!(
        screen(&state).contains("becomes Secret ledger/windlass-registry, key .dockerconfigjson"),
        "{}",
        screen(&state)
    );
}

#[test]
fn an_invalid_secret_is_shown_at_its_answer() {
    let mut state = answered(Lang::En, (120, 40));
    let screen = |state: &State| shown(state, (120, 40), false);
    let wrong = |state: &State| -> Vec<String> { state.draft.problems.iter().map(|(id, _)| id.to_string()).collect() };
    // The template is given a user that a login file cannot have.
    filter(&mut state, "ledger.user");
    press(&mut state, "Enter ^U a:b Enter");
    assert_eq!(wrong(&state), ["ledger.user"]);
    let text = screen(&state);
    assert!(text.contains("cannot fill Secret ledger/my-ledger-connection, key htpasswd"), "{text}");
    press(&mut state, "Esc");
    assert_eq!(wrong(&state), [""; 0], "what was refused does not stay");
    // It would do with another, which is not answered.
    filter(&mut state, "ledger.user");
    press(&mut state, "Enter ^U strict Enter Esc");
    assert_eq!(wrong(&state), ["ledger.extra"]);
    press(&mut state, "c");
    assert_eq!(state.screen, Screen::Questions, "nothing goes on with it");
    filter(&mut state, "ledger.extra");
    let text = screen(&state);
    assert!(text.contains("cannot fill Secret ledger/books-tokens, key login"), "{text}");
    press(&mut state, "Enter Down Enter");
    press(&mut state, "/run/extra Enter");
    assert_eq!(wrong(&state), [""; 0]);
    // A name that no Secret can have.
    filter(&mut state, "ledger.prefix");
    press(&mut state, "Enter ^U Not_A_Name Enter");
    assert_eq!(wrong(&state), ["ledger.prefix"]);
    assert!(screen(&state).contains("`Not_A_Name-tokens` is not a valid Secret name"), "{}", screen(&state));
}

#[test]
fn what_is_made_of_no_secret_is_made_of_answers() {
    let mut state = planned(Lang::Ru, (120, 60));
    let plan = &mut state.review.planned.as_mut().unwrap().plan;
    for step in &mut plan.steps {
        if let crate::plan::Work::DerivedSecret { of, .. } = &mut step.work {
            of.clear();
        }
    }
    let table = crate::render::plan_table(plan, &made::look(120));
    assert!(table.contains("; created from answers\n"), "{table}");
    assert!(!table.replace("created from answers", "").contains("created from "), "{table}");
    let text = shown(&state, (120, 60), false);
    assert!(text.contains("; составляется из ответов"), "{text}");
}

#[test]
fn nothing_of_a_secret_is_on_a_screen() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    std::fs::write(&file, PLANTED).unwrap();
    assert_eq!(format!("{:?}", Secret::new(PLANTED.to_owned())), "Secret(set)");
    for lang in [Lang::En, Lang::Ru] {
        for size in SIZES {
            let mut state = at_secret(lang, size, "ledger.token");
            press(&mut state, "Enter Down Enter");
            press(&mut state, &file.display().to_string());
            press(&mut state, "Enter");
            let mut all = shown(&state, size, false);
            for question in ["ledger.password", "ledger.user", "ledger.extra"] {
                filter(&mut state, question);
                all += &shown(&state, size, false);
            }
            press(&mut state, "Esc");
            let answers = state.answered().draft(&state.catalog).unwrap().finish().unwrap();
            let resolved = crate::answers::resolve(&state.catalog, &answers).unwrap();
            let plan = plan(&resolved, &Observed::default(), true);
            for width in [40, 80, 200] {
                all += &crate::render::plan_table(&plan, &made::look(width));
            }
            all += &serde_json::to_string(&plan).unwrap();
            assert!(all.contains("my-ledger-connection") && !all.contains(PLANTED), "{all}");
        }
    }
}
