//! Asks the drivers what is there, as far as the plan must know. Changes nothing.

mod cluster;
mod error;
mod hdfs;
mod http;
mod remains;
mod secrets;

pub use cluster::{observe, readable_releases, releases};
pub use error::ObserveError;
pub use http::ONLY_A_RUN;
pub use remains::remains;
pub use secrets::pull_secrets;
