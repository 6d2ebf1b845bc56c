//! `images.lock` of the repository against its definitions, by the program itself: it renders every chart with a real Helm.
//! Where there is none, neither in WINDLASS_HELM nor on PATH, nothing is tried.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::real_helm::helm;
use serde_json::Value;

/// Runs `windlass lock` in a folder of its own.
fn lock(helm: &Path, folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_windlass"));
    command.env_clear().env("HOME", folder).env("PATH", "/usr/bin:/bin").env("WINDLASS_HELM", helm);
    command.current_dir(folder).arg("lock").args(args).output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn both(output: &Output) -> String {
    format!("{}{}", out(output), String::from_utf8_lossy(&output.stderr))
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_lock_of_the_repository_has_all_that_its_definitions_need() {
    let Some(helm) = helm() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = root().join("images.lock");
    // Written anew it is the same, byte for byte.
    let again = lock(&helm, folder.path(), &["--output", "again.lock"]);
    assert_eq!(again.status.code(), Some(0), "{}", both(&again));
    let [is, was] = [folder.path().join("again.lock"), file].map(|path| std::fs::read_to_string(path).unwrap());
    assert_eq!(is, was, "run `windlass lock` at the top level");
    assert!(again.stderr.starts_with(b"releases to render "), "what takes seconds says so: {}", both(&again));
}

#[test]
fn what_differs_is_named_with_its_place_and_the_command() {
    let Some(helm) = helm() else { return };
    let folder = tempfile::tempdir().unwrap();
    let catalog = folder.path().join("catalog");
    copy(&root().join("bundles/redis"), &catalog.join("redis"));
    let definition = catalog.join("redis/component.yaml");
    let text = std::fs::read_to_string(&definition).unwrap();
    let changed = text.replace("docker.io/library/redis:7.2-bookworm", "docker.io/library/redis:7.4-bookworm");
    assert_ne!(text, changed);
    std::fs::write(&definition, changed).unwrap();
    // An image that no list has: in a chart's ConfigMap.
    let pod = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}-jobs}\ndata:\n  pod.yaml: |\n    apiVersion: v1\n    kind: Pod\n    metadata: {name: x}\n    spec:\n      containers:\n      - {name: job, image: \"quay.io/hidden/job:1\"}\n";
    std::fs::write(catalog.join("redis/chart/templates/jobs.yaml"), pod).unwrap();
    let folder_of = catalog.display().to_string();
    let checked = lock(&helm, folder.path(), &["--check", "--catalog", &folder_of]);
    assert_eq!(checked.status.code(), Some(8), "{}", both(&checked));
    let said = out(&checked);
    for expected in [
        "new image docker.io/library/redis:7.4-bookworm\n",
        "new image quay.io/hidden/job:1\n    redis: ConfigMap/my-redis-jobs data.pod.yaml container job (default, seed, small, standard)\n",
        "gone image docker.io/library/redis:7.2-bookworm\n",
        "changed chart redis\n    was chart sha256:",
    ] {
        assert!(said.contains(expected), "{expected}\n{said}");
    }
    let command = format!("windlass --catalog '{folder_of}' lock");
    assert!(both(&checked).contains(&command), "{}", both(&checked));
    // Of this component alone, which is faster: as JSON, written, and then without a difference.
    let only = ["--catalog", &folder_of, "--components", "redis"];
    let checked = lock(&helm, folder.path(), &[&only[..], &["--check", "--json"]].concat());
    assert_eq!(checked.status.code(), Some(8), "{}", both(&checked));
    let json: Value = serde_json::from_str(&out(&checked)).unwrap();
    assert_eq!(json["command"], format!("{command} --components 'redis'"));
    let new: Vec<&Value> = json["differences"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["change"] == "new")
        .map(|one| &one["name"])
        .collect();
    assert_eq!(new, ["docker.io/library/redis:7.4-bookworm", "quay.io/hidden/job:1"]);
    let written = lock(&helm, folder.path(), &only);
    assert_eq!(written.status.code(), Some(0), "{}", both(&written));
    let why = lock(&helm, folder.path(), &["--why", "hidden/job"]);
    assert!(out(&why).contains("redis: ConfigMap/my-redis-jobs data.pod.yaml container job"), "{}", both(&why));
    let checked = lock(&helm, folder.path(), &[&only[..], &["--check"]].concat());
    assert_eq!(checked.status.code(), Some(0), "{}", both(&checked));
    assert!(
        out(&checked).starts_with("images.lock is up to date: 2 images, 2 of them unresolved"),
        "{}",
        out(&checked)
    );
}

#[test]
fn a_site_locks_what_it_installs_by_published_names() {
    let Some(helm) = helm() else { return };
    let folder = tempfile::tempdir().unwrap();
    let answers = "components: [livy]\nprofile: small\nplatform: {registry: \"harbor.site:5000/mirror\"}\nhdfs: {mode: ha}\nshared-libraries: {source: jars}\n\
                   livy: {image: harbor.site/own/livy, image_tag: \"0.9.0\"}\n";
    std::fs::write(folder.path().join("site.yaml"), answers).unwrap();
    std::fs::create_dir(folder.path().join("jars")).unwrap();
    std::fs::write(folder.path().join("jars/a.jar"), "jar").unwrap();
    let written = lock(&helm, folder.path(), &["--answers", "site.yaml", "--output", "site.lock", "--json"]);
    assert_eq!(written.status.code(), Some(0), "{}", both(&written));
    let text = std::fs::read_to_string(folder.path().join("site.lock")).unwrap();
    for expected in [
        "docker.io/apache/hadoop:3.4.1:\n",
        "docker.io/library/zookeeper:3.9.4:\n",
        "harbor.site/own/livy:0.9.0:\n",
        "  shared-libraries.source:\n",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    for absent in ["harbor.site:5000", "airflow", "unpublished"] {
        assert!(!text.contains(absent), "{absent}\n{text}");
    }
    let checked = lock(&helm, folder.path(), &["--answers", "site.yaml", "--lock", "site.lock", "--check"]);
    assert_eq!(checked.status.code(), Some(0), "{}", both(&checked));
    std::fs::write(folder.path().join("jars/b.jar"), "another").unwrap();
    let checked = lock(&helm, folder.path(), &["--answers", "site.yaml", "--lock", "site.lock", "--check"]);
    assert_eq!(checked.status.code(), Some(8), "{}", both(&checked));
    assert!(out(&checked).starts_with("changed file shared-libraries.source\n"), "{}", out(&checked));
    assert!(both(&checked).contains("windlass lock --answers 'site.yaml' --output 'site.lock'"), "{}", both(&checked));
}

/// What needs no Helm.
#[test]
fn names_are_explained_and_mistakes_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    let no_helm = folder.path().join("no-helm");
    let why = lock(&no_helm, folder.path(), &["--why", "spark"]);
    assert_eq!(why.status.code(), Some(0), "{}", both(&why));
    assert!(out(&why).starts_with("docker.io/apache/spark:3.5.6\n    unresolved: "), "{}", out(&why));
    assert!(out(&why).contains("\n    livy: images.spark\n"), "{}", out(&why));
    assert!(out(&why).contains("spark.kubernetes.container.image (default, "), "{}", out(&why));
    let why = lock(&no_helm, folder.path(), &["--why", "apache/sprak"]);
    assert_eq!(why.status.code(), Some(2));
    assert!(both(&why).contains("did you mean `docker.io/apache/spark:3.5.6`?"), "{}", both(&why));
    let why = lock(&no_helm, folder.path(), &["--json", "--why", "zookeeper"]);
    let json: Value = serde_json::from_str(&out(&why)).unwrap();
    assert_eq!(json["images"][0]["image"], "docker.io/library/zookeeper:3.9.4");
    for (args, code, said) in [
        (&["--check", "--lock", "gone.lock"][..], 2, "gone.lock not found"),
        (&["--check"], 4, "no-helm"),
        (&["--why", "x", "--lock", "gone.lock"], 2, "gone.lock not found"),
        (&["--from", "r.site", "--platform", "amd64"], 2, "`amd64` is not a platform"),
        (&["--lock", "x"], 2, "use --output"),
        (&["--check", "--why", "x"], 2, "cannot be used with"),
    ] {
        let ended = lock(&no_helm, folder.path(), args);
        assert_eq!(ended.status.code(), Some(code), "{args:?}: {}", both(&ended));
        assert!(both(&ended).contains(said), "{args:?}: {}", both(&ended));
    }
    std::fs::write(folder.path().join("images.lock"), "schema: 1\nimages: {}\nimagse: {}\n").unwrap();
    let why = lock(&no_helm, folder.path(), &["--why", "x"]);
    assert_eq!(why.status.code(), Some(2));
    assert!(both(&why).contains("images.lock:3:1: unknown key `imagse`; did you mean `images`?"), "{}", both(&why));
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap();
        match path.is_dir() {
            true => copy(&path, &to.join(name)),
            false => drop(std::fs::copy(&path, to.join(name)).unwrap()),
        }
    }
}
