//! How the process ends. `docs/exit-codes.md` is about these.

use crate::event::Outcome;

/// The exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done, or nothing to do.
    Done = 0,
    /// Something that should not happen.
    Unexpected = 1,
    /// Flags, files, answers or definitions are wrong.
    BadInput = 2,
    /// Answers are missing, or a question could not be asked.
    Missing = 3,
    /// The cluster or Helm cannot be used.
    Unusable = 4,
    /// An action failed: the install is incomplete.
    Failed = 5,
    /// The user stopped it.
    Stopped = 6,
    /// Installed, but the proof failed.
    VerifyFailed = 7,
    /// The user said no, or others need it.
    Refused = 8,
    /// Somebody else is at work on the cluster.
    Locked = 9,
    /// The lock was lost in mid-run: somebody else may be at work by now.
    LockLost = 10,
    /// Preflight found errors; nothing was changed.
    Preflight = 11,
}

impl From<Outcome> for Exit {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Succeeded => Self::Done,
            Outcome::Failed => Self::Failed,
            Outcome::VerifyFailed => Self::VerifyFailed,
            Outcome::Stopped => Self::Stopped,
        }
    }
}

/// A command that ended with an error.
#[derive(Debug)]
pub struct Failed {
    /// The code.
    pub exit: Exit,
    /// Why.
    pub error: anyhow::Error,
}

impl Failed {
    /// An error with its code.
    pub fn new(exit: Exit, error: impl Into<anyhow::Error>) -> Self {
        Self { exit, error: error.into() }
    }

    /// A message with its code.
    pub(super) fn text(exit: Exit, text: impl std::fmt::Display) -> Self {
        Self { exit, error: anyhow::anyhow!("{text}") }
    }

    /// The messages, outermost first.
    #[must_use]
    pub fn chain(&self) -> Vec<String> {
        self.error.chain().map(ToString::to_string).collect()
    }
}

/// Gives errors their code.
pub(super) trait OrExit<T> {
    /// The value, or the error with this code.
    fn or_exit(self, exit: Exit) -> Result<T, Failed>;
}

impl<T, E: Into<anyhow::Error>> OrExit<T> for Result<T, E> {
    fn or_exit(self, exit: Exit) -> Result<T, Failed> {
        self.map_err(|error| Failed::new(exit, error))
    }
}
