//! Where images come from.

use std::collections::BTreeMap;

use super::*;
use crate::catalog::QuestionId;

/// The screen, as it comes for a cluster whose answers name a registry.
pub(super) fn at_source(lang: Lang) -> State {
    let mut state = state(lang, (80, 24));
    let reachable = TargetState::Reachable("v1.34.4".into(), Some(1));
    send(&mut state, BackendEvent::Targets(vec![target("windlass-sandbox", true, reachable)]));
    press(&mut state, "Enter");
    assert_eq!(
        send(&mut state, BackendEvent::Connected(Ok(Box::new(connected())))),
        [],
        "nothing was named to be checked"
    );
    state
}

fn view(components: &[&str]) -> BundleView {
    BundleView {
        name: "platform.tar".into(),
        signed: Signed::Pinned("sha256:5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8".into()),
        components: components.iter().map(|id| (*id).to_owned()).collect(),
        images: 12,
        platforms: ["linux/amd64".to_owned(), "linux/arm64".to_owned()].into(),
        bytes: 2_040_109_466,
    }
}

fn push() -> PushView {
    let digest = format!("sha256:{}", "a".repeat(64));
    PushView {
        images: 12,
        upload: 1_288_490_188,
        mount: 3_145_728,
        there: 734_003_200,
        writes: 24,
        problems: Vec::new(),
        pinned: BTreeMap::from([
            (QuestionId::new("livy", "image_digest"), crate::answers::Answer::Text(digest.clone())),
            (QuestionId::new("hdfs", "image_digest"), crate::answers::Answer::Text(digest)),
        ]),
    }
}

fn answer(state: &mut State, news: SourceEvent) -> Vec<Intent> {
    send(state, BackendEvent::Source(news))
}

/// With an offline bundle that was named and opened, and the registry's answer.
pub(super) fn with_bundle(lang: Lang, components: &[&str]) -> State {
    let mut state = at_source(lang);
    assert_eq!(press(&mut state, "Home Down Down Space"), []);
    press(&mut state, "Enter");
    let intents = press(&mut state, "/mnt/platform.tar Enter");
    let choice = OfflineChoice { bundle: "/mnt/platform.tar".into(), ..OfflineChoice::default() };
    assert_eq!(intents, [Intent::Source(SourceIntent::Open(choice.clone()))]);
    let intents = answer(&mut state, SourceEvent::Opened(Ok(view(components))));
    let [Intent::Source(SourceIntent::Plan(asked, given))] = intents.as_slice() else { panic!("{intents:?}") };
    assert_eq!((asked, given), (&choice, &state.answered()), "the answers name a registry");
    assert_eq!(answer(&mut state, SourceEvent::Planned(Ok(push()))), []);
    state
}

pub(super) const HELD: [&str; 3] = ["hdfs", "livy", "spark-history-server"];

#[test]
fn one_key_continues_where_nothing_is_to_be_chosen() {
    for lang in [Lang::En, Lang::Ru] {
        let mut state = at_source(lang);
        if lang == Lang::En {
            insta::assert_snapshot!("source", shown(&state, (80, 24), false));
        }
        let intents = press(&mut state, "Enter");
        let [Intent::Source(SourceIntent::Use(None)), Intent::Preflight(given, _)] = intents.as_slice() else {
            panic!("{intents:?}");
        };
        assert_eq!(given, &state.answered());
        assert!(!state.is_changed() && !state.command().contains("--bundle"), "{}", state.command());
    }
}

#[test]
fn an_offline_bundle_is_named_checked_planned_and_used() {
    for lang in [Lang::En, Lang::Ru] {
        let mut state = with_bundle(lang, &HELD);
        press(&mut state, "Down Down");
        if lang == Lang::En {
            insta::assert_snapshot!("source_bundle", shown(&state, (80, 24), false));
        }
        let intents = press(&mut state, "c");
        let [Intent::Source(SourceIntent::Use(Some(used))), Intent::Preflight(..)] = intents.as_slice() else {
            panic!("{intents:?}");
        };
        assert_eq!(used.bundle, "/mnt/platform.tar");
        let command = state.command();
        assert!(command.contains(" --bundle /mnt/platform.tar --registry 10.97.0.2:5000 --yes"), "{command}");
        // Back and forth: all of it is still there.
        press(&mut state, "Esc Esc");
        assert_eq!(state.screen, Screen::Cluster);
        let intents = send(&mut state, BackendEvent::Connected(Ok(Box::new(connected()))));
        assert!(matches!(intents.as_slice(), [Intent::Source(SourceIntent::Open(choice))] if choice == used));
    }
}

#[test]
fn options_of_the_command_line_fill_the_screen_in_and_come_out_again() {
    let mut state = state(Lang::En, (80, 24));
    let choice = OfflineChoice { bundle: "/mnt/a b:/mnt/c".into(), key: "site.pub".into(), ca: "a.pem:b.pem".into() };
    state.source = Source::new(choice.clone(), vec![("--max-depth", Some("2".into())), ("--flatten", None)]);
    let intents = send(&mut state, BackendEvent::Connected(Ok(Box::new(connected()))));
    assert_eq!(intents, [Intent::Source(SourceIntent::Open(choice))]);
    let all = " --bundle '/mnt/a b:/mnt/c' --registry 10.97.0.2:5000 --key site.pub --ca a.pem --ca b.pem --max-depth 2 --flatten";
    assert_eq!(state.offline_flags(), all);
    // Where one is only pushed to, the answer is what nodes pull from.
    state.source.more.push(("--registry", Some("r.dmz/m".into())));
    let both = all.replace("--registry", "--pull-registry") + " --registry r.dmz/m";
    assert_eq!(state.offline_flags(), both);
    // Without the offline bundle none of them means anything.
    press(&mut state, "Home Space");
    assert_eq!(state.offline_flags(), "");
    assert_eq!(state.draft.answers.get("platform", "registry").text(), None, "each from where it is published");
    press(&mut state, "Home Down Down Space");
    assert_eq!(state.offline_flags(), both, "the registry is named as before");
}

#[test]
fn an_unusable_source_is_reported_and_does_not_continue() {
    let mut state = at_source(Lang::En);
    press(&mut state, "Home Down Down Space c");
    assert_eq!(state.screen, Screen::Source);
    assert!(shown(&state, (80, 24), false).contains("specify the offline bundle file"));
    press(&mut state, "Enter");
    press(&mut state, "/mnt/x.tar Enter c");
    assert_eq!(state.screen, Screen::Source, "it is still being opened");
    let why = ["failed to open /mnt/x.tar", "no such file"].map(str::to_owned).to_vec();
    assert_eq!(answer(&mut state, SourceEvent::Opened(Err(why))), [], "no registry is asked about it");
    press(&mut state, "c");
    let text = shown(&state, (80, 24), false);
    assert!(text.contains("failed to open /mnt/x.tar: no such file") && state.screen == Screen::Source, "{text}");
    assert_eq!(press(&mut state, "v"), [], "there is nothing to read");
    // A registry is needed, too.
    answer(&mut state, SourceEvent::Opened(Ok(view(&HELD))));
    press(&mut state, "Down Enter ^U Enter c");
    assert_eq!(state.draft.answers.get("platform", "registry").text(), None);
    let text = shown(&state, (80, 24), false);
    assert!(text.contains("specify the registry: HOST[:PORT][/PATH]") && state.screen == Screen::Source, "{text}");
}

#[test]
fn what_keeps_images_from_the_registry_is_shown_and_asked_again() {
    let mut state = with_bundle(Lang::En, &HELD);
    let problems = vec!["project mirror does not exist".to_owned(), "no right to push to x".to_owned()];
    answer(&mut state, SourceEvent::Planned(Ok(PushView { problems, ..push() })));
    press(&mut state, "End Up");
    let text = shown(&state, (80, 24), false);
    assert!(text.contains("problems: 2") && text.contains("project mirror does not exist"), "{text}");
    assert!(matches!(press(&mut state, "Enter").as_slice(), [Intent::Source(SourceIntent::Plan(..))]));
    answer(&mut state, SourceEvent::Planned(Err(vec!["no route".into(), "to the host".into()])));
    assert!(shown(&state, (80, 24), false).contains("no route: to the host"));
    // Other authorities: asked by themselves.
    press(&mut state, "Up Enter");
    let intents = press(&mut state, "ca.pem Enter");
    let [Intent::Source(SourceIntent::Plan(choice, _))] = intents.as_slice() else { panic!("{intents:?}") };
    assert_eq!(choice.ca, "ca.pem");
}

#[test]
fn reading_every_byte_shows_how_far_it_is_and_can_be_stopped() {
    let mut state = with_bundle(Lang::En, &HELD);
    let intents = press(&mut state, "v");
    assert!(matches!(intents.as_slice(), [Intent::Source(SourceIntent::Verify(_))]), "{intents:?}");
    answer(&mut state, SourceEvent::Read(1 << 30, 2 << 30));
    let text = shown(&state, (80, 24), false);
    assert!(text.contains("█████░░░░░ 1.0 GiB of 2.0 GiB") && text.contains("Esc stops"), "{text}");
    assert_eq!(press(&mut state, "Esc"), [Intent::Source(SourceIntent::StopVerify)]);
    answer(&mut state, SourceEvent::Read(1 << 30, 2 << 30));
    let text = shown(&state, (80, 24), false);
    assert!(text.contains("was stopped") && !text.contains("░"), "{text}");
    press(&mut state, "v");
    answer(&mut state, SourceEvent::Verified(Ok(2 << 30)));
    assert!(shown(&state, (80, 24), false).contains("all bytes verified"));
    press(&mut state, "v c");
    answer(&mut state, SourceEvent::Verified(Err(vec!["blob sha256:1 is damaged".into()])));
    assert_eq!(state.screen, Screen::Preflight);
    assert!(shown(&state, (80, 24), false).contains("blob sha256:1 is damaged"), "it is reported on the next screen");
}

#[test]
fn components_that_it_lacks_are_not_chosen_and_say_why() {
    let mut state = with_bundle(Lang::En, &["hdfs"]);
    assert_eq!(state.components.chosen, ["hdfs".to_owned()].into());
    press(&mut state, "c");
    send(&mut state, BackendEvent::Report(Ok(report(false))));
    press(&mut state, "c");
    let livy = state.catalog.components.keys().position(|id| id == "livy").unwrap();
    press(&mut state, &"Down ".repeat(livy));
    let text = shown(&state, (80, 24), false);
    assert!(text.contains("not in the offline bundle"), "{text}");
    press(&mut state, "Space");
    let text = shown(&state, (80, 24), false);
    assert!(
        text.contains("platform.tar does not contain Apache Livy") && !state.components.chosen.contains("livy"),
        "{text}"
    );
    // From where they are published, they are chosen as before.
    press(&mut state, "Esc Esc Home Space");
    let usual: std::collections::BTreeSet<String> = state.catalog.default_components().map(str::to_owned).collect();
    assert_eq!(state.components.chosen, usual);
    // One that has nothing of the usual ones is taken for what it has.
    let mut state = with_bundle(Lang::En, &["bytewax", "none-such"]);
    assert_eq!(state.components.chosen, ["bytewax".to_owned()].into());
    assert!(!state.is_changed(), "nobody has answered anything");
    press(&mut state, "Home Space");
    assert_eq!(state.components.chosen, usual);
}

#[test]
fn answers_that_it_brings_are_shown_as_its_own_and_give_way() {
    let mut state = with_bundle(Lang::Ru, &HELD);
    let id = QuestionId::new("hdfs", "image_digest");
    assert!(state.draft.answers.is_bundled(&id));
    press(&mut state, "c");
    send(&mut state, BackendEvent::Report(Ok(report(false))));
    press(&mut state, "c c Down Enter");
    assert!(state.draft.answers.is_bundled(&id), "another size changes nothing of it");
    let intents = press(&mut state, "c");
    assert!(matches!(intents.as_slice(), [Intent::Source(SourceIntent::Plan(..))]), "{intents:?}");
    answer(&mut state, SourceEvent::Planned(Ok(push())));
    let text = shown(&state, (80, 24), false);
    assert!(text.contains("Образы из platform.tar отправляются в 10.97.0.2:5000"), "{text}");
    press(&mut state, "/");
    press(&mut state, "hdfs.image_digest Enter");
    let text = shown(&state, (80, 24), false);
    assert!(text.contains("автономный пакет"), "{text}");
    let own = format!("sha256:{}", "b".repeat(64));
    press(&mut state, "Enter ^U");
    press(&mut state, &format!("{own} Enter"));
    assert_eq!(state.draft.answers.get("hdfs", "image_digest").text(), Some(own.as_str()));
    assert!(
        !state.draft.answers.is_bundled(&id)
            && state.draft.answers.is_bundled(&QuestionId::new("livy", "image_digest"))
    );
}

#[test]
fn the_login_is_named_and_never_typed() {
    let mut state = with_bundle(Lang::En, &HELD);
    // From the file to the login.
    press(&mut state, "Down Down Down Down Enter");
    let text = shown(&state, (80, 24), false);
    assert!(text.contains("from a file on this machine"), "{text}");
    press(&mut state, "Down Enter");
    let intents = press(&mut state, "/mnt/config.json Enter");
    assert!(matches!(intents.as_slice(), [Intent::Source(SourceIntent::Plan(..))]), "{intents:?}");
    assert_eq!(state.edits[&QuestionId::new("platform", "pull_secret")], "file:/mnt/config.json");
    // Plain HTTP is a switch.
    press(&mut state, "Down Space");
    assert_eq!(state.edits[&QuestionId::new("platform", "registry_plain_http")], "true");
    press(&mut state, "u");
    assert!(!state.edits.contains_key(&QuestionId::new("platform", "registry_plain_http")));
}

#[test]
fn every_size_and_ascii_will_do() {
    for lang in [Lang::En, Lang::Ru] {
        let mut state = with_bundle(lang, &HELD);
        for keys in ["", "Down Down v", "End Up Enter"] {
            press(&mut state, keys);
            for columns in [0, 1, 2, 79, 80, 81, 300] {
                for rows in [0, 1, 23, 24, 25, 100] {
                    shown(&state, (columns, rows), true);
                }
            }
        }
        state.look.ascii = true;
        let text = shown(&state, (80, 24), false);
        assert!(lang == Lang::Ru || text.is_ascii(), "{text}");
    }
}
