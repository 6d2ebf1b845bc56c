//! Where the bytes of a blob come from while an offline bundle is made.

use std::io;
use std::path::{Path, PathBuf};

use super::error::CreateError;
use super::folder::{self, FolderError, Measure};
use super::parts::open_regular;
use crate::model::oci::{Descriptor, Digest};

/// Where a blob comes from.
#[derive(Debug, Clone)]
pub(super) enum Origin {
    /// It is known: a manifest.
    Memory(Vec<u8>),
    /// A file of this machine.
    File(PathBuf),
    /// A folder of this machine, as a tar.
    Folder(PathBuf),
    /// The source, by repository.
    Source(String, Box<Descriptor>),
}

impl Origin {
    /// A file or a folder, with digest and size.
    pub(super) fn local(path: &Path) -> Result<(Self, Digest, u64), CreateError> {
        let mut measure = Measure::default();
        let origin = if path.is_dir() { Self::Folder(path.to_owned()) } else { Self::File(path.to_owned()) };
        origin.write(&mut measure)?;
        let (digest, size) = measure.finish();
        Ok((origin, digest, size))
    }

    /// Writes what needs no source.
    pub(super) fn write(&self, mut out: impl io::Write) -> Result<(), CreateError> {
        match self {
            Self::Memory(bytes) => out.write_all(bytes).map_err(|error| CreateError::io("write", "", error)),
            Self::File(path) => {
                let io = |error| CreateError::io("read", path, error);
                let (mut file, size) = open_regular(path).map_err(io)?;
                io::copy(&mut io::Read::take(&mut file, size), &mut out).map(drop).map_err(io)
            }
            Self::Folder(path) => folder::write(path, out).map_err(|error| match error {
                FolderError::Io(path, error) => CreateError::io("read", path, error),
                FolderError::Input(path, problem) => CreateError::Input { path, problem },
            }),
            Self::Source(..) => Ok(()),
        }
    }
}
