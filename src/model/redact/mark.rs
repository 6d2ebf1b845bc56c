//! What stands in the place of a secret.

/// What stands where a secret stood.
pub(super) const GONE: &str = "(redacted)";
