//! What templates of one catalog see while they are filled in.

use std::collections::BTreeMap;

use minijinja::Value;

use super::answered::Answers;
use super::resolved::{Charts, ResolvedFiles};
use super::template::{Known, Templates, value};
use crate::catalog::{Component, TemplateNames};
use crate::model::{FileTree, HdfsAccess};

/// The catalog as far as it is filled in.
pub(super) struct Resolver<'a> {
    pub(super) templates: Templates,
    pub(super) answers: &'a Answers,
    pub(super) charts: &'a Charts,
    pub(super) answers_value: Known,
    /// What answers to questions for files became, by component.
    pub(super) files: BTreeMap<String, Vec<(ResolvedFiles, FileTree)>>,
    pub(super) exports: Known,
    pub(super) later: BTreeMap<String, Value>,
    /// Who connects to a component, as peers of its network policies.
    pub(super) clients: BTreeMap<String, Vec<serde_json::Value>>,
    /// What the Secrets that windlass fills are called: component and question, or what it calls one that is made of others.
    pub(super) secret_names: BTreeMap<(String, String), String>,
}

impl Resolver<'_> {
    pub(super) fn name(&self, component: &Component, question: &str) -> String {
        name(self.answers, component, question)
    }

    /// What the names of components mean to one of them.
    pub(super) fn seen(&self, component: &Component) -> TemplateNames {
        component.seen(|id| self.answers.has(id))
    }
}

/// What the superuser's name is exported as.
pub(super) const HDFS_USER: &str = "hdfs_user";

/// Where an HDFS is, by what its component exports.
pub(super) fn hdfs_access(component: &str, namespace: String, webhdfs: &str, user: Option<String>) -> HdfsAccess {
    HdfsAccess {
        component: component.to_owned(),
        namespace,
        namenodes: webhdfs.split(',').map(|url| url.trim().to_owned()).collect(),
        user: user.unwrap_or_else(|| "hdfs".to_owned()),
    }
}

/// Answers by component and question, as templates see them.
pub(super) fn known(answers: &serde_json::Value) -> Known {
    let known = Known::default();
    for (component, answers) in answers.as_object().into_iter().flatten() {
        let answers = answers.as_object().into_iter().flatten();
        known.insert(component, answers.map(|(question, answer)| (question.clone(), value(answer))).collect());
    }
    known
}

pub(super) fn name(answers: &Answers, component: &Component, question: &str) -> String {
    answers.get(&component.id, question).text().unwrap_or_default().to_owned()
}
