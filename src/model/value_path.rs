//! A path into the values of a chart or into an object: `a.b`, `a[0].b`, `containers[name=x].image`; a dot of a key is
//! written `\.`, as for Helm's `--set`, or the key stands in brackets, as differences are shown: `annotations[a.b/c]`.

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

/// Why a text is not a path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a path into values, such as image.tag, containers[0].image or containers[name=x].image")]
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
                let (inner, after) = bracketed(inner).ok_or_else(error)?;
                parts.push(match inner {
                    Bracketed::With(key, value) if !key.is_empty() && !value.is_empty() => PathPart::With(key, value),
                    Bracketed::With(..) => return Err(error()),
                    Bracketed::Plain(inner) if inner == "*" => PathPart::Each,
                    Bracketed::Plain(inner) if inner.contains(KEY_IN_BRACKETS) => PathPart::Key(inner),
                    Bracketed::Plain(inner) => PathPart::At(inner.parse().map_err(|_| error())?),
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

/// A key with one of these is shown in brackets.
pub(super) const KEY_IN_BRACKETS: [char; 2] = ['.', '/'];

/// What stands between brackets.
enum Bracketed {
    Plain(String),
    With(String, String),
}

/// What stands before the next `]`, and what follows that. Behind a `\` everything stands for itself.
fn bracketed(text: &str) -> Option<(Bracketed, &str)> {
    let (mut before, mut key) = (None, String::new());
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => key.extend(chars.next().map(|(_, c)| c)),
            '=' if before.is_none() => before = Some(std::mem::take(&mut key)),
            ']' => {
                let inner = match before {
                    Some(before) => Bracketed::With(before, key),
                    None => Bracketed::Plain(key),
                };
                return Some((inner, &text[at + 1..]));
            }
            c => key.push(c),
        }
    }
    None
}

/// A text in which `\` stands before each of these characters.
pub(super) fn escaped(text: &str, special: &[char]) -> String {
    let mut written = String::with_capacity(text.len());
    for c in text.chars() {
        if special.contains(&c) {
            written.push('\\');
        }
        written.push(c);
    }
    written
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
            let path: String = self.parts[..self.parts.len() - left].iter().map(ToString::to_string).collect();
            path.trim_start_matches('.').to_owned()
        })
    }

    /// How another path relates to this one.
    #[must_use]
    pub fn relation_to(&self, other: &Self) -> PathRelation {
        let same = |(ours, theirs): (&PathPart, &PathPart)| match ours {
            PathPart::Each => !matches!(theirs, PathPart::Key(_)),
            ours => ours == theirs,
        };
        match self.parts.iter().zip(&other.parts).all(same) {
            true if other.parts.len() >= self.parts.len() => PathRelation::Within,
            true => PathRelation::Above,
            false => PathRelation::Unrelated,
        }
    }

    /// Takes away what is there.
    pub fn remove(&self, value: &mut Value) {
        if let Some((last, before)) = self.parts.split_last() {
            remove(value, before, last);
        }
    }
}

/// How a path relates to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathRelation {
    /// It is the same one, or below it.
    Within,
    /// It leads to it.
    Above,
    /// It leads elsewhere.
    Unrelated,
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
            Self::With(key, value) => {
                let shown = |found: &Value| found.as_str().map_or_else(|| found.to_string(), str::to_owned);
                item.get(key).map(shown).is_some_and(|found| found == *value)
            }
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
    fn paths_relate_by_what_is_below_and_what_leads_to_them() {
        for (ours, other, relation) in [
            ("spec.replicas", "spec.replicas", PathRelation::Within),
            ("spec.template", "spec.template.spec.containers[name=a].image", PathRelation::Within),
            ("spec.replicas", "spec", PathRelation::Above),
            ("spec.replicas", "spec.replicas2", PathRelation::Unrelated),
            ("webhooks[name=a].clientConfig.caBundle", "webhooks[name=a]", PathRelation::Above),
            (
                "webhooks[name=a].clientConfig.caBundle",
                "webhooks[name=b].clientConfig.caBundle",
                PathRelation::Unrelated,
            ),
            ("webhooks[*].clientConfig", "webhooks[name=b].clientConfig.caBundle", PathRelation::Within),
            ("webhooks[*].clientConfig", "webhooks[1].clientConfig.caBundle", PathRelation::Within),
            ("a[*]", "a[x.y]", PathRelation::Unrelated),
            ("metadata.annotations[a.b/c]", "metadata.annotations.a\\.b/c", PathRelation::Within),
            ("metadata.annotations.a\\.b/c", "metadata.annotations[a.b/c]", PathRelation::Within),
        ] {
            assert_eq!(path(ours).relation_to(&path(other)), relation, "{ours} {other}");
        }
        let ports = json!({"ports": [{"port": 53, "n": 1}, {"port": 80, "n": 2}]});
        assert_eq!(json!(path("ports[port=80].n").get(&ports)), json!([2]));
    }

    #[test]
    fn invalid_paths_are_refused() {
        for bad in ["", ".", "a.", ".a", "a..b", "a[", "a[]", "a[x]", "a[-1]", "a]b", "a[0]b", "[0]", "a[=x]", "a[x=]"]
        {
            assert!(bad.parse::<ValuePath>().is_err(), "{bad:?}");
        }
    }
}
