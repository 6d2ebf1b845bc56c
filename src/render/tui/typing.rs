//! What is being typed.

use super::widgets::{Cursor, LineEdit};

/// What is being typed into a form.
#[derive(Debug, Clone, PartialEq)]
pub enum Typing {
    /// The filter.
    Filter(LineEdit),
    /// An answer.
    Answer(LineEdit),
    /// Which kind of reference names a secret.
    SecretKind(Cursor),
    /// The name behind `env:`, `file:` or `secret:`.
    SecretName(&'static str, LineEdit),
}
