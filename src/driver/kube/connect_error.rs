//! Why there is no cluster to work with.

use std::path::PathBuf;

use super::error::{ApiError, LoginError};
use crate::driver::process::PrivateDirError;

/// The oldest version that the charts and this driver are made for.
pub(super) const OLDEST: (u32, u32) = (1, 28);

/// A kubeconfig that cannot be read as one.
#[derive(Debug, thiserror::Error)]
pub enum KubeconfigError {
    /// It is no YAML.
    #[error("{0}")]
    Yaml(String),
    /// A value is of another type than it has to be, anywhere in the file.
    #[error("{0}")]
    Type(#[from] serde_json::Error),
    /// It is of another kind or version.
    #[error("it is a {0}, not a Config of v1")]
    Kind(String),
    /// A name is there twice.
    #[error("{list} has the name {name:?} twice")]
    Twice {
        /// `clusters`, `users` or `contexts`.
        list: &'static str,
        /// Which name.
        name: String,
    },
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
    #[error("failed to parse kubeconfig {}", path.display())]
    Parse {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        source: KubeconfigError,
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
    /// What the kubeconfig says of the context's cluster or user contradicts itself, or names files that are not there.
    #[error("context {context:?} cannot be used: {}", problems.join("; "))]
    Unusable {
        /// Which context.
        context: String,
        /// All that is wrong.
        problems: Vec<String>,
    },
    /// The kubeconfig's credential plugin, or the file of its token, gave nothing to log in with.
    #[error("failed to log in as user {user:?}")]
    Plugin {
        /// The kubeconfig user's name.
        user: String,
        /// The context.
        context: String,
        /// Why not.
        source: Box<LoginError>,
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
