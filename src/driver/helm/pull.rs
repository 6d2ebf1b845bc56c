//! `helm pull`: a chart's archive from a repository or a registry.

use std::ffi::OsString;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::Helm;
use super::command::{environment, words};
use crate::driver::process::{self, PrivateDir, PrivateDirError, ProcessError, Spec};
use crate::model::{ChartRef, ChartSource, Secret, bounded, remember, yaml};

/// Charts are small; a server slower than this counts as unreachable.
const DEADLINE: Duration = Duration::from_secs(120);

/// Helm keeps what it downloads in memory: the index of a large repository takes half of this.
const MEMORY: u64 = 2 << 30;

/// The largest repository configuration that is read.
const CONFIG: u64 = 4 << 20;

/// Why a chart was not pulled.
#[derive(Debug, thiserror::Error)]
pub enum PullError {
    /// Helm ended with an error, or was stopped.
    #[error("{}", what.describe())]
    Helm {
        /// What kind of failure.
        what: PullFailure,
        /// How it ended, with its last lines.
        source: Box<ProcessError>,
    },
    /// Helm succeeded, but left no archive, or one that cannot be read.
    #[error("failed to read the archive that helm pulled")]
    Archive(#[source] std::io::Error),
    /// The tag has another manifest by now.
    #[error("the registry has manifest {found}, expected {wanted}")]
    Manifest {
        /// The digest in the reference.
        wanted: String,
        /// The digest that Helm reports.
        found: String,
    },
    /// The folder to pull into cannot be created.
    #[error("failed to create a private folder")]
    Dir(#[from] PrivateDirError),
    /// A file for Helm cannot be written.
    #[error("failed to write a file for helm")]
    Write(#[source] std::io::Error),
    /// The chart is on this machine: a program error.
    #[error("nothing to pull")]
    Nothing,
}

/// Kinds of failure, by Helm's messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PullFailure {
    /// The repository or registry has no such chart.
    NotFound,
    /// The content does not match its digest.
    DigestMismatch,
    /// It requires a login, or refused the one that was given.
    Unauthorized,
    /// It serves plain HTTP, but TLS was requested.
    PlainHttp,
    /// It cannot be reached.
    Unreachable,
    /// None of these.
    Other,
}

impl PullFailure {
    fn of(error: &ProcessError) -> Self {
        if matches!(error, ProcessError::Deadline { .. }) {
            return Self::Unreachable;
        }
        let text = error.stderr().join("\n").to_lowercase();
        let any = |needles: &[&str]| needles.iter().any(|needle| text.contains(needle));
        if any(&["digest mismatch"]) {
            Self::DigestMismatch
        } else if any(&["gave http response to https client"]) {
            Self::PlainHttp
        } else if any(&["401", "403", "unauthorized", "credential not found", "forbidden", "denied"]) {
            Self::Unauthorized
        } else if any(&[
            "connection refused",
            "no such host",
            "i/o timeout",
            "no route to host",
            "unreachable",
            "reset by peer",
            "eof",
            "tls:",
            "x509:",
            "timeout",
            "server misbehaving",
        ]) {
            Self::Unreachable
        } else if any(&["not found", "404", "no chart version found"]) {
            Self::NotFound
        } else {
            Self::Other
        }
    }

    const fn describe(self) -> &'static str {
        match self {
            Self::NotFound => "not found",
            Self::DigestMismatch => "digest mismatch",
            Self::Unauthorized => "login required or refused; log in with `helm registry login` or `helm repo add`",
            Self::PlainHttp => {
                "the registry does not serve TLS; give it a certificate, or set platform.registry_plain_http=true if it is platform.registry"
            }
            Self::Unreachable => "cannot be reached from this machine",
            Self::Other => "helm pull failed",
        }
    }
}

/// Options of a pull.
#[derive(Debug, Clone)]
pub struct PullOptions {
    /// How long each call of Helm may take.
    pub deadline: Duration,
    /// The registry does not speak TLS.
    pub plain_http: bool,
    /// A Docker config.json with the login; without it Helm's own logins are used.
    pub login: Option<Secret>,
}

impl Default for PullOptions {
    fn default() -> Self {
        Self { deadline: DEADLINE, plain_http: false, login: None }
    }
}

impl Helm {
    /// Pulls a chart; returns the bytes of its archive. The user's own Helm logins to repositories and registries are
    /// used.
    ///
    /// # Errors
    /// It is not found, cannot be reached, requires a login, or takes too long.
    pub async fn pull(
        &self,
        chart: &ChartRef,
        options: &PullOptions,
        cancel: &CancellationToken,
    ) -> Result<Vec<u8>, PullError> {
        let dir = PrivateDir::new()?;
        let to = dir.path().join("chart");
        std::fs::create_dir(&to).map_err(PullError::Write)?;
        let home = UserHelm::of(&|name| std::env::var_os(name));
        let mut manifest = None;
        let mut args = words(["pull"]);
        let mut registry = home.registry.clone();
        match &chart.source {
            ChartSource::Path(_) => return Err(PullError::Nothing),
            ChartSource::Repository { url, name, version } => match home.entry(url) {
                None => args.extend(words([name, "--repo", url, "--version", version])),
                Some(entry) => {
                    self.add_repository(dir.path(), entry, options.deadline, cancel).await?;
                    args.extend(words([&format!("{OURS}/{name}"), "--version", version]));
                }
            },
            ChartSource::Registry { reference, version, manifest: wanted } => {
                manifest = wanted.as_deref();
                // Helm 3 takes no digest; then only the digest that it reports is compared.
                let pin = wanted.as_ref().filter(|_| self.version().major >= 4);
                args.push(
                    format!("oci://{reference}{}", pin.map(|pin| format!(":{version}@{pin}")).unwrap_or_default())
                        .into(),
                );
                if pin.is_none() {
                    args.extend(words(["--version", version]));
                }
                if options.plain_http {
                    args.push("--plain-http".into());
                }
                if let Some(login) = &options.login {
                    let path = dir.path().join("registry.json");
                    private(&path, login.expose().as_bytes()).map_err(PullError::Write)?;
                    registry = Some(path);
                }
            }
        }
        args.extend([OsString::from("--destination"), to.clone().into_os_string()]);
        let output = self.fetch(dir.path(), args, registry, options.deadline, cancel).await?;
        if let Some(wanted) = manifest {
            let text = [String::from_utf8_lossy(&output.stdout).into_owned(), output.stderr].join("\n");
            let found = text.lines().find_map(|line| line.strip_prefix("Digest: ")).unwrap_or("(not reported)").trim();
            if found != wanted {
                return Err(PullError::Manifest { wanted: wanted.to_owned(), found: found.to_owned() });
            }
        }
        archive(&to).map_err(PullError::Archive)
    }

    /// Adds a repository with a login to a file of our own: on a command line everybody could read the login.
    async fn add_repository(
        &self,
        dir: &Path,
        entry: Value,
        deadline: Duration,
        cancel: &CancellationToken,
    ) -> Result<(), PullError> {
        let text = json!({"apiVersion": "v1", "repositories": [entry]}).to_string();
        private(&dir.join(REPOSITORIES), text.as_bytes()).map_err(PullError::Write)?;
        self.fetch(dir, words(["repo", "update", OURS]), None, deadline, cancel).await.map(drop)
    }

    async fn fetch(
        &self,
        dir: &Path,
        args: Vec<OsString>,
        registry: Option<PathBuf>,
        deadline: Duration,
        cancel: &CancellationToken,
    ) -> Result<process::Output, PullError> {
        let mut spec = Spec::new(self.binary()).args(args);
        // No cluster is asked, and nothing is shared with other pulls: a shared cache races.
        spec.env = environment(dir)
            .set("KUBECONFIG", "/dev/null")
            .set("HELM_REPOSITORY_CONFIG", dir.join(REPOSITORIES))
            .set("HELM_REPOSITORY_CACHE", dir.join("repositories"));
        if let Some(registry) = registry {
            spec.env = spec.env.set("HELM_REGISTRY_CONFIG", registry);
        }
        spec.deadline = deadline;
        spec.memory = Some(MEMORY);
        process::run(spec, cancel).await.map_err(|source| {
            let what = PullFailure::of(&source);
            PullError::Helm { what, source: Box::new(source) }
        })
    }
}

/// The one repository of a file of ours.
const OURS: &str = "windlass";

/// Its file.
const REPOSITORIES: &str = "repositories.yaml";

/// Where the user's Helm keeps logins, on Linux.
struct UserHelm {
    registry: Option<PathBuf>,
    repositories: Option<PathBuf>,
}

impl UserHelm {
    fn of(variable: &dyn Fn(&str) -> Option<OsString>) -> Self {
        let path = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let home = path("HELM_CONFIG_HOME").or_else(|| {
            let config = path("XDG_CONFIG_HOME").or_else(|| Some(path("HOME")?.join(".config")))?;
            Some(config.join("helm"))
        });
        let below = |name: &str| home.as_ref().map(|home| home.join(name));
        Self {
            registry: path("HELM_REGISTRY_CONFIG").or_else(|| below("registry/config.json")),
            repositories: path("HELM_REPOSITORY_CONFIG").or_else(|| below(REPOSITORIES)),
        }
    }

    /// The entry that `helm repo add` stored for a repository, under our own name; `None` where it has no login.
    fn entry(&self, url: &str) -> Option<Value> {
        let text = bounded::text(self.repositories.as_ref()?, CONFIG).ok()?;
        let known = yaml::helm_value(&text).ok()?;
        let same = |entry: &&Value| entry["url"].as_str().is_some_and(|known| known.trim_end_matches('/') == url);
        let mut entry = known["repositories"].as_array()?.iter().find(same)?.clone();
        let filled = |key: &str| entry[key].as_str().is_some_and(|text| !text.is_empty());
        if !["username", "password", "caFile", "certFile"].into_iter().any(filled) {
            return None;
        }
        entry["password"].as_str().into_iter().for_each(remember);
        entry["name"] = OURS.into();
        entry["url"] = url.into();
        Some(entry)
    }
}

/// Writes a file that nobody else can read.
fn private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    std::io::Write::write_all(&mut file, bytes)
}

/// The one archive in a folder.
fn archive(folder: &Path) -> std::io::Result<Vec<u8>> {
    let mut all = std::fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?.into_iter();
    let (Some(found), None) = (all.next(), all.next()) else {
        return Err(std::io::Error::new(std::io::ErrorKind::NotFound, "expected exactly one archive"));
    };
    bounded::bytes(&found.path(), bounded::CHART)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_are_where_helm_keeps_them() {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().to_owned();
        let of = |set: &[(&str, &str)]| {
            UserHelm::of(&|name| {
                let value = set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).into());
                value.or_else(|| (name == "HOME").then(|| home.clone().into_os_string()))
            })
        };
        assert_eq!(of(&[]).registry, Some(home.join(".config/helm/registry/config.json")));
        assert_eq!(of(&[("XDG_CONFIG_HOME", "/x")]).repositories, Some("/x/helm/repositories.yaml".into()));
        assert_eq!(of(&[("HELM_CONFIG_HOME", "/h")]).repositories, Some("/h/repositories.yaml".into()));
        assert_eq!(of(&[("HELM_REGISTRY_CONFIG", "/r.json")]).registry, Some("/r.json".into()));
        let known = of(&[]);
        assert_eq!(known.entry("https://a.b"), None, "there is no file");
        std::fs::create_dir_all(home.join(".config/helm")).unwrap();
        let text = "repositories:\n- {name: open, url: 'https://open.b'}\n\
                    - {name: x, url: 'https://a.b/', username: u, password: p, pass_credentials_all: false}\n";
        std::fs::write(home.join(".config/helm/repositories.yaml"), text).unwrap();
        assert_eq!(known.entry("https://open.b"), None);
        let entry = known.entry("https://a.b").unwrap();
        assert_eq!((entry["name"].as_str(), entry["password"].as_str()), (Some(OURS), Some("p")));
        assert_eq!(known.entry("https://a.b/other"), None, "a login is for one address");
    }
}
