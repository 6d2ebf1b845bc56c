use std::path::{Path, PathBuf};

use super::Cluster;

/// Unix sockets that lead into pods.
#[derive(Clone)]
pub struct Tunnels;

#[derive(Debug, Clone, thiserror::Error)]
#[error("no tunnel")]
pub struct TunnelError;

impl Tunnels {
    pub fn new(cluster: &Cluster) -> Result<Self, TunnelError> { todo!() }
    pub fn socket(&self, namespace: &str, pod: &str, port: u16) -> Result<PathBuf, TunnelError> { todo!() }
    /// `port`: a name or a number of the Service
    pub fn service_socket(&self, namespace: &str, service: &str, port: &str) -> Result<PathBuf, TunnelError> { todo!() }
    /// A host as Hadoop says it; `namespace` is where names without one are looked for.
    pub async fn hdfs_socket(&self, namespace: &str, host: &str, port: u16) -> Result<PathBuf, TunnelError> { todo!() }
    /// Why the last connection through this socket failed
    pub fn last_error(&self, socket: &Path) -> Option<TunnelError> { todo!() }
}
