//! Questions that are answered with a text.

use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::rules::{QuestionType, full_path, line, pattern};
use super::types::{Extra, Widget};
use crate::catalog::Question;
use crate::model::{CHART_WAYS, ChartRef, FileSource, SOURCE_WAYS};

/// Any text on one line.
pub(super) struct Line;

impl QuestionType for Line {
    fn read(&self, _: &Question, text: &str) -> Result<Answer, String> {
        line(text)
    }

    fn words(&self, _: &Question) -> String {
        "string".to_owned()
    }
}

/// A text of several lines.
pub(super) struct Text;

impl QuestionType for Text {
    fn read(&self, _: &Question, text: &str) -> Result<Answer, String> {
        if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
            return Err("must not contain control characters other than line breaks and tabs".to_owned());
        }
        Ok(Answer::Text(text.to_owned()))
    }

    fn words(&self, _: &Question) -> String {
        "text of one or more lines".to_owned()
    }

    fn widget(&self) -> Widget {
        Widget::Lines
    }
}

/// A DNS-1123 name: labels of at most 63 characters, 253 in all.
pub(super) struct Hostname;

impl QuestionType for Hostname {
    fn read(&self, _: &Question, text: &str) -> Result<Answer, String> {
        if !is_hostname(text) {
            return Err(format!("`{text}` is not a DNS name: lower case letters, digits, `-` and `.`"));
        }
        Ok(Answer::Text(text.to_owned()))
    }

    fn schema(&self, _: &Question, schema: &mut Map<String, Value>) {
        pattern(schema, true, "^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$");
    }

    fn words(&self, _: &Question) -> String {
        "DNS name".to_owned()
    }
}

pub(super) fn is_hostname(text: &str) -> bool {
    let good = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    text.len() <= 253 && text.split('.').all(good)
}

/// A path in a file system or in HDFS.
pub(super) struct Path;

impl QuestionType for Path {
    fn read(&self, _: &Question, text: &str) -> Result<Answer, String> {
        line(full_path(text)?)
    }

    fn words(&self, _: &Question) -> String {
        "path".to_owned()
    }

    fn is_local(&self) -> bool {
        // What is a path elsewhere, in HDFS or on nodes, has to be absolute anyway.
        true
    }
}

/// Where files to upload come from.
pub(super) struct Source;

impl QuestionType for Source {
    fn read(&self, _: &Question, text: &str) -> Result<Answer, String> {
        FileSource::parse(full_path(text)?).map_err(|what| format!("the source {what}"))?;
        line(text)
    }

    fn words(&self, _: &Question) -> String {
        SOURCE_WAYS.to_owned()
    }

    fn is_local(&self) -> bool {
        true
    }
}

/// Where a chart is.
pub(super) struct Chart;

impl QuestionType for Chart {
    fn read(&self, _: &Question, text: &str) -> Result<Answer, String> {
        ChartRef::parse(full_path(text)?).map_err(|what| format!("the chart {what}"))?;
        line(text)
    }

    fn words(&self, _: &Question) -> String {
        CHART_WAYS.to_owned()
    }

    fn is_local(&self) -> bool {
        true
    }

    fn objection(&self, question: &Question) -> Option<String> {
        (question.id != "chart").then(|| "is of type `chart`, which only the question `chart` can have".to_owned())
    }
}

/// One of `choices`.
pub(super) struct Choice;

impl QuestionType for Choice {
    fn read(&self, question: &Question, text: &str) -> Result<Answer, String> {
        if !question.choices.iter().any(|choice| choice == text) {
            return Err(format!("`{text}` is not one of {}", question.choices.join(", ")));
        }
        Ok(Answer::Text(text.to_owned()))
    }

    fn schema(&self, question: &Question, schema: &mut Map<String, Value>) {
        schema.insert("enum".to_owned(), json!(question.choices));
    }

    fn words(&self, question: &Question) -> String {
        format!("one of {}", question.choices.join(", "))
    }

    fn widget(&self) -> Widget {
        Widget::Choices
    }

    fn extras(&self) -> &'static [Extra] {
        &[Extra::Choices]
    }

    fn objection(&self, question: &Question) -> Option<String> {
        question.choices.is_empty().then(|| "is a choice without `choices`".to_owned())
    }
}

/// `sha256:` and 64 hexadecimal digits.
pub(super) struct Digest;

impl QuestionType for Digest {
    fn read(&self, _: &Question, text: &str) -> Result<Answer, String> {
        let is_hex = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
        let good = text.strip_prefix("sha256:").is_some_and(|hex| hex.len() == 64 && hex.bytes().all(is_hex));
        if !good {
            return Err(format!("`{text}` is not a digest: sha256: and 64 hexadecimal digits in lower case"));
        }
        Ok(Answer::Text(text.to_owned()))
    }

    fn schema(&self, _: &Question, schema: &mut Map<String, Value>) {
        pattern(schema, false, "^sha256:[0-9a-f]{64}$");
    }

    fn words(&self, _: &Question) -> String {
        "digest, sha256: and 64 hexadecimal digits".to_owned()
    }
}
