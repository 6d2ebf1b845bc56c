//! Questions for secrets.

use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::rules::{QuestionType, whole};
use super::types::{Extra, Widget};
use crate::catalog::Question;
use crate::model::yaml::{Node, Scalar, Yaml};
use crate::model::{SecretFormat, SecretRef};

/// A reference to a secret; the value itself is never an answer.
pub(super) struct Secret;

const MAPPING: &str = "a secret is one of {env: NAME}, {file: PATH}, {secret: NAME}";

impl QuestionType for Secret {
    fn read(&self, question: &Question, text: &str) -> Result<Answer, String> {
        if text == "generate" && question.generates() {
            return Ok(Answer::Secret(SecretRef::Generate));
        }
        let (way, name) = text.split_once(':').unwrap_or_default();
        whole_certificate(question, way)?;
        // The text is not repeated: it may well be the secret itself.
        reference(way, name)?.ok_or_else(|| format!("a secret is named, not given: use {}", ways(question)))
    }

    fn node(&self, question: &Question, node: &Node) -> Result<Answer, String> {
        match &node.yaml {
            Yaml::Scalar(Scalar::Text(text)) => self.text(question, text),
            Yaml::Map(entries) => match entries.as_slice() {
                [(way, _, name)] => {
                    whole_certificate(question, way)?;
                    reference(way, name.written().trim_matches(['\r', '\n']))?.ok_or_else(|| MAPPING.to_owned())
                }
                _ => Err(MAPPING.to_owned()),
            },
            _ => Err(format!("expected a text, found {}", node.kind())),
        }
    }

    fn takes(&self, _: &Question, default: &Value) -> bool {
        // A template gives a reference, or nothing.
        default == "generate" || default == ""
    }

    fn schema(&self, question: &Question, schema: &mut Map<String, Value>) {
        let named = |key: &str, what: &str| {
            let name = json!({"type": "string", "minLength": 1, "description": what});
            json!({"type": "object", "additionalProperties": false, "required": [key], "properties": {key: name}})
        };
        let words = if question.generates() { "^(generate|(env|file|secret):.+)$" } else { "^(env|file|secret):.+$" };
        let ways = json!([
            named("env", "an environment variable"),
            named("file", "a file"),
            named("secret", "a Secret: name, or namespace/name"),
            {"type": "string", "pattern": words},
        ]);
        schema.insert("anyOf".to_owned(), ways);
    }

    fn words(&self, question: &Question) -> String {
        let generate = if question.generates() { "generate, " } else { "" };
        format!("{generate}{{env: NAME}}, {{file: PATH}} or {{secret: NAME}}")
    }

    fn widget(&self) -> Widget {
        Widget::Secret
    }

    fn stand_in(&self, _: &Question) -> Answer {
        Answer::Empty
    }

    fn extras(&self) -> &'static [Extra] {
        &[Extra::Secret]
    }

    fn objection(&self, question: &Question) -> Option<String> {
        let (format, generates) = (question.format.unwrap_or_default(), question.generates());
        let sized = matches!(format, SecretFormat::Hex | SecretFormat::Base64);
        let what = match () {
            () if generates && question.optional => "is generated where none is named: it cannot be optional",
            () if !generates && question.format.is_some() && format != SecretFormat::Tls
                || !generates && question.bytes.is_some() =>
            {
                "has `format` or `bytes`, which say what is generated: that needs `default: generate`"
            }
            () if !sized && question.bytes.is_some() => "has `bytes`, which only the formats hex and base64 take",
            () if question.bytes.is_some_and(|bytes| !BYTES.contains(&bytes)) => "has `bytes` that are not 16 to 1024",
            () if format == SecretFormat::Tls && generates && question.names.is_empty() => {
                "is a certificate: `names` must say for which host names"
            }
            () if format != SecretFormat::Tls && !question.names.is_empty() => "has `names` but is not a certificate",
            () if format == SecretFormat::Tls && question.key.is_some() => {
                "is a certificate, whose keys are tls.crt, tls.key and ca.crt: it has no `key`"
            }
            () if question.key.as_deref().is_some_and(|key| !is_key(key)) => {
                "has a `key` that cannot be one of a Secret: use letters, digits, `-`, `_` and `.`"
            }
            () => return None,
        };
        Some(what.to_owned())
    }
}

/// A certificate and its key are two texts, which no variable and no file holds.
fn whole_certificate(question: &Question, way: &str) -> Result<(), String> {
    let is_one = question.format == Some(SecretFormat::Tls) && matches!(way, "env" | "file");
    let what = "a certificate and its key are in a Secret: use {secret: NAME} or {secret: NAMESPACE/NAME}";
    if is_one { Err(what.to_owned()) } else { Ok(()) }
}

/// How many random bytes a secret may have.
const BYTES: std::ops::RangeInclusive<u32> = 16..=1024;

/// Whether a text can be a key of a Secret.
pub(in crate::catalog) fn is_key(text: &str) -> bool {
    (1..=253).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        && text != "."
        && !text.starts_with("..")
}

fn reference(way: &str, name: &str) -> Result<Option<Answer>, String> {
    let reference = match (way, name) {
        (_, "") => return Ok(None),
        ("env", name) => SecretRef::env(name),
        ("file", path) => SecretRef::File(whole(path)?.into()),
        ("secret", name) => SecretRef::Secret(name.to_owned()),
        _ => return Ok(None),
    };
    Ok(Some(Answer::Secret(reference)))
}

/// How a secret can be named.
#[must_use]
pub fn ways(question: &Question) -> &'static str {
    if question.generates() {
        "generate, env:NAME, file:PATH or secret:NAME"
    } else {
        "env:NAME, file:PATH or secret:NAME"
    }
}
