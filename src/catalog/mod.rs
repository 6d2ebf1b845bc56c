//! Component definitions: `bundles/` and what is laid over it become a checked `Catalog`.

pub mod action;
mod check;
mod component;
mod graph;
mod load;
mod question;
mod refs;
mod shapes;
mod source;

pub use component::{Component, Connects, Endpoint, Image, ImageNames, Leftover, ReleaseSpec};
pub use graph::{Act, Graph, GraphError, Part, Phase, graph, step_id};
pub use load::{Catalog, implicit_questions};
pub use question::{Kind, Profile, Question, QuestionId, Rule, Suggest, Text};
pub use refs::{Reference, references};
pub use source::{CatalogError, Files, embedded, export, load, read_dir};
