//! How an HDFS is, in a few lines below its component.

use super::Look;
use super::paint::{Paint, Spans};
use super::plan::wrapped;
use super::{language, text};
use crate::model::hdfs_health::{
    BlocksHealth, Capacity, Checkpoint, DataNodesHealth, HdfsHealth, HdfsMode, JournalState, NameNodeState, Voters,
    may_be_lost,
};

/// The widest name of a line, and the gap behind it.
const COLUMN: usize = "JournalNodes".len() + 2;

/// The lines, each moved in so far.
pub(super) fn hdfs_lines(health: &HdfsHealth, look: &Look, indent: usize) -> Vec<Spans> {
    let mut lines = Vec::new();
    let mut line = |name: &str, text: String| {
        lines.extend(wrapped(&text::pad(&language::shown(name), COLUMN), Paint::Plain, &text, look, indent));
    };
    let name = if health.mode == HdfsMode::Ha { "NameNodes" } else { "NameNode" };
    line(name, namenodes(health));
    for of in [Voters::ZooKeepers, Voters::JournalNodes] {
        if let Some(text) = voters(health, of) {
            line(if of == Voters::ZooKeepers { "ZooKeepers" } else { "JournalNodes" }, text);
        }
    }
    if let Some(said) = &health.file_system {
        line("DataNodes", datanodes(&said.datanodes));
        said.capacity.iter().for_each(|room| line("capacity", capacity(room)));
        line("blocks", blocks(&said.blocks));
        said.checkpoint.iter().for_each(|checkpoint| line("checkpoint", checkpoint_text(checkpoint)));
        if let Some(upgrade) = &said.rolling_upgrade {
            line("upgrade", format!("not finalized, started {}", upgrade.since));
        }
        line("safe mode", if said.safe_mode.is_some() { "on" } else { "off" }.to_owned());
    }
    for namenode in &health.namenodes {
        if let NameNodeState::Unasked(why) = &namenode.state {
            let note = format!(
                "NameNode {} was not queried: {why}; this requires the right to create pods/portforward",
                namenode.name
            );
            lines.extend(wrapped("note: ", Paint::Dim, &note, look, indent));
        }
    }
    lines
}

/// `active nn-0, standby nn-1`; a NameNode that does not answer is a finding.
fn namenodes(health: &HdfsHealth) -> String {
    let parts = health.namenodes.iter().map(|namenode| format!("{} {}", namenode.state.word(), namenode.name));
    parts.collect::<Vec<_>>().join(", ")
}

/// `3 of 3 ready, failures tolerated: 1`, and of JournalNodes how many have all edits.
fn voters(health: &HdfsHealth, of: Voters) -> Option<String> {
    let written = health.file_system.iter().flat_map(|said| &said.journalnodes).filter(|_| of == Voters::JournalNodes);
    let (mut all, mut in_sync) = (0, 0);
    for one in written {
        all += 1;
        in_sync += u64::from(one.state == JournalState::InSync);
    }
    let quorum = health.quorums.iter().find(|quorum| quorum.of == of);
    let ready = quorum.map(|quorum| (quorum.ready, quorum.replicas));
    let lost = |(voting, all)| match may_be_lost(voting, all) {
        None => "no majority".to_owned(),
        Some(more) => format!("failures tolerated: {more}"),
    };
    let ready_text = ready.map(|(ready, all)| format!("{ready} of {all} ready"));
    if all == 0 {
        return Some(format!("{}, {}", ready_text?, lost(ready?)));
    }
    // The smaller number counts: a ready one may lack edits, and one with all edits may have just ended.
    let worst = ready.filter(|(ready, of)| *of == all && *ready < in_sync).unwrap_or((in_sync, all));
    let parts = [Some(format!("{in_sync} of {all} in sync")), ready_text, Some(lost(worst))];
    Some(parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
}

/// The known numbers; those without `true` only where they are not zero.
fn numbers(all: &[(Option<u64>, &str, bool)]) -> String {
    let parts = all.iter().filter_map(|(number, word, always)| {
        let number = number.filter(|number| *always || *number > 0)?;
        Some(format!("{number} {word}"))
    });
    let parts = parts.collect::<Vec<_>>().join(", ");
    if parts.is_empty() { "unknown".to_owned() } else { parts }
}

fn datanodes(nodes: &DataNodesHealth) -> String {
    numbers(&[
        (nodes.live, "live", true),
        (nodes.dead, "dead", true),
        (nodes.decommissioning, "decommissioning", true),
        (nodes.decommissioned, "decommissioned", false),
        (nodes.in_maintenance, "in maintenance", false),
        (nodes.stale, "stale", false),
        (nodes.failed_volumes, if nodes.failed_volumes == Some(1) { "failed volume" } else { "failed volumes" }, false),
    ])
}

fn capacity(room: &Capacity) -> String {
    let (used, total, left) = (text::bytes(room.used), text::bytes(room.total), text::bytes(room.remaining));
    format!("{used} of {total} used ({}%), {left} left", room.percent(room.used))
}

fn blocks(blocks: &BlocksHealth) -> String {
    numbers(&[
        (blocks.missing, "missing", true),
        (blocks.corrupt, "corrupt", false),
        (blocks.under_replicated, "under-replicated", true),
        (blocks.being_copied, "being copied", false),
    ])
}

fn checkpoint_text(checkpoint: &Checkpoint) -> String {
    let since = checkpoint.transactions_since.map(|since| format!(", {since} transactions since")).unwrap_or_default();
    format!("{}{since}", ago(checkpoint.seconds_ago))
}

/// `40s ago`, `12m ago`, `7h ago`, `3d ago`.
fn ago(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds}s ago"),
        120..7200 => format!("{}m ago", seconds / 60),
        7200..172_800 => format!("{}h ago", seconds / 3600),
        _ => format!("{}d ago", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_rounded() {
        let shown = [0, 119, 120, 7199, 7200, 172_799, 172_800, u64::MAX].map(ago);
        let days = format!("{}d ago", u64::MAX / 86_400);
        let want = ["0s ago", "119s ago", "2m ago", "119m ago", "2h ago", "47h ago", "2d ago", &days];
        assert_eq!(shown, want);
    }

    #[test]
    fn unknown_values_are_not_guessed() {
        assert_eq!(datanodes(&DataNodesHealth::default()), "unknown");
        assert_eq!(blocks(&BlocksHealth { missing: Some(0), ..BlocksHealth::default() }), "0 missing");
    }
}
