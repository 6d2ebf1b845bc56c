//! Ids, versions, references, digests and what was observed: types that every layer shares. No I/O.

pub mod cluster;
mod progress;
mod secret;

pub use progress::{Progress, ProgressSink, silent};
pub use secret::Secret;
