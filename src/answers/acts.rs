//! Whether an action can be what its texts make of it.

use std::collections::BTreeSet;

use super::resolved::ResolveError;
use crate::catalog::action::{ActionKind, ActionSpec};
use crate::catalog::{Component, Reference, references};

/// Whether the texts that were filled in can be what the action wants.
pub(super) fn check_action(component: &Component, spec: &ActionSpec, kind: &ActionKind) -> Result<(), ResolveError> {
    let Some(what) = kind.kind().problem() else { return Ok(()) };
    let answers = answers(spec);
    let hint = if answers.is_empty() { String::new() } else { format!("; see the answer {}", answers.join(", ")) };
    Err(ResolveError::Action { component: component.id.clone(), what: format!("{what}{hint}") })
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
