//! Writes answers files.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::exit::{Exit, Failed, OrExit as _};

/// Writes answers over a file, whole or not at all.
pub(super) fn save_over(path: &Path, text: &str) -> Result<(), Failed> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let write = || {
        let mut file = tempfile::Builder::new().prefix(".windlass-").tempfile_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)
    };
    write()
        .map(drop)
        .map_err(|error| anyhow::Error::new(error).context(format!("failed to write answers to {}", path.display())))
        .or_exit(Exit::BadInput)
}

/// Writes answers to a file of the user's choice; one that is there is never overwritten.
pub(super) fn save(path: &Path, text: &str) -> Result<(), Failed> {
    let file = std::fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| anyhow::Error::new(error).context(format!("failed to write answers to {}", path.display())))
        .or_exit(Exit::BadInput)
}
