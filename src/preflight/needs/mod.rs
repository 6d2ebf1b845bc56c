//! What the plan needs of a cluster: from what the charts render, without a query.

mod admission;
mod derive;
mod grows;
mod images;
mod objects;
mod rights;
#[cfg(test)]
mod tests;
mod types;

pub use admission::PodSecurityViolations;
pub use derive::needs;
pub(super) use derive::rank;
pub use grows::GrowNeed;
pub use rights::{RightNeed, Use, preflight_rights, pull_tests};
pub(super) use rights::{wait_object, waits};
pub use types::{
    Agreement, ClaimNeed, ContainerNeed, IngressNeed, Needs, PodNeed, Replicas, SecretNeed, SecretUse, UndeclaredImage,
};
