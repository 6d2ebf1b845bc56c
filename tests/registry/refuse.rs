//! Registries that do not take what they are given, each in its own words.

use std::collections::BTreeSet;

use windlass::driver::registry::push::{Journal, Push, PushError, PushProgress, TagConflict};

use super::store::{BASIC, Store, push, registry, request, settings, with_login};
use crate::registry_server::{FakeRegistry, Refuses};

#[tokio::test]
async fn what_is_missing_is_said_for_all_repositories_at_once_with_the_commands() {
    for (kind, texts) in [
        (Refuses::GitLab, ["glab repo create group/project", "parts are too many", "--max-depth"]),
        (Refuses::OpenShift, ["oc new-project group", "parts are too many", "--flatten"]),
        (Refuses::Harbor, ["api/v2.0/projects", "\"project_name\":\"group\"", "project `group` may be missing"]),
        (Refuses::Ecr, ["aws ecr create-repository --repository-name group/project/x/a", "may be missing", "GitLab"]),
    ] {
        let fake = FakeRegistry::start().await;
        let mut store = Store::default();
        let image = store.image("a", &[(1, 100)]);
        fake.with(|state| state.faults.refuses = Some(kind));
        let names = ["group/project/x/a", "group/project/x/b", "group/project/x/c"];
        let requests: Vec<_> = names.iter().map(|name| request(name, "1", image)).collect();
        let registry = registry(&fake, settings()).await;
        let prepared =
            Push::prepare(registry, &store, requests, TagConflict::Fail, Journal::in_memory()).await.unwrap();
        let problems = prepared.problems().await.unwrap();
        let found: Vec<&str> = problems.iter().map(|problem| problem.name.as_str()).collect();
        assert_eq!(found, names, "{kind:?}");
        let text = problems[0].to_string();
        assert!(texts.iter().all(|part| text.contains(part)), "{kind:?}: {text}");
        // Who pushes nevertheless hears the same.
        let error = prepared.run(&PushProgress::default()).await.unwrap_err();
        let PushError::Incomplete { source, receipt, failed, .. } = error else { panic!("{error}") };
        assert!(matches!(*source, PushError::NoPush { .. }) && source.to_string().contains(texts[0]), "{source}");
        assert!(receipt.images.is_empty() && failed.len() == 3);
        fake.with(|state| assert_eq!((state.body_bytes, state.manifest_puts().len()), (0, 0)));
    }
}

/// Harbor knows what is left of a project's quota, and counts a blob once in a project.
#[tokio::test]
async fn a_project_without_room_is_found_before_anything_is_sent() {
    let fake = FakeRegistry::start().await;
    let mut store = Store::default();
    let images = [store.image("a", &[(1, 70_000)]), store.image("b", &[(1, 70_000), (2, 1000)])];
    let names = ["full/x/a", "full/x/b"];
    let requests = || names.iter().zip(images).map(|(name, image)| request(name, "1", image)).collect();
    // A blob that another repository of the project has needs no room.
    let room = store.all() as i64;
    let realm = format!("http://{}/service/token", fake.host);
    fake.want_tokens_of(realm, std::time::Duration::from_secs(60), None);
    let projects = [("full", room - 1), ("wide", room), ("endless", -1)].map(|(name, left)| (name.to_owned(), left));
    fake.with(|state| state.quotas = projects.into());
    let registry = registry(&fake, with_login(&fake)).await;
    let push = |requests| Push::prepare(registry.clone(), &store, requests, TagConflict::Fail, Journal::in_memory());
    let problems = push(requests()).await.unwrap().problems().await.unwrap();
    assert_eq!(problems.len(), 1);
    let text = problems[0].to_string();
    assert!(text.starts_with("full: ") && text.contains("quota") && problems[0].source.is_none(), "{text}");
    fake.with(|state| assert_eq!((state.body_bytes, state.manifest_puts().len()), (0, 0)));
    for project in ["wide", "endless", "unknown"] {
        let requests: Vec<_> =
            names.iter().zip(images).map(|(name, image)| request(&name.replace("full", project), "1", image)).collect();
        assert!(push(requests).await.unwrap().problems().await.unwrap().is_empty(), "{project}");
    }
    // Whatever answers with tokens from elsewhere is no Harbor, and its interface is not asked.
    let other = FakeRegistry::start().await;
    other.want_tokens(std::time::Duration::from_secs(60), None);
    let registry = crate::registry::store::registry(&other, with_login(&other)).await;
    let prepared = Push::prepare(registry, &store, requests(), TagConflict::Fail, Journal::in_memory()).await.unwrap();
    assert!(prepared.problems().await.unwrap().is_empty());
    other.with(|state| assert_eq!(state.count("GET", "/api/"), 0));
}

#[tokio::test]
async fn permission_is_asked_without_leaving_anything() {
    let fake = FakeRegistry::start().await;
    let registry = registry(&fake, settings()).await;
    let names: BTreeSet<String> = ["a/b", "c"].map(str::to_owned).into();
    assert!(registry.push_problems(&names).await.unwrap().is_empty());
    fake.with(|state| {
        assert_eq!((state.count("POST", "/uploads/"), state.count("DELETE", "/uploads/")), (2, 2));
        assert!(state.uploads.is_empty() && state.repositories.is_empty(), "no tag, no manifest, no upload");
    });
}

#[tokio::test]
async fn a_wrong_login_is_said_at_once() {
    let fake = FakeRegistry::start().await;
    let mut store = Store::default();
    let image = store.image("a", &[(1, 100)]);
    fake.want_tokens(std::time::Duration::from_secs(60), Some("Basic b3RoZXI6eA=="));
    let requests = vec![request("a", "1", image)];
    let registry = registry(&fake, with_login(&fake)).await;
    let error = Push::prepare(registry, &store, requests, TagConflict::Fail, Journal::in_memory()).await.err().unwrap();
    let text = error.to_string();
    assert!(text.contains("denied the login") && text.contains("check the credentials"), "{text}");
    assert!(!text.contains(BASIC), "{text}");
}

#[tokio::test]
async fn a_token_without_the_right_is_a_refusal_and_no_loop() {
    let fake = FakeRegistry::start().await;
    let mut store = Store::default();
    let image = store.image("a", &[(1, 100)]);
    // Tokens that are over before they arrive: each is refused.
    fake.want_tokens(std::time::Duration::ZERO, None);
    let error = push(&fake, &store, vec![request("a", "1", image)]).await.unwrap_err();
    assert!(matches!(error, PushError::Incomplete { .. }), "{error}");
    fake.with(|state| assert!(state.seen.len() < 60, "{}", state.seen.len()));
}
