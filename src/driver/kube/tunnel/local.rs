//! Ports of this machine that lead into pods, for people and their browsers.

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

/// How many connections there are at once: each is one to the API server, too. A browser opens six to a host.
const MOST: usize = 64;

/// How long nothing may be said on a connection. Browsers keep theirs for a few minutes.
const IDLE: Duration = Duration::from_secs(15 * 60);

/// How long a connection waits until a pod is there: one that is replaced is back by then, and a browser waits as long.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often is looked meanwhile.
const PAUSE: Duration = Duration::from_millis(500);

/// What happens at such a port.
#[derive(Debug, Clone)]
pub enum Passage {
    /// Connections lead to this pod from now on; `again` where another was there before.
    Pod {
        /// Namespace and name.
        pod: String,
        /// Whether it took another's place.
        again: bool,
    },
    /// There is no pod now; connections wait for one.
    Waiting(TunnelError),
    /// A connection ended before its time, or found no pod.
    Broken(TunnelError),
    /// There are as many connections as there may be; the next ones wait.
    Full(usize),
}

/// A port of 127.0.0.1; each connection to it becomes a port-forward of its own, to a pod that is looked up anew.
#[derive(Debug)]
pub struct LocalPort {
    listener: TcpListener,
    port: u16,
    passing: Passing,
}

#[derive(Clone)]
struct Passing {
    address: Address,
    client: Client,
    number: usize,
    tell: Sender<(usize, Passage)>,
    known: Arc<Mutex<Known>>,
}

impl std::fmt::Debug for Passing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Passing").field(&self.address).finish()
    }
}

/// Where connections lead, as it was told.
#[derive(Default)]
struct Known {
    pod: Option<(String, Option<String>)>,
    /// There was none since.
    lost: bool,
}

impl LocalPort {
    /// Listens on a port of this machine: on `wanted`, or without it on `like` if that is free, else on any. It leads to
    /// `port` of a host as the cluster's DNS names it; `tell` hears what happens at this `number`, and misses it while it
    /// is full.
    ///
    /// # Errors
    /// The port cannot be listened on.
    pub async fn bind(
        cluster: &Cluster,
        (host, port): (&str, u16),
        (wanted, like): (Option<u16>, u16),
        (number, tell): (usize, Sender<(usize, Passage)>),
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
        let passing = Passing { address, client: cluster.client(), number, tell, known: Arc::default() };
        Ok(Self { listener, port: local, passing })
    }

    /// The port of this machine.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The pod that a connection would lead to now, namespace and name.
    ///
    /// # Errors
    /// There is none.
    pub async fn target(&self) -> Result<String, TunnelError> {
        let target = self.passing.address.resolve(&self.passing.client).await?;
        self.passing.arrived(&target);
        Ok(target.pod())
    }

    /// Forwards whatever connects. Ends with this future, and all connections with it.
    pub async fn serve(self) {
        let room = Arc::new(Semaphore::new(MOST));
        // Dropped with this future.
        let mut connections = JoinSet::new();
        loop {
            let permit = match room.clone().try_acquire_owned() {
                Ok(permit) => permit,
                Err(_) => {
                    self.passing.say(Passage::Full(MOST));
                    // The kernel keeps those that come meanwhile.
                    let Ok(permit) = room.clone().acquire_owned().await else { return };
                    permit
                }
            };
            let stream = loop {
                tokio::select! {
                    accepted = self.listener.accept() => match accepted {
                        Ok((stream, _)) => break stream,
                        // Out of file descriptors, most likely: it passes when others are closed.
                        Err(source) => {
                            let error = TunnelError::Port { port: self.port, source: Arc::new(source) };
                            self.passing.say(Passage::Broken(error));
                            sleep(PAUSE).await;
                        }
                    },
                    Some(_) = connections.join_next() => {}
                }
            };
            let passing = self.passing.clone();
            connections.spawn(async move {
                if let Err(error) = passing.pass(stream).await {
                    tracing::debug!(error = %error, "a connection through a local port failed");
                    passing.say(Passage::Broken(error));
                }
                drop(permit);
            });
        }
    }
}

impl Passing {
    async fn pass(&self, mut stream: TcpStream) -> Result<(), TunnelError> {
        let give_up = Instant::now() + PATIENCE;
        let (target, connection) = loop {
            let found = async {
                let target = self.address.resolve(&self.client).await?;
                let connection = open(&self.client, &target).await?;
                Ok((target, connection))
            };
            match found.await {
                Ok(found) => break found,
                Err(error) if Instant::now() > give_up || !passes(&error) => return Err(error),
                Err(error) => {
                    if !std::mem::replace(&mut self.known().lost, true) {
                        self.say(Passage::Waiting(error));
                    }
                    sleep(PAUSE).await;
                }
            }
        };
        let told = self.arrived(&target);
        if let Some(again) = told {
            self.say(Passage::Pod { pod: target.pod(), again });
        }
        // Small answers are not to wait for more.
        let _ = stream.set_nodelay(true);
        let (from_local, to_local) = stream.split();
        carry(&target, connection, from_local, to_local, Some(IDLE)).await
    }

    /// Notes where connections lead; gives whether another was there before, where that is news.
    fn arrived(&self, target: &Target) -> Option<bool> {
        let mut known = self.known();
        let now = Some((target.pod(), target.uid.clone()));
        let lost = std::mem::take(&mut known.lost);
        if known.pod == now && !lost {
            return None;
        }
        let before = std::mem::replace(&mut known.pod, now);
        Some(before.is_some())
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn say(&self, passage: Passage) {
        // Who does not keep up misses some.
        let _ = self.tell.try_send((self.number, passage));
    }
}

/// Whether it may be otherwise in a moment: a pod that is being replaced is not there, not ready, or just gone.
fn passes(error: &TunnelError) -> bool {
    match error {
        TunnelError::NoneReady { .. } | TunnelError::NoPod { .. } => true,
        TunnelError::Open { source, .. } => source.kind != ApiErrorKind::Forbidden,
        TunnelError::Ask { source, .. } => source.kind() != ApiErrorKind::Forbidden,
        _ => false,
    }
}
