//! Defaults: what a question says, or who requires its component.

use std::collections::{BTreeMap, BTreeSet};

use minijinja::Value;
use serde_json::json;

use super::resolve::{Draft, Missing};
use super::template::{Known, Templates, value};
use super::{Answers, LayerKind};
use crate::catalog::{
    Answer, Catalog, Component, Kind, Question, QuestionId, Reference, answering, from_text, references, ways,
};
use crate::model::yaml::{Findings, Pos};

impl Draft {
    /// Fills in defaults. One may be a template over other answers, and comes after those.
    pub(super) fn fill_defaults(&mut self, catalog: &Catalog) {
        let templates = Templates::new();
        let known = self.answers.known();
        let wrong: BTreeSet<QuestionId> = self.problems.iter().map(|(id, _)| id.clone()).collect();
        let ids: Vec<String> = std::iter::once("platform".to_owned()).chain(self.answers.components.clone()).collect();
        let given = given(catalog, &self.answers.components);
        let questions = ids.iter().flat_map(|id| catalog.questions(id).iter().map(move |question| (id, question)));
        let mut open: Vec<_> = questions.collect();
        while !open.is_empty() {
            let to_come: BTreeSet<QuestionId> =
                open.iter().map(|(component, question)| QuestionId::new(component, &question.id)).collect();
            let before = open.len();
            let mut waiting = Vec::new();
            for (component, question) in open {
                let default = Default::find(catalog, &given, component, question);
                if default.waits(&self.answers, &to_come) {
                    waiting.push((component, question));
                } else {
                    self.fill_default(catalog, (&templates, &known), (component, question), &default, &wrong);
                }
            }
            open = waiting;
            if open.len() == before {
                // They wait for what is missing, or for each other: what they lack is reported.
                for (component, question) in std::mem::take(&mut open) {
                    let default = Default::find(catalog, &given, component, question);
                    self.fill_default(catalog, (&templates, &known), (component, question), &default, &wrong);
                }
            }
        }
    }

    fn fill_default(
        &mut self,
        catalog: &Catalog,
        (templates, known): (&Templates, &Known),
        (component, question): (&str, &Question),
        written: &Default<'_>,
        wrong: &BTreeSet<QuestionId>,
    ) {
        let id = QuestionId::new(component, &question.id);
        let default = match written.text(templates, known, &self.answers, catalog) {
            Ok(Some(text)) => from_text(question, &text).map(Some),
            Ok(None) if question.optional => Ok(Some(Answer::Empty)),
            Ok(None) => Ok(None),
            Err(message) => Err(message),
        };
        let answered = self.answers.values.contains_key(&id);
        match default {
            Ok(Some(answer)) => {
                if !answered {
                    known.add(component, &question.id, value(&answer.json()));
                    self.answers.values.insert(id.clone(), (answer.clone(), LayerKind::Catalog));
                }
                self.defaults.insert(id, answer);
            }
            // A wrong answer is reported already: it is not missing as well.
            Ok(None) if answered || wrong.contains(&id) => {}
            Ok(None) => self.missing.push(Missing {
                hint: hint(catalog.components.get(component), question),
                title: question.title.en().to_owned(),
                id,
            }),
            Err(message) if !answered => {
                let mut findings = Findings::default();
                let of = written.of.map_or(component, |of| of.id.as_str());
                let file = format!("{of}/component.yaml");
                findings.add(&file, Pos { line: 1, column: 1 }, format!("default of `{id}`: {message}"));
                self.problems.extend(findings.0.into_iter().map(|finding| (id.clone(), finding)));
            }
            Err(_) => {}
        }
    }
}

/// Answers to questions of components by those that require them: component to who requires it and its answers.
type RequiredAnswers<'a> = BTreeMap<&'a str, (&'a Component, &'a BTreeMap<String, serde_json::Value>)>;

/// Of several that require one, the first counts.
fn given<'a>(catalog: &'a Catalog, chosen: &[String]) -> RequiredAnswers<'a> {
    let chosen = chosen.iter().rev().filter_map(|id| catalog.components.get(id));
    let requires = chosen.flat_map(|of| of.requires.iter().map(move |required| (of, required)));
    let giving = requires.filter(|(_, required)| !required.off && !required.answers.is_empty());
    giving.map(|(of, required)| (required.id.as_str(), (of, &required.answers))).collect()
}

/// Where the default of a question is written.
struct Default<'a> {
    /// The component whose answers it is about.
    of: Option<&'a Component>,
    /// What is written.
    written: Option<&'a serde_json::Value>,
}

impl<'a> Default<'a> {
    /// The answer of who requires the component; else the default of the question itself.
    fn find(catalog: &'a Catalog, given: &RequiredAnswers<'a>, component: &str, question: &'a Question) -> Self {
        let given = given.get(component).and_then(|(of, answers)| Some((*of, answers.get(&question.id)?)));
        match given {
            Some((of, written)) => Self { of: Some(of), written: Some(written) },
            None => Self { of: catalog.components.get(component), written: question.default.as_ref() },
        }
    }

    /// The template that it is, if it is one.
    fn template(&self) -> Option<&'a str> {
        self.written?.as_str().filter(|text| text.contains("{{") || text.contains("{%"))
    }

    /// Whether it names an answer that is still to come.
    fn waits(&self, answers: &Answers, to_come: &BTreeSet<QuestionId>) -> bool {
        let Some(text) = self.template() else { return false };
        let named = references(text).unwrap_or_default().into_iter().filter_map(|name| match name {
            Reference::Answer(named, question) => {
                let component = self.of.map_or(named.as_str(), |of| of.means(&named));
                Some(QuestionId::new(component, &question))
            }
            _ => None,
        });
        let own = self.of.iter().flat_map(|of| {
            ["release", "namespace"]
                .into_iter()
                .filter(|name| text.contains(&format!("self.{name}")))
                .map(|name| QuestionId::new(&of.id, name))
        });
        // A component is there for a condition once anything of it is answered.
        let from = |component: &str| QuestionId::new(component, "")..;
        let begun = |component: &str| {
            answers.values.range(from(component)).next().is_some_and(|(id, _)| id.component == component)
        };
        let bare = answering(text).map(|named| self.of.map_or(named, |of| of.means(named)));
        let to_begin = |component: &str| {
            to_come.range(from(component)).next().is_some_and(|id| id.component == component) && !begun(component)
        };
        bare.into_iter().any(to_begin)
            || named.chain(own).any(|id| to_come.contains(&id) && !answers.values.contains_key(&id))
    }

    /// Filled in.
    fn text(
        &self,
        templates: &Templates,
        known: &Known,
        answers: &Answers,
        catalog: &Catalog,
    ) -> Result<Option<String>, String> {
        let text = match (self.template(), self.written) {
            (_, None | Some(serde_json::Value::Null)) => return Ok(None),
            (Some(text), _) => {
                let id = self.of.map_or("platform", |of| of.id.as_str());
                let own = |question: &str| answers.get(id, question).text().unwrap_or_default();
                let this = json!({
                    "instance": self.of.map_or("", Component::instance),
                    "release": own("release"),
                    "namespace": own("namespace"),
                });
                let seen = answers.seen(catalog, id);
                let context = Value::from_pairs([("answers", known.seen_by(seen)), ("self", value(&this))]);
                templates.render(id, text, &context).map_err(|error| error.to_string())?
            }
            (None, Some(serde_json::Value::String(text))) => text.clone(),
            (None, Some(other)) => other.to_string(),
        };
        Ok(Some(text).filter(|text| !text.is_empty()))
    }
}

fn hint(component: Option<&Component>, question: &Question) -> Option<String> {
    let image = component.and_then(|component| {
        component.images.iter().find_map(|image| {
            let names = component.image_names(image);
            let ours = [names.repository, names.tag].contains(&question.id);
            ours.then(|| image.build.clone()).flatten().map(|build| (component.id.clone(), build))
        })
    });
    match image {
        Some((id, build)) => Some(format!(
            "no public image: build it with `windlass image build {id}`, or from {id}/{build} of `windlass catalog export DIR`"
        )),
        None if question.kind == Kind::Secret => Some(format!("give a reference: {}", ways(question))),
        None => question.help.as_ref().map(|help| help.en().to_owned()),
    }
}
