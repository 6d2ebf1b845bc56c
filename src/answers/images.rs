//! The images of components: which are used, as they are pulled, and where the values have them.

use std::cell::LazyCell;
use std::collections::{BTreeMap, BTreeSet};

use super::conditions::Conditions;
use super::scope::name;
use super::{Answers, DeclaredImage, ResolveError, ResolvedComponent};
use crate::catalog::{Catalog, Component, Image, Paths, QuestionId};
use crate::model::ImageName;

/// An image as it is pulled, in parts.
struct Pulled {
    /// Registry and path.
    repository: String,
    registry: String,
    /// The path, without the registry.
    path: String,
    tag: String,
    digest: String,
    /// All of it.
    reference: String,
}

impl Pulled {
    fn of(answers: &Answers, component: &Component, image: &Image) -> Self {
        let names = component.image_names(image);
        let published = image.split();
        let mut repository = name(answers, component, &names.repository);
        // A repository that the user named is taken as it is; the published one moves to the site's registry. Where
        // the answer came from does not count: recorded answers name it as well.
        if let Some(registry) = answers.get("platform", "registry").text()
            && let Some(published) = published.as_ref().filter(|published| published.repository() == repository)
        {
            repository = published.moved(registry);
        }
        let tag = name(answers, component, &names.tag);
        let mut digest = name(answers, component, &names.digest);
        // The digest that was published with a tag is that of no other.
        if published.is_some_and(|published| {
            published.digest.as_ref() == Some(&digest) && published.tag.unwrap_or_default() != tag
        }) {
            digest.clear();
        }
        let (registry, path) = match ImageName::parse(&repository) {
            Ok(name) if name.tag.is_none() => (name.registry().to_owned(), name.path()),
            _ => (String::new(), repository.clone()),
        };
        let [after_colon, after_at] = [(":", &tag), ("@", &digest)].map(|(sign, part)| match part.is_empty() {
            true => String::new(),
            false => format!("{sign}{part}"),
        });
        let reference = format!("{repository}{after_colon}{after_at}");
        Self { repository, registry, path, tag, digest, reference }
    }

    /// The path without its last part, and that part.
    fn split_path(&self) -> (&str, &str) {
        self.path.rsplit_once('/').unwrap_or(("", &self.path))
    }
}

/// The images that a component runs with these answers. One whose condition is not known is among them, as its
/// questions are asked.
fn used<'c>(answers: &Answers, component: &'c Component) -> Vec<&'c Image> {
    let conditions = LazyCell::new(|| Conditions::new(answers));
    let seen = || component.seen(|id| answers.has(id));
    let is_used = |when: &String| conditions.hold(&component.id, seen(), when) != Some(false);
    component.images.iter().filter(|image| image.when.as_ref().is_none_or(is_used)).collect()
}

/// For templates: each image by its name, in parts; those that are not used, too, so that no template has to ask.
pub(super) fn for_templates(
    answers: &Answers,
    component: &Component,
) -> BTreeMap<String, BTreeMap<&'static str, String>> {
    let images = component.images.iter().map(|image| {
        let pulled = Pulled::of(answers, component, image);
        let basename = pulled.split_path().1.to_owned();
        let parts = [
            ("ref", pulled.reference),
            ("repository", pulled.repository),
            ("registry", pulled.registry),
            ("path", pulled.path),
            ("basename", basename),
            ("tag", pulled.tag),
            ("digest", pulled.digest),
        ];
        (image.name.clone(), parts.into())
    });
    images.collect()
}

/// The images that a component declares and uses.
pub(super) fn declared(answers: &Answers, component: &Component) -> impl Iterator<Item = DeclaredImage> {
    used(answers, component).into_iter().map(|image| DeclaredImage {
        component: component.id.clone(),
        name: image.name.clone(),
        reference: Pulled::of(answers, component, image).reference,
        published: image.split(),
    })
}

/// The images that the chosen components use, as they would be pulled; each once.
#[must_use]
pub fn image_references(catalog: &Catalog, answers: &Answers) -> Vec<String> {
    let catalog = &*answers.catalog(catalog);
    let chosen = answers.components.iter().filter_map(|id| catalog.components.get(id));
    let all: BTreeSet<String> =
        chosen.flat_map(|component| declared(answers, component)).map(|image| image.reference).collect();
    all.into_iter().collect()
}

/// Puts the images where the chart has them; those that are not used nowhere, as the template may lack their places, too.
///
/// # Errors
/// A list of the values lacks the element that a path names.
pub(super) fn write(
    answers: &Answers,
    component: &Component,
    values: &mut serde_json::Value,
) -> Result<(), ResolveError> {
    for image in used(answers, component) {
        let pulled = Pulled::of(answers, component, image);
        let (folder, basename) = pulled.split_path();
        let apart = !image.registry.0.is_empty();
        let registry = match image.split().and_then(|published| {
            let kept = format!("/{}", published.path());
            pulled.repository.strip_suffix(&kept).map(str::to_owned)
        }) {
            // The chart keeps the path to itself: all that stands before it is the registry.
            Some(before) if image.repository.0.is_empty() && image.basename.0.is_empty() => before,
            _ => pulled.registry.clone(),
        };
        let repository = match (image.basename.0.is_empty(), apart) {
            (true, true) => pulled.path.clone(),
            (true, false) => pulled.repository.clone(),
            (false, true) => folder.to_owned(),
            (false, false) => format!("{}/{folder}", pulled.registry).trim_matches('/').to_owned(),
        };
        for (paths, text) in [
            (&image.registry, &registry),
            (&image.repository, &repository),
            (&image.basename, &basename.to_owned()),
            (&image.tag, &pulled.tag),
            (&image.digest, &pulled.digest),
            (&image.whole, &pulled.reference),
        ] {
            for path in &paths.0 {
                path.set(values, text).map_err(|at| ResolveError::ImagePlace {
                    component: component.id.clone(),
                    image: image.name.clone(),
                    path: path.to_string(),
                    at,
                })?;
            }
        }
    }
    Ok(())
}

/// Images that could have a digest and have none, by an answer or in a values file.
pub(super) fn unpinned(
    catalog: &Catalog,
    answers: &Answers,
    components: &[ResolvedComponent],
) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for resolved in components {
        let (Some(component), Some(release)) = (catalog.components.get(&resolved.id), &resolved.release) else {
            continue;
        };
        for image in used(answers, component).into_iter().filter(|image| image.takes_digest()) {
            let texts = |paths: &Paths| -> Vec<String> {
                let found = paths.0.iter().flat_map(|path| path.get(&release.values));
                found.filter_map(|value| value.as_str().map(str::to_owned)).collect()
            };
            let pulled = Pulled::of(answers, component, image);
            let in_values = texts(&image.digest).iter().any(|text| !text.is_empty())
                || texts(&image.whole).iter().any(|text| text.contains('@'));
            let unseen = image.places().next().is_none() && !pulled.digest.is_empty();
            if !in_values && !unseen {
                let question = QuestionId::new(&component.id, &component.image_names(image).digest);
                found.push((question.to_string(), pulled.reference));
            }
        }
    }
    found
}
