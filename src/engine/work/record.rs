//! What is remembered in the cluster.

use serde_json::Value;

use super::World;
use crate::driver::state_store;
use crate::engine::perform::{Done, Failure};
use crate::model::state::{ComponentRecord, ComponentState, InstallState, Verified};

impl World {
    pub(super) async fn record(
        &self,
        component: &str,
        record: &ComponentRecord,
        answers: &Value,
    ) -> Result<Done, Failure> {
        let uploads = self.uploads.lock().await.get(component).cloned();
        let change = |state: &mut InstallState| {
            let before = state.components.remove(component);
            let (known, verified) = before.map_or((None, None), |before| (Some(before.uploads), before.verified));
            let entry = ComponentState {
                record: record.clone(),
                installed: now(),
                uploads: uploads.or(known).unwrap_or_default(),
                verified,
            };
            state.components.insert(component.to_owned(), entry);
            state.kept.remove(component);
            remember(&mut state.answers, answers);
        };
        self.change(change).await
    }

    pub(super) async fn forget(&self, component: &str, kept: bool) -> Result<Done, Failure> {
        let change = |state: &mut InstallState| {
            let gone = state.components.remove(component);
            state.kept.remove(component);
            if let Some(gone) = gone.filter(|_| kept) {
                state.kept.insert(component.to_owned(), gone.record);
            }
        };
        self.change(change).await
    }

    /// Remembers how a proof went.
    ///
    /// # Errors
    /// The state cannot be written.
    pub async fn record_proofs(&self, proofs: Vec<(String, Option<String>)>) -> Result<(), Failure> {
        let change = |state: &mut InstallState| {
            let at = now();
            for (component, why) in proofs {
                if let Some(known) = state.components.get_mut(&component) {
                    known.verified = Some(Verified { at: at.clone(), passed: why.is_none(), why });
                }
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
