//! Files to a checked catalog: shapes, types, references, cycles. All mistakes at once.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::chart::joined;
use super::check::Checker;
use super::components::{Catalog, all_questions};
use super::identifier::is_name;
use super::question::{Profile, QuestionId, Rule};
use super::shapes::{COMPONENT, PLATFORM, PROFILE};
use super::{ChartError, ChartSpec, Component, Files, Question, Text, unpack, with_dependencies};
use crate::model::yaml::{self, Findings, Node, Pos};
use crate::model::{ChartRef, FileTree, digest};

#[derive(Default, Deserialize)]
struct Platform {
    #[serde(default)]
    title: Text,
    questions: Vec<Question>,
    #[serde(default)]
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
struct ProfileHead {
    id: String,
    title: Text,
    #[serde(default)]
    help: Option<Text>,
    #[serde(default)]
    order: i64,
}

impl Catalog {
    /// Checks and reads the files of a catalog. `origins` names the folder of components that were laid over.
    ///
    /// # Errors
    /// Every mistake, with file, line and column.
    pub fn from_files(files: &Files, origins: &BTreeMap<String, String>) -> Result<Self, Findings> {
        let mut findings = Findings::default();
        let mut trees = BTreeMap::new();
        let mut components = BTreeMap::new();
        let platform = read(files, "platform.yaml", &PLATFORM, &mut findings)
            .and_then(|(_, text)| typed::<Platform>("platform.yaml", &text, &mut findings));
        for path in files.keys().filter(|path| path.ends_with("/component.yaml")) {
            let Some((folder, "component.yaml")) = path.split_once('/') else { continue };
            let Some((tree, text)) = read(files, path, &COMPONENT, &mut findings) else { continue };
            let Some(mut component) = typed::<Component>(path, &text, &mut findings) else { continue };
            if component.id != folder {
                let pos = tree.get("id").map_or(tree.pos, |node| node.pos);
                findings.add(path, pos, format!("id `{}` does not match the name of its folder", component.id));
            }
            attach(files, folder, path, &tree, &mut component, &mut findings);
            let items = tree.get("ignore").and_then(Node::list).unwrap_or_default();
            component.ignore.iter_mut().zip(items).for_each(|(ignore, node)| ignore.pos = node.pos);
            let items = tree.get("secrets").and_then(Node::list).unwrap_or_default();
            component.secrets.iter_mut().zip(items).for_each(|(secret, node)| secret.pos = node.pos);
            component.files = others(files, folder, &component);
            component.base.clone_from(&component.id);
            component.origin = origins.get(folder).cloned();
            trees.insert(component.id.clone(), tree);
            components.insert(component.id.clone(), component);
        }
        let Platform { title, questions, rules } = platform.unwrap_or_default();
        let profiles = files.keys().filter_map(|path| profile(files, path, &mut findings));
        let profiles = profiles.map(|profile| (profile.id.clone(), profile)).collect();
        let mut by_component: BTreeMap<String, Vec<Question>> =
            components.iter().map(|(id, component)| (id.clone(), all_questions(component))).collect();
        by_component.insert("platform".to_owned(), questions.clone());
        let (platform, platform_title, platform_rules) = (questions, title, rules);
        let catalog = Self { platform, platform_title, platform_rules, components, profiles, questions: by_component };
        if findings.0.is_empty() {
            Checker { catalog: &catalog, trees: &trees, findings: &mut findings }.run();
        }
        findings.into_result(catalog)
    }
}

fn read(files: &Files, path: &str, shape: &yaml::Shape, findings: &mut Findings) -> Option<(Node, String)> {
    let start = Pos { line: 1, column: 1 };
    let Some(bytes) = files.get(path) else {
        findings.add(path, start, "file not found");
        return None;
    };
    let Ok(text) = std::str::from_utf8(bytes) else {
        findings.add(path, start, "not UTF-8");
        return None;
    };
    match yaml::parse(path, text) {
        Ok(node) => {
            let before = findings.0.len();
            yaml::check(path, &node, shape, findings);
            (findings.0.len() == before).then(|| (node, text.to_owned()))
        }
        Err(found) => {
            findings.0.extend(found.0);
            None
        }
    }
}

fn typed<T: serde::de::DeserializeOwned>(path: &str, text: &str, findings: &mut Findings) -> Option<T> {
    match yaml::from_str(text) {
        Ok(value) => Some(value),
        Err(error) => {
            let cause = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
            findings.add(path, Pos { line: 1, column: 1 }, cause);
            None
        }
    }
}

/// The profile in a file of that name.
fn profile(files: &Files, path: &str, findings: &mut Findings) -> Option<Profile> {
    let name = path.strip_prefix("profiles/")?.strip_suffix(".yaml")?;
    let (tree, text) = read(files, path, &PROFILE, findings)?;
    let ProfileHead { id, title, help, order } = typed(path, &text, findings)?;
    let pos = tree.get("id").map_or(tree.pos, |node| node.pos);
    if id != name {
        findings.add(path, pos, format!("id `{id}` does not match the name of its file"));
    }
    if !is_name(&id, '-') {
        findings.add(path, pos, format!("`{id}` cannot be a profile's id: use [a-z][a-z0-9-]*"));
    }
    let components = tree.get("answers").and_then(Node::map).unwrap_or_default();
    let answers = components.iter().flat_map(|(component, _, answers)| {
        let answers = answers.map().unwrap_or_default().iter();
        answers.map(move |(question, pos, node)| (QuestionId::new(component, question), *pos, node.clone()))
    });
    Some(Profile { id, title, help, order, file: path.to_owned(), answers: answers.collect() })
}

/// The files of a folder, by its path from another.
fn below(files: &Files, folder: &str, path: &str) -> Vec<(String, Vec<u8>)> {
    let prefix = format!("{}/", joined(folder, path));
    let found = files.range(prefix.clone()..).take_while(|(path, _)| path.starts_with(&prefix));
    found.map(|(path, bytes)| (path[prefix.len()..].to_owned(), bytes.clone())).collect()
}

/// The files of a component's folder besides its definition, those of a chart that is a folder there among them: Jobs may run
/// the same scripts as its pods.
fn others(files: &Files, folder: &str, component: &Component) -> FileTree {
    let chart = component.chart.as_ref().and_then(|chart| chart.path.as_deref()).map(|path| path.trim_matches('/'));
    let own = |name: &str| name == "component.yaml" || Some(name) == component.values.as_deref() || Some(name) == chart;
    FileTree::new(below(files, folder, "").into_iter().filter(|(name, _)| !own(name)).collect())
}

/// The files of a chart that lies in the catalog; `None` where it has to be fetched.
fn chart_files(files: &Files, folder: &str, chart: &ChartSpec) -> Result<Option<FileTree>, String> {
    let ChartRef { sha256, .. } = chart.source()?;
    let Some(path) = chart.path.as_deref().map(|path| path.trim_matches('/')) else { return Ok(None) };
    let at = format!("{folder}/{path}");
    let found = if ChartSpec::is_archive(path) {
        let packed = files.get(&at).ok_or_else(|| format!("file `{path}` not found"))?;
        let found = digest(packed);
        if let Some(wanted) = sha256.filter(|wanted| *wanted != found) {
            return Err(format!("the digest of `{path}` is {found}, expected {wanted}"));
        }
        unpack(packed).map_err(|error| format!("failed to read `{path}`: {error}"))?
    } else if sha256.is_some() {
        return Err("`sha256` requires an archive, and the chart is a folder".to_owned());
    } else {
        below(files, &at, "")
    };
    if !found.iter().any(|(name, _)| name == "Chart.yaml") {
        return Err(format!("Chart.yaml not found in `{path}`"));
    }
    // What a chart names by `file://` is another folder of the catalog.
    with_dependencies(found, &|path| below(files, &at, path)).map(Some).map_err(|error| match error {
        ChartError::Unvendored(_) => format!("{error}; run `helm dependency build`"),
        error => error.to_string(),
    })
}

/// Puts chart and values template into the component.
fn attach(files: &Files, folder: &str, path: &str, tree: &Node, component: &mut Component, findings: &mut Findings) {
    if let Some(chart) = &component.chart {
        let keys = ["path", "oci", "repository"];
        let node = tree.get("chart");
        let pos = node.and_then(|node| keys.iter().find_map(|key| node.get(key)).or(Some(node)));
        let pos = pos.map_or(tree.pos, |node| node.pos);
        match chart_files(files, folder, chart) {
            Ok(found) => component.chart_files = found,
            Err(message) => findings.add(path, pos, message),
        }
        for (key, there) in [("release", component.release.is_some()), ("values", component.values.is_some())] {
            if !there {
                findings.add(path, tree.pos, format!("key `{key}` is missing: a component with a chart requires it"));
            }
        }
    }
    if let Some(name) = &component.values {
        let pos = tree.get("values").map_or(tree.pos, |node| node.pos);
        match files.get(&format!("{folder}/{name}")).map(|bytes| String::from_utf8(bytes.clone())) {
            Some(Ok(text)) => component.values_template = Some(text),
            Some(Err(_)) => findings.add(path, pos, format!("`{name}` is not UTF-8")),
            None => findings.add(path, pos, format!("file `{name}` not found")),
        }
    }
}
