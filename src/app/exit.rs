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
    /// A step failed: the install is incomplete.
    Failed = 5,
    /// The user stopped it.
    Stopped = 6,
    /// Installed, but a check failed.
    VerifyFailed = 7,
    /// The user declined, or other components need it.
    Refused = 8,
    /// Another run holds the lock of the cluster.
    Locked = 9,
    /// The lock was lost during the run: another run may hold it by now.
    LockLost = 10,
    /// Preflight found errors; nothing was changed.
    Preflight = 11,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RunEnd {
    /// How its steps went.
    pub outcome: Outcome,
    /// The lock was lost before it was given back.
    pub lock_lost: bool,
    /// The journal could not be kept to the end.
    pub journal_lost: bool,
    /// Steps were skipped on the user's request.
    pub skipped: bool,
}

impl RunEnd {
    /// The code of the first cause. What ended the run from outside comes before what it then did to the steps: those of
    /// a run whose lock was lost or whose disk is full are stopped, fail, or happen to be done already.
    pub(super) const fn exit(self) -> Exit {
        match self {
            Self { lock_lost: true, .. } => Exit::LockLost,
            Self { journal_lost: true, .. } => Exit::Unexpected,
            Self { outcome: Outcome::Failed, .. } => Exit::Failed,
            Self { outcome: Outcome::Stopped, .. } => Exit::Stopped,
            // What was skipped is not installed.
            Self { outcome: Outcome::Succeeded, skipped: true, .. } => Exit::Failed,
            Self { outcome: Outcome::VerifyFailed, .. } => Exit::VerifyFailed,
            Self { outcome: Outcome::Succeeded, .. } => Exit::Done,
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Every way in which a run can end has the code that `docs/exit-codes.md` gives its cause.
    #[test]
    fn each_cause_has_its_code() {
        let outcomes = [Outcome::Succeeded, Outcome::Failed, Outcome::VerifyFailed, Outcome::Stopped];
        for outcome in outcomes {
            for (lock_lost, journal_lost, skipped) in (0..8).map(|bits| (bits & 1 != 0, bits & 2 != 0, bits & 4 != 0)) {
                let end = RunEnd { outcome, lock_lost, journal_lost, skipped };
                let expected = match (lock_lost, journal_lost, outcome, skipped) {
                    (true, ..) => 10,
                    (false, true, ..) => 1,
                    (false, false, Outcome::Failed, _) => 5,
                    (false, false, Outcome::Stopped, _) => 6,
                    (false, false, Outcome::VerifyFailed, _) => 7,
                    (false, false, Outcome::Succeeded, true) => 5,
                    (false, false, Outcome::Succeeded, false) => 0,
                };
                assert_eq!(end.exit() as u8, expected, "{end:?}");
            }
        }
    }
}
