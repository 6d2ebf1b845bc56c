//! For larger volumes of a StatefulSet's pods.

use k8s_openapi::api::apps::v1::StatefulSet;
use kube::api::{Api, DeleteParams, Preconditions, PropagationPolicy};

use super::{ApiErrorKind, Cluster, KubeError, retry};
use crate::model::cluster::ObjectRef;

impl Cluster {
    /// Deletes a StatefulSet and leaves its pods alone, if it is still the one with this uid.
    ///
    /// # Errors
    /// When the API call fails.
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
            // It is gone, or was replaced: the next read shows which.
            Err(error) if matches!(error.kind(), ApiErrorKind::NotFound | ApiErrorKind::Conflict) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
