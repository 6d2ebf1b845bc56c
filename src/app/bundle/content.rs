//! What an offline bundle contains besides images: charts and files of the components, and the programs that install them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tokio_util::sync::CancellationToken;

use super::super::bundled::{HELM, own_platform};
use super::super::charts::{Fetcher, LoginFrom};
use super::super::exit::{Exit, Failed, OrExit as _};
use super::super::lock::digest_of;
use super::super::output::Output;
use super::super::session::{find_helm, load_catalog, wrong};
use crate::answers::{AnswerSources, from_flags, question_files};
use crate::catalog::{Catalog, Kind, QuestionId};
use crate::cli::{CreateArgs, Global, LocalArg};
use crate::driver::bundle::ProgramRequest;
use crate::driver::charts::write_chart;
use crate::driver::process::PrivateDir;
use crate::driver::sources;
use crate::model::images_lock::{ImagesLock, LockedFiles, WINDLASS};
use crate::model::{ChartRef, FileTree};

/// Everything from this machine that it contains.
pub(super) struct Content {
    /// Charts by component.
    pub charts: BTreeMap<String, PathBuf>,
    /// Files by component and question.
    pub files: BTreeMap<String, PathBuf>,
    /// Programs by name.
    pub programs: BTreeMap<String, ProgramRequest>,
    /// Holds temporary files as long as they are needed.
    _folder: PrivateDir,
}

impl Content {
    /// What the options name, and the rest from the catalog, checked against the lock's digests.
    pub(super) async fn gather(
        global: &Global,
        args: &CreateArgs,
        lock: &ImagesLock,
        output: &Output,
    ) -> Result<Self, Failed> {
        let folder = PrivateDir::new().or_exit(Exit::Unexpected)?;
        let (mut charts, mut files) = (locals(&args.chart), locals(&args.file));
        // What has a size is packed in the source.
        let open = |all: &BTreeMap<String, LockedFiles>, given: &BTreeMap<String, PathBuf>| {
            let open = all.iter().filter(|(name, one)| one.size.is_none() && !given.contains_key(*name));
            open.map(|(name, one)| (name.clone(), one.clone())).collect::<BTreeMap<_, _>>()
        };
        let (open_charts, open_files) = (open(&lock.charts, &charts), open(&lock.files, &files));
        if !open_charts.is_empty() || !open_files.is_empty() {
            let catalog = load_catalog(global)?;
            for (id, tree) in trees(global, &catalog, &open_charts).await? {
                let path = folder.path().join("charts").join(&id);
                write_chart(&tree, &path).or_exit(Exit::Unexpected)?;
                charts.insert(id, path);
            }
            for (key, locked) in open_files {
                let path = folder.path().join("files").join(&key);
                write_files(&catalog, &key, &locked, &path).await?;
                files.insert(key, path);
            }
        }
        let platform = own_platform();
        let first = args.platform.iter().min().map_or(platform.as_str(), String::as_str);
        let mut programs = named(&args.program, first)?;
        if !args.no_programs {
            own(global, &platform, &mut programs).await?;
        }
        for (name, program) in &programs {
            let platforms = program.platforms.keys().cloned().collect::<Vec<_>>().join(", ");
            output.remark(&format!("program {name} {} for {platforms}", program.version));
        }
        Ok(Self { charts, files, programs, _folder: folder })
    }
}

/// The charts of components, each as the lock has it.
async fn trees(
    global: &Global,
    catalog: &Catalog,
    wanted: &BTreeMap<String, LockedFiles>,
) -> Result<Vec<(String, FileTree)>, Failed> {
    let mut flags = Vec::new();
    let mut components = Vec::new();
    for (id, locked) in wanted {
        let Some(component) = catalog.components.get(id) else {
            let text = format!(
                "the lock has a chart of {id}, which is not in the catalog: add --catalog DIR, or --chart {id}=PATH"
            );
            return Err(Failed::text(Exit::BadInput, text));
        };
        let own = component.chart.as_ref().and_then(|chart| chart.source().ok());
        let is_own = own.is_some_and(|chart: ChartRef| chart.to_string() == locked.from);
        if !is_own {
            flags.push(format!("{id}.chart={}", locked.from));
        }
        components.push((component, is_own));
    }
    let layers = vec![from_flags(&flags).or_exit(Exit::BadInput)?];
    let given = AnswerSources { layers, chosen: Some(wanted.keys().cloned().collect()), profile: None };
    let answers = given.draft(catalog).map_err(wrong)?.filled(catalog);
    let fetcher = Fetcher::new(global, &answers, LoginFrom::Nowhere);
    let mut found = Vec::new();
    for (component, is_own) in components {
        let id = &component.id;
        let tree = match component.chart_files.as_ref().filter(|_| is_own) {
            Some(files) => files.clone(),
            None => match fetcher.component(component).await {
                Ok(Some(files)) => files,
                Ok(None) => {
                    let text = format!("the catalog has no chart of {id}: add --chart {id}=PATH");
                    return Err(Failed::text(Exit::BadInput, text));
                }
                Err((chart, error)) => {
                    let exit = if error.is_out_of_reach() { Exit::Unusable } else { Exit::BadInput };
                    let text = format!("failed to get the chart of {id}, {chart}; add --chart {id}=PATH");
                    return Err(Failed { exit, error: anyhow::Error::new(error).context(text) });
                }
            },
        };
        if let Some(locked) = wanted.get(id) {
            check_digest(&format!("the chart of {id}"), &tree.digest(), locked)?;
        }
        found.push((id.clone(), tree));
    }
    Ok(found)
}

/// Writes what a site or a component uploads into a folder.
async fn write_files(catalog: &Catalog, key: &str, locked: &LockedFiles, to: &Path) -> Result<(), Failed> {
    let (id, question) = key.split_once('.').unwrap_or((key, ""));
    let component = catalog.components.get(id);
    let known = catalog.question(&QuestionId::new(id, question));
    let what = format!("the files of {key}");
    let Some((component, known)) = component.zip(known) else {
        let text =
            format!("the lock has {what}, which are not in the catalog: add --catalog DIR, or --file {key}=PATH");
        return Err(Failed::text(Exit::BadInput, text));
    };
    if known.kind == Kind::Files {
        let tree = question_files(component, question, &locked.from).or_exit(Exit::BadInput)?;
        check_digest(&what, &tree.digest(), locked)?;
        return write_chart(&tree, to).or_exit(Exit::Unexpected);
    }
    check_digest(&what, &digest_of(key, &locked.from).await?, locked)?;
    let opened = sources::open(&locked.from, "*", &CancellationToken::new()).await.or_exit(Exit::BadInput)?;
    for (name, path) in &opened.files {
        let target = to.join(name);
        if let Some(parent) = target.parent() {
            std::fs::create_dir_all(parent).or_exit(Exit::Unexpected)?;
        }
        // On one file system nothing has to be copied.
        if std::fs::hard_link(path, &target).is_err() {
            std::fs::copy(path, &target).or_exit(Exit::Unexpected)?;
        }
    }
    Ok(())
}

/// Checks the digest against the lock.
fn check_digest(what: &str, found: &str, locked: &LockedFiles) -> Result<(), Failed> {
    if found == locked.digest {
        return Ok(());
    }
    let text = format!(
        "{what}: {} does not match the lock (got {found}, expected {}); `windlass lock` updates the lock",
        locked.from, locked.digest
    );
    Err(Failed::text(Exit::BadInput, text))
}

/// Adds this windlass, and the Helm that it would use.
async fn own(global: &Global, platform: &str, programs: &mut BTreeMap<String, ProgramRequest>) -> Result<(), Failed> {
    let request = |version: String, path: PathBuf| {
        let platforms = [(platform.to_owned(), path)].into();
        ProgramRequest { version, platforms }
    };
    if !programs.contains_key(WINDLASS) {
        let path = std::env::current_exe().or_exit(Exit::Unexpected)?;
        programs.insert(WINDLASS.to_owned(), request(env!("CARGO_PKG_VERSION").to_owned(), path));
    }
    if !programs.contains_key(HELM) {
        let helm = find_helm(global).await.map_err(|error| {
            let text = "an offline bundle contains Helm: set it with --helm FILE or --program helm@VERSION=FILE, or omit programs with --no-programs";
            Failed { exit: Exit::Unusable, error: anyhow::Error::new(error).context(text) }
        })?;
        programs.insert(HELM.to_owned(), request(helm.version().to_string(), helm.binary().to_owned()));
    }
    Ok(())
}

/// `NAME@VERSION`, for the first platform: one file runs on one.
fn named(given: &[LocalArg], platform: &str) -> Result<BTreeMap<String, ProgramRequest>, Failed> {
    let one = |arg: &LocalArg| {
        let Some((name, version)) = arg.name.split_once('@') else {
            return Err(Failed::text(Exit::BadInput, format!("--program {}: expected NAME@VERSION=PATH", arg.name)));
        };
        let platforms = [(platform.to_owned(), arg.path.clone())].into();
        Ok((name.to_owned(), ProgramRequest { version: version.to_owned(), platforms }))
    };
    given.iter().map(one).collect()
}

fn locals(given: &[LocalArg]) -> BTreeMap<String, PathBuf> {
    given.iter().map(|arg| (arg.name.clone(), arg.path.clone())).collect()
}
