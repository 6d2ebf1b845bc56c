//! All access to files, processes, the network and the cluster.

pub mod archive;
mod body;
pub mod bundle;
mod cache;
pub mod charts;
pub mod clock;
pub mod disk;
pub mod helm;
pub mod http;
pub mod image_build;
pub mod image_source;
pub mod kube;
pub mod layouts;
pub mod names;
pub mod process;
pub mod reach;
pub mod registry;
pub mod secrets;
pub mod sources;
pub mod state_store;
pub mod webhdfs;
pub mod whole_file;

pub use cache::user_cache;
