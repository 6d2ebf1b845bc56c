//! Invented plans, events and reports.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};

use crate::event::{Announced, EVENT_SCHEMA, Envelope, Event, Outcome, RunState, Skip};
use crate::model::Login;
use crate::model::cluster::{ClusterInfo, Finding, ObjectRef, ReleaseKey};
use crate::model::state::Verified;
use crate::plan::{Change, PLAN_SCHEMA, Plan, Step, Work};
use crate::render::{
    ComponentStatus, Endpoint, LineOptions, Look, ReleaseRow, STATUS_SCHEMA, StatusReport, StatusRow, SummaryExtras,
};

/// Where a writer that is owned elsewhere leaves its text.
#[derive(Clone, Default)]
pub(in crate::render) struct Sink(Arc<Mutex<Vec<u8>>>);

impl Sink {
    pub(in crate::render) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(in crate::render) const fn look(width: usize) -> Look {
    Look { width, color: false, verbose: false }
}

pub(in crate::render) const fn pipe() -> LineOptions {
    LineOptions { color: false, live: false, width: usize::MAX, height: 24, verbose: false }
}

pub(in crate::render) const fn terminal(width: usize, height: usize) -> LineOptions {
    LineOptions { color: false, live: true, width, height, verbose: false }
}

/// So many milliseconds after the beginning.
pub(in crate::render) fn at(millis: i64) -> Timestamp {
    Timestamp::from_second(1_763_719_200).unwrap() + SignedDuration::from_millis(millis)
}

/// Events in their places.
pub(in crate::render) fn envelopes(events: Vec<(i64, Event)>) -> Vec<Envelope> {
    let numbered = events.into_iter().zip(1..);
    numbered.map(|((millis, event), seq)| Envelope { seq, at: at(millis), event }).collect()
}

/// The state after all of the events.
pub(in crate::render) fn reduced(events: &[Envelope]) -> RunState {
    let mut state = RunState::default();
    events.iter().for_each(|event| state.apply(event));
    state
}

pub(in crate::render) fn cluster() -> ClusterInfo {
    ClusterInfo {
        context: "windlass-sandbox".into(),
        server: "https://10.97.0.2:6443".into(),
        user: "admin".into(),
        version: "v1.34.4".into(),
    }
}

fn step(id: &str, component: &str, title: &str, change: Change, why: &[&str]) -> Step {
    Step {
        id: id.into(),
        component: component.into(),
        title: title.into(),
        change,
        why: why.iter().map(|why| (*why).to_owned()).collect(),
        needs: vec![],
        deadline_seconds: 600,
        retries: 0,
        register: None,
        verify: false,
        fix: None,
        work: Work::RemoveSecret { namespace: "unused".into(), name: "unused".into() },
    }
}

pub(in crate::render) fn plan() -> Plan {
    let steps = vec![
        step("namespace/hadoop", "platform", "namespace hadoop", Change::Nothing, &[]),
        step("hdfs/release", "hdfs", "release hdfs in hadoop", Change::Nothing, &[]),
        step("hdfs/ready", "hdfs", "HDFS is ready", Change::Check, &["StatefulSet hadoop/hdfs-datanode: 0 of 1 ready"]),
        step(
            "livy/before-1",
            "livy",
            "make /shared/spark-logs",
            Change::Update,
            &["mode of /shared/spark-logs: 0755 becomes 0777"],
        ),
        step(
            "livy/release",
            "livy",
            "release livy in apache-livy",
            Change::Update,
            &[
                "spark.image.repository is 10.97.0.2:5000/apache/spark instead of docker.io/apache/spark",
                "the chart has changed",
                "StatefulSet apache-livy/livy differs: spec.replicas is 2 instead of 1",
                "ConfigMap apache-livy/livy is gone",
            ],
        ),
        step("livy/ready", "livy", "Apache Livy is ready", Change::Check, &[]),
        step(
            "shared-libraries/after-1",
            "shared-libraries",
            "upload ./libs to /datagram/sharedlibs",
            Change::Create,
            &["/datagram/sharedlibs/parquet-hadoop-1.15.2.jar is not there"],
        ),
        step("livy/verify-1", "livy", "SparkPi through Livy", Change::Check, &[]),
    ];
    Plan {
        schema: PLAN_SCHEMA,
        hdfs: None,
        overlaid: vec![("livy".into(), "/etc/windlass/catalog".into())],
        skipped: vec![],
        steps,
    }
}

fn started() -> Event {
    Event::RunStarted {
        follows: None,
        schema: EVENT_SCHEMA,
        run: "20251121T100000Z-0a1b2c".into(),
        command: "install".into(),
        cluster: cluster(),
        steps: plan().steps.iter().map(Announced::from).collect(),
    }
}

fn start(id: &str) -> Event {
    Event::StepStarted { id: id.into(), attempt: 1 }
}

fn done(id: &str, seconds: f64, summary: Option<&str>) -> Event {
    Event::StepFinished { id: id.into(), seconds, summary: summary.map(Into::into), log: vec![] }
}

fn waiting(id: &str, what: &str) -> Event {
    Event::Waiting { id: id.into(), what: what.into() }
}

fn bytes(id: &str, done: u64) -> Event {
    Event::Bytes { id: id.into(), done: done << 20, total: 40 << 20 }
}

pub(in crate::render) fn finding() -> Finding {
    Finding {
        object: ObjectRef::namespaced("apps/v1", "StatefulSet", "apache-livy", "livy"),
        pod: Some("livy-0".into()),
        container: Some("livy".into()),
        reason: "ImagePullBackOff".into(),
        message: "Back-off pulling image \"10.97.0.2:5000/windlass/livy:nope\"".into(),
        event: Some("Failed: failed to pull and unpack image: 10.97.0.2:5000/windlass/livy:nope: not found".into()),
        log: vec![],
        fatal: true,
    }
}

/// An install in which things wait, are retried, fail and block.
pub(in crate::render) fn failing() -> Vec<Envelope> {
    let upload = "shared-libraries/after-1";
    envelopes(vec![
        (0, started()),
        (1, Event::StepSkipped { id: "namespace/hadoop".into(), why: Skip::Unchanged }),
        (2, Event::StepSkipped { id: "hdfs/release".into(), why: Skip::Unchanged }),
        (3, start("hdfs/ready")),
        (100, waiting("hdfs/ready", "pod hdfs-datanode-0: ContainerCreating")),
        (2_000, waiting("hdfs/ready", "pod hdfs-datanode-0: not ready: registering with the NameNode")),
        (12_500, waiting("hdfs/ready", "pod hdfs-datanode-0: not ready: block report")),
        (14_300, done("hdfs/ready", 14.297, Some("2 pods ready"))),
        (14_301, start("livy/before-1")),
        (14_302, start(upload)),
        (
            14_400,
            Event::StepRetried {
                id: "livy/before-1".into(),
                attempt: 1,
                after_seconds: 2,
                errors: vec![
                    "failed to set the mode 0777 of /shared/spark-logs: no route to my-hdfs-namenode-0".into(),
                    "the NameNode is in safe mode".into(),
                ],
            },
        ),
        (14_500, bytes(upload, 0)),
        (15_000, bytes(upload, 4)),
        (16_400, Event::StepStarted { id: "livy/before-1".into(), attempt: 2 }),
        (16_450, Event::Note { id: "livy/before-1".into(), text: "the NameNode left safe mode".into() }),
        (16_500, done("livy/before-1", 2.199, Some("0755 became 0777"))),
        (16_501, start("livy/release")),
        (17_000, bytes(upload, 11)),
        (19_000, bytes(upload, 19)),
        (20_000, done("livy/release", 3.499, Some("revision 2"))),
        (20_001, start("livy/ready")),
        (20_200, waiting("livy/ready", "pod livy-0: ErrImagePull: 10.97.0.2:5000/windlass/livy:nope: not found")),
        (24_500, bytes(upload, 40)),
        (24_600, waiting(upload, "checksums of 63 files")),
        (26_000, done(upload, 11.698, Some("63 files, 40.0 MiB sent"))),
        (
            36_000,
            Event::StepFailed {
                id: "livy/ready".into(),
                seconds: 15.999,
                errors: vec![
                    "release apache-livy/livy did not become ready".into(),
                    "pod livy-0 cannot start".into(),
                    "image not found".into(),
                ],
                findings: vec![
                    Finding {
                        object: ObjectRef::namespaced("v1", "PersistentVolumeClaim", "apache-livy", "state-livy-0"),
                        pod: None,
                        container: None,
                        reason: "Pending".into(),
                        message: "waiting for a volume".into(),
                        event: None,
                        log: vec![],
                        fatal: false,
                    },
                    finding(),
                    Finding {
                        pod: Some("livy-1".into()),
                        container: Some("check".into()),
                        reason: "CrashLoopBackOff".into(),
                        message: "exit code 1, 3 times\nlast after 2 s".into(),
                        event: None,
                        log: vec!["\u{1b}[31mERROR\u{1b}[0m no config".into(), "\tat a.B.c(B.java:1)".into()],
                        ..finding()
                    },
                ],
                log: (1..=23).map(|line| format!("log line {line}\r")).collect(),
            },
        ),
        (36_001, Event::StepBlocked { id: "livy/verify-1".into(), by: "livy/ready".into() }),
        (36_002, Event::RunFinished { outcome: Outcome::Failed, seconds: 36.002 }),
    ])
}

/// An install that the user stops.
pub(in crate::render) fn stopped() -> Vec<Envelope> {
    envelopes(vec![
        (0, started()),
        (3, start("hdfs/ready")),
        (4, done("hdfs/ready", 0.001, None)),
        (5, start("livy/before-1")),
        (6, start("shared-libraries/after-1")),
        (3_000, Event::Stopping),
        (3_100, done("livy/before-1", 3.095, None)),
        (3_200, Event::StepStopped { id: "shared-libraries/after-1".into(), begun: true }),
        (3_201, Event::StepStopped { id: "livy/release".into(), begun: false }),
        (3_202, Event::StepStopped { id: "livy/ready".into(), begun: false }),
        (3_203, Event::StepStopped { id: "livy/verify-1".into(), begun: false }),
        (3_300, Event::RunFinished { outcome: Outcome::Stopped, seconds: 3.3 }),
    ])
}

/// An install that goes well, one step of which does not apply.
pub(in crate::render) fn succeeding() -> Vec<Envelope> {
    let mut events = vec![(0, started())];
    for (index, step) in (1_i64..).zip(plan().steps) {
        let id = step.id;
        if step.change == Change::Nothing {
            events.push((index * 1000, Event::StepSkipped { id, why: Skip::Unchanged }));
        } else if id == "livy/verify-1" {
            let why = Skip::NotApplicable("sessions need Livy 0.9.0, this is 0.7.1".into());
            events.push((index * 1000, Event::StepStarted { id: id.clone(), attempt: 1 }));
            events.push((index * 1000 + 1, Event::StepSkipped { id, why }));
        } else {
            events.push((index * 1000, start(&id)));
            events.push((index * 1000 + 500, done(&id, 0.5, None)));
        }
    }
    events.push((125_000, Event::RunFinished { outcome: Outcome::Succeeded, seconds: 125.0 }));
    envelopes(events)
}

fn passed() -> Option<Verified> {
    Some(Verified { at: "2025-11-21T10:02:05Z".into(), passed: true, why: None })
}

fn failed() -> Option<Verified> {
    let why =
        Some("SparkPi through Livy: the driver failed: java.lang.IllegalStateException: thrown on purpose".into());
    Some(Verified { at: "2025-11-21T10:02:05Z".into(), passed: false, why })
}

pub(in crate::render) fn endpoints() -> Vec<Endpoint> {
    let livy = "http://livy.apache-livy.svc.cluster.local:8998";
    vec![
        Endpoint {
            title: "HDFS NameNode".into(),
            url: Some("http://hdfs-namenode.hadoop.svc.cluster.local:9870".into()),
            closed: Some("the cluster has no IngressClass haproxy; available: nginx".into()),
            ..Endpoint::default()
        },
        Endpoint {
            title: "Livy".into(),
            url: Some(livy.into()),
            ingress: Some("https://livy.example.org".into()),
            address: Some("192.0.2.7".into()),
            unresolved: Some("livy.example.org".into()),
            closed: None,
            login: Some(Login::new(Some("admin".into()), "apache-livy", "livy-login", "admin.password")),
        },
        Endpoint {
            title: "History".into(),
            ingress: Some("https://history.example.org/spark".into()),
            address: Some("192.0.2.7".into()),
            unresolved: Some("history.example.org".into()),
            ..Endpoint::default()
        },
    ]
}

pub(in crate::render) fn extras() -> SummaryExtras {
    let release = |title: &str, namespace: &str, name: &str| ReleaseRow {
        title: title.into(),
        release: ReleaseKey::new(namespace, name),
        revision: 1,
        healthy: true,
        verified: passed(),
    };
    SummaryExtras {
        releases: vec![
            release("HDFS", "hadoop", "hdfs"),
            release("Apache Livy", "apache-livy", "livy"),
            release("Spark History Server", "spark-history-server", "spark-history-server"),
        ],
        endpoints: endpoints(),
        answers_file: Some("/root/.local/state/windlass/runs/20251121T100000Z-0a1b2c/answers.yaml".into()),
        run_dir: Some("/root/.local/state/windlass/runs/20251121T100000Z-0a1b2c".into()),
        next_command: Some("windlass --sandbox status".into()),
    }
}

pub(in crate::render) fn report() -> StatusReport {
    let row = |id: &str, title: &str, version: &str, release: Option<ReleaseKey>, state| StatusRow {
        id: id.into(),
        title: title.into(),
        version: version.into(),
        runs: None,
        revision: release.as_ref().map(|_| 3),
        release,
        state,
        verified: None,
        warnings: Vec::new(),
        hdfs: None,
        open: None,
        drift: vec![],
        ignored: vec![],
        unread: Vec::new(),
        endpoints: vec![],
    };
    let key = |namespace: &str, name: &str| Some(ReleaseKey::new(namespace, name));
    let reasons = vec![finding().to_string()];
    StatusReport {
        schema: STATUS_SCHEMA,
        cluster: cluster(),
        components: vec![
            StatusRow {
                verified: passed(),
                endpoints: endpoints().into_iter().take(1).collect(),
                ..row("hdfs", "HDFS", "3.4.1", key("hadoop", "hdfs"), ComponentStatus::Healthy)
            },
            StatusRow {
                verified: failed(),
                open: None,
                drift: vec!["StatefulSet apache-livy/livy differs: spec.replicas is 2 instead of 1".into()],
                ignored: vec!["Deployment apache-livy/livy: spec.paused is true instead of false".into()],
                unread: Vec::new(),
                endpoints: endpoints().into_iter().skip(1).take(1).collect(),
                ..row("livy", "Apache Livy", "0.9.0", key("apache-livy", "livy"), ComponentStatus::NotReady(reasons))
            },
            StatusRow {
                revision: None,
                ..row(
                    "spark-history-server",
                    "Spark History Server",
                    "3.5.6",
                    key("spark", "history"),
                    ComponentStatus::Missing,
                )
            },
            row("shared-libraries", "Shared libraries", "1", None, ComponentStatus::Healthy),
            row("spark-operator", "Spark Operator", "2.0", key("spark", "operator"), ComponentStatus::Ready),
            row("airflow", "Apache Airflow", "3.0.0", key("airflow", "airflow"), ComponentStatus::NotInstalled),
        ],
        hosts: vec!["192.0.2.7 livy.example.org history.example.org".into()],
    }
}
