//! Pushes to a registry that behaves well.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use windlass::driver::image_source::Reference;
use windlass::driver::registry::push::{BlobAction, Journal, PlanError, Push, PushError, PushProgress, TagConflict};
use windlass::model::images_lock::Attached;
use windlass::model::oci::{Digest, INDEXES};

use super::store::{Store, push, push_with, registry, request, settings};
use crate::registry_server::{FakeRegistry, noise};

#[tokio::test]
async fn each_blob_is_sent_once_and_mounted_elsewhere_and_a_repeat_sends_nothing() {
    let fake = FakeRegistry::start().await;
    let mut store = Store::default();
    let (a, b) = (store.image("a", &[(1, 300_000), (2, 50_000)]), store.image("b", &[(1, 300_000), (3, 10)]));
    let requests = vec![request("p/a", "1", a), request("p/b", "1", b)];
    let receipt = push(&fake, &store, requests.clone()).await.unwrap();

    fake.with(|state| {
        assert_eq!(state.body_bytes, store.all(), "each byte once");
        assert_eq!(state.bytes("PUT"), store.all(), "in one request for each blob");
        assert_eq!(state.count("PATCH", ""), 0);
        assert_eq!(state.count("POST", "mount="), 1);
        assert_eq!(state.repository("p/b").blobs.len(), 3);
        assert_eq!(state.repository("p/a").tags["1"], a);
        let puts = state.manifest_puts();
        assert!(puts.iter().take(2).all(|path| path.contains("sha256")), "{puts:?}");
        assert!(state.most_reading > 1, "several at a time");
    });
    assert_eq!(store.read.load(Ordering::Relaxed), store.all(), "each byte of the store is read once");
    let shared = noise(1, 300_000).len() as u64;
    let (first, second) = (&receipt.images["docker.io/p/a:1"], &receipt.images["docker.io/p/b:1"]);
    assert_eq!((first.target.as_str(), first.digest), (format!("{}/p/a", fake.host).as_str(), a));
    assert_eq!(first.bytes_sent + second.bytes_sent, store.all());
    assert_eq!(second.bytes_mounted + first.bytes_mounted, shared);
    assert_eq!(receipt.bytes_on_the_wire, store.all());

    let before = fake.with(|state| state.seen.len());
    let again = push(&fake, &store, requests).await.unwrap();
    fake.with(|state| {
        let seen = &state.seen[before..];
        assert!(seen.iter().all(|seen| matches!(seen.method.as_str(), "HEAD" | "GET")), "{seen:?}");
        // One question for each blob in each repository, for each tag with its manifest, and the first one of all.
        assert_eq!(seen.len(), 1 + 6 + 2, "{seen:?}");
    });
    assert_eq!(
        (again.bytes_on_the_wire, again.images["docker.io/p/a:1"].bytes_existing),
        (0, store.size(|digest| { fake.with(|state| state.has_blob("p/a", *digest)) }))
    );
}

#[tokio::test]
async fn the_plan_says_by_repository_and_digest_what_is_sent() {
    let fake = FakeRegistry::start().await;
    let mut store = Store::default();
    let a = store.image("a", &[(1, 1000), (2, 20)]);
    let b = store.image("b", &[(1, 1000)]);
    let there = Digest::of(&noise(2, 20));
    fake.with(|state| {
        state.repository("a").blobs.insert(there);
        state.blobs.insert(there, noise(2, 20));
    });
    let requests = vec![request("a", "1", a), request("b", "1", b)];
    let registry = registry(&fake, settings()).await;
    let push = Push::prepare(registry, &store, requests, TagConflict::Fail, Journal::in_memory()).await.unwrap();
    let shared = Digest::of(&noise(1, 1000));
    let action = |repository: &str, digest: Digest| {
        let step = push.plan().blobs.iter().find(|step| step.repository == repository && step.digest == digest);
        step.unwrap().action.clone()
    };
    assert_eq!(action("a", there), BlobAction::Exists);
    assert_eq!(action("a", shared), BlobAction::Upload);
    assert_eq!(action("b", shared), BlobAction::Mount { from: "a".to_owned() });
    let table = push.plan().table();
    assert!(
        table.contains("mount from a") && table.contains("1.0 kB to mount") || table.contains("to mount"),
        "{table}"
    );
    let json = serde_json::to_value(push.plan()).unwrap();
    assert_eq!(json["registry"], fake.host);
    assert!(json["blobs"].as_array().unwrap().iter().any(|step| step["action"] == "mount" && step["from"] == "a"));
    assert_eq!(json["tags"][0]["action"], "set");
    fake.with(|state| assert!(state.seen.iter().all(|seen| matches!(seen.method.as_str(), "GET" | "HEAD"))));
}

#[tokio::test]
async fn an_index_goes_after_its_children_and_signatures_after_what_they_sign() {
    for api in [true, false] {
        let fake = FakeRegistry::start().await;
        let mut store = Store::default();
        let (amd, arm) = (store.image("amd", &[(1, 100)]), store.image("arm", &[(2, 100)]));
        let index = store.index(&[amd, arm]);
        let sig = store.signature(amd, "by tag");
        let referrer = store.signature(index, "by referrers");
        let of_referrer = store.signature(referrer, "of a signature");
        let mut image = request("a", "1", index);
        image.media_type = INDEXES[0].to_owned();
        let attached = |subject, digest, tag: Option<String>| Attached { subject, digest, tag, artifact_type: None };
        image.attached = vec![
            attached(referrer, of_referrer, None),
            attached(index, referrer, None),
            attached(amd, sig, Some(amd.fallback_tag(".sig"))),
        ];
        // Somebody else has signed it before.
        let other = store.signature(index, "somebody else's");
        let fallback = index.fallback_tag("");
        if !api {
            fake.with(|state| {
                let entry = serde_json::json!({"mediaType": "x", "digest": other.to_string(), "size": 1, "own": true});
                let list = serde_json::json!({"schemaVersion": 2, "mediaType": INDEXES[0], "manifests": [entry]});
                let (bytes, one) = (list.to_string().into_bytes(), state.repository("a"));
                let digest = Digest::of(&bytes);
                one.manifests.insert(digest, (INDEXES[0].to_owned(), bytes));
                one.manifests.insert(other, ("x".to_owned(), store.manifests[&other].clone()));
                one.tags.insert(fallback.clone(), digest);
                state.faults.no_referrers = true;
            });
        }
        push(&fake, &store, vec![image.clone()]).await.unwrap();
        fake.with(|state| {
            let puts = state.manifest_puts();
            let at = |reference: &str| puts.iter().position(|path| path.ends_with(&format!("/manifests/{reference}")));
            let of = |digest: Digest| at(&digest.to_string()).unwrap();
            assert!(of(index) > of(amd).max(of(arm)) && of(sig) > of(amd) && of(referrer) > of(index), "{puts:?}");
            assert!(of(of_referrer) > of(referrer));
            assert_eq!(at("1"), Some(puts.len() - 1), "the image's tag is the last");
            assert_eq!(state.repository("a").tags[&amd.fallback_tag(".sig")], sig);
            let one = state.repository("a");
            assert_eq!(one.tags.contains_key(&fallback), !api, "the stand-in only where it is needed");
            if !api {
                let (kind, bytes) = &one.manifests[&one.tags[&fallback]];
                let list: serde_json::Value = serde_json::from_slice(bytes).unwrap();
                assert_eq!((kind.as_str(), &list["manifests"][0]["own"]), (INDEXES[0], &true.into()), "kept as it was");
                assert_eq!(list["manifests"][1]["digest"], referrer.to_string());
                assert_eq!(list["manifests"][1]["artifactType"], "application/vnd.signature");
                assert_eq!(list["manifests"][1]["annotations"]["made"], "by referrers");
            }
        });
        let registry = registry(&fake, settings()).await;
        let found = registry.referrers("a", index).await.unwrap();
        assert!(found.iter().any(|one| one.digest == referrer), "{found:?}");
        // A push that was killed before that is healed by the next.
        if !api {
            fake.with(|state| state.repository("a").tags.remove(&fallback));
            push(&fake, &store, vec![image]).await.unwrap();
            assert_eq!(registry.referrers("a", index).await.unwrap().len(), 1);
        }
    }
}

#[tokio::test]
async fn gitlabs_answer_at_the_stand_in_is_no_list() {
    let fake = FakeRegistry::start().await;
    let mut store = Store::default();
    let image = store.image("a", &[(1, 100)]);
    fake.with(|state| (state.faults.no_referrers, state.faults.gitlab_fallback) = (true, true));
    push(&fake, &store, vec![request("a", "1", image)]).await.unwrap();
    let registry = registry(&fake, settings()).await;
    let tag = Reference::Tag(image.fallback_tag(""));
    assert_eq!(registry.manifest("a", &tag).await.unwrap().unwrap().digest, image, "that is what it answers");
    assert_eq!(registry.referrers("a", image).await.unwrap(), []);
}

#[tokio::test]
async fn a_tag_that_stands_for_something_else_is_found_before_anything_is_sent() {
    let fake = FakeRegistry::start().await;
    let mut store = Store::default();
    let (old, new) = (store.image("old", &[(1, 100)]), store.image("new", &[(2, 100)]));
    push(&fake, &store, vec![request("a", "1", old), request("b", "1", old)]).await.unwrap();
    let sent = fake.with(|state| state.body_bytes);
    let requests = vec![request("a", "1", new), request("b", "1", new)];
    let error = push(&fake, &store, requests.clone()).await.unwrap_err();
    let PushError::Plan(PlanError::TagConflicts(all)) = &error else { panic!("{error}") };
    assert_eq!(all.len(), 2, "both at once: {error}");
    fake.with(|state| assert_eq!((state.body_bytes, state.repository("a").tags["1"]), (sent, old)));

    let kept = push_with(&fake, &store, requests.clone(), settings(), TagConflict::Keep).await.unwrap();
    assert_eq!(kept.images["docker.io/a:1"].tags, Vec::<String>::new());
    fake.with(|state| {
        assert_eq!(state.repository("a").tags["1"], old);
        assert!(state.repository("a").manifests.contains_key(&new), "there by its digest");
        state.faults.immutable = true;
    });
    let error = push_with(&fake, &store, requests.clone(), settings(), TagConflict::Overwrite).await.unwrap_err();
    let PushError::Incomplete { source, .. } = &error else { panic!("{error}") };
    assert!(matches!(**source, PushError::ImmutableTag { .. }), "{source}");
    fake.with(|state| state.faults.immutable = false);
    push_with(&fake, &store, requests, settings(), TagConflict::Overwrite).await.unwrap();
    fake.with(|state| assert_eq!(state.repository("b").tags["1"], new));
}

#[tokio::test]
async fn a_difference_needs_its_base_and_sends_nothing_without_it() {
    let fake = FakeRegistry::start().await;
    let mut store = Store::default();
    let image = store.image("a", &[(1, 5000), (2, 100)]);
    let mut difference = Store { manifests: store.manifests.clone(), blobs: store.blobs.clone(), ..Store::default() };
    let base = Digest::of(&noise(1, 5000));
    difference.blobs.remove(&base);
    let error = push(&fake, &difference, vec![request("a", "1", image)]).await.unwrap_err();
    assert!(error.to_string().contains(&base.to_string()), "{error}");
    fake.with(|state| assert_eq!(state.body_bytes, 0));
    push(&fake, &store, vec![request("a", "1", image)]).await.unwrap();
    // The whole image is of the base now: it only gets one more tag, in a repository that has it.
    let none = Store::default();
    push(&fake, &none, vec![request("a", "2", image)]).await.unwrap();
    fake.with(|state| assert_eq!(state.repository("a").tags["2"], image));
    push(&fake, &difference, vec![request("a", "1", image), request("b", "1", image)]).await.unwrap();
    fake.with(|state| assert!(state.has_blob("b", base), "mounted from the base"));
}

#[tokio::test]
async fn bytes_that_are_damaged_get_no_tag() {
    let fake = FakeRegistry::start().await;
    let mut store = Store::default();
    let (bad, good) = (store.image("bad", &[(1, 5000)]), store.image("good", &[(2, 5000)]));
    store.blobs.get_mut(&Digest::of(&noise(1, 5000))).unwrap()[77] ^= 1;
    let error = push(&fake, &store, vec![request("bad", "1", bad), request("good", "1", good)]).await.unwrap_err();
    let PushError::Incomplete { failed, receipt, source, .. } = &error else { panic!("{error}") };
    assert_eq!((failed.as_slice(), receipt.images.len()), (["docker.io/bad:1".to_owned()].as_slice(), 1));
    assert!(matches!(**source, PushError::Digest { .. }), "{source}");
    fake.with(|state| {
        assert!(state.repository("bad").manifests.is_empty() && state.repository("bad").tags.is_empty());
        assert_eq!(state.repository("good").tags["1"], good);
        assert!(state.uploads.is_empty(), "no upload is left behind");
    });
}

#[tokio::test]
async fn what_is_pushed_is_there_byte_for_byte() {
    let fake = FakeRegistry::start().await;
    let mut store = Store::default();
    // Nobody would write it like this, and it stays like this.
    let config = store.blob(b"{}".to_vec());
    let text = format!(
        "{{ \"schemaVersion\":2,\n\t\"config\": {{\"size\":2, \"digest\":\"{config}\",\"mediaType\":\"c\"}},\"layers\":[]}}\n"
    );
    let digest = Digest::of(text.as_bytes());
    store.manifests.insert(digest, text.clone().into_bytes());
    push(&fake, &store, vec![request("a", "1", digest)]).await.unwrap();
    fake.with(|state| assert_eq!(state.repository("a").manifests[&digest].1, text.as_bytes()));
}

#[tokio::test]
async fn a_push_that_is_killed_resumes_and_sends_nothing_twice_that_was_finished() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("push.jsonl");
    for keeps in [true, false] {
        let fake = FakeRegistry::start().await;
        fake.with(|state| {
            state.faults.rate = Some(3_000_000);
            state.faults.keeps_partial = keeps;
        });
        let mut store = Store::default();
        let image = store.image("a", &[(1, 9_000_000), (2, 100_000)]);
        let registry = registry(&fake, settings()).await;
        let requests = vec![request("a", "1", image)];
        let journal = || Journal::open(&journal).unwrap();
        let push =
            Push::prepare(registry.clone(), &store, requests.clone(), TagConflict::Fail, journal()).await.unwrap();
        let progress = PushProgress::default();
        let killed = tokio::time::timeout(std::time::Duration::from_millis(1000), push.run(&progress));
        assert!(killed.await.is_err(), "it was to be killed before its end");
        drop(push);
        // The registry reads on for as long as the system has bytes for it.
        while fake.with(|state| state.reading) > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        let (before, small) = fake.with(|state| {
            state.faults.rate = None;
            (state.body_bytes, Digest::of(&noise(2, 100_000)))
        });
        assert!(before > 1_000_000, "{before}");
        assert!(fake.with(|state| state.has_blob("a", small)), "the small one was finished");
        let push = Push::prepare(registry, &store, requests, TagConflict::Fail, journal()).await.unwrap();
        assert!(push.plan().blobs.iter().any(|step| step.digest == small && step.action == BlobAction::Exists));
        let progress = PushProgress::default();
        push.run(&progress).await.unwrap();
        let half = progress.take_partial_uploads();
        let said = half.iter().map(|half| (half.digest, half.size, half.kept > 0)).collect::<Vec<_>>();
        assert_eq!(said, [(Digest::of(&noise(1, 9_000_000)), 9_000_000, keeps)]);
        assert!(progress.take_partial_uploads().is_empty(), "once");
        fake.with(|state| {
            let after = state.body_bytes - before;
            if keeps {
                assert_eq!(state.body_bytes, store.all(), "what had arrived is not sent again: {after}");
                assert!(state.count("PATCH", "/uploads/") > 0);
            } else {
                assert_eq!(after, 9_000_000, "from the beginning, once");
            }
            assert_eq!(state.repository("a").tags["1"], image);
            assert!(state.uploads.is_empty());
        });
    }
}

#[tokio::test]
async fn one_blob_goes_once_however_many_repositories_need_it() {
    let fake = FakeRegistry::start().await;
    let mut store = Store::default();
    let image = store.image("a", &[(1, 10_000)]);
    let names: Vec<String> = (0..12).map(|number| format!("p/{number}")).collect();
    let requests = names.iter().map(|name| request(name, "1", image)).collect();
    push(&fake, &store, requests).await.unwrap();
    fake.with(|state| {
        assert_eq!(state.body_bytes, store.all());
        assert_eq!(state.count("POST", "mount="), 22);
        let have: BTreeSet<&String> =
            names.iter().filter(|name| state.repositories[*name].tags.contains_key("1")).collect();
        assert_eq!(have.len(), 12);
    });
}
