//! HDFS with two NameNodes: what is taken away, and when, and that nothing is lost.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::*;

pub(crate) const HA: [&str; 6] =
    ["--set", "hdfs.mode=ha", "--set", "hdfs.datanode_replicas=2", "--set", "hdfs.replication=2"];

/// Where the large file goes.
const LARGE: &str = "/large/0.jar";

/// The install of HDFS in high availability, with the jars.
fn installed() -> Ran {
    install(&[&HA[..], &["--components", "hdfs,shared-libraries"]].concat())
}

/// Whoever waits for these wants to see how long it took.
pub(crate) fn told(what: &str, since: Instant) {
    let _ = writeln!(std::io::stderr(), "{what}: {:.1} s", since.elapsed().as_secs_f64());
}

fn pod(namenode: usize) -> String {
    format!("my-hdfs-namenode-{namenode}")
}

/// What a NameNode answers when it is asked whether it is active: 200 or 405.
fn answer(namenode: usize) -> String {
    let ask =
        "exec 3<>/dev/tcp/127.0.0.1/9870; printf 'GET /isActive HTTP/1.0\\r\\n\\r\\n' >&3; timeout 3 head -n 1 <&3";
    let exec = ["-n", "apache-hdfs", "exec", &pod(namenode), "-c", "namenode", "--", "bash", "-c", ask];
    run(kubectl_command(&exec).stdin(Stdio::null())).out
}

fn active() -> Option<usize> {
    (0..2).find(|namenode| answer(*namenode).contains(" 200 "))
}

/// Waits until one is active and the other stands by.
pub(crate) fn whole(seconds: u64) {
    eventually("one NameNode is active and the other stands by", seconds, || {
        (0..2).any(|one| answer(one).contains(" 200 ") && answer(1 - one).contains(" 405 "))
    });
}

/// A command in a NameNode's pod, whichever runs.
pub(crate) fn in_namenode(command: &str) -> Ran {
    let namenode = active().unwrap_or(0);
    let exec = ["-n", "apache-hdfs", "exec", &pod(namenode), "-c", "namenode", "--", "bash", "-c", command];
    run(kubectl_command(&exec).stdin(Stdio::null()))
}

/// Every block of every file is there, as often as it should be.
pub(crate) fn healthy() {
    let mut told = String::new();
    eventually("every block is there as often as it should be", 180, || {
        told = in_namenode("hdfs fsck / -blocks 2>/dev/null").out;
        told.contains("is HEALTHY")
            && told.contains("Under-replicated blocks:\t0 (")
            && told.contains("Missing blocks:\t\t0")
    });
    assert!(told.contains("Corrupt blocks:\t\t0"), "{told}");
}

/// The SHA-256 of a file of HDFS, of its bytes.
fn stored(path: &str) -> String {
    in_namenode(&format!("set -o pipefail; hdfs dfs -cat {path} | sha256sum")).exits(0).out
}

/// A folder with the jars, and 1 GiB in a file whose name begins as none of theirs does.
fn large_folder() -> PathBuf {
    let folder = scratch().join("large");
    if !folder.exists() {
        let part = scratch().join("large.part");
        let _ = std::fs::remove_dir_all(&part);
        run(Command::new("cp").arg("-rl").arg(jars()).arg(&part)).exits(0);
        std::fs::hard_link(big_folder().join("big.jar"), part.join("0.jar")).unwrap();
        std::fs::rename(part, &folder).unwrap();
    }
    folder
}

/// Uploads the jars and 1 GiB, and takes the active NameNode's pod away some time after the first byte.
fn upload_across_a_failover(millis: u64) {
    in_namenode("hdfs dfs -rm -r -f -skipTrash /large").exits(0);
    let source = format!("shared-libraries.source={}", large_folder().display());
    let more = [
        "--no-verify",
        "--components",
        "hdfs,shared-libraries",
        "--set",
        &source,
        "--set",
        "shared-libraries.target=/large",
    ];
    let args = [&["install", "--yes"][..], &HA, &more].concat();
    let child = windlass(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let namenode = active().unwrap();
    std::thread::sleep(Duration::from_millis(millis));
    kubectl(&["-n", "apache-hdfs", "delete", "pod", &pod(namenode), "--wait=false"]);
    let since = Instant::now();
    eventually("the other one is active", 60, || answer(1 - namenode).contains(" 200 "));
    told(&format!("the active NameNode's pod deleted {millis} ms after the start: the other is active after"), since);
    let ran = Ran::new(child.wait_with_output().unwrap()).exits(0);
    told("the upload has ended well after", since);
    assert!(ran.out.contains(&format!("{} sent", crate::JARS + 1)), "{}", ran.out);
    let want = run(Command::new("sha256sum").arg(large_folder().join("0.jar"))).exits(0).out;
    assert_eq!(stored(LARGE).split(' ').next(), want.split(' ').next());
    let left = in_namenode("hdfs dfs -find /large").exits(0).out;
    assert_eq!(left.lines().count(), crate::JARS + 2, "no temporary file: {left}");
    whole(120);
    let [given, stored] = crate::trust::given_and_got("mkdir /tmp/got && hdfs dfs -get '/large/[^0]*' /tmp/got");
    assert_eq!((given.len(), &given), (crate::JARS, &stored));
}

pub(crate) fn survives() {
    let since = Instant::now();
    let ran = installed().exits(0);
    told("installed after", since);
    assert!(ran.out.contains("hdfs://hdfs-k8s"), "{}", ran.out);
    let since = Instant::now();
    installed().exits(0).says("nothing to do");
    told("and again after", since);
    whole(1);
    upload_across_a_failover(4_000);
    healthy();
}

pub(crate) fn removed() {
    run(&mut windlass(&["uninstall", "--yes", "--purge-data", "--confirm", "windlass-sandbox"])).exits(0);
    assert_eq!(releases(), []);
}

/// One NameNode becomes two, by agreement, with what is in it; killed at every step once.
pub(crate) fn becomes() {
    let components = ["--components", "hdfs,shared-libraries,livy,spark-history-server"];
    install(&components).exits(0);
    let more = [&components[..], &["--no-verify", "--set", "hdfs.mode=ha"]].concat();
    let before = kubectl(&["-n", "apache-hdfs", "get", "pod", &pod(0), "-o", "jsonpath={.metadata.uid}"]);
    install(&more).exits(11).says("agreement").says("there is no way back to one NameNode");
    let after = kubectl(&["-n", "apache-hdfs", "get", "pod", &pod(0), "-o", "jsonpath={.metadata.uid}"]);
    assert_eq!(after, before, "nothing begins without leave");
    let agreed = with_jars(&[&["install", "--yes"], &more[..], &["--waive", "agreement"]].concat());
    let agreed: Vec<&str> = agreed.iter().map(String::as_str).collect();
    let get = |object: &str, path: &str| {
        let path = format!("jsonpath={path}");
        run(kubectl_command(&["-n", "apache-hdfs", "get", object, "-o", &path]).stdin(Stdio::null())).out
    };
    let has = |file: &str| {
        let exec = ["-n", "apache-hdfs", "exec", &pod(0), "-c", "namenode", "--", "test", "-e", file];
        run(kubectl_command(&exec).stdin(Stdio::null())).code == 0
    };
    let pending = || releases().iter().any(|(_, _, status)| status.starts_with("pending"));
    let since = Instant::now();
    killed_when(windlass(&agreed), "the NameNode is stopped", || {
        get("statefulset/my-hdfs-namenode", "{.spec.replicas}") == "0"
    });
    // There is a way back as long as nobody else has its edits.
    install(&[&components[..], &["--no-verify"]].concat()).exits(0);
    assert_eq!(get("statefulset/my-hdfs-namenode", "{.spec.replicas}"), "1");
    killed_when(windlass(&agreed), "Helm is at work", pending);
    killed_when(windlass(&agreed), "the JournalNodes are there", || {
        get("pod/my-hdfs-journal-2", "{.status.phase}") == "Running"
    });
    killed_when(windlass(&agreed), "the first NameNode has given its edits", || has("/data/.shared"));
    killed_when(windlass(&agreed), "the second one is there", || {
        get(&format!("pod/{}", pod(1)), "{.status.phase}") == "Running"
    });
    run(&mut windlass(&agreed)).exits(0);
    told("one NameNode has become two, killed five times, after", since);
    whole(60);
    let [given, stored] = crate::trust::given_and_stored();
    assert_eq!((given.len(), &given), (crate::JARS, &stored));
    healthy();
    install(&more).exits(0).says("nothing to do");
    // Spark runs, and its event log is where the name leads.
    run(&mut windlass(&["verify"])).exits(0).says("Pi is roughly 3.1");
    install(&components).exits(2).says("one alone would lose the edits");
}

/// Everything goes at once, and then each volume: back by itself, and no file lost.
pub(crate) fn loses() {
    installed().exits(0);
    let delete = |args: &[&str]| kubectl(&[&["-n", "apache-hdfs", "delete", "--wait=false"], args].concat());
    let back = |what: &str, since: Instant| {
        whole(240);
        told(&format!("{what}: one is active and one stands by after"), since);
        run(&mut windlass(&["verify", "--components", "hdfs"])).exits(0);
        told(&format!("{what}: written, read and deleted after"), since);
        let [given, stored] = crate::trust::given_and_stored();
        assert_eq!(given, stored, "{what}");
        healthy();
    };
    let since = Instant::now();
    delete(&["pods", "--all"]);
    eventually("they are gone", 120, || answer(0).is_empty() && answer(1).is_empty());
    back("all pods deleted at once", since);
    for (what, name) in [
        ("the volume of the active NameNode", pod(active().unwrap())),
        ("the volume of the first NameNode", pod(0)),
        ("the volume of a JournalNode", "my-hdfs-journal-1".to_owned()),
        ("the volume of a ZooKeeper", "my-hdfs-zk-1".to_owned()),
    ] {
        let since = Instant::now();
        let uid = |kind: &str, object: &str| {
            text(&kubectl_json(&["-n", "apache-hdfs", "get", kind, object])["metadata"]["uid"])
        };
        let claim = format!("data-{name}");
        let (volume, before) = (uid("pvc", &claim), uid("pod", &name));
        delete(&["pvc", &claim]);
        delete(&["pod", &name]);
        eventually("there is a new volume", 180, || {
            let get = |kind: &str, object: &str| {
                let args = ["-n", "apache-hdfs", "get", kind, object, "-o", "jsonpath={.metadata.uid}"];
                run(kubectl_command(&args).stdin(Stdio::null())).out
            };
            let (now, pod) = (get("pvc", &claim), get("pod", &name));
            // The pod is made again before its claim has gone now and then: then it waits for one that is not there.
            if pod != before && now == volume && !pod.is_empty() {
                delete(&["pod", &name]);
            }
            !now.is_empty() && now != volume && !pod.is_empty() && pod != before
        });
        let ready = || {
            let path = "jsonpath={.status.conditions[?(@.type=='Ready')].status}";
            run(kubectl_command(&["-n", "apache-hdfs", "get", "pod", &name, "-o", path]).stdin(Stdio::null())).out
                == "True"
        };
        eventually("it is ready again", 300, ready);
        told(&format!("{what}: ready after"), since);
        if name.contains("journal") {
            // The others hold what is written meanwhile; now it does, too.
            let version = ["-n", "apache-hdfs", "exec", &name, "--", "cat", "/data/journal/hdfs-k8s/current/VERSION"];
            eventually("it has joined the others", 300, || {
                run(kubectl_command(&version).stdin(Stdio::null())).out.contains("clusterID=CID-")
            });
            told(&format!("{what}: joined after"), since);
        }
        back(what, since);
    }
}

/// Five failovers in the middle of uploads, at random moments.
pub(crate) fn fails_over() {
    installed().exits(0);
    let mut random_state = seed();
    for round in 0..5 {
        let _ = writeln!(std::io::stderr(), "round {round}, seed {random_state}");
        upload_across_a_failover(500 + random(&mut random_state, 12_000));
    }
    healthy();
    let [given, stored] = crate::trust::given_and_stored();
    assert_eq!(given, stored);
}

/// What a NameNode's init container runs is killed as often, each time in a new pod, which begins without a pause.
fn killed_while(namenode: usize, argument: &str, times: u32) {
    let kill = format!(
        "for p in /proc/[0-9]*; do if [ \"$(cat $p/comm)\" = java ] && grep -qzx -- {argument} $p/cmdline && kill -9 ${{p#/proc/}}; then echo killed; fi; done 2>/dev/null"
    );
    let exec = ["-n", "apache-hdfs", "exec", &pod(namenode), "-c", "format", "--", "bash", "-c", &kill];
    let deadline = Instant::now() + Duration::from_secs(60 + 40 * u64::from(times));
    let mut killed = 0;
    while killed < times {
        assert!(Instant::now() < deadline, "{argument} was killed {killed} times only");
        if run(kubectl_command(&exec).stdin(Stdio::null())).out.contains("killed") {
            killed += 1;
            kubectl(&["-n", "apache-hdfs", "delete", "pod", &pod(namenode), "--grace-period=0", "--force"]);
        }
        // Another moment each time.
        std::thread::sleep(Duration::from_millis(100 + 90 * u64::from(killed)));
    }
}

/// The first image is being made, and the copy of it, when they are killed, ten times each.
pub(crate) fn begins_however_often_it_is_killed() {
    let args = with_jars(&[&["install", "--yes"], &HA[..], &["--components", "hdfs,shared-libraries"]].concat());
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let child = windlass(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    killed_while(0, "-format", 10);
    killed_while(1, "-bootstrapStandby", 10);
    Ran::new(child.wait_with_output().unwrap()).exits(0);
    whole(60);
    healthy();
}

/// Spark, Livy and the history server go on when both NameNodes have got other addresses, one after the other.
pub(crate) fn clients_follow() {
    let all = ["--components", SMALL];
    install(&[&HA[..], &all].concat()).exits(0).says("healthy, verified");
    for namenode in 0..2 {
        kubectl(&["-n", "apache-hdfs", "delete", "pod", &pod(namenode)]);
        whole(120);
    }
    let since = Instant::now();
    run(&mut windlass(&["verify", "--failover"])).exits(0).says("is active after");
    told("with other addresses, and over a failover, verified after", since);
}
