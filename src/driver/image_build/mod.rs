//! Images that nobody publishes, made without a container engine: one layer on a base, by a Containerfile that needs none.

mod base;
mod containerfile;
mod dist;
mod error;
mod layer;
mod made;
mod store;
mod tree;

pub use base::Base;
pub use containerfile::Containerfile;
pub use dist::Distribution;
pub use error::BuildError;
pub use layer::Layer;
pub use made::{Build, BuiltImage, LayerPlace, PlatformImage};
pub use store::{BuiltStore, ScratchFolder};
