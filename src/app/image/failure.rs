//! The exit codes of `windlass image`.

use super::super::exit::{Exit, Failed};
use crate::driver::bundle::LayoutWriteError;
use crate::driver::image_build::BuildError;

/// The exit code of a build error.
pub(super) fn failed(error: BuildError) -> Failed {
    let exit = match &error {
        BuildError::Source(_) => Exit::Unusable,
        BuildError::Fetch { .. } => Exit::Failed,
        BuildError::Layout(LayoutWriteError::Space { .. }) => Exit::Preflight,
        BuildError::Layout(LayoutWriteError::Exists(_)) => Exit::BadInput,
        BuildError::Layout(_) | BuildError::Scratch { .. } | BuildError::Json(_) | BuildError::Worker(_) => {
            Exit::Unexpected
        }
        BuildError::Distribution { source, .. } if source.is_disk() => Exit::Unexpected,
        BuildError::Distribution { .. }
        | BuildError::Archive { .. }
        | BuildError::Containerfile(_)
        | BuildError::Missing { .. }
        | BuildError::Copy { .. }
        | BuildError::NoBase { .. }
        | BuildError::Base { .. } => Exit::BadInput,
    };
    Failed::new(exit, error)
}
