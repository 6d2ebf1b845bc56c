//! What windlass runs by itself, beside what components declare.

use super::gather::LockBuilder;
use crate::model::ImageName;
use crate::model::images_lock::WINDLASS;

/// Images that windlass starts and that no component has, each with what for. There are none: Jobs run images of their
/// components, and the pull test takes one of those that the platform has anyway, so that it needs nothing more at a site.
/// `tests/imports.rs` finds an image that the code names and that is not here.
const OWN: &[(&str, &str)] = &[];

impl LockBuilder {
    /// Takes in what windlass runs by itself.
    pub fn windlass(&mut self) {
        for (image, what) in OWN {
            if let Ok(name) = ImageName::parse(image) {
                self.add(&name, WINDLASS, what, None);
            }
        }
    }
}
