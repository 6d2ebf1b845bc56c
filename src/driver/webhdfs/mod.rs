//! HDFS through WebHDFS: folders, modes, uploads that are verified before they are seen, and how to reach it all.

mod checksum;
mod client;
mod error;
mod folders;
mod health;
mod jmx;
mod path;
mod report;
mod route;
mod temp;
mod upload;
mod wire;

pub use checksum::{ChecksumError, CrcKind, FileChecksum, Hasher, Layout};
pub use client::{Hdfs, HdfsConfig};
pub use error::{Error, Refusal};
pub use folders::EnsureOutcome;
pub use health::SystemState;
pub use report::{FileReport, Outcome, UploadReport};
pub use route::{Auto, BoxError, Direct, Route, RouteError, Sockets, Tunnel, choose_route};
pub use upload::{Compared, Comparison, Difference, Upload, UploadOptions};
pub use wire::FileStatus;
