//! What a plan needs of a cluster.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::admission::PodSecurityViolations;
use super::grows::GrowNeed;
use super::rights::RightNeed;
use crate::model::Quantity;
use crate::model::cluster::ObjectRef;
use crate::model::site::Amounts;
use crate::plan::Adoption;

/// All that is needed.
#[derive(Debug, Clone, Default)]
pub struct Needs {
    /// The namespaces of releases, each with the Pod Security level that its pods need.
    pub namespaces: BTreeMap<String, String>,
    /// Releases whose chart is not made for this version of Kubernetes: name and constraint.
    pub old: Vec<(String, String)>,
    /// Releases whose chart cannot be rendered: name and reason.
    pub broken: Vec<(String, String)>,
    /// What charts rendered and cannot be read here: release and what, in words.
    pub unread: Vec<(String, String)>,
    /// Entries from outside to what requires no login, and what anybody can do there.
    pub without_login: Vec<(ObjectRef, String)>,
    /// What `helm uninstall` of a release would delete although it holds more than itself.
    pub taken_along: Vec<(String, ObjectRef)>,
    /// Objects of kinds that the cluster does not serve.
    pub unknown_kinds: Vec<ObjectRef>,
    /// Pods.
    pub pods: Vec<PodNeed>,
    /// Volumes.
    pub claims: Vec<ClaimNeed>,
    /// Volumes that are there and are to become larger.
    pub grows: Vec<GrowNeed>,
    /// Ingresses.
    pub ingresses: Vec<IngressNeed>,
    /// Namespaces that NetworkPolicies let in as a whole, those of the releases apart, each with one that does.
    pub peers: BTreeMap<String, ObjectRef>,
    /// Secrets that must be there.
    pub secrets: Vec<SecretNeed>,
    /// How many objects of a resource a namespace gets, such as `services`, `count/deployments.apps`.
    pub counts: BTreeMap<(String, String), u64>,
    /// Releases by namespace and name: what has them as its instance is ours.
    pub releases: BTreeSet<(String, String)>,
    /// What must be allowed.
    pub rights: Vec<RightNeed>,
    /// Releases that are there in place of ours, and that windlass did not make.
    pub adoptions: Vec<Adoption>,
    /// What somebody has to agree to.
    pub agreements: Vec<Agreement>,
    /// Images without a digest: the answer that would give one, and the image.
    pub unpinned: Vec<(String, String)>,
    /// Images that charts render and components do not declare.
    pub undeclared: Vec<UndeclaredImage>,
    /// Objects that two releases of ours have.
    pub shared: Vec<(ObjectRef, String, String)>,
    /// Namespaces of objects that are no release's, each with one such object.
    pub elsewhere: BTreeMap<String, ObjectRef>,
    /// About how many bytes Helm's record of each release takes.
    pub stored: Vec<(String, u64)>,
    /// The DNS domain that addresses are made with.
    pub domain: String,
}

/// An action that somebody has to agree to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement {
    /// The component.
    pub component: String,
    /// The step, as the plan calls it.
    pub step: String,
    /// What is done.
    pub title: String,
    /// What that means.
    pub says: String,
    /// What it is done for: where it was done for that before, nobody has to agree again.
    pub done: Option<String>,
}

/// How many pods of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replicas {
    /// So many.
    Count(u64),
    /// One on every node that it may go to.
    EveryNode,
}

/// Pods of one workload.
#[derive(Debug, Clone, PartialEq)]
pub struct PodNeed {
    /// The workload.
    pub owner: ObjectRef,
    /// How many.
    pub replicas: Replicas,
    /// The containers, init containers among them.
    pub containers: Vec<ContainerNeed>,
    /// Labels that a node must carry.
    pub node_selector: BTreeMap<String, String>,
    /// Terms of which a node must fit one, as the API has them; none: any node.
    pub node_terms: Vec<Value>,
    /// What it tolerates, as the API has it.
    pub tolerations: Vec<Value>,
    /// The release that its pods say they belong to.
    pub instance: Option<String>,
    /// What the Pod Security Standards have against them.
    pub objections: PodSecurityViolations,
}

/// A container.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ContainerNeed {
    /// Its name.
    pub name: String,
    /// Its image.
    pub image: String,
    /// It runs before the others and ends.
    pub init: bool,
    /// What it requests.
    pub requests: Amounts,
    /// What it is limited to.
    pub limits: Amounts,
}

/// A volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimNeed {
    /// Its namespace.
    pub namespace: String,
    /// Its name, as the claim will have it.
    pub name: String,
    /// The class that it names; `Some("")` is a volume that somebody makes by hand.
    pub class: Option<String>,
    /// How large.
    pub size: Quantity,
}

/// An Ingress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IngressNeed {
    /// Which.
    pub object: ObjectRef,
    /// The class that it names.
    pub class: Option<String>,
}

/// A Secret that must be there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SecretNeed {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// What for.
    pub used: SecretUse,
}

/// What a Secret is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SecretUse {
    /// To pull images.
    Pull,
    /// An Ingress's certificate.
    Tls,
    /// What an answer names.
    Answer,
}

/// An image that nobody declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UndeclaredImage {
    /// As it is rendered.
    pub image: String,
    /// The component whose chart has it.
    pub component: String,
    /// Where.
    pub objects: Vec<ObjectRef>,
    /// The declared image that it is under another registry or version: its name there, and how it should read.
    pub meant: Option<(String, String)>,
    /// It would be pulled from elsewhere than from the site's registry.
    pub elsewhere: bool,
}
