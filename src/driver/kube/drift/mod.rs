//! Whether the cluster still has what a release rendered.

mod compare;
mod observe;
mod quantity;

pub use compare::differences;
