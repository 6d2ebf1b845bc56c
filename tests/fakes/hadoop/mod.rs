//! What the scripts of HDFS's chart need outside of a pod: an `hdfs` that is a script, and daemons that answer on `/jmx`. Both
//! keep what they hold in the files of one folder, so that a test can look at it and change it.
#![expect(clippy::unwrap_used, reason = "a fake that fails fails its test")]

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The head of an answer.
pub(crate) const OK: &str = "HTTP/1.1 200 OK\r\n\r\n";

/// Where the chart has its scripts.
const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/bundles/hdfs/chart/scripts");

/// The folder, with `bin/hdfs`; scripts know it as `WORLD`.
pub(crate) struct Files(tempfile::TempDir);

impl Files {
    /// A folder in which `hdfs` is this script.
    pub(crate) fn new(hdfs: &str) -> Self {
        let files = Self(tempfile::tempdir().unwrap());
        std::fs::create_dir_all(files.at("bin")).unwrap();
        std::fs::create_dir_all(files.at("here")).unwrap();
        files.set("bin/hdfs", hdfs);
        let all = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(files.at("bin/hdfs"), all).unwrap();
        files
    }

    pub(crate) fn folder(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.at(name)).unwrap_or_default()
    }

    pub(crate) fn set(&self, name: &str, text: &str) {
        std::fs::write(self.at(name), text).unwrap();
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.at(name).exists()
    }

    /// How often `hdfs` was called with this.
    pub(crate) fn calls(&self, word: &str) -> usize {
        self.read("calls").lines().filter(|line| line.contains(word)).count()
    }

    /// A script of the chart and its arguments, for at most so many seconds.
    pub(crate) fn script(&self, seconds: u32, words: &[&str]) -> Command {
        let mut command = self.bash(seconds);
        command.arg(SCRIPTS.to_owned() + "/" + words[0]).args(&words[1..]);
        command
    }

    /// A shell that knows where the scripts and `hdfs` are; `timeout` makes it a process group of its own.
    pub(crate) fn bash(&self, seconds: u32) -> Command {
        let path = format!("{}:{}", self.at("bin").display(), std::env::var("PATH").unwrap());
        let mut command = Command::new("timeout");
        command.args([&seconds.to_string(), "bash"]).env("SCRIPTS", SCRIPTS).env("PATH", path);
        command.env("WORLD", self.folder()).env("PAUSE", "0.1").current_dir(self.at("here"));
        command
    }
}

/// The root of a pod cannot be written: whoever writes where it happens to be fails there.
impl Drop for Files {
    fn drop(&mut self) {
        let left: Vec<_> =
            std::fs::read_dir(self.at("here")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(left.is_empty() || std::thread::panicking(), "left where the script ran: {left:?}");
    }
}

/// How a script ended, and what it said.
pub(crate) fn ran(command: &mut Command) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    // Of a script that was killed `timeout` dies the same death; what bash says of a pause that was ended is no word of
    // the script's.
    let said = String::from_utf8([stdout, stderr].concat()).unwrap().replace("Terminated\n", "");
    (status.code().or(Some(137)), said)
}

/// Answers each question, head and all, on a port of loopback; a question without an answer gets none.
pub(crate) fn serve(answer: impl Fn(&str) -> Option<String> + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, mut asked, mut part) = (stream.unwrap(), Vec::new(), [0; 1024]);
            // To its end: what is closed with something unread may take the answer along.
            while !asked.ends_with(b"\r\n\r\n") {
                match stream.read(&mut part) {
                    Ok(count) if count > 0 => asked.extend_from_slice(&part[..count]),
                    _ => break,
                }
            }
            if let Some(answer) = answer(&String::from_utf8_lossy(&asked)) {
                let _ = stream.write_all(answer.as_bytes());
            }
        }
    });
    port
}

/// The addresses of these ports, as scripts take them.
pub(crate) fn hosts(ports: &[u16]) -> String {
    ports.iter().map(|port| format!("127.0.0.1:{port}")).collect::<Vec<_>>().join(" ")
}
