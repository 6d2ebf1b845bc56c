//! Where `bundle create` takes images from. The one place that knows which sources there are.

use std::sync::Arc;

use super::super::exit::{Exit, Failed, OrExit as _};
use super::super::output::Output;
use crate::cli::LayoutArg;
use crate::driver::image_source::ImageSource;
use crate::driver::layouts::Layouts;

/// The source that the options name: layouts of this machine, or registries.
pub(super) fn source_for(
    from: Option<&str>,
    layouts: &[LayoutArg],
    output: &Output,
) -> Result<Arc<dyn ImageSource>, Failed> {
    if layouts.is_empty() {
        // The registries' client takes this place.
        let which = from.unwrap_or("the images' own registries");
        let text = format!("this build cannot fetch from {which}: give the images by --layout");
        return Err(Failed::text(Exit::BadInput, text));
    }
    if from.is_some() {
        return Err(Failed::text(Exit::BadInput, "give either --from or --layout"));
    }
    let mut found = Layouts::default();
    for layout in layouts {
        found.add(&layout.path, layout.image.as_deref()).or_exit(Exit::BadInput)?;
    }
    for note in found.notes() {
        output.remark(&format!("note: {note}"));
    }
    Ok(Arc::new(found))
}
