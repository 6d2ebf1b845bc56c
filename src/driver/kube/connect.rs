//! From a kubeconfig to a cluster that answered.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kube::config::{KubeConfigOptions, KubeconfigError};
use kube::{Client, Config};
use tokio::sync::OnceCell;

use super::error::Layers;
use super::{ApiError, ApiErrorKind, kubeconfig, proxy, retry};
use crate::driver::helm::KubeTarget;
use crate::driver::process::{PrivateDir, PrivateDirError};
use crate::model::cluster::ClusterInfo;

/// The oldest version that the charts and this driver are made for.
const OLDEST: (u32, u32) = (1, 28);

/// How long a first answer may take: a user waits for it.
const CONNECT_DEADLINE: Duration = Duration::from_secs(8);

/// Which cluster is meant.
#[derive(Debug, Clone, Default)]
pub struct ConnectOptions {
    /// This kubeconfig file and no other; `None` looks where kubectl looks.
    pub kubeconfig: Option<PathBuf>,
    /// This context; `None` takes the current one.
    pub context: Option<String>,
    /// Credential plugins may not ask anybody: the terminal is not theirs.
    pub silent: bool,
}

/// Why no cluster answered.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// There is no kubeconfig.
    #[error("found no kubeconfig{}; name one by --kubeconfig, or use --sandbox", looked_at(looked))]
    NoKubeconfig {
        /// Where it was looked for.
        looked: Vec<PathBuf>,
    },
    /// A kubeconfig cannot be read.
    #[error("failed to read kubeconfig {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A kubeconfig is none.
    #[error("failed to understand kubeconfig {}", path.display())]
    Parse {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<KubeconfigError>,
    },
    /// No context was named, and the kubeconfig has no current one.
    #[error("the kubeconfig has no current context; name one by --context{}", one_of(available))]
    NoCurrentContext {
        /// Those that there are.
        available: Vec<String>,
    },
    /// The context is not there.
    #[error("the kubeconfig has no context {wanted:?}{}", one_of(available))]
    NoContext {
        /// What was asked for.
        wanted: String,
        /// Those that there are.
        available: Vec<String>,
    },
    /// The context names something that is not there.
    #[error("context {context:?} is incomplete: {missing} is missing from the kubeconfig")]
    Incomplete {
        /// Which context.
        context: String,
        /// What is missing.
        missing: String,
    },
    /// Certificates or keys that the kubeconfig names cannot be used.
    #[error("failed to use the credentials of context {context:?}")]
    Credentials {
        /// Which context.
        context: String,
        /// What is wrong.
        source: ApiError,
    },
    /// There is no private folder.
    #[error("failed to keep the kubeconfig private")]
    Private(#[source] PrivateDirError),
    /// The kubeconfig cannot be written as JSON.
    #[error("failed to write the kubeconfig of context {context:?}")]
    Write {
        /// Which context.
        context: String,
        /// Why.
        source: serde_json::Error,
    },
    /// Nothing answers there.
    #[error(
        "the API server of context {context:?} at {server} does not answer; is the cluster up, and can this machine reach it?"
    )]
    Unreachable {
        /// Which context.
        context: String,
        /// The API's URL.
        server: String,
        /// What happened.
        source: ApiError,
    },
    /// The server's certificate is for other names.
    #[error(
        "the certificate of the API server at {server} is for another name{}; correct `server` in the kubeconfig, or set `tls-server-name` of the cluster to one of them",
        one_of(names)
    )]
    WrongName {
        /// The API's URL.
        server: String,
        /// The names that the certificate is for, where they are known.
        names: Vec<String>,
        /// What the TLS library said.
        source: ApiError,
    },
    /// The server's certificate is not trusted for another reason.
    #[error(
        "the certificate of the API server at {server} is not trusted; does the kubeconfig belong to this cluster?"
    )]
    Untrusted {
        /// The API's URL.
        server: String,
        /// What the TLS library said.
        source: ApiError,
    },
    /// The API does not know us (any more).
    #[error(
        "the API server at {server} does not accept the credentials of user {user:?}: expired, or for another cluster? log in again"
    )]
    Unauthorized {
        /// The API's URL.
        server: String,
        /// The kubeconfig user's name.
        user: String,
        /// What the API said.
        source: ApiError,
    },
    /// The kubeconfig's credential plugin does not work.
    #[error("failed to log in as user {user:?}; try `kubectl --context {context} version`")]
    Login {
        /// The kubeconfig user's name.
        user: String,
        /// The context.
        context: String,
        /// What happened.
        source: ApiError,
    },
    /// The API answered with something else.
    #[error("failed to ask the API server at {server} for its version")]
    Version {
        /// The API's URL.
        server: String,
        /// What it said.
        source: ApiError,
    },
    /// The cluster is too old.
    #[error("the cluster at {server} runs Kubernetes {found}, and windlass needs {}.{} or newer", OLDEST.0, OLDEST.1)]
    TooOld {
        /// The API's URL.
        server: String,
        /// What was found.
        found: String,
    },
}

fn looked_at(paths: &[PathBuf]) -> String {
    if paths.is_empty() {
        return String::new();
    }
    format!(" at {}", paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" or "))
}

fn one_of(names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!("; there is {}", names.join(", ")) }
}

/// A cluster that answered. Cheap to clone; the private folder with its kubeconfig goes with the last clone, so no
/// clone may be leaked and `std::process::exit` must come after the last one is dropped.
#[derive(Clone)]
pub struct Cluster {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) client: Client,
    pub(super) info: ClusterInfo,
    pub(super) discovery: OnceCell<kube::Discovery>,
    kubeconfig: PathBuf,
    dir: PrivateDir,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Cluster").field(&self.inner.info).finish()
    }
}

/// The contexts that could be meant. Asks no cluster.
///
/// # Errors
/// There is no kubeconfig, or it cannot be read.
pub fn contexts(options: &ConnectOptions) -> Result<Vec<kubeconfig::Context>, ConnectError> {
    Ok(kubeconfig::contexts(&kubeconfig::load(&files(options))?))
}

/// The files of the kubeconfig.
fn files(options: &ConnectOptions) -> Vec<PathBuf> {
    kubeconfig::candidates(
        options.kubeconfig.as_deref(),
        std::env::var_os("KUBECONFIG").as_deref(),
        std::env::home_dir().as_deref(),
    )
}

impl Cluster {
    /// Resolves the context into a private kubeconfig of its own and asks the API server for its version. Nothing is
    /// changed in the cluster.
    ///
    /// # Errors
    /// Each says what is wrong and what to do about it.
    pub async fn connect(options: &ConnectOptions) -> Result<Self, ConnectError> {
        let mut minimal = kubeconfig::minimal(kubeconfig::load(&files(options))?, options.context.as_deref())?;
        if options.silent {
            kubeconfig::silence(&mut minimal.config);
        }
        let context = minimal.context.clone();
        let dir = PrivateDir::new().map_err(ConnectError::Private)?;
        let text = serde_json::to_vec(&minimal.config)
            .map_err(|source| ConnectError::Write { context: context.clone(), source })?;
        let kubeconfig = dir.write("kubeconfig", &text).map_err(ConnectError::Private)?;

        // TLS needs a process-wide provider, and it is set already if anything used TLS before.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = client(&minimal).await.map_err(|source| match source.kind {
            ApiErrorKind::Login => ConnectError::Login { user: minimal.user.clone(), context, source },
            _ => ConnectError::Credentials { context, source },
        })?;
        let version = version(&client, &minimal).await?;
        let info = ClusterInfo { context: minimal.context, server: minimal.server, user: minimal.user, version };
        Ok(Self { inner: Arc::new(Inner { client, info, discovery: OnceCell::new(), kubeconfig, dir }) })
    }

    /// What was connected to, to be shown and confirmed.
    #[must_use]
    pub fn info(&self) -> &ClusterInfo {
        &self.inner.info
    }

    /// The private kubeconfig and its context, for Helm.
    #[must_use]
    pub fn helm_target(&self) -> KubeTarget {
        KubeTarget { kubeconfig: self.inner.kubeconfig.clone(), context: self.inner.info.context.clone() }
    }

    /// The folder (0700) that goes with the last clone.
    #[must_use]
    pub fn private_dir(&self) -> &PrivateDir {
        &self.inner.dir
    }

    /// The bare client, for what this driver has no word for.
    #[must_use]
    pub fn client(&self) -> Client {
        self.inner.client.clone()
    }
}

async fn client(minimal: &kubeconfig::Minimal) -> Result<Client, ApiError> {
    let invalid = |err: KubeconfigError| ApiError::new(ApiErrorKind::Invalid, super::error::deepest(&err));
    let config = minimal.config.clone();
    let own_proxy = config.clusters.first().and_then(|c| c.cluster.as_ref()).and_then(|c| c.proxy_url.clone());
    let mut config = Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await.map_err(invalid)?;
    // kube reads HTTPS_PROXY but compares NO_PROXY with the proxy's name instead of the server's.
    if own_proxy.is_none_or(|url| url.is_empty()) {
        let host = config.cluster_url.host().unwrap_or_default().to_owned();
        if proxy::bypassed(&host, |name| std::env::var(name).ok()) {
            config.proxy_url = None;
        }
    }
    config.connect_timeout = Some(Duration::from_secs(5));
    // Retrying is ours: kube's own repeats a request up to fifteen times without a deadline.
    config.default_retry = false;
    // This runs the credential plugin, and waits for it without letting go of the thread.
    match tokio::task::spawn_blocking(move || Client::try_from(config)).await {
        Ok(client) => client.map_err(|err| ApiError::from(&err)),
        Err(lost) => Err(ApiError::new(ApiErrorKind::Login, lost.to_string())),
    }
}

async fn version(client: &Client, minimal: &kubeconfig::Minimal) -> Result<String, ConnectError> {
    let names = std::sync::Mutex::new(None);
    let asked = retry::call_within(CONNECT_DEADLINE, || async {
        client.apiserver_version().await.inspect_err(|err| {
            if let (Some(found), Ok(mut names)) = (wrong_name(err), names.lock()) {
                *names = Some(found);
            }
        })
    });
    let server = minimal.server.clone();
    let context = minimal.context.clone();
    let found = match asked.await {
        Ok(found) => found,
        Err(source) => {
            let names = names.into_inner().unwrap_or_default();
            return Err(match (source.kind, names) {
                (ApiErrorKind::Tls, Some(names)) => ConnectError::WrongName { server, names, source },
                (ApiErrorKind::Tls, None) => ConnectError::Untrusted { server, source },
                (ApiErrorKind::Unauthorized, _) => {
                    ConnectError::Unauthorized { server, user: minimal.user.clone(), source }
                }
                (ApiErrorKind::Login, _) => ConnectError::Login { user: minimal.user.clone(), context, source },
                (ApiErrorKind::Unreachable | ApiErrorKind::Timeout, _) => {
                    ConnectError::Unreachable { context, server, source }
                }
                _ => ConnectError::Version { server, source },
            });
        }
    };
    match parse_version(&found.git_version) {
        Some(version) if version < OLDEST => Err(ConnectError::TooOld { server, found: found.git_version }),
        _ => Ok(found.git_version),
    }
}

/// The names that a certificate is for, if it is for others than ours.
fn wrong_name(err: &kube::Error) -> Option<Vec<String>> {
    use rustls::CertificateError::{NotValidForName, NotValidForNameContext};
    Layers(Some(err)).find_map(|layer| match layer.downcast_ref::<rustls::Error>()? {
        rustls::Error::InvalidCertificate(NotValidForName) => Some(Vec::new()),
        rustls::Error::InvalidCertificate(NotValidForNameContext { presented, .. }) => {
            Some(presented.iter().map(|name| plain_name(name)).collect())
        }
        _ => None,
    })
}

/// `DnsName("kubernetes")` and `IpAddress(10.96.0.1)`, as the TLS library shows them, to the name itself.
fn plain_name(shown: &str) -> String {
    let inner = shown.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(shown);
    inner.trim_matches('"').to_owned()
}

/// Major and minor of `v1.34.4`, `v1.29.3-eks-1234`, `v1.30+`; `None` if it is something else, which is let through.
fn parse_version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.strip_prefix('v')?.split(['.', '-', '+']);
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_number() {
        assert_eq!(parse_version("v1.34.4"), Some((1, 34)));
        assert_eq!(parse_version("v1.9.11"), Some((1, 9)));
        assert_eq!(parse_version("v1.29.3-eks-adc7111"), Some((1, 29)));
        assert_eq!(parse_version("v1.30+"), Some((1, 30)));
        assert_eq!(parse_version("weird"), None);
        assert!(parse_version("v1.9.11").unwrap() < OLDEST);
    }

    #[test]
    fn names_are_shown_plainly() {
        assert_eq!(plain_name("DnsName(\"kubernetes\")"), "kubernetes");
        assert_eq!(plain_name("IpAddress(10.96.0.1)"), "10.96.0.1");
        assert_eq!(plain_name("kubernetes"), "kubernetes");
    }

    #[test]
    fn missing_things_list_what_there_is() {
        let err = ConnectError::NoContext { wanted: "x".into(), available: vec!["a".into(), "b".into()] };
        assert_eq!(err.to_string(), r#"the kubeconfig has no context "x"; there is a, b"#);
        let err = ConnectError::NoKubeconfig { looked: vec!["/h/.kube/config".into()] };
        assert_eq!(
            err.to_string(),
            "found no kubeconfig at /h/.kube/config; name one by --kubeconfig, or use --sandbox"
        );
    }
}
