//! Errors of tunnels.

use std::path::PathBuf;
use std::sync::Arc;

use crate::driver::kube::{ApiError, ApiErrorKind, KubeError};
use crate::driver::process::PrivateDirError;

/// Why a connection through a tunnel failed. Cheap to clone: it is kept for later calls.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TunnelError {
    /// There is no folder for the sockets.
    #[error("failed to create a folder for tunnels")]
    Dir(#[source] Arc<PrivateDirError>),
    /// The socket cannot be listened on.
    #[error("failed to listen on {}", path.display())]
    Listen {
        /// The socket.
        path: PathBuf,
        /// The error of the system.
        source: Arc<std::io::Error>,
    },
    /// A port of this machine cannot be listened on.
    #[error("failed to listen on 127.0.0.1:{port}")]
    Port {
        /// The port.
        port: u16,
        /// The error of the system.
        source: Arc<std::io::Error>,
    },
    /// The pod behind a Service or host could not be read from the API.
    #[error("failed to find the pod behind {target}")]
    Resolve {
        /// Service or host.
        target: String,
        /// The error of the API.
        source: Arc<KubeError>,
    },
    /// The Service does not exist.
    #[error("Service {namespace}/{service} not found")]
    NoService {
        /// Its namespace.
        namespace: String,
        /// Its name.
        service: String,
    },
    /// The Service has no such port.
    #[error("Service {namespace}/{service} has no port {port}")]
    NoPort {
        /// Its namespace.
        namespace: String,
        /// Its name.
        service: String,
        /// Name or number of the requested port.
        port: String,
    },
    /// No pod behind the Service is ready.
    #[error("Service {namespace}/{service} has no ready pod")]
    NoneReady {
        /// Its namespace.
        namespace: String,
        /// Its name.
        service: String,
    },
    /// No pod has this host name or address.
    #[error("no pod found for host {host}")]
    NoPod {
        /// The host as it was given.
        host: String,
    },
    /// The API did not open the port-forward.
    #[error("failed to open a port-forward to pod {pod} port {port}")]
    Open {
        /// Namespace and name.
        pod: String,
        /// The port in the pod.
        port: u16,
        /// The error of the API.
        source: ApiError,
    },
    /// The pod's side refused or closed: nothing listens on that port of its loopback interface, or it is terminating.
    #[error("pod {pod} port {port}: {message}")]
    Remote {
        /// Namespace and name.
        pod: String,
        /// The port in the pod.
        port: u16,
        /// In the kubelet's words.
        message: String,
    },
    /// The connection to the API broke in the middle.
    #[error("the port-forward to pod {pod} port {port} was lost: {message}")]
    Broken {
        /// Namespace and name.
        pod: String,
        /// The port in the pod.
        port: u16,
        /// What happened.
        message: String,
    },
}

impl TunnelError {
    /// Whether a right is missing.
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        let kind = match self {
            Self::Resolve { source, .. } => source.kind(),
            Self::Open { source, .. } => source.kind,
            _ => return false,
        };
        kind == ApiErrorKind::Forbidden
    }
}
