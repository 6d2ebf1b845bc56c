//! Text to types and back, by serde_yaml.

use serde::Serialize;
use serde::de::{Deserialize, DeserializeOwned};

/// A text could not be turned into a type, or a value into text.
#[derive(Debug, thiserror::Error)]
#[error("failed to convert YAML")]
pub struct TypeError(#[from] serde_yaml::Error);

/// Turns one document into a type. Check the text first where a person wrote it: this stops at the first error.
///
/// # Errors
/// The text does not fit the type.
pub fn from_str<T: DeserializeOwned>(text: &str) -> Result<T, TypeError> {
    Ok(serde_yaml::from_str(text)?)
}

/// The documents of a text as JSON values, empty ones skipped: what Helm renders.
///
/// # Errors
/// A document is not valid YAML.
pub fn documents(text: &str) -> Result<Vec<serde_json::Value>, TypeError> {
    let mut values = Vec::new();
    for document in serde_yaml::Deserializer::from_str(text) {
        let value = serde_json::Value::deserialize(document)?;
        if !value.is_null() {
            values.push(value);
        }
    }
    Ok(values)
}

/// A value as YAML text.
///
/// # Errors
/// The value has keys that YAML text cannot hold.
pub fn to_string<T: Serialize>(value: &T) -> Result<String, TypeError> {
    Ok(serde_yaml::to_string(value)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_documents_are_read_and_empty_ones_skipped() {
        let found = documents("---\na: 1\n---\n# nothing\n---\nb: [x]\n").unwrap();
        assert_eq!(found, [serde_json::json!({"a": 1}), serde_json::json!({"b": ["x"]})]);
    }
}
