//! Images that lie on this machine: OCI layouts as folders or as tars (`oci-archive`), and what `docker save` writes.

mod archive;
mod docker;
mod fallback;
mod files;
mod local;

pub use fallback::LayoutsWithFallback;
pub use files::LayoutError;
pub use local::Layouts;
