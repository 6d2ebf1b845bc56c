//! Writes answers files.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::exit::{Exit, Failed, OrExit as _};
use crate::driver::whole_file::replace;

/// Writes answers over a file, whole or not at all.
pub(super) fn save_over(path: &Path, text: &str) -> Result<(), Failed> {
    replace(path, text.as_bytes(), 0o600)
        .map(drop)
        .map_err(|error| anyhow::Error::new(error).context(format!("failed to write answers to {}", path.display())))
        .or_exit(Exit::BadInput)
}

/// Writes answers to a file of the user's choice; an existing file is never overwritten.
pub(super) fn save(path: &Path, text: &str) -> Result<(), Failed> {
    let file = std::fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| anyhow::Error::new(error).context(format!("failed to write answers to {}", path.display())))
        .or_exit(Exit::BadInput)
}
