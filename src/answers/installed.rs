//! Rules and conditions about what is installed: they can be evaluated once that is known.

use std::collections::BTreeMap;

use minijinja::Value;
use serde_json::json;

use super::Answers;
use super::template::{Templates, value};
use crate::catalog::{CHART_VALUES, Catalog, Component, INSTALLED, QuestionId, Rule, is_about_installed};
use crate::model::state::InstallState;
use crate::model::yaml::{Findings, Pos};

/// A component as it was installed, for rules and conditions. What Helm has now may be another revision: whoever can ask it
/// fills in its values.
fn as_installed(state: &InstallState, id: &str) -> Option<serde_json::Value> {
    let known = state.components.get(id)?;
    let answers = state.answers.get(id).unwrap_or(&json!({})).clone();
    Some(json!({"version": known.record.version, "answers": answers, CHART_VALUES: {}}))
}

impl Answers {
    /// What these answers break of the rules about what is installed. `installed` has `version` and `answers` there, and is
    /// false in a condition where the component is not installed.
    #[must_use]
    pub fn broken_by(&self, catalog: &Catalog, state: &InstallState) -> Findings {
        self.broken(catalog, state, |_, _| true)
    }

    /// The same for a rollback of that component to these answers.
    #[must_use]
    pub fn rollback_violations(&self, catalog: &Catalog, state: &InstallState, id: &str) -> Findings {
        self.broken(catalog, state, |of, rule| of == id && rule.back)
    }

    fn broken(&self, catalog: &Catalog, state: &InstallState, counts: impl Fn(&str, &Rule) -> bool) -> Findings {
        let catalog = &*self.catalog(catalog);
        let (templates, known) = (Templates::new(), self.known());
        let mut findings = Findings::default();
        for component in self.components.iter().filter_map(|id| catalog.components.get(id)) {
            let id = &component.id;
            let was = as_installed(state, id);
            for rule in component.rules.iter().filter(|rule| counts(id, rule) && is_about_installed(&rule.template())) {
                let Some(question) = rule.about.first().map(|question| QuestionId::new(id, question)) else { continue };
                let context = Value::from_pairs([
                    ("answers", known.seen_by(self.seen(catalog, id))),
                    (INSTALLED, seen(was.as_ref())),
                    ("self", value(&json!({"version": component.version}))),
                ]);
                let message = match templates.holds(id, &rule.that, &context) {
                    Ok(true) => continue,
                    Ok(false) => format!("`{question}`: {}", rule.say.en()),
                    Err(error) => format!("`{question}`: {error}"),
                };
                findings.add("answers", Pos::default(), message);
            }
        }
        findings
    }

    /// The same answers with what conditions of their components' actions see of what is installed; nothing where no
    /// condition is about it.
    #[must_use]
    pub fn seeing_installed(&self, catalog: &Catalog, state: &InstallState) -> Option<Self> {
        let catalog = &*self.catalog(catalog);
        let components = self.components.iter().filter_map(|id| catalog.components.get(id));
        let asks = |component: &&Component| {
            component.actions().any(|action| action.when_template().is_some_and(|when| is_about_installed(&when)))
        };
        let found = components.filter(asks).filter_map(|it| Some((it.id.clone(), as_installed(state, &it.id)?)));
        let installed: BTreeMap<_, _> = found.collect();
        (!installed.is_empty()).then(|| Self { installed, ..self.clone() })
    }
}

/// What `installed` is: false in a condition where the component is not installed.
pub(super) fn seen(was: Option<&serde_json::Value>) -> Value {
    was.map_or_else(|| Value::from(false), value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers::from_flags;
    use crate::catalog;

    #[test]
    fn what_was_installed_may_forbid_what_is_answered_now() {
        let mut files = catalog::embedded();
        files.retain(|path, _| path == "platform.yaml");
        let text = "id: db\ntitle: db\nversion: '16.1'\nquestions: [{id: tag, title: t, type: string, default: '15.2'}]\n\
            rules: [{that: \"not installed or installed.answers.tag[:2] == answers.db.tag[:2]\", about: [tag], say: another major}]\n";
        files.insert("db/component.yaml".to_owned(), text.as_bytes().to_vec());
        let catalog = Catalog::from_files(&files, &Default::default()).unwrap();
        let findings = |flag: &str, state: &InstallState| {
            let answers = Answers::new(&catalog, &[from_flags(&[flag.to_owned()]).unwrap()], None).unwrap();
            answers.broken_by(&catalog, state).to_string()
        };
        let nothing = InstallState::default();
        let state = InstallState {
            components: [("db".to_owned(), Default::default())].into(),
            answers: json!({"db": {"tag": "15.2"}}),
            ..InstallState::default()
        };
        assert_eq!(
            (findings("db.tag=16.0", &nothing), findings("db.tag=15.9", &state)),
            (String::new(), String::new())
        );
        assert_eq!(findings("db.tag=16.0", &state), "answers: `db.tag`: another major");
    }
}
