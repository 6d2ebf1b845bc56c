//! What is wanted, in full, before anything is known of the cluster.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use super::derived::Derived;
use super::template::TemplateError;
use crate::catalog::action::ActionKind;
use crate::catalog::{Adopts, CatalogError, Graph, GraphError, Leftover, Text};
use crate::model::cluster::ManifestObject;
use crate::model::yaml::HelmYamlError;
use crate::model::{
    FileTree, GeneratedSecret, HdfsAccess, Ignored, ImageName, ReleaseValues, STATE_NAMESPACE, SecretRef,
    fill_versions, versions_in, versions_in_value, with_versions,
};

/// What the chosen components should be, in an order in which each comes after what it needs.
#[derive(Debug, Clone, Default)]
pub struct Resolved {
    /// The components.
    pub components: Vec<ResolvedComponent>,
    /// How HDFS is reached, if a chosen component provides it.
    pub hdfs: Option<HdfsAccess>,
    /// Where the credentials of the registry are.
    pub pull_secret: Option<SecretRef>,
    /// The Secret that lets namespaces pull; empty where none is needed.
    pub pull_secret_name: String,
    /// Components that ask for no login.
    pub open: Vec<OpenComponent>,
    /// The images that the components declare and use.
    pub images: Vec<DeclaredImage>,
    /// Secrets of components' own namespaces that answers name: namespace and name.
    pub in_place: Vec<(String, String)>,
    /// Images without a digest: the question that would give one, and the image.
    pub unpinned: Vec<(String, String)>,
    /// The answers, for the record, as [`super::Answers::remembered`] has them; secrets as references.
    pub answers: serde_json::Value,
    /// Which step waits for which.
    pub graph: Graph,
    /// Actions that are skipped, since the components that were chosen lack what they need.
    pub skipped: Vec<SkippedAction>,
    /// Whether somebody asked for checks that take something away.
    pub disrupts: bool,
}

/// The charts that do not lie in the catalog, fetched beforehand.
#[derive(Debug, Clone, Default)]
pub struct Charts {
    /// Their files, by the component that uses them.
    pub found: BTreeMap<String, FileTree>,
    /// They are not needed: an empty chart stands for one that is missing.
    pub unneeded: bool,
}

/// Versions of Secrets by namespace and name.
pub type SecretVersions = BTreeMap<(String, String), String>;

impl Resolved {
    /// The Secrets whose versions are wanted somewhere.
    #[must_use]
    pub fn versioned(&self) -> BTreeSet<(String, String)> {
        let mut found = BTreeSet::new();
        for component in &self.components {
            component.release.iter().for_each(|release| versions_in_value(&release.values, &mut found));
            for action in component.actions() {
                action.kind.templates().into_iter().for_each(|text| found.extend(versions_in(text)));
            }
        }
        found
    }

    /// The same with the versions that are known in their places.
    #[must_use]
    pub fn with_versions(&self, known: &SecretVersions) -> Cow<'_, Self> {
        if known.is_empty() {
            return Cow::Borrowed(self);
        }
        let mut filled = self.clone();
        for component in &mut filled.components {
            if let Some(release) = &mut component.release {
                release.values.change(|values| fill_versions(values, known));
            }
            let phases = [&mut component.first, &mut component.before, &mut component.after, &mut component.verify];
            for action in phases.into_iter().flatten() {
                let made = action.kind.map(|text| Ok::<_, std::convert::Infallible>(with_versions(text, known)));
                let Ok(made) = made;
                action.kind = made;
            }
        }
        Cow::Owned(filled)
    }
}

/// An image that a component declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredImage {
    /// The component.
    pub component: String,
    /// Its name there.
    pub name: String,
    /// As it is pulled: from the site's registry, with tag and digest.
    pub reference: String,
    /// As it is published, where it is.
    pub published: Option<ImageName>,
}

/// A component that asks for no login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenComponent {
    /// Its name for people.
    pub title: Text,
    /// Namespace and name of its release.
    pub release: (String, String),
    /// What those that reach it can do.
    pub said: Text,
}

/// An action that is skipped, since nothing gives what it needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SkippedAction {
    /// The component.
    pub component: String,
    /// The id of its step.
    pub id: String,
    /// What people read.
    pub title: String,
    /// What it lacks.
    pub why: String,
}

impl SkippedAction {
    /// Whether it is a check and not a step of an install.
    #[must_use]
    pub fn is_check(&self) -> bool {
        self.id.contains("/verify-")
    }
}

/// A component with its templates filled in.
#[derive(Debug, Clone)]
pub struct ResolvedComponent {
    /// Its id.
    pub id: String,
    /// Its name for people.
    pub title: String,
    /// Version of the software.
    pub version: String,
    /// Folder that was laid over the embedded definition, if any.
    pub origin: Option<String>,
    /// The release, where it has a chart.
    pub release: Option<ResolvedRelease>,
    /// Components whose readiness its first step needs.
    pub needs: BTreeSet<String>,
    /// Actions before anything is installed.
    pub first: Vec<ResolvedAction>,
    /// Actions before the release.
    pub before: Vec<ResolvedAction>,
    /// Actions after the release is ready.
    pub after: Vec<ResolvedAction>,
    /// Checks that it works.
    pub verify: Vec<ResolvedAction>,
    /// Addresses for people.
    pub endpoints: Vec<ResolvedEndpoint>,
    /// What an uninstall must remove besides the release.
    pub leftovers: Vec<Leftover>,
    /// ConfigMaps of files that answers name.
    pub config_maps: Vec<ResolvedFiles>,
    /// Files that its actions and answers name, by digest.
    pub files: BTreeMap<String, FileTree>,
    /// The Secrets that it is given, those that are made of others last.
    pub secrets: Vec<ResolvedSecret>,
    /// Copies of its Secrets in its further namespaces.
    pub copies: Vec<ResolvedCopy>,
    /// By question: what makes a new content of a secret count.
    pub rotate: BTreeMap<String, Vec<ResolvedAction>>,
    /// Namespaces beside its release's own: name and Pod Security level.
    pub namespaces: Vec<(String, String)>,
    /// Namespace of its release, or else of HDFS.
    pub namespace: Option<String>,
}

impl ResolvedComponent {
    /// Its actions, but for those of `rotate`.
    pub fn actions(&self) -> impl Iterator<Item = &ResolvedAction> {
        self.installs().chain(&self.verify)
    }

    /// Whether an action is a Job before the release: where nothing is remembered of it, its condition says that there is
    /// something to do.
    #[must_use]
    pub fn prepares(&self, act: &ResolvedAction) -> bool {
        act.kind.jobs().is_some() && self.first.iter().chain(&self.before).any(|one| one.id == act.id)
    }

    /// Those of an install.
    pub fn installs(&self) -> impl Iterator<Item = &ResolvedAction> {
        self.first.iter().chain(&self.before).chain(&self.after)
    }

    /// The namespaces of its release: name and Pod Security level, its own first.
    pub fn places(&self) -> impl Iterator<Item = (&str, &str)> {
        let own = self.release.iter().map(|release| (release.namespace.as_str(), release.pod_security.trim()));
        own.chain(self.namespaces.iter().map(|(name, level)| (name.as_str(), level.as_str())))
    }
}

/// A Secret in a component's namespace that windlass fills.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedSecret {
    /// Its name.
    pub name: String,
    /// The question that it answers, or what the component calls it.
    pub id: String,
    /// The type of the Secret, such as `Opaque`.
    pub kind: String,
    /// What it holds.
    pub content: SecretContent,
}

/// What a Secret holds that windlass fills.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretContent {
    /// What answers a question.
    Answer {
        /// Its keys: one, but for certificates.
        keys: Vec<String>,
        /// Where it is.
        from: SecretRef,
        /// How it is made where nobody names one.
        made: GeneratedSecret,
    },
    /// What is made of other Secrets of the component.
    Derived(Derived),
}

impl ResolvedSecret {
    /// Where its content is taken from; nothing where it is made of others.
    #[must_use]
    pub const fn from(&self) -> Option<&SecretRef> {
        match &self.content {
            SecretContent::Answer { from, .. } => Some(from),
            SecretContent::Derived(_) => None,
        }
    }

    /// Its keys.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        match &self.content {
            SecretContent::Answer { keys, .. } => keys.clone(),
            SecretContent::Derived(derived) => derived.keys().cloned().collect(),
        }
    }
}

/// A copy of a component's Secret in one of its further namespaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedCopy {
    /// The question, or what the component calls it.
    pub id: String,
    /// Where the copy is.
    pub namespace: String,
    /// Its name, which is that of what is copied.
    pub name: String,
    /// The keys that are copied.
    pub keys: Vec<String>,
    /// The type of the Secret.
    pub kind: String,
    /// What is copied: namespace and name.
    pub of: (String, String),
    /// Whether windlass fills that; if not, the site does.
    pub filled: bool,
}

impl ResolvedCopy {
    /// Its namespace and name.
    #[must_use]
    pub fn place(&self) -> (String, String) {
        (self.namespace.clone(), self.name.clone())
    }
}

/// A ConfigMap in a component's namespace that windlass fills with files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedFiles {
    /// Its name.
    pub name: String,
    /// The question that names the files.
    pub question: String,
    /// Digest of its content.
    pub digest: String,
    /// Its one key is a tar.
    pub tree: bool,
}

/// A release with its values.
#[derive(Debug, Clone)]
pub struct ResolvedRelease {
    /// Release name.
    pub name: String,
    /// Namespace.
    pub namespace: String,
    /// Pod Security level for a namespace that windlass makes.
    pub pod_security: String,
    /// The chart.
    pub chart: FileTree,
    /// Its digest.
    pub chart_digest: String,
    /// The values. Versions of Secrets are not known yet: marks stand for them.
    pub values: ReleaseValues,
    /// Digest of the values with those marks.
    pub values_digest: String,
    /// What the chart, and the charts within it that the values switch on, have in `crds/`.
    pub crds: Vec<ManifestObject>,
    /// Fields of its objects that others set.
    pub ignored: Ignored,
    /// Charts of others whose releases may be there in its place; none where its chart is not the component's own.
    pub adopts: Vec<Adopts>,
}

/// An action with its templates filled in, results of earlier actions excepted.
#[derive(Debug, Clone)]
pub struct ResolvedAction {
    /// Its step: `livy/before-1`.
    pub id: String,
    /// What to do.
    pub kind: ActionKind,
    /// What fixes it where it fails, where that is known.
    pub fix: Option<String>,
    /// What has to be agreed to before anything begins.
    pub agree: Option<Text>,
    /// What people read.
    pub title: String,
    /// How long it may take.
    pub deadline: Option<Duration>,
    /// How often it is retried.
    pub retries: Option<u32>,
    /// Name of its results.
    pub register: Option<String>,
    /// Other components that it needs ready.
    pub needs: BTreeSet<String>,
    /// Results of other actions that it uses.
    pub results: BTreeSet<String>,
}

/// An address for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResolvedEndpoint {
    /// What it leads to.
    pub title: String,
    /// Address inside the cluster.
    pub url: Option<String>,
    /// Ingress that leads to it from outside.
    pub ingress: Option<String>,
}

/// Why the catalog could not be filled in.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// A template failed.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The values template gave something that is not YAML.
    #[error("the values of {component} are not valid YAML")]
    Values {
        /// Which component.
        component: String,
        /// Why.
        source: HelmYamlError,
    },
    /// `values_file` is not what Helm would take.
    #[error("{} is not a values file; it is the answer to {component}.values_file", .path.display())]
    ValuesText {
        /// Which component.
        component: String,
        /// Which file.
        path: PathBuf,
        /// Why.
        source: HelmYamlError,
    },
    /// `values_file` cannot be read.
    #[error("failed to read {path}, the answer to {component}.values_file")]
    ValuesFile {
        /// Which component.
        component: String,
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Nobody fetched it: a program error.
    #[error("the chart of {component} was not fetched")]
    Chart {
        /// Which component.
        component: String,
    },
    /// A file that an answer names cannot be read.
    #[error("failed to read {}, the answer to {answer}", .path.display())]
    File {
        /// The question.
        answer: String,
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A folder that an answer names cannot be read.
    #[error("failed to read the folder that {answer} names")]
    Folder {
        /// The question.
        answer: String,
        /// Why.
        source: CatalogError,
    },
    /// Files that an answer names cannot become a ConfigMap.
    #[error("{answer}: {what}")]
    Files {
        /// The question.
        answer: String,
        /// What is wrong with them.
        what: String,
    },
    /// The values lack the element of a list in which an image sits.
    #[error(
        "image `{image}` of {component}: {at} not found in the values, for {path}; write the whole list in the values template, since Helm replaces the list of the chart"
    )]
    ImagePlace {
        /// Which component.
        component: String,
        /// Its image.
        image: String,
        /// The path.
        path: String,
        /// What is not there.
        at: String,
    },
    /// An action got a value that it cannot use.
    #[error("{component}: {what}")]
    Action {
        /// Which component.
        component: String,
        /// What is wrong.
        what: String,
    },
    /// An action needs a component that was not chosen.
    #[error("{step} needs {what}: choose it too, with --components or `components:` in the answers")]
    Absent {
        /// The action's step.
        step: String,
        /// What it needs, and whose that is.
        what: String,
    },
    /// Two components would share what only one can have.
    #[error("{first} and {second} both refer to {what}: set one of them to another name")]
    Shared {
        /// The answer or question of the one.
        first: String,
        /// That of the other.
        second: String,
        /// What they would share.
        what: String,
    },
    /// A component would be put where windlass keeps what it remembers.
    #[error("{answer}: namespace {STATE_NAMESPACE} is reserved for windlass; use another name")]
    OwnNamespace {
        /// The answer.
        answer: String,
    },
    /// A Secret's name that the API would refuse.
    #[error("{component}: `{name}` is not a valid Secret name (from `secret_name` of `{id}`)")]
    SecretName {
        /// Which component.
        component: String,
        /// Which of its Secrets.
        id: String,
        /// The name.
        name: String,
    },
    /// A selector that no label fits, or every label.
    #[error("{component}: `{selector}` selects no labels: leftovers would not be found")]
    Selector {
        /// Which component.
        component: String,
        /// The selector.
        selector: String,
    },
    /// The steps have no order.
    #[error(transparent)]
    Graph(#[from] GraphError),
}
