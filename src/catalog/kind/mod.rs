//! The types of question, each in one place: how an answer is read, its schema, words and widget.

mod answer;
mod families;
mod files;
mod list;
mod number;
mod rules;
mod secret;
#[cfg(test)]
mod tests;
mod text;
mod types;

pub use answer::Answer;
pub(super) use families::objections;
pub use families::{from_node, from_text};
pub use files::BUNDLED;
pub use list::{Peer, peer};
pub(super) use secret::is_key;
pub use secret::ways;
pub use types::{Kind, Widget};
