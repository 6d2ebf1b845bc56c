//! The helm driver against a Helm that is a shell script: what it is given, and what comes of what it does.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use tokio_util::sync::CancellationToken;
use windlass::driver::helm::{FailureKind, FindError, FindHelm, Helm, HelmError, KubeTarget, Template, Upgrade};
use windlass::driver::process::ProcessError;
use windlass::model::cluster::{ReleaseKey, ReleaseStatus};

/// A Helm that answers `version` and otherwise does as `script` says, with `$DIR` as a place to write to.
struct Fake {
    dir: tempfile::TempDir,
}

impl Fake {
    fn new(version: &str, script: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let text = format!(
            "#!/bin/sh\nDIR={}\nif [ \"$1\" = version ]; then echo {version}; exit 0; fi\n{script}\n",
            dir.path().display()
        );
        write_program(&dir.path().join("helm"), &text);
        Self { dir }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("helm")
    }

    fn wrote(&self, name: &str) -> String {
        std::fs::read_to_string(self.dir.path().join(name)).unwrap()
    }

    async fn find(&self) -> Result<Helm, FindError> {
        Helm::find(&FindHelm { explicit: Some(self.path()), ..FindHelm::default() }).await
    }

    async fn helm(&self) -> Helm {
        let target = KubeTarget { kubeconfig: PathBuf::from("/private/kubeconfig"), context: "there".to_owned() };
        self.find().await.unwrap().for_target(target)
    }
}

/// By another process: a file that this one has open for writing is open, too, in whatever another test has just forked,
/// and a program that is open for writing anywhere cannot be started ("text file busy").
fn write_program(path: &Path, text: &str) {
    let script = "cat > \"$0\" && chmod 755 \"$0\"";
    let mut shell = std::process::Command::new("sh");
    let mut child = shell.args(["-c", script]).arg(path).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

fn key() -> ReleaseKey {
    ReleaseKey::new("apache-livy", "livy")
}

fn upgrade() -> Upgrade {
    Upgrade::new(key(), "/charts/livy", json!({"image": {"tag": "1"}}), "run=7")
}

fn never() -> CancellationToken {
    CancellationToken::new()
}

#[tokio::test]
async fn an_upgrade_is_given_by_arguments_and_stdin() {
    let fake = Fake::new("v4.2.4", "echo \"$@\" > $DIR/args; cat > $DIR/stdin");
    fake.helm().await.upgrade(&upgrade(), None, &never()).await.unwrap();
    assert_eq!(
        fake.wrote("args").trim(),
        "upgrade livy /charts/livy --install --namespace apache-livy --create-namespace=false --skip-crds --values - --reset-values \
         --description run=7 --history-max 5 --timeout 300s --server-side=true --force-conflicts \
         --kubeconfig /private/kubeconfig --kube-context there"
    );
    assert_eq!(fake.wrote("stdin"), r#"{"image":{"tag":"1"}}"#);
}

#[tokio::test]
async fn helm_3_does_not_hear_what_only_helm_4_knows() {
    let fake = Fake::new("v3.18.2+gabcdef", "echo \"$@\" > $DIR/args");
    fake.helm().await.upgrade(&upgrade(), None, &never()).await.unwrap();
    let args = fake.wrote("args");
    assert!(!args.contains("--server-side") && !args.contains("--wait"), "{args}");
}

#[tokio::test]
async fn versions_that_do_not_do_are_refused_with_the_path() {
    for (version, says) in [("v3.17.3", "too old"), ("v4.2.1", "hangs"), ("nonsense", "is this Helm?")] {
        let fake = Fake::new(version, "");
        let err = fake.find().await.unwrap_err();
        let why = std::error::Error::source(&err).unwrap().to_string();
        assert!(why.contains(says), "{why}");
        assert_eq!(err.to_string(), format!("cannot use {}", fake.path().display()));
    }
}

#[tokio::test]
async fn a_helm_that_does_not_answer_is_named() {
    let fake = Fake::new("v4.2.4", "");
    write_program(&fake.path(), "#!/bin/sh\necho no helm here >&2; exit 127\n");
    let err = fake.find().await.unwrap_err();
    assert!(matches!(&err, FindError::Probe { source: ProcessError::Failed { .. }, .. }), "{err:?}");
}

#[tokio::test]
async fn a_failure_carries_the_last_lines_and_what_was_recorded() {
    let script = r#"
        case $1 in
        history) echo '[{"revision":4,"status":"failed","description":"Upgrade failed"}]';;
        *) echo "some warning" >&2
           echo "Error: UPGRADE FAILED: another operation (install/upgrade/rollback) is in progress" >&2; exit 1;;
        esac"#;
    let fake = Fake::new("v4.2.4", script);
    let heard = Arc::new(Mutex::new(Vec::new()));
    let sink = heard.clone();
    let on_line: windlass::driver::process::StderrLine =
        Arc::new(move |l: &str| sink.lock().unwrap().push(l.to_owned()));
    let err = fake.helm().await.upgrade(&upgrade(), Some(on_line), &never()).await.unwrap_err();
    assert_eq!(err.kind(), FailureKind::Pending);
    assert_eq!(err.to_string(), "failed to upgrade release apache-livy/livy (revision 4 is failed)");
    let source = std::error::Error::source(&err).unwrap().to_string();
    assert!(source.contains("some warning | Error: UPGRADE FAILED"), "{source}");
    assert_eq!(heard.lock().unwrap().len(), 2);
    assert!(
        matches!(&err, HelmError::Failed { recorded: Some(it), .. } if it.status == ReleaseStatus::Failed),
        "{err:?}"
    );
}

#[tokio::test]
async fn a_release_that_is_not_there_has_no_record() {
    let fake = Fake::new("v4.2.4", "echo 'Error: release: not found' >&2; exit 1");
    assert_eq!(fake.helm().await.recorded(&key(), &never()).await.unwrap(), None);
}

#[tokio::test]
async fn cancelling_gives_helm_the_time_to_record_it() {
    let script =
        "trap 'sleep 0.3; echo recorded > $DIR/status; exit 1' TERM; echo going >&2; while :; do sleep 0.05; done";
    let fake = Fake::new("v4.2.4", script);
    let cancel = never();
    let stop = cancel.clone();
    let on_line: windlass::driver::process::StderrLine = Arc::new(move |_: &str| stop.cancel());
    let err = fake.helm().await.upgrade(&upgrade(), Some(on_line), &cancel).await.unwrap_err();
    assert!(err.is_cancelled(), "{err:?}");
    assert_eq!(fake.wrote("status"), "recorded\n");
}

#[tokio::test]
async fn the_deadline_is_ours() {
    let fake = Fake::new("v4.2.4", "sleep 100");
    let mut upgrade = upgrade();
    upgrade.timeout = Duration::from_secs(1);
    let err = fake.helm().await.upgrade(&upgrade, None, &never()).await.unwrap_err();
    assert_eq!(err.kind(), FailureKind::Timeout);
}

#[tokio::test]
async fn uninstalling_and_rendering() {
    let fake = Fake::new("v4.2.4", "echo \"$@\" > $DIR/$1; cat > $DIR/stdin; echo KUBECONFIG=$KUBECONFIG; echo 'a: 1'");
    let helm = fake.helm().await;
    helm.uninstall(&key(), true, Duration::from_secs(90), None, &never()).await.unwrap();
    assert_eq!(
        fake.wrote("uninstall").trim(),
        "uninstall livy --namespace apache-livy --ignore-not-found --timeout 90s --keep-history \
         --kubeconfig /private/kubeconfig --kube-context there"
    );
    let template = Template {
        release: key(),
        chart: PathBuf::from("/charts/livy"),
        values: json!({}),
        kube_version: Some("v1.34.4".to_owned()),
        api_versions: vec!["a/v1".to_owned(), "a/v1/B".to_owned()],
        is_upgrade: true,
    };
    let text = helm.template(&template, &never()).await.unwrap();
    assert_eq!(text, "KUBECONFIG=/dev/null\na: 1\n", "rendering sees no cluster");
    assert_eq!(
        fake.wrote("template").trim(),
        "template livy /charts/livy --namespace apache-livy --values - --skip-tests --kube-version v1.34.4 \
         --api-versions a/v1,a/v1/B --is-upgrade"
    );
}

/// Run by the next test in a process whose environment is hostile; nothing by itself.
#[tokio::test]
async fn child_with_a_hostile_environment() {
    let Some(copy) = std::env::var_os("WINDLASS_TEST_COPY") else { return };
    let fake = Fake::new("v4.2.4", "env > $DIR/env");
    fake.helm().await.upgrade(&upgrade(), None, &never()).await.unwrap();
    std::fs::copy(fake.dir.path().join("env"), copy).unwrap();
}

#[test]
fn the_users_helm_variables_redirect_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let copy = dir.path().join("env");
    let status = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "helm_fake::child_with_a_hostile_environment", "--quiet"])
        .env("WINDLASS_TEST_COPY", &copy)
        .env("WINDLASS_ANSWER_HDFS__PASSWORD", "secret")
        .env("HELM_NAMESPACE", "elsewhere")
        .env("HELM_DRIVER", "configmap")
        .env("HELM_KUBECONTEXT", "production")
        .env("HELM_KUBETOKEN", "t")
        .env("HELM_PLUGINS", "/home/u/plugins")
        .env("KUBECONFIG", "/home/u/.kube/config")
        .env("AWS_PROFILE", "mine")
        .env("HTTPS_PROXY", "http://proxy:3128")
        .stdout(std::process::Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    let env = std::fs::read_to_string(&copy).unwrap();
    let has = |line: &str| env.lines().any(|it| it == line);
    for name in ["HELM_NAMESPACE", "HELM_KUBECONTEXT", "HELM_KUBETOKEN", "HELM_PLUGINS", "KUBECONFIG", "WINDLASS_"] {
        assert!(!env.lines().any(|line| line.starts_with(name)), "{name} came through");
    }
    assert!(has("HELM_DRIVER=secret") && has("HELM_COLOR=never"));
    assert!(has("AWS_PROFILE=mine") && has("HTTPS_PROXY=http://proxy:3128"), "credential plugins need these");
    let home = env.lines().find_map(|line| line.strip_prefix("HELM_CACHE_HOME=")).unwrap();
    assert!(!Path::new(home).parent().unwrap().exists(), "the private folder is gone with its helm");
}
