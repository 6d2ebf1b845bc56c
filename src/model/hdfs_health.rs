//! The state of an HDFS, as its NameNodes report it. What a Hadoop does not report is omitted, never guessed.

use serde::Serialize;

/// The state of an HDFS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HdfsHealth {
    /// Whether one NameNode can take another's place.
    pub mode: HdfsMode,
    /// The NameNodes, all that were asked.
    pub namenodes: Vec<NameNodeHealth>,
    /// What one of them says of the file system; nothing where none does.
    #[serde(flatten)]
    pub file_system: Option<FileSystemHealth>,
    /// Pods that decide by majority. No NameNode reports them: whoever lists pods fills this in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub quorums: Vec<Quorum>,
}

/// Whether one NameNode can take another's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum HdfsMode {
    /// There is one.
    Simple,
    /// There are several.
    Ha,
}

/// A NameNode and its state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NameNodeHealth {
    /// Its pod's name, or its address where that has none.
    pub name: String,
    /// `host:port` of its pages.
    pub address: String,
    /// Its version of Hadoop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Its state.
    #[serde(flatten)]
    pub state: NameNodeState,
}

/// The state of a NameNode. In JSON `state` and, where nothing is known, `why`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", content = "why", rename_all = "kebab-case")]
pub enum NameNodeState {
    /// It serves.
    Active,
    /// It follows, and can take over.
    Standby,
    /// It follows and lets others read.
    Observer,
    /// It has started and does not serve yet.
    Starting,
    /// It ends.
    Stopping,
    /// It does not answer, for this reason.
    Silent(String),
    /// It was not asked, for this reason: no permission to reach it.
    Unasked(String),
}

impl NameNodeState {
    /// A word for it.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Standby => "standby",
            Self::Observer => "observer",
            Self::Starting => "starting",
            Self::Stopping => "stopping",
            Self::Silent(_) => "silent",
            Self::Unasked(_) => "not queried",
        }
    }
}

/// What a NameNode says of the file system.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct FileSystemHealth {
    /// The NameNode's name.
    pub said_by: String,
    /// Whether that one is active: another knows DataNodes and capacity, and blocks only as far as it has followed.
    pub said_by_active: bool,
    /// Its version of Hadoop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The id that the file system got when it was formatted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_id: Option<String>,
    /// The upgrade that is not final; nothing where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rolling_upgrade: Option<RollingUpgrade>,
    /// Why nothing can be written, in the NameNode's words; nothing outside of safe mode.
    pub safe_mode: Option<String>,
    /// Copies of each block of a file, where its writer says nothing else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replication: Option<u64>,
    /// The DataNodes.
    pub datanodes: DataNodesHealth,
    /// Their room.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capacity: Option<Capacity>,
    /// The blocks.
    pub blocks: BlocksHealth,
    /// When the edits were last put together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<Checkpoint>,
    /// The JournalNodes that the active NameNode writes its edits to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub journalnodes: Vec<JournalNode>,
}

/// An upgrade between its preparation and its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RollingUpgrade {
    /// When it was prepared, by the NameNode's clock, RFC 3339.
    pub since: String,
    /// Whether the image to go back to is there, so that pods may be replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub may_go_on: Option<bool>,
}

/// The DataNodes by state.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct DataNodesHealth {
    /// They report.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub live: Option<u64>,
    /// Of those the ones that take blocks: neither decommissioned nor in maintenance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_service: Option<u64>,
    /// They do not report any more and should: what was decommissioned or is in maintenance is counted there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead: Option<u64>,
    /// Names of the dead, at most a hundred.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dead_names: Vec<String>,
    /// Their blocks are being copied to others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decommissioning: Option<u64>,
    /// Their blocks are on others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decommissioned: Option<u64>,
    /// Names of those of both that are still there, at most a hundred.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub leaving_names: Vec<String>,
    /// They are in maintenance or on their way into it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_maintenance: Option<u64>,
    /// They have not reported for half a minute, and are not dead yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stale: Option<u64>,
    /// Volumes that failed, over all DataNodes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_volumes: Option<u64>,
    /// Names of the DataNodes that have them, at most a hundred.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failed_names: Vec<String>,
    /// Their versions of Hadoop, each once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<String>,
}

/// The room of all live DataNodes, in bytes. What others keep on the same disks is in neither `used` nor `remaining`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Capacity {
    /// All.
    pub total: u64,
    /// What HDFS uses, all copies counted.
    pub used: u64,
    /// What can still be written.
    pub remaining: u64,
}

impl Capacity {
    /// So many of a hundred parts of the whole.
    #[must_use]
    pub fn percent(&self, part: u64) -> u64 {
        let percent = u128::from(part) * 100 / u128::from(self.total.max(1));
        u64::try_from(percent).unwrap_or(u64::MAX)
    }
}

/// The blocks by state.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct BlocksHealth {
    /// All.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// No live DataNode has a good copy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<u64>,
    /// Of those the ones of which there is to be one copy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing_with_one_copy: Option<u64>,
    /// At least one copy is damaged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub corrupt: Option<u64>,
    /// Fewer copies than wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub under_replicated: Option<u64>,
    /// Being copied now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub being_copied: Option<u64>,
    /// Deleted, and not yet by the DataNodes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending_deletion: Option<u64>,
}

/// When the edits were last put together with the image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Checkpoint {
    /// By the NameNode's clock, RFC 3339.
    pub at: String,
    /// How long ago that is by this machine's clock.
    pub seconds_ago: u64,
    /// Transactions since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transactions_since: Option<u64>,
}

/// A JournalNode, as the NameNode that writes to it sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JournalNode {
    /// Its pod's name, where its address is a pod's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its address, as the NameNode first found it: a pod that was replaced has another since.
    pub address: String,
    /// Its state.
    pub state: JournalState,
    /// How many transactions it lacks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub txns_behind: Option<u64>,
    /// For how long, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub behind_ms: Option<u64>,
}

impl JournalNode {
    /// Its name, or its address.
    #[must_use]
    pub fn display_name(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.address)
    }
}

/// The state of a JournalNode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum JournalState {
    /// It has all edits, but for what is on its way.
    InSync,
    /// It lacks edits for longer than a moment.
    Behind,
    /// It missed edits and is written to again from the next segment on.
    Out,
}

/// Pods that decide by majority, by what they speak.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Quorum {
    /// What they are.
    pub of: Voters,
    /// Their StatefulSet.
    pub workload: String,
    /// How many are ready.
    pub ready: u64,
    /// How many there should be.
    pub replicas: u64,
}

/// Who decides by majority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Voters {
    /// They keep the edits.
    JournalNodes,
    /// They say which NameNode is active.
    ZooKeepers,
}

impl Voters {
    /// One of them.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::JournalNodes => "JournalNode",
            Self::ZooKeepers => "ZooKeeper",
        }
    }
}

/// How many of `voting` may be lost before there is no majority of `all`; nothing where there is none now.
#[must_use]
pub const fn may_be_lost(voting: u64, all: u64) -> Option<u64> {
    voting.checked_sub(all / 2 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_majority_is_more_than_half() {
        let spare = may_be_lost;
        assert_eq!([spare(3, 3), spare(2, 3), spare(1, 3)], [Some(1), Some(0), None]);
        assert_eq!([spare(5, 5), spare(3, 5), spare(2, 5)], [Some(2), Some(0), None]);
        assert_eq!([spare(1, 1), spare(0, 1), spare(0, 0), spare(2, 4)], [Some(0), None, None, None]);
    }

    #[test]
    fn parts_are_of_a_hundred_whatever_the_numbers() {
        let of = |total, part| Capacity { total, used: 0, remaining: 0 }.percent(part);
        assert_eq!([of(50, 12), of(u64::MAX, u64::MAX), of(0, 0), of(3, 2)], [24, 100, 0, 66]);
        assert_eq!(of(0, u64::MAX), u64::MAX);
    }
}
