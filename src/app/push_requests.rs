//! Which images of an offline bundle are pushed where, by which rules, and the journals of pushes.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use super::exit::{Exit, Failed, OrExit as _};
use super::journal::root;
use crate::cli::TagRule;
use crate::driver::registry::push::{ImageRequest, PushError, TagConflict, Target, TargetName};
use crate::model::images_lock::{ImagesLock, ResolvedImage};

/// The images of a lock with their names in the target.
pub(super) fn requests(
    lock: &ImagesLock,
    target: &Target,
    without_signatures: bool,
) -> Result<Vec<ImageRequest>, Failed> {
    let images: BTreeMap<&str, &ResolvedImage> =
        lock.images.iter().filter_map(|(name, image)| Some((name.as_str(), image.resolved.as_ref()?))).collect();
    let digest = |name: &str| images.get(name).map(|image| image.digest);
    let names = target.names(images.keys().copied(), |a, b| digest(a) == digest(b)).or_exit(Exit::BadInput)?;
    let request = |(name, at): (String, TargetName)| {
        let image = images.get(name.as_str())?;
        let TargetName { repository, tag } = at;
        let attached = if without_signatures { Vec::new() } else { image.attached.iter().cloned().collect() };
        let (tags, top, media_type) = (tag.into_iter().collect(), image.digest, image.media_type.clone());
        Some(ImageRequest { name, repository, tags, top, media_type, attached })
    };
    Ok(names.into_iter().filter_map(request).collect())
}

/// What to do if a tag exists with another digest.
pub(super) const fn conflict(rule: TagRule) -> TagConflict {
    match rule {
        TagRule::Fail => TagConflict::Fail,
        TagRule::Keep => TagConflict::Keep,
        TagRule::Overwrite => TagConflict::Overwrite,
    }
}

/// An error before anything was sent.
pub(super) fn unprepared(error: PushError) -> Failed {
    let exit = match &error {
        PushError::Plan(_) => Exit::Preflight,
        damaged if damaged.is_damage() => Exit::VerifyFailed,
        PushError::Store { .. } | PushError::Manifest { .. } => Exit::BadInput,
        _ => Exit::Unusable,
    };
    Failed::new(exit, error)
}

/// Where journals of pushes are.
pub(super) fn pushes() -> io::Result<PathBuf> {
    Ok(root()?.with_file_name("pushes"))
}
