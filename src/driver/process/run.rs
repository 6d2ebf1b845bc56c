//! Runs one child to its end.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, kill_process_group, prlimit};
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::output::{StderrLine, Tail, read_head, read_lines};
use super::{Environment, Exit, ProcessError};

/// How many of the last stderr lines an error carries.
const ERROR_LINES: usize = 12;

/// How long pipes may stay open after the child's end: a grandchild may hold them for as long as it lives.
const PIPE_GRACE: Duration = Duration::from_secs(1);

/// What to run, and its limits.
#[derive(Clone)]
pub struct Spec {
    /// The program's path, or its name to be looked up in our PATH.
    pub program: PathBuf,
    /// Its arguments. They can be read by everyone on the machine: no secret may be among them.
    pub args: Vec<OsString>,
    /// All of its environment.
    pub env: Environment,
    /// What it reads from stdin; `None` closes stdin.
    pub stdin: Option<Vec<u8>>,
    /// Whether it may prompt: it inherits our stdin and stderr then, and stays in our process group, since a terminal
    /// stops a reader of another group.
    pub terminal: bool,
    /// How long it may take in all.
    pub deadline: Duration,
    /// How long it gets between SIGTERM and SIGKILL.
    pub grace: Duration,
    /// How many bytes of memory it may have of its own; `None` is no limit.
    pub memory: Option<u64>,
    /// How many bytes a file may have that it, or what it starts, writes; `None` is no limit.
    pub file_size: Option<u64>,
    /// How many bytes of stdout are kept; more is an error.
    pub stdout_cap: usize,
    /// How many bytes of stderr are kept, the last ones.
    pub stderr_cap: usize,
    /// Called with each line of stderr at once.
    pub on_stderr_line: Option<StderrLine>,
}

impl Spec {
    /// A program with no arguments, an empty environment, closed stdin and moderate bounds: 60 s, 10 s of grace,
    /// 16 MiB of stdout, the last 64 KiB of stderr.
    #[must_use]
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            env: Environment::empty(),
            stdin: None,
            terminal: false,
            deadline: Duration::from_secs(60),
            grace: Duration::from_secs(10),
            memory: None,
            file_size: None,
            stdout_cap: 16 * 1024 * 1024,
            stderr_cap: 64 * 1024,
            on_stderr_line: None,
        }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }
}

/// The output of a child that succeeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// All of stdout.
    pub stdout: Vec<u8>,
    /// The end of stderr, within the bound, lines ended by `\n`.
    pub stderr: String,
}

/// Runs a child to its end.
///
/// It leads a process group of its own, so that a Ctrl-C at the terminal reaches us and not it. When `cancel` fires or
/// the deadline passes, the group gets SIGTERM, and SIGKILL after the grace time. The same happens **when this future
/// is dropped**: a task of its own watches over the child and outlives the future. Only when the whole runtime goes
/// away is there nobody left to wait: then the group gets SIGTERM and is left to end by itself, never SIGKILL (Helm
/// records `failed` on SIGTERM, and `pending-…` stays behind after SIGKILL). That is a last resort: its pipes close
/// with the runtime, and a program that writes into them may die of that first. So await this future on the way out.
///
/// # Errors
/// When it cannot be started or followed, ends with another code than 0 or by a signal, takes too long, writes too
/// much, or was cancelled.
pub async fn run(spec: Spec, cancel: &CancellationToken) -> Result<Output, ProcessError> {
    let program = spec.program.clone();
    if cancel.is_cancelled() {
        return Err(ProcessError::Cancelled { program, killed: false });
    }
    let child = spawn(&spec).map_err(|source| ProcessError::Spawn { program: program.clone(), source })?;
    let stop = cancel.child_token();
    let _stops_when_dropped = stop.clone().drop_guard();
    match tokio::spawn(supervise(child, spec, stop)).await {
        Ok(result) => result,
        Err(source) => Err(ProcessError::Abandoned { program, source }),
    }
}

fn spawn(spec: &Spec) -> std::io::Result<(Child, Group)> {
    let mut command = Command::new(&spec.program);
    command
        .args(&spec.args)
        .env_clear()
        .envs(spec.env.iter())
        .kill_on_drop(spec.terminal)
        .stdin(match &spec.stdin {
            Some(_) => Stdio::piped(),
            None if spec.terminal => Stdio::inherit(),
            None => Stdio::null(),
        })
        .stdout(Stdio::piped())
        .stderr(if spec.terminal { Stdio::inherit() } else { Stdio::piped() });
    if !spec.terminal {
        command.process_group(0);
    }
    let child = command.spawn()?;
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    let group = Group { pid, alone: spec.terminal };
    for (resource, most) in [(Resource::Data, spec.memory), (Resource::Fsize, spec.file_size)] {
        if let (Some(pid), Some(_)) = (pid, most) {
            // It fails only for one that has ended already.
            let _ = prlimit(Some(pid), resource, Rlimit { current: most, maximum: most });
        }
    }
    Ok((child, group))
}

/// The child's process group, until the child was waited for: from then on its number may belong to others.
struct Group {
    pid: Option<Pid>,
    /// It is in our group: only the child itself gets signals.
    alone: bool,
}

impl Group {
    fn signal(&self, signal: Signal) {
        // The only error that can happen to our own child is that it is gone, which is what we want.
        let _ = match self.pid {
            Some(pid) if self.alone => kill_process(pid, signal),
            Some(pid) => kill_process_group(pid, signal),
            None => Ok(()),
        };
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::TERM);
    }
}

enum Stop {
    Cancelled,
    Deadline,
}

async fn supervise(
    (mut child, mut group): (Child, Group),
    spec: Spec,
    stop: CancellationToken,
) -> Result<Output, ProcessError> {
    let program = spec.program;
    let feeding = spec.stdin.zip(child.stdin.take()).map(|(bytes, mut pipe)| {
        tokio::spawn(async move {
            // A child that ends without reading everything is judged by its exit code, not by this.
            let _ = pipe.write_all(&bytes).await;
            let _ = pipe.shutdown().await;
        })
    });
    let stdout_cap = spec.stdout_cap;
    let stdout = child.stdout.take().map(|pipe| tokio::spawn(read_head(pipe, stdout_cap)));
    let tail = Arc::new(Mutex::new(Tail::default()));
    let stderr = child.stderr.take().map(|pipe| {
        let (tail, on_line, cap) = (tail.clone(), spec.on_stderr_line, spec.stderr_cap);
        tokio::spawn(async move { read_lines(pipe, cap, &tail, on_line.as_ref()).await })
    });

    let ended = tokio::select! {
        status = child.wait() => Ok(status),
        () = stop.cancelled() => Err(Stop::Cancelled),
        () = tokio::time::sleep(spec.deadline) => Err(Stop::Deadline),
    };
    let mut killed = false;
    let (status, why) = match ended {
        Ok(status) => (status, None),
        Err(why) => {
            group.signal(Signal::TERM);
            let status = match tokio::time::timeout(spec.grace, child.wait()).await {
                Ok(status) => status,
                Err(_) => {
                    killed = true;
                    group.signal(Signal::KILL);
                    child.wait().await
                }
            };
            (status, Some(why))
        }
    };
    group.pid = None;
    if let Some(feeding) = feeding {
        feeding.abort();
    }

    let stdout = finish(stdout).await;
    let _ = finish(stderr).await;
    let last = || tail.lock().unwrap_or_else(PoisonError::into_inner).last(ERROR_LINES);
    let follow = |source| ProcessError::Follow { program: program.clone(), source };

    match why {
        Some(Stop::Cancelled) => return Err(ProcessError::Cancelled { program, killed }),
        Some(Stop::Deadline) => {
            return Err(ProcessError::Deadline { stderr: last(), program, deadline: spec.deadline });
        }
        None => {}
    }
    let exit = Exit::of(status.map_err(follow)?);
    if exit != Exit::Code(0) {
        return Err(ProcessError::Failed { stderr: last(), program, exit });
    }
    let (stdout, more) = stdout.unwrap_or_else(|| Ok((Vec::new(), false))).map_err(follow)?;
    if more {
        return Err(ProcessError::TooMuchOutput { program, cap: stdout_cap });
    }
    let stderr = tail.lock().unwrap_or_else(PoisonError::into_inner).text();
    Ok(Output { stdout, stderr })
}

/// Waits for a reader, but not for a grandchild that keeps the pipe open. `None` if it was broken off.
async fn finish<T>(reader: Option<JoinHandle<T>>) -> Option<T> {
    let mut reader = reader?;
    match tokio::time::timeout(PIPE_GRACE, &mut reader).await {
        Ok(joined) => joined.ok(),
        Err(_) => {
            reader.abort();
            None
        }
    }
}

#[cfg(test)]
mod tests;
