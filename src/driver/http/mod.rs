//! HTTP services of the platform, reached through a Unix socket that leads into the cluster.

mod access;
mod entry;
mod livy;
mod service;

pub use access::{Opened, ServiceAccessError};
pub use entry::{differences, is_text};
pub use livy::{Batch, BatchRequest, Livy, LivyError, LivyVersion, Session, Statement};
pub use service::{Body, Credentials, HttpError, Service, ServiceRequest, ServiceResponse, shown};
