//! Why something could not be observed.

use crate::driver::kube::{ApiErrorKind, KubeError};
use crate::driver::secrets::SecretError;
use crate::driver::sources::FilesError;
use crate::driver::state_store::StateError;

/// Why the cluster could not be observed.
#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    /// The API failed.
    #[error("failed to get {what}")]
    Api {
        /// What was requested.
        what: String,
        /// Why.
        source: KubeError,
    },
    /// The registry's credentials cannot be read.
    #[error("failed to get the registry credentials that platform.pull_secret names")]
    PullSecret(#[from] SecretError),
    /// A secret that an answer names cannot be read.
    #[error("failed to get the secret that {component}.{question} names")]
    Secret {
        /// Which component.
        component: String,
        /// Which question.
        question: String,
        /// Why.
        source: SecretError,
    },
    /// A Secret of somebody else has the name of one that would be filled.
    #[error(
        "Secret {place} already exists and was not created by windlass: set the component's `release` or `namespace` to another name, or use that Secret as the answer (secret:NAME); to hand it over, label it app.kubernetes.io/managed-by=windlass"
    )]
    Foreign {
        /// Which, `namespace/name`.
        place: String,
    },
    /// A ConfigMap is somebody else's.
    #[error(
        "ConfigMap {place} already exists and was not created by windlass: set the component's `release` or `namespace` to another name; to hand it over, label it app.kubernetes.io/managed-by=windlass"
    )]
    ForeignFiles {
        /// Which, `namespace/name`.
        place: String,
    },
    /// The state cannot be read.
    #[error("failed to read the recorded state")]
    State(#[from] StateError),
    /// What is to be uploaded cannot be opened.
    #[error("failed to list what {component} uploads{}", .answer.as_ref().map(|id| format!(": see the answer {id}")).unwrap_or_default())]
    Files {
        /// Which component.
        component: String,
        /// The answer that names it, if it is one.
        answer: Option<String>,
        /// Why.
        source: FilesError,
    },
}

impl ObserveError {
    /// Whether something in the cluster cannot be decoded.
    pub(super) fn is_unreadable(&self) -> bool {
        matches!(self, Self::Api { source, .. } if source.kind() == ApiErrorKind::Protocol)
    }

    /// Whether a right is missing.
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        let mut layer: Option<&(dyn std::error::Error + 'static)> = Some(self);
        while let Some(error) = layer {
            if let Some(error) = error.downcast_ref::<KubeError>() {
                return error.kind() == ApiErrorKind::Forbidden;
            }
            layer = error.source();
        }
        false
    }
}
