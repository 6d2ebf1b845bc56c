//! `windlass bundle create`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::super::exit::{Exit, Failed, OrExit as _};
use super::super::output::Output;
use super::progress::{Progress, human};
use super::source::source_for;
use super::trust::{reading, signing, writing};
use crate::cli::{CreateArgs, LocalArg};
use crate::driver::bundle::sign::SigningKey;
use crate::driver::bundle::{
    Base, BundlePlan, BundleRequest, ProgramRequest, Space, Target, create as write, lock_of, plan,
};
use crate::driver::image_source::ImageSource;
use crate::lock::{self, Wanted, parse_platform};
use crate::model::images_lock::ImagesLock;

/// Makes an offline bundle.
pub(super) async fn create(args: &CreateArgs, output: &Output) -> Result<Exit, Failed> {
    let (lock, _) = lock_of(&args.lock).map_err(reading)?;
    let signer = args.private_key.as_deref().map(SigningKey::read).transpose().map_err(signing)?;
    let base = match &args.since {
        None => None,
        Some(path) => {
            let (lock, digest) = lock_of(path).map_err(reading)?;
            Some(Base::of(&lock, digest, &path.display().to_string()).map_err(|error| writing(error, true))?)
        }
    };
    let source = source_for(args.from.as_deref(), &args.layout, output)?;
    let platforms: BTreeSet<String> = args.platform.iter().cloned().collect();
    let (mut lock, components) = chosen(lock, args.components.as_deref())?;
    resolve_all(source.as_ref(), &mut lock, &platforms, output).await?;
    let request = BundleRequest {
        lock,
        windlass: env!("CARGO_PKG_VERSION").to_owned(),
        platforms: platforms.clone(),
        components,
        charts: locals(&args.chart),
        files: locals(&args.file),
        programs: programs(&args.program, &platforms)?,
        base,
        signer,
    };
    let plan = plan(source.as_ref(), request).await.map_err(|error| writing(error, true))?;
    let target = Target { path: args.output.clone(), split: args.split, restart: args.restart };
    let space = plan.space(&target).map_err(|error| writing(error, true))?;
    announce(&plan, &space, output)?;
    if args.dry_run {
        return Ok(Exit::Done);
    }
    let progress = Progress::new(output, "writing", plan.blobs);
    let report = |done, _| progress.set(done);
    let made = write(source.as_ref(), &plan, &target, &report).await.map_err(|error| writing(error, false))?;
    let names: Vec<_> = made.files.iter().map(|path| path.display().to_string()).collect();
    if output.json {
        output.value(&json!({"created": {"files": names, "bytes": plan.total, "resumed": made.resumed, "lock": crate::model::digest(&plan.lock_bytes)}}))?;
        return Ok(Exit::Done);
    }
    let resumed =
        if made.resumed > 0 { format!("; {} were there already", human(made.resumed)) } else { String::new() };
    let files = match names.as_slice() {
        [one] => one.clone(),
        [first, .., last] => format!("{first} to {last}"),
        [] => String::new(),
    };
    output.text(&format!(
        "created {files}: {}{resumed}\nlock {}\n",
        human(plan.total),
        crate::model::digest(&plan.lock_bytes)
    ))?;
    Ok(Exit::Done)
}

/// Says what will be fetched and written, before anything is.
fn announce(plan: &BundlePlan, space: &Space, output: &Output) -> Result<(), Failed> {
    if output.json {
        return output.value(&json!({"plan": {"images": plan.lock.images.len(), "fetch_bytes": plan.fetch, "bytes": plan.total, "disk_needed": space.needed, "disk_free": space.free}}));
    }
    output.remark(&format!(
        "{} images: {} to fetch, {} in all; {} are needed on {}, and {} are free",
        plan.lock.images.len(),
        human(plan.fetch),
        human(plan.total),
        human(space.needed),
        space.path.display(),
        human(space.free)
    ));
    Ok(())
}

/// The images of some components, and what they are for.
fn chosen(mut lock: ImagesLock, wanted: Option<&[String]>) -> Result<(ImagesLock, BTreeSet<String>), Failed> {
    let uses = lock.images.values().flat_map(|image| &image.used_by).map(|used| used.component.clone());
    let folders =
        lock.charts.keys().cloned().chain(lock.files.keys().filter_map(|key| Some(key.split_once('.')?.0.to_owned())));
    let known: BTreeSet<String> = uses.chain(folders).collect();
    let Some(wanted) = wanted else { return Ok((lock, known)) };
    // What windlass runs by itself is needed whatever is installed.
    let own = env!("CARGO_PKG_NAME");
    let wanted: BTreeSet<String> = wanted.iter().cloned().collect();
    if let Some(unknown) = wanted.difference(&known).next() {
        let all = known.iter().cloned().collect::<Vec<_>>().join(", ");
        let text = format!("the lock has no component `{unknown}`, known are {all}");
        return Err(Failed::text(Exit::BadInput, text));
    }
    let goes = |component: &str| component == own || wanted.contains(component);
    lock.images.retain(|_, image| image.used_by.iter().any(|used| goes(&used.component)));
    for image in lock.images.values_mut() {
        image.used_by.retain(|used| goes(&used.component));
    }
    lock.charts.retain(|component, _| goes(component));
    lock.files.retain(|key, _| goes(key.split_once('.').map_or(key, |(component, _)| component)));
    Ok((lock, wanted))
}

/// Resolves what the lock does not.
async fn resolve_all(
    source: &dyn ImageSource,
    lock: &mut ImagesLock,
    platforms: &BTreeSet<String>,
    output: &Output,
) -> Result<(), Failed> {
    let open = lock.images.iter().filter(|(_, image)| image.resolved.is_none());
    let open = ImagesLock {
        images: open.map(|(name, image)| (name.clone(), image.clone())).collect(),
        ..ImagesLock::default()
    };
    let platforms = platforms.iter().map(|text| parse_platform(text)).collect::<Result<Vec<_>, _>>();
    let wanted = Wanted { from: None, platforms: &platforms.or_exit(Exit::BadInput)?, without_attached: false };
    let found = lock::resolve(&open, source, wanted, &|_, _| {}).await.or_exit(Exit::Unusable)?;
    for (name, image) in found.images {
        match &image.resolved {
            Some(resolved) => output.remark(&format!("{name} resolved to {}", resolved.digest)),
            None => output.remark(&format!("warning: the source has no {name}")),
        }
        lock.images.insert(name, image);
    }
    Ok(())
}

fn locals(given: &[LocalArg]) -> BTreeMap<String, std::path::PathBuf> {
    given.iter().map(|arg| (arg.name.clone(), arg.path.clone())).collect()
}

/// `NAME@VERSION`, for the first platform: one file runs on one.
fn programs(given: &[LocalArg], platforms: &BTreeSet<String>) -> Result<BTreeMap<String, ProgramRequest>, Failed> {
    let platform = platforms.iter().next().cloned().unwrap_or_default();
    let one = |arg: &LocalArg| {
        let Some((name, version)) = arg.name.split_once('@') else {
            return Err(Failed::text(Exit::BadInput, format!("--program {}: expected NAME@VERSION=PATH", arg.name)));
        };
        let platforms = [(platform.clone(), arg.path.clone())].into();
        Ok((name.to_owned(), ProgramRequest { version: version.to_owned(), platforms }))
    };
    given.iter().map(one).collect()
}
