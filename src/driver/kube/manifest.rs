//! Rendered manifests as objects.
//!
//! Helm keeps and prints YAML only, and reads it as Go does, with YAML 1.1's scalars: `0644` is an octal number and
//! `yes` a boolean. So the events of the YAML parser are turned into JSON here by those rules.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError};
use serde_json::{Map, Number, Value};

use crate::model::cluster::{ManifestObject, ObjectRef};

/// Built-in kinds that belong to no namespace; of others only the cluster's discovery knows.
const CLUSTER_WIDE: &[&str] = &[
    "APIService",
    "CSIDriver",
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "IngressClass",
    "MutatingWebhookConfiguration",
    "Namespace",
    "Node",
    "PersistentVolume",
    "PriorityClass",
    "RuntimeClass",
    "StorageClass",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "ValidatingWebhookConfiguration",
];

/// A manifest with more nodes than this (aliases counted each time) is not one that Helm could have stored.
const NODE_CAP: usize = 1_000_000;

/// A manifest that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("failed to read the manifest at line {line}: {problem}")]
pub struct ManifestError {
    /// Counts from 1.
    pub line: usize,
    /// What is wrong there.
    pub problem: String,
}

/// Reads rendered YAML: what `helm template` prints, what a release's record holds. Objects without a namespace get
/// `namespace`, if their kind has one. Lists are taken apart, empty documents left out.
///
/// # Errors
/// When it is no YAML, or an object lacks `apiVersion`, `kind` or a name.
pub fn parse_manifest(text: &str, namespace: &str) -> Result<Vec<ManifestObject>, ManifestError> {
    let mut objects = Vec::new();
    for (line, document) in documents(text)? {
        collect(document, line, namespace, &mut objects)?;
    }
    Ok(objects)
}

fn collect(body: Value, line: usize, namespace: &str, objects: &mut Vec<ManifestObject>) -> Result<(), ManifestError> {
    if body.is_null() {
        return Ok(());
    }
    let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
    let missing = |what: &str| ManifestError { line, problem: format!("the object has no {what}") };
    let api_version = text("/apiVersion").ok_or_else(|| missing("apiVersion"))?.to_owned();
    let kind = text("/kind").ok_or_else(|| missing("kind"))?.to_owned();
    if kind.ends_with("List")
        && let Some(items) = body.get("items").and_then(Value::as_array)
    {
        for item in items.clone() {
            collect(item, line, namespace, objects)?;
        }
        return Ok(());
    }
    let name = text("/metadata/name").ok_or_else(|| missing("metadata.name"))?.to_owned();
    let namespace =
        (!CLUSTER_WIDE.contains(&kind.as_str())).then(|| text("/metadata/namespace").unwrap_or(namespace).to_owned());
    objects.push(ManifestObject { object: ObjectRef { api_version, kind, namespace, name }, body });
    Ok(())
}

/// A container that is being filled.
enum Open {
    Sequence { items: Vec<Value>, anchor: usize },
    Mapping { entries: Map<String, Value>, key: Option<String>, merged: Vec<Value>, anchor: usize },
}

/// The documents with the line that each begins at.
fn documents(text: &str) -> Result<Vec<(usize, Value)>, ManifestError> {
    let mut found = Vec::new();
    let mut open: Vec<Open> = Vec::new();
    let mut anchors: HashMap<usize, Value> = HashMap::new();
    let mut begin = 1;
    let mut nodes = 0;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|err| scan_error(&err))?;
        let line = span.start.line();
        let problem = |problem: &str| ManifestError { line, problem: problem.to_owned() };
        let complete = match event {
            Event::DocumentStart(_) => {
                begin = line;
                anchors.clear();
                None
            }
            Event::SequenceStart(anchor, _) => {
                open.push(Open::Sequence { items: Vec::new(), anchor });
                None
            }
            Event::MappingStart(anchor, _) => {
                open.push(Open::Mapping { entries: Map::new(), key: None, merged: Vec::new(), anchor });
                None
            }
            Event::SequenceEnd | Event::MappingEnd => Some(match open.pop() {
                Some(Open::Sequence { items, anchor }) => (Value::Array(items), anchor),
                Some(Open::Mapping { entries, merged, anchor, .. }) => (Value::Object(merge(entries, merged)), anchor),
                None => return Err(problem("unbalanced brackets")),
            }),
            Event::Scalar(text, style, anchor, tag) => {
                let is_text = style != ScalarStyle::Plain
                    || tag.is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str");
                // Go takes the text of a key whatever it looks like, which is how `on: x` keeps its key.
                let is_key = matches!(open.last(), Some(Open::Mapping { key: None, .. }));
                let value = if is_text || is_key { Value::String(text.into_owned()) } else { plain(&text) };
                Some((value, anchor))
            }
            Event::Alias(anchor) => {
                let value = anchors.get(&anchor).cloned().ok_or_else(|| problem("unknown alias"))?;
                nodes += count(&value);
                Some((value, 0))
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => None,
        };
        nodes += 1;
        if nodes > NODE_CAP {
            return Err(problem("too large"));
        }
        let Some((value, anchor)) = complete else { continue };
        if anchor > 0 {
            anchors.insert(anchor, value.clone());
        }
        match open.last_mut() {
            None => found.push((begin, value)),
            Some(Open::Sequence { items, .. }) => items.push(value),
            Some(Open::Mapping { entries, key, merged, .. }) => match key.take() {
                None => match value {
                    Value::String(text) => *key = Some(text),
                    _ => return Err(problem("a key that is no text")),
                },
                Some(name) if name == "<<" => merged.push(value),
                Some(name) => {
                    entries.insert(name, value);
                }
            },
        }
    }
    Ok(found)
}

fn scan_error(err: &ScanError) -> ManifestError {
    ManifestError { line: err.marker().line(), problem: err.info().to_owned() }
}

fn count(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(count).sum::<usize>(),
        Value::Object(entries) => 1 + entries.values().map(count).sum::<usize>(),
        _ => 1,
    }
}

/// `<<`: what the mapping itself says wins, then the earlier of what is merged in.
fn merge(mut entries: Map<String, Value>, merged: Vec<Value>) -> Map<String, Value> {
    for value in merged {
        let sources = match value {
            Value::Array(items) => items,
            other => vec![other],
        };
        for source in sources {
            if let Value::Object(source) = source {
                for (name, value) in source {
                    entries.entry(name).or_insert(value);
                }
            }
        }
    }
    entries
}

/// A plain scalar by Go's rules.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" | "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => return Value::Bool(true),
        "false" | "False" | "FALSE" | "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => {
            return Value::Bool(false);
        }
        _ => {}
    }
    let number = integer(text).or_else(|| float(text));
    number.map_or_else(|| Value::String(text.to_owned()), Value::Number)
}

fn integer(text: &str) -> Option<Number> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let digits = digits.replace('_', "");
    let (digits, radix) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (&digits[2..], 16),
        [b'0', b'o' | b'O', ..] => (&digits[2..], 8),
        [b'0', b'b' | b'B', ..] => (&digits[2..], 2),
        [b'0', _, ..] => (&digits[1..], 8),
        _ => (digits.as_str(), 10),
    };
    let value = u64::from_str_radix(digits, radix).ok()?;
    if !negative {
        return Some(value.into());
    }
    i64::try_from(-i128::from(value)).ok().map(Number::from)
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`; infinity and "not a number" have no JSON.
fn float(text: &str) -> Option<Number> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let begins = unsigned.starts_with(|c: char| c.is_ascii_digit())
        || unsigned.strip_prefix('.').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let allowed = unsigned.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-'));
    if !begins || !allowed {
        return None;
    }
    text.parse::<f64>().ok().and_then(Number::from_f64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn one(text: &str) -> Value {
        let mut found = documents(text).unwrap();
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0).1
    }

    #[test]
    fn scalars_as_go_reads_them() {
        let value = one(concat!(
            "octal: 0644\nnine: 09\nhex: 0x1F\nsize: 1_000\nneg: -5\nfloat: 1.5\nexp: 1e3\nversion: 1.2.3\ndate: 2024-01-01\n",
            "yes: yes\noff: off\nnull1: ~\nnull2:\nquoted: '0644'\nstr: !!str 12\nquantity: 500m\nmemory: 1Gi\n",
            "sha: 1e9999\nplus: +7\nbig: 18446744073709551615\ntime: 12:30\n8080: port\n",
        ));
        assert_eq!(
            value,
            json!({
                "octal": 420, "nine": 9.0, "hex": 31, "size": 1000, "neg": -5, "float": 1.5, "exp": 1000.0,
                "version": "1.2.3", "date": "2024-01-01", "yes": true, "off": false, "null1": null, "null2": null,
                "quoted": "0644", "str": "12", "quantity": "500m", "memory": "1Gi", "sha": "1e9999", "plus": 7,
                "big": 18_446_744_073_709_551_615_u64, "time": "12:30", "8080": "port"
            })
        );
    }

    #[test]
    fn anchors_aliases_and_merges() {
        let value = one("a: &x {p: 1, q: 2}\nb: *x\nc:\n  <<: *x\n  q: 3\nd: [*x]\n");
        let x = json!({"p": 1, "q": 2});
        assert_eq!(value, json!({"a": x, "b": x, "c": {"p": 1, "q": 3}, "d": [x]}));
    }

    #[test]
    fn block_texts_keep_their_newlines() {
        assert_eq!(one("a: |\n  x\n  y\nb: |-\n  z\n"), json!({"a": "x\ny\n", "b": "z"}));
    }

    #[test]
    fn objects_with_their_places() {
        let text = r"
---
# Source: x/templates/empty.yaml
---
# Source: x/templates/a.yaml
apiVersion: v1
kind: Service
metadata: {name: a}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: b, namespace: ignored}
---
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Secret, metadata: {name: c, namespace: other}}
";
        let objects = parse_manifest(text, "ns").unwrap();
        let refs: Vec<String> = objects.iter().map(|object| object.object.to_string()).collect();
        assert_eq!(refs, ["Service ns/a", "ClusterRole b", "Secret other/c"]);
        assert!(!format!("{objects:?}").contains("metadata"), "bodies are not for logs");
        assert!(parse_manifest("", "ns").unwrap().is_empty());
    }

    #[test]
    fn what_is_wrong_has_a_line() {
        let err = parse_manifest("apiVersion: v1\nkind: Pod\nmetadata: {}\n", "ns").unwrap_err();
        assert_eq!(err.to_string(), "failed to read the manifest at line 1: the object has no metadata.name");
        let err = parse_manifest("a: 1\nb: [\n", "ns").unwrap_err();
        assert!(err.line >= 2, "{err}");
    }

    #[test]
    fn a_bomb_of_aliases_is_refused() {
        let mut text = "a: &a [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for (from, to) in ["ab", "bc", "cd", "de", "ef", "fg", "gh"].iter().map(|p| p.split_at(1)) {
            text.push_str(&format!("{to}: &{to} [{}]\n", vec![format!("*{from}"); 10].join(", ")));
        }
        assert_eq!(documents(&text).unwrap_err().problem, "too large");
    }
}
