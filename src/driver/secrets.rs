//! From a reference to the secret itself.

use super::kube::{Cluster, KubeError};
use crate::model::{Secret, SecretRef};

/// Why a secret could not be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The environment variable is not set.
    #[error("environment variable {0} is not set")]
    Unset(String),
    /// The file cannot be read.
    #[error("failed to read {path}")]
    File {
        /// Which.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The API failed.
    #[error("failed to read Secret {name}")]
    Api {
        /// Which, `namespace/name`.
        name: String,
        /// Why.
        source: KubeError,
    },
    /// The Secret is not there, or lacks the key.
    #[error("there is no Secret {name} with the key `{key}`")]
    Absent {
        /// Which, `namespace/name`.
        name: String,
        /// The key.
        key: String,
    },
    /// What was found cannot be what was meant.
    #[error("{from} does not hold a Docker config.json: {what}")]
    NotDockerConfig {
        /// Where it came from.
        from: SecretRef,
        /// What is wrong; never the content.
        what: &'static str,
    },
}

/// Reads what a reference names. `key` is the key within a Secret of the cluster.
///
/// # Errors
/// It is not there or cannot be read.
pub async fn read(reference: &SecretRef, cluster: &Cluster, key: &str) -> Result<Secret, SecretError> {
    match reference {
        SecretRef::Env(name) => std::env::var(name).map(Secret::new).map_err(|_| SecretError::Unset(name.clone())),
        SecretRef::File(path) => std::fs::read_to_string(path)
            .map(|text| Secret::new(text.trim_end_matches('\n').to_owned()))
            .map_err(|source| SecretError::File { path: path.display().to_string(), source }),
        SecretRef::Secret(full) => {
            let (namespace, name) = full.split_once('/').unwrap_or(("default", full));
            let api = |source| SecretError::Api { name: full.clone(), source };
            let mut data = cluster.secret(namespace, name).await.map_err(api)?.unwrap_or_default();
            data.remove(key).ok_or_else(|| SecretError::Absent { name: full.clone(), key: key.to_owned() })
        }
    }
}

/// Reads registry credentials: a Docker config.json with at least one login.
///
/// # Errors
/// It cannot be read, or is something else.
pub async fn docker_config(reference: &SecretRef, cluster: &Cluster) -> Result<Secret, SecretError> {
    let secret = read(reference, cluster, ".dockerconfigjson").await?;
    let wrong = |what| Err(SecretError::NotDockerConfig { from: reference.clone(), what });
    let Ok(config) = serde_json::from_str::<serde_json::Value>(secret.expose()) else {
        return wrong("it is not JSON");
    };
    match config["auths"].as_object() {
        None => wrong("it has no `auths`"),
        Some(auths) if auths.is_empty() => wrong("its `auths` is empty"),
        Some(_) => Ok(secret),
    }
}
