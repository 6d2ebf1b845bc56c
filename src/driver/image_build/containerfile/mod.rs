//! Containerfiles, as far as they can be followed without a container engine.

mod evaluate;
mod expand;
mod lines;
mod read;
#[cfg(test)]
mod tests;

pub(super) use evaluate::{Recipe, Step};
pub use read::Containerfile;
