//! An image that was made, as an offline bundle of just that.

use std::collections::BTreeSet;
use std::path::Path;

use super::super::bundle::progress::Progress;
use super::super::exit::{Exit, Failed};
use super::super::lock::unresolved;
use super::super::output::Output;
use super::super::trust::writing;
use super::base::Origin;
use super::target::Buildable;
use crate::cli::BuildArgs;
use crate::driver::bundle::{BundleRequest, CreateError, Target, create, plan};
use crate::driver::image_build::BuiltImage;
use crate::lock::{self, ResolveOptions};
use crate::model::images_lock::{ImageUse, ImagesLock, LockedImage};

/// Where it goes. It has to have a name, which is what it is found by, and nothing may be there.
pub(super) fn check(path: &Path, names: &[String]) -> Result<(), Failed> {
    if names.is_empty() {
        let text = "--to bundle:FILE requires the image's name: add --tag harbor.site/platform/name:1.0";
        return Err(Failed::text(Exit::BadInput, text));
    }
    match path.exists() {
        true => Err(writing(CreateError::Exists(path.to_owned()), true)),
        false => Ok(()),
    }
}

/// Writes it: a lock with this image under its names, and neither charts, files nor programs.
pub(super) async fn bundle(
    args: &BuildArgs,
    path: &Path,
    names: &[String],
    buildable: &Buildable<'_>,
    origin: &Origin,
    made: &BuiltImage,
    output: &Output,
) -> Result<(), Failed> {
    let component = buildable.component.id.clone();
    let used = ImageUse {
        component: component.clone(),
        at: format!("images.{}", buildable.image.name),
        profiles: BTreeSet::new(),
    };
    let mut named = ImagesLock::default();
    for name in names {
        named.images.insert(name.clone(), LockedImage { resolved: None, used_by: [used.clone()].into() });
    }
    let store = made.store(origin.source.as_ref());
    let wanted = ResolveOptions { from: None, platforms: &[], without_attached: true };
    let lock = lock::resolve(&named, &store, wanted, &|_, _| {}).await.map_err(unresolved)?;
    let request = BundleRequest {
        lock,
        windlass: env!("CARGO_PKG_VERSION").to_owned(),
        platforms: args.platform.iter().cloned().collect(),
        components: [component].into(),
        charts: Default::default(),
        files: Default::default(),
        programs: Default::default(),
        base: None,
        signer: None,
    };
    let plan = plan(&store, request).await.map_err(|error| writing(error, true))?;
    let target = Target { path: path.to_owned(), split: None, restart: false };
    let progress = Progress::new(output, "writing", plan.blobs);
    let report = |done, resumed| progress.set(done, resumed);
    create(&store, &plan, &target, &report).await.map(drop).map_err(|error| writing(error, false))
}
