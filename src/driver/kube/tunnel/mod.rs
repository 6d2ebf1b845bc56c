//! Unix sockets that lead into pods, through the API's port-forward.

mod error;
mod forward;
mod host;
mod local;
mod resolve;
mod sockets;

pub use error::TunnelError;
pub use local::{LocalPort, PortEvent};
pub use sockets::Tunnels;
