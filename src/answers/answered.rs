//! Answers to every question.

use std::collections::BTreeMap;

use serde_json::json;

use super::layer::LayerKind;
use super::template::{Known, value};
use crate::catalog::{Answer, Catalog, QuestionId, TemplateNames};
use crate::model::FileTree;

/// Answers to every question of the chosen components and of `platform`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answers {
    /// Each answer and the layer it came from.
    pub values: BTreeMap<QuestionId, (Answer, LayerKind)>,
    /// The chosen components and all that they require, sorted.
    pub components: Vec<String>,
    /// The profile that they build on, if any.
    pub profile: Option<String>,
    /// What was answered about components that were not chosen: where they are is of use to those that were.
    pub others: BTreeMap<QuestionId, Answer>,
    /// Files that answers named when they were installed: they count instead of what is on this machine now.
    pub held: BTreeMap<QuestionId, FileTree>,
    /// What conditions of actions see of a component as it was installed: `version` and `answers`.
    pub installed: BTreeMap<String, serde_json::Value>,
}

impl Answers {
    /// By component and question, as templates see them.
    pub(super) fn known(&self) -> Known {
        let known = Known::default();
        for (id, (answer, _)) in &self.values {
            known.add(&id.component, &id.question, value(&answer.json()));
        }
        known
    }

    /// Takes in the components of others that these are not about, with their answers; what is answered here counts.
    pub fn add(&mut self, more: Self) {
        let new: Vec<String> = more.components.into_iter().filter(|id| !self.has(id)).collect();
        for (id, answer) in more.values.into_iter().filter(|(id, _)| new.contains(&id.component)) {
            let given = self.others.remove(&id).map(|given| (given, LayerKind::File));
            self.values.insert(id, given.unwrap_or(answer));
        }
        self.components.extend(new);
        self.components.sort();
    }

    /// What the names of components mean to one of them, or to `platform`.
    pub(super) fn seen(&self, catalog: &Catalog, component: &str) -> TemplateNames {
        catalog.components.get(component).map(|of| of.seen(|id| self.has(id))).unwrap_or_default()
    }

    /// Whether a component was chosen, or is required.
    #[must_use]
    pub fn has(&self, component: &str) -> bool {
        self.components.binary_search_by(|id| id.as_str().cmp(component)).is_ok()
    }

    /// The answer to a question, `Empty` where there is none.
    #[must_use]
    pub fn get(&self, component: &str, question: &str) -> &Answer {
        self.values.get(&QuestionId::new(component, question)).map_or(&Answer::Empty, |(answer, _)| answer)
    }

    /// Whether an offline bundle brought the answer.
    #[must_use]
    pub fn is_bundled(&self, id: &QuestionId) -> bool {
        matches!(self.values.get(id), Some((_, LayerKind::Bundle)))
    }

    /// The answers as they are remembered: what was emptied is null, what never had an answer is an empty text.
    #[must_use]
    pub fn remembered(&self) -> serde_json::Value {
        let mut root = self.json();
        for id in self.values.keys().filter(|id| self.is_emptied(id)) {
            root[&id.component][&id.question] = serde_json::Value::Null;
        }
        root
    }

    /// Whether somebody said that it is to be empty.
    pub(super) fn is_emptied(&self, id: &QuestionId) -> bool {
        matches!(self.values.get(id), Some((Answer::Empty, kind)) if *kind != LayerKind::Catalog)
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
}
