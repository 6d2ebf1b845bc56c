//! HDFS as the cluster has it: directly where that works, through the API's port-forward where not.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt as _};

use super::kube::Tunnels;
use super::webhdfs::{Error, Hdfs, HdfsConfig, Route, RouteError, Sockets, Tunnel, choose_route};
use crate::model::hdfs_health::{HdfsHealth, NameNodeState};
use crate::model::{HdfsAccess, causes, silent};

/// How long one request to a NameNode may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// How long an operation waits for a NameNode that starts or fails over, where the caller says nothing else.
const DEFAULT_DEADLINE: Duration = Duration::from_secs(60);

/// The port-forwards of one HDFS.
struct HdfsTunnel {
    tunnels: Tunnels,
    namespace: String,
}

impl Tunnel for HdfsTunnel {
    fn socket<'a>(
        &'a self,
        host: &'a str,
        port: u16,
    ) -> BoxFuture<'a, Result<PathBuf, Box<dyn std::error::Error + Send + Sync>>> {
        async move { Ok(self.tunnels.hdfs_socket(&self.namespace, host, port).await?) }.boxed()
    }

    fn addresses<'a>(
        &'a self,
        host: &'a str,
        port: u16,
    ) -> BoxFuture<'a, Result<Option<Vec<IpAddr>>, Box<dyn std::error::Error + Send + Sync>>> {
        async move { Ok(Some(self.tunnels.hdfs_addresses(&self.namespace, host, port).await?)) }.boxed()
    }
}

/// Why no client for HDFS could be made.
#[derive(Debug, thiserror::Error)]
pub enum ReachError {
    /// No way to its nodes.
    #[error("failed to prepare a route to HDFS")]
    Route(#[from] RouteError),
    /// The addresses of the NameNodes are invalid.
    #[error("failed to prepare a client for HDFS")]
    Client(#[from] Error),
}

/// A client for HDFS. Nothing is sent yet.
///
/// # Errors
/// The addresses of the NameNodes are invalid, or no HTTP client can be made.
pub fn hdfs(access: &HdfsAccess, tunnels: &Tunnels) -> Result<Hdfs, ReachError> {
    let tunnel = Arc::new(HdfsTunnel { tunnels: tunnels.clone(), namespace: access.namespace.clone() });
    let route: Arc<dyn Route> =
        if tunnels.uses_dns() { choose_route(Some(tunnel))? } else { Arc::new(Sockets::new(tunnel)) };
    Ok(Hdfs::new(HdfsConfig {
        namenodes: access.namenodes.clone(),
        user: access.user.clone(),
        route,
        deadline: DEFAULT_DEADLINE,
        request_timeout: REQUEST_TIMEOUT,
        progress: silent(),
    })?)
}

/// How an HDFS is, as far as its NameNodes say so within this time. Where it is the tunnel to one that failed, that is why
/// it is silent; one that may not be reached, for lack of a right, is distinguished from one that does not answer.
///
/// # Errors
/// As for [`hdfs`].
pub async fn hdfs_health(access: &HdfsAccess, tunnels: &Tunnels, within: Duration) -> Result<HdfsHealth, ReachError> {
    let mut health = hdfs(access, tunnels)?.health(within).await;
    for namenode in &mut health.namenodes {
        let NameNodeState::Silent(_) = &namenode.state else { continue };
        let place = namenode.address.rsplit_once(':');
        let place = place.and_then(|(host, port)| Some((host.trim_matches(['[', ']']), port.parse().ok()?)));
        let failed = place.and_then(|(host, port)| tunnels.last_hdfs_error(&access.namespace, host, port));
        let Some(failed) = failed else { continue };
        let why = causes(&failed).join(": ");
        namenode.state = if failed.is_forbidden() { NameNodeState::Unasked(why) } else { NameNodeState::Silent(why) };
    }
    Ok(health)
}
