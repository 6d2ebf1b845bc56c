//! YAML as Helm and kubectl read it: as Go's parser does, by YAML 1.1's words and numbers.
//!
//! Go's parser and serde_yaml's descend from the same one (libyaml), so what the one takes the other takes: a bracket or
//! the rest of a quoted text that stands at its key's indent, for one. Only what a plain scalar means is decided here.
//! serde_yaml does not say whether a scalar was quoted, but hands out what needs no unescaping as a slice of the text,
//! and before a slice that was quoted stands its quote.

mod scalar;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, EnumAccess, Error as _, MapAccess, SeqAccess, VariantAccess, Visitor};
use serde_json::{Map, Number, Value};

use self::scalar::{binary, float_key, resolve};

/// A document with more nodes than this (aliases counted each time) is not one that Helm could have stored.
const NODE_CAP: usize = 1_000_000;

/// How many more brackets may be opened than closed, those of texts counted too.
const BRACKETS: usize = 5_000;

/// The line where there are too many.
fn too_deep(text: &str) -> Option<usize> {
    let (mut open, mut line) = (0_usize, 1);
    for byte in text.bytes() {
        match byte {
            b'\n' => line += 1,
            b'[' | b'{' => open += 1,
            b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        if open > BRACKETS {
            return Some(line);
        }
    }
    None
}

/// A document that Go could not read either.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct HelmYamlError {
    /// Counts from 1.
    pub line: usize,
    /// What is wrong there.
    pub problem: String,
}

/// One document of a text.
#[derive(Debug, Clone, PartialEq)]
pub struct HelmDocument<'a> {
    /// The line of the text that it begins at, from 1.
    pub line: usize,
    /// Its text.
    pub text: &'a str,
    /// What it holds.
    pub value: Result<Value, HelmYamlError>,
}

/// Reads one document as Helm reads a values file: where there are more, the first.
///
/// # Errors
/// When Go could not read it, or it is nested more than some hundred levels deep.
pub fn helm_value(text: &str) -> Result<Value, HelmYamlError> {
    // The mark of byte order says nothing in UTF-8, and some editors write it.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim().is_empty() {
        return Ok(Value::Null);
    }
    // Nothing but comments, which serde_yaml takes for a text that ended too early.
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Ok(Value::Null);
    }
    // The parser's time grows with the square of open brackets.
    if let Some(line) = too_deep(text) {
        return Err(HelmYamlError { line, problem: format!("more than {BRACKETS} open brackets") });
    }
    let nodes = Cell::new(0);
    let any = Any { text, nodes: &nodes, tagged: false };
    let mut documents = serde_yaml::Deserializer::from_str(text);
    let Some(document) = documents.next() else { return Ok(Value::Null) };
    any.deserialize(document).map_err(|error| HelmYamlError {
        line: error.location().map_or(1, |place| place.line()),
        problem: without_place(&error),
    })
}

/// Reads a text of values as `helm -f` does: of several documents each is laid over those before it, and one of nothing
/// but comments has no effect.
///
/// # Errors
/// When Go could not read it, or it holds something else than mappings.
pub fn helm_values(text: &str) -> Result<Map<String, Value>, HelmYamlError> {
    let mut values = Map::new();
    for (number, line) in text.lines().enumerate() {
        if line.starts_with("---") && !separates(line) {
            let problem = "only a comment may follow the `---` between documents".to_owned();
            return Err(HelmYamlError { line: number + 1, problem });
        }
    }
    for HelmDocument { line, value, .. } in helm_documents(text) {
        match value? {
            Value::Null => {}
            Value::Object(more) => lay_over(&mut values, more),
            Value::Array(_) => return Err(not_a_mapping(line, "a list")),
            Value::String(_) => return Err(not_a_mapping(line, "a string")),
            Value::Bool(_) | Value::Number(_) => return Err(not_a_mapping(line, "a single value")),
        }
    }
    Ok(values)
}

fn not_a_mapping(line: usize, found: &str) -> HelmYamlError {
    HelmYamlError { line, problem: format!("values must be a mapping, found {found}") }
}

/// Lays values over others as Helm does: mappings merge, all else is replaced, by nothing too (`null`), which takes a
/// chart's default away.
pub fn lay_over(below: &mut Map<String, Value>, above: Map<String, Value>) {
    for (key, value) in above {
        match (below.get_mut(&key), value) {
            (Some(Value::Object(below)), Value::Object(above)) => lay_over(below, above),
            (_, value) => drop(below.insert(key, value)),
        }
    }
}

/// Reads a text of several documents as kubectl does: taken apart at lines that begin with `---`, each read for itself,
/// so that one that cannot be read does not hide the others. Documents of nothing but comments are null.
#[must_use]
pub fn helm_documents(text: &str) -> Vec<HelmDocument<'_>> {
    let mut found = Vec::new();
    let (mut begin, mut line) = (0, 1);
    let (mut at, mut here) = (0, 0);
    for (number, one) in text.split_inclusive('\n').enumerate() {
        if separates(one) {
            push(&text[begin..at], line, &mut found);
            (begin, line) = (at + one.len(), number + 2);
        }
        at += one.len();
        here = at;
    }
    push(&text[begin..here], line, &mut found);
    found
}

fn push<'a>(text: &'a str, line: usize, found: &mut Vec<HelmDocument<'a>>) {
    if text.trim().is_empty() {
        return;
    }
    let place = |error: HelmYamlError| HelmYamlError { line: error.line + line - 1, ..error };
    found.push(HelmDocument { line, text, value: helm_value(text).map_err(place) });
}

/// Only blanks and a comment may follow the dashes.
fn separates(line: &str) -> bool {
    let rest = line.strip_prefix("---").map(str::trim);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('#'))
}

/// The message without the place, which is in its own field.
fn without_place(error: &serde_yaml::Error) -> String {
    let text = error.to_string();
    match text.find(" at line ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

/// Reads any value.
#[derive(Clone, Copy)]
struct Any<'a> {
    text: &'a str,
    nodes: &'a Cell<usize>,
    /// There is a tag before it that is not one of YAML's own: a scalar is a text then.
    tagged: bool,
}

impl Any<'_> {
    /// What a slice of the text means: a quoted one begins behind its quote, and a tag stands before both.
    fn slice<E: serde::de::Error>(&self, scalar: &str) -> Result<Value, E> {
        let quoted = || Value::String(scalar.to_owned());
        let offset = (scalar.as_ptr() as usize).wrapping_sub(self.text.as_ptr() as usize);
        let Some(before) = self.text.get(..offset) else { return Ok(quoted()) };
        let plain = !before.ends_with(['\'', '"']);
        let before = before.trim_end_matches(['\'', '"']);
        let mut words = before.rsplit([' ', '\t', '\n']).filter(|word| !word.is_empty() && !word.starts_with('&'));
        let tag = words.next().filter(|word| before.ends_with([' ', '\t', '\n']) && !word.ends_with(','));
        match tag.map(|word| word.trim_start_matches(['[', '{'])).filter(|word| word.starts_with('!')) {
            Some("!!binary") => binary(scalar).map(Value::String).map_err(E::custom),
            Some(_) => Ok(quoted()),
            None => Ok(if plain && !self.tagged { resolve(scalar) } else { quoted() }),
        }
    }

    fn count<E: serde::de::Error>(&self) -> Result<(), E> {
        self.nodes.set(self.nodes.get() + 1);
        if self.nodes.get() > NODE_CAP { Err(E::custom("too large")) } else { Ok(()) }
    }

    fn scalar<E: serde::de::Error>(&self, value: Value) -> Result<Value, E> {
        self.count()?;
        Ok(match value {
            Value::Null if self.tagged => Value::String(String::new()),
            Value::Bool(_) | Value::Number(_) if self.tagged => Value::String(value.to_string()),
            value => value,
        })
    }
}

impl<'de> DeserializeSeed<'de> for Any<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Any<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Value, E> {
        self.scalar(Value::Null)
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Value, E> {
        self.scalar(Value::Bool(value))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Value, E> {
        self.scalar(value.into())
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Value, E> {
        self.scalar(value.into())
    }

    fn visit_u128<E: serde::de::Error>(self, value: u128) -> Result<Value, E> {
        self.visit_f64(value as f64)
    }

    fn visit_i128<E: serde::de::Error>(self, value: i128) -> Result<Value, E> {
        self.visit_f64(value as f64)
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        match Number::from_f64(value) {
            Some(number) => self.scalar(Value::Number(number)),
            // Go reads it and fails to write it as JSON.
            None => Err(E::custom("infinity and NaN cannot be written as JSON")),
        }
    }

    fn visit_borrowed_str<E: serde::de::Error>(self, text: &'de str) -> Result<Value, E> {
        let value = self.slice(text)?;
        self.scalar(value)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Value, E> {
        self.scalar(Value::String(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        self.count()?;
        let inner = Self { tagged: false, ..self };
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Value, A::Error> {
        self.count()?;
        Entries::read(self, entries).map(|found| Value::Object(found.values))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, tagged: A) -> Result<Value, A::Error> {
        let (_, value) = tagged.variant::<String>()?;
        value.newtype_variant_seed(Self { tagged: true, ..self })
    }
}

/// A mapping on its way: of two keys that are the same the last counts, and so does what is merged in behind.
#[derive(Default)]
struct Entries {
    values: Map<String, Value>,
    /// The keys that are not texts: `10` and `'10'` are two keys to Go, of which JSON takes one at random.
    spelled: BTreeMap<String, Value>,
}

impl Entries {
    fn read<'de, A: MapAccess<'de>>(any: Any<'_>, mut entries: A) -> Result<Self, A::Error> {
        let inner = Any { tagged: false, ..any };
        let mut found = Self::default();
        while let Some(key) = entries.next_key_seed(Key(inner))? {
            match key {
                Name::Key(name, spelled) => {
                    let value = entries.next_value_seed(inner)?;
                    found.put(name, spelled, value).map_err(A::Error::custom)?;
                }
                Name::Merge => {
                    // Of several mappings in a list the earlier win.
                    for mut more in entries.next_value_seed(Merged { any: inner, listed: false })?.into_iter().rev() {
                        for (name, value) in more.values {
                            let spelled = more.spelled.remove(&name);
                            found.put(name, spelled, value).map_err(A::Error::custom)?;
                        }
                    }
                }
            }
        }
        Ok(found)
    }

    fn put(&mut self, name: String, spelled: Option<Value>, value: Value) -> Result<(), String> {
        if self.values.contains_key(&name) && self.spelled.get(&name) != spelled.as_ref() {
            return Err(format!("key `{name}` is written in two spellings, and Helm takes one of them at random"));
        }
        self.spelled.extend(spelled.map(|spelled| (name.clone(), spelled)));
        self.values.insert(name, value);
        Ok(())
    }
}

/// Reads what is merged in: a mapping or a list of mappings.
struct Merged<'a> {
    any: Any<'a>,
    /// It is one of a list.
    listed: bool,
}

impl<'de> DeserializeSeed<'de> for Merged<'_> {
    type Value = Vec<Entries>;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Vec<Entries>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Merged<'_> {
    type Value = Vec<Entries>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.listed { "a mapping to merge" } else { "a mapping or a list of mappings to merge" })
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Vec<Entries>, A::Error> {
        self.any.count()?;
        Ok(vec![Entries::read(self.any, entries)?])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<Entries>, A::Error> {
        if self.listed {
            return Err(A::Error::invalid_type(serde::de::Unexpected::Seq, &self));
        }
        let mut found = Vec::new();
        while let Some(more) = items.next_element_seed(Merged { any: self.any, listed: true })? {
            found.extend(more);
        }
        Ok(found)
    }
}

enum Name {
    /// Its text, and its value where it is not a text.
    Key(String, Option<Value>),
    Merge,
}

/// Reads a key. Go resolves keys as it does values, and JSON makes texts of them: `on: x` is `true: x`.
struct Key<'a>(Any<'a>);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Name;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Name, D::Error> {
        let merges = Cell::new(false);
        let value = deserializer.deserialize_any(KeyValue { any: self.0, merges: &merges })?;
        if merges.get() {
            return Ok(Name::Merge);
        }
        let name = match &value {
            Value::String(name) => return Ok(Name::Key(name.clone(), None)),
            Value::Bool(_) => value.to_string(),
            Value::Number(number) if number.is_f64() => float_key(number.as_f64().unwrap_or_default()),
            Value::Number(number) if number.as_i64().is_none() => {
                return Err(D::Error::custom("a numeric key is too large"));
            }
            Value::Number(number) => number.to_string(),
            Value::Null => return Err(D::Error::custom("a key must not be null")),
            Value::Array(_) | Value::Object(_) => return Err(D::Error::custom("a key must be a string")),
        };
        Ok(Name::Key(name, Some(value)))
    }
}

/// As [`Any`], but a plain `<<` is recognised.
struct KeyValue<'a> {
    any: Any<'a>,
    merges: &'a Cell<bool>,
}

impl<'de> Visitor<'de> for KeyValue<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E: serde::de::Error>(self, text: &'de str) -> Result<Value, E> {
        // Quoted it is a name like any other.
        let offset = (text.as_ptr() as usize).wrapping_sub(self.any.text.as_ptr() as usize);
        let quoted = self.any.text.get(..offset).is_none_or(|before| before.ends_with(['\'', '"']));
        self.merges.set(text == "<<" && !quoted);
        self.any.visit_borrowed_str(text)
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Value, E> {
        self.any.visit_unit()
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Value, E> {
        self.any.visit_bool(value)
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Value, E> {
        self.any.visit_u64(value)
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Value, E> {
        self.any.visit_i64(value)
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        self.any.visit_f64(value)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Value, E> {
        self.any.visit_str(text)
    }

    fn visit_enum<A: EnumAccess<'de>>(self, tagged: A) -> Result<Value, A::Error> {
        self.any.visit_enum(tagged)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn scalars_as_go_reads_them() {
        let value = helm_value(concat!(
            "octal: 0644\nnine: 09\nhex: 0x1F\nsize: 1_000\nneg: -5\nfloat: 1.5\nexp: 1e3\nversion: 1.2.3\n",
            "date: 2024-01-01\nyes: yes\noff: off\nnull1: ~\nnull2:\nquoted: '0644'\nword: \"yes\"\nstr: !!str 12\n",
            "quantity: 500m\nmemory: 1Gi\nsha: 1e9999\nplus: +7\nbig: 18446744073709551615\ntime: 12:30\n8080: port\n",
            "local: !foo 1\nbinary: !!binary aGk=\nnegocta: -0644\nunder: 1_0.5\nint: !!int 42\n010: x\nempty: ''\n",
        ))
        .unwrap();
        assert_eq!(
            value,
            json!({
                "octal": 420, "nine": 9.0, "hex": 31, "size": 1000, "neg": -5, "float": 1.5, "exp": 1000.0,
                "version": "1.2.3", "date": "2024-01-01", "true": true, "false": false, "null1": null, "null2": null,
                "quoted": "0644", "word": "yes", "str": "12", "quantity": "500m", "memory": "1Gi", "sha": "1e9999",
                "plus": 7, "big": 18_446_744_073_709_551_615_u64, "time": "12:30", "8080": "port", "local": "1",
                "binary": "hi", "negocta": -420, "under": 10.5, "int": 42, "8": "x", "empty": ""
            })
        );
    }

    #[test]
    fn anchors_aliases_and_merges() {
        let value = helm_value("a: &x {p: 1, q: 2}\nb: *x\nc:\n  <<: *x\n  q: 3\nd: [*x]\n").unwrap();
        let x = json!({"p": 1, "q": 2});
        assert_eq!(value, json!({"a": x, "b": x, "c": {"p": 1, "q": 3}, "d": [x]}));
        assert_eq!(helm_value("{a: 1, <<: {a: 2}}").unwrap(), json!({"a": 2}), "what comes behind wins");
        assert_eq!(helm_value("<<: [{a: 2}, {a: 3, b: 4}]").unwrap(), json!({"a": 2, "b": 4}));
        assert_eq!(helm_value("'<<': {a: 2}").unwrap(), json!({"<<": {"a": 2}}));
        assert!(helm_value("<<: 1").is_err());
    }

    #[test]
    fn what_helm_takes_at_random_is_refused() {
        for text in [
            "10: a\n'10': b\n",
            "'10': a\n10: b\n",
            "10: a\n10.0: b\n",
            "16777217.5: a\n16777218.0: b\n",
            "yes: a\n'true': b\n",
            "a: {on: 1, \"true\": 2}\n",
            "<<: {10: a}\n'10': b\n",
            "10: a\n<<: [{x: y}, {'10': b}]\n",
            "<<: [{10: a}, {'10': b}]\n",
            "010: a\n!!str 8: b\n",
        ] {
            let err = helm_values(text).unwrap_err();
            assert!(err.problem.contains("two spellings"), "{text:?}: {err}");
        }
        for text in ["10: a\n0xA: b\n", "yes: a\non: b\n", "a: 1\n'a': 2\n", "x: &x {10: a}\ny: {<<: *x, 10: b}\n"] {
            assert!(helm_values(text).is_ok(), "{text:?}: the same key to Go, too");
        }
        assert!(helm_values("10: a\n---\n'10': b\n").is_ok(), "documents are laid over each other as JSON");
    }

    #[test]
    fn block_texts_keep_their_newlines() {
        assert_eq!(helm_value("a: |\n  x\n  y\nb: |-\n  yes\n").unwrap(), json!({"a": "x\ny\n", "b": "yes"}));
    }

    #[test]
    fn what_stands_at_its_keys_indent_is_taken() {
        let text = "spec:\n  command: [\n    \"a\",\n    b\n  ]\n  text: \"one\n  two\"\n  single: 'one\n\n  two'\n";
        assert_eq!(
            helm_value(text).unwrap(),
            json!({"spec": {"command": ["a", "b"], "text": "one two", "single": "one\ntwo"}})
        );
    }

    #[test]
    fn each_document_stands_for_itself() {
        let text = "# a comment\n---\na: 1\n--- # b\nb: [\n---\n  \n---\nc: |\n  ---\n";
        let found = helm_documents(text);
        let shown: Vec<_> = found.iter().map(|one| (one.line, one.value.as_ref().map_err(|e| e.line).ok())).collect();
        assert_eq!(
            shown,
            [(1, Some(&Value::Null)), (3, Some(&json!({"a": 1}))), (5, None), (9, Some(&json!({"c": "---\n"})))]
        );
        let err = found[2].value.clone().unwrap_err();
        assert!(err.line >= 5 && !err.problem.contains("line"), "{err}");
    }

    #[test]
    fn bombs_are_refused() {
        let mut text = "a: &a [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for (from, to) in ["ab", "bc", "cd", "de", "ef", "fg", "gh"].iter().map(|p| p.split_at(1)) {
            text.push_str(&format!("{to}: &{to} [{}]\n", vec![format!("*{from}"); 10].join(", ")));
        }
        assert!(helm_value(&text).is_err());
        assert!(helm_value(&"- ".repeat(20_000)).is_err());
        assert!(helm_value(&"[".repeat(20_000)).is_err());
        assert!(helm_value(&format!("{}{}", "[".repeat(20_000), "]".repeat(20_000))).is_err());
    }
}
