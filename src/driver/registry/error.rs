//! Why a registry did not do what was asked of it.

use std::time::Duration;

use reqwest::StatusCode;

use super::credentials::CredentialsError;
use super::settings::{api_host, without_port};
use super::verifier::{Refused, Why};
use crate::driver::body::BodyError;
use crate::model::oci::{Digest, ManifestError};

/// Why a registry gave no answer, or not the one that was asked for.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The name has no registry, repository and tag.
    #[error("`{0}` is not an image reference such as host/path:tag")]
    Name(String),
    /// What it is to be reached with cannot be used.
    #[error("failed to set up connections to registries: {what}")]
    Setup {
        /// What is wrong.
        what: String,
    },
    /// Nothing answers there.
    #[error("registry {host} is unreachable from this machine")]
    Unreachable {
        /// Which.
        host: String,
        /// Why.
        source: reqwest::Error,
    },
    /// Its certificate was made by somebody who is not trusted here.
    #[error(
        "the certificate of registry {host} was issued by {issuer}, which is not trusted here; pass a file with that authority's certificate as --ca FILE"
    )]
    Untrusted {
        /// Which.
        host: String,
        /// Who issued it.
        issuer: String,
    },
    /// Its certificate is for other names.
    #[error(
        "the certificate of registry {host} is for {names}, and not for {name}; use a name that it has, or give the registry a certificate for this one"
    )]
    OtherName {
        /// Which.
        host: String,
        /// The name or address that was connected to.
        name: String,
        /// The names that the certificate has.
        names: String,
    },
    /// Its certificate was valid once.
    #[error(
        "the certificate of registry {host} expired at {until}, and the clock of this machine says {now}; renew the certificate, or set the clock"
    )]
    Expired {
        /// Which.
        host: String,
        /// The end of its validity.
        until: String,
        /// The time here.
        now: String,
    },
    /// Its certificate is valid from some later time on.
    #[error(
        "the certificate of registry {host} is valid from {from} on, and the clock of this machine says {now}; set the clock, or wait until then"
    )]
    NotYetValid {
        /// Which.
        host: String,
        /// The beginning of its validity.
        from: String,
        /// The time here.
        now: String,
    },
    /// It does not speak TLS, and there is a login that everybody on the way could read.
    #[error(
        "registry {host} does not speak TLS, and the login is not sent in plain text; configure TLS on the registry, or allow plain HTTP with --plain-http {host}; for an install, set platform.registry_plain_http=true"
    )]
    Plain {
        /// Which.
        host: String,
    },
    /// It does not speak TLS, and nobody said that it may.
    #[error(
        "registry {host} does not speak TLS; configure TLS on the registry, or allow plain HTTP with --plain-http {host}; for an install, set platform.registry_plain_http=true"
    )]
    NoTls {
        /// Which.
        host: String,
    },
    /// It wants the login to be sent to somebody else.
    #[error(
        "registry {host} requests authentication at {realm}, but the login is only sent to https://{host}; if that realm is correct, allow its host with --token-host; for an install, set platform.registry_token_host"
    )]
    ForeignRealm {
        /// Which.
        host: String,
        /// Where to.
        realm: String,
    },
    /// There is no login to be had.
    #[error("failed to get the login for registry {host}")]
    Credentials {
        /// Which.
        host: String,
        /// Why.
        source: CredentialsError,
    },
    /// Its answer to a login does not end, or makes no sense.
    #[error("failed to read the token of registry {host}")]
    Token {
        /// Which.
        host: String,
        /// Why.
        source: BodyError,
    },
    /// It wants credentials, or others.
    #[error("registry {host} denied {what}: {status}{detail}; check the credentials")]
    Refused {
        /// Which.
        host: String,
        /// What was asked for.
        what: String,
        /// Its answer.
        status: StatusCode,
        /// Its words, after a colon; empty where it has none.
        detail: String,
    },
    /// It answered something else.
    #[error("registry {host} returned {status} for {what}{detail}")]
    Unexpected {
        /// Which.
        host: String,
        /// What was asked for.
        what: String,
        /// Its answer.
        status: StatusCode,
        /// Its words, after a colon; empty where it has none.
        detail: String,
    },
    /// It did not answer in time.
    #[error("{what} of registry {host} timed out after {}s", after.as_secs())]
    Timeout {
        /// Which.
        host: String,
        /// What was asked for.
        what: String,
        /// The deadline.
        after: Duration,
    },
    /// Its answer does not end.
    #[error("registry {host}: failed to read {what}")]
    Body {
        /// Which.
        host: String,
        /// What was asked for.
        what: String,
        /// Why.
        source: BodyError,
    },
    /// What it gave is no manifest that can be used.
    #[error("invalid {what} from registry {host}")]
    Manifest {
        /// Which.
        host: String,
        /// Which manifest.
        what: String,
        /// Why.
        source: ManifestError,
    },
    /// What it gave is not what was asked for.
    #[error("registry {host} returned other content for {what}: digest is {found}")]
    Digest {
        /// Which.
        host: String,
        /// What was asked for.
        what: String,
        /// What came.
        found: Digest,
    },
    /// It sends to somewhere where nothing may be sent.
    #[error("registry {host} redirects {what} to {to}, which cannot be followed")]
    Location {
        /// Which.
        host: String,
        /// What was asked for.
        what: String,
        /// Where to, without what may be secret.
        to: String,
    },
}

impl RegistryError {
    /// An exchange with a registry that failed.
    pub(super) fn of(host: &str, source: reqwest::Error) -> Self {
        let Some(Refused { server, why }) = Refused::of(&source) else {
            // An address that was sent to may hold what nobody else may know.
            return Self::Unreachable { host: host.to_owned(), source: source.without_url() };
        };
        // Whoever the registry sends to is named by its own name.
        let host = if without_port(api_host(host)) == server { host.to_owned() } else { server.clone() };
        match why {
            Why::Issuer(issuer) => Self::Untrusted { host, issuer },
            Why::Names(names) if names.is_empty() => {
                let names = "no name at all (a common name does not count)".to_owned();
                Self::OtherName { host, name: server, names }
            }
            Why::Names(names) => Self::OtherName { host, name: server, names: names.join(", ") },
            Why::Expired { until, now } => Self::Expired { host, until: time(until), now: time(now) },
            Why::NotYet { from, now } => Self::NotYetValid { host, from: time(from), now: time(now) },
        }
    }

    /// The status that the registry answered with, if it did.
    #[must_use]
    pub const fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Refused { status, .. } | Self::Unexpected { status, .. } => Some(*status),
            _ => None,
        }
    }
}

/// Seconds since 1970 as a time.
fn time(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    time.map_or_else(|| seconds.to_string(), |time| time.to_string())
}
