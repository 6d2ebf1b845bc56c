//! Actions with their templates filled in and their names bound, and whether they are valid.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::images;
use super::resolved::{ResolveError, ResolvedAction};
use super::scope::Resolver;
use super::template::TemplateError;
use crate::catalog::action::{ActionKind, ActionSpec, Names};
use crate::catalog::{Component, Reference, references};
use crate::model::{FileTree, next_secret};

/// Behind a question's id: the content that is to take the place of the secret's.
pub(super) const NEXT: &str = ".next";

/// Whether the filled-in texts are valid for the action.
fn check_action(component: &Component, spec: &ActionSpec, kind: &ActionKind) -> Result<(), ResolveError> {
    let Some(what) = kind.kind().problem() else { return Ok(()) };
    let answers = answers(spec);
    let hint = if answers.is_empty() { String::new() } else { format!("; see the answer {}", answers.join(", ")) };
    Err(ResolveError::Action { component: component.id.clone(), what: format!("{what}{hint}") })
}

/// What the names in a component's actions mean, for these answers.
pub(super) struct Bound<'a> {
    resolver: &'a Resolver<'a>,
    component: &'a Component,
    release: String,
    namespace: String,
    /// The files that were named, by digest.
    pub(super) files: RefCell<BTreeMap<String, FileTree>>,
}

impl<'a> Bound<'a> {
    pub(super) fn new(resolver: &'a Resolver<'a>, component: &'a Component) -> Self {
        let release = resolver.name(component, "release");
        let release = if release.is_empty() { component.id.clone() } else { release };
        let namespace = resolver.name(component, "namespace");
        Self { resolver, component, release, namespace, files: RefCell::default() }
    }

    /// An action with its texts filled in and its names bound.
    pub(super) fn action(
        &self,
        id: String,
        spec: &ActionSpec,
        fill: &impl Fn(&str) -> Result<String, TemplateError>,
    ) -> Result<ResolvedAction, ResolveError> {
        let mut kind = spec.kind.map(fill)?;
        check_action(self.component, spec, &kind)?;
        let title = spec.title.as_ref().map_or_else(|| kind.kind().title(), |text| text.en().to_owned());
        kind.bind(self).map_err(|what| ResolveError::Action { component: self.component.id.clone(), what })?;
        Ok(ResolvedAction {
            id,
            title,
            kind,
            // One about a component that was not chosen says nothing.
            fix: spec.fix.as_ref().and_then(|fix| fill(fix.en()).ok()),
            agree: spec.agree.clone(),
            deadline: spec.deadline,
            retries: spec.retries,
            register: spec.register.clone(),
            needs: BTreeSet::new(),
            results: BTreeSet::new(),
        })
    }
}

impl Names for Bound<'_> {
    fn release(&self) -> &str {
        &self.release
    }

    fn namespace(&self) -> &str {
        &self.namespace
    }

    fn image(&self, name: &str) -> Result<String, String> {
        let mut all = images::declared(self.resolver.answers, self.component);
        let found = all.find(|image| image.name == name).map(|image| image.reference);
        found.ok_or_else(|| {
            format!("a Job runs image `{name}`, which is not used with these answers: check `when` of the Job and of the image")
        })
    }

    fn secret(&self, question: &str) -> Result<Option<(String, String)>, String> {
        let (question, next) = question.strip_suffix(NEXT).map_or((question, false), |question| (question, true));
        let mut secrets = self.resolver.secrets(self.component);
        let found = secrets.find(|(asked, ..)| asked.id == question);
        Ok(found.map(|(asked, _, name)| {
            let key = asked.secret_keys().swap_remove(0);
            (if next { next_secret(&name) } else { name }, key)
        }))
    }

    fn files(&self, path: &str) -> Result<String, String> {
        let files = self.component.files.below(path).ok_or_else(|| format!("file or folder `{path}` not found"))?;
        let digest = files.digest();
        self.files.borrow_mut().insert(digest.clone(), files);
        Ok(digest)
    }
}

/// The answers that an action's texts name.
fn answers(spec: &ActionSpec) -> Vec<String> {
    let named = spec.kind.templates().into_iter().filter_map(|text| references(text).ok()).flatten();
    let named: BTreeSet<String> = named
        .filter_map(|name| match name {
            Reference::Answer(component, question) => Some(format!("{component}.{question}")),
            _ => None,
        })
        .collect();
    named.into_iter().collect()
}
