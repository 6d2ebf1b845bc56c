//! How every plan is run: lock, observe, plan, preflight, downgrades, agreement, run, record.

mod execute;
mod guard;
mod lock;
mod proofs;
mod request;
mod sequence;
mod signals;
mod summary;

pub(super) use guard::RunGuard;
pub(super) use lock::{TRIES, locked_by};
pub(super) use request::{PreparedRun, RunRequest, needs_helm, reason_not_to_move, reason_to_refuse};
pub(super) use sequence::{carry_out, run};
pub(super) use signals::signalled;
