use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::{Cluster, KubeError};
use crate::model::cluster::{
    ClaimState, Drift, Finding, ManifestObject, NamespaceState, ObjectRef, PodState, ReadyPolicy, ReleaseKey,
    ReleaseState,
};
use crate::model::{ProgressSink, Secret};

/// A manifest that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("document {document} of the manifest, line {line}: {problem}")]
pub struct ManifestError {
    pub document: usize,
    pub line: usize,
    pub problem: String,
}

/// Parses rendered YAML (helm template's output, a release's manifest) into objects.
pub fn parse_manifest(text: &str, default_namespace: &str) -> Result<Vec<ManifestObject>, ManifestError> {
    todo!()
}

/// Why waiting ended without readiness.
#[derive(Debug, thiserror::Error)]
pub enum WaitError {
    #[error("not ready")]
    NotReady(NotReady),
    #[error("failed to watch")]
    Watch(#[source] KubeError),
}

/// What is not ready and why.
#[derive(Debug, Clone)]
pub struct NotReady {
    /// Worst first.
    pub findings: Vec<Finding>,
    pub waited: Duration,
    /// The deadline passed; else a finding is fatal.
    pub timed_out: bool,
}

impl Cluster {
    /// Newest revisions; releases that do not exist are absent.
    pub async fn releases(&self, keys: &[ReleaseKey]) -> Result<BTreeMap<ReleaseKey, ReleaseState>, KubeError> {
        todo!()
    }
    pub async fn missing_or_changed(&self, manifest: &[ManifestObject]) -> Result<Vec<Drift>, KubeError> {
        todo!()
    }
    pub async fn wait_ready(
        &self,
        objects: &[ManifestObject],
        policy: &ReadyPolicy,
        deadline: Duration,
        progress: &ProgressSink,
    ) -> Result<(), WaitError> {
        todo!()
    }

    pub async fn get(&self, object: &ObjectRef) -> Result<Option<Value>, KubeError> {
        todo!()
    }
    /// true if it was there
    pub async fn delete(&self, object: &ObjectRef) -> Result<bool, KubeError> {
        todo!()
    }
    pub async fn delete_by_label(
        &self,
        kind: &str,
        namespace: &str,
        selector: &str,
    ) -> Result<Vec<ObjectRef>, KubeError> {
        todo!()
    }
    pub async fn namespace(&self, name: &str) -> Result<Option<NamespaceState>, KubeError> {
        todo!()
    }
    pub async fn ensure_namespace(
        &self,
        name: &str,
        labels: &BTreeMap<String, String>,
    ) -> Result<NamespaceState, KubeError> {
        todo!()
    }
    pub async fn apply_secret(
        &self,
        namespace: &str,
        name: &str,
        kind: &str,
        data: &BTreeMap<String, Secret>,
        labels: &BTreeMap<String, String>,
    ) -> Result<(), KubeError> {
        todo!()
    }
    pub async fn secret(&self, namespace: &str, name: &str) -> Result<Option<BTreeMap<String, Secret>>, KubeError> {
        todo!()
    }
    pub async fn pods(&self, namespace: &str, selector: &str) -> Result<Vec<PodState>, KubeError> {
        todo!()
    }
    pub async fn pod_logs_tail(
        &self,
        namespace: &str,
        pod: &str,
        container: Option<&str>,
        lines: u32,
    ) -> Result<Vec<String>, KubeError> {
        todo!()
    }
    /// Waits until a pod with these labels exists and all of them ended.
    pub async fn wait_pods_ended(
        &self,
        namespace: &str,
        selector: &str,
        policy: &ReadyPolicy,
        deadline: Duration,
        progress: &ProgressSink,
    ) -> Result<Vec<PodState>, WaitError> {
        todo!()
    }
    pub async fn claims(&self, namespace: &str, selector: &str) -> Result<Vec<ClaimState>, KubeError> {
        todo!()
    }
}

/// Unix sockets that lead into pods.
#[derive(Clone)]
pub struct Tunnels;

#[derive(Debug, Clone, thiserror::Error)]
#[error("no tunnel")]
pub struct TunnelError;

impl Tunnels {
    pub fn new(cluster: &Cluster) -> Result<Self, TunnelError> {
        todo!()
    }
    pub fn socket(&self, namespace: &str, pod: &str, port: u16) -> Result<PathBuf, TunnelError> {
        todo!()
    }
    /// `port`: a name or a number of the Service
    pub fn service_socket(&self, namespace: &str, service: &str, port: &str) -> Result<PathBuf, TunnelError> {
        todo!()
    }
    /// A host as Hadoop says it; `namespace` is where names without one are looked for.
    pub async fn hdfs_socket(&self, namespace: &str, host: &str, port: u16) -> Result<PathBuf, TunnelError> {
        todo!()
    }
    /// Why the last connection through this socket failed
    pub fn last_error(&self, socket: &Path) -> Option<TunnelError> {
        todo!()
    }
}
