//! Why a node did not pull an image: what runtimes say as a cause, with what has to be changed and where. Pure: whoever runs
//! the pull test has the texts.

mod files;
mod judge;
#[cfg(test)]
mod tests;

pub use files::NodeRuntime;
pub use judge::{PullClass, PullTrouble, judge_pull};
