//! Which type of question is read by which rules. A new one is a type in its family's file, a name and a line here.

use serde_json::Value;

use super::answer::Answer;
use super::files::Files;
use super::list::{Labels, List, Mapping, Peers};
use super::number::{Boolean, Integer, Port, Quantity};
use super::rules::{QuestionType, empty};
use super::secret::Secret;
use super::text::{Chart, Choice, Digest, Hostname, Line, Path, Source, Text};
use super::types::{Extra, Kind};
use crate::catalog::Question;
use crate::model::yaml::{Node, Scalar, Yaml};

impl Kind {
    /// What it says of itself.
    #[must_use]
    pub fn rules(self) -> &'static dyn QuestionType {
        match self {
            Self::String => &Line,
            Self::Text => &Text,
            Self::Integer => &Integer,
            Self::Quantity => &Quantity,
            Self::Hostname => &Hostname,
            Self::Port => &Port,
            Self::Path => &Path,
            Self::Source => &Source,
            Self::Chart => &Chart,
            Self::Choice => &Choice,
            Self::Boolean => &Boolean,
            Self::Labels => &Labels,
            Self::Peers => &Peers,
            Self::List => &List,
            Self::Map => &Mapping,
            Self::Digest => &Digest,
            Self::Secret => &Secret,
            Self::Files => &Files,
        }
    }
}

/// What is wrong with a question, its default included.
pub(in crate::catalog) fn objections(question: &Question) -> Vec<String> {
    let rules = question.kind.rules();
    let extra =
        |there: bool, key: Extra, what: &str| (there && !rules.extras().contains(&key)).then(|| what.to_owned());
    let default = question.default.as_ref().filter(|default| !default.is_null());
    let is_template = default.and_then(Value::as_str).is_some_and(|text| text.contains("{{") || text.contains("{%"));
    let fits = default
        .is_none_or(|default| is_template && rules.takes(question, &"".into()) || rules.takes(question, default));
    [
        extra(!question.choices.is_empty(), Extra::Choices, "has `choices` but is not a choice"),
        extra(
            question.min.is_some() || question.max.is_some(),
            Extra::Bounds,
            "has `min` or `max` but is not a number",
        ),
        extra(question.measures.is_some(), Extra::Measures, "has `measures` but is not a quantity"),
        extra(
            question.format.is_some()
                || question.bytes.is_some()
                || !question.names.is_empty()
                || question.key.is_some()
                || question.secret_name.is_some(),
            Extra::Secret,
            "has `format`, `bytes`, `names`, `key` or `secret_name` but is not a secret",
        ),
        rules.objection(question),
        (!fits).then(|| "has a default that does not match its type".to_owned()),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Reads an answer that came as text (a flag or an environment variable).
///
/// # Errors
/// What is wrong with it, in words that fit behind "`livy.memory`: ".
pub fn from_text(question: &Question, text: &str) -> Result<Answer, String> {
    question.kind.rules().text(question, text)
}

/// Reads an answer from an answers file.
///
/// # Errors
/// What is wrong with it.
pub fn from_node(question: &Question, node: &Node) -> Result<Answer, String> {
    match node.yaml {
        Yaml::Scalar(Scalar::Null) => empty(question),
        _ => question.kind.rules().node(question, node),
    }
}
