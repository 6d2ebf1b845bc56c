//! Jobs of components: created, watched until they end, judged by exit codes and logs, and removed.

mod judge;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::{Duration, Instant};

use super::cluster::failed;
use super::runner::StepRunner;
use crate::catalog::action::{JOB_LABEL, JobAction, JobParts, Run};
use crate::driver::kube::{JobEnd, WaitError};
use crate::engine::perform::{Context, Done, Failure};
use crate::model::cluster::{ObjectRef, PodState};
use crate::model::{Progress, redact};
use crate::plan::Step;

use self::judge::Judge;

/// How often a Job is asked for its end, once its pods have ended.
const PAUSE: Duration = Duration::from_millis(500);

/// How much of the deadline is kept for logs and for cleaning up.
const RESERVE: Duration = Duration::from_secs(15);

/// How long the controller may take to see that the pods have ended.
const CONTROLLER_TIMEOUT: Duration = Duration::from_secs(20);

/// How often the logs of a Job are read whose lines are shown while it runs.
const FOLLOW_INTERVAL: Duration = Duration::from_secs(2);

/// How many new lines of a pod are shown at most each time.
const TAIL: u32 = 50;

/// How many of the last lines are kept in the journal.
const LOG_LINES: usize = 40;

/// The lines after the one that was shown last; all where it is not among them any more.
fn lines_after<'a>(tail: &'a [String], last: Option<&String>) -> &'a [String] {
    let shown = last.and_then(|last| tail.iter().rposition(|line| line == last));
    &tail[shown.map_or(0, |at| at + 1)..]
}

/// One attempt.
struct Attempt<'a> {
    runner: &'a StepRunner,
    run: &'a Run,
    namespace: &'a str,
    context: &'a Context,
}

impl StepRunner {
    pub(super) async fn job(
        &self,
        step: &Step,
        namespace: &str,
        job: &JobAction,
        context: &Context,
    ) -> Result<Done, Failure> {
        let JobAction::Run(run) = job;
        let attempt = Attempt { runner: self, run, namespace, context };
        attempt.clear_after_killed().await?;
        let ended = tokio::select! {
            ended = attempt.ended() => ended,
            never = attempt.follow_logs(), if run.tells => match never {},
            () = context.cancel.cancelled() => Err(Failure { errors: vec!["stopped".to_owned()], ..Failure::default() }),
        };
        let judged = match ended {
            Ok(pods) => attempt.judge(&pods).await,
            Err(failure) => Err(failure.with_log(attempt.last_lines().await)),
        };
        attempt.remove().await;
        let done = judged?;
        if let Some(text) = &run.unless {
            self.done(&step.component, &step.id, text).await?;
        }
        Ok(done)
    }
}

impl Attempt<'_> {
    fn selector(&self) -> String {
        format!("{JOB_LABEL}={}", self.run.name)
    }

    fn note(&self, text: String) {
        (self.context.progress)(Progress::Note(text));
    }

    /// Removes what a run left that was killed or lost its lock: its name is needed. Its last lines are shown first.
    async fn clear_after_killed(&self) -> Result<(), Failure> {
        let name = &self.run.name;
        let found = self.runner.cluster.job_end(self.namespace, name).await.map_err(failed)?;
        let pods = self.pods().await;
        if found.is_none() && pods.is_empty() {
            // Its ConfigMaps and its Service may be there without it.
            self.remove().await;
            return Ok(());
        }
        self.note(format!("removing Job {}/{name} left by an interrupted run", self.namespace));
        for line in self.last_lines().await {
            self.note(line);
        }
        self.remove().await;
        Ok(())
    }

    async fn pods(&self) -> Vec<PodState> {
        self.runner.cluster.pods(self.namespace, &self.selector()).await.unwrap_or_default()
    }

    /// Makes the Job and follows it to its end; gives its pods.
    async fn ended(&self) -> Result<Vec<PodState>, Failure> {
        let (cluster, context) = (&self.runner.cluster, self.context);
        let left = || context.left().saturating_sub(RESERVE);
        let parts = JobParts {
            namespace: self.namespace,
            pull_secret: &self.runner.pull_secret,
            seconds: left().as_secs(),
            files: &self.runner.files,
        };
        for object in self.run.objects(&parts) {
            cluster.create(&object).await.map_err(failed)?;
        }
        loop {
            let (selector, policy) = (self.selector(), &self.runner.policy);
            let ended = cluster.wait_pods_ended(self.namespace, &selector, policy, left(), &context.progress).await;
            let pods = match ended {
                Ok(pods) => pods,
                Err(WaitError::NotReady(not_ready)) => {
                    return Err(Failure {
                        errors: vec![format!("Job {}/{} did not complete", self.namespace, self.run.name)],
                        findings: not_ready.findings,
                        ..Failure::default()
                    });
                }
                Err(error) => return Err(failed(error)),
            };
            // Each process is one pod, tried once: where all ended well, the controller can say nothing else later.
            if pods.iter().filter(|pod| pod.phase == "Succeeded").count()
                >= usize::try_from(self.run.count()).unwrap_or(usize::MAX)
            {
                return Ok(pods);
            }
            let until = Instant::now() + CONTROLLER_TIMEOUT.min(left());
            while Instant::now() < until {
                match cluster.job_end(self.namespace, &self.run.name).await.map_err(failed)? {
                    Some(JobEnd::Complete) => return Ok(pods),
                    Some(JobEnd::Failed(why)) => return Err(self.job_failed(&pods, &why).await),
                    Some(JobEnd::Running) => {}
                    None => return Err(self.job_deleted()),
                }
                // Others of its pods may have begun only now.
                if self.pods().await.iter().any(|pod| !pod.ended()) {
                    break;
                }
                tokio::time::sleep(PAUSE).await;
            }
            if left().is_zero() {
                return Err(Failure {
                    errors: vec![format!("timed out waiting for Job {}/{} to finish", self.namespace, self.run.name)],
                    ..Failure::default()
                });
            }
        }
    }

    /// Shows what its pods log, each line once, until it is dropped.
    async fn follow_logs(&self) -> Infallible {
        let mut shown: BTreeMap<String, String> = BTreeMap::new();
        loop {
            tokio::time::sleep(FOLLOW_INTERVAL).await;
            for pod in self.pods().await {
                let tail = self.runner.cluster.pod_logs_tail(self.namespace, &pod.name, None, TAIL).await;
                let tail = tail.unwrap_or_default();
                for line in lines_after(&tail, shown.get(&pod.name)) {
                    self.note(line.clone());
                }
                if let Some(last) = tail.last() {
                    shown.insert(pod.name, last.clone());
                }
            }
        }
    }

    fn job_deleted(&self) -> Failure {
        let text = format!("Job {}/{} was deleted while it was running", self.namespace, self.run.name);
        Failure { errors: vec![text], ..Failure::default() }
    }

    /// Where its lines are shown while it runs, the last of them is the reason.
    async fn job_failed(&self, pods: &[PodState], why: &str) -> Failure {
        let mut errors = vec![format!("Job {}/{} failed: {why}", self.namespace, self.run.name)];
        for pod in pods.iter().filter(|pod| pod.phase == "Failed") {
            let code = pod.containers.iter().find_map(|container| container.exit_code);
            let code = code.map(|code| format!(" with exit code {code}")).unwrap_or_default();
            errors.push(format!("pod {} failed{code}", pod.name));
            if self.run.tells {
                let tail = self.runner.cluster.pod_logs_tail(self.namespace, &pod.name, None, 1).await;
                errors.extend(tail.unwrap_or_default());
            }
        }
        Failure { errors, ..Failure::default() }
    }

    /// Judges the logs of pods that succeeded.
    async fn judge(&self, pods: &[PodState]) -> Result<Done, Failure> {
        let mut judge = Judge::new(self.run)?;
        for pod in pods {
            let log = self.runner.cluster.whole_log(self.namespace, &pod.name).await.map_err(failed)?;
            if log.cut {
                self.note(format!("the log of pod {} is too long: only its beginning is checked", pod.name));
            }
            judge.pod(&pod.name, &log.text);
        }
        let lines = self.last_lines().await;
        match judge.verdict() {
            Ok(mut done) => {
                done.log = lines;
                Ok(done)
            }
            Err(errors) => Err(Failure { errors, log: lines, ..Failure::default() }),
        }
    }

    /// The last lines of its pods, those of failed ones first, without secrets.
    async fn last_lines(&self) -> Vec<String> {
        let mut pods = self.pods().await;
        pods.sort_by_key(|pod| (pod.phase != "Failed", pod.name.clone()));
        let each = (LOG_LINES / pods.len().clamp(1, 4)).max(10);
        let mut lines = Vec::new();
        for pod in pods.iter().take(4) {
            let log = self.runner.cluster.whole_log(self.namespace, &pod.name).await;
            let text = log.map(|log| redact(&log.text)).unwrap_or_default();
            let text: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
            let last = &text[text.len().saturating_sub(each)..];
            let several = pods.len() > 1;
            lines.extend(
                last.iter().map(|line| if several { format!("{}: {line}", pod.name) } else { (*line).to_owned() }),
            );
        }
        lines
    }

    /// Removes all of it. What cannot be removed now, the next run finds by its label.
    async fn remove(&self) {
        let (cluster, selector) = (&self.runner.cluster, self.selector());
        let mut gone: Vec<ObjectRef> = Vec::new();
        // The Job first: it would make its pods anew.
        for kind in ["Job", "Pod", "Service", "ConfigMap"] {
            match cluster.delete_by_label(kind, self.namespace, &selector).await {
                Ok(deleted) => gone.extend(deleted),
                Err(error) => self.note(format!("failed to clean up Job {}: {error}", self.run.name)),
            }
        }
        if gone.is_empty() {
            return;
        }
        (self.context.progress)(Progress::Waiting("its pods are terminating".to_owned()));
        tokio::select! {
            _ = cluster.wait_gone(&gone, self.context.left().max(RESERVE) / 2) => {}
            () = tokio::time::sleep(RESERVE), if self.context.cancel.is_cancelled() => {}
        }
    }
}

impl Failure {
    fn with_log(mut self, log: Vec<String>) -> Self {
        self.log = log;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_shown_once() {
        let lines = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let (tail, one) = (lines("a b c"), |text: &str| Some(text.to_owned()));
        assert_eq!(lines_after(&tail, None), lines("a b c"));
        assert_eq!(lines_after(&tail, one("b").as_ref()), lines("c"));
        assert_eq!(lines_after(&tail, one("c").as_ref()), lines(""));
        assert_eq!(lines_after(&tail, one("gone").as_ref()), lines("a b c"));
        assert_eq!(lines_after(&lines("a b a"), one("a").as_ref()), lines(""));
        assert_eq!(lines_after(&[], one("a").as_ref()), lines(""));
    }
}
