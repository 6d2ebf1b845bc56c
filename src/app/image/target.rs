//! Which image of which component is meant, and its Containerfile.

use super::super::exit::{Exit, Failed, OrExit as _};
use crate::catalog::{Catalog, Component, Image};
use crate::driver::image_build::{BuildError, Containerfile, Distribution};
use crate::model::FileTree;

/// What a distribution is called that has no name.
pub(super) const DIST: &str = "dist";

/// An image that a component has a Containerfile for.
pub(super) struct Buildable<'c> {
    pub(super) component: &'c Component,
    pub(super) image: &'c Image,
    /// The Containerfile, from the component's folder.
    pub(super) path: &'c str,
}

impl Buildable<'_> {
    /// What it is called: component and image.
    pub(super) fn name(&self) -> String {
        format!("{}.{}", self.component.id, self.image.name)
    }

    /// What its Containerfile is called in messages.
    pub(super) fn file(&self) -> String {
        format!("{}/{}", self.component.base, self.path)
    }

    /// The Containerfile, where it can be followed.
    pub(super) fn containerfile(&self) -> Result<Containerfile, Failed> {
        let files = self.component.files.below(self.path);
        let bytes = files.as_ref().and_then(|files| files.iter().next()).map(|(_, bytes)| bytes.to_vec());
        let bytes = bytes.ok_or_else(|| {
            Failed::text(Exit::BadInput, format!("{}: no such file in the component's folder", self.file()))
        })?;
        Containerfile::parse(&self.file(), &bytes).map_err(BuildError::from).or_exit(Exit::BadInput)
    }

    /// The files beside the Containerfile.
    pub(super) fn own(&self) -> Distribution {
        let folder = self.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let files = self.component.files.below(folder).unwrap_or_else(|| FileTree::new(Vec::new()));
        Distribution::of_files(&format!("{}/{folder}", self.component.base), &files)
    }
}

/// All images that components have Containerfiles for.
pub(super) fn all(catalog: &Catalog) -> Vec<Buildable<'_>> {
    let of = |component: &'_ Component| component.images.iter().filter(|image| image.build.is_some()).count();
    let components = catalog.components.values().filter(|component| of(component) > 0);
    let images = components.flat_map(|component| component.images.iter().map(move |image| (component, image)));
    images
        .filter_map(|(component, image)| Some(Buildable { component, image, path: image.build.as_deref()? }))
        .collect()
}

/// The one that is meant by a component, or by component and image.
pub(super) fn one<'c>(catalog: &'c Catalog, name: &str) -> Result<Buildable<'c>, Failed> {
    let mut known = all(catalog);
    let names: Vec<String> = known.iter().map(Buildable::name).collect();
    let mut found: Vec<usize> =
        (0..known.len()).filter(|at| known[*at].component.id == name || names[*at] == name).collect();
    if let ([at], None) = (found.as_slice(), found.get(1)) {
        return Ok(known.swap_remove(*at));
    }
    let list = |found: &[usize]| found.iter().map(|at| names[*at].clone()).collect::<Vec<_>>().join(", ");
    let text = match found.is_empty() {
        false => format!("`{name}` has several images with a Containerfile: choose one of {}", list(&found)),
        true => {
            found = (0..known.len()).collect();
            let what = if catalog.components.contains_key(name) {
                format!("the component `{name}` has no image with a Containerfile")
            } else {
                format!("unknown component `{name}`")
            };
            format!("{what}; available: {}", list(&found))
        }
    };
    Err(Failed::text(Exit::BadInput, text))
}
