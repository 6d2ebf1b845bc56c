//! The value of an answer.

use serde_json::Value;

use crate::model::SecretRef;

/// The value of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// No answer to an optional question.
    Empty,
    /// A text.
    Text(String),
    /// A number.
    Int(i64),
    /// Yes or no.
    Bool(bool),
    /// A list or a mapping.
    Json(serde_json::Value),
    /// Where a secret is; never the secret.
    Secret(SecretRef),
}

impl Answer {
    /// As JSON, for templates and records. A secret becomes its reference.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        match self {
            Self::Empty => serde_json::Value::String(String::new()),
            Self::Text(text) => serde_json::Value::String(text.clone()),
            Self::Int(number) => (*number).into(),
            Self::Bool(yes) => (*yes).into(),
            Self::Json(value) => value.clone(),
            Self::Secret(reference) => serde_json::to_value(reference).unwrap_or_default(),
        }
    }

    /// The text of a text answer.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// As it would be typed; reading it gives the same answer.
    #[must_use]
    pub fn typed(&self) -> String {
        match self {
            Self::Empty => String::new(),
            Self::Text(text) => text.clone(),
            Self::Int(number) => number.to_string(),
            Self::Bool(yes) => yes.to_string(),
            Self::Json(value) => typed(value),
            Self::Secret(SecretRef::Generate) => "generate".to_owned(),
            Self::Secret(SecretRef::Env(name)) => format!("env:{name}"),
            Self::Secret(SecretRef::File(path)) => format!("file:{}", path.display()),
            Self::Secret(SecretRef::Secret(name)) => format!("secret:{name}"),
        }
    }
}

/// A list or mapping as it would be typed.
fn typed(value: &Value) -> String {
    let plain = |value: &Value| match value {
        Value::String(text) => {
            let odd = |c: char| matches!(c, ',' | '=' | '[' | ']' | '{' | '}') || c.is_control();
            (!text.is_empty() && text.trim() == text && !text.contains(odd)).then(|| text.clone())
        }
        _ => None,
    };
    let short = match value {
        Value::Array(items) if !items.is_empty() => items.iter().map(plain).collect::<Option<Vec<_>>>(),
        Value::Object(entries) if !entries.is_empty() => {
            let pair = |(key, value): (&String, &Value)| {
                Some(format!("{}={}", plain(&Value::String(key.clone()))?, plain(value)?))
            };
            entries.iter().map(pair).collect()
        }
        _ => None,
    };
    short.map_or_else(|| value.to_string(), |parts| parts.join(", "))
}
