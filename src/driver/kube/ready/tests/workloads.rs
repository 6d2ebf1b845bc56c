use super::*;
use crate::driver::kube::ready::watch::ended;

#[test]
fn deployments() {
    let mut watching = Watching::new(vec![expect("Deployment", "web")]);
    assert_eq!(watching.at(0, &deployment(1, 1, 1)), Verdict::Ready);
    for (counts, words) in [
        ((1, 0, 1), "0 of 1 pods are of the new revision"),
        ((2, 1, 1), "1 pods of the old revision are pending termination"),
        ((1, 1, 0), "0 of 1 pods are available"),
    ] {
        let findings = waiting(watching.at(1, &deployment(counts.0, counts.1, counts.2)));
        assert_eq!(findings[0].message, words);
    }
    let change = |pointer: &str, value: Value| {
        let mut snapshot = deployment(1, 1, 0);
        let mut body = serde_json::to_value(snapshot.deployments[0].as_ref()).unwrap();
        *body.pointer_mut(pointer).unwrap() = value;
        snapshot.deployments = vec![object(body)];
        snapshot
    };
    let unseen = change("/metadata/generation", json!(3));
    assert_eq!(waiting(watching.at(2, &unseen))[0].message, "the controller has not observed the change yet");
}

#[test]
fn a_deployment_of_no_pods_is_ready() {
    let mut snapshot = deployment(0, 0, 0);
    let mut body = serde_json::to_value(snapshot.deployments[0].as_ref()).unwrap();
    body["spec"]["replicas"] = json!(0);
    snapshot.deployments = vec![object(body.clone())];
    let mut watching = Watching::new(vec![expect("Deployment", "web")]);
    assert_eq!(watching.at(0, &snapshot), Verdict::Ready);
    body["spec"]["replicas"] = json!(3);
    body["spec"]["paused"] = json!(true);
    snapshot.deployments = vec![object(body)];
    assert_eq!(watching.at(1, &snapshot), Verdict::Ready, "somebody stopped its rollout on purpose");
}

#[test]
fn pods_of_old_revisions_and_those_that_go_do_not_count() {
    let mut snapshot = deployment(2, 1, 0);
    let mut old = pod("web-old-1", "web-old", waits("ImagePullBackOff", "manifest unknown"));
    let mut going = pod("web-new-0", "web-new", waits("CrashLoopBackOff", ""));
    going["metadata"]["deletionTimestamp"] = json!(JUST_NOW);
    let evicted = {
        let mut pod = pod("web-new-1", "web-new", json!({}));
        pod["status"] = json!({"phase": "Failed", "reason": "Evicted"});
        pod
    };
    snapshot.pods = vec![object(old.clone()), object(going), object(evicted)];
    let mut watching = Watching::new(vec![expect("Deployment", "web")]);
    let findings = waiting(watching.over([0, 60, 120], &snapshot));
    assert_eq!((findings.len(), findings[0].pod.clone()), (1, None), "{findings:?}");
    // The same pod under the newest ReplicaSet is what the release is about.
    old["metadata"]["ownerReferences"][0]["uid"] = json!("web-new");
    snapshot.pods = vec![object(old)];
    assert_eq!(failed(watching.over([121, 160], &snapshot))[0].reason, "ImagePullBackOff");
}

fn stateful(spec: Value, status: Value) -> Snapshot {
    let mut body = json!({
        "metadata": {"name": "db", "namespace": "ns", "uid": "db", "generation": 1},
        "spec": {"serviceName": "db", "replicas": 3, "selector": {}, "template": {}},
        "status": {"observedGeneration": 1, "replicas": 3, "readyReplicas": 3, "availableReplicas": 3, "updatedReplicas": 3,
            "currentRevision": "b", "updateRevision": "b"}
    });
    body["spec"].as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    body["status"].as_object_mut().unwrap().extend(status.as_object().unwrap().clone());
    Snapshot { stateful_sets: vec![object(body)], ..Snapshot::default() }
}

#[test]
fn stateful_sets() {
    let partition = json!({"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}});
    let on_delete = json!({"updateStrategy": {"type": "OnDelete"}});
    for (what, spec, status, ready) in [
        ("all there", json!({}), json!({}), true),
        ("one not ready", json!({}), json!({"readyReplicas": 2}), false),
        ("ready but not for long enough", json!({}), json!({"availableReplicas": 2}), false),
        ("rolling", json!({}), json!({"updatedReplicas": 2, "currentRevision": "a"}), false),
        ("all updated, not yet declared", json!({}), json!({"currentRevision": "a"}), false),
        ("partition reached", partition.clone(), json!({"updatedReplicas": 1, "currentRevision": "a"}), true),
        ("partition not reached", partition, json!({"updatedReplicas": 0, "currentRevision": "a"}), false),
        ("on delete", on_delete.clone(), json!({"updatedReplicas": 0, "currentRevision": "a"}), true),
        (
            "on delete, one not ready",
            on_delete,
            json!({"readyReplicas": 2, "updatedReplicas": 0, "currentRevision": "a"}),
            false,
        ),
        ("scaling down", json!({}), json!({"replicas": 4}), false),
        (
            "none wanted",
            json!({"replicas": 0}),
            json!({"replicas": 0, "readyReplicas": 0, "availableReplicas": 0, "updatedReplicas": 0}),
            true,
        ),
        ("not observed", json!({}), json!({"observedGeneration": 0}), false),
    ] {
        let verdict = Watching::new(vec![expect("StatefulSet", "db")]).at(0, &stateful(spec, status));
        assert_eq!(verdict == Verdict::Ready, ready, "{what}: {verdict:?}");
    }
}

#[test]
fn an_ordered_stateful_set_that_is_stuck_on_an_old_pod_says_what_to_do() {
    let broken = |hash: &str| {
        let mut pod = pod("db-0", "db", waits("ImagePullBackOff", "manifest unknown"));
        pod["metadata"]["labels"] = json!({"controller-revision-hash": hash});
        pod
    };
    let status = json!({"readyReplicas": 0, "updatedReplicas": 0, "currentRevision": "a", "replicas": 1});
    let mut snapshot = stateful(json!({"replicas": 1}), status.clone());
    snapshot.pods = vec![object(broken("a"))];
    let mut watching = Watching::new(vec![expect("StatefulSet", "db")]);
    assert_eq!(waiting(watching.at(0, &snapshot))[0].reason, "OldRevisionNotReady");
    let findings = failed(watching.at(31, &snapshot));
    assert!(findings[0].message.ends_with("kubectl -n ns delete pod db-0"), "{}", findings[0]);
    // In parallel it replaces the pod by itself.
    let mut snapshot = stateful(json!({"replicas": 1, "podManagementPolicy": "Parallel"}), status);
    snapshot.pods = vec![object(broken("a"))];
    let mut watching = Watching::new(vec![expect("StatefulSet", "db")]);
    assert_eq!(waiting(watching.over([0, 31, 62], &snapshot))[0].reason, "Progressing");
    snapshot.pods = vec![object(broken("b"))];
    assert_eq!(failed(watching.over([63, 94], &snapshot))[0].pod.as_deref(), Some("db-0"));
}

fn daemon_set(desired: u32, updated: u32, available: u32) -> Snapshot {
    let body = json!({
        "metadata": {"name": "dn", "namespace": "ns", "uid": "dn", "generation": 1,
            "annotations": {"deprecated.daemonset.template.generation": "2"}},
        "spec": {"selector": {}, "template": {}},
        "status": {"observedGeneration": 1, "desiredNumberScheduled": desired, "currentNumberScheduled": desired,
            "numberMisscheduled": 0, "numberReady": available, "updatedNumberScheduled": updated, "numberAvailable": available,
            "numberUnavailable": desired - available}
    });
    Snapshot { daemon_sets: vec![object(body)], ..Snapshot::default() }
}

#[test]
fn daemon_sets() {
    let mut watching = Watching::new(vec![expect("DaemonSet", "dn")]);
    assert_eq!(watching.at(0, &daemon_set(2, 2, 2)), Verdict::Ready);
    assert_eq!(waiting(watching.at(1, &daemon_set(2, 1, 2)))[0].message, "1 of 2 pods are of the new revision");
    assert_eq!(waiting(watching.at(2, &daemon_set(2, 2, 1)))[0].message, "1 of 2 pods are available");
    // A pod of the generation before is on its way out, whatever ails it.
    let mut snapshot = daemon_set(2, 1, 1);
    let mut old = pod("dn-x", "dn", waits("InvalidImageName", ""));
    old["metadata"]["labels"] = json!({"pod-template-generation": "1"});
    snapshot.pods = vec![object(old)];
    assert_eq!(waiting(watching.over([3, 60], &snapshot))[0].reason, "Progressing");
}

#[test]
fn a_daemon_set_that_matches_no_node_is_not_ready() {
    let mut watching = Watching::new(vec![expect("DaemonSet", "dn")]);
    assert!(waiting(watching.at(0, &daemon_set(0, 0, 0)))[0].message.starts_with("no node matches"));
    assert_eq!(failed(watching.at(30, &daemon_set(0, 0, 0)))[0].reason, "NoNodeMatches");
    watching.policy.allow_empty_daemonsets = true;
    assert_eq!(watching.at(31, &daemon_set(0, 0, 0)), Verdict::Ready);
}

fn job(spec: Value, condition: Value) -> Snapshot {
    let mut status = json!({});
    if !condition.is_null() {
        status["conditions"] = json!([condition]);
    }
    let mut spec = spec;
    spec["template"] = json!({});
    let body = json!({"metadata": {"name": "once", "namespace": "ns", "uid": "once"}, "spec": spec, "status": status});
    Snapshot { jobs: vec![object(body)], ..Snapshot::default() }
}

#[test]
fn jobs() {
    let mut watching = Watching::new(vec![expect("Job", "once")]);
    assert_eq!(watching.at(0, &job(json!({}), json!({"type": "Complete", "status": "True"}))), Verdict::Ready);
    assert_eq!(watching.at(1, &job(json!({"suspend": true}), Value::Null)), Verdict::Ready);
    assert_eq!(waiting(watching.at(2, &job(json!({}), Value::Null)))[0].reason, "Running");
    let condition = json!({"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "Job has reached the specified backoff limit"});
    let mut snapshot = job(json!({}), condition);
    let mut last = pod("once-b", "once", json!({"state": {"terminated": {"exitCode": 2, "reason": "Error"}}}));
    last["status"]["phase"] = json!("Failed");
    snapshot.pods = vec![object(last)];
    let findings = failed(watching.at(3, &snapshot));
    assert_eq!(findings[0].reason, "BackoffLimitExceeded");
    assert_eq!((findings[0].pod.as_deref(), findings[0].container.as_deref()), (Some("once-b"), Some("main")));
    assert!(findings[0].message.ends_with("exited once, with code 2"), "{}", findings[0]);
}

#[test]
fn a_job_counts_its_crashes_itself_but_an_image_is_an_image() {
    let mut watching = Watching::new(vec![expect("Job", "once")]);
    let mut snapshot = job(json!({}), Value::Null);
    let mut crashing = waits("CrashLoopBackOff", "");
    crashing["restartCount"] = json!(5);
    snapshot.pods = vec![object(pod("once-a", "once", crashing))];
    assert_eq!(waiting(watching.over([0, 99], &snapshot))[0].reason, "CrashLoopBackOff");
    snapshot.pods = vec![object(pod("once-b", "once", waits("ImagePullBackOff", "manifest unknown")))];
    assert_eq!(failed(watching.over([100, 131], &snapshot))[0].reason, "ImagePullBackOff");
}

#[test]
fn what_is_not_there_is_missing_unless_it_cleans_up_after_itself() {
    let mut watching = Watching::new(vec![expect("Job", "once"), expect("Deployment", "web")]);
    watching.expected[0].cleans_up = true;
    let findings = waiting(watching.at(0, &Snapshot::default()));
    assert_eq!((findings.len(), findings[0].object.name.as_str()), (1, "web"));
    assert_eq!(failed(watching.at(30, &Snapshot::default()))[0].reason, "Missing");
}

#[test]
fn bare_pods() {
    let mut watching = Watching::new(vec![expect("Pod", "p")]);
    let with = |status: Value| {
        let body = json!({"metadata": {"name": "p", "namespace": "ns", "uid": "p"}, "spec": {"containers": []}, "status": status});
        Snapshot { pods: vec![object(body)], ..Snapshot::default() }
    };
    let ready = json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]});
    assert_eq!(watching.at(0, &with(ready)), Verdict::Ready);
    assert_eq!(watching.at(1, &with(json!({"phase": "Succeeded"}))), Verdict::Ready);
    let evicted = json!({"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."});
    let findings = failed(watching.at(2, &with(evicted)));
    assert_eq!(
        (findings[0].reason.as_str(), findings[0].message.as_str()),
        ("Evicted", "The node was low on resource: memory.")
    );
}

#[test]
fn pods_that_run_to_their_end() {
    let policy = ReadyPolicy::default();
    let mut memory = Memory::new(START.parse().unwrap());
    let mut at =
        |second, snapshot: &Snapshot| ended("ns", "app=x", snapshot, &mut memory, &policy, Duration::from_secs(second));
    let driver = |phase: &str, container: Value| {
        let mut driver = pod("driver", "nobody", container);
        driver["status"]["phase"] = json!(phase);
        Snapshot { pods: vec![object(driver)], ..Snapshot::default() }
    };
    assert_eq!(waiting(at(0, &Snapshot::default()))[0].reason, "Missing");
    let running = {
        let mut running = pod("driver", "nobody", json!({"ready": true, "state": {"running": {}}}));
        running["status"]["conditions"][1]["status"] = json!("True");
        Snapshot { pods: vec![object(running)], ..Snapshot::default() }
    };
    assert_eq!(waiting(at(1, &running))[0].reason, "Running");
    assert_eq!(at(2, &driver("Failed", json!({}))), Verdict::Ready, "ended is ended; how is not asked here");
    assert_eq!(at(3, &driver("Succeeded", json!({}))), Verdict::Ready);
    let no_image = driver("Pending", waits("ErrImagePull", "manifest unknown"));
    at(4, &no_image);
    assert_eq!(failed(at(34, &no_image))[0].reason, "ErrImagePull");
}

#[test]
fn nodes_that_are_down_do_not_count_and_are_reported() {
    let on = |node: &str, container: Value| {
        let mut pod = pod(&format!("dn-{node}"), "dn", container);
        pod["spec"]["nodeName"] = json!(node);
        pod
    };
    let mut snapshot = daemon_set(3, 2, 1);
    snapshot.pods = vec![
        object(on("n2", waits("ImagePullBackOff", "not found"))),
        object(on("n3", json!({"state": {"running": {}}}))),
    ];
    let mut watching = Watching::new(vec![expect("DaemonSet", "dn")]);
    assert_eq!(waiting(watching.at(0, &snapshot)).len(), 2);
    snapshot.down_nodes = [("n3".to_owned(), "not ready".to_owned()), ("n2".to_owned(), "cordoned".to_owned())].into();
    assert_eq!(watching.at(1, &snapshot), Verdict::Ready);
    assert_eq!(watching.memory.uncounted["DaemonSet ns/dn"], "n2 (cordoned), n3 (not ready)");
    // A node that has no pod at all, and one that is well and whose pod is not.
    snapshot.down_nodes = [("n4".to_owned(), "not ready".to_owned())].into();
    let findings = waiting(watching.at(2, &snapshot));
    assert_eq!(findings.len(), 2, "{findings:?}");
    assert!(watching.memory.uncounted.is_empty());
}

#[test]
fn hooks_are_judged_while_helm_waits() {
    use crate::driver::kube::ready::hooks::{created_since, judge_hooks};
    let since = "2026-01-01T12:00:00Z".parse::<Timestamp>().unwrap();
    let job = |created: &str, failed: bool| {
        let conditions = if failed { json!([{"type": "Failed", "status": "True", "reason": "X"}]) } else { json!([]) };
        object(json!({"metadata": {"name": "migrate", "namespace": "ns", "uid": created, "creationTimestamp": created},
            "status": {"conditions": conditions}}))
    };
    let expected = [expect("Job", "migrate")];
    let (mut memory, policy) = (Memory::new(since), ReadyPolicy::default());
    let mut judged = |snapshot: &Snapshot, second: u64| {
        let snapshot = created_since(snapshot, since);
        judge_hooks(&expected, &snapshot, &mut memory, &policy, Duration::from_secs(second))
    };
    assert_eq!(judged(&Snapshot::default(), 0), Verdict::Waiting(Vec::new()), "Helm has not made it yet");
    let old = Snapshot { jobs: vec![job(YESTERDAY, true)], ..Snapshot::default() };
    assert_eq!(judged(&old, 1), Verdict::Waiting(Vec::new()), "of an earlier revision");
    let mut new = Snapshot { jobs: vec![job(JUST_NOW, false)], ..Snapshot::default() };
    assert_eq!(waiting(judged(&new, 2))[0].reason, "Running");
    new.pods = vec![object(pod("migrate-x", JUST_NOW, waits("InvalidImageName", "couldn't parse image name")))];
    let findings = failed(judged(&new, 3));
    assert_eq!((findings[0].pod.as_deref(), findings[0].reason.as_str()), (Some("migrate-x"), "InvalidImageName"));
}

#[test]
fn pods_are_watched_by_the_labels_that_they_share() {
    use crate::driver::kube::ready::snapshot::{expected, selector};
    use crate::model::cluster::ManifestObject;
    let workload = |kind: &str, labels: Value| {
        let (version, body) = match kind {
            "Pod" => ("v1", json!({"metadata": {"labels": labels}})),
            "PersistentVolumeClaim" => ("v1", json!({})),
            _ => ("apps/v1", json!({"spec": {"template": {"metadata": {"labels": labels}}}})),
        };
        ManifestObject { object: ObjectRef::namespaced(version, kind, "ns", "x"), body }
    };
    let found = |objects: &[ManifestObject]| {
        let expected = expected(objects);
        selector(&expected.iter().collect::<Vec<_>>())
    };
    let first = workload("Deployment", json!({"app": "a", "of": "rel", "in": "x"}));
    let second = workload("Pod", json!({"app": "b", "of": "rel", "in": "x"}));
    let claim = workload("PersistentVolumeClaim", Value::Null);
    assert_eq!(found(&[first.clone(), claim.clone(), second]).as_deref(), Some("in=x,of=rel"));
    assert_eq!(found(&[first, workload("StatefulSet", json!({"app": "b"}))]), None);
    assert_eq!(found(&[claim]), None);
}
