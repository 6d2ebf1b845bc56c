//! What a step of a plan does, in words.

use super::words::Word;
use crate::plan::Change;

/// The word for it.
pub(super) const fn word(change: Change) -> Word {
    match change {
        Change::Create => Word::Create,
        Change::Update => Word::Update,
        Change::Delete => Word::Delete,
        Change::Check => Word::Check,
        Change::Nothing => Word::Unchanged,
    }
}
