//! How an HDFS is, by its own word: against answers that a real one gave in each state, and against what none gives.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::webhdfs_server::FakeHdfs;
use windlass::driver::webhdfs::{Direct, Hdfs, HdfsConfig};
use windlass::model::hdfs_health::{HdfsHealth, HdfsMode, JournalState, NameNodeState};
use windlass::model::silent;

const LONG: Duration = Duration::from_secs(20);

fn client(namenodes: &[String]) -> Hdfs {
    Hdfs::new(HdfsConfig {
        namenodes: namenodes.to_vec(),
        user: "hdfs".into(),
        route: Arc::new(Direct::new().unwrap()),
        deadline: LONG,
        request_timeout: LONG,
        progress: silent(),
    })
    .unwrap()
}

async fn replayed(state: &str) -> HdfsHealth {
    let fake = FakeHdfs::with_namenodes(if state == "simple" { 1 } else { 2 }).await;
    fake.replay(state);
    fake.state().replication = 3;
    client(&fake.namenodes).health(LONG).await
}

/// The states of the NameNodes.
fn states(health: &HdfsHealth) -> Vec<&'static str> {
    health.namenodes.iter().map(|namenode| namenode.state.word()).collect()
}

/// Why a NameNode is silent.
fn why(health: &HdfsHealth, index: usize) -> &str {
    match &health.namenodes[index].state {
        NameNodeState::Silent(why) => why,
        state => state.word(),
    }
}

#[tokio::test]
async fn one_namenode_that_is_well() {
    let health = replayed("simple").await;
    assert_eq!((health.mode, states(&health)), (HdfsMode::Simple, vec!["active"]));
    let said = health.file_system.unwrap();
    assert!(said.said_by_active && said.safe_mode.is_none() && said.journalnodes.is_empty(), "{said:?}");
    assert_eq!((said.version.as_deref(), said.replication), (Some("3.4.1"), Some(3)));
    assert_eq!((said.datanodes.live, said.datanodes.dead, said.datanodes.in_service), (Some(1), Some(0), Some(1)));
    assert_eq!((said.blocks.missing, said.blocks.corrupt, said.blocks.under_replicated), (Some(0), Some(0), Some(0)));
    assert!(said.capacity.is_some_and(|room| room.total > room.remaining && room.remaining > room.used));
    assert!(said.checkpoint.is_some_and(|checkpoint| checkpoint.at.starts_with("2026-11-29T")));
}

#[tokio::test]
async fn two_namenodes_that_are_well() {
    let health = replayed("ha").await;
    assert_eq!((health.mode, states(&health)), (HdfsMode::Ha, vec!["active", "standby"]));
    let said = health.file_system.unwrap();
    assert_eq!(said.said_by, health.namenodes[0].name);
    assert_eq!(said.datanodes.live, Some(3));
    let states: Vec<_> = said.journalnodes.iter().map(|one| (one.address.as_str(), one.state)).collect();
    let in_sync = ["10.244.0.11:8485", "10.244.0.12:8485", "10.244.0.13:8485"].map(|at| (at, JournalState::InSync));
    assert_eq!(states, in_sync);
}

#[tokio::test]
async fn where_none_is_active_a_standby_tells_what_it_knows() {
    let health = replayed("both-standby").await;
    assert_eq!(states(&health), ["standby", "standby"]);
    let said = health.file_system.unwrap();
    assert!(!said.said_by_active && said.journalnodes.is_empty());
    // They had just begun.
    assert_eq!((said.datanodes.live, said.replication), (Some(0), None));
}

#[tokio::test]
async fn safe_mode_is_reported_in_its_own_words() {
    let said = replayed("safe-mode").await.file_system.unwrap();
    let why = said.safe_mode.unwrap();
    assert!(why.starts_with("Safe mode is ON. It was turned on manually."), "{why}");
}

#[tokio::test]
async fn datanodes_that_are_dead_or_on_their_way_out() {
    let said = replayed("dead-datanode").await.file_system.unwrap();
    assert_eq!((said.datanodes.live, said.datanodes.dead), (Some(2), Some(1)));
    assert_eq!(said.datanodes.dead_names, ["my-hdfs-datanode-2"]);
    assert_eq!(said.blocks.under_replicated, Some(3));
    let said = replayed("decommissioning").await.file_system.unwrap();
    assert_eq!((said.datanodes.live, said.datanodes.decommissioning, said.datanodes.dead), (Some(3), Some(1), Some(0)));
}

#[tokio::test]
async fn blocks_that_nobody_has() {
    let said = replayed("missing").await.file_system.unwrap();
    assert_eq!((said.blocks.missing, said.blocks.missing_with_one_copy), (Some(1), Some(1)));
}

#[tokio::test]
async fn a_journalnode_that_was_away_and_one_that_is() {
    let journal = async |state: &str| replayed(state).await.file_system.unwrap().journalnodes.pop().unwrap();
    let out = journal("journal-behind").await;
    assert_eq!((out.state, out.txns_behind, out.behind_ms), (JournalState::Out, Some(2), Some(37931)));
    let away = journal("journal-down").await;
    assert_eq!((away.state, away.txns_behind, away.behind_ms), (JournalState::Behind, Some(1), Some(31419)));
}

#[tokio::test]
async fn a_namenode_that_starts_tells_nothing_yet() {
    let fake = FakeHdfs::start().await;
    fake.state().beans.insert(0, Vec::new());
    let health = client(&fake.namenodes).health(LONG).await;
    assert_eq!((states(&health), health.file_system), (vec!["starting"], None));
}

#[tokio::test]
async fn the_least_that_an_older_one_tells_is_enough() {
    let fake = FakeHdfs::start().await;
    fake.faults(|f| f.old = true);
    let health = client(&fake.namenodes).health(LONG).await;
    let said = health.file_system.unwrap();
    assert_eq!((said.datanodes.live, said.datanodes.dead, said.capacity), (Some(1), None, None));
    assert_eq!((said.replication, said.checkpoint, said.blocks.missing), (None, None, None));
}

#[tokio::test]
async fn one_that_hangs_keeps_nobody() {
    let mut fake = FakeHdfs::with_namenodes(2).await;
    fake.replay("ha");
    fake.faults(|f| f.hung.extend([1]));
    // And one that is not there.
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    fake.namenodes.push(gone.to_string());
    let begin = Instant::now();
    let health = client(&fake.namenodes).health(Duration::from_millis(500)).await;
    assert!(begin.elapsed() < Duration::from_secs(3), "{:?}", begin.elapsed());
    assert_eq!(states(&health), ["active", "silent", "silent"]);
    assert_eq!(why(&health, 1), "timed out after 0.5s");
    assert!(why(&health, 2).contains("refused"), "{}", why(&health, 2));
    assert!(health.file_system.is_some());
    fake.faults(|f| f.hung.extend([0]));
    let health = client(&fake.namenodes).health(Duration::from_millis(300)).await;
    assert_eq!((states(&health), health.file_system), (vec!["silent"; 3], None));
}

#[tokio::test]
async fn what_no_namenode_says_is_none() {
    let fake = FakeHdfs::start().await;
    let hdfs = client(&fake.namenodes);
    let nobody = "not a NameNode";
    let long = vec![b' '; (32 << 20) + 1];
    for (says, expected) in [
        (&b"<html>please log in</html>"[..], nobody),
        (b"", nobody),
        (b"[]", nobody),
        (b"{\"beans\": 1}", nobody),
        (b"{\"beans\": [1, 2]}", nobody),
        (b"{\"beans\": [{\"name\": \"Hadoop:service=NameNode,name=NameNodeStatus\", \"State\": \"act", nobody),
        (&long, "exceeds"),
    ] {
        fake.faults(|f| f.jmx_says = Some(says.to_vec()));
        let health = hdfs.health(LONG).await;
        assert!(why(&health, 0).contains(expected), "{}", why(&health, 0));
        assert_eq!(health.file_system, None);
    }
    fake.faults(|f| (f.jmx_says, f.jmx_forbidden) = (None, true));
    assert!(why(&hdfs.health(LONG).await, 0).starts_with("403 "));
}
