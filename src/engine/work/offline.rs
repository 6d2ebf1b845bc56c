//! An install from an offline bundle: images to the registry, and whether nodes can pull them.

use std::time::Duration;

use serde_json::{Value, json};

use super::cluster::failed;
use super::runner::{PushWork, StepRunner};
use crate::catalog::action::JOB_LABEL;
use crate::driver::bundle::BundleStore;
use crate::driver::kube::{NodeRuntime, PullClass, PullTrouble, judge_pull};
use crate::driver::registry::push::{LockedPushJournal, Push, PushError, PushProgress, Receipt};
use crate::engine::perform::{Context, Done, Failure};
use crate::model::Progress;
use crate::model::cluster::PodState;
use crate::model::offline::{NodePool, OfflineRecord};
use crate::plan::Step;

/// How often the progress of a push is reported.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(250);

/// How often the pod of a pull test is polled.
const POLL: Duration = Duration::from_millis(500);

/// How long the pod of a pull test may take to terminate.
const REMOVAL_TIMEOUT: Duration = Duration::from_secs(20);

impl StepRunner {
    /// Sends what the registry lacks. When it is dropped midway, the journal knows what remains.
    pub(super) async fn push_images(&self, record: &OfflineRecord, context: &Context) -> Result<Done, Failure> {
        let Some(work) = &self.push else {
            let text = "this run has no offline bundle to push".to_owned();
            return Err(Failure { errors: vec![text], ..Failure::default() });
        };
        let journal = |error: std::io::Error| Failure {
            errors: vec![format!("failed to write the journal of the push in {}: {error}", work.journals.display())],
            ..Failure::default()
        };
        let held = LockedPushJournal::take(&work.journals, &work.target, work.bundle.lock_digest()).map_err(journal)?;
        let Some(held) = held else {
            let text = format!("another windlass is pushing {} to {}", work.bundle.files().name, work.target.host);
            return Err(Failure { errors: vec![text], may_pass: true, ..Failure::default() });
        };
        let store = BundleStore::new(&work.bundle);
        let (registry, requests) = (work.registry.clone(), work.requests.clone());
        let push = Push::prepare(registry, &store, requests, work.conflict, held.open().map_err(journal)?).await;
        let push = push.map_err(|error| not_pushed(&error))?;
        let (_, mounted, sent) = push.plan().bytes();
        let counts = PushProgress::default();
        let ended = {
            let run = push.run(&counts);
            tokio::pin!(run);
            loop {
                let ended = tokio::select! {
                    ended = &mut run => Some(ended),
                    () = tokio::time::sleep(PROGRESS_INTERVAL) => None,
                };
                counts
                    .take_partial_uploads()
                    .iter()
                    .for_each(|half| (context.progress)(Progress::Note(half.to_string())));
                match ended {
                    Some(ended) => break ended,
                    None => (context.progress)(Progress::Bytes { done: counts.snapshot().done, total: mounted + sent }),
                }
            }
        };
        drop(push);
        let receipt = match ended {
            Ok(receipt) => receipt,
            Err(error) => {
                // Of what is there, as `bundle push` does.
                if let PushError::Incomplete { receipt, .. } = &error {
                    work.keep((**receipt).clone())?;
                }
                return Err(not_pushed(&error));
            }
        };
        let receipt = work.keep(receipt)?;
        held.remove();
        self.change(|state| state.offline = Some(record.clone())).await?;
        Ok(Done { summary: Some(summary(&receipt)), ..Done::default() })
    }

    /// Has one node pull an image, by a Job that is removed again.
    pub(super) async fn pull_test(
        &self,
        step: &Step,
        namespace: &str,
        pool: &NodePool,
        context: &Context,
    ) -> Result<Done, Failure> {
        let name = format!("windlass-{}", step.id.rsplit('/').next().unwrap_or_default());
        let selector = format!("{JOB_LABEL}={name}");
        // One that a killed run left would be in the way.
        self.remove_test(namespace, &selector, context).await;
        let pulled = async {
            let job = test_job(&name, namespace, pool, &self.pull_secret, context.left().as_secs());
            self.cluster.create(&job).await.map_err(failed)?;
            self.pulled(namespace, &selector, pool, context).await
        };
        let ended = tokio::select! {
            ended = pulled => ended,
            () = context.cancel.cancelled() => Err(Failure { errors: vec!["stopped".to_owned()], ..Failure::default() }),
        };
        self.remove_test(namespace, &selector, context).await;
        ended
    }

    async fn pulled(
        &self,
        namespace: &str,
        selector: &str,
        pool: &NodePool,
        context: &Context,
    ) -> Result<Done, Failure> {
        let runtime = NodeRuntime::of(&pool.runtime.0, &pool.runtime.1);
        let mut cause: Option<PullTrouble> = None;
        let mut last = String::new();
        loop {
            let pods = self.cluster.pods(namespace, selector).await.map_err(failed)?;
            let now = match pods.first().map(|pod| (pod, pulls(pod))) {
                Some((pod, Pulls::Pulled)) => {
                    let node = pod.node.clone().or_else(|| pool.node.clone()).unwrap_or_else(|| "a node".to_owned());
                    return Ok(Done { summary: Some(format!("{node} pulled {}", pool.image)), ..Done::default() });
                }
                Some((_, Pulls::Waits(texts))) => {
                    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
                    cause = judge_pull(&pool.image, runtime, &texts).or(cause);
                    texts.first().map_or("the node has not started to pull", |text| *text).to_owned()
                }
                None => "pod not created yet".to_owned(),
            };
            if let Some(trouble) = cause.as_ref().filter(|trouble| trouble.class != PullClass::Other) {
                return Err(pull_failure(pool, trouble));
            }
            if context.left() <= POLL + REMOVAL_TIMEOUT {
                return Err(match &cause {
                    Some(trouble) => pull_failure(pool, trouble),
                    None => {
                        let what =
                            format!("timed out waiting for a node of {} to pull {}: {now}", pool.name, pool.image);
                        Failure { errors: vec![what], ..Failure::default() }
                    }
                });
            }
            if now != last {
                (context.progress)(Progress::Waiting(now.clone()));
                last = now;
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Removes a test's Job and its pod. What cannot be removed now goes with the Job's own deadline.
    async fn remove_test(&self, namespace: &str, selector: &str, context: &Context) {
        let mut gone = Vec::new();
        for kind in ["Job", "Pod"] {
            match self.cluster.delete_by_label(kind, namespace, selector).await {
                Ok(deleted) => gone.extend(deleted),
                Err(error) => {
                    (context.progress)(Progress::Note(format!("failed to remove {kind} of the pull test: {error}")))
                }
            }
        }
        if !gone.is_empty() {
            drop(self.cluster.wait_gone(&gone, REMOVAL_TIMEOUT).await);
        }
    }
}

impl PushWork {
    /// Completes the receipt, and writes it where that was asked for.
    fn keep(&self, receipt: Receipt) -> Result<Receipt, Failure> {
        let receipt = receipt.of(self.bundle.lock_digest(), self.bundle.about().base, self.without_signatures);
        if let Some(path) = &self.receipt {
            receipt.write(path).map_err(|error| Failure {
                errors: vec![format!("failed to write the receipt {}: {error}", path.display())],
                ..Failure::default()
            })?;
        }
        Ok(receipt)
    }
}

/// Whether a pod's node has pulled its image.
enum Pulls {
    Pulled,
    /// Not yet; what the kubelet says, newest first.
    Waits(Vec<String>),
}

fn pulls(pod: &PodState) -> Pulls {
    let Some(container) = pod.containers.first() else { return Pulls::Waits(Vec::new()) };
    // Whether it could be started does not matter: an image may lack the command.
    let ran = container.exit_code.is_some() || pod.phase == "Running" || pod.ended();
    let reason = container.reason.as_deref().unwrap_or_default();
    let started = matches!(reason, "CreateContainerError" | "RunContainerError" | "CrashLoopBackOff" | "StartError");
    if !container.image_id.is_empty() || ran || started {
        return Pulls::Pulled;
    }
    Pulls::Waits(container.message.iter().chain(&container.reason).cloned().collect())
}

/// The Job of a test: one pod on one node, which has nothing to do.
fn test_job(name: &str, namespace: &str, pool: &NodePool, pull_secret: &str, seconds: u64) -> Value {
    let secrets: Vec<Value> =
        Some(pull_secret).filter(|name| !name.is_empty()).map(|name| json!({"name": name})).into_iter().collect();
    let affinity = pool.node.as_ref().map(|node| {
        let field = json!({"key": "metadata.name", "operator": "In", "values": [node]});
        json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchFields": [field]}]}}})
    });
    let labels = json!({JOB_LABEL: name, "app.kubernetes.io/managed-by": "windlass"});
    let resources = json!({"cpu": "10m", "memory": "32Mi"});
    let mut spec = json!({
        "restartPolicy": "Never",
        "automountServiceAccountToken": false,
        "enableServiceLinks": false,
        "terminationGracePeriodSeconds": 0,
        "imagePullSecrets": secrets,
        "securityContext": {"runAsNonRoot": true, "runAsUser": 65534, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [{
            "name": "pull",
            "image": pool.image,
            "imagePullPolicy": "Always",
            "command": ["true"],
            "resources": {"requests": resources, "limits": resources},
            "securityContext": {
                "allowPrivilegeEscalation": false,
                "readOnlyRootFilesystem": true,
                "capabilities": {"drop": ["ALL"]},
            },
        }],
    });
    if let Some(affinity) = affinity {
        spec["affinity"] = affinity;
        // The node was chosen by the taints that releases tolerate, or all have some.
        spec["tolerations"] = json!([{"operator": "Exists"}]);
    }
    json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": seconds.max(1),
            "ttlSecondsAfterFinished": 600,
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    })
}

fn pull_failure(pool: &NodePool, trouble: &PullTrouble) -> Failure {
    let of = pool.node.as_ref().map_or_else(|| "a node".to_owned(), |node| format!("node {node}"));
    let mut errors = vec![format!("{of} cannot pull {}: {}", pool.image, trouble.what)];
    errors.extend(trouble.file.as_ref().map(|file| format!("on the node: {file}")));
    errors.push(trouble.fix.clone());
    errors.push(format!("the node says: {}", trouble.message));
    errors.push("to install without pull tests: --waive registry-pull".to_owned());
    use PullClass::{Dns, Refused, Timeout, TooMany, Unreachable};
    let may_pass = matches!(trouble.class, Dns | Refused | Timeout | TooMany | Unreachable);
    Failure { errors, may_pass, ..Failure::default() }
}

/// A push that failed. What is wrong with the offline bundle or with names in the registry stays so.
fn not_pushed(error: &PushError) -> Failure {
    let failure = Failure::of(error);
    if is_permanent(error) { failure.for_good() } else { failure }
}

fn is_permanent(error: &PushError) -> bool {
    match error {
        PushError::Incomplete { source, .. } => is_permanent(source),
        PushError::Plan(_) | PushError::Manifest { .. } | PushError::ImmutableTag { .. } => true,
        other => other.is_damage(),
    }
}

fn summary(receipt: &Receipt) -> String {
    let (existing, mounted, sent) = receipt.bytes();
    let mib = |bytes: u64| bytes.div_ceil(1 << 20);
    format!("{} MiB sent, {} MiB mounted, {} MiB already present", mib(sent), mib(mounted), mib(existing))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::cluster::ContainerState;

    fn pod(phase: &str, reason: Option<&str>, message: Option<&str>, image_id: &str) -> PodState {
        let container = ContainerState {
            name: "pull".into(),
            image: "r.site/x".into(),
            image_id: image_id.into(),
            ready: false,
            restarts: 0,
            exit_code: None,
            reason: reason.map(str::to_owned),
            message: message.map(str::to_owned),
        };
        PodState {
            namespace: "ns".into(),
            name: "p".into(),
            labels: Default::default(),
            controller: None,
            phase: phase.into(),
            ready: false,
            terminating: false,
            node: None,
            ip: None,
            containers: vec![container],
        }
    }

    #[test]
    fn a_container_that_cannot_start_was_pulled_and_one_that_waits_was_not() {
        let pulled = |pod: PodState| matches!(pulls(&pod), Pulls::Pulled);
        assert!(pulled(pod("Pending", Some("RunContainerError"), None, "")));
        assert!(pulled(pod("Failed", Some("StartError"), None, "")));
        assert!(pulled(pod("Pending", None, None, "r.site/x@sha256:1")));
        for reason in ["ContainerCreating", "ErrImagePull", "ImagePullBackOff"] {
            assert!(!pulled(pod("Pending", Some(reason), None, "")), "{reason}");
        }
    }

    #[test]
    fn what_the_node_reports_becomes_a_cause_with_its_file() {
        let message = "failed to pull and unpack image \"r.site/x\": failed to do request: Head \"https://r.site/v2/x\": tls: failed to verify certificate: x509: certificate signed by unknown authority";
        let Pulls::Waits(texts) = pulls(&pod("Pending", Some("ErrImagePull"), Some(message), "")) else { panic!() };
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let trouble = judge_pull("r.site/x", NodeRuntime::Containerd, &texts).unwrap();
        let pool = NodePool {
            name: "linux/amd64".into(),
            node: Some("n1".into()),
            runtime: ("containerd://2.0".into(), String::new()),
            image: "r.site/x".into(),
        };
        let failure = pull_failure(&pool, &trouble);
        assert!(failure.errors[0].starts_with("node n1 cannot pull r.site/x: the node does not trust"), "{failure:?}");
        assert!(failure.errors[1].starts_with("on the node: /etc/containerd/certs.d/"), "{failure:?}");
        assert!(!failure.may_pass);
    }

    #[test]
    fn a_test_is_a_pod_that_the_strictest_level_admits_on_the_node_that_is_meant() {
        let pool =
            NodePool { name: "a".into(), node: Some("n1".into()), runtime: Default::default(), image: "i".into() };
        let job = test_job("windlass-pull-test-1", "ns", &pool, "registry", 60);
        let spec = &job["spec"]["template"]["spec"];
        assert_eq!(spec["imagePullSecrets"][0]["name"], "registry");
        let node = "/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms/0/matchFields/0/values/0";
        assert_eq!(spec.pointer(node), Some(&json!("n1")));
        assert_eq!(spec["tolerations"][0]["operator"], "Exists");
        assert_eq!(spec["containers"][0]["securityContext"]["capabilities"]["drop"][0], "ALL");
        let anywhere = test_job("t", "ns", &NodePool { node: None, ..pool }, "", 60);
        assert!(anywhere["spec"]["template"]["spec"].get("affinity").is_none());
        assert_eq!(anywhere["spec"]["template"]["spec"]["imagePullSecrets"], json!([]));
    }
}
