//! An offline bundle as a registry that is read-only: the OCI's distribution, straight from its files.

mod answer;
mod idle;
mod notice;
mod server;
mod shelf;

pub use notice::ServeNotice;
pub use server::{ServeError, Server};
