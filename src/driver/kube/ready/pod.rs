//! Facts of one pod.

use crate::driver::kube::small::Pod;

/// The node that a DaemonSet's pod runs on, or is bound to before it is scheduled.
pub(super) fn node_of(pod: &Pod) -> Option<&str> {
    let spec = pod.spec.as_ref()?;
    if let Some(node) = spec.node_name.as_deref() {
        return Some(node);
    }
    let required =
        spec.affinity.as_ref()?.node_affinity.as_ref()?.required_during_scheduling_ignored_during_execution.as_ref()?;
    let mut fields = required.node_selector_terms.iter().flat_map(|term| term.match_fields.iter().flatten());
    let name = fields.find(|field| field.key == "metadata.name" && field.operator == "In")?;
    name.values.as_ref()?.first().map(String::as_str)
}

/// Whether a pod counts as ready as soon as its containers run, because one of them has no readiness probe.
pub(super) fn is_unprobed(pod: &Pod) -> bool {
    let job = pod.metadata.owner_references.iter().flatten().any(|owner| owner.kind == "Job");
    let ended = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    !job && !matches!(ended, Some("Succeeded" | "Failed"))
        && containers.into_iter().any(|it| it.readiness_probe.is_none())
}
