//! The commands.

use std::path::Path;
use std::process::{Command, Output};

use windlass::model::images_lock::ImagesLock;

use super::fixture::{Site, made};

fn run(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_windlass")).arg("bundle").args(args).current_dir(folder).output().unwrap()
}

fn ok(folder: &Path, args: &[&str]) -> String {
    let ran = run(folder, args);
    let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{args:?}: {out}{err}");
    out.into_owned()
}

fn code(folder: &Path, args: &[&str]) -> (i32, String) {
    let ran = run(folder, args);
    let text = format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    (ran.status.code().unwrap(), text)
}

#[tokio::test]
async fn a_bundle_goes_through_all_commands() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let site = Site::new();
    made(&site, &at.join("platform.tar")).await;
    // From what was extracted, the same bundle again, but for what a layout does not tell: unresolved entries are resolved.
    ok(at, &["extract", "all", "platform.tar", "--to", "oci:layout"]);
    let mut lock: ImagesLock = windlass::driver::bundle::lock_of(&at.join("platform.tar")).unwrap().0;
    lock.bundle = None;
    lock.charts.clear();
    lock.files.clear();
    lock.programs.clear();
    lock.images.values_mut().for_each(|image| image.resolved = None);
    std::fs::write(at.join("images.lock"), windlass::model::yaml::to_string(&lock).unwrap()).unwrap();
    let create = ["create", "--no-programs", "--lock", "images.lock", "--layout", "layout", "--output", "again.tar"];
    let planned = ok(at, &[&create[..], &["--dry-run", "--json"]].concat());
    assert!(planned.contains("\"fetch_bytes\":") && !at.join("again.tar").exists(), "{planned}");
    ok(at, &create);
    let inspected = ok(at, &["inspect", "again.tar"]);
    assert!(inspected.contains("docker.io/x/multi:1") && inspected.contains("not signed"), "{inspected}");
    let both = ["--platform", "linux/amd64", "--platform", "linux/arm64", "--output", "both.tar"];
    let (exit, text) = code(at, &[&create[..6], &both[..]].concat());
    assert!(exit == 2 && text.contains("docker.io/x/one:2 is not made for linux/arm64"), "{exit}: {text}");
    assert!(!at.join("both.tar").exists());
    let chart = format!("sample={}", site.files.path().join("chart").display());
    ok(at, &[&create[..6], &["--output", "chart.tar", "--chart", &chart]].concat());
    let differ = ok(at, &["diff", "again.tar", "chart.tar", "--json"]);
    assert!(differ.contains("\"state\":\"new\"") && differ.contains("\"chart\""), "{differ}");
    assert!(code(at, &create).0 == 2, "it is there already");
    // Keys.
    ok(at, &["keygen", "site"]);
    ok(at, &["keygen", "other"]);
    let (exit, text) = code(at, &["verify", "platform.tar", "--key", "site.pub"]);
    assert!(exit == 8 && text.contains("not signed, but a key is pinned"), "{exit} {text}");
    ok(at, &["sign", "platform.tar", "--private-key", "site.key"]);
    let verified = ok(at, &["verify", "platform.tar", "--key", "site.pub"]);
    assert!(verified.contains("signed by the pinned key"), "{verified}");
    let (exit, text) = code(at, &["verify", "platform.tar", "--key", "other.pub"]);
    assert!(exit == 8 && text.contains("does not match the pinned key"), "{exit} {text}");
    ok(at, &[&create[..6], &["--output", "inside.tar", "--private-key", "site.key"]].concat());
    let verified = ok(at, &["verify", "inside.tar", "--key", "site.pub", "--json"]);
    assert!(verified.contains("\"state\":\"pinned\""), "{verified}");
    assert_eq!(code(at, &["verify", "inside.tar", "--key", "other.pub"]).0, 8);
    let lock = ok(at, &["sign", "inside.tar", "--print-lock"]);
    assert!(lock.starts_with("# ") && lock.contains("\nschema: 1\n"), "{lock}");
    // Parts.
    ok(at, &["split", "platform.tar", "--size", "1M", "--output", "parts/p.tar"]);
    std::fs::create_dir(at.join("b")).unwrap();
    std::fs::rename(at.join("parts/p.tar.002"), at.join("b/p.tar.002")).unwrap();
    ok(at, &["verify", "parts:b", "--key", "site.pub"]);
    ok(at, &["join", "parts", "b", "--output", "joined.tar"]);
    assert!(std::fs::read(at.join("joined.tar")).unwrap() == std::fs::read(at.join("platform.tar")).unwrap());
    // A difference.
    ok(at, &[&create[..6], &["--output", "update.tar", "--since", "again.tar", "--chart", &chart]].concat());
    ok(at, &["join", "again.tar", "update.tar", "--output", "full.tar"]);
    assert!(std::fs::read(at.join("full.tar")).unwrap() == std::fs::read(at.join("chart.tar")).unwrap());
    assert_eq!(code(at, &["join", "platform.tar", "update.tar", "--output", "x.tar"]).0, 2, "another base");
    // What it holds.
    let inventory: serde_json::Value =
        serde_json::from_str(&ok(at, &["inspect", "platform.tar", "--format", "cyclonedx"])).unwrap();
    assert_eq!((&inventory["bomFormat"], inventory["components"].as_array().unwrap().len()), (&"CycloneDX".into(), 5));
    let listed = inventory["components"].as_array().unwrap();
    let bundle = windlass::driver::bundle::Bundle::open(&[at.join("platform.tar")]).unwrap();
    let shown: serde_json::Value = serde_json::from_str(&ok(at, &["inspect", "platform.tar", "--json"])).unwrap();
    for image in shown["bundle"]["images"].as_array().unwrap() {
        let name = image["image"].as_str().unwrap();
        let about = listed.iter().find(|one| one["bom-ref"] == format!("image:{name}")).unwrap();
        let properties = about["properties"].as_array().unwrap();
        let of = |key: &str| properties.iter().find(|one| one["name"] == key).map(|one| one["value"].as_str().unwrap());
        assert_eq!(of("windlass:bytes"), Some(image["bytes"].to_string().as_str()), "{about}");
        let resolved = bundle.lock().images[name].resolved.as_ref().unwrap();
        for (platform, digest) in &resolved.platforms {
            assert_eq!(of(&format!("windlass:digest:{platform}")), Some(digest.to_string().as_str()), "{about}");
        }
    }
    let bills = ok(at, &["inspect", "platform.tar", "--sbom", "sboms"]);
    assert!(bills.contains("docker.io/x/one:2: no SBOM"), "{bills}");
    // Two of one kind about one manifest, neither in place of the other.
    let files = std::fs::read_dir(at.join("sboms")).unwrap().map(|entry| entry.unwrap().path());
    let mut versions: Vec<_> = files
        .map(|path| {
            assert!(path.to_str().unwrap().ends_with(".spdx.json"), "{path:?}");
            let document: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
            document["spdxVersion"].as_str().unwrap().to_owned()
        })
        .collect();
    versions.sort();
    assert_eq!(versions, ["SPDX-2.2", "SPDX-2.3"]);
    // A flipped byte in a blob.
    let mut bytes = std::fs::read(at.join("platform.tar")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(at.join("flipped.tar"), bytes).unwrap();
    let (exit, text) = code(at, &["verify", "flipped.tar"]);
    assert!(exit == 7 && text.contains("digest mismatch"), "{exit} {text}");
    assert_eq!(code(at, &["extract", "all", "flipped.tar", "--to", "oci:bad"]).0, 7);
    assert!(!at.join("bad").exists());
    let (exit, text) = code(at, &["extract", "x/multy:1", "platform.tar", "--to", "oci:x"]);
    assert!(exit == 2 && text.contains("did you mean `docker.io/x/multi:1`"), "{exit} {text}");
    let (exit, text) = code(at, &["create", "--lock", "images.lock", "--from", "registry.example", "--layout", "x"]);
    assert!(exit == 2 && text.contains("failed to read x"), "{exit} {text}");
}

/// At a site that has the base in its registry, the difference is all that is carried in.
#[tokio::test]
async fn install_sh_finds_windlass_in_a_difference() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let site = Site::new();
    made(&site, &at.join("platform.tar")).await;
    ok(at, &["extract", "all", "platform.tar", "--to", "oci:layout"]);
    let mut lock = windlass::driver::bundle::lock_of(&at.join("platform.tar")).unwrap().0;
    lock.bundle = None;
    lock.charts.clear();
    lock.files.clear();
    lock.programs.clear();
    std::fs::write(at.join("images.lock"), lock.to_text().unwrap()).unwrap();
    std::fs::create_dir(at.join("bin")).unwrap();
    let script = |name: &str, text: &str| {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::write(at.join(name), text).unwrap();
        std::fs::set_permissions(at.join(name), std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    script("program", "#!/bin/sh\necho \"ran $*\"\n");
    script("bin/uname", "#!/bin/sh\necho x86_64\n");
    let create = ["create", "--no-programs", "--program", "windlass@9=program", "--layout", "layout"];
    ok(at, &[&create[..], &["--output", "base.tar"]].concat());
    ok(at, &[&create[..], &["--since", "base.tar", "--output", "update.tar"]].concat());
    let size = |name: &str| std::fs::metadata(at.join(name)).unwrap().len();
    assert!(size("update.tar") < size("base.tar") / 10, "no image is carried again");
    let root = at.join("alone");
    std::fs::create_dir(&root).unwrap();
    std::fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/install.sh"), root.join("install.sh")).unwrap();
    let path = format!("{}:/usr/bin:/bin", at.join("bin").display());
    let mut command = Command::new("sh");
    command.arg("install.sh").arg("--bundle").arg(at.join("update.tar")).arg("status");
    let ran = command.current_dir(&root).env("PATH", path).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success() && out == "ran status\n", "{out}{err}");
}

/// Signed elsewhere, by what `sign --print-lock` printed: base64 as cosign writes it, kept beside or named.
#[tokio::test]
async fn a_signature_that_was_made_elsewhere_counts() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    made(&Site::new(), &at.join("platform.tar")).await;
    ok(at, &["keygen", "site"]);
    ok(at, &["keygen", "other"]);
    ok(at, &["sign", "platform.tar", "--private-key", "site.key"]);
    std::fs::rename(at.join("platform.tar.sig"), at.join("own.sig")).unwrap();
    let own = std::fs::read_to_string(at.join("own.sig")).unwrap();
    let raw = own.lines().last().unwrap();
    std::fs::write(at.join("lock.sig"), raw.rsplit(' ').next().unwrap()).unwrap();
    let (exit, text) = code(at, &["sign", "platform.tar", "--signature", "lock.sig", "--key", "other.pub"]);
    assert!(exit == 8 && text.contains("does not match the pinned key"), "{exit} {text}");
    assert!(!at.join("platform.tar.sig").exists());
    // Named, where none is beside it.
    assert_eq!(code(at, &["verify", "platform.tar", "--key", "site.pub"]).0, 8);
    let verified = ok(at, &["verify", "platform.tar", "--key", "site.pub", "--signature", "own.sig"]);
    assert!(verified.contains("signed by the pinned key"), "{verified}");
    let (exit, text) = code(at, &["verify", "platform.tar", "--key", "other.pub", "--signature", "own.sig"]);
    assert!(exit == 8 && text.contains("does not match the pinned key"), "{exit} {text}");
    let signed = ok(at, &["sign", "platform.tar", "--signature", "lock.sig", "--key", "site.pub"]);
    assert!(signed.contains("platform.tar.sig") && signed.contains("signed by"), "{signed}");
    let verified = ok(at, &["verify", "platform.tar", "--key", "site.pub"]);
    assert!(verified.contains("signed by the pinned key"), "{verified}");
}

/// One image by itself, and what is compared by locks alone.
#[tokio::test]
async fn one_image_is_extracted_and_a_lock_alone_is_compared() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    made(&Site::new(), &at.join("platform.tar")).await;
    // By the name that people write.
    let said = ok(at, &["extract", "x/one:2", "platform.tar", "--to", "oci:one"]);
    assert!(said.starts_with("one: 1 images, "), "{said}");
    let index: serde_json::Value = serde_json::from_slice(&std::fs::read(at.join("one/index.json")).unwrap()).unwrap();
    let names: Vec<_> = index["manifests"].as_array().unwrap().iter().map(|one| &one["annotations"]).collect();
    assert_eq!(names.len(), 1);
    assert_eq!(names[0]["org.opencontainers.image.ref.name"], "docker.io/x/one:2");
    let blobs = std::fs::read_dir(at.join("one/blobs/sha256")).unwrap().count();
    assert_eq!(blobs, 4, "a manifest, its configuration and two layers");
    let mut lock = windlass::driver::bundle::lock_of(&at.join("platform.tar")).unwrap().0;
    lock.bundle = None;
    lock.images.remove("docker.io/x/one:2");
    std::fs::write(at.join("older.lock"), lock.to_text().unwrap()).unwrap();
    let differ = ok(at, &["diff", "older.lock", "platform.tar"]);
    assert!(differ.contains("new      image    docker.io/x/one:2") && !differ.contains("blobs are new"), "{differ}");
    let differ: serde_json::Value =
        serde_json::from_str(&ok(at, &["diff", "platform.tar", "older.lock", "--json"])).unwrap();
    assert_eq!(differ["new_blob_bytes"], serde_json::Value::Null);
    let differences = differ["differences"].as_array().unwrap();
    assert_eq!((differences.len(), &differences[0]["state"]), (1, &"gone".into()));
}
