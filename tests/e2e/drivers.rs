//! The drivers against a real API, kubelet and Helm: what no stand-in shows.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_util::sync::CancellationToken;
use windlass::driver::helm::{FailureKind, FindHelm, Helm, HelmError, Template, Upgrade};
use windlass::driver::kube::{Cluster, ConnectOptions, NotReady, Tunnels, WaitError, parse_manifest};
use windlass::model::cluster::{ManifestObject, ReadyPolicy, ReleaseKey, ReleaseState};
use windlass::model::{Secret, silent};

use crate::support::*;

/// 50 MiB: many messages of a port-forward.
const LARGE: u32 = 50 << 20;

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// A namespace with a pull Secret in it, which is deleted at the end whatever happens.
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
        let stage = Self { cluster, helm, namespace: format!("k-{name}-{:04x}", std::process::id() & 0xffff) };
        stage.cluster.ensure_namespace(&stage.namespace, &BTreeMap::new()).await.unwrap();
        let auth = std::fs::read_to_string(sandbox().join("registry-auth.json")).unwrap();
        let data = BTreeMap::from([(".dockerconfigjson".to_owned(), Secret::new(auth))]);
        let kind = "kubernetes.io/dockerconfigjson";
        stage.cluster.apply_secret(&stage.namespace, "pull", kind, &data, &BTreeMap::new()).await.unwrap();
        stage
    }

    fn key(&self, name: &str) -> ReleaseKey {
        ReleaseKey::new(&self.namespace, name)
    }

    async fn upgrade(&self, key: ReleaseKey, objects: Value) -> Result<(), HelmError> {
        let upgrade = Upgrade::new(key, chart(), json!({ "objects": objects }), "run=test");
        self.helm.upgrade(&upgrade, None, &CancellationToken::new()).await
    }

    /// Installs these objects as a release and gives what Helm recorded.
    async fn release(&self, name: &str, objects: Value) -> ReleaseState {
        self.upgrade(self.key(name), objects).await.unwrap();
        self.cluster.releases(&[self.key(name)]).await.unwrap().remove(&self.key(name)).unwrap()
    }

    /// Installs a Deployment of such pods and gives why it is not ready, which is known long before the deadline.
    async fn not_ready(&self, name: &str, spec: Value) -> NotReady {
        let release = self.release(name, json!([deployment(name, &spec)])).await;
        let (policy, deadline) = (ReadyPolicy::default(), Duration::from_secs(120));
        let not_ready = match self.cluster.wait_ready(&release.manifest, &policy, deadline, &silent()).await {
            Err(WaitError::NotReady(not_ready)) => not_ready,
            other => panic!("{name}: {other:?}"),
        };
        assert!(!not_ready.timed_out && not_ready.waited < Duration::from_secs(60), "{not_ready}");
        not_ready
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // To its end: scenarios after this one count releases.
        run(&mut kubectl_command(&["delete", "namespace", &self.namespace, "--ignore-not-found"]));
    }
}

/// A chart of whatever objects its values hold.
fn chart() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fakes/chart-any")
}

fn pod_spec(command: &str) -> Value {
    json!({
        "imagePullSecrets": [{"name": "pull"}],
        "terminationGracePeriodSeconds": 0,
        "containers": [{
            "name": "main",
            "image": format!("{}/sandbox/busybox:1", registry()),
            "command": ["/bin/sh", "-c", command],
        }],
    })
}

/// The same as the Pod Security Standard `restricted` wants it.
fn restricted(command: &str) -> Value {
    let mut spec = pod_spec(command);
    spec["securityContext"] =
        json!({"runAsNonRoot": true, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}});
    spec["containers"][0]["securityContext"] =
        json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}});
    spec
}

fn deployment(name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": spec}}
    })
}

/// What the scheduler, admission, the kubelet and a program itself have against a pod.
pub(crate) fn what_keeps_pods_from_running() {
    block_on(async {
        let stage = Stage::new("pods").await;
        let enforced = "pod-security.kubernetes.io/enforce=restricted";
        kubectl(&["label", "namespace", &stage.namespace, enforced]);
        let mut large = restricted("sleep 1000");
        large["containers"][0]["resources"] = json!({"requests": {"cpu": "500"}});
        let mut lacks = restricted("sleep 1000");
        lacks["containers"][0]["env"] =
            json!([{"name": "A", "valueFrom": {"secretKeyRef": {"name": "absent", "key": "a"}}}]);
        let token = format!("eyJ{}.{}.{}", "a".repeat(20), "b".repeat(30), "c".repeat(20));
        let crashes = restricted(&format!("echo token {token}; echo cannot find my database; exit 7"));
        let (large, refused, lacks, crashes) = tokio::join!(
            stage.not_ready("large", large),
            stage.not_ready("refused", pod_spec("true")),
            stage.not_ready("lacks", lacks),
            stage.not_ready("crashes", crashes),
        );
        for (found, reason, message) in [
            (&large, "Unschedulable", "Insufficient cpu"),
            (&refused, "FailedCreate", "violates PodSecurity"),
            (&lacks, "CreateContainerConfigError", "secret \"absent\" not found"),
            (&crashes, "CrashLoopBackOff", "exited 3 times, last with code 7"),
        ] {
            let finding = &found.findings[0];
            assert_eq!(finding.reason, reason, "{found}");
            assert!(finding.message.contains(message), "{found}");
        }
        assert_eq!(crashes.findings[0].log, ["token (token)", "cannot find my database"]);
    });
}

/// Down, up, and both at once; and what is said where nobody listens.
pub(crate) fn tunnels_carry_much_both_ways() {
    block_on(async {
        let stage = Stage::new("tunnel").await;
        let serve = "mkdir -p /tmp/www/cgi-bin && cd /tmp/www && dd if=/dev/zero of=big bs=1M count=50 2>/dev/null && \
                     printf '#!/bin/sh\\nprintf \"Content-Type: text/plain\\\\r\\\\n\\\\r\\\\n\"; head -c $CONTENT_LENGTH | wc -c\\n' > cgi-bin/count && \
                     chmod +x cgi-bin/count && (nc -ll -p 9000 -e cat >/dev/null 2>&1 &) && exec httpd -f -p 8080 -h /tmp/www";
        let mut spec = pod_spec(serve);
        spec["containers"][0]["ports"] = json!([{"name": "web", "containerPort": 8080}]);
        spec["containers"][0]["readinessProbe"] =
            json!({"httpGet": {"path": "/big", "port": 8080}, "periodSeconds": 1, "timeoutSeconds": 5});
        let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {
            "selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "targetPort": "web"}]}});
        let release = stage.release("web", json!([deployment("web", &spec), service])).await;
        let (policy, deadline) = (ReadyPolicy::default(), Duration::from_secs(90));
        stage.cluster.wait_ready(&release.manifest, &policy, deadline, &silent()).await.unwrap();
        let pod = stage.cluster.pods(&stage.namespace, "app=web").await.unwrap().remove(0);
        let tunnels = Tunnels::new(&stage.cluster).unwrap();
        let client = |socket: &Path| reqwest::Client::builder().unix_socket(socket).build().unwrap();

        // A Service by name.
        let socket = tunnels.service_socket(&stage.namespace, "web", "http").unwrap();
        assert_eq!(tunnels.service_socket(&stage.namespace, "web", "http").unwrap(), socket);
        let http = client(&socket);
        let big = http.get("http://web/big").send().await.unwrap().error_for_status().unwrap().bytes().await.unwrap();
        assert_eq!(big.len(), LARGE as usize);
        let body = vec![b'x'; LARGE as usize];
        let answer = http.post("http://web/cgi-bin/count").body(body).send().await.unwrap();
        assert_eq!(answer.error_for_status().unwrap().text().await.unwrap().trim(), LARGE.to_string());

        let socket = tunnels.socket(&stage.namespace, &pod.name, 9000).unwrap();
        let stream = tokio::net::UnixStream::connect(&socket).await.unwrap();
        let (mut read, mut write) = stream.into_split();
        let sent: Vec<u8> = (0..LARGE).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let expected = sent.clone();
        let writing = tokio::spawn(async move {
            write.write_all(&sent).await.unwrap();
            write
        });
        let mut received = vec![0; LARGE as usize];
        read.read_exact(&mut received).await.unwrap();
        assert!(received == expected, "the echo differs");
        drop((writing.await.unwrap(), read));

        // As Hadoop would name it, and what nobody listens on.
        let host = format!("{}.web.{}.svc.cluster.local", pod.name, stage.namespace);
        for host in [host.as_str(), pod.ip.as_deref().unwrap(), pod.name.as_str()] {
            let http = client(&tunnels.hdfs_socket(&stage.namespace, host, 8080).await.unwrap());
            assert_eq!(http.head("http://x/big").send().await.unwrap().status(), 200, "{host}");
        }
        let dead = tunnels.socket(&stage.namespace, &pod.name, 4321).unwrap();
        let none = tunnels.service_socket(&stage.namespace, "absent", "http").unwrap();
        for (nobody, named) in [(dead, "4321"), (none, "absent")] {
            assert!(client(&nobody).get("http://x/").send().await.is_err(), "{named}");
            let error = tunnels.last_error(&nobody).unwrap().to_string();
            assert!(error.contains(named), "{error}");
        }
        drop(tunnels);
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(!socket.exists());
    });
}

/// A plan compares what Helm renders with what it recorded, so both have to be the same. Why Helm fails is known by its
/// messages alone.
pub(crate) fn helm_records_what_it_renders() {
    block_on(async {
        let stage = Stage::new("helm").await;
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
        for version in ["apps/v1/StatefulSet", "v1"] {
            assert!(template.api_versions.iter().any(|one| one == version), "{:?}", template.api_versions);
        }
        let rendered = stage.helm.template(&template, &CancellationToken::new()).await.unwrap();
        let rendered: Vec<ManifestObject> = parse_manifest(&rendered, &stage.namespace).objects;
        let release = stage.release("r", objects.clone()).await;
        assert_eq!(rendered, release.manifest);
        assert_eq!(rendered[0].body["data"], objects[0]["data"]);

        let nowhere = ReleaseKey::new("k-no-such-namespace", "x");
        let error = stage.upgrade(nowhere, objects).await.unwrap_err();
        assert_eq!(error.kind(), FailureKind::NoNamespace, "{error:?}");
        let invalid = json!([{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"},
            "spec": {"ports": [{"port": 99999}]}}]);
        let error = stage.upgrade(stage.key("invalid"), invalid).await.unwrap_err();
        assert_eq!(error.kind(), FailureKind::Rejected, "{error:?}");
    });
}
