//! An install from an offline bundle, which is made of what the sandbox's registry holds.

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::support::*;

/// The sandbox's registry, as its answers name it.
fn registry() -> String {
    let answers = std::fs::read_to_string(sandbox().join("answers.yaml")).unwrap();
    let line = answers.lines().find_map(|line| line.trim().strip_prefix("registry:")).unwrap();
    line.trim().trim_matches('"').to_owned()
}

fn folder() -> PathBuf {
    scratch().join("offline")
}

fn lock() -> Value {
    let ran = run(&mut windlass(&["bundle", "inspect", bundle().to_str().unwrap(), "--json"])).exits(0);
    serde_json::from_str(ran.out.lines().last().unwrap()).unwrap()
}

/// An offline bundle of HDFS with Helm in it, made once.
fn bundle() -> PathBuf {
    let (folder, registry) = (folder(), registry());
    let made = folder.join("platform.tar");
    if made.exists() {
        return made;
    }
    std::fs::create_dir_all(folder.join("docker")).unwrap();
    std::fs::copy(sandbox().join("registry-auth.json"), folder.join("docker/config.json")).unwrap();
    std::fs::write(folder.join("livy.yaml"), "livy: {image: registry.example/livy, image_tag: '1'}\n").unwrap();
    let text = |path: &str| folder.join(path).to_str().unwrap().to_owned();
    let (lock, config, made_text) = (text("images.lock"), text("docker/config.json"), text("platform.tar"));
    let reach = ["--from", &registry, "--plain-http", &registry, "--registry-config", &config];
    let (helm, hdfs) = (sandbox().join("bin/helm"), ["--components", "hdfs"]);
    let helm = helm.to_str().unwrap();
    let version = run(Command::new(helm).args(["version", "--template", "{{.Version}}"])).exits(0).out;
    let program = format!("helm@{}={helm}", version.trim_start_matches('v'));
    // Only what HDFS needs is asked for.
    let only = "components: [hdfs]\n";
    std::fs::write(folder.join("hdfs.yaml"), only).unwrap();
    let answers = text("hdfs.yaml");
    let command = |args: &[&str]| {
        let mut command = Command::new(WINDLASS);
        command.args(args).env("XDG_STATE_HOME", scratch().join("state")).env("WINDLASS_HELM", helm);
        command.env("XDG_CACHE_HOME", scratch().join("cache")).stdin(Stdio::null());
        run(&mut command).exits(0);
    };
    command(&[&["lock", "--answers", &answers, "--output", &lock][..], &reach].concat());
    let create = ["bundle", "create", "--lock", &lock, "--no-programs", "--program", &program, "--output", &made_text];
    command(&[&create[..], &hdfs, &reach].concat());
    made
}

/// A path of the registry that is this run's alone: what an earlier one pushed stays there.
fn place(path: &str) -> String {
    format!("{path}-{}", std::process::id())
}

/// windlass as where nothing but cluster and registry can be reached: whatever else is asked for fails at a closed port.
fn offline(args: &[&str], path: &str) -> Command {
    let (registry, bundle) = (registry(), bundle());
    let target = format!("{registry}/{}", place(path));
    let args = [args, &["--bundle", bundle.to_str().unwrap(), "--registry", &target, "--components", "hdfs"]].concat();
    let mut command = windlass(&args);
    let host = registry.split(':').next().unwrap().to_owned();
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"] {
        command.env(name, "http://127.0.0.1:9");
    }
    command.env("NO_PROXY", &host).env("no_proxy", &host).env("DOCKER_CONFIG", "/nonexistent");
    command
}

/// The tags of a repository, by crane; empty where there is no such repository.
fn tags(repository: &str) -> String {
    let mut crane = Command::new(sandbox().join("bin/crane"));
    crane.args(["ls", "--insecure", repository]).env("DOCKER_CONFIG", folder().join("docker"));
    run(&mut crane).out
}

/// What containers of HDFS ask for, and what they run, as the runtime says it.
fn running() -> (Vec<String>, Vec<String>) {
    let shown = |path: &str| {
        let fields = path.split(' ').fold(String::new(), |text, path| {
            format!("{text}{{range .items[*].{path}}}{{.image}}|{{.imageID}}{{\"\\n\"}}{{end}}")
        });
        kubectl(&["-n", "apache-hdfs", "get", "pods", "-o", &format!("jsonpath={fields}")])
    };
    let part = |text: String, at: usize| -> Vec<String> {
        let lines = text.lines().filter_map(|line| line.split('|').nth(at));
        lines.map(str::to_owned).filter(|text| !text.is_empty()).collect()
    };
    let asked = part(shown("spec.containers[*] spec.initContainers[*]"), 0);
    (asked, part(shown("status.containerStatuses[*] status.initContainerStatuses[*]"), 1))
}

/// Turns one byte over in the middle of the largest blob; the same again turns it back.
fn flip(path: &Path) {
    let mut file = OpenOptions::new().read(true).write(true).open(path).unwrap();
    let at = file.metadata().unwrap().len() / 2;
    let mut byte = [0];
    file.seek(SeekFrom::Start(at)).unwrap();
    file.read_exact(&mut byte).unwrap();
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(&[byte[0] ^ 1]).unwrap();
}

pub(crate) fn installs() {
    let registry = registry();
    // What it does not hold is found before anything is written.
    let more = run(offline(&["install", "--yes"], "offline").args(["--set", "hdfs.image_tag=0.0.0"])).exits(11);
    let more = more.says("image-not-in-bundle").says("images.lock does not have it");
    assert!(!more.err.contains("panicked") && releases().is_empty(), "{more:?}");
    assert_eq!(tags(&format!("{registry}/{}/apache/hadoop", place("offline"))), "", "nothing was pushed");

    // Whose it is counts where a key is pinned; a plan says what would be pushed.
    let keys = tempfile::tempdir().unwrap();
    for name in ["site", "other"] {
        run(Command::new(WINDLASS).args(["bundle", "keygen", name]).current_dir(keys.path())).exits(0);
    }
    let [private, key, other] = ["site.key", "site.pub", "other.pub"].map(|name| keys.path().join(name));
    // One of an earlier run.
    drop(std::fs::remove_file(folder().join("platform.tar.sig")));
    run(Command::new(WINDLASS).args(["bundle", "sign"]).arg(bundle()).arg("--private-key").arg(&private)).exits(0);
    run(offline(&["plan"], "offline").arg("--key").arg(&other)).exits(8);
    run(offline(&["plan"], "offline").arg("--key").arg(&key)).exits(0).says("push 1 image to ");
    run(offline(&["install", "--yes"], "offline").arg("--key").arg(&other)).exits(8);

    // One wrong byte is found before anything is written, in the cluster and in the registry.
    flip(&bundle());
    let damaged = run(&mut offline(&["install", "--yes"], "damaged"));
    flip(&bundle());
    let damaged = damaged.exits(7).says("digest mismatch").says("nothing was changed");
    assert!(releases().is_empty(), "{}\n{}", damaged.out, damaged.err);
    assert_eq!(kubectl(&["-n", "windlass-system", "get", "leases", "-o", "name"]), "");
    assert_eq!(tags(&format!("{registry}/{}/apache/hadoop", place("damaged"))), "");

    let ran = run(&mut offline(&["install", "--yes", "--max-depth", "2"], "offline")).exits(0);
    let ran = ran.says("nodes of linux/amd64 pull from").says("containers by digest");
    assert!(!ran.out.contains("0 containers by digest"), "{}", ran.out);
    let digest = text(&lock()["bundle"]["images"][0]["resolved"]["digest"]);
    let (asked, ids) = running();
    assert!(ids.len() >= 4, "{ids:?}");
    let expected = format!("{registry}/{}/apache/hadoop:3.4.1@{digest}", place("offline"));
    assert!(asked.iter().all(|image| *image == expected), "{expected}: {asked:?}");
    // Of bytes that the node has had before the runtime may say another name.
    assert!(ids.iter().all(|id| id.ends_with(&digest)), "{digest}: {ids:?}");
    let left = kubectl(&["-n", "apache-hdfs", "get", "jobs,pods", "-o", "name"]);
    assert!(!left.contains("pull-test"), "{left}");
    // Helm was the offline bundle's.
    let helm = std::fs::read_dir(scratch().join("cache/windlass/offline")).unwrap().flatten();
    assert!(helm.map(|entry| entry.path().join("helm")).any(|path| path.exists()));

    run(&mut offline(&["install", "--yes"], "offline")).exits(0).says("nothing to do");
    run(&mut windlass(&["verify"])).exits(0).says("containers by digest");
    // A pod that runs something else is found.
    let other = format!("{registry}/apache/hadoop:3.4.1");
    let patch =
        format!("[{{\"op\":\"replace\",\"path\":\"/spec/template/spec/containers/0/image\",\"value\":\"{other}\"}}]");
    kubectl(&["-n", "apache-hdfs", "patch", "statefulset", "my-hdfs-datanode", "--type=json", "-p", &patch]);
    kubectl(&["-n", "apache-hdfs", "rollout", "status", "statefulset/my-hdfs-datanode", "--timeout=120s"]);
    run(&mut windlass(&["verify"])).exits(7).says("is not from").says("my-hdfs-datanode-0");
}

/// A registry of its own beside the sandbox's, in the node's network, with the same login.
struct Other(Child);

impl Other {
    fn new(port: u16, tls: Option<(&Path, &Path)>) -> Self {
        let folder = folder().join(format!("registry-{port}"));
        std::fs::create_dir_all(&folder).unwrap();
        let node = sandbox().join("node");
        let tls = tls.map_or_else(String::new, |(cert, key)| {
            format!(", tls: {{certificate: {}, key: {}}}", cert.display(), key.display())
        });
        let config = format!(
            "version: 0.1\nlog: {{level: warn, accesslog: {{disabled: true}}}}\nstorage:\n  filesystem: {{rootdirectory: {}}}\nhttp: {{addr: \":{port}\"{tls}}}\nauth: {{htpasswd: {{realm: sandbox, path: {}}}}}\n",
            folder.join("data").display(),
            node.join("pki/htpasswd").display(),
        );
        let path = folder.join("config.yaml");
        std::fs::write(&path, config).unwrap();
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut command = Command::new(root.join("sandbox/exec"));
        command.args(["docker-registry", "serve"]).arg(&path).stdin(Stdio::null()).stdout(Stdio::null());
        let log = File::create(folder.join("log")).unwrap();
        // A group of its own, to be ended as one.
        let child = command.stderr(log).process_group(0).spawn().unwrap();
        let (host, _) = (registry().split(':').next().unwrap().to_owned(), ());
        eventually("the registry listens", 20, || std::net::TcpStream::connect((host.as_str(), port)).is_ok());
        Self(child)
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let group = format!("-{}", self.0.id());
        drop(Command::new("kill").args(["-TERM", "--", &group]).status());
        drop(self.0.wait());
    }
}

/// A certificate for the node's address, by an authority that nobody knows: authority, certificate, key.
fn certificate(host: &str) -> [PathBuf; 3] {
    let folder = folder();
    let [ca, key, cert, request] = ["ca.pem", "key.pem", "cert.pem", "cert.csr"].map(|name| folder.join(name));
    let ca_key = folder.join("ca-key.pem");
    let openssl = |args: &[&str]| run(Command::new("openssl").args(args)).exits(0);
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    openssl(
        &[&["req", "-x509"][..], &curve, &["-keyout", &text(&ca_key), "-out", &text(&ca), "-subj", "/CN=site"]]
            .concat(),
    );
    openssl(
        &[&["req", "-new"][..], &curve, &["-keyout", &text(&key), "-out", &text(&request), "-subj", "/CN=registry"]]
            .concat(),
    );
    let names = folder.join("names");
    std::fs::write(&names, format!("subjectAltName=IP:{host}\n")).unwrap();
    let sign = ["x509", "-req", "-CAcreateserial", "-days", "2"];
    let files = [
        "-in",
        &text(&request),
        "-CA",
        &text(&ca),
        "-CAkey",
        &text(&ca_key),
        "-out",
        &text(&cert),
        "-extfile",
        &text(&names),
    ];
    openssl(&[&sign[..], &files].concat());
    [ca, cert, key]
}

/// An install into a registry that this machine reaches and the node does not: what is said, and that nothing stays.
fn fails(mut command: Command, says: &[&str]) {
    let ran = says.iter().fold(run(&mut command).exits(5), |ran, text| ran.says(text));
    assert!(ran.out.contains("blocked"), "{}", ran.out);
    assert_eq!(releases(), []);
    let left = kubectl(&["get", "jobs,pods", "-A", "-o", "name"]);
    assert!(!left.contains("pull-test"), "{left}");
}

pub(crate) fn nodes_say() {
    let host = registry().split(':').next().unwrap().to_owned();
    let bundle = bundle();
    let config = folder().join("docker/config.json");
    let login: Value = serde_json::from_str(&std::fs::read_to_string(&config).unwrap()).unwrap();
    let auth = login["auths"].as_object().unwrap().values().next().unwrap().clone();
    let names = [format!("{host}:5001"), format!("{host}:5002"), "registry.site.test:5001".to_owned()];
    let all: serde_json::Map<String, Value> = names.iter().map(|name| (name.clone(), auth.clone())).collect();
    let logins = folder().join("logins.json");
    std::fs::write(&logins, serde_json::json!({"auths": all}).to_string()).unwrap();
    let secret = format!("platform.pull_secret=file:{}", logins.display());
    let with = |registry: &str, more: &[&str]| {
        let own =
            ["install", "--yes", "--components", "hdfs", "--bundle", bundle.to_str().unwrap(), "--registry", registry];
        let mut command = windlass(&[&own[..], &["--registry-config", logins.to_str().unwrap()], more].concat());
        command.env("NO_PROXY", "*");
        command
    };
    let plain = Other::new(5001, None);
    // HTTP where the node uses HTTPS.
    let http = ["--set", &secret];
    fails(
        with(&names[0], &http),
        &[
            "serves HTTP, but the node uses HTTPS",
            "on the node: /etc/containerd/certs.d/",
            "server gave HTTP response to HTTPS client",
        ],
    );
    // A name that this machine's hosts file knows, and the node's DNS does not.
    let hosts = folder().join("hosts");
    std::fs::write(&hosts, format!("127.0.0.1 localhost\n{host} registry.site.test\n")).unwrap();
    let known = with(&names[2], &[&http[..], &["--set", "platform.registry_plain_http=true"]].concat());
    let mut apart = Command::new("unshare");
    apart.args(["-m", "sh", "-c", "mount --bind \"$1\" /etc/hosts && shift && exec \"$@\"", "sh"]).arg(&hosts);
    apart.arg(known.get_program()).args(known.get_args());
    for (name, value) in known.get_envs() {
        match value {
            Some(value) => apart.env(name, value),
            None => apart.env_remove(name),
        };
    }
    fails(apart, &["cannot resolve the name registry.site.test", "on the node: /etc/hosts", "no such host"]);
    drop(plain);
    // A certificate by an authority that the node does not know.
    let [ca, cert, key] = certificate(&host);
    let tls = Other::new(5002, Some((&cert, &key)));
    let trusted = ["--set", &secret, "--set", "platform.registry_plain_http=false", "--ca", ca.to_str().unwrap()];
    fails(with(&names[1], &trusted), &["does not trust the certificate", "certs.d", "unknown authority"]);
    drop(tls);
    // A login that is wrong on the nodes alone.
    let wrong = folder().join("wrong.json");
    let registry = registry();
    let auths = serde_json::json!({"auths": {&registry: {"username": "windlass", "password": "wrong"}}});
    std::fs::write(&wrong, auths.to_string()).unwrap();
    let secret = format!("platform.pull_secret=file:{}", wrong.display());
    let mut command = with(&format!("{registry}/site"), &["--set", &secret]);
    command.args(["--registry-config", config.to_str().unwrap()]);
    let mut args: Vec<String> = command.get_args().map(|arg| arg.to_str().unwrap().to_owned()).collect();
    // The first of the two is that of the other registries.
    let at = args.iter().position(|arg| arg == "--registry-config").unwrap();
    args.drain(at..at + 2);
    let args: Vec<&str> = args.iter().skip(1).map(String::as_str).collect();
    let mut command = windlass(&args);
    command.env("NO_PROXY", "*");
    fails(command, &["requires a login, and the node has none or a wrong one", "windlass secrets refresh"]);
    drop(kubectl(&["delete", "namespace", "apache-hdfs"]));
}

/// An install for a registry whose names have one part below the path.
const FLAT: [&str; 3] = ["install", "--yes", "--flatten"];

/// An install whose push has begun some time ago.
fn pushing(millis: u64) -> Child {
    let mut child = offline(&FLAT, "killed").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
    let begun =
        lines.by_ref().map_while(Result::ok).find(|line| line.contains("start") && line.contains("push 1 image"));
    assert!(begun.is_some(), "it never began to push");
    // What it says next has somewhere to go.
    std::thread::spawn(move || lines.count());
    std::thread::sleep(Duration::from_millis(millis));
    child
}

/// Killed and stopped at some moments of the push: the same command resumes, and in the end all is there.
pub(crate) fn killed() {
    for millis in [100, 500, 1000] {
        let mut child = pushing(millis);
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let mut child = pushing(300);
    run(Command::new("kill").args(["-INT", &child.id().to_string()])).exits(0);
    assert_eq!(child.wait().unwrap().code(), Some(6));
    assert_eq!(tags(&format!("{}/{}/apache-hadoop", registry(), place("killed"))), "");
    let ran = run(&mut offline(&FLAT, "killed")).exits(0).says("containers by digest");
    assert!(!ran.err.contains("panicked"), "{}", ran.err);
    run(&mut offline(&FLAT, "killed")).exits(0).says("nothing to do");
}
