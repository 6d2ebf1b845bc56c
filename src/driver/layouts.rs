//! Images that lie on this machine: OCI layouts as folders or as tars (`oci-archive`), and what `docker save` writes.

mod archive;
mod beside;
mod docker;
mod files;
mod local;

pub use beside::LayoutsWithFallback;
pub use files::LayoutError;
pub use local::Layouts;
