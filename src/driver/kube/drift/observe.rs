//! Fetches what a release rendered and compares it.

use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use kube::api::{Api, ListParams};
use serde_json::Value;

use super::differences;
use crate::driver::kube::{ApiErrorKind, Cluster, KubeError, retry};
use crate::model::cluster::{Drift, DriftKind, FieldDrift, ManifestObject, ObjectRef};

/// How many objects are fetched at the same time.
const AT_ONCE: usize = 16;

/// What an autoscaler sets.
const REPLICAS: &str = "spec.replicas";

impl Cluster {
    /// Which of these objects are gone, or differ in a field that they set, in the order given.
    ///
    /// Not counted: what the live objects have besides; `status`; the replicas of what an autoscaler scales; a
    /// finished Job that was to be cleaned up.
    ///
    /// # Errors
    /// When an object cannot be read for another reason than that it is not there.
    pub async fn missing_or_changed(&self, manifest: &[ManifestObject]) -> Result<Vec<Drift>, KubeError> {
        // Before the fetches, so that they do not all find it missing and ask.
        self.discovery().await?;
        let found: Vec<Option<Drift>> =
            futures::stream::iter(manifest).map(|object| self.drift_of(object)).buffered(AT_ONCE).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn drift_of(&self, wanted: &ManifestObject) -> Result<Option<Drift>, KubeError> {
        let drift = |what| Some(Drift { object: wanted.object.clone(), what });
        if self.api_of(&wanted.object).await?.is_none() {
            return Ok(drift(DriftKind::KindNotServed));
        }
        let Some(live) = self.get(&wanted.object).await? else {
            return Ok(if cleans_itself_up(&wanted.body) { None } else { drift(DriftKind::Gone) });
        };
        if live.pointer("/metadata/deletionTimestamp").is_some_and(|at| !at.is_null()) {
            return Ok(drift(DriftKind::Gone));
        }
        let mut fields = differences(&wanted.body, &live);
        let scaled = fields.iter().any(|field| field.path == REPLICAS) && self.is_autoscaled(&wanted.object).await?;
        fields.retain(|field| !(scaled && field.path == REPLICAS));
        if fields.is_empty() {
            return Ok(None);
        }
        // What is written otherwise need not be otherwise: the API says what it would make of the manifest.
        let unsure = match self.made_of(wanted).await {
            Ok(made) => {
                fields = differences(&made, &live);
                None
            }
            Err(why) => {
                fields.retain(|field| !may_be_a_default(field));
                Some(why)
            }
        };
        fields.retain(|field| !(scaled && field.path == REPLICAS));
        Ok(match (fields.is_empty(), unsure) {
            (true, _) => None,
            (false, None) => drift(DriftKind::Changed(fields)),
            (false, Some(why)) => drift(DriftKind::Seems(fields, why)),
        })
    }

    async fn is_autoscaled(&self, object: &ObjectRef) -> Result<bool, KubeError> {
        let namespace = object.namespace.as_deref().unwrap_or_default();
        let api: Api<HorizontalPodAutoscaler> = Api::namespaced(self.client(), namespace);
        let what = format!("autoscalers in {namespace}");
        let all = ListParams::default();
        let list = match retry::call("list", &what, || api.list(&all)).await {
            Ok(list) => list,
            // Who may not see autoscalers is told of the difference, which is true whoever made it.
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

/// A Job that goes away some time after its end.
fn cleans_itself_up(body: &Value) -> bool {
    body["kind"] == "Job" && body.pointer("/spec/ttlSecondsAfterFinished").is_some_and(|ttl| !ttl.is_null())
}
