//! Runs each step of a plan through its driver.

mod cluster;
mod crds;
mod grow;
mod hdfs;
mod http;
mod job;
mod k8s;
mod livy;
mod offline;
mod record;
mod remove;
mod runner;
mod running;
mod secrets;
mod step;
mod stuck;
#[cfg(test)]
mod tests;

pub use runner::{CheckedRevision, CheckedRevisions, Gate, PushWork, StepRunner};
