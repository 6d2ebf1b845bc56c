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
    pub async fn wait_ready(
        &self,
        objects: &[ManifestObject],
        policy: &ReadyPolicy,
        deadline: Duration,
        progress: &ProgressSink,
    ) -> Result<(), WaitError> {
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
