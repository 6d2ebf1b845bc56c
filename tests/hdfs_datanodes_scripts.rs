//! What is done before DataNodes leave and when they are back, against NameNodes that keep what they know in files: nothing
//! leaves before its blocks are elsewhere, and nobody's leave is taken back while it is thought to be there.

use std::fmt::Write as _;
use std::path::PathBuf;

use crate::hadoop::{Files, OK, hosts, ran, serve};

/// `hdfs`, for what the script asks of it. A NameNode that reads anew who leaves does what `$WORLD/exclude` says, as Hadoop
/// does: who is in it begins to leave, and who is not in it any more is back in service.
const HDFS: &str = r#"#!/bin/bash
echo "$*" >>"$WORLD/calls"
case "$*" in
fsck*) cat "$WORLD/fsck" ;;
*-refreshNodes*)
  for n in 0 1; do
    while read -r name state rest; do
      if grep -qx "$name" "$WORLD/exclude"; then
        [ "$state" != In_Service ] || state=Decommission_In_Progress
      elif [ "$state" != dead ]; then
        state=In_Service
      fi
      echo "$name $state $rest"
    done <"$WORLD/namenode-$n" >"$WORLD/new"
    cp "$WORLD/new" "$WORLD/namenode-$n"
  done ;;
*-listOpenFiles*) printf 'dn-2\tclient\t/logs/app.inprogress\n' ;;
*-setrep*)
  printf 'Replication 2 set: /a\nReplication 2 set: /b\n'
  if [ -e "$WORLD/setrep" ]; then cat "$WORLD/setrep" >&2 && exit 1; fi
  ;;
esac
"#;

struct World {
    files: Files,
    namenodes: [u16; 2],
}

impl std::ops::Deref for World {
    type Target = Files;

    fn deref(&self) -> &Files {
        &self.files
    }
}

/// A NameNode: its state in one file, its DataNodes in another as lines `NAME STATE USED REMAINING BLOCKS LEFT`.
fn namenode(folder: PathBuf, number: usize) -> u16 {
    serve(move |asked| {
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap_or_default();
        let state = read(&format!("state-{number}"));
        if state.is_empty() {
            return None;
        }
        let body = if asked.contains("name=NameNodeInfo") {
            let (safe, missing) = (read("safe"), read("missing"));
            let more = format!("\n \"Safemode\" : \"{safe}\",\n \"NumberOfMissingBlocks\" : {missing},");
            info(&read(&format!("namenode-{number}"))) + &more
        } else if asked.contains("name=FSNamesystem ") {
            format!("\"LowRedundancyBlocks\" : {},\n \"PendingReconstructionBlocks\" : 0,", read("low"))
        } else {
            format!("\"State\" : \"{state}\",")
        };
        Some(format!("{OK}{{\n \"beans\" : [ {{\n \"x\" : 1,\n {body}\n \"y\" : 2 }} ]\n}}"))
    })
}

/// The bean in the form of Hadoop 3.4.1.
fn info(nodes: &str) -> String {
    let (mut live, mut dead, mut moving) = (String::new(), String::new(), String::new());
    for node in nodes.lines() {
        let [name, state, used, remaining, blocks, left] = node.split(' ').collect::<Vec<_>>()[..] else { continue };
        let host = format!("\\\"{name}.dn.ns.svc.cluster.local:9866\\\"");
        if state == "dead" {
            write!(dead, "{host}:{{\\\"lastContact\\\":900,\\\"adminState\\\":\\\"Decommissioned\\\"}},").unwrap();
            continue;
        }
        let state = state.replace('_', " ");
        write!(live, "{host}:{{\\\"lastContact\\\":1,\\\"usedSpace\\\":{used},\\\"adminState\\\":\\\"{state}\\\",\\\"numBlocks\\\":{blocks},\\\"version\\\":\\\"3.4.1\\\",\\\"used\\\":{used},\\\"remaining\\\":{remaining}}},").unwrap();
        if state == "Decommission In Progress" {
            write!(moving, "{host}:{{\\\"xferaddr\\\":\\\"10.0.0.7:9866\\\",\\\"underReplicatedBlocks\\\":{left}}},")
                .unwrap();
        }
    }
    let map = |text: String| format!("{{{}}}", text.trim_end_matches(','));
    format!(
        "\"ClusterId\" : \"CID-1\",\n \"LiveNodes\" : \"{}\",\n \"DeadNodes\" : \"{}\",\n \"DecomNodes\" : \"{}\",",
        map(live),
        map(dead),
        map(moving)
    )
}

impl World {
    /// Two NameNodes that know these DataNodes.
    fn new(nodes: &[&str]) -> Self {
        let files = Files::new(HDFS);
        let namenodes = [0, 1].map(|number| namenode(files.folder().to_owned(), number));
        let world = Self { files, namenodes };
        for (name, text) in [
            ("state-0", "standby"),
            ("state-1", "active"),
            ("exclude", ""),
            ("fsck", FILES),
            ("low", "0"),
            ("safe", ""),
            ("missing", "0"),
        ] {
            world.set(name, text);
        }
        world.know(nodes);
        world
    }

    fn know(&self, nodes: &[&str]) {
        for one in ["namenode-0", "namenode-1"] {
            self.set(one, &(nodes.join("\n") + "\n"));
        }
    }

    /// The script, to its end.
    fn run(&self, word: &str, staying: u32, leaving: &str) -> (Option<i32>, String) {
        self.run_for(120, word, staying, leaving)
    }

    /// The script, as long as it takes to see that it waits, and what it says meanwhile.
    fn waits(&self, word: &str, staying: u32, leaving: &str) -> String {
        let (code, said) = self.run_for(5, word, staying, leaving);
        assert_eq!(code, Some(124), "{word}: {said}");
        said
    }

    fn run_for(&self, seconds: u32, word: &str, staying: u32, leaving: &str) -> (Option<i32>, String) {
        let mut command = self.script(seconds, &["datanodes.sh", word]);
        command.env("NAMENODES", hosts(&self.namenodes)).env("STUCK", "1").env("TRIES", "5").env("DATANODE", "dn");
        command.env("COPIES", "2").env("STAYING", staying.to_string()).env("LEAVING", leaving).env("HOSTNAME", "job-0");
        ran(&mut command)
    }
}

/// What fsck says of files, names among them that look like what it says.
const FILES: &str = "FSCK started by hdfs\n\n/ <dir>\n/a 30 bytes, replicated: replication=2, 1 block(s):  OK\n\
    /b, replicated: replication=9, 1 block(s): 1 bytes, replicated: replication=1, 1 block(s):  OK\n\
    \nStatus: HEALTHY\n Missing blocks:\t\t0\n Corrupt blocks:\t\t0\nThe filesystem under path '/' is HEALTHY\n";

const THREE: [&str; 3] = ["dn-0 In_Service 10 500 4 0", "dn-1 In_Service 10 500 4 0", "dn-2 In_Service 30 500 7 7"];

#[test]
fn all_files_have_room_for_their_copies_or_nothing_is_changed() {
    let world = World::new(&THREE);
    let (code, said) = world.run("may-leave", 2, "dn-2 ");
    assert_eq!(code, Some(0), "{said}");
    assert!(said.ends_with("all 2 files have room for their copies on 2 DataNodes\n"), "{said}");
    let line = "/c d,e 7 bytes, replicated: replication=3, 1 block(s):  Under replicated BP-1:blk_1";
    let coded = "/ec 7 bytes, erasure-coded: policy=RS-3-2-1024k, 1 block(s):  OK";
    world.set("fsck", &FILES.replace("\nStatus", &format!("{line}\n{coded}\nStatus")));
    let (code, said) = world.run("may-leave", 2, "dn-2 ");
    assert_eq!(code, Some(1), "{said}");
    let expected = "2 of 4 files ask for more copies than the 2 DataNodes that would stay can hold: /c d,e (3), /ec (5). nothing was changed";
    assert!(said.contains(expected), "{said}");
    // Many are counted, and not all of them named.
    let many: String = (0..9).map(|at| line.replace("/c", &format!("/c{at}")) + "\n").collect();
    world.set("fsck", &FILES.replace("\nStatus", &format!("{many}\nStatus")));
    let (code, said) = world.run("may-leave", 2, "dn-2 ");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("/c4 d,e (3) and 4 more. nothing was changed"), "{said}");
}

#[test]
fn what_is_not_known_to_be_whole_is_not_taken_apart() {
    for (from, to, expected) in [
        ("Missing blocks:\t\t0", "Missing blocks:\t\t2", "HDFS is not whole; missing blocks: 2. nothing was changed"),
        ("The filesystem under", "", "the files could not be looked at. nothing was changed"),
    ] {
        let world = World::new(&THREE);
        world.set("fsck", &FILES.replace(from, to));
        let (code, said) = world.run("may-leave", 2, "dn-2 ");
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains(expected), "{said}");
    }
    // One that is to stay does not report.
    let world = World::new(&[THREE[0], THREE[2]]);
    let (code, said) = world.run("may-leave", 2, "dn-2 ");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("dn-1: not reporting"), "{said}");
    // There is no room.
    let world = World::new(&["dn-0 In_Service 10 20 4 0", "dn-1 In_Service 10 9 4 0", "dn-2 In_Service 30 500 7 7"]);
    let (code, said) = world.run("may-leave", 2, "dn-2 ");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.starts_with("dn-2 : 30B are there, and those that stay have room for 29B"), "{said}");
    // Nobody can say.
    let world = World::new(&THREE);
    world.set("state-1", "standby");
    let (code, said) = world.run("may-leave", 2, "dn-2 ");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("no NameNode is active"), "{said}");
    assert_eq!(world.calls(""), 0);
}

#[test]
fn it_ends_when_all_that_leave_are_free_of_blocks_and_every_namenode_knows_who_leaves() {
    let world = World::new(&THREE);
    world.set("exclude", "dn-2\n");
    let said = world.waits("drain", 2, "dn-2 ");
    assert!(said.contains("dn-2: 7 of 7 blocks to copy\n"), "{said}");
    // Nothing moves: what keeps it is reported.
    assert!(said.contains("files that are open there: /logs/app.inprogress"), "{said}");
    let refreshes = world.calls("-refreshNodes");
    world.know(&[THREE[0], THREE[1], "dn-2 Decommissioned 30 500 7 0"]);
    let (code, said) = world.run("drain", 2, "dn-2 ");
    assert_eq!((code, said.as_str()), (Some(0), "dn-2: every block has its copies elsewhere\n"));
    assert_eq!(world.calls("-refreshNodes"), refreshes, "whoever knows is not notified again");
    // Only one of the NameNodes has begun since, and knows nothing of it.
    world.set("namenode-0", &(THREE.join("\n") + "\n"));
    assert_eq!(world.run("drain", 2, "dn-2 ").0, Some(0));
    assert!(world.read("namenode-0").contains("dn-2 Decommission_In_Progress"), "{}", world.read("namenode-0"));
}

#[test]
fn those_that_are_gone_are_waited_for_no_more() {
    let world = World::new(&[THREE[0], THREE[1]]);
    let (code, said) = world.run("may-leave", 2, "dn-2 ");
    assert_eq!((code, said.as_str()), (Some(0), "already gone: dn-2 \n"));
    assert_eq!(world.run("drain", 2, "dn-2 ").0, Some(0));
    // A dead one, whatever it is called: what counts is whether any block lacks copies.
    world.know(&[THREE[0], THREE[1], "dn-2 dead 0 0 0 0"]);
    let (code, said) = world.run("may-leave", 2, "dn-2 ");
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("all 2 files have room"), "its files are looked at: {said}");
    assert_eq!(world.run("drain", 2, "dn-2 ").0, Some(0));
    world.set("low", "4");
    let (code, said) = world.run("drain", 2, "dn-2 ");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.starts_with("4 blocks lack copies"), "{said}");
    assert!(said.contains("none was copied for minutes") && said.contains("nothing was taken away"), "{said}");
    // Of one that is gone nothing is waited for.
    world.know(&[THREE[0], THREE[1]]);
    assert_eq!(world.run("drain", 2, "dn-2 ").0, Some(0));
    assert_eq!(world.calls("-refreshNodes"), 0);
}

#[test]
fn a_namenode_that_has_just_begun_knows_nothing_and_is_not_believed() {
    for (file, text, nodes, expected) in [
        // No DataNode has reported yet, and none is dead therefore.
        ("safe", "", vec![], "dn-0 dn-1: not reporting"),
        ("safe", "", vec![THREE[0]], "dn-1: not reporting"),
        ("safe", "Safe mode is ON. Reported blocks 3", vec![THREE[0], THREE[1]], "HDFS is in safe mode"),
        ("missing", "7", vec![THREE[0], THREE[1]], "blocks are missing"),
    ] {
        let world = World::new(&nodes);
        world.set(file, text);
        let said = world.waits("drain", 2, "dn-2 ");
        assert!(said.contains(expected), "{expected}: {said}");
        let (code, said) = world.run("may-leave", 2, "dn-2 ");
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains(expected) && said.contains("nothing was changed"), "{expected}: {said}");
    }
}

#[test]
fn what_was_copied_by_a_run_that_was_killed_needs_no_room_again() {
    let nodes = ["dn-0 In_Service 90 20 4 0", "dn-1 In_Service 90 9 4 0", "dn-2 Decommissioned 100 500 7 0"];
    let world = World::new(&nodes);
    let (code, said) = world.run("may-leave", 2, "dn-2 ");
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn nobodys_leave_is_taken_back_while_it_is_thought_to_be_there() {
    // dn-3 has left a minute ago; now dn-2 is to leave, or to be back.
    for (word, two) in [("drain", "dn-2 In_Service 30 500 7 7"), ("admit", "dn-2 Decommissioned 30 500 7 0")] {
        let world = World::new(&[THREE[0], THREE[1], two, "dn-3 Decommissioned 30 500 7 0"]);
        let (staying, leaving) = if word == "drain" { (2, "dn-2 ") } else { (3, "") };
        let said = world.waits(word, staying, leaving);
        assert!(said.contains("has forgotten dn-3, which left before: within eleven minutes"), "{word}: {said}");
        assert_eq!(world.calls("-refreshNodes"), 0, "{word}");
        // It is known to be gone.
        world.know(&[THREE[0], THREE[1], two, "dn-3 dead 0 0 0 0"]);
        world.run_for(5, word, staying, leaving);
        assert!(world.calls("-refreshNodes") > 0, "{word}");
    }
}

#[test]
fn those_that_are_to_stay_after_all_take_blocks_again() {
    for state in ["Decommissioned", "Decommission_In_Progress"] {
        let world = World::new(&[THREE[0], THREE[1], &format!("dn-2 {state} 30 500 7 0")]);
        let (code, said) = world.run("admit", 3, "");
        assert_eq!(code, Some(0), "{said}");
        assert!(said.starts_with("to take blocks again: dn-2"), "{said}");
        assert!(said.ends_with("no DataNode that stays is told to leave\n"), "{said}");
        for one in ["namenode-0", "namenode-1"] {
            assert!(world.read(one).contains("dn-2 In_Service"), "{}", world.read(one));
        }
    }
    let world = World::new(&THREE);
    assert_eq!(world.run("admit", 3, "").0, Some(0));
    assert_eq!(world.calls(""), 0, "nothing is asked of Hadoop where all is well");
}

#[test]
fn copies_are_waited_for_where_there_are_datanodes_for_them() {
    let world = World::new(&THREE);
    let (code, said) = world.run("copies", 3, "");
    assert_eq!((code, said.as_str()), (Some(0), "giving all files 2 copies\n2 files are to have 2 copies\n"));
    let world = World::new(&THREE[..1]);
    let (code, said) = world.run("copies", 1, "");
    assert_eq!(code, Some(0), "{said}");
    assert!(said.ends_with("they are made when there are as many DataNodes\n"), "{said}");
    // Files that went away meanwhile are no mistake; others are.
    let world = World::new(&THREE);
    let gone = "setrep: Could not set replication for: /c\nsetrep: File hdfs://x/d does not exist.\n";
    world.set("setrep", &format!("NOTE: x\n{gone}"));
    let (code, said) = world.run("copies", 3, "");
    assert_eq!(code, Some(0), "{said}");
    for wrong in
        ["setrep: Permission denied: user=x", "-setrep: UnknownHostException", "Exception in thread \"main\" x"]
    {
        world.set("setrep", &format!("{gone}{wrong}\n"));
        let (code, said) = world.run("copies", 3, "");
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains(&format!("{wrong}\nnot all files could be told (exit code 1)")), "{said}");
    }
    // One that was killed says nothing.
    world.set("setrep", "");
    let (code, said) = world.run("copies", 3, "");
    assert_eq!(code, Some(1), "{said}");
    // Nothing is copied any more: it is reported, and the script continues.
    let world = World::new(&THREE);
    world.set("low", "3");
    let (code, said) = world.run("copies", 3, "");
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("3 blocks to copy\nnone was copied for minutes"), "{said}");
}
