//! Ids, versions, references, digests and what was observed: types that every layer shares. No I/O.

mod progress;
mod secret;
pub mod yaml;

pub use progress::{Progress, ProgressSink, silent};
pub use secret::Secret;
