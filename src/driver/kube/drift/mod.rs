//! Whether the cluster still has what a release rendered.

mod compare;
mod observe;
mod quantity;

pub use compare::{Differences, differences, differences_but};
pub use observe::Compared;
