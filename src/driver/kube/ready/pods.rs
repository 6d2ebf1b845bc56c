//! What keeps a pod from being ready.

use k8s_openapi::api::core::v1::Event;

use super::judge::{BEFORE, Judge, about};
use super::pulls::{PullError, classify, is_pull_reason};
use super::snapshot::{event_text, one_line, uid};
use crate::driver::kube::pods::requested_image;
use crate::driver::kube::small::{ContainerStatus, Pod, Terminated};
use crate::model::cluster::{Finding, ObjectRef};

/// Containers that wait for others to begin with are not what holds the pod up.
const ORDINARY: [&str; 2] = ["ContainerCreating", "PodInitializing"];

/// The container cannot be created from the pod's specification.
const CONFIG: [&str; 4] =
    ["CreateContainerConfigError", "CreateContainerError", "PreCreateHookError", "PreStartHookError"];

impl Judge<'_> {
    /// Everything that keeps this pod from being ready. `crashes_count`: exits are counted against it (its owner has
    /// no count of its own).
    pub(super) fn pod(&mut self, owner: &ObjectRef, pod: &Pod, crashes_count: bool) -> Vec<Finding> {
        let status = pod.status.clone().unwrap_or_default();
        // Also while the pod is healthy: exits before this wait must be known once the container exits again.
        for it in status.init_container_statuses.iter().chain(&status.container_statuses).flatten() {
            self.memory.exits(pod, uid(pod), &it.name, exits_of(it));
        }
        // A pod that ended is replaced by its owner, which then has another one.
        if is_ready(pod) || matches!(status.phase.as_deref(), Some("Succeeded" | "Failed")) {
            return Vec::new();
        }
        let mut findings = Vec::new();
        let scheduled = condition(pod, "PodScheduled");
        if let Some((false, reason, message)) = scheduled {
            findings.extend(self.claims_of(owner, pod));
            findings.push(self.unscheduled(owner, pod, &reason, &message));
        } else {
            let init = status.init_container_statuses.iter().flatten().map(|it| (it, true));
            let main = status.container_statuses.iter().flatten().map(|it| (it, false));
            for (container, is_init) in init.chain(main) {
                findings.extend(self.container(owner, pod, container, is_init, crashes_count));
            }
        }
        if findings.is_empty() {
            findings.push(self.unexplained(owner, pod));
        }
        findings
    }

    fn unscheduled(&mut self, owner: &ObjectRef, pod: &Pod, reason: &str, message: &str) -> Finding {
        let mut finding = about_pod(owner, pod, reason, one_line(message));
        let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
        let provisioning = claims(pod)
            .any(|name| self.view.claim(namespace, name).is_none_or(|claim| self.is_being_provisioned(claim)));
        let events = self.view.events_of(uid(pod));
        let scaling = events.iter().rev().find_map(|event| match event.reason.as_deref() {
            Some("TriggeredScaleUp" | "Nominated") => Some(true),
            Some("NotTriggerScaleUp") => Some(false),
            _ => None,
        });
        finding.event = events.last().map(|event| event_text(event));
        let waits = reason != "Unschedulable" || provisioning || scaling == Some(true);
        // Starts again when what it waited for is done.
        finding.fatal = !waits && self.lasts(&format!("schedule:{}", uid(pod)), self.policy.unschedulable_grace);
        finding
    }

    /// Claims of a pod that cannot be provisioned: those from a StatefulSet's templates are in no manifest.
    fn claims_of(&mut self, owner: &ObjectRef, pod: &Pod) -> Vec<Finding> {
        let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
        let mut findings = Vec::new();
        for name in claims(pod) {
            let Some(claim) = self.view.claim(namespace, name) else { continue };
            if !self.is_being_provisioned(claim) {
                continue;
            }
            let (event, fatal) = self.claim_trouble(claim);
            if let Some(event) = event {
                let mut finding = about_pod(owner, pod, "ClaimPending", format!("claim {name} has no volume yet"));
                (finding.event, finding.fatal) = (Some(event), fatal);
                findings.push(finding);
            }
        }
        findings
    }

    fn container(
        &mut self,
        owner: &ObjectRef,
        pod: &Pod,
        it: &ContainerStatus,
        is_init: bool,
        crashes_count: bool,
    ) -> Option<Finding> {
        let state = it.state.clone().unwrap_or_default();
        let name = it.name.as_str();
        let finding = |reason: &str, message: String| {
            let mut finding = about_pod(owner, pod, reason, message);
            finding.container = Some(name.to_owned());
            finding
        };
        if let Some(waiting) = state.waiting {
            let reason = waiting.reason.unwrap_or_default();
            let message = one_line(waiting.message.as_deref().unwrap_or_default());
            if ORDINARY.contains(&reason.as_str()) || reason.is_empty() {
                return None;
            }
            if is_pull_reason(&reason) {
                return Some(self.pull(finding(&reason, String::new()), pod, it, &reason, &message));
            }
            if CONFIG.contains(&reason.as_str()) {
                let mut finding = finding(&reason, message);
                finding.event = last_warning(self.view.events_of(uid(pod)), Some(name));
                let key = format!("config:{}:{name}", uid(pod));
                finding.fatal = self.lasts(&key, self.policy.config_error_grace);
                return Some(finding);
            }
            let last = it.last_state.clone().unwrap_or_default().terminated;
            return Some(self.crash(finding(&reason, message), pod, it, last.as_deref(), crashes_count));
        }
        if let Some(ended) = state.terminated {
            if is_init && ended.exit_code == 0 {
                return None;
            }
            let reason = ended.reason.clone().unwrap_or_else(|| "Terminated".to_owned());
            return Some(self.crash(finding(&reason, String::new()), pod, it, Some(&ended), crashes_count));
        }
        if it.ready || (is_init && it.started == Some(true)) {
            return None;
        }
        if is_init {
            let mut finding = finding("Initializing", "init container is running".to_owned());
            finding.event = last_warning(self.view.events_of(uid(pod)), Some(name));
            return Some(finding);
        }
        let before = it.last_state.clone().unwrap_or_default().terminated;
        let message = match (before, it.started) {
            (Some(before), _) => {
                format!("running but not ready; {}", exits_text(exits_of(it), &before))
            }
            (None, Some(false)) => "running; startup probe has not passed yet".to_owned(),
            (None, _) => "running; readiness probe does not pass".to_owned(),
        };
        let mut finding = finding("NotReady", message);
        finding.event = last_warning(self.view.events_of(uid(pod)), Some(name));
        Some(finding)
    }

    fn pull(&mut self, mut finding: Finding, pod: &Pod, it: &ContainerStatus, reason: &str, message: &str) -> Finding {
        let image = requested_image(pod, &it.name).unwrap_or(it.image.as_str()).to_owned();
        let events: Vec<&Event> = self
            .view
            .events_of(uid(pod))
            .iter()
            .copied()
            .filter(|event| is_about(event, &it.name) && is_pull_failure(event))
            .collect();
        let said: Vec<String> = events.iter().map(|event| event_text(event)).collect();
        let times = events.iter().map(|event| self.memory.fresh(event)).max().unwrap_or(0);
        let attempt = reason != "ImagePullBackOff";
        let mut seen = self.memory.pull_failures(pod, uid(pod), &it.name, attempt, times);
        if reason == "InvalidImageName" {
            // That is known without an attempt.
            seen = seen.max(self.policy.final_pull_sightings);
        }
        let lasts = seen > 0 && self.lasts(&format!("pull:{}:{}", uid(pod), it.name), self.policy.pull_error_grace);
        let text = format!("{message} {}", said.join(" "));
        finding.fatal =
            lasts || (classify(reason, &text) == PullError::Final && seen >= self.policy.final_pull_sightings);
        // The event has the same text and more: a back-off has only the image's name in older versions.
        let short = message.is_empty() || !said.is_empty();
        finding.message = if short { format!("image {image}") } else { format!("image {image}: {message}") };
        if seen == 0 {
            finding.message.push_str(BEFORE);
        }
        finding.event = said.last().cloned().or_else(|| last_warning(self.view.events_of(uid(pod)), Some(&it.name)));
        finding
    }

    fn crash(
        &mut self,
        mut finding: Finding,
        pod: &Pod,
        it: &ContainerStatus,
        last: Option<&Terminated>,
        counts: bool,
    ) -> Finding {
        let exits = exits_of(it);
        let fresh = self.memory.exits(pod, uid(pod), &it.name, exits);
        if let Some(last) = last {
            finding.message = exits_text(exits, last);
        }
        finding.event = last_warning(self.view.events_of(uid(pod)), Some(&it.name));
        finding.fatal = counts && fresh >= self.policy.crash_exits;
        if finding.fatal {
            // Between an exit and the back-off the state has only the exit's own reason, mostly "Error".
            finding.reason = "CrashLoopBackOff".to_owned();
        }
        finding
    }

    /// No container has a problem: the pod is being set up, or waits for something outside.
    fn unexplained(&mut self, owner: &ObjectRef, pod: &Pod) -> Finding {
        let events = self.view.events_of(uid(pod));
        let warning = last_warning(events, None);
        let started = pod.status.as_ref().is_some_and(|status| {
            status.container_statuses.iter().flatten().any(|it| it.state.as_ref().is_some_and(|s| s.running.is_some()))
        });
        if started {
            let said = condition(pod, "Ready").map(|(_, _, message)| message).unwrap_or_default();
            let mut finding = about_pod(owner, pod, "NotReady", one_line(&said));
            finding.event = warning;
            return finding;
        }
        let mut finding = about_pod(owner, pod, "ContainerCreating", "creating containers".to_owned());
        if condition(pod, "PodScheduled").is_none() {
            finding = about_pod(owner, pod, "Pending", "not assigned to a node yet".to_owned());
        }
        // A volume from a Secret or ConfigMap that does not exist is as final as an environment variable from one.
        let unmountable = events.last().is_some_and(|event| {
            let message = event.message.as_deref().unwrap_or_default();
            event.reason.as_deref() == Some("FailedMount")
                && message.contains("not found")
                && (message.contains("secret \"")
                    || message.contains("configmap \"")
                    || message.contains("references non-existent"))
        });
        if unmountable {
            finding.reason = "FailedMount".to_owned();
            let seen = events.last().is_some_and(|event| self.memory.fresh(event) > 0);
            finding.fatal = seen && self.lasts(&format!("mount:{}", uid(pod)), self.policy.config_error_grace);
        }
        finding.event = warning;
        finding
    }
}

fn about_pod(owner: &ObjectRef, pod: &Pod, reason: &str, message: String) -> Finding {
    let mut finding = about(owner, reason, message);
    finding.pod.clone_from(&pod.metadata.name);
    finding
}

/// A condition's state, reason and message.
fn condition(pod: &Pod, name: &str) -> Option<(bool, String, String)> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    let condition = conditions.iter().find(|condition| condition.type_ == name)?;
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    Some((condition.status == "True", text(&condition.reason), text(&condition.message)))
}

/// Whether the pod is ready, as Services see it.
pub(super) fn is_ready(pod: &Pod) -> bool {
    condition(pod, "Ready").is_some_and(|(ready, _, _)| ready)
}

/// The claims that a pod mounts.
pub(super) fn claims(pod: &Pod) -> impl Iterator<Item = &str> {
    let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
    volumes.filter_map(|volume| Some(volume.persistent_volume_claim.as_ref()?.claim_name.as_str()))
}

/// Each start but the one that may be running now came to an end.
fn exits_of(it: &ContainerStatus) -> u32 {
    let restarts = u32::try_from(it.restart_count).unwrap_or(0);
    let running = it.state.as_ref().is_some_and(|state| state.running.is_some());
    if running { restarts } else { restarts + 1 }
}

fn exits_text(exits: u32, last: &Terminated) -> String {
    let code = last.exit_code;
    let times = match exits {
        1 => format!("exited once, with code {code}"),
        _ => format!("exited {exits} times, last with code {code}"),
    };
    let reason = match last.reason.as_deref() {
        Some("OOMKilled") => " (OOMKilled: it needs more memory than its limit)".to_owned(),
        Some(reason) if reason != "Error" => format!(" ({reason})"),
        _ => String::new(),
    };
    match last.message.as_deref().map(one_line).filter(|message| !message.is_empty()) {
        Some(message) => format!("{times}{reason}: {message}"),
        None => format!("{times}{reason}"),
    }
}

/// The first container of a pod that ended with a failure, and how.
pub(super) fn ended_badly(pod: &Pod) -> Option<(String, String)> {
    let status = pod.status.as_ref()?;
    let all = status.init_container_statuses.iter().flatten().chain(status.container_statuses.iter().flatten());
    all.filter_map(|it| Some((it, it.state.as_ref()?.terminated.as_ref()?)))
        .find(|(_, ended)| ended.exit_code != 0)
        .map(|(it, ended)| (it.name.clone(), exits_text(exits_of(it), ended)))
}

/// Whether an event of a pod is about this container. One that names none is about an earlier step, such as mounting,
/// that is over once there is a container to speak of.
fn is_about(event: &Event, container: &str) -> bool {
    let path = event.involved_object.field_path.as_deref().unwrap_or_default();
    path.ends_with(&format!("{{{container}}}"))
}

fn is_pull_failure(event: &Event) -> bool {
    let message = event.message.as_deref().unwrap_or_default();
    match event.reason.as_deref() {
        Some("Failed") => message.contains("pull image"),
        Some("InspectFailed" | "ErrImageNeverPull") => true,
        _ => false,
    }
}

fn last_warning(events: &[&Event], container: Option<&str>) -> Option<String> {
    let warning = events.iter().rev().find(|event| {
        event.type_.as_deref() == Some("Warning")
            // Says that a container is restarted again and again, as its state does.
            && event.reason.as_deref() != Some("BackOff")
            && container.is_none_or(|name| is_about(event, name))
    });
    warning.map(|event| event_text(event))
}
