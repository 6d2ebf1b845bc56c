//! An offline bundle as a registry that is read-only: the OCI's distribution, straight from its files.

mod answer;
mod idle;
mod server;
mod shelf;

pub use server::{ServeError, Server};
