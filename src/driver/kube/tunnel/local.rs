//! Local ports that are forwarded into pods, for people and their browsers.

use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kube::Client;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::Sender;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::TunnelError;
use super::forward::{Target, carry, open};
use super::host::{Host, parse};
use super::resolve::Address;
use crate::driver::kube::{ApiErrorKind, Cluster};

/// The most connections at once: each is one to the API server, too. A browser opens six to a host.
const MAX_CONNECTIONS: usize = 64;

/// How long a connection may be idle. Browsers keep theirs for a few minutes.
const IDLE: Duration = Duration::from_secs(15 * 60);

/// How long a connection waits for a pod: one that is replaced is back by then, and a browser waits as long.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long to pause between attempts meanwhile.
const PAUSE: Duration = Duration::from_millis(500);

/// An event of a local port.
#[derive(Debug, Clone)]
pub enum PortEvent {
    /// Connections go to this pod from now on.
    Pod {
        /// Namespace and name.
        pod: String,
        /// Whether the port was connected to a pod before.
        reconnected: bool,
    },
    /// There is no pod now; connections wait for one.
    Waiting(TunnelError),
    /// A connection broke, or found no pod.
    Broken(TunnelError),
    /// The limit of connections is reached; the next ones wait.
    Full(usize),
}

/// A port of 127.0.0.1; each connection to it becomes a port-forward of its own, to a pod that is looked up anew.
#[derive(Debug)]
pub struct LocalPort {
    listener: TcpListener,
    port: u16,
    forwarder: Forwarder,
}

#[derive(Clone)]
struct Forwarder {
    address: Address,
    client: Client,
    number: usize,
    events: Sender<(usize, PortEvent)>,
    reported: Arc<Mutex<Reported>>,
}

impl std::fmt::Debug for Forwarder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Forwarder").field(&self.address).finish()
    }
}

/// The pod that was reported last.
#[derive(Default)]
struct Reported {
    pod: Option<(String, Option<String>)>,
    /// It was lost since.
    lost: bool,
}

impl LocalPort {
    /// Listens on a port of this machine: on `wanted`, or without it on `like` if that is free, else on any. It leads
    /// to `port` of a host as the cluster's DNS names it. `events` gets the events with this `number`, except while it
    /// is full.
    ///
    /// # Errors
    /// The port cannot be listened on.
    pub async fn bind(
        cluster: &Cluster,
        (host, port): (&str, u16),
        (wanted, like): (Option<u16>, u16),
        (number, events): (usize, Sender<(usize, PortEvent)>),
    ) -> Result<Self, TunnelError> {
        let bind = async |port: u16| {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
            let port = listener.local_addr()?.port();
            Ok((listener, port))
        };
        let bound = match wanted {
            Some(wanted) => bind(wanted).await,
            None => match bind(like).await {
                // Taken, or one of those below 1024 that not everybody may have.
                Err::<_, std::io::Error>(error)
                    if matches!(error.kind(), ErrorKind::AddrInUse | ErrorKind::PermissionDenied) =>
                {
                    bind(0).await
                }
                bound => bound,
            },
        };
        let failed = |source| TunnelError::Port { port: wanted.unwrap_or(like), source: Arc::new(source) };
        let (listener, local) = bound.map_err(failed)?;
        let namespace = match parse(host) {
            Host::Pod { namespace, .. } | Host::Service { namespace, .. } => namespace,
            Host::Address { namespace, .. } => namespace.unwrap_or_default(),
            Host::Name(_) => String::new(),
        };
        let address = Address::Host { namespace, host: host.to_owned(), port };
        let forwarder = Forwarder { address, client: cluster.client(), number, events, reported: Arc::default() };
        Ok(Self { listener, port: local, forwarder })
    }

    /// The port of this machine.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The pod that a connection would go to now, namespace and name.
    ///
    /// # Errors
    /// There is none.
    pub async fn target(&self) -> Result<String, TunnelError> {
        let target = self.forwarder.address.resolve(&self.forwarder.client).await?;
        self.forwarder.update(&target);
        Ok(target.pod())
    }

    /// Forwards whatever connects. Ends with this future, and all connections with it.
    pub async fn serve(self) {
        let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        // Dropped with this future.
        let mut connections = JoinSet::new();
        loop {
            let permit = match room.clone().try_acquire_owned() {
                Ok(permit) => permit,
                Err(_) => {
                    self.forwarder.emit(PortEvent::Full(MAX_CONNECTIONS));
                    // The kernel keeps those that come meanwhile.
                    let Ok(permit) = room.clone().acquire_owned().await else { return };
                    permit
                }
            };
            let stream = loop {
                tokio::select! {
                    accepted = self.listener.accept() => match accepted {
                        Ok((stream, _)) => break stream,
                        // Out of file descriptors, most likely: that passes when others are closed.
                        Err(source) => {
                            let error = TunnelError::Port { port: self.port, source: Arc::new(source) };
                            self.forwarder.emit(PortEvent::Broken(error));
                            sleep(PAUSE).await;
                        }
                    },
                    Some(_) = connections.join_next() => {}
                }
            };
            let forwarder = self.forwarder.clone();
            connections.spawn(async move {
                if let Err(error) = forwarder.forward(stream).await {
                    tracing::debug!(error = %error, "a connection through a local port failed");
                    forwarder.emit(PortEvent::Broken(error));
                }
                drop(permit);
            });
        }
    }
}

impl Forwarder {
    async fn forward(&self, mut stream: TcpStream) -> Result<(), TunnelError> {
        let give_up = Instant::now() + PATIENCE;
        let (target, connection) = loop {
            let found = async {
                let target = self.address.resolve(&self.client).await?;
                let connection = open(&self.client, &target).await?;
                Ok((target, connection))
            };
            match found.await {
                Ok(found) => break found,
                Err(error) if Instant::now() > give_up || !is_transient(&error) => return Err(error),
                Err(error) => {
                    if !std::mem::replace(&mut self.reported().lost, true) {
                        self.emit(PortEvent::Waiting(error));
                    }
                    sleep(PAUSE).await;
                }
            }
        };
        let change = self.update(&target);
        if let Some(reconnected) = change {
            self.emit(PortEvent::Pod { pod: target.pod(), reconnected });
        }
        // Small responses must not wait for more.
        let _ = stream.set_nodelay(true);
        let (from_local, to_local) = stream.split();
        carry(&target, connection, from_local, to_local, Some(IDLE)).await
    }

    /// Remembers the target. If it changed, says whether there was one before.
    fn update(&self, target: &Target) -> Option<bool> {
        let mut reported = self.reported();
        let now = Some((target.pod(), target.uid.clone()));
        let lost = std::mem::take(&mut reported.lost);
        if reported.pod == now && !lost {
            return None;
        }
        let before = std::mem::replace(&mut reported.pod, now);
        Some(before.is_some())
    }

    fn reported(&self) -> std::sync::MutexGuard<'_, Reported> {
        self.reported.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn emit(&self, event: PortEvent) {
        // A receiver that does not keep up misses some.
        let _ = self.events.try_send((self.number, event));
    }
}

/// Whether a retry may succeed: a pod that is being replaced is missing, not ready, or just gone.
fn is_transient(error: &TunnelError) -> bool {
    match error {
        TunnelError::NoneReady { .. } | TunnelError::NoPod { .. } => true,
        TunnelError::Open { source, .. } => source.kind != ApiErrorKind::Forbidden,
        TunnelError::Resolve { source, .. } => source.kind() != ApiErrorKind::Forbidden,
        _ => false,
    }
}
