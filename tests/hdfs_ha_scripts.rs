//! The scripts of HDFS's chart in high availability, against JournalNodes and an `hdfs` that keep what they hold in files:
//! whatever is killed and whatever is lost, nothing is formatted over, and the next start goes on.

use std::fmt::Write as _;
use std::path::PathBuf;

use crate::hadoop::{Files, OK, hosts, ran};

/// `hdfs`, for what the scripts ask of it. `$WORLD/journal-N` is what a JournalNode holds: `empty`, `silent`, or
/// `formatted CLUSTER KNOWN EPOCH [LAST]`. With DIE it kills who called it, as a node that fails does: before the image is made,
/// behind it, or behind so many JournalNodes.
const HDFS: &str = r#"#!/bin/bash
echo "$*" >>"$WORLD/calls"
dir=$(sed -n 's/.*dfs.namenode.name.dir=file:\/\/\([^ ]*\).*/\1/p' <<<"$*")
die() { [ "${DIE:-}" != "$1" ] || kill -KILL "$PPID" $$; }
image() { mkdir -p "$dir/current" && echo "clusterID=$1" >"$dir/current/VERSION"; die image; echo 1 >"$dir/current/fsimage_0000000000000000000.md5"; die made; }
case "$*" in
*-bootstrapStandby*)
  [ -z "${LACKING:-}" ] || { [ -e "$WORLD/saved" ] || exit 6; }
  grep -q formatted "$WORLD"/journal-* && image "$(cut -d' ' -f2 "$WORLD/peer")" ;;
*-format*) image CID-new ;;
*-initializeSharedEdits*)
  if grep -q formatted "$WORLD"/journal-*; then
    sed -i 's/ unknown / known /' "$WORLD"/journal-*
    exit 1
  fi
  for n in 0 1 2; do
    die "$n"
    echo "formatted $(sed -n 's/^clusterID=//p' "$DATA/name/current/VERSION") known 0" >"$WORLD/journal-$n"
  done
  die 3 ;;
*"-safemode get"*) echo "Safe mode is ${SAFE:-OFF}" ;;
*-saveNamespace*) touch "$WORLD/saved" ;;
journalnode) echo started ;;
esac
"#;

/// JournalNodes, another NameNode, a volume, and what was called.
struct World {
    files: Files,
    journalnodes: Vec<u16>,
    namenode: u16,
}

impl std::ops::Deref for World {
    type Target = Files;

    fn deref(&self) -> &Files {
        &self.files
    }
}

/// Answers each question with what a file says at that moment.
fn serve(file: PathBuf, answer: fn(&str, &str) -> Option<String>) -> u16 {
    crate::hadoop::serve(move |asked| {
        let state = std::fs::read_to_string(&file).unwrap_or_default();
        Some(format!("{OK}{}", answer(asked, state.trim())?))
    })
}

/// A JournalNode's beans, in the form of Hadoop 3.4.1.
fn journalnode(asked: &str, state: &str) -> Option<String> {
    let words: Vec<&str> = state.split(' ').collect();
    let (cluster, known, epoch, last) = match words[..] {
        ["formatted", cluster, known, epoch] => (cluster, known == "known", epoch, "0"),
        ["formatted", cluster, known, epoch, last] => (cluster, known == "known", epoch, last),
        ["empty"] => {
            return Some("{\n \"beans\" : [ {\n \"JournalsStatus\" : \"{}\",\n \"ClusterIds\" : [ ]\n } ]\n}".into());
        }
        _ => return None,
    };
    if asked.contains("name=Journal-lake ") {
        let bean = format!("{{ \"LastWrittenTxId\" : {last},\n \"LastPromisedEpoch\" : {epoch},\n \"x\" : 1 }}");
        return Some(format!("{{ \"beans\" : [ {} ] }}", if known { &bean } else { "" }));
    }
    let mut body = String::from(
        "{\n \"beans\" : [ {\n \"JournalsStatus\" : \"{\\\"lake\\\":{\\\"Formatted\\\":\\\"true\\\"}}\",\n",
    );
    if known {
        write!(body, " \"ClusterIds\" : [ \"{cluster}\" ],\n \"StorageInfos\" : [ \"{{NamespaceId=7, LayoutVersion=-67, ClusterId={cluster}, CreationTime=9}}\" ]\n").unwrap();
    } else {
        body.push_str(" \"ClusterIds\" : [ ],\n \"StorageInfos\" : [ ]\n");
    }
    Some(body + " } ]\n}")
}

/// The other NameNode: `STATE CLUSTER`, or nothing where it does not run.
fn namenode(asked: &str, state: &str) -> Option<String> {
    let (state, cluster) = state.split_once(' ')?;
    let field = match asked {
        asked if asked.contains("NameNodeInfo") => ("ClusterId", cluster),
        asked if asked.contains("FSNamesystemState") => ("FSState", "Operational"),
        _ => ("State", state),
    };
    Some(format!("{{\n \"beans\" : [ {{\n \"x\" : 1,\n \"{}\" : \"{}\",\n \"y\" : 2 }} ]\n}}", field.0, field.1))
}

impl World {
    fn new(journals: [&str; 3]) -> Self {
        let files = Files::new(HDFS);
        for (number, state) in journals.iter().enumerate() {
            files.set(&format!("journal-{number}"), state);
        }
        let journalnodes = (0..3).map(|number| serve(files.at(&format!("journal-{number}")), journalnode)).collect();
        let namenode = serve(files.at("peer"), namenode);
        Self { files, journalnodes, namenode }
    }

    /// A script in the pod `pod`, to its end.
    fn run(&self, script: &str, pod: &str, journalnodes: &[usize], more: &[(&str, &str)]) -> (Option<i32>, String) {
        self.run_for(120, script, (pod, journalnodes), more)
    }

    fn run_for(
        &self,
        seconds: u32,
        script: &str,
        (pod, journalnodes): (&str, &[usize]),
        more: &[(&str, &str)],
    ) -> (Option<i32>, String) {
        std::fs::create_dir_all(self.at(pod)).unwrap();
        let asked: Vec<u16> = journalnodes.iter().map(|at| self.journalnodes[*at]).collect();
        let words: Vec<&str> = script.split(' ').collect();
        let mut command = self.script(seconds, &words);
        command.env("DATA", self.at(pod)).env("HOSTNAME", pod).env("NAMESERVICE", "lake");
        command.env("NAMENODES", hosts(&[self.namenode]));
        if !asked.is_empty() {
            command.env("JOURNALNODES", hosts(&asked));
        }
        ran(command.envs(more.iter().copied()))
    }

    /// `format.sh` of a NameNode.
    fn format(&self, pod: &str, more: &[(&str, &str)]) -> (Option<i32>, String) {
        self.run("format.sh", pod, &[0, 1, 2], more)
    }

    /// The same as long as it takes to see that it waits, and what it says meanwhile.
    fn waits(&self, pod: &str, more: &[(&str, &str)]) -> String {
        let (code, said) = self.run_for(4, "format.sh", (pod, &[0, 1, 2]), more);
        assert_eq!(code, Some(124), "{said}");
        said
    }
}

const EMPTY: [&str; 3] = ["empty"; 3];
const HELD: [&str; 3] = ["formatted CID-old known 4"; 3];

#[test]
fn a_first_start_formats_once_and_gives_the_edits_to_all_journalnodes() {
    let world = World::new(EMPTY);
    let (code, said) = world.format("nn-0", &[]);
    assert_eq!(code, Some(0), "{said}");
    for number in 0..3 {
        assert_eq!(world.read(&format!("journal-{number}")).trim(), "formatted CID-new known 0");
    }
    assert!(world.has("nn-0/name/current/fsimage_0000000000000000000.md5") && world.has("nn-0/.shared"));
    assert!(
        world
            .read("calls")
            .lines()
            .all(|call| call.contains("dfs.ha.namenode.id=nn0") && call.ends_with("-nonInteractive"))
    );
    // The second NameNode waits for the first, and copies.
    assert_eq!(world.waits("nn-1", &[]), "waiting for the other NameNode, to copy its image\n");
    world.set("peer", "active CID-new");
    assert_eq!(world.format("nn-1", &[]).0, Some(0));
    assert!(world.has("nn-1/name/current/VERSION") && world.has("nn-1/.shared"));
    // Neither does anything when it starts again.
    let before = world.read("calls");
    assert_eq!(world.format("nn-0", &[]).0, Some(0));
    assert_eq!(world.format("nn-1", &[]).0, Some(0));
    assert_eq!(world.read("calls"), before);
}

#[test]
fn a_first_start_that_is_killed_anywhere_goes_on() {
    for moment in ["image", "made", "0", "1", "2", "3"] {
        let world = World::new(EMPTY);
        let (code, said) = world.format("nn-0", &[("DIE", moment)]);
        assert_eq!(code, Some(137), "{moment}: {said}");
        assert!(!world.has("nn-0/.shared"), "{moment}");
        if ["1", "2"].contains(&moment) {
            // Hadoop formats all JournalNodes or none: those that are skipped join by themselves.
            let said = world.waits("nn-0", &[]);
            assert!(said.contains("since a start was interrupted: they join the others"), "{said}");
            for number in 0..3 {
                let name = format!("journal-{number}");
                if world.read(&name) == "empty" {
                    let others: Vec<usize> = (0..3).filter(|at| *at != number).collect();
                    let (code, said) = world.run("journalnode.sh", &name.replace('-', "node-"), &others, &[]);
                    assert_eq!(code, Some(0), "{said}");
                    assert!(
                        world.has(&format!("{}/journal/lake/current/VERSION", name.replace('-', "node-"))),
                        "{said}"
                    );
                    // Who joined has been asked for nothing yet.
                    world.set(&name, "formatted CID-new unknown 0");
                }
            }
        }
        let (code, said) = world.format("nn-0", &[]);
        assert_eq!(code, Some(0), "{moment}: {said}");
        assert!(world.has("nn-0/name/current/VERSION") && world.has("nn-0/.shared"), "{moment}: {said}");
        assert!(world.calls("-format") <= 2, "{moment}: {}", world.read("calls"));
        assert_eq!(world.read("nn-0/name/current/VERSION"), "clusterID=CID-new\n");
    }
}

#[test]
fn a_namenode_whose_volume_was_lost_is_copied_and_never_formatted() {
    for pod in ["nn-0", "nn-1"] {
        let world = World::new(HELD);
        world.set("peer", "active CID-old");
        for moment in ["image", "made"] {
            assert_eq!(world.format(pod, &[("DIE", moment)]).0, Some(137), "{pod} {moment}");
            assert!(!world.has(&format!("{pod}/name")));
        }
        let (code, said) = world.format(pod, &[]);
        assert_eq!(code, Some(0), "{said}");
        assert_eq!(world.read(&format!("{pod}/name/current/VERSION")), "clusterID=CID-old\n");
        assert_eq!(world.calls("-format") + world.calls("-initializeSharedEdits"), 0);
    }
}

#[test]
fn nothing_is_formatted_while_somebody_may_hold_a_file_system() {
    // One that does not answer may.
    let world = World::new(["empty", "silent", "empty"]);
    let said = world.waits("nn-0", &[]);
    assert!(said.contains("waiting for the JournalNodes:") && said.lines().count() == 1, "{said}");
    // All JournalNodes were lost at once, and the other NameNode has it all.
    let world = World::new(EMPTY);
    world.set("peer", "active CID-old");
    let (code, said) = world.format("nn-0", &[]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("serves the file system CID-old: not formatting, nothing was changed"), "{said}");
    // One JournalNode of three is left.
    let world = World::new(["empty", "formatted CID-old known 3", "silent"]);
    world.waits("nn-0", &[]);
    assert_eq!(world.read("calls"), "");
}

/// A volume with an image, and `.shared` where it is one of several NameNodes'.
fn with_image(world: &World, cluster: &str, shared: bool) {
    std::fs::create_dir_all(world.at("nn-0/name/current")).unwrap();
    world.set("nn-0/name/current/VERSION", &format!("clusterID={cluster}\n"));
    world.set("nn-0/name/current/fsimage_0000000000000000042.md5", "1");
    if shared {
        world.set("nn-0/.shared", "");
    }
}

#[test]
fn a_file_system_of_one_namenode_becomes_one_of_two_and_never_back() {
    let world = World::new(EMPTY);
    with_image(&world, "CID-mine", false);
    let (code, said) = world.format("nn-0", &[]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(world.read("journal-2").trim(), "formatted CID-mine known 0");
    assert_eq!(world.calls("-format"), 0);
    let (code, said) = world.run("format.sh", "nn-0", &[], &[]);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("alone it would lose what only they hold. nothing was changed. set hdfs.mode back to ha"),
        "{said}"
    );
}

#[test]
fn journalnodes_that_hold_a_part_of_the_edits_are_not_taken_for_whole() {
    let held = |last: [u32; 3]| last.map(|last| format!("formatted CID-mine known 1 {last}"));
    for (last, segments, goes_on) in [
        (
            [42, 42, 42],
            &["edits_0000000000000000001-0000000000000000040", "edits_0000000000000000041-0000000000000000042"][..],
            true,
        ),
        ([99, 42, 0], &["edits_0000000000000000001-0000000000000000042"], true),
        ([42, 41, 0], &["edits_0000000000000000001-0000000000000000042"], false),
        ([0, 0, 0], &["edits_0000000000000000001-0000000000000000042"], false),
        // Killed before it closed what it was to give.
        (
            [42, 42, 42],
            &["edits_0000000000000000001-0000000000000000042", "edits_inprogress_0000000000000000043"],
            false,
        ),
        ([0, 0, 0], &[], true),
        // They hold more than is here, and are not to be emptied.
        ([99, 0, 0], &["edits_0000000000000000001-0000000000000000042"], false),
    ] {
        let states = held(last);
        let world = World::new([&states[0], &states[1], &states[2]]);
        with_image(&world, "CID-mine", false);
        segments.iter().for_each(|segment| world.set(&format!("nn-0/name/current/{segment}"), ""));
        let (code, said) = world.format("nn-0", &[]);
        assert_eq!(code, Some(if goes_on { 0 } else { 1 }), "{last:?} {segments:?}: {said}");
        assert_eq!(world.has("nn-0/.shared"), goes_on);
        let expected = match last {
            _ if goes_on => "hold the edits of CID-mine",
            [99, ..] => "hold edits that are not in",
            _ => "delete their claims (data-127",
        };
        assert!(said.contains(expected) && (last[0] != 99 || !said.contains("delete")), "{said}");
        assert_eq!(world.read("calls"), "");
    }
}

#[test]
fn what_is_not_known_of_a_journalnode_is_asked_for_before_anything_is_said() {
    // The last one began again, and has been asked for nothing since.
    let world = World::new([
        "formatted CID-mine known 1 42",
        "formatted CID-mine known 1 0",
        "formatted CID-mine unknown 1 42",
    ]);
    with_image(&world, "CID-mine", false);
    world.set("nn-0/name/current/edits_0000000000000000001-0000000000000000042", "");
    let (code, said) = world.format("nn-0", &[]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(world.calls("-initializeSharedEdits"), 1);
}

#[test]
fn what_the_journalnodes_held_is_looked_for_by_its_name() {
    let world = World::new(EMPTY);
    with_image(&world, "CID-mine", true);
    let (code, said) = world.format("nn-0", &[]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("their volumes were lost. nothing was changed"), "{said}");
    let world = World::new(HELD);
    with_image(&world, "CID-old", true);
    world.set("nn-0/.shared", "sea");
    let (code, said) = world.format("nn-0", &[]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("set hdfs.nameservice back to sea"), "{said}");
    world.set("nn-0/.shared", "lake");
    assert_eq!(world.format("nn-0", &[]).0, Some(0));
    // One that is silent keeps nobody from starting again.
    world.set("journal-1", "silent");
    assert_eq!(world.format("nn-0", &[]).0, Some(0));
}

#[test]
fn edits_of_another_file_system_are_refused() {
    for known in ["known", "unknown"] {
        let held = format!("formatted CID-theirs {known} 9");
        let world = World::new([&held; 3]);
        with_image(&world, "CID-mine", false);
        let (code, said) = world.format("nn-0", &[]);
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("their cluster id is CID-theirs, that of"), "{said}");
        assert!(!world.has("nn-0/.shared"));
    }
}

#[test]
fn edits_that_journalnodes_lack_are_fixed_as_hadoop_says() {
    let world = World::new(HELD);
    world.set("peer", "active CID-old");
    let (code, said) = world.format("nn-1", &[("LACKING", "1")]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("having it save a new one"), "{said}");
    let calls = world.read("calls");
    let asked: Vec<&str> = calls
        .lines()
        .filter(|call| call.starts_with("dfsadmin"))
        .map(|call| call.rsplit(':').next().unwrap())
        .collect();
    let all = ["8020 -safemode get", "8020 -safemode enter", "8020 -saveNamespace", "8020 -safemode leave"];
    assert_eq!(asked, all);
    assert!(!world.has("nn-1/.saving"));
    // Who was killed meanwhile ends it first; where somebody else put it there, it stays.
    let world = World::new(HELD);
    world.set("peer", "active CID-old");
    std::fs::create_dir_all(world.at("nn-1")).unwrap();
    world.set("nn-1/.saving", "");
    assert_eq!(world.format("nn-1", &[]).0, Some(0));
    assert!(!world.has("nn-1/.saving") && world.read("calls").lines().next().unwrap().ends_with("-safemode leave"));
    let world = World::new(HELD);
    world.set("peer", "active CID-old");
    world.waits("nn-1", &[("LACKING", "1"), ("SAFE", "ON")]);
    assert_eq!(world.calls("-safemode enter") + world.calls("-safemode leave"), 0);
}

#[test]
fn an_empty_journalnode_joins_the_others_only_where_no_edit_can_be_missed() {
    let version = "namespaceID=7\nclusterID=CID-old\ncTime=9\nstorageType=JOURNAL_NODE\nlayoutVersion=-67\n";
    let both = ["formatted CID-old known 4", "formatted CID-old known 4", "silent"];
    for (states, joins) in [
        (both, true),
        // They have not been asked for it since they started.
        (["formatted CID-old unknown 4", "formatted CID-old unknown 4", "silent"], false),
        (["formatted CID-old known 4", "silent", "silent"], false),
        (["formatted CID-old known 4", "empty", "silent"], false),
        (["formatted CID-old known 4", "formatted CID-other known 4", "silent"], false),
        // A first start was interrupted: nothing was written yet. What is not known counts as written.
        (["formatted CID-old known 0", "empty", "silent"], true),
        (["formatted CID-old known -", "empty", "silent"], false),
        (["empty", "empty", "silent"], false),
        (["silent", "silent", "silent"], false),
    ] {
        let world = World::new(states);
        // What a formatting that was killed left.
        std::fs::create_dir_all(world.at("jn-2/journal/lake/current")).unwrap();
        let (code, said) = world.run("journalnode.sh", "jn-2", &[0, 1], &[]);
        assert_eq!(code, Some(0), "{states:?}: {said}");
        assert!(said.ends_with("started\n"), "{said}");
        assert_eq!(
            world.read("jn-2/journal/lake/current/VERSION"),
            if joins { version } else { "" },
            "{states:?}: {said}"
        );
        assert_eq!(world.has("jn-2/journal/lake/current/paxos"), joins);
        // What runs, and is empty, begins again where it would join.
        world.set("journal-2", "empty");
        let port = world.journalnodes[2].to_string();
        let (code, said) = world.run("journalnode-alive.sh", "jn-2", &[0, 1], &[("PORT", &port)]);
        assert_eq!(code, Some(i32::from(joins)), "{states:?}: {said}");
        // What holds edits is asked no further, and is left as it is.
        world.set("journal-2", "formatted CID-old known 4");
        assert_eq!(world.run("journalnode-alive.sh", "jn-2", &[0, 1], &[("PORT", &port)]).0, Some(0));
        if joins {
            let (_, said) = world.run("journalnode.sh", "jn-2", &[0, 1], &[]);
            assert_eq!(said, "started\n");
        }
    }
}

#[test]
fn a_pod_that_ends_hands_over_only_where_it_is_active_and_the_other_stands_by() {
    for (own, other, calls) in [
        ("active CID", "standby CID", "haadmin -failover nn0 nn1\n"),
        ("standby CID", "active CID", ""),
        ("active CID", "initializing CID", ""),
        ("active CID", "", ""),
        ("", "standby CID", ""),
    ] {
        let world = World::new(HELD);
        world.set("own", own);
        world.set("peer", other);
        let port = serve(world.at("own"), namenode).to_string();
        let namenodes = format!("nn-0.nn.ns.svc:9870 127.0.0.1:{}", world.namenode);
        let stop = |seconds: u32, who: &str| {
            let run = format!("HOSTNAME=nn-0; set -- {who}; . \"$SCRIPTS/stop.sh\"");
            let mut command = world.bash(seconds);
            command.args(["-c", &run]).env("PORT", &port).env("NAMENODES", &namenodes);
            command.output().unwrap().status.code()
        };
        assert_eq!(stop(120, "namenode"), Some(0), "{own}, {other}");
        assert_eq!(world.read("calls"), calls, "{own}, {other}");
        // Its controller stays as long as it is active: both take part.
        let (seconds, code) = if own.starts_with("active") { (3, 124) } else { (120, 0) };
        assert_eq!(stop(seconds, "zkfc"), Some(code), "{own}, {other}");
    }
}

#[test]
fn a_journalnode_is_ready_once_somebody_writes_to_it() {
    let world = World::new(EMPTY);
    let bean = |asked: &str, state: &str| asked.contains("name=Journal-lake ").then(|| state.to_owned());
    let port = serve(world.at("bean"), bean).to_string();
    let ready = || {
        let more = [("PORT", port.as_str()), ("RPC_PORT", port.as_str())];
        world.run("journalnode-ready.sh", "jn-0", &[], &more)
    };
    let bean = |last: u64, behind: u64| {
        world.set(
            "bean",
            &format!("{{ \"LastJournalTimestamp\" : {last},\n \"CurrentLagTxns\" : {behind},\n \"x\" : 1 }}"),
        );
    };
    // There is no file system yet, and nobody to wait for.
    assert_eq!(ready(), (Some(0), String::new()));
    let current = world.at("jn-0/journal/lake/current");
    std::fs::create_dir_all(&current).unwrap();
    std::fs::write(current.join("last-promised-epoch"), "0\n").unwrap();
    assert_eq!(ready(), (Some(0), String::new()));
    // It began again, and nobody has asked it for anything since: it says nothing of itself.
    std::fs::write(current.join("last-promised-epoch"), "3\n").unwrap();
    let waits = "no NameNode has written to this JournalNode since it started";
    assert!(ready().1.starts_with(waits), "{:?}", ready());
    bean(0, 0);
    assert!(ready().1.starts_with(waits), "{:?}", ready());
    bean(1_795_956_699_075, 7);
    assert!(ready().1.starts_with("this JournalNode is 7 transactions behind"), "{:?}", ready());
    bean(1_795_956_699_075, 0);
    assert_eq!(ready(), (Some(0), String::new()));
    // Its volume was lost, and it has joined the others.
    std::fs::remove_file(current.join("last-promised-epoch")).unwrap();
    std::fs::create_dir(world.at("jn-0/.join-x")).unwrap();
    bean(0, 0);
    assert!(ready().1.starts_with(waits), "{:?}", ready());
    bean(1_795_956_699_075, 0);
    assert_eq!(ready(), (Some(0), String::new()));
}
