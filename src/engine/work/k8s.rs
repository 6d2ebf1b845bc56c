//! Waits for objects of any kind, and scales workloads.

use std::time::Duration;

use serde_json::{Value, json};

use super::cluster::failed;
use super::runner::StepRunner;
use crate::catalog::action::{Await, K8sAction, Scale, SetText};
use crate::driver::kube::{has_condition, has_value};
use crate::engine::perform::{Context, Done, Failure};
use crate::model::cluster::{ObjectRef, ReleaseKey};
use crate::model::few;
use crate::plan::Step;

/// How often the cluster is polled.
pub(super) const PAUSE: Duration = Duration::from_secs(1);

/// Where Helm says whose an object is.
const RELEASE: [&str; 2] = ["meta.helm.sh/release-namespace", "meta.helm.sh/release-name"];

/// How many of many objects are named.
pub(super) const NAMED: usize = 4;

impl StepRunner {
    pub(super) async fn k8s(
        &self,
        step: &Step,
        namespace: &str,
        kind: &K8sAction,
        context: &Context,
    ) -> Result<Done, Failure> {
        let release = self.records.get(&step.component).and_then(|record| record.release.as_ref());
        let wait = match kind {
            K8sAction::Await(wait) => wait,
            K8sAction::Scale(scale) => return self.scale(namespace, release, scale, context).await,
            K8sAction::SetText(set) => return self.set_text(namespace, release, set).await,
            K8sAction::Grow(grow) => return self.grow(namespace, release, grow, context).await,
        };
        let namespace = wait.namespace.as_deref().unwrap_or(namespace);
        let value = context.until(&wait.wanted(), PAUSE, || self.state_of(namespace, wait)).await?;
        let results = wait.path.is_some().then(|| json!({"value": value}));
        Ok(Done { summary: Some(wait.wanted()), results, ..Done::default() })
    }

    async fn scale(
        &self,
        namespace: &str,
        release: Option<&ReleaseKey>,
        scale: &Scale,
        context: &Context,
    ) -> Result<Done, Failure> {
        let object = &ObjectRef::namespaced("apps/v1", &scale.kind, namespace, &scale.name);
        let poll = || async move {
            let Some(found) = self.cluster.get(object).await.map_err(failed)? else {
                return Ok(Ok(format!("{object} not found")));
            };
            of_release(object, &found, release)?;
            let now = &found["spec"]["replicas"];
            if *now != scale.replicas && *now != scale.from {
                return Ok(Ok(format!("it has {now} replicas, not {}: skipped", scale.from)));
            }
            if *now != scale.replicas {
                let fields = json!({"spec": {"replicas": scale.replicas}});
                self.cluster.merge("scale", object, fields).await.map_err(failed)?;
            }
            let pods = found["status"]["replicas"].as_u64().unwrap_or_default();
            let seen = found["status"]["observedGeneration"] == found["metadata"]["generation"];
            let done = *now == scale.replicas && seen && pods == u64::from(scale.replicas);
            Ok(if done { Ok(format!("{pods} pods")) } else { Err(format!("{object} has {pods} pods")) })
        };
        let summary = context.until(&format!("{} pods", scale.replicas), PAUSE, poll).await?;
        Ok(Done { summary: Some(summary), ..Done::default() })
    }

    async fn set_text(&self, namespace: &str, release: Option<&ReleaseKey>, set: &SetText) -> Result<Done, Failure> {
        let object = ObjectRef::namespaced("v1", "ConfigMap", namespace, &set.name);
        let found = self.cluster.get(&object).await.map_err(failed)?.unwrap_or_default();
        of_release(&object, &found, release)?;
        let now = &found["data"][&set.key];
        if !now.is_string() {
            let text = format!("{object} has no `{}`", set.key);
            return Err(Failure { errors: vec![text], ..Failure::default() }.for_good());
        }
        if *now == set.text {
            return Ok(Done { summary: Some("unchanged".to_owned()), ..Done::default() });
        }
        let fields = json!({"data": {&set.key: set.text}});
        self.cluster.merge("change", &object, fields).await.map_err(failed)?;
        Ok(Done::default())
    }

    /// What is at the path that is asked for, or what is waited for.
    async fn state_of(&self, namespace: &str, wait: &Await) -> Result<Result<String, String>, Failure> {
        let object =
            ObjectRef::namespaced(&wait.api_version, &wait.kind, namespace, wait.name.as_deref().unwrap_or_default());
        if self.cluster.resource(&object).await.map_err(failed)?.is_none() {
            // It may come with the release that is just being made.
            self.cluster.forget_kinds().await;
            return Ok(Err(format!("the cluster does not serve {} {} yet", wait.api_version, wait.kind)));
        }
        let found: Vec<(String, Value)> = match &wait.selector {
            None => {
                let found = self.cluster.get(&object).await.map_err(failed)?;
                found.into_iter().map(|value| (object.to_string(), value)).collect()
            }
            Some(selector) => {
                let found = self.cluster.list_labelled(&object, selector).await.map_err(failed)?;
                let name = |value: &Value| value["metadata"]["name"].as_str().unwrap_or_default().to_owned();
                found.into_iter().map(|value| (format!("{} {}", wait.kind, name(&value)), value)).collect()
            }
        };
        if found.is_empty() {
            let what =
                wait.selector.as_ref().map_or_else(|| object.to_string(), |it| format!("{} with {it}", wait.kind));
            return Ok(Err(format!("{what} not found yet")));
        }
        let (mut value, mut waiting) = (String::new(), Vec::new());
        for (name, object) in &found {
            let judged = match (&wait.condition, &wait.path) {
                (Some(condition), _) => {
                    let wanted = wait.equals.as_deref().unwrap_or("True");
                    has_condition(object, condition, wanted).map(|()| String::new())
                }
                (None, path) => has_value(object, path.as_deref().unwrap_or_default(), wait.equals.as_deref()),
            };
            match judged {
                Ok(found) => value = found,
                Err(how) => waiting.push(format!("{name}: {how}")),
            }
        }
        Ok(if waiting.is_empty() { Ok(value) } else { Err(few(&waiting, NAMED)) })
    }
}

/// Refuses what is not of the component's release.
pub(super) fn of_release(object: &ObjectRef, found: &Value, release: Option<&ReleaseKey>) -> Result<(), Failure> {
    let [namespace, name] = RELEASE.map(|note| found["metadata"]["annotations"][note].as_str().unwrap_or_default());
    if release.is_some_and(|release| (release.namespace.as_str(), release.name.as_str()) == (namespace, name)) {
        return Ok(());
    }
    let error = match found.is_null() {
        true => format!("{object} not found"),
        false => format!("{object} does not belong to this release, not changed"),
    };
    Err(Failure { errors: vec![error], ..Failure::default() }.for_good())
}
