//! What can go wrong, each with what was tried, where, and what a user can do.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::report::UploadReport;
use super::route::RouteError;
use super::wire::RemoteException;
use super::{ChecksumError, FileChecksum};

/// A failure of the WebHDFS driver.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A NameNode's address that is neither `host:port` nor a URL.
    #[error("not a NameNode address: {0:?}, expected host:port or http://host:port")]
    Address(String),
    /// No NameNode was named.
    #[error("no NameNode specified")]
    NoNameNode,
    /// A path HDFS would refuse.
    #[error("not an HDFS path: {path:?}: {why}")]
    Path {
        /// The path as it was given.
        path: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Hadoop answered with an exception.
    #[error(transparent)]
    Refused(Box<Refusal>),
    /// An answer that no WebHDFS gives: a proxy, another service on that port, a web page.
    #[error("failed to {what}: {node} returned {status} without WebHDFS JSON{}; check the address and that no proxy is in between", quoted(.start))]
    NotWebHdfs {
        /// What was tried, such as `create /a/b`.
        what: String,
        /// Who answered.
        node: String,
        /// The HTTP status.
        status: u16,
        /// The first line of the body, cut.
        start: String,
    },
    /// No answer, or a connection that broke.
    #[error("failed to {what}: no response from {node}; check that its pod is running and ready")]
    Unreachable {
        /// What was tried.
        what: String,
        /// Who did not answer.
        node: String,
        /// The transport's reason.
        source: reqwest::Error,
    },
    /// There is no way to the node.
    #[error("failed to {what}: no route to {node}")]
    Route {
        /// What was tried.
        what: String,
        /// Who could not be reached.
        node: String,
        /// Why.
        source: RouteError,
    },
    /// The NameNodes were not able to answer within the deadline.
    #[error("failed to {what}: timed out after {}: {states}", seconds(*.waited))]
    GaveUp {
        /// What was tried.
        what: String,
        /// How long it was tried.
        waited: Duration,
        /// What each node said last.
        states: String,
        /// The last answer.
        source: Option<Box<Error>>,
    },
    /// The file system is not operational, or has too few DataNodes.
    #[error("HDFS was not ready after {}: {state}; see the logs of its NameNode and DataNode pods", seconds(*.waited))]
    NotOperational {
        /// How long it was waited for.
        waited: Duration,
        /// What it said last.
        state: String,
    },
    /// The transfer stopped moving.
    #[error("failed to {what}: {node} accepted no data for {}", seconds(*.idle))]
    Stalled {
        /// What was tried.
        what: String,
        /// The DataNode.
        node: String,
        /// For how long nothing moved.
        idle: Duration,
    },
    /// An answer whose JSON is not what it should be.
    #[error("failed to {what}: invalid response from {node}")]
    Malformed {
        /// What was tried.
        what: String,
        /// Who answered.
        node: String,
        /// The parser's reason.
        source: serde_json::Error,
    },
    /// A checksum answer that could not be parsed.
    #[error("failed to {what}: invalid response from {node}")]
    Checksum {
        /// What was tried.
        what: String,
        /// Who answered.
        node: String,
        /// The parser's reason.
        source: ChecksumError,
    },
    /// A redirect without an address, or to none.
    #[error("failed to {what}: {node} returned no DataNode")]
    NoLocation {
        /// What was tried.
        what: String,
        /// The NameNode.
        node: String,
    },
    /// An answer longer than any sensible one.
    #[error("failed to {what}: the response of {node} exceeds {limit} bytes")]
    TooLong {
        /// What was tried.
        what: String,
        /// Who answered.
        node: String,
        /// Bytes allowed.
        limit: usize,
    },
    /// The NameNode answered false without an exception.
    #[error("failed to {what}: the NameNode returned false")]
    AnsweredFalse {
        /// What was tried.
        what: String,
    },
    /// A local file could not be read.
    #[error("failed to read {}", .path.display())]
    Local {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// What is to be uploaded is not a file.
    #[error("not a regular file: {}", .0.display())]
    NotAFile(PathBuf),
    /// A local file changed while it was read.
    #[error("{} changed while it was read; retry when nothing writes to it", .0.display())]
    LocalChanged(PathBuf),
    /// Two uploads to one path.
    #[error("two files have the same target {0}")]
    Twice(String),
    /// The destination of an upload is a folder.
    #[error("failed to upload to {0}: a folder of that name exists; remove it or choose another target")]
    IsDirectory(String),
    /// What should be a folder is a file.
    #[error("{0} is a file, not a folder; remove it or choose another path")]
    IsFile(String),
    /// What HDFS holds after an upload is not what was sent.
    #[error("upload of {path} is damaged: {found_len} bytes with {found}, sent {sent_len} bytes with {sent}")]
    Damaged {
        /// The temporary file, removed since.
        path: String,
        /// Bytes sent.
        sent_len: u64,
        /// Checksum of what was sent.
        sent: FileChecksum,
        /// Bytes HDFS holds.
        found_len: u64,
        /// Checksum HDFS gives.
        found: FileChecksum,
    },
    /// What was read back is not what was written.
    #[error("the probe file {0} read back differs from what was written")]
    ProbeDiffers(String),
    /// All tries of one file failed.
    #[error("failed to upload {path} in {tries} attempts")]
    Tries {
        /// The destination.
        path: String,
        /// How often it was tried.
        tries: u32,
        /// Why the last try failed.
        source: Box<Error>,
    },
    /// Some files were not uploaded. What was is in the report.
    #[error("failed to upload {failed} of {all} files, the first: {path}")]
    Incomplete {
        /// Files that failed or were not tried any more.
        failed: usize,
        /// Files in all.
        all: usize,
        /// The first that failed.
        path: String,
        /// What came through.
        report: Box<UploadReport>,
        /// Why the first failed.
        source: Box<Error>,
    },
    /// Stopped on request.
    #[error("stopped")]
    Cancelled,
    /// A worker thread ended in a panic, which is a defect.
    #[error("a reader thread died while reading {}", .0.display())]
    Reader(PathBuf),
}

impl Error {
    /// Whether HDFS was not there to answer (as against: it answered no). An observer reads this as "not installed or
    /// not up".
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Route { .. } | Self::NotWebHdfs { .. } => true,
            Self::GaveUp { source, .. } => source.as_ref().is_none_or(|e| e.is_unreachable()),
            _ => false,
        }
    }

    /// Whether a node was not there, or went away, so that it or another may answer soon. DataNodes report on NameNodes, too:
    /// a DataNode is a client of theirs, which finds none that is active while one takes over from the other.
    pub(super) fn is_away(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Route { .. } => true,
            Self::Refused(refusal) if refusal.node.starts_with("DataNode ") => {
                let name = refusal.exception.as_str();
                matches!(name, "StandbyException" | "RetriableException" | "SafeModeException" | "EOFException")
                    || ["Connect", "NoRouteToHost", "SocketTimeout", "UnknownHost"]
                        .iter()
                        .any(|word| name.contains(word))
                    || refusal.message.contains("Failed on local exception")
            }
            _ => false,
        }
    }

    /// Hadoop's exception, where it answered with one.
    #[must_use]
    pub fn exception(&self) -> Option<&str> {
        match self {
            Self::Refused(refusal) => Some(&refusal.exception),
            Self::GaveUp { source: Some(source), .. }
            | Self::Tries { source, .. }
            | Self::Incomplete { source, .. } => source.exception(),
            _ => None,
        }
    }

    pub(super) fn refused(what: String, node: String, status: u16, remote: &RemoteException) -> Self {
        let message = remote.first_line().to_owned();
        Self::Refused(Box::new(Refusal { what, node, status, exception: remote.exception.clone(), message }))
    }

    pub(super) fn unreachable(what: String, node: String, source: reqwest::Error) -> Self {
        // The URL is omitted: node and path are named already, and a delegation token would be in it.
        Self::Unreachable { what, node, source: source.without_url() }
    }
}

/// An exception that Hadoop answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What was tried, such as `create /a/b`.
    pub what: String,
    /// Who answered, such as `NameNode nn-0:9870`.
    pub node: String,
    /// The HTTP status: 403 for nearly everything.
    pub status: u16,
    /// The exception's simple class name.
    pub exception: String,
    /// The first line of its message.
    pub message: String,
}

impl Refusal {
    /// What a user can do about it, where that is known.
    #[must_use]
    pub fn advice(&self) -> Option<&'static str> {
        Some(match self.exception.as_str() {
            "AccessControlException" => "as the HDFS superuser, grant that user access with hdfs dfs -chown or -chmod",
            "SafeModeException" => {
                "see hdfs dfsadmin -report for missing DataNodes; where it was turned on by hand: hdfs dfsadmin -safemode leave"
            }
            "RetriableException" => "the NameNode is starting; its log shows what it is waiting for",
            "StandbyException" => "specify all NameNodes, so that the active one is among them",
            "NSQuotaExceededException" => "raise the folder's quota of names: hdfs dfsadmin -setQuota",
            "DSQuotaExceededException" => "raise the folder's quota of space: hdfs dfsadmin -setSpaceQuota",
            "FileAlreadyExistsException" | "ParentNotDirectoryException" => {
                "remove the existing file or folder, or choose another path"
            }
            _ if lacks_datanode(&self.message) => "check hdfs dfsadmin -report for a live DataNode with free space",
            _ => return None,
        })
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "failed to {}: {} returned {}", self.what, self.node, self.exception)?;
        if !self.message.is_empty() {
            write!(f, ": {}", self.message.trim_end_matches('.'))?;
        }
        if let Some(advice) = self.advice() {
            write!(f, "; {advice}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Refusal {}

/// Whether an IOException's message says that no DataNode would take a block. It has no class of its own.
pub(super) fn lacks_datanode(message: &str) -> bool {
    message.contains("Failed to find datanode") || message.contains("could only be written to 0 of")
}

fn quoted(start: &str) -> String {
    if start.is_empty() { String::new() } else { format!(" ({start:?})") }
}

/// `0.4s`, `30s`, `5m`.
pub(super) fn seconds(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 9.95 {
        format!("{seconds:.1}s")
    } else if seconds < 120.0 {
        format!("{seconds:.0}s")
    } else {
        format!("{:.0}m", seconds / 60.0)
    }
}
