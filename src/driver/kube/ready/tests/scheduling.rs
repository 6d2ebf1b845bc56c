use std::collections::BTreeSet;

use super::*;

fn unschedulable(events: Vec<Value>) -> Snapshot {
    let mut body = pod("p", "web-new", json!({}));
    body["spec"]["volumes"] = json!([{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]);
    body["status"] = json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False",
        "reason": "Unschedulable", "message": "0/1 nodes are available: 1 Insufficient cpu."}]});
    let mut snapshot = with_pod(body, events);
    snapshot.delayed_classes = Some(BTreeSet::from(["delayed".to_owned()]));
    snapshot.claims = vec![claim("Bound", "delayed", false)];
    snapshot
}

fn claim<K: DeserializeOwned>(phase: &str, class: &str, selected: bool) -> Arc<K> {
    let annotations = if selected { json!({"volume.kubernetes.io/selected-node": "n"}) } else { json!({}) };
    object(json!({
        "metadata": {"name": "data", "namespace": "ns", "uid": "data", "annotations": annotations},
        "spec": {"storageClassName": class}, "status": {"phase": phase}
    }))
}

#[test]
fn what_fits_nowhere_is_final_after_thirty_seconds() {
    let mut watching = Watching::new(vec![expect("Deployment", "web")]);
    let snapshot = unschedulable(vec![]);
    waiting(watching.over([0, 29], &snapshot));
    let findings = failed(watching.at(30, &snapshot));
    assert_eq!(
        findings[0].to_string(),
        "Deployment ns/web pod p: Unschedulable: 0/1 nodes are available: 1 Insufficient cpu."
    );
}

#[test]
fn a_claim_that_is_being_provisioned_is_waited_for() {
    for (phase, class, selected, fatal) in [
        ("Pending", "immediate", false, false),
        ("Pending", "delayed", true, false),
        // Nobody works on it: the pod must find a node first, and does not.
        ("Pending", "delayed", false, true),
        ("Bound", "immediate", false, true),
    ] {
        let mut watching = Watching::new(vec![expect("Deployment", "web")]);
        let mut snapshot = unschedulable(vec![]);
        snapshot.claims = vec![claim(phase, class, selected)];
        let verdict = watching.over([0, 40], &snapshot);
        assert_eq!(matches!(verdict, Verdict::Failed(_)), fatal, "{phase} {class} {selected}: {verdict:?}");
    }
}

#[test]
fn a_cluster_that_scales_up_is_waited_for() {
    let scaling = event("p", "TriggeredScaleUp", "pod triggered scale-up: [{group 1->2 (max: 3)}]", 1);
    let mut watching = Watching::new(vec![expect("Deployment", "web")]);
    waiting(watching.over([0, 300], &unschedulable(vec![scaling.clone()])));
    let mut refused = event("p", "NotTriggerScaleUp", "pod didn't trigger scale-up: max node group size reached", 1);
    refused["lastTimestamp"] = json!("2026-01-01T12:05:00Z");
    let both = unschedulable(vec![refused, scaling]);
    waiting(watching.at(301, &both));
    failed(watching.at(331, &both));
}

#[test]
fn a_claim_that_cannot_be_provisioned_is_named_with_the_pod() {
    let mut watching = Watching::new(vec![expect("Deployment", "web")]);
    let trouble = event("data", "ProvisioningFailed", "storageclass.storage.k8s.io \"fast\" not found", 3);
    let mut snapshot = unschedulable(vec![trouble]);
    snapshot.claims = vec![claim("Pending", "fast", false)];
    assert_eq!(waiting(watching.over([0, 59], &snapshot)).len(), 2);
    let findings = failed(watching.at(60, &snapshot));
    assert_eq!(
        (findings[0].reason.as_str(), findings[0].message.as_str()),
        ("ClaimPending", "claim data has no volume yet")
    );
    assert!(findings[0].event.as_deref().unwrap().contains("\"fast\" not found"));
}

#[test]
fn claims_of_the_release() {
    let with = |phase: &str, class: &str, used: bool, events: Vec<Value>| Snapshot {
        claims: vec![claim(phase, class, false)],
        delayed_classes: Some(BTreeSet::from(["delayed".to_owned()])),
        pods: if used { unschedulable(vec![]).pods } else { vec![] },
        events: events.into_iter().map(object).collect(),
        ..Snapshot::default()
    };
    let mut watching = Watching::new(vec![expect("PersistentVolumeClaim", "data")]);
    assert_eq!(watching.at(0, &with("Bound", "immediate", false, vec![])), Verdict::Ready);
    assert_eq!(watching.at(1, &with("Pending", "delayed", false, vec![])), Verdict::Ready, "no pod needs it yet");
    waiting(watching.at(2, &with("Pending", "delayed", true, vec![])));
    waiting(watching.over([3, 300], &with("Pending", "immediate", false, vec![])));
    failed(watching.at(301, &with("Lost", "immediate", false, vec![])));
    let no_class =
        event("data", "FailedBinding", "no persistent volumes available for this claim and no storage class is set", 9);
    let snapshot = with("Pending", "", false, vec![no_class]);
    waiting(watching.over([302, 361], &snapshot));
    failed(watching.at(362, &snapshot));
    // Where storage classes may not be read, the claim's own events tell.
    let mut blind = with("Pending", "delayed", false, vec![event("data", "WaitForFirstConsumer", "waiting", 1)]);
    blind.delayed_classes = None;
    assert_eq!(watching.at(363, &blind), Verdict::Ready);
}

fn refused(message: &str, count: u32, has: u32) -> Snapshot {
    let mut snapshot = deployment(0, 0, 0);
    snapshot.replica_sets = vec![replica_set("web-old", "1", 1), replica_set("web-new", "2", has)];
    snapshot.events = vec![object(event("web-new", "FailedCreate", message, count))];
    snapshot
}

#[test]
fn pods_that_admission_refuses() {
    let security =
        "Error creating: pods \"web-new-x\" is forbidden: violates PodSecurity \"restricted:latest\": privileged";
    let mut watching = Watching::new(vec![expect("Deployment", "web")]);
    waiting(watching.at(0, &refused(security, 2, 0)));
    waiting(watching.at(1, &refused(security, 9, 0)));
    let findings = failed(watching.at(5, &refused(security, 9, 0)));
    assert_eq!((findings[0].reason.as_str(), findings[0].pod.as_deref()), ("FailedCreate", None));
    assert!(findings[0].message.contains("violates PodSecurity"));

    let quota = "Error creating: pods \"web-new-x\" is forbidden: exceeded quota: q, requested: pods=1";
    let mut watching = Watching::new(vec![expect("Deployment", "web")]);
    waiting(watching.over([0, 29], &refused(quota, 50, 0)));
    failed(watching.at(30, &refused(quota, 50, 0)));

    let account = "Error creating: pods \"x\" is forbidden: error looking up service account ns/x: serviceaccount \"x\" not found";
    let mut watching = Watching::new(vec![expect("Deployment", "web")]);
    waiting(watching.over([0, 6], &refused(account, 12, 0)));
    // The account has appeared, and the pod with it: the event is history.
    assert_eq!(waiting(watching.over([7, 60], &refused(account, 12, 1)))[0].reason, "Progressing");
}

#[test]
fn a_gate_is_not_a_lack_of_room() {
    let mut watching = Watching::new(vec![expect("Deployment", "web")]);
    let mut snapshot = unschedulable(vec![]);
    let mut pod = snapshot.pods[0].as_ref().clone();
    pod.status.as_mut().unwrap().conditions.as_mut().unwrap()[0].reason = Some("SchedulingGated".to_owned());
    snapshot.pods = vec![pod.into()];
    waiting(watching.over([0, 100], &snapshot));
}

#[test]
fn what_is_fatal_comes_first() {
    let mut watching = Watching::new(vec![expect("Deployment", "absent"), expect("Deployment", "web")]);
    let snapshot = unschedulable(vec![]);
    waiting(watching.at(5, &snapshot));
    watching.policy.config_error_grace = Duration::from_secs(1000);
    let findings = failed(watching.at(35, &snapshot));
    assert_eq!(findings.iter().map(|finding| finding.fatal).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn only_refusals_after_the_wait_began_count() {
    // The namespace was relabelled since; the controller tries again in a while.
    let security =
        "Error creating: pods \"web-new-x\" is forbidden: violates PodSecurity \"restricted:latest\": privileged";
    let at = |count: u32, last: &str| {
        let mut snapshot = refused(security, count, 0);
        let mut event = event("web-new", "FailedCreate", security, count);
        event["lastTimestamp"] = json!(last);
        snapshot.events = vec![object(event)];
        snapshot
    };
    let mut watching = Watching::new(vec![expect("Deployment", "web")]);
    let findings = waiting(watching.over([0, 1, 300], &at(17, YESTERDAY)));
    assert!(findings[0].message.ends_with("waiting for the next attempt)"), "{}", findings[0]);
    waiting(watching.over([301, 310], &at(18, JUST_NOW)));
    failed(watching.at(311, &at(20, JUST_NOW)));
}
