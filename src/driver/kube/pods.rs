//! Pods: listed, summarised, their logs read.

use std::sync::Arc;

use kube::Resource as _;
use kube::api::{Api, ListParams, LogParams};

use super::small::{ContainerStatus, Pod};
use super::{ApiErrorKind, Cluster, KubeError, retry};
use crate::model::cluster::{ContainerState, PodState};
use crate::model::redact;

/// More of a log than this is not read, however long its lines are.
const LOG_BYTES: i64 = 256 * 1024;

impl Cluster {
    /// The pods with these labels, all without any, by name.
    ///
    /// # Errors
    /// When the API call fails.
    pub async fn pods(&self, namespace: &str, selector: &str) -> Result<Vec<PodState>, KubeError> {
        let (params, what) = match selector {
            "" => (ListParams::default(), format!("pods in {namespace}")),
            _ => (ListParams::default().labels(selector), format!("pods with {selector} in {namespace}")),
        };
        let path = Pod::url_path(&(), Some(namespace));
        let take = |found: &mut Vec<PodState>, pod: Pod| found.push(pod_state(&pod));
        let mut pods = self.collect(&path, &what, &params, take).await?;
        pods.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(pods)
    }

    /// The last lines of a container's log, tokens blanked out; nothing if the pod is gone or has not started.
    /// `container` may be omitted where there is only one.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn pod_logs_tail(
        &self,
        namespace: &str,
        pod: &str,
        container: Option<&str>,
        lines: u32,
    ) -> Result<Vec<String>, KubeError> {
        self.log_tail(namespace, pod, container, lines, false).await
    }

    /// As [`Cluster::pod_logs_tail`] of one container, or of its previous life.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn container_log(
        &self,
        namespace: &str,
        pod: &str,
        container: &str,
        lines: u32,
        previous: bool,
    ) -> Result<Vec<String>, KubeError> {
        self.log_tail(namespace, pod, Some(container), lines, previous).await
    }

    pub(super) async fn log_tail(
        &self,
        namespace: &str,
        pod: &str,
        container: Option<&str>,
        lines: u32,
        previous: bool,
    ) -> Result<Vec<String>, KubeError> {
        let api: Api<Pod> = Api::namespaced(self.client(), namespace);
        let params = LogParams {
            container: container.map(str::to_owned),
            tail_lines: Some(lines.into()),
            limit_bytes: Some(LOG_BYTES),
            previous,
            ..LogParams::default()
        };
        match retry::call("read", &format!("the log of pod {namespace}/{pod}"), || api.logs(pod, &params)).await {
            // All lines at once: a key in a log takes several.
            Ok(text) => Ok(redact(&text)
                .lines()
                .map(str::trim_end)
                .filter(|line| !line.is_empty())
                .map(str::to_owned)
                .collect()),
            // Gone, or its container waits to start.
            Err(err) if matches!(err.kind(), ApiErrorKind::NotFound | ApiErrorKind::Invalid) => Ok(Vec::new()),
            Err(err) => Err(err),
        }
    }
}

/// Whether the container runs, so that the log of its last exit is the previous one.
pub(super) fn is_running(pods: &[Arc<Pod>], namespace: &str, pod: &str, container: &str) -> bool {
    let found = pods
        .iter()
        .find(|it| it.metadata.name.as_deref() == Some(pod) && it.metadata.namespace.as_deref() == Some(namespace));
    let status = found.and_then(|pod| pod.status.as_ref());
    let mut statuses =
        status.into_iter().flat_map(|s| s.init_container_statuses.iter().chain(&s.container_statuses).flatten());
    statuses.any(|it| {
        // While it waits in between, the log of the last start is still the current one.
        it.name == container && it.state.as_ref().is_some_and(|state| state.running.is_some())
    })
}

pub(super) fn pod_state(pod: &Pod) -> PodState {
    let status = pod.status.clone().unwrap_or_default();
    let conditions = status.conditions.unwrap_or_default();
    let statuses = status.init_container_statuses.iter().chain(&status.container_statuses).flatten();
    PodState {
        namespace: pod.metadata.namespace.clone().unwrap_or_default(),
        name: pod.metadata.name.clone().unwrap_or_default(),
        labels: pod.metadata.labels.clone().unwrap_or_default(),
        controller: pod
            .metadata
            .owner_references
            .iter()
            .flatten()
            .find(|owner| owner.controller == Some(true))
            .map(|owner| (owner.kind.clone(), owner.name.clone())),
        phase: status.phase.clone().unwrap_or_else(|| "Unknown".to_owned()),
        ready: conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True"),
        terminating: pod.metadata.deletion_timestamp.is_some(),
        node: pod.spec.as_ref().and_then(|spec| spec.node_name.clone()),
        ip: status.pod_ip.clone(),
        containers: statuses.map(|it| container_state(it, requested_image(pod, &it.name))).collect(),
    }
}

/// The image that a pod requests. Its status may have another name of the same image, known to the node before.
pub(super) fn requested_image<'a>(pod: &'a Pod, container: &str) -> Option<&'a str> {
    let spec = pod.spec.as_ref()?;
    let mut all = spec.init_containers.iter().flatten().chain(&spec.containers);
    all.find(|it| it.name == container)?.image.as_deref()
}

fn container_state(it: &ContainerStatus, requested: Option<&str>) -> ContainerState {
    let state = it.state.clone().unwrap_or_default();
    let last = it.last_state.clone().unwrap_or_default();
    let ended = state.terminated.or(last.terminated);
    ContainerState {
        name: it.name.clone(),
        image: requested.map_or_else(|| it.image.clone(), str::to_owned),
        image_id: it.image_id.clone(),
        ready: it.ready,
        restarts: u32::try_from(it.restart_count).unwrap_or(0),
        exit_code: ended.as_ref().map(|ended| ended.exit_code),
        message: state.waiting.as_ref().and_then(|waiting| waiting.message.clone()),
        reason: state.waiting.and_then(|waiting| waiting.reason).or(ended.and_then(|ended| ended.reason)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_driver_shows_its_code() {
        let pod: Pod = serde_json::from_value(serde_json::json!({
            "metadata": {"name": "driver", "namespace": "n", "labels": {"spark-role": "driver"}},
            "spec": {"nodeName": "node", "containers": []},
            "status": {"phase": "Failed", "podIP": "10.0.0.9", "containerStatuses": [{
                "name": "spark-kubernetes-driver", "image": "i", "imageID": "", "ready": false, "restartCount": 0,
                "state": {"terminated": {"exitCode": 1, "reason": "Error"}}}]}
        }))
        .unwrap();
        let state = pod_state(&pod);
        assert_eq!(state.containers[0].image, "i", "the status has it where the spec has not");
        assert!(state.ended() && !state.ready);
        assert_eq!((state.containers[0].exit_code, state.containers[0].reason.as_deref()), (Some(1), Some("Error")));
        assert_eq!((state.node.as_deref(), state.ip.as_deref()), (Some("node"), Some("10.0.0.9")));
    }
}
