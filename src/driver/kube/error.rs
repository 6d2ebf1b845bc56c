//! Errors of the Kubernetes API.

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use kube::client::UpgradeConnectionError;
use kube::runtime::watcher;

use crate::driver::process::ProcessError;
use crate::model::bounded;

/// A call that gave no result.
#[derive(Debug, thiserror::Error)]
#[error("failed to {verb} {what}")]
pub struct KubeError {
    /// What was attempted: `get`, `list`, `apply`, `delete`, `watch`.
    pub verb: &'static str,
    /// On what: `Secret ns/name`.
    pub what: String,
    /// Why not.
    pub source: ApiError,
}

/// What kind of error it was; decides whether a retry helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiErrorKind {
    /// No such object, or no such kind of object.
    NotFound,
    /// The requested version of a list has expired; a new list has not.
    Gone,
    /// It exists already.
    AlreadyExists,
    /// Somebody else changed it in between, or owns the field.
    Conflict,
    /// The object says something that is not allowed.
    Invalid,
    /// The credentials are not valid (any more).
    Unauthorized,
    /// The user may not do this, or admission refused it.
    Forbidden,
    /// The API throttles requests.
    TooManyRequests,
    /// The API is reachable but cannot answer now.
    Unavailable,
    /// Nothing listens there, or the connection broke.
    Unreachable,
    /// No answer in time.
    Timeout,
    /// The connection is not trusted.
    Tls,
    /// The kubeconfig's way to log in does not work (a plugin failed).
    Login,
    /// The response is not understood.
    Protocol,
}

/// An error response of the API, or the lack of a response. The message is complete: kube's own errors repeat their
/// sources.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// What kind.
    pub kind: ApiErrorKind,
    /// In the API's words where it gave any.
    pub message: String,
    /// How long the API wants us to wait.
    pub retry_after: Option<Duration>,
}

impl ApiError {
    pub(super) fn new(kind: ApiErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), retry_after: None }
    }

    /// Whether the same call can succeed a little later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        use ApiErrorKind::{Gone, Timeout, TooManyRequests, Unavailable, Unreachable};
        matches!(self.kind, Gone | TooManyRequests | Unavailable | Unreachable | Timeout)
    }
}

impl KubeError {
    /// What kind of error it was.
    #[must_use]
    pub fn kind(&self) -> ApiErrorKind {
        self.source.kind
    }
}

impl From<&kube::Error> for ApiError {
    fn from(err: &kube::Error) -> Self {
        match err {
            kube::Error::Api(status) => status_error(status),
            kube::Error::Auth(_) => Self::new(ApiErrorKind::Login, deepest(err)),
            kube::Error::SerdeError(_) | kube::Error::FromUtf8(_) => Self::new(ApiErrorKind::Protocol, deepest(err)),
            kube::Error::UpgradeConnection(UpgradeConnectionError::ProtocolSwitch(status)) => Self::new(
                kind_of(status.as_u16(), ""),
                format!("failed to open a connection to the pod (HTTP {status})"),
            ),
            kube::Error::UpgradeConnection(_) => Self::new(ApiErrorKind::Protocol, deepest(err)),
            _ => transport(err),
        }
    }
}

impl From<&watcher::Error> for ApiError {
    fn from(err: &watcher::Error) -> Self {
        match err {
            watcher::Error::InitialListFailed(err)
            | watcher::Error::WatchStartFailed(err)
            | watcher::Error::WatchFailed(err) => err.into(),
            watcher::Error::WatchError(status) => status_error(status),
            watcher::Error::NoResourceVersion => Self::new(ApiErrorKind::Protocol, err.to_string()),
        }
    }
}

/// Why the login failed.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The plugin is not installed.
    #[error("the credential plugin {command} is not installed on this machine{}", advice(.hint))]
    NotInstalled {
        /// The program.
        command: String,
        /// The kubeconfig's install hint.
        hint: Option<String>,
    },
    /// The plugin failed.
    #[error("the credential plugin {command} returned no credentials")]
    Failed {
        /// The program.
        command: String,
        /// How it ended.
        source: ProcessError,
    },
    /// What the plugin wrote cannot be used, or it cannot be run as configured.
    #[error("the credential plugin {command} {what}")]
    Output {
        /// The program.
        command: String,
        /// What is wrong with it; never the content.
        what: String,
    },
    /// The token file cannot be read.
    #[error("failed to read token file {}", path.display())]
    TokenFile {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

fn advice(hint: &Option<String>) -> String {
    let Some(hint) = hint else { return String::new() };
    // Written by whoever wrote the kubeconfig: it must not control the terminal.
    let plain: String = hint.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!(": {}", plain.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// A response over the size limit.
#[derive(Debug, thiserror::Error)]
#[error("the API server sent {what} larger than the limit of {}", bounded::size(*.limit as u64))]
pub(super) struct TooLong {
    pub(super) what: &'static str,
    pub(super) limit: usize,
}

fn status_error(status: &kube::core::Status) -> ApiError {
    let kind = kind_of(status.code, &status.reason);
    let mut message = status.message.trim().to_owned();
    if message.is_empty() {
        message = status.reason.clone();
    }
    let retry_after = status.details.as_ref().map(|details| details.retry_after_seconds).filter(|&secs| secs > 0);
    let message = format!("{message} (HTTP {})", status.code);
    ApiError { kind, message, retry_after: retry_after.map(|secs| Duration::from_secs(secs.into())) }
}

fn kind_of(code: u16, reason: &str) -> ApiErrorKind {
    match (code, reason) {
        (404, _) => ApiErrorKind::NotFound,
        (410, _) => ApiErrorKind::Gone,
        (409, "AlreadyExists") => ApiErrorKind::AlreadyExists,
        (409, _) => ApiErrorKind::Conflict,
        (401, _) => ApiErrorKind::Unauthorized,
        (403, _) => ApiErrorKind::Forbidden,
        (429, _) => ApiErrorKind::TooManyRequests,
        (500.., _) => ApiErrorKind::Unavailable,
        _ => ApiErrorKind::Invalid,
    }
}

/// Judges a failed connection by what is deepest in the chain.
fn transport(err: &kube::Error) -> ApiError {
    let mut kind = ApiErrorKind::Unreachable;
    for layer in Layers(Some(err)) {
        if layer.downcast_ref::<rustls::Error>().is_some() {
            kind = ApiErrorKind::Tls;
        } else if layer.is::<kube::client::AuthError>() || layer.is::<LoginError>() {
            kind = ApiErrorKind::Login;
        } else if layer.is::<TooLong>() {
            kind = ApiErrorKind::Protocol;
        } else if layer.downcast_ref::<tokio::time::error::Elapsed>().is_some()
            || layer.downcast_ref::<std::io::Error>().is_some_and(|io| io.kind() == std::io::ErrorKind::TimedOut)
        {
            kind = ApiErrorKind::Timeout;
        }
    }
    if matches!(err, kube::Error::InferConfig(_) | kube::Error::InferKubeconfig(_) | kube::Error::RustlsTls(_)) {
        kind = ApiErrorKind::Invalid;
    }
    ApiError::new(kind, deepest(err))
}

/// The layers of an error, with what an `io::Error` wraps: its `source()` skips that.
pub(super) struct Layers<'a>(pub(super) Option<&'a (dyn Error + 'static)>);

impl<'a> Iterator for Layers<'a> {
    type Item = &'a (dyn Error + 'static);

    fn next(&mut self) -> Option<Self::Item> {
        let layer = self.0?;
        let wrapped = layer.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        self.0 = match wrapped {
            Some(inner) => Some(inner as &(dyn Error + 'static)),
            None => layer.source(),
        };
        Some(layer)
    }
}

/// The messages of the chain without those that only repeat what they wrap, and without hyper's generic words.
pub(super) fn deepest(err: &(dyn Error + 'static)) -> String {
    let texts: Vec<String> = Layers(Some(err)).map(ToString::to_string).collect();
    let mut kept: Vec<&str> = Vec::new();
    for (i, text) in texts.iter().enumerate() {
        let repeated = texts[i + 1..].iter().any(|deeper| text.contains(deeper.as_str()));
        let generic = text.starts_with("client error (") && i + 1 < texts.len();
        if !repeated && !generic && !kept.contains(&text.as_str()) {
            kept.push(text);
        }
    }
    kept.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(code: u16, reason: &str) -> kube::Error {
        let status = kube::core::Status::failure("made-up", reason).with_code(code);
        kube::Error::Api(status.boxed())
    }

    #[test]
    fn codes_become_kinds() {
        for (code, reason, kind, transient) in [
            (404, "NotFound", ApiErrorKind::NotFound, false),
            (410, "Expired", ApiErrorKind::Gone, true),
            (409, "AlreadyExists", ApiErrorKind::AlreadyExists, false),
            (409, "Conflict", ApiErrorKind::Conflict, false),
            (401, "Unauthorized", ApiErrorKind::Unauthorized, false),
            (403, "Forbidden", ApiErrorKind::Forbidden, false),
            (422, "Invalid", ApiErrorKind::Invalid, false),
            (429, "TooManyRequests", ApiErrorKind::TooManyRequests, true),
            (500, "InternalError", ApiErrorKind::Unavailable, true),
            (503, "ServiceUnavailable", ApiErrorKind::Unavailable, true),
        ] {
            let err = ApiError::from(&status(code, reason));
            assert_eq!((err.kind, err.is_transient()), (kind, transient), "{code}");
            assert_eq!(err.message, format!("made-up (HTTP {code})"));
        }
    }

    #[test]
    fn a_connection_into_a_pod_may_be_refused_for_a_while() {
        let busy = UpgradeConnectionError::ProtocolSwitch(http::StatusCode::SERVICE_UNAVAILABLE);
        let err = ApiError::from(&kube::Error::UpgradeConnection(busy));
        assert_eq!((err.kind, err.is_transient()), (ApiErrorKind::Unavailable, true));
        let gone = UpgradeConnectionError::ProtocolSwitch(http::StatusCode::NOT_FOUND);
        assert_eq!(ApiError::from(&kube::Error::UpgradeConnection(gone)).kind, ApiErrorKind::NotFound);
    }

    #[test]
    fn what_an_io_error_wraps_is_seen() {
        let tls = rustls::Error::InvalidCertificate(rustls::CertificateError::Expired);
        let io = std::io::Error::other(tls);
        assert!(Layers(Some(&io)).any(|layer| layer.is::<rustls::Error>()));
        let err = kube::Error::Service(Box::new(io));
        let err = ApiError::from(&err);
        assert_eq!(err.kind, ApiErrorKind::Tls);
        assert_eq!(err.message, "invalid peer certificate: Expired");
    }

    #[test]
    fn a_refused_connection_is_unreachable() {
        let io = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let err = ApiError::from(&kube::Error::Service(Box::new(io)));
        assert_eq!((err.kind, err.is_transient()), (ApiErrorKind::Unreachable, true));
        assert_eq!(err.message, "connection refused");
    }
}
