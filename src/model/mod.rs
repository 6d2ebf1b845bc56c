//! Ids, versions, references, digests and what was observed: types that every layer shares. No I/O, but for how files are read.

mod backoff;
pub mod bounded;
mod causes;
mod chart;
pub mod cluster;
mod crds;
pub mod data;
pub mod fields;
mod file_source;
mod file_tree;
mod hdfs;
pub mod hdfs_health;
mod human;
mod ignored;
mod image;
pub mod images_lock;
mod images_lock_text;
pub mod ingress;
mod lang;
pub mod lock;
mod login;
mod manifest;
mod name_pattern;
mod names;
pub mod observed;
pub mod oci;
pub mod offline;
pub mod preflight;
mod progress;
mod quantity;
mod redact;
mod secret;
mod secret_version;
mod service;
pub mod site;
pub mod state;
mod value_path;
mod values;
pub mod volumes;
pub mod yaml;

pub use backoff::Backoff;
pub use causes::causes;
pub use chart::{CHART_WAYS, ChartRef, ChartSource, is_digest};
pub use crds::{CRD, crd_ref, crds, every_crd, every_template};
pub use file_source::{FileSource, GIT_TOKEN, GitSource, SOURCE_WAYS, entry_parts, entry_shown};
pub use file_tree::{FileTree, digest};
pub use hdfs::{HdfsAccess, name_problem, path_problem};
pub use human::human;
pub use ignored::{Ignored, IgnoredField, IgnoredPaths};
pub use image::{ImageName, ImageNameError};
pub use images_lock_text::LOCK_LIMIT;
pub use lang::Lang;
pub use login::Login;
pub use manifest::{Manifest, parse_manifest};
pub use name_pattern::NamePattern;
pub use names::{
    CHART_DIGEST, FILES_LABEL, PULL_SECRET, STATE_LEASE, STATE_NAMESPACE, STATE_SECRET, few, is_marked, is_selector,
    mark,
};
pub use progress::{Progress, ProgressSink, silent};
pub use quantity::{Measure, Quantity};
pub use redact::{Redactor, known, redact, remember, secret_line};
pub use secret::{AUTHORITY, GeneratedSecret, Secret, SecretFormat, SecretRef, withheld};
pub use secret_version::{
    fill_versions, keyed, next_secret, secret_version, version_mark, versions_in, versions_in_value, with_versions,
};
pub use service::{Lookup, ServiceAccess, service_place};
pub use value_path::{PathRelation, ValuePath, ValuePathError};
pub use values::ReleaseValues;
