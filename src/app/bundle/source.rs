//! Where `bundle create` takes images from. The one place that knows which sources there are.

use std::sync::Arc;

use super::super::exit::{Exit, Failed, OrExit as _};
use super::super::output::Output;
use super::super::registries::{asked, mirror};
use crate::cli::CreateArgs;
use crate::driver::image_source::ImageSource;
use crate::driver::layouts::Layouts;
use crate::model::images_lock::ImagesLock;

/// The source that the options name: layouts of this machine, or registries.
pub(super) fn source_for(
    args: &CreateArgs,
    lock: &ImagesLock,
    output: &Output,
) -> Result<Arc<dyn ImageSource>, Failed> {
    let from = mirror(args.from.as_deref())?;
    if args.layout.is_empty() {
        let source = asked(&args.reach, from.as_deref(), lock, output)?;
        return Ok(match &from {
            Some(from) => Arc::new(source.mirrored(from)),
            None => Arc::new(source),
        });
    }
    if args.from.is_some() {
        return Err(Failed::text(Exit::BadInput, "give either --from or --layout"));
    }
    let mut found = Layouts::default();
    for layout in &args.layout {
        found.add(&layout.path, layout.image.as_deref()).or_exit(Exit::BadInput)?;
    }
    for note in found.notes() {
        output.remark(&format!("note: {note}"));
    }
    Ok(Arc::new(found))
}
