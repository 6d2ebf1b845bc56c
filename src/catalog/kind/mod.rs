//! The types of question, each in one place: how an answer is read, its schema, words and widget.

mod answer;
mod files;
mod list;
mod number;
mod rules;
mod secret;
#[cfg(test)]
mod tests;
mod text;

pub use answer::Answer;
pub use files::BUNDLED;
pub use list::{Peer, peer};
pub(super) use rules::objections;
pub use rules::{Kind, Widget, from_node, from_text};
pub(super) use secret::is_key;
pub use secret::ways;
