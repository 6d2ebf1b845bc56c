//! HTTP services of the platform, reached through a Unix socket that leads into the cluster.

mod livy;
mod service;

pub use livy::{Batch, BatchRequest, Livy, LivyError, LivyVersion, Session, Statement};
pub use service::{HttpError, Service};
