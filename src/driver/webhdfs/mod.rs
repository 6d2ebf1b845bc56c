//! HDFS through WebHDFS: folders, modes, uploads that are verified before they are seen, and how to reach it all.

mod checksum;

pub use checksum::{ChecksumError, CrcKind, FileChecksum, Hasher, Layout};
