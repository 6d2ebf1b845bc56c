//! What a cluster offers and allows, as far as a preflight needs to know it. No I/O.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde_json::Value;

use super::Quantity;

/// Amounts by resource: `cpu`, `memory`, `requests.storage`, `pods`.
pub type Amounts = BTreeMap<String, Quantity>;

/// Something that the API lets its callers do, or not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Right {
    /// `None` for the whole cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The API group, empty for the core.
    pub group: String,
    /// The plural, with a subresource behind a slash: `pods/log`.
    pub resource: String,
    /// One object only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `escalate`, `bind`.
    pub verb: String,
}

impl Right {
    /// A right on all objects of a resource in a namespace, or in the cluster.
    #[must_use]
    pub fn new(verb: &str, group: &str, resource: &str, namespace: Option<&str>) -> Self {
        Self {
            namespace: namespace.map(str::to_owned),
            group: group.to_owned(),
            resource: resource.to_owned(),
            name: None,
            verb: verb.to_owned(),
        }
    }

    /// The same on one object.
    #[must_use]
    pub fn on(self, name: &str) -> Self {
        Self { name: Some(name.to_owned()), ..self }
    }

    /// The resource as kubectl takes it: `deployments.apps`, `pods/log`.
    #[must_use]
    pub fn full_resource(&self) -> String {
        if self.group.is_empty() {
            return self.resource.clone();
        }
        match self.resource.split_once('/') {
            Some((resource, sub)) => format!("{resource}.{}/{sub}", self.group),
            None => format!("{}.{}", self.resource, self.group),
        }
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.full_resource())?;
        if let Some(name) = &self.name {
            write!(f, " {name}")?;
        }
        match &self.namespace {
            Some(namespace) => write!(f, " in {namespace}"),
            None => Ok(()),
        }
    }
}

/// How the API calls a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// The API group, empty for the core.
    pub group: String,
    /// The plural: `deployments`.
    pub plural: String,
    /// Whether its objects belong to a namespace.
    pub namespaced: bool,
}

/// A node.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// What keeps pods away.
    pub taints: Vec<Taint>,
    /// It is up, and not cordoned.
    pub ready: bool,
    /// What pods may request of it in all.
    pub allocatable: Amounts,
    /// What it is, as images say it: `linux/amd64`.
    pub platform: String,
    /// What pulls on it, and its kubelet's version, as it says them itself.
    pub runtime: (String, String),
}

/// What keeps pods away from a node, unless they tolerate it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Taint {
    /// Its key.
    pub key: String,
    /// Its value, often empty.
    pub value: String,
    /// `NoSchedule`, `PreferNoSchedule` or `NoExecute`.
    pub effect: String,
}

impl Taint {
    /// Whether a toleration, as the API has it, is one of this taint.
    #[must_use]
    pub fn is_tolerated(&self, toleration: &Value) -> bool {
        let text = |key: &str| toleration[key].as_str().unwrap_or_default();
        let effect = text("effect").is_empty() || text("effect") == self.effect;
        let exists = text("operator") == "Exists";
        let key = text("key") == self.key || (text("key").is_empty() && exists);
        effect && key && (exists || text("value") == self.value)
    }
}

impl fmt::Display for Taint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = if self.value.is_empty() { String::new() } else { format!("={}", self.value) };
        write!(f, "{}{value}:{}", self.key, self.effect)
    }
}

/// What a pod that has not ended takes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PodUse {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The release that it belongs to, by the label `app.kubernetes.io/instance`.
    pub instance: Option<String>,
    /// The node that it was put on.
    pub node: Option<String>,
    /// What it requests.
    pub requests: Amounts,
    /// What it is limited to.
    pub limits: Amounts,
    /// How many more pods of its node are counted in it.
    pub others: u64,
}

/// A StorageClass.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StorageClass {
    /// Its name.
    pub name: String,
    /// Claims that name none get it.
    pub default: bool,
    /// Volumes are made when a pod is put on a node, and not before.
    pub waits_for_pod: bool,
    /// Volumes can grow.
    pub expands: bool,
}

/// An IngressClass.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IngressClass {
    /// Its name.
    pub name: String,
    /// Ingresses that name none get it.
    pub default: bool,
}

/// A ResourceQuota.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Quota {
    /// Its name.
    pub name: String,
    /// It counts only some pods.
    pub scoped: bool,
    /// What the namespace may have.
    pub hard: Amounts,
    /// What it has.
    pub used: Amounts,
}

/// One limit of a LimitRange.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Limit {
    /// The LimitRange's name.
    pub range: String,
    /// `Container`, `Pod` or `PersistentVolumeClaim`.
    pub kind: String,
    /// At least this.
    pub min: Amounts,
    /// At most this.
    pub max: Amounts,
    /// The limit of a container that sets none.
    pub default: Amounts,
    /// The request of a container that sets none.
    pub default_request: Amounts,
}

/// The file system of a folder.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Disk {
    /// The folder, or the nearest above it that exists.
    pub path: String,
    /// Bytes that are free for us.
    pub free: u64,
    /// Files that can still be made; `None` where that is not counted.
    pub files: Option<u64>,
    /// It cannot be written to.
    pub read_only: bool,
}
