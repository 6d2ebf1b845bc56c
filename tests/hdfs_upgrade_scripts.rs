//! The script that prepares and finalizes an upgrade of HDFS, against NameNodes and an `hdfs` that keep what they hold in
//! files: what it refuses, and that it goes on wherever it was killed. And who begins when in one.

use std::path::Path;

use crate::hadoop::{Files, OK, hosts, ran, serve};

/// `hdfs`, for what the scripts ask of it. `$WORLD/upgrade` is there while an upgrade is not final, `$WORLD/saved` once its
/// image to go back to is. With DIE it kills all that runs with it before that word is carried out, or behind it.
const HDFS: &str = r#"#!/bin/bash
echo "$*" >>"$WORLD/calls"
die() { [ "${DIE:-}" != "$1" ] || kill -KILL 0; }
die "before ${!#}"
case "$*" in
*-format*)
  dir=$(sed -n 's/.*dfs.namenode.name.dir=file:\/\/\([^ ]*\).*/\1/p' <<<"$*")
  mkdir -p "$dir/current" && echo "layoutVersion=$(cat "$WORLD/layout-here")" >"$dir/current/VERSION" ;;
*"-safemode enter") touch "$WORLD/safe" ;;
*"-safemode leave") mv "$WORLD/safe" "$WORLD/left" ;;
*"-rollingUpgrade prepare")
  [ -z "${BROKEN:-}" ] || { echo 'prepare: it is broken' >&2 && exit 255; }
  [ -e "$WORLD/two" ] || { [ -e "$WORLD/safe" ] && mv "$WORLD/safe" "$WORLD/left" && touch "$WORLD/saved"; } || exit 255
  touch "$WORLD/upgrade" ;;
*"-rollingUpgrade query")
  if ! [ -e "$WORLD/upgrade" ]; then echo "There is no rolling upgrade in progress or rolling upgrade has already been finalized."
  elif [ -e "$WORLD/saved" ]; then echo "Proceed with rolling upgrade:"
  else touch "$WORLD/saved"; echo "Preparing for upgrade. Data is being saved for rollback."; fi ;;
*"-rollingUpgrade finalize") [ -n "${STAYS:-}" ] || mv "$WORLD/upgrade" "$WORLD/final" ;;
namenode*) echo started ;;
esac
die "behind ${!#}"
"#;

/// NameNodes, and what was called. `$WORLD/nn-N` is `STATE VERSION DATANODES MISSING`, or empty for one that is silent;
/// DATANODES are their versions, separated by commas. One that is `ignorant` does not know of an upgrade.
struct World {
    files: Files,
    namenodes: Vec<u16>,
}

impl std::ops::Deref for World {
    type Target = Files;

    fn deref(&self) -> &Files {
        &self.files
    }
}

fn answer(folder: &Path, number: usize, asked: &str) -> Option<String> {
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap_or_default().trim().to_owned();
    let state = read(&format!("nn-{number}"));
    let words: Vec<&str> = state.split(' ').collect();
    let [state, version, datanodes, missing, ..] = words[..] else { return None };
    if asked.contains("/imagetransfer") {
        let layout = read("layout-there");
        let said = format!("This namenode has storage info {layout}:7:9:CID-1 but the secondary expected none");
        return Some(format!("HTTP/1.1 403 {said}\r\n\r\n"));
    }
    if asked.contains("NameNodeStatus") {
        return Some(format!("{OK}{{\n \"beans\" : [ {{\n \"State\" : \"{state}\"\n }} ]\n}}"));
    }
    let knows = folder.join("upgrade").exists() && !words.contains(&"ignorant");
    let upgrade =
        if knows { "{\n \"createdRollbackImages\" : true,\n \"startTime\" : 1795955683585\n }" } else { "null" };
    let versions: Vec<String> =
        datanodes.split(',').map(|one| format!("{{\n \"key\" : \"{one}\",\n \"value\" : 1\n }}")).collect();
    let by_hand = folder.join("safe").exists();
    let safe =
        if by_hand { "Safe mode is ON. It was turned on manually." } else { words.get(4).copied().unwrap_or_default() };
    Some(format!(
        "{OK}{{\n \"beans\" : [ {{\n \"Safemode\" : \"{}\",\n \"NumberOfMissingBlocks\" : {missing},\n \"LiveNodes\" : \"{{\\\"a\\\":{{\\\"version\\\":\\\"x\\\"}}}}\",\n \"DistinctVersions\" : [ {} ],\n \"SoftwareVersion\" : \"{version}\",\n \"RollingUpgradeStatus\" : {upgrade}\n }} ]\n}}",
        if safe == "ignorant" { "" } else { safe },
        versions.join(", ")
    ))
}

/// An image of this version of Hadoop.
const OWN: &str = "3.4.2";

impl World {
    fn new(namenodes: &[&str]) -> Self {
        let files = Files::new(HDFS);
        let jars = "hadoop/share/hadoop/common";
        std::fs::create_dir_all(files.at(jars)).unwrap();
        for jar in [format!("hadoop-common-{OWN}-tests.jar"), format!("hadoop-common-{OWN}.jar")] {
            files.set(&format!("{jars}/{jar}"), "");
        }
        let port = |number| {
            let folder = files.folder().to_owned();
            serve(move |asked| answer(&folder, number, asked))
        };
        let ports = (0..namenodes.len()).map(port).collect();
        let world = Self { files, namenodes: ports };
        namenodes.iter().enumerate().for_each(|(number, state)| world.set(&format!("nn-{number}"), state));
        world.set("layout-there", "-67");
        world.set("layout-here", "-67");
        if namenodes.len() > 1 {
            world.set("two", "");
        }
        world
    }

    fn run(&self, words: &[&str], more: &[(&str, &str)]) -> (Option<i32>, String) {
        let mut command = self.script(20, words);
        command.env("TMPDIR", self.folder()).env("HADOOP_HOME", self.at("hadoop"));
        command.env("NAMENODES", hosts(&self.namenodes)).env("TRIES", "2").envs(more.iter().copied());
        ran(&mut command)
    }

    fn prepare(&self, more: &[(&str, &str)]) -> (Option<i32>, String) {
        self.run(&["upgrade.sh", "prepare"], more)
    }

    fn finalize(&self, more: &[(&str, &str)]) -> (Option<i32>, String) {
        self.run(&["upgrade.sh", "finalize"], more)
    }

    /// The commands that change something, in order.
    fn changes(&self) -> Vec<String> {
        let calls = self.read("calls");
        let changes = calls.lines().filter(|call| call.starts_with("dfsadmin") && !call.ends_with("query"));
        changes.map(|call| call.trim_start_matches("dfsadmin ").to_owned()).collect()
    }
}

const WELL: [&str; 2] = ["standby 3.4.1 3.4.1 0", "active 3.4.1 3.4.1 0"];
const DONE: [&str; 2] = ["active 3.4.2 3.4.2 0", "standby 3.4.2 3.4.2 0"];

#[test]
fn two_namenodes_are_prepared_once_and_what_is_said_is_news() {
    let world = World::new(&WELL);
    let (code, said) = world.prepare(&[]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(world.changes(), ["-rollingUpgrade prepare"]);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], "layout version of the metadata: -67, of Hadoop 3.4.2: -67");
    assert!(
        lines[1].starts_with("waiting for the image to go back to") && lines[2].starts_with("prepared: "),
        "{said}"
    );
    assert_eq!(lines.len(), 3, "{said}");
    // Once more, as after a run that was stopped, or one that was gone back from.
    let (code, said) = world.prepare(&[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("an upgrade is not final since 2026-11-29T12:34:43Z: going on with it"), "{said}");
    assert_eq!(world.changes(), ["-rollingUpgrade prepare"]);
}

#[test]
fn one_namenode_saves_its_image_in_safe_mode() {
    let world = World::new(&["active 3.4.1 3.4.1 0"]);
    let (code, said) = world.prepare(&[]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(world.changes(), ["-safemode enter", "-rollingUpgrade prepare"]);
    assert!(!world.has("safe") && said.contains("nothing can be written while"), "{said}");
    // It does not stay there where that fails.
    let world = World::new(&["active 3.4.1 3.4.1 0"]);
    let (code, said) = world.prepare(&[("BROKEN", "1")]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("prepare: it is broken") && !world.has("safe") && world.has("left"), "{said}");
}

#[test]
fn what_was_killed_goes_on() {
    for namenodes in [&WELL[..], &WELL[1..]] {
        for moment in
            ["before enter", "behind enter", "before prepare", "behind prepare", "before query", "behind query"]
        {
            let world = World::new(namenodes);
            let (code, said) = world.prepare(&[("DIE", moment)]);
            let dies = namenodes.len() == 1 || !moment.ends_with("enter");
            assert_eq!(code, Some(if dies { 137 } else { 0 }), "{moment}: {said}");
            let (code, said) = world.prepare(&[]);
            assert_eq!(code, Some(0), "{moment}: {said}");
            assert!(world.has("upgrade") && world.has("saved") && !world.has("safe"), "{moment}: {said}");
        }
    }
    for moment in ["before finalize", "behind finalize", "behind query"] {
        let world = World::new(&DONE);
        world.set("upgrade", "");
        assert_eq!(world.finalize(&[("DIE", moment)]).0, Some(137), "{moment}");
        let (code, said) = world.finalize(&[]);
        assert_eq!(code, Some(0), "{moment}: {said}");
        assert!(world.has("final"), "{moment}: {said}");
    }
}

#[test]
fn nothing_is_prepared_where_it_would_end_badly() {
    for (namenodes, why) in [
        (vec!["", "active 3.4.1 3.4.1 0"], "not every NameNode serves (127 does not)"),
        (vec!["standby 3.4.1 3.4.1 0", "standby 3.4.1 3.4.1 0"], "no NameNode is active"),
        (vec!["active 3.4.1 3.4.1 0", "active 3.4.1 3.4.1 0"], "no NameNode stands by"),
        (vec!["standby 3.4.1 3.4.1 0", "active 3.4.1 3.4.1 3"], "3 blocks are missing"),
        (vec!["standby 3.4.1 3.4.1 0", "active 3.4.1 3.4.1 -"], "- blocks are missing"),
        (vec!["active 3.4.1 3.4.1 0 starting"], "HDFS is in safe mode"),
        (vec!["initializing 3.4.1 3.4.1 0"], "not every NameNode serves"),
    ] {
        let world = World::new(&namenodes);
        let (code, said) = world.prepare(&[]);
        assert_eq!(code, Some(1), "{namenodes:?}: {said}");
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(lines.len(), 2, "once while it waits, once at the end: {said}");
        assert!(lines[0].starts_with("waiting: ") && lines.iter().all(|line| line.contains(why)), "{why}: {said}");
        assert!(lines[1].contains("nothing was changed"), "{said}");
        assert_eq!(world.changes(), [""; 0]);
    }
    // In high availability somebody turned it on, and has to turn it off.
    let world = World::new(&WELL);
    world.set("safe", "");
    let (code, said) = world.prepare(&[]);
    assert_eq!((code, said.contains("HDFS is in safe mode")), (Some(1), true), "{said}");
    assert_eq!(world.changes(), [""; 0]);
}

#[test]
fn what_would_have_no_way_back_is_agreed_to_first() {
    for (there, here, agreed, why) in [
        ("-67", "-66", true, "is too old for these metadata"),
        ("-66", "-67", false, "the layout of the metadata changes with this upgrade"),
        ("", "-67", false, "or nobody knows"),
        ("-67", "", false, "or nobody knows"),
        ("", "", false, "or nobody knows"),
        ("-66", "-67", true, ""),
        ("", "-67", true, ""),
    ] {
        let world = World::new(&WELL);
        world.set("layout-there", there);
        world.set("layout-here", here);
        let (code, said) = world.prepare(&[("CHANGE_LAYOUT", if agreed { "true" } else { "false" })]);
        let goes_on = why.is_empty();
        assert_eq!(code, Some(i32::from(!goes_on)), "{there} {here}: {said}");
        assert!(said.contains(why), "{there} {here}: {said}");
        let unknown = if there.is_empty() { "unknown" } else { there };
        assert!(said.starts_with(&format!("layout version of the metadata: {unknown}, of Hadoop 3.4.2: ")), "{said}");
        assert_eq!(world.changes().len(), usize::from(goes_on), "{there} {here}");
    }
}

#[test]
fn what_runs_already_needs_no_preparation() {
    let world = World::new(&DONE);
    let (code, said) = world.prepare(&[]);
    assert_eq!((code, said.as_str()), (Some(0), "all NameNodes run Hadoop 3.4.2: there is nothing to prepare\n"));
    // A half of it was replaced.
    let world = World::new(&["active 3.4.1 3.4.1 0", "standby 3.4.2 3.4.1 0"]);
    world.set("upgrade", "");
    let (code, said) = world.prepare(&[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("going on with it") && world.changes().is_empty(), "{said}");
}

#[test]
fn it_becomes_final_where_all_run_the_same() {
    for (namenodes, why) in [
        (["active 3.4.2 3.4.2,3.4.1 0", "standby 3.4.2 3.4.2 0"], "DataNodes 3.4.2 and 3.4.1"),
        (["active 3.4.2 3.4.2 0", "standby 3.4.1 3.4.2 0"], "NameNodes 3.4.1 and 3.4.2"),
        (["active 3.4.2 3.4.1 0", "standby 3.4.2 3.4.1 0"], "NameNodes 3.4.2, DataNodes 3.4.1"),
        (["active 3.4.2 3.4.2 0", ""], "not every NameNode serves"),
        // It was made anew while the upgrade was in progress.
        (
            ["active 3.4.2 3.4.2 0 ignorant", "standby 3.4.2 3.4.2 0"],
            "does not: where that stays so, hdfs haadmin -failover",
        ),
    ] {
        let world = World::new(&namenodes);
        world.set("upgrade", "");
        let (code, said) = world.finalize(&[]);
        assert_eq!(code, Some(1), "{why}: {said}");
        assert!(said.contains(why), "{why}: {said}");
        assert!(world.has("upgrade") && world.changes().is_empty(), "{why}");
    }
    // Also where it was gone back from: then the old version is final.
    for version in ["3.4.2", "3.4.1"] {
        let state = |state: &str| format!("{state} {version} {version} 0");
        let world = World::new(&[&state("active"), &state("standby")]);
        let (code, said) = world.finalize(&[]);
        assert_eq!((code, said.as_str()), (Some(0), "no upgrade is in progress: there is nothing to finalize\n"));
        world.set("upgrade", "");
        let (code, said) = world.finalize(&[("STAYS", "1")]);
        assert_eq!((code, said.contains("it did not become final")), (Some(1), true), "{said}");
        let (code, said) = world.finalize(&[]);
        assert_eq!(code, Some(0), "{said}");
        let begun =
            format!("all NameNodes and DataNodes run Hadoop {version}: the upgrade that began at 2026-11-29T12:34:43Z");
        assert!(said.starts_with(&begun) && said.contains("\nfinal: "), "{said}");
    }
}

#[test]
fn a_datanode_of_the_new_version_comes_after_the_namenodes() {
    let place = [("PLACE", "claim"), ("MOVE", "x"), ("UPGRADE_TRIES", "2"), ("DATA", "/nonexistent")];
    let began = "claim holds no blocks yet\n";
    let wait = "waiting until no NameNode runs Hadoop 3.4.1 any more, since a DataNode of 3.4.2 comes after them\n";
    let enough = "a NameNode runs Hadoop 3.4.1 still: going on all the same\n";
    for (namenodes, waits) in [
        (["active 3.4.2 3.4.1 0", "standby 3.4.2 3.4.1 0"], false),
        (["active 3.4.1 3.4.1 0", "standby 3.4.2 3.4.1 0"], true),
        // The way back: DataNodes need not wait for anybody.
        (["active 3.10.0 3.4.2 0", "standby 3.4.3 3.4.2 0"], false),
        // Who does not answer says nothing.
        (["", ""], false),
    ] {
        let world = World::new(&namenodes);
        let (code, said) = world.run(&["check-cluster.sh"], &place);
        let expected = if waits { [wait, enough, began].concat() } else { began.to_owned() };
        assert_eq!((code, said), (Some(0), expected), "{namenodes:?}");
    }
    // Of an image that does not tell its version nothing is known.
    let world = World::new(&WELL);
    let (code, said) = world.run(&["check-cluster.sh"], &[&place[..], &[("HADOOP_HOME", "/nonexistent")]].concat());
    assert_eq!((code, said.as_str()), (Some(0), began));
}

#[test]
fn a_namenode_goes_on_with_an_upgrade_only_where_there_is_an_image_to_go_back_to() {
    let world = World::new(&WELL);
    let volume = world.at("volume/name/current");
    std::fs::create_dir_all(&volume).unwrap();
    std::fs::write(volume.join("fsimage_0000000000000000012.md5"), "").unwrap();
    let data = volume.join("../..").to_str().unwrap().to_owned();
    let start = |more: &[(&str, &str)]| {
        let (code, said) =
            world.run(&["namenode.sh"], &[&[("DATA", data.as_str()), ("HOSTNAME", "nn-1")], more].concat());
        assert_eq!(code, Some(0), "{said}");
        world.read("calls").lines().last().unwrap().to_owned()
    };
    assert_eq!(start(&[]), "namenode -D dfs.ha.namenode.id=nn1");
    assert_eq!(start(&[("NAMENODES", "")]), "namenode");
    std::fs::write(volume.join("fsimage_rollback_0000000000000000012.md5"), "").unwrap();
    assert_eq!(start(&[]), "namenode -D dfs.ha.namenode.id=nn1 -rollingUpgrade started");
    assert_eq!(start(&[("NAMENODES", "")]), "namenode -rollingUpgrade started");
}
