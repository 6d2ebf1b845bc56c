//! Helm, as a subprocess: found, checked, isolated, driven.

mod command;
mod error;
mod find;
mod history;
mod pull;
mod version;

pub use command::{Helm, KubeTarget, Template, Upgrade};
pub use error::{FailureKind, FindError, HelmError};
pub use find::FindHelm;
pub use history::Recorded;
pub use pull::{PullError, PullFailure, PullOptions};
pub use version::{HelmVersion, TESTED as TESTED_HELM, VersionError};
