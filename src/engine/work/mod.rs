//! The real work: each step of a plan through its driver.

mod cluster;
mod crds;
mod grow;
mod hdfs;
mod http;
mod job;
mod k8s;
mod livy;
mod offline;
mod record;
mod remove;
mod secrets;
mod stuck;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use tokio::sync::Mutex;

use super::perform::{Context, Done, Failure, Perform};
use crate::answers::{Derived, render_results};
use crate::catalog::action::ActionKind;
use crate::driver::helm::Helm;
use crate::driver::http::Service;
use crate::driver::kube::{Cluster, Tunnels, telling};
use crate::driver::webhdfs::Hdfs;
use crate::model::cluster::{ReadyPolicy, ReleaseKey};
use crate::model::lock::{Lock, Standing};
use crate::model::state::{ComponentRecord, Uploads};
use crate::model::{FileTree, Progress};
use crate::plan::{Action, Change, Step};

pub use self::offline::PushWork;
pub use self::record::{Proven, Proving};

/// What the work is done with.
pub struct World {
    /// The cluster.
    pub cluster: Cluster,
    /// Ways into it.
    pub tunnels: Tunnels,
    /// Helm for it. A plan without releases needs none.
    pub helm: Option<Helm>,
    /// HDFS in it, if the plan knows one.
    pub hdfs: Option<Hdfs>,
    /// Charts by digest.
    pub charts: BTreeMap<String, FileTree>,
    /// Files of actions and of answers, by digest.
    pub files: BTreeMap<String, FileTree>,
    /// What Secrets are made of that are made of others, by namespace and name.
    pub derived: BTreeMap<(String, String), Derived>,
    /// The offline bundle to push, if the plan has such a step.
    pub push: Option<PushWork>,
    /// The Secret that lets namespaces pull; empty where none is needed.
    pub pull_secret: String,
    /// When waiting for readiness is given up early.
    pub policy: ReadyPolicy,
    /// The lock is held: no other windlass writes.
    pub locked: bool,
    /// Whether that still counts; a run without a lock has none.
    pub gate: Option<Gate>,
    /// The lock that was taken over: what its run left is cleared up. If its process is known to be gone, what is pending
    /// is its.
    pub took_over: Option<(Lock, Standing)>,
    /// Releases for which this run has started a Helm.
    pub begun: std::sync::Mutex<BTreeSet<ReleaseKey>>,
    /// What is to be remembered of each component once it is installed.
    pub records: BTreeMap<String, ComponentRecord>,
    /// The run's id; goes into release descriptions and labels of proofs.
    pub run: String,
    /// What finished uploads put where, for the record: component to folder to file to checksum.
    pub uploads: Mutex<BTreeMap<String, Uploads>>,
    /// What the checks of this run are about.
    pub state: Mutex<Proving>,
}

/// Says whether a step may begin, once that is known.
pub type Gate = Arc<dyn Fn() -> BoxFuture<'static, bool> + Send + Sync>;

impl Perform for World {
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
                // Before it is there: a run that ends now can be seen, and taken back.
                self.begin(&action.component).await?;
            }
            if action.verify {
                self.proof_begins(&action.component).await?;
            }
            self.step(action, context).await
        };
        telling(progress, work).await
    }
}

impl World {
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

    /// A service by `name:port` in a namespace.
    fn service(&self, namespace: Option<&str>, service: &str) -> Result<Service, Failure> {
        let bad = || Failure {
            errors: vec![format!("`{service}` is not name:port of a service in the component's namespace")],
            ..Failure::default()
        };
        let (Some(namespace), Some((name, port))) = (namespace, service.split_once(':')) else { return Err(bad()) };
        let socket = self.tunnels.service_socket(namespace, name, port).map_err(|error| Failure::of(&error))?;
        Service::new(service, &socket, None).map_err(|error| Failure::of(&error))
    }
}

impl Context {
    /// The time that is left.
    fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Looks again and again until `look` finds it, and says what is waited for each time that this changes.
    ///
    /// # Errors
    /// What `look` fails with; or, when the time is over, what was `wanted` and what it was waited for last.
    async fn until<T, F>(&self, wanted: &str, pause: Duration, mut look: impl FnMut() -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<Result<T, String>, Failure>>,
    {
        let mut last = String::new();
        loop {
            let waiting = match look().await? {
                Ok(found) => return Ok(found),
                Err(waiting) => waiting,
            };
            if self.left() <= pause {
                let text = format!("timed out waiting for {wanted}: {waiting}");
                return Err(Failure { errors: vec![text], ..Failure::default() });
            }
            if waiting != last {
                (self.progress)(Progress::Waiting(waiting.clone()));
                last = waiting;
            }
            tokio::time::sleep(pause).await;
        }
    }
}
