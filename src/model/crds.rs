//! The `crds/` of a chart and of the charts within it that its values switch on: as Helm would install them, which never
//! upgrades them. And its templates, whatever is switched on.

use std::collections::BTreeSet;
use std::io::Read as _;

use flate2::read::GzDecoder;
use serde_json::{Map, Value};

use super::cluster::{ManifestObject, ObjectRef};
use super::yaml::{helm_value, helm_values, lay_over};
use super::{FileTree, parse_manifest};

/// Charts within charts, and no deeper.
const DEEPEST: usize = 8;

/// The most that a chart may hold with all that is packed within it, which is what Helm takes.
const UNPACKED: u64 = 100 << 20;

/// What a chart costs at least of that: it can be empty, and there several times.
const LEAST: u64 = 512;

/// Path and content of each file.
type Files<'a> = Vec<(&'a str, &'a [u8])>;

/// The kind of what defines kinds.
pub const CRD: &str = "CustomResourceDefinition";

/// What Helm would install before the chart's templates, with these values; of two of one name the first.
#[must_use]
pub fn crds(chart: &FileTree, values: &Value) -> Vec<ManifestObject> {
    found(chart, Some(values))
}

/// All that there are in a chart, whatever is switched on.
#[must_use]
pub fn every_crd(chart: &FileTree) -> Vec<ManifestObject> {
    found(chart, None)
}

/// The templates of a chart and of all charts within it.
#[must_use]
pub fn every_template(chart: &FileTree) -> Vec<String> {
    let mut found = Vec::new();
    let mut left = UNPACKED;
    gather(&chart.iter().collect(), 0, &mut left, &mut found);
    found
}

fn gather(files: &Files<'_>, depth: usize, left: &mut u64, found: &mut Vec<String>) {
    let texts = files.iter().filter(|(path, _)| path.starts_with("templates/"));
    found.extend(texts.map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned()));
    each_within(files, depth, left, |inner, left| gather(inner, depth + 1, left, found));
}

fn found(chart: &FileTree, values: Option<&Value>) -> Vec<ManifestObject> {
    let files: Files<'_> = chart.iter().collect();
    // Most charts have none, and nothing of them is to be read.
    if !files.iter().any(|(path, _)| path.contains("crds/") || is_packed(path)) {
        return Vec::new();
    }
    let mut found = Vec::new();
    let given = values.map(|values| values.as_object().cloned().unwrap_or_default());
    let mut left = UNPACKED;
    collect(&files, given, 0, &mut left, &mut found);
    let mut seen = BTreeSet::new();
    found.retain(|object| seen.insert(object.object.clone()));
    found
}

/// A definition by its name.
#[must_use]
pub fn crd_ref(name: &str) -> ObjectRef {
    ObjectRef::cluster_wide("apiextensions.k8s.io/v1", CRD, name)
}

/// `given` are the values; without, all charts are on.
fn collect(
    files: &Files<'_>,
    given: Option<Map<String, Value>>,
    depth: usize,
    left: &mut u64,
    found: &mut Vec<ManifestObject>,
) {
    let text =
        |name: &str| files.iter().find(|(path, _)| *path == name).map(|(_, bytes)| String::from_utf8_lossy(bytes));
    let mut values = text("values.yaml").and_then(|text| helm_values(&text).ok()).unwrap_or_default();
    let every = given.is_none();
    lay_over(&mut values, given.unwrap_or_default());
    let values = Value::Object(values);
    for (_, bytes) in files.iter().filter(|(path, _)| path.starts_with("crds/") && is_manifest(path)) {
        found.extend(parse_manifest(&String::from_utf8_lossy(bytes), "").objects.into_iter().map(without_status));
    }
    let lists = ["Chart.yaml", "requirements.yaml"].into_iter().filter_map(text);
    let lists: Vec<Value> = lists.filter_map(|text| helm_value(&text).ok()).collect();
    let declared = lists.iter().filter_map(|list| list["dependencies"].as_array());
    let declared: Vec<&Value> = declared.flatten().collect();
    each_within(files, depth, left, |inner, left| {
        let Some(name) = name_of(inner) else { return };
        let mut of_it = declared.iter().filter(|dependency| dependency["name"] == name.as_str()).peekable();
        // What lies in `charts/` and is not declared is always on.
        if every || of_it.peek().is_none() {
            collect(inner, (!every).then(|| below(&values, &name)), depth + 1, left, found);
            return;
        }
        for dependency in of_it.filter(|dependency| is_on(dependency, &values)) {
            let alias = dependency["alias"].as_str().unwrap_or(&name);
            let Some(less) = left.checked_sub(LEAST) else { return };
            *left = less;
            collect(inner, Some(below(&values, alias)), depth + 1, left, found);
        }
    });
}

/// Does something with the files of each chart within a chart, as long as there is something left of the most.
fn each_within(files: &Files<'_>, depth: usize, left: &mut u64, mut act: impl FnMut(&Files<'_>, &mut u64)) {
    if depth == DEEPEST {
        return;
    }
    for (folder, packed) in within(files) {
        let Some(less) = left.checked_sub(LEAST) else { return };
        *left = less;
        let unpacked = packed.map(|bytes| unpack(bytes, left)).unwrap_or_default();
        let inner: Files<'_> = match packed {
            Some(_) => unpacked.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())).collect(),
            None => files.iter().filter_map(|(path, bytes)| Some((path.strip_prefix(&folder)?, *bytes))).collect(),
        };
        act(&inner, left);
    }
}

/// The charts within a chart: a folder each, or a packed one.
fn within<'a>(files: &Files<'a>) -> Vec<(String, Option<&'a [u8]>)> {
    let mut found = Vec::new();
    for (path, bytes) in files {
        let Some(rest) = path.strip_prefix("charts/") else { continue };
        match rest.split_once('/') {
            Some((name, "Chart.yaml")) => found.push((format!("charts/{name}/"), None)),
            None if is_packed(path) => found.push((String::new(), Some(*bytes))),
            _ => {}
        }
    }
    found
}

fn is_packed(path: &str) -> bool {
    path.ends_with(".tgz")
}

fn is_manifest(path: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, suffix)| matches!(suffix, "yaml" | "yml" | "json"))
}

fn name_of(files: &Files<'_>) -> Option<String> {
    let (_, bytes) = files.iter().find(|(path, _)| *path == "Chart.yaml")?;
    Some(helm_value(&String::from_utf8_lossy(bytes)).ok()?["name"].as_str()?.to_owned())
}

/// The values of a chart within, with what is global.
fn below(values: &Value, name: &str) -> Map<String, Value> {
    let mut own = values[name].as_object().cloned().unwrap_or_default();
    if let Some(global) = values["global"].as_object() {
        let mut all = own.get("global").and_then(Value::as_object).cloned().unwrap_or_default();
        lay_over(&mut all, global.clone());
        own.insert("global".to_owned(), Value::Object(all));
    }
    own
}

/// Whether a dependency is switched on: the first of its conditions that the values have decides, else its tags; one that
/// nothing says anything of is on.
fn is_on(dependency: &Value, values: &Value) -> bool {
    let at = |path: &str| path.split('.').try_fold(values, |value, key| value.get(key)).and_then(Value::as_bool);
    let conditions = dependency["condition"].as_str().unwrap_or_default();
    if let Some(decided) = conditions.split(',').map(str::trim).filter(|path| !path.is_empty()).find_map(at) {
        return decided;
    }
    let tags = dependency["tags"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let tags: Vec<bool> = tags.filter_map(|tag| values["tags"][tag].as_bool()).collect();
    tags.is_empty() || tags.contains(&true)
}

/// The files of a packed chart, without the folder that they are in. What cannot be read is skipped: Helm reports it.
fn unpack(bytes: &[u8], left: &mut u64) -> Vec<(String, Vec<u8>)> {
    let mut archive = tar::Archive::new(GzDecoder::new(bytes).take(*left));
    let Ok(entries) = archive.entries() else { return Vec::new() };
    let mut found = Vec::new();
    for mut entry in entries.filter_map(Result::ok) {
        let path = entry.path().ok().map(|path| path.to_string_lossy().into_owned());
        let Some(path) = path.as_deref().and_then(|path| path.split_once('/')).map(|(_, path)| path.to_owned()) else {
            continue;
        };
        let mut content = Vec::new();
        if entry.read_to_end(&mut content).is_ok() {
            found.push((path, content));
        }
    }
    *left = archive.into_inner().limit();
    found
}

/// Generators write an empty status, which is the cluster's to fill.
fn without_status(mut object: ManifestObject) -> ManifestObject {
    if let Some(body) = object.body.as_object_mut() {
        body.remove("status");
    }
    if let Some(metadata) = object.body.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("creationTimestamp");
    }
    object
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn crd(name: &str) -> String {
        format!(
            "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n\
             metadata: {{name: {name}.x.io, creationTimestamp: null}}\nstatus: {{conditions: []}}\n"
        )
    }

    fn tree(files: &[(&str, &str)]) -> FileTree {
        FileTree::new(files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect())
    }

    fn names(chart: &FileTree, values: Value) -> Vec<String> {
        crds(chart, &values).into_iter().map(|object| object.object.name).collect()
    }

    #[test]
    fn crds_are_those_of_the_chart_and_of_what_its_values_switch_on() {
        let chart = "name: top\ndependencies:\n\
            - {name: sub, condition: 'none.such, sub.enabled'}\n\
            - {name: tagged, tags: [a, b]}\n\
            - {name: twice, alias: first, condition: first.live}\n\
            - {name: twice, alias: second, condition: second.live}\n";
        let [own, json, of_sub, of_tagged, of_twice, loose, template] =
            ["own", "json", "sub", "tagged", "twice", "loose", "template"].map(crd);
        let chart = tree(&[
            ("Chart.yaml", chart),
            ("values.yaml", "sub: {enabled: false}\nsecond: {live: false}\nfirst: {live: false}\n"),
            ("crds/deep/own.yaml", &own),
            ("crds/list.yml", &format!("---\n{json}---\n# nothing\n---\n{own}")),
            ("crds/readme.md", "kind: CustomResourceDefinition"),
            ("templates/t.yaml", &template),
            ("charts/sub/Chart.yaml", "name: sub\n"),
            ("charts/sub/crds/a.yaml", &of_sub),
            ("charts/tagged/Chart.yaml", "name: tagged\n"),
            ("charts/tagged/crds/a.yaml", &of_tagged),
            ("charts/two/Chart.yaml", "name: twice\n"),
            ("charts/two/crds/a.yaml", &of_twice),
            ("charts/loose/Chart.yaml", "name: loose\n"),
            ("charts/loose/crds/a.yaml", &loose),
        ]);
        assert_eq!(names(&chart, json!({})), ["own.x.io", "json.x.io", "loose.x.io", "tagged.x.io"]);
        let on = json!({"sub": {"enabled": true}, "tags": {"a": false, "b": false}, "second": {"live": true}});
        assert_eq!(names(&chart, on), ["own.x.io", "json.x.io", "loose.x.io", "sub.x.io", "twice.x.io"]);
        assert!(names(&chart, json!({"tags": {"a": false, "b": true}})).contains(&"tagged.x.io".to_owned()));
        assert_eq!(every_crd(&chart).len(), 6, "whatever is on");
        let found = crds(&chart, &json!({}));
        assert!(found[0].body.get("status").is_none(), "what the cluster fills is not ours");
        assert_eq!(found[0].object, crd_ref("own.x.io"));
    }

    fn packed(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut packed = Vec::new();
        let gz = flate2::write::GzEncoder::new(&mut packed, flate2::Compression::best());
        let mut archive = tar::Builder::new(gz);
        for (path, bytes) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            archive.append_data(&mut header, path, *bytes).unwrap();
        }
        archive.into_inner().unwrap().finish().unwrap();
        packed
    }

    #[test]
    fn what_unpacks_to_more_than_helm_takes_is_not_unpacked_to_its_end() {
        let text = "kind: X".repeat(1000);
        let mut bomb = packed(&[("sub/Chart.yaml", b"name: sub\n"), ("sub/templates/x.yaml", text.as_bytes())]);
        for _ in 0..4 {
            let names: Vec<String> = (0..100).map(|at| format!("sub/charts/{at}.tgz")).collect();
            let mut files: Vec<(&str, &[u8])> = vec![("sub/Chart.yaml", b"name: sub\n")];
            files.extend(names.iter().map(|name| (name.as_str(), bomb.as_slice())));
            bomb = packed(&files);
        }
        let at = |path: &str| FileTree::new(vec![(path.to_owned(), bomb.clone())]);
        // Helm opens nothing there.
        for path in ["files/x.tgz", "files/charts/x.tgz", "charts/x/files/x.tgz"] {
            assert!(every_template(&at(path)).is_empty(), "{path}");
        }
        let found = every_template(&at("charts/x.tgz"));
        assert!(!found.is_empty() && found.len() as u64 * 7000 < UNPACKED, "{}", found.len());
        assert!(every_crd(&at("charts/x.tgz")).is_empty());
    }

    #[test]
    fn packed_charts_are_looked_into() {
        let packed = packed(&[("sub/Chart.yaml", b"name: sub\n"), ("sub/crds/a.yaml", crd("packed").as_bytes())]);
        let chart = FileTree::new(vec![
            ("Chart.yaml".to_owned(), b"name: top\ndependencies: [{name: sub, condition: sub.on}]\n".to_vec()),
            ("charts/sub-1.tgz".to_owned(), packed),
        ]);
        assert_eq!(names(&chart, json!({})), ["packed.x.io"]);
        assert!(names(&chart, json!({"sub": {"on": false}})).is_empty());
        let broken = FileTree::new(vec![("charts/sub-1.tgz".to_owned(), b"no archive".to_vec())]);
        assert!(names(&broken, json!({})).is_empty());
    }
}
