//! Dispatches each step to what runs it.

use super::runner::StepRunner;
use crate::answers::render_results;
use crate::catalog::action::ActionKind;
use crate::driver::kube::with_progress;
use crate::engine::perform::{Context, Done, Failure, Perform};
use crate::plan::{Action, Change, Step};

impl Perform for StepRunner {
    async fn may_begin(&self) -> bool {
        match &self.gate {
            Some(gate) => gate().await,
            None => true,
        }
    }

    async fn perform(&self, action: &Action, context: Context) -> Result<Done, Failure> {
        let progress = context.progress.clone();
        let work = async {
            if action.change == Change::Create
                && matches!(
                    action.step,
                    Step::Secret { .. }
                        | Step::DerivedSecret { .. }
                        | Step::Files { .. }
                        | Step::Crds { .. }
                        | Step::Release { .. }
                )
            {
                // Recorded first: what a run that ends now left can be seen, and uninstalled.
                self.begin(&action.component).await?;
            }
            if action.verify {
                self.note_checked_revision(&action.component).await?;
            }
            self.step(action, context).await
        };
        with_progress(progress, work).await
    }
}

impl StepRunner {
    async fn step(&self, action: &Action, context: Context) -> Result<Done, Failure> {
        match &action.step {
            Step::Namespace { name, pod_security } => self.namespace(name, pod_security).await,
            Step::PullSecret { namespace, name, from } => self.pull_secret(namespace, name, from).await,
            Step::Secret { namespace, name, keys, from, made, kind } => {
                self.secret((namespace, name), keys, (from, made), kind).await
            }
            Step::DerivedSecret { namespace, name, kind, .. } => self.derived_secret(namespace, name, kind).await,
            Step::StageSecret { namespace, name, keys, made } => self.stage_secret(namespace, name, keys, made).await,
            Step::SwitchSecret { namespace, name, next, kind } => self.switch_secret(namespace, name, next, kind).await,
            Step::Files { namespace, name, digest, release } => self.put_files(namespace, name, digest, release).await,
            Step::Crds { chart, names } => self.put_crds(chart, names, &context).await,
            Step::RemoveObjects { objects } => self.remove_objects(objects, &context).await,
            Step::RemoveCrd { name } => self.remove_crd(name, &context).await,
            Step::Release { key, chart, values } => {
                let values = self.with_versions(values).await?;
                self.release(key, chart, &values, &context).await
            }
            Step::Rollback { key, revision } => self.rollback(key, *revision, &context).await,
            Step::Ready { key } => self.ready(key, &context).await,
            Step::Act { namespace, action: kind } => self.act(action, namespace.as_deref(), kind, &context).await,
            Step::Record { record, answers } => self.record(&action.component, record, answers).await,
            Step::Uninstall { key, keep } => self.uninstall(key, keep, &context).await,
            Step::RemoveByLabel { namespace, kind, selector } => self.remove_by_label(namespace, kind, selector).await,
            Step::RemoveSecret { namespace, name } => self.remove_secret(namespace, name).await,
            Step::RemoveFiles { namespace, name } => self.remove_files(namespace, name).await,
            Step::PurgeClaim { namespace, name } => self.purge_claim(namespace, name).await,
            Step::RemoveNamespace { name, releases, others } => {
                self.remove_namespace(name, releases, others, &context).await
            }
            Step::Push { record, .. } => self.push_images(record, &context).await,
            Step::PullTest { namespace, pool } => self.pull_test(action, namespace, pool, &context).await,
            Step::Images { releases, record } => self.running_images(releases, record).await,
            Step::Forget { kept } => self.forget(&action.component, kept.as_ref()).await,
        }
    }

    async fn act(
        &self,
        action: &Action,
        namespace: Option<&str>,
        kind: &ActionKind,
        context: &Context,
    ) -> Result<Done, Failure> {
        let fill = |text: &str| render_results(&action.id, text, &*context.results);
        let kind = kind.map(fill).map_err(|error| Failure::of(&error).for_good())?;
        let kind = self.action_with_versions(kind).await?;
        match &kind {
            ActionKind::Http(kind) => self.http(action, namespace.unwrap_or_default(), kind, context).await,
            ActionKind::Livy(kind) => self.livy(action, namespace.unwrap_or_default(), kind, context).await,
            ActionKind::Job(kind) => self.job(action, namespace.unwrap_or_default(), kind, context).await,
            ActionKind::K8s(kind) => self.k8s(action, namespace.unwrap_or_default(), kind, context).await,
            ActionKind::Hdfs(kind) => self.hdfs(&action.component, kind, context).await,
        }
    }
}
