//! Each state of an HDFS, its findings, and that docs/hdfs.md shows just these.
//!
//! To write the page anew: `WINDLASS_UPDATE=1 cargo test --lib health`

use std::path::Path;

use super::findings::{Findings, findings};
use crate::model::cluster::{ClusterInfo, ReleaseKey};
use crate::model::hdfs_health::{
    BlocksHealth, Capacity, Checkpoint, DataNodesHealth, FileSystemHealth, HdfsHealth, HdfsMode, JournalNode,
    JournalState, NameNodeHealth, NameNodeState, Quorum, RollingUpgrade, Voters,
};
use crate::model::state::Verified;
use crate::render::{ComponentStatus, Look, STATUS_SCHEMA, StatusReport, StatusRow, status_table};

const GIB: u64 = 1 << 30;

fn key() -> ReleaseKey {
    ReleaseKey::new("apache-hdfs", "my-hdfs")
}

fn namenode(number: usize, state: NameNodeState) -> NameNodeHealth {
    let name = format!("my-hdfs-namenode-{number}");
    let address = format!("{name}.my-hdfs-namenode.apache-hdfs.svc.cluster.local:9870");
    NameNodeHealth { name, address, version: Some("3.4.1".to_owned()), state }
}

fn simple() -> HdfsHealth {
    HdfsHealth {
        mode: HdfsMode::Simple,
        namenodes: vec![namenode(0, NameNodeState::Active)],
        file_system: Some(FileSystemHealth {
            said_by: "my-hdfs-namenode-0".to_owned(),
            said_by_active: true,
            version: Some("3.4.1".to_owned()),
            cluster_id: Some("CID-1".to_owned()),
            rolling_upgrade: None,
            safe_mode: None,
            replication: Some(3),
            datanodes: DataNodesHealth {
                live: Some(3),
                in_service: Some(3),
                dead: Some(0),
                decommissioning: Some(0),
                failed_volumes: Some(0),
                versions: vec!["3.4.1".to_owned()],
                ..DataNodesHealth::default()
            },
            capacity: Some(Capacity { total: 150 * GIB, used: 37 * GIB, remaining: 90 * GIB }),
            blocks: BlocksHealth {
                total: Some(4711),
                missing: Some(0),
                missing_with_one_copy: Some(0),
                corrupt: Some(0),
                under_replicated: Some(0),
                being_copied: Some(0),
                pending_deletion: Some(0),
            },
            checkpoint: Some(Checkpoint {
                at: "2026-11-29T06:42:01Z".to_owned(),
                seconds_ago: 1900,
                transactions_since: Some(812),
            }),
            journalnodes: Vec::new(),
        }),
        quorums: Vec::new(),
    }
}

fn ha() -> HdfsHealth {
    let mut health = simple();
    health.mode = HdfsMode::Ha;
    health.namenodes.push(namenode(1, NameNodeState::Standby));
    said(&mut health).journalnodes = (0..3).map(|number| journalnode(number, JournalState::InSync, None)).collect();
    let quorum = |of, name: &str| Quorum { of, workload: format!("my-hdfs-{name}"), ready: 3, replicas: 3 };
    health.quorums = vec![quorum(Voters::JournalNodes, "journal"), quorum(Voters::ZooKeepers, "zk")];
    health
}

fn journalnode(number: u64, state: JournalState, txns_behind: Option<u64>) -> JournalNode {
    let (name, address) = (Some(format!("my-hdfs-journal-{number}")), format!("10.244.0.{number}:8485"));
    JournalNode { name, address, state, txns_behind, behind_ms: txns_behind.map(|txns| txns * 1000) }
}

fn said(health: &mut HdfsHealth) -> &mut FileSystemHealth {
    health.file_system.as_mut().unwrap()
}

fn changed(mut health: HdfsHealth, change: impl FnOnce(&mut FileSystemHealth)) -> HdfsHealth {
    change(said(&mut health));
    health
}

fn with_namenodes(states: &[NameNodeState], reachable: bool) -> HdfsHealth {
    let namenodes: Vec<_> = states.iter().enumerate().map(|(at, state)| namenode(at, state.clone())).collect();
    let base = if states.len() > 1 { ha() } else { simple() };
    let file_system = base.file_system.filter(|_| reachable);
    HdfsHealth { namenodes, file_system, ..base }
}

fn upgrade() -> Option<RollingUpgrade> {
    Some(RollingUpgrade { since: "2026-11-29T06:01:12Z".to_owned(), may_go_on: Some(true) })
}

/// Every state with a finding.
fn states() -> Vec<(&'static str, HdfsHealth)> {
    use NameNodeState::{Active, Silent, Standby, Starting};
    let silent = |why: &str| Silent(why.to_owned());
    let by_hand =
        "Safe mode is ON. It was turned on manually. Use \"hdfs dfsadmin -safemode leave\" to turn safe mode off.";
    let starting = "Safe mode is ON. The reported blocks 3000 needs additional 1711 blocks to reach the threshold 0.9990 of total blocks 4711. Safe mode will be turned off automatically once the thresholds have been reached.";
    let mut passive = with_namenodes(&[Standby, silent("connection refused")], true);
    said(&mut passive).said_by_active = false;
    let mut voters = ha();
    voters.quorums[1].ready = 2;
    vec![
        ("no NameNode answers", with_namenodes(&[silent("connection refused")], false)),
        ("the NameNode starts", with_namenodes(&[Starting], false)),
        ("none is active", passive),
        ("none is standby", with_namenodes(&[Active, silent("timed out after 4.0s")], true)),
        ("one of three is silent", with_namenodes(&[Active, Standby, silent("connection refused")], true)),
        ("two are active", with_namenodes(&[Active, Active], true)),
        ("safe mode, by hand", changed(simple(), |said| said.safe_mode = Some(by_hand.to_owned()))),
        ("safe mode, of a start", changed(simple(), |said| said.safe_mode = Some(starting.to_owned()))),
        (
            "fewer DataNodes than copies",
            changed(simple(), |said| (said.datanodes.live, said.datanodes.in_service) = (Some(2), Some(2))),
        ),
        (
            "a DataNode is dead",
            changed(simple(), |said| {
                said.datanodes.live = Some(3);
                said.datanodes.dead = Some(1);
                said.datanodes.dead_names = vec!["my-hdfs-datanode-3".to_owned()];
            }),
        ),
        (
            "a DataNode leaves",
            changed(simple(), |said| {
                said.replication = Some(2);
                said.datanodes.in_service = Some(2);
                said.datanodes.decommissioning = Some(1);
                said.datanodes.leaving_names = vec!["my-hdfs-datanode-2".to_owned()];
            }),
        ),
        (
            "a volume failed",
            changed(simple(), |said| {
                said.datanodes.failed_volumes = Some(1);
                said.datanodes.failed_names = vec!["my-hdfs-datanode-1".to_owned()];
            }),
        ),
        (
            "little room",
            changed(simple(), |said| {
                said.capacity = Some(Capacity { total: 150 * GIB, used: 120 * GIB, remaining: 12 * GIB });
            }),
        ),
        (
            "missing blocks",
            changed(simple(), |said| {
                said.blocks.missing = Some(12);
                said.blocks.missing_with_one_copy = Some(3);
            }),
        ),
        ("damaged copies", changed(simple(), |said| said.blocks.corrupt = Some(1))),
        ("under-replicated blocks that stay so", changed(simple(), |said| said.blocks.under_replicated = Some(40))),
        (
            "no checkpoint for long",
            changed(ha(), |said| {
                let checkpoint = said.checkpoint.as_mut().unwrap();
                (checkpoint.seconds_ago, checkpoint.transactions_since) = (7 * 3600, Some(51_200));
            }),
        ),
        (
            "a JournalNode that was away",
            changed(ha(), |said| said.journalnodes[2] = journalnode(2, JournalState::Out, Some(811))),
        ),
        (
            "a JournalNode that is away",
            changed(ha(), |said| said.journalnodes[2] = journalnode(2, JournalState::Behind, Some(31))),
        ),
        ("a ZooKeeper is not ready", voters),
        ("an upgrade that is not final", changed(ha(), |said| said.rolling_upgrade = upgrade())),
        (
            "an upgrade that was stopped",
            changed(ha(), |said| {
                said.rolling_upgrade = upgrade();
                said.datanodes.versions = vec!["3.4.0".to_owned(), "3.4.1".to_owned()];
            }),
        ),
    ]
}

fn status_text(health: HdfsHealth, width: usize) -> String {
    let Findings { bad, warnings } = findings(&health, "hdfs", &key());
    let verified = Verified { at: "2026-11-29T06:15:40Z".to_owned(), passed: true, why: None };
    let row = StatusRow {
        id: "hdfs".to_owned(),
        title: "Apache HDFS".to_owned(),
        version: "3.4.1".to_owned(),
        runs: None,
        release: Some(key()),
        revision: Some(1),
        state: ComponentStatus::Healthy.or_unhealthy(bad),
        verified: Some(verified),
        warnings,
        hdfs: Some(health),
        open: None,
        drift: Vec::new(),
        ignored: Vec::new(),
        unread: Vec::new(),
        endpoints: Vec::new(),
    };
    let cluster =
        ClusterInfo { context: "c".to_owned(), server: "s".to_owned(), user: "u".to_owned(), version: "v".to_owned() };
    let report = StatusReport { schema: STATUS_SCHEMA, cluster, components: vec![row], hosts: Vec::new() };
    let text = status_table(&report, &Look { width, color: false, verbose: false });
    // Without the cluster above and the counts below.
    let lines: Vec<&str> = text.lines().skip(2).collect();
    lines[..lines.len() - 2].join("\n")
}

/// What stands between the marks of the page.
fn shown() -> String {
    let findings = states().into_iter().map(|(title, health)| {
        let all = findings(&health, "hdfs", &key());
        let bad = all.bad.iter().map(|text| ("unhealthy", text));
        let lines = bad.chain(all.warnings.iter().map(|text| ("warning", text)));
        let lines: Vec<String> = lines.map(|(word, text)| format!("- {word}: {}", text.replace('|', "\\|"))).collect();
        format!("**{}{}**\n\n{}\n", title[..1].to_uppercase(), &title[1..], lines.join("\n"))
    });
    format!(
        "With one NameNode:\n\n```text\n{}\n```\n\nWith high availability:\n\n```text\n{}\n```\n\n{}",
        status_text(simple(), 100),
        status_text(ha(), 100),
        findings.collect::<Vec<_>>().join("\n")
    )
}

#[test]
fn the_page_shows_what_status_says() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/hdfs.md");
    let text = std::fs::read_to_string(&page).unwrap();
    let (begin, end) = ("<!-- what status says, by a test -->\n", "<!-- until here -->\n");
    let (before, rest) = text.split_once(begin).unwrap();
    let (_, after) = rest.split_once(end).unwrap();
    let wanted = format!("{before}{begin}{}{end}{after}", shown());
    if std::env::var_os("WINDLASS_UPDATE").is_some() {
        std::fs::write(&page, wanted).unwrap();
    } else {
        assert!(text == wanted, "docs/hdfs.md is not what status says: WINDLASS_UPDATE=1 cargo test --lib health");
    }
}

#[test]
fn what_is_well_has_no_finding() {
    assert_eq!(findings(&simple(), "hdfs", &key()), Findings::default());
    assert_eq!(findings(&ha(), "hdfs", &key()), Findings::default());
    // One that may not be asked might be all that is missed.
    let unasked = NameNodeState::Unasked("no right".to_owned());
    for states in [vec![unasked.clone()], vec![NameNodeState::Active, unasked.clone()]] {
        assert_eq!(findings(&with_namenodes(&states, states.len() > 1), "hdfs", &key()), Findings::default());
    }
    let note = status_text(with_namenodes(&[unasked], false), 100);
    assert!(
        note.starts_with("healthy") && note.contains("note: NameNode my-hdfs-namenode-0 was not queried"),
        "{note}"
    );
}

#[test]
fn each_bad_state_has_one_finding_with_a_command() {
    let bad = [
        "no NameNode answers",
        "the NameNode starts",
        "none is active",
        "safe mode, by hand",
        "safe mode, of a start",
        "fewer DataNodes than copies",
        "missing blocks",
        "damaged copies",
    ];
    for (title, health) in states() {
        let found = findings(&health, "hdfs", &key());
        let (bad_ones, warnings) = (found.bad.len(), found.warnings.len());
        assert_eq!((bad_ones, warnings), if bad.contains(&title) { (1, 0) } else { (0, 1) }, "{title}: {found:?}");
        let text = found.bad.first().or(found.warnings.first()).unwrap();
        assert!(text.contains("`kubectl -n apache-hdfs ") || text.contains("`windlass install "), "{title}: {text}");
        let status = status_text(health, 200);
        let word = if bad.contains(&title) { "unhealthy" } else { "healthy" };
        assert!(status.starts_with(word), "{title}: {status}");
    }
}

#[test]
fn what_is_normal_is_no_finding() {
    // Blocks that are being copied, a standby's word on blocks, an old checkpoint of nothing, one NameNode without any.
    let copying = changed(simple(), |said| {
        (said.blocks.under_replicated, said.blocks.being_copied) = (Some(40), Some(4));
    });
    let idle = changed(ha(), |said| {
        let checkpoint = said.checkpoint.as_mut().unwrap();
        (checkpoint.seconds_ago, checkpoint.transactions_since) = (90 * 86_400, Some(0));
    });
    let alone = changed(simple(), |said| {
        said.checkpoint.as_mut().unwrap().transactions_since = Some(5_000_000);
    });
    // One that is missing has fewer copies than wanted, too.
    let missing = changed(simple(), |said| (said.blocks.missing, said.blocks.under_replicated) = (Some(2), Some(2)));
    assert_eq!(findings(&missing, "hdfs", &key()).warnings, [""; 0]);
    let unknown = changed(simple(), |said| *said = FileSystemHealth { said_by_active: true, ..Default::default() });
    for health in [copying, idle, alone, unknown] {
        assert_eq!(findings(&health, "hdfs", &key()), Findings::default(), "{health:?}");
    }
    let many = changed(ha(), |said| said.checkpoint.as_mut().unwrap().transactions_since = Some(1_000_001));
    assert_eq!(findings(&many, "hdfs", &key()).warnings.len(), 1);
}

#[test]
fn what_is_not_ready_keeps_its_reasons() {
    let bad = || vec!["bad".to_owned()];
    assert_eq!(ComponentStatus::Ready.or_unhealthy(bad()), ComponentStatus::Unhealthy(bad()));
    assert_eq!(ComponentStatus::Ready.or_unhealthy(Vec::new()), ComponentStatus::Ready);
    assert_eq!(ComponentStatus::Missing.or_unhealthy(bad()), ComponentStatus::Missing);
    let reasons = vec!["pod".to_owned()];
    let both = ComponentStatus::NotReady(vec!["pod".to_owned(), "bad".to_owned()]);
    assert_eq!(ComponentStatus::NotReady(reasons).or_unhealthy(bad()), both);
}

proptest::proptest! {
    #[test]
    fn whatever_the_numbers_there_are_words(numbers in proptest::collection::vec(proptest::option::of(proptest::num::u64::ANY), 18), width in 1_usize..250) {
        let mut next = numbers.into_iter().map(|number| number.filter(|number| number % 3 > 0));
        let mut number = || next.next().flatten();
        let health = changed(ha(), |said| {
            said.replication = number();
            let nodes = &mut said.datanodes;
            (nodes.live, nodes.in_service, nodes.dead, nodes.stale) = (number(), number(), number(), number());
            (nodes.decommissioning, nodes.failed_volumes) = (number(), number());
            let (total, used, remaining) = (number().unwrap_or(0), number().unwrap_or(0), number().unwrap_or(0));
            said.capacity = Some(Capacity { total, used, remaining });
            let blocks = &mut said.blocks;
            (blocks.missing, blocks.missing_with_one_copy, blocks.corrupt) = (number(), number(), number());
            (blocks.under_replicated, blocks.being_copied) = (number(), number());
            let checkpoint = said.checkpoint.as_mut().unwrap();
            (checkpoint.seconds_ago, checkpoint.transactions_since) = (number().unwrap_or(0), number());
            said.journalnodes[1].txns_behind = number();
        });
        proptest::prop_assert!(status_text(health, width).contains("NameNodes"));
    }
}
