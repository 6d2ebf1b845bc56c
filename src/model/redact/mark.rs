//! The mark in the place of a secret.

/// What replaces a secret.
pub(super) const REDACTED: &str = "(redacted)";
