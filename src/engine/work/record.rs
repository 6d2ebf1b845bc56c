//! What is recorded in the cluster.

use std::collections::BTreeMap;

use serde_json::Value;

use super::runner::{CheckedRevision, StepRunner};
use crate::driver::state_store;
use crate::engine::perform::{Done, Failure};
use crate::model::cluster::ReleaseKey;
use crate::model::data::DataPlaces;
use crate::model::state::{ComponentRecord, ComponentState, GoodRevision, InstallState, Verified};

impl StepRunner {
    /// Records that a component is about to be installed.
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
        let places = self.places(record).await?;
        let at = now();
        let change = |state: &mut InstallState| {
            let before = state.components.remove(component);
            let kept = state.kept.remove(component).and_then(|kept| kept.data);
            let mut entry =
                ComponentState { record: record.clone(), installed: at.clone(), ..before.unwrap_or_default() };
            if let Some(uploads) = &uploads {
                entry.uploads = uploads.clone();
                entry.apart.clear();
            }
            // What earlier revisions created is still there.
            if let Some(places) = &places {
                let data = entry.data.get_or_insert_default();
                data.extend(places);
                data.extend(&kept.unwrap_or_default());
                data.crds.extend(record.crds.iter().cloned());
            }
            state.components.insert(component.to_owned(), entry);
            state.begun.remove(component);
            remember(&mut state.answers, answers);
        };
        self.change(change).await
    }

    /// Where the release of a component keeps data; `None` without a release that can be read.
    async fn places(&self, record: &ComponentRecord) -> Result<Option<DataPlaces>, Failure> {
        let Some(key) = &record.release else { return Ok(Some(DataPlaces::default())) };
        let mut found = self.cluster.releases(std::slice::from_ref(key)).await.map_err(|error| Failure::of(&error))?;
        Ok(found.remove(key).map(|release| DataPlaces::of(&release.manifest)))
    }

    pub(super) async fn forget(&self, component: &str, kept: Option<&DataPlaces>) -> Result<Done, Failure> {
        self.change(|state| state.forget(component, kept)).await
    }

    /// Notes which revision the checks of a component are about, when the first of them starts.
    pub(super) async fn note_checked_revision(&self, component: &str) -> Result<(), Failure> {
        let mut checked = self.checked.lock().await;
        if checked.contains_key(component) {
            return Ok(());
        }
        let record = match self.records.get(component) {
            Some(record) => Some(record.clone()),
            None => {
                let state = state_store::load(&self.cluster).await.map_err(|error| Failure::of(&error))?;
                state.and_then(|mut state| state.components.remove(component)).map(|known| known.record)
            }
        };
        let Some(record) = record else { return Ok(()) };
        let revision = self.revisions(record.release.iter()).await?.into_values().next();
        checked.insert(component.to_owned(), CheckedRevision { record, revision });
        Ok(())
    }

    async fn revisions(&self, keys: impl Iterator<Item = &ReleaseKey>) -> Result<BTreeMap<ReleaseKey, u32>, Failure> {
        let keys: Vec<ReleaseKey> = keys.cloned().collect();
        let found = self.cluster.releases(&keys).await.map_err(|error| Failure::of(&error))?;
        Ok(found.into_iter().map(|(key, release)| (key, release.revision)).collect())
    }

    /// Records the outcome of checks. A revision that is not the installed one any more is skipped.
    ///
    /// # Errors
    /// The state cannot be written.
    pub async fn record_checks(&self, outcomes: Vec<(String, Option<String>)>) -> Result<(), Failure> {
        let checked = self.checked.lock().await.clone();
        let now_there = self.revisions(checked.values().filter_map(|checked| checked.record.release.as_ref())).await?;
        let at = now();
        let change = |state: &mut InstallState| {
            for (component, why) in &outcomes {
                let still = checked.get(component).filter(|checked| {
                    checked.revision == checked.record.release.as_ref().and_then(|key| now_there.get(key).copied())
                });
                note_outcome(state, component, why.as_deref(), (checked.get(component), still), &at);
            }
        };
        self.change(change).await.map(drop)
    }

    /// Records that components without checks became ready: there is nothing else to verify of them, and their revision
    /// is one to roll back to.
    ///
    /// # Errors
    /// The state cannot be written.
    pub async fn record_ready(&self, components: &[String]) -> Result<(), Failure> {
        let keys = components.iter().filter_map(|component| self.records.get(component)?.release.as_ref());
        let there = self.revisions(keys).await?;
        let at = now();
        let change = |state: &mut InstallState| {
            for component in components {
                ready(state, component, &there, &at);
            }
        };
        self.change(change).await.map(drop)
    }

    /// Records that something was done that cannot be observed.
    pub(super) async fn done(&self, component: &str, step: &str, text: &str) -> Result<(), Failure> {
        let change = |state: &mut InstallState| {
            let steps = state.done.entry(component.to_owned()).or_default();
            steps.insert(step.to_owned(), text.to_owned());
        };
        self.change(change).await.map(drop)
    }

    /// What a step recorded of what it did.
    pub(super) async fn was_done(&self, component: &str, step: &str) -> Result<Option<String>, Failure> {
        let state = state_store::load(&self.cluster).await.map_err(|error| Failure::of(&error))?;
        Ok(state.and_then(|state| state.done.get(component)?.get(step).cloned()))
    }

    pub(super) async fn change(&self, change: impl Fn(&mut InstallState)) -> Result<Done, Failure> {
        state_store::update(&self.cluster, change).await.map_err(|error| Failure::of(&error))?;
        Ok(Done::default())
    }
}

/// Notes the outcome of a component's checks: `started` is what they were about, and `still` the same if that is still
/// installed.
fn note_outcome(
    state: &mut InstallState,
    component: &str,
    why: Option<&str>,
    (started, still): (Option<&CheckedRevision>, Option<&CheckedRevision>),
    at: &str,
) {
    let answers = state.answers.get(component).cloned().unwrap_or_default();
    let Some(known) = state.components.get_mut(component) else { return };
    match (started, still) {
        // Blocked before any of them started: what is installed was not verified.
        (None, _) if why.is_some() => {}
        (Some(_), Some(still)) if still.record == known.record => {
            if let (Some(revision), None) = (still.revision, why) {
                let record = still.record.clone();
                known.good = Some(GoodRevision { revision, at: at.to_owned(), record, answers });
            }
        }
        _ => return,
    }
    known.verified = Some(Verified { at: at.to_owned(), passed: why.is_none(), why: why.map(str::to_owned) });
}

/// A component became ready.
fn ready(state: &mut InstallState, component: &str, there: &BTreeMap<ReleaseKey, u32>, at: &str) {
    let answers = state.answers.get(component).cloned().unwrap_or_default();
    let Some(known) = state.components.get_mut(component) else { return };
    let Some(revision) = known.record.release.as_ref().and_then(|key| there.get(key)) else { return };
    known.good = Some(GoodRevision { revision: *revision, at: at.to_owned(), record: known.record.clone(), answers });
}

/// To the second.
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

    fn installed(version: &str) -> (ComponentRecord, InstallState) {
        let record = ComponentRecord { version: version.to_owned(), ..ComponentRecord::default() };
        let known = ComponentState { record: record.clone(), ..ComponentState::default() };
        (record, InstallState { components: [("a".to_owned(), known)].into(), ..InstallState::default() })
    }

    #[test]
    fn what_has_no_checks_can_be_rolled_back_to_what_was_ready() {
        let (_, mut state) = installed("1");
        let key = ReleaseKey::new("ns", "a");
        if let Some(known) = state.components.get_mut("a") {
            known.record.release = Some(key.clone());
        }
        ready(&mut state, "a", &BTreeMap::new(), "now");
        assert!(state.components["a"].good.is_none(), "its release is gone");
        ready(&mut state, "a", &BTreeMap::from([(key, 4)]), "now");
        let known = &state.components["a"];
        assert_eq!(known.good.as_ref().map(|good| (good.revision, &good.record)), Some((4, &known.record)));
        assert!(known.verified.is_none(), "nothing was verified");
    }

    #[test]
    fn a_check_verifies_the_revision_that_it_started_with() {
        let (record, before) = installed("1");
        let started = CheckedRevision { record, revision: Some(3) };
        let run = |state: &InstallState, why, still: bool| {
            let mut state = state.clone();
            note_outcome(&mut state, "a", why, (Some(&started), still.then_some(&started)), "now");
            state
        };
        let good = run(&before, None, true).components["a"].clone();
        assert_eq!((good.good.unwrap().revision, good.verified.unwrap().passed), (3, true));
        let bad = run(&before, Some("no"), true).components["a"].clone();
        assert!(bad.good.is_none() && !bad.verified.unwrap().passed);
        // Another run upgraded it meanwhile: neither its revision nor its record was verified.
        assert_eq!(run(&before, None, false), before);
        let (_, upgraded) = installed("2");
        assert_eq!(run(&upgraded, None, true), upgraded);
        let gone = InstallState::default();
        assert_eq!(run(&gone, None, true), gone);
        let mut blocked = before.clone();
        note_outcome(&mut blocked, "a", Some("blocked by b"), (None, None), "now");
        assert!(blocked.components["a"].verified.as_ref().is_some_and(|verified| !verified.passed));
    }
}
