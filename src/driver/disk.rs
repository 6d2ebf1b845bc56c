//! How much room is left on this machine.

use std::io;
use std::path::Path;

use rustix::fs::{StatVfsMountFlags, statvfs};

use crate::model::site::Disk;

/// The file system that a folder is on, or will be on once it is made.
///
/// # Errors
/// When the system cannot be asked.
pub fn disk(folder: &Path) -> io::Result<Disk> {
    let there = folder.ancestors().find(|path| path.exists()).unwrap_or_else(|| Path::new("/"));
    let stat = statvfs(there)?;
    Ok(Disk {
        path: there.display().to_string(),
        free: stat.f_bavail.saturating_mul(stat.f_frsize),
        // Some file systems make files as they need them, and count none.
        files: (stat.f_files > 0).then_some(stat.f_favail),
        read_only: stat.f_flag.contains(StatVfsMountFlags::RDONLY),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_not_there_is_on_the_disk_of_the_one_above() {
        let folder = tempfile::tempdir().unwrap();
        let found = disk(&folder.path().join("not/yet")).unwrap();
        assert_eq!(found.path, folder.path().display().to_string());
        assert!(found.free > 0 && !found.read_only);
    }
}
