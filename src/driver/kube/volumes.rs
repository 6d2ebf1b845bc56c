//! What it takes to give the pods of a StatefulSet larger volumes.

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::api::{Api, DeleteParams, Patch, PatchParams, Preconditions, PropagationPolicy};

use super::{ApiErrorKind, Cluster, KubeError, retry};
use crate::model::cluster::ObjectRef;

impl Cluster {
    /// Has a claim ask for this size, a quantity.
    ///
    /// # Errors
    /// When the API refuses, as it does where the claim's class lets no volume grow, or cannot be asked.
    pub async fn resize_claim(&self, claim: &ObjectRef, size: &str) -> Result<(), KubeError> {
        let namespace = claim.namespace.as_deref().unwrap_or_default();
        let api: Api<PersistentVolumeClaim> = Api::namespaced(self.client(), namespace);
        let patch = Patch::Merge(serde_json::json!({"spec": {"resources": {"requests": {"storage": size}}}}));
        let params = PatchParams::default();
        retry::call("resize", &claim.to_string(), || api.patch(&claim.name, &params, &patch)).await.map(drop)
    }

    /// Deletes a StatefulSet and leaves its pods alone, if it is still the one with this uid.
    ///
    /// # Errors
    /// When the API refuses or cannot be asked.
    pub async fn orphan_pods(&self, set: &ObjectRef, uid: &str) -> Result<(), KubeError> {
        let namespace = set.namespace.as_deref().unwrap_or_default();
        let api: Api<StatefulSet> = Api::namespaced(self.client(), namespace);
        let params = DeleteParams {
            propagation_policy: Some(PropagationPolicy::Orphan),
            preconditions: Some(Preconditions { uid: Some(uid.to_owned()), resource_version: None }),
            ..DeleteParams::default()
        };
        match retry::call("delete", &set.to_string(), || api.delete(&set.name, &params)).await {
            Ok(_) => Ok(()),
            // It is gone, or another one is in its place: whoever looks again sees which.
            Err(error) if matches!(error.kind(), ApiErrorKind::NotFound | ApiErrorKind::Conflict) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
