use super::*;

const NOT_FOUND: &str =
    "rpc error: code = NotFound desc = failed to resolve reference \"registry:5000/a/web:1\": not found";

#[test]
fn an_unknown_manifest_is_final_when_seen_twice() {
    let mut watching = Watching::new(vec![expect("Deployment", "web")]);
    let failing = |reason: &str, count: u32| {
        let event =
            event("p", "Failed", &format!("Failed to pull image \"registry:5000/a/web:1\": {NOT_FOUND}"), count);
        with_pod(pod("p", "web-new", waits(reason, NOT_FOUND)), vec![event])
    };
    assert!(!waiting(watching.at(0, &failing("ErrImagePull", 1)))[0].fatal);
    assert!(!waiting(watching.at(1, &failing("ImagePullBackOff", 1)))[0].fatal, "the same attempt");
    let findings = failed(watching.at(11, &failing("ErrImagePull", 2)));
    let text = findings[0].to_string();
    assert!(
        text.starts_with(
            "Deployment ns/web pod p container main: ErrImagePull: image registry:5000/a/web:1 (event Failed: Failed"
        ),
        "{text}"
    );
}

#[test]
fn sightings_are_counted_without_events_too() {
    let mut watching = Watching::new(vec![expect("Deployment", "web")]);
    let failing = |reason: &str| with_pod(pod("p", "web-new", waits(reason, NOT_FOUND)), vec![]);
    waiting(watching.at(0, &failing("ErrImagePull")));
    waiting(watching.at(2, &failing("ImagePullBackOff")));
    failed(watching.at(12, &failing("ErrImagePull")));
}

#[test]
fn other_pull_errors_may_recover_within_thirty_seconds() {
    let mut watching = Watching::new(vec![expect("Deployment", "web")]);
    let failing = |reason: &str, count: u32| {
        let event = event("p", "Failed", "Failed to pull image \"x\": unexpected status: 401 Unauthorized", count);
        with_pod(pod("p", "web-new", waits(reason, "Back-off pulling image")), vec![event])
    };
    for (second, reason, count) in [(0, "ErrImagePull", 1), (10, "ErrImagePull", 2), (29, "ImagePullBackOff", 3)] {
        waiting(watching.at(second, &failing(reason, count)));
    }
    failed(watching.at(30, &failing("ImagePullBackOff", 3)));
}

#[test]
fn a_pull_that_recovers_starts_again() {
    let mut watching = Watching::new(vec![expect("Deployment", "web")]);
    let failing = with_pod(pod("p", "web-new", waits("ErrImagePull", "401 Unauthorized")), vec![]);
    let creating = with_pod(pod("p", "web-new", waits("ContainerCreating", "")), vec![]);
    waiting(watching.over([0, 20], &failing));
    assert_eq!(waiting(watching.at(21, &creating))[0].reason, "ContainerCreating");
    waiting(watching.over([22, 45], &failing));
    failed(watching.at(52, &failing));
}

#[test]
fn an_event_about_another_container_is_not_mistaken() {
    let mut watching = Watching::new(vec![expect("Deployment", "web")]);
    let mut other = event("p", "Failed", "Failed to pull image \"sidecar\": manifest unknown", 5);
    other["involvedObject"]["fieldPath"] = json!("spec.containers{sidecar}");
    let snapshot = with_pod(pod("p", "web-new", waits("ErrImagePull", "i/o timeout")), vec![other]);
    let findings = waiting(watching.at(0, &snapshot));
    assert_eq!(findings[0].event, None);
}

fn crashing(restarts: u32, state: Value, last_exit: i32) -> Value {
    let mut container =
        json!({"restartCount": restarts, "lastState": {"terminated": {"exitCode": last_exit, "reason": "Error"}}});
    container["state"] = state;
    container
}

#[test]
fn three_exits_are_a_crash_loop() {
    let mut watching = Watching::new(vec![expect("Deployment", "web")]);
    let backoff =
        || json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s restarting failed container"}});
    let ended = json!({"terminated": {"exitCode": 1, "reason": "Error"}});
    let at = |container: Value| with_pod(pod("p", "web-new", container), vec![]);
    let first = waiting(watching.at(1, &at(crashing(0, ended, 1))));
    assert_eq!(first[0].message, "exited once, with code 1");
    let running = waiting(watching.at(2, &at(crashing(1, json!({"running": {}}), 1))));
    assert_eq!(running[0].reason, "NotReady");
    assert_eq!(waiting(watching.at(3, &at(crashing(1, backoff(), 1))))[0].message, "exited 2 times, last with code 1");
    let third = failed(watching.at(14, &at(crashing(2, backoff(), 137))));
    assert_eq!(
        (third[0].reason.as_str(), third[0].message.as_str()),
        ("CrashLoopBackOff", "exited 3 times, last with code 137")
    );
}

#[test]
fn a_container_that_runs_again_is_given_its_chance() {
    let mut watching = Watching::new(vec![expect("Deployment", "web")]);
    let running = crashing(4, json!({"running": {}}), 1);
    let findings = waiting(watching.over([1, 90], &with_pod(pod("p", "web-new", running), vec![])));
    assert_eq!(findings[0].message, "running but not ready; exited 4 times, last with code 1");
}

#[test]
fn what_a_pod_exited_before_the_wait_does_not_count() {
    // Livy crashed for an hour while HDFS was away; HDFS is back, and its next start will succeed.
    let mut watching = Watching::new(vec![expect("Deployment", "web")]);
    let backoff = json!({"waiting": {"reason": "CrashLoopBackOff", "message": ""}});
    let at = |restarts: u32| {
        let mut old = pod("p", "web-new", crashing(restarts, backoff.clone(), 1));
        old["metadata"]["creationTimestamp"] = json!(YESTERDAY);
        with_pod(old, vec![])
    };
    waiting(watching.over([0, 60], &at(12)));
    waiting(watching.at(61, &at(13)));
    waiting(watching.at(62, &at(14)));
    failed(watching.at(63, &at(15)));
    // One that was well when the wait began is counted from there, too.
    let mut watching = Watching::new(vec![expect("Deployment", "web")]);
    let mut well = pod("p", "web-new", json!({"restartCount": 7, "ready": true, "state": {"running": {}}}));
    well["metadata"]["creationTimestamp"] = json!(YESTERDAY);
    well["status"]["conditions"][1]["status"] = json!("True");
    waiting(watching.at(0, &with_pod(well, vec![])));
    waiting(watching.at(1, &at(7)));
}

#[test]
fn what_the_step_before_has_just_made_is_counted_whole() {
    // Helm made it, and it exited once before the wait began.
    let mut watching = Watching::new(vec![expect("Deployment", "web")]);
    let at = |restarts: u32| {
        let mut made = pod(
            "p",
            "web-new",
            crashing(restarts, json!({"waiting": {"reason": "CrashLoopBackOff", "message": ""}}), 1),
        );
        made["metadata"]["creationTimestamp"] = json!("2026-01-01T11:59:57Z");
        with_pod(made, vec![])
    };
    waiting(watching.over([0, 10], &at(1)));
    failed(watching.at(11, &at(3)));
}

#[test]
fn out_of_memory_is_named() {
    let mut watching = Watching::new(vec![expect("Deployment", "web")]);
    let killed = json!({"state": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}});
    let findings = waiting(watching.at(0, &with_pod(pod("p", "web-new", killed), vec![])));
    assert_eq!(findings[0].message, "exited once, with code 137 (OOMKilled: it needs more memory than its limit)");
}

#[test]
fn a_missing_secret_is_final_after_thirty_seconds() {
    let mut watching = Watching::new(vec![expect("Deployment", "web")]);
    let snapshot = with_pod(pod("p", "web-new", waits("CreateContainerConfigError", "secret \"s\" not found")), vec![]);
    waiting(watching.over([0, 29], &snapshot));
    assert_eq!(failed(watching.at(30, &snapshot))[0].message, "secret \"s\" not found");
    // The same Secret mounted as a volume.
    let mut watching = Watching::new(vec![expect("Deployment", "web")]);
    let mount = event("p", "FailedMount", "MountVolume.SetUp failed for volume \"v\" : secret \"s\" not found", 4);
    let snapshot = with_pod(pod("p", "web-new", waits("ContainerCreating", "")), vec![mount]);
    waiting(watching.over([0, 29], &snapshot));
    let findings = failed(watching.at(30, &snapshot));
    assert_eq!(findings[0].reason, "FailedMount");
    assert!(findings[0].event.as_deref().unwrap().contains("secret \"s\" not found"));
    // A volume that takes its time is not final.
    let mut watching = Watching::new(vec![expect("Deployment", "web")]);
    let attach = event("p", "FailedAttachVolume", "Multi-Attach error for volume \"pvc-1\": not found on node", 4);
    let snapshot = with_pod(pod("p", "web-new", waits("ContainerCreating", "")), vec![attach]);
    waiting(watching.over([0, 120], &snapshot));
}

#[test]
fn init_containers_are_named() {
    let mut watching = Watching::new(vec![expect("Deployment", "web")]);
    let with_init = |init: Value| {
        let mut body = pod("p", "web-new", waits("PodInitializing", ""));
        let mut status = json!({"name": "format", "image": "", "imageID": "", "ready": false, "restartCount": 0});
        status.as_object_mut().unwrap().extend(init.as_object().unwrap().clone());
        body["status"]["initContainerStatuses"] = json!([status]);
        with_pod(body, vec![])
    };
    let running = waiting(watching.at(0, &with_init(json!({"state": {"running": {}}}))));
    assert_eq!((running[0].container.as_deref(), running[0].reason.as_str()), (Some("format"), "Initializing"));
    let done =
        waiting(watching.at(1, &with_init(json!({"state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}))));
    assert_eq!(done[0].reason, "ContainerCreating");
    // A sidecar runs on, which is its readiness.
    let sidecar = waiting(watching.at(2, &with_init(json!({"started": true, "state": {"running": {}}}))));
    assert_eq!(sidecar[0].container, None);
    let crash = crashing(2, json!({"waiting": {"reason": "CrashLoopBackOff"}}), 1);
    let findings = failed(watching.at(3, &with_init(crash)));
    assert_eq!(findings[0].container.as_deref(), Some("format"));
}

#[test]
fn a_probe_that_fails_is_shown_by_its_event() {
    let mut watching = Watching::new(vec![expect("Deployment", "web")]);
    let unhealthy = event("p", "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503", 9);
    let running = json!({"started": true, "state": {"running": {}}});
    let findings = waiting(watching.over([0, 600], &with_pod(pod("p", "web-new", running), vec![unhealthy])));
    assert_eq!(findings[0].reason, "NotReady");
    assert!(
        findings[0]
            .to_string()
            .ends_with("(event Unhealthy: Readiness probe failed: HTTP probe failed with statuscode: 503)")
    );
}

#[test]
fn running_without_a_probe_has_to_last() {
    let mut watching = Watching::new(vec![expect("Deployment", "web")]);
    let running = |created: &str, probe: Value| {
        let mut body = pod("p", "web-new", json!({"ready": true, "state": {"running": {}}}));
        body["metadata"]["creationTimestamp"] = json!(created);
        body["spec"]["containers"][0]["readinessProbe"] = probe;
        body["status"]["phase"] = json!("Running");
        body["status"]["conditions"][1]["status"] = json!("True");
        Snapshot { pods: vec![object(body)], ..deployment(1, 1, 1) }
    };
    let unprobed = running(JUST_NOW, Value::Null);
    assert_eq!(waiting(watching.over([0, 4], &unprobed))[0].reason, "Settling");
    let crashed = with_pod(pod("p", "web-new", json!({"state": {"terminated": {"exitCode": 1}}})), vec![]);
    waiting(watching.at(4, &crashed));
    assert_eq!(waiting(watching.over([5, 9], &unprobed))[0].reason, "Settling", "counted anew");
    assert_eq!(watching.at(10, &unprobed), Verdict::Ready);

    let mut watching = Watching::new(vec![expect("Deployment", "web")]);
    assert_eq!(watching.at(0, &running(JUST_NOW, json!({"tcpSocket": {"port": 1}}))), Verdict::Ready);
    assert_eq!(watching.at(1, &running(YESTERDAY, Value::Null)), Verdict::Ready, "nothing was started");
}

#[test]
fn only_pulls_that_failed_after_the_wait_began_count() {
    // The image was pushed since; the kubelet tries again within five minutes.
    let mut watching = Watching::new(vec![expect("Deployment", "web")]);
    let failing = |reason: &str, count: u32, last: &str| {
        let mut event = event("p", "Failed", &format!("Failed to pull image \"web:1\": {NOT_FOUND}"), count);
        event["lastTimestamp"] = json!(last);
        let mut old = pod("p", "web-new", waits(reason, NOT_FOUND));
        old["metadata"]["creationTimestamp"] = json!(YESTERDAY);
        with_pod(old, vec![event])
    };
    let findings = waiting(watching.over([0, 1, 60, 290], &failing("ImagePullBackOff", 40, YESTERDAY)));
    assert!(findings[0].message.contains("seen before this wait"), "{}", findings[0]);
    let findings = waiting(watching.at(291, &failing("ErrImagePull", 41, JUST_NOW)));
    assert!(!findings[0].message.contains("seen before this wait"), "{}", findings[0]);
    waiting(watching.at(292, &failing("ImagePullBackOff", 41, JUST_NOW)));
    failed(watching.at(300, &failing("ErrImagePull", 42, JUST_NOW)));
    // The state tells as much where events may not be seen, and a name that cannot be one needs no try.
    let old = |reason: &str| {
        let mut snapshot = failing(reason, 1, YESTERDAY);
        snapshot.events.clear();
        snapshot
    };
    let mut watching = Watching::new(vec![expect("Deployment", "web")]);
    waiting(watching.over([0, 100], &old("ErrImagePull")));
    waiting(watching.over([101], &old("ImagePullBackOff")));
    waiting(watching.over([102], &old("ErrImagePull")));
    waiting(watching.over([103], &old("ImagePullBackOff")));
    failed(watching.over([104], &old("ErrImagePull")));
    failed(Watching::new(vec![expect("Deployment", "web")]).at(0, &old("InvalidImageName")));
}

#[test]
fn a_pod_of_a_minute_ago_starts_again_as_well() {
    let mut watching = Watching::new(vec![expect("Deployment", "web")]);
    let at = |restarts: u32| {
        let backoff = json!({"waiting": {"reason": "CrashLoopBackOff", "message": ""}});
        let mut young = pod("p", "web-new", crashing(restarts, backoff, 1));
        young["metadata"]["creationTimestamp"] = json!("2026-01-01T11:59:30Z");
        with_pod(young, vec![])
    };
    waiting(watching.over([0, 20], &at(3)));
    failed(watching.at(21, &at(6)));
}

#[test]
fn a_mount_that_failed_before_is_waited_for() {
    let mut watching = Watching::new(vec![expect("Deployment", "web")]);
    let mounting = |last: &str| {
        let mut event = event("p", "FailedMount", "MountVolume.SetUp failed: secret \"s\" not found", 3);
        event["lastTimestamp"] = json!(last);
        with_pod(pod("p", "web-new", waits("ContainerCreating", "")), vec![event])
    };
    waiting(watching.over([0, 60], &mounting(YESTERDAY)));
    failed(watching.over([61, 92], &mounting(JUST_NOW)));
}
