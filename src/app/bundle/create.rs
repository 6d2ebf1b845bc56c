//! `windlass bundle create`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::super::exit::{Exit, Failed, OrExit as _};
use super::super::lock::unresolved;
use super::super::output::Output;
use super::super::trust::{signing, writing};
use super::base::base;
use super::content::Content;
use super::progress::Progress;
use super::source::{source_for, the_lock};
use super::stop::{Stop, interrupted};
use crate::cli::{CreateArgs, Global};
use crate::driver::bundle::sign::SigningKey;
use crate::driver::bundle::{
    BundlePlan, BundleRequest, CreateError, Space, Target, create as write, is_unfinished, plan,
};
use crate::driver::image_source::ImageSource;
use crate::lock::{self, ResolveOptions, missing_platforms, parse_platform};
use crate::model::few;
use crate::model::human;
use crate::model::images_lock::{ImagesLock, LockMode, LockedImage};

/// Makes an offline bundle until a signal comes.
pub(super) async fn create(global: &Global, args: &CreateArgs, output: &Output) -> Result<Exit, Failed> {
    let stop = Stop::on_signal()?;
    tokio::select! {
        biased;
        () = stop.came() => Err(interrupted(&args.output)),
        ended = created(global, args, output) => ended,
    }
}

async fn created(global: &Global, args: &CreateArgs, output: &Output) -> Result<Exit, Failed> {
    let lock = the_lock(args.lock.as_deref(), output)?;
    let signer = args.private_key.as_deref().map(SigningKey::read).transpose().map_err(signing)?;
    let base = args.since.as_deref().map(base).transpose()?;
    let platforms: BTreeSet<String> = args.platform.iter().cloned().collect();
    let (mut lock, components) = chosen(lock, args.components.as_deref())?;
    let source = source_for(args, &lock, output)?;
    for name in lock.unpublished.keys() {
        output.remark(&format!("warning: the image {name} is not published and not in the offline bundle: build it with `windlass image build`"));
    }
    // What is on this machine comes first: its errors show at once.
    let content = Content::gather(global, args, &lock, output).await?;
    resolve_all(source.as_ref(), &mut lock, &platforms, args.without_signatures, output).await?;
    let request = BundleRequest {
        lock,
        windlass: env!("CARGO_PKG_VERSION").to_owned(),
        platforms: platforms.clone(),
        components,
        charts: content.charts.clone(),
        files: content.files.clone(),
        programs: content.programs.clone(),
        base,
        signer,
    };
    let plan = plan(source.as_ref(), request).await.map_err(|error| writing(error, true))?;
    let target = Target { path: args.output.clone(), split: args.split, restart: args.restart };
    let space = plan.space(&target).map_err(|error| writing(error, true))?;
    announce(&plan, plan.fetch_left(&target), &space, output)?;
    if args.dry_run {
        // It ends as the real one would.
        return space.check().map(|()| Exit::Done).map_err(|error| writing(error, true));
    }
    let progress = Progress::new(output, "writing", plan.blobs);
    let report = |done, resumed| progress.set(done, resumed);
    let made = write(source.as_ref(), &plan, &target, &report).await.map_err(|error| {
        let fetching = matches!(error, CreateError::Source(_) | CreateError::Bundle(_));
        if fetching && is_unfinished(&target.path) {
            output.remark("fetched data is kept: run the same command again to resume");
        }
        writing(error, false)
    })?;
    let names: Vec<_> = made.files.iter().map(|path| path.display().to_string()).collect();
    if output.json {
        output.value(&json!({"created": {"files": names, "bytes": plan.total, "resumed": made.resumed, "lock": crate::model::digest(&plan.lock_bytes)}}))?;
        return Ok(Exit::Done);
    }
    let resumed =
        if made.resumed > 0 { format!("; {} were already present", human(made.resumed)) } else { String::new() };
    let files = match names.as_slice() {
        [one] => one.clone(),
        [first, .., last] => format!("{first} to {last}"),
        [] => String::new(),
    };
    output.say(&format!(
        "created {files}: {}{resumed}\nlock {}\n",
        human(plan.total),
        crate::model::digest(&plan.lock_bytes)
    ))?;
    Ok(Exit::Done)
}

/// Prints what will be fetched and written, before anything is.
fn announce(plan: &BundlePlan, fetch: u64, space: &Space, output: &Output) -> Result<(), Failed> {
    if output.json {
        return output.value(&json!({"plan": {"images": plan.lock.images.len(), "fetch_bytes": fetch, "bytes": plan.total, "disk_needed": space.needed, "disk_free": space.free}}));
    }
    output.remark(&format!(
        "{} images: {} to fetch, {} in total; {} needed on {}, {} free",
        plan.lock.images.len(),
        human(fetch),
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
    let folders = lock.charts.keys().cloned().chain(lock.files.keys().map(|key| component_of(key).to_owned()));
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
    lock.files.retain(|key, _| goes(component_of(key)));
    lock.unpublished.retain(|key, _| goes(component_of(key)));
    Ok((lock, wanted))
}

/// The component of a lock's entry that is named by component and question, or component and image.
fn component_of(key: &str) -> &str {
    key.split_once('.').map_or(key, |(component, _)| component)
}

/// Resolves what the lock does not; and where it has an index and one platform is asked for, that platform's manifest, from the
/// index that it pins.
async fn resolve_all(
    source: &dyn ImageSource,
    lock: &mut ImagesLock,
    platforms: &BTreeSet<String>,
    without_signatures: bool,
    output: &Output,
) -> Result<(), Failed> {
    let mut open = ImagesLock::default();
    let mut names = BTreeMap::new();
    for (name, image) in &lock.images {
        let asked = match &image.resolved {
            None => name.clone(),
            Some(found) if found.mode == LockMode::Index && platforms.len() == 1 => {
                format!("{}@{}", name.split('@').next().unwrap_or(name), found.digest)
            }
            Some(_) => continue,
        };
        open.images.insert(asked.clone(), LockedImage { resolved: None, used_by: image.used_by.clone() });
        names.insert(asked, name.clone());
    }
    let wanted = platforms.iter().map(|text| parse_platform(text)).collect::<Result<Vec<_>, _>>();
    let wanted = ResolveOptions {
        from: None,
        platforms: &wanted.or_exit(Exit::BadInput)?,
        without_attached: without_signatures,
    };
    if !open.images.is_empty() {
        output.remark(&format!("resolving {} images", open.images.len()));
    }
    let found = lock::resolve(&open, source, wanted, &|_, _| {}).await.map_err(unresolved)?;
    for (asked, image) in found.images {
        let Some(name) = names.remove(&asked) else { continue };
        match &image.resolved {
            Some(resolved) => output.remark(&format!("{name} resolved to {}", resolved.digest)),
            None => output.remark(&format!("warning: the source has no {asked}")),
        }
        lock.images.insert(name, image);
    }
    if without_signatures {
        // Those that the lock has, too, so that it makes no difference who resolved it.
        lock.images.values_mut().filter_map(|image| image.resolved.as_mut()).for_each(|image| image.attached.clear());
    }
    for (platform, lacks) in missing_platforms(lock, platforms.iter().map(String::as_str)) {
        let lacks: Vec<&str> = lacks.iter().map(String::as_str).collect();
        output.remark(&format!("warning: not available for {platform}: {}", few(&lacks, 5)));
    }
    Ok(())
}
