//! Layers to answers: the strongest layer wins, everything is checked, and what is missing is listed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::json;

use super::layer::{Layer, LayerKind, Raw};
use super::template::{Templates, value};
use super::value::{Answer, from_node, from_text, ways};
use crate::catalog::{Catalog, Component, Kind, Question, QuestionId};
use crate::model::yaml::{Findings, Pos};

/// Answers to every question of the chosen components and of `platform`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answers {
    /// Each answer and the layer it came from.
    pub values: BTreeMap<QuestionId, (Answer, LayerKind)>,
    /// The chosen components and all that they require, sorted.
    pub components: Vec<String>,
}

/// A question that has no answer and needs one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Missing {
    /// Which question.
    pub id: QuestionId,
    /// What it asks.
    pub title: String,
    /// How to come by an answer, if there is more to say.
    pub hint: Option<String>,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.id, self.title)?;
        if let Some(hint) = &self.hint {
            write!(f, " ({hint})")?;
        }
        Ok(())
    }
}

/// Why there are no answers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswersError {
    /// Answers that are wrong, or questions that do not exist.
    #[error("the answers have mistakes\n{0}")]
    Invalid(Findings),
    /// Required questions without an answer.
    #[error("answers are missing\n{}", list(.0))]
    Missing(Vec<Missing>),
    /// A component that does not exist.
    #[error("unknown component `{name}`, known are {}{}", .known.join(", "), .nearest.as_ref().map(|n| format!("; did you mean `{n}`?")).unwrap_or_default())]
    UnknownComponent {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
        /// The nearest of them.
        nearest: Option<String>,
    },
}

fn list(missing: &[Missing]) -> String {
    missing.iter().map(|missing| format!("  {missing}")).collect::<Vec<_>>().join("\n")
}

impl Answers {
    /// Puts the layers over the catalog's defaults. `chosen` limits the components; what they require comes along.
    ///
    /// # Errors
    /// All wrong answers, or else all missing ones.
    pub fn new(catalog: &Catalog, layers: &[Layer], chosen: Option<&[String]>) -> Result<Self, AnswersError> {
        let components = closure(catalog, chosen)?;
        let mut findings = Findings::default();
        let mut values = BTreeMap::new();
        let mut sorted: Vec<&Layer> = layers.iter().collect();
        sorted.sort_by_key(|layer| layer.kind.clone());
        for layer in sorted {
            for (id, pos, raw) in &layer.answers {
                match find(catalog, id) {
                    Ok(question) => {
                        let answer = match raw {
                            Raw::Text(text) => from_text(&question, text),
                            Raw::Node(node) => from_node(&question, node),
                        };
                        match answer {
                            Ok(answer) => {
                                values.insert(id.clone(), (answer, layer.kind.clone()));
                            }
                            Err(message) => findings.add(&layer.name, *pos, format!("`{id}`: {message}")),
                        }
                    }
                    Err(known) => {
                        let message = format!("no question is called `{id}`");
                        let known = known.iter().map(String::as_str);
                        findings.add_unknown(&layer.name, *pos, message, &id.to_string(), known);
                    }
                }
            }
        }
        findings.into_result(()).map_err(AnswersError::Invalid)?;
        values.retain(|id, _| id.component == "platform" || components.contains(&id.component));
        let mut answers = Self { values, components };
        answers.fill_defaults(catalog)?;
        Ok(answers)
    }

    /// The answer to a question, `Empty` where there is none.
    #[must_use]
    pub fn get(&self, component: &str, question: &str) -> &Answer {
        self.values.get(&QuestionId::new(component, question)).map_or(&Answer::Empty, |(answer, _)| answer)
    }

    /// The answers as templates see them: component to question to value.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        let mut root = serde_json::Map::new();
        for (id, (answer, _)) in &self.values {
            let entry = root.entry(id.component.clone()).or_insert_with(|| json!({}));
            if let Some(map) = entry.as_object_mut() {
                map.insert(id.question.clone(), answer.json());
            }
        }
        serde_json::Value::Object(root)
    }

    /// Defaults, `platform` first: a default may be a template over its answers.
    fn fill_defaults(&mut self, catalog: &Catalog) -> Result<(), AnswersError> {
        let mut findings = Findings::default();
        let mut missing = Vec::new();
        let ids: Vec<String> = std::iter::once("platform".to_owned()).chain(self.components.clone()).collect();
        for component in ids {
            for question in catalog.questions(&component) {
                let id = QuestionId::new(&component, &question.id);
                if self.values.contains_key(&id) {
                    continue;
                }
                match self.default(&component, &question) {
                    Ok(Some(answer)) => {
                        self.values.insert(id, (answer, LayerKind::Catalog));
                    }
                    Ok(None) => missing.push(Missing {
                        hint: hint(catalog.components.get(&component), &question),
                        title: question.title.en().to_owned(),
                        id,
                    }),
                    Err(message) => {
                        let file = format!("{component}/component.yaml");
                        let message = format!("default of `{id}`: {message}");
                        findings.add(&file, Pos { line: 1, column: 1 }, message);
                    }
                }
            }
        }
        findings.into_result(()).map_err(AnswersError::Invalid)?;
        if missing.is_empty() { Ok(()) } else { Err(AnswersError::Missing(missing)) }
    }

    fn default(&self, component: &str, question: &Question) -> Result<Option<Answer>, String> {
        let nothing = || if question.optional { Ok(Some(Answer::Empty)) } else { Ok(None) };
        let text = match &question.default {
            None | Some(serde_json::Value::Null) => return nothing(),
            Some(serde_json::Value::String(text)) if text.contains("{{") || text.contains("{%") => {
                let context = json!({"answers": self.json()});
                Templates::new().render(component, text, &value(&context)).map_err(|error| error.to_string())?
            }
            Some(serde_json::Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        };
        if text.is_empty() {
            return nothing();
        }
        from_text(question, &text).map(Some)
    }
}

fn hint(component: Option<&Component>, question: &Question) -> Option<String> {
    let image = component.and_then(|component| {
        component.images.iter().find_map(|image| {
            let names = component.image_names(image);
            let ours = names.repository == question.id || names.tag == question.id;
            ours.then(|| image.build.clone()).flatten().map(|build| (component.id.clone(), build))
        })
    });
    match image {
        Some((id, build)) => Some(format!(
            "there is no public image: `windlass catalog export DIR`, then build it from DIR/{id}/{build} as that file says"
        )),
        None if question.kind == Kind::Secret => Some(format!("give a reference: {}", ways(question))),
        None => question.help.as_ref().map(|help| help.en().to_owned()),
    }
}

/// The chosen components and what they require.
fn closure(catalog: &Catalog, chosen: Option<&[String]>) -> Result<Vec<String>, AnswersError> {
    let Some(chosen) = chosen else { return Ok(catalog.components.keys().cloned().collect()) };
    let mut found = BTreeSet::new();
    let mut open: Vec<String> = chosen.to_vec();
    while let Some(id) = open.pop() {
        let Some(component) = catalog.components.get(&id) else {
            let known: Vec<String> = catalog.components.keys().cloned().collect();
            let mut findings = Findings::default();
            findings.add_unknown("", Pos::default(), "", &id, known.iter().map(String::as_str));
            let nearest = findings.0.pop().and_then(|finding| finding.suggestion);
            return Err(AnswersError::UnknownComponent { name: id, known, nearest });
        };
        if found.insert(id) {
            open.extend(component.requires.iter().cloned());
        }
    }
    Ok(found.into_iter().collect())
}

/// The question, or the full names of those that there are.
fn find(catalog: &Catalog, id: &QuestionId) -> Result<Question, Vec<String>> {
    let found = catalog.questions(&id.component).into_iter().find(|question| question.id == id.question);
    found.ok_or_else(|| {
        let ids = catalog.components.keys().map(String::as_str).chain(["platform"]);
        ids.flat_map(|component| {
            catalog.questions(component).into_iter().map(move |question| format!("{component}.{}", question.id))
        })
        .collect()
    })
}

/// The text of an answers file that replays these answers: every one of them, secrets as references.
///
/// # Errors
/// The answers cannot be written as YAML.
pub fn recorded(answers: &Answers) -> Result<String, crate::model::yaml::TypeError> {
    let mut root = serde_json::Map::new();
    root.insert("components".to_owned(), json!(answers.components));
    for (id, (answer, _)) in answers.values.iter().filter(|(_, (answer, _))| *answer != Answer::Empty) {
        let entry = root.entry(id.component.clone()).or_insert_with(|| json!({}));
        if let Some(map) = entry.as_object_mut() {
            map.insert(id.question.clone(), answer.json());
        }
    }
    let text = crate::model::yaml::to_string(&root)?;
    Ok(format!(
        "# answers of one run, secrets as references only; `windlass install --answers FILE --yes` replays it\n{text}"
    ))
}
