//! YAML with positions. A text is read into a tree that knows line and column, checked against a shape so that every
//! mistake is found at once, and only then turned into types. serde_yaml is named in this module and nowhere else.

mod finding;
mod helm;
mod pos;
mod shape;
mod tree;
mod typed;

pub use finding::{Finding, Findings};
pub use helm::{HelmDocument, HelmYamlError, helm_documents, helm_value, helm_values, lay_over};
pub use pos::Pos;
pub use shape::{Field, Shape, check};
pub use tree::{Node, Scalar, Yaml, parse};
pub use typed::{TypeError, documents, from_str, to_string};
