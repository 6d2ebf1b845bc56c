//! The scripts of HDFS's chart, as the pods run them.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The folder of the scripts.
fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("bundles/hdfs/chart/scripts")
}

/// A NameNode of this cluster id; gives its port.
fn namenode(id: &'static str) -> u16 {
    crate::hadoop::serve(move |_| {
        let body = format!(
            "{{\n  \"beans\" : [ {{\n    \"Total\" : 1,\n    \"ClusterId\" : \"{id}\",\n    \"x\" : 2\n  }} ]\n}}"
        );
        Some(format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{body}"))
    })
}

fn check(data: &Path, port: u16) -> Output {
    let mut command = Command::new("bash");
    command.arg(scripts().join("check-cluster.sh")).env("SCRIPTS", scripts()).env("DATA", data);
    // The first of two is silent.
    command.env("NAMENODES", format!("127.0.0.1:1 127.0.0.1:{port}")).env("TRIES", "1");
    command.env("PLACE", "folder /hdfs-data on node n1");
    command.env("MOVE", "run on that node: mv /hdfs-data/data /hdfs-data/data.old").output().unwrap()
}

/// `format.sh` on a folder; `hdfs` is none that could format.
fn format(data: &Path) -> Output {
    let mut command = Command::new("bash");
    command.args(["-c", "hdfs() { echo \"hdfs $*\"; return 3; }; . \"$SCRIPTS/format.sh\""]);
    command.env("SCRIPTS", scripts()).env("DATA", data).output().unwrap()
}

#[test]
fn metadata_of_hdfs_2_are_refused_before_a_namenode_starts() {
    let folder = tempfile::tempdir().unwrap();
    let current = folder.path().join("name/current");
    assert_eq!(format(folder.path()).status.code(), Some(3), "an empty one is formatted");
    std::fs::create_dir_all(&current).unwrap();
    std::fs::write(current.join("fsimage_0000000000000000042.md5"), "").unwrap();
    let with = |version: &str| {
        std::fs::write(current.join("VERSION"), format!("#Sat Nov 28\nclusterID=CID\n{version}\n")).unwrap();
        let output = format(folder.path());
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(said).unwrap())
    };
    for ours in ["layoutVersion=-67", "layoutVersion=-64", "layoutVersion=odd", ""] {
        let (code, said) = with(ours);
        assert_eq!(code, Some(0), "{ours}: {said}");
        assert!(said.ends_with("holds a file system image: not formatting\n"), "{said}");
    }
    for theirs in ["-63", "-60", "-47"] {
        let (code, said) = with(&format!("layoutVersion={theirs}"));
        assert_eq!(code, Some(1), "{said}");
        for part in [format!("layoutVersion {theirs} (2.7 writes -63)"), "HDFS 3.4, which writes -67".to_owned()] {
            assert!(said.contains(&part), "{said}");
        }
    }
}

#[test]
fn blocks_of_another_hdfs_are_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let empty = check(folder.path(), 1);
    assert!(empty.status.success(), "{empty:?}");
    std::fs::create_dir_all(folder.path().join("data/current")).unwrap();
    let version = "#Sat Nov 28\nstorageID=DS-1\nclusterID=CID-old\ncTime=0\nstorageType=DATA_NODE\n";
    std::fs::write(folder.path().join("data/current/VERSION"), version).unwrap();
    assert!(check(folder.path(), namenode("CID-old")).status.success());
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let silent = check(folder.path(), nobody);
    assert!(silent.status.success(), "the DataNode compares itself: {silent:?}");
    let other = check(folder.path(), namenode("CID-new"));
    let said = String::from_utf8(other.stderr).unwrap();
    assert_eq!(other.status.code(), Some(1), "{said}");
    for part in ["folder /hdfs-data on node n1", "CID-old", "CID-new", "mv /hdfs-data/data /hdfs-data/data.old"] {
        assert!(said.contains(part), "{said}");
    }
}
