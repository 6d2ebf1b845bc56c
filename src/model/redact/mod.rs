//! Redacts secrets in texts and objects that others wrote.
//!
//! Three ways, each of which finds most: what is known is found however it is spelt ([`spellings`]), what stands
//! behind a name that says so goes wherever that is written ([`assigned`]), and what looks like a secret goes wherever it
//! stands ([`shapes`]). Where texts are mostly settings of others, they can be omitted ([`Redactor::omit_values`]).

mod assigned;
mod known;
mod literal;
mod mark;
mod names;
mod redactor;
mod shapes;
mod spellings;
#[cfg(test)]
mod tests;

pub use known::{known, redact, remember};
pub use literal::secret_line;
pub use redactor::Redactor;
pub(super) use redactor::short_digest;
