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
        let found: Vec<&str> = problems.iter().map(|problem| problem.repository.as_str()).collect();
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
