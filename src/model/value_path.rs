//! A path into the values of a chart or into an object: `a.b`, `a[0].b`, `containers[name=x].image`; a dot of a key is
//! written `\.`, as for Helm's `--set`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// A path that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValuePath {
    text: String,
    parts: Vec<PathPart>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum PathPart {
    /// A key of a mapping.
    Key(String),
    /// An element of a list, from 0.
    At(usize),
    /// The elements of a list in which this key has this text.
    With(String, String),
    /// Every element of a list.
    Each,
}

/// Why a text is no path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no path into values, such as image.tag, containers[0].image or containers[name=x].image")]
pub struct ValuePathError(String);

impl FromStr for ValuePath {
    type Err = ValuePathError;

    fn from_str(text: &str) -> Result<Self, ValuePathError> {
        let error = || ValuePathError(text.to_owned());
        let mut parts = Vec::new();
        let mut rest = text;
        loop {
            let (key, after) = key(rest);
            // Only what stands before a bracket at the head of all may be no key.
            if key.is_empty() {
                return Err(error());
            }
            parts.push(PathPart::Key(key));
            rest = after;
            while let Some(inner) = rest.strip_prefix('[') {
                let (inner, after) = inner.split_once(']').ok_or_else(error)?;
                parts.push(match inner.split_once('=') {
                    Some((key, value)) if !key.is_empty() && !value.is_empty() => {
                        PathPart::With(key.to_owned(), value.to_owned())
                    }
                    None if inner == "*" => PathPart::Each,
                    _ => PathPart::At(inner.parse().map_err(|_| error())?),
                });
                rest = after;
            }
            match rest.strip_prefix('.') {
                Some(after) => rest = after,
                None if rest.is_empty() => break,
                None => return Err(error()),
            }
        }
        Ok(Self { text: text.to_owned(), parts })
    }
}

/// The key at the head of a text, and what follows it.
fn key(text: &str) -> (String, &str) {
    let mut key = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => key.extend(chars.next().map(|(_, c)| c)),
            '.' | '[' | ']' => return (key, &text[at..]),
            c => key.push(c),
        }
    }
    (key, "")
}

impl<'de> Deserialize<'de> for ValuePath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for ValuePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl ValuePath {
    /// As it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What is there; nothing where a part of the path is not.
    #[must_use]
    pub fn get<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        let mut here = vec![value];
        for part in &self.parts {
            here = here.into_iter().flat_map(|value| below(value, part)).collect();
        }
        here
    }

    /// Puts a text there, making mappings on the way. Lists are not made: Helm takes a list of values in place of the
    /// chart's, never beside it.
    ///
    /// # Errors
    /// The part of the path at which there is no such element.
    pub fn set(&self, value: &mut Value, text: &str) -> Result<(), String> {
        set(value, &self.parts, &Value::String(text.to_owned())).map_err(|left| {
            let told: Vec<String> = self.parts[..self.parts.len() - left].iter().map(ToString::to_string).collect();
            told.concat().trim_start_matches('.').to_owned()
        })
    }

    /// Takes away what is there.
    pub fn remove(&self, value: &mut Value) {
        if let Some((last, before)) = self.parts.split_last() {
            remove(value, before, last);
        }
    }
}

impl fmt::Display for PathPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => write!(f, ".{key}"),
            Self::At(index) => write!(f, "[{index}]"),
            Self::With(key, value) => write!(f, "[{key}={value}]"),
            Self::Each => write!(f, "[*]"),
        }
    }
}

fn below<'a>(value: &'a Value, part: &PathPart) -> Vec<&'a Value> {
    match part {
        PathPart::Key(key) => value.get(key).into_iter().collect(),
        PathPart::At(index) => value.get(index).into_iter().collect(),
        part => value.as_array().into_iter().flatten().filter(|item| part.takes(item)).collect(),
    }
}

impl PathPart {
    /// Whether an element of a list is meant.
    fn takes(&self, item: &Value) -> bool {
        match self {
            Self::With(key, value) => item.get(key).and_then(Value::as_str) == Some(value),
            Self::Each => true,
            Self::Key(_) | Self::At(_) => false,
        }
    }
}

/// Errors with how many parts were left.
fn set(value: &mut Value, parts: &[PathPart], to: &Value) -> Result<(), usize> {
    let Some((part, rest)) = parts.split_first() else {
        *value = to.clone();
        return Ok(());
    };
    match part {
        PathPart::Key(key) => {
            if !value.is_object() {
                *value = Value::Object(Map::new());
            }
            let Some(map) = value.as_object_mut() else { return Err(rest.len()) };
            set(map.entry(key.clone()).or_insert(Value::Null), rest, to)
        }
        PathPart::At(index) => match value.get_mut(index) {
            Some(item) => set(item, rest, to),
            None => Err(rest.len()),
        },
        part => {
            let items = value.as_array_mut().map(|items| items.iter_mut().filter(|item| part.takes(item)));
            let mut found = false;
            for item in items.into_iter().flatten() {
                set(item, rest, to)?;
                found = true;
            }
            if found { Ok(()) } else { Err(rest.len()) }
        }
    }
}

fn remove(value: &mut Value, parts: &[PathPart], last: &PathPart) {
    match (parts.split_first(), value) {
        (None, Value::Object(map)) => {
            if let PathPart::Key(key) = last {
                map.remove(key);
            }
        }
        (None, Value::Array(items)) => match last {
            PathPart::At(index) if *index < items.len() => drop(items.remove(*index)),
            last => items.retain(|item| !last.takes(item)),
        },
        (Some((PathPart::Key(key), rest)), Value::Object(map)) => {
            if let Some(inner) = map.get_mut(key) {
                remove(inner, rest, last);
            }
        }
        (Some((PathPart::At(index), rest)), Value::Array(items)) => {
            if let Some(inner) = items.get_mut(*index) {
                remove(inner, rest, last);
            }
        }
        (Some((part, rest)), Value::Array(items)) => {
            items.iter_mut().filter(|item| part.takes(item)).for_each(|item| remove(item, rest, last));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn path(text: &str) -> ValuePath {
        text.parse().unwrap()
    }

    #[test]
    fn paths_lead_through_mappings_and_lists() {
        let mut values = json!({"a": {"b": 1}, "list": [{"name": "x", "image": "1"}, {"name": "y", "image": "2"}]});
        for (text, expected) in [
            ("a.b", json!([1])),
            ("list[0].image", json!(["1"])),
            ("list[name=y].image", json!(["2"])),
            ("list[*].image", json!(["1", "2"])),
            ("list[7].image", json!([])),
            ("a.none.b", json!([])),
        ] {
            assert_eq!(json!(path(text).get(&values)), expected, "{text}");
        }
        path("list[name=y].image").set(&mut values, "new").unwrap();
        path("list[0].image").set(&mut values, "first").unwrap();
        path("a.c.d").set(&mut values, "made").unwrap();
        path("b.x\\.y/z").set(&mut values, "dotted").unwrap();
        let list = json!([{"name": "x", "image": "first"}, {"name": "y", "image": "new"}]);
        assert_eq!(values, json!({"a": {"b": 1, "c": {"d": "made"}}, "b": {"x.y/z": "dotted"}, "list": list}));
        path("list[*].image").remove(&mut values);
        path("a.c").remove(&mut values);
        path("list[name=x]").remove(&mut values);
        assert_eq!(values, json!({"a": {"b": 1}, "b": {"x.y/z": "dotted"}, "list": [{"name": "y"}]}));
    }

    #[test]
    fn an_element_that_is_not_there_is_named_and_not_made() {
        let mut values = json!({"list": [{"name": "x"}]});
        let before = values.clone();
        for (text, at) in
            [("list[1].image", "list[1]"), ("list[name=z].image", "list[name=z]"), ("none[0].image", "none[0]")]
        {
            assert_eq!(path(text).set(&mut values, "x").unwrap_err(), at);
        }
        values.as_object_mut().unwrap().remove("none");
        assert_eq!(values, before);
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for bad in ["", ".", "a.", ".a", "a..b", "a[", "a[]", "a[x]", "a[-1]", "a]b", "a[0]b", "[0]", "a[=x]", "a[x=]"]
        {
            assert!(bad.parse::<ValuePath>().is_err(), "{bad:?}");
        }
    }
}
