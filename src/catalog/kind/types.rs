//! The types of question and what screens make of them.

use serde::{Deserialize, Serialize};

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $kind:ident = $name:literal),+ $(,)?) => {
        /// The type of an answer.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
        pub enum Kind {
            $( $(#[doc = $doc])+ #[serde(rename = $name)] $kind, )+
        }

        impl Kind {
            /// Their names in `component.yaml`.
            pub(in crate::catalog) const NAMES: &'static [&'static str] = &[$($name),+];
        }
    };
}

kinds! {
    /// Any text on one line.
    String = "string",
    /// A text of several lines.
    Text = "text",
    /// A whole number.
    Integer = "integer",
    /// A Kubernetes quantity, such as `512Mi`.
    Quantity = "quantity",
    /// A DNS name.
    Hostname = "hostname",
    /// A TCP port.
    Port = "port",
    /// A path in a file system or in HDFS.
    Path = "path",
    /// Where files to upload come from: a folder, an archive, or a git repository at one commit.
    Source = "source",
    /// Where a chart is: a folder, an archive, a repository or a registry.
    Chart = "chart",
    /// One of `choices`.
    Choice = "choice",
    /// `true` or `false`.
    Boolean = "boolean",
    /// Labels of nodes, such as `disk=ssd,zone=a`.
    Labels = "labels",
    /// Who may connect: namespaces and networks, such as `airflow,10.0.0.0/8`.
    Peers = "peers",
    /// A list of values.
    List = "list",
    /// Values by name.
    Map = "map",
    /// An image's digest, `sha256:` and 64 hexadecimal digits.
    Digest = "digest",
    /// A reference to a secret; the value itself is never an answer.
    Secret = "secret",
    /// A file or folder that becomes a ConfigMap.
    Files = "files",
}

/// A key of a question that only some types have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extra {
    /// `choices`.
    Choices,
    /// `min` and `max`.
    Bounds,
    /// `measures`.
    Measures,
    /// `format`, `bytes`, `names`, `key` and `secret_name`.
    Secret,
}

/// How a screen asks for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Widget {
    /// A line to type.
    Line,
    /// Several lines.
    Lines,
    /// One of a few.
    Choices,
    /// Yes or no.
    Switch,
    /// Where a secret is.
    Secret,
}
