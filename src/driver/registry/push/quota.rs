//! Whether there is room for a push. Harbor says what is left of a project's quota; the protocol itself has no such request.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt as _;
use serde::Deserialize;

use super::plan::{BlobAction, PushPlan};
use super::preflight::PushProblem;
use crate::driver::registry::Registry;
use crate::model::human;
use crate::model::oci::Digest;

/// The part of `GET /api/v2.0/projects/NAME/summary` that is read (Harbor's `ProjectSummary`).
#[derive(Debug, Deserialize)]
struct Summary {
    quota: Quota,
}

/// Both in bytes; a limit of -1 is none.
#[derive(Debug, Deserialize)]
struct Quota {
    hard: Storage,
    used: Storage,
}

#[derive(Debug, Deserialize)]
struct Storage {
    storage: i64,
}

impl Quota {
    /// Bytes that are left; none where there is no limit.
    fn left(&self) -> Option<u64> {
        let limit = u64::try_from(self.hard.storage).ok()?;
        Some(limit.saturating_sub(u64::try_from(self.used.storage).unwrap_or_default()))
    }
}

/// Bytes that a push adds to each project. Harbor counts a blob once in a project, in however many repositories it is.
pub(super) fn needed(plan: &PushPlan) -> BTreeMap<String, u64> {
    let project = |repository: &str| repository.split('/').next().unwrap_or_default().to_owned();
    let here = |exists: bool| plan.blobs.iter().filter(move |step| (step.action == BlobAction::Exists) == exists);
    let there: BTreeSet<(String, Digest)> = here(true).map(|step| (project(&step.repository), step.digest)).collect();
    let added: BTreeMap<(String, Digest), u64> =
        here(false).map(|step| ((project(&step.repository), step.digest), step.bytes)).collect();
    let mut needed = BTreeMap::new();
    for ((project, _), bytes) in added.into_iter().filter(|(key, _)| !there.contains(key)) {
        *needed.entry(project).or_default() += bytes;
    }
    needed
}

impl Registry {
    /// The projects that have no room for so many bytes each. A registry that is no Harbor, or a login that may not see
    /// the quota, is no problem: the push finds out.
    pub(super) async fn quota_problems(&self, needed: BTreeMap<String, u64>) -> Vec<PushProblem> {
        if !self.is_harbor() {
            return Vec::new();
        }
        let queries = needed.into_iter().map(|(project, bytes)| async move {
            let summary = self.api(&format!("/api/v2.0/projects/{project}/summary")).await?;
            let left = serde_json::from_slice::<Summary>(&summary).ok()?.quota.left().filter(|left| *left < bytes)?;
            let why = format!(
                "the push adds {}, and {} of the project's quota are left; raise the quota in Harbor, or delete images there",
                human(bytes),
                human(left)
            );
            Some(PushProblem { name: project, why, source: None })
        });
        let answers: Vec<_> = futures::stream::iter(queries).buffered(self.limits().questions).collect().await;
        answers.into_iter().flatten().collect()
    }
}
