//! Texts and values without secrets.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::assigned::{is_reference, with_redacted, without_assigned};
use super::mark::REDACTED;
use super::names::{is_about, names_a_secret};
use super::shapes::{with_inner, without_encoded, without_random, without_shapes};
use super::spellings::Spellings;

/// A JSON Web Token: header, payload and signature, each base64; of an encrypted one there may be none between dots.
static TOKEN: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)*").ok());

/// Base64 in base64 in base64.
const DEPTH: u32 = 3;

/// Redacts secrets by what they look like, by where they stand, and by their values where those are known.
#[derive(Debug, Clone, Default)]
pub struct Redactor {
    known: Spellings,
    /// What digests begin with, so that nobody can look for a value by its digest.
    salt: Option<Vec<u8>>,
}

impl Redactor {
    /// Knows these values, in every spelling.
    #[must_use]
    pub fn new(values: impl IntoIterator<Item = String>) -> Self {
        let values: Vec<String> = values.into_iter().collect();
        Self::of_bytes(values.iter().map(String::as_bytes))
    }

    /// The same of values that need be no text.
    #[must_use]
    pub fn of_bytes<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Self {
        Self { known: Spellings::new(values), salt: None }
    }

    /// Omits from objects what may be anything: data of ConfigMaps, values of environment variables, arguments and
    /// commands. Their keys stay, and salted digests of them, so that equal values can be recognised.
    #[must_use]
    pub fn omit_values(mut self, salt: Vec<u8>) -> Self {
        self.salt = Some(salt);
        self
    }

    /// A text without secrets.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        self.text_at(text, 0)
    }

    /// Lines without secrets; one that goes over several lines is seen.
    #[must_use]
    pub fn lines(&self, lines: &[String]) -> Vec<String> {
        let text = self.text(&lines.join("\n"));
        text.lines().map(str::to_owned).collect()
    }

    /// A text of our own without what is known: what only looks like a secret stays.
    #[must_use]
    pub fn known_out_of(&self, text: &str) -> String {
        with_redacted(text.to_owned(), self.known.find(text))
    }

    fn text_at(&self, text: &str, depth: u32) -> String {
        let found = self.known.find(text);
        let text = with_redacted(text.to_owned(), found);
        let text = match depth < DEPTH {
            true => with_inner(text, |inner| self.text_at(inner, depth + 1)),
            false => text,
        };
        let text = match &*TOKEN {
            Some(token) if text.contains("eyJ") => token.replace_all(&text, "(token)").into_owned(),
            _ => text,
        };
        let text = without_shapes(without_assigned(text));
        let text = match depth < DEPTH {
            true => without_encoded(text, |decoded| self.text_at(decoded, depth + 1) != decoded),
            false => text,
        };
        if depth > 0 { text } else { without_random(text) }
    }

    /// An object without secrets: values of keys that name one, of environment variables that do, all data of a Secret,
    /// and what [`Redactor::text`] finds in any string. What is JSON in a string is treated as what it is.
    pub fn value(&self, value: &mut Value) {
        self.inner(value, false);
    }

    fn inner(&self, value: &mut Value, secret: bool) {
        match value {
            Value::Object(map) => self.object(map, secret),
            Value::Array(list) => {
                self.list(list);
                list.iter_mut().for_each(|inner| self.inner(inner, secret));
            }
            Value::String(text) if secret => hide(text),
            Value::String(text) => self.string(text),
            Value::Number(_) if secret => *value = REDACTED.into(),
            Value::Number(number) if self.known.is(&number.to_string()) => *value = REDACTED.into(),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn object(&self, map: &mut serde_json::Map<String, Value>, secret: bool) {
        let kind = map.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
        if kind == "Secret" {
            for field in ["data", "stringData"] {
                map.get_mut(field).into_iter().for_each(redact_all);
            }
        }
        let named = ["name", "key"].iter().filter_map(|field| map.get(*field)?.as_str()).any(names_a_secret);
        let salt = self.salt.as_deref();
        let variable = map.contains_key("name") && map.contains_key("value") && map.len() == 2;
        let mut renamed = Vec::new();
        for (key, inner) in map.iter_mut() {
            match (salt, key.as_str()) {
                (Some(salt), "data" | "binaryData") if kind == "ConfigMap" => omit(inner, salt),
                (Some(salt), "args" | "command") => omit(inner, salt),
                (Some(salt), "value") if variable => omit(inner, salt),
                (_, "value" | "values" | "stringValue") if named => redact_all(inner),
                (_, "data" | "stringData") if kind == "Secret" => {}
                (_, key) if names_a_secret(key) => self.inner(inner, true),
                // The name of a reference or of a volume of a secret is not secret.
                (_, key) if is_about(&key.to_ascii_lowercase()) || matches!(key, "key" | "path" | "items") => {
                    self.inner(inner, false);
                }
                (_, key) if ["Ref", "From", "Name", "Path", "File"].iter().any(|end| key.ends_with(end)) => {
                    self.inner(inner, false);
                }
                _ => self.inner(inner, secret),
            }
            if !self.known.find(key).is_empty() {
                renamed.push(key.clone());
            }
        }
        for key in renamed {
            if let Some(inner) = map.remove(&key) {
                map.insert(self.text(&key), inner);
            }
        }
    }

    /// Arguments: the one behind a flag that names a secret.
    fn list(&self, list: &mut [Value]) {
        let flags: Vec<bool> = list
            .iter()
            .map(|one| {
                one.as_str().is_some_and(|flag| flag.starts_with('-') && names_a_secret(flag.trim_start_matches('-')))
            })
            .collect();
        for (one, _) in list.iter_mut().skip(1).zip(flags).filter(|(_, flag)| *flag) {
            if one.as_str().is_some_and(|held| !held.starts_with('-')) {
                redact_all(one);
            }
        }
    }

    fn string(&self, text: &mut String) {
        let trimmed = text.trim_start();
        if trimmed.starts_with(['{', '['])
            && let Ok(mut inner @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str::<Value>(text)
        {
            let before = inner.clone();
            self.inner(&mut inner, false);
            if inner != before {
                *text = inner.to_string();
            }
            return;
        }
        *text = if self.known.is(text) { REDACTED.to_owned() } else { self.text(text) };
    }
}

/// Hides a text that has the name of a secret, unless it only says that there is none.
fn hide(text: &mut String) {
    if !text.is_empty() && !is_reference(text) {
        REDACTED.clone_into(text);
    }
}

/// Redacts all texts and numbers of a value; its structure stays.
fn redact_all(value: &mut Value) {
    match value {
        Value::Object(map) => map.values_mut().for_each(redact_all),
        Value::Array(list) => list.iter_mut().for_each(redact_all),
        Value::Null => {}
        other => *other = REDACTED.into(),
    }
}

/// Replaces all texts of a value by digests.
fn omit(value: &mut Value, salt: &[u8]) {
    match value {
        Value::Object(map) => map.values_mut().for_each(|inner| omit(inner, salt)),
        Value::Array(list) => list.iter_mut().for_each(|inner| omit(inner, salt)),
        Value::String(text) if text.is_empty() => {}
        Value::String(text) => {
            let size = if text.len() > 64 { format!("{} bytes, ", text.len()) } else { String::new() };
            *text = format!("(omitted: {size}#{})", short_digest(salt, text));
        }
        _ => {}
    }
}

/// The beginning of a digest: enough to tell equal values from others.
pub(in crate::model) fn short_digest(salt: &[u8], text: &str) -> String {
    use sha2::Digest as _;
    let digest = sha2::Sha256::new().chain_update(salt).chain_update(text).finalize();
    digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}
