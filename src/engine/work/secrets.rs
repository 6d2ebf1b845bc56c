//! Secrets: filled from answers, made of others, and what their versions are.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::cluster::{failed, internal};
use super::runner::StepRunner;
use crate::answers::SecretVersions;
use crate::catalog::action::ActionKind;
use crate::driver::{secrets, state_store};
use crate::engine::perform::{Done, Failure};
use crate::model::state::InstallState;
use crate::model::{
    GeneratedSecret, Secret, SecretRef, fill_versions, mark, remember, secret_version, versions_in, versions_in_value,
    with_versions,
};

impl StepRunner {
    pub(super) async fn pull_secret(&self, namespace: &str, name: &str, from: &SecretRef) -> Result<Done, Failure> {
        let config = secrets::docker_config(from, &self.cluster).await.map_err(|error| failed(error).for_good())?;
        let data = BTreeMap::from([(".dockerconfigjson".to_owned(), config)]);
        let kind = "kubernetes.io/dockerconfigjson";
        self.cluster.apply_secret(namespace, name, kind, &data, &mark()).await.map_err(failed)?;
        Ok(Done::default())
    }

    /// Fills a Secret. One that is generated is made once: what is there stays, whatever it is.
    pub(super) async fn secret(
        &self,
        (namespace, name): (&str, &str),
        keys: &[String],
        (from, made): (&SecretRef, &GeneratedSecret),
        kind: &str,
    ) -> Result<Done, Failure> {
        let (data, summary) = match from {
            SecretRef::Generate => {
                let found = self.cluster.secret(namespace, name).await.map_err(failed)?.unwrap_or_default();
                if keys.iter().all(|key| found.get(key).is_some_and(|value| !value.expose().is_empty())) {
                    return Ok(Done { summary: Some("already exists".to_owned()), ..Done::default() });
                }
                let data = secrets::generate(made, keys).map_err(|error| failed(error).for_good())?;
                (data, format!("generated; kubectl -n {namespace} get secret {name} shows it"))
            }
            from => {
                let data = secrets::read_all(from, &self.cluster, keys).await;
                (data.map_err(|error| failed(error).for_good())?, format!("from {from}"))
            }
        };
        self.cluster.apply_secret(namespace, name, kind, &data, &mark()).await.map_err(failed)?;
        Ok(Done { summary: Some(summary), ..Done::default() })
    }

    /// Fills a Secret that is made of others.
    pub(super) async fn derived_secret(&self, namespace: &str, name: &str, kind: &str) -> Result<Done, Failure> {
        let derived = self.derived.get(&(namespace.to_owned(), name.to_owned()));
        let derived =
            derived.ok_or_else(|| internal(&format!("the sources of Secret {namespace}/{name} are not known")))?;
        let mut found = BTreeMap::new();
        for source in derived.sources() {
            let data = self.cluster.secret(namespace, &source).await.map_err(failed)?;
            found.insert(source, data.unwrap_or_default());
        }
        let data = derived.fill(namespace, &found, &self.salt().await?);
        let data = data.map_err(|error| failed(error).for_good())?;
        self.cluster.apply_secret(namespace, name, kind, &data, &mark()).await.map_err(failed)?;
        Ok(Done { summary: Some(format!("{} keys", data.len())), ..Done::default() })
    }

    /// Makes a new content for a Secret, beside it. One that an earlier run made is the one that may count already.
    pub(super) async fn stage_secret(
        &self,
        namespace: &str,
        name: &str,
        keys: &[String],
        made: &GeneratedSecret,
    ) -> Result<Done, Failure> {
        let whole = |data: &BTreeMap<String, Secret>| {
            keys.iter().all(|key| data.get(key).is_some_and(|value| !value.expose().is_empty()))
        };
        match self.cluster.secret(namespace, name).await.map_err(failed)? {
            Some(data) if whole(&data) => {
                return Ok(Done { summary: Some("already exists".to_owned()), ..Done::default() });
            }
            Some(_) if !self.cluster.delete_own_secret(namespace, name).await.map_err(failed)? => {
                return Err(internal(&format!(
                    "Secret {namespace}/{name} already exists and was not created by windlass"
                )));
            }
            _ => {}
        }
        let data = secrets::generate(made, keys).map_err(|error| failed(error).for_good())?;
        let data = data.into_iter().map(|(key, value)| (key, value.expose().as_bytes().to_vec())).collect();
        self.cluster.create_stored(namespace, name, data, &mark()).await.map_err(failed)?;
        Ok(Done::default())
    }

    /// Puts what was staged into its Secret.
    pub(super) async fn switch_secret(
        &self,
        namespace: &str,
        name: &str,
        next: &str,
        kind: &str,
    ) -> Result<Done, Failure> {
        let data = self.cluster.secret(namespace, next).await.map_err(failed)?.unwrap_or_default();
        if data.is_empty() {
            return Err(internal(&format!(
                "Secret {namespace}/{next} with the new content not found: run the rotation again"
            )));
        }
        data.values().for_each(|value| remember(value.expose()));
        self.cluster.apply_secret(namespace, name, kind, &data, &mark()).await.map_err(failed)?;
        Ok(Done::default())
    }

    /// Values with the versions of Secrets that were not known when the plan was made.
    pub(super) async fn with_versions(&self, values: &Value) -> Result<Value, Failure> {
        let mut places = BTreeSet::new();
        versions_in_value(values, &mut places);
        let mut values = values.clone();
        if !places.is_empty() {
            fill_versions(&mut values, &self.versions(places).await?);
        }
        Ok(values)
    }

    /// The same for the texts of an action.
    pub(super) async fn action_with_versions(&self, kind: ActionKind) -> Result<ActionKind, Failure> {
        let places: BTreeSet<_> = kind.templates().into_iter().flat_map(versions_in).collect();
        if places.is_empty() {
            return Ok(kind);
        }
        let known = self.versions(places).await?;
        let Ok(kind) = kind.map(|text| Ok::<_, std::convert::Infallible>(with_versions(text, &known)));
        Ok(kind)
    }

    async fn versions(&self, places: BTreeSet<(String, String)>) -> Result<SecretVersions, Failure> {
        let salt = self.salt().await?;
        let mut known = SecretVersions::new();
        for (namespace, name) in places {
            let found: Option<BTreeMap<String, Secret>> =
                self.cluster.secret(&namespace, &name).await.map_err(failed)?;
            // One that is not there has a version, too: it changes when it comes.
            let version = secret_version(&salt, &namespace, &name, &found.unwrap_or_default());
            known.insert((namespace, name), version);
        }
        Ok(known)
    }

    /// What versions and salts are made with; made when it is wanted first.
    async fn salt(&self) -> Result<String, Failure> {
        let known = state_store::load(&self.cluster).await.map_err(failed)?.unwrap_or_default().salt;
        if !known.is_empty() {
            return Ok(known);
        }
        let new = secrets::salt().map_err(|error| failed(error).for_good())?;
        let change = |state: &mut InstallState| {
            if state.salt.is_empty() {
                state.salt.clone_from(&new);
            }
        };
        state_store::update(&self.cluster, change).await.map_err(failed)?;
        // Another may have been quicker.
        Ok(state_store::load(&self.cluster).await.map_err(failed)?.unwrap_or_default().salt)
    }
}
