//! What people and machines see of a plan, a run and what is installed. Only this module formats for the terminal;
//! it writes to what it is given, and every text passes through `text::clean` on its way out.

mod diff;
mod error;
mod failure;
mod footer;
mod graph;
mod hdfs;
pub mod json;
pub mod language;
pub mod line;
mod look;
mod paint;
mod path;
mod plan;
mod preflight;
mod secrets;
mod status;
mod summary;
#[cfg(test)]
mod tests;
mod text;
mod track;
pub mod tui;

pub use diff::diff_table;
pub use error::error;
pub use graph::{GraphFormat, plan_graph};
pub use look::{LineOptions, Look};
pub use path::critical_path_lines;
pub use plan::{plan_table, target};
pub use preflight::preflight_table;
pub use secrets::{SecretRow, secret_table};
pub use status::{ComponentStatus, Endpoint, STATUS_SCHEMA, StatusReport, StatusRow, hosts_lines, status_table};
pub use summary::{ReleaseRow, SummaryExtras, summary};
pub use text::{clean, fit, fit_json};
