//! Why there is no cluster to work with.

use std::path::PathBuf;

use super::error::{ApiError, LoginError};
use crate::driver::process::PrivateDirError;

/// The oldest version that the charts and this driver are made for.
pub(super) const OLDEST: (u32, u32) = (1, 28);

/// A kubeconfig that cannot be read as one.
#[derive(Debug, thiserror::Error)]
pub enum KubeconfigError {
    /// It is not YAML.
    #[error("{0}")]
    Yaml(String),
    /// A value is of another type than it has to be, anywhere in the file.
    #[error("{0}")]
    Type(#[from] serde_json::Error),
    /// It is of another kind or version.
    #[error("it is a {0}, not a Config of v1")]
    Kind(String),
    /// A name occurs twice.
    #[error("{list} has a duplicate name {name:?}")]
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
    #[error("no kubeconfig found{}; set --kubeconfig, or use --sandbox", searched_text(searched))]
    NoKubeconfig {
        /// The paths that were searched.
        searched: Vec<PathBuf>,
    },
    /// A kubeconfig cannot be read.
    #[error("failed to read kubeconfig {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// The error of the system.
        source: std::io::Error,
    },
    /// A kubeconfig cannot be parsed.
    #[error("failed to parse kubeconfig {}", path.display())]
    Parse {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        source: KubeconfigError,
    },
    /// No context was named, and the kubeconfig has no current one.
    #[error("the kubeconfig has no current context; set --context{}", available_text(available))]
    NoCurrentContext {
        /// Those that there are.
        available: Vec<String>,
    },
    /// There is no such context.
    #[error("context {wanted:?} not found in the kubeconfig{}", available_text(available))]
    NoContext {
        /// The name that was requested.
        wanted: String,
        /// Those that there are.
        available: Vec<String>,
    },
    /// The context names something that the kubeconfig does not have.
    #[error("context {context:?} is incomplete: {missing} is missing from the kubeconfig")]
    Incomplete {
        /// Which context.
        context: String,
        /// What is missing.
        missing: String,
    },
    /// What the kubeconfig says of the context's cluster or user contradicts itself, or names missing files.
    #[error("context {context:?} cannot be used: {}", problems.join("; "))]
    Unusable {
        /// Which context.
        context: String,
        /// All that is wrong.
        problems: Vec<String>,
    },
    /// The kubeconfig's credential plugin, or its token file, gave no credentials.
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
    #[error("failed to create a private folder for the kubeconfig")]
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
        names_text(names)
    )]
    WrongName {
        /// The API's URL.
        server: String,
        /// The names that the certificate is for, where they are known.
        names: Vec<String>,
        /// The error of the TLS library.
        source: ApiError,
    },
    /// The server's certificate is not trusted for another reason.
    #[error(
        "the certificate of the API server at {server} is not trusted; does the kubeconfig belong to this cluster?"
    )]
    Untrusted {
        /// The API's URL.
        server: String,
        /// The error of the TLS library.
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
        /// The error of the API.
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
    #[error("failed to get the version of the API server at {server}")]
    Version {
        /// The API's URL.
        server: String,
        /// The error of the API.
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

fn searched_text(paths: &[PathBuf]) -> String {
    if paths.is_empty() {
        return String::new();
    }
    format!(" at {}", paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" or "))
}

fn available_text(names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!("; available: {}", names.join(", ")) }
}

fn names_text(names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) }
}
