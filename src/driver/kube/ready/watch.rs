//! Feeds the judge from watches until it decides or time is up.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::StreamExt as _;
use jiff::Timestamp;
use k8s_openapi::api::storage::v1::StorageClass;
use kube::api::{Api, ListParams};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout, timeout_at};

use super::judge::{Judge, Verdict, about, judge};
use super::memory::Memory;
use super::snapshot::{Expected, Snapshot, expected};
use super::stores::{Stores, WatchEvent};
use super::{NotReady, WaitError};
use crate::driver::kube::{ApiError, ApiErrorKind, Cluster, KubeError, pods, retry};
use crate::model::cluster::{Finding, ManifestObject, ObjectRef, PodState, ReadyPolicy};
use crate::model::{Progress, ProgressSink, silent};

/// Changes come in bursts; they are judged together.
const SETTLE: Duration = Duration::from_millis(50);

/// A cluster where something always changes must not put off the judgement for ever.
const BURST: Duration = Duration::from_millis(500);

/// Some states become fatal by lasting, without a change.
const TICK: Duration = Duration::from_secs(1);

/// More reasons than this are only counted in progress.
const SHOWN: usize = 4;

/// Fetching the logs of what crashed must not hold up the answer.
const LOGS_DEADLINE: Duration = Duration::from_secs(10);

/// How often the nodes that are down are read.
const NODES_PAUSE: Duration = Duration::from_secs(10);

/// How long that read may take.
const NODES_DEADLINE: Duration = Duration::from_secs(5);

/// How long the API may take to give its time.
const CLOCK_DEADLINE: Duration = Duration::from_secs(2);

/// At most so many logs are fetched: more containers than this crash for the same reason.
const LOGS_OF: usize = 6;

impl Cluster {
    /// Waits until all that a release rendered is ready: Deployments, StatefulSets, DaemonSets, Jobs, claims and bare
    /// pods, by watches, and then custom resources, by their conditions. Progress says what is being waited for.
    /// Dropping the future ends it.
    ///
    /// # Errors
    /// As soon as something cannot become ready any more, or after `deadline`, with everything that is not ready and
    /// why; when the API refuses to be watched.
    pub async fn wait_ready(
        &self,
        objects: &[ManifestObject],
        policy: &ReadyPolicy,
        deadline: Duration,
        progress: &ProgressSink,
    ) -> Result<(), WaitError> {
        self.ready(objects, policy, deadline, progress, false).await
    }

    /// Whether all that a release rendered is ready now: as [`Cluster::wait_ready`], but without waiting once all has
    /// been listed. `deadline` is for the lists.
    ///
    /// # Errors
    /// Something is not ready, with why; when the API refuses to be watched.
    pub async fn check_ready(
        &self,
        objects: &[ManifestObject],
        policy: &ReadyPolicy,
        deadline: Duration,
    ) -> Result<(), WaitError> {
        self.ready(objects, policy, deadline, &silent(), true).await
    }

    async fn ready(
        &self,
        objects: &[ManifestObject],
        policy: &ReadyPolicy,
        deadline: Duration,
        progress: &ProgressSink,
        once: bool,
    ) -> Result<(), WaitError> {
        let end = Instant::now() + deadline;
        let expected = expected(objects);
        if !expected.is_empty() {
            self.workloads_ready(&expected, policy, deadline, progress, once).await?;
        }
        self.custom_ready(objects, end.saturating_duration_since(Instant::now()), progress, once).await
    }

    async fn workloads_ready(
        &self,
        expected: &[Expected],
        policy: &ReadyPolicy,
        deadline: Duration,
        progress: &ProgressSink,
        once: bool,
    ) -> Result<(), WaitError> {
        let stores = Stores::new(&self.client(), expected);
        let (classes, started) = tokio::join!(self.delayed_classes(), self.api_time());
        let decide = |snapshot: &Snapshot, memory: &mut Memory, now| judge(expected, snapshot, memory, policy, now);
        let on_nodes = expected.iter().any(|it| it.object.kind == "DaemonSet");
        let context = WaitContext { classes, on_nodes, started, once };
        self.wait(stores, context, policy, deadline, progress, decide).await.map(drop)
    }

    /// Waits until at least one pod has these labels and all that do have ended, well or not. Fails as
    /// [`Cluster::wait_ready`] does when one cannot even start. For Spark drivers.
    ///
    /// # Errors
    /// As for [`Cluster::wait_ready`].
    pub async fn wait_pods_ended(
        &self,
        namespace: &str,
        selector: &str,
        policy: &ReadyPolicy,
        deadline: Duration,
        progress: &ProgressSink,
    ) -> Result<Vec<PodState>, WaitError> {
        let stores = Stores::of_pods(&self.client(), namespace, selector);
        let (classes, started) = tokio::join!(self.delayed_classes(), self.api_time());
        let decide =
            |snapshot: &Snapshot, memory: &mut Memory, now| ended(namespace, selector, snapshot, memory, policy, now);
        let context = WaitContext { classes, on_nodes: false, started, once: false };
        let last = self.wait(stores, context, policy, deadline, progress, decide).await?;
        Ok(last.pods.iter().map(|pod| pods::pod_state(pod)).collect())
    }

    pub(super) async fn wait(
        &self,
        mut stores: Stores,
        context: WaitContext,
        policy: &ReadyPolicy,
        deadline: Duration,
        progress: &ProgressSink,
        decide: impl Fn(&Snapshot, &mut Memory, Duration) -> Verdict,
    ) -> Result<Snapshot, WaitError> {
        let start = Instant::now();
        let end = start + deadline;
        let mut memory = Memory::new(context.started);
        let mut nodes = DownNodes::default();
        let mut reporter = WaitReporter { progress, last: String::new() };
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut findings = Vec::new();
        let mut trouble: Option<ApiError> = None;
        loop {
            let timed_out = tokio::select! {
                Some(notice) = stores.notices.next() => {
                    let was_complete = stores.complete();
                    note(&mut stores, notice.watch, notice.event, &mut trouble, progress)?;
                    // More notices at once belong to the same snapshot; the first snapshot needs all lists.
                    let burst = end.min(Instant::now() + BURST);
                    while (was_complete || !stores.complete()) && Instant::now() < burst
                        && let Ok(Some(notice)) = timeout_at(Instant::now() + SETTLE, stores.notices.next()).await
                    {
                        note(&mut stores, notice.watch, notice.event, &mut trouble, progress)?;
                    }
                    false
                }
                _ = tick.tick() => false,
                () = sleep_until(end) => true,
            };
            if stores.complete() {
                let mut snapshot = stores.snapshot(context.classes.clone());
                snapshot.down_nodes.clone_from(&nodes.found);
                let mut verdict = decide(&snapshot, &mut memory, start.elapsed());
                if verdict != Verdict::Ready && context.on_nodes && nodes.refresh(self).await {
                    snapshot.down_nodes.clone_from(&nodes.found);
                    verdict = decide(&snapshot, &mut memory, start.elapsed());
                }
                let failed = match verdict {
                    Verdict::Ready => {
                        for (object, nodes) in &memory.uncounted {
                            progress(Progress::Note(format!("{object}: ignoring its pods on {nodes}")));
                        }
                        return Ok(snapshot);
                    }
                    Verdict::Waiting(now) => {
                        findings = now;
                        false
                    }
                    Verdict::Failed(now) => {
                        findings = now;
                        true
                    }
                };
                let timed_out = timed_out || context.once;
                if failed || timed_out {
                    self.add_logs(&snapshot, &mut findings, policy).await;
                    let (waited, timed_out) = (start.elapsed(), !failed);
                    return Err(WaitError::NotReady(NotReady { findings, waited, timed_out, watch_error: trouble }));
                }
            } else if timed_out {
                let waited = start.elapsed();
                return Err(WaitError::NotReady(NotReady { findings, waited, timed_out, watch_error: trouble }));
            }
            reporter.report(&findings, trouble.as_ref());
        }
    }

    /// The API server's time; ours where it is unknown.
    pub(super) async fn api_time(&self) -> Timestamp {
        let ahead = timeout(CLOCK_DEADLINE, self.clock_ahead()).await;
        Timestamp::now() + ahead.ok().and_then(Result::ok).unwrap_or_default()
    }

    /// Which storage classes wait for a pod; `None` if they cannot be read.
    async fn delayed_classes(&self) -> Option<BTreeSet<String>> {
        let api: Api<StorageClass> = Api::all(self.client());
        let all = ListParams::default();
        let list = retry::call("list", "storage classes", || api.list(&all)).await.ok()?;
        let delayed =
            list.items.into_iter().filter(|it| it.volume_binding_mode.as_deref() == Some("WaitForFirstConsumer"));
        Some(delayed.filter_map(|class| class.metadata.name).collect())
    }

    /// Adds the last log lines of every container that exited.
    async fn add_logs(&self, snapshot: &Snapshot, findings: &mut [Finding], policy: &ReadyPolicy) {
        let end = Instant::now() + LOGS_DEADLINE;
        let crashed = findings.iter_mut().filter(|finding| finding.message.contains("exited ")).take(LOGS_OF);
        for finding in crashed {
            let (Some(pod), Some(container)) = (&finding.pod, &finding.container) else { continue };
            let namespace = finding.object.namespace.as_deref().unwrap_or_default();
            let running = pods::is_running(&snapshot.pods, namespace, pod, container);
            // It may have been restarted since the snapshot; then the log is the previous one.
            for previous in [running, true] {
                let log = self.log_tail(namespace, pod, Some(container), policy.log_lines, previous);
                if let Ok(Ok(log)) = timeout_at(end, log).await
                    && !log.is_empty()
                {
                    finding.log = log;
                    break;
                }
            }
        }
    }
}

/// Further inputs of a wait.
pub(super) struct WaitContext {
    /// The storage classes that provision only when a pod needs the volume; `None` if they cannot be read.
    pub(super) classes: Option<BTreeSet<String>>,
    /// Whether nodes that are down matter.
    pub(super) on_nodes: bool,
    /// When it began, by the API server's clock.
    pub(super) started: Timestamp,
    /// Whether the first complete snapshot decides.
    pub(super) once: bool,
}

/// The nodes that are down, read now and then while something is not ready.
#[derive(Default)]
struct DownNodes {
    found: BTreeMap<String, String>,
    read_at: Option<Instant>,
}

impl DownNodes {
    /// Reads the nodes again if it is time to; whether that changed anything. None are down where they may not be read.
    async fn refresh(&mut self, cluster: &Cluster) -> bool {
        if self.read_at.is_some_and(|at| at.elapsed() < NODES_PAUSE) {
            return false;
        }
        let found = timeout(NODES_DEADLINE, cluster.down_nodes()).await.ok().and_then(Result::ok);
        self.read_at = Some(Instant::now());
        let found = found.unwrap_or_default();
        let changed = found != self.found;
        self.found = found;
        changed
    }
}

/// Handles the event of a watch. An essential watch that is forbidden is an error at once.
fn note(
    stores: &mut Stores,
    watch: usize,
    event: WatchEvent,
    trouble: &mut Option<ApiError>,
    progress: &ProgressSink,
) -> Result<(), WaitError> {
    let Some(watch) = stores.watches.get_mut(watch) else { return Ok(()) };
    match event {
        WatchEvent::Changed => *trouble = None,
        WatchEvent::Complete => {
            *trouble = None;
            watch.complete = true;
        }
        WatchEvent::Failed(err) => match err.kind {
            ApiErrorKind::Forbidden if !watch.essential => {
                if !watch.complete {
                    progress(Progress::Note(format!("reasons may be missing: cannot watch {}: {err}", watch.what)));
                }
                watch.complete = true;
            }
            ApiErrorKind::Forbidden | ApiErrorKind::Unauthorized | ApiErrorKind::Login | ApiErrorKind::Tls => {
                return Err(WaitError::Watch(KubeError { verb: "watch", what: watch.what.clone(), source: err }));
            }
            // The version to continue from has expired; the watch lists again by itself.
            ApiErrorKind::Gone | ApiErrorKind::NotFound => {}
            _ => *trouble = Some(err),
        },
    }
    Ok(())
}

/// Reports what is waited for, when that changes.
struct WaitReporter<'a> {
    progress: &'a ProgressSink,
    last: String,
}

impl WaitReporter<'_> {
    fn report(&mut self, findings: &[Finding], trouble: Option<&ApiError>) {
        let mut lines: Vec<String> = findings.iter().take(SHOWN).map(ToString::to_string).collect();
        if findings.len() > SHOWN {
            lines.push(format!("and {} more", findings.len() - SHOWN));
        }
        if let Some(err) = trouble {
            lines.insert(0, format!("the API server does not answer: {err}"));
        }
        let text = lines.join("; ");
        if !text.is_empty() && text != self.last {
            (self.progress)(Progress::Waiting(text.clone()));
            self.last = text;
        }
    }
}

/// As the judge decides, for pods that run to completion.
pub(super) fn ended(
    namespace: &str,
    selector: &str,
    snapshot: &Snapshot,
    memory: &mut Memory,
    policy: &ReadyPolicy,
    now: Duration,
) -> Verdict {
    let mut judge = Judge::begin(snapshot, memory, policy, now);
    let mut findings = Vec::new();
    for pod in &snapshot.pods {
        let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default();
        if phase == "Succeeded" || phase == "Failed" {
            continue;
        }
        let name = pod.metadata.name.as_deref().unwrap_or_default();
        let object = ObjectRef::namespaced("v1", "Pod", namespace, name);
        // A pod that runs once is not restarted, so that its exits are no crash loop.
        let mut of_pod = judge.pod(&object, pod, false);
        // A container that ended well, while the pod's phase does not say so yet.
        of_pod.retain(|finding| finding.reason != "Completed");
        if of_pod.is_empty() {
            let mut finding = about(&object, "Running", "not finished yet");
            finding.pod = Some(name.to_owned());
            of_pod.push(finding);
        }
        findings.extend(of_pod);
    }
    if snapshot.pods.is_empty() {
        let none = ObjectRef::namespaced("v1", "Pod", namespace, selector);
        findings.push(about(&none, "Missing", "no pod with these labels yet"));
    }
    Verdict::of(findings)
}
