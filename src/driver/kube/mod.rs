//! The Kubernetes API: connecting, observing, waiting for readiness, Secrets, logs, port-forwards.

mod connect;
mod contents;
mod credentials;
mod drift;
mod dry_run;
mod error;
mod guard;
mod keep;
mod kubeconfig;
mod lease;
mod lists;
mod manifest;
mod objects;
mod pods;
mod proxy;
mod ready;
mod releases;
mod retry;
mod review;
mod site;
mod small;
mod stored;
mod tunnel;

pub use connect::{Cluster, ConnectError, ConnectOptions, contexts};
pub use credentials::LoginError;
pub use drift::differences;
pub use error::{ApiError, ApiErrorKind, KubeError};
pub use kubeconfig::{Context, KubeconfigError};
pub use manifest::{Manifest, parse_manifest};
pub use objects::HeldValue;
pub use ready::{NotReady, WaitError};
pub use retry::telling;
pub use stored::StoredSecret;
pub use tunnel::{TunnelError, Tunnels};
