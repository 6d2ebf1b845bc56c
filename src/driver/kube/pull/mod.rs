//! Why a node failed to pull an image: the cause from the runtime's messages, with what to change and where. Pure: the
//! pull test has the texts.

mod class;
mod files;
mod judge;
#[cfg(test)]
mod tests;

pub use class::PullClass;
pub use files::NodeRuntime;
pub use judge::{PullTrouble, judge_pull};
