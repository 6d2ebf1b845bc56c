//! Questions for secrets.

use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::rules::{QuestionType, Widget, whole};
use crate::catalog::Question;
use crate::model::SecretRef;
use crate::model::yaml::{Node, Scalar, Yaml};

/// A reference to a secret; the value itself is never an answer.
pub(super) struct Secret;

const MAPPING: &str = "a secret is one of {env: NAME}, {file: PATH}, {secret: NAME}";

impl QuestionType for Secret {
    fn read(&self, question: &Question, text: &str) -> Result<Answer, String> {
        if text == "generate" && question.generates() {
            return Ok(Answer::Secret(SecretRef::Generate));
        }
        let (way, name) = text.split_once(':').unwrap_or_default();
        // The text is not repeated: it may well be the secret itself.
        reference(way, name)?.ok_or_else(|| format!("a secret is named, not given: use {}", ways(question)))
    }

    fn node(&self, question: &Question, node: &Node) -> Result<Answer, String> {
        match &node.yaml {
            Yaml::Scalar(Scalar::Text(text)) => super::from_text(question, text),
            Yaml::Map(entries) => match entries.as_slice() {
                [(way, _, name)] => {
                    reference(way, name.written().trim_matches(['\r', '\n']))?.ok_or_else(|| MAPPING.to_owned())
                }
                _ => Err(MAPPING.to_owned()),
            },
            _ => Err(format!("expected a text, found {}", node.kind())),
        }
    }

    fn takes(&self, _: &Question, default: &Value) -> bool {
        default == "generate"
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

    fn objection(&self, question: &Question) -> Option<String> {
        (question.generates() && question.optional)
            .then(|| "is generated where none is named: it cannot be optional".to_owned())
    }
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
