//! The catalog with every template filled in: what is wanted, in full, before anything is known of the cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use minijinja::Value;
use minijinja::value::Object;
use serde::Serialize;

use super::Answers;
use super::template::{TemplateError, Templates, value};
use super::value::Answer;
use crate::catalog::{
    ActionKind, ActionSpec, Catalog, CatalogError, Component, Kind, Leftover, Reference, read_dir, references,
};
use crate::model::yaml::{self, TypeError};
use crate::model::{ChartFiles, HdfsAccess, PULL_SECRET, SecretRef, bounded};

/// What the chosen components should be, in an order in which each comes after what it needs.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// The components.
    pub components: Vec<ResolvedComponent>,
    /// How HDFS is reached, if a chosen component provides it.
    pub hdfs: Option<HdfsAccess>,
    /// Where the credentials of the registry are.
    pub pull_secret: Option<SecretRef>,
    /// The answers, for the record, as [`Answers::remembered`] has them; secrets as references.
    pub answers: serde_json::Value,
}

/// A component with its templates filled in.
#[derive(Debug, Clone)]
pub struct ResolvedComponent {
    /// Its id.
    pub id: String,
    /// Its name for people.
    pub title: String,
    /// Version of the software.
    pub version: String,
    /// Folder that was laid over the embedded definition, if any.
    pub origin: Option<String>,
    /// The release, where it has a chart.
    pub release: Option<ResolvedRelease>,
    /// Components whose readiness its first step needs.
    pub needs: BTreeSet<String>,
    /// Actions before the release.
    pub before: Vec<ResolvedAction>,
    /// Actions after the release is ready.
    pub after: Vec<ResolvedAction>,
    /// Actions that prove that it works.
    pub verify: Vec<ResolvedAction>,
    /// Addresses for people.
    pub endpoints: Vec<ResolvedEndpoint>,
    /// What an uninstall must remove besides the release.
    pub leftovers: Vec<Leftover>,
    /// The Secrets that it is given.
    pub secrets: Vec<ResolvedSecret>,
    /// Namespace of its release, or else of HDFS.
    pub namespace: Option<String>,
}

/// A Secret in a component's namespace that windlass fills.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedSecret {
    /// Its name.
    pub name: String,
    /// The one key in it: the question's id.
    pub key: String,
    /// Where its content is.
    pub from: SecretRef,
}

/// A release with its values.
#[derive(Debug, Clone)]
pub struct ResolvedRelease {
    /// Release name.
    pub name: String,
    /// Namespace.
    pub namespace: String,
    /// Pod Security level for a namespace that windlass makes.
    pub pod_security: String,
    /// The chart.
    pub chart: ChartFiles,
    /// Its digest.
    pub chart_digest: String,
    /// The values.
    pub values: serde_json::Value,
}

/// An action with its templates filled in, results of earlier actions excepted.
#[derive(Debug, Clone)]
pub struct ResolvedAction {
    /// What to do.
    pub kind: ActionKind,
    /// What people read.
    pub title: String,
    /// How long it may take.
    pub deadline: Option<Duration>,
    /// How often it is tried again.
    pub retries: Option<u32>,
    /// Name of its results.
    pub register: Option<String>,
    /// Other components that it needs ready.
    pub needs: BTreeSet<String>,
    /// Results of other actions that it uses.
    pub results: BTreeSet<String>,
}

/// An address for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResolvedEndpoint {
    /// What it leads to.
    pub title: String,
    /// Address inside the cluster.
    pub url: Option<String>,
    /// Ingress that leads to it from outside.
    pub ingress: Option<String>,
}

/// Why the catalog could not be filled in.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// A template failed.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The values template gave something that is not YAML.
    #[error("the values of {component} are not valid YAML")]
    Values {
        /// Which component.
        component: String,
        /// Why.
        source: TypeError,
    },
    /// `values_file` cannot be read.
    #[error("failed to read {path}, the answer to {component}.values_file")]
    ValuesFile {
        /// Which component.
        component: String,
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// `chart` cannot be read.
    #[error("failed to read the chart that {component}.chart names")]
    Chart {
        /// Which component.
        component: String,
        /// Why.
        source: CatalogError,
    },
    /// An action got a value that it cannot use.
    #[error("{component}: {what}")]
    Action {
        /// Which component.
        component: String,
        /// What is wrong.
        what: String,
    },
    /// A component needs another that is not there, through an action.
    #[error("{component} acts on HDFS, but no chosen component provides it")]
    NoHdfs {
        /// Which component.
        component: String,
    },
}

/// Stands for the results of an action at planning time: `{{ pi.app_id }}` renders to itself.
#[derive(Debug)]
struct Later(String);

impl Object for Later {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        Some(Value::from(format!("{{{{ {}.{key} }}}}", self.0)))
    }
}

/// Fills in the catalog. Reads only what the answers name: `chart` folders and `values_file`s.
///
/// # Errors
/// A template fails, values are not YAML, or a file that an answer names cannot be read.
pub fn resolve(catalog: &Catalog, answers: &Answers) -> Result<Resolved, ResolveError> {
    let chosen: Vec<&Component> = answers.components.iter().filter_map(|id| catalog.components.get(id)).collect();
    let later: BTreeMap<String, Value> = chosen
        .iter()
        .flat_map(|component| component.actions())
        .filter_map(|action| action.register.clone())
        .map(|name| (name.clone(), Value::from_object(Later(name))))
        .collect();
    let mut resolver = Resolver {
        templates: Templates::new(),
        answers,
        answers_value: value(&answers.json()),
        exports: BTreeMap::new(),
        later,
    };
    let mut components = Vec::new();
    for component in order(&chosen) {
        resolver.export(component)?;
        components.push(resolver.component(component)?);
    }
    let hdfs = catalog.hdfs_provider().and_then(|component| {
        let exports = resolver.exports.get(&component.id)?;
        Some(HdfsAccess {
            component: component.id.clone(),
            namespace: resolver.name(component, "namespace"),
            namenodes: exports.get("webhdfs")?.split(',').map(|url| url.trim().to_owned()).collect(),
            user: exports.get("hdfs_user").cloned().unwrap_or_else(|| "hdfs".to_owned()),
        })
    });
    for component in &mut components {
        let acts = |actions: &[ResolvedAction]| actions.iter().any(|action| action.kind.uses_hdfs());
        let Some(access) = &hdfs else {
            if acts(&component.before) || acts(&component.after) || acts(&component.verify) {
                return Err(ResolveError::NoHdfs { component: component.id.clone() });
            }
            continue;
        };
        let id = component.id.clone();
        for action in component.before.iter_mut().chain(&mut component.after).chain(&mut component.verify) {
            if action.kind.uses_hdfs() && access.component != id {
                action.needs.insert(access.component.clone());
            }
        }
    }
    let pull_secret = match answers.get("platform", "pull_secret") {
        Answer::Secret(reference) => Some(reference.clone()),
        _ => None,
    };
    Ok(Resolved { components, hdfs, pull_secret, answers: answers.remembered() })
}

struct Resolver<'a> {
    templates: Templates,
    answers: &'a Answers,
    answers_value: Value,
    exports: BTreeMap<String, BTreeMap<String, String>>,
    later: BTreeMap<String, Value>,
}

impl Resolver<'_> {
    fn name(&self, component: &Component, question: &str) -> String {
        name(self.answers, component, question)
    }

    /// The name of the Secret that lets a namespace pull, empty where pulling needs none.
    fn pull_secret(&self) -> String {
        match self.answers.get("platform", "pull_secret") {
            Answer::Secret(from @ SecretRef::Secret(name)) if from.is_in_place() => name.clone(),
            Answer::Secret(_) => PULL_SECRET.to_owned(),
            _ => String::new(),
        }
    }

    /// The component's secret questions that have an answer: question, where the secret is, and the name of the Secret in
    /// the component's namespace that holds it.
    fn secrets<'a>(&'a self, component: &'a Component) -> impl Iterator<Item = (&'a str, &'a SecretRef, String)> {
        let questions = component.questions.iter().filter(|question| question.kind == Kind::Secret);
        questions.filter_map(|question| {
            let Answer::Secret(from) = self.answers.get(&component.id, &question.id) else { return None };
            let name = match from {
                SecretRef::Secret(name) if from.is_in_place() => name.clone(),
                _ => format!("{}-{}", self.name(component, "release"), question.id.replace('_', "-")),
            };
            Some((question.id.as_str(), from, name))
        })
    }

    /// For templates: question to name and key of the Secret that answers it, both empty where there is none.
    fn secret_names<'a>(&'a self, component: &'a Component) -> BTreeMap<&'a str, BTreeMap<&'static str, String>> {
        let pair = |name: &str, key: &str| BTreeMap::from([("name", name.to_owned()), ("key", key.to_owned())]);
        let questions = component.questions.iter().filter(|question| question.kind == Kind::Secret);
        let mut names: BTreeMap<_, _> = questions.map(|question| (question.id.as_str(), pair("", ""))).collect();
        names.extend(self.secrets(component).map(|(question, _, name)| (question, pair(&name, question))));
        names
    }

    /// Those that windlass fills.
    fn filled_secrets(&self, component: &Component) -> Vec<ResolvedSecret> {
        let filled = self.secrets(component).filter(|(_, from, _)| !from.is_in_place());
        filled.map(|(key, from, name)| ResolvedSecret { name, key: key.to_owned(), from: from.clone() }).collect()
    }

    fn context(&self, component: &Component) -> Value {
        let this = value(&serde_json::json!({
            "id": component.id,
            "release": self.name(component, "release"),
            "namespace": self.name(component, "namespace"),
            "pull_secret": self.pull_secret(),
            "images": images(self.answers, component),
            "secrets": self.secret_names(component),
        }));
        let fixed = [
            ("answers".to_owned(), self.answers_value.clone()),
            ("exports".to_owned(), value(&self.exports)),
            ("self".to_owned(), this),
        ];
        Value::from_pairs(fixed.into_iter().chain(self.later.clone()))
    }

    fn export(&mut self, component: &Component) -> Result<(), TemplateError> {
        let mut own = BTreeMap::new();
        for (name, text) in &component.exports {
            let place = format!("{}/component.yaml, export {name}", component.id);
            own.insert(name.clone(), self.templates.render(&place, text, &self.context(component))?);
        }
        self.exports.insert(component.id.clone(), own);
        Ok(())
    }

    fn component(&self, component: &Component) -> Result<ResolvedComponent, ResolveError> {
        let context = self.context(component);
        let place = format!("{}/component.yaml", component.id);
        let fill = |text: &str| self.templates.render(&place, text, &context);
        let actions = |specs: &[ActionSpec]| -> Result<Vec<ResolvedAction>, ResolveError> {
            let actions = specs.iter().map(|spec| {
                let mut named = Uses::default();
                for text in spec.kind.templates() {
                    named.add(text, component);
                }
                let kind = spec.kind.map(fill)?;
                check_action(component, &kind)?;
                Ok(ResolvedAction {
                    title: spec.title.as_ref().map_or_else(|| describe(&kind), |text| text.en().to_owned()),
                    kind,
                    deadline: spec.deadline,
                    retries: spec.retries,
                    register: spec.register.clone(),
                    needs: named.components,
                    results: named.results,
                })
            });
            actions.collect()
        };
        let release = self.release(component, &context)?;
        let endpoints = component.endpoints.iter().map(|endpoint| {
            Ok::<_, TemplateError>(ResolvedEndpoint {
                title: endpoint.title.en().to_owned(),
                url: endpoint.url.as_deref().map(fill).transpose()?,
                ingress: endpoint.ingress.as_deref().map(fill).transpose()?,
            })
        });
        Ok(ResolvedComponent {
            id: component.id.clone(),
            title: component.title.en().to_owned(),
            version: component.version.clone(),
            origin: component.origin.clone(),
            namespace: release.as_ref().map(|release| release.namespace.clone()),
            release,
            needs: needs(component).into_iter().filter(|id| self.answers.components.contains(id)).collect(),
            before: actions(&component.before)?,
            after: actions(&component.after)?,
            verify: actions(&component.verify)?,
            endpoints: endpoints.collect::<Result<_, _>>()?,
            leftovers: component.leftovers.clone(),
            secrets: self.filled_secrets(component),
        })
    }

    fn release(&self, component: &Component, context: &Value) -> Result<Option<ResolvedRelease>, ResolveError> {
        let (Some(spec), Some(files), Some(template)) =
            (&component.release, &component.chart_files, &component.values_template)
        else {
            return Ok(None);
        };
        let id = &component.id;
        let chart = match self.answers.get(id, "chart").text() {
            None => files.clone(),
            Some(folder) => {
                let error = |source| ResolveError::Chart { component: id.clone(), source };
                ChartFiles::new(read_dir(Path::new(folder)).map_err(error)?.into_iter().collect())
            }
        };
        let place = format!("{id}/{}", component.values.as_deref().unwrap_or("values"));
        let text = self.templates.render(&place, template, context)?;
        let not_yaml = |source| ResolveError::Values { component: id.clone(), source };
        let mut values: serde_json::Value = yaml::from_str(&text).map_err(not_yaml)?;
        let images = images(self.answers, component);
        for image in &component.images {
            let parts = &images[&image.name];
            set(&mut values, &image.repository, &parts["repository"]);
            set(&mut values, &image.tag, &parts["tag"]);
        }
        if let Some(file) = self.answers.get(id, "values_file").text() {
            let path = PathBuf::from(file);
            let text = bounded::text(&path, bounded::VALUES).map_err(|source| ResolveError::ValuesFile {
                component: id.clone(),
                path,
                source,
            })?;
            merge(&mut values, yaml::from_str(&text).map_err(not_yaml)?);
        }
        Ok(Some(ResolvedRelease {
            name: self.name(component, "release"),
            namespace: self.name(component, "namespace"),
            pod_security: self.templates.render(&format!("{id}/component.yaml"), &spec.pod_security, context)?,
            chart_digest: chart.digest(),
            chart,
            values,
        }))
    }
}

fn name(answers: &Answers, component: &Component, question: &str) -> String {
    answers.get(&component.id, question).text().unwrap_or_default().to_owned()
}

/// The images of the chosen components, as they would be pulled; each once.
#[must_use]
pub fn image_references(catalog: &Catalog, answers: &Answers) -> Vec<String> {
    let chosen = answers.components.iter().filter_map(|id| catalog.components.get(id));
    let all = chosen.flat_map(|component| images(answers, component).into_values());
    let found: BTreeSet<String> = all.filter_map(|mut parts| parts.remove("ref")).collect();
    found.into_iter().collect()
}

/// Each image of a component, in parts, with `platform.registry` applied.
fn images(answers: &Answers, component: &Component) -> BTreeMap<String, BTreeMap<&'static str, String>> {
    let registry = answers.get("platform", "registry").text().map(|text| text.trim_end_matches('/'));
    let images = component.images.iter().map(|image| {
        let names = component.image_names(image);
        let mut repository = name(answers, component, &names.repository);
        // A repository that the user named is taken as it is; the published one moves to the site's registry. Where
        // the answer came from does not count: recorded answers name it as well.
        if let Some(registry) = registry
            && image.split().0 == Some(repository.as_str())
            && let Some((_, path)) = repository.split_once('/')
        {
            repository = format!("{registry}/{path}");
        }
        let tag = name(answers, component, &names.tag);
        let parts = [("ref", format!("{repository}:{tag}")), ("repository", repository), ("tag", tag)];
        let parts = parts.into_iter().chain([("digest", String::new())]).collect();
        (image.name.clone(), parts)
    });
    images.collect()
}

/// Which components and results a text names.
#[derive(Default)]
struct Uses {
    components: BTreeSet<String>,
    results: BTreeSet<String>,
}

impl Uses {
    fn add(&mut self, text: &str, component: &Component) {
        for name in references(text).unwrap_or_default() {
            match name {
                Reference::Export(id, _) if id != component.id => {
                    self.components.insert(id);
                }
                Reference::Name(name) => {
                    self.results.insert(name);
                }
                Reference::Export(..) | Reference::Answer(..) => {}
            }
        }
    }
}

/// What a component's first step needs: what it requires, and whose exports its values use.
fn needs(component: &Component) -> BTreeSet<String> {
    let mut uses = Uses::default();
    for text in component.values_template.iter().chain(component.exports.values()) {
        uses.add(text, component);
    }
    uses.components.extend(component.requires.iter().cloned());
    uses.components
}

/// Each component after those that it needs. The catalog has no cycles.
fn order<'a>(chosen: &[&'a Component]) -> Vec<&'a Component> {
    let mut sorted: Vec<&Component> = Vec::new();
    let mut open: Vec<&Component> = chosen.to_vec();
    while !open.is_empty() {
        let (ready, waiting): (Vec<&Component>, Vec<&Component>) = open.iter().partition(|component| {
            let all: BTreeSet<String> = needs(component)
                .into_iter()
                .chain(component.actions().flat_map(|action| {
                    let mut uses = Uses::default();
                    action.kind.templates().into_iter().for_each(|text| uses.add(text, component));
                    uses.components
                }))
                .collect();
            !open.iter().any(|other| other.id != component.id && all.contains(&other.id))
        });
        if ready.is_empty() {
            // Only actions form the circle: any order will do, edges are between actions.
            sorted.extend(waiting);
            break;
        }
        sorted.extend(ready);
        open = waiting;
    }
    sorted
}

/// What people read about an action that has no title of its own.
fn describe(kind: &ActionKind) -> String {
    match kind {
        ActionKind::HdfsMkdir { path, mode } => format!("HDFS folder {path} with mode {mode}"),
        ActionKind::HdfsWait { .. } => "HDFS is operational".to_owned(),
        ActionKind::HdfsUpload { to, .. } => format!("upload to {to}"),
        ActionKind::HdfsProbe { path } => format!("write, read and delete a file in {path}"),
        ActionKind::HdfsExists { path } => format!("{path} is in HDFS"),
        ActionKind::HttpWait { service, path, .. } => format!("{service}{path} answers"),
        ActionKind::LivyBatch { class, .. } => format!("{class} through Livy"),
        ActionKind::LivySession { kind, .. } => format!("one statement in a {kind} session"),
    }
}

/// What the types of the catalog cannot say.
fn check_action(component: &Component, kind: &ActionKind) -> Result<(), ResolveError> {
    let wrong = |what: String| Err(ResolveError::Action { component: component.id.clone(), what });
    let paths: &[&String] = match kind {
        ActionKind::HdfsMkdir { path, .. }
        | ActionKind::HdfsProbe { path }
        | ActionKind::HdfsExists { path }
        | ActionKind::HdfsUpload { to: path, .. } => &[path],
        _ => &[],
    };
    for path in paths {
        let bad = !path.starts_with('/') || path.split('/').any(|part| part == ".." || part == ".");
        if bad || (path.len() > 1 && path.ends_with('/')) || path.contains("//") {
            return wrong(format!("`{path}` is not an absolute path in HDFS"));
        }
    }
    if let ActionKind::HdfsMkdir { mode, .. } | ActionKind::HdfsUpload { mode, .. } = kind
        && u16::from_str_radix(mode, 8).map_or(true, |mode| mode > 0o1777)
    {
        return wrong(format!("`{mode}` is not an octal mode"));
    }
    if let ActionKind::HdfsWait { replication } = kind
        && replication.parse::<u32>().is_err()
    {
        return wrong(format!("`{replication}` is not a number of DataNodes"));
    }
    Ok(())
}

/// Sets the value at a dotted path, making mappings on the way.
fn set(values: &mut serde_json::Value, path: &str, text: &str) {
    let mut here = values;
    for part in path.split('.') {
        if !here.is_object() {
            *here = serde_json::json!({});
        }
        let Some(map) = here.as_object_mut() else { return };
        here = map.entry(part).or_insert(serde_json::Value::Null);
    }
    *here = serde_json::Value::String(text.to_owned());
}

/// Lays `above` over `below`: mappings merge, everything else is replaced.
fn merge(below: &mut serde_json::Value, above: serde_json::Value) {
    match (below, above) {
        (serde_json::Value::Object(below), serde_json::Value::Object(above)) => {
            for (key, value) in above {
                merge(below.entry(key).or_insert(serde_json::Value::Null), value);
            }
        }
        (below, above) => *below = above,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_set_and_merged_by_path() {
        let mut values = serde_json::json!({"a": {"b": 1}});
        set(&mut values, "a.c.d", "x");
        merge(&mut values, serde_json::json!({"a": {"b": 2}, "e": [1]}));
        assert_eq!(values, serde_json::json!({"a": {"b": 2, "c": {"d": "x"}}, "e": [1]}));
    }
}
