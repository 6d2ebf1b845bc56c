//! Single objects: read, created, applied, deleted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{Namespace, PersistentVolumeClaim, Secret as KubeSecret};
use kube::api::{
    Api, DeleteParams, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams, PostParams, Preconditions,
};
use kube::core::{ObjectMeta, TypeMeta};
use kube::discovery::{ApiCapabilities, ApiResource, Scope};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::{ApiError, ApiErrorKind, Cluster, KubeError, retry};
use crate::model::cluster::{ClaimState, NamespaceState, ObjectRef, ReleaseKey};
use crate::model::{Secret, is_marked};

/// Who we are in `managedFields`.
const FIELD_MANAGER: &str = "windlass";

/// How long to pause between polls for deleted objects: that is rare, and a watch per object would cost more.
const GONE_PAUSE: Duration = Duration::from_millis(500);

/// The condition of a claim whose volume has grown, but not yet the file system on it.
const FILE_SYSTEM_PENDING: &str = "FileSystemResizePending";

/// How many objects with some labels are read.
const MOST_LABELLED: u32 = 500;

/// Where a kind named without its group is looked for first.
const FIRST_GROUPS: [&str; 4] = ["", "apps", "batch", "networking.k8s.io"];

/// The value of one key of a Secret, text or not. Like a [`Secret`], it cannot be printed.
pub struct SecretBytes(Vec<u8>);

impl SecretBytes {
    /// The value itself: only to search for it.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

/// The parts of a Secret that may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretOutline {
    /// The names of its keys.
    pub keys: Vec<String>,
    /// When it was created.
    pub created: Option<jiff::Timestamp>,
}

impl Cluster {
    /// An object as JSON; `None` if it does not exist, or the cluster does not serve its kind.
    ///
    /// # Errors
    /// When the API call fails.
    pub async fn get(&self, object: &ObjectRef) -> Result<Option<Value>, KubeError> {
        let Some(api) = self.api_of(object).await? else { return Ok(None) };
        let what = object.to_string();
        let found = match retry::call("get", &what, || api.get_opt(&object.name)).await {
            // Its kind was removed after discovery.
            Err(error) if error.kind() == ApiErrorKind::NotFound => None,
            found => found?,
        };
        found
            .map(|found| serde_json::to_value(found).map_err(|err| protocol("read", &what, &err.to_string())))
            .transpose()
    }

    /// All objects of a kind (its bare name, such as `Pod`) in a namespace or, without one, in the cluster, as JSON.
    /// Nothing where the cluster does not serve the kind.
    ///
    /// # Errors
    /// When the API call fails.
    pub async fn list(&self, kind: &str, namespace: Option<&str>) -> Result<Vec<Value>, KubeError> {
        let Some((resource, _)) = self.resource_by_kind(kind).await? else { return Ok(Vec::new()) };
        let api: Api<DynamicObject> = match namespace {
            Some(namespace) => Api::namespaced_with(self.client(), namespace, &resource),
            None => Api::all_with(self.client(), &resource),
        };
        let what = format!("{kind}s in {}", namespace.unwrap_or("the cluster"));
        let params = ListParams::default();
        let list = retry::call("list", &what, || api.list(&params)).await?;
        let value = |object: DynamicObject| {
            let mut value = serde_json::to_value(object).map_err(|err| protocol("read", &what, &err.to_string()))?;
            // The items of a list do not say what they are.
            value["kind"] = kind.into();
            Ok(value)
        };
        list.items.into_iter().map(value).collect()
    }

    /// The objects of the kind and namespace of this one that carry these labels, as JSON. Nothing where the cluster
    /// does not serve the kind.
    ///
    /// # Errors
    /// When the API call fails.
    pub async fn list_labelled(&self, like: &ObjectRef, selector: &str) -> Result<Vec<Value>, KubeError> {
        let Some(api) = self.api_of(like).await? else { return Ok(Vec::new()) };
        let what = format!("{}s with {selector}", like.kind);
        let params = ListParams::default().labels(selector).limit(MOST_LABELLED);
        let list = retry::call("list", &what, || api.list(&params)).await?;
        let value = |object| serde_json::to_value(object).map_err(|err| protocol("read", &what, &err.to_string()));
        list.items.into_iter().map(value).collect()
    }

    /// The values of all Secrets of the namespace, except those of the types that `skip` names.
    ///
    /// # Errors
    /// When the API call fails.
    pub async fn secret_values(
        &self,
        namespace: &str,
        skip: impl Fn(&str) -> bool,
    ) -> Result<Vec<SecretBytes>, KubeError> {
        let api: Api<KubeSecret> = Api::namespaced(self.client(), namespace);
        let params = ListParams::default();
        let list = retry::call("list", &format!("Secrets in {namespace}"), || api.list(&params)).await?;
        let wanted = list.items.into_iter().filter(|secret| !skip(secret.type_.as_deref().unwrap_or_default()));
        let values = wanted.flat_map(|secret| secret.data.unwrap_or_default().into_values());
        Ok(values.map(|bytes| SecretBytes(bytes.0)).collect())
    }

    /// Patches fields of an existing object; `verb` says what for.
    ///
    /// # Errors
    /// When the API call fails.
    pub async fn merge(&self, verb: &'static str, object: &ObjectRef, fields: Value) -> Result<(), KubeError> {
        let what = object.to_string();
        let api = self.api_of(object).await?;
        let api = api.ok_or_else(|| protocol(verb, &what, "the cluster does not serve its kind"))?;
        let (patch, params) = (Patch::Merge(fields), PatchParams::default());
        retry::call(verb, &what, || api.patch(&object.name, &params, &patch)).await.map(drop)
    }

    /// Deletes an object in the background; its dependents follow. `false` if it did not exist.
    ///
    /// # Errors
    /// When the API call fails.
    pub async fn delete(&self, object: &ObjectRef) -> Result<bool, KubeError> {
        let Some(api) = self.api_of(object).await? else { return Ok(false) };
        delete_one(&api, object).await
    }

    /// Deletes all objects of a kind (its bare name, such as `Pod`) that carry these labels. Gives what was deleted.
    ///
    /// # Errors
    /// When the cluster does not serve that kind, or the API call fails.
    pub async fn delete_by_label(
        &self,
        kind: &str,
        namespace: &str,
        selector: &str,
    ) -> Result<Vec<ObjectRef>, KubeError> {
        let what = format!("{kind} with {selector} in {namespace}");
        let (resource, capabilities) = self
            .resource_by_kind(kind)
            .await?
            .ok_or_else(|| protocol("find", &what, &format!("the cluster does not serve kind {kind}")))?;
        if capabilities.scope == Scope::Cluster {
            return Err(protocol("delete", &what, &format!("{kind} is not namespaced")));
        }
        let api: Api<DynamicObject> = Api::namespaced_with(self.client(), namespace, &resource);
        let params = ListParams::default().labels(selector);
        let list = retry::call("list", &what, || api.list_metadata(&params)).await?;
        let mut deleted = Vec::new();
        for name in list.items.into_iter().filter_map(|item| item.metadata.name) {
            let object = ObjectRef::namespaced(&resource.api_version, kind, namespace, &name);
            if delete_one(&api, &object).await? {
                deleted.push(object);
            }
        }
        Ok(deleted)
    }

    /// A namespace, if it exists.
    ///
    /// # Errors
    /// When the API call fails.
    pub async fn namespace(&self, name: &str) -> Result<Option<NamespaceState>, KubeError> {
        let api: Api<Namespace> = Api::all(self.client());
        let found = retry::call("get", &format!("namespace {name}"), || api.get_opt(name)).await?;
        Ok(found.map(|found| namespace_state(found, false)))
    }

    /// Creates a namespace with these labels. One that exists is left alone; its labels are in the result.
    ///
    /// # Errors
    /// When the API call fails.
    pub async fn ensure_namespace(
        &self,
        name: &str,
        labels: &BTreeMap<String, String>,
    ) -> Result<NamespaceState, KubeError> {
        if let Some(found) = self.namespace(name).await? {
            return Ok(found);
        }
        let api: Api<Namespace> = Api::all(self.client());
        let metadata =
            ObjectMeta { name: Some(name.to_owned()), labels: Some(labels.clone()), ..ObjectMeta::default() };
        let namespace = Namespace { metadata, ..Namespace::default() };
        let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
        match retry::call("create", &format!("namespace {name}"), || api.create(&params, &namespace)).await {
            Ok(created) => Ok(namespace_state(created, true)),
            // By somebody else, or by our own call whose response was lost.
            Err(err) if err.kind() == ApiErrorKind::AlreadyExists => self.namespace(name).await?.ok_or(err),
            Err(err) => Err(err),
        }
    }

    /// Sets labels of a namespace; others stay.
    ///
    /// # Errors
    /// When the API call fails.
    pub async fn label_namespace(&self, name: &str, labels: &BTreeMap<String, String>) -> Result<(), KubeError> {
        let api: Api<Namespace> = Api::all(self.client());
        let patch = Patch::Merge(serde_json::json!({"metadata": {"labels": labels}}));
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        retry::call("label", &format!("namespace {name}"), || api.patch(name, &params, &patch)).await.map(drop)
    }

    /// Creates a Secret or brings it to this content by server-side apply as `windlass`. `kind` is the Secret's type,
    /// such as `Opaque` or `kubernetes.io/dockerconfigjson`.
    ///
    /// # Errors
    /// When the API call fails (a Secret's type cannot be changed).
    pub async fn apply_secret(
        &self,
        namespace: &str,
        name: &str,
        kind: &str,
        data: &BTreeMap<String, Secret>,
        labels: &BTreeMap<String, String>,
    ) -> Result<(), KubeError> {
        let api: Api<KubeSecret> = Api::namespaced(self.client(), namespace);
        let bytes = |value: &Secret| ByteString(value.expose().as_bytes().to_vec());
        let secret = KubeSecret {
            metadata: ObjectMeta { name: Some(name.to_owned()), labels: Some(labels.clone()), ..ObjectMeta::default() },
            type_: Some(kind.to_owned()),
            data: Some(data.iter().map(|(key, value)| (key.clone(), bytes(value))).collect()),
            ..KubeSecret::default()
        };
        // Force: what others wrote into our own Secret is to be overwritten.
        let params = PatchParams::apply(FIELD_MANAGER).force();
        let patch = Patch::Apply(&secret);
        retry::call("apply", &format!("Secret {namespace}/{name}"), || api.patch(name, &params, &patch)).await?;
        Ok(())
    }

    /// What a Secret holds, as text; `None` if it does not exist.
    ///
    /// # Errors
    /// When the API call fails or a value is not UTF-8.
    pub async fn secret(&self, namespace: &str, name: &str) -> Result<Option<BTreeMap<String, Secret>>, KubeError> {
        let api: Api<KubeSecret> = Api::namespaced(self.client(), namespace);
        let what = format!("Secret {namespace}/{name}");
        let Some(found) = retry::call("get", &what, || api.get_opt(name)).await? else { return Ok(None) };
        // A binary value, such as a keystore, is skipped: no caller needs it.
        let text = |(key, bytes): (String, ByteString)| Some((key, Secret::new(String::from_utf8(bytes.0).ok()?)));
        Ok(Some(found.data.unwrap_or_default().into_iter().filter_map(text).collect()))
    }

    /// The keys of a Secret and when it was created; `None` if it does not exist.
    ///
    /// # Errors
    /// When the API call fails.
    pub async fn secret_outline(&self, namespace: &str, name: &str) -> Result<Option<SecretOutline>, KubeError> {
        let api: Api<KubeSecret> = Api::namespaced(self.client(), namespace);
        let found = retry::call("get", &format!("Secret {namespace}/{name}"), || api.get_opt(name)).await?;
        Ok(found.map(|found| SecretOutline {
            keys: found.data.unwrap_or_default().into_keys().collect(),
            created: found.metadata.creation_timestamp.map(|time| time.0),
        }))
    }

    /// Whether a Secret exists that windlass did not create.
    ///
    /// # Errors
    /// When the API call fails.
    pub async fn is_foreign_secret(&self, namespace: &str, name: &str) -> Result<bool, KubeError> {
        let api: Api<KubeSecret> = Api::namespaced(self.client(), namespace);
        let found = retry::call("get", &format!("Secret {namespace}/{name}"), || api.get_opt(name)).await?;
        Ok(found.is_some_and(|found| !is_ours(&found.metadata)))
    }

    /// Deletes a Secret that windlass created. `false` if another of that name exists, which is kept.
    ///
    /// # Errors
    /// When the API call fails.
    pub async fn delete_own_secret(&self, namespace: &str, name: &str) -> Result<bool, KubeError> {
        let api: Api<KubeSecret> = Api::namespaced(self.client(), namespace);
        let what = format!("Secret {namespace}/{name}");
        let Some(found) = retry::call("get", &what, || api.get_opt(name)).await? else { return Ok(true) };
        if !is_ours(&found.metadata) {
            return Ok(false);
        }
        let only = Preconditions { uid: found.metadata.uid, resource_version: None };
        let params = DeleteParams::background().preconditions(only);
        match retry::call("delete", &what, || api.delete(name, &params)).await {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ApiErrorKind::NotFound => Ok(true),
            // Somebody created another one meanwhile.
            Err(error) if error.kind() == ApiErrorKind::Conflict => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The PersistentVolumeClaims with these labels.
    ///
    /// # Errors
    /// When the API call fails.
    pub async fn claims(&self, namespace: &str, selector: &str) -> Result<Vec<ClaimState>, KubeError> {
        let api: Api<PersistentVolumeClaim> = Api::namespaced(self.client(), namespace);
        let params = ListParams::default().labels(selector);
        let what = format!("claims with {selector} in {namespace}");
        let list = retry::call("list", &what, || api.list(&params)).await?;
        Ok(list.items.into_iter().map(|claim| claim_state(namespace, claim)).collect())
    }

    /// Waits until none of these objects exists any more; returns those that still do after `deadline`.
    ///
    /// # Errors
    /// When the API call fails.
    pub async fn wait_gone(&self, objects: &[ObjectRef], deadline: Duration) -> Result<Vec<ObjectRef>, KubeError> {
        let end = Instant::now() + deadline;
        let mut left = objects.to_vec();
        loop {
            let mut still = Vec::new();
            for object in left {
                if self.get(&object).await?.is_some() {
                    still.push(object);
                }
            }
            if still.is_empty() || Instant::now() >= end {
                return Ok(still);
            }
            left = still;
            sleep(GONE_PAUSE).await;
        }
    }

    /// Everything that the cluster serves, as Helm's `--api-versions` takes it: `apps/v1`, `apps/v1/Deployment`.
    ///
    /// # Errors
    /// When the API call fails.
    pub async fn api_versions(&self) -> Result<Vec<String>, KubeError> {
        let mut versions = Vec::new();
        for group in self.discovery().await?.groups_alphabetical() {
            for version in group.versions() {
                for (resource, _) in group.versioned_resources(version) {
                    versions.push(format!("{}/{}", resource.api_version, resource.kind));
                    versions.push(resource.api_version);
                }
            }
        }
        versions.sort_unstable();
        versions.dedup();
        Ok(versions)
    }

    /// Discovers what the cluster serves ahead of its first use. A failure is reported by that use.
    pub async fn look_up_kinds(&self) {
        let _ = self.discovery().await;
    }

    /// What the cluster serves, discovered once per connection, and again after [`Self::forget_kinds`].
    pub(super) async fn discovery(&self) -> Result<Arc<kube::Discovery>, KubeError> {
        let mut known = self.inner.discovery.lock().await;
        if let Some(known) = &*known {
            return Ok(Arc::clone(known));
        }
        let discover = || kube::Discovery::new(self.client()).run_aggregated();
        let found = Arc::new(retry::call("discover", "the kinds of the cluster", discover).await?);
        *known = Some(Arc::clone(&found));
        Ok(found)
    }

    /// Forgets which kinds the cluster serves, where some may have been added.
    pub async fn forget_kinds(&self) {
        *self.inner.discovery.lock().await = None;
    }

    /// The API for an object, in its namespace if its kind has one; `None` if the kind is not served.
    pub(super) async fn api_of(&self, object: &ObjectRef) -> Result<Option<Api<DynamicObject>>, KubeError> {
        let types = TypeMeta { api_version: object.api_version.clone(), kind: object.kind.clone() };
        let gvk = GroupVersionKind::try_from(&types)
            .map_err(|err| protocol("find", &object.to_string(), &err.to_string()))?;
        let Some((resource, capabilities)) = self.discovery().await?.resolve_gvk(&gvk) else { return Ok(None) };
        Ok(Some(match (&capabilities.scope, &object.namespace) {
            (Scope::Namespaced, Some(namespace)) => Api::namespaced_with(self.client(), namespace, &resource),
            (Scope::Namespaced, None) => Api::default_namespaced_with(self.client(), &resource),
            (Scope::Cluster, _) => Api::all_with(self.client(), &resource),
        }))
    }

    pub(super) async fn resource_by_kind(
        &self,
        kind: &str,
    ) -> Result<Option<(ApiResource, ApiCapabilities)>, KubeError> {
        let discovery = self.discovery().await?;
        let first = FIRST_GROUPS.iter().filter_map(|group| discovery.get(group));
        Ok(first.chain(discovery.groups_alphabetical()).find_map(|group| group.recommended_kind(kind)))
    }
}

/// Whether an object bears our mark.
fn is_ours(metadata: &ObjectMeta) -> bool {
    metadata.labels.as_ref().is_some_and(is_marked)
}

async fn delete_one(api: &Api<DynamicObject>, object: &ObjectRef) -> Result<bool, KubeError> {
    let params = DeleteParams::background();
    match retry::call("delete", &object.to_string(), || api.delete(&object.name, &params)).await {
        Ok(_) => Ok(true),
        Err(err) if err.kind() == ApiErrorKind::NotFound => Ok(false),
        Err(err) => Err(err),
    }
}

pub(super) fn protocol(verb: &'static str, what: &str, problem: &str) -> KubeError {
    KubeError { verb, what: what.to_owned(), source: ApiError::new(ApiErrorKind::Protocol, problem) }
}

fn namespace_state(namespace: Namespace, created: bool) -> NamespaceState {
    let phase = namespace.status.and_then(|status| status.phase);
    NamespaceState {
        name: namespace.metadata.name.unwrap_or_default(),
        labels: namespace.metadata.labels.unwrap_or_default(),
        terminating: phase.as_deref() == Some("Terminating"),
        created,
        uid: namespace.metadata.uid.unwrap_or_default(),
    }
}

pub(super) fn claim_state(namespace: &str, claim: PersistentVolumeClaim) -> ClaimState {
    let name = claim.metadata.name.unwrap_or_default();
    let notes = claim.metadata.annotations.unwrap_or_default();
    let release = notes.get("meta.helm.sh/release-namespace").zip(notes.get("meta.helm.sh/release-name"));
    let spec = claim.spec.unwrap_or_default();
    let requested = spec.resources.and_then(|resources| resources.requests).and_then(|mut r| r.remove("storage"));
    let status = claim.status.unwrap_or_default();
    let capacity = status.capacity.and_then(|mut capacity| capacity.remove("storage"));
    let conditions = status.conditions.unwrap_or_default();
    let said = conditions.iter().filter_map(|it| it.message.as_deref()).find(|message| !message.is_empty());
    ClaimState {
        object: ObjectRef::namespaced("v1", "PersistentVolumeClaim", namespace, &name),
        phase: status.phase.unwrap_or_else(|| "Pending".to_owned()),
        requested: requested.map(|quantity| quantity.0).unwrap_or_default(),
        storage_class: spec.storage_class_name,
        labels: claim.metadata.labels.unwrap_or_default(),
        release: release.map(|(namespace, name)| ReleaseKey::new(namespace, name)),
        capacity: capacity.map(|quantity| quantity.0).unwrap_or_default(),
        resize_message: said.map(str::to_owned),
        file_system_pending: conditions.iter().any(|it| it.type_ == FILE_SYSTEM_PENDING && it.status == "True"),
    }
}
