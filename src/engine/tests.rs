//! The scheduler against invented steps.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::*;
use crate::catalog::action::{ActionKind, Exists, HdfsAction, HttpAction, Mkdir, Probe, Upload, Wait, WaitOperational};
use crate::event::{Event, Outcome, RunState, Status, channel};
use crate::model::cluster::{ClusterInfo, ReleaseKey};
use crate::model::state::ComponentRecord;
use crate::model::{GeneratedSecret, Progress, SecretRef};
use crate::plan::{Change, PLAN_SCHEMA, Plan, Step, Work};
use crate::processor_seconds;

fn step(id: &str, needs: &[&str]) -> Step {
    Step {
        id: id.into(),
        component: "a".into(),
        title: id.into(),
        change: Change::Create,
        why: vec![],
        needs: needs.iter().map(|need| (*need).to_owned()).collect(),
        deadline_seconds: 60,
        retries: 0,
        register: None,
        verify: false,
        fix: None,
        work: Work::RemoveSecret { namespace: id.into(), name: id.into() },
    }
}

/// Fails where the id says so, waits where it says so.
#[derive(Default)]
struct Fake {
    running: AtomicUsize,
    most: AtomicUsize,
    attempts: AtomicUsize,
    /// So many may begin; then the lock is too old, and is found to be lost.
    may_begin: Option<AtomicUsize>,
}

impl Perform for Fake {
    async fn may_begin(&self) -> bool {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let Some(left) = &self.may_begin else { return true };
        left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
    }

    async fn perform(&self, step: &Step, context: Context) -> Result<Done, Failure> {
        let now = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(50)).await;
        self.running.fetch_sub(1, Ordering::SeqCst);
        let attempt = self.attempts.fetch_add(1, Ordering::SeqCst) + 1;
        if step.id.contains("polls") {
            for word in ["a", "a", "a", "b", "a"] {
                (context.progress)(Progress::Waiting(word.to_owned()));
            }
        }
        if step.id.contains("panic") {
            panic!("on purpose");
        }
        if step.id.contains("hang") {
            context.cancel.cancelled().await;
        }
        if step.id.contains("deaf") {
            std::future::pending::<()>().await;
        }
        if step.id.contains("bad") || (step.id.contains("flaky") && attempt < 3) {
            return Err(Failure { errors: vec!["bad".into()], may_pass: true, ..Failure::default() });
        }
        Ok(Done { results: Some(serde_json::json!({"x": step.id})), ..Done::default() })
    }
}

async fn run_all(steps: Vec<Step>, cancel: CancellationToken) -> (RunState, Outcome, Arc<Fake>) {
    run_with(Fake::default(), steps, cancel).await
}

async fn run_with(fake: Fake, steps: Vec<Step>, cancel: CancellationToken) -> (RunState, Outcome, Arc<Fake>) {
    let plan = Plan { schema: PLAN_SCHEMA, hdfs: None, overlaid: vec![], skipped: vec![], steps };
    let cluster = ClusterInfo { context: "c".into(), server: "s".into(), user: "u".into(), version: "v".into() };
    let info = RunInfo { run: "r".into(), command: "install".into(), follows: None, cluster };
    let fake = Arc::new(fake);
    let (events, mut listener) = channel();
    let outcome = run(&plan, info, fake.clone(), events, cancel).await;
    let mut state = RunState::default();
    while let Some(event) = listener.next().await {
        state.apply(&event);
    }
    (state, outcome, fake)
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_itself_or_for_nothing_fails_and_is_never_a_success() {
    let cycle = vec![step("a", &["c"]), step("b", &["a"]), step("c", &["b"]), step("d", &[])];
    for (steps, failed) in [(cycle, "a"), (vec![step("e", &["nowhere"])], "e")] {
        let (state, outcome, _) = run_all(steps, CancellationToken::new()).await;
        assert_eq!(outcome, Outcome::Failed);
        for (id, step) in &state.steps {
            match (&step.status, id.as_str()) {
                (Status::Done, "d") => {}
                (Status::Failed { errors, .. }, id) if id == failed => {
                    assert!(errors[0].contains("unresolvable dependency"), "{errors:?}");
                }
                (Status::Blocked(by), id) if id != "d" => assert_eq!(by, failed, "{id}"),
                (other, _) => panic!("{id}: {other:?}"),
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_waited_for_is_reported_when_it_changes() {
    let plan =
        Plan { schema: PLAN_SCHEMA, hdfs: None, overlaid: vec![], skipped: vec![], steps: vec![step("polls", &[])] };
    let cluster = ClusterInfo { context: "c".into(), server: "s".into(), user: "u".into(), version: "v".into() };
    let info = RunInfo { run: "r".into(), command: "install".into(), follows: None, cluster };
    let (events, mut listener) = channel();
    run(&plan, info, Arc::new(Fake::default()), events, CancellationToken::new()).await;
    let mut reported = Vec::new();
    while let Some(stamped) = listener.next().await {
        if let Event::Waiting { what, .. } = stamped.event {
            reported.push(what);
        }
    }
    assert_eq!(reported, ["a", "b", "a"]);
}

#[tokio::test(start_paused = true)]
async fn independent_steps_run_at_the_same_time_and_needs_are_kept() {
    let steps = vec![step("a", &[]), step("b", &[]), step("c", &["a", "b"])];
    let (state, outcome, fake) = run_all(steps, CancellationToken::new()).await;
    assert_eq!(outcome, Outcome::Succeeded);
    assert_eq!(fake.most.load(Ordering::SeqCst), 2);
    assert_eq!(state.counts().done, 3);
}

#[tokio::test(start_paused = true)]
async fn a_failure_blocks_what_needs_it_and_nothing_else() {
    let steps = vec![step("bad", &[]), step("b", &["bad"]), step("c", &["b"]), step("d", &[])];
    let (state, outcome, _) = run_all(steps, CancellationToken::new()).await;
    assert_eq!(outcome, Outcome::Failed);
    assert_eq!(state.steps["b"].status, Status::Blocked("bad".into()));
    assert_eq!(state.steps["c"].status, Status::Blocked("bad".into()));
    assert_eq!(state.steps["d"].status, Status::Done);
}

#[tokio::test(start_paused = true)]
async fn a_retry_may_succeed() {
    let flaky = Step { retries: 3, ..step("flaky", &[]) };
    let (state, outcome, _) = run_all(vec![flaky], CancellationToken::new()).await;
    assert_eq!(outcome, Outcome::Succeeded);
    assert_eq!(state.steps["flaky"].attempts, 3);
}

#[tokio::test(start_paused = true)]
async fn a_failed_check_is_not_a_failed_install() {
    let check = Step { verify: true, ..step("bad", &[]) };
    let (_, outcome, _) = run_all(vec![step("a", &[]), check], CancellationToken::new()).await;
    assert_eq!(outcome, Outcome::VerifyFailed);
}

#[tokio::test(start_paused = true)]
async fn a_stop_lets_nothing_begin_and_ends() {
    let cancel = CancellationToken::new();
    let stop = cancel.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(200)).await;
        stop.cancel();
    });
    let steps = vec![step("hang", &[]), step("b", &["hang"])];
    let (state, outcome, _) = run_all(steps, cancel).await;
    assert_eq!(outcome, Outcome::Stopped);
    assert!(state.stopping);
    assert_eq!(state.steps["b"].status, Status::Stopped(false));
}

/// The work of a step of each kind.
fn works() -> Vec<Work> {
    let key = || ReleaseKey::new("ns", "name");
    let text = || "x".to_owned();
    let act = |action| Work::Act { namespace: Some("ns".to_owned()), action };
    let hdfs = |action| act(ActionKind::Hdfs(action));
    let from = || SecretRef::Env("X".to_owned());
    let record: ComponentRecord = serde_json::from_value(serde_json::json!({"title": "x", "version": "1"})).unwrap();
    vec![
        Work::Namespace { name: text(), pod_security: text() },
        Work::PullSecret { namespace: text(), name: text(), from: from() },
        Work::Secret {
            namespace: text(),
            name: text(),
            keys: vec![text()],
            from: from(),
            made: GeneratedSecret::default(),
            kind: text(),
        },
        Work::DerivedSecret { namespace: text(), name: text(), keys: vec![text()], of: vec![], kind: text() },
        Work::Release { key: key(), chart: text(), values: serde_json::json!({}).into() },
        Work::Rollback { key: key(), revision: 1 },
        Work::Ready { key: key() },
        Work::Record { record, answers: serde_json::json!({}).into() },
        Work::Uninstall { key: key(), keep: vec![] },
        Work::PurgeClaim { namespace: text(), name: text() },
        Work::RemoveNamespace { name: text(), releases: BTreeSet::new(), others: vec![] },
        Work::Forget { kept: None },
        Work::Push { registry: text(), lock_digest: text(), record: Default::default() },
        Work::PullTest {
            namespace: text(),
            pool: crate::model::offline::NodePool {
                name: text(),
                node: None,
                runtime: Default::default(),
                image: text(),
            },
        },
        Work::Images { releases: vec![], record: Default::default() },
        hdfs(HdfsAction::Mkdir(Mkdir { path: text(), mode: text() })),
        hdfs(HdfsAction::WaitOperational(WaitOperational { replication: text() })),
        hdfs(HdfsAction::Upload(Upload { from: text(), to: text(), mode: text(), pattern: text() })),
        hdfs(HdfsAction::Probe(Probe { path: text() })),
        hdfs(HdfsAction::Exists(Exists { path: text() })),
        act(ActionKind::Http(Box::new(HttpAction::Wait(Wait {
            service: text(),
            path: text(),
            status: text(),
            contains: None,
            tls: None,
        })))),
    ]
}

#[tokio::test(start_paused = true)]
async fn whatever_does_not_clean_up_ends_at_once_when_the_run_stops() {
    for work in works() {
        let cleans_up = work.cleans_up();
        let started = tokio::time::Instant::now();
        let cancel = CancellationToken::new();
        let stop = cancel.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            stop.cancel();
        });
        let deaf = Step { work: work.clone(), deadline_seconds: 600, ..step("deaf", &[]) };
        let (state, outcome, _) = run_all(vec![deaf], cancel).await;
        assert_eq!((outcome, &state.steps["deaf"].status), (Outcome::Stopped, &Status::Stopped(true)), "{work:?}");
        let took = started.elapsed().as_secs();
        assert_eq!(took, if cleans_up { 46 } else { 1 }, "{work:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_begins_once_the_lock_does_not_count() {
    let fake = Fake { may_begin: Some(AtomicUsize::new(1)), ..Fake::default() };
    let steps = vec![step("a", &[]), step("b", &["a"]), step("c", &["b"])];
    let (state, outcome, _) = run_with(fake, steps, CancellationToken::new()).await;
    assert_eq!(state.steps["a"].status, Status::Done);
    assert_eq!(state.steps["b"].status, Status::Stopped(false));
    assert_eq!(outcome, Outcome::Stopped);
    // Between two attempts, too.
    let fake = Fake { may_begin: Some(AtomicUsize::new(1)), ..Fake::default() };
    let flaky = Step { retries: 3, ..step("flaky", &[]) };
    let (state, outcome, fake) = run_with(fake, vec![flaky], CancellationToken::new()).await;
    assert_eq!((outcome, fake.attempts.load(Ordering::SeqCst)), (Outcome::Stopped, 1));
    assert_eq!(state.steps["flaky"].status, Status::Stopped(true));
}

#[tokio::test(start_paused = true)]
async fn a_panic_fails_its_step_and_the_rest_goes_on() {
    let steps = vec![step("panic", &[]), step("b", &[]), step("c", &["panic"])];
    let (state, outcome, _) = run_all(steps, CancellationToken::new()).await;
    assert_eq!(outcome, Outcome::Failed);
    assert_eq!(state.steps["b"].status, Status::Done);
    assert_eq!(state.steps["c"].status, Status::Blocked("panic".into()));
}

#[tokio::test(start_paused = true)]
async fn a_deadline_ends_what_hangs() {
    let hang = Step { deadline_seconds: 5, ..step("hang", &[]) };
    let (state, outcome, _) = run_all(vec![hang], CancellationToken::new()).await;
    assert_eq!(outcome, Outcome::Failed);
    let Status::Failed { errors, .. } = &state.steps["hang"].status else { panic!() };
    assert!(errors[0].contains("5s"), "{errors:?}");
}

#[tokio::test(start_paused = true)]
async fn nothing_to_do_is_skipped() {
    let idle = Step { change: Change::Nothing, ..step("bad", &[]) };
    let (state, outcome, _) = run_all(vec![idle, step("b", &["bad"])], CancellationToken::new()).await;
    assert_eq!(outcome, Outcome::Succeeded);
    assert_eq!(state.counts().unchanged, 1);
}

/// Steps that follow each other, as those of a large catalog do.
fn long(count: usize) -> Vec<Step> {
    (0..count)
        .map(|at| {
            let before = at.checked_sub(1).map(|before| format!("s{before:06}"));
            // The clock of these tests runs ahead of that which deadlines begin by.
            Step { deadline_seconds: 86_400, ..step(&format!("s{at:06}"), before.as_deref().as_slice()) }
        })
        .collect()
}

#[tokio::test(start_paused = true)]
#[ignore = "measures the processor's time: for a quiet machine"]
async fn a_run_grows_with_its_steps_and_not_with_their_square() {
    let mut spent = vec![];
    for count in [400, 2400] {
        let begin = processor_seconds();
        let (state, outcome, _) = run_all(long(count), CancellationToken::new()).await;
        spent.push(processor_seconds() - begin);
        assert_eq!((state.counts().done, outcome), (count, Outcome::Succeeded));
    }
    assert!(spent[1] / spent[0] < 15.0, "{spent:?} s for 400 and 2,400 steps");
}

#[tokio::test(start_paused = true)]
async fn what_fixes_it_stands_behind_the_last_error() {
    let fixed = |id: &str| Step { fix: Some("do this".to_owned()), deadline_seconds: 5, retries: 1, ..step(id, &[]) };
    let (state, ..) = run_all(vec![fixed("bad"), fixed("deaf"), fixed("good")], CancellationToken::new()).await;
    let errors = |id: &str| match &state.steps[id].status {
        Status::Failed { errors, .. } => errors.join(": "),
        _ => String::new(),
    };
    assert_eq!(errors("bad"), "bad; do this");
    assert_eq!(errors("deaf"), "timed out after 5s; do this", "also where its time was over");
    assert_eq!(errors("good"), "");
}
