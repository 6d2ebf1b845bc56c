//! The Kubernetes API: connecting, observing, waiting for readiness, Secrets, logs, port-forwards.

mod connect;
mod error;
mod kubeconfig;
mod proxy;
mod retry;
mod stubs;

pub use connect::{Cluster, ConnectError, ConnectOptions};
pub use error::{ApiError, ApiErrorKind, KubeError};
pub use stubs::{ManifestError, NotReady, TunnelError, Tunnels, WaitError, parse_manifest};
