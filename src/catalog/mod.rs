//! Component definitions: `bundles/` and what is laid over it become a checked `Catalog`.

pub mod action;
mod archive;
mod chart;
mod check;
mod component;
mod components;
mod graph;
mod identifier;
mod instance;
mod kind;
mod load;
mod order;
mod provide;
mod question;
mod refs;
mod secrets;
mod shapes;
mod source;
#[cfg(test)]
mod tests;

pub use archive::{ArchiveError, unpack};
pub use chart::{ChartError, chart_identity, with_dependencies};
pub use component::{
    AdoptVerdict, Adopts, ChartSpec, Component, Connects, DerivedSecret, Endpoint, EndpointLogin, Ignore, Image,
    ImageNames, Leftover, Paths, ReleaseSpec, Requirement, WaitPhase,
};
pub use components::{Catalog, Files, implicit_questions};
pub use graph::{Act, Graph, GraphError, Part, Phase, graph, step_id};
pub use instance::{TemplateNames, instance_of};
pub use kind::{Answer, BUNDLED, Kind, Peer, Widget, from_node, from_text, peer, ways};
pub use provide::{WEBHDFS, definition};
pub use question::{Profile, Question, QuestionId, Rule, Suggest, Text};
pub use refs::{
    CHART_VALUES, INSTALLED, Reference, answering, code_lines, is_about_installed, members, references, secrets_in,
};
pub use source::{CatalogError, embedded, export, load, read_dir};
