//! The kube and helm drivers against a real cluster: `WINDLASS_E2E=1 cargo test --test all -- --ignored kube_sandbox::`,
//! with the sandbox up. Each test has a namespace of its own, `k-…`, and removes it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_util::sync::CancellationToken;
use windlass::driver::helm::{FailureKind, FindHelm, Helm, Template, Upgrade};
use windlass::driver::kube::{Cluster, ConnectOptions, NotReady, Tunnels, WaitError, parse_manifest};
use windlass::model::cluster::{
    DriftKind, ManifestObject, ObjectRef, ReadyPolicy, ReleaseKey, ReleaseState, ReleaseStatus,
};
use windlass::model::{Progress, ProgressSink, Secret, silent};

const IMAGE: &str = "10.97.0.2:5000/sandbox/busybox:1";

fn sandbox() -> PathBuf {
    assert!(std::env::var_os("WINDLASS_E2E").is_some(), "set WINDLASS_E2E=1 to run these against the sandbox");
    std::env::var_os("WINDLASS_SANDBOX_DIR").map_or_else(|| PathBuf::from("/var/lib/windlass/sandbox"), PathBuf::from)
}

/// A namespace with Helm and a pull secret in it, removed at the end whatever happens.
struct Stage {
    cluster: Cluster,
    helm: Helm,
    namespace: String,
}

impl Stage {
    async fn new(name: &str) -> Self {
        let options = ConnectOptions { kubeconfig: Some(sandbox().join("kubeconfig")), ..ConnectOptions::default() };
        let cluster = Cluster::connect(&options).await.unwrap();
        let places = FindHelm { sandbox: Some(sandbox().join("bin/helm")), ..FindHelm::default() };
        let helm = Helm::find(&places).await.unwrap().for_target(cluster.helm_target());
        let namespace = format!("k-{name}-{:04x}", std::process::id() & 0xffff);
        let labels = BTreeMap::from([("windlass-test".to_owned(), "kube".to_owned())]);
        cluster.ensure_namespace(&namespace, &labels).await.unwrap();
        let auth = std::fs::read_to_string(sandbox().join("registry-auth.json")).unwrap();
        let data = BTreeMap::from([(".dockerconfigjson".to_owned(), Secret::new(auth))]);
        cluster
            .apply_secret(&namespace, "pull", "kubernetes.io/dockerconfigjson", &data, &BTreeMap::new())
            .await
            .unwrap();
        Self { cluster, helm, namespace }
    }

    fn key(&self, name: &str) -> ReleaseKey {
        ReleaseKey::new(&self.namespace, name)
    }

    /// Installs these objects as a release and gives what Helm recorded.
    async fn release(&self, name: &str, objects: Value) -> ReleaseState {
        let upgrade = Upgrade::new(self.key(name), chart(), json!({ "objects": objects }), "run=test");
        self.helm.upgrade(&upgrade, None, &CancellationToken::new()).await.unwrap();
        self.cluster.releases(&[self.key(name)]).await.unwrap().remove(&self.key(name)).unwrap()
    }

    async fn not_ready(&self, release: &ReleaseState, seconds: u64) -> NotReady {
        let deadline = Duration::from_secs(seconds);
        let policy = ReadyPolicy::default();
        match self.cluster.wait_ready(&release.manifest, &policy, deadline, &silent()).await {
            Err(WaitError::NotReady(not_ready)) => not_ready,
            other => panic!("{other:?}"),
        }
    }

    async fn end(self) {
        let namespace = ObjectRef::cluster_wide("v1", "Namespace", &self.namespace);
        assert!(self.cluster.delete(&namespace).await.unwrap());
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let kubeconfig = sandbox().join("kubeconfig");
            let mut kubectl = std::process::Command::new(sandbox().join("bin/kubectl"));
            let _ = kubectl
                .args(["delete", "namespace", "--wait=false", &self.namespace])
                .env("KUBECONFIG", kubeconfig)
                .status();
        }
    }
}

fn chart() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fakes/chart-any")
}

fn script(text: &str) -> Value {
    json!(["/bin/sh", "-c", text])
}

fn pod_spec(image: &str, command: &Value) -> Value {
    json!({
        "imagePullSecrets": [{"name": "pull"}],
        "terminationGracePeriodSeconds": 0,
        "containers": [{"name": "main", "image": image, "command": command}]
    })
}

fn deployment(name: &str, spec: Value) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": spec}}
    })
}

#[tokio::test]
#[ignore = "needs the sandbox"]
async fn an_image_that_does_not_exist_fails_fast_and_is_named() {
    let stage = Stage::new("image").await;
    let spec = pod_spec("10.97.0.2:5000/sandbox/busybox:nope", &script("sleep 1000"));
    let release = stage.release("bad", json!([deployment("bad", spec)])).await;
    assert_eq!((release.status.clone(), release.revision), (ReleaseStatus::Deployed, 1));

    let start = Instant::now();
    let not_ready = stage.not_ready(&release, 120).await;
    let finding = &not_ready.findings[0];
    println!("after {:?}: {not_ready}", start.elapsed());
    assert!(start.elapsed() < Duration::from_secs(45) && !not_ready.timed_out);
    assert!(finding.fatal && finding.pod.as_deref().unwrap().starts_with("bad-"));
    assert_eq!(finding.container.as_deref(), Some("main"));
    assert!(finding.to_string().contains("10.97.0.2:5000/sandbox/busybox:nope"));
    assert!(finding.event.as_deref().unwrap().contains("Failed to pull image"), "{finding}");
    stage.end().await;
}

#[tokio::test]
#[ignore = "needs the sandbox"]
async fn a_crash_loop_shows_the_last_lines() {
    let stage = Stage::new("crash").await;
    let jwt = format!("eyJ{}.{}.{}", "a".repeat(20), "b".repeat(30), "c".repeat(20));
    let spec = pod_spec(IMAGE, &script(&format!("echo token {jwt}; echo cannot find my database; exit 7")));
    let release = stage.release("crash", json!([deployment("crash", spec)])).await;
    let start = Instant::now();
    let not_ready = stage.not_ready(&release, 120).await;
    println!("after {:?}: {not_ready}", start.elapsed());
    let finding = &not_ready.findings[0];
    assert!(start.elapsed() < Duration::from_secs(60) && !not_ready.timed_out);
    assert!(finding.message.contains("exited 3 times, last with code 7"), "{finding}");
    assert_eq!(finding.log, ["token (token)", "cannot find my database"]);
    stage.end().await;
}

#[tokio::test]
#[ignore = "needs the sandbox"]
async fn a_pod_that_fits_nowhere_is_said_to() {
    let stage = Stage::new("sched").await;
    let mut spec = pod_spec(IMAGE, &script("sleep 1000"));
    spec["containers"][0]["resources"] = json!({"requests": {"cpu": "500"}});
    let release = stage.release("big", json!([deployment("big", spec)])).await;
    let start = Instant::now();
    let not_ready = stage.not_ready(&release, 120).await;
    println!("after {:?}: {not_ready}", start.elapsed());
    let finding = &not_ready.findings[0];
    assert_eq!(finding.reason, "Unschedulable");
    assert!(finding.message.contains("Insufficient cpu"), "{finding}");
    assert!(start.elapsed() > Duration::from_secs(29) && start.elapsed() < Duration::from_secs(50));
    stage.end().await;
}

#[tokio::test]
#[ignore = "needs the sandbox"]
async fn pod_security_refuses_and_a_missing_secret_stops() {
    let stage = Stage::new("refuse").await;
    let labels = json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}});
    let api: kube::Api<k8s_openapi::api::core::v1::Namespace> = kube::Api::all(stage.cluster.client());
    api.patch(&stage.namespace, &Default::default(), &kube::api::Patch::Merge(&labels)).await.unwrap();
    let release = stage.release("refused", json!([deployment("refused", pod_spec(IMAGE, &script("true")))])).await;
    let start = Instant::now();
    let not_ready = stage.not_ready(&release, 60).await;
    println!("after {:?}: {not_ready}", start.elapsed());
    assert_eq!(not_ready.findings[0].reason, "FailedCreate");
    assert!(not_ready.findings[0].message.contains("violates PodSecurity"));
    assert!(start.elapsed() < Duration::from_secs(20));

    let mut spec = pod_spec(IMAGE, &script("sleep 1000"));
    spec["securityContext"] =
        json!({"runAsNonRoot": true, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}});
    spec["containers"][0]["securityContext"] =
        json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}});
    spec["containers"][0]["env"] =
        json!([{"name": "A", "valueFrom": {"secretKeyRef": {"name": "absent", "key": "a"}}}]);
    let release = stage.release("config", json!([deployment("config", spec)])).await;
    let start = Instant::now();
    let not_ready = stage.not_ready(&release, 90).await;
    println!("after {:?}: {not_ready}", start.elapsed());
    assert_eq!(not_ready.findings[0].reason, "CreateContainerConfigError");
    assert!(not_ready.findings[0].message.contains("secret \"absent\" not found"));
    stage.end().await;
}

#[tokio::test]
#[ignore = "needs the sandbox"]
async fn statefulset_job_claim_and_daemonset_become_ready_and_drift_is_seen() {
    let stage = Stage::new("ready").await;
    let spec = |command: &str| pod_spec(IMAGE, &script(command));
    let template = |spec: Value| json!({"metadata": {"labels": {"app": "all"}}, "spec": spec});
    let mut stateful = spec("sleep 1000");
    stateful["containers"][0]["volumeMounts"] = json!([{"name": "data", "mountPath": "/data"}]);
    stateful["containers"][0]["resources"] = json!({"requests": {"cpu": 0.01, "memory": "16Mi"}});
    let mut job = spec("exit 0");
    job["restartPolicy"] = json!("Never");
    let objects = json!([
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "conf"}, "data": {"mode": "on"}},
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "sec"}, "stringData": {"a": "b"}},
        {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "unused"},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "16Mi"}}}},
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "all"},
            "spec": {"clusterIP": "None", "selector": {"app": "all"}, "ports": [{"port": 80}]}},
        {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "all"},
            "spec": {"serviceName": "all", "replicas": 2, "podManagementPolicy": "Parallel",
                "selector": {"matchLabels": {"app": "all"}}, "template": template(stateful),
                "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec":
                    {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "16Mi"}}}}]}},
        {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "each"},
            "spec": {"selector": {"matchLabels": {"app": "all"}}, "template": template(spec("sleep 1000"))}},
        {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "once"},
            "spec": {"template": {"spec": job}}},
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": {"name": format!("{}-none", stage.namespace)}, "rules": []},
    ]);
    let release = stage.release("all", objects.clone()).await;
    assert_eq!(release.chart_annotations["windlass/test"], "yes");
    assert_eq!(release.config, json!({ "objects": objects }));
    assert_eq!((release.description.as_str(), release.manifest.len()), ("run=test", 8));

    let said = Arc::new(Mutex::new(Vec::new()));
    let sink: ProgressSink = {
        let said = said.clone();
        Arc::new(move |progress| said.lock().unwrap().push(progress))
    };
    let start = Instant::now();
    let policy = ReadyPolicy::default();
    let wait = stage.cluster.wait_ready(&release.manifest, &policy, Duration::from_secs(180), &sink);
    // It must run on any thread of the engine.
    fn is_send<T: Send>(future: T) -> T {
        future
    }
    is_send(wait).await.unwrap();
    println!("ready after {:?}; said {:#?}", start.elapsed(), said.lock().unwrap());
    assert!(said.lock().unwrap().iter().any(|p| matches!(p, Progress::Waiting(text) if text.contains("StatefulSet"))));

    // Nothing has drifted, though the API has defaulted and rewritten much.
    assert_eq!(stage.cluster.missing_or_changed(&release.manifest).await.unwrap(), []);
    let at = |kind: &str, name: &str| ObjectRef::namespaced("v1", kind, &stage.namespace, name);
    assert!(stage.cluster.delete(&at("ConfigMap", "conf")).await.unwrap());
    let stateful_sets: kube::Api<k8s_openapi::api::apps::v1::StatefulSet> =
        kube::Api::namespaced(stage.cluster.client(), &stage.namespace);
    let patch = json!({"spec": {"replicas": 1}});
    stateful_sets.patch("all", &Default::default(), &kube::api::Patch::Merge(&patch)).await.unwrap();
    let drift = stage.cluster.missing_or_changed(&release.manifest).await.unwrap();
    println!("{}", drift.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
    assert_eq!(drift.len(), 2);
    let what: BTreeMap<_, _> = drift.iter().map(|drift| (drift.object.name.as_str(), &drift.what)).collect();
    assert_eq!(what["conf"], &DriftKind::Gone);
    assert!(
        matches!(what["all"], DriftKind::Changed(fields) if fields.len() == 1 && fields[0].path == "spec.replicas")
    );

    // The same release again fixes both, though another client owns the replicas now.
    let release = stage.release("all", objects).await;
    assert_eq!((release.revision, release.history.len()), (2, 2));
    stage.cluster.wait_ready(&release.manifest, &ReadyPolicy::default(), Duration::from_secs(90), &sink).await.unwrap();
    assert_eq!(stage.cluster.missing_or_changed(&release.manifest).await.unwrap(), []);

    assert_eq!(stage.cluster.claims(&stage.namespace, "app=all").await.unwrap().len(), 2);
    let cancel = CancellationToken::new();
    stage.helm.uninstall(&stage.key("all"), false, Duration::from_secs(60), None, &cancel).await.unwrap();
    stage.helm.uninstall(&stage.key("all"), false, Duration::from_secs(60), None, &cancel).await.unwrap();
    assert!(stage.cluster.releases(&[stage.key("all")]).await.unwrap().is_empty());
    let objects: Vec<ObjectRef> = release.manifest.iter().map(|it| it.object.clone()).collect();
    assert_eq!(stage.cluster.wait_gone(&objects, Duration::from_secs(60)).await.unwrap(), []);
    assert_eq!(stage.cluster.claims(&stage.namespace, "app=all").await.unwrap().len(), 2, "data stays");
    let gone = stage.cluster.delete_by_label("PersistentVolumeClaim", &stage.namespace, "app=all").await.unwrap();
    assert_eq!(gone.len(), 2);
    stage.end().await;
}

#[tokio::test]
#[ignore = "needs the sandbox"]
async fn tunnels_carry_fifty_megabytes_both_ways() {
    let stage = Stage::new("tunnel").await;
    let serve = "mkdir -p /tmp/www/cgi-bin && cd /tmp/www && dd if=/dev/zero of=big bs=1M count=50 2>/dev/null && \
                 printf '#!/bin/sh\\nprintf \"Content-Type: text/plain\\\\r\\\\n\\\\r\\\\n\"; head -c $CONTENT_LENGTH | wc -c\\n' > cgi-bin/count && \
                 chmod +x cgi-bin/count && (nc -ll -p 9000 -e cat >/dev/null 2>&1 &) && exec httpd -f -p 8080 -h /tmp/www";
    let mut spec = pod_spec(IMAGE, &script(serve));
    spec["containers"][0]["ports"] = json!([{"name": "web", "containerPort": 8080}]);
    spec["containers"][0]["readinessProbe"] =
        json!({"httpGet": {"path": "/big", "port": 8080}, "periodSeconds": 1, "timeoutSeconds": 5});
    let objects = json!([
        deployment("web", spec),
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {
            "selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "targetPort": "web"}]}}
    ]);
    let release = stage.release("web", objects).await;
    stage
        .cluster
        .wait_ready(&release.manifest, &ReadyPolicy::default(), Duration::from_secs(90), &silent())
        .await
        .unwrap();
    let pod = stage.cluster.pods(&stage.namespace, "app=web").await.unwrap().remove(0);
    let tunnels = Tunnels::new(&stage.cluster).unwrap();

    // A Service by name, through an HTTP client.
    let socket = tunnels.service_socket(&stage.namespace, "web", "http").unwrap();
    assert_eq!(tunnels.service_socket(&stage.namespace, "web", "http").unwrap(), socket);
    let http = reqwest::Client::builder().unix_socket(socket.as_path()).build().unwrap();
    let start = Instant::now();
    let big = http.get("http://web/big").send().await.unwrap().error_for_status().unwrap().bytes().await.unwrap();
    println!("50 MiB down in {:?}", start.elapsed());
    assert_eq!(big.len(), 50 << 20);
    let start = Instant::now();
    let answer = http.post("http://web/cgi-bin/count").body(vec![b'x'; 50 << 20]).send().await.unwrap();
    let answer = answer.error_for_status().unwrap().text().await.unwrap();
    println!("50 MiB up in {:?}", start.elapsed());
    assert_eq!(answer.trim(), (50 << 20).to_string());

    // Both directions at once, bytes compared.
    let socket = tunnels.socket(&stage.namespace, &pod.name, 9000).unwrap();
    let stream = tokio::net::UnixStream::connect(&socket).await.unwrap();
    let (mut read, mut write) = stream.into_split();
    let sent: Vec<u8> = (0..50_u32 << 20).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let start = Instant::now();
    let expected = sent.clone();
    let writing = tokio::spawn(async move {
        write.write_all(&sent).await.unwrap();
        write
    });
    let mut received = vec![0; 50 << 20];
    read.read_exact(&mut received).await.unwrap();
    assert!(received == expected, "the echo differs");
    println!("50 MiB there and back in {:?}", start.elapsed());
    drop((writing.await.unwrap(), read));

    // As Hadoop would say it, and what nobody listens on.
    let host = format!("{}.web.{}.svc.cluster.local", pod.name, stage.namespace);
    for host in [host.as_str(), pod.ip.as_deref().unwrap(), pod.name.as_str()] {
        let socket = tunnels.hdfs_socket(&stage.namespace, host, 8080).await.unwrap();
        let http = reqwest::Client::builder().unix_socket(socket.as_path()).build().unwrap();
        assert_eq!(http.head("http://x/big").send().await.unwrap().status(), 200, "{host}");
    }
    let dead = tunnels.socket(&stage.namespace, &pod.name, 4321).unwrap();
    let http = reqwest::Client::builder().unix_socket(dead.as_path()).build().unwrap();
    assert!(http.get("http://x/").send().await.is_err());
    let err = tunnels.last_error(&dead).unwrap().to_string();
    println!("{err}");
    assert!(err.contains("4321"), "{err}");
    let none = tunnels.service_socket(&stage.namespace, "absent", "http").unwrap();
    let http = reqwest::Client::builder().unix_socket(none.as_path()).build().unwrap();
    assert!(http.get("http://x/").send().await.is_err());
    assert_eq!(
        tunnels.last_error(&none).unwrap().to_string(),
        format!("there is no Service {}/absent", stage.namespace)
    );

    drop(tunnels);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!socket.exists());
    stage.end().await;
}

#[tokio::test]
#[ignore = "needs the sandbox"]
async fn pods_that_run_once_are_waited_for() {
    let stage = Stage::new("once").await;
    let pod = |name: &str, command: &str| {
        let mut spec = pod_spec(IMAGE, &script(command));
        spec["restartPolicy"] = json!("Never");
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"spark-role": "driver"}}, "spec": spec})
    };
    let upgrade = Upgrade::new(
        stage.key("once"),
        chart(),
        json!({"objects": [pod("good", "echo fine"), pod("bad", "sleep 2; echo it broke; exit 3")]}),
        "run=test",
    );
    let policy = ReadyPolicy::default();
    let quiet = silent();
    let waiting =
        stage.cluster.wait_pods_ended(&stage.namespace, "spark-role=driver", &policy, Duration::from_secs(60), &quiet);
    let cancel = CancellationToken::new();
    let (installed, ended) = tokio::join!(stage.helm.upgrade(&upgrade, None, &cancel), waiting);
    installed.unwrap();
    let ended = ended.unwrap();
    let mut phases: Vec<_> = ended.iter().map(|pod| (pod.name.as_str(), pod.phase.as_str())).collect();
    phases.sort_unstable();
    // The first may have ended before the second was there.
    assert!(phases.contains(&("good", "Succeeded")), "{phases:?}");
    let bad = stage.cluster.pods(&stage.namespace, "spark-role=driver").await.unwrap();
    assert!(bad.iter().any(|pod| pod.name == "bad"));
    let ended = stage
        .cluster
        .wait_pods_ended(&stage.namespace, "spark-role=driver", &policy, Duration::from_secs(60), &silent())
        .await
        .unwrap();
    let bad = ended.iter().find(|pod| pod.name == "bad").unwrap();
    assert_eq!((bad.phase.as_str(), bad.containers[0].exit_code), ("Failed", Some(3)));
    assert_eq!(stage.cluster.pod_logs_tail(&stage.namespace, "bad", None, 5).await.unwrap(), ["it broke"]);
    let gone = stage.cluster.delete_by_label("Pod", &stage.namespace, "spark-role").await.unwrap();
    assert_eq!(gone.len(), 2);
    stage.end().await;
}

#[tokio::test]
#[ignore = "needs the sandbox"]
async fn helm_is_stopped_gently_and_its_failures_are_told_apart() {
    let stage = Stage::new("helm").await;
    let hook = json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {"name": "slow", "annotations": {"helm.sh/hook": "pre-install"}},
        "spec": {"template": {"spec": {"restartPolicy": "Never", "imagePullSecrets": [{"name": "pull"}],
            "terminationGracePeriodSeconds": 0,
            "containers": [{"name": "main", "image": IMAGE, "command": script("sleep 600")}]}}}
    });
    let upgrade = Upgrade::new(stage.key("slow"), chart(), json!({"objects": [hook]}), "run=test");
    let cancel = CancellationToken::new();
    let running = stage.helm.upgrade(&upgrade, None, &cancel);
    let stopping = async {
        for _ in 0..200 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let found = stage.cluster.releases(&[stage.key("slow")]).await.unwrap();
            if found.values().any(|release| release.status == ReleaseStatus::PendingInstall) {
                break;
            }
        }
        cancel.cancel();
    };
    let (result, ()) = tokio::join!(running, stopping);
    let err = result.unwrap_err();
    assert!(err.is_cancelled(), "{err:?}");
    let found = stage.cluster.releases(&[stage.key("slow")]).await.unwrap();
    assert_eq!(found[&stage.key("slow")].status, ReleaseStatus::Failed, "not pending");

    let nowhere = Upgrade::new(
        ReleaseKey::new("k-no-such-namespace", "x"),
        chart(),
        json!({"objects": [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}]}),
        "run=test",
    );
    let err = stage.helm.upgrade(&nowhere, None, &CancellationToken::new()).await.unwrap_err();
    println!("{err}: {}", std::error::Error::source(&err).unwrap());
    assert_eq!(err.kind(), FailureKind::NoNamespace);

    let invalid = Upgrade::new(
        stage.key("invalid"),
        chart(),
        json!({"objects": [
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"ports": [{"port": 99999}]}}]}),
        "run=test",
    );
    let err = stage.helm.upgrade(&invalid, None, &CancellationToken::new()).await.unwrap_err();
    println!("{err}: {}", std::error::Error::source(&err).unwrap());
    assert_eq!(err.kind(), FailureKind::Rejected);
    stage.end().await;
}

#[tokio::test]
#[ignore = "needs the sandbox"]
async fn a_chart_renders_as_it_is_recorded() {
    let stage = Stage::new("render").await;
    let objects = json!([{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"},
        "data": {"octal": "0644", "yes": "yes", "lines": "a\nb\n", "blank": ""}}]);
    let template = Template {
        release: stage.key("r"),
        chart: chart(),
        values: json!({ "objects": objects }),
        kube_version: Some(stage.cluster.info().version.clone()),
        api_versions: stage.cluster.api_versions().await.unwrap(),
        is_upgrade: false,
    };
    assert!(template.api_versions.contains(&"apps/v1/StatefulSet".to_owned()), "{:?}", template.api_versions);
    assert!(template.api_versions.contains(&"v1".to_owned()));
    let rendered = stage.helm.template(&template, &CancellationToken::new()).await.unwrap();
    let rendered: Vec<ManifestObject> = parse_manifest(&rendered, &stage.namespace).objects;
    let release = stage.release("r", objects.clone()).await;
    assert_eq!(rendered, release.manifest);
    assert_eq!(rendered[0].body["data"], objects[0]["data"]);
    stage.end().await;
}

#[tokio::test]
#[ignore = "needs the sandbox"]
async fn what_can_be_wrong_with_a_kubeconfig_is_said() {
    let good = std::fs::read_to_string(sandbox().join("kubeconfig")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let connect = async |name: &str, text: &str, context: Option<&str>| {
        let file = dir.path().join(name);
        std::fs::write(&file, text).unwrap();
        let options =
            ConnectOptions { kubeconfig: Some(file), context: context.map(str::to_owned), ..ConnectOptions::default() };
        let err = Cluster::connect(&options).await.err().map(|err| err.to_string()).unwrap_or_default();
        println!("{name}: {err}");
        err
    };
    assert!(connect("context", &good, Some("nope")).await.ends_with("there is windlass-sandbox"));
    // Another name of the same machine, which is not in the certificate.
    let err = connect("name", &good.replace("https://10.97.0.2:6443", "https://10.244.0.1.nip:6443"), None).await;
    assert!(err.contains("does not answer"), "{err}");
    let server = "https://10.97.0.2:6443";
    let renamed = good.replace(server, &format!("{server}\n    tls-server-name: elsewhere.example"));
    let err = connect("certificate", &renamed, None).await;
    assert!(err.contains("is for another name; there is") && err.contains("kubernetes"), "{err}");
    let start = Instant::now();
    let err = connect("refused", &good.replace(":6443", ":6999"), None).await;
    assert!(err.contains("does not answer") && start.elapsed() < Duration::from_secs(12), "{err}");
    let (before, rest) = good.split_once("users:").unwrap();
    let (_, contexts) = rest.split_once("contexts:").unwrap();
    let user = contexts.lines().find_map(|line| line.trim().strip_prefix("user: ")).unwrap();
    let with_user = |how: &str| format!("{before}users:\n- name: {user}\n  user: {how}\ncontexts:{contexts}");
    let err = connect("token", &with_user("{token: expired}"), None).await;
    assert!(err.contains("does not accept the credentials"), "{err}");
    let plugin =
        "{exec: {apiVersion: client.authentication.k8s.io/v1, command: /no/such/plugin, interactiveMode: Never}}";
    let err = connect("plugin", &with_user(plugin), None).await;
    assert!(err.contains("failed to log in"), "{err}");
}
