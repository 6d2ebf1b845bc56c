//! Writes `images.lock`, compares it with what is needed, and explains why an image is in it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::render::{LockInputs, of_answers, of_catalog};
use super::said;
use crate::app::exit::{Exit, Failed, OrExit as _};
use crate::app::output::Output;
use crate::app::registries::{asked, mirror};
use crate::app::run::signalled;
use crate::app::session::{self, load_catalog};
use crate::catalog::Catalog;
use crate::cli::{Global, LockArgs};
use crate::driver::helm::TESTED_HELM;
use crate::driver::whole_file::replace;
use crate::lock::{
    EMBEDDED_NAME, ImageLookup, ResolveFailure, ResolveOptions, differences, embedded, parse_platform, resolve, why,
};
use crate::model::images_lock::{ImagesLock, LOCK_FILE, LockedProgram};
use crate::model::oci::Platform;
use crate::model::{LOCK_LIMIT, bounded};

/// How many images are resolved between two remarks.
const REPORT_EVERY: usize = 10;

/// `windlass lock`, until a signal comes.
pub(in crate::app) async fn lock(global: &Global, args: &LockArgs, output: &Output) -> Result<Exit, Failed> {
    let signalled = signalled().or_exit(Exit::Unexpected)?;
    tokio::select! {
        biased;
        // The file is written whole or not at all.
        () = signalled => Err(Failed::text(Exit::Stopped, "stopped; nothing was written")),
        ended = run(global, args, output) => ended,
    }
}

async fn run(global: &Global, args: &LockArgs, output: &Output) -> Result<Exit, Failed> {
    if args.lock.is_some() && !args.check && args.why.is_none() {
        let text = "--lock names the lock that --check and --why read; use --output to name the file to write";
        return Err(Failed::text(Exit::BadInput, text));
    }
    if let Some(text) = &args.why {
        return explain(args, text, output);
    }
    let platforms: Vec<Platform> =
        args.platform.iter().map(|text| parse_platform(text)).collect::<Result<_, _>>().or_exit(Exit::BadInput)?;
    // Before anything is rendered: its errors are reported at once.
    let from = mirror(args.from.as_deref())?;
    let checked = args.check.then(|| known(args)).transpose()?;
    let catalog = load_catalog(global)?;
    let LockInputs { gathered, refused } = gather(global, args, &catalog, output).await?;
    if global.verbose > 0 {
        refused.iter().for_each(|one| output.remark(&format!("skipped: {one}")));
    }
    if let Some((name, locked)) = checked {
        let needed = gathered.into_lock(programs(), Some(&locked));
        return check(global, args, &name, &locked, &needed, output);
    }
    let to_stdout = args.output.as_deref() == Some(Path::new("-"));
    let path = args.output.clone().unwrap_or_else(|| PathBuf::from(LOCK_FILE));
    // What is resolved already is kept, from this file or from the built-in one.
    let earlier = match to_stdout {
        false => read(&path)?,
        true => None,
    };
    let earlier = match earlier {
        Some(lock) => lock,
        None => embedded().or_exit(Exit::Unexpected)?,
    };
    let mut lock = gathered.into_lock(programs(), Some(&earlier));
    if args.from.is_some() {
        let wanted =
            ResolveOptions { from: from.as_deref(), platforms: &platforms, without_attached: args.without_signatures };
        lock = resolved(args, &lock, wanted, output).await?;
    }
    let text = lock.to_text().or_exit(Exit::Unexpected)?;
    if to_stdout {
        output.text(&text)?;
        return Ok(Exit::Done);
    }
    write(&path, &text)?;
    let place = path.display().to_string();
    match output.json {
        true => output.value(&said::written_json(&place, &lock, &refused))?,
        false => output.say(&said::written(&place, &lock, refused.len()))?,
    }
    Ok(Exit::Done)
}

/// Collects the contents of the platform: of a site where there are answers, else of the whole catalog.
async fn gather(global: &Global, args: &LockArgs, catalog: &Catalog, output: &Output) -> Result<LockInputs, Failed> {
    let answers = &args.answers;
    let of_site = answers.answers.is_some()
        || !answers.set.is_empty()
        || answers.components.is_some()
        || answers.profile.is_some()
        || global.sandbox;
    if !of_site {
        return of_catalog(global, catalog, output).await;
    }
    let given = session::given(global, answers, catalog, None)?;
    of_answers(global, catalog, given, output).await
}

/// The programs that go with the platform. Their digests are known once they are in an offline bundle.
fn programs() -> BTreeMap<String, LockedProgram> {
    let helm = LockedProgram { version: TESTED_HELM.to_owned(), platforms: BTreeMap::new() };
    [("helm".to_owned(), helm)].into()
}

async fn resolved(
    args: &LockArgs,
    lock: &ImagesLock,
    wanted: ResolveOptions<'_>,
    output: &Output,
) -> Result<ImagesLock, Failed> {
    let source = asked(&args.reach, wanted.from, lock, output)?;
    output.remark(&format!("resolving {} images", lock.images.len()));
    let report = |done: usize, all: usize| {
        if done.is_multiple_of(REPORT_EVERY) && done < all {
            output.remark(&format!("{done} of {all} resolved"));
        }
    };
    let found = resolve(lock, &source, wanted, &report).await;
    found.map_err(unresolved)
}

/// The exit code of a failed resolution: an unknown platform, or the source.
pub(in crate::app) fn unresolved(error: ResolveFailure) -> Failed {
    let exit = if matches!(error, ResolveFailure::Platform { .. }) { Exit::BadInput } else { Exit::Unusable };
    Failed::new(exit, error)
}

fn check(
    global: &Global,
    args: &LockArgs,
    name: &str,
    locked: &ImagesLock,
    needed: &ImagesLock,
    output: &Output,
) -> Result<Exit, Failed> {
    let found = differences(locked, needed);
    let command = command(global, args);
    if output.json {
        let command = (!found.is_empty()).then_some(&command);
        output.value(&json!({"lock": name, "differences": found, "unresolved": locked.unresolved().collect::<Vec<_>>(), "command": command}))?;
        return Ok(if found.is_empty() { Exit::Done } else { Exit::Refused });
    }
    if found.is_empty() {
        let unresolved = locked.unresolved().count();
        let unresolved = if unresolved == 0 { String::new() } else { format!(", {unresolved} of them unresolved") };
        output.say(&format!("{name} is up to date: {} images{unresolved}\n", locked.images.len()))?;
        return Ok(Exit::Done);
    }
    output.say(&said::differs(&found))?;
    Err(Failed::text(Exit::Refused, format!("{name} is out of date; update it with: {command}")))
}

/// The command that writes the lock that was checked.
fn command(global: &Global, args: &LockArgs) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "'\\''"));
    let answers = &args.answers;
    let mut command = format!("windlass {}lock", session::flags(global));
    let mut add = |flag: &str, value: &str| command.push_str(&format!(" {flag} {}", quoted(value)));
    answers.answers.iter().for_each(|file| add("--answers", &file.display().to_string()));
    answers.set.iter().for_each(|set| add("--set", set));
    answers.components.iter().for_each(|ids| add("--components", &ids.join(",")));
    answers.profile.iter().for_each(|profile| add("--profile", profile));
    args.lock.iter().for_each(|file| add("--output", &file.display().to_string()));
    command
}

fn explain(args: &LockArgs, text: &str, output: &Output) -> Result<Exit, Failed> {
    let (name, lock) = known(args)?;
    let found = why(&lock, text);
    if output.json {
        output.value(&said::why_json(&name, &found))?;
    }
    match &found {
        ImageLookup::Found(_) if output.json => Ok(Exit::Done),
        ImageLookup::Found(_) => {
            output.say(&said::why(&found))?;
            Ok(Exit::Done)
        }
        ImageLookup::NotFound(_) if output.json => Ok(Exit::BadInput),
        ImageLookup::NotFound(like) => {
            let like = match like.as_slice() {
                [] => "`windlass lock --output -` lists what is needed".to_owned(),
                some => format!(
                    "did you mean {}?",
                    some.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or ")
                ),
            };
            Err(Failed::text(Exit::BadInput, format!("no image in {name} matches `{text}`; {like}")))
        }
    }
}

/// The lock that is read, and its name: the one that is named, else that of this folder, else the built-in one.
fn known(args: &LockArgs) -> Result<(String, ImagesLock), Failed> {
    let path = args.lock.clone().unwrap_or_else(|| PathBuf::from(LOCK_FILE));
    match read(&path)? {
        Some(lock) => Ok((path.display().to_string(), lock)),
        None if args.lock.is_some() => {
            let text = format!("{} not found: `windlass lock --output FILE` writes one", path.display());
            Err(Failed::text(Exit::BadInput, text))
        }
        None => Ok((EMBEDDED_NAME.to_owned(), embedded().or_exit(Exit::Unexpected)?)),
    }
}

/// A lock of this machine; none where there is no such file.
fn read(path: &Path) -> Result<Option<ImagesLock>, Failed> {
    match bounded::text(path, LOCK_LIMIT) {
        Ok(text) => {
            let found = ImagesLock::parse(&path.display().to_string(), &text);
            found.map(Some).map_err(|found| {
                let error = anyhow::Error::new(found).context(format!(
                    "{} has mistakes; correct them, or remove the file and write it again",
                    path.display()
                ));
                Failed::new(Exit::BadInput, error)
            })
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            let error = anyhow::Error::new(error).context(format!("failed to read {}", path.display()));
            Err(Failed::new(Exit::BadInput, error))
        }
    }
}

/// Writes the file whole or not at all.
fn write(path: &Path, text: &str) -> Result<(), Failed> {
    replace(path, text.as_bytes(), 0o666).map(drop).map_err(|error| {
        Failed::new(Exit::BadInput, anyhow::Error::new(error).context(format!("failed to write {}", path.display())))
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};

    fn parsed(line: &str) -> Result<(Global, LockArgs), String> {
        let cli = Cli::try_parse_from(std::iter::once("windlass").chain(line.split(' ')))
            .map_err(|error| error.to_string())?;
        match cli.command {
            Some(Command::Lock(args)) => Ok((cli.global, args)),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_command_that_writes_a_lock_is_whole() {
        let (global, args) =
            parsed("lock --check --answers it's.yaml --set a.b=c --components a,b --lock x.lock --catalog d").unwrap();
        assert_eq!(
            command(&global, &args),
            "windlass --catalog 'd' lock --answers 'it'\\''s.yaml' --set 'a.b=c' --components 'a,b' --output 'x.lock'"
        );
        for line in [
            "lock --check --from x",
            "lock --why x --from y",
            "lock --platform linux/amd64",
            "lock --check --why x",
            "lock --lock a --output b",
        ] {
            assert!(parsed(line).is_err(), "{line}");
        }
        assert!(parsed("lock --from r.site --platform linux/amd64,linux/arm64 --without-signatures -o -").is_ok());
    }

    #[test]
    fn a_file_is_written_whole_and_one_with_mistakes_is_not_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("images.lock");
        assert_eq!(read(&path).unwrap(), None);
        write(&path, &ImagesLock::default().to_text().unwrap()).unwrap();
        assert_eq!(read(&path).unwrap(), Some(ImagesLock::default()));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        std::fs::write(&path, "schema: 1\nimages: {}\nimages: {}\n").unwrap();
        let error = read(&path).unwrap_err();
        assert!(error.chain()[0].contains("has mistakes") && error.chain()[1].contains(":3:1:"), "{:?}", error.chain());
        assert_eq!(write(&folder.path().join("no/folder"), "").unwrap_err().exit, Exit::BadInput);
    }
}
