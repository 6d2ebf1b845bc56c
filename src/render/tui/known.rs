//! What is known of clusters, and of what would be done.

use std::collections::{BTreeMap, BTreeSet};

use crate::answers::AnswerSources;
use crate::catalog::Suggest;
use crate::model::cluster::ClusterInfo;
use crate::model::site::Node;
use crate::plan::{Plan, ReleaseDiff};
use crate::render::ComponentStatus;

/// A cluster that can be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The context's name; for the sandbox too.
    pub context: String,
    /// The API's address.
    pub server: String,
    /// Whether it is the sandbox.
    pub sandbox: bool,
    /// Whether it is the current one.
    pub current: bool,
    /// Whether it can be reached.
    pub state: TargetState,
}

/// Whether a cluster can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetState {
    /// Not known yet.
    Connecting,
    /// Its version, and how many nodes it has where that may be read.
    Reachable(String, Option<usize>),
    /// Why it cannot be used.
    Unreachable(String),
}

/// What is known of the cluster that was chosen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Site {
    /// Its nodes.
    pub nodes: Vec<Node>,
    /// Names of its StorageClasses, the default one first.
    pub storage_classes: Vec<String>,
    /// Names of its IngressClasses, the default one first.
    pub ingress_classes: Vec<String>,
}

impl Site {
    /// Names that could be the answer to a question.
    #[must_use]
    pub fn names(&self, suggest: Suggest) -> Vec<String> {
        match suggest {
            Suggest::StorageClasses => self.storage_classes.clone(),
            Suggest::IngressClasses => self.ingress_classes.clone(),
            Suggest::NodeLabels => {
                let labels =
                    self.nodes.iter().flat_map(|node| &node.labels).map(|(key, value)| format!("{key}={value}"));
                labels.collect::<BTreeSet<_>>().into_iter().collect()
            }
        }
    }
}

/// The cluster that was chosen.
#[derive(Debug, Clone)]
pub struct Connected {
    /// The cluster.
    pub info: ClusterInfo,
    /// What it has.
    pub site: Site,
    /// What was answered before any screen, what belongs to this cluster and what is installed included.
    pub given: AnswerSources,
    /// The status of each component that is installed, also partly.
    pub installed: BTreeMap<String, ComponentStatus>,
    /// The flags that name it, each with a space behind: `--sandbox `, `--context NAME `.
    pub flags: String,
}

/// What would be done.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    /// The plan.
    pub plan: Plan,
    /// What updates would change.
    pub diffs: Vec<ReleaseDiff>,
    /// Why the plan is refused: what would be downgraded.
    pub refused: Option<String>,
}
