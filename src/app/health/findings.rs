//! Findings about an HDFS: what is wrong, why, and the next command.

use std::collections::BTreeSet;

use crate::model::cluster::ReleaseKey;
use crate::model::few;
use crate::model::hdfs_health::{
    Capacity, FileSystemHealth, HdfsHealth, HdfsMode, JournalState, NameNodeHealth, NameNodeState, Voters, may_be_lost,
};

/// The percentage of used capacity from which it is reported.
const FULL: u64 = 90;

/// A standby makes a checkpoint each hour (`dfs.namenode.checkpoint.period`), or after a million transactions
/// (`dfs.namenode.checkpoint.txns`): one that is so many seconds old is more than late.
const OLD_CHECKPOINT: u64 = 6 * 3600;
const MANY_TRANSACTIONS: u64 = 1_000_000;

/// How many names a message lists.
const NAMED: usize = 3;

/// Findings about an HDFS.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::app) struct Findings {
    /// It does not work, or has lost data.
    pub(in crate::app) bad: Vec<String>,
    /// It works, and needs attention.
    pub(in crate::app) warnings: Vec<String>,
}

/// The findings about the HDFS of a release of the component `id`.
pub(in crate::app) fn findings(health: &HdfsHealth, id: &str, release: &ReleaseKey) -> Findings {
    let mut judge = Judge { health, id, release, found: Findings::default() };
    judge.namenodes();
    if let Some(said) = &health.file_system {
        judge.safe_mode(said);
        judge.upgrade(said);
        judge.datanodes(said);
        judge.capacity(said);
        // A standby lags behind in these, and writes no edits.
        if said.said_by_active {
            judge.blocks(said);
            judge.checkpoint(said);
            judge.journalnodes(said);
        }
    }
    judge.quorums();
    judge.found
}

struct Judge<'a> {
    health: &'a HdfsHealth,
    id: &'a str,
    release: &'a ReleaseKey,
    found: Findings,
}

impl Judge<'_> {
    fn bad(&mut self, text: String) {
        self.found.bad.push(text);
    }

    fn warn(&mut self, text: String) {
        self.found.warnings.push(text);
    }

    /// A kubectl command in the release's namespace.
    fn kubectl(&self, rest: &str) -> String {
        format!("`kubectl -n {} {rest}`", self.release.namespace)
    }

    /// A command of Hadoop in the pod of a NameNode that answers.
    fn hadoop(&self, command: &str) -> String {
        let said_by = self.health.file_system.as_ref().map(|said| said.said_by.as_str());
        let first = self.health.namenodes.first().map(|namenode| namenode.name.as_str());
        self.kubectl(&format!("exec {} -- {command}", said_by.or(first).unwrap_or_default()))
    }

    /// `my-hdfs-namenode-1 is standby, my-hdfs-namenode-2 does not answer: no such pod`.
    fn states(&self, which: impl Fn(&NameNodeState) -> bool) -> String {
        let describe = |namenode: &NameNodeHealth| match &namenode.state {
            NameNodeState::Silent(why) => format!("{} does not answer: {why}", namenode.name),
            state => format!("{} is {}", namenode.name, state.word()),
        };
        let texts: Vec<String> =
            self.health.namenodes.iter().filter(|namenode| which(&namenode.state)).map(describe).collect();
        few(&texts, NAMED)
    }

    fn namenodes(&mut self) {
        use NameNodeState::{Active, Observer, Silent, Standby, Unasked};
        let all = &self.health.namenodes;
        let count = |which: fn(&NameNodeState) -> bool| all.iter().filter(|namenode| which(&namenode.state)).count();
        // One that may not be asked may be the active or the standby.
        let unasked = count(|state| matches!(state, Unasked(_)));
        let (active, standby) = (count(|state| *state == Active), count(|state| matches!(state, Standby | Observer)));
        let pods = self.kubectl("get pods");
        let ha = self.health.mode == HdfsMode::Ha;
        if active == 0 && unasked == 0 {
            let states = self.states(|_| true);
            let log = all.first().map(|first| self.kubectl(&format!("logs {}", first.name))).unwrap_or_default();
            if count(|state| matches!(state, Silent(_))) == all.len() {
                return self
                    .bad(format!("no NameNode answers ({states}): {pods} shows whether it runs, and {log} why not"));
            }
            return self.bad(if ha {
                let asked = self.hadoop("hdfs haadmin -getAllServiceState");
                format!(
                    "no NameNode is active, so nothing can be read or written ({states}): a standby takes over within seconds if most ZooKeepers are ready; {pods} shows their state; {asked} queries all NameNodes again"
                )
            } else {
                format!("the NameNode is not active, so nothing can be read or written ({states}): {log} shows what it is waiting for")
            });
        }
        if active > 1 {
            let states = self.states(|state| *state == Active);
            self.warn(format!(
                "{active} NameNodes report being active ({states}): the JournalNodes accept edits from only one, and the other exits at its next edit; {} queries them again",
                self.hadoop("hdfs haadmin -getAllServiceState")
            ));
        } else if ha && active == 1 && standby == 0 && unasked == 0 {
            let other = all.iter().find(|namenode| namenode.state != Active);
            let log = other.map(|other| self.kubectl(&format!("logs {}", other.name))).unwrap_or_default();
            let states = self.states(|state| *state != Active);
            self.warn(format!(
                "no NameNode is standby ({states}), so none can take over from the active one and no checkpoint is made: {pods} shows whether it runs, and {log} why not"
            ));
        } else {
            for silent in all {
                if let Silent(why) = &silent.state {
                    let log = self.kubectl(&format!("logs {}", silent.name));
                    self.warn(format!(
                        "NameNode {} does not answer: {why}; {pods} shows whether it runs, and {log} why not",
                        silent.name
                    ));
                }
            }
        }
    }

    fn safe_mode(&mut self, said: &FileSystemHealth) {
        let Some(why) = &said.safe_mode else { return };
        let report = self.hadoop("hdfs dfsadmin -report");
        let fix = if why.contains("turned on manually") {
            format!("{} turns it off", self.hadoop("hdfs dfsadmin -safemode leave"))
        } else if why.contains("automatically") {
            format!("it ends automatically; {report} shows the DataNodes that it is waiting for")
        } else {
            format!("{report} shows its DataNodes")
        };
        // What is the same in every case, and what is reported better here, is dropped from the text of HDFS.
        let why = why.strip_prefix("Safe mode is ON.").unwrap_or(why);
        let why = why.split("Use \"hdfs").next().unwrap_or_default().trim().trim_end_matches('.');
        let why = if why.is_empty() { String::new() } else { format!(" ({why})") };
        self.bad(format!("it is in safe mode, so nothing can be written{why}: {fix}"));
    }

    fn upgrade(&mut self, said: &FileSystemHealth) {
        let namenodes: BTreeSet<&str> = self.health.namenodes.iter().filter_map(|one| one.version.as_deref()).collect();
        let mut versions = namenodes.clone();
        versions.extend(said.datanodes.versions.iter().map(String::as_str));
        if versions.len() > 1 {
            let join = |all: Vec<&str>| if all.is_empty() { "unknown".to_owned() } else { all.join(" and ") };
            let datanodes = said.datanodes.versions.iter().map(String::as_str).collect();
            self.warn(format!(
                "not all run the same version: NameNodes {}, DataNodes {}: `windlass install` resumes an upgrade that was stopped, and {} shows which pods are not ready",
                join(namenodes.into_iter().collect()),
                join(datanodes),
                self.kubectl("get pods")
            ));
        } else if let Some(upgrade) = &said.rolling_upgrade {
            // With several versions it cannot be finalized, which is reported above.
            let version = said.version.as_deref().unwrap_or("VERSION");
            self.warn(format!(
                "an upgrade, started {}, is not finalized: deleted data still takes up space, and a rollback is possible, until you run `windlass install --set {}.finalize={version} --waive agreement`",
                upgrade.since, self.id
            ));
        }
    }

    fn datanodes(&mut self, said: &FileSystemHealth) {
        let nodes = &said.datanodes;
        let pods = self.kubectl("get pods");
        if let Some((takers, copies)) = too_few(said) {
            self.bad(format!(
                "{} blocks, but each block needs {copies} copies: {pods} shows which pods are not ready",
                many(takers, "DataNode takes", "DataNodes take")
            ));
        }
        if let Some(dead @ 1..) = nodes.dead {
            let (blocks, run) = if dead == 1 {
                ("its blocks", "its pod is running")
            } else {
                ("their blocks", "their pods are running")
            };
            self.warn(format!(
                "{} dead{}: HDFS copies {blocks} to other DataNodes if there is space; {pods} shows whether {run}; the NameNode drops removed DataNodes when it restarts",
                many(dead, "DataNode is", "DataNodes are"),
                named(&nodes.dead_names)
            ));
        }
        let leaving = nodes.leaving_names.len() as u64;
        if leaving > 0 {
            let (subject, blocks) = if leaving == 1 { ("it is", "its blocks") } else { ("they are", "their blocks") };
            self.warn(format!(
                "{} no more blocks{}, because {subject} being decommissioned: run the same install again to resume this, or an install with the previous number of DataNodes to keep {blocks}; {} shows how many are left to copy",
                many(leaving, "DataNode takes", "DataNodes take"),
                named(&nodes.leaving_names),
                self.hadoop("hdfs dfsadmin -report -decommissioning")
            ));
        }
        if let Some(failed @ 1..) = nodes.failed_volumes {
            let pod = nodes.failed_names.first().map(|name| self.kubectl(&format!("delete pod {name}")));
            let again = pod.map(|pod| format!(", then {pod} restarts it")).unwrap_or_default();
            self.warn(format!(
                "{} of DataNodes failed{}: {} shows them; fix or replace the volume{again}",
                many(failed, "volume", "volumes"),
                named(&nodes.failed_names),
                self.hadoop("hdfs dfsadmin -report")
            ));
        }
    }

    fn capacity(&mut self, said: &FileSystemHealth) {
        let Some(room @ Capacity { total: 1.., .. }) = said.capacity else { return };
        let taken = room.total.saturating_sub(room.remaining);
        if room.percent(taken) >= FULL {
            self.warn(format!(
                "{}% of the capacity is used, by HDFS ({}%) and by other data on the same disks: delete files, add DataNodes or use larger volumes; {} shows the size of each folder",
                room.percent(taken),
                room.percent(room.used),
                self.hadoop("hdfs dfs -du -h /")
            ));
        }
    }

    fn blocks(&mut self, said: &FileSystemHealth) {
        let blocks = &said.blocks;
        let lists = self.hadoop("hdfs fsck / -list-corruptfileblocks");
        if let Some(missing @ 1..) = blocks.missing {
            let single = blocks.missing_with_one_copy.filter(|single| *single > 0);
            let single =
                single.map(|single| format!(" ({single} of them in files with replication 1)")).unwrap_or_default();
            let why = match said.datanodes.dead {
                Some(1..) => "they become available again when the dead DataNodes return",
                _ => "no live DataNode has a good copy",
            };
            let missing = many(missing, "block is", "blocks are");
            self.bad(format!("{missing} missing{single}: {why}; {lists} lists their files"));
        }
        if let Some(corrupt @ 1..) = blocks.corrupt {
            let corrupt = many(corrupt, "block has", "blocks have");
            self.bad(format!(
                "{corrupt} damaged copies: HDFS replaces them if there is a good copy; {lists} lists the files without one"
            ));
        }
        // Missing ones are among them. What can be copied is being copied within seconds; in safe mode nothing is, and too
        // few DataNodes are reported already.
        let under = blocks.under_replicated.map(|all| all.saturating_sub(blocks.missing.unwrap_or_default()));
        if let Some(under @ 1..) = under
            && blocks.being_copied == Some(0)
            && said.safe_mode.is_none()
            && too_few(said).is_none()
        {
            self.warn(format!(
                "{} fewer copies than configured, and none is being copied: too few DataNodes have space for them; {} lists them, and `hdfs dfs -setrep` changes the replication of a file",
                many(under, "block has", "blocks have"),
                self.hadoop("hdfs fsck /")
            ));
        }
    }

    fn checkpoint(&mut self, said: &FileSystemHealth) {
        let Some(checkpoint) = said.checkpoint.as_ref().filter(|_| self.health.mode == HdfsMode::Ha) else { return };
        let transactions = checkpoint.transactions_since.unwrap_or_default();
        // Without new transactions there is nothing to checkpoint.
        if checkpoint.seconds_ago > OLD_CHECKPOINT && transactions > 0 || transactions > MANY_TRANSACTIONS {
            let standby = self.health.namenodes.iter().find(|namenode| namenode.state == NameNodeState::Standby);
            let fix = match standby {
                Some(standby) => format!("{} shows why", self.kubectl(&format!("logs {}", standby.name))),
                None => "checkpoints require a standby".to_owned(),
            };
            self.warn(format!(
                "the last checkpoint was at {}, {transactions} transactions ago: the standby creates one every hour; without checkpoints the edit log grows, and a NameNode takes longer to start; {fix}",
                checkpoint.at
            ));
        }
    }

    fn journalnodes(&mut self, said: &FileSystemHealth) {
        let all = &said.journalnodes;
        let late = |state| all.iter().filter(move |one| one.state == state).map(|one| one.display_name().to_owned());
        let (behind, out): (Vec<_>, Vec<_>) = (late(JournalState::Behind).collect(), late(JournalState::Out).collect());
        if behind.is_empty() && out.is_empty() {
            return;
        }
        let lags = all.iter().filter(|one| one.state != JournalState::InSync).filter_map(|one| {
            let behind = one.txns_behind?;
            Some(format!("{} is {behind} txns behind", one.display_name()))
        });
        let lags: Vec<String> = lags.collect();
        let lags = if lags.is_empty() { String::new() } else { format!(" ({})", few(&lags, NAMED)) };
        let voting = (all.len() - behind.len() - out.len()) as u64;
        let lost = match may_be_lost(voting, all.len() as u64) {
            None | Some(0) => "if one more fails, the active NameNode exits".to_owned(),
            Some(more) => format!("further failures tolerated: {more}"),
        };
        let fix = if behind.is_empty() {
            format!(
                "it rejoins at the next edit log segment, within minutes; {} starts a new segment now",
                self.hadoop("hdfs dfsadmin -rollEdits")
            )
        } else {
            let pods = self.kubectl("get pods");
            format!("{pods} shows whether its pod is running")
        };
        self.warn(format!("{voting} of {} JournalNodes have all edits{lags}: {lost}; {fix}", all.len()));
    }

    fn quorums(&mut self) {
        for quorum in &self.health.quorums {
            if quorum.ready >= quorum.replicas {
                continue;
            }
            let word = quorum.of.word();
            let lost = match (may_be_lost(quorum.ready, quorum.replicas), quorum.of) {
                (None, Voters::ZooKeepers) => "no majority, so no NameNode can take over from another".to_owned(),
                (None, Voters::JournalNodes) => "no majority, so no NameNode can write".to_owned(),
                (Some(0), _) => "no further failure is tolerated".to_owned(),
                (Some(more), _) => format!("further failures tolerated: {more}"),
            };
            let pods = self.kubectl("get pods");
            self.found.warnings.push(format!(
                "{} of {} {word}s are ready: {lost}; {pods} shows which are not",
                quorum.ready, quorum.replicas
            ));
        }
    }
}

/// How many DataNodes take blocks, and how many copies each block is to have, where that is more.
fn too_few(said: &FileSystemHealth) -> Option<(u64, u64)> {
    let (takers, copies) = (said.datanodes.in_service.or(said.datanodes.live)?, said.replication?);
    (takers < copies).then_some((takers, copies))
}

/// `1 block is`, `3 blocks are`.
fn many(number: u64, one: &str, more: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { more })
}

/// ` (a, b and 7 more)`, where there are names.
fn named(names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!(" ({})", few(names, NAMED)) }
}
