//! Why a node did not pull an image: what runtimes say as a cause, with what has to be changed and where. Pure: whoever runs
//! the pull test has the texts.

mod class;
mod files;
mod judge;
#[cfg(test)]
mod tests;

pub use class::PullClass;
pub use files::NodeRuntime;
pub use judge::{PullTrouble, judge_pull};
