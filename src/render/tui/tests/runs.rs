//! Retries, skipping, stopping and leaving, without loss of answers.

use super::*;
use crate::render::tui::rows::StepRow;
use crate::render::tui::run::Pending;

#[test]
fn failed_steps_are_retried_as_a_run_that_continues() {
    let mut state = at_end(Lang::En, (80, 24));
    assert_eq!(state.screen, Screen::Run, "what failed is what to look at");
    let intents = press(&mut state, "r");
    let [Intent::Write(..), Intent::Run { before, without, .. }] = intents.as_slice() else { panic!("{intents:?}") };
    assert_eq!((before.as_deref(), without.as_slice()), (Some("20251121T100000Z-0a1b2c"), &[][..]));
    send(&mut state, BackendEvent::RunError(vec!["it is locked".into()]));
    assert!(press(&mut state, "s").is_empty() && shown(&state, (80, 24), false).contains("will not run"));
    let intents = press(&mut state, "y");
    let [Intent::Write(..), Intent::Run { without, .. }] = intents.as_slice() else { panic!("{intents:?}") };
    assert_eq!(without.first().map(String::as_str), state.run.as_ref().and_then(RunView::selected));
    send(&mut state, BackendEvent::RunError(vec!["it is locked".into()]));
    press(&mut state, "e");
    assert_eq!(state.screen, Screen::Images, "the image that the failure names is there");
    assert!(shown(&state, (80, 24), false).contains("❯ Image of livy"), "{}", shown(&state, (80, 24), false));
    press(&mut state, "Esc Esc");
    assert_eq!(state.screen, Screen::Run, "back to where one came from");
}

/// A run in which something has failed while something else goes on.
fn half_failed() -> State {
    let events = made::failing();
    let failed = events.iter().position(|one| matches!(one.event, Event::StepFailed { .. }));
    let state = at_run(Lang::En, (80, 24), failed.unwrap() + 1);
    assert!(state.run.as_ref().is_some_and(|run| run.is_live() && !run.failed().is_empty()));
    state
}

#[test]
fn a_request_during_a_run_waits_for_its_end() {
    let end = || BackendEvent::Ended(Ended { exit: 5, trouble: None }, Box::default());
    let mut state = half_failed();
    assert!(press(&mut state, "r").is_empty(), "nothing else is disturbed");
    assert!(shown(&state, state.size, false).contains("then retry"), "{}", shown(&state, state.size, false));
    let intents = send(&mut state, end());
    assert!(
        matches!(intents.as_slice(), [Intent::Write(..), Intent::Run { without, .. }] if without.is_empty()),
        "{intents:?}"
    );

    let mut state = half_failed();
    press(&mut state, "s y");
    let intents = send(&mut state, end());
    assert!(
        matches!(intents.as_slice(), [Intent::Write(..), Intent::Run { without, .. }] if !without.is_empty()),
        "{intents:?}"
    );

    // A stopped run is not retried.
    let mut state = half_failed();
    press(&mut state, "r a y");
    let stopping = Envelope { seq: 99, at: made::at(60_000), event: Event::Stopping };
    send(&mut state, BackendEvent::Event(stopping));
    assert!(send(&mut state, end()).is_empty());

    // Both skipped steps stay skipped.
    let mut state = half_failed();
    let run = state.run.as_mut().unwrap();
    run.pending = Some(Pending::Retry(vec!["hdfs/first".into()]));
    press(&mut state, "s y");
    let then = state.run.as_ref().and_then(|run| run.pending.clone());
    let Some(Pending::Retry(without)) = then else { panic!("{then:?}") };
    assert!(without.len() > 1 && without[0] == "hdfs/first", "{without:?}");

    // Answers can be changed meanwhile; the plan waits for what still changes the cluster.
    let mut state = half_failed();
    press(&mut state, "e");
    assert_eq!(state.screen, Screen::Images);
    assert!(press(&mut state, "c").iter().all(|intent| !matches!(intent, Intent::Plan(..))));
    assert_eq!(state.screen, Screen::Review);
    assert!(shown(&state, state.size, false).contains("planning once"), "{}", shown(&state, state.size, false));
    let intents = send(&mut state, end());
    assert!(matches!(intents.as_slice(), [Intent::Plan(..)]), "{intents:?}");
    assert_eq!(state.screen, Screen::Review, "whoever is there stays there");
}

#[test]
fn leaving_keeps_what_was_answered() {
    let mut state = at_questions(Lang::En, (80, 24));
    press(&mut state, "/");
    press(&mut state, "external_domain Enter Enter");
    press(&mut state, "site.example.com Enter Esc q");
    let intents = press(&mut state, "y");
    assert!(matches!(intents.as_slice(), [Intent::Write(..), Intent::Quit]), "{intents:?}");
}

#[test]
fn a_plan_with_other_answers_is_shown_before_it_runs() {
    let mut state = at_end(Lang::En, (80, 24));
    press(&mut state, "e");
    while state.screen != Screen::Questions {
        press(&mut state, "Esc");
    }
    press(&mut state, "/");
    press(&mut state, "livy.driver_memory Enter Enter ^U 700Mi Enter Esc Esc");
    assert_eq!(state.screen, Screen::Run);
    let intents = press(&mut state, "r");
    assert!(matches!(intents.as_slice(), [Intent::Plan(..)]), "{intents:?}");
    assert_eq!(state.screen, Screen::Review);
    press(&mut state, "c");
    assert_eq!(state.overlay, None, "a plan that was not shown cannot be confirmed");
}

#[test]
fn skipped_steps_stay_skipped() {
    let mut state = at_end(Lang::En, (80, 24));
    let mut view = RunView::new(Default::default(), None);
    view.without = vec!["hdfs/after-9".into()];
    view.state = state.run.as_ref().unwrap().state.clone();
    view.ended = Some(Ended { exit: 5, trouble: None });
    view.at.clone_from(&state.run.as_ref().unwrap().at);
    state.run = Some(view);
    let intents = press(&mut state, "s y");
    let [_, Intent::Run { without, .. }] = intents.as_slice() else { panic!("{intents:?}") };
    assert!(without.len() >= 2 && without[0] == "hdfs/after-9", "{without:?}");
}

#[test]
fn a_run_can_be_stopped_before_its_first_step() {
    let mut state = at_review(Lang::En, (80, 24));
    press(&mut state, "c y");
    press(&mut state, "c");
    assert_eq!(state.overlay, None, "it is starting already");
    press(&mut state, "^C");
    assert_eq!(state.overlay, Some(Overlay::Confirmation(Confirmation::Stop)));
    assert_eq!(press(&mut state, "y"), [Intent::Stop]);
    send(&mut state, BackendEvent::RunError(vec!["it was stopped before anything was done".into()]));
    assert!(!state.runs() && state.running.phase == RunPhase::Idle);
    assert!(shown(&state, (80, 24), false).contains("before anything was done"));
}

#[test]
fn a_run_that_breaks_off_can_be_left() {
    let mut state = at_run(Lang::En, (80, 24), 3);
    send(&mut state, BackendEvent::RunError(vec!["failed to keep a journal".into(), "no space left on device".into()]));
    assert!(shown(&state, (80, 24), false).contains("failed to keep a journal: no space left on device"));
    assert!(!state.runs());
    press(&mut state, "c");
    assert_eq!(state.screen, Screen::Summary);
    assert!(shown(&state, (80, 24), false).contains("no space left on device"), "the summary says it, too");
    press(&mut state, "Esc");
    press(&mut state, "q");
    assert_eq!(press(&mut state, "y").last(), Some(&Intent::Quit));
}

#[test]
fn a_signal_loses_no_answers() {
    let mut state = at_questions(Lang::En, (80, 24));
    let intents = update(&mut state, Input::Signal);
    assert!(matches!(intents.as_slice(), [Intent::Write(..), Intent::Quit]), "the profile is one: {intents:?}");
    send(&mut state, BackendEvent::Written(Ok(("windlass-answers.yaml".into(), None))));
    assert_eq!(update(&mut state, Input::Signal), [Intent::Quit]);
}

#[test]
fn another_cluster_resets_plan_and_waived_findings() {
    let mut state = at_review(Lang::En, (80, 24));
    state.preflight.waived.insert("resources".into());
    press(&mut state, "c");
    assert_eq!(state.overlay, Some(Overlay::Confirmation(Confirmation::Install)));
    send(&mut state, BackendEvent::Connected(Ok(Box::new(connected()))));
    assert!(state.overlay.is_none() && state.preflight.waived.is_empty() && state.review.planned.is_none());
    assert_eq!(state.screen, Screen::Source);
}

#[test]
fn keys_do_nothing_in_a_small_terminal() {
    let mut state = at_review(Lang::En, (80, 24));
    update(&mut state, Input::Resize(60, 20));
    assert!(press(&mut state, "c y Enter").is_empty() && state.overlay.is_none());
    press(&mut state, "q");
    assert!(shown(&state, (60, 20), false).contains("Quit?"), "what is asked can be read");
    press(&mut state, "n");
    assert!(state.overlay.is_none());
}

#[test]
fn an_error_is_shown_in_full_and_stays_while_the_view_moves() {
    let mut state = at_review(Lang::En, (80, 24));
    let why = "the cluster is locked by somebody@elsewhere since 10:00; wait for that run to end, or, if it is gone, \
               `windlass unlock`";
    send(&mut state, BackendEvent::RunError(vec![why.into()]));
    for keys in ["Down", "Up"] {
        press(&mut state, keys);
        let text = shown(&state, (80, 24), false);
        assert!(text.contains("locked by somebody") && text.contains("`windlass unlock`"), "{text}");
    }
    press(&mut state, "Esc");
    assert!(state.notice.is_none());
}

#[test]
fn errors_do_not_block_the_answers_but_the_install() {
    let mut state = at_components(Lang::En, (80, 24));
    press(&mut state, "Esc");
    send(&mut state, BackendEvent::Report(Ok(report(true))));
    press(&mut state, "c");
    assert_eq!(state.screen, Screen::Components, "an answer may be what is at fault");
    assert!(shown(&state, (80, 24), false).contains("1 error(s) left"));

    let mut state = at_review(Lang::En, (120, 40));
    let planned = state.review.planned.clone().unwrap();
    send(&mut state, BackendEvent::Planned(Ok((Box::new(planned), report(true)))));
    press(&mut state, "c");
    assert_eq!(state.overlay, None);
    let text = shown(&state, (120, 40), false);
    assert!(text.contains("the plan needs 6.5Gi of memory") && text.contains("add a node, or choose"), "{text}");
    // The first row installs, the second is the error.
    press(&mut state, "Home Down Space");
    assert!(state.preflight.waived.contains("resources"));
    press(&mut state, "c");
    assert_eq!(state.overlay, Some(Overlay::Confirmation(Confirmation::Install)));
    let intents = press(&mut state, "y");
    let Some(Intent::Run { waived, .. }) = intents.last() else { panic!("{intents:?}") };
    assert_eq!(waived, &["resources"]);
}

#[test]
fn a_release_is_adopted_at_its_finding() {
    let mut state = at_components(Lang::En, (120, 40));
    press(&mut state, "Esc");
    let mut found = report(true);
    let foreign = found.findings.iter_mut().find(|finding| finding.id == "resources").unwrap();
    (foreign.id, foreign.adopt) = ("release-foreign", Some("livy".to_owned()));
    send(&mut state, BackendEvent::Report(Ok(found)));
    press(&mut state, "Home w");
    let report = state.preflight.report.as_ref().unwrap();
    assert_eq!((report.errors, report.waived), (0, 1), "{report:?}");
    assert!(shown(&state, (120, 40), false).contains("adopted"));
    assert!(state.command().contains(" --adopt livy"), "{}", state.command());
    press(&mut state, "w");
    assert_eq!(state.preflight.report.as_ref().unwrap().errors, 1);
    assert!(!state.command().contains("--adopt"), "{}", state.command());
}

#[test]
fn a_failed_preflight_shows_why_and_can_be_passed() {
    let why = "failed to get the secret that sample.db_password names";
    let mut state = at_components(Lang::En, (120, 40));
    press(&mut state, "Esc r");
    press(&mut state, "c");
    assert_eq!(state.screen, Screen::Preflight, "it is being looked at");
    send(&mut state, BackendEvent::Report(Err(vec![why.into(), "environment variable X is not set".into()])));
    press(&mut state, "Down");
    let text = shown(&state, (120, 40), false);
    assert!(text.contains(why) && text.contains("variable X is not set") && text.contains("r retries"), "{text}");
    press(&mut state, "c");
    assert_eq!(state.screen, Screen::Components);

    let mut state = at_review(Lang::En, (120, 40));
    press(&mut state, "r");
    send(&mut state, BackendEvent::Planned(Err(vec![why.into()])));
    press(&mut state, "Down");
    let text = shown(&state, (120, 40), false);
    assert!(text.contains(why) && text.contains("Planning failed."), "{text}");
}

/// A press of keys must write the answers, and then leave.
fn writes_and_leaves(state: &mut State, keys: &str) {
    let intents = press(state, keys);
    assert!(matches!(intents.as_slice(), [Intent::Write(..), Intent::Quit]), "{intents:?}");
}

#[test]
fn leaving_is_possible_when_answers_cannot_be_written() {
    let mut state = at_questions(Lang::En, (120, 40));
    press(&mut state, "q");
    writes_and_leaves(&mut state, "y");
    send(&mut state, BackendEvent::Written(Err(vec!["failed to write answers".into(), "permission denied".into()])));
    assert!(shown(&state, state.size, false).contains("permission denied"));
    press(&mut state, "q");
    assert!(shown(&state, state.size, false).contains("Quit without saving?"));
    assert_eq!(press(&mut state, "y"), [Intent::Quit]);
}

#[test]
fn answers_that_were_changed_after_a_run_are_written() {
    let changed = || {
        let mut state = at_end(Lang::En, (120, 40));
        send(&mut state, BackendEvent::Written(Ok(("windlass-answers.yaml".into(), None))));
        press(&mut state, "e");
        press(&mut state, "/");
        press(&mut state, "livy.image_tag Enter Enter ^U other Enter Esc Esc Esc");
        assert_eq!((state.screen, state.is_changed()), (Screen::Run, true));
        state
    };
    let mut state = changed();
    press(&mut state, "c");
    assert_eq!(state.screen, Screen::Summary);
    writes_and_leaves(&mut state, "Enter");
    writes_and_leaves(&mut changed(), "c q");
    // Somebody outside wants it to end.
    let mut state = changed();
    let intents = update(&mut state, Input::Signal);
    assert!(matches!(intents.as_slice(), [Intent::Write(..), Intent::Quit]), "{intents:?}");
}

#[test]
fn nothing_else_starts_while_a_run_starts() {
    let mut state = at_review(Lang::En, (120, 40));
    press(&mut state, "c y");
    assert_eq!(press(&mut state, "r Esc w"), []);
    assert_eq!((state.screen, state.runs()), (Screen::Review, true));
    press(&mut state, "^C");
    assert_eq!(state.overlay, Some(Overlay::Confirmation(Confirmation::Stop)), "there is something to stop");
}

#[test]
fn a_run_that_continues_uses_the_confirmed_plan() {
    let mut state = at_end(Lang::En, (120, 40));
    let intents = press(&mut state, "r");
    let Some(Intent::Run { agreed: Some(agreed), .. }) = intents.last() else { panic!("{intents:?}") };
    assert!(agreed.has_work());
    // The cluster is no longer what it was.
    let intents = send(&mut state, BackendEvent::Outdated);
    assert!(matches!(intents.as_slice(), [Intent::Plan(..)]), "{intents:?}");
    send(&mut state, BackendEvent::RunError(vec!["the cluster has changed".into()]));
    assert_eq!(state.screen, Screen::Review);
    assert!(!state.runs() && shown(&state, state.size, false).contains("the cluster has changed"));
}

#[test]
fn connecting_again_keeps_what_was_chosen() {
    let mut state = at_questions(Lang::En, (120, 40));
    assert!(state.is_changed());
    send(&mut state, BackendEvent::Connected(Ok(Box::new(connected()))));
    assert!(state.is_changed(), "the size is in no file yet");
}

#[test]
fn a_finding_can_be_waived_while_preflight_runs() {
    let mut state = at_components(Lang::En, (120, 40));
    press(&mut state, "Esc r");
    state.preflight.waived.insert("resources".into());
    send(&mut state, BackendEvent::Report(Ok(report(true))));
    assert_eq!(state.preflight.report.as_ref().map(|report| (report.errors, report.waived)), Some((0, 1)));
}

/// The rows of the steps: components, and steps below those that are not folded.
fn step_rows(state: &State) -> Vec<String> {
    let run = state.run.as_ref().unwrap();
    let row = |row: &StepRow| match row {
        StepRow::Component(id) => id.clone(),
        StepRow::Step(at) => format!("  {}", run.state.order[*at].id),
    };
    run.rows().iter().map(row).collect()
}

#[test]
fn steps_are_below_their_component_which_is_folded_once_all_are_done() {
    let mut state = at_run(Lang::En, (80, 24), 19);
    let livy = ["livy", "  livy/before-1", "  livy/release", "  livy/ready", "  livy/verify-1"];
    let libraries = ["shared-libraries", "  shared-libraries/after-1"];
    assert_eq!(step_rows(&state), [&["platform", "hdfs"][..], &livy, &libraries].concat());
    press(&mut state, "g Down");
    let selected = |state: &State| {
        let run = state.run.as_ref().unwrap();
        (run.selected_component().map(str::to_owned), run.selected().map(str::to_owned))
    };
    assert_eq!(selected(&state), (Some("hdfs".to_owned()), None));
    assert!(shown(&state, (80, 24), false).contains("Enter shows or hides the steps"));
    press(&mut state, "Enter");
    let hdfs = ["hdfs", "  hdfs/release", "  hdfs/ready"];
    assert_eq!(step_rows(&state), [&["platform"][..], &hdfs, &livy, &libraries].concat());
    press(&mut state, "Down Down");
    assert_eq!(selected(&state), (None, Some("hdfs/ready".to_owned())));
    press(&mut state, "Left");
    assert_eq!(selected(&state), (Some("hdfs".to_owned()), None), "to the component ...");
    press(&mut state, "Left");
    assert_eq!(step_rows(&state)[1..3], ["hdfs", "livy"], "... and that folds");
}

#[test]
fn time_left_is_estimated_and_critical_steps_are_marked() {
    let mut state = at_run(Lang::En, (120, 40), 19);
    assert!(!shown(&state, (120, 40), false).contains("based on earlier runs"), "nobody knows");
    let run = state.run.as_mut().unwrap();
    run.expected = [("livy/ready", 60.0), ("livy/verify-1", 30.0)].map(|(id, took)| (id.to_owned(), took)).into();
    let next = made::failing()[19].clone();
    state.now = next.at.as_millisecond() + 500;
    send(&mut state, BackendEvent::Event(next));
    let screen = shown(&state, (120, 40), false);
    assert!(screen.contains("about 59s left, based on earlier runs"), "{screen}");
    let marked: Vec<&str> = screen.lines().filter(|line| line.contains('◆')).collect();
    assert!(marked.len() == 1 && marked[0].contains("Apache Livy is ready"), "{screen}");
    // It takes longer than before: nothing is promised.
    state.now += 60_000;
    assert!(!shown(&state, (120, 40), false).contains("based on earlier runs"));
}

#[test]
fn the_row_of_a_transfer_says_how_fast_it_is() {
    let mut state = at_run(Lang::En, (80, 24), 19);
    press(&mut state, "G");
    let screen = shown(&state, (80, 24), false);
    assert!(screen.contains("47 %, ") && screen.contains("/s, ") && screen.contains(" left"), "{screen}");
    let mut state = at_run(Lang::Ru, (80, 24), 19);
    press(&mut state, "G");
    let screen = shown(&state, (80, 24), false);
    assert!(screen.contains("/с, осталось "), "{screen}");
}

#[test]
fn control_c_asks_first_and_then_shows_what_still_runs() {
    let mut state = at_run(Lang::En, (80, 24), 6);
    assert_eq!(press(&mut state, "^C"), []);
    assert!(shown(&state, (80, 24), false).contains("No new steps will start"));
    assert_eq!(press(&mut state, "n"), []);
    assert_eq!(press(&mut state, "^C y"), [Intent::Stop]);
    let at = made::at(9_000);
    send(&mut state, BackendEvent::Event(crate::event::Envelope { seq: 99, at, event: Event::Stopping }));
    assert_eq!(press(&mut state, "^C"), []);
    assert!(shown(&state, (80, 24), false).contains("Still running: HDFS is ready"));
    assert_eq!(press(&mut state, "^C").last(), Some(&Intent::Quit));
    assert_eq!(press(&mut state, "Esc ^Z"), [Intent::Suspend]);
}
