//! The fields of a pod that windlass uses. The API's own type takes 20 KB for each, and a large cluster has a thousand
//! of ours. Fields are named as in the API.

use std::borrow::Cow;
use std::collections::BTreeMap;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1 as api;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference, Time};
use kube::Resource;
use serde::{Deserialize, Deserializer};

/// A pod. Lists and watches of it are those of the API's pods.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Pod {
    #[serde(deserialize_with = "metadata")]
    pub(super) metadata: ObjectMeta,
    pub(super) spec: Option<PodSpec>,
    pub(super) status: Option<PodStatus>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct PodSpec {
    pub(super) node_name: Option<String>,
    pub(super) hostname: Option<String>,
    pub(super) host_network: Option<bool>,
    pub(super) affinity: Option<Box<Affinity>>,
    pub(super) init_containers: Option<Vec<Container>>,
    pub(super) containers: Vec<Container>,
    pub(super) volumes: Option<Vec<Volume>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Affinity {
    pub(super) node_affinity: Option<api::NodeAffinity>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Container {
    pub(super) name: String,
    pub(super) image: Option<String>,
    pub(super) ports: Option<Vec<ContainerPort>>,
    pub(super) readiness_probe: Option<Probe>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ContainerPort {
    pub(super) container_port: i32,
    pub(super) host_port: Option<i32>,
}

/// Only whether there is one.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Probe {}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Volume {
    pub(super) persistent_volume_claim: Option<ClaimVolume>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ClaimVolume {
    pub(super) claim_name: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct PodStatus {
    pub(super) phase: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) message: Option<String>,
    #[serde(rename = "podIP")]
    pub(super) pod_ip: Option<String>,
    #[serde(rename = "podIPs")]
    pub(super) pod_ips: Option<Vec<PodIp>>,
    pub(super) conditions: Option<Vec<Condition>>,
    pub(super) init_container_statuses: Option<Vec<ContainerStatus>>,
    pub(super) container_statuses: Option<Vec<ContainerStatus>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct PodIp {
    pub(super) ip: String,
}

/// Of a pod or a node.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Condition {
    #[serde(rename = "type")]
    pub(super) type_: String,
    pub(super) status: String,
    pub(super) reason: Option<String>,
    pub(super) message: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ContainerStatus {
    pub(super) name: String,
    pub(super) image: String,
    #[serde(rename = "imageID")]
    pub(super) image_id: String,
    pub(super) ready: bool,
    pub(super) started: Option<bool>,
    pub(super) restart_count: i32,
    pub(super) state: Option<ContainerState>,
    pub(super) last_state: Option<ContainerState>,
}

/// At most one of them is set.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct ContainerState {
    pub(super) running: Option<Running>,
    pub(super) waiting: Option<Box<Waiting>>,
    pub(super) terminated: Option<Box<Terminated>>,
}

/// Only whether it runs.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Running {}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Waiting {
    pub(super) reason: Option<String>,
    pub(super) message: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Terminated {
    pub(super) exit_code: i32,
    pub(super) reason: Option<String>,
    pub(super) message: Option<String>,
}

/// Reads the metadata that is used: most of the rest is `managedFields`, which would be kept as a tree.
fn metadata<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ObjectMeta, D::Error> {
    #[derive(Default, Deserialize)]
    #[serde(default, rename_all = "camelCase")]
    struct Metadata {
        name: Option<String>,
        namespace: Option<String>,
        uid: Option<String>,
        resource_version: Option<String>,
        labels: Option<BTreeMap<String, String>>,
        owner_references: Option<Vec<OwnerReference>>,
        creation_timestamp: Option<Time>,
        deletion_timestamp: Option<Time>,
    }
    let it = Metadata::deserialize(deserializer)?;
    Ok(ObjectMeta {
        name: it.name,
        namespace: it.namespace,
        uid: it.uid,
        resource_version: it.resource_version,
        labels: it.labels,
        owner_references: it.owner_references,
        creation_timestamp: it.creation_timestamp,
        deletion_timestamp: it.deletion_timestamp,
        ..ObjectMeta::default()
    })
}

impl Resource for Pod {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        api::Pod::kind(&())
    }

    fn group((): &()) -> Cow<'_, str> {
        api::Pod::group(&())
    }

    fn version((): &()) -> Cow<'_, str> {
        api::Pod::version(&())
    }

    fn plural((): &()) -> Cow<'_, str> {
        api::Pod::plural(&())
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

// kube's marker of what has a log.
impl kube::api::Log for Pod {}

impl Pod {
    /// Drops what is not needed once it is read: a watch keeps a thousand of them.
    pub(super) fn shrink(&mut self) {
        if let Some(owners) = &mut self.metadata.owner_references {
            owners.shrink_to_fit();
        }
        if let Some(spec) = &mut self.spec {
            if spec.node_name.is_some() {
                spec.affinity = None;
            }
            spec.containers.shrink_to_fit();
            for list in spec.init_containers.iter_mut() {
                list.shrink_to_fit();
            }
            if let Some(volumes) = &mut spec.volumes {
                volumes.retain(|volume| volume.persistent_volume_claim.is_some());
                volumes.shrink_to_fit();
            }
        }
        if let Some(status) = &mut self.status {
            for list in status.init_container_statuses.iter_mut().chain(&mut status.container_statuses) {
                list.shrink_to_fit();
            }
            if let Some(conditions) = &mut status.conditions {
                conditions.shrink_to_fit();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn unused_fields_are_not_kept() {
        let mut pod: Pod = serde_json::from_value(json!({
            "metadata": {"name": "p", "namespace": "n", "uid": "u", "resourceVersion": "7", "labels": {"app": "a"},
                "annotations": {"large": "x"}, "managedFields": [{"manager": "kubelet", "fieldsV1": {"f:status": {}}}],
                "deletionTimestamp": "2026-01-01T00:00:00Z", "ownerReferences": [
                    {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "d", "uid": "o", "controller": true}]},
            "spec": {"nodeName": "one", "affinity": {"nodeAffinity": {}}, "initContainers": null, "containers": [
                {"name": "c", "readinessProbe": {"httpGet": {"port": 80}}, "env": [{"name": "A", "value": "b"}]}],
                "volumes": [{"name": "v", "hostPath": {"path": "/"}}, {"name": "w", "persistentVolumeClaim": {"claimName": "k"}}]},
            "status": {"conditions": null, "containerStatuses": [{"name": "c", "image": "i", "imageID": "", "ready": true,
                "restartCount": 1, "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}},
                "lastState": {"terminated": {"exitCode": 3}}}]}
        }))
        .unwrap();
        pod.shrink();
        let meta = pod.metadata;
        assert_eq!((meta.annotations, meta.managed_fields), (None, None));
        assert_eq!((meta.uid.as_deref(), meta.resource_version.as_deref()), (Some("u"), Some("7")));
        assert!(meta.deletion_timestamp.is_some() && meta.owner_references.unwrap()[0].controller == Some(true));
        let spec = pod.spec.unwrap();
        assert!(spec.affinity.is_none() && spec.containers[0].readiness_probe.is_some());
        let claims: Vec<String> =
            spec.volumes.unwrap().into_iter().filter_map(|it| Some(it.persistent_volume_claim?.claim_name)).collect();
        assert_eq!(claims, ["k"]);
        let status = &pod.status.unwrap().container_statuses.unwrap()[0];
        assert!(status.state.as_ref().unwrap().running.is_some());
        assert_eq!(status.last_state.as_ref().unwrap().terminated.as_ref().unwrap().exit_code, 3);
    }
}
