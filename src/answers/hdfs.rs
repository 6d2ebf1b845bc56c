//! Where the HDFS of a component is that is installed.

use minijinja::Value;

use super::scope::{HDFS_USER, hdfs_access, known};
use super::template::{Templates, value};
use crate::catalog::{Component, WEBHDFS};
use crate::model::HdfsAccess;
use crate::model::cluster::ReleaseKey;

/// Where the HDFS of an installed release is, from the answers that are remembered; `used` are the components that it was
/// installed with. Nothing where the component exports none, or where what it exports cannot be filled in with them.
#[must_use]
pub fn hdfs_as_installed(
    component: &Component,
    used: impl Fn(&str) -> bool,
    release: &ReleaseKey,
    answers: &serde_json::Value,
) -> Option<HdfsAccess> {
    let this = value(&serde_json::json!({
        "id": component.id, "instance": component.instance(), "release": release.name, "namespace": release.namespace,
    }));
    let known = known(answers).seen_by(component.seen(used));
    let context = Value::from_pairs([("answers".to_owned(), known), ("self".to_owned(), this)]);
    let (templates, place) = (Templates::new(), format!("{}/component.yaml", component.base));
    let export = |name: &str| {
        let filled = templates.render(&place, component.exports.get(name)?, &context).ok()?;
        Some(filled).filter(|filled| !filled.trim().is_empty())
    };
    Some(hdfs_access(&component.id, release.namespace.clone(), &export(WEBHDFS)?, export(HDFS_USER)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::answers::{Answers, from_flags, resolve};
    use crate::catalog::{self, Catalog};

    fn files(exports: &str) -> Catalog {
        let mut files = catalog::embedded();
        files.retain(|path, _| path == "platform.yaml");
        let text = format!(
            "id: files\ntitle: Files\nversion: '1'\nchart: {{path: chart}}\nvalues: v.j2\nrelease: {{name: f, namespace: f}}\n\
             questions: [{{id: nodes, title: t, type: integer, default: 1}}]\nexports: {{{exports}}}\n"
        );
        files.insert("files/component.yaml".to_owned(), text.into_bytes());
        files.insert("files/v.j2".to_owned(), b"a: 1\n".to_vec());
        files.insert("files/chart/Chart.yaml".to_owned(), b"name: x\nversion: 1.0.0\n".to_vec());
        Catalog::from_files(&files, &Default::default()).unwrap()
    }

    #[test]
    fn what_was_installed_is_found_again_by_what_is_remembered() {
        let catalog = catalog::load(&[]).unwrap();
        let flags = ["hdfs.release=files", "hdfs.namespace=there", "platform.cluster_domain=site.example"];
        let flags = flags.map(str::to_owned);
        let answers = Answers::new(&catalog, &[from_flags(&flags).unwrap()], Some(&["hdfs".to_owned()])).unwrap();
        let wanted = resolve(&catalog, &answers).unwrap().hdfs;
        let release = ReleaseKey::new("there", "files");
        let component = &catalog.components["hdfs"];
        let found = hdfs_as_installed(component, |_| false, &release, &answers.remembered());
        assert_eq!((found.is_some(), &found), (true, &wanted));
        // Who remembers nothing of it cannot say where it is.
        assert_eq!(hdfs_as_installed(component, |_| false, &release, &json!({})), None);
    }

    #[test]
    fn several_namenodes_are_one_export() {
        let found = |exports: &str, answers| {
            let release = ReleaseKey::new("n", "r");
            hdfs_as_installed(&files(exports).components["files"], |_| false, &release, &answers)
        };
        let both = "webhdfs: '{% for n in range(answers.files.nodes) %}{{ self.release }}-{{ n }}.n:9870, {% endfor %}x', hdfs_user: root";
        let access = found(both, json!({"files": {"nodes": 2}})).unwrap();
        assert_eq!(access.namenodes, ["r-0.n:9870", "r-1.n:9870", "x"]);
        assert_eq!(
            (access.user.as_str(), access.namespace.as_str(), access.component.as_str()),
            ("root", "n", "files")
        );
        assert_eq!(found(both, json!({"files": {}})), None, "how many there are is not remembered");
        assert_eq!(found("webhdfs: ' '", json!({})), None);
        assert_eq!(found("other: x", json!({})), None);
    }
}
