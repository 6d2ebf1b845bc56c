//! How things of a catalog may be called.

/// `[a-z][a-z0-9<separator>]*`.
pub(super) fn is_name(text: &str, separator: char) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == separator)
}
