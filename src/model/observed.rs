//! What the cluster has now, as far as a plan needs to know it.

use std::collections::{BTreeMap, BTreeSet};

use super::cluster::{Drift, Finding, ObjectRef, ReleaseKey, ReleaseState};
use super::data::DataPlaces;
use super::is_marked;
use super::offline::ObservedOffline;
use super::state::InstallState;

/// All that was observed.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    /// The namespaces, of those asked for, that exist.
    pub namespaces: BTreeSet<String>,
    /// Of those that windlass made the Pod Security level that they enforce.
    pub levels: BTreeMap<String, String>,
    /// For each namespace that needs one: how its pull Secret compares with the credentials.
    pub pull_secrets: BTreeMap<String, Comparison>,
    /// Namespace and name of each Secret that windlass fills: how it compares with what it should hold.
    pub secrets: BTreeMap<(String, String), Comparison>,
    /// Versions of Secrets that templates ask for, where they are there and stay as they are.
    pub versions: BTreeMap<(String, String), String>,
    /// ConfigMaps of files that windlass fills, by namespace and name.
    pub config_maps: BTreeMap<(String, String), Comparison>,
    /// All that there are of a release, by its namespace and name: earlier files are there for those who go back to them.
    pub files: BTreeMap<ReleaseKey, BTreeSet<String>>,
    /// What charts have in `crds/`, by name: how it compares with what is there.
    pub crds: BTreeMap<String, CrdComparison>,
    /// The releases, of those asked for, that exist.
    pub releases: BTreeMap<ReleaseKey, ObservedRelease>,
    /// HDFS.
    pub hdfs: ObservedHdfs,
    /// What services hold, by step; why it is not known, where it could not be asked for.
    pub entries: BTreeMap<String, Result<Comparison, String>>,
    /// What windlass remembers.
    pub state: Option<InstallState>,
    /// Of an install from an offline bundle: what the registry has of it.
    pub offline: Option<ObservedOffline>,
}

impl Observed {
    /// What a step remembered of what it did.
    #[must_use]
    pub fn done(&self, component: &str, step: &str) -> Option<&str> {
        self.state.as_ref()?.done.get(component)?.get(step).map(String::as_str)
    }
}

/// A release and how its objects are.
#[derive(Debug, Clone)]
pub struct ObservedRelease {
    /// Helm's record of it.
    pub state: ReleaseState,
    /// Objects that are gone or differ from what was rendered.
    pub drift: Vec<Drift>,
    /// What differs in fields that the component leaves to others.
    pub ignored: Vec<Drift>,
    /// Why it is not ready; empty if it is.
    pub unready: Vec<Finding>,
}

/// How something compares with what is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Comparison {
    /// It does not exist.
    Absent,
    /// It is as wanted.
    Same,
    /// It exists and differs; how, in words.
    Differs(String),
}

/// How a CRD compares with the one in the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CrdComparison {
    /// It does not exist.
    Absent,
    /// It is as wanted.
    Same,
    /// It exists and differs; how, in words.
    Differs(String),
    /// The one in the cluster is newer, and must not be replaced: objects may be stored in versions that the wanted one
    /// lacks; which, in words.
    Newer(String),
}

/// HDFS as found.
#[derive(Debug, Clone, Default)]
pub enum ObservedHdfs {
    /// It is not installed yet, so nothing was asked.
    #[default]
    Absent,
    /// It is installed but did not answer.
    Unreachable(String),
    /// It answered.
    Reached {
        /// Folders by path: `Some(mode)` where a folder is there.
        folders: BTreeMap<String, Folder>,
        /// Uploads by the step that does them.
        uploads: BTreeMap<String, ObservedUpload>,
    },
}

/// The target of an upload.
#[derive(Debug, Clone, Default)]
pub struct ObservedUpload {
    /// Each file and how it compares.
    pub files: BTreeMap<String, Comparison>,
    /// Half-uploaded files that an earlier run left: absolute paths.
    pub abandoned: Vec<String>,
}

/// A path that should be a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Folder {
    /// Nothing is there.
    Absent,
    /// A folder with this mode.
    Mode(u16),
    /// A file is in its place.
    IsFile,
}

/// What an uninstall has to know of what is there.
#[derive(Debug, Clone, Default)]
pub struct Remains {
    /// The releases that Helm knows.
    pub releases: BTreeMap<ReleaseKey, ReleaseRemains>,
    /// The claims of the namespaces that are looked at.
    pub claims: BTreeSet<(String, String)>,
    /// Of each release the claims that Helm made for it, also those that its chart no longer has.
    pub made: BTreeMap<ReleaseKey, BTreeSet<(String, String)>>,
    /// Of each release the claims that carry its label: the only sign of their owner where nothing else was noted.
    pub labelled: BTreeMap<ReleaseKey, BTreeSet<String>>,
    /// What a component's software made by itself: kind, namespace and selector to names.
    pub selected: BTreeMap<(String, String, String), BTreeSet<String>>,
    /// The definitions that windlass brought and that are there, by name.
    pub crds: BTreeMap<String, CrdRemains>,
    /// Those of the namespaces that windlass made that are there still, and are the same ones.
    pub namespaces: BTreeMap<String, NamespaceRemains>,
}

/// The objects of the kind of a CRD.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CrdRemains {
    /// Its group.
    pub group: String,
    /// The kind.
    pub kind: String,
    /// How many objects; not known where they may not be listed.
    pub count: Option<u64>,
    /// The first of them.
    pub names: Vec<String>,
}

/// What a release has.
#[derive(Debug, Clone, Default)]
pub struct ReleaseRemains {
    /// Where it keeps data.
    pub data: DataPlaces,
    /// What `helm uninstall` would take along although it holds more than itself.
    pub taken: Vec<ObjectRef>,
    /// What of it cannot be read, in words.
    pub unread: Vec<String>,
    /// Its objects of kinds that are not Kubernetes' own, those that Helm leaves apart.
    pub custom: Vec<ObjectRef>,
}

/// What a namespace of ours has.
#[derive(Debug, Clone, Default)]
pub struct NamespaceRemains {
    /// What others put there.
    pub others: Vec<String>,
}

/// An object of a namespace, by what its metadata says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// Which.
    pub object: ObjectRef,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// Another object owns it, and it goes with that.
    pub owned: bool,
    /// It is being deleted.
    pub deleting: bool,
}

impl Content {
    /// Whether it is neither the platform's nor made by the cluster itself. `releases` are the names of our releases in
    /// its namespace, and `ours` knows the claims and leftovers of our components.
    #[must_use]
    pub fn is_of_others(&self, releases: &BTreeSet<String>, ours: impl Fn(&ObjectRef) -> bool) -> bool {
        let label = |name: &str| self.labels.get(name).map(String::as_str);
        let release = |name: Option<&String>| name.is_some_and(|name| releases.contains(name));
        let of_release = release(self.annotations.get("meta.helm.sh/release-name"))
            || release(self.labels.get("app.kubernetes.io/instance"))
            || (label("owner") == Some("helm") && release(self.labels.get("name")));
        // A claim's label is anybody's word: it counts only where nothing better is known, which `ours` decides.
        let of_release = of_release && self.object.kind != "PersistentVolumeClaim";
        let of_cluster = self.annotations.contains_key("kubernetes.io/service-account.name")
            || (self.object.kind == "ConfigMap"
                && matches!(
                    self.object.name.as_str(),
                    "kube-root-ca.crt" | "openshift-service-ca.crt" | "istio-ca-root-cert"
                ));
        let of_windlass = is_marked(&self.labels);
        !(self.owned || self.deleting || of_release || of_cluster || of_windlass || ours(&self.object))
    }
}

/// What was found in a namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents {
    /// The objects.
    pub objects: Vec<Content>,
    /// What could not be listed, in words.
    pub unseen: Vec<String>,
}

impl Contents {
    /// What others put there, in words; what could not be seen counts. For `releases` and `ours` see
    /// [`Content::is_of_others`].
    #[must_use]
    pub fn others(&self, releases: &BTreeSet<String>, ours: impl Fn(&ObjectRef) -> bool) -> Vec<String> {
        let others = self.objects.iter().filter(|content| content.is_of_others(releases, &ours));
        let mut others: Vec<String> = others.map(|content| content.object.to_string()).collect();
        others.sort();
        others.dedup();
        others.extend(self.unseen.iter().cloned());
        others
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(kind: &str, name: &str, labels: &[(&str, &str)]) -> Content {
        Content {
            object: ObjectRef::namespaced("v1", kind, "ns", name),
            labels: labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
            annotations: BTreeMap::new(),
            owned: false,
            deleting: false,
        }
    }

    #[test]
    fn what_others_put_into_a_namespace_is_distinguished_from_ours() {
        let ours = [("app.kubernetes.io/instance", "my-livy")];
        let mut annotated = content("Service", "annotated", &[]);
        annotated.annotations.insert("meta.helm.sh/release-name".into(), "my-livy".into());
        let objects = vec![
            content("Deployment", "my-livy", &ours),
            annotated,
            content("Secret", "sh.helm.release.v1.my-livy.v1", &[("owner", "helm"), ("name", "my-livy")]),
            content("Secret", "sh.helm.release.v1.theirs.v1", &[("owner", "helm"), ("name", "theirs")]),
            content("Secret", "registry", &[("app.kubernetes.io/managed-by", "windlass")]),
            content("ConfigMap", "kube-root-ca.crt", &[]),
            content("ConfigMap", "theirs", &[("app.kubernetes.io/instance", "another")]),
            Content { owned: true, ..content("Pod", "of-something", &[]) },
            Content { deleting: true, ..content("Pod", "going", &[]) },
            content("Pod", "driver", &[("spark-role", "driver")]),
            // A claim that carries our label, but is none that our charts make.
            content("PersistentVolumeClaim", "backup", &ours),
            content("PersistentVolumeClaim", "data-0", &[]),
        ];
        let contents = Contents { objects, unseen: vec!["Things, which may not be listed".into()] };
        let known = |object: &ObjectRef| matches!(object.name.as_str(), "driver" | "data-0");
        let others = contents.others(&["my-livy".to_owned()].into(), known);
        assert_eq!(
            others,
            [
                "ConfigMap ns/theirs",
                "PersistentVolumeClaim ns/backup",
                "Secret ns/sh.helm.release.v1.theirs.v1",
                "Things, which may not be listed"
            ]
        );
    }
}
