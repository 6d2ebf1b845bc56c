//! The sandbox as the tests use it: windlass as a subprocess, kubectl to look from outside.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use serde_json::Value;

/// The binary under test.
pub(crate) const WINDLASS: &str = env!("CARGO_BIN_EXE_windlass");

pub(crate) fn sandbox() -> PathBuf {
    std::env::var_os("WINDLASS_SANDBOX_DIR").map_or_else(|| "/var/lib/windlass/sandbox".into(), PathBuf::from)
}

/// A scratch folder that survives from test to test of one run; its `state` holds the runs.
pub(crate) fn scratch() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("e2e");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// What a command printed and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn new(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }

    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }

    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        let all = format!("{}{}", self.out, self.err);
        assert!(all.contains(text), "`{text}` is not in:\n{all}");
        self
    }

    /// The events of a `--json` run.
    pub(crate) fn events(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// What most of these tests install.
pub(crate) const SMALL: &str = "hdfs,shared-libraries,livy,spark-history-server";

/// The sandbox's folder as tests see it that need HDFS, Livy and the history server alone: its answers name these, and no
/// Ingress. The whole platform is for `platform.rs`.
pub(crate) fn small() -> PathBuf {
    // Threads of one test ask for it at the same time.
    static MADE: LazyLock<PathBuf> = LazyLock::new(|| {
        let (whole, small) = (sandbox(), scratch().join(format!("small-{}", std::process::id())));
        let _ = std::fs::remove_dir_all(&small);
        std::fs::create_dir_all(&small).unwrap();
        for entry in std::fs::read_dir(&whole).unwrap() {
            let name = entry.unwrap().file_name();
            if name != "answers.yaml" {
                std::os::unix::fs::symlink(whole.join(&name), small.join(&name)).unwrap();
            }
        }
        let answers = std::fs::read_to_string(whole.join("answers.yaml")).unwrap();
        let ours = |line: &&str| !line.starts_with("  ingress_") && !line.starts_with("  external_domain");
        let chosen = format!("components: [{SMALL}]");
        let kept = answers.lines().filter(ours).chain([chosen.as_str()]);
        let text = kept.fold(String::new(), |text, line| text + line + "\n");
        std::fs::write(small.join("answers.yaml"), text).unwrap();
        small
    });
    MADE.clone()
}

/// windlass with the sandbox as target, for the whole platform.
pub(crate) fn windlass_whole(args: &[&str]) -> Command {
    let mut command = windlass(args);
    command.env("WINDLASS_SANDBOX_DIR", sandbox());
    command
}

/// windlass with the sandbox as target.
pub(crate) fn windlass(args: &[&str]) -> Command {
    let mut command = Command::new(WINDLASS);
    command.env("WINDLASS_SANDBOX_DIR", small());
    command.arg("--sandbox").args(args).env("XDG_STATE_HOME", scratch().join("state"));
    command.env("XDG_CACHE_HOME", scratch().join("cache")).stdin(Stdio::null());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("WINDLASS_ANSWER_")) {
        command.env_remove(name);
    }
    command
}

#[track_caller]
pub(crate) fn run(command: &mut Command) -> Ran {
    Ran::new(command.output().unwrap())
}

/// The flags that every install of these tests has: the jars to share.
pub(crate) fn with_jars(args: &[&str]) -> Vec<String> {
    let source = format!("shared-libraries.source={}", jars().display());
    args.iter().map(|arg| (*arg).to_owned()).chain(["--set".to_owned(), source]).collect()
}

/// `windlass install --yes` with the jars and more.
#[track_caller]
pub(crate) fn install(more: &[&str]) -> Ran {
    let args = with_jars(&[&["install", "--yes"], more].concat());
    run(&mut windlass(&args.iter().map(String::as_str).collect::<Vec<_>>()))
}

/// The plan with the jars and more, as JSON.
#[track_caller]
pub(crate) fn plan(more: &[&str]) -> Value {
    let args = with_jars(&[&["plan", "--json"], more].concat());
    let ran = run(&mut windlass(&args.iter().map(String::as_str).collect::<Vec<_>>())).exits(0);
    serde_json::from_str(&ran.out).unwrap()
}

/// Ids of a plan's steps that would change something that stays, with the change.
pub(crate) fn changes(plan: &Value) -> Vec<(String, String)> {
    let steps = plan["steps"].as_array().unwrap();
    let changed = steps.iter().filter(|step| !matches!(step["change"].as_str(), Some("nothing" | "check")));
    changed.map(|step| (text(&step["id"]), text(&step["change"]))).collect()
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[track_caller]
pub(crate) fn kubectl(args: &[&str]) -> String {
    let ran = run(kubectl_command(args).stdin(Stdio::null())).exits(0);
    ran.out
}

pub(crate) fn kubectl_command(args: &[&str]) -> Command {
    let mut command = Command::new(sandbox().join("bin/kubectl"));
    command.arg("--kubeconfig").arg(sandbox().join("kubeconfig")).args(args);
    command
}

#[track_caller]
pub(crate) fn kubectl_json(args: &[&str]) -> Value {
    serde_json::from_str(&kubectl(&[args, &["-o", "json"]].concat())).unwrap()
}

/// Runs `hdfs` in the NameNode's pod.
#[track_caller]
pub(crate) fn hdfs(args: &[&str]) -> String {
    let command = ["-n", "apache-hdfs", "exec", "my-hdfs-namenode-0", "--", "hdfs"];
    kubectl(&[&command[..], args].concat())
}

/// What windlass remembers of what it installed.
#[track_caller]
pub(crate) fn state() -> Value {
    let secret = kubectl_json(&["-n", "windlass-system", "get", "secret", "windlass-state"]);
    let mut decode = Command::new("base64").arg("-d").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    decode.stdin.take().unwrap().write_all(text(&secret["data"]["state.json"]).as_bytes()).unwrap();
    serde_json::from_slice(&decode.wait_with_output().unwrap().stdout).unwrap()
}

/// Helm releases: `namespace/name` to revision and status.
#[track_caller]
pub(crate) fn releases() -> Vec<(String, String, String)> {
    let mut command = Command::new(sandbox().join("bin/helm"));
    command.args(["list", "-A", "-o", "json", "--kubeconfig"]).arg(sandbox().join("kubeconfig"));
    let list: Value = serde_json::from_str(&run(&mut command).exits(0).out).unwrap();
    let mut found: Vec<_> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|release| {
            let name = format!("{}/{}", text(&release["namespace"]), text(&release["name"]));
            (name, text(&release["revision"]), text(&release["status"]))
        })
        .collect();
    found.sort();
    found
}

/// The revision of the release with this name.
#[track_caller]
pub(crate) fn revision(name: &str) -> u32 {
    let found = releases().into_iter().find(|(full, _, _)| full.rsplit_once('/').unwrap().1 == name);
    found.unwrap().1.parse().unwrap()
}

#[track_caller]
pub(crate) fn apply(objects: &str) {
    let mut command = kubectl_command(&["apply", "-f", "-"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(objects.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "{objects}");
}

/// The sandbox's registry, and its login.
#[track_caller]
fn registry_login() -> (String, Value) {
    let auth = std::fs::read_to_string(sandbox().join("registry-auth.json")).unwrap();
    let auth: Value = serde_json::from_str(&auth).unwrap();
    let (host, login) = auth["auths"].as_object().unwrap().iter().next().unwrap();
    (host.clone(), login.clone())
}

/// The sandbox's registry: host and port.
#[track_caller]
pub(crate) fn registry() -> String {
    registry_login().0
}

/// What opens the sandbox's registry: the password, and the login that holds it.
#[track_caller]
pub(crate) fn registry_secrets() -> Vec<String> {
    let (_, login) = registry_login();
    ["password", "auth"].iter().filter_map(|field| login[field].as_str()).map(str::to_owned).collect()
}

/// The jars to share, out of the Spark image that the sandbox runs: 63 that pyspark ships, about 40 MB, and one of ours.
pub(crate) fn jars() -> PathBuf {
    let folder = scratch().join("jars");
    if folder.join(".complete").exists() {
        return folder;
    }
    let _ = std::fs::remove_dir_all(&folder);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/jars");
    run(Command::new(script).arg(&folder).env("WINDLASS_SANDBOX_DIR", sandbox())).exits(0);
    std::fs::write(folder.join(".complete"), "").unwrap();
    folder
}

/// A folder with a file of 1 GiB, which takes long enough to be interrupted.
pub(crate) fn big_folder() -> PathBuf {
    folder_with_file(1024)
}

/// A folder with a file of so many MiB that no two blocks of are the same.
pub(crate) fn folder_with_file(mib: usize) -> PathBuf {
    let folder = scratch().join(format!("big-{mib}"));
    let file = folder.join("big.jar");
    if file.exists() {
        return folder;
    }
    std::fs::create_dir_all(&folder).unwrap();
    let mut out = std::io::BufWriter::new(std::fs::File::create(folder.join("part")).unwrap());
    let mut block = vec![0_u8; 1 << 20];
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    for _ in 0..mib {
        for chunk in block.chunks_exact_mut(8) {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            chunk.copy_from_slice(&seed.to_le_bytes());
        }
        out.write_all(&block).unwrap();
    }
    out.into_inner().unwrap().sync_all().unwrap();
    std::fs::rename(folder.join("part"), file).unwrap();
    folder
}

/// A copy of the catalog with some text of one file replaced.
#[track_caller]
pub(crate) fn changed_catalog(name: &str, file: &str, from: &str, to: &str) -> PathBuf {
    let folder = scratch().join(name);
    let _ = std::fs::remove_dir_all(&folder);
    run(Command::new(WINDLASS).args(["catalog", "export"]).arg(&folder)).exits(0);
    change(&folder.join(file), from, to);
    folder
}

/// The catalog without the check by a session, where it would only take time.
#[track_caller]
pub(crate) fn batch_only() -> PathBuf {
    changed_catalog("batch-only", "livy/component.yaml", "  - {action: livy.session,", "#")
}

/// Replaces some text of a file, which must be in it.
#[track_caller]
pub(crate) fn change(path: &Path, from: &str, to: &str) {
    let before = std::fs::read_to_string(path).unwrap();
    assert!(before.contains(from), "{from} is not in {}", path.display());
    std::fs::write(path, before.replace(from, to)).unwrap();
}

/// Waits for something that takes a moment.
#[track_caller]
pub(crate) fn eventually(what: &str, seconds: u64, mut test: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    while !test() {
        assert!(Instant::now() < deadline, "not within {seconds} s: {what}");
        std::thread::sleep(Duration::from_millis(300));
    }
}

/// The seed of what is random in this run, said where a failure shows it: WINDLASS_SEED repeats one.
pub(crate) fn seed() -> u64 {
    let given = std::env::var("WINDLASS_SEED").ok().and_then(|text| text.parse().ok());
    given.unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        now.as_secs()
    })
}

/// The next of a sequence of numbers below `below`.
pub(crate) fn random(seed: &mut u64, below: u64) -> u64 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    *seed % below
}

/// Begins a windlass command, lets it run for a while, and kills it with SIGKILL, with its Helm as a power cut would, or
/// alone. Whether it was still at work.
pub(crate) fn killed_after(args: &[String], millis: u64, with_helm: bool) -> bool {
    let mut child = windlass(&args.iter().map(String::as_str).collect::<Vec<_>>())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(millis));
    let ended = child.try_wait().unwrap().is_some();
    kill(&mut child, with_helm);
    !ended
}

/// Begins a command and kills it, with what it has started, once this is so, which has to be before it ends by itself.
#[track_caller]
pub(crate) fn killed_when(mut command: Command, what: &str, mut test: impl FnMut() -> bool) -> Ran {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(120);
    while !test() {
        let ended = child.try_wait().unwrap();
        assert!(ended.is_none(), "it ended before: {what}: {ended:?}");
        assert!(Instant::now() < deadline, "not within 120 s: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
    kill(&mut child, true);
    Ran::new(child.wait_with_output().unwrap())
}

/// Whether this is in the cluster.
pub(crate) fn there(args: &[&str]) -> bool {
    run(kubectl_command(&[&["get"], args].concat()).stdin(Stdio::null())).code == 0
}

/// Kills a process with SIGKILL, with what it has started or alone.
fn kill(child: &mut Child, with_children: bool) {
    let children = if with_children { children(child.id()) } else { Vec::new() };
    child.kill().unwrap();
    child.wait().unwrap();
    for pid in children {
        // It may have ended by itself meanwhile.
        run(Command::new("kill").args(["-KILL", &pid]));
    }
}

/// The processes that a process has started.
fn children(pid: u32) -> Vec<String> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).collect()
}
