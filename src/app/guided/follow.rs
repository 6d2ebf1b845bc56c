//! What happens in the cluster during a run: its pods, and the logs and events of the step that is shown.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::future::join_all;
use serde_json::Value;
use tokio::sync::mpsc::UnboundedSender;

use crate::driver::kube::Cluster;
use crate::model::cluster::{PodState, ReleaseKey};
use crate::plan::{Plan, Work};
use crate::render::tui::{BackendEvent, PodRow};

/// Between two reads.
const PAUSE: Duration = Duration::from_secs(2);

/// How many lines of a container are read each time; what comes faster is not shown, but kept in the cluster.
const LINES: u32 = 40;

/// Where the pods of a plan's steps are.
pub(super) struct Places {
    namespaces: Vec<String>,
    /// Step to its component's release.
    releases: BTreeMap<String, ReleaseKey>,
}

impl Places {
    pub(super) fn new(plan: &Plan) -> Self {
        let mut namespaces = BTreeSet::new();
        let mut of_component: BTreeMap<&str, &ReleaseKey> = BTreeMap::new();
        for step in &plan.steps {
            if let Work::Release { key, .. } | Work::Ready { key } = &step.work {
                namespaces.insert(key.namespace.clone());
                of_component.insert(&step.component, key);
            }
        }
        let releases = plan
            .steps
            .iter()
            .filter_map(|step| Some((step.id.clone(), (*of_component.get(step.component.as_str())?).clone())));
        Self { releases: releases.collect(), namespaces: namespaces.into_iter().collect() }
    }
}

/// What was shown of a step already.
#[derive(Default)]
struct ShownOutput {
    /// Container to the end of its log, as it was read last.
    tails: BTreeMap<String, Vec<String>>,
    events: BTreeSet<String>,
}

/// Follows until it is aborted. `watched_step` returns the step whose logs are shown.
pub(super) async fn follow(
    cluster: Cluster,
    places: Places,
    watched_step: impl Fn() -> Option<String>,
    news: UnboundedSender<BackendEvent>,
) {
    // The screens may be closed already.
    let send = |item| drop(news.send(item));
    let mut seen: BTreeMap<String, ShownOutput> = BTreeMap::new();
    loop {
        let lists = places.namespaces.iter().map(|namespace| cluster.pods(namespace, ""));
        // What cannot be read now is read again the next time.
        let pods: Vec<PodState> = join_all(lists).await.into_iter().flatten().flatten().collect();
        if let Some(step) = watched_step()
            && let Some(key) = places.releases.get(&step)
        {
            let seen = seen.entry(step.clone()).or_default();
            let ours = pods.iter().filter(|pod| belongs(pod, key));
            let mut lines = events(&cluster, key, ours.clone(), seen).await;
            for pod in ours {
                lines.extend(logs(&cluster, pod, seen).await);
            }
            if !lines.is_empty() {
                send(BackendEvent::Lines(step, lines));
            }
        }
        send(BackendEvent::Pods(pods.into_iter().map(pod_row).collect()));
        tokio::time::sleep(PAUSE).await;
    }
}

/// A pod as the screens show it.
pub(super) fn pod_row(pod: PodState) -> PodRow {
    let reason = pod.containers.iter().find_map(|container| container.reason.clone());
    PodRow {
        ready: (pod.containers.iter().filter(|container| container.ready).count(), pod.containers.len()),
        restarts: pod.containers.iter().map(|container| container.restarts).sum(),
        reason: reason.filter(|_| !pod.ready).unwrap_or_default(),
        namespace: pod.namespace,
        name: pod.name,
        phase: pod.phase,
    }
}

fn belongs(pod: &PodState, key: &ReleaseKey) -> bool {
    pod.namespace == key.namespace && pod.labels.get("app.kubernetes.io/instance").is_some_and(|name| *name == key.name)
}

/// The lines of a pod's containers that were not shown yet.
async fn logs(cluster: &Cluster, pod: &PodState, seen: &mut ShownOutput) -> Vec<String> {
    let mut lines = Vec::new();
    for container in &pod.containers {
        let name = format!("{}/{}", pod.name, container.name);
        let tail = cluster.pod_logs_tail(&pod.namespace, &pod.name, Some(&container.name), LINES).await;
        let tail = tail.unwrap_or_default();
        let before = seen.tails.get(&name).map(Vec::as_slice).unwrap_or_default();
        // The end of a pod's name distinguishes it from the other replicas.
        let short = pod.name.rsplit('-').next().unwrap_or(&pod.name);
        lines.extend(fresh(before, &tail).iter().map(|line| format!("{}/{short}: {line}", container.name)));
        if !tail.is_empty() {
            seen.tails.insert(name, tail);
        }
    }
    lines
}

/// What is new at the end of a log, given its end before: it continues where that ended.
fn fresh<'a>(before: &[String], now: &'a [String]) -> &'a [String] {
    let from = (0..=before.len()).find(|at| now.starts_with(&before[*at..])).unwrap_or(before.len());
    &now[before.len() - from..]
}

/// Events of these pods, and of the workloads that are named like the release, that were not shown yet.
async fn events<'a>(
    cluster: &Cluster,
    key: &ReleaseKey,
    pods: impl Iterator<Item = &'a PodState>,
    seen: &mut ShownOutput,
) -> Vec<String> {
    let pods: Vec<&str> = pods.map(|pod| pod.name.as_str()).collect();
    let found = cluster.list("Event", Some(&key.namespace)).await.unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let ours = found.into_iter().filter_map(|event| {
        // The API has two groups of events, with other names for the same.
        let about = if event["regarding"].is_null() { &event["involvedObject"] } else { &event["regarding"] };
        let message = if event["note"].is_null() { &event["message"] } else { &event["note"] };
        let name = text(&about["name"]);
        let named = pods.contains(&name.as_str()) || name == key.name || name.starts_with(&format!("{}-", key.name));
        let id = format!("{}{}", text(&event["metadata"]["name"]), event["count"]);
        let line = format!("event: {} {name}: {}: {}", text(&about["kind"]), text(&event["reason"]), text(message));
        (named && seen.events.insert(id)).then_some(line)
    });
    ours.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_continues_where_it_ended() {
        let lines = |text: &str| -> Vec<String> { text.chars().map(String::from).collect() };
        for (before, now, new) in [
            ("", "ab", "ab"),
            ("ab", "abc", "c"),
            ("ab", "bc", "c"),
            ("A", "ABA", "BA"),
            ("ab", "xy", "xy"),
            ("ab", "ab", ""),
        ] {
            assert_eq!(fresh(&lines(before), &lines(now)), lines(new), "{before} {now}");
        }
    }
}
