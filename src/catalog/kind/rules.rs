//! What a type of question says of itself.

use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::types::{Extra, Widget};
use crate::catalog::Question;
use crate::model::yaml::{Node, Yaml};

/// What a type of question says of itself.
pub trait QuestionType: Sync {
    /// Reads a text that is not empty: of a flag, an environment variable or a screen.
    ///
    /// # Errors
    /// What is wrong with it, in words that fit behind "`livy.memory`: ".
    fn read(&self, question: &Question, text: &str) -> Result<Answer, String>;

    /// Reads an answer that came as text (a flag or an environment variable).
    ///
    /// # Errors
    /// What is wrong with it, in words that fit behind "`livy.memory`: ".
    fn text(&self, question: &Question, text: &str) -> Result<Answer, String> {
        // Pasted text often ends with a line break, which is not meant.
        let trimmed = text.trim_matches(['\r', '\n']);
        if trimmed.is_empty() {
            return empty(question);
        }
        self.read(question, if self.widget() == Widget::Lines { text } else { trimmed })
    }

    /// Reads a node of an answers file that is not null.
    ///
    /// # Errors
    /// What is wrong with it.
    fn node(&self, question: &Question, node: &Node) -> Result<Answer, String> {
        match node.yaml {
            // A tag such as 0012345, a quantity such as 1024 or a word such as True: its text is what was meant.
            Yaml::Scalar(_) => self.text(question, node.written()),
            _ => Err(format!("expected a string, found {}", node.kind())),
        }
    }

    /// Whether a default in `component.yaml` that is no template can be read.
    fn takes(&self, question: &Question, default: &Value) -> bool {
        matches!(default, Value::String(text) if text.is_empty() || self.read(question, text).is_ok())
    }

    /// Adds what an editor should know of it: JSON Schema.
    fn schema(&self, _: &Question, schema: &mut Map<String, Value>) {
        // Numbers are read as the text that they are where a text is wanted, such as a tag.
        schema.insert("type".to_owned(), json!(["string", "number"]));
    }

    /// What answer is wanted, in words.
    fn words(&self, question: &Question) -> String;

    /// How a screen asks for it.
    fn widget(&self) -> Widget {
        Widget::Line
    }

    /// What stands for an answer that is still missing, so that the rest can be checked.
    fn stand_in(&self, _: &Question) -> Answer {
        Answer::Text("unanswered".to_owned())
    }

    /// Which keys besides those of all questions one of this type may have.
    fn extras(&self) -> &'static [Extra] {
        &[]
    }

    /// What else is wrong with a question of this type.
    fn objection(&self, _: &Question) -> Option<String> {
        None
    }

    /// Whether it names something on the operator's machine.
    fn is_local(&self) -> bool {
        false
    }
}

/// A text as an answer, if it is one line.
pub(super) fn line(text: &str) -> Result<Answer, String> {
    if text.chars().any(char::is_control) {
        return Err("must not contain control characters".to_owned());
    }
    Ok(Answer::Text(text.to_owned()))
}

/// A path as it stands, if it needs no shell to be one.
pub(super) fn full_path(path: &str) -> Result<&str, String> {
    if path.starts_with(['~', '$']) {
        let sign = &path[..1];
        return Err(format!("`{path}`: `{sign}` is only expanded by shells; use the full path"));
    }
    Ok(path)
}

/// A schema of texts that fit a pattern; numbers count as texts where `numbers` says so.
pub(super) fn pattern(schema: &mut Map<String, Value>, numbers: bool, pattern: &str) {
    schema.insert("type".to_owned(), if numbers { json!(["string", "number"]) } else { json!("string") });
    schema.insert("pattern".to_owned(), json!(pattern));
}

/// What an empty text is.
pub(super) fn empty(question: &Question) -> Result<Answer, String> {
    if question.optional { Ok(Answer::Empty) } else { Err("must not be empty".to_owned()) }
}
