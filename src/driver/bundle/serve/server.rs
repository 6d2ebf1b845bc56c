//! The server: connections, bounded in number and in time.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hyper::Request;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::answer::answer;
use super::idle::Idle;
use super::notice::ServeNotice;
use super::shelf::ServedBundle;
use crate::driver::bundle::read::Bundle;
use crate::model::bounded;

/// Connections at a time: a node opens a few, and further ones wait.
const CONNECTIONS: usize = 256;

/// How long a handshake, and the head of a request, may take.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// How long nothing may move on a connection.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// How long it is waited where no connection can be taken, such as without free file descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// Why an offline bundle is not served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be had.
    #[error("failed to listen on {address}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The certificate or its key cannot be used.
    #[error("{0}")]
    Tls(String),
}

/// An offline bundle that listens.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
    served: Arc<ServedBundle>,
}

impl Server {
    /// Listens; with TLS by a certificate and its key, PEM files.
    ///
    /// # Errors
    /// The address is taken, or the certificate cannot be used.
    pub async fn bind(bundle: Bundle, address: SocketAddr, tls: Option<(&Path, &Path)>) -> Result<Self, ServeError> {
        let tls = tls.map(|(certificate, key)| acceptor(certificate, key)).transpose()?;
        let listen = |source| ServeError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        Ok(Self { listener, address, tls, served: Arc::new(ServedBundle::new(bundle)) })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What goes wrong from now on, each once.
    #[must_use]
    pub fn notices(&self) -> UnboundedReceiver<ServeNotice> {
        self.served.notices.listen()
    }

    /// Serves for ever. Dropped, it ends all connections.
    pub async fn run(self) {
        let turns = Arc::new(Semaphore::new(CONNECTIONS));
        let mut connections = JoinSet::new();
        loop {
            let Ok(turn) = Arc::clone(&turns).acquire_owned().await else { return };
            let (stream, peer) = match self.listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::debug!("failed to accept a connection: {error}");
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            };
            let (served, tls) = (Arc::clone(&self.served), self.tls.clone());
            connections.spawn(async move {
                connection(stream, peer.ip(), tls, served).await;
                drop(turn);
            });
            while connections.try_join_next().is_some() {}
        }
    }
}

async fn connection(stream: TcpStream, peer: IpAddr, tls: Option<TlsAcceptor>, served: Arc<ServedBundle>) {
    let _ = stream.set_nodelay(true);
    let stream = Idle::new(stream, IDLE_TIMEOUT);
    match tls {
        None => serve(stream, served).await,
        Some(tls) => match tokio::time::timeout(HEAD_TIMEOUT, tls.accept(stream)).await {
            Ok(Ok(stream)) => serve(stream, served).await,
            Ok(Err(error)) => served.notices.handshake(peer, error.to_string()),
            Err(_) => served.notices.handshake(peer, format!("timed out after {}s", HEAD_TIMEOUT.as_secs())),
        },
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin + 'static>(stream: S, served: Arc<ServedBundle>) {
    let service = service_fn(|request: Request<hyper::body::Incoming>| {
        let response = answer(&served, request.method(), request.uri(), request.headers());
        tracing::debug!("{} {} {}", request.method(), request.uri(), response.status());
        async move { Ok::<_, Infallible>(response) }
    });
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_headers(64).max_buf_size(64 << 10);
    if let Err(error) = server.serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!("a connection ended: {error}");
    }
}

fn acceptor(certificate: &Path, key: &Path) -> Result<TlsAcceptor, ServeError> {
    let read = |path: &Path| {
        bounded::bytes(path, bounded::KUBECONFIG)
            .map_err(|error| ServeError::Tls(format!("failed to read {}: {error}", path.display())))
    };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(certificate)?).collect();
    let chain = chain.ok().filter(|chain| !chain.is_empty());
    let chain =
        chain.ok_or_else(|| ServeError::Tls(format!("{} contains no PEM certificates", certificate.display())))?;
    let private = PrivateKeyDer::from_pem_slice(&read(key)?)
        .map_err(|_| ServeError::Tls(format!("{} contains no PEM private key", key.display())))?;
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map(|config| config.with_no_client_auth().with_single_cert(chain, private));
    let mut config = config
        .and_then(|config| config)
        .map_err(|error| ServeError::Tls(format!("{} and {}: {error}", certificate.display(), key.display())))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
