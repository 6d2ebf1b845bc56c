//! What windlass remembers in the cluster: the content of the Secret `windlass-state`.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::cluster::ReleaseKey;

/// All that is remembered.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct InstallState {
    /// Version of this format.
    pub schema: u32,
    /// Component id to what is known of it.
    #[serde(default)]
    pub components: BTreeMap<String, ComponentState>,
    /// The answers of the last install, secrets as references.
    #[serde(default)]
    pub answers: Value,
    /// Namespaces that windlass made and may remove with `--purge-data`.
    #[serde(default)]
    pub namespaces: BTreeSet<String>,
    /// Components that were uninstalled and left data behind, with where it is.
    #[serde(default)]
    pub kept: BTreeMap<String, ComponentRecord>,
    /// Components whose first install was begun and has not come to its end, with what may be there of them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub begun: BTreeMap<String, ComponentRecord>,
}

impl InstallState {
    /// The same with what was begun among what is installed: all that there is to look at, or to take away.
    #[must_use]
    pub fn with_begun(mut self) -> Self {
        for (id, record) in &self.begun {
            let component = ComponentState {
                record: record.clone(),
                installed: String::new(),
                uploads: BTreeMap::new(),
                verified: None,
                good: None,
            };
            self.components.entry(id.clone()).or_insert(component);
        }
        self
    }

    /// A component is gone. Its answers belong to its data: they stay with what was kept of it, for the install that
    /// finds that again, and go with what was not.
    pub fn forget(&mut self, component: &str, kept: bool) {
        let installed = self.components.remove(component).map(|known| known.record);
        let begun = self.begun.remove(component);
        self.kept.remove(component);
        match installed.or(begun).filter(|_| kept) {
            Some(gone) => drop(self.kept.insert(component.to_owned(), gone)),
            None => drop(self.answers.as_object_mut().and_then(|answers| answers.remove(component))),
        }
        if self.components.is_empty() && self.begun.is_empty() && self.kept.is_empty() {
            self.answers = Value::Null;
        }
    }
}

/// The format's version that this build writes.
pub const STATE_SCHEMA: u32 = 1;

/// An installed component.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComponentState {
    /// What was installed.
    #[serde(flatten)]
    pub record: ComponentRecord,
    /// When that was.
    pub installed: String,
    /// What was uploaded: folder to file to HDFS checksum.
    #[serde(default)]
    pub uploads: BTreeMap<String, BTreeMap<String, String>>,
    /// How the last verify went.
    #[serde(default)]
    pub verified: Option<Verified>,
    /// The last revision whose proof passed.
    #[serde(default)]
    pub good: Option<Good>,
}

/// A revision to go back to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Good {
    /// Helm's number of it.
    pub revision: u32,
    /// When it was proven.
    pub at: String,
    /// What was installed then.
    pub record: ComponentRecord,
    /// The component's answers then, secrets as references.
    #[serde(default)]
    pub answers: Value,
}

/// What was installed: equal inputs give equal records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComponentRecord {
    /// Its name for people.
    pub title: String,
    /// Version of the software.
    pub version: String,
    /// Folder that was laid over the embedded definition, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// Its release, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<ReleaseKey>,
    /// Digest of the chart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chart: Option<String>,
    /// Digest of the values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<String>,
    /// Components that it needs.
    #[serde(default)]
    pub requires: BTreeSet<String>,
    /// Kind and label selector of what the software makes by itself.
    #[serde(default)]
    pub leftovers: Vec<(String, String)>,
    /// The pull Secret that windlass made in its namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull_secret: Option<String>,
    /// The Secrets that windlass filled in its namespace; they open its data and go with it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub secrets: BTreeSet<String>,
    /// Addresses: title, address in the cluster, Ingress.
    #[serde(default)]
    pub endpoints: Vec<(String, Option<String>, Option<String>)>,
}

/// The outcome of a verify.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// When it ended.
    pub at: String,
    /// Whether everything passed.
    pub passed: bool,
    /// What failed, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_stay_with_the_data_and_go_with_it() {
        let record = |title: &str| serde_json::json!({"title": title, "version": "1", "installed": "2026-01-01T00:00:00Z", "endpoints": []});
        let mut state: InstallState = serde_json::from_value(serde_json::json!({
            "schema": STATE_SCHEMA,
            "components": {"a": record("A"), "b": record("B")},
            "answers": {"platform": {"x": 1}, "a": {"y": 2}, "b": {"z": "env:HERE_NO_MORE"}},
        }))
        .unwrap();
        state.forget("b", false);
        assert_eq!(state.answers, serde_json::json!({"platform": {"x": 1}, "a": {"y": 2}}));
        state.forget("a", true);
        assert_eq!(state.answers["a"]["y"], 2, "the data is still there");
        assert!(state.kept.contains_key("a"));
        state.forget("a", false);
        assert_eq!(state, InstallState { schema: STATE_SCHEMA, ..InstallState::default() });
    }
}
