//! Offline bundles from one registry to another and served, by the program itself. Registries are in memory and count.

#[path = "offline/guided.rs"]
mod guided;
#[path = "offline/install.rs"]
mod install;
#[path = "offline/push.rs"]
mod push;
#[path = "offline/serve.rs"]
mod serve;

use std::path::Path;

use crate::ran::ran;
use crate::registry_server::{FakeRegistry, noise};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;
use windlass::driver::bundle::{Bundle, lock_of};
use windlass::model::images_lock::{ImageUse, ImagesLock, LockMode, LockedImage};
use windlass::model::oci::{Digest, INDEXES, MANIFESTS};

/// The images, by the names that they are locked under.
const IMAGES: [&str; 2] = ["docker.io/x/multi:1", "quay.io/y/one:2"];

/// Where the registry that they come from has them.
const HUB: &str = "hub";

fn blob(fake: &FakeRegistry, repository: &str, kind: &str, bytes: &[u8]) -> Value {
    let digest = Digest::of(bytes);
    fake.with(|state| {
        state.blobs.insert(digest, bytes.to_vec());
        state.repository(repository).blobs.insert(digest);
    });
    json!({"mediaType": kind, "digest": digest, "size": bytes.len()})
}

fn manifest(fake: &FakeRegistry, repository: &str, kind: &str, json: &Value, tag: Option<&str>) -> Value {
    let bytes = json.to_string().into_bytes();
    let (digest, size) = (Digest::of(&bytes), bytes.len());
    fake.with(|state| {
        let repository = state.repository(repository);
        repository.manifests.insert(digest, (kind.to_owned(), bytes));
        if let Some(tag) = tag {
            repository.tags.insert(tag.to_owned(), digest);
        }
    });
    json!({"mediaType": kind, "digest": digest, "size": size})
}

/// One platform of an image.
fn platform(fake: &FakeRegistry, repository: &str, architecture: &str, layers: &[Vec<u8>]) -> Value {
    let config = json!({"os": "linux", "architecture": architecture, "of": repository}).to_string();
    let config = blob(fake, repository, "application/vnd.oci.image.config.v1+json", config.as_bytes());
    let kind = "application/vnd.oci.image.layer.v1.tar+gzip";
    let layers: Vec<Value> = layers.iter().map(|bytes| blob(fake, repository, kind, bytes)).collect();
    let json = json!({"schemaVersion": 2, "mediaType": MANIFESTS[0], "config": config, "layers": layers});
    let mut made = manifest(fake, repository, MANIFESTS[0], &json, None);
    made["platform"] = json!({"os": "linux", "architecture": architecture});
    made
}

/// A signature: beside its subject by a tag, or by naming it.
fn signature(fake: &FakeRegistry, repository: &str, subject: &Value, by_tag: bool) {
    let config = blob(fake, repository, "application/vnd.oci.empty.v1+json", b"{}");
    let layer =
        blob(fake, repository, "application/vnd.dev.cosign.simplesigning.v1+json", subject.to_string().as_bytes());
    let mut json = json!({"schemaVersion": 2, "mediaType": MANIFESTS[0], "config": config, "layers": [layer]});
    if by_tag {
        let tag = format!("{}.sig", subject["digest"].as_str().unwrap().replace(':', "-"));
        manifest(fake, repository, MANIFESTS[0], &json, Some(&tag));
    } else {
        json["artifactType"] = json!("application/vnd.signature");
        json["subject"] =
            json!({"mediaType": subject["mediaType"], "digest": subject["digest"], "size": subject["size"]});
        manifest(fake, repository, MANIFESTS[0], &json, None);
    }
}

/// Two images of two platforms, which share a layer; the larger is signed in both ways.
pub(crate) async fn hub() -> FakeRegistry {
    let fake = FakeRegistry::start().await;
    let shared = noise(1, 300_000);
    for (repository, tag, seed, size) in [("x/multi", "1", 2, 3_000_000), ("y/one", "2", 3, 200_000)] {
        let repository = format!("{HUB}/{repository}");
        let amd = platform(&fake, &repository, "amd64", &[shared.clone(), noise(seed, size)]);
        let arm = platform(&fake, &repository, "arm64", &[shared.clone(), noise(seed + 10, 1000)]);
        let json = json!({"schemaVersion": 2, "mediaType": INDEXES[0], "manifests": [amd, arm]});
        let index = manifest(&fake, &repository, INDEXES[0], &json, Some(tag));
        if seed == 2 {
            signature(&fake, &repository, &index, true);
            signature(&fake, &repository, &amd, false);
        }
    }
    fake
}

/// The largest layer, which only `x/multi` has.
fn large() -> Digest {
    Digest::of(&noise(2, 3_000_000))
}

fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_windlass"));
    command.env_clear().env("HOME", folder).env("PATH", "/usr/bin:/bin").current_dir(folder).arg("bundle").args(args);
    command.kill_on_drop(true);
    command
}

/// Runs it: its exit code, stdout and stderr.
async fn run(folder: &Path, args: &[&str]) -> (i32, String, String) {
    ran(command(folder, args)).await
}

async fn ok(folder: &Path, args: &[&str]) -> (String, String) {
    let (code, out, err) = run(folder, args).await;
    assert_eq!(code, 0, "{args:?}: {out}{err}");
    (out, err)
}

fn write_lock(folder: &Path, lock: &ImagesLock) {
    std::fs::write(folder.join("images.lock"), lock.to_text().unwrap()).unwrap();
}

/// A folder with `images.lock`, unresolved, and `platform.tar`, made from a hub.
pub(crate) async fn made(hub: &FakeRegistry) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut lock = ImagesLock::default();
    for name in IMAGES {
        let used = ImageUse { component: "sample".into(), at: "images.x".into(), profiles: [].into() };
        lock.images.insert(name.to_owned(), LockedImage { resolved: None, used_by: [used].into() });
    }
    write_lock(folder.path(), &lock);
    let from = format!("{}/{HUB}", hub.host);
    let both = ["--platform", "linux/amd64", "--platform", "linux/arm64", "--no-programs", "--output", "platform.tar"];
    let (_, err) = ok(folder.path(), &[&["create", "--from", &from], &both[..]].concat()).await;
    assert!(err.contains(&format!("registry {}: direct", hub.host)) && err.contains("./images.lock"), "{err}");
    folder
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_platform_of_a_locked_index_is_its_manifest_alone() {
    let hub = hub().await;
    let folder = made(&hub).await;
    let at = folder.path();
    let mut lock = lock_of(&at.join("platform.tar")).unwrap().0;
    assert!(lock.images.values().all(|image| image.resolved.as_ref().unwrap().mode == LockMode::Index));
    assert_eq!(lock.images[IMAGES[0]].resolved.as_ref().unwrap().attached.len(), 2, "both signatures");
    lock.bundle = None;
    write_lock(at, &lock);
    // The tag moves on, and the pinned list is still what counts.
    hub.with(|state| _ = state.repository("hub/x/multi").tags.remove("1"));
    let from = format!("{}/{HUB}", hub.host);
    let one = ["--platform", "linux/arm64", "--no-programs", "--output", "arm.tar"];
    ok(at, &[&["create", "--from", &from], &one[..]].concat()).await;
    let bundle = Bundle::open(&[at.join("arm.tar")]).unwrap();
    for (name, image) in &bundle.lock().images {
        let (found, was) = (image.resolved.as_ref().unwrap(), lock.images[name].resolved.as_ref().unwrap());
        assert_eq!((found.mode, found.digest), (LockMode::Manifest, was.platforms["linux/arm64"]), "{name}");
    }
    assert!(bundle.place(large()).is_err(), "what the other platform needs is not in it");
    let other = ["--platform", "linux/s390x", "--no-programs", "--output", "s390x.tar"];
    let (code, _, err) = run(at, &[&["create", "--from", &from], &other[..]].concat()).await;
    assert!(code == 2 && err.contains("is not made for linux/s390x"), "{code} {err}");
}

/// A mirror that answers wrongly where it has no signatures is asked for none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signatures_are_not_asked_for_where_they_are_not_wanted() {
    let hub = hub().await;
    let folder = made(&hub).await;
    let at = folder.path();
    hub.with(|state| state.faults.no_signatures = true);
    let from = format!("{}/{HUB}", hub.host);
    let create = ["create", "--from", &from, "--no-programs", "--output", "bare.tar"];
    let (code, _, err) = run(at, &create).await;
    assert!(code == 4 && !at.join("bare.tar").exists(), "{code} {err}");
    ok(at, &[&create[..], &["--without-signatures"]].concat()).await;
    let bare = lock_of(&at.join("bare.tar")).unwrap().0;
    assert!(bare.images.values().all(|image| image.resolved.as_ref().unwrap().attached.is_empty()));
    // Those that a resolved lock has are omitted as well.
    let mut lock = lock_of(&at.join("platform.tar")).unwrap().0;
    lock.bundle = None;
    assert!(lock.images.values().any(|image| !image.resolved.as_ref().unwrap().attached.is_empty()));
    write_lock(at, &lock);
    let both = ["--platform", "linux/amd64", "--platform", "linux/arm64", "--without-signatures"];
    let again = ["create", "--from", &from, "--no-programs", "--output", "again.tar"];
    ok(at, &[&again[..], &both].concat()).await;
    let again = lock_of(&at.join("again.tar")).unwrap().0;
    assert!(again.images.values().all(|image| image.resolved.as_ref().unwrap().attached.is_empty()));
}

/// Ctrl-C, and a fetch that fails: what was fetched is kept, that is said, and the same command resumes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_stopped_or_fails_resumes_by_the_same_command() {
    let hub = hub().await;
    let folder = made(&hub).await;
    let at = folder.path();
    let from = format!("{}/{HUB}", hub.host);
    let create = ["create", "--from", &from, "--no-programs", "--output", "stopped.tar"];
    hub.with(|state| state.faults.hangs = Some(large()));
    let mut command = command(at, &create);
    let child = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let journal = at.join("stopped.tar.partial.journal");
    // All others have to be there; in the end this is the one that is waited for.
    let done = || std::fs::read_to_string(&journal).unwrap_or_default().matches(" done\n").count();
    let asked = || hub.with(|state| state.count("GET", &format!("/blobs/{}", large())));
    for _ in 0..600 {
        if asked() > 0 && done() > 5 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let pid = child.id().unwrap().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let ended = child.wait_with_output().await.unwrap();
    let err = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(6), "{err}");
    assert!(err.contains("stopped; run the same command again to resume"), "{err}");
    assert!(journal.exists() && !at.join("stopped.tar").exists());
    hub.with(|state| {
        state.faults.hangs = None;
        state.repository("hub/x/multi").blobs.remove(&large());
    });
    let (code, _, err) = run(at, &create).await;
    assert!(code == 5 && err.contains("fetched data is kept: run the same command again to resume"), "{code} {err}");
    hub.with(|state| _ = state.repository("hub/x/multi").blobs.insert(large()));
    // Of what is still to be fetched, that which is there is no part.
    let (plan, _) = ok(at, &[&create[..], &["--dry-run", "--json"]].concat()).await;
    let plan: Value = serde_json::from_str(plan.lines().next().unwrap()).unwrap();
    assert_eq!(plan["plan"]["fetch_bytes"], 3_000_000, "{plan}");
    let (said, _) = ok(at, &create).await;
    assert!(said.contains("were already present") && at.join("stopped.tar").exists(), "{said}");
    // Before anything is written there is nothing to resume; and a trial ends as the real one would.
    let nowhere = ["create", "--from", &from, "--no-programs", "--output", "/proc/full.tar", "--dry-run"];
    let (code, _, err) = run(at, &nowhere).await;
    assert!(code == 11 && err.contains("to fetch") && err.contains("not enough space on /proc"), "{code} {err}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn charts_and_files_are_the_catalogs_and_those_of_the_lock() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let mut lock = windlass::lock::embedded().unwrap();
    lock.images.clear();
    write_lock(at, &lock);
    let (_, err) = ok(at, &["create", "--no-programs", "--output", "charts.tar"]).await;
    assert!(err.contains("is not published and not in the offline bundle"), "{err}");
    let found = lock_of(&at.join("charts.tar")).unwrap().0;
    assert!(found.charts.keys().eq(lock.charts.keys()) && found.files.keys().eq(lock.files.keys()));
    assert!(found.charts.values().all(|chart| chart.size.is_some_and(|size| size > 1000)));
    // Twice the same bytes.
    ok(at, &["create", "--no-programs", "--output", "again.tar"]).await;
    assert!(std::fs::read(at.join("charts.tar")).unwrap() == std::fs::read(at.join("again.tar")).unwrap());
    // Another chart than the lock's is no part of it.
    let (id, chart) = lock.charts.iter_mut().next().unwrap();
    chart.digest = Digest::of(b"another").to_string();
    let id = id.clone();
    write_lock(at, &lock);
    let (code, _, err) = run(at, &["create", "--no-programs", "--output", "other.tar"]).await;
    assert!(code == 2 && err.contains(&format!("the chart of {id}: ")), "{code} {err}");
    // A Helm goes along unless that is said otherwise.
    let (code, _, err) = run(at, &["create", "--output", "other.tar"]).await;
    assert!(code != 0 && !at.join("other.tar").exists(), "{err}");
}

/// Where there is no Helm, neither in WINDLASS_HELM nor on PATH, nothing is tried.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_is_resolved_by_a_registry_that_mirrors() {
    let Some(helm) = crate::real_helm::helm() else { return };
    let built_in = windlass::lock::embedded().unwrap();
    let of_redis = |image: &LockedImage| image.used_by.iter().any(|one| one.component == "redis");
    let (name, _) = built_in.images.iter().find(|(_, image)| of_redis(image)).unwrap();
    let (path, tag) = name.strip_prefix("docker.io/").unwrap().split_once(':').unwrap();
    let hub = FakeRegistry::start().await;
    let repository = format!("{HUB}/{path}");
    let amd = platform(&hub, &repository, "amd64", &[noise(1, 1000)]);
    let list = json!({"schemaVersion": 2, "mediaType": INDEXES[0], "manifests": [amd]});
    let list = manifest(&hub, &repository, INDEXES[0], &list, Some(tag));
    signature(&hub, &repository, &list, true);
    let folder = tempfile::tempdir().unwrap();
    for (args, mode, digest) in [
        (&[][..], LockMode::Index, &list["digest"]),
        (&["--platform", "linux/amd64"], LockMode::Manifest, &amd["digest"]),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_windlass"));
        command.env_clear().env("HOME", folder.path()).env("PATH", "/usr/bin:/bin").env("WINDLASS_HELM", &helm);
        command.current_dir(folder.path()).args(["lock", "--components", "redis", "--from"]);
        let ran = command.arg(format!("{}/{HUB}", hub.host)).args(args).output().await.unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
        assert!(ran.status.success() && said.contains(&format!("registry {}: direct", hub.host)), "{said}");
        let lock = lock_of(&folder.path().join("images.lock")).unwrap().0;
        let found = lock.images[name].resolved.as_ref().unwrap();
        assert_eq!((found.mode, &json!(found.digest)), (mode, digest));
        assert_eq!(found.attached.is_empty(), mode == LockMode::Manifest, "only the list is signed");
    }
}
