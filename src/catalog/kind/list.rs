//! Questions that are answered with several values.

use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::rules::{QuestionType, pattern};
use super::text::is_hostname;
use crate::catalog::Question;
use crate::model::yaml::{Node, Scalar, Yaml, parse};

/// Labels of nodes, such as `disk=ssd,zone=a`.
pub(super) struct Labels;

impl QuestionType for Labels {
    fn read(&self, _: &Question, text: &str) -> Result<Answer, String> {
        text.split(',').try_for_each(label)?;
        Ok(Answer::Text(text.to_owned()))
    }

    fn schema(&self, _: &Question, schema: &mut Map<String, Value>) {
        pattern(schema, false, "^[^=,]+=[^=,]*(,[^=,]+=[^=,]*)*$");
    }

    fn words(&self, _: &Question) -> String {
        "labels such as disk=ssd, separated by commas".to_owned()
    }
}

/// `key=value`, as nodes carry them.
fn label(pair: &str) -> Result<(), String> {
    let name = |text: &str| {
        let end = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        let inner = text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
        text.len() <= 63 && inner && end(text.chars().next()) && end(text.chars().next_back())
    };
    let (key, value) = pair.trim().split_once('=').unwrap_or((pair, "="));
    let (prefix, key) = key.rsplit_once('/').map_or((None, key), |(prefix, key)| (Some(prefix), key));
    if name(key) && prefix.is_none_or(is_hostname) && (value.is_empty() || name(value)) {
        return Ok(());
    }
    Err(format!("`{pair}` is not a label such as disk=ssd; several are separated by commas"))
}

/// Who may connect: namespaces and networks, such as `airflow,10.0.0.0/8`.
pub(super) struct Peers;

impl QuestionType for Peers {
    fn read(&self, _: &Question, text: &str) -> Result<Answer, String> {
        text.split(',').try_for_each(|one| peer(one.trim()).map(|_| ()))?;
        Ok(Answer::Text(text.to_owned()))
    }

    fn schema(&self, _: &Question, schema: &mut Map<String, Value>) {
        pattern(schema, false, "^[a-z0-9.:/ -]+(,[a-z0-9.:/ -]+)*$");
    }

    fn words(&self, _: &Question) -> String {
        "namespaces and networks such as airflow,10.0.0.0/8, separated by commas".to_owned()
    }
}

/// Who is let in by a network policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Peer {
    /// All pods of a namespace.
    Namespace(String),
    /// Addresses, as `10.0.0.0/8`.
    Network(String),
}

/// Reads a namespace, a network or an address.
///
/// # Errors
/// It is neither.
pub fn peer(text: &str) -> Result<Peer, String> {
    let wrong = || format!("`{text}` is neither a namespace nor a network such as 10.0.0.0/8");
    let (address, length) = text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
    if let Ok(address) = address.parse::<std::net::IpAddr>() {
        let most: u8 = if address.is_ipv4() { 32 } else { 128 };
        return match length.map_or(Some(most), |length| length.parse().ok()) {
            Some(length) if length <= most => Ok(Peer::Network(format!("{address}/{length}"))),
            _ => Err(wrong()),
        };
    }
    let is_namespace = length.is_none() && !text.contains('.') && text.len() <= 63 && is_hostname(text);
    if is_namespace { Ok(Peer::Namespace(text.to_owned())) } else { Err(wrong()) }
}

/// A list of values: `a, b`, or as YAML writes one.
pub(super) struct List;

impl QuestionType for List {
    fn read(&self, _: &Question, text: &str) -> Result<Answer, String> {
        let items = if text.trim_start().starts_with('[') {
            match flow(text)? {
                Value::Array(items) => items,
                _ => return Err(format!("`{text}` is not a list such as [a, b]")),
            }
        } else {
            text.split(',').map(|item| Value::String(item.trim().to_owned())).collect()
        };
        if items.iter().any(|item| item == "") {
            return Err(format!("`{text}` has an empty item"));
        }
        Ok(Answer::Json(Value::Array(items)))
    }

    fn node(&self, question: &Question, node: &Node) -> Result<Answer, String> {
        match &node.yaml {
            Yaml::List(_) => Ok(Answer::Json(json(node))),
            Yaml::Scalar(_) => self.text(question, node.written()),
            Yaml::Map(_) => Err(format!("expected a list, found {}", node.kind())),
        }
    }

    fn takes(&self, question: &Question, default: &Value) -> bool {
        default.is_array() || default.as_str().is_some_and(|text| text.is_empty() || self.read(question, text).is_ok())
    }

    fn schema(&self, _: &Question, schema: &mut Map<String, Value>) {
        schema.insert("type".to_owned(), json!(["array", "string"]));
    }

    fn words(&self, _: &Question) -> String {
        "list such as [a, b]".to_owned()
    }

    fn stand_in(&self, _: &Question) -> Answer {
        Answer::Json(json!([]))
    }
}

/// Values by name: `a=1, b=2`, or as YAML writes them.
pub(super) struct Mapping;

impl QuestionType for Mapping {
    fn read(&self, _: &Question, text: &str) -> Result<Answer, String> {
        if text.trim_start().starts_with('{') {
            return match flow(text)? {
                value @ Value::Object(_) => Ok(Answer::Json(value)),
                _ => Err(format!("`{text}` is not a mapping such as {{a: 1, b: 2}}")),
            };
        }
        let mut entries = Map::new();
        for pair in text.split(',') {
            let (key, value) = pair.trim().split_once('=').unwrap_or_default();
            if key.trim().is_empty() {
                return Err(format!("`{pair}` is not of the form name=value; several are separated by commas"));
            }
            if entries.insert(key.trim().to_owned(), Value::String(value.trim().to_owned())).is_some() {
                return Err(format!("duplicate key `{key}`"));
            }
        }
        Ok(Answer::Json(Value::Object(entries)))
    }

    fn node(&self, question: &Question, node: &Node) -> Result<Answer, String> {
        match &node.yaml {
            Yaml::Map(_) => Ok(Answer::Json(json(node))),
            Yaml::Scalar(_) => self.text(question, node.written()),
            Yaml::List(_) => Err(format!("expected a mapping, found {}", node.kind())),
        }
    }

    fn takes(&self, question: &Question, default: &Value) -> bool {
        default.is_object() || default.as_str().is_some_and(|text| text.is_empty() || self.read(question, text).is_ok())
    }

    fn schema(&self, _: &Question, schema: &mut Map<String, Value>) {
        schema.insert("type".to_owned(), json!(["object", "string"]));
    }

    fn words(&self, _: &Question) -> String {
        "mapping such as {a: 1, b: 2}".to_owned()
    }

    fn stand_in(&self, _: &Question) -> Answer {
        Answer::Json(json!({}))
    }
}

/// What YAML reads on one line.
fn flow(text: &str) -> Result<Value, String> {
    let node = parse("answer", text).map_err(|found| {
        let first = found.0.into_iter().next().map(|finding| finding.message).unwrap_or_default();
        format!("failed to parse `{text}`: {first}")
    })?;
    Ok(json(&node))
}

/// A node as JSON. What YAML would take for a fraction or a date is the text that was written.
fn json(node: &Node) -> Value {
    match &node.yaml {
        Yaml::Scalar(Scalar::Null) => Value::Null,
        Yaml::Scalar(Scalar::Bool(yes)) => (*yes).into(),
        Yaml::Scalar(Scalar::Int(number)) => (*number).into(),
        Yaml::Scalar(Scalar::Text(text)) => text.clone().into(),
        Yaml::List(items) => items.iter().map(json).collect(),
        Yaml::Map(entries) => entries.iter().map(|(key, _, value)| (key.clone(), json(value))).collect(),
    }
}
