//! Where images are asked about.

use std::collections::BTreeSet;

use crate::app::exit::Failed;
use crate::app::output::Output;
use crate::app::registries::{hosts, registries};
use crate::cli::RegistryArgs;
use crate::driver::image_source::ImageSource;
use crate::driver::registry::RegistrySource;
use crate::model::images_lock::ImagesLock;

/// The source for names of a registry; for `None` each image's own is asked.
pub(super) fn source_for(
    reach: &RegistryArgs,
    from: Option<&str>,
    lock: &ImagesLock,
    output: &Output,
) -> Result<Box<dyn ImageSource>, Failed> {
    let asked: BTreeSet<String> = hosts(from, lock.images.keys());
    Ok(Box::new(RegistrySource::new(registries(reach, &asked, output)?)))
}
