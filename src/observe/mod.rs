//! Reads the state of the cluster and of HDFS with the drivers, as far as the plan needs it. Changes nothing.

mod cluster;
mod error;
mod hdfs;
mod http;
mod remains;
mod secrets;

pub use cluster::{observe, readable_releases, releases};
pub use error::ObserveError;
pub use http::NEEDS_RUN_RESULTS;
pub use remains::remains;
pub use secrets::pull_secrets;
