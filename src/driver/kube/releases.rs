//! Helm's release records, read from its Secrets without a subprocess. A release of another `HELM_DRIVER` is not ours.

use std::collections::BTreeMap;
use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, ListParams, PostParams};
use serde::Deserialize;
use serde_json::Value;

use super::{ApiError, ApiErrorKind, Cluster, KubeError, parse_manifest, retry};
use crate::model::bounded;
use crate::model::cluster::{ManifestObject, ReleaseKey, ReleaseState, ReleaseStatus, RevisionState};

/// How many releases are read at the same time.
const AT_ONCE: usize = 8;

/// Helm's Secret holds 1 MiB at most; decompressed it is never this large unless it was made to be.
const RECORD_CAP: u64 = 32 * 1024 * 1024;

/// The most JSON values of a record, each of which takes memory: a thousand times those of a large chart.
const RECORD_VALUES: usize = 200_000;

impl Cluster {
    /// The newest revision of each of these releases. Those that do not exist are absent from the result.
    ///
    /// # Errors
    /// When the Secrets cannot be listed or read, or one is not a record of Helm's.
    pub async fn releases(&self, keys: &[ReleaseKey]) -> Result<BTreeMap<ReleaseKey, ReleaseState>, KubeError> {
        // Collected first: a closure that borrows from a stream's items is not `Send` in the compiler's eyes.
        let requests: Vec<_> = keys.iter().map(|key| self.release(key)).collect();
        let found: Vec<Option<ReleaseState>> =
            futures::stream::iter(requests).buffer_unordered(AT_ONCE).try_collect().await?;
        Ok(found.into_iter().flatten().map(|state| (state.key.clone(), state)).collect())
    }

    async fn release(&self, key: &ReleaseKey) -> Result<Option<ReleaseState>, KubeError> {
        let api: Api<Secret> = Api::namespaced(self.client(), &key.namespace);
        let what = format!("the record of release {key}");
        // Labels only: a record may be 1 MiB, and only the newest is needed.
        let selector = ListParams::default().labels(&format!("owner=helm,name={}", key.name));
        let list = retry::call("list", &what, || api.list_metadata(&selector)).await?;
        let mut history: Vec<(RevisionState, String)> = list
            .items
            .into_iter()
            .filter_map(|secret| {
                let labels = secret.metadata.labels.unwrap_or_default();
                let revision = labels.get("version")?.parse().ok()?;
                let status = ReleaseStatus::from_helm(labels.get("status").map(String::as_str).unwrap_or_default());
                Some((RevisionState { revision, status }, secret.metadata.name?))
            })
            .collect();
        history.sort_by_key(|(state, _)| state.revision);
        let Some((_, name)) = history.last().cloned() else { return Ok(None) };
        // Gone in between: somebody uninstalls it.
        let Some(secret) = retry::call("get", &what, || api.get_opt(&name)).await? else { return Ok(None) };
        let data = secret.data.and_then(|mut data| data.remove("release")).map(|bytes| bytes.0).unwrap_or_default();
        let history = history.into_iter().map(|(state, _)| state).collect();
        let unreadable = |problem: RecordError| KubeError {
            verb: "read",
            what: format!("{what} ({name})"),
            source: ApiError::new(ApiErrorKind::Protocol, problem.to_string()),
        };
        decode(key, &data, history).map(Some).map_err(unreadable)
    }
}

impl Cluster {
    /// The objects of the hooks of a release that an operation is under way on; `None` while there is none.
    ///
    /// # Errors
    /// When the Secrets cannot be listed or read, or the newest is not a record of Helm's.
    pub(super) async fn hooks(&self, key: &ReleaseKey) -> Result<Option<Vec<ManifestObject>>, KubeError> {
        let api: Api<Secret> = Api::namespaced(self.client(), &key.namespace);
        let what = format!("the record of release {key}");
        let selector = ListParams::default().labels(&format!("owner=helm,name={}", key.name));
        let list = retry::call("list", &what, || api.list_metadata(&selector)).await?;
        let newest = list.items.into_iter().filter_map(|secret| {
            let labels = secret.metadata.labels.unwrap_or_default();
            let status = ReleaseStatus::from_helm(labels.get("status").map(String::as_str).unwrap_or_default());
            Some((labels.get("version")?.parse::<u32>().ok()?, status, secret.metadata.name?))
        });
        let newest = newest.max_by_key(|(revision, _, _)| *revision);
        let Some((_, _, name)) = newest.filter(|(_, status, _)| status.is_pending()) else { return Ok(None) };
        let Some(secret) = retry::call("get", &what, || api.get_opt(&name)).await? else { return Ok(None) };
        let data = secret.data.and_then(|mut data| data.remove("release")).map(|bytes| bytes.0).unwrap_or_default();
        hooks_of(key, &data).map(Some).map_err(|problem| KubeError {
            verb: "read",
            what: format!("{what} ({name})"),
            source: ApiError::new(ApiErrorKind::Protocol, problem.to_string()),
        })
    }

    /// Turns the pending record of a Helm that was killed into a failed one, from which the next upgrade can continue:
    /// only what Helm itself would have written on a stop is changed. `false` if the record has changed meanwhile.
    ///
    /// # Errors
    /// When the Secret cannot be read or written, or is not a record of Helm's.
    pub async fn mark_failed(&self, pending: &ReleaseState, why: &str) -> Result<bool, KubeError> {
        let key = &pending.key;
        let api: Api<Secret> = Api::namespaced(self.client(), &key.namespace);
        let name = format!("sh.helm.release.v1.{}.v{}", key.name, pending.revision);
        let what = format!("the record of release {key} ({name})");
        let Some(mut secret) = retry::call("get", &what, || api.get_opt(&name)).await? else { return Ok(false) };
        let labels = secret.metadata.labels.get_or_insert_default();
        if labels.get("status").is_none_or(|status| ReleaseStatus::from_helm(status) != pending.status) {
            return Ok(false);
        }
        labels.insert("status".to_owned(), "failed".to_owned());
        let data = secret.data.get_or_insert_default();
        let packed = data.get("release").map(|bytes| bytes.0.as_slice()).unwrap_or_default();
        let failed = failed_record(packed, why).map_err(|problem| KubeError {
            verb: "read",
            what: what.clone(),
            source: ApiError::new(ApiErrorKind::Protocol, problem.to_string()),
        })?;
        data.insert("release".to_owned(), k8s_openapi::ByteString(failed));
        let params = PostParams::default();
        match retry::call("replace", &what, || api.replace(&name, &params, &secret)).await {
            Ok(_) => Ok(true),
            Err(err) if matches!(err.kind(), ApiErrorKind::Conflict | ApiErrorKind::NotFound) => Ok(false),
            Err(err) => Err(err),
        }
    }
}

/// The same record with the status `failed`.
fn failed_record(bytes: &[u8], why: &str) -> Result<Vec<u8>, RecordError> {
    let mut record = unpacked(bytes)?;
    record["info"]["status"] = "failed".into();
    record["info"]["description"] = why.into();
    packed(&record)
}

/// A record as JSON, from the Secret's bytes.
pub(super) fn unpacked(bytes: &[u8]) -> Result<Value, RecordError> {
    serde_json::from_slice(&unpack(bytes)?).map_err(RecordError::Json)
}

/// The Secret's bytes of a record.
pub(super) fn packed(record: &Value) -> Result<Vec<u8>, RecordError> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(record.to_string().as_bytes()).map_err(RecordError::Gzip)?;
    Ok(STANDARD.encode(gzip.finish().map_err(RecordError::Gzip)?).into_bytes())
}

/// What is wrong with a record.
#[derive(Debug, thiserror::Error)]
pub(super) enum RecordError {
    #[error("not base64: {0}")]
    Base64(base64::DecodeError),
    #[error("not gzip: {0}")]
    Gzip(std::io::Error),
    #[error("decompressed size exceeds the limit of {}", bounded::size(RECORD_CAP))]
    TooLarge,
    #[error("more than the limit of {RECORD_VALUES} values")]
    TooMany,
    #[error("failed to parse Helm's JSON: {0}")]
    Json(serde_json::Error),
}

#[derive(Deserialize)]
struct Record {
    version: u32,
    info: Info,
    chart: Option<Chart>,
    #[serde(default)]
    config: Value,
    #[serde(default)]
    manifest: String,
}

#[derive(Deserialize)]
struct Info {
    status: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    last_deployed: String,
}

#[derive(Deserialize)]
struct Chart {
    metadata: Option<Metadata>,
}

#[derive(Deserialize, Default)]
struct Metadata {
    #[serde(default)]
    name: String,
    #[serde(default)]
    version: String,
    annotations: Option<BTreeMap<String, String>>,
}

/// From the Secret's bytes (the API has taken one base64 off): base64 of gzip of JSON, old ones without the gzip.
fn unpack(data: &[u8]) -> Result<Vec<u8>, RecordError> {
    let packed = STANDARD.decode(data).map_err(RecordError::Base64)?;
    if !packed.starts_with(&[0x1f, 0x8b]) {
        return Ok(packed);
    }
    let json = bounded::capped(flate2::read::GzDecoder::new(packed.as_slice()), RECORD_CAP);
    let json = json.map_err(|error| match error.kind() {
        std::io::ErrorKind::FileTooLarge => RecordError::TooLarge,
        _ => RecordError::Gzip(error),
    })?;
    if values(&json) > RECORD_VALUES {
        return Err(RecordError::TooMany);
    }
    Ok(json)
}

/// How many values a JSON text holds at most, counted before any of them is made: what stands before each but the first
/// is a comma, a colon or a bracket outside of texts.
fn values(json: &[u8]) -> usize {
    let (mut count, mut text, mut escaped) = (0, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if text => escaped = true,
            b'"' => text = !text,
            b',' | b':' | b'[' | b'{' if !text => count += 1,
            _ => {}
        }
    }
    count
}

#[derive(Deserialize)]
struct Hooks {
    #[serde(default)]
    hooks: Option<Vec<Hook>>,
}

#[derive(Deserialize)]
struct Hook {
    #[serde(default)]
    manifest: String,
}

fn hooks_of(key: &ReleaseKey, data: &[u8]) -> Result<Vec<ManifestObject>, RecordError> {
    let record: Hooks = serde_json::from_slice(&unpack(data)?).map_err(RecordError::Json)?;
    let hooks = record.hooks.unwrap_or_default().into_iter();
    Ok(hooks.flat_map(|hook| parse_manifest(&hook.manifest, &key.namespace).objects).collect())
}

fn decode(key: &ReleaseKey, data: &[u8], history: Vec<RevisionState>) -> Result<ReleaseState, RecordError> {
    let json = unpack(data)?;
    let record: Record = serde_json::from_slice(&json).map_err(RecordError::Json)?;
    let chart = record.chart.and_then(|chart| chart.metadata).unwrap_or_default();
    let manifest = parse_manifest(&record.manifest, &key.namespace);
    Ok(ReleaseState {
        key: key.clone(),
        revision: record.version,
        status: ReleaseStatus::from_helm(&record.info.status),
        chart_name: chart.name,
        chart_version: chart.version,
        chart_annotations: chart.annotations.unwrap_or_default(),
        config: if record.config.is_null() { Value::Object(serde_json::Map::new()) } else { record.config },
        manifest: manifest.objects,
        unread: manifest.unread,
        description: record.info.description,
        updated: record.info.last_deployed,
        history,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn packed(json: &Value) -> Vec<u8> {
        super::packed(json).unwrap()
    }

    fn record() -> Value {
        json!({
            "name": "livy", "namespace": "apache-livy", "version": 3,
            "info": {"status": "pending-upgrade", "description": "run=7", "last_deployed": "2026-01-02T03:04:05Z"},
            "chart": {"metadata": {"name": "livy", "version": "1.2.3", "annotations": {"windlass/digest": "abc"}}},
            "config": {"replicas": 2},
            "manifest": "---\napiVersion: v1\nkind: Service\nmetadata:\n  name: livy\n",
        })
    }

    #[test]
    fn a_record_is_read() {
        let key = ReleaseKey::new("apache-livy", "livy");
        let history = vec![RevisionState { revision: 3, status: ReleaseStatus::PendingUpgrade }];
        let state = decode(&key, &packed(&record()), history).unwrap();
        assert_eq!((state.revision, &state.status), (3, &ReleaseStatus::PendingUpgrade));
        assert!(state.status.is_pending());
        assert_eq!((state.chart_name.as_str(), state.chart_version.as_str()), ("livy", "1.2.3"));
        assert_eq!(state.chart_annotations["windlass/digest"], "abc");
        assert_eq!(state.config, json!({"replicas": 2}));
        assert_eq!(state.manifest[0].object.to_string(), "Service apache-livy/livy");
        assert_eq!((state.description.as_str(), state.updated.as_str()), ("run=7", "2026-01-02T03:04:05Z"));
    }

    #[test]
    fn a_manifest_that_cannot_be_parsed_does_not_fail_the_release() {
        let key = ReleaseKey::new("apache-livy", "livy");
        let mut record = record();
        let service = record["manifest"].as_str().unwrap();
        record["manifest"] = format!("{service}---\nkind: ConfigMap\nmetadata:\n  name: odd\ndata: [\n").into();
        let state = decode(&key, &packed(&record), Vec::new()).unwrap();
        assert_eq!(state.manifest[0].object.to_string(), "Service apache-livy/livy");
        assert_eq!(state.unread[0].what, "ConfigMap odd");
    }

    #[test]
    fn hooks_are_read() {
        let key = ReleaseKey::new("n", "r");
        let mut with = record();
        let job = "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: migrate\n";
        with["hooks"] = json!([{"name": "migrate", "events": ["pre-upgrade"], "manifest": job}]);
        assert_eq!(hooks_of(&key, &packed(&with)).unwrap()[0].object.to_string(), "Job n/migrate");
        assert!(hooks_of(&key, &packed(&record())).unwrap().is_empty());
    }

    #[test]
    fn most_fields_are_optional() {
        let key = ReleaseKey::new("n", "r");
        let bare = json!({"version": 1, "info": {"status": "weird"}});
        let state = decode(&key, &packed(&bare), Vec::new()).unwrap();
        assert_eq!(state.status, ReleaseStatus::Unknown("weird".to_owned()));
        assert_eq!(state.config, json!({}));
        // Helm 2's conversions wrote records without gzip.
        assert!(decode(&key, STANDARD.encode(bare.to_string()).as_bytes(), Vec::new()).is_ok());
    }

    #[test]
    fn a_pending_record_becomes_a_failed_one_and_nothing_else_changes() {
        let key = ReleaseKey::new("apache-livy", "livy");
        let failed = failed_record(&packed(&record()), "killed").unwrap();
        let before = decode(&key, &packed(&record()), Vec::new()).unwrap();
        let after = decode(&key, &failed, Vec::new()).unwrap();
        assert_eq!((&after.status, after.description.as_str()), (&ReleaseStatus::Failed, "killed"));
        let same = ReleaseState { status: before.status.clone(), description: before.description.clone(), ..after };
        assert_eq!(same, before);
    }

    #[test]
    fn a_small_record_never_becomes_a_large_one() {
        let key = ReleaseKey::new("n", "r");
        let packed = |json: &[u8]| {
            let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            gzip.write_all(json).unwrap();
            STANDARD.encode(gzip.finish().unwrap()).into_bytes()
        };
        let zeros = vec![b' '; 40 << 20];
        let error = decode(&key, &packed(&zeros), Vec::new()).unwrap_err();
        assert_eq!(error.to_string(), "decompressed size exceeds the limit of 32 MiB");
        let many =
            format!(r#"{{"version": 1, "info": {{"status": "x"}}, "config": {{"a": [{}0]}}}}"#, "{},".repeat(100_000));
        let error = decode(&key, &packed(many.as_bytes()), Vec::new()).unwrap_err();
        assert_eq!(error.to_string(), "more than the limit of 200000 values");
        let text =
            json!({"version": 1, "info": {"status": "x"}, "manifest": format!("# {}", "{[,:\\\"".repeat(200_000))});
        assert!(decode(&key, &packed(text.to_string().as_bytes()), Vec::new()).is_ok(), "texts do not count");
    }

    #[test]
    fn rubbish_is_refused() {
        let key = ReleaseKey::new("n", "r");
        let cut = packed(&record());
        let half = STANDARD.encode(&STANDARD.decode(&cut).unwrap()[..40]);
        assert!(matches!(decode(&key, b"%%%", Vec::new()), Err(RecordError::Base64(_))));
        assert!(matches!(decode(&key, half.as_bytes(), Vec::new()), Err(RecordError::Gzip(_))));
        assert!(matches!(decode(&key, b"", Vec::new()), Err(RecordError::Json(_))));
    }
}
