//! Rolls back to the last revision whose checks passed.

use serde_json::json;

use super::step::step;
use super::types::{Change, PLAN_SCHEMA, Plan, Step, Work};
use crate::model::cluster::{ReleaseState, ReleaseStatus};
use crate::model::state::InstallState;

/// Why there is nothing to roll back to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RollbackError {
    /// The component is not installed.
    #[error("`{0}` is not installed; `windlass status` shows what is")]
    NotInstalled(String),
    /// It has no release.
    #[error("`{0}` has no release to roll back")]
    NoRelease(String),
    /// No revision was ever verified.
    #[error(
        "no revision of `{0}` was ever verified, so there is none to roll back to; change the answers and run `windlass install`"
    )]
    NeverVerified(String),
    /// Helm has forgotten it.
    #[error("revision {revision} of `{id}` was the last verified one, but Helm no longer keeps it (it keeps {kept})")]
    NotKept {
        /// The component.
        id: String,
        /// The revision.
        revision: u32,
        /// Those that are kept, as text.
        kept: String,
    },
}

/// The plan that brings a component's release back to the last revision that was verified, and verifies it again with
/// `checks`. Without steps where that revision is the one that runs.
///
/// # Errors
/// There is no such revision.
pub fn rollback(
    id: &str,
    state: &InstallState,
    found: Option<&ReleaseState>,
    checks: Vec<Step>,
) -> Result<Plan, RollbackError> {
    let component = state.components.get(id).ok_or_else(|| RollbackError::NotInstalled(id.to_owned()))?;
    let (Some(key), Some(found)) = (component.record.release.clone(), found) else {
        return Err(RollbackError::NoRelease(id.to_owned()));
    };
    let good = component.good.as_ref().ok_or_else(|| RollbackError::NeverVerified(id.to_owned()))?;
    let mut plan =
        Plan { schema: PLAN_SCHEMA, hdfs: None, overlaid: Vec::new(), skipped: Vec::new(), steps: Vec::new() };
    if found.revision == good.revision && found.status == ReleaseStatus::Deployed {
        return Ok(plan);
    }
    if !found.history.iter().any(|known| known.revision == good.revision) {
        let kept: Vec<String> = found.history.iter().map(|known| known.revision.to_string()).collect();
        return Err(RollbackError::NotKept { id: id.to_owned(), revision: good.revision, kept: kept.join(", ") });
    }
    let names = ["rollback", "ready", "record"].map(|name| format!("{id}/{name}"));
    let [rolled, ready, record] = names;
    plan.steps.push(Step {
        change: Change::Update,
        why: vec![format!(
            "revision {} is {}, revision {} was verified at {}",
            found.revision, found.status, good.revision, good.at
        )],
        ..step(
            id,
            rolled.clone(),
            format!("roll back release {} in {} to revision {}", key.name, key.namespace, good.revision),
            Work::Rollback { key: key.clone(), revision: good.revision },
        )
    });
    let title = format!("{} is ready", component.record.title);
    plan.steps.push(Step { needs: vec![rolled], ..step(id, ready.clone(), title, Work::Ready { key }) });
    let answers = json!({ id: good.answers });
    plan.steps.push(Step {
        change: Change::Update,
        needs: vec![ready.clone()],
        ..step(
            id,
            record,
            format!("record {}", component.record.title),
            Work::Record { record: good.record.clone(), answers: answers.into() },
        )
    });
    plan.steps.extend(checks.into_iter().map(|mut step| {
        if step.needs.is_empty() {
            step.needs.push(ready.clone());
        }
        step
    }));
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::model::cluster::{ReleaseKey, RevisionState};
    use crate::model::state::{ComponentRecord, ComponentState, GoodRevision};

    fn release(revision: u32, status: ReleaseStatus, kept: &[u32]) -> ReleaseState {
        ReleaseState {
            key: ReleaseKey::new("apache-livy", "my-livy"),
            revision,
            status,
            chart_name: "livy".into(),
            chart_version: "1".into(),
            chart_annotations: BTreeMap::new(),
            config: json!({}),
            manifest: Vec::new(),
            unread: Vec::new(),
            description: String::new(),
            updated: String::new(),
            history: kept
                .iter()
                .map(|revision| RevisionState { revision: *revision, status: ReleaseStatus::Superseded })
                .collect(),
        }
    }

    fn state(good: Option<u32>) -> InstallState {
        let record = ComponentRecord {
            title: "Apache Livy".into(),
            version: "0.9.0".into(),
            release: Some(ReleaseKey::new("apache-livy", "my-livy")),
            ..ComponentRecord::default()
        };
        let good = good.map(|revision| GoodRevision {
            revision,
            at: "2026-11-21T10:00:00Z".into(),
            record: record.clone(),
            answers: json!({"memory": "1Gi"}),
        });
        let component =
            ComponentState { record, installed: "2026-11-21T09:00:00Z".into(), good, ..ComponentState::default() };
        InstallState { components: BTreeMap::from([("livy".to_owned(), component)]), ..InstallState::default() }
    }

    #[test]
    fn it_goes_back_to_what_was_verified_and_verifies_it_again() {
        let check = step("livy", "livy/verify-1".into(), "check".into(), Work::Forget { kept: None });
        let found = release(4, ReleaseStatus::Deployed, &[2, 3, 4]);
        let plan = rollback("livy", &state(Some(2)), Some(&found), vec![check]).unwrap();
        let ids: Vec<&str> = plan.steps.iter().map(|step| step.id.as_str()).collect();
        assert_eq!(ids, ["livy/rollback", "livy/ready", "livy/record", "livy/verify-1"]);
        assert_eq!(plan.steps[0].why, ["revision 4 is deployed, revision 2 was verified at 2026-11-21T10:00:00Z"]);
        assert_eq!(plan.steps[3].needs, ["livy/ready"]);
    }

    #[test]
    fn there_may_be_nothing_to_do_or_nothing_to_go_back_to() {
        let run = |good, found: &ReleaseState| rollback("livy", &state(good), Some(found), Vec::new());
        assert!(!run(Some(2), &release(2, ReleaseStatus::Deployed, &[1, 2])).unwrap().has_work());
        assert!(run(Some(2), &release(2, ReleaseStatus::Failed, &[1, 2])).unwrap().has_work());
        let never = run(None, &release(2, ReleaseStatus::Deployed, &[1, 2]));
        assert_eq!(never, Err(RollbackError::NeverVerified("livy".into())));
        let gone = run(Some(2), &release(9, ReleaseStatus::Deployed, &[5, 9]));
        assert_eq!(gone, Err(RollbackError::NotKept { id: "livy".into(), revision: 2, kept: "5, 9".into() }));
        let other = rollback("hdfs", &state(None), None, Vec::new());
        assert_eq!(other, Err(RollbackError::NotInstalled("hdfs".into())));
    }
}
