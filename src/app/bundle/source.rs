//! Where `bundle create` takes images from. The one place that knows which sources there are.

use std::path::Path;
use std::sync::Arc;

use super::super::exit::{Exit, Failed, OrExit as _};
use super::super::output::Output;
use super::super::registries::{asked, mirror};
use super::super::trust::reading;
use crate::cli::{CreateArgs, LayoutArg};
use crate::driver::bundle::lock_of;
use crate::driver::image_source::ImageSource;
use crate::driver::layouts::{Layouts, LayoutsWithFallback};
use crate::lock::{EMBEDDED_NAME, embedded};
use crate::model::images_lock::{ImagesLock, LOCK_FILE};

/// The source that the options name: layouts of this machine, registries, or layouts and for all else registries.
pub(super) fn source_for(
    args: &CreateArgs,
    lock: &ImagesLock,
    output: &Output,
) -> Result<Arc<dyn ImageSource>, Failed> {
    let from = mirror(args.from.as_deref())?;
    let layouts = layouts(&args.layout, output)?;
    if args.from.is_none() && !args.layout.is_empty() {
        return Ok(Arc::new(layouts));
    }
    let source = asked(&args.reach, from.as_deref(), lock, output)?;
    let source = match &from {
        Some(from) => source.mirrored(from),
        None => source,
    };
    Ok(match args.layout.is_empty() {
        true => Arc::new(source),
        false => Arc::new(LayoutsWithFallback::new(layouts, source)),
    })
}

/// What lies on this machine.
pub(in crate::app) fn layouts(args: &[LayoutArg], output: &Output) -> Result<Layouts, Failed> {
    let mut found = Layouts::default();
    for layout in args {
        found.add(&layout.path, layout.image.as_deref()).or_exit(Exit::BadInput)?;
    }
    for note in found.notes() {
        output.remark(&format!("note: {note}"));
    }
    Ok(found)
}

/// The lock whose images are taken: this one, else `./images.lock`, else the one in the binary.
pub(in crate::app) fn the_lock(given: Option<&Path>, output: &Output) -> Result<ImagesLock, Failed> {
    let here = Path::new(LOCK_FILE);
    let path = given.or_else(|| here.exists().then_some(here));
    let Some(path) = path else {
        output.remark(&format!("using the images of {EMBEDDED_NAME}"));
        return embedded().or_exit(Exit::Unexpected);
    };
    if given.is_none() {
        output.remark(&format!("using the images of ./{LOCK_FILE}"));
    }
    Ok(lock_of(path).map_err(reading)?.0)
}
