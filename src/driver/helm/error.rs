//! Errors of Helm.

use std::path::PathBuf;

use super::VersionError;
use super::history::Recorded;
use crate::driver::process::{PrivateDirError, ProcessError};
use crate::model::cluster::ReleaseKey;

/// Why there is no Helm to work with.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// There is nothing at the path that was given.
    #[error("no helm at {} (from {named_by})", path.display())]
    Missing {
        /// The flag or variable.
        named_by: &'static str,
        /// What it says.
        path: PathBuf,
    },
    /// The path that was given cannot be run.
    #[error("{} (from {named_by}) is not an executable file", path.display())]
    NotExecutable {
        /// The flag or variable.
        named_by: &'static str,
        /// What it says.
        path: PathBuf,
    },
    /// No path was given, and none was found.
    #[error("helm not found in PATH; install helm 3.18 or newer, or set --helm or WINDLASS_HELM")]
    NotFound,
    /// `helm version` failed.
    #[error("failed to get the version of {}", helm.display())]
    Probe {
        /// Which Helm.
        helm: PathBuf,
        /// How it failed.
        source: ProcessError,
    },
    /// Its version is not supported.
    #[error("cannot use {}", helm.display())]
    Version {
        /// Which Helm.
        helm: PathBuf,
        /// Why not.
        source: VersionError,
    },
    /// The folder for its caches and configuration cannot be created.
    #[error("failed to create a private home directory for helm")]
    Dir(#[source] PrivateDirError),
}

/// What kind of failure Helm reported, by its messages (it always exits with 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// Another operation on the release is under way, or was killed and left a pending status behind.
    Pending,
    /// The values do not fit the chart's schema, or a template refused them or could not be rendered.
    Values,
    /// The chart does not support this cluster's version.
    KubeVersion,
    /// An object exists already and belongs to something else.
    Ownership,
    /// Admission or the API refused the content of an object.
    Rejected,
    /// The user may not do this.
    Forbidden,
    /// The credentials are not valid (any more).
    Unauthorized,
    /// The API could not be reached.
    Unreachable,
    /// The API is there but could not answer then, or the connection broke.
    Unavailable,
    /// The namespace does not exist.
    NoNamespace,
    /// A hook failed.
    Hook,
    /// It ran into its `--timeout`.
    Timeout,
    /// The release does not fit into its Secret (1 MiB).
    TooLarge,
    /// The release does not exist.
    NotFound,
    /// The chart cannot be read, or lacks a dependency.
    Chart,
    /// None of these.
    Unclassified,
}

impl FailureKind {
    /// From the lines that Helm wrote to stderr.
    pub(super) fn of(stderr: &[String]) -> Self {
        let text = stderr.join("\n").to_lowercase();
        let any = |needles: &[&str]| needles.iter().any(|needle| text.contains(needle));
        // The order matters: a hook's failure quotes the timeout it ran into, a refusal quotes what was refused.
        if any(&["another operation (install/upgrade/rollback) is in progress"]) {
            Self::Pending
        } else if any(&["cluster unreachable", "connection refused", "no such host", "i/o timeout", "no route to host"])
        {
            Self::Unreachable
        } else if any(&[
            "currently unable to handle the request",
            "has prevented the request from succeeding",
            "unable to return a response in the time allotted",
            "apiserver not ready",
            "goaway",
            "service unavailable",
            "too many requests",
            "request has been received too many",
            "please try again",
            "etcdserver:",
            "connection reset by peer",
            "connection lost",
            "broken pipe",
            "unexpected eof",
            ": eof",
            "tls handshake timeout",
            "server is shutting down",
            "too old resource version",
            // The only message of an uninstall, whatever was refused; the next one removes what is left.
            "failed to delete release",
        ]) {
            Self::Unavailable
        } else if any(&["must be logged in to the server", "unauthorized"]) {
            Self::Unauthorized
        } else if any(&["values don't meet the specifications of the schema"]) {
            Self::Values
        } else if any(&["incompatible with kubernetes"]) {
            Self::KubeVersion
        } else if any(&["invalid ownership metadata", "cannot be imported into the current release"]) {
            Self::Ownership
        } else if any(&["request entity too large", "must have at most 1048576", "exceeds the maximum secret size"]) {
            Self::TooLarge
        } else if any(&["-install: ", "-upgrade: ", "-delete: ", "-rollback: "]) && text.contains("hook")
            || any(&["failed pre-", "failed post-", "pre-upgrade hooks failed", "post-upgrade hooks failed"])
        {
            Self::Hook
        } else if any(&["is forbidden: user ", "cannot create resource", "cannot get resource", "cannot list resource"])
        {
            Self::Forbidden
        } else if text.contains("namespaces \"") && text.contains("not found") {
            Self::NoNamespace
        } else if any(&["is forbidden", "admission webhook", "is invalid:", "denied the request", "unknown field"]) {
            Self::Rejected
        } else if any(&[
            "execution error at",
            "template: ",
            "error converting yaml",
            "yaml parse error",
            "parse error at",
        ]) {
            Self::Values
        } else if any(&["timed out", "context deadline exceeded", "timeout"]) {
            Self::Timeout
        } else if any(&["release: not found", "release not found"]) {
            Self::NotFound
        } else if any(&["chart.yaml", "missing in charts/ directory", "path \"", "no such file or directory"]) {
            Self::Chart
        } else {
            Self::Unclassified
        }
    }

    /// Whether a retry can help.
    #[must_use]
    pub fn is_transient(self) -> bool {
        matches!(self, Self::Unreachable | Self::Unavailable | Self::Timeout)
    }

    /// What a user can do about it; nothing where it depends on the message.
    #[must_use]
    pub fn advice(self) -> Option<&'static str> {
        Some(match self {
            Self::Pending => "wait for the other operation to end; if none runs, it was killed: see `helm history`",
            Self::Ownership => "delete the object or choose another release name",
            Self::Forbidden => "request the missing permission",
            Self::Unauthorized => "log in again; the credentials of the kubeconfig are not valid",
            Self::KubeVersion => "use a cluster version that the chart supports",
            Self::TooLarge => "a release must fit into 1 MiB: make the chart or its values smaller",
            _ => return None,
        })
    }
}

/// Why a Helm command gave no result.
#[derive(Debug, thiserror::Error)]
pub enum HelmError {
    /// Helm ended with an error.
    #[error("failed to {verb} release {release}{}", recorded_text(recorded.as_deref()))]
    Failed {
        /// `upgrade`, `uninstall`, `render`, `roll back`, `read the history of`.
        verb: &'static str,
        /// Which release.
        release: ReleaseKey,
        /// What kind of failure.
        kind: FailureKind,
        /// What Helm recorded about the attempt, where it could still be read.
        recorded: Option<Box<Recorded>>,
        /// How it ended, with its last lines.
        source: Box<ProcessError>,
    },
    /// It was stopped on request or by its deadline, or never ran.
    #[error("failed to {verb} release {release}")]
    Stopped {
        /// As above.
        verb: &'static str,
        /// Which release.
        release: ReleaseKey,
        /// What stopped it.
        source: Box<ProcessError>,
    },
    /// What it printed cannot be read.
    #[error("failed to parse the output of helm for release {release}")]
    Unreadable {
        /// Which release.
        release: ReleaseKey,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// It printed something that is not text.
    #[error("helm printed a manifest of release {release} that is not UTF-8")]
    NotText {
        /// Which release.
        release: ReleaseKey,
        /// Where.
        source: std::string::FromUtf8Error,
    },
    /// The values could not be written as JSON.
    #[error("failed to write the values of release {release}")]
    Values {
        /// Which release.
        release: ReleaseKey,
        /// Why.
        source: serde_json::Error,
    },
    /// No cluster was set: a program error.
    #[error("cannot {verb} release {release}: no cluster set")]
    NoTarget {
        /// As above.
        verb: &'static str,
        /// Which release.
        release: ReleaseKey,
    },
}

impl HelmError {
    /// What kind of failure it was.
    #[must_use]
    pub fn kind(&self) -> FailureKind {
        match self {
            Self::Failed { kind, .. } => *kind,
            Self::Stopped { source, .. } if matches!(**source, ProcessError::Deadline { .. }) => FailureKind::Timeout,
            _ => FailureKind::Unclassified,
        }
    }

    /// Whether it was stopped on request.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Stopped { source, .. } if matches!(**source, ProcessError::Cancelled { .. }))
    }
}

fn recorded_text(recorded: Option<&Recorded>) -> String {
    recorded.map(|r| format!(" (revision {} is {})", r.revision, r.status)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_from_helms_messages() {
        // Taken from Helm 3.18 and 4.2.
        for (line, kind) in [
            (
                "Error: UPGRADE FAILED: another operation (install/upgrade/rollback) is in progress",
                FailureKind::Pending,
            ),
            (
                "Error: kubernetes cluster unreachable: Get \"https://10.0.0.1:6443/version\": dial tcp: connection refused",
                FailureKind::Unreachable,
            ),
            (
                "Error: values don't meet the specifications of the schema(s) in the following chart(s):",
                FailureKind::Values,
            ),
            ("Error: execution error at (livy/templates/deployment.yaml:3:4): image is required", FailureKind::Values),
            (
                "Error: chart requires kubeVersion: >=1.99.0 which is incompatible with Kubernetes v1.34.4",
                FailureKind::KubeVersion,
            ),
            (
                "Error: Unable to continue with install: ServiceAccount \"x\" in namespace \"y\" exists and cannot be imported into the current release: invalid ownership metadata",
                FailureKind::Ownership,
            ),
            ("Error: INSTALL FAILED: namespaces \"nope\" not found", FailureKind::NoNamespace),
            (
                "Error: create: failed to create: Secret \"sh.helm.release.v1.x.v1\" is invalid: data: Too long: must have at most 1048576 bytes",
                FailureKind::TooLarge,
            ),
            (
                "Error: secrets is forbidden: User \"bob\" cannot list resource \"secrets\" in API group \"\" in the namespace \"x\"",
                FailureKind::Forbidden,
            ),
            ("Error: INSTALL FAILED: failed pre-install: 1 error occurred: * timed out waiting", FailureKind::Hook),
            ("Error: UPGRADE FAILED: context deadline exceeded", FailureKind::Timeout),
            ("Error: uninstall: Release not loaded: x: release: not found", FailureKind::NotFound),
            ("Error: path \"/no/chart\" not found", FailureKind::Chart),
            (
                "Error: UPGRADE FAILED: the server is currently unable to handle the request (get deployments.apps my-livy)",
                FailureKind::Unavailable,
            ),
            (
                "Error: Get \"https://10.0.0.1:6443/apis/apps/v1\": read: connection reset by peer",
                FailureKind::Unavailable,
            ),
            (
                "Error: an error on the server (\"\") has prevented the request from succeeding (get secrets)",
                FailureKind::Unavailable,
            ),
            ("Error: failed to delete release: my-livy", FailureKind::Unavailable),
            ("Error: http2: server sent GOAWAY and closed the connection", FailureKind::Unavailable),
            ("Error: something new", FailureKind::Unclassified),
        ] {
            assert_eq!(FailureKind::of(&[line.to_owned()]), kind, "{line}");
        }
    }
}
