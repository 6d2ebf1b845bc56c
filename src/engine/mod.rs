//! Runs a plan: what can run at the same time does, a failure blocks what needs it and nothing else, the user can stop
//! it, and there is always an end.

mod perform;
mod run;
#[cfg(test)]
mod tests;
mod work;

pub use perform::{Context, Done, Failure, Perform, Results};
pub use run::{RunInfo, run};
pub use work::{CheckedRevision, CheckedRevisions, Gate, PushWork, StepRunner};
