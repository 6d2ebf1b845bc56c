//! The Secret in which windlass remembers what it installed, and those with what is too much for one.
//!
//! Whoever changes it reads it, changes it, and puts it in the place of exactly what was read: what somebody else wrote
//! meanwhile is read again and changed again. Long lists of files are in Secrets of their own, named by their content:
//! they are written first and switched to by the one write that counts.

mod packing;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use self::packing::{Packed, PackingError, pack, unpack_head, unpack_part};
use super::kube::{ApiErrorKind, Cluster, KubeError, StoredSecret};
use crate::model::state::{ComponentState, InstallState, STATE_SCHEMA, SeparateUploads, StateTextError, Uploads};
use crate::model::{STATE_NAMESPACE, STATE_SECRET, mark};

/// The key in each of the Secrets that hold a part of a list.
const PART: &str = "part";

/// How long a change is retried while others change the state, too.
const UPDATE_TIMEOUT: Duration = Duration::from_secs(30);

/// Why the state could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The API failed.
    #[error("failed to {verb} Secret {STATE_NAMESPACE}/{name}")]
    Api {
        /// `read` or `write`.
        verb: &'static str,
        /// Which Secret.
        name: String,
        /// Why.
        source: KubeError,
    },
    /// Somebody changed it, or a newer windlass wrote it.
    #[error("failed to use Secret {STATE_NAMESPACE}/{STATE_SECRET}")]
    Text(#[from] StateTextError),
    /// It cannot be unpacked or packed.
    #[error("failed to use Secret {STATE_NAMESPACE}/{STATE_SECRET}")]
    Packing(#[from] PackingError),
    /// A part of a list of files is gone or damaged.
    #[error(
        "Secret {STATE_NAMESPACE}/{0}, which lists uploaded files, is missing or damaged: run `windlass install` to upload and record them again"
    )]
    Part(String),
    /// Others write all the time.
    #[error("Secret {STATE_NAMESPACE}/{STATE_SECRET} was changed concurrently {0} times in a row")]
    Contended(u32),
}

/// Reads the state; `None` where nothing was ever installed. Long lists of files are omitted: [`uploads`] reads them.
///
/// # Errors
/// The API fails, or the content cannot be understood.
pub async fn load(cluster: &Cluster) -> Result<Option<InstallState>, StateError> {
    Ok(read(cluster).await?.map(|(_, state)| state))
}

/// What a component uploaded, with the lists that are kept apart.
///
/// # Errors
/// The API fails, or a part is missing.
pub async fn uploads(cluster: &Cluster, component: &ComponentState) -> Result<Uploads, StateError> {
    let mut found = component.uploads.clone();
    for (folder, apart) in &component.apart {
        found.insert(folder.clone(), files(cluster, apart).await?);
    }
    Ok(found)
}

async fn files(cluster: &Cluster, apart: &SeparateUploads) -> Result<BTreeMap<String, String>, StateError> {
    let mut bytes = Vec::new();
    for name in &apart.parts {
        let found = cluster.stored_secret(STATE_NAMESPACE, name).await.map_err(api("read", name))?;
        let part = found.and_then(|mut found| found.data.remove(PART));
        bytes.extend(part.ok_or_else(|| StateError::Part(name.clone()))?);
    }
    let damaged = || StateError::Part(apart.parts.first().cloned().unwrap_or_default());
    unpack_part(&bytes, &apart.digest).ok_or_else(damaged)
}

/// Reads, changes and writes the state. `change` may be called again, on what others wrote meanwhile.
///
/// # Errors
/// The API fails, or the content cannot be understood.
pub async fn update(cluster: &Cluster, change: impl Fn(&mut InstallState)) -> Result<(), StateError> {
    let labels = mark();
    let give_up = Instant::now() + UPDATE_TIMEOUT;
    let mut tries = 0;
    loop {
        tries += 1;
        let before = read(cluster).await?;
        let mut state = before.as_ref().map(|(_, state)| state.clone()).unwrap_or_default();
        state.schema = STATE_SCHEMA;
        change(&mut state);
        if before.as_ref().is_some_and(|(_, before)| *before == state) {
            return Ok(());
        }
        if before.is_none() {
            cluster.ensure_namespace(STATE_NAMESPACE, &labels).await.map_err(api("write", STATE_SECRET))?;
        }
        let Packed { head, parts } = pack(&mut state)?;
        for (name, part) in parts {
            let data = BTreeMap::from([(PART.to_owned(), part)]);
            match cluster.create_stored(STATE_NAMESPACE, &name, data, &labels).await {
                // Its name says what is in it.
                Err(error) if error.kind() == ApiErrorKind::AlreadyExists => {}
                written => written.map_err(api("write", &name))?,
            }
        }
        let written = match &before {
            Some((version, _)) => cluster.replace_stored(STATE_NAMESPACE, STATE_SECRET, version, head, &labels).await,
            None => cluster.create_stored(STATE_NAMESPACE, STATE_SECRET, head, &labels).await,
        };
        match written {
            Ok(()) => {
                if let Some((_, before)) = &before {
                    forget_parts(cluster, before, &state).await;
                }
                return Ok(());
            }
            Err(error) if !is_overtaken(error.kind()) => return Err(api("write", STATE_SECRET)(error)),
            Err(_) if Instant::now() > give_up => return Err(StateError::Contended(tries)),
            // Another pause for each process: two that met do not meet again.
            Err(_) => sleep(Duration::from_millis(u64::from(tries.min(20) * (10 + std::process::id() % 23)))).await,
        }
    }
}

/// Somebody wrote, made or removed it since it was read.
fn is_overtaken(kind: ApiErrorKind) -> bool {
    matches!(kind, ApiErrorKind::Conflict | ApiErrorKind::AlreadyExists | ApiErrorKind::NotFound)
}

fn api(verb: &'static str, name: &str) -> impl FnOnce(KubeError) -> StateError + use<> {
    let name = name.to_owned();
    move |source| StateError::Api { verb, name, source }
}

/// The state with the version of the Secret that it was read from.
async fn read(cluster: &Cluster) -> Result<Option<(String, InstallState)>, StateError> {
    let found = cluster.stored_secret(STATE_NAMESPACE, STATE_SECRET).await.map_err(api("read", STATE_SECRET))?;
    let Some(StoredSecret { version, data }) = found else { return Ok(None) };
    let text = unpack_head(&data)?;
    let state = text.map(|text| InstallState::from_json(&text)).transpose()?;
    Ok(Some((version, state.unwrap_or_default())))
}

/// Removes lists that the state has no more. What cannot be removed takes room and does no harm.
async fn forget_parts(cluster: &Cluster, before: &InstallState, after: &InstallState) {
    let named = |state: &InstallState| -> BTreeSet<String> {
        let apart = state.components.values().flat_map(|component| component.apart.values());
        apart.flat_map(|apart| apart.parts.iter().cloned()).collect()
    };
    for name in named(before).difference(&named(after)) {
        let _ = cluster.delete_stored(STATE_NAMESPACE, name).await;
    }
}
