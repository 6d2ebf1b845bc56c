//! Custom resources, which an operator manages: ready by the conditions of their status.

use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::judge::about;
use super::{NotReady, WaitError};
use crate::driver::kube::condition::{condition, has_condition, is_behind};
use crate::driver::kube::{Cluster, KubeError};
use crate::model::cluster::{Finding, ManifestObject, ObjectRef};
use crate::model::{Progress, ProgressSink};

/// The groups of Kubernetes itself. Their kinds have a readiness of their own, or are ready at once.
const OWN_GROUPS: [&str; 22] = [
    "",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "apiregistration.k8s.io",
    "apps",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "events.k8s.io",
    "extensions",
    "flowcontrol.apiserver.k8s.io",
    "internal.apiserver.k8s.io",
    "networking.k8s.io",
    "node.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "scheduling.k8s.io",
    "storage.k8s.io",
];

/// Kinds of those groups that have a condition nevertheless.
const OWN_KINDS: [&str; 2] = ["CustomResourceDefinition", "APIService"];

/// The conditions for readiness. The first that an object has decides.
const CONDITIONS: [&str; 6] = ["Ready", "Available", "Reconciled", "Healthy", "Programmed", "Established"];

/// A controller writes a status within this time of an object's creation, or writes none.
const NO_STATUS: Duration = Duration::from_secs(30);

/// How long to pause between polls: each kind would need a watch of its own.
const PAUSE: Duration = Duration::from_secs(1);

/// How many are read at the same time.
const AT_ONCE: usize = 8;

fn is_custom(object: &ObjectRef) -> bool {
    let group = object.api_version.split_once('/').map_or("", |(group, _)| group);
    !OWN_GROUPS.contains(&group) || OWN_KINDS.contains(&object.kind.as_str())
}

impl Cluster {
    /// Waits until custom resources are ready; `once` only checks. Those without a status are not
    /// waited for longer than [`NO_STATUS`] after their creation.
    pub(super) async fn custom_ready(
        &self,
        objects: &[ManifestObject],
        deadline: Duration,
        progress: &ProgressSink,
        once: bool,
    ) -> Result<(), WaitError> {
        let mut left: Vec<&ObjectRef> =
            objects.iter().map(|object| &object.object).filter(|object| is_custom(object)).collect();
        if left.is_empty() {
            return Ok(());
        }
        let start = Instant::now();
        let mut last = String::new();
        loop {
            let now = self.api_time().await;
            let requests: Vec<_> = left.into_iter().map(|object| self.check_custom(object, now)).collect();
            let found: Vec<_> =
                futures::stream::iter(requests).buffered(AT_ONCE).try_collect().await.map_err(WaitError::Watch)?;
            let findings: Vec<Finding> = found.iter().filter_map(|(_, finding)| finding.clone()).collect();
            let failed = findings.iter().any(|finding| finding.fatal);
            if findings.is_empty() {
                return Ok(());
            }
            if once || failed || start.elapsed() >= deadline {
                let (waited, timed_out) = (start.elapsed(), !failed);
                return Err(WaitError::NotReady(NotReady { findings, waited, timed_out, watch_error: None }));
            }
            let lines: Vec<String> = findings.iter().take(4).map(ToString::to_string).collect();
            let text = lines.join("; ");
            if text != last {
                progress(Progress::Waiting(text.clone()));
                last = text;
            }
            // Only what is not ready is checked again.
            left = found.into_iter().filter_map(|(object, finding)| finding.map(|_| object)).collect();
            sleep(PAUSE).await;
        }
    }

    async fn check_custom<'a>(
        &self,
        object: &'a ObjectRef,
        now: Timestamp,
    ) -> Result<(&'a ObjectRef, Option<Finding>), KubeError> {
        let live = match self.get(object).await? {
            Some(live) => Some(live),
            // Its kind may have been added after discovery.
            None if self.resource(object).await?.is_none() => {
                self.forget_kinds().await;
                self.get(object).await?
            }
            None => None,
        };
        Ok((object, judge(object, live.as_ref(), now)))
    }
}

/// What keeps an object from being ready; nothing if it is, or if it has no status that says so.
fn judge(object: &ObjectRef, live: Option<&Value>, now: Timestamp) -> Option<Finding> {
    let Some(live) = live else { return Some(about(object, "Missing", "not found in the cluster")) };
    let status = live.get("status").filter(|status| status.as_object().is_some_and(|fields| !fields.is_empty()));
    if status.is_none() {
        let created = live.pointer("/metadata/creationTimestamp").and_then(Value::as_str);
        let age = created.and_then(|text| text.parse::<Timestamp>().ok()).map(|created| now.duration_since(created));
        let is_new = age.is_some_and(|age| age.as_secs_f64() < NO_STATUS.as_secs_f64());
        return is_new.then(|| about(object, "NoStatus", "the controller has not reported a status yet"));
    }
    if is_behind(live) {
        return Some(about(object, "Progressing", "the controller has not observed the change yet"));
    }
    // Set by a controller that has given up: only a change makes it continue.
    if let Some(stalled) = condition(live, "Stalled").filter(|it| it.status == "True" && !it.stale) {
        let mut finding = about(object, "Stalled", stalled.why);
        finding.fatal = true;
        return Some(finding);
    }
    let name = CONDITIONS.into_iter().find(|name| condition(live, name).is_some())?;
    has_condition(live, name, "True").err().map(|how| about(object, "NotReady", how))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object() -> ObjectRef {
        ObjectRef::namespaced("kafka.strimzi.io/v1beta2", "Kafka", "ns", "k")
    }

    fn how(body: Value) -> Option<String> {
        let now = "2026-01-01T00:01:00Z".parse().unwrap();
        judge(&object(), Some(&body), now).map(|finding| finding.message)
    }

    #[test]
    fn objects_of_operators_are_ready_by_their_conditions() {
        let with = |name: &str, status: &str| {
            json!({"status": {"conditions": [
                {"type": "Progressing", "status": "True"}, {"type": name, "status": status, "reason": "Why"},
            ]}})
        };
        for name in CONDITIONS {
            assert_eq!(how(with(name, "True")), None, "{name}");
            assert_eq!(how(with(name, "False")), Some(format!("{name} is False: Why")));
            assert_eq!(how(with(name, "Unknown")), Some(format!("{name} is Unknown: Why")));
        }
        assert_eq!(how(with("Other", "False")), None, "it is not about readiness");
        assert_eq!(how(json!({"status": {"phase": "Pending"}})), None, "k8s.wait is for that");
        let behind = json!({"metadata": {"generation": 2}, "status": {"observedGeneration": 1}});
        assert!(how(behind).unwrap().contains("not observed the change"));
        let both = json!({"status": {"conditions": [
            {"type": "Available", "status": "False"}, {"type": "Ready", "status": "True"}]}});
        assert_eq!(how(both), None, "the first of the list decides");
        assert_eq!(judge(&object(), None, Timestamp::now()).unwrap().reason, "Missing");
    }

    #[test]
    fn what_has_no_status_is_waited_for_a_while() {
        let created = |at: &str| json!({"metadata": {"creationTimestamp": at}, "status": {}});
        assert!(how(created("2026-01-01T00:00:50Z")).is_some());
        assert_eq!(how(created("2026-01-01T00:00:10Z")), None);
        assert_eq!(how(json!({})), None);
    }

    #[test]
    fn what_a_controller_has_given_up_is_not_waited_for() {
        let stalled = json!({"status": {"conditions": [
            {"type": "Ready", "status": "False"}, {"type": "Stalled", "status": "True", "reason": "BadSpec"}]}});
        let finding = judge(&object(), Some(&stalled), Timestamp::now()).unwrap();
        assert!(finding.fatal && finding.message == "BadSpec", "{finding:?}");
    }

    #[test]
    fn kinds_of_kubernetes_itself_are_not_custom() {
        let custom = |api: &str, kind: &str| is_custom(&ObjectRef::namespaced(api, kind, "ns", "x"));
        assert!(
            !custom("v1", "Service") && !custom("networking.k8s.io/v1", "Ingress") && !custom("apps/v1", "Deployment")
        );
        assert!(custom("gateway.networking.k8s.io/v1", "Gateway") && custom("x.io/v1", "A"));
        assert!(custom("apiextensions.k8s.io/v1", "CustomResourceDefinition"));
    }
}
