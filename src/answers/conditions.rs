//! What depends on answers: whether conditions hold, and which requirements count.

use std::borrow::Cow;
use std::collections::BTreeSet;

use minijinja::Value;

use super::answered::Answers;
use super::template::{Known, Templates};
use crate::catalog::{Catalog, TemplateNames};

/// Conditions over answers as they are.
pub(super) struct Conditions {
    templates: Templates,
    known: Known,
}

impl Conditions {
    pub(super) fn new(answers: &Answers) -> Self {
        Self { templates: Templates::new(), known: answers.known() }
    }

    /// Whether one holds, with what its component sees; `None` where that is not known, as for one that names an answer
    /// that is missing.
    pub(super) fn hold(&self, component: &str, seen: TemplateNames, when: &str) -> Option<bool> {
        let context = Value::from_pairs([("answers", self.known.seen_by(seen))]);
        self.templates.holds(component, when, &context).ok()
    }
}

/// A requirement: the component that has it, and its place in the list.
pub(super) type Place = (String, usize);

/// How many requirements have a condition.
pub(super) fn count(catalog: &Catalog) -> usize {
    catalog.components.values().flat_map(|component| &component.requires).filter(|it| it.when.is_some()).count()
}

/// The requirements whose condition holds with these answers. One that names an answer that is missing does not.
pub(super) fn holding(catalog: &Catalog, answers: &Answers) -> BTreeSet<Place> {
    let mut found = BTreeSet::new();
    if count(catalog) == 0 {
        return found;
    }
    let conditions = Conditions::new(answers);
    for component in answers.components.iter().filter_map(|id| catalog.components.get(id)) {
        for (at, required) in component.requires.iter().enumerate() {
            let Some(when) = &required.when else { continue };
            if conditions.hold(&component.id, answers.seen(catalog, &component.id), when) == Some(true) {
                found.insert((component.id.clone(), at));
            }
        }
    }
    found
}

/// The same catalog in which these requirements count.
pub(super) fn with<'a>(mut catalog: Cow<'a, Catalog>, on: &BTreeSet<Place>) -> Cow<'a, Catalog> {
    for (id, at) in on {
        let component = catalog.to_mut().components.get_mut(id);
        let required = component.and_then(|component| component.requires.get_mut(*at));
        required.into_iter().for_each(|required| required.off = false);
    }
    catalog
}
