//! Questions to answers: layers, validation, what is missing, and the catalog with every template filled in.

mod layer;
mod resolve;
mod resolved;
mod template;
#[cfg(test)]
mod tests;
mod value;

pub use layer::{AnswersFile, Layer, LayerKind, Raw, from_environment, from_flags, parse_file};
pub use resolve::{Answers, AnswersError, Missing, recorded};
pub use resolved::{
    ResolveError, Resolved, ResolvedAction, ResolvedComponent, ResolvedEndpoint, ResolvedRelease, ResolvedSecret,
    resolve,
};
pub use template::{TemplateError, render_results};
pub use value::Answer;
