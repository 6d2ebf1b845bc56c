//! What an install wants, and the cluster that it wants it of.

use std::path::{Path, PathBuf};

use super::exit::{Exit, Failed, OrExit as _};
use super::output::Output;
use super::session;
use crate::answers::{Answer, Answers, Resolved, recorded};
use crate::catalog::{Catalog, Kind};
use crate::cli::{AnswerArgs, Global};
use crate::driver::kube::{Cluster, Tunnels};
use crate::driver::webhdfs::Hdfs;
use crate::model::SecretRef;
use crate::model::observed::Observed;
use crate::observe::{ObserveError, observe};
use crate::render::target;

/// Answers that were filled in, and a cluster that answered.
pub(super) struct InstallTarget {
    pub cluster: Cluster,
    pub resolved: Resolved,
    pub tunnels: Tunnels,
    pub hdfs: Option<Hdfs>,
    /// The text of an answers file that replays the run.
    pub answers: String,
}

impl InstallTarget {
    /// From definitions and answers to a cluster that answered.
    pub(super) async fn new(global: &Global, args: &AnswerArgs, output: &Output) -> Result<Self, Failed> {
        let catalog = session::load_catalog(global)?;
        let answers = session::answers_or_ask(global, args, &catalog, output)?;
        let resolved = session::resolved(&catalog, &answers)?;
        let answers = replayable(&catalog, &answers)?;
        let found = Self::on(session::connect(global).await?, resolved, answers)?;
        output.remark(&format!("looking at {} …", target(found.cluster.info())));
        Ok(found)
    }

    /// On a cluster that answered.
    pub(super) fn on(cluster: Cluster, resolved: Resolved, answers: String) -> Result<Self, Failed> {
        let (tunnels, hdfs) = session::reach(&cluster, resolved.hdfs.as_ref())?;
        Ok(Self { cluster, resolved, tunnels, hdfs, answers })
    }

    /// What the cluster has of it now.
    pub(super) async fn observe(&self) -> Result<Observed, ObserveError> {
        observe(&self.resolved, &self.cluster, self.hdfs.as_ref()).await
    }
}

/// The text of an answers file that replays a run from any folder: paths on this machine are whole in it.
pub(super) fn replayable(catalog: &Catalog, answers: &Answers) -> Result<String, Failed> {
    let here = std::env::current_dir().or_exit(Exit::Unexpected)?;
    recorded(catalog, &anchored(catalog, answers, &here)).or_exit(Exit::Unexpected)
}

/// Answers whose paths on this machine do not depend on the folder that a command is given in.
fn anchored(catalog: &Catalog, answers: &Answers, here: &Path) -> Answers {
    // Without `.` in it.
    let whole = |path: &Path| here.join(path).components().collect::<PathBuf>();
    let mut answers = answers.clone();
    for (id, (answer, _)) in &mut answers.values {
        match answer {
            Answer::Secret(SecretRef::File(path)) if path.is_relative() => *path = whole(path),
            // What is a path elsewhere, in HDFS or on nodes, has to be whole anyway.
            Answer::Text(text)
                if !text.is_empty()
                    && Path::new(&*text).is_relative()
                    && catalog.question(id).is_some_and(|question| question.kind == Kind::Path) =>
            {
                *text = whole(Path::new(&*text)).display().to_string();
            }
            _ => {}
        }
    }
    answers
}

/// An observation that failed, with its exit code.
pub(super) fn unobserved(error: ObserveError) -> Failed {
    let exit = match error {
        ObserveError::Files { .. }
        | ObserveError::PullSecret(_)
        | ObserveError::Secret { .. }
        | ObserveError::Foreign { .. } => Exit::BadInput,
        ObserveError::Api { .. } | ObserveError::State(_) => Exit::Unusable,
    };
    Failed::new(exit, error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers::{Given, LayerKind, parse_file};
    use crate::catalog;

    #[test]
    fn recorded_answers_mean_the_same_from_any_folder() {
        let catalog = catalog::load(&[]).unwrap();
        let mut text = "platform:\n  registry: r.site\n  pull_secret: {file: ./registry.json}\n".to_owned();
        let all = catalog.components.keys().filter(|id| {
            catalog.questions(id).iter().any(|question| question.id == "values_file" && question.kind == Kind::Path)
        });
        let mut files = 0;
        for id in all {
            text += &format!("{id}:\n  values_file: ./some/{id}.yaml\n");
            files += 1;
        }
        let mut given = Given::default();
        given.take(parse_file("site.yaml", &text, LayerKind::File).unwrap());
        let answers = given.draft(&catalog).unwrap().answers;
        let text = recorded(&catalog, &anchored(&catalog, &answers, Path::new("/site/a"))).unwrap();
        assert!(text.contains("/site/a/registry.json") && !text.contains("./"), "{text}");
        assert_eq!((text.matches("/site/a/some/").count(), files > 1), (files, true), "{text}");
    }
}
