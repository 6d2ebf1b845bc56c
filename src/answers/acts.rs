//! What the types of the catalog cannot say of an action, and what people read about it.

use std::collections::BTreeSet;

use super::resolved::ResolveError;
use crate::catalog::{ActionKind, ActionSpec, Component, Reference, references};
use crate::model::path_problem;

/// What people read about an action that has no title of its own.
pub(super) fn describe(kind: &ActionKind) -> String {
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

/// Whether the texts that were filled in can be what the action wants.
pub(super) fn check_action(component: &Component, spec: &ActionSpec, kind: &ActionKind) -> Result<(), ResolveError> {
    let wrong = |what: String| {
        let answers = answers(spec);
        let hint = if answers.is_empty() { String::new() } else { format!("; see the answer {}", answers.join(", ")) };
        Err(ResolveError::Action { component: component.id.clone(), what: format!("{what}{hint}") })
    };
    let paths: &[&String] = match kind {
        ActionKind::HdfsMkdir { path, .. }
        | ActionKind::HdfsProbe { path }
        | ActionKind::HdfsExists { path }
        | ActionKind::HdfsUpload { to: path, .. } => &[path],
        _ => &[],
    };
    for path in paths {
        if let Some(why) = path_problem(path) {
            return wrong(format!("`{path}` is not an absolute path in HDFS: {why}"));
        }
        if (path.len() > 1 && path.ends_with('/')) || path.contains("//") {
            return wrong(format!("`{path}` is not an absolute path in HDFS: it has a slash too many"));
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

/// The answers that an action's texts name.
fn answers(spec: &ActionSpec) -> Vec<String> {
    let named = spec.kind.templates().into_iter().filter_map(|text| references(text).ok()).flatten();
    let named: BTreeSet<String> = named
        .filter_map(|name| match name {
            Reference::Answer(component, question) => Some(format!("{component}.{question}")),
            _ => None,
        })
        .collect();
    named.into_iter().collect()
}
