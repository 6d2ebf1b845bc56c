//! The scheduler.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::perform::{Context, Done, Failure, Perform, Results};
use crate::event::{Announced, Channel, EVENT_SCHEMA, Event, Outcome, Skip};
use crate::model::cluster::ClusterInfo;
use crate::model::{Backoff, Progress};
use crate::plan::{Change, Plan, Step};

/// The pauses between attempts.
const BACKOFF: Backoff = Backoff::new(Duration::from_secs(2), Duration::from_secs(30));

/// How long a stopped attempt of a step that cleans up may take to do so before it is abandoned.
const GRACE: Duration = Duration::from_secs(45);

/// What identifies a run.
#[derive(Debug, Clone)]
pub struct RunInfo {
    /// Its id.
    pub run: String,
    /// The command.
    pub command: String,
    /// The run that it resumes, if any.
    pub follows: Option<String>,
    /// The target.
    pub cluster: ClusterInfo,
}

/// How a step ended.
enum StepOutcome {
    Done(Done, f64),
    Failed(Failure, f64),
    /// Whether an attempt has started.
    Stopped(bool),
}

/// Runs the plan to its end and says how it went. Events have the rest; the last one is always `RunFinished`.
pub async fn run<P: Perform>(
    plan: &Plan,
    info: RunInfo,
    performer: Arc<P>,
    events: Channel,
    cancel: CancellationToken,
) -> Outcome {
    let started = Instant::now();
    events.send(Event::RunStarted {
        schema: EVENT_SCHEMA,
        run: info.run,
        command: info.command,
        follows: info.follows,
        cluster: info.cluster,
        steps: plan.steps.iter().map(Announced::from).collect(),
    });
    let mut scheduler = Scheduler {
        open: Open::new(&plan.steps),
        failed: BTreeMap::new(),
        verify_failed: false,
        install_failed: false,
        results: Arc::default(),
        running: JoinSet::new(),
        names: BTreeMap::new(),
        performer,
        events: events.clone(),
        cancel,
    };
    scheduler.run().await;
    let outcome = if scheduler.install_failed {
        Outcome::Failed
    } else if scheduler.was_stopped() {
        Outcome::Stopped
    } else if scheduler.verify_failed {
        Outcome::VerifyFailed
    } else {
        Outcome::Succeeded
    };
    events.send(Event::RunFinished { outcome, seconds: started.elapsed().as_secs_f64() });
    outcome
}

/// The steps that have not started. To find what is due, only what needs the ended step is looked at, not all.
struct Open {
    /// By their place in the plan; `None` once taken.
    steps: Vec<Option<Step>>,
    /// How many of a step's needs have not succeeded.
    unmet: Vec<usize>,
    /// Which steps need one, by its id.
    needed_by: BTreeMap<String, Vec<usize>>,
    /// What can be decided about now.
    due: BTreeSet<usize>,
}

impl Open {
    fn new(steps: &[Step]) -> Self {
        let mut needed_by: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (at, step) in steps.iter().enumerate() {
            for need in &step.needs {
                needed_by.entry(need.clone()).or_default().push(at);
            }
        }
        let unmet: Vec<usize> = steps.iter().map(|step| step.needs.len()).collect();
        let due = (0..steps.len()).filter(|at| unmet[*at] == 0).collect();
        Self { steps: steps.iter().cloned().map(Some).collect(), unmet, needed_by, due }
    }

    fn succeeded(&mut self, id: &str) {
        for at in self.needed_by.remove(id).unwrap_or_default() {
            self.unmet[at] -= 1;
            if self.unmet[at] == 0 {
                self.due.insert(at);
            }
        }
    }

    fn failed(&mut self, id: &str) {
        self.due.extend(self.needed_by.remove(id).unwrap_or_default());
    }

    /// All that is left can be decided about.
    fn cancel(&mut self) {
        self.due.extend(0..self.steps.len());
    }

    /// The first step that is left when nothing runs and nothing is due.
    fn take_left(&mut self) -> Option<Step> {
        self.steps.iter_mut().find_map(Option::take)
    }

    /// The first step in the plan's order that is due.
    fn next(&mut self) -> Option<Step> {
        while let Some(at) = self.due.pop_first() {
            if let Some(step) = self.steps[at].take() {
                return Some(step);
            }
        }
        None
    }
}

struct Scheduler<P> {
    open: Open,
    /// What will not succeed any more, and the failure that is to blame.
    failed: BTreeMap<String, BlockCause>,
    verify_failed: bool,
    install_failed: bool,
    results: Arc<Results>,
    running: JoinSet<(Step, StepOutcome)>,
    names: BTreeMap<tokio::task::Id, Step>,
    performer: Arc<P>,
    events: Channel,
    cancel: CancellationToken,
}

#[derive(Clone, PartialEq)]
enum BlockCause {
    Step(String),
    User,
}

impl<P: Perform> Scheduler<P> {
    async fn run(&mut self) {
        let mut announced = false;
        loop {
            self.start_due();
            if self.running.is_empty() {
                // No plan should have such a cycle, and none may end as if all of it were done.
                match self.open.take_left() {
                    Some(step) => self.fail_unreachable(step),
                    None => break,
                }
                continue;
            }
            let cancelled = self.cancel.clone();
            tokio::select! {
                // Cancellation first, so that it is announced before what it ends.
                biased;
                () = cancelled.cancelled(), if !announced => {
                    announced = true;
                    self.events.send(Event::Stopping);
                }
                ended = self.running.join_next_with_id() => match ended {
                    Some(Ok((id, (step, end)))) => {
                        self.names.remove(&id);
                        self.end(step, end);
                    }
                    Some(Err(error)) => self.crashed(&error),
                    None => {}
                },
            }
        }
    }

    /// Starts, skips, blocks or stops every open step that is due, until none is.
    fn start_due(&mut self) {
        if self.cancel.is_cancelled() {
            self.open.cancel();
        }
        while let Some(step) = self.open.next() {
            let id = step.id.clone();
            match step.needs.iter().find_map(|need| self.failed.get(need).cloned()) {
                Some(BlockCause::Step(by)) => {
                    self.fail(&id, BlockCause::Step(by.clone()));
                    self.events.send(Event::StepBlocked { id, by });
                }
                Some(BlockCause::User) => self.stop(id, false),
                None if step.change == Change::Nothing => {
                    self.open.succeeded(&id);
                    self.events.send(Event::StepSkipped { id, why: Skip::Unchanged });
                }
                None if self.cancel.is_cancelled() => self.stop(id, false),
                None => self.start(step),
            }
        }
    }

    fn fail(&mut self, id: &str, blame: BlockCause) {
        self.open.failed(id);
        self.failed.insert(id.to_owned(), blame);
    }

    fn stop(&mut self, id: String, begun: bool) {
        self.fail(&id, BlockCause::User);
        self.events.send(Event::StepStopped { id, begun });
    }

    fn was_stopped(&self) -> bool {
        self.failed.values().any(|blame| *blame == BlockCause::User)
    }

    fn start(&mut self, step: Step) {
        let performer = self.performer.clone();
        let events = self.events.clone();
        let cancel = self.cancel.clone();
        let results = self.results.clone();
        let known = step.clone();
        let handle = self.running.spawn(async move {
            let end = attempts(&step, &*performer, results, &events, cancel).await;
            (step, end)
        });
        self.names.insert(handle.id(), known);
    }

    fn end(&mut self, step: Step, end: StepOutcome) {
        let id = step.id;
        match end {
            StepOutcome::Done(done, seconds) => {
                if let (Some(name), Some(results)) = (step.register, done.results) {
                    Arc::make_mut(&mut self.results).insert(name, results);
                }
                self.open.succeeded(&id);
                self.events.send(match done.not_applicable {
                    Some(why) => Event::StepSkipped { id, why: Skip::NotApplicable(why) },
                    None => Event::StepFinished { id, seconds, summary: done.summary, log: done.log },
                });
            }
            StepOutcome::Failed(failure, seconds) => {
                if step.verify {
                    self.verify_failed = true;
                } else {
                    self.install_failed = true;
                }
                self.fail(&id, BlockCause::Step(id.clone()));
                self.events.send(Event::StepFailed {
                    id,
                    seconds,
                    errors: failure.errors,
                    findings: failure.findings,
                    log: failure.log,
                });
            }
            StepOutcome::Stopped(begun) => self.stop(id, begun),
        }
    }

    /// Fails a step that needs itself, or something that is not in the plan.
    fn fail_unreachable(&mut self, step: Step) {
        let errors = vec![format!("internal error: unresolvable dependency on {}", step.needs.join(", "))];
        self.end(step, StepOutcome::Failed(Failure { errors, ..Failure::default() }, 0.0));
    }

    /// A task that panicked: the step failed, the rest continues.
    fn crashed(&mut self, error: &tokio::task::JoinError) {
        let Some(step) = self.names.remove(&error.id()) else { return };
        let failure = Failure { errors: vec![format!("internal error: {error}")], ..Failure::default() };
        self.end(step, StepOutcome::Failed(failure, 0.0));
    }
}

/// A step with its retries, within its deadline.
async fn attempts<P: Perform>(
    step: &Step,
    performer: &P,
    results: Arc<Results>,
    events: &Channel,
    cancel: CancellationToken,
) -> StepOutcome {
    let started = Instant::now();
    let deadline = started + Duration::from_secs(step.deadline_seconds);
    let mut backoff = BACKOFF;
    let mut attempt = 1;
    // A step that cleans up is given time to do so; every other one is dropped at once, wherever it is.
    let grace = if step.work.cleans_up() { GRACE } else { Duration::ZERO };
    loop {
        // However long ago the last step began: the machine may have slept since.
        if cancel.run_until_cancelled(performer.may_begin()).await != Some(true) {
            return StepOutcome::Stopped(attempt > 1);
        }
        events.send(Event::StepStarted { id: step.id.clone(), attempt });
        let context =
            Context { results: results.clone(), progress: sink(&step.id, events), cancel: cancel.clone(), deadline };
        let mut failure = tokio::select! {
            ended = performer.perform(step, context) => match ended {
                Ok(done) => return StepOutcome::Done(done, started.elapsed().as_secs_f64()),
                Err(failure) => failure,
            },
            () = tokio::time::sleep_until(deadline.into()) => Failure {
                errors: vec![format!("timed out after {}s", step.deadline_seconds)],
                ..Failure::default()
            },
            () = abandoned(&cancel, grace) => return StepOutcome::Stopped(true),
        };
        if cancel.is_cancelled() {
            return StepOutcome::Stopped(true);
        }
        let last = attempt > step.retries || !failure.may_pass || Instant::now() + backoff.peek() >= deadline;
        if last {
            if let (Some(fix), Some(error)) = (&step.fix, failure.errors.last_mut()) {
                *error = format!("{error}; {fix}");
            }
            return StepOutcome::Failed(failure, started.elapsed().as_secs_f64());
        }
        let pause = backoff.pause();
        events.send(Event::StepRetried {
            id: step.id.clone(),
            attempt,
            after_seconds: pause.as_secs(),
            errors: failure.errors,
        });
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = cancel.cancelled() => return StepOutcome::Stopped(true),
        }
        attempt += 1;
    }
}

/// Ends when the user wants to stop and the attempt has had its time to clean up.
async fn abandoned(cancel: &CancellationToken, grace: Duration) {
    cancel.cancelled().await;
    tokio::time::sleep(grace).await;
}

fn sink(id: &str, events: &Channel) -> crate::model::ProgressSink {
    let (id, events) = (id.to_owned(), events.clone());
    let waiting = Mutex::new(String::new());
    Arc::new(move |progress| {
        let id = id.clone();
        if let Progress::Waiting(what) = &progress {
            // A poll reports the same each time: one event is enough.
            let mut last = waiting.lock().unwrap_or_else(PoisonError::into_inner);
            if *last == *what {
                return;
            }
            last.clone_from(what);
        }
        events.send(match progress {
            Progress::Bytes { done, total } => Event::Bytes { id, done, total },
            Progress::Waiting(what) => Event::Waiting { id, what },
            Progress::Note(text) => Event::Note { id, text },
        });
    })
}
