//! `windlass catalog check`: renders the definitions as far as that is possible without a cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use futures::StreamExt as _;
use regex::Regex;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::charts::{Fetcher, LoginFrom};
use super::exit::{Exit, Failed, OrExit as _};
use super::output::Output;
use super::session::find_helm;
use crate::answers::{AnswerSources, Answers, Charts, ResolveError, ResolvedRelease, resolve_with, unknown_in};
use crate::catalog::{self, Answer, Catalog, CatalogError, Component, Kind, QuestionId};
use crate::cli::Global;
use crate::driver::charts::write_chart;
use crate::driver::helm::{FailureKind, Helm, HelmError, Template};
use crate::driver::process::PrivateDir;
use crate::lock::companions;
use crate::model::cluster::ReleaseKey;
use crate::model::yaml::{Findings, Pos};
use crate::model::{every_crd, every_template, parse_manifest};

/// How many charts are rendered at the same time.
const AT_ONCE: usize = 4;

/// What was found, as `--json` has it.
#[derive(Serialize)]
struct Checked {
    components: usize,
    /// How many renderings of charts succeeded: a chart is rendered once for each set of components that changes its values.
    renderings: usize,
    mistakes: Vec<String>,
    skipped: Vec<String>,
}

/// Checks the definitions; renders values with default answers, and charts where a Helm is found.
pub(super) async fn check(global: &Global, output: &Output) -> Result<Exit, Failed> {
    let catalog = match catalog::load(&global.catalog) {
        Err(CatalogError::Invalid(found)) if output.json => {
            return print_json(
                Checked { components: 0, renderings: 0, mistakes: texts(&found), skipped: Vec::new() },
                output,
            );
        }
        loaded => loaded.or_exit(Exit::BadInput)?,
    };
    let stand_in = PrivateDir::new().or_exit(Exit::Unexpected)?;
    let file = stand_in.path().join("stand-in");
    std::fs::write(&file, "stands in for an answer\n").or_exit(Exit::Unexpected)?;
    let mut run =
        Check { global, catalog: &catalog, findings: Findings::default(), skipped: Vec::new(), renderings: 0 };
    run.templates();
    let rendered = run.values(&file.display().to_string()).await;
    run.charts(rendered, &stand_in).await;
    let Check { findings, mut skipped, renderings, .. } = run;
    skipped.sort();
    let components = catalog.components.len();
    if output.json {
        let mistakes = findings.into_result(()).err().map(|found| texts(&found)).unwrap_or_default();
        return print_json(Checked { components, renderings, mistakes, skipped }, output);
    }
    findings.into_result(()).map_err(CatalogError::Invalid).or_exit(Exit::BadInput)?;
    let skipped: String = skipped.iter().map(|what| format!("skipped: {what}\n")).collect();
    output.say(&format!("no mistakes; components: {components}, charts rendered: {renderings}\n{skipped}"))?;
    Ok(Exit::Done)
}

fn texts(found: &Findings) -> Vec<String> {
    found.0.iter().map(ToString::to_string).collect()
}

fn print_json(checked: Checked, output: &Output) -> Result<Exit, Failed> {
    output.value(&checked)?;
    Ok(if checked.mistakes.is_empty() { Exit::Done } else { Exit::BadInput })
}

struct Check<'a> {
    global: &'a Global,
    catalog: &'a Catalog,
    findings: Findings,
    skipped: Vec<String>,
    renderings: usize,
}

impl Check<'_> {
    /// Names in values templates that are not defined anywhere, in whatever branch.
    fn templates(&mut self) {
        for component in self.catalog.components.values() {
            let (Some(name), Some(text)) = (&component.values, &component.values_template) else { continue };
            let images: Vec<&str> = component.images.iter().map(|image| image.name.as_str()).collect();
            let secrets = component.questions.iter().filter(|question| question.kind == Kind::Secret);
            let made = component.secrets.iter().map(|secret| secret.name.as_str());
            let secrets: Vec<&str> = secrets.map(|question| question.id.as_str()).chain(made).collect();
            for (line, what, name_of, known) in unknown_in(text, &images, &secrets) {
                let file = format!("{}/{name}", component.id);
                self.findings.add_unknown(&file, Pos { line, column: 1 }, what, &name_of, known);
            }
        }
    }

    /// Fills in each component by itself, with what it requires.
    async fn values(&mut self, file: &str) -> Vec<(String, ResolvedRelease)> {
        let (mut rendered, mut failed) = (Vec::new(), BTreeMap::new());
        let all: Vec<&Component> = self.catalog.components.values().collect();
        let global = self.global;
        let catalog = self.catalog;
        let mut answered = Vec::new();
        let mut all_trials = Vec::new();
        for component in all {
            match companions(catalog, component) {
                Ok(trials) => all_trials.extend(trials.into_iter().map(|trial| (component, trial))),
                Err(error) => self.findings.add(&format!("{}/component.yaml", component.id), START, error.to_string()),
            }
        }
        for (component, (more, how)) in all_trials {
            let chosen = std::iter::once(component.id.clone()).chain(more).collect();
            let given = AnswerSources { chosen: Some(chosen), ..AnswerSources::default() };
            let draft = match given.draft(catalog) {
                Ok(draft) => draft,
                Err(error) => {
                    self.findings.add(&format!("{}/component.yaml", component.id), START, format!("{error}{how}"));
                    continue;
                }
            };
            self.findings.0.extend(draft.problems.iter().map(|(_, finding)| finding.clone()));
            let files = draft.missing.iter().filter(|missing| is_files(catalog, &missing.id));
            let files: Vec<QuestionId> = files.map(|missing| missing.id.clone()).collect();
            let mut answers = draft.filled(catalog);
            for id in files {
                if let Some((answer, _)) = answers.values.get_mut(&id) {
                    *answer = Answer::Text(file.to_owned());
                }
            }
            answered.push((component, answers, how));
        }
        let fetched = futures::stream::iter(&answered)
            .map(async |(component, answers, _)| {
                Fetcher::new(global, answers, LoginFrom::Nowhere).component(component).await
            })
            .buffered(AT_ONCE)
            .collect::<Vec<_>>()
            .await;
        for ((component, answers, how), fetched) in answered.iter().zip(fetched) {
            let id = &component.id;
            let mut charts = Charts { unneeded: true, ..Charts::default() };
            let mut is_there = true;
            match fetched {
                Ok(None) => {}
                Ok(Some(files)) => drop(charts.found.insert(id.clone(), files)),
                Err((chart, error)) => {
                    is_there = false;
                    let unreachable = error.is_out_of_reach();
                    let text = format!("the chart {chart} cannot be used: {:#}", anyhow::Error::new(error));
                    match unreachable {
                        true => self.skipped.push(format!("{id}: {text}")),
                        false => self.findings.add(&format!("{id}/component.yaml"), START, text),
                    }
                }
            }
            match resolve_with(catalog, answers, &charts) {
                Err(error) => drop(failed.entry(id.clone()).or_insert((error, answers, how.as_str()))),
                Ok(resolved) => {
                    let own = resolved.components.into_iter().find(|resolved| resolved.id == *id);
                    let release = own.and_then(|own| own.release).filter(|_| is_there);
                    rendered.extend(release.map(|release| (id.clone(), release)));
                }
            }
        }
        self.unresolved(&failed);
        rendered
    }

    /// Each mistake once, at the component whose it is, and not at all that require it.
    fn unresolved(&mut self, failed: &BTreeMap<String, (ResolveError, &Answers, &str)>) {
        for (id, (error, answers, how)) in failed {
            if let ResolveError::Template(error) = error {
                let (file, line) = error.file(id);
                let of = file.split('/').next().and_then(|of| self.catalog.components.get(of));
                let secret = of.zip(error.secret()).and_then(|(of, name)| of.secrets.iter().find(|it| it.name == name));
                let pos = secret.map_or(Pos { line: line.unwrap_or(1), column: 1 }, |secret| secret.pos);
                let own = self
                    .catalog
                    .components
                    .get(id)
                    .filter(|own| own.values.as_ref().is_some_and(|values| file == format!("{id}/{values}")));
                let text = own.and_then(|own| own.values_template.as_deref());
                let at = text.zip(line).and_then(|(text, line)| text.lines().nth(line - 1)).map(str::trim);
                let at = at.map(|at| format!(" in `{at}`")).unwrap_or_default();
                // Reported already, with what was meant.
                if !self.findings.0.iter().any(|known| known.file == file && known.pos == pos) {
                    self.findings.add(&file, pos, format!("{}{at}{how}", error.what()));
                }
                continue;
            }
            let others: BTreeSet<&String> = answers.components.iter().filter(|other| *other != id).collect();
            if others.into_iter().any(|other| failed.contains_key(other)) {
                continue;
            }
            let mut text = error.to_string();
            let mut source = std::error::Error::source(error);
            while let Some(cause) = source {
                text = format!("{text}: {cause}");
                source = cause.source();
            }
            let values = self.catalog.components.get(id).and_then(|own| own.values.as_deref());
            let file = match error {
                ResolveError::Values { .. } => values.unwrap_or("component.yaml"),
                _ => "component.yaml",
            };
            self.findings.add(&format!("{id}/{file}"), START, format!("{text}{how}"));
        }
    }

    /// Renders the charts with these values, where there is a Helm.
    async fn charts(&mut self, rendered: Vec<(String, ResolvedRelease)>, dir: &PrivateDir) {
        if rendered.is_empty() {
            return;
        }
        let helm = match find_helm(self.global).await {
            Ok(helm) => helm,
            Err(error) => {
                self.skipped.push(format!("helm template: {:#}", anyhow::Error::new(error)));
                return;
            }
        };
        let outcomes = futures::stream::iter(rendered.into_iter().enumerate())
            .map(async |(at, (id, release))| {
                (template(&helm, &release, &dir.path().join(format!("{id}-{at}"))).await, id, release)
            })
            .buffered(AT_ONCE)
            .collect::<Vec<_>>()
            .await;
        for (outcome, id, release) in outcomes {
            let Some(component) = self.catalog.components.get(&id) else { continue };
            let error = match outcome {
                Ok(text) => {
                    self.renderings += 1;
                    ignored(component, &release, &text, &mut self.findings);
                    continue;
                }
                Err(error) => error,
            };
            match error {
                Unrendered::Written(error) => self.skipped.push(format!("{id}: {error}")),
                Unrendered::Helm(error) if error.kind() == FailureKind::KubeVersion => {
                    self.skipped
                        .push(format!("{id}: its chart does not support the default Kubernetes version of helm"));
                }
                Unrendered::Helm(error) => place(component, &lines(&error), &mut self.findings),
            }
        }
    }
}

const START: Pos = Pos { line: 1, column: 1 };

fn is_files(catalog: &Catalog, id: &QuestionId) -> bool {
    catalog.question(id).is_some_and(|question| question.kind == Kind::Files)
}

enum Unrendered {
    Written(std::io::Error),
    Helm(HelmError),
}

async fn template(helm: &Helm, release: &ResolvedRelease, folder: &std::path::Path) -> Result<String, Unrendered> {
    write_chart(&release.chart, folder).map_err(Unrendered::Written)?;
    let template = Template {
        release: ReleaseKey::new(&release.namespace, &release.name),
        chart: folder.to_owned(),
        values: (*release.values).clone(),
        kube_version: None,
        api_versions: Vec::new(),
        is_upgrade: false,
    };
    helm.template(&template, &CancellationToken::new()).await.map_err(Unrendered::Helm)
}

/// Reports `ignore` entries for objects that a chart never has: of a kind that is neither rendered with these values nor
/// named in its templates, where a condition may stand before it.
fn ignored(component: &Component, release: &ResolvedRelease, text: &str, findings: &mut Findings) {
    if component.ignore.is_empty() {
        return;
    }
    let rendered = parse_manifest(text, &release.namespace).objects;
    let rendered = rendered.iter().map(|object| object.object.kind.as_str());
    let crds = every_crd(&release.chart);
    let mut kinds: BTreeSet<&str> = rendered.chain(crds.iter().map(|object| object.object.kind.as_str())).collect();
    let texts = every_template(&release.chart);
    let named = texts.iter().flat_map(|text| text.lines()).filter_map(|line| line.trim().strip_prefix("kind:"));
    kinds.extend(named.map(|kind| kind.trim().trim_matches(['"', '\''])));
    for ignore in component.ignore.iter().filter(|ignore| !kinds.contains(ignore.kind.as_str())) {
        let message = format!("the chart renders no {}, so `{}` cannot be ignored", ignore.kind, ignore.path);
        let file = format!("{}/component.yaml", component.id);
        findings.add_unknown(&file, ignore.pos, message, &ignore.kind, kinds.iter().copied());
    }
}

/// The output of Helm, or the error where there is none.
fn lines(error: &HelmError) -> Vec<String> {
    let source = std::error::Error::source(error);
    let process = source.and_then(|source| source.downcast_ref::<Box<crate::driver::process::ProcessError>>());
    let stderr = process.map(|error| error.stderr().to_vec()).unwrap_or_default();
    match stderr.is_empty() {
        true => vec![source.map_or_else(|| error.to_string(), ToString::to_string)],
        false => stderr,
    }
}

/// `YAML parse error on chart/templates/file.yaml: … line 3`; the line is one of what was rendered.
static NO_YAML: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"YAML parse error on [\w.-]+/((?:charts/[\w.-]+/)*templates/[\w./-]+):").ok());

/// What windlass adds to every chart, and no author has a file of.
const LIBRARY: &str = "charts/windlass/";

/// What Helm says where a chart lacks something that the library needs, in which file, and what to add.
const LACKS: [(&str, &str, &str); 2] = [
    (
        "no template \"windlass.",
        "Chart.yaml",
        "add `dependencies: [{name: windlass, version: \"0.1.0\", repository: \"file://../../library\"}]`; or the name is misspelt",
    ),
    (
        "additional properties 'windlass'",
        "values.schema.json",
        "add `\"windlass\": {\"type\": \"object\"}` below `properties`: Helm gives every chart the values of those that it depends on",
    ),
];

/// `chart/templates/file.yaml:3:4`, as Helm's errors have it.
static IN_CHART: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"[\w.-]+/((?:charts/[\w.-]+/)*templates/[\w./-]+):(\d+)(?::(\d+))?").ok());

/// `- at '/image': additional properties 'tyop' not allowed`.
static IN_VALUES: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^\s*-? ?at '([^']*)': (.*)$").ok());

/// The names in such a line.
static QUOTED: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"'([^']+)'").ok());

/// Reports an error of Helm where it belongs: at the line of a value that the schema refuses, of a template that fails, or
/// at the component.
fn place(component: &Component, stderr: &[String], findings: &mut Findings) {
    let id = &component.id;
    let before = findings.0.len();
    let chart = component.chart.as_ref().and_then(|chart| chart.path.as_deref()).unwrap_or("chart").trim_matches('/');
    let lacks = LACKS.iter().find(|(text, ..)| stderr.iter().any(|line| line.contains(text)));
    if let Some((text, file, fix)) = lacks {
        findings.add(&format!("{id}/{chart}/{file}"), START, format!("helm template: {text}…; {fix}"));
        return;
    }
    let values = format!("{id}/{}", component.values.as_deref().unwrap_or("component.yaml"));
    let text = component.values_template.as_deref().unwrap_or_default();
    for line in stderr {
        let Some(found) = IN_VALUES.as_ref().and_then(|regex| regex.captures(line)) else { continue };
        let (pointer, what) = (&found[1], &found[2]);
        let last = pointer.rsplit('/').next().unwrap_or_default().to_owned();
        let names = QUOTED.as_ref().into_iter().flat_map(|regex| regex.captures_iter(what));
        let names: Vec<String> =
            names.map(|found| found[1].to_owned()).filter(|_| what.contains("additional")).collect();
        for key in if names.is_empty() { vec![last] } else { names } {
            let pos = Pos { line: key_line(text, &key).unwrap_or(1), column: 1 };
            let of = if pointer.is_empty() { "the chart's schema" } else { pointer };
            findings.add(&values, pos, format!("the chart rejects `{key}`: {of}: {what}"));
        }
    }
    if findings.0.len() > before {
        return;
    }
    let message: Vec<&str> = stderr.iter().map(|line| line.trim().trim_start_matches("Error: ")).collect();
    let message = message.join(" ");
    let message = message.strip_suffix("Use --debug flag to render out invalid YAML").unwrap_or(&message).trim();
    // The innermost place that its author can change.
    let own = |found: &regex::Captures<'_>| !found[1].starts_with(LIBRARY);
    let inside = IN_CHART.as_ref().and_then(|regex| regex.captures_iter(message).filter(own).last());
    let inside = inside.or_else(|| NO_YAML.as_ref()?.captures(message));
    let number = |at: usize| inside.as_ref().and_then(|found| found.get(at)?.as_str().parse::<usize>().ok());
    let (file, pos) = match &inside {
        Some(found) => {
            let pos = Pos { line: number(2).unwrap_or(1), column: number(3).unwrap_or(1) };
            (format!("{id}/{chart}/{}", &found[1]), pos)
        }
        None => (format!("{id}/component.yaml"), START),
    };
    findings.add(&file, pos, format!("helm template: {message}"));
}

/// The line of a template that sets a key.
fn key_line(text: &str, key: &str) -> Option<usize> {
    let sets = |line: &str| {
        let rest = line.trim_start().trim_start_matches(['-', '{', ' ', '"']);
        rest.strip_prefix(key).is_some_and(|rest| rest.trim_start_matches('"').trim_start().starts_with(':'))
    };
    let within = |line: &str| {
        let marks = [format!("{{{key}:"), format!(" {key}:"), format!("\"{key}\":")];
        marks.iter().any(|mark| line.contains(mark.as_str()))
    };
    let found = text.lines().position(sets).or_else(|| text.lines().position(within));
    found.map(|at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placed(stderr: &[&str]) -> Vec<String> {
        let mut files = catalog::embedded();
        files.retain(|path, _| path == "platform.yaml");
        let text =
            "id: a\ntitle: t\nversion: '1'\nchart: {path: chart}\nrelease: {name: a, namespace: a}\nvalues: v.j2\n";
        files.insert("a/component.yaml".to_owned(), text.into());
        files.insert("a/v.j2".to_owned(), b"image:\n  tag: x\n  tyop: y\nreplicas: {count: 2}\n".to_vec());
        files.insert("a/chart/Chart.yaml".to_owned(), b"name: a\nversion: 1.0.0\n".to_vec());
        let catalog = Catalog::from_files(&files, &BTreeMap::new()).unwrap();
        let mut findings = Findings::default();
        let stderr: Vec<String> = stderr.iter().map(|line| (*line).to_owned()).collect();
        place(&catalog.components["a"], &stderr, &mut findings);
        super::texts(&findings)
    }

    #[test]
    fn an_error_of_helm_is_reported_where_it_belongs() {
        let schema = "Error: values don't meet the specifications of the schema(s) in the following chart(s):";
        let found = placed(&[schema, "a:", "- at '/image': additional properties 'tyop' not allowed"]);
        assert_eq!(found, ["a/v.j2:3:1: the chart rejects `tyop`: /image: additional properties 'tyop' not allowed"]);
        let found = placed(&[schema, "a:", "- at '/replicas/count': got string, want integer"]);
        assert!(found[0].starts_with("a/v.j2:4:1: the chart rejects `count`"), "{found:?}");
        let found = placed(&["Error: execution error at (a/templates/cm.yaml:3:4): image is required"]);
        assert!(found[0].starts_with("a/chart/templates/cm.yaml:3:4: helm template: execution error"), "{found:?}");
        let found = placed(&["Error: YAML parse error on a/charts/b/templates/x.yaml: error converting YAML"]);
        assert!(
            found[0].starts_with("a/chart/charts/b/templates/x.yaml:1:1: helm template: YAML parse error"),
            "{found:?}"
        );
        let found = placed(&[
            "Error: template: a/templates/web.yaml:20:8: executing \"a/templates/web.yaml\" at <include>: error calling include: \
             a/charts/windlass/templates/_pods.tpl:44:21: nil pointer evaluating interface {}.x",
        ]);
        assert!(found[0].starts_with("a/chart/templates/web.yaml:20:8: helm template: "), "{found:?}");
        let found =
            placed(&["Error: a/templates/x.yaml:1:4: no template \"windlass.fullname\" associated with template"]);
        assert!(
            found[0].starts_with("a/chart/Chart.yaml:1:1: ") && found[0].contains("file://../../library"),
            "{found:?}"
        );
        let found = placed(&[schema, "a:", "- at '': additional properties 'windlass' not allowed"]);
        assert!(found[0].starts_with("a/chart/values.schema.json:1:1: "), "{found:?}");
        let found = placed(&["Error: parse error at (a/charts/b/templates/x.yaml:7): function \"no\" not defined"]);
        assert!(found[0].starts_with("a/chart/charts/b/templates/x.yaml:7:1: helm template: parse error"), "{found:?}");
    }

    #[test]
    fn what_is_ignored_of_objects_that_the_chart_never_has_is_reported() {
        let mut files = catalog::embedded();
        files.retain(|path, _| path == "platform.yaml");
        let kinds = ["Deployment", "HorizontalPodAutoscaler", "CustomResourceDefinition", "Deploymnet", "Pod"];
        let entries: String = kinds.iter().map(|kind| format!("  - {{kind: {kind}, path: spec.x}}\n")).collect();
        let head =
            "id: a\ntitle: t\nversion: '1'\nchart: {path: chart}\nrelease: {name: a, namespace: a}\nvalues: v.j2\n";
        files.insert("a/component.yaml".to_owned(), format!("{head}ignore:\n{entries}").into());
        files.insert("a/v.j2".to_owned(), b"{}\n".to_vec());
        files.insert("a/chart/Chart.yaml".to_owned(), b"name: a\nversion: 1.0.0\n".to_vec());
        let scaler = b"{{ if .Values.scale }}\n  kind: HorizontalPodAutoscaler\n{{ end }}".to_vec();
        files.insert("a/chart/templates/scaler.yaml".to_owned(), scaler);
        let crd = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: x.y}\n";
        files.insert("a/chart/crds/x.yaml".to_owned(), crd.into());
        let catalog = Catalog::from_files(&files, &BTreeMap::new()).unwrap();
        let answers = Answers::new(&catalog, &[], None).unwrap();
        let mut resolved = resolve_with(&catalog, &answers, &Charts::default()).unwrap();
        let release = resolved.components.remove(0).release.unwrap();
        let mut findings = Findings::default();
        let text = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\n";
        ignored(&catalog.components["a"], &release, text, &mut findings);
        let of = "so `spec.x` cannot be ignored";
        let expected = [
            format!("a/component.yaml:11:5: the chart renders no Deploymnet, {of}; did you mean `Deployment`?"),
            format!("a/component.yaml:12:5: the chart renders no Pod, {of}"),
        ];
        assert_eq!(super::texts(&findings), expected);
    }
}
