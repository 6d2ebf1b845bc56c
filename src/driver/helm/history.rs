//! What Helm recorded.

use serde::Deserialize;

use crate::model::cluster::ReleaseStatus;

/// What Helm recorded about the newest revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Counts from 1.
    pub revision: u32,
    /// Its status.
    pub status: ReleaseStatus,
    /// Our description, or Helm's reason for a failure.
    pub description: String,
}

/// The newest of `helm history --output json`.
pub(super) fn parse_history(json: &[u8]) -> Result<Option<Recorded>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Entry {
        revision: u32,
        status: String,
        #[serde(default)]
        description: String,
    }
    let entries: Vec<Entry> = serde_json::from_slice(json)?;
    Ok(entries.into_iter().max_by_key(|entry| entry.revision).map(|entry| Recorded {
        revision: entry.revision,
        status: ReleaseStatus::from_helm(&entry.status),
        description: entry.description,
    }))
}
