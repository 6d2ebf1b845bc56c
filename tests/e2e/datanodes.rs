//! DataNodes come and leave, and copies become more: every file is whole at each moment.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::ha::{in_namenode, whole};
use crate::support::*;

const COMPONENTS: [&str; 4] = ["--components", "hdfs,shared-libraries", "--set", "hdfs.mode=ha"];

/// Two NameNodes and that many DataNodes and copies.
fn with<'a>(datanodes: &'a str, copies: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&COMPONENTS[..], &["--set", datanodes, "--set", copies, "--no-verify"], more].concat()
}

const ONE: &str = "hdfs.datanode_replicas=1";
const TWO: &str = "hdfs.datanode_replicas=2";
const THREE: &str = "hdfs.datanode_replicas=3";
const ONE_COPY: &str = "hdfs.replication=1";
const TWO_COPIES: &str = "hdfs.replication=2";

/// Asks all the time whether every block can be read.
struct Watch {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<(u32, Vec<String>)>,
}

impl Watch {
    fn begin() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let (mut asked, mut bad) = (0, Vec::new());
            while !stopped.load(Ordering::Relaxed) {
                let told = in_namenode("HADOOP_CLIENT_OPTS=-Xmx64m hdfs fsck / 2>/dev/null").out;
                // Without an active NameNode, for some seconds, nobody answers.
                if told.contains(" is CORRUPT") {
                    bad.push(told);
                } else if told.contains(" is HEALTHY") {
                    asked += 1;
                }
                std::thread::sleep(Duration::from_millis(500));
            }
            (asked, bad)
        });
        Self { stop, thread }
    }

    fn end(self, what: &str) {
        self.stop.store(true, Ordering::Relaxed);
        let (asked, bad) = self.thread.join().unwrap();
        assert!(asked > 3, "{what}: asked {asked} times only");
        assert!(bad.is_empty(), "{what}: {} of {asked} times not whole: {}", bad.len(), bad[0]);
    }
}

fn datanodes() -> Vec<String> {
    let selector = "app.kubernetes.io/instance=my-hdfs,app.kubernetes.io/component=datanode";
    let path = "jsonpath={range .items[*]}{.metadata.name} {.metadata.uid}{\"\\n\"}{end}";
    let told = kubectl(&["-n", "apache-hdfs", "get", "pods", "-l", selector, "-o", path]);
    told.lines().map(str::to_owned).collect()
}

fn leaving() -> String {
    let args = ["-n", "apache-hdfs", "get", "configmap", "my-hdfs-datanodes", "-o", "jsonpath={.data.exclude}"];
    run(kubectl_command(&args).stdin(Stdio::null())).out
}

/// How the NameNode that is active sees each DataNode.
fn states() -> String {
    in_namenode("hdfs dfsadmin -report 2>/dev/null | sed -n 's/^Decommission Status : //p' | sort | uniq -c").out
}

fn equal_jars() {
    let [given, stored] = crate::trust::given_and_stored();
    assert_eq!((given.len(), &given), (crate::JARS, &stored));
}

/// More of them, more copies, and what is refused.
pub(crate) fn come() {
    install(&with(ONE, ONE_COPY, &[])).exits(0);
    let first = datanodes();

    let watch = Watch::begin();
    install(&with(THREE, ONE_COPY, &[])).exits(0);
    watch.end("from one to three");
    let three = datanodes();
    assert_eq!((three.len(), &three[0]), (3, &first[0]), "the first one was left alone");

    let watch = Watch::begin();
    install(&with(THREE, TWO_COPIES, &["--set", "hdfs.replicate_existing=true"]))
        .exits(0)
        .says("files are to have 2 copies");
    watch.end("from one copy to two");
    let told = in_namenode("hdfs fsck / 2>/dev/null").out;
    assert!(told.contains("Average block replication:\t2.0"), "{told}");
    whole(120);
    equal_jars();

    // A file that asks for three keeps three.
    let two = with(TWO, TWO_COPIES, &[]);
    let jar =
        in_namenode("hdfs dfs -ls -C /datagram/sharedlibs 2>/dev/null | head -n 1").exits(0).out.trim().to_owned();
    in_namenode(&format!("hdfs dfs -setrep -w 3 {jar}")).exits(0);
    let before = datanodes();
    install(&two)
        .exits(5)
        .says("1 of 64 files ask for more copies")
        .says(&format!("{jar} (3)"))
        .says("nothing was changed");
    assert_eq!((datanodes(), leaving()), (before, String::new()));

    // Of another kind they would begin without blocks.
    install(&with(THREE, TWO_COPIES, &["--set", "hdfs.datanode_kind=daemonset"]))
        .exits(2)
        .says("the blocks of this HDFS are where its DataNodes are now");
}

/// They leave, are to stay after all, leave, and are back.
pub(crate) fn leave() {
    install(&with(THREE, TWO_COPIES, &[])).exits(0);
    let two = with(TWO, TWO_COPIES, &[]);
    // Killed, and the mind is changed.
    let args = with_jars(&[&["install", "--yes"], &two[..]].concat());
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let watch = Watch::begin();
    killed_when(windlass(&args), "one is told to leave", || leaving().contains("my-hdfs-datanode-2."));
    killed_when(windlass(&args), "it is being left", || states().contains("Decommission"));
    install(&with(THREE, TWO_COPIES, &[])).exits(0).says("all DataNodes take blocks");
    assert_eq!(leaving(), "");
    assert!(!states().contains("Decommission"), "{}", states());
    install(&with(THREE, TWO_COPIES, &[])).exits(0).says("nothing to do");
    watch.end("told to leave, and to stay after all");

    // And once more, to the end.
    let watch = Watch::begin();
    let killed = killed_when(windlass(&args), "it is being left again", || states().contains("Decommission"));
    let ran = run(&mut windlass(&args)).exits(0);
    watch.end("from three to two");
    // Those of the one that was killed count as well: it may have seen them all copied.
    let events = killed.out + &ran.out;
    for text in ["blocks to copy", "my-hdfs-datanode-2: every block has its copies elsewhere"] {
        assert!(events.contains(text), "{text} is among the runs' events: {events}");
    }
    assert_eq!((datanodes().len(), leaving()), (2, String::new()));
    equal_jars();
    install(&two).exits(0).says("nothing to do");

    // What was verified last had three: back to that is an install, too, and so is the way from it.
    run(&mut windlass(&["verify", "--components", "hdfs"])).exits(0);
    install(&with(THREE, TWO_COPIES, &[])).exits(0);
    assert!(!states().contains("Decommission"), "the one that is back takes blocks: {}", states());
    run(&mut windlass(&["rollback", "hdfs", "--yes"]))
        .exits(8)
        .says("hdfs cannot be rolled back on its own")
        .says("windlass install --set hdfs.datanode_replicas=2");
    equal_jars();
}
