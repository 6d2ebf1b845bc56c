//! What steps are run with.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use tokio::sync::Mutex;

use crate::answers::Derived;
use crate::driver::bundle::Bundle;
use crate::driver::helm::Helm;
use crate::driver::http::Service;
use crate::driver::kube::{Cluster, Tunnels};
use crate::driver::registry::Registry;
use crate::driver::registry::push::{ImageRequest, TagConflict, Target};
use crate::driver::webhdfs::Hdfs;
use crate::engine::perform::{Context, Failure};
use crate::model::cluster::{ReadyPolicy, ReleaseKey};
use crate::model::lock::{Lock, LockStatus};
use crate::model::state::{ComponentRecord, Uploads};
use crate::model::{FileTree, Progress};

/// Runs steps.
pub struct StepRunner {
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
    pub took_over: Option<(Lock, LockStatus)>,
    /// Releases for which this run has started a Helm.
    pub helm_started: std::sync::Mutex<BTreeSet<ReleaseKey>>,
    /// What is recorded of each component once it is installed.
    pub records: BTreeMap<String, ComponentRecord>,
    /// The run's id; part of release descriptions and of the labels of checks.
    pub run: String,
    /// What finished uploads put where, for the record: component to folder to file to checksum.
    pub uploads: Mutex<BTreeMap<String, Uploads>>,
    /// What the checks of this run are about.
    pub checked: Mutex<CheckedRevisions>,
}

/// Says whether a step may begin, once that is known.
pub type Gate = Arc<dyn Fn() -> BoxFuture<'static, bool> + Send + Sync>;

impl Context {
    /// The time that is left.
    pub(super) fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Polls until there is a result, and reports what is waited for each time that this changes.
    ///
    /// # Errors
    /// The error of `poll`; or, when the time is over, what was `wanted` and what was waited for last.
    pub(super) async fn until<T, F>(
        &self,
        wanted: &str,
        pause: Duration,
        mut poll: impl FnMut() -> F,
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<Result<T, String>, Failure>>,
    {
        let mut last = String::new();
        loop {
            let waiting = match poll().await? {
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

/// What is pushed, and where.
#[derive(Clone)]
pub struct PushWork {
    /// The offline bundle.
    pub bundle: Arc<Bundle>,
    /// The registry's client.
    pub registry: Registry,
    /// Where in it.
    pub target: Target,
    /// The images and what they are called there.
    pub requests: Vec<ImageRequest>,
    /// What is done where a tag names another digest.
    pub conflict: TagConflict,
    /// The folder of journals of pushes.
    pub journals: PathBuf,
    /// Where the receipt is written to, if anywhere.
    pub receipt: Option<PathBuf>,
    /// Whether signatures that lie beside images are skipped, which the receipt says.
    pub without_signatures: bool,
}

/// What the checks of this run are about, fixed when the first of a component's checks starts: another run may install
/// something else beside them.
pub type CheckedRevisions = BTreeMap<String, CheckedRevision>;

/// What a component's checks are about.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckedRevision {
    /// What is installed.
    pub(super) record: ComponentRecord,
    /// Its release's revision.
    pub(super) revision: Option<u32>,
}

impl StepRunner {
    /// A service by `name:port` in a namespace.
    pub(super) fn service(&self, namespace: Option<&str>, service: &str) -> Result<Service, Failure> {
        let bad = || Failure {
            errors: vec![format!("`{service}` is not NAME:PORT of a Service in the component's namespace")],
            ..Failure::default()
        };
        let (Some(namespace), Some((name, port))) = (namespace, service.split_once(':')) else { return Err(bad()) };
        let socket = self.tunnels.service_socket(namespace, name, port).map_err(|error| Failure::of(&error))?;
        Service::new(service, &socket, None).map_err(|error| Failure::of(&error))
    }
}
