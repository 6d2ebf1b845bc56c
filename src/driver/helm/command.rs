//! The Helm commands that windlass runs.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::history::{Recorded, parse_history};
use super::{FailureKind, FindError, FindHelm, HelmError, HelmVersion};
use crate::driver::process::{self, Environment, PrivateDir, ProcessError, Spec, StderrLine};
use crate::model::cluster::ReleaseKey;

/// After SIGTERM Helm records the release as failed, which takes it one or two calls to the API.
const GRACE: Duration = Duration::from_secs(30);

/// For commands that only read.
const READ_DEADLINE: Duration = Duration::from_secs(60);

/// Rendering is local: a chart that takes longer than this does not end.
const RENDER_DEADLINE: Duration = Duration::from_secs(120);

/// Helm's own limit for a rendered release is 1 MiB compressed.
const MANIFEST_CAP: usize = 64 * 1024 * 1024;

/// Which cluster: a kubeconfig file and a context in it, never what the user's environment says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KubeTarget {
    /// The kubeconfig file.
    pub kubeconfig: PathBuf,
    /// The context's name.
    pub context: String,
}

/// `helm upgrade --install`.
#[derive(Debug, Clone)]
pub struct Upgrade {
    /// Name and namespace. The namespace must exist: its labels are ours, not Helm's.
    pub release: ReleaseKey,
    /// A folder or a packed chart.
    pub chart: PathBuf,
    /// All of the user's values; they are given through stdin.
    pub values: Value,
    /// Kept in the release's record.
    pub description: String,
    /// For each operation and hook, and for all of it.
    pub timeout: Duration,
    /// How many revisions are kept.
    pub history_max: u32,
}

impl Upgrade {
    /// With five revisions of history and five minutes of time.
    #[must_use]
    pub fn new(release: ReleaseKey, chart: impl Into<PathBuf>, values: Value, description: impl Into<String>) -> Self {
        Self {
            release,
            chart: chart.into(),
            values,
            description: description.into(),
            timeout: Duration::from_secs(300),
            history_max: 5,
        }
    }
}

/// `helm template`: rendering without a cluster.
#[derive(Debug, Clone)]
pub struct Template {
    /// Name and namespace.
    pub release: ReleaseKey,
    /// A folder or a packed chart.
    pub chart: PathBuf,
    /// All of the user's values.
    pub values: Value,
    /// What the chart sees as the cluster's version, such as `v1.34.4`; otherwise Helm's default.
    pub kube_version: Option<String>,
    /// What the chart sees beside the built-in API versions, such as `monitoring.coreos.com/v1`: on a cluster Helm
    /// sees all that it serves, so that a chart which asks renders the same only if these are given.
    pub api_versions: Vec<String>,
    /// Whether the chart sees an upgrade.
    pub is_upgrade: bool,
}

/// One Helm binary with an environment of its own. Cheap to clone; clones share the private folder, which goes with
/// the last of them.
#[derive(Debug, Clone)]
pub struct Helm {
    binary: PathBuf,
    version: HelmVersion,
    home: Arc<PrivateDir>,
    target: Option<KubeTarget>,
}

impl Helm {
    /// Finds a Helm, asks for its version and checks it.
    ///
    /// # Errors
    /// When there is none, it does not answer, or its version is not supported; each says what to do.
    pub async fn find(places: &FindHelm) -> Result<Self, FindError> {
        let binary = places.locate()?;
        let home = Arc::new(PrivateDir::new().map_err(FindError::Dir)?);
        let mut spec = Spec::new(&binary).args(["version", "--template", "{{.Version}}"]);
        spec.env = environment(home.path());
        let output = process::run(spec, &CancellationToken::new())
            .await
            .map_err(|source| FindError::Probe { helm: binary.clone(), source })?;
        let version = HelmVersion::parse(&String::from_utf8_lossy(&output.stdout))
            .and_then(|version| version.check().map(|()| version))
            .map_err(|source| FindError::Version { helm: binary.clone(), source })?;
        Ok(Self { binary, version, home, target: None })
    }

    /// The same Helm, for this cluster.
    #[must_use]
    pub fn for_target(mut self, target: KubeTarget) -> Self {
        self.target = Some(target);
        self
    }

    /// Where it is.
    #[must_use]
    pub fn binary(&self) -> &Path {
        &self.binary
    }

    /// Its version.
    #[must_use]
    pub fn version(&self) -> HelmVersion {
        self.version
    }

    /// Installs or upgrades a release. It does not wait for what it sends to become ready (`--wait` is never given):
    /// readiness is watched by the kube driver. `on_line` gets Helm's stderr.
    ///
    /// # Errors
    /// When Helm fails, with what it recorded; when it is cancelled or out of time. A cancelled Helm gets the time to
    /// record the release as failed.
    pub async fn upgrade(
        &self,
        upgrade: &Upgrade,
        on_line: Option<StderrLine>,
        cancel: &CancellationToken,
    ) -> Result<(), HelmError> {
        let verb = "upgrade";
        let mut spec = self.on_cluster(verb, &upgrade.release, upgrade_args(upgrade, self.version))?;
        spec.stdin = Some(values_json(&upgrade.release, &upgrade.values)?);
        spec.deadline = upgrade.timeout;
        spec.on_stderr_line = on_line;
        match process::run(spec, cancel).await {
            Ok(_) => Ok(()),
            Err(source @ ProcessError::Failed { .. }) => {
                // Helm exits with 1 whatever happened; its record shows whether a revision was created at all.
                let recorded = self.recorded(&upgrade.release, cancel).await.ok().flatten().map(Box::new);
                Err(failed(verb, &upgrade.release, recorded, source))
            }
            Err(source) => Err(failed(verb, &upgrade.release, None, source)),
        }
    }

    /// Uninstalls a release. One that does not exist counts as uninstalled.
    ///
    /// # Errors
    /// When Helm fails, is cancelled or out of time.
    pub async fn uninstall(
        &self,
        release: &ReleaseKey,
        keep_history: bool,
        timeout: Duration,
        on_line: Option<StderrLine>,
        cancel: &CancellationToken,
    ) -> Result<(), HelmError> {
        let verb = "uninstall";
        let mut args = words(["uninstall", &release.name, "--namespace", &release.namespace, "--ignore-not-found"]);
        args.extend(words(["--timeout", &seconds(timeout)]));
        if keep_history {
            args.push("--keep-history".into());
        }
        let mut spec = self.on_cluster(verb, release, args)?;
        spec.deadline = timeout;
        spec.on_stderr_line = on_line;
        process::run(spec, cancel).await.map(drop).map_err(|source| failed(verb, release, None, source))
    }

    /// Goes back to a revision, which is how a killed upgrade is fixed.
    ///
    /// # Errors
    /// When Helm fails, is cancelled or out of time.
    pub async fn rollback(
        &self,
        release: &ReleaseKey,
        revision: u32,
        timeout: Duration,
        cancel: &CancellationToken,
    ) -> Result<(), HelmError> {
        let verb = "roll back";
        let revision = revision.to_string();
        let mut args = words(["rollback", &release.name, &revision, "--namespace", &release.namespace]);
        args.extend(words(["--history-max", "5", "--timeout", &seconds(timeout)]));
        let mut spec = self.on_cluster(verb, release, args)?;
        spec.deadline = timeout;
        process::run(spec, cancel).await.map(drop).map_err(|source| failed(verb, release, None, source))
    }

    /// Renders a chart without asking any cluster. Hooks and tests are omitted, as in a release's record.
    ///
    /// # Errors
    /// When the chart or the values are not valid.
    pub async fn template(&self, template: &Template, cancel: &CancellationToken) -> Result<String, HelmError> {
        let verb = "render";
        let release = &template.release;
        let mut spec = Spec::new(&self.binary).args(template_args(template));
        // No kubeconfig at all: a chart that looks things up must not find another cluster by accident.
        spec.env = environment(self.home.path()).set("KUBECONFIG", "/dev/null");
        spec.stdin = Some(values_json(release, &template.values)?);
        spec.deadline = RENDER_DEADLINE;
        spec.stdout_cap = MANIFEST_CAP;
        let output = process::run(spec, cancel).await.map_err(|source| failed(verb, release, None, source))?;
        String::from_utf8(output.stdout).map_err(|source| HelmError::NotText { release: release.clone(), source })
    }

    /// What Helm recorded about the newest revision; `None` if there is no such release.
    ///
    /// # Errors
    /// When Helm cannot ask the cluster.
    pub async fn recorded(
        &self,
        release: &ReleaseKey,
        cancel: &CancellationToken,
    ) -> Result<Option<Recorded>, HelmError> {
        let verb = "read the history of";
        let args = words(["history", &release.name, "--namespace", &release.namespace, "--max", "1", "-o", "json"]);
        let mut spec = self.on_cluster(verb, release, args)?;
        spec.deadline = READ_DEADLINE;
        match process::run(spec, cancel).await.map_err(|source| failed(verb, release, None, source)) {
            Ok(output) => parse_history(&output.stdout)
                .map_err(|source| HelmError::Unreadable { release: release.clone(), source }),
            Err(err) if err.kind() == FailureKind::NotFound => Ok(None),
            Err(err) => Err(err),
        }
    }

    fn on_cluster(&self, verb: &'static str, release: &ReleaseKey, args: Vec<OsString>) -> Result<Spec, HelmError> {
        let Some(target) = &self.target else {
            return Err(HelmError::NoTarget { verb, release: release.clone() });
        };
        let mut spec = Spec::new(&self.binary).args(args);
        spec.args.extend(["--kubeconfig".into(), target.kubeconfig.clone().into_os_string()]);
        spec.args.extend(words(["--kube-context", &target.context]));
        spec.env = environment(self.home.path());
        spec.grace = GRACE;
        Ok(spec)
    }
}

/// Helm starts the user's credential plugins, which may be configured by any variable, so it inherits ours. Not the
/// `HELM_*` ones, which silently redirect it, nor `KUBECONFIG`, nor our own, which may hold answers. Its folders are
/// private: a shared cache races, and the user's plugins and registry logins are no part of an install.
pub(super) fn environment(home: &Path) -> Environment {
    Environment::inherited_without(&["HELM_", "KUBECONFIG", "WINDLASS_"])
        .set("HELM_CACHE_HOME", home.join("cache"))
        .set("HELM_CONFIG_HOME", home.join("config"))
        .set("HELM_DATA_HOME", home.join("data"))
        .set("HELM_REGISTRY_CONFIG", home.join("config/registry.json"))
        .set("HELM_DRIVER", "secret")
        .set("HELM_COLOR", "never")
        .set("NO_COLOR", "1")
}

pub(super) fn words<const N: usize>(words: [&str; N]) -> Vec<OsString> {
    words.into_iter().map(OsString::from).collect()
}

/// Helm reads Go durations; whole seconds, never zero, which would mean "for ever".
fn seconds(duration: Duration) -> String {
    format!("{}s", duration.as_secs().max(1))
}

fn upgrade_args(upgrade: &Upgrade, version: HelmVersion) -> Vec<OsString> {
    let release = &upgrade.release;
    let mut args = words(["upgrade", &release.name]);
    args.push(upgrade.chart.clone().into_os_string());
    // Helm would install them once and never again; they have a step of their own.
    args.extend(words(["--install", "--namespace", &release.namespace, "--create-namespace=false", "--skip-crds"]));
    // Without --reset-values, empty values would mean those of the previous revision.
    args.extend(words(["--values", "-", "--reset-values", "--description", &upgrade.description]));
    args.extend(words(["--history-max", &upgrade.history_max.to_string(), "--timeout", &seconds(upgrade.timeout)]));
    if version.major >= 4 {
        // A field that somebody edited by hand belongs to that editor; without force, an upgrade that is to fix it
        // ends in a conflict. And only server-side apply knows force, so a release made by Helm 3 changes over.
        args.extend(words(["--server-side=true", "--force-conflicts"]));
    }
    args
}

fn template_args(template: &Template) -> Vec<OsString> {
    let mut args = words(["template", &template.release.name]);
    args.push(template.chart.clone().into_os_string());
    args.extend(words(["--namespace", &template.release.namespace, "--values", "-", "--skip-tests"]));
    if let Some(version) = &template.kube_version {
        args.extend(words(["--kube-version", version]));
    }
    if !template.api_versions.is_empty() {
        args.extend(words(["--api-versions", &template.api_versions.join(",")]));
    }
    if template.is_upgrade {
        args.push("--is-upgrade".into());
    }
    args
}

/// JSON is YAML; Helm reads it as such.
fn values_json(release: &ReleaseKey, values: &Value) -> Result<Vec<u8>, HelmError> {
    serde_json::to_vec(values).map_err(|source| HelmError::Values { release: release.clone(), source })
}

fn failed(
    verb: &'static str,
    release: &ReleaseKey,
    recorded: Option<Box<Recorded>>,
    source: ProcessError,
) -> HelmError {
    let release = release.clone();
    let (failed, kind) = (matches!(source, ProcessError::Failed { .. }), FailureKind::of(source.stderr()));
    let source = Box::new(source);
    if failed {
        HelmError::Failed { verb, release, kind, recorded, source }
    } else {
        HelmError::Stopped { verb, release, source }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;
    use crate::model::cluster::ReleaseStatus;

    fn upgrade() -> Upgrade {
        Upgrade::new(ReleaseKey::new("ns", "rel"), "/chart", Value::Null, "run=1")
    }

    fn text(args: &[OsString]) -> String {
        args.join(OsStr::new(" ")).into_string().unwrap()
    }

    #[test]
    fn upgrade_never_waits_and_never_makes_namespaces() {
        let v4 = HelmVersion { major: 4, minor: 2, patch: Some(4) };
        let v3 = HelmVersion { major: 3, minor: 18, patch: Some(0) };
        let expected = "upgrade rel /chart --install --namespace ns --create-namespace=false --skip-crds --values - \
                        --reset-values --description run=1 --history-max 5 --timeout 300s";
        assert_eq!(text(&upgrade_args(&upgrade(), v3)), expected);
        assert_eq!(text(&upgrade_args(&upgrade(), v4)), format!("{expected} --server-side=true --force-conflicts"));
    }

    #[test]
    fn a_timeout_is_never_zero() {
        assert_eq!(seconds(Duration::from_millis(200)), "1s");
        assert_eq!(seconds(Duration::from_secs(90)), "90s");
    }

    #[test]
    fn helm_gets_only_our_helm_variables() {
        let env = environment(Path::new("/private"));
        let helm: Vec<_> = env.iter().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"HELM_")).collect();
        assert_eq!(helm.len(), 6, "{helm:?}");
        assert_eq!(env.get("HELM_DRIVER"), Some(OsStr::new("secret")));
        assert_eq!(env.get("PATH"), std::env::var_os("PATH").as_deref(), "plugins need it");
    }

    #[test]
    fn history_is_read() {
        let json = br#"[{"revision":2,"updated":"2026-01-01T00:00:00Z","status":"pending-upgrade","chart":"x-1","app_version":"1","description":"Preparing upgrade"}]"#;
        let recorded = parse_history(json).unwrap().unwrap();
        assert_eq!((recorded.revision, recorded.status), (2, ReleaseStatus::PendingUpgrade));
        assert_eq!(parse_history(b"[]").unwrap(), None);
        assert!(parse_history(b"Error").is_err());
    }
}
