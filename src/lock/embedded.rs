//! The lock of the definitions inside the binary.

use crate::model::images_lock::ImagesLock;
use crate::model::yaml::Findings;

/// What it is called in messages.
pub const EMBEDDED_NAME: &str = "images.lock (built in)";

const TEXT: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/images.lock"));

/// The lock that was made with this windlass.
///
/// # Errors
/// It has mistakes, which a test rules out.
pub fn embedded() -> Result<ImagesLock, Findings> {
    ImagesLock::parse(EMBEDDED_NAME, TEXT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog;

    #[test]
    fn it_is_written_as_windlass_writes_it() {
        let lock = embedded().unwrap();
        assert_eq!(lock.to_text().unwrap(), TEXT, "written by hand: run `windlass lock`");
        assert!(lock.bundle.is_none());
    }

    /// What needs no Helm: `tests/lock.rs` compares all of it.
    #[test]
    fn every_image_that_a_definition_names_is_in_it() {
        let lock = embedded().unwrap();
        let catalog = catalog::load(&[]).unwrap();
        for component in catalog.components.values() {
            for image in &component.images {
                match image.split() {
                    Some(name) => {
                        let used =
                            &lock.images.get(&name.whole()).unwrap_or_else(|| panic!("{name} is missing")).used_by;
                        assert!(used.iter().any(|one| one.component == component.id), "{name}");
                    }
                    None => {
                        let name = format!("{}.{}", component.id, image.name);
                        assert_eq!(
                            lock.unpublished.get(&name),
                            Some(&image.build.clone().unwrap_or_default()),
                            "{name}"
                        );
                    }
                }
            }
        }
    }
}
