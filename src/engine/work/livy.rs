//! Checks through Livy: a batch, judged by its driver pod, and a statement in a session.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::json;

use super::cluster::failed;
use super::runner::StepRunner;
use crate::catalog::action::{Batch, LivyAction, Session};
use crate::driver::http::{BatchRequest, Livy, LivyError, LivyVersion};
use crate::driver::kube::WaitError;
use crate::engine::perform::{Context, Done, Failure};
use crate::model::Progress;
use crate::model::cluster::PodState;
use crate::model::lock::Lock;
use crate::plan::Step;

/// The label by which the pods of a check are found again. Neither Livy's appId nor an exit code can be relied on:
/// spark-submit exits 0 though the driver failed, and an old Livy then says `success`.
const LABEL: &str = "windlass.dev/check";

/// How often pods and Livy are asked.
const PAUSE: Duration = Duration::from_millis(500);

/// How much of the deadline is kept for logs and for cleaning up.
const RESERVE: Duration = Duration::from_secs(15);

/// How long to wait for Livy so that it forgets a check.
const FORGET_TIMEOUT: Duration = Duration::from_secs(90);

/// How many of the driver's last lines a failure shows.
const LOG_LINES: u32 = 40;

/// How many lines of a driver's log are searched for what must be in it.
const SEARCHED_LINES: u32 = 2000;

/// The states of a batch or session in which no driver will come any more.
const ENDED: [&str; 4] = ["dead", "error", "killed", "shutting_down"];

fn stopped() -> Failure {
    failure("stopped".to_owned(), Vec::new())
}

fn failure(text: String, log: Vec<String>) -> Failure {
    Failure { errors: vec![text], log, ..Failure::default() }
}

/// One attempt of a check, with pods of its own.
struct Check<'a> {
    runner: &'a StepRunner,
    livy: Livy,
    /// `name:port`.
    service: &'a str,
    namespace: &'a str,
    /// The label's value on its pods.
    label: String,
    context: &'a Context,
}

impl StepRunner {
    pub(super) async fn livy(
        &self,
        step: &Step,
        namespace: &str,
        kind: &LivyAction,
        context: &Context,
    ) -> Result<Done, Failure> {
        let (LivyAction::Batch(Batch { service, .. }) | LivyAction::Session(Session { service, .. })) = kind;
        let livy = Livy::new(self.service(Some(namespace), service)?);
        let check = Check { runner: self, livy, service, namespace, label: self.check_label(step), context };
        check.clear_after_killed().await;
        let name = format!("windlass-{}", check.label);
        match kind {
            LivyAction::Batch(Batch { class, file, args, conf, expect_log, .. }) => {
                let request = BatchRequest {
                    name,
                    class: class.clone(),
                    file: file.clone(),
                    args: args.clone(),
                    conf: labelled(conf, &check.label),
                };
                let submit = || check.livy.submit(&request);
                let id = check.created(submit, || check.livy.batch_named(&request.name)).await?;
                let outcome = tokio::select! {
                    outcome = check.batch(id, expect_log) => outcome,
                    () = context.cancel.cancelled() => Err(stopped()),
                };
                check.clean_up(&format!("batch {id}"), || check.livy.delete_batch(id)).await;
                outcome
            }
            LivyAction::Session(Session { kind, code, expect, min_version, conf, .. }) => {
                let (text, version) = check.retried(|| check.livy.version()).await?;
                let oldest = min_version.as_deref().and_then(LivyVersion::parse);
                if let (Some(version), Some(oldest)) = (version, oldest)
                    && version < oldest
                {
                    let why = format!("Livy {text} cannot run sessions on Kubernetes, {oldest} or later can");
                    return Ok(Done { not_applicable: Some(why), ..Done::default() });
                }
                let conf = labelled(conf, &check.label);
                let open = || check.livy.open(&name, kind, &conf);
                let id = check.created(open, || check.livy.session_named(&name)).await?;
                let outcome = tokio::select! {
                    outcome = check.session(id, code, expect) => outcome,
                    () = context.cancel.cancelled() => Err(stopped()),
                    () = tokio::time::sleep(context.left().saturating_sub(Duration::from_secs(5))) => {
                        Err(failure("timed out waiting for the session".to_owned(), check.driver_log().await))
                    }
                };
                check.clean_up(&format!("session {id}"), || check.livy.close(id)).await;
                outcome
            }
        }
    }

    /// A name for one attempt's pods: label values and Livy's names must be new each time.
    fn check_label(&self, step: &Step) -> String {
        let nanos = jiff::Timestamp::now().as_nanosecond().unsigned_abs() % 0x100_0000;
        let id: String = step.id.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        format!("{id}-{}-{nanos:06x}", of_run(&self.run))
    }
}

/// The part of a run's id that its checks are named by.
fn of_run(run: &str) -> &str {
    run.rsplit('-').next().unwrap_or_default()
}

impl Check<'_> {
    /// Calls Livy, and again while it is away: its pod may be replaced at any time, and what it started continues.
    async fn retried<T, F>(&self, ask: impl Fn() -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, LivyError>>,
    {
        loop {
            match ask().await {
                Ok(answer) => return Ok(answer),
                Err(error) if error.is_away() && self.context.left() > RESERVE => self.wait(&error).await?,
                Err(error) => return Err(failed(error)),
            }
        }
    }

    /// Has Livy make something with a name of its own, and gives its number. An answer that was lost says nothing, and
    /// two must not be made: Livy is asked for the name.
    async fn created<M, F>(&self, make: impl Fn() -> M, find: impl Fn() -> F) -> Result<u64, Failure>
    where
        M: Future<Output = Result<u64, LivyError>>,
        F: Future<Output = Result<Option<u64>, LivyError>>,
    {
        loop {
            match make().await {
                Ok(id) => return Ok(id),
                Err(error) if error.is_away() && self.context.left() > RESERVE => self.wait(&error).await?,
                Err(error) => return Err(failed(error)),
            }
            if let Some(id) = self.retried(&find).await? {
                return Ok(id);
            }
        }
    }

    /// Has Livy forget what was made. While it is away it cannot, and would list it for ever: waited for, for a while.
    async fn forget<F>(&self, what: &str, ask: impl Fn() -> F)
    where
        F: Future<Output = Result<(), LivyError>>,
    {
        let end = Instant::now() + FORGET_TIMEOUT.min(self.context.left().saturating_sub(RESERVE));
        while let Err(error) = ask().await {
            if !error.is_away() {
                return;
            }
            if Instant::now() >= end || self.wait(&error).await.is_err() {
                (self.context.progress)(Progress::Note(format!(
                    "{}; it may still list {what}",
                    self.no_answer(&error)
                )));
                return;
            }
        }
    }

    /// A pause while Livy is away.
    async fn wait(&self, error: &LivyError) -> Result<(), Failure> {
        (self.context.progress)(Progress::Waiting(self.no_answer(error)));
        tokio::select! {
            () = tokio::time::sleep(PAUSE * 2) => Ok(()),
            () = self.context.cancel.cancelled() => Err(stopped()),
        }
    }

    /// Why Livy did not answer: the tunnel knows better than the connection that it closed.
    fn no_answer(&self, error: &LivyError) -> String {
        let tunnels = &self.runner.tunnels;
        let socket =
            self.service.split_once(':').map(|(name, port)| tunnels.service_socket(self.namespace, name, port));
        let why = match socket.and_then(Result::ok).and_then(|socket| tunnels.last_error(&socket)) {
            Some(why) => why.to_string(),
            None => {
                let mut cause: &dyn std::error::Error = error;
                while let Some(source) = cause.source() {
                    cause = source;
                }
                cause.to_string()
            }
        };
        format!("Livy does not answer: {why}")
    }

    /// Cleans up what a run that was killed left of its checks: their pods would take resources that this one needs.
    async fn clear_after_killed(&self) {
        let Some((Lock { run, .. }, _)) = &self.runner.took_over else { return };
        let part = format!("-{}-", of_run(run));
        let pods = self.runner.cluster.pods(self.namespace, LABEL).await.unwrap_or_default();
        let labels: BTreeSet<&String> =
            pods.iter().filter_map(|pod| pod.labels.get(LABEL)).filter(|label| label.contains(&part)).collect();
        for label in labels {
            (self.context.progress)(Progress::Note(format!("removing check {label} of run {run}, which was killed")));
            let name = format!("windlass-{label}");
            // First its pods, as in `clean_up`.
            self.remove(label).await;
            // What Livy cannot be asked for now, it goes on listing, without pods.
            if let Ok(Some(id)) = self.livy.session_named(&name).await {
                let _ = self.livy.close(id).await;
            }
            if let Ok(Some(id)) = self.livy.batch_named(&name).await {
                let _ = self.livy.delete_batch(id).await;
            }
        }
    }

    /// Removes all that a check made, whatever its outcome. What cannot be removed now, an uninstall removes.
    ///
    /// The pods go first: Livy 0.9 saves a session each time it sees its driver, the one that is ending after it was
    /// deleted, too, and such a session is back, without a driver, when Livy starts the next time.
    async fn clean_up<F>(&self, what: &str, forget: impl Fn() -> F)
    where
        F: Future<Output = Result<(), LivyError>>,
    {
        self.remove(&self.label).await;
        self.forget(what, forget).await;
        // What came in between.
        self.remove(&self.label).await;
    }

    async fn remove(&self, label: &str) {
        let selector = format!("{LABEL}={label}");
        let cluster = &self.runner.cluster;
        let Ok(pods) = cluster.delete_by_label("Pod", self.namespace, &selector).await else { return };
        if pods.is_empty() {
            return;
        }
        (self.context.progress)(Progress::Waiting("its pods are terminating".to_owned()));
        // Half of what is left: Livy has to be asked, too.
        tokio::select! {
            _ = cluster.wait_gone(&pods, self.context.left() / 2) => {}
            () = self.context.cancel.cancelled() => {}
        }
    }

    /// Follows a batch to its end.
    async fn batch(&self, id: u64, expect: &str) -> Result<Done, Failure> {
        let selector = format!("{LABEL}={},spark-role=driver", self.label);
        let (cluster, progress) = (&self.runner.cluster, &self.context.progress);
        // Leaves a moment of the deadline for logs and removal.
        let left = self.context.left().saturating_sub(Duration::from_secs(10));
        let mut executors = BTreeSet::new();
        let ended = tokio::select! {
            ended = cluster.wait_pods_ended(self.namespace, &selector, &self.runner.policy, left, progress) => ended,
            failure = self.never_submitted(id) => return Err(failure),
            () = self.watch_executors(&mut executors) => return Err(Failure::default()),
        };
        let pods = match ended {
            Ok(pods) => pods,
            Err(WaitError::NotReady(not_ready)) => {
                return Err(Failure {
                    errors: vec!["the Spark driver did not run".to_owned()],
                    findings: not_ready.findings,
                    log: self.driver_log().await,
                    may_pass: false,
                });
            }
            Err(error) => return Err(failed(error)),
        };
        let Some(driver) = pods.first() else {
            return Err(failure("the Spark driver pod was deleted".to_owned(), Vec::new()));
        };
        self.judge(driver, expect, &executors).await
    }

    /// The driver's phase, its log, and whether executors were seen.
    async fn judge(&self, driver: &PodState, expect: &str, executors: &BTreeSet<String>) -> Result<Done, Failure> {
        let namespace = self.namespace;
        let log = self
            .runner
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
            let text = format!(
                "the Spark driver {namespace}/{} succeeded, but its log does not contain `{expect}`",
                driver.name
            );
            return Err(failure(text, tail()));
        };
        if executors.is_empty() {
            let text = format!("the Spark driver {namespace}/{} succeeded, but no executor ran", driver.name);
            return Err(failure(text, tail()));
        }
        let app = driver.labels.get("spark-app-selector").cloned().unwrap_or_default();
        Ok(Done {
            summary: Some(format!("{}, {} executors", line.trim(), executors.len())),
            results: Some(json!({"app_id": app, "driver_pod": driver.name, "executors": executors})),
            ..Done::default()
        })
    }

    /// Ends when Livy gave the batch up and no driver pod was made.
    async fn never_submitted(&self, id: u64) -> Failure {
        let selector = format!("{LABEL}={}", self.label);
        let mut away = false;
        loop {
            tokio::time::sleep(PAUSE * 4).await;
            let batch = match self.livy.batch(id).await {
                Ok(batch) => batch,
                // The driver needs no Livy.
                Err(error) => {
                    if error.is_away() && !away {
                        (self.context.progress)(Progress::Note(self.no_answer(&error)));
                        away = true;
                    }
                    continue;
                }
            };
            if away {
                (self.context.progress)(Progress::Note(format!("Livy answers again: batch {id} is {}", batch.state)));
                away = false;
            }
            if !ENDED.contains(&batch.state.as_str()) {
                continue;
            }
            match self.runner.cluster.pods(self.namespace, &selector).await {
                Ok(pods) if pods.is_empty() => {
                    let text = format!("Livy gave up on batch {id} ({}) before a driver ran", batch.state);
                    return failure(text, redacted(batch.log));
                }
                // Its driver is judged by its own end.
                Ok(_) | Err(_) => {}
            }
        }
    }

    /// Notes every executor pod that ran. Never ends.
    async fn watch_executors(&self, seen: &mut BTreeSet<String>) {
        let selector = format!("{LABEL}={},spark-role=executor", self.label);
        loop {
            if let Ok(pods) = self.runner.cluster.pods(self.namespace, &selector).await {
                let before = seen.len();
                let running = pods.into_iter().filter(|pod| matches!(pod.phase.as_str(), "Running" | "Succeeded"));
                seen.extend(running.map(|pod| pod.name));
                if seen.len() > before {
                    (self.context.progress)(Progress::Note(format!("{} executors ran so far", seen.len())));
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn session(&self, id: u64, code: &str, expect: &str) -> Result<Done, Failure> {
        loop {
            let session = self.retried(|| self.livy.session(id)).await?;
            if session.state == "idle" {
                break;
            }
            if ENDED.contains(&session.state.as_str()) {
                let mut log = self.driver_log().await;
                if log.is_empty() {
                    log = redacted(session.log);
                }
                return Err(failure(format!("the session ended in state {}", session.state), log));
            }
            (self.context.progress)(Progress::Waiting(format!("the session is {}", session.state)));
            tokio::time::sleep(PAUSE).await;
        }
        // Run twice if an answer is lost: a check's statement changes nothing.
        let mut statement = self.retried(|| self.livy.run(id, code)).await?;
        while statement.output.is_none() {
            (self.context.progress)(Progress::Waiting(format!("the statement is {}", statement.state)));
            tokio::time::sleep(PAUSE).await;
            statement = self.retried(|| self.livy.statement(id, statement.id)).await?;
        }
        let output = statement.output.unwrap_or_default();
        if !output.contains(expect) {
            let text = format!("`{code}` returned `{}`, expected `{expect}`", output.trim());
            return Err(failure(text, self.driver_log().await));
        }
        Ok(Done { summary: Some(format!("{code} = {}", output.trim())), ..Done::default() })
    }

    async fn driver_log(&self) -> Vec<String> {
        let selector = format!("{LABEL}={},spark-role=driver", self.label);
        let cluster = &self.runner.cluster;
        let pods = cluster.pods(self.namespace, &selector).await.unwrap_or_default();
        match pods.first() {
            Some(pod) => cluster.pod_logs_tail(self.namespace, &pod.name, None, LOG_LINES).await.unwrap_or_default(),
            None => Vec::new(),
        }
    }
}

/// The configuration with our label on driver and executors.
fn labelled(conf: &BTreeMap<String, String>, label: &str) -> BTreeMap<String, String> {
    let mut conf = conf.clone();
    for role in ["driver", "executor"] {
        conf.insert(format!("spark.kubernetes.{role}.label.{LABEL}"), label.to_owned());
    }
    conf
}

/// Livy's own log without anything that looks like a secret.
fn redacted(log: Vec<String>) -> Vec<String> {
    crate::model::known().lines(&log)
}
