//! A plan and its steps. Nothing in it depends on time, run, machine or secret: equal inputs give equal bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use crate::answers::SkippedAction;
use crate::catalog::action::ActionKind;
use crate::model::cluster::{ObjectRef, ReleaseKey};
use crate::model::data::DataPlaces;
use crate::model::offline::{NodePool, OfflineRecord};
use crate::model::state::ComponentRecord;
use crate::model::{GeneratedSecret, HdfsAccess, ReleaseValues, SecretRef};

/// The version of a plan's JSON.
pub const PLAN_SCHEMA: u32 = 1;

/// Steps and their order.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// Version of this format.
    pub schema: u32,
    /// How actions on HDFS reach it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hdfs: Option<HdfsAccess>,
    /// Definitions that come from a folder and not from the binary: component and folder.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub overlaid: Vec<(String, String)>,
    /// Actions that are skipped, since nothing gives what they need.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<SkippedAction>,
    /// Each step after those that it needs.
    pub steps: Vec<Step>,
}

impl Plan {
    /// Whether any step would do something.
    #[must_use]
    pub fn has_work(&self) -> bool {
        self.steps.iter().any(|step| step.change != Change::Nothing)
    }

    /// What is to be remembered of each component that it installs.
    #[must_use]
    pub fn records(&self) -> BTreeMap<String, ComponentRecord> {
        let records = self.steps.iter().filter_map(|step| match &step.work {
            Work::Record { record, .. } => Some((step.component.clone(), record.clone())),
            _ => None,
        });
        records.collect()
    }

    /// A step by its id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Step> {
        self.steps.iter().find(|step| step.id == id)
    }
}

/// One step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Step {
    /// Unique in the plan: `livy/release`, `livy/after-1`.
    pub id: String,
    /// The component that it belongs to, or `platform`.
    pub component: String,
    /// What people read.
    pub title: String,
    /// What it would change.
    pub change: Change,
    /// Why: one entry per difference.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub why: Vec<String>,
    /// Ids of the steps that must have succeeded.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
    /// Seconds that it may take in all, retries included.
    pub deadline_seconds: u64,
    /// How often it is retried after an error that may pass.
    pub retries: u32,
    /// Name under which later steps find its results.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub register: Option<String>,
    /// Whether it belongs to verification.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub verify: bool,
    /// What fixes it where it fails, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
    /// What to do.
    pub work: Work,
}

/// What a step would change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// Something that is not there.
    Create,
    /// Something that is there and differs.
    Update,
    /// Something that is there and must not be.
    Delete,
    /// It checks and waits, and changes nothing that stays.
    Check,
    /// Everything is as wanted.
    Nothing,
}

impl Change {
    /// For tables.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Check => "check",
            Self::Nothing => "nothing",
        }
    }
}

impl Work {
    /// Whether it leaves something half done when it is dropped in the middle, so that a run that stops gives it time to
    /// clean up. Everything else is dropped at once: a single call to the API has been taken, or has not, and what waits
    /// leaves nothing.
    #[must_use]
    pub fn cleans_up(&self) -> bool {
        match self {
            // Helm has a record of its own to bring to an end.
            Self::Release { .. } | Self::Rollback { .. } | Self::Uninstall { .. } => true,
            // It has made a Job.
            Self::PullTest { .. } => true,
            Self::Act { action, .. } => action.kind().cleans_up(),
            Self::Namespace { .. }
            | Self::PullSecret { .. }
            | Self::Secret { .. }
            | Self::DerivedSecret { .. }
            | Self::StageSecret { .. }
            | Self::SwitchSecret { .. }
            | Self::Files { .. }
            | Self::RemoveFiles { .. }
            | Self::Crds { .. }
            | Self::RemoveObjects { .. }
            | Self::RemoveCrd { .. }
            | Self::Ready { .. }
            | Self::Record { .. }
            | Self::RemoveByLabel { .. }
            | Self::RemoveSecret { .. }
            | Self::PurgeClaim { .. }
            | Self::RemoveNamespace { .. }
            | Self::Push { .. }
            | Self::Images { .. }
            | Self::Forget { .. } => false,
        }
    }
}

/// What a step does, by kind.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Work {
    /// Makes a namespace.
    Namespace {
        /// Its name.
        name: String,
        /// Its Pod Security level.
        pod_security: String,
    },
    /// Puts registry credentials into a namespace.
    PullSecret {
        /// Which namespace.
        namespace: String,
        /// The Secret's name.
        name: String,
        /// Where the credentials are.
        from: SecretRef,
    },
    /// Fills a Secret of a component.
    Secret {
        /// Which namespace.
        namespace: String,
        /// The Secret's name.
        name: String,
        /// The keys in it.
        keys: Vec<String>,
        /// Where the content is.
        from: SecretRef,
        /// How it is made where nobody names one.
        #[serde(skip_serializing_if = "GeneratedSecret::is_default")]
        made: GeneratedSecret,
        /// The type of the Secret.
        kind: String,
    },
    /// Fills a Secret that is made of others of its component; the templates are handed to the engine apart.
    DerivedSecret {
        /// Which namespace.
        namespace: String,
        /// The Secret's name.
        name: String,
        /// The keys in it.
        keys: Vec<String>,
        /// The Secrets that it is made of.
        of: Vec<String>,
        /// The type of the Secret.
        kind: String,
    },
    /// Makes a new content for a Secret, beside it.
    StageSecret {
        /// Which namespace.
        namespace: String,
        /// The Secret that holds it meanwhile.
        name: String,
        /// The keys in it.
        keys: Vec<String>,
        /// How it is made.
        made: GeneratedSecret,
    },
    /// Puts what was staged into its Secret.
    SwitchSecret {
        /// Which namespace.
        namespace: String,
        /// The Secret.
        name: String,
        /// The one that holds the new content.
        next: String,
        /// The type of the Secret.
        kind: String,
    },
    /// Fills a ConfigMap of a component with files.
    Files {
        /// Which namespace.
        namespace: String,
        /// The ConfigMap's name.
        name: String,
        /// Digest of the files; the content is handed to the engine apart.
        digest: String,
        /// The release whose they are.
        release: String,
    },
    /// Applies what a chart has in `crds/`, and waits until the API serves it.
    Crds {
        /// Digest of the chart; the content is handed to the engine apart.
        chart: String,
        /// Which of them.
        names: Vec<String>,
    },
    /// Installs or upgrades a release.
    Release {
        /// Which release.
        #[serde(flatten)]
        key: ReleaseKey,
        /// Digest of the chart; the content is handed to the engine apart.
        chart: String,
        /// The values; what a file of the operator's gave is serialised as keys and digests.
        values: ReleaseValues,
    },
    /// Brings a release back to an earlier revision.
    Rollback {
        /// Which release.
        #[serde(flatten)]
        key: ReleaseKey,
        /// Helm's number of the revision.
        revision: u32,
    },
    /// Brings the images of an offline bundle to a registry; the offline bundle is handed to the engine apart.
    Push {
        /// Which registry.
        registry: String,
        /// The digest of the offline bundle's images.lock.
        lock_digest: String,
        /// What is to be remembered of it.
        #[serde(skip)]
        record: OfflineRecord,
    },
    /// Lets a node pull an image.
    PullTest {
        /// In which namespace.
        namespace: String,
        /// Which nodes.
        pool: NodePool,
    },
    /// Compares what pods run with what an offline bundle brought.
    Images {
        /// The releases whose pods are checked, by namespace and name.
        releases: Vec<(String, String)>,
        /// What was brought.
        #[serde(skip)]
        record: OfflineRecord,
    },
    /// Waits until what a release rendered is ready.
    Ready {
        /// Which release.
        #[serde(flatten)]
        key: ReleaseKey,
    },
    /// An action of the catalog.
    Act {
        /// The component's namespace.
        #[serde(skip_serializing_if = "Option::is_none")]
        namespace: Option<String>,
        /// What to do.
        #[serde(flatten)]
        action: ActionKind,
    },
    /// Remembers what was installed.
    Record {
        /// What.
        record: ComponentRecord,
        /// The answers, secrets as references.
        #[serde(skip)]
        answers: Arc<Value>,
    },
    /// Uninstalls a release.
    Uninstall {
        /// Which release.
        #[serde(flatten)]
        key: ReleaseKey,
        /// What of it Helm is to leave, although the chart would let it go.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        keep: Vec<ObjectRef>,
    },
    /// Removes objects by label.
    RemoveByLabel {
        /// Where.
        namespace: String,
        /// Which kind.
        kind: String,
        /// Which ones.
        selector: String,
    },
    /// Removes a Secret that windlass made.
    RemoveSecret {
        /// Where.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// Removes a ConfigMap that windlass made.
    RemoveFiles {
        /// Where.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// Removes objects while their operator still runs.
    RemoveObjects {
        /// Which.
        objects: Vec<ObjectRef>,
    },
    /// Removes a definition, and with it all objects of its kind.
    RemoveCrd {
        /// Its name.
        name: String,
    },
    /// Removes a claim, and with it its data.
    PurgeClaim {
        /// Where.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// Removes a namespace that windlass made, and forgets it.
    RemoveNamespace {
        /// Its name.
        name: String,
        /// The releases of ours that are or were in it.
        #[serde(skip_serializing_if = "BTreeSet::is_empty")]
        releases: BTreeSet<String>,
        /// What others put there and was agreed to go with it.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        others: Vec<String>,
    },
    /// Forgets a component, or moves it to what was kept.
    Forget {
        /// Where its data is that stays.
        #[serde(skip_serializing_if = "Option::is_none")]
        kept: Option<DataPlaces>,
    },
}
