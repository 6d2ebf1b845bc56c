//! WebHDFS's JSON.

use serde::Deserialize;

/// What HDFS says of a file or folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileStatus {
    /// The name inside its folder; empty where the file itself was asked for.
    pub name: String,
    /// Whether it is a folder.
    pub is_dir: bool,
    /// Bytes; 0 for a folder.
    pub len: u64,
    /// Permission bits with the sticky bit, such as `0o1777`.
    pub mode: u16,
    /// The owner's name.
    pub owner: String,
    /// The group's name.
    pub group: String,
    /// Bytes per block of this file; 0 for a folder.
    pub block_size: u64,
    /// Copies of each block; 0 for a folder.
    pub replication: u16,
    /// When it was last modified, in milliseconds since 1970 by the NameNode's clock.
    pub modified_ms: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireStatus {
    path_suffix: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    length: u64,
    permission: String,
    #[serde(default)]
    owner: String,
    #[serde(default)]
    group: String,
    #[serde(default)]
    block_size: u64,
    #[serde(default)]
    replication: u16,
    #[serde(default)]
    modification_time: u64,
}

impl From<WireStatus> for FileStatus {
    fn from(wire: WireStatus) -> Self {
        Self {
            name: wire.path_suffix,
            is_dir: wire.kind == "DIRECTORY",
            len: wire.length,
            // Octal without a leading zero; one that is not would be a NameNode gone mad, and 0 never equals a wanted mode.
            mode: u16::from_str_radix(&wire.permission, 8).unwrap_or(0),
            owner: wire.owner,
            group: wire.group,
            block_size: wire.block_size,
            replication: wire.replication,
            modified_ms: wire.modification_time,
        }
    }
}

#[derive(Deserialize)]
pub(super) struct StatusAnswer {
    #[serde(rename = "FileStatus")]
    pub(super) status: WireStatus,
}

#[derive(Deserialize)]
pub(super) struct ListAnswer {
    #[serde(rename = "FileStatuses")]
    pub(super) statuses: Statuses,
}

#[derive(Deserialize)]
pub(super) struct Statuses {
    #[serde(rename = "FileStatus")]
    pub(super) list: Vec<WireStatus>,
}

#[derive(Deserialize)]
pub(super) struct PageAnswer {
    #[serde(rename = "DirectoryListing")]
    pub(super) listing: Page,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page {
    pub(super) partial_listing: ListAnswer,
    pub(super) remaining_entries: u64,
}

#[derive(Deserialize)]
pub(super) struct BooleanAnswer {
    pub(super) boolean: bool,
}

#[derive(Deserialize)]
pub(super) struct LocationAnswer {
    #[serde(rename = "Location")]
    pub(super) location: String,
}

#[derive(Deserialize)]
pub(super) struct DefaultsAnswer {
    #[serde(rename = "FsServerDefaults")]
    pub(super) defaults: Defaults,
}

/// What files get whose writer says nothing else.
#[derive(Deserialize)]
pub(super) struct Defaults {
    pub(super) replication: u64,
}

/// An error as Hadoop sends it. The HTTP status says little: every IOException is a 403.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct RemoteException {
    pub(super) exception: String,
    #[serde(default)]
    message: Option<String>,
}

impl RemoteException {
    /// Reads an error body, if it is one.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Answer {
            #[serde(rename = "RemoteException")]
            remote: RemoteException,
        }
        serde_json::from_slice::<Answer>(body).ok().map(|answer| answer.remote)
    }

    /// The message without the stack trace that a DataNode appends after the first line.
    pub(super) fn first_line(&self) -> &str {
        self.message.as_deref().unwrap_or_default().lines().next().unwrap_or_default().trim()
    }
}

/// `/jmx?qry=…`: beans with whatever each holds.
#[derive(Deserialize)]
pub(super) struct JmxAnswer {
    #[serde(default)]
    pub(super) beans: Vec<Bean>,
}

#[derive(Deserialize)]
pub(super) struct Bean {
    #[serde(rename = "FSState")]
    pub(super) fs_state: Option<String>,
    #[serde(rename = "NumLiveDataNodes")]
    pub(super) live_datanodes: Option<u32>,
    #[serde(rename = "State")]
    pub(super) state: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_keeps_the_sticky_bit() {
        let body = br#"{"FileStatus":{"accessTime":0,"blockSize":0,"childrenNum":0,"fileId":1,"group":"supergroup","length":0,
            "modificationTime":1795271745949,"owner":"hdfs","pathSuffix":"","permission":"1777","replication":0,"storagePolicy":0,"type":"DIRECTORY"}}"#;
        let status = FileStatus::from(serde_json::from_slice::<StatusAnswer>(body).unwrap().status);
        assert_eq!((status.mode, status.is_dir, status.modified_ms), (0o1777, true, 1_795_271_745_949));
    }

    #[test]
    fn the_stack_trace_is_cut_off() {
        let body = br#"{"RemoteException":{"exception":"FileAlreadyExistsException","javaClassName":"x","message":"/a/f1 for client 10.244.0.24 already exists\n\tat org.apache"}}"#;
        let remote = RemoteException::parse(body).unwrap();
        assert_eq!(remote.first_line(), "/a/f1 for client 10.244.0.24 already exists");
        assert!(RemoteException::parse(b"<html>no</html>").is_none());
        let bare = RemoteException::parse(br#"{"RemoteException":{"exception":"E","message":null}}"#).unwrap();
        assert_eq!(bare.first_line(), "");
    }
}
