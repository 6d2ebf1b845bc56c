//! What `images.lock` is made of: which images renderings have, which the definitions name, what a registry says of them; and
//! what follows from a lock: what differs from it, in the definitions, in an install and in running pods. No I/O but through
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
pub use find::{FoundImage, KnownRepositories, UnreadableImage, images_in};
pub use gather::LockBuilder;
pub use map::{
    Collision, ImageMap, Reason, RenderedImage, UnlockedImage, is_for, missing_platforms, unlocked_images,
    unlocked_references,
};
pub use resolve::{PlatformError, Progress, ResolveFailure, ResolveOptions, parse_platform, resolve};
pub use running::{RunningContainer, Verdict, compare_running};
pub use trials::{DEFAULT_PROFILE, Trial, UNPUBLISHED_REGISTRY, companions, trials, unpublished_layer};
pub use why::{ImageLookup, why};
