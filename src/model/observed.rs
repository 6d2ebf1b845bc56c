//! What the cluster has now, as far as a plan needs to know it.

use std::collections::{BTreeMap, BTreeSet};

use super::cluster::{Drift, Finding, ReleaseKey, ReleaseState};
use super::state::InstallState;

/// The answers to all that was asked.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    /// The namespaces, of those asked for, that exist.
    pub namespaces: BTreeSet<String>,
    /// For each namespace that needs one: how its pull Secret compares with the credentials.
    pub pull_secrets: BTreeMap<String, Comparison>,
    /// Namespace and name of each Secret that windlass fills: how it compares with what it should hold.
    pub secrets: BTreeMap<(String, String), Comparison>,
    /// The releases, of those asked for, that exist.
    pub releases: BTreeMap<ReleaseKey, ObservedRelease>,
    /// HDFS.
    pub hdfs: ObservedHdfs,
    /// What windlass remembers.
    pub state: Option<InstallState>,
}

/// A release and how its objects are.
#[derive(Debug, Clone)]
pub struct ObservedRelease {
    /// Helm's record of it.
    pub state: ReleaseState,
    /// Objects that are gone or differ from what was rendered.
    pub drift: Vec<Drift>,
    /// Why it is not ready; empty if it is.
    pub unready: Vec<Finding>,
}

/// Something that can be there, be right, or be otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Comparison {
    /// It is not there.
    Absent,
    /// It is as wanted.
    Same,
    /// It is there and differs; how, in words.
    Differs(String),
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
