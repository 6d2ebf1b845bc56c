//! How a NameNode or DataNode is reached *as Hadoop names it*.
//!
//! WebHDFS redirects to DataNodes by their own host names, which often do not resolve outside the cluster. So nothing
//! here is decided once for all: each host and port is looked at when it is first needed, and keeps the way that was
//! found.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use reqwest::Client;
use tokio::sync::OnceCell;

use super::wire::RemoteException;
use crate::driver::body::{self, BodyError};

/// Any error, for what a [`Tunnel`] reports.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A TCP connection takes this long at most.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A direct way shows itself within this time, name resolution included, or another way is taken.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a direct way is taken without another look.
const DIRECT_KEPT: Duration = Duration::from_secs(10);

/// The most that is read of what a probe finds: the root of a file system.
const PROBED: usize = 4 << 20;

/// A way to HDFS's HTTP servers.
pub trait Route: Send + Sync {
    /// A client that reaches `host:port` when it is asked for `http://host:port/…`.
    ///
    /// Must be cheap to call again: it is asked before every request to a DataNode.
    ///
    /// # Errors
    /// [`RouteError`] where there is no way.
    fn client<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, Result<Client, RouteError>>;
}

/// What leads to a pod's port through the Kubernetes API.
pub trait Tunnel: Send + Sync {
    /// The path of a Unix socket on this machine; each connection to it reaches `host:port`, where `host` is a pod's
    /// name or address as Hadoop names it. The same target gives the same path while its pod lives.
    ///
    /// # Errors
    /// Whatever keeps it from being made, such as no pod of that name.
    fn socket<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, Result<PathBuf, BoxError>>;

    /// The addresses that the cluster has for that host; `None` where it is not asked. A name that leads elsewhere from
    /// this machine, by a hosts entry or a DNS of others, is not followed.
    ///
    /// # Errors
    /// The cluster knows no such host, or cannot be asked.
    fn addresses<'a>(&'a self, _host: &'a str, _port: u16) -> BoxFuture<'a, Result<Option<Vec<IpAddr>>, BoxError>> {
        Box::pin(async { Ok(None) })
    }
}

/// Why there is no way to a node.
#[derive(Debug, thiserror::Error)]
pub enum RouteError {
    /// The HTTP client could not be set up.
    #[error("failed to set up an HTTP client")]
    Client(#[source] reqwest::Error),
    /// The tunnel could not be made.
    #[error("failed to tunnel to {host}:{port} through the Kubernetes API")]
    Tunnel {
        /// The host as Hadoop names it.
        host: String,
        /// The port.
        port: u16,
        /// The tunnel's reason.
        source: BoxError,
    },
    /// Neither the direct way nor the tunnel works.
    #[error("cannot reach {host}:{port} directly ({direct}) or through the Kubernetes API")]
    Neither {
        /// The host as Hadoop names it.
        host: String,
        /// The port.
        port: u16,
        /// What the direct way gave.
        direct: String,
        /// The tunnel's reason.
        source: BoxError,
    },
}

/// Ordinary names and addresses: inside the cluster's network, or where its names resolve.
pub struct Direct {
    client: Client,
}

impl Direct {
    /// Sets up the client.
    ///
    /// # Errors
    /// [`RouteError::Client`].
    pub fn new() -> Result<Self, RouteError> {
        Ok(Self { client: client(None, None)? })
    }
}

impl Route for Direct {
    fn client<'a>(&'a self, _host: &'a str, _port: u16) -> BoxFuture<'a, Result<Client, RouteError>> {
        Box::pin(async { Ok(self.client.clone()) })
    }
}

/// Everything through a [`Tunnel`]: no name is resolved and no TCP port opened on this machine.
pub struct Sockets {
    tunnel: Arc<dyn Tunnel>,
    /// One client per socket, so that a NameNode's connection is used again.
    clients: Mutex<HashMap<PathBuf, Client>>,
}

impl Sockets {
    /// Uses this tunnel.
    #[must_use]
    pub fn new(tunnel: Arc<dyn Tunnel>) -> Self {
        Self { tunnel, clients: Mutex::default() }
    }

    async fn through(&self, host: &str, port: u16) -> Result<Client, SocketError> {
        let socket = self.tunnel.socket(host, port).await.map_err(SocketError::Tunnel)?;
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&socket) {
            return Ok(client.clone());
        }
        let made = client(Some(&socket), None).map_err(SocketError::Client)?;
        clients.insert(socket, made.clone());
        Ok(made)
    }
}

enum SocketError {
    Tunnel(BoxError),
    Client(RouteError),
}

impl Route for Sockets {
    fn client<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, Result<Client, RouteError>> {
        Box::pin(async move {
            self.through(host, port).await.map_err(|e| match e {
                SocketError::Tunnel(source) => RouteError::Tunnel { host: host.to_owned(), port, source },
                SocketError::Client(e) => e,
            })
        })
    }
}

/// Directly where WebHDFS itself answers on the direct way, else through the tunnel; found out per host and port.
///
/// A NameNode whose address resolves says nothing about the DataNodes: they are looked at for themselves.
pub struct Auto {
    direct: Direct,
    sockets: Sockets,
    ways: Mutex<HashMap<Target, Arc<OnceCell<TargetRoute>>>>,
}

/// Host and port.
type Target = (String, u16);

/// What was found out about a target.
#[derive(Debug, Clone)]
enum TargetRoute {
    /// By this client, found out at that time: a pod that comes back has another address.
    Direct(Client, Instant),
    /// Not directly, for this reason.
    Tunnel(String),
}

impl Auto {
    /// Prefers the direct way and falls back to this tunnel.
    ///
    /// # Errors
    /// [`RouteError::Client`].
    pub fn new(tunnel: Arc<dyn Tunnel>) -> Result<Self, RouteError> {
        Ok(Self { direct: Direct::new()?, sockets: Sockets::new(tunnel), ways: Mutex::default() })
    }

    fn cell(&self, host: &str, port: u16) -> Arc<OnceCell<TargetRoute>> {
        let mut ways = self.ways.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(ways.entry((host.to_owned(), port)).or_default())
    }

    /// A client that reaches the host without a tunnel, at an address that the cluster has for it.
    async fn directly(&self, host: &str, port: u16) -> Result<Client, String> {
        let looked = tokio::time::timeout(PROBE_TIMEOUT, tokio::net::lookup_host((host, port))).await;
        let here: Vec<SocketAddr> = match looked {
            Err(_) => return Err(format!("timed out after {}s", PROBE_TIMEOUT.as_secs())),
            Ok(found) => found.map_err(|error| error.to_string())?.collect(),
        };
        let known = self.sockets.tunnel.addresses(host, port).await.map_err(|error| root_cause(error.as_ref()))?;
        let client = match known {
            None => self.direct.client.clone(),
            Some(known) => {
                let same: Vec<SocketAddr> = here.into_iter().filter(|found| known.contains(&found.ip())).collect();
                if same.is_empty() {
                    return Err("its address on this machine differs from that in the cluster".to_owned());
                }
                client(None, Some((host, &same))).map_err(|error| root_cause(&error))?
            }
        };
        probe(&client, host, port).await?;
        Ok(client)
    }

    fn forget(&self, host: &str, port: u16) {
        self.ways.lock().unwrap_or_else(PoisonError::into_inner).remove(&(host.to_owned(), port));
    }
}

impl Route for Auto {
    fn client<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, Result<Client, RouteError>> {
        Box::pin(async move {
            let mut cell = self.cell(host, port);
            if let Some(TargetRoute::Direct(_, found)) = cell.get()
                && found.elapsed() > DIRECT_KEPT
            {
                self.forget(host, port);
                cell = self.cell(host, port);
            }
            let way = cell.get_or_init(|| async {
                let way = match self.directly(host, port).await {
                    Ok(client) => TargetRoute::Direct(client, Instant::now()),
                    Err(reason) => TargetRoute::Tunnel(reason),
                };
                tracing::debug!(host, port, ?way, "chose the way to a node of HDFS");
                way
            });
            match way.await {
                TargetRoute::Direct(client, _) => Ok(client.clone()),
                TargetRoute::Tunnel(direct) => self.sockets.through(host, port).await.map_err(|e| match e {
                    SocketError::Tunnel(source) => {
                        // Perhaps nothing was up yet: the next call looks at both ways again.
                        self.forget(host, port);
                        RouteError::Neither { host: host.to_owned(), port, direct: direct.clone(), source }
                    }
                    SocketError::Client(e) => e,
                }),
            }
        })
    }
}

/// The way to a cluster's HDFS: directly where that works, else through the tunnel, if there is one.
///
/// # Errors
/// [`RouteError::Client`].
pub fn choose_route(tunnel: Option<Arc<dyn Tunnel>>) -> Result<Arc<dyn Route>, RouteError> {
    Ok(match tunnel {
        Some(tunnel) => Arc::new(Auto::new(tunnel)?),
        None => Arc::new(Direct::new()?),
    })
}

/// Whether a real WebHDFS answers there, NameNode or DataNode. A captive proxy answers too, but not like this.
async fn probe(client: &Client, host: &str, port: u16) -> Result<(), String> {
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let url = format!("http://{host}:{port}/webhdfs/v1/?op=LISTSTATUS");
    let answer = async {
        let response = client.get(url).send().await?;
        let status = response.status().as_u16();
        Ok::<_, BodyError>((status, body::read(response, PROBED).await?))
    };
    match tokio::time::timeout(PROBE_TIMEOUT, answer).await {
        Err(_) => Err(format!("timed out after {}s", PROBE_TIMEOUT.as_secs())),
        Ok(Err(error)) => Err(root_cause(&error)),
        // A DataNode knows no LISTSTATUS and says so in WebHDFS's own form.
        Ok(Ok((_, body))) if RemoteException::parse(&body).is_some() => Ok(()),
        Ok(Ok((200, body))) if serde_json::from_slice::<super::wire::ListAnswer>(&body).is_ok() => Ok(()),
        Ok(Ok((status, _))) => Err(format!("{status} from a server that is not WebHDFS")),
    }
}

/// The innermost reason: for reqwest the only one that says anything.
pub(super) fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// A client for HDFS. No proxy: cluster addresses are none of its business, and one that answers for them would be
/// taken for a broken HDFS. No redirects: the second step of CREATE carries the body, the first must not.
fn client(socket: Option<&Path>, only: Option<(&str, &[SocketAddr])>) -> Result<Client, RouteError> {
    // reqwest wants a TLS provider even where only http is spoken; installing it twice is refused, which is fine.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = Client::builder()
        .no_proxy()
        // Only http is spoken, and a machine without any authorities has to do: the system's are not looked for.
        .tls_certs_only(std::iter::empty())
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        // Shorter than any server's own, so that no request goes into a connection that is just being closed.
        .pool_idle_timeout(Duration::from_secs(5))
        .tcp_nodelay(true)
        .user_agent(concat!("windlass/", env!("CARGO_PKG_VERSION")));
    let builder = match socket {
        Some(path) => builder.unix_socket(path),
        None => builder,
    };
    let builder = match only {
        Some((host, addresses)) => builder.resolve_to_addrs(host, addresses),
        None => builder,
    };
    builder.build().map_err(RouteError::Client)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// A cluster that has this address for every host, and no tunnel.
    struct Cluster(&'static str);

    impl Tunnel for Cluster {
        fn socket<'a>(&'a self, _: &'a str, _: u16) -> BoxFuture<'a, Result<PathBuf, BoxError>> {
            Box::pin(async { Err("no such pod".into()) })
        }

        fn addresses<'a>(&'a self, _: &'a str, _: u16) -> BoxFuture<'a, Result<Option<Vec<IpAddr>>, BoxError>> {
            Box::pin(async { Ok(Some(vec![self.0.parse()?])) })
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_elsewhere_than_the_cluster_says_is_not_followed() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let body = r#"{"FileStatuses":{"FileStatus":[]}}"#;
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
                let _ = stream.read(&mut [0; 1024]).await;
                let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
            }
        });
        let auto = |address| Auto::new(Arc::new(Cluster(address))).unwrap();
        for host in ["localhost", "127.0.0.1"] {
            assert!(auto("127.0.0.1").client(host, port).await.is_ok(), "{host}");
            let error = auto("10.9.9.9").client(host, port).await.unwrap_err();
            let RouteError::Neither { direct, .. } = &error else { panic!("{error:?}") };
            assert_eq!(direct, "its address on this machine differs from that in the cluster", "{host}");
        }
    }
}
