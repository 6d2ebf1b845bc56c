//! Pods that are refused before they exist: only events of their owner show it.

use super::judge::{BEFORE, Judge, about};
use super::snapshot::{event_message, event_text};
use crate::model::cluster::{Finding, ObjectRef};

impl Judge<'_> {
    /// Why the owner with this uid cannot create its pods, while it lacks any. A refusal of an earlier
    /// revision does not count: its event remains, but no pods are missing any more.
    pub(super) fn creation(&mut self, object: &ObjectRef, owner: &str, lacks_pods: bool) -> Option<Finding> {
        if !lacks_pods {
            return None;
        }
        let events = self.view.events_of(owner);
        let failures = events.iter().copied().filter(|event| event.reason.as_deref() == Some("FailedCreate"));
        let last = failures.clone().next_back()?;
        let message = event_message(last);
        let seen: u32 = failures.map(|event| self.memory.fresh(event)).sum();
        let mut finding = about(object, "FailedCreate", message.clone());
        finding.event = Some(event_text(last));
        if seen == 0 {
            finding.message.push_str(BEFORE);
            return Some(finding);
        }
        let lasts = self.memory.lasts(&format!("create:{owner}"), self.now);
        finding.fatal = match refusal(&message) {
            Refusal::Final => seen >= self.policy.rejected_sightings && lasts >= self.policy.rejected_grace,
            Refusal::MayClear => lasts >= self.policy.rejected_clearing_grace,
            Refusal::None => false,
        };
        Some(finding)
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Refusal {
    /// Admission refuses the pod's specification, which will be the same again.
    Final,
    /// It can pass without a change to the release: a quota is freed, a service account appears.
    MayClear,
    /// Not a refusal at all: a conflict, a timeout.
    None,
}

fn refusal(message: &str) -> Refusal {
    let any = |needles: &[&str]| needles.iter().any(|needle| message.contains(needle));
    if any(&["exceeded quota", "failed quota", "service account", "serviceaccount ", "insufficient quota"]) {
        Refusal::MayClear
    } else if any(&["violates PodSecurity", "denied the request", "is forbidden", "is invalid", "Invalid value"]) {
        Refusal::Final
    } else {
        Refusal::None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_distinguished() {
        for (message, expected) in [
            (
                r#"Error creating: pods "x-5" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false"#,
                Refusal::Final,
            ),
            (r#"Error creating: admission webhook "policy.example" denied the request: no"#, Refusal::Final),
            (
                r#"Error creating: pods "x" is forbidden: exceeded quota: q, requested: cpu=1, used: cpu=1, limited: cpu=1"#,
                Refusal::MayClear,
            ),
            (
                r#"Error creating: pods "x" is forbidden: failed quota: q: must specify limits.cpu for: a"#,
                Refusal::MayClear,
            ),
            (
                r#"Error creating: pods "x" is forbidden: error looking up service account n/x: serviceaccount "x" not found"#,
                Refusal::MayClear,
            ),
            ("Error creating: Internal error occurred: failed calling webhook: timeout", Refusal::None),
        ] {
            assert_eq!(refusal(message), expected, "{message}");
        }
    }
}
