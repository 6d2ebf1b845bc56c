//! windlass installs a data platform on Kubernetes: `bundles/` is read into a catalog; catalog, answers and the
//! state of the cluster make a plan; the engine runs the plan through the drivers.
//!
//! The map of the code is `docs/architecture.md`; `tests/imports.rs` holds each module to what it may import.

pub mod answers;
pub mod app;
pub mod catalog;
pub mod cli;
pub mod driver;
pub mod engine;
pub mod event;
pub mod lock;
pub mod model;
pub mod observe;
pub mod plan;
pub mod preflight;
pub mod render;

/// CPU seconds of this thread, for tests of how cost grows.
#[cfg(test)]
fn processor_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
}
