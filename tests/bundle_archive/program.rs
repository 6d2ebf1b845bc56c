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
    let bills = ok(at, &["inspect", "platform.tar", "--sbom", "sboms"]);
    assert!(bills.contains("spdx.json") && bills.contains("docker.io/x/one:2: no SBOM"), "{bills}");
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
