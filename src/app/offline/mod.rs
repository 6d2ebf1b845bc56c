//! An install from an offline bundle: what it brings along, what answers take from it, and what the registry has of it.

mod answers;
mod findings;
mod open;
mod registry;
mod taken;

pub(super) use open::Opened;
pub(super) use registry::Offline;
