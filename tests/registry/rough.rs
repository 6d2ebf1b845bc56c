//! Pushes through what is between us and a registry at real sites.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use windlass::driver::image_source::{ImageSource as _, Reference};
use windlass::driver::registry::push::{PushError, TagConflict};
use windlass::driver::registry::{Registries, RegistrySource, Settings, WaitListener};

use super::store::{BASIC, Store, limits, push, push_with, request, settings, with_login};
use crate::registry_server::{FakeRegistry, Location};

/// A registry, a store with an image of one large layer and a small config, and the request for it.
async fn one(size: usize) -> (FakeRegistry, Store, Vec<windlass::driver::registry::push::ImageRequest>) {
    let mut store = Store::default();
    let image = store.image("a", &[(1, size)]);
    (FakeRegistry::start().await, store, vec![request("a", "1", image)])
}

#[tokio::test]
async fn bodies_that_are_too_large_go_in_chunks() {
    let (fake, store, requests) = one(1_000_000).await;
    fake.with(|state| state.faults.limit = Some(50_000));
    push(&fake, &store, requests).await.unwrap();
    fake.with(|state| {
        let chunks: Vec<u64> =
            state.seen.iter().filter(|s| s.method == "PATCH").map(|s| s.bytes).filter(|b| *b > 0).collect();
        assert!(chunks.iter().all(|bytes| *bytes <= 50_000) && chunks.len() >= 20, "{chunks:?}");
        assert_eq!(chunks.iter().sum::<u64>(), 1_000_000, "each byte once");
        assert!(state.count("DELETE", "/uploads/") >= 1, "the uploads that came to nothing are cancelled");
        assert!(state.uploads.is_empty());
    });
}

#[tokio::test]
async fn chunks_are_as_large_as_the_registry_wants_them() {
    let (fake, store, requests) = one(1_000_000).await;
    fake.with(|state| {
        state.faults.limit = Some(400_000);
        state.faults.least_chunk = Some(300_000);
    });
    push(&fake, &store, requests).await.unwrap();
    fake.with(|state| {
        let chunks: Vec<u64> = state.seen.iter().filter(|s| s.method == "PATCH").map(|s| s.bytes).collect();
        assert_eq!(chunks, [300_000, 300_000, 300_000, 100_000]);
    });
    let (fake, store, requests) = one(1_000_000).await;
    fake.with(|state| state.faults.limit = Some(1_000));
    let error = push(&fake, &store, requests).await.unwrap_err();
    let PushError::Incomplete { source, .. } = error else { panic!("{error}") };
    assert!(matches!(*source, PushError::TooLarge { .. }) && source.to_string().contains("client_max_body_size"));
    fake.with(|state| assert!(state.uploads.is_empty() && state.repository("a").tags.is_empty()));
}

#[tokio::test]
async fn nothing_is_sent_again_when_the_answer_to_the_last_byte_is_lost() {
    for status in [504, 502, 500, 0] {
        let (fake, store, requests) = one(500_000).await;
        fake.with(|state| state.faults.after_last = Some((status, 2)));
        push(&fake, &store, requests).await.unwrap();
        fake.with(|state| assert_eq!(state.body_bytes, store.all(), "{status}: 0 bytes again"));
    }
}

#[tokio::test]
async fn the_end_of_a_blob_may_take_longer_than_nothing_may_move() {
    let (fake, store, requests) = one(100_000).await;
    fake.with(|state| state.faults.hold = Some(Duration::from_millis(1200)));
    push(&fake, &store, requests.clone()).await.unwrap();
    fake.with(|state| assert_eq!(state.body_bytes, store.all(), "longer than the stall's limit, and sent once"));
    // Past its own deadline it is looked for, and found.
    let (fake, store, requests) = one(100_000).await;
    fake.with(|state| state.faults.hold = Some(Duration::from_secs(20)));
    let short = Settings {
        limits: windlass::driver::registry::Limits { commit: Duration::from_millis(400), ..limits() },
        ..settings()
    };
    let begun = Instant::now();
    push_with(&fake, &store, requests, short, TagConflict::Fail).await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(10));
    fake.with(|state| assert_eq!(state.body_bytes, store.all()));
}

#[tokio::test]
async fn cuts_at_the_same_time_make_requests_that_end_before_it() {
    let (fake, store, requests) = one(10 << 20).await;
    fake.with(|state| {
        state.faults.rate = Some(8_000_000);
        state.faults.cut_after = Some(Duration::from_millis(700));
    });
    let large = Settings {
        limits: windlass::driver::registry::Limits { chunk: 9 << 20, chunk_least: 64 << 10, tries: 8, ..limits() },
        ..settings()
    };
    push_with(&fake, &store, requests, large, TagConflict::Fail).await.unwrap();
    fake.with(|state| {
        let ended = state.seen.iter().filter(|s| s.method == "PATCH").map(|s| s.bytes);
        assert!(ended.clone().count() >= 3, "{:?}", ended.collect::<Vec<_>>());
        // Distribution forgets what was cut off, so it begins again, but not often.
        assert!(state.count("POST", "/uploads/") <= 8, "{}", state.count("POST", "/uploads/"));
    });
}

#[tokio::test]
async fn resets_resume_where_the_registry_is() {
    let (fake, store, requests) = one(3_000_000).await;
    fake.with(|state| {
        state.faults.reset = Some((1_000_000, 1));
        state.faults.keeps_partial = true;
        state.faults.rate = Some(8_000_000);
    });
    push(&fake, &store, requests).await.unwrap();
    fake.with(|state| {
        assert!(state.body_bytes < store.all() + 200_000, "{} of {}", state.body_bytes, store.all());
        assert!(state.seen.iter().any(|seen| seen.method == "GET" && seen.path.contains("/uploads/u")));
        assert_eq!(state.count("POST", "/uploads/"), 2, "one upload for each blob");
    });
    // A registry that keeps nothing gets it once more.
    let (fake, store, requests) = one(3_000_000).await;
    fake.with(|state| {
        state.faults.reset = Some((1_000_000, 1));
        state.faults.rate = Some(8_000_000);
    });
    push(&fake, &store, requests).await.unwrap();
    fake.with(|state| assert_eq!(state.count("POST", "/uploads/"), 3));
}

#[tokio::test]
async fn what_stands_still_is_begun_again_and_what_is_slow_is_not() {
    let (fake, store, requests) = one(8_000_000).await;
    fake.with(|state| state.faults.stands_still = Some((1_000_000, 1)));
    let begun = Instant::now();
    push(&fake, &store, requests).await.unwrap();
    assert!(begun.elapsed() > Duration::from_millis(450) && begun.elapsed() < Duration::from_secs(30));
    // Slow, and never still: a second, twice the limit.
    let (fake, store, requests) = one(4_000_000).await;
    fake.with(|state| state.faults.rate = Some(4_000_000));
    push(&fake, &store, requests).await.unwrap();
    fake.with(|state| assert_eq!(state.body_bytes, store.all()));
}

#[tokio::test]
async fn a_mount_that_is_refused_is_an_upload() {
    for (status, posts) in [(401, 3), (403, 3), (202, 2), (404, 3)] {
        let fake = FakeRegistry::start().await;
        let mut store = Store::default();
        let (a, b) = (store.image("a", &[(1, 100_000)]), store.image("b", &[(1, 100_000)]));
        fake.with(|state| state.faults.mount = Some(status));
        let receipt = push(&fake, &store, vec![request("a", "1", a), request("b", "1", b)]).await.unwrap();
        fake.with(|state| {
            assert_eq!(state.body_bytes, store.all() + 100_000, "{status}");
            let layer = state.count("POST", "/uploads/") - 2;
            assert_eq!(layer, posts, "{status}: what it began instead is used");
        });
        let sent: u64 = receipt.images.values().map(|image| image.bytes_sent).sum();
        assert_eq!(sent, store.all() + 100_000);
    }
}

#[tokio::test]
async fn tokens_end_in_the_middle_of_a_blob_and_are_asked_for_one_at_a_time() {
    let fake = FakeRegistry::start().await;
    let mut store = Store::default();
    let image = store.image("a", &[(1, 300_000), (2, 300_001), (3, 300_002)]);
    fake.want_tokens(Duration::from_secs(1), Some(BASIC));
    fake.with(|state| {
        state.faults.limit = Some(64 << 10);
        state.faults.rate = Some(110_000);
    });
    push_with(&fake, &store, vec![request("a", "1", image)], with_login(&fake), TagConflict::Fail).await.unwrap();
    fake.with(|state| {
        let tokens = state.tokens.as_ref().unwrap();
        assert_eq!(tokens.most_at_once, 1);
        assert!(tokens.asked >= 3 && tokens.asked <= 10, "{}", tokens.asked);
        let patched: u64 = state.seen.iter().filter(|s| s.method == "PATCH").map(|s| s.bytes).sum();
        assert_eq!(patched, 900_003, "nothing is sent twice for it");
        let login = state.seen.iter().filter(|s| s.authorization.as_deref() == Some(BASIC));
        assert!(login.clone().all(|seen| seen.path.starts_with("/token")), "the login goes to the realm alone");
        assert!(login.count() >= 3);
    });
}

#[tokio::test]
async fn one_token_does_for_a_repository_and_all_that_is_asked_of_it() {
    let fake = FakeRegistry::start().await;
    let mut store = Store::default();
    let layers: Vec<(u64, usize)> = (1..20).map(|seed| (seed, 1000)).collect();
    let image = store.image("a", &layers);
    fake.want_tokens(Duration::from_secs(300), Some(BASIC));
    push_with(&fake, &store, vec![request("a", "1", image)], with_login(&fake), TagConflict::Fail).await.unwrap();
    fake.with(|state| {
        assert_eq!(state.tokens.as_ref().unwrap().asked, 1);
        let scope = state.seen.iter().find(|seen| seen.path.starts_with("/token")).unwrap().path.replace("%3A", ":");
        assert!(scope.replace("%2C", ",").contains("repository:a:pull,push"), "{scope}");
    });
    // The token for a mount names where it comes from.
    push_with(
        &fake,
        &store,
        vec![request("a", "1", image), request("b", "1", image)],
        with_login(&fake),
        TagConflict::Fail,
    )
    .await
    .unwrap();
    fake.with(|state| {
        let scopes = state.seen.iter().map(|seen| seen.path.replace("%3A", ":"));
        assert!(
            scopes.into_iter().any(|path| path.contains("repository:b:pull") && path.contains("repository:a:pull"))
        );
    });
}

#[tokio::test]
async fn uploads_go_where_the_registry_says_and_logins_do_not() {
    for location in [Location::Absolute, Location::Relative] {
        let (fake, store, requests) = one(200_000).await;
        fake.with(|state| {
            state.faults.location = location.clone();
            state.faults.limit = Some(100_000);
        });
        push(&fake, &store, requests).await.unwrap();
        fake.with(|state| assert!(state.seen.iter().any(|seen| seen.path.contains("_state=s&digest="))));
    }
    let (fake, store, requests) = one(200_000).await;
    let other = fake.also().await;
    fake.want_tokens(Duration::from_secs(300), Some(BASIC));
    fake.with(|state| {
        state.faults.location = Location::Foreign(other.host.clone());
        state.faults.limit = Some(100_000);
    });
    push_with(&fake, &store, requests, with_login(&fake), TagConflict::Fail).await.unwrap();
    fake.with(|state| {
        let there: Vec<_> = state.seen.iter().filter(|seen| seen.host == other.host).collect();
        assert!(there.iter().map(|seen| seen.bytes).sum::<u64>() >= store.all(), "{there:?}");
        assert!(there.iter().all(|seen| seen.authorization.is_none()), "{there:?}");
    });
}

#[tokio::test]
async fn a_registry_that_is_busy_is_left_alone_for_as_long_as_it_says() {
    let (fake, store, requests) = one(1000).await;
    fake.with(|state| state.faults.limited = Some((2, "1")));
    let begun = Instant::now();
    let heard: Arc<Mutex<Vec<String>>> = Arc::default();
    let hears = heard.clone();
    let waits = WaitListener::new(move |wait| hears.lock().unwrap().push(wait.to_string()));
    push_with(&fake, &store, requests, Settings { waits, ..settings() }, TagConflict::Fail).await.unwrap();
    assert!(begun.elapsed() >= Duration::from_secs(1), "{:?}", begun.elapsed());
    fake.with(|state| assert_eq!(state.body_bytes, store.all()));
    // And that is reported, to who pushes and to who reads.
    let text = format!("{} asks to wait 1s (429 too many requests); log in to raise the limit", fake.host);
    let mut said = std::mem::take(&mut *heard.lock().unwrap());
    assert!(!said.is_empty() && said.iter().all(|said| *said == text), "{said:?}");
    fake.with(|state| state.faults.limited = Some((1, "1")));
    let hears = heard.clone();
    let waits = WaitListener::new(move |wait| hears.lock().unwrap().push(wait.to_string()));
    let source = RegistrySource::new(Registries::new(Settings { waits, ..settings() }).unwrap());
    let repository = format!("{}/a", fake.host);
    assert!(source.manifest(&repository, &Reference::Tag("1".to_owned())).await.unwrap().is_some());
    said = std::mem::take(&mut *heard.lock().unwrap());
    assert_eq!(said, [text]);
}

#[tokio::test]
async fn errors_and_lost_connections_pass() {
    let (fake, store, requests) = one(1000).await;
    fake.with(|state| state.faults.broken = 3);
    push(&fake, &store, requests).await.unwrap();
    let (fake, store, requests) = one(1000).await;
    fake.with(|state| state.faults.silent = 3);
    push(&fake, &store, requests).await.unwrap();
    // One that stays broken ends it, after as many tries as there should be.
    let (fake, store, requests) = one(1000).await;
    fake.with(|state| state.faults.broken = 10_000);
    let error = push(&fake, &store, requests).await.unwrap_err();
    assert!(error.to_string().contains("500"), "{error}");
    fake.with(|state| {
        let mut asked = std::collections::BTreeMap::new();
        state.seen.iter().for_each(|seen| *asked.entry(&seen.path).or_insert(0) += 1);
        assert!(asked.values().all(|count| *count <= limits().tries), "{asked:?}");
    });
}
