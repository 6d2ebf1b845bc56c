//! Files that answers named when they were installed, as the cluster has them: for commands that read what is
//! installed, from whichever machine.

use super::exit::{Exit, Failed, OrExit as _};
use crate::answers::{Answers, files_prefix};
use crate::catalog::{Catalog, Kind, QuestionId};
use crate::driver::kube::Cluster;
use crate::model::state::InstallState;

/// The same answers, with these files.
pub(super) async fn with_installed_files(
    mut answers: Answers,
    catalog: &Catalog,
    cluster: &Cluster,
    state: &InstallState,
) -> Result<Answers, Failed> {
    let known = answers.catalog(catalog).into_owned();
    for id in answers.components.clone() {
        let (Some(component), Some(installed)) = (known.components.get(&id), state.components.get(&id)) else {
            continue;
        };
        let Some(release) = &installed.record.release else { continue };
        for question in component.questions.iter().filter(|question| question.kind == Kind::Files) {
            let prefix = files_prefix(&release.name, &question.id);
            let Some(name) = installed.record.config_maps.iter().find(|name| name.starts_with(&prefix)) else {
                continue;
            };
            // One that is gone is reported by drift or observation.
            if let Some(found) = cluster.files(&release.namespace, name).await.or_exit(Exit::Unusable)? {
                answers.held.insert(QuestionId::new(&id, &question.id), found.files);
            }
        }
    }
    Ok(answers)
}
