//! Renders charts for the images that are in them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use tokio_util::sync::CancellationToken;

use super::site_files::digest_of;
use crate::answers::{
    Answer, AnswerSources, Answers, AnswersError, Charts, Draft, Layer, LayerKind, Resolved, ResolvedComponent,
    ResolvedRelease, resolve_with,
};
use crate::app::charts::{Fetcher, LoginFrom};
use crate::app::exit::{Exit, Failed, OrExit as _};
use crate::app::output::Output;
use crate::app::session::{anchored, find_helm, wrong};
use crate::catalog::{BUNDLED, Catalog, Component, Kind, QuestionId};
use crate::cli::Global;
use crate::driver::charts::write_chart;
use crate::driver::helm::{Helm, Template};
use crate::driver::process::PrivateDir;
use crate::lock::{
    DEFAULT_PROFILE, KnownRepositories, LockBuilder, UNPUBLISHED_REGISTRY, images_in, trials, unpublished_layer,
};
use crate::model::cluster::ReleaseKey;
use crate::model::yaml::Findings;
use crate::model::{ChartRef, FileTree, ImageName, causes, parse_manifest};

/// How many charts are rendered at the same time.
const AT_ONCE: usize = 4;

/// Between two remarks about the progress.
const REPORT_EVERY: Duration = Duration::from_secs(3);

/// What was found, and what was skipped.
pub(super) struct LockInputs {
    pub gathered: LockBuilder,
    /// Combinations of answers that definitions or charts refuse: they cannot be installed.
    pub refused: Vec<String>,
}

/// A release with some values, and what brings it.
struct Job {
    component: String,
    release: ResolvedRelease,
    /// Profiles, and answers that are tried.
    labels: BTreeSet<(bool, String)>,
}

impl Job {
    /// Whether only answers that are tried bring it.
    fn varied(&self) -> bool {
        self.labels.iter().all(|(varied, _)| *varied)
    }

    fn describe(&self) -> String {
        let label = self.labels.first().map(|(_, label)| label.as_str()).unwrap_or_default();
        format!("{} ({label})", self.component)
    }
}

/// Renders every chart of the catalog, in every profile, with every answer that may bring images.
pub(super) async fn of_catalog(global: &Global, catalog: &Catalog, output: &Output) -> Result<LockInputs, Failed> {
    let mut run = Run::new(global, catalog, output)?;
    for component in catalog.components.values() {
        run.gathered.definition(component);
    }
    let trials = trials(catalog).map_err(wrong)?;
    let mut charts: BTreeMap<String, Charts> = BTreeMap::new();
    for trial in trials {
        let Some(component) = catalog.components.get(&trial.component) else { continue };
        let mut draft = trial.given.draft(catalog);
        if let Some(answered) =
            draft.as_ref().ok().filter(|_| trial.varied).and_then(|draft| trial.answered(catalog, draft))
        {
            draft = answered.given.draft(catalog);
        }
        let draft = match draft {
            Ok(draft) if draft.problems.is_empty() => draft,
            other => {
                let error = match other {
                    Ok(draft) => {
                        AnswersError::Invalid(Findings(draft.problems.into_iter().map(|(_, it)| it).collect()))
                    }
                    Err(error) => error,
                };
                match trial.varied {
                    true => run.refused.push(format!("{} ({}): {error}", trial.component, trial.label)),
                    false => return Err(wrong(error)),
                }
                continue;
            }
        };
        let answers = run.filled(draft);
        if !charts.contains_key(&component.id) {
            let fetched = run.charts(&answers, std::iter::once(component)).await?;
            charts.insert(component.id.clone(), fetched);
        }
        let Some(charts) = charts.get(&component.id) else { continue };
        match resolve_with(catalog, &answers, charts) {
            Ok(resolved) => {
                let own = resolved.components.into_iter().find(|resolved| resolved.id == trial.component);
                own.into_iter().for_each(|own| run.component(own, component, &answers, &trial.label, trial.varied));
            }
            Err(error) if trial.varied => {
                run.refused.push(format!("{} ({}): {}", trial.component, trial.label, causes(&error).join(": ")));
            }
            Err(error) => return Err(error).or_exit(Exit::BadInput),
        }
    }
    run.render().await
}

/// Renders what a site's answers install.
pub(super) async fn of_answers(
    global: &Global,
    catalog: &Catalog,
    mut given: AnswerSources,
    output: &Output,
) -> Result<LockInputs, Failed> {
    // Images are locked by the names that they are published under, wherever the site pulls them from.
    let registry = QuestionId::new("platform", "registry");
    given.layers.iter_mut().for_each(|layer: &mut Layer| layer.answers.retain(|(id, ..)| *id != registry));
    let with_instances = catalog.with_instances(given.components()).into_owned();
    given.layers.push(unpublished_layer(&with_instances));
    let draft = given.draft(catalog).map_err(wrong)?;
    if !draft.problems.is_empty() {
        return draft
            .finish()
            .map(|_| LockInputs { gathered: LockBuilder::default(), refused: Vec::new() })
            .map_err(wrong);
    }
    let mut run = Run::new(global, catalog, output)?;
    let missing: BTreeSet<QuestionId> = draft.missing.iter().map(|missing| missing.id.clone()).collect();
    let answers = anchored(catalog, &run.filled(draft))?;
    let known = answers.catalog(catalog).into_owned();
    let chosen = || answers.components.iter().filter_map(|id| known.components.get(id));
    let charts = run.charts(&answers, chosen()).await?;
    let Resolved { components, images, .. } = resolve_with(catalog, &answers, &charts).or_exit(Exit::BadInput)?;
    for image in images {
        let Some(component) = known.components.get(&image.component) else { continue };
        let Ok(name) = ImageName::parse(&image.reference) else { continue };
        match name.registry() == UNPUBLISHED_REGISTRY {
            true => {
                let build =
                    component.images.iter().find(|one| one.name == image.name).and_then(|one| one.build.as_deref());
                run.gathered.add_unpublished(&component.base, &image.name, build);
            }
            false => run.gathered.add(&name, &component.base, &format!("images.{}", image.name), None),
        }
    }
    let label = answers.profile.clone().unwrap_or_else(|| DEFAULT_PROFILE.to_owned());
    for own in components {
        let Some(component) = known.components.get(&own.id) else { continue };
        run.component(own, component, &answers, &label, false);
    }
    for (id, (answer, _)) in &answers.values {
        let is_source = known.question(id).is_some_and(|question| question.kind == Kind::Source);
        if let Some(from) = answer.text().filter(|from| is_source && !from.is_empty() && !missing.contains(id)) {
            output.remark(&format!("reading the files of {id}"));
            run.gathered.file(&id.to_string(), from, &digest_of(&id.to_string(), from).await?);
        }
    }
    run.render().await
}

struct Run<'a> {
    global: &'a Global,
    catalog: &'a Catalog,
    output: &'a Output,
    /// Stands in for files without an answer.
    stand_in: PathBuf,
    dir: PrivateDir,
    gathered: LockBuilder,
    refused: Vec<String>,
    jobs: BTreeMap<(String, String, String, String), Job>,
}

impl<'a> Run<'a> {
    fn new(global: &'a Global, catalog: &'a Catalog, output: &'a Output) -> Result<Self, Failed> {
        let dir = PrivateDir::new().or_exit(Exit::Unexpected)?;
        let stand_in = dir.path().join("stand-in");
        std::fs::write(&stand_in, "stands in for an answer\n").or_exit(Exit::Unexpected)?;
        let mut gathered = LockBuilder::default();
        gathered.windlass();
        Ok(Self { global, catalog, output, stand_in, dir, gathered, refused: Vec::new(), jobs: BTreeMap::new() })
    }

    /// Answers in which something stands for what is missing.
    fn filled(&self, draft: Draft) -> Answers {
        let files: Vec<QuestionId> = draft.missing.iter().map(|missing| missing.id.clone()).collect();
        let mut answers = draft.filled(self.catalog);
        let known = answers.catalog(self.catalog).into_owned();
        for id in files.into_iter().filter(|id| known.question(id).is_some_and(|question| question.kind == Kind::Files))
        {
            answers.values.insert(id, (Answer::Text(self.stand_in.display().to_string()), LayerKind::Catalog));
        }
        answers
    }

    /// The charts that do not lie in the catalog.
    async fn charts<'c>(
        &self,
        answers: &Answers,
        components: impl Iterator<Item = &'c Component>,
    ) -> Result<Charts, Failed> {
        let fetcher = Fetcher::new(self.global, answers, LoginFrom::Nowhere);
        let mut charts = Charts { unneeded: true, ..Charts::default() };
        for component in components {
            match fetcher.component(component).await {
                Ok(None) => {}
                Ok(Some(files)) => drop(charts.found.insert(component.id.clone(), files)),
                Err((chart, error)) => {
                    let exit = if error.is_out_of_reach() { Exit::Unusable } else { Exit::BadInput };
                    let text = format!("the chart of {}, {chart}, cannot be locked", component.id);
                    return Err(Failed { exit, error: anyhow::Error::new(error).context(text) });
                }
            }
        }
        Ok(charts)
    }

    /// Collects what a component installs with some answers.
    fn component(
        &mut self,
        own: ResolvedComponent,
        component: &Component,
        answers: &Answers,
        label: &str,
        varied: bool,
    ) {
        for action in own.actions() {
            let Some(job) = action.kind.jobs() else { continue };
            let Ok(image) = ImageName::parse(&job.image) else { continue };
            let step = action.id.rsplit('/').next().unwrap_or(&action.id);
            self.image(&image, &component.base, &format!("Job/{} of step {step}", job.name), label, varied);
        }
        for files in &own.config_maps {
            let id = QuestionId::new(&own.id, &files.question);
            let from = answers.get(&own.id, &files.question).text().unwrap_or_default();
            // The stand-in is not a real file.
            if self.stand_in != Path::new(from) && (from.starts_with(BUNDLED) || !varied) {
                self.gathered.file(&id.to_string(), from, &files.digest);
            }
        }
        let Some(release) = own.release else { return };
        let of = match answers.get(&own.id, "chart").text() {
            Some(named) => named.to_owned(),
            None => component
                .chart
                .as_ref()
                .and_then(|chart| chart.source().ok())
                .map_or_else(String::new, |chart: ChartRef| chart.to_string()),
        };
        self.gathered.chart(&component.base, &of, &release.chart_digest);
        let key = (
            own.id.clone(),
            release.chart_digest.clone(),
            release.values_digest.clone(),
            format!("{}/{}", release.namespace, release.name),
        );
        let job = self.jobs.entry(key);
        let job = job.or_insert_with(|| Job { component: component.base.clone(), release, labels: BTreeSet::new() });
        job.labels.insert((varied, label.to_owned()));
    }

    fn image(&mut self, image: &ImageName, component: &str, at: &str, label: &str, varied: bool) {
        match varied {
            true => self.gathered.add_with(image, component, at, label),
            false => self.gathered.add(image, component, at, Some(label)),
        }
    }

    /// Renders all, and collects what is found.
    async fn render(mut self) -> Result<LockInputs, Failed> {
        let jobs: Vec<Job> = std::mem::take(&mut self.jobs).into_values().collect();
        if jobs.is_empty() {
            return Ok(LockInputs { gathered: self.gathered, refused: self.refused });
        }
        let helm = find_helm(self.global).await.or_exit(Exit::Unusable)?;
        let folders = self.folders(&jobs)?;
        let all = jobs.len();
        self.output.remark(&format!("releases to render with Helm: {all}"));
        let (done, last) = (AtomicUsize::new(0), std::sync::Mutex::new(Instant::now()));
        let rendered: Vec<_> = futures::stream::iter(&jobs)
            .map(async |job| {
                let text = template(&helm, &job.release, folders.get(&job.release.chart_digest)).await;
                let done = done.fetch_add(1, Ordering::Relaxed) + 1;
                if let Ok(mut last) = last.lock()
                    && last.elapsed() >= REPORT_EVERY
                    && done < all
                {
                    *last = Instant::now();
                    self.output.remark(&format!("{done} of {all} rendered"));
                }
                text
            })
            .buffered(AT_ONCE)
            .collect()
            .await;
        let declared = self.catalog.components.values().flat_map(|component| &component.images);
        let declared: Vec<ImageName> = declared.filter_map(crate::catalog::Image::split).collect();
        let known = KnownRepositories::new(&declared);
        let mut wrong = Vec::new();
        for (job, text) in jobs.iter().zip(rendered) {
            let text = match text {
                Ok(text) => text,
                Err(why) if job.varied() => {
                    self.refused.push(format!("{}: {why}", job.describe()));
                    continue;
                }
                Err(why) => {
                    wrong.push(format!("{}: {why}", job.describe()));
                    continue;
                }
            };
            let manifest = parse_manifest(&text, &job.release.namespace);
            wrong.extend(manifest.unread.iter().map(|unread| format!("{}: {unread}", job.describe())));
            for object in &manifest.objects {
                let (found, unfound) = images_in(object, &known);
                wrong.extend(unfound.into_iter().map(|one| format!("{}: {}: {}", job.describe(), one.at, one.why)));
                for one in found {
                    for (varied, label) in &job.labels {
                        self.image(&one.image, &job.component, &one.at, label, *varied);
                    }
                }
            }
        }
        wrong.sort();
        wrong.dedup();
        if !wrong.is_empty() {
            let text =
                format!("failed to read some of the rendered charts; images may be missing\n{}", wrong.join("\n"));
            return Err(Failed::text(Exit::BadInput, text));
        }
        Ok(LockInputs { gathered: self.gathered, refused: self.refused })
    }

    /// Each chart in a folder of its own, once.
    fn folders(&self, jobs: &[Job]) -> Result<BTreeMap<String, PathBuf>, Failed> {
        let charts: BTreeMap<&str, &FileTree> =
            jobs.iter().map(|job| (job.release.chart_digest.as_str(), &job.release.chart)).collect();
        let mut folders = BTreeMap::new();
        for (at, (digest, chart)) in charts.into_iter().enumerate() {
            let folder = self.dir.path().join(format!("chart-{at}"));
            write_chart(chart, &folder).or_exit(Exit::Unexpected)?;
            folders.insert(digest.to_owned(), folder);
        }
        Ok(folders)
    }
}

async fn template(helm: &Helm, release: &ResolvedRelease, folder: Option<&PathBuf>) -> Result<String, String> {
    let template = Template {
        release: ReleaseKey::new(&release.namespace, &release.name),
        chart: folder.cloned().unwrap_or_default(),
        values: (*release.values).clone(),
        kube_version: None,
        api_versions: Vec::new(),
        is_upgrade: false,
    };
    helm.template(&template, &CancellationToken::new()).await.map_err(|error| causes(&error).join(": "))
}
