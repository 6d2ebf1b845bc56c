//! The Secrets of a component: their names, where their content comes from, and what makes a new one count.

use std::collections::BTreeMap;

use minijinja::Value;

use super::acts::Bound;
use super::derived::Derived;
use super::scope::Resolver;
use super::template::{TemplateError, Templates, value};
use super::{ResolveError, ResolvedAction, ResolvedCopy, ResolvedSecret, SecretContent};
use crate::catalog::{Answer, Component, Kind, Question};
use crate::model::{GeneratedSecret, SecretRef, version_mark};

impl Resolver<'_> {
    /// The component's secret questions that have an answer: question, where the secret is, and the name of the Secret in
    /// the component's namespace that holds it.
    pub(super) fn secrets<'a>(
        &'a self,
        component: &'a Component,
    ) -> impl Iterator<Item = (&'a Question, &'a SecretRef, String)> {
        let questions = component.questions.iter().filter(|question| question.kind == Kind::Secret);
        questions.filter_map(|question| {
            let Answer::Secret(from) = self.answers.get(&component.id, &question.id) else { return None };
            let name = match from {
                SecretRef::Secret(name) if from.is_in_place() => name.clone(),
                _ => self.secret_names.get(&(component.id.clone(), question.id.clone())).cloned().unwrap_or_default(),
            };
            Some((question, from, name))
        })
    }

    /// Gives names to the Secrets that windlass would fill.
    pub(super) fn name_secrets(&mut self, component: &Component) -> Result<(), ResolveError> {
        let release = self.name(component, "release");
        let this = serde_json::json!({
            "id": component.id, "release": release, "namespace": self.name(component, "namespace"),
        });
        let answers = self.answers_value.seen_by(self.seen(component));
        let context = Value::from_pairs([("answers".to_owned(), answers), ("self".to_owned(), value(&this))]);
        for (id, template) in named(component) {
            let name = secret_name(&self.templates, component, &release, &context, (id, template))?;
            self.secret_names.insert((component.id.clone(), id.to_owned()), name);
        }
        Ok(())
    }

    /// For templates: question to name, key and version of the Secret that answers it, all empty where there is none; and
    /// the same of those that are made of others.
    pub(super) fn secret_values(&self, component: &Component, versions: bool) -> BTreeMap<String, serde_json::Value> {
        let namespace = self.name(component, "namespace");
        let entry = |name: &str, key: &str| {
            let mut entry = serde_json::json!({"name": name, "key": key});
            if versions {
                let version = if name.is_empty() { String::new() } else { version_mark(&namespace, name) };
                entry["version"] = version.into();
            }
            entry
        };
        let questions = component.questions.iter().filter(|question| question.kind == Kind::Secret);
        let mut all: BTreeMap<_, _> = questions.map(|question| (question.id.clone(), entry("", ""))).collect();
        all.extend(self.secrets(component).map(|(question, _, name)| {
            let key = question.secret_keys().into_iter().next().unwrap_or_default();
            (question.id.clone(), entry(&name, &key))
        }));
        all.extend(component.secrets.iter().filter_map(|secret| {
            let name = self.secret_names.get(&(component.id.clone(), secret.name.clone()))?;
            let key = secret.keys.keys().next().map(String::as_str).unwrap_or_default();
            Some((secret.name.clone(), entry(name, key)))
        }));
        all
    }

    /// Those that windlass fills.
    pub(super) fn filled_secrets(&self, component: &Component) -> Result<Vec<ResolvedSecret>, ResolveError> {
        let place = format!("{}/component.yaml", component.id);
        let context = self.context_of_secrets(component);
        let mut filled = Vec::new();
        for (question, from, name) in self.secrets(component).filter(|(_, from, _)| !from.is_in_place()) {
            let format = question.format.unwrap_or_default();
            let names = question.names.iter().map(|text| self.templates.render(&place, text, &context));
            let names = names.collect::<Result<Vec<_>, _>>()?;
            let made = GeneratedSecret { format, bytes: question.bytes, names };
            let content = SecretContent::Answer { keys: question.secret_keys(), from: from.clone(), made };
            filled.push(ResolvedSecret { name, id: question.id.clone(), kind: format.kind().to_owned(), content });
        }
        for secret in &component.secrets {
            let Some(name) = self.secret_names.get(&(component.id.clone(), secret.name.clone())) else { continue };
            let single = |question: &&Question| question.kind == Kind::Secret && question.secret_keys().len() == 1;
            let mut of: BTreeMap<_, _> =
                component.questions.iter().filter(single).map(|question| (question.id.clone(), None)).collect();
            for (question, _, name) in self.secrets(component).filter(|(question, ..)| single(question)) {
                let key = question.secret_keys().swap_remove(0);
                of.insert(question.id.clone(), Some((name, key)));
            }
            of.retain(|question, _| secret.keys.values().any(|text| text.contains(question.as_str())));
            let derived = Derived {
                place: format!("{place}, secret {}", secret.name),
                keys: secret.keys.clone(),
                of,
                context: context.clone(),
            };
            derived.check()?;
            filled.push(ResolvedSecret {
                name: name.clone(),
                id: secret.name.clone(),
                kind: secret.kind.clone(),
                content: SecretContent::Derived(derived),
            });
        }
        Ok(filled)
    }

    /// Copies in its further namespaces; a secret without an answer has none. `filled` are those that windlass fills.
    pub(super) fn copies(
        &self,
        component: &Component,
        filled: &[ResolvedSecret],
        fill: &impl Fn(&str) -> Result<String, TemplateError>,
    ) -> Result<Vec<ResolvedCopy>, TemplateError> {
        let own = self.name(component, "namespace");
        let mut found: Vec<ResolvedCopy> = Vec::new();
        for spec in &component.namespaces {
            let namespace = fill(&spec.name)?.trim().to_owned();
            // In its own namespace they are already.
            if namespace.is_empty() || namespace == own {
                continue;
            }
            for id in &spec.secrets {
                if found.iter().any(|copy| copy.namespace == namespace && copy.id == *id) {
                    continue;
                }
                let known = filled.iter().find(|secret| secret.id == *id);
                let known = known.map(|secret| (secret.name.clone(), secret.keys(), secret.kind.clone(), true));
                let site = || {
                    let mut secrets = self.secrets(component);
                    let (question, _, name) = secrets.find(|(question, ..)| question.id == *id)?;
                    let kind = question.format.unwrap_or_default().kind().to_owned();
                    Some((name, question.secret_keys(), kind, false))
                };
                let Some((name, keys, kind, filled)) = known.or_else(site) else { continue };
                let (of, namespace) = ((own.clone(), name.clone()), namespace.clone());
                // Two questions may be keys of one Secret of the site.
                if let Some(same) = found.iter_mut().find(|copy| copy.namespace == namespace && copy.of == of) {
                    let more = keys.into_iter().filter(|key| !same.keys.contains(key)).collect::<Vec<_>>();
                    same.keys.extend(more);
                    continue;
                }
                found.push(ResolvedCopy { id: id.clone(), namespace, name, keys, kind, of, filled });
            }
        }
        Ok(found)
    }

    /// What makes a new content of its secrets count, by question.
    pub(super) fn rotations(
        &self,
        component: &Component,
        names: &Bound<'_>,
        context: &Value,
        fill: &impl Fn(&str) -> Result<String, TemplateError>,
    ) -> Result<BTreeMap<String, Vec<ResolvedAction>>, ResolveError> {
        let rotations = component.rotate.iter().map(|(question, specs)| {
            let mut acts = Vec::with_capacity(specs.len());
            for (index, spec) in specs.iter().enumerate() {
                let id = format!("{}/rotate-{}", component.id, index + 1);
                if spec.when.as_deref().map_or(Ok(true), |when| self.templates.holds(&id, when, context))? {
                    acts.push(ResolvedAction { register: None, ..names.action(id, spec, fill)? });
                }
            }
            Ok((question.clone(), acts))
        });
        rotations.collect()
    }
}

/// What has a Secret of its own in a component: id, and the template of the name where it has one.
pub(super) fn named(component: &Component) -> impl Iterator<Item = (&str, Option<&str>)> {
    let questions = component.questions.iter().filter(|question| question.kind == Kind::Secret);
    let questions = questions.map(|question| (question.id.as_str(), question.secret_name.as_deref()));
    questions.chain(component.secrets.iter().map(|secret| (secret.name.as_str(), secret.secret_name.as_deref())))
}

/// The name of a Secret that windlass would fill. `context` is what a template of the name sees.
pub(super) fn secret_name(
    templates: &Templates,
    component: &Component,
    release: &str,
    context: &Value,
    (id, template): (&str, Option<&str>),
) -> Result<String, ResolveError> {
    let Some(text) = template else { return Ok(format!("{release}-{}", id.replace('_', "-"))) };
    let name = templates.render(&format!("{}/component.yaml", component.id), text, context)?;
    if is_object_name(&name) {
        return Ok(name);
    }
    Err(ResolveError::SecretName { component: component.id.clone(), id: id.to_owned(), name })
}

/// Whether the API takes it as the name of a Secret.
fn is_object_name(text: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && !part.starts_with('-')
            && !part.ends_with('-')
            && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    text.len() <= 253 && text.split('.').all(part)
}
