//! The Jobs and pods of a chart's hooks, watched while Helm waits for them: Helm itself reports nothing before its
//! timeout.

use std::time::Duration;

use futures::future::pending;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::batch::v1::Job;
use kube::Resource;
use tokio::time::sleep;

use super::judge::{Judge, Verdict};
use super::memory::Memory;
use super::snapshot::{Expected, Snapshot, expected, find};
use super::stores::Stores;
use super::watch::WaitContext;
use super::{NotReady, WaitError};
use crate::driver::kube::Cluster;
use crate::driver::kube::small::Pod;
use crate::model::ProgressSink;
use crate::model::cluster::{ReadyPolicy, ReleaseKey};

/// How long to pause between polls for Helm's pending record.
const PAUSE: Duration = Duration::from_secs(1);

/// Helm's own deadline ends it long before.
const FOREVER: Duration = Duration::from_secs(24 * 3600);

impl Cluster {
    /// Watches the hooks that Helm's operation on a release, started just now, waits for. Returns only once one of them
    /// cannot succeed any more; to be dropped when Helm has ended. What may not be watched is left to Helm.
    pub async fn hook_failure(&self, key: &ReleaseKey, policy: &ReadyPolicy, progress: &ProgressSink) -> NotReady {
        // The API gives times to the second.
        let started = self.api_time().await;
        let since = started - SignedDuration::from_secs(1);
        let hooks = loop {
            if let Ok(Some(hooks)) = self.hooks(key).await {
                break hooks;
            }
            sleep(PAUSE).await;
        };
        let mut expected = expected(&hooks);
        expected.retain(|it| matches!(it.object.kind.as_str(), "Job" | "Pod"));
        if expected.is_empty() {
            return pending().await;
        }
        let stores = Stores::new(&self.client(), &expected);
        let context = WaitContext { classes: None, on_nodes: false, started, once: false };
        let decide = |snapshot: &Snapshot, memory: &mut Memory, now| {
            judge_hooks(&expected, &created_since(snapshot, since), memory, policy, now)
        };
        match self.wait(stores, context, policy, FOREVER, progress, decide).await {
            Err(WaitError::NotReady(not_ready)) if !not_ready.timed_out => not_ready,
            _ => pending().await,
        }
    }
}

/// The Jobs and pods that were created since: those of earlier revisions may still exist.
pub(super) fn created_since(snapshot: &Snapshot, since: Timestamp) -> Snapshot {
    fn is_new<K: Resource>(object: &K, since: Timestamp) -> bool {
        object.meta().creation_timestamp.as_ref().is_none_or(|created| created.0 >= since)
    }
    let mut snapshot = snapshot.clone();
    snapshot.jobs.retain(|job| is_new::<Job>(job, since));
    snapshot.pods.retain(|pod| is_new::<Pod>(pod, since));
    snapshot
}

/// As the judge decides, but a missing hook is no finding: Helm creates one after the other, and deletes them.
pub(super) fn judge_hooks(
    expected: &[Expected],
    snapshot: &Snapshot,
    memory: &mut Memory,
    policy: &ReadyPolicy,
    now: Duration,
) -> Verdict {
    let mut judge = Judge::begin(snapshot, memory, policy, now);
    let mut findings = Vec::new();
    for it in expected {
        let (namespace, name) = (it.object.namespace.as_deref().unwrap_or_default(), it.object.name.as_str());
        let exists = match it.object.kind.as_str() {
            "Job" => find(&snapshot.jobs, namespace, name).is_some(),
            _ => find(&snapshot.pods, namespace, name).is_some(),
        };
        if exists {
            findings.extend(judge.workload(it));
        }
    }
    match Verdict::of(findings) {
        // The next hook may not exist yet.
        Verdict::Ready => Verdict::Waiting(Vec::new()),
        verdict => verdict,
    }
}
