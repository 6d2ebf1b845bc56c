//! Questions to answers: layers, validation, what is missing, and the catalog with every template filled in.

mod acts;
mod answered;
#[cfg(test)]
mod conditional_tests;
mod conditions;
mod defaults;
mod derived;
mod file;
mod filters;
mod given;
mod hdfs;
mod ignored;
mod images;
mod installed;
mod layer;
mod local_files;
mod logins;
mod outline;
#[cfg(test)]
mod requires_tests;
mod resolve;
mod resolved;
mod resolver;
mod schema;
mod scope;
mod secrets;
mod template;
#[cfg(test)]
mod tests;

pub use crate::catalog::Answer;
pub use answered::Answers;
pub use derived::{Derived, DerivedSecretError};
pub use file::{FileError, example, recorded};
pub use given::AnswerSources;
pub use hdfs::hdfs_as_installed;
pub use ignored::ignored_as_installed;
pub use images::image_references;
pub use layer::{
    AnswersFile, Layer, LayerKind, Raw, from_environment, from_flags, from_profile, parse_file, scan_file,
};
pub use local_files::{files_prefix, question_files};
pub use logins::logins_as_installed;
pub use outline::SecretOutline;
pub use resolve::{AnswersError, Draft, Missing};
pub use resolved::{
    Charts, DeclaredImage, OpenComponent, ResolveError, Resolved, ResolvedAction, ResolvedComponent, ResolvedCopy,
    ResolvedEndpoint, ResolvedFiles, ResolvedRelease, ResolvedSecret, SecretContent, SecretVersions, SkippedAction,
};
pub use resolver::{resolve, resolve_with};
pub use schema::schema;
pub use template::{TemplateError, render_results, unknown_in};
