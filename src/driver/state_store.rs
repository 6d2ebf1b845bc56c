//! The Secret in which windlass remembers what it installed.

use std::collections::BTreeMap;

use super::kube::{Cluster, KubeError};
use crate::model::Secret;
use crate::model::state::{InstallState, STATE_SCHEMA};
use crate::model::{STATE_NAMESPACE, STATE_SECRET};

const KEY: &str = "state.json";

/// Why the state could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The API failed.
    #[error("failed to {verb} Secret {STATE_NAMESPACE}/{STATE_SECRET}")]
    Api {
        /// `read` or `write`.
        verb: &'static str,
        /// Why.
        source: KubeError,
    },
    /// Somebody changed it, or a newer windlass wrote it.
    #[error("Secret {STATE_NAMESPACE}/{STATE_SECRET} cannot be understood")]
    Content(#[from] serde_json::Error),
    /// A newer windlass wrote it.
    #[error("Secret {STATE_NAMESPACE}/{STATE_SECRET} was written by a newer windlass (format {0}): use that one")]
    Newer(u32),
}

/// Reads the state; `None` where nothing was ever installed.
///
/// # Errors
/// The API fails, or the content cannot be understood.
pub async fn load(cluster: &Cluster) -> Result<Option<InstallState>, StateError> {
    let read = |source| StateError::Api { verb: "read", source };
    let Some(data) = cluster.secret(STATE_NAMESPACE, STATE_SECRET).await.map_err(read)? else { return Ok(None) };
    let Some(text) = data.get(KEY) else { return Ok(None) };
    let state: InstallState = serde_json::from_str(text.expose())?;
    if state.schema > STATE_SCHEMA {
        return Err(StateError::Newer(state.schema));
    }
    Ok(Some(state))
}

/// Reads, changes and writes the state. Concurrent callers in this process must take turns.
///
/// # Errors
/// The API fails, or the content cannot be understood.
pub async fn update(cluster: &Cluster, change: impl FnOnce(&mut InstallState)) -> Result<(), StateError> {
    let write = |source| StateError::Api { verb: "write", source };
    let mut state = load(cluster).await?.unwrap_or_default();
    state.schema = STATE_SCHEMA;
    change(&mut state);
    let managed = BTreeMap::from([("app.kubernetes.io/managed-by".to_owned(), "windlass".to_owned())]);
    cluster.ensure_namespace(STATE_NAMESPACE, &managed).await.map_err(write)?;
    let text = Secret::new(serde_json::to_string(&state)?);
    let data = BTreeMap::from([(KEY.to_owned(), text)]);
    cluster.apply_secret(STATE_NAMESPACE, STATE_SECRET, "Opaque", &data, &managed).await.map_err(write)
}
