//! Waiting until what a release rendered is ready, and knowing why it is not.
//!
//! [`judge`](judge::judge) decides over snapshots and touches nothing; [`watch`] feeds it from the API.

mod creation;
mod custom;
mod error;
mod hooks;
mod judge;
mod memory;
mod pod;
mod pods;
mod pulls;
mod snapshot;
mod stores;
mod watch;
mod workloads;

pub use error::{NotReady, WaitError};

#[cfg(test)]
mod tests;
