//! The health of each installed HDFS, and the findings about it.

mod findings;
mod look;
#[cfg(test)]
mod tests;

pub(super) use findings::{Findings, findings};
pub(super) use look::{hdfs_health, with_pods};
