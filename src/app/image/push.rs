//! An image that was made, into a registry.

use serde_json::json;

use super::super::bundle::push::run_with_progress;
use super::super::exit::{Exit, Failed, OrExit as _};
use super::super::output::Output;
use super::super::push_requests::conflict;
use super::base::{BaseImages, Origin};
use crate::cli::BuildArgs;
use crate::driver::image_build::BuiltImage;
use crate::driver::registry::push::{ImageRequest, Journal, Push, PushError};
use crate::model::ImageName;
use crate::model::human;

/// Where it goes.
pub(super) struct Goal {
    pub(super) host: String,
    pub(super) name: ImageName,
    /// The whole name.
    pub(super) shown: String,
    tag: String,
}

impl Goal {
    /// Reads `harbor.site:5000/platform/livy:0.9.0`.
    pub(super) fn parse(text: &str) -> Result<Self, Failed> {
        let name = ImageName::parse(text).ok().filter(|name| name.names_registry() && name.digest.is_none());
        let parsed = name.and_then(|name| Some((name.tag.clone()?, name)));
        let (tag, name) = parsed.ok_or_else(|| {
            let text = format!("--to registry:{text}: expected a registry, a path and a tag, such as harbor.site:5000/platform/name:1.0");
            Failed::text(Exit::BadInput, text)
        })?;
        Ok(Self { host: name.registry().to_owned(), shown: name.whole(), name, tag })
    }
}

/// Pushes it: what the registry has is not sent, and layers of a base that is there are mounted.
pub(super) async fn push(
    args: &BuildArgs,
    goal: &Goal,
    origin: &Origin,
    found: &BaseImages,
    made: &BuiltImage,
    output: &Output,
) -> Result<(), Failed> {
    let Some(registries) = &origin.registries else {
        return Err(Failed::text(Exit::BadInput, "no registry to push to"));
    };
    let registry = registries.registry_for(&goal.host, &goal.name.path()).await.or_exit(Exit::Unusable)?;
    let mut requests = vec![ImageRequest {
        name: goal.shown.clone(),
        repository: goal.name.path(),
        tags: vec![goal.tag.clone()],
        top: made.top.digest,
        media_type: made.top.media_type.clone(),
        attached: Vec::new(),
    }];
    // The base was just read from there, so that the registry has all of it, and the plan finds what can be mounted.
    if let Some((host, path)) = &origin.registry
        && *host == goal.host
        && *path != goal.name.path()
    {
        let request = |base: &crate::driver::image_build::Base| ImageRequest {
            name: format!("{} for {}", found.image, base.platform),
            repository: path.clone(),
            tags: Vec::new(),
            top: base.manifest.digest,
            media_type: base.manifest.media_type.clone(),
            attached: Vec::new(),
        };
        requests.extend(found.bases.iter().map(request));
    }
    let store = made.store(origin.source.as_ref());
    // It is made anew by the same command, and what arrived is not sent again.
    let push = Push::prepare(registry, &store, requests, conflict(args.tag_conflict), Journal::in_memory())
        .await
        .map_err(before)?;
    let problems = push.problems().await.or_exit(Exit::Unusable)?;
    if !problems.is_empty() {
        let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
        if output.json {
            output.value(&json!({"problems": texts}))?;
        }
        return Err(Failed::text(Exit::Preflight, format!("nothing was pushed:\n{}", texts.join("\n"))));
    }
    let (there, mounted, sent) = push.plan().bytes();
    output.remark(&format!("{} to upload, {} to mount, {} already present", human(sent), human(mounted), human(there)));
    run_with_progress(&push, output).await.map(drop).map_err(|error| Failed::new(Exit::Failed, error))
}

/// Errors before anything was sent.
fn before(error: PushError) -> Failed {
    let exit = if matches!(error, PushError::Plan(_)) { Exit::Preflight } else { Exit::Unusable };
    Failed::new(exit, error)
}
