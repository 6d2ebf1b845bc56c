//! Images pushed from an offline bundle, or anything else that holds their blobs.

mod attach;
mod error;
mod held;
mod image;
mod journal;
mod names;
mod plan;
mod preflight;
mod progress;
mod quota;
mod receipt;
mod run;
mod session;
mod sizing;
mod upload;

pub use error::{PlanError, PushError};
pub use held::LockedPushJournal;
pub use image::{BlobStore, ImageRequest, PushImage, PushManifest};
pub use journal::Journal;
pub use names::{NameError, Target, TargetName};
pub use plan::{BlobAction, BlobStep, ManifestStep, Presence, PushPlan, TagAction, TagConflict, TagStep, plan};
pub use preflight::PushProblem;
pub use progress::{PartialUpload, PushProgress, PushSnapshot};
pub use receipt::{RECEIPT_SCHEMA, Receipt, ReceiptImage};
pub use run::Push;
