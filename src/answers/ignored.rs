//! Fields of a chart's objects that others set: which objects are meant, by the answers.

use minijinja::Value;

use super::scope::{Resolver, known};
use super::template::{TemplateError, Templates, value};
use crate::catalog::Component;
use crate::model::cluster::ReleaseKey;
use crate::model::{Ignored, IgnoredField};

impl Resolver<'_> {
    /// What is not compared in the objects of a component's release.
    pub(super) fn ignored(&self, component: &Component) -> Result<Ignored, TemplateError> {
        let key = ReleaseKey::new(&self.name(component, "namespace"), &self.name(component, "release"));
        fields(&self.templates, component, &key, self.answers_value.seen_by(self.seen(component)))
    }
}

/// The same of a release that is installed, from the answers that are remembered; `used` are the components that it was
/// installed with. An entry that cannot be filled in with them means nothing: a difference is reported.
#[must_use]
pub fn ignored_as_installed(
    component: &Component,
    used: impl Fn(&str) -> bool,
    release: &ReleaseKey,
    answers: &serde_json::Value,
) -> Ignored {
    let (templates, known) = (Templates::new(), known(answers));
    let seen = component.seen(used);
    let each = component.ignore.iter().map(|ignore| {
        let one = Component { ignore: vec![ignore.clone()], ..component.clone() };
        fields(&templates, &one, release, known.seen_by(seen.clone()))
    });
    Ignored(each.filter_map(Result::ok).flat_map(|one| one.0).collect())
}

fn fields(
    templates: &Templates,
    component: &Component,
    release: &ReleaseKey,
    answers: Value,
) -> Result<Ignored, TemplateError> {
    let this = value(&serde_json::json!({
        "id": component.id, "instance": component.instance(), "release": release.name, "namespace": release.namespace,
    }));
    let context = Value::from_pairs([("answers".to_owned(), answers), ("self".to_owned(), this)]);
    let place = format!("{}/component.yaml", component.base);
    let fields = component.ignore.iter().map(|ignore| {
        let name = ignore.name.as_deref().map(|text| templates.render(&place, text, &context)).transpose();
        let name = name.map_err(|error| error.at_line(ignore.pos.line))?;
        let (kind, path) = (ignore.kind.clone(), ignore.path.clone());
        Ok(IgnoredField { kind, name: name.map(|name| name.trim().to_owned()), path })
    });
    fields.collect::<Result<_, _>>().map(Ignored)
}
