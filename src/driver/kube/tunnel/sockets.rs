//! The listening ends.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use kube::api::Api;
use tokio::net::UnixListener;
use tokio::task::{AbortHandle, JoinSet};

use super::TunnelError;
use super::forward::forward;
use super::resolve::Address;
use crate::driver::kube::{Cluster, retry};

/// Unix sockets in a private folder, each leading into a pod: every connection to one becomes a port-forward of its
/// own. A connection that cannot be forwarded is closed at once, and [`Tunnels::last_error`] says why.
///
/// Cheap to clone. The sockets and their connections end with the last clone. The kubelet connects to the pod's
/// *loopback* interface: what listens only on the pod's address cannot be reached like this.
#[derive(Clone)]
pub struct Tunnels {
    inner: Arc<Inner>,
}

struct Inner {
    /// Keeps the folder of the sockets.
    cluster: Cluster,
    dir: PathBuf,
    open: Mutex<Open>,
    errors: Arc<Mutex<BTreeMap<PathBuf, TunnelError>>>,
}

#[derive(Default)]
struct Open {
    sockets: BTreeMap<Address, (PathBuf, AbortHandle)>,
    count: u32,
}

impl std::fmt::Debug for Tunnels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Tunnels").field(&self.inner.dir).finish()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        for (path, listening) in lock(&self.open).sockets.values() {
            listening.abort();
            let _ = std::fs::remove_file(path);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while it holds one of these; even then the map would be consistent.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Tunnels {
    /// Tunnels into this cluster, in a folder of its private one.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn new(cluster: &Cluster) -> Result<Self, TunnelError> {
        // A name of its own for each, and short: a socket's path has room for 107 bytes.
        let dir = (0..)
            .map(|n| format!("t{n}"))
            .find(|name| !cluster.private_dir().path().join(name).exists())
            .unwrap_or_default();
        let dir = cluster.private_dir().subdir(&dir).map_err(|err| TunnelError::Dir(Arc::new(err)))?;
        let inner = Inner { cluster: cluster.clone(), dir, open: Mutex::default(), errors: Arc::default() };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Whether names of the cluster may be resolved by this machine's DNS.
    #[must_use]
    pub fn uses_dns(&self) -> bool {
        self.inner.cluster.uses_dns()
    }

    /// A socket that leads to a port of this pod. The same target gives the same socket.
    ///
    /// # Errors
    /// When the socket cannot be made. Whether the pod answers shows when something connects.
    pub fn socket(&self, namespace: &str, pod: &str, port: u16) -> Result<PathBuf, TunnelError> {
        self.open(Address::Pod { namespace: namespace.to_owned(), pod: pod.to_owned(), port })
    }

    /// A socket that leads to a ready pod behind this Service, looked up anew for each connection. `port` is the name
    /// or the number of the Service's port.
    ///
    /// # Errors
    /// As for [`Tunnels::socket`].
    pub fn service_socket(&self, namespace: &str, service: &str, port: &str) -> Result<PathBuf, TunnelError> {
        let (namespace, service) = (namespace.to_owned(), service.to_owned());
        self.open(Address::Service { namespace, service, port: port.to_owned() })
    }

    /// A socket that leads to the pod that Hadoop calls `host`: by its DNS name, its address, its own name, or its
    /// node's name where it is in the host's network. Names without a namespace are looked for in `namespace`.
    ///
    /// # Errors
    /// As for [`Tunnels::socket`]; also when no pod is known by that name now.
    pub async fn hdfs_socket(&self, namespace: &str, host: &str, port: u16) -> Result<PathBuf, TunnelError> {
        let address = Address::Host { namespace: namespace.to_owned(), host: host.to_owned(), port };
        if let Some(path) = self.opened(&address) {
            return Ok(path);
        }
        // Reported now rather than by a closed connection: the caller may have another way.
        address.resolve(&self.inner.cluster.client()).await?;
        self.open(address)
    }

    /// The addresses that the API gives for the pod that a node of HDFS is, by the name that HDFS has for it.
    ///
    /// # Errors
    /// No pod of that namespace is known by that name, or the API call fails.
    pub async fn hdfs_addresses(&self, namespace: &str, host: &str, port: u16) -> Result<Vec<IpAddr>, TunnelError> {
        let address = Address::Host { namespace: namespace.to_owned(), host: host.to_owned(), port };
        let client = self.inner.cluster.client();
        let target = address.resolve(&client).await?;
        let api: Api<Pod> = Api::namespaced(client, &target.namespace);
        let what = format!("pod {}/{}", target.namespace, target.pod);
        let found = retry::call("get", &what, || api.get_opt(&target.pod)).await;
        let found = found.map_err(|error| TunnelError::Resolve { target: host.to_owned(), source: Arc::new(error) })?;
        let status = found.and_then(|pod| pod.status).ok_or_else(|| TunnelError::NoPod { host: host.to_owned() })?;
        let more = status.pod_ips.into_iter().flatten().map(|given| given.ip);
        Ok(status.pod_ip.into_iter().chain(more).filter_map(|ip| ip.parse().ok()).collect())
    }

    /// Why the last connection through this socket that failed did so.
    #[must_use]
    pub fn last_error(&self, socket: &Path) -> Option<TunnelError> {
        lock(&self.inner.errors).get(socket).cloned()
    }

    /// The same of the socket that leads to a node of HDFS, as [`Tunnels::hdfs_socket`] made it.
    #[must_use]
    pub fn last_hdfs_error(&self, namespace: &str, host: &str, port: u16) -> Option<TunnelError> {
        let address = Address::Host { namespace: namespace.to_owned(), host: host.to_owned(), port };
        self.last_error(&self.opened(&address)?)
    }

    fn opened(&self, address: &Address) -> Option<PathBuf> {
        let open = lock(&self.inner.open);
        let (path, listening) = open.sockets.get(address)?;
        (!listening.is_finished()).then(|| path.clone())
    }

    fn open(&self, address: Address) -> Result<PathBuf, TunnelError> {
        if let Some(path) = self.opened(&address) {
            return Ok(path);
        }
        let mut open = lock(&self.inner.open);
        open.count += 1;
        let path = self.inner.dir.join(format!("{}.sock", open.count));
        let listener = UnixListener::bind(&path)
            .map_err(|source| TunnelError::Listen { path: path.clone(), source: Arc::new(source) })?;
        let serving =
            serve(listener, path.clone(), address.clone(), self.inner.cluster.client(), self.inner.errors.clone());
        let listening = tokio::spawn(serving).abort_handle();
        open.sockets.insert(address, (path.clone(), listening));
        Ok(path)
    }
}

async fn serve(
    listener: UnixListener,
    path: PathBuf,
    address: Address,
    client: Client,
    errors: Arc<Mutex<BTreeMap<PathBuf, TunnelError>>>,
) {
    // Dropped with this task, and its connections with it.
    let mut connections = JoinSet::new();
    loop {
        let mut stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                // Out of file descriptors, most likely: that passes when others are closed.
                Err(err) => {
                    let source = Arc::new(err);
                    lock(&errors).insert(path.clone(), TunnelError::Listen { path: path.clone(), source });
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                    continue;
                }
            },
            Some(_) = connections.join_next() => continue,
        };
        let (address, client, errors, path) = (address.clone(), client.clone(), errors.clone(), path.clone());
        connections.spawn(async move {
            let forwarded = match address.resolve(&client).await {
                Ok(target) => forward(&client, &target, &mut stream).await,
                Err(err) => Err(err),
            };
            // Before the stream is closed, so that the error is there for the client that sees it close.
            match forwarded {
                Ok(()) => lock(&errors).remove(&path),
                Err(err) => {
                    tracing::debug!(error = %err, "a connection through a tunnel failed");
                    lock(&errors).insert(path, err)
                }
            };
            drop(stream);
        });
    }
}
