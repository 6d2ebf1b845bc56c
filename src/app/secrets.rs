//! `windlass secrets`: lists Secrets, rotates one, refreshes pull Secrets.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::ask::confirm;
use super::charts::{self, LoginFrom};
use super::exit::{Exit, Failed, OrExit as _};
use super::held::with_installed_files;
use super::output::Output;
use super::run::{self, PreparedRun, RunRequest, needs_helm};
use super::session;
use crate::answers::Resolved;
use crate::catalog::{Catalog, QuestionId};
use crate::cli::{AnswerArgs, Global, SecretsCommand};
use crate::driver::kube::Cluster;
use crate::driver::state_store;
use crate::model::state::InstallState;
use crate::model::{PULL_SECRET, next_secret};
use crate::observe;
use crate::plan::{self, Staged};
use crate::render::{SecretRow, secret_table};

/// The version of the JSON of a list of Secrets.
const SECRETS_SCHEMA: u32 = 1;

pub(super) async fn secrets(global: &Global, command: &SecretsCommand, output: &Output) -> Result<Exit, Failed> {
    match command {
        SecretsCommand::List => list(global, output).await,
        SecretsCommand::Rotate { secret, no_verify } => {
            let question = secret.parse::<QuestionId>().or_exit(Exit::BadInput)?;
            let (catalog, cluster) = (session::load_catalog(global)?, session::connect(global).await?);
            let request = RotateRequest { cluster, catalog, global, question, verify: !no_verify, output };
            run::run(&request, global, output).await
        }
        SecretsCommand::Refresh { answers, set } => {
            let args = AnswerArgs { answers: answers.clone(), set: set.clone(), ..AnswerArgs::default() };
            let (catalog, cluster) = (session::load_catalog(global)?, session::connect(global).await?);
            run::run(&RefreshRequest { cluster, catalog, global, args, output }, global, output).await
        }
    }
}

#[derive(Serialize)]
struct SecretList {
    schema: u32,
    secrets: Vec<SecretRow>,
}

/// Shows the Secrets that windlass fills or that components use, without their content.
async fn list(global: &Global, output: &Output) -> Result<Exit, Failed> {
    let cluster = session::connect(global).await?;
    let state = state_store::load(&cluster).await.or_exit(Exit::Unusable)?.unwrap_or_default().with_unfinished();
    let mut rows: BTreeMap<(String, String), SecretRow> = BTreeMap::new();
    let mut row = |namespace: &str, name: &str, from: Option<String>, component: &str| {
        let row = rows.entry((namespace.to_owned(), name.to_owned())).or_insert_with(|| SecretRow {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            ..SecretRow::default()
        });
        row.from = row.from.take().or(from);
        row.used_by.insert(component.to_owned());
    };
    // Catalog and answers know most. A catalog that has changed since knows less than the records.
    if let Ok((_, resolved)) = remembered(global, &state, &AnswerArgs::default()) {
        for component in &resolved.components {
            let Some(release) = component.release.as_ref().filter(|_| state.components.contains_key(&component.id))
            else {
                continue;
            };
            for secret in &component.secrets {
                let of = |question: &str| format!("{} ({}.{question})", from_words(secret.from()), component.id);
                row(&release.namespace, &secret.name, Some(of(&secret.id)), &component.id);
            }
            for copy in &component.copies {
                let from = format!("a copy of Secret {}/{} ({}.{})", copy.of.0, copy.of.1, component.id, copy.id);
                row(&copy.namespace, &copy.name, Some(from), &component.id);
            }
            for (question, name) in in_place(&resolved, &component.id) {
                let from = format!("the site ({}.{question})", component.id);
                row(&release.namespace, &name, Some(from), &component.id);
            }
            if let Some(from) = resolved.pull_secret.as_ref() {
                for (namespace, _) in component.places() {
                    let from = format!("{from} (platform.pull_secret)");
                    row(namespace, &resolved.pull_secret_name, Some(from), &component.id);
                }
            }
        }
    }
    let installed = state.components.iter().map(|(id, known)| (id, &known.record));
    let kept = state.kept.iter().map(|(id, kept)| (id, &kept.record));
    for (id, record) in installed.chain(kept) {
        let Some(release) = &record.release else { continue };
        let pulled = record.namespaces.iter().chain([&release.namespace]);
        let pulled = pulled.flat_map(|place| record.pull_secret.iter().map(move |name| (place.clone(), name.clone())));
        for (namespace, name) in record.secret_places().chain(pulled) {
            row(&namespace, &name, None, id);
        }
    }
    let now = cluster.now().await.or_exit(Exit::Unusable)?;
    let mut shown = Vec::new();
    for (_, mut row) in rows {
        let outline = async |name: &str| cluster.secret_outline(&row.namespace, name).await.or_exit(Exit::Unusable);
        let (found, next) = (outline(&row.name).await?, outline(&next_secret(&row.name)).await?);
        row.rotating = next.is_some();
        if let Some(found) = found {
            row.keys = found.keys;
            row.created = found.created.map(|at| at.to_string());
            row.age_seconds = found.created.map(|at| now.duration_since(at).as_secs().max(0).unsigned_abs());
        }
        shown.push(row);
    }
    if output.json {
        output.value(&SecretList { schema: SECRETS_SCHEMA, secrets: shown })?;
    } else {
        output.text(&secret_table(&shown))?;
    }
    Ok(Exit::Done)
}

fn from_words(from: Option<&crate::model::SecretRef>) -> String {
    from.map_or_else(|| "derived from other Secrets".to_owned(), ToString::to_string)
}

/// Questions that a Secret of the component's own namespace answers as it is.
fn in_place(resolved: &Resolved, component: &str) -> Vec<(String, String)> {
    let answers = resolved.answers[component].as_object().into_iter().flatten();
    let named = answers.filter_map(|(question, answer)| {
        let name = answer["secret"].as_str().or_else(|| answer.as_str()?.strip_prefix("secret:"))?;
        (!name.contains('/')).then(|| (question.clone(), name.to_owned()))
    });
    named.collect()
}

/// The catalog filled in with the answers of the last install.
fn remembered(global: &Global, state: &InstallState, args: &AnswerArgs) -> Result<(Catalog, Resolved), Failed> {
    let catalog = session::load_catalog(global)?;
    let answers = session::answers(global, args, &catalog, Some(state))?;
    let resolved = charts::resolved_as_installed(&catalog, &answers)?;
    Ok((catalog, resolved))
}

struct RotateRequest<'a> {
    cluster: Cluster,
    catalog: Catalog,
    global: &'a Global,
    question: QuestionId,
    verify: bool,
    output: &'a Output,
}

impl RunRequest for RotateRequest<'_> {
    const COMMAND: &'static str = "secrets rotate";

    fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    async fn prepare(&self) -> Result<PreparedRun, Failed> {
        let (id, question) = (self.question.component.as_str(), self.question.question.as_str());
        let state = state_store::load(&self.cluster).await.or_exit(Exit::Unusable)?.unwrap_or_default();
        if !state.components.contains_key(id) {
            return Err(plan::RotateError::NotInstalled(id.to_owned())).or_exit(Exit::Refused);
        }
        let answers = session::answers(self.global, &AnswerArgs::default(), &self.catalog, Some(&state))?;
        let answers = with_installed_files(answers, &self.catalog, &self.cluster, &state).await?;
        let resolved =
            charts::resolved(self.global, &self.catalog, &answers, LoginFrom::Cluster(&self.cluster), None).await?;
        let rotated = plan::rotated(&resolved, id, question).or_exit(Exit::Refused)?;
        let (_, release, secret) = rotated;
        let changed = plan::changed_with(&resolved, rotated);
        let places: BTreeSet<_> = changed.iter().map(plan::Changed::place).collect();
        let mut affected: BTreeSet<String> =
            plan::readers(&resolved, &places).into_iter().map(|reader| reader.id.clone()).collect();
        affected.extend(changed.iter().map(|one| one.component.id.clone()));
        let staged = self.staged(&release.namespace, &secret.name).await?;
        let observed = observe::observe(&only(&resolved, &affected), &self.cluster, None, None).await;
        let observed = observed.or_exit(Exit::Unusable)?;
        let checks = if self.verify { plan::checks_of(&resolved, id) } else { Vec::new() };
        let plan = plan::rotate(&resolved, (id, question), &observed, staged, checks).or_exit(Exit::Refused)?;
        let helm = match needs_helm(&plan) {
            true => Some(session::helm(self.global, &self.cluster).await?),
            false => None,
        };
        let reach = session::reach(&self.cluster, resolved.hdfs.as_ref())?;
        Ok(PreparedRun { resolved: Some(resolved), ..PreparedRun::new(plan, reach, helm) })
    }

    async fn agree(&self, _prepared: &PreparedRun, stop: &CancellationToken) -> Result<(), Failed> {
        confirm(self.global, &self.cluster, self.output, stop).await
    }

    fn nothing_to_do(&self) -> String {
        format!("nothing to do: {} is up to date\n", self.question)
    }
}

impl RotateRequest<'_> {
    /// How far an earlier rotation came.
    async fn staged(&self, namespace: &str, name: &str) -> Result<Staged, Failed> {
        let read = async |name: &str| self.cluster.secret(namespace, name).await.or_exit(Exit::Unusable);
        let Some(next) = read(&next_secret(name)).await? else { return Ok(Staged::Nothing) };
        let now = read(name).await?.unwrap_or_default();
        let same = next.iter().all(|(key, value)| now.get(key) == Some(value));
        Ok(if same && !next.is_empty() { Staged::Switched } else { Staged::Pending })
    }
}

/// Some of the components, with what there is of them in the cluster itself.
fn only(resolved: &Resolved, ids: &BTreeSet<String>) -> Resolved {
    let mut only = resolved.clone();
    only.components.retain(|component| ids.contains(&component.id));
    only.pull_secret = None;
    for component in &mut only.components {
        component.first.clear();
        component.before.clear();
        component.after.clear();
    }
    only
}

struct RefreshRequest<'a> {
    cluster: Cluster,
    catalog: Catalog,
    global: &'a Global,
    args: AnswerArgs,
    output: &'a Output,
}

impl RunRequest for RefreshRequest<'_> {
    const COMMAND: &'static str = "secrets refresh";

    fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    async fn prepare(&self) -> Result<PreparedRun, Failed> {
        let state =
            state_store::load(&self.cluster).await.or_exit(Exit::Unusable)?.unwrap_or_default().with_unfinished();
        let answers = session::answers(self.global, &self.args, &self.catalog, Some(&state))?;
        let resolved = charts::resolved_as_installed(&self.catalog, &answers)?;
        let Some(from) = resolved.pull_secret.as_ref().filter(|from| !from.is_in_place()) else {
            let text = "nothing to refresh: platform.pull_secret names no credentials that windlass writes";
            return Err(Failed::text(Exit::Refused, text));
        };
        let records = state.components.values().map(|known| &known.record);
        let made = records.filter(|record| record.pull_secret.as_deref() == Some(PULL_SECRET));
        let namespaces: BTreeSet<String> =
            made.filter_map(|record| Some(record.release.as_ref()?.namespace.clone())).collect();
        let found = observe::pull_secrets(&resolved, &self.cluster, &namespaces).await.or_exit(Exit::Unusable)?;
        let plan = plan::refresh(from, &found);
        let reach = session::reach(&self.cluster, None)?;
        Ok(PreparedRun::new(plan, reach, None))
    }

    async fn agree(&self, _prepared: &PreparedRun, stop: &CancellationToken) -> Result<(), Failed> {
        confirm(self.global, &self.cluster, self.output, stop).await
    }

    fn nothing_to_do(&self) -> String {
        "nothing to do: the pull Secrets are up to date\n".to_owned()
    }
}
