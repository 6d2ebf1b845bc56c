//! Errors of child processes.

use std::fmt;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

/// How a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

impl Exit {
    pub(super) fn of(status: ExitStatus) -> Self {
        use std::os::unix::process::ExitStatusExt as _;
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Code(code),
            (None, Some(signal)) => Self::Signal(signal),
            // wait() reports neither stops nor continues, so this is unreachable in practice.
            (None, None) => Self::Code(-1),
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(signal) => match signal {
                6 => f.write_str("signal 6 (SIGABRT)"),
                9 => f.write_str("signal 9 (SIGKILL; out of memory?)"),
                11 => f.write_str("signal 11 (SIGSEGV)"),
                15 => f.write_str("signal 15 (SIGTERM)"),
                other => write!(f, "signal {other}"),
            },
        }
    }
}

/// Why a child gave no result.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// It did not start.
    #[error("failed to start {}", program.display())]
    Spawn {
        /// What was to be run.
        program: PathBuf,
        /// The error of the system.
        source: std::io::Error,
    },
    /// Its pipes or its exit status could not be read.
    #[error("failed to wait for {}", program.display())]
    Follow {
        /// What ran.
        program: PathBuf,
        /// The error of the system.
        source: std::io::Error,
    },
    /// It ended with a failure.
    #[error("{} failed with {exit}{}", program.display(), tail(stderr))]
    Failed {
        /// What ran.
        program: PathBuf,
        /// How it ended.
        exit: Exit,
        /// The last lines it wrote to stderr.
        stderr: Vec<String>,
    },
    /// It took too long and was stopped.
    #[error("{} timed out after {}s{}", program.display(), deadline.as_secs(), tail(stderr))]
    Deadline {
        /// What ran.
        program: PathBuf,
        /// How long it was given.
        deadline: Duration,
        /// The last lines it wrote to stderr.
        stderr: Vec<String>,
    },
    /// We were asked to stop, and stopped it.
    #[error("{} was stopped on request{}", program.display(), if *killed { " (killed: it did not stop in time)" } else { "" })]
    Cancelled {
        /// What ran.
        program: PathBuf,
        /// SIGTERM was not enough.
        killed: bool,
    },
    /// It wrote more than it was allowed to.
    #[error("{} wrote more than {cap} bytes to stdout", program.display())]
    TooMuchOutput {
        /// What ran.
        program: PathBuf,
        /// How many bytes it was allowed to write.
        cap: usize,
    },
    /// The task that watched over it ended before it did: the runtime is shutting down.
    #[error("lost track of {}", program.display())]
    Abandoned {
        /// What ran.
        program: PathBuf,
        /// The error of the runtime.
        source: tokio::task::JoinError,
    },
}

impl ProcessError {
    /// The last lines that the child wrote to stderr, where it ran that far.
    #[must_use]
    pub fn stderr(&self) -> &[String] {
        match self {
            Self::Failed { stderr, .. } | Self::Deadline { stderr, .. } => stderr,
            _ => &[],
        }
    }
}

/// The last lines of stderr behind a message; nothing if there are none.
fn tail(lines: &[String]) -> String {
    if lines.is_empty() { String::new() } else { format!(": {}", lines.join(" | ")) }
}
