//! What is changed by hand while windlass is not looking, and what goes while it works.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::*;

/// Where files are shared, as the answers have it by default.
const SHARED: &str = "/datagram/sharedlibs";

/// Something that is changed by hand.
struct Change {
    /// What makes it.
    make: Box<dyn Fn()>,
    /// How the thing is now; empty where it is gone.
    look: Box<dyn Fn() -> String>,
    /// What the one line about it holds: the object, and before and after where there are both.
    says: Vec<String>,
    /// The one step of the plan that fixes it.
    step: (&'static str, &'static str),
    /// The release that gets a new revision.
    release: Option<&'static str>,
}

impl Change {
    /// An object of a release, changed by kubectl.
    fn object(
        release: (&'static str, &'static str),
        (kind, name): (&'static str, &'static str),
        fields: &'static str,
        kubectl_args: &[&str],
        says: &str,
    ) -> Self {
        let (step, release) = release;
        let namespace = release.split_once('/').unwrap().0;
        let args: Vec<String> = ["-n", namespace].iter().chain(kubectl_args).map(|arg| (*arg).to_owned()).collect();
        let make = move || {
            kubectl(&args.iter().map(String::as_str).collect::<Vec<_>>());
        };
        let fields = format!("-o=jsonpath={fields}");
        let look = move || kubectl(&["-n", namespace, "get", kind, name, "--ignore-not-found", &fields]);
        Self {
            make: Box::new(make),
            look: Box::new(look),
            says: vec![format!("{kind} {namespace}/{name}"), says.to_owned()],
            step: (step, "update"),
            release: Some(release),
        }
    }

    /// Something in HDFS.
    fn in_hdfs(
        make: impl Fn() + 'static,
        look: impl Fn() -> String + 'static,
        says: String,
        step: (&'static str, &'static str),
    ) -> Self {
        Self { make: Box::new(make), look: Box::new(look), says: vec![says], step, release: None }
    }
}

/// The kinds of changes, each by its own.
fn all_changes() -> Vec<Change> {
    const HDFS: (&str, &str) = ("hdfs/release", "apache-hdfs/my-hdfs");
    const LIVY: (&str, &str) = ("livy/release", "apache-livy/my-livy");
    const HISTORY: (&str, &str) = ("spark-history-server/release", "apache-livy/my-spark-history-server");
    let history = ("Deployment", "my-spark-history-server");
    let (file, bytes) = smallest_jar();
    let path = format!("{SHARED}/{file}");
    let other: Vec<u8> = bytes.iter().map(|byte| !byte).collect();
    vec![
        Change::object(
            LIVY,
            ("Service", "my-livy-callback"),
            "{.spec.selector}",
            &["delete", "service", "my-livy-callback"],
            "is gone",
        ),
        Change::object(
            HISTORY,
            ("ConfigMap", "my-spark-history-server-config"),
            "{.data}",
            &["delete", "configmap", "my-spark-history-server-config"],
            "is gone",
        ),
        Change::object(
            HDFS,
            ("ConfigMap", "my-hdfs-config"),
            "{.data}",
            &["patch", "configmap", "my-hdfs-config", "--type=merge", "-p", r#"{"data":{"core-site.xml":"<none/>"}}"#],
            "data[core-site.xml] is \"<none/>\" instead of \"<?xml",
        ),
        Change::object(
            HISTORY,
            history,
            "{.spec}",
            &["scale", "deployment", history.1, "--replicas=0"],
            "spec.replicas is 0 instead of 1",
        ),
        Change::object(
            HISTORY,
            history,
            "{.spec}",
            &["set", "image", "deployment", history.1, "*=registry.example/other:1"],
            ".image is \"registry.example/other:1\" instead of \"10.",
        ),
        // Its pods go with it.
        Change::object(
            HDFS,
            ("StatefulSet", "my-hdfs-datanode"),
            "{.spec}",
            &["delete", "statefulset", "my-hdfs-datanode"],
            "is gone",
        ),
        Change::object(
            LIVY,
            ("Role", "my-livy"),
            "{.rules}",
            // One that Livy has in every version.
            &[
                "patch",
                "role",
                "my-livy",
                "--type=json",
                "-p",
                r#"[{"op":"replace","path":"/rules/1/verbs","value":["list"]}]"#,
            ],
            "rules[1].verbs",
        ),
        Change {
            step: ("pull-secret/apache-livy", "update"),
            release: None,
            ..Change::object(
                LIVY,
                ("Secret", "windlass-registry"),
                "{.data}",
                &["patch", "secret", "windlass-registry", "-p", r#"{"data":{".dockerconfigjson":"e30="}}"#],
                "different credentials",
            )
        },
        Change::in_hdfs(
            || drop(hdfs(&["dfs", "-rm", "-r", "-skipTrash", "/tmp/livy"])),
            || in_hdfs("/tmp/livy"),
            "/tmp/livy not found".to_owned(),
            ("livy/before-1", "create"),
        ),
        Change::in_hdfs(
            || drop(hdfs(&["dfs", "-chmod", "0700", SHARED])),
            || in_hdfs(SHARED),
            format!("mode of {SHARED}: 0700 becomes 0755"),
            ("shared-libraries/after-1", "update"),
        ),
        Change::in_hdfs(
            {
                let path = path.clone();
                move || put(&path, &other)
            },
            {
                let path = path.clone();
                move || hdfs(&["dfs", "-checksum", &path])
            },
            format!("{path} has different content"),
            ("shared-libraries/after-2", "update"),
        ),
    ]
}

pub(crate) fn ten_changes_by_hand() {
    // What others added is theirs, however near it is.
    let foreign = ["-n", "apache-livy", "create", "configmap", "foreign", "--from-literal=a=b"];
    kubectl(&foreign);
    let deployment = ["-n", "apache-livy", "annotate", "deployment", "my-spark-history-server"];
    kubectl(&[&deployment[..], &["foreign.example/note=kept"]].concat());
    hdfs(&["dfs", "-touchz", &format!("{SHARED}/foreign.jar")]);
    let at_first = releases();
    assert_eq!(drift(0), Vec::<String>::new());

    for change in all_changes() {
        let what = change.says.join(" ");
        let (before, revisions) = ((change.look)(), releases());
        (change.make)();
        assert_ne!((change.look)(), before, "{what}");
        // Named, and nothing else is: nothing is left of the change before.
        let (told, plan) = std::thread::scope(|scope| {
            let told = scope.spawn(|| drift(5));
            let planned = plan(&[]);
            (told.join().unwrap(), planned)
        });
        assert_eq!(told.len(), 1, "{what}: {told:?}");
        for part in &change.says {
            assert!(told[0].contains(part.as_str()), "{what}: {told:?}");
        }
        let (step, kind) = change.step;
        let mut planned = changes(&plan);
        planned.retain(|(id, _)| !id.ends_with("/record"));
        assert_eq!(planned, [(step.to_owned(), kind.to_owned())], "{what}");
        let why = plan["steps"].as_array().unwrap().iter().find(|one| one["id"] == step).unwrap()["why"].to_string();
        assert!(kind == "create" || !why.is_empty(), "{what}: {why}");
        // Restored, and no release but its own is touched.
        install(&["--no-verify"]).exits(0);
        assert_eq!((change.look)(), before, "{what}");
        for ((name, was, _), (same, is, status)) in revisions.iter().zip(releases()) {
            let new = u32::from(change.release == Some(name.as_str()));
            let wanted = (was.parse::<u32>().unwrap() + new).to_string();
            assert_eq!((name, wanted, "deployed"), (&same, is, status.as_str()), "{what}");
        }
    }
    assert_eq!(drift(0), Vec::<String>::new());

    assert_eq!(kubectl(&["-n", "apache-livy", "get", "configmap", "foreign", "-o=jsonpath={.data}"]), r#"{"a":"b"}"#);
    let note = r"-o=jsonpath={.metadata.annotations.foreign\.example/note}";
    let note = kubectl(&["-n", "apache-livy", "get", "deployment", "my-spark-history-server", note]);
    assert_eq!(note, "kept");
    hdfs(&["dfs", "-rm", "-skipTrash", &format!("{SHARED}/foreign.jar")]);
    kubectl(&[&deployment[..], &["foreign.example/note-"]].concat());
    kubectl(&["-n", "apache-livy", "delete", "configmap", "foreign"]);
    assert_eq!(releases().len(), at_first.len());
    assert_eq!(changes(&plan(&[])), []);
}

/// What `status --drift` tells, of all components.
#[track_caller]
fn drift(code: i32) -> Vec<String> {
    let ran = run(&mut windlass(&["status", "--drift", "--json"])).exits(code);
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    let rows = report["components"].as_array().unwrap();
    rows.iter().flat_map(|row| row["drift"].as_array().cloned().unwrap_or_default()).map(|one| text(&one)).collect()
}

/// Type and mode of a path in HDFS, through the API's proxy: a JVM of its own for this would take seconds.
fn in_hdfs(path: &str) -> String {
    let node = "/api/v1/namespaces/apache-hdfs/pods/my-hdfs-namenode-0:9870/proxy/webhdfs/v1";
    let url = format!("{node}{path}?op=GETFILESTATUS&user.name=hdfs");
    let ran = run(kubectl_command(&["get", "--raw", &url]).stdin(Stdio::null()));
    let status = serde_json::from_str::<Value>(&ran.out).unwrap_or_default()["FileStatus"].take();
    if status.is_null() { String::new() } else { format!("{} {}", status["type"], status["permission"]) }
}

fn smallest_jar() -> (String, Vec<u8>) {
    let jars = std::fs::read_dir(jars()).unwrap().map(|entry| entry.unwrap().path());
    let jars = jars.filter(|path| path.extension().is_some_and(|end| end == "jar"));
    let path = jars.min_by_key(|path| path.metadata().unwrap().len()).unwrap();
    (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read(&path).unwrap())
}

/// Writes a file in HDFS, over one that is there.
fn put(path: &str, bytes: &[u8]) {
    let command =
        ["-n", "apache-hdfs", "exec", "-i", "my-hdfs-namenode-0", "--", "hdfs", "dfs", "-put", "-f", "-", path];
    let mut child = kubectl_command(&command).stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    assert!(child.wait().unwrap().success());
}

pub(crate) fn livys_pod_goes_during_a_batch() {
    if crate::livy_is_old() {
        crate::skipped("a batch that outlives Livy's pod");
        return;
    }
    let catalog = batch_only();
    let mut verify = windlass(&["verify", "--components", "livy", "--json", "--catalog"]);
    verify.arg(&catalog);
    let mut child = verify.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    eventually("the driver runs", 240, || {
        assert!(child.try_wait().unwrap().is_none(), "it ended before its driver was seen to run");
        driver_runs()
    });
    delete_livy(&["--wait=false"]);
    let output = child.wait_with_output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{out}{err}");
    assert!(out.contains("Pi is roughly 3.1"), "{out}");
    assert!(out.contains("Livy does not answer: "), "{out}");
    // Nothing of the check stays, in Kubernetes or in Livy.
    let left = kubectl(&["-n", "apache-livy", "get", "pods", "-l", "windlass.dev/check", "-o", "name"]);
    assert_eq!(left, "");
    for list in ["batches", "sessions"] {
        let found: Value = serde_json::from_str(&livy("get", list, &[]).exits(0).out).unwrap();
        assert_eq!(found["sessions"], json!([]), "{list}");
    }
    the_batch_ends_as_a_success();
}

/// A batch of which windlass knows nothing: it is Livy that has to remember it.
fn the_batch_ends_as_a_success() {
    let request = json!({
        "name": "outlives", "className": "org.apache.spark.examples.SparkPi", "args": ["100"],
        "file": "local:///opt/spark/examples/jars/spark-examples_2.12-3.5.6.jar",
    });
    let file = scratch().join("batch.json");
    std::fs::write(&file, request.to_string()).unwrap();
    let made = livy("create", "batches", &["-f", file.to_str().unwrap()]).exits(0);
    let made: Value = serde_json::from_str(&made.out).unwrap();
    let batch = format!("batches/{}", made["id"]);
    eventually("the driver runs", 240, driver_runs);
    delete_livy(&["--grace-period=0", "--force", "--wait=false"]);
    let mut state = String::new();
    eventually("the batch has ended", 240, || {
        let asked = livy("get", &batch, &[]);
        state = text(&serde_json::from_str::<Value>(&asked.out).unwrap_or_default()["state"]);
        ["success", "dead", "error", "killed"].contains(&state.as_str())
    });
    assert_eq!(state, "success");
    livy("delete", &batch, &[]).exits(0);
    kubectl(&["-n", "apache-livy", "delete", "pods", "-l", "spark-role"]);
}

/// Asks Livy through the API's proxy.
fn livy(verb: &str, path: &str, more: &[&str]) -> Ran {
    let url = format!("/api/v1/namespaces/apache-livy/services/my-livy:8998/proxy/{path}");
    run(kubectl_command(&[&[verb, "--raw", &url][..], more].concat()).stdin(Stdio::null()))
}

fn driver_runs() -> bool {
    let pods = kubectl_json(&["-n", "apache-livy", "get", "pods", "-l", "spark-role=driver"]);
    pods["items"].as_array().unwrap().iter().any(|pod| pod["status"]["phase"] == "Running")
}

fn delete_livy(how: &[&str]) {
    kubectl(&[&["-n", "apache-livy", "delete", "pods", "-l", "app.kubernetes.io/name=livy"][..], how].concat());
}

pub(crate) fn hdfs_pods_go_during_an_upload() {
    let source = format!("shared-libraries.source={}", big_folder().display());
    let target = ["--set", &source, "--set", "shared-libraries.target=/deleted"];
    let args = ["install", "--yes", "--no-verify", "--json", "--components", "shared-libraries"];
    let mut child = windlass(&[&args[..], &target].concat()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut out, mut deleted) = (String::new(), None);
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        let event: Value = serde_json::from_str(&line).unwrap();
        out.push_str(&line);
        out.push('\n');
        if let (None, Some(done), Some(total)) = (deleted, event["done"].as_u64(), event["total"].as_u64())
            && event["event"] == "bytes"
            && done > total / 10
        {
            assert!(done < total * 6 / 10, "{done} of {total} bytes were sent before it could be interrupted");
            let pods = ["my-hdfs-datanode-0", "my-hdfs-namenode-0"];
            kubectl(&[&["-n", "apache-hdfs", "delete", "pod", "--wait=false"][..], &pods].concat());
            deleted = Some(out.len());
        }
    }
    assert_eq!(child.wait().unwrap().code(), Some(0), "{out}");
    let later = &out[deleted.unwrap()..];
    assert!(later.contains("\"step-retried\"") || later.contains("retrying in"), "{later}");
    assert!(out.contains("1 sent"), "{out}");
    // The bytes are those that were sent, by HDFS's own account of them.
    let state = state();
    let recorded = text(&state["components"]["shared-libraries"]["uploads"]["/deleted"]["big.jar"]);
    let checksum = hdfs(&["dfs", "-checksum", "/deleted/big.jar"]);
    let checksum: Vec<&str> = checksum.split_whitespace().skip(1).collect();
    assert_eq!(checksum.join(":"), recorded);
    let listed = hdfs(&["dfs", "-ls", "-R", "/deleted"]);
    assert!(listed.contains(" 1073741824 ") && !listed.contains(".windlass-"), "{listed}");
    let length = Path::metadata(&big_folder().join("big.jar")).unwrap().len();
    assert_eq!(length, 1_073_741_824);
    hdfs(&["dfs", "-rm", "-r", "-skipTrash", "/deleted"]);
    // The files of the target before are there; that they are what is wanted is remembered.
    install(&["--no-verify"]).exits(0).says("0 sent");
    assert_eq!(changes(&plan(&[])), []);
    assert_eq!(drift(0), Vec::<String>::new());
}
