//! What is asked: questions, what must hold between their answers, and texts in the user's language.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

use super::kind::Kind;
use super::refs::as_template;
use crate::model::yaml::Shape;
use crate::model::{Lang, Measure, SecretFormat};

/// A text for people: one, or one per language.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Text {
    /// The same in every language.
    One(String),
    /// By the code of a [`Lang`]; English is always there.
    ByLanguage(BTreeMap<String, String>),
}

/// Its shape.
pub(super) const WORDS: Shape = Shape::Words(&Lang::CODES);

impl Default for Text {
    fn default() -> Self {
        Self::One(String::new())
    }
}

impl Text {
    /// The English text.
    #[must_use]
    pub fn en(&self) -> &str {
        self.of(Lang::En.code())
    }

    /// The text in English and in another language, where it has both.
    #[must_use]
    pub fn pair(&self, language: &str) -> Option<(&str, &str)> {
        match self {
            Self::One(_) => None,
            Self::ByLanguage(texts) => Some((self.en(), texts.get(language)?)),
        }
    }

    /// The text in a language, English where it has none.
    #[must_use]
    pub fn of(&self, language: &str) -> &str {
        match self {
            Self::One(text) => text,
            Self::ByLanguage(texts) => {
                texts.get(language).or_else(|| texts.get(Lang::En.code())).map_or("", String::as_str)
            }
        }
    }

    /// Whether it can be read by whoever reads this language only.
    #[must_use]
    pub fn speaks(&self, language: &str) -> bool {
        match self {
            Self::One(_) => true,
            Self::ByLanguage(texts) => texts.contains_key(language),
        }
    }
}

/// Things of the cluster whose names are offered as answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Suggest {
    /// Its StorageClasses.
    StorageClasses,
    /// Its IngressClasses.
    IngressClasses,
    /// Labels that its nodes carry.
    NodeLabels,
}

/// Something the user can decide.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// `[a-z][a-z0-9_]*`.
    pub id: String,
    /// The question, short.
    pub title: Text,
    /// The type of the answer.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// The answer if none is given; a text may be a template over `answers`.
    #[serde(default)]
    pub default: Option<serde_json::Value>,
    /// Whether it may stay empty.
    #[serde(default)]
    pub optional: bool,
    /// More words.
    #[serde(default)]
    pub help: Option<Text>,
    /// Heading under which screens show it.
    #[serde(default)]
    pub group: Option<Text>,
    /// What the cluster has that could be the answer.
    #[serde(default)]
    pub suggest: Option<Suggest>,
    /// What a quantity is an amount of.
    #[serde(default)]
    pub measures: Option<Measure>,
    /// Allowed answers of a choice.
    #[serde(default)]
    pub choices: Vec<String>,
    /// Smallest integer.
    #[serde(default)]
    pub min: Option<i64>,
    /// Largest integer.
    #[serde(default)]
    pub max: Option<i64>,
    /// What is generated where no secret is named.
    #[serde(default)]
    pub format: Option<SecretFormat>,
    /// How many random bytes are in that.
    #[serde(default)]
    pub bytes: Option<u32>,
    /// The names that a generated certificate is for; templates.
    #[serde(default)]
    pub names: Vec<String>,
    /// The key in the Secret; the question's id where it says nothing.
    #[serde(default)]
    pub key: Option<String>,
    /// The name of the Secret; a template.
    #[serde(default)]
    pub secret_name: Option<String>,
    /// An expression over `answers`: where it is not true, it is not asked, and has its default.
    #[serde(default)]
    pub when: Option<String>,
}

impl Question {
    /// The keys of the Secret that windlass fills for it.
    #[must_use]
    pub fn secret_keys(&self) -> Vec<String> {
        match self.format.unwrap_or_default().keys() {
            [] => vec![self.key.clone().unwrap_or_else(|| self.id.clone())],
            keys => keys.iter().map(|key| (*key).to_owned()).collect(),
        }
    }

    /// Whether windlass makes the secret where none is named: `default: generate`.
    #[must_use]
    pub fn generates(&self) -> bool {
        self.kind == Kind::Secret && self.default.as_ref().is_some_and(|default| default == "generate")
    }
}

/// Something that must hold between answers.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// An expression over `answers`, true where all is well.
    pub that: String,
    /// The questions of the component that it is about; the first is where it is reported.
    pub about: Vec<String>,
    /// What is wrong where it is not.
    pub say: Text,
    /// Whether a rollback has to hold it, too.
    #[serde(default = "yes")]
    pub back: bool,
}

const fn yes() -> bool {
    true
}

impl Rule {
    /// The expression as a template, which says what it names.
    #[must_use]
    pub fn template(&self) -> String {
        as_template(&self.that)
    }
}

/// A set of answers that goes together, such as sizes for a kind of site.
#[derive(Debug, Clone)]
pub struct Profile {
    /// Its name.
    pub id: String,
    /// Its name for people.
    pub title: Text,
    /// What it is for.
    pub help: Option<Text>,
    /// Where it stands among the others: the lowest first, and by name.
    pub order: i64,
    /// The file that it came from, for messages.
    pub file: String,
    /// Its answers and where each stands.
    pub answers: Vec<(QuestionId, crate::model::yaml::Pos, crate::model::yaml::Node)>,
}

/// The full name of a question: `<component>.<question>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QuestionId {
    /// `platform` or a component's id.
    pub component: String,
    /// The question's id.
    pub question: String,
}

impl QuestionId {
    /// Puts the two together.
    #[must_use]
    pub fn new(component: &str, question: &str) -> Self {
        Self { component: component.to_owned(), question: question.to_owned() }
    }

    /// The environment variable that answers it.
    #[must_use]
    pub fn variable(&self) -> String {
        let part = |text: &str| text.to_uppercase().replace('@', "_AT_").replace('-', "_");
        format!("WINDLASS_ANSWER_{}__{}", part(&self.component), part(&self.question))
    }
}

impl fmt::Display for QuestionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.component, self.question)
    }
}

/// A text is not `<component>.<question>`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not of the form component.question")]
pub struct QuestionIdError(String);

impl FromStr for QuestionId {
    type Err = QuestionIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('.') {
            Some((component, question)) if !component.is_empty() && !question.is_empty() => {
                Ok(Self::new(component, question))
            }
            _ => Err(QuestionIdError(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables() {
        let id: QuestionId = "spark-history-server.memory".parse().unwrap();
        assert_eq!(id.variable(), "WINDLASS_ANSWER_SPARK_HISTORY_SERVER__MEMORY");
        let id: QuestionId = "bytewax@new-orders.source".parse().unwrap();
        assert_eq!(id.variable(), "WINDLASS_ANSWER_BYTEWAX_AT_NEW_ORDERS__SOURCE");
        assert!("memory".parse::<QuestionId>().is_err());
    }
}
