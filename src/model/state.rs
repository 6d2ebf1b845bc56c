//! What windlass remembers in the cluster: the content of the Secret `windlass-state`.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::cluster::ReleaseKey;
use super::data::DataPlaces;
use super::offline::OfflineRecord;

/// The format's version that this build writes. Whoever adds or changes a field raises it: a windlass that does not know
/// the field would drop it with the next thing that it writes, and refuses what has a higher number instead.
pub const STATE_SCHEMA: u32 = 4;

/// Why a text is not a state that this build may use.
#[derive(Debug, thiserror::Error)]
pub enum StateTextError {
    /// It is not JSON, or not a state.
    #[error("not a valid windlass state")]
    Content(#[from] serde_json::Error),
    /// A newer windlass wrote it.
    #[error("written by a newer windlass (format {0}, this one supports up to {STATE_SCHEMA}): use that version")]
    Newer(u32),
}

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
    /// Namespaces that windlass made and may remove with `--purge-data`, each with its uid: one of the same name that
    /// somebody makes later is another. Until format 2 the uid was not noted; it is empty then.
    #[serde(default, rename = "made", alias = "namespaces", deserialize_with = "made")]
    pub namespaces: BTreeMap<String, String>,
    /// Components that were uninstalled and left data behind, with where it is.
    #[serde(default)]
    pub kept: BTreeMap<String, RetainedComponent>,
    /// Components whose first install was started and has not finished, with what may exist of them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub begun: BTreeMap<String, ComponentRecord>,
    /// What was done that cannot be seen: component to step to what it was done for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub done: BTreeMap<String, BTreeMap<String, String>>,
    /// What offline bundles brought, if any did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offline: Option<OfflineRecord>,
    /// What versions of Secrets and salts of hashes are made with: random, and never shown.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub salt: String,
}

/// What remains of a component that was uninstalled.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RetainedComponent {
    /// What was installed.
    #[serde(flatten)]
    pub record: ComponentRecord,
    /// Where its data is; not known of what was uninstalled until format 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<DataPlaces>,
}

/// Names alone are from format 1.
fn made<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Made {
        Names(BTreeSet<String>),
        Uids(BTreeMap<String, String>),
    }
    Ok(match Made::deserialize(from)? {
        Made::Names(names) => names.into_iter().map(|name| (name, String::new())).collect(),
        Made::Uids(uids) => uids,
    })
}

impl InstallState {
    /// From JSON, of this format or an older one.
    ///
    /// # Errors
    /// It is none, or a newer windlass wrote it.
    pub fn from_json(text: &str) -> Result<Self, StateTextError> {
        #[derive(Deserialize)]
        struct Head {
            schema: u32,
        }
        // First: everything else may differ in what a newer one writes.
        match serde_json::from_str::<Head>(text)?.schema {
            newer if newer > STATE_SCHEMA => Err(StateTextError::Newer(newer)),
            _ => Ok(serde_json::from_str(text)?),
        }
    }

    /// The same with unfinished installs among what is installed: all that there is to look at, or to uninstall.
    #[must_use]
    pub fn with_unfinished(mut self) -> Self {
        for (id, record) in &self.begun {
            let component = ComponentState { record: record.clone(), ..ComponentState::default() };
            self.components.entry(id.clone()).or_insert(component);
        }
        self
    }

    /// A component is gone. Its answers belong to its data: they stay with what was kept of it, for the install that
    /// finds that again, and go with what was not. `kept` says where the data is that stays. Doing it again changes
    /// nothing: a step whose outcome was lost is done again.
    pub fn forget(&mut self, component: &str, kept: Option<&DataPlaces>) {
        let installed = self.components.remove(component).map(|known| (known.record, known.data));
        let begun = self.begun.remove(component).map(|record| (record, None));
        match kept {
            Some(data) => {
                if let Some((mut record, known)) = installed.or(begun) {
                    // Nobody pulls images for it any more.
                    record.pull_secret = None;
                    let mut all = known.unwrap_or_default();
                    all.extend(data);
                    let before = self.kept.remove(component).and_then(|before| before.data);
                    all.extend(&before.unwrap_or_default());
                    self.kept.insert(component.to_owned(), RetainedComponent { record, data: Some(all) });
                }
            }
            None => {
                self.kept.remove(component);
                // With its data gone, it is to be done again.
                self.done.remove(component);
                drop(self.answers.as_object_mut().and_then(|answers| answers.remove(component)));
            }
        }
        if self.components.is_empty() && self.begun.is_empty() && self.kept.is_empty() {
            self.answers = Value::Null;
            self.offline = None;
        }
    }
}

/// An installed component.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ComponentState {
    /// What was installed.
    #[serde(flatten)]
    pub record: ComponentRecord,
    /// When that was.
    pub installed: String,
    /// What was uploaded: folder to file to HDFS checksum.
    #[serde(default)]
    pub uploads: Uploads,
    /// The same for folders with too many files to be listed here.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub apart: BTreeMap<String, SeparateUploads>,
    /// Where its releases have put data so far; not known of what was installed until format 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<DataPlaces>,
    /// How the last verify went.
    #[serde(default)]
    pub verified: Option<Verified>,
    /// The last revision whose checks passed.
    #[serde(default)]
    pub good: Option<GoodRevision>,
}

impl ComponentState {
    /// Whether it is known what was uploaded to a folder.
    #[must_use]
    pub fn knows_upload(&self, folder: &str) -> bool {
        self.uploads.contains_key(folder) || self.apart.contains_key(folder)
    }

    /// The folders that it uploaded to.
    pub fn upload_folders(&self) -> impl Iterator<Item = &String> {
        self.uploads.keys().chain(self.apart.keys())
    }
}

/// Folder to file to checksum.
pub type Uploads = BTreeMap<String, BTreeMap<String, String>>;

/// The files of a folder, listed in Secrets of their own.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SeparateUploads {
    /// How many files.
    pub files: usize,
    /// `sha256:…` of the text, from name to checksum as JSON.
    pub digest: String,
    /// The Secrets that hold it compressed, in order.
    pub parts: Vec<String>,
}

/// How many bytes the names of all uploaded files may take with their checksums: enough for 200,000 of the longest names
/// that HDFS takes. The limit is before compression: it has to be known before anything is sent.
pub const UPLOADS_ROOM: usize = 64 * 1024 * 1024;

/// What a name takes besides itself: checksum, quotes and comma.
const UPLOAD_ENTRY: usize = 100;

/// Whether so many files can be remembered; else what they would take.
///
/// # Errors
/// They cannot.
pub fn uploads_fit<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<(), usize> {
    let bytes = names.into_iter().map(|name| name.len() + UPLOAD_ENTRY).sum();
    if bytes > UPLOADS_ROOM { Err(bytes) } else { Ok(()) }
}

/// A revision to go back to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GoodRevision {
    /// Helm's number of it.
    pub revision: u32,
    /// When it was verified.
    pub at: String,
    /// What was installed then.
    pub record: ComponentRecord,
    /// The component's answers then, secrets as references.
    #[serde(default)]
    pub answers: Value,
}

/// What was installed: equal inputs give equal records.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
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
    /// The Secrets that windlass filled in its namespace, and as `namespace/name` the copies of them in others; they open
    /// its data and go with it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub secrets: BTreeSet<String>,
    /// Namespaces besides that of its release.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub namespaces: BTreeSet<String>,
    /// What its chart has in `crds/`, by name.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub crds: BTreeSet<String>,
    /// The ConfigMaps of files in its namespace; they go with the release.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub config_maps: BTreeSet<String>,
    /// Addresses: title, address in the cluster, Ingress.
    #[serde(default)]
    pub endpoints: Vec<(String, Option<String>, Option<String>)>,
}

impl ComponentRecord {
    /// The Secrets that windlass filled: namespace and name.
    pub fn secret_places(&self) -> impl Iterator<Item = (String, String)> {
        let all = self.release.iter().flat_map(|key| self.secrets.iter().map(move |name| (key, name)));
        all.map(|(key, name)| match name.split_once('/') {
            Some((namespace, name)) => (namespace.to_owned(), name.to_owned()),
            None => (key.namespace.clone(), name.clone()),
        })
    }
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
    use serde_json::json;

    use super::*;

    fn two() -> InstallState {
        let record =
            |title: &str| json!({"title": title, "version": "1", "installed": "2026-01-01T00:00:00Z", "endpoints": []});
        InstallState::from_json(
            &json!({
                "schema": STATE_SCHEMA,
                "components": {"a": record("A"), "b": record("B")},
                "answers": {"platform": {"x": 1}, "a": {"y": 2}, "b": {"z": "env:HERE_NO_MORE"}},
            })
            .to_string(),
        )
        .unwrap()
    }

    #[test]
    fn answers_stay_with_the_data_and_go_with_it() {
        let mut state = two();
        state.forget("b", None);
        assert_eq!(state.answers, json!({"platform": {"x": 1}, "a": {"y": 2}}));
        state.forget("a", Some(&DataPlaces::default()));
        assert_eq!(state.answers["a"]["y"], 2, "the data is still there");
        assert!(state.kept.contains_key("a"));
        state.forget("a", None);
        assert_eq!(state, InstallState { schema: STATE_SCHEMA, ..InstallState::default() });
    }

    #[test]
    fn to_forget_again_loses_nothing() {
        let mut state = two();
        let data = DataPlaces { claims: [("ns".to_owned(), "data".to_owned())].into(), ..DataPlaces::default() };
        state.forget("a", Some(&data));
        let once = state.clone();
        state.forget("a", Some(&data));
        assert_eq!(state, once);
        assert_eq!(state.kept["a"].data.as_ref(), Some(&data));
    }

    #[test]
    fn what_an_older_windlass_wrote_is_read_and_what_a_newer_one_wrote_is_not() {
        let old = json!({
            "schema": 1,
            "components": {"a": {"title": "A", "version": "1", "installed": "then", "uploads": {"/f": {"x.jar": "sum"}}}},
            "namespaces": ["one", "two"],
            "kept": {"b": {"title": "B", "version": "2", "release": {"namespace": "one", "name": "b"}}},
        });
        let state = InstallState::from_json(&old.to_string()).unwrap();
        assert_eq!(state.namespaces, [("one".to_owned(), String::new()), ("two".to_owned(), String::new())].into());
        assert!(state.components["a"].knows_upload("/f"));
        assert_eq!(state.kept["b"].record.release, Some(ReleaseKey::new("one", "b")));
        let again = InstallState::from_json(&serde_json::to_string(&state).unwrap()).unwrap();
        assert_eq!(again, state);

        let newer = json!({"schema": STATE_SCHEMA + 1, "components": ["quite", "different"]}).to_string();
        let error = InstallState::from_json(&newer).unwrap_err();
        assert!(matches!(error, StateTextError::Newer(5)), "{error}");
    }

    /// The names of all fields of a state in which every one of them is.
    fn fields(value: &Value, path: &str, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(entries) => {
                for (key, value) in entries {
                    // Names of components, folders and files say nothing of the format.
                    let key = if key.starts_with('x') { "*" } else { key };
                    let path = format!("{path}.{key}");
                    fields(value, &path, found);
                    found.insert(path);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| fields(item, &format!("{path}[]"), found)),
            _ => {}
        }
    }

    /// An older windlass drops what it does not know: a field more is a format more.
    #[test]
    fn a_new_field_is_a_new_format() {
        let record = ComponentRecord {
            origin: Some(String::new()),
            release: Some(ReleaseKey::new("", "")),
            chart: Some(String::new()),
            values: Some(String::new()),
            pull_secret: Some(String::new()),
            secrets: [String::new()].into(),
            config_maps: [String::new()].into(),
            crds: [String::new()].into(),
            namespaces: [String::new()].into(),
            ..ComponentRecord::default()
        };
        let names = || [(String::new(), String::new())].into();
        let data = DataPlaces {
            claims: names(),
            series: names(),
            crds: [String::new()].into(),
            folders: [String::new()].into(),
        };
        let component = ComponentState {
            record: record.clone(),
            uploads: [("x".to_owned(), [("x".to_owned(), String::new())].into())].into(),
            apart: [("x".to_owned(), SeparateUploads::default())].into(),
            data: Some(data.clone()),
            verified: Some(Verified { at: String::new(), passed: false, why: Some(String::new()) }),
            good: Some(GoodRevision { revision: 1, at: String::new(), record: record.clone(), answers: Value::Null }),
            ..ComponentState::default()
        };
        let state = InstallState {
            done: [("x".to_owned(), [("x".to_owned(), String::new())].into())].into(),
            salt: "x".to_owned(),
            schema: STATE_SCHEMA,
            components: [("x".to_owned(), component)].into(),
            answers: Value::Null,
            namespaces: [("x".to_owned(), String::new())].into(),
            kept: [("x".to_owned(), RetainedComponent { record: record.clone(), data: Some(data) })].into(),
            begun: [("x".to_owned(), record)].into(),
            offline: Some(OfflineRecord {
                repositories: [("x".to_owned(), String::new())].into(),
                ..OfflineRecord::default()
            }),
        };
        let mut found = BTreeSet::new();
        fields(&serde_json::to_value(&state).unwrap(), "", &mut found);
        let text: Vec<String> = found.into_iter().collect();
        let digest = crate::model::digest(text.join("\n").as_bytes());
        assert_eq!(
            (STATE_SCHEMA, &digest[..19]),
            (4, "sha256:875927d43cde"),
            "raise STATE_SCHEMA\n{}",
            text.join("\n")
        );
    }

    #[test]
    fn a_hundred_thousand_files_have_room() {
        let name = "n".repeat(214);
        assert_eq!(uploads_fit(std::iter::repeat_n(name.as_str(), 100_000)), Ok(()));
        assert!(uploads_fit(std::iter::repeat_n(name.as_str(), 300_000)).is_err());
    }
}
