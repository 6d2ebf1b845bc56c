//! How each HDFS is that is installed, and what of it is bad.

mod findings;
mod look;
#[cfg(test)]
mod tests;

pub(super) use findings::{Findings, findings};
pub(super) use look::{hdfs_health, with_pods};
