//! The values of a release, and which of them come from a file of the operator's: those may be secrets.

use std::fmt;
use std::ops::Deref;

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::Redactor;
use super::redact::short_digest;

/// Names whose values say what is installed and never open anything: they are shown whoever gave them.
const PLAIN: &[&str] = &[
    "image",
    "repository",
    "registry",
    "tag",
    "digest",
    "pullPolicy",
    "imagePullPolicy",
    "cpu",
    "memory",
    "size",
    "storage",
    "storageClass",
    "storageClassName",
    "className",
    "ingressClassName",
    "accessMode",
    "effect",
    "operator",
    "serviceType",
];

/// The values of a release. What an operator's file gives is shown and serialised as its keys, and digests of what may be
/// secret; the values themselves are for Helm alone.
#[derive(Clone, PartialEq, Default)]
pub struct ReleaseValues {
    all: Value,
    /// What of them the file gave; `null` without one.
    given: Value,
}

impl ReleaseValues {
    /// Values of which `given` came from a file.
    #[must_use]
    pub const fn new(all: Value, given: Value) -> Self {
        Self { all, given }
    }

    /// Changes what they hold; what a file gave is distinguished by its place.
    pub fn change(&mut self, change: impl Fn(&mut Value)) {
        change(&mut self.all);
        change(&mut self.given);
    }

    /// As they may be shown.
    #[must_use]
    pub fn shown(&self) -> Value {
        let mut shown = self.all.clone();
        mask(&mut shown, "", &mut |path, _| at(&self.given, path).is_some(), &self.salt(), &mut Vec::new());
        Redactor::default().value(&mut shown);
        shown
    }

    /// Earlier values as they may be shown: those that only a file gives now, or that do not exist any more, may be secret.
    #[must_use]
    pub fn shown_before(&self, before: &Value) -> Value {
        let mut shown = before.clone();
        mask(&mut shown, "", &mut |path, _| self.may_be_given(path), &self.salt(), &mut Vec::new());
        Redactor::default().value(&mut shown);
        shown
    }

    /// Takes the texts that may be secret, of these values and of those before, out of what a chart makes of them.
    #[must_use]
    pub fn redactor(&self, before: &Value) -> Redactor {
        let mut found = Vec::new();
        mask(&mut self.all.clone(), "", &mut |path, _| at(&self.given, path).is_some(), b"", &mut found);
        mask(&mut before.clone(), "", &mut |path, _| self.may_be_given(path), b"", &mut found);
        Redactor::new(found)
    }

    /// Texts that the file gave and that are secrets by their names or by what they look like.
    #[must_use]
    pub fn secrets(&self) -> Vec<String> {
        let (mut cleaned, mut found) = (self.given.clone(), Vec::new());
        Redactor::default().value(&mut cleaned);
        differing(&self.given, &cleaned, &mut found);
        found
    }

    /// Whether the file gives this text.
    #[must_use]
    pub fn gives(&self, text: &str) -> bool {
        fn has(value: &Value, text: &str) -> bool {
            match value {
                Value::Object(map) => map.values().any(|inner| has(inner, text)),
                Value::Array(items) => items.iter().any(|inner| has(inner, text)),
                value => value.as_str() == Some(text),
            }
        }
        has(&self.given, text)
    }

    fn may_be_given(&self, path: &str) -> bool {
        at(&self.given, path).is_some() || at(&self.all, path).is_none()
    }

    /// All that the file gave: a digest of one value says nothing to who does not know the others.
    fn salt(&self) -> Vec<u8> {
        self.given.to_string().into_bytes()
    }
}

impl Deref for ReleaseValues {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.all
    }
}

impl From<Value> for ReleaseValues {
    fn from(all: Value) -> Self {
        Self::new(all, Value::Null)
    }
}

impl fmt::Debug for ReleaseValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.shown())
    }
}

impl Serialize for ReleaseValues {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.shown().serialize(serializer)
    }
}

/// The texts that are others in what was cleaned.
fn differing(given: &Value, cleaned: &Value, found: &mut Vec<String>) {
    match (given, cleaned) {
        (Value::Object(a), Value::Object(b)) => {
            a.iter().filter_map(|(name, a)| Some((a, b.get(name)?))).for_each(|(a, b)| differing(a, b, found));
        }
        (Value::Array(a), Value::Array(b)) => a.iter().zip(b).for_each(|(a, b)| differing(a, b, found)),
        (Value::String(a), b) if b.as_str() != Some(a) => found.push(a.clone()),
        _ => {}
    }
}

/// What is at a path; of a list all is given by who gave the list.
fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    let mut value = value;
    for part in path.split('\u{0}').skip(1) {
        match value {
            Value::Object(map) => value = map.get(part)?,
            Value::Array(_) => return Some(value),
            _ => return None,
        }
    }
    Some(value).filter(|value| !value.is_null())
}

/// Puts digests in the place of texts of which `hides` says so, unless their names are plain; `found` gets the texts.
fn mask(
    value: &mut Value,
    path: &str,
    hides: &mut impl FnMut(&str, &str) -> bool,
    salt: &[u8],
    found: &mut Vec<String>,
) {
    match value {
        Value::Object(map) => {
            for (name, inner) in map.iter_mut() {
                mask(inner, &format!("{path}\u{0}{name}"), hides, salt, found);
            }
        }
        Value::Array(list) => {
            list.iter_mut().for_each(|inner| mask(inner, &format!("{path}\u{0}"), hides, salt, found))
        }
        Value::String(text) if !text.is_empty() => {
            let name = path.trim_end_matches('\u{0}').rsplit('\u{0}').next().unwrap_or_default();
            if !PLAIN.contains(&name) && !is_quantity(text) && hides(path, text) {
                found.push(text.clone());
                *text = format!("(not shown: #{})", short_digest(salt, text));
            }
        }
        _ => {}
    }
}

/// `512Mi`, `500m`: a number alone may be a PIN.
fn is_quantity(text: &str) -> bool {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    unit.len() < text.len() && matches!(unit, "m" | "k" | "M" | "G" | "T" | "Ki" | "Mi" | "Gi" | "Ti")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn values() -> ReleaseValues {
        let given = json!({
            "image": {"tag": "1"}, "extra": {"login": "planted1", "on": true}, "list": [{"x": "planted2"}],
            "memory": "planted", "size": "1Gi",
        });
        let all = json!({
            "image": {"tag": "1", "repository": "r/x"}, "ours": "kept", "extra": {"login": "planted1", "on": true},
            "list": [{"x": "planted2"}], "memory": "planted", "size": "1Gi",
        });
        ReleaseValues::new(all, given)
    }

    #[test]
    fn of_a_file_keys_and_digests_are_shown() {
        let shown = values().shown();
        assert_eq!(shown["image"], json!({"tag": "1", "repository": "r/x"}));
        assert_eq!((&shown["ours"], &shown["extra"]["on"]), (&json!("kept"), &json!(true)));
        for hidden in [&shown["extra"]["login"], &shown["list"][0]["x"]] {
            assert!(hidden.as_str().unwrap().starts_with("(not shown: #"), "{shown}");
        }
        let all = format!("{:?} {}", values(), serde_json::to_string(&values()).unwrap());
        assert!(!all.contains("planted1") && !all.contains("planted2"), "{all}");
        assert_eq!(values()["extra"]["login"], "planted1", "Helm gets them");
    }

    #[test]
    fn what_was_before_may_have_come_from_a_file() {
        let before =
            json!({"ours": "old", "gone": {"key": "planted3"}, "extra": {"login": "planted4"}, "image": {"tag": "0"}});
        let shown = values().shown_before(&before);
        assert_eq!((&shown["ours"], &shown["image"]["tag"]), (&json!("old"), &json!("0")));
        assert!(!shown.to_string().contains("planted"), "{shown}");
        let redactor = values().redactor(&before);
        for text in ["planted1", "planted2", "planted3", "planted4"] {
            assert!(!redactor.text(&format!("--x {text} y")).contains(text), "{text}");
        }
    }
}
