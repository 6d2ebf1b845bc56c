//! Compares the cluster with what a release rendered.

mod compare;
mod observe;
mod quantity;

pub use compare::{Differences, differences, differences_ignoring};
pub use observe::Compared;
