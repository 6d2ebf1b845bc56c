//! What is made, where it goes, and that it is always the same.

use std::io::Read as _;

use flate2::read::GzDecoder;
use serde_json::json;
use windlass::driver::bundle::Bundle;
use windlass::model::images_lock::{ImageUse, ImagesLock, LockedImage};
use windlass::model::oci::{Digest, MANIFESTS};

use super::*;

/// Path, kind, mode, owner and size of each entry of a layer, and its time.
fn listed(layer: &[u8]) -> Vec<(String, char, u32, u64, u64, u64)> {
    let mut bytes = Vec::new();
    GzDecoder::new(layer).read_to_end(&mut bytes).unwrap();
    let mut archive = tar::Archive::new(bytes.as_slice());
    let entry = |entry: std::io::Result<tar::Entry<'_, _>>| {
        let entry: tar::Entry<'_, &[u8]> = entry.unwrap();
        let header = entry.header();
        let kind = match header.entry_type() {
            tar::EntryType::Directory => 'd',
            tar::EntryType::Symlink => 'l',
            _ => 'f',
        };
        let owner = (header.uid().unwrap(), header.mtime().unwrap());
        let path = entry.path().unwrap().to_string_lossy().into_owned();
        (path, kind, header.mode().unwrap(), owner.0, entry.size(), owner.1)
    };
    archive.entries().unwrap().map(entry).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn equal_releases_give_equal_images_however_they_are_packed() {
    let hub = hub().await;
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    std::fs::write(at.join("livy.zip"), zip_of(&release())).unwrap();
    // The name says nothing of how it is packed.
    std::fs::write(at.join("livy.download"), gzip(&tar_of(&release()))).unwrap();
    std::fs::write(at.join("livy.tar"), tar_of(&release())).unwrap();
    let name = "site.example:5000/platform/livy:0.9.0";
    let mut all = Vec::new();
    for (dist, to) in [("livy.zip", "a"), ("dist=livy.zip", "b"), ("livy.download", "c"), ("livy.tar", "d")] {
        let made = built(at, &hub, &["--dist", dist, "--to", &format!("oci:{to}"), "--tag", name]).await;
        assert_eq!(made["answers"]["livy.image"], "site.example:5000/platform/livy");
        assert_eq!(made["answers"]["livy.image_tag"], "0.9.0");
        assert_eq!(made["answers"]["livy.image_digest"], made["digest"]);
        assert_eq!(made["distributions"][0]["sha512"].as_str().unwrap().len(), 128);
        all.push(files(&at.join(to)));
        assert!(all[0] == *all.last().unwrap(), "{dist}");
    }
    assert!(leftovers(at).is_empty(), "{:?}", leftovers(at));
    let found = &all[0];
    let index: Value = serde_json::from_slice(&found["index.json"]).unwrap();
    assert_eq!(index["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"], name);
    assert_eq!(index["manifests"].as_array().unwrap().len(), 1, "no signature of the base is its");
    let manifest = json_blob(found, &index["manifests"][0]["digest"]);
    let layers = manifest["layers"].as_array().unwrap();
    assert_eq!((layers.len(), manifest["mediaType"].as_str()), (3, Some(MANIFESTS[0])));
    assert_eq!(layers[0]["digest"], json!(Digest::of(&noise(9, 200_000))));
    // Every blob is what its name says, and there is none more: two layers of the base, ours, config and manifest.
    let blobs: Vec<_> = found.iter().filter(|(name, _)| name.starts_with("blobs/")).collect();
    assert_eq!(blobs.len(), 5);
    assert!(blobs.iter().all(|(name, bytes)| name.ends_with(&Digest::of(bytes).hex())));
    let config = json_blob(found, &manifest["config"]["digest"]);
    let container = &config["config"];
    assert_eq!(container["Entrypoint"], json!(["/usr/bin/tini", "--", "/opt/livy/bin/livy-server"]));
    assert_eq!((&container["User"], &container["WorkingDir"]), (&json!("185:185"), &json!("/opt/livy")));
    assert_eq!(container["Env"][0], "PATH=/usr/bin:/opt/livy/bin");
    assert!(container["Env"].as_array().unwrap().contains(&json!("SPARK_HOME=/opt/spark")));
    assert_eq!(container["Labels"]["org.opencontainers.image.version"], "0.9.0-incubating");
    assert!(container.get("Cmd").is_none() && config.get("container").is_none());
    assert_eq!(container["ExposedPorts"], json!({"8998/tcp": {}}));
    let history = config["history"].as_array().unwrap();
    let with_layer = history.iter().filter(|entry| entry.get("empty_layer").is_none());
    assert_eq!((with_layer.count(), config["rootfs"]["diff_ids"].as_array().unwrap().len()), (3, 3));
    assert!(history[3]["created_by"].as_str().unwrap().starts_with("COPY --from=dist / /opt/livy/; "));
    assert_eq!(config["created"], "1980-02-01T00:00:00Z");
    // The layer: sorted, without times and owners of the archive, its modes two.
    let digest = layers[2]["digest"].as_str().unwrap().trim_start_matches("sha256:");
    let layer = &found[&format!("blobs/sha256/{digest}")];
    let mut unpacked = Vec::new();
    GzDecoder::new(layer.as_slice()).read_to_end(&mut unpacked).unwrap();
    assert_eq!(config["rootfs"]["diff_ids"][2], json!(Digest::of(&unpacked)));
    let listed = listed(layer);
    assert!(listed.iter().all(|(path, .., time)| path.starts_with("opt/livy/") && *time == 318_211_200), "{listed:?}");
    let shown: Vec<String> = listed
        .iter()
        .map(|(path, kind, mode, owner, size, _)| format!("{path} {kind} {mode:o} {owner} {size}"))
        .collect();
    let log4j = std::fs::metadata("bundles/livy/image/log4j.properties").unwrap().len();
    assert_eq!(
        shown,
        [
            "opt/livy/ d 755 0 0",
            "opt/livy/LICENSE f 644 0 7",
            "opt/livy/bin/ d 755 0 0",
            "opt/livy/bin/livy-server f 755 0 10",
            "opt/livy/conf/ d 755 0 0",
            "opt/livy/conf/livy.conf.template f 644 0 7",
            &format!("opt/livy/conf/log4j.properties f 644 0 {log4j}"),
            "opt/livy/jars/ d 755 0 0",
            "opt/livy/jars/latest.jar l 777 0 0",
            "opt/livy/jars/livy-server-0.9.0-incubating.jar f 644 0 50000",
            "opt/livy/logs/ d 755 0 0",
            "opt/livy/repl_2.12-jars/ d 755 0 0",
            "opt/livy/repl_2.12-jars/livy-repl_2.12-0.9.0-incubating.jar f 755 0 10000",
            "opt/livy/rsc-jars/ d 755 0 0",
            "opt/livy/rsc-jars/livy-rsc.jar f 644 0 0",
        ]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_pushed_once_and_comes_back_to_the_byte() {
    let hub = hub().await;
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let without_logs: Vec<File> = release().into_iter().filter(|(path, ..)| !path.ends_with('/')).collect();
    std::fs::write(at.join("livy.zip"), zip_of(&without_logs)).unwrap();
    let both = ["--dist", "livy.zip", "--platform", "linux/amd64", "--platform", "linux/arm64"];
    let made = built(at, &hub, &[&both[..], &["--to", "oci:layout"]].concat()).await;
    assert_eq!(made["images"].as_array().unwrap().len(), 2);
    assert_eq!(made["images"][0]["layer"], made["images"][1]["layer"], "one layer on two bases");
    assert_eq!(made["answers"], json!({}), "it has no name");
    let layout = files(&at.join("layout"));
    // Where logs go is the server's; all else is root's.
    let hex = made["images"][0]["layer"]["digest"].as_str().unwrap().trim_start_matches("sha256:");
    let layer = listed(&layout[&format!("blobs/sha256/{hex}")]);
    let owned: Vec<_> = layer.iter().filter(|one| one.3 != 0).map(|one| (one.0.as_str(), one.3)).collect();
    assert_eq!(owned, [("opt/livy/logs/", 185)]);
    // To another registry: the layer that both bases have is sent once.
    let site = FakeRegistry::start().await;
    let to = format!("registry:{}/platform/livy:0.9.0", site.host);
    let pushed = built(at, &hub, &[&both[..], &["--to", &to]].concat()).await;
    assert_eq!((&pushed["digest"], &pushed["media_type"]), (&made["digest"], &json!(INDEXES[0])));
    assert_eq!(pushed["answers"]["livy.image"], json!(format!("{}/platform/livy", site.host)));
    site.with(|state| {
        let repository = state.repository("platform/livy");
        assert_eq!(json!(repository.tags["0.9.0"]), made["digest"]);
        assert_eq!((repository.tags.len(), repository.manifests.len(), repository.blobs.len()), (1, 3, 6));
        for (digest, (_, bytes)) in &repository.manifests {
            assert!(layout[&format!("blobs/sha256/{}", digest.hex())] == *bytes);
        }
        for digest in repository.blobs.clone() {
            assert!(layout[&format!("blobs/sha256/{}", digest.hex())] == state.blobs[&digest]);
        }
        let sent: u64 = state.blobs.values().map(|bytes| bytes.len() as u64).sum();
        assert_eq!(state.bytes("PUT") + state.bytes("PATCH"), sent, "each once");
    });
    assert!(leftovers(at).is_empty(), "{:?}", leftovers(at));
    // Again: nothing is sent.
    let before = site.with(|state| state.count("POST", "/uploads/"));
    built(at, &hub, &[&both[..], &["--to", &to]].concat()).await;
    assert_eq!(site.with(|state| state.count("POST", "/uploads/")), before);
    // Into the registry of the base: its layers are mounted.
    let to = format!("registry:{}/platform/livy:0.9.0", hub.host);
    let beside = built(at, &hub, &[&both[..], &["--to", &to]].concat()).await;
    assert_eq!(beside["digest"], made["digest"]);
    hub.with(|state| {
        assert_eq!(json!(state.repository("platform/livy").tags["0.9.0"]), made["digest"]);
        assert_eq!(state.count("POST", "mount="), 3, "three layers of two bases");
        let ours = made["images"][0]["layer"]["bytes"].as_u64().unwrap();
        let sent = state.bytes("PUT") + state.bytes("PATCH");
        assert!(sent >= ours && sent < ours + 10_000, "the layer and two configs: {sent}");
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_layout_goes_into_an_offline_bundle_and_an_offline_bundle_gives_the_base() {
    let hub = hub().await;
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    std::fs::write(at.join("livy.zip"), zip_of(&release())).unwrap();
    // A registry that nobody reaches from here.
    let name = "registry.invalid/platform/livy:0.9.0";
    let made = built(at, &hub, &["--dist", "livy.zip", "--to", "oci:livy", "--tag", name]).await;
    let mut lock = ImagesLock::default();
    for image in [name, "docker.io/apache/spark:3.5.6"] {
        let used = ImageUse { component: "livy".into(), at: "images.x".into(), profiles: [].into() };
        lock.images.insert(image.to_owned(), LockedImage { resolved: None, used_by: [used].into() });
    }
    std::fs::write(at.join("site.lock"), lock.to_text().unwrap()).unwrap();
    let from = format!("{}/hub", hub.host);
    let args = ["bundle", "create", "--lock", "site.lock", "--layout", "livy", "--from", &from, "--no-programs"];
    ok(at, &[&args[..], &["--output", "platform.tar"]].concat()).await;
    let bundle = Bundle::open(&[at.join("platform.tar")]).unwrap();
    assert_eq!(json!(bundle.lock().images[name].resolved.as_ref().unwrap().digest), made["digest"]);
    // An offline bundle of just that image, without its base: the same digest, and other commands read it.
    let alone = ["--dist", "livy.zip", "--to", "bundle:livy.tar", "--tag", name];
    assert_eq!(built(at, &hub, &alone).await["digest"], made["digest"]);
    let single = Bundle::open(&[at.join("livy.tar")]).unwrap();
    assert_eq!(single.lock().images.keys().collect::<Vec<_>>(), [name]);
    assert!(single.lock().programs.is_empty() && single.lock().charts.is_empty());
    ok(at, &["bundle", "verify", "livy.tar"]).await;
    let site = FakeRegistry::start().await;
    ok(at, &["bundle", "push", "livy.tar", "--registry", &site.host]).await;
    let pushed = site.with(|state| state.repository("platform/livy").tags["0.9.0"]);
    assert_eq!(json!(pushed), made["digest"]);
    let args = ["bundle", "create", "--lock", "site.lock", "--layout", "livy.tar", "--from", &from, "--no-programs"];
    ok(at, &[&args[..], &["--output", "again.tar"]].concat()).await;
    assert!(std::fs::read(at.join("again.tar")).unwrap() == std::fs::read(at.join("platform.tar")).unwrap());
    let (code, _, err) = run(at, &["image", "build", "livy", "--dist", "livy.zip", "--to", "bundle:x.tar"]).await;
    assert!(code == 2 && err.contains("requires the image's name: add --tag"), "{code} {err}");
    // The base from there, with the lock of the offline bundle: the same image again, and no registry is asked.
    let args = ["image", "build", "livy", "--dist", "livy.zip", "--bundle", "platform.tar", "--lock", "platform.tar"];
    let (out, err) = ok(at, &[&args[..], &["--to", "oci:again", "--tag", name]].concat()).await;
    assert!(out.contains(made["digest"].as_str().unwrap()), "{out}");
    assert!(
        out.contains("livy.image: registry.invalid/platform/livy\nlivy.image_tag: 0.9.0\nlivy.image_digest: sha256:")
    );
    assert!(err.contains("pinned by platform.tar") && !err.contains("registry "), "{err}");
    assert!(files(&at.join("livy")) == files(&at.join("again")));
    // From a layout of the base.
    ok(at, &["bundle", "extract", "docker.io/apache/spark:3.5.6", "platform.tar", "--to", "oci:spark"]).await;
    let args =
        ["image", "build", "livy.livy", "--dist", "livy.zip", "--layout", "spark", "--to", "oci:third", "--tag", name];
    let (_, err) = ok(at, &args).await;
    assert!(err.contains("warning: images.lock does not pin docker.io/apache/spark:3.5.6"), "{err}");
    assert!(files(&at.join("livy")) == files(&at.join("third")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_can_be_made_is_listed_with_what_keeps_the_rest_from_it() {
    let folder = tempfile::tempdir().unwrap();
    let (out, _) = ok(folder.path(), &["image", "list"]).await;
    assert!(out.contains("livy.livy\n  windlass image build livy.livy --dist ARCHIVE\n"), "{out}");
    assert!(out.contains("airflow.airflow (in place of docker.io/apache/airflow:"), "{out}");
    assert!(out.contains("  needs a container engine: airflow/image/Containerfile:"), "{out}");
    let (out, _) = ok(folder.path(), &["image", "list", "--json"]).await;
    let value: Value = serde_json::from_str(&out).unwrap();
    let images = value["images"].as_array().unwrap();
    let one = |name: &str| images.iter().find(|image| image["image"] == name).unwrap();
    assert_eq!((&one("livy.livy")["buildable"], &one("livy.livy")["distributions"]), (&json!(true), &json!(["dist"])));
    assert_eq!(one("airflow.airflow")["buildable"], json!(false));
    assert!(one("airflow.airflow")["reasons"].to_string().contains("RUN needs a container engine"));
}
