//! What will be done: a pure function of what is wanted and what was observed.

mod adopt;
mod build;
#[cfg(test)]
mod catalogs;
mod contents;
mod copies;
mod diff;
mod downgrade;
mod equal;
mod fields;
mod levels;
mod moved;
mod offline;
mod order;
mod paths;
mod rollback;
mod rotate;
mod secrets;
mod select;
mod step;
#[cfg(test)]
mod tests;
mod types;
mod uninstall;

pub use adopt::{Adoptable, Adoption, adoptions};
pub use build::plan;
pub use contents::{DIFF_SCHEMA, DiffReport, ObjectDiff, ReleaseDiff, recorded, release_diff};
pub use diff::{same_release, updates};
pub use downgrade::{Downgrade, downgrades};
pub use fields::{FieldChange, LineChange, field_changes, value_changes};
pub use levels::relabelled;
pub use moved::{InstallStatus, Moved, moved};
pub use offline::running_images;
pub use paths::{CriticalPath, PathStep, critical_path, direct_needs};
pub use rollback::{RollbackError, rollback};
pub use rotate::{Changed, RotateError, Staged, changed_with, readers, refresh, rotate, rotated};
pub use secrets::{FilledFrom, FilledSecret};
pub use select::{checks_of, only, unconfirmed, verify_only, without};
pub use types::{Change, PLAN_SCHEMA, Plan, Step, Work};
pub use uninstall::{Removal, UninstallError, left_for_others, uninstall};
