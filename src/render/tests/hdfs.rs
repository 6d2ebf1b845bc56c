//! How an HDFS is.

use insta::{assert_json_snapshot, assert_snapshot};

use super::made::{look, report};
use crate::model::hdfs_health::{
    BlocksHealth, Capacity, Checkpoint, DataNodesHealth, FileSystemHealth, HdfsHealth, HdfsMode, JournalNode,
    JournalState, NameNodeHealth, NameNodeState, Quorum, RollingUpgrade, Voters,
};
use crate::render::{StatusReport, StatusRow, status_table};

/// An HDFS with something of everything.
fn health() -> HdfsHealth {
    let namenode = |number: u32, state| NameNodeHealth {
        name: format!("my-hdfs-namenode-{number}"),
        address: format!("my-hdfs-namenode-{number}.my-hdfs-namenode.apache-hdfs.svc.cluster.local:9870"),
        version: (number < 2).then(|| "3.4.1".into()),
        state,
    };
    let journalnode = |number: u32, state, txns_behind: Option<u64>| JournalNode {
        name: (number != 2).then(|| format!("my-hdfs-journal-{number}")),
        address: format!("10.244.0.1{number}:8485"),
        state,
        txns_behind,
        behind_ms: txns_behind.map(|_| 37_931),
    };
    let quorum = |of, workload: &str, ready| Quorum { of, workload: workload.into(), ready, replicas: 3 };
    HdfsHealth {
        mode: HdfsMode::Ha,
        namenodes: vec![
            namenode(0, NameNodeState::Active),
            namenode(1, NameNodeState::Standby),
            namenode(2, NameNodeState::Silent("timed out after 4.0s".into())),
            namenode(3, NameNodeState::Unasked("failed to open a port-forward to pod my-hdfs-namenode-3".into())),
        ],
        file_system: Some(FileSystemHealth {
            said_by: "my-hdfs-namenode-0".into(),
            said_by_active: true,
            version: Some("3.4.1".into()),
            cluster_id: Some("CID-a9797202".into()),
            rolling_upgrade: Some(RollingUpgrade { since: "2025-11-21T07:00:00Z".into(), may_go_on: Some(true) }),
            safe_mode: Some("Safe mode is ON. It was turned on manually.".into()),
            replication: Some(3),
            datanodes: DataNodesHealth {
                live: Some(3),
                in_service: Some(2),
                dead: Some(1),
                dead_names: vec!["my-hdfs-datanode-3".into()],
                decommissioning: Some(1),
                decommissioned: Some(0),
                leaving_names: Vec::new(),
                in_maintenance: Some(0),
                stale: Some(0),
                failed_volumes: Some(1),
                failed_names: vec!["my-hdfs-datanode-1".into()],
                versions: vec!["3.4.1".into()],
            },
            capacity: Some(Capacity { total: 50 << 30, used: 13_207_024_435, remaining: 30 << 30 }),
            blocks: BlocksHealth {
                total: Some(4711),
                missing: Some(2),
                missing_with_one_copy: Some(1),
                corrupt: Some(0),
                under_replicated: Some(12),
                being_copied: Some(4),
                pending_deletion: Some(0),
            },
            checkpoint: Some(Checkpoint {
                at: "2025-11-21T08:00:00Z".into(),
                seconds_ago: 7500,
                transactions_since: Some(812),
            }),
            journalnodes: vec![
                journalnode(0, JournalState::InSync, None),
                journalnode(1, JournalState::InSync, None),
                journalnode(2, JournalState::Out, Some(811)),
            ],
        }),
        quorums: vec![quorum(Voters::JournalNodes, "my-hdfs-journal", 3), quorum(Voters::ZooKeepers, "my-hdfs-zk", 2)],
    }
}

fn report_of(health: HdfsHealth, reasons: Vec<String>, warnings: Vec<String>) -> StatusReport {
    let mut report = report();
    report.hosts.clear();
    report.components.truncate(1);
    let row = report.components.pop().unwrap();
    let state = row.state.or_unhealthy(reasons);
    report.components.push(StatusRow { state, warnings, hdfs: Some(health), ..row });
    report
}

#[test]
fn everything_known_is_shown() {
    let reasons = vec!["2 blocks are missing: they become available again when the dead DataNodes return; `kubectl -n hadoop exec my-hdfs-namenode-0 -- hdfs fsck / -list-corruptfileblocks` lists their files".into()];
    let warnings = vec!["1 DataNode is dead (my-hdfs-datanode-3): `kubectl -n hadoop get pods` shows it".into()];
    let report = report_of(health(), reasons, warnings);
    for (name, width) in [("40", 40), ("80", 80)] {
        assert_snapshot!(format!("hdfs_{name}"), status_table(&report, &look(width)));
    }
    assert_json_snapshot!("hdfs", report.components[0].hdfs);
}

#[test]
fn unknown_values_are_omitted() {
    let mut little = health();
    little.file_system = None;
    little.quorums.clear();
    little.namenodes.truncate(1);
    (little.mode, little.namenodes[0].state) = (HdfsMode::Simple, NameNodeState::Starting);
    assert_snapshot!("hdfs_starting", status_table(&report_of(little.clone(), Vec::new(), Vec::new()), &look(80)));
    little.file_system = Some(FileSystemHealth::default());
    assert_snapshot!("hdfs_unknown", status_table(&report_of(little, Vec::new(), Vec::new()), &look(80)));
}
