//! What is refused, and what it says.

use std::path::Path;

use tar::EntryType::{Block, Char, Fifo, Link, Regular, Symlink};
use windlass::model::images_lock::{ImageUse, ImagesLock, LockMode, LockedImage, ResolvedImage};

use super::*;

/// Builds with a release that was written; the code and what is said. Nothing may be left of it.
async fn refused(at: &Path, hub: &FakeRegistry, args: &[&str]) -> (i32, String) {
    let from = format!("{}/hub", hub.host);
    let (code, out, err) = run(at, &[&["image", "build", "livy", "--from", &from], args].concat()).await;
    assert!(leftovers(at).is_empty(), "{args:?}: {:?}", leftovers(at));
    (code, format!("{out}{err}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_archives_are_refused_by_what_is_wrong_with_them() {
    let hub = hub().await;
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let whole = |extra: &[u8]| {
        let mut bytes = tar_of(&release());
        bytes.truncate(bytes.len() - 1024);
        bytes.extend_from_slice(extra);
        bytes.extend([0; 1024]);
        bytes
    };
    for (name, content, kind, told) in [
        ("../evil", "x", Regular, "`../evil` leads outside the archive"),
        ("x/../../evil", "x", Regular, "leads outside the archive"),
        ("/etc/cron.d/evil", "x", Regular, "`/etc/cron.d/evil` leads outside the archive"),
        ("x\\..\\evil", "x", Regular, "leads outside the archive"),
        ("x/evil", "../../../etc/passwd", Symlink, "`x/evil` is a link that leads outside the archive"),
        ("x/evil", "/etc/passwd", Symlink, "`x/evil` is a link that leads outside the archive"),
        ("x/evil", "/etc/passwd", Link, "`x/evil` is a link that leads outside the archive"),
        ("x/evil", "nowhere", Link, "`x/evil` is a link that leads outside the archive"),
        ("x/evil", "", Fifo, "`x/evil` is a link or not a file"),
        ("x/evil", "", Block, "`x/evil` is a link or not a file"),
        ("x/evil", "", Char, "`x/evil` is a link or not a file"),
        ("apache-livy-0.9.0-incubating_2.12-bin/./LICENSE", "x", Regular, "duplicate entry"),
        ("apache-livy-0.9.0-incubating_2.12-bin/LICENSE/x", "x", Regular, "is below a file or a link"),
        ("apache-livy-0.9.0-incubating_2.12-bin/jars/latest.jar/x", "x", Regular, "is below a file or a link"),
        ("apache-livy-0.9.0-incubating_2.12-bin/jars", "x", Regular, "duplicate entry"),
        ("x/.wh.passwd", "", Regular, "would remove files of the base image"),
        ("x/.wh..wh..opq/y", "", Regular, "would remove files of the base image"),
    ] {
        let mut extra = Vec::new();
        entry(&mut extra, name, content.as_bytes(), 0o644, kind);
        std::fs::write(at.join("livy.tgz"), gzip(&whole(&extra))).unwrap();
        let (code, text) = refused(at, &hub, &["--dist", "livy.tgz", "--to", "oci:out"]).await;
        assert!(code == 2 && text.contains(told) && text.contains("livy.tgz"), "{name} -> {content}: {code} {text}");
        assert!(!at.join("out").exists());
    }
    let zips = [
        (vec![("../evil".to_owned(), b"x".to_vec(), 0o644)], "leads outside the archive"),
        (vec![("x/evil".to_owned(), b"../../etc".to_vec(), 0o120_777)], "is a link that leads outside"),
        (vec![("zeros".to_owned(), vec![0; 20 << 20], 0o644)], "possible archive bomb"),
    ];
    for (files, told) in zips {
        std::fs::write(at.join("livy.zip"), zip_of(&files)).unwrap();
        let (code, text) = refused(at, &hub, &["--dist", "livy.zip", "--to", "oci:out"]).await;
        assert!(code == 2 && text.contains(told), "{told}: {code} {text}");
    }
    // Many names of one large file are as many files in a layer.
    let mut links = Vec::new();
    entry(&mut links, "a/large", &noise(3, 1 << 20), 0o644, Regular);
    (0..1700).for_each(|at| entry(&mut links, &format!("a/{at}"), b"a/large", 0o644, Link));
    links.extend([0; 1024]);
    std::fs::write(at.join("livy.tar"), gzip(&links)).unwrap();
    let (code, text) = refused(at, &hub, &["--dist", "livy.tar", "--to", "oci:out"]).await;
    assert!(code == 2 && text.contains("possible archive bomb"), "{code} {text}");
    // What is no archive, or not all of one.
    let zip = zip_of(&release());
    for (bytes, told) in [
        (&b"<html>not found</html>"[..], "not an archive"),
        (&zip[..zip.len() / 2], "damaged, truncated or not an archive"),
        (&gzip(&tar_of(&release()))[..20_000], "damaged, truncated or not an archive"),
        (b"\xfd7zXZ\0rest", "xz, bzip2 and zstd are not supported"),
        (b"", "damaged, truncated or not an archive"),
    ] {
        std::fs::write(at.join("livy.zip"), bytes).unwrap();
        let (code, text) = refused(at, &hub, &["--dist", "livy.zip", "--to", "oci:out"]).await;
        assert!(code == 2 && text.contains(told), "{told}: {code} {text}");
    }
    let (code, text) = refused(at, &hub, &["--dist", ".", "--to", "oci:out"]).await;
    assert!(code == 2 && text.contains("it is a folder"), "{code} {text}");
    let (code, text) = refused(at, &hub, &["--dist", "gone.zip", "--to", "oci:out"]).await;
    assert!(code == 2 && text.contains("gone.zip"), "{code} {text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_fit_together_is_told_with_what_helps() {
    let hub = hub().await;
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    std::fs::write(at.join("livy.zip"), zip_of(&release())).unwrap();
    let dist = ["--dist", "livy.zip", "--to", "oci:out"];
    // Another release than the file names.
    let older = [&dist[..], &["--build-arg", "LIVY_VERSION=0.8.0-incubating"]].concat();
    let (code, text) = refused(at, &hub, &older).await;
    let told = "`jars/livy-server-0.8.0-incubating.jar` not found in livy.zip; the closest is `jars/livy-server-0.9.0-incubating.jar`";
    assert!(code == 2 && text.contains("livy/image/Containerfile:25:1: ") && text.contains(told), "{code} {text}");
    // For another Scala.
    let scala: Vec<File> =
        release().into_iter().map(|(path, content, mode)| (path.replace("2.12", "2.11"), content, mode)).collect();
    std::fs::write(at.join("other.zip"), zip_of(&scala)).unwrap();
    let (code, text) = refused(at, &hub, &["--dist", "other.zip", "--to", "oci:out"]).await;
    assert!(code == 2 && text.contains("`repl_2.12-jars/livy-repl_2.12-0.9.0-incubating.jar` not found"), "{text}");
    for (args, code, told) in [
        (&["--platform", "linux/s390x"][..], 2, "is not made for linux/s390x; it has linux/amd64, linux/arm64"),
        (&["--platform", "linux"], 2, "is not a platform"),
        (&["--platform", "linux/amd64", "--platform", "linux/amd64"], 2, "is given twice"),
        (
            &["--build-arg", "SPARK_IMAGE=docker.io/apache/spark:4.0.0"],
            2,
            "the source has no docker.io/apache/spark:4.0.0",
        ),
        (&["--build-arg", "SPARK_IMAGE=A B"], 2, "invalid base image in livy/image/Containerfile: FROM `A B`"),
        (&["--build-arg", "SPARK=x"], 2, "has no such ARG; it has LIVY_VERSION, SPARK_IMAGE"),
        (&["--dist", "other=livy.zip"], 2, "nothing is copied from `other`; expected dist"),
        (&["--dist", "livy.zip"], 2, "the distribution `dist` is given twice"),
        (&["--tag", "UPPER:1"], 2, "--tag UPPER:1: "),
        (&["--tag", "site.example/livy"], 2, "expected an image with a tag"),
    ] {
        let (found, text) = refused(at, &hub, &[&dist[..], args].concat()).await;
        assert!(found == code && text.contains(told), "{args:?}: {found} {text}");
    }
    std::fs::create_dir(at.join("there")).unwrap();
    let (code, text) = refused(at, &hub, &["--dist", "livy.zip", "--to", "oci:there"]).await;
    assert!(code == 2 && text.contains("there already exists: remove it, or choose another folder"), "{code} {text}");
    let (code, text) = refused(at, &hub, &["--dist", "livy.zip", "--to", "docker://x"]).await;
    assert!(code == 2 && text.contains("expected oci: and a folder"), "{code} {text}");
    let (code, text) = refused(at, &hub, &["--dist", "livy.zip", "--to", "registry:livy"]).await;
    assert!(code == 2 && text.contains("expected a registry, a path and a tag"), "{code} {text}");
    let (code, _, err) = run(at, &["image", "build", "hdfs", "--dist", "livy.zip", "--to", "oci:out"]).await;
    assert!(code == 2 && err.contains("no image with a Containerfile; available: "), "{err}");
    let (code, _, err) = run(at, &["image", "build", "airflow", "--dist", "livy.zip", "--to", "oci:out"]).await;
    assert!(
        code == 2 && err.contains("airflow/image/Containerfile:") && err.contains(":1: RUN needs a container engine"),
        "{err}"
    );
    assert!(!at.join("out").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_base_is_the_one_that_the_lock_pins() {
    let hub = hub().await;
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    std::fs::write(at.join("livy.zip"), zip_of(&release())).unwrap();
    let list = hub.with(|state| state.repository(SPARK).tags["3.5.6"]);
    let child = |name: &str| {
        let found = hub.with(|state| state.repository(SPARK).manifests[&list].1.clone());
        let found: Value = serde_json::from_slice(&found).unwrap();
        let all = found["manifests"].as_array().unwrap().clone();
        let one = all.into_iter().find(|one| one["platform"]["architecture"] == name).unwrap();
        one["digest"].as_str().unwrap().parse::<Digest>().unwrap()
    };
    let write = |digest: Digest, mode| {
        let resolved = ResolvedImage {
            digest,
            media_type: INDEXES[0].to_owned(),
            size: 1,
            mode,
            platforms: [("linux/amd64".to_owned(), child("amd64"))].into(),
            attached: [].into(),
        };
        let used = ImageUse { component: "livy".into(), at: "images.spark".into(), profiles: [].into() };
        let mut lock = ImagesLock::default();
        let image = LockedImage { resolved: Some(resolved), used_by: [used].into() };
        lock.images.insert("docker.io/apache/spark:3.5.6".to_owned(), image);
        std::fs::write(at.join("images.lock"), lock.to_text().unwrap()).unwrap();
    };
    let unpinned = built(at, &hub, &["--dist", "livy.zip", "--to", "oci:unpinned"]).await;
    assert_eq!(unpinned["base"]["locked"], Value::Null);
    // The tag moves on; the lock does not.
    let moved = child("arm64");
    hub.with(|state| _ = state.repository(SPARK).tags.insert("3.5.6".to_owned(), moved));
    write(list, LockMode::Index);
    let pinned = built(at, &hub, &["--dist", "livy.zip", "--to", "oci:pinned"]).await;
    assert_eq!((&pinned["digest"], &pinned["base"]["locked"]), (&unpinned["digest"], &json!(list)));
    // A source without the list that has what it names, such as one platform's layout.
    hub.with(|state| _ = state.repository(SPARK).manifests.remove(&list));
    let one = built(at, &hub, &["--dist", "livy.zip", "--to", "oci:one"]).await;
    assert_eq!(one["digest"], unpinned["digest"]);
    // Nothing of it.
    let amd: Digest = one["images"][0]["base"].as_str().unwrap().parse().unwrap();
    hub.with(|state| assert!(state.repository(SPARK).manifests.remove(&amd).is_some()));
    let (code, text) = refused(at, &hub, &["--dist", "livy.zip", "--to", "oci:out"]).await;
    assert!(code == 2 && text.contains(&format!("as pinned by the lock, {list}")), "{code} {text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registry_that_refuses_gets_nothing_and_a_base_that_is_damaged_goes_nowhere() {
    let hub = hub().await;
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    std::fs::write(at.join("livy.zip"), zip_of(&release())).unwrap();
    let site = FakeRegistry::start().await;
    site.with(|state| state.faults.refuses = Some(Refuses::Harbor));
    let to = format!("registry:{}/platform/livy:0.9.0", site.host);
    let dist = ["--dist", "livy.zip", "--to", &to];
    let (code, text) = refused(at, &hub, &dist).await;
    assert!(code == 11 && text.contains("nothing was pushed") && text.contains("platform/livy: "), "{code} {text}");
    site.with(|state| {
        assert!(state.blobs.is_empty());
        state.faults.refuses = None;
        let other = Digest::of(b"{}");
        let repository = state.repository("platform/livy");
        repository.manifests.insert(other, (MANIFESTS[0].to_owned(), b"{}".to_vec()));
        repository.tags.insert("0.9.0".to_owned(), other);
    });
    let (code, text) = refused(at, &hub, &dist).await;
    assert!(code == 11 && text.contains("--tag-conflict keep or overwrite"), "{code} {text}");
    let made = built(at, &hub, &[&dist[..], &["--tag-conflict", "overwrite"]].concat()).await;
    assert_eq!(site.with(|state| json!(state.repository("platform/livy").tags["0.9.0"])), made["digest"]);
    // A layer of the base that is another.
    let layer = Digest::of(&noise(9, 200_000));
    hub.with(|state| state.blobs.get_mut(&layer).unwrap()[7] ^= 1);
    let (code, text) = refused(at, &hub, &["--dist", "livy.zip", "--to", "oci:out"]).await;
    assert!(code == 5 && text.contains(&format!("failed to fetch {layer} of the base")), "{code} {text}");
    assert!(!at.join("out").exists());
    // One that breaks off continues where it was.
    hub.with(|state| {
        state.blobs.get_mut(&layer).unwrap()[7] ^= 1;
        state.faults.cut_downloads = vec![50_000];
    });
    built(at, &hub, &["--dist", "livy.zip", "--to", "oci:out"]).await;
    // No registry there.
    let (code, text) = refused(at, &hub, &["--dist", "livy.zip", "--to", "registry:127.0.0.1:1/x/y:1"]).await;
    assert!(code == 4 && text.contains("127.0.0.1:1"), "{code} {text}");
}
