//! `windlass bundle push`.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use windlass::driver::bundle::Bundle;
use windlass::driver::registry::push::Receipt;
use windlass::model::oci::{Digest, MANIFESTS};

use super::{command, hub, large, made, manifest, ok, run};
use crate::registry_server::FakeRegistry;

/// Requests that change something.
fn writes(fake: &FakeRegistry) -> usize {
    fake.with(|state| state.seen.iter().filter(|seen| !matches!(seen.method.as_str(), "GET" | "HEAD")).count())
}

fn pushes(folder: &Path) -> Vec<std::path::PathBuf> {
    let found = std::fs::read_dir(folder.join(".local/state/windlass/pushes"));
    found.map(|found| found.map(|entry| entry.unwrap().path()).collect()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_came_from_one_registry_arrives_in_another_to_the_byte() {
    let hub = hub().await;
    let folder = made(&hub).await;
    let at = folder.path();
    let site = FakeRegistry::start().await;
    let to = format!("{}/site/mirror", site.host);
    let push = ["push", "platform.tar", "--registry", &to];
    // A plan changes nothing, there and here.
    let (table, _) = ok(at, &[&push[..], &["--plan"]].concat()).await;
    assert!(
        table.contains("site/mirror/x/multi") && table.contains("upload") && table.contains("mount from"),
        "{table}"
    );
    let (plan, _) = ok(at, &[&push[..], &["--plan", "--json"]].concat()).await;
    let plan: Value = serde_json::from_str(&plan).unwrap();
    assert!(plan["plan"]["blobs"].as_array().unwrap().len() > 5, "{plan}");
    // Rights are asked for by uploads that are cancelled at once.
    assert_eq!(plan["problems"], json!([]), "{plan}");
    site.with(|state| {
        assert!(state.repositories.is_empty() && state.blobs.is_empty() && state.uploads.is_empty());
    });
    assert!(pushes(at).is_empty());
    // Signatures may be left out, which the receipt says.
    let bare = format!("{}/bare", site.host);
    let args = ["push", "platform.tar", "--registry", &bare, "--without-signatures", "--receipt", "bare.json"];
    ok(at, &args).await;
    let receipt: Receipt = serde_json::from_str(&std::fs::read_to_string(at.join("bare.json")).unwrap()).unwrap();
    assert!(receipt.without_signatures);
    site.with(|state| {
        assert_eq!(state.repository("bare/x/multi").tags.len(), 1);
        assert_eq!(state.repository("bare/x/multi").manifests.len(), 3);
    });
    let (said, _) = ok(at, &[&push[..], &["--receipt", "receipt.json"]].concat()).await;
    assert!(said.starts_with(&format!("pushed 2 images to {to}: ")), "{said}");
    let receipt: Receipt = serde_json::from_str(&std::fs::read_to_string(at.join("receipt.json")).unwrap()).unwrap();
    assert!(!receipt.without_signatures && receipt.images.len() == 2);
    for repository in ["x/multi", "y/one"] {
        let [was, is] = [(&hub, "hub"), (&site, "site/mirror")].map(|(fake, prefix)| {
            fake.with(|state| {
                let found = state.repository(&format!("{prefix}/{repository}"));
                (found.manifests.clone(), found.blobs.clone(), found.tags.clone())
            })
        });
        assert!(was == is, "{repository}");
    }
    for image in receipt.images.values() {
        assert!(hub.with(|state| state.repositories.values().any(|one| one.manifests.contains_key(&image.digest))));
    }
    assert!(pushes(at).is_empty(), "nothing is left to resume");
    // Again: nothing is sent.
    let before = writes(&site);
    let (said, _) = ok(at, &push).await;
    assert!(said.starts_with("nothing to push: ") && writes(&site) == before, "{said}");
}

/// A receipt is small enough to be carried out of a site, and says what does not have to be carried in again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_difference_since_a_receipt_lacks_what_the_registry_has() {
    let hub = hub().await;
    let folder = made(&hub).await;
    let at = folder.path();
    let site = FakeRegistry::start().await;
    let to = format!("{}/mirror", site.host);
    let push = ["push", "platform.tar", "--registry", &to];
    ok(at, &[&push[..], &["--without-signatures", "--receipt", "bare.json"]].concat()).await;
    let from = format!("{}/{}", hub.host, super::HUB);
    let both = ["--platform", "linux/amd64", "--platform", "linux/arm64", "--no-programs"];
    let create = [&["create", "--from", &from], &both[..]].concat();
    // Of all that is in the lock, the registry lacks the signatures.
    ok(at, &[&create[..], &["--since", "bare.json", "--output", "signatures.tar"]].concat()).await;
    let signatures = Bundle::open(&[at.join("signatures.tar")]).unwrap();
    let base = Bundle::open(&[at.join("platform.tar")]).unwrap();
    assert_eq!(signatures.about().base, Some(base.lock_digest()));
    assert_eq!(signatures.about().blobs.len(), 5, "two manifests, their layers, and the configuration of both");
    let update = ["push", "signatures.tar", "--registry", &to, "--receipt", "all.json"];
    ok(at, &update).await;
    let of = |fake: &FakeRegistry, name: &str| fake.with(|state| state.repository(name).manifests.clone());
    assert!(of(&hub, "hub/x/multi") == of(&site, "mirror/x/multi"));
    // What a difference's receipt does not say is what of its base is there.
    let (code, _, err) = run(at, &[&create[..], &["--since", "all.json", "--output", "x.tar"]].concat()).await;
    assert!(code == 2 && err.contains("all.json is a difference and cannot be a base"), "{code} {err}");
    ok(at, &[&push[..], &["--receipt", "all.json"]].concat()).await;
    ok(at, &[&create[..], &["--since", "all.json", "--output", "nothing.tar"]].concat()).await;
    assert!(Bundle::open(&[at.join("nothing.tar")]).unwrap().about().blobs.is_empty());
    let (said, _) = ok(at, &["push", "nothing.tar", "--registry", &to]).await;
    assert!(said.starts_with("nothing to push: "), "{said}");
    // Where that was not pushed, nothing is sent.
    let other = format!("{}/other", site.host);
    let (code, _, err) = run(at, &["push", "nothing.tar", "--registry", &other]).await;
    assert!(code == 11 && err.contains("push the base first"), "{code} {err}");
    assert!(site.with(|state| state.repositories.keys().all(|name| !name.starts_with("other"))));
    let receipt = std::fs::read_to_string(at.join("all.json")).unwrap();
    let mut old: Value = serde_json::from_str(&receipt).unwrap();
    old.as_object_mut().unwrap().remove("lock");
    let newer = receipt.replacen("\"schema\": 1", "\"schema\": 2", 1);
    let cut = receipt[..receipt.len() / 2].to_owned();
    for (text, why) in [(old.to_string(), "bundle push --receipt"), (newer, "schema 2 is unknown"), (cut, " at line ")]
    {
        std::fs::write(at.join("bad.json"), text).unwrap();
        let (code, _, err) = run(at, &[&create[..], &["--since", "bad.json", "--output", "x.tar"]].concat()).await;
        assert!(code == 2 && err.contains("bad.json") && err.contains(why), "{code} {err}");
        assert!(!at.join("x.tar").exists());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_in_the_way_is_told_before_anything_is_sent() {
    let hub = hub().await;
    let folder = made(&hub).await;
    let at = folder.path();
    let site = FakeRegistry::start().await;
    let push = ["push", "platform.tar", "--registry", &site.host];
    let config = json!({"mediaType": "application/vnd.oci.image.config.v1+json", "digest": large(), "size": 1});
    let json = json!({"schemaVersion": 2, "mediaType": MANIFESTS[0], "config": config, "layers": []});
    let other = manifest(&site, "x/multi", MANIFESTS[0], &json, Some("1"));
    let other: Digest = other["digest"].as_str().unwrap().parse().unwrap();
    let (code, _, err) = run(at, &push).await;
    assert!(code == 11 && err.contains("tags exist with another digest") && err.contains("x/multi:1"), "{code} {err}");
    assert_eq!(site.with(|state| state.blobs.len()), 0);
    // The plan shows all the same, and what is in its way.
    let (code, out, err) = run(at, &[&push[..], &["--plan"]].concat()).await;
    assert!(
        code == 11 && out.contains("upload") && err.contains("tags exist with another digest"),
        "{code} {out}{err}"
    );
    ok(at, &[&push[..], &["--tag-conflict", "keep"]].concat()).await;
    assert_eq!(site.with(|state| state.repository("x/multi").tags["1"]), other);
    ok(at, &[&push[..], &["--tag-conflict", "overwrite"]].concat()).await;
    assert_ne!(site.with(|state| state.repository("x/multi").tags["1"]), other);
    // All repositories that nothing can be pushed into, at once.
    let closed = FakeRegistry::start().await;
    closed.with(|state| state.faults.refuses = Some(crate::registry_server::Refuses::Harbor));
    let (code, out, _) =
        run(at, &["push", "platform.tar", "--registry", &format!("{}/p", closed.host), "--json"]).await;
    let problems: Value = serde_json::from_str(out.lines().next().unwrap()).unwrap();
    assert!(code == 11 && problems["problems"].as_array().is_some_and(|all| all.len() == 2), "{code} {out}");
    let plan = ["push", "platform.tar", "--registry", &format!("{}/p", closed.host), "--plan", "--json"];
    let (code, out, _) = run(at, &plan).await;
    let plan: Value = serde_json::from_str(out.lines().next().unwrap()).unwrap();
    assert!(code == 11 && plan["plan"]["blobs"].is_array() && plan["problems"] == problems["problems"], "{code} {out}");
    // Two images that would be one, and a registry that is none.
    let (code, _, err) = run(at, &["push", "platform.tar", "--registry", "harbor"]).await;
    assert!(code == 2 && err.contains("is not a registry"), "{code} {err}");
    let stray = [&push[..], &["--plain-http", "other.site"]].concat();
    assert_eq!(run(at, &stray).await.0, 2);
}

/// Parts, a pinned key, names with fewer parts, a login from a file and HTTP by name, as docs/offline.md shows them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parts_of_a_signed_one_go_where_names_have_fewer_parts() {
    let hub = hub().await;
    let folder = made(&hub).await;
    let at = folder.path();
    ok(at, &["keygen", "site"]).await;
    let from = format!("{}/{}", hub.host, super::HUB);
    let create = ["create", "--from", &from, "--no-programs", "--output", "parts.tar"];
    ok(at, &[&create[..], &["--split", "1M", "--private-key", "site.key"]].concat()).await;
    assert!(at.join("parts.tar.002").exists() && !at.join("parts.tar").exists());
    ok(at, &["verify", "parts.tar.001", "--key", "site.pub"]).await;
    let site = FakeRegistry::start().await;
    std::fs::write(at.join("config.json"), "{\"auths\": {}}").unwrap();
    let [flat, group] = ["flat", "group/project"].map(|path| format!("{}/{path}", site.host));
    let signed = ["push", "parts.tar.001", "--key", "site.pub", "--registry"];
    ok(at, &[&signed[..], &[&flat, "--flatten", "--registry-config", "config.json"]].concat()).await;
    ok(at, &[&signed[..], &[&group, "--max-depth", "2", "--plain-http", &site.host]].concat()).await;
    site.with(|state| {
        for repository in ["flat/x-multi", "flat/y-one", "group/project/x/multi", "group/project/y/one"] {
            assert!(!state.repository(repository).tags.is_empty(), "{repository}");
        }
        assert!(!state.repositories.contains_key("flat/x/multi"));
    });
    // Signed beside it, by a file that has to be named.
    ok(at, &["sign", "platform.tar", "--private-key", "site.key"]).await;
    std::fs::rename(at.join("platform.tar.sig"), at.join("apart.sig")).unwrap();
    let elsewhere = format!("{}/apart", site.host);
    let apart = ["push", "platform.tar", "--registry", &elsewhere, "--plan", "--key", "site.pub"];
    assert_eq!(run(at, &apart).await.0, 8, "it is signed by nobody that is seen");
    let (_, err) = ok(at, &[&apart[..], &["--signature", "apart.sig"]].concat()).await;
    assert!(err.contains("signed by the pinned key"), "{err}");
    ok(at, &["keygen", "other"]).await;
    let (code, _, err) = run(at, &["push", "parts.tar.001", "--key", "other.pub", "--registry", &flat]).await;
    assert!(code == 8 && err.contains("does not match the pinned key"), "{code} {err}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_needs_a_damaged_blob_gets_a_tag() {
    let hub = hub().await;
    let folder = made(&hub).await;
    let at = folder.path();
    let place = Bundle::open(&[at.join("platform.tar")]).unwrap().place(large()).unwrap();
    let whole = std::fs::read(at.join("platform.tar")).unwrap();
    for offset in [0, place.1 / 2, place.1 - 1] {
        let mut bytes = whole.clone();
        bytes[usize::try_from(place.0 + offset).unwrap()] ^= 1;
        std::fs::write(at.join("flipped.tar"), &bytes).unwrap();
        // In one request, and in chunks, of which all but the first begin elsewhere.
        for limit in [None, Some(1 << 20)] {
            let site = FakeRegistry::start().await;
            site.with(|state| state.faults.limit = limit);
            let (code, _, err) = run(at, &["push", "flipped.tar", "--registry", &site.host]).await;
            assert!(code == 7 && err.contains("docker.io/x/multi:1"), "{offset} {limit:?}: {code} {err}");
            site.with(|state| {
                assert!(!state.blobs.contains_key(&large()) && !state.blobs.contains_key(&Digest::of(&bytes)));
                assert!(
                    state.repository("x/multi").tags.is_empty() && state.repository("x/multi").manifests.is_empty()
                );
                assert_eq!(state.repository("y/one").tags.len(), 1, "what does not need it is there");
            });
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_needs_a_part_that_is_missing_or_another_gets_no_tag() {
    let hub = hub().await;
    let folder = made(&hub).await;
    let at = folder.path();
    ok(at, &["split", "platform.tar", "--size", "1M", "--output", "whole/p.tar"]).await;
    let part = |number: usize| std::fs::read(at.join(format!("whole/p.tar.{number:03}"))).unwrap();
    let whole = [part(1), part(2), part(3), part(4)];
    for (swapped, names) in [
        (false, ["p.tar.001", "", "p.tar.003", "p.tar.004"]),
        (true, ["p.tar.001", "p.tar.003", "p.tar.002", "p.tar.004"]),
    ] {
        let parts = tempfile::tempdir_in(at).unwrap();
        for (bytes, name) in whole.iter().zip(names).filter(|(_, name)| !name.is_empty()) {
            std::fs::write(parts.path().join(name), bytes).unwrap();
        }
        let site = FakeRegistry::start().await;
        let (code, _, err) = run(at, &["push", parts.path().to_str().unwrap(), "--registry", &site.host]).await;
        assert!([2, 7].contains(&code) && err.contains("p.tar"), "{code} {err}");
        site.with(|state| {
            assert!(state.repository("x/multi").tags.is_empty(), "{err}");
            // Of what is there with a tag, all is right.
            assert!(swapped || state.repositories.values().all(|one| one.tags.is_empty()), "{err}");
            assert!(state.blobs.iter().all(|(digest, bytes)| Digest::of(bytes) == *digest));
        });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_that_was_killed_sends_nothing_twice_that_was_finished() {
    let hub = hub().await;
    let folder = made(&hub).await;
    let at = folder.path();
    let site = FakeRegistry::start().await;
    site.with(|state| state.faults.rate = Some(600_000));
    let push = ["push", "platform.tar", "--registry", &site.host, "--json"];
    let mut child =
        command(at, &push).stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
    let begun = std::time::Instant::now();
    while site.with(|state| state.blobs.len()) < 4 {
        assert!(begun.elapsed() < Duration::from_secs(60) && child.try_wait().unwrap().is_none());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // Its own signal and no chance to do anything about it.
    child.start_kill().unwrap();
    child.wait().await.unwrap();
    let journals = pushes(at);
    assert!(!journals.is_empty());
    for path in journals {
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{}", path.display());
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    let (finished, seen) = site.with(|state| {
        state.faults.rate = None;
        (state.blobs.keys().copied().collect::<Vec<_>>(), state.seen.len())
    });
    assert!(!finished.contains(&large()), "it was killed in the middle");
    let (out, _) = ok(at, &push).await;
    assert!(out.lines().last().unwrap().contains("\"pushed\""), "{out}");
    let large = large().to_string();
    let half = |line: &str| line.contains("\"half_sent\"") && line.contains(&large);
    assert!(out.lines().any(half), "whether it resumes is told: {out}");
    site.with(|state| {
        let again = state.seen[seen..].iter().filter(|seen| seen.method == "PUT" || seen.method == "PATCH");
        let again: Vec<&String> = again.map(|seen| &seen.path).collect();
        for digest in &finished {
            let sent = again.iter().any(|path| path.contains("/uploads/") && path.contains(&digest.hex()));
            assert!(!sent, "{digest} was sent again: {again:?}");
        }
        assert_eq!((state.repository("x/multi").tags.len(), state.repository("y/one").tags.len()), (2, 1));
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ctrl_c_ends_a_push_in_order() {
    let hub = hub().await;
    let folder = made(&hub).await;
    let site = FakeRegistry::start().await;
    site.with(|state| state.faults.rate = Some(300_000));
    let push = ["push", "platform.tar", "--registry", &site.host];
    let child = command(folder.path(), &push).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap()).unwrap();
    let begun = std::time::Instant::now();
    while site.with(|state| state.count("PUT", "/uploads/")) == 0 {
        assert!(begun.elapsed() < Duration::from_secs(60));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let ended = child.wait_with_output().await.unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(ended.status.code() == Some(6) && said.contains("run the same command again to resume"), "{said}");
    site.with(|state| assert!(state.repositories.values().all(|one| one.tags.is_empty())));
}
