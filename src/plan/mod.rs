//! What will be done: a pure function of what is wanted and what was observed.

mod build;
mod diff;
mod downgrade;
mod rollback;
mod select;
#[cfg(test)]
mod tests;
mod types;
mod uninstall;

pub use build::plan;
pub use diff::same_release;
pub use downgrade::{Downgrade, downgrades};
pub use rollback::{RollbackError, rollback};
pub use select::{only, verify_only};
pub use types::{Action, Change, PLAN_SCHEMA, Plan, Step};
pub use uninstall::{UninstallError, uninstall};
