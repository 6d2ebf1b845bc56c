//! Jobs of components: made, followed to their end, judged by exit codes and logs, and removed.

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
use crate::plan::Action;

use self::judge::Judge;

/// How often a Job is asked for its end, once its pods have ended.
const PAUSE: Duration = Duration::from_millis(500);

/// What is left of the deadline for logs and for clearing up.
const RESERVE: Duration = Duration::from_secs(15);

/// How long the controller may take to see that the pods have ended.
const SEEN: Duration = Duration::from_secs(20);

/// How often one that tells is listened to.
const TELLS: Duration = Duration::from_secs(2);

/// More lines than these are not told of what is said meanwhile.
const TAIL: u32 = 50;

/// How many of the last lines are kept in the journal.
const LOG_LINES: usize = 40;

/// The lines behind the one that was told last; all where it is not among them any more.
fn behind<'a>(tail: &'a [String], last: Option<&String>) -> &'a [String] {
    let told = last.and_then(|last| tail.iter().rposition(|line| line == last));
    &tail[told.map_or(0, |told| told + 1)..]
}

/// One attempt.
struct Attempt<'a> {
    world: &'a StepRunner,
    run: &'a Run,
    namespace: &'a str,
    context: &'a Context,
}

impl StepRunner {
    pub(super) async fn job(
        &self,
        action: &Action,
        namespace: &str,
        job: &JobAction,
        context: &Context,
    ) -> Result<Done, Failure> {
        let JobAction::Run(run) = job;
        let attempt = Attempt { world: self, run, namespace, context };
        attempt.clear_after_killed().await?;
        let ended = tokio::select! {
            ended = attempt.ended() => ended,
            never = attempt.tell(), if run.tells => match never {},
            () = context.cancel.cancelled() => Err(Failure { errors: vec!["stopped".to_owned()], ..Failure::default() }),
        };
        let judged = match ended {
            Ok(pods) => attempt.judge(&pods).await,
            Err(failure) => Err(failure.with_log(attempt.last_lines().await)),
        };
        attempt.remove().await;
        let done = judged?;
        if let Some(text) = &run.unless {
            self.done(&action.component, &action.id, text).await?;
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

    /// What a run left that was killed or lost its lock: its name is wanted, and its last words may be of use.
    async fn clear_after_killed(&self) -> Result<(), Failure> {
        let name = &self.run.name;
        let found = self.world.cluster.job_end(self.namespace, name).await.map_err(failed)?;
        let pods = self.pods().await;
        if found.is_none() && pods.is_empty() {
            // Its ConfigMaps and its Service may be there without it.
            self.remove().await;
            return Ok(());
        }
        self.note(format!("removing Job {}/{name} of a run that did not come to its end", self.namespace));
        for line in self.last_lines().await {
            self.note(line);
        }
        self.remove().await;
        Ok(())
    }

    async fn pods(&self) -> Vec<PodState> {
        self.world.cluster.pods(self.namespace, &self.selector()).await.unwrap_or_default()
    }

    /// Makes the Job and follows it to its end; gives its pods.
    async fn ended(&self) -> Result<Vec<PodState>, Failure> {
        let (cluster, context) = (&self.world.cluster, self.context);
        let left = || context.left().saturating_sub(RESERVE);
        let parts = JobParts {
            namespace: self.namespace,
            pull_secret: &self.world.pull_secret,
            seconds: left().as_secs(),
            files: &self.world.files,
        };
        for object in self.run.objects(&parts) {
            cluster.create(&object).await.map_err(failed)?;
        }
        loop {
            let (selector, policy) = (self.selector(), &self.world.policy);
            let ended = cluster.wait_pods_ended(self.namespace, &selector, policy, left(), &context.progress).await;
            let pods = match ended {
                Ok(pods) => pods,
                Err(WaitError::NotReady(not_ready)) => {
                    return Err(Failure {
                        errors: vec![format!("Job {}/{} did not run to its end", self.namespace, self.run.name)],
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
            let until = Instant::now() + SEEN.min(left());
            while Instant::now() < until {
                match cluster.job_end(self.namespace, &self.run.name).await.map_err(failed)? {
                    Some(JobEnd::Complete) => return Ok(pods),
                    Some(JobEnd::Failed(why)) => return Err(self.gave_up(&pods, &why).await),
                    Some(JobEnd::Running) => {}
                    None => return Err(self.gone()),
                }
                // Others of its pods may have begun only now.
                if self.pods().await.iter().any(|pod| !pod.ended()) {
                    break;
                }
                tokio::time::sleep(PAUSE).await;
            }
            if left().is_zero() {
                return Err(Failure {
                    errors: vec![format!("Job {}/{} did not end in time", self.namespace, self.run.name)],
                    ..Failure::default()
                });
            }
        }
    }

    /// Tells what its pods say, each line once, until it is dropped.
    async fn tell(&self) -> Infallible {
        let mut told: BTreeMap<String, String> = BTreeMap::new();
        loop {
            tokio::time::sleep(TELLS).await;
            for pod in self.pods().await {
                let tail = self.world.cluster.pod_logs_tail(self.namespace, &pod.name, None, TAIL).await;
                let tail = tail.unwrap_or_default();
                for line in behind(&tail, told.get(&pod.name)) {
                    self.note(line.clone());
                }
                if let Some(last) = tail.last() {
                    told.insert(pod.name, last.clone());
                }
            }
        }
    }

    fn gone(&self) -> Failure {
        let text = format!("Job {}/{} was removed while it ran", self.namespace, self.run.name);
        Failure { errors: vec![text], ..Failure::default() }
    }

    /// One that tells ends with the reason.
    async fn gave_up(&self, pods: &[PodState], why: &str) -> Failure {
        let mut errors = vec![format!("Job {}/{} failed: {why}", self.namespace, self.run.name)];
        for pod in pods.iter().filter(|pod| pod.phase == "Failed") {
            let code = pod.containers.iter().find_map(|container| container.exit_code);
            let code = code.map(|code| format!(" with exit code {code}")).unwrap_or_default();
            errors.push(format!("pod {} failed{code}", pod.name));
            if self.run.tells {
                let tail = self.world.cluster.pod_logs_tail(self.namespace, &pod.name, None, 1).await;
                errors.extend(tail.unwrap_or_default());
            }
        }
        Failure { errors, ..Failure::default() }
    }

    /// What the logs of pods that ended well say.
    async fn judge(&self, pods: &[PodState]) -> Result<Done, Failure> {
        let mut judge = Judge::new(self.run)?;
        for pod in pods {
            let log = self.world.cluster.whole_log(self.namespace, &pod.name).await.map_err(failed)?;
            if log.cut {
                self.note(format!("pod {} said more than is read of it: only its begin is looked at", pod.name));
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
            let log = self.world.cluster.whole_log(self.namespace, &pod.name).await;
            let text = log.map(|log| redact(&log.text)).unwrap_or_default();
            let said: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
            let last = &said[said.len().saturating_sub(each)..];
            let several = pods.len() > 1;
            lines.extend(
                last.iter().map(|line| if several { format!("{}: {line}", pod.name) } else { (*line).to_owned() }),
            );
        }
        lines
    }

    /// Removes all of it. What cannot be removed now, the next run finds by its label.
    async fn remove(&self) {
        let (cluster, selector) = (&self.world.cluster, self.selector());
        let mut gone: Vec<ObjectRef> = Vec::new();
        // The Job first: it would make its pods anew.
        for kind in ["Job", "Pod", "Service", "ConfigMap"] {
            match cluster.delete_by_label(kind, self.namespace, &selector).await {
                Ok(deleted) => gone.extend(deleted),
                Err(error) => self.note(format!("failed to remove what Job {} left: {error}", self.run.name)),
            }
        }
        if gone.is_empty() {
            return;
        }
        (self.context.progress)(Progress::Waiting("its pods are being removed".to_owned()));
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
    fn each_line_is_told_once() {
        let lines = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let (tail, one) = (lines("a b c"), |text: &str| Some(text.to_owned()));
        assert_eq!(behind(&tail, None), lines("a b c"));
        assert_eq!(behind(&tail, one("b").as_ref()), lines("c"));
        assert_eq!(behind(&tail, one("c").as_ref()), lines(""));
        assert_eq!(behind(&tail, one("gone").as_ref()), lines("a b c"));
        assert_eq!(behind(&lines("a b a"), one("a").as_ref()), lines(""));
        assert_eq!(behind(&[], one("a").as_ref()), lines(""));
    }
}
