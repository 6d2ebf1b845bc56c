//! How things are removed, and what is kept.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::time::Duration;

use super::cluster::{HELM_MARGIN, failed, internal};
use super::runner::StepRunner;
use crate::driver::state_store;
use crate::engine::perform::{Context, Done, Failure};
use crate::model::cluster::{ObjectRef, ReleaseState};
use crate::model::state::InstallState;
use crate::model::{Progress, STATE_NAMESPACE, is_marked, next_secret};

fn summary(text: impl Into<String>) -> Done {
    Done { summary: Some(text.into()), ..Done::default() }
}

impl StepRunner {
    /// Makes Helm leave these objects of a release.
    pub(super) async fn keep(&self, release: &ReleaseState, keep: &[ObjectRef]) -> Result<(), Failure> {
        let (sets, objects): (Vec<ObjectRef>, Vec<ObjectRef>) =
            keep.iter().cloned().partition(|object| object.kind == "StatefulSet");
        for set in &sets {
            self.cluster.retain_claims(set).await.map_err(failed)?;
        }
        self.cluster.keep_objects(release, &objects).await.map_err(failed)
    }

    pub(super) async fn remove_by_label(&self, namespace: &str, kind: &str, selector: &str) -> Result<Done, Failure> {
        let gone = self.cluster.delete_by_label(kind, namespace, selector).await.map_err(failed)?;
        Ok(summary(format!("{} deleted", gone.len())))
    }

    pub(super) async fn remove_secret(&self, namespace: &str, name: &str) -> Result<Done, Failure> {
        // What an interrupted rotation left.
        self.cluster.delete_own_secret(namespace, &next_secret(name)).await.map_err(failed)?;
        // Another of that name may have taken its place: what is not ours is not ours to remove.
        match self.cluster.delete_own_secret(namespace, name).await.map_err(failed)? {
            true => Ok(Done::default()),
            false => Ok(summary("skipped: not created by windlass")),
        }
    }

    pub(super) async fn remove_files(&self, namespace: &str, name: &str) -> Result<Done, Failure> {
        match self.cluster.remove_own_files(namespace, name).await.map_err(failed)? {
            true => Ok(Done::default()),
            false => Ok(summary("not found, or not created by windlass")),
        }
    }

    pub(super) async fn purge_claim(&self, namespace: &str, name: &str) -> Result<Done, Failure> {
        let object = ObjectRef::namespaced("v1", "PersistentVolumeClaim", namespace, name);
        let there = self.cluster.delete(&object).await.map_err(failed)?;
        Ok(if there { Done::default() } else { summary("not found") })
    }

    /// Removes a namespace if it is the one that windlass made and holds nothing of others but what was agreed to, and
    /// forgets it: one that somebody makes later is theirs.
    pub(super) async fn remove_namespace(
        &self,
        name: &str,
        releases: &BTreeSet<String>,
        agreed: &[String],
        context: &Context,
    ) -> Result<Done, Failure> {
        let state = state_store::load(&self.cluster).await.map_err(failed)?.unwrap_or_default();
        let Some(made) = state.namespaces.get(name).filter(|_| name != STATE_NAMESPACE) else {
            return Ok(summary("skipped: not created by windlass"));
        };
        let found = self.cluster.namespace(name).await.map_err(failed)?;
        let ours = found.filter(|found| match made.is_empty() {
            false => found.uid == *made,
            // Until format 2 of the state no uid was noted.
            true => is_marked(&found.labels),
        });
        let Some(ours) = ours else {
            self.forget_namespace(name).await?;
            return Ok(summary("already deleted, or replaced by another of that name, which is kept"));
        };
        if !ours.terminating {
            let contents = self.cluster.contents(name).await.map_err(failed)?;
            let others = contents.others(releases, |_| false);
            let new: Vec<String> = others.into_iter().filter(|other| !agreed.contains(other)).collect();
            if !new.is_empty() {
                let text = format!(
                    "namespace {name} is kept: it has objects that did not exist when you confirmed: {}; run the same command again to confirm their deletion",
                    new.join(", ")
                );
                return Err(internal(&text));
            }
            self.cluster.delete_namespace(name, &ours.uid).await.map_err(failed)?;
        }
        loop {
            match self.cluster.namespace(name).await.map_err(failed)? {
                Some(still) if still.uid == ours.uid => {}
                _ => break,
            }
            if context.left() < HELM_MARGIN {
                return Err(internal(&format!("timed out waiting for namespace {name} to be deleted")));
            }
            (context.progress)(Progress::Waiting(format!("namespace {name} is terminating")));
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        self.forget_namespace(name).await?;
        Ok(Done::default())
    }

    async fn forget_namespace(&self, name: &str) -> Result<(), Failure> {
        let change = |state: &mut InstallState| drop(state.namespaces.remove(name));
        state_store::update(&self.cluster, change).await.map_err(failed)
    }
}
