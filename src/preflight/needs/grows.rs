//! Volumes that actions make larger.

use crate::answers::Resolved;
use crate::catalog::action::Grow;
use crate::model::Quantity;
use crate::model::cluster::{ManifestObject, ObjectRef};
use crate::model::volumes::claim_template;

/// The claims that a StatefulSet made from one of its templates, which are to become larger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrowNeed {
    /// The StatefulSet.
    pub set: ObjectRef,
    /// The template's name.
    pub claim: String,
    /// How large.
    pub size: Quantity,
    /// Where the StatefulSet has that size, as changes of fields name it; `None` where its chart renders no such template.
    pub path: Option<String>,
}

/// Those of a plan with these answers, whose charts rendered these objects.
pub(super) fn grows(wanted: &Resolved, objects: &[&ManifestObject]) -> Vec<GrowNeed> {
    let need = |(namespace, grow): (&str, &Grow)| {
        let set = ObjectRef::namespaced("apps/v1", "StatefulSet", namespace, &grow.name);
        let size = Quantity::parse(&grow.storage)?;
        let rendered = objects.iter().find(|object| object.object == set);
        let template = rendered.and_then(|object| claim_template(&object.body, &grow.claim));
        let path = template.map(|(at, _)| format!("spec.volumeClaimTemplates[{at}].spec.resources.requests.storage"));
        Some(GrowNeed { set, claim: grow.claim.clone(), size, path })
    };
    growing(wanted).filter_map(need).collect()
}

/// The actions that do it, each with its namespace.
pub(super) fn growing(wanted: &Resolved) -> impl Iterator<Item = (&str, &Grow)> {
    wanted.components.iter().flat_map(|component| {
        let namespace = component.namespace.as_deref().unwrap_or_default();
        component.actions().filter_map(move |action| Some((namespace, action.kind.grows()?)))
    })
}
