//! Component definitions: `bundles/` and what is laid over it become a checked `Catalog`.

mod component;
mod load;
mod refs;
mod shapes;
mod source;

pub use component::{
    ActionKind, ActionSpec, Component, Endpoint, Image, ImageNames, Kind, Leftover, Question, QuestionId, ReleaseSpec,
    Text,
};
pub use load::{Catalog, implicit_questions};
pub use refs::{Reference, references};
pub use source::{CatalogError, Files, embedded, export, load, read_dir};
