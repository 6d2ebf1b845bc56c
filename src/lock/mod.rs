//! What `images.lock` is made of: which images renderings have, which the definitions name, what a registry says of them; and
//! what follows from a lock: what differs from it, and what an install or a running pod has beside it. No I/O but through
//! [`ImageSource`](crate::driver::image_source::ImageSource), which is handed in.

mod compare;
mod embedded;
mod find;
mod gather;
mod map;
mod own;
mod resolve;
mod running;
mod texts;
mod trials;
mod why;

pub use compare::{Change, Difference, differences};
pub use embedded::{EMBEDDED_NAME, embedded};
pub use find::{Found, Known, Unfound, images_in};
pub use gather::Gathered;
pub use map::{
    Collision, ImageMap, Outside, Reason, RenderedImage, is_for, missing_platforms, outside, outside_references,
};
pub use resolve::{PlatformError, Progress, ResolveFailure, Wanted, parse_platform, resolve};
pub use running::{Running, Verdict, compare_running};
pub use trials::{DEFAULT_PROFILE, Trial, UNPUBLISHED_REGISTRY, companions, trials, unpublished_layer};
pub use why::{Why, why};
