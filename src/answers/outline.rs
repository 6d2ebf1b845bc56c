//! The Secrets of a component while it is being answered: what a question becomes, what is made of it, and which answer is
//! to blame where nothing can be.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use minijinja::Value;
use minijinja::value::{Enumerator, Object};

use super::resolve::Draft;
use super::scope::name;
use super::secrets::{named, secret_name};
use super::template::Templates;
use crate::catalog::{Answer, Catalog, Component, Kind, Question, QuestionId, Reference, references, secrets_in};
use crate::model::yaml::{Findings, Pos};
use crate::model::{PULL_SECRET, SecretRef};

/// Which Secrets a question is about: names and keys, never content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretOutline {
    /// The Secrets that hold the answer, as `namespace/name`: several where each namespace has one.
    pub places: Vec<String>,
    /// Their keys.
    pub keys: Vec<String>,
    /// The Secrets that are made of it, as `namespace/name`, with those keys that are.
    pub made: Vec<(String, Vec<String>)>,
    /// Whether `windlass secrets rotate` gives it another content.
    pub rotates: bool,
}

/// What templates see of their component that is known only when everything is.
const LATER: [&str; 4] = ["images", "secrets", "clients", "pull_secret"];

/// A component as its templates see it early: it notes who asks for what is known later, however that is spelt.
#[derive(Debug)]
struct EarlyScope {
    known: BTreeMap<&'static str, Value>,
    asked: Arc<AtomicBool>,
}

impl Object for EarlyScope {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let key = key.as_str()?;
        if LATER.contains(&key) {
            self.asked.store(true, Ordering::Relaxed);
        }
        self.known.get(key).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        self.asked.store(true, Ordering::Relaxed);
        Enumerator::Values(self.known.keys().map(|key| Value::from(*key)).collect())
    }
}

impl Draft {
    /// The Secrets that a question is about; none where it is not for a secret, or has no answer and needs none.
    #[must_use]
    pub fn secret_outline(&self, catalog: &Catalog, id: &QuestionId) -> Option<SecretOutline> {
        let question = catalog.question(id).filter(|question| question.kind == Kind::Secret)?;
        let answer = self.answers.values.get(id).map(|(answer, _)| answer);
        let from = match answer {
            Some(Answer::Secret(from)) => Some(from),
            Some(_) => return None,
            None => None,
        };
        let Some(component) = catalog.components.get(&id.component) else {
            return self.of_platform(catalog, id, from);
        };
        let drafted = DraftComponent::new(self, component);
        let name = match from {
            Some(from @ SecretRef::Secret(name)) if from.is_in_place() => name.clone(),
            _ => drafted.name(component, &question.id)?,
        };
        let copied = |wanted: &str| drafted.namespaces(catalog, wanted);
        let place = |name: &str| format!("{}/{name}", drafted.namespace);
        let all = |wanted: &str, name: &str| -> Vec<String> {
            let copies = copied(wanted).into_iter().map(|namespace| format!("{namespace}/{name}"));
            std::iter::once(place(name)).chain(copies).collect()
        };
        let made = component.secrets.iter().filter_map(|secret| {
            let keys = secret.keys.iter().filter(|(_, text)| secrets_in(text).contains(&question.id));
            let keys: Vec<String> = keys.map(|(key, _)| key.clone()).collect();
            (!keys.is_empty()).then_some(())?;
            Some((all(&secret.name, &drafted.name(component, &secret.name)?).join(", "), keys))
        });
        Some(SecretOutline {
            places: all(&question.id, &name),
            keys: question.secret_keys(),
            made: made.collect(),
            rotates: from == Some(&SecretRef::Generate),
        })
    }

    /// The registry's credentials go into every namespace.
    fn of_platform(&self, catalog: &Catalog, id: &QuestionId, from: Option<&SecretRef>) -> Option<SecretOutline> {
        if (id.component.as_str(), id.question.as_str()) != ("platform", "pull_secret") {
            return None;
        }
        let name = match from {
            Some(from @ SecretRef::Secret(name)) if from.is_in_place() => name,
            _ => PULL_SECRET,
        };
        let components = self.answers.components.iter().filter_map(|id| catalog.components.get(id));
        let components = components.filter(|component| component.release.is_some());
        let mut places: Vec<String> = components
            .map(|component| format!("{}/{name}", super::scope::name(&self.answers, component, "namespace")))
            .collect();
        places.sort();
        places.dedup();
        let keys = vec![".dockerconfigjson".to_owned()];
        Some(SecretOutline { places, keys, made: Vec::new(), rotates: false })
    }

    /// Secrets that cannot be named or made with the answers, reported at the answer that is to blame.
    pub(super) fn made_secrets(&mut self, catalog: &Catalog, places: &BTreeMap<QuestionId, (String, Pos)>) {
        let mut found = Vec::new();
        for component in self.answers.components.iter().filter_map(|id| catalog.components.get(id)) {
            let drafted = DraftComponent::new(self, component);
            for (id, template) in named(component) {
                let Some(text) = template.filter(|text| drafted.is_known(catalog, text)) else { continue };
                if let Some(Err(error)) = drafted.known(|| drafted.named(component, (id, template)))
                    && let Some(about) = drafted.to_blame(catalog, text, &[id])
                {
                    found.push((about, error.to_string()));
                }
            }
            for secret in &component.secrets {
                let wrong = secret.keys.iter().find_map(|(key, text)| Some((key, drafted.trial(catalog, text)?)));
                if let Some((key, (about, what))) = wrong {
                    let name = drafted.name(component, &secret.name).unwrap_or_else(|| secret.name.clone());
                    found.push((about, format!("cannot fill Secret {}/{name}, key {key}: {what}", drafted.namespace)));
                }
            }
        }
        for (id, what) in found {
            // What is wrong with the answer itself is reported first.
            if self.problem(&id).is_some() {
                continue;
            }
            let (file, pos) = places.get(&id).cloned().unwrap_or_else(|| ("answers".to_owned(), Pos::default()));
            let mut findings = Findings::default();
            findings.add(&file, pos, format!("`{id}`: {what}"));
            self.problems.extend(findings.0.into_iter().map(|finding| (id.clone(), finding)));
        }
    }
}

/// A component as far as it is answered.
struct DraftComponent<'a> {
    draft: &'a Draft,
    component: &'a Component,
    release: String,
    namespace: String,
    context: Value,
    /// Whether a template asked for what is known only later.
    asked: Arc<AtomicBool>,
}

impl<'a> DraftComponent<'a> {
    fn new(draft: &'a Draft, component: &'a Component) -> Self {
        let (release, namespace) =
            (name(&draft.answers, component, "release"), name(&draft.answers, component, "namespace"));
        let asked = Arc::new(AtomicBool::new(false));
        let known = [
            ("id", Value::from(component.id.as_str())),
            ("instance", Value::from(component.instance())),
            ("release", Value::from(release.as_str())),
            ("namespace", Value::from(namespace.as_str())),
        ];
        let this = Value::from_object(EarlyScope { known: known.into(), asked: asked.clone() });
        let answers = draft.answers.known().seen_by(component.seen(|id| draft.answers.has(id)));
        let context = Value::from_pairs([("answers", answers), ("self", this)]);
        Self { draft, component, release, namespace, context, asked }
    }

    /// What templates give, unless they ask for what is known only later.
    fn known<T>(&self, fill: impl FnOnce() -> T) -> Option<T> {
        self.asked.store(false, Ordering::Relaxed);
        let filled = fill();
        (!self.asked.load(Ordering::Relaxed)).then_some(filled)
    }

    fn named(
        &self,
        component: &Component,
        named: (&str, Option<&str>),
    ) -> Result<String, super::resolved::ResolveError> {
        secret_name(&Templates::new(), component, &self.release, &self.context, named)
    }

    /// The further namespaces into which a secret is copied, as far as they are known.
    fn namespaces(&self, catalog: &Catalog, wanted: &str) -> Vec<String> {
        let specs = self.component.namespaces.iter().filter(|spec| spec.secrets.iter().any(|name| name == wanted));
        let known = specs.filter(|spec| self.is_known(catalog, &spec.name));
        let names =
            known.filter_map(|spec| self.known(|| Templates::new().render("", &spec.name, &self.context))?.ok());
        let names = names.map(|name| name.trim().to_owned());
        names.filter(|name| !name.is_empty() && *name != self.namespace).collect()
    }

    /// The name of a Secret of it, where that is known.
    fn name(&self, component: &Component, wanted: &str) -> Option<String> {
        let entry = named(component).find(|(id, _)| *id == wanted)?;
        self.known(|| self.named(component, entry))?.ok()
    }

    /// The answers that a template uses.
    fn answers(&self, text: &str) -> Vec<QuestionId> {
        let names = references(text).unwrap_or_default();
        let answers = names.into_iter().filter_map(|name| match name {
            Reference::Answer(of, question) => Some(QuestionId::new(self.component.means(&of), &question)),
            _ => None,
        });
        answers.collect()
    }

    /// Whether all that a template uses is answered well; what others export and files are is known only later.
    fn is_known(&self, catalog: &Catalog, text: &str) -> bool {
        let names = references(text).unwrap_or_default();
        let is_later = |name: &Reference| match name {
            Reference::Answer(..) => false,
            Reference::Export(..) => true,
            Reference::Name(name) => name != "secret",
        };
        let is_good = |id: &QuestionId| {
            let question = catalog.question(id);
            question.is_some_and(|question| question.kind != Kind::Files)
                && self.draft.answers.values.contains_key(id)
                && self.draft.problem(id).is_none()
        };
        !names.iter().any(is_later) && self.answers(text).iter().all(is_good)
    }

    /// What is wrong with a key's template with these answers, and which of them is to blame.
    fn trial(&self, catalog: &Catalog, text: &str) -> Option<(QuestionId, String)> {
        let secrets = || {
            let single = |question: &&Question| question.kind == Kind::Secret && question.secret_keys().len() == 1;
            self.component.questions.iter().filter(single)
        };
        let answer =
            |question: &Question| self.draft.answers.values.get(&self.own(&question.id)).map(|(answer, _)| answer);
        let used = secrets_in(text);
        let missing = secrets().any(|question| used.contains(&question.id) && answer(question).is_none());
        if missing || !self.is_known(catalog, text) {
            return None;
        }
        let templates = Templates::of_secrets(None, |_| {});
        let fill = |whole: bool| {
            let content = |question: &Question| match answer(question) {
                Some(Answer::Secret(_)) => "stand-in",
                _ if whole => "stand-in",
                _ => "",
            };
            let secrets: BTreeMap<&str, &str> =
                secrets().map(|question| (question.id.as_str(), content(question))).collect();
            let context = minijinja::context! { secret => secrets, ..self.context.clone() };
            templates.render("", text, &context)
        };
        let error = self.known(|| fill(false))?.err()?;
        let empty =
            secrets().filter(|question| used.contains(&question.id) && answer(question) == Some(&Answer::Empty));
        let empty: Vec<&str> = empty.map(|question| question.id.as_str()).collect();
        let about = match self.known(|| fill(true))? {
            // With an answer it could be.
            Ok(_) => empty.iter().map(|question| self.own(question)).find(|id| self.is_asked(id)),
            Err(_) => None,
        };
        let secrets: Vec<&str> = used.iter().map(String::as_str).collect();
        Some((about.or_else(|| self.to_blame(catalog, text, &secrets))?, error.what().to_owned()))
    }

    /// The question at which a failed template is reported: an answer of its own that it uses, another, or one of the
    /// secrets that it is about.
    fn to_blame(&self, catalog: &Catalog, text: &str, secrets: &[&str]) -> Option<QuestionId> {
        let mut answers = self.answers(text);
        // Its own first.
        answers.sort_by_key(|id| id.component != self.component.id);
        let all = answers.into_iter().chain(secrets.iter().map(|question| self.own(question)));
        let mut asked = all.filter(|id| catalog.question(id).is_some() && self.is_asked(id));
        asked.next()
    }

    fn own(&self, question: &str) -> QuestionId {
        QuestionId::new(&self.component.id, question)
    }

    fn is_asked(&self, id: &QuestionId) -> bool {
        !self.draft.unasked.contains(id)
    }
}
