//! The whole platform: everything that a seed's reader had, wired together.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::support::*;
use crate::trust::told_nowhere;

/// The Secrets that open it: namespace, name, key.
const SECRETS: [(&str, &str, &str); 5] = [
    ("apache-airflow", "my-airflow-postgresql-password", "password"),
    ("apache-airflow", "my-airflow-fernet-key", "fernet_key"),
    ("apache-airflow", "my-airflow-admin-password", "admin_password"),
    ("neoflex-datagram", "my-datagram-admin-password", "admin_password"),
    ("neoflex-datagram", "my-datagram-postgresql-password", "password"),
];

/// Components, and the paths at which they answer whoever is let in.
const DOORS: [(&str, &str, bool); 5] = [
    ("airflow", "/health", false),
    ("datagram", "/", false),
    ("hdfs", "/", true),
    ("livy", "/version", true),
    ("shs", "/api/v1/version", true),
];

fn content((namespace, name, key): (&str, &str, &str)) -> String {
    let template = format!("go-template={{{{index .data \"{key}\" | base64decode}}}}");
    kubectl(&["-n", namespace, "get", "secret", name, "-o", &template])
}

fn contents() -> Vec<String> {
    SECRETS.map(content).to_vec()
}

fn installs(more: &[&str]) -> Command {
    windlass_whole(&[&["install", "--yes"], more].concat())
}

/// `windlass connect` to a component, and the port at which it answers.
struct Connected(Child, u16);

impl Connected {
    fn to(component: &str) -> Self {
        let mut command = windlass_whole(&["connect", component, "--json"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.contains("127.0.0.1:"), "no address in: {line}");
        let port = line.split("127.0.0.1:").nth(1).unwrap();
        let port: String = port.chars().take_while(char::is_ascii_digit).collect();
        Self(child, port.parse().unwrap())
    }

    /// Asks with a login; gives status and body.
    fn ask(&self, login: &str, path: &str, body: Option<&Value>) -> (u16, String) {
        let url = format!("http://127.0.0.1:{}{path}", self.1);
        let mut command = Command::new("curl");
        command.args(["-sS", "-m", "30", "-u", login, "-w", "\n%{http_code}", &url]);
        if let Some(body) = body {
            command.args(["-X", "POST", "-H", "Content-Type: application/json", "-d", &body.to_string()]);
        }
        let out = run(&mut command).exits(0).out;
        let (body, status) = out.rsplit_once('\n').unwrap();
        (status.parse().unwrap(), body.to_owned())
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        let _ = run(Command::new("kill").args(["-INT", &self.0.id().to_string()]));
        let _ = self.0.wait();
    }
}

/// From nothing, with all that is to prove it, and nothing to do afterwards.
pub(crate) fn installed_and_verified() {
    let namespaces = ["apache-airflow", "neoflex-datagram", "apache-livy", "apache-hdfs"];
    let said = told_nowhere(contents, installs(&[]), &namespaces);
    for told in [
        "7 releases healthy, verified",
        "names that",
        "the run ends with success",
        "the log of a task can be read",
        "Pi is roughly 3.1",
    ] {
        assert!(said.contains(told), "{told} is not in:\n{said}");
    }
    run(&mut installs(&[])).exits(0).says("nothing to do");
    run(&mut windlass_whole(&["status", "--json"]))
        .exits(0)
        .says("kubectl -n apache-airflow get secret my-airflow-admin-password");
    // Pods are as `restricted` wants them, none that does not talk to the API has a token, and nobody is in a crash loop.
    for namespace in ["apache-airflow", "neoflex-datagram"] {
        let enforced = kubectl_json(&["get", "namespace", namespace]);
        assert_eq!(enforced["metadata"]["labels"]["pod-security.kubernetes.io/enforce"], "restricted", "{namespace}");
        let pods = kubectl_json(&["-n", namespace, "get", "pods"]);
        for pod in pods["items"].as_array().unwrap() {
            assert_eq!(pod["spec"]["automountServiceAccountToken"], false, "{}", pod["metadata"]["name"]);
            for container in pod["spec"]["containers"].as_array().unwrap() {
                assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true, "{}", container["name"]);
            }
        }
    }
}

/// Another answer: what opens the data stays, nothing tells it, and each door answers by TLS.
pub(crate) fn doors_answer_and_secrets_stay() {
    let before = contents();
    let folder = scratch();
    let (key, certificate) = (folder.join("site.key"), folder.join("site.crt"));
    let domain =
        kubectl(&["-n", "apache-airflow", "get", "ingress", "my-airflow", "-o", "jsonpath={.spec.rules[0].host}"]);
    let domain = domain.strip_prefix("airflow.").unwrap().to_owned();
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=site"]);
    openssl.args(["-addext", &format!("subjectAltName=DNS:*.{domain}")]);
    run(openssl.arg("-keyout").arg(&key).arg("-out").arg(&certificate)).exits(0);
    for namespace in ["apache-airflow", "neoflex-datagram", "apache-hdfs", "apache-livy"] {
        let files = [format!("--cert={}", certificate.display()), format!("--key={}", key.display())];
        kubectl(&["-n", namespace, "create", "secret", "tls", "site-tls", &files[0], &files[1]]);
    }
    let changed = installs(&["--no-verify", "-vv", "--set", "platform.ingress_tls_secret=site-tls"]);
    told_nowhere(|| before.clone(), changed, &["apache-airflow", "neoflex-datagram"]);
    assert_eq!(contents(), before, "kept over an upgrade");

    let address = kubectl(&[
        "-n",
        "apache-airflow",
        "get",
        "ingress",
        "my-airflow",
        "-o",
        "jsonpath={.status.loadBalancer.ingress[0].ip}",
    ]);
    let login = std::fs::read_to_string(sandbox().join("ingress-login")).unwrap();
    for (name, path, locked) in DOORS {
        let ask = |login: Option<&str>| {
            let mut curl = Command::new("curl");
            curl.args(["-sS", "-m", "30", "-o", "/dev/null", "-w", "%{http_code}", "--cacert"]).arg(&certificate);
            curl.arg("--resolve").arg(format!("{name}.{domain}:443:{address}"));
            if let Some(login) = login {
                curl.args(["-u", login.trim()]);
            }
            run(curl.arg(format!("https://{name}.{domain}{path}"))).exits(0).out
        };
        let answers = |status: &str| matches!(status, "200" | "302");
        if locked {
            assert_eq!(ask(None), "401", "{name} asks for no login of its own, so the site's is before it");
            assert!(answers(&ask(Some(&login))), "{name}: {}", ask(Some(&login)));
        } else {
            assert!(answers(&ask(None)), "{name}: {}", ask(None));
        }
    }
    run(&mut windlass_whole(&["status"])).exits(0).says(&format!("https://airflow.{domain}"));
    // A class that no controller serves is said, and no reason to fail.
    let nobody = ["--components", "spark-history-server", "--no-verify", "--set", "platform.ingress_class=nobody"];
    let without =
        [&["--set", "platform.ingress_tls_secret=site-tls", "--waive", "ingress-class-missing"], &nobody[..]].concat();
    run(&mut installs(&without)).exits(0).says("nobody");
}

/// Datagram lists each once, however often it is told; what was changed there is drift.
pub(crate) fn registered_once() {
    run(&mut installs(&["--no-verify"])).exits(0);
    run(&mut installs(&["--no-verify"])).exits(0).says("nothing to do");
    let login = format!("admin:{}", content(SECRETS[3]));
    let datagram = Connected::to("datagram");
    let listed = |class: &str| -> Vec<Value> {
        let (status, body) = datagram.ask(&login, &format!("/api/teneo/{class}"), None);
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    };
    let (livy, airflow) = (listed("rt.LivyServer"), listed("rt.Airflow"));
    assert_eq!((livy.len(), airflow.len()), (1, 1), "{livy:?} {airflow:?}");
    let moved = json!({"e_id": livy[0]["e_id"], "name": livy[0]["name"], "http": "http://elsewhere:1"});
    assert_eq!(datagram.ask(&login, "/api/teneo/rt.LivyServer", Some(&moved)).0, 200);
    run(&mut windlass_whole(&["status", "--drift"])).exits(5).says("Datagram knows Livy");
    run(&mut installs(&["--no-verify"])).exits(0).says("Datagram knows Livy: updated");
    let livy_now = listed("rt.LivyServer");
    assert_eq!((livy_now.len(), &livy_now[0]["http"]), (1, &livy[0]["http"]));
}

/// Each generated secret that matters gets another content, and all that reads it follows; what is encrypted is read after.
pub(crate) fn secrets_rotate() {
    let variable = |password: &str, made: Option<&Value>| {
        let path = format!("/api/v1/variables{}", if made.is_some() { "" } else { "/rotated" });
        Connected::to("airflow").ask(&format!("admin:{password}"), &path, made)
    };
    let made = json!({"key": "rotated", "value": "read before and after"});
    assert_eq!(variable(&content(SECRETS[2]), Some(&made)).0, 200);
    for (question, at) in [
        ("postgresql@airflow.password", 0),
        ("airflow.fernet_key", 1),
        ("airflow.admin_password", 2),
        ("datagram.admin_password", 3),
        ("postgresql@datagram.password", 4),
    ] {
        let old = content(SECRETS[at]);
        let ran = run(&mut windlass_whole(&["secrets", "rotate", question, "--yes"])).exits(0);
        assert_ne!(content(SECRETS[at]), old, "{question}");
        // Who was told the old one is told the new one.
        let told = ran.out.contains("Datagram knows Airflow: updated /password");
        assert_eq!(told, question == "airflow.admin_password", "{}", ran.out);
    }
    let (status, body) = variable(&content(SECRETS[2]), None);
    assert!(status == 200 && body.contains("read before and after"), "{status} {body}");
    run(&mut windlass_whole(&["verify"])).exits(0).says("verified");
    run(&mut installs(&["--no-verify"])).exits(0);
    run(&mut installs(&["--no-verify"])).exits(0).says("nothing to do");
}

/// The same, killed while the new content is staged, while what makes it count runs, and once it counts.
pub(crate) fn rotations_outlive_kills() {
    let datagram = Connected::to("datagram");
    let opens = |password: &str| datagram.ask(&format!("admin:{password}"), "/api/teneo/rt.LivyServer", None).0 == 200;
    for (question, at, job) in [
        ("postgresql@airflow.password", 0, Some("my-airflow-postgresql-rotate")),
        ("airflow.fernet_key", 1, Some("my-airflow-rotate")),
        ("airflow.admin_password", 2, Some("my-airflow-admin-next")),
        ("datagram.admin_password", 3, None),
    ] {
        let (namespace, name, key) = SECRETS[at];
        let old = content(SECRETS[at]);
        let next = format!("{name}-next");
        let rotate = || windlass_whole(&["secrets", "rotate", question, "--yes"]);
        killed_when(rotate(), "the new content is staged", || there(&["-n", namespace, "secret", &next]));
        let new = content((namespace, &next, key));
        assert!(new != old && content(SECRETS[at]) == old, "{question}: it was staged only");
        // Not the one of the run before.
        let uid = |job: &str| {
            kubectl(&[
                "-n",
                namespace,
                "get",
                "jobs",
                "-o",
                &format!("jsonpath={{.items[?(@.metadata.name=='{job}')].metadata.uid}}"),
            ])
        };
        let before = job.map(uid);
        killed_when(rotate(), "what makes it count runs", || match job.map(uid) {
            Some(now) => !now.is_empty() && Some(&now) != before.as_ref(),
            None => opens(&new),
        });
        killed_when(rotate(), "the Secret is switched", || content(SECRETS[at]) != old);
        let last = run(&mut rotate()).exits(0);
        assert_eq!(content(SECRETS[at]), new, "{question}: the one that was staged first");
        let told = last.out.contains("Datagram knows Airflow: updated /password");
        assert_eq!(told, question == "airflow.admin_password", "{}", last.out);
        assert!(!there(&["-n", namespace, "secret", &next]), "{question}");
    }
    run(&mut windlass_whole(&["verify"])).exits(0).says("verified");
}

/// A server that the site has, beside the sandbox's own: PostgreSQL's image with TLS, and few connections.
const SERVER: &str = r#"
apiVersion: v1
kind: Service
metadata: {name: db, namespace: site-db}
spec: {selector: {app: db}, ports: [{port: 5432}]}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: site-db, labels: {app: db}}
spec:
  imagePullSecrets: [{name: registry}]
  automountServiceAccountToken: false
  securityContext: {runAsUser: 999, runAsGroup: 999, fsGroup: 999, runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
  containers:
  - name: db
    image: IMAGE
    args: [postgres, -c, max_connections=30, -c, ssl=on, -c, ssl_cert_file=/tls/tls.crt, -c, ssl_key_file=/tls/tls.key]
    env:
    - {name: POSTGRES_PASSWORD, value: right-password}
    - {name: POSTGRES_USER, value: site}
    - {name: PGDATA, value: /var/lib/postgresql/data/pgdata}
    readinessProbe: {exec: {command: [pg_isready, -h, 127.0.0.1]}, periodSeconds: 1}
    securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
    volumeMounts:
    - {name: data, mountPath: /var/lib/postgresql/data}
    - {name: data, mountPath: /var/run/postgresql, subPath: run}
    - {name: data, mountPath: /tmp, subPath: tmp}
    - {name: tls, mountPath: /tls, readOnly: true}
  volumes:
  - {name: data, emptyDir: {}}
  - {name: tls, secret: {secretName: tls, defaultMode: 0440}}
"#;

/// What is wrong with a server of the site is found before a release is made, each with its cause.
pub(crate) fn a_server_of_the_site_is_tried_first() {
    let folder = scratch();
    let made = |name: &str| (folder.join(format!("{name}.key")), folder.join(format!("{name}.crt")));
    for name in ["db", "other"] {
        let (key, certificate) = made(name);
        let mut openssl = Command::new("openssl");
        openssl.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=db"]);
        openssl.args(["-addext", "subjectAltName=DNS:db.site-db.svc.cluster.local"]);
        run(openssl.arg("-keyout").arg(&key).arg("-out").arg(&certificate)).exits(0);
    }
    kubectl(&["create", "namespace", "site-db"]);
    let (key, certificate) = made("db");
    let login = format!("--from-file=.dockerconfigjson={}", sandbox().join("registry-auth.json").display());
    kubectl(&[
        "-n",
        "site-db",
        "create",
        "secret",
        "generic",
        "registry",
        "--type=kubernetes.io/dockerconfigjson",
        &login,
    ]);
    let files = [format!("--cert={}", certificate.display()), format!("--key={}", key.display())];
    kubectl(&["-n", "site-db", "create", "secret", "tls", "tls", &files[0], &files[1]]);
    let registry = std::fs::read_to_string(sandbox().join("answers.yaml")).unwrap();
    let registry = registry.lines().find_map(|line| line.trim().strip_prefix("registry: ")).unwrap().trim_matches('"');
    let manifest = folder.join("db.yaml");
    let image = format!("{registry}/library/postgres:15.14-bookworm");
    std::fs::write(&manifest, SERVER.replace("IMAGE", &image)).unwrap();
    kubectl(&["apply", "-f", manifest.to_str().unwrap()]);
    kubectl(&["-n", "site-db", "wait", "--for=condition=Ready", "pod/db", "--timeout=120s"]);

    let file = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (right, wrong) = (file("right", "right-password"), file("wrong", "no-such-password"));
    let answers = |change: &[(&str, &str)]| {
        let ca = made("db").1.display().to_string();
        let mut answers: BTreeMap<&str, String> = [
            ("host", "db.site-db.svc.cluster.local".to_owned()),
            ("user", "site".to_owned()),
            ("database", "site".to_owned()),
            ("connections", "5".to_owned()),
            ("password", format!("file:{right}")),
            ("tls", "verify-full".to_owned()),
            ("ca", format!("file:{ca}")),
        ]
        .into();
        answers.extend(change.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let flags =
            answers.into_iter().flat_map(|(name, value)| ["--set".to_owned(), format!("postgresql.{name}={value}")]);
        let mut command = windlass(&["install", "--yes", "--components", "postgresql"]);
        command.args(flags.collect::<Vec<_>>());
        command
    };
    let other = format!("file:{}", made("other").1.display());
    let wrong = format!("file:{wrong}");
    for (change, said) in [
        (("password", wrong.as_str()), "refuses user site with the password"),
        (("database", "nobody"), "CREATE DATABASE"),
        (("connections", "60"), "connections"),
        (("ca", other.as_str()), "ertificate"),
    ] {
        let ran = run(&mut answers(&[change]));
        assert_eq!(ran.code, 5, "{change:?}: {}{}", ran.out, ran.err);
        assert!(ran.out.contains(said), "{change:?}: `{said}` is not in:\n{}", ran.out);
        assert!(
            !releases().iter().any(|(name, ..)| name.ends_with("/my-postgresql")),
            "{change:?}: a release was made"
        );
    }
    run(&mut answers(&[])).exits(0).says("healthy, verified").says("checked: PostgreSQL");
    run(&mut answers(&[])).exits(0).says("nothing to do");
    let purge = ["uninstall", "--yes", "--components", "postgresql", "--purge-data", "--confirm", "windlass-sandbox"];
    run(&mut windlass(&purge)).exits(0);
    kubectl(&["delete", "namespace", "site-db"]);
}

/// A task of a minute that a rollout meets ends well.
pub(crate) fn a_rollout_lets_tasks_end() {
    let login = format!("admin:{}", content(SECRETS[2]));
    let dag = "/api/v1/dags/sleeper";
    let id = {
        let airflow = Connected::to("airflow");
        let (status, body) = airflow.ask(&login, &format!("{dag}/dagRuns"), Some(&json!({})));
        assert_eq!(status, 200, "{body}");
        let run: Value = serde_json::from_str(&body).unwrap();
        let id = text(&run["dag_run_id"]).replace(':', "%3A").replace('+', "%2B");
        let task = format!("{dag}/dagRuns/{id}/taskInstances");
        until(60, "the task runs", || airflow.ask(&login, &task, None).1.contains("\"running\""));
        id
    };
    run(&mut installs(&["--no-verify", "--set", "airflow.parallelism=5"])).exits(0);
    let airflow = Connected::to("airflow");
    let state = || airflow.ask(&login, &format!("{dag}/dagRuns/{id}"), None).1;
    until(180, "the run ends", || !state().contains("\"running\""));
    assert!(state().contains("\"success\""), "{}", state());
}

fn until(seconds: u64, what: &str, mut test: impl FnMut() -> bool) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(seconds);
    while !test() {
        assert!(std::time::Instant::now() < deadline, "not within {seconds} s: {what}");
        std::thread::sleep(std::time::Duration::from_secs(1));
    }
}

/// Names and settings of the seed, and those for work with workers; sizes are those of one small node.
pub(crate) fn other_profiles() {
    let folder = format!("{}/seed-data", sandbox().display());
    let small = [
        "hdfs.replication=1",
        "hdfs.datanode_replicas=1",
        "hdfs.namenode_memory=256Mi",
        "hdfs.datanode_memory=256Mi",
        "hdfs.namenode_storage=1Gi",
        "hdfs.datanode_storage=2Gi",
        "datagram.memory=256Mi",
        "datagram.cpu=100m",
        "datagram.mspace_storage=1Gi",
        "datagram.gitflow_storage=1Gi",
        "datagram.maven_storage=1Gi",
        "livy.memory=384Mi",
        "livy.storage=1Gi",
        "livy.driver_cores=100m",
        "livy.driver_memory=512Mi",
        "livy.executor_cores=100m",
        "livy.executor_memory=512Mi",
        "livy.executor_instances=1",
        "spark-history-server.memory=384Mi",
        "airflow.webserver_memory=768Mi",
        "airflow.webserver_workers=1",
        "airflow.scheduler_memory=768Mi",
        "airflow.triggerer_memory=384Mi",
        "airflow.workers=1",
        "airflow.worker_memory=1Gi",
        "airflow.worker_concurrency=2",
        "airflow.parallelism=4",
        "airflow.logs_storage=1Gi",
    ];
    for profile in ["seed", "standard"] {
        let mut command = installs(&["--profile", profile, "--set", &format!("hdfs.datanode_path={folder}")]);
        command.args(small.iter().flat_map(|answer| ["--set", answer]));
        run(&mut command).exits(0).says("8 releases healthy, verified");
        if profile == "seed" {
            assert!(there(&["-n", "apache-hdfs", "daemonset", "my-hdfs-datanode"]));
            let modes = hdfs(&["dfs", "-ls", "-d", "/shared/spark-logs", "/datagram/sharedlibs"]);
            assert_eq!(modes.lines().filter(|line| line.starts_with("drwxrwxrwx ")).count(), 2, "{modes}");
        }
        purged();
        // A folder of the node is nobody's to purge but the operator's.
        if profile == "seed" {
            std::fs::remove_dir_all(&folder).unwrap();
        }
    }
}

/// The community's chart, as a chart of the same names of values, gets our Secrets.
pub(crate) fn another_chart_takes_our_secrets() {
    let chart = concat!("airflow.chart=", env!("CARGO_MANIFEST_DIR"), "/tests/community-airflow");
    // Without Livy only a DAG that does not need it.
    let components = ["--components", "airflow,datagram", "--set", chart, "--set", "airflow.verify_dag=sleeper"];
    run(&mut installs(&components)).exits(0).says("healthy, verified");
    run(&mut installs(&components)).exits(0).says("nothing to do");
    purged();
}

/// Nothing is left.
pub(crate) fn purged() {
    let purge = ["uninstall", "--yes", "--purge-data", "--purge-shared", "--confirm", "windlass-sandbox"];
    run(&mut windlass_whole(&purge)).exits(0);
    for namespace in ["apache-airflow", "neoflex-datagram", "apache-livy", "apache-hdfs"] {
        assert!(!there(&["namespace", namespace]), "{namespace}");
    }
}
