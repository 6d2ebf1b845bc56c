//! Whether we may push into repositories, and what to do where we may not: asked by beginning uploads, which are cancelled at
//! once, and never by writing anything.

use std::collections::BTreeSet;
use std::fmt;

use futures::StreamExt as _;
use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};

use super::error::PushError;
use super::session::UploadStart;
use crate::driver::registry::{Registry, RegistryError};

/// Whose registry it is, as far as that shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Harbor,
    Ecr,
    GitLab,
    OpenShift,
    Other,
}

/// What keeps a push from starting.
#[derive(Debug)]
pub struct PushProblem {
    /// The repository, or the project, without the registry.
    pub name: String,
    /// What it may be, and the commands that help.
    pub why: String,
    /// What the registry says, where it refuses.
    pub source: Option<RegistryError>,
}

impl fmt::Display for PushProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.why)
    }
}

impl Registry {
    /// Asks for each repository whether uploads may begin there, and cancels them. All that is wrong is given at once.
    ///
    /// # Errors
    /// The registry does not answer, or not as a registry.
    pub async fn push_problems(&self, repositories: &BTreeSet<String>) -> Result<Vec<PushProblem>, RegistryError> {
        let asked = repositories.iter().map(|repository| async move {
            match self.begin_upload(repository, None).await? {
                UploadStart::Mounted => Ok(None),
                UploadStart::Session(session) => {
                    self.cancel_upload(repository, &session).await;
                    Ok(None)
                }
                UploadStart::Refused(answer) => {
                    let headers = answer.headers().clone();
                    let source = self.unexpected(answer, &format!("an upload to {repository}")).await;
                    match source.status().map(|status| status.as_u16()) {
                        Some(400 | 401 | 403 | 404 | 405) => {
                            let why = explain(self.host(), repository, &headers, &source);
                            Ok(Some(PushProblem { name: repository.clone(), why, source: Some(source) }))
                        }
                        _ => Err(source),
                    }
                }
            }
        });
        let mut asked = futures::stream::iter(asked).buffered(self.limits().questions);
        let mut found = Vec::new();
        while let Some(answer) = asked.next().await {
            found.extend(answer?);
        }
        Ok(found)
    }
}

/// The same of an upload that was refused when it should have begun.
pub(super) fn no_push(host: &str, repository: &str, headers: &HeaderMap, source: RegistryError) -> PushError {
    match source.status().map(|status| status.as_u16()) {
        Some(400 | 401 | 403 | 404 | 405) => {
            let why = explain(host, repository, headers, &source);
            PushError::NoPush { host: host.to_owned(), repository: repository.to_owned(), why, source }
        }
        _ => source.into(),
    }
}

/// Whose registry it is.
fn kind(host: &str, headers: &HeaderMap, said: &str) -> Kind {
    let realm = headers.get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let header = |name: &str| headers.contains_key(name);
    if host.contains(".dkr.ecr.") {
        Kind::Ecr
    } else if realm.contains("/jwt/auth") || header("gitlab-container-registry-version") || host.contains("gitlab") {
        Kind::GitLab
    } else if realm.contains("/openshift/token") || header("x-registry-supports-signatures") {
        Kind::OpenShift
    } else if realm.contains("/service/token") || header("x-harbor-csrf-token") || said.contains("project ") {
        Kind::Harbor
    } else {
        Kind::Other
    }
}

/// What a refusal may mean, and the commands that help. Registries answer with the same few numbers to all of it.
fn explain(host: &str, repository: &str, headers: &HeaderMap, source: &RegistryError) -> String {
    let (project, rest) = repository.split_once('/').unwrap_or((repository, ""));
    let kind = kind(host, headers, &source.to_string());
    let harbor = format!(
        "Harbor: curl -u USER -H 'Content-Type: application/json' -d '{{\"project_name\":\"{project}\"}}' https://{host}/api/v2.0/projects"
    );
    let ecr = format!("ECR: aws ecr create-repository --repository-name {repository}");
    let group = repository.rsplit_once('/').map_or(repository, |(group, _)| group);
    let gitlab = format!(
        "GitLab: glab repo create {}; at most two more parts may follow the project, see --max-depth",
        group.split('/').take(2).collect::<Vec<_>>().join("/")
    );
    let openshift = format!("OpenShift: oc new-project {project}; names are PROJECT/NAME, see --flatten");
    let depth = rest.split('/').filter(|part| !part.is_empty()).count() + 1;
    match kind {
        Kind::Harbor => {
            format!("the project `{project}` may be missing, or the user has no push right there; {harbor}")
        }
        Kind::Ecr => format!("the repository may be missing: ECR does not create it; {ecr}"),
        Kind::GitLab => {
            format!("the project may be missing, the user has no push right, or {depth} parts are too many; {gitlab}")
        }
        Kind::OpenShift => {
            format!(
                "the project may be missing, the user has no push right, or {depth} parts are too many; {openshift}"
            )
        }
        Kind::Other => format!(
            "the name may have too many parts ({depth}; see --max-depth and --flatten), the project may be missing, or the user has no push right; {harbor}; {ecr}; {gitlab}"
        ),
    }
}
