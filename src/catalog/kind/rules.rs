//! The types of question. A new one is a type in its family's file and a line in the list here.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::files::Files;
use super::list::{Labels, List, Mapping, Peers};
use super::number::{Boolean, Integer, Port, Quantity};
use super::secret::Secret;
use super::text::{Chart, Choice, Digest, Hostname, Line, Path, Source, Text};
use crate::catalog::Question;
use crate::model::yaml::{Node, Scalar, Yaml};

/// What a type of question says of itself.
pub trait QuestionType: Sync {
    /// Reads a text that is not empty: of a flag, an environment variable or a screen.
    ///
    /// # Errors
    /// What is wrong with it, in words that fit behind "`livy.memory`: ".
    fn read(&self, question: &Question, text: &str) -> Result<Answer, String>;

    /// Reads a node of an answers file that is not null.
    ///
    /// # Errors
    /// What is wrong with it.
    fn node(&self, question: &Question, node: &Node) -> Result<Answer, String> {
        match node.yaml {
            // A tag such as 0012345, a quantity such as 1024 or a word such as True: its text is what was meant.
            Yaml::Scalar(_) => super::from_text(question, node.written()),
            _ => Err(format!("expected a text, found {}", node.kind())),
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

    /// What stands for an answer that is still missing, so that the rest can be looked at.
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

/// A key of a question that only some types have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extra {
    /// `choices`.
    Choices,
    /// `min` and `max`.
    Bounds,
    /// `measures`.
    Measures,
    /// `format`, `bytes`, `names`, `key` and `secret_name`.
    Secret,
}

/// How a screen asks for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Widget {
    /// A line to type.
    Line,
    /// Several lines.
    Lines,
    /// One of a few.
    Choices,
    /// Yes or no.
    Switch,
    /// Where a secret is.
    Secret,
}

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $kind:ident($rules:expr) = $name:literal),+ $(,)?) => {
        /// The type of an answer.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
        pub enum Kind {
            $( $(#[doc = $doc])+ #[serde(rename = $name)] $kind, )+
        }

        impl Kind {
            /// Their names in `component.yaml`.
            pub(in crate::catalog) const NAMES: &'static [&'static str] = &[$($name),+];

            /// What it says of itself.
            #[must_use]
            pub fn rules(self) -> &'static dyn QuestionType {
                match self { $( Self::$kind => &$rules, )+ }
            }
        }
    };
}

kinds! {
    /// Any text on one line.
    String(Line) = "string",
    /// A text of several lines.
    Text(Text) = "text",
    /// A whole number.
    Integer(Integer) = "integer",
    /// A Kubernetes quantity, such as `512Mi`.
    Quantity(Quantity) = "quantity",
    /// A DNS name.
    Hostname(Hostname) = "hostname",
    /// A TCP port.
    Port(Port) = "port",
    /// A path in a file system or in HDFS.
    Path(Path) = "path",
    /// Where files to upload come from: a folder, an archive, or a git repository at one commit.
    Source(Source) = "source",
    /// Where a chart is: a folder, an archive, a repository or a registry.
    Chart(Chart) = "chart",
    /// One of `choices`.
    Choice(Choice) = "choice",
    /// `true` or `false`.
    Boolean(Boolean) = "boolean",
    /// Labels of nodes, such as `disk=ssd,zone=a`.
    Labels(Labels) = "labels",
    /// Who may connect: namespaces and networks, such as `airflow,10.0.0.0/8`.
    Peers(Peers) = "peers",
    /// A list of values.
    List(List) = "list",
    /// Values by name.
    Map(Mapping) = "map",
    /// An image's digest, `sha256:` and 64 hexadecimal digits.
    Digest(Digest) = "digest",
    /// A reference to a secret; the value itself is never an answer.
    Secret(Secret) = "secret",
    /// A file or folder that becomes a ConfigMap.
    Files(Files) = "files",
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
        (!fits).then(|| "has a default that does not fit its type".to_owned()),
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
    // What was pasted brings the end of its line along; nobody means that.
    let trimmed = text.trim_matches(['\r', '\n']);
    if trimmed.is_empty() {
        return empty(question);
    }
    let text = if question.kind.rules().widget() == Widget::Lines { text } else { trimmed };
    question.kind.rules().read(question, text)
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

fn empty(question: &Question) -> Result<Answer, String> {
    if question.optional { Ok(Answer::Empty) } else { Err("must not be empty".to_owned()) }
}

/// A text as an answer, if it is one line.
pub(super) fn line(text: &str) -> Result<Answer, String> {
    if text.chars().any(char::is_control) {
        return Err("must not contain control characters".to_owned());
    }
    Ok(Answer::Text(text.to_owned()))
}

/// A path as it stands, if it needs no shell to be one.
pub(super) fn whole(path: &str) -> Result<&str, String> {
    if path.starts_with(['~', '$']) {
        let sign = &path[..1];
        return Err(format!("`{path}`: `{sign}` is replaced by shells only, and nobody else; write the whole path"));
    }
    Ok(path)
}

/// A schema of texts that fit a pattern; numbers count as texts where `numbers` says so.
pub(super) fn pattern(schema: &mut Map<String, Value>, numbers: bool, pattern: &str) {
    schema.insert("type".to_owned(), if numbers { json!(["string", "number"]) } else { json!("string") });
    schema.insert("pattern".to_owned(), json!(pattern));
}
