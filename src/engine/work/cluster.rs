//! Namespaces, Secrets, releases and readiness, and how they are removed.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::runner::StepRunner;
use crate::driver::charts::write_chart;
use crate::driver::helm::{Helm, HelmError, Upgrade};
use crate::driver::kube::{NotReady, WaitError};
use crate::driver::state_store;
use crate::engine::perform::{Context, Done, Failure};
use crate::model::cluster::{ManifestObject, ObjectRef, ReleaseKey, ReleaseState, ReleaseStatus};
use crate::model::{CHART_DIGEST, FILES_LABEL, Progress, few, mark, yaml};
use crate::plan::same_release;

/// Helm stops a little before the engine gives up, so that it can record its failure.
pub(super) const HELM_MARGIN: Duration = Duration::from_secs(10);

/// How long a Helm of ours may run at most.
pub(super) const HELM_TIMEOUT: Duration = Duration::from_secs(300);

pub(super) fn failed(error: impl std::error::Error + 'static) -> Failure {
    Failure::of(&error)
}

/// Retried only where the API failed, and not the release.
fn helm_failed(error: HelmError) -> Failure {
    let transient = error.kind().is_transient();
    let failure = failed(error);
    if transient { failure } else { failure.for_good() }
}

fn unready(what: String, not_ready: NotReady) -> Failure {
    let log = not_ready.findings.iter().flat_map(|finding| finding.log.clone()).collect();
    Failure { errors: vec![what], findings: not_ready.findings, log, may_pass: false }
}

pub(super) fn internal(text: &str) -> Failure {
    Failure { errors: vec![text.to_owned()], ..Failure::default() }
}

/// How many of many pods are named.
const NAMED: usize = 4;

impl StepRunner {
    pub(super) async fn namespace(&self, name: &str, pod_security: &str) -> Result<Done, Failure> {
        let mut labels = mark();
        for mode in ["enforce", "warn", "audit"] {
            labels.insert(format!("pod-security.kubernetes.io/{mode}"), pod_security.to_owned());
        }
        let state = self.cluster.ensure_namespace(name, &labels).await.map_err(failed)?;
        if state.created {
            let change = |known: &mut crate::model::state::InstallState| {
                known.namespaces.insert(name.to_owned(), state.uid.clone());
            };
            state_store::update(&self.cluster, change).await.map_err(failed)?;
            return Ok(Done { summary: Some(format!("pod security {pod_security}")), ..Done::default() });
        }
        let known = state_store::load(&self.cluster).await.map_err(failed)?.unwrap_or_default();
        let ours = known.namespaces.get(name).is_some_and(|uid| !uid.is_empty() && *uid == state.uid);
        if ours && labels.iter().any(|(label, value)| state.labels.get(label) != Some(value)) {
            self.cluster.label_namespace(name, &labels).await.map_err(failed)?;
            return Ok(Done { summary: Some(format!("pod security {pod_security}")), ..Done::default() });
        }
        Ok(Done { summary: Some("already exists".to_owned()), ..Done::default() })
    }

    pub(super) async fn put_files(
        &self,
        namespace: &str,
        name: &str,
        digest: &str,
        release: &str,
    ) -> Result<Done, Failure> {
        let files = self.files.get(digest).ok_or_else(|| Failure {
            errors: vec![format!("files {digest} of ConfigMap {namespace}/{name} not found")],
            ..Failure::default()
        })?;
        let mut labels = mark();
        labels.insert(FILES_LABEL.to_owned(), release.to_owned());
        self.cluster.put_files(namespace, name, files, &labels).await.map_err(failed)?;
        Ok(Done { summary: Some(format!("{} bytes", files.bytes())), ..Done::default() })
    }

    pub(super) async fn release(
        &self,
        key: &ReleaseKey,
        chart: &str,
        values: &Value,
        context: &Context,
    ) -> Result<Done, Failure> {
        let helm = self.helm()?;
        let (before, was_pending) = self.finished_release(key, context).await?;
        // A Helm that outlived its windlass has finished what was to be done.
        if let Some(done) = before.filter(|before| was_pending && same_release(chart, values, before)) {
            let summary = format!("revision {}, from the previous run", done.revision);
            return Ok(Done { summary: Some(summary), ..Done::default() });
        }
        let folder = self.chart_folder(key, chart)?;
        let description = format!("windlass run={}", self.run);
        let mut upgrade = Upgrade::new(key.clone(), &folder, values.clone(), description);
        upgrade.timeout = context.left().saturating_sub(HELM_MARGIN).min(HELM_TIMEOUT);
        let progress = context.progress.clone();
        let lines = Arc::new(move |line: &str| progress(Progress::Note(format!("helm: {line}"))));
        self.note_helm_start(key);
        let stop = context.cancel.child_token();
        let (ended, trouble) =
            self.watching_hooks(key, helm.upgrade(&upgrade, Some(lines), &stop), &stop, context).await;
        // The next attempt writes the chart anew; what cannot be removed goes with the private folder.
        let _ = std::fs::remove_dir_all(&folder);
        self.fixed(key, ended, trouble, context).await?;
        let revision = self.recorded(key, context).await?;
        Ok(Done { summary: Some(format!("revision {revision}")), ..Done::default() })
    }

    /// Runs Helm and watches the release's hooks meanwhile. When one of them cannot succeed any more, Helm is stopped as
    /// by hand, and what is wrong is returned: by itself it would wait until it times out, and then not say why.
    async fn watching_hooks(
        &self,
        key: &ReleaseKey,
        helm: impl Future<Output = Result<(), HelmError>>,
        stop: &CancellationToken,
        context: &Context,
    ) -> (Result<(), HelmError>, Option<NotReady>) {
        tokio::pin!(helm);
        tokio::select! {
            ended = &mut helm => (ended, None),
            trouble = self.cluster.hook_failure(key, &self.policy, &context.progress) => {
                stop.cancel();
                (helm.await, Some(trouble))
            }
        }
    }

    /// How a Helm of ours ended. One that met trouble may have left its record pending; that is fixed at once where it
    /// can be, and else by the next attempt.
    async fn fixed(
        &self,
        key: &ReleaseKey,
        ended: Result<(), HelmError>,
        trouble: Option<NotReady>,
        context: &Context,
    ) -> Result<(), Failure> {
        if ended.is_err() {
            let _ = tokio::time::timeout(HELM_MARGIN, self.finished_release(key, context)).await;
        }
        match (ended, trouble) {
            (Err(_), Some(not_ready)) => Err(unready(format!("a hook of release {key} cannot succeed"), not_ready)),
            (ended, _) => ended.map_err(helm_failed),
        }
    }

    /// The revision that a Helm of ours has deployed. When the API refuses to record that, Helm logs it and exits 0: the
    /// record stays pending for ever. It counts as failed then, and another attempt continues from there.
    async fn recorded(&self, key: &ReleaseKey, context: &Context) -> Result<u32, Failure> {
        let (release, _) = self.finished_release(key, context).await?;
        match release {
            Some(release) if release.status == ReleaseStatus::Deployed => Ok(release.revision),
            found => {
                let status = found.map_or_else(|| "not found".to_owned(), |release| release.status.to_string());
                let text = format!("Helm succeeded, but failed to record it: release {key} is {status}");
                Err(Failure { errors: vec![text], may_pass: true, ..Failure::default() })
            }
        }
    }

    pub(super) async fn rollback(&self, key: &ReleaseKey, revision: u32, context: &Context) -> Result<Done, Failure> {
        self.finished_release(key, context).await?;
        let timeout = context.left().saturating_sub(HELM_MARGIN).min(HELM_TIMEOUT);
        self.note_helm_start(key);
        let stop = context.cancel.child_token();
        let helm = self.helm()?.rollback(key, revision, timeout, &stop);
        let (ended, trouble) = self.watching_hooks(key, helm, &stop, context).await;
        self.fixed(key, ended, trouble, context).await?;
        let now = self.recorded(key, context).await?;
        Ok(Done { summary: Some(format!("revision {now}, rolled back to {revision}")), ..Done::default() })
    }

    pub(super) async fn ready(&self, key: &ReleaseKey, context: &Context) -> Result<Done, Failure> {
        let release = self.recorded_release(key).await?;
        for unread in &release.unread {
            (context.progress)(Progress::Note(format!("not waiting for one object: {unread}")));
        }
        let objects = release.manifest;
        let left = context.left().saturating_sub(Duration::from_secs(1));
        match self.cluster.wait_ready(&objects, &self.policy, left, &context.progress).await {
            Ok(()) => Ok(Done::default()),
            Err(WaitError::NotReady(not_ready)) => {
                Err(unready(format!("release {key} did not become ready"), not_ready))
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// A release as Helm recorded it.
    async fn recorded_release(&self, key: &ReleaseKey) -> Result<ReleaseState, Failure> {
        let mut found = self.cluster.releases(std::slice::from_ref(key)).await.map_err(failed)?;
        found.remove(key).ok_or_else(|| internal(&format!("release {key} not found")))
    }

    fn helm(&self) -> Result<&Helm, Failure> {
        self.helm.as_ref().ok_or_else(|| internal("this plan requires Helm, but none was configured"))
    }

    /// Writes the chart into a folder of ours, with its digest in an annotation.
    fn chart_folder(&self, key: &ReleaseKey, digest: &str) -> Result<PathBuf, Failure> {
        let chart = self.charts.get(digest).ok_or_else(|| internal(&format!("chart {digest} not found")))?;
        let name = format!("chart-{}_{}", key.namespace, key.name);
        let root = self.cluster.private_dir().path().join(name);
        let io = |error: std::io::Error| failed(error);
        write_chart(chart, &root).map_err(io)?;
        if let Some((path, bytes)) = chart.iter().find(|(path, _)| *path == "Chart.yaml") {
            let text = annotated(bytes, digest).map_err(failed)?;
            std::fs::write(root.join(path), text).map_err(io)?;
        }
        Ok(root)
    }

    pub(super) async fn uninstall(
        &self,
        key: &ReleaseKey,
        keep: &[ObjectRef],
        context: &Context,
    ) -> Result<Done, Failure> {
        let (found, _) = self.finished_release(key, context).await?;
        if let (Some(release), false) = (&found, keep.is_empty()) {
            self.keep(release, keep).await?;
        }
        let timeout = context.left().saturating_sub(HELM_MARGIN).min(HELM_TIMEOUT);
        let progress = context.progress.clone();
        let lines = Arc::new(move |line: &str| progress(Progress::Note(format!("helm: {line}"))));
        let objects = self.recorded_release(key).await.map(|release| release.manifest).unwrap_or_default();
        self.note_helm_start(key);
        let stop = context.cancel.child_token();
        let helm = self.helm()?.uninstall(key, false, timeout, Some(lines), &stop);
        let (ended, trouble) = self.watching_hooks(key, helm, &stop, context).await;
        self.fixed(key, ended, trouble, context).await?;
        // Helm returns before the pods have ended; whoever is next may need their volumes and their names.
        self.pods_gone(key, &objects, context).await;
        Ok(Done::default())
    }

    /// Waits until the pods of a release are gone, but not past the deadline: what stays then is not ours to force.
    async fn pods_gone(&self, key: &ReleaseKey, objects: &[ManifestObject], context: &Context) {
        let selectors: Vec<String> = objects.iter().filter_map(|object| selector(&object.body)).collect();
        while context.left() > HELM_MARGIN && !context.cancel.is_cancelled() {
            let mut names = Vec::new();
            for selector in &selectors {
                let pods = self.cluster.pods(&key.namespace, selector).await.unwrap_or_default();
                names.extend(pods.into_iter().map(|pod| pod.name));
            }
            if names.is_empty() {
                return;
            }
            (context.progress)(Progress::Waiting(format!("terminating pods: {}", few(&names, NAMED))));
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
}

/// Chart.yaml with the chart's digest among its annotations.
fn annotated(bytes: &[u8], digest: &str) -> Result<String, yaml::TypeError> {
    let mut chart: Value = yaml::from_str(&String::from_utf8_lossy(bytes))?;
    if let Some(map) = chart.as_object_mut() {
        let annotations = map.entry("annotations").or_insert_with(|| serde_json::json!({}));
        if let Some(annotations) = annotations.as_object_mut() {
            annotations.insert(CHART_DIGEST.to_owned(), Value::String(digest.to_owned()));
        }
    }
    yaml::to_string(&chart)
}

/// The label selector of a workload, as the API takes it.
fn selector(object: &Value) -> Option<String> {
    let labels = object["spec"]["selector"]["matchLabels"].as_object()?;
    let pairs: Vec<String> =
        labels.iter().filter_map(|(key, value)| Some(format!("{key}={}", value.as_str()?))).collect();
    (!pairs.is_empty()).then(|| pairs.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_joins_other_annotations() {
        let text = annotated(b"name: x\nannotations: {a: b}\n", "sha256:1").unwrap();
        let chart: Value = yaml::from_str(&text).unwrap();
        assert_eq!(chart["annotations"], serde_json::json!({"a": "b", CHART_DIGEST: "sha256:1"}));
    }
}
