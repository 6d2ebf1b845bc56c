//! Fetches what a release rendered and compares it.

use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use kube::api::{Api, ListParams};
use serde_json::Value;

use super::{Differences, differences_ignoring};
use crate::driver::kube::{ApiErrorKind, Cluster, KubeError, retry};
use crate::model::Ignored;
use crate::model::cluster::{Drift, DriftKind, FieldDrift, ManifestObject, ObjectRef};

/// How many objects are fetched at the same time.
const AT_ONCE: usize = 16;

/// What an autoscaler sets.
const REPLICAS: &str = "spec.replicas";

/// How live objects compare with what was rendered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Compared {
    /// What is gone or differs, in the order of the objects.
    pub drift: Vec<Drift>,
    /// What differs in ignored fields, which others set.
    pub ignored: Vec<Drift>,
}

impl Cluster {
    /// Which of these objects are gone, or differ in a field that they set, in the order given.
    ///
    /// Not counted: what the live objects have besides; `status`; the replicas of what an autoscaler scales; a
    /// finished Job that was to be cleaned up.
    ///
    /// # Errors
    /// When an object cannot be read for another reason than that it does not exist.
    pub async fn missing_or_changed(&self, manifest: &[ManifestObject]) -> Result<Vec<Drift>, KubeError> {
        self.compared(manifest, &Ignored::default()).await.map(|found| found.drift)
    }

    /// The same, with the fields separate that a component leaves to others.
    ///
    /// # Errors
    /// As [`Self::missing_or_changed`].
    pub async fn compared(&self, manifest: &[ManifestObject], ignored: &Ignored) -> Result<Compared, KubeError> {
        // Before the fetches, so that they do not all discover.
        self.discovery().await?;
        let found: Vec<Compared> = futures::stream::iter(manifest)
            .map(|object| self.drift_of(object, ignored))
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        Ok(found.into_iter().fold(Compared::default(), |mut all, one| {
            all.drift.extend(one.drift);
            all.ignored.extend(one.ignored);
            all
        }))
    }

    async fn drift_of(&self, wanted: &ManifestObject, ignored: &Ignored) -> Result<Compared, KubeError> {
        let drift = |what| Drift { object: wanted.object.clone(), what };
        let object_drift = |what| Compared { drift: vec![drift(what)], ignored: Vec::new() };
        if self.api_of(&wanted.object).await?.is_none() {
            return Ok(object_drift(DriftKind::KindNotServed));
        }
        let Some(live) = self.get(&wanted.object).await? else {
            let cleaned = cleans_itself_up(&wanted.body);
            return Ok(if cleaned { Compared::default() } else { object_drift(DriftKind::Gone) });
        };
        if live.pointer("/metadata/deletionTimestamp").is_some_and(|at| !at.is_null()) {
            return Ok(object_drift(DriftKind::Gone));
        }
        let paths = ignored.of(&wanted.object);
        let mut found = differences_ignoring(&wanted.body, &live, &paths);
        let scaled =
            found.counted.iter().any(|field| field.path == REPLICAS) && self.is_autoscaled(&wanted.object).await?;
        found.counted.retain(|field| !(scaled && field.path == REPLICAS));
        if found == Differences::default() {
            return Ok(Compared::default());
        }
        // A different spelling need not be a difference: a dry run gives the manifest as the API would store it.
        let unsure = match self.dry_run_result(wanted).await {
            Ok(made) => {
                found = differences_ignoring(&made, &live, &paths);
                None
            }
            Err(why) => {
                found.counted.retain(|field| !may_be_a_default(field));
                found.ignored.retain(|field| !may_be_a_default(field));
                Some(why)
            }
        };
        found.counted.retain(|field| !(scaled && field.path == REPLICAS));
        let changed = |fields: Vec<FieldDrift>| {
            let what = match &unsure {
                None => DriftKind::Changed(fields),
                Some(why) => DriftKind::Seems(fields, why.clone()),
            };
            drift(what)
        };
        let some = |fields: Vec<FieldDrift>| (!fields.is_empty()).then_some(fields).map(changed).into_iter().collect();
        Ok(Compared { drift: some(found.counted), ignored: some(found.ignored) })
    }

    async fn is_autoscaled(&self, object: &ObjectRef) -> Result<bool, KubeError> {
        let namespace = object.namespace.as_deref().unwrap_or_default();
        let api: Api<HorizontalPodAutoscaler> = Api::namespaced(self.client(), namespace);
        let what = format!("autoscalers in {namespace}");
        let all = ListParams::default();
        let list = match retry::call("list", &what, || api.list(&all)).await {
            Ok(list) => list,
            // Without the right to list autoscalers the difference is reported: it exists whoever made it.
            Err(err) if matches!(err.kind(), ApiErrorKind::Forbidden | ApiErrorKind::NotFound) => return Ok(false),
            Err(err) => return Err(err),
        };
        Ok(list
            .items
            .iter()
            .filter_map(|scaler| scaler.spec.as_ref())
            .any(|spec| spec.scale_target_ref.kind == object.kind && spec.scale_target_ref.name == object.name))
    }
}

/// An empty text in a specification is a field that is not set, which the API fills in.
fn may_be_a_default(field: &FieldDrift) -> bool {
    let free = ["data", "stringData", "binaryData", "metadata"].iter().any(|part| field.path.starts_with(part));
    field.expected == "\"\"" && !free && !field.path.ends_with(".value")
}

/// A Job that is deleted some time after its end.
fn cleans_itself_up(body: &Value) -> bool {
    body["kind"] == "Job" && body.pointer("/spec/ttlSecondsAfterFinished").is_some_and(|ttl| !ttl.is_null())
}
