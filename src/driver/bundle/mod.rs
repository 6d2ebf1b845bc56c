//! Offline bundles: one uncompressed tar whose root is an OCI image layout, made, read in place, checked and taken apart.

mod closure;
mod create;
mod error;
mod extract;
mod find;
mod folder;
pub mod format;
mod journal;
mod origin;
mod parts;
mod plan;
mod read;
mod sbom;
mod serve;
pub mod sign;
mod source;
mod split;
mod store;
mod stream;
mod union;
mod verify;

pub use create::{CreateProgress, Created, Target, create};
pub use error::{BlobProblem, BundleError, CreateError, EntryProblem, SignError};
pub use extract::{copy, extract};
pub use find::{Found, find};
pub use parts::Parts;
pub use plan::{Base, BundlePlan, BundleRequest, ProgramRequest, Space, plan};
pub use read::{Bundle, lock_of};
pub use sbom::{Sbom, SbomKind, sboms};
pub use serve::{ServeError, Server};
pub use split::{SPLITS, join, parse_split, split};
pub use store::BundleStore;
pub use stream::{Checked, RangeReader};
pub use union::Union;
pub use verify::{Verified, verify, verify_while};
