//! Subprocesses, in one place: own process group, fed stdin, bounded output, deadline, graceful stop.

mod environment;
mod error;
mod hand_over;
mod identity;
mod output;
mod private_dir;
mod run;

pub use environment::Environment;
pub use error::{Exit, ProcessError};
pub use hand_over::spawn_detached;
pub use identity::{own_process, running_with, still_runs};
pub use output::StderrLine;
pub use private_dir::{PrivateDir, PrivateDirError};
pub use run::{Output, Spec, run};
