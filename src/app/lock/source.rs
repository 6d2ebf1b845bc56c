//! Where images are asked about.

use crate::app::exit::{Exit, Failed};
use crate::driver::image_source::ImageSource;

/// The source for a registry; for `None` each image's own. The one place in which a client for registries comes in.
pub(super) fn source_for(registry: Option<&str>) -> Result<Box<dyn ImageSource>, Failed> {
    let which = registry.map_or_else(|| "public registries".to_owned(), |registry| format!("the registry {registry}"));
    let text = format!(
        "this windlass cannot ask {which} yet; without --from the lock is written, and images that nobody confirmed stay unresolved"
    );
    Err(Failed::text(Exit::Unusable, text))
}
