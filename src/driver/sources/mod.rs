//! Files to upload, wherever an answer says that they are: the one way in which plans, checks and uploads open them.

mod error;
mod folder;
mod git;
mod open;
mod unpack;

pub use error::FilesError;
pub use git::{Git, GitError, GitFailure};
pub use open::{Opened, open, open_with};
pub use unpack::UnpackError;
pub(in crate::driver) use unpack::{BYTES, Entry, EntryKind, Packing, Visitor, enter, pour, walk};
