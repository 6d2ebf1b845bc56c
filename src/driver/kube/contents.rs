//! What is in a namespace, and how one is deleted without deleting what nobody agreed to.

use std::collections::BTreeSet;

use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Preconditions};
use kube::core::ObjectMeta;
use kube::discovery::{ApiResource, Scope, verbs};

use super::{ApiErrorKind, Cluster, KubeError, retry};
use crate::model::cluster::ObjectRef;
use crate::model::observed::{Content, Contents};

/// How many kinds are listed at the same time.
const AT_ONCE: usize = 8;

/// How many objects of a kind are listed: enough to say that there are any, and which.
const NAMED: u32 = 200;

/// What the cluster creates by itself, or what only describes the namespace.
const IGNORED: [&str; 15] = [
    "Event",
    "Endpoints",
    "EndpointSlice",
    "Lease",
    "ControllerRevision",
    "ServiceAccount",
    "Role",
    "RoleBinding",
    "ResourceQuota",
    "LimitRange",
    "NetworkPolicy",
    "PodDisruptionBudget",
    "PodTemplate",
    "PodMetrics",
    "CSIStorageCapacity",
];

impl Cluster {
    /// What is in a namespace: workloads, claims, Secrets, and whatever else can be listed and deleted.
    ///
    /// # Errors
    /// When the API call fails. What may not be listed is named in the result.
    pub async fn contents(&self, namespace: &str) -> Result<Contents, KubeError> {
        let mut kinds: Vec<ApiResource> = Vec::new();
        for group in self.discovery().await?.groups_alphabetical() {
            for (resource, capabilities) in group.recommended_resources() {
                let listed = capabilities.scope == Scope::Namespaced
                    && capabilities.supports_operation(verbs::LIST)
                    && capabilities.supports_operation(verbs::DELETE);
                if listed && !IGNORED.contains(&resource.kind.as_str()) {
                    kinds.push(resource);
                }
            }
        }
        // Collected first: a closure that borrows from a stream's items is not `Send` in the compiler's eyes.
        let requests: Vec<_> = kinds.into_iter().map(|kind| self.of_kind(namespace, kind)).collect();
        let found: Vec<Contents> = futures::stream::iter(requests).buffered(AT_ONCE).try_collect().await?;
        let mut all = Contents::default();
        for of_kind in found {
            all.objects.extend(of_kind.objects);
            all.unseen.extend(of_kind.unseen);
        }
        Ok(all)
    }

    async fn of_kind(&self, namespace: &str, resource: ApiResource) -> Result<Contents, KubeError> {
        let api: Api<DynamicObject> = Api::namespaced_with(self.client(), namespace, &resource);
        let what = format!("{}s in {namespace}", resource.kind);
        let params = ListParams::default().limit(NAMED);
        let list = match retry::call("list", &what, || api.list_metadata(&params)).await {
            Ok(list) => list,
            Err(error) if error.kind() == ApiErrorKind::Forbidden => {
                let unseen = vec![format!("{}s (not allowed to list)", resource.kind)];
                return Ok(Contents { unseen, ..Contents::default() });
            }
            // A kind that was removed meanwhile, or one whose API service is gone.
            Err(error) if error.kind() == ApiErrorKind::NotFound => return Ok(Contents::default()),
            Err(error) => return Err(error),
        };
        let more = list.metadata.continue_.as_ref().is_some_and(|token| !token.is_empty());
        let objects = list.items.into_iter().map(|item| content(namespace, &resource, item.metadata)).collect();
        let unseen = if more { vec![format!("more {}s than {NAMED}", resource.kind)] } else { Vec::new() };
        Ok(Contents { objects, unseen })
    }

    /// The names of the objects of a kind with these labels; none where the cluster does not serve the kind.
    ///
    /// # Errors
    /// When the API call fails.
    pub async fn names_by_label(
        &self,
        kind: &str,
        namespace: &str,
        selector: &str,
    ) -> Result<BTreeSet<String>, KubeError> {
        let Some((resource, capabilities)) = self.resource_by_kind(kind).await? else { return Ok(BTreeSet::new()) };
        if capabilities.scope == Scope::Cluster {
            return Ok(BTreeSet::new());
        }
        let api: Api<DynamicObject> = Api::namespaced_with(self.client(), namespace, &resource);
        let params = ListParams::default().labels(selector);
        let what = format!("{kind}s with {selector} in {namespace}");
        let list = retry::call("list", &what, || api.list_metadata(&params)).await?;
        Ok(list.items.into_iter().filter_map(|item| item.metadata.name).collect())
    }

    /// Deletes a namespace if it still is the one with this uid. `false` if it did not exist, or is another.
    ///
    /// # Errors
    /// When the API call fails.
    pub async fn delete_namespace(&self, name: &str, uid: &str) -> Result<bool, KubeError> {
        let api: Api<Namespace> = Api::all(self.client());
        let only = Preconditions { uid: Some(uid.to_owned()), resource_version: None };
        let params = DeleteParams::background().preconditions(only);
        match retry::call("delete", &format!("namespace {name}"), || api.delete(name, &params)).await {
            Ok(_) => Ok(true),
            Err(error) if matches!(error.kind(), ApiErrorKind::NotFound | ApiErrorKind::Conflict) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn content(namespace: &str, resource: &ApiResource, metadata: ObjectMeta) -> Content {
    let name = metadata.name.unwrap_or_default();
    Content {
        object: ObjectRef::namespaced(&resource.api_version, &resource.kind, namespace, &name),
        labels: metadata.labels.unwrap_or_default(),
        annotations: metadata.annotations.unwrap_or_default(),
        owned: metadata.owner_references.is_some_and(|owners| !owners.is_empty()),
        deleting: metadata.deletion_timestamp.is_some(),
    }
}
