//! What a NameNode reports of itself on `/jmx`, as far as it is looked at.
//!
//! Versions of Hadoop differ in what there is: each attribute counts where it is there in the type that is known, and is
//! omitted where not. The names are those of Hadoop 3.4 (`NameNodeStatusMXBean`, `NameNodeMXBean`, `FSNamesystemMBean`
//! and the metrics of `FSNamesystem`), with those of older ones beside them.

use std::fmt;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::model::hdfs_health::{
    BlocksHealth, Capacity, Checkpoint, DataNodesHealth, FileSystemHealth, JournalNode, JournalState, NameNodeState,
    RollingUpgrade,
};

/// The pages that have all of it. Two patterns, since one for all beans brings the times of every call along.
pub(super) const PAGES: [&str; 2] =
    ["/jmx?qry=Hadoop:service=NameNode,name=NameNode*", "/jmx?qry=Hadoop:service=NameNode,name=FSNamesystem*"];

/// How many DataNodes and JournalNodes are named.
const NAMED: usize = 100;

/// The longest text that is passed on, in characters.
const LONGEST: usize = 500;

/// A DataNode that has not reported for longer than this has left, in seconds; NameNodes wait ten minutes to say so.
const CONTACT_LIMIT: u64 = 30;

/// A JournalNode that lacks edits for longer than this is behind, in milliseconds; some are always on their way.
const LAG_LIMIT: u64 = 10_000;

/// The beans of a NameNode, as far as they have been read.
#[derive(Debug, Default)]
pub(super) struct Beans {
    status: Bean,
    info: Bean,
    state: Bean,
    system: Bean,
}

impl Beans {
    /// Reads a page; false where it is not from a NameNode.
    pub(super) fn read(&mut self, body: &[u8]) -> bool {
        let Ok(Page { beans }) = serde_json::from_slice(body) else { return false };
        for bean in beans {
            let name = bean.name.text().and_then(|name| name.rsplit("name=").next()).unwrap_or_default();
            let place = match name {
                "NameNodeStatus" => &mut self.status,
                "NameNodeInfo" => &mut self.info,
                "FSNamesystemState" => &mut self.state,
                "FSNamesystem" => &mut self.system,
                _ => continue,
            };
            *place = bean;
        }
        true
    }

    /// How the NameNode is; nothing where it does not say, as in the first seconds of its life.
    pub(super) fn namenode(&self) -> Option<NameNodeState> {
        Some(match self.status.state.text()? {
            "active" => NameNodeState::Active,
            "standby" => NameNodeState::Standby,
            "observer" => NameNodeState::Observer,
            "initializing" => NameNodeState::Starting,
            "stopping" => NameNodeState::Stopping,
            other => NameNodeState::Silent(format!("unknown state {:?}", cut(other, 40))),
        })
    }

    /// When it came to be what it is, in milliseconds since 1970; 0 where it has always been so.
    pub(super) fn since(&self) -> u64 {
        self.status.last_transition.number().unwrap_or_default()
    }

    /// Whether it says anything of the file system.
    pub(super) fn has_file_system(&self) -> bool {
        self.state.fs_state.text().is_some() || self.number(|bean| &bean.num_live_data_nodes).is_some()
    }

    /// Its version of Hadoop.
    pub(super) fn version(&self) -> Option<String> {
        let version = self.info.software_version.text().or_else(|| self.info.version.text()?.split(',').next());
        version.map(|version| cut(version, 40))
    }

    /// What it says of the file system. `now` is the time on this machine.
    pub(super) fn file_system(&self, said_by: &str, now: Timestamp) -> FileSystemHealth {
        FileSystemHealth {
            said_by: said_by.to_owned(),
            said_by_active: self.namenode() == Some(NameNodeState::Active),
            version: self.version(),
            cluster_id: self.info.cluster_id.text().map(|id| cut(id, 100)),
            rolling_upgrade: self.rolling_upgrade(),
            safe_mode: self.safe_mode(),
            replication: None,
            datanodes: self.datanodes(),
            capacity: self.capacity(),
            blocks: BlocksHealth {
                total: self.number(|bean| &bean.blocks_total),
                missing: self.number(|bean| &bean.missing_blocks),
                missing_with_one_copy: self.number(|bean| &bean.missing_repl_one_blocks),
                corrupt: self.number(|bean| &bean.corrupt_blocks),
                under_replicated: self
                    .number(|bean| &bean.low_redundancy_blocks)
                    .or_else(|| self.number(|bean| &bean.under_replicated_blocks)),
                being_copied: self
                    .number(|bean| &bean.pending_reconstruction_blocks)
                    .or_else(|| self.number(|bean| &bean.pending_replication_blocks)),
                pending_deletion: self.number(|bean| &bean.pending_deletion_blocks),
            },
            checkpoint: self.checkpoint(now),
            journalnodes: self.info.name_journal_status.text().map(journalnodes).unwrap_or_default(),
        }
    }

    /// A number, from the first of the beans that has it: some are in several.
    fn number(&self, of: impl Fn(&Bean) -> &Scalar) -> Option<u64> {
        [&self.state, &self.system, &self.info].into_iter().find_map(|bean| of(bean).number())
    }

    fn safe_mode(&self) -> Option<String> {
        match (self.info.safemode.text(), self.state.fs_state.text()) {
            (Some(said), _) if !said.trim().is_empty() => Some(cut(said.trim(), LONGEST)),
            (None, Some("safeMode")) => Some("Safe mode is ON.".to_owned()),
            _ => None,
        }
    }

    fn rolling_upgrade(&self) -> Option<RollingUpgrade> {
        let status = &self.info.rolling_upgrade_status;
        let since = Timestamp::from_millisecond(status.get("startTime")?.as_i64()?).ok()?;
        let may_go_on = status.get("createdRollbackImages").and_then(serde_json::Value::as_bool);
        Some(RollingUpgrade { since: Timestamp::from_second(since.as_second()).ok()?.to_string(), may_go_on })
    }

    fn datanodes(&self) -> DataNodesHealth {
        let both = |one: Option<u64>, other: Option<u64>| match (one, other) {
            (None, None) => None,
            (one, other) => Some(one.unwrap_or_default().saturating_add(other.unwrap_or_default())),
        };
        let number = |of: fn(&Bean) -> &Scalar| self.number(of);
        let dead_decommissioned = number(|bean| &bean.num_decom_dead_data_nodes);
        let dead_in_maintenance = number(|bean| &bean.num_in_maintenance_dead_data_nodes);
        let expected = both(dead_decommissioned, dead_in_maintenance).unwrap_or_default();
        let in_maintenance = both(number(|bean| &bean.num_in_maintenance_live_data_nodes), dead_in_maintenance);
        let named = |text: &Scalar, meant| text.text().map(|text| named(text, meant)).unwrap_or_default();
        DataNodesHealth {
            live: number(|bean| &bean.num_live_data_nodes),
            in_service: number(|bean| &bean.num_in_service_live_data_nodes),
            dead: number(|bean| &bean.num_dead_data_nodes).map(|dead| dead.saturating_sub(expected)),
            dead_names: named(&self.info.dead_nodes, |node| {
                !matches!(node.admin_state.text(), Some("Decommissioned" | "In Maintenance"))
            }),
            decommissioning: number(|bean| &bean.num_decommissioning_data_nodes),
            decommissioned: both(number(|bean| &bean.num_decom_live_data_nodes), dead_decommissioned),
            leaving_names: named(&self.info.live_nodes, |node| {
                let gone = node.last_contact.number().is_some_and(|seconds| seconds > CONTACT_LIMIT);
                !gone && matches!(node.admin_state.text(), Some("Decommissioned" | "Decommission In Progress"))
            }),
            in_maintenance: both(in_maintenance, number(|bean| &bean.num_entering_maintenance_data_nodes)),
            stale: number(|bean| &bean.num_stale_data_nodes).or_else(|| number(|bean| &bean.stale_data_nodes)),
            failed_volumes: number(|bean| &bean.volume_failures_total),
            failed_names: named(&self.info.live_nodes, |node| node.failed_volumes.number().is_some_and(|n| n > 0)),
            versions: versions(&self.info.distinct_versions),
        }
    }

    fn capacity(&self) -> Option<Capacity> {
        Some(Capacity {
            total: self.number(|bean| &bean.capacity_total)?,
            used: self.number(|bean| &bean.capacity_used)?,
            remaining: self.number(|bean| &bean.capacity_remaining)?,
        })
    }

    fn checkpoint(&self, now: Timestamp) -> Option<Checkpoint> {
        let millis = self.system.last_checkpoint_time.number().filter(|millis| *millis > 0)?;
        let seconds = i64::try_from(millis / 1000).ok()?;
        let at = Timestamp::from_second(seconds).ok()?;
        Some(Checkpoint {
            at: at.to_string(),
            // Two clocks may differ: what seems to come is now.
            seconds_ago: u64::try_from(now.as_second().saturating_sub(seconds)).unwrap_or_default(),
            transactions_since: self.system.transactions_since_last_checkpoint.number(),
        })
    }
}

#[derive(Deserialize)]
struct Page {
    beans: Vec<Bean>,
}

/// What is looked at of any bean.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Bean {
    #[serde(rename = "name")]
    name: Scalar,
    state: Scalar,
    #[serde(rename = "LastHATransitionTime")]
    last_transition: Scalar,
    version: Scalar,
    software_version: Scalar,
    distinct_versions: serde_json::Value,
    rolling_upgrade_status: serde_json::Value,
    cluster_id: Scalar,
    safemode: Scalar,
    live_nodes: Scalar,
    dead_nodes: Scalar,
    name_journal_status: Scalar,
    #[serde(rename = "FSState")]
    fs_state: Scalar,
    num_live_data_nodes: Scalar,
    num_in_service_live_data_nodes: Scalar,
    num_dead_data_nodes: Scalar,
    num_decommissioning_data_nodes: Scalar,
    num_decom_live_data_nodes: Scalar,
    num_decom_dead_data_nodes: Scalar,
    num_in_maintenance_live_data_nodes: Scalar,
    num_in_maintenance_dead_data_nodes: Scalar,
    num_entering_maintenance_data_nodes: Scalar,
    num_stale_data_nodes: Scalar,
    stale_data_nodes: Scalar,
    volume_failures_total: Scalar,
    capacity_total: Scalar,
    capacity_used: Scalar,
    capacity_remaining: Scalar,
    blocks_total: Scalar,
    missing_blocks: Scalar,
    missing_repl_one_blocks: Scalar,
    corrupt_blocks: Scalar,
    under_replicated_blocks: Scalar,
    low_redundancy_blocks: Scalar,
    pending_replication_blocks: Scalar,
    pending_reconstruction_blocks: Scalar,
    pending_deletion_blocks: Scalar,
    last_checkpoint_time: Scalar,
    transactions_since_last_checkpoint: Scalar,
}

/// A DataNode in `LiveNodes` or `DeadNodes`.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Node {
    admin_state: Scalar,
    #[serde(rename = "volfails")]
    failed_volumes: Scalar,
    last_contact: Scalar,
}

/// A value that is wanted as a number or a text. Anything else is read over and is neither.
#[derive(Debug, Default)]
enum Scalar {
    Number(u64),
    Text(String),
    #[default]
    Other,
}

impl Scalar {
    const fn number(&self) -> Option<u64> {
        if let Self::Number(number) = self { Some(*number) } else { None }
    }

    fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_u64<E>(self, number: u64) -> Result<Scalar, E> {
        Ok(Scalar::Number(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Scalar, E> {
        Ok(Scalar::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Scalar, E> {
        Ok(Scalar::Text(text))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Scalar, E> {
        Ok(Scalar::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Scalar, E> {
        Ok(Scalar::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Scalar, E> {
        Ok(Scalar::Other)
    }

    fn visit_unit<E>(self) -> Result<Scalar, E> {
        Ok(Scalar::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Scalar, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Scalar, A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }
}

/// The versions of `[{"key": "3.4.1", "value": 2}]`, sorted.
fn versions(counted: &serde_json::Value) -> Vec<String> {
    let entries = counted.as_array().into_iter().flatten();
    let mut found: Vec<String> =
        entries.filter_map(|entry| Some(cut(entry.get("key")?.as_str()?, 40))).take(NAMED).collect();
    found.sort_unstable();
    found
}

/// The names of those nodes of `{"host:port": {…}}` that are meant, sorted, the first [`NAMED`] that come.
fn named(text: &str, meant: fn(&Node) -> bool) -> Vec<String> {
    struct Names(fn(&Node) -> bool);
    impl<'de> Visitor<'de> for Names {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("nodes by name")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut nodes: A) -> Result<Vec<String>, A::Error> {
            let mut names = Vec::new();
            while let Some((name, node)) = nodes.next_entry::<String, Node>()? {
                if names.len() < NAMED && (self.0)(&node) {
                    names.push(pod(&name));
                }
            }
            Ok(names)
        }
    }
    let mut names = serde_json::Deserializer::from_str(text).deserialize_map(Names(meant)).unwrap_or_default();
    names.sort_unstable();
    names
}

/// The pod that Hadoop means by a host, with or without a port: the first part of its name; an address as it is.
pub(super) fn pod(host: &str) -> String {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let address = name.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok();
    let first = name.split('.').next().filter(|first| !first.is_empty() && !address);
    cut(first.unwrap_or(host), 100)
}

/// A place that edits are written to.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Journal {
    manager: Scalar,
    stream: Scalar,
}

/// The JournalNodes of `NameJournalStatus`: one entry for each place that edits are written to, in words.
fn journalnodes(text: &str) -> Vec<JournalNode> {
    let journals: Vec<Journal> = serde_json::from_str(text).unwrap_or_default();
    let quorum = journals.iter().filter(|journal| journal.manager.text().is_some_and(|it| it.starts_with("QJM to ")));
    quorum.filter_map(|journal| journal.stream.text()).flat_map(writers).take(NAMED).collect()
}

/// `Writing segment beginning at txid 1. \nA:8485 (Written txid 28), B:8485 (Written txid 26 (2 txns/379ms behind) (will
/// try to re-sync on next segment))`, as `AsyncLoggerSet` and `IPCLoggerChannel` write it.
fn writers(stream: &str) -> Vec<JournalNode> {
    let listed = stream.rsplit_once('\n').map_or(stream, |(_, listed)| listed);
    let mut parts = listed.split(" (Written txid ");
    let mut address = parts.next().unwrap_or_default();
    let mut found = Vec::new();
    for part in parts {
        let (report, next) = part.rsplit_once("), ").unwrap_or((part, ""));
        found.push(writer(address.trim(), report));
        address = next;
    }
    found
}

fn writer(address: &str, report: &str) -> JournalNode {
    let number = |text: &str| text.rsplit(|c: char| !c.is_ascii_digit()).next()?.parse::<u64>().ok();
    let lag = report.split_once(" txns/").and_then(|(before, after)| {
        let (millis, _) = after.split_once("ms behind")?;
        Some((number(before)?, number(millis)?))
    });
    let state = if report.contains("will try to re-sync") {
        JournalState::Out
    } else if report.contains("never written") || lag.is_some_and(|(_, millis)| millis > LAG_LIMIT) {
        JournalState::Behind
    } else {
        JournalState::InSync
    };
    JournalNode {
        name: None,
        address: cut(address, 100),
        state,
        txns_behind: lag.map(|(txns, _)| txns),
        behind_ms: lag.map(|(_, millis)| millis),
    }
}

/// At most so many characters.
fn cut(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(beans: &serde_json::Value) -> Beans {
        let mut read = Beans::default();
        assert!(read.read(json!({ "beans": beans }).to_string().as_bytes()), "{beans}");
        read
    }

    fn bean(name: &str, mut bean: serde_json::Value) -> serde_json::Value {
        bean["name"] = json!(format!("Hadoop:service=NameNode,name={name}"));
        bean
    }

    #[test]
    fn names_of_other_versions_count() {
        let new = json!({"LowRedundancyBlocks": 7, "UnderReplicatedBlocks": 8, "PendingReconstructionBlocks": 1});
        let old = json!({"UnderReplicatedBlocks": 8, "PendingReplicationBlocks": 2, "StaleDataNodes": 3});
        for (system, under, copied, stale) in [(new, 7, 1, None), (old, 8, 2, Some(3))] {
            let said = read(&json!([bean("FSNamesystem", system)])).file_system("nn", Timestamp::UNIX_EPOCH);
            assert_eq!((said.blocks.under_replicated, said.blocks.being_copied), (Some(under), Some(copied)));
            assert_eq!(said.datanodes.stale, stale);
        }
        let info = json!({"Version": "2.7.3, rbaa91f7c6bc9cb92be5982de4719c1c8af91ccff"});
        let said = read(&json!([bean("NameNodeInfo", info)])).file_system("nn", Timestamp::UNIX_EPOCH);
        assert_eq!(said.version.as_deref(), Some("2.7.3"));
    }

    #[test]
    fn a_value_of_another_type_is_omitted() {
        let system = json!({"MissingBlocks": "many", "CapacityTotal": 1.5, "CorruptBlocks": -1, "BlocksTotal": {"x": [1]},
            "LastCheckpointTime": u64::MAX, "UnderReplicatedBlocks": u64::MAX, "PendingDeletionBlocks": null});
        let said = read(&json!([bean("FSNamesystem", system)])).file_system("nn", Timestamp::UNIX_EPOCH);
        let under_replicated = Some(u64::MAX);
        assert_eq!(said.blocks, BlocksHealth { under_replicated, ..BlocksHealth::default() });
        assert_eq!((said.capacity, said.checkpoint), (None, None));
    }

    #[test]
    fn the_dead_that_are_meant_to_be_are_not_counted() {
        let nodes = json!({
            "my-dn-0.my-dn.n.svc:9866": {"adminState": "Decommissioned"}, "my-dn-1.my-dn.n.svc:9866": {"adminState": "In Service"},
            "10.0.0.7:9866": {}, "[fd00::7]:9866": {"adminState": 1}});
        let info = json!({"DeadNodes": nodes.to_string(), "LiveNodes": "[]"});
        let state = json!({"NumDeadDataNodes": 4, "NumDecomDeadDataNodes": 1, "NumDecomLiveDataNodes": 2});
        let beans = json!([bean("NameNodeInfo", info), bean("FSNamesystemState", state)]);
        let said = read(&beans).file_system("nn", Timestamp::UNIX_EPOCH).datanodes;
        assert_eq!((said.dead, said.decommissioned, said.in_maintenance), (Some(3), Some(3), None));
        assert_eq!(said.dead_names, ["10.0.0.7:9866", "[fd00::7]:9866", "my-dn-1"]);
        assert!(said.failed_names.is_empty());
        let nodes: serde_json::Map<String, serde_json::Value> =
            (0..5000).map(|at| (format!("dn-{at}:9866"), json!({"volfails": 1}))).collect();
        let info = json!({"LiveNodes": serde_json::Value::from(nodes).to_string()});
        let said = read(&json!([bean("NameNodeInfo", info)])).file_system("nn", Timestamp::UNIX_EPOCH).datanodes;
        assert_eq!(said.failed_names.len(), NAMED);
    }

    #[test]
    fn journalnodes_as_they_are_written_down() {
        let parsed = |stream: &str| {
            let found = journalnodes(
                &json!([{"manager": "FileJournalManager(root=/data)", "stream": "x (Written txid 1)"},
                {"manager": "QJM to [a:1]", "stream": stream}])
                .to_string(),
            );
            let found = found.into_iter().map(|one| (one.address, one.state, one.txns_behind.zip(one.behind_ms)));
            found.collect::<Vec<_>>()
        };
        use JournalState::{Behind, InSync, Out};
        let a = || "10.0.0.1:8485".to_owned();
        assert_eq!(
            parsed(
                "Writing segment beginning at txid 7. \n10.0.0.1:8485 (Written txid 9 (2 txns/450ms behind)), [fd00::1]:8485 (Written txid 9)"
            ),
            [(a(), InSync, Some((2, 450))), ("[fd00::1]:8485".to_owned(), InSync, None)]
        );
        // As Hadoop writes it, a bracket short.
        let never = "Writing segment beginning at txid 7. \n10.0.0.1:8485 (Written txid 0 (never written (will try to re-sync on next segment))";
        assert_eq!(parsed(never), [(a(), Out, None)]);
        assert_eq!(parsed("x\n10.0.0.1:8485 (Written txid 0 (never written)"), [(a(), Behind, None)]);
        let far = format!("x\n10.0.0.1:8485 (Written txid 0 (1 txns/{}0ms behind))", u64::MAX);
        assert_eq!(parsed(&far), [(a(), InSync, None)], "a number that is none");
        for none in ["open for read", "not currently writing", "Failed", ""] {
            assert_eq!(parsed(none), [], "{none}");
        }
    }

    #[test]
    fn an_upgrade_that_is_not_final_and_the_versions() {
        let status = json!({"blockPoolId": "BP-1", "createdRollbackImages": true, "finalizeTime": 0, "startTime": 1_795_955_683_585_u64});
        let counted = json!([{"key": "3.4.2", "value": 1}, {"key": "3.4.1", "value": 1}, {"value": 1}, 7]);
        let info = json!({"SoftwareVersion": "3.4.2", "RollingUpgradeStatus": status, "DistinctVersions": counted});
        let beans = read(&json!([bean("NameNodeInfo", info)]));
        let said = beans.file_system("nn", Timestamp::UNIX_EPOCH);
        let upgrade = RollingUpgrade { since: "2026-11-29T12:34:43Z".to_owned(), may_go_on: Some(true) };
        assert_eq!((beans.version().as_deref(), said.rolling_upgrade), (Some("3.4.2"), Some(upgrade)));
        assert_eq!(said.datanodes.versions, ["3.4.1", "3.4.2"]);
        for none in
            [json!(null), json!({}), json!({"startTime": "x"}), json!({"startTime": i64::MAX}), json!("x"), json!([1])]
        {
            let info = json!({"RollingUpgradeStatus": none, "DistinctVersions": none});
            let said = read(&json!([bean("NameNodeInfo", info)])).file_system("nn", Timestamp::UNIX_EPOCH);
            assert_eq!((said.rolling_upgrade, said.datanodes.versions.len()), (None, 0));
        }
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_fail(
            body in proptest::collection::vec(any::<u8>(), 0..200),
            text in "([\\[\\]{}\",:0-9a-z \\n()]|txns/|ms behind|, | \\(Written txid |QJM to |manager|stream|adminState){0,60}",
            number in any::<u64>(),
        ) {
            let _ = Beans::default().read(&body);
            let _ = Beans::default().read(text.as_bytes());
            let _ = writers(&text);
            let info = json!({"Safemode": text, "LiveNodes": text, "DeadNodes": text, "NameJournalStatus": text, "ClusterId": text});
            let journal = json!([{"manager": format!("QJM to {text}"), "stream": text}]).to_string();
            let state = json!({"FSState": text, "NumDeadDataNodes": number, "NumDecomDeadDataNodes": u64::MAX,
                "NumInMaintenanceDeadDataNodes": number, "NumInMaintenanceLiveDataNodes": u64::MAX,
                "CapacityTotal": number, "CapacityUsed": u64::MAX, "CapacityRemaining": number});
            let system = json!({"LastCheckpointTime": number, "TransactionsSinceLastCheckpoint": number});
            let beans = json!([bean("NameNodeInfo", info), bean("FSNamesystemState", state), bean("FSNamesystem", system),
                bean("NameNodeInfo", json!({"NameJournalStatus": journal})), bean("NameNodeStatus", json!({"State": text}))]);
            let beans = read(&beans);
            let _ = beans.namenode();
            let said = beans.file_system(&text, Timestamp::now());
            prop_assert!(said.safe_mode.is_none_or(|why| why.chars().count() <= LONGEST));
            prop_assert!(said.journalnodes.len() <= NAMED);
        }
    }
}
