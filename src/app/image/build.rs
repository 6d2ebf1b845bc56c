//! `windlass image build`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use super::super::bundle::progress::Progress;
use super::super::bundle::stop::interrupted;
use super::super::exit::{Exit, Failed, OrExit as _};
use super::super::output::Output;
use super::super::run::signalled;
use super::super::session::load_catalog;
use super::base::{BaseImages, Origin, find};
use super::bundle;
use super::failure::failed;
use super::push::{Goal, push};
use super::said::{BuildReport, print_report};
use super::target::{Buildable, DIST, one};
use crate::cli::{BuildArgs, Global, ImageTarget};
use crate::driver::bundle::LayoutFolder;
use crate::driver::image_build::{
    Build, BuildError, BuiltImage, Containerfile, Distribution, LayerPlace, ScratchFolder,
};
use crate::model::ImageName;

/// How often the progress is read.
const POLL: Duration = Duration::from_millis(200);

/// Makes an image until a signal comes.
pub(super) async fn build(global: &Global, args: &BuildArgs, output: &Output) -> Result<Exit, Failed> {
    let signalled = signalled().or_exit(Exit::Unexpected)?;
    let stop = CancellationToken::new();
    // Ends the threads where this future is dropped.
    let _guard = stop.clone().drop_guard();
    tokio::select! {
        biased;
        () = signalled => Err(match &args.to {
            ImageTarget::Bundle(path) => interrupted(path),
            ImageTarget::Oci(_) | ImageTarget::Registry(_) => Failed::text(Exit::Stopped, "stopped; nothing was kept"),
        }),
        ended = built(global, args, &stop, output) => ended,
    }
}

async fn built(global: &Global, args: &BuildArgs, stop: &CancellationToken, output: &Output) -> Result<Exit, Failed> {
    let catalog = load_catalog(global)?;
    let buildable = one(&catalog, &args.component)?;
    let containerfile = buildable.containerfile()?;
    let arguments = arguments(args, &containerfile, &buildable)?;
    let base = containerfile.base(&arguments).map_err(|found| failed(found.into()))?;
    let wrong = |error| {
        Failed::text(Exit::BadInput, format!("invalid base image in {}: FROM `{base}`: {error}", buildable.file()))
    };
    let base = ImageName::parse(&base).map_err(wrong)?;
    let goal = match &args.to {
        ImageTarget::Oci(_) | ImageTarget::Bundle(_) => None,
        ImageTarget::Registry(name) => Some(Goal::parse(name)?),
    };
    let names = names(args)?;
    // Before anything that takes long.
    let folder = match &args.to {
        ImageTarget::Oci(path) => Some(LayoutFolder::begin(path).map_err(|error| failed(error.into()))?),
        ImageTarget::Bundle(path) => {
            bundle::check(path, &names)?;
            None
        }
        ImageTarget::Registry(_) => None,
    };
    let distributions = distributions(args, &containerfile, stop).await?;
    for distribution in distributions.values() {
        output.remark(&format!("{}: SHA-512 {}", distribution.shown(), distribution.sha512().unwrap_or_default()));
    }
    let origin = Origin::new(args, &base, goal.as_ref().map(|goal| goal.host.as_str()), output)?;
    let found = find(args, &base, origin.source.as_ref(), output).await?;
    let work = Work { file: buildable.file(), containerfile, arguments, own: buildable.own(), distributions };
    let (made, work, answer) = match (folder, goal) {
        (Some(folder), _) => {
            let (made, work, folder) = layers(work, &found, folder, stop, output).await?;
            let bytes = BuiltImage::base_bytes(&found.bases);
            folder.check_room(bytes).map_err(|error| failed(error.into()))?;
            let progress = Progress::new(output, "copying the base", bytes);
            let report = |bytes| progress.add(bytes);
            let written = made.write_layout(origin.source.as_ref(), folder, &names, &report).await;
            written.map_err(failed)?;
            (made, work, first(&names)?)
        }
        (None, Some(goal)) => {
            let scratch = ScratchFolder::new().map_err(failed)?;
            let (made, work, scratch) = layers(work, &found, scratch, stop, output).await?;
            let name = goal.name.clone();
            push(args, &goal, &origin, &found, &made, output).await?;
            drop(scratch);
            (made, work, Some(name))
        }
        (None, None) => {
            let ImageTarget::Bundle(path) = &args.to else {
                return Err(Failed::text(Exit::BadInput, "--to has no target"));
            };
            let scratch = ScratchFolder::new().map_err(failed)?;
            let (made, work, scratch) = layers(work, &found, scratch, stop, output).await?;
            bundle::bundle(args, path, &names, &buildable, &origin, &made, output).await?;
            drop(scratch);
            (made, work, first(&names)?)
        }
    };
    let archives = work.archives(args);
    print_report(
        &BuildReport {
            args,
            buildable: &buildable,
            found: &found,
            made: &made,
            name: answer.as_ref(),
            archives: &archives,
        },
        output,
    )?;
    Ok(Exit::Done)
}

/// What an image is made of, beside its base.
struct Work {
    file: String,
    containerfile: Containerfile,
    arguments: BTreeMap<String, String>,
    own: Distribution,
    distributions: BTreeMap<String, Distribution>,
}

impl Work {
    /// The distributions by name: where they lie, and their SHA-512.
    fn archives(&self, args: &BuildArgs) -> Vec<(String, String, String)> {
        let of = |dist: &crate::cli::LayoutArg| {
            let name = named(dist.image.as_deref());
            let sum = self.distributions.get(name).and_then(Distribution::sha512).unwrap_or_default();
            (name.to_owned(), dist.path.display().to_string(), sum.to_owned())
        };
        args.dist.iter().map(of).collect()
    }
}

/// Writes the layers on a blocking thread, and prints the progress.
async fn layers<P: LayerPlace + Room + Send + 'static>(
    work: Work,
    found: &BaseImages,
    place: P,
    stop: &CancellationToken,
    output: &Output,
) -> Result<(BuiltImage, Work, P), Failed> {
    let (bases, stop) = (found.bases.clone(), stop.clone());
    let counts = Arc::new((AtomicU64::new(0), AtomicU64::new(0)));
    let counted = Arc::clone(&counts);
    let task = spawn_blocking(move || -> Result<_, BuildError> {
        let Work { file, containerfile, arguments, own, distributions } = &work;
        let build = Build { containerfile, file, arguments, own, distributions, bases: &bases };
        let most = build.bytes()?;
        place.room(most.saturating_add(BuiltImage::base_bytes(&bases)))?;
        counted.1.store(most, Ordering::Relaxed);
        let made = build.make(&place, &stop, &|bytes| _ = counted.0.fetch_add(bytes, Ordering::Relaxed))?;
        Ok((made, work, place))
    });
    tokio::pin!(task);
    let mut progress = None;
    let ended = loop {
        tokio::select! {
            ended = &mut task => break ended,
            () = tokio::time::sleep(POLL) => {
                let (done, all) = (counts.0.load(Ordering::Relaxed), counts.1.load(Ordering::Relaxed));
                if all > 0 {
                    progress.get_or_insert_with(|| Progress::new(output, "creating the layer", all)).set(done, 0);
                }
            }
        }
    };
    ended.map_err(|error| failed(error.into()))?.map_err(failed)
}

/// Whether there is room for what is written.
trait Room {
    fn room(&self, bytes: u64) -> Result<(), BuildError>;
}

impl Room for LayoutFolder {
    fn room(&self, bytes: u64) -> Result<(), BuildError> {
        Ok(self.check_room(bytes)?)
    }
}

impl Room for ScratchFolder {
    /// The size of the layer is not known before, and the base is not stored: a full disk fails later.
    fn room(&self, _bytes: u64) -> Result<(), BuildError> {
        Ok(())
    }
}

/// The name of a distribution.
fn named(name: Option<&str>) -> &str {
    name.unwrap_or(DIST)
}

/// The arguments that were given, all of which must be known.
fn arguments(
    args: &BuildArgs,
    containerfile: &Containerfile,
    buildable: &Buildable<'_>,
) -> Result<BTreeMap<String, String>, Failed> {
    let known = containerfile.arguments();
    let mut found = BTreeMap::new();
    for arg in &args.build_arg {
        if !known.contains(arg.name.as_str()) {
            let all = known.iter().copied().collect::<Vec<_>>().join(", ");
            let text = format!("--build-arg {}: {} has no such ARG; it has {all}", arg.name, buildable.file());
            return Err(Failed::text(Exit::BadInput, text));
        }
        if found.insert(arg.name.clone(), arg.value.clone()).is_some() {
            return Err(Failed::text(Exit::BadInput, format!("--build-arg {} is given twice", arg.name)));
        }
    }
    Ok(found)
}

/// The name for answers.
fn first(names: &[String]) -> Result<Option<ImageName>, Failed> {
    names.first().map(|name| ImageName::parse(name)).transpose().or_exit(Exit::BadInput)
}

/// What the image is called in a layout or an offline bundle.
fn names(args: &BuildArgs) -> Result<Vec<String>, Failed> {
    if !args.tag.is_empty() && matches!(args.to, ImageTarget::Registry(_)) {
        return Err(Failed::text(
            Exit::BadInput,
            "--tag applies to --to oci:DIR and --to bundle:FILE only; --to registry:NAME contains the name",
        ));
    }
    let mut found = Vec::new();
    for text in &args.tag {
        let name = ImageName::parse(text).map_err(|error| format!("--tag {text}: {error}"));
        let name = name.and_then(|name| match (&name.tag, &name.digest) {
            (Some(_), None) => Ok(name.whole()),
            _ => Err(format!("--tag {text}: expected an image with a tag, such as harbor.site/platform/name:1.0")),
        });
        found.push(name.map_err(|text| Failed::text(Exit::BadInput, text))?);
    }
    Ok(found)
}

/// Reads the distributions: those that the Containerfile copies from, and no others.
async fn distributions(
    args: &BuildArgs,
    containerfile: &Containerfile,
    stop: &CancellationToken,
) -> Result<BTreeMap<String, Distribution>, Failed> {
    let wanted: BTreeSet<String> = containerfile.distributions().into_iter().map(str::to_owned).collect();
    let mut paths = BTreeMap::new();
    for dist in &args.dist {
        let name = named(dist.image.as_deref());
        if !wanted.contains(name) {
            let all = wanted.iter().cloned().collect::<Vec<_>>().join(", ");
            let text =
                format!("--dist {name}={}: nothing is copied from `{name}`; expected {all}", dist.path.display());
            return Err(Failed::text(Exit::BadInput, text));
        }
        if paths.insert(name.to_owned(), dist.path.clone()).is_some() {
            return Err(Failed::text(Exit::BadInput, format!("the distribution `{name}` is given twice")));
        }
    }
    if let Some(missing) = wanted.iter().find(|name| !paths.contains_key(*name)) {
        let text = format!("the distribution `{missing}` is missing: add --dist {missing}=ARCHIVE");
        return Err(Failed::text(Exit::BadInput, text));
    }
    let stop = stop.clone();
    let read = move || -> Result<BTreeMap<_, _>, BuildError> {
        paths.into_iter().map(|(name, path)| Ok((name, Distribution::open(&path, &stop)?))).collect()
    };
    spawn_blocking(read).await.map_err(|error| failed(error.into()))?.map_err(failed)
}
