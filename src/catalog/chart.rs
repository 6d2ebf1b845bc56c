//! Charts that name others in folders beside them, put together as `helm dependency build` does.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::archive::unpack;
use crate::model::FileTree;
use crate::model::yaml::helm_value;

/// Path and content of each file.
type Files = Vec<(String, Vec<u8>)>;

/// Charts within charts, and no deeper.
const DEEPEST: usize = 8;

/// What a `repository` of a dependency begins with that is a folder.
const FOLDER: &str = "file://";

/// Why a chart cannot be put together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChartError {
    /// Its Chart.yaml cannot be read.
    #[error("failed to parse {chart}Chart.yaml: {why}")]
    Unreadable {
        /// The chart, as a path that ends with a slash; empty for the outermost.
        chart: String,
        /// Why.
        why: String,
    },
    /// A folder that it names is not a chart.
    #[error("dependency `{name}` not found: {folder} has no Chart.yaml")]
    Missing {
        /// The dependency.
        name: String,
        /// Where it should be.
        folder: String,
    },
    /// A folder has another chart than the one that is named.
    #[error("dependency `{name}` {wanted} does not match {folder}, which has `{found}` {version}")]
    Other {
        /// The dependency.
        name: String,
        /// Its version.
        wanted: String,
        /// Where it should be.
        folder: String,
        /// The name of what is there.
        found: String,
        /// And its version.
        version: String,
    },
    /// Charts of others that are not in its `charts/` folder: Helm would refuse it, and fetches nothing by itself.
    #[error("dependencies are missing in its charts/ folder: {}", .0.join(", "))]
    Unvendored(Vec<String>),
    /// Charts that need each other.
    #[error("charts depend on each other, or are nested more than {DEEPEST} deep: {0}")]
    Circle(String),
}

/// A chart with the charts in `charts/` that its dependencies name by `file://`. `read` gives the files of a folder by
/// its path from the chart's own folder; they keep those that are in `charts/` already.
///
/// # Errors
/// A dependency is missing or another.
pub fn with_dependencies(files: Files, read: &dyn Fn(&str) -> Files) -> Result<FileTree, ChartError> {
    vendored(&files)?;
    put_together(files, read, "", 0).map(FileTree::new)
}

/// Name and version of a chart; empty where its Chart.yaml says none.
///
/// # Errors
/// Its Chart.yaml cannot be read.
pub fn chart_identity(files: &[(String, Vec<u8>)]) -> Result<(String, String), ChartError> {
    let own = metadata(files, "")?;
    let text = |key: &str| own[key].as_str().unwrap_or_default().to_owned();
    Ok((text("name"), text("version")))
}

/// Refuses a chart whose dependencies lie elsewhere. As Helm does, which goes by names, whatever conditions say, and asks
/// nothing of charts within the chart.
fn vendored(files: &Files) -> Result<(), ChartError> {
    let own = metadata(files, "")?;
    let text = |dependency: &Value, key: &str| dependency[key].as_str().unwrap_or_default().to_owned();
    let all = own["dependencies"].as_array().into_iter().flatten();
    let elsewhere: Vec<&Value> = all.filter(|one| !text(one, "repository").starts_with(FOLDER)).collect();
    if elsewhere.is_empty() {
        return Ok(());
    }
    let known = subcharts(files);
    let missing = elsewhere.into_iter().filter(|one| !known.contains(&text(one, "name")));
    let missing: Vec<String> = missing
        .map(|one| {
            let repository = text(one, "repository");
            let from = if repository.is_empty() { String::new() } else { format!(" of {repository}") };
            format!("`{}` {}{from}", text(one, "name"), text(one, "version"))
        })
        .collect();
    if missing.is_empty() { Ok(()) } else { Err(ChartError::Unvendored(missing)) }
}

/// The names of the charts in `charts/`, folders and archives.
fn subcharts(files: &Files) -> BTreeSet<String> {
    let named = |files: &[(String, Vec<u8>)]| chart_identity(files).ok().map(|(name, _)| name);
    let found = files.iter().filter_map(|(path, bytes)| {
        let below = path.strip_prefix("charts/").filter(|below| !below.starts_with(['_', '.']))?;
        match below.split_once('/') {
            Some((_, "Chart.yaml")) => named(&[("Chart.yaml".to_owned(), bytes.clone())]),
            None if below.ends_with(".tgz") => named(&unpack(bytes).ok()?),
            _ => None,
        }
    });
    found.collect()
}

fn put_together(files: Files, read: &dyn Fn(&str) -> Files, at: &str, depth: usize) -> Result<Files, ChartError> {
    let metadata = metadata(&files, at)?;
    let mut more: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for dependency in metadata["dependencies"].as_array().into_iter().flatten() {
        let text = |key: &str| dependency[key].as_str().unwrap_or_default();
        let (name, wanted) = (text("name"), text("version"));
        let Some(path) = text("repository").strip_prefix(FOLDER) else { continue };
        let (within, packed) = (format!("charts/{name}/"), format!("charts/{name}-{wanted}.tgz"));
        if files.iter().any(|(path, _)| path.starts_with(&within) || *path == packed) {
            continue;
        }
        let folder = joined(at, path);
        if depth == DEEPEST {
            return Err(ChartError::Circle(folder));
        }
        let found = read(&folder);
        if !found.iter().any(|(path, _)| path == "Chart.yaml") {
            return Err(ChartError::Missing { name: name.to_owned(), folder });
        }
        let own = self::metadata(&found, &format!("{folder}/"))?;
        if own["name"] != name || !fits(own["version"].as_str().unwrap_or_default(), wanted) {
            let text = |key: &str| own[key].as_str().unwrap_or_default().to_owned();
            let (name, wanted) = (name.to_owned(), wanted.to_owned());
            return Err(ChartError::Other { name, wanted, folder, found: text("name"), version: text("version") });
        }
        let whole = put_together(found, read, &folder, depth + 1)?;
        more.extend(whole.into_iter().map(|(path, bytes)| (format!("{within}{path}"), bytes)));
    }
    Ok(files.into_iter().chain(more).collect())
}

fn metadata(files: &[(String, Vec<u8>)], at: &str) -> Result<Value, ChartError> {
    let unreadable = |why: String| ChartError::Unreadable { chart: at.to_owned(), why };
    let Some((_, bytes)) = files.iter().find(|(path, _)| path == "Chart.yaml") else { return Ok(Value::Null) };
    let text = std::str::from_utf8(bytes).map_err(|error| unreadable(error.to_string()))?;
    helm_value(text).map_err(|error| unreadable(error.to_string()))
}

/// Whether a version is one that a dependency asks for. Ranges are Helm's to judge, which does when it renders.
fn fits(version: &str, wanted: &str) -> bool {
    let exact = wanted.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+'))
        && wanted.split('.').count() == 3
        && !wanted.contains(['x', 'X']);
    !exact || version.trim_start_matches('v') == wanted.trim_start_matches('v')
}

/// A path from a folder, without `.` and `..` as far as they can be taken out.
pub(super) fn joined(at: &str, path: &str) -> String {
    let mut parts: Vec<&str> =
        if path.starts_with('/') { vec![""] } else { at.split('/').filter(|part| !part.is_empty()).collect() };
    for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
        match (part, parts.last()) {
            ("..", Some(last)) if *last != ".." && !last.is_empty() => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(name: &str, version: &str, dependencies: &[(&str, &str, &str)]) -> Files {
        let mut text = format!("name: {name}\nversion: {version}\ndependencies:\n");
        for (name, version, repository) in dependencies {
            text += &format!("- {{name: {name}, version: \"{version}\", repository: \"{repository}\"}}\n");
        }
        vec![("Chart.yaml".to_owned(), text.into_bytes()), ("templates/x.yaml".to_owned(), Vec::new())]
    }

    fn paths(tree: &FileTree) -> Vec<&str> {
        tree.iter().map(|(path, _)| path).collect()
    }

    #[test]
    fn folders_become_subcharts_and_those_of_others_stay() {
        let read = |path: &str| match path {
            "../../library" => chart("library", "0.1.0", &[]),
            "../b" => chart("b", "1.2.3", &[("library", "0.1.0", "file://../../library")]),
            _ => Vec::new(),
        };
        let asked = [
            ("b", "~1.2", "file://../b"),
            ("library", "0.1.0", "file://../../library/"),
            ("far", "1.0.0", "https://charts.example.com"),
        ];
        let mut files = chart("a", "1.0.0", &asked);
        let error = with_dependencies(files.clone(), &read).unwrap_err().to_string();
        assert_eq!(error, "dependencies are missing in its charts/ folder: `far` 1.0.0 of https://charts.example.com");
        files.push(("charts/far-away/Chart.yaml".to_owned(), b"name: far\nversion: 7.0.0\n".to_vec()));
        let tree = with_dependencies(files.clone(), &|path| match path {
            // From b's folder it is another way.
            "../../../library" | "../../library" => read("../../library"),
            path => read(path),
        });
        let tree = tree.unwrap();
        assert!(paths(&tree).contains(&"charts/b/charts/library/Chart.yaml"), "{:?}", paths(&tree));
        assert!(paths(&tree).contains(&"charts/library/templates/x.yaml"));
        files.push(("charts/library/Chart.yaml".to_owned(), b"name: library\nversion: 9.9.9\n".to_vec()));
        let kept = with_dependencies(files, &read).unwrap();
        assert!(kept.iter().any(|(path, bytes)| path == "charts/library/Chart.yaml" && bytes.ends_with(b"9.9.9\n")));
    }

    #[test]
    fn a_missing_other_or_endless_dependency_is_an_error() {
        let of = |dependency, found: Files| {
            with_dependencies(chart("a", "1.0.0", &[dependency]), &|_| found.clone()).unwrap_err().to_string()
        };
        assert!(of(("b", "1.0.0", "file://../b"), Vec::new()).contains("../b has no Chart.yaml"));
        let error = of(("b", "1.0.0", "file://../b"), chart("b", "2.0.0", &[]));
        assert!(error.contains("`b` 1.0.0 does not match ../b, which has `b` 2.0.0"), "{error}");
        assert!(of(("b", "1.0.0", "file://../b"), chart("c", "1.0.0", &[])).contains("which has `c`"));
        let round = of(("b", "1.0.0", "file://../b"), chart("b", "1.0.0", &[("b", "1.0.0", "file://../b")]));
        assert!(round.contains("depend on each other"), "{round}");
    }
}
