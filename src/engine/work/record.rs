//! What is remembered in the cluster.

use serde_json::Value;

use super::World;
use crate::driver::state_store;
use crate::engine::perform::{Done, Failure};
use crate::model::cluster::ReleaseKey;
use crate::model::state::{ComponentRecord, ComponentState, Good, InstallState, Verified};

impl World {
    /// Remembers that a component is about to be installed.
    pub(super) async fn begin(&self, component: &str) -> Result<(), Failure> {
        let Some(record) = self.records.get(component) else { return Ok(()) };
        let change = |state: &mut InstallState| {
            if !state.components.contains_key(component) {
                state.begun.insert(component.to_owned(), record.clone());
            }
        };
        self.change(change).await.map(drop)
    }

    pub(super) async fn record(
        &self,
        component: &str,
        record: &ComponentRecord,
        answers: &Value,
    ) -> Result<Done, Failure> {
        let uploads = self.uploads.lock().await.get(component).cloned();
        let change = |state: &mut InstallState| {
            let before = state.components.remove(component);
            let (known, verified, good) =
                before.map_or((None, None, None), |before| (Some(before.uploads), before.verified, before.good));
            let entry = ComponentState {
                record: record.clone(),
                installed: now(),
                uploads: uploads.or(known).unwrap_or_default(),
                verified,
                good,
            };
            state.components.insert(component.to_owned(), entry);
            state.kept.remove(component);
            state.begun.remove(component);
            remember(&mut state.answers, answers);
        };
        self.change(change).await
    }

    pub(super) async fn forget(&self, component: &str, kept: bool) -> Result<Done, Failure> {
        self.change(|state| state.forget(component, kept)).await
    }

    /// Remembers how a proof went.
    ///
    /// # Errors
    /// The state cannot be written.
    pub async fn record_proofs(&self, proofs: Vec<(String, Option<String>)>) -> Result<(), Failure> {
        let known = state_store::load(&self.cluster).await.map_err(|error| Failure::of(&error))?.unwrap_or_default();
        let keys = known.components.values().filter_map(|component| component.record.release.clone());
        let keys: Vec<ReleaseKey> = keys.collect();
        let releases = self.cluster.releases(&keys).await.map_err(|error| Failure::of(&error))?;
        let change = |state: &mut InstallState| {
            let at = now();
            for (component, why) in proofs {
                let answers = state.answers.get(&component).cloned().unwrap_or_default();
                let Some(known) = state.components.get_mut(&component) else { continue };
                let release = known.record.release.as_ref().and_then(|key| releases.get(key));
                if let (Some(release), None) = (release, &why) {
                    let record = known.record.clone();
                    known.good = Some(Good { revision: release.revision, at: at.clone(), record, answers });
                }
                known.verified = Some(Verified { at: at.clone(), passed: why.is_none(), why });
            }
        };
        self.change(change).await.map(drop)
    }

    async fn change(&self, change: impl FnOnce(&mut InstallState)) -> Result<Done, Failure> {
        let _turn = self.state.lock().await;
        state_store::update(&self.cluster, change).await.map_err(|error| Failure::of(&error))?;
        Ok(Done::default())
    }
}

/// To the second: nobody reads more.
fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Takes over the answers of the components of this run; those of others stay: an install may be of a part.
fn remember(known: &mut Value, answers: &Value) {
    match (known.as_object_mut(), answers.as_object()) {
        (Some(known), Some(answers)) => {
            known.extend(answers.iter().map(|(component, answers)| (component.clone(), answers.clone())));
        }
        _ => *known = answers.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_other_components_stay() {
        let mut known = serde_json::json!({"a": {"x": 1, "y": 2}, "b": {"z": 3}});
        remember(&mut known, &serde_json::json!({"a": {"x": 5}}));
        assert_eq!(known, serde_json::json!({"a": {"x": 5}, "b": {"z": 3}}));
        let mut nothing = Value::Null;
        remember(&mut nothing, &serde_json::json!({"a": {}}));
        assert_eq!(nothing, serde_json::json!({"a": {}}));
    }
}
