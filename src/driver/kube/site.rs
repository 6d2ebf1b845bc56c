//! What the cluster offers: nodes and their free resources, classes, quotas, limits.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ConfigMap, LimitRange, PersistentVolumeClaim, ResourceQuota};
use k8s_openapi::api::networking::v1::IngressClass as KubeIngressClass;
use k8s_openapi::api::storage::v1::StorageClass as KubeStorageClass;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as KubeQuantity;
use kube::api::{Api, GroupVersionKind, ListParams, TypeMeta};
use kube::discovery::Scope;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::objects::claim_state;
use super::small::Condition;
use super::{Cluster, KubeError, retry};
use crate::model::Quantity;
use crate::model::cluster::{ClaimState, ObjectRef};
use crate::model::site::{Amounts, IngressClass, Limit, Node, PodUse, Quota, Resource, StorageClass, Taint};

const DEFAULT_STORAGE: &str = "storageclass.kubernetes.io/is-default-class";
const DEFAULT_INGRESS: &str = "ingressclass.kubernetes.io/is-default-class";

impl Cluster {
    /// All nodes.
    ///
    /// # Errors
    /// When the API call fails.
    pub async fn nodes(&self) -> Result<Vec<Node>, KubeError> {
        let take = |found: &mut Vec<Node>, it: SmallNode| found.push(node(it));
        self.collect("/api/v1/nodes", "nodes", &ListParams::default(), take).await
    }

    /// The resources of every pod of the cluster that has not ended: each pod that is `ours`, by namespace and
    /// instance, on its own; all others of a node as one.
    ///
    /// # Errors
    /// When the API call fails.
    pub async fn pod_uses(&self, ours: impl Fn(&str, &str) -> bool) -> Result<Vec<PodUse>, KubeError> {
        let running = ListParams::default().fields("status.phase!=Succeeded,status.phase!=Failed");
        let take = |found: &mut PodUses, pod: SmallPod| found.add(pod_use(pod), &ours);
        let found: PodUses = self.collect("/api/v1/pods", "the pods of the cluster", &running, take).await?;
        Ok(found.ours.into_iter().chain(found.others.into_values()).collect())
    }

    /// The nodes that take no new pods, and why: `not ready` or `cordoned`.
    ///
    /// # Errors
    /// When the API call fails.
    pub(super) async fn down_nodes(&self) -> Result<BTreeMap<String, String>, KubeError> {
        let take = |found: &mut BTreeMap<String, String>, node: SmallNode| {
            if let Some(why) = node.down() {
                found.insert(node.metadata.name, why.to_owned());
            }
        };
        self.collect("/api/v1/nodes", "nodes", &ListParams::default(), take).await
    }

    /// All objects of a kind, with all fields: for kinds with few objects.
    async fn all<K>(&self, namespace: Option<&str>, what: &str) -> Result<Vec<K>, KubeError>
    where
        K: kube::Resource<DynamicType = ()> + DeserializeOwned + Send + 'static,
    {
        let take = |found: &mut Vec<K>, object: K| found.push(object);
        self.collect(&K::url_path(&(), namespace), what, &ListParams::default(), take).await
    }

    /// All StorageClasses.
    ///
    /// # Errors
    /// When the API call fails.
    pub async fn storage_classes(&self) -> Result<Vec<StorageClass>, KubeError> {
        let found: Vec<KubeStorageClass> = self.all(None, "storage classes").await?;
        let class = |class: KubeStorageClass| StorageClass {
            default: is_true(class.metadata.annotations.as_ref(), DEFAULT_STORAGE),
            name: class.metadata.name.unwrap_or_default(),
            waits_for_pod: class.volume_binding_mode.as_deref() == Some("WaitForFirstConsumer"),
            expands: class.allow_volume_expansion == Some(true),
        };
        Ok(found.into_iter().map(class).collect())
    }

    /// All IngressClasses.
    ///
    /// # Errors
    /// When the API call fails.
    pub async fn ingress_classes(&self) -> Result<Vec<IngressClass>, KubeError> {
        let found: Vec<KubeIngressClass> = self.all(None, "ingress classes").await?;
        let class = |class: KubeIngressClass| IngressClass {
            default: is_true(class.metadata.annotations.as_ref(), DEFAULT_INGRESS),
            name: class.metadata.name.unwrap_or_default(),
        };
        Ok(found.into_iter().map(class).collect())
    }

    /// The ResourceQuotas of a namespace.
    ///
    /// # Errors
    /// When the API call fails.
    pub async fn quotas(&self, namespace: &str) -> Result<Vec<Quota>, KubeError> {
        let found: Vec<ResourceQuota> = self.all(Some(namespace), &format!("resource quotas in {namespace}")).await?;
        let quota = |quota: ResourceQuota| {
            let spec = quota.spec.unwrap_or_default();
            let status = quota.status.unwrap_or_default();
            Quota {
                name: quota.metadata.name.unwrap_or_default(),
                scoped: spec.scopes.is_some_and(|scopes| !scopes.is_empty()) || spec.scope_selector.is_some(),
                hard: amounts(spec.hard.as_ref()),
                used: amounts(status.used.as_ref()),
            }
        };
        Ok(found.into_iter().map(quota).collect())
    }

    /// The limits that the LimitRanges of a namespace set.
    ///
    /// # Errors
    /// When the API call fails.
    pub async fn limits(&self, namespace: &str) -> Result<Vec<Limit>, KubeError> {
        let found: Vec<LimitRange> = self.all(Some(namespace), &format!("limit ranges in {namespace}")).await?;
        let mut limits = Vec::new();
        for range in found {
            let name = range.metadata.name.unwrap_or_default();
            for item in range.spec.map(|spec| spec.limits).unwrap_or_default() {
                limits.push(Limit {
                    range: name.clone(),
                    min: amounts(item.min.as_ref()),
                    max: amounts(item.max.as_ref()),
                    default: amounts(item.default.as_ref()),
                    default_request: amounts(item.default_request.as_ref()),
                    kind: item.type_,
                });
            }
        }
        Ok(limits)
    }

    /// All PersistentVolumeClaims of a namespace.
    ///
    /// # Errors
    /// When the API call fails.
    pub async fn all_claims(&self, namespace: &str) -> Result<Vec<ClaimState>, KubeError> {
        let found: Vec<PersistentVolumeClaim> = self.all(Some(namespace), &format!("claims in {namespace}")).await?;
        Ok(found.into_iter().map(|claim| claim_state(namespace, claim)).collect())
    }

    /// The DNS domain that CoreDNS serves for the cluster; `None` where its configuration is not where kubeadm and
    /// most others put it.
    ///
    /// # Errors
    /// When the API call fails.
    pub async fn dns_domain(&self) -> Result<Option<String>, KubeError> {
        let api: Api<ConfigMap> = Api::namespaced(self.client(), "kube-system");
        let found = retry::call("get", "ConfigMap kube-system/coredns", || api.get_opt("coredns")).await?;
        let data = found.and_then(|found| found.data).unwrap_or_default();
        Ok(data.get("Corefile").and_then(|text| domain_of(text)))
    }

    /// The API resource of a kind; `None` if the cluster does not serve it.
    ///
    /// # Errors
    /// When the API call fails.
    pub async fn resource(&self, object: &ObjectRef) -> Result<Option<Resource>, KubeError> {
        let types = TypeMeta { api_version: object.api_version.clone(), kind: object.kind.clone() };
        let Ok(gvk) = GroupVersionKind::try_from(&types) else { return Ok(None) };
        let found = self.discovery().await?.resolve_gvk(&gvk);
        Ok(found.map(|(resource, capabilities)| Resource {
            group: resource.group,
            plural: resource.plural,
            namespaced: capabilities.scope == Scope::Namespaced,
        }))
    }
}

fn is_true(annotations: Option<&BTreeMap<String, String>>, name: &str) -> bool {
    annotations.and_then(|annotations| annotations.get(name)).is_some_and(|value| value == "true")
}

fn amounts(map: Option<&BTreeMap<String, KubeQuantity>>) -> Amounts {
    let map = map.into_iter().flatten();
    map.filter_map(|(name, amount)| Some((name.clone(), Quantity::parse(&amount.0)?))).collect()
}

/// The fields of a node that are used.
#[derive(Deserialize, Default)]
#[serde(default)]
struct SmallNode {
    metadata: NodeMeta,
    spec: NodeSpec,
    status: NodeStatus,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct NodeMeta {
    name: String,
    labels: BTreeMap<String, String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct NodeSpec {
    unschedulable: bool,
    taints: Vec<SmallTaint>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct SmallTaint {
    key: String,
    value: String,
    effect: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct NodeStatus {
    conditions: Vec<Condition>,
    allocatable: BTreeMap<String, KubeQuantity>,
    #[serde(rename = "nodeInfo")]
    info: NodeInfo,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct NodeInfo {
    #[serde(rename = "operatingSystem")]
    os: String,
    architecture: String,
    #[serde(rename = "containerRuntimeVersion")]
    runtime: String,
    #[serde(rename = "kubeletVersion")]
    kubelet: String,
}

/// The fields of a pod that are used.
#[derive(Deserialize, Default)]
#[serde(default)]
struct SmallPod {
    metadata: PodMeta,
    spec: PodSpec,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct PodMeta {
    name: String,
    namespace: String,
    labels: PodLabels,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct PodLabels {
    #[serde(rename = "app.kubernetes.io/instance")]
    instance: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct PodSpec {
    node_name: Option<String>,
    containers: Vec<Container>,
    init_containers: Vec<Container>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Container {
    restart_policy: Option<String>,
    resources: Resources,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Resources {
    requests: BTreeMap<String, KubeQuantity>,
    limits: BTreeMap<String, KubeQuantity>,
}

/// The resources of pods.
#[derive(Default)]
struct PodUses {
    ours: Vec<PodUse>,
    others: BTreeMap<Option<String>, PodUse>,
}

impl PodUses {
    fn add(&mut self, pod: PodUse, ours: impl Fn(&str, &str) -> bool) {
        if pod.instance.as_deref().is_some_and(|instance| ours(&pod.namespace, instance)) {
            self.ours.push(pod);
            return;
        }
        match self.others.get_mut(&pod.node) {
            Some(all) => {
                all.others += 1;
                add(&mut all.requests, pod.requests);
                add(&mut all.limits, pod.limits);
            }
            None => {
                let all = PodUse { namespace: String::new(), name: String::new(), instance: None, ..pod };
                self.others.insert(all.node.clone(), all);
            }
        }
    }
}

impl SmallNode {
    fn down(&self) -> Option<&'static str> {
        let ready = self.status.conditions.iter().any(|it| it.type_ == "Ready" && it.status == "True");
        match (ready, self.spec.unschedulable) {
            (false, _) => Some("not ready"),
            (true, true) => Some("cordoned"),
            (true, false) => None,
        }
    }
}

fn node(node: SmallNode) -> Node {
    let ready = node.down().is_none();
    let taints = node.spec.taints.into_iter();
    Node {
        name: node.metadata.name,
        labels: node.metadata.labels,
        taints: taints.map(|it| Taint { key: it.key, value: it.value, effect: it.effect }).collect(),
        ready,
        allocatable: amounts(Some(&node.status.allocatable)),
        platform: format!("{}/{}", node.status.info.os, node.status.info.architecture),
        runtime: (node.status.info.runtime, node.status.info.kubelet),
    }
}

fn pod_use(pod: SmallPod) -> PodUse {
    let spec = pod.spec;
    let take = |limits: bool| {
        let of = |container: &Container| {
            let resources = &container.resources;
            amounts(Some(if limits { &resources.limits } else { &resources.requests }))
        };
        let stays = |container: &Container| container.restart_policy.as_deref() == Some("Always");
        let sum = sum(spec.containers.iter().chain(spec.init_containers.iter().filter(|it| stays(it))).map(of));
        // Init containers run one after the other, before the rest.
        spec.init_containers.iter().filter(|it| !stays(it)).map(of).fold(sum, most)
    };
    PodUse {
        namespace: pod.metadata.namespace,
        name: pod.metadata.name,
        instance: pod.metadata.labels.instance,
        requests: take(false),
        limits: take(true),
        node: spec.node_name,
        others: 0,
    }
}

fn add(sum: &mut Amounts, one: Amounts) {
    for (name, amount) in one {
        let entry = sum.entry(name).or_default();
        *entry = entry.plus(amount);
    }
}

fn sum(all: impl Iterator<Item = Amounts>) -> Amounts {
    all.fold(Amounts::new(), |mut sum, one| {
        add(&mut sum, one);
        sum
    })
}

fn most(mut most: Amounts, one: Amounts) -> Amounts {
    for (name, amount) in one {
        let entry = most.entry(name).or_default();
        *entry = amount.max(*entry);
    }
    most
}

/// The first zone of the plugin `kubernetes` that is not a reverse zone.
fn domain_of(corefile: &str) -> Option<String> {
    let lines = corefile.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    let mut zones = lines.filter_map(|line| line.strip_prefix("kubernetes ")).flat_map(str::split_whitespace);
    let zone = zones.find(|word| !word.ends_with(".arpa") && !word.starts_with('{'))?;
    Some(zone.trim_end_matches('.').to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_domain_is_the_zone_that_coredns_serves() {
        let text = ".:53 {\n  errors\n  kubernetes cluster.local in-addr.arpa ip6.arpa {\n    pods insecure\n  }\n}\n";
        assert_eq!(domain_of(text).as_deref(), Some("cluster.local"));
        assert_eq!(
            domain_of("site.example:53 {\n kubernetes in-addr.arpa site.example. # x\n}").as_deref(),
            Some("site.example")
        );
        assert_eq!(domain_of(".:53 {\n forward . 10.0.0.1\n}"), None);
        assert_eq!(domain_of("kubernetes {\n}"), None);
    }

    #[test]
    fn a_pod_takes_its_containers_or_its_largest_init_container() {
        let pod: SmallPod = serde_json::from_value(json!({
            "metadata": {"name": "p", "namespace": "n", "labels": {"app.kubernetes.io/instance": "rel"}},
            "spec": {"nodeName": "one",
                "containers": [
                    {"name": "a", "resources": {"requests": {"cpu": "100m", "memory": "1Gi"}, "limits": {"memory": "2Gi"}}},
                    {"name": "b", "resources": {"requests": {"cpu": "100m"}}}],
                "initContainers": [
                    {"name": "i", "resources": {"requests": {"cpu": "1", "memory": "64Mi"}}},
                    {"name": "s", "restartPolicy": "Always", "resources": {"requests": {"cpu": "50m"}}}]}
        }))
        .unwrap();
        let taken = pod_use(pod);
        assert_eq!((taken.instance.as_deref(), taken.node.as_deref()), (Some("rel"), Some("one")));
        assert_eq!(taken.requests["cpu"], Quantity::whole(1));
        assert_eq!(taken.requests["memory"], Quantity::parse("1Gi").unwrap());
        assert_eq!(taken.limits["memory"], Quantity::parse("2Gi").unwrap());
    }

    #[test]
    fn the_pods_of_others_are_counted_by_node() {
        let pod = |name: &str, instance: &str, node: &str| PodUse {
            namespace: "n".into(),
            name: name.into(),
            instance: Some(instance.into()),
            node: Some(node.into()),
            requests: [("cpu".to_owned(), Quantity::whole(1))].into(),
            ..PodUse::default()
        };
        let mut found = PodUses::default();
        for (name, instance, node) in [("a", "rel", "one"), ("b", "x", "one"), ("c", "y", "one"), ("d", "x", "two")] {
            found.add(pod(name, instance, node), |namespace, instance| (namespace, instance) == ("n", "rel"));
        }
        assert_eq!(found.ours, [pod("a", "rel", "one")]);
        let one = &found.others[&Some("one".to_owned())];
        assert_eq!((one.others, one.requests["cpu"], one.name.as_str()), (1, Quantity::whole(2), ""));
        assert_eq!(found.others.len(), 2);
    }

    #[test]
    fn a_cordoned_node_takes_no_pods() {
        let read = |unschedulable: bool, ready: &str| {
            node(
                serde_json::from_value(json!({
                    "metadata": {"name": "one"},
                    "spec": {"unschedulable": unschedulable, "taints": [{"key": "k", "effect": "NoSchedule"}]},
                    "status": {"conditions": [{"type": "Ready", "status": ready}], "allocatable": {"cpu": "2"}}
                }))
                .unwrap(),
            )
        };
        assert!(read(false, "True").ready);
        assert!(!read(true, "True").ready && !read(false, "Unknown").ready);
        assert_eq!(read(false, "True").taints[0].to_string(), "k:NoSchedule");
    }
}
