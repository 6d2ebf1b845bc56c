//! Questions that are answered with a number, a quantity, or yes or no.

use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::rules::{QuestionType, pattern};
use super::types::{Extra, Widget};
use crate::catalog::Question;
use crate::model::yaml::{Node, Scalar, Yaml};

/// A whole number.
pub(super) struct Integer;

impl QuestionType for Integer {
    fn read(&self, question: &Question, text: &str) -> Result<Answer, String> {
        whole_number(text, question.min, question.max)
    }

    fn node(&self, question: &Question, node: &Node) -> Result<Answer, String> {
        number_node(node, question.min, question.max)
    }

    fn takes(&self, _: &Question, default: &Value) -> bool {
        default.is_number()
    }

    fn schema(&self, question: &Question, schema: &mut Map<String, Value>) {
        number_schema(schema, question.min, question.max);
    }

    fn words(&self, question: &Question) -> String {
        let bound = |limit: Option<i64>, word: &str| limit.map(|limit| format!(", {word} {limit}")).unwrap_or_default();
        format!("whole number{}{}", bound(question.min, "at least"), bound(question.max, "at most"))
    }

    fn stand_in(&self, question: &Question) -> Answer {
        Answer::Int(question.min.unwrap_or(1))
    }

    fn extras(&self) -> &'static [Extra] {
        &[Extra::Bounds]
    }
}

/// A TCP port.
pub(super) struct Port;

impl QuestionType for Port {
    fn read(&self, _: &Question, text: &str) -> Result<Answer, String> {
        whole_number(text, Some(1), Some(65535))
    }

    fn node(&self, _: &Question, node: &Node) -> Result<Answer, String> {
        number_node(node, Some(1), Some(65535))
    }

    fn takes(&self, _: &Question, default: &Value) -> bool {
        default.is_number()
    }

    fn schema(&self, _: &Question, schema: &mut Map<String, Value>) {
        number_schema(schema, Some(1), Some(65535));
    }

    fn words(&self, _: &Question) -> String {
        "port".to_owned()
    }

    fn stand_in(&self, _: &Question) -> Answer {
        Answer::Int(1)
    }

    fn extras(&self) -> &'static [Extra] {
        &[Extra::Bounds]
    }
}

fn whole_number(text: &str, min: Option<i64>, max: Option<i64>) -> Result<Answer, String> {
    let number = text.parse().map_err(|_| format!("expected a whole number, found `{text}`"))?;
    between(number, min, max)
}

fn number_node(node: &Node, min: Option<i64>, max: Option<i64>) -> Result<Answer, String> {
    match node.yaml {
        Yaml::Scalar(Scalar::Int(number)) => between(number, min, max),
        _ => Err(format!("expected a whole number, found {}", node.kind())),
    }
}

fn number_schema(schema: &mut Map<String, Value>, min: Option<i64>, max: Option<i64>) {
    schema.insert("type".to_owned(), json!("integer"));
    schema.extend(min.map(|min| ("minimum".to_owned(), json!(min))));
    schema.extend(max.map(|max| ("maximum".to_owned(), json!(max))));
}

fn between(number: i64, min: Option<i64>, max: Option<i64>) -> Result<Answer, String> {
    if min.is_some_and(|min| number < min) || max.is_some_and(|max| number > max) {
        let bound = |limit: Option<i64>, word: &str| limit.map(|limit| format!("{word} {limit}"));
        let bounds: Vec<_> = bound(min, "at least").into_iter().chain(bound(max, "at most")).collect();
        return Err(format!("{number} is out of range: {}", bounds.join(", ")));
    }
    Ok(Answer::Int(number))
}

/// A Kubernetes quantity, such as `512Mi`.
pub(super) struct Quantity;

impl QuestionType for Quantity {
    fn read(&self, question: &Question, text: &str) -> Result<Answer, String> {
        if !is_quantity(text) {
            return Err(format!("`{text}` is not a quantity such as 512Mi, 2Gi or 500m"));
        }
        match question.measures.and_then(|measure| measure.objection(text)) {
            Some(objection) => Err(objection),
            None => Ok(Answer::Text(text.to_owned())),
        }
    }

    fn takes(&self, question: &Question, default: &Value) -> bool {
        // What it measures is an objection of its own.
        let Value::String(text) = default else { return false };
        text.is_empty() || is_quantity(text) || self.read(question, text).is_ok()
    }

    fn schema(&self, _: &Question, schema: &mut Map<String, Value>) {
        pattern(schema, true, "^[0-9]*\\.?[0-9]+(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$");
    }

    fn words(&self, _: &Question) -> String {
        "quantity such as 512Mi, 2Gi or 500m".to_owned()
    }

    fn extras(&self) -> &'static [Extra] {
        &[Extra::Measures]
    }

    fn objection(&self, question: &Question) -> Option<String> {
        let (text, measure) = question.default.as_ref().and_then(Value::as_str).zip(question.measures)?;
        measure.objection(text).map(|why| format!("has a default of the wrong size: {why}"))
    }
}

/// Kubernetes' quantity syntax, without the rarely written exponents.
fn is_quantity(text: &str) -> bool {
    let digits = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let number = &text[..text.len() - digits.len()];
    number.parse::<f64>().is_ok_and(|value| value > 0.0)
        && matches!(digits, "" | "m" | "k" | "M" | "G" | "T" | "P" | "E" | "Ki" | "Mi" | "Gi" | "Ti" | "Pi" | "Ei")
}

/// `true` or `false`.
pub(super) struct Boolean;

impl QuestionType for Boolean {
    fn read(&self, _: &Question, text: &str) -> Result<Answer, String> {
        match text {
            "true" => Ok(Answer::Bool(true)),
            "false" => Ok(Answer::Bool(false)),
            _ => Err(format!("expected true or false, found `{text}`")),
        }
    }

    fn node(&self, _: &Question, node: &Node) -> Result<Answer, String> {
        match node.yaml {
            Yaml::Scalar(Scalar::Bool(yes)) => Ok(Answer::Bool(yes)),
            _ => Err(format!("expected true or false, found {}", node.kind())),
        }
    }

    fn takes(&self, _: &Question, default: &Value) -> bool {
        default.is_boolean()
    }

    fn schema(&self, _: &Question, schema: &mut Map<String, Value>) {
        schema.insert("type".to_owned(), json!("boolean"));
    }

    fn words(&self, _: &Question) -> String {
        "true or false".to_owned()
    }

    fn widget(&self) -> Widget {
        Widget::Switch
    }

    fn stand_in(&self, _: &Question) -> Answer {
        Answer::Bool(false)
    }
}
