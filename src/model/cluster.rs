//! What a cluster has, as the planner and the observer need it: objects, releases, drift, readiness. No I/O.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Which object is meant. `namespace` is `None` for what has none, such as a ClusterRole.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObjectRef {
    /// Group and version as in a manifest: `v1`, `apps/v1`.
    pub api_version: String,
    /// Kind as in a manifest: `StatefulSet`.
    pub kind: String,
    /// The namespace, if the object has one.
    pub namespace: Option<String>,
    /// The object's name.
    pub name: String,
}

impl ObjectRef {
    /// A reference to an object in a namespace.
    #[must_use]
    pub fn namespaced(api_version: &str, kind: &str, namespace: &str, name: &str) -> Self {
        Self {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            namespace: Some(namespace.to_owned()),
            name: name.to_owned(),
        }
    }

    /// A reference to an object that belongs to no namespace.
    #[must_use]
    pub fn cluster_wide(api_version: &str, kind: &str, name: &str) -> Self {
        Self { api_version: api_version.to_owned(), kind: kind.to_owned(), namespace: None, name: name.to_owned() }
    }
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{} {namespace}/{}", self.kind, self.name),
            None => write!(f, "{} {}", self.kind, self.name),
        }
    }
}

/// One object of a rendered manifest. `Debug` shows the reference only: the body may be a Secret's.
#[derive(Clone, PartialEq)]
pub struct ManifestObject {
    /// What it is.
    pub object: ObjectRef,
    /// The whole object as rendered, as JSON.
    pub body: Value,
}

impl fmt::Debug for ManifestObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManifestObject").field("object", &self.object).finish_non_exhaustive()
    }
}

/// An object of a rendered manifest that cannot be read. Nothing else is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableObject {
    /// What it seems to be: `ConfigMap settings`.
    pub what: String,
    /// The line of the manifest, from 1.
    pub line: usize,
    /// What is wrong there.
    pub problem: String,
}

impl fmt::Display for UnreadableObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cannot be read (line {} of the manifest: {})", self.what, self.line, self.problem)
    }
}

/// A release's place: Helm's names are unique per namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ReleaseKey {
    /// The namespace that the release is recorded in.
    pub namespace: String,
    /// The release's name.
    pub name: String,
}

impl ReleaseKey {
    /// A key from its two names.
    #[must_use]
    pub fn new(namespace: &str, name: &str) -> Self {
        Self { namespace: namespace.to_owned(), name: name.to_owned() }
    }
}

impl fmt::Display for ReleaseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// What Helm recorded as the outcome of a revision. `Deployed` says that the objects were sent, not that they run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReleaseStatus {
    /// The objects were accepted by the API.
    Deployed,
    /// The operation ended with an error.
    Failed,
    /// The first install was under way, or was killed.
    PendingInstall,
    /// An upgrade was under way, or was killed.
    PendingUpgrade,
    /// A rollback was under way, or was killed.
    PendingRollback,
    /// An uninstall was under way, or was killed.
    Uninstalling,
    /// Uninstalled with its history kept.
    Uninstalled,
    /// A newer revision took its place.
    Superseded,
    /// A status that this version does not know, as Helm wrote it.
    Unknown(String),
}

impl ReleaseStatus {
    /// From Helm's own word for it.
    #[must_use]
    pub fn from_helm(status: &str) -> Self {
        match status {
            "deployed" => Self::Deployed,
            "failed" => Self::Failed,
            "pending-install" => Self::PendingInstall,
            "pending-upgrade" => Self::PendingUpgrade,
            "pending-rollback" => Self::PendingRollback,
            "uninstalling" => Self::Uninstalling,
            "uninstalled" => Self::Uninstalled,
            "superseded" => Self::Superseded,
            other => Self::Unknown(other.to_owned()),
        }
    }

    /// Whether an operation is under way, or was killed in the middle: Helm refuses to upgrade such a release.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        matches!(self, Self::PendingInstall | Self::PendingUpgrade | Self::PendingRollback | Self::Uninstalling)
    }
}

impl fmt::Display for ReleaseStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Deployed => "deployed",
            Self::Failed => "failed",
            Self::PendingInstall => "pending-install",
            Self::PendingUpgrade => "pending-upgrade",
            Self::PendingRollback => "pending-rollback",
            Self::Uninstalling => "uninstalling",
            Self::Uninstalled => "uninstalled",
            Self::Superseded => "superseded",
            Self::Unknown(other) => other,
        })
    }
}

/// One revision of a release in Helm's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevisionState {
    /// Counts from 1.
    pub revision: u32,
    /// Its outcome.
    pub status: ReleaseStatus,
}

/// The newest revision of a release, as Helm's Secret records it.
#[derive(Debug, Clone, PartialEq)]
pub struct ReleaseState {
    /// Where it is.
    pub key: ReleaseKey,
    /// Counts from 1.
    pub revision: u32,
    /// The outcome of this revision.
    pub status: ReleaseStatus,
    /// The chart's name.
    pub chart_name: String,
    /// The chart's version.
    pub chart_version: String,
    /// The annotations of Chart.yaml.
    pub chart_annotations: BTreeMap<String, String>,
    /// The values that the user gave (not merged with the chart's own).
    pub config: Value,
    /// What was rendered, hooks and `crds/` apart. Namespaces are filled in with the release's own where the chart
    /// omitted them, also for custom kinds that have none: only discovery knows those.
    pub manifest: Vec<ManifestObject>,
    /// What was rendered and cannot be read; Helm's `helm get manifest` shows it.
    pub unread: Vec<UnreadableObject>,
    /// What `--description` said.
    pub description: String,
    /// When this revision was made, as Helm wrote it (RFC 3339).
    pub updated: String,
    /// Every revision whose record is still kept, oldest first.
    pub history: Vec<RevisionState>,
}

/// How a live object differs from what the manifest asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// Which object.
    pub object: ObjectRef,
    /// In what way.
    pub what: DriftKind,
}

/// What is wrong with an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DriftKind {
    /// It does not exist.
    Gone,
    /// The cluster does not serve its kind any more (a CRD was removed).
    KindNotServed,
    /// Fields that the manifest sets have another value.
    Changed(Vec<FieldDrift>),
    /// The same, but only as the texts compare: why the API could not be asked what it makes of the manifest.
    Seems(Vec<FieldDrift>, String),
}

impl Drift {
    /// Whether the object does not exist at all.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.what.fields().is_none()
    }
}

impl DriftKind {
    /// The fields that differ; `None` where the object does not exist.
    #[must_use]
    pub fn fields(&self) -> Option<&[FieldDrift]> {
        match self {
            Self::Gone | Self::KindNotServed => None,
            Self::Changed(fields) | Self::Seems(fields, _) => Some(fields),
        }
    }
}

/// `spec.replicas is 2 instead of 1`.
impl fmt::Display for FieldDrift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {} instead of {}", self.path, self.found, self.expected)
    }
}

/// A field whose live value is not the manifest's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldDrift {
    /// Dotted path, list elements by their key: `spec.template.spec.containers[name=namenode].image`.
    pub path: String,
    /// What the manifest sets; "(set)" for a Secret's data.
    pub expected: String,
    /// What the object has; "(absent)" if nothing, "(other)" for a Secret's data.
    pub found: String,
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            DriftKind::Gone => write!(f, "{} is gone", self.object),
            DriftKind::KindNotServed => {
                write!(f, "{} ({}) is of a kind that the cluster does not serve", self.object, self.object.api_version)
            }
            DriftKind::Changed(fields) | DriftKind::Seems(fields, _) => {
                match &self.what {
                    DriftKind::Seems(_, why) => write!(f, "{} seems to differ ({why}): ", self.object)?,
                    _ => write!(f, "{} differs: ", self.object)?,
                }
                for (i, field) in fields.iter().enumerate() {
                    let sep = if i == 0 { "" } else { ", " };
                    write!(f, "{sep}{field}")?;
                }
                Ok(())
            }
        }
    }
}

/// Why the API would not take a change to an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status: 422 for what the object says, 400 and 403 for what admission says.
    pub code: u16,
    /// The API's words, shortened and without secrets.
    pub message: String,
    /// The fields that it names, such as `spec.selector`; often only `spec`.
    pub fields: Vec<String>,
    /// A new object like this would be refused as well: it is not the change that is wrong.
    pub in_itself: bool,
}

/// The cluster that is worked on, as shown and confirmed before anything changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterInfo {
    /// The kubeconfig context's name.
    pub context: String,
    /// The API's URL.
    pub server: String,
    /// The kubeconfig user's name.
    pub user: String,
    /// The API server's version, such as `v1.34.4`.
    pub version: String,
}

/// A namespace that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamespaceState {
    /// Its name.
    pub name: String,
    /// Its labels, Pod Security's among them.
    pub labels: BTreeMap<String, String>,
    /// It is being deleted; nothing can be created in it.
    pub terminating: bool,
    /// It was created by this call.
    pub created: bool,
    /// What distinguishes it from another that has or had its name.
    pub uid: String,
}

/// A PersistentVolumeClaim that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimState {
    /// Where it is.
    pub object: ObjectRef,
    /// `Bound`, `Pending` or `Lost`.
    pub phase: String,
    /// What was asked for, as a Kubernetes quantity such as `10Gi`.
    pub requested: String,
    /// The storage class, if one was named or defaulted.
    pub storage_class: Option<String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The release that Helm made it for, also by a revision that has it no more.
    pub release: Option<ReleaseKey>,
    /// What it has, as `requested`; empty where it has no volume yet.
    pub capacity: String,
    /// Its volume is larger already, and the file system on it will be once its node has seen to that.
    pub file_system_pending: bool,
    /// The message of its conditions, which are about its resize.
    pub resize_message: Option<String>,
}

impl ClaimState {
    /// A claim of which nothing is known but that it is there.
    #[must_use]
    pub fn new(object: ObjectRef) -> Self {
        Self {
            object,
            phase: String::new(),
            requested: String::new(),
            storage_class: None,
            labels: BTreeMap::new(),
            release: None,
            capacity: String::new(),
            file_system_pending: false,
            resize_message: None,
        }
    }
}

/// When waiting for readiness gives up before its deadline. Numbers are data; the defaults are design.md's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadyPolicy {
    /// How often an unknown manifest or an invalid image name is seen before it is final.
    pub final_pull_sightings: u32,
    /// How long any other pull error may last: a first pull can get 401 and recover.
    pub pull_error_grace: Duration,
    /// How long a pod may be unschedulable where none of its claims is being provisioned and nothing scales up.
    /// Also how long a DaemonSet may match no node.
    pub unschedulable_grace: Duration,
    /// After how many exits of the same container it is a crash loop.
    pub crash_exits: u32,
    /// How long a container may fail to be created (a missing Secret or ConfigMap may be on its way).
    pub config_error_grace: Duration,
    /// How often admission refuses pods before it is final ...
    pub rejected_sightings: u32,
    /// ... and how long that lasts at least: a controller tries many times within the first second.
    pub rejected_grace: Duration,
    /// How long a refusal may last that can clear by itself: a quota, a service account that does not exist yet.
    pub rejected_clearing_grace: Duration,
    /// How long a claim may fail to be provisioned.
    pub claim_grace: Duration,
    /// How long containers without a readiness probe have to stay up: they count as ready from start to crash.
    pub unprobed_ready_for: Duration,
    /// Whether a DaemonSet that matches no node counts as ready.
    pub allow_empty_daemonsets: bool,
    /// How many of a container's last log lines a finding carries.
    pub log_lines: u32,
}

impl Default for ReadyPolicy {
    fn default() -> Self {
        Self {
            final_pull_sightings: 2,
            pull_error_grace: Duration::from_secs(30),
            unschedulable_grace: Duration::from_secs(30),
            crash_exits: 3,
            config_error_grace: Duration::from_secs(30),
            rejected_sightings: 3,
            rejected_grace: Duration::from_secs(5),
            rejected_clearing_grace: Duration::from_secs(30),
            claim_grace: Duration::from_secs(60),
            unprobed_ready_for: Duration::from_secs(5),
            allow_empty_daemonsets: false,
            log_lines: 20,
        }
    }
}

/// Why something is not ready: one line for a person, and its parts for machines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The rendered object that is not ready.
    pub object: ObjectRef,
    /// The pod, if it is a pod that holds it up.
    pub pod: Option<String>,
    /// The container in that pod, if it is one.
    pub container: Option<String>,
    /// A word for machines, Kubernetes' own where there is one: `ImagePullBackOff`, `Unschedulable`.
    pub reason: String,
    /// What is known, as a sentence.
    pub message: String,
    /// The last event about it, `Reason: message`.
    pub event: Option<String>,
    /// The container's last log lines, tokens blanked out. Empty unless it exited.
    pub log: Vec<String>,
    /// Waiting will not fix it.
    pub fatal: bool,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.pod {
            Some(pod) if self.object.kind != "Pod" => write!(f, "{} pod {pod}", self.object)?,
            _ => write!(f, "{}", self.object)?,
        }
        if let Some(container) = &self.container {
            write!(f, " container {container}")?;
        }
        write!(f, ": {}", self.reason)?;
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        match &self.event {
            // Many events say what the state says, in the same words.
            Some(event) if self.message.is_empty() || !event.contains(&self.message) => write!(f, " (event {event})"),
            _ => Ok(()),
        }
    }
}

/// A pod, as far as others than the kube driver need to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodState {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Kind and name of what made it and keeps it, if something does: `ReplicaSet`, `Job`.
    pub controller: Option<(String, String)>,
    /// `Pending`, `Running`, `Succeeded`, `Failed` or `Unknown`.
    pub phase: String,
    /// Every container is ready.
    pub ready: bool,
    /// It is being deleted.
    pub terminating: bool,
    /// The node it was put on.
    pub node: Option<String>,
    /// Its address.
    pub ip: Option<String>,
    /// Its containers, init containers first.
    pub containers: Vec<ContainerState>,
}

impl PodState {
    /// Whether it ran to its end, well or not.
    #[must_use]
    pub fn ended(&self) -> bool {
        self.phase == "Succeeded" || self.phase == "Failed"
    }
}

/// A container of a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerState {
    /// Its name.
    pub name: String,
    /// The image as the pod asks for it.
    pub image: String,
    /// What the runtime says that it is; empty as long as it is not pulled.
    pub image_id: String,
    /// It runs and its readiness probe passes.
    pub ready: bool,
    /// How often it was started again.
    pub restarts: u32,
    /// The code of its last exit, if it exited.
    pub exit_code: Option<i32>,
    /// Why it waits or ended: `ImagePullBackOff`, `OOMKilled`, `Error`.
    pub reason: Option<String>,
    /// What the kubelet says of it while it waits.
    pub message: Option<String>,
}
