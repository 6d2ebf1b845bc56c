//! An install from an offline bundle: its contents, the answers that it sets, and what the registry has of it.

mod answers;
mod bytes;
mod findings;
mod open;
mod pools;
mod registry;
mod taken;

pub(super) use open::Opened;
pub(super) use registry::{Offline, PushOutlook};
