//! The base of an image: where it comes from, and that it is the one that the lock pins.

use std::collections::BTreeSet;
use std::path::Path;

use super::super::bundle::source::{layouts, the_lock};
use super::super::exit::{Exit, Failed, OrExit as _};
use super::super::lock::unresolved;
use super::super::output::Output;
use super::super::registries::{mirror, registries};
use super::super::trust::{open, signed_text};
use super::failure::failed;
use crate::cli::{BuildArgs, OpenArgs};
use crate::driver::image_build::Base;
use crate::driver::image_source::ImageSource;
use crate::driver::registry::{Registries, RegistrySource};
use crate::lock::{self, ResolveOptions, parse_platform};
use crate::model::ImageName;
use crate::model::images_lock::{ImageUse, ImagesLock, LockedImage, ResolvedImage};
use crate::model::oci::{Digest, Platform};

/// Where the base comes from.
pub(super) struct Origin {
    pub(super) source: Box<dyn ImageSource>,
    /// The registry and path that it is read from, if any.
    pub(super) registry: Option<(String, String)>,
    /// The client, if a registry is used.
    pub(super) registries: Option<Registries>,
}

impl Origin {
    /// By the options. `target` is the registry that the image is pushed to.
    pub(super) fn new(
        args: &BuildArgs,
        image: &ImageName,
        target: Option<&str>,
        output: &Output,
    ) -> Result<Self, Failed> {
        let local = !args.layout.is_empty() || !args.bundle.is_empty();
        let from = mirror(args.from.as_deref())?;
        // As the source has it: in the mirror, or in its own registry.
        let place = match &from {
            Some(from) => ImageName::parse(&image.moved(from)).or_exit(Exit::BadInput)?,
            None => image.clone(),
        };
        let place = (place.registry().to_owned(), place.path());
        let own = (!local).then(|| place.0.clone());
        let hosts: BTreeSet<String> = own.into_iter().chain(target.map(str::to_owned)).collect();
        // Registry options without a registry are a mistake, which the client reports.
        let registries = registries(&args.reach, &hosts, None, output)?;
        let kept = (!hosts.is_empty()).then(|| registries.clone());
        if !args.bundle.is_empty() {
            let open_args =
                OpenArgs { bundle: args.bundle.clone(), key: args.key.clone(), signature: args.signature.clone() };
            let (bundle, signed) = open(&open_args)?;
            output.remark(&format!("{}: {}", bundle.files().name, signed_text(&signed)));
            return Ok(Self { source: Box::new(bundle), registry: None, registries: kept });
        }
        if local {
            let source = Box::new(layouts(&args.layout, output)?);
            return Ok(Self { source, registry: None, registries: kept });
        }
        let source = RegistrySource::new(registries);
        let source = match &from {
            Some(from) => source.mirrored(from),
            None => source,
        };
        Ok(Self { source: Box::new(source), registry: Some(place), registries: kept })
    }
}

/// The base for each platform, and whether the lock pins it.
pub(super) struct BaseImages {
    pub(super) bases: Vec<Base>,
    /// The digest in the lock.
    pub(super) pinned: Option<Digest>,
    /// Its whole name.
    pub(super) image: String,
}

/// Finds the base: what the lock pins, or else what the source has.
pub(super) async fn find(
    args: &BuildArgs,
    image: &ImageName,
    source: &dyn ImageSource,
    output: &Output,
) -> Result<BaseImages, Failed> {
    let whole = image.whole();
    let lock = the_lock(args.lock.as_deref(), output)?;
    let locked = lock.images.get(&whole).and_then(|image| image.resolved.as_ref());
    let mut bases = Vec::new();
    let mut seen = BTreeSet::new();
    for text in &args.platform {
        let platform = parse_platform(text).or_exit(Exit::BadInput)?;
        if !seen.insert(platform.clone()) {
            return Err(Failed::text(Exit::BadInput, format!("--platform {text} is given twice")));
        }
        let found = match locked {
            Some(locked) => pinned(source, image, locked, &platform).await?,
            None => asked(source, &whole, &platform).await?,
        };
        let found = found.ok_or_else(|| {
            let hint =
                if args.layout.is_empty() { "" } else { "; if the layout does not name it: --layout IMAGE=PATH" };
            Failed::text(Exit::BadInput, format!("the source has no {whole}{hint}"))
        })?;
        let base = Base::read(source, &whole, &image.whole_repository(), found.digest).await;
        bases.push(base.map_err(failed)?);
    }
    let pinned = locked.map(|locked| locked.digest);
    let name = args.lock.as_deref().unwrap_or(Path::new("images.lock")).display().to_string();
    match (pinned, bases.first()) {
        (None, Some(base)) => output.remark(&format!(
            "warning: {name} does not pin {whole}: using the one of the source, {}",
            base.manifest.digest
        )),
        (Some(digest), _) => output.remark(&format!("base {whole}@{digest}, pinned by {name}")),
        (None, None) => {}
    }
    Ok(BaseImages { bases, pinned, image: whole })
}

/// The one platform's manifest of what the lock pins. A layout or an offline bundle of one platform may lack the list, and have
/// what the list names.
async fn pinned(
    source: &dyn ImageSource,
    image: &ImageName,
    locked: &ResolvedImage,
    platform: &Platform,
) -> Result<Option<ResolvedImage>, Failed> {
    let repository = image.whole_repository();
    let child = locked.platforms.get(&platform.to_string()).copied().filter(|child| *child != locked.digest);
    for digest in std::iter::once(locked.digest).chain(child) {
        if let Some(found) = asked(source, &format!("{repository}@{digest}"), platform).await? {
            return Ok(Some(found));
        }
    }
    let whole = image.whole();
    let has = asked(source, &whole, platform).await.ok().flatten();
    let has = has.map(|has| format!("; it has {} under that name", has.digest)).unwrap_or_default();
    Err(Failed::text(
        Exit::BadInput,
        format!(
            "the source does not have {whole} as pinned by the lock, {}{has}; use another source, or set another base with --build-arg",
            locked.digest
        ),
    ))
}

/// What the source has under a name, for one platform.
async fn asked(source: &dyn ImageSource, name: &str, platform: &Platform) -> Result<Option<ResolvedImage>, Failed> {
    let used = ImageUse { component: String::new(), at: String::new(), profiles: BTreeSet::new() };
    let mut lock = ImagesLock::default();
    lock.images.insert(name.to_owned(), LockedImage { resolved: None, used_by: [used].into() });
    let platforms = std::slice::from_ref(platform);
    let wanted = ResolveOptions { from: None, platforms, without_attached: true };
    let found = lock::resolve(&lock, source, wanted, &|_, _| {}).await.map_err(unresolved)?;
    Ok(found.images.into_values().next().and_then(|image| image.resolved))
}
