//! Proofs through Livy: a batch, judged by its driver pod, and a statement in a session.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::json;

use super::World;
use crate::catalog::ActionKind;
use crate::driver::http::{BatchRequest, Livy, LivyVersion};
use crate::driver::kube::WaitError;
use crate::engine::perform::{Context, Done, Failure};
use crate::model::Progress;
use crate::model::cluster::PodState;
use crate::plan::Action;

/// The label by which the pods of a proof are found again. Neither Livy's appId nor an exit code can be relied on:
/// spark-submit exits 0 though the driver failed, and an old Livy then says `success`.
const LABEL: &str = "windlass.dev/proof";

/// How often pods and Livy are asked.
const PAUSE: Duration = Duration::from_millis(500);

/// How many of the driver's last lines a failure shows.
const LOG_LINES: u32 = 40;

/// How many lines of a driver's log are searched for what must be in it.
const SEARCHED_LINES: u32 = 2000;

/// The states of a batch or session in which no driver will come any more.
const ENDED: [&str; 4] = ["dead", "error", "killed", "shutting_down"];

fn failed(error: impl std::error::Error + 'static) -> Failure {
    Failure::of(&error)
}

fn failure(text: String, log: Vec<String>) -> Failure {
    Failure { errors: vec![text], log, ..Failure::default() }
}

impl World {
    pub(super) async fn livy(
        &self,
        action: &Action,
        namespace: Option<&str>,
        kind: &ActionKind,
        context: &Context,
    ) -> Result<Done, Failure> {
        let namespace = namespace.unwrap_or_default();
        match kind {
            ActionKind::LivyBatch { service, class, file, args, conf, expect_log } => {
                let livy = Livy::new(self.service(Some(namespace), service)?);
                let proof = self.proof(action);
                let request = BatchRequest {
                    name: format!("windlass-{proof}"),
                    class: class.clone(),
                    file: file.clone(),
                    args: args.clone(),
                    conf: labelled(conf, &proof),
                };
                let batch = livy.submit(&request).await.map_err(failed)?;
                let proven = tokio::select! {
                    proven = self.batch(&livy, batch.id, namespace, &proof, expect_log, context) => proven,
                    () = context.cancel.cancelled() => Err(failure("stopped".to_owned(), Vec::new())),
                };
                let _ = livy.delete_batch(batch.id).await;
                self.remove_pods(namespace, &proof, context).await;
                proven
            }
            ActionKind::LivySession { service, kind, code, expect, min_version, conf } => {
                let livy = Livy::new(self.service(Some(namespace), service)?);
                let (text, version) = livy.version().await.map_err(failed)?;
                let oldest = min_version.as_deref().and_then(LivyVersion::parse);
                if let (Some(version), Some(oldest)) = (version, oldest)
                    && version < oldest
                {
                    let why = format!("Livy {text} cannot run sessions on Kubernetes, {oldest} can");
                    return Ok(Done { not_applicable: Some(why), ..Done::default() });
                }
                let proof = self.proof(action);
                let name = format!("windlass-{proof}");
                let session = livy.open(&name, kind, &labelled(conf, &proof)).await.map_err(failed)?;
                let proven = tokio::select! {
                    proven = self.session(&livy, session.id, namespace, &proof, (code, expect), context) => proven,
                    () = context.cancel.cancelled() => Err(failure("stopped".to_owned(), Vec::new())),
                    () = tokio::time::sleep(context.left().saturating_sub(Duration::from_secs(5))) => {
                        let log = self.driver_log(namespace, &proof).await;
                        Err(failure("the session did not answer in time".to_owned(), log))
                    }
                };
                let _ = livy.close(session.id).await;
                self.remove_pods(namespace, &proof, context).await;
                proven
            }
            other => Err(failure(format!("not an action of Livy: {other:?}"), Vec::new())),
        }
    }

    /// A name for one attempt's pods: label values and Livy's names must be new each time.
    fn proof(&self, action: &Action) -> String {
        let nanos = jiff::Timestamp::now().as_nanosecond().unsigned_abs() % 0x100_0000;
        let id: String = action.id.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let run = self.run.rsplit('-').next().unwrap_or_default();
        format!("{id}-{run}-{nanos:06x}")
    }

    /// Whatever came of a proof, nothing of it stays. What cannot be removed now, an uninstall removes.
    async fn remove_pods(&self, namespace: &str, proof: &str, context: &Context) {
        let selector = format!("{LABEL}={proof}");
        let Ok(pods) = self.cluster.delete_by_label("Pod", namespace, &selector).await else { return };
        if pods.is_empty() {
            return;
        }
        (context.progress)(Progress::Waiting("its pods are being removed".to_owned()));
        tokio::select! {
            _ = self.cluster.wait_gone(&pods, context.left()) => {}
            () = context.cancel.cancelled() => {}
        }
    }

    /// Follows a batch to its end.
    async fn batch(
        &self,
        livy: &Livy,
        id: u64,
        namespace: &str,
        proof: &str,
        expect: &str,
        context: &Context,
    ) -> Result<Done, Failure> {
        let selector = format!("{LABEL}={proof},spark-role=driver");
        // Leaves a moment of the deadline for logs and removal.
        let left = context.left().saturating_sub(Duration::from_secs(10));
        let mut executors = BTreeSet::new();
        let ended = tokio::select! {
            ended = self.cluster.wait_pods_ended(namespace, &selector, &self.policy, left, &context.progress) => ended,
            failure = self.never_submitted(livy, id, namespace, proof) => return Err(failure),
            () = self.watch_executors(namespace, proof, &mut executors, context) => return Err(Failure::default()),
        };
        let pods = match ended {
            Ok(pods) => pods,
            Err(WaitError::NotReady(not_ready)) => {
                let log = self.driver_log(namespace, proof).await;
                return Err(Failure {
                    errors: vec!["the Spark driver did not run".to_owned()],
                    findings: not_ready.findings,
                    log,
                    may_pass: false,
                });
            }
            Err(error) => return Err(failed(error)),
        };
        let Some(driver) = pods.first() else {
            return Err(failure("the Spark driver is gone".to_owned(), Vec::new()));
        };
        self.judge(driver, namespace, expect, &executors).await
    }

    /// The driver's phase, its log, and whether executors were seen.
    async fn judge(
        &self,
        driver: &PodState,
        namespace: &str,
        expect: &str,
        executors: &BTreeSet<String>,
    ) -> Result<Done, Failure> {
        let log = self
            .cluster
            .pod_logs_tail(namespace, &driver.name, Some("spark-kubernetes-driver"), SEARCHED_LINES)
            .await
            .unwrap_or_default();
        let tail = || log.iter().skip(log.len().saturating_sub(LOG_LINES as usize)).cloned().collect::<Vec<_>>();
        if driver.phase != "Succeeded" {
            let code = driver.containers.iter().find_map(|container| container.exit_code);
            let code = code.map(|code| format!(" with exit code {code}")).unwrap_or_default();
            return Err(failure(format!("the Spark driver {namespace}/{} failed{code}", driver.name), tail()));
        }
        let Some(line) = log.iter().find(|line| line.contains(expect)) else {
            let text = format!("the Spark driver {namespace}/{} succeeded without saying `{expect}`", driver.name);
            return Err(failure(text, tail()));
        };
        if executors.is_empty() {
            let text = format!("the Spark driver {namespace}/{} ended well but no executor was seen", driver.name);
            return Err(failure(text, tail()));
        }
        let app = driver.labels.get("spark-app-selector").cloned().unwrap_or_default();
        Ok(Done {
            summary: Some(format!("{}, {} executors", line.trim(), executors.len())),
            results: Some(json!({"app_id": app, "driver_pod": driver.name, "executors": executors})),
            not_applicable: None,
        })
    }

    /// Ends when Livy gave the batch up and no driver pod was made.
    async fn never_submitted(&self, livy: &Livy, id: u64, namespace: &str, proof: &str) -> Failure {
        let selector = format!("{LABEL}={proof}");
        loop {
            tokio::time::sleep(PAUSE * 4).await;
            let Ok(batch) = livy.batch(id).await else { continue };
            if !ENDED.contains(&batch.state.as_str()) {
                continue;
            }
            match self.cluster.pods(namespace, &selector).await {
                Ok(pods) if pods.is_empty() => {
                    let text = format!("Livy gave up batch {id} ({}) before a driver ran", batch.state);
                    return failure(text, redacted(batch.log));
                }
                // Its driver is judged by its own end.
                Ok(_) | Err(_) => {}
            }
        }
    }

    /// Notes every executor pod that ran. Never ends.
    async fn watch_executors(&self, namespace: &str, proof: &str, seen: &mut BTreeSet<String>, context: &Context) {
        let selector = format!("{LABEL}={proof},spark-role=executor");
        loop {
            if let Ok(pods) = self.cluster.pods(namespace, &selector).await {
                let before = seen.len();
                let running = pods.into_iter().filter(|pod| matches!(pod.phase.as_str(), "Running" | "Succeeded"));
                seen.extend(running.map(|pod| pod.name));
                if seen.len() > before {
                    (context.progress)(Progress::Note(format!("{} executors ran so far", seen.len())));
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn session(
        &self,
        livy: &Livy,
        id: u64,
        namespace: &str,
        proof: &str,
        (code, expect): (&str, &str),
        context: &Context,
    ) -> Result<Done, Failure> {
        loop {
            let session = livy.session(id).await.map_err(failed)?;
            if session.state == "idle" {
                break;
            }
            if ENDED.contains(&session.state.as_str()) {
                let mut log = self.driver_log(namespace, proof).await;
                if log.is_empty() {
                    log = redacted(session.log);
                }
                return Err(failure(format!("the session ended as {}", session.state), log));
            }
            (context.progress)(Progress::Waiting(format!("the session is {}", session.state)));
            tokio::time::sleep(PAUSE).await;
        }
        let mut statement = livy.run(id, code).await.map_err(failed)?;
        while statement.output.is_none() {
            (context.progress)(Progress::Waiting(format!("the statement is {}", statement.state)));
            tokio::time::sleep(PAUSE).await;
            statement = livy.statement(id, statement.id).await.map_err(failed)?;
        }
        let output = statement.output.unwrap_or_default();
        if !output.contains(expect) {
            let text = format!("`{code}` gave `{}`, expected `{expect}`", output.trim());
            return Err(failure(text, self.driver_log(namespace, proof).await));
        }
        Ok(Done { summary: Some(format!("{code} = {}", output.trim())), ..Done::default() })
    }

    async fn driver_log(&self, namespace: &str, proof: &str) -> Vec<String> {
        let selector = format!("{LABEL}={proof},spark-role=driver");
        let pods = self.cluster.pods(namespace, &selector).await.unwrap_or_default();
        match pods.first() {
            Some(pod) => self.cluster.pod_logs_tail(namespace, &pod.name, None, LOG_LINES).await.unwrap_or_default(),
            None => Vec::new(),
        }
    }
}

/// The configuration with our label on driver and executors.
fn labelled(conf: &BTreeMap<String, String>, proof: &str) -> BTreeMap<String, String> {
    let mut conf = conf.clone();
    for role in ["driver", "executor"] {
        conf.insert(format!("spark.kubernetes.{role}.label.{LABEL}"), proof.to_owned());
    }
    conf
}

/// Livy's own log without anything that looks like a token.
fn redacted(log: Vec<String>) -> Vec<String> {
    log.into_iter().map(|line| crate::model::redact(&line)).collect()
}
