//! Dispatches each step to what runs it.

use super::runner::StepRunner;
use crate::answers::render_results;
use crate::catalog::action::ActionKind;
use crate::driver::kube::with_progress;
use crate::engine::perform::{Context, Done, Failure, Perform};
use crate::plan::{Change, Step, Work};

impl Perform for StepRunner {
    async fn may_begin(&self) -> bool {
        match &self.gate {
            Some(gate) => gate().await,
            None => true,
        }
    }

    async fn perform(&self, step: &Step, context: Context) -> Result<Done, Failure> {
        let progress = context.progress.clone();
        let work = async {
            if step.change == Change::Create
                && matches!(
                    step.work,
                    Work::Secret { .. }
                        | Work::DerivedSecret { .. }
                        | Work::Files { .. }
                        | Work::Crds { .. }
                        | Work::Release { .. }
                )
            {
                // Recorded first: what a run that ends now left can be seen, and uninstalled.
                self.begin(&step.component).await?;
            }
            if step.verify {
                self.note_checked_revision(&step.component).await?;
            }
            self.dispatch(step, context).await
        };
        with_progress(progress, work).await
    }
}

impl StepRunner {
    async fn dispatch(&self, step: &Step, context: Context) -> Result<Done, Failure> {
        match &step.work {
            Work::Namespace { name, pod_security } => self.namespace(name, pod_security).await,
            Work::PullSecret { namespace, name, from } => self.pull_secret(namespace, name, from).await,
            Work::Secret { namespace, name, keys, from, made, kind } => {
                self.secret((namespace, name), keys, (from, made), kind).await
            }
            Work::DerivedSecret { namespace, name, kind, .. } => self.derived_secret(namespace, name, kind).await,
            Work::StageSecret { namespace, name, keys, made } => self.stage_secret(namespace, name, keys, made).await,
            Work::SwitchSecret { namespace, name, next, kind } => self.switch_secret(namespace, name, next, kind).await,
            Work::Files { namespace, name, digest, release } => self.put_files(namespace, name, digest, release).await,
            Work::Crds { chart, names } => self.put_crds(chart, names, &context).await,
            Work::RemoveObjects { objects } => self.remove_objects(objects, &context).await,
            Work::RemoveCrd { name } => self.remove_crd(name, &context).await,
            Work::Release { key, chart, values } => {
                let values = self.with_versions(values).await?;
                self.release(key, chart, &values, &context).await
            }
            Work::Rollback { key, revision } => self.rollback(key, *revision, &context).await,
            Work::Ready { key } => self.ready(key, &context).await,
            Work::Act { namespace, action: kind } => self.act(step, namespace.as_deref(), kind, &context).await,
            Work::Record { record, answers } => self.record(&step.component, record, answers).await,
            Work::Uninstall { key, keep } => self.uninstall(key, keep, &context).await,
            Work::RemoveByLabel { namespace, kind, selector } => self.remove_by_label(namespace, kind, selector).await,
            Work::RemoveSecret { namespace, name } => self.remove_secret(namespace, name).await,
            Work::RemoveFiles { namespace, name } => self.remove_files(namespace, name).await,
            Work::PurgeClaim { namespace, name } => self.purge_claim(namespace, name).await,
            Work::RemoveNamespace { name, releases, others } => {
                self.remove_namespace(name, releases, others, &context).await
            }
            Work::Push { record, .. } => self.push_images(record, &context).await,
            Work::PullTest { namespace, pool } => self.pull_test(step, namespace, pool, &context).await,
            Work::Images { releases, record } => self.running_images(releases, record).await,
            Work::Forget { kept } => self.forget(&step.component, kept.as_ref()).await,
        }
    }

    async fn act(
        &self,
        step: &Step,
        namespace: Option<&str>,
        kind: &ActionKind,
        context: &Context,
    ) -> Result<Done, Failure> {
        let fill = |text: &str| render_results(&step.id, text, &*context.results);
        let kind = kind.map(fill).map_err(|error| Failure::of(&error).for_good())?;
        let kind = self.action_with_versions(kind).await?;
        match &kind {
            ActionKind::Http(kind) => self.http(step, namespace.unwrap_or_default(), kind, context).await,
            ActionKind::Livy(kind) => self.livy(step, namespace.unwrap_or_default(), kind, context).await,
            ActionKind::Job(kind) => self.job(step, namespace.unwrap_or_default(), kind, context).await,
            ActionKind::K8s(kind) => self.k8s(step, namespace.unwrap_or_default(), kind, context).await,
            ActionKind::Hdfs(kind) => self.hdfs(&step.component, kind, context).await,
        }
    }
}
